/*-------------------------------------------------------------------------
 *
 * versions.c
 *	  Reading cdc.table_version: the only reader.  What writes it is store.c.
 *
 * The columns of a definition are an array of objects, whose members are named
 * as the fields of CdcColumnDef are.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/versions.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "pg/base/utf8.h"
#include "pg/catalog/spi.h"
#include "pg/datum/jsonb_view.h"
#include "pg/schema/schema_internal.h"

/* ------------------------------------------------------------------------
 * From JSON
 * ------------------------------------------------------------------------
 */

/* A text member, palloc'ed, in the encoding; NULL where it is absent or null. */
static char *
text_member(const JsonbContainer *object, const char *name, int encoding)
{
	CdcJsonValue v;
	char	   *text;

	if (!cdc_json_find(object, name, strlen(name), &v) || v.type != JENTRY_ISSTRING)
		return NULL;
	text = pnstrdup(v.data, v.len);
	return pg_server_to_any(text, (int) v.len, encoding);
}

static bool
bool_member(const JsonbContainer *object, const char *name, bool otherwise)
{
	CdcJsonValue v;

	if (!cdc_json_find(object, name, strlen(name), &v) || v.type == JENTRY_ISNULL)
		return otherwise;
	return v.type == JENTRY_ISBOOL_TRUE;
}

/* The 0-based place in the primary key; -1: the column is not in it. */
static int
key_place(const JsonbContainer *object)
{
	CdcJsonValue v;

	if (!cdc_json_find(object, "pk", 2, &v) || v.type != JENTRY_ISNUMERIC)
		return -1;
	return atoi(cdc_json_to_cstring(&v));
}

static void
parse_column(const JsonbContainer *object, int encoding, CdcColumnDef *column)
{
	column->name = text_member(object, "name", encoding);
	column->column_type = text_member(object, "column_type", encoding);
	column->charset = text_member(object, "charset", encoding);
	column->collation = text_member(object, "collation", encoding);
	column->extra = text_member(object, "extra", encoding);
	column->generated = text_member(object, "generated", encoding);
	column->default_value = text_member(object, "default", encoding);
	column->nullable = bool_member(object, "nullable", true);
	column->json_check = bool_member(object, "json_check", false);
	column->default_unknown = bool_member(object, "default_unknown", false);
	column->pk = key_place(object);
}

/* Fills the columns of a definition; ERROR where the JSON is none of ours. */
static void
parse_columns(const Jsonb *json, const char *source_table, int encoding, CdcTableDef *def)
{
	const JsonbContainer *array = &json->root;
	int			n = cdc_json_count(array);
	const char *base = cdc_json_base(array, n);
	uint32		offset = 0;
	int			i;

	def->columns = palloc0(sizeof(CdcColumnDef) * Max(n, 1));
	def->ncolumns = n;
	for (i = 0; i < n; i++)
	{
		CdcJsonValue v;

		cdc_json_step(array, base, i, &offset, &v);
		if (cdc_json_object(&v) != NULL)
			parse_column(cdc_json_object(&v), encoding, &def->columns[i]);
		if (def->columns[i].name == NULL || def->columns[i].column_type == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the stored definition of source table \"%s\" is malformed",
							source_table)));
	}
}

/* The jsonb in a field of the result, in the caller's context. */
static const Jsonb *
jsonb_field(CdcSpi *spi, uint64 row, int column)
{
	bool		isnull;
	Datum		d = cdc_spi_datum(row, column, JSONBOID, &isnull);
	MemoryContext old = MemoryContextSwitchTo(spi->caller);
	const Jsonb *json = (const Jsonb *) PG_DETOAST_DATUM_COPY(d);

	MemoryContextSwitchTo(old);
	return json;
}

/* ------------------------------------------------------------------------
 * As of an event
 * ------------------------------------------------------------------------
 */

