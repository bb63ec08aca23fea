/*-------------------------------------------------------------------------
 *
 * versions.c
 *	  What an event makes of the versions of its row.
 *
 * A version is what a row had at a commit of the source.  So what a source transaction did to a
 * row before is taken back by what it does next: with the newest version from before the
 * transaction in "before", and what the transaction has made of it in "now",
 *	  the row has other values than before		before ends, and now has them
 *	  the row has the values of before			before is current, and now is none
 *	  the row is not there						before ends, and now is none
 * which is the same however often, and from which event on, the transaction is applied.
 *
 * An event is older than a version where that began, or ended, by a later event: it was
 * applied before, and does nothing.
 *
 * Rows of a copy may be of later than where the stream stands: events that led there are still
 * to come, and would make versions of what was before out of order; so it is with rows that a
 * copy does not have.  Until the stream has passed the copy, what it began or ended is therefore
 * only what is not known better: the next event of the row takes it back, and does what it
 * does at its own commit.
 *
 * Time does not order versions, numbers of events do: a clock that was set back gives a version
 * that ends when it began.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/versions/versions.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/target/key.h"
#include "pg/target/mode_shape.h"

/* ------------------------------------------------------------------------
 * Values
 * ------------------------------------------------------------------------
 */

/* Whether two numerics that have not the same bytes are written the same. */
static bool
same_numeric(Datum a, Datum b)
{
	return strcmp(DatumGetCString(DirectFunctionCall1(numeric_out, a)),
				  DatumGetCString(DirectFunctionCall1(numeric_out, b))) == 0;
}

/* Whether two values of a column have the same bytes: -0 is another value than 0, and 1.0 than 1.00. */
static bool
same_value(const CdcTarget *target, int at, Datum a, Datum b)
{
	Form_pg_attribute att = TupleDescAttr(target->desc, at);
	struct varlena *va;
	struct varlena *vb;

	if (att->attbyval)
		return a == b;
	if (att->attlen > 0)
		return memcmp(DatumGetPointer(a), DatumGetPointer(b), att->attlen) == 0;
	if (att->attlen != -1)
		return strcmp(DatumGetCString(a), DatumGetCString(b)) == 0;
	va = PG_DETOAST_DATUM_PACKED(a);
	vb = PG_DETOAST_DATUM_PACKED(b);
	if (VARSIZE_ANY_EXHDR(va) == VARSIZE_ANY_EXHDR(vb) &&
		memcmp(VARDATA_ANY(va), VARDATA_ANY(vb), VARSIZE_ANY_EXHDR(va)) == 0)
		return true;
	return att->atttypid == NUMERICOID && same_numeric(a, b);
}

