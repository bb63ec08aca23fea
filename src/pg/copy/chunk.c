/*-------------------------------------------------------------------------
 *
 * chunk.c
 *	  A range of a source table's rows by a unique key, read through any session.
 *
 * A key (a, b) is behind (x, y) where
 *
 *	  a >= x AND (a > x OR (a = x AND b > y))
 *
 * The first condition is for optimizers that find no range in the second one.  A row
 * constructor, (a, b) > (x, y), is one that MySQL makes no range of.
 *
 * What makes literals exact: strings are the bytes of the column's own character set, so
 * that nothing is converted and the column's collation decides; FLOAT is read and compared
 * as the double that it is; BIT, ENUM and SET are numbers, by which they are sorted.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/chunk.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "core/text_value.h"
#include "pg/base/error.h"
#include "pg/copy/row_source.h"
#include "pg/remote/answer.h"

/* ---- columns of a key ---- */

/* How a value of a key is written. */
typedef enum KeyForm
{
	FORM_NONE,					/* it cannot be */
	FORM_NUMBER,				/* as the column is read for its rows */
	FORM_QUOTED,				/* likewise, in quotes */
	FORM_STRING,				/* _charset X'...' */
	FORM_BINARY					/* X'...' */
} KeyForm;

static const char *const number_types[] = {
	"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year", "bit", "decimal",
	"numeric", "float", "double", "real", "enum", "set", NULL
};
static const char *const quoted_types[] = {
	"date", "time", "datetime", "timestamp", "uuid", "inet4", "inet6", NULL
};
static const char *const string_types[] = {"char", "varchar", NULL};
static const char *const binary_types[] = {"binary", "varbinary", NULL};

/* A name that can stand in SQL as it is. */
static bool
is_plain_name(const char *name)
{
	return name != NULL && name[0] != '\0' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name);
}

static KeyForm
key_form(const CdcColumn *column)
{
	if (cdc_type_is_one_of(column->data_type, number_types))
		return FORM_NUMBER;
	if (cdc_type_is_one_of(column->data_type, quoted_types))
		return FORM_QUOTED;
	if (cdc_type_is_one_of(column->data_type, binary_types))
		return FORM_BINARY;
	if (!cdc_type_is_one_of(column->data_type, string_types))
		return FORM_NONE;
	if (column->charset == NULL || strcmp(column->charset, "binary") == 0)
		return FORM_BINARY;
	return is_plain_name(column->charset) ? FORM_STRING : FORM_NONE;
}

static const CdcColumn *
key_column(const CdcTable *table, const CdcChunkKey *key, int i)
{
	return &table->columns[key->columns[i]];
}

/* The expressions of the SELECT list that say the key of a row. */
static char *
key_expressions(const CdcTable *table, const CdcChunkKey *key)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < key->ncolumns; i++)
	{
		const CdcColumn *column = key_column(table, key, i);
		KeyForm		form = key_form(column);
		char	   *quoted = cdc_source_quote_ident(column->name);

		if (form == FORM_STRING || form == FORM_BINARY)
			appendStringInfo(&sql, ", HEX(%s)", quoted);
		else
		{
			CdcBuf		buf = {0};

			if (!cdc_select_expression(column, quoted, &buf))
			{
				cdc_buf_free(&buf);
				cdc_out_of_memory();
			}
			appendStringInfoString(&sql, ", ");
			appendBinaryStringInfo(&sql, buf.data, (int) buf.len);
			cdc_buf_free(&buf);
		}
	}
	return sql.data;
}

/* ---- literals ---- */

/*
 * The literal of a cell that the key's expression gave.  What comes from the source goes
 * back to it as a piece of SQL, so that it is nothing but a literal.
 */
static char *
literal_of_cell(const CdcColumn *column, const CdcString *cell)
{
	char	   *text = pnstrdup(cell->data, cell->len);
	KeyForm		form = key_form(column);

	if (form == FORM_STRING || form == FORM_BINARY)
	{
		if (strspn(text, "0123456789abcdefABCDEF") != cell->len)
			return NULL;
		return form == FORM_BINARY ? psprintf("X'%s'", text) :
			psprintf("_%s X'%s'", column->charset, text);
	}
	if (cell->len == 0 || strlen(text) != cell->len)
		return NULL;
	if (form == FORM_NUMBER)
		return strspn(text, "0123456789+-.eE") == cell->len ? text : NULL;
	return strspn(text, "0123456789abcdefABCDEF:.- ") == cell->len ? psprintf("'%s'", text) : NULL;
}

