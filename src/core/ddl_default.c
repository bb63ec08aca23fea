/*-------------------------------------------------------------------------
 *
 * ddl_default.c
 *	  A column's default in the form of information_schema: the value as the
 *	  column's type prints it; MariaDB (from 10.2.7 on) as an SQL literal.
 *
 * What would need the server's own arithmetic or parser is taken over as it
 * stands, and the definition marked as approximate.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
shows_literals(const CdcDdlParser *p)
{
	const CdcDdlServer *server = p->context->server;

	return server->flavor == CDC_MARIADB && server->version >= 100207;
}

char *
cdc_ddl_now(CdcDdlParser *p, int fsp)
{
	const char *word = shows_literals(p) ? "current_timestamp" : "CURRENT_TIMESTAMP";

	if (fsp > 0)
		return cdc_ddl_printf(p, "%s(%d)", word, fsp);
	return cdc_ddl_printf(p, "%s%s", word, shows_literals(p) ? "()" : "");
}

static bool
starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool
is_integer_type(const char *type)
{
	return starts_with(type, "tinyint") || starts_with(type, "smallint") ||
		starts_with(type, "mediumint") || starts_with(type, "int(") || strcmp(type, "int") == 0 ||
		starts_with(type, "int ") || starts_with(type, "bigint");
}

static bool
all_digits(const char *s)
{
	return *s != '\0' && strspn(s, "0123456789") == strlen(s);
}

/* "007" to "7", "-0" to "0"; NULL when it is no integer. */
static char *
plain_integer(CdcDdlParser *p, const char *text)
{
	bool		negative = *text == '-';

	if (*text == '-' || *text == '+')
		text++;
	if (!all_digits(text))
		return NULL;
	while (text[0] == '0' && text[1] != '\0')
		text++;
	return cdc_ddl_printf(p, "%s%s", negative && strcmp(text, "0") != 0 ? "-" : "", text);
}

/* With as many digits behind the point as the type has; NULL when it has more. */
static char *
plain_decimal(CdcDdlParser *p, const char *text, unsigned scale)
{
	bool		negative = *text == '-';
	const char *digits = text + (*text == '-' || *text == '+');
	const char *point = strchr(digits, '.');
	size_t		whole = point != NULL ? (size_t) (point - digits) : strlen(digits);
	const char *fraction = point != NULL ? point + 1 : "";
	static const char zeros[] = "0000000000000000000000000000000000000000000";

	if (strspn(digits, "0123456789") != whole || strlen(fraction) > scale || scale > 38 ||
		strspn(fraction, "0123456789") != strlen(fraction))
		return NULL;
	for (; whole > 1 && *digits == '0'; whole--)
		digits++;
	if (scale == 0)
		return cdc_ddl_printf(p, "%s%.*s", negative ? "-" : "", (int) whole, digits);
	return cdc_ddl_printf(p, "%s%.*s%s.%s%.*s", negative ? "-" : "", (int) whole, digits,
						  whole == 0 ? "0" : "", fraction, (int) (scale - strlen(fraction)), zeros);
}

/* 'text', as MariaDB prints a literal */
static char *
quoted(CdcDdlParser *p, const char *text)
{
	char	   *out = cdc_ddl_alloc(p, 2 * strlen(text) + 3);
	char	   *o = out;

	if (out == NULL)
		return NULL;
	*o++ = '\'';
	for (; *text != '\0'; text++)
	{
		if (*text == '\'')
			*o++ = '\'';
		else if (*text == '\\')
			*o++ = '\\';
		*o++ = *text;
	}
	*o++ = '\'';
	return out;
}

/* MySQL 8 prints binary strings in hexadecimal; older servers are asked to. */
static char *
hexadecimal(CdcDdlParser *p, const char *text, bool fixed)
{
	char	   *out = cdc_ddl_alloc(p, 2 * strlen(text) + 3);
	char	   *o = out;

	if (out == NULL)
		return NULL;
	o += sprintf(o, "%s", *text != '\0' || fixed ? "0x" : "");
	for (; *text != '\0'; text++)
		o += sprintf(o, "%02X", (unsigned char) *text);
	return out;
}

static unsigned
scale_of(const char *type)
{
	const char *comma = strchr(type, ',');

	return comma != NULL ? (unsigned) strtoul(comma + 1, NULL, 10) : 0;
}

