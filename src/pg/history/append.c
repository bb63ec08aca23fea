/*-------------------------------------------------------------------------
 *
 * append.c
 *	  Appending to a subscription's history table: rows are collected and
 *	  written with multi-inserts, in seq order.
 *
 * Two ways to write.  The direct one forms heap tuples, hands them to the
 * table access method in batches and maintains the indexes, as COPY does.  It
 * is taken where the partition is a plain table with the columns that we know
 * and nothing that SQL would have to evaluate (triggers, rules, checks).
 * Everything else, and Greenplum, gets an INSERT from arrays.
 *
 * All rows of one transaction have ingested_at = now(), hence one partition,
 * which partition.c finds or makes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/append.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"
#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"
#include "pg/history/obstacle.h"
#include "pg/history/partition.h"
#include "pg/history/table.h"

/*
 * A batch is written when it holds so many rows or bytes; more where each statement goes
 * to all segments.
 */
#define BATCH_ROWS		1000
#define BATCH_BYTES		(256 * 1024)
#define SQL_BATCH_ROWS	(CDC_HAVE_DISTRIBUTION ? 16384 : BATCH_ROWS)
#define SQL_BATCH_BYTES	(CDC_HAVE_DISTRIBUTION ? 4 * 1024 * 1024 : BATCH_BYTES)

/* From so many rows on, what they have in common is told once. */
#define SQL_COMMON_ROWS	256

struct CdcHistory
{
	/* the table */
	const CdcSubscription *sub;
	Relation	parent;			/* what the subscription names */
	Relation	table;			/* the partition; may be the same; NULL: by SQL */
	Relation	into;			/* by SQL: what INSERT names */
	bool		expected;		/* ... which has been told of the rows */
	bool		has_key;		/* histories made by earlier versions have no such column */
	MemoryContext context;		/* of all this */
	TimestampTz ingested_at;	/* of all rows of the transaction */

	/* the rows that wait */
	MemoryContext batch;
	int			nrows;
	size_t		nbytes;

	/* texts that repeat from row to row, as datums */
	char	   *last_table;
	Datum		last_table_datum;
	char	   *last_gtid;
	Datum		last_gtid_datum;

	/* the direct way */
	int			place[CDC_HISTORY_COLUMNS];	/* attribute number - 1 in table */
	Datum	   *values;
	bool	   *nulls;
#if CDC_HAVE_DIRECT_INSERT
	TupleTableSlot *slots[BATCH_ROWS];	/* NULL from the first one on that is not made */
	EState	   *estate;
	ResultRelInfo *target;
	BulkInsertState bulk;
#endif

	/* the way by SQL: the waiting values of each column, ingested_at left out */
	struct
	{
		Datum	   *values;
		bool	   *nulls;
		int16		len;		/* the type's, as pg_type has them */
		bool		by_value;
		char		align;
		bool		same;		/* all rows that wait have one value */
	}			columns[CDC_HISTORY_COLUMNS];
};

/* ------------------------------------------------------------------------
 * The direct way
 * ------------------------------------------------------------------------
 */

#if CDC_HAVE_DIRECT_INSERT

/* Whether the table has nothing that SQL would have to evaluate. */
static bool
evaluates_nothing(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	return rel->rd_rel->relkind == RELKIND_RELATION && rel->trigdesc == NULL &&
		rel->rd_rules == NULL && !rel->rd_rel->relrowsecurity &&
		(desc->constr == NULL || (desc->constr->num_check == 0 &&
								  !desc->constr->has_generated_stored));
}

/* Whether the table has our columns and no other; fills history->place. */
static bool
match_columns(CdcHistory *history, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			found = 0;
	int			i;
	int			c;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		c = cdc_history_column_by_name(NameStr(att->attname));
		if (c == CDC_HISTORY_COLUMNS || att->atttypid != cdc_history_columns[c].type || att->atttypmod != -1)
			return false;
		/* NOT NULL is checked by SQL only: leave it to SQL where it matters */
		if (att->attnotnull && c != CDC_HISTORY_COL_SEQ && c != CDC_HISTORY_COL_INGESTED_AT &&
			c != CDC_HISTORY_COL_OP && c != CDC_HISTORY_COL_COMMIT)
			return false;
		history->place[c] = i;
		found++;
	}
	return found == (history->has_key ? CDC_HISTORY_COLUMNS : CDC_HISTORY_COLUMNS - 1);
}

