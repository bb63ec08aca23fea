/*-------------------------------------------------------------------------
 *
 * json_binary.c
 *	  MySQL's binary form of JSON documents.
 *
 * A document is a type byte and a value.  Arrays and objects: the number of
 * elements, the size in bytes (both u16, in the large form u32); objects: for
 * each key its offset (u16 or u32) and length u16; for each element a type
 * byte and its offset, or the value itself where that fits into the offset
 * (literals, 16-bit and, in the large form, 32-bit integers); then keys and
 * values.  Offsets count from the container's first byte behind the type.
 * Strings and opaque values have their length before them, seven bits a byte,
 * low ones first.  Keys are sorted by length, then bytes.  All little-endian.
 * Source: MySQL's sql-common/json_binary.h.
 *
 * Every offset and length is checked.  Containers can claim to share bytes, so
 * that a small document would unfold without end; hence a budget: what is
 * written may not be more than a proper document of that size can hold.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/json_binary.h"

#include <math.h>
#include <string.h>

#include "binlog/charset.h"
#include "binlog/events.h"
#include "binlog/values.h"
#include "core/base64.h"

static CdcStatus
corrupt(CdcError *err, const char *what)
{
	return cdc_error(err, CDC_ERR_CORRUPT, "JSON document is corrupt: %s", what);
}

bool
cdc_jb_is_container(uint8_t type)
{
	return type <= CDC_JB_LARGE_ARRAY;
}

/* Length of a string: up to five bytes of seven bits each. */
static bool
read_length(const uint8_t *p, size_t left, size_t *len, size_t *used)
{
	uint64_t	v = 0;

	for (size_t i = 0; i < 5 && i < left; i++)
	{
		v |= (uint64_t) (p[i] & 0x7f) << (7 * i);
		if (!(p[i] & 0x80))
		{
			if (v > UINT32_MAX)
				return false;
			*len = (size_t) v;
			*used = i + 1;
			return true;
		}
	}
	return false;
}

/* Cuts value->len, the bytes there are, to those that the value takes. */
static CdcStatus
set_extent(CdcJbValue *value, CdcError *err)
{
	size_t		need = 0;
	size_t		text,
				used;

	switch (value->type)
	{
		case CDC_JB_SMALL_OBJECT:
		case CDC_JB_SMALL_ARRAY:
			if (value->len < 4)
				return corrupt(err, "container is cut short");
			need = cdc_le16(value->data + 2);
			break;
		case CDC_JB_LARGE_OBJECT:
		case CDC_JB_LARGE_ARRAY:
			if (value->len < 8)
				return corrupt(err, "container is cut short");
			need = cdc_le32(value->data + 4);
			break;
		case CDC_JB_LITERAL:
			need = 1;
			break;
		case CDC_JB_INT16:
		case CDC_JB_UINT16:
			need = 2;
			break;
		case CDC_JB_INT32:
		case CDC_JB_UINT32:
			need = 4;
			break;
		case CDC_JB_INT64:
		case CDC_JB_UINT64:
		case CDC_JB_DOUBLE:
			need = 8;
			break;
		case CDC_JB_STRING:
			if (!read_length(value->data, value->len, &text, &used))
				return corrupt(err, "length of string is malformed");
			need = used + text;
			break;
		case CDC_JB_OPAQUE:
			if (value->len < 1 ||
				!read_length(value->data + 1, value->len - 1, &text, &used))
				return corrupt(err, "length of opaque value is malformed");
			need = 1 + used + text;
			break;
		default:
			return cdc_error(err, CDC_ERR_UNSUPPORTED,
							 "JSON document has a value of unknown type %u", value->type);
	}
	if (need > value->len)
		return corrupt(err, "value goes beyond its container");
	value->len = need;
	return CDC_OK;
}

CdcStatus
cdc_jb_root(const uint8_t *data, size_t len, CdcJbValue *value, CdcError *err)
{
	static const uint8_t null_literal[1] = {CDC_JB_NULL};

	if (len == 0)
	{
		*value = (CdcJbValue) {CDC_JB_LITERAL, null_literal, 1};
		return CDC_OK;
	}
	*value = (CdcJbValue) {data[0], data + 1, len - 1};
	return set_extent(value, err);
}

