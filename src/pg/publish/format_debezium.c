/*-------------------------------------------------------------------------
 *
 * format_debezium.c
 *	  Changes as Debezium's connector for MySQL writes them, with its defaults but for
 *	  bigint.unsigned.handling.mode, which is precise; with the option schemas each message
 *	  and key carries the schema of Kafka Connect's JSON converter.
 *
 * An update that changes the key is a delete and an insert.  A delete is followed by a
 * tombstone where the option tombstones is on.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "utils/timestamp.h"

#include "pg/base/epoch.h"

static CdcSink *
sink_of(CdcJsonText *text)
{
	return &text->sink;
}

/* ---- types ---- */

/* A type of Kafka Connect, and the name of what it means; NULL: itself. */
typedef struct ConnectType
{
	const char *type;
	const char *name;
} ConnectType;

static ConnectType
integer_type(const CdcColumn *source)
{
	ConnectType t = {"int64", NULL};

	if (source == NULL)
		return t;
	if (strcmp(source->data_type, "bigint") == 0)
	{
		t.type = source->is_unsigned ? "bytes" : "int64";
		t.name = source->is_unsigned ? "org.apache.kafka.connect.data.Decimal" : NULL;
	}
	else if (strcmp(source->data_type, "int") == 0)
		t.type = source->is_unsigned ? "int64" : "int32";
	else if (strcmp(source->data_type, "mediumint") == 0 ||
			 (strcmp(source->data_type, "smallint") == 0 && source->is_unsigned))
		t.type = "int32";
	else
		t.type = "int16";
	return t;
}

static ConnectType
connect_type(const CdcPublishColumn *column, const CdcDoc *value)
{
	static const ConnectType types[] = {
		[CDC_VALUE_DECIMAL] = {"bytes", "org.apache.kafka.connect.data.Decimal"},
		[CDC_VALUE_FLOAT] = {"float", NULL},[CDC_VALUE_DOUBLE] = {"double", NULL},
		[CDC_VALUE_DATE] = {"int32", "io.debezium.time.Date"},
		[CDC_VALUE_TIME] = {"int64", "io.debezium.time.MicroTime"},
		[CDC_VALUE_TIMESTAMP] = {"string", "io.debezium.time.ZonedTimestamp"},
		[CDC_VALUE_YEAR] = {"int32", "io.debezium.time.Year"},
		[CDC_VALUE_BYTES] = {"bytes", NULL},[CDC_VALUE_BIT] = {"bytes", "io.debezium.data.Bits"},
		[CDC_VALUE_ENUM] = {"string", "io.debezium.data.Enum"},
		[CDC_VALUE_SET] = {"string", "io.debezium.data.EnumSet"},
		[CDC_VALUE_JSON] = {"string", "io.debezium.data.Json"},
		[CDC_VALUE_TEXT] = {"string", NULL},
		[CDC_VALUE_GEOMETRY] = {"struct", "io.debezium.data.geometry.Geometry"}
	};
	ConnectType t = {"string", NULL};

	if (column->kind == CDC_VALUE_INTEGER)
		return integer_type(column->source);
	if (column->kind == CDC_VALUE_DATETIME)
	{
		t.type = "int64";
		t.name = column->fsp <= 3 ? "io.debezium.time.Timestamp" : "io.debezium.time.MicroTimestamp";
		return t;
	}
	if (cdc_publish_is_single_bit(column))
	{
		t.type = "boolean";
		return t;
	}
	if (column->kind == CDC_VALUE_DECIMAL && !cdc_publish_is_scaled(column))
		return t;
	if (column->kind != CDC_VALUE_ANY)
		return types[column->kind].type != NULL ? types[column->kind] : t;
	if (value->type == CDC_DOC_NUMBER)
		t.type = "double";
	else if (value->type == CDC_DOC_TRUE || value->type == CDC_DOC_FALSE)
		t.type = "boolean";
	else if (value->type == CDC_DOC_OBJECT || value->type == CDC_DOC_ARRAY)
		t.name = "io.debezium.data.Json";
	return t;
}

/* ---- images ---- */

