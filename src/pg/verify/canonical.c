/*-------------------------------------------------------------------------
 *
 * canonical.c
 *	  One text for a value that source and target both can write.
 *
 * A row is its columns' texts one behind the other.  What cannot have a comma in it ends
 * with one, all else begins with its length in bytes and a colon; so no two rows have one
 * text.  NULL is N, and ? is a value that the source's column cannot have.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/canonical.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/varbit.h"

#include "pg/base/compat_value.h"

/* Digits that tell any double. */
#define MOST_DIGITS	17

/* What a source's column is in the arguments of CONCAT(). */
typedef enum Ask
{
	ASK_PLAIN,					/* the column, a comma */
	ASK_TEXT,					/* the same of types that are compared with none of another type */
	ASK_NUMBER,					/* without ZEROFILL's zeros */
	ASK_DOUBLE,					/* all digits */
	ASK_BITS,					/* enum, set and bit as numbers */
	ASK_BYTES,					/* length and bytes */
	ASK_CHARACTERS,				/* length and bytes, in UTF-8 */
	ASK_DOCUMENT				/* the same of JSON */
} Ask;

typedef void (*WriteFn) (const CdcCanonicalRules *rules, Datum value, StringInfo text);

struct CdcCanonical
{
	const char *source;			/* first word of the type */
	Oid			target;
	Ask			ask;
	WriteFn		write;
};

/* ---- values of the target ---- */

static void
write_no_value(StringInfo text)
{
	appendStringInfoString(text, "?,");
}

static void
write_int64(int64 value, StringInfo text)
{
	char		buf[24];
	char	   *p = buf + sizeof(buf);
	uint64		rest = value < 0 ? 0 - (uint64) value : (uint64) value;

	*--p = ',';
	do
		*--p = (char) ('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (value < 0)
		*--p = '-';
	appendBinaryStringInfo(text, p, (int) (buf + sizeof(buf) - p));
}

static void
write_uint64(uint64 value, StringInfo text)
{
	appendStringInfo(text, UINT64_FORMAT ",", value);
}

static void
write_int2(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	write_int64(DatumGetInt16(value), text);
}

static void
write_int4(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	write_int64(DatumGetInt32(value), text);
}

static void
write_int8(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	write_int64(DatumGetInt64(value), text);
}

static void
write_bool(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	appendStringInfoString(text, DatumGetBool(value) ? "1," : "0,");
}

static void
write_output(PGFunction output, Datum value, StringInfo text)
{
	char	   *string = DatumGetCString(DirectFunctionCall1(output, value));

	appendStringInfoString(text, string);
	appendStringInfoChar(text, ',');
	pfree(string);
}

static void
write_numeric(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	write_output(numeric_out, value, text);
}

static void
write_uuid(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	write_output(uuid_out, value, text);
}

static void
write_inet(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	write_output(inet_out, value, text);
}

/* The fewest digits that read back as a number, without zeros at either end. */
typedef struct Digits
{
	bool		negative;
	char		digits[CDC_FLOAT_TEXT];
	int			n;				/* 0: the number is 0 */
	int			point;			/* it is behind so many digits */
} Digits;

/* false: it is no finite number. */
static bool
find_digits(double value, Digits *d)
{
	char		text[CDC_FLOAT_TEXT + 1];
	const char *p = text;
	bool		behind = false;

	memset(d, 0, sizeof(*d));
	text[cdc_float8_text(value, text)] = '\0';
	d->negative = *p == '-';
	p += d->negative;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p == '.' || (*p >= '0' && *p <= '9'); p++)
	{
		if (*p == '.')
			behind = true;
		else if (d->n == 0 && *p == '0')
			d->point -= behind;
		else
		{
			d->digits[d->n++] = *p;
			d->point += !behind;
		}
	}
	if (*p == 'e')
		d->point += (int) strtol(p + 1, NULL, 10);
	while (d->n > 0 && d->digits[d->n - 1] == '0')
		d->n--;
	return true;
}

/* How many characters it has without an exponent. */
static int
plain_width(const Digits *d)
{
	if (d->point <= 0)
		return d->negative + 2 - d->point + d->n;
	return d->negative + (d->n <= d->point ? d->point : d->n + 1);
}

/*
 * As MySQL and MariaDB write it: with an exponent where the point is far from the digits.
 * MySQL 9 has room for 22 characters, also where that costs digits: of numbers like these
 * two can have one text, so none of them has one here.
 */
