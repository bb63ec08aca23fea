/*-------------------------------------------------------------------------
 *
 * refit.c
 *	  A target for a copy that will replace its rows: in the shape of the definition that
 *	  the copy is of, whatever it was before.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "access/htup_details.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/schema/typemap.h"
#include "pg/expression/fill.h"
#include "pg/schema/versions.h"
#include "pg/schema/type_fit.h"
#include "pg/target/mode_shape.h"

/*
 * Whether the column is to have another type: one that takes the values, and where it had
 * the type of the source's before, the one of the source's now.  A length or scale of the
 * user's own stays where it takes every value.  Where the source had no
 * column of that name before, what the target has was left by an older shape: it becomes as
 * it would be made; only one that the user chose keeps a type that takes every value.
 */
static bool
is_other_type(const CdcEvolve *e, const CdcEvolveColumn *column)
{
	const CdcTableDef *before = &e->out->change->before;
	int			at = cdc_table_def_find(before, column->after->name);
	char	   *old_type = at >= 0 ?
		cdc_pg_type_of_definition(&before->columns[at], &e->out->sub->opt) : NULL;
	CdcTypeFit	fit;
	Oid			typid;
	int32		typmod;

	fit = cdc_type_fit(column->after, column->typid, column->typmod);
	parseTypeString(column->type, &typid, &typmod, 0);
	if (typid == column->typid && (typmod == column->typmod || fit != CDC_FIT_EXACT))
		return typmod != column->typmod;
	if (old_type != NULL && strcmp(old_type, column->type) != 0)
	{
		parseTypeString(old_type, &typid, &typmod, 0);
		if (typid == column->typid && typmod == column->typmod)
			return true;
	}
	return fit == CDC_FIT_ALTERS || (at < 0 && before->ncolumns > 0 && (e->all || fit != CDC_FIT_EXACT));
}

/*
 * Whether the target gets a column that it has not: one that the source computes only where
 * it is newer than the target's shape, which was made or mapped without the others, where
 * row images have it, and where PostgreSQL does not compute one of that name.
 */
static bool
is_wanted(const CdcEvolve *e, const CdcColumnDef *def)
{
	const CdcPendingChange *change = e->out->change;
	int			i;

	if (!cdc_column_def_is_generated(def))
		return true;
	if (change->before.ncolumns == 0 || cdc_table_def_find(&change->before, def->name) >= 0 ||
		get_attnum(e->relid, cdc_evolve_own_name(def->name)) != InvalidAttrNumber)
		return false;
	for (i = 0; i < change->change.nadded; i++)
		if (strcmp(change->change.added[i].name, def->name) == 0)
			return !change->change.added[i].left_out;
	return false;
}

/* A column of the definition and one of the target that it fills; NULL: none yet. */
static void
add_column(CdcEvolve *e, const CdcColumnDef *def, char *target, bool again)
{
	CdcEvolveColumn *column = &e->columns[e->ncolumns];

	column->after = def;
	column->target = target;
	column->again = again;
	cdc_evolve_find(column, e->relid);
	column->type = cdc_pg_type_of_definition(def, &e->out->sub->opt);
	/* what the source computes is in the target, or is not */
	if (column->type != NULL && (column->target != NULL || (e->all && is_wanted(e, def))))
		e->ncolumns++;
}

/* The columns of the definition, and what the target has of them. */
static void
find_columns(CdcEvolve *e)
{
	const CdcTableDef *def = &e->out->change->after;
	const Jsonb *columns = e->out->table->columns;
	int			i;

	e->columns = palloc0(sizeof(CdcEvolveColumn) *
						 (def->ncolumns + (columns != NULL ? cdc_json_count(&columns->root) : 0) + 1));
	e->all = cdc_evolve_takes_definition(e, &e->out->change->before);
	for (i = 0; i < def->ncolumns; i++)
	{
		List	   *targets = e->all && (columns == NULL || !cdc_evolve_is_modes(e, &def->columns[i])) ? list_make1(cdc_evolve_own_name(def->columns[i].name)) :
			cdc_evolve_mapped_names(e, def->columns[i].name);
		ListCell   *lc;

		foreach(lc, targets)
			add_column(e, &def->columns[i], lfirst(lc), lc != list_head(targets));
	}
}

