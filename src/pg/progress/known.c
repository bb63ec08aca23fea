/*-------------------------------------------------------------------------
 *
 * known.c
 *	  What a history tells of the rows that a source table had.
 *
 * Pull and apply write these rows.  Each has changed the table's row of
 * cdc_catalog.subscription_table before, in the same transaction: so their numbers have the order in
 * which that happened.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/progress/known.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/catalog/spi.h"

List *
cdc_known(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT k.kind, k.from_seq, COALESCE(k.events_seq, 9223372036854775807), COALESCE(k.sync_seq, k.from_seq),"
		" k.whole FROM cdc_catalog.table_known k WHERE k.subscription OPERATOR(pg_catalog.=) $1"
		" AND k.source_table OPERATOR(pg_catalog.=) $2 AND k.kind OPERATOR(pg_catalog.<>) 'p' ORDER BY k.number DESC",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < n; i++)
	{
		CdcKnown   *known = MemoryContextAllocZero(spi.caller, sizeof(*known));
		MemoryContext old;
		bool		isnull;

		known->kind = DatumGetChar(cdc_spi_datum(i, 1, CHAROID, &isnull));
		known->from_seq = cdc_spi_int64(i, 2);
		known->events_seq = cdc_spi_int64(i, 3);
		known->sync_seq = cdc_spi_int64(i, 4);
		known->whole = DatumGetBool(cdc_spi_datum(i, 5, BOOLOID, &isnull));
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend(result, known);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

void
cdc_known_copied(const CdcSubscription *sub, const char *source_table, int64 sync_seq)
{
	/* one that ended as the source has the table not any more has not all of its rows */
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.table_known (subscription, source_table, kind, from_seq, events_seq, sync_seq, whole)"
		" SELECT p.subscription, p.source_table, 'c', p.begin_seq, pg_catalog.min(p.events_seq), p.sync_seq,"
		" pg_catalog.bool_and(p.row_filter IS NULL AND p.gone IS NULL)"
		" FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.source_table OPERATOR(pg_catalog.=) $2"
		" AND p.sync_seq OPERATOR(pg_catalog.=) $3::pg_catalog.int8 AND p.begin_seq OPERATOR(pg_catalog.>) 0"
		" AND p.end_seq IS NOT NULL AND NOT EXISTS (SELECT 1 FROM cdc_catalog.table_known k"
		" WHERE k.subscription OPERATOR(pg_catalog.=) $1 AND k.source_table OPERATOR(pg_catalog.=) $2"
		" AND k.kind OPERATOR(pg_catalog.=) 'c' AND k.from_seq OPERATOR(pg_catalog.=) p.begin_seq)"
		" GROUP BY p.subscription, p.source_table, p.begin_seq, p.sync_seq",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, source_table, psprintf(INT64_FORMAT, sync_seq));
}

void
cdc_known_made(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.table_known (subscription, source_table, kind, from_seq)"
		" SELECT $1, $2, 'm', v.from_seq FROM cdc_catalog.table_version v"
		" WHERE v.subscription OPERATOR(pg_catalog.=) $1 AND v.source_table OPERATOR(pg_catalog.=) $2"
		" AND v.columns OPERATOR(pg_catalog.<>) '[]'::pg_catalog.jsonb"
		" ORDER BY v.version DESC LIMIT 1",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, source_table);
}

void
cdc_known_lost(const CdcSubscription *sub, const char *name)
{
	/* what is lost already stays so until a copy */
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.table_known (subscription, source_table, kind, from_seq)"
		" SELECT DISTINCT t.subscription, t.source_table, 'l'::pg_catalog.\"char\","
		" COALESCE(CASE WHEN $2 IS NULL THEN p.last_seq ELSE a.applied_seq END, 0)"
		" FROM cdc_catalog.subscription_table t"
		" LEFT JOIN (SELECT o.source_table,"
		" pg_catalog.max(CASE WHEN o.kind OPERATOR(pg_catalog.<>) 'p' THEN o.number END) AS newest,"
		" pg_catalog.max(CASE WHEN o.kind OPERATOR(pg_catalog.=) 'l' THEN o.number END) AS lost"
		" FROM cdc_catalog.table_known o WHERE o.subscription OPERATOR(pg_catalog.=) $1 GROUP BY o.source_table) k"
		" ON k.source_table OPERATOR(pg_catalog.=) t.source_table"
		" LEFT JOIN cdc_catalog.subscription_progress a ON a.subscription OPERATOR(pg_catalog.=) t.subscription"
		" LEFT JOIN cdc_catalog.subscription_position p ON p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND (k.lost IS NULL OR k.lost OPERATOR(pg_catalog.<) k.newest)"
		" AND ($2 IS NULL OR t.name OPERATOR(pg_catalog.=) $2 OR t.source_table OPERATOR(pg_catalog.=) $2)",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, name);
}

void
cdc_known_lost_behind(const CdcSubscription *sub, const char *source_table, int64 seq)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.table_known (subscription, source_table, kind, from_seq)"
		" SELECT $1, $2, 'l', $3::pg_catalog.int8 WHERE NOT EXISTS (SELECT 1 FROM cdc_catalog.table_known l"
		" WHERE l.subscription OPERATOR(pg_catalog.=) $1 AND l.source_table OPERATOR(pg_catalog.=) $2"
		" AND l.kind OPERATOR(pg_catalog.=) 'l' AND l.from_seq OPERATOR(pg_catalog.<=) $3::pg_catalog.int8"
		" AND NOT EXISTS (SELECT 1 FROM cdc_catalog.table_known k"
		" WHERE k.subscription OPERATOR(pg_catalog.=) $1 AND k.source_table OPERATOR(pg_catalog.=) $2"
		" AND (k.kind OPERATOR(pg_catalog.=) 'c' OR k.kind OPERATOR(pg_catalog.=) 'm')"
		" AND k.number OPERATOR(pg_catalog.>) l.number))",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, source_table, psprintf(INT64_FORMAT, seq));
}

/* What makes rows of the target t out of those of its source, in a text. */
#define MAPPING		"ROW(t.mode, t.key, t.columns, t.row_filter)::pg_catalog.text"

void
cdc_known_mapped(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.table_known (subscription, source_table, kind, from_seq, name, target, mapping)"
		" SELECT t.subscription, t.source_table, 'p', COALESCE(p.last_seq, 0), t.name, t.target, " MAPPING
		" FROM cdc_catalog.subscription_table t"
		" LEFT JOIN cdc_catalog.subscription_position p ON p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, name);
}

int64
cdc_known_mapped_until(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"SELECT COALESCE(pg_catalog.max(k.from_seq), '-1'::pg_catalog.int8) FROM cdc_catalog.subscription_table t"
		" JOIN cdc_catalog.table_known k ON k.subscription OPERATOR(pg_catalog.=) t.subscription"
		" AND k.source_table OPERATOR(pg_catalog.=) t.source_table"
		" AND (k.name OPERATOR(pg_catalog.=) t.name OR k.target OPERATOR(pg_catalog.=) t.target)"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.name OPERATOR(pg_catalog.=) $2"
		" AND k.kind OPERATOR(pg_catalog.=) 'p' AND k.mapping OPERATOR(pg_catalog.<>) " MAPPING,
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	int64		result = -1;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		result = cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
	return result;
}
