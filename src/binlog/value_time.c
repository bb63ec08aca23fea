/*-------------------------------------------------------------------------
 *
 * value_time.c
 *	  Dates and times of a row image, in the forms of all server versions.
 *
 * Old (before 5.6.4, tables not rebuilt since): decimal digits in an integer.
 * New, since 5.6.4, named TIME2, DATETIME2 and TIMESTAMP2 here: packed bits,
 * big-endian, with a fraction of 0 to 3 bytes.  MariaDB 5.3 to 10.0 (and later
 * with mysql56_temporal_format=OFF) has fractional types of its own ("hires")
 * under the old type numbers, without telling the fraction's digits in the
 * table map.  Sources: MySQL's sql-common/my_time.cc, MariaDB's sql/field.cc.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/values.h"

#include <string.h>

#define SECONDS_PER_DAY		86400

static const uint32_t powers[7] = {1, 10, 100, 1000, 10000, 100000, 1000000};

/* Makes the value a time of that kind, all of whose fields but fsp are zero. */
static inline void
begin_temporal(CdcValue *value, CdcValueKind kind, int fsp)
{
	value->kind = kind;
	memset(&value->u.t, 0, sizeof(value->u.t));
	value->u.t.fsp = (uint8_t) fsp;
}

static CdcStatus
bad_time(CdcRowReader *r, const char *what)
{
	return cdc_error(r->err, CDC_ERR_CORRUPT, "%s has a field out of range", what);
}

/* Whether the fields can be printed; zero and partial dates can. */
static bool
date_in_range(const CdcTemporal *t)
{
	return t->year <= 9999 && t->month <= 12 && t->day <= 31;
}

static bool
clock_in_range(const CdcTemporal *t)
{
	return t->hour <= 23 && t->minute <= 59 && t->second <= 59 && t->micros <= 999999;
}

/* Seconds since 1970 to UTC. */
static void
set_utc(CdcTemporal *t, uint32_t seconds)
{
	uint32_t	days = seconds / SECONDS_PER_DAY;
	uint32_t	rest = seconds % SECONDS_PER_DAY;
	uint32_t	era_day,
				yoe,
				doy,
				mp;

	/*
	 * Days to a date of the Gregorian calendar: years start in March, so that
	 * the leap day is the last one; 719468 days lie between 0000-03-01 and
	 * 1970-01-01, 146097 in 400 years.
	 */
	days += 719468;
	era_day = days % 146097;
	yoe = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	doy = era_day - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	t->day = (uint8_t) (doy - (153 * mp + 2) / 5 + 1);
	t->month = (uint8_t) (mp < 10 ? mp + 3 : mp - 9);
	t->year = (uint16_t) (yoe + days / 146097 * 400 + (t->month <= 2));
	t->hour = (uint16_t) (rest / 3600);
	t->minute = (uint8_t) (rest / 60 % 60);
	t->second = (uint8_t) (rest % 60);
}

/* The fraction's (fsp + 1) / 2 bytes, two digits each, as microseconds. */
static uint32_t
read_fraction(const uint8_t *p, int fsp)
{
	int			nbytes = (fsp + 1) / 2;

	return (uint32_t) cdc_be(p, nbytes) * powers[6 - 2 * nbytes];
}

/* DATE: 3 bytes, little-endian: day 5 bits, month 4, year 15. */
CdcStatus
cdc_decode_date(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, 3);
	uint32_t	v;

	(void) plan;
	if (p == NULL)
		return cdc_row_cut_short(r);
	v = cdc_le24(p);
	begin_temporal(value, CDC_DATE, 0);
	value->u.t.day = v & 31;
	value->u.t.month = v >> 5 & 15;
	value->u.t.year = (uint16_t) (v >> 9);
	return date_in_range(&value->u.t) ? CDC_OK : bad_time(r, "date");
}

/* TIME, old: 3 bytes, signed, the decimal digits hhhmmss. */
CdcStatus
cdc_decode_time_old(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, 3);
	int32_t		v;
	CdcTemporal *t = &value->u.t;

	(void) plan;
	if (p == NULL)
		return cdc_row_cut_short(r);
	v = (int32_t) (cdc_le24(p) ^ 0x800000) - 0x800000;
	begin_temporal(value, CDC_TIME, 0);
	t->negative = v < 0;
	if (v < 0)
		v = -v;
	t->hour = (uint16_t) (v / 10000);
	t->minute = (uint8_t) (v / 100 % 100);
	t->second = (uint8_t) (v % 100);
	return t->hour <= 838 && t->minute <= 59 && t->second <= 59 ? CDC_OK : bad_time(r, "time");
}

