/*-------------------------------------------------------------------------
 *
 * scan_segments.c
 *	  Scans that all segments of Greenplum take part in: what of a topic each reads.
 *
 * A plan's fdw_private has as its second member what the topic holds, a Const whose bytes
 * are CdcKafkaRanges by partition.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/scan_segments.h"

#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"

#include "pg/base/compat_fdw.h"
#include "pg/options/kafka_options.h"
#include "pg/remote/kafka_ranges.h"

bool
cdc_kafka_scan_by_segments(Oid relid)
{
	ForeignTable *ft = GetForeignTable(relid);
	ForeignServer *server = GetForeignServer(ft->serverid);

	return CDC_SCANNED_BY_SEGMENTS(ft) &&
		strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, CDC_KAFKA_FDW) == 0;
}

void
cdc_kafka_scan_give_bounds(ForeignScan *plan, const CdcKafkaTopicBounds *bounds)
{
	Size		size = VARHDRSZ + sizeof(CdcKafkaRange) * bounds->n;
	struct varlena *bytes = palloc0(size);
	int			i;

	SET_VARSIZE(bytes, size);
	for (i = 0; i < bounds->n; i++)
	{
		CdcKafkaRange range = {bounds->bounds[i].partition, bounds->bounds[i].low,
		bounds->bounds[i].high};

		memcpy(VARDATA(bytes) + sizeof(range) * i, &range, sizeof(range));
	}
	plan->fdw_private = list_make2(linitial(plan->fdw_private),
								   makeConst(BYTEAOID, -1, InvalidOid, -1,
											 PointerGetDatum(bytes), false, false));
}

const CdcKafkaTopicBounds *
cdc_kafka_scan_given_bounds(const ForeignScan *plan, const CdcKafkaTable *table)
{
	CdcKafkaTopicBounds *result;
	struct varlena *bytes;
	int			n;
	int			i;

	if (list_length(plan->fdw_private) < 2)
		return NULL;
	bytes = (struct varlena *) DatumGetPointer(((Const *) lsecond(plan->fdw_private))->constvalue);
	n = (VARSIZE(bytes) - VARHDRSZ) / sizeof(CdcKafkaRange);
	result = palloc0(sizeof(CdcKafkaTopicBounds));
	result->bounds = palloc0(sizeof(CdcKafkaBounds) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		CdcKafkaBounds *bound = &result->bounds[result->n];
		CdcKafkaRange range;

		if (CDC_SEGMENT_NUMBER() >= 0 && i % CDC_SEGMENT_COUNT() != CDC_SEGMENT_NUMBER())
			continue;
		memcpy(&range, VARDATA(bytes) + sizeof(range) * i, sizeof(range));
		bound->topic = table->opt.topic;
		bound->partition = range.partition;
		bound->low = range.from;
		bound->high = range.to;
		result->n++;
	}
	return result;
}
