/*-------------------------------------------------------------------------
 *
 * row.c
 *	  From a Kafka message to a row of a foreign table.
 *
 *	  Keys and values that are encoded by a schema become JSON first, but for columns of
 *	  type bytea.  Bytes of messages are taken for UTF-8 where the column is text or JSON; a
 *	  message where they are not is an error that names it.  With format 'json'
 *	  the value is parsed once and the columns are looked up in the document.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/topic/row.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/base64.h"
#include "pg/base/epoch.h"
#include "pg/base/utf8.h"
#include "pg/datum/convert.h"
#include "pg/base/bounded_text.h"
#include "pg/base/error.h"
#include "pg/datum/fixed_text.h"
#include "pg/datum/json_text_in.h"
#include "pg/datum/jsonb_view.h"
#include "pg/registry/codec.h"
#include "pg/topic/nested.h"

typedef struct Column Column;

typedef Datum (*FillFunction) (CdcKafkaRow *row, Column *column, const char *bytes, size_t len);

struct Column
{
	const CdcKafkaColumn *def;
	FillFunction fill;			/* of keys and values */
	CdcCodec   *codec;			/* likewise; NULL: bytes as they are */
	FmgrInfo	input;			/* of a type with a length */
	Oid			ioparam;
	CdcJsonbWriter *writer;		/* of documents */
	CdcConverter converter;		/* of members */
	CdcNested  *nested;			/* or NULL */
	bool		domain;			/* its constraints are checked */
	void	   *domain_state;
	size_t	   *path_len;
};

struct CdcKafkaRow
{
	const CdcKafkaTable *table;
	int			natts;
	int			ncolumns;		/* that are wanted */
	Column	   *columns;
	Oid			user;
	CdcCodec   *key_codec;		/* of columns that need one; NULL: none does */
	CdcCodec   *value_codec;
	bool		members;		/* some columns are members of the value */
	CdcJsonbWriter *document;	/* the value they are looked up in */
	MemoryContext context;
	/* for the context of errors */
	const CdcKafkaMessage *message;
	const Column *current;
};

/* ------------------------------------------------------------------------
 * Bytes
 * ------------------------------------------------------------------------
 */

static void
refuse_bytes(const char *type, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
			 errmsg("bytes of the message are not valid for type %s", type),
			 errdetail("%s", reason),
			 errhint("A column of type bytea takes any bytes.")));
}

/* In the database's encoding; *len changes with it.  May return bytes itself. */
static const char *
checked_text(const char *bytes, size_t *len)
{
	if (*len > MaxAllocSize / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a text of %zu bytes is too large", *len)));
	if (!cdc_is_utf8_text(bytes, *len))
		refuse_bytes("text", memchr(bytes, '\0', *len) != NULL ? "They contain a zero byte." :
					 "They are not UTF-8.");
	return cdc_from_utf8_n(bytes, len);
}

static Datum
fill_text(CdcKafkaRow *row, Column *column, const char *bytes, size_t len)
{
	const char *text = checked_text(bytes, &len);

	return PointerGetDatum(cstring_to_text_with_len(text, (int) len));
}

/* Types that check what they are given: varchar(n), json. */
static Datum
fill_by_input(CdcKafkaRow *row, Column *column, const char *bytes, size_t len)
{
	const char *text = checked_text(bytes, &len);

	return InputFunctionCall(&column->input, pnstrdup(text, len), column->ioparam,
							 column->def->typmod);
}

static Datum
fill_bytea(CdcKafkaRow *row, Column *column, const char *bytes, size_t len)
{
	bytea	   *result = palloc(VARHDRSZ + len);

	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), bytes, len);
	return PointerGetDatum(result);
}

