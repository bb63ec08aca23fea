/*-------------------------------------------------------------------------
 *
 * debezium_type.c
 *	  What a column is, by the schema that Kafka Connect sends with a message: its
 *	  type, the name of a semantic type (io.debezium.*, org.apache.kafka.connect.data.*)
 *	  and the source's own type where the connector propagates it
 *	  (column.propagate.source.type).
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_hint.h"
#include "envelope/internal.h"

#include "core/geometry.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

bool
cdc_debezium_field(const CdcDoc *fields, const char *name, CdcDoc *field)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		v;

	if (fields->type != CDC_DOC_ARRAY)
		return false;
	cdc_doc_begin(fields, &iter);
	while (cdc_doc_next(&iter, &key, field))
		if (cdc_doc_find_type(field, "field", CDC_DOC_STRING, &v) &&
			cdc_doc_is_string(&v, name))
			return true;
	cdc_doc_set_null(field);
	return false;
}

/* How the values of a semantic type are written, and the type of MySQL that holds them. */
static const struct
{
	const char *name;
	CdcCellForm form;
	const char *column_type;	/* NULL: by its parameters */
}			semantic_types[] = {
	{"io.debezium.time.Date", CDC_CELL_DATE_DAYS, "date"},
	{"io.debezium.time.Timestamp", CDC_CELL_DATETIME_MILLIS, "datetime(3)"},
	{"io.debezium.time.MicroTimestamp", CDC_CELL_DATETIME_MICROS, "datetime(6)"},
	/* of types of more digits than PostgreSQL's have */
	{"io.debezium.time.NanoTimestamp", CDC_CELL_DATETIME_NANOS, CDC_TYPE_STRING},
	{"io.debezium.time.ZonedTimestamp", CDC_CELL_DATETIME_TEXT, "timestamp(6)"},
	{"io.debezium.time.IsoDate", CDC_CELL_DATETIME_TEXT, "date"},
	{"io.debezium.time.IsoTimestamp", CDC_CELL_DATETIME_TEXT, "datetime(6)"},
	{"io.debezium.time.IsoTime", CDC_CELL_TIME_TEXT, "time(6)"},
	{"io.debezium.time.Time", CDC_CELL_TIME_MILLIS, "time(3)"},
	{"io.debezium.time.MicroTime", CDC_CELL_TIME_MICROS, "time(6)"},
	{"io.debezium.time.NanoTime", CDC_CELL_TIME_NANOS, CDC_TYPE_STRING},
	{"io.debezium.time.ZonedTime", CDC_CELL_TIME_TEXT, CDC_TYPE_TIMETZ},
	{"io.debezium.time.Year", CDC_CELL_AS_IS, "int"},
	{"io.debezium.time.MicroDuration", CDC_CELL_TIME_MICROS, "time(6)"},
	{"io.debezium.time.NanoDuration", CDC_CELL_TIME_NANOS, "time(6)"},
	{"org.apache.kafka.connect.data.Date", CDC_CELL_DATE_DAYS, "date"},
	{"org.apache.kafka.connect.data.Time", CDC_CELL_TIME_MILLIS, "time(3)"},
	{"org.apache.kafka.connect.data.Timestamp", CDC_CELL_DATETIME_MILLIS, "datetime(3)"},
	{"org.apache.kafka.connect.data.Decimal", CDC_CELL_DECIMAL_BYTES, NULL},
	{"io.debezium.data.VariableScaleDecimal", CDC_CELL_DECIMAL_STRUCT, NULL},
	{"io.debezium.data.Bits", CDC_CELL_BITS, NULL},
	{"io.debezium.data.Enum", CDC_CELL_AS_IS, "longtext"},
	{"io.debezium.data.EnumSet", CDC_CELL_SET_TEXT, "set('')"},
	{"io.debezium.data.Json", CDC_CELL_JSON_TEXT, "json"},
	{"io.debezium.data.Uuid", CDC_CELL_AS_IS, "uuid"},
	{"io.debezium.data.geometry.Point", CDC_CELL_GEOMETRY, "geometry"},
	{"io.debezium.data.geometry.Geometry", CDC_CELL_GEOMETRY, "geometry"},
	{"io.debezium.data.geometry.Geography", CDC_CELL_GEOMETRY, "geometry"},
	{"io.debezium.data.DoubleVector", CDC_CELL_AS_IS, NULL},
	{"io.debezium.data.FloatVector", CDC_CELL_AS_IS, "vector"}
};

