/*-------------------------------------------------------------------------
 *
 * compat_storage.h
 *	  Differences between servers in processes, waiting, locks, shared memory and
 *	  files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_COMPAT_STORAGE_H
#define CDC_PG_BASE_COMPAT_STORAGE_H

#include "pg/base/compat.h"

/* A background worker must ask for running as a role without LOGIN, where it can (17). */
#if CDC_WORKER_NEEDS_LOGIN
#define CDC_BGWORKER_FLAGS				0
#else
#define CDC_BGWORKER_FLAGS				BGWORKER_BYPASS_ROLELOGINCHECK
#endif

/* Whether this process is a background worker: a variable until 17. */
#if PG_VERSION_NUM >= 170000
#define CDC_AM_BACKGROUND_WORKER		AmBackgroundWorkerProcess()
#else
#define CDC_AM_BACKGROUND_WORKER		IsBackgroundWorker
#endif

/*
 * The database and role of a background worker: by OID since 11 (before that InitPostgres()
 * takes the database's, but only the role's name).  A process that reads the shared
 * catalogs only needs a database too in Greenplum, as each transaction there is one of a
 * session of its dispatcher.
 */
#if PG_VERSION_NUM >= 110000
#define CDC_BGWORKER_CONNECT(dbid, roleid, rolename) \
	BackgroundWorkerInitializeConnectionByOid((dbid), (roleid), \
											  OidIsValid(roleid) ? CDC_BGWORKER_FLAGS : 0)
#else
#define CDC_BGWORKER_CONNECT(dbid, roleid, rolename) \
	do { \
		InitPostgres(NULL, (dbid), OidIsValid(roleid) ? (rolename) : NULL, NULL); \
		SetProcessingMode(NormalProcessing); \
	} while (0)
#endif
#if PG_VERSION_NUM < 110000
#define CDC_BGWORKER_CONNECT_SHARED()	BackgroundWorkerInitializeConnection(DB_FOR_COMMON_ACCESS, NULL)
#elif CDC_GREENPLUM
#define CDC_BGWORKER_CONNECT_SHARED()	BackgroundWorkerInitializeConnection(DB_FOR_COMMON_ACCESS, NULL, 0)
#else
#define CDC_BGWORKER_CONNECT_SHARED()	BackgroundWorkerInitializeConnection(NULL, NULL, 0)
#endif

/* What a background worker is, for pg_stat_activity: since 11. */
#if PG_VERSION_NUM >= 110000
#define CDC_BGWORKER_SET_TYPE(worker, ...) \
	snprintf((worker)->bgw_type, sizeof((worker)->bgw_type), __VA_ARGS__)
#else
#define CDC_BGWORKER_SET_TYPE(worker, ...)	((void) 0)
#endif

/*
 * A lock's tranche is told its name by each process; before 10 with a description that
 * stays where it is.
 */
#if PG_VERSION_NUM >= 100000
#define CDC_REGISTER_TRANCHE(lock, tranche_name) \
	LWLockRegisterTranche((lock)->tranche, (tranche_name))
#else
#define CDC_REGISTER_TRANCHE(lock, tranche_name) \
	do { \
		static LWLockTranche described; \
		described.name = (tranche_name); \
		described.array_base = (lock); \
		described.array_stride = sizeof(LWLock); \
		LWLockRegisterTranche((lock)->tranche, &described); \
	} while (0)
#endif

/*
 * A small number that no other process has now, and that a later process will
 * have again: renamed in 17.
 */
#if PG_VERSION_NUM >= 170000
#define CDC_BACKEND_NUMBER				((int) MyProcNumber)
#else
#define CDC_BACKEND_NUMBER				((int) MyBackendId)
#endif

/* The process's latch has a variable of its own since 9.5. */
#if PG_VERSION_NUM < 90500
#include "storage/proc.h"
#define MyLatch							(&MyProc->procLatch)
#endif

/* The postmaster's news of background workers set the latch since 9.5, before that on demand. */
#if PG_VERSION_NUM >= 90500
#define CDC_LATCH_ON_SIGNALS()			((void) 0)
#else
#include "storage/procsignal.h"
#define CDC_LATCH_ON_SIGNALS()			(set_latch_on_sigusr1 = true)
#endif

/*
 * Waiting for a latch and a descriptor: the arguments have a wait event since
 * 10; since 12 the wait itself ends a process whose postmaster is dead.
 */
#if PG_VERSION_NUM >= 120000
#define CDC_WL_PM_DEATH					WL_EXIT_ON_PM_DEATH
#define CDC_CHECK_PM_DEATH(rc)			((void) (rc))
#else
#define CDC_WL_PM_DEATH					WL_POSTMASTER_DEATH
#define CDC_CHECK_PM_DEATH(rc) \
	do { if ((rc) & WL_POSTMASTER_DEATH) proc_exit(1); } while (0)
#endif
#if PG_VERSION_NUM >= 100000
#define CDC_WAIT_LATCH_OR_SOCKET(latch, events, fd, ms) \
	WaitLatchOrSocket((latch), (events), (fd), (ms), PG_WAIT_EXTENSION)
#else
#define CDC_WAIT_LATCH_OR_SOCKET(latch, events, fd, ms) \
	WaitLatchOrSocket((latch), (events), (fd), (ms))
#endif

/* Waiting for a latch alone takes no descriptor since 14. */
#if PG_VERSION_NUM >= 100000
#define CDC_WAIT_LATCH(latch, events, ms)	WaitLatch((latch), (events), (ms), PG_WAIT_EXTENSION)
#else
#define CDC_WAIT_LATCH(latch, events, ms)	WaitLatch((latch), (events), (ms))
#endif

