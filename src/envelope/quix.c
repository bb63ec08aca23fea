/*-------------------------------------------------------------------------
 *
 * quix.c
 *	  Messages of Quix's connectors and of others that pass on what wal2json makes
 *	  of a row of PostgreSQL (its format version 1): names and values of columns as
 *	  two arrays.
 *
 * Forms by wal2json's README and source: numbers and booleans are JSON's, all other
 * values the type's text, bytea hexadecimal digits.  A whole transaction in one
 * message ("change": [...]) names several tables and is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_hint.h"
#include "envelope/cell_time.h"
#include "envelope/internal.h"

static bool
recognise(const CdcDoc *body)
{
	CdcDoc		v;

	return cdc_doc_find_type(body, "kind", CDC_DOC_STRING, &v) &&
		(cdc_doc_find_type(body, "columnnames", CDC_DOC_ARRAY, &v) ||
		 cdc_doc_find_type(body, "oldkeys", CDC_DOC_OBJECT, &v) ||
		 (cdc_doc_find_type(body, "schema", CDC_DOC_STRING, &v) &&
		  cdc_doc_find_type(body, "table", CDC_DOC_STRING, &v)));
}

static const CdcOpName kinds[] = {
	{"insert", CDC_OP_INSERT},
	{"update", CDC_OP_UPDATE},
	{"delete", CDC_OP_DELETE},
	{"snapshot_insert", CDC_OP_SNAPSHOT},
	{"snapshot", CDC_OP_SNAPSHOT},
	{"read", CDC_OP_SNAPSHOT},
	{"truncate", CDC_OP_TRUNCATE},
	{"message", CDC_OP_CONTROL},
	{NULL, CDC_OP_CONTROL}
};

/* names and values of a body or of its "oldkeys"; false: they are not of one length. */
static bool
find_arrays(const CdcDoc *doc, const char *names, const char *types, const char *values,
			CdcImage *image)
{
	if (!cdc_doc_find_type(doc, names, CDC_DOC_ARRAY, &image->names) ||
		!cdc_doc_find_type(doc, values, CDC_DOC_ARRAY, &image->values))
	{
		cdc_doc_set_null(&image->names);
		cdc_doc_set_null(&image->values);
		return true;
	}
	(void) cdc_doc_find_type(doc, types, CDC_DOC_ARRAY, &image->types);
	return cdc_doc_count(&image->names) == cdc_doc_count(&image->values);
}

static bool
find_images(const CdcEnvelope *env, CdcImage *after, CdcImage *before)
{
	CdcDoc		old;

	memset(after, 0, sizeof(*after));
	memset(before, 0, sizeof(*before));
	if (!find_arrays(&env->body, "columnnames", "columntypes", "columnvalues", after))
		return false;
	return !cdc_doc_find_type(&env->body, "oldkeys", CDC_DOC_OBJECT, &old) ||
		find_arrays(&old, "keynames", "keytypes", "keyvalues", before);
}

/* Refuses members of an image that are anything else than arrays. */
static CdcStatus
check_arrays(CdcMessageReader *r, const CdcDoc *doc, const char *names, const char *types,
			 const char *values)
{
	CdcDoc		ignored;
	CdcStatus	st = cdc_reader_image(r, doc, names, CDC_DOC_ARRAY, &ignored);

	if (st == CDC_OK)
		st = cdc_reader_image(r, doc, types, CDC_DOC_ARRAY, &ignored);
	if (st == CDC_OK)
		st = cdc_reader_image(r, doc, values, CDC_DOC_ARRAY, &ignored);
	return st;
}

static CdcStatus
check_images(CdcMessageReader *r)
{
	const CdcDoc *body = &r->env->body;
	CdcDoc		old;
	CdcStatus	st = check_arrays(r, body, "columnnames", "columntypes", "columnvalues");

	if (st == CDC_OK)
		st = cdc_reader_image(r, body, "oldkeys", CDC_DOC_OBJECT, &old);
	if (st == CDC_OK)
		st = check_arrays(r, &old, "keynames", "keytypes", "keyvalues");
	return st;
}

