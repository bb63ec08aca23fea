/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  Locks on targets.
 *
 * A lock that is not got in time ends the transaction, and with it what that holds up:
 * its snapshot, and the readers that queue behind an exclusive lock.  A worker begins
 * anew after a while, in which they get in.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/lock.h"

#include "executor/spi.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "pg/base/compat_executor.h"
#include "pg/catalog/spi.h"

/* Who has locks on the relation or partitions of it, palloc'ed; NULL: nobody. */
static char *
lock_holders(Oid relid)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *sql;
	char	   *result = NULL;

	sql = psprintf("WITH RECURSIVE r(id) AS (SELECT %u::pg_catalog.oid UNION ALL"
				   " SELECT i.inhrelid FROM pg_catalog.pg_inherits i, r"
				   " WHERE i.inhparent OPERATOR(pg_catalog.=) r.id),"
				   " h AS (SELECT DISTINCT pg_catalog.format('%%s holds %%s', coalesce("
				   "pg_catalog.format('process %%s of %%s', l.pid, a.usename),"
				   " 'a prepared transaction'), l.mode) AS t"
				   " FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a"
				   " ON a.pid OPERATOR(pg_catalog.=) l.pid"
				   " WHERE l.relation IN (SELECT id FROM r) AND l.granted"
				   " AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() LIMIT 5)"
				   " SELECT pg_catalog.string_agg(t, '; ') FROM h", relid);
	cdc_spi_connect();
	if (SPI_execute(sql, true, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		char	   *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		if (text != NULL)
			result = MemoryContextStrdup(caller, text);
	}
	cdc_spi_disconnect();
	pfree(sql);
	return result;
}

/* Error context callback: the server's message is about a statement that is none. */
static void
lock_context(void *arg)
{
	const CdcLockWait *wait = arg;

	if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
		return;
	errmsg("%s", wait->message);
	if (wait->holders != NULL)
		errdetail("When the wait began: %s.", wait->holders);
	errhint("It is tried again by the worker, or the next call.");
}

void
cdc_lock_wait_begin(CdcLockWait *wait, Oid relid, const char *what, int limit_ms)
{
	memset(wait, 0, sizeof(*wait));
	wait->holders = lock_holders(relid);
	wait->message = psprintf("could not lock target %s.%s%s",
							 get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid),
							 what);
	if (limit_ms > 0 && (LockTimeout == 0 || LockTimeout > limit_ms))
	{
		wait->guc_level = NewGUCNestLevel();
		CDC_SET_OPTION("lock_timeout", psprintf("%d", limit_ms), PGC_USERSET, PGC_S_SESSION,
					   GUC_ACTION_SAVE);
	}
	wait->callback.callback = lock_context;
	wait->callback.arg = wait;
	wait->callback.previous = error_context_stack;
	error_context_stack = &wait->callback;
}

void
cdc_lock_wait_end(CdcLockWait *wait)
{
	error_context_stack = wait->callback.previous;
	if (wait->guc_level > 0)
		AtEOXact_GUC(true, wait->guc_level);
}

void
cdc_lock_target(Oid relid, LOCKMODE mode)
{
	CdcLockWait wait;

	if (ConditionalLockRelationOid(relid, mode))
		return;
	cdc_lock_wait_begin(&wait, relid, "", 0);
	LockRelationOid(relid, mode);
	cdc_lock_wait_end(&wait);
}
