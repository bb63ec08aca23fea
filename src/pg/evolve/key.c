/*-------------------------------------------------------------------------
 *
 * key.c
 *	  The primary key of a target that follows its source's.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "access/genam.h"
#include "catalog/pg_index.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/target/distribution.h"
#include "pg/target/mode_shape.h"
#include "pg/target/replica_table.h"

/* The target's columns that a key of the source fills, in the key's order; NIL: not all are. */
static List *
key_targets(const CdcEvolve *e, bool before)
{
	List	   *result = NIL;
	int			place;
	int			i;
	int			n = 0;

	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcColumnDef *def = before ? e->columns[i].before : e->columns[i].after;

		n += def != NULL && def->pk >= 0 && !e->columns[i].again ? 1 : 0;
	}
	for (place = 0; place < n; place++)
		for (i = 0; i < e->ncolumns; i++)
		{
			const CdcColumnDef *def = before ? e->columns[i].before : e->columns[i].after;

			if (def == NULL || def->pk != place || e->columns[i].again)
				continue;
			if (e->columns[i].target == NULL)
				return NIL;
			result = lappend(result, e->columns[i].target);
		}
	return result;
}

/*
 * The relation's primary key: its index, and *columns, names in the index's order, without those that the
 * target's mode adds to it.
 */
static Oid
primary_key(const CdcEvolve *e, List **columns)
{
	const CdcModeShape *shape = cdc_mode_shape(e->out->table->mode);
	Relation	rel = table_open(e->relid, NoLock);
	List	   *indexes = RelationGetIndexList(rel);
	Oid			result = InvalidOid;
	ListCell   *lc;

	*columns = NIL;
	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		int			i;

		if (index->rd_index->indisprimary)
		{
			result = RelationGetRelid(index);
			for (i = 0; i < CDC_INDEX_NKEYATTS(index->rd_index); i++)
			{
				char	   *name = NameStr(TupleDescAttr(RelationGetDescr(rel), index->rd_index->indkey.values[i] - 1)->attname);

				if (!shape->versions || cdc_mode_column(shape, name) == NULL)
					*columns = lappend(*columns, pstrdup(name));
			}
		}
		index_close(index, AccessShareLock);
	}
	table_close(rel, NoLock);
	return result;
}

static bool
has_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

/* Whether both have the same names, in any order. */
static bool
same_names(List *a, List *b)
{
	ListCell   *lc;

	if (list_length(a) != list_length(b))
		return false;
	foreach(lc, a)
		if (!has_name(b, lfirst(lc)))
			return false;
	return true;
}

/* The name, of before where it was there, that the mapping has of a column of after. */
static const char *
mapped_as(const CdcEvolve *e, const CdcColumnDef *after)
{
	int			i;

	for (i = 0; i < e->ncolumns; i++)
		if (e->columns[i].after == after && e->columns[i].before != NULL)
			return e->columns[i].before->name;
	return after->name;
}

/* Whether all columns of a definition's primary key fill columns of the key that the user gave. */
static bool
is_in_own_key(const CdcEvolve *e, const CdcTableDef *def)
{
	const CdcSubscriptionTable *table = e->out->table;
	int			i;
	int			k;
	ListCell   *lc;

	for (i = 0; i < def->ncolumns; i++)
	{
		bool		found = false;

		if (def->columns[i].pk < 0)
			continue;
		foreach(lc, cdc_evolve_mapped_names(e, mapped_as(e, &def->columns[i])))
			for (k = 0; k < table->nkey; k++)
				found = found || strcmp(table->key[k], lfirst(lc)) == 0;
		if (!found)
			return false;
	}
	return true;
}

static bool
has_key(const CdcTableDef *def)
{
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		if (def->columns[i].pk >= 0)
			return true;
	return false;
}

