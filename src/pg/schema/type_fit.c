/*-------------------------------------------------------------------------
 *
 * type_fit.c
 *	  How a column of a target takes the values of a column of the source: by their
 *	  types, so that what does not go is found before a value of it comes.
 *
 * This says of conversions (pg/datum) what they do; where they raise an error for
 * a value that does not fit, so does apply, and nothing is lost.  For each kind of source
 * there is a list of PostgreSQL's own types that hold its values, by type and length:
 * all others wrap, cut, round or reorder what they read, or mean something else by it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/type_fit.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/arena.h"
#include "core/change.h"
#include "core/geometry.h"

#include "pg/base/compat_catalog.h"

typedef enum Source
{
	WHOLE,						/* integers, year */
	DECIMALS,
	SINGLE,
	DOUBLES,
	BITS,
	DATES,
	DATETIMES,
	TIMESTAMPS,
	TIMES,
	TEXTS,
	BYTES,
	ENUMS,
	SETS,
	DOCUMENTS,
	GEOMETRIES,
	STRINGS,					/* texts of which only the source knows what they say */
	ZONED_TIMES,
	ARRAYS,
	OTHERS						/* as text: uuid, inet6 */
} Source;

static const struct
{
	const char *name;
	Source		source;
}			sources[] = {
	{"tinyint", WHOLE}, {"smallint", WHOLE}, {"mediumint", WHOLE}, {"int", WHOLE},
	{"integer", WHOLE}, {"bigint", WHOLE}, {"year", WHOLE}, {"decimal", DECIMALS},
	{"numeric", DECIMALS}, {"float", SINGLE}, {"double", DOUBLES}, {"bit", BITS},
	{"date", DATES}, {"datetime", DATETIMES}, {"timestamp", TIMESTAMPS}, {"time", TIMES},
	{"char", TEXTS}, {"varchar", TEXTS}, {"tinytext", TEXTS}, {"text", TEXTS},
	{"mediumtext", TEXTS}, {"longtext", TEXTS}, {"binary", BYTES}, {"varbinary", BYTES},
	{"tinyblob", BYTES}, {"blob", BYTES}, {"mediumblob", BYTES}, {"longblob", BYTES},
	{"enum", ENUMS}, {"set", SETS}, {"json", DOCUMENTS}, {"string", STRINGS},
	{"timetz", ZONED_TIMES}, {"array", ARRAYS}
};

static Source
source_of(const CdcColumn *col)
{
	size_t		i;

	if (col->json_check)
		return DOCUMENTS;
	for (i = 0; i < lengthof(sources); i++)
		if (strcmp(sources[i].name, col->data_type) == 0)
			return sources[i].source;
	return cdc_is_geometry_type(col->data_type) ? GEOMETRIES : OTHERS;
}

/* Decimal digits that the integers of a type have at most. */
static int
digits_of(const CdcColumn *col)
{
	if (strcmp(col->data_type, "tinyint") == 0)
		return 3;
	if (strcmp(col->data_type, "year") == 0)
		return 4;
	if (strcmp(col->data_type, "smallint") == 0)
		return 5;
	if (strcmp(col->data_type, "mediumint") == 0)
		return col->is_unsigned ? 8 : 7;
	if (strcmp(col->data_type, "bigint") == 0)
		return col->is_unsigned ? 20 : 19;
	return 10;
}

/* Bits behind the sign, of integers. */
static int
bits_of(const CdcColumn *col)
{
	int			bits = 31;

	if (strcmp(col->data_type, "tinyint") == 0)
		bits = 7;
	else if (strcmp(col->data_type, "smallint") == 0 || strcmp(col->data_type, "year") == 0)
		bits = 15;
	else if (strcmp(col->data_type, "mediumint") == 0)
		bits = 23;
	else if (strcmp(col->data_type, "bigint") == 0)
		bits = 63;
	return bits + (col->is_unsigned ? 1 : 0);
}

static CdcTypeFit
exact_if(bool exact)
{
	return exact ? CDC_FIT_EXACT : CDC_FIT_OR_ERROR;
}

