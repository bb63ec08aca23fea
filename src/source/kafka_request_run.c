/*-------------------------------------------------------------------------
 *
 * source/kafka_request_run.c
 *	  What the thread of a request does: librdkafka's blocking calls, tried
 *	  again until they succeed or the time is over; the answer, and its end.
 *
 * A blocking call of librdkafka cannot be interrupted, and the handle must
 * live as long as it is in it.  So the time is given in slices that grow: the
 * thread of a request that was given up ends after a time in proportion to what
 * the request had waited, and takes the client down with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "source/kafka_request_internal.h"
#include "source/thread.h"

#define FIRST_SLICE_MS		2000
#define EVENT_SLICE_MS		200
#define RETRY_PAUSE_MS		100

static void
pause_ms(int ms)
{
	struct timespec ts = {ms / 1000, (ms % 1000) * 1000000L};

	(void) nanosleep(&ts, NULL);
}

static int
time_left(const CdcKafkaRequest *request)
{
	int64_t		left = request->deadline_ms - cdc_now_ms();

	return left > 0 ? (int) left : 0;
}

/* How long the next call may block. */
static int
slice(const CdcKafkaRequest *request)
{
	int64_t		waited = cdc_now_ms() - request->started_ms;
	int64_t		ms = waited > FIRST_SLICE_MS ? waited : FIRST_SLICE_MS;
	int			left = time_left(request);

	if (ms > left)
		ms = left;
	return ms > 0 ? (int) ms : 1;
}

/* Whether a failure is worth another try; pauses then. */
static bool
try_again(CdcKafkaRequest *request, rd_kafka_resp_err_t code)
{
	if (atomic_load(&request->abandoned) || !cdc_kafka_error_passes(code) ||
		time_left(request) <= RETRY_PAUSE_MS)
		return false;
	/* a slice that was over has paused already */
	if (code != RD_KAFKA_RESP_ERR__TIMED_OUT)
		pause_ms(RETRY_PAUSE_MS);
	return !atomic_load(&request->abandoned);
}

/* The error of a request as a whole: what was tried, of which topic (or NULL). */
static CdcStatus
fail(CdcKafkaRequest *request, rd_kafka_resp_err_t code, const char *text, const char *what,
	 const char *topic)
{
	CdcError   *err = &request->error;
	bool		connected = atomic_load(&request->kafka->connected);

	if (cdc_kafka_error_passes(code) && !connected)
	{
		cdc_error(err, CDC_ERR_CONNECT, "could not reach the Kafka cluster within %d ms",
				  request->kafka->connect_timeout_ms);
		cdc_kafka_error_trouble(request->kafka, err);
		cdc_error_hint(err, "Check the server option bootstrap_servers, and that the brokers' advertised.listeners "
					   "can be reached from the database server.");
		return CDC_ERR_CONNECT;
	}
	if (topic != NULL)
		(void) cdc_kafka_error(err, code, text, "could not %s of topic \"%s\"", what, topic);
	else
		(void) cdc_kafka_error(err, code, text, "could not %s", what);
	if (err->status == CDC_ERR_CONNECT)
		cdc_kafka_error_trouble(request->kafka, err);
	return err->status;
}

static CdcStatus
out_of_memory(CdcKafkaRequest *request)
{
	return cdc_error(&request->error, CDC_ERR_NOMEM, "out of memory");
}

static int
compare_topics(const void *a, const void *b)
{
	return strcmp(((const CdcKafkaTopic *) a)->name, ((const CdcKafkaTopic *) b)->name);
}

static int
compare_partitions(const void *a, const void *b)
{
	int32_t		left = ((const CdcKafkaPartition *) a)->id;
	int32_t		right = ((const CdcKafkaPartition *) b)->id;

	return left < right ? -1 : left > right;
}

static bool
copy_topic(CdcKafkaTopic *topic, const rd_kafka_metadata_topic_t *from)
{
	CdcKafkaPartition *partitions = calloc(from->partition_cnt > 0 ? from->partition_cnt : 1,
										   sizeof(CdcKafkaPartition));
	int			i;

	topic->name = strdup(from->topic);
	topic->partitions = partitions;
	if (topic->name == NULL || partitions == NULL)
		return false;
	topic->npartitions = from->partition_cnt;
	for (i = 0; i < from->partition_cnt; i++)
	{
		partitions[i].id = from->partitions[i].id;
		partitions[i].leader = from->partitions[i].leader;
		partitions[i].nreplicas = from->partitions[i].replica_cnt;
		partitions[i].nisrs = from->partitions[i].isr_cnt;
	}
	qsort(partitions, topic->npartitions, sizeof(*partitions), compare_partitions);
	if (from->err != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		topic->status = cdc_kafka_error_status(from->err);
		topic->error = strdup(rd_kafka_err2str(from->err));
	}
	return true;
}

