/*-------------------------------------------------------------------------
 *
 * fixed_text.c
 *	  Texts that mean the same to a type whenever and wherever they are read, and of
 *	  which it makes no other value.
 *
 * The input functions of some types read more than their argument: the clock
 * ("now"), the session's settings (which of 01/02/2024 is the month, what a point
 * means in an amount of money) or the catalogs (the table that a name stands for).
 * A value of a source would then be another one at the next replay.  Others cut ("char",
 * name), wrap (oid, xid), round (money) or reorder (tsvector) what they read, and say
 * nothing: what such a type writes of its value is compared with what it has read.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/fixed_text.h"

#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/digits.h"
#include "pg/base/compat_executor.h"
#include "pg/base/compat_value.h"

/* Digits of an amount of money behind the point, under the settings of fixed_text.c. */
#define MONEY_DIGITS	2

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

/* ------------------------------------------------------------------------
 * Exact values
 * ------------------------------------------------------------------------
 */

CdcTextLoss
cdc_text_loss(Oid basetype)
{
	Oid			element = get_element_type(basetype);
	CdcTextLoss below;

	if (OidIsValid(element))
	{
		below = cdc_text_loss(getBaseType(element));
		return below == CDC_LOSS_NONE ? CDC_LOSS_BY_TYPMOD : CDC_LOSS_UNLESS_WRITTEN;
	}
	/* types of users know what they do */
	if (basetype >= FirstNormalObjectId)
		return CDC_LOSS_NONE;
	switch (basetype)
	{
			/* these read all of it, or raise an error, or have a conversion that looks */
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case BYTEAOID:
		case BITOID:
		case VARBITOID:
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
		case UUIDOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case JSONOID:
		case JSONBOID:
		case XMLOID:
			return CDC_LOSS_NONE;
		case CASHOID:
			return CDC_LOSS_OF_CENTS;
		default:
			break;
	}
	if (get_typtype(basetype) != TYPTYPE_BASE)
		return CDC_LOSS_NONE;	/* ranges of the above */
	return cdc_is_reg_type(basetype) ? CDC_LOSS_UNLESS_DIGITS : CDC_LOSS_UNLESS_WRITTEN;
}

/* The value as its type writes it. */
static char *
own_text(const CdcConverter *conv, Datum value)
{
	Oid			output;
	bool		varlena;
	int			level = cdc_fixed_settings_begin();
	char	   *own;

	getTypeOutputInfo(conv->basetype, &output, &varlena);
	own = OidOutputFunctionCall(output, value);
	cdc_fixed_settings_end(level);
	return own;
}

void
cdc_check_form(const CdcConverter *conv, const CdcJsonValue *v, Datum value)
{
	const char *text = cdc_json_to_cstring(v);
	const char *own = own_text(conv, value);

	if (conv->form == CDC_FORM_ANY_CASE ? pg_strcasecmp(text, own) != 0 : strcmp(text, own) != 0)
		cdc_convert_fail(conv, v, psprintf("In a key it has to be written as \"%s\": other forms may be other rows of the source, which would be the same here.",
										   own));
}

/* Whether an array of a type with a length, a scale or a precision has the elements as they are written. */
static bool
keeps_elements(const CdcConverter *conv, const CdcJsonValue *v, char *text, Datum value)
{
	CdcConverter whole = *conv;
	TypeCacheEntry *type = lookup_type_cache(conv->basetype, TYPECACHE_EQ_OPR_FINFO);

	if (conv->typmod < 0 || !OidIsValid(type->eq_opr_finfo.fn_oid))
		return true;
	whole.typmod = -1;
	return DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, DEFAULT_COLLATION_OID, value,
										  cdc_fixed_text_datum(&whole, v, text)));
}

/* Whether an amount is a number of cents. */
static bool
is_cents(const char *text)
{
	const char *point = strchr(text, '.');
	size_t		digits;

	if (strspn(text + (text[0] == '-' ? 1 : 0), "0123456789.") != strlen(text) - (text[0] == '-' ? 1 : 0))
		return false;
	digits = point != NULL ? strlen(point + 1) : 0;
	while (digits > 0 && point[digits] == '0')
		digits--;
	return digits <= MONEY_DIGITS;
}

/* Whether the value is what the text says. */
static bool
is_exact(const CdcConverter *conv, const CdcJsonValue *v, char *text, Datum value)
{
	switch (conv->loss)
	{
		case CDC_LOSS_NONE:
			break;
		case CDC_LOSS_BY_TYPMOD:
			return keeps_elements(conv, v, text, value);
		case CDC_LOSS_OF_CENTS:
			return is_cents(text) || strcmp(text, own_text(conv, value)) == 0;
		case CDC_LOSS_UNLESS_DIGITS:
			return strcmp(text, psprintf("%u", DatumGetObjectId(value))) == 0;
		case CDC_LOSS_UNLESS_WRITTEN:
			return strcmp(text, own_text(conv, value)) == 0;
	}
	return true;
}

Datum
cdc_convert_by_text(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	char	   *text = cdc_json_to_cstring(v);
	Datum		value = cdc_fixed_text_datum(conv, v, text);

	if (conv->form != CDC_FORM_ANY)
		cdc_check_form(conv, v, value);
	if (conv->loss != CDC_LOSS_NONE && !is_exact(conv, v, text, value))
		cdc_convert_fail(conv, v, "The type would make another value of it.");
	return value;
}
