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

#include "core/table_change.h"
#include "envelope/doc_tree.h"
#include "pg/base/error.h"
#include "pg/base/hash.h"
#include "pg/base/utf8.h"
#include "pg/schema/change.h"
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

/* The columns of a definition's key, in the current context. */
static CdcPublishKey
key_of_definition(const CdcTableDef *def)
{
	CdcPublishKey key = {0, palloc(sizeof(char *) * Max(def->ncolumns, 1))};
	int			place;
	int			i;

	for (place = 0; place < def->ncolumns; place++)
		for (i = 0; i < def->ncolumns; i++)
			if (def->columns[i].pk == place)
				key.columns[key.n++] = pstrdup(def->columns[i].name);
	return key;
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
	MemoryContext old = MemoryContextSwitchTo(publisher->cxt);

	if (!cdc_table_version_at(subscription, name, seq, PG_UTF8, &version))
		version.from_seq = 0;
	make_definition(publisher, table, &version.def);
	table->key = key_of_definition(&version.def);
	MemoryContextSwitchTo(old);
	table->from_seq = Min(version.from_seq, seq);
	table->to_seq = version.next_seq;
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

/* What is known of how columns came by their names in the statement of an event; in UTF-8. */
static void
read_renames(CdcPublisher *publisher, const CdcPublishEvent *event, CdcTableChange *change)
{
	/* the change holds from the event behind on */
	List	   *changes = cdc_changes_between(publisher->publication->sub,
											  cdc_from_utf8(event->source_table), event->seq,
											  event->seq + 1);
	const CdcPendingChange *found = changes != NIL ? llast(changes) : NULL;
	int			i;

	memset(change, 0, sizeof(*change));
	if (list_length(changes) != 1 || found->kind != CDC_CHANGE_ALTER)
		return;
	change->known = found->change.known;
	change->nrenames = found->change.nrenames;
	change->renames = palloc(sizeof(CdcColumnRename) * Max(change->nrenames, 1));
	for (i = 0; i < change->nrenames; i++)
	{
		change->renames[i].from = cdc_to_utf8_copy(found->change.renames[i].from);
		change->renames[i].to = cdc_to_utf8_copy(found->change.renames[i].to);
	}
}

/* Whether values of before are in later events what they were, in the same form. */
static bool
is_kept(const CdcShapeColumn *column)
{
	return column->retype != CDC_RETYPE_UNKNOWN && !column->rewritten &&
		(column->checks & ~(unsigned) (CDC_CHECK_NOT_NULL | CDC_CHECK_NOT_ZERO)) == 0;
}

/* What became of the columns of the key, and of their names. */
static void
compare_definitions(const CdcTableDef *before, const CdcTableDef *after, const CdcShapeDiff *diff,
					CdcPublishRekey *rekey)
{
	int			i;

	rekey->from = palloc(sizeof(char *) * Max(before->ncolumns, 1));
	rekey->to = palloc(sizeof(char *) * Max(before->ncolumns, 1));
	rekey->logged = palloc(sizeof(bool) * Max(before->ncolumns, 1));
	rekey->kept = palloc0(sizeof(bool) * Max(rekey->key.n, 1));
	rekey->same_values = rekey->key.n > 0;
	for (i = 0; i < diff->ncolumns; i++)
	{
		const CdcShapeColumn *column = &diff->columns[i];
		int			was = column->from >= 0 ? before->columns[column->from].pk : -1;
		int			is = column->to >= 0 ? after->columns[column->to].pk : -1;

		if (column->from >= 0)
		{
			rekey->from[rekey->nnames] = pstrdup(before->columns[column->from].name);
			rekey->logged[rekey->nnames] = !cdc_column_def_is_generated(&before->columns[column->from]);
			rekey->to[rekey->nnames++] = column->to >= 0 ? pstrdup(after->columns[column->to].name) : NULL;
		}
		if (is >= 0)
			rekey->kept[is] = column->from >= 0 && is_kept(column);
		if (was != is || (is >= 0 && !rekey->kept[is]))
			rekey->same_values = false;
	}
}

bool
cdc_publish_rekeyed(CdcPublisher *publisher, const CdcPublishEvent *event, CdcPublishRekey *rekey)
{
	const char *subscription = publisher->publication->sub->name;
	const char *name = cdc_from_utf8(event->source_table);
	CdcPublishKey former;
	CdcTableVersion before;
	CdcTableVersion after;
	CdcTableChange change;
	CdcShapeDiff diff;
	CdcError	err;

	memset(rekey, 0, sizeof(*rekey));
	if (!cdc_table_version_at(subscription, name, event->seq - 1, PG_UTF8, &before) ||
		!cdc_table_version_at(subscription, name, event->seq + 1, PG_UTF8, &after))
		return false;
	former = key_of_definition(&before.def);
	rekey->key = key_of_definition(&after.def);
	if (former.n == 0 || before.from_seq == after.from_seq)
		return false;
	read_renames(publisher, event, &change);
	CDC_CHECK(cdc_shape_compare(cdc_schema_arena(CurrentMemoryContext), &before.def, &after.def,
								&change, &diff, &err),
			  &err, subscription);
	compare_definitions(&before.def, &after.def, &diff, rekey);
	return !rekey->same_values || !cdc_publish_same_key(&former, &rekey->key);
}

void
cdc_publish_rename(const CdcPublishRekey *rekey, CdcArena *arena, const CdcDoc *data,
				   CdcDoc *renamed)
{
	CdcDocTree	tree;
	CdcSink    *sink = &tree.sink;
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		value;

	cdc_doc_tree_init(&tree, arena);
	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_doc_begin(data, &iter);
	while (cdc_doc_next(&iter, &name, &value))
	{
		int			i;

		for (i = 0; i < rekey->nnames && !cdc_string_is(name, rekey->from[i]); i++)
			;
		if (i < rekey->nnames && rekey->to[i] == NULL)
			continue;
		if (i < rekey->nnames)
		{
			name.data = rekey->to[i];
			name.len = strlen(name.data);
		}
		cdc_publish_check(sink->ops->key(sink, name.data, name.len));
		cdc_publish_check(cdc_doc_emit(&value, sink));
	}
	cdc_publish_check(sink->ops->end_object(sink));
	if (!cdc_doc_tree_root(&tree, renamed))
		elog(ERROR, "a row has no columns");
}

bool
cdc_publish_tells_rekeyed(const CdcPublishRekey *rekey, const CdcDoc *renamed)
{
	CdcDoc		value;
	int			i;

	for (i = 0; i < rekey->key.n; i++)
		if (!rekey->kept[i])
			return false;
	/* a partial image is no document */
	for (i = 0; i < rekey->nnames; i++)
		if (rekey->to[i] != NULL && rekey->logged[i] && !cdc_doc_find(renamed, rekey->to[i], &value))
			return false;
	return cdc_publish_tells_key(renamed, &rekey->key);
}

/* The column's name as of an event of before the changes, by those that renamed it since. */
static char *
name_before(List *changes, char *name)
{
	int			i;
	int			k;

	for (i = list_length(changes) - 1; i >= 0; i--)
	{
		const CdcTableChange *change = &((CdcPendingChange *) list_nth(changes, i))->change;

		for (k = 0; k < change->nrenames; k++)
			if (strcmp(cdc_to_utf8(change->renames[k].to), name) == 0)
				break;
		if (k < change->nrenames)
			name = cdc_to_utf8_copy(change->renames[k].from);
	}
	return name;
}

void
cdc_publish_names_then(CdcPublisher *publisher, const CdcPublishEvent *event, CdcPublishKey *key)
{
	const CdcTable *table = cdc_publish_definition(publisher, event);
	List	   *changes = NIL;
	bool		read = false;
	int			i;
	int			k;

	for (k = 0; table != NULL && k < key->n; k++)
	{
		for (i = 0; i < table->ncolumns && strcmp(table->columns[i].name, key->columns[k]) != 0; i++)
			;
		if (i < table->ncolumns)
			continue;
		if (!read)
			changes = cdc_changes_between(publisher->publication->sub, cdc_from_utf8(event->source_table),
										  event->seq, PG_INT64_MAX);
		read = true;
		key->columns[k] = name_before(changes, key->columns[k]);
	}
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