/* A set of events to wait for is a resource owner's since 17, or, as here, nobody's. */
#if PG_VERSION_NUM >= 170000
#define CDC_CREATE_WAIT_SET(n)			CreateWaitEventSet(NULL, (n))
#else
#define CDC_CREATE_WAIT_SET(n)			CreateWaitEventSet(TopMemoryContext, (n))
#endif

/*
 * Who holds a lock: GetLockConflicts() got a count in 12, which may be NULL; the
 * field of a virtual transaction that leads to its process, and the function for
 * that, got other names in 17.
 */
#if PG_VERSION_NUM >= 120000
#define CDC_LOCK_CONFLICTS(tag, mode)	GetLockConflicts((tag), (mode), NULL)
#else
#define CDC_LOCK_CONFLICTS(tag, mode)	GetLockConflicts((tag), (mode))
#endif
#if PG_VERSION_NUM >= 170000
#define CDC_VXID_PROC(vxid)				ProcNumberGetProc((vxid).procNumber)
#else
#include "storage/sinvaladt.h"
#define CDC_VXID_PROC(vxid)				BackendIdGetProc((vxid).backendId)
#endif

/*
 * Since when a process waits for a lock (since 14; else other), and who stands before it:
 * an array for SQL, of which $1 is the process (the function came in 9.6).
 */
#if PG_VERSION_NUM >= 140000
#define CDC_LOCK_WAIT_START(proc, other) \
	(pg_atomic_read_u64((pg_atomic_uint64 *) &(proc)->waitStart) != 0 ? \
	 (TimestampTz) pg_atomic_read_u64((pg_atomic_uint64 *) &(proc)->waitStart) : (other))
#else
#define CDC_LOCK_WAIT_START(proc, other)	(other)
#endif
#if PG_VERSION_NUM >= 90600
#define CDC_SQL_BLOCKING_PIDS	"pg_catalog.pg_blocking_pids($1)"
#else
#define CDC_SQL_BLOCKING_PIDS \
	"ARRAY(SELECT h.pid FROM pg_catalog.pg_locks h JOIN pg_catalog.pg_locks q" \
	" ON q.pid OPERATOR(pg_catalog.=) $1 AND NOT q.granted AND h.granted" \
	" AND h.pid OPERATOR(pg_catalog.<>) $1 AND h.locktype OPERATOR(pg_catalog.=) q.locktype" \
	" AND (h.relation OPERATOR(pg_catalog.=) q.relation" \
	"  OR h.transactionid::pg_catalog.text OPERATOR(pg_catalog.=) q.transactionid::pg_catalog.text" \
	"  OR (h.classid OPERATOR(pg_catalog.=) q.classid AND h.objid OPERATOR(pg_catalog.=) q.objid)))"
#endif

/* The server accounts for descriptors that libraries hold since 13. */
#if PG_VERSION_NUM >= 130000
#define CDC_ACQUIRE_FD()				AcquireExternalFD()
#define CDC_RELEASE_FD()				ReleaseExternalFD()
#else
#define CDC_ACQUIRE_FD()				(true)
#define CDC_RELEASE_FD()				((void) 0)
#endif

/* A temporary file, which outlives its transaction if that is asked for.  Greenplum wants a part of its name. */
#if CDC_GREENPLUM
#define CDC_OPEN_TEMPORARY_FILE(name, outlives)	OpenTemporaryFile((outlives), (name))
#else
#define CDC_OPEN_TEMPORARY_FILE(name, outlives)	OpenTemporaryFile(outlives)
#endif

/* It is read and written at an offset since 12, before that at the place that was sought. */
#if PG_VERSION_NUM >= 120000
#define CDC_FILE_WRITE(file, data, len, offset) \
	((int) FileWrite((file), (data), (len), (offset), WAIT_EVENT_BUFFILE_WRITE))
#define CDC_FILE_READ(file, data, len, offset) \
	((int) FileRead((file), (data), (len), (offset), WAIT_EVENT_BUFFILE_READ))
#else
#define CDC_FILE_WRITE(file, data, len, offset) \
	(FileSeek((file), (offset), SEEK_SET) < 0 ? -1 : FileWrite((file), (data), (len)))
#define CDC_FILE_READ(file, data, len, offset) \
	(FileSeek((file), (offset), SEEK_SET) < 0 ? -1 : FileRead((file), (data), (len)))
#endif

/*
 * Whether background workers may be started from here.  In Greenplum that is the master's
 * business, while it dispatches: segments have the same libraries, and a lone master is
 * started for upkeep.  Until 7 the postmasters of segments take themselves for dispatchers.
 */
#if CDC_GREENPLUM && PG_VERSION_NUM >= 120000
#include "cdb/cdbvars.h"
#define CDC_RUNS_WORKERS()				(IS_QUERY_DISPATCHER() && Gp_role == GP_ROLE_DISPATCH)
#elif CDC_GREENPLUM
#include "cdb/cdbvars.h"
#include "postmaster/postmaster.h"
#define CDC_RUNS_WORKERS()				(IS_QUERY_DISPATCHER() && IsUnderMasterDispatchMode())
#else
#define CDC_RUNS_WORKERS()				true
#endif

/* How many servers have all catalogs, the master among them. */
#if CDC_GREENPLUM
#include "cdb/cdbutil.h"
#define CDC_NODES()						(getgpsegmentCount() + 1)
#else
#define CDC_NODES()						1
#endif

/*
 * Whether this process does a part of a statement for Greenplum's dispatcher: then
 * the transaction is prepared wherever it is committed, and nobody else can prepare it.
 */
#if CDC_GREENPLUM
#define CDC_DISPATCHED()				(Gp_role == GP_ROLE_EXECUTE)
#else
#define CDC_DISPATCHED()				false
#endif

#endif							/* CDC_PG_BASE_COMPAT_STORAGE_H */
