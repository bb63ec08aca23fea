/*-------------------------------------------------------------------------
 *
 * position.c
 *	  Positions of pull and progress of apply.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/position.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/binlog_position.h"
#include "pg/base/error.h"
#include "pg/catalog/row.h"

/* ERROR: the subscription was dropped after it was read. */
static void
report_row_missing(const CdcRowTable *table, const CdcSubscription *sub)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("subscription \"%s\" does not exist any more", sub->name),
			 errdetail("cdc.%s has no row for it.", table->name)));
}

/* The columns of a row, in its table's order. */
typedef struct Columns
{
	Datum		values[CDC_ROW_COLUMNS];
	bool		nulls[CDC_ROW_COLUMNS];
} Columns;

static void
read_columns(CdcRowTable *table, const CdcSubscription *sub, Columns *columns)
{
	const char *key = sub->name;

	if (!cdc_row_read(table, &key, columns->values, columns->nulls))
		report_row_missing(table, sub);
}

static void
write_columns(CdcRowTable *table, const CdcSubscription *sub, const Columns *columns)
{
	const char *key = sub->name;

	if (!cdc_row_write(table, &key, columns->values, columns->nulls))
		report_row_missing(table, sub);
}

/* A column's text, palloc'ed, or NULL; its number, 0 for NULL. */
static char *
get_text(const Columns *columns, int i)
{
	return columns->nulls[i] ? NULL : TextDatumGetCString(columns->values[i]);
}

static int64
get_number(const Columns *columns, int i)
{
	return columns->nulls[i] ? 0 : DatumGetInt64(columns->values[i]);
}

