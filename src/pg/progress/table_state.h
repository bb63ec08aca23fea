/*-------------------------------------------------------------------------
 *
 * table_state.h
 *	  The ways into the states 'e' and 'r' of a table, and out of 'e'.
 *
 *	  A table is ready when nothing speaks against it, whoever asks: it is not held, nothing of
 *	  it is kept in cdc.error or was left out, and its copy is through.  So nobody sets that
 *	  state; cdc_table_settle() finds it.
 *
 *	  What is lost has no place to go on from: its target is not what its source had at any
 *	  commit.  That is so until a new copy begins, whatever is retried, emptied or verified
 *	  meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROGRESS_TABLE_STATE_H
#define CDC_PG_PROGRESS_TABLE_STATE_H

#include "pg/catalog/subscription.h"

/*
 * A table in state from gets the state that goes with what is known of it: 'e' where something
 * speaks against it, 's' where apply has not got through its copy, else 'r'.  Returns that, or 0:
 * its state is another one than from, or stays 'e' as it is held.
 */
extern char cdc_table_settle(const CdcSubscription *sub, const char *name, char from);

/*
 * The table has no place to go on from, in whatever state it was: state 'e' with the error's
 * SQLSTATE and text, and a notification.  false: it had none before, and keeps that reason; or
 * it is not registered.
 */
extern bool cdc_table_lose(const CdcSubscription *sub, const char *name, int sqlerrcode,
						   const char *error);

/*
 * The table, in state 'e', goes on from the place where it is held, or goes on already; what
 * is kept or left out still shows in its state.  false: it has no place, and is left alone.
 */
extern bool cdc_table_resume(const CdcSubscription *sub, const char *name);

/* Whether no event of the table is applied. */
extern bool cdc_table_is_held(const CdcSubscription *sub, const char *name);

#endif							/* CDC_PG_PROGRESS_TABLE_STATE_H */