/* ERROR: a message that does not fit its schema, or whose schema there is not. */
static void
refuse_encoded(const CdcError *err)
{
	ereport(ERROR,
			(errcode(err->status == CDC_ERR_LIMIT ? ERRCODE_PROGRAM_LIMIT_EXCEEDED :
					 err->status == CDC_ERR_UNSUPPORTED ? ERRCODE_FEATURE_NOT_SUPPORTED :
					 err->status == CDC_ERR_NOMEM ? ERRCODE_OUT_OF_MEMORY :
					 ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("%s", cdc_from_utf8_lenient(err->message)),
			 err->detail[0] != '\0' ? errdetail_internal("%s", cdc_from_utf8_lenient(err->detail)) : 0,
			 err->hint[0] != '\0' ? errhint("%s", cdc_from_utf8_lenient(err->hint)) :
			 errhint("A column of type bytea takes messages as they are.")));
}

/* The document, which is the writer's. */
static const Jsonb *
parse_document(CdcCodec *codec, CdcJsonbWriter *writer, const char *bytes, size_t len)
{
	CdcError	err;
	const Jsonb *document = codec == NULL ? cdc_jsonb_from_text(writer, bytes, len, &err) :
		cdc_codec_jsonb(codec, writer, bytes, len, &err);

	if (document == NULL && codec != NULL && err.status != CDC_ERR_SYNTAX)
		refuse_encoded(&err);
	if (document == NULL && err.status == CDC_ERR_VALUE)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("the message has a character that the database's encoding, %s, does not have",
						GetDatabaseEncodingName()),
				 errdetail_internal("%s", cdc_from_utf8_lenient(err.message)),
				 errhint("A column of type bytea takes messages as they are.")));
	if (document == NULL)
		ereport(ERROR,
				(errcode(err.status == CDC_ERR_LIMIT ? ERRCODE_PROGRAM_LIMIT_EXCEEDED :
						 ERRCODE_INVALID_TEXT_REPRESENTATION),
				 err.status == CDC_ERR_LIMIT ? errmsg("the message is too large or too deep for jsonb") :
				 errmsg("the message is not valid JSON"),
				 errdetail_internal("%s", cdc_from_utf8_lenient(err.message)),
				 errhint("A column of type text or bytea takes messages as they are.")));
	if (cdc_jsonb_writer_sink(writer)->has_nul)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("the message has \\u0000, which jsonb cannot hold"),
				 errhint("A column of type json, text or bytea takes messages as they are.")));
	return document;
}

static Datum
fill_jsonb(CdcKafkaRow *row, Column *column, const char *bytes, size_t len)
{
	return PointerGetDatum(parse_document(column->codec, column->writer, bytes, len));
}

/* ------------------------------------------------------------------------
 * Headers: an array of {"name", "value"} or, where the bytes are no text,
 * {"name", "base64"}, as a message may have several of one name
 * ------------------------------------------------------------------------
 */

static CdcStatus
write_string(CdcSink *sink, const char *key, const char *s, size_t len)
{
	CdcStatus	status = sink->ops->key(sink, key, strlen(key));

	if (status != CDC_OK)
		return status;
	return s == NULL ? sink->ops->null(sink) : sink->ops->string(sink, s, len);
}

static CdcStatus
write_base64(CdcSink *sink, const char *bytes, size_t len)
{
	char	   *text = palloc((len + 2) / 3 * 4);
	size_t		n = cdc_base64((const uint8_t *) bytes, len, text);
	CdcStatus	status = write_string(sink, "base64", text, n);

	pfree(text);
	return status;
}

static CdcStatus
write_header(CdcSink *sink, const CdcKafkaHeader *header)
{
	const char *name = header->name;
	CdcStatus	status = sink->ops->begin_object(sink);

	if (status == CDC_OK)
		status = write_string(sink, "name", name, strlen(name));
	if (status != CDC_OK)
		return status;
	if (header->value == NULL || cdc_is_utf8_text(header->value, header->len))
		status = write_string(sink, "value", header->value, header->len);
	else
		status = write_base64(sink, header->value, header->len);
	return status == CDC_OK ? sink->ops->end_object(sink) : status;
}