CdcStatus
cdc_jb_open(const CdcJbValue *value, CdcJbContainer *c, CdcError *err)
{
	uint64_t	header;

	c->object = value->type <= CDC_JB_LARGE_OBJECT;
	c->width = (value->type & 1) ? 4 : 2;
	c->data = value->data;
	c->size = value->len;
	if (c->size < 2u * c->width)
		return corrupt(err, "container is cut short");
	c->count = (uint32_t) cdc_le(c->data, c->width);
	header = 2u * c->width +
		(uint64_t) c->count * ((c->object ? c->width + 2u : 0) + 1u + c->width);
	if (header > c->size)
		return corrupt(err, "container has more elements than bytes");
	return CDC_OK;
}

/* Whether the offset field itself holds a value of this type. */
static bool
is_inlined(uint8_t type, int width)
{
	return type == CDC_JB_LITERAL || type == CDC_JB_INT16 || type == CDC_JB_UINT16 ||
		(width == 4 && (type == CDC_JB_INT32 || type == CDC_JB_UINT32));
}

CdcStatus
cdc_jb_element(const CdcJbContainer *c, uint32_t i, CdcJbValue *value, CdcError *err)
{
	size_t		entries = 2u * c->width + (c->object ? (size_t) c->count * (c->width + 2u) : 0);
	const uint8_t *entry = c->data + entries + (size_t) i * (1u + c->width);

	value->type = entry[0];
	if (is_inlined(value->type, c->width))
	{
		value->data = entry + 1;
		value->len = c->width;
	}
	else
	{
		size_t		offset = (size_t) cdc_le(entry + 1, c->width);

		if (offset < entries + (size_t) c->count * (1u + c->width) || offset >= c->size)
			return corrupt(err, "offset of value is out of range");
		value->data = c->data + offset;
		value->len = c->size - offset;
	}
	return set_extent(value, err);
}

CdcStatus
cdc_jb_key(const CdcJbContainer *c, uint32_t i, CdcString *key, CdcError *err)
{
	const uint8_t *entry = c->data + 2u * c->width + (size_t) i * (c->width + 2u);
	size_t		offset = (size_t) cdc_le(entry, c->width);
	size_t		len = cdc_le16(entry + c->width);

	if (offset > c->size || len > c->size - offset)
		return corrupt(err, "key is out of range");
	key->data = (const char *) c->data + offset;
	key->len = len;
	return CDC_OK;
}

/* The state of one emission. */
typedef struct Emitter
{
	CdcSink    *sink;
	CdcError   *err;
	uint64_t	budget;			/* bytes that may still be accounted for */
} Emitter;

static CdcStatus emit_value(Emitter *e, const CdcJbValue *value, int depth);

static bool
spend(Emitter *e, uint64_t amount)
{
	if (amount > e->budget)
		return false;
	e->budget -= amount;
	return true;
}

static CdcStatus
sink_failed(Emitter *e, CdcStatus st)
{
	if (st == CDC_OK || (e->err != NULL && e->err->status == st))
		return st;
	return cdc_error(e->err, st, "JSON document could not be written");
}

static CdcStatus
emit_key(Emitter *e, const CdcJbContainer *c, uint32_t i, CdcString *last)
{
	CdcString	key;
	CdcStatus	st = cdc_jb_key(c, i, &key, e->err);

	if (st != CDC_OK)
		return st;
	if (i > 0 && (key.len < last->len ||
				  (key.len == last->len && memcmp(last->data, key.data, key.len) >= 0)))
		return corrupt(e->err, "keys are not in order");
	*last = key;
	if (!spend(e, key.len))
		return corrupt(e->err, "keys overlap");
	if (!cdc_utf8_valid((const uint8_t *) key.data, key.len))
		return corrupt(e->err, "key is not valid UTF-8");
	return sink_failed(e, e->sink->ops->key(e->sink, key.data, key.len));
}

