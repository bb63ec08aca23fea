/*
 * session_dump_test.c
 *	  Tests of dumps, TLS and of a server that stands still or dies.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "session_test.h"

#define WRITE_ROWS_V1	23
#define WRITE_ROWS_V2	30
#define WRITE_ROWS_COMPRESSED 166
#define ROTATE			4
#define FORMAT			15
#define HEARTBEAT		27
#define HEARTBEAT_V2	41
#define HEADER			19

typedef struct DumpCount
{
	int64_t		events;
	int64_t		rows_events;
	int64_t		heartbeats;
	uint64_t	bytes;
	size_t		largest;
	uint32_t	end;			/* log_pos of the last real event */
	char		file[256];		/* from the last rotate event */
	bool		sound;			/* each event's length is what its header says, and they follow each other */
} DumpCount;

static uint32_t
u32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t) p[3] << 24;
}

/* Reads events until the place is reached, or for limit_ms without any. */
static CdcStatus
read_dump(CdcSession *s, const char *file, uint32_t end, int limit_ms, DumpCount *c, CdcError *err)
{
	const uint8_t *e;
	size_t		len;
	CdcStatus	st;

	while ((st = cdc_session_poll_event(s, &e, &len, err)) == CDC_OK || st == CDC_MORE)
	{
		uint8_t		type;
		uint32_t	pos;
		bool		artificial;

		if (st == CDC_MORE)
		{
			if (!wait_fd(s, limit_ms))
				return CDC_MORE;
			continue;
		}
		type = e[4];
		pos = u32(e + 13);
		artificial = pos == 0 || (e[17] & 0x20) != 0;
		c->events++;
		c->bytes += len;
		if (len > c->largest)
			c->largest = len;
		if (len < HEADER || u32(e + 9) != len)
			c->sound = false;
		if (type == HEARTBEAT || type == HEARTBEAT_V2)
		{
			c->heartbeats++;
			if (end == 0)
				return CDC_OK;
			continue;
		}
		if (type == WRITE_ROWS_V1 || type == WRITE_ROWS_V2 || type == WRITE_ROWS_COMPRESSED)
			c->rows_events++;
		if (type == ROTATE)
		{
			size_t		n = strnlen((const char *) e + HEADER + 8, len - HEADER - 8);

			/* with or without the checksum behind the name */
			snprintf(c->file, sizeof(c->file), "%.*s", (int) (n < 10 ? n : 10), (const char *) e + HEADER + 8);
		}
		else if (!artificial && type != FORMAT)
			c->end = pos;
		if (end != 0 && c->end == end && (file == NULL || strncmp(c->file, file, 10) == 0))
			return CDC_OK;
	}
	return st;
}

static CdcGtidSet *
gtid_now(CdcSession *s)
{
	bool		maria = cdc_session_info(s)->flavor == CDC_MARIADB;
	char	   *text = value_of(s, maria ? "SELECT @@global.gtid_binlog_pos" : "SELECT @@global.gtid_executed", 0);
	CdcGtidSet *set = cdc_gtid_set_create(cdc_session_info(s)->flavor);
	CdcError	err;

	if (cdc_gtid_set_parse(set, text ? text : "", &err) != CDC_OK)
		bail_out("%s", err.message);
	free(text);
	return set;
}

/* What test_dump() reads: from where to where, and what stands there. */
typedef struct Written
{
	char	   *file;
	uint32_t	offset;
	CdcGtidSet *start;			/* the same place */
	char	   *end_file;
	uint32_t	end;
} Written;

static void
place_now(CdcSession *c, char **file, uint32_t *offset)
{
	char	   *text = value_of(c, status_sql(c), 1);

	*file = value_of(c, status_sql(c), 0);
	*offset = (uint32_t) strtoul(text, NULL, 10);
	free(text);
}