/* Opens the table for direct writing. */
static void
open_direct(CdcHistory *history)
{
	Relation	rel = history->table;

	history->values = palloc0(RelationGetDescr(rel)->natts * sizeof(Datum));
	history->nulls = palloc(RelationGetDescr(rel)->natts * sizeof(bool));
	memset(history->nulls, true, RelationGetDescr(rel)->natts * sizeof(bool));
	history->estate = CreateExecutorState();
	history->target = makeNode(ResultRelInfo);
	InitResultRelInfo(history->target, rel, 0, NULL, 0);
	ExecOpenIndices(history->target, false);
	history->bulk = GetBulkInsertState();
}

/* Forms the row's tuple and lets it wait. */
static void
append_direct(CdcHistory *history, const Datum *values, const bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(history->table);
	TupleTableSlot **slot = &history->slots[history->nrows];
	MemoryContext old;
	HeapTuple	tuple;
	int			c;

	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
	{
		if (c == CDC_HISTORY_COL_KEY && !history->has_key)
			continue;
		history->values[history->place[c]] = values[c];
		history->nulls[history->place[c]] = nulls[c];
	}
	if (*slot == NULL)
	{
		old = MemoryContextSwitchTo(history->context);
		*slot = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
		MemoryContextSwitchTo(old);
	}
	old = MemoryContextSwitchTo(history->batch);
	tuple = heap_form_tuple(desc, history->values, history->nulls);
	MemoryContextSwitchTo(old);
	tuple->t_tableOid = RelationGetRelid(history->table);
	/* shouldFree, so that the slot does not copy it once more */
	ExecStoreHeapTuple(tuple, *slot, true);
	history->nbytes += tuple->t_len;
}

/* Writes the waiting tuples and their index entries. */
static void
flush_direct(CdcHistory *history)
{
	CommandId	cid = GetCurrentCommandId(true);
	MemoryContext old;
	int			i;

	/* table_multi_insert() and index insertion leak into the current context */
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(history->estate));
	table_multi_insert(history->table, history->slots, history->nrows, cid, 0, history->bulk);
	for (i = 0; i < history->nrows; i++)
	{
		if (history->target->ri_NumIndices > 0)
			list_free(CDC_INSERT_INDEX_TUPLES(history->target, history->slots[i], history->estate));
		ExecClearTuple(history->slots[i]);
	}
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(history->estate);
}

static void
close_direct(CdcHistory *history)
{
	int			i;

	FreeBulkInsertState(history->bulk);
	table_finish_bulk_insert(history->table, 0);
	for (i = 0; i < BATCH_ROWS && history->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(history->slots[i]);
	ExecCloseIndices(history->target);
	FreeExecutorState(history->estate);
}

/* Opens the partition where rows can go there without SQL; else table stays NULL. */
static void
choose_way(CdcHistory *history)
{
	Oid			oid = cdc_history_partition(history->parent, history->ingested_at);
	Relation	rel;

	if (!OidIsValid(oid) || history->parent->trigdesc != NULL || history->parent->rd_rules != NULL)
		return;
	rel = table_open(oid, RowExclusiveLock);
	if (rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("partition %s of the history of subscription \"%s\" is a foreign table",
						cdc_history_table_name(rel), history->sub->name),
				 errdetail("Events go into local tables, with the position in the same transaction."),
				 errhint("ALTER TABLE %s DETACH PARTITION %s;", cdc_history_table_name(history->parent),
						 cdc_history_table_name(rel))));
	if (!evaluates_nothing(rel) || !match_columns(history, rel))
	{
		table_close(rel, NoLock);
		return;
	}
	history->table = rel;
	open_direct(history);
}

#else							/* !CDC_HAVE_DIRECT_INSERT */

static void
choose_way(CdcHistory *history)
{
}

static void
append_direct(CdcHistory *history, const Datum *values, const bool *nulls)
{
}

static void
flush_direct(CdcHistory *history)
{
}

static void
close_direct(CdcHistory *history)
{
}

#endif

/* ------------------------------------------------------------------------
 * By SQL
 * ------------------------------------------------------------------------
 */

/* Whether the statement has the column as an array; ingested_at is one value, now() as it is on the master. */
static inline bool
is_inserted(const CdcHistory *history, int column)
{
	return column != CDC_HISTORY_COL_INGESTED_AT && (column != CDC_HISTORY_COL_KEY || history->has_key);
}

