/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Where a run in steps stands: rows of cdc_catalog.verification_progress, one for each
 *	  table until all of the run's are through.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"

/* More than these are not kept: the table is then copied as a whole, as repair.c does it. */
#define MAX_KEPT_RANGES	201
#define MAX_KEPT_GONE	10000

/* The names by which the tables are registered. */
static Datum
names_of(List *tables)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		names = lappend(names, ((CdcSubscriptionTable *) lfirst(lc))->name);
	return cdc_text_list_array(names);
}

static const CdcSubscriptionTable *
table_of(List *tables, const char *name)
{
	ListCell   *lc;

	foreach(lc, tables)
		if (strcmp(((CdcSubscriptionTable *) lfirst(lc))->name, name) == 0)
			return lfirst(lc);
	return NULL;
}

void
cdc_verify_begin_run(const CdcSubscription *sub, List *tables, bool restart)
{
	static CdcStatement clear = {
		"DELETE FROM cdc_catalog.verification_progress WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) ANY ($2)",
		2, {TEXTOID, TEXTARRAYOID}
	};
	static CdcStatement begin = {
		"INSERT INTO cdc_catalog.verification_progress (subscription, name)"
		" SELECT $1, u.name FROM pg_catalog.unnest($2) AS u (name) WHERE NOT EXISTS"
		" (SELECT 1 FROM cdc_catalog.verification_progress p WHERE p.subscription OPERATOR(pg_catalog.=) $1"
		" AND p.name OPERATOR(pg_catalog.=) ANY ($2))",
		2, {TEXTOID, TEXTARRAYOID}
	};
	Datum		values[2];
	CdcSpi		spi;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = names_of(tables);
	cdc_spi_begin(&spi);
	if (restart)
		(void) cdc_spi_execute(&clear, values, NULL);
	(void) cdc_spi_execute(&begin, values, NULL);
	cdc_spi_end(&spi);
}

bool
cdc_verify_next(const CdcSubscription *sub, List *tables, CdcVerifyPlace *place)
{
	static CdcStatement stmt = {
		"SELECT name, started_at, shape, last_key, chunk, source_rows, rows_read, differences,"
		" ranges, gone, gone_seq, by_range FROM cdc_catalog.verification_progress"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) ANY ($2)"
		" AND NOT done ORDER BY name LIMIT 1 FOR UPDATE",
		2, {TEXTOID, TEXTARRAYOID}
	};
	Datum		values[2];
	CdcSpi		spi;
	bool		isnull;
	bool		found;

	memset(place, 0, sizeof(*place));
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = names_of(tables);
	cdc_spi_begin(&spi);
	found = cdc_spi_execute(&stmt, values, NULL) > 0;
	if (found)
	{
		place->registered = table_of(tables, cdc_spi_text(&spi, 0, 1));
		place->started_at = DatumGetTimestampTz(cdc_spi_copy(&spi, 0, 2, TIMESTAMPTZOID, &isnull));
		place->shape = cdc_spi_text(&spi, 0, 3);
		place->last = cdc_spi_text_array(&spi, 0, 4, &place->nlast);
		place->chunk = (int) cdc_spi_int64(0, 5);
		place->source_rows = cdc_spi_int64(0, 6);
		place->rows_read = cdc_spi_int64(0, 7);
		place->differences = cdc_spi_int64(0, 8);
		place->ranges = cdc_spi_text_array(&spi, 0, 9, &place->nranges);
		place->gone = cdc_spi_text_array(&spi, 0, 10, &place->ngone);
		place->gone_seq = cdc_spi_int64(0, 11);
		place->by_range = DatumGetBool(cdc_spi_copy(&spi, 0, 12, BOOLOID, &isnull));
	}
	cdc_spi_end(&spi);
	return found;
}