static CdcStatus
emit_container(Emitter *e, const CdcJbValue *value, int depth)
{
	const CdcSinkOps *ops = e->sink->ops;
	CdcJbContainer c;
	CdcString	last = {NULL, 0};
	CdcStatus	st;

	if (depth >= CDC_JSON_MAX_DEPTH)
		return cdc_error(e->err, CDC_ERR_LIMIT, "JSON document is more than %d levels deep",
						 CDC_JSON_MAX_DEPTH);
	st = cdc_jb_open(value, &c, e->err);
	if (st != CDC_OK)
		return st;
	st = sink_failed(e, c.object ? ops->begin_object(e->sink) : ops->begin_array(e->sink));
	for (uint32_t i = 0; st == CDC_OK && i < c.count; i++)
	{
		CdcJbValue	element;

		if (c.object)
			st = emit_key(e, &c, i, &last);
		if (st == CDC_OK)
			st = cdc_jb_element(&c, i, &element, e->err);
		if (st == CDC_OK)
			st = emit_value(e, &element, depth + 1);
	}
	if (st != CDC_OK)
		return st;
	return sink_failed(e, c.object ? ops->end_object(e->sink) : ops->end_array(e->sink));
}

/* DATE, TIME, DATETIME or TIMESTAMP: eight bytes of packed time. */
static CdcStatus
emit_time(Emitter *e, uint8_t type, const uint8_t *p)
{
	int64_t		v = (int64_t) cdc_le64(p);
	CdcValueKind kind = type == CDC_WT_DATE ? CDC_DATE :
		type == CDC_WT_TIME ? CDC_TIME : CDC_DATETIME;
	char		text[CDC_TEMPORAL_TEXT];
	CdcTemporal t;
	uint64_t	u;

	memset(&t, 0, sizeof(t));
	t.negative = v < 0;
	u = v < 0 ? -(uint64_t) v : (uint64_t) v;
	t.micros = u & 0xffffff;
	u >>= 24;
	t.second = u & 63;
	t.minute = u >> 6 & 63;
	t.fsp = 6;
	if (kind == CDC_TIME)
		t.hour = u >> 12 & 0x3ff;
	else
	{
		uint64_t	months = u >> 22;

		t.hour = u >> 12 & 31;
		t.day = u >> 17 & 31;
		t.month = (uint8_t) (months % 13);
		if (months / 13 > 9999 || t.negative)
			return corrupt(e->err, "date is out of range");
		t.year = (uint16_t) (months / 13);
	}
	if (t.micros > 999999 || t.second > 59 || t.minute > 59 || t.hour > 838 ||
		(kind != CDC_TIME && t.hour > 23))
		return corrupt(e->err, "time is out of range");
	return sink_failed(e, e->sink->ops->string(e->sink, text,
											   cdc_temporal_text(kind, &t, text)));
}

static CdcStatus
emit_decimal(Emitter *e, const uint8_t *p, size_t len)
{
	char		text[CDC_DECIMAL_TEXT];
	size_t		n = 0;

	if (len >= 2 && p[0] >= 1 && p[0] <= CDC_DECIMAL_DIGITS && p[1] <= 38 && p[1] <= p[0] &&
		cdc_decimal_wire_size(p[0], p[1]) == len - 2)
		n = cdc_decimal_text(p + 2, p[0], p[1], text);
	if (n == 0)
		return corrupt(e->err, "decimal is malformed");
	return sink_failed(e, e->sink->ops->decimal(e->sink, text, n));
}

/*
 * The string that MySQL prints for bytes of a type without a JSON form: the
 * column type's number and base64 in lines of 76 characters, 57 bytes.  Source:
 * what MySQL 9.7 answers.
 */
static CdcStatus
emit_opaque_text(Emitter *e, uint8_t type, const uint8_t *p, size_t len)
{
	const size_t line = 57;
	CdcBuf		text = {0};
	CdcStatus	st = CDC_ERR_NOMEM;
	bool		ok = cdc_buf_printf(&text, "base64:type%u:", type);

	for (size_t done = 0; ok && done < len; done += line)
	{
		ok = cdc_buf_reserve(&text, 77);
		if (ok && done > 0)
			text.data[text.len++] = '\n';
		if (ok)
			text.len += cdc_base64(p + done, len - done < line ? len - done : line,
								   text.data + text.len);
	}
	if (ok)
		st = e->sink->ops->string(e->sink, text.data, text.len);
	cdc_buf_free(&text);
	return sink_failed(e, st);
}

