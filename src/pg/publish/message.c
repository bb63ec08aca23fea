/*-------------------------------------------------------------------------
 *
 * message.c
 *	  What messages an event of the history becomes.
 *
 *	  maxwell	the event; with the option tombstones a message without a value
 *				behind each delete
 *	  json		the row after the change under its key; a delete is a tombstone
 *	  es_bulk, debezium, goldengate_..., canal, quix: in files of their own
 *
 * Where an update changes the key, all formats delete under the old one: a message of
 * both keys would have no order with those of one of them in another partition.  So is it
 * where templates read columns, and the row gets another topic, key or index.  DDL and
 * other events go out as they are, DDL to a topic of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/utf8.h"

/* The event's own text: the original bytes where JSONB could not hold them. */
static const char *
event_text(CdcPublisher *publisher, const CdcPublishEvent *event, size_t *len)
{
	*len = event->raw_len;
	if (event->raw != NULL || !event->has_doc)
		return event->raw;
	cdc_json_text_reset(publisher->value);
	cdc_publish_maxwell_value(publisher->value, &event->doc);
	*len = publisher->value->buf.len;
	return publisher->value->buf.data;
}

/*
 * Events that are no change of a row
 */

/* By CdcPublishFormat. */
static const CdcPublishMethods methods[];

/* A TRUNCATE in formats that have a message for it; false: the publication's has none. */
bool
cdc_publish_truncate(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	static const CdcPublishKey none = {0, NULL};
	const CdcJsonText *key;

	if (methods[publisher->publication->format].truncate == NULL)
		return false;
	cdc_json_text_reset(publisher->value);
	methods[publisher->publication->format].truncate(publisher, event);
	key = cdc_publish_names_key(publisher, event, true);
	cdc_publish_message(publisher,
						cdc_publish_topic(publisher->publication->topic_template, event, &none, NULL),
						key->buf.data, key->buf.len, publisher->value->buf.data,
						publisher->value->buf.len);
	return true;
}

/* Maxwell's message of TRUNCATE, to the table's own topic: the event is another one. */
static void
send_maxwell_truncate(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	static const CdcPublishKey none = {0, NULL};
	CdcJsonText *text = publisher->value;
	const CdcJsonText *key;

	cdc_json_text_reset(text);
	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	cdc_publish_put_text(text, "database", event->database.data, event->database.len);
	cdc_publish_put_text(text, "table", event->table.data, event->table.len);
	cdc_publish_put_text(text, "type", "table-truncate", strlen("table-truncate"));
	cdc_publish_check(text->sink.ops->key(&text->sink, "ts", 2));
	cdc_publish_check(text->sink.ops->int64(&text->sink, event->source_us / 1000));
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
	key = cdc_publish_names_key(publisher, event, true);
	cdc_publish_message(publisher,
						cdc_publish_topic(publisher->publication->topic_template, event, &none, NULL),
						key->buf.data, key->buf.len, text->buf.data, text->buf.len);
}

void
cdc_publish_empty_message(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	if (publisher->publication->format == CDC_PUBLISH_MAXWELL)
		send_maxwell_truncate(publisher, event);
	else
		(void) cdc_publish_truncate(publisher, event);
}

/* A DDL event as it is, to the topic for DDL. */
void
cdc_publish_ddl(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	static const CdcPublishKey none = {0, NULL};
	const char *template = publisher->publication->opt.ddl_topic;
	const CdcJsonText *key;
	const char *value;
	size_t		len;

	if (template[0] == '\0')
		return;
	/* what concerns one database keeps its order */
	key = cdc_publish_names_key(publisher, event, false);
	value = event_text(publisher, event, &len);
	cdc_publish_message(publisher, cdc_publish_topic(template, event, &none, NULL), key->buf.data, key->buf.len, value, len);
}

/* The key that the message had, text as it was. */
static const char *
kept_key(CdcPublisher *publisher, const CdcPublishEvent *event, size_t *len)
{
	*len = event->key.string.len;
	if (event->key.type == CDC_DOC_STRING)
		return event->key.string.data;
	cdc_json_text_reset(publisher->key);
	cdc_publish_check(cdc_doc_emit(&event->key, &publisher->key->sink));
	*len = publisher->key->buf.len;
	return publisher->key->buf.data;
}

