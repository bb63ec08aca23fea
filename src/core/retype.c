/*-------------------------------------------------------------------------
 *
 * retype.c
 *	  What ALTER TABLE makes of a column's values when it changes its type.
 *
 * Said is only what holds for each server, each sql_mode and each algorithm of ALTER
 * TABLE: a value that the new type has stays what it is.  What would be rounded, cut or
 * replaced depends on those, so that it is left to checks of the values, or unknown.
 *
 *-------------------------------------------------------------------------
 */
#include "core/retype.h"

#include <string.h>
#include <strings.h>

#include "core/geometry.h"

typedef enum Family
{
	INTEGER,
	DECIMAL,
	FLOAT,
	DOUBLE,
	BIT,
	YEAR,
	DATE,
	DATETIME,
	TIMESTAMP,
	TIME,
	CHARS,						/* char(n) */
	VARCHAR,
	TEXT,
	VARBINARY,
	BLOB,
	ENUM,
	SET,
	GEOMETRY,
	OTHER
} Family;

typedef struct Kind
{
	const char *name;			/* of the type */
	Family		family;
	const char *min;			/* of integers; the largest length in bytes of texts is max */
	const char *max;
	const char *max_unsigned;
	int			rank;			/* of integers: their bytes */
	uint32_t	bytes;			/* of texts: their largest length; 0: no other one is larger */
} Kind;

static const Kind kinds[] = {
	{"tinyint", INTEGER, "-128", "127", "255", 1, 0},
	{"smallint", INTEGER, "-32768", "32767", "65535", 2, 0},
	{"mediumint", INTEGER, "-8388608", "8388607", "16777215", 3, 0},
	{"int", INTEGER, "-2147483648", "2147483647", "4294967295", 4, 0},
	{"integer", INTEGER, "-2147483648", "2147483647", "4294967295", 4, 0},
	{"bigint", INTEGER, "-9223372036854775808", "9223372036854775807", "18446744073709551615", 8, 0},
	{"decimal", DECIMAL, NULL, NULL, NULL, 0, 0},
	{"numeric", DECIMAL, NULL, NULL, NULL, 0, 0},
	{"float", FLOAT, NULL, NULL, NULL, 0, 0},
	{"double", DOUBLE, NULL, NULL, NULL, 0, 0},
	{"bit", BIT, NULL, NULL, NULL, 0, 0},
	{"year", YEAR, NULL, NULL, NULL, 0, 0},
	{"date", DATE, NULL, NULL, NULL, 0, 0},
	{"datetime", DATETIME, NULL, NULL, NULL, 0, 0},
	{"timestamp", TIMESTAMP, NULL, NULL, NULL, 0, 0},
	{"time", TIME, NULL, NULL, NULL, 0, 0},
	{"char", CHARS, NULL, NULL, NULL, 0, 0},
	{"varchar", VARCHAR, NULL, NULL, NULL, 0, 0},
	{"tinytext", TEXT, NULL, NULL, NULL, 0, 255},
	{"text", TEXT, NULL, NULL, NULL, 0, 65535},
	{"mediumtext", TEXT, NULL, NULL, NULL, 0, 16777215},
	{"longtext", TEXT, NULL, NULL, NULL, 0, 0},
	{"varbinary", VARBINARY, NULL, NULL, NULL, 0, 0},
	{"tinyblob", BLOB, NULL, NULL, NULL, 0, 255},
	{"blob", BLOB, NULL, NULL, NULL, 0, 65535},
	{"mediumblob", BLOB, NULL, NULL, NULL, 0, 16777215},
	{"longblob", BLOB, NULL, NULL, NULL, 0, 0},
	{"enum", ENUM, NULL, NULL, NULL, 0, 0},
	{"set", SET, NULL, NULL, NULL, 0, 0},
};

static const Kind other = {"", OTHER, NULL, NULL, NULL, 0, 0};
static const Kind geometry = {"", GEOMETRY, NULL, NULL, NULL, 0, 0};

