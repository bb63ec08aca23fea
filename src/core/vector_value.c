/*-------------------------------------------------------------------------
 *
 * vector_value.c
 *	  Vectors as JSON arrays.
 *
 *-------------------------------------------------------------------------
 */
#include "core/vector_value.h"

#include <string.h>

#include "core/event.h"

#define ELEMENT_SIZE	4

static uint32_t
element_bits(const uint8_t *p)
{
	return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static CdcStatus
emit_vector(const uint8_t *data, size_t len, struct CdcSink *sink, CdcError *err)
{
	CdcStatus	st = sink->ops->begin_array(sink);

	for (size_t i = 0; st == CDC_OK && i + ELEMENT_SIZE <= len; i += ELEMENT_SIZE)
	{
		uint32_t	bits = element_bits(data + i);
		float		f;

		memcpy(&f, &bits, sizeof(f));
		st = cdc_float_emit(sink, f, true);
	}
	if (st == CDC_OK)
		st = sink->ops->end_array(sink);
	return st == CDC_OK ? st : cdc_error(err, st, "vector could not be written");
}

CdcStatus
cdc_vector_value(const uint8_t *data, size_t len, CdcValue *value, CdcError *err)
{
	if (len % ELEMENT_SIZE != 0)
		return cdc_error(err, CDC_ERR_CORRUPT, "vector of %zu bytes", len);
	for (size_t i = 0; i < len; i += ELEMENT_SIZE)
	{
		/* all bits of the exponent: infinite, or not a number */
		if ((element_bits(data + i) & 0x7f800000) == 0x7f800000)
			return cdc_error(err, CDC_ERR_CORRUPT,
							 "element %zu of vector is not a finite number", i / ELEMENT_SIZE);
	}
	value->kind = CDC_JSON;
	value->u.json.data = data;
	value->u.json.len = len;
	value->u.json.emit = emit_vector;
	return CDC_OK;
}