static bool
copy_metadata(CdcKafkaRequest *request, const rd_kafka_metadata_t *from)
{
	CdcKafkaMetadata *md = calloc(1, sizeof(*md));
	CdcKafkaBroker *brokers;
	CdcKafkaTopic *topics;
	char	   *cluster;
	int			i;

	if ((request->metadata = md) == NULL)
		return false;
	md->brokers = brokers = calloc(from->broker_cnt > 0 ? from->broker_cnt : 1, sizeof(*brokers));
	md->topics = topics = calloc(from->topic_cnt > 0 ? from->topic_cnt : 1, sizeof(*topics));
	if (brokers == NULL || topics == NULL)
		return false;
	for (i = 0; i < from->broker_cnt; i++)
	{
		brokers[i].id = from->brokers[i].id;
		brokers[i].port = from->brokers[i].port;
		brokers[i].host = strdup(from->brokers[i].host);
		md->nbrokers++;
	}
	for (i = 0; i < from->topic_cnt; i++)
	{
		md->ntopics++;
		if (!copy_topic(&topics[i], &from->topics[i]))
			return false;
	}
	qsort(topics, md->ntopics, sizeof(*topics), compare_topics);

	/* both are known from the metadata already: they do not wait */
	md->controller = rd_kafka_controllerid(request->kafka->rk, 0);
	cluster = rd_kafka_clusterid(request->kafka->rk, 0);
	if (cluster != NULL)
	{
		md->cluster_id = strdup(cluster);
		rd_kafka_mem_free(request->kafka->rk, cluster);
	}
	return true;
}

static CdcStatus
run_metadata(CdcKafkaRequest *request)
{
	rd_kafka_t *rk = request->kafka->rk;
	const rd_kafka_metadata_t *md = NULL;
	rd_kafka_topic_t *rkt = NULL;
	rd_kafka_resp_err_t code;
	bool		copied;

	if (request->topic != NULL && (rkt = rd_kafka_topic_new(rk, request->topic, NULL)) == NULL)
		return fail(request, rd_kafka_last_error(), NULL, "make a handle", request->topic);
	for (;;)
	{
		code = rd_kafka_metadata(rk, rkt == NULL, rkt, &md, slice(request));
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			cdc_kafka_heard(request->kafka);
			/* a topic that was just made may have no leader yet */
			if (rkt == NULL || md->topic_cnt != 1 || !try_again(request, md->topics[0].err))
				break;
			rd_kafka_metadata_destroy(md);
		}
		else if (!try_again(request, code))
			break;
	}
	if (rkt != NULL)
		rd_kafka_topic_destroy(rkt);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail(request, code, NULL, "list the topics of the Kafka cluster", NULL);
	copied = copy_metadata(request, md);
	rd_kafka_metadata_destroy(md);
	return copied ? CDC_OK : out_of_memory(request);
}

static rd_kafka_topic_partition_list_t *
partition_list(const CdcKafkaRequest *request, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(request->nbounds);
	int			i;

	for (i = 0; i < request->nbounds; i++)
	{
		rd_kafka_topic_partition_t *p =
			rd_kafka_topic_partition_list_add(list, request->bounds[i].topic, request->bounds[i].partition);

		p->offset = offset;
	}
	return list;
}