/*
 * Sends an event that is no change in Maxwell's format as it is: a copy's begin and
 * end, other envelopes, bytes.  Where the key is not known, the names of the table
 * are the key, so that the table's events keep their order.
 */
void
cdc_publish_other(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	static const CdcPublishKey none = {0, NULL};
	CdcPublication *publication = publisher->publication;
	const char *key;
	const char *value;
	size_t		key_len;
	size_t		len;

	if (publisher->live != NULL)
		return;
	if (event->table.len == 0)
	{
		if (publication->opt.raw_topic[0] == '\0')
			return;
		value = event_text(publisher, event, &len);
		cdc_publish_message(publisher, cdc_publish_topic(publication->opt.raw_topic, event, &none, NULL), NULL, 0, value, len);
		return;
	}
	/* begin and end of a copy are of Maxwell's format only */
	if (publication->format != CDC_PUBLISH_MAXWELL && event->raw == NULL)
		return;
	if (event->has_key)
		key = kept_key(publisher, event, &key_len);
	else
	{
		key = cdc_publish_names_key(publisher, event, true)->buf.data;
		key_len = publisher->key->buf.len;
	}
	value = event_text(publisher, event, &len);
	cdc_publish_message(publisher, cdc_publish_topic(publication->topic_template, event, &none, NULL),
				 key, key_len, value, len);
}

/*
 * Changes of rows
 */

/* A change in format maxwell. */
static void
send_maxwell(CdcPublishChange *change)
{
	bool		tombstones = change->publisher->publication->opt.tombstones;
	const char *key;
	const char *value;
	size_t		key_len;
	size_t		len;

	if (tombstones && change->key_changed)
		cdc_publish_tombstone(change, &change->former);
	key = cdc_publish_message_key(change, &change->row, &key_len);
	if (change->type != NULL)
	{
		cdc_json_text_reset(change->publisher->value);
		cdc_publish_maxwell_row(change->publisher->value, change);
		value = change->publisher->value->buf.data;
		len = change->publisher->value->buf.len;
	}
	else
		value = event_text(change->publisher, change->event, &len);
	cdc_publish_message(change->publisher, change->topic, key, key_len, value, len);
	if (tombstones && change->event->op == 'd')
		cdc_publish_tombstone(change, &change->row);
}

static bool
maxwell_key(CdcPublishChange *change, const CdcPublishRow *row)
{
	cdc_publish_maxwell_key(change->publisher->key, change->event, change->key, row,
							change->publisher->publication->sub->kind != CDC_SERVER_KAFKA);
	return true;
}

static bool
row_key(CdcPublishChange *change, const CdcPublishRow *row)
{
	if (change->key->n == 0)
		return false;
	cdc_publish_row_key(change->publisher->key, change->key, row);
	return true;
}

/* A change in format json. */
static void
send_json(CdcPublishChange *change)
{
	CdcJsonText *value = change->publisher->value;
	const char *key;
	size_t		len;

	if (change->event->op == 'd' && change->key->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a delete in %s, which has no primary key, cannot be published in format json",
						change->event->source_table),
				 errhint("Publish the table in format maxwell.")));
	if (change->key_changed)
	{
		cdc_publish_check_whole(change);
		cdc_publish_tombstone(change, &change->former);
	}
	if (change->event->op == 'd')
	{
		cdc_publish_tombstone(change, &change->row);
		return;
	}
	key = cdc_publish_message_key(change, &change->row, &len);
	cdc_json_text_reset(value);
	cdc_publish_check(cdc_doc_emit(&change->data, &value->sink));
	cdc_publish_message(change->publisher, change->topic, key, len, value->buf.data, value->buf.len);
}

/*
 * Dispatch
 */

