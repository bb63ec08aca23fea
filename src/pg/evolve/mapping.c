/*-------------------------------------------------------------------------
 *
 * mapping.c
 *	  What a change of the source's columns does to the mapping that the user gave.
 *
 * It keeps the user's choice: a renamed column fills what it filled, and one that was
 * dropped is kept in mind, {"dropped": "email"}, until the source has one of that name
 * again, so that it is filled then and not passed over in silence.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "pg/base/compat_value.h"
#include "pg/datum/jsonb_view.h"
#include "pg/expression/fill.h"
#include "pg/schema/versions.h"
#include "pg/target/mode_shape.h"

/* Whether two names are of the same column of the source: MySQL's know no case. */
static bool
same_column(const CdcEvolve *e, const char *a, const char *b)
{
	return strcmp(a, b) == 0 || (e->out->sub->kind == CDC_SERVER_MYSQL && pg_strcasecmp(a, b) == 0);
}

static bool
names_column(const CdcEvolve *e, const CdcColumnFill *fill, const char *source)
{
	return (fill->by == CDC_BY_COLUMN || fill->by == CDC_BY_NOTHING) && same_column(e, fill->text, source);
}

List *
cdc_evolve_mapped_names(const CdcEvolve *e, const char *source)
{
	List	   *result = NIL;
	CdcColumnFill *fills;
	int			n;
	int			i;

	if (e->out->table->columns == NULL)
		return list_make1(pstrdup(source));
	fills = cdc_fills_read(e->out->table->columns, &n);
	for (i = 0; i < n; i++)
		if (names_column(e, &fills[i], source))
			result = lappend(result, fills[i].target);
	return result;
}

bool
cdc_evolve_takes_all(const CdcEvolve *e)
{
	CdcColumnFill *fills;
	int			n;
	int			i;

	if (e->out->table->columns == NULL)
		return true;
	fills = cdc_fills_read(e->out->table->columns, &n);
	for (i = 0; i < n; i++)
		if (fills[i].by != CDC_BY_COLUMN || strcmp(fills[i].target, cdc_evolve_own_name(fills[i].text)) != 0)
			return false;
	return true;
}

bool
cdc_evolve_takes_definition(const CdcEvolve *e, const CdcTableDef *def)
{
	int			i;

	if (e->out->table->columns == NULL)
		return true;
	if (!cdc_evolve_takes_all(e))
		return false;
	for (i = 0; i < def->ncolumns; i++)
		if (!cdc_column_def_is_generated(&def->columns[i]) &&
			cdc_evolve_mapped_names(e, def->columns[i].name) == NIL)
			return false;
	return def->ncolumns > 0;
}

char *
cdc_evolve_mapped_name(const CdcEvolve *e, const char *source)
{
	List	   *names = cdc_evolve_mapped_names(e, source);

	return names != NIL ? linitial(names) : NULL;
}

/* All columns of the source but those that have the name of one of the mode's, as an argument. */
static char *
columns_beside_mode(const CdcEvolve *e, const CdcModeShape *shape)
{
	const CdcTableDef *after = &e->out->change->after;
	StringInfoData json;
	int			i;

	initStringInfo(&json);
	for (i = 0; i < after->ncolumns; i++)
	{
		const char *name = cdc_evolve_own_name(after->columns[i].name);

		if (cdc_mode_column(shape, name) != NULL)
			continue;
		appendStringInfoString(&json, json.len > 0 ? ", " : "{");
		escape_json(&json, name);
		appendStringInfoString(&json, ": ");
		escape_json(&json, after->columns[i].name);
	}
	appendStringInfoChar(&json, '}');
	return psprintf("columns := %s", quote_literal_cstr(json.data));
}

bool
cdc_evolve_is_modes(const CdcEvolve *e, const CdcColumnDef *def)
{
	return cdc_mode_column(cdc_mode_shape(e->out->table->mode), cdc_evolve_own_name(def->name)) != NULL;
}

char *
cdc_evolve_mode_trouble(const CdcEvolve *e)
{
	const CdcModeShape *shape = cdc_mode_shape(e->out->table->mode);
	int			i;

	for (i = 0; e->out->table->columns == NULL && i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];

		if (column->after == NULL || !cdc_evolve_is_modes(e, column->after) ||
			(column->shape != NULL && column->shape->added != NULL && column->shape->added->left_out))
			continue;
		e->out->remap = columns_beside_mode(e, shape);
		return psprintf("its column \"%s\" has the name of one that mode \"%s\" of its target has for its own",
						column->after->name, shape->name);
	}
	return NULL;
}

/* The source's column of that name before the change; or NULL. */
static const CdcEvolveColumn *
former_column(const CdcEvolve *e, const char *name)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
		if (e->columns[i].before != NULL && same_column(e, e->columns[i].before->name, name))
			return &e->columns[i];
	return NULL;
}

/* The column of that name, which was not there before, as it is spelled; NULL: there is none. */
static const char *
new_column(const CdcEvolve *e, const char *name)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
		if (e->columns[i].before == NULL && same_column(e, e->columns[i].after->name, name))
			return e->columns[i].after->name;
	return NULL;
}

