/*-------------------------------------------------------------------------
 *
 * protocol.c
 *	  On a segment: reads and writes the messages of an external table whose location is
 *	  kafka://.
 *
 * Reading, a segment delivers what the master gave it, whole or with an error.  FORMAT
 * 'TEXT' gets a line for each value, which must not be changed on the way: so it has to
 * be without delimiter and escape.  FORMAT 'CUSTOM' gets frames, for cdc.kafka_in.
 *
 * Written rows wait in the outbox, which sends them before the segment says that it is
 * prepared to commit.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#if CDC_HAVE_EXTERNAL_PROTOCOLS

#include "access/extprotocol.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/compat_fdw.h"
#include "pg/greenplum/frame.h"
#include "pg/greenplum/topic_url.h"
#include "pg/remote/kafka_outbox.h"
#include "pg/topic/table.h"

/* What stands for NULL in a line, and for the end of all data. */
#define NULL_LINE		"\\N"
#define END_LINE		"\\."

/* ------------------------------------------------------------------------
 * The format of a table
 * ------------------------------------------------------------------------
 */

static void
refuse_format(const char *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("external table \"%s\" has a format that would change the messages", table),
			 errhint("Use FORMAT 'TEXT' (DELIMITER 'OFF' ESCAPE 'OFF') ENCODING 'UTF8', or FORMAT 'CUSTOM' (formatter = cdc.kafka_in).")));
}

static void
refuse_written_format(const char *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("writable external table \"%s\" has a format that its protocol does not take", table),
			 errhint("Use FORMAT 'TEXT' (DELIMITER 'OFF' ESCAPE 'OFF') ENCODING 'UTF8', or a foreign table of cdc_kafka for messages with keys.")));
}

/*
 * Whether messages are framed for the formatter; ERROR where the format would change the
 * values.
 */
static bool
is_framed(Relation rel)
{
	ExtTableEntry *ext = GetExtTableEntry(RelationGetRelid(rel));

	if (fmttype_is_custom(ext->fmtcode))
		return true;
	if (!fmttype_is_text(ext->fmtcode) || !cdc_external_option_is_off(ext, "delimiter") ||
		!cdc_external_option_is_off(ext, "escape"))
		refuse_format(RelationGetRelationName(rel));
	if (ext->encoding != PG_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("external table \"%s\" has the encoding %s, and messages are UTF-8",
						RelationGetRelationName(rel), pg_encoding_to_char(ext->encoding)),
				 errhint("Add ENCODING 'UTF8' to its definition.")));
	return false;
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------
 */

/* A segment's part of a scan. */
typedef struct Reading
{
	CdcTopicUrl *url;
	bool		framed;
	CdcKafkaSource *source;		/* NULL: there is nothing to read */
	CdcKafkaRanges *ranges;
	StringInfoData bytes;		/* of the message at hand, as they are delivered */
	int			delivered;		/* of these */
} Reading;

/* Whether the relation has a column for the headers of messages. */
static bool
wants_headers(Relation rel, const CdcTopicUrl *url)
{
	CdcKafkaTable *table = cdc_kafka_table_make(rel, cdc_topic_url_server(url), url->options);
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (table->columns[i].field == CDC_KAFKA_HEADERS)
			return true;
	return false;
}

/* In the memory context of the scan. */
static Reading *
begin_reading(Relation rel, const char *url)
{
	Reading    *reading = palloc0(sizeof(Reading));
	int			i;

	reading->url = cdc_topic_url_read(url);
	reading->framed = is_framed(rel);
	if (!reading->url->has_ranges)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the master has not said which messages of topic \"%s\" are to be read",
						reading->url->topic),
				 errdetail("The session's process on the master has not loaded cdc_ingest."),
				 errhint("Type ALTER DATABASE %s SET session_preload_libraries = 'cdc_ingest' and connect anew, or LOAD 'cdc_ingest' in this session.",
						 quote_identifier(get_database_name(MyDatabaseId)))));
	initStringInfo(&reading->bytes);
	if (reading->url->nranges == 0)
		return reading;
	reading->source = cdc_topic_url_open(reading->url);
	reading->ranges = cdc_kafka_ranges_open(reading->source, reading->url->topic,
											reading->framed && wants_headers(rel, reading->url));
	for (i = 0; i < reading->url->nranges; i++)
		cdc_kafka_ranges_add(reading->ranges, &reading->url->ranges[i], 1);
	return reading;
}

