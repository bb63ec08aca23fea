/*-------------------------------------------------------------------------
 *
 * evolve.c
 *	  Making a target follow a change of its source table.
 *
 * The target has what the source had right before the statement, so that what it holds
 * tells what the statement did to the rows: values in doubt are looked for first, and
 * where there are some nothing is altered.  Nothing is dropped by CASCADE: what stands
 * in the way is PostgreSQL's error, and then the reason.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/arena.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/spi.h"
#include "pg/datum/jsonb_view.h"
#include "pg/schema/typemap.h"
#include "pg/schema/versions.h"
#include "pg/expression/fill.h"
#include "pg/target/lock.h"
#include "pg/target/replica_table.h"
#include "pg/schema/type_fit.h"

/* ------------------------------------------------------------------------
 * Which column fills which
 * ------------------------------------------------------------------------
 */

/* Whether the target has a column of that name. */
static bool
has_attribute(const CdcEvolve *e, const char *name)
{
	return get_attnum(e->relid, name) != InvalidAttrNumber;
}

/*
 * The type that a column gets: the one of the source's, where it had that before; another
 * one only where it does not take all that the source has now.
 */
static char *
wanted_type(CdcEvolve *e, const CdcEvolveColumn *column)
{
	char	   *old_type = cdc_pg_type_of_definition(column->before, &e->out->sub->opt);
	char	   *new_type = cdc_pg_type_of_definition(column->after, &e->out->sub->opt);
	Oid			typid;
	int32		typmod;
	CdcTypeFit	before = cdc_type_fit(column->before, column->typid, column->typmod);
	CdcTypeFit	after = cdc_type_fit(column->after, column->typid, column->typmod);

	if (e->shared)
		return column->shape->retype == CDC_RETYPE_NONE ? NULL :
			cdc_evolve_shared_type(e, column, after < before);
	if (old_type != NULL && new_type != NULL)
	{
		parseTypeString(old_type, &typid, &typmod, 0);
		if (typid == column->typid && typmod == column->typmod)
			return strcmp(old_type, new_type) != 0 ? new_type : NULL;
	}
	if (column->shape->retype == CDC_RETYPE_NONE || after == CDC_FIT_EXACT ||
		(after >= before && after != CDC_FIT_ALTERS))
		return NULL;
	return new_type;
}

/* The entry of a column of the source, or those of all columns of the target that it fills. */
static void
find_column(CdcEvolve *e, const CdcShapeColumn *shape)
{
	const CdcPendingChange *change = e->out->change;
	CdcEvolveColumn column = {shape};
	List	   *targets;

	column.before = shape->from >= 0 ? &change->before.columns[shape->from] : NULL;
	column.after = shape->to >= 0 ? &change->after.columns[shape->to] : NULL;
	targets = column.before != NULL ? cdc_evolve_mapped_names(e, column.before->name) : NIL;
	if (column.before != NULL && targets == NIL && !cdc_column_def_is_generated(column.before))
		e->all = false;
	do
	{
		CdcEvolveColumn *found = &e->columns[e->ncolumns++];

		*found = column;
		column.again = true;
		if (targets == NIL)
			return;
		found->target = linitial(targets);
		cdc_evolve_find(found, e->relid);
		if (found->target != NULL && found->after != NULL)
			found->type = wanted_type(e, found);
		targets = list_delete_first(targets);
	} while (targets != NIL);
}

static int
count_fills(const CdcEvolve *e)
{
	return e->out->table->columns != NULL ? cdc_json_count(&e->out->table->columns->root) : 0;
}

static void
find_columns(CdcEvolve *e, const CdcShapeDiff *diff)
{
	int			i;

	e->ncolumns = 0;
	e->columns = palloc0(sizeof(CdcEvolveColumn) * (diff->ncolumns + count_fills(e) + 1));
	e->all = cdc_evolve_takes_all(e);
	for (i = 0; i < diff->ncolumns; i++)
		find_column(e, &diff->columns[i]);
}

/* ------------------------------------------------------------------------
 * Doubt
 * ------------------------------------------------------------------------
 */

/* Whether a column that was not there before is to be in the target. */
static bool
is_chosen(const CdcEvolve *e, const CdcEvolveColumn *column)
{
	return ((e->all && !cdc_evolve_is_modes(e, column->after)) || cdc_evolve_is_back(e, column)) &&
		(column->shape->added == NULL || !column->shape->added->left_out);
}

