/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  From the keys of an event's row image to the columns of a target: done
 *	  once for each combination of keys; and what is known of the source's
 *	  columns.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/target.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "catalog/pg_type.h"

#include "core/arena.h"
#include "pg/apply/apply_internal.h"
#include "pg/base/error.h"
#include "pg/schema/schema.h"
#include "pg/catalog/spi.h"

/* More combinations than this one after the other start anew. */
#define MAX_LAYOUTS		64

/* ------------------------------------------------------------------------
 * Presence
 * ------------------------------------------------------------------------
 */

const CdcPresence *
cdc_presence_intern(CdcTarget *target, const bool *attrs)
{
	int			natts = target->desc->natts;
	MemoryContext old;
	CdcPresence *presence;
	ListCell   *lc;
	int			i;

	foreach(lc, target->presences)
	{
		presence = lfirst(lc);
		if (memcmp(presence->attrs, attrs, natts * sizeof(bool)) == 0)
			return presence;
	}
	old = MemoryContextSwitchTo(target->cxt);
	presence = palloc(sizeof(CdcPresence));
	presence->id = list_length(target->presences);
	presence->attrs = palloc(natts * sizeof(bool));
	memcpy(presence->attrs, attrs, natts * sizeof(bool));
	presence->complete = true;
	for (i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (!att->attisdropped && !CDC_ATT_GENERATED(att) && !attrs[i])
			presence->complete = false;
	}
	target->presences = lappend(target->presences, presence);
	MemoryContextSwitchTo(old);
	return presence;
}

const CdcPresence *
cdc_presence_union(CdcTarget *target, const CdcPresence *a, const CdcPresence *b)
{
	int			natts = target->desc->natts;
	bool	   *attrs;
	const CdcPresence *result;
	int			i;

	if (a == b || a->complete)
		return a;
	if (b->complete)
		return b;
	attrs = palloc(natts * sizeof(bool));
	for (i = 0; i < natts; i++)
		attrs[i] = a->attrs[i] || b->attrs[i];
	result = cdc_presence_intern(target, attrs);
	pfree(attrs);
	return result;
}

const CdcPresence *
cdc_target_whole_row(CdcTarget *target)
{
	bool	   *attrs;
	int			i;

	if (target->whole != NULL)
		return target->whole;
	attrs = palloc0(sizeof(bool) * target->desc->natts);
	for (i = 0; i < target->ncolumns; i++)
	{
		int			at = target->columns[i].attnum - 1;

		attrs[at] = !TupleDescAttr(target->desc, at)->attnotnull;
	}
	target->whole = cdc_presence_intern(target, attrs);
	pfree(attrs);
	return target->whole;
}

/* ------------------------------------------------------------------------
 * Layouts
 * ------------------------------------------------------------------------
 */

/* PostgreSQL cuts names; MySQL's may be longer than that. */
static bool
same_name(const CdcTargetColumn *col, const CdcJsonValue *key)
{
	uint32		len = key->len;

	if (len >= NAMEDATALEN)
		len = pg_mbcliplen(key->data, len, NAMEDATALEN - 1);
	if (col->source_len == key->len)
		len = key->len;
	return col->source_len == len && memcmp(col->source, key->data, len) == 0;
}

/* Whether the target has that column but does not want it filled. */
static bool
is_generated(const CdcTarget *target, const CdcJsonValue *key)
{
	int			i;

	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (!att->attisdropped && CDC_ATT_GENERATED(att) &&
			strlen(NameStr(att->attname)) == key->len &&
			memcmp(NameStr(att->attname), key->data, key->len) == 0)
			return true;
	}
	return false;
}

/*
 * A table without key needs whole rows: a row cannot be found, nor be told
 * apart, by some of its columns.
 */
static void
check_whole_row(const CdcTarget *target, const CdcSubscription *sub,
				const CdcPresence *presence, int64 seq)
{
	CdcSourceColumn *source;
	int			n;
	int			i;
	int			c;

	source = cdc_source_columns(sub, target->source_table, seq, &n);
	for (i = 0; i < n; i++)
	{
		if (source[i].virtual_generated)
			continue;
		for (c = 0; c < target->ncolumns; c++)
			if (strcmp(target->columns[c].source, source[i].name) == 0 &&
				!presence->attrs[target->columns[c].attnum - 1])
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("row image of source table \"%s\" lacks column \"%s\"",
								target->source_table, source[i].name),
						 errdetail("The target %s has no key, so that rows are matched by all their columns.",
								   target->name),
						 errhint("Give the table a primary key, or set binlog_row_image to FULL at the source.")));
	}
}

