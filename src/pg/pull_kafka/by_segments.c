/*-------------------------------------------------------------------------
 *
 * by_segments.c
 *	  A backlog in Kafka that the segments of Greenplum read, each some partitions, and
 *	  write to the history: the master's part.
 *
 * A round is one INSERT ... SELECT, with the offsets that each segment reads fixed here.
 * The events of a partition get numbers from a place of their own on, one after the other;
 * numbers that are left before the next one's place become a gap of the history.  How far
 * segments came is in rows of the same INSERT, which are deleted again in the transaction:
 * what a segment tells is committed with what it wrote, or not at all.
 *
 * Segments cannot ask the database.  Where a message wants that, they stop before it, and
 * it is read here as ever; so is all where a message is not a transaction of its own, and
 * where there is little to read.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/stretch.h"

#if CDC_HAVE_DISTRIBUTION

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_fdw.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/tables.h"
#include "pg/history/gap.h"
#include "pg/history/partition.h"
#include "pg/history/table.h"

/* With less in all partitions, or in one, the master is as fast. */
#define LEAST_BACKLOG	8000
#define LEAST_STRETCH	500

/* Messages of one statement. */
#define ROUND_MESSAGES	1000000

/* So many messages are read where segments could not go on, before they try again. */
#define STOPPED_MESSAGES	1000

/* A round: what is read of which place. */
typedef struct Round
{
	CdcKafkaStretch *stretches;
	CdcKafkaReached *reached;
	CdcKafkaPlace **places;
	int			n;
	int64		report_seq;		/* of the row that tells of the first one */
} Round;

static bool
is_worthwhile(const CdcKafkaPlace *place)
{
	return place->read_offset >= 0 && !place->open && place->ours_until == CDC_OFFSET_UNKNOWN &&
		place->high - place->read_offset >= LEAST_STRETCH;
}

/* Messages that segments may read. */
static int64
backlog(const CdcKafkaStream *stream)
{
	int64		sum = 0;
	int			i;

	for (i = 0; i < stream->nplaces; i++)
		if (is_worthwhile(&stream->places[i]))
			sum += stream->places[i].high - stream->places[i].read_offset;
	return sum;
}

/* Whether the history is one that segments can write, and its owner take rows out of. */
static bool
can_write(const CdcSubscription *sub)
{
	Relation	rel = cdc_history_table_open(sub, RowExclusiveLock);
	bool		can = rel->trigdesc == NULL &&
		get_attnum(sub->history, cdc_history_columns[CDC_HISTORY_COL_KEY].name) != InvalidAttrNumber &&
		pg_class_aclcheck(sub->history, sub->owner_oid, ACL_DELETE) == ACLCHECK_OK &&
		pg_class_aclcheck(sub->history, sub->owner_oid, ACL_SELECT) == ACLCHECK_OK;

	table_close(rel, NoLock);
	return can;
}

/* Whether messages are read as they are: who decodes them may have to ask for their schemas. */
static bool
is_plain(const CdcSubscription *sub)
{
	const char *value_schema = sub->opt.payload.value_schema;
	const char *key_schema = sub->opt.payload.key_schema;

	return sub->opt.payload.value_format == CDC_PAYLOAD_PLAIN &&
		sub->opt.payload.key_format == CDC_PAYLOAD_PLAIN &&
		(value_schema == NULL || value_schema[0] == '\0') &&
		(key_schema == NULL || key_schema[0] == '\0');
}

/* ------------------------------------------------------------------------
 * The plan of a round
 * ------------------------------------------------------------------------
 */

/* Whether there is more in a partition that only our reader can take. */
static bool
others_wait(const CdcKafkaStream *stream)
{
	int			i;

	for (i = 0; i < stream->nplaces; i++)
		if (!is_worthwhile(&stream->places[i]) &&
			stream->places[i].read_offset < stream->places[i].high)
			return true;
	return false;
}

