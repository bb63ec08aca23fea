/*-------------------------------------------------------------------------
 *
 * output.c
 *	  Messages on their way out: the names of their topics, their keys.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "utils/builtins.h"

#include "pg/base/utf8.h"

/* The longest name of a topic that Kafka allows. */
#define TOPIC_NAME_MAX	249

/* Sends a message; key and value may be NULL.  ERROR where no topic can have that name. */
void
cdc_publish_message(CdcPublisher *publisher, const char *topic, const char *key, size_t key_len,
					const char *value, size_t value_len)
{
	CdcOutMessage m;

	if (topic[0] == '\0' || strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0 ||
		strlen(topic) > TOPIC_NAME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("publication \"%s\": the template of the topic gives a name that no topic can have: \"%s\"",
						publisher->publication->name, topic),
				 errdetail("It has 1 to %d characters and is neither \".\" nor \"..\".", TOPIC_NAME_MAX),
				 errhint("Call cdc.publish() with another topic_template.")));
	memset(&m, 0, sizeof(m));
	m.topic = topic;
	m.partition = -1;
	m.ts_ms = -1;
	m.key = key;
	m.key_len = key_len;
	m.value = value;
	m.value_len = value_len;
	cdc_publish_send(publisher, &m);
}

/* The name of a topic that a template gives. */
char *
cdc_publish_topic(const char *template, const CdcPublishEvent *event, const CdcPublishKey *key,
		 const CdcPublishRow *row)
{
	char	   *topic = cdc_publish_expand(template, event, key, row);

	cdc_publish_clean_topic(topic);
	return topic;
}

/* Whether a template reads a column. */
static bool
reads(const char *template, const char *column)
{
	return strstr(template, psprintf("${column:%s}", column)) != NULL;
}

/* ERROR where the event does not tell a column that a template reads, or not what it was before. */
static void
check_told(const CdcPublishChange *change, const char *template)
{
	const CdcPublishEvent *event = change->event;
	CdcPublishChange known = *change;
	const CdcTable *table = known.definition = cdc_publish_definition(change->publisher, event);
	const char *asked = NULL;
	bool		whole;
	CdcDoc		value;
	int			i;

	known.lacks = NULL;
	whole = cdc_publish_missing_column(&known) == NULL;
	if (table == NULL || (whole && cdc_publish_untold(event, NULL) == NULL))
		return;
	/* an update's former values are told of whole rows only, but for the key's */
	for (i = 0; i < table->ncolumns; i++)
		if (reads(template, table->columns[i].name) &&
			(cdc_publish_untold(event, table->columns[i].name) != NULL ||
			 (!whole && event->op == 'u' && table->columns[i].pk_index < 0) ||
			 !cdc_doc_find(change->row.data, table->columns[i].name, &value)))
			asked = table->columns[i].name;
	if (asked != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a change in %s does not tell what column \"%s\" was, which \"%s\" reads",
						cdc_from_utf8_copy(event->source_table), cdc_from_utf8_copy(asked),
						cdc_from_utf8_copy(template)),
				 errdetail("What was sent of the row could not be found again."),
				 errhint("Set binlog_row_image to FULL at the source, and publish into other topics and indexes, behind this event: SELECT cdc.drop_publication(%s); and cdc.publish(...) with from_seq := " INT64_FORMAT "; then SELECT cdc.resync_table(%s, %s); and so for its other tables. Or use templates that read the key only.",
						 quote_literal_cstr(change->publisher->publication->name), event->seq + 1,
						 quote_literal_cstr(change->publisher->publication->sub->name),
						 quote_literal_cstr(cdc_from_utf8_copy(event->source_table)))));
}