/*
 * A type that is on no list of those that hold the values: PostgreSQL's own do not, nor do
 * arrays of them and domains over them; those that users made know what they do.
 */
static CdcTypeFit
unlisted(Oid type)
{
	Oid			element;

	for (;;)
	{
		type = getBaseType(type);
		element = get_element_type(type);
		if (!OidIsValid(element))
			break;
		type = element;
	}
	return type < FirstNormalObjectId ? CDC_FIT_ALTERS : CDC_FIT_OR_ERROR;
}

/* numeric(precision, scale) for so many digits before and behind the point. */
static CdcTypeFit
numeric_fit(int32 typmod, int whole, int scale)
{
	int			target_scale;
	int			precision;

	if (typmod < (int32) VARHDRSZ)
		return CDC_FIT_EXACT;
	/* as in convert.c: the scale is signed, 11 bits */
	target_scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	return exact_if(target_scale >= scale && precision - target_scale >= whole);
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

static CdcTypeFit
text_fit(Oid type, int32 typmod, int length)
{
	if (type == TEXTOID || typmod < (int32) VARHDRSZ)
		return CDC_FIT_EXACT;
	return exact_if(length >= 0 && typmod - (int32) VARHDRSZ >= length);
}

static CdcTypeFit
whole_fit(const CdcColumn *col, Oid type, int32 typmod)
{
	int			bits = bits_of(col);

	switch (type)
	{
		case INT2OID:
			return exact_if(bits <= 15);
		case INT4OID:
			return exact_if(bits <= 31);
		case INT8OID:
			return exact_if(bits <= 63);
		case NUMERICOID:
			return numeric_fit(typmod, digits_of(col), 0);
		case FLOAT4OID:
			return bits <= 24 ? CDC_FIT_EXACT : CDC_FIT_ALTERS;
		case FLOAT8OID:
			return bits <= 53 ? CDC_FIT_EXACT : CDC_FIT_ALTERS;
		case BOOLOID:
		case JSONOID:
		case JSONBOID:
		case BYTEAOID:			/* the digits */
			return CDC_FIT_OR_ERROR;
		default:
			return is_text(type) ? text_fit(type, typmod, digits_of(col) + 1) : unlisted(type);
	}
}

static CdcTypeFit
decimal_fit(const CdcColumn *col, Oid type, int32 typmod)
{
	switch (type)
	{
		case NUMERICOID:
			return numeric_fit(typmod, col->precision - col->scale, col->scale);
		case FLOAT8OID:
			return col->precision <= 15 ? CDC_FIT_CASTS : CDC_FIT_ALTERS;
		case FLOAT4OID:
			return col->precision <= 6 ? CDC_FIT_CASTS : CDC_FIT_ALTERS;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case JSONOID:
		case JSONBOID:
		case BYTEAOID:
			return CDC_FIT_OR_ERROR;
		default:
			return is_text(type) ? text_fit(type, typmod, col->precision + 3) : unlisted(type);
	}
}

static CdcTypeFit
float_fit(Source source, Oid type)
{
	switch (type)
	{
		case FLOAT4OID:
			return source == SINGLE ? CDC_FIT_EXACT : CDC_FIT_ALTERS;
		case FLOAT8OID:
			return source == DOUBLES ? CDC_FIT_EXACT : CDC_FIT_CASTS;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case JSONOID:
		case JSONBOID:
		case BYTEAOID:
			return CDC_FIT_OR_ERROR;
		default:
			return is_text(type) ? CDC_FIT_CASTS : unlisted(type);
	}
}

static CdcTypeFit
bit_fit(const CdcColumn *col, Oid type, int32 typmod)
{
	switch (type)
	{
		case BITOID:
		case VARBITOID:
			return exact_if((int) col->length <= Max(typmod, 1) && (type == BITOID || typmod >= 0) &&
							(int) col->length == Max(typmod, 1));
		case BOOLOID:
			return exact_if(col->length == 1);
		case INT2OID:
			return exact_if(col->length <= 15);
		case INT4OID:
			return exact_if(col->length <= 31);
		case INT8OID:
			return exact_if(col->length <= 63);
		case NUMERICOID:
			return CDC_FIT_OR_ERROR;
		default:
			return CDC_FIT_ALTERS;
	}
}

/* An interval's typmod has its fields, too: without seconds all below the last one is cut off. */
static bool
has_seconds(int32 typmod)
{
	return typmod < 0 || (INTERVAL_RANGE(typmod) & INTERVAL_MASK(SECOND)) != 0;
}

static CdcTypeFit
time_fit(Source source, const CdcColumn *col, Oid type, int32 typmod)
{
	bool		digits = typmod < 0 || typmod >= col->fsp;

	if (type == INTERVALOID)
		digits = typmod < 0 || (typmod & 0xffff) >= col->fsp;
	switch (source)
	{
		case DATES:
			if (type == DATEOID || type == TIMESTAMPOID)
				return CDC_FIT_EXACT;
			break;
		case DATETIMES:
			if (type == TIMESTAMPOID)
				return exact_if(digits);
			if (type == DATEOID)
				return CDC_FIT_OR_ERROR;
			break;
		case TIMESTAMPS:
			if (type == TIMESTAMPTZOID)
				return exact_if(digits);
			if (type == DATEOID)
				return CDC_FIT_OR_ERROR;
			break;
		default:
			if (type == INTERVALOID)
				return has_seconds(typmod) ? exact_if(digits) : CDC_FIT_ALTERS;
			if (type == TIMEOID)
				return CDC_FIT_OR_ERROR;
			return is_text(type) ? text_fit(type, typmod, 18) : CDC_FIT_ALTERS;
	}
	if (type == TIMESTAMPOID || type == TIMESTAMPTZOID)
		return CDC_FIT_CASTS;
	return is_text(type) ? text_fit(type, typmod, 26) : CDC_FIT_ALTERS;
}

/* Characters in a column of PostgreSQL's own types that are not for them. */
static CdcTypeFit
text_elsewhere(Oid type)
{
	switch (type)
	{
		case BYTEAOID:
			return CDC_FIT_EXACT;	/* the text's bytes */
		case JSONOID:
		case JSONBOID:
		case UUIDOID:
		case INETOID:
		case CIDROID:
		case XMLOID:
			return CDC_FIT_CASTS;
		default:
			/* "007" and " 7" are both 7 */
			return unlisted(type);
	}
}

/* Characters in a column for characters; char(n) of PostgreSQL keeps no blanks at the end. */
static CdcTypeFit
characters_fit(const CdcColumn *col, Oid type, int32 typmod)
{
	bool		no_length = strstr(col->data_type, "text") != NULL;

	if (type == BPCHAROID && strcmp(col->data_type, "char") != 0)
		return CDC_FIT_OR_ERROR;
	return text_fit(type, typmod, no_length ? -1 : (int) col->length);
}

/* The members of a set, or the numbers of a vector, as an array. */
static CdcTypeFit
array_fit(Source source, Oid type)
{
	Oid			element = getBaseType(get_element_type(type));

	if (is_text(element))
		return CDC_FIT_EXACT;
	if (source != SETS && (element == FLOAT4OID || element == FLOAT8OID))
		return CDC_FIT_EXACT;
	if (source != SETS && element == NUMERICOID)
		return CDC_FIT_OR_ERROR;
	return unlisted(type);
}

/* What has no kind of its own: uuid, inet4, inet6, vector, and what messages tell of their columns. */
static CdcTypeFit
other_fit(const CdcColumn *col, Oid type)
{
	bool		address = strncmp(col->data_type, "inet", 4) == 0;

	/* a truth value is the one of a single bit */
	if ((type == BITOID || type == VARBITOID) && strcmp(col->data_type, "boolean") == 0)
		return CDC_FIT_OR_ERROR;
	if (OidIsValid(get_element_type(type)))
		return array_fit(OTHERS, type);
	if (is_text(type) || (type == UUIDOID && strcmp(col->data_type, "uuid") == 0) || (type == INETOID && address))
		return CDC_FIT_EXACT;
	switch (type)
	{
		case CIDROID:
			return address ? CDC_FIT_OR_ERROR : CDC_FIT_ALTERS;
		case UUIDOID:
		case INETOID:
		case BYTEAOID:
		case JSONOID:
		case JSONBOID:
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
			return CDC_FIT_OR_ERROR;
		default:
			return unlisted(type);
	}
}

/*
 * What messages of Kafka have as a text may be a value of any type, and is read as the type reads
 * its own: what that would change is an error of the conversion.
 */
static CdcTypeFit
string_fit(Oid type, int32 typmod)
{
	if (is_text(type))
		return text_fit(type, typmod, -1);
	/* base64, or what binary.handling.mode makes of bytes */
	return CDC_FIT_OR_ERROR;
}

/* A time with a zone, which is UTC in messages that have one. */
static CdcTypeFit
zoned_time_fit(Oid type, int32 typmod)
{
	if (type == TIMETZOID)
		return exact_if(typmod < 0 || typmod >= MAX_TIMESTAMP_PRECISION);
	if (type == TIMEOID || type == INTERVALOID)
		return CDC_FIT_OR_ERROR;
	return is_text(type) ? text_fit(type, typmod, 24) : unlisted(type);
}

/* An array, whose elements are converted one by one. */
static CdcTypeFit
elements_fit(Oid type)
{
	if (type == JSONBOID || type == JSONOID)
		return CDC_FIT_EXACT;
	if (OidIsValid(get_element_type(type)))
		return CDC_FIT_OR_ERROR;
	return is_text(type) ? CDC_FIT_CASTS : unlisted(type);
}

static CdcTypeFit
fit(const CdcColumn *col, Oid type, int32 typmod)
{
	Source		source = source_of(col);
	bool		array = OidIsValid(get_element_type(type));

	switch (source)
	{
		case WHOLE:
			return whole_fit(col, type, typmod);
		case DECIMALS:
			return decimal_fit(col, type, typmod);
		case SINGLE:
		case DOUBLES:
			return float_fit(source, type);
		case BITS:
			return bit_fit(col, type, typmod);
		case DATES:
		case DATETIMES:
		case TIMESTAMPS:
		case TIMES:
			return time_fit(source, col, type, typmod);
		case TEXTS:
			return is_text(type) ? characters_fit(col, type, typmod) : text_elsewhere(type);
		case ENUMS:
			if (is_text(type))
				return type == TEXTOID ? CDC_FIT_EXACT : CDC_FIT_OR_ERROR;
			return text_elsewhere(type);
		case SETS:
			if (array)
				return array_fit(source, type);
			return is_text(type) || type == JSONBOID || type == JSONOID ? CDC_FIT_CASTS : CDC_FIT_ALTERS;
		case BYTES:
			return type == BYTEAOID ? CDC_FIT_EXACT : unlisted(type);
		case DOCUMENTS:
			if (type == JSONBOID || type == JSONOID)
				return CDC_FIT_EXACT;
			/* MariaDB's are texts */
			if (col->json_check && (is_text(type) || type == BYTEAOID))
				return is_text(type) ? text_fit(type, typmod, -1) : CDC_FIT_EXACT;
			return is_text(type) ? CDC_FIT_CASTS : unlisted(type);
		case GEOMETRIES:
			if (type == BYTEAOID)
				return CDC_FIT_EXACT;
			return is_text(type) ? CDC_FIT_CASTS : unlisted(type);
		case STRINGS:
			return string_fit(type, typmod);
		case ZONED_TIMES:
			return zoned_time_fit(type, typmod);
		case ARRAYS:
			return elements_fit(type);
		case OTHERS:
			break;
	}
	return other_fit(col, type);
}

/* The type that a definition tells; false: it is none.  It lives as long as the arena, which is the caller's. */
static bool
read_type(const CdcColumnDef *source, CdcArena *arena, CdcColumn *col)
{
	CdcError	err;

	memset(col, 0, sizeof(*col));
	col->json_check = source->json_check;
	return arena != NULL && !cdc_failed(cdc_column_type_parse(arena, source->column_type, col, &err));
}

CdcTypeFit
cdc_type_fit(const CdcColumnDef *source, Oid typid, int32 typmod)
{
	Oid			base = getBaseTypeAndTypmod(typid, &typmod);
	CdcArena   *arena = cdc_arena_create(0);
	CdcColumn	col;
	CdcTypeFit	result = read_type(source, arena, &col) ? fit(&col, base, typmod) : CDC_FIT_OR_ERROR;

	cdc_arena_destroy(arena);
	return result;
}

/* ------------------------------------------------------------------------
 * Keys
 * ------------------------------------------------------------------------
 */

static bool
ends_with(const char *text, const char *end)
{
	size_t		len = strlen(text);

	return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* Whether the source takes letters that differ in case for the same. */
static bool
ignores_case(const CdcColumnDef *source)
{
	return source->collation != NULL && ends_with(source->collation, "_ci");
}

/* Whether it takes what differs in accents for the same, too. */
static bool
ignores_accents(const CdcColumnDef *source)
{
	return ignores_case(source) && !ends_with(source->collation, "_as_ci");
}

/* Whether it passes over blanks at the end: all collations do but those of MySQL 8 and NO PAD. */
static bool
ignores_blanks(const CdcColumnDef *source)
{
	return source->collation != NULL && strstr(source->collation, "_0900_") == NULL &&
		strstr(source->collation, "_nopad_") == NULL && strcmp(source->collation, "binary") != 0;
}

static bool
is_citext(Oid type)
{
	HeapTuple	tuple = type < FirstNormalObjectId ? NULL : SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), "citext") == 0;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Characters as a key.  What types of users take for equal is not known, but for citext,
 * which compares in lower case.
 */
static CdcKeyFit
text_key_fit(const CdcColumnDef *source, bool may_end_in_blanks, Oid type, Oid collation)
{
	if (type == BPCHAROID && may_end_in_blanks && !ignores_blanks(source))
		return CDC_KEY_FIT_MERGES;
	if (is_text(type))
		return CDC_COLLATION_IS_DETERMINISTIC(collation) || ignores_accents(source) ?
			CDC_KEY_FIT_EXACT : CDC_KEY_FIT_MERGES;
	if (type == BYTEAOID || get_typtype(type) == TYPTYPE_ENUM)
		return CDC_KEY_FIT_EXACT;
	if (type == UUIDOID)
		return ignores_case(source) ? CDC_KEY_FIT_ANY_CASE : CDC_KEY_FIT_AS_WRITTEN;
	if (type == INETOID || type == CIDROID)
		return CDC_KEY_FIT_AS_WRITTEN;
	return ignores_case(source) && is_citext(type) ? CDC_KEY_FIT_EXACT : CDC_KEY_FIT_MERGES;
}

/* A text of which only the source knows what it says: two that differ must not become one value. */
static CdcKeyFit
string_key_fit(Oid type, Oid collation)
{
	if (is_text(type))
		return CDC_COLLATION_IS_DETERMINISTIC(collation) ? CDC_KEY_FIT_EXACT : CDC_KEY_FIT_MERGES;
	return type == BYTEAOID || get_typtype(type) == TYPTYPE_ENUM ? CDC_KEY_FIT_EXACT : CDC_KEY_FIT_AS_WRITTEN;
}

CdcKeyFit
cdc_key_fit(const CdcColumnDef *source, Oid typid, Oid collation)
{
	CdcArena   *arena = cdc_arena_create(0);
	CdcColumn	col;
	Source		kind = read_type(source, arena, &col) ? source_of(&col) : OTHERS;
	bool		may_end_in_blanks = kind == TEXTS && strcmp(col.data_type, "char") != 0;

	cdc_arena_destroy(arena);
	if (kind == STRINGS)
		return string_key_fit(getBaseType(typid), collation);
	if (kind != TEXTS && kind != ENUMS)
		return CDC_KEY_FIT_EXACT;
	return text_key_fit(source, may_end_in_blanks, getBaseType(typid), collation);
}
