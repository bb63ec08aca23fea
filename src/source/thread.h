/*-------------------------------------------------------------------------
 *
 * source/thread.h
 *	  Threads that make the blocking calls of client libraries, and the clock.
 *
 * The threads of a library are a CdcThreads, a static one: it is told how many
 * of them still run, because the process may not take the library down before
 * they have ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_THREAD_H
#define CDC_SOURCE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef struct CdcThreads
{
	size_t		stack;			/* bytes each */
	pthread_mutex_t lock;
	pthread_cond_t cond;		/* on CLOCK_REALTIME; told of each end, may be told of more */
	int			live;			/* under the lock */
} CdcThreads;

#define CDC_THREADS(stack)	{(stack), PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

/*
 * Starts a thread that blocks all signals, as they are for PostgreSQL's own.  It
 * counts until it calls cdc_thread_ends(), which it does last.  With joinable it
 * is to be joined or detached; with NULL it is detached.  False when no thread
 * can be had.
 */
extern bool cdc_thread_start(CdcThreads *threads, void *(*main) (void *), void *arg, pthread_t *joinable);
extern void cdc_thread_ends(CdcThreads *threads);

/* Waits until none is left; returns how many are, after the timeout. */
extern int	cdc_threads_wait_exit(CdcThreads *threads, int timeout_ms);

/* Milliseconds on the monotonic clock. */
extern int64_t cdc_now_ms(void);

/* So many ms from now on a clock, for pthread_cond_timedwait(). */
extern struct timespec cdc_deadline(clockid_t clock, int ms);

#endif							/* CDC_SOURCE_THREAD_H */
