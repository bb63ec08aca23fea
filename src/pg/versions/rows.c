/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  The newest versions of rows of the source: read from the target, kept in memory as they
 *	  will be once all is written, and given to the run that writes them.
 *
 * What is kept stays true when it is written, as nobody else writes the target; it is
 * forgotten where it takes too much memory.  A target that has no row needs none to be read
 * until then: a first copy reads nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/versions/rows.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"
#include "pg/catalog/spi.h"
#include "pg/target/key.h"

/* What a row takes beside its values, in bytes. */
#define KEPT_OVERHEAD	200

#define FIRST_BUCKETS	256

/* ------------------------------------------------------------------------
 * Read
 * ------------------------------------------------------------------------
 */

/* The statement that reads the newest versions of a row by its key; CdcTarget.kept. */
typedef struct ReadPlan
{
	SPIPlanPtr	plan;
} ReadPlan;

/* CdcTarget.release_kept */
static void
free_plan(void *kept)
{
	SPI_freeplan(((ReadPlan *) kept)->plan);
	pfree(kept);
}

/* The columns of the target that are not dropped. */
static void
append_columns(StringInfo sql, TupleDesc desc)
{
	const char *comma = "";
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		appendStringInfo(sql, "%st.%s", comma, quote_identifier(NameStr(att->attname)));
		comma = ", ";
	}
}

/* The SELECT; a column of the key that key_nulls says is NULL, which may be NULL itself, is no parameter. */
static char *
select_newest(const CdcTarget *target, const bool *key_nulls)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	append_columns(&sql, target->desc);
	appendStringInfo(&sql, " FROM %s AS t WHERE ", target->name);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcTargetColumn *column = &target->columns[target->key[i].column];
		char	   *name = psprintf("t.%s", quote_identifier(column->name));

		appendStringInfoString(&sql, i > 0 ? " AND " : "");
		if (key_nulls != NULL && key_nulls[target->key[i].attnum - 1])
			appendStringInfo(&sql, "%s IS NULL", name);
		else
			cdc_append_equality(&sql, target, target->key[i].column, name, psprintf("$%d", i + 1));
	}
	if (target->own_rows != NULL)
		appendStringInfo(&sql, " AND %s", target->own_rows);
	appendStringInfoString(&sql, " ORDER BY t._cdc_seq DESC LIMIT 2");
	return sql.data;
}

static SPIPlanPtr
prepare(const CdcTarget *target, const bool *key_nulls)
{
	static const CdcPlannerOption by_index[] = {
		{"enable_seqscan", "off"}, {"optimizer", "off"}, {"jit", "off"}
	};
	Oid		   *types = palloc(sizeof(Oid) * target->nkey);
	SPIPlanPtr	plan;
	int			level;
	int			i;

	for (i = 0; i < target->nkey; i++)
		types[i] = target->columns[target->key[i].column].typid;
	level = cdc_planner_begin(by_index, OidIsValid(target->key_index) ? lengthof(by_index) : 0);
	plan = SPI_prepare_cursor(select_newest(target, key_nulls), target->nkey, types, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	cdc_planner_end(level);
	return plan;
}

/* The plan for keys without NULLs, which the target keeps. */
static SPIPlanPtr
kept_plan(CdcTarget *target)
{
	if (target->kept == NULL)
	{
		SPIPlanPtr	plan = prepare(target, NULL);
		ReadPlan   *kept = MemoryContextAlloc(target->cxt, sizeof(ReadPlan));

		SPI_keepplan(plan);
		kept->plan = plan;
		target->kept = kept;
		target->release_kept = free_plan;
	}
	return ((ReadPlan *) target->kept)->plan;
}

/* The version that is row r of SPI's result. */
static void
take_result(CdcVersions *versions, uint64 r, CdcVersion *version)
{
	const CdcTarget *target = versions->run->target;
	const CdcVersionColumns *columns = &versions->columns;
	TupleDesc	desc = target->desc;
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	int			column = 1;
	int			i;

	memset(nulls, true, sizeof(bool) * desc->natts);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		values[i] = SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, column++, &nulls[i]);
		/* what it points to is of a row that may be written over */
		if (!nulls[i] && att->attlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(values[i])))
			values[i] = PointerGetDatum(PG_DETOAST_DATUM(values[i]));
	}
	memset(version, 0, sizeof(*version));
	version->there = true;
	version->seq = DatumGetInt64(values[columns->seq]);
	if (!nulls[columns->end_seq])
		version->end_seq = DatumGetInt64(values[columns->end_seq]);
	version->from = nulls[columns->valid_from] ? DT_NOBEGIN : DatumGetTimestampTz(values[columns->valid_from]);
	version->to = nulls[columns->valid_to] ? version->from : DatumGetTimestampTz(values[columns->valid_to]);
	/* who has ended it by hand has not always told the event */
	if (version->end_seq == 0 && (nulls[columns->current] || !DatumGetBool(values[columns->current])))
		version->end_seq = Max(version->seq, 1);
	version->end_op = nulls[columns->end_op] ? '\0' : *TextDatumGetCString(values[columns->end_op]);
	version->op = nulls[columns->op] ? '\0' : *TextDatumGetCString(values[columns->op]);
	cdc_version_set_tuple(versions, version, values, nulls);
}

