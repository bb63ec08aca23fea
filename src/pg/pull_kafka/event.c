/*-------------------------------------------------------------------------
 *
 * event.c
 *	  A message of Kafka to a row of the history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/bounded_text.h"
#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/base/hash.h"
#include "pg/base/utf8.h"
#include "pg/catalog/spi.h"
#include "pg/datum/json_text_in.h"
#include "pg/datum/jsonb_document.h"
#include "pg/datum/jsonb_writer.h"
#include "pg/pull_kafka/discover.h"
#include "pg/registry/codec.h"
#include "pg/schema/schema.h"
#include "pg/mapping/cache.h"

/* A writer that has held a message of this size gives its memory back. */
#define LARGE_BYTES		((size_t) 1024 * 1024)

/* JSONB writers keep their memory, and remember the shapes of rows. */
struct CdcKafkaEventMaker
{
	const CdcSubscription *sub;
	CdcMessageFormat	format;
	CdcArena   *arena;
	CdcCodec   *value_codec;	/* NULL: as they are */
	CdcCodec   *key_codec;
	bool		no_schema;		/* the registry did not give that of the message at hand */
	CdcJsonbWriter *value;
	MemoryContext value_context;	/* of that writer */
	bool		swollen;		/* by a large message */
	CdcJsonbWriter *key;
	char		position[CDC_KAFKA_POSITION_TEXT];
	char		gtid[256];

	HTAB	   *known;			/* names of tables that need nothing; NULL: this process finds out */
	HTAB	   *tables;			/* Table by name */
	struct Table *last;			/* the one found last; NULL: none yet */
	MemoryContext context;
};

#define TABLE_NAME		CDC_TABLE_NAME

/* What is known of a table that messages name. */
typedef struct Table
{
	char		name[TABLE_NAME];	/* as the envelope has it: UTF-8 */
	char	   *text;			/* in the database's encoding */
	bool		wanted;
	bool		known;			/* it has its replica, or needs none */
	uint64		key_form;		/* of the last message with a row; 0: none yet */
} Table;

static void
make_value_writer(CdcKafkaEventMaker *maker)
{
	if (maker->value_context != NULL)
		MemoryContextDelete(maker->value_context);
	maker->value_context = AllocSetContextCreate(maker->context, "cdc_ingest message value",
												 ALLOCSET_SMALL_SIZES);
	maker->value = cdc_jsonb_writer_create(maker->value_context);
	maker->swollen = false;
}

void
cdc_kafka_event_maker_trim(CdcKafkaEventMaker *maker)
{
	if (maker->swollen)
		make_value_writer(maker);
}

/* What is made of Avro and Protobuf: what the format understands. */
static CdcCodecForm
codec_form(CdcMessageFormat format)
{
	if (format == CDC_FORMAT_DEBEZIUM || format == CDC_FORMAT_DEBEZIUM_FLAT)
		return CDC_CODEC_CONNECT;
	return format == CDC_FORMAT_AUTO ? CDC_CODEC_AUTO : CDC_CODEC_READABLE;
}

/* What decodes keys or values; NULL: they are plain. */
static CdcCodec *
make_codec(CdcKafkaEventMaker *maker, const char *option, CdcPayloadFormat format,
		   const char *schema)
{
	const CdcSubscription *sub = maker->sub;
	ForeignServer *server;
	CdcCodec   *codec;

	if (format == CDC_PAYLOAD_PLAIN && (schema == NULL || schema[0] == '\0'))
		return NULL;
	server = GetForeignServerByName(sub->server, false);
	codec = cdc_codec_create(maker->context, server->serverid, sub->owner_oid, format,
							 codec_form(maker->format), schema, option);
	cdc_codec_report_failures(codec, &maker->no_schema);
	return codec;
}