/* Makes the arrays for the columns. */
static void
open_sql(CdcHistory *history)
{
	int			c;

	history->into = cdc_history_insert_table(history->parent, history->ingested_at);
	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
	{
		history->columns[c].values = palloc(SQL_BATCH_ROWS * sizeof(Datum));
		history->columns[c].nulls = palloc(SQL_BATCH_ROWS * sizeof(bool));
		get_typlenbyvalalign(cdc_history_columns[c].type, &history->columns[c].len,
							 &history->columns[c].by_value, &history->columns[c].align);
	}
}

/* Copies the row's values into the arrays; what is the same as in the row before not once more. */
static void
append_sql(CdcHistory *history, const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(history->batch);
	int			row = history->nrows;
	int			c;

	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
	{
		int16		len = history->columns[c].len;
		bool		same = row > 0 && nulls[c] == history->columns[c].nulls[row - 1] &&
			(nulls[c] || datumIsEqual(values[c], history->columns[c].values[row - 1],
									  history->columns[c].by_value, len));

		history->columns[c].same = row == 0 || (same && history->columns[c].same);
		history->columns[c].nulls[row] = nulls[c];
		history->columns[c].values[row] =
			nulls[c] ? (Datum) 0 :
			same ? history->columns[c].values[row - 1] :
			datumCopy(values[c], history->columns[c].by_value, len);
		if (!nulls[c] && len == -1)
			history->nbytes += VARSIZE_ANY(DatumGetPointer(values[c]));
	}
	MemoryContextSwitchTo(old);
}

/*
 * Whether the statement has one value for the column of all rows that wait, instead of an
 * array: each array costs all rows a pass.  Few rows are always told with the same statement.
 * seq and event stay arrays, two being needed for what unnest() means.
 */
static inline bool
is_common(const CdcHistory *history, int column)
{
	return column != CDC_HISTORY_COL_SEQ && column != CDC_HISTORY_COL_EVENT && history->nrows >= SQL_COMMON_ROWS &&
		history->columns[column].same;
}

