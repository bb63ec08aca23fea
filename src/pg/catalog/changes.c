/*-------------------------------------------------------------------------
 *
 * changes.c
 *	  Noticing that the extension's own tables have changed.
 *
 * A relcache invalidation of cdc.subscription stands for a change of any of them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/changes.h"

#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/catalog/spi.h"
#include "pg/process/wake.h"

static uint64 generation = 1;
static uint64 changed_relations = 1;

/* cdc.subscription, as last looked up; InvalidOid: to be looked up again. */
static Oid	watched_relid = InvalidOid;

/* The OID of cdc.subscription; InvalidOid: there is none. */
static Oid
lookup_relid(void)
{
	Oid			nsp = get_namespace_oid(CDC_CATALOG_SCHEMA, true);

	return OidIsValid(nsp) ? get_relname_relid("subscription", nsp) : InvalidOid;
}

static void
relcache_changed(Datum arg, Oid relid)
{
	changed_relations++;
	if (!OidIsValid(relid) || !OidIsValid(watched_relid) || relid == watched_relid)
	{
		generation++;
		watched_relid = InvalidOid;
	}
}

/* Servers and mappings, and what subscriptions name: schemas and roles. */
static void
objects_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	generation++;
}

void
cdc_catalog_init(void)
{
	CacheRegisterRelcacheCallback(relcache_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, objects_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, objects_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, objects_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, objects_changed, (Datum) 0);
}

uint64
cdc_catalog_generation(void)
{
	/* The callbacks run when a lock is taken or a transaction begins. */
	if (!OidIsValid(watched_relid))
		watched_relid = lookup_relid();
	return generation;
}

uint64
cdc_relation_changes(void)
{
	return changed_relations;
}

void
cdc_catalog_changed(void)
{
	Oid			relid = lookup_relid();

	if (OidIsValid(relid))
		CacheInvalidateRelcacheByRelid(relid);
}

void
cdc_subscription_changed(void)
{
	cdc_catalog_changed();
	cdc_supervisor_wake_at_commit();
}
