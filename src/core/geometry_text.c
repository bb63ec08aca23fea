/*-------------------------------------------------------------------------
 *
 * geometry_text.c
 *	  Geometry as text (WKT).
 *
 * A geometry is its SRID u32 and WKB (OGC 06-103r4, 8.2), which MySQL and
 * MariaDB write in little-endian; both byte orders are read.  The text is
 * Maxwell's: "POINT (1 2)", numbers without exponents, no SRID.
 *
 *-------------------------------------------------------------------------
 */
#include "core/geometry.h"

#include <math.h>
#include <string.h>

#include "core/bytes.h"
#include "core/geometry_internal.h"
#include "core/json_text.h"

const char *const cdc_wkt_names[] = {
	"POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
	"GEOMETRYCOLLECTION"
};

#define SRID_LEN	4
#define MAX_DIGITS	40			/* significant ones that a double is printed with */
#define POSITIONAL_TEXT	(400 + MAX_DIGITS)	/* exponents go from -324 to 308 */

typedef struct WktWriter
{
	CdcReader	r;
	bool		big_endian;
	CdcBuf	   *out;
	CdcJsonText number;			/* prints the shortest digits */
	CdcError   *err;
} WktWriter;

static CdcStatus put_geometry(WktWriter *w, int expect, bool name, int depth);

static CdcStatus
put(WktWriter *w, const char *s, size_t len)
{
	if (!cdc_buf_append(w->out, s, len))
		return cdc_error(w->err, CDC_ERR_NOMEM, "out of memory");
	return CDC_OK;
}

static CdcStatus
put_text(WktWriter *w, const char *s)
{
	return put(w, s, strlen(s));
}

static CdcStatus
malformed(WktWriter *w)
{
	return cdc_error(w->err, CDC_ERR_CORRUPT, "geometry is malformed");
}

static uint32_t
read_u32(WktWriter *w)
{
	const uint8_t *p = cdc_read_bytes(&w->r, 4);

	if (p == NULL)
		return 0;
	return w->big_endian ? (uint32_t) cdc_be(p, 4) : cdc_le32(p);
}

/* Puts digits[0..n), a decimal point behind the first point of them. */
static CdcStatus
put_positional(WktWriter *w, const char *digits, int n, int point)
{
	char		text[POSITIONAL_TEXT];
	char	   *t = text;

	if (point <= 0)
	{
		*t++ = '0';
		*t++ = '.';
		for (int i = point; i < 0; i++)
			*t++ = '0';
	}
	for (int i = 0; i < n || i < point; i++)
	{
		if (i > 0 && i == point)
			*t++ = '.';
		*t++ = i < n ? digits[i] : '0';
	}
	return put(w, text, (size_t) (t - text));
}

/* The text has no NUL behind it. */
static bool
read_exponent(const char *p, const char *end, int *exponent)
{
	bool		negative = p < end && *p == '-';

	*exponent = 0;
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end; p++)
		*exponent = *exponent * 10 + (*p - '0');
	if (negative)
		*exponent = -*exponent;
	return *exponent >= -330 && *exponent <= 310;
}

/* Text of a JSON number to one without exponent and without ".0". */
static CdcStatus
put_number(WktWriter *w, double d)
{
	CdcJsonText *t = &w->number;
	char		digits[MAX_DIGITS];
	int			n = 0;
	int			point = -1;
	int			exponent = 0;
	int			zeros = 0;
	const char *p,
			   *end;
	CdcStatus	st;

	cdc_json_text_reset(t);
	if (t->sink.ops->float8(&t->sink, d) != CDC_OK)
		return cdc_error(w->err, CDC_ERR_NOMEM, "out of memory");
	p = t->buf.data;
	end = p + t->buf.len;
	if (p < end && *p == '-')
	{
		p++;
		st = put(w, "-", 1);
		if (st != CDC_OK)
			return st;
	}
	for (; p < end && *p != 'e' && *p != 'E'; p++)
	{
		if (*p == '.')
			point = n;
		else if (n < (int) sizeof(digits))
			digits[n++] = *p;
	}
	if (point < 0)
		point = n;
	if (p < end && !read_exponent(p + 1, end, &exponent))
		return malformed(w);
	while (n > 1 && n > point && digits[n - 1] == '0')
		n--;					/* of the fraction */
	while (zeros < n - 1 && digits[zeros] == '0')
		zeros++;				/* leading ones */
	if (n == 1 && digits[0] == '0')
		return put(w, "0", 1);
	if (exponent == 0 && point > 0 && zeros < point)
		return put_positional(w, digits, n, point);
	return put_positional(w, digits + zeros, n - zeros, point + exponent - zeros);
}