/* DATETIME, old: 8 bytes, the decimal digits YYYYMMDDhhmmss. */
CdcStatus
cdc_decode_datetime_old(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, 8);
	uint64_t	v,
				date;
	uint32_t	clock;
	CdcTemporal *t = &value->u.t;

	(void) plan;
	if (p == NULL)
		return cdc_row_cut_short(r);
	v = cdc_le64(p);
	if (v / 1000000 > 99991231)
		return bad_time(r, "datetime");
	date = v / 1000000;
	clock = (uint32_t) (v % 1000000);
	begin_temporal(value, CDC_DATETIME, 0);
	t->year = (uint16_t) (date / 10000);
	t->month = (uint8_t) (date / 100 % 100);
	t->day = (uint8_t) (date % 100);
	t->hour = (uint16_t) (clock / 10000);
	t->minute = (uint8_t) (clock / 100 % 100);
	t->second = (uint8_t) (clock % 100);
	return date_in_range(t) && clock_in_range(t) ? CDC_OK : bad_time(r, "datetime");
}

/* TIMESTAMP, old: 4 bytes, little-endian, seconds since 1970. */
CdcStatus
cdc_decode_timestamp_old(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, 4);

	(void) plan;
	if (p == NULL)
		return cdc_row_cut_short(r);
	begin_temporal(value, CDC_TIMESTAMP, 0);
	if (cdc_le32(p) != 0)
		set_utc(&value->u.t, cdc_le32(p));
	return CDC_OK;
}

/*
 * TIME2: 3 bytes, big-endian, plus the fraction, together one number around a
 * zero of 0x800000: hour 10 bits, minute 6, second 6, then the fraction.
 */
CdcStatus
cdc_decode_time2(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);
	int			nbytes = (plan->fsp + 1) / 2;
	int64_t		v;
	uint32_t	hms;
	CdcTemporal *t = &value->u.t;

	if (p == NULL)
		return cdc_row_cut_short(r);
	v = (int64_t) cdc_be(p, 3 + nbytes) - ((int64_t) 0x800000 << (8 * nbytes));
	begin_temporal(value, CDC_TIME, plan->fsp);
	t->negative = v < 0;
	if (v < 0)
		v = -v;
	hms = (uint32_t) (v >> (8 * nbytes));
	t->micros = (uint32_t) (v & (((int64_t) 1 << (8 * nbytes)) - 1)) * powers[6 - 2 * nbytes];
	t->hour = hms >> 12 & 0x3ff;
	t->minute = hms >> 6 & 0x3f;
	t->second = hms & 0x3f;
	return t->hour <= 838 && t->minute <= 59 && t->second <= 59 && t->micros <= 999999 &&
		hms >> 22 == 0 ? CDC_OK : bad_time(r, "time");
}

/*
 * DATETIME2: 5 bytes, big-endian: sign 1 bit (always 1), year * 13 + month 17
 * bits, day 5, hour 5, minute 6, second 6; then the fraction.
 */
CdcStatus
cdc_decode_datetime2(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);
	uint64_t	v;
	uint32_t	months;
	CdcTemporal *t = &value->u.t;

	if (p == NULL)
		return cdc_row_cut_short(r);
	v = cdc_be(p, 5);
	begin_temporal(value, CDC_DATETIME, plan->fsp);
	months = v >> 22 & 0x1ffff;
	t->year = (uint16_t) (months / 13);
	t->month = (uint8_t) (months % 13);
	t->day = v >> 17 & 31;
	t->hour = v >> 12 & 31;
	t->minute = v >> 6 & 63;
	t->second = v & 63;
	t->micros = read_fraction(p + 5, plan->fsp);
	return v >> 39 == 1 && date_in_range(t) && clock_in_range(t) ? CDC_OK :
		bad_time(r, "datetime");
}

/*
 * TIMESTAMP2: 4 bytes, big-endian, seconds since 1970; then the fraction.  The zero timestamp has
 * none: MariaDB takes the fractions of the first second for times, which MySQL never stores.
 */
