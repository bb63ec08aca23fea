/*-------------------------------------------------------------------------
 *
 * gap.c
 *	  Numbers that no event of a history has.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/gap.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/catalog/spi.h"

/* Runs a statement about numbers from first to last; its first field, or 0. */
static int64
ask(CdcStatement *stmt, const CdcSubscription *sub, int64 first, int64 last)
{
	CdcSpi		spi;
	Datum		values[3];
	int64		result = 0;

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(first);
	values[2] = Int64GetDatum(last);
	if (cdc_spi_execute(stmt, values, NULL) > 0 && SPI_tuptable != NULL)
		result = cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
	return result;
}

void
cdc_history_gap_note(const CdcSubscription *sub, int64 first, int64 last)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.history_gap (subscription, first_seq, last_seq) VALUES ($1, $2, $3)",
		3, {TEXTOID, INT8OID, INT8OID}
	};

	Assert(first <= last);
	(void) ask(&stmt, sub, first, last);
}

bool
cdc_history_is_gap(const CdcSubscription *sub, int64 first, int64 last)
{
	static CdcStatement stmt = {
		"SELECT 1::pg_catalog.int8 FROM cdc_catalog.history_gap g"
		" WHERE g.subscription OPERATOR(pg_catalog.=) $1 AND g.first_seq OPERATOR(pg_catalog.=) $2"
		" AND g.last_seq OPERATOR(pg_catalog.=) $3",
		3, {TEXTOID, INT8OID, INT8OID}
	};

	return ask(&stmt, sub, first, last) != 0;
}

int64
cdc_history_gap_numbers(const CdcSubscription *sub, int64 first, int64 last)
{
	static CdcStatement stmt = {
		"SELECT pg_catalog.sum(least(g.last_seq, $3) OPERATOR(pg_catalog.-)"
		" greatest(g.first_seq, $2) OPERATOR(pg_catalog.+) 1)::pg_catalog.int8"
		" FROM cdc_catalog.history_gap g WHERE g.subscription OPERATOR(pg_catalog.=) $1"
		" AND g.first_seq OPERATOR(pg_catalog.<=) $3 AND g.last_seq OPERATOR(pg_catalog.>=) $2",
		3, {TEXTOID, INT8OID, INT8OID}
	};

	return ask(&stmt, sub, first, last);
}
