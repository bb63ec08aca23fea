/*-------------------------------------------------------------------------
 *
 * source/session.c
 *	  A thread for each connection, and what passes between it and its user.
 *
 * The thread takes one request at a time.  Events of a dump and rows of a
 * SELECT, and the end of each request, come through a queue (source/queue.h);
 * the request's result is the thread's until the queue is finished, then the
 * user's.
 *
 * Memory: the queue's, plus the client library's own buffer, which has the
 * size of the largest packet so far.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "source/queue.h"
#include "source/session.h"
#include "source/thread.h"

#define THREAD_STACK		(1024 * 1024)
#define CLOSE_WAIT_MS		250
#define NAP_BYTES			(32 * 1024)	/* what comes in such amounts is read at once */
#define HEARTBEATS_MISSED	3
#define DEFAULT_HEARTBEAT_MS 5000
#define DEFAULT_QUERY_TIMEOUT 600	/* seconds */

typedef enum Request
{
	REQ_NONE,
	REQ_CONNECT,
	REQ_QUERY,
	REQ_SELECT,
	REQ_DUMP
} Request;

struct CdcSession
{
	CdcMysql   *conn;
	CdcQueue   *queue;
	int64_t		silence_limit_ms;
	int64_t		connect_limit_ms;
	int64_t		query_limit_ms;
	pthread_t	thread;

	pthread_mutex_t lock;
	pthread_cond_t cond;		/* for the thread: a request, closing */
	pthread_cond_t exit_cond;	/* for close: the thread has ended */

	/* under the lock */
	Request		request;		/* posted, not yet taken */
	char	   *sql;
	char	   *asked;			/* what messages call it, or NULL */
	CdcDumpRequest dump;		/* its set and file are ours */
	CdcGtidSet *dump_set;
	char	   *dump_file;
	bool		closing;
	bool		exited;
	bool		abandoned;		/* the thread frees the session */

	/* result of the request; the thread's until the queue is finished, then the user's */
	CdcStatus	status;
	CdcError	error;
	CdcRows    *rows;
	int			ncolumns;

	_Atomic int64_t last_heard_ms;	/* monotonic; also when somebody else heard that the server works */
	_Atomic int64_t progress_ms;	/* the request began, or a row came */
	_Atomic int64_t nap_until_ms;	/* the user does not look before */

	/* the user's own */
	Request		current;		/* what poll functions belong to */
	int64_t		started_ms;
	CdcString  *cells;
	int			cells_size;
};

/* The sessions' threads. */
static CdcThreads threads = CDC_THREADS(THREAD_STACK);

/*
 * The thread
 */

static CdcStatus
run_select(CdcSession *session, CdcError *err)
{
	const CdcString *cells;
	CdcStatus	st;
	int			n;
	int			i;

	st = cdc_mysql_select(session->conn, session->sql, &n, err);
	if (cdc_failed(st))
		return st;
	session->ncolumns = n;
	while ((st = cdc_mysql_fetch(session->conn, &cells, err)) == CDC_OK)
	{
		size_t		len = n * sizeof(size_t);
		size_t	   *lengths;
		char	   *at;

		/* length + 1 of each cell, 0 for NULL; then the cells' bytes */
		for (i = 0; i < n; i++)
			len += cells[i].len;
		if ((at = cdc_queue_reserve(session->queue, len, err)) == NULL)
			return err->status;
		lengths = (size_t *) at;
		at += n * sizeof(size_t);
		for (i = 0; i < n; i++)
		{
			lengths[i] = cells[i].data != NULL ? cells[i].len + 1 : 0;
			if (cells[i].len > 0)
				memcpy(at, cells[i].data, cells[i].len);
			at += cells[i].len;
		}
		atomic_store(&session->last_heard_ms, cdc_now_ms());
		atomic_store(&session->progress_ms, atomic_load(&session->last_heard_ms));
		cdc_queue_publish(session->queue, len);
	}
	return st;
}

