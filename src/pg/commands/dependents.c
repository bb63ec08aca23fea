/*-------------------------------------------------------------------------
 *
 * dependents.c
 *	  Event triggers: what depends on an object that is dropped, and names that
 *	  follow one that is renamed.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#if CDC_HAVE_EVENT_TRIGGERS

#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "pg/process/shmem.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/identity.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"

/* A dropped object and what depends on it. */
typedef struct Dependent
{
	char	   *subscription;
	char	   *what;			/* it is to the subscription: history, server, ... */
	char	   *part;			/* source table or publication; NULL: the subscription itself */
	char	   *type;			/* of the object, as PostgreSQL calls it */
	char	   *object;
} Dependent;

static EventTriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function is not called by an event trigger")));
	return (EventTriggerData *) fcinfo->context;
}

/* ------------------------------------------------------------------------
 * DROP
 * ------------------------------------------------------------------------
 */

/* What depends on the objects that the command dropped; of Dependent *. */
static List *
find_dependents(void)
{
	static CdcStatement stmt = {
		"SELECT s.name, k.what, k.part, d.object_type, d.object_identity"
		" FROM pg_catalog.pg_event_trigger_dropped_objects() d"
		" JOIN (SELECT i.subscription, 'history' AS what, NULL::pg_catalog.text AS part,"
		"              'pg_catalog.pg_class'::pg_catalog.regclass AS class, i.history AS object, 1 AS place"
		"         FROM cdc_catalog.subscription_identity i"
		" UNION ALL SELECT i.subscription, 'server', NULL, 'pg_catalog.pg_foreign_server', i.\"server\", 2"
		"         FROM cdc_catalog.subscription_identity i"
		" UNION ALL SELECT i.subscription, 'target_schema', NULL, 'pg_catalog.pg_namespace', i.target_schema, 3"
		"         FROM cdc_catalog.subscription_identity i"
		" UNION ALL SELECT p.subscription, 'publication', p.name, 'pg_catalog.pg_foreign_server', p.server_oid, 4"
		"         FROM cdc_catalog.publication p"
		" UNION ALL SELECT t.subscription, 'target', t.name, 'pg_catalog.pg_class', t.target_oid, 5"
		"         FROM cdc_catalog.subscription_table t) k"
		"   ON d.classid OPERATOR(pg_catalog.=) k.class AND d.objid OPERATOR(pg_catalog.=) k.object"
		"  AND d.objsubid OPERATOR(pg_catalog.=) 0"
		" JOIN cdc_catalog.subscription s ON s.name OPERATOR(pg_catalog.=) k.subscription"
		/* rows of a restored database have OIDs of another one */
		" JOIN cdc_catalog.subscription_identity here ON here.subscription OPERATOR(pg_catalog.=) s.name"
		" ORDER BY k.place, s.id, k.part",
		0, {0}
	};
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		Dependent  *d = MemoryContextAllocZero(spi.caller, sizeof(Dependent));
		MemoryContext old;

		d->subscription = cdc_spi_text(&spi, i, 1);
		d->what = cdc_spi_text(&spi, i, 2);
		d->part = cdc_spi_text(&spi, i, 3);
		d->type = cdc_spi_text(&spi, i, 4);
		d->object = cdc_spi_text(&spi, i, 5);
		old = MemoryContextSwitchTo(spi.caller);
		result = lappend(result, d);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

/* Whether the command said CASCADE; those that cannot say it take all along. */
static bool
cascades(Node *command)
{
	if (IsA(command, DropStmt))
		return ((DropStmt *) command)->behavior == DROP_CASCADE;
	if (IsA(command, DropOwnedStmt))
		return ((DropOwnedStmt *) command)->behavior == DROP_CASCADE;
	return true;
}

static void
refuse(List *dependents)
{
	const Dependent *first = linitial(dependents);
	StringInfoData detail;
	ListCell   *lc;
	int			n = 0;

	initStringInfo(&detail);
	foreach(lc, dependents)
	{
		const Dependent *d = lfirst(lc);

		if (++n > 100)			/* as PostgreSQL does it */
		{
			appendStringInfo(&detail, "\nand %d more", list_length(dependents) - 100);
			break;
		}
		if (n > 1)
			appendStringInfoChar(&detail, '\n');
		if (d->part != NULL && strcmp(d->what, "target") == 0)
			appendStringInfo(&detail, "subscription \"%s\" fills %s %s from source table %s",
							 d->subscription, d->type, d->object, d->part);
		else if (d->part != NULL)
			appendStringInfo(&detail, "publication \"%s\" of subscription \"%s\" depends on %s %s",
							 d->part, d->subscription, d->type, d->object);
		else
			appendStringInfo(&detail, "%s %s is the %s of subscription \"%s\"",
							 d->type, d->object, d->what, d->subscription);
	}
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("cannot drop %s %s because other objects depend on it", first->type,
					first->object),
			 errdetail_internal("%s", detail.data),
			 strcmp(first->what, "target") == 0 ?
			 errhint("Use DROP ... CASCADE to take it out of the subscription, or SELECT cdc.remove_table(%s, %s).",
					 quote_literal_cstr(first->subscription), quote_literal_cstr(first->part)) :
			 strcmp(first->what, "publication") == 0 ?
			 errhint("Use DROP ... CASCADE to end the publication, or SELECT cdc.drop_publication(%s).",
					 quote_literal_cstr(first->part)) :
			 strcmp(first->what, "target_schema") == 0 ?
			 errhint("Use DROP ... CASCADE; new source tables then go to the history only.") :
			 errhint("Use DROP ... CASCADE to end the subscription too, or SELECT cdc.drop_subscription(%s).",
					 quote_literal_cstr(first->subscription))));
}

