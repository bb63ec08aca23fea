/*-------------------------------------------------------------------------
 *
 * former_key.c
 *	  What the columns that a target's key reads were called in a stretch of history that is
 *	  read once more: rows stand there by the definitions of their time, and the target has the shape
 *	  of the stretch's end.
 *
 * A key whose columns had other names only is found in all rows of the stretch.  One whose
 * columns had other types, or were not there, is not: values may have become others then.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/former_key.h"

#include "miscadmin.h"

#include "core/table_change.h"
#include "pg/datum/jsonb_view.h"
#include "pg/mapping/layout.h"
#include "pg/schema/change.h"

/* The names of before a change. */
typedef struct Stretch
{
	int64		end;			/* the first event behind it */
	CdcKeyNames names;
} Stretch;

struct CdcFormerKey
{
	int			ncolumns;
	int			ninputs;
	CdcKeyNames now;
	List	   *before;			/* of Stretch *, the last one first */
};

/* ---- the names of now ---- */

/* Whether an expression of the key reads the input. */
static bool
key_reads(const CdcMapping *mapping, int input)
{
	const CdcTarget *target = mapping->target;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];

		if (col->by == CDC_BY_EXPRESSION && bms_is_member(input, col->expression->columns))
			return true;
	}
	return false;
}

/* No names, for as many as the key has. */
static CdcKeyNames
no_names(const CdcFormerKey *key)
{
	CdcKeyNames names;

	names.columns = palloc0(sizeof(char *) * (key->ncolumns + 1));
	names.inputs = palloc0(sizeof(char *) * (key->ninputs + 1));
	return names;
}

static CdcFormerKey *
present_key(const CdcMapping *mapping)
{
	const CdcTarget *target = mapping->target;
	CdcFormerKey *key = palloc0(sizeof(CdcFormerKey));
	int			i;

	key->ncolumns = target->nkey;
	key->ninputs = mapping->expressions != NULL ? list_length(mapping->expressions->inputs) : 0;
	key->now = no_names(key);
	for (i = 0; i < key->ncolumns; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];

		key->now.columns[i] = col->by == CDC_BY_COLUMN ? col->source : NULL;
	}
	for (i = 0; i < key->ninputs; i++)
	{
		const CdcExpressionInput *input = list_nth(mapping->expressions->inputs, i);

		key->now.inputs[i] = input->fact == CDC_FACT_NONE && key_reads(mapping, i) ? input->name : NULL;
	}
	return key;
}

/* ---- before a change ---- */

/* Whether types are called the same, but for their lengths; or are integers both. */
static bool
is_same_kind(const char *a, const char *b)
{
	size_t		n = strcspn(a, "( ");
	size_t		m = strcspn(b, "( ");

	if (n == m && strncmp(a, b, n) == 0)
		return true;
	return n >= 3 && m >= 3 && strncmp(a + n - 3, "int", 3) == 0 && strncmp(b + m - 3, "int", 3) == 0;
}

/*
 * What the column that is called name behind the change was called before it; NULL: its values may have been
 * others, or there was none.
 */
static const char *
former_name(const CdcPendingChange *change, const CdcShapeDiff *diff, const char *name)
{
	int			i;

	for (i = 0; i < diff->ncolumns; i++)
	{
		const CdcShapeColumn *column = &diff->columns[i];
		const CdcColumnDef *from = column->from >= 0 ? &change->before.columns[column->from] : NULL;
		const CdcColumnDef *to = column->to >= 0 ? &change->after.columns[column->to] : NULL;
		CdcJsonValue full;

		if (to == NULL)
			continue;
		full.type = JENTRY_ISSTRING;
		full.data = to->name;
		full.len = strlen(to->name);
		if (!cdc_layout_is_named(name, strlen(name), &full))
			continue;
		if (from == NULL || (column->retype != CDC_RETYPE_NONE &&
							 (column->retype != CDC_RETYPE_EXACT || !is_same_kind(from->column_type, to->column_type))))
			return NULL;
		return from->name;
	}
	return NULL;
}

/* n names of before the change; one that has none, or NULL. */
static const char *
former_names(const CdcPendingChange *change, const CdcShapeDiff *diff, const char **now, const char **before,
			 int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		if (now[i] == NULL)
			continue;
		before[i] = former_name(change, diff, now[i]);
		if (before[i] == NULL)
			return now[i];
	}
	return NULL;
}

/* Whether the change may have given the table's rows another shape. */
static bool
reshapes(const CdcPendingChange *change)
{
	return change->kind != CDC_CHANGE_TRUNCATE && change->kind != CDC_CHANGE_DROP &&
		change->kind != CDC_CHANGE_RENAME && change->kind != CDC_CHANGE_COPY &&
		change->before_version != change->after_version;
}

/* Adds the stretch before the change.  Returns why its rows have no such key, or NULL. */
static char *
add_stretch(CdcFormerKey *key, const CdcPendingChange *change, const CdcKeyNames *now)
{
	CdcShapeDiff diff;
	CdcError	err;
	Stretch    *stretch = palloc0(sizeof(Stretch));
	const char *lost;

	stretch->end = change->from_seq;
	stretch->names = no_names(key);
	if (change->before.ncolumns == 0 || change->after.ncolumns == 0 || change->change.created ||
		cdc_failed(cdc_shape_compare(cdc_schema_arena(CurrentMemoryContext), &change->before, &change->after,
									 &change->change, &diff, &err)))
		return pstrdup("the table was made anew while it was copied");
	lost = former_names(change, &diff, now->columns, stretch->names.columns, key->ncolumns);
	if (lost == NULL)
		lost = former_names(change, &diff, now->inputs, stretch->names.inputs, key->ninputs);
	if (lost != NULL)
		return psprintf("column \"%s\", by which rows of its target are found, was altered while the table was copied",
						lost);
	key->before = lappend(key->before, stretch);
	return NULL;
}

CdcFormerKey *
cdc_former_key(const CdcSubscription *sub, const CdcMapping *mapping, int64 begin, int64 end, char **trouble)
{
	List	   *changes = cdc_changes_between(sub, mapping->source_table, begin, end);
	CdcFormerKey *key = present_key(mapping);
	const CdcKeyNames *names = &key->now;
	int			i;

	*trouble = NULL;
	for (i = list_length(changes) - 1; i >= 0 && *trouble == NULL; i--)
	{
		CdcPendingChange *change = list_nth(changes, i);

		CHECK_FOR_INTERRUPTS();
		if (!reshapes(change))
			continue;
		cdc_change_load(sub->name, change);
		*trouble = add_stretch(key, change, names);
		if (*trouble == NULL)
			names = &((Stretch *) llast(key->before))->names;
	}
	return key;
}

const CdcKeyNames *
cdc_former_key_names(const CdcFormerKey *key, int64 seq)
{
	const CdcKeyNames *names = &key->now;
	ListCell   *lc;

	foreach(lc, key->before)
	{
		const Stretch *stretch = lfirst(lc);

		if (seq >= stretch->end)
			break;
		names = &stretch->names;
	}
	return names;
}
