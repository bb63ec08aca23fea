/*-------------------------------------------------------------------------
 *
 * source/mysql.c
 *	  Connections to MySQL and MariaDB servers: options, TLS, who answered;
 *	  connecting to the first host that answers.  The list of hosts is in
 *	  source/mysql_hosts.c, what a session is set to in source/mysql_session.c,
 *	  the dump of the binlog in source/mysql_dump.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source/mysql_internal.h"
#include "source/thread.h"

#define MAX_GREETING			(64UL * 1024)	/* bytes of a packet while connecting; later ones see read_packet */

/* A dead peer is noticed by TCP after about IDLE + COUNT * INTERVAL seconds. */
#define KEEPALIVE_IDLE			30
#define KEEPALIVE_INTERVAL		10
#define KEEPALIVE_COUNT			3

bool
cdc_mysql_library_init(void)
{
	return mysql_library_init(0, NULL, NULL) == 0 && cdc_mysql_auth_init();
}

void
cdc_mysql_thread_init(void)
{
	(void) mysql_thread_init();
}

void
cdc_mysql_thread_end(void)
{
	mysql_thread_end();
}

/* Options are copied: the session's thread outlives the caller's strings. */

#define OPTION_STRINGS(X) \
	X(host) X(prefer) X(unix_socket) X(user) X(password) X(ssl_mode) X(ssl_ca) X(ssl_capath) \
	X(ssl_cert) X(ssl_key) X(ssl_cipher) X(tls_version) X(server_public_key)

static void
free_options(CdcMysqlOptions *options)
{
	if (options->password != NULL)
		explicit_bzero((char *) options->password, strlen(options->password));
#define FREE_STRING(field) free((char *) options->field);
	OPTION_STRINGS(FREE_STRING)
#undef FREE_STRING
	memset(options, 0, sizeof(*options));
}

static bool
copy_options(CdcMysqlOptions *dst, const CdcMysqlOptions *src)
{
	bool		ok = true;

	*dst = *src;
#define COPY_STRING(field) \
	if (src->field != NULL && (dst->field = strdup(src->field)) == NULL) \
		ok = false;
	OPTION_STRINGS(COPY_STRING)
#undef COPY_STRING
	if (!ok)
		free_options(dst);
	return ok;
}

CdcMysql *
cdc_mysql_create(const CdcMysqlOptions *options)
{
	CdcMysql   *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return NULL;
	if (!copy_options(&conn->options, options))
	{
		free(conn);
		return NULL;
	}
	pthread_mutex_init(&conn->lock, NULL);
	conn->wait_fd = conn->own_fd = -1;
	return conn;
}

const CdcMysqlServerInfo *
cdc_mysql_info(const CdcMysql *conn)
{
	return &conn->info;
}

const char *
cdc_mysql_address(const CdcMysql *conn)
{
	return conn->address;
}

void
cdc_mysql_interrupt(CdcMysql *conn)
{
	pthread_mutex_lock(&conn->lock);
	conn->interrupted = true;
	if (conn->own_fd >= 0)
		(void) shutdown(conn->own_fd, SHUT_RDWR);
	else if (conn->wait_fd >= 0)
		(void) shutdown(conn->wait_fd, SHUT_RDWR);
	pthread_mutex_unlock(&conn->lock);
}

#if CDC_LIBMARIADB

/*
 * libmariadb calls this to wait for its socket.  During connect it is the
 * only way to know the socket, which an interrupt needs, and to put a bound on
 * the steps that the library itself would wait in for ever (TLS, the answers
 * to our first statements).  Returns like poll().
 */
