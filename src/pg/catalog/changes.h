/*-------------------------------------------------------------------------
 *
 * changes.h
 *	  That the extension's own tables have changed: caches and workers look again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_CHANGES_H
#define CDC_PG_CATALOG_CHANGES_H

#include "pg/base/compat.h"

/* A counter that grows with each change of the catalogs above (relcache
 * invalidation or a version column): caches compare it.  */
extern uint64 cdc_catalog_generation(void);

/* Makes it grow everywhere at commit (here at the next command). */
extern void cdc_catalog_changed(void);


/* The same, and the supervisor looks again at commit. */
extern void cdc_subscription_changed(void);

/* From _PG_init(): watches for changes of the extension's tables. */
extern void cdc_catalog_init(void);

#endif							/* CDC_PG_CATALOG_CHANGES_H */
