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
#if CDC_HAVE_TABLE_AM
#include "pg/write/heap_internal.h"
#endif

/* Whether the table has to be emptied row by row, past the triggers that a replica passes over. */
static bool
is_emptied_directly(const CdcTargetRun *run, Relation rel)
{
#if CDC_HAVE_TABLE_AM
	return run->backend == &cdc_write_heap && run->rights.replica && run->target->own_rows == NULL &&
		(cdc_referenced_by_foreign_key(rel) ||
		 (!run->rights.replica_role && cdc_fires_statement_triggers(rel, false)));
#else
	return false;
#endif
}

void
cdc_truncate_target(CdcWork *work, CdcTargetRun *run)
{
	const CdcTarget *target = run->target;
	Relation	rel = table_open(target->relid, NoLock);
	char		kind = rel->rd_rel->relkind;
	bool		directly = is_emptied_directly(run, rel);
	bool		truncate;
	CdcWriterUser user;
	CdcLockWait wait;

	cdc_writer_begin(run, &user);
	truncate = target->own_rows == NULL && (kind == RELKIND_RELATION || kind == CDC_RELKIND_PARTITIONED) &&
		!cdc_referenced_by_foreign_key(rel) &&
		pg_class_aclcheck(target->relid, GetUserId(), ACL_TRUNCATE) == ACLCHECK_OK;
	table_close(rel, NoLock);
	cdc_writer_set_role(run->rights.replica && run->rights.replica_role && !directly);
#if CDC_HAVE_TABLE_AM
	if (directly)
		cdc_heap_delete_all(work, run);
	else
#endif
	{
		cdc_lock_wait_begin(&wait, target->relid, " to empty it, as the source did",
							truncate ? CDC_EXCLUSIVE_WAIT_MS : 0);
		cdc_spi_command(truncate ?
						psprintf("TRUNCATE TABLE %s%s", CDC_TRUNCATE_SCOPE(kind), target->name) :
						psprintf("DELETE FROM %s%s%s", target->name,
								 target->own_rows != NULL ? " WHERE " : "",
								 target->own_rows != NULL ? target->own_rows : ""));
		cdc_lock_wait_end(&wait);
	}
	cdc_writer_end(&user);
	run->emptied = true;
}
