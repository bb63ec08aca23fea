/*-------------------------------------------------------------------------
 *
 * format_canal.c
 *	  Changes as Canal's flat messages (canal.mq.flatMessage = true): all values as text,
 *	  enum and set as numbers, bytes as characters of ISO 8859-1, types in mysqlType.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "utils/timestamp.h"

#include "pg/base/epoch.h"

/* The number of an enum's member, from 1; 0: it has none of that name. */
static uint64
member_number(const CdcColumn *column, CdcString name)
{
	int			i;

	for (i = 0; i < column->nmembers; i++)
		if (column->members[i].len == name.len &&
			memcmp(column->members[i].data, name.data, name.len) == 0)
			return (uint64) i + 1;
	return 0;
}

static void
put_number(CdcSink *sink, uint64 n)
{
	char		buf[32];
	int			len = snprintf(buf, sizeof(buf), UINT64_FORMAT, n);

	cdc_publish_check(sink->ops->string(sink, buf, (size_t) len));
}

/* A set as the number whose bits are its members; false: one is not known. */
static bool
set_number(const CdcColumn *column, const CdcDoc *value, uint64 *n)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		member;

	*n = 0;
	cdc_doc_begin(value, &iter);
	while (cdc_doc_next(&iter, &key, &member))
	{
		uint64		number = member.type == CDC_DOC_STRING ? member_number(column, member.string) : 0;

		if (number == 0 || number > 64)
			return false;
		*n |= UINT64CONST(1) << (number - 1);
	}
	return true;
}

/* Each byte as the character of its number. */
static void
put_latin1(CdcSink *sink, const uint8 *bytes, size_t len)
{
	char	   *text = palloc(len * 2 + 1);
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		if (bytes[i] >= 0x80)
		{
			text[n++] = (char) (0xC0 | bytes[i] >> 6);
			text[n++] = (char) (0x80 | (bytes[i] & 0x3F));
		}
		else
			text[n++] = (char) bytes[i];
	}
	cdc_publish_check(sink->ops->string(sink, text, n));
}

/* As MySQL stores it: an SRID, which the source's events do not have, and WKB. */
static void
put_geometry(CdcPublishChange *change, CdcSink *sink, const CdcPublishColumn *column,
			 const CdcDoc *value)
{
	size_t		len;
	const uint8 *wkb;
	uint8	   *stored;

	if (value->type != CDC_DOC_STRING)
		cdc_publish_refuse(change, column, "a geometry of another tool");
	wkb = cdc_publish_wkb(change, column, value->string, &len);
	stored = palloc0(len + 4);
	memcpy(stored + 4, wkb, len);
	put_latin1(sink, stored, len + 4);
}

static void
put_value(CdcPublishChange *change, const CdcPublishColumn *column, const CdcDoc *value)
{
	CdcSink    *sink = &change->publisher->value->sink;
	uint64		n;
	size_t		len;

	if (value->type == CDC_DOC_NULL)
		cdc_publish_check(sink->ops->null(sink));
	else if (column->kind == CDC_VALUE_GEOMETRY)
		put_geometry(change, sink, column, value);
	else if (column->kind == CDC_VALUE_BYTES && value->type == CDC_DOC_STRING)
	{
		const uint8 *bytes = cdc_publish_bytes(column, value->string, &len);

		if (column->source == NULL)
			cdc_publish_check(cdc_doc_emit(value, sink));
		else
			put_latin1(sink, bytes, len);
	}
	else if (column->kind == CDC_VALUE_SET && column->source != NULL &&
			 set_number(column->source, value, &n))
		put_number(sink, n);
	else if (column->kind == CDC_VALUE_SET && value->type == CDC_DOC_ARRAY)
		cdc_publish_check(cdc_doc_emit(value, sink));
	else if (column->kind == CDC_VALUE_ENUM && column->source != NULL &&
			 value->type == CDC_DOC_STRING)
		put_number(sink, member_number(column->source, value->string));
	else if (column->kind == CDC_VALUE_BIT && cdc_publish_bits(column, value, &n))
		put_number(sink, n);
	else if (value->type == CDC_DOC_STRING && column->kind != CDC_VALUE_JSON)
		cdc_publish_check(cdc_doc_emit(value, sink));
	else if ((value->type == CDC_DOC_TRUE || value->type == CDC_DOC_FALSE) && column->kind != CDC_VALUE_JSON)
		put_number(sink, value->type == CDC_DOC_TRUE ? 1 : 0);	/* as MySQL has them */
	else
	{
		char	   *text = cdc_publish_json_text(value, &len);

		cdc_publish_check(sink->ops->string(sink, text, len));
	}
}

