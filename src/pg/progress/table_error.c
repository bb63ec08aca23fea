/*-------------------------------------------------------------------------
 *
 * table_error.c
 *	  Writing and reading what is kept of tables with events that could not be applied.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/progress/table_error.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/bounded_text.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/progress/table_state.h"

/* The table of an update, in all of these. */
#define OF_TABLE \
	" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"

/* ------------------------------------------------------------------------
 * The table's row
 * ------------------------------------------------------------------------
 */

/* $3 to $6 of a statement that keeps an error. */
static void
error_values(const CdcTableError *error, Datum *values, char *nulls)
{
	values[2] = Int64GetDatum(error->seq);
	nulls[2] = error->seq > 0 ? ' ' : 'n';
	values[3] = cdc_text_or_null(error->key, &nulls[3]);
	values[4] = cdc_text_or_null(cdc_bounded_text(error->text, CDC_TEXT_BOUND), &nulls[4]);
	values[5] = CStringGetTextDatum(unpack_sql_state(error->sqlerrcode));
}

bool
cdc_table_error_hold(const CdcSubscription *sub, const CdcTableError *error, int64 held_seq)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET error_seq = $3, error_key = $4, last_error = $5,"
		" last_sqlstate = $6, held_seq = CASE WHEN state OPERATOR(pg_catalog.=) ANY ('{r,e}'::pg_catalog.\"char\"[])"
		" THEN $7 END, held = true, state = 'e', state_since = pg_catalog.now()" OF_TABLE
		/* what has no place to go on from does not get one */
		" AND NOT (state OPERATOR(pg_catalog.=) 'e' AND held AND held_seq IS NULL)"
		" RETURNING held_seq IS NOT NULL",
		7, {TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[7];
	char		nulls[7];
	bool		has_place = false;
	bool		isnull;

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(error->name);
	error_values(error, values, nulls);
	values[6] = Int64GetDatum(held_seq);
	if (cdc_spi_execute(&stmt, values, nulls) > 0)
		has_place = DatumGetBool(cdc_spi_datum(0, 1, BOOLOID, &isnull));
	cdc_spi_end(&spi);
	cdc_notify(sub->name, "table_error", error->name, unpack_sql_state(error->sqlerrcode));
	cdc_catalog_changed();
	return has_place;
}

void
cdc_table_error_kept(const CdcSubscription *sub, const char *name, int64 events, const CdcTableError *error)
{
	static CdcStatement more = {
		"UPDATE cdc_catalog.subscription_table SET kept_events = kept_events OPERATOR(pg_catalog.+) $3" OF_TABLE,
		3, {TEXTOID, TEXTOID, INT8OID}
	};
	static CdcStatement first = {
		"UPDATE cdc_catalog.subscription_table SET error_seq = $3, error_key = $4, last_error = $5,"
		" last_sqlstate = $6, state = 'e', state_since = pg_catalog.now()" OF_TABLE
		" AND state OPERATOR(pg_catalog.=) 'r'",
		6, {TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[6];
	char		nulls[6];
	bool		changed = false;

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = Int64GetDatum(events);
	(void) cdc_spi_execute(&more, values, nulls);
	if (error != NULL)
	{
		error_values(error, values, nulls);
		changed = cdc_spi_execute(&first, values, nulls) > 0;
	}
	cdc_spi_end(&spi);
	if (!changed)
		return;
	cdc_notify(sub->name, "table_error", name, unpack_sql_state(error->sqlerrcode));
	cdc_catalog_changed();
}

/* Nothing can be compared with a topic: what was left out of it is shown, and is no error for ever. */
static const char *
differs_is_error(const CdcSubscription *sub)
{
	return sub->kind == CDC_SERVER_KAFKA ? "false" : "true";
}

void
cdc_table_error_differs(const CdcSubscription *sub, const char *name, const char *what)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET differs = $3,"
		" last_error = CASE WHEN held OR kept_events OPERATOR(pg_catalog.>) 0 THEN last_error ELSE $3 END,"
		" state = CASE WHEN state OPERATOR(pg_catalog.=) ANY ('{r,s}'::pg_catalog.\"char\"[])"
		" AND $4::pg_catalog.bool THEN 'e' ELSE state END,"
		" state_since = pg_catalog.now()" OF_TABLE,
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, name, what, differs_is_error(sub));
	cdc_catalog_changed();
}

