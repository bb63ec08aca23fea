/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Reading a subscription's history in seq order: the only reader.
 *
 * The plans are kept for each history table.  They have to follow the index on
 * seq whatever the planner believes about the size of the range: a sort would
 * read all of it before the first row, and hold it in memory.  Where queries are made for
 * short ranges of numbers they may sort them, which is the only way with tables whose
 * indexes cannot be read in order.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/scan.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/position.h"
#include "pg/catalog/spi.h"
#include "pg/history/table.h"

/*
 * Events that a scan asks the executor for at a time: not every server lets a
 * receiver end a query.
 */
#define FETCH_EVENTS	1024

/*
 * Numbers that one query reads where queries are not closed before their end: senders of
 * Greenplum's interconnect have waited for ever for a receiver that had gone.
 */
#define RANGE_NUMBERS	16384

typedef enum HistoryQuery
{
	QUERY_SCAN,
	QUERY_SCAN_TABLE,
	QUERY_SCAN_OTHERS,
	QUERY_SCAN_COMMITS,
	QUERY_LAST_BOUNDARY,
	QUERY_FIRST_BOUNDARY,
	QUERY_COUNT
} HistoryQuery;

/* The kept plans of one history table; NULL: not made yet. */
typedef struct HistoryPlans
{
	Oid			history;
	char	   *name;			/* that the plans have: it may be another table's by now */
	SPIPlanPtr	plans[QUERY_COUNT];
} HistoryPlans;

static List *kept_plans = NIL;	/* of HistoryPlans * */

static const struct
{
	const char *sql;
	int			nargs;
	Oid			argtypes[3];
}			queries[QUERY_COUNT] = {
	{"SELECT * FROM %s WHERE seq OPERATOR(pg_catalog.>) $1 AND seq OPERATOR(pg_catalog.<=) $2"
	" ORDER BY seq", 2, {INT8OID, INT8OID}},
	{"SELECT * FROM %s WHERE seq OPERATOR(pg_catalog.>) $1 AND seq OPERATOR(pg_catalog.<=) $2"
		" AND source_table OPERATOR(pg_catalog.=) $3 ORDER BY seq", 3,
	{INT8OID, INT8OID, TEXTOID}},
	{"SELECT * FROM %s WHERE seq OPERATOR(pg_catalog.>) $1 AND seq OPERATOR(pg_catalog.<=) $2"
		" AND (source_table IS NULL OR source_table OPERATOR(pg_catalog.<>) ALL ($3)) ORDER BY seq", 3,
	{INT8OID, INT8OID, TEXTARRAYOID}},
	{"SELECT * FROM %s WHERE \"commit\" AND seq OPERATOR(pg_catalog.>) $1"
	" AND seq OPERATOR(pg_catalog.<=) $2 ORDER BY seq DESC", 2, {INT8OID, INT8OID}},
	{"SELECT seq FROM %s WHERE \"commit\" AND seq OPERATOR(pg_catalog.>) $1"
		" AND seq OPERATOR(pg_catalog.<=) $2 ORDER BY seq DESC LIMIT 1", 2, {INT8OID, INT8OID}},
	{"SELECT seq FROM %s WHERE \"commit\" AND seq OPERATOR(pg_catalog.>) $1"
		" AND seq OPERATOR(pg_catalog.<=) $2 ORDER BY seq LIMIT 1", 2, {INT8OID, INT8OID}}
};

/* ------------------------------------------------------------------------
 * Plans
 * ------------------------------------------------------------------------
 */

/* Forgets the plans of a table that has another name now. */
static void
drop_plans(HistoryPlans *kept)
{
	int			i;

	for (i = 0; i < QUERY_COUNT; i++)
		if (kept->plans[i] != NULL)
			SPI_freeplan(kept->plans[i]);
	memset(kept->plans, 0, sizeof(kept->plans));
	pfree(kept->name);
	kept->name = NULL;
}

