/*-------------------------------------------------------------------------
 *
 * error.h
 *	  From the pure layers' CdcError to ereport; errors that are kept.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_ERROR_H
#define CDC_PG_BASE_ERROR_H

#include "pg/base/compat.h"
#include "core/status.h"

/*
 * Raises ERROR with the SQLSTATE that err->status stands for.  Message, detail and
 * hint are converted to the database's encoding; position, table, column and the
 * subscription's name, which may be NULL, go into the context.
 */
pg_noreturn extern void cdc_ereport(const CdcError *err, const char *subscription);

/* SQLSTATEs of our own: of a gap, see catalog/failure.h; of CDC_ERR_SERVER_ID. */
#define CDC_ERRCODE_GAP			MAKE_SQLSTATE('L', 'G', '0', '0', '1')
#define CDC_ERRCODE_SERVER_ID	MAKE_SQLSTATE('L', 'G', '0', '0', '2')

/*
 * Whether an error of that SQLSTATE (as in ErrorData) tells of the surroundings: of a
 * connection, a lock, memory, a disk, an administrator.  Who met it tries again; one
 * of the others comes again however often that is done.
 */
extern bool cdc_sqlstate_is_passing(int sqlstate);

/*
 * Runs act in a subtransaction.  NULL: it is done, or (act has returned false) undone; else
 * the error that ended it, palloc'ed in the current context, and all is undone.  Memory
 * context and resource owner are as before.
 */
typedef bool (*CdcAttempt) (void *arg);
extern ErrorData *cdc_attempt(CdcAttempt act, void *arg);

/* The same; an error that is passing goes on. */
extern ErrorData *cdc_attempt_lasting(CdcAttempt act, void *arg);

/* Raises ERROR after an allocation outside of PostgreSQL's memory contexts failed. */
pg_noreturn extern void cdc_out_of_memory(void);

/* Lets long loops of the pure layers be cancelled; from _PG_init(). */
extern void cdc_interrupts_init(void);

/* Raises ERROR when the status is one of failure. */
#define CDC_CHECK(st, err, subscription) \
	do { if (cdc_failed(st)) cdc_ereport((err), (subscription)); } while (0)

#endif							/* CDC_PG_BASE_ERROR_H */
