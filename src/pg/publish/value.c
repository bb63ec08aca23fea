/*-------------------------------------------------------------------------
 *
 * value.c
 *	  The columns of a row for formats of other tools: what the source says of their types,
 *	  and their values in the order that its table has.
 *
 * Where the source's definition is not known, as of a table whose messages do not tell
 * types, the target's columns say what values are, else the values themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "utils/builtins.h"

#include "core/base64.h"
#include "core/geometry.h"
#include "pg/base/utf8.h"

#define WKB_KEPT_BYTES		((size_t) 64 * 1024)

static const struct
{
	const char *data_type;
	CdcPublishKind kind;
}			kinds[] = {
	{"tinyint", CDC_VALUE_INTEGER}, {"smallint", CDC_VALUE_INTEGER},
	{"mediumint", CDC_VALUE_INTEGER}, {"int", CDC_VALUE_INTEGER},
	{"bigint", CDC_VALUE_INTEGER}, {"decimal", CDC_VALUE_DECIMAL},
	{"float", CDC_VALUE_FLOAT}, {"double", CDC_VALUE_DOUBLE}, {"date", CDC_VALUE_DATE},
	{"time", CDC_VALUE_TIME}, {"datetime", CDC_VALUE_DATETIME},
	{"timestamp", CDC_VALUE_TIMESTAMP}, {"year", CDC_VALUE_YEAR},
	{"binary", CDC_VALUE_BYTES}, {"varbinary", CDC_VALUE_BYTES},
	{"tinyblob", CDC_VALUE_BYTES}, {"blob", CDC_VALUE_BYTES},
	{"mediumblob", CDC_VALUE_BYTES}, {"longblob", CDC_VALUE_BYTES},
	{"bit", CDC_VALUE_BIT}, {"enum", CDC_VALUE_ENUM}, {"set", CDC_VALUE_SET},
	{"json", CDC_VALUE_JSON}, {"char", CDC_VALUE_TEXT}, {"varchar", CDC_VALUE_TEXT},
	{"tinytext", CDC_VALUE_TEXT}, {"text", CDC_VALUE_TEXT},
	{"mediumtext", CDC_VALUE_TEXT}, {"longtext", CDC_VALUE_TEXT}, {"string", CDC_VALUE_TEXT},
	{"timetz", CDC_VALUE_TEXT}, {"array", CDC_VALUE_JSON}
};

/* By the source's definition. */
static void
by_definition(const CdcColumn *source, CdcPublishColumn *column)
{
	size_t		i;

	column->source = source;
	column->fsp = source->fsp;
	column->scale = source->scale;
	column->nullable = source->nullable;
	column->bits = Max((int) source->length, 1);
	if (source->data_type != NULL && cdc_is_geometry_type(source->data_type))
		column->kind = CDC_VALUE_GEOMETRY;
	else
		for (i = 0; i < lengthof(kinds); i++)
			if (source->data_type != NULL && strcmp(kinds[i].data_type, source->data_type) == 0)
				column->kind = kinds[i].kind;
}

/* By what the target's column takes. */
static void
by_hint(const CdcColumnHint *hint, CdcPublishColumn *column)
{
	static const CdcPublishKind of_hint[] = {
		[CDC_HINT_TEXT] = CDC_VALUE_TEXT,[CDC_HINT_BYTES] = CDC_VALUE_BYTES,
		[CDC_HINT_DECIMAL] = CDC_VALUE_DECIMAL,[CDC_HINT_FLOAT] = CDC_VALUE_DOUBLE,
		[CDC_HINT_DATE] = CDC_VALUE_DATE,[CDC_HINT_TIME] = CDC_VALUE_TIME,
		[CDC_HINT_DATETIME] = CDC_VALUE_DATETIME,[CDC_HINT_TIMESTAMP] = CDC_VALUE_TIMESTAMP,
		[CDC_HINT_JSON] = CDC_VALUE_JSON,[CDC_HINT_ARRAY] = CDC_VALUE_SET,
		[CDC_HINT_GEOMETRY] = CDC_VALUE_GEOMETRY
	};

	if ((size_t) hint->kind < lengthof(of_hint) && of_hint[hint->kind] != CDC_VALUE_ANY)
		column->kind = of_hint[hint->kind];
	column->bits = hint->precision;
	if (hint->kind == CDC_HINT_BIT && column->bits >= 1 && column->bits <= 64)
		column->kind = CDC_VALUE_BIT;
	if (hint->kind == CDC_HINT_FLOAT && hint->precision <= 24)
		column->kind = CDC_VALUE_FLOAT;
	column->fsp = hint->fsp >= 0 ? hint->fsp : 6;
	column->scale = hint->scale;
}

/*
 * Messages of Kafka tell at most that a time has up to six digits of a second, and readers of
 * numbers without schemas go by their column: so does what is written for them.
 */
