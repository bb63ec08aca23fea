/*-------------------------------------------------------------------------
 *
 * kafka_headers.h
 *	  The headers of a message as bytes, while it is kept or handed on: each a uint32
 *	  length of the name, an int32 length of the value or -1, the name with a NUL, the
 *	  value.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_KAFKA_HEADERS_H
#define CDC_SOURCE_KAFKA_HEADERS_H

#include <stddef.h>
#include "source/kafka.h"

/* Bytes that the headers take. */
extern size_t cdc_kafka_headers_size(const CdcKafkaHeader *headers, int n);

/* Writes so many bytes; returns what is behind them. */
extern char *cdc_kafka_headers_write(char *at, const CdcKafkaHeader *headers, int n);

/* Reads n headers, which point into the bytes. */
extern void cdc_kafka_headers_read(const char *at, CdcKafkaHeader *headers, int n);

#endif							/* CDC_SOURCE_KAFKA_HEADERS_H */
