/*
 * queue_test.c
 *	  The queue between a session's thread and its user under stress: sizes from
 *	  nothing to several times the limit, a writer and a reader that are fast,
 *	  slow or both by turns, many requests one after the other.
 *
 * A wait that ends by its time limit although the writer had something to tell
 * is a lost wake-up and fails the test; so does a message that is not what was
 * written.  Built with ASAN and with TSAN, see Makefile.
 *
 *	queue_test [SEED]
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "source/queue.h"

#define REQUESTS	300
#define MESSAGES	2000
#define LIMIT		(64 * 1024)
#define PATIENCE_MS	10000

typedef enum Pace
{
	PACE_FAST,
	PACE_SLOW,					/* a pause now and then */
	PACE_BURSTS					/* long pauses between many at once */
} Pace;

typedef struct Job
{
	CdcQueue   *queue;
	unsigned	seed;
	unsigned	request;
	Pace		pace;
	int			failures;
} Job;

static unsigned
next_random(unsigned *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 8 & 0xffff;
}

static void
pause_us(long us)
{
	struct timespec ts = {0, us * 1000};

	nanosleep(&ts, NULL);
}

static void
keep_pace(Pace pace, unsigned *state)
{
	if (pace == PACE_SLOW && next_random(state) % 64 == 0)
		pause_us(50 + next_random(state) % 200);
	else if (pace == PACE_BURSTS && next_random(state) % 512 == 0)
		pause_us(3000);
}

/* Both sides know the length of a message by its number. */
static size_t
length_of(unsigned request, unsigned i)
{
	unsigned	state = request * 7919 + i * 31 + 1;
	unsigned	kind;

	(void) next_random(&state);
	kind = next_random(&state) % 1000;
	if (kind < 2)
		return LIMIT * 2 + next_random(&state);
	if (kind < 60)
		return 4096 + next_random(&state) % 16384;
	return next_random(&state) % 200;
}

static void *
writer_main(void *arg)
{
	Job		   *job = arg;
	unsigned	state = job->seed;
	CdcError	err;

	for (unsigned i = 0; i < MESSAGES; i++)
	{
		size_t		len = length_of(job->request, i);
		char	   *at = cdc_queue_reserve(job->queue, len, &err);

		if (at == NULL)
		{
			job->failures++;
			break;
		}
		memset(at, (int) (i & 0xff), len);
		cdc_queue_publish(job->queue, len);
		keep_pace(job->pace, &state);
	}
	cdc_queue_finish(job->queue);
	return NULL;
}

static bool
is_message(const char *message, size_t len, unsigned request, unsigned i)
{
	if (len != length_of(request, i))
		return false;
	for (size_t k = 0; k < len; k++)
	{
		if ((unsigned char) message[k] != (i & 0xff))
			return false;
	}
	return true;
}

/* Reads one request's messages to their end; false at the first trouble. */
static bool
read_all(CdcQueue *queue, unsigned request, Pace pace, unsigned *state, long *waits)
{
	unsigned	n = 0;

	for (;;)
	{
		size_t		len;
		bool		finished;
		const char *message = cdc_queue_take(queue, &len, &finished);

		if (message != NULL)
		{
			if (!is_message(message, len, request, n))
			{
				printf("# request %u: message %u is wrong\n", request, n);
				return false;
			}
			n++;
			keep_pace(pace, state);
		}
		else if (finished)
			break;
		else
		{
			struct pollfd p = {.fd = cdc_queue_fd(queue),.events = POLLIN};

			++*waits;
			if (poll(&p, 1, PATIENCE_MS) == 0)
			{
				printf("# request %u: no wake-up behind message %u\n", request, n);
				return false;
			}
		}
	}
	if (n != MESSAGES)
		printf("# request %u: %u messages\n", request, n);
	return n == MESSAGES;
}

int
main(int argc, char **argv)
{
	unsigned	state = argc > 1 ? (unsigned) atoi(argv[1]) : 1;
	CdcQueue   *queue = cdc_queue_create(LIMIT);
	long		waits = 0;
	bool		ok = true;

	for (unsigned request = 0; ok && request < REQUESTS; request++)
	{
		Job			job = {queue, state + request, request, (Pace) (request % 3), 0};
		pthread_t	writer;

		cdc_queue_reset(queue);
		if (pthread_create(&writer, NULL, writer_main, &job) != 0)
			return 2;
		ok = read_all(queue, request, (Pace) (request / 3 % 3), &state, &waits);
		if (!ok)
			cdc_queue_close(queue);
		pthread_join(writer, NULL);
		ok = ok && job.failures == 0;
	}
	cdc_queue_destroy(queue);
	printf("%s 1 - %d requests of %d messages, %ld waits\n1..1\n", ok ? "ok" : "not ok",
		   REQUESTS, MESSAGES, waits);
	return ok ? 0 : 1;
}