/* The same of a column that was not there before; or NULL. */
static char *
doubt_of_new(const CdcEvolve *e, const CdcEvolveColumn *column)
{
	char	   *type = cdc_pg_type_of_definition(column->after, &e->out->sub->opt);
	const char *reason;

	if (type == NULL)
		return psprintf("column \"%s\" was added, whose type %s has none in PostgreSQL",
						column->after->name, column->after->column_type);
	if (e->shared && !e->empty)
		return psprintf("column \"%s\" was dropped and is another one now, and other source tables fill the target %s, too",
						column->after->name, e->target);
	if (cdc_evolve_fill(e, column, type, &reason) == NULL)
		return psprintf("column \"%s\" was added, and what the rows have in it is not known here: %s",
						column->after->name, reason);
	return NULL;
}

/* The reason why it is not known what the rows are now; NULL: it is. */
static char *
doubt(CdcEvolve *e)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];
		const char *condition;
		char	   *reason;

		if (column->before == NULL)
		{
			reason = !e->out->stays && is_chosen(e, column) ? doubt_of_new(e, column) : NULL;
			if (reason != NULL)
				return reason;
			continue;
		}
		if (column->target == NULL || column->after == NULL || e->empty)
			continue;
		condition = cdc_evolve_doubt(column);
		if (condition != NULL &&
			cdc_evolve_finds(psprintf("SELECT 1 FROM %s WHERE %s LIMIT 1", e->target, condition)))
			return psprintf("column \"%s\" was changed from %s to %s, and what became of some of its values is not known here",
							column->before->name, cdc_evolve_describe(column->before, column->after),
							cdc_evolve_describe(column->after, column->before));
	}
	return NULL;
}

/*
 * The reason why dates that the target keeps as texts may be others at the source; or NULL.  Other
 * targets have the same for all dates that PostgreSQL has not.
 */
static char *
doubt_of_dates(const CdcEvolve *e)
{
	int			i;

	for (i = 0; e->out->change->change.cuts_dates && i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];
		char	   *condition = column->before != NULL && column->after != NULL && column->target != NULL ?
			cdc_evolve_cut_dates(column) : NULL;

		if (condition != NULL &&
			cdc_evolve_finds(psprintf("SELECT 1 FROM %s WHERE %s LIMIT 1", e->target, condition)))
			return psprintf("column \"%s\" has dates without a month or day, and the statement may have made zero dates of them, as its sql_mode was NO_ZERO_IN_DATE",
							column->before->name);
	}
	return NULL;
}

/* ------------------------------------------------------------------------
 * Names
 * ------------------------------------------------------------------------
 */

/* The place of a column of the target in the key that the user gave, or -1. */
static int
place_in_own_key(const CdcEvolve *e, const char *name)
{
	int			k;

	for (k = 0; k < e->out->table->nkey; k++)
		if (strcmp(e->out->key[k], name) == 0)
			return k;
	return -1;
}

static void
rename_attribute(CdcEvolve *e, const char *from, const char *to)
{
	int			place = place_in_own_key(e, from);

	if (place >= 0)
	{
		e->out->key[place] = pstrdup(to);
		e->out->key_renamed = true;
	}
	cdc_evolve_run(e, psprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", e->target,
							   quote_identifier(from), quote_identifier(to)));
}

/* A name that no column of the target has. */
static char *
free_name(const CdcEvolve *e, const char *base)
{
	char	   *name = cdc_replica_column(cdc_to_utf8(base));
	int			i;

	for (i = 2; has_attribute(e, name); i++)
		name = cdc_replica_column(cdc_to_utf8(psprintf("%s_%d", base, i)));
	return name;
}

/* The column that has the target's column of that name, which stays under it; or NULL. */
static CdcEvolveColumn *
holder(CdcEvolve *e, const char *target)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
		if (e->columns[i].target != NULL && strcmp(e->columns[i].target, target) == 0)
			return &e->columns[i];
	return NULL;
}

