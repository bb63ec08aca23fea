/*
 * session_test.c
 *	  Tests of src/source against a running server of the MySQL family.
 *
 *	  session_test HOST PORT PID	as root without a password; the server with
 *	  process id PID is stopped, continued and at the end killed.  Prints TAP.
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
#include <unistd.h>

#include "session_test.h"

CdcMysqlOptions base;
pid_t		server_pid;

/* Waits as a backend does; false after limit_ms without news. */
bool
wait_fd(CdcSession *s, int limit_ms)
{
	struct pollfd p = {.fd = cdc_session_fd(s),.events = POLLIN};
	int64_t		left = cdc_session_time_left_ms(s);

	if (left < 0 || left > limit_ms)
		left = limit_ms;
	return poll(&p, 1, (int) left) > 0 || left < limit_ms;
}

CdcStatus
do_connect(CdcSession *s, CdcError *err)
{
	CdcStatus	st;

	cdc_session_connect(s);
	while ((st = cdc_session_poll(s, err)) == CDC_MORE)
	{
		if (!wait_fd(s, PATIENCE))
			return cdc_error(err, CDC_ERR_INTERNAL, "no wake-up");
	}
	return st;
}

CdcStatus
do_query(CdcSession *s, const char *sql, CdcRows **rows, CdcError *err)
{
	CdcStatus	st;
	int			extended = 0;

	cdc_session_query(s, NULL, sql);
	for (;;)
	{
		st = cdc_session_poll_query(s, rows, err);
		if (st == CDC_ERR_CONNECT && cdc_session_overdue(s) && extended++ < 40)
			cdc_session_extend(s);	/* sanitizers make large results slow */
		else if (st != CDC_MORE)
			return st;
		if (!wait_fd(s, 3 * PATIENCE))
			return cdc_error(err, CDC_ERR_INTERNAL, "no wake-up");
	}
}

void
must(CdcSession *s, const char *sql)
{
	CdcRows    *rows;
	CdcError	err;

	if (cdc_failed(do_query(s, sql, &rows, &err)))
		bail_out("%.100s: %s %s", sql, err.message, err.detail);
	cdc_rows_free(rows);
}

char *
value_of(CdcSession *s, const char *sql, int column)
{
	CdcRows    *rows;
	CdcError	err;
	char	   *v = NULL;

	if (do_query(s, sql, &rows, &err) == CDC_OK && rows != NULL && rows->nrows > 0)
		v = strdup(rows->cells[column].data ? rows->cells[column].data : "");
	cdc_rows_free(rows);
	return v;
}

CdcSession *
connected(const CdcMysqlOptions *o, size_t limit)
{
	CdcSession *s = cdc_session_create(o, limit);
	CdcError	err;

	if (s == NULL || do_connect(s, &err) != CDC_OK)
		bail_out("cannot connect: %s %s", s ? err.message : "", s ? err.detail : "");
	return s;
}

/* What is left when all sessions are closed. */
void
check_nothing_left(int fds, const char *after)
{
	int			running = cdc_session_wait_exit(5000);
	int			left = open_fds();

	CHECK(running == 0, "no thread is left after %s (%d)", after, running);
	CHECK(left == fds, "no descriptor is left after %s (%d, before %d)", after, left, fds);
}