/* Types of Kafka Connect. */
static const struct
{
	const char *name;
	const char *column_type;
}			plain_types[] = {
	{"int8", "tinyint"},
	{"int16", "smallint"},
	{"int32", "int"},
	{"int64", "bigint"},
	{"float", "float"},
	{"float32", "float"},
	{"double", "double"},
	{"float64", "double"},
	{"string", CDC_TYPE_STRING},
	{"array", CDC_TYPE_ARRAY},
	{"bytes", "longblob"}
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static int
find_semantic_type(const CdcDoc *field)
{
	CdcString	name = cdc_doc_find_string(field, "name");

	if (name.len > 0)
		for (size_t i = 0; i < COUNT(semantic_types); i++)
			if (cdc_string_is(name, semantic_types[i].name))
				return (int) i;
	return -1;
}

/* A whole number in a schema's parameters, which are strings; else fallback. */
static int
parameter(const CdcDoc *field, const char *name, int fallback)
{
	CdcDoc		parameters;
	int64_t		n;

	if (!cdc_doc_find_type(field, "parameters", CDC_DOC_OBJECT, &parameters) ||
		!cdc_doc_find_int64(&parameters, name, &n) || n < -100000 || n > 100000)
		return fallback;
	return (int) n;
}

/* The source's type; "" where the connector does not tell it. */
static CdcString
source_type(const CdcDoc *field)
{
	CdcDoc		parameters;

	if (!cdc_doc_find_type(field, "parameters", CDC_DOC_OBJECT, &parameters))
		return (CdcString) {"", 0};
	return cdc_doc_find_string(&parameters, "__debezium.source.column.type");
}

/* Whether the connector says that the source is one of the MySQL family. */
static bool
is_mysql(const CdcEnvelope *env)
{
	CdcDoc		source;
	CdcString	connector;

	if (!cdc_doc_find_type(&env->body, "source", CDC_DOC_OBJECT, &source))
		return false;
	connector = cdc_doc_find_string(&source, "connector");
	return cdc_string_is(connector, "mysql") || cdc_string_is(connector, "mariadb");
}

/* ---- values ---- */

/*
 * A value that the source did not send again, as its type has it: text, bytes (in
 * base64 or hexadecimal digits), an array's only element (of uuid[] the UUID made of the
 * text's MD5), numbers of int[], one for each byte, and far away geometries.
 */
#define PLACEHOLDER			"__debezium_unavailable_value"

static bool
is_placeholder(const CdcDoc *value)
{
	static const char *const forms[] = {
		PLACEHOLDER, "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
		"5f5f646562657a69756d5f756e617661696c61626c655f76616c7565",
		"b68a35a7-17ad-35b3-af2a-ae46edb4545a"
	};

	if (value->type != CDC_DOC_STRING || value->string.len < sizeof(PLACEHOLDER) - 1)
		return false;
	for (size_t i = 0; i < COUNT(forms); i++)
		if (cdc_string_is(value->string, forms[i]))
			return true;
	return false;
}

static bool
is_placeholder_numbers(const CdcDoc *array)
{
	const char *expected = PLACEHOLDER;
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		element;
	int64_t		n;

	if (cdc_doc_count(array) != sizeof(PLACEHOLDER) - 1)
		return false;
	cdc_doc_begin(array, &iter);
	while (cdc_doc_next(&iter, &key, &element))
		if (element.type != CDC_DOC_NUMBER || !cdc_doc_int64(&element, &n) ||
			n != *expected++)
			return false;
	return true;
}

static bool
is_placeholder_geometry(const CdcDoc *value)
{
	static const char *const wkb[] = {
		"AQEAACDmEAAAAAAA/IPXl8EAAAD8g9eXwQ==", "AQEAACDmEAAADCHn/f9/ZkAYQs77/39WQA==",
		"AQEAAAAAAAD8g9eXwQAAAPyD15fB"
	};
	CdcString	s = cdc_doc_find_string(value, "wkb");

	for (size_t i = 0; s.len > 0 && i < COUNT(wkb); i++)
		if (cdc_string_is(s, wkb[i]))
			return true;
	return false;
}

bool
cdc_debezium_unavailable(const CdcDoc *value)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		element;

	if (value->type == CDC_DOC_STRING)
		return is_placeholder(value);
	if (value->type != CDC_DOC_ARRAY && value->type != CDC_DOC_OBJECT)
		return false;
	/* maps have it as key and value */
	if (cdc_doc_count(value) == 1)
	{
		cdc_doc_begin(value, &iter);
		return cdc_doc_next(&iter, &key, &element) && is_placeholder(&element);
	}
	return value->type == CDC_DOC_ARRAY ? is_placeholder_numbers(value) :
		is_placeholder_geometry(value);
}

