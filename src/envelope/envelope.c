/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  Which format a message is in, and what reading has in common in all.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

#include <stdio.h>

#include <strings.h>

/* ---- formats ---- */

/* In the order in which they are tried: the more telling ones first. */
static const CdcEnvelopeFormat *const formats[] = {
	&cdc_format_debezium, &cdc_format_goldengate, &cdc_format_canal, &cdc_format_maxwell,
	&cdc_format_quix, &cdc_format_debezium_flat, &cdc_format_json
};

static const struct
{
	CdcMessageFormat	format;
	const char *name;
}			format_names[] = {
	{CDC_FORMAT_AUTO, "auto"},
	{CDC_FORMAT_MAXWELL, "maxwell"},
	{CDC_FORMAT_DEBEZIUM, "debezium"},
	{CDC_FORMAT_DEBEZIUM_FLAT, "debezium_flat"},
	{CDC_FORMAT_GOLDENGATE, "goldengate"},
	{CDC_FORMAT_CANAL, "canal"},
	{CDC_FORMAT_QUIX, "quix"},
	{CDC_FORMAT_JSON, "json"},
	{CDC_FORMAT_RAW, "raw"},
	{CDC_FORMAT_AVRO, "avro"},
	{CDC_FORMAT_PROTOBUF, "protobuf"}
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

bool
cdc_format_by_name(const char *name, CdcMessageFormat *format)
{
	for (size_t i = 0; i < COUNT(format_names); i++)
	{
		if (strcasecmp(format_names[i].name, name) == 0)
		{
			*format = format_names[i].format;
			return true;
		}
	}
	return false;
}

const char *
cdc_format_name(CdcMessageFormat format)
{
	for (size_t i = 0; i < COUNT(format_names); i++)
	{
		if (format_names[i].format == format)
			return format_names[i].name;
	}
	return "unknown";
}

const CdcEnvelopeFormat *
cdc_envelope_format(CdcMessageFormat format)
{
	for (size_t i = 0; i < COUNT(formats); i++)
	{
		if (formats[i]->format == format)
			return formats[i];
	}
	return NULL;
}

/* ---- before parsing ---- */

/* A zero byte and the schema's number, as Confluent's serializers write them. */
#define REGISTRY_HEADER		5

CdcPayload
cdc_payload_look(const uint8_t *bytes, size_t len, uint32_t *schema_id, size_t *skip)
{
	*schema_id = 0;
	*skip = 0;
	if (len < REGISTRY_HEADER || bytes[0] != 0)
		return CDC_PAYLOAD_TEXT;
	*schema_id = (uint32_t) bytes[1] << 24 | (uint32_t) bytes[2] << 16 |
		(uint32_t) bytes[3] << 8 | bytes[4];

	/* the registry's JSON serializer writes text behind it */
	if (len > REGISTRY_HEADER + 1 && bytes[REGISTRY_HEADER] == '{' && bytes[len - 1] == '}')
	{
		*skip = REGISTRY_HEADER;
		return CDC_PAYLOAD_TEXT;
	}
	return CDC_PAYLOAD_REGISTRY;
}

CdcStatus
cdc_payload_refuse(CdcMessageFormat format, uint32_t schema_id, CdcError *err)
{
	if (!cdc_format_is_json(format))
	{
		cdc_error(err, CDC_ERR_UNSUPPORTED, "messages in format \"%s\" cannot be decoded",
				  cdc_format_name(format));
		cdc_error_detail(err, "They are kept as bytes in the history's column raw.");
	}
	else
	{
		cdc_error(err, CDC_ERR_UNSUPPORTED,
				  "message is in a schema registry's binary form (Avro or Protobuf), not JSON");
		cdc_error_detail(err, "It begins with a zero byte and schema number %lu; the format is declared as \"%s\".",
						 (unsigned long) schema_id, cdc_format_name(format));
	}
	cdc_error_hint(err, "Let the producer write JSON (org.apache.kafka.connect.json.JsonConverter), or keep the bytes: format \"avro\" or \"protobuf\" without target_schema.");
	return CDC_ERR_UNSUPPORTED;
}

/* ---- what the formats share ---- */

CdcStatus
cdc_reader_no_memory(CdcReader *r)
{
	return cdc_error(r->err, CDC_ERR_NOMEM, "out of memory for a message");
}

bool
cdc_reader_op(CdcReader *r, CdcString type, const CdcOpName *names)
{
	r->env->type = type;
	for (; names->name != NULL; names++)
	{
		if (cdc_string_is(type, names->name))
		{
			r->env->op = names->op;
			return true;
		}
	}
	return false;
}

CdcStatus
cdc_reader_refuse(CdcReader *r, const char *format, const char *detail,...)
{
	char		text[CDC_ERROR_TEXT];
	va_list		args;

	va_start(args, detail);
	vsnprintf(text, sizeof(text), detail, args);
	va_end(args);
	cdc_error(r->err, CDC_ERR_VALUE, "not a message in format \"%s\"", format);
	cdc_error_detail(r->err, "%s", text);
	return CDC_ERR_VALUE;
}

char *
cdc_arena_string(CdcArena *arena, CdcString s)
{
	return cdc_arena_strndup(arena, s.data != NULL ? s.data : "", s.len);
}

CdcStatus
cdc_reader_table(CdcReader *r, CdcString database, CdcString table)
{
	CdcEnvelope *env = r->env;
	char	   *name;

	if ((database.len > 0 && memchr(database.data, '\0', database.len) != NULL) ||
		(table.len > 0 && memchr(table.data, '\0', table.len) != NULL))
		return cdc_reader_refuse(r, cdc_format_name(env->format),
								 "The name of the table contains a NUL character.");
	env->database = cdc_arena_string(r->arena, database);
	env->table = cdc_arena_string(r->arena, table);
	if (env->database == NULL || env->table == NULL)
		return cdc_reader_no_memory(r);
	env->source_table = NULL;
	if (table.len == 0)
		return CDC_OK;
	if (database.len == 0)
	{
		env->source_table = env->table;
		return CDC_OK;
	}
	name = cdc_arena_alloc(r->arena, database.len + table.len + 2);
	if (name == NULL)
		return cdc_reader_no_memory(r);
	memcpy(name, database.data, database.len);
	name[database.len] = '.';
	memcpy(name + database.len + 1, table.data, table.len);
	name[database.len + 1 + table.len] = '\0';
	env->source_table = name;
	return CDC_OK;
}

CdcStatus
cdc_reader_dotted_table(CdcReader *r, CdcString name)
{
	CdcString	database = {name.data, name.len};
	CdcString	table = name;

	while (database.len > 0 && name.data[database.len - 1] != '.')
		database.len--;
	table.data = name.data + database.len;
	table.len = name.len - database.len;
	if (database.len > 0)
		database.len--;
	return cdc_reader_table(r, database, table);
}

/* Room for so many names of key columns. */
static CdcString *
key_names(CdcReader *r, size_t n)
{
	return cdc_arena_alloc(r->arena, sizeof(CdcString) * (n > 0 ? n : 1));
}

CdcStatus
cdc_reader_key_array(CdcReader *r, const CdcDoc *array)
{
	CdcString  *names = key_names(r, array->ops->count(array));
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	int			n = 0;

	if (names == NULL)
		return cdc_reader_no_memory(r);
	array->ops->begin(array, &iter);
	while (array->ops->next(&iter, &key, &value))
	{
		if (value.type == CDC_DOC_STRING)
			names[n++] = value.string;
	}
	r->env->key = names;
	r->env->nkey = n;
	return CDC_OK;
}

/* More than any database's keys have; the columns of longer ones come in any order. */
#define MAX_ORDERED_KEY		64

/*
 * Whether the fields of a key's schema name each column of the key once: then
 * they tell the columns' order, which an object in JSONB has lost.
 */
static bool
names_all(const CdcDoc *fields, const CdcDoc *body, CdcString *names)
{
	CdcDocIter	iter;
	CdcString	none;
	CdcDoc		field;
	CdcDoc		value;
	size_t		n = 0;

	if (fields->ops->count(fields) != body->ops->count(body) ||
		body->ops->count(body) > MAX_ORDERED_KEY)
		return false;
	fields->ops->begin(fields, &iter);
	while (fields->ops->next(&iter, &none, &field))
	{
		CdcString	name = cdc_doc_find_string(&field, "field");

		if (!body->ops->find(body, name.data, name.len, &value))
			return false;
		for (size_t i = 0; i < n; i++)
		{
			if (names[i].len == name.len && memcmp(names[i].data, name.data, name.len) == 0)
				return false;
		}
		names[n++] = name;
	}
	return true;
}

CdcStatus
cdc_reader_key_object(CdcReader *r)
{
	CdcEnvelope *env = r->env;
	const CdcDoc *body = &env->key_body;
	CdcString  *names;
	CdcDoc	   *values;
	CdcDocIter	iter;
	CdcDoc		schema;
	CdcDoc		payload;
	CdcDoc		fields;
	size_t		count;
	size_t		n = 0;

	if (body->type != CDC_DOC_OBJECT)
		return CDC_OK;
	count = body->ops->count(body);
	names = key_names(r, count);
	values = cdc_arena_alloc(r->arena, sizeof(CdcDoc) * (count + 1));
	if (names == NULL || values == NULL)
		return cdc_reader_no_memory(r);
	cdc_split_payload(r->message->key, &schema, &payload);
	if (cdc_doc_find_type(&schema, "fields", CDC_DOC_ARRAY, &fields) &&
		names_all(&fields, body, names))
	{
		for (; n < count; n++)
			(void) body->ops->find(body, names[n].data, names[n].len, &values[n]);
	}
	else
	{
		body->ops->begin(body, &iter);
		while (n < count && body->ops->next(&iter, &names[n], &values[n]))
			n++;
	}
	env->key = names;
	env->key_values = values;
	env->nkey = (int) n;
	return CDC_OK;
}

/*
 * Kafka Connect's JsonConverter with schemas wraps the data in an object of exactly
 * these two.
 */
void
cdc_split_payload(const CdcDoc *doc, CdcDoc *schema, CdcDoc *payload)
{
	cdc_doc_set_null(schema);
	cdc_doc_set_null(payload);
	if (doc == NULL)
		return;
	*payload = *doc;
	if (doc->type != CDC_DOC_OBJECT || doc->ops->count(doc) != 2 ||
		!cdc_doc_find(doc, "schema", schema))
	{
		cdc_doc_set_null(schema);
		return;
	}
	if (!cdc_doc_find(doc, "payload", payload))
	{
		cdc_doc_set_null(schema);
		*payload = *doc;
	}
}

/* ---- recognition ---- */

static const CdcEnvelopeFormat *
recognise(const CdcEnvelope *env)
{
	for (size_t i = 0; i < COUNT(formats); i++)
	{
		if (formats[i]->recognise != NULL && formats[i]->recognise(&env->body))
			return formats[i];
	}
	/* a row with its schema alone */
	if (env->schema_name.len > 6 && env->body.type == CDC_DOC_OBJECT &&
		memcmp(env->schema_name.data + env->schema_name.len - 6, ".Value", 6) == 0)
		return &cdc_format_debezium_flat;
	return NULL;
}

/* The first members of an object, for the detail of an error. */
static void
list_members(const CdcDoc *doc, char *buf, size_t size)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	size_t		len = 0;
	int			n = 0;

	buf[0] = '\0';
	doc->ops->begin(doc, &iter);
	while (doc->ops->next(&iter, &key, &value) && len + 80 < size && n < 12)
	{
		len += (size_t) snprintf(buf + len, size - len, "%s\"%.*s\"", n > 0 ? ", " : "",
								 cdc_clip(key, 40), key.data);
		n++;
	}
}

