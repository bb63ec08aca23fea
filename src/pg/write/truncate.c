/*-------------------------------------------------------------------------
 *
 * truncate.c
 *	  Emptying a target.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/target/lock.h"
#include "pg/target/trigger.h"
#include "pg/catalog/spi.h"

void
cdc_truncate_target(const CdcTarget *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	char		kind = rel->rd_rel->relkind;
	bool		truncate;
	char	   *sql;
	CdcLockWait wait;

	truncate = (kind == RELKIND_RELATION || kind == CDC_RELKIND_PARTITIONED) &&
		!cdc_referenced_by_foreign_key(rel) &&
		pg_class_aclcheck(target->relid, GetUserId(), ACL_TRUNCATE) == ACLCHECK_OK;
	table_close(rel, NoLock);
	if (!truncate)
		sql = psprintf("DELETE FROM %s", target->name);
	else
		sql = psprintf("TRUNCATE TABLE %s%s", CDC_TRUNCATE_SCOPE(kind),
					   target->name);

	cdc_lock_wait_begin(&wait, target->relid, " to empty it, as the source did",
						truncate ? CDC_EXCLUSIVE_WAIT_MS : 0);
	cdc_spi_command(sql);
	cdc_lock_wait_end(&wait);
}
