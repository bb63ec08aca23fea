/*-------------------------------------------------------------------------
 *
 * compare.c
 *	  Comparisons of a whole number with values of SQL, as sets of numbers.
 *
 *	  A value lies at a number, or between a number and the next one: that is
 *	  all that has to be known of it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/topic/compare.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "pg/base/compat_value.h"
#include "pg/base/epoch.h"

/*
 * Where clocks are set back, local times come again: an hour, three at Casey in
 * 2010.  That may be over midnight, as in St. John's until 2011.
 */
#define CLOCK_CHANGE_MS	((int64) 4 * 3600 * 1000)

typedef struct Place
{
	int			infinite;		/* -1 below all numbers, 1 above all */
	int64		at;				/* the last number that is not above the value */
	int64		next;			/* the first one that is above it */
	bool		exact;			/* the value is at itself */
	int64		margin;			/* numbers about its ends that may belong to both sides */
} Place;

bool
cdc_compare_takes(CdcNumberForm form, Oid type)
{
	switch (form)
	{
		case CDC_FORM_NUMBER:
			return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
		case CDC_FORM_TIME:
			return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
		case CDC_FORM_LOCAL:
			return type == TIMESTAMPOID || type == DATEOID;
		case CDC_FORM_DATE:
			return type == DATEOID;
	}
	return false;
}

static Place
integer_place(int64 value)
{
	Place		place = {0, value, value, true, 0};

	if (value == PG_INT64_MAX)
		place.infinite = 1;		/* nothing that we look for is there */
	else
		place.next = value + 1;
	return place;
}

static Place
numeric_place(Datum value)
{
	Datum		floor;
	Place		place = {0, 0, 0, true, 0};
	Datum		limit = DirectFunctionCall1(int8_numeric, Int64GetDatum(PG_INT64_MAX));

	/* NaN is above all, and so are numbers beyond 64 bits for us */
	if (DatumGetBool(DirectFunctionCall2(numeric_ge, value, limit)))
		place.infinite = 1;
	else if (DatumGetBool(DirectFunctionCall2(numeric_lt, value,
											  DirectFunctionCall1(numeric_uminus, limit))))
		place.infinite = -1;
	else
	{
		floor = DirectFunctionCall1(numeric_floor, value);
		place = integer_place(DatumGetInt64(DirectFunctionCall1(numeric_int8, floor)));
		place.exact = DatumGetBool(DirectFunctionCall2(numeric_eq, value, floor));
	}
	return place;
}

static Place
timestamp_place(TimestampTz value)
{
	Place		place = {0, 0, 0, true, 0};

	if (TIMESTAMP_IS_NOBEGIN(value))
		place.infinite = -1;
	else if (TIMESTAMP_IS_NOEND(value))
		place.infinite = 1;
	else
	{
		int64		ms = value / 1000;

		if (value % 1000 < 0)
			ms--;
		place.at = ms + CDC_EPOCH_DISTANCE_MS;
		place.next = place.at + 1;
		place.exact = (value % 1000 == 0);
	}
	return place;
}

/* What is beyond the range of timestamptz is infinite. */
static Place
date_place(DateADT value)
{
	return timestamp_place(CDC_DATE_TO_TIMESTAMPTZ(value));
}

/* Whether the time zone's clocks may be set about that time, in ms since 1970. */
static bool
clocks_change(int64 ms)
{
	TimestampTz at = (ms - CDC_EPOCH_DISTANCE_MS) * 1000;
	struct pg_tm tm;
	fsec_t		fsec;
	int			before;
	int			after;

	return timestamp2tm(at - CLOCK_CHANGE_MS * 1000, &before, &tm, &fsec, NULL, NULL) != 0 ||
		timestamp2tm(at + CLOCK_CHANGE_MS * 1000, &after, &tm, &fsec, NULL, NULL) != 0 ||
		before != after;
}

/* A whole day: it begins at the first number and ends before the next. */
static Place
day_place(DateADT value)
{
	Place		place = date_place(value);

	if (place.infinite == 0)
	{
		Place		tomorrow = date_place(value + 1);

		if (tomorrow.infinite == 0)
			place.next = tomorrow.at;
		else
			place.infinite = 1;
	}
	if (place.infinite == 0 && (clocks_change(place.at) || clocks_change(place.next)))
		place.margin = CLOCK_CHANGE_MS;
	return place;
}

static Place
find_place(CdcNumberForm form, Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return integer_place(DatumGetInt16(value));
		case INT4OID:
			return integer_place(DatumGetInt32(value));
		case INT8OID:
			return integer_place(DatumGetInt64(value));
		case NUMERICOID:
			return numeric_place(value);
		case DATEOID:
			return form == CDC_FORM_DATE ? day_place(DatumGetDateADT(value)) :
				date_place(DatumGetDateADT(value));
		case TIMESTAMPOID:
			return timestamp_place(CDC_TIMESTAMP_TO_TIMESTAMPTZ(DatumGetTimestamp(value)));
		case TIMESTAMPTZOID:
			return timestamp_place(DatumGetTimestampTz(value));
		default:
			elog(ERROR, "unexpected type %u in a condition", type);
	}
}

CdcIntervals
cdc_compare_set(CdcNumberForm form, CdcCompare compare, Oid type, Datum value)
{
	Place		place = find_place(form, type, value);
	bool		less = compare == CDC_COMPARE_LESS || compare == CDC_COMPARE_LESS_EQUAL;

	if (form == CDC_FORM_LOCAL && place.infinite == 0 && clocks_change(place.at))
		place.margin = CLOCK_CHANGE_MS;

	if (compare == CDC_COMPARE_NOT_EQUAL)
	{
		CdcInterval others[2] = {
			{CDC_INTERVAL_MIN, place.at}, {place.next, CDC_INTERVAL_MAX}
		};

		return place.infinite != 0 || !place.exact ? cdc_intervals_all() :
			cdc_intervals_of(others, 2);
	}
	if (place.infinite != 0)
		return less == (place.infinite > 0) && compare != CDC_COMPARE_EQUAL ?
			cdc_intervals_all() : cdc_intervals_none();
	switch (compare)
	{
		case CDC_COMPARE_LESS:
			return cdc_intervals_range(CDC_INTERVAL_MIN,
									   (place.exact ? place.at : place.next) + place.margin);
		case CDC_COMPARE_LESS_EQUAL:
			return cdc_intervals_range(CDC_INTERVAL_MIN, place.next + place.margin);
		case CDC_COMPARE_EQUAL:
			return place.exact ? cdc_intervals_range(place.at - place.margin,
													 place.next + place.margin) :
				cdc_intervals_none();
		case CDC_COMPARE_GREATER_EQUAL:
			return cdc_intervals_range((place.exact ? place.at : place.next) - place.margin,
									   CDC_INTERVAL_MAX);
		default:
			return cdc_intervals_range(place.next - place.margin, CDC_INTERVAL_MAX);
	}
}
