/*-------------------------------------------------------------------------
 *
 * cell_time.c
 *	  Dates and times of envelopes: counted from 1970 or in ISO 8601, to the
 *	  text that MySQL prints and events have.
 *
 * Days are those of the proleptic Gregorian calendar, as in Java's java.time,
 * which all of these envelopes are made with, and in PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_time.h"

#include "core/digits.h"
#include "envelope/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_A_DAY	INT64_C(86400)

/* Years that four digits print, and a margin: others stay what they were. */
#define MIN_DAYS		INT64_C(-719162)	/* 0001-01-01 */
#define MAX_DAYS		INT64_C(2932896)	/* 9999-12-31 */

/* Any date that is worth to be looked at: half a million years. */
#define FAR_DAYS		INT64_C(200000000)

/*
 * Infinite dates as the driver of PostgreSQL for Java counts them, in milliseconds, and as Java writes the
 * same.  Debezium's connector takes the same number for microseconds, and writes that moment in whatever
 * unit the column has; what nanoseconds cannot count is the end of their range.  Dates alone it has as the
 * ends of PostgreSQL's; -5877611-06-21 stood for infinity in its releases until lately, by mistake.
 */
#define INFINITE_FUTURE	INT64_C(9223372036825200000)
#define INFINITE_PAST	(-INT64_C(9223372036832400000))
#define INFINITE_FUTURE_DAY			INT64_C(2146033979) /* 5877611-06-21 */
#define INFINITE_FUTURE_FORMER_DAY	(-INT64_C(2147472692))	/* -5877611-06-21 */
#define INFINITE_PAST_DAY			(-INT64_C(2147472691))	/* -5877611-06-22 */

/* Howard Hinnant's days_from_civil and its inverse, "chrono-compatible low-level date algorithms". */
static int64_t
days_of_date(int64_t year, int month, int day)
{
	int64_t		era;
	int64_t		year_of_era;
	int64_t		day_of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	year_of_era = year - era * 400;
	day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
		719468;
}

static void
date_of_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t		era;
	int64_t		day_of_era;
	int64_t		year_of_era;
	int64_t		day_of_year;
	int64_t		mp;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	day_of_era = days - era * 146097;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	mp = (5 * day_of_year + 2) / 153;
	*day = (int) (day_of_year - (153 * mp + 2) / 5 + 1);
	*month = (int) (mp < 10 ? mp + 3 : mp - 9);
	*year = year_of_era + era * 400 + (*month <= 2);
}

/* Division that rounds down. */
static void
divide(int64_t n, int64_t by, int64_t *quotient, int64_t *rest)
{
	*quotient = n / by;
	*rest = n % by;
	if (*rest < 0)
	{
		*rest += by;
		(*quotient)--;
	}
}

/* These are written a million times: a format took a fifth of reading a message. */
static char *
put_two(char *p, int n)
{
	p[0] = (char) ('0' + n / 10);
	p[1] = (char) ('0' + n % 10);
	return p + 2;
}

/* A year of four digits at most. */
static char *
put_date(char *p, int year, int month, int day)
{
	p = put_two(put_two(p, year / 100), year % 100);
	*p++ = '-';
	p = put_two(p, month);
	*p++ = '-';
	return put_two(p, day);
}

static char *
put_clock(char *p, int hour, int minute, int second)
{
	p = put_two(p, hour);
	*p++ = ':';
	p = put_two(p, minute);
	*p++ = ':';
	return put_two(p, second);
}

/* The fraction's digits behind a point: as many as fsp, or as it takes; ten characters at most. */
static char *
put_fraction(char *p, int64_t fraction, int64_t per_second, int fsp)
{
	int			n = per_second == 1000 ? 3 : per_second == 1000000 ? 6 : 9;
	int			least = fsp < 0 ? 0 : fsp;
	int			len = n;
	int			i;

	for (i = n; i > 0; i--, fraction /= 10)
		p[i] = (char) ('0' + fraction % 10);
	while (len > least && len > 0 && p[len] == '0')
		len--;
	/* without a precision, as the common types have it */
	if (fsp < 0 && len > 0)
		len = len <= 3 ? 3 : len <= 6 ? 6 : 9;
	if (len == 0)
		return p;
	*p = '.';
	return p + 1 + (len < n ? len : n);
}