/* A value of some column type: type byte, length, the bytes. */
static CdcStatus
emit_opaque(Emitter *e, const CdcJbValue *value)
{
	uint8_t		type = value->data[0];
	size_t		len,
				used;
	const uint8_t *p;

	if (!read_length(value->data + 1, value->len - 1, &len, &used))
		return corrupt(e->err, "length of opaque value is malformed");
	p = value->data + 1 + used;
	switch (type)
	{
		case CDC_WT_NEWDECIMAL:
			return emit_decimal(e, p, len);
		case CDC_WT_DATE:
		case CDC_WT_TIME:
		case CDC_WT_DATETIME:
		case CDC_WT_TIMESTAMP:
			if (len != 8)
				return corrupt(e->err, "time is malformed");
			return emit_time(e, type, p);
		default:
			break;
	}
	return emit_opaque_text(e, type, p, len);
}

static CdcStatus
emit_string(Emitter *e, const CdcJbValue *value)
{
	size_t		len,
				used;

	if (!read_length(value->data, value->len, &len, &used))
		return corrupt(e->err, "length of string is malformed");
	if (!cdc_utf8_valid(value->data + used, len))
		return corrupt(e->err, "string is not valid UTF-8");
	return sink_failed(e, e->sink->ops->string(e->sink, (const char *) value->data + used, len));
}

static CdcStatus
emit_value(Emitter *e, const CdcJbValue *value, int depth)
{
	const CdcSinkOps *ops = e->sink->ops;
	const uint8_t *p = value->data;
	uint64_t	bits;
	double		d;

	/* a container's own bytes are paid for by its elements */
	if (!spend(e, cdc_jb_is_container(value->type) ? 1 : value->len))
		return corrupt(e->err, "values overlap");
	switch (value->type)
	{
		case CDC_JB_SMALL_OBJECT:
		case CDC_JB_LARGE_OBJECT:
		case CDC_JB_SMALL_ARRAY:
		case CDC_JB_LARGE_ARRAY:
			return emit_container(e, value, depth);
		case CDC_JB_LITERAL:
			if (p[0] == CDC_JB_NULL)
				return sink_failed(e, ops->null(e->sink));
			if (p[0] != CDC_JB_TRUE && p[0] != CDC_JB_FALSE)
				return corrupt(e->err, "unknown literal");
			return sink_failed(e, ops->boolean(e->sink, p[0] == CDC_JB_TRUE));
		case CDC_JB_INT16:
			return sink_failed(e, ops->int64(e->sink, (int16_t) cdc_le16(p)));
		case CDC_JB_UINT16:
			return sink_failed(e, ops->uint64(e->sink, cdc_le16(p)));
		case CDC_JB_INT32:
			return sink_failed(e, ops->int64(e->sink, (int32_t) cdc_le32(p)));
		case CDC_JB_UINT32:
			return sink_failed(e, ops->uint64(e->sink, cdc_le32(p)));
		case CDC_JB_INT64:
			return sink_failed(e, ops->int64(e->sink, (int64_t) cdc_le64(p)));
		case CDC_JB_UINT64:
			return sink_failed(e, ops->uint64(e->sink, cdc_le64(p)));
		case CDC_JB_DOUBLE:
			bits = cdc_le64(p);
			memcpy(&d, &bits, sizeof(d));
			if (!isfinite(d))
				return corrupt(e->err, "number is not finite");
			return sink_failed(e, ops->float8(e->sink, d));
		case CDC_JB_STRING:
			return emit_string(e, value);
		default:
			return emit_opaque(e, value);
	}
}

CdcStatus
cdc_json_binary_emit(const uint8_t *data, size_t len, struct CdcSink *sink, CdcError *err)
{
	/* each element takes at least three bytes of its container */
	Emitter		e = {sink, err, (uint64_t) len + 1};
	CdcJbValue	root;
	CdcStatus	st = cdc_jb_root(data, len, &root, err);

	return st == CDC_OK ? emit_value(&e, &root, 0) : st;
}

CdcStatus
cdc_decode_json(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *data;
	size_t		len;

	if (!cdc_take_string(r, plan, &data, &len))
		return cdc_row_cut_short(r);
	value->kind = CDC_JSON;
	value->u.json.data = data;
	value->u.json.len = len;
	value->u.json.emit = cdc_json_binary_emit;
	return CDC_OK;
}
