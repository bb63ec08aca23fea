/*-------------------------------------------------------------------------
 *
 * pull_kafka.h
 *	  pull for subscriptions whose source is a Kafka cluster.  cdc_pull_run()
 *	  and its like (pull.h) come here by the wrapper of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_KAFKA_PULL_KAFKA_H
#define CDC_PG_PULL_KAFKA_PULL_KAFKA_H

#include "pg/pull/pull.h"

/* cdc_pull_run() of a subscription from Kafka. */
extern void cdc_pull_kafka_run(const CdcSubscription *sub, const CdcPullBounds *bounds,
							   CdcPullResult *result);

/* As cdc_pull_wait(); false when no stream of that subscription is open here. */
extern bool cdc_pull_kafka_wait(int32 subscription_id, long timeout_ms);
extern void cdc_pull_kafka_disconnect(int32 subscription_id);

/* cdc.set_position() */
extern void cdc_pull_kafka_set_position(const CdcSubscription *sub, const char *where);

/*
 * After a pull that failed, in a new transaction: the partition that was the
 * reason, where it was one, gets the error, and all of them what the brokers have.
 */
extern void cdc_pull_kafka_failed(const CdcSubscription *sub, int sqlerrcode, const char *error);

/* For create_subscription: ERROR where topics or format cannot be. */
extern void cdc_pull_kafka_check_arguments(const CdcSubscription *sub);

/*
 * For create_subscription: a list of places where the subscription starts, asked
 * for before anything is locked, and their rows, written once it exists.
 */
extern List *cdc_pull_kafka_start(const CdcSubscription *sub);
extern void cdc_pull_kafka_start_store(const CdcSubscription *sub, List *places);

/*
 * For cdc.wait_for(): whether pull has come to a place.  text: "topic/partition@offset, ..."
 * for messages to be contained; NULL: all that the partitions have now.
 */
typedef struct CdcKafkaGoal CdcKafkaGoal;
extern CdcKafkaGoal *cdc_pull_kafka_goal(const CdcSubscription *sub, const char *text);
extern bool cdc_pull_kafka_passed(const CdcSubscription *sub, const CdcKafkaGoal *goal);

#endif							/* CDC_PG_PULL_KAFKA_PULL_KAFKA_H */
