/*
 * kafka_fault_test.c
 *	  The Kafka client when the cluster is in trouble: brokers that are down,
 *	  slow or refuse, leaders that move.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kafka_test.h"

/* Numbers of Kafka's protocol. */
enum
{
	API_PRODUCE = 0,
	API_FETCH = 1,
	API_LIST_OFFSETS = 2,
	API_METADATA = 3
};

static void
all_brokers(rd_kafka_resp_err_t (*set) (rd_kafka_mock_cluster_t *, int32_t))
{
	int			i;

	for (i = 1; i <= BROKERS; i++)
		set(cluster, i);
}

static void
all_rtt(int ms)
{
	int			i;

	for (i = 1; i <= BROKERS; i++)
		rd_kafka_mock_broker_set_rtt(cluster, i, ms);
}

/* Destroys a client that waits for something; that must take no time. */
static void
destroy_timed(CdcKafka *kafka, const char *state)
{
	int64_t		started = cdc_now_ms();

	cdc_kafka_destroy(kafka);
	CHECK(cdc_now_ms() - started < 700, "destroyed while %s: %d ms", state, (int) (cdc_now_ms() - started));
}

static void
test_unreachable(void)
{
	CdcKafkaProperty nowhere[] = {{"bootstrap.servers", "127.0.0.1:1"}, {NULL, NULL}};
	CdcKafkaProperty unknown[] = {{"bootstrap.servers", "no-such-host.invalid:9092"}, {NULL, NULL}};
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, nowhere, 500, 0);
	CdcError	err;
	int64_t		started = cdc_now_ms();

	cdc_kafka_request_metadata(kafka, NULL);
	CHECK(answer(kafka, &err) == CDC_ERR_CONNECT && strstr(err.detail, "127.0.0.1:1") != NULL && err.hint[0] != '\0',
		  "nobody is there: %s %s", err.message, err.detail);
	CHECK(cdc_now_ms() - started < 2000, "told after connect_timeout: %d ms", (int) (cdc_now_ms() - started));
	CHECK(cdc_kafka_usable(kafka), "it may be tried again");
	destroy_timed(kafka, "nobody answers");

	kafka = client(CDC_KAFKA_CONSUMER, unknown, 500, 0);
	cdc_kafka_request_metadata(kafka, NULL);
	CHECK(answer(kafka, &err) == CDC_ERR_CONNECT && strstr(err.detail, "no-such-host.invalid") != NULL,
		  "no such host: %s", err.detail);
	destroy_timed(kafka, "no host is found");
}

static CdcStatus
produce_value(CdcKafka *kafka, int partition, const char *value, size_t len, uint64_t tag,
			  CdcError *err)
{
	CdcOutMessage m = {"faults", partition, -1, NULL, 0, value, len, 0, NULL};

	return cdc_kafka_produce(kafka, &m, tag, err);
}