/* The INSERT statement of the rows that wait. */
static char *
insert_statement(const CdcHistory *history)
{
	StringInfoData sql;
	StringInfoData values;
	StringInfoData arrays;
	int			c;
	int			n = 1;
	int			narrays = 0;

	initStringInfo(&sql);
	initStringInfo(&values);
	initStringInfo(&arrays);
	appendStringInfo(&sql, "INSERT INTO %s (ingested_at", cdc_history_table_name(history->into));
	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
	{
		if (!is_inserted(history, c))
			continue;
		n++;
		appendStringInfo(&sql, ", %s", quote_identifier(cdc_history_columns[c].name));
		appendStringInfo(&values, is_common(history, c) ? ", $%d" : ", u.c%d", n);
		if (!is_common(history, c))
			appendStringInfo(&arrays, "%s$%d", narrays++ > 0 ? ", " : "", n);
	}
	/* with several arguments the bare name, and only that, means pg_catalog's */
	appendStringInfo(&sql, ") SELECT $1%s FROM unnest(%s) AS u (", values.data, arrays.data);
	for (c = 0, n = 1, narrays = 0; c < CDC_HISTORY_COLUMNS; c++)
	{
		if (!is_inserted(history, c))
			continue;
		n++;
		if (!is_common(history, c))
			appendStringInfo(&sql, "%sc%d", narrays++ > 0 ? ", " : "", n);
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/*
 * The plan of the statement.  A session mostly appends to one history, by few statements, so
 * that the last ones' are kept.
 */
static SPIPlanPtr
insert_plan(const char *insert, int nargs, Oid *types)
{
	static struct
	{
		char	   *insert;
		SPIPlanPtr	plan;
	}			kept[8];
	static int	next = 0;
	int			i;

	for (i = 0; i < lengthof(kept); i++)
		if (kept[i].plan != NULL && strcmp(kept[i].insert, insert) == 0)
			return kept[i].plan;
	i = next;
	next = (next + 1) % lengthof(kept);
	if (kept[i].plan != NULL)
		SPI_freeplan(kept[i].plan);
	kept[i].plan = NULL;
	if (kept[i].insert != NULL)
		pfree(kept[i].insert);
	kept[i].insert = NULL;
	kept[i].insert = MemoryContextStrdup(TopMemoryContext, insert);
	kept[i].plan = SPI_prepare_cursor(insert, nargs, types, CDC_HAVE_DISTRIBUTION ? CURSOR_OPT_GENERIC_PLAN : 0);
	if (kept[i].plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(kept[i].plan);
	return kept[i].plan;
}

/* The statements that drop the triggers that may keep events away. */
static char *
drop_triggers(CdcHistory *history)
{
	Relation	rel = history->parent;
	char	   *text = cdc_history_drop_triggers(RelationGetRelid(rel), cdc_history_table_name(rel));
	Oid			oid = *text == '\0' ? cdc_history_partition(rel, history->ingested_at) : InvalidOid;

	if (!OidIsValid(oid))
		return text;
	rel = table_open(oid, AccessShareLock);
	text = cdc_history_drop_triggers(oid, cdc_history_table_name(rel));
	table_close(rel, NoLock);
	return text;
}

/* The rows' values of a column, as the statement's argument. */
static Datum
column_argument(const CdcHistory *history, int column, Oid *type, char *null)
{
	Oid			element = cdc_history_columns[column].type;
	int			dims[1];
	int			bounds[1] = {1};

	*null = ' ';
	*type = element;
	if (is_common(history, column))
	{
		*null = history->columns[column].nulls[0] ? 'n' : ' ';
		return history->columns[column].values[0];
	}
	*type = get_array_type(element);
	dims[0] = history->nrows;
	return PointerGetDatum(construct_md_array(history->columns[column].values, history->columns[column].nulls,
											  1, dims, bounds, element, history->columns[column].len,
											  history->columns[column].by_value, history->columns[column].align));
}

/* Inserts the waiting rows with one statement. */
static void
flush_sql(CdcHistory *history)
{
	MemoryContext old = MemoryContextSwitchTo(history->batch);
	Oid			types[CDC_HISTORY_COLUMNS];
	Datum		values[CDC_HISTORY_COLUMNS];
	char		nulls[CDC_HISTORY_COLUMNS];
	int			n = 0;
	int			c;
	int			rc;

	values[n] = TimestampTzGetDatum(history->ingested_at);
	nulls[n] = ' ';
	types[n++] = TIMESTAMPTZOID;
	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
	{
		if (!is_inserted(history, c))
			continue;
		values[n] = column_argument(history, c, &types[n], &nulls[n]);
		n++;
	}
	if (!history->expected)
	{
		cdc_append_optimized_expect(history->into);
		cdc_spi_bound_waits();
	}
	history->expected = true;
	cdc_spi_connect();
	rc = SPI_execute_plan(insert_plan(insert_statement(history), n, types), values, nulls, false, 0);
	if (rc != SPI_OK_INSERT)
		elog(ERROR, "appending to the history failed: %s", SPI_result_code_string(rc));
	if (SPI_processed != history->nrows)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("history %s of subscription \"%s\" took " UINT64_FORMAT " of %d events",
						cdc_history_table_name(history->parent), history->sub->name,
						(uint64) SPI_processed, history->nrows),
				 errhint("A trigger keeps events away: %s", drop_triggers(history))));
	cdc_spi_disconnect();
	MemoryContextSwitchTo(old);
}

/* ------------------------------------------------------------------------
 * Both
 * ------------------------------------------------------------------------
 */

CdcHistory *
cdc_history_open(const CdcSubscription *sub)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext, "cdc_ingest history",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcHistory *history = palloc0(sizeof(CdcHistory));

	history->sub = sub;
	history->context = context;
	history->batch = AllocSetContextCreate(context, "cdc_ingest history batch",
										   ALLOCSET_DEFAULT_SIZES);
	history->ingested_at = GetCurrentTransactionStartTimestamp();
	cdc_history_partition_ensure(sub, history->ingested_at);
	history->parent = cdc_history_table_open(sub, RowExclusiveLock);
	history->has_key = get_attnum(sub->history, cdc_history_columns[CDC_HISTORY_COL_KEY].name) != InvalidAttrNumber;
	choose_way(history);
	if (history->table == NULL)
		open_sql(history);
	MemoryContextSwitchTo(old);
	return history;
}

/* Writes the rows that wait. */
static void
write_batch(CdcHistory *history)
{
	CHECK_FOR_INTERRUPTS();
	if (history->nrows == 0)
		return;
	if (history->table != NULL)
		flush_direct(history);
	else
		flush_sql(history);
	MemoryContextReset(history->batch);
	history->nrows = 0;
	history->nbytes = 0;
}

