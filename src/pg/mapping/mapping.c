/*-------------------------------------------------------------------------
 *
 * mapping.c
 *	  How the rows of one source table fill the columns of its target.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/mapping.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/target/claim.h"
#include "pg/target/distribution.h"
#include "pg/expression/content.h"
#include "pg/schema/versions.h"
#include "pg/expression/hint.h"
#include "pg/target/lock.h"
#include "pg/target/replica_table.h"
#include "pg/schema/type_fit.h"
#include "pg/schema/typemap.h"

/* ------------------------------------------------------------------------
 * Columns
 * ------------------------------------------------------------------------
 */

/* ERROR where the user's mapping names a column that the target does not have, or its mode fills. */
static void
check_mapped_names(const CdcTarget *target, const CdcModeShape *shape, const CdcColumnFill *fills, int n)
{
	int			i;
	int			c;

	for (i = 0; i < n; i++)
	{
		if (fills[i].by == CDC_BY_NOTHING)
			continue;
		if (cdc_mode_column(shape, fills[i].target) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column \"%s\" of target %s is filled by mode \"%s\"", fills[i].target, target->name,
							shape->name),
					 errhint("Leave it out of the mapping \"columns\".")));
		for (c = 0; c < target->ncolumns; c++)
			if (strcmp(target->columns[c].name, fills[i].target) == 0)
				break;
		if (c == target->ncolumns)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("target %s has no column \"%s\" that can be written",
							target->name, fills[i].target),
					 errdetail("It is named in the mapping \"columns\".")));
	}
}

/* The source's column of a name; NULL: there is none. */
static const CdcColumnDef *
find_definition(const CdcTableDef *def, const char *name)
{
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		if (strcmp(def->columns[i].name, name) == 0)
			return &def->columns[i];
	return NULL;
}

/* Whether rows are found by all columns of the source, as neither it nor anybody names a key. */
static bool
is_keyless(const CdcMappingSpec *spec, const CdcTableDef *def)
{
	int			i;

	if (spec->nkey > 0 || def->ncolumns == 0)
		return false;
	for (i = 0; i < def->ncolumns; i++)
		if (def->columns[i].pk >= 0)
			return false;
	return true;
}

/* The column that a value of the source fills. */
static void
fill_by_column(CdcMappedColumn *col, const CdcSubscription *sub, Form_pg_attribute att,
			   const CdcTableDef *def, const char *source)
{
	const CdcColumnDef *definition = find_definition(def, source);

	col->by = CDC_BY_COLUMN;
	col->in_source = definition != NULL;
	col->in_source_key = definition != NULL && definition->pk >= 0;
	col->source = pstrdup(source);
	col->source_len = strlen(source);
	cdc_converter_init(&col->conv, CurrentMemoryContext, att->atttypid, att->atttypmod,
					   cdc_content_kind(def, source), sub->opt.zero_date);
	cdc_column_hint(att->atttypid, att->atttypmod, &col->hint);
	if (col->conv.source == CDC_SOURCE_GEOMETRY)
		col->hint.kind = CDC_HINT_GEOMETRY;
}

/* The same of a constant, which is converted as a value of the source would be. */
static void
fill_by_constant(CdcMappedColumn *col, const CdcSubscription *sub, Form_pg_attribute att,
				 const CdcColumnFill *fill)
{
	CdcConverter conv;

	col->by = CDC_BY_CONSTANT;
	col->source = "";
	col->constant_null = true;
	if (fill->value.type == JENTRY_ISNULL)
		return;
	cdc_converter_init(&conv, CurrentMemoryContext, att->atttypid, att->atttypmod,
					   CDC_SOURCE_OTHER, sub->opt.zero_date);
	col->constant_null = false;
	col->constant = conv.convert(&conv, &fill->value, &col->constant_null);
	if (!col->constant_null)
		col->constant = datumCopy(col->constant, att->attbyval, att->attlen);
}

/*
 * Gives the target a column for each attribute that something fills, and the mapping what
 * fills it.  Expressions are parsed later.
 */
