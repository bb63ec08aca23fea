/*-------------------------------------------------------------------------
 *
 * answer.c
 *	  What a source answers, looked at before it is believed; see answer.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "pg/remote/answer.h"

#include <ctype.h>
#include <errno.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"

struct CdcAnswer
{
	CdcRows    *rows;
	const char *asked;
	const char *server;
};

void
cdc_answer_refuse(const CdcAnswer *answer, const char *why,...)
{
	char		text[CDC_ERROR_TEXT];
	CdcError	err;
	va_list		args;

	va_start(args, why);
	vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	cdc_error(&err, CDC_ERR_PROTOCOL, "unexpected answer of server \"%s\" to %s",
			  answer->server, answer->asked);
	cdc_error_detail(&err, "%s", text);
	cdc_error_hint(&err, "Check that the server options host and port lead to a MySQL or MariaDB server, and that nothing in between changes its answers.");
	cdc_ereport(&err, NULL);
}

/* NULL: the answer has the shape that was asked for. */
static const char *
wrong_shape(const CdcRows *rows, int columns)
{
	if (rows == NULL)
		return columns == 0 ? NULL : "It has no rows and columns at all.";
	if (columns == 0)
		return "It has rows, where the statement returns none.";
	if (columns < 0 ? rows->ncolumns < -columns : rows->ncolumns != columns)
		return psprintf("It has %d columns instead of %d%s.", rows->ncolumns, abs(columns),
						columns < 0 ? " or more" : "");
	if (rows->short_rows)
		return "A row has not as many columns as the answer said.";
	return NULL;
}

/*
 * NULL: the server refuses, and err says why, or of what is only looked at: the answer has another
 * shape.  ERROR where nothing more can be asked.
 */
static CdcAnswer *
ask(CdcSource *source, const char *asked, int columns, const char *sql, bool look, CdcError *err)
{
	CdcRows    *rows;
	CdcStatus	st = cdc_source_try_query(source, asked, sql, &rows, err);
	CdcAnswer  *answer;
	const char *wrong;

	if (cdc_failed(st))
	{
		if (!cdc_source_usable(source) || st == CDC_ERR_CANCELLED || st == CDC_ERR_INTERNAL)
			cdc_ereport(err, NULL);
		return NULL;
	}
	answer = palloc0(sizeof(CdcAnswer));
	answer->rows = rows;
	answer->asked = asked;
	answer->server = pstrdup(cdc_source_server(source));
	if (look && rows != NULL)
		rows->short_rows = false;
	wrong = wrong_shape(rows, columns);
	if (wrong != NULL && look)
		return NULL;
	if (wrong != NULL)
		cdc_answer_refuse(answer, "%s", wrong);
	return answer;
}

CdcAnswer *
cdc_source_try_ask(CdcSource *source, const char *asked, int columns, const char *sql)
{
	CdcError	err;

	return ask(source, asked, columns, sql, false, &err);
}

CdcAnswer *
cdc_source_look(CdcSource *source, const char *asked, int columns, const char *sql)
{
	CdcError	err;

	return ask(source, asked, columns, sql, true, &err);
}

CdcAnswer *
cdc_source_ask_why(CdcSource *source, const char *asked, int columns, const char *sql, CdcError *err)
{
	return ask(source, asked, columns, sql, false, err);
}

CdcAnswer *
cdc_source_ask(CdcSource *source, const char *asked, int columns, const char *fmt,...)
{
	StringInfoData sql;
	CdcAnswer  *answer;
	CdcError	err;

	initStringInfo(&sql);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&sql, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&sql, needed);
	}
	answer = ask(source, asked, columns, sql.data, false, &err);
	if (answer == NULL)
		cdc_ereport(&err, NULL);
	pfree(sql.data);
	return answer;
}

void
cdc_source_execute(CdcSource *source, const char *sql)
{
	CdcError	err;

	if (ask(source, sql, 0, sql, false, &err) == NULL)
		cdc_ereport(&err, NULL);
}

int64
cdc_answer_rows(const CdcAnswer *answer)
{
	return answer->rows->nrows;
}

static const CdcString *
find_cell(const CdcAnswer *answer, int64 row, int column)
{
	const CdcRows *rows = answer->rows;

	if (row < 0 || row >= rows->nrows)
		cdc_answer_refuse(answer, "It has " INT64_FORMAT " rows, where row " INT64_FORMAT " is needed.",
						  (int64) rows->nrows, row + 1);
	if (column < 0 || column >= rows->ncolumns)
		elog(ERROR, "column %d of an answer with %d was asked for", column, rows->ncolumns);
	return cdc_rows_cell(rows, row, column);
}

