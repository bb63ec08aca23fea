/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Reading history in seq order: one pass, a row at a time, straight from
 *	  the executor's slot.
 *
 * The plans are kept per history table.  They have to follow the index on seq
 * whatever the planner believes about the size of the range: a sort would read
 * all of it before the first row and hold it in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/history/append.h"

/* Events that a look ahead asks for at a time. */
#define PEEK_STEP	1024

typedef enum HistoryQuery
{
	QUERY_SCAN,
	QUERY_SCAN_TABLE,
	QUERY_LAST_BOUNDARY,
	QUERY_FIRST_BOUNDARY,
	QUERY_COUNT
} HistoryQuery;

typedef struct HistoryPlans
{
	Oid			history;
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
	{"SELECT seq FROM %s WHERE \"commit\" AND seq OPERATOR(pg_catalog.>) $1"
		" AND seq OPERATOR(pg_catalog.>=) $2 ORDER BY seq DESC LIMIT 1", 2, {INT8OID, INT8OID}},
	{"SELECT seq FROM %s WHERE \"commit\" AND seq OPERATOR(pg_catalog.>=) $1"
	" ORDER BY seq LIMIT 1", 1, {INT8OID}}
};

/* ------------------------------------------------------------------------
 * Plans
 * ------------------------------------------------------------------------
 */

static SPIPlanPtr
history_plan(const CdcSubscription *sub, HistoryQuery query)
{
	HistoryPlans *kept = NULL;
	ListCell   *lc;

	foreach(lc, kept_plans)
		if (((HistoryPlans *) lfirst(lc))->history == sub->history)
			kept = lfirst(lc);
	if (kept == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		kept = palloc0(sizeof(HistoryPlans));
		kept->history = sub->history;
		kept_plans = lappend(kept_plans, kept);
		MemoryContextSwitchTo(old);
	}
	if (kept->plans[query] == NULL)
	{
		char	   *name = get_rel_name(sub->history);
		char	   *sql;
		SPIPlanPtr	plan;

		if (name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("history table of subscription \"%s\" does not exist", sub->name)));
		sql = psprintf(queries[query].sql,
					   quote_qualified_identifier(get_namespace_name(get_rel_namespace(sub->history)),
												  name));
		plan = SPI_prepare_cursor(sql, queries[query].nargs, (Oid *) queries[query].argtypes,
								  CURSOR_OPT_GENERIC_PLAN | CURSOR_OPT_NO_SCROLL);
		if (plan == NULL)
			elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		kept->plans[query] = plan;
	}
	return kept->plans[query];
}

int
cdc_history_follow_index(void)
{
	int			level = NewGUCNestLevel();

#if !CDC_GREENPLUM
	static const char *const settings[] = {
		"enable_seqscan", "enable_bitmapscan", "enable_sort", "jit"
	};
	size_t		i;

	for (i = 0; i < lengthof(settings); i++)
		CDC_SET_OPTION(settings[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE);
#endif
	return level;
}

/* Runs a query for one bigint; 0 when there is none. */
static int64
query_int64(const CdcSubscription *sub, HistoryQuery query, Datum *values)
{
	int			level;
	int64		result = 0;
	int			rc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	level = cdc_history_follow_index();
	rc = SPI_execute_plan(history_plan(sub, query), values, NULL, false, 1);
	AtEOXact_GUC(true, level);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	if (SPI_processed > 0)
	{
		bool		isnull;

		result = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
											 &isnull));
	}
	SPI_finish();
	return result;
}

int64
cdc_history_last_boundary(const CdcSubscription *sub, int64 after, int64 barrier)
{
	Datum		values[2];

	values[0] = Int64GetDatum(after);
	values[1] = Int64GetDatum(barrier);
	return query_int64(sub, QUERY_LAST_BOUNDARY, values);
}

int64
cdc_history_first_boundary(const CdcSubscription *sub, int64 from)
{
	Datum		values[1];

	values[0] = Int64GetDatum(from);
	return query_int64(sub, QUERY_FIRST_BOUNDARY, values);
}

/* ------------------------------------------------------------------------
 * The scan
 * ------------------------------------------------------------------------
 */

