/*-------------------------------------------------------------------------
 *
 * segment_rows.c
 *	  On a segment of Greenplum: its stretches of partitions as rows of the history.
 *
 * A stretch ends before a message that only the master can take, and before the first one
 * where what must lie before it does not.  Behind the rows of a topic comes one more for
 * each of its stretches, which says how far that came; the master takes it out again.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/stretch.h"

#if CDC_HAVE_DISTRIBUTION

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_fdw.h"
#include "pg/base/compat_value.h"
#include "pg/base/utf8.h"
#include "pg/remote/kafka_ranges.h"

/* The arguments of cdc.kafka_rows(), in its order. */
enum
{
	ARG_SUBSCRIPTION,
	ARG_SERVER,
	ARG_FORMAT,
	ARG_TABLES,
	ARG_EXCLUDE,
	ARG_ADDED,
	ARG_KNOWN,
	ARG_TOPICS,
	ARG_NUMBERS,
	ARG_MAX_BYTES,
	ARG_REPORT_SEQ,
	ARGS
};

/* The columns of cdc.kafka_row. */
enum
{
	COL_SEQ,
	COL_SOURCE_TS,
	COL_SOURCE_TABLE,
	COL_OP,
	COL_POSITION,
	COL_GTID,
	COL_EVENT,
	COL_RAW,
	COL_KEY,
	COLUMNS
};

/* A stretch that is being read. */
typedef struct Own
{
	CdcKafkaStretch stretch;
	int			number;			/* among all */
	CdcKafkaRange range;		/* the message before it, too */
	CdcKafkaReached reached;
	CdcKafkaRowsOf rows_of;
	bool		cut;			/* it has all the bytes that it may */
	bool		reported;
} Own;

/* What is kept from row to row. */
typedef struct Reading
{
	CdcSubscription sub;		/* what of it matters here */
	int64		max_bytes;		/* of a stretch; 0: any */
	int64		report_seq;
	TupleDesc	desc;
	CdcKafkaEventMaker *maker;
	MemoryContext context;
	MemoryContext row_context;	/* reset after each message */

	Own		   *own;			/* by topic */
	int			nown;
	int			first;			/* of the topic at hand ... */
	int			behind;			/* ... and behind its last */
	Own		   *last;			/* of the last message */
	CdcKafkaSource *source;
	CdcKafkaRanges *ranges;		/* of the topic at hand; NULL: it is read, or none is */
} Reading;

static char **
strings_argument(FunctionCallInfo fcinfo, int arg, int *n)
{
	Datum	   *elems;
	bool	   *nulls;
	char	  **result;
	int			i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, 'i', &elems, &nulls, n);
	result = palloc(sizeof(char *) * Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("an array must not contain null")));
		result[i] = TextDatumGetCString(elems[i]);
	}
	return result;
}

/* Those of the stretches that are for this segment; they are in the order of their topics. */
static void
find_own(Reading *reading, const CdcKafkaStretch *stretches, int n)
{
	int			i;

	reading->own = palloc0(sizeof(Own) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		Own		   *own = &reading->own[reading->nown];
		const CdcKafkaStretch *s = &stretches[i];

		if (s->segment != CDC_SEGMENT_NUMBER() || CDC_SEGMENT_NUMBER() < 0)
			continue;
		own->stretch = *s;
		own->number = i;
		own->range.partition = s->partition;
		own->range.from = s->before.offset >= 0 ? s->before.offset : s->from;
		own->range.to = s->to;
		own->reached.next = s->from;
		own->reached.last.offset = CDC_OFFSET_UNKNOWN;
		reading->nown++;
	}
}

static void
end_reading(Datum arg)
{
	Reading    *reading = (Reading *) DatumGetPointer(arg);

	cdc_kafka_ranges_close(reading->ranges);
	reading->ranges = NULL;
	cdc_kafka_source_close(reading->source);
	reading->source = NULL;
}