static void
test_connect(void)
{
	CdcMysqlOptions o = base;
	CdcSession *s;
	CdcError	err;
	CdcStatus	st;
	int			fds = open_fds();
	char		address[CDC_MYSQL_ADDRESS];
	char		list[200];

	o.password = "wrong";
	s = cdc_session_create(&o, 1 << 20);
	st = do_connect(s, &err);
	CHECK(st == CDC_ERR_AUTH && err.source_errno == 1045, "wrong password: %s / %s", err.message, err.detail);
	cdc_session_close(s);

	o = base;
	o.port = 1;
	s = cdc_session_create(&o, 1 << 20);
	st = do_connect(s, &err);
	CHECK(st == CDC_ERR_CONNECT && strstr(err.message, ":1\"") != NULL, "closed port: %s / %s", err.message, err.detail);
	CHECK(do_connect(s, &err) == CDC_ERR_CONNECT, "a second attempt of the same session fails alike");
	cdc_session_close(s);

	o = base;
	o.host = "no-such-host.invalid";
	s = cdc_session_create(&o, 1 << 20);
	st = do_connect(s, &err);
	CHECK(st == CDC_ERR_CONNECT && strstr(err.message, "no-such-host.invalid") != NULL, "unknown host: %s / %s", err.message, err.detail);
	cdc_session_close(s);

	o = base;
	snprintf(list, sizeof(list), "127.0.0.1:1, %s", base.host);
	o.host = list;
	s = cdc_session_create(&o, 1 << 20);
	st = do_connect(s, &err);
	snprintf(address, sizeof(address), "%s:%u", base.host, base.port);
	CHECK(st == CDC_OK && strcmp(cdc_session_info(s)->address, address) == 0, "second host of a list: %s", st ? err.message : cdc_session_info(s)->version_text);
	cdc_session_close(s);

	/* the preferred one comes first, where the list has it */
	snprintf(list, sizeof(list), "%s:%u,127.0.0.1:1", base.host, base.port);
	o.prefer = "127.0.0.1:1";
	o.only_prefer = true;
	s = cdc_session_create(&o, 1 << 20);
	st = do_connect(s, &err);
	CHECK(st == CDC_ERR_CONNECT, "only the preferred host: %d", (int) st);
	cdc_session_close(s);
	o.only_prefer = false;
	s = cdc_session_create(&o, 1 << 20);
	st = do_connect(s, &err);
	CHECK(st == CDC_OK && strcmp(cdc_session_info(s)->address, address) == 0, "the others after the preferred one: %d", (int) st);
	cdc_session_close(s);
	check_nothing_left(fds, "failed connections");
}

static void
test_query(void)
{
	CdcSession *s = connected(&base, 1 << 20);
	CdcRows    *rows;
	CdcError	err;
	CdcStatus	st;

	st = do_query(s, "SELECT NULL, '', 'a\\0b', _utf8mb4 X'F09F9880', @@session.time_zone", &rows, &err);
	CHECK(st == CDC_OK && rows->nrows == 1 && rows->ncolumns == 5, "a row");
	CHECK(rows->cells[0].data == NULL, "NULL");
	CHECK(rows->cells[1].data != NULL && rows->cells[1].len == 0, "empty string");
	CHECK(rows->cells[2].len == 3 && memcmp(rows->cells[2].data, "a\0b", 4) == 0, "NUL in a string");
	CHECK(strcmp(rows->cells[3].data, "\xF0\x9F\x98\x80") == 0, "four-byte UTF-8");
	CHECK(strcmp(rows->cells[4].data, "+00:00") == 0, "session time zone");
	cdc_rows_free(rows);
	st = do_query(s, "SELECT 1 FROM", &rows, &err);
	CHECK(st == CDC_ERR_SOURCE && err.source_errno == 1064 && rows == NULL, "syntax error: %s", err.message);
	st = do_query(s, "SELECT 1 FROM DUAL WHERE 1 = 0", &rows, &err);
	CHECK(st == CDC_OK && rows != NULL && rows->nrows == 0, "no rows");
	cdc_rows_free(rows);
	st = do_query(s, "SET @a = 1", &rows, &err);
	CHECK(st == CDC_OK && rows == NULL, "a statement without a result");
	st = do_query(s, "SELECT REPEAT('x', 900000) FROM information_schema.columns LIMIT 70", &rows, &err);
	CHECK(st == CDC_OK && rows->nrows == 70 && rows->cells[69].len == 900000, "a result of 63 MB");
	cdc_rows_free(rows);
	st = do_query(s, "SELECT REPEAT('x', 900000) FROM information_schema.columns LIMIT 100", &rows, &err);
	CHECK(st == CDC_ERR_LIMIT && rows == NULL, "a result of 90 MB: %s", err.message);
	st = do_query(s, "SELECT 1", &rows, &err);
	CHECK(st == CDC_ERR_CONNECT && rows == NULL, "the rest of it is no answer to another question: %s", err.message);
	cdc_session_close(s);
	s = connected(&base, 1 << 20);
	/* the answer is not fetched */
	cdc_session_query(s, NULL, "SELECT 2");
	while (!wait_fd(s, 100))
		;
	cdc_session_close(s);
}

