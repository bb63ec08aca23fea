/*-------------------------------------------------------------------------
 *
 * hole.c
 *	  Events that are missing in the middle of a history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/hole.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/history/gap.h"
#include "pg/history/table.h"

void
cdc_history_hole(const CdcSubscription *sub, const char *what, int64 first, int64 last)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s of subscription \"%s\" cannot go on: its history lacks the events " INT64_FORMAT " to " INT64_FORMAT,
					what, sub->name, first, last),
			 errdetail("Events are numbered without a gap; these were taken out of the history."),
			 errhint("Put them back from a backup of the history; or SELECT cdc.drop_subscription(%s); and create it anew, with target_rows := 'replace'.",
					 quote_literal_cstr(sub->name))));
}

/*
 * Runs a query about events from "from" up to "to"; its result has n columns of type
 * bigint, 0 for NULL, in one row or none.  Returns the number of rows.
 */
static uint64
ask(const CdcSubscription *sub, const char *sql, int64 from, int64 to, int64 *result, int n)
{
	Relation	rel = cdc_history_table_open(sub, AccessShareLock);
	char	   *name = cdc_history_table_name(rel);
	Oid			types[2] = {INT8OID, INT8OID};
	Datum		values[2];
	uint64		rows;
	int			i;
	int			rc;

	table_close(rel, NoLock);
	values[0] = Int64GetDatum(from);
	values[1] = Int64GetDatum(to);
	cdc_spi_connect();
	rc = SPI_execute_with_args(psprintf(sql, name), 2, types, values, NULL, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
	rows = SPI_processed;
	for (i = 0; i < n && rows > 0; i++)
	{
		bool		isnull;
		Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);

		result[i] = isnull ? 0 : DatumGetInt64(d);
	}
	cdc_spi_disconnect();
	return rows;
}

bool
cdc_history_has_event(const CdcSubscription *sub, int64 seq)
{
	int64		found;

	return ask(sub, "SELECT h.seq FROM %s h WHERE h.seq OPERATOR(pg_catalog.>=) $1"
			   " AND h.seq OPERATOR(pg_catalog.<=) $2 LIMIT 1", seq, seq, &found, 1) > 0;
}

void
cdc_history_check_event(const CdcSubscription *sub, const char *what, int64 seq)
{
	if (!cdc_history_has_event(sub, seq) && cdc_history_gap_numbers(sub, seq, seq) == 0)
		cdc_history_hole(sub, what, seq, seq);
}

bool
cdc_history_find_hole(const CdcSubscription *sub, int64 from, int64 to, int64 *hole)
{
	int64		range[3];		/* first, last, number of events */

	(void) ask(sub, "SELECT pg_catalog.min(h.seq), pg_catalog.max(h.seq), pg_catalog.count(*)"
			   " FROM %s h WHERE h.seq OPERATOR(pg_catalog.>=) $1"
			   " AND h.seq OPERATOR(pg_catalog.<=) $2", from, to, range, lengthof(range));
	if (range[2] == 0 || range[1] - range[0] + 1 == range[2] ||
		range[1] - range[0] + 1 == range[2] + cdc_history_gap_numbers(sub, range[0], range[1]))
		return false;
	while (ask(sub, "SELECT w.before OPERATOR(pg_catalog.+) 1, w.seq OPERATOR(pg_catalog.-) 1 FROM"
			   " (SELECT h.seq, pg_catalog.lag(h.seq) OVER (ORDER BY h.seq) AS before FROM %s h"
			   "   WHERE h.seq OPERATOR(pg_catalog.>=) $1 AND h.seq OPERATOR(pg_catalog.<=) $2) w"
			   " WHERE w.before OPERATOR(pg_catalog.<) (w.seq OPERATOR(pg_catalog.-) 1)"
			   " ORDER BY w.seq LIMIT 1", range[0], range[1], hole, 2) > 0)
	{
		if (!cdc_history_is_gap(sub, hole[0], hole[1]))
			return true;
		range[0] = hole[1] + 1;
	}
	/* more events than numbers: some were put in twice */
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("history of subscription \"%s\" has several events of one number", sub->name),
			 errhint("Each event has a seq of its own: remove what was not written by pull.")));
	return false;
}

void
cdc_history_check_whole(const CdcSubscription *sub, const char *what, int64 from, int64 to)
{
	int64		hole[2];

	if (cdc_history_find_hole(sub, from, to, hole))
		cdc_history_hole(sub, what, hole[0], hole[1]);
}

/* The seq of the first event from "from" up to "to"; 0: there is none. */
static int64
first_in(const CdcSubscription *sub, int64 from, int64 to)
{
	int64		first = 0;

	(void) ask(sub, "SELECT pg_catalog.min(h.seq) FROM %s h WHERE h.seq OPERATOR(pg_catalog.>=) $1"
			   " AND h.seq OPERATOR(pg_catalog.<=) $2", from, to, &first, 1);
	return first;
}

int64
cdc_history_first_seq(const CdcSubscription *sub)
{
	int64		first = first_in(sub, 0, PG_INT64_MAX);

	return first > 1 && cdc_history_is_gap(sub, 1, first - 1) ? 1 : first;
}

bool
cdc_history_has_rows(const CdcSubscription *sub)
{
	int64		found;

	return ask(sub, "SELECT h.seq FROM %s h WHERE h.seq OPERATOR(pg_catalog.>=) $1"
			   " AND h.seq OPERATOR(pg_catalog.<=) $2 AND h.op OPERATOR(pg_catalog.<>) 'm' LIMIT 1",
			   0, PG_INT64_MAX, &found, 1) > 0;
}

/* ---- events that were purged ---- */

int64
cdc_history_purged_seq(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT p.purged_seq FROM cdc_catalog.history_purge p WHERE p.subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);
	int64		result = 0;

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) > 0)
		result = cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
	return result;
}

void
cdc_history_note_purged(const CdcSubscription *sub, int64 seq)
{
	static CdcStatement update = {
		"UPDATE cdc_catalog.history_purge SET purged_seq = $2, purged_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, INT8OID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.history_purge (subscription, purged_seq) VALUES ($1, $2)",
		2, {TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[2];

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(seq);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&update, values, NULL) == 0)
		(void) cdc_spi_execute(&insert, values, NULL);
	cdc_spi_end(&spi);
}

void
cdc_history_check_purged(const CdcSubscription *sub, const char *what, int64 from, const char *hint)
{
	int64		purged = cdc_history_purged_seq(sub);

	if (from > purged)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s of subscription \"%s\" cannot begin at seq " INT64_FORMAT, what, sub->name, from),
			 errdetail("The history's events up to seq " INT64_FORMAT " were purged.", purged),
			 errhint("%s", hint)));
}
