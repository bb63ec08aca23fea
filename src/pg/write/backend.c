/*-------------------------------------------------------------------------
 *
 * backend.c
 *	  Which back-end writes a target.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/target/trigger.h"

#if CDC_HAVE_TABLE_AM

/*
 * Direct access needs a plain heap, the key's index, and nothing that only a
 * statement honours.
 */
static bool
can_write_directly(const CdcTarget *target, bool replica)
{
	Relation	rel = table_open(target->relid, NoLock);
	bool		result = rel->rd_rel->relkind == RELKIND_RELATION &&
		rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
		!cdc_fires_rules(rel, replica) &&
		!cdc_fires_statement_triggers(rel, replica) &&
		(target->keyless || OidIsValid(target->key_index));

	table_close(rel, NoLock);
	return result;
}

#endif							/* CDC_HAVE_TABLE_AM */

/* ERROR where rules would have statements do something else than they say. */
static void
check_rules(const CdcTarget *target, bool replica)
{
	static CdcStatement stmt = {
		"SELECT pg_catalog.string_agg('DISABLE RULE ' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(rulename), ', ')"
		" FROM pg_catalog.pg_rewrite WHERE ev_class OPERATOR(pg_catalog.=) $1 AND is_instead"
		" AND ev_type OPERATOR(pg_catalog.<>) '1' AND ev_enabled OPERATOR(pg_catalog.<>) 'D'",
		1, {OIDOID}
	};
	Relation	rel = table_open(target->relid, NoLock);
	bool		replaces = rel->rd_rel->relkind != RELKIND_VIEW && cdc_fires_replacing_rules(rel, replica);
	Datum		value = ObjectIdGetDatum(target->relid);

	table_close(rel, NoLock);
	if (replaces)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rules of target %s replace what is written to it", target->name),
				 errhint("ALTER TABLE %s %s;", target->name,
						 (char *) linitial(cdc_spi_texts(&stmt, &value)))));
}

const CdcWriteBackend *
cdc_backend_choose(const CdcTarget *target, const CdcTargetRights *rights)
{
#if CDC_HAVE_TABLE_AM
	if (can_write_directly(target, rights->replica))
		return &cdc_write_heap;
#endif
	check_rules(target, rights->replica && rights->replica_role);
	return &cdc_write_sql;
}
