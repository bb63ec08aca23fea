/*-------------------------------------------------------------------------
 *
 * output.c
 *	  Messages on their way out: the names of their topics, their keys.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

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

	if (change->key->n == 0)
		return;
	key = cdc_publish_message_key(change, row, &len);
	cdc_publish_message(change->publisher, cdc_publish_topic(change->publisher->publication->topic_template, change->event,
											 change->key, row),
				 key, len, NULL, 0);
}
