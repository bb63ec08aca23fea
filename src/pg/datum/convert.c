/*-------------------------------------------------------------------------
 *
 * convert.c
 *	  From a value of an event (JSONB) to a Datum of a target column: numbers,
 *	  strings, bytes, bits, arrays, documents; the types of date and time are
 *	  in convert_time.c.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/convert.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/varbit.h"

#include "core/base64.h"
#include "core/geometry.h"
#include "pg/base/error.h"
#include "pg/datum/convert_time.h"
#include "pg/datum/fixed_text.h"
#include "pg/datum/numeric_pack.h"
#include "pg/datum/numeric_unpack.h"

/* ------------------------------------------------------------------------
 * Numbers
 * ------------------------------------------------------------------------
 */

/* A whole number between min and max. */
static inline int64
convert_integer(CdcConverter *conv, const CdcJsonValue *v, int64 min, int64 max)
{
	CdcNumericParts parts;
	uint64		magnitude;
	int64		result;

	cdc_numeric_parts(v->data, &parts);
	if (!cdc_numeric_magnitude(&parts, &magnitude))
		cdc_convert_fail(conv, v, "The column takes whole numbers of its range only.");
	if (parts.negative)
	{
		if (magnitude > (uint64) PG_INT64_MAX + 1)
			cdc_convert_fail(conv, v, "The number is out of range.");
		result = (int64) (0 - magnitude);
	}
	else
	{
		if (magnitude > (uint64) PG_INT64_MAX)
			cdc_convert_fail(conv, v, "The number is out of range.");
		result = (int64) magnitude;
	}
	if (result < min || result > max)
		cdc_convert_fail(conv, v, "The number is out of range.");
	return result;
}

/* Booleans of a source are 0 and 1; everything else goes through text. */
static inline bool
boolean_as_integer(const CdcJsonValue *v, int64 *result)
{
	if (v->type != JENTRY_ISBOOL_TRUE && v->type != JENTRY_ISBOOL_FALSE)
		return false;
	*result = (v->type == JENTRY_ISBOOL_TRUE);
	return true;
}

static Datum
convert_int2(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	int64		n;

	if (v->type == JENTRY_ISNUMERIC)
		return Int16GetDatum((int16) convert_integer(conv, v, PG_INT16_MIN, PG_INT16_MAX));
	if (boolean_as_integer(v, &n))
		return Int16GetDatum((int16) n);
	return cdc_convert_by_text(conv, v, isnull);
}

static Datum
convert_int4(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	int64		n;

	if (v->type == JENTRY_ISNUMERIC)
		return Int32GetDatum((int32) convert_integer(conv, v, PG_INT32_MIN, PG_INT32_MAX));
	if (boolean_as_integer(v, &n))
		return Int32GetDatum((int32) n);
	return cdc_convert_by_text(conv, v, isnull);
}

static Datum
convert_int8(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	int64		n;

	if (v->type == JENTRY_ISNUMERIC)
		return Int64GetDatum(convert_integer(conv, v, PG_INT64_MIN, PG_INT64_MAX));
	if (boolean_as_integer(v, &n))
		return Int64GetDatum(n);
	return cdc_convert_by_text(conv, v, isnull);
}

static Datum
convert_boolean(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	if (v->type == JENTRY_ISNUMERIC)
	{
		CdcNumericParts parts;
		uint64		n;

		cdc_numeric_parts(v->data, &parts);
		if (!cdc_numeric_magnitude(&parts, &n) || n > 1 || (n == 1 && parts.negative))
			cdc_convert_fail(conv, v, "A boolean column takes 0 and 1 only.");
		return BoolGetDatum(n == 1);
	}
	if (v->type == JENTRY_ISBOOL_TRUE || v->type == JENTRY_ISBOOL_FALSE)
		return BoolGetDatum(v->type == JENTRY_ISBOOL_TRUE);
	return cdc_convert_by_text(conv, v, isnull);
}

/*
 * numeric's own rounding would change the value without a word, hence the
 * comparison where a digit could be lost.
 */
static Datum
convert_numeric(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	CdcNumericParts parts;
	Datum		exact;
	Datum		result;

	if (v->type == JENTRY_ISNUMERIC)
		exact = PointerGetDatum(v->data);
	else
		exact = InputFunctionCall(&conv->input, cdc_json_to_cstring(v), conv->ioparam, -1);
	if (conv->form != CDC_FORM_ANY && v->type == JENTRY_ISSTRING)
		cdc_check_form(conv, v, exact);
	if (conv->typmod < 0)
		return exact;

	result = DirectFunctionCall2(numeric, exact, Int32GetDatum(conv->typmod));
	cdc_numeric_parts(DatumGetPointer(exact), &parts);
	if (!parts.special && parts.dscale > conv->limit &&
		!DatumGetBool(DirectFunctionCall2(numeric_eq, result, exact)))
		cdc_convert_fail(conv, v, "The column has too few digits behind the decimal point.");
	return result;
}