/* NULL where the message has none. */
static Datum
headers_datum(CdcKafkaRow *row, Column *column, const CdcKafkaMessage *msg, bool *isnull)
{
	CdcSink    *sink = cdc_jsonb_writer_sink(column->writer);
	const Jsonb *document;
	CdcStatus	status;
	int			i;

	if (msg->nheaders == 0)
	{
		*isnull = true;
		return (Datum) 0;
	}
	cdc_jsonb_writer_reset(column->writer);
	status = sink->ops->begin_array(sink);
	for (i = 0; i < msg->nheaders && status == CDC_OK; i++)
		status = write_header(sink, &msg->headers[i]);
	if (status == CDC_OK)
		status = sink->ops->end_array(sink);
	if (status == CDC_ERR_CORRUPT)
		refuse_bytes("text", "A header's name is not UTF-8.");
	if (status != CDC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the headers of the message are too large")));
	document = cdc_jsonb_writer_finish(column->writer);
	if (column->def->basetype == JSONBOID)
		return PointerGetDatum(document);
	return InputFunctionCall(&column->input,
							 JsonbToCString(NULL, (JsonbContainer *) &document->root,
											VARSIZE(document)),
							 column->ioparam, column->def->typmod);
}

/* ------------------------------------------------------------------------
 * Members of a JSON object
 * ------------------------------------------------------------------------
 */

static bool
find_member(const Column *column, const JsonbContainer *object, CdcJsonValue *v)
{
	int			i;

	for (i = 0; i < column->def->npath; i++)
	{
		if (!cdc_json_find(object, column->def->path[i], column->path_len[i], v))
			return false;
		if (i == column->def->npath - 1)
			return true;
		object = cdc_json_object(v);
		if (object == NULL)
			return false;
	}
	return false;
}

static bool
is_infinity(Oid basetype, const CdcJsonValue *v)
{
	return (basetype == DATEOID || basetype == TIMESTAMPOID || basetype == TIMESTAMPTZOID) &&
		v->type == JENTRY_ISSTRING &&
		((v->len == 8 && memcmp(v->data, "infinity", 8) == 0) ||
		 (v->len == 9 && memcmp(v->data, "-infinity", 9) == 0));
}

/* Missing and null members are NULL. */
static Datum
member_datum(Column *column, const JsonbContainer *object, bool *isnull)
{
	CdcJsonValue v;

	if (object == NULL || !find_member(column, object, &v) || v.type == JENTRY_ISNULL)
	{
		*isnull = true;
		return (Datum) 0;
	}
	if (column->nested != NULL && cdc_nested_takes(column->nested, &v))
		return cdc_nested_datum(column->nested, &v, isnull);
	/* bytea as PostgreSQL itself writes it into JSON; a backslash is not in base64 */
	if (column->converter.basetype == BYTEAOID && v.type == JENTRY_ISSTRING && v.len >= 2 &&
		memcmp(v.data, "\\x", 2) == 0)
		return cdc_convert_by_text(&column->converter, &v, isnull);
	/* likewise infinite dates and times, which no source but PostgreSQL has */
	if (is_infinity(column->converter.basetype, &v))
		return cdc_convert_by_text(&column->converter, &v, isnull);
	return column->converter.convert(&column->converter, &v, isnull);
}

/* The object in the value; NULL for a message without a value. */
static const JsonbContainer *
message_object(CdcKafkaRow *row, const CdcKafkaMessage *msg)
{
	const Jsonb *document;

	if (msg->value == NULL)
		return NULL;
	document = parse_document(row->value_codec, row->document, msg->value, msg->value_len);
	if (!JB_ROOT_IS_OBJECT(document))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the message is JSON, but not an object"),
				 errhint("Without the table's option format 'json', a column value of type jsonb takes any JSON.")));
	return &document->root;
}

/* ------------------------------------------------------------------------
 * Rows
 * ------------------------------------------------------------------------
 */

