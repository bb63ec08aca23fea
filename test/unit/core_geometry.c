/*
 * core_geometry.c
 *	  Tests of geometry: bytes to WKT, WKT to EWKB.  Examples were printed by
 *	  MySQL's and MariaDB's own ST_AsWKB() and, with an SRID, follow PostGIS's
 *	  documentation of EWKB; the rest is random geometry there and back.
 */
#include "unit.h"

#include <math.h>

#include "core/geometry.h"

static void
append_hex(CdcBuf *out, const CdcBuf *bytes)
{
	for (size_t i = 0; i < bytes->len; i++)
		assert_true(cdc_buf_printf(out, "%02x", (unsigned char) bytes->data[i]));
}

static void
assert_ewkb(const char *text, const char *hex)
{
	CdcBuf		ewkb = {0};
	CdcBuf		found = {0};
	CdcError	err;

	assert_ok(cdc_geometry_ewkb(text, strlen(text), &ewkb, &err), &err);
	append_hex(&found, &ewkb);
	assert_string_equal(unit_text(&found), hex);
	cdc_buf_free(&ewkb);
	cdc_buf_free(&found);
}

#define ONE		"000000000000f03f"
#define TWO		"0000000000000040"
#define MINUS	"00000000000004c0"		/* -2.5 */

static void
test_examples(void **state)
{
	(void) state;
	assert_ewkb("POINT (1 -2.5)", "0101000000" ONE MINUS);
	assert_ewkb("point(1.0 -25e-1)", "0101000000" ONE MINUS);
	assert_ewkb(" \tPoint ( 1   2 ) \n", "0101000000" ONE TWO);
	assert_ewkb("SRID=4326;POINT (1 2)", "0101000020e6100000" ONE TWO);
	assert_ewkb("srid = 0 ; POINT(1 2)", "010100002000000000" ONE TWO);
	assert_ewkb("POINT EMPTY", "0101000000" "000000000000f87f" "000000000000f87f");
	assert_ewkb("LINESTRING (1 2, 2 1)", "0102000000" "02000000" ONE TWO TWO ONE);
	assert_ewkb("LINESTRING EMPTY", "0102000000" "00000000");
	assert_ewkb("POLYGON ((1 1, 2 1, 2 2, 1 1), (1 2, 2 2))",
				"0103000000" "02000000" "04000000" ONE ONE TWO ONE TWO TWO ONE ONE
				"02000000" ONE TWO TWO TWO);
	assert_ewkb("POLYGON (EMPTY)", "0103000000" "01000000" "00000000");
	assert_ewkb("MULTIPOINT ((1 2), (2 1))",
				"0104000000" "02000000" "0101000000" ONE TWO "0101000000" TWO ONE);
	assert_ewkb("MULTIPOINT (1 2, 2 1)",
				"0104000000" "02000000" "0101000000" ONE TWO "0101000000" TWO ONE);
	assert_ewkb("MULTILINESTRING ((1 2), EMPTY)",
				"0105000000" "02000000" "0102000000" "01000000" ONE TWO "0102000000" "00000000");
	assert_ewkb("MULTIPOLYGON (((1 2)))",
				"0106000000" "01000000" "0103000000" "01000000" "01000000" ONE TWO);
	assert_ewkb("SRID=3857;GEOMETRYCOLLECTION (POINT (1 2), GEOMETRYCOLLECTION EMPTY)",
				"0107000020110f0000" "02000000" "0101000000" ONE TWO "0107000000" "00000000");
}

static void
test_refused(void **state)
{
	static const char *const texts[] = {
		"", " ", "POINT", "POINT (", "POINT (1", "POINT (1)", "POINT (1 2", "POINT (1 2 3)", "POINT (1, 2)",
		"POINT (1 2))", "POINT (1 2) x", "POINT 1 2", "POINT Z (1 2 3)", "POINTZ (1 2 3)", "POINT ()",
		"POINT (nan nan)", "POINT (inf 1)", "POINT (1e999 1)", "POINT (0x10 1)", "POINT (1.2.3 1)", "POINT (- 1)",
		"LINESTRING", "LINESTRING ()", "LINESTRING (1 2,)", "LINESTRING (,1 2)", "LINESTRING ((1 2))",
		"POLYGON (1 2)", "POLYGON ((1 2)", "MULTIPOINT ((1 2)", "MULTIPOINT (POINT (1 2))",
		"GEOMETRYCOLLECTION (1 2)", "GEOMETRYCOLLECTION (POINT (1 2)", "GEOMETRYCOLLECTION (SRID=1;POINT (1 2))",
		"CIRCLE (1 2)", "EMPTY", "SRID", "SRID=", "SRID=4326", "SRID=4326 POINT (1 2)", "SRID=-1;POINT (1 2)",
		"SRID=1.5;POINT (1 2)", "SRID=9999999;POINT (1 2)", "SRID=x;POINT (1 2)"
	};
	CdcBuf		out = {0};
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(texts); i++)
	{
		if (cdc_geometry_ewkb(texts[i], strlen(texts[i]), &out, &err) != CDC_ERR_VALUE)
			fail_msg("\"%s\" is taken", texts[i]);
		assert_int_equal(err.status, CDC_ERR_VALUE);
	}
	/* a byte of zero is no end, and none of it is read beyond its length */
	assert_int_equal(cdc_geometry_ewkb("POINT (1 2)\0", 12, &out, &err), CDC_ERR_VALUE);
	assert_int_equal(cdc_geometry_ewkb("POINT (1 2)", 10, &out, &err), CDC_ERR_VALUE);
	cdc_buf_free(&out);
}

