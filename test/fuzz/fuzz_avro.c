/*
 * fuzz_avro.c
 *	  A hostile schema, and behind its line hostile bytes.  What is accepted is JSON, in
 *	  both forms, and so is the schema as Kafka Connect would have it; what is refused has
 *	  a reason.
 */
#include <stdlib.h>
#include <string.h>

#include "avro/avro.h"
#include "envelope/doc_tree.h"
#include "require_decoded.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decode(const CdcAvroSchema *schema, CdcAvroForm form, CdcArena *scratch, const uint8_t *bytes,
	   size_t len)
{
	CdcJsonText out;
	CdcError	err;
	CdcStatus	st;

	cdc_json_text_init(&out);
	cdc_arena_reset(scratch);
	st = cdc_avro_decode(schema, form, scratch, bytes, len, &out.sink, &err);
	if (st == CDC_OK)
		require_json(&out);
	else
		require_error(st, &err);
	cdc_json_text_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
	CdcString	text = {(const char *) data, line != NULL ? (size_t) (line - data) : size};
	const uint8_t *bytes = line != NULL ? line + 1 : data + size;
	size_t		len = (size_t) (data + size - bytes);
	CdcArena   *arena = cdc_arena_create(SCHEMA_MEMORY);
	CdcArena   *scratch = cdc_arena_create(SCHEMA_MEMORY);
	CdcAvroSchema *schema;
	CdcJsonText out;
	CdcError	err;
	CdcStatus	st = cdc_avro_parse(arena, scratch, &text, 1, &schema, &err);

	if (st != CDC_OK)
		require_error(st, &err);
	else
	{
		decode(schema, CDC_AVRO_READABLE, scratch, bytes, len);
		decode(schema, CDC_AVRO_CONNECT, scratch, bytes, len);
		cdc_json_text_init(&out);
		st = cdc_avro_emit_connect(schema, &out.sink);
		if (st == CDC_OK)
			require_json(&out);
		else
			require(st == CDC_ERR_LIMIT);
		(void) cdc_avro_is_debezium(schema);
		cdc_json_text_free(&out);
	}
	cdc_arena_destroy(scratch);
	cdc_arena_destroy(arena);
	return 0;
}