/* The datum of a text that is mostly the same as in the row before. */
static Datum
repeated_text(CdcHistory *history, const char *s, char **last, Datum *last_datum)
{
	if (*last == NULL || strcmp(*last, s) != 0)
	{
		if (*last != NULL)
		{
			pfree(*last);
			pfree(DatumGetPointer(*last_datum));
		}
		*last = MemoryContextStrdup(history->context, s);
		{
			MemoryContext old = MemoryContextSwitchTo(history->context);

			*last_datum = CStringGetTextDatum(s);
			MemoryContextSwitchTo(old);
		}
	}
	return *last_datum;
}

Datum
cdc_history_raw(const CdcHistoryRow *row)
{
	bytea	   *raw;

	if (row->raw_len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("event of %zu bytes is too large for the history", row->raw_len)));
	raw = palloc(VARHDRSZ + row->raw_len);
	SET_VARSIZE(raw, VARHDRSZ + row->raw_len);
	memcpy(VARDATA(raw), row->raw, row->raw_len);
	return PointerGetDatum(raw);
}

void
cdc_history_append(CdcHistory *history, const CdcHistoryRow *row)
{
	Datum		values[CDC_HISTORY_COLUMNS] = {0};
	bool		nulls[CDC_HISTORY_COLUMNS] = {false};
	MemoryContext old = MemoryContextSwitchTo(history->batch);

	values[CDC_HISTORY_COL_SEQ] = Int64GetDatum(row->seq);
	values[CDC_HISTORY_COL_INGESTED_AT] = TimestampTzGetDatum(history->ingested_at);
	values[CDC_HISTORY_COL_OP] = CharGetDatum(row->op);
	values[CDC_HISTORY_COL_COMMIT] = BoolGetDatum(row->commit);
	nulls[CDC_HISTORY_COL_SOURCE_TS] = (row->source_ts == 0);
	values[CDC_HISTORY_COL_SOURCE_TS] = TimestampTzGetDatum(row->source_ts);
	nulls[CDC_HISTORY_COL_SOURCE_TABLE] = (row->source_table == NULL);
	if (row->source_table != NULL)
		values[CDC_HISTORY_COL_SOURCE_TABLE] = repeated_text(history, row->source_table,
												 &history->last_table, &history->last_table_datum);
	nulls[CDC_HISTORY_COL_GTID] = (row->gtid == NULL);
	if (row->gtid != NULL)
		values[CDC_HISTORY_COL_GTID] = repeated_text(history, row->gtid,
										 &history->last_gtid, &history->last_gtid_datum);
	nulls[CDC_HISTORY_COL_POSITION] = (row->position == NULL);
	if (row->position != NULL)
		values[CDC_HISTORY_COL_POSITION] = CStringGetTextDatum(row->position);
	nulls[CDC_HISTORY_COL_EVENT] = (row->event == NULL);
	values[CDC_HISTORY_COL_EVENT] = PointerGetDatum(row->event);
	if (row->key != NULL && !history->has_key)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("history table \"%s\" has no column \"key\" for keys of messages",
						RelationGetRelationName(history->parent)),
				 errhint("ALTER TABLE %s ADD COLUMN key jsonb;",
						 cdc_history_table_name(history->parent))));
	nulls[CDC_HISTORY_COL_KEY] = (row->key == NULL);
	values[CDC_HISTORY_COL_KEY] = PointerGetDatum(row->key);
	nulls[CDC_HISTORY_COL_RAW] = (row->raw == NULL);
	if (row->raw != NULL)
		values[CDC_HISTORY_COL_RAW] = cdc_history_raw(row);
	MemoryContextSwitchTo(old);

	if (history->table != NULL)
		append_direct(history, values, nulls);
	else
		append_sql(history, values, nulls);
	history->nrows++;
	if (history->nrows == (history->table != NULL ? BATCH_ROWS : SQL_BATCH_ROWS) ||
		history->nbytes >= (history->table != NULL ? BATCH_BYTES : SQL_BATCH_BYTES))
		write_batch(history);
}

void
cdc_history_close(CdcHistory *history)
{
	write_batch(history);
	if (history->table != NULL)
	{
		close_direct(history);
		table_close(history->table, NoLock);	/* the lock stays until the end */
	}
	if (history->into != NULL)
		table_close(history->into, NoLock);
	table_close(history->parent, NoLock);
	MemoryContextDelete(history->context);
}
