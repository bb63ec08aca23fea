/*-------------------------------------------------------------------------
 *
 * wait_set.h
 *	  Waiting for the process's latch and one descriptor, again and again: what the
 *	  kernel has to know of them is told once, where the server can do that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROCESS_WAIT_SET_H
#define CDC_PG_PROCESS_WAIT_SET_H

#include "pg/base/compat.h"

typedef struct CdcWaitSet CdcWaitSet;

/*
 * Lives until it is freed; the descriptor has to stay open as long.  ERROR where no
 * descriptor can be had.  Freeing raises none; NULL is allowed.
 */
extern CdcWaitSet *cdc_wait_set_create(int fd);
extern void cdc_wait_set_free(CdcWaitSet *set);

/*
 * Waits until the latch is set, the descriptor is readable or timeout_ms (-1 = for ever)
 * has passed, as WaitLatchOrSocket() does: WL_LATCH_SET, WL_SOCKET_READABLE, or 0.  The end
 * of the postmaster is the end of the process.
 */
extern int	cdc_wait_set_wait(CdcWaitSet *set, long timeout_ms);

#endif							/* CDC_PG_PROCESS_WAIT_SET_H */
