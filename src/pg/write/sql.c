/*-------------------------------------------------------------------------
 *
 * sql.c
 *	  Back-end that writes with set-based SQL: for Greenplum, and for
 *	  partitioned and foreign tables, views, tables with rules or statement
 *	  triggers.
 *
 * Rows go in as one array a column, or as one value, so that a batch takes three statements:
 * DELETE, UPDATE of those that exist, INSERT of those that do not.  Rows of
 * partial images are grouped by the columns that they have, and keys with NULLs
 * by which of them are NULL.  Plans are kept with the target.
 *
 * Where rows are distributed, they go as one value, and each segment looks for those of its
 * own in its part of the key's index (all of them, where the key does not say whose they
 * are), without moving any between them; what an UPDATE found it tells, so that the rest is
 * inserted without another search.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/sql_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"
#include "pg/target/trigger.h"

/* Rows and bytes that one statement takes; one that is sent to segments costs more beside its rows. */
#define SQL_BATCH		(CDC_HAVE_DISTRIBUTION ? 32768 : 8192)
#define SQL_BATCH_BYTES	(4 * 1024 * 1024)

/* ------------------------------------------------------------------------
 * Parameters
 * ------------------------------------------------------------------------
 */

/* The value of one of the target's columns in an entry. */
static Datum
entry_value(const CdcTarget *target, const CdcEntry *entry, int column, bool *isnull)
{
	int			i;

	if (entry->tuple != NULL)
		return heap_getattr(entry->tuple, target->columns[column].attnum, target->desc, isnull);
	for (i = 0; target->key[i].column != column; i++)
		Assert(i < target->nkey);
	*isnull = cdc_entry_key_is_null(entry, i);
	return entry->key[i];
}

/* The values of one column in n entries, as an array. */
static Datum
column_array(const CdcTarget *target, int column, CdcEntry **entries, int n)
{
	const CdcTargetColumn *col = &target->columns[column];
	Oid			typid = cdc_sql_as_text(col) ? TEXTOID : col->typid;
	Datum	   *values = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	int			dims[1];
	int			lbs[1] = {1};
	int16		len;
	bool		byval;
	char		align;
	int			i;

	for (i = 0; i < n; i++)
	{
		values[i] = entry_value(target, entries[i], column, &nulls[i]);
		if (!nulls[i])
			values[i] = cdc_sql_parameter_value(col, values[i]);
	}
	get_typlenbyvalalign(typid, &len, &byval, &align);
	dims[0] = n;
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lbs, typid, len, byval,
											  align));
}

/* Which columns of the entry's key a statement has to find as NULLs. */
static inline uint16
null_keys(const CdcTargetRun *run, const CdcEntry *entry)
{
	return run->target->keyless ? 0 : entry->key_nulls;
}

/*
 * Runs a set-based statement on n entries, dealt ones with their segments; returns the
 * number of rows that it wrote.
 */
static int64
run_set(CdcTargetRun *run, const CdcSqlForm *form, CdcEntry **entries, int n, const int32 *segments)
{
	CdcTarget  *target = run->target;
	Datum	   *values = palloc(sizeof(Datum) * (target->ncolumns + 1));
	int			nargs = 0;
	int			i;

	if (!cdc_sql_does(target, form))
		return 0;
	if (form->batch)
		values[nargs++] = cdc_batch_make(entries, n, form->dealt ? segments : NULL);
	for (i = 0; i < target->ncolumns && !form->batch; i++)
		if (cdc_sql_is_parameter(&target->columns[i], form->presence))
			values[nargs++] = column_array(target, i, entries, n);
	return cdc_sql_run_values(target, form, values, NULL, 0);
}

/* ------------------------------------------------------------------------
 * Flush
 * ------------------------------------------------------------------------
 */

/* The back-end while it is open; CdcTargetRun.state. */
typedef struct SqlState
{
	bool		plain;			/* a statement's answer says which rows there were */
	bool		tells;			/* ... and an UPDATE's which ones need not be inserted */
	CdcDeal    *deal;			/* NULL: rows cannot be dealt to segments */
} SqlState;

/* Rows that an UPDATE would have to move to other partitions are moved before it, where it cannot. */
static void
move_rows(CdcTargetRun *run, const CdcSqlForm *update, CdcEntry **entries, int n)
{
	CdcSqlForm	form = {SQL_MOVE, update->presence, update->nulls, true, false, false, false};

	if (!cdc_sql_moves(run->target, update->presence) || run_set(run, &form, entries, n, NULL) == 0)
		return;
	form.kind = SQL_MOVED;
	(void) run_set(run, &form, entries, n, NULL);
}

