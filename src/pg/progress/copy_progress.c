/*-------------------------------------------------------------------------
 *
 * copy_progress.c
 *	  How far the copies of a subscription's tables have come.
 *
 * Pull writes these rows in the transaction that appends a chunk to the history.  Who
 * asks for a copy writes them too: a chunk that was read meanwhile waits for him, or he
 * for it, at the row of cdc_catalog.subscription_table, which both write first.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/progress/copy_progress.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/base/compat_value.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"

/* ---- reading ---- */

List *
cdc_copy_waiting(const CdcSubscription *sub, int limit)
{
	static CdcStatement stmt = {
		"SELECT t.source_table, t.state, t.copy_data, p.replaces, p.row_filter, p.begin_seq,"
		" p.key_shape, p.last_key, p.reread, p.rows, p.bytes, p.chunks, p.estimated_rows, t.keyless,"
		" t.target IS NOT NULL, t.options, p.kind OPERATOR(pg_catalog.=) 'resync', p.gone, p.gone_seq"
		" FROM cdc_catalog.subscription_table t LEFT JOIN cdc_catalog.copy_progress p"
		" ON p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" AND p.source_table OPERATOR(pg_catalog.=) t.source_table"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND (t.state OPERATOR(pg_catalog.=) 'i' OR t.state OPERATOR(pg_catalog.=) 'd'"
		" OR (t.state OPERATOR(pg_catalog.=) 'f' AND p.reread IS NOT NULL))"
		" ORDER BY t.state, t.source_table LIMIT $2",
		2, {TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[2];
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(limit);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < n; i++)
	{
		CdcCopyProgress *p = MemoryContextAllocZero(spi.caller, sizeof(*p));
		MemoryContext old;
		bool		isnull;
		Datum		d;

		p->source_table = cdc_spi_text(&spi, i, 1);
		p->state = DatumGetChar(cdc_spi_datum(i, 2, CHAROID, &isnull));
		p->wanted = DatumGetBool(cdc_spi_datum(i, 3, BOOLOID, &isnull));
		d = cdc_spi_datum(i, 4, BOOLOID, &isnull);
		p->replaces = !isnull && DatumGetBool(d);
		p->row_filter = cdc_spi_text(&spi, i, 5);
		p->begin_seq = cdc_spi_int64(i, 6);
		p->key_shape = cdc_spi_text(&spi, i, 7);
		p->last_key = cdc_spi_text_array(&spi, i, 8, &p->nlast_key);
		p->reread = cdc_spi_text_array(&spi, i, 9, &p->nreread);
		p->rows = cdc_spi_int64(i, 10);
		p->bytes = cdc_spi_int64(i, 11);
		p->chunks = cdc_spi_int64(i, 12);
		d = cdc_spi_datum(i, 13, INT8OID, &isnull);
		p->estimated_rows = isnull ? -1 : DatumGetInt64(d);
		p->keyless = DatumGetBool(cdc_spi_datum(i, 14, BOOLOID, &isnull));
		p->has_target = DatumGetBool(cdc_spi_datum(i, 15, BOOLOID, &isnull));
		d = cdc_spi_copy(&spi, i, 16, JSONBOID, &isnull);
		p->options = isnull ? NULL : DatumGetJsonbP(d);
		d = cdc_spi_datum(i, 17, BOOLOID, &isnull);
		p->resync = !isnull && DatumGetBool(d);
		p->gone = cdc_spi_text(&spi, i, 18);
		p->gone_seq = cdc_spi_int64(i, 19);
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend(result, p);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

bool
cdc_copy_is_waiting(const CdcSubscription *sub)
{
	return cdc_copy_waiting(sub, 1) != NIL;
}

bool
cdc_copy_is_pending(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND (t.state OPERATOR(pg_catalog.=) 'i' OR t.state OPERATOR(pg_catalog.=) 'd'"
		" OR t.state OPERATOR(pg_catalog.=) 'f') LIMIT 1",
		1, {TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name) > 0;
}

bool
cdc_copy_look(const CdcSubscription *sub, char **tables, int ntables, CdcFailedTable *failed)
{
	static CdcStatement stmt = {
		"SELECT t.source_table, t.last_error, t.state OPERATOR(pg_catalog.=) 'e',"
		" t.held_seq IS NOT NULL OR (t.kept_events OPERATOR(pg_catalog.>) 0 AND NOT t.held), t.differs IS NOT NULL,"
		" t.last_sqlstate IS NOT NULL AND t.last_sqlstate OPERATOR(pg_catalog.=) 'HV00R'"
		" FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.<>) 'r'"
		" AND ($2 IS NULL OR t.source_table OPERATOR(pg_catalog.=) ANY ($2))"
		" ORDER BY t.state OPERATOR(pg_catalog.=) 'e' DESC, t.source_table LIMIT 1",
		2, {TEXTOID, TEXTARRAYOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	char		nulls[2] = {' ', ' '};
	bool		found;
	bool		isnull;

	memset(failed, 0, sizeof(*failed));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_array((const char *const *) tables, ntables);
	nulls[1] = tables != NULL ? ' ' : 'n';
	found = cdc_spi_execute(&stmt, values, nulls) > 0;
	if (found && DatumGetBool(cdc_spi_datum(0, 3, BOOLOID, &isnull)))
	{
		failed->name = cdc_spi_text(&spi, 0, 1);
		failed->error = cdc_spi_text(&spi, 0, 2);
		failed->retried = DatumGetBool(cdc_spi_datum(0, 4, BOOLOID, &isnull));
		failed->differs = DatumGetBool(cdc_spi_datum(0, 5, BOOLOID, &isnull));
		failed->gone = DatumGetBool(cdc_spi_datum(0, 6, BOOLOID, &isnull));
	}
	cdc_spi_end(&spi);
	return found && failed->name == NULL;
}

List *
cdc_copy_joins(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT p.source_table, p.sync_position, p.sync_gtid_set"
		" FROM cdc_catalog.copy_progress p JOIN cdc_catalog.subscription_table t"
		" ON t.subscription OPERATOR(pg_catalog.=) p.subscription"
		" AND t.source_table OPERATOR(pg_catalog.=) p.source_table"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.=) 'f'"
		" AND p.reread IS NULL ORDER BY p.end_seq",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, NULL);
	for (i = 0; i < n; i++)
	{
		CdcCopyJoin *join = MemoryContextAllocZero(spi.caller, sizeof(*join));
		MemoryContext old;

		join->source_table = cdc_spi_text(&spi, i, 1);
		join->position = cdc_spi_text(&spi, i, 2);
		join->gtid_set = cdc_spi_text(&spi, i, 3);
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend(result, join);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

int64
cdc_copy_ahead_until(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT t.state, p.sync_seq FROM cdc_catalog.subscription_table t"
		" LEFT JOIN cdc_catalog.copy_progress p"
		" ON p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" AND p.source_table OPERATOR(pg_catalog.=) t.source_table"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND t.source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	int64		result = 0;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
	{
		bool		isnull;
		char		state = DatumGetChar(cdc_spi_datum(0, 1, CHAROID, &isnull));

		result = state == 'i' || state == 'd' || state == 'f' ? PG_INT64_MAX : cdc_spi_int64(0, 2);
	}
	cdc_spi_end(&spi);
	return result;
}

/* ---- states ---- */

/* Sets the state of the table, unless it has it. */
static uint64
set_state(const CdcSubscription *sub, const char *source_table, const char *state)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET state = $3::pg_catalog.\"char\", last_error = NULL,"
		" last_sqlstate = NULL, state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND state OPERATOR(pg_catalog.<>) $3::pg_catalog.\"char\"",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	uint64		n = cdc_spi_run(&stmt, sub->name, source_table, state);

	if (n > 0)
		cdc_catalog_changed();
	return n;
}

/* The table's row, which is there from here on. */
static void
ensure_row(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.copy_progress (subscription, source_table)"
		" SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1"
		" AND p.source_table OPERATOR(pg_catalog.=) $2)",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, source_table);
}

void
cdc_copy_save(const CdcSubscription *sub, const CdcCopyProgress *p)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.copy_progress SET begin_seq = $3, key_shape = $4, last_key = $5,"
		" reread = $6, rows = $7, bytes = $8, chunks = $9, estimated_rows = $10,"
		" started_at = COALESCE(started_at, pg_catalog.now()), updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		10, {TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, INT8OID, INT8OID,
		INT8OID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[10];
	char		nulls[10];

	if (p->state != 'f')
		(void) set_state(sub, p->source_table, "d");
	ensure_row(sub, p->source_table);
	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(p->source_table);
	values[2] = Int64GetDatum(p->begin_seq);
	values[3] = cdc_text_or_null(p->key_shape, &nulls[3]);
	values[4] = cdc_text_array((const char *const *) p->last_key, p->nlast_key);
	nulls[4] = p->last_key != NULL ? ' ' : 'n';
	values[5] = cdc_text_array((const char *const *) p->reread, p->nreread);
	nulls[5] = p->nreread > 0 ? ' ' : 'n';
	values[6] = Int64GetDatum(p->rows);
	values[7] = Int64GetDatum(p->bytes);
	values[8] = Int64GetDatum(p->chunks);
	values[9] = Int64GetDatum(p->estimated_rows);
	nulls[9] = p->estimated_rows >= 0 ? ' ' : 'n';
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

bool
cdc_copy_reread(const CdcSubscription *sub, const char *source_table, const char *condition)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.copy_progress SET reread = pg_catalog.array_append(reread, $3)"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND COALESCE(pg_catalog.array_length(reread, 1), 0) OPERATOR(pg_catalog.<) 1000",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table, condition) > 0;
}

void
cdc_copy_waits_for(const CdcSubscription *sub, const char *what)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_position SET copy_waits = $2"
		" WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND (copy_waits IS NOT NULL OR $2 IS NOT NULL)",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, what);
}

