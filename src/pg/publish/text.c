/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Templates, keys and values of messages that publish events.
 *
 * A template is text with ${database}, ${table}, ${type}, ${primary_key} and
 * ${column:NAME} in it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#define COLUMN_PREFIX	"column:"

/* Names that templates may have in braces, beside columns. */
static const char *const names[] = {"database", "table", "type", "primary_key", "primary_keys"};

#define MEMBER(name)	{name, sizeof(name) - 1}

/* The order in which Maxwell writes an event's members; others come behind. */
static const CdcString event_order[] = {
	MEMBER("database"), MEMBER("table"), MEMBER("query"), MEMBER("type"), MEMBER("ts"),
	MEMBER("xid"), MEMBER("xoffset"), MEMBER("commit"), MEMBER("position"), MEMBER("gtid"),
	MEMBER("server_id"), MEMBER("thread_id"), MEMBER("push_ts"), MEMBER("schema_id"),
	MEMBER("primary_key"), MEMBER("primary_key_columns"), MEMBER("data"), MEMBER("old"),
	MEMBER("def"), MEMBER("charset"), MEMBER("sql")
};

void
cdc_publish_check(CdcStatus st)
{
	if (st == CDC_OK)
		return;
	ereport(ERROR,
			(errcode(st == CDC_ERR_NOMEM ? ERRCODE_OUT_OF_MEMORY : ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("event cannot be written as JSON text"),
			 errdetail(st == CDC_ERR_NOMEM ? "Out of memory." : "It is nested too deep or too large.")));
}

bool
cdc_publish_key_value(const CdcPublishRow *row, const char *name, CdcDoc *value)
{
	return (row->old != NULL && cdc_doc_find(row->old, name, value)) ||
		cdc_doc_find(row->data, name, value);
}

/*
 * Templates
 */

/* The next ${...} at or after s: where its name begins and ends, or NULL. */
static const char *
next_name(const char *s, const char **name, size_t *len)
{
	const char *start = strstr(s, "${");
	const char *end = start != NULL ? strchr(start, '}') : NULL;

	if (end == NULL)
		return NULL;
	*name = start + 2;
	*len = (size_t) (end - *name);
	return start;
}

/* Whether the name of that length is what. */
static bool
is_name(const char *name, size_t len, const char *what)
{
	return strlen(what) == len && memcmp(name, what, len) == 0;
}

void
cdc_publish_check_template(const char *option, const char *template)
{
	const char *s = template;
	const char *name;
	size_t		len;

	while ((s = next_name(s, &name, &len)) != NULL)
	{
		bool		known = len > strlen(COLUMN_PREFIX) &&
			memcmp(name, COLUMN_PREFIX, strlen(COLUMN_PREFIX)) == 0;
		size_t		i;

		for (i = 0; i < lengthof(names); i++)
			known = known || is_name(name, len, names[i]);
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid name \"%s\" in %s", pnstrdup(name, len), option),
					 errhint("Valid names are: ${database}, ${table}, ${type}, ${primary_key} or ${primary_keys}, ${column:NAME}.")));
		s = name + len;
	}
	for (s = template; (s = strstr(s, "${")) != NULL; s++)
		if (strchr(s, '}') == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" in %s has no closing brace", s, option)));
}

/* A value as text without quotes; NULL as nothing. */
static void
append_plain(StringInfo buf, const CdcDoc *value)
{
	CdcJsonText text;

	if (value->type == CDC_DOC_NULL)
		return;
	if (value->type == CDC_DOC_STRING)
	{
		appendBinaryStringInfo(buf, value->string.data, (int) value->string.len);
		return;
	}
	cdc_json_text_init(&text);
	if (cdc_doc_emit(value, &text.sink) == CDC_OK)
		appendBinaryStringInfo(buf, text.buf.data, (int) text.buf.len);
	cdc_json_text_free(&text);
}

