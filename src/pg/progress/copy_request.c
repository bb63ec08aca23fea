/*-------------------------------------------------------------------------
 *
 * copy_request.c
 *	  Asking for a copy of a table, and what was asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/progress/copy_progress.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/catalog/changes.h"
#include "pg/catalog/spi.h"

/* What a copy that begins knows nothing of any more. */
#define FORGET_PROGRESS \
	" key_shape = NULL, last_key = NULL, reread = NULL, rows = 0, bytes = 0, chunks = 0," \
	" estimated_rows = NULL, begin_seq = NULL, events_seq = NULL, end_seq = NULL, sync_position = NULL," \
	" sync_gtid_set = NULL, sync_seq = NULL, started_at = NULL, copied_at = NULL," \
	" synced_at = NULL, ready_at = NULL, updated_at = pg_catalog.now()"

/*
 * Locks rows of tables.  On Greenplum SELECT ... FOR UPDATE locks the whole table, on the master only, where
 * its detector of deadlocks does not see who waits for whom.
 */
#if CDC_HAVE_WHOLE_TABLE_LOCKS
#define LOCK_TABLES		"UPDATE cdc_catalog.subscription_table AS t SET state = t.state"
#define LOCKED			""
#else
#define LOCK_TABLES		"SELECT 1 FROM cdc_catalog.subscription_table t"
#define LOCKED			" FOR UPDATE"
#endif

void
cdc_copy_request(const CdcSubscription *sub, const char *name,
				 const CdcCopyRequest *request)
{
	static CdcStatement find = {
		LOCK_TABLES
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.name OPERATOR(pg_catalog.=) $2"
		" AND NOT t.left_out" LOCKED,
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement state = {
		"UPDATE cdc_catalog.subscription_table SET state = 'i', last_error = NULL,"
		" last_sqlstate = NULL, state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
		" AND state OPERATOR(pg_catalog.<>) 'i'",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement wanted = {
		"UPDATE cdc_catalog.subscription_table SET copy_data = true"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
		" AND NOT copy_data",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement row = {
		"INSERT INTO cdc_catalog.copy_progress (subscription, name, source_table)"
		" SELECT t.subscription, t.name, t.source_table FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.name OPERATOR(pg_catalog.=) $2"
		" AND NOT EXISTS (SELECT 1 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.name OPERATOR(pg_catalog.=) $2)",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement anew = {
		"UPDATE cdc_catalog.copy_progress SET replaces = $3::pg_catalog.bool, kind = $4, row_filter = $5,"
		" gone = $6, gone_seq = $7::pg_catalog.int8, keeps = $8::pg_catalog.bool, restarts = 0, requested_at = pg_catalog.now()," FORGET_PROGRESS
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		8, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	static CdcStatement again = {
		"UPDATE cdc_catalog.copy_progress SET replaces = replaces OR ($3::pg_catalog.bool AND NOT keeps"
		" AND (row_filter IS NULL OR kind OPERATOR(pg_catalog.=) 'resync' OR $4::pg_catalog.bool)),"
		" row_filter = CASE WHEN kind OPERATOR(pg_catalog.=) 'resync' THEN NULL ELSE row_filter END,"
		" gone = NULL, gone_seq = NULL, restarts = restarts OPERATOR(pg_catalog.+) 1," FORGET_PROGRESS
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};

	if (cdc_spi_run(&find, sub->name, name) == 0)
		return;
	(void) cdc_spi_run(&state, sub->name, name);
	(void) cdc_spi_run(&wanted, sub->name, name);
	(void) cdc_spi_run(&row, sub->name, name);
	if (request->again)
		(void) cdc_spi_run(&again, sub->name, name, request->replaces ? "true" : "false",
						   request->keyless ? "true" : "false");
	else
		(void) cdc_spi_run(&anew, sub->name, name, request->replaces ? "true" : "false",
						   request->kind, request->row_filter, request->gone,
						   psprintf(INT64_FORMAT, request->gone_seq), request->keeps ? "true" : "false");
	cdc_catalog_changed();
}

bool
cdc_copy_keeps(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.name OPERATOR(pg_catalog.=) $2 AND p.keeps",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, name) > 0;
}

bool
cdc_copy_is_partial(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.name OPERATOR(pg_catalog.=) $2"
		" AND p.kind OPERATOR(pg_catalog.=) 'resync'"
		" AND (p.row_filter IS NOT NULL OR p.gone IS NOT NULL)",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, name) > 0;
}

bool
cdc_copy_supersedes(const CdcSubscription *sub, const char *name, int64 seq)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.copy_progress p JOIN cdc_catalog.subscription_table t"
		" ON t.subscription OPERATOR(pg_catalog.=) p.subscription"
		" AND t.name OPERATOR(pg_catalog.=) p.name"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.name OPERATOR(pg_catalog.=) $2"
		" AND (t.state OPERATOR(pg_catalog.=) 'i' OR t.state OPERATOR(pg_catalog.=) 'd'"
		" OR t.state OPERATOR(pg_catalog.=) 'f' OR t.state OPERATOR(pg_catalog.=) 's')"
		" AND t.copy_data AND p.replaces AND p.gone IS NULL"
		" AND (p.row_filter IS NULL OR p.kind OPERATOR(pg_catalog.=) 'copy')"
		" AND (COALESCE(p.begin_seq, 0) OPERATOR(pg_catalog.=) 0"
		" OR p.begin_seq OPERATOR(pg_catalog.>) $3::pg_catalog.int8)",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, name, psprintf(INT64_FORMAT, seq)) > 0;
}

int
cdc_copy_restarts(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"SELECT p.restarts::pg_catalog.int8 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	int			result = 0;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		result = (int) cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
	return result;
}

bool
cdc_copy_is_ready(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		LOCK_TABLES
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.name OPERATOR(pg_catalog.=) $2"
		" AND t.state OPERATOR(pg_catalog.=) 'r' AND NOT t.held" LOCKED,
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, name) > 0;
}

int64
cdc_copy_request_all(const CdcSubscription *sub)
{
	static CdcStatement find = {
		"SELECT t.name FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.copy_data"
		" ORDER BY t.name",
		1, {TEXTOID}
	};
	CdcCopyRequest request = {"resync", true, NULL, false};
	Datum		value = CStringGetTextDatum(sub->name);
	List	   *tables = cdc_spi_texts(&find, &value);
	ListCell   *lc;

	foreach(lc, tables)
		cdc_copy_request(sub, lfirst(lc), &request);
	return list_length(tables);
}
