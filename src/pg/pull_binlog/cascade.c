/*-------------------------------------------------------------------------
 *
 * cascade.c
 *	  Rows that the source changes by itself, by a foreign key, and does not write to its
 *	  binlog: the tables that have such rows are in doubt when it may have done so.
 *
 * The foreign keys are read from the source's definitions when the stream begins, and anew
 * when a statement may have changed them.  What a row of the parent table tells is whether
 * a cascade was possible, not whether there was a row to change.  A parent table that is not
 * captured is decoded all the same, and its rows are dropped here.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core/event.h"
#include "pg/base/utf8.h"
#include "pg/catalog/subscription.h"
#include "pg/remote/foreign_key.h"

/* A server follows no more foreign keys than that, one behind the other. */
#define MAX_DEPTH		15

/* A table whose rows the stream has met, or a parent. */
typedef struct Parent
{
	char		name[CDC_BINLOG_TABLE_NAME];	/* hash key; UTF-8 */
	bool		unwanted;		/* it is not captured */
	List	   *keys;			/* of CdcForeignKey *: that refer to it */
} Parent;

typedef struct CdcBinlogCascades
{
	MemoryContext context;
	bool		none;			/* there is no such foreign key to a captured table */
	HTAB	   *parents;
	Parent	   *last;			/* found last */
} CdcBinlogCascades;

static char *
full_name(const char *database, const char *table)
{
	return cdc_to_utf8_copy(psprintf("%s.%s", database, table));
}

/* The table's entry; *found false: it is new. */
static Parent *
enter(CdcBinlogCascades *cascades, const char *name, bool *found)
{
	char		key[CDC_BINLOG_TABLE_NAME] = {0};

	snprintf(key, sizeof(key), "%s", name);
	return hash_search(cascades->parents, key, HASH_ENTER, found);
}

static bool
is_unwanted(const CdcBinlogStream *stream, const char *database, const char *table)
{
	return !cdc_subscription_wants(stream->sub, database, table);
}

/* Whether the foreign key changes, at last, rows of a captured table. */
static bool
concerns_us(const CdcBinlogStream *stream, List *keys, const CdcForeignKey *key, int depth)
{
	ListCell   *lc;

	if (!is_unwanted(stream, cdc_to_utf8_copy(key->database), cdc_to_utf8_copy(key->table)))
		return true;
	if (depth >= MAX_DEPTH)
		return false;
	foreach(lc, keys)
	{
		const CdcForeignKey *next = lfirst(lc);

		if (strcmp(next->parent_database, key->database) == 0 &&
			strcmp(next->parent_table, key->table) == 0 && concerns_us(stream, keys, next, depth + 1))
			return true;
	}
	return false;
}

