/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  Slots of the workers, and the condition that apply broadcasts, in shared
 *	  memory.
 *
 * A library that is preloaded asks for the memory at the server's start; else it
 * comes, at first use, from the reserve that PostgreSQL keeps.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/process/shmem.h"

#include <signal.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#if CDC_HAVE_CONDITION_VARIABLES
#include "storage/condition_variable.h"
#endif
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "pg/base/compat_storage.h"

typedef struct CdcSlot
{
	/* from its reservation on */
	uint32		ticket;			/* of this use; 0: the slot is free */
	Oid			dbid;
	Oid			roleid;			/* InvalidOid for a supervisor */
	NameData	rolename;
	int32		subscription_id;	/* 0 for a supervisor */
	int32		publication_id; /* of a worker that publishes; else 0 */
	CdcWorkerKind kind;
	TimestampTz since;			/* when it was reserved, then when its process came */

	/* once its process has come */
	int			pid;			/* 0: it has not */
	PGPROC	   *proc;
	bool		told;			/* a supervisor must look again before it leaves */

	pg_atomic_uint32 calls;		/* how often it was woken */

	/* written by its process without the lock */
	pg_atomic_uint64 turn_since;	/* TimestampTz, 0: no */
	pg_atomic_uint64 commit_since;

	/* written by its process, under this lock */
	slock_t		mutex;
	CdcPullReport report;
	CdcSourceFigures source;
} CdcSlot;

typedef struct CdcShared
{
	LWLock		lock;			/* of all slots and next_ticket */
	uint32		next_ticket;	/* never 0 */
#if CDC_HAVE_CONDITION_VARIABLES
	ConditionVariable progress; /* apply has committed */
#endif
	CdcSlot		slots[CDC_SLOTS];
} CdcShared;

static CdcShared *shared = NULL;	/* NULL: this process has not attached */
static int	my_slot = -1;		/* of this process, if it is a worker */

#if CDC_HAVE_SHMEM_REQUEST_HOOK
static shmem_request_hook_type prev_shmem_request_hook = NULL;

static void
shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(CdcShared)));
}
#endif

void
cdc_shmem_request(void)
{
#if CDC_HAVE_SHMEM_REQUEST_HOOK
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = shmem_request;
#else
	RequestAddinShmemSpace(MAXALIGN(sizeof(CdcShared)));
#endif
}

/* The shared memory, made by the first who asks; ERROR when there is no room. */
static CdcShared *
attach_shared(void)
{
	bool		found;

	if (shared != NULL)
		return shared;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("cdc_ingest", sizeof(CdcShared), &found);
	if (!found)
	{
		int			i;

		LWLockInitialize(&shared->lock, LWLockNewTrancheId());
		shared->next_ticket = 1;
#if CDC_HAVE_CONDITION_VARIABLES
		ConditionVariableInit(&shared->progress);
#endif
		memset(shared->slots, 0, sizeof(shared->slots));
		for (i = 0; i < CDC_SLOTS; i++)
		{
			pg_atomic_init_u32(&shared->slots[i].calls, 0);
			pg_atomic_init_u64(&shared->slots[i].turn_since, 0);
			pg_atomic_init_u64(&shared->slots[i].commit_since, 0);
			SpinLockInit(&shared->slots[i].mutex);
		}
	}
	LWLockRelease(AddinShmemInitLock);
	CDC_REGISTER_TRANCHE(&shared->lock, "cdc_ingest");
	return shared;
}

void
cdc_shmem_attach(void)
{
	(void) attach_shared();
}

/* Fills a free slot; under the lock. */
static void
take_free_slot(CdcShared *sh, int index, CdcSlotInfo *want)
{
	CdcSlot    *slot = &sh->slots[index];

	if (sh->next_ticket == 0)
		sh->next_ticket = 1;
	slot->ticket = sh->next_ticket++;
	slot->dbid = want->dbid;
	slot->roleid = want->roleid;
	slot->rolename = want->rolename;
	slot->subscription_id = want->subscription_id;
	slot->publication_id = want->publication_id;
	slot->kind = want->kind;
	slot->pid = 0;
	slot->proc = NULL;
	slot->told = false;
	slot->since = GetCurrentTimestamp();
	pg_atomic_write_u64(&slot->turn_since, 0);
	pg_atomic_write_u64(&slot->commit_since, 0);
	memset(&slot->report, 0, sizeof(slot->report));
	slot->report.delay = CDC_DELAY_UNKNOWN;
	memset(&slot->source, 0, sizeof(slot->source));
	want->index = index;
	want->ticket = slot->ticket;
}

