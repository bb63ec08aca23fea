/*-------------------------------------------------------------------------
 *
 * ddl_fit.c
 *	  What a column keeps of a literal default: of one with more digits behind the point
 *	  than its type, of a number that is to be a text, of a year in short, of blanks.
 *
 * Numbers are rounded by all servers.  Times are rounded by MySQL and cut by MariaDB, unless
 * the statement's sql_mode says otherwise.  What is not certain is not said.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <stdlib.h>
#include <string.h>

/* Bits of sql_mode, each of one flavour only. */
#define MYSQL_TIME_TRUNCATE_FRACTIONAL	(UINT64_C(1) << 32)
#define MARIADB_TIME_ROUND_FRACTIONAL	(UINT64_C(1) << 34)

/* Digits of a time's fraction that are looked at. */
#define MAX_TIME_DIGITS		6

static bool
begins(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool
only_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

/*
 * Adds one to the number that ends before end, over a point; false: it had nines only,
 * which are zeros now.
 */
static bool
add_one(char *first, char *end)
{
	while (end > first)
	{
		end--;
		if (*end == '.')
			continue;
		if (*end != '9')
		{
			++*end;
			return true;
		}
		*end = '0';
	}
	return false;
}

/* A number with scale digits behind the point: round half away from zero. */
static bool
fit_number(CdcDdlParser *p, unsigned scale, CdcDdlDefault *deflt)
{
	const char *digits = deflt->text + (*deflt->text == '-' || *deflt->text == '+');
	const char *sign = *deflt->text == '-' ? "-" : "";
	size_t		whole = strcspn(digits, ".");
	const char *fraction = digits + whole + (digits[whole] == '.');
	size_t		nfraction = strlen(fraction);
	char	   *kept;

	if (!only_digits(digits, whole) || !only_digits(fraction, nfraction) || whole + nfraction == 0)
		return false;
	if (nfraction <= scale && (scale > 0 || digits[whole] == '\0'))
		return true;
	kept = cdc_ddl_printf(p, "%.*s%s%.*s", (int) whole, digits, scale > 0 ? "." : "", (int) scale, fraction);
	if (kept == NULL)
		return false;
	if (nfraction > scale && fraction[scale] >= '5' && !add_one(kept, kept + strlen(kept)))
		kept = cdc_ddl_printf(p, "1%s", kept);
	if (kept == NULL)
		return false;
	if (whole == 0 && (*kept == '\0' || *kept == '.'))
		kept = cdc_ddl_printf(p, "0%s", kept);

	/* no server keeps a negative zero */
	if (kept != NULL && strspn(kept, "0.") == strlen(kept))
		sign = "";
	deflt->text = cdc_ddl_printf(p, "%s%s", sign, kept != NULL ? kept : "");
	return kept != NULL && deflt->text != NULL;
}

static bool
rounds_times(const CdcDdlParser *p)
{
	const CdcDdlServer *server = p->context->server;

	if (server->flavor == CDC_MARIADB)
		return (p->context->sql_mode & MARIADB_TIME_ROUND_FRACTIONAL) != 0;
	return server->version >= 50600 && (p->context->sql_mode & MYSQL_TIME_TRUNCATE_FRACTIONAL) == 0;
}

/* Two digits of a text as a number, and back. */
static int
two_digits(const char *s)
{
	return (s[0] - '0') * 10 + (s[1] - '0');
}

static void
put_two_digits(char *s, int n)
{
	s[0] = (char) ('0' + n / 10);
	s[1] = (char) ('0' + n % 10);
}

/* The day after one "YYYY-MM-DD", in its place; false: there is none, or it is no date. */
static bool
next_day(char *date)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			year = two_digits(date) * 100 + two_digits(date + 2);
	int			month = two_digits(date + 5);
	int			day = two_digits(date + 8);
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month < 1 || month > 12 || day < 1 || day > days[month - 1] + (month == 2 && leap))
		return false;
	if (++day > days[month - 1] + (month == 2 && leap))
	{
		day = 1;
		month++;
	}
	if (month > 12)
	{
		month = 1;
		year++;
	}
	put_two_digits(date, year / 100);
	put_two_digits(date + 2, year % 100);
	put_two_digits(date + 5, month);
	put_two_digits(date + 8, day);
	return year <= 9999;
}

/* A second later; date: NULL for a time without one.  false: not known. */
static bool
next_second(char *date, char *time)
{
	int			seconds = two_digits(time + 6) + 1;
	int			minutes = two_digits(time + 3) + seconds / 60;
	int			hours = two_digits(time) + minutes / 60;

	if (seconds > 60 || minutes > 60 || hours > 99)
		return false;
	if (date != NULL && hours > 23)
	{
		if (hours > 24 || !next_day(date))
			return false;
		hours = 0;
	}
	put_two_digits(time + 6, seconds % 60);
	put_two_digits(time + 3, minutes % 60);
	put_two_digits(time, hours);
	return true;
}

static bool
is_time(const char *s)
{
	return only_digits(s, 2) && s[2] == ':' && only_digits(s + 3, 2) && s[5] == ':' && only_digits(s + 6, 2);
}

