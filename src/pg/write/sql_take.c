/*-------------------------------------------------------------------------
 *
 * sql_take.c
 *	  Rows that are taken out of tables without key: up to so many equal ones of each value.
 *
 * One value a statement reads the whole table each time.  Where rows are distributed, a batch of
 * values is joined with the table instead, and of the rows that are equal to a value as many as
 * are to be taken, wherever they are; what was found it tells.  That wants columns that can be
 * hashed and are not NULL: values are grouped by the NULLs of theirs.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/sql_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "pg/catalog/spi.h"

/* With fewer values a statement each costs less. */
#define MIN_TAKEN_TOGETHER		4

/* Values, and bytes of their rows, that one statement takes. */
#define MAX_TAKEN_TOGETHER		32768
#define MAX_TAKEN_BYTES			(4 * 1024 * 1024)

/* ------------------------------------------------------------------------
 * One value a statement
 * ------------------------------------------------------------------------
 */

/* So many rows that were to be taken from those equal to the entry's are not there. */
static void
tell_missing(CdcTargetRun *run, const CdcEntry *entry, int64 missing, bool plain)
{
	if (missing > 0 && plain)
		cdc_surprise_missing(run, entry, missing);
}

static void
take_one(CdcWork *work, CdcTargetRun *run, const CdcEntry *entry, bool plain)
{
	CdcTarget  *target = run->target;
	CdcSqlForm	form = {SQL_TAKE, entry->presence, 0, false, false, false, false};
	Datum	   *values = palloc(sizeof(Datum) * (target->ncolumns + 1));
	char	   *nulls = palloc(target->ncolumns + 1);
	int64		deleted;
	int			nargs = 0;
	int			i;

	work->at.entry = entry;
	work->at.place = entry->place;
	nulls[nargs] = ' ';
	values[nargs++] = Int64GetDatum(entry->take);
	for (i = 0; i < target->ncolumns; i++)
	{
		bool		isnull;

		if (!cdc_sql_is_parameter(&target->columns[i], entry->presence))
			continue;
		values[nargs] = heap_getattr(entry->tuple, target->columns[i].attnum, target->desc, &isnull);
		nulls[nargs] = isnull ? 'n' : ' ';
		if (!isnull)
			values[nargs] = cdc_sql_parameter_value(&target->columns[i], values[nargs]);
		nargs++;
	}
	deleted = cdc_sql_run_values(target, &form, values, nulls, 0);
	run->deleted += deleted;
	tell_missing(run, entry, entry->take - deleted, plain);
	pfree(values);
	pfree(nulls);
}

/* ------------------------------------------------------------------------
 * Many values a statement
 * ------------------------------------------------------------------------
 */

/* Options under which the batch is joined by hash tables, whatever the planner believes of its size. */
static const CdcPlannerOption by_hash[] = {
#if CDC_HAVE_OTHER_PLANNER
	{"optimizer", "off"},
#endif
	{"enable_nestloop", "off"},
	{"enable_mergejoin", "off"},
	{"enable_hashjoin", "on"}
};

/*
 * Which of the columns that can be hashed are NULL in the entry's row, bit i for the i-th of them;
 * *useful: there is one that is not.
 */
static uint16
hashed_nulls(const CdcTarget *target, const CdcEntry *entry, bool *useful)
{
	uint16		result = 0;
	int			n = 0;
	int			i;

	*useful = false;
	for (i = 0; i < target->ncolumns && n < CDC_KEY_NULLS_MAX; i++)
	{
		bool		isnull;

		if (!cdc_sql_hashed(target, entry->presence, i))
			continue;
		(void) heap_getattr(entry->tuple, target->columns[i].attnum, target->desc, &isnull);
		if (isnull)
			result |= 1 << n;
		else
			*useful = true;
		n++;
	}
	return result;
}

/* Subtracts what the statement has deleted; returns how many rows that were. */
static int64
subtract_told(int64 *left, int n)
{
	int64		deleted = (int64) SPI_processed;
	uint64		row;

	for (row = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		int64		number = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull));

		if (isnull || number < 1 || number > n)
			elog(ERROR, "a row was taken for none of %d values", n);
		left[number - 1]--;
	}
	SPI_freetuptable(SPI_tuptable);
	return deleted;
}