/* The key's constants and what the source's primary key fills: shard,id */
static char *
wanted_key(const CdcEvolve *e, const CdcTableDef *def)
{
	const CdcSubscriptionTable *table = e->out->table;
	StringInfoData list;
	int			k;
	int			place;
	int			i;

	initStringInfo(&list);
	for (k = 0; k < table->nkey; k++)
		if (cdc_evolve_is_computed(e, table->key[k]))
			appendStringInfo(&list, "%s%s", list.len > 0 ? "," : "", quote_identifier(table->key[k]));
	for (place = 0; place < def->ncolumns; place++)
		for (i = 0; i < def->ncolumns; i++)
		{
			char	   *name = def->columns[i].pk == place ? cdc_evolve_mapped_name(e, mapped_as(e, &def->columns[i])) : NULL;

			if (name != NULL)
				appendStringInfo(&list, "%s%s", list.len > 0 ? "," : "", quote_identifier(name));
		}
	return list.data;
}

/* The same, as the argument of cdc.alter_table. */
static char *
key_argument(const CdcEvolve *e, const CdcTableDef *def)
{
	return psprintf("key := %s", quote_literal_cstr(psprintf("{%s}", wanted_key(e, def))));
}

/* What the target's mode adds to the columns of a primary key. */
static const char *
modes_part(const CdcEvolve *e)
{
	const CdcModeShape *shape = cdc_mode_shape(e->out->table->mode);

	return shape->versions ? psprintf(", %s", (char *) linitial(cdc_mode_key(shape))) : "";
}

/*
 * What gives the target the wider primary key that it has to have before the mapping can: where its own
 * one does not tell the rows apart, the first two that it takes for the same would be an error of all
 * tables.  NULL: its primary key is another one, or it has none.
 */
static char *
key_first(const CdcEvolve *e, const CdcTableDef *def)
{
	const CdcSubscriptionTable *table = e->out->table;
	List	   *present;
	List	   *own = NIL;
	Oid			index = primary_key(e, &present);
	int			k;

	for (k = 0; k < table->nkey; k++)
		own = lappend(own, table->key[k]);
	if (!OidIsValid(index) || !same_names(present, own))
		return NULL;
	return psprintf("ALTER TABLE %s DROP CONSTRAINT %s, ADD PRIMARY KEY (%s%s); ", e->target,
					quote_identifier(get_rel_name(index)), wanted_key(e, def), modes_part(e));
}

char *
cdc_evolve_key_trouble(CdcEvolve *e)
{
	const CdcTableDef *before = &e->out->change->before;
	const CdcTableDef *after = &e->out->change->after;

	if (!has_key(before) || !is_in_own_key(e, before) || (has_key(after) && is_in_own_key(e, after)))
		return NULL;
	e->out->remap = has_key(after) ? key_argument(e, after) : pstrdup("key := ...");
	if (has_key(after))
		e->out->first = key_first(e, after);
	return psprintf("the source's primary key %s, and the key that was given to its target %s does not tell all rows apart any more",
					has_key(after) ? "has other columns" : "was dropped", e->target);
}

bool
cdc_evolve_key_differs(const CdcEvolve *e)
{
	List	   *present;
	int			i;

	/* a column of the key that the target has not yet */
	for (i = 0; i < e->ncolumns; i++)
		if (e->columns[i].after != NULL && e->columns[i].after->pk >= 0 && e->columns[i].target == NULL)
			return true;
	(void) primary_key(e, &present);
	return !same_names(present, key_targets(e, false));
}

void
cdc_evolve_drop_any_key(CdcEvolve *e)
{
	List	   *present;
	Oid			index = primary_key(e, &present);
	ListCell   *lc;

	if (!OidIsValid(index))
		return;
	cdc_evolve_run(e, psprintf("ALTER TABLE %s DROP CONSTRAINT %s", e->target,
							   quote_identifier(get_rel_name(index))));
	foreach(lc, present)
		cdc_evolve_drop_not_null(e, lfirst(lc));
}