/* The kept plans of a history of that name. */
static HistoryPlans *
plans_of(Oid history, const char *name)
{
	HistoryPlans *kept = NULL;
	ListCell   *lc;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	foreach(lc, kept_plans)
		if (((HistoryPlans *) lfirst(lc))->history == history)
			kept = lfirst(lc);
	if (kept == NULL)
	{
		kept = palloc0(sizeof(HistoryPlans));
		kept->history = history;
		kept_plans = lappend(kept_plans, kept);
	}
	if (kept->name != NULL && strcmp(kept->name, name) != 0)
		drop_plans(kept);
	if (kept->name == NULL)
		kept->name = pstrdup(name);
	MemoryContextSwitchTo(old);
	return kept;
}

/*
 * The plan of a query on the subscription's history, made at its first use.  The
 * history is checked and locked, so that it keeps its name.
 */
static SPIPlanPtr
history_plan(const CdcSubscription *sub, HistoryQuery query)
{
	Relation	rel = cdc_history_table_open(sub, AccessShareLock);
	char	   *name = cdc_history_table_name(rel);
	HistoryPlans *kept = plans_of(sub->history, name);

	table_close(rel, NoLock);
	if (kept->plans[query] == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare_cursor(psprintf(queries[query].sql, name),
											  queries[query].nargs,
											  (Oid *) queries[query].argtypes,
											  CURSOR_OPT_GENERIC_PLAN | CURSOR_OPT_NO_SCROLL);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		kept->plans[query] = plan;
	}
	return kept->plans[query];
}

/* Options under which plans that read history in order follow the index on seq. */
static const CdcPlannerOption follow_index[] = {
	{"enable_seqscan", "off"},
#if !CDC_OPEN_QUERIES_ARE_DEAR
	{"enable_bitmapscan", "off"},
	{"enable_sort", "off"},
#endif
	{"optimizer", "off"},
	{"jit", "off"},
};

/* Runs a query about a range of numbers for one bigint; 0 when there is none. */
static int64
query_int64(const CdcSubscription *sub, HistoryQuery query, int64 after, int64 upto)
{
	Datum		values[2];
	int			level;
	int64		result = 0;
	int			rc;

	values[0] = Int64GetDatum(after);
	values[1] = Int64GetDatum(upto);
	cdc_spi_connect();
	level = cdc_planner_begin(follow_index, lengthof(follow_index));
	rc = SPI_execute_plan(history_plan(sub, query), values, NULL, false, 1);
	cdc_planner_end(level);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	if (SPI_processed > 0)
	{
		bool		isnull;

		result = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
											 &isnull));
	}
	cdc_spi_disconnect();
	return result;
}

#if CDC_OPEN_QUERIES_ARE_DEAR

/* Numbers that a search for a boundary begins with: mostly it is near. */
#define SEARCH_NUMBERS	64

/* How many numbers the next step of a search takes. */
static inline int64
next_search(int64 n)
{
	return Min(n * 8, RANGE_NUMBERS);
}

int64
cdc_history_last_boundary(const CdcSubscription *sub, int64 after, int64 upto)
{
	int64		n = SEARCH_NUMBERS;
	int64		found = 0;
	CdcPosition pos;

	cdc_position_get(sub, &pos);
	upto = Min(upto, pos.last_seq);
	while (found == 0 && after < upto)
	{
		int64		from = Max(after, upto - n);

		CHECK_FOR_INTERRUPTS();
		found = query_int64(sub, QUERY_LAST_BOUNDARY, from, upto);
		upto = from;
		n = next_search(n);
	}
	return found;
}

int64
cdc_history_first_boundary(const CdcSubscription *sub, int64 from)
{
	int64		after = Max(from, 1) - 1;
	int64		n = SEARCH_NUMBERS;
	int64		found = 0;
	CdcPosition pos;

	cdc_position_get(sub, &pos);
	while (found == 0 && after < pos.last_seq)
	{
		int64		upto = Min(pos.last_seq, after + n);

		CHECK_FOR_INTERRUPTS();
		found = query_int64(sub, QUERY_FIRST_BOUNDARY, after, upto);
		after = upto;
		n = next_search(n);
	}
	return found;
}

