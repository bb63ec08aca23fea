/*-------------------------------------------------------------------------
 *
 * digits.h
 *	  Taking texts of a fixed form apart, such as those of dates.
 *
 * What takes something moves *p behind it; after a false, *p is anywhere
 * before end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DIGITS_H
#define CDC_CORE_DIGITS_H

#include <stdbool.h>

static inline bool
cdc_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* -1: it is none. */
static inline int
cdc_hex_digit(char c)
{
	if (cdc_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static inline bool
cdc_take_char(const char **p, const char *end, char c)
{
	if (*p >= end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* Exactly n digits, 9 at most. */
static inline bool
cdc_take_digits(const char **p, const char *end, int n, int *result)
{
	int			value = 0;

	if (end - *p < n)
		return false;
	for (; n > 0; n--, (*p)++)
	{
		if (!cdc_is_digit(**p))
			return false;
		value = value * 10 + (**p - '0');
	}
	*result = value;
	return true;
}

#endif							/* CDC_CORE_DIGITS_H */
