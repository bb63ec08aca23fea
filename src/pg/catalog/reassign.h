/*-------------------------------------------------------------------------
 *
 * reassign.h
 *	  REASSIGN OWNED: subscriptions are among what a role owns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_REASSIGN_H
#define CDC_PG_CATALOG_REASSIGN_H

#include "pg/base/compat.h"

/*
 * From _PG_init().  In sessions that have not loaded the module when they run REASSIGN
 * OWNED, the new owner of a history takes its subscription with cdc.enable_subscription().
 */
extern void cdc_reassign_init(void);

#endif							/* CDC_PG_CATALOG_REASSIGN_H */