CdcKafkaEventMaker *
cdc_kafka_event_maker_create(MemoryContext context, const CdcSubscription *sub)
{
	CdcKafkaEventMaker *maker = MemoryContextAllocZero(context, sizeof(CdcKafkaEventMaker));

	maker->tables = cdc_hash_of_strings("cdc_ingest tables", 64, TABLE_NAME,
										sizeof(Table), context);
	maker->context = context;
	maker->sub = sub;
	if (!cdc_format_by_name(sub->format, &maker->format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid format \"%s\" of subscription \"%s\"", sub->format, sub->name)));
	maker->value_codec = make_codec(maker, "value_schema", sub->opt.payload.value_format,
									sub->opt.payload.value_schema);
	maker->key_codec = make_codec(maker, "key_schema", sub->opt.payload.key_format,
								  sub->opt.payload.key_schema);
	make_value_writer(maker);
	maker->key = cdc_jsonb_writer_create(context);
	maker->arena = cdc_schema_arena(context);
	return maker;
}

CdcKafkaEventMaker *
cdc_kafka_event_maker_create_apart(MemoryContext context, const CdcSubscription *sub,
								   char **known, int n)
{
	CdcKafkaEventMaker *maker = cdc_kafka_event_maker_create(context, sub);
	int			i;

	maker->known = cdc_hash_of_strings("cdc_ingest known tables", Max(n, 64), TABLE_NAME,
									   TABLE_NAME, context);
	for (i = 0; i < n; i++)
	{
		char		name[TABLE_NAME];

		if (strlen(known[i]) >= TABLE_NAME)
			continue;
		strlcpy(name, known[i], sizeof(name));
		(void) hash_search(maker->known, name, HASH_ENTER, NULL);
	}
	return maker;
}

List *
cdc_kafka_event_maker_known(const CdcKafkaEventMaker *maker)
{
	HASH_SEQ_STATUS scan;
	const Table *table;
	List	   *result = NIL;

	hash_seq_init(&scan, maker->tables);
	while ((table = hash_seq_search(&scan)) != NULL)
		if (table->wanted && table->known)
			result = lappend(result, table->text);
	return result;
}

static void
position_text(char *buf, const char *topic, int32 partition, int64 offset)
{
	snprintf(buf, CDC_KAFKA_POSITION_TEXT, "%s/%d@" INT64_FORMAT, topic, partition, offset);
}

/* ---- parts of a message ---- */

/*
 * The key as JSON: itself, or a string; NULL: the message has none, or, with err filled,
 * it does not fit its schema.
 */
static const Jsonb *
parse_key(CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg, CdcError *err)
{
	CdcSink    *sink = cdc_jsonb_writer_sink(maker->key);
	const Jsonb *key = NULL;
	CdcPayload	kind;
	uint32_t	schema_id;
	size_t		skip = 0;
	char	   *hex;

	err->status = CDC_OK;
	if (msg->key == NULL)
		return NULL;
	if (maker->key_codec != NULL)
	{
		key = cdc_codec_jsonb(maker->key_codec, maker->key, msg->key, msg->key_len, err);
		if (key == NULL && strncmp(err->message, "message ", 8) == 0)
		{
			char		message[CDC_ERROR_TEXT];

			strlcpy(message, err->message, sizeof(message));
			snprintf(err->message, sizeof(err->message), "key of the %.900s", message);
		}
		return key;
	}
	kind = cdc_payload_look((const uint8_t *) msg->key, msg->key_len, &schema_id, &skip);
	if (kind == CDC_PAYLOAD_REGISTRY && maker->value_codec != NULL &&
		maker->format != CDC_FORMAT_JSON)
	{
		cdc_error(err, CDC_ERR_VALUE, "key of the message begins with the number of a schema");
		cdc_error_hint(err, "Set key_format as well: SELECT cdc.alter_subscription(%s, '{\"key_format\": \"%s\"}').",
					   cdc_to_utf8(quote_literal_cstr(maker->sub->name)),
					   cdc_codec_word(maker->value_codec));
		return NULL;
	}
	if (kind == CDC_PAYLOAD_TEXT)
		key = cdc_jsonb_from_text(maker->key, msg->key + skip, msg->key_len - skip, err);
	if (key != NULL)
		return key;
	err->status = CDC_OK;
	cdc_jsonb_writer_reset(maker->key);
	if (sink->ops->string(sink, msg->key, msg->key_len) == CDC_OK)
		return cdc_jsonb_writer_finish(maker->key);

	/* no text: as bytea prints it */
	hex = palloc(msg->key_len * 2 + 3);
	memcpy(hex, "\\x", 2);
	(void) hex_encode(msg->key, (unsigned) msg->key_len, hex + 2);
	cdc_jsonb_writer_reset(maker->key);
	CDC_CHECK(sink->ops->string(sink, hex, msg->key_len * 2 + 2), err, maker->sub->name);
	pfree(hex);
	return cdc_jsonb_writer_finish(maker->key);
}

