/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  What a relation's triggers and rules say about how it can be written to.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/trigger.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "rewrite/prs2lock.h"
#include "rewrite/rewriteDefine.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"

static bool
fires(const Trigger *trigger, bool replica)
{
	return trigger->tgenabled == TRIGGER_FIRES_ALWAYS ||
		trigger->tgenabled == (replica ? TRIGGER_FIRES_ON_REPLICA : TRIGGER_FIRES_ON_ORIGIN);
}

/* Whether a trigger of the relation, for rows or for statements, fires. */
static bool
fires_triggers(Relation rel, bool for_rows, bool replica)
{
	int			i;

	if (rel->trigdesc == NULL)
		return false;
	for (i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if ((TRIGGER_FOR_ROW(trigger->tgtype) != 0) == for_rows && fires(trigger, replica))
			return true;
	}
	return false;
}

bool
cdc_fires_row_triggers(Relation rel, bool replica)
{
	return fires_triggers(rel, true, replica);
}

bool
cdc_fires_statement_triggers(Relation rel, bool replica)
{
	return fires_triggers(rel, false, replica);
}

/* Whether a rule fires; instead: one that does something else in place of a write. */
static bool
fires_rules(Relation rel, bool replica, bool instead)
{
	int			i;

	for (i = 0; rel->rd_rules != NULL && i < rel->rd_rules->numLocks; i++)
	{
		const RewriteRule *rule = rel->rd_rules->rules[i];

		if (rule->event != CMD_SELECT && (rule->isInstead || !instead) &&
			(rule->enabled == RULE_FIRES_ALWAYS ||
			 rule->enabled == (replica ? RULE_FIRES_ON_REPLICA : RULE_FIRES_ON_ORIGIN)))
			return true;
	}
	return false;
}

bool
cdc_fires_rules(Relation rel, bool replica)
{
	return fires_rules(rel, replica, false);
}

bool
cdc_fires_replacing_rules(Relation rel, bool replica)
{
	return fires_rules(rel, replica, true);
}

void
cdc_triggers_of_replica(TriggerDesc *triggers)
{
	int			i;

	if (triggers == NULL)
		return;
	for (i = 0; i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		trigger->tgenabled = fires(trigger, true) ? TRIGGER_FIRES_ALWAYS : TRIGGER_DISABLED;
	}
}

bool
cdc_update_tells(Relation rel)
{
	return (rel->rd_rel->relkind == RELKIND_RELATION || rel->rd_rel->relkind == CDC_RELKIND_PARTITIONED) &&
		rel->rd_rules == NULL && rel->trigdesc == NULL;
}

bool
cdc_referenced_by_foreign_key(Relation rel)
{
	int			i;

	for (i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
		if (RI_FKey_trigger_type(rel->trigdesc->triggers[i].tgfoid) == RI_TRIGGER_PK)
			return true;
	return false;
}
