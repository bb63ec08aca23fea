/*
 * fuzz_protobuf.c
 *	  Hostile descriptors, in front of them their length in two bytes, and behind them
 *	  hostile bytes.  What is accepted is JSON, and so is the type as Kafka Connect would
 *	  have it; what is refused has a reason.
 */
#include <stdlib.h>
#include <string.h>

#include "envelope/document.h"
#include "protobuf/protobuf.h"
#include "require_decoded.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether all of a text's bytes are ASCII: names and texts in other encodings are no JSON. */
static bool
is_ascii(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] >= 0x80)
			return false;
	return true;
}

static void
decode(const CdcProtobufSchema *schema, CdcArena *scratch, const uint8_t *bytes, size_t len, bool json)
{
	const CdcProtobufMessage *message = cdc_protobuf_first(schema);
	const char *at = (const char *) bytes;
	CdcJsonText out;
	CdcError	err;
	CdcStatus	st = cdc_protobuf_take_message(schema, &at, &len, &message, &err);

	if (st != CDC_OK)
		require_error(st, &err);
	cdc_json_text_init(&out);
	st = cdc_protobuf_decode(schema, message, scratch, (const uint8_t *) at, len, &out.sink, &err);
	if (st != CDC_OK)
		require_error(st, &err);
	else if (json)
		require_json(&out);
	cdc_json_text_reset(&out);
	st = cdc_protobuf_emit_connect(message, &out.sink);
	require(st == CDC_OK || st == CDC_ERR_LIMIT);
	if (st == CDC_OK && json)
		require_json(&out);
	cdc_json_text_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t		set = size >= 2 ? (size_t) data[0] | (size_t) data[1] << 8 : 0;
	CdcArena   *arena = cdc_arena_create(SCHEMA_MEMORY);
	CdcArena   *scratch = cdc_arena_create(SCHEMA_MEMORY);
	CdcProtobufSchema *schema;
	CdcError	err;
	CdcStatus	st;

	if (size >= 2 && set <= size - 2)
	{
		st = cdc_protobuf_load(arena, (const char *) data + 2, set, &schema, &err);
		if (st != CDC_OK)
			require_error(st, &err);
		else
			decode(schema, scratch, data + 2 + set, size - 2 - set, is_ascii(data + 2, size - 2));
	}
	cdc_arena_destroy(scratch);
	cdc_arena_destroy(arena);
	return 0;
}
