/*-------------------------------------------------------------------------
 *
 * row_source.c
 *	  The rows of a source table as typed values, read through a session.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/row_source.h"

#include "miscadmin.h"
#include "utils/memutils.h"

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
	const char *subscription;	/* for errors */
	CdcArena   *arena;			/* of the present row */
	CdcValue   *values;			/* of the present row, in the table's order */
};

/* The SELECT of all rows, each column in the form that cdc_value_from_text() reads. */
static char *
select_statement(const CdcTable *table)
{
	CdcBuf		sql = {0};
	bool		ok = cdc_buf_printf(&sql, "SELECT ");
	char	   *text;
	int			i;

	for (i = 0; ok && i < table->ncolumns; i++)
		ok = (i == 0 || cdc_buf_append(&sql, ", ", 2)) &&
			cdc_select_expression(&table->columns[i],
								  cdc_source_quote_ident(table->columns[i].name), &sql);
	ok = ok && cdc_buf_printf(&sql, " FROM %s.%s", cdc_source_quote_ident(table->database),
							  cdc_source_quote_ident(table->name));
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

static void
free_arena(void *arg)
{
	cdc_arena_destroy(arg);
}

CdcRowSource *
cdc_row_source_open(CdcSource *source, const CdcTable *table, const char *subscription)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest row source",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcRowSource *rows = palloc0(sizeof(CdcRowSource));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	rows->context = context;
	rows->source = source;
	rows->session = cdc_source_session(source);
	rows->table = table;
	rows->subscription = subscription;
	rows->values = palloc0(Max(table->ncolumns, 1) * sizeof(CdcValue));
	rows->arena = cdc_arena_create(ROW_LIMIT);
	if (rows->arena == NULL)
		cdc_out_of_memory();
	callback->func = free_arena;
	callback->arg = rows->arena;
	MemoryContextRegisterResetCallback(context, callback);
	cdc_session_select(rows->session, select_statement(table));
	MemoryContextSwitchTo(old);
	return rows;
}

/* The next row as text, a cell a column; false: there is none. */
static bool
next_cells(CdcRowSource *rows, const CdcString **cells)
{
	const CdcTable *table = rows->table;
	CdcError	err;

	for (;;)
	{
		int			ncolumns;
		CdcStatus	st = cdc_session_poll_row(rows->session, &ncolumns, cells, &err);

		CHECK_FOR_INTERRUPTS();
		if (st == CDC_END)
			return false;
		if (st == CDC_MORE || (st == CDC_ERR_CONNECT && cdc_source_is_busy(rows->source)))
		{
			(void) cdc_source_wait(rows->source, -1);
			continue;
		}
		if (cdc_failed(st))
		{
			cdc_error_column(&err, table->database, table->name, "");
			cdc_ereport(&err, rows->subscription);
		}
		if (ncolumns != table->ncolumns)
		{
			cdc_error(&err, CDC_ERR_PROTOCOL, "unexpected answer of server \"%s\" to the SELECT of a table's rows",
					  cdc_source_server(rows->source));
			cdc_error_detail(&err, "It has %d columns instead of %d.", ncolumns, table->ncolumns);
			cdc_error_column(&err, table->database, table->name, "");
			cdc_ereport(&err, rows->subscription);
		}
		return true;
	}
}

const CdcValue *
cdc_row_source_next(CdcRowSource *rows)
{
	const CdcTable *table = rows->table;
	MemoryContext old = MemoryContextSwitchTo(rows->context);
	const CdcString *cells;
	CdcError	err;
	int			i;

	if (!next_cells(rows, &cells))
	{
		MemoryContextSwitchTo(old);
		return NULL;
	}
	cdc_arena_reset(rows->arena);
	for (i = 0; i < table->ncolumns; i++)
	{
		CdcStatus	st = cdc_value_from_text(rows->arena, &table->columns[i], cells[i],
											 &rows->values[i], &err);

		if (cdc_failed(st))
		{
			cdc_error_column(&err, table->database, table->name, table->columns[i].name);
			cdc_ereport(&err, rows->subscription);
		}
	}
	MemoryContextSwitchTo(old);
	return rows->values;
}

void
cdc_row_source_close(CdcRowSource *rows)
{
	MemoryContextDelete(rows->context);
}
