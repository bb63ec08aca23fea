/*-------------------------------------------------------------------------
 *
 * truncate.c
 *	  Emptying a target.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "executor/spi.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/rel.h"

/* Whether TRUNCATE would refuse, as another table refers to this one. */
static bool
referenced_by_foreign_key(Relation rel)
{
	int			i;

	if (rel->trigdesc == NULL)
		return false;
	for (i = 0; i < rel->trigdesc->numtriggers; i++)
		if (RI_FKey_trigger_type(rel->trigdesc->triggers[i].tgfoid) == RI_TRIGGER_PK)
			return true;
	return false;
}

void
cdc_truncate_target(const CdcTarget *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	char		kind = rel->rd_rel->relkind;
	bool		truncate;
	char	   *sql;

	truncate = (kind == RELKIND_RELATION || kind == CDC_RELKIND_PARTITIONED) &&
		!referenced_by_foreign_key(rel) &&
		pg_class_aclcheck(target->relid, GetUserId(), ACL_TRUNCATE) == ACLCHECK_OK;
	table_close(rel, NoLock);
	if (!truncate)
		sql = psprintf("DELETE FROM %s", target->name);
	else
		sql = psprintf("TRUNCATE TABLE %s%s", CDC_TRUNCATE_SCOPE(kind),
					   target->name);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(sql, false, 0) < 0)
		elog(ERROR, "SPI_execute failed: %s", sql);
	SPI_finish();
}
