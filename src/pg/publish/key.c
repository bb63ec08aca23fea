/*-------------------------------------------------------------------------
 *
 * key.c
 *	  The columns of a source table's primary key as of an event: from the
 *	  event itself, where it names them, else from cdc.table_version.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "utils/memutils.h"

#include "pg/base/hash.h"
#include "pg/base/utf8.h"
#include "pg/schema/schema.h"
#include "pg/schema/versions.h"

#define TABLE_NAME_BYTES	520

/* What is known of a table, for events from one seq to another. */
typedef struct KnownTable
{
	char		name[TABLE_NAME_BYTES]; /* the key, UTF-8 */
	int64		from_seq;
	int64		to_seq;			/* not included */
	CdcPublishKey key;
	const CdcTable *definition; /* NULL: not known */
} KnownTable;

/* Definitions that were announced by this process, by publication and table. */
typedef struct Announced
{
	char		name[TABLE_NAME_BYTES + NAMEDATALEN * 4];
	int64		from_seq;
} Announced;

static HTAB *announced = NULL;

static HTAB *
create_tables(MemoryContext cxt)
{
	return cdc_hash_of_strings("cdc_ingest published tables", 64, TABLE_NAME_BYTES,
							   sizeof(KnownTable), cxt);
}

/* The definition in a form that tells types; the current context is the run's. */
static void
make_definition(CdcPublisher *publisher, KnownTable *table, const CdcTableDef *def)
{
	const char *dot = strchr(table->name, '.');

	table->definition = NULL;
	if (def->ncolumns == 0)
		return;
	if (publisher->schema == NULL)
		publisher->schema = cdc_schema_create(publisher->cxt, publisher->publication->sub);
	table->definition = cdc_schema_make_table(publisher->schema,
											  dot != NULL ? pnstrdup(table->name, dot - table->name) : "",
											  dot != NULL ? dot + 1 : table->name, def);
}

/*
 * The key by the version that was in force at seq, and when the next one comes.  A
 * copy's rows come with the seq of the first version or a later one: before that
 * it is the first.
 */
static void
read_version(CdcPublisher *publisher, KnownTable *table, int64 seq)
{
	const char *subscription = publisher->publication->sub->name;
	const char *name = cdc_from_utf8(table->name);
	CdcTableVersion version;
	int			place;
	int			i;

	MemoryContext old = MemoryContextSwitchTo(publisher->cxt);

	if (!cdc_table_version_at(subscription, name, seq, PG_UTF8, &version))
		version.from_seq = 0;
	make_definition(publisher, table, &version.def);
	MemoryContextSwitchTo(old);
	table->from_seq = Min(version.from_seq, seq);
	table->to_seq = version.next_seq;
	table->key.columns = MemoryContextAlloc(publisher->cxt,
											sizeof(char *) * Max(version.def.ncolumns, 1));
	for (place = 0; place < version.def.ncolumns; place++)
		for (i = 0; i < version.def.ncolumns; i++)
			if (version.def.columns[i].pk == place)
				table->key.columns[table->key.n++] =
					MemoryContextStrdup(publisher->cxt, version.def.columns[i].name);
}

/* "primary_key_columns", which Maxwell writes when asked to. */
static const CdcPublishKey *
key_of_event(const CdcDoc *columns)
{
	CdcPublishKey *key = palloc0(sizeof(CdcPublishKey));
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		value;

	key->columns = palloc(sizeof(char *) * Max(cdc_doc_count(columns), 1));
	cdc_doc_begin(columns, &iter);
	while (cdc_doc_next(&iter, &name, &value))
	{
		if (value.type == CDC_DOC_STRING)
			key->columns[key->n++] = pnstrdup(value.string.data, value.string.len);
	}
	return key;
}

/* What is known of a table; NULL: its name is too long for a source's. */
static KnownTable *
find_table(CdcPublisher *publisher, const char *source_table)
{
	char		name[TABLE_NAME_BYTES] = {0};
	KnownTable *table;
	bool		found;

	if (strlen(source_table) >= sizeof(name))
		return NULL;
	if (publisher->tables == NULL)
		publisher->tables = create_tables(publisher->cxt);
	strlcpy(name, source_table, sizeof(name));
	table = hash_search(publisher->tables, name, HASH_ENTER, &found);
	if (!found)
		memset((char *) table + TABLE_NAME_BYTES, 0, sizeof(*table) - TABLE_NAME_BYTES);
	return table;
}