static int
wait_in_connect(my_socket handle, my_bool is_read, int timeout)
{
	CdcMysql   *conn = cdc_mysql_connecting;
	struct pollfd pfd = {.fd = handle,.events = is_read ? POLLIN : POLLOUT};
	int64_t		left = -1;
	int			rc;

	if (conn == NULL)
		return poll(&pfd, 1, timeout > 0 ? timeout : -1);

	pthread_mutex_lock(&conn->lock);
	if (conn->interrupted)
	{
		pthread_mutex_unlock(&conn->lock);
		errno = EINTR;
		return -1;
	}
	conn->wait_fd = handle;
	pthread_mutex_unlock(&conn->lock);

	do
	{
		if (conn->deadline_ms > 0)
		{
			left = conn->deadline_ms - cdc_now_ms();
			if (left < 0)
				left = 0;
		}
		if (timeout > 0 && (left < 0 || timeout < left))
			left = timeout;
		rc = poll(&pfd, 1, (int) left);
	} while (rc < 0 && errno == EINTR);

	pthread_mutex_lock(&conn->lock);
	conn->wait_fd = -1;
	if (conn->interrupted)
		rc = -1;
	pthread_mutex_unlock(&conn->lock);
	if (rc == 0)
		errno = ETIMEDOUT;
	else if (rc > 0 && !is_read)
	{
		int			error = 0;
		socklen_t	len = sizeof(error);

		/* why a connect failed, for the library's message */
		if (getsockopt(handle, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
		{
			errno = error;
			rc = -1;
		}
	}
	return rc;
}

/*
 * What ssl_mode means in libmariadb's options.  It goes on in clear text when a
 * server offers no TLS, even when told to enforce it; see mysql_auth.c.
 */
static void
set_tls(CdcMysql *conn, MYSQL *mysql)
{
	const CdcMysqlOptions *o = &conn->options;
	const char *mode = o->ssl_mode ? o->ssl_mode : "PREFERRED";
	my_bool		on = strcasecmp(mode, "DISABLED") != 0;
	my_bool		verify = strcasecmp(mode, "VERIFY_IDENTITY") == 0;
	bool		check_ca = verify || strcasecmp(mode, "VERIFY_CA") == 0;

	if (on)
	{
		/* giving a CA makes the library verify the chain */
		mysql_ssl_set(mysql, o->ssl_key, o->ssl_cert, check_ca ? o->ssl_ca : NULL,
					  check_ca ? o->ssl_capath : NULL, o->ssl_cipher);
		if (o->tls_version != NULL)
			mysql_options(mysql, MARIADB_OPT_TLS_VERSION, o->tls_version);
	}
	mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &on);
	mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

#else							/* Oracle's library */

static void
set_tls(CdcMysql *conn, MYSQL *mysql)
{
	static const struct
	{
		const char *name;
		unsigned	mode;
	}			modes[] = {
		{"DISABLED", SSL_MODE_DISABLED},
		{"PREFERRED", SSL_MODE_PREFERRED},
		{"REQUIRED", SSL_MODE_REQUIRED},
		{"VERIFY_CA", SSL_MODE_VERIFY_CA},
		{"VERIFY_IDENTITY", SSL_MODE_VERIFY_IDENTITY}
	};
	const CdcMysqlOptions *o = &conn->options;
	unsigned	mode = SSL_MODE_PREFERRED;
	size_t		i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
	{
		if (o->ssl_mode != NULL && strcasecmp(o->ssl_mode, modes[i].name) == 0)
			mode = modes[i].mode;
	}
	if (o->ssl_key != NULL)
		mysql_options(mysql, MYSQL_OPT_SSL_KEY, o->ssl_key);
	if (o->ssl_cert != NULL)
		mysql_options(mysql, MYSQL_OPT_SSL_CERT, o->ssl_cert);
	if (o->ssl_ca != NULL)
		mysql_options(mysql, MYSQL_OPT_SSL_CA, o->ssl_ca);
	if (o->ssl_capath != NULL)
		mysql_options(mysql, MYSQL_OPT_SSL_CAPATH, o->ssl_capath);
	if (o->ssl_cipher != NULL)
		mysql_options(mysql, MYSQL_OPT_SSL_CIPHER, o->ssl_cipher);
	if (o->tls_version != NULL)
		mysql_options(mysql, MYSQL_OPT_TLS_VERSION, o->tls_version);
	mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
}

#endif

/* The duplicate stays ours when the library closes its own on an error. */
static CdcStatus
own_socket(CdcMysql *conn, MYSQL *mysql, CdcError *err)
{
#if CDC_LIBMARIADB
	int			fd = mysql_get_socket(mysql);
#else
	int			fd = mysql->net.fd;
#endif
	int			one = 1;
	int			idle = KEEPALIVE_IDLE;
	int			interval = KEEPALIVE_INTERVAL;
	int			count = KEEPALIVE_COUNT;
	int			own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return cdc_error(err, CDC_ERR_LIMIT, "could not duplicate a socket: %s", strerror(errno));
	/* fails on Unix sockets, where it is not needed */
	(void) setsockopt(own, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
#ifdef TCP_KEEPIDLE
	(void) setsockopt(own, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void) setsockopt(own, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void) setsockopt(own, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
#endif
	pthread_mutex_lock(&conn->lock);
	conn->own_fd = own;
	if (conn->interrupted)
		(void) shutdown(own, SHUT_RDWR);
	pthread_mutex_unlock(&conn->lock);
	return CDC_OK;
}

/*
 * A server that is in the middle of sending must learn that nobody reads any more.  Where
 * all was read that had come, a plain close only says that nothing more will be sent, and
 * as long as the window is shut the server's write waits for its net_write_timeout; a dump
 * that we begin meanwhile waits for that one to end.  So the connection is reset.
 */
static void
reset_at_close(int fd)
{
	struct linger linger = {.l_onoff = 1,.l_linger = 0};

	(void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void
close_handle(CdcMysql *conn)
{
	bool		interrupted;
	int			own;

	pthread_mutex_lock(&conn->lock);
	own = conn->own_fd;
	conn->own_fd = -1;
	interrupted = conn->interrupted;
	pthread_mutex_unlock(&conn->lock);
	if (own >= 0)
		(void) shutdown(own, SHUT_RD);	/* a farewell is sent, none awaited (TLS does) */
	if (own >= 0 && interrupted)
		reset_at_close(own);
	if (conn->mysql != NULL)
		mysql_close(conn->mysql);
	conn->mysql = NULL;
	if (own >= 0)
		close(own);
}

void
cdc_mysql_close(CdcMysql *conn)
{
	if (conn == NULL)
		return;
#if !CDC_LIBMARIADB
	if (conn->rpl_open && conn->mysql != NULL)
		mysql_binlog_close(conn->mysql, &conn->rpl);
	conn->rpl_open = false;
#endif
	close_handle(conn);
	free(conn->cells);
	free_options(&conn->options);
	pthread_mutex_destroy(&conn->lock);
	free(conn);
}

/* "10.11.6-MariaDB-log" to 101106; 0 when it does not look like a version. */
static unsigned
parse_version(const char *text)
{
	unsigned	part[3] = {0};
	int			i;

	for (i = 0; i < 3; i++)
	{
		int			digits = 0;

		for (; *text >= '0' && *text <= '9' && digits < 3; digits++)
			part[i] = part[i] * 10 + (*text++ - '0');
		if (digits == 0 || part[i] > 99 || (i < 2 && *text++ != '.'))
			return 0;
	}
	return part[0] * 10000 + part[1] * 100 + part[2];
}

/* A cell of an answer that must be one row; NULL where it is not as it should be. */
static const char *
only_row(const CdcRows *rows, int ncolumns, int column)
{
	const CdcString *cell;

	if (rows == NULL || rows->nrows != 1 || rows->ncolumns != ncolumns)
		return NULL;
	cell = cdc_rows_cell(rows, 0, column);
	return cell->data != NULL && strlen(cell->data) == cell->len ? cell->data : NULL;
}

static CdcStatus
read_version(CdcMysql *conn, CdcMysqlServerInfo *info, CdcError *err)
{
	static const char sql[] = "SELECT @@global.version, @@global.server_id";
	CdcRows    *rows;
	const char *version;
	const char *id;
	char	   *end = NULL;
	unsigned long long server_id = 0;
	CdcStatus	st = cdc_mysql_query(conn, NULL, sql, &rows, err);

	if (cdc_failed(st))
		return st;
	version = only_row(rows, 2, 0);
	id = only_row(rows, 2, 1);
	if (id != NULL && *id >= '0' && *id <= '9')
		server_id = strtoull(id, &end, 10);
	if (version == NULL || end == NULL || *end != '\0' || server_id > UINT32_MAX)
		st = cdc_mysql_unexpected(conn, sql, err);
	else
	{
		info->server_id = (unsigned) server_id;
		info->version = parse_version(version);
		cdc_clean_text(info->version_text, sizeof(info->version_text), version);
		if (info->version == 0)
		{
			st = cdc_mysql_unexpected(conn, sql, err);
			cdc_error_detail(err, "\"%s\" is not a version.", info->version_text);
		}
	}
	cdc_rows_free(rows);
	return st;
}

/* Its identity, which positions by file belong to. */
static CdcStatus
read_uuid(CdcMysql *conn, CdcMysqlServerInfo *info, CdcError *err)
{
	/* MariaDB's server_uid came with 10.5; before, the id has to do */
	const char *sql = info->flavor == CDC_MYSQL ?
		"SHOW GLOBAL VARIABLES LIKE 'server\\_uuid'" :
		"SHOW GLOBAL VARIABLES LIKE 'server\\_uid'";
	CdcRows    *rows;
	CdcStatus	st = cdc_mysql_query(conn, NULL, sql, &rows, err);
	const char *uuid;

	if (cdc_failed(st))
		return st;
	uuid = only_row(rows, 2, 1);
	if (uuid != NULL && *uuid != '\0' && strlen(uuid) < sizeof(info->server_uuid) - 12)
	{
		cdc_clean_text(info->server_uuid, sizeof(info->server_uuid), uuid);
		/* MariaDB's is made of a machine's address and a port, which containers share */
		if (info->flavor == CDC_MARIADB)
			snprintf(info->server_uuid + strlen(info->server_uuid), 12, "/%u", info->server_id);
	}
	else if (rows != NULL && rows->nrows == 0 && rows->ncolumns == 2)
		snprintf(info->server_uuid, sizeof(info->server_uuid), "server_id %u", info->server_id);
	else
		st = cdc_mysql_unexpected(conn, sql, err);
	cdc_rows_free(rows);
	return st;
}

static CdcStatus
read_server_info(CdcMysql *conn, CdcError *err)
{
	CdcMysqlServerInfo info = conn->info;
	CdcStatus	st = read_version(conn, &info, err);

	if (cdc_failed(st))
		return st;
	info.connection_id = mysql_thread_id(conn->mysql);
	/* MariaDB says so in its version, or it is one that MySQL never had */
	info.flavor = strcasestr(info.version_text, "mariadb") != NULL || info.version >= 100000 ?
		CDC_MARIADB : CDC_MYSQL;
	st = read_uuid(conn, &info, err);
	if (!cdc_failed(st))
		conn->info = info;
	return st;
}

static CdcStatus
set_up_session(CdcMysql *conn, CdcError *err)
{
	CdcStatus	st = cdc_mysql_begin_session(conn, err);

	if (!cdc_failed(st))
		st = read_server_info(conn, err);
	return cdc_failed(st) ? st : cdc_mysql_set_session(conn, err);
}

static MYSQL *
new_handle(CdcMysql *conn)
{
	const CdcMysqlOptions *o = &conn->options;
	MYSQL	   *mysql = mysql_init(NULL);
	unsigned	timeout = cdc_connect_timeout_s(o);
	unsigned	protocol = cdc_uses_socket(o) ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
	unsigned	off = 0;
	unsigned long max_packet = MAX_GREETING;

	if (mysql == NULL)
		return NULL;
	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
	/* or the server could ask for any file that we can read */
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
	if (o->compress)
		mysql_options(mysql, MYSQL_OPT_COMPRESS, NULL);
	mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "cdc_ingest");
	set_tls(conn, mysql);
	cdc_mysql_auth_prepare(conn, mysql);
	return mysql;
}

/* Connects and sets the session up; hp is NULL for the Unix socket. */
static CdcStatus
connect_one(CdcMysql *conn, const CdcHostPort *hp, CdcError *err)
{
	const CdcMysqlOptions *o = &conn->options;
	MYSQL	   *mysql;
	bool		connected;
	CdcStatus	st;

	memset(&conn->info, 0, sizeof(conn->info));
	conn->selecting = conn->unusable = false;
	if (hp != NULL)
		cdc_host_address(hp, conn->address, sizeof(conn->address));
	else
		snprintf(conn->address, sizeof(conn->address), "%s", o->unix_socket);
	snprintf(conn->info.address, sizeof(conn->info.address), "%s", conn->address);
	mysql = conn->mysql = new_handle(conn);
	if (mysql == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");

	conn->deadline_ms = cdc_now_ms() + 1000 * (int64_t) cdc_connect_timeout_s(o);
#if CDC_LIBMARIADB
	mysql_options(mysql, MARIADB_OPT_IO_WAIT, (void *) wait_in_connect);
#endif
	cdc_mysql_connecting = conn;
	/* without the password: see mysql_auth.c */
	connected = mysql_real_connect(mysql, hp ? hp->host : NULL, o->user, "", NULL,
								   hp ? hp->port : 0, hp ? NULL : o->unix_socket, 0) != NULL;
	st = cdc_mysql_auth_result(conn, connected, err);
	if (!cdc_failed(st) && !cdc_failed(st = cdc_mysql_check_encrypted(conn, err)) &&
		!cdc_failed(st = own_socket(conn, mysql, err)))
		st = set_up_session(conn, err);
	cdc_mysql_connecting = NULL;
	conn->deadline_ms = 0;
	if (cdc_failed(st))
		close_handle(conn);
	return st;
}

/* Whether the next host is worth a try: this one cannot be reached or is not ready. */
static bool
try_next(CdcStatus st)
{
	return st == CDC_ERR_CONNECT;
}

/*
 * One host after the other.  When none answers the last one's error is
 * reported, and in its hint how many were tried.
 *
 * The host that a stream was read from last is tried before the others, so that
 * a dead one in front of it costs its timeout once, and a stream does not
 * wander between servers that are all alive.
 */
CdcStatus
cdc_mysql_connect(CdcMysql *conn, CdcError *err)
{
	const CdcMysqlOptions *options = &conn->options;
	const char *rest = cdc_host_list(options);
	CdcHostPort preferred;
	CdcHostPort hp;
	bool		has_preferred;
	CdcStatus	st = CDC_ERR_VALUE;
	int			tried = 0;

	if (cdc_uses_socket(options))
		return connect_one(conn, NULL, err);
	has_preferred = cdc_host_find_preferred(options, &preferred);
	if (has_preferred)
	{
		st = connect_one(conn, &preferred, err);
		if (!try_next(st) || options->only_prefer)
			return st;
		tried++;
	}
	else if (options->only_prefer)
		return cdc_error(err, CDC_ERR_CONNECT, "MySQL server \"%s\" is not among the hosts any more",
						 options->prefer);
	while ((rest = cdc_host_next(rest, cdc_default_port(options), &hp)) != NULL)
	{
		if (has_preferred && hp.port == preferred.port && strcmp(hp.host, preferred.host) == 0)
			continue;
		st = connect_one(conn, &hp, err);
		if (!try_next(st))
			return st;
		tried++;
	}
	if (tried > 1)
		cdc_error_hint(err, "None of the %d hosts of the server option host could be used; this is the last one's error.", tried);
	return st;
}