/*
 * How many messages a round may have.  A call that goes up to now and has a bound leaves
 * some to our reader: a large partition must not keep the others from being read for as
 * long as it is behind.
 */
static int64
room_of(const CdcKafkaCall *call)
{
	int64		left = call->bounds->max_events - call->events;

	if (call->bounds->max_events <= 0)
		return ROUND_MESSAGES;
	if (call->bounds->until_now && others_wait(call->stream))
		left /= 2;
	return Min(ROUND_MESSAGES, left);
}

/* Adds what is read of a place to the round, with numbers behind those before it. */
static void
add_stretch(Round *round, CdcKafkaPlace *place, int64 n)
{
	CdcKafkaStretch *s = &round->stretches[round->n];

	s->topic = place->topic;
	s->partition = place->partition;
	s->from = place->read_offset;
	s->to = place->read_offset + n;
	s->seq = round->report_seq;
	s->before = place->seen;
	if (s->before.offset < place->low || s->before.offset >= s->from)
		s->before.offset = CDC_OFFSET_UNKNOWN;
	round->report_seq += n;
	round->places[round->n++] = place;
}

/* Longest first, each to the segment that has the least so far. */
static void
deal(Round *round)
{
	int			nsegments = CDC_SEGMENT_COUNT();
	int64	   *load = palloc0(sizeof(int64) * nsegments);
	bool	   *dealt = palloc0(sizeof(bool) * round->n);
	int			i;
	int			k;

	for (k = 0; k < round->n; k++)
	{
		CdcKafkaStretch *longest = NULL;
		int			least = 0;

		for (i = 0; i < round->n; i++)
		{
			CdcKafkaStretch *s = &round->stretches[i];

			if (!dealt[i] && (longest == NULL || s->to - s->from > longest->to - longest->from))
				longest = s;
		}
		for (i = 1; i < nsegments; i++)
			if (load[i] < load[least])
				least = i;
		dealt[longest - round->stretches] = true;
		longest->segment = least;
		load[least] += longest->to - longest->from;
	}
	pfree(load);
	pfree(dealt);
}

/* What is read next; false: nothing that is worth a statement. */
static bool
plan_round(const CdcKafkaCall *call, Round *round)
{
	CdcKafkaStream *stream = call->stream;
	int64		room = room_of(call);
	int			left = 0;
	int			i;

	if (Min(room, backlog(stream)) < LEAST_BACKLOG)
		return false;
	memset(round, 0, sizeof(*round));
	round->stretches = palloc0(sizeof(CdcKafkaStretch) * stream->nplaces);
	round->reached = palloc0(sizeof(CdcKafkaReached) * stream->nplaces);
	round->places = palloc0(sizeof(CdcKafkaPlace *) * stream->nplaces);
	round->report_seq = call->pos.last_seq + 1;
	for (i = 0; i < stream->nplaces; i++)
		left += is_worthwhile(&stream->places[i]) ? 1 : 0;
	for (i = 0; i < stream->nplaces && room > 0; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];
		int64		n;

		if (!is_worthwhile(place))
			continue;
		/* what one has less than its part is there for those behind it */
		n = Min(place->high - place->read_offset, Max(room / left, 1));
		left--;
		room -= n;
		add_stretch(round, place, n);
	}
	deal(round);
	return true;
}

/* ------------------------------------------------------------------------
 * The statements
 * ------------------------------------------------------------------------
 */

static const CdcPlannerOption follow_index[] = {
	{"optimizer", "off"},
	{"enable_seqscan", "off"}
};

/* Tables whose messages want nothing of the database: they are registered, or were asked for. */
static Datum
known_tables(const CdcKafkaStream *stream)
{
	List	   *names = cdc_kafka_event_maker_known(stream->maker);
	List	   *tables = cdc_subscription_tables(stream->sub);
	ListCell   *lc;

	names = list_copy(names);
	foreach(lc, tables)
		names = lappend(names, ((const CdcSubscriptionTable *) lfirst(lc))->source_table);
	return cdc_text_list_array(names);
}