static const CdcPublishMethods methods[] = {
	[CDC_PUBLISH_MAXWELL] = {send_maxwell, NULL, maxwell_key},
	[CDC_PUBLISH_JSON] = {send_json, NULL, row_key},
	[CDC_PUBLISH_ES_BULK] = {cdc_publish_es_bulk, NULL, cdc_publish_es_key},
	[CDC_PUBLISH_DEBEZIUM] = {cdc_publish_debezium, cdc_publish_debezium_truncate, cdc_publish_debezium_key},
	[CDC_PUBLISH_GOLDENGATE_ROW] = {cdc_publish_goldengate_row, cdc_publish_goldengate_truncate, NULL},
	[CDC_PUBLISH_GOLDENGATE_OP] = {cdc_publish_goldengate_op, cdc_publish_goldengate_truncate, NULL},
	[CDC_PUBLISH_CANAL] = {cdc_publish_canal, cdc_publish_canal_truncate, NULL},
	[CDC_PUBLISH_QUIX] = {cdc_publish_quix, cdc_publish_quix_truncate, NULL}
};

/* Whether a column of the key has a former value. */
static bool
key_changed(const CdcPublishChange *change)
{
	CdcDoc		value;
	int			i;

	for (i = 0; i < change->key->n; i++)
	{
		if (cdc_doc_find(&change->old, change->key->columns[i], &value))
			return true;
	}
	return false;
}

/* ERROR where the row lacks a part of its key: others may lack it too, and would be the same. */
static void
check_key(const CdcPublishChange *change, const CdcPublishRow *row)
{
	CdcDoc		value;
	int			i;

	for (i = 0; i < change->key->n; i++)
		if (!cdc_publish_key_value(row, change->key->columns[i], &value) ||
			value.type == CDC_DOC_NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("a row of %s has no value in column \"%s\" of its key",
							change->event->source_table, change->key->columns[i]),
					 errdetail("In format %s a row is known by its key alone.",
							   cdc_publish_format_name(change->publisher->publication->format))));
}

/* Sends the JSON schema of the table, where there is a topic for that and it is a new one. */
static void
announce_definition(CdcPublishChange *change)
{
	static const CdcPublishKey none = {0, NULL};
	CdcPublisher *publisher = change->publisher;
	const CdcPublication *p = publisher->publication;

	if ((p->format != CDC_PUBLISH_GOLDENGATE_ROW && p->format != CDC_PUBLISH_GOLDENGATE_OP) ||
		p->opt.schema_topic[0] == '\0' ||
		!cdc_publish_definition_is_new(publisher, change->event))
		return;
	cdc_publish_goldengate_schema(publisher, change->definition);
	cdc_publish_message(publisher,
						cdc_publish_topic(p->opt.schema_topic, change->event, &none, NULL),
						change->definition->full_name, strlen(change->definition->full_name),
						publisher->value->buf.data, publisher->value->buf.len);
}

/* The statement that leaves the table out of the publication. */
static char *
leave_out(const CdcPublishChange *change)
{
	const CdcPublication *p = change->publisher->publication;

	return cdc_publication_statement(p, "exclude",
									 psprintf("%s%s%s", p->opt.exclude != NULL ? p->opt.exclude : "",
											  p->opt.exclude != NULL ? ", " : "",
											  change->event->source_table != NULL ? cdc_from_utf8_copy(change->event->source_table) : ""));
}

/*
 * ERROR where the event has less than the row and the format's document would be taken for all
 * of it.  An update of a document in Elasticsearch may be of some of its members; and rows that
 * are told at an event of DDL were looked at there.
 */
static void
require_whole_row(const CdcPublishChange *change)
{
	const CdcPublication *p = change->publisher->publication;
	const char *column;

	if ((p->format != CDC_PUBLISH_JSON && p->format != CDC_PUBLISH_ES_BULK) || change->event->op == 'd' ||
		(p->format == CDC_PUBLISH_ES_BULK && change->event->op == 'u') || change->alone ||
		(column = cdc_publish_missing_column(change)) == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a change in %s does not tell column \"%s\"",
					change->event->source_table, cdc_from_utf8_copy(column)),
			 p->sub->kind == CDC_SERVER_KAFKA ?
			 errdetail("In format %s a document is the whole row, which the message does not have.",
					   cdc_publish_format_name(p->format)) :
			 errdetail("In format %s a document is the whole row; binlog_row_image was not FULL in the session that made the change.",
					   cdc_publish_format_name(p->format)),
			 errhint("Publish the table in another format. To leave it out here: %s", leave_out(change))));
}

