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
#include "rewrite/prs2lock.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/target/trigger.h"

#if CDC_HAVE_TABLE_AM

/*
 * Direct access needs a plain heap, the key's index, and nothing that only a
 * statement honours.
 */
static bool
can_write_directly(const CdcTarget *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	bool		result = rel->rd_rel->relkind == RELKIND_RELATION &&
		rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
		rel->rd_rules == NULL &&
		!cdc_fires_statement_triggers(rel) &&
		(target->keyless || OidIsValid(target->key_index));

	table_close(rel, NoLock);
	return result;
}

#endif							/* CDC_HAVE_TABLE_AM */

const CdcWriteBackend *
cdc_backend_choose(const CdcTarget *target)
{
#if CDC_HAVE_TABLE_AM
	if (can_write_directly(target))
		return &cdc_write_heap;
#endif
	return &cdc_write_sql;
}