/* Whether an envelope of the format may have something in its key. */
static bool
key_matters(CdcMessageFormat format, const CdcKafkaMessage *msg)
{
	return msg->value == NULL || format == CDC_FORMAT_AUTO || format == CDC_FORMAT_DEBEZIUM ||
		format == CDC_FORMAT_DEBEZIUM_FLAT || format == CDC_FORMAT_JSON;
}

/* The value as JSON; NULL with err filled where it is none. */
static const Jsonb *
parse_value(CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg, CdcError *err)
{
	uint32_t	schema_id;
	size_t		skip = 0;

	if (maker->value_codec != NULL)
		return cdc_codec_jsonb(maker->value_codec, maker->value, msg->value, msg->value_len, err);
	if (cdc_payload_look((const uint8_t *) msg->value, msg->value_len, &schema_id, &skip) !=
		CDC_PAYLOAD_TEXT)
	{
		(void) cdc_payload_refuse(maker->format, schema_id, err);
		return NULL;
	}
	return cdc_jsonb_from_text(maker->value, msg->value + skip, msg->value_len - skip, err);
}

/* What is known of the table that the envelope names; NULL: it names none. */
static Table *
find_table(CdcKafkaEventMaker *maker, const CdcEnvelope *env)
{
	char		name[TABLE_NAME];
	bool		found;
	Table	   *table;

	if (env->source_table == NULL)
		return NULL;
	if (maker->last != NULL && strcmp(maker->last->name, env->source_table) == 0)
		return maker->last;
	strlcpy(name, env->source_table, sizeof(name));
	table = hash_search(maker->tables, name, HASH_ENTER, &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(maker->context);

		table->known = false;
		table->key_form = 0;
		table->wanted = false;
		table->text = NULL;
		table->text = cdc_from_utf8_copy(env->source_table);
		table->wanted = cdc_subscription_wants(maker->sub, cdc_from_utf8_copy(env->database),
											   cdc_from_utf8_copy(env->table));
		table->known = maker->known != NULL && strlen(table->text) < TABLE_NAME &&
			hash_search(maker->known, table->text, HASH_FIND, NULL) != NULL;
		MemoryContextSwitchTo(old);
	}
	maker->last = table;
	return table;
}

static inline bool
is_row(CdcOp op)
{
	return op == CDC_OP_INSERT || op == CDC_OP_UPDATE || op == CDC_OP_DELETE ||
		op == CDC_OP_SNAPSHOT;
}

/* What the envelope says of the event's row and its transaction. */
static void
take_envelope(CdcKafkaEventMaker *maker, const CdcEnvelope *env, const Table *table,
			  CdcKafkaEvent *event)
{
	CdcHistoryRow *row = &event->row;

	event->wanted = table == NULL || table->wanted;
	row->source_table = table != NULL ? table->text : NULL;
	event->commit = env->commit;
	event->xid = env->xid;
	row->op = (char) env->op;
	if (env->source_us != 0)
		row->source_ts = cdc_timestamptz_of_unix_us(env->source_us);
	if (env->gtid.len > 0 && env->gtid.len < sizeof(maker->gtid))
	{
		memcpy(maker->gtid, env->gtid.data, env->gtid.len);
		maker->gtid[env->gtid.len] = '\0';
		row->gtid = GetDatabaseEncoding() == PG_UTF8 ? maker->gtid : cdc_from_utf8(maker->gtid);
	}
}

