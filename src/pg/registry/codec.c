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
#include "pg/registry/fetch.h"
#include "pg/registry/protoc.h"
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
	bool	   *failed;			/* of cdc_codec_report_failures(); NULL: they are raised */
	CdcMessageSchema given;
	CdcArena   *scratch;
	CdcJsonText text;
	MemoryContextCallback callback;
};

/* Whether a schema describes the bytes. */
static bool
is_typed(CdcPayloadFormat format)
{
	return format == CDC_PAYLOAD_AVRO || format == CDC_PAYLOAD_PROTOBUF;
}

static void
free_text(void *arg)
{
	cdc_json_text_free(&((CdcCodec *) arg)->text);
}

/* ---- schemas that are given ---- */

static bool
is_given(const char *schema)
{
	return schema != NULL && schema[0] != '\0';
}

/* What kind of schema a text seems to be; only for what people are told. */
static CdcPayloadFormat
likely_format(const char *schema)
{
	const char *p = schema + strspn(schema, " \t\r\n");

	if (*p == '{' && (strstr(p, "\"$schema\"") != NULL || strstr(p, "\"properties\"") != NULL))
		return CDC_PAYLOAD_JSON_SCHEMA;
	if (*p == '{' || *p == '[' || *p == '"')
		return CDC_PAYLOAD_AVRO;
	return strstr(p, "syntax") != NULL || strstr(p, "message") != NULL ? CDC_PAYLOAD_PROTOBUF :
		CDC_PAYLOAD_PLAIN;
}

/* What to write instead of a schema that is none; side: "value", "key". */
static char *
schema_hint(CdcPayloadFormat format, const char *schema, const char *side)
{
	CdcPayloadFormat likely = likely_format(schema);

	if (likely == CDC_PAYLOAD_JSON_SCHEMA)
		return psprintf("It looks like a JSON Schema: set %s_format to 'json_schema' and leave out %s_schema, as JSON is read without it.",
						side, side);
	if (likely != format && likely != CDC_PAYLOAD_PLAIN)
		return psprintf("It looks like a schema of %s: set %s_format to '%s'.",
						cdc_message_schema_kind(likely), side,
						cdc_option_word(SCOPE_SUBSCRIPTION, "value_format", likely));
	if (format == CDC_PAYLOAD_PROTOBUF)
		return pstrdup("The option wants the text of a .proto file, as protoc takes it; \"schema:3:9\" is its third line, ninth character.");
	return pstrdup("The option wants the text of an .avsc file, as {\"type\": \"record\", \"name\": \"Row\", \"fields\": [{\"name\": \"id\", \"type\": \"long\"}]}.");
}

/* ERROR where the schema is none; option: "value_schema", "key_schema". */
static void
parse_given(MemoryContext context, CdcArena *scratch, CdcPayloadFormat format, const char *schema,
			const char *option, CdcMessageSchema *parsed)
{
	CdcSchemaText text = {{"", 0}, {schema, strlen(schema)}};
	CdcError	err;
	bool		limit;

	if (!cdc_failed(cdc_message_schema_parse(context, scratch, format, &text, 1, parsed, &err)))
		return;
	limit = err.status == CDC_ERR_LIMIT;
	ereport(ERROR,
			(errcode(limit ? ERRCODE_PROGRAM_LIMIT_EXCEEDED : ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\": %s", option, cdc_from_utf8_lenient(err.message)),
			 err.detail[0] != '\0' ? errdetail_internal("%s", cdc_from_utf8_lenient(err.detail)) : 0,
			 limit ? 0 : errhint("%s", schema_hint(format, schema,
												   strcmp(option, "key_schema") == 0 ? "key" : "value"))));
}

/* ERROR for a schema of what needs none. */
static void
refuse_schema(const char *option)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" is for messages in Avro or Protobuf only", option),
			 errhint("Set the format of what it describes to 'avro' or 'protobuf' (value_format, key_format), or leave it out.")));
}

static void
check_side(CdcPayloadFormat format, const char *schema, const char *option)
{
	MemoryContext work;
	MemoryContext old;
	CdcMessageSchema parsed;

	if (!is_typed(format))
	{
		if (is_given(schema))
			refuse_schema(option);
		return;
	}
	if (format == CDC_PAYLOAD_PROTOBUF)
		cdc_protoc_check_built();
	if (!is_given(schema))
	{
		cdc_fetch_check_built();
		return;
	}
	work = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest schema", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(work);
	parse_given(work, cdc_schema_arena(work), format, schema, option, &parsed);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

void
cdc_codec_check(const CdcPayloadOptions *payload)
{
	check_side(payload->value_format, payload->value_schema, "value_schema");
	check_side(payload->key_format, payload->key_schema, "key_schema");
}

bool
cdc_codec_wants_registry(const CdcPayloadOptions *payload)
{
	return (is_typed(payload->value_format) && !is_given(payload->value_schema)) ||
		(is_typed(payload->key_format) && !is_given(payload->key_schema));
}

/* ---- codecs ---- */

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
	if (is_given(schema) && !is_typed(format))
		refuse_schema(option);
	if (!is_typed(codec->format))
		return codec;
	codec->scratch = cdc_schema_arena(context);
	if (is_given(schema))
		parse_given(context, codec->scratch, format, schema, option, &codec->given);
	else
		codec->registry = cdc_registry_open(context, serverid, user);
	return codec;
}

void
cdc_codec_report_failures(CdcCodec *codec, bool *failed)
{
	codec->failed = failed;
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
		if (st != CDC_OK && cdc_registry_has_failed(st))
		{
			if (codec->failed == NULL)
				cdc_ereport(err, NULL);
			*codec->failed = true;
		}
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
	if (!is_typed(codec->format))
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
