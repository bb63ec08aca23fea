/*-------------------------------------------------------------------------
 *
 * decode.c
 *	  Bytes to JSON along a schema.
 *
 *	  No count and no length is believed: bytes are taken only where they are, and what
 *	  is written is bounded (envelope/decode_place.h).
 *
 *	  A union of null and one other type is that type's value; one of more types is, as
 *	  in Avro's own JSON encoding, an object with the branch's name, since a value alone
 *	  would not tell text from bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "avro/internal.h"

#include <stdio.h>

#include "core/bytes.h"
#include "core/decimal_bytes.h"
#include "core/emit.h"
#include "envelope/cell_time.h"
#include "envelope/decode_place.h"

_Static_assert(CDC_AVRO_MAX_DEPTH <= CDC_DECODE_LEVELS, "a path has room for all levels");

typedef struct Decoder
{
	CdcSink    *sink;
	CdcArena   *scratch;
	CdcAvroForm	form;
	const uint8_t *end;
	CdcDecodePlace place;
} Decoder;

static CdcStatus decode(Decoder *d, const CdcAvroNode *node);

static CdcStatus
fail(Decoder *d, CdcStatus st, const char *reason)
{
	return cdc_decode_fail(&d->place, st, reason);
}

/* ---- bytes ---- */

/* A number of up to 64 bits in groups of seven, the lowest first. */
static CdcStatus
take_varint(Decoder *d, uint64_t *result)
{
	uint64_t	n = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t		b;

		if (d->place.at == d->end)
			return fail(d, CDC_ERR_VALUE, "a number goes beyond its end");
		b = *d->place.at++;
		if (shift == 63 && b > 1)
			break;
		n |= (uint64_t) (b & 0x7f) << shift;
		if ((b & 0x80) == 0)
		{
			*result = n;
			return CDC_OK;
		}
	}
	return fail(d, CDC_ERR_VALUE, "a number has more than 64 bits");
}

static inline CdcStatus
take_long(Decoder *d, int64_t *result)
{
	uint64_t	n;
	CdcStatus	st;

	/* most numbers are small */
	if (d->place.at < d->end && *d->place.at < 0x80)
	{
		n = *d->place.at++;
		*result = (int64_t) (n >> 1) ^ -(int64_t) (n & 1);
		return CDC_OK;
	}
	st = take_varint(d, &n);
	if (st == CDC_OK)
		*result = (int64_t) (n >> 1 ^ (0 - (n & 1)));
	return st;
}

static CdcStatus
take_bytes(Decoder *d, size_t len, const uint8_t **bytes)
{
	if (len > (size_t) (d->end - d->place.at))
		return fail(d, CDC_ERR_VALUE, "a value goes beyond its end");
	*bytes = d->place.at;
	d->place.at += len;
	return CDC_OK;
}

/* With a length in front of them. */
static CdcStatus
take_counted(Decoder *d, const uint8_t **bytes, size_t *len)
{
	int64_t		n = 0;
	CdcStatus	st = take_long(d, &n);

	if (st != CDC_OK)
		return st;
	if (n < 0 || n > d->end - d->place.at)
		return fail(d, CDC_ERR_VALUE, n < 0 ? "a length is negative" : "a value goes beyond its end");
	*len = (size_t) n;
	return take_bytes(d, *len, bytes);
}

/* ---- values ---- */

static CdcStatus
put_name(Decoder *d, CdcString name)
{
	CdcStatus	st = cdc_decode_take_room(&d->place, name.len);

	return st == CDC_OK ? d->sink->ops->key(d->sink, name.data, name.len) : st;
}

static CdcStatus
decode_float(Decoder *d, bool single)
{
	const uint8_t *bytes = NULL;
	CdcStatus	st = take_bytes(d, single ? 4 : 8, &bytes);
	uint32_t	low;
	uint64_t	all;
	float		f;
	double		v;

	if (st != CDC_OK)
		return st;
	if (single)
	{
		low = cdc_le32(bytes);
		memcpy(&f, &low, sizeof(f));
		return cdc_emit_double(d->sink, f, true);
	}
	all = cdc_le64(bytes);
	memcpy(&v, &all, sizeof(v));
	return cdc_emit_double(d->sink, v, false);
}