/* Below so many characters base64 of any bytes may well look like hexadecimal digits. */
#define SHORT_HEX			16

/*
 * Bytes as a string: base64, or hexadecimal digits where the connector was told so
 * (binary.handling.mode).  told: the schema says that it was told one or the other; else
 * what looks like the latter is no base64 that chance would make.
 */
static void
set_bytes_form(const CdcDoc *value, bool told, CdcCellType *type)
{
	CdcString	s = value->string;

	if (s.len > 0 && (memchr(s.data, '-', s.len) != NULL || memchr(s.data, '_', s.len) != NULL))
	{
		type->form = CDC_CELL_BASE64_URL;
		return;
	}
	if (s.len == 0 || s.len % 2 != 0 || (!told && s.len % 4 == 0 && s.len < SHORT_HEX))
		return;
	for (size_t i = 0; i < s.len; i++)
		if (!((s.data[i] >= '0' && s.data[i] <= '9') || (s.data[i] >= 'a' && s.data[i] <= 'f')))
			return;
	type->form = s.len % 4 != 0 ? CDC_CELL_HEX : CDC_CELL_UNCLEAR_BYTES;
}

/*
 * Times of MySQL are microseconds by default, and so are timestamps of more than three digits.  Of other
 * sources times up to three digits are milliseconds, too; and SQL Server's of seven, which is what
 * its types have by default, are nanoseconds, and fit a column of six digits as well.
 */
static void
set_time_unit(const CdcEnvelope *env, const CdcColumnHint *hint, CdcCellType *type)
{
	bool		short_time = hint->fsp >= 0 && hint->fsp <= 3;
	CdcDoc		source;
	CdcString	connector;

	if ((type->form != CDC_CELL_TIME_MICROS && type->form != CDC_CELL_DATETIME_NUMBER) ||
		!cdc_doc_find_type(&env->body, "source", CDC_DOC_OBJECT, &source))
		return;
	connector = cdc_doc_find_string(&source, "connector");
	if (cdc_string_is(connector, "sqlserver") && !short_time)
	{
		type->form = CDC_CELL_UNCLEAR;
		type->nanos = true;
	}
	else if (type->form == CDC_CELL_TIME_MICROS && connector.len > 0 && !is_mysql(env) && !hint->duration)
		type->form = short_time ? CDC_CELL_TIME_MILLIS : hint->fsp < 0 ? CDC_CELL_UNCLEAR : CDC_CELL_TIME_MICROS;
}

/* Without a schema: by the receiver's column, and what the connector is. */
static void
set_form_by_hint(const CdcEnvelope *env, const CdcColumnHint *hint, const CdcDoc *value,
				 CdcCellType *type)
{
	cdc_cell_by_hint(hint, value, type);
	if (hint->kind == CDC_HINT_BYTES && value->type == CDC_DOC_STRING)
		set_bytes_form(value, false, type);
	set_time_unit(env, hint, type);
}

/*
 * The scale is part of the value: a Decimal whose schema lacks it, or has something that
 * is none, is not the number that its digits would make.
 */
