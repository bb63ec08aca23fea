/*-------------------------------------------------------------------------
 *
 * surprise.c
 *	  Rows of a target that are not as the events say: an update or delete that finds no row, an
 *	  insert that finds one.
 *
 * The merge does not mind: it ends in the row that the last event has.  But where the
 * target had the rows of its source, it proves that somebody else has changed it, or that
 * the source is not what it was.  Whether it had them is for apply to say.
 *
 * Of a key only the first event since the last flush meets what the target has.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "utils/memutils.h"

char *
cdc_surprise_key(const CdcTargetRun *run)
{
	const CdcTarget *target = run->target;
	const CdcEntry *entry = run->surprise.entry;
	StringInfoData names;
	StringInfoData values;
	int			i;

	if (entry == NULL || target->keyless)
		return NULL;
	initStringInfo(&names);
	initStringInfo(&values);
	for (i = 0; i < target->nkey; i++)
	{
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", target->columns[target->key[i].column].name);
		appendStringInfoString(&values, i > 0 ? ", " : "");
		if (cdc_entry_key_is_null(entry, i))
			appendStringInfoString(&values, "null");
		else
			cdc_key_append_value(&values, &target->key[i], entry->key[i]);
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

/* The first one in the order of the source is kept; alone: only the entry was written. */
static void
note(CdcTargetRun *run, const CdcEntry *entry, bool inserted, bool alone)
{
	CdcSurprise *surprise = &run->surprise;

	if ((surprise->missing > 0 || surprise->surplus > 0) && surprise->place.seq <= entry->place.seq)
		return;
	surprise->place = entry->place;
	surprise->inserted = inserted;
	surprise->entry = alone ? entry : NULL;
}

void
cdc_surprise_missing(CdcTargetRun *run, const CdcEntry *entry, int64 rows)
{
	note(run, entry, false, true);
	run->surprise.missing += rows;
}

void
cdc_surprise_surplus(CdcTargetRun *run, const CdcEntry *entry, int64 rows)
{
	note(run, entry, true, true);
	run->surprise.surplus += rows;
}

void
cdc_surprise_absent(CdcWork *work, CdcTargetRun *run)
{
	if (run->surprised == NULL)
		return;
	memset(&run->surprise, 0, sizeof(run->surprise));
	run->surprise.place = work->at.place;
	run->surprise.missing = 1;
	run->first_seq = work->at.place.seq;
	run->surprised(work, run);
	memset(&run->surprise, 0, sizeof(run->surprise));
}

CdcExpectations
cdc_surprise_expected(CdcEntry *const *entries, int n)
{
	CdcExpectations expected = {0, 0};
	int			i;

	for (i = 0; i < n; i++)
	{
		expected.rows += entries[i]->expected == CDC_EXPECTS_ROW;
		expected.none += entries[i]->expected == CDC_EXPECTS_NONE;
	}
	return expected;
}

/* So many of the n rows were found: no more is counted than that proves. */
void
cdc_surprise_compare(CdcTargetRun *run, const CdcExpectations *expected, const CdcEntry *last, int n,
					 int64 found)
{
	int64		missing = expected->rows - found;
	int64		surplus = found - (n - expected->none);

	if (missing <= 0 && surplus <= 0)
		return;
	note(run, last, missing <= 0, n == 1);
	if (missing > 0)
		run->surprise.missing += missing;
	if (surplus > 0)
		run->surprise.surplus += surplus;
}