static char *
hex_literal(const char *before, const CdcString *s)
{
	StringInfoData sql;
	size_t		i;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%sX'", before);
	for (i = 0; i < s->len; i++)
		appendStringInfo(&sql, "%02X", (unsigned char) s->data[i]);
	appendStringInfoChar(&sql, '\'');
	return sql.data;
}

/* The number of an enum's member; 0: it has none of that name. */
static int
member_number(const CdcColumn *column, const CdcString *name)
{
	int			i;

	for (i = 0; i < column->nmembers; i++)
		if (column->members[i].len == name->len &&
			memcmp(column->members[i].data, name->data, name->len) == 0)
			return i + 1;
	return 0;
}

static char *
set_literal(const CdcColumn *column, const CdcValue *value)
{
	uint64		bits = 0;
	int			i;

	for (i = 0; i < value->u.set.nmembers; i++)
	{
		int			n = member_number(column, &value->u.set.members[i]);

		if (n == 0 || n > 64)
			return NULL;
		bits |= UINT64CONST(1) << (n - 1);
	}
	return psprintf(UINT64_FORMAT, bits);
}

static char *
text_literal(const CdcColumn *column, const CdcString *s)
{
	KeyForm		form = key_form(column);

	if (strcmp(column->data_type, "enum") == 0)
		return s->len == 0 ? pstrdup("0") : psprintf("%d", member_number(column, s));
	if (form == FORM_QUOTED)
		return literal_of_cell(column, s);
	/* a constant is converted to the column's character set where that can say it */
	return form == FORM_BINARY ? hex_literal("", s) : hex_literal("_utf8mb4 ", s);
}

char *
cdc_chunk_literal(const CdcTable *table, const CdcChunkKey *key, int i, const CdcValue *value)
{
	const CdcColumn *column = key_column(table, key, i);
	char		text[CDC_TEMPORAL_TEXT];

	switch (value->kind)
	{
		case CDC_INT:
			return psprintf(INT64_FORMAT, (int64) value->u.i);
		case CDC_UINT:
			return psprintf(UINT64_FORMAT, (uint64) value->u.u);
		case CDC_FLOAT:
		case CDC_DOUBLE:
			return psprintf("%.17e", value->u.d);
		case CDC_DECIMAL:
			return literal_of_cell(column, &value->u.s);
		case CDC_TEXT:
			return text_literal(column, &value->u.s);
		case CDC_BYTES:
			return hex_literal("", &value->u.s);
		case CDC_DATE:
		case CDC_TIME:
		case CDC_DATETIME:
		case CDC_TIMESTAMP:
			(void) cdc_temporal_text(value->kind, &value->u.t, text);
			return psprintf("'%s'", text);
		case CDC_SET:
			return set_literal(column, value);
		case CDC_ABSENT:
		case CDC_NULL:
		case CDC_JSON:
			break;
	}
	return NULL;
}

char *
cdc_chunk_key_equals(const CdcTable *table, const CdcChunkKey *key, const char *const *literals)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, "%s%s = %s", i > 0 ? " AND " : "(",
						 cdc_source_quote_ident(key_column(table, key, i)->name), literals[i]);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* ---- the key of a table ---- */

/* Whether a row of SHOW KEYS says in some column that the index cannot be used. */
static bool
is_hidden(const CdcAnswer *keys, int64 row)
{
	return cdc_answer_says(keys, row, "Visible", "NO") || cdc_answer_says(keys, row, "Ignored", "YES");
}

static int
find_column(const CdcTable *table, const char *name)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (pg_strcasecmp(table->columns[i].name, name) == 0)
			return i;
	return -1;
}