void
cdc_verify_save(const CdcVerifyTable *t, bool done)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.verification_progress SET updated_at = pg_catalog.clock_timestamp(), done = $3,"
		" shape = $4, last_key = $5, chunk = $6, source_rows = $7, rows_read = $8, differences = $9,"
		" ranges = $10, gone = $11, gone_seq = $12, by_range = $13"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		13, {TEXTOID, TEXTOID, BOOLOID, TEXTOID, TEXTARRAYOID, INT8OID, INT8OID, INT8OID, INT8OID,
		TEXTARRAYOID, TEXTARRAYOID, INT8OID, BOOLOID}
	};
	bool		by_range = t->by_range;
	List	   *ranges = done ? NIL : cdc_verify_conditions(t);
	List	   *gone = done ? NIL : t->gone;
	char		nulls[] = "             ";
	Datum		values[13];
	CdcSpi		spi;

	if (list_length(ranges) > MAX_KEPT_RANGES || list_length(gone) > MAX_KEPT_GONE)
	{
		by_range = false;
		ranges = gone = NIL;
	}
	values[0] = CStringGetTextDatum(t->verify->sub->name);
	values[1] = CStringGetTextDatum(t->registered->name);
	values[2] = BoolGetDatum(done);
	values[3] = cdc_text_or_null(t->shape, &nulls[3]);
	values[4] = (Datum) 0;
	nulls[4] = 'n';
	if (t->last != NULL && !done)
	{
		values[4] = cdc_text_array((const char *const *) t->last, t->key.ncolumns);
		nulls[4] = ' ';
	}
	values[5] = Int64GetDatum(t->chunk);
	values[6] = Int64GetDatum(t->source_rows);
	values[7] = Int64GetDatum(t->rows_read);
	values[8] = Int64GetDatum(t->differences);
	values[9] = cdc_text_list_array(ranges);
	values[10] = cdc_text_list_array(gone);
	values[11] = Int64GetDatum(t->gone_seq);
	values[12] = BoolGetDatum(by_range);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

bool
cdc_verify_end_run(const CdcSubscription *sub, List *tables)
{
	static CdcStatement look = {
		"SELECT 1 FROM cdc_catalog.verification_progress WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) ANY ($2) AND NOT done LIMIT 1",
		2, {TEXTOID, TEXTARRAYOID}
	};
	static CdcStatement end = {
		"DELETE FROM cdc_catalog.verification_progress WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND (name OPERATOR(pg_catalog.=) ANY ($2) OR NOT name OPERATOR(pg_catalog.=) ANY"
		" (SELECT t.name FROM cdc_catalog.subscription_table t WHERE t.subscription OPERATOR(pg_catalog.=) $1))",
		2, {TEXTOID, TEXTARRAYOID}
	};
	Datum		values[2];
	CdcSpi		spi;
	bool		more;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = names_of(tables);
	cdc_spi_begin(&spi);
	more = cdc_spi_execute(&look, values, NULL) > 0;
	if (!more)
		(void) cdc_spi_execute(&end, values, NULL);
	cdc_spi_end(&spi);
	return more;
}

void
cdc_verify_forget(const CdcVerifyTable *t, TimestampTz started_at)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.verification WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2 AND target OPERATOR(pg_catalog.=) $3"
		" AND started_at OPERATOR(pg_catalog.=) $4",
		4, {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	Datum		values[4];
	CdcSpi		spi;

	values[0] = CStringGetTextDatum(t->verify->sub->name);
	values[1] = CStringGetTextDatum(t->source_table);
	values[2] = CStringGetTextDatum(t->registered->target);
	values[3] = TimestampTzGetDatum(started_at);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

char *
cdc_verify_shape(const CdcVerifyTable *t)
{
	const CdcTarget *target = t->mapping->target;
	StringInfoData shape;
	int			i;

	initStringInfo(&shape);
	appendStringInfo(&shape, "%s; ", t->key.shape != NULL ? t->key.shape : "");
	for (i = 0; i < t->table->ncolumns; i++)
		appendStringInfo(&shape, "%s %s %s, ", t->table->columns[i].name, t->table->columns[i].column_type,
						 t->table->columns[i].collation != NULL ? t->table->columns[i].collation : "");
	appendStringInfo(&shape, "; %u ", target->relid);
	for (i = 0; i < target->ncolumns; i++)
		appendStringInfo(&shape, "%s %u %d, ", target->columns[i].name, target->columns[i].typid,
						 target->columns[i].typmod);
	return shape.data;
}
