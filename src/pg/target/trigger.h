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
#include "utils/relcache.h"

/*
 * Whether row or statement triggers fire for changes that are replicated: apply
 * works with session_replication_role = replica, so only those do that are enabled
 * for replicas or always.
 */
extern bool cdc_fires_row_triggers(Relation rel);
extern bool cdc_fires_statement_triggers(Relation rel);

/* Whether a foreign key refers to the relation. */
extern bool cdc_referenced_by_foreign_key(Relation rel);

#endif							/* CDC_PG_TARGET_TRIGGER_H */
