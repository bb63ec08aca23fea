/*-------------------------------------------------------------------------
 *
 * connect.c
 *	  A message's type as Kafka Connect has it: types and names that tell what columns are.
 *
 *	  The registry's converters turn Connect's own logical types into messages, and keep no
 *	  names of others, so that a number may be a date of Debezium's: such fields are marked
 *	  with "unnamed", and what they are is for the receiver's column to say.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/internal.h"

#include "core/interrupt.h"

typedef struct Writer
{
	CdcSink    *sink;
	const CdcProtobufMessage *open[CDC_PROTOBUF_MAX_DEPTH];	/* that are being described */
	int			nopen;
	unsigned	left;			/* fields: a message is described wherever it is used */
} Writer;

/* What a field's values are. */
typedef struct Described
{
	const char *type;
	const char *name;			/* of Connect's or Debezium's type; NULL: none */
	const char *precision;		/* of decimals; NULL: not known */
	const char *scale;
	bool		unnamed;
} Described;

/* A type that is larger is one of a row no more. */
#define MAX_FIELDS		20000

static CdcStatus describe_message(Writer *w, const CdcProtobufMessage *message);

static CdcStatus
put(Writer *w, const char *key, CdcString value)
{
	CdcStatus	st = w->sink->ops->key(w->sink, key, strlen(key));

	return st == CDC_OK ? w->sink->ops->string(w->sink, value.data, value.len) : st;
}

static CdcStatus
put_text(Writer *w, const char *key, const char *value)
{
	return put(w, key, (CdcString) {value, strlen(value)});
}

static CdcStatus
put_boolean(Writer *w, const char *key, bool value)
{
	CdcStatus	st = w->sink->ops->key(w->sink, key, strlen(key));

	return st == CDC_OK ? w->sink->ops->boolean(w->sink, value) : st;
}

static bool
has_parameter(const CdcPbField *field, const char *name, const char *value)
{
	for (int i = 0; i < field->nparameters; i++)
		if (cdc_string_is(field->parameters[2 * i], name))
			return value == NULL || cdc_string_is(field->parameters[2 * i + 1], value);
	return false;
}

/* Of fields that are no message. */
static Described
describe_scalar(const CdcPbField *field, const CdcPbField *outer)
{
	switch (field->type)
	{
		case CDC_PB_DOUBLE:
			return (Described) {.type = "double",.unnamed = true};
		case CDC_PB_FLOAT:
			return (Described) {.type = "float",.unnamed = true};
		case CDC_PB_UINT64:
		case CDC_PB_FIXED64:
			return (Described) {.type = "bytes",.name = "org.apache.kafka.connect.data.Decimal",
				.precision = "20",.scale = "0"};
		case CDC_PB_INT32:
		case CDC_PB_SINT32:
		case CDC_PB_SFIXED32:
			return (Described) {.type = has_parameter(outer, "connect.type", "int8") ? "int8" :
				has_parameter(outer, "connect.type", "int16") ? "int16" : "int32",.unnamed = true};
		case CDC_PB_BOOL:
			return (Described) {.type = "boolean"};
		case CDC_PB_STRING:
			return (Described) {.type = "string",.unnamed = true};
		case CDC_PB_BYTES:
			return (Described) {.type = "bytes",.unnamed = true};
		case CDC_PB_ENUM:
			return (Described) {.type = "string",.name = "io.debezium.data.Enum"};
		default:
			return (Described) {.type = "int64",.unnamed = true};
	}
}

static Described
describe_type(const CdcPbField *field)
{
	if (field->repeated)
		return (Described) {.type = field->message != NULL && field->message->map_entry ?
			"map" : "array"};
	if (field->message == NULL)
		return describe_scalar(field, field);
	switch (field->message->meaning)
	{
		case CDC_PB_TIMESTAMP:
			return (Described) {.type = "string",.name = "io.debezium.time.IsoTimestamp"};
		case CDC_PB_DATE:
			return (Described) {.type = "string",.name = "io.debezium.time.IsoDate"};
		case CDC_PB_TIME_OF_DAY:
			return (Described) {.type = "string",.name = "io.debezium.time.IsoTime"};
		case CDC_PB_DURATION:
		case CDC_PB_FIELD_MASK:
			return (Described) {.type = "string",.unnamed = true};
		case CDC_PB_DECIMAL:
			return (Described) {.type = "bytes",.name = "org.apache.kafka.connect.data.Decimal"};
		case CDC_PB_WRAPPER:
			return describe_scalar(&field->message->fields[0], field);
		case CDC_PB_VALUE:
		case CDC_PB_LIST:
		case CDC_PB_STRUCT:
		case CDC_PB_ANY:
			return (Described) {.type = "map"};
		case CDC_PB_PLAIN:
			break;
	}
	return (Described) {.type = "struct",.unnamed = true};
}