/* The first partition's error in an answer; *at: which one. */
static rd_kafka_resp_err_t
list_error(const rd_kafka_topic_partition_list_t *list, int *at)
{
	int			i;

	for (i = 0; i < list->cnt; i++)
	{
		if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			*at = i;
			return list->elems[i].err;
		}
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* A failure that names the partition it is of, if it is that of one. */
static CdcStatus
fail_list(CdcKafkaRequest *request, rd_kafka_resp_err_t code,
		  const rd_kafka_topic_partition_list_t *list, int at, const char *what)
{
	char		text[CDC_ERROR_TEXT / 2];
	int			i;

	if (at < 0)
	{
		/* that of all, whose topic is named where it is one */
		for (i = 1; i < list->cnt && strcmp(list->elems[i].topic, list->elems[0].topic) == 0; i++)
			;
		return fail(request, code, NULL, what, i >= list->cnt ? list->elems[0].topic : NULL);
	}
	(void) snprintf(text, sizeof(text), "%s of partition %d", what, list->elems[at].partition);
	return fail(request, code, NULL, text, list->elems[at].topic);
}

/*
 * A ListOffsets request for all partitions: at a time, or at -2 (the first
 * offset) or -1 (the end under the client's isolation level), as in Kafka's
 * protocol.  The answers are stored in the list.
 */
static CdcStatus
list_offsets(CdcKafkaRequest *request, int64_t ts_ms, rd_kafka_topic_partition_list_t **answer,
			 const char *what)
{
	rd_kafka_topic_partition_list_t *list = NULL;
	rd_kafka_resp_err_t code;
	CdcStatus	st = CDC_OK;
	int			at;

	*answer = NULL;
	do
	{
		if (list != NULL)
			rd_kafka_topic_partition_list_destroy(list);
		list = partition_list(request, ts_ms);
		at = -1;
		code = rd_kafka_offsets_for_times(request->kafka->rk, list, slice(request));
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = list_error(list, &at);
	} while (code != RD_KAFKA_RESP_ERR_NO_ERROR && try_again(request, code));
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		st = fail_list(request, code, list, at, what);
	if (cdc_failed(st))
		rd_kafka_topic_partition_list_destroy(list);
	else
	{
		cdc_kafka_heard(request->kafka);
		*answer = list;
	}
	return st;
}

static CdcStatus
run_watermarks(CdcKafkaRequest *request)
{
	rd_kafka_topic_partition_list_t *low;
	rd_kafka_topic_partition_list_t *high;
	CdcStatus	st;
	int			i;

	/* the end first: what is deleted in between is then seen as gone, not as never there */
	st = list_offsets(request, RD_KAFKA_OFFSET_END, &high, "ask for the end");
	if (cdc_failed(st))
		return st;
	st = list_offsets(request, RD_KAFKA_OFFSET_BEGINNING, &low, "ask for the first offset");
	for (i = 0; !cdc_failed(st) && i < request->nbounds; i++)
	{
		request->bounds[i].low = low->elems[i].offset;
		request->bounds[i].high = high->elems[i].offset;
		/* all was deleted between the two questions, or the topic was emptied */
		if (request->bounds[i].high < request->bounds[i].low)
			request->bounds[i].high = request->bounds[i].low;
	}
	rd_kafka_topic_partition_list_destroy(high);
	if (!cdc_failed(st))
		rd_kafka_topic_partition_list_destroy(low);
	return st;
}

static CdcStatus
run_offsets_at(CdcKafkaRequest *request)
{
	rd_kafka_topic_partition_list_t *at;
	CdcStatus	st = run_watermarks(request);
	int			i;

	if (!cdc_failed(st))
		st = list_offsets(request, request->ts_ms < 0 ? 0 : request->ts_ms, &at, "look up a time");
	if (cdc_failed(st))
		return st;
	for (i = 0; i < request->nbounds; i++)
	{
		CdcKafkaBounds *b = &request->bounds[i];

		/* -1: no message is that young */
		b->offset = at->elems[i].offset < 0 ? b->high : at->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(at);
	return CDC_OK;
}

static CdcStatus
run_committed(CdcKafkaRequest *request)
{
	rd_kafka_topic_partition_list_t *list = partition_list(request, RD_KAFKA_OFFSET_INVALID);
	rd_kafka_resp_err_t code;
	CdcStatus	st = CDC_OK;
	int			at;
	int			i;

	do
	{
		at = -1;
		code = rd_kafka_committed(request->kafka->rk, list, slice(request));
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = list_error(list, &at);
	} while (code != RD_KAFKA_RESP_ERR_NO_ERROR && try_again(request, code));
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		st = fail_list(request, code, list, at, "ask for the group's offset");
	for (i = 0; !cdc_failed(st) && i < request->nbounds; i++)
		request->bounds[i].offset = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
	rd_kafka_topic_partition_list_destroy(list);
	return st;
}

/* Waits for an event of the queue; NULL when the time is over or nobody waits any more. */
static rd_kafka_event_t *
next_event(CdcKafkaRequest *request, rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = NULL;

	while (event == NULL && !atomic_load(&request->abandoned) && time_left(request) > 0)
		event = rd_kafka_queue_poll(queue, EVENT_SLICE_MS);
	return event;
}

static CdcStatus
run_commit(CdcKafkaRequest *request)
{
	rd_kafka_t *rk = request->kafka->rk;
	rd_kafka_topic_partition_list_t *list = partition_list(request, 0);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_resp_err_t code;
	CdcStatus	st = CDC_OK;
	int			at;
	int			i;

	for (i = 0; i < request->nbounds; i++)
		list->elems[i].offset = request->bounds[i].offset;
	do
	{
		rd_kafka_event_t *event;

		code = rd_kafka_commit_queue(rk, list, queue, NULL, NULL);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			continue;
		event = next_event(request, queue);
		at = -1;
		code = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
		if (event != NULL && code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = list_error(rd_kafka_event_topic_partition_list(event), &at);
		if (event != NULL)
			rd_kafka_event_destroy(event);
	} while (code != RD_KAFKA_RESP_ERR_NO_ERROR && try_again(request, code));
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		st = fail(request, code, NULL, "commit the group's offsets", NULL);
	rd_kafka_queue_destroy(queue);
	rd_kafka_topic_partition_list_destroy(list);
	return st;
}

/* librdkafka goes on with what it has begun when it is called again. */
static CdcStatus
run_transaction(CdcKafkaRequest *request)
{
	static const char *const words[] = {
		"initialize the producer's transactions", "begin a transaction",
		"commit the transaction", "abort the transaction"
	};
	rd_kafka_t *rk = request->kafka->rk;
	rd_kafka_error_t *error = NULL;
	CdcStatus	st;

	do
	{
		int			ms = time_left(request) < EVENT_SLICE_MS ? time_left(request) : EVENT_SLICE_MS;

		if (error != NULL)
			rd_kafka_error_destroy(error);
		switch (request->what)
		{
			case CDC_KAFKA_TRANSACTION_INIT:
				error = rd_kafka_init_transactions(rk, ms);
				break;
			case CDC_KAFKA_TRANSACTION_BEGIN:
				error = rd_kafka_begin_transaction(rk);
				break;
			case CDC_KAFKA_TRANSACTION_COMMIT:
				error = rd_kafka_commit_transaction(rk, ms);
				break;
			case CDC_KAFKA_TRANSACTION_ABORT:
				error = rd_kafka_abort_transaction(rk, ms);
				break;
		}
	} while (error != NULL && rd_kafka_error_is_retriable(error) &&
			 !atomic_load(&request->abandoned) && time_left(request) > 0);
	if (error == NULL)
	{
		if (request->what != CDC_KAFKA_TRANSACTION_BEGIN)
			cdc_kafka_heard(request->kafka);
		return CDC_OK;
	}
	st = fail(request, rd_kafka_error_code(error), rd_kafka_error_string(error), words[request->what], NULL);
	rd_kafka_error_destroy(error);
	return st;
}

CdcStatus
cdc_kafka_request_run(CdcKafkaRequest *request)
{
	switch (request->kind)
	{
		case CDC_KAFKA_REQ_METADATA:
			return run_metadata(request);
		case CDC_KAFKA_REQ_WATERMARKS:
			return run_watermarks(request);
		case CDC_KAFKA_REQ_OFFSETS_AT:
			return run_offsets_at(request);
		case CDC_KAFKA_REQ_COMMITTED:
			return run_committed(request);
		case CDC_KAFKA_REQ_COMMIT:
			return run_commit(request);
		case CDC_KAFKA_REQ_TRANSACTION:
			return run_transaction(request);
	}
	return cdc_error(&request->error, CDC_ERR_INTERNAL, "unknown request");
}

/*
 * Its end
 */

static void
free_metadata(CdcKafkaMetadata *md)
{
	int			i;

	if (md == NULL)
		return;
	for (i = 0; i < md->nbrokers; i++)
		free((void *) md->brokers[i].host);
	for (i = 0; i < md->ntopics; i++)
	{
		free((void *) md->topics[i].name);
		free((void *) md->topics[i].partitions);
		free((void *) md->topics[i].error);
	}
	free((void *) md->brokers);
	free((void *) md->topics);
	free((void *) md->cluster_id);
	free(md);
}

static void
free_bounds(CdcKafkaBounds *bounds, int n)
{
	int			i;

	for (i = 0; bounds != NULL && i < n; i++)
		free((void *) bounds[i].topic);
	free(bounds);
}

void
cdc_kafka_request_free(CdcKafkaRequest *request)
{
	if (request == NULL)
		return;
	free_metadata(request->metadata);
	free_bounds(request->bounds, request->nbounds);
	free(request->topic);
	free(request);
}

/* The request's thread may be blocked for a while: it is left to itself. */
void
cdc_kafka_request_abandon(CdcKafka *kafka)
{
	if (kafka->running)
		atomic_store(&kafka->request->abandoned, true);
	kafka->running = false;
	kafka->given_up = true;
}