static const Kind *
kind_of(const CdcColumn *column)
{
	for (size_t i = 0; column->data_type != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		if (strcmp(kinds[i].name, column->data_type) == 0)
			return &kinds[i];
	}
	return column->data_type != NULL && cdc_is_geometry_type(column->data_type) ? &geometry : &other;
}

static void
check(CdcShapeColumn *r, unsigned checks)
{
	r->checks |= checks;
	if (r->retype < CDC_RETYPE_CHECK)
		r->retype = CDC_RETYPE_CHECK;
}

static bool
is_zerofill(const CdcColumnDef *def)
{
	return strstr(def->column_type, "zerofill") != NULL;
}

/* ---- numbers ---- */

static void
to_integer_range(const Kind *kind, const CdcColumn *to, CdcShapeColumn *r)
{
	r->min = to->is_unsigned ? "0" : kind->min;
	r->max = to->is_unsigned ? kind->max_unsigned : kind->max;
	check(r, CDC_CHECK_RANGE);
}

static bool
integer_fits(const Kind *a, const CdcColumn *from, const Kind *b, const CdcColumn *to)
{
	if (from->is_unsigned == to->is_unsigned)
		return b->rank >= a->rank;
	return from->is_unsigned && b->rank > a->rank;
}

static bool
decimal_fits(const CdcColumn *from, const CdcColumn *to)
{
	return to->scale >= from->scale &&
		to->precision - to->scale >= from->precision - from->scale &&
		(from->is_unsigned || !to->is_unsigned);
}

/* float and double; with a number of digits a value is rounded to that. */
static void
from_float(Family a, const CdcColumn *from, const Kind *b, const CdcColumn *to, CdcShapeColumn *r)
{
	bool		digits = to->precision > 0;

	if (b->family == FLOAT || b->family == DOUBLE)
	{
		if (digits || (a == FLOAT && b->family == DOUBLE && from->precision > 0))
		{
			if (a != b->family || from->precision == 0 || !decimal_fits(from, to))
				r->retype = CDC_RETYPE_UNKNOWN;
		}
		else if (a == DOUBLE && b->family == FLOAT)
			check(r, CDC_CHECK_ROUND_TRIP);
	}
	else if (b->family == INTEGER)
		check(r, CDC_CHECK_ROUND_TRIP);
	else
		r->retype = CDC_RETYPE_UNKNOWN;
	if (to->is_unsigned && !from->is_unsigned)
		check(r, CDC_CHECK_NOT_NEGATIVE);
	if (b->family == INTEGER)
		to_integer_range(b, to, r);
}

/* Integers and decimals. */
static void
from_number(const Kind *a, const CdcColumnDef *before, const CdcColumn *from, const Kind *b,
			const CdcColumn *to, CdcShapeColumn *r)
{
	switch (b->family)
	{
		case INTEGER:
			if (a->family == DECIMAL)
				check(r, CDC_CHECK_ROUND_TRIP);
			if (a->family == DECIMAL || !integer_fits(a, from, b, to))
				to_integer_range(b, to, r);
			return;
		case DECIMAL:
			if (a->family == DECIMAL && decimal_fits(from, to))
				return;
			check(r, CDC_CHECK_ROUND_TRIP);
			if (to->is_unsigned && !from->is_unsigned)
				check(r, CDC_CHECK_NOT_NEGATIVE);
			return;
		case FLOAT:
		case DOUBLE:
			if (to->precision > 0)
				r->retype = CDC_RETYPE_UNKNOWN;
			check(r, CDC_CHECK_ROUND_TRIP);
			if (to->is_unsigned && !from->is_unsigned)
				check(r, CDC_CHECK_NOT_NEGATIVE);
			return;
		case YEAR:
			if (a->family != INTEGER)
				break;
			r->min = "1901";
			r->max = "2155";
			check(r, CDC_CHECK_RANGE);
			return;
		case CHARS:
		case VARCHAR:
		case TEXT:
			if (is_zerofill(before))
				break;
			check(r, CDC_CHECK_ROUND_TRIP);
			if (b->family != TEXT)
			{
				r->characters = to->length;
				check(r, CDC_CHECK_CHARACTERS);
			}
			return;
		default:
			break;
	}
	r->retype = CDC_RETYPE_UNKNOWN;
}

