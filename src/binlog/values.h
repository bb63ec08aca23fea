/*-------------------------------------------------------------------------
 *
 * values.h
 *	  Column values out of row images: one decode function a column, chosen
 *	  once for a table map.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_VALUES_H
#define CDC_BINLOG_VALUES_H

#include "core/bytes.h"
#include "binlog/charset.h"
#include "binlog/events.h"
#include "core/change.h"

/* Where the decoder stands in a row image. */
typedef struct CdcRowReader
{
	const uint8_t *p;
	const uint8_t *end;
	CdcArena   *arena;			/* for what cannot point into the event */
	CdcError   *err;
	bool		cut;			/* a value went beyond the end */
} CdcRowReader;

struct CdcColumnPlan;

/*
 * Takes one value off the reader.  On error the message is set, without table
 * and column, which the caller adds.
 */
typedef CdcStatus (*CdcDecodeFn) (CdcRowReader *r, const struct CdcColumnPlan *plan,
								  CdcValue *value);

/* How to decode one column. */
typedef struct CdcColumnPlan
{
	CdcDecodeFn decode;
	const CdcColumn *column;
	CdcCharsetConverter *converter;	/* text: to UTF-8; NULL where it is UTF-8 already */
	uint32_t	size;			/* bytes on the wire, or of the padded value */
	uint8_t		type;			/* CdcWireType */
	uint8_t		prefix;			/* bytes of the length before a string */
	uint8_t		precision;		/* decimal */
	uint8_t		scale;
	uint8_t		fsp;			/* fractional seconds digits */
	bool		old_uuid;		/* MariaDB's first format; see value_mariadb.c */
} CdcColumnPlan;

/* The value goes beyond the event's end. */
extern CdcStatus cdc_row_cut_short(CdcRowReader *r);
extern CdcStatus cdc_row_no_memory(CdcRowReader *r);

/*
 * Takes a string: plan->prefix bytes of length, then the bytes, to which *data
 * points.  false when it goes beyond the event's end.
 */
static inline bool
cdc_take_string(CdcRowReader *r, const CdcColumnPlan *plan, const uint8_t **data, size_t *len)
{
	size_t		left = (size_t) (r->end - r->p);

	*data = NULL;
	*len = 0;
	if (left < plan->prefix)
		return false;
	*len = plan->prefix == 1 ? *r->p : (size_t) cdc_le(r->p, plan->prefix);
	if (left - plan->prefix < *len)
		return false;
	*data = r->p + plan->prefix;
	r->p += plan->prefix + *len;
	return true;
}

/* Takes a fixed number of bytes; NULL when there are fewer. */
static inline const uint8_t *
cdc_take(CdcRowReader *r, size_t n)
{
	const uint8_t *p = r->p;

	if ((size_t) (r->end - p) < n)
		return NULL;
	r->p = p + n;
	return p;
}

/* value_number.c */
extern CdcStatus cdc_decode_int8(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_uint8(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_int16(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_uint16(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_int24(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_uint24(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_int32(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_uint32(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_int64(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_uint64(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_float(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_double(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_bit(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_year(CdcRowReader *, const CdcColumnPlan *, CdcValue *);

/* value_decimal.c */
extern CdcStatus cdc_decode_decimal(CdcRowReader *, const CdcColumnPlan *, CdcValue *);

/* Bytes of a decimal(precision, scale) on the wire. */
extern uint32_t cdc_decimal_wire_size(int precision, int scale);

/*
 * A column has 65 digits at most.  Inside of JSON the precision counts leading
 * zeros too, as the server's nine words of nine digits have them.
 */
#define CDC_DECIMAL_DIGITS	81

/*
 * Prints a decimal of cdc_decimal_wire_size() bytes at p and not more than
 * CDC_DECIMAL_DIGITS digits; text has CDC_DECIMAL_TEXT bytes.  Returns the length; 0 when the bytes are no decimal.
 */
#define CDC_DECIMAL_TEXT	100
extern size_t cdc_decimal_text(const uint8_t *p, int precision, int scale, char *text);

/* value_time.c */
extern CdcStatus cdc_decode_date(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_time_old(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_datetime_old(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_timestamp_old(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_time2(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_datetime2(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_timestamp2(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_time_hires(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_datetime_hires(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_timestamp_hires(CdcRowReader *, const CdcColumnPlan *, CdcValue *);

/* Bytes of MariaDB's pre-10.1 fractional types on the wire. */
extern uint32_t cdc_hires_wire_size(uint8_t type, int fsp);

/* value_string.c */
extern CdcStatus cdc_decode_text_utf8(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_text_converted(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_bytes(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_bytes_padded(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_enum(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_set(CdcRowReader *, const CdcColumnPlan *, CdcValue *);

/* value_mariadb.c */
extern CdcStatus cdc_decode_text_compressed(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_bytes_compressed(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_uuid(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_inet4(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_inet6(CdcRowReader *, const CdcColumnPlan *, CdcValue *);

/* value_geometry.c */
extern CdcStatus cdc_decode_geometry(CdcRowReader *, const CdcColumnPlan *, CdcValue *);
extern CdcStatus cdc_decode_vector(CdcRowReader *, const CdcColumnPlan *, CdcValue *);

/* json_binary.c */
extern CdcStatus cdc_decode_json(CdcRowReader *, const CdcColumnPlan *, CdcValue *);

/* json_partial.c: the value is a list of changes to before's document */
extern CdcStatus cdc_decode_json_diff(CdcRowReader *, const CdcColumnPlan *,
									  const CdcValue *before, CdcValue *);

#endif							/* CDC_BINLOG_VALUES_H */