/* Waits that are given up while the brokers take 30 seconds for each answer. */
static void
test_cancel(void)
{
	int			fds = open_fds();
	int			tasks = threads();
	CdcKafkaBounds bounds[] = {{"faults", 0, 0, 0, 0}};
	CdcKafka   *kafka;
	CdcKafkaReader *reader;
	CdcKafkaMessage msg;
	CdcError	err;
	int			i;

	kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 0);
	CHECK(read_all(kafka, "faults", 4, &err) == 1000, "connected");
	all_rtt(30000);
	cdc_kafka_request_watermarks(kafka, bounds, 1);
	wait_fd(kafka, 300);
	CHECK(cdc_kafka_request_poll(kafka, &err) == CDC_MORE, "no answer yet");
	CHECK(!cdc_kafka_usable(kafka), "not usable while a request runs");
	destroy_timed(kafka, "watermarks are asked for");

	for (i = 0; i < 3; i++)
	{
		kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 0);
		cdc_kafka_request_metadata(kafka, NULL);
		wait_fd(kafka, 100);
		destroy_timed(kafka, "it connects");
	}
	kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 0);
	reader = cdc_kafka_reader_open(kafka, false);
	(void) cdc_kafka_reader_assign(reader, "faults", 0, 0, 0, &err);
	wait_fd(kafka, 100);
	CHECK(cdc_kafka_reader_poll(reader, &msg, &err) == CDC_MORE, "no message yet");
	destroy_timed(kafka, "it reads");

	kafka = client(CDC_KAFKA_PRODUCER, NULL, 0, 0);
	(void) produce_value(kafka, 0, "x", 1, 0, &err);
	CHECK(cdc_kafka_flush_poll(kafka, &err) == CDC_MORE, "not delivered yet");
	destroy_timed(kafka, "it flushes");
	kafka = client(CDC_KAFKA_PRODUCER, (CdcKafkaProperty[]) {{"transactional.id", "t1"}, {NULL, NULL}}, 0, 0);
	cdc_kafka_request_transaction(kafka, CDC_KAFKA_TRANSACTION_INIT);
	wait_fd(kafka, 100);
	destroy_timed(kafka, "a transaction is set up");
	all_rtt(0);
	check_nothing_left(fds, tasks, "waits that were given up");
}

/* Errors of brokers that pass are not seen. */
static void
test_retries(void)
{
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 20000);
	CdcKafkaBounds bounds[] = {{"faults", 0, 0, 0, 0}, {"faults", 3, 0, 0, 0}};
	CdcError	err;
	int			n;

	CHECK(read_all(kafka, "faults", 4, &err) == 1000, "connected");
	rd_kafka_mock_push_request_errors(cluster, API_LIST_OFFSETS, 4,
									  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
									  RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
									  RD_KAFKA_RESP_ERR__TRANSPORT,
									  RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	cdc_kafka_request_watermarks(kafka, bounds, 2);
	CHECK(answer(kafka, &err) == CDC_OK && cdc_kafka_bounds(kafka, &n)[1].high == 250,
		  "watermarks in spite of four failures");
	rd_kafka_mock_push_request_errors(cluster, API_FETCH, 5,
									  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
									  RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
									  RD_KAFKA_RESP_ERR__TRANSPORT,
									  RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
									  RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	n = read_all(kafka, "faults", 4, &err);
	CHECK(n == 1000, "all messages in spite of five failures: %d%s%s", n, n < 0 ? ": " : "", n < 0 ? err.message : "");
	rd_kafka_mock_push_request_errors(cluster, API_LIST_OFFSETS, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	cdc_kafka_request_watermarks(kafka, bounds, 1);
	CHECK(answer(kafka, &err) == CDC_ERR_PRIVILEGE && strstr(err.message, "faults") != NULL && err.hint[0] != '\0',
		  "what does not pass is told: %s", err.message);
	cdc_kafka_destroy(kafka);
}

/* Does things to the cluster while another thread reads. */
static void *
trouble_main(void *arg)
{
	int			i;

	(void) arg;
	for (i = 0; i < 4; i++)
	{
		usleep(100000);
		rd_kafka_mock_partition_set_leader(cluster, "many", i % 4, i % BROKERS + 1);
		rd_kafka_mock_broker_set_down(cluster, i % BROKERS + 1);
		usleep(400000);
		rd_kafka_mock_broker_set_up(cluster, i % BROKERS + 1);
	}
	all_brokers(rd_kafka_mock_broker_set_down);
	usleep(1500000);
	all_brokers(rd_kafka_mock_broker_set_up);
	return NULL;
}

static void
test_broker_trouble(void)
{
	CdcKafkaProperty small[] = {
		{"fetch.message.max.bytes", "20000"}, {"queued.min.messages", "1000"}, {NULL, NULL}
	};
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, small, 0, 30000);
	CdcKafkaReader *reader = cdc_kafka_reader_open(kafka, false);
	int64_t		expected[4] = {0, 0, 0, 0};
	int			ends = 0;
	int			wrong = 0;
	pthread_t	trouble;
	CdcKafkaMessage msg;
	CdcError	err;
	int			n;
	int			i;

	produce("many", "a message of some length for the test of what happens when brokers come and go", 60000, 4);
	for (i = 0; i < 4; i++)
		(void) cdc_kafka_reader_assign(reader, "many", i, 0, i, &err);
	pthread_create(&trouble, NULL, trouble_main, NULL);
	for (n = 0; ends < 4; )
	{
		CdcStatus	st = next(kafka, reader, &msg, &err);

		if (st == CDC_END)
			ends++;
		else if (st != CDC_OK)
			break;
		else
		{
			wrong += msg.offset != expected[msg.partition]++;
			/* so that it takes longer than the trouble */
			if (++n % 15 == 0)
				usleep(1000);
		}
	}
	pthread_join(trouble, NULL);
	CHECK(n == 60000 && wrong == 0, "each message once and in order while brokers come and go: %d%s%s", n,
		  ends < 4 ? ": " : "", ends < 4 ? err.message : "");
	cdc_kafka_destroy(kafka);
}

static void
test_slow(void)
{
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, NULL, 20000, 20000);
	CdcKafkaReader *reader;
	CdcKafkaMessage msg;
	CdcError	err;
	int64_t		started;
	CdcStatus	st;
	int			n;

	all_rtt(1200);
	n = read_all(kafka, "faults", 4, &err);
	CHECK(n == 1000, "slow brokers are waited for: %d%s%s", n, n < 0 ? ": " : "", n < 0 ? err.message : "");
	all_rtt(0);
	cdc_kafka_destroy(kafka);

	kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 1000);
	CHECK(read_all(kafka, "faults", 4, &err) == 1000, "connected");
	all_rtt(6000);
	reader = cdc_kafka_reader_open(kafka, false);
	(void) cdc_kafka_reader_assign(reader, "faults", 0, 0, 0, &err);
	started = cdc_now_ms();
	st = next(kafka, reader, &msg, &err);
	CHECK(st == CDC_ERR_CONNECT && cdc_now_ms() - started < 3000, "but not for ever: %s (after %d ms)", err.message,
		  (int) (cdc_now_ms() - started));
	all_rtt(0);
	destroy_timed(kafka, "a broker is too slow");
}

