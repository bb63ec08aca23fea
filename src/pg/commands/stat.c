/*-------------------------------------------------------------------------
 *
 * stat.c
 *	  What the views know of running workers.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "replication/syncrep.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "pg/process/background.h"
#include "pg/base/compat_storage.h"
#include "pg/base/result_set.h"
#include "pg/process/shmem.h"
#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"
#include "pg/history/oldest.h"

/* 0 is NULL. */
static void
put_time(Datum *values, bool *nulls, int i, TimestampTz ts)
{
	values[i] = TimestampTzGetDatum(ts);
	nulls[i] = ts == 0;
}

/* The numbers of the subscriptions that the current user owns, as far as his role's rights go. */
static List *
own_subscriptions(void)
{
	static CdcStatement stmt = {
		"SELECT s.id, s.owner::pg_catalog.text, i.\"owner\"::pg_catalog.int8"
		" FROM cdc_catalog.subscription s LEFT JOIN cdc_catalog.subscription_identity i"
		" ON i.subscription OPERATOR(pg_catalog.=) s.name", 0, {0}
	};
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		Oid			owner = (Oid) cdc_spi_int64(i, 3);
		MemoryContext old;

		if (!OidIsValid(owner))
			owner = get_role_oid(cdc_spi_text(&spi, i, 2), true);
		if (!OidIsValid(owner) || !has_privs_of_role(spi.userid, owner))
			continue;
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend_int(result, DatumGetInt32(cdc_spi_datum(i, 1, INT4OID, &isnull)));
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

/* The slots that the current user may see; the supervisor's by who owns a subscription. */
static int
visible_slots(CdcSlotInfo *slots)
{
	int			n = cdc_slot_list(MyDatabaseId, slots);
	int			kept = 0;
	List	   *own;
	int			i;

	if (n == 0 || cdc_sees_all())
		return n;
	own = own_subscriptions();
	for (i = 0; i < n; i++)
		if (slots[i].subscription_id == 0 ? own != NIL :
			list_member_int(own, slots[i].subscription_id))
			slots[kept++] = slots[i];
	return kept;
}

/* What a worker is held up by. */
typedef struct Blocked
{
	TimestampTz since;			/* 0: by nothing */
	char	   *by;				/* what it waits for, and who has that; palloc'ed */
	Datum		pids;			/* of int4[]; 0: NULL */
} Blocked;

/*
 * The lock that a process waits for and who stands before it, as the current user may
 * see it: other roles' queries have no begin.
 */
static void
read_lock(int pid, Blocked *blocked)
{
	static const char sql[] =
		"SELECT pg_catalog.format('%s on %s, held by %s', w.mode,"
		" CASE w.locktype WHEN 'relation' THEN pg_catalog.format('relation %s', w.relation::pg_catalog.regclass)"
		"  WHEN 'tuple' THEN pg_catalog.format('a row of relation %s', w.relation::pg_catalog.regclass)"
		"  WHEN 'transactionid' THEN 'a row that a transaction has changed'"
		"  ELSE w.locktype END,"
		" (SELECT pg_catalog.string_agg(CASE WHEN b.pid OPERATOR(pg_catalog.=) 0 THEN 'a prepared transaction'"
		"   ELSE pg_catalog.format('process %s of %s%s', b.pid, a.usename,"
		"     ' (' OPERATOR(pg_catalog.||) a.state OPERATOR(pg_catalog.||) ', its query began '"
		"     OPERATOR(pg_catalog.||) pg_catalog.date_trunc('second', a.query_start)::pg_catalog.text"
		"     OPERATOR(pg_catalog.||) ')') END, '; ')"
		"   FROM pg_catalog.unnest(p.pids) b (pid)"
		"   LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) b.pid)), p.pids"
		" FROM (SELECT " CDC_SQL_BLOCKING_PIDS " AS pids) p,"
		" pg_catalog.pg_locks w"
		" WHERE w.pid OPERATOR(pg_catalog.=) $1 AND NOT w.granted LIMIT 1";
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[1] = {INT4OID};
	Datum		values[1];

	values[0] = Int32GetDatum(pid);
	cdc_spi_connect();
	if (SPI_execute_with_args(sql, 1, types, values, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
	{
		char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		bool		isnull;
		Datum		pids = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
		MemoryContext old = MemoryContextSwitchTo(caller);

		blocked->by = text != NULL ? pstrdup(text) : NULL;
		blocked->pids = isnull ? (Datum) 0 : datumCopy(pids, false, -1);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_disconnect();
}

static void
read_blocked(const CdcSlotInfo *slot, Blocked *blocked)
{
	const PGPROC *proc = slot->proc;

	memset(blocked, 0, sizeof(*blocked));
	if (proc == NULL || slot->turn_since == 0)
		return;
	if (proc->waitLock != NULL)
	{
		read_lock(slot->pid, blocked);
		if (blocked->by != NULL)
			blocked->since = CDC_LOCK_WAIT_START(proc, slot->turn_since);
	}
	else if (slot->commit_since != 0 && proc->syncRepState == SYNC_REP_WAITING)
	{
		blocked->since = slot->commit_since;
		blocked->by = pstrdup("a synchronous standby is to confirm its commit");
	}
}

/* A negative number is NULL. */
static void
put_number(Datum *values, bool *nulls, int i, int64 number)
{
	values[i] = Int64GetDatum(number);
	nulls[i] = number < 0;
}

#define STATUS_COLUMNS	18

/* Adds a slot as a row of cdc.worker_status(). */
static void
add_slot(Tuplestorestate *rows, TupleDesc desc, const CdcSlotInfo *slot)
{
	const CdcSourceFigures *source = &slot->source;
	bool		asked = source->asked_at != 0;
	int64		since_asked = slot->report.received - source->received;
	Datum		values[STATUS_COLUMNS];
	bool		nulls[STATUS_COLUMNS] = {false};
	Blocked		blocked;

	read_blocked(slot, &blocked);
	values[0] = Int32GetDatum(slot->subscription_id);
	values[1] = CStringGetTextDatum(cdc_worker_kind_name(slot->kind));
	values[2] = Int32GetDatum(slot->pid);
	nulls[2] = slot->pid == 0;
	put_time(values, nulls, 3, slot->since);
	put_time(values, nulls, 4, slot->report.last_message);
	put_number(values, nulls, 5, slot->report.delay);
	put_number(values, nulls, 6, slot->report.last_message != 0 ? slot->report.patience : -1);
	values[7] = BoolGetDatum(slot->report.drained);
	put_time(values, nulls, 8, slot->report.awaits ? 0 : slot->turn_since);
	put_time(values, nulls, 9, blocked.since);
	values[10] = blocked.by != NULL ? CStringGetTextDatum(blocked.by) : (Datum) 0;
	nulls[10] = blocked.by == NULL;
	values[11] = blocked.pids;
	nulls[11] = blocked.pids == (Datum) 0;
	put_time(values, nulls, 12, source->asked_at);
	/* what was read since then is behind no more */
	put_number(values, nulls, 13, !asked || source->bytes_behind < 0 ? -1 :
			   slot->report.drained ? 0 : Max(source->bytes_behind - since_asked, 0));
	put_number(values, nulls, 14, !asked || source->bytes_kept < 0 ? -1 : source->bytes_kept + since_asked);
	values[15] = Int64GetDatum(source->clock_ahead);
	nulls[15] = !asked;
	put_number(values, nulls, 16, asked ? source->kept_for : -1);
	values[17] = Int32GetDatum(slot->publication_id);
	nulls[17] = slot->publication_id == 0;
	tuplestore_putvalues(rows, desc, values, nulls);
}

PG_FUNCTION_INFO_V1(cdc_worker_status);

/* cdc.worker_status() returns setof record: see 50_stat.sql */
Datum
cdc_worker_status(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *rows = cdc_result_set_begin(fcinfo, &desc);
	CdcSlotInfo *slots = palloc(sizeof(CdcSlotInfo) * CDC_SLOTS);
	int			n = visible_slots(slots);
	int			i;

	for (i = 0; i < n; i++)
		add_slot(rows, desc, &slots[i]);
	return (Datum) 0;
}

/* The history of a subscription that the caller sees, or InvalidOid. */
static Oid
visible_history(Datum subscription)
{
	static CdcStatement stmt = {
		"SELECT i.history::pg_catalog.int8, i.\"owner\"::pg_catalog.int8"
		" FROM cdc_catalog.subscription_identity i WHERE i.subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Oid			history = InvalidOid;
	bool		all = cdc_sees_all();

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &subscription, NULL) > 0)
	{
		Oid			owner = (Oid) cdc_spi_int64(0, 2);

		if (all || (OidIsValid(owner) && has_privs_of_role(spi.userid, owner)))
			history = (Oid) cdc_spi_int64(0, 1);
	}
	cdc_spi_end(&spi);
	return history;
}

PG_FUNCTION_INFO_V1(cdc_unapplied);

/* cdc_catalog.unapplied(subscription, applied_seq) returns (ingested_at, source_ts) */
Datum
cdc_unapplied(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	/* where nothing is to be told, no statement: the function may be called on a segment */
	Oid			history = CDC_HAVE_TABLE_AM ? visible_history(PG_GETARG_DATUM(0)) : InvalidOid;
	CdcHistoryTimes times;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (OidIsValid(history) && cdc_history_times_after(history, PG_GETARG_INT64(1), &times))
	{
		put_time(values, nulls, 0, times.ingested_at);
		put_time(values, nulls, 1, times.source_ts);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
