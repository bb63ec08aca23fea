/*-------------------------------------------------------------------------
 *
 * source/mysql_query.c
 *	  Statements and their results, stored or row by row.
 *
 * Formats: MySQL's internals manual, "Text Resultset"; MariaDB's knowledge
 * base, "Result Set Packets".
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/mysql_internal.h"

/* What an answer may need, all in all; a table's rows come through a SELECT row by row. */
#define MAX_ANSWER		(64 * 1024 * 1024)
#define MAX_ANSWER_TEXT	"64 MB"
#define NO_SUCH_FUNCTION	1305	/* a server's error */
#define MAX_COLUMNS		4096	/* a table's limit in MySQL */
#define MAX_ROW			((size_t) 1024 * 1024 * 1024)	/* the protocol's own limit */

/* The first byte of a packet. */
enum
{
	BYTE_OK = 0x00,
	BYTE_LOCAL_INFILE = 0xFB,	/* also a NULL's length */
	BYTE_EOF = 0xFE
};

#define EOF_BYTES		9		/* an end of data is shorter ... */
#define ROW_BYTES		0xFFFFFF	/* ... or, where it is an OK packet, than a row that begins so */

void
cdc_rows_free(CdcRows *rows)
{
	if (rows == NULL || rows->memory == NULL)
		return;
	free(rows->names);
	free(rows->memory);
	free(rows);
}

/* A packet that is read from its begin to its end. */
typedef struct Reader
{
	const uint8_t *at;
	size_t		left;
} Reader;

/* A length; *null where it says NULL.  false: the packet ends before. */
static bool
read_length(Reader *r, uint64_t *value, bool *null)
{
	size_t		bytes = 0;
	size_t		i;

	*null = false;
	if (r->left < 1)
		return false;
	*value = *r->at++;
	r->left--;
	switch (*value)
	{
		case 0xFB:
			*null = true;
			return true;
		case 0xFC:
			bytes = 2;
			break;
		case 0xFD:
			bytes = 3;
			break;
		case 0xFE:
			bytes = 8;
			break;
		case 0xFF:
			return false;
		default:
			return true;
	}
	if (r->left < bytes)
		return false;
	for (i = 0, *value = 0; i < bytes; i++)
		*value |= (uint64_t) r->at[i] << (8 * i);
	r->at += bytes;
	r->left -= bytes;
	return true;
}

/* Points dst into the packet. */
static bool
read_string(Reader *r, CdcString *dst)
{
	uint64_t	len;
	bool		null;

	if (!read_length(r, &len, &null))
		return false;
	if (null)
	{
		dst->data = NULL;
		dst->len = 0;
		return true;
	}
	if (len > r->left)
		return false;
	dst->data = (const char *) r->at;
	dst->len = len;
	r->at += len;
	r->left -= len;
	return true;
}

/*
 * The answer cannot be understood, or must not be: the rest of it would be taken for
 * the next one.
 */
static CdcStatus
broken(CdcMysql *conn, CdcStatus st, const char *what, const char *doing, CdcError *err)
{
	conn->unusable = true;
	cdc_error(err, st, "%s: unexpected answer of MySQL server \"%s\"", doing, conn->address);
	cdc_error_detail(err, "%s", what);
	cdc_error_hint(err, "Check that nothing between here and the server changes what it sends.");
	return st;
}

static CdcStatus
usable(CdcMysql *conn, CdcError *err)
{
	if (conn->mysql == NULL)
		return cdc_error(err, CDC_ERR_INTERNAL, "not connected to a MySQL server");
	if (conn->unusable)
		return cdc_error(err, CDC_ERR_CONNECT, "the connection to MySQL server \"%s\" cannot be used any more",
						 conn->address);
	if (conn->selecting)
		return cdc_error(err, CDC_ERR_INTERNAL, "the rows of a SELECT have not been fetched to their end");
	return CDC_OK;
}