/*
 * A mantissa and a power of ten that are both exact in a floating type give the
 * correctly rounded quotient or product in one operation (Clinger 1990).  In
 * double that holds for float, too: with more than twice as many bits, rounding
 * twice is like rounding once.  False: the value takes the long way, through
 * strtod().
 */
static bool
exact_float(const CdcJsonValue *v, int mantissa_bits, int max_exponent, double *result)
{
	static const double powers[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
		1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
	};
	CdcNumericParts parts;
	uint64		mantissa;
	int			exponent;
	double		d;

	cdc_numeric_parts(v->data, &parts);
	if (!cdc_numeric_decimal(&parts, &mantissa, &exponent) ||
		mantissa > (UINT64CONST(1) << mantissa_bits) || abs(exponent) > max_exponent)
		return false;
	d = (double) mantissa;
	d = exponent < 0 ? d / powers[-exponent] : d * powers[exponent];
	*result = parts.negative ? -d : d;
	return true;
}

static Datum
convert_float8(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	double		d;

	if (v->type != JENTRY_ISNUMERIC)
		return cdc_convert_by_text(conv, v, isnull);
	if (exact_float(v, DBL_MANT_DIG, 22, &d))
		return Float8GetDatum(d);
	return DirectFunctionCall1(numeric_float8, PointerGetDatum(v->data));
}

static Datum
convert_float4(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	double		d;

	if (v->type != JENTRY_ISNUMERIC)
		return cdc_convert_by_text(conv, v, isnull);
	if (exact_float(v, FLT_MANT_DIG, 10, &d))
		return Float4GetDatum((float) d);
	return DirectFunctionCall1(numeric_float4, PointerGetDatum(v->data));
}

/* ------------------------------------------------------------------------
 * Characters
 * ------------------------------------------------------------------------
 */

static Datum
convert_text(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	const char *data = v->data;
	size_t		len = v->len;

	if (v->type != JENTRY_ISSTRING)
	{
		data = cdc_json_to_cstring(v);
		len = strlen(data);
	}
	if (conv->limit >= 0 && len > (size_t) conv->limit &&
		pg_mbstrlen_with_len(data, len) > conv->limit)
		cdc_convert_fail(conv, v, "The text is longer than the column allows.");
	return PointerGetDatum(cstring_to_text_with_len(data, len));
}

/*
 * character(n) fills up with blanks, and takes values that differ in blanks at the end for
 * the same; the type itself cuts off those that are too many.  Of a source that is not known
 * a text that fills the column may be of such a type, too.
 */
static Datum
convert_bpchar(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	char	   *text = cdc_json_to_cstring(v);
	size_t		len = strlen(text);
	int			characters = pg_mbstrlen_with_len(text, (int) len);

	if (conv->limit >= 0 && characters > conv->limit)
		cdc_convert_fail(conv, v, "The text is longer than the column allows.");
	if (len > 0 && text[len - 1] == ' ' &&
		(conv->source == CDC_SOURCE_TEXT || characters != conv->limit))
		cdc_convert_fail(conv, v, "A column of type character does not tell blanks at the end from none.");
	return DirectFunctionCall3(bpcharin, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(conv->typmod));
}

/* ------------------------------------------------------------------------
 * Bytes, geometry and bits
 * ------------------------------------------------------------------------
 */

/* A buffer that a large geometry has used is given back. */
#define KEPT_BYTES		((size_t) 1024 * 1024)

static Datum
convert_base64(CdcConverter *conv, const CdcJsonValue *v)
{
	bytea	   *result = palloc(VARHDRSZ + v->len / 4 * 3);
	ssize_t		len = cdc_base64_decode(v->data, v->len, (uint8 *) VARDATA(result));

	if (len < 0)
		cdc_convert_fail(conv, v, "Binary values are expected in base64.");
	SET_VARSIZE(result, VARHDRSZ + len);
	return PointerGetDatum(result);
}

static Datum
convert_bytea(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	if (v->type != JENTRY_ISSTRING || conv->source == CDC_SOURCE_TEXT)
	{
		char	   *text = cdc_json_to_cstring(v);

		return PointerGetDatum(cstring_to_text(text));	/* the same form */
	}
	return convert_base64(conv, v);
}

