/*-------------------------------------------------------------------------
 *
 * fixed_text.c
 *	  Texts that mean the same to a type whenever and wherever they are read.
 *
 * The input functions of some types read more than their argument: the clock
 * ("now"), the session's settings (which of 01/02/2024 is the month, what a point
 * means in an amount of money) or the catalogs (the table that a name stands for).
 * A value of a source would then be another one at the next replay.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/fixed_text.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/digits.h"
#include "pg/base/compat_executor.h"
#include "pg/base/compat_value.h"

/* ------------------------------------------------------------------------
 * Types
 * ------------------------------------------------------------------------
 */

static CdcTextRule
composite_rule(Oid typid)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(typid, -1);
	CdcTextRule rule = CDC_TEXT_PLAIN;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			rule = Max(rule, cdc_text_rule(att->atttypid));
	}
	return rule;
}

CdcTextRule
cdc_text_rule(Oid typid)
{
	Oid			element;

	check_stack_depth();
	typid = getBaseType(typid);
	switch (typid)
	{
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return CDC_TEXT_TIME;
		case INTERVALOID:
		case CASHOID:
		case XMLOID:
			return CDC_TEXT_SETTINGS;
		case ACLITEMOID:
			return CDC_TEXT_CATALOGS;
	}
	element = get_element_type(typid);
	if (OidIsValid(element))
		return Max(CDC_TEXT_SETTINGS, cdc_text_rule(element));
	switch (get_typtype(typid))
	{
		case TYPTYPE_RANGE:
			return cdc_text_rule(lookup_type_cache(typid, TYPECACHE_RANGE_INFO)->rngelemtype->type_id);
		case TYPTYPE_COMPOSITE:
			return composite_rule(typid);
		default:
			break;
	}
	if (OidIsValid(CDC_RANGE_OF_MULTIRANGE(typid)))
		return cdc_text_rule(CDC_RANGE_OF_MULTIRANGE(typid));
	if (cdc_is_reg_type(typid))
		return CDC_TEXT_CATALOGS;
	return CDC_TEXT_PLAIN;
}

/* ------------------------------------------------------------------------
 * Settings
 * ------------------------------------------------------------------------
 */

static const struct
{
	const char *name;
	const char *value;
}			settings[] = {
	{"array_nulls", "on"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"lc_monetary", "C"},
	{"TimeZone", "UTC"},
	{"xmloption", "content"}
};

int
cdc_fixed_settings_begin(void)
{
	int			level = NewGUCNestLevel();
	size_t		i;

	for (i = 0; i < lengthof(settings); i++)
	{
		const char *value = GetConfigOption(settings[i].name, false, false);

		if (strcmp(value, settings[i].value) != 0)
			CDC_SET_OPTION(settings[i].name, settings[i].value, PGC_USERSET, PGC_S_SESSION,
						   GUC_ACTION_SAVE);
	}
	return level;
}

void
cdc_fixed_settings_end(int level)
{
	AtEOXact_GUC(false, level);
}

static Datum
under_settings(CdcConverter *conv, char *text)
{
	int			level = cdc_fixed_settings_begin();
	Datum		result = InputFunctionCall(&conv->input, text, conv->ioparam, conv->typmod);

	cdc_fixed_settings_end(level);
	return result;
}

/* Words of ranges and arrays of dates and times, and of what is in them. */
static bool
is_fixed_word(const char *word, size_t len)
{
	static const char *const words[] = {"t", "z", "bc", "ad", "null", "empty", "infinity"};
	size_t		i;

	for (i = 0; i < lengthof(words); i++)
		if (strlen(words[i]) == len && pg_strncasecmp(word, words[i], len) == 0)
			return true;
	return false;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IS_HIGHBIT_SET(c);
}

static bool
has_words(const char *text)
{
	while (*text != '\0')
	{
		size_t		len = 0;

		while (is_letter(text[len]))
			len++;
		if (len > 0 && !is_fixed_word(text, len))
			return true;
		text += Max(len, 1);
	}
	return false;
}

