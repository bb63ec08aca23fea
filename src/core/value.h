/*-------------------------------------------------------------------------
 *
 * value.h
 *	  One column value of a change, as decoded from a source.
 *
 * Pointers inside a value point into memory of its producer (the bytes of a
 * binlog event, or an arena).  They stay valid as long as the CdcChange that
 * the value is part of; see change.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_VALUE_H
#define CDC_CORE_VALUE_H

#include "status.h"

struct CdcSink;

typedef enum CdcValueKind
{
	CDC_ABSENT = 0,				/* the image does not contain this column */
	CDC_NULL,
	CDC_INT,					/* i */
	CDC_UINT,					/* u */
	CDC_FLOAT,					/* d, which is printed with the shortest digits of a float */
	CDC_DOUBLE,					/* d */
	CDC_DECIMAL,				/* s: decimal digits, optional '-' and '.', no exponent */
	CDC_TEXT,					/* s: valid UTF-8; may contain NUL */
	CDC_BYTES,					/* s: any bytes; the event has them in base64 */
	CDC_DATE,					/* t: year, month, day */
	CDC_TIME,					/* t: negative, hour (0 to 838), minute, second, micros, fsp */
	CDC_DATETIME,				/* t, as the session wrote it, without time zone */
	CDC_TIMESTAMP,				/* t, in UTC */
	CDC_SET,					/* set: the chosen members, in definition order */
	CDC_JSON					/* json: a document in some binary form */
} CdcValueKind;

typedef struct CdcString
{
	const char *data;			/* not NUL-terminated */
	size_t		len;
} CdcString;

typedef struct CdcTemporal
{
	uint16_t	year;			/* year, month and day may be 0 (zero and partial dates) */
	uint16_t	hour;
	uint8_t		month;
	uint8_t		day;
	uint8_t		minute;
	uint8_t		second;
	uint32_t	micros;
	uint8_t		fsp;			/* fractional digits to print, 0 to 6 */
	bool		negative;		/* only of a CDC_TIME */
} CdcTemporal;

typedef struct CdcJsonDoc
{
	const uint8_t *data;
	size_t		len;
	/* writes the document into the sink; checks every length it reads */
	CdcStatus	(*emit) (const uint8_t *data, size_t len, struct CdcSink *sink,
						 CdcError *err);
} CdcJsonDoc;

typedef struct CdcValue
{
	CdcValueKind kind;
	union
	{
		int64_t		i;
		uint64_t	u;
		double		d;
		CdcString	s;
		CdcTemporal t;
		struct
		{
			const CdcString *members;
			int			nmembers;
		}			set;
		CdcJsonDoc	json;
	}			u;
} CdcValue;

/*
 * Prints a CDC_DATE, CDC_TIME, CDC_DATETIME or CDC_TIMESTAMP as MySQL does,
 * e.g. "2024-02-29 23:59:59.250".  buf has at least CDC_TEMPORAL_TEXT bytes.
 * Returns the length without the terminating NUL.
 */
#define CDC_TEMPORAL_TEXT	40
extern size_t cdc_temporal_text(CdcValueKind kind, const CdcTemporal *t, char *buf);

#endif							/* CDC_CORE_VALUE_H */