static void
take_precision(const CdcPublishChange *change, CdcPublishColumn *column)
{
	const CdcPublisher *publisher = change->publisher;
	CdcColumnHint hint;

	if (column->kind == CDC_VALUE_DATETIME && publisher->publication->sub->kind == CDC_SERVER_KAFKA &&
		!publisher->publication->opt.schemas &&
		cdc_publish_target_hint(publisher, change->event, column->name, &hint) &&
		hint.kind == CDC_HINT_DATETIME && hint.fsp >= 0)
		column->fsp = hint.fsp;
}

/*
 * Whether a definition, which messages have told, says less of a column than its target does: that
 * it has numbers, or texts that may be values of any type.
 */
static bool
is_vague(const CdcColumn *source)
{
	return source->data_type != NULL && (strcmp(source->data_type, "number") == 0 ||
										 strcmp(source->data_type, "string") == 0);
}

void
cdc_publish_column(const CdcPublishChange *change, CdcString name, CdcPublishColumn *column)
{
	const CdcTable *table = change->definition;
	CdcColumnHint hint;
	int			i;

	memset(column, 0, sizeof(*column));
	column->name = name;
	column->fsp = 6;
	column->scale = -1;
	column->nullable = true;
	for (i = 0; table != NULL && i < table->ncolumns; i++)
		if (cdc_string_is(name, table->columns[i].name))
		{
			if (is_vague(&table->columns[i]) &&
				cdc_publish_target_hint(change->publisher, change->event, name, &hint))
			{
				by_hint(&hint, column);
				column->nullable = table->columns[i].nullable;
				return;
			}
			by_definition(&table->columns[i], column);
			take_precision(change, column);
			return;
		}
	if (cdc_publish_target_hint(change->publisher, change->event, name, &hint))
		by_hint(&hint, column);
}

/* ---- rows ---- */

/* A column's value, with former values over the present ones where the row has such. */
static bool
row_value(const CdcPublishRow *row, const char *name, size_t len, CdcDoc *value)
{
	return (row->old != NULL && cdc_doc_get(row->old, name, len, value)) ||
		cdc_doc_get(row->data, name, len, value);
}

/* Whether all members of the row are columns of the definition. */
static bool
is_defined(const CdcTable *table, const CdcDoc *data)
{
	CdcDoc		value;
	size_t		found = 0;
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		found += cdc_doc_find(data, table->columns[i].name, &value) ? 1 : 0;
	return found == cdc_doc_count(data);
}

void
cdc_publish_row_begin(const CdcPublishChange *change, const CdcPublishRow *row,
					  CdcPublishRowIter *iter)
{
	memset(iter, 0, sizeof(*iter));
	iter->row = row;
	if (change->definition != NULL && is_defined(change->definition, row->data))
		iter->table = change->definition;
	else
		cdc_doc_begin(row->data, &iter->members);
}

/* A -0, of which events have a string, as the number that it is. */

static CdcString
negative_zero_digits(const CdcDoc *number)
{
	return (CdcString) {"-0", 2};
}

static bool
negative_zero_int64(const CdcDoc *number, int64_t *value)
{
	*value = 0;
	return true;
}

static CdcStatus
emit_negative_zero(const CdcDoc *number, CdcSink *sink)
{
	return sink->ops->decimal(sink, "-0", 2);
}

static void
read_negative_zero(const CdcColumn *column, CdcDoc *value)
{
	static const CdcDocOps number = {
		.number = negative_zero_digits,
		.int64 = negative_zero_int64,
		.emit_number = emit_negative_zero
	};

	if (value->type != CDC_DOC_STRING || !cdc_string_is(value->string, "-0") ||
		column->data_type == NULL ||
		(strcmp(column->data_type, "double") != 0 && strcmp(column->data_type, "float") != 0))
		return;
	memset(value, 0, sizeof(*value));
	value->ops = &number;
	value->type = CDC_DOC_NUMBER;
}

bool
cdc_publish_row_next(CdcPublishRowIter *iter, CdcString *name, CdcDoc *value)
{
	CdcDoc		former;

	while (iter->table != NULL && iter->next < iter->table->ncolumns)
	{
		const CdcColumn *column = &iter->table->columns[iter->next++];

		name->data = column->name;
		name->len = strlen(name->data);
		if (row_value(iter->row, name->data, name->len, value))
		{
			read_negative_zero(column, value);
			return true;
		}
	}
	if (iter->table != NULL || !cdc_doc_next(&iter->members, name, value))
		return false;
	if (iter->row->old != NULL && cdc_doc_get(iter->row->old, name->data, name->len, &former))
		*value = former;
	return true;
}

const char *
cdc_publish_missing_column(const CdcPublishChange *change)
{
	const CdcTable *table = change->definition;
	CdcDoc		value;
	int			i;

	if (change->lacks != NULL)
		return change->lacks;
	/* messages that tell no types may have of an update what has changed */
	if (table == NULL)
		return change->event->op == 'u' ? cdc_publish_target_missing(change) : NULL;
	if (cdc_doc_count(change->row.data) >= table->ncolumns)
		return NULL;
	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcColumn *column = &table->columns[i];

		/* some servers never log what they generate */
		if (!(column->generated && column->pk_index < 0) &&
			!cdc_doc_find(change->row.data, column->name, &value))
			return column->name;
	}
	return NULL;
}

