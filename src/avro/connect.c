/*-------------------------------------------------------------------------
 *
 * connect.c
 *	  A schema as Kafka Connect has it: types and names that tell what columns are.
 *
 * What Connect's converter would not know, as it has no type for it (microseconds),
 * gets the name of Debezium's type for the same.
 *
 *-------------------------------------------------------------------------
 */
#include "avro/internal.h"

#include <stdio.h>

typedef struct Writer
{
	CdcSink    *sink;
	int			depth;
	const CdcAvroNode *open[CDC_AVRO_MAX_DEPTH];	/* records that are being described */
	int			nopen;
	unsigned	left;			/* nodes: a record is described wherever it is used */
} Writer;

static CdcStatus describe(Writer *w, const CdcAvroNode *node, const CdcString *field);

/* A schema that is larger is one of a row no more. */
#define MAX_NODES		20000

static CdcStatus
put(Writer *w, const char *key, CdcString value)
{
	CdcStatus	st = w->sink->ops->key(w->sink, key, strlen(key));

	return st == CDC_OK ? w->sink->ops->string(w->sink, value.data, value.len) : st;
}

static CdcString
string_of(const char *s)
{
	return (CdcString) {s, strlen(s)};
}

static bool
has_text_form(const CdcAvroNode *node)
{
	return node->connect_name.len == 0 && (node->meaning == CDC_AVRO_INSTANT ||
										   node->meaning == CDC_AVRO_DURATION ||
										   node->meaning == CDC_AVRO_UUID);
}

static CdcString
type_name(const CdcAvroNode *node)
{
	static const char *const names[] = {
		"null", "boolean", "int32", "int64", "float", "double", "bytes", "string", "struct",
		"string", "bytes", "array", "map", "union"
	};

	if (node->type == CDC_AVRO_INT && (cdc_string_is(node->connect_type, "int8") ||
									   cdc_string_is(node->connect_type, "int16")))
		return node->connect_type;
	return string_of(has_text_form(node) ? "string" : names[node->type]);
}

/* The name of Connect's or Debezium's type with the same values; NULL: it needs none. */
static const char *
semantic_name(const CdcAvroNode *node)
{
	switch (node->meaning)
	{
		case CDC_AVRO_DECIMAL:
			return "org.apache.kafka.connect.data.Decimal";
		case CDC_AVRO_UUID:
			return "io.debezium.data.Uuid";
		case CDC_AVRO_DATE:
			return "io.debezium.time.Date";
		case CDC_AVRO_TIME:
			return node->per_second == 1000 ? "io.debezium.time.Time" : "io.debezium.time.MicroTime";
		case CDC_AVRO_INSTANT:
			return "io.debezium.time.ZonedTimestamp";
		case CDC_AVRO_DATETIME:
			return node->per_second == 1000 ? "io.debezium.time.Timestamp" :
				node->per_second == 1000000 ? "io.debezium.time.MicroTimestamp" :
				"io.debezium.time.NanoTimestamp";
		default:
			return NULL;
	}
}

static CdcStatus
put_number(Writer *w, const char *key, int n)
{
	char		text[16];
	int			len = snprintf(text, sizeof(text), "%d", n);

	return put(w, key, (CdcString) {text, (size_t) len});
}

/* Connect's parameters are texts. */
static CdcStatus
put_parameters(Writer *w, const CdcAvroNode *node)
{
	bool		decimal = node->meaning == CDC_AVRO_DECIMAL;
	CdcStatus	st;

	if (!decimal && node->nparameters == 0)
		return CDC_OK;
	st = w->sink->ops->key(w->sink, "parameters", 10);
	if (st == CDC_OK)
		st = w->sink->ops->begin_object(w->sink);
	if (st == CDC_OK && decimal)
		st = put_number(w, "scale", node->scale);
	if (st == CDC_OK && decimal)
		st = put_number(w, "connect.decimal.precision", node->precision);
	for (int i = 0; i < node->nparameters && st == CDC_OK; i++)
	{
		CdcString  *pair = node->parameters + 2 * i;

		if (decimal && (cdc_string_is(pair[0], "scale") ||
						cdc_string_is(pair[0], "connect.decimal.precision")))
			continue;
		st = w->sink->ops->key(w->sink, pair[0].data, pair[0].len);
		if (st == CDC_OK)
			st = w->sink->ops->string(w->sink, pair[1].data, pair[1].len);
	}
	return st == CDC_OK ? w->sink->ops->end_object(w->sink) : st;
}

