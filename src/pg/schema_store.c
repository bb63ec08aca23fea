/*-------------------------------------------------------------------------
 *
 * schema_store.c
 *	  cdc.table_version: definitions of source tables as JSON, a version each
 *	  time they change.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema_internal.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "pg/spi.h"

/* The core's UTF-8 in the database's encoding, and back; NULL stays NULL. */
static char *
to_database(const char *utf8)
{
	return utf8 ? pg_any_to_server(utf8, strlen(utf8), PG_UTF8) : NULL;
}

static char *
to_utf8(const char *s)
{
	return s ? pg_server_to_any(s, strlen(s), PG_UTF8) : NULL;
}

static void
put_string(StringInfo buf, const char *key, const char *value)
{
	appendStringInfo(buf, ", \"%s\": ", key);
	if (value == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, to_database(value));
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
		put_string(&buf, "name", c->name);
		put_string(&buf, "column_type", c->column_type);
		put_string(&buf, "charset", c->charset);
		put_string(&buf, "collation", c->collation);
		put_string(&buf, "extra", c->extra);
		put_string(&buf, "generated", c->generated);
		put_string(&buf, "default", c->default_value);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

#define FIELD(name)	"e.c OPERATOR(pg_catalog.->>) '" name "'"

List *
cdc_schema_read_stored(const char *subscription, const char *full_name, int limit)
{
	static CdcStatement stmt = {
		"SELECT v.version::pg_catalog.int8, "
		FIELD("name") ", " FIELD("column_type") ", " FIELD("charset") ", "
		FIELD("collation") ", " FIELD("extra") ", " FIELD("generated") ", "
		FIELD("default") ", " FIELD("nullable") ", " FIELD("json_check") ", " FIELD("pk")
		" FROM (SELECT version, columns FROM cdc.table_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" ORDER BY version DESC LIMIT $3) v,"
		" LATERAL pg_catalog.jsonb_array_elements(v.columns) WITH ORDINALITY AS e(c, n)"
		" ORDER BY v.version DESC, e.n",
		3, {TEXTOID, TEXTOID, INT8OID}, NULL
	};
	Datum		values[3];
	CdcSpi		spi;
	List	   *result = NIL;
	CdcTableDef *def = NULL;
	int64		version = -1;
	uint64		nrows;
	uint64		i;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(to_database(full_name));
	values[2] = Int64GetDatum(limit);
	cdc_spi_begin(&spi);
	nrows = cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < nrows; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(spi.caller);
		CdcColumnDef *c;
		char	   *pk;
		char	   *flag;

		if (def == NULL || version != cdc_spi_int64(i, 1))
		{
			def = palloc0(sizeof(CdcTableDef));
			def->columns = palloc0(sizeof(CdcColumnDef) * nrows);
			version = cdc_spi_int64(i, 1);
			result = lappend(result, def);
		}
		c = &def->columns[def->ncolumns++];
		c->name = to_utf8(cdc_spi_text(&spi, i, 2));
		c->column_type = to_utf8(cdc_spi_text(&spi, i, 3));
		c->charset = to_utf8(cdc_spi_text(&spi, i, 4));
		c->collation = to_utf8(cdc_spi_text(&spi, i, 5));
		c->extra = to_utf8(cdc_spi_text(&spi, i, 6));
		c->generated = to_utf8(cdc_spi_text(&spi, i, 7));
		c->default_value = to_utf8(cdc_spi_text(&spi, i, 8));
		flag = cdc_spi_text(&spi, i, 9);
		c->nullable = flag == NULL || strcmp(flag, "true") == 0;
		flag = cdc_spi_text(&spi, i, 10);
		c->json_check = flag != NULL && strcmp(flag, "true") == 0;
		pk = cdc_spi_text(&spi, i, 11);
		c->pk = pk != NULL ? atoi(pk) : -1;
		MemoryContextSwitchTo(old);
		if (c->name == NULL || c->column_type == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the stored definition of source table \"%s\" is malformed", full_name)));
	}
	cdc_spi_end(&spi);
	return result;
}

void
cdc_schema_store(const char *subscription, const char *full_name, const CdcTableDef *def,
				 int64 seq, const char *position)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc.table_version (subscription, source_table, version, from_seq, position, columns)"
		" SELECT $1, $2, newest.version OPERATOR(pg_catalog.+) 1, $4, $5, $3 FROM"
		" (SELECT COALESCE(pg_catalog.max(version), 0) AS version FROM cdc.table_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2) newest"
		" WHERE NOT EXISTS (SELECT 1 FROM cdc.table_version v"
		" WHERE v.subscription OPERATOR(pg_catalog.=) $1 AND v.source_table OPERATOR(pg_catalog.=) $2"
		" AND v.version OPERATOR(pg_catalog.=) newest.version"
		" AND v.columns OPERATOR(pg_catalog.=) $3)",
		5, {TEXTOID, TEXTOID, JSONBOID, INT8OID, TEXTOID}, NULL
	};
	Datum		values[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', ' '};
	CdcSpi		spi;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(to_database(full_name));
	values[2] = JsonbPGetDatum(def_to_jsonb(def));
	values[3] = Int64GetDatum(seq);
	values[4] = cdc_text_or_null(to_database(position), &nulls[4]);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}
