/*-------------------------------------------------------------------------
 *
 * purge_history.c
 *	  cdc.purge_history(): drops the oldest partitions of a history.
 *
 * A partition goes as a whole, once nothing needs an event of it any more: apply and all
 * publications have passed it, no table in error goes on from there, cdc.error keeps no event of
 * it, and no copy that is under way began in it.  What is gone is written down, so that what would
 * read it is told so instead of doing without.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/result_set.h"
#include "pg/catalog/access.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/history/hole.h"
#include "pg/history/partition.h"
#include "pg/history/table.h"
#include "pg/target/lock.h"

/* The first event that something needs. */
typedef struct Need
{
	int64		seq;
	const char *what;
} Need;

/* What is dropped so far. */
typedef struct Purge
{
	const CdcSubscription *sub;
	Need		need;
	Tuplestorestate *rows;
	TupleDesc	desc;
	int			dropped;
	int64		last_seq;		/* 0: no event has gone */
} Purge;

/* What needs the oldest events, and from which on. */
static void
find_need(const CdcSubscription *sub, Need *need)
{
	static CdcStatement stmt = {
		"SELECT n.seq, n.what FROM ("
		"SELECT p.applied_seq OPERATOR(pg_catalog.+) 1 AS seq, 'apply'::pg_catalog.text AS what"
		" FROM cdc_catalog.subscription_progress p WHERE p.subscription OPERATOR(pg_catalog.=) $1"
		" UNION ALL SELECT p.published_seq OPERATOR(pg_catalog.+) 1, pg_catalog.format('publication \"%s\"', p.name)"
		" FROM cdc_catalog.publication p WHERE p.subscription OPERATOR(pg_catalog.=) $1"
		" UNION ALL SELECT t.held_seq OPERATOR(pg_catalog.+) 1, pg_catalog.format('source table %s, which is in error', t.name)"
		" FROM cdc_catalog.subscription_table t WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.held"
		" UNION ALL SELECT pg_catalog.min(e.seq), 'an event in cdc.error'"
		" FROM cdc_catalog.error e WHERE e.subscription OPERATOR(pg_catalog.=) $1"
		" UNION ALL SELECT least(c.begin_seq, c.gone_seq), pg_catalog.format('the copy of source table %s', c.name)"
		" FROM cdc_catalog.copy_progress c WHERE c.subscription OPERATOR(pg_catalog.=) $1 AND c.ready_at IS NULL"
		") n WHERE n.seq IS NOT NULL ORDER BY n.seq LIMIT 1",
		1, {TEXTOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);

	need->seq = 0;
	need->what = "apply";
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) > 0)
	{
		need->seq = cdc_spi_int64(0, 1);
		need->what = MemoryContextStrdup(caller, cdc_spi_text(&spi, 0, 2));
	}
	cdc_spi_end(&spi);
}

/* The first and the last seq of a partition; false: it has no event. */
static bool
range_of(const char *name, int64 *first, int64 *last)
{
	bool		isnull;
	int			rc;

	cdc_spi_connect();
	rc = SPI_execute(psprintf("SELECT pg_catalog.min(h.seq), pg_catalog.max(h.seq) FROM %s h", name), false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
	*first = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	*last = isnull ? 0 : DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	cdc_spi_disconnect();
	return !isnull;
}

/* Drops a partition where nothing needs it; false: something does. */
static bool
drop_partition(Purge *purge, Oid relid)
{
	char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
	Datum		values[3];
	bool		nulls[3];
	int64		first = 0;
	int64		last = 0;
	bool		has_events = range_of(name, &first, &last);
	CdcLockWait wait;

	if (has_events && last >= purge->need.seq)
	{
		ereport(NOTICE,
				(errmsg("partition %s stays: %s needs events from seq " INT64_FORMAT " on", name, purge->need.what,
						purge->need.seq)));
		return false;
	}
	cdc_lock_wait_begin(&wait, purge->sub->history, " to drop a partition of it", 0);
	cdc_history_partition_drop(purge->sub, relid);
	cdc_lock_wait_end(&wait);
	purge->dropped++;
	purge->last_seq = Max(purge->last_seq, last);
	values[0] = CStringGetTextDatum(name);
	values[1] = Int64GetDatum(first);
	values[2] = Int64GetDatum(last);
	nulls[0] = false;
	nulls[1] = nulls[2] = !has_events;
	tuplestore_putvalues(purge->rows, purge->desc, values, nulls);
	return true;
}

/* Writes down what has gone.  ERROR where an event of before is left: it would be alone. */
static void
note_purged(const Purge *purge, TimestampTz before)
{
	const CdcSubscription *sub = purge->sub;
	int64		first = cdc_history_first_seq(sub);

	if (purge->last_seq > 0 && first > 0 && first <= purge->last_seq)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("history of subscription \"%s\" has event " INT64_FORMAT " in a later partition than event " INT64_FORMAT,
						sub->name, first, purge->last_seq),
				 errdetail("The server's clock went back while it was written."),
				 errhint("Purge up to a later time, so that both partitions go.")));
	if (purge->last_seq > 0)
		cdc_history_note_purged(sub, purge->last_seq);
}

PG_FUNCTION_INFO_V1(cdc_purge_history);

/* cdc.purge_history(subscription text, before timestamptz) */
Datum
cdc_purge_history(PG_FUNCTION_ARGS)
{
	Purge		purge = {0};
	CdcSubscription *sub;
	TimestampTz before;
	CdcScope	scope;
	List	   *partitions;
	ListCell   *lc;
	Oid			owner;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription and before must not be null")));
	purge.rows = cdc_result_set_begin(fcinfo, &purge.desc);
	purge.sub = sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	before = Min(PG_GETARG_TIMESTAMPTZ(1), GetCurrentTransactionStartTimestamp());
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	find_need(sub, &purge.need);
	cdc_owner_begin(sub, &scope);
	partitions = cdc_history_partitions_until(sub, before, &owner);
	cdc_scope_end(&scope);

	/* partitions belong to the history's owner */
	cdc_scope_begin(owner, &scope);
	foreach(lc, partitions)
	{
		CHECK_FOR_INTERRUPTS();
		if (!drop_partition(&purge, lfirst_oid(lc)))
			break;
	}
	cdc_scope_end(&scope);
	CommandCounterIncrement();
	cdc_owner_begin(sub, &scope);
	note_purged(&purge, before);
	cdc_scope_end(&scope);
	if (purge.dropped > 0)
		cdc_log(sub->name, "history",
				psprintf("%d partitions of the history were dropped, with its events up to seq " INT64_FORMAT,
						 purge.dropped, purge.last_seq), NULL);
	return (Datum) 0;
}
