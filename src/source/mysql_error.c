/*-------------------------------------------------------------------------
 *
 * source/mysql_error.c
 *	  From the error numbers of MySQL, MariaDB and their client libraries to
 *	  CdcStatus, with messages and hints for people.
 *
 * Numbers from 1000 are the server's (its file "errmsg", stable between
 * versions), those from 2000 to 2999 the client library's (errmsg.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>

#include "source/mysql_internal.h"

/* The server's and the library's error numbers that mean something to us. */
enum
{
	SRV_CHECKREAD = 1020,
	SRV_DISK_FULL = 1021,
	SRV_FILSORT_ABORT = 1028,
	SRV_OUTOFMEMORY = 1037,
	SRV_OUT_OF_SORTMEMORY = 1038,
	SRV_CON_COUNT = 1040,
	SRV_DBACCESS_DENIED = 1044,
	SRV_ACCESS_DENIED = 1045,
	SRV_UNKNOWN_COMMAND = 1047,
	SRV_SERVER_SHUTDOWN = 1053,
	SRV_OUT_OF_RESOURCES = 1041,
	SRV_RECORD_FILE_FULL = 1114,
	SRV_HOST_IS_BLOCKED = 1129,
	SRV_HOST_NOT_PRIVILEGED = 1130,
	SRV_TABLEACCESS_DENIED = 1142,
	SRV_COLUMNACCESS_DENIED = 1143,
	SRV_LOCK_WAIT_TIMEOUT = 1205,
	SRV_LOCK_TABLE_FULL = 1206,
	SRV_LOCK_DEADLOCK = 1213,
	SRV_USER_LIMIT = 1226,
	SRV_SPECIFIC_ACCESS_DENIED = 1227,
	SRV_TOO_MANY_USER_CONNECTIONS = 1203,
	SRV_MASTER_FATAL_READING_BINLOG = 1236,
	SRV_NOT_SUPPORTED_AUTH_MODE = 1251,
	SRV_QUERY_INTERRUPTED = 1317,
	SRV_PROCACCESS_DENIED = 1370,
	SRV_UNKNOWN_TARGET_BINLOG = 1373,
	SRV_NO_BINARY_LOGGING = 1381,
	SRV_ACCESS_DENIED_NO_PASSWORD = 1698,
	SRV_MASTER_PURGED_GTIDS = 1789,
	SRV_MUST_CHANGE_PASSWORD = 1820,
	SRV_MUST_CHANGE_PASSWORD_LOGIN = 1862,
	SRV_CONNECTION_KILLED = 1927,
	SRV_STATEMENT_TIMEOUT = 1969,
	SRV_QUERY_TIMEOUT = 3024,
	SRV_ACCOUNT_LOCKED = 3118,
	SRV_SECURE_TRANSPORT_REQUIRED = 3159,
	SRV_CLIENT_TIMEOUT = 4031,
	SRV_SLAVE_SAME_ID = 4052,
	SRV_ACCOUNT_BLOCKED = 4151,
	LIB_FIRST = 2000,
	LIB_CONNECTION_ERROR = 2002,
	LIB_CONN_HOST_ERROR = 2003,
	LIB_UNKNOWN_HOST = 2005,
	LIB_SERVER_GONE = 2006,
	LIB_OUT_OF_MEMORY = 2008,
	LIB_SERVER_HANDSHAKE = 2012,
	LIB_SERVER_LOST = 2013,
	LIB_PACKET_TOO_LARGE = 2020,
	LIB_SSL_CONNECTION = 2026,
	LIB_MALFORMED_PACKET = 2027,
	LIB_SERVER_LOST_EXTENDED = 2055,
	LIB_AUTH_PLUGIN_CANNOT_LOAD = 2059,
	LIB_AUTH_PLUGIN = 2061
};

/*
 * 1236 is one number for everything that ends a dump; only its text tells.
 * The texts are the same in all versions seen (MySQL 5.6 to 9.7, MariaDB 10.11
 * to 11.8) up to master/slave and source/replica.
 */