static void
put_row(CdcPublishChange *change, const char *name, const CdcPublishRow *row)
{
	CdcJsonText *text = change->publisher->value;
	CdcSink    *sink = sink_of(text);
	CdcPublishRowIter iter;
	CdcPublishColumn column;
	CdcString	member;
	CdcDoc		value;

	cdc_publish_check(sink->ops->key(sink, name, strlen(name)));
	if (row == NULL)
	{
		cdc_publish_check(sink->ops->null(sink));
		return;
	}
	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_row_begin(change, row, &iter);
	while (cdc_publish_row_next(&iter, &member, &value))
	{
		cdc_publish_column(change, member, &column);
		cdc_publish_check(sink->ops->key(sink, member.data, member.len));
		cdc_publish_debezium_value(change, text, &column, &value);
	}
	cdc_publish_check(sink->ops->end_object(sink));
}

static void
put_source(CdcPublishChange *change)
{
	CdcJsonText *text = change->publisher->value;
	CdcSink    *sink = sink_of(text);
	const CdcPublishEvent *event = change->event;
	const char *snapshot = event->op == 'r' ? "true" : "false";
	const char *sequence;

	cdc_publish_check(sink->ops->key(sink, "source", 6));
	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_put_text(text, "version", CDC_PUBLISHER, strlen(CDC_PUBLISHER));
	cdc_publish_put_text(text, "connector", "mysql", 5);
	cdc_publish_put_text(text, "name", change->publisher->publication->sub->name,
						 strlen(change->publisher->publication->sub->name));
	cdc_publish_check(sink->ops->key(sink, "ts_ms", 5));
	cdc_publish_check(sink->ops->int64(sink, event->source_us / 1000));
	cdc_publish_put_text(text, "snapshot", snapshot, strlen(snapshot));
	/* what orders messages of one row that come from several partitions, also over a fail-over */
	sequence = psprintf(INT64_FORMAT, event->seq);
	cdc_publish_put_text(text, "sequence", sequence, strlen(sequence));
	cdc_publish_put_text(text, "db", event->database.data, event->database.len);
	cdc_publish_put_text(text, "table", event->table.data, event->table.len);
	cdc_publish_check(sink->ops->end_object(sink));
}

/* ---- schemas ---- */

static void
put_field_end(CdcJsonText *text, const char *field)
{
	if (field != NULL)
		cdc_publish_put_text(text, "field", field, strlen(field));
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
}

static void
begin_field(CdcJsonText *text, const char *type, bool optional)
{
	CdcSink    *sink = sink_of(text);

	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_put_text(text, "type", type, strlen(type));
	cdc_publish_check(sink->ops->key(sink, "optional", 8));
	cdc_publish_check(sink->ops->boolean(sink, optional));
}

static void
put_simple_field(CdcJsonText *text, const char *type, bool optional, const char *field)
{
	begin_field(text, type, optional);
	put_field_end(text, field);
}

static void
put_geometry_fields(CdcJsonText *text)
{
	cdc_publish_check(text->sink.ops->key(&text->sink, "fields", 6));
	cdc_publish_check(text->sink.ops->begin_array(&text->sink));
	put_simple_field(text, "bytes", false, "wkb");
	put_simple_field(text, "int32", true, "srid");
	cdc_publish_check(text->sink.ops->end_array(&text->sink));
}

