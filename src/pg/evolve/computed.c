/*-------------------------------------------------------------------------
 *
 * computed.c
 *	  What a change of the source's columns does to expressions of a mapping, and to the
 *	  row filter.
 *
 * They are the user's: none is rewritten.  Where a column that one reads is gone, has
 * another name or other values, the target's rows are not what the expression makes of the
 * source's any more.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/base/error.h"
#include "pg/schema/typemap.h"
#include "pg/expression/expression.h"
#include "pg/expression/fill.h"
#include "pg/target/mode_shape.h"

/* Whether what was computed of the column's values is what is computed of them now. */
static bool
keeps_values(const CdcEvolve *e, const CdcEvolveColumn *column)
{
	char	   *before = cdc_pg_type_of_definition(column->before, &e->out->sub->opt);
	char	   *after = cdc_pg_type_of_definition(column->after, &e->out->sub->opt);
	Oid			before_type;
	Oid			after_type;
	int32		typmod;

	if (column->shape->retype == CDC_RETYPE_NONE)
		return true;
	if (before == NULL || after == NULL || column->shape->retype != CDC_RETYPE_EXACT)
		return false;
	parseTypeString(before, &before_type, &typmod, 0);
	parseTypeString(after, &after_type, &typmod, 0);
	return before_type == after_type;
}

/*
 * What gives a target without a mapping the names that the source's columns have now, to be
 * typed before what reads them by these; NULL: there is nothing of that kind.
 */
static char *
renames(const CdcEvolve *e)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; e->out->table->columns == NULL && i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];
		char	   *name = column->after != NULL ? cdc_evolve_own_name(column->after->name) : NULL;

		if (column->target != NULL && name != NULL && strcmp(name, column->target) != 0 &&
			get_attnum(e->relid, name) == InvalidAttrNumber)
			appendStringInfo(&sql, "ALTER TABLE %s RENAME COLUMN %s TO %s; ", e->target,
							 quote_identifier(column->target), quote_identifier(name));
	}
	return sql.len > 0 ? sql.data : NULL;
}

/* The reason why an expression, which is called what in it, cannot go on; or NULL. */
static char *
trouble_of(const CdcEvolve *e, const char *text, const char *what)
{
	List	   *names = cdc_expression_names(text);
	int			i;

	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];

		if (column->before == NULL || !cdc_expression_names_column(names, column->before->name))
			continue;
		if (column->after == NULL)
		{
			e->out->remap = pstrdup(CDC_REMAP_COLUMNS);
			return psprintf("column \"%s\" was dropped, which %s reads", column->before->name, what);
		}
		if (pg_strcasecmp(column->before->name, column->after->name) != 0)
		{
			e->out->remap = pstrdup(CDC_REMAP_COLUMNS);
			e->out->first = renames(e);
			return psprintf("column \"%s\" was renamed to \"%s\", which %s reads under its former name",
							column->before->name, column->after->name, what);
		}
		if (!keeps_values(e, column))
			return psprintf("column \"%s\" was changed from %s to %s, which %s reads",
							column->before->name, cdc_evolve_describe(column->before, column->after),
							cdc_evolve_describe(column->after, column->before), what);
	}
	return NULL;
}

char *
cdc_evolve_computed_trouble(const CdcEvolve *e)
{
	const CdcSubscriptionTable *table = e->out->table;
	char	   *trouble = NULL;
	CdcColumnFill    *fills;
	int			n = 0;
	int			i;

	fills = table->columns != NULL ? cdc_fills_read(table->columns, &n) : NULL;
	for (i = 0; trouble == NULL && i < n; i++)
		if (fills[i].by == CDC_BY_EXPRESSION)
			trouble = trouble_of(e, fills[i].text,
								 psprintf("the expression of column \"%s\"", fills[i].target));
	if (trouble == NULL && table->row_filter != NULL)
		trouble = trouble_of(e, table->row_filter, "the row filter");
	return trouble;
}

/* CdcAttempt */
static bool
attempt_expressions(void *arg)
{
	const CdcEvolve *e = arg;
	const CdcSubscriptionTable *table = e->out->table;
	CdcExpressions *set = cdc_expressions_create(e->out->sub, table->source_table, &e->out->change->after);
	CdcExpressionUse use = {0};
	CdcColumnFill *fills;
	int			n = 0;
	int			i;

	fills = table->columns != NULL ? cdc_fills_read(table->columns, &n) : NULL;
	for (i = 0; i < n; i++)
	{
		AttrNumber	attnum = get_attnum(e->relid, fills[i].target);
		Oid			collation;

		if (fills[i].by != CDC_BY_EXPRESSION || attnum <= 0)
			continue;
		use.column = fills[i].target;
		get_atttypetypmodcoll(e->relid, attnum, &use.typid, &use.typmod, &collation);
		(void) cdc_expressions_add(set, fills[i].text, &use);
	}
	if (table->row_filter != NULL)
	{
		memset(&use, 0, sizeof(use));
		(void) cdc_expressions_add(set, table->row_filter, &use);
	}
	cdc_expressions_finish(set);
	return true;
}

char *
cdc_evolve_expressions_trouble(const CdcEvolve *e)
{
	ErrorData  *error;

	if (e->out->table->row_filter == NULL && !cdc_fills_compute(e->out->table->columns))
		return NULL;
	error = cdc_attempt_lasting(attempt_expressions, (void *) e);
	if (error == NULL)
		return NULL;
	e->out->remap = pstrdup(CDC_REMAP_COLUMNS);
	return psprintf("an expression of its target, or its row filter, is not one of the table as it is: %s%s%s",
					error->message, error->context != NULL ? ", in the " : "",
					error->context != NULL ? pnstrdup(error->context, strcspn(error->context, "\n")) : "");
}

bool
cdc_evolve_is_computed(const CdcEvolve *e, const char *name)
{
	const CdcColumnFill *fill;
	CdcColumnFill    *fills;
	int			n;

	if (cdc_mode_column(cdc_mode_shape(e->out->table->mode), name) != NULL)
		return true;
	if (e->out->table->columns == NULL)
		return false;
	fills = cdc_fills_read(e->out->table->columns, &n);
	fill = cdc_fill_find(fills, n, name);
	return fill != NULL && fill->by != CDC_BY_COLUMN;
}
