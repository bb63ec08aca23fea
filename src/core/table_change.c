/*-------------------------------------------------------------------------
 *
 * table_change.c
 *	  Definitions before and after a change compared; changes joined.
 *
 *-------------------------------------------------------------------------
 */
#include "core/table_change.h"

#include <string.h>
#include <strings.h>

/* ---- which column became which ---- */

static const CdcAddedColumn *
find_added(const CdcTableChange *change, const char *name)
{
	for (int i = 0; i < change->nadded; i++)
	{
		if (strcasecmp(change->added[i].name, name) == 0)
			return &change->added[i];
	}
	return NULL;
}

static const char *
find_rename(const CdcTableChange *change, const char *from)
{
	for (int i = 0; i < change->nrenames; i++)
	{
		if (strcasecmp(change->renames[i].from, from) == 0)
			return change->renames[i].to;
	}
	return NULL;
}

static bool
is_rename_target(const CdcTableChange *change, const char *name)
{
	for (int i = 0; i < change->nrenames; i++)
	{
		if (strcasecmp(change->renames[i].to, name) == 0)
			return true;
	}
	return false;
}

/* The name that a column of before has afterwards, where it is still there. */
static const char *
name_after(const CdcTableChange *change, const char *name)
{
	const char *to;

	if (!change->known)
		return name;
	to = find_rename(change, name);
	if (to != NULL)
		return to;
	return find_added(change, name) != NULL || is_rename_target(change, name) ? NULL : name;
}

static CdcStatus
parse_column(CdcArena *arena, const CdcColumnDef *def, CdcColumn *col, CdcError *err)
{
	CdcStatus	st;

	memset(col, 0, sizeof(*col));
	st = cdc_column_type_parse(arena, def->column_type, col, err);
	col->charset = def->charset;

	/* a type that is not known is like no other one */
	if (st != CDC_OK && st != CDC_ERR_NOMEM)
	{
		col->data_type = NULL;
		return CDC_OK;
	}
	return st;
}

static CdcStatus
compare_column(CdcArena *arena, const CdcColumnDef *before, const CdcColumnDef *after,
			   CdcShapeColumn *column, CdcError *err)
{
	CdcColumn	from;
	CdcColumn	to;
	CdcStatus	st = parse_column(arena, before, &from, err);

	if (st == CDC_OK)
		st = parse_column(arena, after, &to, err);
	if (st == CDC_OK)
		cdc_retype(before, &from, after, &to, column);
	return st;
}

/* Whether the keys have other columns, or in another order. */
static bool
keys_differ(const CdcTableDef *before, const CdcTableDef *after, const CdcShapeDiff *diff)
{
	for (int i = 0; i < diff->ncolumns; i++)
	{
		const CdcShapeColumn *c = &diff->columns[i];
		int			a = c->from >= 0 ? before->columns[c->from].pk : -1;
		int			b = c->to >= 0 ? after->columns[c->to].pk : -1;

		if (a != b)
			return true;
	}
	return false;
}

CdcStatus
cdc_shape_compare(CdcArena *arena, const CdcTableDef *before, const CdcTableDef *after,
				  const CdcTableChange *change, CdcShapeDiff *diff, CdcError *err)
{
	size_t		room = (size_t) (before->ncolumns + after->ncolumns);
	bool	   *taken = cdc_arena_zalloc(arena, (size_t) after->ncolumns + 1);
	int			dropped = 0;
	int			added = 0;
	int			last = -1;
	bool		moved = false;

	memset(diff, 0, sizeof(*diff));
	diff->columns = cdc_arena_zalloc(arena, sizeof(CdcShapeColumn) * (room + 1));
	if (diff->columns == NULL || taken == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	for (int i = 0; i < before->ncolumns; i++)
	{
		CdcShapeColumn *c = &diff->columns[diff->ncolumns++];
		const char *name = name_after(change, before->columns[i].name);
		CdcStatus	st;

		c->from = i;
		c->to = name != NULL ? cdc_table_def_find(after, name) : -1;
		if (c->to < 0)
		{
			dropped++;
			continue;
		}
		taken[c->to] = true;
		moved = moved || c->to < last;
		last = c->to;
		st = compare_column(arena, &before->columns[i], &after->columns[c->to], c, err);
		if (st != CDC_OK)
			return st;
	}
	for (int i = 0; i < after->ncolumns; i++)
	{
		CdcShapeColumn *c;

		if (taken[i])
			continue;
		c = &diff->columns[diff->ncolumns++];
		c->from = -1;
		c->to = i;
		c->added = change->known ? find_added(change, after->columns[i].name) : NULL;
		added++;
	}
	diff->key_changed = keys_differ(before, after, diff);
	if (!change->known && dropped > 0 && added > 0)
		diff->unknown = "columns went and others came, which may be the same under other names";
	else if (!change->known && moved)
		diff->unknown = "columns stand in another order, and may have exchanged their names";
	return CDC_OK;
}

/* ---- joining ---- */

CdcStatus
cdc_table_change_join(CdcArena *arena, const CdcTableChange *first, const CdcTableChange *second,
					  const CdcTableDef *after, CdcTableChange *result, CdcError *err)
{
	CdcTableChange r = *second;

	r.known = first->known && second->known;
	r.created = first->created || second->created;
	r.fed = first->fed || second->fed;
	r.cuts_dates = first->cuts_dates || second->cuts_dates;
	if (r.rows == NULL)
		r.rows = first->rows;
	r.renames = cdc_arena_zalloc(arena, sizeof(CdcColumnRename) *
								 (size_t) (first->nrenames + second->nrenames + 1));
	r.added = cdc_arena_zalloc(arena, sizeof(CdcAddedColumn) *
							   (size_t) (first->nadded + second->nadded + 1));
	if (r.renames == NULL || r.added == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	r.nrenames = r.nadded = 0;
	for (int i = 0; i < first->nrenames; i++)
	{
		const char *to = name_after(second, first->renames[i].to);

		if (to != NULL && cdc_table_def_find(after, to) >= 0)
		{
			r.renames[r.nrenames].from = first->renames[i].from;
			r.renames[r.nrenames++].to = to;
		}
	}
	for (int i = 0; i < second->nrenames; i++)
	{
		const char *from = second->renames[i].from;

		if (!is_rename_target(first, from) && find_added(first, from) == NULL)
			r.renames[r.nrenames++] = second->renames[i];
	}
	for (int i = 0; i < first->nadded; i++)
	{
		const char *to = name_after(second, first->added[i].name);

		if (to != NULL && cdc_table_def_find(after, to) >= 0)
		{
			r.added[r.nadded] = first->added[i];
			r.added[r.nadded++].name = to;
		}
	}
	for (int i = 0; i < second->nadded; i++)
		r.added[r.nadded++] = second->added[i];
	*result = r;
	return CDC_OK;
}