static CdcStatus
emit_decimal(Decoder *d, const uint8_t *bytes, size_t len, int64_t scale)
{
	CdcStatus	st = cdc_emit_decimal_bytes(d->scratch, bytes, len, scale, d->sink);

	return st == CDC_ERR_VALUE ? fail(d, st, "a number has more than 4096 bytes or decimals") : st;
}

static CdcStatus
emit_uuid(Decoder *d, const uint8_t *bytes)
{
	static const char hex[] = "0123456789abcdef";
	char		text[36];
	size_t		n = 0;

	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[n++] = '-';
		text[n++] = hex[bytes[i] >> 4];
		text[n++] = hex[bytes[i] & 15];
	}
	return d->sink->ops->string(d->sink, text, n);
}

/* ISO 8601: P1M2DT3.004S */
static CdcStatus
emit_duration(Decoder *d, const uint8_t *bytes)
{
	uint32_t	ms = cdc_le32(bytes + 8);
	char		text[64];
	int			n;

	n = snprintf(text, sizeof(text), "P%luM%luDT%lu.%03luS", (unsigned long) cdc_le32(bytes),
				 (unsigned long) cdc_le32(bytes + 4), (unsigned long) (ms / 1000),
				 (unsigned long) (ms % 1000));
	return d->sink->ops->string(d->sink, text, (size_t) n);
}

static CdcStatus
emit_bytes(Decoder *d, const CdcAvroNode *node, const uint8_t *bytes, size_t len)
{
	if (node->meaning == CDC_AVRO_DECIMAL && d->form == CDC_AVRO_READABLE)
		return emit_decimal(d, bytes, len, node->scale);
	if (node->meaning == CDC_AVRO_UUID)
		return emit_uuid(d, bytes);
	if (node->meaning == CDC_AVRO_DURATION)
		return emit_duration(d, bytes);
	return cdc_emit_base64(d->scratch, bytes, len, d->sink);
}

/* Dates and times, and numbers that are none; years of other than four digits stay numbers. */
static CdcStatus
emit_long(Decoder *d, const CdcAvroNode *node, int64_t n)
{
	CdcStatus	st = CDC_ERR_VALUE;
	/* what Connect has a type for is a number there */
	bool		text = d->form == CDC_AVRO_READABLE ||
		(node->meaning == CDC_AVRO_INSTANT && node->connect_name.len == 0);

	if (text && node->meaning == CDC_AVRO_DATE)
		st = cdc_emit_date(d->sink, n);
	else if (text && node->meaning == CDC_AVRO_TIME)
		st = cdc_emit_time(d->sink, n, node->per_second, -1);
	else if (text && node->meaning == CDC_AVRO_INSTANT)
		st = cdc_emit_instant(d->sink, n, node->per_second);
	else if (text && node->meaning == CDC_AVRO_DATETIME)
		st = cdc_emit_datetime(d->sink, n, node->per_second, -1);
	return st == CDC_ERR_VALUE ? d->sink->ops->int64(d->sink, n) : st;
}

/* ---- types of several values ---- */

/* The value of a field, or of an element where name is NULL. */
static CdcStatus
decode_inner(Decoder *d, const CdcString *name, const CdcAvroNode *node)
{
	CdcStatus	st;

	if (d->place.depth >= CDC_AVRO_MAX_DEPTH)
	{
		(void) fail(d, CDC_ERR_LIMIT, "it has more than 64 levels");
		return CDC_ERR_LIMIT;
	}
	d->place.path[d->place.depth++] = name;
	st = decode(d, node);
	/* where it failed is of interest to who is told */
	if (st == CDC_OK)
		d->place.depth--;
	return st;
}

