/*-------------------------------------------------------------------------
 *
 * computed.c
 *	  What a mapping computes: columns by expressions, the row filter, and which rows of
 *	  the target are its own.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/computed.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "pg/base/error.h"

/* ------------------------------------------------------------------------
 * What may be computed
 * ------------------------------------------------------------------------
 */

/*
 * A row is found again by its key, and is inside or outside of a filter, whenever it is
 * asked for: neither may depend on anything but the row.
 */
static void
check_fixed(const CdcMapping *mapping, const CdcExpression *expression, const char *what)
{
	if (expression->immutable && !expression->event)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s of target %s may give another value for the same row", what,
					mapping->target->name),
			 expression->event ?
			 errdetail("It reads more of the event than event.source_table, event.database and event.table.") :
			 errdetail("It uses functions that are not immutable."),
			 errhint("Make it of the row's columns alone, by functions that are marked IMMUTABLE; of a timestamptz for example with AT TIME ZONE 'UTC'.")));
}

static void
check_columns(const CdcMapping *mapping)
{
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by == CDC_BY_EXPRESSION && col->in_key)
			check_fixed(mapping, col->expression,
						psprintf(mapping->target->keyless ? "column \"%s\", by which rows are found as there is no key,"
								 : "key column \"%s\"", col->name));
		if (col->by == CDC_BY_CONSTANT && col->in_key && !mapping->target->keyless &&
			col->constant_null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key column \"%s\" of target %s is always null", col->name,
							mapping->target->name)));
	}
	if (mapping->filter != NULL)
		check_fixed(mapping, mapping->filter, "the row filter");
}

/* ------------------------------------------------------------------------
 * Making it
 * ------------------------------------------------------------------------
 */

/* What does not depend on the row is computed once. */
static void
fold_constant(CdcMapping *mapping, CdcMappedColumn *col)
{
	CdcExpressions *set = mapping->expressions;
	Form_pg_attribute att = TupleDescAttr(mapping->target->desc, col->attnum - 1);
	CdcExpression *expression = col->expression;
	Datum	   *values;
	bool	   *nulls;
	ListCell   *lc;
	int			i = 0;

	if (!expression->immutable || expression->event || expression->columns != NULL)
		return;
	cdc_expressions_begin_row(set, &values, &nulls);
	foreach(lc, set->inputs)
	{
		CdcExpressionInput *input = lfirst(lc);

		if (input->fact != CDC_FACT_NONE)
			values[i] = cdc_expression_fact(set, input, NULL, &nulls[i]);
		i++;
	}
	col->constant = cdc_expression_evaluate(set, expression, &col->constant_null);
	if (!col->constant_null)
		col->constant = datumCopy(col->constant, att->attbyval, att->attlen);
	col->by = CDC_BY_CONSTANT;
	col->expression = NULL;
}

/* Which columns of the target keep the values of inputs as they are. */
static void
find_copies(CdcMapping *mapping)
{
	ListCell   *lc;
	int			c;

	foreach(lc, mapping->expressions->inputs)
	{
		CdcExpressionInput *input = lfirst(lc);

		for (c = 0; input->fact == CDC_FACT_NONE && c < mapping->target->ncolumns; c++)
		{
			const CdcTargetColumn *target = &mapping->target->columns[c];

			if (mapping->columns[c].by == CDC_BY_COLUMN && target->typid == input->typid &&
				(target->typmod == input->typmod || target->typmod == -1) &&
				strcmp(mapping->columns[c].source, input->name) == 0)
				input->copy = c;
		}
	}
}

static void
make_expressions(CdcMapping *mapping, const CdcSubscription *sub, const CdcMappingSpec *spec,
				 const CdcTableDef *def)
{
	CdcExpressions *set = cdc_expressions_create(sub, mapping->source_table, def);
	CdcExpressionUse use;
	int			nfills = 0;
	CdcColumnFill    *fills = spec->columns != NULL ? cdc_fills_read(spec->columns, &nfills) : NULL;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcTargetColumn *target = &mapping->target->columns[c];
		CdcMappedColumn *col = &mapping->columns[c];

		if (col->by != CDC_BY_EXPRESSION)
			continue;
		use.column = target->name;
		use.typid = target->typid;
		use.typmod = target->typmod;
		col->expression = cdc_expressions_add(set, cdc_fill_find(fills, nfills, target->name)->text,
											  &use);
		col->unsettled = col->expression->unsettled;
	}
	if (spec->row_filter != NULL)
	{
		memset(&use, 0, sizeof(use));
		mapping->filter = cdc_expressions_add(set, spec->row_filter, &use);
		mapping->computed = true;
	}
	mapping->expressions = set;
	find_copies(mapping);
	check_columns(mapping);
	cdc_expressions_finish(set);
	for (c = 0; c < mapping->target->ncolumns; c++)
		if (mapping->columns[c].by == CDC_BY_EXPRESSION)
			fold_constant(mapping, &mapping->columns[c]);
}

/* What make_expressions() is called with. */
typedef struct Making
{
	CdcMapping *mapping;
	const CdcSubscription *sub;
	const CdcMappingSpec *spec;
	const CdcTableDef *def;
} Making;

/* CdcAttempt */
static bool
attempt_expressions(void *arg)
{
	const Making *m = arg;

	make_expressions(m->mapping, m->sub, m->spec, m->def);
	return true;
}

/* The same in a subtransaction; returns what is wrong, or NULL. */
static char *
try_expressions(CdcMapping *mapping, const CdcSubscription *sub, const CdcMappingSpec *spec,
				const CdcTableDef *def)
{
	Making		making = {mapping, sub, spec, def};
	ErrorData  *error = cdc_attempt_lasting(attempt_expressions, &making);

	if (error == NULL)
		return NULL;
	mapping->expressions = NULL;
	mapping->filter = NULL;
	mapping->remap = true;
	return psprintf("an expression of its target, or its row filter, is not valid any more: %s%s%s",
					error->message, error->context != NULL ? ", in the " : "",
					error->context != NULL ? pnstrdup(error->context, strcspn(error->context, "\n")) : "");
}

/* The rows of the target that are this source table's: by constants in its key. */
static void
note_own_rows(CdcMapping *mapping)
{
	CdcTarget  *target = mapping->target;
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];
		const CdcTargetColumn *column = &target->columns[target->key[i].column];
		Oid			output;
		bool		varlena;

		if (col->by != CDC_BY_CONSTANT || col->constant_null)
			continue;
		getTypeOutputInfo(column->typid, &output, &varlena);
		appendStringInfo(&sql, "%s%s OPERATOR(pg_catalog.=) %s::%s", sql.len > 0 ? " AND " : "",
						 quote_identifier(column->name),
						 quote_literal_cstr(OidOutputFunctionCall(output, col->constant)),
						 format_type_be_qualified(column->typid));
	}
	target->own_rows = sql.len > 0 ? sql.data : NULL;
}

char *
cdc_mapping_compute(CdcMapping *mapping, const CdcSubscription *sub, const CdcMappingSpec *spec,
					const CdcTableDef *def)
{
	bool		any = spec->row_filter != NULL;
	char	   *trouble = NULL;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
		any = any || mapping->columns[c].by == CDC_BY_EXPRESSION;
	if (any && spec->tells_trouble)
		trouble = try_expressions(mapping, sub, spec, def);
	else if (any)
		make_expressions(mapping, sub, spec, def);
	else if (mapping->computed)
		check_columns(mapping);
	if (trouble == NULL)
		note_own_rows(mapping);
	return trouble;
}
