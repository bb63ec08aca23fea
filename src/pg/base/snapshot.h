/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  A snapshot that need not be held while a process waits for the outside.
 *
 *	  As long as a transaction has one, no vacuum in the database removes what was
 *	  deleted since.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_SNAPSHOT_H
#define CDC_PG_BASE_SNAPSHOT_H

#include "pg/base/compat.h"

/*
 * Makes a new snapshot the active one, for a transaction in which nobody keeps a
 * pointer to it over a wait.  It is let go with PopActiveSnapshot().
 */
extern void cdc_snapshot_push(void);

/*
 * Around a wait: lets go the snapshot of cdc_snapshot_push() where it is the only one;
 * returns whether it did.  Then a new one is to be taken behind the wait.
 */
extern bool cdc_snapshot_let_go(void);

#endif							/* CDC_PG_BASE_SNAPSHOT_H */
