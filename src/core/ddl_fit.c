/*-------------------------------------------------------------------------
 *
 * ddl_fit.c
 *	  What a column keeps of a literal default: a value of its type, in the one form
 *	  that it has there.
 *
 * A number is printed before it gets into a text (007 is '7'), a year of two digits is one
 * of a century, a char ends before its blanks.  Numbers are rounded by all servers.  Times are
 * rounded by MySQL and cut by MariaDB, unless the statement's sql_mode says otherwise.  What is
 * not certain is not said.
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

/* Digits that a number of all servers may have, and behind its point. */
#define MAX_DIGITS			65
#define MAX_FRACTION		30

/*
 * A number as a server prints it: without a plus, zeros that lead, and the sign of a zero.
 * One with an exponent, or in another base, is left as it is: false.
 */
static bool
print_number(CdcDdlParser *p, CdcDdlDefault *deflt)
{
	bool		negative = *deflt->text == '-';
	const char *digits = deflt->text + (*deflt->text == '-' || *deflt->text == '+');
	size_t		whole = strcspn(digits, ".");
	bool		has_point = digits[whole] == '.';
	const char *fraction = digits + whole + has_point;
	size_t		nfraction = strlen(fraction);

	if (!only_digits(digits, whole) || !only_digits(fraction, nfraction) || whole + nfraction == 0)
		return false;
	for (; whole > 1 && *digits == '0'; whole--)
		digits++;
	if (nfraction > MAX_FRACTION || whole + nfraction > MAX_DIGITS)
		return false;
	if (strspn(digits, "0.") == strlen(digits))
		negative = false;
	deflt->text = cdc_ddl_printf(p, "%s%s%.*s%s%s", negative ? "-" : "", whole == 0 ? "0" : "",
								 (int) whole, digits, nfraction > 0 ? "." : "", fraction);
	return deflt->text != NULL;
}

/* A float or double: what its digits say, once rounded. */
static bool
fit_float(const char *type, const CdcDdlDefault *deflt)
{
	const char *point = strchr(deflt->text, '.');
	double		number;
	char	   *end;

	if (*deflt->text == '\0' || strspn(deflt->text, "+-0123456789.eE") != strlen(deflt->text))
		return false;
	number = strtod(deflt->text, &end);
	/* whether a zero keeps its sign depends on the server and on how it was written */
	if (*end != '\0' || (number == 0 && *deflt->text == '-'))
		return false;

	/* a float is rounded twice */
	if (begins(type, "float") && (double) strtof(deflt->text, NULL) != (double) (float) number)
		return false;

	/* one that is rounded to digits may be rounded by what it is in binary */
	return strchr(type, ',') == NULL ||
		(strpbrk(deflt->text, "eE") == NULL &&
		 (point == NULL || strlen(point + 1) <= last_argument(type, ',')));
}

/* The number 0 is the year 0, the text '0' is 2000. */
static bool
fit_year(CdcDdlParser *p, const char *type, CdcDdlDefault *deflt)
{
	size_t		len = strlen(deflt->text);
	unsigned	year;

	if (len == 0 || len > 4 || !only_digits(deflt->text, len) || begins(type, "year(2)"))
		return false;
	year = (unsigned) strtoul(deflt->text, NULL, 10);
	if (year < 100 && (year != 0 || (deflt->kind == CDC_DEFAULT_STRING && len != 4)))
		year += year < 70 ? 2000 : 1900;
	deflt->text = cdc_ddl_printf(p, "%04u", year);
	return deflt->text != NULL;
}

/*
 * A text: a number is printed; a char ends before its blanks, others have no more of them
 * than they have room.
 */
static bool
fit_text(CdcDdlParser *p, const char *type, CdcDdlDefault *deflt)
{
	unsigned	room = last_argument(type, '(');
	size_t		len = strlen(deflt->text);
	size_t		characters = 0;

	if (!begins(type, "char") && !begins(type, "varchar"))
		return true;
	for (size_t i = 0; i < len; i++)
		characters += ((unsigned char) deflt->text[i] & 0xC0) != 0x80;
	while (len > 0 && deflt->text[len - 1] == ' ' && (begins(type, "char") || characters > room))
	{
		len--;
		characters--;
	}
	if (characters > room)
		return false;
	deflt->text = cdc_ddl_copy(p, deflt->text, len);
	return deflt->text != NULL;
}