static bool
is_open(const Writer *w, const CdcAvroNode *node)
{
	for (int i = 0; i < w->nopen; i++)
		if (w->open[i] == node)
			return true;
	return false;
}

/*
 * The fields of a record.  Of an envelope only what tells columns: the row after the
 * change, which has the same fields as the one before it.
 */
static CdcStatus
put_fields(Writer *w, const CdcAvroNode *node)
{
	bool		envelope = w->nopen == 0 && node->type == CDC_AVRO_RECORD;
	bool		after = false;
	CdcStatus	st = w->sink->ops->key(w->sink, "fields", 6);

	if (st == CDC_OK)
		st = w->sink->ops->begin_array(w->sink);
	for (int i = 0; i < node->n && envelope; i++)
		after |= cdc_string_is(node->fields[i].name, "after");
	envelope = envelope && after && cdc_avro_is_debezium(&(CdcAvroSchema) {node});
	w->open[w->nopen++] = node;
	for (int i = 0; i < node->n && st == CDC_OK; i++)
		if (!envelope || cdc_string_is(node->fields[i].name, "after"))
			st = describe(w, node->fields[i].type, &node->fields[i].name);
	w->nopen--;
	return st == CDC_OK ? w->sink->ops->end_array(w->sink) : st;
}

static CdcStatus
describe(Writer *w, const CdcAvroNode *node, const CdcString *field)
{
	const char *semantic;
	bool		optional = node->type == CDC_AVRO_UNION && node->nullable;
	CdcStatus	st = w->sink->ops->begin_object(w->sink);

	if (node->type == CDC_AVRO_UNION && node->only != NULL)
		node = node->only;
	if (w->left == 0)
		return CDC_ERR_LIMIT;
	w->left--;
	semantic = semantic_name(node);
	if (st == CDC_OK)
		st = put(w, "type", type_name(node));
	if (st == CDC_OK)
		st = w->sink->ops->key(w->sink, "optional", 8);
	if (st == CDC_OK)
		st = w->sink->ops->boolean(w->sink, optional);
	if (st == CDC_OK && node->connect_name.len > 0)
		st = put(w, "name", node->connect_name);
	else if (st == CDC_OK && semantic != NULL)
		st = put(w, "name", string_of(semantic));
	else if (st == CDC_OK && node->type == CDC_AVRO_RECORD)
		st = put(w, "name", node->name);
	if (st == CDC_OK)
		st = put_parameters(w, node);
	if (st == CDC_OK && field != NULL)
		st = put(w, "field", *field);
	if (st == CDC_OK && node->type == CDC_AVRO_RECORD && w->nopen < CDC_AVRO_MAX_DEPTH &&
		!is_open(w, node))
		st = put_fields(w, node);
	return st == CDC_OK ? w->sink->ops->end_object(w->sink) : st;
}

CdcStatus
cdc_avro_emit_connect(const CdcAvroSchema *schema, CdcSink *sink)
{
	Writer		w = {.sink = sink,.left = MAX_NODES};

	return describe(&w, schema->root, NULL);
}

static bool
has_field(const CdcAvroNode *node, const char *name)
{
	for (int i = 0; i < node->n; i++)
		if (cdc_string_is(node->fields[i].name, name))
			return true;
	return false;
}

static bool
ends_with(CdcString s, const char *end)
{
	size_t		len = strlen(end);

	return s.len > len && memcmp(s.data + s.len - len, end, len) == 0;
}

bool
cdc_avro_is_debezium(const CdcAvroSchema *schema)
{
	const CdcAvroNode *node = schema->root;

	if (node->type == CDC_AVRO_UNION && node->only != NULL)
		node = node->only;
	if (node->type != CDC_AVRO_RECORD)
		return false;
	return (has_field(node, "op") && (has_field(node, "after") || has_field(node, "before"))) ||
		has_field(node, "__deleted") || has_field(node, "__op") ||
		ends_with(node->name, ".Value") || ends_with(node->name, ".Key");
}
