/*-------------------------------------------------------------------------
 *
 * worker_start.h
 *	  cdc.worker_start: starts of workers that have not come to a success yet.
 *
 * Shared memory is gone after a crash of the server, and with it everything that
 * a supervisor knew of failures.  A worker that takes the server down at each
 * start would do so several times a second; what is kept here slows it down.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_WORKER_START_H
#define CDC_PG_CATALOG_WORKER_START_H

#include "pg/base/compat.h"

/* Counts a start.  The supervisor commits this before it starts the worker. */
extern void cdc_worker_start_count(const char *subscription, const char *worker);

/*
 * Sets the count to 0: the worker has done something, or has ended without taking
 * the server along.
 */
extern void cdc_worker_start_clear(const char *subscription, const char *worker);

#endif							/* CDC_PG_CATALOG_WORKER_START_H */
