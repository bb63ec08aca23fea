/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  How a row image of a certain shape is read.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/layout.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/log.h"
#include "pg/schema/schema.h"
#include "pg/schema/versions.h"
#include "pg/mapping/envelope.h"
#include "pg/mapping/key_hint.h"

/*
 * When so many layouts are kept, they are all forgotten: partial images can come
 * in any combination of columns.
 */
#define MAX_LAYOUTS		64

/* ------------------------------------------------------------------------
 * The source's definition
 * ------------------------------------------------------------------------
 */

/* The source table's definition that the image is of; without columns: not known. */
static CdcTableDef
source_definition(const CdcMapping *mapping, const CdcRowImage *image)
{
	CdcTableVersion version;

	if (image->def != NULL)
		return *image->def;
	(void) cdc_table_version_at(image->sub->name, mapping->source_table, image->seq,
								GetDatabaseEncoding(), &version);
	return version.def;
}

/* The source's column of a name; NULL: it is not known. */
static const CdcColumnDef *
find_column(const CdcTableDef *def, const char *name)
{
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		if (strcmp(def->columns[i].name, name) == 0)
			return &def->columns[i];
	return NULL;
}

/* The column that a column of the source fills first; NULL: none. */
static const CdcMappedColumn *
column_filled_by(const CdcMapping *mapping, const CdcColumnDef *source)
{
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
		if (strcmp(mapping->columns[c].source, source->name) == 0)
			return &mapping->columns[c];
	return NULL;
}

/* ------------------------------------------------------------------------
 * Columns that the target lacks
 * ------------------------------------------------------------------------
 */

/* The type that the source's definition asks for; NULL where it is not known. */
static const char *
type_by_definition(const CdcMapping *mapping, const CdcRowImage *image, const char *name)
{
	CdcTableDef def = source_definition(mapping, image);
	const CdcColumnDef *source = find_column(&def, name);

	return source != NULL ? cdc_pg_type_of_definition(source, &image->sub->opt) : NULL;
}

/* The type that a value of the column suggests. */
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

/* ERROR: the target has no column for a value of the image; says what adds it. */
pg_noreturn static void
refuse_missing_column(const CdcMapping *mapping, const CdcRowImage *image, const char *name,
					  const CdcJsonValue *value)
{
	const CdcTarget *target = mapping->target;
	const char *type = type_by_definition(mapping, image, name);

	if (type == NULL && image->env != NULL)
		type = cdc_envelope_column_type(image->arena, image->env, &image->sub->opt, name);
	if (type == NULL)
		type = type_by_value(value);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("target %s has no column \"%s\"", target->name, name),
			 errdetail("Source table \"%s\" has it.", mapping->source_table),
			 errhint("ALTER TABLE %s ADD COLUMN %s %s;", target->name,
					 quote_identifier(name), type)));
	pg_unreachable();
}

/* Whether the target has that column but computes it itself. */
static bool
is_generated_in_target(const CdcTarget *target, const CdcJsonValue *key)
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

/* ERROR: this process cannot look up what becomes of such images. */
pg_noreturn static void
refuse_shape(const CdcMapping *mapping)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("row image has not just the columns of target %s", mapping->target->name)));
	pg_unreachable();
}

/*
 * A value that no column takes: ERROR, unless the user named the columns that he
 * wants, or the target or the source computes it.
 */
static void
check_unmapped(const CdcMapping *mapping, const CdcRowImage *image, int index,
			   const CdcJsonValue *key)
{
	int			n = cdc_json_count(image->data);
	const CdcColumnDef *source;
	CdcTableDef def;
	CdcJsonValue v;
	char	   *name;

	if (mapping->mapped || is_generated_in_target(mapping->target, key))
		return;

	/* no column can be called so */
	if (key->len == 0)
	{
		(void) cdc_log_once(image->sub->name, "tables",
							psprintf("rows of source table %s have a member whose name is empty, which is left out",
									 mapping->name), NULL);
		return;
	}
	if (mapping->whole_only)
		refuse_shape(mapping);
	name = pnstrdup(key->data, key->len);
	def = source_definition(mapping, image);
	source = find_column(&def, name);
	if (source != NULL && cdc_column_def_is_generated(source))
		return;
	cdc_json_get(image->data, 2 * n, n + index, &v);
	refuse_missing_column(mapping, image, name, &v);
}

/* ------------------------------------------------------------------------
 * Columns that the image lacks
 * ------------------------------------------------------------------------
 */

/*
 * A table without key needs whole rows: a row cannot be found, nor be told apart, by some of
 * its columns.  Returns a column that the source has and the image lacks; NULL: there is none.
 */