/* ---- characters and bytes ---- */

static bool
is_one_of(const char *charset, const char *const *list)
{
	return charset != NULL && cdc_type_is_one_of(charset, list);
}

/* Whether each character of a has one in b, which is the same. */
static bool
charset_contains(const char *b, const char *a)
{
	static const char *const all[] = {"utf8mb4", "utf16", "utf16le", "utf32", NULL};
	static const char *const plane[] = {"utf8", "utf8mb3", "ucs2", NULL};
	static const char *const larger[] = {"utf8mb4", "utf16", "utf16le", "utf32", "gb18030", NULL};

	if (a == NULL || b == NULL)
		return a == b;
	if (strcmp(a, b) == 0 || strcmp(a, "ascii") == 0 || is_one_of(b, all))
		return true;
	return is_one_of(b, plane) && !is_one_of(a, larger);
}

static bool
is_utf8(const char *charset)
{
	static const char *const utf8[] = {"utf8", "utf8mb3", "utf8mb4", "ascii", NULL};

	return is_one_of(charset, utf8);
}

/* The bytes of a character: at most, or 0 where they are no more than in UTF-8. */
static unsigned
bytes_each(const char *charset)
{
	static const char *const wide[] = {"utf16", "utf16le", "utf32", "gb18030", NULL};

	if (is_one_of(charset, wide))
		return 4;
	return charset != NULL && strcmp(charset, "ucs2") == 0 ? 2 : 0;
}

/* A text's or blob's largest length. */
static void
check_bytes(const Kind *b, const char *charset, CdcShapeColumn *r)
{
	if (b->bytes == 0)
		return;
	r->bytes = b->bytes;
	r->bytes_each = bytes_each(charset);
	check(r, CDC_CHECK_BYTES);
}

static void
to_text(const Kind *a, const CdcColumn *from, const Kind *b, const CdcColumn *to, CdcShapeColumn *r)
{
	if (!charset_contains(to->charset, from->charset))
		check(r, CDC_CHECK_ASCII);
	if (b->family == TEXT)
	{
		bool		no_more_bytes = is_utf8(from->charset) ? bytes_each(to->charset) == 0 :
			from->charset != NULL && to->charset != NULL && strcmp(from->charset, to->charset) == 0;

		/* four bytes a character are enough in all character sets */
		if (!(a->family == TEXT && a->bytes > 0 && b->bytes >= a->bytes && no_more_bytes) &&
			!((a->family == CHARS || a->family == VARCHAR) && from->length * 4 <= b->bytes))
			check_bytes(b, to->charset, r);
		return;
	}
	if (a->family == TEXT || from->length > to->length)
	{
		r->characters = to->length;
		check(r, CDC_CHECK_CHARACTERS);
	}
	if (b->family == CHARS && a->family != CHARS)
		check(r, CDC_CHECK_TRAILING);
}

static void
check_members(const CdcColumn *to, CdcShapeColumn *r)
{
	r->members = to->members;
	r->nmembers = to->nmembers;
	check(r, CDC_CHECK_MEMBERS);
}

static void
from_text(const Kind *a, const CdcColumn *from, const Kind *b, const CdcColumn *to, CdcShapeColumn *r)
{
	switch (b->family)
	{
		case CHARS:
		case VARCHAR:
		case TEXT:
			to_text(a, from, b, to, r);
			return;
		case ENUM:
			check_members(to, r);
			return;
		case VARBINARY:
		case BLOB:
			/* its bytes, which are known where they are those of UTF-8 */
			if (a->family == CHARS || !is_utf8(from->charset))
				break;
			r->retype = CDC_RETYPE_EXACT;
			if (b->family == BLOB)
				check_bytes(b, NULL, r);
			else
			{
				r->bytes = to->length;
				check(r, CDC_CHECK_BYTES);
			}
			return;
		default:
			break;
	}
	r->retype = CDC_RETYPE_UNKNOWN;
}

