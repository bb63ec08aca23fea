/*
 * fuzz_binlog_temporal.c
 *	  Fuzzer of dates and times: the first byte chooses the type, the second the
 *	  fractional digits, the value follows.  What is taken is in range and, encoded again by the code here, gives the bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "binlog/values.h"
#include "require.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum
{
	DATE, TIME_OLD, DATETIME_OLD, TIMESTAMP_OLD, TIME2, DATETIME2, TIMESTAMP2,
	TIME_HIRES, DATETIME_HIRES, TIMESTAMP_HIRES, NTYPES
};

static const CdcDecodeFn decoders[NTYPES] = {
	cdc_decode_date, cdc_decode_time_old, cdc_decode_datetime_old, cdc_decode_timestamp_old,
	cdc_decode_time2, cdc_decode_datetime2, cdc_decode_timestamp2,
	cdc_decode_time_hires, cdc_decode_datetime_hires, cdc_decode_timestamp_hires
};

static const int64_t powers[7] = {1, 10, 100, 1000, 10000, 100000, 1000000};

static uint32_t
wire_size(int type, int fsp)
{
	static const uint32_t old[4] = {3, 3, 8, 4};

	if (type < TIME2)
		return old[type];
	if (type >= TIME_HIRES)
		return cdc_hires_wire_size(type == TIME_HIRES ? CDC_WT_TIME : type == DATETIME_HIRES ?
								   CDC_WT_DATETIME : CDC_WT_TIMESTAMP, fsp);
	return (type == TIME2 ? 3u : type == DATETIME2 ? 5u : 4u) + (uint32_t) (fsp + 1) / 2;
}

static int64_t
seconds_utc(const CdcTemporal *t)
{
	struct tm	tm = {.tm_year = t->year - 1900,.tm_mon = t->month - 1,.tm_mday = t->day,
	.tm_hour = t->hour,.tm_min = t->minute,.tm_sec = t->second};

	return t->month == 0 ? 0 : (int64_t) timegm(&tm);
}

/* The value's number as its type stores it, big- or little-endian. */
static uint64_t
encode(int type, int fsp, const CdcTemporal *t)
{
	int			bits = (fsp + 1) / 2 * 8;
	int64_t		fraction = t->micros / powers[6 - bits / 4];
	int64_t		clock = (t->hour * 100 + t->minute) * 100 + t->second;
	int64_t		v;

	switch (type)
	{
		case DATE:
			return (uint64_t) (t->year << 9 | t->month << 5 | t->day);
		case TIME_OLD:
			return (uint64_t) (t->negative ? -clock : clock) & 0xffffff;
		case DATETIME_OLD:
			return (uint64_t) (((t->year * 100 + t->month) * 100 + t->day) * INT64_C(1000000) + clock);
		case TIMESTAMP_OLD:
			return (uint64_t) seconds_utc(t);
		case TIME2:
			v = (int64_t) (t->hour << 12 | t->minute << 6 | t->second) << bits | fraction;
			return (uint64_t) ((INT64_C(0x800000) << bits) + (t->negative ? -v : v));
		case DATETIME2:
			v = INT64_C(1) << 39 | (int64_t) (t->year * 13 + t->month) << 22 | t->day << 17 |
				t->hour << 12 | t->minute << 6 | t->second;
			return (uint64_t) v << bits | (uint64_t) fraction;
		case TIMESTAMP2:
			return (uint64_t) seconds_utc(t) << bits | (uint64_t) fraction;
		case TIME_HIRES:
			v = (t->hour * 3600 + t->minute * 60 + t->second) * powers[fsp] + t->micros / powers[6 - fsp];
			return (uint64_t) (839 * 3600 * powers[fsp] + (t->negative ? -v : v));
		case DATETIME_HIRES:
			v = (((t->year * 13 + t->month) * INT64_C(32) + t->day) * 24 + t->hour) * 3600 +
				t->minute * 60 + t->second;
			return (uint64_t) (v * powers[fsp] + t->micros / powers[6 - fsp]);
		default:				/* its fraction is compared apart */
			return (uint64_t) seconds_utc(t);
	}
}

static void
check(int type, int fsp, const uint8_t *bytes, uint32_t size, const CdcTemporal *t)
{
	uint64_t	v = encode(type, fsp, t);
	bool		zero = t->year == 0 && t->month == 0 && t->day == 0;

	require(t->year <= 9999 && t->month <= 12 && t->day <= 31 && t->minute <= 59 &&
			t->second <= 59 && t->micros <= 999999 && t->fsp == (type < TIME2 ? 0 : fsp));
	require(t->hour <= (type == TIME_OLD || type == TIME2 || type == TIME_HIRES ? 838 : 23));
	if (type == DATE || type == TIME_OLD || type == DATETIME_OLD || type == TIMESTAMP_OLD)
		require(v == cdc_le(bytes, (int) size));
	else if (type == TIMESTAMP_HIRES)
		require(v == cdc_be(bytes, 4) &&
				t->micros == cdc_be(bytes + 4, (int) size - 4) * (uint64_t) powers[6 - fsp]);
	else if (type == TIMESTAMP2 && zero)
		require(cdc_be(bytes, 4) == 0);
	else
		require(v == cdc_be(bytes, (int) size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CdcColumnPlan plan = {0};
	CdcValue	value;
	CdcError	err;
	CdcRowReader r;
	uint8_t    *copy;
	CdcStatus	st;
	int			type;

	if (size < 2)
		return 0;
	type = data[0] % NTYPES;
	plan.fsp = (uint8_t) (data[1] % 7);
	if (type >= TIME_HIRES && plan.fsp == 0)
		plan.fsp = 6;			/* those without a fraction are the old types */
	plan.size = wire_size(type, plan.fsp);
	data += 2;
	size -= 2;
	copy = malloc(size ? size : 1); /* ends where the memory ends */
	memcpy(copy, data, size);
	r = (CdcRowReader) {copy, copy + size, NULL, &err, false};
	st = decoders[type] (&r, &plan, &value);
	require(size >= plan.size || st == CDC_ERR_CORRUPT);
	require(st == CDC_OK || (err.status == st && err.message[0] != '\0'));
	if (st == CDC_OK)
	{
		require(r.p == copy + plan.size);
		check(type, plan.fsp, copy, plan.size, &value.u.t);
	}
	free(copy);
	return 0;
}
