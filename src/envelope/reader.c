/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  What reading a message has in common in all formats: operation, table,
 *	  key, errors.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

#include <stdio.h>

CdcStatus
cdc_reader_no_memory(CdcMessageReader *r)
{
	return cdc_error(r->err, CDC_ERR_NOMEM, "out of memory for a message");
}

bool
cdc_reader_op(CdcMessageReader *r, CdcString type, const CdcOpName *names)
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
cdc_reader_refuse(CdcMessageReader *r, const char *format, const char *detail,...)
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

CdcStatus
cdc_envelope_check_whole(const CdcEnvelope *env, CdcError *err)
{
	if (env->not_whole == NULL)
		return CDC_OK;
	cdc_error(err, CDC_ERR_UNSUPPORTED, "%s", env->not_whole);
	/* the hint is left to those who know how to go on without the message */
	cdc_error_detail(err, "The row cannot be had from the message. %s", env->whole_advice);
	return CDC_ERR_UNSUPPORTED;
}

CdcStatus
cdc_reader_image(CdcMessageReader *r, const CdcDoc *doc, const char *member, CdcDocType type,
				 CdcDoc *image)
{
	CdcDoc		found;

	cdc_doc_set_null(image);
	if (!cdc_doc_find(doc, member, &found) || found.type == CDC_DOC_NULL)
		return CDC_OK;
	if (found.type != type)
		return cdc_reader_refuse(r, cdc_format_name(r->env->format), "Its \"%s\" is %s, not %s.",
								 member, cdc_doc_type_name(&found),
								 type == CDC_DOC_ARRAY ? "an array" : "an object");
	*image = found;
	return CDC_OK;
}

char *
cdc_arena_string(CdcArena *arena, CdcString s)
{
	return cdc_arena_strndup(arena, s.data != NULL ? s.data : "", s.len);
}

CdcStatus
cdc_reader_table(CdcMessageReader *r, CdcString database, CdcString table)
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
cdc_reader_dotted_table(CdcMessageReader *r, CdcString name)
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
key_names(CdcMessageReader *r, size_t n)
{
	return cdc_arena_alloc(r->arena, sizeof(CdcString) * (n > 0 ? n : 1));
}

CdcStatus
cdc_reader_key_array(CdcMessageReader *r, const CdcDoc *array)
{
	CdcString  *names = key_names(r, cdc_doc_count(array));
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	int			n = 0;

	if (names == NULL)
		return cdc_reader_no_memory(r);
	cdc_doc_begin(array, &iter);
	while (cdc_doc_next(&iter, &key, &value))
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

	if (cdc_doc_count(fields) != cdc_doc_count(body) ||
		cdc_doc_count(body) > MAX_ORDERED_KEY)
		return false;
	cdc_doc_begin(fields, &iter);
	while (cdc_doc_next(&iter, &none, &field))
	{
		CdcString	name = cdc_doc_find_string(&field, "field");

		if (!cdc_doc_get(body, name.data, name.len, &value))
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
cdc_reader_key_object(CdcMessageReader *r)
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
	count = cdc_doc_count(body);
	names = key_names(r, count);
	values = cdc_arena_alloc(r->arena, sizeof(CdcDoc) * (count + 1));
	if (names == NULL || values == NULL)
		return cdc_reader_no_memory(r);
	cdc_split_payload(r->message->key, &schema, &payload);
	if (cdc_doc_find_type(&schema, "fields", CDC_DOC_ARRAY, &fields) &&
		names_all(&fields, body, names))
	{
		for (; n < count; n++)
			(void) cdc_doc_get(body, names[n].data, names[n].len, &values[n]);
	}
	else
	{
		cdc_doc_begin(body, &iter);
		while (n < count && cdc_doc_next(&iter, &names[n], &values[n]))
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
	if (doc->type != CDC_DOC_OBJECT || cdc_doc_count(doc) != 2 ||
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
