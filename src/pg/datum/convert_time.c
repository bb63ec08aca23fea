/*-------------------------------------------------------------------------
 *
 * convert_time.c
 *	  Dates and times of events, as MySQL prints them, to PostgreSQL's types.
 *
 * DATE is YYYY-MM-DD, DATETIME and TIMESTAMP (in UTC) YYYY-MM-DD
 * hh:mm:ss[.ffffff], TIME [-]h..hhh:mm:ss[.ffffff] up to 838 hours.  Instants of messages
 * are the second with a Z behind it.  Other texts
 * in ISO 8601, of other kinds of sources, take the way through PostgreSQL's input
 * functions, and nothing else does: those know words that mean the clock.  Zero and
 * partly zero dates, which MySQL stores and PostgreSQL has no value for, follow
 * the subscription's policy.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/convert_time.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "core/digits.h"
#include "pg/base/bounded_text.h"
#include "pg/datum/fixed_text.h"

typedef struct DateTime
{
	int			year;
	int			month;
	int			day;
	bool		has_time;
	int64		micros;			/* of the day, or of the whole TIME */
	int			digits;			/* of the fraction that are not trailing zeros */
} DateTime;

/* :mm:ss[.ffffff] and the end of the text; adds to dt->micros. */
static bool
minutes(const char *p, const char *end, int hours, DateTime *dt)
{
	int			minute;
	int			second;
	int			micros = 0;

	if (!cdc_take_char(&p, end, ':') || !cdc_take_digits(&p, end, 2, &minute) ||
		!cdc_take_char(&p, end, ':') || !cdc_take_digits(&p, end, 2, &second) ||
		minute > 59 || second > 59)
		return false;
	dt->digits = 0;
	if (p < end)
	{
		int			n;
		int			scale = 100000;

		if (!cdc_take_char(&p, end, '.') || end - p < 1 || end - p > 6)
			return false;
		for (n = 1; p < end; n++, p++, scale /= 10)
		{
			if (!cdc_is_digit(*p))
				return false;
			if (*p != '0')
				dt->digits = n;
			micros += (*p - '0') * scale;
		}
	}
	dt->micros = ((int64) hours * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second) *
		USECS_PER_SEC + micros;
	return true;
}

static bool
parse_datetime(const CdcJsonValue *v, DateTime *dt)
{
	const char *p = v->data;
	const char *end = p + v->len;
	int			hour;

	if (v->type != JENTRY_ISSTRING)
		return false;
	if (!cdc_take_digits(&p, end, 4, &dt->year) || !cdc_take_char(&p, end, '-') ||
		!cdc_take_digits(&p, end, 2, &dt->month) || !cdc_take_char(&p, end, '-') ||
		!cdc_take_digits(&p, end, 2, &dt->day))
		return false;
	dt->has_time = p < end;
	dt->micros = 0;
	dt->digits = 0;
	if (!dt->has_time)
		return true;
	if (*p != ' ' && *p != 'T')
		return false;
	p++;
	return cdc_take_digits(&p, end, 2, &hour) && hour < 24 && minutes(p, end, hour, dt);
}

static bool
parse_time(const CdcJsonValue *v, DateTime *dt)
{
	const char *p = v->data;
	const char *end = p + v->len;
	bool		negative = false;
	int			hours = 0;
	int			n = 0;

	if (v->type != JENTRY_ISSTRING)
		return false;
	if (p < end && *p == '-')
	{
		negative = true;
		p++;
	}
	for (; p < end && cdc_is_digit(*p) && n < 6; p++, n++)
		hours = hours * 10 + (*p - '0');
	if (n == 0 || !minutes(p, end, hours, dt))
		return false;
	if (negative)
		dt->micros = -dt->micros;
	return true;
}

/* Whether PostgreSQL has that day.  MySQL knows the year 0, month 0 and day 0. */
static bool
day_exists(const DateTime *dt)
{
	return dt->year > 0 && dt->month >= 1 && dt->month <= MONTHS_PER_YEAR && dt->day >= 1 &&
		dt->day <= day_tab[isleap(dt->year)][dt->month - 1];
}

