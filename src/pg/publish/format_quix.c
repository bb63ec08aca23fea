/*-------------------------------------------------------------------------
 *
 * format_quix.c
 *	  Changes as Quix and others pass on what wal2json writes: kind, schema, table, arrays
 *	  of names and values, the key's former values in oldkeys.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

/* PostgreSQL's name of the type that has a column's values. */
static const char *
type_name(const CdcPublishColumn *column, const CdcDoc *value)
{
	switch (column->kind)
	{
		case CDC_VALUE_INTEGER:
			if (column->source == NULL)
				return "numeric";
			if (strcmp(column->source->data_type, "bigint") == 0)
				return column->source->is_unsigned ? "numeric" : "bigint";
			return strcmp(column->source->data_type, "int") == 0 &&
				column->source->is_unsigned ? "bigint" : "integer";
		case CDC_VALUE_DECIMAL:
			return "numeric";
		case CDC_VALUE_FLOAT:
			return "real";
		case CDC_VALUE_DOUBLE:
			return "double precision";
		case CDC_VALUE_DATE:
			return "date";
		case CDC_VALUE_DATETIME:
			return "timestamp without time zone";
		case CDC_VALUE_TIMESTAMP:
			return "timestamp with time zone";
		case CDC_VALUE_YEAR:
			return "integer";
		case CDC_VALUE_BYTES:
			return "bytea";
		case CDC_VALUE_JSON:
			return "jsonb";
		case CDC_VALUE_BIT:
			return "bit";
		case CDC_VALUE_SET:
			return "text[]";
		case CDC_VALUE_TIME:
		case CDC_VALUE_ENUM:
		case CDC_VALUE_TEXT:
		case CDC_VALUE_GEOMETRY:
		case CDC_VALUE_ANY:
			break;
	}
	if (column->kind == CDC_VALUE_ANY && (value->type == CDC_DOC_TRUE || value->type == CDC_DOC_FALSE))
		return "boolean";
	if (column->kind == CDC_VALUE_ANY && value->type == CDC_DOC_NUMBER)
		return "numeric";
	return "text";
}

typedef enum Part
{
	PART_NAMES, PART_TYPES, PART_VALUES
} Part;

static void
put_part(CdcPublishChange *change, CdcString name, const CdcDoc *value, Part part)
{
	CdcSink    *sink = &change->publisher->value->sink;
	CdcPublishColumn column;

	if (part == PART_NAMES)
	{
		cdc_publish_check(sink->ops->string(sink, name.data, name.len));
		return;
	}
	cdc_publish_column(change, name, &column);
	if (part == PART_TYPES)
	{
		const char *type = type_name(&column, value);

		cdc_publish_check(sink->ops->string(sink, type, strlen(type)));
	}
	else
		cdc_publish_put_plain(change, &column, value, true);
}

/* An array of names, types or values: of the row, or, where key is given, of its columns. */
static void
put_array(CdcPublishChange *change, const char *name, const CdcPublishRow *row,
		  const CdcPublishKey *key, Part part)
{
	CdcSink    *sink = &change->publisher->value->sink;
	CdcPublishRowIter iter;
	CdcString	column;
	CdcDoc		value;
	int			i;

	cdc_publish_check(sink->ops->key(sink, name, strlen(name)));
	cdc_publish_check(sink->ops->begin_array(sink));
	for (i = 0; key != NULL && i < key->n; i++)
	{
		column.data = key->columns[i];
		column.len = strlen(column.data);
		if (cdc_publish_key_value(row, column.data, &value))
			put_part(change, column, &value, part);
	}
	if (key == NULL && row != NULL)
	{
		cdc_publish_row_begin(change, row, &iter);
		while (cdc_publish_row_next(&iter, &column, &value))
			put_part(change, column, &value, part);
	}
	cdc_publish_check(sink->ops->end_array(sink));
}

/* The key's former values; of a table without key the whole former row. */
static void
put_oldkeys(CdcPublishChange *change)
{
	CdcSink    *sink = &change->publisher->value->sink;
	const CdcPublishRow *row = change->event->op == 'd' ? &change->row : &change->former;
	const CdcPublishKey *key = change->key->n > 0 ? change->key : NULL;

	cdc_publish_check(sink->ops->key(sink, "oldkeys", 7));
	cdc_publish_check(sink->ops->begin_object(sink));
	if (change->event->op == 'u' || change->event->op == 'd')
	{
		put_array(change, "keynames", row, key, PART_NAMES);
		if (change->definition != NULL)
			put_array(change, "keytypes", row, key, PART_TYPES);
		put_array(change, "keyvalues", row, key, PART_VALUES);
	}
	cdc_publish_check(sink->ops->end_object(sink));
}

void
cdc_publish_quix_truncate(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcJsonText *text = publisher->value;

	cdc_json_text_reset(text);
	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	cdc_publish_put_text(text, "kind", "truncate", 8);
	cdc_publish_put_text(text, "schema", event->database.data, event->database.len);
	cdc_publish_put_text(text, "table", event->table.data, event->table.len);
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
}

void
cdc_publish_quix(CdcPublishChange *change)
{
	CdcJsonText *text = change->publisher->value;
	CdcSink    *sink = &text->sink;
	char		op = change->event->op;
	const char *kind = op == 'c' ? "insert" : op == 'u' ? "update" : op == 'd' ? "delete" :
		"snapshot_insert";
	const CdcPublishRow *row = op == 'd' ? NULL : &change->row;

	cdc_json_text_reset(text);
	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_put_text(text, "kind", kind, strlen(kind));
	cdc_publish_put_text(text, "schema", change->event->database.data, change->event->database.len);
	cdc_publish_put_text(text, "table", change->event->table.data, change->event->table.len);
	put_array(change, "columnnames", row, NULL, PART_NAMES);
	if (change->definition != NULL)
		put_array(change, "columntypes", row, NULL, PART_TYPES);
	put_array(change, "columnvalues", row, NULL, PART_VALUES);
	put_oldkeys(change);
	if (change->key->n > 0)
	{
		cdc_publish_check(sink->ops->key(sink, "pk", 2));
		cdc_publish_check(sink->ops->begin_object(sink));
		put_array(change, "pknames", &change->row, change->key, PART_NAMES);
		cdc_publish_check(sink->ops->end_object(sink));
	}
	cdc_publish_check(sink->ops->end_object(sink));
	cdc_publish_value(change, &change->row);
}
