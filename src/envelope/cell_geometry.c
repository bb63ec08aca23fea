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
#define EWKB_M		0x40000000u
#define EWKB_Z		0x80000000u

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

/* The types of WKB, without marks of dimensions. */
#define LAST_WKB_TYPE	17

/* Whether the bytes begin as WKB of more dimensions, or of PostGIS's own types, or of an empty point does. */
static bool
begins_as_wkb(CdcString wkb)
{
	const uint8_t *in = (const uint8_t *) wkb.data;
	uint32_t	type;

	if (wkb.len < 9 || in[0] > 1)
		return false;
	type = get_word(in + 1, in[0] != 0) & ~(EWKB_Z | EWKB_M | EWKB_SRID);
	return type / 1000 <= 3 && type % 1000 >= 1 && type % 1000 <= LAST_WKB_TYPE;
}

/*
 * What has no WKT that events know, as EWKB: the bytes as they are, with the SRID in them.  It is
 * in base64, or, for a type that reads them, in hexadecimal digits.
 */
static CdcStatus
emit_ewkb(CdcArena *arena, const CdcCell *cell, CdcString wkb, int64_t srid, CdcSink *sink, CdcError *err)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint8_t *in = (const uint8_t *) wkb.data;
	bool		little = in[0] != 0;
	bool		adds = srid > 0 && srid <= INT32_MAX && (get_word(in + 1, little) & EWKB_SRID) == 0;
	size_t		len = wkb.len + (adds ? 4 : 0);
	uint8_t    *out = cdc_arena_alloc(arena, len);
	char	   *text = cdc_arena_alloc(arena, len * 2 + 4);

	if (out == NULL || text == NULL)
		return cdc_cell_no_memory(err);
	memcpy(out, in, 5);
	memcpy(out + (adds ? 9 : 5), in + 5, wkb.len - 5);
	if (adds)
	{
		out[little ? 4 : 1] |= (uint8_t) (EWKB_SRID >> 24);
		for (int i = 0; i < 4; i++)
			out[5 + i] = (uint8_t) ((uint64_t) srid >> (little ? i : 3 - i) * 8);
	}
	if (!cell->type.hex)
		return sink->ops->string(sink, text, cdc_base64(out, len, text));
	for (size_t i = 0; i < len; i++)
	{
		text[i * 2] = digits[out[i] >> 4];
		text[i * 2 + 1] = digits[out[i] & 15];
	}
	return sink->ops->string(sink, text, len * 2);
}

CdcStatus
cdc_emit_geometry_object(CdcArena *arena, const CdcCell *cell, CdcString wkb, CdcSink *sink,
						 CdcError *err)
{
	CdcBuf		text = {0};
	CdcError	ignored;
	int64_t		srid = 0;
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
	else if (st == CDC_ERR_CORRUPT && (cell->type.ewkb || cell->type.hex) && begins_as_wkb(wkb))
		st = emit_ewkb(arena, cell, wkb, cell->type.keep_srid ? srid : 0, sink, err);
	else if (st == CDC_ERR_CORRUPT)
		st = cdc_cell_error(cell, "two-dimensional WKB", err);
	else if (st == CDC_ERR_LIMIT)
		st = cdc_error(err, st, "%s", ignored.message);
	cdc_buf_free(&text);
	return st;
}
