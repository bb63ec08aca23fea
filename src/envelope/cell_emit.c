/*-------------------------------------------------------------------------
 *
 * cell_emit.c
 *	  One value of a row image, written in Maxwell's form.
 *
 * A value that is not of the form that is expected, but could be a value of the
 * column in another one (a number as text, a date with a name), is written as it
 * is: the receiver's type decides, and refuses what it cannot take.  Where a wrong
 * value could come of it there is an error instead.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_emit.h"
#include "envelope/cell_geometry.h"
#include "envelope/cell_time.h"

#include "core/base64.h"
#include "core/decimal_bytes.h"
#include "core/digits.h"
#include "core/emit.h"
#include "core/event.h"
#include "core/geometry.h"
#include "core/json_parse.h"
#include "core/text_value.h"

/* BINARY's largest length. */
#define MAX_BINARY			255

/* ---- bytes ---- */

/* Decodes base64 into the arena. */
static CdcStatus
take_base64(CdcArena *arena, const CdcCell *cell, const CdcDoc *value, CdcString *bytes,
			CdcError *err)
{
	uint8_t    *out;
	ssize_t		len;

	if (value->type != CDC_DOC_STRING)
		return cdc_cell_error(cell, "base64", err);
	out = cdc_arena_alloc(arena, value->string.len / 4 * 3 + 1);
	if (out == NULL)
		return cdc_cell_no_memory(err);
	len = cdc_base64_decode(value->string.data, value->string.len, out);
	if (len < 0)
		return cdc_cell_error(cell, "base64", err);
	bytes->data = (const char *) out;
	bytes->len = (size_t) len;
	return CDC_OK;
}

static CdcStatus
emit_base64(CdcArena *arena, const uint8_t *bytes, size_t len, CdcSink *sink, CdcError *err)
{
	CdcStatus	st = cdc_emit_base64(arena, bytes, len, sink);

	return st == CDC_ERR_NOMEM ? cdc_cell_no_memory(err) : st;
}

static CdcStatus
emit_hex(CdcArena *arena, const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	CdcString	s = cell->value.string;
	uint8_t    *bytes;
	size_t		i;

	if (s.len >= 2 && s.data[0] == '\\' && s.data[1] == 'x')
	{
		s.data += 2;
		s.len -= 2;
	}
	bytes = cdc_arena_alloc(arena, s.len / 2 + 1);
	if (bytes == NULL)
		return cdc_cell_no_memory(err);
	for (i = 0; i + 1 < s.len; i += 2)
	{
		int			high = cdc_hex_digit(s.data[i]);
		int			low = cdc_hex_digit(s.data[i + 1]);

		if (high < 0 || low < 0)
			break;
		bytes[i / 2] = (uint8_t) (high * 16 + low);
	}
	if (i != s.len)
		return cdc_cell_error(cell, "bytes as hexadecimal digits", err);
	return emit_base64(arena, bytes, s.len / 2, sink, err);
}

/* In the alphabet that everything else has; what is no base64 is the receiver's to refuse. */
static CdcStatus
emit_base64_url(CdcArena *arena, CdcString s, CdcSink *sink, CdcError *err)
{
	char	   *text = cdc_arena_strndup(arena, s.data, s.len);

	if (text == NULL)
		return cdc_cell_no_memory(err);
	for (size_t i = 0; i < s.len; i++)
		if (text[i] == '-' || text[i] == '_')
			text[i] = text[i] == '-' ? '+' : '/';
	return sink->ops->string(sink, text, s.len);
}

/* ---- numbers ---- */

static CdcStatus
emit_scaled(CdcArena *arena, const CdcCell *cell, CdcString bytes, int64_t scale, CdcSink *sink,
			CdcError *err)
{
	CdcStatus	st = cdc_emit_decimal_bytes(arena, (const uint8_t *) bytes.data, bytes.len, scale,
										   sink);

	if (st == CDC_ERR_VALUE)
		return cdc_cell_error(cell, "a number of fewer digits", err);
	return st == CDC_ERR_NOMEM ? cdc_cell_no_memory(err) : st;
}

