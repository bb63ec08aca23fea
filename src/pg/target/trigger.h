/*-------------------------------------------------------------------------
 *
 * trigger.h
 *	  What a relation's triggers say about how it can be written to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_TRIGGER_H
#define CDC_PG_TARGET_TRIGGER_H

#include "pg/base/compat.h"
#include "utils/rel.h"

/*
 * Whether row or statement triggers fire for changes that are replicated: where the
 * writer is a replica only those that are enabled for replicas or always, else as for
 * everybody.
 */
extern bool cdc_fires_row_triggers(Relation rel, bool replica);
extern bool cdc_fires_statement_triggers(Relation rel, bool replica);

/* The same of rules, but for those of a view's own SELECT. */
extern bool cdc_fires_rules(Relation rel, bool replica);

/* ... of rules that do something else in place of a write. */
extern bool cdc_fires_replacing_rules(Relation rel, bool replica);

/*
 * In a copy of the relation's triggers, which is NULL where it has none: lets those of
 * a replica fire although session_replication_role is origin, and no others.
 */
extern void cdc_triggers_of_replica(TriggerDesc *triggers);

/*
 * Whether an UPDATE tells of all rows that need no INSERT: a trigger may keep it from
 * writing some, and a rule may answer something else.
 */
extern bool cdc_update_tells(Relation rel);

/* Whether a foreign key refers to the relation. */
extern bool cdc_referenced_by_foreign_key(Relation rel);

#endif							/* CDC_PG_TARGET_TRIGGER_H */
