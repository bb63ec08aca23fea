/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  Mappings and their targets, kept in the backend between calls and made anew
 *	  when the relation or the catalogs have changed.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/hash.h"
#include "pg/mapping/cache.h"

#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/base/compat_value.h"
#include "pg/catalog/tables.h"
#include "pg/mapping/make.h"
#include "pg/catalog/changes.h"
#include "pg/options/option_json.h"
#include "pg/target/lock.h"

/*
 * "subscription id:database.table", where MySQL's names have 64 characters at most, or with the
 * name of a table that has its target in it, qualified and quoted.
 */
#define CACHE_KEY_SIZE	(12 + 2 * 64 * 4 + 2 + 4 * NAMEDATALEN + 32)

typedef struct CacheEntry
{
	char		key[CACHE_KEY_SIZE];
	uint64		generation;		/* of the catalogs that the mapping was made from */
	CdcMapping *mapping;		/* NULL: not made, or it failed */
} CacheEntry;

static HTAB *cache = NULL;

/* The rows of cdc.subscription_table of one subscription, as last read. */
static struct
{
	MemoryContext cxt;
	int32		subscription_id;
	uint64		generation;
	List	   *tables;
	bool		guarded;		/* an error of one of them may not be the subscription's */
}			config;

/* Relation cache callback. */
static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	CacheEntry *entry;

	hash_seq_init(&scan, cache);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->mapping != NULL && entry->mapping->target != NULL &&
			(relid == InvalidOid || relid == entry->mapping->target->relid))
			entry->mapping->stale = true;
}

/* Syscache callback: functions and types that expressions may use have changed. */
static void
invalidate_expressions(Datum arg, int cacheid, uint32 hashvalue)
{
	HASH_SEQ_STATUS scan;
	CacheEntry *entry;

	hash_seq_init(&scan, cache);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->mapping != NULL && entry->mapping->computed)
			entry->mapping->stale = true;
}

/* Makes the cache and listens for changes of relations, and of what expressions use. */
static void
init_cache(void)
{
	cache = cdc_hash_of_strings("cdc_ingest targets", 64, CACHE_KEY_SIZE,
								sizeof(CacheEntry), CacheMemoryContext);
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, invalidate_expressions, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, invalidate_expressions, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, invalidate_expressions, (Datum) 0);
}

/*
 * Whether a table may not stop the subscription with its errors: it has options of its own, or a
 * copy that may be one to replace what it has.
 */
static bool
has_guarded_table(const CdcSubscription *sub, List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		const CdcSubscriptionTable *table = lfirst(lc);
		CdcTableOptions options;

		if (table->target != NULL && !table->held && strchr("idfs", table->state) != NULL)
			return true;
		if (table->options == NULL)
			continue;
		cdc_table_options_parse(table->options, &sub->opt.table, &options);
		if (options.on_error != CDC_ON_ERROR_STOP)
			return true;
	}
	return false;
}

/* Reads the subscription's tables, unless that was done. */
static void
read_config(const CdcSubscription *sub)
{
	uint64		generation = cdc_catalog_generation();

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
		config.guarded = has_guarded_table(sub, config.tables);
		MemoryContextSwitchTo(old);
		config.subscription_id = sub->id;
		config.generation = generation;
	}
}

/* The first of the source table's rows of cdc.subscription_table; NULL: there is none. */
static const CdcSubscriptionTable *
first_table(const CdcSubscription *sub, const char *source_table)
{
	ListCell   *lc;

	read_config(sub);
	foreach(lc, config.tables)
	{
		const CdcSubscriptionTable *table = lfirst(lc);

		if (strcmp(table->source_table, source_table) == 0)
			return table;
	}
	return NULL;
}