static bool
fit_time(CdcDdlParser *p, const char *type, unsigned fsp, CdcDdlDefault *deflt)
{
	const char *point = strchr(deflt->text, '.');
	size_t		whole = point != NULL ? (size_t) (point - deflt->text) : 0;
	size_t		ndigits = point != NULL ? strlen(point + 1) : 0;
	bool		is_plain = begins(type, "time") && !begins(type, "timestamp");
	char	   *kept;
	char	   *time;

	if (point == NULL || (ndigits <= fsp && ndigits > 0))
		return true;
	if (ndigits == 0 || ndigits > MAX_TIME_DIGITS || !only_digits(point + 1, ndigits) ||
		whole != (is_plain ? 8 : 19))
		return false;
	kept = cdc_ddl_copy(p, deflt->text, whole + (fsp > 0 ? 1 + fsp : 0));
	if (kept == NULL)
		return false;
	time = kept + (is_plain ? 0 : 11);
	if (!is_time(time) ||
		(!is_plain && !(only_digits(kept, 4) && kept[4] == '-' && only_digits(kept + 5, 2) &&
						kept[7] == '-' && only_digits(kept + 8, 2) && kept[10] == ' ')))
		return false;
	if (rounds_times(p) && point[1 + fsp] >= '5' &&
		!add_one(time + 8, kept + strlen(kept)) && !next_second(is_plain ? NULL : kept, time))
		return false;
	deflt->text = kept;
	return true;
}

/* "(n)" or "(n,n)" of a type: its last number, or 0. */
static unsigned
last_argument(const char *type, char before)
{
	const char *at = strchr(type, before);

	return at != NULL ? (unsigned) strtoul(at + 1, NULL, 10) : 0;
}

/* Digits that a server keeps of a number without an exponent. */
#define MAX_NUMBER_DIGITS	65

/* A number in a column of text: as the server writes it, which is not as it was typed. */
static bool
fit_text_of_number(CdcDdlParser *p, CdcDdlDefault *deflt)
{
	const char *digits = deflt->text + (*deflt->text == '-' || *deflt->text == '+');
	const char *sign = *deflt->text == '-' ? "-" : "";
	size_t		whole = strcspn(digits, ".");
	const char *fraction = digits + whole + (digits[whole] == '.');
	size_t		nfraction = strlen(fraction);

	/* a float is written by rules of its own */
	if (!only_digits(digits, whole) || !only_digits(fraction, nfraction) || whole + nfraction == 0 ||
		whole + nfraction > MAX_NUMBER_DIGITS)
		return false;
	for (; whole > 1 && *digits == '0'; whole--)
		digits++;
	if (strspn(digits, "0.") == strlen(digits))
		sign = "";
	deflt->text = cdc_ddl_printf(p, "%s%s%.*s%s%s", sign, whole == 0 ? "0" : "", (int) whole, digits,
								 nfraction > 0 ? "." : "", fraction);
	return deflt->text != NULL;
}

/* One or two digits are a year of this century or the last; but the number 0 is none. */
static bool
fit_year(CdcDdlParser *p, CdcDdlDefault *deflt)
{
	const char *digits = deflt->text;
	size_t		len = strlen(digits);
	unsigned	year;

	if (!only_digits(digits, len) || len == 0 || len > 4)
		return false;
	year = (unsigned) strtoul(digits, NULL, 10);
	if (deflt->kind == CDC_DEFAULT_NUMBER)
		len = year < 100 ? 2 : 4;
	if (len == 3 || (len == 4 && year != 0 && (year < 1901 || year > 2155)))
		return false;
	if (len < 3 && !(deflt->kind == CDC_DEFAULT_NUMBER && year == 0))
		year += year < 70 ? 2000 : 1900;
	deflt->text = cdc_ddl_printf(p, "%04u", year);
	return deflt->text != NULL;
}

/* What is read of a char ends before its blanks. */
static bool
fit_char(CdcDdlParser *p, CdcDdlDefault *deflt)
{
	size_t		len = strlen(deflt->text);

	while (len > 0 && deflt->text[len - 1] == ' ')
		len--;
	deflt->text = cdc_ddl_copy(p, deflt->text, len);
	return deflt->text != NULL;
}

static bool
is_text(const char *type, size_t len)
{
	return begins(type, "char") || begins(type, "varchar") || (len >= 4 && strncmp(type + len - 4, "text", 4) == 0);
}

bool
cdc_ddl_fit_default(CdcDdlParser *p, const char *type, CdcDdlDefault *deflt)
{
	const char *end = type + strcspn(type, "( ");
	size_t		len = (size_t) (end - type);
	const char *point = strchr(deflt->text, '.');

	if (deflt->kind != CDC_DEFAULT_STRING && deflt->kind != CDC_DEFAULT_NUMBER)
		return true;
	if (begins(type, "datetime") || begins(type, "timestamp") || (len == 4 && begins(type, "time")))
		return fit_time(p, type, last_argument(type, '('), deflt);
	if (is_text(type, len) && deflt->kind == CDC_DEFAULT_NUMBER)
		return fit_text_of_number(p, deflt);
	if (begins(type, "char"))
		return fit_char(p, deflt);
	if (begins(type, "year"))
		return begins(type, "year(2)") ? false : fit_year(p, deflt);
	if (begins(type, "decimal"))
		return fit_number(p, last_argument(type, ','), deflt);
	if (len >= 3 && strncmp(end - 3, "int", 3) == 0)
		return fit_number(p, 0, deflt);

	/* a float that is rounded may be rounded by what it is in binary */
	if ((begins(type, "float") || begins(type, "double")) && strchr(type, ',') != NULL)
		return strpbrk(deflt->text, "eE") == NULL &&
			(point == NULL || strlen(point + 1) <= last_argument(type, ','));
	return true;
}