/* Many small events, and one of 40 MB. */
static Written
write_events(CdcSession *c)
{
	Written		w;
	int			i;

	place_now(c, &w.file, &w.offset);
	w.start = gtid_now(c);
	for (i = 0; i < 300; i++)
		must(c, "INSERT INTO st.t (v) SELECT REPEAT('v', 100 * d) FROM st.digits");
	/* InnoDB of MySQL 5.6 takes a tenth of its redo log at most */
	must(c, "CREATE TABLE st.big (v LONGBLOB) ENGINE = MyISAM");
	must(c, "INSERT INTO st.big (v) VALUES (REPEAT('w', 40 * 1024 * 1024))");
	place_now(c, &w.end_file, &w.end);
	return w;
}

/* Returns the number of events with rows. */
static int64_t
test_dump_by_file(CdcSession *c, const Written *w)
{
	CdcSession *s = connected(&base, 256 * 1024);
	DumpCount	n = {.sound = true};
	CdcError	err;
	CdcStatus	st;
	int64_t		written;
	int64_t		before;

	start_dump(s, 4003, w->file, w->offset, NULL);
	st = read_dump(s, w->end_file, w->end, PATIENCE, &n, &err);
	written = n.rows_events;
	CHECK(st == CDC_OK && n.sound && n.rows_events >= 301 && n.largest > 40 * 1024 * 1024,
		  "dump by file: %" PRId64 " events, %" PRId64 " of rows, largest %zu bytes%s%s", n.events, n.rows_events, n.largest,
		  cdc_failed(st) ? " " : "", cdc_failed(st) ? err.message : "");
	st = read_dump(s, NULL, 0, PATIENCE, &n, &err);
	CHECK(st == CDC_OK && n.heartbeats > 0, "a heartbeat comes at the end");
	must(c, "INSERT INTO st.t (v) VALUES ('live')");
	before = n.rows_events;
	while (n.rows_events == before && read_dump(s, NULL, 0, PATIENCE, &n, &err) == CDC_OK)
		;
	CHECK(n.rows_events == before + 1, "a new event comes while the dump waits");
	cdc_session_close(s);
	return written;
}

static void
test_dump_by_gtid(const Written *w, int64_t rows_events)
{
	CdcSession *s = connected(&base, 256 * 1024);
	DumpCount	n = {.sound = true};
	CdcError	err;
	CdcStatus	st;

	start_dump(s, 4003, "", 4, w->start);
	st = read_dump(s, w->end_file, w->end, PATIENCE, &n, &err);
	CHECK(st == CDC_OK && n.sound && n.rows_events == rows_events,
		  "dump by GTID: %" PRId64 " events, %" PRId64 " of rows%s%s", n.events, n.rows_events,
		  cdc_failed(st) ? " " : "", cdc_failed(st) ? err.message : "");
	cdc_session_close(s);
}

/* How a dump ends that asks for what it cannot have. */
static CdcStatus
refused_dump(const CdcMysqlOptions *o, const char *file, uint64_t offset, const CdcGtidSet *set, CdcError *err)
{
	CdcSession *s = connected(o, 256 * 1024);
	DumpCount	n = {0};
	CdcStatus	st;

	start_dump(s, 4004, file, offset, set);
	st = read_dump(s, NULL, 1, PATIENCE, &n, err);
	cdc_session_close(s);
	return st;
}

/* Leaves the current file of the binlog only. */
static void
purge_binlog(CdcSession *c)
{
	char	   *file;
	char		sql[300];
	bool		purged = false;
	int			i;

	must(c, "FLUSH LOGS");
	file = value_of(c, status_sql(c), 0);
	snprintf(sql, sizeof(sql), "PURGE BINARY LOGS TO '%s'", file);
	for (i = 0; i < 50 && !purged; i++)
	{
		char	   *oldest;

		must(c, sql);
		oldest = value_of(c, "SHOW BINARY LOGS", 0);
		purged = strcmp(oldest, file) == 0;
		if (!purged)
			usleep(100000);		/* a dump that has just ended may still hold the file */
		free(oldest);
	}
	free(file);
}

