/*-------------------------------------------------------------------------
 *
 * append_optimized.c
 *	  Writing append-optimised tables with restricted rights.
 *
 * The first writer of such a table since the master began makes an entry of it in shared
 * memory, for which Greenplum asks the segments as the superuser.  The function by which it
 * changes the user there fails where the operation at hand is a restricted one (which an owner's
 * work here always is, so that nothing of what he has defined can get at its caller's rights).
 * So the entry is made beforehand, without that restriction and without anything of the owner's
 * being run.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/access.h"

#if CDC_HAVE_CLASSIC_PARTITIONS

#include "access/appendonlywriter.h"
#include "access/heapam.h"
#include "catalog/pg_inherits_fn.h"
#include "cdb/cdbpartition.h"
#include "miscadmin.h"
#include "utils/rel.h"

/* The same of a table without partitions. */
static void
expect(Relation rel)
{
	Oid			userid;
	int			context;

	if (!RelationIsAppendOptimized(rel))
		return;
	/* after an error the end of the (sub)transaction puts them back */
	GetUserIdAndSecContext(&userid, &context);
	SetUserIdAndSecContext(userid, context & ~SECURITY_RESTRICTED_OPERATION);
	(void) SetSegnoForWrite(rel, InvalidFileSegNumber);
	SetUserIdAndSecContext(userid, context);
}

void
cdc_append_optimized_expect(Relation rel)
{
	ListCell   *lc;

	expect(rel);
	if (!rel_is_partitioned(RelationGetRelid(rel)))
		return;
	foreach(lc, find_all_inheritors(RelationGetRelid(rel), RowExclusiveLock, NULL))
	{
		Relation	part = heap_open(lfirst_oid(lc), NoLock);

		expect(part);
		heap_close(part, NoLock);
	}
}

#else

void
cdc_append_optimized_expect(Relation rel)
{
}

#endif