/* Connect's parameters are texts; the converter has shorter names for those of decimals. */
static CdcStatus
put_parameters(Writer *w, const CdcPbField *field, const Described *described)
{
	CdcStatus	st;

	if (field->nparameters == 0 && described->scale == NULL)
		return CDC_OK;
	st = w->sink->ops->key(w->sink, "parameters", 10);
	if (st == CDC_OK)
		st = w->sink->ops->begin_object(w->sink);
	if (st == CDC_OK && described->scale != NULL)
		st = put_text(w, "scale", described->scale);
	if (st == CDC_OK && described->precision != NULL)
		st = put_text(w, "connect.decimal.precision", described->precision);
	for (int i = 0; i < field->nparameters && st == CDC_OK; i++)
	{
		CdcString  *pair = field->parameters + 2 * i;

		if (described->scale != NULL &&
			(cdc_string_is(pair[0], "scale") || cdc_string_is(pair[0], "precision")))
			continue;
		if (cdc_string_is(pair[0], "precision"))
			st = put(w, "connect.decimal.precision", pair[1]);
		else
		{
			st = w->sink->ops->key(w->sink, pair[0].data, pair[0].len);
			if (st == CDC_OK)
				st = w->sink->ops->string(w->sink, pair[1].data, pair[1].len);
		}
	}
	return st == CDC_OK ? w->sink->ops->end_object(w->sink) : st;
}

static bool
is_open(const Writer *w, const CdcProtobufMessage *message)
{
	for (int i = 0; i < w->nopen; i++)
		if (w->open[i] == message)
			return true;
	return false;
}

static CdcStatus
describe_field(Writer *w, const CdcPbField *field)
{
	Described	described = describe_type(field);
	bool		fields = strcmp(described.type, "struct") == 0;
	CdcStatus	st;

	if (w->left == 0)
		return CDC_ERR_LIMIT;
	w->left--;
	cdc_interrupt_point();
	st = w->sink->ops->begin_object(w->sink);
	if (st == CDC_OK)
		st = put_text(w, "type", described.type);
	if (st == CDC_OK)
		st = put_boolean(w, "optional", field->present && !field->required);
	if (st == CDC_OK && described.unnamed)
		st = put_boolean(w, "unnamed", true);
	if (st == CDC_OK && described.name != NULL)
		st = put_text(w, "name", described.name);
	else if (st == CDC_OK && fields)
		st = put(w, "name", field->message->full_name);
	if (st == CDC_OK)
		st = put_parameters(w, field, &described);
	if (st == CDC_OK)
		st = put(w, "field", field->name);
	if (st == CDC_OK && fields && w->nopen < CDC_PROTOBUF_MAX_DEPTH && !is_open(w, field->message))
		st = describe_message(w, field->message);
	return st == CDC_OK ? w->sink->ops->end_object(w->sink) : st;
}

static int
find_field(const CdcProtobufMessage *message, const char *name)
{
	for (int i = 0; i < message->n; i++)
		if (cdc_string_is(message->fields[i].name, name))
			return i;
	return -1;
}

static bool
is_envelope(const CdcProtobufMessage *message)
{
	return find_field(message, "op") >= 0 && (find_field(message, "after") >= 0 ||
											  find_field(message, "before") >= 0);
}

/*
 * The fields of a message.  Of an envelope only what tells columns: the row after the
 * change, which has the same fields as the one before it.
 */
static CdcStatus
describe_message(Writer *w, const CdcProtobufMessage *message)
{
	int			after = w->nopen == 0 && is_envelope(message) ? find_field(message, "after") : -1;
	CdcStatus	st = w->sink->ops->key(w->sink, "fields", 6);

	if (st == CDC_OK)
		st = w->sink->ops->begin_array(w->sink);
	w->open[w->nopen++] = message;
	for (int i = 0; i < message->n && st == CDC_OK; i++)
		if (after < 0 || i == after)
			st = describe_field(w, &message->fields[i]);
	w->nopen--;
	return st == CDC_OK ? w->sink->ops->end_array(w->sink) : st;
}

CdcStatus
cdc_protobuf_emit_connect(const CdcProtobufMessage *message, CdcSink *sink)
{
	Writer		w = {.sink = sink,.left = MAX_FIELDS};
	CdcStatus	st = sink->ops->begin_object(sink);

	if (st == CDC_OK)
		st = put_text(&w, "type", "struct");
	if (st == CDC_OK)
		st = put_boolean(&w, "optional", false);
	if (st == CDC_OK)
		st = put(&w, "name", message->full_name);
	if (st == CDC_OK)
		st = describe_message(&w, message);
	return st == CDC_OK ? sink->ops->end_object(sink) : st;
}

static bool
ends_with(CdcString s, const char *end)
{
	size_t		len = strlen(end);

	return s.len > len && memcmp(s.data + s.len - len, end, len) == 0;
}

bool
cdc_protobuf_looks_debezium(const CdcProtobufMessage *message)
{
	return is_envelope(message) || find_field(message, "__deleted") >= 0 ||
		find_field(message, "__op") >= 0 ||
		ends_with(message->full_name, ".Value") || ends_with(message->full_name, ".Key");
}
