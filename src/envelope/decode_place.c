/*-------------------------------------------------------------------------
 *
 * decode_place.c
 *	  What decoders of bytes by a schema share: where in a message they are, how much
 *	  they may still write, and how an error tells both.
 *
 *	  What is written is bounded by the number of bytes and a margin, as a value may
 *	  take none (null, an empty record, a field that is not there), and a schema can ask
 *	  for any number of those, with names of any length.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/decode_place.h"

#include <stdio.h>

#include "envelope/document.h"

/* Bytes that may be written whatever the message has, and for each byte of it. */
#define FREE_BYTES		((uint64_t) 64 * 1024 * 1024)
#define BYTES_A_BYTE	64

/* Of one name in a path. */
#define SHOWN_NAME		64

void
cdc_decode_begin(CdcDecodePlace *place, const char *schema, const uint8_t *bytes, size_t len,
				 CdcError *err)
{
	/* a path that is not used need not be cleared */
	place->err = err;
	place->schema = schema;
	place->begin = place->at = bytes;
	place->room = FREE_BYTES + (uint64_t) len * BYTES_A_BYTE;
	place->values = 0;
	place->depth = 0;
	err->status = CDC_OK;
}

void
cdc_decode_path(const CdcString *const *path, int depth, char *buf, size_t size)
{
	size_t		len = 0;

	buf[0] = '\0';
	for (int i = 0; i < depth && len + SHOWN_NAME + 16 < size; i++)
		if (path[i] != NULL)
			len += (size_t) snprintf(buf + len, size - len, "%s%.*s", len > 0 ? "." : "",
									 cdc_clip(*path[i], SHOWN_NAME), path[i]->data);
}

CdcStatus
cdc_decode_fail(const CdcDecodePlace *place, CdcStatus st, const char *reason)
{
	char		path[CDC_ERROR_TEXT / 2];
	size_t		at = (size_t) (place->at - place->begin);

	cdc_decode_path(place->path, place->depth, path, sizeof(path));
	if (st == CDC_ERR_LIMIT)
		cdc_error(place->err, st, "message is larger than its bytes account for");
	else
		cdc_error(place->err, st, "message does not fit its %s schema", place->schema);
	if (path[0] != '\0')
		cdc_error_detail(place->err, "At byte %zu, field %s: %s.", at, path, reason);
	else
		cdc_error_detail(place->err, "At byte %zu: %s.", at, reason);
	return st;
}

CdcStatus
cdc_decode_no_room(const CdcDecodePlace *place)
{
	return cdc_decode_fail(place, CDC_ERR_LIMIT, "its schema makes more than 64 MB of it");
}

CdcStatus
cdc_decode_explain(const CdcDecodePlace *place, CdcStatus st)
{
	if (st == CDC_OK || place->err->status == st)
		return st;
	if (st == CDC_ERR_CORRUPT)
		return cdc_decode_fail(place, CDC_ERR_VALUE, "a text is not UTF-8");
	if (st == CDC_ERR_NOMEM)
		return cdc_error(place->err, st, "out of memory");
	return cdc_error(place->err, st, st == CDC_ERR_LIMIT ?
					 "message is too large or nested too deep" :
					 "message has a value that cannot be kept");
}
