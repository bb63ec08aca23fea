/*-------------------------------------------------------------------------
 *
 * known.c
 *	  Messages that stand for something: those of google/protobuf, dates and times of
 *	  google/type, decimals.
 *
 *	  They become what Protobuf's own JSON has for them, where that is not less than
 *	  what is known: a moment has a space for its T, as everywhere here, and paths of a
 *	  FieldMask have the names that the schema has.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/decode_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/decimal_bytes.h"
#include "core/emit.h"
#include "envelope/cell_time.h"

/* ---- what a message means ---- */

static bool
is_field(const CdcProtobufMessage *message, uint32_t number, CdcPbType type, bool repeated)
{
	int			i = cdc_protobuf_field(message, number);

	return i >= 0 && message->fields[i].type == type && message->fields[i].repeated == repeated;
}

static bool
has_numbers(const CdcProtobufMessage *message, int n)
{
	for (int i = 1; i <= n; i++)
		if (!is_field(message, (uint32_t) i, CDC_PB_INT32, false))
			return false;
	return true;
}

static bool
is_time(const CdcProtobufMessage *message)
{
	return is_field(message, 1, CDC_PB_INT64, false) && is_field(message, 2, CDC_PB_INT32, false);
}

static bool
is_wrapper(const CdcProtobufMessage *message)
{
	int			i = cdc_protobuf_field(message, 1);

	return i >= 0 && message->n == 1 && message->fields[i].message == NULL &&
		!message->fields[i].repeated;
}

/* google.protobuf.Struct: a map of text to values. */
static bool
is_struct(const CdcProtobufMessage *message)
{
	return is_field(message, 1, CDC_PB_MESSAGE, true) &&
		message->fields[cdc_protobuf_field(message, 1)].message->map_entry;
}

static bool
is_value(const CdcProtobufMessage *message)
{
	for (int i = 0; i < message->n; i++)
		if (message->fields[i].oneof != 0 || message->fields[i].repeated)
			return false;
	return message->n > 0 && message->noneofs == 1;
}

static bool
is_list(const CdcProtobufMessage *message)
{
	return is_field(message, 1, CDC_PB_MESSAGE, true);
}

static bool
is_any(const CdcProtobufMessage *message)
{
	return is_field(message, 1, CDC_PB_STRING, false) && is_field(message, 2, CDC_PB_BYTES, false);
}

static bool
is_mask(const CdcProtobufMessage *message)
{
	return is_field(message, 1, CDC_PB_STRING, true);
}

static bool
is_date(const CdcProtobufMessage *message)
{
	return has_numbers(message, 3);
}

static bool
is_time_of_day(const CdcProtobufMessage *message)
{
	return has_numbers(message, 4);
}

static int
field_named(const CdcProtobufMessage *message, const char *name, CdcPbType type)
{
	for (int i = 0; i < message->n; i++)
		if (cdc_string_is(message->fields[i].name, name) && message->fields[i].type == type &&
			!message->fields[i].repeated)
			return i;
	return -1;
}

static bool
is_decimal(const CdcProtobufMessage *message)
{
	return field_named(message, "value", CDC_PB_BYTES) >= 0 &&
		field_named(message, "scale", CDC_PB_INT32) >= 0;
}

static const struct
{
	const char *name;			/* full, or of a message anywhere */
	CdcPbMeaning meaning;
	bool		(*fits) (const CdcProtobufMessage *message);
}			known[] = {
	{"google.protobuf.Timestamp", CDC_PB_TIMESTAMP, is_time},
	{"google.protobuf.Duration", CDC_PB_DURATION, is_time},
	{"google.protobuf.DoubleValue", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.FloatValue", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.Int64Value", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.UInt64Value", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.Int32Value", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.UInt32Value", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.BoolValue", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.StringValue", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.BytesValue", CDC_PB_WRAPPER, is_wrapper},
	{"google.protobuf.Struct", CDC_PB_STRUCT, is_struct},
	{"google.protobuf.Value", CDC_PB_VALUE, is_value},
	{"google.protobuf.ListValue", CDC_PB_LIST, is_list},
	{"google.protobuf.Any", CDC_PB_ANY, is_any},
	{"google.protobuf.FieldMask", CDC_PB_FIELD_MASK, is_mask},
	{"google.type.Date", CDC_PB_DATE, is_date},
	{"google.type.TimeOfDay", CDC_PB_TIME_OF_DAY, is_time_of_day},
	{"confluent.type.Decimal", CDC_PB_DECIMAL, is_decimal},
	/* Debezium's number whose scale differs from row to row, wherever the converter puts it */
	{".VariableScaleDecimal", CDC_PB_DECIMAL, is_decimal}
};

