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
#include "pg/base/append_optimized.h"

#if CDC_HAVE_CLASSIC_PARTITIONS

#include "access/appendonlywriter.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/rel.h"

void
cdc_append_optimized_expect(Relation rel)
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

#else

void
cdc_append_optimized_expect(Relation rel)
{
}

#endif