static void
test_refused_dumps(CdcSession *c, const Written *w)
{
	CdcMysqlOptions weak = base;
	CdcError	err;
	CdcStatus	st;

	st = refused_dump(&base, "nosuch.000077", 4, NULL, &err);
	CHECK(st == CDC_ERR_PURGED, "unknown file: %s / %s", err.message, err.detail);
	st = refused_dump(&base, w->file, 3000000000u, NULL, &err);
	CHECK(st == CDC_ERR_PURGED, "offset behind the end: %s / %s", err.message, err.detail);
	st = refused_dump(&base, w->file, UINT64_C(5000000000), NULL, &err);
	CHECK(st == CDC_ERR_UNSUPPORTED, "offset over 4 GB: %s", err.message);

	purge_binlog(c);
	st = refused_dump(&base, "", 4, w->start, &err);
	CHECK(st == CDC_ERR_PURGED, "purged GTIDs: %s / %s", err.message, err.detail);

	must(c, "CREATE USER st_weak@'%' IDENTIFIED BY 'pw'");
	weak.user = "st_weak";
	weak.password = "pw";
	st = refused_dump(&weak, w->file, 4, NULL, &err);
	CHECK(st == CDC_ERR_PRIVILEGE, "without REPLICATION SLAVE: %s / %s", err.message, err.detail);
	must(c, "DROP USER st_weak@'%'");
}

void
test_dump(void)
{
	CdcSession *c = connected(&base, 1 << 20);
	Written		w;

	must(c, "CREATE TABLE st.t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB)");
	must(c, "SET GLOBAL max_allowed_packet = 268435456");
	cdc_session_close(c);
	c = connected(&base, 1 << 20);
	w = write_events(c);
	test_dump_by_gtid(&w, test_dump_by_file(c, &w));
	test_refused_dumps(c, &w);
	cdc_session_close(c);
	free(w.file);
	free(w.end_file);
	cdc_gtid_set_destroy(w.start);
}

void
test_tls(void)
{
	static const char *const modes[] = {"DISABLED", "PREFERRED", "REQUIRED"};
	CdcMysqlOptions o = base;
	CdcSession *c = connected(&base, 1 << 20);
	CdcError	err;
	char	   *have = value_of(c, "SHOW VARIABLES WHERE Variable_name IN ('have_ssl', 'tls_version') AND Value NOT IN ('', 'DISABLED')", 1);
	bool		server_tls = have != NULL && (strcmp(have, "YES") == 0 || strstr(have, "TLS") != NULL);
	int			i;

	cdc_session_close(c);
	/* MariaDB 10.11 names TLS versions also when it has no certificate */
	if (have != NULL && strstr(have, "TLS") != NULL)
	{
		char	   *cert;

		c = connected(&base, 1 << 20);
		cert = value_of(c, "SHOW VARIABLES LIKE 'ssl_cert'", 1);
		server_tls = cert != NULL && cert[0] != '\0';
		free(cert);
		cdc_session_close(c);
	}
	free(have);
	for (i = 0; i < 3; i++)
	{
		CdcSession *s;
		CdcStatus	st;

		o.ssl_mode = modes[i];
		s = cdc_session_create(&o, 1 << 20);
		st = do_connect(s, &err);
		if (i == 2 && !server_tls)
			CHECK(st == CDC_ERR_CONFIG, "ssl_mode REQUIRED without TLS at the server: %s", err.message);
		else if (st == CDC_OK)
		{
			char	   *cipher = value_of(s, "SHOW SESSION STATUS LIKE 'Ssl_cipher'", 1);

			CHECK((cipher != NULL && cipher[0] != '\0') == (i > 0 && server_tls),
				  "ssl_mode %s: cipher \"%s\"", modes[i], cipher ? cipher : "");
			free(cipher);
		}
		else
			CHECK(false, "ssl_mode %s: %s / %s", modes[i], err.message, err.detail);
		cdc_session_close(s);
	}
	o.ssl_mode = "VERIFY_CA";
	o.ssl_ca = "/nonexistent/ca.pem";
	{
		CdcSession *s = cdc_session_create(&o, 1 << 20);
		CdcStatus	st = do_connect(s, &err);

		CHECK(st == CDC_ERR_CONFIG, "ssl_mode VERIFY_CA with a missing CA: %s / %s", err.message, err.detail);
		cdc_session_close(s);
	}
}