static void
not_null(const CdcAnswer *answer, const CdcString *cell, int64 row, int column)
{
	if (cell->data == NULL)
		cdc_answer_refuse(answer, "Column %d of row " INT64_FORMAT " is NULL.", column + 1, row + 1);
}

const CdcString *
cdc_answer_bytes(const CdcAnswer *answer, int64 row, int column)
{
	const CdcString *cell = find_cell(answer, row, column);

	not_null(answer, cell, row, column);
	return cell;
}

bool
cdc_answer_matches(const CdcAnswer *answer, int64 row, int column, const char *text)
{
	const CdcString *cell = find_cell(answer, row, column);

	return cell->data != NULL && strcasestr(cell->data, text) != NULL;
}

const char *
cdc_answer_nullable(const CdcAnswer *answer, int64 row, int column)
{
	const CdcString *cell = find_cell(answer, row, column);

	/* no zero in it either: what follows one would be lost */
	if (cell->data != NULL &&
		(cell->len > MaxAllocSize || !pg_verify_mbstr(PG_UTF8, cell->data, (int) cell->len, true)))
		cdc_answer_refuse(answer, "Column %d of row " INT64_FORMAT " is no text in UTF-8.",
						  column + 1, row + 1);
	return cell->data;
}

char *
cdc_answer_lenient(const CdcAnswer *answer, int64 row, int column, bool *exact)
{
	const CdcString *cell = find_cell(answer, row, column);
	char	   *text;
	size_t		replaced;

	if (exact != NULL)
		*exact = true;
	if (cell->data == NULL)
		return NULL;
	if (cell->len > MaxAllocSize - 1)
		cdc_answer_refuse(answer, "Column %d of row " INT64_FORMAT " is too long.", column + 1, row + 1);
	text = palloc(cell->len + 1);
	memcpy(text, cell->data, cell->len);
	text[cell->len] = '\0';
	replaced = cdc_utf8_repair(text, cell->len);
	if (exact != NULL)
		*exact = replaced == 0;
	return text;
}

const char *
cdc_answer_text(const CdcAnswer *answer, int64 row, int column)
{
	const char *text = cdc_answer_nullable(answer, row, column);

	not_null(answer, find_cell(answer, row, column), row, column);
	return text;
}

/* false: the text is no number in that range. */
static bool
read_number(const char *text, int64 min, int64 max, int64 *number)
{
	char	   *end;
	long long	value;

	errno = 0;
	value = strtoll(text, &end, 10);
	*number = value;
	return text[0] != '\0' && !isspace((unsigned char) text[0]) && *end == '\0' && errno == 0 &&
		value >= min && value <= max;
}

int64
cdc_answer_int_else(const CdcAnswer *answer, int64 row, int column, int64 min, int64 max, int64 otherwise)
{
	const CdcString *cell = column >= 0 ? find_cell(answer, row, column) : NULL;
	int64		value;

	return cell != NULL && cell->data != NULL && read_number(cell->data, min, max, &value) ? value : otherwise;
}

int64
cdc_answer_int(const CdcAnswer *answer, int64 row, int column, int64 min, int64 max)
{
	const char *text = cdc_answer_text(answer, row, column);
	char		shown[64];
	int64		value;

	if (!read_number(text, min, max, &value))
		cdc_answer_refuse(answer, "Column %d of row " INT64_FORMAT " is \"%s\", which is no number that it can have.",
						  column + 1, row + 1, cdc_clean_text(shown, sizeof(shown), text));
	return value;
}

bool
cdc_answer_says(const CdcAnswer *answer, int64 row, const char *name, const char *text)
{
	const CdcRows *rows = answer->rows;
	int			i;

	for (i = 0; i < rows->ncolumns; i++)
	{
		if (pg_strcasecmp(rows->names[i].data, name) == 0)
		{
			const char *cell = cdc_answer_nullable(answer, row, i);

			return cell != NULL && strcmp(cell, text) == 0;
		}
	}
	return false;
}

int
cdc_answer_find_column(const CdcAnswer *answer, const char *name)
{
	const CdcRows *rows = answer->rows;
	int			i;

	for (i = 0; i < rows->ncolumns; i++)
	{
		if (pg_strcasecmp(rows->names[i].data, name) == 0)
			return i;
	}
	return -1;
}

int
cdc_answer_column(const CdcAnswer *answer, const char *name)
{
	int			column = cdc_answer_find_column(answer, name);

	if (column >= 0)
		return column;
	cdc_answer_refuse(answer, "It has no column \"%s\".", name);
}
