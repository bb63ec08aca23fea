/*-------------------------------------------------------------------------
 *
 * repair.c
 *	  What differs is copied once more, and no more than that.
 *
 * Rows that the target lacks, or has with other values, are in ranges of the source by its own
 * key: these are read again.  Rows that only the target has are named: the copy deletes those
 * that no event has brought since they were compared (sweep.c of apply).  A table without key,
 * here or there, is copied as a whole.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/log.h"
#include "pg/progress/copy_progress.h"

/* With more than that the table is copied as a whole. */
#define MAX_RANGES		200
#define MAX_GONE		10000

void
cdc_verify_note_range(CdcVerifyTable *t, char **after, char **upto)
{
	CdcVerifyRange *range = t->ranges != NIL ? llast(t->ranges) : NULL;

	if (range != NULL && range->upto == after)
	{
		range->upto = upto;
		return;
	}
	range = palloc(sizeof(CdcVerifyRange));
	range->after = after;
	range->upto = upto;
	t->ranges = lappend(t->ranges, range);
}

void
cdc_verify_note_gone(CdcVerifyTable *t, const CdcVerifyRow *row)
{
	const CdcTarget *target = t->mapping->target;
	MemoryContext old = MemoryContextSwitchTo(t->context);
	int			level = cdc_verify_begin_texts();
	int			i;

	t->gone_seq = Min(t->gone_seq, t->applied_seq);
	t->by_range = t->by_range && list_length(t->gone) < MAX_GONE * target->nkey;
	for (i = 0; t->by_range && i < target->nkey; i++)
	{
		const CdcTargetColumn *column = &target->columns[target->key[i].column];
		Oid			output;
		bool		varlena;
		bool		isnull;
		Datum		value = heap_getattr(row->key, column->attnum, target->desc, &isnull);

		getTypeOutputInfo(column->typid, &output, &varlena);
		if (isnull)
			t->by_range = false;
		else
			t->gone = lappend(t->gone, OidOutputFunctionCall(output, value));
	}
	AtEOXact_GUC(true, level);
	MemoryContextSwitchTo(old);
}

/* The keys as the text of an array. */
static char *
gone_text(const CdcVerifyTable *t)
{
	int			n = list_length(t->gone);
	Datum	   *texts = palloc(sizeof(Datum) * Max(n, 1));
	ListCell   *lc;
	int			i = 0;

	foreach(lc, t->gone)
		texts[i++] = CStringGetTextDatum((char *) lfirst(lc));
	return OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(construct_array(texts, n, TEXTOID, -1,
																			  false, 'i')));
}

List *
cdc_verify_conditions(const CdcVerifyTable *t)
{
	List	   *result = list_copy(t->conditions);
	ListCell   *lc;

	foreach(lc, t->ranges)
	{
		const CdcVerifyRange *r = lfirst(lc);
		CdcChunkRange range = {(const char *const *) r->after, (const char *const *) r->upto, NULL, 0};
		char	   *condition = cdc_chunk_condition(t->table, &t->key, &range);

		result = lappend(result, condition != NULL ? condition : "1 = 1");
	}
	return result;
}

/* The ranges, as one condition. */
static char *
ranges_text(const CdcVerifyTable *t)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, cdc_verify_conditions(t))
	{
		if (strcmp(lfirst(lc), "1 = 1") == 0)
			return NULL;		/* all rows, which is a copy of its own */
		appendStringInfo(&sql, "%s%s", sql.len > 0 ? " OR " : "", (char *) lfirst(lc));
	}
	if (sql.len == 0)
		appendStringInfoString(&sql, "1 = 0");
	return sql.data;
}

/*
 * Whether some rows can be copied instead of all.  That takes a key at both sides: without one
 * a table is read in one pass, in which no range was noted, and its rows are not replaced but
 * added.  What was put aside or left out of a table ends with a copy of all of it only.
 */
static bool
is_in_ranges(const CdcVerifyTable *t)
{
	return t->by_range && !t->lacks && !t->mapping->target->keyless && t->table->npk > 0 &&
		t->key.ncolumns > 0 && list_length(t->ranges) + list_length(t->conditions) <= MAX_RANGES;
}

void
cdc_verify_repair(CdcVerifyTable *t)
{
	const CdcSubscription *sub = t->verify->sub;
	CdcCopyRequest request = {"resync", true, NULL, false};

	if (is_in_ranges(t))
		request.row_filter = ranges_text(t);
	if (request.row_filter != NULL)
	{
		request.replaces = false;
		request.gone = gone_text(t);
		request.gone_seq = t->gone != NIL ? t->gone_seq : 0;
	}
	if (!t->lacks && !cdc_copy_is_ready(sub, t->registered->name))
	{
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("source table \"%s\" of subscription \"%s\" is not repaired: a copy of it is under way",
						t->source_table, sub->name),
				 errhint("Verify it again when its state is r.")));
		return;
	}
	cdc_copy_request(sub, t->registered->name, &request);
	cdc_log(sub->name, "verify",
			psprintf(request.row_filter != NULL ? "rows of source table %s are copied once more" :
					 "source table %s is copied once more", t->registered->name),
			psprintf(INT64_FORMAT " rows differed", t->differences));
}