/* The value as a document; false: it is not JSON. */
static bool
take_value(CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg, CdcKafkaEvent *event,
		   CdcDoc *doc)
{
	CdcHistoryRow *row = &event->row;
	const Jsonb *value;

	cdc_kafka_event_maker_trim(maker);
	maker->swollen = msg->value_len > LARGE_BYTES;
	value = parse_value(maker, msg, &event->err);
	row->event = value;
	if (value == NULL || cdc_jsonb_writer_sink(maker->value)->has_nul)
	{
		row->raw = msg->value;
		row->raw_len = msg->value_len;
	}
	/* whoever reads the history needs no schema: its original text is JSON */
	if (value != NULL && row->raw != NULL && maker->value_codec != NULL)
	{
		row->raw = cdc_codec_text(maker->value_codec, msg->value, &row->raw_len, &event->err);
		if (row->raw == NULL)
			cdc_ereport(&event->err, maker->sub->name);
	}
	if (value == NULL && (event->err.status == CDC_ERR_NOMEM ||
						  event->err.status == CDC_ERR_INTERNAL))
		cdc_ereport(&event->err, maker->sub->name);
	if (value == NULL && event->err.status == CDC_ERR_SYNTAX &&
		maker->format == CDC_FORMAT_GOLDENGATE)
		cdc_error_hint(&event->err, "%s", CDC_GOLDENGATE_MODE_HINT);
	if (value == NULL)
		return false;
	cdc_doc_from_jsonb(&value->root, doc);
	return true;
}

/* The envelope of a message with that key; NULL: none, or it says nothing. */
static CdcStatus
read_with_key(CdcKafkaEventMaker *maker, const Jsonb *key, CdcDoc *key_doc, CdcMessage *message,
			  CdcEnvelope *env, CdcError *err)
{
	if (key != NULL)
	{
		cdc_doc_from_jsonb(&key->root, key_doc);
		message->key = key_doc;
	}
	cdc_arena_reset(maker->arena);
	return cdc_envelope_read(maker->arena, maker->format, message, env, err);
}

/* Whether the next character that is no blank is a colon. */
static bool
is_before_colon(const char *text, size_t len, size_t i)
{
	while (i < len && isspace((unsigned char) text[i]))
		i++;
	return i < len && text[i] == ':';
}

/* FNV-1a */
static inline uint64
add_to_form(uint64 form, const char *bytes, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
		form = (form ^ (uint8) bytes[i]) * UINT64CONST(1099511628211);
	return form;
}

/*
 * What stands for the names of members in a key that is JSON, in their order, whatever their
 * values are; 0: the message has no key that could name columns.  The key need not be valid.
 */
static uint64
form_of_key(const CdcKafkaMessage *msg)
{
	uint64		form = UINT64CONST(14695981039346656037);
	const char *key = msg->key;
	size_t		len = msg->key != NULL ? msg->key_len : 0;
	size_t		begin;
	size_t		i = 0;

	if (len > 5 && key[0] == 0)
		i = 5;					/* behind the number of a schema */
	if (i >= len || (key[i] != '{' && key[i] != '['))
		return 0;
	for (; i < len; i++)
	{
		if (key[i] != '"')
			continue;
		for (begin = ++i; i < len && key[i] != '"'; i++)
			if (key[i] == '\\')
				i++;
		if (i >= len)
			break;
		if (is_before_colon(key, len, i + 1))
			form = add_to_form(form, key + begin, i + 1 - begin);
	}
	return form != 0 ? form : 1;
}

/* The same by the names of columns that are known; never 0. */
static uint64
form_of_columns(const CdcEnvelope *env)
{
	uint64		form = UINT64CONST(14695981039346656037);
	int			i;

	for (i = 0; i < env->nkey; i++)
	{
		form = add_to_form(form, env->key[i].data, env->key[i].len);
		form = add_to_form(form, "\"", 1);
	}
	return form != 0 ? form : 1;
}

/*
 * The key of the first message of each form goes to the history in any case: so apply learns
 * when the source tells rows of a table apart by other columns.
 */