static void
set_shape(const CdcTable *table, CdcChunkKey *key)
{
	StringInfoData shape;
	int			i;

	initStringInfo(&shape);
	appendStringInfoString(&shape, key->index);
	for (i = 0; i < key->ncolumns; i++)
	{
		const CdcColumn *column = key_column(table, key, i);

		appendStringInfo(&shape, ", %s %s %s", column->name, column->column_type,
						 column->collation != NULL ? column->collation : "");
	}
	key->shape = shape.data;
}

bool
cdc_chunk_key(CdcSource *source, const CdcTable *table, CdcChunkKey *key)
{
	CdcAnswer  *keys = cdc_source_ask(source, "SHOW KEYS", CDC_OR_MORE(11), "SHOW KEYS FROM %s.%s",
									  cdc_source_quote_ident(table->database),
									  cdc_source_quote_ident(table->name));
	int			unique = cdc_answer_column(keys, "Non_unique");
	int			index = cdc_answer_column(keys, "Key_name");
	int			name = cdc_answer_column(keys, "Column_name");
	int			part = cdc_answer_column(keys, "Sub_part");
	int			nullable = cdc_answer_column(keys, "Null");
	int			type = cdc_answer_column(keys, "Index_type");
	int64		n = cdc_answer_rows(keys);
	int64		i = 0;

	/* the rows are ordered by index, the primary key first, and the columns of each */
	while (i < n)
	{
		const char *this = cdc_answer_text(keys, i, index);
		bool		good = strcmp(cdc_answer_text(keys, i, unique), "0") == 0 &&
			strcmp(cdc_answer_text(keys, i, type), "BTREE") == 0 && !is_hidden(keys, i);

		memset(key, 0, sizeof(*key));
		key->index = pstrdup(this);
		key->columns = palloc(sizeof(int) * n);
		for (; i < n && strcmp(cdc_answer_text(keys, i, index), this) == 0; i++)
		{
			const char *column = cdc_answer_nullable(keys, i, name);
			const char *null = cdc_answer_nullable(keys, i, nullable);
			int			at = column != NULL ? find_column(table, column) : -1;

			good = good && at >= 0 && cdc_answer_nullable(keys, i, part) == NULL &&
				(null == NULL || strcmp(null, "YES") != 0) &&
				!table->columns[at].virtual_generated &&
				key_form(&table->columns[at]) != FORM_NONE;
			if (good)
				key->columns[key->ncolumns++] = at;
		}
		if (good && key->ncolumns > 0)
		{
			set_shape(table, key);
			return true;
		}
	}
	memset(key, 0, sizeof(*key));
	return false;
}

/* ---- the SELECT ---- */

/* That a key is behind (or upto: before, or is) the one in literals, from column i on. */
static void
append_bound(StringInfo sql, const CdcTable *table, const CdcChunkKey *key,
			 const char *const *literals, int i, bool upto)
{
	char	   *quoted = cdc_source_quote_ident(key_column(table, key, i)->name);
	bool		last = i == key->ncolumns - 1;

	if (last)
	{
		appendStringInfo(sql, "%s %s %s", quoted, upto ? "<=" : ">", literals[i]);
		return;
	}
	appendStringInfo(sql, "%s %s %s AND (%s %s %s OR (%s = %s AND ", quoted, upto ? "<=" : ">=",
					 literals[i], quoted, upto ? "<" : ">", literals[i], quoted, literals[i]);
	append_bound(sql, table, key, literals, i + 1, upto);
	appendStringInfoString(sql, "))");
}