bool
cdc_evolve_is_back(const CdcEvolve *e, const CdcEvolveColumn *column)
{
	const CdcEvolveColumn *former = former_column(e, column->after->name);

	return e->out->table->columns != NULL && (former == NULL || former->after == NULL) &&
		cdc_evolve_mapped_names(e, column->after->name) != NIL;
}

char *
cdc_evolve_back_trouble(const CdcEvolve *e)
{
	int			i;

	for (i = 0; !e->all && i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];

		if (column->before != NULL && column->after != NULL &&
			!same_column(e, column->before->name, column->after->name) && cdc_evolve_is_back(e, column))
			return psprintf("column \"%s\" was renamed to \"%s\", the name of one that is gone and that its mapping names",
							column->before->name, column->after->name);
	}
	return NULL;
}

/* The name that what fills by a column is to have; NULL: the source has it no more. */
static const char *
present_name(const CdcEvolve *e, const CdcColumnFill *fill)
{
	const CdcEvolveColumn *former = former_column(e, fill->text);

	if (fill->by == CDC_BY_COLUMN && former != NULL && former->after != NULL)
		return former->after->name;
	return new_column(e, fill->text);
}

/* Appends what fills a column of the target: a column of the source by its name, else as the mapping has it. */
static void
append_fill(StringInfo json, const Jsonb *columns, const CdcColumnFill *fill, const char *name)
{
	CdcJsonValue v;

	appendStringInfoString(json, json->len > 0 ? ", " : "{");
	escape_json(json, fill->target);
	appendStringInfoString(json, ": ");
	if (name != NULL)
		escape_json(json, name);
	else if (fill->by == CDC_BY_COLUMN)
		escape_json(json, fill->text);
	else if (cdc_json_find(&columns->root, fill->target, strlen(fill->target), &v))
		appendStringInfoString(json, cdc_json_to_cstring(&v));
}

/* The mapping that is to be, from what was appended. */
static void
set_mapping(CdcEvolve *e, StringInfo json)
{
	appendStringInfoString(json, json->len > 0 ? "}" : "{}");
	e->out->columns_changed = true;
	e->out->columns = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data)));
}

/* The user's mapping, with the names that its columns have now; what is computed stays. */
static void
follow_mapping(CdcEvolve *e)
{
	const Jsonb *columns = e->out->table->columns;
	StringInfoData json;
	CdcColumnFill *fills;
	bool		filled = false;
	int			n;
	int			i;

	fills = cdc_fills_read(columns, &n);
	initStringInfo(&json);
	for (i = 0; i < n; i++)
	{
		bool		plain = fills[i].by == CDC_BY_COLUMN || fills[i].by == CDC_BY_NOTHING;
		const char *name = plain ? present_name(e, &fills[i]) : NULL;

		/* a column of the target that went with the source's */
		if (plain && get_attnum(e->relid, fills[i].target) == InvalidAttrNumber)
			continue;
		filled = filled || name != NULL;
		if (name != NULL || !plain)
		{
			append_fill(&json, columns, &fills[i], name);
			continue;
		}
		appendStringInfoString(&json, json.len > 0 ? ", " : "{");
		escape_json(&json, fills[i].target);
		appendStringInfoString(&json, ": {\"dropped\": ");
		escape_json(&json, fills[i].text);
		appendStringInfoChar(&json, '}');
	}
	set_mapping(e, &json);
	if (filled || n == 0)
		return;
	e->trouble = psprintf("its mapping names no column that source table %s has now", e->out->table->source_table);
	e->out->remap = pstrdup(CDC_REMAP_COLUMNS);
}

void
cdc_evolve_rename_fills(CdcEvolve *e)
{
	const Jsonb *columns = e->out->table->columns;
	StringInfoData json;
	CdcColumnFill *fills;
	bool		renamed = false;
	int			n;
	int			i;

	fills = cdc_fills_read(columns, &n);
	initStringInfo(&json);
	for (i = 0; i < n; i++)
	{
		const CdcEvolveColumn *former = fills[i].by == CDC_BY_COLUMN ? former_column(e, fills[i].text) : NULL;
		const char *name = former != NULL && former->after != NULL ? former->after->name : NULL;

		append_fill(&json, columns, &fills[i], name);
		renamed = renamed || (name != NULL && strcmp(name, fills[i].text) != 0);
	}
	if (renamed)
		set_mapping(e, &json);
}

/* The mapping, where it is one; NULL where all have their own names. */
void
cdc_evolve_mapping(CdcEvolve *e)
{
	StringInfoData json;
	bool		renamed = false;
	int			n = 0;
	int			i;

	if (!e->all && e->out->table->columns != NULL)
	{
		follow_mapping(e);
		return;
	}
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];

		if (column->target == NULL || column->after == NULL)
			continue;
		if (strcmp(column->target, column->after->name) != 0)
			renamed = true;
		appendStringInfoString(&json, n++ > 0 ? "," : "");
		escape_json(&json, column->target);
		appendStringInfoChar(&json, ':');
		escape_json(&json, column->after->name);
	}
	appendStringInfoChar(&json, '}');
	e->out->columns_changed = renamed || e->out->table->columns != NULL;
	if (e->out->columns_changed)
		e->out->columns = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}
