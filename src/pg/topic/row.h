/*-------------------------------------------------------------------------
 *
 * row.h
 *	  From a Kafka message to a row of a foreign table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TOPIC_ROW_H
#define CDC_PG_TOPIC_ROW_H

#include "pg/base/compat.h"
#include "nodes/bitmapset.h"

#include "pg/topic/table.h"

typedef struct CdcKafkaRow CdcKafkaRow;

/*
 * Readies the conversion of the wanted columns (attribute numbers); the others
 * will be NULL.  user: who reads, and asks the server's schema registry where messages
 * need that.  Lives in the current memory context.
 */
extern CdcKafkaRow *cdc_kafka_row_create(const CdcKafkaTable *table, Oid user, Bitmapset *wanted,
										 int natts);

/* Whether the headers of messages are needed. */
extern bool cdc_kafka_row_needs_headers(const CdcKafkaRow *row);

/*
 * Fills partition, offset and time alone, where they are wanted; domains are not
 * checked.
 */
extern void cdc_kafka_row_fill_place(CdcKafkaRow *row, const CdcKafkaMessage *msg, Datum *values,
									 bool *isnull);

/*
 * Fills values and isnull of all columns, in the current memory context.
 * Documents are the row's own and valid until the next call.  An ERROR tells
 * table, column, topic, partition and offset in its context.
 */
extern void cdc_kafka_row_fill(CdcKafkaRow *row, const CdcKafkaMessage *msg, Datum *values,
							   bool *isnull);

#endif							/* CDC_PG_TOPIC_ROW_H */