static Datum
timestamp_datum(const CdcKafkaMessage *msg, bool *isnull)
{
	int64		ms = msg->ts_ms;
	int64		since_2000 = ms - CDC_EPOCH_DISTANCE_MS;

	if (ms < 0)
	{
		*isnull = true;
		return (Datum) 0;
	}
	/* END_TIMESTAMP of utils/timestamp.h, in milliseconds */
	if (since_2000 >= INT64CONST(9223371331200000))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("the message's timestamp, " INT64_FORMAT " ms, is out of range", ms)));
	return TimestampTzGetDatum(since_2000 * 1000);
}

static Datum
text_of_topic(Column *column, const char *topic)
{
	if (column->fill == fill_text)
		return CStringGetTextDatum(topic);
	return InputFunctionCall(&column->input, pstrdup(topic), column->ioparam,
							 column->def->typmod);
}

static Datum
column_datum(CdcKafkaRow *row, Column *column, const CdcKafkaMessage *msg,
			 const JsonbContainer *object, bool *isnull)
{
	const char *bytes = NULL;
	size_t		len = 0;

	switch (column->def->field)
	{
		case CDC_KAFKA_TOPIC:
			return text_of_topic(column, msg->topic);
		case CDC_KAFKA_PARTITION:
			return column->def->basetype == INT8OID ? Int64GetDatum(msg->partition) :
				Int32GetDatum(msg->partition);
		case CDC_KAFKA_OFFSET:
			return Int64GetDatum(msg->offset);
		case CDC_KAFKA_TS:
			return timestamp_datum(msg, isnull);
		case CDC_KAFKA_HEADERS:
			return headers_datum(row, column, msg, isnull);
		case CDC_KAFKA_MEMBER:
			return member_datum(column, object, isnull);
		case CDC_KAFKA_KEY:
			bytes = msg->key;
			len = msg->key_len;
			break;
		case CDC_KAFKA_VALUE:
			bytes = msg->value;
			len = msg->value_len;
			break;
	}
	if (bytes == NULL)
	{
		*isnull = true;
		return (Datum) 0;
	}
	if (column->codec != NULL && column->fill != fill_jsonb)
	{
		CdcError	err;

		bytes = cdc_codec_text(column->codec, bytes, &len, &err);
		if (bytes == NULL)
			refuse_encoded(&err);
	}
	return column->fill(row, column, bytes, len);
}

static void
error_context(void *arg)
{
	CdcKafkaRow *row = arg;

	if (row->current != NULL)
		errcontext("column \"%s\" of foreign table \"%s\", message %s/%d@" INT64_FORMAT,
				   row->current->def->name, row->table->name, row->message->topic,
				   row->message->partition, (int64) row->message->offset);
	else
		errcontext("foreign table \"%s\", message %s/%d@" INT64_FORMAT, row->table->name,
				   row->message->topic, row->message->partition, (int64) row->message->offset);
	cdc_bound_this_message();
}

static bool
is_place(const Column *column)
{
	return column->def->field == CDC_KAFKA_PARTITION || column->def->field == CDC_KAFKA_OFFSET ||
		column->def->field == CDC_KAFKA_TS;
}

static void
fill(CdcKafkaRow *row, const CdcKafkaMessage *msg, Datum *values, bool *isnull, bool place_only)
{
	const JsonbContainer *object = NULL;
	ErrorContextCallback callback;
	int			i;

	memset(isnull, true, row->natts);
	if (row->ncolumns == 0)
		return;

	row->message = msg;
	row->current = NULL;
	callback.callback = error_context;
	callback.arg = row;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	if (row->members && !place_only)
		object = message_object(row, msg);
	for (i = 0; i < row->ncolumns; i++)
	{
		Column	   *column = &row->columns[i];
		int			place = column->def->attnum - 1;

		if (place_only && !is_place(column))
			continue;
		row->current = column;
		isnull[place] = false;
		values[place] = column_datum(row, column, msg, object, &isnull[place]);
		if (column->domain && !place_only)
			domain_check(values[place], isnull[place], column->def->typid,
						 &column->domain_state, row->context);
	}
	error_context_stack = callback.previous;
}

