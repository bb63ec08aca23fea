/*-------------------------------------------------------------------------
 *
 * make.c
 *	  Making a mapping: its target is opened, and what it computes is made ready.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/make.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/mapping/computed.h"
#include "pg/schema/versions.h"
#include "pg/target/claim.h"
#include "pg/target/lock.h"

/* Whether that of the target was told in this transaction, which may make its mapping several times. */
static bool
is_announced(Oid relid)
{
	static TimestampTz transaction = 0;
	static Oid	last[8];
	static int	next = 0;
	int			i;

	if (transaction != GetCurrentTransactionStartTimestamp())
		memset(last, 0, sizeof(last));
	transaction = GetCurrentTransactionStartTimestamp();
	for (i = 0; i < lengthof(last); i++)
		if (last[i] == relid)
			return true;
	last[next] = relid;
	next = (next + 1) % lengthof(last);
	return false;
}

/* Tells the user what will make apply slow. */
static void
announce_slow_target(const CdcMapping *mapping, const CdcMappingSpec *spec, const CdcSubscription *sub)
{
	const CdcTarget *target = mapping->target;

	if (target->keyless && !mapping->key_chosen)
	{
		char	   *message = psprintf("target %s has no key: its rows are matched by all their columns",
									   target->name);
		char	   *remedy = spec->tells_trouble ?
			psprintf("Give source and target a primary key, or name its columns: SELECT cdc.alter_table(%s, %s, key := '{...}');",
					 quote_literal_cstr(sub->name), quote_literal_cstr(mapping->name)) :
			"Give source and target a primary key, or name its columns in argument \"key\".";
		bool		news = cdc_log_once(sub->name, "no_key", message, remedy);

		/* from Kafka a row that is sent twice is there twice */
		ereport(news && sub->kind == CDC_SERVER_KAFKA ? WARNING : NOTICE,
				(errmsg("%s", message),
				 errhint("%s", remedy)));
	}
	else if (!OidIsValid(target->key_index))
		ereport(NOTICE,
				(errmsg("target %s has no unique index on its key", target->name),
				 errhint("Without one each batch reads the whole table; CREATE UNIQUE INDEX on the key.")));
}

/* Opens the target; ERROR where it is not what it was. */
static Relation
open_target(const CdcSubscription *sub, const CdcMappingSpec *spec, LOCKMODE lockmode)
{
	char	   *name = quote_literal_cstr(sub->name);
	Relation	rel;

	if (!OidIsValid(spec->target_oid))
	{
		RangeVar   *target = makeRangeVarFromNameList(CDC_QUALIFIED_NAMES(spec->target));
		Oid			relid = RangeVarGetRelid(target, NoLock, true);

		if (OidIsValid(relid))
			cdc_lock_target(relid, lockmode);
		return table_openrv(target, lockmode);
	}
	cdc_lock_target(spec->target_oid, lockmode);
	rel = CDC_TRY_RELATION_OPEN(spec->target_oid, lockmode);
	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("target %s of source table %s was dropped", spec->target,
						spec->source_table),
				 OidIsValid(cdc_relation_by_name(spec->target)) ?
				 errdetail("What has its name now is another one.") : 0,
				 errhint("To go on with a table of that name: SELECT cdc.enable_subscription(%s). To go on without: SELECT cdc.remove_table(%s, %s).",
						 name, name, quote_literal_cstr(spec->name != NULL ? spec->name : spec->source_table))));
	return rel;
}

CdcMapping *
cdc_mapping_make(const CdcSubscription *sub, const CdcMappingSpec *spec, int64 seq, bool writes)
{
	LOCKMODE	lockmode = writes ? RowExclusiveLock : AccessShareLock;
	Relation	rel = open_target(sub, spec, lockmode);
	CdcMapping *mapping = palloc0(sizeof(CdcMapping));
	CdcTableVersion version;

	mapping->source_table = pstrdup(spec->source_table);
	mapping->name = pstrdup(spec->name != NULL ? spec->name : spec->source_table);
	mapping->mode = pstrdup(spec->mode);
	mapping->shape = cdc_mode_shape(spec->mode);
	mapping->keeps_rows = spec->keeps_rows;
	mapping->sources = spec->sources;
	mapping->cxt = CurrentMemoryContext;
	mapping->target = cdc_target_create(rel);
	cdc_claim_check(mapping->target->relid, mapping->target->name);
	(void) cdc_table_version_at(sub->name, spec->source_table, seq, GetDatabaseEncoding(),
								&version);
	cdc_mapping_map(mapping, rel, sub, spec, &version.def);
	if (mapping->trouble == NULL)
		mapping->trouble = cdc_mapping_compute(mapping, sub, spec, &version.def);
	if (writes)
	{
		cdc_target_check(mapping->target, sub);
		if (!spec->quiet && !is_announced(mapping->target->relid))
			announce_slow_target(mapping, spec, sub);
	}
	/* opening it locked it twice */
	table_close(rel, writes ? NoLock : lockmode);
	if (!writes)
		UnlockRelationOid(mapping->target->relid, lockmode);
	return mapping;
}