char *
cdc_chunk_condition(const CdcTable *table, const CdcChunkKey *key, const CdcChunkRange *range)
{
	StringInfoData sql;

	if (range->after == NULL && range->upto == NULL)
		return NULL;
	initStringInfo(&sql);
	appendStringInfoChar(&sql, '(');
	if (range->after != NULL)
		append_bound(&sql, table, key, range->after, 0, false);
	if (range->upto != NULL)
	{
		appendStringInfoString(&sql, range->after != NULL ? " AND " : "");
		append_bound(&sql, table, key, range->upto, 0, true);
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

char *
cdc_chunk_rest(const CdcTable *table, const CdcChunkKey *key, const CdcChunkRange *range,
			   bool ordered)
{
	char	   *condition = key != NULL ? cdc_chunk_condition(table, key, range) : NULL;
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	if (key != NULL)
		appendStringInfo(&sql, " FORCE INDEX (%s)", cdc_source_quote_ident(key->index));
	if (condition != NULL)
		appendStringInfo(&sql, " WHERE %s", condition);
	if (range->where != NULL)	/* it may end in a comment */
		appendStringInfo(&sql, " %s (%s\n)", condition != NULL ? "AND" : "WHERE", range->where);
	if (key == NULL || !ordered)
		return sql.data;
	for (i = 0; i < key->ncolumns; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : " ORDER BY ",
						 cdc_source_quote_ident(key_column(table, key, i)->name));
	if (range->limit > 0)
		appendStringInfo(&sql, " LIMIT " INT64_FORMAT, range->limit);
	return sql.data;
}

/* ---- reading ---- */

struct CdcChunk
{
	MemoryContext context;
	const CdcTable *table;
	const CdcChunkKey *key;		/* or NULL */
	const char *subscription;
	CdcRowSource *rows;
	int64		limit;			/* 0: none */
	int64		nrows;
	int64		nbytes;
	StringInfoData last;		/* cells of the last row's key, one behind the other ... */
	size_t	   *lengths;		/* ... and their lengths */
};

CdcChunk *
cdc_chunk_post(CdcSource *source, const CdcTable *table, const CdcChunkKey *key,
			   const CdcChunkRange *range, const char *subscription)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest chunk",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcChunk   *chunk = palloc0(sizeof(CdcChunk));
	CdcRowQuery query = {"", 0, ""};

	chunk->context = context;
	chunk->table = table;
	chunk->key = key;
	chunk->subscription = subscription;
	chunk->limit = key != NULL ? range->limit : 0;
	query.rest = cdc_chunk_rest(table, key, range, true);
	if (key != NULL)
	{
		query.extra = key_expressions(table, key);
		query.nextra = key->ncolumns;
		initStringInfo(&chunk->last);
		chunk->lengths = palloc0(sizeof(size_t) * key->ncolumns);
	}
	chunk->rows = cdc_row_source_open(source, table, &query, subscription);
	MemoryContextSwitchTo(old);
	return chunk;
}

bool
cdc_chunk_begin(CdcChunk *chunk, CdcError *err)
{
	if (cdc_row_source_begin(chunk->rows, err) == CDC_OK)
		return true;
	cdc_chunk_close(chunk);
	return false;
}

CdcChunk *
cdc_chunk_open(CdcSource *source, const CdcTable *table, const CdcChunkKey *key,
			   const CdcChunkRange *range, const char *subscription, CdcError *err)
{
	CdcChunk   *chunk = cdc_chunk_post(source, table, key, range, subscription);

	return cdc_chunk_begin(chunk, err) ? chunk : NULL;
}

/* Keeps the key of the present row: only the end tells that it was the last one. */
static void
note_key(CdcChunk *chunk)
{
	const CdcString *cells = cdc_row_source_extra(chunk->rows);
	int			i;

	resetStringInfo(&chunk->last);
	for (i = 0; i < chunk->key->ncolumns; i++)
	{
		if (cells[i].data == NULL)
			chunk->lengths[i] = SIZE_MAX;
		else
		{
			chunk->lengths[i] = cells[i].len;
			appendBinaryStringInfo(&chunk->last, cells[i].data, (int) cells[i].len);
		}
	}
}

CdcStatus
cdc_chunk_try_next(CdcChunk *chunk, const CdcValue **values, CdcError *err)
{
	CdcStatus	st = cdc_row_source_try_next(chunk->rows, values, err);

	if (st != CDC_OK)
		return st;
	chunk->nrows++;
	chunk->nbytes += cdc_row_source_bytes(chunk->rows);
	if (chunk->key != NULL)
		note_key(chunk);
	return CDC_OK;
}

const CdcValue *
cdc_chunk_next(CdcChunk *chunk)
{
	const CdcValue *values;
	CdcError	err;

	CDC_CHECK(cdc_chunk_try_next(chunk, &values, &err), &err, chunk->subscription);
	return values;
}

int64
cdc_chunk_rows(const CdcChunk *chunk)
{
	return chunk->nrows;
}

int64
cdc_chunk_bytes(const CdcChunk *chunk)
{
	return chunk->nbytes;
}

void
cdc_chunk_keep(CdcChunk *chunk, MemoryContext parent, const char *subscription)
{
	MemoryContextSetParent(chunk->context, parent);
	chunk->subscription = subscription;
	cdc_row_source_keep(chunk->rows, subscription);	/* its memory is the chunk's */
}

void
cdc_chunk_resume(CdcChunk *chunk, const CdcTable *table)
{
	chunk->table = table;
	cdc_row_source_resume(chunk->rows, table);
}

void
cdc_chunk_set_patience(CdcChunk *chunk, TimestampTz until)
{
	cdc_row_source_set_patience(chunk->rows, until);
}

bool
cdc_chunk_is_last(const CdcChunk *chunk)
{
	return chunk->limit == 0 || chunk->nrows < chunk->limit;
}

char **
cdc_chunk_last_key(const CdcChunk *chunk)
{
	char	  **literals;
	size_t		offset = 0;
	int			i;

	if (chunk->key == NULL || chunk->nrows == 0)
		return NULL;
	literals = palloc(sizeof(char *) * chunk->key->ncolumns);
	for (i = 0; i < chunk->key->ncolumns; i++)
	{
		const CdcColumn *column = key_column(chunk->table, chunk->key, i);
		CdcString	cell = {chunk->last.data + offset, chunk->lengths[i]};

		literals[i] = chunk->lengths[i] == SIZE_MAX ? NULL : literal_of_cell(column, &cell);
		if (literals[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_ERROR),
					 errmsg("unexpected value of key column \"%s\" of source table \"%s\"",
							column->name, chunk->table->full_name),
					 errdetail("A %s cannot have it.", column->data_type)));
		offset += chunk->lengths[i];
	}
	return literals;
}