void
cdc_kafka_row_fill(CdcKafkaRow *row, const CdcKafkaMessage *msg, Datum *values, bool *isnull)
{
	fill(row, msg, values, isnull, false);
}

void
cdc_kafka_row_fill_place(CdcKafkaRow *row, const CdcKafkaMessage *msg, Datum *values, bool *isnull)
{
	fill(row, msg, values, isnull, true);
}

/* What decodes keys or values; NULL: they are plain. */
static CdcCodec *
codec_of(CdcKafkaRow *row, CdcKafkaField field)
{
	const CdcPayloadOptions *opt = &row->table->opt.payload;
	bool		key = field == CDC_KAFKA_KEY;
	CdcCodec  **codec = key ? &row->key_codec : &row->value_codec;
	const char *schema = key ? opt->key_schema : opt->value_schema;
	CdcPayloadFormat format = key ? opt->key_format : opt->value_format;

	if (*codec == NULL && (format != CDC_PAYLOAD_PLAIN || schema != NULL))
		*codec = cdc_codec_create(row->context, row->table->serverid, row->user, format,
								  CDC_CODEC_READABLE, schema, key ? "key_schema" : "value_schema");
	return *codec;
}

static void
init_column(CdcKafkaRow *row, Column *column)
{
	const CdcKafkaColumn *def = column->def;
	Oid			input;
	int			i;

	column->domain = def->typid != def->basetype;
	getTypeInputInfo(def->basetype, &input, &column->ioparam);
	fmgr_info_cxt(input, &column->input, row->context);
	switch (def->basetype)
	{
		case TEXTOID:
			column->fill = fill_text;
			break;
		case VARCHAROID:
			column->fill = def->typmod < 0 ? fill_text : fill_by_input;
			break;
		case BYTEAOID:
			column->fill = fill_bytea;
			break;
		case JSONBOID:
			column->fill = fill_jsonb;
			break;
		default:
			column->fill = fill_by_input;
			break;
	}
	if ((def->field == CDC_KAFKA_KEY || def->field == CDC_KAFKA_VALUE) &&
		column->fill != fill_bytea)
		column->codec = codec_of(row, def->field);
	if (def->field == CDC_KAFKA_HEADERS || column->fill == fill_jsonb)
		column->writer = cdc_jsonb_writer_create(row->context);
	if (def->field == CDC_KAFKA_MEMBER)
	{
		cdc_converter_init(&column->converter, row->context, def->typid, def->typmod,
						   CDC_SOURCE_UNKNOWN, CDC_ZERO_DATE_REFUSED);
		if (!column->domain)
			column->nested = cdc_nested_create(def->typid, def->typmod);
		column->path_len = palloc(sizeof(size_t) * def->npath);
		for (i = 0; i < def->npath; i++)
			column->path_len[i] = strlen(def->path[i]);
		row->members = true;
	}
}

CdcKafkaRow *
cdc_kafka_row_create(const CdcKafkaTable *table, Oid user, Bitmapset *wanted, int natts)
{
	CdcKafkaRow *row = palloc0(sizeof(CdcKafkaRow));
	int			i;

	row->table = table;
	row->user = user;
	row->natts = natts;
	row->context = CurrentMemoryContext;
	row->columns = palloc0(sizeof(Column) * Max(table->ncolumns, 1));
	for (i = 0; i < table->ncolumns; i++)
	{
		Column	   *column;

		if (!bms_is_member(table->columns[i].attnum, wanted))
			continue;
		column = &row->columns[row->ncolumns++];
		column->def = &table->columns[i];
		init_column(row, column);
	}
	if (row->members)
	{
		row->document = cdc_jsonb_writer_create(row->context);
		(void) codec_of(row, CDC_KAFKA_VALUE);
	}
	return row;
}

bool
cdc_kafka_row_needs_headers(const CdcKafkaRow *row)
{
	int			i;

	for (i = 0; i < row->ncolumns; i++)
	{
		if (row->columns[i].def->field == CDC_KAFKA_HEADERS)
			return true;
	}
	return false;
}