static const char *const purged_texts[] = {
	"purged",
	"Could not find first log file name",
	"is not in the master's binlog",
	"is not in the source's binlog",
	"Could not find GTID state requested",
	"start replication from position > file size",
	"start replication from impossible position",
	"has more GTIDs than the",
	"missing in the master's binlog",
	"Could not open log file",
	"could not find next log"
};

static bool
means_purged(const char *text)
{
	size_t		i;

	for (i = 0; i < sizeof(purged_texts) / sizeof(purged_texts[0]); i++)
	{
		if (strcasestr(text, purged_texts[i]) != NULL)
			return true;
	}
	return false;
}

static CdcStatus
dump_refused(CdcMysql *conn, unsigned number, const char *text, CdcError *err)
{
	if (number == SRV_SLAVE_SAME_ID || strstr(text, "same server_uuid") != NULL ||
		strstr(text, "same server_id") != NULL)
	{
		cdc_error(err, CDC_ERR_SERVER_ID,
				  "another replica of MySQL server \"%s\" uses our server id", conn->address);
		cdc_error_detail(err, "The server said: %s", text);
		cdc_error_hint(err, "A worker takes another one by itself; or set the server option server_id to a range of numbers that no replica of the source uses.");
		return CDC_ERR_SERVER_ID;
	}
	if (number != SRV_MASTER_FATAL_READING_BINLOG || means_purged(text))
	{
		cdc_error(err, CDC_ERR_PURGED,
				  "the position is no longer in the binlog of MySQL server \"%s\"",
				  conn->address);
		cdc_error_detail(err, "The server said: %s", text);
		cdc_error_hint(err, "Changes between the position and the server's oldest binlog are lost to this "
					   "subscription. Keep binlogs for longer (binlog_expire_logs_seconds or "
					   "expire_logs_days), then copy the tables again with cdc.restart_subscription().");
		return CDC_ERR_PURGED;
	}
	if (strcasestr(text, "max_allowed_packet") != NULL ||
		strcasestr(text, "bogus data") != NULL ||
		strcasestr(text, "truncated in the middle") != NULL ||
		strcasestr(text, "corrupt") != NULL)
	{
		cdc_error(err, CDC_ERR_SOURCE,
				  "MySQL server \"%s\" cannot read its own binlog", conn->address);
		cdc_error_detail(err, "The server said: %s", text);
		cdc_error_hint(err, "See the server's error log; max_allowed_packet of the server must be at least as large as its largest event.");
		return CDC_ERR_SOURCE;
	}
	if (strcasestr(text, "anonymous") != NULL)
	{
		cdc_error(err, CDC_ERR_UNLOGGED,
				  "MySQL server \"%s\" has transactions without a GTID, which it does not send", conn->address);
		cdc_error_detail(err, "The server said: %s. Its gtid_mode has to be ON, and to stay so.", text);
		cdc_error_hint(err, "Set gtid_mode to ON at the source, then copy the tables again with cdc.restart_subscription().");
		return CDC_ERR_UNLOGGED;
	}
	if (strcasestr(text, "not open") != NULL)
	{
		cdc_error(err, CDC_ERR_UNLOGGED, "MySQL server \"%s\" runs without a binlog", conn->address);
		cdc_error_detail(err, "The server said: %s. Its log_bin has to be ON.", text);
		cdc_error_hint(err, "Set log_bin at the source and restart it, then copy the tables again with cdc.restart_subscription().");
		return CDC_ERR_UNLOGGED;
	}
	cdc_error(err, CDC_ERR_CONFIG, "MySQL server \"%s\" refused to send its binlog", conn->address);
	cdc_error_detail(err, "The server said: %s", text);
	if (strcasestr(text, "GTID_MODE") != NULL)
		cdc_error_hint(err, "The source's gtid_mode was changed: set it back to ON, or set a position given by file and offset.");
	else
		cdc_error_hint(err, "SELECT * FROM cdc.check_server('...') says what is missing.");
	return CDC_ERR_CONFIG;
}