const char *
cdc_publish_table_name(CdcPublisher *publisher, const char *name)
{
	KnownTable *table = find_table(publisher, name);

	return table != NULL ? table->name : NULL;
}

/* What is known of the event's table as of the event; NULL: it has none. */
static KnownTable *
table_at(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	KnownTable *table = event->source_table != NULL ?
		find_table(publisher, event->source_table) : NULL;

	if (table != NULL && (event->seq < table->from_seq || event->seq >= table->to_seq))
	{
		memset(&table->key, 0, sizeof(table->key));
		table->from_seq = table->to_seq = 0;	/* should this fail */
		read_version(publisher, table, event->seq);
	}
	return table;
}

const CdcPublishKey *
cdc_publish_key(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	static const CdcPublishKey none = {0, NULL};
	KnownTable *table;
	CdcDoc		columns;

	if (event->has_doc &&
		cdc_doc_find_type(&event->doc, "primary_key_columns", CDC_DOC_ARRAY, &columns))
		return key_of_event(&columns);
	table = table_at(publisher, event);
	return table != NULL ? &table->key : &none;
}

/* The key by the definition at a seq, palloc'ed: what is known changes with the next question. */
static CdcPublishKey
key_at(CdcPublisher *publisher, const CdcPublishEvent *event, int64 seq)
{
	CdcPublishEvent at = *event;
	CdcPublishKey key;
	int			i;

	at.seq = seq;
	at.has_doc = false;
	key = *cdc_publish_key(publisher, &at);
	if (key.n > 0)
	{
		char	  **columns = palloc(sizeof(char *) * key.n);

		for (i = 0; i < key.n; i++)
			columns[i] = pstrdup(key.columns[i]);
		key.columns = columns;
	}
	return key;
}

bool
cdc_publish_key_is_new(CdcPublisher *publisher, const CdcPublishEvent *event, CdcPublishKey *key)
{
	CdcPublishKey before = key_at(publisher, event, event->seq - 1);

	*key = key_at(publisher, event, event->seq + 1);
	return before.n > 0 && !cdc_publish_same_key(&before, key);
}

bool
cdc_publish_same_key(const CdcPublishKey *a, const CdcPublishKey *b)
{
	int			i;

	for (i = 0; a->n == b->n && i < a->n; i++)
		if (strcmp(a->columns[i], b->columns[i]) != 0)
			return false;
	return a->n == b->n;
}

bool
cdc_publish_tells_key(const CdcDoc *data, const CdcPublishKey *key)
{
	CdcDoc		value;
	int			i;

	for (i = 0; i < key->n; i++)
		if (!cdc_doc_find(data, key->columns[i], &value) || value.type == CDC_DOC_NULL)
			return false;
	return key->n > 0;
}

const CdcTable *
cdc_publish_definition(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	const KnownTable *table = table_at(publisher, event);

	return table != NULL ? table->definition : NULL;
}

bool
cdc_publish_definition_is_new(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	const KnownTable *table = table_at(publisher, event);
	Announced	want;
	Announced  *entry;
	bool		found;

	if (table == NULL || table->definition == NULL)
		return false;
	if (announced == NULL)
	{
		announced = cdc_hash_of_strings("cdc_ingest announced definitions", 64, sizeof(want.name),
										sizeof(Announced), TopMemoryContext);
	}
	memset(&want, 0, sizeof(want));
	snprintf(want.name, sizeof(want.name), "%s:%s", publisher->publication->name, table->name);
	entry = hash_search(announced, want.name, HASH_ENTER, &found);
	if (found && entry->from_seq == table->from_seq)
		return false;
	entry->from_seq = table->from_seq;
	return true;
}

const CdcPublishKey *
cdc_publish_given_key(const CdcPublisher *publisher, const CdcDoc *data)
{
	static const CdcPublishKey none = {0, NULL};
	const char *list = publisher->publication->opt.key_columns;
	List	   *names = list != NULL ? cdc_publish_split_names(list) : NIL;
	CdcPublishKey *key;
	CdcDoc		value;
	ListCell   *lc;

	if (names == NIL)
		return &none;
	key = palloc0(sizeof(CdcPublishKey));
	key->columns = palloc(sizeof(char *) * list_length(names));
	foreach(lc, names)
	{
		if (!cdc_doc_find(data, lfirst(lc), &value))
			return &none;
		key->columns[key->n++] = lfirst(lc);
	}
	return key;
}
