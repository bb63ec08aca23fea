/*-------------------------------------------------------------------------
 *
 * geometry_wkb.c
 *	  Text of a geometry (WKT, OGC 06-103r4, 7.2; with an SRID as PostGIS writes
 *	  it) to bytes (WKB, 8.2; with the SRID behind the type, whose bit 29 says so).
 *
 *-------------------------------------------------------------------------
 */
#include "core/geometry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/geometry_internal.h"

#define EWKB_HAS_SRID		0x20000000u
#define MAX_SRID			999999	/* of PostGIS */

/* Digits of a number: no double needs as many, with or without an exponent. */
#define MAX_NUMBER			1100

typedef struct WkbWriter
{
	const char *start;
	const char *p;
	const char *end;
	CdcBuf	   *out;
	CdcError   *err;
} WkbWriter;

static CdcStatus put_geometry(WkbWriter *w, int srid, int depth);

/* ---- the text ---- */

static CdcStatus
malformed(WkbWriter *w, const char *expected)
{
	return cdc_error(w->err, CDC_ERR_VALUE, "geometry is malformed at byte %zu: %s is expected",
					 (size_t) (w->p - w->start), expected);
}

static void
skip_space(WkbWriter *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
		w->p++;
}

static bool
take(WkbWriter *w, char c)
{
	skip_space(w);
	if (w->p >= w->end || *w->p != c)
		return false;
	w->p++;
	return true;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The word that stands here, or nothing. */
static bool
take_word(WkbWriter *w, const char *word)
{
	size_t		len = strlen(word);

	skip_space(w);
	if ((size_t) (w->end - w->p) < len || strncasecmp(w->p, word, len) != 0 ||
		(w->p + len < w->end && is_letter(w->p[len])))
		return false;
	w->p += len;
	return true;
}

static bool
take_number(WkbWriter *w, double *d)
{
	char		text[MAX_NUMBER + 1];
	size_t		len = 0;
	char	   *end;

	skip_space(w);
	while (w->p + len < w->end && strchr("0123456789.eE+-", w->p[len]) != NULL && w->p[len] != '\0')
	{
		if (len >= MAX_NUMBER)
			return false;
		text[len] = w->p[len];
		len++;
	}
	text[len] = '\0';
	*d = strtod(text, &end);
	if (len == 0 || *end != '\0' || !isfinite(*d))
		return false;
	w->p += len;
	return true;
}

/* ---- the bytes ---- */

static CdcStatus
put(WkbWriter *w, const void *data, size_t len)
{
	if (!cdc_buf_append(w->out, data, len))
		return cdc_error(w->err, CDC_ERR_NOMEM, "out of memory");
	return CDC_OK;
}

static void
store_u32(uint8_t *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t) (n >> (8 * i));
}

static CdcStatus
put_u32(WkbWriter *w, uint32_t n)
{
	uint8_t		bytes[4];

	store_u32(bytes, n);
	return put(w, bytes, sizeof(bytes));
}

static CdcStatus
put_header(WkbWriter *w, int type, int srid)
{
	CdcStatus	st = put(w, "\1", 1);	/* little-endian */

	if (st == CDC_OK)
		st = put_u32(w, (uint32_t) type | (srid >= 0 ? EWKB_HAS_SRID : 0));
	if (st == CDC_OK && srid >= 0)
		st = put_u32(w, (uint32_t) srid);
	return st;
}

static CdcStatus
put_double(WkbWriter *w, double d)
{
	uint64_t	bits;
	uint8_t		bytes[8];

	memcpy(&bits, &d, sizeof(bits));
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t) (bits >> (8 * i));
	return put(w, bytes, sizeof(bytes));
}

/* "1 2" */
static CdcStatus
put_coordinate(WkbWriter *w)
{
	CdcStatus	st = CDC_OK;

	for (int i = 0; st == CDC_OK && i < 2; i++)
	{
		double		d;

		if (!take_number(w, &d))
			return malformed(w, "a number");
		st = put_double(w, d);
	}
	return st;
}

/* A point behind its header: "(1 2)", or bare; without coordinates it has no numbers. */
static CdcStatus
put_point(WkbWriter *w, bool bare)
{
	CdcStatus	st;

	if (take_word(w, "EMPTY"))
	{
		st = put_double(w, NAN);
		return st == CDC_OK ? put_double(w, NAN) : st;
	}
	if (!take(w, '('))
		return bare ? put_coordinate(w) : malformed(w, "(");
	st = put_coordinate(w);
	if (st == CDC_OK && !take(w, ')'))
		return malformed(w, ")");
	return st;
}

/*
 * The number of parts and the parts of a geometry of that type: "EMPTY" or
 * "(part, part)".
 */
static CdcStatus
put_parts(WkbWriter *w, int type, int depth)
{
	size_t		count_at = w->out->len;
	uint32_t	n = 0;
	CdcStatus	st = put_u32(w, 0);

	if (st != CDC_OK || take_word(w, "EMPTY"))
		return st;
	if (!take(w, '('))
		return malformed(w, "( or EMPTY");
	do
	{
		int			part = type - WKB_MULTIPOINT + WKB_POINT;

		n++;
		if (type == WKB_LINESTRING)
			st = put_coordinate(w);
		else if (type == WKB_POLYGON)
			st = put_parts(w, WKB_LINESTRING, depth + 1);
		else if (type == WKB_COLLECTION)
			st = put_geometry(w, -1, depth + 1);
		else
		{
			st = put_header(w, part, -1);
			if (st == CDC_OK)
				st = part == WKB_POINT ? put_point(w, true) : put_parts(w, part, depth + 1);
		}
		if (st != CDC_OK)
			return st;
	} while (take(w, ','));
	if (!take(w, ')'))
		return malformed(w, ") or ,");
	store_u32((uint8_t *) w->out->data + count_at, n);
	return CDC_OK;
}

/* A whole one; srid: -1 = it has none. */
static CdcStatus
put_geometry(WkbWriter *w, int srid, int depth)
{
	CdcStatus	st;
	int			type;

	if (depth > CDC_GEOMETRY_MAX_DEPTH)
		return cdc_error(w->err, CDC_ERR_LIMIT, "geometry is more than %d levels deep",
						 CDC_GEOMETRY_MAX_DEPTH);
	for (type = WKB_POINT; !take_word(w, cdc_wkt_names[type - 1]); type++)
	{
		if (type == WKB_COLLECTION)
			return malformed(w, "the name of a type");
	}
	st = put_header(w, type, srid);
	if (st != CDC_OK)
		return st;
	return type == WKB_POINT ? put_point(w, false) : put_parts(w, type, depth);
}

CdcStatus
cdc_geometry_ewkb(const char *text, size_t len, CdcBuf *out, CdcError *err)
{
	WkbWriter	w = {text, text, text + len, out, err};
	double		srid = -1;
	CdcStatus	st;

	if (take_word(&w, "SRID"))
	{
		if (!take(&w, '=') || !take_number(&w, &srid) || srid != floor(srid) || srid < 0 ||
			srid > MAX_SRID || !take(&w, ';'))
			return malformed(&w, "an SRID");
	}
	st = put_geometry(&w, (int) srid, 0);
	skip_space(&w);
	if (st == CDC_OK && w.p != w.end)
		return malformed(&w, "the end");
	return st;
}
