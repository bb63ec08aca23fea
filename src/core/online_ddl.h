/*-------------------------------------------------------------------------
 *
 * online_ddl.h
 *	  Names of the tables that tools for online schema changes make beside the
 *	  one they change: gh-ost, pt-online-schema-change, and others that name
 *	  them alike.
 *
 * Such a tool fills a shadow table with the rows of the original and then
 * swaps the two by RENAME TABLE: the rows are the same before and after.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_ONLINE_DDL_H
#define CDC_CORE_ONLINE_DDL_H

#include "status.h"

/* Whether shadow is what would be renamed to table at the end. */
extern bool cdc_online_ddl_is_shadow(const char *table, const char *shadow);

/* Whether rest is what the old table is renamed to. */
extern bool cdc_online_ddl_is_rest(const char *table, const char *rest);

#endif							/* CDC_CORE_ONLINE_DDL_H */
