/*-------------------------------------------------------------------------
 *
 * cell.h
 *	  One value of a row image: in which form the envelope has it, and how it
 *	  is written in Maxwell's form.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_CELL_H
#define CDC_ENVELOPE_CELL_H

#include "envelope/envelope.h"

/* What a value of an image stands for.  JSON null is null in all of them. */
typedef enum CdcCellForm
{
	CDC_CELL_AS_IS,				/* as Maxwell has it, or there is no other form */
	CDC_CELL_DATE_DAYS,			/* days since 1970 */
	CDC_CELL_DATETIME_MILLIS,	/* since 1970 */
	CDC_CELL_DATETIME_MICROS,
	CDC_CELL_DATETIME_NANOS,
	CDC_CELL_DATETIME_NUMBER,	/* milliseconds or microseconds: by the column's precision */
	CDC_CELL_DATETIME_TEXT,		/* ISO 8601, "T" and zone or not */
	CDC_CELL_TIME_MILLIS,		/* of a day, or a duration of either sign */
	CDC_CELL_TIME_MICROS,
	CDC_CELL_TIME_NANOS,
	CDC_CELL_TIME_TEXT,			/* hh:mm:ss[.f][Z] */
	CDC_CELL_DECIMAL_BYTES,		/* base64 of the unscaled number, big-endian, two's
								 * complement; scale */
	CDC_CELL_DECIMAL_STRUCT,	/* {"scale", "value": the same} */
	CDC_CELL_UNSIGNED,			/* 64 bits that were printed as if signed */
	CDC_CELL_NUMBER_TEXT,		/* a number in a string */
	CDC_CELL_BITS,				/* base64, least significant byte first; length in scale */
	CDC_CELL_SET_TEXT,			/* members with commas */
	CDC_CELL_EMPTY_SET,			/* a set without members, whatever the value is */
	CDC_CELL_JSON_TEXT,			/* a document in a string */
	CDC_CELL_GEOMETRY,			/* {"wkb": base64, "srid"} */
	CDC_CELL_HEX,				/* bytes as hexadecimal digits */
	CDC_CELL_BASE64_URL,		/* bytes in base64 with '-' and '_' */
	CDC_CELL_COLUMN,			/* the server's text of a MySQL column */
	CDC_CELL_UNCLEAR,			/* cannot be told: an error */
	CDC_CELL_UNCLEAR_BYTES,		/* hexadecimal digits or base64: likewise */
	CDC_CELL_UNCLEAR_DIGITS		/* a number's digits or base64 */
} CdcCellForm;

typedef struct CdcCellType
{
	CdcCellForm form;
	int			scale;
	int			fsp;			/* fractional digits, -1 = as many as there are */
	const CdcColumn *column;	/* CDC_CELL_COLUMN */
	bool		wrapped;		/* CDC_CELL_UNCLEAR: see cdc_cell_wrapped() */
	bool		bytes;			/* geometry: as EWKB in base64, not as WKT */
	bool		keep_srid;		/* geometry: with its SRID, if it has one */
} CdcCellType;

typedef struct CdcCell
{
	CdcString	name;
	CdcDoc		value;
	CdcCellType type;
} CdcCell;

/*
 * Writes the value.  CDC_ERR_VALUE when it is not of its form: the message names
 * the column.
 */
extern CdcStatus cdc_cell_emit(CdcArena *arena, const CdcCell *cell, CdcSink *sink,
							   CdcError *err);

/*
 * Whether a number may be 64 unsigned bits that Debezium printed as if signed
 * (bigint.unsigned.handling.mode long, its default): negative, where the receiver
 * is what holds such a column.
 */
extern bool cdc_cell_wrapped(const CdcColumnHint *hint, const CdcDoc *value);

/*
 * For columns of which the envelope tells no type: epochs, base64 and texts of
 * Debezium's defaults by what the receiver expects.
 */
extern void cdc_cell_by_hint(const CdcColumnHint *hint, const CdcDoc *value, CdcCellType *type);

/*
 * The same for envelopes whose values are texts as the source prints them: dates
 * in ISO 8601, numbers perhaps in strings, JSON in strings where json_text.
 */
extern void cdc_cell_by_text_hint(const CdcColumnHint *hint, const CdcDoc *value, bool json_text,
								  CdcCellType *type);

/* An error about a value of a column; detail says what was expected. */
extern CdcStatus cdc_cell_error(const CdcCell *cell, const char *expected, CdcError *err);

/* ---- cell_geometry.c ---- */

/* Bytes as MySQL stores them. */
extern CdcStatus cdc_emit_geometry_bytes(CdcArena *arena, const CdcCell *cell, CdcString bytes,
										 CdcSink *sink, CdcError *err);

/* The WKB or EWKB of an object in cell->value. */
extern CdcStatus cdc_emit_geometry_object(CdcArena *arena, const CdcCell *cell, CdcString wkb,
										  CdcSink *sink, CdcError *err);

/* ---- cell_time.c: each writes a string ---- */

/* days since 1970 */
extern CdcStatus cdc_emit_date(CdcSink *sink, int64_t days);

/* units since 1970; per_second: 1000, 1000000 or 1000000000 */
extern CdcStatus cdc_emit_datetime(CdcSink *sink, int64_t units, int64_t per_second, int fsp);
extern CdcStatus cdc_emit_time(CdcSink *sink, int64_t units, int64_t per_second, int fsp);

/*
 * Writes ISO 8601 as MySQL prints dates and times, with a zone in UTC; a text that
 * is something else as it is.
 */
extern CdcStatus cdc_emit_datetime_text(CdcSink *sink, CdcString text);
extern CdcStatus cdc_emit_time_text(CdcSink *sink, CdcString text);

/* Microseconds since 1970 of such a text, which is in UTC where it has no zone. */
extern bool cdc_datetime_micros(CdcString text, int64_t *micros);

#endif							/* CDC_ENVELOPE_CELL_H */