static char *
lacking_of_row(const CdcMapping *mapping, const CdcRowImage *image, const bool *attrs)
{
	CdcTableDef def = source_definition(mapping, image);
	int			i;
	int			c;

	for (i = 0; i < def.ncolumns; i++)
	{
		const CdcColumnDef *source = &def.columns[i];

		if (cdc_column_def_is_virtual(source))
			continue;
		for (c = 0; c < mapping->target->ncolumns; c++)
			if (strcmp(mapping->columns[c].source, source->name) == 0 &&
				!attrs[mapping->columns[c].attnum - 1])
				return pstrdup(source->name);
	}
	return NULL;
}

/* A column of the target's key that the image does not fill, as the source calls it; NULL: there is none. */
static char *
lacking_of_key(const CdcMapping *mapping, const bool *attrs)
{
	const CdcTarget *target = mapping->target;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcMappedColumn *column = &mapping->columns[target->key[i].column];

		if (!attrs[target->key[i].attnum - 1])
			return pstrdup(column->by == CDC_BY_COLUMN ? column->source : column->name);
	}
	return NULL;
}

void
cdc_layout_refuse_partial(const CdcMapping *mapping, const CdcRowImage *image,
						  const CdcLayout *layout)
{
	const CdcTarget *target = mapping->target;

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("row image of source table \"%s\" lacks column \"%s\"",
					mapping->source_table, layout->lacks),
			 target->keyless ?
			 errdetail("The target %s has no key, so that rows are matched by all their columns.",
					   target->name) :
			 errdetail("By it rows of target %s are found.", target->name),
			 image->sub->kind != CDC_SERVER_KAFKA ?
			 errhint("Set binlog_row_image to FULL at the source, for its running sessions too, and copy the table anew: SELECT cdc.resync_table(%s, %s);",
					 quote_literal_cstr(image->sub->name), quote_literal_cstr(mapping->name)) :
			 target->keyless ?
			 errhint("Have the messages carry whole rows, or give the target its key: %s",
					 cdc_target_key_hint(mapping, image)) :
			 errhint("Have the messages carry that column, or name a key of columns that each of them has: SELECT cdc.alter_table(%s, %s, key := '{...}');",
					 quote_literal_cstr(image->sub->name), quote_literal_cstr(mapping->name))));
	pg_unreachable();
}

/*
 * Whether an image with these attributes leaves a column in doubt that the source
 * generates: it changes with the columns it is made from, but some images lack
 * it all the same (see cdc_schema_generated_logged()).  VIRTUAL ones are in
 * doubt in every image without them, stored ones only where the image has all
 * other columns: a partial one has what has changed.  Returns its name; *lacks: the image
 * is such a partial one.
 */
static char *
stale_column(const CdcMapping *mapping, const CdcRowImage *image, const bool *attrs, bool *lacks)
{
	CdcTableDef def = source_definition(mapping, image);
	char	   *virtual = NULL;
	char	   *stored = NULL;
	bool		partial = false;
	int			i;

	for (i = 0; i < def.ncolumns; i++)
	{
		const CdcColumnDef *source = &def.columns[i];
		const CdcMappedColumn *column = column_filled_by(mapping, source);

		if (column == NULL || attrs[column->attnum - 1])
			continue;
		if (cdc_column_def_is_virtual(source))
		{
			if (virtual == NULL)
				virtual = pstrdup(source->name);
		}
		else if (cdc_column_def_is_generated(source))
			stored = pstrdup(source->name);
		else
			partial = true;
	}
	*lacks = partial;
	if (virtual != NULL)
		return virtual;
	return partial ? NULL : stored;
}

void
cdc_layout_refuse_stale(const CdcMapping *mapping, const CdcLayout *layout)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("row image of source table \"%s\" lacks generated column \"%s\"",
					mapping->source_table, layout->stale),
			 errdetail("Its value at the source is not in the binlog, so that target %s cannot keep up with it.",
					   mapping->target->name),
			 errhint("ALTER TABLE %s DROP COLUMN %s; let PostgreSQL compute it instead (GENERATED ALWAYS AS ... STORED).",
					 mapping->target->name, quote_identifier(layout->stale))));
	pg_unreachable();
}

/* ------------------------------------------------------------------------
 * Layouts
 * ------------------------------------------------------------------------
 */

bool
cdc_layout_is_named(const char *name, size_t name_len, const CdcJsonValue *key)
{
	uint32		len = key->len;

	if (len >= NAMEDATALEN && name_len != len)
		len = pg_mbcliplen(key->data, len, NAMEDATALEN - 1);
	return name_len == len && memcmp(name, key->data, len) == 0;
}

