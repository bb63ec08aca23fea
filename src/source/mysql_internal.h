/*-------------------------------------------------------------------------
 *
 * source/mysql_internal.h
 *	  What the files source/mysql*.c share.  The only header that
 *	  includes the client library's mysql.h, which clashes with PostgreSQL's
 *	  headers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_MYSQL_INTERNAL_H
#define CDC_SOURCE_MYSQL_INTERNAL_H

#include <pthread.h>

#include <mysql.h>

#include "source/mysql.h"

/*
 * libmariadb's header says what it is; Oracle's has mysql_binlog_open() and
 * friends since 8.0.
 */
#if defined(LIBMARIADB) || defined(MARIADB_PACKAGE_VERSION)
#define CDC_LIBMARIADB 1
#else
#define CDC_LIBMARIADB 0
#endif

struct CdcMysql
{
	CdcMysqlOptions options;	/* strings are ours */
	MYSQL	   *mysql;			/* NULL when not connected */
	bool		selecting;		/* an unbuffered SELECT is in progress */
	bool		unusable;		/* an answer broke the protocol: what follows would be misread */
	int			ncolumns;		/* of the SELECT */
	uint64_t	fetched;		/* its rows so far */
	CdcString  *cells;			/* its current row */
	CdcMysqlServerInfo info;
	char		address[CDC_MYSQL_ADDRESS];	/* "host:port" or the socket's path */
	int64_t		deadline_ms;	/* of connect, monotonic; 0 = none */
#if !CDC_LIBMARIADB
	MYSQL_RPL	rpl;
	bool		rpl_open;
#endif
	bool		auth_entered;	/* the library asked our plugin to log in */
	CdcError	auth_error;		/* why that did not; status 0: the library knows */
	/* for cdc_mysql_interrupt() */
	pthread_mutex_t lock;
	bool		interrupted;
	int			wait_fd;		/* library's socket while it waits in connect, or -1 */
	int			own_fd;			/* our duplicate of the socket once connected, or -1 */
};

/* Fills err from the library's last error; doing says what failed. */
extern CdcStatus cdc_mysql_failure(CdcMysql *conn, MYSQL *mysql, const char *doing,
								   CdcError *err);

/* What a server answered to "asked" is no answer to it. */
extern CdcStatus cdc_mysql_unexpected(const CdcMysql *conn, const char *asked, CdcError *err);

/* Whether cdc_mysql_interrupt() was called. */
extern bool cdc_mysql_interrupted(CdcMysql *conn);

/*
 * mysql_auth.c.  The library gets no password; its connect is done between
 * prepare and result, with the thread's connection in the variable.
 */
extern __thread CdcMysql *cdc_mysql_connecting;
extern bool cdc_mysql_auth_init(void);
extern void cdc_mysql_auth_prepare(CdcMysql *conn, MYSQL *mysql);
extern CdcStatus cdc_mysql_auth_result(CdcMysql *conn, bool connected, CdcError *err);

/* Whether the connection is encrypted, if ssl_mode promises that. */
extern CdcStatus cdc_mysql_check_encrypted(CdcMysql *conn, CdcError *err);

/*
 * mysql_session.c.  First what init_connect did is undone, and what every server has is
 * set; then, as the server's information is read, the rest, and all is read back.
 */
extern CdcStatus cdc_mysql_begin_session(CdcMysql *conn, CdcError *err);
extern CdcStatus cdc_mysql_set_session(CdcMysql *conn, CdcError *err);

/*
 * mysql_packet.c.  Packets as they come; the memory is the library's until the next
 * one.  An error packet is an error here; limit (bytes) holds for each packet.
 */
extern CdcStatus cdc_mysql_read_packet(CdcMysql *conn, const char *doing, size_t limit,
									   const uint8_t **packet, size_t *len, CdcError *err);

/* The same while a connection is made; false: the library has the error. */
extern bool cdc_mysql_take_packet(MYSQL *mysql, const uint8_t **packet, size_t *len);

/*
 * mysql_hosts.c: the hosts of a source
 */

typedef struct CdcHostPort
{
	char		host[256];
	unsigned	port;
} CdcHostPort;

/* What of the options, or its default. */
extern const char *cdc_host_list(const CdcMysqlOptions *options);
extern unsigned cdc_default_port(const CdcMysqlOptions *options);
extern unsigned cdc_connect_timeout_s(const CdcMysqlOptions *options);
extern bool cdc_uses_socket(const CdcMysqlOptions *options);

/*
 * Takes the next entry off a list "host, host:port, [v6 address]:port, v6
 * address".  Returns where to go on, or NULL at the list's end.
 */
extern const char *cdc_host_next(const char *list, unsigned default_port, CdcHostPort *hp);

/* Finds the preferred address in the list; false where it is not in it, or none is set. */
extern bool cdc_host_find_preferred(const CdcMysqlOptions *options, CdcHostPort *hp);

/* "host:port", with brackets around a v6 address: an entry of the list. */
extern void cdc_host_address(const CdcHostPort *hp, char *buf, size_t size);

#endif							/* CDC_SOURCE_MYSQL_INTERNAL_H */
