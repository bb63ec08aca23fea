/*-------------------------------------------------------------------------
 *
 * cell_geometry.c
 *	  Geometry of envelopes: WKB in an object (Debezium) or MySQL's own bytes (Canal)
 *	  to WKT, as events have it, or to EWKB in base64 where the receiver takes bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_geometry.h"

#include "core/base64.h"
#include "core/geometry.h"

/* PostGIS's mark of a WKB that has its SRID behind the type. */
#define EWKB_SRID	0x20000000u

static uint32_t
get_word(const uint8_t *p, bool little)
{
	return little ? (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24 :
		(uint32_t) p[3] | (uint32_t) p[2] << 8 | (uint32_t) p[1] << 16 | (uint32_t) p[0] << 24;
}

/* Writes WKT, perhaps with "SRID=n;" before it, in the form that is expected. */
static CdcStatus
emit_text(CdcArena *arena, const CdcCell *cell, const CdcBuf *text, CdcSink *sink, CdcError *err)
{
	CdcBuf		ewkb = {0};
	char	   *base64;
	CdcStatus	st;

	if (!cell->type.bytes)
		return sink->ops->string(sink, text->data, text->len);
	st = cdc_geometry_ewkb(text->data, text->len, &ewkb, err);
	if (st == CDC_OK)
	{
		base64 = cdc_arena_alloc(arena, (ewkb.len + 2) / 3 * 4 + 1);
		if (base64 == NULL)
			st = cdc_cell_no_memory(err);
		else
			st = sink->ops->string(sink, base64,
								   cdc_base64((const uint8_t *) ewkb.data, ewkb.len, base64));
	}
	cdc_buf_free(&ewkb);
	return st;
}

/* An SRID and WKB, as MySQL stores them. */
CdcStatus
cdc_emit_geometry_bytes(CdcArena *arena, const CdcCell *cell, CdcString bytes, CdcSink *sink,
						CdcError *err)
{
	CdcBuf		text = {0};
	CdcStatus	st;

	if (bytes.len == 0)
		return sink->ops->null(sink);
	st = cdc_geometry_text((const uint8_t *) bytes.data, bytes.len, &text, err);
	if (st == CDC_OK)
		st = emit_text(arena, cell, &text, sink, err);
	else if (st == CDC_ERR_CORRUPT)
		st = cdc_cell_error(cell, "geometry as MySQL stores it", err);
	cdc_buf_free(&text);
	return st;
}

/*
 * WKB as MySQL would store it: its SRID, which is not part of WKB, before it; that
 * of an EWKB taken out.  NULL: it is no WKB, or there is no memory.
 */
static uint8_t *
as_stored(CdcArena *arena, CdcString wkb, size_t *len)
{
	const uint8_t *in = (const uint8_t *) wkb.data;
	uint8_t    *out = cdc_arena_zalloc(arena, wkb.len + 4);
	bool		little;

	if (out == NULL || wkb.len < 5)
		return NULL;
	little = in[0] != 0;
	if ((get_word(in + 1, little) & EWKB_SRID) == 0)
	{
		memcpy(out + 4, in, wkb.len);
		*len = wkb.len + 4;
		return out;
	}
	if (wkb.len < 9)
		return NULL;
	memcpy(out + 4, in, 5);
	out[little ? 8 : 5] &= (uint8_t) ~(EWKB_SRID >> 24);
	memcpy(out + 9, in + 9, wkb.len - 9);
	*len = wkb.len;
	return out;
}

CdcStatus
cdc_emit_geometry_object(CdcArena *arena, const CdcCell *cell, CdcString wkb, CdcSink *sink,
						 CdcError *err)
{
	CdcBuf		text = {0};
	CdcError	ignored;
	int64_t		srid;
	size_t		len;
	uint8_t    *stored = as_stored(arena, wkb, &len);
	CdcStatus	st = CDC_OK;

	/* MySQL's is not in the events of a binlog either */
	if (cell->type.keep_srid && cdc_doc_find_int64(&cell->value, "srid", &srid) && srid > 0 &&
		!cdc_buf_printf(&text, "SRID=%lld;", (long long) srid))
		st = cdc_cell_no_memory(err);
	if (st == CDC_OK)
		st = stored == NULL ? CDC_ERR_CORRUPT : cdc_geometry_text(stored, len, &text, &ignored);
	if (st == CDC_OK)
		st = emit_text(arena, cell, &text, sink, err);
	else if (st == CDC_ERR_CORRUPT)
		st = cdc_cell_error(cell, "two-dimensional WKB", err);
	else if (st == CDC_ERR_LIMIT)
		st = cdc_error(err, st, "%s", ignored.message);
	cdc_buf_free(&text);
	return st;
}
