/*-------------------------------------------------------------------------
 *
 * format_elastic.c
 *	  Changes for Elasticsearch's bulk API: a line with the action and one with the
 *	  document.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

/* Elasticsearch's limit, in bytes. */
#define ID_MAX	512

/* Ends a line of Elasticsearch's bulk format. */
static void
put_newline(CdcJsonText *text)
{
	if (!cdc_buf_append(&text->buf, "\n", 1))
		cdc_publish_check(CDC_ERR_NOMEM);
	text->need_comma = false;
}

/* The line that says what is done with which document. */
static void
put_action(CdcPublishChange *change, const char *action, const CdcPublishRow *row)
{
	CdcJsonText *text = change->publisher->value;
	char	   *name = cdc_publish_index_name(change->publisher, change->event, change->key, row);
	char	   *id;

	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	cdc_publish_check(text->sink.ops->key(&text->sink, action, strlen(action)));
	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	cdc_publish_claim_index(change->publisher, change->event, name);
	cdc_publish_put_text(text, "_index", name, strlen(name));
	if (change->key->n > 0)
	{
		id = cdc_publish_key_text(change->key, row);
		if (strlen(id) > ID_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the key of a row is longer than an _id of Elasticsearch can be: %zu bytes",
							strlen(id)),
					 errdetail("It has at most %d bytes.", ID_MAX)));
		cdc_publish_put_text(text, "_id", id, strlen(id));
	}
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
	put_newline(text);
}

/*
 * The members of the row, the table's names in front where it has no columns of these names.  An
 * update of some of them is in an object of its own, as Elasticsearch's action "update" has it.
 */
static void
put_document(CdcPublishChange *change, bool part)
{
	CdcJsonText *text = change->publisher->value;
	const CdcPublishEvent *event = change->event;
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;

	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	if (part)
	{
		cdc_publish_check(text->sink.ops->key(&text->sink, "doc", 3));
		cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	}
	if (!cdc_doc_find(&change->data, "database", &value))
		cdc_publish_put_text(text, "database", event->database.data, event->database.len);
	if (!cdc_doc_find(&change->data, "table", &value))
		cdc_publish_put_text(text, "table", event->table.data, event->table.len);
	cdc_doc_begin(&change->data, &iter);
	while (cdc_doc_next(&iter, &key, &value))
	{
		cdc_publish_check(text->sink.ops->key(&text->sink, key.data, key.len));
		cdc_publish_check(cdc_doc_emit(&value, &text->sink));
	}
	if (part)
		cdc_publish_check(text->sink.ops->end_object(&text->sink));
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
	put_newline(text);
}

/* An action on the document of a row as one message. */
static void
send_es(CdcPublishChange *change, const char *action, const CdcPublishRow *row)
{
	CdcPublisher *publisher = change->publisher;
	const char *key;
	size_t		len;

	cdc_json_text_reset(publisher->value);
	put_action(change, action, row);
	if (action[0] != 'd')
		put_document(change, action[0] == 'u');
	key = cdc_publish_message_key(change, row, &len);
	cdc_publish_message(publisher, cdc_publish_topic(publisher->publication->topic_template, change->event, change->key, row),
				 key, len, publisher->value->buf.data, publisher->value->buf.len);
}

/* A change in format es_bulk. */
void
cdc_publish_es_bulk(CdcPublishChange *change)
{
	if (change->key->n == 0 && (change->event->op == 'd' || change->event->op == 'u'))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a change in %s, which has no primary key, cannot be published in format es_bulk",
						change->event->source_table),
				 errdetail("Without an _id the document could not be found.")));
	if (change->key_changed)
	{
		cdc_publish_check_whole(change);
		send_es(change, "delete", &change->former);
	}
	send_es(change, change->event->op == 'd' ? "delete" :
			change->event->op == 'u' && cdc_publish_missing_column(change) != NULL ? "update" : "index",
			&change->row);
}

bool
cdc_publish_es_key(CdcPublishChange *change, const CdcPublishRow *row)
{
	char	   *id;

	if (change->key->n == 0)
		return false;
	id = cdc_publish_key_text(change->key, row);
	if (!cdc_buf_append(&change->publisher->key->buf, id, strlen(id)))
		cdc_publish_check(CDC_ERR_NOMEM);
	return true;
}
