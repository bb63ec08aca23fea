/*-------------------------------------------------------------------------
 *
 * ddl_fill.c
 *	  What the rows of a table have in a column that ALTER TABLE adds: its default,
 *	  or, where it is NOT NULL and has none, the implicit one of its type.
 *
 * No row event brings these values.  Said is only what the statement determines, in
 * the form that an event would have it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <string.h>

static const char *const no_literal = "its default is in a form that is not understood";

static bool
unknown(CdcAddedColumn *added, const char *why)
{
	added->fill = CDC_FILL_UNKNOWN;
	added->why = why;
	return true;
}

static bool
value(CdcAddedColumn *added, const char *text)
{
	added->fill = CDC_FILL_VALUE;
	added->value = text;
	return text != NULL;
}

static bool
is_digits(const char *s, size_t n)
{
	return strspn(s, "0123456789") >= n;
}

/* "YYYY-MM-DD" at the beginning. */
static bool
is_date(const char *s)
{
	return is_digits(s, 4) && s[4] == '-' && is_digits(s + 5, 2) && s[7] == '-' && is_digits(s + 8, 2);
}

/* "hh:mm:ss[.ffffff]" and the end. */
static bool
is_time_of_day(const char *s)
{
	if (!(is_digits(s, 2) && s[2] == ':' && is_digits(s + 3, 2) && s[5] == ':' && is_digits(s + 6, 2)))
		return false;
	if (s[8] == '\0')
		return true;
	return s[8] == '.' && s[9] != '\0' && is_digits(s + 9, strlen(s + 9)) && strlen(s + 9) <= 6;
}

/* A literal of a date or time, in the one form that all servers read alike. */
static bool
time_value(CdcDdlParser *p, const char *type, const char *text, CdcAddedColumn *added)
{
	static const char *const why = "its default is a time in a form that is not understood";
	bool		zero = strcmp(text, "0") == 0;

	if (strcmp(type, "year") == 0)
	{
		/* (the text '0' has become 2000 before) */
		if (zero || strcmp(text, "0000") == 0)
			return value(added, "0");
		return is_digits(text, 4) && text[4] == '\0' ? value(added, text) : unknown(added, why);
	}
	if (strcmp(type, "time") == 0)
	{
		if (zero)
			return value(added, "00:00:00");
		return is_time_of_day(text) ? value(added, text) : unknown(added, why);
	}
	if (strcmp(type, "date") == 0)
	{
		if (zero)
			return value(added, "0000-00-00");
		return is_date(text) && text[10] == '\0' ? value(added, text) : unknown(added, why);
	}
	if (zero)
		return value(added, "0000-00-00 00:00:00");

	/* a timestamp's literal is one of the session's time zone */
	if (!is_date(text) || (strcmp(type, "timestamp") == 0 && strncmp(text, "0000-00-00", 10) != 0))
		return unknown(added, strcmp(type, "timestamp") == 0 ?
					   "its default is of the time zone of a session" : why);
	if (text[10] == '\0')
		return value(added, cdc_ddl_printf(p, "%s 00:00:00", text));
	return text[10] == ' ' && is_time_of_day(text + 11) ? value(added, text) : unknown(added, why);
}

/* A literal, given as a string, a number or bits: what the column keeps of it. */
static bool
literal_value(CdcDdlParser *p, const CdcDdlColumn *col, const CdcDdlDefault *kept, CdcAddedColumn *added)
{
	const char *text = kept->text;
	size_t		len = strlen(text);

	if (kept->kind == CDC_DEFAULT_BITS)
		return col->class == CDC_TC_BIT && len > 3 ?
			value(added, cdc_ddl_copy(p, text + 2, len - 3)) : unknown(added, no_literal);
	if (kept->kind == CDC_DEFAULT_NUMBER && strspn(text, "+-0123456789.eE") != len)
		return unknown(added, no_literal);
	switch (col->class)
	{
		case CDC_TC_INTEGER:
		case CDC_TC_DECIMAL:
		case CDC_TC_FLOAT:
			return strspn(text, "+-0123456789.eE") == len ? value(added, text) :
				unknown(added, no_literal);
		case CDC_TC_YEAR:
		case CDC_TC_DATE:
		case CDC_TC_TIME:
			return time_value(p, col->type, text, added);
		case CDC_TC_CHAR:
		case CDC_TC_TEXT:
		case CDC_TC_MEMBERS:
			return value(added, text);
		case CDC_TC_BIT:
			/* a number is the bits that it has */
			return unknown(added, no_literal);
		default:
			return unknown(added, no_literal);
	}
}

/* The implicit default of a NOT NULL column. */
static bool
implicit_value(CdcDdlParser *p, const CdcDdlColumn *col, CdcAddedColumn *added)
{
	switch (col->class)
	{
		case CDC_TC_INTEGER:
		case CDC_TC_DECIMAL:
		case CDC_TC_FLOAT:
		case CDC_TC_BIT:
			return value(added, "0");
		case CDC_TC_YEAR:
		case CDC_TC_DATE:
		case CDC_TC_TIME:
			return time_value(p, col->type, "0", added);
		case CDC_TC_CHAR:
		case CDC_TC_TEXT:
		case CDC_TC_BLOB:
			return col->json_check ? unknown(added, "it is NOT NULL and has no default") :
				value(added, "");
		case CDC_TC_BINARY:		/* varbinary */
			return value(added, "");
		case CDC_TC_MEMBERS:
			if (strcmp(col->type, "set") == 0)
				return value(added, "");
			return col->nmembers > 0 ?
				value(added, cdc_ddl_copy(p, col->members[0].data, col->members[0].len)) :
				unknown(added, "it is NOT NULL and has no default");
		default:
			return unknown(added, "it is NOT NULL and has no default");
	}
}

bool
cdc_ddl_fill(CdcDdlParser *p, const CdcDdlColumn *col, const CdcColumnDef *def,
			 CdcAddedColumn *added)
{
	CdcDdlDefault kept = col->deflt;
	bool		fits = cdc_ddl_fit_default(p, def, &kept);

	if (col->generated != NULL)
		return unknown(added, "the source computes it");
	if (col->auto_increment)
		return unknown(added, "the source numbered its rows");
	if (strcmp(col->type, "binary") == 0 && kept.kind != CDC_DEFAULT_NULL &&
		(kept.kind != CDC_DEFAULT_NONE || !def->nullable))
		return unknown(added, "its default is padded");
	switch (kept.kind)
	{
		case CDC_DEFAULT_NULL:
			added->fill = CDC_FILL_NULL;
			return true;
		case CDC_DEFAULT_NONE:
			if (def->nullable)
			{
				added->fill = CDC_FILL_NULL;
				return true;
			}
			/* without explicit_defaults_for_timestamp the first one has the time of now */
			if (def->default_value != NULL && strstr(def->default_value, "0000-00-00") == NULL)
				return unknown(added, "its default is the time of the statement");
			return implicit_value(p, col, added);
		case CDC_DEFAULT_NOW:
			return unknown(added, "its default is the time of the statement");
		case CDC_DEFAULT_EXPRESSION:
			return unknown(added, "its default is an expression");
		case CDC_DEFAULT_STRING:
		case CDC_DEFAULT_NUMBER:
		case CDC_DEFAULT_BITS:
			return fits && !kept.cut ? literal_value(p, col, &kept, added) : unknown(added, no_literal);
	}
	return unknown(added, "its default is not understood");
}