/* Whether a version has the values that the row has of these columns. */
static bool
has_values(const CdcVersions *versions, const CdcVersion *version, const Datum *values, const bool *nulls,
		   const bool *attrs)
{
	const CdcTarget *target = versions->run->target;
	int			i;

	for (i = 0; i < target->desc->natts; i++)
	{
		bool		isnull;
		Datum		value;

		if (versions->own[i] || !attrs[i])
			continue;
		value = heap_getattr(version->tuple, i + 1, target->desc, &isnull);
		if (isnull != nulls[i] || (!isnull && !same_value(target, i, value, values[i])))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------------
 * Which version an event is about
 * ------------------------------------------------------------------------
 */

/* Whether a row of a copy that the stream has not passed began it. */
static bool
is_ahead(const CdcVersionEvent *event, const CdcVersion *version)
{
	return version->op == 'r' && version->end_seq == 0 && version->seq > event->synced;
}

/* The same of its end. */
static bool
ends_ahead(const CdcVersionEvent *event, const CdcVersion *version)
{
	return version->end_op == 'r' && version->end_seq > event->synced;
}

/* Whether the event at hand is of a copy. */
static bool
is_of_copy(const CdcVersionEvent *event)
{
	return event->op == 'r' || event->op == 'm';
}

/* Whether an event that came behind the one at hand has been applied. */
static bool
is_older(const CdcVersionEvent *event, const CdcVersionedRow *row)
{
	const CdcVersion *newest = row->now.there ? &row->now : &row->before;

	return newest->there && (newest->seq > event->seq || newest->end_seq > event->seq);
}

/* The row of that key, its versions told apart as the event at hand wants it. */
static CdcVersionedRow *
find_row(CdcVersions *versions, const Datum *key, const bool *key_nulls)
{
	const CdcVersionEvent *event = &versions->event;
	CdcVersionedRow *row = cdc_version_row(versions, key, key_nulls);
	CdcVersion *newest = row->now.there ? &row->now : &row->before;
	bool		is_now = newest->there && (newest->seq >= event->first || is_ahead(event, newest));

	/* it is of a transaction before */
	if (row->now.there && !is_now)
	{
		row->before = row->now;
		memset(&row->now, 0, sizeof(row->now));
	}
	return row;
}

/* Whether the row was there right before the source transaction at hand. */
static bool
was_there(const CdcVersionEvent *event, const CdcVersionedRow *row)
{
	const CdcVersion *before = &row->before;

	return before->there &&
		(before->end_seq == 0 || before->end_seq >= event->first || ends_ahead(event, before));
}

/* The version that is there at the moment, before the event at hand does something; NULL: there is none. */
static const CdcVersion *
present_version(const CdcVersionEvent *event, const CdcVersionedRow *row)
{
	const CdcVersion *before = &row->before;

	if (row->now.there)
		return row->now.end_seq == 0 ? &row->now : NULL;
	return before->there && (before->end_seq == 0 || (ends_ahead(event, before) && !is_of_copy(event))) ? before : NULL;
}

/* ------------------------------------------------------------------------
 * What becomes of them
 * ------------------------------------------------------------------------
 */

static TimestampTz
later_of(TimestampTz a, TimestampTz b)
{
	return a > b ? a : b;
}

/* When the event at hand was, not before a time; -infinity: nobody knows. */
static TimestampTz
time_behind(const CdcVersionEvent *event, TimestampTz before)
{
	return event->source_ts == 0 ? before : later_of(event->source_ts, before);
}

/* The version before ends where the other one begins, or with the event at hand. */
static void
end_before(CdcVersions *versions, CdcVersionedRow *row, int64 seq)
{
	CdcVersion *before = &row->before;
	TimestampTz to = time_behind(&versions->event, before->from);

	if (before->end_seq == seq && before->to == to)
		return;
	before->end_op = is_of_copy(&versions->event) ? 'r' : versions->event.op;
	before->end_seq = seq;
	before->to = to;
	cdc_version_write_end(versions, row, before);
}

static void
take_back(CdcVersions *versions, CdcVersionedRow *row)
{
	if (!row->now.there)
		return;
	cdc_version_delete(versions, row, &row->now);
	memset(&row->now, 0, sizeof(row->now));
}

/* The row is as it was before the transaction. */
static void
restore_before(CdcVersions *versions, CdcVersionedRow *row)
{
	take_back(versions, row);
	if (row->before.end_seq == 0)
		return;
	row->before.end_seq = 0;
	cdc_version_write_end(versions, row, &row->before);
}

/* Columns that the event does not tell have what the version has; attrs becomes all that can be written. */
static void
carry(const CdcVersions *versions, const CdcVersion *version, Datum *values, bool *nulls, bool *attrs)
{
	TupleDesc	desc = versions->run->target->desc;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		if (versions->own[i] || attrs[i])
			continue;
		values[i] = heap_getattr(version->tuple, i + 1, desc, &nulls[i]);
		attrs[i] = true;
	}
}

/* The version of the transaction at hand has these values. */
static void
put_now(CdcVersions *versions, CdcVersionedRow *row, bool there, Datum *values, bool *nulls, bool *attrs)
{
	const CdcVersionEvent *event = &versions->event;
	CdcVersion *now = &row->now;
	bool		stays = now->there && (now->seq >= event->first || is_of_copy(event));

	if (now->there && !stays)
		take_back(versions, row);
	if (!now->there)
	{
		now->there = true;
		now->seq = event->seq;
		now->op = event->op;
		now->from = time_behind(event, DT_NOBEGIN);
	}
	if (there && (!stays || row->before.end_seq == 0))
		end_before(versions, row, now->seq);
	if (!stays && row->before.there)
		now->from = later_of(now->from, row->before.to);
	cdc_version_set_tuple(versions, now, values, nulls);
	cdc_version_write(versions, now, values, nulls, attrs);
}

void
cdc_versions_put(CdcTargetRun *run, Datum *row_values, bool *row_nulls, const CdcPresence *presence, bool existing)
{
	CdcVersions *versions = run->versions;
	CdcVersionedRow *row = find_row(versions, row_values, row_nulls);
	const CdcVersion *last;
	int			natts = run->target->desc->natts;
	Datum	   *values;
	bool	   *nulls;
	bool	   *attrs;
	bool		there;

	if (is_older(&versions->event, row))
		return;
	there = was_there(&versions->event, row);
	last = present_version(&versions->event, row);
	if (last == NULL && existing)
		return;
	if (last == NULL && run->expected == CDC_EXPECTS_ROW)
		cdc_surprise_absent(versions->work, run);

	/* the caller's row stays as it is: what it lacks is another thing for the next target */
	values = palloc(sizeof(Datum) * natts);
	nulls = palloc(sizeof(bool) * natts);
	attrs = palloc(sizeof(bool) * natts);
	memcpy(values, row_values, sizeof(Datum) * natts);
	memcpy(nulls, row_nulls, sizeof(bool) * natts);
	memcpy(attrs, presence->attrs, sizeof(bool) * natts);
	if (last != NULL)
		carry(versions, last, values, nulls, attrs);
	if (there && has_values(versions, &row->before, values, nulls, attrs))
		restore_before(versions, row);
	else if (last != &row->now || !has_values(versions, last, values, nulls, attrs) ||
			 (last->seq < versions->event.first && !is_of_copy(&versions->event)))
		put_now(versions, row, there, values, nulls, attrs);
	row->unread = row->now.there && !presence->complete && last == NULL;
	cdc_reduce_row_done(versions->work, versions->written);
}

void
cdc_versions_end(CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	CdcVersions *versions = run->versions;
	const CdcVersionEvent *event = &versions->event;
	CdcVersionedRow *row = find_row(versions, values, nulls);
	bool		there;

	if (is_older(event, row))
		return;
	there = was_there(event, row);
	if (present_version(event, row) == NULL)
	{
		if (run->expected == CDC_EXPECTS_ROW && !there)
			cdc_surprise_absent(versions->work, run);
		return;
	}
	take_back(versions, row);
	if (there)
		end_before(versions, row, event->seq);
	cdc_reduce_row_done(versions->work, versions->written);
}

bool
cdc_versions_current(CdcTargetRun *run, const Datum *key, const bool *key_nulls, Datum *values, bool *nulls)
{
	CdcVersionedRow *row = find_row(run->versions, key, key_nulls);
	const CdcVersion *version = present_version(&run->versions->event, row);

	if (version == NULL)
		return false;
	/* the next row that is looked at may have all of them forgotten */
	heap_deform_tuple(heap_copytuple(version->tuple), run->target->desc, values, nulls);
	return true;
}

/* Runs the statement, an UPDATE or DELETE with the time of the event at hand as $1; how many rows. */
static int64
run_on_all(const CdcVersionEvent *event, const char *sql, bool timed)
{
	Oid			types[1] = {TIMESTAMPTZOID};
	Datum		values[1] = {TimestampTzGetDatum(event->source_ts)};
	char		nulls[1] = {event->source_ts == 0 ? 'n' : ' '};

	if (SPI_execute_with_args(sql, timed ? 1 : 0, types, values, nulls, false, 0) < 0)
		elog(ERROR, "could not execute: %s", sql);
	return SPI_processed;
}

void
cdc_versions_end_all(CdcTargetRun *run)
{
	CdcVersions *versions = run->versions;
	const CdcVersionEvent *event = &versions->event;
	const char *target = run->target->name;
	const char *own = run->target->own_rows != NULL ? run->target->own_rows : "true";
	CdcWriterUser user;

	cdc_reduce_flush(versions->work, run);
	cdc_reduce_close(versions->work, run);
	cdc_version_rows_forget(versions);
	cdc_writer_begin(run, &user);
	cdc_writer_set_role(run->rights.replica && run->rights.replica_role);
	cdc_spi_connect();
	run->deleted += run_on_all(event, psprintf("DELETE FROM %s WHERE _cdc_current AND _cdc_op OPERATOR(pg_catalog.=) 'r' AND _cdc_seq OPERATOR(pg_catalog.>) " INT64_FORMAT
											   " AND _cdc_seq OPERATOR(pg_catalog.<) " INT64_FORMAT " AND %s",
											   target, event->synced, event->seq, own), false);
	run->updated += run_on_all(event, psprintf("UPDATE %s SET _cdc_current = false, _cdc_end_op = 't', _cdc_end_seq = " INT64_FORMAT
											   ", _cdc_valid_to = GREATEST(_cdc_valid_from, $1) WHERE (_cdc_current OR (_cdc_end_op OPERATOR(pg_catalog.=) 'r' AND _cdc_end_seq OPERATOR(pg_catalog.>) " INT64_FORMAT
											   ")) AND _cdc_seq OPERATOR(pg_catalog.<) " INT64_FORMAT " AND %s",
											   target, event->seq, event->synced, event->seq, own), true);
	cdc_spi_disconnect();
	cdc_writer_end(&user);
}

/* ------------------------------------------------------------------------
 * A run
 * ------------------------------------------------------------------------
 */

/* Where the column of that name is; it was checked that there is one. */
static int
place_of(const CdcTarget *target, const char *name)
{
	int			i;

	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return i;
	}
	elog(ERROR, "target %s has no column \"%s\"", target->name, name);
	return -1;
}