/* Polls until the answer, an error or limit_ms; *took: how long that was. */
CdcStatus
poll_query(CdcSession *s, int limit_ms, CdcRows **rows, int *took, CdcError *err)
{
	int64_t		began = cdc_now_ms();
	CdcStatus	st;

	while ((st = cdc_session_poll_query(s, rows, err)) == CDC_MORE && cdc_now_ms() - began < limit_ms)
		(void) wait_fd(s, 100);
	*took = (int) (cdc_now_ms() - began);
	return st;
}

/* A statement that takes longer than the silence that is put up with. */
static void
test_overdue(void)
{
	CdcMysqlOptions o = base;
	CdcSession *s;
	CdcRows    *rows;
	CdcError	err;
	CdcStatus	st;
	int			took;

	o.heartbeat_ms = 300;
	s = connected(&o, 1 << 20);
	cdc_session_query(s, NULL, "SELECT SLEEP(2)");
	st = poll_query(s, PATIENCE, &rows, &took, &err);
	CHECK(st == CDC_ERR_CONNECT && cdc_session_overdue(s) && took >= 850 && took < 1800,
		  "a query without an answer for %d ms: %s", took, err.message);
	cdc_session_extend(s);
	CHECK(!cdc_session_overdue(s) && cdc_session_poll_query(s, &rows, &err) == CDC_MORE, "it may go on");
	while ((st = poll_query(s, PATIENCE, &rows, &took, &err)) == CDC_ERR_CONNECT && cdc_session_overdue(s))
		cdc_session_extend(s);
	CHECK(st == CDC_OK && rows != NULL && rows->nrows == 1, "to its end");
	CHECK(!cdc_session_overdue(s) && cdc_session_time_left_ms(s) == -1, "no limit when nothing is asked");
	cdc_rows_free(rows);
	cdc_session_close(s);
}

static void
test_select(void)
{
	CdcMysqlOptions o = base;
	CdcSession *s;
	const CdcString *cells;
	CdcError	err;
	CdcStatus	st;
	int64_t		rows = 0;
	uint64_t	sum = 0;
	int			n;
	int			waits = 0;

	o.heartbeat_ms = 10000;		/* sanitizers make large rows slow */
	s = connected(&o, 64 * 1024);
	must(s, "DROP DATABASE IF EXISTS st");
	must(s, "CREATE DATABASE st");
	must(s, "CREATE TABLE st.digits (d INT PRIMARY KEY)");
	must(s, "INSERT INTO st.digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)");
	cdc_session_select(s, "SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d, NULL, REPEAT('y', a.d * 10) "
					   "FROM st.digits a, st.digits b, st.digits c, st.digits d, st.digits e");
	for (;;)
	{
		st = cdc_session_poll_row(s, &n, &cells, &err);
		if (st == CDC_MORE)
		{
			waits++;
			if (!wait_fd(s, PATIENCE))
				break;
			continue;
		}
		if (st != CDC_OK)
			break;
		rows++;
		if (n == 3 && cells[1].data == NULL)
		{
			char		number[20] = {0};

			memcpy(number, cells[0].data, cells[0].len);
			sum += strtoull(number, NULL, 10);
			if (cells[2].len % 10 != 0 || (cells[2].len > 0 && cells[2].data[0] != 'y'))
				sum += 1000000;
		}
	}
	CHECK(st == CDC_END && rows == 100000 && sum == UINT64_C(4999950000),
		  "100000 rows through a buffer of 64 kB (%" PRId64 ", %" PRIu64 ", %d waits)", rows, sum, waits);

	cdc_session_select(s, "SELECT REPEAT('z', @@max_allowed_packet - 100) UNION ALL SELECT 'a'");
	rows = sum = 0;
	while ((st = cdc_session_poll_row(s, &n, &cells, &err)) == CDC_OK || st == CDC_MORE)
	{
		if (st == CDC_MORE && !wait_fd(s, PATIENCE))
			break;
		if (st == CDC_OK)
			rows++, sum += cells[0].len;
	}
	CHECK(st == CDC_END && rows == 2 && sum > 1000000, "a row far over the buffer's limit (%" PRIu64 " bytes)", sum);
	st = CDC_OK;
	cdc_session_select(s, "SELECT d FROM st.nothing");
	while ((st = cdc_session_poll_row(s, &n, &cells, &err)) == CDC_MORE)
		wait_fd(s, PATIENCE);
	CHECK(st == CDC_ERR_SOURCE && err.source_errno == 1146, "unknown table: %s", err.message);
	cdc_session_close(s);
}