/* In a memory context that lives as long as the call. */
static Reading *
begin_reading(FunctionCallInfo fcinfo, MemoryContext context)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Reading    *reading = palloc0(sizeof(Reading));
	CdcSubscription *sub = &reading->sub;
	char	  **topics;
	char	  **known;
	int			ntopics;
	int			nknown;
	int			i;

	for (i = 0; i < ARGS; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("arguments of cdc.kafka_rows must not be null")));
	if (get_call_result_type(fcinfo, NULL, &reading->desc) != TYPEFUNC_COMPOSITE ||
		reading->desc->natts != COLUMNS)
		elog(ERROR, "cdc.kafka_rows returns another type than cdc.kafka_row");
	reading->desc = BlessTupleDesc(reading->desc);
	reading->context = context;
	reading->row_context = AllocSetContextCreate(context, "cdc_ingest message",
												 ALLOCSET_DEFAULT_SIZES);
	sub->name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_SUBSCRIPTION));
	sub->server = text_to_cstring(PG_GETARG_TEXT_PP(ARG_SERVER));
	sub->kind = CDC_SERVER_KAFKA;
	sub->format = text_to_cstring(PG_GETARG_TEXT_PP(ARG_FORMAT));
	sub->tables = strings_argument(fcinfo, ARG_TABLES, &sub->ntables);
	sub->exclude = strings_argument(fcinfo, ARG_EXCLUDE, &sub->nexclude);
	sub->added = strings_argument(fcinfo, ARG_ADDED, &sub->nadded);
	known = strings_argument(fcinfo, ARG_KNOWN, &nknown);
	topics = strings_argument(fcinfo, ARG_TOPICS, &ntopics);
	reading->max_bytes = PG_GETARG_INT64(ARG_MAX_BYTES);
	reading->report_seq = PG_GETARG_INT64(ARG_REPORT_SEQ);
	find_own(reading, cdc_kafka_stretches_read(PG_GETARG_DATUM(ARG_NUMBERS), topics, ntopics), ntopics);
	reading->maker = cdc_kafka_event_maker_create_apart(context, sub, known, nknown);
	/* at the end of a scan that wants no more rows, too */
	RegisterExprContextCallback(result->econtext, end_reading, PointerGetDatum(reading));
	return reading;
}

/* Begins with the next topic; false: there is none. */
static bool
next_topic(Reading *reading)
{
	MemoryContext old;
	int			i;

	reading->first = reading->behind;
	reading->last = NULL;
	if (reading->first == reading->nown)
		return false;
	while (reading->behind < reading->nown &&
		   strcmp(reading->own[reading->behind].stretch.topic,
				  reading->own[reading->first].stretch.topic) == 0)
		reading->behind++;
	old = MemoryContextSwitchTo(reading->context);
	if (reading->source == NULL)
		reading->source = cdc_kafka_source_open_named(reading->sub.server, GetUserId(),
													  CDC_KAFKA_CONSUMER, NIL, false);
	reading->ranges = cdc_kafka_ranges_open(reading->source,
											reading->own[reading->first].stretch.topic, false);
	for (i = reading->first; i < reading->behind; i++)
		if (!cdc_kafka_ranges_add(reading->ranges, &reading->own[i].range, 1))
			elog(ERROR, "partition %s/%d is to be read twice", reading->own[i].stretch.topic,
				 reading->own[i].stretch.partition);
	MemoryContextSwitchTo(old);
	return true;
}

static Own *
own_of(Reading *reading, const CdcKafkaMessage *msg)
{
	int			i;

	if (reading->last != NULL && reading->last->stretch.partition == msg->partition)
		return reading->last;
	for (i = reading->first; i < reading->behind; i++)
		if (reading->own[i].stretch.partition == msg->partition)
			return reading->last = &reading->own[i];
	elog(ERROR, "a message of no stretch");
	return NULL;				/* keep the compiler quiet */
}

/* Whether the message is the one that must lie before the stretch: what comes next is to be taken. */
static bool
proves(Own *own, const CdcKafkaMessage *msg)
{
	const CdcMessageMark *before = &own->stretch.before;

	return msg->offset == before->offset && msg->ts_ms == before->ms &&
		cdc_kafka_message_sum(msg) == before->sum;
}

static void
stop(Reading *reading, Own *own, const CdcKafkaMessage *msg)
{
	own->reached.stopped = true;
	own->reached.next = Max(msg->offset, own->stretch.from);
	cdc_kafka_ranges_give_up(reading->ranges, msg);
}

/* Counts a message that is taken. */
static void
count(Reading *reading, Own *own, const CdcKafkaMessage *msg, const CdcKafkaEvent *event)
{
	CdcKafkaReached *reached = &own->reached;
	const char *table = event->row.source_table;

	reached->messages++;
	reached->bytes += msg->key_len + msg->value_len;
	reached->next = msg->offset + 1;
	reached->last.offset = msg->offset;
	reached->last.ms = msg->ts_ms;
	reached->last.sum = cdc_kafka_message_sum(msg);
	if (table != NULL && event->wanted)
		reached->taken++;
	else if (table != NULL)
	{
		reached->passed++;
		if (reached->sample == NULL)
			reached->sample = MemoryContextStrdup(reading->context, table);
	}
	own->cut = reading->max_bytes > 0 && reached->bytes >= reading->max_bytes;
	if (own->cut)
		cdc_kafka_ranges_give_up(reading->ranges, msg);
}

static Datum
text_or_null(const char *s, bool *isnull)
{
	*isnull = s == NULL;
	return s != NULL ? CStringGetTextDatum(s) : (Datum) 0;
}

