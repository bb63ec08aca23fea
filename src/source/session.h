/*-------------------------------------------------------------------------
 *
 * source/session.h
 *	  A connection that never blocks its user: a thread of its own does every
 *	  call that may wait for name resolution, network or server.
 *
 * The user (a PostgreSQL backend) posts one request at a time and waits for
 * the session's file descriptor together with its own latch, so that each
 * wait can be cancelled.  The thread touches nothing of PostgreSQL and blocks
 * all signals.  cdc_session_close() never waits for the network: it interrupts
 * the connection, and a thread that still hangs (in name resolution) frees
 * the session by itself when it comes back.
 *
 * While a dump or a SELECT runs, the thread reads ahead into a bounded buffer.
 * A request that is not answered to its end can only be given up by closing
 * the session; a request posted in the meantime is ignored.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_SESSION_H
#define CDC_SOURCE_SESSION_H

#include "source/mysql.h"

typedef struct CdcSession CdcSession;

/* Starts the thread, connects nothing yet.  NULL when no thread can be had. */
extern CdcSession *cdc_session_create(const CdcMysqlOptions *options, size_t buffer_limit);

/* NULL is allowed.  Takes a quarter of a second at most. */
extern void cdc_session_close(CdcSession *session);

/*
 * At the end of the process, with all sessions closed: waits for threads that
 * hung when their session was closed, because libraries are taken down next.
 * Returns how many are left.
 */
extern int	cdc_session_wait_exit(int timeout_ms);

/* Becomes readable when the request in progress has something to tell. */
extern int	cdc_session_fd(const CdcSession *session);

/*
 * The user of a dump looks again no sooner than after so many ms.  While events come one
 * by one the thread lets them gather for that long, and reads them in one go.
 */
extern void cdc_session_nap(CdcSession *session, int64_t ms);

/* Requests.  The answer is fetched with the poll function of the same name. */
extern void cdc_session_connect(CdcSession *session);
/* asked: what messages call the statement; NULL: as it is. */
extern void cdc_session_query(CdcSession *session, const char *asked, const char *sql);
extern void cdc_session_select(CdcSession *session, const char *sql);
extern void cdc_session_dump(CdcSession *session, const CdcDumpRequest *request);

/*
 * CDC_MORE: not yet, wait for the file descriptor.  Otherwise the request's
 * result.
 */
extern CdcStatus cdc_session_poll(CdcSession *session, CdcError *err);	/* connect */
extern CdcStatus cdc_session_poll_query(CdcSession *session, CdcRows **rows, CdcError *err);

/* Next row of a select: CDC_OK, CDC_MORE, CDC_END or an error. */
extern CdcStatus cdc_session_poll_row(CdcSession *session, int *ncolumns,
									  const CdcString **cells, CdcError *err);

/*
 * Next event of a dump: CDC_OK, CDC_MORE (none here yet), CDC_END (the server
 * ended the dump) or an error.  The event is valid until the next call.
 * CDC_ERR_CONNECT also when three heartbeats are missing.
 */
extern CdcStatus cdc_session_poll_event(CdcSession *session, const uint8_t **event,
										size_t *len, CdcError *err);

/* Valid after a successful connect. */
extern const CdcMysqlServerInfo *cdc_session_info(const CdcSession *session);

/*
 * Milliseconds after which the poll function will report that the server is
 * silent or did not accept the connection in time: no wait for the descriptor
 * should be longer.  -1: no limit.
 */
extern int64_t cdc_session_time_left_ms(const CdcSession *session);

/*
 * Whether a query or SELECT has brought nothing for as long as three
 * heartbeats take; its poll function says CDC_ERR_CONNECT then.  It may be that
 * the server works on it: who has found that out elsewhere extends the time by
 * as much again and goes on polling.
 */
extern bool cdc_session_overdue(const CdcSession *session);
extern void cdc_session_extend(CdcSession *session);

/* Milliseconds since the server was last heard of (any packet, heartbeats too). */
extern int64_t cdc_session_silence_ms(const CdcSession *session);

/* Milliseconds between the heartbeats that a dump asks for. */
extern int64_t cdc_session_heartbeat_ms(const CdcSession *session);

#endif							/* CDC_SOURCE_SESSION_H */
