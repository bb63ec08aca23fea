/*-------------------------------------------------------------------------
 *
 * tables.c
 *	  Reading cdc.subscription_table, and the states of its tables.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/tables.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/bounded_text.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"

/* What read_tables() takes apart. */
#define TABLES \
	"SELECT t.source_table, t.target, t.mode, t.key, t.columns, t.state, t.copy_data, t.target_oid, t.options, t.held, t.keyless, t.row_filter," \
	" t.held_seq, t.kept_events, t.differs IS NOT NULL, t.name, t.left_out" \
	" FROM cdc_catalog.subscription_table t"

/* source_table NULL: of all. */
static List *
read_tables(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		TABLES " WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" ORDER BY t.source_table, t.name OPERATOR(pg_catalog.<>) t.source_table, t.name",
		1, {TEXTOID}
	};
	static CdcStatement of_source = {
		TABLES " WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2"
		" ORDER BY t.name OPERATOR(pg_catalog.<>) t.source_table, t.name",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	List	   *result = NIL;
	Datum		values[2];
	uint64		n;
	uint64		i;

	values[0] = CStringGetTextDatum(sub->name);
	if (source_table != NULL)
		values[1] = CStringGetTextDatum(source_table);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(source_table != NULL ? &of_source : &stmt, values, NULL);
	for (i = 0; i < n; i++)
	{
		CdcSubscriptionTable *t = MemoryContextAllocZero(spi.caller, sizeof(*t));
		MemoryContext old;
		bool		isnull;
		Datum		d;

		t->source_table = cdc_spi_text(&spi, i, 1);
		t->target = cdc_spi_text(&spi, i, 2);
		t->mode = cdc_spi_text(&spi, i, 3);
		t->row_filter = cdc_spi_text(&spi, i, 12);
		t->key = cdc_spi_text_array(&spi, i, 4, &t->nkey);
		d = cdc_spi_datum(i, 5, JSONBOID, &isnull);
		old = MemoryContextSwitchTo(spi.caller);
		if (!isnull)
			t->columns = (Jsonb *) PG_DETOAST_DATUM_COPY(d);
		d = cdc_spi_datum(i, 9, JSONBOID, &isnull);
		if (!isnull)
			t->options = (Jsonb *) PG_DETOAST_DATUM_COPY(d);
		result = lappend(result, t);
		MemoryContextSwitchTo(old);
		t->held = DatumGetBool(cdc_spi_datum(i, 10, BOOLOID, &isnull));
		t->state = DatumGetChar(cdc_spi_datum(i, 6, CHAROID, &isnull));
		t->copy_data = DatumGetBool(cdc_spi_datum(i, 7, BOOLOID, &isnull));
		d = cdc_spi_datum(i, 8, OIDOID, &isnull);
		t->target_oid = isnull ? InvalidOid : DatumGetObjectId(d);
		t->keyless = DatumGetBool(cdc_spi_datum(i, 11, BOOLOID, &isnull));
		d = cdc_spi_datum(i, 13, INT8OID, &isnull);
		t->held_seq = isnull ? -1 : DatumGetInt64(d);
		t->kept_events = cdc_spi_int64(i, 14);
		t->differs = DatumGetBool(cdc_spi_datum(i, 15, BOOLOID, &isnull));
		t->name = cdc_spi_text(&spi, i, 16);
		t->left_out = DatumGetBool(cdc_spi_datum(i, 17, BOOLOID, &isnull));
	}
	cdc_spi_end(&spi);
	return result;
}

List *
cdc_subscription_tables(const CdcSubscription *sub)
{
	return read_tables(sub, NULL);
}

List *
cdc_subscription_tables_of(const CdcSubscription *sub, const char *source_table)
{
	return read_tables(sub, source_table);
}

CdcSubscriptionTable *
cdc_subscription_table_find(const CdcSubscription *sub, const char *name)
{
	ListCell   *lc;

	foreach(lc, cdc_subscription_tables(sub))
		if (strcmp(((CdcSubscriptionTable *) lfirst(lc))->name, name) == 0)
			return lfirst(lc);
	return NULL;
}

static bool
is_taken(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, name) > 0;
}

char *
cdc_subscription_table_name(const CdcSubscription *sub, const char *source_table, const char *target)
{
	char	   *name = pstrdup(source_table);
	int			n = 1;

	while (is_taken(sub, name))
	{
		CHECK_FOR_INTERRUPTS();
		name = n == 1 ? psprintf("%s -> %s", source_table, target != NULL ? target : "") :
			psprintf("%s -> %s (%d)", source_table, target != NULL ? target : "", n);
		n++;
	}
	return name;
}

void
cdc_subscription_tables_forget(Oid target)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table AS t SET target_oid = NULL"
		" WHERE t.target_oid OPERATOR(pg_catalog.=) $1 AND NOT EXISTS"
		" (SELECT 1 FROM cdc_catalog.subscription_identity i"
		"   WHERE i.subscription OPERATOR(pg_catalog.=) t.subscription"
		"     AND i.system_identifier OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||)"
		"         i.\"database\"::pg_catalog.text OPERATOR(pg_catalog.=) cdc_catalog.here())",
		1, {OIDOID}
	};
	CdcSpi		spi;
	Datum		value = ObjectIdGetDatum(target);

	if (!OidIsValid(target))
		return;
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, &value, NULL);
	cdc_spi_end(&spi);
}

