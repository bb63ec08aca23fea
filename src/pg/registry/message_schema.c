/*-------------------------------------------------------------------------
 *
 * message_schema.c
 *	  A schema that messages are written with, of whichever kind.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/registry/message_schema.h"

#include "pg/registry/protoc.h"
#include "pg/schema/schema.h"

const char *
cdc_message_schema_kind(CdcPayloadFormat format)
{
	return format == CDC_PAYLOAD_PROTOBUF ? "Protobuf" : "Avro";
}

const char *
cdc_message_schema_type(CdcPayloadFormat format)
{
	return format == CDC_PAYLOAD_PROTOBUF ? "PROTOBUF" : "AVRO";
}

static CdcStatus
parse_protobuf(CdcArena *arena, const CdcSchemaText *texts, int n, CdcProtobufSchema **schema,
			   CdcError *err)
{
	CdcProtoFile *files = palloc(sizeof(CdcProtoFile) * n);
	char	   *set;
	size_t		len;
	CdcStatus	st;
	int			i;

	for (i = 0; i < n; i++)
	{
		files[i].name = i < n - 1 ? pnstrdup(texts[i].name.data, texts[i].name.len) : "schema";
		files[i].text = texts[i].text.data;
		files[i].len = texts[i].text.len;
	}
	st = cdc_protoc_parse(files, n, arena, &set, &len, err);
	return st == CDC_OK ? cdc_protobuf_load(arena, set, len, schema, err) : st;
}

CdcStatus
cdc_message_schema_parse(MemoryContext context, CdcArena *scratch, CdcPayloadFormat format,
						 const CdcSchemaText *texts, int n, CdcMessageSchema *schema, CdcError *err)
{
	CdcArena   *arena = cdc_schema_arena(context);
	CdcString  *strings;
	CdcStatus	st;
	int			i;

	memset(schema, 0, sizeof(*schema));
	schema->format = format;
	if (format == CDC_PAYLOAD_PROTOBUF)
		return parse_protobuf(arena, texts, n, &schema->protobuf, err);
	strings = palloc(sizeof(CdcString) * n);
	for (i = 0; i < n; i++)
		strings[i] = texts[i].text;
	st = cdc_avro_parse(arena, scratch, strings, n, &schema->avro, err);
	if (st == CDC_OK)
		schema->debezium = cdc_avro_is_debezium(schema->avro);
	return st;
}

/* ---- messages ---- */

/* A message whose type within the schema is known; NULL: it is Avro's. */
typedef struct Typed
{
	const CdcMessageSchema *schema;
	const CdcProtobufMessage *type;
	CdcArena   *scratch;
	const char *bytes;
	size_t		len;
} Typed;

static CdcStatus
decode(const Typed *message, CdcAvroForm form, CdcSink *sink, CdcError *err)
{
	const uint8 *bytes = (const uint8 *) message->bytes;

	if (message->type != NULL)
		return cdc_protobuf_decode(message->schema->protobuf, message->type, message->scratch, bytes,
								   message->len, sink, err);
	return cdc_avro_decode(message->schema->avro, form, message->scratch, bytes, message->len, sink,
						   err);
}

static CdcStatus
emit_connect(const Typed *message, CdcSink *sink, CdcError *err)
{
	CdcStatus	st = sink->ops->begin_object(sink);

	if (st == CDC_OK)
		st = sink->ops->key(sink, "schema", 6);
	if (st == CDC_OK)
		st = message->type != NULL ? cdc_protobuf_emit_connect(message->type, sink) :
			cdc_avro_emit_connect(message->schema->avro, sink);
	if (st == CDC_OK)
		st = sink->ops->key(sink, "payload", 7);
	if (st != CDC_OK)
		return cdc_error(err, st, "schema of the message is too large, or has names that are not UTF-8");
	st = decode(message, CDC_AVRO_CONNECT, sink, err);
	return st == CDC_OK ? sink->ops->end_object(sink) : st;
}

CdcStatus
cdc_message_schema_emit(const CdcMessageSchema *schema, CdcArena *scratch,
						const CdcEncoded *message, CdcSink *sink, CdcError *err)
{
	Typed		typed;
	bool		debezium = schema->debezium;
	CdcStatus	st = CDC_OK;

	typed.schema = schema;
	typed.type = NULL;
	typed.scratch = scratch;
	typed.bytes = message->bytes;
	typed.len = message->len;
	if (schema->format == CDC_PAYLOAD_PROTOBUF)
	{
		typed.type = cdc_protobuf_first(schema->protobuf);
		if (message->numbered)
			st = cdc_protobuf_take_message(schema->protobuf, &typed.bytes, &typed.len, &typed.type, err);
		if (st != CDC_OK)
			return st;
		debezium = cdc_protobuf_is_debezium(typed.type);
	}
	if (message->form == CDC_CODEC_CONNECT || (message->form == CDC_CODEC_AUTO && debezium))
		return emit_connect(&typed, sink, err);
	return decode(&typed, CDC_AVRO_READABLE, sink, err);
}
