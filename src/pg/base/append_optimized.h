/*-------------------------------------------------------------------------
 *
 * append_optimized.h
 *	  Writing append-optimised tables with restricted rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_APPEND_OPTIMIZED_H
#define CDC_PG_BASE_APPEND_OPTIMIZED_H

#include "pg/base/compat.h"

#include "utils/relcache.h"

/*
 * To be called before a statement that writes the table, in the same transaction; the table
 * is locked for writing.  Of a partitioned table each partition that may get rows.
 * Does nothing for other tables.
 */
extern void cdc_append_optimized_expect(Relation rel);

#endif							/* CDC_PG_BASE_APPEND_OPTIMIZED_H */