/* Bytes that each stretch may have; 0: any. */
static int64
bytes_of_stretch(const CdcKafkaCall *call, const Round *round)
{
	if (call->bounds->max_bytes <= 0)
		return 0;
	return Max((call->bounds->max_bytes - call->bytes) / round->n, 1);
}

/* Has the segments read and write; returns the number of rows that they wrote. */
static int64
write_rows(const CdcKafkaCall *call, const Round *round, const char *history)
{
	static Oid	types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, INT8OID, INT8OID, TIMESTAMPTZOID};
	const CdcSubscription *sub = call->sub;
	Datum		values[lengthof(types)];
	const char **topics = palloc(sizeof(char *) * round->n);
	int64		written;
	int			level;
	int			rc;
	int			i;

	for (i = 0; i < round->n; i++)
		topics[i] = round->stretches[i].topic;
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(sub->server);
	values[2] = CStringGetTextDatum(sub->format);
	values[3] = cdc_text_array((const char *const *) sub->tables, sub->ntables);
	values[4] = cdc_text_array((const char *const *) sub->exclude, sub->nexclude);
	values[5] = cdc_text_array((const char *const *) sub->added, sub->nadded);
	values[6] = known_tables(call->stream);
	values[7] = cdc_text_array(topics, round->n);
	values[8] = cdc_kafka_stretch_numbers(round->stretches, round->n);
	values[9] = Int64GetDatum(bytes_of_stretch(call, round));
	values[10] = Int64GetDatum(round->report_seq);
	values[11] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	cdc_spi_connect();
	level = cdc_planner_begin(follow_index, lengthof(follow_index));
	rc = SPI_execute_with_args(psprintf(
								   "INSERT INTO %s (ingested_at, seq, source_ts, source_table, op, position, gtid,"
								   " event, raw, \"commit\", key)"
								   " SELECT $12, (x.r).seq, (x.r).source_ts, (x.r).source_table, (x.r).op,"
								   " (x.r).position, (x.r).gtid, (x.r).event, (x.r).raw, true, (x.r).key"
								   " FROM (SELECT cdc.kafka_rows($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS r"
								   " FROM gp_dist_random('gp_id')) x", history),
							   lengthof(types), types, values, NULL, false, 0);
	cdc_planner_end(level);
	if (rc != SPI_OK_INSERT)
		elog(ERROR, "reading partitions by segments failed: %s", SPI_result_code_string(rc));
	written = (int64) SPI_processed;
	cdc_spi_disconnect();
	return written;
}

/* The rows by which segments say how far they came. */
#define REPORTS " WHERE h.seq OPERATOR(pg_catalog.>=) $1 AND h.seq OPERATOR(pg_catalog.<=) $2"

/* Takes what the segments say of their stretches out of the history. */
static void
take_reports(const CdcSubscription *sub, Round *round, const char *history)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {INT8OID, INT8OID};
	Datum		values[2];
	int			level;
	int			rc;
	uint64		i;

	values[0] = Int64GetDatum(round->report_seq);
	values[1] = Int64GetDatum(round->report_seq + round->n - 1);
	cdc_spi_connect();
	level = cdc_planner_begin(follow_index, lengthof(follow_index));
	rc = SPI_execute_with_args(psprintf("SELECT h.seq, h.position, h.source_table, h.gtid FROM %s h" REPORTS, history),
							   lengthof(types), types, values, NULL, false, 0);
	if (rc != SPI_OK_SELECT || SPI_processed != (uint64) round->n)
		elog(ERROR, "%s: of %d stretches " UINT64_FORMAT " were told of", sub->name, round->n,
			 (uint64) SPI_processed);
	for (i = 0; i < (uint64) round->n; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int64		seq = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
		CdcKafkaReached *reached = &round->reached[seq - round->report_seq];
		char	   *sample = SPI_getvalue(tuple, desc, 3);
		char	   *rows_of = SPI_getvalue(tuple, desc, 4);

		cdc_kafka_reached_read(SPI_getvalue(tuple, desc, 2), reached);
		reached->sample = sample != NULL ? MemoryContextStrdup(caller, sample) : NULL;
		reached->rows_of = rows_of != NULL ? MemoryContextStrdup(caller, rows_of) : NULL;
	}
	/* append-optimised tables do not tell what they delete */
	rc = SPI_execute_with_args(psprintf("DELETE FROM %s h" REPORTS, history),
							   lengthof(types), types, values, NULL, false, 0);
	cdc_planner_end(level);
	if (rc != SPI_OK_DELETE || SPI_processed != (uint64) round->n)
		elog(ERROR, "%s: " UINT64_FORMAT " of %d reports were taken out of the history", sub->name,
			 (uint64) SPI_processed, round->n);
	cdc_spi_disconnect();
}

