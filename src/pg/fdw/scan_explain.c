/*-------------------------------------------------------------------------
 *
 * scan_explain.c
 *	  What EXPLAIN shows of a scan of a Kafka topic: conditions that bound what
 *	  is read, the bounds, and what was done.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/scan_explain.h"

#include "commands/explain.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/fdw/scan_ranges.h"

/* Stretches of a partition that are shown. */
#define MAX_LISTED	3

/* Conditions as a person would write them, as for other nodes' filters. */
static void
show_conditions(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	StringInfoData buf;
	List	   *context;
	ListCell   *lc;

	if (plan->fdw_exprs == NIL)
		return;
	context = CDC_DEPARSE_CONTEXT(es, &node->ss.ps, NIL);
	initStringInfo(&buf);
	foreach(lc, plan->fdw_exprs)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? " AND " : "",
						 deparse_expression(lfirst(lc), context, es->verbose, false));
	ExplainPropertyText("Kafka Conditions", buf.data, es);
}

/* "0..99, 500..599 and 3 more stretches"; empty when nothing is read. */
static char *
ranges_text(const CdcKafkaScan *scan, const CdcKafkaScanPartition *p)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < p->nranges; i++)
	{
		const CdcKafkaRange *range = &scan->ranges[p->first_range + i];

		if (i == MAX_LISTED)
		{
			appendStringInfo(&buf, " and %d more stretches", p->nranges - i);
			break;
		}
		appendStringInfo(&buf, "%s" INT64_FORMAT ".." INT64_FORMAT, i > 0 ? ", " : "",
						 range->from, range->to - 1);
	}
	return buf.data;
}

static void
show_partition(const CdcKafkaScan *scan, const CdcKafkaScanPartition *p, ExplainState *es)
{
	StringInfoData buf;

	if (es->format != EXPLAIN_FORMAT_TEXT)
	{
		ExplainOpenGroup("Kafka Partition", NULL, true, es);
		CDC_EXPLAIN_NUMBER("Partition", NULL, p->id, es);
		CDC_EXPLAIN_NUMBER("Low", NULL, p->low, es);
		CDC_EXPLAIN_NUMBER("High", NULL, p->high, es);
		ExplainPropertyText("Offsets", ranges_text(scan, p), es);
		if (es->analyze)
		{
			CDC_EXPLAIN_NUMBER("Messages", NULL, p->messages, es);
			CDC_EXPLAIN_NUMBER("Bytes", NULL, p->bytes, es);
		}
		ExplainCloseGroup("Kafka Partition", NULL, true, es);
		return;
	}
	initStringInfo(&buf);
	appendStringInfo(&buf, "offsets %s of " INT64_FORMAT ".." INT64_FORMAT, ranges_text(scan, p),
					 p->low, p->high - 1);
	if (es->analyze)
		appendStringInfo(&buf, ", messages=" UINT64_FORMAT " bytes=" UINT64_FORMAT, p->messages,
						 p->bytes);
	ExplainPropertyText(psprintf("Kafka Partition %d", p->id), buf.data, es);
}

/* What is read: in short, and with VERBOSE a line a partition. */
static void
show_bounds(const CdcKafkaScan *scan, ExplainState *es)
{
	uint64		offsets = 0;
	int			nread = 0;
	int			i;

	for (i = 0; i < scan->npartitions; i++)
	{
		offsets += scan->partitions[i].planned;
		nread += scan->partitions[i].nranges > 0;
	}
	if (es->format == EXPLAIN_FORMAT_TEXT)
		ExplainPropertyText("Kafka Bounds",
							psprintf("%d of %d partitions, " UINT64_FORMAT " offsets", nread,
									 scan->npartitions, offsets), es);
	else
	{
		CDC_EXPLAIN_NUMBER("Kafka Partitions Read", NULL, nread, es);
		CDC_EXPLAIN_NUMBER("Kafka Partitions", NULL, scan->npartitions, es);
		CDC_EXPLAIN_NUMBER("Kafka Offsets", NULL, offsets, es);
	}
	if (!es->verbose)
		return;
	ExplainOpenGroup("Kafka Partition Bounds", "Kafka Partition Bounds", false, es);
	for (i = 0; i < scan->npartitions; i++)
	{
		if (scan->partitions[i].nranges > 0)
			show_partition(scan, &scan->partitions[i], es);
	}
	ExplainCloseGroup("Kafka Partition Bounds", "Kafka Partition Bounds", false, es);
}

static void
show_work(const CdcKafkaScan *scan, ExplainState *es)
{
	CdcKafkaScanWork work = scan->have_all_work ? scan->all_work : cdc_kafka_scan_work(scan);

	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		StringInfoData buf;

		initStringInfo(&buf);
		appendStringInfo(&buf, "messages=" UINT64_FORMAT " bytes=" UINT64_FORMAT " polls="
						 UINT64_FORMAT, work.messages, work.bytes, work.polls);
		if (es->timing)
			appendStringInfo(&buf, " wait=%.3f ms", work.wait_us / 1000.0);
		ExplainPropertyText("Kafka Reading", buf.data, es);
		return;
	}
	CDC_EXPLAIN_NUMBER("Kafka Messages", NULL, work.messages, es);
	CDC_EXPLAIN_NUMBER("Kafka Bytes", NULL, work.bytes, es);
	CDC_EXPLAIN_NUMBER("Kafka Polls", NULL, work.polls, es);
	if (es->timing)
		CDC_EXPLAIN_FLOAT("Kafka Wait Time", "ms", work.wait_us / 1000.0, 3, es);
}

void
cdc_kafka_scan_explain(ForeignScanState *node, ExplainState *es)
{
	CdcKafkaScan *scan = node->fdw_state;

	ExplainPropertyText("Kafka Topic", cdc_from_utf8_lenient(scan->table->opt.topic), es);
	show_conditions(node, es);
	if (!es->analyze)
	{
		/* what planning has just been told; shown where costs are */
		const CdcKafkaTopicBounds *bounds = es->costs ?
			cdc_kafka_bounds_estimate(scan->table, scan->user) : NULL;

		if (bounds == NULL)
			return;
		cdc_kafka_pushdown_evaluate(scan->push, node->ss.ps.ps_ExprContext, false);
		cdc_kafka_scan_guess_ranges(scan, bounds);
	}
	/* a part of the plan that was never run has none */
	if (scan->partitions == NULL)
		return;
	show_bounds(scan, es);
	if (es->analyze)
		show_work(scan, es);
}
