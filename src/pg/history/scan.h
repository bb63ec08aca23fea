/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Reading a subscription's history in seq order: the only reader.
 *
 *	  A scan hands one event after the other to a visitor, straight from the
 *	  executor's slot and without a conversion to text.  It holds one event in
 *	  memory, whatever the number of events that it covers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_SCAN_H
#define CDC_PG_HISTORY_SCAN_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "utils/jsonb.h"

/*
 * One row of history.  Texts are in the database's encoding, not terminated,
 * and NULL where the column is NULL.  All of it is valid during the visit.
 */
typedef struct CdcHistoryEvent
{
	int64		seq;
	char		op;				/* CdcOp */
	bool		commit;			/* the last event of its source transaction */
	TimestampTz source_ts;		/* commit time at the source; 0: NULL */
	const char *source_table;	/* "database.table" */
	size_t		source_table_len;
	const char *position;
	size_t		position_len;

	/* only of scans that ask for CDC_HISTORY_GTID */
	const char *gtid;
	size_t		gtid_len;

	/* only of scans that ask for CDC_HISTORY_DOCUMENT, and unless skipped */
	bool		skipped;		/* CdcHistoryScan.skip said so */
	const JsonbContainer *event;	/* NULL: no document, or it is in raw */
	const char *raw;			/* the original bytes, where JSONB cannot hold them */
	size_t		raw_len;
	const JsonbContainer *key;	/* of a message of Kafka */
} CdcHistoryEvent;

/* Columns that a scan reads beside those that all scans read. */
#define CDC_HISTORY_GTID		0x01
#define CDC_HISTORY_DOCUMENT	0x02	/* event, raw and key */

/*
 * Called for each event; false ends the scan.  The current memory context is
 * reset after each event; the resource owner is that of the scan's caller, so
 * that what the visitor opens outlives the scan.  SPI may be used.
 */
typedef bool (*CdcHistoryVisitor) (const CdcHistoryEvent *event, void *arg);

/* Whether the document of an event is not wanted, so that it need not be read. */
typedef bool (*CdcHistorySkip) (int64 seq, void *arg);

/* Whether the scan is to end its query for a while, behind the event that was visited last. */
typedef bool (*CdcHistoryPauseDue) (void *arg);

typedef struct CdcHistoryScan
{
	const CdcSubscription *sub; /* whose history */

	/* which events: all where the fields are 0, but for upto */
	int64		after;			/* those behind this seq */
	int64		upto;			/* up to and including this one; PG_INT64_MAX: all */
	const char *source_table;	/* of this source table only, or NULL */
	List	   *but_tables;		/* of all but these source tables (char *); or NIL */
	bool		newest_commit_first;	/* only last events of source transactions, backwards;
										 * not together with source_table or but_tables */
	int64		limit;			/* at most so many events; 0: no limit */
	bool		same_snapshot;	/* as the active snapshot sees them, rather than a new one */

	/* what is read of them */
	int			columns;		/* CDC_HISTORY_... */
	CdcHistorySkip skip;		/* or NULL: no event is skipped */

	/* what is done with them */
	CdcHistoryVisitor visit;

	/*
	 * Or NULL.  Asked behind each event whether pause() is to be called, which the scan
	 * does while it has no query open; it then goes on behind that event.
	 */
	CdcHistoryPauseDue pause_due;
	void		(*pause) (void *arg);
	void	   *arg;			/* for all of these */
} CdcHistoryScan;

/*
 * Runs a scan.  Raises what the visitor raises, and ERROR where the history
 * table is gone or lacks a column.
 */
extern void cdc_history_scan(const CdcHistoryScan *scan);

/*
 * The last boundary between source transactions, as the seq of the last event
 * before it, that is behind after and not behind upto; 0: there is none.
 */
extern int64 cdc_history_last_boundary(const CdcSubscription *sub, int64 after, int64 upto);

/* The first boundary at or above from; 0: there is none. */
extern int64 cdc_history_first_boundary(const CdcSubscription *sub, int64 from);

#endif							/* CDC_PG_HISTORY_SCAN_H */
