/*-------------------------------------------------------------------------
 *
 * format_goldengate.c
 *	  Changes as Oracle GoldenGate's formatters json (before and after) and json_row write
 *	  them, and the JSON schemas of their tables.
 *
 * json_row has no former values: where the key changes it is a delete and an insert
 * (pkUpdateHandling=delete-insert).
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "utils/timestamp.h"

#include "pg/base/epoch.h"

/* Names that json_row has beside the columns. */
static const char *const metadata[] = {
	"table", "op_type", "op_ts", "current_ts", "pos", "primary_keys", "tokens"
};

static bool
is_metadata(CdcString name)
{
	int			i;

	for (i = 0; i < (int) lengthof(metadata); i++)
		if (cdc_string_is(name, metadata[i]))
			return true;
	return false;
}

/* Seconds since 1970 with a fraction, as "YYYY-MM-DD hh:mm:ss.ffffff" in UTC. */
static void
put_time(CdcJsonText *text, const char *name, int64 micros, char separator)
{
	char		buf[64];
	pg_time_t	seconds = (pg_time_t) (micros / 1000000);
	struct pg_tm *tm = pg_gmtime(&seconds);

	snprintf(buf, sizeof(buf), "%04d-%02d-%02d%c%02d:%02d:%02d.%06d", tm->tm_year + 1900,
			 tm->tm_mon + 1, tm->tm_mday, separator, tm->tm_hour, tm->tm_min, tm->tm_sec,
			 (int) (micros % 1000000));
	cdc_publish_put_text(text, name, buf, strlen(buf));
}

/* What both have in front. */
static void
put_head(CdcPublisher *publisher, const CdcPublishEvent *event, const char *op_type)
{
	CdcJsonText *text = publisher->value;
	char		pos[32];
	char	   *table = event->database.len > 0 ?
		psprintf("%.*s.%.*s", (int) event->database.len, event->database.data,
				 (int) event->table.len, event->table.data) :
		pnstrdup(event->table.data, event->table.len);

	cdc_publish_put_text(text, "table", table, strlen(table));
	cdc_publish_put_text(text, "op_type", op_type, strlen(op_type));
	put_time(text, "op_ts", event->source_us, ' ');
	put_time(text, "current_ts", cdc_unix_us(GetCurrentTimestamp()), 'T');
	snprintf(pos, sizeof(pos), "%020lld", (long long) event->seq);
	cdc_publish_put_text(text, "pos", pos, strlen(pos));
}

static void
put_key_names(CdcPublishChange *change)
{
	CdcSink    *sink = &change->publisher->value->sink;
	int			i;

	if (change->key->n == 0)
		return;
	cdc_publish_check(sink->ops->key(sink, "primary_keys", 12));
	cdc_publish_check(sink->ops->begin_array(sink));
	for (i = 0; i < change->key->n; i++)
		cdc_publish_check(sink->ops->string(sink, change->key->columns[i],
											strlen(change->key->columns[i])));
	cdc_publish_check(sink->ops->end_array(sink));
}

static bool
is_of_key(const CdcPublishChange *change, CdcString name)
{
	int			i;

	for (i = 0; i < change->key->n; i++)
		if (strlen(change->key->columns[i]) == name.len && memcmp(change->key->columns[i], name.data, name.len) == 0)
			return true;
	return false;
}

/* beside: there are members that are none of the row's; key_only: no columns but the key's. */
static void
put_members(CdcPublishChange *change, const CdcPublishRow *row, bool beside, bool key_only)
{
	CdcSink    *sink = &change->publisher->value->sink;
	CdcPublishRowIter iter;
	CdcPublishColumn column;
	CdcString	name;
	CdcDoc		value;

	cdc_publish_row_begin(change, row, &iter);
	while (cdc_publish_row_next(&iter, &name, &value))
	{
		if (key_only && !is_of_key(change, name))
			continue;
		cdc_publish_column(change, name, &column);
		if (beside && is_metadata(name))
			cdc_publish_refuse(change, &column, "a name that messages have themselves");
		cdc_publish_check(sink->ops->key(sink, name.data, name.len));
		cdc_publish_put_plain(change, &column, &value, false);
	}
}

static void
put_image(CdcPublishChange *change, const char *name, const CdcPublishRow *row, bool key_only)
{
	CdcSink    *sink = &change->publisher->value->sink;

	cdc_publish_check(sink->ops->key(sink, name, strlen(name)));
	cdc_publish_check(sink->ops->begin_object(sink));
	put_members(change, row, false, key_only);
	cdc_publish_check(sink->ops->end_object(sink));
}

static const char *
op_type(char op)
{
	return op == 'd' ? "D" : op == 'u' ? "U" : "I";
}

