/*-------------------------------------------------------------------------
 *
 * changes.c
 *	  Counting changes of the extension's own tables.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/changes.h"

#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/base/wake.h"
#include "pg/catalog/spi.h"


/* Grows when the catalogs have changed; see cdc_catalog_generation(). */
static uint64 generation = 1;

/* OID of the table of subscriptions, whose relcache entry stands for all catalogs. */
static Oid
catalog_relid(void)
{
	Oid			nsp = get_namespace_oid(CDC_CATALOG_SCHEMA, true);

	return OidIsValid(nsp) ? get_relname_relid("subscription", nsp) : InvalidOid;
}

static Oid	watched_relid = InvalidOid;

static void
relcache_changed(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || !OidIsValid(watched_relid) || relid == watched_relid)
	{
		generation++;
		watched_relid = InvalidOid;
	}
}

static void
servers_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	generation++;
}

void
cdc_catalog_init(void)
{
	CacheRegisterRelcacheCallback(relcache_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, servers_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, servers_changed, (Datum) 0);
}

uint64
cdc_catalog_generation(void)
{
	/* Invalidations are taken in when a lock or a transaction begins. */
	if (!OidIsValid(watched_relid))
		watched_relid = catalog_relid();
	return generation;
}

void
cdc_catalog_changed(void)
{
	Oid			relid = catalog_relid();

	if (OidIsValid(relid))
		CacheInvalidateRelcacheByRelid(relid);
}

void
cdc_subscription_changed(void)
{
	cdc_catalog_changed();
	cdc_supervisor_wake_at_commit();
}
