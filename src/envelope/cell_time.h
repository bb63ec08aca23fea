/*-------------------------------------------------------------------------
 *
 * cell_time.h
 *	  Dates and times of envelopes, each written as a string in MySQL's form.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_CELL_TIME_H
#define CDC_ENVELOPE_CELL_TIME_H

#include "core/sink.h"
#include "core/value.h"

/* days since 1970 */
extern CdcStatus cdc_emit_date(CdcSink *sink, int64_t days);

/* units since 1970; per_second: 1000, 1000000 or 1000000000 */
extern CdcStatus cdc_emit_datetime(CdcSink *sink, int64_t units, int64_t per_second, int fsp);
extern CdcStatus cdc_emit_time(CdcSink *sink, int64_t units, int64_t per_second, int fsp);

/*
 * The same of any date that PostgreSQL has: "10000-01-01", "0044-03-15 BC"; and its infinite ones,
 * as Debezium's connector for it counts them: "infinity".
 */
extern CdcStatus cdc_emit_any_date(CdcSink *sink, int64_t days);
extern CdcStatus cdc_emit_any_datetime(CdcSink *sink, int64_t units, int64_t per_second, int fsp);

/* The same of years 1 to 9999, beside which the unit may not be the right one; and infinite ones. */
extern CdcStatus cdc_emit_guessed_datetime(CdcSink *sink, int64_t units, int64_t per_second, int fsp);

/* The same of a moment, with the Z of UTC behind it and as many digits as it takes. */
extern CdcStatus cdc_emit_instant(CdcSink *sink, int64_t units, int64_t per_second);

/* Likewise of seconds since 1970 and nanoseconds more; of years 1 to 9999. */
extern CdcStatus cdc_emit_moment(CdcSink *sink, int64_t seconds, int32_t nanos);

/*
 * Writes ISO 8601 as MySQL prints dates and times, with a zone in UTC; years before 1 and behind
 * 9999, which Java writes with a sign or as the year 0, as above; a text that is something else as
 * it is.
 */
extern CdcStatus cdc_emit_datetime_text(CdcSink *sink, CdcString text);
extern CdcStatus cdc_emit_time_text(CdcSink *sink, CdcString text);

/* Microseconds since 1970 of such a text, which is in UTC where it has no zone. */
extern bool cdc_datetime_micros(CdcString text, int64_t *micros);

#endif							/* CDC_ENVELOPE_CELL_TIME_H */
