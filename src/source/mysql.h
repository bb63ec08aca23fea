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

/* All strings may be NULL where not set; they are copied by connect. */
typedef struct CdcMysqlOptions
{
	const char *host;			/* a comma-separated list is tried in order ... */
	const char *prefer;			/* ... but first the one of this address, where it is in it */
	bool		only_prefer;	/* and no other */
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
	unsigned	heartbeat_ms;	/* asked of the server in a dump; 0: 5000 */
	bool		compress;		/* protocol compression */
} CdcMysqlOptions;

typedef struct CdcMysqlServerInfo
{
	CdcFlavor	flavor;
	unsigned	version;		/* 50624, 90704, 101119 */
	char		version_text[128];
	char		server_uuid[64];	/* MariaDB: its server_uid, or "server_id N" */
	unsigned	server_id;
	uint64_t	connection_id;	/* as in its SHOW PROCESSLIST */
	char		address[CDC_MYSQL_ADDRESS]; /* of the list's host that answered, or the socket's path */
} CdcMysqlServerInfo;

/*
 * A stored result, everything as text in UTF-8 (session charset utf8mb4,
 * session time zone '+00:00', sql_mode unchanged).  malloc'ed; given back with
 * cdc_rows_free().  Its bytes are the server's: neither their number of rows and
 * columns nor that a text is UTF-8 is known before it was checked.
 */
typedef struct CdcRows
{
	int			ncolumns;
	int64_t		nrows;
	CdcString  *names;			/* ncolumns, NUL-terminated */
	CdcString  *cells;			/* nrows * ncolumns; data NULL for SQL NULL; NUL-terminated */
	void	   *memory;			/* of the cells' bytes; NULL: not malloc'ed, belongs to somebody else */
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
	uint32_t	server_id;		/* ours: unique among the source's replicas */
	const CdcGtidSet *gtid_set; /* not NULL: by GTID, everything that it lacks */
	const char *file;			/* else by file and offset; the file also names the place
								 * for MySQL's dump by GTID, may be "" there */
	uint64_t	offset;
	bool		annotate;		/* MariaDB: statements' texts too (MySQL always sends them) */
} CdcDumpRequest;

/* Prepares the client library; call before the first thread that uses it. */
extern bool cdc_mysql_library_init(void);
extern void cdc_mysql_thread_init(void);
extern void cdc_mysql_thread_end(void);

/* Copies the options, connects nothing yet.  NULL when out of memory. */
extern CdcMysql *cdc_mysql_create(const CdcMysqlOptions *options);

/* Tries the hosts in order and sets the session up.  Once per connection. */
extern CdcStatus cdc_mysql_connect(CdcMysql *conn, CdcError *err);
extern void cdc_mysql_close(CdcMysql *conn);	/* NULL is allowed */

/* Upper bound of what cdc_mysql_connect() may take, in ms: all hosts. */
extern int64_t cdc_mysql_connect_limit_ms(const CdcMysqlOptions *options);

/* What of "host:port" or the socket's path the connection goes to. */
extern const char *cdc_mysql_address(const CdcMysql *conn);
extern const CdcMysqlServerInfo *cdc_mysql_info(const CdcMysql *conn);

/*
 * Runs one statement; *rows is NULL where it returns no result set.  An answer
 * of more than 64 MB is an error.  asked: what messages call it; NULL: as it is.
 */
extern CdcStatus cdc_mysql_query(CdcMysql *conn, const char *asked, const char *sql,
								 CdcRows **rows, CdcError *err);

/*
 * Unbuffered SELECT: start, then fetch a row at a time (CDC_END after the
 * last).  cells: ncolumns strings valid until the next fetch.
 */
extern CdcStatus cdc_mysql_select(CdcMysql *conn, const char *sql, int *ncolumns, CdcError *err);
extern CdcStatus cdc_mysql_fetch(CdcMysql *conn, const CdcString **cells, CdcError *err);

/* Sends the dump request; from then on only dump_event and close may follow. */
extern CdcStatus cdc_mysql_dump(CdcMysql *conn, const CdcDumpRequest *request, CdcError *err);

/*
 * Waits for the next event.  *event is valid until the next call; the
 * protocol's leading status byte is removed.  CDC_END when the server ended the
 * dump.
 */
extern CdcStatus cdc_mysql_dump_event(CdcMysql *conn, const uint8_t **event, size_t *len,
									  CdcError *err);

/*
 * Makes a call blocked in another thread return with CDC_ERR_CANCELLED, and
 * all later ones too.  The only call that is allowed from another thread, any
 * time between create and close.  It cannot interrupt the resolution of a
 * host name, nor, with Oracle's library, the time until the server has accepted
 * the connection; both end by themselves (connect_timeout_s).
 */
extern void cdc_mysql_interrupt(CdcMysql *conn);

#endif							/* CDC_SOURCE_MYSQL_H */