#else

int64
cdc_history_last_boundary(const CdcSubscription *sub, int64 after, int64 upto)
{
	return query_int64(sub, QUERY_LAST_BOUNDARY, after, upto);
}

int64
cdc_history_first_boundary(const CdcSubscription *sub, int64 from)
{
	return query_int64(sub, QUERY_FIRST_BOUNDARY, Max(from, 1) - 1, PG_INT64_MAX);
}

#endif							/* CDC_OPEN_QUERIES_ARE_DEAR */

/* ------------------------------------------------------------------------
 * The scan
 * ------------------------------------------------------------------------
 */

/* What hands the executor's rows to the scan's visitor. */
typedef struct HistoryReceiver
{
	DestReceiver pub;
	const CdcHistoryScan *scan;
	MemoryContext cxt;			/* of the event at hand; reset after it */
	ResourceOwner owner;		/* of the scan's caller */
	bool		stopped;		/* the visitor wants no more events, */
	bool		paused;			/* or none before scan->pause() */
	int64		visited;		/* events, of all queries */
	int64		last_seq;		/* of the last of them */
	bool		columns_found;	/* attnums are set */
	int			attnums[CDC_HISTORY_COLUMNS];	/* 0: the table has no such column */
} HistoryReceiver;

/* Called at each step of the scan; the first one finds the columns by their names. */
static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	HistoryReceiver *receiver = (HistoryReceiver *) self;
	int			c;
	int			i;

	if (receiver->columns_found)
		return;
	for (i = 0; i < desc->natts; i++)
	{
		c = cdc_history_column_by_name(NameStr(TupleDescAttr(desc, i)->attname));
		if (c == CDC_HISTORY_COLUMNS)
			continue;
		cdc_history_check_type(receiver->scan->sub, c, TupleDescAttr(desc, i));
		receiver->attnums[c] = i + 1;
	}
	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
	{
		/* histories made by earlier versions have no keys of messages */
		if (receiver->attnums[c] == 0 && c != CDC_HISTORY_COL_KEY)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("history table of subscription \"%s\" has no column \"%s\"",
							receiver->scan->sub->name, cdc_history_columns[c].name)));
	}
	receiver->columns_found = true;
}

/* A field of the row at hand. */
static inline Datum
field_datum(HistoryReceiver *receiver, TupleTableSlot *slot, CdcHistoryColumn column, bool *isnull)
{
	return slot_getattr(slot, receiver->attnums[column], isnull);
}

/* A text or bytea field where it is; detoasted into the event's context if need be. */
static const char *
field_bytes(HistoryReceiver *receiver, TupleTableSlot *slot, CdcHistoryColumn column, size_t *len)
{
	bool		isnull;
	Datum		d = field_datum(receiver, slot, column, &isnull);
	struct varlena *v;

	*len = 0;
	if (isnull)
		return NULL;
	v = PG_DETOAST_DATUM_PACKED(d);
	*len = VARSIZE_ANY_EXHDR(v);
	return VARDATA_ANY(v);
}

/* The document of an event: the original bytes go before what JSONB holds of them. */
static void
read_document(HistoryReceiver *receiver, TupleTableSlot *slot, CdcHistoryEvent *event)
{
	bool		isnull;
	Datum		d;

	event->raw = field_bytes(receiver, slot, CDC_HISTORY_COL_RAW, &event->raw_len);
	d = field_datum(receiver, slot, CDC_HISTORY_COL_EVENT, &isnull);
	if (!isnull && event->raw == NULL)
		event->event = &DatumGetJsonbP(d)->root;
	if (receiver->attnums[CDC_HISTORY_COL_KEY] == 0)
		return;
	d = field_datum(receiver, slot, CDC_HISTORY_COL_KEY, &isnull);
	if (!isnull)
		event->key = &DatumGetJsonbP(d)->root;
}