/* Last: the server stops answering, then dies. */
void
test_faults(void)
{
	CdcMysqlOptions o = base;
	CdcSession *c = connected(&base, 1 << 20);
	CdcSession *s;
	CdcSession *q;
	CdcRows    *rows;
	CdcError	err;
	CdcStatus	st;
	DumpCount	n;
	char	   *file = value_of(c, status_sql(c), 0);
	int64_t		began;
	int			fds;
	int			took;

	cdc_session_close(c);
	(void) cdc_session_wait_exit(5000);
	fds = open_fds();
	o.heartbeat_ms = 300;
	s = connected(&o, 1 << 20);
	start_dump(s, 4007, file, 4, NULL);
	memset(&n, 0, sizeof(n));
	st = read_dump(s, NULL, 0, PATIENCE, &n, &err);
	CHECK(st == CDC_OK, "dump before the fault");
	q = connected(&o, 1 << 20);
	kill(server_pid, SIGSTOP);
	/* one that cannot be answered before all of the server's threads stand still */
	cdc_session_query(q, NULL, "SELECT SLEEP(60)");
	began = cdc_now_ms();
	while ((st = read_dump(s, NULL, 0, 100, &n, &err)) == CDC_MORE || st == CDC_OK)
	{
		if (cdc_now_ms() - began > 5000)
			break;
	}
	CHECK(st == CDC_ERR_CONNECT && cdc_now_ms() - began < 2500, "a server that is silent is noticed after %d ms: %s",
		  (int) (cdc_now_ms() - began), err.message);
	close_timed(s, "the server does not answer");
	st = poll_query(q, PATIENCE, &rows, &took, &err);
	CHECK(st == CDC_ERR_CONNECT && cdc_now_ms() - began < 3000, "a query, too, ends after %d ms: %s",
		  (int) (cdc_now_ms() - began), err.message);
	close_timed(q, "a query has no answer");

	o.connect_timeout_s = 1;
	s = cdc_session_create(&o, 1 << 20);
	began = cdc_now_ms();
	st = do_connect(s, &err);
	CHECK(st == CDC_ERR_CONNECT && cdc_now_ms() - began < 4000, "connecting to it fails after %d ms: %s / %s",
		  (int) (cdc_now_ms() - began), err.message, err.detail);
	close_timed(s, "connecting has failed");
	kill(server_pid, SIGCONT);

	s = connected(&o, 1 << 20);
	start_dump(s, 4008, file, 4, NULL);
	memset(&n, 0, sizeof(n));
	CHECK(read_dump(s, NULL, 0, PATIENCE, &n, &err) == CDC_OK, "dump after the server goes on");
	q = connected(&base, 1 << 20);
	cdc_session_query(q, NULL, "SELECT SLEEP(60)");
	(void) wait_fd(q, 200);
	kill(server_pid, SIGKILL);
	while ((st = read_dump(s, NULL, 0, PATIENCE, &n, &err)) == CDC_OK)
		;
	CHECK(st == CDC_ERR_CONNECT, "dump of a killed server: %s / %s", err.message, err.detail);
	while ((st = cdc_session_poll_query(q, &rows, &err)) == CDC_MORE)
	{
		if (!wait_fd(q, PATIENCE))
			break;
	}
	CHECK(st == CDC_ERR_CONNECT, "statement at a killed server: %s / %s", err.message, err.detail);
	CHECK(do_query(q, "SELECT 1", &rows, &err) == CDC_ERR_CONNECT, "the session stays unusable");
	cdc_session_close(s);
	cdc_session_close(q);
	free(file);
	check_nothing_left(fds, "faults");
}