/* Writes rows under keys: over those that the target has, the others as new ones. */
static void
put_rows(CdcTargetRun *run, const CdcPresence *presence, CdcEntry **entries, int n)
{
	const SqlState *state = run->state;
	CdcSqlForm	update = {entries[0]->replace ? SQL_REPLACE : SQL_UPDATE, presence,
		null_keys(run, entries[0]), CDC_HAVE_DISTRIBUTION, state->tells, state->tells && state->deal != NULL, false};
	CdcSqlForm	insert = {SQL_INSERT_MISSING, presence, update.nulls, update.batch, false, false, false};
	bool		existing = entries[0]->existing;
	const CdcEntry *last = entries[n - 1];
	CdcExpectations expected = cdc_surprise_expected(entries, n);
	int64		inserted = 0;
	int			all = n;
	int32	   *segments = NULL;

	move_rows(run, &update, entries, n);
	update.dealt = update.dealt && cdc_sql_stays(run->target, &update);
	if (update.dealt)
		segments = cdc_deal_segments(state->deal, entries, n);
	run->updated += run_set(run, &update, entries, n, segments);
	if (update.told && cdc_sql_does(run->target, &update))
	{
		insert.kind = SQL_INSERT;
		insert.nulls = 0;
		n = cdc_deal_drop_told(entries, n, segments);
	}
	if (existing)
		return;
	if (n > 0)
		inserted = run_set(run, &insert, entries, n, NULL);
	run->inserted += inserted;
	if (state->plain)
		cdc_surprise_compare(run, &expected, last, all, all - inserted);
}

/* Deletes the rows with the keys of the entries. */
static void
delete_rows(CdcTargetRun *run, const CdcSqlForm *form, CdcEntry **entries, int n)
{
	const SqlState *state = run->state;
	CdcExpectations expected = cdc_surprise_expected(entries, n);
	int64		deleted = run_set(run, form, entries, n, NULL);

	run->deleted += deleted;
	/* one that is to be inserted and is not has gone again: who had it before is of no concern */
	expected.none = 0;
	if (state->plain)
		cdc_surprise_compare(run, &expected, entries[n - 1], n, deleted);
}

/*
 * Writes entries that are alike: of one presence, all to be put or all to be deleted,
 * all with the same NULLs in their keys.
 */