/* Whether text has the digits of "YYYY-MM-DD", "hh:mm:ss" and so on. */
static bool
has_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; shape++, text++)
	{
		if (*shape == '0' ? *text < '0' || *text > '9' : *text != *shape)
			return false;
	}
	return *text == '\0';
}

static bool
is_exact_time(const char *type, const char *text)
{
	return (strcmp(type, "date") == 0 && has_shape(text, "0000-00-00")) ||
		(strcmp(type, "time") == 0 && has_shape(text, "00:00:00")) ||
		((strcmp(type, "datetime") == 0 || strcmp(type, "timestamp") == 0) &&
		 has_shape(text, "0000-00-00 00:00:00"));
}

/* Sets *exact where the server would print it just so. */
static char *
literal(CdcDdlParser *p, const CdcDdlDefault *deflt, const CdcColumnDef *def, bool *exact)
{
	const char *type = def->column_type;
	bool		text_type = starts_with(type, "char") || starts_with(type, "varchar") ||
		starts_with(type, "enum") || starts_with(type, "set") || strstr(type, "text") != NULL;
	bool		fill = strstr(type, "zerofill") != NULL;
	char	   *result = NULL;

	*exact = true;
	if (is_integer_type(type) && !fill)
		result = plain_integer(p, deflt->text);
	else if (starts_with(type, "decimal") && !fill)
		result = plain_decimal(p, deflt->text, scale_of(type));
	else if ((starts_with(type, "binary") || starts_with(type, "varbinary")) && !shows_literals(p))
		result = hexadecimal(p, deflt->text, starts_with(type, "binary"));
	else if (text_type || is_exact_time(type, deflt->text) || starts_with(type, "varbinary"))
		result = shows_literals(p) ? quoted(p, deflt->text) :
			cdc_ddl_copy(p, deflt->text, strlen(deflt->text));
	if (result != NULL)
	{
		/* MariaDB 11 has hexadecimal digits */
		if (shows_literals(p) && starts_with(type, "varbinary"))
			*exact = false;
		return result;
	}
	*exact = false;
	return cdc_ddl_copy(p, deflt->text, strlen(deflt->text));
}

/*
 * Whether a string's text is not the value: it has a NUL, or its bytes were another
 * character set's before the statement was read as UTF-8.
 */
static bool
is_other_text(const CdcDdlDefault *deflt, const CdcColumnDef *def)
{
	bool		bytes = starts_with(def->column_type, "binary") || starts_with(def->column_type, "varbinary");

	if (deflt->cut)
		return true;
	for (const char *c = deflt->text; bytes && *c != '\0'; c++)
		if ((*c & 0x80) != 0)
			return true;
	return false;
}

bool
cdc_ddl_finish_default(CdcDdlParser *p, const CdcDdlDefault *deflt, CdcColumnDef *def)
{
	CdcDdlDefault kept = *deflt;
	bool		fits = cdc_ddl_fit_default(p, def, &kept);
	bool		exact = true;

	def->default_unknown = false;
	switch (kept.kind)
	{
		case CDC_DEFAULT_NONE:
		case CDC_DEFAULT_NULL:
			/* MariaDB tells "none" (NULL) from "NULL" */
			def->default_value = shows_literals(p) && def->nullable ? "NULL" : NULL;
			return true;
		case CDC_DEFAULT_NOW:
			def->default_value = cdc_ddl_now(p, deflt->fsp);
			break;
		case CDC_DEFAULT_BITS:
			def->default_value = deflt->text;
			exact = fits;
			def->default_unknown = !exact;
			break;
		case CDC_DEFAULT_STRING:
		case CDC_DEFAULT_NUMBER:
			def->default_value = literal(p, &kept, def, &exact);
			def->default_unknown = !fits ||
				(deflt->kind == CDC_DEFAULT_STRING && is_other_text(deflt, def));
			exact = exact && !def->default_unknown;
			break;
		case CDC_DEFAULT_EXPRESSION:
			/* (also a string with a character set of its own, whose text is not kept) */
			def->default_value = deflt->text;
			def->default_unknown = true;
			exact = false;
			break;
	}
	if (!exact)
		p->approximate = true;
	return def->default_value != NULL;
}
