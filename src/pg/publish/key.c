/*-------------------------------------------------------------------------
 *
 * key.c
 *	  The columns of a source table's primary key as of an event: from the
 *	  event itself, where it names them, else from cdc.table_version.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "pg/catalog/spi.h"

#define TABLE_NAME_BYTES	520

/* What is known of a table, for events from one seq to another. */
typedef struct KnownTable
{
	char		name[TABLE_NAME_BYTES]; /* the key, UTF-8 */
	int64		from_seq;
	int64		to_seq;			/* not included */
	CdcPublishKey key;
} KnownTable;

static HTAB *
create_tables(MemoryContext cxt)
{
	HASHCTL		ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = TABLE_NAME_BYTES;
	ctl.entrysize = sizeof(KnownTable);
	ctl.hcxt = cxt;
	return hash_create("cdc_ingest published tables", 64, &ctl,
					   HASH_ELEM | HASH_CONTEXT | CDC_HASH_STRINGS);
}

/*
 * The version that was in force at seq, and when the next one came.  A copy's
 * rows come with the seq of the first version or a later one: before that it
 * is the first.
 */
static void
read_version(CdcPublisher *publisher, KnownTable *table, int64 seq)
{
	static CdcStatement stmt = {
		"SELECT c.name, v.from_seq, v.next_seq"
		" FROM (SELECT t.columns, t.from_seq, t.version,"
		"              (SELECT pg_catalog.min(n.from_seq) FROM cdc_catalog.table_version n"
		"                WHERE n.subscription OPERATOR(pg_catalog.=) $1 AND n.source_table OPERATOR(pg_catalog.=) $2"
		"                  AND n.from_seq OPERATOR(pg_catalog.>) $3) AS next_seq"
		"         FROM cdc_catalog.table_version t"
		"        WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2"
		"          AND pg_catalog.jsonb_array_length(t.columns) OPERATOR(pg_catalog.>) 0"
		"        ORDER BY t.from_seq OPERATOR(pg_catalog.>) $3,"
		"                 CASE WHEN t.from_seq OPERATOR(pg_catalog.>) $3 THEN t.from_seq"
		"                      ELSE OPERATOR(pg_catalog.-) t.from_seq END,"
		"                 t.version DESC LIMIT 1) v"
		" LEFT JOIN LATERAL (SELECT e.c OPERATOR(pg_catalog.->>) 'name' AS name,"
		"                           (e.c OPERATOR(pg_catalog.->>) 'pk')::pg_catalog.int4 AS pk"
		"                      FROM pg_catalog.jsonb_array_elements(v.columns) AS e(c)) c"
		"   ON c.pk IS NOT NULL ORDER BY c.pk",
		3, {TEXTOID, TEXTOID, INT8OID}
	};
	Datum		values[3];
	CdcSpi		spi;
	uint64		nrows;
	uint64		i;

	table->from_seq = 0;
	table->to_seq = PG_INT64_MAX;
	values[0] = CStringGetTextDatum(publisher->publication->sub->name);
	values[1] = CStringGetTextDatum(pg_any_to_server(table->name, strlen(table->name), PG_UTF8));
	values[2] = Int64GetDatum(seq);
	cdc_spi_begin(&spi);
	nrows = cdc_spi_execute(&stmt, values, NULL);
	if (nrows > 0)
	{
		bool		isnull;
		Datum		next = cdc_spi_datum(0, 3, &isnull);

		if (!isnull)
			table->to_seq = DatumGetInt64(next);
		table->from_seq = Min(cdc_spi_int64(0, 2), seq);
	}
	table->key.columns = MemoryContextAlloc(publisher->cxt, sizeof(char *) * Max(nrows, 1));
	for (i = 0; i < nrows; i++)
	{
		char	   *name = cdc_spi_text(&spi, i, 1);

		if (name != NULL)
			table->key.columns[table->key.n++] =
				MemoryContextStrdup(publisher->cxt,
									pg_server_to_any(name, strlen(name), PG_UTF8));
	}
	cdc_spi_end(&spi);
}

/* "primary_key_columns", which Maxwell writes when asked to. */
static const CdcPublishKey *
key_of_event(const CdcDoc *columns)
{
	CdcPublishKey *key = palloc0(sizeof(CdcPublishKey));
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		value;

	key->columns = palloc(sizeof(char *) * Max(columns->ops->count(columns), 1));
	columns->ops->begin(columns, &iter);
	while (columns->ops->next(&iter, &name, &value))
	{
		if (value.type == CDC_DOC_STRING)
			key->columns[key->n++] = pnstrdup(value.string.data, value.string.len);
	}
	return key;
}

const CdcPublishKey *
cdc_publish_key(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	static const CdcPublishKey none = {0, NULL};
	char		name[TABLE_NAME_BYTES] = {0};
	KnownTable *table;
	CdcDoc		columns;
	bool		found;

	if (event->has_doc &&
		cdc_doc_find_type(&event->doc, "primary_key_columns", CDC_DOC_ARRAY, &columns))
		return key_of_event(&columns);
	if (event->source_table == NULL || strlen(event->source_table) >= sizeof(name))
		return &none;

	if (publisher->tables == NULL)
		publisher->tables = create_tables(publisher->cxt);
	strlcpy(name, event->source_table, sizeof(name));
	table = hash_search(publisher->tables, name, HASH_ENTER, &found);
	if (!found || event->seq < table->from_seq || event->seq >= table->to_seq)
	{
		memset(&table->key, 0, sizeof(table->key));
		table->from_seq = table->to_seq = 0;	/* should this fail */
		read_version(publisher, table, event->seq);
	}
	return &table->key;
}