/* Whether the target has a row of its source table at all. */
static bool
has_rows(const CdcTarget *target)
{
	char	   *sql = psprintf("SELECT 1 FROM %s%s%s LIMIT 1", target->name,
							   target->own_rows != NULL ? " WHERE " : "",
							   target->own_rows != NULL ? target->own_rows : "");
	bool		found;

	if (SPI_execute(sql, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not execute: %s", sql);
	found = SPI_processed > 0;
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/* Reads the newest versions of a row: the newest one into now, if there is one before that into before. */
static void
read_row(CdcVersions *versions, CdcVersionedRow *row, const Datum *key, const bool *key_nulls)
{
	CdcTarget  *target = versions->run->target;
	Datum	   *values = palloc(sizeof(Datum) * target->nkey);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	SPIPlanPtr	plan = NULL;
	CdcWriterUser user;
	bool		has_null = false;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		values[i] = key[target->key[i].attnum - 1];
		has_null = has_null || key_nulls[target->key[i].attnum - 1];
	}
	cdc_writer_begin(versions->run, &user);
	cdc_spi_connect();
	if (!versions->asked)
		versions->whole = !has_rows(target);
	versions->asked = true;
	if (!versions->whole)
	{
		char	   *nulls = palloc(target->nkey);

		for (i = 0; i < target->nkey; i++)
			nulls[i] = key_nulls[target->key[i].attnum - 1] ? 'n' : ' ';
		plan = has_null ? prepare(target, key_nulls) : kept_plan(target);
		versions->work->calls++;
		if (SPI_execute_plan(plan, values, nulls, false, 2) != SPI_OK_SELECT)
			elog(ERROR, "could not read target %s: %s", target->name, SPI_result_code_string(SPI_result));
		old = MemoryContextSwitchTo(caller);
		if (SPI_processed > 0)
			take_result(versions, 0, &row->now);
		if (SPI_processed > 1)
			take_result(versions, 1, &row->before);
		MemoryContextSwitchTo(old);
		SPI_freetuptable(SPI_tuptable);
	}
	cdc_spi_disconnect();
	cdc_writer_end(&user);
}

/* ------------------------------------------------------------------------
 * Kept
 * ------------------------------------------------------------------------
 */

void
cdc_version_rows_forget(CdcVersions *versions)
{
	MemoryContextReset(versions->cxt);
	versions->buckets = NULL;
	versions->nbuckets = versions->nrows = 0;
	versions->bytes = 0;
	versions->asked = false;
	versions->whole = false;
}

/* Makes room for one more row. */
static void
grow(CdcVersions *versions)
{
	uint32		n = versions->nbuckets == 0 ? FIRST_BUCKETS : versions->nbuckets * 2;
	CdcVersionedRow **buckets;
	uint32		b;

	if (versions->nrows < versions->nbuckets)
		return;
	buckets = MemoryContextAllocZero(versions->cxt, sizeof(CdcVersionedRow *) * n);
	versions->bytes += sizeof(CdcVersionedRow *) * n;
	for (b = 0; b < versions->nbuckets; b++)
		while (versions->buckets[b] != NULL)
		{
			CdcVersionedRow *row = versions->buckets[b];

			versions->buckets[b] = row->next;
			row->next = buckets[row->hash & (n - 1)];
			buckets[row->hash & (n - 1)] = row;
		}
	if (versions->buckets != NULL)
		pfree(versions->buckets);
	versions->buckets = buckets;
	versions->nbuckets = n;
}

static bool
has_key(const CdcTarget *target, const CdcVersionedRow *row, const Datum *key, const bool *key_nulls)
{
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;

		if (row->key_nulls[i] != key_nulls[at] ||
			(!key_nulls[at] && !cdc_key_column_equal(&target->key[i], row->key[i], key[at])))
			return false;
	}
	return true;
}

static CdcVersionedRow *
add_row(CdcVersions *versions, uint32 hash, const Datum *key, const bool *key_nulls)
{
	const CdcTarget *target = versions->run->target;
	MemoryContext old = MemoryContextSwitchTo(versions->cxt);
	CdcVersionedRow *row = palloc0(sizeof(CdcVersionedRow));
	int			i;

	row->hash = hash;
	row->key = palloc(sizeof(Datum) * target->nkey);
	row->key_nulls = palloc(sizeof(bool) * target->nkey);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcTargetColumn *column = &target->columns[target->key[i].column];
		int			at = target->key[i].attnum - 1;

		row->key_nulls[i] = key_nulls[at];
		row->key[i] = key_nulls[at] ? (Datum) 0 : datumCopy(key[at], column->byval, column->len);
		if (!key_nulls[at] && !column->byval)
			versions->bytes += datumGetSize(key[at], column->byval, column->len);
	}
	versions->bytes += KEPT_OVERHEAD;
	MemoryContextSwitchTo(old);
	grow(versions);
	row->next = versions->buckets[hash & (versions->nbuckets - 1)];
	versions->buckets[hash & (versions->nbuckets - 1)] = row;
	versions->nrows++;
	return row;
}