/* The same, or else the row of that name. */
static const CdcSubscriptionTable *
configured_table(const CdcSubscription *sub, const char *name)
{
	const CdcSubscriptionTable *table = first_table(sub, name);
	ListCell   *lc;

	if (table != NULL)
		return table;
	foreach(lc, config.tables)
	{
		table = lfirst(lc);
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

/* The row behind it that is of the same source table; NULL: there is none. */
static const CdcSubscriptionTable *
next_of_source(const CdcSubscriptionTable *table)
{
	ListCell   *lc;
	bool		passed = false;

	foreach(lc, config.tables)
	{
		const CdcSubscriptionTable *other = lfirst(lc);

		if (passed)
			return strcmp(other->source_table, table->source_table) == 0 ? other : NULL;
		passed = other == table;
	}
	return NULL;
}

bool
cdc_target_is_registered(const CdcSubscription *sub, const char *source_table)
{
	return first_table(sub, source_table) != NULL;
}

bool
cdc_target_errors_are_guarded(const CdcSubscription *sub)
{
	if (sub->opt.table.on_error != CDC_ON_ERROR_STOP)
		return true;
	read_config(sub);
	return config.guarded;
}

/* Makes the mapping of a table, in a memory context of its own. */
static CdcMapping *
load_mapping(const CdcSubscription *sub, const char *name, int64 seq, bool writes)
{
	const CdcSubscriptionTable *table = configured_table(sub, name);
	const CdcSubscriptionTable *next = table != NULL ? next_of_source(table) : NULL;
	bool		shared = next != NULL ||
		(table != NULL && first_table(sub, table->source_table) != table);
	char	   *next_name = next != NULL ? pstrdup(next->name) : NULL;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest target",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	CdcMapping *mapping;

	/* what stands in error stays as it is until it is copied anew or retried */
	if (table == NULL || table->target == NULL || table->held ||
		(table->state == 'e' && !cdc_subscription_table_goes_on(table)))
	{
		mapping = palloc0(sizeof(CdcMapping));
		mapping->source_table = pstrdup(table != NULL ? table->source_table : name);
		mapping->name = pstrdup(table != NULL ? table->name : name);
		mapping->cxt = cxt;
	}
	else
	{
		CdcMappingSpec spec;
		CdcTableOptions options;

		memset(&spec, 0, sizeof(spec));
		cdc_table_options_parse(table->options, &sub->opt.table, &options);
		spec.keeps_rows = options.truncate == CDC_TRUNCATE_IGNORE;
		spec.sources = options.sources;
		spec.leaves_out = options.ddl == CDC_DDL_IGNORE;
		spec.source_table = table->source_table;
		spec.name = table->name;
		spec.target = table->target;
		spec.target_oid = table->target_oid;
		spec.mode = table->mode;
		spec.key = table->key;
		spec.nkey = table->nkey;
		spec.columns = table->columns;
		spec.row_filter = table->row_filter;
		spec.tells_trouble = true;
		mapping = cdc_mapping_make(sub, &spec, seq, writes);
		mapping->kept = table->kept_events > 0;
		mapping->copied = table->state != 'r' && table->state != 'e';
		/* who only looks leaves no row of the catalog locked */
		if (writes && (mapping->target->relid != table->target_oid ||
					   cdc_relation_by_name(table->target) != mapping->target->relid))
			cdc_subscription_table_target(sub, table->name, mapping->target->name,
										  mapping->target->relid);
	}
	mapping->next = next_name != NULL ? pstrdup(next_name) : NULL;
	mapping->shared = shared;
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(cxt, CacheMemoryContext);
	return mapping;
}

/* Drops the entry's mapping if it is out of date and the run does not use it yet. */
static void
drop_outdated(CacheEntry *entry, uint64 run)
{
	CdcMapping *mapping = entry->mapping;

	if (mapping == NULL || mapping->run == run ||
		(!mapping->stale && entry->generation == cdc_catalog_generation()))
		return;
	entry->mapping = NULL;
	if (mapping->target != NULL)
		cdc_target_release(mapping->target);
	if (mapping->versions != NULL)
		cdc_target_release(mapping->versions);
	MemoryContextDelete(mapping->cxt);
}

/* The table's entry, which has no mapping where it is new; key, of CACHE_KEY_SIZE, is set to its own. */
static CacheEntry *
enter(const CdcSubscription *sub, const char *source_table, size_t len, char *key)
{
	CacheEntry *entry;
	bool		found;
	int			prefix;

	if (cache == NULL)
		init_cache();
	prefix = snprintf(key, CACHE_KEY_SIZE, "%d:", sub->id);
	if (prefix + len >= CACHE_KEY_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name of a source table is longer than MySQL allows")));
	memcpy(key + prefix, source_table, len);
	key[prefix + len] = '\0';
	entry = hash_search(cache, key, HASH_ENTER, &found);
	if (!found)
		entry->mapping = NULL;
	return entry;
}

static CdcMapping *
get_mapping(const CdcSubscription *sub, const char *source_table, size_t len, int64 seq,
			uint64 run, bool writes)
{
	char		key[CACHE_KEY_SIZE];
	CacheEntry *entry = enter(sub, source_table, len, key);

	/* the lock first: it makes pending invalidations known */
	if (entry->mapping != NULL && entry->mapping->target != NULL)
	{
		Oid			relid = entry->mapping->target->relid;

		if (writes)
			cdc_lock_target(relid, RowExclusiveLock);
		else
		{
			LockRelationOid(relid, AccessShareLock);
			UnlockRelationOid(relid, AccessShareLock);
		}
	}
	drop_outdated(entry, run);
	if (entry->mapping == NULL)
	{
		uint64		generation = cdc_catalog_generation();
		CdcMapping *mapping = load_mapping(sub, strchr(key, ':') + 1, seq, writes);

		/* loading read catalogs, and may have changed the table of entries */
		entry = hash_search(cache, key, HASH_ENTER, NULL);
		entry->mapping = mapping;
		entry->generation = generation;
	}
	if (entry->mapping->target != NULL && writes)
		cdc_target_check(entry->mapping->target, sub);
	entry->mapping->run = run;
	return entry->mapping;
}

CdcMapping *
cdc_mapping_get(const CdcSubscription *sub, const char *source_table, size_t len, int64 seq,
				uint64 run)
{
	return get_mapping(sub, source_table, len, seq, run, true);
}

void
cdc_mapping_forget(const CdcSubscription *sub, const char *source_table, size_t len)
{
	char		key[CACHE_KEY_SIZE];
	CacheEntry *entry = enter(sub, source_table, len, key);

	if (entry->mapping != NULL)
		entry->mapping->stale = true;
}

CdcMapping *
cdc_mapping_look(const CdcSubscription *sub, const char *source_table, size_t len, int64 seq,
				 uint64 run)
{
	return get_mapping(sub, source_table, len, seq, run, false);
}