static void
write_double(const CdcCanonicalRules *rules, double value, StringInfo text)
{
	Digits		d;
	char		exponent[16];
	int			room = rules->double_width > 0 ? rules->double_width : INT_MAX;

	if (!find_digits(value, &d))
	{
		write_no_value(text);
		return;
	}
	snprintf(exponent, sizeof(exponent), "e%d", d.point - 1);
	if (d.n > 0 && d.negative + MOST_DIGITS + 1 + (int) strlen(exponent) > room)
	{
		write_no_value(text);
		return;
	}
	if (d.negative)
		appendStringInfoChar(text, '-');
	if (d.n == 0)
		appendStringInfoString(text, "0,");
	else if (d.point < -14 || d.point > 15 || plain_width(&d) > room)
		appendStringInfo(text, "%c%s%.*s%s,", d.digits[0], d.n > 1 ? "." : "", d.n - 1, d.digits + 1, exponent);
	else if (d.point <= 0)
		appendStringInfo(text, "0.%.*s%.*s,", -d.point, "00000000000000", d.n, d.digits);
	else if (d.n <= d.point)
		appendStringInfo(text, "%.*s%.*s,", d.n, d.digits, d.point - d.n, "00000000000000");
	else
		appendStringInfo(text, "%.*s.%.*s,", d.point, d.digits, d.n - d.point, d.digits + d.point);
}

static void
write_float4(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	write_double(rules, (double) DatumGetFloat4(value), text);
}

static void
write_float8(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	write_double(rules, DatumGetFloat8(value), text);
}

/* Two digits. */
static inline void
write_two(int value, StringInfo text)
{
	char		buf[2] = {(char) ('0' + value / 10), (char) ('0' + value % 10)};

	appendBinaryStringInfo(text, buf, 2);
}

/* A day, or false: the source's types do not have it. */
static bool
write_day(int year, int month, int day, StringInfo text)
{
	if (year < 1 || year > 9999)
		return false;
	write_two(year / 100, text);
	write_two(year % 100, text);
	appendStringInfoChar(text, '-');
	write_two(month, text);
	appendStringInfoChar(text, '-');
	write_two(day, text);
	return true;
}

/* What is behind the seconds, with as many digits as the source's column has. */
static void
write_fraction(const CdcColumn *source, int micros, StringInfo text)
{
	char		buf[16];
	int			i;

	if (source->fsp == 0 && micros == 0)
		return;
	snprintf(buf, sizeof(buf), ".%06d", micros);
	for (i = 6; i > source->fsp && buf[i] == '0'; i--)
		buf[i] = '\0';
	appendStringInfoString(text, buf);
}

static void
write_date(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	DateADT		date = DatumGetDateADT(value);
	int			year;
	int			month;
	int			day;

	if (DATE_NOT_FINITE(date))
	{
		write_no_value(text);
		return;
	}
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	if (write_day(year, month, day, text))
		appendStringInfoChar(text, ',');
	else
		write_no_value(text);
}

static void
write_timestamp(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	Timestamp	at = DatumGetTimestamp(value);
	struct pg_tm tm;
	fsec_t		micros;

	if (TIMESTAMP_NOT_FINITE(at) || timestamp2tm(at, NULL, &tm, &micros, NULL, NULL) != 0 ||
		!write_day(tm.tm_year, tm.tm_mon, tm.tm_mday, text))
	{
		write_no_value(text);
		return;
	}
	appendStringInfoChar(text, ' ');
	write_two(tm.tm_hour, text);
	appendStringInfoChar(text, ':');
	write_two(tm.tm_min, text);
	appendStringInfoChar(text, ':');
	write_two(tm.tm_sec, text);
	write_fraction(rules->source, (int) micros, text);
	appendStringInfoChar(text, ',');
}

static void
write_interval(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	const Interval *interval = DatumGetIntervalP(value);
	int64		micros = interval->time;
	int64		seconds;

	if (interval->month != 0 || interval->day != 0 || micros == PG_INT64_MIN)
	{
		write_no_value(text);
		return;
	}
	if (micros < 0)
		appendStringInfoChar(text, '-');
	micros = micros < 0 ? -micros : micros;
	seconds = micros / USECS_PER_SEC;
	appendStringInfo(text, "%02d:%02d:%02d", (int) Min(seconds / SECS_PER_HOUR, 1000000),
					 (int) (seconds / SECS_PER_MINUTE % MINS_PER_HOUR), (int) (seconds % SECS_PER_MINUTE));
	write_fraction(rules->source, (int) (micros % USECS_PER_SEC), text);
	appendStringInfoChar(text, ',');
}

static void
write_bytes(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	appendStringInfo(text, "%d:", (int) VARSIZE_ANY_EXHDR(v));
	appendBinaryStringInfo(text, VARDATA_ANY(v), (int) VARSIZE_ANY_EXHDR(v));
	if ((Pointer) v != DatumGetPointer(value))
		pfree(v);
}

