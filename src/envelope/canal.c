/*-------------------------------------------------------------------------
 *
 * canal.c
 *	  Messages of alibaba/canal's flat format: rows of one table in arrays, all
 *	  values as texts, their MySQL types beside them; DDL.
 *
 * Forms by FlatMessage, MQMessageUtils.messageConverter() and
 * LogEventConvert.parseOneRow() in canal's source: enum and set are numbers, bytes
 * characters of ISO 8859-1.  TiCDC's canal-json by its documentation and its source.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_hint.h"
#include "envelope/internal.h"

#include <stdio.h>
#include <strings.h>

static bool
recognise(const CdcDoc *body)
{
	CdcDoc		v;

	if (!cdc_doc_find_type(body, "type", CDC_DOC_STRING, &v))
		return false;
	if (cdc_doc_find(body, "isDdl", &v) &&
		(v.type == CDC_DOC_TRUE || v.type == CDC_DOC_FALSE))
		return true;
	return cdc_doc_find_type(body, "data", CDC_DOC_ARRAY, &v) &&
		cdc_doc_find(body, "mysqlType", &v);
}

static const CdcOpName types[] = {
	{"INSERT", CDC_OP_INSERT},
	{"UPDATE", CDC_OP_UPDATE},
	{"DELETE", CDC_OP_DELETE},
	{"INIT", CDC_OP_SNAPSHOT},	/* rows that were there before */
	{"INIT_DDL", CDC_OP_SCHEMA},
	{"CREATE", CDC_OP_SCHEMA},
	{"ALTER", CDC_OP_SCHEMA},
	{"ERASE", CDC_OP_SCHEMA},
	{"RENAME", CDC_OP_SCHEMA},
	{"CINDEX", CDC_OP_SCHEMA},
	{"DINDEX", CDC_OP_SCHEMA},
	{"QUERY", CDC_OP_SCHEMA},
	{"TRUNCATE", CDC_OP_TRUNCATE},
	{"GTID", CDC_OP_CONTROL},
	{"XACOMMIT", CDC_OP_CONTROL},
	{"XAROLLBACK", CDC_OP_CONTROL},
	{"MHEARTBEAT", CDC_OP_CONTROL},
	{"TIDB_WATERMARK", CDC_OP_CONTROL},	/* of TiCDC, which writes this format too */
	{NULL, CDC_OP_CONTROL}
};

/* Element i of an array that is an object; else CDC_DOC_NULL. */
static void
element(const CdcDoc *array, int i, CdcDoc *value)
{
	CdcDocIter	iter;
	CdcString	key;

	if (array->type == CDC_DOC_ARRAY)
	{
		cdc_doc_begin(array, &iter);
		while (cdc_doc_next(&iter, &key, value))
			if (i-- == 0)
			{
				if (value->type == CDC_DOC_OBJECT)
					return;
				break;
			}
	}
	cdc_doc_set_null(value);
}

/* Refuses an array of rows that holds anything else than objects, and nulls where allowed. */
static CdcStatus
check_rows(CdcMessageReader *r, const char *member, const CdcDoc *rows, bool nulls)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		v;

	cdc_doc_begin(rows, &iter);
	while (cdc_doc_next(&iter, &key, &v))
		if (v.type != CDC_DOC_OBJECT && !(nulls && v.type == CDC_DOC_NULL))
			return cdc_reader_refuse(r, "canal", "Its array \"%s\" contains %s, not an object.",
									 member, cdc_doc_type_name(&v));
	return CDC_OK;
}

/*
 * TiCDC sends a row that is too large for a message without its columns (its option
 * large-message-handle-option), which looks like one that has these alone.  A delete needs
 * no others.
 */
static void
check_whole(CdcEnvelope *env)
{
	CdcDoc		tidb;
	CdcDoc		v;

	if (env->op == CDC_OP_DELETE || !cdc_doc_find_type(&env->body, "_tidb", CDC_DOC_OBJECT, &tidb))
		return;
	if (cdc_doc_find_type(&tidb, "onlyHandleKey", CDC_DOC_TRUE, &v))
		env->not_whole = "TiCDC has sent the key of a row only";
	else if (cdc_doc_find(&tidb, "claimCheckLocation", &v) && v.type != CDC_DOC_NULL &&
			 !cdc_doc_is_string(&v, ""))
		env->not_whole = "TiCDC has put a row into a storage of its own, and sent where it is";
	env->whole_advice = "Set max-message-bytes of the changefeed and max.message.bytes of the topic higher than the largest row, large-message-handle-option to \"none\", and have the row written again at the source.";
}

