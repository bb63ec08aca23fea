/*-------------------------------------------------------------------------
 *
 * message.c
 *	  Looking up in a loaded schema: fields by their numbers, messages by the numbers
 *	  that stand in front of one; defaults from the text of descriptors.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/wire.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

bool
cdc_protobuf_is_debezium(const CdcProtobufMessage *message)
{
	return message->debezium;
}

int
cdc_protobuf_field(const CdcProtobufMessage *message, uint32_t number)
{
	int			low = 0;
	int			high = message->n;

	if (number - 1 < (uint32_t) message->direct)
		return (int) number - 1;
	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		CdcPbIndex	at = message->by_number[middle];

		if (at.number == number)
			return at.i;
		if (at.number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

/* ---- which message of a file ---- */

static const CdcProtobufMessage *
beside(const CdcProtobufMessage *message, int64_t n)
{
	while (message != NULL && n-- > 0)
		message = message->next;
	return message;
}

CdcStatus
cdc_protobuf_take_message(const CdcProtobufSchema *schema, const char **bytes, size_t *len,
						  const CdcProtobufMessage **message, CdcError *err)
{
	const uint8_t *p = (const uint8_t *) *bytes;
	const uint8_t *end = p + *len;
	const CdcProtobufMessage *found = cdc_protobuf_first(schema);
	uint64_t	raw = 0;
	const char *wrong = cdc_pb_varint(&p, end, &raw);
	int64_t		n = cdc_pb_zigzag(raw);
	bool		inner = false;

	/* none is short for the first one */
	if (wrong == NULL && (n < 0 || n > CDC_PROTOBUF_MAX_DEPTH))
		wrong = "they are none";
	for (; n > 0 && wrong == NULL; n--)
	{
		wrong = cdc_pb_varint(&p, end, &raw);
		if (wrong == NULL && cdc_pb_zigzag(raw) < 0)
			wrong = "they are none";
		else if (wrong == NULL)
			found = beside(inner ? found->first_inner : found, cdc_pb_zigzag(raw));
		if (wrong == NULL && found == NULL)
			wrong = "the schema has no such message";
		inner = true;
	}
	if (wrong != NULL)
	{
		cdc_error(err, CDC_ERR_VALUE, "message does not say which message of its Protobuf schema it is");
		cdc_error_detail(err, "Numbers in front say so, behind the schema's: %s.", wrong);
		return CDC_ERR_VALUE;
	}
	*bytes = (const char *) p;
	*len = (size_t) (end - p);
	*message = found;
	return CDC_OK;
}

/* ---- defaults ---- */

static bool
set_number(CdcPbField *field, const char *text)
{
	char	   *end;
	float		f;
	double		d;

	errno = 0;
	switch (field->type)
	{
		case CDC_PB_FLOAT:
			f = strtof(text, &end);
			field->fallback.bits = 0;
			memcpy(&field->fallback.bits, &f, sizeof(f));
			return *end == '\0' && end > text;
		case CDC_PB_DOUBLE:
			d = strtod(text, &end);
			memcpy(&field->fallback.bits, &d, sizeof(d));
			return *end == '\0' && end > text;
		case CDC_PB_UINT32:
		case CDC_PB_UINT64:
		case CDC_PB_FIXED32:
		case CDC_PB_FIXED64:
			field->fallback.bits = strtoull(text, &end, 10);
			return *end == '\0' && end > text && errno == 0 && text[0] != '-';
		default:
			field->fallback.bits = (uint64_t) strtoll(text, &end, 10);
			/* these turn signs around in the bytes */
			if (field->type == CDC_PB_SINT32 || field->type == CDC_PB_SINT64)
				field->fallback.bits = field->fallback.bits << 1 ^
					(0 - (field->fallback.bits >> 63));
			return *end == '\0' && end > text && errno == 0;
	}
}

/* Digits of a base from p on, at most max, as one byte. */
static char
take_digits(const char **p, const char *end, int base, int max)
{
	unsigned	n = 0;

	for (; max > 0 && *p < end && isxdigit((unsigned char) **p); max--, (*p)++)
	{
		int			c = tolower((unsigned char) **p);
		int			digit = c >= 'a' ? c - 'a' + 10 : c - '0';

		if (digit >= base)
			break;
		n = n * (unsigned) base + (unsigned) digit;
	}
	return (char) n;
}

/* Bytes as C has them in quotes. */
static bool
set_bytes(CdcArena *arena, CdcPbField *field, CdcString text)
{
	static const char letters[] = "abfnrtv";
	static const char meant[] = "\a\b\f\n\r\t\v";
	char	   *out = cdc_arena_alloc(arena, text.len + 1);
	const char *p = text.data;
	const char *end = p + text.len;
	size_t		n = 0;

	if (out == NULL)
		return false;
	while (p < end)
	{
		const char *letter;

		if (*p != '\\' || p + 1 == end)
		{
			out[n++] = *p++;
			continue;
		}
		p++;
		letter = *p != '\0' ? strchr(letters, *p) : NULL;
		if (letter != NULL)
			out[n++] = meant[letter - letters];
		else if (*p == 'x' || *p == 'X')
		{
			p++;
			out[n++] = take_digits(&p, end, 16, 2);
			continue;
		}
		else if (*p >= '0' && *p <= '7')
		{
			out[n++] = take_digits(&p, end, 8, 3);
			continue;
		}
		else
			out[n++] = *p;
		p++;
	}
	field->fallback.bytes = (CdcString) {out, n};
	return true;
}

bool
cdc_protobuf_set_default(CdcArena *arena, CdcPbField *field, CdcString text)
{
	char		number[64];

	switch (field->type)
	{
		case CDC_PB_STRING:
			field->fallback.bytes = text;
			return true;
		case CDC_PB_BYTES:
			return set_bytes(arena, field, text);
		case CDC_PB_BOOL:
			field->fallback.bits = cdc_string_is(text, "true");
			return true;
		case CDC_PB_ENUM:
			for (int i = 0; i < field->enumeration->n; i++)
			{
				const CdcPbEnumValue *value = &field->enumeration->values[i];

				if (value->name.len == text.len && memcmp(value->name.data, text.data, text.len) == 0)
				{
					field->fallback.bits = (uint64_t) (int64_t) value->number;
					return true;
				}
			}
			return false;
		default:
			if (text.len >= sizeof(number))
				return false;
			memcpy(number, text.data, text.len);
			number[text.len] = '\0';
			return set_number(field, number);
	}
}
