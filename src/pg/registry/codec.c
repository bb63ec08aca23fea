/*-------------------------------------------------------------------------
 *
 * codec.c
 *	  Keys and values of messages to JSON, whatever they are encoded in.
 *
 *	  In front of a message of a schema registry there is a byte of zero and the
 *	  schema's number, big-endian.  The schema that it names is the one that the message
 *	  was written with, so that messages of several versions are read side by side.  In
 *	  Protobuf, numbers follow which say what message of the schema it is.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/registry/codec.h"

#include "utils/memutils.h"

#include "core/bytes.h"
#include "core/json_text.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/datum/json_text_in.h"
#include "pg/options/option_table.h"
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
	CdcMessageSchema given;
	CdcArena   *scratch;
	CdcJsonText text;
	MemoryContextCallback callback;
};

/* Whether a schema describes the bytes. */
static bool
is_typed(const CdcCodec *codec)
{
	return codec->format == CDC_PAYLOAD_AVRO || codec->format == CDC_PAYLOAD_PROTOBUF;
}

static void
free_text(void *arg)
{
	cdc_json_text_free(&((CdcCodec *) arg)->text);
}

static void
parse_given(CdcCodec *codec, MemoryContext context, const char *schema, const char *option)
{
	CdcSchemaText text = {{"", 0}, {schema, strlen(schema)}};
	CdcError	err;

	if (!cdc_failed(cdc_message_schema_parse(context, codec->scratch, codec->format, &text, 1,
											 &codec->given, &err)))
		return;
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
	if (schema != NULL && schema[0] != '\0' && !is_typed(codec))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is for messages in Avro or Protobuf only", option),
				 errhint("Set the format of what it describes to 'avro' or 'protobuf' (value_format, key_format), or leave it out.")));
	if (!is_typed(codec))
		return codec;
	codec->scratch = cdc_schema_arena(context);
	if (schema != NULL && schema[0] != '\0')
		parse_given(codec, context, schema, option);
	else
		codec->registry = cdc_registry_open(context, serverid, user);
	return codec;
}

const char *
cdc_codec_word(const CdcCodec *codec)
{
	return cdc_option_word(SCOPE_SUBSCRIPTION, "value_format", codec->format);
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
		cdc_error_hint(err, "Messages as they are have value_format and key_format 'plain'; bare Avro or Protobuf is read with its schema in value_schema or key_schema.");
		return CDC_ERR_VALUE;
	}
	*id = (uint32) cdc_be((const uint8 *) *bytes + 1, 4);
	*bytes += HEADER_BYTES;
	*len -= HEADER_BYTES;
	return CDC_OK;
}

/* A message that a schema describes, into the sink. */
static CdcStatus
emit_typed(CdcCodec *codec, const char *bytes, size_t len, CdcSink *sink, CdcError *err)
{
	const CdcMessageSchema *schema = &codec->given;
	CdcEncoded	message;
	uint32		id = 0;
	CdcStatus	st = CDC_OK;

	cdc_error(err, CDC_OK, "%s", "");
	if (codec->registry != NULL)
	{
		st = take_header(&bytes, &len, &id, err);
		if (st == CDC_OK)
			st = cdc_registry_schema(codec->registry, id, codec->format, &schema, err);
		if (st != CDC_OK)
			return st;
	}
	cdc_arena_reset(codec->scratch);
	message.bytes = bytes;
	message.len = len;
	message.numbered = codec->registry != NULL;
	message.form = codec->form;
	st = cdc_message_schema_emit(schema, codec->scratch, &message, sink, err);
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
	if (!is_typed(codec))
		return cdc_jsonb_from_text(writer, bytes, len, err);
	cdc_jsonb_writer_reset(writer);
	if (cdc_failed(emit_typed(codec, bytes, len, cdc_jsonb_writer_sink(writer), err)))
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
	if (cdc_failed(emit_typed(codec, bytes, *len, &codec->text.sink, err)))
		return NULL;
	*len = codec->text.buf.len;
	return codec->text.buf.data;
}