CdcVersionedRow *
cdc_version_row(CdcVersions *versions, const Datum *key, const bool *key_nulls)
{
	const CdcTarget *target = versions->run->target;
	uint32		hash = cdc_key_hash(target, key, key_nulls);
	CdcVersionedRow *row = NULL;

	if (versions->bytes > versions->limit)
	{
		cdc_reduce_flush(versions->work, versions->written);
		cdc_version_rows_forget(versions);
	}
	if (versions->nbuckets > 0)
		for (row = versions->buckets[hash & (versions->nbuckets - 1)]; row != NULL; row = row->next)
		{
			CHECK_FOR_INTERRUPTS();
			if (row->hash == hash && has_key(target, row, key, key_nulls))
				break;
		}
	if (row != NULL && !row->unread)
		return row;
	if (row != NULL)
	{
		cdc_reduce_flush(versions->work, versions->written);
		versions->whole = false;
		memset(&row->before, 0, sizeof(row->before));
		memset(&row->now, 0, sizeof(row->now));
		row->unread = false;
	}
	else
		row = add_row(versions, hash, key, key_nulls);
	read_row(versions, row, key, key_nulls);
	return row;
}

void
cdc_version_set_tuple(CdcVersions *versions, CdcVersion *version, Datum *values, bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(versions->cxt);

	/* the one of before may be what values point into: it goes with the others */
	version->tuple = heap_form_tuple(versions->run->target->desc, values, nulls);
	versions->bytes += HEAPTUPLESIZE + version->tuple->t_len;
	MemoryContextSwitchTo(old);
}