/* Adds an op for each column that the value at index fills; false: there is none. */
static bool
map_value(const CdcMapping *mapping, CdcLayout *layout, int index, const CdcJsonValue *key,
		  bool *attrs)
{
	bool		found = false;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by != CDC_BY_COLUMN || !cdc_layout_is_named(col->source, col->source_len, key))
			continue;
		found = true;
		layout->ops[layout->nops].index = index;
		layout->ops[layout->nops].column = c;
		layout->nops++;
		if (col->in_key)
			layout->nkeyops = layout->nops;
		attrs[col->attnum - 1] = true;
	}
	return found;
}

/* Adds an input for each that expressions read of the value at index; false: there is none. */
static bool
map_input(const CdcMapping *mapping, CdcLayout *layout, int index, const CdcJsonValue *key)
{
	bool		found = false;
	ListCell   *lc;
	int			i = 0;

	if (mapping->expressions == NULL)
		return false;
	foreach(lc, mapping->expressions->inputs)
	{
		const CdcExpressionInput *input = lfirst(lc);

		if (input->fact == CDC_FACT_NONE && cdc_layout_is_named(input->name, input->len, key))
		{
			found = true;
			layout->inputs[layout->ninputs].index = index;
			layout->inputs[layout->ninputs].input = i;
			layout->ninputs++;
		}
		i++;
	}
	return found;
}

/* How much of what an expression reads is in present. */
static CdcComputable
computable(const CdcExpression *expression, const Bitmapset *present)
{
	if (bms_is_subset(expression->columns, present))
		return CDC_COMPUTABLE_YES;
	return bms_overlap(expression->columns, present) ? CDC_COMPUTABLE_PARTLY : CDC_COMPUTABLE_NO;
}

/* A column that the source generates, which expressions read and the image lacks; or NULL. */
static char *
stale_input(const CdcMapping *mapping, const CdcRowImage *image, const Bitmapset *present)
{
	CdcTableDef def = source_definition(mapping, image);
	ListCell   *lc;
	int			i = 0;

	foreach(lc, mapping->expressions->inputs)
	{
		const CdcExpressionInput *input = lfirst(lc);
		const CdcColumnDef *source = input->fact == CDC_FACT_NONE ? find_column(&def, input->name) : NULL;

		if (source != NULL && cdc_column_def_is_generated(source) && !bms_is_member(i, present))
			return pstrdup(source->name);
		i++;
	}
	return NULL;
}

bool
cdc_layout_key_reads(const CdcMapping *mapping, const CdcJsonValue *name)
{
	const CdcTarget *target = mapping->target;
	int			i;
	int			k;

	for (k = 0; k < target->nkey; k++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[k].column];

		if (col->by == CDC_BY_COLUMN && cdc_layout_is_named(col->source, col->source_len, name))
			return true;
		for (i = -1; col->by == CDC_BY_EXPRESSION && (i = bms_next_member(col->expression->columns, i)) >= 0;)
		{
			const CdcExpressionInput *input = list_nth(mapping->expressions->inputs, i);

			if (cdc_layout_is_named(input->name, input->len, name))
				return true;
		}
	}
	return false;
}

/* What can be computed of such images; adds that to attrs. */
static void
map_computed(const CdcMapping *mapping, CdcLayout *layout, const CdcRowImage *image, bool *attrs)
{
	const CdcTarget *target = mapping->target;
	Bitmapset  *present = NULL;
	int			c;
	int			i;

	layout->filter = CDC_COMPUTABLE_YES;
	if (!mapping->computed)
		return;
	layout->computable = palloc0(sizeof(CdcComputable) * Max(target->ncolumns, 1));
	for (i = 0; i < layout->ninputs; i++)
		present = bms_add_member(present, layout->inputs[i].input);

	/* what a document lacks is NULL */
	if (image->env != NULL && image->env->format == CDC_FORMAT_JSON && mapping->expressions != NULL)
		for (i = 0; i < list_length(mapping->expressions->inputs); i++)
			present = bms_add_member(present, i);
	for (c = 0; c < target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by == CDC_BY_EXPRESSION)
			layout->computable[c] = computable(col->expression, present);
		else if (col->by == CDC_BY_CONSTANT || col->by == CDC_BY_MODE)
			layout->computable[c] = CDC_COMPUTABLE_YES;
		if (layout->computable[c] == CDC_COMPUTABLE_YES)
			attrs[col->attnum - 1] = true;
		else if (col->by == CDC_BY_EXPRESSION)
			layout->partial = true;
		if (layout->computable[c] == CDC_COMPUTABLE_PARTLY)
			layout->reads = true;
	}
	if (mapping->filter != NULL)
		layout->filter = computable(mapping->filter, present);
	if (layout->filter == CDC_COMPUTABLE_PARTLY)
		layout->reads = true;
	if (layout->filter != CDC_COMPUTABLE_YES)
		layout->partial = true;
	if (mapping->expressions != NULL)
		layout->stale = stale_input(mapping, image, present);
}