static void
map_columns(CdcMapping *mapping, const CdcSubscription *sub, const CdcMappingSpec *spec,
			const CdcTableDef *def)
{
	CdcTarget  *target = mapping->target;
	bool		keyless = spec->columns == NULL && !mapping->shape->own_key && is_keyless(spec, def);
	int			nfills = 0;
	CdcColumnFill    *fills = spec->columns != NULL ? cdc_fills_read(spec->columns, &nfills) : NULL;
	int			i;

	mapping->mapped = fills != NULL || spec->leaves_out;
	mapping->columns = palloc0(sizeof(CdcMappedColumn) * Max(target->desc->natts, 1));
	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);
		const CdcColumnFill *fill = cdc_fill_find(fills, nfills, NameStr(att->attname));
		const CdcModeColumn *own;
		CdcMappedColumn *col;
		int			at;

		if (att->attisdropped || CDC_ATT_GENERATED(att))
			continue;
		own = cdc_mode_column(mapping->shape, NameStr(att->attname));
		if (own == NULL && fills != NULL && (fill == NULL || fill->by == CDC_BY_NOTHING))
			continue;

		/* what the source has no more tells no rows apart */
		if (own == NULL && keyless && find_definition(def, NameStr(att->attname)) == NULL)
			continue;
		at = cdc_target_add_column(target, att);
		col = &mapping->columns[at];
		col->attnum = att->attnum;
		col->name = target->columns[at].name;
		col->source = "";
		if (own != NULL)
		{
			col->by = CDC_BY_MODE;
			col->mode_fill = own->fill;
			col->unsettled = true;
		}
		else if (fill == NULL || fill->by == CDC_BY_COLUMN)
			fill_by_column(col, sub, att, def, fill != NULL ? fill->text : NameStr(att->attname));
		else if (fill->by == CDC_BY_CONSTANT)
			fill_by_constant(col, sub, att, fill);
		else
			col->by = CDC_BY_EXPRESSION;
		mapping->computed = mapping->computed || col->by != CDC_BY_COLUMN;
	}
	check_mapped_names(target, mapping->shape, fills, nfills);
	if (target->ncolumns == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("target %s has no column that can be written", target->name)));
}

/* Whether the target computes a column of that name itself. */
static bool
target_computes(const CdcTarget *target, const char *name)
{
	int			i;

	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (!att->attisdropped && CDC_ATT_GENERATED(att) && strcmp(NameStr(att->attname), name) == 0)
			return true;
	}
	return false;
}

/* Whether rows that the source tells apart are apart in the target.  Returns what is wrong, or NULL. */
static char *
key_trouble(const CdcMapping *mapping, const CdcTableDef *def)
{
	const CdcTarget *target = mapping->target;
	int			i;

	for (i = 0; def->ncolumns > 0 && i < target->nkey; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];
		const CdcTargetColumn *column = &target->columns[target->key[i].column];
		const CdcColumnDef *source = col->by == CDC_BY_COLUMN ? find_definition(def, col->source) : NULL;
		Oid			collation = target->key[i].collation;
		bool		own_collation = OidIsValid(collation) && !CDC_COLLATION_IS_DETERMINISTIC(collation);

		if (col->by == CDC_BY_COLUMN && source == NULL)
			return psprintf("column \"%s\" of its target's key is filled by no column of the source", col->name);
		if (source == NULL || target->keyless ||
			cdc_key_fit(source, column->typid, collation) != CDC_KEY_FIT_MERGES)
			continue;
		return psprintf("column \"%s\" of its target's key has type %s%s, for which some values are equal that the source tells apart: type ALTER TABLE %s ALTER COLUMN %s TYPE text%s; first",
						col->name, format_type_be(column->typid), own_collation ? " and a collation" : "",
						target->name, quote_identifier(col->name),
						own_collation ? " COLLATE \"default\"" : "");
	}
	return NULL;
}