/*
 * Whether the columns that an update's row is found by are a key.  wal2json leaves nulls
 * out there, so that a whole row can look like some columns of it; a change to one of
 * them is a sign of that, as keys hardly change.  What holds all columns is the row before the
 * change.  A table whose key has all of its columns looks the same, and is treated the
 * same: what finds its rows is all columns either way.
 */
static bool
tells_key(const CdcImage *after, const CdcImage *before)
{
	CdcImageIter iter;
	CdcEnvelope none;
	CdcString	name;
	CdcDoc		value;
	CdcDoc		now;
	CdcDoc		field;

	if (cdc_doc_count(&before->names) == 0 || cdc_image_covers(before, after))
		return false;
	memset(&none, 0, sizeof(none));
	cdc_image_begin(&none, before, &iter);
	while (cdc_image_next(&iter, &name, &value, &field))
		if (!cdc_image_find(after, name, &now) || !cdc_doc_equal(&value, &now))
			return false;
	return true;
}

/* Forgets a key from the message's own where it names what is no column of the row. */
static void
check_key(CdcEnvelope *env, const CdcImage *row)
{
	CdcDoc		value;

	for (int i = 0; i < env->nkey; i++)
	{
		if (!cdc_image_find(row, env->key[i], &value))
		{
			env->key = NULL;
			env->key_values = NULL;
			env->nkey = 0;
		}
	}
}

/*
 * Key columns: those told as such, else those that an update is found by, else the
 * columns in the message's key.  What a delete is found by may be a key or a whole row.
 */
static CdcStatus
read_key(CdcMessageReader *r, const CdcImage *after, const CdcImage *before)
{
	CdcDoc		pk;
	CdcDoc		names;
	CdcStatus	st;

	if (cdc_doc_find_type(&r->env->body, "pk", CDC_DOC_OBJECT, &pk) &&
		cdc_doc_find_type(&pk, "pknames", CDC_DOC_ARRAY, &names))
		return cdc_reader_key_array(r, &names);
	if (r->env->op == CDC_OP_UPDATE && tells_key(after, before))
		return cdc_reader_key_array(r, &before->names);
	st = cdc_reader_key_object(r);
	check_key(r->env, r->env->op == CDC_OP_DELETE ? before : after);
	return st;
}

static CdcStatus
read_quix(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcImage	after;
	CdcImage	before;
	int64_t		n;
	CdcStatus	st;

	if (!cdc_reader_op(r, cdc_doc_find_string(&env->body, "kind"), kinds))
		return cdc_reader_refuse(r, "quix", "Its kind is \"%.*s\".", cdc_clip(env->type, 40),
								 env->type.data);
	st = cdc_reader_table(r, cdc_doc_find_string(&env->body, "schema"),
						  cdc_doc_find_string(&env->body, "table"));
	if (st != CDC_OK)
		return st;
	if (!cdc_datetime_micros(cdc_doc_find_string(&env->body, "timestamp"), &env->source_us) ||
		env->source_us < 0)
		env->source_us = 0;
	if (cdc_doc_find_int64(&env->body, "xid", &n) && n > 0)
		env->xid = (uint64_t) n;
	if (env->op == CDC_OP_TRUNCATE || env->op == CDC_OP_CONTROL)
		return CDC_OK;
	if (env->table[0] == '\0')
		return cdc_reader_refuse(r, "quix", "It has no \"table\".");
	st = check_images(r);
	if (st != CDC_OK)
		return st;
	if (!find_images(env, &after, &before))
		return cdc_reader_refuse(r, "quix", "It has more names of columns than values, or fewer.");
	if (cdc_doc_count(env->op == CDC_OP_DELETE ? &before.values : &after.values) == 0)
		return cdc_reader_refuse(r, "quix", "Its kind is \"%.*s\", but it has no arrays \"%s\".",
								 cdc_clip(env->type, 40), env->type.data,
								 env->op == CDC_OP_DELETE ? "oldkeys.keynames\" and \"keyvalues" :
								 "columnnames\" and \"columnvalues");
	env->after = after.values;
	env->before = before.values;
	env->before_partial = !cdc_image_covers(&before, &after);
	return read_key(r, &after, &before);
}