/* Geometry for a column of bytes: what PostGIS's geometry(bytea) takes. */
static Datum
convert_geometry(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	static CdcBuf ewkb;			/* one a process, so that an ERROR loses none */
	CdcError	err;
	CdcStatus	st;
	bytea	   *result;

	if (v->type != JENTRY_ISSTRING)
		cdc_convert_fail(conv, v, "Geometry is expected as text (WKT).");
	/* EWKB in base64 begins with the byte 0 or 1, as no WKT does */
	if (v->len >= 12 && v->data[0] == 'A')
		return convert_base64(conv, v);
	cdc_buf_reset(&ewkb);
	st = cdc_geometry_ewkb(v->data, v->len, &ewkb, &err);
	if (st == CDC_ERR_NOMEM)
		cdc_ereport(&err, NULL);
	if (cdc_failed(st))
		cdc_convert_fail(conv, v, psprintf("The %s.", err.message));
	result = palloc(VARHDRSZ + ewkb.len);
	SET_VARSIZE(result, VARHDRSZ + ewkb.len);
	memcpy(VARDATA(result), ewkb.data, ewkb.len);
	if (ewkb.cap > KEPT_BYTES)
		cdc_buf_free(&ewkb);
	return PointerGetDatum(result);
}

/* bit(n): the number's n low bits, most significant first; bits above are none. */
static Datum
convert_bit(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	CdcNumericParts parts;
	uint64		bits;
	int			nbits;
	int			nbytes;
	VarBit	   *result;
	int			i;

	if (v->type == JENTRY_ISBOOL_TRUE || v->type == JENTRY_ISBOOL_FALSE)
		bits = (v->type == JENTRY_ISBOOL_TRUE);
	else if (v->type == JENTRY_ISNUMERIC)
	{
		cdc_numeric_parts(v->data, &parts);
		if (!cdc_numeric_magnitude(&parts, &bits) || (parts.negative && bits != 0))
			cdc_convert_fail(conv, v, "A bit string takes whole numbers from 0 on.");
	}
	else
		return cdc_convert_by_text(conv, v, isnull);

	nbits = conv->limit >= 0 ? conv->limit : 64;
	if (nbits < 64 && (bits >> nbits) != 0)
		cdc_convert_fail(conv, v, "The value has more bits than the column.");
	nbytes = VARBITTOTALLEN(nbits);
	result = palloc0(nbytes);
	SET_VARSIZE(result, nbytes);
	VARBITLEN(result) = nbits;
	for (i = 0; i < nbits && i < 64; i++)
	{
		int			at = nbits - 1 - i; /* from the left */

		if ((bits >> i) & 1)
			VARBITS(result)[at / BITS_PER_BYTE] |= HIGHBIT >> (at % BITS_PER_BYTE);
	}
	return PointerGetDatum(result);
}

/* ------------------------------------------------------------------------
 * Documents and arrays
 * ------------------------------------------------------------------------
 */

/* A -0 of a floating type, of which events have a string, is a number. */
static inline bool
is_negative_zero(const CdcConverter *conv, const CdcJsonValue *v)
{
	return v->type == JENTRY_ISSTRING && conv->source == CDC_SOURCE_OTHER && v->len == 2 &&
		memcmp(v->data, "-0", 2) == 0;
}

/* Whether a string is the text of a document, and no document that is a string. */
static inline bool
is_characters(const CdcConverter *conv)
{
	return conv->source == CDC_SOURCE_TEXT || conv->source == CDC_SOURCE_STRING;
}

static Datum
convert_jsonb(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	/* JSON in a column of text arrives as a string */
	if (v->type == JENTRY_ISSTRING && (is_characters(conv) || is_negative_zero(conv, v)))
		return cdc_convert_by_text(conv, v, isnull);
	return PointerGetDatum(cdc_json_to_jsonb(v));
}

static Datum
convert_json(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	Jsonb	   *jb;

	if (v->type != JENTRY_ISSTRING || is_characters(conv) || is_negative_zero(conv, v))
		return cdc_convert_by_text(conv, v, isnull);
	jb = cdc_json_to_jsonb(v);
	return CStringGetTextDatum(JsonbToCString(NULL, &jb->root, VARSIZE(jb)));
}

