/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  What a relation's triggers say about how it can be written to.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/trigger.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/rel.h"

/* Whether one of the relation's triggers is such a one. */
static bool
has_trigger(Relation rel, bool (*is_such) (const Trigger *trigger))
{
	int			i;

	if (rel->trigdesc == NULL)
		return false;
	for (i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		if (is_such(&rel->trigdesc->triggers[i]))
			return true;
	}
	return false;
}

static bool
fires_for_replica(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA ||
		trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
}

static bool
is_row_trigger(const Trigger *trigger)
{
	return TRIGGER_FOR_ROW(trigger->tgtype) && fires_for_replica(trigger);
}

static bool
is_statement_trigger(const Trigger *trigger)
{
	return !TRIGGER_FOR_ROW(trigger->tgtype) && fires_for_replica(trigger);
}

static bool
is_of_referenced_key(const Trigger *trigger)
{
	return RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_PK;
}

bool
cdc_fires_row_triggers(Relation rel)
{
	return has_trigger(rel, is_row_trigger);
}

bool
cdc_fires_statement_triggers(Relation rel)
{
	return has_trigger(rel, is_statement_trigger);
}

bool
cdc_referenced_by_foreign_key(Relation rel)
{
	return has_trigger(rel, is_of_referenced_key);
}