static CdcStatus
not_recognised(CdcReader *r)
{
	const CdcDoc *body = &r->env->body;
	char		members[CDC_ERROR_TEXT / 2];

	cdc_error(r->err, CDC_ERR_VALUE, "format of the message is not recognised");
	if (body->type == CDC_DOC_OBJECT)
	{
		list_members(body, members, sizeof(members));
		cdc_error_detail(r->err, "It is an object with the members %s.", members);
	}
	else
		cdc_error_detail(r->err, "It is %s.", cdc_doc_type_name(body));
	cdc_error_hint(r->err, "Declare the subscription's format: maxwell, debezium, debezium_flat, goldengate, canal, quix, json for documents that are rows, or raw.");
	return CDC_ERR_VALUE;
}

/*
 * By the key alone: Maxwell's says it, all others are those of rows.  Without one it
 * is what Debezium sends behind the delete of a row that has no key.
 */
static const CdcEnvelopeFormat *
recognise_tombstone(const CdcMessage *message, const CdcEnvelope *env)
{
	if (message->value == NULL && env->key_body.type == CDC_DOC_NULL)
		return &cdc_format_debezium;
	if (cdc_format_maxwell.recognise(&env->key_body) || env->key_body.type == CDC_DOC_ARRAY)
		return &cdc_format_maxwell;
	return &cdc_format_debezium_flat;
}