CdcStatus
cdc_emit_date(CdcSink *sink, int64_t days)
{
	char		buf[32];
	int64_t		year;
	int			month;
	int			day;

	if (days < MIN_DAYS || days > MAX_DAYS)
		return CDC_ERR_VALUE;
	date_of_days(days, &year, &month, &day);
	return sink->ops->string(sink, buf, (size_t) (put_date(buf, (int) year, month, day) - buf));
}

/* utc: with a Z behind it. */
static CdcStatus
emit_parts(CdcSink *sink, int64_t seconds, int64_t fraction, int64_t per_second, int fsp,
		   bool utc)
{
	char		buf[64];
	char	   *p;
	int64_t		days;
	int64_t		second;
	int64_t		year;
	int			month;
	int			day;

	divide(seconds, SECONDS_A_DAY, &days, &second);
	if (days < MIN_DAYS || days > MAX_DAYS)
		return CDC_ERR_VALUE;
	date_of_days(days, &year, &month, &day);
	p = put_date(buf, (int) year, month, day);
	*p++ = ' ';
	p = put_clock(p, (int) (second / 3600), (int) (second / 60 % 60), (int) (second % 60));
	p = put_fraction(p, fraction, per_second, fsp);
	if (utc)
		*p++ = 'Z';
	return sink->ops->string(sink, buf, (size_t) (p - buf));
}

static CdcStatus
emit_datetime(CdcSink *sink, int64_t units, int64_t per_second, int fsp, bool utc)
{
	int64_t		seconds;
	int64_t		fraction;

	divide(units, per_second, &seconds, &fraction);
	return emit_parts(sink, seconds, fraction, per_second, fsp, utc);
}

CdcStatus
cdc_emit_datetime(CdcSink *sink, int64_t units, int64_t per_second, int fsp)
{
	return emit_datetime(sink, units, per_second, fsp, false);
}

/* ---- dates that MySQL does not have ---- */

/* Writes the infinite date that units since 1970 stand for; false: they stand for none. */
static bool
emit_infinite(CdcSink *sink, int64_t units, int64_t per_second, CdcStatus *st)
{
	int64_t		future = INFINITE_FUTURE;
	int64_t		past = INFINITE_PAST;

	if (per_second == 1000 && units > -INT64_C(1000000000000000000) && units < INT64_C(1000000000000000000))
	{
		future /= 1000;
		past /= 1000;
	}
	else if (per_second == 1000000000)
	{
		future = INT64_MAX;
		past = INT64_MIN;
	}
	if (units != future && units != past)
		return false;
	*st = units > 0 ? sink->ops->string(sink, "infinity", 8) : sink->ops->string(sink, "-infinity", 9);
	return true;
}

/* The same of days. */
static bool
emit_infinite_day(CdcSink *sink, int64_t days, CdcStatus *st)
{
	if (days == INFINITE_FUTURE_DAY || days == INFINITE_FUTURE_FORMER_DAY)
		*st = sink->ops->string(sink, "infinity", 8);
	else if (days == INFINITE_PAST_DAY)
		*st = sink->ops->string(sink, "-infinity", 9);
	else
		return false;
	return true;
}

/* The same of such a text of Java's; only years of more than four digits, which have a sign, are looked at. */
static bool
emit_infinite_text(CdcSink *sink, CdcString text, CdcStatus *st)
{
	static const struct
	{
		const char *text;		/* up to the fraction of a second, or the zone */
		bool		past;
	}			infinite[] = {
		{"+292278994-08-16T23:00:00", false}, {"-292275055-05-16T23:00:00", true},
		{"+294247-01-10T04:00:25.2", false}, {"-290308-12-21T19:59:27.6", true},
		{"+5877611-06-21", false}, {"-5877611-06-21", false}, {"-5877611-06-22", true}
	};
	const char *p;
	size_t		i;
	size_t		len;

	if (text.len == 0 || (text.data[0] != '+' && text.data[0] != '-'))
		return false;
	for (i = 0; i < sizeof(infinite) / sizeof(infinite[0]); i++)
	{
		len = strlen(infinite[i].text);
		if (text.len < len || memcmp(text.data, infinite[i].text, len) != 0)
			continue;
		/* behind it zeros of a fraction, and UTC */
		for (p = text.data + len; p < text.data + text.len && (*p == '0' || *p == '.'); p++)
			;
		if (p < text.data + text.len && (*p != 'Z' || p + 1 != text.data + text.len))
			continue;
		*st = infinite[i].past ? sink->ops->string(sink, "-infinity", 9) : sink->ops->string(sink, "infinity", 8);
		return true;
	}
	return false;
}