/* ERROR where all columns tell which row was updated, and the source did not tell what they were. */
static void
require_former_row(const CdcPublishChange *change)
{
	const char *column = change->key->n == 0 ? cdc_publish_untold(change->event, NULL) : NULL;

	if (column == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("an update in %s does not tell what column \"%s\" was",
					change->event->source_table, cdc_from_utf8_copy(column)),
			 errdetail("The table has no primary key, and binlog_row_image was not FULL in the session that made the change."),
			 errhint("To leave the table out here: %s", leave_out(change))));
}

/* ERROR where the format knows rows by a key that the table does not have. */
static void
require_key(const CdcPublishChange *change)
{
	const CdcPublication *p = change->publisher->publication;

	if (change->key->n > 0 || !(p->format == CDC_PUBLISH_ES_BULK ||
								(p->format == CDC_PUBLISH_JSON && strcmp(p->key_template, "${primary_key}") == 0)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("source table %s, which has no primary key, cannot be published in format %s",
					change->event->source_table, cdc_publish_format_name(p->format)),
			 errdetail("What is published without a key could be neither changed nor deleted."),
			 errhint("To leave it out: %s If some of its columns tell its rows apart, the same with the option key_columns instead, for example \"key_columns\": \"a, b\".",
					 leave_out(change))));
}

/* Whether an update is to go out as a delete and an insert, as it moves to another message key. */
static bool
is_moved(CdcPublishChange *change)
{
	const CdcPublication *p = change->publisher->publication;
	const char *key;
	char	   *former;
	size_t		len;
	size_t		former_len;

	if (!change->key_changed || p->opt.key_change != CDC_KEY_CHANGE_DELETE_INSERT ||
		(p->format != CDC_PUBLISH_MAXWELL && p->format != CDC_PUBLISH_GOLDENGATE_OP &&
		 p->format != CDC_PUBLISH_CANAL && p->format != CDC_PUBLISH_QUIX))
		return false;
	if (strcmp(change->topic, cdc_publish_topic(p->topic_template, change->event, change->key,
												&change->former)) != 0)
		return true;
	key = cdc_publish_message_key(change, &change->former, &former_len);
	former = pnstrdup(key, former_len);
	key = cdc_publish_message_key(change, &change->row, &len);
	return len != former_len || memcmp(key, former, len) != 0;
}

/* Sends such an update. */
static void
send_moved(const CdcPublishChange *change)
{
	const char *template = change->publisher->publication->topic_template;
	CdcPublishChange half = *change;
	CdcPublishEvent event = *change->event;

	half.event = &event;
	half.definition = cdc_publish_definition(change->publisher, change->event);
	cdc_publish_check_whole(&half);
	memset(&half.old, 0, sizeof(half.old));
	half.key_changed = false;
	event.op = 'd';
	half.type = "delete";
	half.row = change->former;
	event.type.data = half.type;
	event.type.len = strlen(half.type);
	half.topic = cdc_publish_topic(template, &event, half.key, &half.row);
	half.methods->send(&half);

	event.op = 'c';
	half.type = "insert";
	half.row = half.former = change->row;
	event.type.data = half.type;
	event.type.len = strlen(half.type);
	half.topic = cdc_publish_topic(template, &event, half.key, &half.row);
	half.methods->send(&half);
}

/*
 * Sends a change whose event, key, data and old are set, in the publication's format; or
 * notes it, while rows are.
 */
static void
send_row(CdcPublishChange *change)
{
	CdcPublisher *publisher = change->publisher;
	CdcPublication *publication = publisher->publication;

	change->methods = &methods[publication->format];
	change->key_changed = false;
	change->row.data = change->former.data = &change->data;
	if (change->key->n == 0)
		change->key = cdc_publish_given_key(publisher, &change->data);
	if (publication->format != CDC_PUBLISH_MAXWELL)
		change->definition = cdc_publish_definition(publisher, change->event);
	if (change->event->op == 'u' && change->old.type == CDC_DOC_OBJECT)
	{
		change->former.old = &change->old;
		change->key_changed = key_changed(change);
	}
	if (publisher->live != NULL)
	{
		publisher->take(publisher->live, change);
		return;
	}
	publisher->at_key = change->key;
	publisher->at_row = &change->row;
	change->key_changed = cdc_publish_changes_place(change) || change->key_changed;
	if (publication->format == CDC_PUBLISH_JSON && change->key->n > 0)
		cdc_publish_check_key_template(change);
	if (publication->format != CDC_PUBLISH_MAXWELL)
	{
		require_key(change);
		require_whole_row(change);
		require_former_row(change);
		check_key(change, &change->row);
		if (change->key_changed)
			check_key(change, &change->former);
		announce_definition(change);
	}
	change->topic = cdc_publish_topic(publication->topic_template, change->event, change->key, &change->row);
	if (change->key->n > 0)
		cdc_publish_claim_topic(publisher, change->event, change->topic);
	if (is_moved(change))
		send_moved(change);
	else
		change->methods->send(change);
	publisher->at_row = NULL;
}