/* Whether PostgreSQL or the mapping computes the target's column of that name. */
static bool
is_computed_here(const CdcEvolve *e, const char *name)
{
	Relation	rel = table_open(e->relid, NoLock);
	AttrNumber	attnum = get_attnum(e->relid, name);
	bool		generated = attnum > 0 && CDC_ATT_GENERATED(TupleDescAttr(RelationGetDescr(rel), attnum - 1));

	table_close(rel, NoLock);
	return generated || cdc_evolve_is_computed(e, name);
}

/* Gets what has the name out of the way. */
static void
make_room(CdcEvolve *e, const char *name)
{
	CdcEvolveColumn *other = holder(e, name);
	char	   *to = free_name(e, psprintf(other != NULL && other->after != NULL ? "%s_moved" : "%s_dropped", name));

	rename_attribute(e, name, to);
	if (other != NULL)
		other->target = to;
}

/* Names follow, swapped ones, too: a name that is still taken is made free first. */
static void
follow_names(CdcEvolve *e)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
	{
		CdcEvolveColumn *column = &e->columns[i];
		char	   *name;

		if (column->target == NULL || column->after == NULL || column->before == NULL ||
			strcmp(column->before->name, column->after->name) == 0)
			continue;
		if (!e->all || cdc_evolve_is_modes(e, column->after))
			continue;			/* the mapping follows */
		name = cdc_evolve_own_name(column->after->name);
		if (strcmp(name, column->target) == 0)
			continue;
		if (has_attribute(e, name))
			make_room(e, name);
		rename_attribute(e, column->target, name);
		column->target = name;
	}
}

/* ------------------------------------------------------------------------
 * Columns
 * ------------------------------------------------------------------------
 */

static void
leave_column(CdcEvolve *e, CdcEvolveColumn *column)
{
	const char *name = quote_identifier(column->target);

	if (e->out->dropped == CDC_DROP_COLUMN_DROP && place_in_own_key(e, column->target) >= 0)
	{
		e->trouble = psprintf("column \"%s\", by which rows of its target are found, was dropped", column->before->name);
		return;
	}
	if (e->out->dropped == CDC_DROP_COLUMN_DROP && !e->shared)
	{
		cdc_evolve_run(e, psprintf("ALTER TABLE %s DROP COLUMN %s", e->target, name));
		column->target = NULL;
		return;
	}
	cdc_evolve_drop_not_null(e, column->target);
	cdc_evolve_note(e, psprintf("Column %s stays with the values that it had: ALTER TABLE %s DROP COLUMN %s", name,
					 e->target, name));
}

static void
retype_column(CdcEvolve *e, const CdcEvolveColumn *column)
{
	const char *name = quote_identifier(column->target);

	cdc_evolve_run(e, psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s", e->target, name,
							   column->type, e->empty && column->shape->retype == CDC_RETYPE_UNKNOWN ?
							   "NULL" : cdc_evolve_cast(name, column->typid, column->type)));
}

/* A new column, or one of that name that was there and is no other one's. */
static void
add_column(CdcEvolve *e, CdcEvolveColumn *column)
{
	char	   *type = cdc_pg_type_of_definition(column->after, &e->out->sub->opt);
	char	   *target = cdc_evolve_own_name(column->after->name);
	const char *name = quote_identifier(target);
	const char *reason;
	char	   *fill = cdc_evolve_fill(e, column, type, &reason);
	CdcEvolveColumn *other = holder(e, target);

	if (other != NULL && other->after != NULL)
		make_room(e, target);
	column->target = target;
	if (has_attribute(e, target))
	{
		cdc_evolve_drop_not_null(e, target);
		if (other != NULL)
			other->target = NULL;
		cdc_evolve_run(e, psprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", e->target, name));
		cdc_evolve_run(e, psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s", e->target, name,
								   type, fill));
		return;
	}
	if (strncmp(fill, "NULL::", 6) == 0)
	{
		cdc_evolve_run(e, psprintf("ALTER TABLE %s ADD COLUMN %s %s", e->target, name, type));
		return;
	}
	cdc_evolve_run(e, psprintf("ALTER TABLE %s ADD COLUMN %s %s DEFAULT %s", e->target, name, type, fill));
	cdc_evolve_run(e, psprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", e->target, name));
}

/*
 * A column that row images do not have: the target has none of it.  One of that name that an
 * older shape left there would show values that the source does not have.
 */
static void
leave_out(CdcEvolve *e, const CdcEvolveColumn *column)
{
	char	   *name = cdc_evolve_own_name(column->after->name);

	cdc_evolve_note(e, psprintf("Column \"%s\" is left out, as row images do not have it", column->after->name));
	if (!e->shared && has_attribute(e, name) && !is_computed_here(e, name))
		make_room(e, name);
}

/* One that the mapping names, and that was dropped: what it filled is as if it had been added. */
static void
revive_column(CdcEvolve *e, CdcEvolveColumn *column)
{
	char	   *type = cdc_pg_type_of_definition(column->after, &e->out->sub->opt);
	const char *reason;
	ListCell   *lc;

	foreach(lc, cdc_evolve_mapped_names(e, column->after->name))
	{
		CdcEvolveColumn found = *column;
		CdcEvolveColumn *other = holder(e, lfirst(lc));

		found.target = lfirst(lc);
		cdc_evolve_find(&found, e->relid);
		if (found.target == NULL)
			continue;
		if (other != NULL)
			other->target = NULL;	/* the former one's, which is not left */
		cdc_evolve_drop_not_null(e, found.target);
		if (e->shared)
			found.type = cdc_evolve_shared_type(e, &found, true);
		else if (cdc_type_fit(column->after, found.typid, found.typmod) == CDC_FIT_EXACT)
			found.type = format_type_with_typemod(found.typid, found.typmod);
		else
			found.type = type;
		if (found.type != NULL)
			cdc_evolve_run(e, psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s", e->target,
									   quote_identifier(found.target), found.type,
									   cdc_evolve_fill(e, column, found.type, &reason)));
	}
}

