/*-------------------------------------------------------------------------
 *
 * shift_clock.c
 *	  For LD_PRELOAD: a process whose clock is some seconds ahead (CDC_TEST_CLOCK_SHIFT,
 *	  negative: behind), as that of a source that nobody has set.
 *
 * What waits until a time of that clock has to tell the kernel's.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t
shift(void)
{
	static time_t seconds = 0;
	static int	known = 0;

	if (!known)
	{
		const char *text = getenv("CDC_TEST_CLOCK_SHIFT");

		seconds = text != NULL ? strtol(text, NULL, 10) : 0;
		known = 1;
	}
	return seconds;
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int			rc = (int) syscall(SYS_clock_gettime, clock, ts);

	if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ts->tv_sec += shift();
	return rc;
}

int
gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void) zone;
	(void) clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *t)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

/* Those whose condition counts by the monotonic clock name times that are much smaller. */
int
pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
					   const struct timespec *restrict until)
{
	static int	(*next) (pthread_cond_t *, pthread_mutex_t *, const struct timespec *) = NULL;
	struct timespec real = *until;

	if (next == NULL)
	{
		*(void **) &next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
		if (next == NULL)
			*(void **) &next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	}
	if (real.tv_sec > 1000000000)
		real.tv_sec -= shift();
	return next(cond, mutex, &real);
}