/* The target's columns that are filled by none may be NULL. */
static void
free_others(CdcEvolve *e)
{
	Relation	rel = table_open(e->relid, NoLock);
	TupleDesc	desc = CreateTupleDescCopy(RelationGetDescr(rel));
	int			i;
	int			c;

	table_close(rel, NoLock);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		for (c = 0; c < e->ncolumns; c++)
			if (e->columns[c].target != NULL && strcmp(e->columns[c].target, NameStr(att->attname)) == 0)
				break;
		if (c == e->ncolumns && !att->attisdropped && att->attnotnull && !att->atthasdef &&
			!cdc_evolve_is_computed(e, NameStr(att->attname)))
			cdc_evolve_drop_not_null(e, NameStr(att->attname));
	}
}

/* A target that other source tables fill, too, keeps its rows and only gets wider. */
static void
widen_columns(CdcEvolve *e)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
	{
		CdcEvolveColumn *column = &e->columns[i];
		char	   *type = column->target != NULL ? cdc_evolve_shared_type(e, column, false) : NULL;

		if (type == NULL)
			continue;
		cdc_evolve_lock(e);
		cdc_evolve_run(e, psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s", e->target,
								   quote_identifier(column->target), type));
	}
}

/* The reason why a target is not emptied for its new shape, with what to type. */
static char *
cannot_empty(const CdcEvolve *e, bool other_key)
{
	StringInfoData actions;
	int			i;

	initStringInfo(&actions);
	if (other_key && cdc_evolve_key_actions(e) != NULL)
		appendStringInfo(&actions, " %s", cdc_evolve_key_actions(e));
	for (i = 0; !e->shared && i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];
		const char *name = column->target != NULL ? quote_identifier(column->target) : NULL;

		if (name != NULL && is_other_type(e, column))
			appendStringInfo(&actions, "%s ALTER COLUMN %s TYPE %s USING %s", actions.len > 0 ? "," : "", name,
							 column->type, cdc_evolve_cast(name, column->typid, column->type));
	}
	return psprintf("its target %s keeps rows that no copy brings again, and has another %s than they would have now: let it have that first, by ALTER TABLE %s%s",
					e->target, other_key ? "key" : "type of a column", e->target,
					actions.len > 0 ? actions.data : " ... ADD PRIMARY KEY (...)");
}

char *
cdc_evolve_refit(CdcEvolution *out)
{
	CdcEvolve	e;
	bool		other_key;
	bool		other_type = false;
	bool		lacks = false;
	int			i;

	cdc_evolve_begin(&e, out);
	find_columns(&e);
	e.trouble = cdc_evolve_mode_trouble(&e);
	if (e.trouble == NULL && out->table->nkey > 0 && out->change->before.ncolumns > 0)
		e.trouble = cdc_evolve_key_trouble(&e);
	if (e.trouble == NULL)
		e.trouble = cdc_evolve_expressions_trouble(&e);
	if (e.shared && e.trouble == NULL)
		widen_columns(&e);
	if (e.trouble != NULL)
		return e.trouble;
	other_key = out->table->nkey == 0 && e.all && !cdc_mode_shape(out->table->mode)->own_key &&
		cdc_evolve_key_differs(&e);
	for (i = 0; i < e.ncolumns; i++)
	{
		lacks = lacks || e.columns[i].target == NULL;
		if (e.columns[i].target != NULL && !e.shared && is_other_type(&e, &e.columns[i]))
			other_type = true;
	}
	if ((other_key || other_type) && cdc_mode_shape(out->table->mode)->keeps_rows)
		return cannot_empty(&e, other_key);
	if (lacks || other_key || other_type)
		cdc_evolve_lock(&e);
	if (other_key || other_type)
		cdc_evolve_run(&e, psprintf("TRUNCATE %s", e.target));
	if (other_key)
		cdc_evolve_drop_any_key(&e);
	for (i = 0; i < e.ncolumns; i++)
	{
		CdcEvolveColumn *column = &e.columns[i];

		if (column->target == NULL)
		{
			column->target = cdc_evolve_own_name(column->after->name);
			cdc_evolve_run(&e, psprintf("ALTER TABLE %s ADD COLUMN %s %s", e.target,
										quote_identifier(column->target), column->type));
		}
		else if (!e.shared && is_other_type(&e, column))
			cdc_evolve_run(&e, psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING NULL", e.target,
										quote_identifier(column->target), column->type));
	}
	if (other_key)
		cdc_evolve_add_key(&e);
	free_others(&e);
	cdc_evolve_mapping(&e);
	return e.trouble;
}