static void
write_group(CdcWork *work, CdcTargetRun *run, CdcEntry **entries, int n, bool put)
{
	const CdcPresence *presence = put ? entries[0]->presence : NULL;
	CdcSqlForm	form = {put ? SQL_INSERT : SQL_DELETE, presence, 0, put && CDC_HAVE_DISTRIBUTION,
		false, false, false};
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest statement",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);

	work->at.entry = n == 1 ? entries[0] : NULL;
	work->at.place = entries[n - 1]->place;
	if (!put)
	{
		form.nulls = null_keys(run, entries[0]);
		delete_rows(run, &form, entries, n);
	}
	else if (run->target->keyless)
		run->inserted += run_set(run, &form, entries, n, NULL);
	else
		put_rows(run, presence, entries, n);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Entries that are alike, until there are enough for a statement. */
typedef struct SqlBatch
{
	CdcEntry   *entries[SQL_BATCH];
	int			n;
	size_t		bytes;			/* of their rows, about */
	bool		put;			/* they are rows to write; else keys to delete */
} SqlBatch;

static void
write_batch(CdcWork *work, CdcTargetRun *run, SqlBatch *batch)
{
	if (batch->n > 0)
		write_group(work, run, batch->entries, batch->n, batch->put);
	batch->n = 0;
	batch->bytes = 0;
}

/*
 * Adds an entry to the batch, and writes that when it is full, and before where the
 * entry's key has other NULLs than theirs.
 */
static void
add_to_batch(CdcWork *work, CdcTargetRun *run, SqlBatch *batch, CdcEntry *entry)
{
	CHECK_FOR_INTERRUPTS();
	if (batch->n > 0 && null_keys(run, batch->entries[0]) != null_keys(run, entry))
		write_batch(work, run, batch);
	batch->entries[batch->n++] = entry;
	batch->bytes += entry->tuple ? entry->tuple->t_len : 64;
	if (batch->n == SQL_BATCH || batch->bytes > SQL_BATCH_BYTES)
		write_batch(work, run, batch);
}

/* Writes all rows, those of equal presence together. */
static void
write_rows(CdcWork *work, CdcTargetRun *run, SqlBatch *batch)
{
	bool	   *done = MemoryContextAllocZero(run->batch, run->nentries);
	int			first;
	int			i;

	batch->put = true;
	for (first = 0; first < run->nentries; first++)
	{
		CdcEntry   *like = run->entries[first];

		if (done[first] || !like->put)
			continue;
		CHECK_FOR_INTERRUPTS();
		for (i = first; i < run->nentries; i++)
		{
			CdcEntry   *entry = run->entries[i];

			if (done[i] || !entry->put || entry->presence != like->presence ||
				entry->replace != like->replace || entry->existing != like->existing ||
				null_keys(run, entry) != null_keys(run, like))
				continue;
			done[i] = true;
			add_to_batch(work, run, batch, entry);
		}
		write_batch(work, run, batch);
	}
}

static void
sql_flush_keyed(CdcWork *work, CdcTargetRun *run, SqlBatch *batch)
{
	int			i;

	batch->put = false;
	for (i = 0; i < run->nentries; i++)
		if (!run->entries[i]->put)
			add_to_batch(work, run, batch, run->entries[i]);
	write_batch(work, run, batch);
	write_rows(work, run, batch);
}

static void
sql_flush_keyless(CdcWork *work, CdcTargetRun *run, SqlBatch *batch)
{
	const SqlState *state = run->state;
	int			i;
	int64		n;

	cdc_sql_take(work, run, state->plain, state->tells);
	batch->put = true;
	for (i = 0; i < run->nentries; i++)
	{
		if (batch->n > 0 && batch->entries[0]->presence != run->entries[i]->presence)
			write_batch(work, run, batch);
		for (n = 0; n < run->entries[i]->add; n++)
			add_to_batch(work, run, batch, run->entries[i]);
	}
	write_batch(work, run, batch);
}

static void
sql_backend_flush(CdcWork *work, CdcTargetRun *run)
{
	SqlBatch   *batch = MemoryContextAllocZero(run->batch, sizeof(SqlBatch));

	cdc_spi_connect();
	if (run->target->keyless)
		sql_flush_keyless(work, run, batch);
	else
		sql_flush_keyed(work, run, batch);
	cdc_spi_disconnect();
}

static bool
sql_backend_fetch(CdcTargetRun *run, const CdcRowKey *key, Datum *values, bool *nulls)
{
	CdcTarget  *target = run->target;
	MemoryContext caller = CurrentMemoryContext;
	Datum	   *args = palloc0(sizeof(Datum) * target->ncolumns);
	char	   *argnulls = palloc(target->ncolumns);
	int			nargs = 0;
	CdcSqlForm	form = {SQL_FETCH, NULL, 0, false, false, false, false};
	bool		found;
	int			i;
	int			k;

	cdc_spi_connect();
	for (i = 0; i < target->ncolumns; i++)
	{
		if (!target->columns[i].in_key)
			continue;
		for (k = 0; target->key[k].column != i; k++)
			;
		argnulls[nargs] = key->nulls[k] ? 'n' : ' ';
		if (key->nulls[k])
			form.nulls |= k < CDC_KEY_NULLS_MAX ? 1 << k : 0;
		else
			args[nargs] = cdc_sql_parameter_value(&target->columns[i], key->values[k]);
		nargs++;
	}
	found = cdc_sql_run_values(target, &form, args, argnulls, 1) > 0;
	for (i = 0; found && i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);
		MemoryContext old;

		/* the result has no dropped columns, hence by name */
		nulls[i] = true;
		if (att->attisdropped)
			continue;
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								  SPI_fnumber(SPI_tuptable->tupdesc, NameStr(att->attname)),
								  &nulls[i]);
		if (nulls[i])
			continue;
		old = MemoryContextSwitchTo(caller);
		if (att->attlen == -1)
			values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[i]));
		else
			values[i] = datumCopy(values[i], att->attbyval, att->attlen);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_disconnect();
	return found;
}

static void
sql_backend_open(CdcWork *work, CdcTargetRun *run)
{
	MemoryContext old = MemoryContextSwitchTo(work->cxt);
	SqlState   *state = palloc0(sizeof(SqlState));
	Relation	rel;

	rel = table_open(run->target->relid, NoLock);
	cdc_append_optimized_expect(rel);
	state->plain = cdc_update_tells(rel);
	state->tells = CDC_HAVE_DISTRIBUTION && rel->rd_rel->relkind == RELKIND_RELATION && state->plain;
	table_close(rel, NoLock);
	if (state->tells)
		state->deal = cdc_deal_open(run->target);
	MemoryContextSwitchTo(old);
	run->state = state;
}

static void
sql_backend_close(CdcWork *work, CdcTargetRun *run)
{
	pfree(run->state);
	run->state = NULL;
}

const CdcWriteBackend cdc_write_sql = {
	"sql",
	sql_backend_open,
	sql_backend_flush,
	sql_backend_fetch,
	NULL,
	sql_backend_close
};
