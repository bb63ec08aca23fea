/*-------------------------------------------------------------------------
 *
 * sql_plan.c
 *	  The plans of the statements of the back-end of set-based SQL, kept with their targets.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/sql_internal.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/catalog/spi.h"

/*
 * So many plans are kept with a target: rows of partial images take some for each
 * combination of columns.  The one that was used longest ago goes first.
 */
#define MAX_PLANS		64

/* A statement's plan. */
typedef struct SqlPlan
{
	CdcSqlForm	form;
	SPIPlanPtr	plan;			/* NULL: the statement would do nothing */
	uint64		used;			/* SqlPlans.uses at its last use */
} SqlPlan;

/* The plans that a target keeps; CdcTarget.kept. */
typedef struct SqlPlans
{
	List	   *plans;			/* of SqlPlan * */
	uint64		uses;
} SqlPlans;

static void
free_plan(SqlPlan *plan)
{
	if (plan->plan != NULL)
		SPI_freeplan(plan->plan);
	pfree(plan);
}

/* CdcTarget.release_kept */
static void
free_plans(void *kept)
{
	SqlPlans   *plans = kept;
	ListCell   *lc;

	foreach(lc, plans->plans)
		free_plan(lfirst(lc));
	list_free(plans->plans);
	pfree(plans);
}

/* Makes room for one more plan. */
static void
drop_oldest_plan(SqlPlans *kept)
{
	SqlPlan    *oldest = NULL;
	ListCell   *lc;

	if (list_length(kept->plans) < MAX_PLANS)
		return;
	foreach(lc, kept->plans)
	{
		SqlPlan    *plan = lfirst(lc);

		if (oldest == NULL || plan->used < oldest->used)
			oldest = plan;
	}
	kept->plans = list_delete_ptr(kept->plans, oldest);
	free_plan(oldest);
}

/* What the target keeps for this back-end, made at its first use. */
static SqlPlans *
kept_plans(CdcTarget *target)
{
	if (target->kept == NULL)
	{
		target->kept = MemoryContextAllocZero(target->cxt, sizeof(SqlPlans));
		target->release_kept = free_plans;
	}
	return target->kept;
}

static inline bool
is_form(const CdcSqlForm *a, const CdcSqlForm *b)
{
	return a->kind == b->kind && a->presence == b->presence && a->nulls == b->nulls &&
		a->batch == b->batch && a->told == b->told && a->dealt == b->dealt && a->staged == b->staged;
}

/* Prepares the statement of a form; NULL where it would do nothing. */
static SPIPlanPtr
prepare(const CdcTarget *target, const CdcSqlForm *form)
{
	Oid		   *types = palloc(sizeof(Oid) * (target->ncolumns + 2));
	int			nargs = 0;
	SPIPlanPtr	plan;
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	if (!cdc_sql_statement(&sql, target, form))
		return NULL;
	if (form->kind == SQL_TAKE)
		types[nargs++] = INT8OID;
	if (form->batch && !form->staged)
		types[nargs++] = cdc_batch_type();
	if (form->kind == SQL_TAKE_MANY)
		types[nargs++] = INT8ARRAYOID;
	for (i = 0; i < target->ncolumns && !form->batch; i++)
		if (cdc_sql_is_parameter(&target->columns[i], form->presence))
			types[nargs++] = cdc_sql_parameter_type(&target->columns[i], form->kind);
	plan = SPI_prepare_cursor(sql.data, nargs, types,
							  CDC_HAVE_DISTRIBUTION ? CURSOR_OPT_GENERIC_PLAN : 0);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

/*
 * The kept plan of a statement, made at its first use; its plan is NULL where it would
 * do nothing.  Valid until the next call.
 */
static SqlPlan *
sql_plan(CdcTarget *target, const CdcSqlForm *form)
{
	SqlPlans   *kept = kept_plans(target);
	SqlPlan    *plan;
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, kept->plans)
	{
		plan = lfirst(lc);
		if (is_form(&plan->form, form))
		{
			plan->used = ++kept->uses;
			return plan;
		}
	}
	drop_oldest_plan(kept);
	plan = MemoryContextAllocZero(target->cxt, sizeof(SqlPlan));
	plan->form = *form;
	plan->used = ++kept->uses;
	plan->plan = prepare(target, form);
	old = MemoryContextSwitchTo(target->cxt);
	kept->plans = lappend(kept->plans, plan);
	MemoryContextSwitchTo(old);
	return plan;
}

/* Options under which a statement finds the rows of many keys by the key's index. */
static const CdcPlannerOption follow_index[] = {
#if CDC_HAVE_OTHER_PLANNER
	{"optimizer", "off"},
#endif
	{"enable_nestloop", "on"},
	{"enable_seqscan", "off"},
	{"enable_hashjoin", "off"},
	{"enable_mergejoin", "off"},
	{"enable_material", "off"}
};

/* Runs a plan of the target; returns the number of rows. */
static int64
execute(const CdcTarget *target, const SqlPlan *plan, Datum *values, const char *nulls, long limit)
{
	bool		follows = CDC_HAVE_DISTRIBUTION && OidIsValid(target->key_index);
	int			level = 0;
	int			rc;

	if (follows)
		level = cdc_planner_begin(follow_index, lengthof(follow_index));
	rc = SPI_execute_plan(plan->plan, values, nulls, false, limit);
	if (follows)
		cdc_planner_end(level);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	return (int64) SPI_processed;
}

bool
cdc_sql_does(CdcTarget *target, const CdcSqlForm *form)
{
	return sql_plan(target, form)->plan != NULL;
}

int64
cdc_sql_run_values(CdcTarget *target, const CdcSqlForm *form, Datum *values, const char *nulls,
				   long limit)
{
	SqlPlan    *plan = sql_plan(target, form);

	return plan->plan != NULL ? execute(target, plan, values, nulls, limit) : 0;
}

int64
cdc_sql_run(CdcTarget *target, const CdcSqlForm *form)
{
	return cdc_sql_run_values(target, form, NULL, NULL, 0);
}

bool
cdc_sql_stays(CdcTarget *target, const CdcSqlForm *form)
{
	SqlPlan    *plan = sql_plan(target, form);
	int			level;
	bool		result;

	if (plan->plan == NULL)
		return false;
	level = cdc_planner_begin(follow_index, lengthof(follow_index));
	result = cdc_deal_holds(plan->plan);
	cdc_planner_end(level);
	return result;
}

Datum
cdc_sql_parameter_value(const CdcTargetColumn *col, Datum value)
{
	Oid			output;
	bool		isvarlena;

	if (!cdc_sql_as_text(col))
		return value;
	getTypeOutputInfo(col->typid, &output, &isvarlena);
	return CStringGetTextDatum(OidOutputFunctionCall(output, value));
}