static void
set_text(Columns *columns, int i, const char *text)
{
	columns->nulls[i] = text == NULL;
	columns->values[i] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

static void
set_number(Columns *columns, int i, int64 number)
{
	columns->nulls[i] = false;
	columns->values[i] = Int64GetDatum(number);
}

/* 0, an unknown time, is NULL. */
static void
set_time(Columns *columns, int i, TimestampTz ts)
{
	columns->nulls[i] = ts == 0;
	columns->values[i] = TimestampTzGetDatum(ts);
}

/* ---- where pull stands ---- */

enum
{
	POS_FILE, POS_FILE_OFFSET, POS_GTID_SET, POS_SOURCE_UUID, POS_LAST_SEQ, POS_SOURCE_TS,
	POS_TRANSACTIONS, POS_EVENTS, POS_BYTES, POS_SOURCE_ADDRESS,
	POS_SKIPPED_EVENTS, POS_VERSION, POS_LAST_EVENT, POS_SERVER_ID_SALT, POS_CHANGES, POS_UPDATED_AT
};

static CdcRowTable positions = {
	"subscription_position", 1, {"subscription"}, POS_UPDATED_AT + 1,
	{
		[POS_FILE] = {"file", TEXTOID},
		[POS_FILE_OFFSET] = {"file_offset", INT8OID},
		[POS_GTID_SET] = {"gtid_set", TEXTOID},
		[POS_SOURCE_UUID] = {"source_uuid", TEXTOID},
		[POS_LAST_SEQ] = {"last_seq", INT8OID},
		[POS_SOURCE_TS] = {"source_ts", TIMESTAMPTZOID},
		[POS_TRANSACTIONS] = {"transactions", INT8OID},
		[POS_EVENTS] = {"events", INT8OID},
		[POS_BYTES] = {"bytes", INT8OID},
		[POS_SOURCE_ADDRESS] = {"source_address", TEXTOID},
		[POS_SKIPPED_EVENTS] = {"skipped_events", INT8OID},
		[POS_VERSION] = {"version", INT8OID},
		[POS_LAST_EVENT] = {"last_event", TEXTOID},
		[POS_SERVER_ID_SALT] = {"server_id_salt", INT8OID},
		[POS_CHANGES] = {"changes", INT8OID},
		[POS_UPDATED_AT] = {"updated_at", TIMESTAMPTZOID}
	}
};

void
cdc_position_get(const CdcSubscription *sub, CdcPosition *pos)
{
	Columns		columns;

	read_columns(&positions, sub, &columns);
	pos->file = get_text(&columns, POS_FILE);
	pos->file_offset = get_number(&columns, POS_FILE_OFFSET);
	pos->gtid_set = get_text(&columns, POS_GTID_SET);
	pos->source_uuid = get_text(&columns, POS_SOURCE_UUID);
	pos->last_seq = get_number(&columns, POS_LAST_SEQ);
	pos->source_ts = get_number(&columns, POS_SOURCE_TS);
	pos->transactions = get_number(&columns, POS_TRANSACTIONS);
	pos->events = get_number(&columns, POS_EVENTS);
	pos->bytes = get_number(&columns, POS_BYTES);
	pos->source_address = get_text(&columns, POS_SOURCE_ADDRESS);
	pos->skipped_events = get_number(&columns, POS_SKIPPED_EVENTS);
	pos->version = get_number(&columns, POS_VERSION);
	pos->last_event = get_text(&columns, POS_LAST_EVENT);
	pos->server_id_salt = get_number(&columns, POS_SERVER_ID_SALT);
	pos->changes = get_number(&columns, POS_CHANGES);
}

void
cdc_position_set(const CdcSubscription *sub, const CdcPosition *pos)
{
	Columns		columns;

	set_text(&columns, POS_FILE, pos->file);
	set_number(&columns, POS_FILE_OFFSET, pos->file_offset);
	columns.nulls[POS_FILE_OFFSET] = pos->file == NULL;
	set_text(&columns, POS_GTID_SET, pos->gtid_set);
	set_text(&columns, POS_SOURCE_UUID, pos->source_uuid);
	set_number(&columns, POS_LAST_SEQ, pos->last_seq);
	set_time(&columns, POS_SOURCE_TS, pos->source_ts);
	set_number(&columns, POS_TRANSACTIONS, pos->transactions);
	set_number(&columns, POS_EVENTS, pos->events);
	set_number(&columns, POS_BYTES, pos->bytes);
	set_text(&columns, POS_SOURCE_ADDRESS, pos->source_address);
	set_number(&columns, POS_SKIPPED_EVENTS, pos->skipped_events);
	set_number(&columns, POS_VERSION, pos->version);
	set_text(&columns, POS_LAST_EVENT, pos->last_event);
	set_number(&columns, POS_SERVER_ID_SALT, pos->server_id_salt);
	set_number(&columns, POS_CHANGES, pos->changes);
	set_time(&columns, POS_UPDATED_AT, GetCurrentTransactionStartTimestamp());
	write_columns(&positions, sub, &columns);
}

/* ---- how far apply is ---- */

enum
{
	PROGRESS_APPLIED_SEQ, PROGRESS_POSITION, PROGRESS_GTID, PROGRESS_SOURCE_TS,
	PROGRESS_UPDATED_AT
};

static CdcRowTable progresses = {
	"subscription_progress", 1, {"subscription"}, PROGRESS_UPDATED_AT + 1,
	{
		[PROGRESS_APPLIED_SEQ] = {"applied_seq", INT8OID},
		[PROGRESS_POSITION] = {"position", TEXTOID},
		[PROGRESS_GTID] = {"gtid", TEXTOID},
		[PROGRESS_SOURCE_TS] = {"source_ts", TIMESTAMPTZOID},
		[PROGRESS_UPDATED_AT] = {"updated_at", TIMESTAMPTZOID}
	}
};

bool
cdc_position_has_partitions(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_partition WHERE subscription OPERATOR(pg_catalog.=) $1 LIMIT 2",
		1, {TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name) > 1;
}

void
cdc_position_new_server_id(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_position"
		" SET server_id_salt = pg_catalog.floor(pg_catalog.random()"
		" OPERATOR(pg_catalog.*) 2147483647::pg_catalog.float8)::pg_catalog.int8"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name);
}

void
cdc_progress_get(const CdcSubscription *sub, CdcProgress *progress)
{
	Columns		columns;

	read_columns(&progresses, sub, &columns);
	progress->applied_seq = get_number(&columns, PROGRESS_APPLIED_SEQ);
	progress->position = get_text(&columns, PROGRESS_POSITION);
	progress->gtid = get_text(&columns, PROGRESS_GTID);
	progress->source_ts = get_number(&columns, PROGRESS_SOURCE_TS);
}

void
cdc_progress_set(const CdcSubscription *sub, const CdcProgress *progress)
{
	Columns		columns;

	set_number(&columns, PROGRESS_APPLIED_SEQ, progress->applied_seq);
	set_text(&columns, PROGRESS_POSITION, progress->position);
	set_text(&columns, PROGRESS_GTID, progress->gtid);
	set_time(&columns, PROGRESS_SOURCE_TS, progress->source_ts);
	set_time(&columns, PROGRESS_UPDATED_AT, GetCurrentTransactionStartTimestamp());
	write_columns(&progresses, sub, &columns);
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