static void
put_row(CdcPublishChange *change, const CdcPublishRow *row)
{
	CdcSink    *sink = &change->publisher->value->sink;
	CdcPublishRowIter iter;
	CdcPublishColumn column;
	CdcString	name;
	CdcDoc		value;

	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_row_begin(change, row, &iter);
	while (cdc_publish_row_next(&iter, &name, &value))
	{
		cdc_publish_column(change, name, &column);
		cdc_publish_check(sink->ops->key(sink, name.data, name.len));
		put_value(change, &column, &value);
	}
	cdc_publish_check(sink->ops->end_object(sink));
}

/* Former values of what has changed. */
static void
put_old(CdcPublishChange *change)
{
	CdcSink    *sink = &change->publisher->value->sink;
	CdcPublishRow old = {&change->old, NULL};

	cdc_publish_check(sink->ops->key(sink, "old", 3));
	if (change->event->op != 'u')
	{
		cdc_publish_check(sink->ops->null(sink));
		return;
	}
	cdc_publish_check(sink->ops->begin_array(sink));
	if (change->old.type == CDC_DOC_OBJECT)
		put_row(change, &old);
	else
	{
		cdc_publish_check(sink->ops->begin_object(sink));
		cdc_publish_check(sink->ops->end_object(sink));
	}
	cdc_publish_check(sink->ops->end_array(sink));
}

/* The type of MySQL whose values a column takes; without digits, where others do as well. */
static const char *
type_of_hint(const CdcColumnHint *hint)
{
	static const char *const types[] = {
		[CDC_HINT_TEXT] = "longtext",[CDC_HINT_INTEGER] = "bigint",[CDC_HINT_DECIMAL] = "decimal",
		[CDC_HINT_BOOLEAN] = "tinyint(1)",[CDC_HINT_FLOAT] = "double",[CDC_HINT_DATE] = "date",
		[CDC_HINT_TIME] = "time",[CDC_HINT_DATETIME] = "datetime",[CDC_HINT_TIMESTAMP] = "timestamp",
		[CDC_HINT_JSON] = "json"
	};

	if (hint->kind == CDC_HINT_BIT && hint->precision > 0 && hint->precision <= 64)
		return psprintf("bit(%d)", hint->precision);
	return (size_t) hint->kind < lengthof(types) && types[hint->kind] != NULL ? types[hint->kind] : "varchar";
}

/*
 * The type of MySQL of a column that others than MySQL have defined, or nobody: by its target.  NULL:
 * its values, as they are, are read by the column that takes them.
 */
static const char *
type_by_target(const CdcPublishChange *change, CdcString name, const CdcColumn *source)
{
	CdcColumnHint hint;
	bool		hinted = cdc_publish_target_hint(change->publisher, change->event, name, &hint);

	if (hinted && (hint.kind == CDC_HINT_BIT || hint.kind == CDC_HINT_BOOLEAN))
		return type_of_hint(&hint);
	if (source == NULL)
		return NULL;
	if (strcmp(source->data_type, "boolean") == 0)
		return "tinyint(1)";
	if (strcmp(source->data_type, "array") == 0)
		return "json";
	if (strcmp(source->data_type, "timetz") == 0)
		return "varchar";
	return hinted ? type_of_hint(&hint) : strcmp(source->data_type, "number") == 0 ? "decimal" : "longtext";
}

static bool
is_mysql_type(const CdcColumn *source)
{
	static const char *const others[] = {"number", "boolean", "array", "timetz", "string"};
	size_t		i;

	for (i = 0; source->data_type != NULL && i < lengthof(others); i++)
		if (strcmp(source->data_type, others[i]) == 0)
			return false;
	return true;
}