/* The target's column that the source's column fills; NULL: none. */
static const CdcTargetColumn *
column_filled_by(const CdcTarget *target, const CdcSourceColumn *source)
{
	int			c;

	for (c = 0; c < target->ncolumns; c++)
		if (strcmp(target->columns[c].source, source->name) == 0)
			return &target->columns[c];
	return NULL;
}

/*
 * Whether an image with these columns leaves a column in doubt that the source
 * generates: it changes with the columns it is made from, but some images lack
 * it all the same (see cdc_schema_generated_logged()).  VIRTUAL ones are in
 * doubt in every image without them, stored ones only where the image has all
 * other columns: a partial one has what has changed.  Returns its name.
 */
static char *
stale_column(const CdcTarget *target, const CdcSubscription *sub, const bool *attrs, int64 seq)
{
	int			n;
	CdcSourceColumn *source = cdc_source_columns(sub, target->source_table, seq, &n);
	char	   *stored = NULL;
	bool		partial = false;
	int			i;

	for (i = 0; i < n; i++)
	{
		const CdcTargetColumn *column = column_filled_by(target, &source[i]);

		if (column == NULL || attrs[column->attnum - 1])
			continue;
		if (source[i].virtual_generated)
			return pstrdup(source[i].name);
		if (source[i].generated)
			stored = pstrdup(source[i].name);
		else
			partial = true;
	}
	return partial ? NULL : stored;
}

/* A column that the source generates need not be in the target. */
static bool
is_generated_at_source(const CdcTarget *target, const CdcSubscription *sub, const char *name,
					   int64 seq)
{
	int			n;
	CdcSourceColumn *source = cdc_source_columns(sub, target->source_table, seq, &n);
	int			i;

	for (i = 0; i < n; i++)
		if (strcmp(source[i].name, name) == 0)
			return source[i].generated;
	return false;
}

static CdcLayout *
make_layout(CdcTarget *target, const CdcSubscription *sub, const JsonbContainer *data,
			int64 seq)
{
	int			n = cdc_json_count(data);
	const char *base = cdc_json_base(data, 2 * n);
	bool	   *attrs = palloc0(sizeof(bool) * target->desc->natts);
	CdcLayout  *layout = palloc0(sizeof(CdcLayout));
	uint32		offset = 0;
	int			maxops = n + target->ncolumns;
	int			i;
	int			c;

	layout->nkeys = n;
	layout->entries = palloc(sizeof(JEntry) * Max(n, 1));
	memcpy(layout->entries, data->children, sizeof(JEntry) * n);
	layout->ops = palloc(sizeof(*layout->ops) * Max(maxops, 1));
	for (i = 0; i < n; i++)
	{
		CdcJsonValue key;
		bool		found = false;

		cdc_json_step(data, base, i, &offset, &key);
		for (c = 0; c < target->ncolumns; c++)
		{
			if (!same_name(&target->columns[c], &key))
				continue;
			found = true;
			layout->ops[layout->nops].index = i;
			layout->ops[layout->nops].column = c;
			layout->nops++;
			if (target->columns[c].in_key)
				layout->nkeyops = layout->nops;
			attrs[target->columns[c].attnum - 1] = true;
		}
		if (!found && !target->mapped && !is_generated(target, &key))
		{
			char	   *name = pnstrdup(key.data, key.len);
			CdcJsonValue v;

			if (is_generated_at_source(target, sub, name, seq))
				continue;
			cdc_json_get(data, 2 * n, n + i, &v);
			cdc_target_missing_column(target, sub, target->source_table, name, &v, seq);
		}
	}
	layout->keys_len = offset;
	layout->keys = palloc(Max(offset, 1));
	memcpy(layout->keys, base, offset);
	layout->presence = cdc_presence_intern(target, attrs);
	layout->has_key = true;
	for (i = 0; i < target->nkey; i++)
		if (!attrs[target->key[i].attnum - 1])
			layout->has_key = false;
	if (!layout->presence->complete)
		layout->stale = stale_column(target, sub, attrs, seq);
	if (target->keyless && !layout->presence->complete)
		check_whole_row(target, sub, layout->presence, seq);
	return layout;
}