bool
cdc_table_version_at(const char *subscription, const char *source_table, int64 seq, int encoding,
					 CdcTableVersion *version)
{
	static CdcStatement stmt = {
		"SELECT t.columns, t.table_charset, t.table_collation, t.from_seq,"
		" (SELECT pg_catalog.min(n.from_seq) FROM cdc_catalog.table_version n"
		" WHERE n.subscription OPERATOR(pg_catalog.=) $1 AND n.source_table OPERATOR(pg_catalog.=) $2"
		" AND n.from_seq OPERATOR(pg_catalog.>) $3)"
		" FROM cdc_catalog.table_version t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2"
		" AND pg_catalog.jsonb_array_length(t.columns) OPERATOR(pg_catalog.>) 0"
		" ORDER BY t.from_seq OPERATOR(pg_catalog.>) $3,"
		" CASE WHEN t.from_seq OPERATOR(pg_catalog.>) $3 THEN t.version"
		" ELSE OPERATOR(pg_catalog.-) t.version END LIMIT 1",
		3, {TEXTOID, TEXTOID, INT8OID}, NULL
	};
	Datum		values[3];
	const Jsonb *columns = NULL;
	CdcSpi		spi;

	memset(version, 0, sizeof(*version));
	version->next_seq = PG_INT64_MAX;
	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = Int64GetDatum(seq);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
	{
		bool		isnull;
		Datum		next = cdc_spi_datum(0, 5, INT8OID, &isnull);

		if (!isnull)
			version->next_seq = DatumGetInt64(next);
		version->from_seq = cdc_spi_int64(0, 4);
		version->def.charset = cdc_spi_text(&spi, 0, 2);
		version->def.collation = cdc_spi_text(&spi, 0, 3);
		columns = jsonb_field(&spi, 0, 1);
	}
	cdc_spi_end(&spi);
	if (columns == NULL)
		return false;
	parse_columns(columns, source_table, encoding, &version->def);
	return true;
}

void
cdc_table_version_get(const char *subscription, const char *source_table, int number, int encoding,
					  CdcTableDef *def)
{
	static CdcStatement stmt = {
		"SELECT columns, table_charset, table_collation FROM cdc_catalog.table_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND version OPERATOR(pg_catalog.=) $3",
		3, {TEXTOID, TEXTOID, INT4OID}, NULL
	};
	Datum		values[3];
	const Jsonb *columns = NULL;
	CdcSpi		spi;

	memset(def, 0, sizeof(*def));
	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = Int32GetDatum(number);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
	{
		def->charset = cdc_spi_text(&spi, 0, 2);
		def->collation = cdc_spi_text(&spi, 0, 3);
		columns = jsonb_field(&spi, 0, 1);
	}
	cdc_spi_end(&spi);
	if (columns != NULL)
		parse_columns(columns, source_table, encoding, def);
}

bool
cdc_column_def_is_virtual(const CdcColumnDef *column)
{
	return column->extra != NULL && strstr(column->extra, "VIRTUAL") != NULL;
}

bool
cdc_column_def_is_generated(const CdcColumnDef *column)
{
	return cdc_column_def_is_virtual(column) ||
		(column->extra != NULL && (strstr(column->extra, "STORED") != NULL ||
								   strstr(column->extra, "PERSISTENT") != NULL));
}

/* ------------------------------------------------------------------------
 * The newest ones
 * ------------------------------------------------------------------------
 */

List *
cdc_schema_read_stored(const char *subscription, const char *full_name, int limit)
{
	static CdcStatement stmt = {
		"SELECT columns, table_charset, table_collation, as_of, unproven::pg_catalog.int4::pg_catalog.int8 FROM cdc_catalog.table_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" ORDER BY version DESC LIMIT $3",
		3, {TEXTOID, TEXTOID, INT8OID}, NULL
	};
	Datum		values[3];
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		nrows;
	uint64		i;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(cdc_from_utf8(full_name));
	values[2] = Int64GetDatum(limit);
	cdc_spi_begin(&spi);
	nrows = cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < nrows; i++)
	{
		const Jsonb *columns = jsonb_field(&spi, i, 1);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);
		CdcStoredDef *stored = palloc0(sizeof(CdcStoredDef));

		stored->def.charset = cdc_spi_text(&spi, i, 2);
		stored->def.collation = cdc_spi_text(&spi, i, 3);
		stored->as_of = cdc_spi_text(&spi, i, 4);
		stored->unproven = cdc_spi_int64(i, 5) != 0;
		parse_columns(columns, full_name, PG_UTF8, &stored->def);
		result = lappend(result, stored);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}
