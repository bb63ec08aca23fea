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

#include "utils/relcache.h"

/* The statements that drop its rules, or its triggers that may keep rows away; "": it has none.  palloc'ed. */
extern char *cdc_history_drop_rules(Relation rel);
extern char *cdc_history_drop_triggers(Relation rel);

#endif							/* CDC_PG_HISTORY_OBSTACLE_H */