/* While the user naps: lets what comes gather in the socket. */
static void
nap(CdcSession *session)
{
	struct timespec until;
	int64_t		left = atomic_load(&session->nap_until_ms) - cdc_now_ms();

	if (left <= 0)
		return;
	until = cdc_deadline(CLOCK_MONOTONIC, (int) left);
	pthread_mutex_lock(&session->lock);
	while (!session->closing &&
		   pthread_cond_timedwait(&session->cond, &session->lock, &until) == 0)
		;
	pthread_mutex_unlock(&session->lock);
}

static CdcStatus
run_dump(CdcSession *session, CdcError *err)
{
	const uint8_t *event;
	size_t		since_nap = 0;
	int64_t		napped_until = 0;
	size_t		len;
	CdcStatus	st;

	st = cdc_mysql_dump(session->conn, &session->dump, err);
	if (cdc_failed(st))
		return st;
	while ((st = cdc_mysql_dump_event(session->conn, &event, &len, err)) == CDC_OK)
	{
		char	   *at;

		atomic_store(&session->last_heard_ms, cdc_now_ms());
		if ((at = cdc_queue_reserve(session->queue, len, err)) == NULL)
			return err->status;
		memcpy(at, event, len);
		cdc_queue_publish(session->queue, len);
		since_nap += len;
		if (atomic_load(&session->nap_until_ms) != napped_until)
		{
			napped_until = atomic_load(&session->nap_until_ms);
			if (since_nap < NAP_BYTES)
				nap(session);
			since_nap = 0;
		}
	}
	return st;
}

static void
run_request(CdcSession *session, Request request)
{
	CdcError   *err = &session->error;
	CdcStatus	st = CDC_ERR_INTERNAL;

	memset(err, 0, sizeof(*err));
	atomic_store(&session->last_heard_ms, cdc_now_ms());
	switch (request)
	{
		case REQ_NONE:
			break;
		case REQ_CONNECT:
			st = cdc_mysql_connect(session->conn, err);
			break;
		case REQ_QUERY:
			st = cdc_mysql_query(session->conn, session->asked, session->sql, &session->rows, err);
			break;
		case REQ_SELECT:
			st = run_select(session, err);
			break;
		case REQ_DUMP:
			st = run_dump(session, err);
			break;
	}
	atomic_store(&session->last_heard_ms, cdc_now_ms());
	session->status = st;
	cdc_queue_finish(session->queue);
}

