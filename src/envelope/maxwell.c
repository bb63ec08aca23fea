/*-------------------------------------------------------------------------
 *
 * maxwell.c
 *	  Messages of Maxwell (and of this extension, which writes the same): rows,
 *	  DDL, bootstrap.  Forms of the value: maxwells-daemon.io/dataformat; of the
 *	  key: RowIdentity.toKeyJson() in Maxwell's source.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

#include <strings.h>

static const CdcOpName types[] = {
	{"insert", CDC_OP_INSERT},
	{"update", CDC_OP_UPDATE},
	{"delete", CDC_OP_DELETE},
	{"bootstrap-insert", CDC_OP_SNAPSHOT},
	{"bootstrap-start", CDC_OP_CONTROL},
	{"bootstrap-complete", CDC_OP_CONTROL},
	{"heartbeat", CDC_OP_CONTROL},
	{"table-truncate", CDC_OP_TRUNCATE},
	{"table-create", CDC_OP_SCHEMA},
	{"table-alter", CDC_OP_SCHEMA},
	{"table-drop", CDC_OP_SCHEMA},
	{"database-create", CDC_OP_SCHEMA},
	{"database-alter", CDC_OP_SCHEMA},
	{"database-drop", CDC_OP_SCHEMA},
	{"ddl", CDC_OP_SCHEMA},
	{NULL, CDC_OP_CONTROL}
};

/* The key's form "hash" is recognised, too: database, table and "pk.*". */
static bool
recognise(const CdcDoc *body)
{
	CdcDoc		v;

	return cdc_doc_find_type(body, "database", CDC_DOC_STRING, &v) &&
		(cdc_doc_find_type(body, "type", CDC_DOC_STRING, &v) ||
		 cdc_doc_find_type(body, "table", CDC_DOC_STRING, &v));
}

/* The object with the key's columns where the key is [database, table, [{..}, ..]]. */
static bool
key_array(const CdcDoc *key, CdcString *database, CdcString *table, CdcDoc *columns)
{
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		parts[3];
	int			n = 0;

	if (key->type != CDC_DOC_ARRAY || cdc_doc_count(key) != 3)
		return false;
	cdc_doc_begin(key, &iter);
	while (n < 3 && cdc_doc_next(&iter, &name, &parts[n]))
		n++;
	if (n != 3 || parts[0].type != CDC_DOC_STRING || parts[1].type != CDC_DOC_STRING ||
		parts[2].type != CDC_DOC_ARRAY)
		return false;
	*database = parts[0].string;
	*table = parts[1].string;
	*columns = parts[2];
	return true;
}

/* Keys have the names in lower case: the true one, where somebody knows it. */
static CdcString
true_name(const CdcMessageReader *r, CdcString name)
{
	const CdcDoc *data = &r->env->after;
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	int			i;

	for (i = 0; i < r->message->nkey_columns; i++)
		if (r->message->key_columns[i].len == name.len &&
			strncasecmp(r->message->key_columns[i].data, name.data, name.len) == 0)
			return r->message->key_columns[i];
	if (data->type != CDC_DOC_OBJECT || cdc_doc_get(data, name.data, name.len, &value))
		return name;
	cdc_doc_begin(data, &iter);
	while (cdc_doc_next(&iter, &key, &value))
		if (key.len == name.len && strncasecmp(key.data, name.data, name.len) == 0)
			return key;
	return name;
}

/* One step through a key's columns of either form. */
static bool
next_key_column(const CdcDoc *key, CdcDocIter *iter, CdcString *name, CdcDoc *value)
{
	CdcDocIter	inner;
	CdcDoc		element;

	while (cdc_doc_next(iter, name, value))
	{
		if (key->type == CDC_DOC_OBJECT)
		{
			if (name->len <= 3 || memcmp(name->data, "pk.", 3) != 0)
				continue;
			name->data += 3;
			name->len -= 3;
			return true;
		}
		if (value->type != CDC_DOC_OBJECT)
			continue;
		element = *value;
		cdc_doc_begin(&element, &inner);
		if (cdc_doc_next(&inner, name, value))
			return true;
	}
	return false;
}

/* Names of the key's columns from the message's key. */
static CdcStatus
read_key(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcString	database;
	CdcString	table;
	CdcDoc		key = env->key_body;
	CdcString  *names;
	CdcDoc	   *values;
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		value;
	int			n = 0;

	if (key_array(&env->key_body, &database, &table, &value))
		key = value;
	else if (key.type != CDC_DOC_OBJECT)
		return CDC_OK;
	names = cdc_arena_alloc(r->arena, sizeof(CdcString) * (cdc_doc_count(&key) + 1));
	values = cdc_arena_alloc(r->arena, sizeof(CdcDoc) * (cdc_doc_count(&key) + 1));
	if (names == NULL || values == NULL)
		return cdc_reader_no_memory(r);
	cdc_doc_begin(&key, &iter);
	while (next_key_column(&key, &iter, &name, &value))
	{
		names[n] = true_name(r, name);
		values[n++] = value;
	}
	env->key = names;
	env->key_values = values;
	env->nkey = n;
	return CDC_OK;
}