static CdcStatus
note_key_form(CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg, Table *table,
			  const CdcEnvelope *env, const Jsonb *key, CdcKafkaEvent *event)
{
	uint64		form;

	if (!table->wanted || !is_row(env->op) || event->row.key != NULL)
		return CDC_OK;
	form = key != NULL && env->nkey > 0 ? form_of_columns(env) :
		maker->key_codec != NULL ? 0 : form_of_key(msg);
	if (form == 0 || form == table->key_form)
		return CDC_OK;
	if (key == NULL)
		key = parse_key(maker, msg, &event->err);
	if (cdc_failed(event->err.status))
		return event->err.status;
	event->row.key = key;
	table->key_form = form;
	return CDC_OK;
}

/*
 * Reads the envelope, with the message's key where that may say something: in
 * some formats always, in others for a new table, as it names the primary key.
 */
static CdcStatus
read_envelope(CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg, CdcMessage *message,
			  CdcEnvelope *env, CdcKafkaEvent *event)
{
	const Jsonb *key = NULL;
	CdcDoc		key_doc;
	Table	   *table;
	CdcStatus	st = CDC_OK;

	if (key_matters(maker->format, msg))
	{
		key = parse_key(maker, msg, &event->err);
		st = event->err.status;
	}
	if (!cdc_failed(st))
		st = read_with_key(maker, key, &key_doc, message, env, &event->err);
	if (cdc_failed(st))
		return st;
	if (env->source_table != NULL && strlen(env->source_table) >= TABLE_NAME)
		return cdc_error(&event->err, CDC_ERR_LIMIT,
						 "the name of its table is longer than %d bytes", TABLE_NAME - 1);
	table = find_table(maker, env);
	if (maker->known != NULL && table != NULL && table->wanted &&
		(!table->known || env->makes_table))
	{
		event->beyond = true;
		return CDC_OK;
	}
	if (key == NULL && msg->key != NULL && env->nkey == 0 && table != NULL &&
		table->wanted && !table->known && is_row(env->op))
	{
		key = parse_key(maker, msg, &event->err);
		st = event->err.status;
		if (cdc_failed(st))
			return st;
		st = read_with_key(maker, key, &key_doc, message, env, &event->err);
		if (cdc_failed(st))
			return st;
	}
	/* with a target of its own: rows of a former table may be in it */
	event->empties = env->makes_table && table != NULL && table->wanted &&
		cdc_target_is_registered(maker->sub, table->text);
	if (env->keep_key)
		event->row.key = key;
	if (table != NULL && table->wanted && !table->known)
	{
		table->known = cdc_discover_table(maker->sub, maker->arena, env, 0);
		/* with no replica that could be in error for it */
		if (!table->known && cdc_failed(cdc_envelope_check_whole(env, &event->err)))
			return event->err.status;
		/* who adds the table later will want to know its key */
		if (!cdc_target_is_registered(maker->sub, table->text))
			event->row.key = key;
	}
	if (table != NULL)
		st = note_key_form(maker, msg, table, env, key, event);
	if (cdc_failed(st))
		return st;
	take_envelope(maker, env, table, event);
	return CDC_OK;
}

void
cdc_kafka_rows_of_add(CdcKafkaRowsOf *to, const char *table, bool tells_gone)
{
	if (to->table[0] != '\0' && strcmp(to->table, table) != 0)
		table = tells_gone ? CDC_ROWS_OF_TOLD : CDC_ROWS_OF_SEVERAL;
	strlcpy(to->table, table, sizeof(to->table));
}

/* What stands for a message's key; never 0. */
static uint64
sum_of_key(const CdcKafkaMessage *msg)
{
	return add_to_form(UINT64CONST(14695981039346656037), msg->key, msg->key_len) | 1;
}

/* Notes what a message of Debezium's says that a tombstone behind it lacks. */
static void
note_rows_of(const CdcKafkaMessage *msg, const CdcEnvelope *env, CdcKafkaRowsOf *rows_of)
{
	if (msg->value == NULL || env->source_table == NULL || !is_row(env->op))
		return;
	cdc_kafka_rows_of_add(rows_of, env->source_table, env->tells_gone);
	rows_of->gone = env->op == CDC_OP_DELETE && msg->key != NULL ? sum_of_key(msg) : 0;
}