void
cdc_chunk_close(CdcChunk *chunk)
{
	if (chunk->rows != NULL)
		cdc_row_source_close(chunk->rows);
	MemoryContextDelete(chunk->context);
}

/* The SELECT of the key that ends the range, by its limit. */
static char *
skip_statement(const CdcTable *table, const CdcChunkKey *key, const CdcChunkRange *range)
{
	CdcChunkRange one = *range;

	one.limit = 1;
	return psprintf("SELECT %s FROM %s.%s%s OFFSET " INT64_FORMAT,
					key_expressions(table, key) + strlen(", "),
					cdc_source_quote_ident(table->database), cdc_source_quote_ident(table->name),
					cdc_chunk_rest(table, key, &one, true), range->limit - 1);
}

/* The key that the source has answered with; false: there is none. */
static bool
take_key(const CdcTable *table, const CdcChunkKey *key, const CdcAnswer *answer, char ***last)
{
	char	  **literals = palloc(sizeof(char *) * key->ncolumns);
	int			i;

	if (cdc_answer_rows(answer) == 0)
		return false;
	for (i = 0; i < key->ncolumns; i++)
	{
		const char *text = cdc_answer_text(answer, 0, i);
		CdcString	cell = {text, strlen(text)};

		literals[i] = literal_of_cell(key_column(table, key, i), &cell);
		if (literals[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_ERROR),
					 errmsg("unexpected value of key column \"%s\" of source table \"%s\"",
							key_column(table, key, i)->name, table->full_name)));
	}
	*last = literals;
	return true;
}

bool
cdc_chunk_skip(CdcSource *source, const CdcTable *table, const CdcChunkKey *key,
			   const CdcChunkRange *range, char ***last)
{
	return take_key(table, key, cdc_source_ask(source, "a key of a table", key->ncolumns, "%s",
											   skip_statement(table, key, range)), last);
}

bool
cdc_chunk_try_skip(CdcSource *source, const CdcTable *table, const CdcChunkKey *key,
				   const CdcChunkRange *range, char ***last)
{
	CdcAnswer  *answer = cdc_source_try_ask(source, "a key of a table", key->ncolumns,
											skip_statement(table, key, range));

	return answer != NULL && take_key(table, key, answer, last);
}