/* What a format says of a message that is an object, or of one that is null. */
static CdcStatus
read_with(CdcReader *r, const CdcEnvelopeFormat *format)
{
	CdcEnvelope *env = r->env;
	char		members[CDC_ERROR_TEXT / 2];

	env->format = format->format;
	if (env->body.type == CDC_DOC_NULL)
	{
		env->op = CDC_OP_CONTROL;
		return format->tombstone != NULL ? format->tombstone(r) : CDC_OK;
	}
	if (env->body.type != CDC_DOC_OBJECT)
		return cdc_reader_refuse(r, format->name, "It is %s, not an object.",
								 cdc_doc_type_name(&env->body));
	if (format->recognise != NULL && format->format != CDC_FORMAT_DEBEZIUM_FLAT &&
		!format->recognise(&env->body))
	{
		list_members(&env->body, members, sizeof(members));
		return cdc_reader_refuse(r, format->name, "It is an object with the members %s.", members);
	}
	return format->read(r);
}

/* Where the rows are, for who asks for them. */
static void
note_images(CdcEnvelope *env)
{
	if (env->op != CDC_OP_INSERT && env->op != CDC_OP_UPDATE && env->op != CDC_OP_DELETE &&
		env->op != CDC_OP_SNAPSHOT)
		env->nrows = 0;
	else if (env->nrows == 0)
		env->nrows = 1;
}

