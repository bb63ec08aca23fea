/*-------------------------------------------------------------------------
 *
 * row_source.c
 *	  The rows of a source table as typed values, read through a session.
 *
 * A server that converts text to the session's character set puts a question mark where it
 * knows no character for some bytes, and says nothing.  So text in another character set than
 * UTF-8 is read as bytes and converted here, as that of the binlog is: the same text by
 * either way, or the same error.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/row_source.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "binlog/charset.h"
#include "core/text_value.h"
#include "pg/base/error.h"

/* The most that one row may take, in bytes. */
#define ROW_LIMIT			((size_t) 1024 * 1024 * 1024)

struct CdcRowSource
{
	MemoryContext context;		/* of this struct and what the waits leave behind */
	CdcSource  *source;
	CdcSession *session;		/* the same, where the rows come from */
	const CdcTable *table;
	int			nextra;			/* cells of a row beside the table's columns */
	const char *subscription;	/* for errors */
	CdcArena   *arena;			/* of the present row */
	CdcValue   *values;			/* of the present row, in the table's order */
	int		   *types;			/* of the columns: cdc_text_type() */
	CdcCharsets charsets;
	CdcCharsetConverter **converters;	/* of the columns that are read as bytes; NULL: of others */
	const CdcString *cells;		/* of the present row, or of the one that was read ahead */
	bool		ahead;			/* there is such a row, or the end is known */
	bool		ended;
	TimestampTz until;			/* cdc_row_source_try_next() waits until then; 0: as long as it takes */
};

/*
 * The converter of a column whose text is read as bytes; NULL: of another, or the server converts
 * it, as nobody here can.
 */
static CdcCharsetConverter *
converter_of(CdcCharsets *charsets, const CdcColumn *column)
{
	CdcCharsetConverter *converter = NULL;
	CdcError	err;

	if (column->charset == NULL || column->json_check || column->nmembers > 0 ||
		strcmp(column->charset, "binary") == 0 || cdc_charset_is_utf8(column->charset))
		return NULL;
	if (cdc_charset_converter(charsets, column->charset, &converter, &err) == CDC_ERR_NOMEM)
		cdc_out_of_memory();
	return converter;
}

/* The SELECT of rows, each column in the form that convert_row() reads. */
static char *
select_statement(const CdcRowSource *rows, const CdcRowQuery *query)
{
	const CdcTable *table = rows->table;
	CdcBuf		sql = {0};
	bool		ok = cdc_buf_printf(&sql, "SELECT ");
	char	   *text;
	int			i;

	for (i = 0; ok && i < table->ncolumns; i++)
	{
		const char *name = cdc_source_quote_ident(table->columns[i].name);

		ok = i == 0 || cdc_buf_append(&sql, ", ", 2);
		if (ok && rows->converters[i] != NULL)
			ok = cdc_buf_printf(&sql, "CAST(%s AS BINARY)", name);
		else
			ok = ok && cdc_select_expression(&table->columns[i], name, &sql);
	}
	if (query != NULL)
		ok = ok && cdc_buf_append(&sql, query->extra, strlen(query->extra));
	ok = ok && cdc_buf_printf(&sql, " FROM %s.%s", cdc_source_quote_ident(table->database),
							  cdc_source_quote_ident(table->name));
	if (query != NULL)
		ok = ok && cdc_buf_append(&sql, query->rest, strlen(query->rest));
	if (!ok)
	{
		cdc_buf_free(&sql);
		cdc_out_of_memory();
	}
	text = pnstrdup(sql.data, sql.len);
	cdc_buf_free(&sql);
	return text;
}

const CdcColumn *
cdc_row_source_unreadable(const CdcTable *table)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		if (!cdc_text_readable(&table->columns[i]))
			return &table->columns[i];
	}
	return NULL;
}

/* Frees what the source's memory context does not. */
static void
free_rest(void *arg)
{
	CdcRowSource *rows = arg;

	cdc_charsets_free(&rows->charsets);
	cdc_arena_destroy(rows->arena);
}

CdcRowSource *
cdc_row_source_open(CdcSource *source, const CdcTable *table, const CdcRowQuery *query,
					const char *subscription)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest row source",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcRowSource *rows = palloc0(sizeof(CdcRowSource));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	int			i;

	rows->context = context;
	rows->source = source;
	rows->session = cdc_source_session(source);
	rows->table = table;
	rows->nextra = query != NULL ? query->nextra : 0;
	rows->subscription = subscription;
	rows->values = palloc0(Max(table->ncolumns, 1) * sizeof(CdcValue));
	rows->types = palloc(Max(table->ncolumns, 1) * sizeof(int));
	rows->converters = palloc0(Max(table->ncolumns, 1) * sizeof(CdcCharsetConverter *));
	callback->func = free_rest;
	callback->arg = rows;
	MemoryContextRegisterResetCallback(context, callback);
	rows->arena = cdc_arena_create(ROW_LIMIT);
	if (rows->arena == NULL)
		cdc_out_of_memory();
	for (i = 0; i < table->ncolumns; i++)
	{
		rows->types[i] = cdc_text_type(&table->columns[i]);
		rows->converters[i] = converter_of(&rows->charsets, &table->columns[i]);
	}
	cdc_session_select(rows->session, select_statement(rows, query));
	MemoryContextSwitchTo(old);
	return rows;
}

/* ERROR: the answer to the SELECT is not what it should be, or was lost. */
static void
raise_failure(CdcRowSource *rows, CdcError *err)
{
	cdc_error_column(err, rows->table->database, rows->table->name, "");
	cdc_ereport(err, rows->subscription);
}