static void
write_jsonb(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	Jsonb	   *jsonb = DatumGetJsonbP(value);
	char	   *json = JsonbToCString(NULL, &jsonb->root, (int) VARSIZE(jsonb));

	appendStringInfo(text, "%d:%s", (int) strlen(json), json);
	pfree(json);
	if ((Pointer) jsonb != DatumGetPointer(value))
		pfree(jsonb);
}

/* The number of a member, from 1; 0: there is none of that name. */
static int
member_of_text(const CdcColumn *source, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);
	int			number = 0;
	int			i;

	for (i = 0; i < source->nmembers && number == 0; i++)
		if (source->members[i].len == VARSIZE_ANY_EXHDR(v) &&
			memcmp(source->members[i].data, VARDATA_ANY(v), source->members[i].len) == 0)
			number = i + 1;
	if (number == 0 && VARSIZE_ANY_EXHDR(v) > 0)
		number = -1;
	if ((Pointer) v != DatumGetPointer(value))
		pfree(v);
	return number;
}

static void
write_member(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	int			number = member_of_text(rules->source, value);

	if (number < 0)
		write_no_value(text);
	else
		write_int64(number, text);
}

/* A set in the order of its definition, as apply writes it: no other array has its bits. */
static void
write_members(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements = NULL;
	uint64		bits = 0;
	int			last = 0;
	int			n = 0;
	int			i;
	bool		ok = ARR_NDIM(array) == 0 ||
		(ARR_NDIM(array) == 1 && ARR_LBOUND(array)[0] == 1 && !array_contains_nulls(array));

	if (ok && ARR_NDIM(array) == 1)
		deconstruct_array(array, TEXTOID, -1, false, 'i', &elements, NULL, &n);
	for (i = 0; i < n && ok; i++)
	{
		int			number = member_of_text(rules->source, elements[i]);

		ok = number > last && number <= 64;
		if (ok)
			bits |= UINT64CONST(1) << (number - 1);
		last = number;
	}
	if (ok)
		write_uint64(bits, text);
	else
		write_no_value(text);
}

static void
write_bit(const CdcCanonicalRules *rules, Datum value, StringInfo text)
{
	VarBit	   *v = DatumGetVarBitP(value);
	uint64		number = 0;
	int			i;

	if (VARBITLEN(v) != Max(rules->source->length, 1) || VARBITLEN(v) > 64)
	{
		write_no_value(text);
		return;
	}
	for (i = 0; i < VARBITBYTES(v); i++)
		number = number << 8 | VARBITS(v)[i];
	write_uint64(number >> VARBITPAD(v), text);
}

/* ---- pairs ---- */

static const CdcCanonical pairs[] = {
	{"tinyint", INT2OID, ASK_PLAIN, write_int2}, {"tinyint", INT4OID, ASK_PLAIN, write_int4},
	{"tinyint", INT8OID, ASK_PLAIN, write_int8}, {"tinyint", BOOLOID, ASK_PLAIN, write_bool},
	{"smallint", INT2OID, ASK_PLAIN, write_int2}, {"smallint", INT4OID, ASK_PLAIN, write_int4},
	{"smallint", INT8OID, ASK_PLAIN, write_int8},
	{"mediumint", INT4OID, ASK_PLAIN, write_int4}, {"mediumint", INT8OID, ASK_PLAIN, write_int8},
	{"int", INT4OID, ASK_PLAIN, write_int4}, {"int", INT8OID, ASK_PLAIN, write_int8},
	{"int", NUMERICOID, ASK_PLAIN, write_numeric},
	{"bigint", INT8OID, ASK_PLAIN, write_int8}, {"bigint", NUMERICOID, ASK_PLAIN, write_numeric},
	{"year", INT2OID, ASK_NUMBER, write_int2}, {"year", INT4OID, ASK_NUMBER, write_int4},
	{"decimal", NUMERICOID, ASK_PLAIN, write_numeric},
	{"float", FLOAT4OID, ASK_DOUBLE, write_float4}, {"double", FLOAT8OID, ASK_DOUBLE, write_float8},
	{"date", DATEOID, ASK_PLAIN, write_date}, {"datetime", TIMESTAMPOID, ASK_PLAIN, write_timestamp},
	{"timestamp", TIMESTAMPTZOID, ASK_PLAIN, write_timestamp}, {"time", INTERVALOID, ASK_PLAIN, write_interval},
	{"char", TEXTOID, ASK_CHARACTERS, write_bytes}, {"char", VARCHAROID, ASK_CHARACTERS, write_bytes},
	{"varchar", TEXTOID, ASK_CHARACTERS, write_bytes}, {"varchar", VARCHAROID, ASK_CHARACTERS, write_bytes},
	{"tinytext", TEXTOID, ASK_CHARACTERS, write_bytes}, {"text", TEXTOID, ASK_CHARACTERS, write_bytes},
	{"mediumtext", TEXTOID, ASK_CHARACTERS, write_bytes}, {"longtext", TEXTOID, ASK_CHARACTERS, write_bytes},
	{"longtext", JSONBOID, ASK_CHARACTERS, write_jsonb}, {"json", JSONBOID, ASK_DOCUMENT, write_jsonb},
	{"binary", BYTEAOID, ASK_BYTES, write_bytes}, {"varbinary", BYTEAOID, ASK_BYTES, write_bytes},
	{"tinyblob", BYTEAOID, ASK_BYTES, write_bytes}, {"blob", BYTEAOID, ASK_BYTES, write_bytes},
	{"mediumblob", BYTEAOID, ASK_BYTES, write_bytes}, {"longblob", BYTEAOID, ASK_BYTES, write_bytes},
	{"enum", TEXTOID, ASK_BITS, write_member}, {"enum", VARCHAROID, ASK_BITS, write_member},
	{"set", TEXTARRAYOID, ASK_BITS, write_members}, {"bit", BITOID, ASK_BITS, write_bit},
	{"bit", BOOLOID, ASK_BITS, write_bool}, {"uuid", UUIDOID, ASK_TEXT, write_uuid},
	{"inet4", INETOID, ASK_TEXT, write_inet}, {"inet6", INETOID, ASK_TEXT, write_inet}
};

