/*-------------------------------------------------------------------------
 *
 * compat_value.h
 *	  Differences between servers in single values: jsonb, floats, times, hashes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_COMPAT_VALUE_H
#define CDC_PG_BASE_COMPAT_VALUE_H

#include "pg/base/compat.h"

#include "catalog/pg_type.h"

/* hash_any() moved in 13. */
#if PG_VERSION_NUM >= 130000
#include "common/hashfn.h"
#else
#include "access/hash.h"
#endif

/* Input and output of bigint have their prototypes among all others since 10. */
#if PG_VERSION_NUM < 100000
#include "utils/int8.h"
#endif

/* The arrays of all types have a name since 14. */
#ifndef BYTEAARRAYOID
#define BYTEAARRAYOID	1001
#endif

/*
 * Jsonb as an argument and a result: the macros got a P in their names in 11.
 * They need utils/jsonb.h.
 */
#if PG_VERSION_NUM < 110000
#define DatumGetJsonbP(d)				DatumGetJsonb(d)
#define JsonbPGetDatum(p)				JsonbGetDatum(p)
#define PG_GETARG_JSONB_P(n)			PG_GETARG_JSONB(n)
#endif

/*
 * The fewest digits that give the same float again: the server has them since
 * 12; before, the smallest precision that reads back serves.  buf has
 * CDC_FLOAT_TEXT bytes; the result is the text's length, without a final NUL.
 */
#define CDC_FLOAT_TEXT	32
#if PG_VERSION_NUM >= 120000
#include "common/shortest_dec.h"
#define cdc_float4_text(v, buf)		((size_t) float_to_shortest_decimal_bufn((v), (buf)))
#define cdc_float8_text(v, buf)		((size_t) double_to_shortest_decimal_bufn((v), (buf)))
#else
static inline size_t
cdc_float4_text(float v, char *buf)
{
	int			digits;

	for (digits = 6; digits < 9; digits++)
	{
		snprintf(buf, CDC_FLOAT_TEXT, "%.*g", digits, v);
		if (strtof(buf, NULL) == v)
			break;
	}
	return snprintf(buf, CDC_FLOAT_TEXT, "%.*g", digits, v);
}

static inline size_t
cdc_float8_text(double v, char *buf)
{
	int			digits;

	for (digits = 15; digits < 17; digits++)
	{
		snprintf(buf, CDC_FLOAT_TEXT, "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	return snprintf(buf, CDC_FLOAT_TEXT, "%.*g", digits, v);
}
#endif

/*
 * A day or a local time as timestamptz in the session's time zone, as comparisons
 * of them do it: what does not fit is infinite since 13, before that an error.
 * They need utils/date.h and utils/timestamp.h.
 */
#if PG_VERSION_NUM >= 130000
#define CDC_DATE_TO_TIMESTAMPTZ(date)	date2timestamptz_opt_overflow((date), &(int) {0})
#define CDC_TIMESTAMP_TO_TIMESTAMPTZ(ts)	timestamp2timestamptz_opt_overflow((ts), &(int) {0})
#else
#define CDC_DATE_TO_TIMESTAMPTZ(date) \
	DatumGetTimestampTz(DirectFunctionCall1(date_timestamptz, DateADTGetDatum(date)))
#define CDC_TIMESTAMP_TO_TIMESTAMPTZ(ts) \
	DatumGetTimestampTz(DirectFunctionCall1(timestamp_timestamptz, TimestampGetDatum(ts)))
#endif

/* Multiranges came in 14.  It needs utils/lsyscache.h. */
#if PG_VERSION_NUM >= 140000
#define CDC_RANGE_OF_MULTIRANGE(typid)	get_multirange_range(typid)
#else
#define CDC_RANGE_OF_MULTIRANGE(typid)	InvalidOid
#endif

/*
 * Types whose texts are names in the catalogs; some came in 9.5 and 13.
 */
static inline bool
cdc_is_reg_type(Oid typid)
{
	switch (typid)
	{
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGTYPEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
#ifdef REGROLEOID
		case REGROLEOID:
		case REGNAMESPACEOID:
#endif
#ifdef REGCOLLATIONOID
		case REGCOLLATIONOID:
#endif
			return true;
		default:
			return false;
	}
}

#endif							/* CDC_PG_BASE_COMPAT_VALUE_H */