static void
images(const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before)
{
	(void) row;
	(void) find_images(env, after, before);
}

static CdcStatus
cell_type(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field, const CdcColumnHint *hint,
		  CdcCell *cell, CdcError *err)
{
	(void) arena;
	(void) env;
	(void) err;
	if (cdc_doc_is_string(field, "bytea"))
		cell->type.form = CDC_CELL_HEX;
	else if (cdc_doc_is_string(field, "json") || cdc_doc_is_string(field, "jsonb"))
		cell->type.form = CDC_CELL_JSON_TEXT;
	else if (hint != NULL && field->type != CDC_DOC_STRING && hint->kind == CDC_HINT_BYTES)
		cell->type.form = CDC_CELL_HEX;
	else if (hint != NULL)
		cdc_cell_by_text_hint(hint, &cell->value, field->type != CDC_DOC_STRING, &cell->type);
	return CDC_OK;
}

static const struct
{
	const char *pg_type;
	const char *column_type;
}			pg_types[] = {
	{"smallint", "smallint"},
	{"integer", "int"},
	{"bigint", "bigint"},
	{"real", "float"},
	{"double precision", "double"},
	{"boolean", CDC_TYPE_BOOLEAN},
	{"numeric", CDC_TYPE_NUMBER},
	{"date", "date"},
	{"time without time zone", "time(6)"},
	{"bytea", "longblob"},
	{"json", "json"},
	{"jsonb", "json"},
	{"uuid", "uuid"},
	{"inet", "inet6"}
};

static bool
ends_with(CdcString s, const char *end)
{
	size_t		len = strlen(end);

	return s.len >= len && memcmp(s.data + s.len - len, end, len) == 0;
}

/* MySQL's name for a type of PostgreSQL; longtext where there is none. */
static CdcStatus
column_by_pg_type(CdcArena *arena, CdcString type, CdcEnvelopeColumn *column, CdcError *err)
{
	const char *paren = memchr(type.data, '(', type.len);
	size_t		len = paren != NULL ? (size_t) (paren - type.data) : type.len;
	CdcString	word = {type.data, len};
	CdcBuf		buf = {0};
	bool		ok;

	/* arrays and bits have no type there: what the value is */
	if (ends_with(type, "[]") || (len >= 3 && memcmp(word.data, "bit", 3) == 0))
		return CDC_OK;
	column->column_type = "longtext";
	column->told = true;
	/* "timestamp(3) with time zone": six digits hold them all */
	if (len >= 9 && memcmp(word.data, "timestamp", 9) == 0)
	{
		column->column_type = ends_with(type, " with time zone") ? "timestamp(6)" : "datetime(6)";
		return CDC_OK;
	}
	for (size_t i = 0; i < sizeof(pg_types) / sizeof(pg_types[0]); i++)
		if (cdc_string_is(word, pg_types[i].pg_type))
			column->column_type = pg_types[i].column_type;
	if (paren == NULL || !cdc_string_is(word, "numeric"))
		return CDC_OK;
	ok = cdc_buf_append(&buf, "decimal", 7) && cdc_buf_append(&buf, paren, type.len - len);
	column->column_type = ok ? cdc_arena_strndup(arena, buf.data, buf.len) : NULL;
	cdc_buf_free(&buf);
	return column->column_type != NULL ? CDC_OK :
		cdc_error(err, CDC_ERR_NOMEM, "out of memory for a definition");
}

static CdcStatus
column(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field, const CdcCell *cell,
	   CdcEnvelopeColumn *column, CdcError *err)
{
	(void) env;
	(void) cell;
	if (field->type == CDC_DOC_STRING)
		return column_by_pg_type(arena, field->string, column, err);
	return CDC_OK;
}

const CdcEnvelopeFormat cdc_format_quix = {
	CDC_FORMAT_QUIX, "quix", recognise, read_quix, NULL, images, cell_type, column, NULL
};
