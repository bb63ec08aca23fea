/*-------------------------------------------------------------------------
 *
 * pull_kafka.h
 *	  pull for subscriptions whose source is a Kafka cluster.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_KAFKA_PULL_KAFKA_H
#define CDC_PG_PULL_KAFKA_PULL_KAFKA_H

/* From _PG_init(): registers this kind of source. */
extern void cdc_pull_kafka_init(void);

#endif							/* CDC_PG_PULL_KAFKA_PULL_KAFKA_H */
