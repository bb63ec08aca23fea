/*-------------------------------------------------------------------------
 *
 * storage.h
 *	  The storage of a target, which tells whether it was emptied.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_STORAGE_H
#define CDC_PG_TARGET_STORAGE_H

#include "pg/base/compat.h"
#include "utils/relcache.h"

/* Whether TRUNCATE gives it other storage: not so of partitioned and foreign tables. */
extern bool cdc_storage_tells(Relation rel);

/* Whether such a table has rows, this transaction's among them. */
extern bool cdc_storage_has_rows(Relation rel);

#endif							/* CDC_PG_TARGET_STORAGE_H */