/* clock is what stands behind the date, with a space before it, or "". */
static CdcStatus
emit_far(CdcSink *sink, int64_t days, const char *clock)
{
	char		buf[128];
	int64_t		year;
	int			month;
	int			day;
	int			len;

	if (days < -FAR_DAYS || days > FAR_DAYS)
		return CDC_ERR_VALUE;
	date_of_days(days, &year, &month, &day);
	len = snprintf(buf, sizeof(buf), "%04d-%02d-%02d%s%s", (int) (year > 0 ? year : 1 - year), month, day,
				   clock, year > 0 ? "" : " BC");
	return sink->ops->string(sink, buf, (size_t) len);
}

CdcStatus
cdc_emit_any_date(CdcSink *sink, int64_t days)
{
	CdcStatus	st;

	if (emit_infinite_day(sink, days, &st))
		return st;
	st = cdc_emit_date(sink, days);
	return st == CDC_ERR_VALUE ? emit_far(sink, days, "") : st;
}

CdcStatus
cdc_emit_guessed_datetime(CdcSink *sink, int64_t units, int64_t per_second, int fsp)
{
	CdcStatus	st;

	if (emit_infinite(sink, units, per_second, &st))
		return st;
	return emit_datetime(sink, units, per_second, fsp, false);
}

CdcStatus
cdc_emit_any_datetime(CdcSink *sink, int64_t units, int64_t per_second, int fsp)
{
	CdcStatus	st = cdc_emit_guessed_datetime(sink, units, per_second, fsp);
	char		clock[64];
	char	   *p = clock;
	int64_t		seconds;
	int64_t		fraction;
	int64_t		days;
	int64_t		second;

	if (st != CDC_ERR_VALUE)
		return st;
	divide(units, per_second, &seconds, &fraction);
	divide(seconds, SECONDS_A_DAY, &days, &second);
	*p++ = ' ';
	p = put_clock(p, (int) (second / 3600), (int) (second / 60 % 60), (int) (second % 60));
	p = put_fraction(p, fraction, per_second, fsp);
	*p = '\0';
	return emit_far(sink, days, clock);
}

CdcStatus
cdc_emit_instant(CdcSink *sink, int64_t units, int64_t per_second)
{
	return emit_datetime(sink, units, per_second, -1, true);
}

CdcStatus
cdc_emit_moment(CdcSink *sink, int64_t seconds, int32_t nanos)
{
	if (nanos < 0 || nanos >= 1000000000)
		return CDC_ERR_VALUE;
	return emit_parts(sink, seconds, nanos, 1000000000, -1, true);
}

CdcStatus
cdc_emit_time(CdcSink *sink, int64_t units, int64_t per_second, int fsp)
{
	char		buf[64];
	char	   *p = buf;
	bool		negative = units < 0;
	uint64_t	magnitude = negative ? 0 - (uint64_t) units : (uint64_t) units;
	uint64_t	seconds = magnitude / (uint64_t) per_second;
	uint64_t	hours = seconds / 3600;

	if (negative)
		*p++ = '-';
	/* the last two digits of its hours belong to the clock */
	if (hours >= 100)
		p += snprintf(p, 24, "%" PRIu64, hours / 100);
	p = put_clock(p, (int) (hours % 100), (int) (seconds / 60 % 60), (int) (seconds % 60));
	p = put_fraction(p, (int64_t) (magnitude % (uint64_t) per_second), per_second, fsp);
	return sink->ops->string(sink, buf, (size_t) (p - buf));
}

/* ---- ISO 8601 ---- */

typedef struct IsoTime
{
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
	CdcString	fraction;		/* digits */
	bool		has_time;
	bool		has_zone;
	int			zone;			/* seconds east of UTC */
	bool		is_far;			/* its year has a sign, or is none of MySQL's */
} IsoTime;

