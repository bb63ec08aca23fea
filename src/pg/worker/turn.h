/*-------------------------------------------------------------------------
 *
 * turn.h
 *	  The transactions of a background process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WORKER_TURN_H
#define CDC_PG_WORKER_TURN_H

#include "pg/base/compat.h"

#if CDC_HAVE_WORKERS

/*
 * Starts a transaction that DROP EXTENSION waits for and that waits for it;
 * false (and no transaction) when the extension is not there.  The lock is
 * taken before any other, so that the two cannot end in a deadlock.
 */
extern bool cdc_background_transaction(void);
extern void cdc_background_commit(void);

#endif							/* CDC_HAVE_WORKERS */

#endif							/* CDC_PG_WORKER_TURN_H */
