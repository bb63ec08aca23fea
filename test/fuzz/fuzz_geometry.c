/*
 * fuzz_geometry.c
 *	  Hostile geometry.  Behind a byte 'w' text of a geometry, behind any other
 *	  a value's bytes.  Bytes made of text make text again that makes the same
 *	  bytes, and so the other way round.
 */
#include <stdlib.h>
#include <string.h>

#include "core/geometry.h"
#include "require.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same(const CdcBuf *a, const CdcBuf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* From the value's bytes: text, its bytes, their text. */
static void
from_bytes(const uint8_t *data, size_t len)
{
	CdcBuf		text = {0};
	CdcBuf		again = {0};
	CdcBuf		bytes = {0};
	CdcError	err;
	CdcStatus	st = cdc_geometry_text(data, len, &text, &err);

	if (st == CDC_OK)
	{
		require(cdc_buf_append(&bytes, "\0\0\0\0", 4));
		require(cdc_geometry_ewkb(text.data, text.len, &bytes, &err) == CDC_OK);
		require(cdc_geometry_text((const uint8_t *) bytes.data, bytes.len, &again, &err) == CDC_OK);
		require(same(&text, &again));
	}
	else
		require(st == CDC_ERR_CORRUPT || st == CDC_ERR_LIMIT);
	cdc_buf_free(&text);
	cdc_buf_free(&again);
	cdc_buf_free(&bytes);
}

/* From text: bytes, their text (without SRID and empty points), its bytes. */
static void
from_text(const char *text, size_t len)
{
	CdcBuf		ewkb = {0};
	CdcError	err;
	CdcStatus	st = cdc_geometry_ewkb(text, len, &ewkb, &err);

	if (st == CDC_OK)
	{
		require(ewkb.len >= 9);
		if ((ewkb.data[4] & 0x20) == 0)
		{
			CdcBuf		value = {0};

			require(cdc_buf_append(&value, "\0\0\0\0", 4));
			require(cdc_buf_append(&value, ewkb.data, ewkb.len));
			from_bytes((const uint8_t *) value.data, value.len);
			cdc_buf_free(&value);
		}
	}
	else
		require(st == CDC_ERR_VALUE || st == CDC_ERR_LIMIT);
	cdc_buf_free(&ewkb);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *copy;

	if (size == 0)
		return 0;
	/* of exact size, so that over-reads are seen */
	copy = malloc(size - 1 > 0 ? size - 1 : 1);
	memcpy(copy, data + 1, size - 1);
	if (data[0] == 'w')
		from_text((const char *) copy, size - 1);
	else
		from_bytes(copy, size - 1);
	free(copy);
	return 0;
}
