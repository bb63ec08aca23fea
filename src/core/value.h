/*-------------------------------------------------------------------------
 *
 * value.h
 *	  One column value of a change, as decoded from a source.
 *
 * Pointers inside a value belong to whoever produced it (the binlog event's
 * bytes or an arena) and stay valid as long as the CdcChange that they are
 * part of; see change.h.
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
	CDC_FLOAT,					/* d, to be printed with float's shortest digits */
	CDC_DOUBLE,					/* d */
	CDC_DECIMAL,				/* s: decimal digits, optional '-' and '.', no exponent */
	CDC_TEXT,					/* s: valid UTF-8; may contain NUL */
	CDC_BYTES,					/* s: any bytes; base64 in the event */
	CDC_DATE,					/* t.year month day */
	CDC_TIME,					/* t.negative hour (0 to 838) minute second micros fsp */
	CDC_DATETIME,				/* t, as the session wrote it, no time zone */
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
	uint16_t	year;			/* zero and partial dates are kept as they are */
	uint16_t	hour;
	uint8_t		month;
	uint8_t		day;
	uint8_t		minute;
	uint8_t		second;
	uint32_t	micros;
	uint8_t		fsp;			/* fractional digits to print, 0 to 6 */
	bool		negative;		/* CDC_TIME only */
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
 * e.g. "2024-02-29 23:59:59.250".  buf has at least CDC_TEMPORAL_TEXT bytes;
 * returns the length, no terminating NUL counted.
 */
#define CDC_TEMPORAL_TEXT	40
extern size_t cdc_temporal_text(CdcValueKind kind, const CdcTemporal *t, char *buf);

#endif							/* CDC_CORE_VALUE_H */
