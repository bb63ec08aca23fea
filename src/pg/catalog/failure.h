/*-------------------------------------------------------------------------
 *
 * failure.h
 *	  cdc.subscription_failure: what each worker of a subscription last failed with,
 *	  and how often in succession.  cdc.worker_start: starts of workers that have not
 *	  come to a success yet.
 *
 * Shared memory is gone after a crash of the server, and with it everything that
 * a supervisor knew of failures.  A worker that takes the server down at each
 * start would do so several times a second; what is kept of starts slows it down.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_FAILURE_H
#define CDC_PG_CATALOG_FAILURE_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"

/*
 * An error with the SQLSTATE CDC_ERRCODE_GAP proves a gap: transactions of the source are
 * lost to the subscription.  It latches: once recorded it is what the worker says until
 * somebody has done something about the gap, whatever the source shows meanwhile.
 */

/*
 * Counts one more failure of a worker ("pull", "apply", ...) in the caller's
 * transaction, and sends a notification at its commit.  error: cdc_failure_text(); it
 * is for the owner, others see what the SQLSTATE tells.
 */
extern void cdc_failure_record(const char *subscription, const char *worker,
							   int sqlerrcode, const char *error);

/* Behind cdc_failure_record(): which event it was; seq 0: not known, key then neither.  key is for the owner. */
extern void cdc_failure_blame(const char *subscription, const char *worker, const char *source_table,
							  int64 seq, const char *key);

/* The event with which the worker fails; 0: one of a table, it is not known which; -1: it does not fail, or not with an event. */
extern int64 cdc_failure_event(const char *subscription, const char *worker);

/* Whether pull stands at a gap; ERROR with what was recorded then, and its SQLSTATE. */
extern void cdc_failure_raise_gap(const char *subscription);

/* ERROR where pull stands at a gap, that has the statements which end it. */
extern void cdc_failure_refuse_gap(const char *subscription);

/* Somebody has done something about the gap. */
extern void cdc_failure_end_gap(const char *subscription);

/*
 * The worker has succeeded: what was recorded moves to cdc.log.  It has a row from then on,
 * so that a failure as the disk is full can be written where that is.
 */
extern void cdc_failure_clear(const char *subscription, const char *worker);

/* The same, of a worker that may never have run: somebody has done its work by hand. */
extern void cdc_failure_end(const char *subscription, const char *worker);

/*
 * ERROR with what was recorded from that moment on, where pull or apply fail again and again, or
 * with what no next try is likely to mend.  For who waits for them.  What was recorded before
 * begun may be mended by now, by what it says to type: the worker, which may pause for a minute,
 * is then tried again, once.  Whether that is still open.  applied: what is waited for is in the
 * targets already, and apply fails with what is behind it.
 */
extern bool cdc_failure_is_open(const char *subscription, TimestampTz begun, bool applied, bool *retried);

/*
 * A part of such a text, palloc'ed: with a label what comes behind that, or NULL; with NULL its message.
 */
#define CDC_FAILURE_DETAIL	"\nDETAIL:  "
#define CDC_FAILURE_HINT	"\nHINT:  "
#define CDC_FAILURE_CONTEXT	"\nCONTEXT:  "
extern char *cdc_failure_part(const char *error, const char *label);

/*
 * Message, detail, hint and the innermost line of the context of an error as one
 * text, each of them bounded; palloc'ed.
 */
extern char *cdc_failure_text(const ErrorData *edata);

/* Forgets a worker, as there will be none of that name any more. */
extern void cdc_failure_forget(const char *subscription, const char *worker);

/* Counts a start.  The supervisor commits this before it starts the worker. */
extern void cdc_worker_start_count(const char *subscription, const char *worker);

/*
 * Sets the count to 0: the worker has done something, or has ended without taking
 * the server along.
 */
extern void cdc_worker_start_clear(const char *subscription, const char *worker);

#endif							/* CDC_PG_CATALOG_FAILURE_H */