/* A date or time in the one form that all servers read alike; of numbers 0. */
static bool
fit_date_or_time(CdcDdlParser *p, const char *type, size_t len, CdcDdlDefault *deflt)
{
	bool		is_clock = len == 4 && begins(type, "time");
	const char *text = deflt->text;
	const char *clock;

	if (deflt->kind == CDC_DEFAULT_NUMBER)
	{
		if (strcmp(text, "0") != 0)
			return false;
		deflt->text = is_clock ? "00:00:00" : len == 4 ? "0000-00-00" : "0000-00-00 00:00:00";
		return true;
	}
	if (!is_clock && !(only_digits(text, 4) && text[4] == '-' && only_digits(text + 5, 2) &&
					   text[7] == '-' && only_digits(text + 8, 2)))
		return false;
	if (!is_clock && text[10] == '\0')
	{
		deflt->text = len == 4 ? text : cdc_ddl_printf(p, "%s 00:00:00", text);
		return deflt->text != NULL;
	}
	if (!is_clock && (len == 4 || text[10] != ' '))
		return false;
	clock = is_clock ? text + (*text == '-') : text + 11;
	if (!is_time(clock) || (clock[8] != '\0' && clock[8] != '.'))
		return false;
	return clock[8] == '\0' ||
		(only_digits(clock + 9, strlen(clock + 9)) &&
		 fit_time(p, type, last_argument(type, '('), deflt));
}

/*
 * Texts and the like have no default on MySQL, nor had they on MariaDB before 10.2.1: where no
 * strict sql_mode refuses it, '' is left out with a warning.  Another one is refused by each.
 */
static bool
leaves_out(const CdcDdlParser *p, const char *name)
{
	static const char *const names[] = {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob",
		"mediumblob", "longblob", "json", "vector", "geometry", "point", "linestring", "polygon",
		"multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection", NULL};
	const CdcDdlServer *server = p->context->server;

	return cdc_type_is_one_of(name, names) &&
		(server->flavor == CDC_MYSQL || server->version < 100201);
}

bool
cdc_ddl_fit_default(CdcDdlParser *p, const CdcColumnDef *def, CdcDdlDefault *deflt)
{
	const char *type = def->column_type;
	static const char *const texts[] = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext",
		"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", NULL};
	size_t		len = strcspn(type, "( ");
	char		name[16] = "";
	bool		is_float = begins(type, "float") || begins(type, "double");

	if (deflt->kind == CDC_DEFAULT_BITS)
		return len == 3 && begins(type, "bit");
	if (deflt->kind != CDC_DEFAULT_STRING && deflt->kind != CDC_DEFAULT_NUMBER)
		return true;
	if (len >= sizeof(name))
		return false;
	memcpy(name, type, len);
	if (leaves_out(p, name))
	{
		deflt->kind = CDC_DEFAULT_NONE;
		return true;
	}
	if (deflt->kind == CDC_DEFAULT_NUMBER && !print_number(p, deflt) &&
		!(is_float && strpbrk(deflt->text, "eE") != NULL))
		return false;
	if (is_float)
		return fit_float(type, deflt);
	if (begins(type, "decimal"))
		return fit_number(p, last_argument(type, ','), deflt);
	if (len >= 3 && strcmp(name + len - 3, "int") == 0)
		return fit_number(p, 0, deflt);
	if (strcmp(name, "year") == 0)
		return fit_year(p, type, deflt);
	/* a number is a member's place, or its name */
	if (strcmp(name, "enum") == 0 || strcmp(name, "set") == 0)
		return deflt->kind == CDC_DEFAULT_STRING && cdc_ddl_fit_members(p, def, deflt);
	if (strcmp(name, "date") == 0 || strcmp(name, "time") == 0 || strcmp(name, "datetime") == 0 ||
		strcmp(name, "timestamp") == 0)
		return fit_date_or_time(p, type, len, deflt);
	return cdc_type_is_one_of(name, texts) && fit_text(p, type, deflt);
}