static CdcStatus
decimal_scale(const CdcDoc *field, CdcCell *cell, CdcError *err)
{
	const int	none = INT_MIN;
	int			scale = parameter(field, "scale", none);

	if (scale == none)
	{
		cdc_error(err, CDC_ERR_VALUE, "scale of the number in column \"%.*s\" is not known",
				  cdc_clip(cell->name, 200), cell->name.data);
		cdc_error_detail(err, "The schema of a Decimal has a parameter \"scale\", a whole number.");
		return CDC_ERR_VALUE;
	}
	cell->type.scale = scale;
	return CDC_OK;
}

/* Whether the schema is one that lacks the names of types, and could lack one here. */
static bool
is_unnamed(const CdcDoc *field)
{
	CdcDoc		v;

	return cdc_doc_find_type(field, "unnamed", CDC_DOC_TRUE, &v);
}

/*
 * Whether the receiver's column says what a value is, though there is a schema: one that
 * lacks the names of types.  Strings for bytes and numbers are what they are all the same.
 */
static bool
is_for_receiver(const CdcDoc *field, const CdcColumnHint *hint, const CdcDoc *value)
{
	return hint != NULL && is_unnamed(field) &&
		!(value->type == CDC_DOC_STRING &&
		  (hint->kind == CDC_HINT_BYTES || hint->kind == CDC_HINT_DECIMAL ||
		   hint->kind == CDC_HINT_INTEGER));
}

CdcStatus
cdc_debezium_cell_type(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field,
					   const CdcColumnHint *hint, CdcCell *cell, CdcError *err)
{
	CdcCellType *type = &cell->type;
	int			semantic;

	(void) arena;
	if (field->type != CDC_DOC_OBJECT)
	{
		if (hint != NULL && env->fields.type != CDC_DOC_ARRAY)
			set_form_by_hint(env, hint, &cell->value, type);
		type->keep_srid = !is_mysql(env);
		return CDC_OK;
	}
	semantic = find_semantic_type(field);
	if (semantic >= 0)
	{
		type->form = semantic_types[semantic].form;
		/* numbers are told as they are, with the JSON converter's decimal.format NUMERIC */
		if (type->form == CDC_CELL_DECIMAL_BYTES && cell->value.type == CDC_DOC_STRING)
			return decimal_scale(field, cell, err);
		if (type->form == CDC_CELL_BITS)
			type->scale = parameter(field, "length", 0);
		else if (type->form == CDC_CELL_GEOMETRY)
		{
			type->keep_srid = !is_mysql(env);
			type->bytes = hint != NULL && hint->kind == CDC_HINT_BYTES;
			type->ewkb = type->bytes || (hint != NULL && hint->kind == CDC_HINT_GEOMETRY);
			type->hex = hint != NULL && hint->kind == CDC_HINT_OTHER;
			if (hint != NULL && hint->kind == CDC_HINT_JSON)
				type->form = CDC_CELL_AS_IS;
		}
	}
	else if (cell->value.type == CDC_DOC_NUMBER)
	{
		/* bigint.unsigned.handling.mode long, which is the default, wraps around */
		CdcString	source = source_type(field);

		if (cdc_string_is(source, "BIGINT UNSIGNED") ||
			cdc_string_is(source, "BIGINT UNSIGNED ZEROFILL"))
			type->form = CDC_CELL_UNSIGNED;
		else if (source.len == 0 && hint != NULL && cdc_cell_wrapped(hint, &cell->value))
		{
			type->form = CDC_CELL_UNCLEAR;
			type->wrapped = true;
		}
		else if (is_for_receiver(field, hint, &cell->value))
			set_form_by_hint(env, hint, &cell->value, type);
	}
	else if (is_for_receiver(field, hint, &cell->value))
	{
		set_form_by_hint(env, hint, &cell->value, type);
		type->keep_srid = !is_mysql(env);
	}
	else if (hint != NULL && cell->value.type == CDC_DOC_STRING &&
			 (hint->kind == CDC_HINT_DECIMAL || hint->kind == CDC_HINT_INTEGER))
		type->form = CDC_CELL_NUMBER_TEXT;	/* decimal.handling.mode string */
	else if (hint != NULL && cell->value.type == CDC_DOC_STRING &&
			 hint->kind == CDC_HINT_BYTES && cdc_string_is(cdc_doc_find_string(field, "type"), "string"))
		set_bytes_form(&cell->value, true, type);
	return CDC_OK;
}