static bool
is_named(CdcString name, const char *wanted)
{
	size_t		len = strlen(wanted);

	if (wanted[0] != '.')
		return cdc_string_is(name, wanted);
	return cdc_string_is(name, wanted + 1) ||
		(name.len > len && memcmp(name.data + name.len - len, wanted, len) == 0);
}

void
cdc_protobuf_set_meaning(CdcProtobufMessage *message)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is_named(message->full_name, known[i].name) && known[i].fits(message))
			message->meaning = known[i].meaning;
}

/* ---- values ---- */

/* A whole number; 0 where it is not there. */
static int64_t
number_of(const CdcPbDecoder *d, const CdcPbLevel *level, uint32_t number)
{
	int			i = cdc_protobuf_field(level->message, number);
	const CdcPbFound *found = cdc_pb_last(d, level, i);
	int64_t		n = found != NULL ? (int64_t) found->u.bits : 0;

	return level->message->fields[i].type == CDC_PB_INT32 ? (int32_t) (uint32_t) n : n;
}

static CdcString
text_of(const CdcPbDecoder *d, const CdcPbLevel *level, int i)
{
	const CdcPbFound *found = cdc_pb_last(d, level, i);

	if (found == NULL)
		return (CdcString) {"", 0};
	return (CdcString) {(const char *) found->begin, (size_t) (found->u.end - found->begin)};
}

static CdcStatus
emit_object(CdcPbDecoder *d, const CdcPbLevel *level)
{
	CdcStatus	st = d->sink->ops->begin_object(d->sink);

	if (st == CDC_OK)
		st = cdc_pb_members(d, level);
	return st == CDC_OK ? d->sink->ops->end_object(d->sink) : st;
}

/* A moment that is none, or of a year that has no four digits, is its numbers. */
static CdcStatus
emit_timestamp(CdcPbDecoder *d, const CdcPbLevel *level)
{
	CdcStatus	st = cdc_emit_moment(d->sink, number_of(d, level, 1), (int32_t) number_of(d, level, 2));

	return st == CDC_ERR_VALUE ? emit_object(d, level) : st;
}

/* "-1.5s"; the parts have one sign. */
static CdcStatus
emit_duration(CdcPbDecoder *d, const CdcPbLevel *level)
{
	int64_t		seconds = number_of(d, level, 1);
	int64_t		nanos = number_of(d, level, 2);
	uint64_t	magnitude = seconds < 0 ? 0 - (uint64_t) seconds : (uint64_t) seconds;
	char		fraction[16];
	char		text[48];
	int			n;

	if (nanos <= -1000000000 || nanos >= 1000000000 || (seconds < 0 && nanos > 0) ||
		(seconds > 0 && nanos < 0))
		return emit_object(d, level);
	n = snprintf(fraction, sizeof(fraction), ".%09d", abs((int) nanos));
	while (n > 0 && (fraction[n - 1] == '0' || fraction[n - 1] == '.'))
		if (fraction[--n] == '.')
			break;
	n = snprintf(text, sizeof(text), "%s%" PRIu64 "%.*ss", seconds < 0 || nanos < 0 ? "-" : "",
				 magnitude, n, fraction);
	return d->sink->ops->string(d->sink, text, (size_t) n);
}

/* Dates that lack a part are their numbers. */
static CdcStatus
emit_date(CdcPbDecoder *d, const CdcPbLevel *level)
{
	int64_t		year = number_of(d, level, 1);
	int64_t		month = number_of(d, level, 2);
	int64_t		day = number_of(d, level, 3);
	char		text[16];
	int			n;

	if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31)
		return emit_object(d, level);
	n = snprintf(text, sizeof(text), "%04d-%02d-%02d", (int) year, (int) month, (int) day);
	return d->sink->ops->string(d->sink, text, (size_t) n);
}

static CdcStatus
emit_time_of_day(CdcPbDecoder *d, const CdcPbLevel *level)
{
	int64_t		hours = number_of(d, level, 1);
	int64_t		minutes = number_of(d, level, 2);
	int64_t		seconds = number_of(d, level, 3);
	int64_t		nanos = number_of(d, level, 4);

	if (hours < 0 || hours > 24 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60 ||
		nanos < 0 || nanos > 999999999)
		return emit_object(d, level);
	return cdc_emit_time(d->sink, (hours * 3600 + minutes * 60 + seconds) * 1000000000 + nanos,
						 1000000000, -1);
}

static CdcStatus
emit_decimal(CdcPbDecoder *d, const CdcPbLevel *level)
{
	int			value = field_named(level->message, "value", CDC_PB_BYTES);
	int			scale = field_named(level->message, "scale", CDC_PB_INT32);
	CdcString	bytes = text_of(d, level, value);
	CdcStatus	st = cdc_emit_decimal_bytes(d->scratch, (const uint8_t *) bytes.data, bytes.len,
											number_of(d, level, level->message->fields[scale].number),
											d->sink);

	return st == CDC_ERR_VALUE ?
		cdc_decode_fail(&d->place, st, "a number has more than 4096 bytes or decimals") : st;
}

