/*-------------------------------------------------------------------------
 *
 * json_text_in.h
 *	  JSON text to JSONB, as jsonb's input function does it, several times
 *	  faster and without raising an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_JSON_TEXT_IN_H
#define CDC_PG_DATUM_JSON_TEXT_IN_H

#include "pg/base/compat.h"
#include "core/status.h"
#include "pg/datum/jsonb_writer.h"

/*
 * The document in text (UTF-8, whatever the database's encoding is), which
 * ends at len, not at a zero byte.  The writer is reset first; the result is
 * the writer's and valid until its next use.
 *
 * Returns NULL and fills err where text is not one JSON document, with the
 * place (byte offset) and the reason in err->message (CDC_ERR_SYNTAX), or where
 * it cannot be stored: CDC_ERR_LIMIT (size, depth, range of numbers) or
 * CDC_ERR_VALUE (a character that the database's encoding lacks).  Only running
 * out of memory raises an ERROR.
 *
 * U+0000, which JSONB cannot store and jsonb's input refuses, is stored as
 * U+FFFD; cdc_jsonb_writer_sink(writer)->has_nul then tells so.
 */
extern const Jsonb *cdc_jsonb_from_text(CdcJsonbWriter *writer, const char *text, size_t len,
										CdcError *err);

#endif							/* CDC_PG_DATUM_JSON_TEXT_IN_H */
