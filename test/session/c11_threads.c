/*
 * c11_threads.c
 *	  C11's threads by way of POSIX's, for ThreadSanitizer.
 *
 * librdkafka uses thrd_create(), mtx_lock() and so on, which gcc's
 * ThreadSanitizer does not know: it would not see that those threads exist.
 * Defined in the program, these come before the C library's.  There mtx_t,
 * cnd_t and thrd_t are the POSIX types under other names.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t");

/*
 * librdkafka's own code is not instrumented, so its reference counts say nothing
 * to ThreadSanitizer; what the C library and the functions below do on its
 * behalf is not judged.
 */
extern const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
	return "called_from_lib:librdkafka.so\nrace:^mtx_\nrace:^cnd_\n";
}

typedef struct Start
{
	thrd_start_t main;
	void	   *arg;
} Start;

static int
result(int rc)
{
	switch (rc)
	{
		case 0:
			return thrd_success;
		case ENOMEM:
		case EAGAIN:
			return thrd_nomem;
		case ETIMEDOUT:
			return thrd_timedout;
		case EBUSY:
			return thrd_busy;
		default:
			return thrd_error;
	}
}

static void *
run(void *arg)
{
	Start		start = *(Start *) arg;

	free(arg);
	return (void *) (intptr_t) start.main(start.arg);
}

int
thrd_create(thrd_t *thread, thrd_start_t main, void *arg)
{
	Start	   *start = malloc(sizeof(*start));

	*start = (Start) {main, arg};
	return result(pthread_create(thread, NULL, run, start));
}

int
thrd_join(thrd_t thread, int *res)
{
	void	   *value;
	int			rc = pthread_join(thread, &value);

	if (res != NULL)
		*res = (int) (intptr_t) value;
	return result(rc);
}

int
thrd_detach(thrd_t thread)
{
	return result(pthread_detach(thread));
}

thrd_t
thrd_current(void)
{
	return pthread_self();
}

int
mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attr;
	int			rc;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, (type & mtx_recursive) ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
	rc = pthread_mutex_init((pthread_mutex_t *) mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return result(rc);
}

void
mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *) mutex);
}

int
mtx_lock(mtx_t *mutex)
{
	return result(pthread_mutex_lock((pthread_mutex_t *) mutex));
}

int
mtx_trylock(mtx_t *mutex)
{
	return result(pthread_mutex_trylock((pthread_mutex_t *) mutex));
}

int
mtx_unlock(mtx_t *mutex)
{
	return result(pthread_mutex_unlock((pthread_mutex_t *) mutex));
}

int
cnd_init(cnd_t *cond)
{
	return result(pthread_cond_init((pthread_cond_t *) cond, NULL));
}

void
cnd_destroy(cnd_t *cond)
{
	pthread_cond_destroy((pthread_cond_t *) cond);
}

int
cnd_signal(cnd_t *cond)
{
	return result(pthread_cond_signal((pthread_cond_t *) cond));
}

int
cnd_broadcast(cnd_t *cond)
{
	return result(pthread_cond_broadcast((pthread_cond_t *) cond));
}

int
cnd_wait(cnd_t *cond, mtx_t *mutex)
{
	return result(pthread_cond_wait((pthread_cond_t *) cond, (pthread_mutex_t *) mutex));
}

int
cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until)
{
	return result(pthread_cond_timedwait((pthread_cond_t *) cond, (pthread_mutex_t *) mutex, until));
}