CdcSlotResult
cdc_slot_reserve(CdcSlotInfo *want, int limit_role, int limit_database)
{
	CdcShared  *sh = attach_shared();
	CdcSlotResult result = CDC_SLOT_NONE_FREE;
	int			free_slot = -1;
	int			of_role = 0;
	int			of_database = 0;
	int			i;

	LWLockAcquire(&sh->lock, LW_EXCLUSIVE);
	for (i = 0; i < CDC_SLOTS; i++)
	{
		CdcSlot    *slot = &sh->slots[i];

		if (slot->ticket == 0)
		{
			if (free_slot < 0)
				free_slot = i;
			continue;
		}
		if (slot->dbid == want->dbid && slot->subscription_id == want->subscription_id &&
			slot->kind == want->kind && slot->publication_id == want->publication_id)
		{
			result = CDC_SLOT_EXISTS;
			break;
		}
		if (slot->kind != CDC_WORKER_SUPERVISOR)
		{
			of_role += slot->roleid == want->roleid;
			of_database += slot->dbid == want->dbid;
		}
	}
	if (result != CDC_SLOT_EXISTS && free_slot >= 0)
	{
		if (of_role >= limit_role)
			result = CDC_SLOT_ROLE_LIMIT;
		else if (of_database >= limit_database)
			result = CDC_SLOT_DATABASE_LIMIT;
		else
		{
			take_free_slot(sh, free_slot, want);
			result = CDC_SLOT_RESERVED;
		}
	}
	LWLockRelease(&sh->lock);
	return result;
}

/* Gives the process's slot back. */
static void
detach_at_exit(int code, Datum arg)
{
	if (my_slot < 0)
		return;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	shared->slots[my_slot].ticket = 0;
	my_slot = -1;
	LWLockRelease(&shared->lock);
}

/* Copies a slot; under the lock. */
static void
copy_slot(int index, CdcSlot *slot, CdcSlotInfo *info)
{
	info->index = index;
	info->ticket = slot->ticket;
	info->dbid = slot->dbid;
	info->roleid = slot->roleid;
	info->rolename = slot->rolename;
	info->subscription_id = slot->subscription_id;
	info->publication_id = slot->publication_id;
	info->kind = slot->kind;
	info->pid = slot->pid;
	info->since = slot->since;
	info->proc = slot->proc;
	info->turn_since = (TimestampTz) pg_atomic_read_u64(&slot->turn_since);
	info->commit_since = (TimestampTz) pg_atomic_read_u64(&slot->commit_since);
	SpinLockAcquire(&slot->mutex);
	info->report = slot->report;
	info->source = slot->source;
	SpinLockRelease(&slot->mutex);
}

bool
cdc_slot_attach(uint32 ticket, CdcSlotInfo *info)
{
	CdcShared  *sh = attach_shared();
	bool		mine = false;
	int			i;

	LWLockAcquire(&sh->lock, LW_EXCLUSIVE);
	for (i = 0; i < CDC_SLOTS && ticket != 0 && !mine; i++)
	{
		CdcSlot    *slot = &sh->slots[i];

		if (slot->ticket != ticket || slot->pid != 0)
			continue;
		slot->pid = MyProcPid;
		slot->proc = MyProc;
		slot->since = GetCurrentTimestamp();
		my_slot = i;
		copy_slot(i, slot, info);
		mine = true;
	}
	LWLockRelease(&sh->lock);
	if (mine)
		before_shmem_exit(detach_at_exit, (Datum) 0);
	return mine;
}

void
cdc_slot_release(int index, uint32 ticket)
{
	CdcShared  *sh = attach_shared();

	LWLockAcquire(&sh->lock, LW_EXCLUSIVE);
	if (sh->slots[index].ticket == ticket && sh->slots[index].pid == 0)
		sh->slots[index].ticket = 0;
	LWLockRelease(&sh->lock);
}

int
cdc_slot_list(Oid dbid, CdcSlotInfo *slots)
{
	CdcShared  *sh = attach_shared();
	int			n = 0;
	int			i;

	LWLockAcquire(&sh->lock, LW_SHARED);
	for (i = 0; i < CDC_SLOTS; i++)
	{
		CdcSlot    *slot = &sh->slots[i];

		if (slot->ticket == 0 || (OidIsValid(dbid) && slot->dbid != dbid))
			continue;
		copy_slot(i, slot, &slots[n]);
		n++;
	}
	LWLockRelease(&sh->lock);
	return n;
}

int
cdc_slot_wake(Oid dbid, int32 subscription_id, int kind)
{
	CdcShared  *sh = attach_shared();
	int			n = 0;
	int			i;

	/* Only a supervisor's slot is written to. */
	LWLockAcquire(&sh->lock, kind > CDC_WORKER_SUPERVISOR ?
				  LW_SHARED : LW_EXCLUSIVE);
	for (i = 0; i < CDC_SLOTS; i++)
	{
		CdcSlot    *slot = &sh->slots[i];

		if (slot->ticket == 0 || slot->dbid != dbid ||
			(subscription_id != 0 && slot->subscription_id != subscription_id) ||
			(kind >= 0 && slot->kind != kind))
			continue;
		if (slot->kind == CDC_WORKER_SUPERVISOR)
			slot->told = true;
		pg_atomic_fetch_add_u32(&slot->calls, 1);
		if (slot->proc != NULL)
			SetLatch(&slot->proc->procLatch);
		n++;
	}
	LWLockRelease(&sh->lock);
	return n;
}