/*
 * Whether an answer that failed is over, as the server's own error ended it, in front
 * of its rows or among them.  Else the rest of it is still to come.  Numbers from 2000
 * and 5000 on are the client libraries'.
 */
static bool
ended_with_error(const CdcMysql *conn)
{
	unsigned	number = mysql_errno(conn->mysql);

	return number != 0 && number / 1000 != 2 && number / 1000 != 5;
}

static bool
ends_with_ok(const CdcMysql *conn)
{
#ifdef CLIENT_DEPRECATE_EOF
	return (conn->mysql->client_flag & conn->mysql->server_capabilities & CLIENT_DEPRECATE_EOF) != 0;
#else
	(void) conn;
	return false;
#endif
}

static bool
is_end(const CdcMysql *conn, const uint8_t *packet, size_t len)
{
	return len > 0 && packet[0] == BYTE_EOF &&
		len < (ends_with_ok(conn) ? ROW_BYTES : EOF_BYTES);
}

/* Sends a statement; *ncolumns is 0 where it returns no rows. */
static CdcStatus
send_statement(CdcMysql *conn, const char *sql, const char *doing, int *ncolumns, CdcError *err)
{
	CdcStatus	st = usable(conn, err);
	const uint8_t *packet;
	size_t		len;
	Reader		r;
	uint64_t	n;
	bool		null;

	*ncolumns = 0;
	if (cdc_failed(st))
		return st;
	if (mysql_send_query(conn->mysql, sql, strlen(sql)) != 0)
		return cdc_mysql_failure(conn, conn->mysql, doing, err);
	st = cdc_mysql_read_packet(conn, doing, MAX_ANSWER, &packet, &len, err);
	if (cdc_failed(st))
		return st;
	if (len > 0 && packet[0] == BYTE_OK)
		return CDC_OK;
	if (len > 0 && packet[0] == BYTE_LOCAL_INFILE)
		return broken(conn, CDC_ERR_PROTOCOL, "It asks for a file of this machine.", doing, err);
	r.at = packet;
	r.left = len;
	/* one more byte may say whether columns are described, which none of our requests leaves out */
	if (!read_length(&r, &n, &null) || n == 0 || n > MAX_COLUMNS || r.left > 1)
		return broken(conn, CDC_ERR_PROTOCOL, "It does not tell a number of columns that a result can have.", doing, err);
	*ncolumns = (int) n;
	return CDC_OK;
}

/*
 * An answer while it grows: each string (a column's name, a cell) with its
 * length before it and a zero behind.
 */
typedef struct Store
{
	CdcBuf		bytes;
	size_t		strings;
} Store;

static CdcStatus
store_string(CdcMysql *conn, Store *store, const CdcString *s, const char *doing, CdcError *err)
{
	/* length + 1, 0 for NULL */
	size_t		len = s->data != NULL ? s->len + 1 : 0;

	store->strings++;
	if (store->bytes.len + len + store->strings * sizeof(CdcString) > MAX_ANSWER)
		return broken(conn, CDC_ERR_LIMIT, "It is larger than " MAX_ANSWER_TEXT ".", doing, err);
	if (!cdc_buf_append(&store->bytes, &len, sizeof(len)) ||
		(len > 0 && (!cdc_buf_append(&store->bytes, s->data, s->len) ||
					 !cdc_buf_append(&store->bytes, "", 1))))
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a result");
	return CDC_OK;
}