static CdcStatus
read_rows(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc		data;
	CdcDoc		v;
	CdcStatus	st = cdc_reader_image(r, &env->body, "data", CDC_DOC_ARRAY, &data);

	if (st != CDC_OK)
		return st;
	if (cdc_doc_count(&data) == 0 || cdc_doc_count(&data) > 1000000)
		return cdc_reader_refuse(r, "canal", "Its type is \"%.*s\", but it has no array \"data\" of rows.",
								 cdc_clip(env->type, 40), env->type.data);
	st = check_rows(r, "data", &data, false);
	if (st != CDC_OK)
		return st;
	if (env->table[0] == '\0')
		return cdc_reader_refuse(r, "canal", "It has no \"table\".");
	env->nrows = (int) cdc_doc_count(&data);
	check_whole(env);
	if (env->op == CDC_OP_DELETE)
		env->before = data;
	else
	{
		env->after = data;
		st = cdc_reader_image(r, &env->body, "old", CDC_DOC_ARRAY, &env->before);
		if (st == CDC_OK)
			st = check_rows(r, "old", &env->before, true);
		if (st != CDC_OK)
			return st;
	}
	if (cdc_doc_find_type(&env->body, "pkNames", CDC_DOC_ARRAY, &v))
		return cdc_reader_key_array(r, &v);
	return CDC_OK;
}

static CdcStatus
read_canal(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc		v;
	CdcStatus	st;
	int64_t		n;

	if (!cdc_reader_op(r, cdc_doc_find_string(&env->body, "type"), types))
	{
		if (!cdc_doc_find_type(&env->body, "isDdl", CDC_DOC_TRUE, &v))
			return cdc_reader_refuse(r, "canal", "Its type is \"%.*s\".", cdc_clip(env->type, 100),
									 env->type.data);
		env->op = CDC_OP_SCHEMA;
	}
	st = cdc_reader_table(r, cdc_doc_find_string(&env->body, "database"),
						  cdc_doc_find_string(&env->body, "table"));
	if (st != CDC_OK)
		return st;
	/* es: execution at the source, ts: when the message was made */
	if (((cdc_doc_find_int64(&env->body, "es", &n) && n > 0) ||
		 cdc_doc_find_int64(&env->body, "ts", &n)) && n > 0 && n < INT64_MAX / 1000)
		env->source_us = n * 1000;
	env->gtid = cdc_doc_find_string(&env->body, "gtid");
	env->sql = cdc_doc_find_string(&env->body, "sql");
	switch (env->op)
	{
		case CDC_OP_INSERT:
		case CDC_OP_UPDATE:
		case CDC_OP_DELETE:
		case CDC_OP_SNAPSHOT:
			return read_rows(r);
		default:
			return CDC_OK;
	}
}

static void
images(const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before)
{
	element(&env->after, row, &after->values);
	element(&env->before, row, &before->values);
}

/* ---- types ---- */

/* Types of the message's columns, parsed once a message. */
typedef struct TypeCache
{
	int			n;
	CdcString  *names;
	CdcColumn  *columns;
} TypeCache;