void
cdc_table_error_clear(const CdcSubscription *sub, const char *name)
{
	/* a copy that could not be finished has left a target behind that is none of its source */
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET held = held AND state OPERATOR(pg_catalog.=) 'e', held_seq = NULL,"
		" error_seq = NULL, error_key = NULL" OF_TABLE,
		2, {TEXTOID, TEXTOID}
	};

	cdc_table_error_emptied(sub, name);
	(void) cdc_spi_run(&stmt, sub->name, name);
	cdc_catalog_changed();
}

void
cdc_table_error_emptied(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET kept_events = 0, differs = NULL" OF_TABLE,
		2, {TEXTOID, TEXTOID}
	};
	int64		n = cdc_table_error_forget(sub, name, 0);

	if (n > 0)
		cdc_log(sub->name, "error", psprintf("events of source table %s that could not be applied are of no concern any more: " INT64_FORMAT,
											 name, n), NULL);
	(void) cdc_spi_run(&stmt, sub->name, name);
	cdc_catalog_changed();
}

char *
cdc_table_error_hint(const CdcSubscription *sub, const char *name, bool has_place)
{
	return psprintf("When the reason is gone: SELECT cdc.%s(%s, %s);", has_place ? "retry_errors" : "resync_table",
					quote_literal_cstr(sub->name), quote_literal_cstr(name));
}

char *
cdc_table_error_left_out_hint(const CdcSubscription *sub, const char *name)
{
	char	   *subscription = quote_literal_cstr(sub->name);
	char	   *table = quote_literal_cstr(name);

	/* the history has all that a topic has of it */
	if (sub->kind == CDC_SERVER_KAFKA)
		return psprintf("When the reason is gone: SELECT cdc.alter_table(%s, %s, target := ...);", subscription, table);
	return psprintf("When the reason is gone, or with a target of its own: SELECT cdc.remove_table(%s, %s); and SELECT cdc.add_table(%s, %s, target := ...);",
					subscription, table, subscription, table);
}

char *
cdc_table_error_gone_hint(const CdcSubscription *sub, const char *name)
{
	char	   *subscription = quote_literal_cstr(sub->name);
	char	   *table = quote_literal_cstr(name);

	return psprintf("SELECT cdc.remove_table(%s, %s); or, where the source has it again: SELECT cdc.resync_table(%s, %s);",
					subscription, table, subscription, table);
}

void
cdc_table_error_dropped(const CdcSubscription *sub, const char *source_table)
{
	/* what it has a place for can still be retried, what differs can be verified no more */
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET last_error = $3, last_sqlstate = $4,"
		" state_since = pg_catalog.now() WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2 AND state OPERATOR(pg_catalog.=) 'e'"
		" AND (held_seq IS NULL OR last_error IS NULL)"
		" AND (held OR kept_events OPERATOR(pg_catalog.=) 0) AND NOT left_out",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	char	   *sqlstate = pstrdup(unpack_sql_state(CDC_ERRCODE_NO_SOURCE_TABLE));

	if (cdc_spi_run(&stmt, sub->name, source_table,
					psprintf(CDC_NO_SOURCE_TABLE ".\nHINT:  %s", cdc_table_error_gone_hint(sub, source_table)),
					sqlstate) == 0)
		return;
	cdc_notify(sub->name, "table_error", source_table, sqlstate);
	cdc_catalog_changed();
}

void
cdc_table_error_made_again(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET last_error = $3, last_sqlstate = $4,"
		" state_since = pg_catalog.now() WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2 AND state OPERATOR(pg_catalog.=) 'e'"
		" AND last_sqlstate OPERATOR(pg_catalog.=) $5",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	char	   *gone = pstrdup(unpack_sql_state(CDC_ERRCODE_NO_SOURCE_TABLE));
	char	   *sqlstate = pstrdup(unpack_sql_state(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE));

	if (cdc_spi_run(&stmt, sub->name, source_table,
					psprintf("the source had no such table for a while, and has another one of that name now.\n"
							 "HINT:  SELECT cdc.resync_table(%s, %s);", quote_literal_cstr(sub->name),
							 quote_literal_cstr(source_table)),
					sqlstate, gone) == 0)
		return;
	cdc_notify(sub->name, "table_error", source_table, sqlstate);
	cdc_catalog_changed();
}

