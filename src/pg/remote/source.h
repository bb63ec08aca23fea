/*-------------------------------------------------------------------------
 *
 * source.h (pg)
 *	  Backend side of a source session: from a foreign server and the user
 *	  mapping to a CdcSession that is closed on abort, with waits that obey
 *	  cancel, statement_timeout, shutdown and the latch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_SOURCE_H
#define CDC_PG_REMOTE_SOURCE_H

#include "pg/base/compat.h"
#include "source/session.h"

typedef struct CdcSource CdcSource;

/*
 * All SQL that is sent and all text that comes back is UTF-8, whatever the
 * database's encoding is.
 */

/*
 * Connects to the named server as user (role oid) and waits for it; ERROR with
 * a hint where that fails.  long_lived: the source survives the transaction and
 * is closed by cdc_source_close() or at the backend's exit; else it belongs to
 * the current resource owner.  Needs a transaction.
 */
extern CdcSource *cdc_source_open(const char *server, Oid user, bool long_lived);

/*
 * The same, of several hosts the one at address first (NULL: in their order).
 * only: no other one, for a second connection that must see the same server.
 */
extern CdcSource *cdc_source_open_at(const char *server, Oid user, const char *address,
									 bool only, bool long_lived);
extern void cdc_source_close(CdcSource *source);
extern CdcSession *cdc_source_session(CdcSource *source);
extern const CdcMysqlServerInfo *cdc_source_info(CdcSource *source);
extern const char *cdc_source_server(CdcSource *source);

/*
 * As cdc_source_open(), but a server that cannot be reached or refuses us is returned
 * (status in err, *source NULL); what is wrong on our side (no such server, no
 * user mapping) is still an ERROR.
 */
extern CdcStatus cdc_source_try_open(const char *server, Oid user, bool long_lived,
									 CdcSource **source, CdcError *err);

/* The same, to the host at address or to none. */
extern CdcStatus cdc_source_try_open_at(const char *server, Oid user, const char *address,
										bool long_lived, CdcSource **source, CdcError *err);

/*
 * Connects beside the caller's other work: a long-lived source that is to be polled until
 * it is there, each time for up to wait_ms.  CDC_MORE: not yet; a failure, in err: it is
 * to be closed.
 */
extern CdcSource *cdc_source_begin_open(const char *server, Oid user);
extern CdcStatus cdc_source_poll_open(CdcSource *source, int wait_ms, CdcError *err);

/*
 * What connections are made from (server and mapping, secrets too), palloc'ed:
 * as long as it is the same, open connections are good.
 */
extern char *cdc_source_identity(const char *server, Oid user);

/*
 * Whether the connection can take a request: false after a failure, and when
 * a request was given up by an ERROR (cancel) before it was answered.  Such a
 * source is to be closed.
 */
extern bool cdc_source_usable(CdcSource *source);

/*
 * Runs a statement and waits; a failure of the server's is returned (status in err).
 * The rows are palloc'ed in the current context (cdc_rows_free() does nothing to
 * them), and not looked at: for answer.c only.  NULL where the statement returns none.
 */
extern CdcStatus cdc_source_try_query(CdcSource *source, const char *asked, const char *sql,
									  CdcRows **rows, CdcError *err);

/* Whether a connection that stood idle still is one: the server is asked. */
extern bool cdc_source_alive(CdcSource *source);

/*
 * When a poll function of a query or SELECT has just said that the server does
 * not answer: asks over another connection whether the server is at work on
 * it.  true: it is, poll on.  Nothing is asked, and false returned, where no
 * answer is overdue.
 */
extern bool cdc_source_is_busy(CdcSource *source);

/*
 * A session for queries that is its owner's, handed to those who need one now and
 * then.  Each use asks for it anew, which opens it where it is not open, or was lost
 * meanwhile; ERROR where that fails.
 */
typedef struct CdcControl
{
	CdcSource  *(*session) (void *arg);
	void	   *arg;
} CdcControl;

static inline CdcSource *
cdc_control_session(const CdcControl *control)
{
	return control->session(control->arg);
}

/* Statements for which versions have other words. */
extern const char *cdc_source_sql_binlog_status(const CdcMysqlServerInfo *info);
extern const char *cdc_source_sql_replica_status(const CdcMysqlServerInfo *info);
extern const char *cdc_source_sql_replicas(const CdcMysqlServerInfo *info);

/*
 * What SHOW CREATE TABLE says of a table, palloc'ed; NULL: nothing, as where our account may not see it.  Names
 * and text are UTF-8.
 */
extern char *cdc_source_show_create(CdcSource *source, const char *database, const char *table);

/* A palloc'ed literal or identifier of the source's SQL. */
extern char *cdc_source_quote_literal(const char *s);
extern char *cdc_source_quote_ident(const char *s);

/*
 * Waits until the session has something to tell, the latch is set or the
 * timeout (ms, -1 = none) has passed.  Handles interrupts.  Returns true when
 * the session's descriptor is readable.  Does not wait longer than until the
 * session would report a silent server by itself.
 */
extern bool cdc_source_wait(CdcSource *source, long timeout_ms);

/* The caller of a dump is going to sleep for so many ms: what comes gathers until then. */
extern void cdc_source_nap(CdcSource *source, long ms);

/* The source's present end of its binlog, palloc'ed strings. */
typedef struct CdcSourcePosition
{
	char	   *file;
	int64		offset;
	char	   *gtid_set;		/* NULL: GTIDs are off */
} CdcSourcePosition;

extern void cdc_source_position(CdcSource *source, CdcSourcePosition *pos);

/* The GTIDs before a binlog file, palloc'ed; NULL: it does not say. */
extern char *cdc_source_gtids_before_file(CdcSource *source, const char *file);

/*
 * A server id for our dump connection that no replica of the source uses, as far as
 * the source tells.  salt: another one for another number.
 */
extern uint32 cdc_source_server_id(CdcSource *source, int32 subscription_id, bool worker,
								   int32 salt);

#endif							/* CDC_PG_REMOTE_SOURCE_H */