static CdcStatus
decode_variable_decimal(Decoder *d)
{
	const uint8_t *bytes = NULL;
	size_t		len = 0;
	int64_t		scale = 0;
	CdcStatus	st = take_long(d, &scale);

	if (st == CDC_OK)
		st = take_counted(d, &bytes, &len);
	return st == CDC_OK ? emit_decimal(d, bytes, len, scale) : st;
}

static CdcStatus
decode_record(Decoder *d, const CdcAvroNode *node)
{
	CdcStatus	st;

	if (node->meaning == CDC_AVRO_VARIABLE_DECIMAL && d->form == CDC_AVRO_READABLE)
		return decode_variable_decimal(d);
	st = d->sink->ops->begin_object(d->sink);
	for (int i = 0; i < node->n && st == CDC_OK; i++)
	{
		const CdcAvroField *field = &node->fields[i];

		st = put_name(d, field->name);
		if (st == CDC_OK)
			st = decode_inner(d, &field->name, field->type);
	}
	return st == CDC_OK ? d->sink->ops->end_object(d->sink) : st;
}

/* The number of elements that come next; 0: no more. */
static CdcStatus
take_block(Decoder *d, uint64_t *n)
{
	int64_t		count = 0;
	int64_t		size = 0;
	CdcStatus	st = take_long(d, &count);

	if (st != CDC_OK)
		return st;
	*n = count < 0 ? 0 - (uint64_t) count : (uint64_t) count;
	if (count >= 0)
		return CDC_OK;
	/* its size, for who would skip it */
	st = take_long(d, &size);
	if (st == CDC_OK && (size < 0 || size > d->end - d->place.at))
		return fail(d, CDC_ERR_VALUE, "the size of a block goes beyond its end");
	return st;
}

static CdcStatus
decode_map_key(Decoder *d)
{
	const uint8_t *bytes = NULL;
	size_t		len = 0;
	CdcStatus	st = take_counted(d, &bytes, &len);

	return st == CDC_OK ? d->sink->ops->key(d->sink, (const char *) bytes, len) : st;
}

static CdcStatus
decode_blocks(Decoder *d, const CdcAvroNode *node)
{
	bool		map = node->type == CDC_AVRO_MAP;
	uint64_t	n = 0;
	CdcStatus	st = map ? d->sink->ops->begin_object(d->sink) : d->sink->ops->begin_array(d->sink);

	do
	{
		if (st == CDC_OK)
			st = take_block(d, &n);
		if (st != CDC_OK)
			return st;
		for (uint64_t i = 0; i < n && st == CDC_OK; i++)
		{
			if (map)
				st = decode_map_key(d);
			if (st == CDC_OK)
				st = decode_inner(d, NULL, node->element);
		}
	} while (st != CDC_OK || n > 0);
	return map ? d->sink->ops->end_object(d->sink) : d->sink->ops->end_array(d->sink);
}

static CdcStatus
decode_union(Decoder *d, const CdcAvroNode *node)
{
	const CdcAvroField *branch;
	int64_t		i = 0;
	CdcStatus	st = take_long(d, &i);

	if (st != CDC_OK)
		return st;
	if (i < 0 || i >= node->n)
		return fail(d, CDC_ERR_VALUE, "a union has no branch of that number");
	branch = &node->fields[i];
	if (branch->type->type == CDC_AVRO_NULL)
		return d->sink->ops->null(d->sink);
	if (node->only != NULL)
		return decode(d, branch->type);
	st = d->sink->ops->begin_object(d->sink);
	if (st == CDC_OK)
		st = put_name(d, branch->name);
	if (st == CDC_OK)
		st = decode_inner(d, NULL, branch->type);
	return st == CDC_OK ? d->sink->ops->end_object(d->sink) : st;
}