static void
from_bytes(const Kind *a, const CdcColumn *from, const Kind *b, const CdcColumn *to, CdcShapeColumn *r)
{
	if (b->family == VARBINARY)
	{
		if (a->family == VARBINARY && from->length <= to->length)
			return;
		r->bytes = to->length;
		check(r, CDC_CHECK_BYTES);
	}
	else if (b->family == BLOB)
	{
		if (!(a->family == BLOB && a->bytes > 0 && b->bytes >= a->bytes) &&
			!(a->family == VARBINARY && from->length <= b->bytes))
			check_bytes(b, NULL, r);
	}
	else if ((b->family == VARCHAR || b->family == TEXT) && is_utf8(to->charset))
	{
		/* bytes that are no UTF-8 fail the cast */
		check(r, CDC_CHECK_ROUND_TRIP);
		if (strcmp(to->charset, "utf8mb4") != 0)
			check(r, CDC_CHECK_ASCII);
		if (b->family == TEXT)
			check_bytes(b, NULL, r);
		else
		{
			r->characters = to->length;
			check(r, CDC_CHECK_CHARACTERS);
		}
	}
	else
		r->retype = CDC_RETYPE_UNKNOWN;
}

/* ---- members ---- */

static int
find_member(const CdcColumn *column, const CdcString *member, int from)
{
	for (int i = from; i < column->nmembers; i++)
	{
		if (column->members[i].len == member->len &&
			memcmp(column->members[i].data, member->data, member->len) == 0)
			return i;
	}
	return -1;
}

/* Whether the members that both have stand in the same order; *all: none was removed. */
static bool
same_order(const CdcColumn *from, const CdcColumn *to, bool *all)
{
	int			last = -1;
	bool		same = true;

	*all = true;
	for (int i = 0; i < from->nmembers; i++)
	{
		int			at = find_member(to, &from->members[i], 0);

		if (at < 0)
			*all = false;
		else if (at < last)
			same = false;
		else
			last = at;
	}
	return same;
}

static void
from_members(const Kind *a, const CdcColumn *from, const Kind *b, const CdcColumn *to, CdcShapeColumn *r)
{
	bool		all;
	bool		same = same_order(from, to, &all);

	if (b->family == a->family)
	{
		/* values are lists in the order of the definition */
		if (a->family == SET && !same)
			r->retype = CDC_RETYPE_UNKNOWN;
		else if (!all)
			check_members(to, r);
	}
	else if (a->family == ENUM && (b->family == CHARS || b->family == VARCHAR || b->family == TEXT))
	{
		if (!charset_contains(to->charset, from->charset))
			check(r, CDC_CHECK_ASCII);
		r->characters = to->length;
		if (b->family != TEXT)
			check(r, CDC_CHECK_CHARACTERS);
	}
	else
		r->retype = CDC_RETYPE_UNKNOWN;
}

/* ---- times ---- */

static void
from_time(const Kind *a, const CdcColumn *from, const Kind *b, const CdcColumn *to, CdcShapeColumn *r)
{
	if (a->family == b->family)
	{
		if (to->fsp < from->fsp)
			check(r, CDC_CHECK_ROUND_TRIP);
	}
	else if (a->family == DATETIME && b->family == DATE)
		check(r, CDC_CHECK_ROUND_TRIP);
	else if (a->family != DATE || b->family != DATETIME)
		r->retype = CDC_RETYPE_UNKNOWN;
}

/* ---- all ---- */