static void
test_vanished(void)
{
	CdcKafkaProperty soon[] = {
		{"topic.metadata.propagation.max.ms", "500"}, {"topic.metadata.refresh.interval.ms", "500"}, {NULL, NULL}
	};
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, soon, 0, 10000);
	CdcKafkaReader *reader;
	CdcKafkaMessage msg;
	CdcError	err;
	CdcStatus	st;

	rd_kafka_mock_topic_create(cluster, "vanishing", 1, 1);
	produce("vanishing", "m", 10, 1);
	CHECK(read_all(kafka, "vanishing", 1, &err) == 10, "it is there");
	reader = cdc_kafka_reader_open(kafka, false);
	(void) cdc_kafka_reader_assign(reader, "vanishing", 0, 10, 0, &err);
	CHECK(next(kafka, reader, &msg, &err) == CDC_END && msg.offset == 10, "at its end");
	rd_kafka_mock_topic_set_error(cluster, "vanishing", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	st = next(kafka, reader, &msg, &err);
	CHECK(st == CDC_ERR_CONFIG && strstr(err.message, "vanishing") != NULL, "and is not any more: %s", err.message);
	cdc_kafka_reader_close(reader);
	cdc_kafka_request_metadata(kafka, "vanishing");
	st = answer(kafka, &err);
	CHECK(st == CDC_OK && cdc_kafka_metadata(kafka)->topics[0].status == CDC_ERR_CONFIG,
		  "as its metadata say");
	cdc_kafka_destroy(kafka);
}

