/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Writing cdc.table_version: definitions of source tables as JSON, a version
 *	  each time they change (versions.c reads them); cdc.database_version:
 *	  defaults of source databases.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/schema_internal.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "pg/base/utf8.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/spi.h"

static void
append_member(StringInfo buf, const char *key, const char *value)
{
	appendStringInfo(buf, ", \"%s\": ", key);
	if (value == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, cdc_from_utf8(value));
}

static Jsonb *
def_to_jsonb(const CdcTableDef *def)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	for (i = 0; i < def->ncolumns; i++)
	{
		const CdcColumnDef *c = &def->columns[i];

		appendStringInfo(&buf, "%s{\"nullable\": %s, \"json_check\": %s, \"pk\": ", i > 0 ? ", " : "",
						 c->nullable ? "true" : "false", c->json_check ? "true" : "false");
		if (c->pk >= 0)
			appendStringInfo(&buf, "%d", c->pk);
		else
			appendStringInfoString(&buf, "null");
		append_member(&buf, "name", c->name);
		append_member(&buf, "column_type", c->column_type);
		append_member(&buf, "charset", c->charset);
		append_member(&buf, "collation", c->collation);
		append_member(&buf, "extra", c->extra);
		append_member(&buf, "generated", c->generated);
		append_member(&buf, "default", c->default_value);
		if (c->default_unknown)
			appendStringInfoString(&buf, ", \"default_unknown\": true");
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* Removes all versions but the newest; those of a table that is gone, too. */
static void
keep_newest(const char *subscription, const char *full_name)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.table_version v"
		" WHERE v.subscription OPERATOR(pg_catalog.=) $1 AND v.source_table OPERATOR(pg_catalog.=) $2"
		" AND (pg_catalog.jsonb_array_length(v.columns) OPERATOR(pg_catalog.=) 0"
		" OR v.version OPERATOR(pg_catalog.<) (SELECT pg_catalog.max(n.version) FROM cdc_catalog.table_version n"
		" WHERE n.subscription OPERATOR(pg_catalog.=) $1 AND n.source_table OPERATOR(pg_catalog.=) $2))",
		2, {TEXTOID, TEXTOID}, NULL
	};
	Datum		values[2];

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(cdc_from_utf8(full_name));
	(void) cdc_spi_execute(&stmt, values, NULL);
}

void
cdc_schema_store(const char *subscription, const char *full_name, const CdcTableDef *def,
				 const CdcSchemaPlace *place, const char *as_of, bool only)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.table_version (subscription, source_table, version, from_seq, position, columns,"
		" table_charset, table_collation, as_of)"
		" SELECT $1, $2, newest.version OPERATOR(pg_catalog.+) 1, $4, $5, $3, $6, $7, $8 FROM"
		" (SELECT COALESCE(pg_catalog.max(version), 0) AS version FROM cdc_catalog.table_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2) newest"
		" WHERE NOT EXISTS (SELECT 1 FROM cdc_catalog.table_version v"
		" WHERE v.subscription OPERATOR(pg_catalog.=) $1 AND v.source_table OPERATOR(pg_catalog.=) $2"
		" AND v.version OPERATOR(pg_catalog.=) newest.version"
		" AND v.columns OPERATOR(pg_catalog.=) $3"
		" AND COALESCE(v.table_collation, '') OPERATOR(pg_catalog.=) COALESCE($7, '')"
		" AND COALESCE(v.as_of, '') OPERATOR(pg_catalog.=) COALESCE($8, ''))",
		8, {TEXTOID, TEXTOID, JSONBOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}, NULL
	};
	Datum		values[8];
	char		nulls[8] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
	CdcSpi		spi;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(cdc_from_utf8(full_name));
	values[2] = JsonbPGetDatum(def_to_jsonb(def));
	values[3] = Int64GetDatum(place->seq);
	values[4] = cdc_text_or_null(cdc_from_utf8(place->position), &nulls[4]);
	values[5] = cdc_text_or_null(def->charset, &nulls[5]);
	values[6] = cdc_text_or_null(def->collation, &nulls[6]);
	values[7] = cdc_text_or_null(as_of, &nulls[7]);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, nulls);
	if (only)
		keep_newest(subscription, full_name);
	cdc_spi_end(&spi);
}

char *
cdc_schema_stored_database(const char *subscription, const char *database)
{
	static CdcStatement stmt = {
		"SELECT collation_name FROM cdc.database_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_database OPERATOR(pg_catalog.=) $2"
		" ORDER BY version DESC LIMIT 1",
		2, {TEXTOID, TEXTOID}, NULL
	};
	Datum		values[2];
	CdcSpi		spi;
	char	   *result = NULL;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(cdc_from_utf8(database));
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		result = cdc_spi_text(&spi, 0, 1);
	cdc_spi_end(&spi);
	return result;
}

void
cdc_schema_store_database(const char *subscription, const char *database, const char *charset,
						  const char *collation, const CdcSchemaPlace *place)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.database_version (subscription, source_database, version, from_seq, position,"
		" charset, collation_name)"
		" SELECT $1, $2, COALESCE(pg_catalog.max(version), 0) OPERATOR(pg_catalog.+) 1, $3, $4, $5, $6"
		" FROM cdc.database_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_database OPERATOR(pg_catalog.=) $2",
		6, {TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID}, NULL
	};
	Datum		values[6];
	char		nulls[6] = {' ', ' ', ' ', ' ', ' ', ' '};
	CdcSpi		spi;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(cdc_from_utf8(database));
	values[2] = Int64GetDatum(place->seq);
	values[3] = cdc_text_or_null(cdc_from_utf8(place->position), &nulls[3]);
	values[4] = cdc_text_or_null(charset, &nulls[4]);
	values[5] = cdc_text_or_null(collation, &nulls[5]);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

List *
cdc_schema_stored_tables(const char *subscription, const char *database)
{
	static CdcStatement stmt = {
		"SELECT DISTINCT source_table FROM cdc_catalog.table_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND pg_catalog.strpos(source_table, $2) OPERATOR(pg_catalog.=) 1"
		" ORDER BY source_table",
		2, {TEXTOID, TEXTOID}, NULL
	};
	Datum		values[2];
	List	   *names;
	ListCell   *lc;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(cdc_from_utf8(psprintf("%s.", database)));
	names = cdc_spi_texts(&stmt, values);
	foreach(lc, names)
		lfirst(lc) = cdc_to_utf8(lfirst(lc));
	return names;
}
