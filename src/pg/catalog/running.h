/*-------------------------------------------------------------------------
 *
 * running.h
 *	  Which subscriptions this session is pulling or applying at the moment.
 *
 * Triggers on histories and targets run inside of that, with the locks that the session
 * holds: a lock alone keeps other sessions away, not them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_RUNNING_H
#define CDC_PG_CATALOG_RUNNING_H

#include "pg/base/compat.h"

/*
 * The writers of a subscription, of which each kind works alone.  (Publishing locks
 * the publication's row instead.)
 */
typedef enum CdcWriter
{
	CDC_WRITER_PULL = 1,
	CDC_WRITER_APPLY = 2
} CdcWriter;

/* A run, on the stack of who makes it. */
typedef struct CdcRunning
{
	const struct CdcRunning *outer;
	int32		subscription_id;
	CdcWriter	writer;
} CdcRunning;

/*
 * Marks the begin of a run, for which the writer's lock is held, and its end: also where
 * it ends with an ERROR, so in PG_CATCH() too.
 */
extern void cdc_running_begin(CdcRunning *run, int32 subscription_id, CdcWriter writer);
extern void cdc_running_end(const CdcRunning *run);

/* ERROR where this session is in such a run of the subscription of that id and name. */
extern void cdc_running_check(int32 subscription_id, const char *name, CdcWriter writer);

#endif							/* CDC_PG_CATALOG_RUNNING_H */