/* The names of an answer's columns, where somebody wants them. */
static CdcStatus
read_columns(CdcMysql *conn, int ncolumns, Store *store, const char *doing, CdcError *err)
{
	enum
	{
		NAME = 4				/* after catalog, schema, table, original table */
	};
	const uint8_t *packet;
	size_t		len;
	CdcStatus	st = CDC_OK;
	int			i;
	int			j;

	for (i = 0; i < ncolumns && !cdc_failed(st); i++)
	{
		CdcString	s = {0};
		Reader		r;

		st = cdc_mysql_read_packet(conn, doing, MAX_ANSWER, &packet, &len, err);
		if (cdc_failed(st))
			return st;
		r.at = packet;
		r.left = len;
		for (j = 0; j <= NAME; j++)
		{
			if (!read_string(&r, &s) || s.data == NULL)
				return broken(conn, CDC_ERR_PROTOCOL, "A column's description is malformed.", doing, err);
		}
		if (store != NULL)
			st = store_string(conn, store, &s, doing, err);
	}
	if (cdc_failed(st) || ends_with_ok(conn))
		return st;
	st = cdc_mysql_read_packet(conn, doing, MAX_ANSWER, &packet, &len, err);
	if (!cdc_failed(st) && !is_end(conn, packet, len))
		st = broken(conn, CDC_ERR_PROTOCOL, "It has more columns than it said.", doing, err);
	return st;
}

/*
 * The cells of a row, pointing into the packet; CDC_END after the last row.  A row that ends with one
 * of its columns (MySQL 5.6 has such of replicas without a uuid) is whole nevertheless, and what
 * follows is the next one: *is_short, if the caller can make something of it, and NULLs.
 */
static CdcStatus
read_row(CdcMysql *conn, int ncolumns, CdcString *cells, bool *is_short, size_t limit, const char *doing, CdcError *err)
{
	const uint8_t *packet;
	size_t		len;
	Reader		r;
	CdcStatus	st = cdc_mysql_read_packet(conn, doing, limit, &packet, &len, err);
	int			i;

	if (cdc_failed(st))
		return st;
	if (is_end(conn, packet, len))
		return CDC_END;
	r.at = packet;
	r.left = len;
	for (i = 0; i < ncolumns; i++)
	{
		if (r.left == 0 || !read_string(&r, &cells[i]))
			break;
	}
	if (is_short != NULL && i > 0 && i < ncolumns && r.left == 0)
	{
		*is_short = true;
		for (; i < ncolumns; i++)
			memset(&cells[i], 0, sizeof(CdcString));
	}
	if (i < ncolumns || r.left > 0)
		return broken(conn, CDC_ERR_PROTOCOL, "A row has not as many columns as the answer said.", doing, err);
	return CDC_OK;
}

/* Takes the store's memory over. */
static CdcRows *
finish_store(Store *store, int ncolumns, int64_t nrows)
{
	CdcRows    *rows = calloc(1, sizeof(*rows));
	char	   *at = store->bytes.data;
	size_t		i;

	if (rows == NULL || (rows->names = malloc(store->strings * sizeof(CdcString))) == NULL)
	{
		free(rows);
		return NULL;
	}
	rows->ncolumns = ncolumns;
	rows->nrows = nrows;
	rows->cells = rows->names + ncolumns;
	rows->memory = store->bytes.data;
	for (i = 0; i < store->strings; i++)
	{
		size_t		len;

		memcpy(&len, at, sizeof(len));
		at += sizeof(len);
		rows->names[i].data = len > 0 ? at : NULL;
		rows->names[i].len = len > 0 ? len - 1 : 0;
		at += len;
	}
	memset(store, 0, sizeof(*store));
	return rows;
}

static CdcString *
grow_cells(CdcMysql *conn, int ncolumns, CdcError *err)
{
	CdcString  *cells = realloc(conn->cells, ncolumns * sizeof(CdcString));

	if (cells == NULL)
		cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	else
		conn->cells = cells;
	return cells;
}