/* The field of a column, with the source's own type as column.propagate.source.type has it. */
static void
put_column_field(CdcJsonText *text, const CdcPublishColumn *column, const CdcDoc *value)
{
	CdcSink    *sink = sink_of(text);
	ConnectType t = connect_type(column, value);
	char	   *type;
	char	   *p;

	begin_field(text, t.type, column->nullable);
	if (t.name != NULL)
		cdc_publish_put_text(text, "name", t.name, strlen(t.name));
	cdc_publish_check(sink->ops->key(sink, "version", 7));
	cdc_publish_check(sink->ops->int64(sink, 1));
	if (column->kind == CDC_VALUE_GEOMETRY)
		put_geometry_fields(text);
	cdc_publish_check(sink->ops->key(sink, "parameters", 10));
	cdc_publish_check(sink->ops->begin_object(sink));
	if (cdc_publish_is_scaled(column))
	{
		type = psprintf("%d", column->kind == CDC_VALUE_DECIMAL ? column->scale : 0);
		cdc_publish_put_text(text, "scale", type, strlen(type));
	}
	if (column->kind == CDC_VALUE_BIT)
	{
		type = psprintf("%d", column->bits);
		cdc_publish_put_text(text, "length", type, strlen(type));
	}
	if (column->source != NULL)
	{
		/* "INT UNSIGNED"; length and scale stand beside it */
		type = pstrdup(column->source->data_type);
		for (p = type; *p != '\0'; p++)
			*p = pg_ascii_toupper((unsigned char) *p);
		if (column->source->is_unsigned)
			type = psprintf("%s UNSIGNED", type);
		cdc_publish_put_text(text, "__debezium.source.column.type", type, strlen(type));
		if (column->kind == CDC_VALUE_DECIMAL)
			type = psprintf("%u", column->source->precision);
		else
			type = psprintf("%u", column->source->length > 0 ? column->source->length :
							column->source->fsp);
		if (strcmp(type, "0") != 0)
			cdc_publish_put_text(text, "__debezium.source.column.length", type, strlen(type));
		if (column->kind == CDC_VALUE_DECIMAL)
		{
			type = psprintf("%u", column->source->scale);
			cdc_publish_put_text(text, "__debezium.source.column.scale", type, strlen(type));
		}
	}
	cdc_publish_check(sink->ops->end_object(sink));
	put_field_end(text, pnstrdup(column->name.data, column->name.len));
}

static void
begin_struct(CdcJsonText *text, const char *name, bool optional)
{
	CdcSink    *sink = sink_of(text);

	begin_field(text, "struct", optional);
	if (name != NULL)
		cdc_publish_put_text(text, "name", name, strlen(name));
	cdc_publish_check(sink->ops->key(sink, "fields", 6));
	cdc_publish_check(sink->ops->begin_array(sink));
}

static void
end_struct(CdcJsonText *text, const char *field)
{
	cdc_publish_check(text->sink.ops->end_array(&text->sink));
	put_field_end(text, field);
}

/* "subscription.database.table.what" */
static char *
schema_name(const CdcPublishChange *change, const char *what)
{
	return psprintf("%s.%.*s.%.*s.%s", change->publisher->publication->sub->name,
					(int) change->event->database.len, change->event->database.data,
					(int) change->event->table.len, change->event->table.data, what);
}

static void
put_row_schema(CdcPublishChange *change, const char *field)
{
	CdcJsonText *text = change->publisher->value;
	CdcPublishRowIter iter;
	CdcPublishColumn column;
	CdcString	name;
	CdcDoc		value;

	begin_struct(text, schema_name(change, "Value"), true);
	cdc_publish_row_begin(change, &change->row, &iter);
	while (cdc_publish_row_next(&iter, &name, &value))
	{
		cdc_publish_column(change, name, &column);
		put_column_field(text, &column, &value);
	}
	end_struct(text, field);
}

static void
put_schema(CdcPublishChange *change)
{
	CdcJsonText *text = change->publisher->value;

	cdc_publish_check(text->sink.ops->key(&text->sink, "schema", 6));
	begin_struct(text, schema_name(change, "Envelope"), false);
	put_row_schema(change, "before");
	put_row_schema(change, "after");
	begin_struct(text, "io.debezium.connector.mysql.Source", false);
	put_simple_field(text, "string", false, "version");
	put_simple_field(text, "string", false, "connector");
	put_simple_field(text, "string", false, "name");
	put_simple_field(text, "int64", false, "ts_ms");
	put_simple_field(text, "string", true, "snapshot");
	put_simple_field(text, "string", true, "sequence");
	put_simple_field(text, "string", false, "db");
	put_simple_field(text, "string", true, "table");
	end_struct(text, "source");
	put_simple_field(text, "string", false, "op");
	put_simple_field(text, "int64", true, "ts_ms");
	end_struct(text, NULL);
}

/* ---- messages ---- */

