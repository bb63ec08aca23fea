/*-------------------------------------------------------------------------
 *
 * mode.c
 *	  The modes that there are, by their names; and those whose targets keep what the source
 *	  table has not any more, "soft_delete", "append" and "scd2".
 *
 * A new mode is a CdcApplyMode, and an entry of the array at the end.
 *
 * soft_delete: what a replica would delete is written over by the columns of the mode alone, so
 * that the row stays as it was last.  A row of the same key that comes again takes its place.
 *
 * append: each row of an event is one row of the target, which has what the event tells of it:
 * the row behind it, of a delete the row before.  The key is the event's number in the history and
 * the row's in the event: events that are applied once more write the same rows.  TRUNCATE, and
 * the begin of a copy that stands for all rows, is a row without values.  An update that changes
 * the source's key has a row before its own that the former key was deleted: the last row of each
 * key tells whether it is there.
 *
 * scd2: each row of the target is a version of a row of the source, see versions/versions.c.  Which
 * events are of one source transaction is found out here: a history that is read for one
 * table does not show the end of each.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/catalog/spi.h"
#include "pg/datum/jsonb_view.h"
#include "pg/progress/known.h"
#include "pg/versions/versions.h"

/* ------------------------------------------------------------------------
 * soft_delete
 * ------------------------------------------------------------------------
 */

/* Fills what the mode's columns have of a row that goes with the event at hand. */
static void
fill_gone(const CdcTargetRun *run, Datum *values, bool *nulls, bool *attrs)
{
	const CdcSourceRun *source = run->source;
	const CdcMapping *mapping = source->mapping;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];
		int			at = col->attnum - 1;

		if (col->by != CDC_BY_MODE)
			continue;
		attrs[at] = true;
		values[at] = cdc_source_row_of_mode(&source->row, col, &nulls[at]);
		if (col->mode_fill == CDC_MODE_FILLS_DELETED)
			values[at] = BoolGetDatum(true);
	}
}

/* CdcApplyMode.remove: where the target has the row, it stays. */
static void
soft_delete_remove(CdcApply *apply, CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	CdcTarget  *target = run->target;
	int			natts = target->desc->natts;
	Datum	   *gone = palloc0(sizeof(Datum) * natts);
	bool	   *gone_nulls = palloc(sizeof(bool) * natts);
	bool	   *attrs = palloc0(sizeof(bool) * natts);
	int			i;

	memset(gone_nulls, true, sizeof(bool) * natts);
	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;

		gone[at] = values[at];
		gone_nulls[at] = nulls[at];
		attrs[at] = true;
	}
	fill_gone(run, gone, gone_nulls, attrs);
	cdc_reduce_update(&apply->work, run, gone, gone_nulls, cdc_presence_intern(&target->presences, attrs));
	pfree(gone);
	pfree(gone_nulls);
	pfree(attrs);
}

/* CdcApplyMode.is_gone */
static bool
soft_delete_is_gone(const CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	const CdcMapping *mapping = run->source->mapping;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by == CDC_BY_MODE && col->mode_fill == CDC_MODE_FILLS_DELETED)
			return !nulls[col->attnum - 1] && DatumGetBool(values[col->attnum - 1]);
	}
	return false;
}

/*
 * CdcApplyMode.fold: as in a replica.  A new row of which the image does not have all columns
 * takes none of them from a row that had its key before.
 */
static void
soft_delete_fold(CdcApply *apply, CdcSourceRun *source, char op, const JsonbContainer *old)
{
	CdcTargetRun *run = source->target;
	const CdcSourceRow *row = &source->row;

	if (op == CDC_OP_INSERT && row->layout->partial &&
		cdc_mode_has_gone_row(apply, run, row->values, row->nulls))
		cdc_reduce_delete(&apply->work, run, row->values, row->nulls);
	cdc_mode_replica_fold(apply, source, op, old);
}

/* "column = ..., column = ...": what the mode's columns have of rows that go; $1: seq, $2: source_ts. */
static void
append_assignments(StringInfo sql, const CdcMapping *mapping)
{
	const char *comma = "";
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by != CDC_BY_MODE)
			continue;
		appendStringInfo(sql, "%s%s = %s", comma, quote_identifier(col->name),
						 col->mode_fill == CDC_MODE_FILLS_DELETED ? "true" :
						 col->mode_fill == CDC_MODE_FILLS_SEQ ? "$1" : "$2");
		comma = ", ";
	}
}

