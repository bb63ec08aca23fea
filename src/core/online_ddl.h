/*-------------------------------------------------------------------------
 *
 * online_ddl.h
 *	  Names of the tables that tools for online schema changes make beside the
 *	  one they change: gh-ost, pt-online-schema-change, and others that name
 *	  them alike.
 *
 * Such a tool fills a shadow table with the rows of the original and then
 * swaps the two by RENAME TABLE: the rows are the same before and after.  Names that
 * people give, too, say so only with the triggers by which the tool keeps the rows alike.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_ONLINE_DDL_H
#define CDC_CORE_ONLINE_DDL_H

#include "sql_lexer.h"
#include "status.h"

/* Whether shadow is what would be renamed to table at the end. */
extern bool cdc_online_ddl_is_shadow(const char *table, const char *shadow);

/* Whether shadow is a name that needs such triggers to be believed. */
extern bool cdc_online_ddl_wants_triggers(const char *table, const char *shadow);

/*
 * Whether the statement makes a trigger that writes a table's rows to a shadow of it.
 * *database (kind CDC_SQL_END: none is named) and *shadow are in the statement.
 */
extern bool cdc_online_ddl_trigger(CdcString sql, uint64_t sql_mode, CdcSqlToken *database,
								   CdcSqlToken *shadow);

/* Whether rest is what the old table is renamed to. */
extern bool cdc_online_ddl_is_rest(const char *table, const char *rest);

#endif							/* CDC_CORE_ONLINE_DDL_H */