/* What stands for a name of a template. */
static void
append_name(StringInfo buf, const char *name, size_t len, const CdcPublishEvent *event,
			const CdcPublishKey *key, const CdcPublishRow *row)
{
	CdcString	s = {NULL, 0};
	CdcDoc		value;

	if (is_name(name, len, "database"))
		s = event->database;
	else if (is_name(name, len, "table"))
		s = event->table;
	else if (is_name(name, len, "type"))
		s = event->type;
	else if (is_name(name, len, "primary_key") || is_name(name, len, "primary_keys"))
	{
		if (row != NULL)
			appendStringInfoString(buf, cdc_publish_key_text(key, row));
		return;
	}
	else
	{
		const char *column = pnstrdup(name + strlen(COLUMN_PREFIX), len - strlen(COLUMN_PREFIX));

		if (row != NULL && cdc_publish_key_value(row, column, &value))
			append_plain(buf, &value);
		return;
	}
	appendBinaryStringInfo(buf, s.data, (int) s.len);
}

char *
cdc_publish_expand(const char *template, const CdcPublishEvent *event, const CdcPublishKey *key,
				   const CdcPublishRow *row)
{
	StringInfoData buf;
	const char *at = template;
	const char *start;
	const char *name;
	size_t		len;

	initStringInfo(&buf);
	while ((start = next_name(at, &name, &len)) != NULL)
	{
		appendBinaryStringInfo(&buf, at, (int) (start - at));
		append_name(&buf, name, len, event, key, row);
		at = name + len + 1;
	}
	appendStringInfoString(&buf, at);
	return buf.data;
}

void
cdc_publish_clean_topic(char *name)
{
	char	   *p;

	for (p = name; *p != '\0'; p++)
	{
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			  *p == '.' || *p == '_' || *p == '-'))
			*p = '_';
	}
}

/*
 * JSON
 */

/* Writes a member of an object whose value is text. */
void
cdc_publish_put_text(CdcJsonText *text, const char *key, const char *value, size_t len)
{
	cdc_publish_check(text->sink.ops->key(&text->sink, key, strlen(key)));
	cdc_publish_check(text->sink.ops->string(&text->sink, value, len));
}

/* Writes the key of a member. */
static void
put_member_key(CdcJsonText *text, const char *key, size_t len)
{
	cdc_publish_check(text->sink.ops->key(&text->sink, key, len));
}

/* Writes a member whose value is text. */
static void
put_string_member(CdcJsonText *text, const char *key, CdcString value)
{
	put_member_key(text, key, strlen(key));
	cdc_publish_check(text->sink.ops->string(&text->sink, value.data, value.len));
}

