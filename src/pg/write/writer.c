/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  With whose rights, and as what, a target is written.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "pg/base/compat_executor.h"

void
cdc_writer_begin(const CdcTargetRun *run, CdcWriterUser *saved)
{
	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	if (saved->userid != run->rights.writer)
		SetUserIdAndSecContext(run->rights.writer, saved->sec_context);
}

void
cdc_writer_end(const CdcWriterUser *saved)
{
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

void
cdc_writer_set_role(bool replica)
{
	/* within the scope of the run, whose end puts it back; a change throws all plans away */
	if ((SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA) != replica)
		CDC_SET_OPTION("session_replication_role", replica ? "replica" : "origin", PGC_SUSET,
					   PGC_S_SESSION, GUC_ACTION_SAVE);
}
