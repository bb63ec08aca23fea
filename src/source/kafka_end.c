/*-------------------------------------------------------------------------
 *
 * source/kafka_end.c
 *	  The threads that use a client, and its end: who is the last to leave takes
 *	  it down.
 *
 * Beside its owner a client has the thread of a request and those that keep
 * librdkafka fetching.  They live as long as a blocking call of librdkafka lasts,
 * which may be after the owner has given the client up.
 *
 * The handle is taken down on a thread of ours, because rd_kafka_destroy()
 * joins all others, one of which may be in name resolution.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <unistd.h>

#include "source/kafka_internal.h"
#include "source/thread.h"

#define THREAD_STACK		(512 * 1024)
#define CLOSE_WAIT_MS		250

/* Threads of ours. */
static CdcThreads threads = CDC_THREADS(THREAD_STACK);

bool
cdc_kafka_start_thread(void *(*main) (void *), void *arg)
{
	return cdc_thread_start(&threads, main, arg, NULL);
}

void
cdc_kafka_thread_ends(void)
{
	cdc_thread_ends(&threads);
}

int
cdc_kafka_wait_exit(int timeout_ms)
{
	return cdc_threads_wait_exit(&threads, timeout_ms);
}

void
cdc_kafka_free(CdcKafka *kafka)
{
	if (kafka->fd >= 0)
		(void) close(kafka->fd);
	pthread_mutex_destroy(&kafka->lock);
	free(kafka);
}

void
cdc_kafka_take_down(CdcKafka *kafka)
{
	cdc_kafka_reader_close(kafka->reader);
	cdc_kafka_request_free(kafka->request);
	cdc_kafka_batch_free(kafka->batch);
	rd_kafka_queue_io_event_enable(kafka->main_queue, -1, NULL, 0);
	rd_kafka_queue_destroy(kafka->main_queue);
	if (kafka->role == CDC_KAFKA_PRODUCER)
		(void) rd_kafka_purge(kafka->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	rd_kafka_destroy_flags(kafka->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	cdc_kafka_free(kafka);
}

void
cdc_kafka_join(CdcKafka *kafka)
{
	pthread_mutex_lock(&kafka->lock);
	kafka->users++;
	pthread_mutex_unlock(&kafka->lock);
}

bool
cdc_kafka_leave(CdcKafka *kafka)
{
	bool		last;

	pthread_mutex_lock(&kafka->lock);
	last = --kafka->users == 0;
	pthread_mutex_unlock(&kafka->lock);
	return last;
}

/* The thread that takes a client down; who destroyed it waits a little. */
typedef struct Reaper
{
	CdcKafka   *kafka;
	bool		done;			/* under threads.lock, like the next */
	bool		unwaited;		/* nobody waits any more: the thread frees this */
} Reaper;

static void *
reap(void *arg)
{
	Reaper	   *reaper = arg;
	bool		unwaited;

	cdc_kafka_take_down(reaper->kafka);
	pthread_mutex_lock(&threads.lock);
	reaper->done = true;
	unwaited = reaper->unwaited;
	pthread_cond_broadcast(&threads.cond);
	pthread_mutex_unlock(&threads.lock);
	if (unwaited)
		free(reaper);
	cdc_kafka_thread_ends();
	return NULL;
}

void
cdc_kafka_destroy(CdcKafka *kafka)
{
	struct timespec until = cdc_deadline(CLOCK_REALTIME, CLOSE_WAIT_MS);
	Reaper	   *reaper;
	bool		done;

	if (kafka == NULL)
		return;
	cdc_kafka_request_abandon(kafka);
	if (!cdc_kafka_leave(kafka))
		return;					/* the thread of its request will do it */
	reaper = calloc(1, sizeof(*reaper));
	if (reaper != NULL)
		reaper->kafka = kafka;
	if (reaper == NULL || !cdc_kafka_start_thread(reap, reaper))
	{
		free(reaper);
		cdc_kafka_take_down(kafka);
		return;
	}
	pthread_mutex_lock(&threads.lock);
	while (!reaper->done && pthread_cond_timedwait(&threads.cond, &threads.lock, &until) == 0)
		;
	done = reaper->done;
	reaper->unwaited = !done;
	pthread_mutex_unlock(&threads.lock);
	if (done)
		free(reaper);
}