void
cdc_copy_finish(const CdcSubscription *sub, const CdcCopyJoin *join, int64 end_seq)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.copy_progress SET sync_position = $3, sync_gtid_set = $4,"
		" end_seq = $5::pg_catalog.int8, copied_at = pg_catalog.now(), updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};

	(void) set_state(sub, join->source_table, "f");
	(void) cdc_spi_run(&stmt, sub->name, join->source_table, join->position, join->gtid_set,
					   psprintf(INT64_FORMAT, end_seq));
}

void
cdc_copy_synced(const CdcSubscription *sub, const char *source_table, int64 seq)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.copy_progress SET sync_seq = $3::pg_catalog.int8, synced_at = pg_catalog.now(),"
		" updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	(void) set_state(sub, source_table, "s");
	(void) cdc_spi_run(&stmt, sub->name, source_table, psprintf(INT64_FORMAT, seq));
}

/*
 * Apply asks in each of its transactions; mostly no table waits for it.  Who puts one
 * into that state announces it as a change of the catalogs.
 */
static struct
{
	int32		subscription_id;
	uint64		generation;		/* of the catalogs as of which none waits */
}			none_waits;

/* Notes that none waits, if that is so now, and not only in an old snapshot. */
static void
note_none_waits(const CdcSubscription *sub, uint64 generation)
{
	static CdcStatement any = {
		"SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND t.state OPERATOR(pg_catalog.=) 's' LIMIT 1",
		1, {TEXTOID}
	};

	if (IsolationUsesXactSnapshot() || cdc_spi_run(&any, sub->name) > 0)
		return;
	none_waits.subscription_id = sub->id;
	none_waits.generation = generation;
}

