/*-------------------------------------------------------------------------
 *
 * exact_text.c
 *	  Texts that a type's input function reads without making another value of them.
 *
 * Input functions of PostgreSQL's types cut ("char", name), wrap (oid, xid), round (money)
 * and reorder (tsvector) what they read, and say nothing.  What such a type writes of its
 * value is compared with what it has read.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/exact_text.h"

#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pg/base/compat_value.h"
#include "pg/datum/fixed_text.h"

/* Digits of an amount of money behind the point, under the settings of fixed_text.c. */
#define MONEY_DIGITS	2

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

/* ERROR where a value that has several forms is in another one than the type's own. */
static void
check_form(const CdcConverter *conv, const CdcJsonValue *v, const char *text, Datum value)
{
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
		check_form(conv, v, text, value);
	if (conv->loss != CDC_LOSS_NONE && !is_exact(conv, v, text, value))
		cdc_convert_fail(conv, v, "The type would make another value of it.");
	return value;
}