static void
test_producer(void)
{
	static char large[2000000];
	CdcKafka   *kafka = client(CDC_KAFKA_PRODUCER, NULL, 0, 20000);
	CdcError	err;
	CdcStatus	st;

	st = produce_value(kafka, 0, large, sizeof(large), 0, &err);
	CHECK(st == CDC_ERR_LIMIT && strstr(err.message, "faults") != NULL && err.hint[0] != '\0',
		  "a message over message.max.bytes: %s", err.message);
	CHECK(produce_value(kafka, 0, "a", 1, 0, &err) == CDC_OK &&
		  flush(kafka, &err) == CDC_OK, "the producer goes on");
	rd_kafka_mock_push_request_errors(cluster, API_PRODUCE, 3,
									  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
									  RD_KAFKA_RESP_ERR__TRANSPORT,
									  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
	CHECK(produce_value(kafka, 0, "b", 1, 0, &err) == CDC_OK &&
		  flush(kafka, &err) == CDC_OK, "delivered in spite of three failures");
	cdc_kafka_destroy(kafka);

	kafka = client(CDC_KAFKA_PRODUCER, (CdcKafkaProperty[]) {{"enable.idempotence", "false"}, {NULL, NULL}}, 0, 20000);
	rd_kafka_mock_push_request_errors(cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	(void) produce_value(kafka, 1, "c", 1, 77, &err);
	st = flush(kafka, &err);
	CHECK(st == CDC_ERR_LIMIT && strstr(err.message, "partition 1") != NULL && cdc_kafka_delivery(kafka)->failed == 1 &&
		  cdc_kafka_delivery(kafka)->failed_tag == 77, "what a broker refuses is told: %s", err.message);
	CHECK(flush(kafka, &err) == CDC_OK, "once");
	cdc_kafka_destroy(kafka);

	kafka = client(CDC_KAFKA_PRODUCER, NULL, 0, 2000);
	all_brokers(rd_kafka_mock_broker_set_down);
	(void) produce_value(kafka, 1, "d", 1, 0, &err);
	st = flush(kafka, &err);
	CHECK(st == CDC_ERR_CONNECT && cdc_kafka_delivery(kafka)->failed == 1, "nobody takes it: %s %s", err.message, err.detail);
	all_brokers(rd_kafka_mock_broker_set_up);
	cdc_kafka_destroy(kafka);

	kafka = client(CDC_KAFKA_PRODUCER, (CdcKafkaProperty[]) {{"transactional.id", "t2"}, {NULL, NULL}}, 0, 20000);
	cdc_kafka_request_transaction(kafka, CDC_KAFKA_TRANSACTION_INIT);
	CHECK(answer(kafka, &err) == CDC_OK, "transactions are set up");
	cdc_kafka_request_transaction(kafka, CDC_KAFKA_TRANSACTION_BEGIN);
	CHECK(answer(kafka, &err) == CDC_OK, "one begins");
	(void) produce_value(kafka, 2, "e", 1, 0, &err);
	CHECK(flush(kafka, &err) == CDC_OK, "has a message");
	cdc_kafka_request_transaction(kafka, CDC_KAFKA_TRANSACTION_COMMIT);
	CHECK(answer(kafka, &err) == CDC_OK, "and is committed");
	cdc_kafka_request_transaction(kafka, CDC_KAFKA_TRANSACTION_COMMIT);
	CHECK(cdc_failed(answer(kafka, &err)), "but not twice: %s", err.message);
	cdc_kafka_destroy(kafka);
}

void
test_faults(void)
{
	rd_kafka_mock_topic_create(cluster, "faults", 4, 1);
	rd_kafka_mock_topic_create(cluster, "many", 4, 1);
	produce("faults", "m", 1000, 4);
	test_unreachable();
	test_retries();
	test_cancel();
	test_broker_trouble();
	test_slow();
	test_vanished();
	test_producer();
}