/* ------------------------------------------------------------------------
 * What was reached
 * ------------------------------------------------------------------------
 */

/* A stretch's end becomes the position of its place. */
static void
take_position(CdcKafkaCall *call, CdcKafkaPlace *place, const CdcKafkaReached *reached)
{
	CdcKafkaStream *stream = call->stream;

	place->ours_until = reached->stopped ? reached->next + STOPPED_MESSAGES : CDC_OFFSET_UNKNOWN;
	place->read_offset = place->next_offset = reached->next;
	place->high = Max(place->high, place->next_offset);
	place->at_end = false;
	if (reached->last.offset != CDC_OFFSET_UNKNOWN)
	{
		place->before = place->seen;
		place->last = place->seen = reached->last;
		stream->last_ms = reached->last.ms;
	}
	place->messages += reached->messages;
	place->bytes += reached->bytes;
	place->taken += reached->taken;
	place->passed += reached->passed;
	if (place->sample == NULL && reached->sample != NULL)
		place->sample = MemoryContextStrdup(stream->context, reached->sample);
	if (reached->rows_of != NULL)
	{
		cdc_kafka_rows_of_add(&place->rows_of, cdc_to_utf8(reached->rows_of),
							  strcmp(reached->rows_of, CDC_ROWS_OF_SEVERAL) != 0);
		place->rows_of.gone = 0;
	}
	place->changed = true;
	stream->moved = true;
	call->events += reached->events;
	call->transactions += reached->events;
	call->messages += reached->messages;
	call->bytes += reached->bytes;
	if (reached->source_ts != 0)
		call->source_ts = reached->source_ts;
}

/* Moves all positions; numbers that were not used before a stretch with events are a gap. */
static void
take_positions(CdcKafkaCall *call, const Round *round)
{
	int			i;

	for (i = 0; i < round->n; i++)
	{
		const CdcKafkaStretch *s = &round->stretches[i];
		const CdcKafkaReached *reached = &round->reached[i];

		if (reached->next < s->from || reached->next > s->to || reached->events < 0 ||
			reached->events > reached->next - s->from)
			elog(ERROR, "a segment says that it has read %s/%d up to " INT64_FORMAT, s->topic,
				 s->partition, reached->next);
		if (reached->events > 0)
		{
			if (s->seq > call->pos.last_seq + 1)
				cdc_history_gap_note(call->sub, call->pos.last_seq + 1, s->seq - 1);
			call->pos.last_seq = s->seq + reached->events - 1;
		}
		take_position(call, round->places[i], reached);
	}
}