void
cdc_table_error_verified(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET differs = NULL" OF_TABLE " AND differs IS NOT NULL"
		" AND NOT held",
		2, {TEXTOID, TEXTOID}
	};

	if (cdc_spi_run(&stmt, sub->name, name) > 0)
		(void) cdc_table_settle(sub, name, 'e');
}

/* ------------------------------------------------------------------------
 * Kept events
 * ------------------------------------------------------------------------
 */

void
cdc_table_error_keep(const CdcSubscription *sub, const CdcKeptEvent *kept)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.error (subscription, seq, position, source_table, sqlstate, message, raw,"
		" op, event, name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		10, {TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, CHAROID, JSONBOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[10];
	char		nulls[10];
	bytea	   *raw = palloc(kept->raw_len + VARHDRSZ);

	memset(nulls, ' ', sizeof(nulls));
	SET_VARSIZE(raw, kept->raw_len + VARHDRSZ);
	if (kept->raw_len > 0)
		memcpy(VARDATA(raw), kept->raw, kept->raw_len);
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(kept->seq);
	values[2] = cdc_text_or_null(kept->position, &nulls[2]);
	values[3] = CStringGetTextDatum(kept->source_table);
	values[4] = cdc_text_or_null(kept->sqlerrcode != 0 ? unpack_sql_state(kept->sqlerrcode) : NULL, &nulls[4]);
	values[5] = CStringGetTextDatum(cdc_bounded_text(kept->message, CDC_TEXT_BOUND));
	values[6] = PointerGetDatum(raw);
	nulls[6] = kept->raw != NULL ? ' ' : 'n';
	values[7] = CharGetDatum(kept->op);
	values[8] = kept->event;
	nulls[8] = kept->event != 0 ? ' ' : 'n';
	values[9] = CStringGetTextDatum(kept->name);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	pfree(raw);
}

