/*-------------------------------------------------------------------------
 *
 * range.c
 *	  What a range of history has; and questions about a place in the past.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/range.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/history/copied_rows.h"
#include "pg/history/scan.h"
#include "pg/history/table.h"

/* That an event is a row of a table. */
#define IS_ROW	"h.op OPERATOR(pg_catalog.=) ANY ('{c,u,d,r}'::pg_catalog.\"char\"[])"

/* That it stands in the range. */
#define IN_RANGE "h.seq OPERATOR(pg_catalog.>) $1 AND h.seq OPERATOR(pg_catalog.<=) $2"

/* Options under which a range is read by the index on seq, whatever the planner believes. */
static const CdcPlannerOption by_index[] = {
#if CDC_HAVE_OTHER_PLANNER
	{"optimizer", "off"},
#endif
	{"enable_seqscan", "off"}
};

/* The history's name, once it is known to be what it was. */
static char *
history_name(const CdcSubscription *sub)
{
	Relation	rel = cdc_history_table_open(sub, AccessShareLock);
	char	   *name = cdc_history_table_name(rel);

	table_close(rel, NoLock);
	return name;
}

/* Runs a query on history. */
static void
query_of(const char *sql, int nargs, Oid *types, Datum *values)
{
	int			level = cdc_planner_begin(by_index, lengthof(by_index));
	int			rc = SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0);

	cdc_planner_end(level);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
}

/* The same with arguments of type bigint. */
static void
query(const char *sql, int nargs, Datum *values)
{
	Oid			types[2] = {INT8OID, INT8OID};

	query_of(sql, nargs, types, values);
}

/* A number of the result; 0 for NULL. */
static int64
number(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* Adds a row of the result to the range. */
static void
add_table(CdcRange *range, uint64 row)
{
	CdcRangeTable *table = palloc0(sizeof(CdcRangeTable));
	char	   *name = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1);
	int64		first_other = number(row, 8);

	table->source_table = name;
	table->events = number(row, 2);
	table->first = number(row, 3);
	table->last = number(row, 4);
	table->deletes = number(row, 5);
	table->raw = number(row, 6);
	table->copied = number(row, 7);
	range->tables = lappend(range->tables, table);
	range->events += table->events;
	if (first_other != 0 && (range->first_other == 0 || first_other < range->first_other))
		range->first_other = first_other;
	range->last_other = Max(range->last_other, number(row, 9));
}

void
cdc_history_range(const CdcSubscription *sub, int64 after, int64 upto, CdcRange *range)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[2];
	uint64		row;

	memset(range, 0, sizeof(*range));
	values[0] = Int64GetDatum(after);
	values[1] = Int64GetDatum(upto);
	cdc_spi_connect();
	query(psprintf("SELECT h.source_table, pg_catalog.count(*), pg_catalog.min(h.seq), pg_catalog.max(h.seq),"
				   " pg_catalog.count(CASE WHEN h.op OPERATOR(pg_catalog.=) 'd' THEN 1 END),"
				   " pg_catalog.count(h.raw),"
				   " pg_catalog.count(CASE WHEN h.op OPERATOR(pg_catalog.=) 'r' THEN 1 END),"
				   " pg_catalog.min(CASE WHEN " IS_ROW " THEN NULL ELSE h.seq END),"
				   " pg_catalog.max(CASE WHEN " IS_ROW " THEN NULL ELSE h.seq END)"
				   " FROM %s AS h WHERE " IN_RANGE " GROUP BY 1", history_name(sub)), 2, values);
	MemoryContextSwitchTo(caller);
	for (row = 0; row < SPI_processed; row++)
		add_table(range, row);
	cdc_spi_disconnect();
	MemoryContextSwitchTo(caller);
}

TimestampTz
cdc_history_source_ts(const CdcSubscription *sub, int64 seq)
{
	Datum		value = Int64GetDatum(seq);
	TimestampTz result;

	cdc_spi_connect();
	query(psprintf("SELECT h.source_ts FROM %s AS h WHERE h.seq OPERATOR(pg_catalog.=) $1",
				   history_name(sub)), 1, &value);
	result = SPI_processed > 0 ? number(0, 1) : 0;
	cdc_spi_disconnect();
	return result;
}

void
cdc_history_append_rows(StringInfo sql, const CdcSubscription *sub)
{
	appendStringInfo(sql, "%s AS h WHERE " IN_RANGE " AND h.source_table OPERATOR(pg_catalog.=) $3"
					 " AND " IS_ROW, history_name(sub));
}

/* ---- a place in the past ---- */

int64
cdc_history_seq_at(const CdcSubscription *sub, TimestampTz at)
{
	Oid			type = TIMESTAMPTZOID;
	Datum		value = TimestampTzGetDatum(at);
	int64		seq;

	cdc_spi_connect();
	query_of(psprintf("SELECT pg_catalog.max(h.seq) FROM %s AS h WHERE h.source_ts OPERATOR(pg_catalog.<=) $1"
					  " AND h.op OPERATOR(pg_catalog.<>) 'r' AND h.op OPERATOR(pg_catalog.<>) 'm'",
					  history_name(sub)), 1, &type, &value);
	seq = SPI_processed > 0 ? number(0, 1) : 0;
	cdc_spi_disconnect();
	return seq > 0 ? cdc_history_last_boundary(sub, 0, seq) : 0;
}