static CdcStatus
parse_types(CdcArena *arena, CdcEnvelope *env, CdcError *err)
{
	TypeCache  *cache = cdc_arena_zalloc(arena, sizeof(TypeCache));
	CdcDoc		mysql_type;
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		v;
	size_t		count;

	if (cache == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a message");
	env->cache = cache;
	if (!cdc_doc_find_type(&env->body, "mysqlType", CDC_DOC_OBJECT, &mysql_type))
		return CDC_OK;
	count = cdc_doc_count(&mysql_type) + 1;
	cache->names = cdc_arena_alloc(arena, sizeof(CdcString) * count);
	cache->columns = cdc_arena_zalloc(arena, sizeof(CdcColumn) * count);
	if (cache->names == NULL || cache->columns == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a message");
	cdc_doc_begin(&mysql_type, &iter);
	while (cdc_doc_next(&iter, &key, &v))
	{
		CdcColumn  *column = &cache->columns[cache->n];
		CdcError	ignored;
		char	   *type;

		if (v.type != CDC_DOC_STRING)
			continue;
		type = cdc_arena_string(arena, v.string);
		if (type == NULL)
			return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a message");
		/* one that is not known leaves its values as they are */
		if (cdc_failed(cdc_column_type_parse(arena, type, column, &ignored)))
		{
			memset(column, 0, sizeof(*column));
			/* but numbers of members that are not told are no values */
			if (strncasecmp(type, "enum", 4) == 0)
				column->data_type = "enum";
			else if (strncasecmp(type, "set", 3) == 0)
				column->data_type = "set";
		}
		column->column_type = type;
		cache->names[cache->n++] = key;
	}
	return CDC_OK;
}

static CdcStatus
find_column(CdcArena *arena, CdcEnvelope *env, CdcString name, const CdcColumn **column,
			CdcError *err)
{
	const TypeCache *cache;
	CdcStatus	st = env->cache != NULL ? CDC_OK : parse_types(arena, env, err);

	*column = NULL;
	cache = env->cache;
	for (int i = 0; st == CDC_OK && i < cache->n; i++)
		if (cache->names[i].len == name.len &&
			memcmp(cache->names[i].data, name.data, name.len) == 0)
			*column = &cache->columns[i];
	return st;
}

/*
 * TiCDC leaves out what MySQL has in parentheses (its option content-compatible is off by default): of
 * such a type nobody knows how many digits, characters or bits it has.  MySQL itself leaves them
 * out where a date and time has no fraction, and a value shows that.
 */
static bool
has_no_length(const CdcColumn *column)
{
	static const char *const types[] = {
		"decimal", "numeric", "char", "varchar", "binary", "varbinary", "bit", NULL
	};

	return strchr(column->column_type, '(') == NULL && cdc_type_is_one_of(column->data_type, types);
}

/* Digits of the fraction that a date and time has, six at most; 0: it is none. */
static int
fraction_of(const CdcColumn *column, const CdcDoc *value)
{
	static const char *const types[] = {"datetime", "timestamp", "time", NULL};
	const char *point;
	size_t		n = 0;
	size_t		rest;

	if (value->type != CDC_DOC_STRING || value->string.len == 0 ||
		!cdc_type_is_one_of(column->data_type, types) ||
		(point = memchr(value->string.data, '.', value->string.len)) == NULL)
		return 0;
	rest = (size_t) (value->string.data + value->string.len - point) - 1;
	while (n < rest && n < 6 && point[1 + n] >= '0' && point[1 + n] <= '9')
		n++;
	return (int) n;
}

/* Whether it is digits only. */
static bool
is_number(CdcString text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return text.len > 0;
}

/* What a type without its length is in a definition that holds all values; NULL: no memory. */
static const char *
type_without_length(CdcArena *arena, const CdcColumn *column, int fsp)
{
	const char *type = column->data_type;
	char	   *text;
	size_t		size = strlen(type) + 4;

	if (fsp > 0)
	{
		text = cdc_arena_alloc(arena, size);
		if (text != NULL)
			(void) snprintf(text, size, "%s(%d)", type, fsp);
		return text;
	}
	if (strcmp(type, "bit") == 0)
		return "bit(64)";
	if (strcmp(type, "binary") == 0 || strcmp(type, "varbinary") == 0)
		return "longblob";
	return strcmp(type, "char") == 0 || strcmp(type, "varchar") == 0 ? "longtext" : CDC_TYPE_NUMBER;
}

static CdcStatus
cell_type(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field, const CdcColumnHint *hint,
		  CdcCell *cell, CdcError *err)
{
	const CdcColumn *column;
	CdcColumn  *finer;
	CdcStatus	st = find_column(arena, env, cell->name, &column, err);

	(void) field;
	if (st == CDC_OK && column != NULL && column->data_type != NULL)
	{
		int			fsp = fraction_of(column, &cell->value);

		/* a fraction of more digits than the type tells is not cut off */
		if (fsp > column->fsp)
		{
			finer = cdc_arena_alloc(arena, sizeof(CdcColumn));
			if (finer == NULL)
				return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a message");
			*finer = *column;
			finer->fsp = (uint8_t) fsp;
			column = finer;
		}
		/* a set of members that are not told is a text where it is none of their number */
		if (strcmp(column->data_type, "set") == 0 && column->nmembers == 0 && hint != NULL &&
			hint->kind == CDC_HINT_TEXT && cell->value.type == CDC_DOC_STRING && !is_number(cell->value.string))
			return CDC_OK;
		cell->type.form = CDC_CELL_COLUMN;
		cell->type.column = column;
		cell->type.bytes = hint != NULL && hint->kind == CDC_HINT_BYTES;
	}
	else if (st == CDC_OK && hint != NULL)
		cdc_cell_by_text_hint(hint, &cell->value, true, &cell->type);
	return st;
}

static CdcStatus
column(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field, const CdcCell *cell,
	   CdcEnvelopeColumn *column, CdcError *err)
{
	const CdcColumn *found;
	CdcStatus	st = find_column(arena, env, cell->name, &found, err);

	(void) field;
	if (st == CDC_OK && found != NULL && found->data_type != NULL)
	{
		int			fsp = fraction_of(found, &cell->value);

		column->told = !has_no_length(found) && fsp <= found->fsp;
		column->column_type = column->told ? found->column_type : type_without_length(arena, found, fsp);
		if (column->column_type == NULL)
			return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a message");
	}
	return st;
}

const CdcEnvelopeFormat cdc_format_canal = {
	CDC_FORMAT_CANAL, "canal", recognise, read_canal, NULL, images, cell_type, column, NULL
};