char *
cdc_publish_untold(const CdcPublishEvent *event, const char *column)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		names;
	CdcDoc		name;

	if (event->op != 'u' || !event->has_doc || !cdc_doc_find(&event->doc, "old_absent", &names))
		return NULL;
	cdc_doc_begin(&names, &iter);
	while (cdc_doc_next(&iter, &key, &name))
		if (cdc_doc_is(&name, CDC_DOC_STRING) && (column == NULL || cdc_string_is(name.string, column)))
			return pnstrdup(name.string.data, name.string.len);
	return NULL;
}

void
cdc_publish_check_whole(const CdcPublishChange *change)
{
	const char *column = cdc_publish_missing_column(change);
	CdcPublisher *publisher = change->publisher;

	if (column == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("an update of the key in %s does not tell column \"%s\"",
					change->event->source_table, cdc_from_utf8(column)),
			 errdetail("In format %s it is a delete and an insert, which would be of a part of the row.",
					   cdc_publish_format_name(publisher->publication->format)),
			 errhint("Publish in format maxwell, goldengate_op, canal or quix with the option key_change = update, to topics of one partition; or let the source tell whole rows (MySQL: binlog_row_image FULL) and go on behind this event: SELECT cdc.drop_publication(%s); and cdc.publish(...) as before with from_seq := " INT64_FORMAT ".",
					 quote_literal_cstr(publisher->publication->name), change->event->seq + 1)));
}

/* ---- values ---- */

char *
cdc_publish_json_text(const CdcDoc *value, size_t *len)
{
	CdcJsonText text;
	char	   *copy;
	CdcStatus	st;

	cdc_json_text_init(&text);
	st = cdc_doc_emit(value, &text.sink);
	*len = text.buf.len;
	copy = pnstrdup(text.buf.data != NULL ? text.buf.data : "", text.buf.len);
	cdc_json_text_free(&text);
	cdc_publish_check(st);
	return copy;
}

uint8 *
cdc_publish_bytes(const CdcPublishColumn *column, CdcString base64, size_t *len)
{
	uint8	   *bytes = palloc(base64.len / 4 * 3 + 4);
	ssize_t		n = cdc_base64_decode(base64.data, base64.len, bytes);

	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("value of column \"%.*s\" is no base64", (int) column->name.len,
						column->name.data)));
	*len = (size_t) n;
	return bytes;
}

const uint8 *
cdc_publish_wkb(const CdcPublishChange *change, const CdcPublishColumn *column, CdcString text,
				size_t *len)
{
	static CdcBuf wkb;			/* malloc'ed: what an ERROR leaves is used again */
	CdcError	err;
	CdcStatus	st;

	if (wkb.cap > WKB_KEPT_BYTES)
		cdc_buf_free(&wkb);
	cdc_buf_reset(&wkb);
	st = cdc_geometry_ewkb(text.data, text.len, &wkb, &err);
	if (st == CDC_ERR_VALUE)
		cdc_publish_refuse(change, column, "a geometry that is no WKT");
	cdc_publish_check(st);
	*len = wkb.len;
	return (const uint8 *) wkb.data;
}

void
cdc_publish_refuse(const CdcPublishChange *change, const CdcPublishColumn *column, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s in column \"%.*s\" cannot be published in format %s", what,
					(int) column->name.len, column->name.data,
					cdc_publish_format_name(change->publisher->publication->format)),
			 errhint("Publish the table in format maxwell or json, or leave it out with the option exclude.")));
}

/*
 * Values of formats in which texts are what the source prints: JSON as text, bytes in
 * base64 or, where hex says so, in hexadecimal digits, all else as events have it.
 */
void
cdc_publish_put_plain(CdcPublishChange *change, const CdcPublishColumn *column,
					  const CdcDoc *value, bool hex)
{
	CdcSink    *sink = &change->publisher->value->sink;
	static const char digits[] = "0123456789abcdef";
	size_t		len;
	size_t		i;

	if (value->type == CDC_DOC_NULL)
		cdc_publish_check(sink->ops->null(sink));
	else if (column->kind == CDC_VALUE_JSON)
	{
		char	   *text = cdc_publish_json_text(value, &len);

		cdc_publish_check(sink->ops->string(sink, text, len));
	}
	else if (hex && column->kind == CDC_VALUE_BYTES && value->type == CDC_DOC_STRING)
	{
		uint8	   *bytes = cdc_publish_bytes(column, value->string, &len);
		char	   *text = palloc(len * 2 + 1);

		for (i = 0; i < len; i++)
		{
			text[i * 2] = digits[bytes[i] >> 4];
			text[i * 2 + 1] = digits[bytes[i] & 15];
		}
		cdc_publish_check(sink->ops->string(sink, text, len * 2));
	}
	else
		cdc_publish_check(cdc_doc_emit(value, sink));
}