static CdcStatus
emit_decimal_struct(CdcArena *arena, const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	int64_t		scale;
	CdcDoc		value;
	CdcString	bytes;
	CdcStatus	st;

	if (!cdc_doc_find_int64(&cell->value, "scale", &scale) ||
		!cdc_doc_find(&cell->value, "value", &value))
		return cdc_cell_error(cell, "an object of scale and value", err);
	st = take_base64(arena, cell, &value, &bytes, err);
	return st == CDC_OK ? emit_scaled(arena, cell, bytes, scale, sink, err) : st;
}

/* A string that is a JSON number as that number, all else as it is. */
static CdcStatus
emit_number_text(const CdcCell *cell, CdcSink *sink)
{
	CdcString	s = cell->value.string;
	size_t		i = s.len > 0 && s.data[0] == '-' ? 1 : 0;
	size_t		digits = 0;
	bool		point = false;
	bool		plain = i + 1 >= s.len || s.data[i] != '0' || s.data[i + 1] == '.';

	for (; i < s.len && plain; i++)
	{
		if (s.data[i] == '.' && !point && digits > 0 && i + 1 < s.len)
			point = true;
		else if (s.data[i] >= '0' && s.data[i] <= '9')
			digits++;
		else
			plain = false;
	}
	if (!plain || digits == 0)
		return sink->ops->string(sink, s.data, s.len);
	return sink->ops->decimal(sink, s.data, s.len);
}

/* Up to 64 bits as a number; more as their digits. */
static CdcStatus
emit_bits(CdcArena *arena, const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	CdcString	bytes;
	CdcStatus	st = take_base64(arena, cell, &cell->value, &bytes, err);
	const uint8_t *b = (const uint8_t *) bytes.data;
	size_t		nbits;
	uint64_t	n = 0;
	char	   *text;
	size_t		i;

	if (st != CDC_OK)
		return st;
	nbits = cell->type.scale > 0 ? (size_t) cell->type.scale : bytes.len * 8;
	if (nbits <= 64 && bytes.len <= 8)
	{
		for (i = bytes.len; i-- > 0;)
			n = n << 8 | b[i];
		return sink->ops->uint64(sink, n);
	}
	if (nbits > bytes.len * 8 + 7 && nbits > 65536)
		return cdc_cell_error(cell, "as many bits as the schema says", err);
	text = cdc_arena_alloc(arena, nbits + 1);
	if (text == NULL)
		return cdc_cell_no_memory(err);
	for (i = 0; i < nbits; i++)
	{
		size_t		bit = nbits - 1 - i;

		text[i] = bit / 8 < bytes.len && (b[bit / 8] >> bit % 8 & 1) != 0 ? '1' : '0';
	}
	return sink->ops->string(sink, text, nbits);
}

/* ---- texts ---- */

static CdcStatus
emit_set(const CdcCell *cell, CdcSink *sink)
{
	const char *p = cell->value.string.data;
	const char *end = p + cell->value.string.len;
	CdcStatus	st = sink->ops->begin_array(sink);

	while (st == CDC_OK && p < end)
	{
		const char *comma = memchr(p, ',', (size_t) (end - p));

		if (comma == NULL)
			comma = end;
		st = sink->ops->string(sink, p, (size_t) (comma - p));
		p = comma + 1;
	}
	return st == CDC_OK ? sink->ops->end_array(sink) : st;
}

static CdcStatus
emit_json_text(const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	CdcError	parse_error;
	CdcStatus	st = cdc_json_parse((const uint8_t *) cell->value.string.data,
									cell->value.string.len, sink, &parse_error);

	if (st == CDC_ERR_NOMEM || st == CDC_ERR_LIMIT)
		return cdc_error(err, st, "%s", parse_error.message);
	return st == CDC_OK ? st : cdc_cell_error(cell, "a JSON document", err);
}

/* Characters U+0000 to U+00FF, each a byte; false: there are others. */
static bool
latin1_bytes(CdcArena *arena, CdcString text, CdcString *bytes)
{
	const uint8_t *in = (const uint8_t *) text.data;
	uint8_t    *out = cdc_arena_alloc(arena, text.len + 1);
	size_t		n = 0;
	size_t		i;

	if (out == NULL)
		return false;
	for (i = 0; i < text.len; i++)
	{
		if (in[i] < 0x80)
			out[n++] = in[i];
		else if ((in[i] == 0xC2 || in[i] == 0xC3) && i + 1 < text.len)
		{
			out[n++] = (uint8_t) ((in[i] & 0x03) << 6 | (in[i + 1] & 0x3F));
			i++;
		}
		else
			return false;
	}
	bytes->data = (const char *) out;
	bytes->len = n;
	return true;
}