static void
end_reading(Reading *reading)
{
	if (reading->source == NULL)
		return;
	cdc_kafka_ranges_close(reading->ranges);
	cdc_kafka_source_close(reading->source);
	reading->source = NULL;
}

/* ERROR for a value that a line cannot hold. */
static void
refuse_line(const Reading *reading, const CdcKafkaMessage *msg, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("FORMAT 'TEXT' cannot hold message %s/%d@" INT64_FORMAT, reading->url->topic,
					msg->partition, (int64) msg->offset),
			 errdetail("%s", problem),
			 errhint("Use FORMAT 'CUSTOM' (formatter = cdc.kafka_in) with a column value.")));
}

/* Whether the value is a JSON document in which line breaks are no more than space. */
static bool
is_document(const char *value, size_t len)
{
	size_t		i = 0;

	while (i < len && (value[i] == ' ' || value[i] == '\t' || value[i] == '\n' || value[i] == '\r'))
		i++;
	return i < len && (value[i] == '{' || value[i] == '[');
}

/* Puts a message's value in as a line. */
static void
put_line(Reading *reading, const CdcKafkaMessage *msg)
{
	StringInfo	bytes = &reading->bytes;
	size_t		i;

	if (msg->value == NULL)
	{
		appendStringInfoString(bytes, NULL_LINE "\n");
		return;
	}
	if (msg->value_len == 2 && (memcmp(msg->value, NULL_LINE, 2) == 0 || memcmp(msg->value, END_LINE, 2) == 0))
		refuse_line(reading, msg, "Its value is what stands for NULL or for the end of the data.");
	appendBinaryStringInfo(bytes, msg->value, (int) msg->value_len);
	if (memchr(msg->value, '\n', msg->value_len) != NULL ||
		memchr(msg->value, '\r', msg->value_len) != NULL)
	{
		if (!is_document(msg->value, msg->value_len))
			refuse_line(reading, msg, "Its value has a line break, and is no JSON document.");
		for (i = bytes->len - msg->value_len; i < (size_t) bytes->len; i++)
			if (bytes->data[i] == '\n' || bytes->data[i] == '\r')
				bytes->data[i] = ' ';
	}
	appendStringInfoChar(bytes, '\n');
}

/* Takes the next message to hand; false when all were delivered. */
static bool
next_message(Reading *reading)
{
	CdcKafkaMessage msg;

	resetStringInfo(&reading->bytes);
	reading->delivered = 0;
	if (reading->source == NULL || !cdc_kafka_ranges_next(reading->ranges, &msg))
		return false;
	if (reading->framed)
		cdc_frame_append(&reading->bytes, &msg);
	else
		put_line(reading, &msg);
	return true;
}

/* Fills at most size bytes of buf; returns how many, 0 at the end. */
static int
deliver(Reading *reading, char *buf, int size)
{
	int			n = 0;

	while (n < size)
	{
		int			left = reading->bytes.len - reading->delivered;
		int			part = Min(left, size - n);

		CHECK_FOR_INTERRUPTS();
		if (left == 0)
		{
			if (!next_message(reading))
				break;
			continue;
		}
		memcpy(buf + n, reading->bytes.data + reading->delivered, part);
		reading->delivered += part;
		n += part;
	}
	return n;
}

PG_FUNCTION_INFO_V1(cdc_kafka_protocol_read);

/*
 * cdc.kafka_protocol_read(): called by the server for the next bytes of an external
 * table, and once at the end, but not after an error: then the resource owner frees.
 */
Datum
cdc_kafka_protocol_read(PG_FUNCTION_ARGS)
{
	Reading    *reading;

	if (!CALLED_AS_EXTPROTOCOL(fcinfo))
		elog(ERROR, "cdc.kafka_protocol_read was not called for an external table");
	reading = EXTPROTOCOL_GET_USER_CTX(fcinfo);
	if (EXTPROTOCOL_IS_LAST_CALL(fcinfo))
	{
		if (reading != NULL)
			end_reading(reading);
		PG_RETURN_INT32(0);
	}
	if (reading == NULL)
	{
		reading = begin_reading(EXTPROTOCOL_GET_RELATION(fcinfo), EXTPROTOCOL_GET_URL(fcinfo));
		EXTPROTOCOL_SET_USER_CTX(fcinfo, reading);
	}
	PG_RETURN_INT32(deliver(reading, EXTPROTOCOL_GET_DATABUF(fcinfo),
							EXTPROTOCOL_GET_DATALEN(fcinfo)));
}

/* ------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------
 */

