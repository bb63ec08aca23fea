/*-------------------------------------------------------------------------
 *
 * poison.c
 *	  Messages that are not what they should be: refused, or kept aside in cdc.error.
 *
 *	  What is kept aside is written many at a time, as a statement costs more than the
 *	  message, on Greenplum a hundred times as much; always before the position moves
 *	  behind it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/bounded_text.h"
#include "pg/base/compat_value.h"
#include "pg/base/utf8.h"
#include "pg/catalog/spi.h"

/* How much of a bad message is shown. */
#define SHOWN_BYTES		100

/* Of one statement: messages, and bytes of them. */
#define BATCH_MESSAGES	1000
#define BATCH_BYTES		((size_t) 1024 * 1024)

/* The columns of a batch, in the order of the statement's arguments. */
enum
{
	COL_SEQ,
	COL_POSITION,
	COL_SOURCE_TABLE,
	COL_MESSAGE,
	COL_RAW,
	NCOLUMNS
};

typedef struct CdcKafkaAside
{
	MemoryContext context;
	int			n;
	size_t		bytes;
	Datum		values[NCOLUMNS][BATCH_MESSAGES];
	bool		nulls[NCOLUMNS][BATCH_MESSAGES];
} CdcKafkaAside;

/* Why the message was refused, in the database's encoding. */
static char *
reason(const CdcKafkaEvent *event)
{
	const CdcError *err = &event->err;

	return cdc_from_utf8_copy(err->detail[0] != '\0' ?
							psprintf("%s: %s", err->message, err->detail) : err->message);
}

/* The message's first bytes; what is not plain ASCII is shown as \xNN. */
static char *
shown(const CdcKafkaMessage *msg)
{
	StringInfoData buf;
	size_t		i;

	initStringInfo(&buf);
	for (i = 0; i < msg->value_len && i < SHOWN_BYTES; i++)
	{
		unsigned char c = (unsigned char) msg->value[i];

		if (c >= 0x20 && c < 0x7f)
			appendStringInfoChar(&buf, (char) c);
		else
			appendStringInfo(&buf, "\\x%02x", c);
	}
	if (i < msg->value_len)
		appendStringInfoString(&buf, " ...");
	return buf.data;
}

void
cdc_kafka_event_refuse(const CdcSubscription *sub, const CdcKafkaMessage *msg,
					   const CdcKafkaEvent *event, int level)
{
	char	   *name = quote_literal_cstr(sub->name);
	const char *hint = event->err.hint;

	cdc_kafka_blame(sub, msg->topic, msg->partition);
	ereport(level,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("message %s is not in the format \"%s\" of subscription \"%s\"",
					event->row.position, sub->format, sub->name),
			 errdetail("%s\nIt begins with: %s", reason(event), shown(msg)),
			 errhint("%s%sTo keep such messages aside and go on: SELECT cdc.alter_subscription(%s, '{\"on_error\": \"log\"}').  To pass over this one: SELECT cdc.set_position(%s, '%s/%d@" INT64_FORMAT "').",
					 cdc_from_utf8_copy(hint), hint[0] != '\0' ? "  " : "",
					 name, name, msg->topic, msg->partition, msg->offset + 1)));
}

void
cdc_kafka_aside_keep(CdcKafkaCall *call, const CdcKafkaMessage *msg, const CdcKafkaEvent *event,
					 int64 seq)
{
	CdcKafkaAside *aside = call->aside;
	MemoryContext old;
	bytea	   *raw;
	int			i;

	if (aside == NULL)
	{
		MemoryContext context = AllocSetContextCreate(call->context, "cdc_ingest messages put aside",
													  ALLOCSET_DEFAULT_SIZES);

		call->aside = aside = MemoryContextAllocZero(context, sizeof(CdcKafkaAside));
		aside->context = context;
	}
	old = MemoryContextSwitchTo(aside->context);
	raw = palloc(msg->value_len + VARHDRSZ);
	SET_VARSIZE(raw, msg->value_len + VARHDRSZ);
	if (msg->value_len > 0)
		memcpy(VARDATA(raw), msg->value, msg->value_len);
	i = aside->n++;
	aside->values[COL_SEQ][i] = Int64GetDatum(seq);
	aside->values[COL_POSITION][i] = CStringGetTextDatum(event->row.position);
	aside->nulls[COL_SOURCE_TABLE][i] = event->row.source_table == NULL;
	if (event->row.source_table != NULL)
		aside->values[COL_SOURCE_TABLE][i] = CStringGetTextDatum(event->row.source_table);
	aside->values[COL_MESSAGE][i] = CStringGetTextDatum(cdc_bounded_text(reason(event), CDC_TEXT_BOUND));
	aside->values[COL_RAW][i] = PointerGetDatum(raw);
	aside->bytes += msg->value_len;
	MemoryContextSwitchTo(old);
	if (aside->n == BATCH_MESSAGES || aside->bytes >= BATCH_BYTES)
		cdc_kafka_aside_write(call);
}

/* A column of the batch. */
static Datum
column_array(CdcKafkaAside *aside, int column, Oid type, int typlen, bool byval, char align)
{
	int			dims[1] = {aside->n};
	int			lower[1] = {1};

	return PointerGetDatum(construct_md_array(aside->values[column], aside->nulls[column], 1, dims,
											  lower, type, typlen, byval, align));
}

void
cdc_kafka_aside_write(CdcKafkaCall *call)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.error (subscription, seq, position, source_table, sqlstate, message, raw)"
		" SELECT $1, u.seq, u.position, u.source_table, $2, u.message, u.raw"
		" FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5),"
		" pg_catalog.unnest($6), pg_catalog.unnest($7)) AS u (seq, position, source_table, message, raw)",
		7, {TEXTOID, TEXTOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BYTEAARRAYOID}
	};
	CdcKafkaAside *aside = call->aside;
	MemoryContext old;
	CdcSpi		spi;
	Datum		values[7];
	uint64		written;

	if (aside == NULL)
		return;
	old = MemoryContextSwitchTo(aside->context);
	values[0] = CStringGetTextDatum(call->sub->name);
	values[1] = CStringGetTextDatum(unpack_sql_state(ERRCODE_DATA_CORRUPTED));
	values[2] = column_array(aside, COL_SEQ, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, 'd');
	values[3] = column_array(aside, COL_POSITION, TEXTOID, -1, false, 'i');
	values[4] = column_array(aside, COL_SOURCE_TABLE, TEXTOID, -1, false, 'i');
	values[5] = column_array(aside, COL_MESSAGE, TEXTOID, -1, false, 'i');
	values[6] = column_array(aside, COL_RAW, BYTEAOID, -1, false, 'i');
	cdc_spi_begin(&spi);
	written = cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	if (written != (uint64) aside->n)
		elog(ERROR, "%s: " UINT64_FORMAT " of %d messages were put aside", call->sub->name, written,
			 aside->n);
	MemoryContextSwitchTo(old);
	call->aside = NULL;
	MemoryContextDelete(aside->context);
}
