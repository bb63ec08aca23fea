/*-------------------------------------------------------------------------
 *
 * debezium_value.c
 *	  A column's value as Debezium's connector for MySQL writes it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"


#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "core/base64.h"
#include "envelope/envelope.h"
#include "pg/base/epoch.h"

bool
cdc_publish_is_single_bit(const CdcPublishColumn *column)
{
	return column->kind == CDC_VALUE_BIT && column->bits == 1;
}

bool
cdc_publish_bits(const CdcPublishColumn *column, const CdcDoc *value, uint64 *n)
{
	CdcString	digits = value->string;
	size_t		i;

	*n = value->type == CDC_DOC_TRUE ? 1 : 0;
	if (value->type == CDC_DOC_TRUE || value->type == CDC_DOC_FALSE)
		return true;
	if (value->type == CDC_DOC_NUMBER)
	{
		digits = value->ops->number(value);
		*n = strtoull(pnstrdup(digits.data, digits.len), NULL, 10);
		return true;
	}
	if (value->type != CDC_DOC_STRING || digits.len != (size_t) column->bits)
		return false;
	for (i = 0; i < digits.len; i++)
	{
		if (digits.data[i] != '0' && digits.data[i] != '1')
			return false;
		*n = *n << 1 | (uint64) (digits.data[i] - '0');
	}
	return true;
}

/* Whether its values are written as bytes and a scale. */
bool
cdc_publish_is_scaled(const CdcPublishColumn *column)
{
	return (column->kind == CDC_VALUE_DECIMAL && column->scale >= 0) ||
		(column->kind == CDC_VALUE_INTEGER && column->source != NULL &&
		 column->source->is_unsigned && strcmp(column->source->data_type, "bigint") == 0);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64
days_of(int year, int month, int day)
{
	return date2j(year, month, day) - date2j(1970, 1, 1);
}

/*
 * The parts of "YYYY-MM-DD[ hh:mm:ss[.ffffff]]".  false: it is no day of the calendar, as
 * MySQL may have some, 0000-00-00 for example.
 */
static bool
read_datetime(CdcString text, int64 *days, int64 *micros)
{
	char	   *s = pnstrdup(text.data, text.len);
	int			year;
	int			month;
	int			day;
	int			hour = 0;
	int			minute = 0;
	int			second = 0;
	char		fraction[8] = "000000";
	char	   *point = strchr(s, '.');
	int			j;

	if (sscanf(s, "%d-%d-%d%*c%d:%d:%d", &year, &month, &day, &hour, &minute, &second) < 3)
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return false;
	for (j = 0; point != NULL && j < 6 && point[1 + j] >= '0' && point[1 + j] <= '9'; j++)
		fraction[j] = point[1 + j];
	*days = days_of(year, month, day);
	*micros = ((*days * 24 + hour) * 60 + minute) * INT64CONST(60000000) +
		second * INT64CONST(1000000) + atoi(fraction);
	return true;
}

/* "[-]h:mm:ss[.ffffff]" */
static bool
read_time(CdcString text, int64 *micros)
{
	char	   *s = pnstrdup(text.data, text.len);
	bool		negative = s[0] == '-';
	int			hour;
	int			minute;
	int			second;
	char		fraction[8] = "000000";
	char	   *point = strchr(s, '.');
	int			j;

	if (sscanf(s + (negative ? 1 : 0), "%d:%d:%d", &hour, &minute, &second) != 3)
		return false;
	for (j = 0; point != NULL && j < 6 && point[1 + j] >= '0' && point[1 + j] <= '9'; j++)
		fraction[j] = point[1 + j];
	*micros = (hour * INT64CONST(3600) + minute * 60 + second) * 1000000 + atoi(fraction);
	if (negative)
		*micros = -*micros;
	return true;
}

/* A number's digits at the scale as two's complement, big-endian; palloc'ed. */
static uint8 *
scaled_bytes(CdcString digits, int scale, size_t *len)
{
	size_t		room = digits.len / 2 + (size_t) scale + 4;
	uint8	   *n = palloc0(room);
	bool		negative = digits.len > 0 && digits.data[0] == '-';
	bool		point = false;
	int			behind = 0;
	size_t		i = negative ? 1 : 0;
	size_t		first;
	size_t		k;

	for (;; i++)
	{
		unsigned	carry;

		if (i < digits.len && digits.data[i] == '.')
		{
			point = true;
			continue;
		}
		if (i >= digits.len && behind >= scale)
			break;
		if (i < digits.len && point && behind >= scale)
			break;				/* the type has no more */
		carry = i < digits.len ? (unsigned) (digits.data[i] - '0') : 0;
		if (point || i >= digits.len)
			behind++;
		for (k = room; k-- > 0;)
		{
			carry += n[k] * 10u;
			n[k] = (uint8) carry;
			carry >>= 8;
		}
	}
	if (negative)
	{
		unsigned	carry = 1;

		for (k = room; k-- > 0;)
		{
			carry += (uint8) ~n[k];
			n[k] = (uint8) carry;
			carry >>= 8;
		}
	}
	/* as few bytes as hold the sign */
	for (first = 0; first + 1 < room; first++)
		if (!((n[first] == 0 && (n[first + 1] & 0x80) == 0) ||
			  (n[first] == 0xFF && (n[first + 1] & 0x80) != 0)))
			break;
	*len = room - first;
	return n + first;
}

static void
put_base64(CdcSink *sink, const uint8 *bytes, size_t len)
{
	char	   *text = palloc((len + 2) / 3 * 4 + 1);

	cdc_publish_check(sink->ops->string(sink, text, cdc_base64(bytes, len, text)));
}

/* Bits, the lowest byte first. */
static void
put_bits(CdcSink *sink, const CdcPublishColumn *column, uint64 n)
{
	uint8		bytes[8];
	size_t		i;

	for (i = 0; i < 8; i++)
		bytes[i] = (uint8) (n >> (8 * i));
	put_base64(sink, bytes, Min((column->bits + 7) / 8, 8));
}

static void
put_set(CdcSink *sink, const CdcDoc *value)
{
	StringInfoData text;
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		member;

	initStringInfo(&text);
	cdc_doc_begin(value, &iter);
	while (cdc_doc_next(&iter, &key, &member))
		if (member.type == CDC_DOC_STRING)
		{
			if (text.len > 0)
				appendStringInfoChar(&text, ',');
			appendBinaryStringInfo(&text, member.string.data, (int) member.string.len);
		}
	cdc_publish_check(sink->ops->string(sink, text.data, (size_t) text.len));
}

/* A date or time that the source's calendar has and Debezium's has not: null, as it does. */
static void
put_no_date(CdcPublishChange *change, CdcSink *sink, const CdcPublishColumn *column)
{
	if (!column->nullable)
		cdc_publish_refuse(change, column, "a date that is none");
	cdc_publish_check(sink->ops->null(sink));
}

static void
put_time_value(CdcPublishChange *change, CdcSink *sink, const CdcPublishColumn *column,
			   CdcString text)
{
	int64		days;
	int64		micros;
	char	   *zoned;

	if (column->kind == CDC_VALUE_TIME)
	{
		if (!read_time(text, &micros))
			cdc_publish_refuse(change, column, "a time that is none");
		cdc_publish_check(sink->ops->int64(sink, micros));
		return;
	}
	if (!read_datetime(text, &days, &micros))
	{
		put_no_date(change, sink, column);
		return;
	}
	switch (column->kind)
	{
		case CDC_VALUE_DATE:
			cdc_publish_check(sink->ops->int64(sink, days));
			break;
		case CDC_VALUE_DATETIME:
			if (column->fsp <= 3 && micros % 1000 != 0)
				cdc_publish_refuse(change, column, "a time of more digits than those of milliseconds");
			if (column->fsp <= 3)
				micros /= 1000;
			cdc_publish_check(sink->ops->int64(sink, micros));
			break;
		default:
			zoned = psprintf("%.*sZ", (int) text.len, text.data);
			zoned[10] = 'T';
			cdc_publish_check(sink->ops->string(sink, zoned, strlen(zoned)));
			break;
	}
}

/* Well-known binary and an SRID, which the source's events do not have. */
static void
put_geometry(CdcPublishChange *change, CdcSink *sink, const CdcPublishColumn *column,
			 CdcString text)
{
	size_t		len;
	const uint8 *wkb = cdc_publish_wkb(change, column, text, &len);

	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_check(sink->ops->key(sink, "wkb", 3));
	put_base64(sink, wkb, len);
	cdc_publish_check(sink->ops->key(sink, "srid", 4));
	cdc_publish_check(sink->ops->null(sink));
	cdc_publish_check(sink->ops->end_object(sink));
}

void
cdc_publish_debezium_value(CdcPublishChange *change, CdcJsonText *to,
						   const CdcPublishColumn *column, const CdcDoc *value)
{
	CdcSink    *sink = &to->sink;
	CdcString	digits;
	size_t		len;
	uint64		n;

	if (value->type == CDC_DOC_NULL)
		cdc_publish_check(sink->ops->null(sink));
	else if (column->kind == CDC_VALUE_GEOMETRY && value->type == CDC_DOC_STRING)
		put_geometry(change, sink, column, value->string);
	else if (column->kind == CDC_VALUE_GEOMETRY)
		cdc_publish_check(cdc_doc_emit(value, sink));	/* an object of Debezium's own */
	else if (column->kind == CDC_VALUE_JSON ||
			 (column->kind == CDC_VALUE_ANY && cdc_doc_is_container(value)))
	{
		char	   *text = cdc_publish_json_text(value, &len);

		cdc_publish_check(sink->ops->string(sink, text, len));
	}
	else if (column->kind == CDC_VALUE_SET && value->type == CDC_DOC_ARRAY)
		put_set(sink, value);
	else if (column->kind == CDC_VALUE_BIT && cdc_publish_bits(column, value, &n))
	{
		if (cdc_publish_is_single_bit(column))
			cdc_publish_check(sink->ops->boolean(sink, n != 0));
		else
			put_bits(sink, column, n);
	}
	else if (cdc_publish_is_scaled(column) && value->type == CDC_DOC_NUMBER)
	{
		const uint8 *bytes;

		digits = value->ops->number(value);
		bytes = scaled_bytes(digits, column->kind == CDC_VALUE_DECIMAL ? column->scale : 0, &len);
		put_base64(sink, bytes, len);
	}
	else if (column->kind == CDC_VALUE_DECIMAL && value->type == CDC_DOC_NUMBER)
	{
		digits = value->ops->number(value);
		cdc_publish_check(sink->ops->string(sink, digits.data, digits.len));
	}
	else if (column->kind >= CDC_VALUE_DATE && column->kind <= CDC_VALUE_TIMESTAMP &&
			 value->type == CDC_DOC_STRING)
		put_time_value(change, sink, column, value->string);
	else if (cdc_debezium_unavailable(value))
		cdc_publish_refuse(change, column, "the text by which messages say that they do not have a value");
	else
		cdc_publish_check(cdc_doc_emit(value, sink));
}