/* A random UUID (RFC 4122, version 4). */
static CdcString
random_uuid(char *buf, size_t size)
{
	unsigned char b[16];
	CdcString	result;

	if (!pg_strong_random(b, sizeof(b)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	result.data = buf;
	result.len = (size_t) snprintf(buf, size,
								   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
								   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
								   b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return result;
}

/*
 * Maxwell's Kafka producer writes such keys with kafka_key_format=hash: the names of
 * the columns in lower case, a random _uuid where the table has no key.  keyless says
 * that it surely has none; where the key is only not known, one row's changes must not
 * go to several partitions.
 */
void
cdc_publish_maxwell_key(CdcJsonText *text, const CdcPublishEvent *event,
						const CdcPublishKey *key, const CdcPublishRow *row, bool keyless)
{
	CdcDoc		value;
	char		uuid[40];
	int			i;

	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	put_string_member(text, "database", event->database);
	put_string_member(text, "table", event->table);
	if ((key->n == 0 && keyless) || row == NULL)
		put_string_member(text, "_uuid", random_uuid(uuid, sizeof(uuid)));
	for (i = 0; i < key->n && row != NULL; i++)
	{
		char	   *name = psprintf("pk.%s", key->columns[i]);
		char	   *p;

		for (p = name; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p += 'a' - 'A';
		put_member_key(text, name, strlen(name));
		if (cdc_publish_key_value(row, key->columns[i], &value))
			cdc_publish_check(cdc_doc_emit(&value, &text->sink));
		else
			cdc_publish_check(text->sink.ops->null(&text->sink));
	}
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
}

void
cdc_publish_row_key(CdcJsonText *text, const CdcPublishKey *key, const CdcPublishRow *row)
{
	CdcDoc		value;
	int			i;

	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	for (i = 0; i < key->n; i++)
	{
		put_member_key(text, key->columns[i], strlen(key->columns[i]));
		if (cdc_publish_key_value(row, key->columns[i], &value))
			cdc_publish_check(cdc_doc_emit(&value, &text->sink));
		else
			cdc_publish_check(text->sink.ops->null(&text->sink));
	}
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
}

char *
cdc_publish_key_text(const CdcPublishKey *key, const CdcPublishRow *row)
{
	StringInfoData buf;
	CdcJsonText text;
	CdcDoc		value;
	CdcStatus	st = CDC_OK;
	int			i;

	initStringInfo(&buf);
	if (key->n == 1 && cdc_publish_key_value(row, key->columns[0], &value))
		append_plain(&buf, &value);
	if (key->n < 2)
		return buf.data;

	/* an array, so that ("a_b", "c") and ("a", "b_c") differ */
	cdc_json_text_init(&text);
	st = text.sink.ops->begin_array(&text.sink);
	for (i = 0; i < key->n && st == CDC_OK; i++)
	{
		if (cdc_publish_key_value(row, key->columns[i], &value))
			st = cdc_doc_emit(&value, &text.sink);
		else
			st = text.sink.ops->null(&text.sink);
	}
	if (st == CDC_OK)
		st = text.sink.ops->end_array(&text.sink);
	if (st == CDC_OK)
		appendBinaryStringInfo(&buf, text.buf.data, (int) text.buf.len);
	cdc_json_text_free(&text);
	cdc_publish_check(st);
	return buf.data;
}

/* The member's place in event_order, -1 where it has none. */
static int
member_rank(CdcString key)
{
	int			i;

	for (i = 0; i < (int) lengthof(event_order); i++)
	{
		if (key.len == event_order[i].len && memcmp(key.data, event_order[i].data, key.len) == 0)
			return i;
	}
	return -1;
}

/*
 * One walk finds the members that have a place, which is cheaper than to look each
 * of them up.
 */
void
cdc_publish_maxwell_value(CdcJsonText *text, const CdcDoc *doc)
{
	CdcDoc		members[lengthof(event_order)];
	bool		found[lengthof(event_order)] = {false};
	bool		others = false;
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	int			i;

	if (doc->type != CDC_DOC_OBJECT)
	{
		cdc_publish_check(cdc_doc_emit(doc, &text->sink));
		return;
	}
	cdc_doc_begin(doc, &iter);
	while (cdc_doc_next(&iter, &key, &value))
	{
		i = member_rank(key);
		if (i < 0)
			others = true;
		else
		{
			members[i] = value;
			found[i] = true;
		}
	}

	cdc_publish_check(text->sink.ops->begin_object(&text->sink));
	for (i = 0; i < (int) lengthof(event_order); i++)
	{
		if (!found[i])
			continue;
		put_member_key(text, event_order[i].data, event_order[i].len);
		cdc_publish_check(cdc_doc_emit(&members[i], &text->sink));
	}
	cdc_doc_begin(doc, &iter);
	while (others && cdc_doc_next(&iter, &key, &value))
	{
		if (member_rank(key) >= 0)
			continue;
		put_member_key(text, key.data, key.len);
		cdc_publish_check(cdc_doc_emit(&value, &text->sink));
	}
	cdc_publish_check(text->sink.ops->end_object(&text->sink));
}
