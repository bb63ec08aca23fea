/*-------------------------------------------------------------------------
 *
 * changes.h
 *	  Noticing that the extension's own tables have changed, so that caches and
 *	  workers look again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_CHANGES_H
#define CDC_PG_CATALOG_CHANGES_H

#include "pg/base/compat.h"

/*
 * A number that grows with each change that was announced, of foreign servers and
 * user mappings, too.  A cache keeps the number as of which it was filled.  To be
 * called inside a transaction.
 */
extern uint64 cdc_catalog_generation(void);

/*
 * A number that grows with each change of any relation that this session has heard of,
 * as it does when it locks one.
 */
extern uint64 cdc_relation_changes(void);

/*
 * Announces that the current transaction changed the extension's tables: the number
 * grows in this session at the next command, in others at the commit.
 */
extern void cdc_catalog_changed(void);

/*
 * Announces that it changed what runs: as cdc_catalog_changed(), and the supervisor
 * looks again at the commit.
 */
extern void cdc_subscription_changed(void);

/* From _PG_init(): begins to watch. */
extern void cdc_catalog_init(void);

#endif							/* CDC_PG_CATALOG_CHANGES_H */