static CdcStatus
read_row(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc		v;
	CdcStatus	st;
	int64_t		n;

	if (cdc_doc_find(&env->body, "encrypted", &v))
	{
		env->not_whole = "rows that Maxwell has encrypted cannot be read";
		env->whole_advice = "Set Maxwell's option \"encrypt\" to none.";
		/* of encrypt=all not even the table is told */
		if (env->table[0] == '\0')
			return cdc_envelope_check_whole(env, r->err);
	}
	st = cdc_reader_image(r, &env->body, "data", CDC_DOC_OBJECT, &env->after);
	if (st == CDC_OK)
		st = cdc_reader_image(r, &env->body, "old", CDC_DOC_OBJECT, &env->before);
	if (st != CDC_OK)
		return st;
	if (env->after.type == CDC_DOC_NULL && env->not_whole == NULL)
		return cdc_reader_refuse(r, "maxwell", "Its type is \"%.*s\", but it has no object \"data\".",
								 cdc_clip(env->type, 40), env->type.data);
	if (env->table[0] == '\0')
		return cdc_reader_refuse(r, "maxwell", "It has no \"table\".");
	if (cdc_doc_find_type(&env->body, "reason", CDC_DOC_STRING, &v))
	{
		cdc_reader_refuse(r, "maxwell", "Maxwell could not send the row (\"%.*s\"); what it put in its dead_letter_topic has no columns but the key's.",
						  cdc_clip(v.string, 100), v.string.data);
		cdc_error_hint(r->err, "Leave that topic out of the subscription, and raise the limits of producer and broker.");
		return CDC_ERR_VALUE;
	}
	/* without output_xoffset there are the xid and the last row's commit alone */
	if (cdc_doc_find_int64(&env->body, "xoffset", &n))
		env->xoffset = n;
	if (cdc_doc_find_type(&env->body, "commit", CDC_DOC_TRUE, &v))
		env->commit = 1;
	else if (env->xoffset >= 0 || env->xid != 0)
		env->commit = 0;
	if (cdc_doc_find_type(&env->body, "primary_key_columns", CDC_DOC_ARRAY, &v))
		return cdc_reader_key_array(r, &v);
	return read_key(r);
}

static CdcStatus
read_maxwell(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcStatus	st;
	int64_t		n;

	if (!cdc_reader_op(r, cdc_doc_find_string(&env->body, "type"), types))
		return cdc_reader_refuse(r, "maxwell", "Its type is \"%.*s\".", cdc_clip(env->type, 100),
								 env->type.data);
	st = cdc_reader_table(r, cdc_doc_find_string(&env->body, "database"),
						  cdc_doc_find_string(&env->body, "table"));
	if (st != CDC_OK)
		return st;
	if (cdc_doc_find_int64(&env->body, "ts", &n) && n > 0)
	{
		/* of DDL in milliseconds; seconds will not reach that in a thousand years */
		if (n > INT64_C(100000000000))
			env->source_us = n < INT64_MAX / 1000 ? n * 1000 : 0;
		else
			env->source_us = n * 1000000;
	}
	env->gtid = cdc_doc_find_string(&env->body, "gtid");
	env->position = cdc_doc_find_string(&env->body, "position");
	env->sql = cdc_doc_find_string(&env->body, "sql");
	if (cdc_doc_find_int64(&env->body, "xid", &n) && n > 0)
		env->xid = (uint64_t) n;
	env->makes_table = cdc_string_is(env->type, "table-create");
	if (env->op == CDC_OP_SCHEMA || env->op == CDC_OP_CONTROL || env->op == CDC_OP_TRUNCATE)
		return CDC_OK;
	return read_row(r);
}

/* Compacted topics: what the key names is gone. */
static CdcStatus
read_tombstone(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcString	database = cdc_doc_find_string(&env->key_body, "database");
	CdcString	table = cdc_doc_find_string(&env->key_body, "table");
	CdcDoc		columns;
	CdcStatus	st;

	(void) key_array(&env->key_body, &database, &table, &columns);
	if (table.len == 0)
		return CDC_OK;
	st = cdc_reader_table(r, database, table);
	if (st == CDC_OK)
		st = read_key(r);
	if (st == CDC_OK && env->nkey > 0)
	{
		env->op = CDC_OP_DELETE;
		env->keep_key = true;
	}
	return st;
}

/* A bootstrap splits the text of a set at its commas, which makes one member of no text. */
static bool
is_split_empty(const CdcDoc *value)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		element;

	if (value->type != CDC_DOC_ARRAY || cdc_doc_count(value) != 1)
		return false;
	cdc_doc_begin(value, &iter);
	return cdc_doc_next(&iter, &key, &element) && cdc_doc_is_string(&element, "");
}

bool
cdc_maxwell_in_place(CdcOp op, const CdcDoc *data, const CdcDoc *old)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	CdcDoc		now;

	if (op == CDC_OP_UPDATE && old->type == CDC_DOC_OBJECT)
	{
		cdc_doc_begin(old, &iter);
		while (cdc_doc_next(&iter, &key, &value))
			if (!cdc_doc_get(data, key.data, key.len, &now))
				return false;
	}
	if (op == CDC_OP_SNAPSHOT)
	{
		cdc_doc_begin(data, &iter);
		while (cdc_doc_next(&iter, &key, &value))
			if (is_split_empty(&value))
				return false;
	}
	return true;
}