void
cdc_table_error_block(const CdcSubscription *sub, const char *name, char **key, int n, int64 seq)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.blocked_key (subscription, name, key, seq) VALUES ($1, $2, $3, $4)",
		4, {TEXTOID, TEXTOID, TEXTARRAYOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[4];

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = cdc_text_array((const char *const *) key, n);
	values[3] = Int64GetDatum(seq);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

List *
cdc_table_error_blocked(const CdcSubscription *sub, const char *name, int n)
{
	static CdcStatement stmt = {
		"SELECT key FROM cdc_catalog.blocked_key" OF_TABLE " ORDER BY seq",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	List	   *result = NIL;
	uint64		rows;
	uint64		i;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	cdc_spi_begin(&spi);
	rows = cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < rows; i++)
	{
		int			nkey;
		char	  **key = cdc_spi_text_array(&spi, i, 1, &nkey);
		MemoryContext old;

		if (nkey != n)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("source table %s of subscription \"%s\" has another key than the events that are kept of it",
							name, sub->name),
					 errhint("SELECT cdc.resync_table(%s, %s);", quote_literal_cstr(sub->name),
							 quote_literal_cstr(name))));
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend(result, key);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

int64 *
cdc_table_error_seqs(const CdcSubscription *sub, const char *name, int64 after, int limit, int *n)
{
	static CdcStatement stmt = {
		"SELECT seq FROM cdc_catalog.error" OF_TABLE " AND op IS NOT NULL"
		" AND seq OPERATOR(pg_catalog.>) $3 ORDER BY seq LIMIT $4",
		4, {TEXTOID, TEXTOID, INT8OID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[4];
	int64	   *result = palloc(sizeof(int64) * limit);
	int			i;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = Int64GetDatum(after);
	values[3] = Int64GetDatum(limit);
	cdc_spi_begin(&spi);
	*n = (int) cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < *n; i++)
		result[i] = cdc_spi_int64(i, 1);
	cdc_spi_end(&spi);
	return result;
}

/* The keys of a table of which nothing is kept any more can be written again. */
static void
unblock(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.blocked_key" OF_TABLE " AND NOT EXISTS (SELECT 1 FROM cdc_catalog.error e"
		" WHERE e.subscription OPERATOR(pg_catalog.=) $1 AND e.name OPERATOR(pg_catalog.=) $2"
		" AND e.op IS NOT NULL)",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement count = {
		"UPDATE cdc_catalog.subscription_table SET kept_events = (SELECT pg_catalog.count(*)"
		" FROM cdc_catalog.error e WHERE e.subscription OPERATOR(pg_catalog.=) $1"
		" AND e.name OPERATOR(pg_catalog.=) $2 AND e.op IS NOT NULL)" OF_TABLE,
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, name);
	(void) cdc_spi_run(&count, sub->name, name);
	cdc_catalog_changed();
}

int64
cdc_table_error_forget(const CdcSubscription *sub, const char *name, int64 seq)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.error" OF_TABLE " AND op IS NOT NULL"
		" AND ($3 OPERATOR(pg_catalog.=) 0 OR seq OPERATOR(pg_catalog.=) $3)",
		3, {TEXTOID, TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[3];
	int64		n;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = Int64GetDatum(seq);
	cdc_spi_begin(&spi);
	n = (int64) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	if (n > 0)
		unblock(sub, name);
	return n;
}

int64
cdc_table_error_forget_pulled(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.error WHERE subscription OPERATOR(pg_catalog.=) $1 AND op IS NULL",
		1, {TEXTOID}
	};

	return (int64) cdc_spi_run(&stmt, sub->name);
}

/* ------------------------------------------------------------------------
 * Transactions that are passed over
 * ------------------------------------------------------------------------
 */

/* Apply asks in each of its transactions; mostly there is none at all. */
static struct
{
	int32		subscription_id;
	uint64		generation;		/* of the catalogs as of which there is none */
}			no_skips;

List *
cdc_skips(const CdcSubscription *sub, int64 after, int64 upto)
{
	static CdcStatement stmt = {
		"SELECT first_seq, last_seq FROM cdc_catalog.skipped_transaction"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 ORDER BY first_seq",
		1, {TEXTOID}
	};
	uint64		generation = cdc_catalog_generation();
	CdcSpi		spi;
	Datum		value;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	if (no_skips.subscription_id == sub->id && no_skips.generation == generation)
		return NIL;
	value = CStringGetTextDatum(sub->name);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, NULL);
	for (i = 0; i < n; i++)
	{
		CdcSkip    *skip = MemoryContextAlloc(spi.caller, sizeof(CdcSkip));
		MemoryContext old;

		skip->first = cdc_spi_int64(i, 1);
		skip->last = cdc_spi_int64(i, 2);
		if (skip->first <= after || skip->last > upto)
			continue;
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend(result, skip);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	if (n == 0 && !IsolationUsesXactSnapshot())
	{
		no_skips.subscription_id = sub->id;
		no_skips.generation = generation;
	}
	return result;
}

bool
cdc_skip_add(const CdcSubscription *sub, const CdcSkip *skip, const char *position, const char *gtid)
{
	static CdcStatement find = {
		"SELECT 1 FROM cdc_catalog.skipped_transaction WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND first_seq OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, INT8OID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.skipped_transaction (subscription, first_seq, last_seq, position, gtid, by_role)"
		" VALUES ($1, $2, $3, $4, $5, $6::pg_catalog.name)",
		6, {TEXTOID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[6];
	char		nulls[6];
	char	   *role = CDC_USER_NAME(GetUserId());
	bool		added;

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(skip->first);
	values[2] = Int64GetDatum(skip->last);
	values[3] = cdc_text_or_null(position, &nulls[3]);
	values[4] = cdc_text_or_null(gtid, &nulls[4]);
	values[5] = CStringGetTextDatum(role);
	added = cdc_spi_execute(&find, values, NULL) == 0;
	if (added)
		(void) cdc_spi_execute(&insert, values, nulls);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
	return added;
}