/* A day and a time that PostgreSQL has, in UTC as the Z behind them says. */
static bool
parse_instant(const CdcJsonValue *v, DateTime *dt)
{
	CdcJsonValue without = *v;

	if (v->type != JENTRY_ISSTRING || v->len == 0 || v->data[v->len - 1] != 'Z')
		return false;
	without.len--;
	return parse_datetime(&without, dt) && dt->has_time && day_exists(dt);
}

/* Returns true for NULL, false for -infinity. */
static bool
zero_date(CdcConverter *conv, const CdcJsonValue *v, const DateTime *dt)
{
	bool		key = conv->zero_date == CDC_ZERO_DATE_KEY;

	switch (conv->zero_date)
	{
		case CDC_ZERO_DATE_NULL:
			return true;
		case CDC_ZERO_DATE_INFINITY:
			return false;
		case CDC_ZERO_DATE_KEY:
			if (dt->year == 0 && dt->month == 0 && dt->day == 0 && dt->micros == 0)
				return false;
			break;
		case CDC_ZERO_DATE_ERROR:
		case CDC_ZERO_DATE_REFUSED:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
			 errmsg("date \"%s\" of the source does not exist in PostgreSQL",
					cdc_bounded_text(cdc_json_to_cstring(v), 200)),
			 key ? errdetail("In a key -infinity stands for 0000-00-00 alone, so that keys that differ stay apart.") : 0,
			 conv->zero_date == CDC_ZERO_DATE_ERROR ?
			 errhint("Set the subscription's option \"zero_date\" to \"null\" or \"-infinity\".") :
			 errhint("A column of type text takes it as it is.")));
}

static void
check_precision(CdcConverter *conv, const CdcJsonValue *v, const DateTime *dt)
{
	if (dt->digits > MAX_TIMESTAMP_PRECISION)
		cdc_convert_fail(conv, v, "The column has too few fraction digits, and PostgreSQL has no type of date and time with more: text takes all.");
	if (dt->digits > (conv->limit >= 0 ? conv->limit : MAX_TIMESTAMP_PRECISION))
		cdc_convert_fail(conv, v, "The column has too few fraction digits.");
}

/* Digits of a fraction that are not trailing zeros. */
static int
fraction_digits(const char *text)
{
	const char *point = strchr(text, '.');
	int			digits = 0;
	int			n;

	for (n = 1; point != NULL && cdc_is_digit(point[n]); n++)
		if (point[n] != '0')
			digits = n;
	return digits;
}

/* PostgreSQL's own infinite dates, which no other word stands for. */
static bool
infinite(CdcConverter *conv, const CdcJsonValue *v, Datum *result)
{
	bool		past;

	if (v->type != JENTRY_ISSTRING || (conv->basetype != DATEOID && conv->basetype != TIMESTAMPOID &&
									   conv->basetype != TIMESTAMPTZOID))
		return false;
	past = v->len == 9 && memcmp(v->data, "-infinity", 9) == 0;
	if (!past && !(v->len == 8 && memcmp(v->data, "infinity", 8) == 0))
		return false;
	if (conv->basetype == DATEOID)
		*result = past ? DateADTGetDatum(DATEVAL_NOBEGIN) : DateADTGetDatum(DATEVAL_NOEND);
	else
		*result = past ? TimestampGetDatum(DT_NOBEGIN) : TimestampGetDatum(DT_NOEND);
	return true;
}

/* A date or time that MySQL would have written in another way. */
static Datum
by_iso_text(CdcConverter *conv, const CdcJsonValue *v)
{
	Datum		result;
	char	   *text = v->type == JENTRY_ISSTRING ? cdc_iso_text(v->data, v->len, conv->basetype) : NULL;
	DateTime	dt = {0};

	if (text == NULL && infinite(conv, v, &result))
		return result;
	if (text == NULL)
		cdc_convert_fail(conv, v, "Dates and times are taken in ISO 8601 only, without words and names of time zones.");
	dt.digits = fraction_digits(text);
	check_precision(conv, v, &dt);
	/* an instant is one in UTC, in a column without time zone, too */
	if (conv->basetype == TIMESTAMPOID)
		return DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
								   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	return InputFunctionCall(&conv->input, text, conv->ioparam, conv->typmod);
}

