/*-------------------------------------------------------------------------
 *
 * meaning.c
 *	  What values of a type stand for: by the logical types of the specification, and by
 *	  the names that Kafka Connect and Debezium give to theirs.
 *
 *-------------------------------------------------------------------------
 */
#include "avro/internal.h"

#define TYPE(t)			(1u << CDC_AVRO_##t)
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* Digits that a decimal can have: far more than any database keeps. */
#define MAX_DIGITS		4096

const CdcAvroNode *
cdc_avro_primitive(CdcString name)
{
#define PRIMITIVE(t) \
	{.type = CDC_AVRO_##t,.name = {"", 0},.connect_name = {"", 0},.connect_type = {"", 0}}
	static const CdcAvroNode nodes[] = {
		PRIMITIVE(NULL), PRIMITIVE(BOOLEAN), PRIMITIVE(INT), PRIMITIVE(LONG), PRIMITIVE(FLOAT),
		PRIMITIVE(DOUBLE), PRIMITIVE(BYTES), PRIMITIVE(STRING)
	};
	static const char *const names[] = {
		"null", "boolean", "int", "long", "float", "double", "bytes", "string"
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (cdc_string_is(name, names[i]))
			return &nodes[i];
	return NULL;
}

/* A logical type, or a name of Connect's: which types may have it, and what it means. */
typedef struct Known
{
	const char *name;
	unsigned	types;
	CdcAvroMeaning meaning;
	int64_t		per_second;
} Known;

static const Known logical_types[] = {
	{"decimal", TYPE(BYTES) | TYPE(FIXED), CDC_AVRO_DECIMAL, 0},
	{"uuid", TYPE(STRING) | TYPE(FIXED), CDC_AVRO_UUID, 0},
	{"duration", TYPE(FIXED), CDC_AVRO_DURATION, 0},
	{"date", TYPE(INT), CDC_AVRO_DATE, 0},
	{"time-millis", TYPE(INT), CDC_AVRO_TIME, 1000},
	{"time-micros", TYPE(LONG), CDC_AVRO_TIME, 1000000},
	{"timestamp-millis", TYPE(LONG), CDC_AVRO_INSTANT, 1000},
	{"timestamp-micros", TYPE(LONG), CDC_AVRO_INSTANT, 1000000},
	{"timestamp-nanos", TYPE(LONG), CDC_AVRO_INSTANT, 1000000000},
	{"local-timestamp-millis", TYPE(LONG), CDC_AVRO_DATETIME, 1000},
	{"local-timestamp-micros", TYPE(LONG), CDC_AVRO_DATETIME, 1000000},
	{"local-timestamp-nanos", TYPE(LONG), CDC_AVRO_DATETIME, 1000000000}
};

static const Known connect_names[] = {
	{"org.apache.kafka.connect.data.Date", TYPE(INT), CDC_AVRO_DATE, 0},
	{"org.apache.kafka.connect.data.Time", TYPE(INT), CDC_AVRO_TIME, 1000},
	{"org.apache.kafka.connect.data.Timestamp", TYPE(LONG), CDC_AVRO_INSTANT, 1000},
	{"io.debezium.time.Date", TYPE(INT), CDC_AVRO_DATE, 0},
	{"io.debezium.time.Time", TYPE(INT), CDC_AVRO_TIME, 1000},
	{"io.debezium.time.MicroTime", TYPE(LONG), CDC_AVRO_TIME, 1000000},
	{"io.debezium.time.NanoTime", TYPE(LONG), CDC_AVRO_TIME, 1000000000},
	{"io.debezium.time.MicroDuration", TYPE(LONG), CDC_AVRO_TIME, 1000000},
	{"io.debezium.time.NanoDuration", TYPE(LONG), CDC_AVRO_TIME, 1000000000},
	{"io.debezium.time.Timestamp", TYPE(LONG), CDC_AVRO_DATETIME, 1000},
	{"io.debezium.time.MicroTimestamp", TYPE(LONG), CDC_AVRO_DATETIME, 1000000},
	{"io.debezium.time.NanoTimestamp", TYPE(LONG), CDC_AVRO_DATETIME, 1000000000},
	{"io.debezium.data.VariableScaleDecimal", TYPE(RECORD), CDC_AVRO_VARIABLE_DECIMAL, 0}
};

static bool
apply(CdcAvroNode *node, const Known *known, size_t n, CdcString name)
{
	for (size_t i = 0; i < n; i++)
	{
		if (!cdc_string_is(name, known[i].name))
			continue;
		if ((known[i].types & 1u << node->type) == 0)
			return false;
		node->meaning = known[i].meaning;
		node->per_second = known[i].per_second;
		return true;
	}
	return false;
}

/* Whether a record is Debezium's VariableScaleDecimal: int scale, bytes value. */
static bool
is_variable_decimal(const CdcAvroNode *node)
{
	return node->n == 2 && cdc_string_is(node->fields[0].name, "scale") &&
		cdc_string_is(node->fields[1].name, "value") &&
		node->fields[0].type->type == CDC_AVRO_INT && node->fields[1].type->type == CDC_AVRO_BYTES;
}

/* Precision and scale as the schema has them; false: they are none of a decimal. */
static bool
set_decimal(CdcAvroNode *node, const CdcDoc *object)
{
	int64_t		precision;
	int64_t		scale = 0;
	CdcDoc		v;

	if (!cdc_doc_find_int64(object, "precision", &precision) || precision < 1 ||
		precision > MAX_DIGITS)
		return false;
	if (cdc_doc_find(object, "scale", &v) &&
		(!cdc_doc_int64(&v, &scale) || scale < 0 || scale > precision))
		return false;
	node->precision = (int) precision;
	node->scale = (int) scale;
	return true;
}

void
cdc_avro_set_meaning(CdcAvroNode *node, CdcString logical, const CdcDoc *object)
{
	bool		fits = apply(node, connect_names, COUNT(connect_names), node->connect_name) ||
		apply(node, logical_types, COUNT(logical_types), logical);

	if (fits && node->meaning == CDC_AVRO_DECIMAL)
		fits = set_decimal(node, object);
	else if (fits && node->meaning == CDC_AVRO_VARIABLE_DECIMAL)
		fits = is_variable_decimal(node);
	else if (fits && node->type == CDC_AVRO_FIXED)
		fits = node->size == (node->meaning == CDC_AVRO_UUID ? 16 : 12);
	if (!fits)
		node->meaning = CDC_AVRO_PLAIN;
}
