/*-------------------------------------------------------------------------
 *
 * cell.h
 *	  One value of a row image, and in which form the envelope has it.
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
	CDC_CELL_UNCLEAR,			/* the form cannot be known, which is an error */
	CDC_CELL_UNCLEAR_BYTES,		/* hexadecimal digits or base64: likewise */
	CDC_CELL_UNCLEAR_DIGITS		/* a number's digits or base64 */
} CdcCellForm;

typedef struct CdcCellType
{
	CdcCellForm form;
	int			scale;
	int			fsp;			/* fractional digits, -1 = as many as there are */
	const CdcColumn *column;	/* CDC_CELL_COLUMN */
	bool		wrapped;		/* CDC_CELL_UNCLEAR: see cell_hint.h */
	bool		nanos;			/* likewise: it may count nanoseconds */
	bool		bytes;			/* geometry: as EWKB in base64, not as WKT */
	bool		keep_srid;		/* geometry: with its SRID, if it has one */
	bool		ewkb;			/* geometry: what has no WKT of two dimensions may be EWKB in base64, */
	bool		hex;			/* ... or in hexadecimal digits */
} CdcCellType;

typedef struct CdcCell
{
	CdcString	name;
	CdcDoc		value;
	CdcCellType type;
} CdcCell;

/* An error about a value of a column; expected: a thing, for the detail. */
extern CdcStatus cdc_cell_error(const CdcCell *cell, const char *expected, CdcError *err);

extern CdcStatus cdc_cell_no_memory(CdcError *err);

#endif							/* CDC_ENVELOPE_CELL_H */