static Datum
convert_date(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	DateTime	dt;

	if (!parse_datetime(v, &dt))
		return by_iso_text(conv, v);
	if (dt.micros != 0)
		cdc_convert_fail(conv, v, "A column of type date takes no time of day.");
	if (!day_exists(&dt))
	{
		*isnull = zero_date(conv, v, &dt);
		return DateADTGetDatum(DATEVAL_NOBEGIN);
	}
	return DateADTGetDatum(date2j(dt.year, dt.month, dt.day) - POSTGRES_EPOCH_JDATE);
}

/* timestamp and, as the text is in UTC, timestamptz */
static Datum
convert_timestamp(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	DateTime	dt;

	if (!parse_instant(v, &dt) && !parse_datetime(v, &dt))
		return by_iso_text(conv, v);
	if (!day_exists(&dt))
	{
		*isnull = zero_date(conv, v, &dt);
		return TimestampGetDatum(DT_NOBEGIN);
	}
	check_precision(conv, v, &dt);
	return TimestampGetDatum((date2j(dt.year, dt.month, dt.day) - POSTGRES_EPOCH_JDATE) *
							 USECS_PER_DAY + dt.micros);
}

/* An interval as text of another form, with all that it says. */
static Interval *
interval_by_text(CdcConverter *conv, const CdcJsonValue *v)
{
	CdcConverter whole = *conv;
	char	   *text = cdc_json_to_cstring(v);

	if (fraction_digits(text) > MAX_INTERVAL_PRECISION)
		cdc_convert_fail(conv, v, "The column has too few fraction digits.");
	whole.typmod = -1;
	return DatumGetIntervalP(cdc_fixed_text_datum(&whole, v, text));
}

/* The column's type may have some fields only ("interval hour to minute"), which cuts off the others. */
static Datum
convert_interval(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	DateTime	dt;
	Interval   *exact;
	Interval   *result;

	if (parse_time(v, &dt))
	{
		check_precision(conv, v, &dt);
		exact = palloc0(sizeof(Interval));
		exact->time = dt.micros;
	}
	else
		exact = interval_by_text(conv, v);
	if (conv->typmod < 0)
		return IntervalPGetDatum(exact);
	result = DatumGetIntervalP(DirectFunctionCall2(interval_scale, IntervalPGetDatum(exact),
												   Int32GetDatum(conv->typmod)));
	if (result->time != exact->time || result->day != exact->day || result->month != exact->month)
		cdc_convert_fail(conv, v, "The column has too few fields or fraction digits.");
	return IntervalPGetDatum(result);
}

static Datum
convert_time(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	DateTime	dt;

	if (!parse_time(v, &dt))
		return by_iso_text(conv, v);
	if (dt.micros < 0 || dt.micros > USECS_PER_DAY)
		cdc_convert_fail(conv, v, "Only a column of type interval takes it.");
	check_precision(conv, v, &dt);
	return TimeADTGetDatum(dt.micros);
}

static Datum
convert_timetz(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	return by_iso_text(conv, v);
}

CdcConvertFunction
cdc_convert_temporal_function(CdcConverter *conv)
{
	conv->limit = conv->typmod;
	switch (conv->basetype)
	{
		case DATEOID:
			return convert_date;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return convert_timestamp;
		case TIMEOID:
			return convert_time;
		case TIMETZOID:
			return convert_timetz;
		case INTERVALOID:
			if (conv->typmod >= 0)
			{
				conv->limit = INTERVAL_PRECISION(conv->typmod);
				if (conv->limit == INTERVAL_FULL_PRECISION)
					conv->limit = -1;
			}
			return convert_interval;
		default:
			return NULL;
	}
}