void
cdc_publish_row(CdcPublisher *publisher, const CdcPublishEvent *event, char op,
				const CdcPublishKey *key, const CdcDoc *data)
{
	CdcPublishEvent named = *event;
	CdcPublishChange change;

	memset(&change, 0, sizeof(change));
	change.publisher = publisher;
	change.event = &named;
	change.key = key;
	change.data = *data;
	change.type = op == 'd' ? "delete" : "insert";
	change.alone = true;
	named.op = op;
	named.type.data = change.type;
	named.type.len = strlen(change.type);
	/* that is in memory which other events have used meanwhile */
	if (event->raw != NULL)
		named.has_doc = false;
	send_row(&change);
}

/* The key of an event of Maxwell's by its message's own key, or by its target. */
static const CdcPublishKey *
key_elsewhere(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	static const CdcPublishKey none = {0, NULL};
	CdcPublishKey *key;

	if (publisher->publication->sub->kind == CDC_SERVER_KAFKA)
		return cdc_publish_envelope(publisher, event) > 0 ?
			cdc_publish_envelope_key(publisher, &none) : &none;
	key = palloc0(sizeof(CdcPublishKey));
	cdc_publish_target_key(publisher, event, key);
	return key;
}

/* Sends the row of an event of Maxwell's, with its data. */
static void
send_maxwell_event(CdcPublisher *publisher, const CdcPublishEvent *event, const CdcDoc *data)
{
	CdcPublishChange change;

	memset(&change, 0, sizeof(change));
	change.publisher = publisher;
	change.event = event;
	change.key = cdc_publish_key(publisher, event);
	if (change.key->n == 0)
		change.key = key_elsewhere(publisher, event);
	change.data = *data;
	cdc_publish_old(event, &change.old);
	send_row(&change);
}

/*
 * Sends the rows of a message in another envelope, which is read; in format maxwell it
 * goes out as it came.
 */
static void
send_envelope(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	int			nrows = cdc_publish_envelope(publisher, event);
	const CdcPublishKey *key;
	CdcDoc		data;
	int			row;

	if (nrows > 0 && publisher->publication->format == CDC_PUBLISH_MAXWELL &&
		cdc_publish_is_maxwell(publisher) &&
		cdc_doc_find_type(&event->doc, "data", CDC_DOC_OBJECT, &data))
	{
		send_maxwell_event(publisher, event, &data);
		return;
	}
	if (nrows == 0 || publisher->publication->format == CDC_PUBLISH_MAXWELL)
	{
		cdc_publish_other(publisher, event);
		return;
	}
	key = cdc_publish_envelope_key(publisher, cdc_publish_key(publisher, event));
	for (row = 0; row < nrows; row++)
	{
		CdcPublishChange change;

		CHECK_FOR_INTERRUPTS();
		memset(&change, 0, sizeof(change));
		change.publisher = publisher;
		change.event = event;
		change.key = key;
		cdc_publish_envelope_row(publisher, row, &change.data, &change.old);
		cdc_publish_envelope_lacks(publisher, &change);
		send_row(&change);
	}
}

void
cdc_publish_change(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	bool		kafka = publisher->publication->sub->kind == CDC_SERVER_KAFKA;
	CdcDoc		data;

	if ((!kafka || cdc_publish_in_place(publisher, event)) &&
		cdc_doc_find_type(&event->doc, "data", CDC_DOC_OBJECT, &data))
		send_maxwell_event(publisher, event, &data);
	else if (kafka)
		send_envelope(publisher, event);
	else
		cdc_publish_other(publisher, event);
}
