/*-------------------------------------------------------------------------
 *
 * source_seen.c
 *	  What was last seen of a subscription's source: a row that pull writes when it
 *	  changes, and when its worker ends.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/source_seen.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/catalog/spi.h"

void
cdc_source_seen_write(const char *subscription, const CdcPullReport *report,
					  const CdcSourceFigures *figures)
{
	static CdcStatement update = {
		"UPDATE cdc_catalog.source_seen SET last_message = coalesce($2, last_message),"
		" clock_ahead = coalesce($3, clock_ahead),"
		" kept_for = CASE WHEN $3 IS NULL THEN kept_for ELSE $4 END,"
		" delay = CASE WHEN $2 IS NULL THEN delay ELSE $5 END"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		5, {TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.source_seen (subscription, last_message, clock_ahead, kept_for, delay)"
		" SELECT s.name, $2, $3, $4, $5 FROM cdc_catalog.subscription s"
		" WHERE s.name OPERATOR(pg_catalog.=) $1",
		5, {TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[5];
	char		nulls[5];

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(subscription);
	values[1] = TimestampTzGetDatum(report->last_message);
	nulls[1] = report->last_message == 0 ? 'n' : ' ';
	values[2] = Int64GetDatum(figures != NULL ? figures->clock_ahead : 0);
	nulls[2] = figures == NULL ? 'n' : ' ';
	values[3] = Int64GetDatum(figures != NULL ? figures->kept_for : 0);
	nulls[3] = figures == NULL || figures->kept_for < 0 ? 'n' : ' ';
	values[4] = Int64GetDatum(report->delay);
	nulls[4] = report->delay < 0 ? 'n' : ' ';

	/* who pulls holds the subscription's lock: no other can insert it in between */
	if (cdc_spi_execute(&update, values, nulls) == 0)
		(void) cdc_spi_execute(&insert, values, nulls);
	cdc_spi_end(&spi);
}
