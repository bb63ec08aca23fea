/*-------------------------------------------------------------------------
 *
 * sink.h
 *	  Where JSON goes: an interface with one implementation that writes text
 *	  (core/json_text.c) and one that builds PostgreSQL's JSONB without
 *	  passing through text (pg/datum/jsonb_writer.c).
 *
 * The producer calls key() before each value inside an object.  Keys may
 * come in any order and are unique within an object.  Every call copies what
 * it is given.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_SINK_H
#define CDC_CORE_SINK_H

#include "value.h"

typedef struct CdcSink CdcSink;

/*
 * All return CDC_OK, or an error (out of memory, too deep, too large); the
 * sink is then unusable until it is reset by its owner.
 */
typedef struct CdcSinkOps
{
	CdcStatus	(*begin_object) (CdcSink *sink);
	CdcStatus	(*end_object) (CdcSink *sink);
	CdcStatus	(*begin_array) (CdcSink *sink);
	CdcStatus	(*end_array) (CdcSink *sink);
	CdcStatus	(*key) (CdcSink *sink, const char *s, size_t len);	/* UTF-8 */
	CdcStatus	(*null) (CdcSink *sink);
	CdcStatus	(*boolean) (CdcSink *sink, bool v);
	CdcStatus	(*int64) (CdcSink *sink, int64_t v);
	CdcStatus	(*uint64) (CdcSink *sink, uint64_t v);
	CdcStatus	(*float4) (CdcSink *sink, float v); /* finite; shortest digits */
	CdcStatus	(*float8) (CdcSink *sink, double v);
	/* as CDC_DECIMAL, but an exponent ("e-7") may follow the digits */
	CdcStatus	(*decimal) (CdcSink *sink, const char *s, size_t len);
	CdcStatus	(*string) (CdcSink *sink, const char *s, size_t len);	/* UTF-8, may hold NUL */
} CdcSinkOps;

struct CdcSink
{
	const CdcSinkOps *ops;
	/* set when a string or key held U+0000, which JSONB cannot store; the
	 * JSONB writer stores U+FFFD in its place and sets this */
	bool		has_nul;
};

#endif							/* CDC_CORE_SINK_H */