/* What gives a column of the target the type that holds the source's values; NULL: none does. */
static char *
retype_remedy(const CdcTarget *target, const CdcTargetColumn *column, const CdcColumnDef *source,
			  const CdcSubscription *sub)
{
	const char *name = quote_identifier(column->name);
	const char *type = cdc_pg_type_of_definition(source, &sub->opt);

	if (type == NULL)
		return NULL;
	return psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s::%s::%s;", target->name, name, type,
					name, column->basetype == CASHOID ? "numeric" : "text", type);
}

/*
 * Compares the definition, which is of rows from the one at hand on, with the target: what
 * a column would take as something else, and columns that the target lacks.  Returns what
 * is wrong, or NULL.
 */
static char *
shape_trouble(CdcMapping *mapping, const CdcSubscription *sub, const CdcTableDef *def)
{
	const CdcTarget *target = mapping->target;
	int			i;
	int			c;

	for (i = 0; i < def->ncolumns; i++)
	{
		const CdcColumnDef *source = &def->columns[i];
		bool		filled = false;

		for (c = 0; c < target->ncolumns; c++)
		{
			const CdcTargetColumn *column = &target->columns[c];

			if (strcmp(mapping->columns[c].source, source->name) != 0)
				continue;
			filled = true;
			if (cdc_type_fit(source, column->typid, column->typmod) != CDC_FIT_ALTERS)
				continue;
			mapping->remedy = retype_remedy(target, column, source, sub);
			return psprintf("column \"%s\" of its target has type %s, which has not the values of %s",
							column->name, format_type_with_typemod(column->typid, column->typmod),
							source->column_type);
		}
		if (!filled && !mapping->mapped && !cdc_column_def_is_generated(source) &&
			target_computes(target, source->name))
			return psprintf("column \"%s\" of its target is generated there and an ordinary column of the source: type ALTER TABLE %s ALTER COLUMN %s DROP EXPRESSION; first, or leave it out, by null in the mapping \"columns\"",
							source->name, target->name, quote_identifier(source->name));
		/* a name that is longer than the target's can be is cut */
		if (!filled && !mapping->mapped && strlen(source->name) < NAMEDATALEN &&
			!cdc_column_def_is_generated(source) && !target_computes(target, source->name))
			return psprintf("its target has no column \"%s\"", source->name);
	}
	return key_trouble(mapping, def);
}

/* ------------------------------------------------------------------------
 * The key
 * ------------------------------------------------------------------------
 */

/* The attributes of target columns; NIL when one of the names is none. */
static List *
attnums_of_targets(const CdcTarget *target, char **names, int n)
{
	List	   *result = NIL;
	int			i;
	int			c;

	for (i = 0; i < n; i++)
	{
		for (c = 0; c < target->ncolumns; c++)
			if (strcmp(target->columns[c].name, names[i]) == 0)
				break;
		if (c == target->ncolumns)
			return NIL;
		result = lappend_int(result, target->columns[c].attnum);
	}
	return result;
}

/* The attribute that a column of the source fills first; 0: none. */
static AttrNumber
attnum_of_source(const CdcMapping *mapping, const char *name)
{
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
		if (strcmp(mapping->columns[c].source, name) == 0)
			return mapping->columns[c].attnum;
	return InvalidAttrNumber;
}

/* The attributes that the source's primary key fills; NIL where it does not fill all. */
static List *
attnums_of_source_key(const CdcMapping *mapping, const CdcTableDef *def)
{
	const CdcColumnDef **key = palloc0(sizeof(CdcColumnDef *) * (def->ncolumns + 1));
	List	   *result = NIL;
	int			n = 0;
	int			i;

	for (i = 0; i < def->ncolumns; i++)
	{
		const CdcColumnDef *column = &def->columns[i];

		if (column->pk < 0 || column->pk >= def->ncolumns)
			continue;
		key[column->pk] = column;
		n++;
	}
	for (i = 0; i < n; i++)
	{
		AttrNumber	attnum = key[i] != NULL ? attnum_of_source(mapping, key[i]->name) :
			InvalidAttrNumber;

		if (attnum == InvalidAttrNumber)
			return NIL;
		result = lappend_int(result, attnum);
	}
	return result;
}