typedef enum HistoryColumn
{
	COLUMN_SEQ,
	COLUMN_SOURCE_TS,
	COLUMN_SOURCE_TABLE,
	COLUMN_OP,
	COLUMN_POSITION,
	COLUMN_GTID,
	COLUMN_EVENT,
	COLUMN_RAW,
	COLUMN_COMMIT,
	COLUMN_KEY,
	COLUMN_COUNT
} HistoryColumn;

static const char *const column_names[COLUMN_COUNT] = {
	"seq", "source_ts", "source_table", "op", "position", "gtid", "event", "raw", "commit",
	"key"
};

typedef struct HistoryReceiver
{
	DestReceiver pub;
	CdcApply   *apply;
	int64		upto;
	CdcHistoryVisitor visit;
	void	   *arg;
	MemoryContext cxt;			/* reset after each event */
	bool		stopped;
	int			attnums[COLUMN_COUNT];
} HistoryReceiver;

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	HistoryReceiver *receiver = (HistoryReceiver *) self;
	int			c;
	int			i;

	for (c = 0; c < COLUMN_COUNT; c++)
	{
		receiver->attnums[c] = 0;
		for (i = 0; i < desc->natts; i++)
			if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), column_names[c]) == 0)
				receiver->attnums[c] = i + 1;
		/* histories made by earlier versions have no keys of messages */
		if (receiver->attnums[c] == 0 && c != COLUMN_KEY)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("history table of subscription \"%s\" has no column \"%s\"",
							receiver->apply->sub->name, column_names[c])));
	}
}

static inline Datum
field(HistoryReceiver *receiver, TupleTableSlot *slot, HistoryColumn column, bool *isnull)
{
	return slot_getattr(slot, receiver->attnums[column], isnull);
}

/* A text or bytea field in place; detoasted into the row's context if need be. */
static const char *
bytes_field(HistoryReceiver *receiver, TupleTableSlot *slot, HistoryColumn column, size_t *len)
{
	bool		isnull;
	Datum		d = field(receiver, slot, column, &isnull);
	struct varlena *v;

	*len = 0;
	if (isnull)
		return NULL;
	v = PG_DETOAST_DATUM_PACKED(d);
	*len = VARSIZE_ANY_EXHDR(v);
	return VARDATA_ANY(v);
}

/* What progress says once the last event of the range is applied. */
static void
note_progress(HistoryReceiver *receiver, TupleTableSlot *slot, const CdcHistoryEvent *event)
{
	CdcApply   *apply = receiver->apply;
	MemoryContext old = MemoryContextSwitchTo(apply->cxt);
	const char *gtid;
	size_t		len;

	apply->progress.applied_seq = event->seq;
	apply->progress.position = event->position ? pnstrdup(event->position, event->position_len) : NULL;
	apply->progress.source_ts = event->source_ts;
	gtid = bytes_field(receiver, slot, COLUMN_GTID, &len);
	apply->progress.gtid = gtid ? pnstrdup(gtid, len) : NULL;
	MemoryContextSwitchTo(old);
}

static CDC_RECEIVE_RESULT
receive_event(TupleTableSlot *slot, DestReceiver *self)
{
	HistoryReceiver *receiver = (HistoryReceiver *) self;
	CdcApply   *apply = receiver->apply;
	MemoryContext old;
	ResourceOwner owner = CurrentResourceOwner;
	CdcHistoryEvent event;
	bool		isnull;
	Datum		d;

	if (receiver->stopped)
		CDC_RECEIVE_RETURN(false);
	old = MemoryContextSwitchTo(receiver->cxt);
	event.seq = DatumGetInt64(field(receiver, slot, COLUMN_SEQ, &isnull));
	event.op = DatumGetChar(field(receiver, slot, COLUMN_OP, &isnull));
	d = field(receiver, slot, COLUMN_COMMIT, &isnull);
	event.commit = !isnull && DatumGetBool(d);
	d = field(receiver, slot, COLUMN_SOURCE_TS, &isnull);
	event.source_ts = isnull ? 0 : DatumGetTimestampTz(d);
	event.source_table = bytes_field(receiver, slot, COLUMN_SOURCE_TABLE,
									 &event.source_table_len);
	event.position = bytes_field(receiver, slot, COLUMN_POSITION, &event.position_len);
	event.superseded = cdc_lookahead_superseded(apply, event.seq);
	event.raw = NULL;
	event.event = NULL;
	event.key = NULL;
	if (!event.superseded)
	{
		event.raw = bytes_field(receiver, slot, COLUMN_RAW, &event.raw_len);
		d = field(receiver, slot, COLUMN_EVENT, &isnull);
		if (!isnull && event.raw == NULL)
			event.event = &DatumGetJsonbP(d)->root;
		if (receiver->attnums[COLUMN_KEY] != 0)
		{
			d = field(receiver, slot, COLUMN_KEY, &isnull);
			if (!isnull)
				event.key = &DatumGetJsonbP(d)->root;
		}
	}
	if (event.seq == receiver->upto && receiver->cxt == apply->row_cxt)
		note_progress(receiver, slot, &event);

	/* what is opened for the targets outlives the portal */
	CurrentResourceOwner = apply->owner;
	CDC_SPI_PUSH();
	receiver->stopped = !receiver->visit(apply, &event, receiver->arg);
	CDC_SPI_POP();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->cxt);
	CDC_RECEIVE_RETURN(!receiver->stopped);
}

