/*
 * require_decoded.h
 *	  What fuzz targets demand of decoders of bytes by a schema: JSON, or a reason.
 */
#ifndef CDC_FUZZ_REQUIRE_DECODED_H
#define CDC_FUZZ_REQUIRE_DECODED_H

#include "core/json_parse.h"
#include "core/json_text.h"
#include "require.h"

/* As much as a schema may take in the server, and as a registry may answer. */
#define SCHEMA_MEMORY	((size_t) 64 * 1024 * 1024)

static inline void
require_error(CdcStatus st, const CdcError *err)
{
	require(st == CDC_ERR_VALUE || st == CDC_ERR_LIMIT || st == CDC_ERR_NOMEM);
	require(err->status == st && err->message[0] != '\0');
}

/* The text is one JSON document. */
static inline void
require_json(const CdcJsonText *text)
{
	CdcJsonText again;
	CdcError	err;

	cdc_json_text_init(&again);
	require(cdc_json_parse((const uint8_t *) text->buf.data, text->buf.len, &again.sink, &err) == CDC_OK);
	cdc_json_text_free(&again);
}

#endif							/* CDC_FUZZ_REQUIRE_DECODED_H */
