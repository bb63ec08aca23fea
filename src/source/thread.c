/*-------------------------------------------------------------------------
 *
 * source/thread.c
 *	  Threads that make the blocking calls of client libraries, and the clock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>

#include "source/thread.h"

int64_t
cdc_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct timespec
cdc_deadline(clockid_t clock, int ms)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (ms % 1000) * 1000000L;
	if (ts.tv_nsec >= 1000000000L)
	{
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000L;
	}
	return ts;
}

bool
cdc_thread_start(CdcThreads *threads, void *(*main) (void *), void *arg, pthread_t *joinable)
{
	pthread_attr_t attr;
	pthread_t	detached;
	sigset_t	all;
	sigset_t	before;
	int			rc;

	if (pthread_attr_init(&attr) != 0)
		return false;
	(void) pthread_attr_setstacksize(&attr, threads->stack);
	if (joinable == NULL)
		(void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&threads->lock);
	rc = pthread_create(joinable != NULL ? joinable : &detached, &attr, main, arg);
	if (rc == 0)
		threads->live++;
	pthread_mutex_unlock(&threads->lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return rc == 0;
}

void
cdc_thread_ends(CdcThreads *threads)
{
	pthread_mutex_lock(&threads->lock);
	threads->live--;
	pthread_cond_broadcast(&threads->cond);
	pthread_mutex_unlock(&threads->lock);
}

int
cdc_threads_wait_exit(CdcThreads *threads, int timeout_ms)
{
	struct timespec until = cdc_deadline(CLOCK_REALTIME, timeout_ms);
	int			left;

	pthread_mutex_lock(&threads->lock);
	while (threads->live > 0 && pthread_cond_timedwait(&threads->cond, &threads->lock, &until) == 0)
		;
	left = threads->live;
	pthread_mutex_unlock(&threads->lock);
	return left;
}