static void
receiver_nothing(DestReceiver *self)
{
}

/* Sets up a receiver that hands events to visit, with cxt for what one takes. */
static void
init_receiver(HistoryReceiver *receiver, CdcApply *apply, int64 upto, MemoryContext cxt,
			  CdcHistoryVisitor visit, void *arg)
{
	memset(receiver, 0, sizeof(*receiver));
	receiver->pub.receiveSlot = receive_event;
	receiver->pub.rStartup = receiver_startup;
	receiver->pub.rShutdown = receiver_nothing;
	receiver->pub.rDestroy = receiver_nothing;
	receiver->pub.mydest = DestNone;
	receiver->apply = apply;
	receiver->upto = upto;
	receiver->cxt = cxt;
	receiver->visit = visit;
	receiver->arg = arg;
}

/* SPI must be connected; same_snapshot: the one that is active. */
static Portal
open_history(CdcApply *apply, int64 after, int64 upto, bool same_snapshot)
{
	const char *source_table = apply->scan_table;
	HistoryQuery query = source_table ? QUERY_SCAN_TABLE : QUERY_SCAN;
	Datum		values[3];
	Portal		portal;
	int			level;

	values[0] = Int64GetDatum(after);
	values[1] = Int64GetDatum(upto);
	values[2] = source_table ? CStringGetTextDatum(source_table) : (Datum) 0;
	level = cdc_history_follow_index();
	portal = SPI_cursor_open(NULL, history_plan(apply->sub, query), values, NULL, same_snapshot);
	AtEOXact_GUC(true, level);
	return portal;
}

void
cdc_history_scan(CdcApply *apply, int64 after, int64 upto, const char *source_table)
{
	HistoryReceiver receiver;
	Portal		portal;

	apply->scan_upto = upto;
	apply->scan_table = source_table;
	init_receiver(&receiver, apply, upto, apply->row_cxt, cdc_apply_event, NULL);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	portal = open_history(apply, after, upto, false);
	(void) PortalRunFetch(portal, FETCH_FORWARD, FETCH_ALL, (DestReceiver *) &receiver);
	SPI_cursor_close(portal);
	SPI_finish();
}

void
cdc_history_peek(CdcApply *apply, int64 after, int64 limit, CdcHistoryVisitor visit, void *arg)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest peek",
											  ALLOCSET_DEFAULT_SIZES);
	HistoryReceiver receiver;
	Portal		portal;

	init_receiver(&receiver, apply, apply->scan_upto, cxt, visit, arg);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	portal = open_history(apply, after, apply->scan_upto, true);

	/* in steps, as not every server lets a receiver end the query */
	while (limit > 0 && !receiver.stopped)
	{
		int64		step = Min(limit, PEEK_STEP);

		CHECK_FOR_INTERRUPTS();
		if ((int64) PortalRunFetch(portal, FETCH_FORWARD, (long) step,
								   (DestReceiver *) &receiver) < step)
			break;
		limit -= step;
	}
	SPI_cursor_close(portal);
	SPI_finish();
	MemoryContextDelete(cxt);
}