CdcDatedEvent
cdc_history_first_later(const CdcSubscription *sub, int64 from, int64 upto, TimestampTz at)
{
	Oid			types[3] = {INT8OID, INT8OID, TIMESTAMPTZOID};
	Datum		values[3];
	CdcDatedEvent result = {0, 0, 0};

	values[0] = Int64GetDatum(from - 1);
	values[1] = Int64GetDatum(upto);
	values[2] = TimestampTzGetDatum(at);
	cdc_spi_connect();
	query_of(psprintf("SELECT h.seq, h.source_ts, h.ingested_at FROM %s AS h WHERE " IN_RANGE
					  " AND h.source_ts OPERATOR(pg_catalog.>) $3"
					  " AND h.op OPERATOR(pg_catalog.<>) 'r' AND h.op OPERATOR(pg_catalog.<>) 'm'"
					  " ORDER BY h.seq LIMIT 1", history_name(sub)), lengthof(types), types, values);
	if (SPI_processed > 0)
	{
		result.seq = number(0, 1);
		result.source_ts = number(0, 2);
		result.ingested_at = number(0, 3);
	}
	cdc_spi_disconnect();
	return result;
}

/* The offset in a position of a binlog; *file: how many bytes name the file, 0: it is none. */
static int64
binlog_offset(const char *position, size_t *file)
{
	const char *colon = strrchr(position, ':');

	*file = colon != NULL ? colon - position : 0;
	return colon != NULL ? strtoll(colon + 1, NULL, 10) : 0;
}

bool
cdc_history_is_ddl_at(const CdcSubscription *sub, int64 seq, const char *position)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum		value = Int64GetDatum(seq);
	char	   *end = NULL;
	size_t		file;
	size_t		end_file;
	int64		offset = binlog_offset(position, &file);

	cdc_spi_connect();
	query(psprintf("SELECT h.position FROM %s AS h WHERE h.seq OPERATOR(pg_catalog.=) $1"
				   " AND (h.op OPERATOR(pg_catalog.=) 's' OR h.op OPERATOR(pg_catalog.=) 't')",
				   history_name(sub)), 1, &value);
	if (SPI_processed > 0)
		end = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (end != NULL)
		end = MemoryContextStrdup(caller, end);
	cdc_spi_disconnect();

	/* an event has the place where it ends; what begins before that, and stands behind all other events, is its own */
	return end != NULL && file > 0 && offset < binlog_offset(end, &end_file) && file == end_file &&
		strncmp(position, end, file) == 0;
}

/*
 * The seq of an event of a source table from "from" up to upto for which the condition holds, which
 * may name a word as $4: which, "max" or "min"; 0: there is none.
 */
static int64
seq_of_table(const CdcSubscription *sub, const char *which, const char *source_table, int64 from, int64 upto,
			 const char *condition, const char *word)
{
	Oid			types[4] = {INT8OID, INT8OID, TEXTOID, TEXTOID};
	Datum		values[4];
	int64		seq;

	values[0] = Int64GetDatum(from - 1);
	values[1] = Int64GetDatum(upto);
	values[2] = CStringGetTextDatum(source_table);
	values[3] = CStringGetTextDatum(word);
	cdc_spi_connect();
	query_of(psprintf("SELECT pg_catalog.%s(h.seq) FROM %s AS h WHERE " IN_RANGE
					  " AND h.source_table OPERATOR(pg_catalog.=) $3 AND %s", which, history_name(sub), condition),
			 lengthof(types), types, values);
	seq = SPI_processed > 0 ? number(0, 1) : 0;
	cdc_spi_disconnect();
	return seq;
}

/* That an event of op 'm' has the type $4. */
#define IS_MARKER \
	"h.op OPERATOR(pg_catalog.=) 'm' AND (h.event OPERATOR(pg_catalog.->>) 'type') OPERATOR(pg_catalog.=) $4"

int64
cdc_history_copy_before(const CdcSubscription *sub, const char *source_table, int64 upto)
{
	return seq_of_table(sub, "max", source_table, 1, upto, IS_MARKER, "bootstrap-start");
}

bool
cdc_history_has_op(const CdcSubscription *sub, const char *source_table, const char *ops, int64 from, int64 upto)
{
	return seq_of_table(sub, "min", source_table, from, upto,
						"pg_catalog.strpos($4, h.op::pg_catalog.text) OPERATOR(pg_catalog.>) 0", ops) > 0;
}

bool
cdc_history_lacks_copied(const CdcSubscription *sub, const char *source_table, int64 from, int64 upto)
{
	return seq_of_table(sub, "min", source_table, from, upto, IS_MARKER, CDC_COPIED_ROWS) > 0;
}