static CdcStatus
not_connected(CdcMysql *conn, unsigned number, const char *text, CdcError *err)
{
	switch (number)
	{
		case LIB_UNKNOWN_HOST:
			cdc_error(err, CDC_ERR_CONNECT, "could not resolve the host name of MySQL server \"%s\"",
					  conn->address);
			cdc_error_hint(err, "Check the option host of the server.");
			break;
		case SRV_CON_COUNT:
		case SRV_OUT_OF_RESOURCES:
		case SRV_HOST_IS_BLOCKED:
		case SRV_USER_LIMIT:
		case SRV_TOO_MANY_USER_CONNECTIONS:
			cdc_error(err, CDC_ERR_CONNECT, "MySQL server \"%s\" accepts no more connections from here",
					  conn->address);
			cdc_error_hint(err, "A subscription needs two connections; see max_connections and the account's resource limits at the source.");
			break;
		default:
			cdc_error(err, CDC_ERR_CONNECT, "could not connect to MySQL server \"%s\"", conn->address);
			cdc_error_hint(err, "Check that the server runs there, that the options host and port are right and that no firewall is in between.");
			break;
	}
	cdc_error_detail(err, "%s", text);
	return CDC_ERR_CONNECT;
}

static CdcStatus
not_authenticated(CdcMysql *conn, unsigned number, const char *text, CdcError *err)
{
	bool		ours = number == LIB_AUTH_PLUGIN_CANNOT_LOAD || number == LIB_AUTH_PLUGIN;

	cdc_error(err, CDC_ERR_AUTH, ours ?
			  "the client library cannot log in to MySQL server \"%s\" as user \"%s\"" :
			  "MySQL server \"%s\" refused user \"%s\"", conn->address,
			  conn->options.user ? conn->options.user : "");
	cdc_error_detail(err, "%s", text);
	switch (number)
	{
		case LIB_AUTH_PLUGIN_CANNOT_LOAD:
		case LIB_AUTH_PLUGIN:
		case SRV_NOT_SUPPORTED_AUTH_MODE:
			cdc_error_hint(err, "The account's authentication plugin cannot be used here: install the client library's plugins, "
						   "or use ssl_mode VERIFY_IDENTITY if the plugin sends the password itself.");
			break;
		case SRV_HOST_NOT_PRIVILEGED:
			cdc_error_hint(err, "At the source, create the user for the host that the connection comes from.");
			break;
		default:
			cdc_error_hint(err, "Check the options user and password of the user mapping, and at the source the host part of the account.");
			break;
	}
	return CDC_ERR_AUTH;
}

static CdcStatus
tls_failed(CdcMysql *conn, unsigned number, const char *text, CdcError *err)
{
	if (number == SRV_SECURE_TRANSPORT_REQUIRED)
	{
		cdc_error(err, CDC_ERR_CONFIG, "MySQL server \"%s\" accepts only encrypted connections",
				  conn->address);
		cdc_error_hint(err, "Set the server option ssl_mode to REQUIRED, VERIFY_CA or VERIFY_IDENTITY.");
	}
	else
	{
		cdc_error(err, CDC_ERR_CONFIG, "no encrypted connection to MySQL server \"%s\" could be made",
				  conn->address);
		cdc_error_hint(err, "Check the server options ssl_mode, ssl_ca, ssl_cert, ssl_key and tls_version.");
	}
	cdc_error_detail(err, "%s", text);
	return CDC_ERR_CONFIG;
}

bool
cdc_mysql_interrupted(CdcMysql *conn)
{
	bool		interrupted;

	pthread_mutex_lock(&conn->lock);
	interrupted = conn->interrupted;
	pthread_mutex_unlock(&conn->lock);
	return interrupted;
}

/* Numbers that mean another one here. */
static unsigned
usual_number(unsigned number, const char *text, bool connecting)
{
	/* MariaDB's answer to a dump without the privilege */
	if (number == SRV_ACCESS_DENIED && !connecting)
		return SRV_SPECIFIC_ACCESS_DENIED;
	/* how a broken connection shows itself inside TLS */
	if (number == LIB_SSL_CONNECTION && !connecting)
		return LIB_SERVER_LOST;

	/* a Galera node that is not in the primary component, or not yet synced */
	if (number == SRV_UNKNOWN_COMMAND && strstr(text, "WSREP") != NULL)
		return LIB_SERVER_GONE;
	return number;
}

