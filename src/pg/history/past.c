/*-------------------------------------------------------------------------
 *
 * past.c
 *	  Questions about a place in the past of a history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/past.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/history/copied_rows.h"
#include "pg/history/scan.h"
#include "pg/history/table.h"

/* The number that a query on the history, which sql has as %s, gives; 0: none. */
static int64
ask(const CdcSubscription *sub, const char *sql, int nargs, Oid *types, Datum *values)
{
	Relation	rel = cdc_history_table_open(sub, AccessShareLock);
	char	   *name = cdc_history_table_name(rel);
	int64		result = 0;
	bool		isnull;
	int			rc;

	table_close(rel, NoLock);
	cdc_spi_connect();
	rc = SPI_execute_with_args(psprintf(sql, name), nargs, types, values, NULL, false, 1);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
	if (SPI_processed > 0)
	{
		Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		result = isnull ? 0 : DatumGetInt64(d);
	}
	cdc_spi_disconnect();
	return result;
}

int64
cdc_history_seq_at(const CdcSubscription *sub, TimestampTz at)
{
	Oid			type = TIMESTAMPTZOID;
	Datum		value = TimestampTzGetDatum(at);
	int64		seq = ask(sub, "SELECT pg_catalog.max(h.seq) FROM %s h WHERE h.source_ts OPERATOR(pg_catalog.<=) $1"
						  " AND h.op OPERATOR(pg_catalog.<>) 'r' AND h.op OPERATOR(pg_catalog.<>) 'm'",
						  1, &type, &value);

	return seq > 0 ? cdc_history_last_boundary(sub, 0, seq) : 0;
}

/* Such a query about events of a source table, $1, with seq in [$2, $3]. */
static int64
ask_table(const CdcSubscription *sub, const char *sql, const char *source_table, int64 from, int64 upto,
		  const char *word)
{
	Oid			types[4] = {TEXTOID, INT8OID, INT8OID, TEXTOID};
	Datum		values[4];

	values[0] = CStringGetTextDatum(source_table);
	values[1] = Int64GetDatum(from);
	values[2] = Int64GetDatum(upto);
	values[3] = CStringGetTextDatum(word);
	return ask(sub, sql, lengthof(types), types, values);
}

#define OF_TABLE \
	" FROM %s h WHERE h.source_table OPERATOR(pg_catalog.=) $1 AND h.seq OPERATOR(pg_catalog.>=) $2" \
	" AND h.seq OPERATOR(pg_catalog.<=) $3"

int64
cdc_history_copy_before(const CdcSubscription *sub, const char *source_table, int64 upto)
{
	return ask_table(sub, "SELECT pg_catalog.max(h.seq)" OF_TABLE " AND h.op OPERATOR(pg_catalog.=) 'm'"
					 " AND (h.event OPERATOR(pg_catalog.->>) 'type') OPERATOR(pg_catalog.=) $4",
					 source_table, 0, upto, "bootstrap-start");
}

bool
cdc_history_has_op(const CdcSubscription *sub, const char *source_table, const char *ops, int64 from, int64 upto)
{
	return ask_table(sub, "SELECT h.seq" OF_TABLE
					 " AND pg_catalog.strpos($4, h.op::pg_catalog.text) OPERATOR(pg_catalog.>) 0 LIMIT 1",
					 source_table, from, upto, ops) > 0;
}

bool
cdc_history_lacks_copied(const CdcSubscription *sub, const char *source_table, int64 from, int64 upto)
{
	return ask_table(sub, "SELECT h.seq" OF_TABLE " AND h.op OPERATOR(pg_catalog.=) 'm'"
					 " AND (h.event OPERATOR(pg_catalog.->>) 'type') OPERATOR(pg_catalog.=) $4 LIMIT 1",
					 source_table, from, upto, CDC_COPIED_ROWS) > 0;
}