/* Zero bytes at the end of a BINARY are not in the binlog. */
static bool
pad_binary(CdcArena *arena, const CdcColumn *column, CdcString *bytes)
{
	size_t		length = column->length > 0 ? (size_t) column->length : 0;
	char	   *padded;

	if (bytes->len >= length || length > MAX_BINARY)
		return true;
	padded = cdc_arena_zalloc(arena, length);
	if (padded == NULL)
		return false;
	memcpy(padded, bytes->data, bytes->len);
	bytes->data = padded;
	bytes->len = length;
	return true;
}

/*
 * Whether a text is the number of members of an enum or set that the type does not
 * tell: it must not be taken for the name of one.
 */
static bool
stands_for_unknown(const CdcColumn *column, CdcString text)
{
	if ((strcmp(column->data_type, "enum") != 0 && strcmp(column->data_type, "set") != 0) ||
		text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	for (int i = 0; i < column->nmembers; i++)
		if (column->members[i].len == text.len &&
			memcmp(column->members[i].data, text.data, text.len) == 0)
			return false;
	return true;
}

/*
 * The text that Canal makes of a column: as the server prints it, but for enum and
 * set, which are numbers, and bytes, which are characters of ISO 8859-1.
 */
static CdcStatus
emit_column(CdcArena *arena, const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	static const char *const binary[] = {
		"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector", NULL
	};
	const CdcColumn *column = cell->type.column;
	CdcString	text = cell->value.string;
	CdcValue	value;
	CdcError	ignored;
	CdcStatus	st;
	int64_t		n;

	if (column->data_type == NULL)
		return sink->ops->string(sink, text.data, text.len);
	if (cdc_type_is_one_of(column->data_type, binary) || cdc_is_geometry_type(column->data_type))
	{
		if (!latin1_bytes(arena, text, &text))
			return cdc_cell_error(cell, "characters that stand for bytes", err);
		if (cdc_is_geometry_type(column->data_type))
			return cdc_emit_geometry_bytes(arena, cell, text, sink, err);
		if (strcmp(column->data_type, "binary") == 0 && !pad_binary(arena, column, &text))
			return cdc_cell_no_memory(err);
		if (strcmp(column->data_type, "vector") != 0)
			return emit_base64(arena, (const uint8_t *) text.data, text.len, sink, err);
	}
	if (strcmp(column->data_type, "json") == 0)
		return text.len == 0 ? sink->ops->null(sink) : emit_json_text(cell, sink, err);
	if (strcmp(column->data_type, "bit") == 0 && cdc_string_int64(text, &n) && n < 0)
		return sink->ops->uint64(sink, (uint64_t) n);
	if (!cdc_text_readable(column))
		return sink->ops->string(sink, text.data, text.len);
	st = cdc_value_from_text(arena, column, text, &value, &ignored);
	if (st == CDC_OK)
		return cdc_value_emit(sink, &value, err);
	if (st == CDC_ERR_NOMEM)
		return cdc_cell_no_memory(err);
	if (stands_for_unknown(column, text))
		return cdc_cell_error(cell, "the number of a member that the type tells", err);
	if (strcmp(column->data_type, "set") == 0)
		return emit_set(cell, sink);
	return sink->ops->string(sink, text.data, text.len);
}

/* ---- all of them ---- */

/* A number counted from 1970 or midnight; else as it is. */
static CdcStatus
emit_epoch(const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	int			fsp = cell->type.fsp;
	int64_t		n;
	CdcStatus	st;

	if (!cdc_doc_int64(&cell->value, &n))
		return cdc_cell_error(cell, "a whole number", err);
	switch (cell->type.form)
	{
		case CDC_CELL_DATE_DAYS:
			st = cdc_emit_any_date(sink, n);
			break;
		case CDC_CELL_DATETIME_MILLIS:
			st = cdc_emit_any_datetime(sink, n, 1000, fsp);
			break;
		case CDC_CELL_DATETIME_MICROS:
			st = cdc_emit_any_datetime(sink, n, 1000000, fsp);
			break;
		case CDC_CELL_DATETIME_NANOS:
			st = cdc_emit_any_datetime(sink, n, 1000000000, fsp);
			break;
		case CDC_CELL_DATETIME_NUMBER:
			st = cdc_emit_guessed_datetime(sink, n, fsp > 3 ? 1000000 : 1000, fsp);
			break;
		case CDC_CELL_TIME_MILLIS:
			st = cdc_emit_time(sink, n, 1000, fsp);
			break;
		case CDC_CELL_TIME_MICROS:
			st = cdc_emit_time(sink, n, 1000000, fsp);
			break;
		case CDC_CELL_TIME_NANOS:
			st = cdc_emit_time(sink, n, 1000000000, fsp);
			break;
		default:
			return cdc_error(err, CDC_ERR_INTERNAL, "not a form of dates and times");
	}
	return st == CDC_ERR_VALUE ?
		cdc_cell_error(cell, "a date from year 1 to 9999", err) : st;
}

static CdcStatus
emit_geometry(CdcArena *arena, const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	CdcDoc		wkb;
	CdcString	bytes;
	CdcStatus	st;

	if (!cdc_doc_find(&cell->value, "wkb", &wkb))
		return cdc_cell_error(cell, "an object with \"wkb\"", err);
	st = take_base64(arena, cell, &wkb, &bytes, err);
	return st == CDC_OK ? cdc_emit_geometry_object(arena, cell, bytes, sink, err) : st;
}

static CdcStatus
emit_unsigned(const CdcCell *cell, CdcSink *sink)
{
	int64_t		n;

	if (cell->value.type == CDC_DOC_NUMBER && cdc_doc_int64(&cell->value, &n) && n < 0)
		return sink->ops->uint64(sink, (uint64_t) n);
	return cdc_doc_emit(&cell->value, sink);
}

static CdcStatus
unclear(const CdcCell *cell, CdcError *err)
{
	if (cell->value.type == CDC_DOC_STRING)
	{
		cdc_error(err, CDC_ERR_VALUE, "scale of the number in column \"%.*s\" is not known",
				  cdc_clip(cell->name, 200), cell->name.data);
		cdc_error_detail(err, "The message has no schema, the value \"%.*s\" is base64, and the column does not say how many digits are behind the point.",
						 cdc_clip(cell->value.string, 100), cell->value.string.data);
		cdc_error_hint(err, "Give the column the source's precision and scale, such as numeric(10,2), or have the connector send schemas or strings (decimal.handling.mode).");
		return CDC_ERR_VALUE;
	}
	if (cell->type.wrapped)
	{
		cdc_error(err, CDC_ERR_VALUE, "sign of the number in column \"%.*s\" is not known",
				  cdc_clip(cell->name, 200), cell->name.data);
		cdc_error_detail(err, "The connector prints large values of BIGINT UNSIGNED as negative numbers, and the message does not tell the column's type.");
		cdc_error_hint(err, "Set the connector's bigint.unsigned.handling.mode to precise, or column.propagate.source.type to .* with schemas; or, if the source's column is signed, make the target's column bigint.");
		return CDC_ERR_VALUE;
	}
	cdc_error(err, CDC_ERR_VALUE, "unit of the number in column \"%.*s\" is not known",
			  cdc_clip(cell->name, 200), cell->name.data);
	if (cell->type.nanos)
	{
		cdc_error_detail(err, "The message has no schema, and the connector counts nanoseconds where the source has seven digits, as SQL Server's types have by default, else microseconds or milliseconds.");
		cdc_error_hint(err, "Have the connector send schemas (value.converter.schemas.enable), or set its time.precision.mode to connect and give the column 3 digits, such as timestamp(3) or time(3).");
		return CDC_ERR_VALUE;
	}
	cdc_error_detail(err, "The message has no schema, and the column does not say whether the number counts milliseconds or microseconds.");
	cdc_error_hint(err, "Give the column the source's precision, such as timestamp(0) or timestamp(6), or have the connector send schemas (value.converter.schemas.enable).");
	return CDC_ERR_VALUE;
}

static CdcStatus
unclear_base64(const CdcCell *cell, CdcError *err)
{
	bool		digits = cell->type.form == CDC_CELL_UNCLEAR_DIGITS;

	cdc_error(err, CDC_ERR_VALUE, "form of the %s in column \"%.*s\" is not known",
			  digits ? "number" : "bytes", cdc_clip(cell->name, 200), cell->name.data);
	cdc_error_detail(err, "The string \"%.*s\" may be base64 or %sdigits.",
					 cdc_clip(cell->value.string, 100), cell->value.string.data,
					 digits ? "" : "hexadecimal ");
	cdc_error_hint(err, digits ?
				   "Have the connector send schemas (value.converter.schemas.enable), or, if it sends digits, make the target's column numeric without precision." :
				   "Set the connector's binary.handling.mode to bytes, or make the target's column text, which holds the string.");
	return CDC_ERR_VALUE;
}

/* What is written of a string. */
static CdcStatus
emit_string(CdcArena *arena, const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	CdcString	s = cell->value.string;
	CdcString	bytes;
	CdcStatus	st;

	switch (cell->type.form)
	{
		case CDC_CELL_DATETIME_TEXT:
			return cdc_emit_datetime_text(sink, s);
		case CDC_CELL_TIME_TEXT:
			return cdc_emit_time_text(sink, s);
		case CDC_CELL_DECIMAL_BYTES:
			st = take_base64(arena, cell, &cell->value, &bytes, err);
			return st == CDC_OK ? emit_scaled(arena, cell, bytes, cell->type.scale, sink, err) : st;
		case CDC_CELL_NUMBER_TEXT:
			return emit_number_text(cell, sink);
		case CDC_CELL_BITS:
			return emit_bits(arena, cell, sink, err);
		case CDC_CELL_SET_TEXT:
			return emit_set(cell, sink);
		case CDC_CELL_JSON_TEXT:
			return emit_json_text(cell, sink, err);
		case CDC_CELL_HEX:
			return emit_hex(arena, cell, sink, err);
		case CDC_CELL_BASE64_URL:
			return emit_base64_url(arena, s, sink, err);
		case CDC_CELL_COLUMN:
			return emit_column(arena, cell, sink, err);
		default:
			return sink->ops->string(sink, s.data, s.len);
	}
}

CdcStatus
cdc_cell_emit(CdcArena *arena, const CdcCell *cell, CdcSink *sink, CdcError *err)
{
	CdcStatus	st;

	if (cell->value.type == CDC_DOC_NULL)
		st = sink->ops->null(sink);
	else if (cell->type.form == CDC_CELL_UNCLEAR)
		return unclear(cell, err);
	else if (cell->type.form == CDC_CELL_UNCLEAR_BYTES ||
			 cell->type.form == CDC_CELL_UNCLEAR_DIGITS)
		return unclear_base64(cell, err);
	else if (cell->type.form == CDC_CELL_EMPTY_SET)
	{
		st = sink->ops->begin_array(sink);
		if (st == CDC_OK)
			st = sink->ops->end_array(sink);
	}
	else if (cell->value.type == CDC_DOC_STRING)
		st = emit_string(arena, cell, sink, err);
	else if (cell->type.form == CDC_CELL_UNSIGNED)
		st = emit_unsigned(cell, sink);
	else if (cell->type.form == CDC_CELL_DECIMAL_STRUCT && cell->value.type == CDC_DOC_OBJECT)
		st = emit_decimal_struct(arena, cell, sink, err);
	else if (cell->type.form == CDC_CELL_GEOMETRY && cell->value.type == CDC_DOC_OBJECT)
		st = emit_geometry(arena, cell, sink, err);
	else if (cell->type.form >= CDC_CELL_DATE_DAYS && cell->type.form <= CDC_CELL_TIME_NANOS &&
			 cell->type.form != CDC_CELL_DATETIME_TEXT && cell->value.type == CDC_DOC_NUMBER)
		st = emit_epoch(cell, sink, err);
	else
		st = cdc_doc_emit(&cell->value, sink);
	if (cdc_failed(st) && (err->status != st || err->message[0] == '\0'))
		cdc_error(err, st, "could not write column \"%.*s\"",
				  cdc_clip(cell->name, 200), cell->name.data);
	return st;
}