static inline bool
layout_fits(const CdcLayout *layout, const JsonbContainer *data, int n)
{
	return layout->nkeys == n &&
		memcmp(layout->entries, data->children, sizeof(JEntry) * n) == 0 &&
		memcmp(layout->keys, cdc_json_base(data, 2 * n), layout->keys_len) == 0;
}

const CdcLayout *
cdc_target_layout(CdcTarget *target, const CdcSubscription *sub, const JsonbContainer *data,
				  int64 seq)
{
	int			n = cdc_json_count(data);
	MemoryContext old;
	ListCell   *lc;

	if (target->last_layout != NULL && layout_fits(target->last_layout, data, n))
		return target->last_layout;
	foreach(lc, target->layouts)
	{
		CdcLayout  *layout = lfirst(lc);

		if (layout_fits(layout, data, n))
		{
			target->last_layout = layout;
			return layout;
		}
	}

	/* partial images can come in any combination: do not keep them all */
	if (list_length(target->layouts) >= MAX_LAYOUTS)
	{
		foreach(lc, target->layouts)
		{
			CdcLayout  *layout = lfirst(lc);

			pfree(layout->entries);
			pfree(layout->ops);
			pfree(layout->keys);
			if (layout->stale != NULL)
				pfree(layout->stale);
			pfree(layout);
		}
		list_free(target->layouts);
		target->layouts = NIL;
		target->last_layout = NULL;
	}
	old = MemoryContextSwitchTo(target->cxt);
	target->last_layout = make_layout(target, sub, data, seq);
	target->layouts = lappend(target->layouts, target->last_layout);
	MemoryContextSwitchTo(old);
	return target->last_layout;
}

/* ------------------------------------------------------------------------
 * The source's columns
 * ------------------------------------------------------------------------
 */

static char *
json_string_field(const JsonbContainer *object, const char *key)
{
	CdcJsonValue v;

	if (!cdc_json_find(object, key, strlen(key), &v) || v.type != JENTRY_ISSTRING)
		return NULL;
	return pnstrdup(v.data, v.len);
}

/* Place in the primary key, -1 for none; "pk" counts from 0 in key order. */
static int
json_pk_field(const JsonbContainer *object)
{
	CdcJsonValue v;

	if (!cdc_json_find(object, "pk", 2, &v) || v.type != JENTRY_ISNUMERIC)
		return -1;
	return atoi(cdc_json_to_cstring(&v));
}