/* An array of int8. */
static Datum
int8_array(const int64 *numbers, int n)
{
	Datum	   *values = palloc(sizeof(Datum) * n);
	int			i;

	for (i = 0; i < n; i++)
		values[i] = Int64GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(values, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, 'd'));
}

/*
 * Takes rows for n entries of one presence, with the same NULLs.  A row that is equal to several
 * of the values may be found for two of them and be deleted once, so that what is left is tried
 * again until there is nothing more.
 */
static void
take_together(CdcWork *work, CdcTargetRun *run, CdcEntry **entries, int n, uint16 nulls, bool plain)
{
	CdcSqlForm	form = {SQL_TAKE_MANY, entries[0]->presence, nulls, true, true, false, false};
	int64	   *left = palloc(sizeof(int64) * n);
	int64		deleted = 0;
	int64		wanted = 0;
	Datum		values[2];
	int			i;

	work->at.entry = NULL;
	work->at.place = entries[n - 1]->place;
	for (i = 0; i < n; i++)
		wanted += left[i] = entries[i]->take;
	values[0] = cdc_batch_make(entries, n, NULL);
	do
	{
		int			level = cdc_planner_begin(by_hash, lengthof(by_hash));

		CHECK_FOR_INTERRUPTS();
		values[1] = int8_array(left, n);
		(void) cdc_sql_run_values(run->target, &form, values, NULL, 0);
		cdc_planner_end(level);
		deleted = subtract_told(left, n);
		run->deleted += deleted;
		wanted -= deleted;
	} while (deleted > 0 && wanted > 0);
	for (i = 0; i < n; i++)
		tell_missing(run, entries[i], left[i], plain);
}

/* Takes rows for entries that are alike, together where that is of use. */
static void
take_alike(CdcWork *work, CdcTargetRun *run, CdcEntry **entries, int n, uint16 nulls, bool useful, bool plain)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest statement",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int			i;

	if (useful && n >= MIN_TAKEN_TOGETHER)
		take_together(work, run, entries, n, nulls, plain);
	else
		for (i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			take_one(work, run, entries[i], plain);
		}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Entries from first on that are alike, each once; batch has room for all.  Returns how many. */
static int
collect_alike(CdcTargetRun *run, int first, bool *done, CdcEntry **batch, uint16 nulls)
{
	const CdcEntry *like = run->entries[first];
	Size		bytes = 0;
	int			n = 0;
	int			i;

	for (i = first; i < run->nentries && n < MAX_TAKEN_TOGETHER && bytes < MAX_TAKEN_BYTES; i++)
	{
		CdcEntry   *entry = run->entries[i];
		bool		useful;

		if (done[i] || entry->take == 0 || entry->presence != like->presence ||
			hashed_nulls(run->target, entry, &useful) != nulls)
			continue;
		done[i] = true;
		batch[n++] = entry;
		bytes += entry->tuple->t_len;
	}
	return n;
}

void
cdc_sql_take(CdcWork *work, CdcTargetRun *run, bool plain, bool together)
{
	bool	   *done;
	CdcEntry  **batch;
	int			i;

	if (!together)
	{
		for (i = 0; i < run->nentries; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (run->entries[i]->take > 0)
				take_one(work, run, run->entries[i], plain);
		}
		return;
	}
	done = MemoryContextAllocZero(run->batch, Max(run->nentries, 1));
	batch = MemoryContextAlloc(run->batch, sizeof(CdcEntry *) * MAX_TAKEN_TOGETHER);
	for (i = 0; i < run->nentries; i++)
	{
		bool		useful;
		uint16		nulls;
		int			n;

		CHECK_FOR_INTERRUPTS();
		if (done[i] || run->entries[i]->take == 0)
			continue;
		nulls = hashed_nulls(run->target, run->entries[i], &useful);
		n = collect_alike(run, i, done, batch, nulls);
		take_alike(work, run, batch, n, nulls, useful, plain);
	}
}