static void
test_depth(void **state)
{
	(void) state;
	for (int levels = CDC_GEOMETRY_MAX_DEPTH; levels <= CDC_GEOMETRY_MAX_DEPTH + 1; levels++)
	{
		CdcBuf		text = {0};
		CdcBuf		out = {0};
		CdcError	err;

		for (int i = 0; i < levels; i++)
			assert_true(cdc_buf_printf(&text, "GEOMETRYCOLLECTION ("));
		assert_true(cdc_buf_printf(&text, "POINT (1 2)"));
		for (int i = 0; i < levels; i++)
			assert_true(cdc_buf_printf(&text, ")"));
		assert_int_equal(cdc_geometry_ewkb(text.data, text.len, &out, &err),
						 levels <= CDC_GEOMETRY_MAX_DEPTH ? CDC_OK : CDC_ERR_LIMIT);
		cdc_buf_free(&text);
		cdc_buf_free(&out);
	}
}

/* ---- random geometry ---- */

static void
put_u32(CdcBuf *out, uint32_t n)
{
	uint8_t		bytes[4] = {(uint8_t) n, (uint8_t) (n >> 8), (uint8_t) (n >> 16), (uint8_t) (n >> 24)};

	assert_true(cdc_buf_append(out, bytes, 4));
}

/* Any finite number, 0 and -0 among them. */
static void
put_points(UnitRandom *r, CdcBuf *out, uint32_t n)
{
	for (uint32_t i = 0; i < 2 * n; i++)
	{
		uint64_t	bits;
		double		d;

		do
		{
			bits = unit_random_below(r, 3) == 0 ? unit_random(r) : 0;
			if (unit_random_below(r, 8) == 0)
				bits = UINT64_C(1) << 63;
			memcpy(&d, &bits, sizeof(d));
			if (bits == 0)
				d = (double) ((int64_t) unit_random_below(r, 2000000) - 1000000) / 1000;
		} while (!isfinite(d));
		memcpy(&bits, &d, sizeof(bits));
		for (int b = 0; b < 8; b++)
			assert_true(cdc_buf_append(out, &(uint8_t) {(uint8_t) (bits >> (8 * b))}, 1));
	}
}

static void
put_random(UnitRandom *r, CdcBuf *out, int type, int depth)
{
	uint32_t	n = type == 1 ? 1 : (uint32_t) unit_random_below(r, 5);

	assert_true(cdc_buf_append(out, "\1", 1));
	put_u32(out, (uint32_t) type);
	if (type > 1)
		put_u32(out, n);
	if (type <= 2)
	{
		put_points(r, out, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
	{
		if (type == 3)
		{
			uint32_t	points = (uint32_t) unit_random_below(r, 6);

			put_u32(out, points);
			put_points(r, out, points);
		}
		else if (type == 7)
			put_random(r, out, (int) unit_random_below(r, depth < 4 ? 7 : 6) + 1, depth + 1);
		else
			put_random(r, out, type - 3, depth + 1);
	}
}

static void
test_there_and_back(void **state)
{
	UnitRandom	r = {4711};

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		CdcBuf		bytes = {0};
		CdcBuf		text = {0};
		CdcBuf		ewkb = {0};
		CdcError	err;

		put_u32(&bytes, (uint32_t) unit_random_below(&r, 5000));
		put_random(&r, &bytes, i % 7 + 1, 0);
		assert_ok(cdc_geometry_text((const uint8_t *) bytes.data, bytes.len, &text, &err), &err);
		assert_ok(cdc_geometry_ewkb(text.data, text.len, &ewkb, &err), &err);
		assert_int_equal(ewkb.len, bytes.len - 4);
		assert_memory_equal(ewkb.data, bytes.data + 4, ewkb.len);

		/* what is cut short is neither */
		assert_int_equal(cdc_geometry_text((const uint8_t *) bytes.data, unit_random_below(&r, bytes.len),
										   &text, &err), CDC_ERR_CORRUPT);
		cdc_buf_free(&bytes);
		cdc_buf_free(&text);
		cdc_buf_free(&ewkb);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