static void
follow_columns(CdcEvolve *e)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
	{
		CdcEvolveColumn *column = &e->columns[i];

		if (column->before != NULL && column->after != NULL && column->target != NULL &&
			column->type != NULL)
			retype_column(e, column);
	}
	for (i = 0; i < e->ncolumns; i++)
	{
		CdcEvolveColumn *column = &e->columns[i];

		if (column->before != NULL)
			continue;
		if (!e->all && cdc_evolve_is_back(e, column) && is_chosen(e, column))
			revive_column(e, column);
		else if ((!e->all || cdc_evolve_is_modes(e, column->after)) && !cdc_evolve_is_back(e, column))
			cdc_evolve_note(e, psprintf("Column \"%s\" is none of those that were chosen", column->after->name));
		else if (column->shape->added != NULL && column->shape->added->left_out)
			leave_out(e, column);
		else
			add_column(e, column);
	}
	for (i = 0; i < e->ncolumns; i++)
		if (e->columns[i].after == NULL && e->columns[i].target != NULL)
			leave_column(e, &e->columns[i]);
}

/* ------------------------------------------------------------------------
 * All of it
 * ------------------------------------------------------------------------
 */

/* Whether the change is of anything that a target has. */
static bool
concerns_target(const CdcEvolve *e, const CdcShapeDiff *diff)
{
	int			i;

	if (diff->key_changed || diff->unknown != NULL)
		return true;
	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];

		if (column->before == NULL || column->after == NULL ||
			column->shape->retype != CDC_RETYPE_NONE || column->shape->checks != 0 ||
			strcmp(column->before->name, column->after->name) != 0)
			return true;
	}
	return false;
}

/* Whether rows of a target that stays have something else in the column than the source's have in a new one. */
static bool
lacks_fill(CdcEvolve *e, const CdcEvolveColumn *column, const char *target)
{
	const CdcAddedColumn *added = column->shape->added;
	char	   *name = (char *) quote_identifier(target);
	CdcEvolveColumn found = *column;
	const char *reason;
	char	   *fill;

	if (added != NULL && added->left_out)
		return false;
	found.target = pstrdup(target);
	cdc_evolve_find(&found, e->relid);
	if (found.target == NULL || is_computed_here(e, target))
		return false;
	fill = cdc_evolve_fill(e, column, format_type_with_typemod(found.typid, found.typmod), &reason);
	return fill == NULL ||
		cdc_evolve_finds(psprintf("SELECT 1 FROM %s WHERE %s IS DISTINCT FROM %s LIMIT 1", e->target, name, fill));
}

/*
 * The reason why columns that a target that stays has in common with its source may have other values there
 * now; NULL: they have the same.  Columns are found by their names, as rows that come later fill them.
 */
