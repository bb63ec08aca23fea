/*-------------------------------------------------------------------------
 *
 * position.c
 *	  Positions of pull and progress of apply.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/position.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/binlog_position.h"
#include "pg/base/error.h"
#include "pg/catalog/spi.h"

/* An argument of type timestamptz; 0, an unknown time, is NULL. */
static Datum
time_or_null(TimestampTz ts, char *null)
{
	*null = ts == 0 ? 'n' : ' ';
	return TimestampTzGetDatum(ts);
}

/* ERROR: the subscription was dropped after it was read. */
static void
report_row_missing(const char *table, const CdcSubscription *sub)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("subscription \"%s\" does not exist any more", sub->name),
			 errdetail("%s has no row for it.", table)));
}

void
cdc_position_get(const CdcSubscription *sub, CdcPosition *pos)
{
	static CdcStatement stmt = {
		"SELECT p.file, p.file_offset, p.gtid_set, p.source_uuid, p.last_seq, p.source_ts,"
		" p.transactions, p.events, p.bytes, p.source_address,"
		" p.skipped_events, p.version"
		" FROM cdc_catalog.subscription_position p WHERE p.subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) == 0)
		report_row_missing("cdc.subscription_position", sub);
	pos->file = cdc_spi_text(&spi, 0, 1);
	pos->file_offset = cdc_spi_int64(0, 2);
	pos->gtid_set = cdc_spi_text(&spi, 0, 3);
	pos->source_uuid = cdc_spi_text(&spi, 0, 4);
	pos->last_seq = cdc_spi_int64(0, 5);
	pos->source_ts = cdc_spi_int64(0, 6);
	pos->transactions = cdc_spi_int64(0, 7);
	pos->events = cdc_spi_int64(0, 8);
	pos->bytes = cdc_spi_int64(0, 9);
	pos->source_address = cdc_spi_text(&spi, 0, 10);
	pos->skipped_events = cdc_spi_int64(0, 11);
	pos->version = cdc_spi_int64(0, 12);
	cdc_spi_end(&spi);
}

void
cdc_position_set(const CdcSubscription *sub, const CdcPosition *pos)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_position SET file = $2, file_offset = $3, gtid_set = $4,"
		" source_uuid = $5, last_seq = $6, source_ts = $7, transactions = $8, events = $9,"
		" bytes = $10, source_address = $11, skipped_events = $12, version = $13, updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		13, {TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID,
		INT8OID, INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[13];
	char		nulls[13];

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_or_null(pos->file, &nulls[1]);
	values[2] = Int64GetDatum(pos->file_offset);
	nulls[2] = nulls[1];
	values[3] = cdc_text_or_null(pos->gtid_set, &nulls[3]);
	values[4] = cdc_text_or_null(pos->source_uuid, &nulls[4]);
	values[5] = Int64GetDatum(pos->last_seq);
	values[6] = time_or_null(pos->source_ts, &nulls[6]);
	values[7] = Int64GetDatum(pos->transactions);
	values[8] = Int64GetDatum(pos->events);
	values[9] = Int64GetDatum(pos->bytes);
	values[10] = cdc_text_or_null(pos->source_address, &nulls[10]);
	values[11] = Int64GetDatum(pos->skipped_events);
	values[12] = Int64GetDatum(pos->version);
	if (cdc_spi_execute(&stmt, values, nulls) == 0)
		report_row_missing("cdc.subscription_position", sub);
	cdc_spi_end(&spi);
}

void
cdc_progress_get(const CdcSubscription *sub, CdcProgress *progress)
{
	static CdcStatement stmt = {
		"SELECT p.applied_seq, p.position, p.gtid, p.source_ts FROM cdc_catalog.subscription_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) == 0)
		report_row_missing("cdc.subscription_progress", sub);
	progress->applied_seq = cdc_spi_int64(0, 1);
	progress->position = cdc_spi_text(&spi, 0, 2);
	progress->gtid = cdc_spi_text(&spi, 0, 3);
	progress->source_ts = cdc_spi_int64(0, 4);
	cdc_spi_end(&spi);
}

void
cdc_progress_set(const CdcSubscription *sub, const CdcProgress *progress)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_progress SET applied_seq = $2, position = $3, gtid = $4,"
		" source_ts = $5, updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		5, {TEXTOID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	CdcSpi		spi;
	Datum		values[5];
	char		nulls[5];

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(progress->applied_seq);
	values[2] = cdc_text_or_null(progress->position, &nulls[2]);
	values[3] = cdc_text_or_null(progress->gtid, &nulls[3]);
	values[4] = time_or_null(progress->source_ts, &nulls[4]);
	if (cdc_spi_execute(&stmt, values, nulls) == 0)
		report_row_missing("cdc.subscription_progress", sub);
	cdc_spi_end(&spi);
}

/* ---- positions as text ---- */

bool
cdc_position_parse(const char *text, char **file, int64 *offset)
{
	size_t		len;
	int64_t		value;

	if (!cdc_binlog_position_parse(text, &len, &value))
		return false;
	*file = pnstrdup(text, len);
	*offset = value;
	return true;
}

CdcGtidSet *
cdc_position_parse_gtids(CdcFlavor flavor, const char *text, const char *subscription)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcError	err;
	CdcStatus	st;

	if (set == NULL)
		cdc_out_of_memory();
	st = cdc_gtid_set_parse(set, text, &err);
	if (cdc_failed(st))
	{
		cdc_gtid_set_destroy(set);
		cdc_ereport(&err, subscription);
	}
	return set;
}