bool
cdc_slot_leave(void)
{
	bool		leave;

	Assert(my_slot >= 0);
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	leave = !shared->slots[my_slot].told;
	shared->slots[my_slot].told = false;
	if (leave)
	{
		shared->slots[my_slot].ticket = 0;
		my_slot = -1;
	}
	LWLockRelease(&shared->lock);
	return leave;
}

bool
cdc_slot_told(void)
{
	bool		told;

	Assert(my_slot >= 0);
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	told = shared->slots[my_slot].told;
	shared->slots[my_slot].told = false;
	LWLockRelease(&shared->lock);
	return told;
}

/* Sends SIGTERM to workers; 0 and -1 stand for any. */
static void
terminate(Oid dbid, int32 subscription_id, int kind, int32 publication_id)
{
	CdcShared  *sh = attach_shared();
	int			i;

	/* The lock keeps the process from giving its slot (and pid) back meanwhile. */
	LWLockAcquire(&sh->lock, LW_SHARED);
	for (i = 0; i < CDC_SLOTS; i++)
	{
		CdcSlot    *slot = &sh->slots[i];

		if (slot->ticket != 0 && slot->dbid == dbid && slot->pid != 0 &&
			slot->kind != CDC_WORKER_SUPERVISOR &&
			(subscription_id == 0 || slot->subscription_id == subscription_id) &&
			(kind < 0 || slot->kind == kind) &&
			(publication_id == 0 || slot->publication_id == publication_id))
			kill(slot->pid, SIGTERM);
	}
	LWLockRelease(&sh->lock);
}

void
cdc_slot_terminate(Oid dbid, int32 subscription_id, int kind)
{
	if (subscription_id != 0)
		terminate(dbid, subscription_id, kind, 0);
}

void
cdc_slot_terminate_publication(Oid dbid, int32 publication_id)
{
	if (publication_id != 0)
		terminate(dbid, 0, CDC_WORKER_PUBLISH, publication_id);
}

bool
cdc_am_worker(void)
{
	return my_slot >= 0;
}

uint32
cdc_slot_calls(void)
{
	return my_slot < 0 ? 0 : pg_atomic_read_u32(&shared->slots[my_slot].calls);
}

void
cdc_worker_report(const CdcPullReport *report)
{
	CdcSlot    *slot;

	if (my_slot < 0)
		return;
	slot = &shared->slots[my_slot];
	SpinLockAcquire(&slot->mutex);
	slot->report = *report;
	SpinLockRelease(&slot->mutex);
}

void
cdc_worker_awaits_source(bool awaits)
{
	if (my_slot >= 0)
		shared->slots[my_slot].report.awaits = awaits;
}

void
cdc_worker_report_source(const CdcSourceFigures *figures)
{
	CdcSlot    *slot;

	if (my_slot < 0)
		return;
	slot = &shared->slots[my_slot];
	SpinLockAcquire(&slot->mutex);
	slot->source = *figures;
	SpinLockRelease(&slot->mutex);
}

void
cdc_worker_reported(CdcPullReport *report)
{
	if (my_slot >= 0)
		*report = shared->slots[my_slot].report;	/* nobody else writes it */
	else
		memset(report, 0, sizeof(*report));
}

void
cdc_worker_turn_begin(void)
{
	if (my_slot < 0)
		return;
	pg_atomic_write_u64(&shared->slots[my_slot].commit_since, 0);
	pg_atomic_write_u64(&shared->slots[my_slot].turn_since, (uint64) GetCurrentTimestamp());
}

void
cdc_worker_turn_commits(void)
{
	if (my_slot >= 0)
		pg_atomic_write_u64(&shared->slots[my_slot].commit_since, (uint64) GetCurrentTimestamp());
}

void
cdc_worker_turn_end(void)
{
	if (my_slot < 0)
		return;
	pg_atomic_write_u64(&shared->slots[my_slot].commit_since, 0);
	pg_atomic_write_u64(&shared->slots[my_slot].turn_since, 0);
}

#if CDC_HAVE_CONDITION_VARIABLES

/*
 * The first wait of a loop only enlists and returns at once, so that a
 * broadcast between the caller's look and its wait is not lost.
 */
void
cdc_progress_wait(long timeout_ms)
{
	(void) ConditionVariableTimedSleep(&attach_shared()->progress, timeout_ms, PG_WAIT_EXTENSION);
}

void
cdc_progress_wait_end(void)
{
	ConditionVariableCancelSleep();
}

void
cdc_progress_broadcast(void)
{
	ConditionVariableBroadcast(&attach_shared()->progress);
}

#else							/* !CDC_HAVE_CONDITION_VARIABLES */

/* Nobody can broadcast, so those who wait look again soon. */
#define POLL_MS		50L

void
cdc_progress_wait(long timeout_ms)
{
	int			rc = CDC_WAIT_LATCH(MyLatch, WL_LATCH_SET | WL_TIMEOUT | CDC_WL_PM_DEATH,
									Min(timeout_ms, POLL_MS));

	CDC_CHECK_PM_DEATH(rc);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
cdc_progress_wait_end(void)
{
}

void
cdc_progress_broadcast(void)
{
}

#endif							/* CDC_HAVE_CONDITION_VARIABLES */