static void
by_family(const Kind *a, const CdcColumnDef *before, const CdcColumn *from, const Kind *b,
		  const CdcColumn *to, CdcShapeColumn *r)
{
	switch (a->family)
	{
		case INTEGER:
		case DECIMAL:
			from_number(a, before, from, b, to, r);
			return;
		case FLOAT:
		case DOUBLE:
			from_float(a->family, from, b, to, r);
			return;
		case BIT:
			if (b->family == INTEGER && from->length < 64)
				to_integer_range(b, to, r);
			else if (b->family != BIT || to->length < from->length)
				r->retype = CDC_RETYPE_UNKNOWN;
			return;
		case YEAR:
			if (b->family == INTEGER)
				to_integer_range(b, to, r);
			else if (b->family != YEAR)
				r->retype = CDC_RETYPE_UNKNOWN;
			return;
		case DATE:
		case DATETIME:
		case TIMESTAMP:
		case TIME:
			from_time(a, from, b, to, r);
			return;
		case CHARS:
		case VARCHAR:
		case TEXT:
			from_text(a, from, b, to, r);
			return;
		case VARBINARY:
		case BLOB:
			from_bytes(a, from, b, to, r);
			return;
		case ENUM:
		case SET:
			from_members(a, from, b, to, r);
			return;
		case GEOMETRY:
			if (b->family != GEOMETRY || strcmp(to->data_type, "geometry") != 0)
				r->retype = CDC_RETYPE_UNKNOWN;
			return;
		case OTHER:
			break;
	}
	r->retype = CDC_RETYPE_UNKNOWN;
}

/* Whether events write a value of both types, which is the same, in one form. */
static bool
is_one_form(const Kind *a, const CdcColumn *from, const Kind *b, const CdcColumn *to)
{
	bool		text = b->family == CHARS || b->family == VARCHAR || b->family == TEXT;

	switch (a->family)
	{
		case INTEGER:
		case BIT:
		case YEAR:
			return b->family == INTEGER || b->family == BIT || b->family == YEAR;
		case DECIMAL:
			return b->family == DECIMAL && from->scale == to->scale;
		case FLOAT:
		case DOUBLE:
			return b->family == a->family && from->precision == to->precision && from->scale == to->scale;
		case DATE:
			return b->family == DATE;
		case DATETIME:
		case TIMESTAMP:
		case TIME:
			return b->family == a->family && from->fsp == to->fsp;
		case CHARS:
		case VARCHAR:
		case TEXT:
			return text || b->family == ENUM;
		case VARBINARY:
		case BLOB:
			return b->family == VARBINARY || b->family == BLOB;
		case ENUM:
			return text || b->family == ENUM;
		case SET:
		case GEOMETRY:
			return b->family == a->family;
		case OTHER:
			break;
	}
	return false;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
has_word(const char *extra, const char *word)
{
	return extra != NULL && strstr(extra, word) != NULL;
}

/* Whether the source computes the column; not so are DEFAULT_GENERATED ones. */
static bool
is_computed(const CdcColumnDef *def)
{
	return def->generated != NULL || has_word(def->extra, "STORED") ||
		has_word(def->extra, "VIRTUAL") || has_word(def->extra, "PERSISTENT");
}

void
cdc_retype(const CdcColumnDef *before, const CdcColumn *from, const CdcColumnDef *after,
		   const CdcColumn *to, CdcShapeColumn *result)
{
	bool		same = same_text(before->column_type, after->column_type) &&
		same_text(before->charset, after->charset) && before->json_check == after->json_check;

	result->retype = CDC_RETYPE_NONE;
	result->checks = 0;
	result->rewritten = !same && !is_one_form(kind_of(from), from, kind_of(to), to);
	if (is_computed(after) ?
		!is_computed(before) || !same || !same_text(before->generated, after->generated) :
		is_computed(before) && has_word(before->extra, "VIRTUAL"))
	{
		result->retype = CDC_RETYPE_UNKNOWN;
		return;
	}
	if (!same)
	{
		result->retype = CDC_RETYPE_EXACT;
		if (before->json_check != after->json_check)
			result->retype = CDC_RETYPE_UNKNOWN;
		else
			by_family(kind_of(from), before, from, kind_of(to), to, result);
	}
	if (before->nullable && !after->nullable)
		check(result, CDC_CHECK_NOT_NULL);
	if (has_word(after->extra, "auto_increment") && !has_word(before->extra, "auto_increment"))
		check(result, CDC_CHECK_NOT_ZERO | CDC_CHECK_NOT_NULL);
}