/* A segment's part of an INSERT. */
typedef struct Writing
{
	CdcTopicUrl *url;
	CdcOutlet  *outlet;
} Writing;

static Writing *
begin_writing(Relation rel, const char *url)
{
	Writing    *writing = palloc0(sizeof(Writing));

	writing->url = cdc_topic_url_read(url);
	if (is_framed(rel))
		refuse_written_format(RelationGetRelationName(rel));
	writing->outlet = cdc_outbox_outlet(cdc_topic_url_server(writing->url), GetUserId(),
										writing->url->options);
	return writing;
}

/* A row of the table, a line, as a message. */
static void
write_line(Writing *writing, const char *line, int len)
{
	CdcOutMessage msg;

	if (len > 0 && line[len - 1] == '\n')
		len--;
	memset(&msg, 0, sizeof(msg));
	msg.topic = writing->url->topic;
	msg.partition = -1;
	msg.ts_ms = -1;
	if (len != 2 || memcmp(line, NULL_LINE, 2) != 0)
	{
		msg.value = line;
		msg.value_len = len;
	}
	cdc_outbox_append(writing->outlet, &msg);
}

PG_FUNCTION_INFO_V1(cdc_kafka_protocol_write);

/* cdc.kafka_protocol_write(): called by the server with each row, and once at the end. */
Datum
cdc_kafka_protocol_write(PG_FUNCTION_ARGS)
{
	Writing    *writing;
	int			len;

	if (!CALLED_AS_EXTPROTOCOL(fcinfo))
		elog(ERROR, "cdc.kafka_protocol_write was not called for an external table");
	if (EXTPROTOCOL_IS_LAST_CALL(fcinfo))
		PG_RETURN_INT32(0);
	writing = EXTPROTOCOL_GET_USER_CTX(fcinfo);
	if (writing == NULL)
	{
		writing = begin_writing(EXTPROTOCOL_GET_RELATION(fcinfo), EXTPROTOCOL_GET_URL(fcinfo));
		EXTPROTOCOL_SET_USER_CTX(fcinfo, writing);
	}
	len = EXTPROTOCOL_GET_DATALEN(fcinfo);
	write_line(writing, EXTPROTOCOL_GET_DATABUF(fcinfo), len);
	PG_RETURN_INT32(len);
}

/* ------------------------------------------------------------------------
 * CREATE EXTERNAL TABLE
 * ------------------------------------------------------------------------
 */

/*
 * ERROR for a format that segments would refuse.  The server tells a protocol nothing of it, so
 * that one in a function is refused by the segments only.
 */
static void
check_format(bool writes)
{
	const CreateExternalStmt *stmt = cdc_external_statement();
	bool		delimited = true;
	bool		escaped = true;
	ListCell   *lc;

	if (stmt == NULL)
		return;
	if (pg_strcasecmp(stmt->format, "custom") == 0)
	{
		if (writes)
			refuse_written_format(stmt->relation->relname);
		return;
	}
	foreach(lc, stmt->formatOpts)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "delimiter") == 0)
			delimited = pg_strcasecmp(defGetString(option), "off") != 0;
		else if (strcmp(option->defname, "escape") == 0)
			escaped = pg_strcasecmp(defGetString(option), "off") != 0;
	}
	if (pg_strcasecmp(stmt->format, "text") != 0 || delimited || escaped)
		refuse_format(stmt->relation->relname);
}

PG_FUNCTION_INFO_V1(cdc_kafka_protocol_validate);

/* cdc.kafka_protocol_validate(): ERROR unless a table may have the locations. */
Datum
cdc_kafka_protocol_validate(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EXTPROTOCOL_VALIDATOR(fcinfo))
		elog(ERROR, "cdc.kafka_protocol_validate was not called for an external table");
	if (EXTPROTOCOL_VALIDATOR_GET_NUM_URLS(fcinfo) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("an external table over a Kafka topic has one location"),
				 errhint("Several brokers of a cluster stand in one URL, separated by commas.")));
	cdc_topic_url_check(cdc_topic_url_read(EXTPROTOCOL_VALIDATOR_GET_NTH_URL(fcinfo, 1)),
						EXTPROTOCOL_VALIDATOR_GET_DIRECTION(fcinfo) == EXT_VALIDATE_WRITE);
	check_format(EXTPROTOCOL_VALIDATOR_GET_DIRECTION(fcinfo) == EXT_VALIDATE_WRITE);
	PG_RETURN_VOID();
}

#endif							/* CDC_HAVE_EXTERNAL_PROTOCOLS */
