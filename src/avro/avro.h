/*-------------------------------------------------------------------------
 *
 * avro.h
 *	  Apache Avro: bytes and the schema that they were written with, to JSON.
 *
 * Pure C11, as the envelopes are; it knows nothing of registries, Kafka or
 * PostgreSQL.  A schema is parsed once and used for many messages; nothing of
 * either is trusted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_AVRO_AVRO_H
#define CDC_AVRO_AVRO_H

#include "core/arena.h"
#include "core/sink.h"

typedef struct CdcAvroSchema CdcAvroSchema;

/* How values of logical types become JSON. */
typedef enum CdcAvroForm
{
	/* for people and columns: decimals as numbers, dates and times in ISO 8601 */
	CDC_AVRO_READABLE,
	/* as Kafka Connect's JSON converter writes what its Avro converter reads */
	CDC_AVRO_CONNECT
} CdcAvroForm;

/*
 * Parses a schema, which is the last of n texts; the others define types that it
 * refers to, each after those that it refers to itself.  The schema lives in the
 * arena and copies what it needs; what is in scratch can go then.  CDC_ERR_VALUE: it is none; CDC_ERR_LIMIT: it is
 * nested too deep.
 */
extern CdcStatus cdc_avro_parse(CdcArena *arena, CdcArena *scratch, const CdcString *texts, int n,
								CdcAvroSchema **schema, CdcError *err);

/*
 * Writes the datum that the bytes are, all of them, into the sink.  Memory that it
 * needs for the call comes from scratch, which the caller resets.  CDC_ERR_VALUE: the
 * bytes do not fit the schema, the detail says where; CDC_ERR_LIMIT: the value is
 * larger than its bytes account for, or nested too deep; or what the sink returned.
 */
extern CdcStatus cdc_avro_decode(const CdcAvroSchema *schema, CdcAvroForm form, CdcArena *scratch,
								 const uint8_t *bytes, size_t len, CdcSink *sink, CdcError *err);

/*
 * Writes the schema as Kafka Connect's JSON converter puts it in front of a payload in
 * CDC_AVRO_CONNECT: what describes columns, without defaults and documentation.
 */
extern CdcStatus cdc_avro_emit_connect(const CdcAvroSchema *schema, CdcSink *sink);

/*
 * Whether the schema is that of a message of Debezium's: the envelope of a change, a
 * row that was taken out of one, or a key.
 */
extern bool cdc_avro_is_debezium(const CdcAvroSchema *schema);

#endif							/* CDC_AVRO_AVRO_H */