/* What dates that PostgreSQL does not have become where they cannot be NULL. */
static void
choose_zero_date(CdcMappedColumn *col, const CdcTarget *target)
{
	CdcZeroDate *choice = &col->conv.zero_date;

	if (*choice == CDC_ZERO_DATE_ERROR)
		return;
	if (col->in_key && !target->keyless)
		*choice = CDC_ZERO_DATE_KEY;
	else if (*choice == CDC_ZERO_DATE_NULL && TupleDescAttr(target->desc, col->attnum - 1)->attnotnull)
		*choice = CDC_ZERO_DATE_INFINITY;
}

/* The names of the target's columns, as the argument "key" takes them. */
static char *
column_list(const CdcTarget *target)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < target->ncolumns; i++)
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", target->columns[i].name);
	return list.data;
}

/*
 * Key columns whose type has several forms of a value take one of them only, where the
 * source's column tells the forms apart.
 */
static void
choose_form(CdcMappedColumn *col, const CdcTargetColumn *column, const CdcTableDef *def, Oid collation)
{
	const CdcColumnDef *source = col->by == CDC_BY_COLUMN ? find_definition(def, col->source) : NULL;
	CdcKeyFit	fit = source != NULL ? cdc_key_fit(source, column->typid, collation) : CDC_KEY_FIT_EXACT;
	CdcConverter *conv;

	for (conv = &col->conv; conv != NULL; conv = conv->element)
		conv->form = fit == CDC_KEY_FIT_AS_WRITTEN ? CDC_FORM_AS_WRITTEN :
			fit == CDC_KEY_FIT_ANY_CASE ? CDC_FORM_ANY_CASE : CDC_FORM_ANY;
}

/* The attributes of a key that the mode has of its own. */
static List *
attnums_of_mode(const CdcMapping *mapping)
{
	List	   *result = NIL;
	int			i;
	int			c;

	for (i = 0; i < mapping->shape->ncolumns; i++)
		for (c = 0; mapping->shape->columns[i].in_key && c < mapping->target->ncolumns; c++)
			if (strcmp(mapping->columns[c].name, mapping->shape->columns[i].name) == 0)
				result = lappend_int(result, mapping->columns[c].attnum);
	return result;
}

/*
 * Of a mode with versions: rows are written by a key that has the mode's columns, too; what the
 * target's key finds is not unique, and has the index of that one.
 */
static void
map_versions(CdcMapping *mapping, Relation rel)
{
	CdcTarget  *target = mapping->target;
	CdcTarget  *versions = cdc_target_create(rel);
	List	   *attnums = NIL;
	int			i;

	for (i = 0; i < target->ncolumns; i++)
		(void) cdc_target_add_column(versions, TupleDescAttr(versions->desc, target->columns[i].attnum - 1));
	for (i = 0; i < target->nkey; i++)
		attnums = lappend_int(attnums, target->key[i].attnum);
	cdc_target_set_key(versions, rel, list_concat(attnums, attnums_of_mode(mapping)));
	for (i = 0; i < target->nkey; i++)
		target->key[i].index_equal = versions->key[i].index_equal;
	target->key_index = versions->key_index;
	target->row_by_row = false;
	mapping->versions = versions;
}

/* Without those that the mode adds to it. */
static List *
without_mode(const CdcMapping *mapping, List *attnums)
{
	List	   *modes = mapping->shape->versions ? attnums_of_mode(mapping) : NIL;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, attnums)
		if (!list_member_int(modes, lfirst_int(lc)))
			result = lappend_int(result, lfirst_int(lc));
	return result;
}

