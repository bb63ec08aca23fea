/*-------------------------------------------------------------------------
 *
 * source/mysql.h
 *	  A connection to a MySQL or MariaDB server: blocking calls over the client
 *	  library (libmariadb or Oracle's libmysqlclient).
 *
 * Only source/mysql*.c include the library's mysql.h, through
 * source/mysql_internal.h.  All calls but cdc_mysql_interrupt() belong
 * to one thread at a time: the session's (source/session.h), never
 * PostgreSQL's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_MYSQL_H
#define CDC_SOURCE_MYSQL_H

#include "core/arena.h"
#include "core/gtid.h"
#include "core/value.h"

typedef struct CdcMysql CdcMysql;

#define CDC_MYSQL_ADDRESS	320

/* A string that is not set is NULL.  cdc_mysql_create() copies all strings. */
typedef struct CdcMysqlOptions
{
	const char *host;			/* one, or a comma-separated list that is tried in order */
	const char *prefer;			/* address of the list's host to try first, if it is there */
	bool		only_prefer;	/* try no host but that one */
	unsigned	port;
	const char *unix_socket;
	const char *user;
	const char *password;
	const char *ssl_mode;		/* DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY */
	const char *ssl_ca;
	const char *ssl_capath;
	const char *ssl_cert;
	const char *ssl_key;
	const char *ssl_cipher;
	const char *tls_version;
	const char *server_public_key;	/* file of the server's RSA key: passwords without TLS */
	unsigned	connect_timeout_s;	/* 0: 10 */
	unsigned	query_timeout_s;	/* for an answer or its next row, all in all; 0: 600 */
	unsigned	heartbeat_ms;	/* interval that a dump asks the server for; 0: 5000 */
	bool		compress;		/* protocol compression */
} CdcMysqlOptions;

typedef struct CdcMysqlServerInfo
{
	CdcFlavor	flavor;
	unsigned	version;		/* 50624, 90704, 101119 */
	char		version_text[128];
	char		server_uuid[64];	/* MariaDB: its server_uid, '/' and server_id, or "server_id N" */
	unsigned	server_id;
	uint64_t	connection_id;	/* as in its SHOW PROCESSLIST */
	char		address[CDC_MYSQL_ADDRESS]; /* the host that answered, or the socket's path */
} CdcMysqlServerInfo;

/*
 * A stored result, in which everything is text in UTF-8 (what else of the session is
 * set: source/mysql_session.c).  It is malloc'ed, and the caller
 * frees it with cdc_rows_free().  Its bytes are the server's: the caller has to check
 * the number of rows and columns, and that a text really is UTF-8.
 */
typedef struct CdcRows
{
	int			ncolumns;
	int64_t		nrows;
	CdcString  *names;			/* ncolumns, NUL-terminated */
	CdcString  *cells;			/* nrows * ncolumns; data NULL for SQL NULL; NUL-terminated */
	void	   *memory;			/* of the cells' bytes; NULL: not malloc'ed, somebody else's */
	bool		short_rows;		/* a row ends before its last columns, whose cells are NULL here */
} CdcRows;

static inline const CdcString *
cdc_rows_cell(const CdcRows *rows, int64_t row, int column)
{
	return &rows->cells[row * rows->ncolumns + column];
}

extern void cdc_rows_free(CdcRows *rows);	/* NULL is allowed */

/* Where and how a dump starts. */
typedef struct CdcDumpRequest
{
	uint32_t	server_id;		/* our own, unique among the source's replicas */
	const CdcGtidSet *gtid_set; /* the dump sends what this set lacks; NULL: it starts at
								 * file and offset */
	const char *file;			/* with gtid_set only the name of the place for MySQL, and may
								 * be "" */
	uint64_t	offset;
	bool		annotate;		/* MariaDB: send texts of statements (MySQL always does) */
	bool		holes;			/* MariaDB, by GTID: the set may name transactions that are not
								 * there; the dump begins with those of higher numbers */
	bool		to_end;			/* by file, or MariaDB: the dump ends where the binlog ends by
								 * now */
} CdcDumpRequest;

/* Prepares the client library; it must be called before the first thread that uses it starts. */
extern bool cdc_mysql_library_init(void);
extern void cdc_mysql_thread_init(void);
extern void cdc_mysql_thread_end(void);

/* Copies the options, and does not connect yet.  NULL when out of memory. */
extern CdcMysql *cdc_mysql_create(const CdcMysqlOptions *options);

/* Tries the hosts in order and sets the session up; called once per connection. */
extern CdcStatus cdc_mysql_connect(CdcMysql *conn, CdcError *err);
extern void cdc_mysql_close(CdcMysql *conn);	/* NULL is allowed */

/* The longest time that cdc_mysql_connect() may take for all hosts, in ms. */
extern int64_t cdc_mysql_connect_limit_ms(const CdcMysqlOptions *options);

/* Where the connection goes to: "host:port", or the socket's path. */
extern const char *cdc_mysql_address(const CdcMysql *conn);
extern const CdcMysqlServerInfo *cdc_mysql_info(const CdcMysql *conn);

/*
 * Runs one statement; *rows is NULL when it returns no result set.  An answer of more
 * than 64 MB is an error.  Messages call the statement asked; NULL: they show it as it is.
 */
extern CdcStatus cdc_mysql_query(CdcMysql *conn, const char *asked, const char *sql,
								 CdcRows **rows, CdcError *err);

/*
 * Start an unbuffered SELECT and fetch its rows one at a time; CDC_END comes after the
 * last.  *cells are ncolumns strings, valid until the next fetch.
 */
extern CdcStatus cdc_mysql_select(CdcMysql *conn, const char *sql, int *ncolumns, CdcError *err);
extern CdcStatus cdc_mysql_fetch(CdcMysql *conn, const CdcString **cells, CdcError *err);

/* Sends the dump request; after it only cdc_mysql_dump_event() and close are allowed. */
extern CdcStatus cdc_mysql_dump(CdcMysql *conn, const CdcDumpRequest *request, CdcError *err);

/*
 * Waits for the next event.  *event is valid until the next call and comes without the
 * protocol's leading status byte.  CDC_END: the server ended the dump.
 */
extern CdcStatus cdc_mysql_dump_event(CdcMysql *conn, const uint8_t **event, size_t *len,
									  CdcError *err);

/*
 * Whether the server's error of that number (CdcError.source_errno) tells of its state, not
 * of what was asked: memory, disk, locks, time.  The same statement may do well later.
 */
extern bool cdc_mysql_error_is_passing(unsigned number);

/*
 * Makes a call blocked in another thread return with CDC_ERR_CANCELLED, and
 * all later ones too.  The only call that is allowed from another thread, at
 * any time between create and close.  It cannot interrupt the resolution of a
 * host name, nor, with Oracle's library, the time until the server has accepted
 * the connection; both end by themselves (connect_timeout_s).
 */
extern void cdc_mysql_interrupt(CdcMysql *conn);

#endif							/* CDC_SOURCE_MYSQL_H */