static CdcStatus
decode_enum(Decoder *d, const CdcAvroNode *node)
{
	int64_t		i = 0;
	CdcStatus	st = take_long(d, &i);

	if (st != CDC_OK)
		return st;
	if (i < 0 || i >= node->n)
		return fail(d, CDC_ERR_VALUE, "an enum has no symbol of that number");
	st = cdc_decode_take_room(&d->place, node->symbols[i].len);
	if (st != CDC_OK)
		return st;
	return d->sink->ops->string(d->sink, node->symbols[i].data, node->symbols[i].len);
}

static CdcStatus
decode_whole(Decoder *d, const CdcAvroNode *node)
{
	int64_t		n = 0;
	CdcStatus	st = take_long(d, &n);

	if (st != CDC_OK)
		return st;
	if (node->type == CDC_AVRO_INT && (n < INT32_MIN || n > INT32_MAX))
		return fail(d, CDC_ERR_VALUE, "an int has more than 32 bits");
	if (node->meaning == CDC_AVRO_PLAIN)
		return d->sink->ops->int64(d->sink, n);
	return emit_long(d, node, n);
}

static CdcStatus
decode_sequence(Decoder *d, const CdcAvroNode *node)
{
	const uint8_t *bytes = NULL;
	size_t		len = node->size;
	CdcStatus	st = node->type == CDC_AVRO_FIXED ? take_bytes(d, len, &bytes) :
		take_counted(d, &bytes, &len);

	if (st != CDC_OK)
		return st;
	if (node->type == CDC_AVRO_STRING)
		return d->sink->ops->string(d->sink, (const char *) bytes, len);
	return emit_bytes(d, node, bytes, len);
}

static CdcStatus
decode(Decoder *d, const CdcAvroNode *node)
{
	const uint8_t *bytes = NULL;
	CdcStatus	st = cdc_decode_take_room(&d->place, CDC_DECODE_VALUE_BYTES);

	if (st != CDC_OK)
		return st;
	cdc_decode_count(&d->place);
	switch (node->type)
	{
		case CDC_AVRO_NULL:
			return d->sink->ops->null(d->sink);
		case CDC_AVRO_BOOLEAN:
			st = take_bytes(d, 1, &bytes);
			if (st == CDC_OK && bytes[0] > 1)
				st = fail(d, CDC_ERR_VALUE, "a boolean is neither 0 nor 1");
			return st == CDC_OK ? d->sink->ops->boolean(d->sink, bytes[0] == 1) : st;
		case CDC_AVRO_INT:
		case CDC_AVRO_LONG:
			return decode_whole(d, node);
		case CDC_AVRO_FLOAT:
		case CDC_AVRO_DOUBLE:
			return decode_float(d, node->type == CDC_AVRO_FLOAT);
		case CDC_AVRO_BYTES:
		case CDC_AVRO_STRING:
		case CDC_AVRO_FIXED:
			return decode_sequence(d, node);
		case CDC_AVRO_RECORD:
			return decode_record(d, node);
		case CDC_AVRO_ENUM:
			return decode_enum(d, node);
		case CDC_AVRO_ARRAY:
		case CDC_AVRO_MAP:
			return decode_blocks(d, node);
		case CDC_AVRO_UNION:
			return decode_union(d, node);
	}
	return cdc_error(d->place.err, CDC_ERR_INTERNAL, "unknown type of Avro");
}

CdcStatus
cdc_avro_decode(const CdcAvroSchema *schema, CdcAvroForm form, CdcArena *scratch,
				const uint8_t *bytes, size_t len, CdcSink *sink, CdcError *err)
{
	Decoder		d;
	CdcStatus	st;

	d.sink = sink;
	d.scratch = scratch;
	d.form = form;
	d.end = bytes + len;
	cdc_decode_begin(&d.place, "Avro", bytes, len, err);
	st = decode(&d, schema->root);
	if (st == CDC_OK && d.place.at < d.end)
	{
		d.place.depth = 0;
		return fail(&d, CDC_ERR_VALUE, "its value ends there, and more bytes follow");
	}
	return cdc_decode_explain(&d.place, st);
}