/* hh:mm[:ss[.fraction]] */
static bool
take_clock(const char **p, const char *end, IsoTime *t)
{
	if (!cdc_take_digits(p, end, 2, &t->hour) || !cdc_take_char(p, end, ':') ||
		!cdc_take_digits(p, end, 2, &t->minute) || t->hour > 24 || t->minute > 59)
		return false;
	t->second = 0;
	if (!cdc_take_char(p, end, ':'))
		return true;
	if (!cdc_take_digits(p, end, 2, &t->second) || t->second > 60)
		return false;
	if (*p < end && (**p == '.' || **p == ','))
	{
		t->fraction.data = ++(*p);
		while (*p < end && **p >= '0' && **p <= '9')
			(*p)++;
		t->fraction.len = (size_t) (*p - t->fraction.data);
		return t->fraction.len > 0;
	}
	return true;
}

/* Z, or an offset: +hh, +hhmm, +hh:mm, perhaps after a space */
static bool
take_zone(const char **p, const char *end, IsoTime *t)
{
	bool		east;
	int			hours;
	int			minutes = 0;

	if (*p == end)
		return true;
	if (**p == ' ')
		(*p)++;
	t->has_zone = true;
	if (cdc_take_char(p, end, 'Z') || cdc_take_char(p, end, 'z'))
		return *p == end;
	if (end - *p > 2 && memcmp(*p, "UTC", 3) == 0 && end - *p == 3)
	{
		*p += 3;
		return true;
	}
	east = cdc_take_char(p, end, '+');
	if (!east && !cdc_take_char(p, end, '-'))
		return false;
	if (!cdc_take_digits(p, end, 2, &hours))
		return false;
	if (*p < end)
	{
		(void) cdc_take_char(p, end, ':');
		if (!cdc_take_digits(p, end, 2, &minutes))
			return false;
	}
	if (hours > 18 || minutes > 59 || *p != end)
		return false;
	t->zone = (hours * 3600 + minutes * 60) * (east ? 1 : -1);
	return true;
}

/* Four digits, or a sign and up to six. */
static bool
take_year(const char **p, const char *end, IsoTime *t)
{
	const char *begin = *p;
	bool		negative = begin < end && *begin == '-';

	if (!negative && !(begin < end && *begin == '+'))
		return cdc_take_digits(p, end, 4, &t->year);
	t->is_far = true;
	t->year = 0;
	for (begin++; begin < end && *begin >= '0' && *begin <= '9' && begin - *p <= 6; begin++)
		t->year = t->year * 10 + (*begin - '0');
	if (begin - *p < 5)
		return false;
	if (negative)
		t->year = -t->year;
	*p = begin;
	return true;
}

/* The date and time, or date alone, with or without zone; nothing else. */
static bool
parse_iso(CdcString text, IsoTime *t)
{
	const char *p = text.data;
	const char *end = p + text.len;

	memset(t, 0, sizeof(*t));
	t->fraction.data = "";
	if (!take_year(&p, end, t) || !cdc_take_char(&p, end, '-') ||
		!cdc_take_digits(&p, end, 2, &t->month) || !cdc_take_char(&p, end, '-') ||
		!cdc_take_digits(&p, end, 2, &t->day))
		return false;
	if (p == end)
		return true;
	/* GoldenGate puts a colon between date and time of Oracle's DATE */
	if (cdc_take_char(&p, end, 'T') || cdc_take_char(&p, end, 't') || cdc_take_char(&p, end, ' ') ||
		cdc_take_char(&p, end, ':'))
	{
		t->has_time = true;
		if (!take_clock(&p, end, t))
			return false;
	}
	return take_zone(&p, end, t) && p == end;
}

/* Whether it is a day of any year, and such a one. */
static bool
is_day(const IsoTime *t)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);

	return t->month >= 1 && t->month <= 12 && t->day >= 1 &&
		t->day <= days[t->month - 1] + (leap && t->month == 2 ? 1 : 0);
}

static bool
date_exists(const IsoTime *t)
{
	return t->year >= 1 && is_day(t);
}

/* Digits of the fraction that count. */
static int
fraction_digits(const IsoTime *t)
{
	size_t		n = t->fraction.len;

	while (n > 6 && t->fraction.data[n - 1] == '0')
		n--;
	return (int) n;
}