/* CdcApplyMode.truncate: all rows that are there go. */
static void
soft_delete_truncate(CdcApply *apply, CdcTargetRun *run)
{
	const CdcEventFacts *facts = &apply->facts;
	Oid			types[2] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[2] = {Int64GetDatum(facts->seq), TimestampTzGetDatum(facts->source_ts)};
	char		nulls[2] = {' ', facts->source_ts == 0 ? 'n' : ' '};
	StringInfoData sql;
	CdcWriterUser user;
	int			rc;

	cdc_reduce_flush(&apply->work, run);
	cdc_reduce_close(&apply->work, run);
	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s SET ", run->target->name);
	append_assignments(&sql, run->source->mapping);
	appendStringInfo(&sql, " WHERE %s", cdc_target_live_rows(run->target));
	cdc_writer_begin(run, &user);
	cdc_writer_set_role(run->rights.replica && run->rights.replica_role);
	cdc_spi_connect();
	rc = SPI_execute_with_args(sql.data, lengthof(types), types, values, nulls, false, 0);
	if (rc != SPI_OK_UPDATE)
		elog(ERROR, "could not execute: %s: %s", sql.data, SPI_result_code_string(rc));
	run->updated += SPI_processed;
	cdc_spi_disconnect();
	cdc_writer_end(&user);
	pfree(sql.data);
}

static const CdcApplyMode soft_delete = {
	"soft_delete",
	soft_delete_fold,
	NULL,
	soft_delete_truncate,
	NULL,
	NULL,
	soft_delete_remove,
	soft_delete_is_gone
};

/* ------------------------------------------------------------------------
 * append
 * ------------------------------------------------------------------------
 */

/* Sets what the mode's columns have of a row that is not as the event has it. */
static void
set_op(const CdcMapping *mapping, const char *op, int number, Datum *values)
{
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by == CDC_BY_MODE && col->mode_fill == CDC_MODE_FILLS_OP)
			values[col->attnum - 1] = CStringGetTextDatum(op);
		else if (col->by == CDC_BY_MODE && col->mode_fill == CDC_MODE_FILLS_ROW)
			values[col->attnum - 1] = Int32GetDatum(number);
	}
}

/* A row of a delete of the former key, before that of the update. */
static void
append_former(CdcApply *apply, CdcSourceRun *source, const JsonbContainer *old)
{
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;
	int			natts = run->target->desc->natts;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);

	if (cdc_source_row_moved_from(row, old, values, nulls))
	{
		set_op(source->mapping, "d", -1 - row->number, values);
		cdc_reduce_put(&apply->work, run, values, nulls, row->presence);
	}
	pfree(values);
	pfree(nulls);
}

/* CdcApplyMode.fold */
static void
append_fold(CdcApply *apply, CdcSourceRun *source, char op, const JsonbContainer *old)
{
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;
	const CdcPresence *presence = row->presence;

	if (row->layout->stale != NULL && op != CDC_OP_DELETE)
		cdc_layout_refuse_stale(source->mapping, row->layout);

	/* NULL would look like a value */
	if (row->layout->partial && op == CDC_OP_UPDATE)
	{
		cdc_run_give_up_append(apply, source);
		return;
	}
	if (op == CDC_OP_UPDATE)
		append_former(apply, source, old);
	if (!presence->complete && op == CDC_OP_DELETE)
		presence = cdc_presence_union(&run->target->presences, presence, cdc_target_whole_row(run->target));
	cdc_reduce_put(&apply->work, run, row->values, row->nulls, presence);
}

/* CdcApplyMode.truncate: a row says that the source has none of the rows of before any more. */
static void
append_truncate(CdcApply *apply, CdcTargetRun *run)
{
	CdcTarget  *target = run->target;
	const CdcSourceRun *source = run->source;
	const CdcMapping *mapping = source->mapping;
	int			natts = target->desc->natts;
	Datum	   *values = palloc0(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);
	bool	   *attrs = palloc0(sizeof(bool) * natts);
	int			c;

	memset(nulls, true, sizeof(bool) * natts);
	for (c = 0; c < target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];
		int			at = col->attnum - 1;

		attrs[at] = true;
		if (col->by != CDC_BY_MODE)
			continue;
		values[at] = cdc_source_row_of_mode(&source->row, col, &nulls[at]);
	}
	set_op(mapping, "t", 0, values);
	cdc_reduce_put(&apply->work, run, values, nulls, cdc_presence_intern(&target->presences, attrs));
	cdc_reduce_row_done(&apply->work, run);
}

static const CdcApplyMode append = {
	"append",
	append_fold,
	NULL,
	append_truncate,
	NULL,
	NULL,
	NULL,
	NULL
};

/* ------------------------------------------------------------------------
 * scd2
 * ------------------------------------------------------------------------
 */

/* What an event says of its transaction, palloc'ed; NULL: nothing. */
static char *
transaction_of(const CdcEventFacts *facts)
{
	CdcJsonValue v;

	if (facts->gtid != NULL && facts->gtid_len > 0)
		return pnstrdup(facts->gtid, facts->gtid_len);
	if (facts->document == NULL || !cdc_json_is_object(facts->document) ||
		!cdc_json_find(facts->document, "xid", 3, &v) || v.type != JENTRY_ISNUMERIC)
		return NULL;
	return cdc_json_to_cstring(&v);
}

