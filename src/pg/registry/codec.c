/*-------------------------------------------------------------------------
 *
 * codec.c
 *	  Keys and values of messages to JSON, whatever they are encoded in.
 *
 *	  In front of a message of a schema registry there is a byte of zero and the
 *	  schema's number, big-endian.  The schema that it names is the one that the message
 *	  was written with, so that messages of several versions are read side by side.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/registry/codec.h"

#include "utils/memutils.h"

#include "avro/avro.h"
#include "core/bytes.h"
#include "core/json_text.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/datum/json_text_in.h"
#include "pg/registry/registry.h"
#include "pg/schema/schema.h"

#define HEADER_BYTES	5

/* Text of more than this is not kept when the next one comes. */
#define KEPT_TEXT		((size_t) 1024 * 1024)

struct CdcCodec
{
	CdcPayloadFormat format;
	CdcCodecForm form;
	CdcRegistry *registry;		/* NULL: the schema is given */
	CdcAvroSchema *given;
	bool		given_debezium;
	CdcArena   *scratch;
	CdcJsonText text;
	MemoryContextCallback callback;
};

static void
free_text(void *arg)
{
	cdc_json_text_free(&((CdcCodec *) arg)->text);
}

static void
parse_given(CdcCodec *codec, MemoryContext context, const char *schema, const char *option)
{
	CdcString	text = {schema, strlen(schema)};
	CdcError	err;

	if (!cdc_failed(cdc_avro_parse(cdc_schema_arena(context), codec->scratch, &text, 1,
								   &codec->given, &err)))
	{
		codec->given_debezium = cdc_avro_is_debezium(codec->given);
		return;
	}
	ereport(ERROR,
			(errcode(err.status == CDC_ERR_LIMIT ? ERRCODE_PROGRAM_LIMIT_EXCEEDED :
					 ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\": %s", option, cdc_from_utf8_lenient(err.message)),
			 errdetail_internal("%s", cdc_from_utf8_lenient(err.detail))));
}

CdcCodec *
cdc_codec_create(MemoryContext context, Oid serverid, Oid user, CdcPayloadFormat format,
				 CdcCodecForm form, const char *schema, const char *option)
{
	CdcCodec   *codec = MemoryContextAllocZero(context, sizeof(CdcCodec));

	codec->format = format;
	codec->form = form;
	cdc_json_text_init(&codec->text);
	codec->callback.func = free_text;
	codec->callback.arg = codec;
	MemoryContextRegisterResetCallback(context, &codec->callback);
	if (schema != NULL && schema[0] != '\0' && format != CDC_PAYLOAD_AVRO)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is for messages in Avro only", option),
				 errhint("Set the format of what it describes to 'avro' (value_format, key_format), or leave it out.")));
	if (format != CDC_PAYLOAD_AVRO)
		return codec;
	codec->scratch = cdc_schema_arena(context);
	if (schema != NULL && schema[0] != '\0')
		parse_given(codec, context, schema, option);
	else
		codec->registry = cdc_registry_open(context, serverid, user);
	return codec;
}

bool
cdc_codec_is_plain(const CdcCodec *codec)
{
	return codec->format == CDC_PAYLOAD_PLAIN;
}

/* The number of the schema in front of a message, which then begins behind it. */
static CdcStatus
take_header(const char **bytes, size_t *len, uint32 *id, CdcError *err)
{
	if (*len < HEADER_BYTES || (*bytes)[0] != 0)
	{
		cdc_error(err, CDC_ERR_VALUE, "message does not begin with the number of a schema");
		cdc_error_detail(err, "A schema registry's serializers write a zero byte and four bytes in front.");
		cdc_error_hint(err, "Messages as they are have value_format and key_format 'plain'; bare Avro is read with its schema in value_schema or key_schema.");
		return CDC_ERR_VALUE;
	}
	*id = (uint32) cdc_be((const uint8 *) *bytes + 1, 4);
	*bytes += HEADER_BYTES;
	*len -= HEADER_BYTES;
	return CDC_OK;
}

static CdcStatus
emit_connect(CdcCodec *codec, const CdcAvroSchema *schema, const char *bytes, size_t len,
			 CdcSink *sink, CdcError *err)
{
	CdcStatus	st = sink->ops->begin_object(sink);

	if (st == CDC_OK)
		st = sink->ops->key(sink, "schema", 6);
	if (st == CDC_OK)
		st = cdc_avro_emit_connect(schema, sink);
	if (st == CDC_OK)
		st = sink->ops->key(sink, "payload", 7);
	if (st != CDC_OK)
		return cdc_error(err, st, "schema of the message is too large, or has names that are not UTF-8");
	st = cdc_avro_decode(schema, CDC_AVRO_CONNECT, codec->scratch, (const uint8 *) bytes, len, sink,
						 err);
	return st == CDC_OK ? sink->ops->end_object(sink) : st;
}

/* A message in Avro into the sink. */
static CdcStatus
emit_avro(CdcCodec *codec, const char *bytes, size_t len, CdcSink *sink, CdcError *err)
{
	const CdcAvroSchema *schema = codec->given;
	bool		debezium = codec->given_debezium;
	uint32		id = 0;
	CdcStatus	st = CDC_OK;

	cdc_error(err, CDC_OK, "%s", "");
	if (codec->registry != NULL)
	{
		const CdcRegistrySchema *known = NULL;

		st = take_header(&bytes, &len, &id, err);
		if (st == CDC_OK)
			st = cdc_registry_schema(codec->registry, id, &known, err);
		if (st != CDC_OK)
			return st;
		schema = known->avro;
		debezium = known->debezium;
	}
	cdc_arena_reset(codec->scratch);
	if (codec->form == CDC_CODEC_CONNECT || (codec->form == CDC_CODEC_AUTO && debezium))
		st = emit_connect(codec, schema, bytes, len, sink, err);
	else
		st = cdc_avro_decode(schema, CDC_AVRO_READABLE, codec->scratch, (const uint8 *) bytes, len,
							 sink, err);
	if (st != CDC_OK && codec->registry != NULL)
		cdc_error_hint(err, "The message says that it was written with schema %u.", id);
	return st;
}

const Jsonb *
cdc_codec_jsonb(CdcCodec *codec, CdcJsonbWriter *writer, const char *bytes, size_t len,
				CdcError *err)
{
	uint32		id;

	if (codec->format == CDC_PAYLOAD_JSON_SCHEMA && cdc_failed(take_header(&bytes, &len, &id, err)))
		return NULL;
	if (codec->format != CDC_PAYLOAD_AVRO)
		return cdc_jsonb_from_text(writer, bytes, len, err);
	cdc_jsonb_writer_reset(writer);
	if (cdc_failed(emit_avro(codec, bytes, len, cdc_jsonb_writer_sink(writer), err)))
		return NULL;
	return cdc_jsonb_writer_finish(writer);
}

const char *
cdc_codec_text(CdcCodec *codec, const char *bytes, size_t *len, CdcError *err)
{
	uint32		id;

	if (codec->format == CDC_PAYLOAD_PLAIN)
		return bytes;
	if (codec->format == CDC_PAYLOAD_JSON_SCHEMA)
		return cdc_failed(take_header(&bytes, len, &id, err)) ? NULL : bytes;
	if (codec->text.buf.cap > KEPT_TEXT)
		cdc_json_text_free(&codec->text);
	cdc_json_text_reset(&codec->text);
	if (cdc_failed(emit_avro(codec, bytes, *len, &codec->text.sink, err)))
		return NULL;
	*len = codec->text.buf.len;
	return codec->text.buf.data;
}