CdcSourceColumn *
cdc_source_columns(const CdcSubscription *sub, const char *source_table, int64 seq, int *n)
{
	/* versions after seq only where there is none before: history filled by hand */
	static CdcStatement stmt = {
		"SELECT columns FROM cdc.table_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" ORDER BY (from_seq OPERATOR(pg_catalog.<=) $3) DESC,"
		" CASE WHEN from_seq OPERATOR(pg_catalog.<=) $3 THEN version"
		" ELSE OPERATOR(pg_catalog.-) version END DESC LIMIT 1",
		3, {TEXTOID, TEXTOID, INT8OID}, NULL
	};
	CdcSpi		spi;
	Datum		values[3];
	CdcSourceColumn *columns = NULL;
	Jsonb	   *json = NULL;
	const JsonbContainer *array;
	const char *base;
	uint32		offset = 0;
	int			i;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = Int64GetDatum(seq);
	*n = 0;
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
	{
		bool		isnull;
		Datum		d = cdc_spi_datum(0, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		json = (Jsonb *) PG_DETOAST_DATUM_COPY(d);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	if (json == NULL || !cdc_json_is_array(&json->root))
		return NULL;

	array = &json->root;
	*n = cdc_json_count(array);
	base = cdc_json_base(array, *n);
	columns = palloc0(sizeof(CdcSourceColumn) * Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		CdcJsonValue v;
		const JsonbContainer *object;
		char	   *extra;

		cdc_json_step(array, base, i, &offset, &v);
		if (v.type != JENTRY_ISCONTAINER || !cdc_json_is_object(cdc_json_container(&v)))
			elog(ERROR, "definition of source table \"%s\" is malformed", source_table);
		object = cdc_json_container(&v);
		columns[i].name = json_string_field(object, "name");
		columns[i].column_type = json_string_field(object, "column_type");
		if (columns[i].name == NULL || columns[i].column_type == NULL)
			elog(ERROR, "definition of source table \"%s\" is malformed", source_table);
		columns[i].charset = json_string_field(object, "charset");
		columns[i].collation = json_string_field(object, "collation");
		columns[i].pk = json_pk_field(object);
		columns[i].json_check = cdc_json_find(object, "json_check", strlen("json_check"), &v) &&
			v.type == JENTRY_ISBOOL_TRUE;
		extra = json_string_field(object, "extra");
		columns[i].virtual_generated = extra != NULL && strstr(extra, "VIRTUAL") != NULL;
		columns[i].generated = columns[i].virtual_generated ||
			(extra != NULL && (strstr(extra, "STORED") != NULL || strstr(extra, "PERSISTENT") != NULL));
	}
	return columns;
}

/* ------------------------------------------------------------------------
 * Missing columns
 * ------------------------------------------------------------------------
 */

/* The type that the source's definition asks for; NULL when it is not known. */
static const char *
type_by_definition(const CdcSubscription *sub, const char *source_table, const char *column,
				   int64 seq)
{
	CdcSourceColumn *source;
	CdcColumn	col;
	CdcArena   *arena;
	CdcError	err;
	const char *type = NULL;
	const char *reason;
	int			n;
	int			i;

	source = cdc_source_columns(sub, source_table, seq, &n);
	for (i = 0; i < n; i++)
		if (strcmp(source[i].name, column) == 0)
			break;
	if (i == n)
		return NULL;
	arena = cdc_arena_create(0);
	if (arena == NULL)
		return NULL;
	memset(&col, 0, sizeof(col));
	col.name = source[i].name;
	col.column_type = source[i].column_type;
	col.charset = source[i].charset;
	col.collation = source[i].collation;
	col.json_check = source[i].json_check;
	if (!cdc_failed(cdc_column_type_parse(arena, col.column_type, &col, &err)))
		type = cdc_pg_type(&col, &sub->opt, &reason);
	if (type != NULL)
		type = pstrdup(type);
	cdc_arena_destroy(arena);
	return type;
}

static const char *
type_by_value(const CdcJsonValue *v)
{
	switch (v->type)
	{
		case JENTRY_ISNUMERIC:
			return "numeric";
		case JENTRY_ISBOOL_FALSE:
		case JENTRY_ISBOOL_TRUE:
			return "boolean";
		case JENTRY_ISCONTAINER:
			return "jsonb";
		default:
			return "text";
	}
}

void
cdc_target_missing_column(const CdcTarget *target, const CdcSubscription *sub,
						  const char *source_table, const char *column,
						  const CdcJsonValue *value, int64 seq)
{
	const char *type = type_by_definition(sub, source_table, column, seq);

	if (type == NULL && target->reader != NULL)
		type = cdc_envelope_column_type(target->reader, &sub->opt, column);
	if (type == NULL)
		type = type_by_value(value);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("target %s has no column \"%s\"", target->name, column),
			 errdetail("Source table \"%s\" has it.", source_table),
			 errhint("ALTER TABLE %s ADD COLUMN %s %s;", target->name,
					 quote_identifier(column), type)));
}

void
cdc_target_stale_column(const CdcTarget *target, const CdcLayout *layout)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("row image of source table \"%s\" lacks generated column \"%s\"",
					target->source_table, layout->stale),
			 errdetail("Its value at the source is not in the binlog, so that target %s cannot keep up with it.",
					   target->name),
			 errhint("ALTER TABLE %s DROP COLUMN %s; let PostgreSQL compute it instead (GENERATED ALWAYS AS ... STORED).",
					 target->name, quote_identifier(layout->stale))));
}