/* The row as a composite value, in the caller's context. */
static Datum
make_row(Reading *reading, const CdcHistoryRow *row, MemoryContext caller)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	MemoryContext old;
	HeapTuple	tuple;

	memset(nulls, false, sizeof(nulls));
	values[COL_SEQ] = Int64GetDatum(row->seq);
	values[COL_SOURCE_TS] = TimestampTzGetDatum(row->source_ts);
	nulls[COL_SOURCE_TS] = row->source_ts == 0;
	values[COL_SOURCE_TABLE] = text_or_null(row->source_table, &nulls[COL_SOURCE_TABLE]);
	values[COL_OP] = CharGetDatum(row->op);
	values[COL_POSITION] = text_or_null(row->position, &nulls[COL_POSITION]);
	values[COL_GTID] = text_or_null(row->gtid, &nulls[COL_GTID]);
	values[COL_EVENT] = PointerGetDatum(row->event);
	nulls[COL_EVENT] = row->event == NULL;
	nulls[COL_RAW] = row->raw == NULL;
	values[COL_RAW] = row->raw != NULL ? cdc_history_raw(row) : (Datum) 0;
	values[COL_KEY] = PointerGetDatum(row->key);
	nulls[COL_KEY] = row->key == NULL;
	old = MemoryContextSwitchTo(caller);
	tuple = heap_form_tuple(reading->desc, values, nulls);
	MemoryContextSwitchTo(old);
	return HeapTupleGetDatum(tuple);
}

/* The row of a message; false: it has none. */
static bool
take_message(Reading *reading, const CdcKafkaMessage *msg, MemoryContext caller, Datum *result)
{
	Own		   *own = own_of(reading, msg);
	CdcKafkaEvent event;

	own->rows_of.in_part = true;
	if (msg->offset < own->stretch.from)
	{
		/* compaction may have taken it away, as long as nothing else is in its place */
		if (!proves(own, msg))
			stop(reading, own, msg);
		return false;
	}
	cdc_kafka_event_make(reading->maker, msg, &own->rows_of, &event);
	if (event.poison || event.beyond || event.unread)
	{
		stop(reading, own, msg);
		return false;
	}
	count(reading, own, msg, &event);
	if (!event.wanted)
		return false;
	event.row.seq = own->stretch.seq + own->reached.events++;
	if (event.row.source_ts != 0)
		own->reached.source_ts = event.row.source_ts;
	*result = make_row(reading, &event.row, caller);
	return true;
}

/* The next row of the topic at hand; false: it has been read. */
static bool
next_event(Reading *reading, MemoryContext caller, Datum *result)
{
	MemoryContext old = MemoryContextSwitchTo(reading->row_context);
	CdcKafkaMessage msg;
	bool		found = false;
	int			i;

	while (!found && reading->ranges != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(reading->row_context);
		cdc_kafka_event_maker_trim(reading->maker);
		if (cdc_kafka_ranges_next(reading->ranges, &msg))
		{
			found = take_message(reading, &msg, caller, result);
			continue;
		}
		cdc_kafka_ranges_close(reading->ranges);
		reading->ranges = NULL;
		for (i = reading->first; i < reading->behind; i++)
			if (!reading->own[i].reached.stopped && !reading->own[i].cut)
				reading->own[i].reached.next = reading->own[i].stretch.to;
	}
	MemoryContextSwitchTo(old);
	return found;
}

/* The next row that says how far a stretch of the topic at hand came; false: all have said it. */
static bool
next_report(Reading *reading, MemoryContext caller, Datum *result)
{
	int			i;

	for (i = reading->first; i < reading->behind; i++)
	{
		Own		   *own = &reading->own[i];
		CdcHistoryRow row;

		if (own->reported)
			continue;
		own->reported = true;
		memset(&row, 0, sizeof(row));
		row.seq = reading->report_seq + own->number;
		row.op = (char) CDC_OP_CONTROL;
		row.position = cdc_kafka_reached_text(&own->reached);
		row.source_table = own->reached.sample;
		if (own->rows_of.table[0] != '\0')
			row.gtid = cdc_from_utf8_copy(own->rows_of.table);
		*result = make_row(reading, &row, caller);
		return true;
	}
	return false;
}

PG_FUNCTION_INFO_V1(cdc_kafka_rows);

/* cdc.kafka_rows(...) returns setof cdc.kafka_row: see the head of the file. */
Datum
cdc_kafka_rows(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	Reading    *reading;
	Datum		result = (Datum) 0;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = begin_reading(fcinfo, call->multi_call_memory_ctx);
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	reading = call->user_fctx;
	do
	{
		if (next_event(reading, CurrentMemoryContext, &result) ||
			next_report(reading, CurrentMemoryContext, &result))
			SRF_RETURN_NEXT(call, result);
	} while (next_topic(reading));
	UnregisterExprContextCallback(((ReturnSetInfo *) fcinfo->resultinfo)->econtext, end_reading,
								  PointerGetDatum(reading));
	end_reading(PointerGetDatum(reading));
	SRF_RETURN_DONE(call);
}

#endif							/* CDC_HAVE_DISTRIBUTION */