static char *
stays_trouble(CdcEvolve *e, const CdcShapeDiff *diff)
{
	char	   *reason;
	int			i;

	e->empty = !cdc_evolve_finds(psprintf("SELECT 1 FROM %s LIMIT 1", e->target));
	if (e->empty)
		return NULL;
	if (diff->unknown != NULL)
		return pstrdup(diff->unknown);
	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcEvolveColumn *column = &e->columns[i];
		ListCell   *lc;

		if (column->after == NULL)
			continue;
		if (column->before != NULL && pg_strcasecmp(column->before->name, column->after->name) == 0)
			continue;
		foreach(lc, cdc_evolve_mapped_names(e, column->after->name))
		{
			const char *name = e->out->table->columns == NULL ? cdc_evolve_own_name(lfirst(lc)) : lfirst(lc);

			if (!has_attribute(e, name))
				continue;
			/* a column of that name that is the renamed one was given it by the user */
			if (column->before != NULL && column->target != NULL)
				return psprintf("column \"%s\" was renamed to \"%s\", and the target's column of that name has other values",
								column->before->name, column->after->name);
			if (column->before == NULL && lacks_fill(e, column, name))
				return psprintf("column \"%s\" was added, and the target's column of that name has other values",
								column->after->name);
		}
	}
	reason = doubt_of_dates(e);
	return reason != NULL ? reason : doubt(e);
}

/* With the comparison of the two definitions; see cdc_evolve(). */
static char *
evolve(CdcEvolve *e, const CdcShapeDiff *diff)
{
	char	   *reason;
	bool		own_key = e->out->table->nkey > 0;

	find_columns(e, diff);
	if (e->out->stays)
		return stays_trouble(e, diff);
	reason = doubt_of_dates(e);
	if (!concerns_target(e, diff))
		return reason;
	if (reason == NULL)
		reason = cdc_evolve_computed_trouble(e);
	if (reason == NULL)
		reason = cdc_evolve_mode_trouble(e);
	if (reason == NULL)
		reason = cdc_evolve_back_trouble(e);
	if (reason == NULL && diff->key_changed && own_key)
		reason = cdc_evolve_key_trouble(e);
	if (reason != NULL)
		return reason;
	cdc_evolve_lock(e);
	find_columns(e, diff);
	if (e->trouble != NULL)
		return e->trouble;
	e->empty = !cdc_evolve_finds(psprintf("SELECT 1 FROM %s LIMIT 1", e->target));
	if (diff->unknown != NULL && !e->empty)
		return pstrdup(diff->unknown);
	reason = doubt(e);
	if (reason != NULL)
		return reason;
	if (diff->key_changed && !own_key)
		cdc_evolve_drop_key(e);
	follow_names(e);
	follow_columns(e);
	if (diff->key_changed && !own_key)
		cdc_evolve_add_key(e);
	cdc_evolve_mapping(e);
	return e->trouble;
}

char *
cdc_evolve(CdcEvolution *out)
{
	const CdcPendingChange *change = out->change;
	CdcArena   *arena = cdc_schema_arena(CurrentMemoryContext);
	CdcShapeDiff diff;
	CdcEvolve	e;
	CdcError	err;

	cdc_evolve_begin(&e, out);
	CDC_CHECK(cdc_shape_compare(arena, &change->before, &change->after, &change->change, &diff, &err),
			  &err, out->sub->name);
	return evolve(&e, &diff);
}

void
cdc_evolve_names(CdcEvolution *out)
{
	const CdcPendingChange *change = out->change;
	CdcArena   *arena = cdc_schema_arena(CurrentMemoryContext);
	CdcTableDef followed = change->before;
	CdcShapeDiff diff;
	CdcEvolve	e;
	CdcError	err;

	cdc_evolve_begin(&e, out);
	if (out->table->columns == NULL || change->before.ncolumns == 0 || change->after.ncolumns == 0 ||
		!change->change.known)
		return;
	/* a mapping of all columns by their own names is one of those that a copy finds */
	cdc_change_followed(out->sub, change->source_table, &followed);
	if (cdc_evolve_takes_definition(&e, &followed))
		return;
	CDC_CHECK(cdc_shape_compare(arena, &change->before, &change->after, &change->change, &diff, &err),
			  &err, out->sub->name);
	find_columns(&e, &diff);
	cdc_evolve_rename_fills(&e);
}