static CdcBinlogCascades *
read_cascades(CdcBinlogStream *stream)
{
	MemoryContext context = AllocSetContextCreate(stream->context, "cdc_ingest foreign keys",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcBinlogCascades *cascades = palloc0(sizeof(CdcBinlogCascades));
	CdcSource  *source = cdc_binlog_stream_control(stream);
	List	   *keys = NIL;
	HASHCTL		ctl;
	ListCell   *lc;

	cascades->context = context;
	cascades->none = true;
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = CDC_BINLOG_TABLE_NAME;
	ctl.entrysize = sizeof(Parent);
	ctl.hcxt = context;
	cascades->parents = hash_create("cdc_ingest parents", 64, &ctl, CDC_HASH_STRINGS | HASH_CONTEXT);
	if (!cdc_source_logs_cascades(source))
		(void) cdc_source_cascades(source, &keys);
	foreach(lc, keys)
	{
		CdcForeignKey *key = lfirst(lc);
		Parent	   *parent;
		bool		found;

		if (!concerns_us(stream, keys, key, 0))
			continue;
		cascades->none = false;
		parent = enter(cascades, full_name(key->parent_database, key->parent_table), &found);
		if (!found)
		{
			parent->keys = NIL;
			parent->unwanted = is_unwanted(stream, cdc_to_utf8_copy(key->parent_database),
										   cdc_to_utf8_copy(key->parent_table));
			stream->watches = stream->watches || parent->unwanted;
		}
		parent->keys = lappend(parent->keys, key);
	}
	MemoryContextSwitchTo(old);
	return cascades;
}

/* The table; NULL: nothing depends on any. */
static Parent *
find_parent(CdcBinlogStream *stream, const char *database, const char *table)
{
	CdcBinlogCascades *cascades;
	char		name[CDC_BINLOG_TABLE_NAME];
	bool		found;

	if (stream->cascades == NULL)
		stream->cascades = read_cascades(stream);
	cascades = stream->cascades;
	if (cascades->none && !stream->watches)
		return NULL;
	snprintf(name, sizeof(name), "%s.%s", database, table);
	if (cascades->last != NULL && strcmp(cascades->last->name, name) == 0)
		return cascades->last;
	cascades->last = enter(cascades, name, &found);
	if (!found)
	{
		cascades->last->keys = NIL;
		cascades->last->unwanted = is_unwanted(stream, database, table);
	}
	return cascades->last;
}

void
cdc_binlog_cascade_forget(CdcBinlogStream *stream)
{
	CdcBinlogCascades *cascades = stream->cascades;

	stream->cascades = NULL;
	if (cascades != NULL)
		MemoryContextDelete(cascades->context);
}

bool
cdc_binlog_cascade_watches(CdcBinlogStream *stream, const char *database, const char *table)
{
	const Parent *parent = find_parent(stream, database, table);

	return parent != NULL && parent->unwanted && parent->keys != NIL;
}

/* ---- what changed ---- */

static void mark_children(CdcBinlogCall *call, const Parent *parent, bool deleted, const CdcChange *change,
						  int depth);

/* The table that the foreign key changes is in doubt, and those that depend on that. */
static void
mark_child(CdcBinlogCall *call, const CdcForeignKey *key, bool deleted, int depth)
{
	CdcBinlogStream *stream = call->stream;
	char	   *name = full_name(key->database, key->table);
	char	   *reason = psprintf("rows of %s.%s were %s, and the source changes rows that refer to them without writing that to its binlog",
								  key->parent_database, key->parent_table, deleted ? "deleted" : "given other keys");
	CdcBinlogDoubt doubt = {reason, {NULL, 0}, false};
	const Parent *child;

	if (cdc_binlog_stream_knows(stream, name))
		cdc_binlog_doubt(call, name, &doubt);
	child = find_parent(stream, cdc_to_utf8_copy(key->database), cdc_to_utf8_copy(key->table));
	if (child != NULL && depth < MAX_DEPTH)
		mark_children(call, child, deleted && key->deletes, NULL, depth + 1);
}

/* Whether an update gives one of the columns that the foreign key refers to another value. */
static bool
is_key_changed(const CdcForeignKey *key, const CdcChange *change)
{
	const CdcTable *table = change->table;
	ListCell   *lc;
	int			i;

	foreach(lc, key->parent_columns)
	{
		char	   *name = cdc_to_utf8_copy((char *) lfirst(lc));

		for (i = 0; i < table->ncolumns; i++)
		{
			if (pg_strcasecmp(table->columns[i].name, name) != 0)
				continue;
			if (change->after[i].kind == CDC_ABSENT)
				break;
			if (change->before[i].kind == CDC_ABSENT ||
				!cdc_value_equal(&change->before[i], &change->after[i]))
				return true;
			break;
		}
	}
	return false;
}

/* change: the parent's row; NULL: any of its rows may have changed. */
static void
mark_children(CdcBinlogCall *call, const Parent *parent, bool deleted, const CdcChange *change,
			  int depth)
{
	ListCell   *lc;

	foreach(lc, parent->keys)
	{
		const CdcForeignKey *key = lfirst(lc);

		if (deleted ? key->on_delete : key->on_update && (change == NULL || is_key_changed(key, change)))
			mark_child(call, key, deleted, depth);
	}
}

bool
cdc_binlog_cascade(CdcBinlogCall *call, const CdcChange *change)
{
	const Parent *parent;

	if (call->stream == NULL || change->table == NULL)
		return false;
	parent = find_parent(call->stream, change->table->database, change->table->name);
	if (parent == NULL)
		return false;
	if (parent->keys != NIL && (change->op == CDC_OP_DELETE || change->op == CDC_OP_UPDATE))
		mark_children(call, parent, change->op == CDC_OP_DELETE, change, 0);
	return parent->unwanted;
}

void
cdc_binlog_cascade_statement(CdcBinlogCall *call, const char *database, const char *table)
{
	const Parent *parent = find_parent(call->stream, database, table);

	if (parent == NULL)
		return;
	mark_children(call, parent, true, NULL, 0);
	mark_children(call, parent, false, NULL, 0);
}