Datum
cdc_fixed_text_datum(CdcConverter *conv, const CdcJsonValue *v, char *text)
{
	switch (conv->text_rule)
	{
		case CDC_TEXT_PLAIN:
			break;
		case CDC_TEXT_SETTINGS:
			return under_settings(conv, text);
		case CDC_TEXT_TIME:
			if (has_words(text))
				cdc_convert_fail(conv, v, "Words in dates and times depend on the clock or on settings.");
			return under_settings(conv, text);
		case CDC_TEXT_CATALOGS:
			if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
				cdc_convert_fail(conv, v, "A name would mean what the catalogs say when it is applied.");
			break;
	}
	return InputFunctionCall(&conv->input, text, conv->ioparam, conv->typmod);
}

/* ------------------------------------------------------------------------
 * Dates and times
 * ------------------------------------------------------------------------
 */

static size_t
count_digits(const char *p, const char *end)
{
	size_t		n = 0;

	while (p + n < end && cdc_is_digit(p[n]))
		n++;
	return n;
}

/* A year of four digits or more, month and day. */
static bool
take_date(const char **p, const char *end)
{
	size_t		n = count_digits(*p, end);
	int			ignored;

	if (n < 4 || n > 7)
		return false;
	*p += n;
	return cdc_take_char(p, end, '-') && cdc_take_digits(p, end, 2, &ignored) &&
		cdc_take_char(p, end, '-') && cdc_take_digits(p, end, 2, &ignored);
}

/* [h]h:mm[:ss[.fraction]] */
static bool
take_clock(const char **p, const char *end)
{
	size_t		n = count_digits(*p, end);
	int			ignored;

	if (n < 1 || n > 2)
		return false;
	*p += n;
	if (!cdc_take_char(p, end, ':') || !cdc_take_digits(p, end, 2, &ignored))
		return false;
	if (!cdc_take_char(p, end, ':'))
		return true;
	if (!cdc_take_digits(p, end, 2, &ignored))
		return false;
	if (!cdc_take_char(p, end, '.'))
		return true;
	n = count_digits(*p, end);
	*p += n;
	return n > 0;
}

/* Z, +hh, +hhmm, +hh:mm, perhaps with seconds; utc: whether it is UTC. */
static bool
take_zone(const char **p, const char *end, bool *utc)
{
	int			part = 0;
	int			parts;

	*utc = true;
	if (cdc_take_char(p, end, 'Z') || cdc_take_char(p, end, 'z'))
		return true;
	if (!cdc_take_char(p, end, '+') && !cdc_take_char(p, end, '-'))
		return false;
	for (parts = 0; parts < 3; parts++)
	{
		if (parts > 0 && !cdc_take_char(p, end, ':') && (*p == end || !cdc_is_digit(**p)))
			break;
		if (!cdc_take_digits(p, end, 2, &part))
			return false;
		if (part != 0)
			*utc = false;
	}
	return true;
}

char *
cdc_iso_text(const char *text, size_t len, Oid basetype)
{
	const char *p = text;
	const char *end = text + len;
	const char *instant;		/* the end of date and time */
	bool		dated = basetype != TIMEOID && basetype != TIMETZOID;
	bool		bc = false;
	bool		utc = true;

	if (dated && len > 3 && memcmp(end - 3, " BC", 3) == 0)
	{
		bc = true;
		end -= 3;
	}
	if (dated)
	{
		if (!take_date(&p, end))
			return NULL;
		if (basetype != DATEOID && p < end && (*p == ' ' || *p == 'T' || *p == 't'))
		{
			p++;
			if (!take_clock(&p, end))
				return NULL;
		}
	}
	else if (!take_clock(&p, end))
		return NULL;
	instant = p;
	if (p < end && basetype != DATEOID)
	{
		(void) cdc_take_char(&p, end, ' ');
		if (!take_zone(&p, end, &utc))
			return NULL;
	}
	/* a time of day without a zone cannot be brought to UTC: that may be another day's */
	if (p != end || (basetype == TIMEOID && !utc))
		return NULL;
	if (basetype == DATEOID || basetype == TIMEOID)
		return psprintf("%.*s%s", (int) (instant - text), text, bc ? " BC" : "");
	return psprintf("%.*s%s%s", (int) (end - text), text, instant == end ? "+00" : "",
					bc ? " BC" : "");
}