static CdcStatus
not_allowed(const CdcMysql *conn, const char *text, const char *doing, CdcError *err)
{
	cdc_error(err, CDC_ERR_PRIVILEGE, "%s: user \"%s\" lacks a privilege at MySQL server \"%s\"",
			  doing, conn->options.user ? conn->options.user : "", conn->address);
	cdc_error_detail(err, "The server said: %s", text);
	cdc_error_hint(err, "At the source: GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO the user.");
	return CDC_ERR_PRIVILEGE;
}

static CdcStatus
connection_lost(const CdcMysql *conn, const char *text, const char *doing, CdcError *err)
{
	cdc_error(err, CDC_ERR_CONNECT, "%s: the connection to MySQL server \"%s\" was lost",
			  doing, conn->address);
	cdc_error_detail(err, "%s", text);
	return CDC_ERR_CONNECT;
}

/* What kinds of trouble there are. */
typedef enum Trouble
{
	TROUBLE_AUTHENTICATION,
	TROUBLE_PRIVILEGE,
	TROUBLE_DUMP,
	TROUBLE_TLS,
	TROUBLE_CONNECTING,
	TROUBLE_CONNECTION,			/* while connecting, or it was lost */
	TROUBLE_OTHER
} Trouble;

static Trouble
trouble_of(unsigned number)
{
	switch (number)
	{
		case SRV_ACCESS_DENIED:
		case SRV_ACCESS_DENIED_NO_PASSWORD:
		case SRV_HOST_NOT_PRIVILEGED:
		case SRV_MUST_CHANGE_PASSWORD:
		case SRV_MUST_CHANGE_PASSWORD_LOGIN:
		case SRV_ACCOUNT_LOCKED:
		case SRV_ACCOUNT_BLOCKED:
		case SRV_NOT_SUPPORTED_AUTH_MODE:
		case LIB_AUTH_PLUGIN_CANNOT_LOAD:
		case LIB_AUTH_PLUGIN:
			return TROUBLE_AUTHENTICATION;
		case SRV_DBACCESS_DENIED:
		case SRV_TABLEACCESS_DENIED:
		case SRV_COLUMNACCESS_DENIED:
		case SRV_SPECIFIC_ACCESS_DENIED:
		case SRV_PROCACCESS_DENIED:
			return TROUBLE_PRIVILEGE;
		case SRV_MASTER_FATAL_READING_BINLOG:
		case SRV_UNKNOWN_TARGET_BINLOG:
		case SRV_MASTER_PURGED_GTIDS:
		case SRV_SLAVE_SAME_ID:
			return TROUBLE_DUMP;
		case LIB_SSL_CONNECTION:
		case SRV_SECURE_TRANSPORT_REQUIRED:
			return TROUBLE_TLS;
		case SRV_CON_COUNT:
		case SRV_OUT_OF_RESOURCES:
		case SRV_HOST_IS_BLOCKED:
		case SRV_USER_LIMIT:
		case SRV_TOO_MANY_USER_CONNECTIONS:
		case LIB_UNKNOWN_HOST:
			return TROUBLE_CONNECTING;
		case LIB_CONNECTION_ERROR:
		case LIB_CONN_HOST_ERROR:
		case LIB_SERVER_HANDSHAKE:
		case LIB_SERVER_GONE:
		case LIB_SERVER_LOST:
		case LIB_SERVER_LOST_EXTENDED:
		case SRV_SERVER_SHUTDOWN:
		case SRV_QUERY_INTERRUPTED:
		case SRV_CONNECTION_KILLED:
		case SRV_CLIENT_TIMEOUT:
			return TROUBLE_CONNECTION;
		default:
			return TROUBLE_OTHER;
	}
}

bool
cdc_mysql_error_is_passing(unsigned number)
{
	switch (number)
	{
		case SRV_CHECKREAD:
		case SRV_DISK_FULL:
		case SRV_FILSORT_ABORT:
		case SRV_OUTOFMEMORY:
		case SRV_OUT_OF_SORTMEMORY:
		case SRV_RECORD_FILE_FULL:
		case SRV_LOCK_WAIT_TIMEOUT:
		case SRV_LOCK_TABLE_FULL:
		case SRV_LOCK_DEADLOCK:
		case SRV_STATEMENT_TIMEOUT:
		case SRV_QUERY_TIMEOUT:
			return true;
		default:
			return trouble_of(number) == TROUBLE_CONNECTING || trouble_of(number) == TROUBLE_CONNECTION;
	}
}