/* Makes the layout of an image in the current context, which is the mapping's. */
static CdcLayout *
make_layout(CdcMapping *mapping, const CdcRowImage *image)
{
	CdcTarget  *target = mapping->target;
	const JsonbContainer *data = image->data;
	int			n = cdc_json_count(data);
	const char *base = cdc_json_base(data, 2 * n);
	bool	   *attrs = palloc0(sizeof(bool) * target->desc->natts);
	CdcLayout  *layout = palloc0(sizeof(CdcLayout));
	uint32		offset = 0;
	int			i;

	layout->nkeys = n;
	layout->entries = palloc(sizeof(JEntry) * Max(n, 1));
	memcpy(layout->entries, data->children, sizeof(JEntry) * n);
	layout->ops = palloc(sizeof(*layout->ops) * Max(n + target->ncolumns, 1));
	if (mapping->expressions != NULL)
		layout->inputs = palloc(sizeof(*layout->inputs) *
								(list_length(mapping->expressions->inputs) + 1));
	for (i = 0; i < n; i++)
	{
		CdcJsonValue key;
		bool		used;

		cdc_json_step(data, base, i, &offset, &key);
		used = map_value(mapping, layout, i, &key, attrs);
		used = map_input(mapping, layout, i, &key) || used;
		if (!used)
			check_unmapped(mapping, image, i, &key);
	}
	map_computed(mapping, layout, image, attrs);
	layout->keys_len = offset;
	layout->keys = palloc(Max(offset, 1));
	memcpy(layout->keys, base, offset);
	layout->presence = cdc_presence_intern(&target->presences, attrs);
	if (mapping->whole_only && !layout->presence->complete)
		refuse_shape(mapping);
	layout->lacks = lacking_of_key(mapping, attrs);
	if (!layout->presence->complete || layout->filter != CDC_COMPUTABLE_YES)
	{
		bool		lacks;
		char	   *stale = stale_column(mapping, image, attrs, &lacks);

		if (layout->stale == NULL)
			layout->stale = stale;
		layout->partial = layout->partial || lacks;
	}
	if (target->keyless && !layout->presence->complete)
	{
		/* where the definition is not known, a column of the target's own may be what is lacking */
		char	   *lacks = lacking_of_row(mapping, image, attrs);

		if (lacks != NULL)
			layout->lacks = lacks;
	}
	return layout;
}

/* Frees all layouts. */
static void
forget_layouts(CdcMapping *mapping)
{
	ListCell   *lc;

	foreach(lc, mapping->layouts)
	{
		CdcLayout  *layout = lfirst(lc);

		pfree(layout->entries);
		pfree(layout->ops);
		pfree(layout->keys);
		if (layout->inputs != NULL)
			pfree(layout->inputs);
		if (layout->computable != NULL)
			pfree(layout->computable);
		if (layout->stale != NULL)
			pfree(layout->stale);
		if (layout->lacks != NULL)
			pfree(layout->lacks);
		pfree(layout);
	}
	list_free(mapping->layouts);
	mapping->layouts = NIL;
	mapping->last_layout = NULL;
}

/* Whether the layout is of images that begin as this one, which has n keys. */
static inline bool
layout_fits(const CdcLayout *layout, const JsonbContainer *data, int n)
{
	return layout->nkeys == n &&
		memcmp(layout->entries, data->children, sizeof(JEntry) * n) == 0 &&
		memcmp(layout->keys, cdc_json_base(data, 2 * n), layout->keys_len) == 0;
}

void
cdc_layout_forget(CdcMapping *mapping)
{
	forget_layouts(mapping);
	cdc_target_forget_presences(mapping->target);
}

const CdcLayout *
cdc_layout_of(CdcMapping *mapping, const CdcRowImage *image)
{
	int			n = cdc_json_count(image->data);
	MemoryContext old;
	ListCell   *lc;

	if (mapping->last_layout != NULL && layout_fits(mapping->last_layout, image->data, n))
		return mapping->last_layout;
	foreach(lc, mapping->layouts)
	{
		CdcLayout  *layout = lfirst(lc);

		if (layout_fits(layout, image->data, n))
		{
			mapping->last_layout = layout;
			return layout;
		}
	}
	if (list_length(mapping->layouts) >= MAX_LAYOUTS)
		forget_layouts(mapping);
	old = MemoryContextSwitchTo(mapping->cxt);
	mapping->last_layout = make_layout(mapping, image);
	mapping->layouts = lappend(mapping->layouts, mapping->last_layout);
	MemoryContextSwitchTo(old);
	return mapping->last_layout;
}