/*
 * Such a date of Java's: its year 0 is the year 1 BC, whereas that of MySQL, which writes no zone, is none.
 */
static CdcStatus
emit_far_text(CdcSink *sink, const IsoTime *t)
{
	char		clock[64] = "";
	int64_t		days = days_of_date(t->year, t->month, t->day);
	int64_t		seconds = t->hour * 3600 + t->minute * 60 + t->second - t->zone;
	int64_t		shift;
	int			digits = fraction_digits(t);

	divide(seconds, SECONDS_A_DAY, &shift, &seconds);
	if (t->has_time)
	{
		days += shift;
		snprintf(clock, sizeof(clock), " %02d:%02d:%02d%s%.*s", (int) (seconds / 3600),
				 (int) (seconds / 60 % 60), (int) (seconds % 60), digits > 0 ? "." : "", digits,
				 t->fraction.data);
	}
	return emit_far(sink, days, clock);
}

CdcStatus
cdc_emit_datetime_text(CdcSink *sink, CdcString text)
{
	char		buf[128];
	IsoTime		t;
	int64_t		year;
	int64_t		days;
	int64_t		seconds;
	int			len;
	int			digits;

	CdcStatus	st;

	if (emit_infinite_text(sink, text, &st))
		return st;
	if (!parse_iso(text, &t) || fraction_digits(&t) > 9)
		return sink->ops->string(sink, text.data, text.len);
	if ((t.is_far || (t.year == 0 && t.has_zone)) && is_day(&t))
		return emit_far_text(sink, &t);
	year = t.year;
	if (t.has_zone && t.zone != 0 && t.has_time)
	{
		/* into UTC, which may be another day */
		if (!date_exists(&t))
			return sink->ops->string(sink, text.data, text.len);
		seconds = t.hour * 3600 + t.minute * 60 + t.second - t.zone;
		divide(seconds, SECONDS_A_DAY, &days, &seconds);
		days += days_of_date(t.year, t.month, t.day);
		if (days < MIN_DAYS || days > MAX_DAYS)
			return sink->ops->string(sink, text.data, text.len);
		date_of_days(days, &year, &t.month, &t.day);
		t.hour = (int) (seconds / 3600);
		t.minute = (int) (seconds / 60 % 60);
		t.second = (int) (seconds % 60);
	}
	digits = fraction_digits(&t);
	len = snprintf(buf, sizeof(buf), "%04d-%02d-%02d", (int) year, t.month, t.day);
	if (t.has_time)
		len += snprintf(buf + len, sizeof(buf) - (size_t) len, " %02d:%02d:%02d%s%.*s", t.hour,
						t.minute, t.second, digits > 0 ? "." : "", digits, t.fraction.data);
	return sink->ops->string(sink, buf, (size_t) len);
}

/* A time of day; its zone, if there is one, must be UTC. */
CdcStatus
cdc_emit_time_text(CdcSink *sink, CdcString text)
{
	const char *p = text.data;
	const char *end = p + text.len;
	char		buf[64];
	IsoTime		t;
	int			len;

	memset(&t, 0, sizeof(t));
	t.fraction.data = "";
	if (!take_clock(&p, end, &t) || !take_zone(&p, end, &t) || p != end || t.zone != 0 ||
		fraction_digits(&t) > 9)
		return sink->ops->string(sink, text.data, text.len);
	len = snprintf(buf, sizeof(buf), "%02d:%02d:%02d%s%.*s", t.hour, t.minute, t.second,
				   t.fraction.len > 0 ? "." : "", fraction_digits(&t), t.fraction.data);
	return sink->ops->string(sink, buf, (size_t) len);
}

bool
cdc_datetime_micros(CdcString text, int64_t *micros)
{
	IsoTime		t;
	int64_t		fraction = 0;
	size_t		i;

	if (!parse_iso(text, &t) || !date_exists(&t))
		return false;
	for (i = 0; i < 6; i++)
		fraction = fraction * 10 + (i < t.fraction.len ? t.fraction.data[i] - '0' : 0);
	*micros = ((days_of_date(t.year, t.month, t.day) * SECONDS_A_DAY + t.hour * 3600 +
				t.minute * 60 + t.second) - t.zone) * 1000000 + fraction;
	return true;
}
