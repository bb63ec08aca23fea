/*-------------------------------------------------------------------------
 *
 * scan_state.h
 *	  A scan's state in the executor, which its files and EXPLAIN share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_SCAN_STATE_H
#define CDC_PG_FDW_SCAN_STATE_H

#include "pg/base/compat.h"
#include "pg/base/compat_executor.h"

#include "pg/topic/bounds.h"
#include "pg/topic/pushdown.h"
#include "pg/topic/row.h"
#include "pg/remote/kafka_ranges.h"

/* What of one partition is to be read. */
typedef struct CdcKafkaScanPartition
{
	int32		id;
	int64		low;
	int64		high;
	int			first_range;	/* its ranges, in the scan's array */
	int			nranges;
	uint64		planned;		/* offsets in them */
	uint64		messages;		/* that were given to the executor */
	uint64		bytes;			/* of their keys and values */
} CdcKafkaScanPartition;

/* What a scan did, for EXPLAIN ANALYZE; of all processes that took part. */
typedef struct CdcKafkaScanWork
{
	uint64		messages;		/* that the client gave us */
	uint64		bytes;
	uint64		polls;
	uint64		wait_us;
} CdcKafkaScanWork;

typedef struct CdcKafkaScanShared CdcKafkaScanShared;

/* A scan in the executor: ForeignScanState.fdw_state. */
typedef struct CdcKafkaScan
{
	/* from the plan */
	CdcKafkaTable *table;
	Oid			user;
	CdcKafkaPushdown *push;
	CdcKafkaRow *row;
	int			natts;
	CDC_QUAL_STATE *early;		/* conditions on the place alone; NULL: none */

	const CdcKafkaTopicBounds *given;	/* what of the topic it reads; NULL: as it finds it */

	/* from the first row on, also over rescans */
	CdcKafkaSource *source;		/* belongs to the current resource owner */
	CdcKafkaRanges *reader;
	int64		waited_before;	/* by the source when the scan got it */
	CdcKafkaScanWork work;		/* once the reader is closed */

	int			npartitions;	/* of the topic */
	CdcKafkaScanPartition *partitions;
	int			current;		/* partition of the last message */

	/* what is to be read, from the first row after a (re)scan on */
	bool		started;
	MemoryContext context;		/* of the ranges */
	int			nranges;
	CdcKafkaRange *ranges;
	bool		gaps;			/* the ranges have offsets that are not asked for */
	bool		check_early;	/* messages may come that early leaves out */

	/* parallel scans; NULL: none */
	CdcKafkaScanShared *shared;
	const CdcKafkaRange *pending;	/* taken, but its partition is being read */
	int			npieces;		/* of the leader: the ranges, cut up */
	CdcKafkaRange *pieces;
	CdcKafkaScanWork reported;	/* of this process, summed up already */
	CdcKafkaScanWork all_work;	/* of all processes, once they have ended */
	bool		have_all_work;
} CdcKafkaScan;

/* The source of the scan, opened at the first call. */
extern CdcKafkaSource *cdc_kafka_scan_source(CdcKafkaScan *scan);

/* What this process has done until now. */
extern CdcKafkaScanWork cdc_kafka_scan_work(const CdcKafkaScan *scan);

#endif							/* CDC_PG_FDW_SCAN_STATE_H */