static void
free_session(CdcSession *session)
{
	cdc_queue_destroy(session->queue);
	cdc_rows_free(session->rows);
	free(session->sql);
	free(session->asked);
	free(session->cells);
	free(session->dump_file);
	cdc_gtid_set_destroy(session->dump_set);
	pthread_cond_destroy(&session->exit_cond);
	pthread_cond_destroy(&session->cond);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

/* Ends the thread's part: whoever is last frees the session. */
static void
leave(CdcSession *session)
{
	bool		abandoned;

	/*
	 * cdc_session_close() still may interrupt the connection: under the lock,
	 * and not any more once `conn` is gone.
	 */
	CdcMysql   *conn;

	pthread_mutex_lock(&session->lock);
	conn = session->conn;
	session->conn = NULL;
	pthread_mutex_unlock(&session->lock);
	cdc_mysql_close(conn);
	cdc_mysql_thread_end();

	pthread_mutex_lock(&session->lock);
	session->exited = true;
	abandoned = session->abandoned;
	pthread_cond_signal(&session->exit_cond);
	pthread_mutex_unlock(&session->lock);
	if (abandoned)
		free_session(session);

	cdc_thread_ends(&threads);
}

static void *
thread_main(void *arg)
{
	CdcSession *session = arg;

	cdc_mysql_thread_init();
	for (;;)
	{
		Request		request;

		pthread_mutex_lock(&session->lock);
		while (session->request == REQ_NONE && !session->closing)
			pthread_cond_wait(&session->cond, &session->lock);
		request = session->request;
		session->request = REQ_NONE;
		if (session->closing)
			request = REQ_NONE;
		pthread_mutex_unlock(&session->lock);
		if (request == REQ_NONE)
			break;
		run_request(session, request);
	}
	leave(session);
	return NULL;
}

/*
 * The user's side
 */

static bool library_ready;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void
init_library(void)
{
	library_ready = cdc_mysql_library_init();
}

CdcSession *
cdc_session_create(const CdcMysqlOptions *options, size_t buffer_limit)
{
	CdcSession *session;
	pthread_condattr_t attr;
	int64_t		heartbeat = options->heartbeat_ms > 0 ? options->heartbeat_ms : DEFAULT_HEARTBEAT_MS;

	pthread_once(&library_once, init_library);
	if (!library_ready || (session = calloc(1, sizeof(*session))) == NULL)
		return NULL;
	session->silence_limit_ms = heartbeat * HEARTBEATS_MISSED;
	session->connect_limit_ms = cdc_mysql_connect_limit_ms(options);
	session->query_limit_ms = 1000 * (int64_t) (options->query_timeout_s > 0 ? options->query_timeout_s :
												DEFAULT_QUERY_TIMEOUT);
	pthread_mutex_init(&session->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&session->cond, &attr);
	pthread_cond_init(&session->exit_cond, &attr);
	pthread_condattr_destroy(&attr);
	session->status = CDC_ERR_INTERNAL;
	session->queue = cdc_queue_create(buffer_limit);
	session->conn = cdc_mysql_create(options);
	if (session->queue == NULL || session->conn == NULL ||
		!cdc_thread_start(&threads, thread_main, session, &session->thread))
	{
		cdc_mysql_close(session->conn);
		free_session(session);
		return NULL;
	}
	return session;
}

static bool
wait_exited(CdcSession *session)
{
	struct timespec until = cdc_deadline(CLOCK_MONOTONIC, CLOSE_WAIT_MS);

	while (!session->exited &&
		   pthread_cond_timedwait(&session->exit_cond, &session->lock, &until) == 0)
		;
	return session->exited;
}

void
cdc_session_close(CdcSession *session)
{
	if (session == NULL)
		return;
	cdc_queue_close(session->queue);
	pthread_mutex_lock(&session->lock);
	session->closing = true;
	/* an idle connection takes leave of the server, any other is cut */
	if (session->conn != NULL && session->current != REQ_NONE && !cdc_queue_finished(session->queue))
		cdc_mysql_interrupt(session->conn);
	pthread_cond_signal(&session->cond);
	if (!wait_exited(session))
	{
		session->abandoned = true;
		if (session->conn != NULL)
			cdc_mysql_interrupt(session->conn);
		(void) pthread_detach(session->thread);
		pthread_mutex_unlock(&session->lock);
		return;
	}
	pthread_mutex_unlock(&session->lock);
	(void) pthread_join(session->thread, NULL);
	free_session(session);
}

int
cdc_session_wait_exit(int timeout_ms)
{
	return cdc_threads_wait_exit(&threads, timeout_ms);
}

int
cdc_session_fd(const CdcSession *session)
{
	return cdc_queue_fd(session->queue);
}

void
cdc_session_nap(CdcSession *session, int64_t ms)
{
	if (session->current != REQ_DUMP || ms <= 0)
		return;
	cdc_queue_look_away(session->queue);
	atomic_store(&session->nap_until_ms, cdc_now_ms() + ms);
}

/* Whether a request may be posted; makes the session ready for its answer. */
static bool
begin_request(CdcSession *session, Request request)
{
	bool		in_progress = session->current != REQ_NONE && !cdc_queue_finished(session->queue);

	if (in_progress)
		return false;
	/* what the user did not fetch of the request before */
	cdc_queue_reset(session->queue);
	cdc_rows_free(session->rows);
	session->rows = NULL;
	session->current = request;
	session->started_ms = cdc_now_ms();
	atomic_store(&session->progress_ms, session->started_ms);
	atomic_store(&session->last_heard_ms, session->started_ms);
	return true;
}

/* The answer of a request that cannot even be posted. */
static void
refuse(CdcSession *session, CdcStatus st, const char *message)
{
	session->status = cdc_error(&session->error, st, "%s", message);
	cdc_queue_finish(session->queue);
}

static void
post(CdcSession *session, Request request)
{
	pthread_mutex_lock(&session->lock);
	session->request = request;
	pthread_cond_signal(&session->cond);
	pthread_mutex_unlock(&session->lock);
}

void
cdc_session_connect(CdcSession *session)
{
	if (begin_request(session, REQ_CONNECT))
		post(session, REQ_CONNECT);
}

static void
post_sql(CdcSession *session, Request request, const char *asked, const char *sql)
{
	if (!begin_request(session, request))
		return;
	free(session->sql);
	free(session->asked);
	session->sql = strdup(sql);
	session->asked = strdup(asked != NULL ? asked : sql);
	if (session->sql == NULL || session->asked == NULL)
		refuse(session, CDC_ERR_NOMEM, "out of memory");
	else
		post(session, request);
}

void
cdc_session_query(CdcSession *session, const char *asked, const char *sql)
{
	post_sql(session, REQ_QUERY, asked, sql);
}

void
cdc_session_select(CdcSession *session, const char *sql)
{
	post_sql(session, REQ_SELECT, NULL, sql);
}

void
cdc_session_dump(CdcSession *session, const CdcDumpRequest *request)
{
	if (!begin_request(session, REQ_DUMP))
		return;
	cdc_gtid_set_destroy(session->dump_set);
	free(session->dump_file);
	session->dump_set = request->gtid_set ? cdc_gtid_set_copy(request->gtid_set) : NULL;
	session->dump_file = strdup(request->file ? request->file : "");
	session->dump = *request;
	session->dump.gtid_set = session->dump_set;
	session->dump.file = session->dump_file;
	if (session->dump_file == NULL || (request->gtid_set != NULL && session->dump_set == NULL))
		refuse(session, CDC_ERR_NOMEM, "out of memory");
	else
		post(session, REQ_DUMP);
}

/* Result of a finished request; err gets a copy of its error. */
static CdcStatus
result(const CdcSession *session, CdcError *err)
{
	if (cdc_failed(session->status) && err != NULL)
		*err = session->error;
	return session->status;
}

static CdcStatus
wrong_poll(CdcError *err)
{
	return cdc_error(err, CDC_ERR_INTERNAL, "the session is asked for the answer of a request that was not posted");
}

/* Since the request began, a row came or we made room for the next one. */
static int64_t
stalled_ms(const CdcSession *session)
{
	bool		waits;
	int64_t		resumed = cdc_queue_writer_resumed_ms(session->queue, &waits);
	int64_t		progress = atomic_load(&session->progress_ms);

	return cdc_now_ms() - (resumed > progress ? resumed : progress);
}

/* What to say when nothing has come: wait, or that it took too long. */
static CdcStatus
not_yet(const CdcSession *session, CdcError *err)
{
	const CdcMysql *conn = session->conn;

	if (cdc_session_time_left_ms(session) != 0)
		return CDC_MORE;
	if (session->current == REQ_CONNECT)
	{
		cdc_error(err, CDC_ERR_CONNECT, "the MySQL server did not answer within %d seconds",
				  (int) (session->connect_limit_ms / 1000));
		cdc_error_hint(err, "See the server options host, port and connect_timeout.");
	}
	else if (session->current != REQ_DUMP)
	{
		cdc_error(err, CDC_ERR_CONNECT, "MySQL server \"%s\" has not answered for %d ms",
				  cdc_mysql_address(conn), (int) stalled_ms(session));
		cdc_error_detail(err, "It was asked: %s", session->asked);
	}
	else
	{
		cdc_error(err, CDC_ERR_CONNECT, "MySQL server \"%s\" has been silent for %d ms",
				  cdc_mysql_address(conn), (int) cdc_session_silence_ms(session));
		cdc_error_detail(err, "Heartbeats were asked for each %d ms; %d are missing.",
						 (int) (session->silence_limit_ms / HEARTBEATS_MISSED), HEARTBEATS_MISSED);
	}
	return CDC_ERR_CONNECT;
}

CdcStatus
cdc_session_poll(CdcSession *session, CdcError *err)
{
	bool		finished;
	size_t		len;

	if (session->current != REQ_CONNECT)
		return wrong_poll(err);
	(void) cdc_queue_take(session->queue, &len, &finished);
	return finished ? result(session, err) : not_yet(session, err);
}

CdcStatus
cdc_session_poll_query(CdcSession *session, CdcRows **rows, CdcError *err)
{
	bool		finished;
	size_t		len;

	*rows = NULL;
	if (session->current != REQ_QUERY)
		return wrong_poll(err);
	(void) cdc_queue_take(session->queue, &len, &finished);
	if (!finished)
		return not_yet(session, err);
	*rows = session->rows;
	session->rows = NULL;
	return result(session, err);
}

CdcStatus
cdc_session_poll_row(CdcSession *session, int *ncolumns, const CdcString **cells, CdcError *err)
{
	bool		finished;
	size_t		len;
	const char *message;
	const size_t *lengths;
	int			n;
	int			i;

	if (session->current != REQ_SELECT)
		return wrong_poll(err);
	message = cdc_queue_take(session->queue, &len, &finished);
	if (message == NULL)
		return finished ? result(session, err) : not_yet(session, err);

	/* written by the thread before it published the first row */
	n = session->ncolumns;
	if (n > session->cells_size)
	{
		CdcString  *bigger = realloc(session->cells, n * sizeof(CdcString));

		if (bigger == NULL)
			return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
		session->cells = bigger;
		session->cells_size = n;
	}
	lengths = (const size_t *) message;
	message += n * sizeof(size_t);
	for (i = 0; i < n; i++)
	{
		session->cells[i].data = lengths[i] > 0 ? message : NULL;
		session->cells[i].len = lengths[i] > 0 ? lengths[i] - 1 : 0;
		message += session->cells[i].len;
	}
	*ncolumns = n;
	*cells = session->cells;
	return CDC_OK;
}

CdcStatus
cdc_session_poll_event(CdcSession *session, const uint8_t **event, size_t *len, CdcError *err)
{
	bool		finished;
	const char *message;

	if (session->current != REQ_DUMP)
		return wrong_poll(err);
	message = cdc_queue_take(session->queue, len, &finished);
	if (message == NULL)
		return finished ? result(session, err) : not_yet(session, err);
	*event = (const uint8_t *) message;
	return CDC_OK;
}

const CdcMysqlServerInfo *
cdc_session_info(const CdcSession *session)
{
	return cdc_mysql_info(session->conn);
}

int64_t
cdc_session_silence_ms(const CdcSession *session)
{
	bool		waits;
	int64_t		resumed = cdc_queue_writer_resumed_ms(session->queue, &waits);
	int64_t		heard = atomic_load(&session->last_heard_ms);
	int64_t		ms;

	if (waits)
		return 0;				/* the queue is full: it is us who do not listen */
	ms = cdc_now_ms() - (resumed > heard ? resumed : heard);
	return ms > 0 ? ms : 0;
}

int64_t
cdc_session_heartbeat_ms(const CdcSession *session)
{
	return session->silence_limit_ms / HEARTBEATS_MISSED;
}

int64_t
cdc_session_time_left_ms(const CdcSession *session)
{
	int64_t		left;

	if (session->current == REQ_NONE || cdc_queue_finished(session->queue))
		return -1;
	if (session->current == REQ_CONNECT)
		left = session->started_ms + session->connect_limit_ms - cdc_now_ms();
	else
		left = session->silence_limit_ms - cdc_session_silence_ms(session);
	return left > 0 ? left : 0;
}

bool
cdc_session_overdue(const CdcSession *session)
{
	return (session->current == REQ_QUERY || session->current == REQ_SELECT) &&
		cdc_session_time_left_ms(session) == 0 && stalled_ms(session) < session->query_limit_ms;
}

void
cdc_session_extend(CdcSession *session)
{
	atomic_store(&session->last_heard_ms, cdc_now_ms());
}