/* One name for each type. */
static const char *
type_name(const char *name)
{
	if (strcmp(name, "integer") == 0)
		return "int";
	if (strcmp(name, "numeric") == 0)
		return "decimal";
	return strcmp(name, "real") == 0 ? "double" : name;
}

const CdcCanonical *
cdc_canonical_find(const CdcColumn *source, const CdcTargetColumn *target)
{
	size_t		i;

	for (i = 0; source->data_type != NULL && i < lengthof(pairs); i++)
	{
		const CdcCanonical *pair = &pairs[i];

		if (pair->target != target->basetype || strcmp(pair->source, type_name(source->data_type)) != 0)
			continue;
		/* bytes under the name of a text: there is a target for bytes, and it is not this one */
		if (pair->ask == ASK_CHARACTERS && (source->charset == NULL || strcmp(source->charset, "binary") == 0))
			continue;
		return pair;
	}
	return NULL;
}

/* Bytes of which the character set is UTF-8 already. */
static bool
is_utf8(const CdcColumn *source)
{
	return strcmp(source->charset, "utf8mb4") == 0 || strcmp(source->charset, "utf8mb3") == 0 ||
		strcmp(source->charset, "utf8") == 0;
}

void
cdc_canonical_source(const CdcCanonical *canonical, const CdcColumn *source, const char *quoted,
					 StringInfo sql)
{
	const char *value = quoted;
	const char *bytes = NULL;

	switch (canonical->ask)
	{
		case ASK_PLAIN:
			if (strstr(source->column_type, "zerofill") != NULL)
				value = psprintf("%s+0", quoted);
			break;
		case ASK_TEXT:
			value = psprintf("CAST(%s AS CHAR)", quoted);
			break;
		case ASK_NUMBER:
			value = psprintf("%s+0", quoted);
			break;
		case ASK_DOUBLE:
			value = psprintf("%s*1e0", quoted);
			break;
		case ASK_BITS:
			value = psprintf("CAST(%s AS UNSIGNED)", quoted);
			break;
		case ASK_BYTES:
			bytes = quoted;
			break;
		case ASK_CHARACTERS:
			if (!is_utf8(source))
				value = psprintf("CONVERT(%s USING utf8mb4)", quoted);
			bytes = psprintf("CAST(%s AS BINARY)", value);
			break;
		case ASK_DOCUMENT:
			value = psprintf("CAST(%s AS CHAR)", quoted);
			bytes = psprintf("CAST(%s AS BINARY)", value);
			break;
	}
	if (bytes != NULL)
		value = psprintf("LENGTH(%s)", value);
	appendStringInfo(sql, source->nullable ? "IFNULL(%s,'N')" : "%s", value);
	if (bytes == NULL)
		appendStringInfoString(sql, ",','");
	else
		appendStringInfo(sql, source->nullable ? ",':',IFNULL(%s,'')" : ",':',%s", bytes);
}

bool
cdc_canonical_is_double(const CdcCanonical *canonical)
{
	return canonical->ask == ASK_DOUBLE;
}

void
cdc_canonical_value(const CdcCanonical *canonical, const CdcCanonicalRules *rules, Datum value,
					bool isnull, StringInfo text)
{
	bool		counted = canonical->ask == ASK_BYTES || canonical->ask == ASK_CHARACTERS ||
		canonical->ask == ASK_DOCUMENT;

	if (isnull)
		appendStringInfoString(text, counted ? "N:" : "N,");
	else
		canonical->write(rules, value, text);
}