/* Reads what the scan wants of a row; the current context is the event's. */
static void
read_event(HistoryReceiver *receiver, TupleTableSlot *slot, CdcHistoryEvent *event)
{
	const CdcHistoryScan *scan = receiver->scan;
	bool		isnull;
	Datum		d;

	event->seq = DatumGetInt64(field_datum(receiver, slot, CDC_HISTORY_COL_SEQ, &isnull));
	event->op = DatumGetChar(field_datum(receiver, slot, CDC_HISTORY_COL_OP, &isnull));
	d = field_datum(receiver, slot, CDC_HISTORY_COL_COMMIT, &isnull);
	event->commit = !isnull && DatumGetBool(d);
	d = field_datum(receiver, slot, CDC_HISTORY_COL_SOURCE_TS, &isnull);
	event->source_ts = isnull ? 0 : DatumGetTimestampTz(d);
	event->source_table = field_bytes(receiver, slot, CDC_HISTORY_COL_SOURCE_TABLE,
									  &event->source_table_len);
	event->position = field_bytes(receiver, slot, CDC_HISTORY_COL_POSITION, &event->position_len);
	event->gtid = NULL;
	event->gtid_len = 0;
	if (scan->columns & CDC_HISTORY_GTID)
		event->gtid = field_bytes(receiver, slot, CDC_HISTORY_COL_GTID, &event->gtid_len);
	event->skipped = scan->skip != NULL && scan->skip(event->seq, scan->arg);
	event->event = NULL;
	event->raw = NULL;
	event->raw_len = 0;
	event->key = NULL;
	if ((scan->columns & CDC_HISTORY_DOCUMENT) && !event->skipped)
		read_document(receiver, slot, event);
}

/*
 * Hands a row to the visitor, under the resource owner of the scan's caller: what the
 * visitor opens would otherwise go with the portal.
 */
static CDC_RECEIVE_RESULT
receive_event(TupleTableSlot *slot, DestReceiver *self)
{
	HistoryReceiver *receiver = (HistoryReceiver *) self;
	MemoryContext old;
	ResourceOwner owner = CurrentResourceOwner;
	CdcHistoryEvent event;

	if (receiver->stopped || receiver->paused)
		CDC_RECEIVE_RETURN(false);
	old = MemoryContextSwitchTo(receiver->cxt);
	read_event(receiver, slot, &event);
	CurrentResourceOwner = receiver->owner;
	CDC_SPI_PUSH();
	receiver->visited++;
	receiver->last_seq = event.seq;
	receiver->stopped = !receiver->scan->visit(&event, receiver->scan->arg);
	CDC_SPI_POP();
	receiver->paused = !receiver->stopped && receiver->scan->pause_due != NULL &&
		receiver->scan->pause_due(receiver->scan->arg);
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->cxt);
	CDC_RECEIVE_RETURN(!receiver->stopped && !receiver->paused);
}

static void
receiver_nothing(DestReceiver *self)
{
}

/* Its memory context is the current one's child, to be deleted by the caller. */
static void
init_receiver(HistoryReceiver *receiver, const CdcHistoryScan *scan)
{
	memset(receiver, 0, sizeof(*receiver));
	receiver->pub.receiveSlot = receive_event;
	receiver->pub.rStartup = receiver_startup;
	receiver->pub.rShutdown = receiver_nothing;
	receiver->pub.rDestroy = receiver_nothing;
	receiver->pub.mydest = DestNone;
	receiver->scan = scan;
	receiver->owner = CurrentResourceOwner;
	receiver->cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest event",
										  ALLOCSET_DEFAULT_SIZES);
}