/* ------------------------------------------------------------------------
 * Written
 * ------------------------------------------------------------------------
 */

/* What is to be written, by attribute. */
typedef struct Written
{
	Datum	   *values;
	bool	   *nulls;
	bool	   *attrs;
} Written;

static Written
written_begin(const CdcVersions *versions)
{
	int			natts = versions->run->target->desc->natts;
	Written		w;

	w.values = palloc0(sizeof(Datum) * natts);
	w.nulls = palloc(sizeof(bool) * natts);
	w.attrs = palloc0(sizeof(bool) * natts);
	memset(w.nulls, true, sizeof(bool) * natts);
	versions->written->source = versions->run->source;
	versions->written->one_by_one = versions->run->one_by_one;
	return w;
}

static void
set(Written *w, int at, Datum value, bool isnull)
{
	w->values[at] = isnull ? (Datum) 0 : value;
	w->nulls[at] = isnull;
	w->attrs[at] = true;
}

/* The key of the version. */
static void
set_key(const CdcVersions *versions, Written *w, const CdcVersionedRow *row, const CdcVersion *version)
{
	const CdcTarget *target = versions->run->target;
	int			i;

	for (i = 0; i < target->nkey; i++)
		set(w, target->key[i].attnum - 1, row->key[i], row->key_nulls[i]);
	set(w, versions->columns.seq, Int64GetDatum(version->seq), false);
}

/* What tells whether, and how, it has ended. */
static void
set_end(const CdcVersions *versions, Written *w, const CdcVersion *version)
{
	bool		current = version->end_seq == 0;
	char		op[2] = {version->end_op, '\0'};

	set(w, versions->columns.current, BoolGetDatum(current), false);
	set(w, versions->columns.end_op, current ? (Datum) 0 : CStringGetTextDatum(op), current);
	set(w, versions->columns.end_seq, Int64GetDatum(version->end_seq), current);
	set(w, versions->columns.valid_to, TimestampTzGetDatum(version->to), current);
}

static const CdcPresence *
presence_of(const CdcVersions *versions, const bool *attrs)
{
	CdcTarget  *target = versions->written->target;

	if (cdc_presences_full(&target->presences))
	{
		cdc_reduce_flush(versions->work, versions->written);
		cdc_target_forget_presences(target);
	}
	return cdc_presence_intern(&target->presences, attrs);
}

void
cdc_version_write(CdcVersions *versions, const CdcVersion *version, const Datum *values, const bool *nulls,
				  const bool *attrs)
{
	Written		w = written_begin(versions);
	char		op[2] = {version->op, '\0'};
	int			i;

	for (i = 0; i < versions->run->target->desc->natts; i++)
		if (attrs[i] && !versions->own[i])
			set(&w, i, values[i], nulls[i]);
	set(&w, versions->columns.seq, Int64GetDatum(version->seq), false);
	set(&w, versions->columns.valid_from, TimestampTzGetDatum(version->from), false);
	set(&w, versions->columns.op, CStringGetTextDatum(op), false);
	set_end(versions, &w, version);
	cdc_reduce_put(versions->work, versions->written, w.values, w.nulls, presence_of(versions, w.attrs));
}

void
cdc_version_write_end(CdcVersions *versions, const CdcVersionedRow *row, const CdcVersion *version)
{
	Written		w = written_begin(versions);

	set_key(versions, &w, row, version);
	set_end(versions, &w, version);
	cdc_reduce_update(versions->work, versions->written, w.values, w.nulls, presence_of(versions, w.attrs));
}

void
cdc_version_delete(CdcVersions *versions, const CdcVersionedRow *row, const CdcVersion *version)
{
	Written		w = written_begin(versions);

	set_key(versions, &w, row, version);
	cdc_reduce_delete(versions->work, versions->written, w.values, w.nulls);
}