bool
cdc_debezium_items(const CdcDoc *field, const CdcDoc *value, CdcDoc *items)
{
	int			semantic;

	if (value->type != CDC_DOC_ARRAY || field->type != CDC_DOC_OBJECT ||
		!cdc_doc_find_type(field, "items", CDC_DOC_OBJECT, items))
		return false;
	semantic = find_semantic_type(items);
	return semantic >= 0 ? semantic_types[semantic].form != CDC_CELL_AS_IS :
		cdc_string_is(cdc_doc_find_string(items, "type"), "array");
}

/* ---- definitions ---- */

/*
 * Whether the word is the name of a type of MySQL as it shows it itself.  The connector passes on
 * words of DDL as they were written (REAL, SERIAL, BOOL, NCHAR), of which the schema tells more.
 */
static bool
is_own_name(const char *word)
{
	static const char *const names[] = {
		"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year", "decimal", "numeric", "float",
		"double", "bit", "date", "datetime", "timestamp", "time", "char", "varchar", "tinytext", "text",
		"mediumtext", "longtext", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "enum",
		"set", "json", "vector", "uuid", "inet4", "inet6", NULL
	};

	return cdc_type_is_one_of(word, names) || cdc_is_geometry_type(word);
}

/*
 * "DECIMAL UNSIGNED" with its length and scale as MySQL writes it: "decimal(20,4)
 * unsigned".  false: it is not one of MySQL's types that say all.
 */
static bool
type_of_source(CdcArena *arena, const CdcDoc *field, CdcColumn *parsed, CdcBuf *buf)
{
	static const char *const with_length[] = {
		"char", "varchar", "binary", "varbinary", "bit", "datetime", "timestamp", "time", "tinyint",
		NULL
	};
	CdcString	source = source_type(field);
	int			length = parameter(field, "__debezium.source.column.length", -1);
	int			scale = parameter(field, "__debezium.source.column.scale", -1);
	char		word[32];
	size_t		n = 0;
	size_t		i;
	CdcError	ignored;
	bool		ok;

	while (n < source.len && n + 1 < sizeof(word) && source.data[n] != ' ' &&
		   source.data[n] != '(')
	{
		word[n] = (char) tolower((unsigned char) source.data[n]);
		n++;
	}
	word[n] = '\0';
	/* the number of bits says which of the two it is; with a scale it counts digits */
	if (strcmp(word, "float") == 0 && length > 24 && scale < 0)
		ok = cdc_buf_append(buf, "double", 6);
	else
		ok = n > 0 && cdc_buf_append(buf, word, n);
	if ((strcmp(word, "decimal") == 0 || strcmp(word, "numeric") == 0) && length > 0)
		ok = ok && cdc_buf_printf(buf, "(%d,%d)", length, scale < 0 ? 0 : scale);
	else if (length > 0 && cdc_type_is_one_of(word, with_length))
		ok = ok && cdc_buf_printf(buf, "(%d)", length);
	else if (strcmp(word, "set") == 0)
		ok = ok && cdc_buf_append(buf, "('')", 4);
	else if (strcmp(word, "enum") == 0)
	{
		cdc_buf_reset(buf);
		ok = cdc_buf_append(buf, "longtext", 8);
	}
	for (i = n; ok && i < source.len; i++)
	{
		char		c = (char) tolower((unsigned char) source.data[i]);

		ok = cdc_buf_append(buf, &c, 1);
	}
	if (!ok || !cdc_buf_append(buf, "", 1))
		return false;
	memset(parsed, 0, sizeof(*parsed));
	return cdc_column_type_parse(arena, buf->data, parsed, &ignored) == CDC_OK &&
		parsed->data_type != NULL && is_own_name(parsed->data_type);
}