bool
cdc_publish_changes_place(const CdcPublishChange *change)
{
	const CdcPublication *p = change->publisher->publication;
	const char *templates[] = {p->topic_template, p->key_template,
	p->format == CDC_PUBLISH_ES_BULK ? p->opt.index_template : ""};
	bool		changes = false;
	size_t		i;

	for (i = 0; i < lengthof(templates); i++)
	{
		if (strstr(templates[i], "${column:") == NULL)
			continue;
		check_told(change, templates[i]);
		changes = changes || (change->event->op == 'u' &&
							  strcmp(cdc_publish_expand(templates[i], change->event, change->key, &change->former),
									 cdc_publish_expand(templates[i], change->event, change->key, &change->row)) != 0);
	}
	return changes;
}

/* Whether the message key tells the rows of the change's table apart. */
static bool
tells_rows_apart(const CdcPublishChange *change)
{
	const char *template = change->publisher->publication->key_template;
	int			i;

	if (strstr(template, "${primary_key") != NULL)
		return true;
	for (i = 0; i < change->key->n; i++)
		if (!reads(template, change->key->columns[i]))
			return false;
	return change->key->n > 0;
}

void
cdc_publish_check_key_template(const CdcPublishChange *change)
{
	if (tells_rows_apart(change))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("key_template \"%s\" gives rows of %s one key",
					cdc_from_utf8_copy(change->publisher->publication->key_template),
					change->event->source_table != NULL ? cdc_from_utf8_copy(change->event->source_table) : "a table"),
			 errdetail("In format json a row is known by the key of its message."),
			 errhint("Call cdc.publish() with a key_template that has ${primary_key}, or ${column:NAME} for each column of the key.")));
}

/* A key of names: {"database":"shop"}, with the table where that is wanted. */
const CdcJsonText *
cdc_publish_names_key(CdcPublisher *publisher, const CdcPublishEvent *event, bool table)
{
	CdcJsonText *key = publisher->key;

	cdc_json_text_reset(key);
	cdc_publish_check(key->sink.ops->begin_object(&key->sink));
	cdc_publish_put_text(key, "database", event->database.data, event->database.len);
	if (table)
		cdc_publish_put_text(key, "table", event->table.data, event->table.len);
	cdc_publish_check(key->sink.ops->end_object(&key->sink));
	return key;
}

/*
 * The message's key for a row, in publisher->key or as text of the template;
 * NULL where there is none.
 */
const char *
cdc_publish_message_key(CdcPublishChange *change, const CdcPublishRow *row, size_t *len)
{
	CdcPublisher *publisher = change->publisher;
	const char *template = publisher->publication->key_template;
	CdcJsonText *text = publisher->key;
	char	   *expanded;

	*len = 0;
	if (strcmp(template, "${primary_key}") != 0)
	{
		expanded = cdc_publish_expand(template, change->event, change->key, row);
		*len = strlen(expanded);
		return expanded;
	}
	cdc_json_text_reset(text);
	if (change->methods->key != NULL)
	{
		if (!change->methods->key(change, row))
			return NULL;
	}
	else if (change->key->n > 0)
	{
		expanded = cdc_publish_key_text(change->key, row);
		*len = strlen(expanded);
		return expanded;
	}
	else						/* what is of one table keeps its order */
		(void) cdc_publish_names_key(publisher, change->event, true);
	*len = text->buf.len;
	return text->buf.data;
}

void
cdc_publish_value(CdcPublishChange *change, const CdcPublishRow *row)
{
	CdcPublisher *publisher = change->publisher;
	size_t		len;
	const char *key = cdc_publish_message_key(change, row, &len);

	cdc_publish_message(publisher,
						cdc_publish_topic(publisher->publication->topic_template, change->event,
										  change->key, row),
						key, len, publisher->value->buf.data, publisher->value->buf.len);
}

/* A message without a value under the row's key. */
void
cdc_publish_tombstone(CdcPublishChange *change, const CdcPublishRow *row)
{
	size_t		len;
	const char *key;

	/* what has the key of several rows would take away the others */
	if (change->key->n == 0 || !tells_rows_apart(change))
		return;
	key = cdc_publish_message_key(change, row, &len);
	cdc_publish_message(change->publisher, cdc_publish_topic(change->publisher->publication->topic_template, change->event,
											 change->key, row),
				 key, len, NULL, 0);
}