static Datum
convert_array(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	const JsonbContainer *c;
	const char *base;
	Datum	   *elems;
	bool	   *nulls;
	uint32		offset = 0;
	int			n;
	int			dims[1];
	int			lbs[1] = {1};
	int			i;

	if (v->type != JENTRY_ISCONTAINER || !cdc_json_is_array(cdc_json_container(v)))
		return cdc_convert_by_text(conv, v, isnull);
	c = cdc_json_container(v);
	n = cdc_json_count(c);
	if (n == 0)
		return PointerGetDatum(construct_empty_array(conv->element->typid));
	base = cdc_json_base(c, n);
	elems = palloc(sizeof(Datum) * n);
	nulls = palloc(sizeof(bool) * n);
	for (i = 0; i < n; i++)
	{
		CdcJsonValue e;

		cdc_json_step(c, base, i, &offset, &e);
		nulls[i] = (e.type == JENTRY_ISNULL);
		elems[i] = nulls[i] ? (Datum) 0 : conv->element->convert(conv->element, &e, &nulls[i]);
	}
	dims[0] = n;
	return PointerGetDatum(construct_md_array(elems, nulls, 1, dims, lbs, conv->element->typid,
											  conv->elem_len, conv->elem_byval,
											  conv->elem_align));
}

/* A value of the type below, as strictly as without the domain; then its constraints. */
static Datum
convert_domain(CdcConverter *conv, const CdcJsonValue *v, bool *isnull)
{
	Datum		result = conv->element->convert(conv->element, v, isnull);

	domain_check(result, *isnull, conv->typid, &conv->domain_checks, conv->context);
	return result;
}

/* ------------------------------------------------------------------------
 * Choice
 * ------------------------------------------------------------------------
 */

static CdcConvertFunction
choose(CdcConverter *conv)
{
	switch (conv->basetype)
	{
		case INT2OID:
			return convert_int2;
		case INT4OID:
			return convert_int4;
		case INT8OID:
			return convert_int8;
		case BOOLOID:
			return convert_boolean;
		case NUMERICOID:
			if (conv->typmod >= 0)
			{
				/* the scale is signed, 11 bits, since PostgreSQL 15; before, never above 1000 */
				conv->limit = ((conv->typmod - VARHDRSZ) & 0x7ff);
				conv->limit = (conv->limit ^ 1024) - 1024;
			}
			return convert_numeric;
		case FLOAT4OID:
			return convert_float4;
		case FLOAT8OID:
			return convert_float8;
		case VARCHAROID:
			conv->limit = conv->typmod >= 0 ? conv->typmod - (int) VARHDRSZ : -1;
			return convert_text;
		case BPCHAROID:
			conv->limit = conv->typmod >= 0 ? conv->typmod - (int) VARHDRSZ : -1;
			return convert_bpchar;
		case TEXTOID:
			return convert_text;
		case BYTEAOID:
			return conv->source == CDC_SOURCE_GEOMETRY ? convert_geometry : convert_bytea;
		case BITOID:
			conv->limit = conv->typmod >= 0 ? conv->typmod : 1;
			return convert_bit;
		case VARBITOID:
			conv->limit = conv->typmod;
			return convert_bit;
		case JSONBOID:
			return convert_jsonb;
		case JSONOID:
			return convert_json;
		default:
			return cdc_convert_temporal_function(conv);
	}
}

void
cdc_converter_init(CdcConverter *conv, MemoryContext cxt, Oid typid, int32 typmod,
				   CdcContentKind source, CdcZeroDate zero_date)
{
	Oid			input;
	Oid			element;

	cdc_numeric_pack_verify();
	memset(conv, 0, sizeof(*conv));
	conv->typid = typid;
	conv->typmod = typmod;
	conv->source = source;
	conv->zero_date = zero_date;
	conv->limit = -1;
	conv->basetype = getBaseType(typid);
	getTypeInputInfo(typid, &input, &conv->ioparam);
	fmgr_info_cxt(input, &conv->input, cxt);

	conv->text_rule = cdc_text_rule(typid);
	conv->loss = cdc_text_loss(conv->basetype);
	if (conv->basetype != typid)
	{
		int32		basemod = typmod;
		Oid			base = getBaseTypeAndTypmod(typid, &basemod);

		conv->context = cxt;
		conv->element = MemoryContextAlloc(cxt, sizeof(CdcConverter));
		cdc_converter_init(conv->element, cxt, base, basemod, source, zero_date);
		conv->convert = convert_domain;
		return;
	}
	element = get_element_type(typid);
	if (OidIsValid(element) && get_typlen(typid) == -1)
	{
		conv->element = MemoryContextAlloc(cxt, sizeof(CdcConverter));
		cdc_converter_init(conv->element, cxt, element, typmod, source, zero_date);
		get_typlenbyvalalign(element, &conv->elem_len, &conv->elem_byval, &conv->elem_align);
		conv->convert = convert_array;
		return;
	}
	conv->convert = choose(conv);
	if (conv->convert == NULL)
		conv->convert = cdc_convert_by_text;
}