bool
cdc_copy_applied(const CdcSubscription *sub, int64 applied_seq)
{
	static CdcStatement find = {
		"SELECT t.source_table, p.kind, p.rows FROM cdc_catalog.subscription_table t"
		" JOIN cdc_catalog.copy_progress p ON p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" AND p.source_table OPERATOR(pg_catalog.=) t.source_table"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.=) 's'"
		" AND p.sync_seq OPERATOR(pg_catalog.<=) $2",
		2, {TEXTOID, INT8OID}
	};
	static CdcStatement set = {
		"UPDATE cdc_catalog.subscription_table SET state = 'r', state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND state OPERATOR(pg_catalog.=) 's'",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement note = {
		"UPDATE cdc_catalog.copy_progress SET ready_at = pg_catalog.now(), updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	List	   *tables = NIL;
	List	   *texts = NIL;
	ListCell   *lc;
	ListCell   *lt;
	uint64		generation = cdc_catalog_generation();
	uint64		n;
	uint64		i;

	if (none_waits.subscription_id == sub->id && none_waits.generation == generation)
		return false;
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(applied_seq);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&find, values, NULL);
	for (i = 0; i < n; i++)
	{
		char	   *table = cdc_spi_text(&spi, i, 1);
		char	   *kind = cdc_spi_text(&spi, i, 2);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		tables = lappend(tables, table);
		texts = lappend(texts, psprintf("the %s of source table %s is complete: " INT64_FORMAT " %s",
										kind, table, cdc_spi_int64(i, 3),
										cdc_spi_int64(i, 3) == 1 ? "row" : "rows"));
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	forboth(lc, tables, lt, texts)
	{
		if (cdc_spi_run(&set, sub->name, lfirst(lc)) == 0)
			continue;
		(void) cdc_spi_run(&note, sub->name, lfirst(lc));
		cdc_log(sub->name, "copy", lfirst(lt), NULL);
		cdc_notify(sub->name, "table_ready", lfirst(lc), NULL);
		cdc_catalog_changed();
	}
	if (tables == NIL)
		note_none_waits(sub, generation);
	return tables != NIL;
}

/* ---- asking for a copy ---- */

/* What a copy that begins knows nothing of any more. */
#define FORGET_PROGRESS \
	" key_shape = NULL, last_key = NULL, reread = NULL, rows = 0, bytes = 0, chunks = 0," \
	" estimated_rows = NULL, begin_seq = NULL, end_seq = NULL, sync_position = NULL," \
	" sync_gtid_set = NULL, sync_seq = NULL, started_at = NULL, copied_at = NULL," \
	" synced_at = NULL, ready_at = NULL, updated_at = pg_catalog.now()"

void
cdc_copy_request(const CdcSubscription *sub, const char *source_table,
				 const CdcCopyRequest *request)
{
	static CdcStatement find = {
		"SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2"
		" FOR UPDATE",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement wanted = {
		"UPDATE cdc_catalog.subscription_table SET copy_data = true"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND NOT copy_data",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement anew = {
		"UPDATE cdc_catalog.copy_progress SET replaces = $3::pg_catalog.bool, kind = $4, row_filter = $5,"
		" gone = $6, gone_seq = $7::pg_catalog.int8, restarts = 0, requested_at = pg_catalog.now()," FORGET_PROGRESS
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		7, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	static CdcStatement again = {
		"UPDATE cdc_catalog.copy_progress SET replaces = replaces OR ($3::pg_catalog.bool"
		" AND (row_filter IS NULL OR kind OPERATOR(pg_catalog.=) 'resync')),"
		" row_filter = CASE WHEN kind OPERATOR(pg_catalog.=) 'resync' THEN NULL ELSE row_filter END,"
		" gone = NULL, gone_seq = NULL, restarts = restarts OPERATOR(pg_catalog.+) 1," FORGET_PROGRESS
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	if (cdc_spi_run(&find, sub->name, source_table) == 0)
		return;
	(void) set_state(sub, source_table, "i");
	(void) cdc_spi_run(&wanted, sub->name, source_table);
	ensure_row(sub, source_table);
	if (request->again)
		(void) cdc_spi_run(&again, sub->name, source_table, request->replaces ? "true" : "false");
	else
		(void) cdc_spi_run(&anew, sub->name, source_table, request->replaces ? "true" : "false",
						   request->kind, request->row_filter, request->gone,
						   psprintf(INT64_FORMAT, request->gone_seq));
	cdc_catalog_changed();
}

bool
cdc_copy_is_partial(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.source_table OPERATOR(pg_catalog.=) $2"
		" AND p.kind OPERATOR(pg_catalog.=) 'resync'"
		" AND (p.row_filter IS NOT NULL OR p.gone IS NOT NULL)",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table) > 0;
}

bool
cdc_copy_supersedes(const CdcSubscription *sub, const char *source_table, int64 seq)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.copy_progress p JOIN cdc_catalog.subscription_table t"
		" ON t.subscription OPERATOR(pg_catalog.=) p.subscription"
		" AND t.source_table OPERATOR(pg_catalog.=) p.source_table"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.source_table OPERATOR(pg_catalog.=) $2"
		" AND (t.state OPERATOR(pg_catalog.=) 'i' OR t.state OPERATOR(pg_catalog.=) 'd'"
		" OR t.state OPERATOR(pg_catalog.=) 'f' OR t.state OPERATOR(pg_catalog.=) 's')"
		" AND t.copy_data AND p.replaces AND p.gone IS NULL"
		" AND (p.row_filter IS NULL OR p.kind OPERATOR(pg_catalog.=) 'copy')"
		" AND (COALESCE(p.begin_seq, 0) OPERATOR(pg_catalog.=) 0"
		" OR p.begin_seq OPERATOR(pg_catalog.>) $3::pg_catalog.int8)",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table, psprintf(INT64_FORMAT, seq)) > 0;
}

int
cdc_copy_restarts(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT p.restarts::pg_catalog.int8 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	int			result = 0;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		result = (int) cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
	return result;
}

bool
cdc_copy_is_ready(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2"
		" AND t.state OPERATOR(pg_catalog.=) 'r' AND NOT t.held FOR UPDATE",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table) > 0;
}

int64
cdc_copy_request_all(const CdcSubscription *sub)
{
	static CdcStatement find = {
		"SELECT t.source_table FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.copy_data"
		" ORDER BY t.source_table",
		1, {TEXTOID}
	};
	CdcCopyRequest request = {"resync", true, NULL, false};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);
	List	   *tables = NIL;
	ListCell   *lc;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&find, &value, NULL);
	for (i = 0; i < n; i++)
	{
		char	   *table = cdc_spi_text(&spi, i, 1);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		tables = lappend(tables, table);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	foreach(lc, tables)
		cdc_copy_request(sub, lfirst(lc), &request);
	return (int64) n;
}