/* Chooses the target's key: the mode's, as given, else the source's, else the target's own. */
static void
map_key(CdcMapping *mapping, Relation rel, const CdcSubscription *sub, const CdcMappingSpec *spec,
		const CdcTableDef *def)
{
	CdcTarget  *target = mapping->target;
	List	   *attnums = NIL;
	bool		none = cdc_key_is_none(sub, spec->key, spec->nkey);
	int			c;

	mapping->key_chosen = spec->nkey > 0 || none || mapping->shape->own_key;

	if (mapping->shape->own_key)
		attnums = attnums_of_mode(mapping);
	else if (spec->nkey > 0)
	{
		attnums = attnums_of_targets(target, spec->key, spec->nkey);
		if (attnums == NIL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key of target %s names a column that it does not have", target->name),
					 errhint("Its columns are %s.", column_list(target))));
	}
	if (attnums == NIL && !none)
		attnums = attnums_of_source_key(mapping, def);
	if (attnums == NIL && !none)
		attnums = without_mode(mapping, cdc_target_primary_key(target, rel));
	cdc_target_set_key(target, rel, attnums);
	if (mapping->shape->versions && !target->keyless)
		map_versions(mapping, rel);
	for (c = 0; c < target->ncolumns; c++)
	{
		mapping->columns[c].in_key = target->columns[c].in_key;
		choose_zero_date(&mapping->columns[c], target);
		if (mapping->columns[c].in_key && !target->keyless)
			choose_form(&mapping->columns[c], &target->columns[c], def,
						TupleDescAttr(target->desc, target->columns[c].attnum - 1)->attcollation);
	}
}

/*
 * What keeps rows of the target from being written where they are distributed.  Returns that,
 * or NULL; ERROR where nobody tells it later.
 */
static char *
distribution_trouble(const CdcMapping *mapping, Relation rel, const CdcMappingSpec *spec)
{
	const CdcTarget *target = mapping->target;
	CdcDistributionTrouble trouble;
	List	   *filled = NIL;
	List	   *key = NIL;
	int			i;

	for (i = 0; i < target->ncolumns; i++)
		filled = lappend(filled, (char *) target->columns[i].name);
	for (i = 0; !target->keyless && i < target->nkey; i++)
		key = lappend(key, (char *) target->columns[target->key[i].column].name);
	if (!cdc_distribution_trouble(rel, target->name, key, filled, &trouble))
		return NULL;
	if (!spec->tells_trouble)
		cdc_distribution_raise(target->name, &trouble);
	return psprintf("its target %s: type %s first", trouble.what, trouble.remedy);
}

/* A column of the source's key that no column of the target has: adds it to the mapping.  false: its name is taken. */
static bool
add_key_column(const CdcMapping *mapping, const CdcSubscription *sub, const CdcColumnDef *source,
			   StringInfo columns, StringInfo statements)
{
	const CdcTarget *target = mapping->target;
	const char *name = cdc_replica_column(source->name);
	const char *type = cdc_pg_type_of_definition(source, &sub->opt);
	int			c;

	for (c = 0; c < target->ncolumns && strcmp(target->columns[c].name, name) != 0; c++)
		;
	if (c < target->ncolumns ? mapping->columns[c].by != CDC_BY_NOTHING : type == NULL)
		return false;
	if (c == target->ncolumns)
		appendStringInfo(statements, "ALTER TABLE %s ADD COLUMN %s %s; ", target->name, quote_identifier(name), type);
	appendStringInfoString(columns, columns->len > 2 ? ", " : "");
	escape_json(columns, name);
	appendStringInfoString(columns, ": ");
	escape_json(columns, cdc_from_utf8(source->name));
	return true;
}

/*
 * What gives a target without a key that of its source, where only its mapping lacks columns of it: statements,
 * and the arguments of cdc.alter_table.
 */