/* What is set of a google.protobuf.Value. */
static CdcStatus
emit_value(CdcPbDecoder *d, const CdcPbLevel *level)
{
	for (int i = 0; i < level->message->n; i++)
		if (cdc_pb_slot(d, level, i)->first > 0)
			return cdc_pb_value(d, level, i);
	return d->sink->ops->null(d->sink);
}

/* "a,b.c" */
static CdcStatus
emit_mask(CdcPbDecoder *d, const CdcPbLevel *level)
{
	int			i = cdc_protobuf_field(level->message, 1);
	char	   *text = cdc_arena_alloc(d->scratch, level->size + 1);
	size_t		len = 0;

	if (text == NULL)
		return cdc_error(d->place.err, CDC_ERR_NOMEM, "out of memory");
	for (uint32_t at = cdc_pb_slot(d, level, i)->first; at > 0; at = d->found[at - 1].next)
	{
		size_t		n = (size_t) (d->found[at - 1].u.end - d->found[at - 1].begin);

		/* a field has two bytes or more beside its text: a comma has room */
		if (len > 0)
			text[len++] = ',';
		memcpy(text + len, d->found[at - 1].begin, n);
		len += n;
	}
	return d->sink->ops->string(d->sink, text, len);
}

static CdcStatus
put_string(CdcPbDecoder *d, const char *key, CdcString value)
{
	CdcStatus	st = d->sink->ops->key(d->sink, key, strlen(key));

	return st == CDC_OK ? d->sink->ops->string(d->sink, value.data, value.len) : st;
}

/* The type that a URL names, which is what is behind its last slash. */
static const CdcProtobufMessage *
type_of_url(const CdcPbDecoder *d, CdcString url)
{
	size_t		at = url.len;

	while (at > 0 && url.data[at - 1] != '/')
		at--;
	return cdc_protobuf_find(d->schema, (CdcString) {url.data + at, url.len - at});
}

/* The members of the message in an Any, beside its type. */
static CdcStatus
emit_inside(CdcPbDecoder *d, const CdcProtobufMessage *type, CdcPbContent content)
{
	CdcPbLevel	inside;
	CdcStatus	st;

	if (type->meaning != CDC_PB_PLAIN)
	{
		st = d->sink->ops->key(d->sink, "value", 5);
		return st == CDC_OK ? cdc_pb_message(d, type, content) : st;
	}
	st = cdc_pb_enter(d, type, content, &inside);
	if (st == CDC_OK)
		st = cdc_pb_members(d, &inside);
	if (st == CDC_OK)
		cdc_pb_leave(d, &inside);
	return st;
}

static CdcStatus
emit_any(CdcPbDecoder *d, const CdcPbLevel *level)
{
	CdcString	url = text_of(d, level, cdc_protobuf_field(level->message, 1));
	CdcString	bytes = text_of(d, level, cdc_protobuf_field(level->message, 2));
	const uint8_t *begin = (const uint8_t *) bytes.data;
	const CdcProtobufMessage *type = type_of_url(d, url);
	CdcStatus	st = d->sink->ops->begin_object(d->sink);

	if (st == CDC_OK)
		st = put_string(d, "@type", url);
	if (st == CDC_OK && type == NULL)
	{
		st = d->sink->ops->key(d->sink, "value", 5);
		if (st == CDC_OK)
			st = cdc_emit_base64(d->scratch, begin, bytes.len, d->sink);
	}
	else if (st == CDC_OK)
		st = emit_inside(d, type, (CdcPbContent) {begin, begin + bytes.len, 0});
	return st == CDC_OK ? d->sink->ops->end_object(d->sink) : st;
}

CdcStatus
cdc_pb_known(CdcPbDecoder *d, const CdcPbLevel *level)
{
	switch (level->message->meaning)
	{
		case CDC_PB_TIMESTAMP:
			return emit_timestamp(d, level);
		case CDC_PB_DURATION:
			return emit_duration(d, level);
		case CDC_PB_DATE:
			return emit_date(d, level);
		case CDC_PB_TIME_OF_DAY:
			return emit_time_of_day(d, level);
		case CDC_PB_DECIMAL:
			return emit_decimal(d, level);
		case CDC_PB_WRAPPER:
		case CDC_PB_STRUCT:
		case CDC_PB_LIST:
			return cdc_pb_value(d, level, cdc_protobuf_field(level->message, 1));
		case CDC_PB_VALUE:
			return emit_value(d, level);
		case CDC_PB_ANY:
			return emit_any(d, level);
		case CDC_PB_FIELD_MASK:
			return emit_mask(d, level);
		case CDC_PB_PLAIN:
			break;
	}
	return cdc_error(d->place.err, CDC_ERR_INTERNAL, "unknown meaning of a message");
}
