/*-------------------------------------------------------------------------
 *
 * format.c
 *	  The formats' names; what can be told of a message before it is parsed.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/envelope.h"

#include <strings.h>

static const struct
{
	CdcMessageFormat	format;
	const char *name;
}			format_names[] = {
	{CDC_FORMAT_AUTO, "auto"},
	{CDC_FORMAT_MAXWELL, "maxwell"},
	{CDC_FORMAT_DEBEZIUM, "debezium"},
	{CDC_FORMAT_DEBEZIUM_FLAT, "debezium_flat"},
	{CDC_FORMAT_GOLDENGATE, "goldengate"},
	{CDC_FORMAT_CANAL, "canal"},
	{CDC_FORMAT_QUIX, "quix"},
	{CDC_FORMAT_JSON, "json"},
	{CDC_FORMAT_RAW, "raw"},
	{CDC_FORMAT_AVRO, "avro"},
	{CDC_FORMAT_PROTOBUF, "protobuf"}
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

bool
cdc_format_by_name(const char *name, CdcMessageFormat *format)
{
	for (size_t i = 0; i < COUNT(format_names); i++)
	{
		if (strcasecmp(format_names[i].name, name) == 0)
		{
			*format = format_names[i].format;
			return true;
		}
	}
	return false;
}

const char *
cdc_format_name(CdcMessageFormat format)
{
	for (size_t i = 0; i < COUNT(format_names); i++)
	{
		if (format_names[i].format == format)
			return format_names[i].name;
	}
	return "unknown";
}

/* ---- before parsing ---- */

/* A zero byte and the schema's number, as Confluent's serializers write them. */
#define REGISTRY_HEADER		5

CdcPayload
cdc_payload_look(const uint8_t *bytes, size_t len, uint32_t *schema_id, size_t *skip)
{
	*schema_id = 0;
	*skip = 0;
	if (len < REGISTRY_HEADER || bytes[0] != 0)
		return CDC_PAYLOAD_TEXT;
	*schema_id = (uint32_t) bytes[1] << 24 | (uint32_t) bytes[2] << 16 |
		(uint32_t) bytes[3] << 8 | bytes[4];

	/* the registry's JSON serializer writes text behind it */
	if (len > REGISTRY_HEADER + 1 && bytes[REGISTRY_HEADER] == '{' && bytes[len - 1] == '}')
	{
		*skip = REGISTRY_HEADER;
		return CDC_PAYLOAD_TEXT;
	}
	return CDC_PAYLOAD_REGISTRY;
}

CdcStatus
cdc_payload_refuse(CdcMessageFormat format, uint32_t schema_id, CdcError *err)
{
	if (!cdc_format_is_json(format))
	{
		cdc_error(err, CDC_ERR_UNSUPPORTED, "messages in format \"%s\" cannot be decoded",
				  cdc_format_name(format));
		cdc_error_detail(err, "They are kept as bytes in the history's column raw.");
	}
	else
	{
		cdc_error(err, CDC_ERR_UNSUPPORTED,
				  "message is in a schema registry's binary form (Avro or Protobuf), not JSON");
		cdc_error_detail(err, "It begins with a zero byte and schema number %lu; the format is declared as \"%s\".",
						 (unsigned long) schema_id, cdc_format_name(format));
	}
	cdc_error_hint(err, "They are read with the subscription's option value_format, \"avro\" or \"protobuf\", and the server's option schema_registry_url.");
	return CDC_ERR_UNSUPPORTED;
}