/* Events behind a seq, up to another one, as a cursor; SPI must be connected. */
static Portal
open_portal(const CdcHistoryScan *scan, int64 after, int64 upto)
{
	HistoryQuery query = scan->newest_commit_first ? QUERY_SCAN_COMMITS :
		scan->source_table != NULL ? QUERY_SCAN_TABLE :
		scan->but_tables != NIL ? QUERY_SCAN_OTHERS : QUERY_SCAN;
	Datum		values[3];
	Portal		portal;
	int			level;

	values[0] = Int64GetDatum(after);
	values[1] = Int64GetDatum(upto);
	values[2] = scan->source_table != NULL ? CStringGetTextDatum(scan->source_table) :
		scan->but_tables != NIL ? cdc_text_list_array(scan->but_tables) : (Datum) 0;
	level = cdc_planner_begin(follow_index, lengthof(follow_index));
	portal = SPI_cursor_open(NULL, history_plan(scan->sub, query), values, NULL,
							 scan->same_snapshot);
	cdc_planner_end(level);
	return portal;
}

static inline bool
wants_more(const HistoryReceiver *receiver)
{
	return !receiver->stopped && !receiver->paused &&
		(receiver->scan->limit <= 0 || receiver->visited < receiver->scan->limit);
}

#if CDC_OPEN_QUERIES_ARE_DEAR

/* Hands events to the receiver until it wants no more; the rest of the query is read, too. */
static void
run_range(HistoryReceiver *receiver, int64 after, int64 upto)
{
	Portal		portal;

	cdc_spi_connect();
	portal = open_portal(receiver->scan, after, upto);
	do
		CHECK_FOR_INTERRUPTS();
	while (PortalRunFetch(portal, FETCH_FORWARD, FETCH_EVENTS, (DestReceiver *) receiver) ==
		   FETCH_EVENTS);
	SPI_cursor_close(portal);
	cdc_spi_disconnect();
}

/* How many numbers may be read, without more events than the scan wants. */
static int64
range_numbers(const HistoryReceiver *receiver)
{
	return receiver->scan->limit <= 0 ? RANGE_NUMBERS :
		Min(RANGE_NUMBERS, receiver->scan->limit - receiver->visited);
}

/* Hands the events behind a seq to the receiver, up to a pause or the end of the scan. */
static void
run_query(HistoryReceiver *receiver, int64 after)
{
	const CdcHistoryScan *scan = receiver->scan;
	int64		upto = scan->upto;
	CdcPosition pos;

	if (upto - after > RANGE_NUMBERS)
	{
		cdc_position_get(scan->sub, &pos);
		upto = Min(upto, pos.last_seq);
	}
	while (after < upto && wants_more(receiver))
	{
		int64		n = Min(range_numbers(receiver), upto - after);

		if (scan->newest_commit_first)
		{
			run_range(receiver, upto - n, upto);
			upto -= n;
		}
		else
		{
			run_range(receiver, after, after + n);
			after += n;
		}
	}
}

#else

/* Hands the events behind a seq to the receiver, up to a pause or the end of the scan. */
static void
run_query(HistoryReceiver *receiver, int64 after)
{
	const CdcHistoryScan *scan = receiver->scan;
	int64		limit = scan->limit > 0 ? scan->limit : PG_INT64_MAX;
	Portal		portal;

	cdc_spi_connect();
	portal = open_portal(scan, after, scan->upto);
	while (wants_more(receiver))
	{
		int64		step = Min(limit - receiver->visited, FETCH_EVENTS);

		CHECK_FOR_INTERRUPTS();
		if ((int64) PortalRunFetch(portal, FETCH_FORWARD, (long) step,
								   (DestReceiver *) receiver) < step)
			break;
	}
	SPI_cursor_close(portal);
	cdc_spi_disconnect();
}

#endif							/* CDC_OPEN_QUERIES_ARE_DEAR */

void
cdc_history_scan(const CdcHistoryScan *scan)
{
	HistoryReceiver receiver;

	Assert(scan->pause_due == NULL || !scan->newest_commit_first);
	init_receiver(&receiver, scan);
	run_query(&receiver, scan->after);
	while (receiver.paused)
	{
		receiver.paused = false;
		scan->pause(scan->arg);
		run_query(&receiver, receiver.last_seq);
	}
	MemoryContextDelete(receiver.cxt);
}