static CdcStatus
cell_type(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field, const CdcColumnHint *hint,
		  CdcCell *cell, CdcError *err)
{
	(void) arena;
	(void) field;
	(void) hint;
	(void) err;
	/* all others are as they have to be */
	if (env->op == CDC_OP_SNAPSHOT && is_split_empty(&cell->value))
		cell->type.form = CDC_CELL_EMPTY_SET;
	return CDC_OK;
}

static void
images(const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before)
{
	(void) row;
	if (env->op == CDC_OP_DELETE)
	{
		/* of a tombstone there is none: the key is all */
		before->values = env->after;
		return;
	}
	after->values = env->after;
	before->values = env->before;
}

/* ---- definitions ---- */

/*
 * "def" leaves out what the value forms do not depend on: digits of decimals,
 * lengths of strings.
 */
static CdcStatus
def_column(CdcArena *arena, const CdcDoc *def, CdcEnvelopeColumn *column, CdcError *err)
{
	static const char *const texts[] = {
		"char", "varchar", "tinytext", "text", "mediumtext", "longtext", NULL
	};
	static const char *const times[] = {"datetime", "timestamp", "time", NULL};
	CdcString	type = cdc_doc_find_string(def, "type");
	CdcDoc		v;
	CdcBuf		buf = {0};
	int64_t		n;
	bool		ok;
	char	   *name = cdc_arena_string(arena, type);

	column->name = cdc_arena_string(arena, cdc_doc_find_string(def, "name"));
	if (name == NULL || column->name == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a definition");
	column->nullable = true;
	column->pk = -1;
	column->column_type = name;
	column->told = true;
	if (strcmp(name, "decimal") == 0)
	{
		column->column_type = CDC_TYPE_NUMBER;
		return CDC_OK;
	}
	if (cdc_type_is_one_of(name, texts))
	{
		if (cdc_doc_find_type(def, "charset", CDC_DOC_STRING, &v) &&
			cdc_doc_is_string(&v, "binary"))
			column->column_type = "longblob";
		else
			column->column_type = "longtext";
		return CDC_OK;
	}
	if (cdc_type_is_one_of(name, times) && cdc_doc_find_int64(def, "column-length", &n) &&
		n > 0 && n <= 6)
		ok = cdc_buf_printf(&buf, "%s(%d)", name, (int) n);
	else if (cdc_doc_find_type(def, "signed", CDC_DOC_FALSE, &v))
		ok = cdc_buf_printf(&buf, "%s unsigned", name);
	else if (strcmp(name, "bit") == 0)
	{
		column->column_type = "bit(64)";
		return CDC_OK;
	}
	else if (strcmp(name, "enum") == 0 || strcmp(name, "set") == 0)
	{
		/* the members do not matter to who holds their names */
		column->column_type = strcmp(name, "enum") == 0 ? "longtext" : "set('')";
		return CDC_OK;
	}
	else
		return CDC_OK;
	if (ok)
		column->column_type = cdc_arena_strndup(arena, buf.data, buf.len);
	cdc_buf_free(&buf);
	return ok && column->column_type != NULL ? CDC_OK :
		cdc_error(err, CDC_ERR_NOMEM, "out of memory for a definition");
}

static CdcStatus
definition(CdcArena *arena, CdcEnvelope *env, CdcEnvelopeColumn **columns, int *n, CdcError *err)
{
	CdcDoc		def;
	CdcDoc		list;
	CdcDoc		key;
	CdcDoc		v;
	CdcDocIter	iter;
	CdcString	name;
	int			place = 0;
	int			i;

	if (!cdc_doc_find_type(&env->body, "def", CDC_DOC_OBJECT, &def) ||
		!cdc_doc_find_type(&def, "columns", CDC_DOC_ARRAY, &list))
		return CDC_OK;
	*columns = cdc_arena_zalloc(arena, sizeof(CdcEnvelopeColumn) * (cdc_doc_count(&list) + 1));
	if (*columns == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a definition");
	cdc_doc_begin(&list, &iter);
	while (cdc_doc_next(&iter, &name, &v))
	{
		CdcStatus	st = def_column(arena, &v, &(*columns)[*n], err);

		if (st != CDC_OK)
			return st;
		(*n)++;
	}
	if (!cdc_doc_find_type(&def, "primary-key", CDC_DOC_ARRAY, &key))
		return CDC_OK;
	cdc_doc_begin(&key, &iter);
	while (cdc_doc_next(&iter, &name, &v))
	{
		for (i = 0; i < *n; i++)
			if (cdc_doc_is_string(&v, (*columns)[i].name))
				(*columns)[i].pk = place++;
	}
	return CDC_OK;
}

const CdcEnvelopeFormat cdc_format_maxwell = {
	CDC_FORMAT_MAXWELL, "maxwell", recognise, read_maxwell, read_tombstone, images, cell_type, NULL,
	definition
};