void
cdc_publish_goldengate_op(CdcPublishChange *change)
{
	CdcJsonText *text = change->publisher->value;
	char		op = change->event->op;

	cdc_json_text_reset(text);
	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	put_head(change->publisher, change->event, op_type(op));
	put_key_names(change);
	/* GoldenGate has the key alone where it does not know the rest */
	if (op == 'd' || (op == 'u' && (change->key->n > 0 || !change->former_unknown)))
		put_image(change, "before", op == 'd' ? &change->row : &change->former, change->former_unknown);
	if (op != 'd')
		put_image(change, "after", &change->row, false);
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
	cdc_publish_value(change, &change->row);
}

static void
send_row(CdcPublishChange *change, const char *op, const CdcPublishRow *row)
{
	CdcJsonText *text = change->publisher->value;

	cdc_json_text_reset(text);
	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	put_head(change->publisher, change->event, op);
	put_key_names(change);
	put_members(change, row, true, false);
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
	cdc_publish_value(change, row);
}

void
cdc_publish_goldengate_row(CdcPublishChange *change)
{
	bool		moves = change->key_changed ||
		(change->event->op == 'u' && change->key->n == 0);

	if (moves)
	{
		cdc_publish_check_whole(change);
		send_row(change, "D", &change->former);
	}
	send_row(change, moves ? "I" : op_type(change->event->op), &change->row);
}

void
cdc_publish_goldengate_truncate(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcJsonText *text = publisher->value;

	cdc_json_text_reset(text);
	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	put_head(publisher, event, "T");
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
}

/* ---- schemas ---- */

static const char *
schema_type(const CdcColumn *column)
{
	static const char *const integers[] = {"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"};
	static const char *const numbers[] = {"decimal", "float", "double", "number"};
	size_t		i;

	for (i = 0; column->data_type != NULL && i < lengthof(integers); i++)
		if (strcmp(column->data_type, integers[i]) == 0)
			return "integer";
	for (i = 0; column->data_type != NULL && i < lengthof(numbers); i++)
		if (strcmp(column->data_type, numbers[i]) == 0)
			return "number";
	return "string";
}

/* A property: {"description": ..., "type": ...}. */
static void
put_property(CdcJsonText *text, const char *name, const char *description, const char *type,
			 bool nullable)
{
	CdcSink    *sink = &text->sink;

	cdc_publish_check(sink->ops->key(sink, name, strlen(name)));
	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_put_text(text, "description", description, strlen(description));
	if (nullable)
	{
		cdc_publish_check(sink->ops->key(sink, "type", 4));
		cdc_publish_check(sink->ops->begin_array(sink));
		cdc_publish_check(sink->ops->string(sink, type, strlen(type)));
		cdc_publish_check(sink->ops->string(sink, "null", 4));
		cdc_publish_check(sink->ops->end_array(sink));
	}
	else
		cdc_publish_put_text(text, "type", type, strlen(type));
	cdc_publish_check(sink->ops->end_object(sink));
}

static void
put_columns(CdcJsonText *text, const CdcTable *table)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		put_property(text, table->columns[i].name, table->columns[i].column_type,
					 schema_type(&table->columns[i]), table->columns[i].nullable);
}

static void
put_row_object(CdcJsonText *text, const char *name, const CdcTable *table)
{
	CdcSink    *sink = &text->sink;

	cdc_publish_check(sink->ops->key(sink, name, strlen(name)));
	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_put_text(text, "type", "object", 6);
	cdc_publish_check(sink->ops->key(sink, "properties", 10));
	cdc_publish_check(sink->ops->begin_object(sink));
	put_columns(text, table);
	cdc_publish_check(sink->ops->end_object(sink));
	cdc_publish_check(sink->ops->end_object(sink));
}

void
cdc_publish_goldengate_schema(CdcPublisher *publisher, const CdcTable *table)
{
	CdcJsonText *text = publisher->value;
	CdcSink    *sink = &text->sink;

	cdc_json_text_reset(text);
	cdc_publish_check(sink->ops->begin_object(sink));
	cdc_publish_put_text(text, "$schema", "http://json-schema.org/draft-04/schema#", 39);
	cdc_publish_put_text(text, "title", table->full_name, strlen(table->full_name));
	cdc_publish_put_text(text, "type", "object", 6);
	cdc_publish_check(sink->ops->key(sink, "properties", 10));
	cdc_publish_check(sink->ops->begin_object(sink));
	put_property(text, "table", "The fully qualified table name", "string", false);
	put_property(text, "op_type", "The operation type", "string", false);
	put_property(text, "op_ts", "The operation timestamp", "string", false);
	put_property(text, "current_ts", "The current processing timestamp", "string", false);
	put_property(text, "pos", "The position of the operation", "string", false);
	put_property(text, "primary_keys", "Names of the columns of the primary key", "array", false);
	if (publisher->publication->format == CDC_PUBLISH_GOLDENGATE_OP)
	{
		put_row_object(text, "before", table);
		put_row_object(text, "after", table);
	}
	else
		put_columns(text, table);
	cdc_publish_check(sink->ops->end_object(sink));
	cdc_publish_check(sink->ops->end_object(sink));
}
