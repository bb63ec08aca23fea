/*-------------------------------------------------------------------------
 *
 * source/mysql_query.c
 *	  Statements and their results, stored or row by row.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "source/mysql_internal.h"

void
cdc_rows_free(CdcRows *rows)
{
	if (rows == NULL || rows->memory == NULL)
		return;
	free(rows->memory);
	free(rows);
}

/* Copies a string and its NUL to *at and moves *at behind. */
static void
put_string(CdcString *dst, char **at, const char *data, size_t len)
{
	memcpy(*at, data, len);
	(*at)[len] = '\0';
	dst->data = *at;
	dst->len = len;
	*at += len + 1;
}

/* Out of the library's memory into one block of our own. */
static CdcRows *
copy_rows(MYSQL_RES *result)
{
	unsigned	ncolumns = mysql_num_fields(result);
	uint64_t	nrows = mysql_num_rows(result);
	MYSQL_FIELD *fields = mysql_fetch_fields(result);
	size_t		bytes = 0;
	uint64_t	ncells = nrows * ncolumns;
	uint64_t	n = 0;
	unsigned	i;
	MYSQL_ROW	row;
	CdcRows    *rows;
	char	   *at;

	for (i = 0; i < ncolumns; i++)
		bytes += strlen(fields[i].name) + 1;
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		unsigned long *lengths = mysql_fetch_lengths(result);

		for (i = 0; i < ncolumns; i++)
			bytes += row[i] != NULL ? lengths[i] + 1 : 0;
	}
	rows = calloc(1, sizeof(*rows));
	if (rows == NULL)
		return NULL;
	rows->memory = malloc((ncolumns + ncells) * sizeof(CdcString) + bytes + 1);
	if (rows->memory == NULL)
	{
		free(rows);
		return NULL;
	}
	rows->ncolumns = (int) ncolumns;
	rows->nrows = (int64_t) nrows;
	rows->names = rows->memory;
	rows->cells = rows->names + ncolumns;
	at = (char *) (rows->cells + ncells);
	for (i = 0; i < ncolumns; i++)
		put_string(&rows->names[i], &at, fields[i].name, strlen(fields[i].name));
	mysql_data_seek(result, 0);
	while ((row = mysql_fetch_row(result)) != NULL)
	{
		unsigned long *lengths = mysql_fetch_lengths(result);

		for (i = 0; i < ncolumns; i++, n++)
		{
			if (row[i] != NULL)
				put_string(&rows->cells[n], &at, row[i], lengths[i]);
			else
				rows->cells[n].data = NULL, rows->cells[n].len = 0;
		}
	}
	return rows;
}

static CdcStatus
usable(CdcMysql *conn, CdcError *err)
{
	if (conn->mysql == NULL)
		return cdc_error(err, CDC_ERR_INTERNAL, "not connected to a MySQL server");
	if (conn->result != NULL)
		return cdc_error(err, CDC_ERR_INTERNAL, "the rows of a SELECT have not been fetched to their end");
	return CDC_OK;
}

/* rows may be NULL when the answer does not matter. */
CdcStatus
cdc_mysql_query(CdcMysql *conn, const char *sql, CdcRows **rows, CdcError *err)
{
	MYSQL_RES  *result;
	CdcRows    *copy = NULL;
	CdcStatus	st = usable(conn, err);

	if (rows != NULL)
		*rows = NULL;
	if (cdc_failed(st))
		return st;
	if (mysql_real_query(conn->mysql, sql, strlen(sql)) != 0)
		return cdc_mysql_failure(conn, conn->mysql, "a statement", err);
	result = mysql_store_result(conn->mysql);
	if (result == NULL)
	{
		if (mysql_field_count(conn->mysql) != 0)
			return cdc_mysql_failure(conn, conn->mysql, "reading a result", err);
		return CDC_OK;
	}
	if (rows != NULL)
		copy = copy_rows(result);
	mysql_free_result(result);
	if (rows != NULL && copy == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a result");
	if (rows != NULL)
		*rows = copy;
	return CDC_OK;
}

CdcStatus
cdc_mysql_select(CdcMysql *conn, const char *sql, int *ncolumns, CdcError *err)
{
	CdcStatus	st = usable(conn, err);
	CdcString  *cells;

	if (cdc_failed(st))
		return st;
	if (mysql_real_query(conn->mysql, sql, strlen(sql)) != 0)
		return cdc_mysql_failure(conn, conn->mysql, "a SELECT", err);
	conn->result = mysql_use_result(conn->mysql);
	if (conn->result == NULL)
	{
		if (mysql_field_count(conn->mysql) != 0)
			return cdc_mysql_failure(conn, conn->mysql, "a SELECT", err);
		return cdc_error(err, CDC_ERR_VALUE, "the statement returns no rows");
	}
	conn->ncolumns = (int) mysql_num_fields(conn->result);
	cells = realloc(conn->cells, conn->ncolumns * sizeof(CdcString));
	if (cells == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	conn->cells = cells;
	*ncolumns = conn->ncolumns;
	return CDC_OK;
}

CdcStatus
cdc_mysql_fetch(CdcMysql *conn, const CdcString **cells, CdcError *err)
{
	MYSQL_ROW	row;
	unsigned long *lengths;
	int			i;

	if (conn->result == NULL)
		return cdc_error(err, CDC_ERR_INTERNAL, "no SELECT is in progress");
	row = mysql_fetch_row(conn->result);
	if (row == NULL)
	{
		CdcStatus	st = CDC_END;

		if (mysql_errno(conn->mysql) != 0)
			st = cdc_mysql_failure(conn, conn->mysql, "reading the rows of a SELECT", err);
		mysql_free_result(conn->result);
		conn->result = NULL;
		return st;
	}
	lengths = mysql_fetch_lengths(conn->result);
	for (i = 0; i < conn->ncolumns; i++)
	{
		conn->cells[i].data = row[i];
		conn->cells[i].len = row[i] != NULL ? lengths[i] : 0;
	}
	*cells = conn->cells;
	return CDC_OK;
}