/* Types of columns, as far as they are known. */
static void
put_types(CdcPublishChange *change)
{
	CdcJsonText *text = change->publisher->value;
	const CdcTable *table = change->definition;
	CdcPublishRowIter iter;
	CdcString	name;
	CdcDoc		value;
	const char *type;
	int			i;

	cdc_publish_check(text->sink.ops->key(&text->sink, "mysqlType", 9));
	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	for (i = 0; table != NULL && i < table->ncolumns; i++)
	{
		const CdcColumn *column = &table->columns[i];

		name.data = column->name;
		name.len = strlen(column->name);
		type = is_mysql_type(column) ? column->column_type : type_by_target(change, name, column);
		cdc_publish_put_text(text, column->name, type, strlen(type));
	}
	if (table == NULL)
	{
		cdc_publish_row_begin(change, &change->row, &iter);
		while (cdc_publish_row_next(&iter, &name, &value))
			if ((type = type_by_target(change, name, NULL)) != NULL)
				cdc_publish_put_text(text, pnstrdup(name.data, name.len), type, strlen(type));
	}
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
}

/* Names of the key's columns, and types. */
static void
put_definition(CdcPublishChange *change)
{
	CdcJsonText *text = change->publisher->value;
	CdcSink    *sink = &text->sink;
	int			i;

	cdc_publish_check(sink->ops->key(sink, "pkNames", 7));
	if (change->key->n == 0)
		cdc_publish_check(sink->ops->null(sink));
	else
	{
		cdc_publish_check(sink->ops->begin_array(sink));
		for (i = 0; i < change->key->n; i++)
			cdc_publish_check(sink->ops->string(sink, change->key->columns[i],
												strlen(change->key->columns[i])));
		cdc_publish_check(sink->ops->end_array(sink));
	}
	put_types(change);
}

/* What every message has. */
static void
put_head(CdcPublisher *publisher, const CdcPublishEvent *event, const char *type, bool ddl)
{
	CdcJsonText *text = publisher->value;
	CdcSink    *sink = &text->sink;

	cdc_publish_check(sink->ops->key(sink, "id", 2));
	cdc_publish_check(sink->ops->int64(sink, event->seq));
	cdc_publish_put_text(text, "database", event->database.data, event->database.len);
	cdc_publish_put_text(text, "table", event->table.data, event->table.len);
	cdc_publish_put_text(text, "type", type, strlen(type));
	cdc_publish_check(sink->ops->key(sink, "isDdl", 5));
	cdc_publish_check(sink->ops->boolean(sink, ddl));
	cdc_publish_put_text(text, "sql", "", 0);
	cdc_publish_check(sink->ops->key(sink, "es", 2));
	cdc_publish_check(sink->ops->int64(sink, event->source_us / 1000));
	cdc_publish_check(sink->ops->key(sink, "ts", 2));
	cdc_publish_check(sink->ops->int64(sink, cdc_unix_ms(GetCurrentTimestamp())));
}

void
cdc_publish_canal(CdcPublishChange *change)
{
	CdcJsonText *text = change->publisher->value;
	CdcSink    *sink = &text->sink;
	char		op = change->event->op;

	cdc_json_text_reset(text);
	cdc_publish_check(sink->ops->begin_object(sink));
	put_head(change->publisher, change->event, op == 'd' ? "DELETE" : op == 'u' ? "UPDATE" : "INSERT",
			 false);
	put_definition(change);
	cdc_publish_check(sink->ops->key(sink, "data", 4));
	cdc_publish_check(sink->ops->begin_array(sink));
	put_row(change, &change->row);
	cdc_publish_check(sink->ops->end_array(sink));
	put_old(change);
	cdc_publish_check(sink->ops->end_object(sink));
	cdc_publish_value(change, &change->row);
}

void
cdc_publish_canal_truncate(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcSink    *sink = &publisher->value->sink;

	cdc_json_text_reset(publisher->value);
	cdc_publish_check(sink->ops->begin_object(sink));
	put_head(publisher, event, "TRUNCATE", true);
	cdc_publish_check(sink->ops->end_object(sink));
}