/* Whether the event at hand is of the source transaction of the source table's event before. */
static bool
goes_on(const CdcSourceTransaction *txn, const CdcEventFacts *facts, const char *name)
{
	if (txn->last == 0 || txn->commit || txn->op == CDC_OP_SNAPSHOT || facts->op == CDC_OP_SNAPSHOT ||
		facts->op == CDC_OP_CONTROL || facts->seq < txn->last)
		return false;
	return facts->seq == txn->last + 1 || (name != NULL && txn->name != NULL && strcmp(name, txn->name) == 0);
}

/* When the copies of the source table were passed by the stream: an array of seqs, as CdcSourceTransaction has it. */
static void
find_copies(CdcApply *apply, const CdcSourceRun *source, CdcSourceTransaction *txn)
{
	List	   *known = cdc_known(apply->sub, source->mapping->source_table);
	ListCell   *lc;

	txn->synced = MemoryContextAlloc(apply->work.cxt, sizeof(int64) * (list_length(known) + 1));
	foreach(lc, known)
		if (((CdcKnown *) lfirst(lc))->kind == CDC_KNOWN_COPIED)
			txn->synced[txn->nsynced++] = ((CdcKnown *) lfirst(lc))->sync_seq;
}

/*
 * The end of the last copy that was passed before the event: what copies behind it bring is not in order
 * with the stream.  From Kafka all rows are in the order of their messages.
 */
static int64
last_synced(CdcApply *apply, const CdcSourceRun *source, CdcSourceTransaction *txn, int64 seq)
{
	int64		result = 0;
	int			i;

	if (apply->sub->kind != CDC_SERVER_MYSQL)
		return PG_INT64_MAX;
	if (txn->synced == NULL)
		find_copies(apply, source, txn);
	for (i = 0; i < txn->nsynced; i++)
		if (txn->synced[i] < seq)
			result = Max(result, txn->synced[i]);
	return result;
}

/* Tells the versions of the target what event is at hand. */
static void
begin_versions(CdcApply *apply, CdcTargetRun *run)
{
	CdcSourceRun *source = (CdcSourceRun *) run->source;
	CdcSourceTransaction *txn = &source->txn;
	const CdcEventFacts *facts = &apply->facts;
	CdcVersionEvent *event = &run->versions->event;

	if (facts->seq != txn->last)
	{
		char	   *name = transaction_of(facts);

		if (!goes_on(txn, facts, name))
			txn->first = facts->seq;
		txn->last = facts->seq;
		txn->op = facts->op;
		txn->commit = facts->commit;
		if (txn->name != NULL)
			pfree(txn->name);
		txn->name = name != NULL ? MemoryContextStrdup(apply->work.cxt, name) : NULL;
	}
	event->seq = facts->seq;
	event->first = txn->first;
	event->source_ts = facts->source_ts;
	event->op = facts->op;
	event->synced = last_synced(apply, source, txn, facts->seq);
}

/* CdcApplyMode.put */
static void
scd2_put(CdcApply *apply, CdcTargetRun *run, Datum *values, bool *nulls, const CdcPresence *presence, bool existing)
{
	begin_versions(apply, run);
	cdc_versions_put(run, values, nulls, presence, existing);
}

/* CdcApplyMode.row: the current version. */
static bool
scd2_row(CdcApply *apply, CdcTargetRun *run, const Datum *key, const bool *key_nulls, Datum *values, bool *nulls)
{
	begin_versions(apply, run);
	return cdc_versions_current(run, key, key_nulls, values, nulls);
}

/* CdcApplyMode.remove */
static void
scd2_remove(CdcApply *apply, CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	begin_versions(apply, run);
	cdc_versions_end(run, values, nulls);
}

/* CdcApplyMode.truncate */
static void
scd2_truncate(CdcApply *apply, CdcTargetRun *run)
{
	begin_versions(apply, run);
	cdc_versions_end_all(run);
}

static const CdcApplyMode scd2 = {
	"scd2",
	cdc_mode_replica_fold,
	NULL,
	scd2_truncate,
	scd2_put,
	scd2_row,
	scd2_remove,
	NULL
};

/* ------------------------------------------------------------------------
 * Modes by their names
 * ------------------------------------------------------------------------
 */

static const CdcApplyMode *const modes[] = {&cdc_mode_replica, &soft_delete, &append, &scd2};

#define VALID_MODES	"Valid modes are: replica, soft_delete, append, scd2."

/* NULL where there is none of that name. */
static const CdcApplyMode *
find_mode(const char *name)
{
	size_t		i;

	for (i = 0; i < lengthof(modes); i++)
		if (strcmp(modes[i]->name, name) == 0)
			return modes[i];
	return NULL;
}

const CdcApplyMode *
cdc_apply_mode_of_table(const char *name, const char *source_table)
{
	const CdcApplyMode *mode = find_mode(name);

	if (mode == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mode \"%s\" of source table \"%s\" is not supported", name, source_table),
				 errhint(VALID_MODES)));
	return mode;
}

const CdcApplyMode *
cdc_apply_mode_of_argument(const char *name)
{
	const CdcApplyMode *mode = find_mode(name);

	if (mode == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid mode \"%s\"", name),
				 errhint(VALID_MODES)));
	return mode;
}
