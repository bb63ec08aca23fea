/*-------------------------------------------------------------------------
 *
 * format_elastic.c
 *	  Changes for Elasticsearch's bulk API: a line with the action and one with the
 *	  document, and what names of indexes and documents can be.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include <locale.h>
#include <wchar.h>
#include <wctype.h>

#include "mb/pg_wchar.h"

#include "pg/base/utf8.h"

/* Elasticsearch's limits, in bytes. */
#define INDEX_NAME_MAX	255
#define ID_MAX			512

/*
 * Lower case by Unicode, whatever locale the database has: as the server compares names
 * with Java's toLowerCase().
 */
static wint_t
lower(wint_t c)
{
	static locale_t unicode = (locale_t) 0;
	static bool asked = false;

	if (!asked)
	{
		asked = true;
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
		if (unicode == (locale_t) 0)
			unicode = newlocale(LC_CTYPE_MASK, "en_US.UTF-8", (locale_t) 0);
	}
	if (unicode != (locale_t) 0)
		return towlower_l(c, unicode);
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* The text in lower case; palloc'ed.  It is UTF-8. */
static char *
lower_text(const char *text)
{
	size_t		len = strlen(text);
	char	   *result = palloc(len * 2 + 8);
	char	   *to = result;
	const unsigned char *p = (const unsigned char *) text;

	while (*p != '\0')
	{
		int			n = pg_utf_mblen(p);
		unsigned char buf[8];

		unicode_to_utf8((pg_wchar) lower((wint_t) utf8_to_unicode(p)), buf);
		memcpy(to, buf, pg_utf_mblen(buf));
		to += pg_utf_mblen(buf);
		p += n;
	}
	*to = '\0';
	return result;
}

/* What names of indexes cannot have becomes a '_'. */
static void
clean(char *name)
{
	char	   *p;

	for (p = name; *p != '\0'; p++)
		if (strchr("\\/*?\"<>| ,#:", *p) != NULL || (unsigned char) *p < 0x20)
			*p = '_';
}

/* Why no index can have that name; NULL: one can. */
static const char *
name_trouble(const char *name)
{
	if (name[0] == '\0')
		return "It is empty.";
	if (strchr("-_+", name[0]) != NULL)
		return "It must not begin with '-', '_' or '+'.";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "It must not be \".\" or \"..\".";
	if (strlen(name) > INDEX_NAME_MAX)
		return "It has more than 255 bytes.";
	return NULL;
}

void
cdc_publish_check_index(const char *template)
{
	const char *begin = strstr(template, "${");
	char	   *fixed = lower_text(begin != NULL ? pnstrdup(template, begin - template) : template);
	const char *trouble = name_trouble(fixed);

	/* what begins with a name is looked at when that is known */
	if (begin == template)
		trouble = NULL;
	if (trouble == NULL && strpbrk(begin == NULL ? fixed : "", "\\/*?\"<>| ,#:") != NULL)
		trouble = "It has one of the characters \\ / * ? \" < > | , # : or a space.";
	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"index\" gives a name that no index of Elasticsearch can have: \"%s\"",
						cdc_from_utf8_copy(template)),
				 errdetail("%s", trouble)));
}

char *
cdc_publish_index_name(const CdcPublisher *publisher, const CdcPublishEvent *event,
					   const CdcPublishKey *key, const CdcPublishRow *row)
{
	char	   *name = lower_text(cdc_publish_expand(publisher->publication->opt.index_template,
													 event, key, row));
	const char *trouble;

	clean(name);
	trouble = name_trouble(name);
	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("no index of Elasticsearch can have the name \"%s\"", cdc_from_utf8_copy(name)),
				 errdetail("%s", trouble),
				 errhint("Call cdc.publish() with another option \"index\", for example 'x-${database}-${table}'.")));
	return name;
}

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
	cdc_publish_claim(change->publisher, change->event, name);
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

/* The line with the row, the table's names in front where it has no columns of these names. */
static void
put_document(CdcPublishChange *change)
{
	CdcJsonText *text = change->publisher->value;
	const CdcPublishEvent *event = change->event;
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;

	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
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
	if (action[0] == 'i')
		put_document(change);
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
		send_es(change, "delete", &change->former);
	send_es(change, change->event->op == 'd' ? "delete" : "index", &change->row);
}
