/*-------------------------------------------------------------------------
 *
 * wait_set.c
 *	  Waiting for the process's latch and one descriptor, again and again.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/process/wait_set.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "pg/base/compat_storage.h"

#if CDC_HAVE_WAIT_SETS

struct CdcWaitSet
{
	WaitEventSet *events;
};

CdcWaitSet *
cdc_wait_set_create(int fd)
{
	CdcWaitSet *set = MemoryContextAlloc(TopMemoryContext, sizeof(CdcWaitSet));
	WaitEventSet *events = CDC_CREATE_WAIT_SET(3);

	set->events = events;
	AddWaitEventToSet(events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(events, WL_SOCKET_READABLE, fd, NULL, NULL);
	return set;
}

void
cdc_wait_set_free(CdcWaitSet *set)
{
	if (set == NULL)
		return;
	FreeWaitEventSet(set->events);
	pfree(set);
}

int
cdc_wait_set_wait(CdcWaitSet *set, long timeout_ms)
{
	WaitEvent	event;

	return WaitEventSetWait(set->events, timeout_ms, &event, 1, PG_WAIT_EXTENSION) == 1 ?
		(int) event.events : 0;
}

#else							/* !CDC_HAVE_WAIT_SETS */

struct CdcWaitSet
{
	int			fd;
};

CdcWaitSet *
cdc_wait_set_create(int fd)
{
	CdcWaitSet *set = MemoryContextAlloc(TopMemoryContext, sizeof(CdcWaitSet));

	set->fd = fd;
	return set;
}

void
cdc_wait_set_free(CdcWaitSet *set)
{
	if (set != NULL)
		pfree(set);
}

int
cdc_wait_set_wait(CdcWaitSet *set, long timeout_ms)
{
	int			events = WL_LATCH_SET | WL_SOCKET_READABLE | CDC_WL_PM_DEATH |
		(timeout_ms >= 0 ? WL_TIMEOUT : 0);
	int			rc = CDC_WAIT_LATCH_OR_SOCKET(MyLatch, events, set->fd, timeout_ms);

	CDC_CHECK_PM_DEATH(rc);
	return rc & (WL_LATCH_SET | WL_SOCKET_READABLE);
}

#endif