static CdcStatus
other_trouble(const CdcMysql *conn, unsigned number, const char *text, const char *doing, CdcError *err)
{
	switch (number)
	{
		case SRV_NO_BINARY_LOGGING:
			cdc_error(err, CDC_ERR_CONFIG, "MySQL server \"%s\" writes no binlog", conn->address);
			cdc_error_hint(err, "Set log_bin and binlog_format=ROW at the source and restart it.");
			return CDC_ERR_CONFIG;
		case LIB_OUT_OF_MEMORY:
			return cdc_error(err, CDC_ERR_NOMEM, "%s: out of memory in the client library", doing);
		case LIB_PACKET_TOO_LARGE:
			return cdc_error(err, CDC_ERR_LIMIT, "%s: MySQL server \"%s\" sent more at once than is allowed here", doing,
							 conn->address);
		case LIB_MALFORMED_PACKET:
			cdc_error(err, CDC_ERR_PROTOCOL, "%s: MySQL server \"%s\" sent a malformed packet", doing,
					  conn->address);
			cdc_error_detail(err, "%s", text);
			return CDC_ERR_PROTOCOL;
		default:
			return cdc_error(err, CDC_ERR_SOURCE, "%s failed at MySQL server \"%s\": %s", doing,
							 conn->address, text);
	}
}

static CdcStatus
classify(CdcMysql *conn, unsigned number, const char *text, const char *doing,
				   CdcError *err)
{
	CdcStatus	st = CDC_ERR_SOURCE;
	bool		connecting = conn->info.version == 0;
	char		clean[CDC_ERROR_TEXT - 64];

	text = cdc_clean_text(clean, sizeof(clean), text);
	if (cdc_mysql_interrupted(conn))
		return cdc_error(err, CDC_ERR_CANCELLED, "%s was interrupted", doing);

	number = usual_number(number, text, connecting);
	switch (trouble_of(number))
	{
		case TROUBLE_AUTHENTICATION:
			st = not_authenticated(conn, number, text, err);
			break;
		case TROUBLE_PRIVILEGE:
			st = not_allowed(conn, text, doing, err);
			break;
		case TROUBLE_DUMP:
			st = dump_refused(conn, number, text, err);
			break;
		case TROUBLE_TLS:
			st = tls_failed(conn, number, text, err);
			break;
		case TROUBLE_CONNECTING:
			st = not_connected(conn, number, text, err);
			break;
		case TROUBLE_CONNECTION:
			st = connecting ? not_connected(conn, number, text, err) :
				connection_lost(conn, text, doing, err);
			break;
		case TROUBLE_OTHER:
			st = other_trouble(conn, number, text, doing, err);
			break;
	}
	if (err != NULL)
		err->source_errno = number;
	return st;
}

CdcStatus
cdc_mysql_failure(CdcMysql *conn, MYSQL *mysql, const char *doing, CdcError *err)
{
	unsigned	number = mysql_errno(mysql);
	const char *text = mysql_error(mysql);

	/*
	 * The libraries skip five characters before an error's text, the SQLSTATE.
	 * Where the packet ended among them they take what was in their buffer before.
	 */
	if (number != 0 && number < LIB_FIRST && strlen(mysql_sqlstate(mysql)) < 5)
		text = "(no message)";
	if (number == 0)
	{
		/* the library closed the connection without saying why */
		number = LIB_SERVER_LOST;
		text = "The server closed the connection.";
	}
	return classify(conn, number, text, doing, err);
}

CdcStatus
cdc_mysql_unexpected(const CdcMysql *conn, const char *asked, CdcError *err)
{
	cdc_error(err, CDC_ERR_PROTOCOL, "unexpected answer of MySQL server \"%s\" to %s", conn->address, asked);
	cdc_error_hint(err, "Check that the server options host and port lead to a MySQL or MariaDB server, and that nothing in between changes its answers.");
	return CDC_ERR_PROTOCOL;
}
