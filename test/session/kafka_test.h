/*
 * kafka_test.h
 *	  What the tests of the Kafka client share: the mock cluster, and requests
 *	  that wait for their answer.
 */
#ifndef CDC_KAFKA_TEST_H
#define CDC_KAFKA_TEST_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "check.h"
#include "source/kafka.h"
#include "source/thread.h"

#define PATIENCE	30000		/* ms; a wait without an end is a failure, not a hang */
#define BROKERS		3

extern rd_kafka_mock_cluster_t *cluster;
extern const char *bootstrap;

extern void wait_fd(CdcKafka *kafka, int ms);

/* A client of the mock cluster; more: further properties, ended by a NULL name. */
extern CdcKafka *client(CdcKafkaRole role, const CdcKafkaProperty *more, int connect_ms, int request_ms);
extern CdcStatus answer(CdcKafka *kafka, CdcError *err);
extern CdcStatus flush(CdcKafka *kafka, CdcError *err);

/* Sends n messages "PREFIX i" without a key to partition i % partitions. */
extern void produce(const char *topic, const char *prefix, int n, int partitions);

/* The next message or end, waited for. */
extern CdcStatus next(CdcKafka *kafka, CdcKafkaReader *reader, CdcKafkaMessage *msg, CdcError *err);

/* Reads all partitions from their beginning to their ends; the number of messages, -1: err is set. */
extern int	read_all(CdcKafka *kafka, const char *topic, int partitions, CdcError *err);

/* Nothing of ours or of librdkafka's is left after a while. */
extern void check_nothing_left(int fds, int tasks, const char *after);

/* kafka_fault_test.c */
extern void test_faults(void);

#endif							/* CDC_KAFKA_TEST_H */