static CdcStatus
put_coordinate(WktWriter *w)
{
	for (int i = 0; i < 2; i++)
	{
		const uint8_t *p = cdc_read_bytes(&w->r, 8);
		uint64_t	bits;
		double		d;
		CdcStatus	st = CDC_OK;

		if (p == NULL)
			return malformed(w);
		bits = w->big_endian ? cdc_be(p, 8) : cdc_le64(p);
		memcpy(&d, &bits, sizeof(d));
		if (!isfinite(d))
			return malformed(w);
		if (i == 1)
			st = put(w, " ", 1);
		if (st == CDC_OK)
			st = put_number(w, d);
		if (st != CDC_OK)
			return st;
	}
	return CDC_OK;
}

/* The number of parts, each of at least size bytes. */
static bool
read_count(WktWriter *w, size_t size, uint32_t *n)
{
	*n = read_u32(w);
	return !w->r.failed && *n <= cdc_reader_left(&w->r) / size;
}

static CdcStatus put_parts(WktWriter *w, int type, int depth);

/* One part of a geometry of a type: a coordinate, a ring, or a geometry. */
static CdcStatus
put_part(WktWriter *w, int type, int depth)
{
	switch (type)
	{
		case WKB_LINESTRING:
			return put_coordinate(w);
		case WKB_POLYGON:
			return put_parts(w, WKB_LINESTRING, depth);
		case WKB_COLLECTION:
			return put_geometry(w, 0, true, depth + 1);
		default:
			return put_geometry(w, type - WKB_MULTIPOINT + WKB_POINT, false, depth + 1);
	}
}

/* All parts, as in "(1 2, 3 4)". */
static CdcStatus
put_parts(WktWriter *w, int type, int depth)
{
	size_t		least = type == WKB_LINESTRING ? 16 : type == WKB_POLYGON ? 4 : 9;
	uint32_t	n;
	CdcStatus	st;

	if (!read_count(w, least, &n))
		return malformed(w);
	if (n == 0)
		return put_text(w, "EMPTY");
	st = put(w, "(", 1);
	for (uint32_t i = 0; st == CDC_OK && i < n; i++)
	{
		if (i > 0)
			st = put(w, ", ", 2);
		if (st == CDC_OK)
			st = put_part(w, type, depth);
	}
	return st == CDC_OK ? put(w, ")", 1) : st;
}

/* A whole WKB geometry; expect: the type it must have, 0 = any. */
static CdcStatus
put_geometry(WktWriter *w, int expect, bool name, int depth)
{
	uint64_t	order = cdc_read_le(&w->r, 1);
	uint32_t	type;
	CdcStatus	st;

	w->big_endian = order == 0;
	type = read_u32(w);
	if (w->r.failed || order > 1 || type < WKB_POINT || type > WKB_COLLECTION ||
		(expect != 0 && type != (uint32_t) expect))
		return malformed(w);
	if (depth > CDC_GEOMETRY_MAX_DEPTH)
		return cdc_error(w->err, CDC_ERR_LIMIT, "geometry is more than %d levels deep",
						 CDC_GEOMETRY_MAX_DEPTH);
	if (name)
	{
		st = put_text(w, cdc_wkt_names[type - 1]);
		if (st == CDC_OK)
			st = put(w, " ", 1);
		if (st != CDC_OK)
			return st;
	}
	if (type != WKB_POINT)
		return put_parts(w, (int) type, depth);
	st = put(w, "(", 1);
	if (st == CDC_OK)
		st = put_coordinate(w);
	return st == CDC_OK ? put(w, ")", 1) : st;
}

CdcStatus
cdc_geometry_text(const uint8_t *data, size_t len, CdcBuf *out, CdcError *err)
{
	WktWriter	w = {.out = out,.err = err};
	CdcStatus	st;

	if (len < SRID_LEN)
		return malformed(&w);
	cdc_reader_init(&w.r, data + SRID_LEN, len - SRID_LEN);
	cdc_json_text_init(&w.number);
	st = put_geometry(&w, 0, true, 0);
	if (st == CDC_OK && cdc_reader_left(&w.r) != 0)
		st = malformed(&w);
	cdc_json_text_free(&w.number);
	return st;
}

CdcStatus
cdc_geometry_value(CdcArena *arena, const uint8_t *data, size_t len, CdcValue *value, CdcError *err)
{
	CdcBuf		text = {0};
	CdcStatus	st;

	if (len == 0)
	{
		value->kind = CDC_NULL;
		return CDC_OK;
	}
	st = cdc_geometry_text(data, len, &text, err);
	if (st == CDC_OK)
	{
		value->kind = CDC_TEXT;
		value->u.s.len = text.len;
		value->u.s.data = cdc_arena_strndup(arena, text.data, text.len);
		if (value->u.s.data == NULL)
			st = cdc_error(err, CDC_ERR_NOMEM, "out of memory for a row");
	}
	cdc_buf_free(&text);
	return st;
}

bool
cdc_is_geometry_type(const char *data_type)
{
	static const char *const names[] = {
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
		"multipolygon", "geometrycollection", "geomcollection"
	};

	for (size_t i = 0; data_type != NULL && i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(data_type, names[i]) == 0)
			return true;
	}
	return false;
}