void
cdc_evolve_drop_key(CdcEvolve *e)
{
	List	   *present;
	List	   *before = key_targets(e, true);
	Oid			index = primary_key(e, &present);
	ListCell   *lc;
	int			i;

	if (!OidIsValid(index) || !same_names(present, before))
		return;					/* a key of the user's own */
	cdc_evolve_run(e, psprintf("ALTER TABLE %s DROP CONSTRAINT %s", e->target,
							   quote_identifier(get_rel_name(index))));

	/* what the key has made NOT NULL may be NULL now */
	foreach(lc, present)
		for (i = 0; i < e->ncolumns; i++)
			if (e->columns[i].target != NULL && strcmp(e->columns[i].target, lfirst(lc)) == 0)
			{
				cdc_evolve_run(e, psprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", e->target,
										   quote_identifier(lfirst(lc))));
				e->columns[i].not_null = false;
			}
}

/* Whether all values of the key fit into a row of an index, as when a target is made. */
static bool
key_fits(const CdcEvolve *e)
{
	CdcArena   *arena = cdc_schema_arena(CurrentMemoryContext);
	size_t		sum = 0;
	int			i;

	for (i = 0; i < e->ncolumns; i++)
	{
		const CdcColumnDef *def = e->columns[i].after;
		CdcColumn	column;
		CdcError	err;

		if (def == NULL || def->pk < 0 || e->columns[i].again)
			continue;
		memset(&column, 0, sizeof(column));
		if (cdc_column_type_parse(arena, def->column_type, &column, &err) != CDC_OK)
			return true;
		column.charset = def->charset;
		sum += cdc_replica_greatest_size(&column);
	}
	return sum <= CDC_REPLICA_KEY_BYTES;
}

/*
 * Rows are distributed by columns of the key, where they are at all: else there can be none, and
 * by it they could not be found.  Says in e->trouble where that cannot be.
 */
static bool
distribute_by_key(CdcEvolve *e, List *key)
{
	Relation	rel = table_open(e->relid, NoLock);
	char	   *first;
	char	   *sql = cdc_distribution_for_key(rel, e->target, key, &first);

	table_close(rel, NoLock);
	if (first != NULL)
	{
		e->trouble = psprintf("no column of the source's primary key is in each unique index of its target, by which its rows could be distributed: type %sfirst",
							  first);
		return false;
	}
	if (sql != NULL)
		cdc_evolve_run(e, sql);
	return true;
}

/* Whether the target can have that key: what its partitions go by is in it. */
static bool
partitions_allow(const CdcEvolve *e, List *key)
{
	Relation	rel = table_open(e->relid, NoLock);
	bool		allowed = true;
	ListCell   *lc;

	foreach(lc, cdc_partition_attrs(rel))
	{
		AttrNumber	attnum = lfirst_int(lc);
		bool		found = false;
		ListCell   *name;

		foreach(name, key)
			found = found || (attnum > 0 && strcmp(NameStr(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attname),
												   lfirst(name)) == 0);
		allowed = allowed && found;
	}
	table_close(rel, NoLock);
	return allowed;
}

/* "ADD PRIMARY KEY (...)", with what the target's mode adds to it. */
static char *
add_action(const CdcEvolve *e, List *key)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "ADD PRIMARY KEY (");
	foreach(lc, key)
		appendStringInfo(&sql, "%s%s", lc == list_head(key) ? "" : ", ", quote_identifier(lfirst(lc)));
	appendStringInfo(&sql, "%s)", modes_part(e));
	return sql.data;
}

void
cdc_evolve_add_key(CdcEvolve *e)
{
	List	   *present;
	List	   *after = key_targets(e, false);

	if (after == NIL || OidIsValid(primary_key(e, &present)) || !distribute_by_key(e, after) ||
		!key_fits(e) || !partitions_allow(e, after))
		return;
	cdc_evolve_run(e, psprintf("ALTER TABLE %s %s", e->target, add_action(e, after)));
}

char *
cdc_evolve_key_actions(const CdcEvolve *e)
{
	List	   *present;
	List	   *after = key_targets(e, false);
	Oid			index = primary_key(e, &present);

	if (after == NIL)
		return NULL;
	return psprintf("%s%s%s%s", OidIsValid(index) ? "DROP CONSTRAINT " : "",
					OidIsValid(index) ? quote_identifier(get_rel_name(index)) : "",
					OidIsValid(index) ? ", " : "", add_action(e, after));
}