void
cdc_versions_open(CdcWork *work, CdcTargetRun *run, CdcTargetRun *written, size_t limit)
{
	CdcVersions *versions = palloc0(sizeof(CdcVersions));
	const CdcTarget *target = run->target;
	const CdcModeShape *shape = cdc_mode_shape("scd2");
	int			i;

	versions->work = work;
	versions->run = run;
	versions->written = written;
	versions->limit = limit;
	versions->columns.valid_from = place_of(target, "_cdc_valid_from");
	versions->columns.valid_to = place_of(target, "_cdc_valid_to");
	versions->columns.current = place_of(target, "_cdc_current");
	versions->columns.op = place_of(target, "_cdc_op");
	versions->columns.seq = place_of(target, "_cdc_seq");
	versions->columns.end_op = place_of(target, "_cdc_end_op");
	versions->columns.end_seq = place_of(target, "_cdc_end_seq");
	versions->own = palloc(sizeof(bool) * target->desc->natts);
	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		versions->own[i] = att->attisdropped || CDC_ATT_GENERATED(att) ||
			cdc_mode_column(shape, NameStr(att->attname)) != NULL;
	}
	versions->cxt = AllocSetContextCreate(work->cxt, "cdc_ingest versions", ALLOCSET_DEFAULT_SIZES);
	run->versions = versions;
	run->written = written;
}

void
cdc_versions_count(CdcTargetRun *run)
{
	CdcTargetRun *written = run->written;

	if (written == NULL)
		return;
	run->inserted += written->inserted;
	run->updated += written->updated;
	run->deleted += written->deleted;
	written->inserted = written->updated = written->deleted = 0;
}