CdcStatus
cdc_decode_timestamp2(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);
	uint32_t	seconds;
	CdcTemporal *t = &value->u.t;

	if (p == NULL)
		return cdc_row_cut_short(r);
	seconds = (uint32_t) cdc_be(p, 4);
	begin_temporal(value, CDC_TIMESTAMP, plan->fsp);
	t->micros = read_fraction(p + 4, plan->fsp);
	if (seconds != 0 || t->micros != 0)
		set_utc(t, seconds);
	return t->micros <= 999999 ? CDC_OK : bad_time(r, "timestamp");
}

/* Bytes by fractional digits; MariaDB's Field_*_hires::pack_length(). */
uint32_t
cdc_hires_wire_size(uint8_t type, int fsp)
{
	static const uint8_t time_bytes[7] = {3, 4, 4, 5, 5, 5, 6};
	static const uint8_t datetime_bytes[7] = {5, 6, 6, 7, 7, 7, 8};
	static const uint8_t fraction_bytes[7] = {0, 1, 1, 2, 2, 3, 3};

	if (type == CDC_WT_TIME)
		return time_bytes[fsp];
	if (type == CDC_WT_DATETIME)
		return datetime_bytes[fsp];
	return 4u + fraction_bytes[fsp];
}

/*
 * MariaDB's TIME(n): big-endian, the time in units of 10^-n seconds above a
 * zero point of -839:00:00 (MariaDB's Field_time_hires::zero_point).
 */
CdcStatus
cdc_decode_time_hires(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	static const uint64_t max_seconds = 838 * 3600 + 59 * 60 + 59;
	const uint8_t *p = cdc_take(r, plan->size);
	int64_t		unit = powers[plan->fsp];
	int64_t		v;
	CdcTemporal *t = &value->u.t;

	if (p == NULL)
		return cdc_row_cut_short(r);
	v = (int64_t) cdc_be(p, (int) plan->size) - (int64_t) (max_seconds + 1) * unit;
	begin_temporal(value, CDC_TIME, plan->fsp);
	t->negative = v < 0;
	if (v < 0)
		v = -v;
	t->micros = (uint32_t) (v % unit) * powers[6 - plan->fsp];
	v /= unit;
	if (v > (int64_t) max_seconds)
		return bad_time(r, "time");
	t->hour = (uint16_t) (v / 3600);
	t->minute = (uint8_t) (v / 60 % 60);
	t->second = (uint8_t) (v % 60);
	return CDC_OK;
}

/*
 * MariaDB's DATETIME(n): big-endian; ((((year * 13 + month) * 32 + day) * 24 +
 * hour) * 60 + minute) * 60 + second, in units of 10^-n seconds.
 */
CdcStatus
cdc_decode_datetime_hires(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);
	uint64_t	v;
	CdcTemporal *t = &value->u.t;

	if (p == NULL)
		return cdc_row_cut_short(r);
	v = cdc_be(p, (int) plan->size);
	begin_temporal(value, CDC_DATETIME, plan->fsp);
	t->micros = (uint32_t) (v % powers[plan->fsp]) * powers[6 - plan->fsp];
	v /= powers[plan->fsp];
	t->second = (uint8_t) (v % 60);
	v /= 60;
	t->minute = (uint8_t) (v % 60);
	v /= 60;
	t->hour = (uint16_t) (v % 24);
	v /= 24;
	t->day = (uint8_t) (v % 32);
	v /= 32;
	t->month = (uint8_t) (v % 13);
	v /= 13;
	if (v > 9999)
		return bad_time(r, "datetime");
	t->year = (uint16_t) v;
	return CDC_OK;
}

/*
 * MariaDB's TIMESTAMP(n): 4 bytes, big-endian, seconds since 1970; then the
 * fraction in units of 10^-n, big-endian in the bytes it needs.
 */
CdcStatus
cdc_decode_timestamp_hires(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);
	uint32_t	seconds;
	uint64_t	fraction;
	CdcTemporal *t = &value->u.t;

	if (p == NULL)
		return cdc_row_cut_short(r);
	seconds = (uint32_t) cdc_be(p, 4);
	fraction = cdc_be(p + 4, (int) plan->size - 4);
	if (fraction >= powers[plan->fsp])
		return bad_time(r, "timestamp");
	begin_temporal(value, CDC_TIMESTAMP, plan->fsp);
	t->micros = (uint32_t) fraction * powers[6 - plan->fsp];
	if (seconds != 0 || fraction != 0)
		set_utc(t, seconds);
	return CDC_OK;
}