/*
 * The next row as text, a cell a column and extra expression; CDC_END: there is none; CDC_MORE:
 * not in time.
 */
static CdcStatus
next_cells(CdcRowSource *rows, CdcError *err)
{
	int			wanted = rows->table->ncolumns + rows->nextra;

	for (;;)
	{
		int			ncolumns;
		CdcStatus	st = cdc_session_poll_row(rows->session, &ncolumns, &rows->cells, err);

		CHECK_FOR_INTERRUPTS();
		if (st == CDC_MORE || (st == CDC_ERR_CONNECT && cdc_source_is_busy(rows->source)))
		{
			int64		left = rows->until == 0 ? -1 : (rows->until - GetCurrentTimestamp() + 999) / 1000;

			if (rows->until != 0 && left <= 0)
				return CDC_MORE;
			(void) cdc_source_wait(rows->source, (long) left);
			continue;
		}
		if (st == CDC_OK && ncolumns != wanted)
		{
			cdc_error(err, CDC_ERR_PROTOCOL, "unexpected answer of server \"%s\" to the SELECT of a table's rows",
					  cdc_source_server(rows->source));
			cdc_error_detail(err, "It has %d columns instead of %d.", ncolumns, wanted);
			return CDC_ERR_PROTOCOL;
		}
		return st;
	}
}

CdcStatus
cdc_row_source_begin(CdcRowSource *rows, CdcError *err)
{
	MemoryContext old = MemoryContextSwitchTo(rows->context);
	CdcStatus	st = next_cells(rows, err);

	MemoryContextSwitchTo(old);
	if (cdc_failed(st) && st != CDC_ERR_SOURCE && st != CDC_ERR_PRIVILEGE)
		raise_failure(rows, err);
	rows->ahead = true;
	rows->ended = st != CDC_OK;
	return cdc_failed(st) ? st : CDC_OK;
}

/* Reads a row ahead, where none is: CDC_OK, CDC_END, CDC_MORE, or what ended the answer. */
static CdcStatus
read_ahead(CdcRowSource *rows, CdcError *err)
{
	CdcStatus	st;

	if (rows->ahead || rows->ended)
		return rows->ended ? CDC_END : CDC_OK;
	st = next_cells(rows, err);
	rows->ended = st != CDC_OK && st != CDC_MORE;
	if (!cdc_failed(st))
		return st;
	/* other tables would meet the same, or the server only has to be asked again */
	if (st != CDC_ERR_SOURCE || cdc_mysql_error_is_passing(err->source_errno))
		raise_failure(rows, err);
	cdc_error_column(err, rows->table->database, rows->table->name, "");
	return st;
}

/* The present row's cells as values. */
static CdcStatus
convert_row(CdcRowSource *rows, CdcError *err)
{
	const CdcTable *table = rows->table;
	int			i;

	cdc_arena_reset(rows->arena);
	for (i = 0; i < table->ncolumns; i++)
	{
		CdcString	cell = rows->cells[i];
		CdcStatus	st = CDC_OK;

		if (rows->converters[i] != NULL && cell.data != NULL)
			st = cdc_charset_to_utf8(rows->converters[i], (const uint8_t *) cell.data, cell.len,
									 rows->arena, &cell, err);
		if (st == CDC_OK)
			st = cdc_value_from_text_as(rows->arena, &table->columns[i], rows->types[i], cell,
										&rows->values[i], err);
		if (cdc_failed(st))
		{
			cdc_error_column(err, table->database, table->name, table->columns[i].name);
			return st;
		}
	}
	return CDC_OK;
}

/* Reads the rest of the answer, whatever it is. */
static void
pass_over_rest(CdcRowSource *rows)
{
	CdcError	err;

	rows->until = 0;
	do
		rows->ahead = false;
	while (read_ahead(rows, &err) == CDC_OK);
}

CdcStatus
cdc_row_source_try_next(CdcRowSource *rows, const CdcValue **values, CdcError *err)
{
	MemoryContext old = MemoryContextSwitchTo(rows->context);
	CdcStatus	st = read_ahead(rows, err);

	if (st == CDC_OK)
	{
		rows->ahead = false;
		st = convert_row(rows, err);
		if (st == CDC_ERR_NOMEM)
			raise_failure(rows, err);
		if (cdc_failed(st))
			pass_over_rest(rows);
	}
	*values = st == CDC_OK ? rows->values : NULL;
	MemoryContextSwitchTo(old);
	return st;
}

const CdcValue *
cdc_row_source_next(CdcRowSource *rows)
{
	const CdcValue *values;
	CdcError	err;

	CDC_CHECK(cdc_row_source_try_next(rows, &values, &err), &err, rows->subscription);
	return values;
}

const CdcString *
cdc_row_source_extra(const CdcRowSource *rows)
{
	return rows->cells + rows->table->ncolumns;
}

size_t
cdc_row_source_bytes(const CdcRowSource *rows)
{
	size_t		bytes = 0;
	int			i;

	for (i = 0; i < rows->table->ncolumns; i++)
		bytes += rows->cells[i].len;
	return bytes;
}

void
cdc_row_source_keep(CdcRowSource *rows, const char *subscription)
{
	rows->subscription = subscription;
}

void
cdc_row_source_resume(CdcRowSource *rows, const CdcTable *table)
{
	rows->table = table;
}

void
cdc_row_source_set_patience(CdcRowSource *rows, TimestampTz until)
{
	rows->until = until;
}

void
cdc_row_source_close(CdcRowSource *rows)
{
	MemoryContextDelete(rows->context);
}