bool
cdc_publish_debezium_key(CdcPublishChange *change, const CdcPublishRow *row)
{
	CdcJsonText *text = change->publisher->key;
	CdcSink    *sink = sink_of(text);
	bool		schemas = change->publisher->publication->opt.schemas;
	CdcPublishColumn column;
	CdcString	name;
	CdcDoc		value;
	int			i;
	int			part;

	if (change->key->n == 0)
		return false;
	if (schemas)
		cdc_publish_check(sink->ops->begin_object(sink));
	/* first the schema, then the values */
	for (part = schemas ? 0 : 1; part < 2; part++)
	{
		if (schemas)
			cdc_publish_check(sink->ops->key(sink, part == 0 ? "schema" : "payload",
											 part == 0 ? 6 : 7));
		if (part == 0)
			begin_struct(text, schema_name(change, "Key"), false);
		else
			cdc_publish_check(sink->ops->begin_object(sink));
		for (i = 0; i < change->key->n; i++)
		{
			name.data = change->key->columns[i];
			name.len = strlen(name.data);
			if (!cdc_publish_key_value(row, name.data, &value))
				continue;
			cdc_publish_column(change, name, &column);
			if (part == 0)
				put_column_field(text, &column, &value);
			else
			{
				cdc_publish_check(sink->ops->key(sink, name.data, name.len));
				cdc_publish_debezium_value(change, text, &column, &value);
			}
		}
		if (part == 0)
			end_struct(text, NULL);
		else
			cdc_publish_check(sink->ops->end_object(sink));
	}
	if (schemas)
		cdc_publish_check(sink->ops->end_object(sink));
	return true;
}

static void
send_change(CdcPublishChange *change, const char *op, const CdcPublishRow *before,
	 const CdcPublishRow *after)
{
	CdcJsonText *text = change->publisher->value;
	CdcSink    *sink = sink_of(text);
	bool		schemas = change->publisher->publication->opt.schemas;

	cdc_json_text_reset(text);
	cdc_publish_check(sink->ops->begin_object(sink));
	if (schemas)
	{
		put_schema(change);
		cdc_publish_check(sink->ops->key(sink, "payload", 7));
		cdc_publish_check(sink->ops->begin_object(sink));
	}
	put_row(change, "before", before);
	put_row(change, "after", after);
	put_source(change);
	cdc_publish_put_text(text, "op", op, 1);
	cdc_publish_check(sink->ops->key(sink, "ts_ms", 5));
	cdc_publish_check(sink->ops->int64(sink, cdc_unix_ms(GetCurrentTimestamp())));
	if (schemas)
		cdc_publish_check(sink->ops->end_object(sink));
	cdc_publish_check(sink->ops->end_object(sink));
	cdc_publish_value(change, after != NULL ? after : before);
	if (op[0] == 'd' && change->publisher->publication->opt.tombstones)
		cdc_publish_tombstone(change, before);
}

void
cdc_publish_debezium(CdcPublishChange *change)
{
	char		op = change->event->op;

	if (op == 'd')
		send_change(change, "d", &change->row, NULL);
	else if (change->key_changed)
	{
		cdc_publish_check_whole(change);
		send_change(change, "d", &change->former, NULL);
		send_change(change, "c", NULL, &change->row);
	}
	else
		send_change(change, op == 'u' ? "u" : op == 'r' ? "r" : "c", op == 'u' && !change->former_unknown ? &change->former : NULL,
			 &change->row);
}

void
cdc_publish_debezium_truncate(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcPublishChange change;
	CdcJsonText *text = publisher->value;
	CdcSink    *sink = sink_of(text);

	memset(&change, 0, sizeof(change));
	change.publisher = publisher;
	change.event = event;
	cdc_json_text_reset(text);
	cdc_publish_check(sink->ops->begin_object(sink));
	put_row(&change, "before", NULL);
	put_row(&change, "after", NULL);
	put_source(&change);
	cdc_publish_put_text(text, "op", "t", 1);
	cdc_publish_check(sink->ops->key(sink, "ts_ms", 5));
	cdc_publish_check(sink->ops->int64(sink, cdc_unix_ms(GetCurrentTimestamp())));
	cdc_publish_check(sink->ops->end_object(sink));
}
