/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  Targets kept in the backend between calls, and rebuilt when the relation
 *	  or the catalogs have changed.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/target.h"

#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "pg/apply/apply_internal.h"
#include "pg/catalog/tables.h"
#include "pg/catalog/changes.h"

/* "subscription id:database.table"; MySQL's names have 64 characters at most. */
#define CACHE_KEY_SIZE	(12 + 2 * 64 * 4 + 2)

typedef struct CacheEntry
{
	char		key[CACHE_KEY_SIZE];
	uint64		generation;
	CdcTarget  *target;
} CacheEntry;

static HTAB *cache = NULL;

/* The rows of cdc.subscription_table of one subscription, as last read. */
static struct
{
	MemoryContext cxt;
	int32		subscription_id;
	uint64		generation;
	List	   *tables;
}			config;

static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	CacheEntry *entry;

	hash_seq_init(&scan, cache);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->target != NULL &&
			(relid == InvalidOid || relid == entry->target->relid))
			entry->target->stale = true;
}

static void
init_cache(void)
{
	HASHCTL		ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = CACHE_KEY_SIZE;
	ctl.entrysize = sizeof(CacheEntry);
	ctl.hash = string_hash;
	ctl.hcxt = CacheMemoryContext;
	cache = hash_create("cdc_ingest targets", 64, &ctl,
						HASH_ELEM | HASH_FUNCTION | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
}

static const CdcSubscriptionTable *
configured_table(const CdcSubscription *sub, const char *source_table)
{
	uint64		generation = cdc_catalog_generation();
	ListCell   *lc;

	if (config.cxt == NULL || config.subscription_id != sub->id ||
		config.generation != generation)
	{
		MemoryContext old;

		if (config.cxt != NULL)
			MemoryContextDelete(config.cxt);
		config.cxt = NULL;
		config.cxt = AllocSetContextCreate(CacheMemoryContext, "cdc_ingest tables",
										   ALLOCSET_SMALL_SIZES);
		config.subscription_id = 0;
		old = MemoryContextSwitchTo(config.cxt);
		config.tables = cdc_subscription_tables(sub);
		MemoryContextSwitchTo(old);
		config.subscription_id = sub->id;
		config.generation = generation;
	}
	foreach(lc, config.tables)
	{
		const CdcSubscriptionTable *table = lfirst(lc);

		if (strcmp(table->source_table, source_table) == 0)
			return table;
	}
	return NULL;
}

bool
cdc_target_is_registered(const CdcSubscription *sub, const char *source_table)
{
	return configured_table(sub, source_table) != NULL;
}

static CdcTarget *
load_target(const CdcSubscription *sub, const char *source_table, int64 seq)
{
	const CdcSubscriptionTable *table = configured_table(sub, source_table);
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest target",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	CdcTarget  *target;

	if (table == NULL || table->target == NULL)
	{
		target = palloc0(sizeof(CdcTarget));
		target->source_table = pstrdup(source_table);
		target->cxt = cxt;
	}
	else
	{
		CdcTargetSpec spec;

		if (strcmp(table->mode, "replica") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("mode \"%s\" of source table \"%s\" is not supported", table->mode,
							source_table),
					 errhint("Valid modes are: replica.")));
		memset(&spec, 0, sizeof(spec));
		spec.source_table = source_table;
		spec.target = table->target;
		spec.key = table->key;
		spec.nkey = table->nkey;
		spec.columns = table->columns;
		target = cdc_target_make(sub, &spec, seq);
	}
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(cxt, CacheMemoryContext);
	return target;
}

CdcTarget *
cdc_target_get(const CdcSubscription *sub, const char *source_table, size_t len, int64 seq,
			   uint64 run)
{
	char		key[CACHE_KEY_SIZE];
	CacheEntry *entry;
	bool		found;
	int			prefix;

	if (cache == NULL)
		init_cache();
	prefix = snprintf(key, sizeof(key), "%d:", sub->id);
	if (prefix + len >= sizeof(key))
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name of a source table is longer than MySQL allows")));
	memcpy(key + prefix, source_table, len);
	key[prefix + len] = '\0';
	entry = hash_search(cache, key, HASH_ENTER, &found);
	if (!found)
		entry->target = NULL;

	/* the lock first: it makes pending invalidations known */
	if (entry->target != NULL && OidIsValid(entry->target->relid))
		LockRelationOid(entry->target->relid, RowExclusiveLock);
	if (entry->target != NULL && entry->target->run != run &&
		(entry->target->stale || entry->generation != cdc_catalog_generation()))
	{
		CdcTarget  *old = entry->target;

		entry->target = NULL;
		cdc_apply_sql_forget(old);
		MemoryContextDelete(old->cxt);
	}
	if (entry->target == NULL)
	{
		uint64		generation = cdc_catalog_generation();
		CdcTarget  *target = load_target(sub, key + prefix, seq);

		/* loading read catalogs, and may have changed the table of entries */
		entry = hash_search(cache, key, HASH_ENTER, NULL);
		entry->target = target;
		entry->generation = generation;
	}
	if (OidIsValid(entry->target->relid))
		cdc_target_check(entry->target);
	entry->target->run = run;
	return entry->target;
}