static void
forget_target_schema(const char *subscription)
{
	static CdcStatement stmts[] = {
		{"UPDATE cdc_catalog.subscription SET target_schema = NULL WHERE name OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"UPDATE cdc_catalog.subscription_identity SET target_schema = 0 WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}}
	};
	int			i;

	for (i = 0; i < (int) lengthof(stmts); i++)
		(void) cdc_spi_run(&stmts[i], subscription);
	cdc_log(subscription, "subscription", "target_schema dropped: new source tables go to the history only", NULL);
	cdc_subscription_changed();
}

static void
end_publication(const Dependent *d, const char *why)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.publication WHERE name OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}
	};

	/* workers hold the rows of theirs, for minutes where the brokers do not answer */
	cdc_slot_terminate(MyDatabaseId, cdc_subscription_get_any(d->subscription)->id,
					   CDC_WORKER_PUBLISH);
	(void) cdc_spi_run(&stmt, d->part);
	cdc_failure_forget(d->subscription, psprintf("publish %s", d->part));
	cdc_log(d->subscription, "publication", psprintf("publication \"%s\" dropped", d->part), why);
	cdc_subscription_changed();
}

/* What goes with the object: the subscription, or what of it depended on the object. */
static void
follow(const Dependent *d, List **ended)
{
	const char *why = psprintf("DROP ... CASCADE of %s %s", d->type, d->object);
	ListCell   *lc;

	foreach(lc, *ended)
		if (strcmp(lfirst(lc), d->subscription) == 0)
			return;
	if (strcmp(d->what, "target") == 0)
	{
		ereport(NOTICE,
				(errmsg("drop cascades to source table %s of subscription \"%s\"", d->part,
						d->subscription)));
		cdc_subscription_remove_table(d->subscription, d->part, why);
	}
	else if (strcmp(d->what, "publication") == 0)
	{
		ereport(NOTICE,
				(errmsg("drop cascades to publication \"%s\" of subscription \"%s\"", d->part,
						d->subscription)));
		end_publication(d, why);
	}
	else if (strcmp(d->what, "target_schema") == 0)
		forget_target_schema(d->subscription);
	else
	{
		ereport(NOTICE,
				(errmsg("drop cascades to subscription \"%s\"", d->subscription)));
		cdc_subscription_end(d->subscription, why);
		*ended = lappend(*ended, d->subscription);
	}
}

PG_FUNCTION_INFO_V1(cdc_objects_dropped);

/* cdc_catalog.objects_dropped() returns event_trigger, on sql_drop */
Datum
cdc_objects_dropped(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = trigger_data(fcinfo);
	List	   *dependents = find_dependents();
	List	   *ended = NIL;
	ListCell   *lc;

	if (dependents != NIL && !cascades(data->parsetree))
		refuse(dependents);
	foreach(lc, dependents)
		follow(lfirst(lc), &ended);
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * ALTER
 * ------------------------------------------------------------------------
 */

/* Targets among the relations, and in the schemas, that the command altered. */
static void
follow_targets(void)
{
	static CdcStatement read = {
		"SELECT t.subscription, t.name, t.target, t.target_oid::pg_catalog.int8"
		" FROM cdc_catalog.subscription_table t"
		" JOIN cdc_catalog.subscription_identity i ON i.subscription OPERATOR(pg_catalog.=) t.subscription"
		" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.target_oid"
		" JOIN pg_catalog.pg_event_trigger_ddl_commands() d ON"
		" (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
		"  AND d.objid OPERATOR(pg_catalog.=) c.oid)"
		" OR (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass"
		"  AND d.objid OPERATOR(pg_catalog.=) c.relnamespace)",
		0, {0}
	};
	static CdcStatement write = {
		"UPDATE cdc_catalog.subscription_table SET target = $3"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	List	   *changes = NIL;
	ListCell   *lc;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&read, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		char	   *now = cdc_relation_name((Oid) cdc_spi_int64(i, 4));
		char	  **change;

		if (now == NULL || strcmp(now, cdc_spi_text(&spi, i, 3)) == 0)
			continue;
		change = palloc(sizeof(char *) * 3);
		change[0] = cdc_spi_text(&spi, i, 1);
		change[1] = cdc_spi_text(&spi, i, 2);
		change[2] = now;
		changes = lappend(changes, change);
	}
	foreach(lc, changes)
	{
		char	  **change = lfirst(lc);

		(void) cdc_spi_run(&write, change[0], change[1], change[2]);
	}
	cdc_spi_end(&spi);
	if (changes != NIL)
		cdc_catalog_changed();
}

PG_FUNCTION_INFO_V1(cdc_objects_altered);

/* cdc_catalog.objects_altered() returns event_trigger, on ddl_command_end */
Datum
cdc_objects_altered(PG_FUNCTION_ARGS)
{
	(void) trigger_data(fcinfo);
	cdc_identity_follow_all();
	follow_targets();
	PG_RETURN_NULL();
}

#endif							/* CDC_HAVE_EVENT_TRIGGERS */