/* Where it was when a schema could not be had. */
static void
schema_context(void *arg)
{
	const CdcKafkaEventMaker *maker = arg;

	errcontext("subscription \"%s\", message %s", maker->sub->name, maker->position);
}

static void
make_event(CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg, CdcKafkaRowsOf *rows_of,
		   CdcKafkaEvent *event)
{
	CdcMessage	message = {{0}};
	CdcEnvelope env;
	CdcDoc		value;

	env.looks_like = CDC_FORMAT_AUTO;
	if (msg->value != NULL)
	{
		if (!take_value(maker, msg, event, &value))
		{
			event->poison = true;
			return;
		}
		message.value = &value;
	}
	message.topic.data = msg->topic;
	message.topic.len = strlen(msg->topic);
	message.rows_of = rows_of->table[0] != '\0' ? rows_of->table : NULL;
	message.told = msg->value == NULL && msg->key != NULL && rows_of->gone == sum_of_key(msg);
	if (!cdc_failed(read_envelope(maker, msg, &message, &env, event)))
	{
		if (env.format != CDC_FORMAT_DEBEZIUM && env.format != CDC_FORMAT_DEBEZIUM_FLAT)
			return;
		note_rows_of(msg, &env, rows_of);
		/* of which table it is others know */
		event->beyond |= rows_of->in_part && msg->value == NULL && !message.told;
		return;
	}
	if (event->err.status == CDC_ERR_NOMEM || event->err.status == CDC_ERR_INTERNAL)
		cdc_ereport(&event->err, maker->sub->name);
	if (env.looks_like != CDC_FORMAT_AUTO)
	{
		event->err.hint[0] = '\0';
		cdc_error_hint(&event->err, "It looks like a message in format \"%s\". If all are: SELECT cdc.alter_subscription(%s, format := '%s').",
					   cdc_format_name(env.looks_like), cdc_to_utf8(quote_literal_cstr(maker->sub->name)),
					   cdc_format_name(env.looks_like));
	}
	event->poison = true;
}

void
cdc_kafka_event_make(CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg,
					 CdcKafkaRowsOf *rows_of, CdcKafkaEvent *event)
{
	CdcHistoryRow *row = &event->row;
	ErrorContextCallback callback;

	event->wanted = true;
	event->poison = false;
	event->beyond = false;
	event->unread = false;
	event->empties = false;
	event->commit = -1;
	event->xid = 0;
	memset(row, 0, sizeof(*row));
	row->op = (char) CDC_OP_CONTROL;
	row->source_ts = msg->ts_ms > 0 ? cdc_timestamptz_of_unix_ms(msg->ts_ms) : 0;
	position_text(maker->position, msg->topic, msg->partition, msg->offset);
	row->position = maker->position;

	if (!cdc_format_is_json(maker->format))
	{
		row->raw = msg->value;
		row->raw_len = msg->value_len;
		return;
	}
	if (maker->value_codec == NULL && maker->key_codec == NULL)
	{
		make_event(maker, msg, rows_of, event);
		return;
	}
	maker->no_schema = false;
	callback.callback = schema_context;
	callback.arg = maker;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	make_event(maker, msg, rows_of, event);
	event->unread = maker->no_schema;
	error_context_stack = callback.previous;
}

void
cdc_kafka_event_unread(const CdcKafkaEventMaker *maker, const CdcKafkaMessage *msg,
					   CdcKafkaEvent *event)
{
	ErrorContextCallback callback;
	char	   *hint = pstrdup(event->err.hint);
	char	   *name = cdc_to_utf8(quote_literal_cstr(maker->sub->name));

	cdc_kafka_blame(maker->sub, msg->topic, msg->partition);
	event->err.hint[0] = '\0';
	cdc_error_hint(&event->err, "%s%sWhat came before it is kept. Should it be so for ever, to pass over this message: SELECT cdc.set_position(%s, '%s/%d@" INT64_FORMAT "').",
				   hint, hint[0] != '\0' ? "  " : "", name, msg->topic, msg->partition, msg->offset + 1);
	callback.callback = schema_context;
	callback.arg = (void *) maker;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	cdc_ereport(&event->err, NULL);
}
