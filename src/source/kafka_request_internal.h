/*-------------------------------------------------------------------------
 *
 * source/kafka_request_internal.h
 *	  A request, for kafka_request.c, which posts it, and kafka_request_run.c,
 *	  which is its thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_KAFKA_REQUEST_INTERNAL_H
#define CDC_SOURCE_KAFKA_REQUEST_INTERNAL_H

#include "source/kafka_internal.h"

typedef enum CdcKafkaRequestKind
{
	CDC_KAFKA_REQ_METADATA,
	CDC_KAFKA_REQ_WATERMARKS,
	CDC_KAFKA_REQ_OFFSETS_AT,
	CDC_KAFKA_REQ_COMMITTED,
	CDC_KAFKA_REQ_COMMIT,
	CDC_KAFKA_REQ_TRANSACTION
} CdcKafkaRequestKind;

struct CdcKafkaRequest
{
	CdcKafka   *kafka;
	CdcKafkaRequestKind kind;
	int64_t		started_ms;
	int64_t		deadline_ms;

	/* what is asked; the request's own memory */
	char	   *topic;			/* or NULL */
	CdcKafkaBounds *bounds;
	int			nbounds;
	int64_t		ts_ms;
	CdcKafkaTransaction what;

	/* the answer: the thread's until done, then the user's */
	CdcStatus	status;
	CdcError	error;
	CdcKafkaMetadata *metadata;

	_Atomic bool done;
	_Atomic bool abandoned;
};

/* In the request's thread: blocks; leaves the error in the request. */
extern CdcStatus cdc_kafka_request_run(CdcKafkaRequest *request);

#endif							/* CDC_SOURCE_KAFKA_REQUEST_INTERNAL_H */