static void
set_rekey(CdcMapping *mapping, const CdcSubscription *sub, const CdcMappingSpec *spec, const CdcTableDef *def)
{
	StringInfoData columns;
	StringInfoData key;
	StringInfoData statements;
	int			n = 0;
	int			i;

	initStringInfo(&columns);
	initStringInfo(&key);
	initStringInfo(&statements);
	if (spec->columns != NULL)
	{
		(void) JsonbToCString(&columns, (JsonbContainer *) &spec->columns->root, VARSIZE(spec->columns));
		columns.data[--columns.len] = '\0';
	}
	for (i = 0; i < def->ncolumns; i++)
		n += def->columns[i].pk >= 0;
	for (i = 0; i < n; i++)
	{
		const CdcColumnDef *source = NULL;
		const char *name;
		AttrNumber	attnum;
		int			c;

		for (c = 0; c < def->ncolumns; c++)
			if (def->columns[c].pk == i)
				source = &def->columns[c];
		attnum = source != NULL ? attnum_of_source(mapping, source->name) : InvalidAttrNumber;
		if (source == NULL ||
			(attnum == InvalidAttrNumber &&
			 (columns.len == 0 || !add_key_column(mapping, sub, source, &columns, &statements))))
			break;
		name = attnum != InvalidAttrNumber ?
			NameStr(TupleDescAttr(mapping->target->desc, attnum - 1)->attname) : cdc_replica_column(source->name);
		appendStringInfoString(&key, i > 0 ? "," : "");
		/* an array quotes as JSON does */
		if (quote_identifier(name) == name)
			appendStringInfoString(&key, name);
		else
			escape_json(&key, name);
	}
	if (n > 0 && i == n && columns.len > 0)
	{
		appendStringInfoChar(&columns, '}');
		mapping->rekey_first = statements.len > 0 ? statements.data : NULL;
		mapping->rekey = psprintf("columns := %s, key := %s", quote_literal_cstr(columns.data),
								  quote_literal_cstr(psprintf("{%s}", key.data)));
	}
	else
		mapping->rekey = pstrdup("key := '{...}'");
}

/*
 * What keeps a target of a mode that keeps rows from being one: without a key it is not known
 * which row has gone, and values of rows that have gone are free again at the source.  Returns
 * that, or NULL; ERROR where nobody tells it later.
 */
static char *
mode_trouble(CdcMapping *mapping, const CdcSubscription *sub, const CdcMappingSpec *spec, const CdcTableDef *def)
{
	const CdcTarget *target = mapping->target;
	const CdcTarget *written = mapping->versions != NULL ? mapping->versions : target;
	const char *what = target->keyless ? "has no key" : written->row_by_row ? "has a unique index besides its key" : NULL;

	if (!mapping->shape->keeps_rows || what == NULL)
		return NULL;
	if (!spec->tells_trouble)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("target %s %s, and cannot have mode \"%s\"", target->name, what, mapping->shape->name),
				 target->keyless ?
				 errdetail("The row that has gone could not be told from others.") :
				 errdetail("Rows stay that the source does not have any more, and others may get their values."),
				 target->keyless ?
				 errhint("Give the source table a primary key, name the columns that tell its rows apart with key := '{...}', or take mode := 'append'.") :
				 errhint("Drop that index, or make it one that is not unique.")));
	if (!target->keyless)
		return psprintf("its target %s, which mode \"%s\" does not go with: drop that index first, or make it one that is not unique",
						what, mapping->shape->name);
	set_rekey(mapping, sub, spec, def);
	return psprintf("its target %s, which mode \"%s\" needs", what, mapping->shape->name);
}

void
cdc_mapping_map(CdcMapping *mapping, Relation rel, const CdcSubscription *sub,
				const CdcMappingSpec *spec, const CdcTableDef *def)
{
	cdc_mode_check_table(mapping->shape, rel, mapping->target->name);
	map_columns(mapping, sub, spec, def);
	map_key(mapping, rel, sub, spec, def);
	mapping->target->alive = mapping->shape->alive;
	mapping->trouble = distribution_trouble(mapping, rel, spec);
	if (mapping->trouble == NULL)
		mapping->trouble = mode_trouble(mapping, sub, spec, def);
	if (mapping->trouble == NULL)
		mapping->trouble = shape_trouble(mapping, sub, def);
}