/* rows may be NULL when the answer does not matter. */
CdcStatus
cdc_mysql_query(CdcMysql *conn, const char *asked, const char *sql, CdcRows **rows, CdcError *err)
{
	const char *doing = asked != NULL ? asked : sql;
	Store		store = {0};
	int64_t		nrows = 0;
	bool		short_rows = false;
	int			n;
	CdcStatus	st;

	if (rows != NULL)
		*rows = NULL;
	st = send_statement(conn, sql, doing, &n, err);
	if (cdc_failed(st) || n == 0)
		return st;
	st = read_columns(conn, n, &store, doing, err);
	if (!cdc_failed(st) && grow_cells(conn, n, err) == NULL)
		st = CDC_ERR_NOMEM;
	while (!cdc_failed(st) &&
		   (st = read_row(conn, n, conn->cells, &short_rows, MAX_ANSWER, doing, err)) == CDC_OK)
	{
		int			i;

		nrows++;
		for (i = 0; i < n && !cdc_failed(st); i++)
			st = store_string(conn, &store, &conn->cells[i], doing, err);
	}
	if (cdc_failed(st))
		conn->unusable = conn->unusable || !ended_with_error(conn);
	else
	{
		st = CDC_OK;
		if (rows != NULL && (*rows = finish_store(&store, n, nrows)) == NULL)
			st = cdc_error(err, CDC_ERR_NOMEM, "out of memory for a result");
		else if (rows != NULL)
			(*rows)->short_rows = short_rows;
	}
	cdc_buf_free(&store.bytes);
	return st;
}

CdcStatus
cdc_mysql_select(CdcMysql *conn, const char *sql, int *ncolumns, CdcError *err)
{
	static const char doing[] = "reading a table";
	CdcStatus	st = send_statement(conn, sql, doing, &conn->ncolumns, err);

	if (cdc_failed(st))
		return st;
	if (conn->ncolumns == 0)
		return broken(conn, CDC_ERR_PROTOCOL, "It has no rows and columns at all.", doing, err);
	st = read_columns(conn, conn->ncolumns, NULL, doing, err);
	if (!cdc_failed(st) && grow_cells(conn, conn->ncolumns, err) == NULL)
		st = CDC_ERR_NOMEM;
	conn->selecting = !cdc_failed(st);
	conn->fetched = 0;
	conn->unusable = conn->unusable || (cdc_failed(st) && !ended_with_error(conn));
	*ncolumns = conn->ncolumns;
	return st;
}

/*
 * Whether as many rows came as the server sent: what is in between may have lost some.
 * CDC_END: so it is, or the server does not tell.
 */
static CdcStatus
check_count(CdcMysql *conn, CdcError *err)
{
	static const char sql[] = "SELECT FOUND_ROWS()";
	char		count[32];
	char		clean[64];
	CdcRows    *rows;
	CdcStatus	st = cdc_mysql_query(conn, NULL, sql, &rows, err);
	const char *sent;

	if (cdc_failed(st))
		return st == CDC_ERR_SOURCE && err->source_errno == NO_SUCH_FUNCTION ? CDC_END : st;
	if (rows == NULL || rows->nrows != 1 || rows->ncolumns != 1 ||
		(sent = cdc_rows_cell(rows, 0, 0)->data) == NULL)
		st = cdc_mysql_unexpected(conn, sql, err);
	else
	{
		snprintf(count, sizeof(count), "%" PRIu64, conn->fetched);
		st = CDC_END;
		if (strcmp(sent, count) != 0)
		{
			st = broken(conn, CDC_ERR_PROTOCOL, "", "reading a table's rows", err);
			cdc_error_detail(err, "%s rows came, where it sent %s.", count,
							 cdc_clean_text(clean, sizeof(clean), sent));
		}
	}
	cdc_rows_free(rows);
	return st;
}

CdcStatus
cdc_mysql_fetch(CdcMysql *conn, const CdcString **cells, CdcError *err)
{
	CdcStatus	st;

	if (!conn->selecting)
		return cdc_error(err, CDC_ERR_INTERNAL, "no SELECT is in progress");
	st = read_row(conn, conn->ncolumns, conn->cells, NULL, MAX_ROW, "reading a table's rows", err);
	if (st == CDC_OK)
		conn->fetched++;
	else
		conn->selecting = false;
	if (st == CDC_END)
		st = check_count(conn, err);
	*cells = conn->cells;
	return st;
}