void
cdc_subscription_table_target(const CdcSubscription *sub, const char *name,
							  const char *target, Oid relid)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET target = $3, target_oid = $4"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, TEXTOID, TEXTOID, OIDOID}
	};
	CdcSpi		spi;
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};

	cdc_subscription_tables_forget(relid);
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(target);
	values[3] = ObjectIdGetDatum(relid);
	nulls[3] = OidIsValid(relid) ? ' ' : 'n';
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
}

void
cdc_subscription_table_seen(const CdcSubscription *sub, const char *name, CdcTargetSeen *seen)
{
	static CdcStatement stmt = {
		"SELECT target_node, target_rows, target_shape FROM cdc_catalog.subscription_table"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];

	memset(seen, 0, sizeof(*seen));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
	{
		bool		isnull;
		Datum		d = cdc_spi_datum(0, 1, OIDOID, &isnull);

		seen->node = isnull ? InvalidOid : DatumGetObjectId(d);
		seen->has_rows = DatumGetBool(cdc_spi_datum(0, 2, BOOLOID, &isnull));
		seen->shape = cdc_spi_text(&spi, 0, 3);
	}
	cdc_spi_end(&spi);
}

char *
cdc_subscription_table_origin(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"SELECT origin FROM cdc_catalog.subscription_table"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	CdcSpi		spi;
	Datum		values[2];
	char	   *result = NULL;

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
	{
		bool		isnull;
		Datum		d = cdc_spi_datum(0, 1, TEXTOID, &isnull);

		if (!isnull)
			result = MemoryContextStrdup(caller, TextDatumGetCString(d));
	}
	cdc_spi_end(&spi);
	return result;
}

void
cdc_subscription_table_set_origin(const CdcSubscription *sub, const char *name, const char *origin)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET origin = $3"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, name, origin);
}

void
cdc_subscription_table_note(const CdcSubscription *sub, const char *name, const CdcTargetSeen *seen)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET target_node = $3, target_rows = $4, target_shape = $5"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		5, {TEXTOID, TEXTOID, OIDOID, BOOLOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', ' '};

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = ObjectIdGetDatum(seen->node);
	nulls[2] = OidIsValid(seen->node) ? ' ' : 'n';
	values[3] = BoolGetDatum(seen->has_rows);
	values[4] = cdc_text_or_null(seen->shape, &nulls[4]);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

void
cdc_subscription_table_reshaped(Oid relid)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET target_shape = NULL"
		" WHERE target_oid OPERATOR(pg_catalog.=) $1 AND target_shape IS NOT NULL",
		1, {OIDOID}
	};
	CdcSpi		spi;
	Datum		values[1];

	cdc_spi_begin(&spi);
	values[0] = ObjectIdGetDatum(relid);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

void
cdc_subscription_table_columns(const CdcSubscription *sub, const char *name,
							   const Jsonb *columns)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET columns = $3"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, JSONBOID}
	};
	CdcSpi		spi;
	Datum		values[3];
	char		nulls[3] = {' ', ' ', ' '};

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = columns != NULL ? JsonbPGetDatum(columns) : (Datum) 0;
	nulls[2] = columns != NULL ? ' ' : 'n';
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
}

void
cdc_subscription_table_key(const CdcSubscription *sub, const char *name, char *const *key, int nkey)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET key = $3"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, TEXTARRAYOID}
	};
	CdcSpi		spi;
	Datum		values[3];

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = cdc_text_array((const char *const *) key, nkey);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
}

void
cdc_subscription_table_not_removed(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.removed_table AS r WHERE r.subscription OPERATOR(pg_catalog.=) $1"
		" AND r.source_table OPERATOR(pg_catalog.=) $2 AND (r.target IS NULL"
		" OR EXISTS (SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2"
		" AND t.target OPERATOR(pg_catalog.=) r.target)"
		" OR NOT EXISTS (SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2))",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, source_table);
}

void
cdc_subscription_table_removed(const CdcSubscription *sub, const char *source_table,
							   const char *target, Oid relid)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.removed_table (subscription, source_table, target, target_oid)"
		" VALUES ($1, $2, $3, $4)",
		4, {TEXTOID, TEXTOID, TEXTOID, OIDOID}
	};
	static CdcStatement former = {
		"DELETE FROM cdc_catalog.removed_table WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2"
		" AND COALESCE(target, '') OPERATOR(pg_catalog.=) COALESCE($3, '')",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};

	(void) cdc_spi_run(&former, sub->name, source_table, target);
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = cdc_text_or_null(target, &nulls[2]);
	values[3] = ObjectIdGetDatum(relid);
	nulls[3] = OidIsValid(relid) ? ' ' : 'n';
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
}

bool
cdc_subscription_table_is_removed(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.removed_table WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table) > 0;
}

bool
cdc_subscription_table_has_filled(const CdcSubscription *sub, const char *source_table,
								  const char *target)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.removed_table WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2 AND target OPERATOR(pg_catalog.=) $3"
		" AND target_oid OPERATOR(pg_catalog.=) $4",
		4, {TEXTOID, TEXTOID, TEXTOID, OIDOID}
	};
	CdcSpi		spi;
	Datum		values[4];
	bool		found;

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = CStringGetTextDatum(target);
	values[3] = ObjectIdGetDatum(cdc_relation_by_name(target));
	found = cdc_spi_execute(&stmt, values, NULL) > 0;
	cdc_spi_end(&spi);
	return found;
}

void
cdc_subscription_table_hold(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET held = true"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, name);
	cdc_catalog_changed();
}
