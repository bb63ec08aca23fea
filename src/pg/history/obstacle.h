/*-------------------------------------------------------------------------
 *
 * obstacle.h
 *	  What keeps events away from a history's table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_OBSTACLE_H
#define CDC_PG_HISTORY_OBSTACLE_H

#include "postgres.h"

/*
 * The statements that drop the rules of a table, or its triggers that may keep rows away; "": it
 * has none.  name is the table's, qualified and quoted.  palloc'ed.
 */
extern char *cdc_history_drop_rules(Oid relid, const char *name);
extern char *cdc_history_drop_triggers(Oid relid, const char *name);

#endif							/* CDC_PG_HISTORY_OBSTACLE_H */
