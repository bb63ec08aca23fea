/*-------------------------------------------------------------------------
 *
 * value.c
 *	  The text of dates and times, as MySQL prints them.
 *
 * Nothing is checked or normalised here: zero dates ("0000-00-00"), partial
 * ones ("2024-00-00") and fields out of range print as they are.
 *
 *-------------------------------------------------------------------------
 */
#include "core/value.h"

/* Appends v with at least width digits; returns behind them. */
static char *
put_number(char *p, unsigned v, int width)
{
	char		digits[10];
	int			n = 0;

	do
	{
		digits[n++] = (char) ('0' + v % 10);
		v /= 10;
	} while (v > 0);
	for (; width > n; width--)
		*p++ = '0';
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

/* The same for two digits, which nearly all fields have. */
static inline char *
put_two(char *p, unsigned v)
{
	if (v > 99)
		return put_number(p, v, 2);
	p[0] = (char) ('0' + v / 10);
	p[1] = (char) ('0' + v % 10);
	return p + 2;
}

static char *
put_date(char *p, const CdcTemporal *t)
{
	if (t->year <= 9999)
		p = put_two(put_two(p, t->year / 100u), t->year % 100u);
	else
		p = put_number(p, t->year, 4);
	*p++ = '-';
	p = put_two(p, t->month);
	*p++ = '-';
	return put_two(p, t->day);
}

static char *
put_clock(char *p, const CdcTemporal *t)
{
	unsigned	fraction = t->micros % 1000000;
	int			fsp = t->fsp > 6 ? 6 : t->fsp;

	p = put_two(p, t->hour);
	*p++ = ':';
	p = put_two(p, t->minute);
	*p++ = ':';
	p = put_two(p, t->second);
	if (fsp > 0)
	{
		for (int i = fsp; i < 6; i++)
			fraction /= 10;
		*p++ = '.';
		p = put_number(p, fraction, fsp);
	}
	return p;
}

size_t
cdc_temporal_text(CdcValueKind kind, const CdcTemporal *t, char *buf)
{
	char	   *p = buf;

	if (kind == CDC_TIME)
	{
		if (t->negative)
			*p++ = '-';
		p = put_clock(p, t);
	}
	else
	{
		p = put_date(p, t);
		if (kind != CDC_DATE)
		{
			*p++ = ' ';
			p = put_clock(p, t);
		}
	}
	*p = '\0';
	return (size_t) (p - buf);
}