static void
run_round(CdcKafkaCall *call, Round *round)
{
	Relation	rel;
	Relation	part;
	char	   *history;
	int64		written;
	int64		events = 0;
	int			i;

	for (i = 0; i < round->n; i++)
	{
		CdcKafkaPlace *place = round->places[i];

		cdc_kafka_reader_unassign(call->stream->reader, place->topic, place->partition);
		place->elsewhere = true;
		place->verify = false;
	}
	cdc_history_partition_ensure(call->sub, GetCurrentTransactionStartTimestamp());
	rel = cdc_history_table_open(call->sub, RowExclusiveLock);
	part = cdc_history_insert_table(rel, GetCurrentTransactionStartTimestamp());
	history = cdc_history_table_name(part);
	cdc_append_optimized_expect(part);
	table_close(part, NoLock);
	table_close(rel, NoLock);
	if (call->first_event == 0)
		call->first_event = GetCurrentTimestamp();
	written = write_rows(call, round, history);
	take_reports(call->sub, round, history);
	for (i = 0; i < round->n; i++)
		events += round->reached[i].events;
	if (written != events + round->n)
		elog(ERROR, "%s: segments have written " INT64_FORMAT " rows of " INT64_FORMAT, call->sub->name,
			 written, events + round->n);
	take_positions(call, round);
}

/*
 * A worker that does not catch up asks anew how much there is, which it otherwise learns now
 * and then only.
 */
static void
look_ahead(CdcKafkaCall *call)
{
	CdcKafkaStream *stream = call->stream;
	CdcKafkaPlace **places;
	int			i;

	if (call->bounds->until_now || !stream->behind || backlog(stream) >= LEAST_BACKLOG)
		return;
	places = palloc(sizeof(CdcKafkaPlace *) * Max(stream->nplaces, 1));
	for (i = 0; i < stream->nplaces; i++)
		places[i] = &stream->places[i];
	cdc_kafka_group_answer(stream, true);
	cdc_kafka_ask_watermarks(stream->source, places, stream->nplaces);
	pfree(places);
}

void
cdc_kafka_read_by_segments(CdcKafkaCall *call)
{
	CdcKafkaStream *stream = call->stream;
	MemoryContext context;
	MemoryContext old;
	Round		round;
	int			i;

	call->ours = stream->by_segments && !call->bounds->until_now;
	stream->by_segments = false;
	for (i = 0; i < stream->nplaces; i++)
		if (stream->places[i].read_offset >= stream->places[i].ours_until)
			stream->places[i].ours_until = CDC_OFFSET_UNKNOWN;
	if (call->ours || !stream->by_message || stream->nopen > 0 || !is_plain(call->sub))
		return;
	look_ahead(call);
	if (backlog(stream) < LEAST_BACKLOG || !can_write(call->sub))
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest round",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	while (plan_round(call, &round))
	{
		CHECK_FOR_INTERRUPTS();
		run_round(call, &round);
		/* a call that is for what has arrived ends soon */
		stream->by_segments = !call->bounds->until_now;
		if (stream->by_segments)
			break;
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

bool
cdc_kafka_take_back(const CdcKafkaCall *call)
{
	CdcKafkaStream *stream = call->stream;
	int64		room = call->bounds->max_events;
	bool		left = false;
	bool		go_on;
	int			i;

	/*
	 * Nothing is left for longer than until segments could not read it either.  What they
	 * do go on with our reader need not fetch, and it keeps what it has fetched of others.
	 */
	go_on = (stream->by_segments || call->ours) && (room <= 0 || room >= LEAST_BACKLOG) &&
		backlog(stream) >= LEAST_BACKLOG;
	for (i = 0; i < stream->nplaces; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];

		if (!place->elsewhere)
			continue;
		if (go_on && is_worthwhile(place))
			left = true;
		else
			cdc_kafka_stream_prove(stream, place);
	}
	return left;
}

bool
cdc_kafka_left_to_segments(const CdcKafkaStream *stream)
{
	int			i;

	for (i = 0; i < stream->nplaces; i++)
		if (stream->places[i].ours_until != CDC_OFFSET_UNKNOWN &&
			stream->places[i].read_offset < stream->places[i].high)
			return true;
	return false;
}

#else

void
cdc_kafka_read_by_segments(CdcKafkaCall *call)
{
}

bool
cdc_kafka_take_back(const CdcKafkaCall *call)
{
	return false;
}

bool
cdc_kafka_left_to_segments(const CdcKafkaStream *stream)
{
	return false;
}

#endif							/* CDC_HAVE_DISTRIBUTION */