CdcStatus
cdc_envelope_read(CdcArena *arena, CdcMessageFormat declared, const CdcMessage *message,
				  CdcEnvelope *env, CdcError *err)
{
	CdcReader	r = {arena, message, env, err};
	const CdcEnvelopeFormat *format = cdc_envelope_format(declared);
	const CdcEnvelopeFormat *seen = NULL;
	CdcDoc		schema;
	CdcStatus	st;

	memset(env, 0, sizeof(*env));
	cdc_error(err, CDC_OK, "%s", "");
	env->format = declared;
	env->database = env->table = "";
	env->op = CDC_OP_CONTROL;
	env->xoffset = -1;
	env->commit = -1;
	if (!cdc_format_is_json(declared))
		return cdc_reader_table(&r, (CdcString) {"", 0}, message->topic);
	cdc_split_payload(message->key, &schema, &env->key_body);
	env->schema_name = cdc_doc_find_string(&schema, "name");
	if (declared == CDC_FORMAT_JSON && message->value != NULL)
		env->body = *message->value;
	else
	{
		if (schema.type == CDC_DOC_OBJECT)
			(void) cdc_doc_find_type(&schema, "fields", CDC_DOC_ARRAY, &env->fields);
		cdc_split_payload(message->value, &schema, &env->body);
		if (env->body.type != CDC_DOC_NULL)
		{
			env->schema_name = cdc_doc_find_string(&schema, "name");
			cdc_doc_set_null(&env->fields);
			(void) cdc_doc_find_type(&schema, "fields", CDC_DOC_ARRAY, &env->fields);
		}
	}

	if (declared == CDC_FORMAT_AUTO || declared == CDC_FORMAT_DEBEZIUM)
		seen = env->body.type != CDC_DOC_NULL ? recognise(env) :
			declared == CDC_FORMAT_AUTO ? recognise_tombstone(message, env) : NULL;
	/* the connector's own messages beside the rows are never flattened */
	if (declared == CDC_FORMAT_DEBEZIUM_FLAT && cdc_format_debezium.recognise(&env->body))
		seen = &cdc_format_debezium;
	if (declared == CDC_FORMAT_AUTO)
		format = seen;
	else if (seen == &cdc_format_debezium_flat || seen == &cdc_format_debezium)
		format = seen;
	if (format == NULL)
		return not_recognised(&r);
	st = read_with(&r, format);
	if (st != CDC_OK)
		return st;
	note_images(env);
	if (env->nrows > 0 && env->source_table == NULL)
		return cdc_reader_refuse(&r, format->name, "It has a row, but names no table.");
	return CDC_OK;
}