/* A server that takes connections and never says a word. */
static int
mute_server(unsigned *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t	len = sizeof(a);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *) &a, sizeof(a)) != 0 || listen(fd, 10) != 0 ||
		getsockname(fd, (struct sockaddr *) &a, &len) != 0)
		exit(2);
	*port = ntohs(a.sin_port);
	return fd;
}

void
close_timed(CdcSession *s, const char *state)
{
	int64_t		before = cdc_now_ms();
	int64_t		took;

	cdc_session_close(s);
	took = cdc_now_ms() - before;
	CHECK(took < 400, "closed in %d ms while %s", (int) took, state);
}

void
start_dump(CdcSession *s, uint32_t server_id, const char *file, uint64_t offset, const CdcGtidSet *set)
{
	CdcDumpRequest r = {.server_id = server_id,.gtid_set = set,.file = file,.offset = offset};

	cdc_session_dump(s, &r);
}

const char *
status_sql(CdcSession *s)
{
	return cdc_session_info(s)->flavor == CDC_MYSQL && cdc_session_info(s)->version >= 80200 ?
		"SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

static void
test_close(void)
{
	CdcMysqlOptions o = base;
	CdcSession *s;
	CdcError	err;
	int			mute;
	int			fds = open_fds();
	char	   *file;

	s = cdc_session_create(&base, 1 << 20);
	close_timed(s, "not connected");

	mute = mute_server(&o.port);
	s = cdc_session_create(&o, 1 << 20);
	cdc_session_connect(s);
	CHECK(cdc_session_poll(s, &err) == CDC_MORE && !wait_fd(s, 300), "connecting to a mute server waits");
	close_timed(s, "connecting to a mute server");
	o.connect_timeout_s = 1;
	s = cdc_session_create(&o, 1 << 20);
	CHECK(do_connect(s, &err) == CDC_ERR_CONNECT, "connect_timeout: %s / %s", err.message, err.detail);
	cdc_session_close(s);
	close(mute);

	s = connected(&base, 1 << 20);
	close_timed(s, "idle");

	s = connected(&base, 1 << 20);
	cdc_session_query(s, NULL, "SELECT SLEEP(30)");
	wait_fd(s, 300);
	close_timed(s, "a statement runs");

	s = connected(&base, 1 << 10);
	cdc_session_select(s, "SELECT a.d FROM st.digits a, st.digits b, st.digits c, st.digits d, st.digits e, st.digits f");
	wait_fd(s, 3000);
	close_timed(s, "rows of a SELECT are pending");

	s = connected(&base, 1 << 20);
	file = value_of(s, status_sql(s), 0);
	start_dump(s, 4001, file, 4, NULL);
	wait_fd(s, 3000);
	close_timed(s, "a dump runs");
	s = connected(&base, 1 << 8);
	start_dump(s, 4002, file, 4, NULL);
	wait_fd(s, 3000);
	close_timed(s, "a dump's buffer is full");
	free(file);
	check_nothing_left(fds, "closing in each state");
}

int
main(int argc, char **argv)
{
	if (argc != 4)
	{
		fprintf(stderr, "usage: session_test HOST PORT PID\n");
		return 2;
	}
	base.host = argv[1];
	base.port = (unsigned) atoi(argv[2]);
	base.user = "root";
	base.password = "";
	base.heartbeat_ms = 500;
	server_pid = atoi(argv[3]);

	/* libraries open what they keep (random devices, plugins) the first time */
	cdc_session_close(connected(&base, 1 << 20));
	test_connect();
	test_query();
	test_overdue();
	test_select();
	test_close();
	test_dump();
	test_tls();
	test_faults();
	return checks_passed() ? 0 : 1;
}
