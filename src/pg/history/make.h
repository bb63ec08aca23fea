/*-------------------------------------------------------------------------
 *
 * make.h
 *	  The table of a history is made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_MAKE_H
#define CDC_PG_HISTORY_MAKE_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"

/*
 * Makes it as the subscription's options say, under a name, qualified and quoted, which no
 * relation has; as the current user, who owns it.  ERROR as of CREATE TABLE.
 */
extern void cdc_history_make(const CdcSubscription *sub, const char *name);

#endif							/* CDC_PG_HISTORY_MAKE_H */