/* What the semantic type says. */
static void
column_by_semantic_type(const CdcDoc *field, int semantic, CdcBuf *buf)
{
	int			scale = parameter(field, "scale", 0);
	int			precision = parameter(field, "connect.decimal.precision", 0);

	if (semantic_types[semantic].column_type != NULL)
	{
		(void) cdc_buf_printf(buf, "%s", semantic_types[semantic].column_type);
		return;
	}
	switch (semantic_types[semantic].form)
	{
		case CDC_CELL_DECIMAL_BYTES:
			if (precision > 0 && precision <= 65 && scale >= 0 && scale <= precision &&
				scale <= 30)
				(void) cdc_buf_printf(buf, "decimal(%d,%d)", precision, scale);
			else
				(void) cdc_buf_printf(buf, CDC_TYPE_NUMBER);
			break;
		case CDC_CELL_DECIMAL_STRUCT:
			(void) cdc_buf_printf(buf, CDC_TYPE_NUMBER);
			break;
		case CDC_CELL_BITS:
			if (parameter(field, "length", 0) > 0 && parameter(field, "length", 0) <= 64)
				(void) cdc_buf_printf(buf, "bit(%d)", parameter(field, "length", 0));
			else
				(void) cdc_buf_printf(buf, "longtext");
			break;
		default:
			(void) cdc_buf_printf(buf, "json");
			break;
	}
}

static void
column_by_plain_type(const CdcDoc *field, CdcBuf *buf)
{
	CdcString	type = cdc_doc_find_string(field, "type");

	for (size_t i = 0; i < COUNT(plain_types); i++)
		if (cdc_string_is(type, plain_types[i].name))
		{
			(void) cdc_buf_printf(buf, "%s", plain_types[i].column_type);
			return;
		}
	(void) cdc_buf_printf(buf, "%s", cdc_string_is(type, "boolean") ? CDC_TYPE_BOOLEAN : "json");
}

/*
 * Whether the receiver of a source's type takes what the connector sends of it.  Bytes
 * that come as strings are kept as such: which form they have cannot be told of each.
 */
static bool
fits(const CdcDoc *field, const CdcColumn *parsed)
{
	static const char *const binary[] = {
		"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", NULL
	};
	CdcString	type = cdc_doc_find_string(field, "type");

	if (cdc_string_is(type, "string") && cdc_type_is_one_of(parsed->data_type, binary))
		return false;

	if (cdc_string_is(type, "struct"))
		return cdc_is_geometry_type(parsed->data_type);
	return !cdc_string_is(type, "boolean") || strcmp(parsed->data_type, "bit") == 0;
}

CdcStatus
cdc_debezium_column(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field, const CdcCell *cell,
					CdcEnvelopeColumn *column, CdcError *err)
{
	CdcBuf		buf = {0};
	CdcColumn	parsed;
	CdcDoc		v;
	int			semantic;

	(void) cell;
	if (field->type != CDC_DOC_OBJECT)
		return CDC_OK;
	/* a number that may be a date says nothing against the receiver's column */
	column->told = !is_unnamed(field);
	column->nullable = cdc_doc_find_type(field, "optional", CDC_DOC_TRUE, &v);
	semantic = find_semantic_type(field);
	/* other databases have types of the same names that mean something else */
	if (!is_mysql(env) || !type_of_source(arena, field, &parsed, &buf) || !fits(field, &parsed))
	{
		cdc_buf_reset(&buf);
		if (semantic >= 0)
			column_by_semantic_type(field, semantic, &buf);
		else
			column_by_plain_type(field, &buf);
	}
	column->column_type = cdc_arena_strndup(arena, buf.data != NULL ? buf.data : "",
											buf.len > 0 && buf.data[buf.len - 1] == '\0' ?
											buf.len - 1 : buf.len);
	cdc_buf_free(&buf);
	return column->column_type != NULL ? CDC_OK :
		cdc_error(err, CDC_ERR_NOMEM, "out of memory for a definition");
}
