/*-------------------------------------------------------------------------
 *
 * message_schema.h
 *	  A schema that messages are written with, of whichever kind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REGISTRY_MESSAGE_SCHEMA_H
#define CDC_PG_REGISTRY_MESSAGE_SCHEMA_H

#include "pg/base/compat.h"
#include "avro/avro.h"
#include "pg/options/kafka_field.h"
#include "protobuf/protobuf.h"

/* What is made of a schema that tells more than a document does. */
typedef enum CdcCodecForm
{
	CDC_CODEC_READABLE,			/* values that people and columns take */
	CDC_CODEC_CONNECT,			/* {"schema", "payload"}, as Debezium's envelopes have them */
	CDC_CODEC_AUTO				/* the latter where the schema is of Debezium's */
} CdcCodecForm;

/* A text, and the name by which others refer to it; "" where they do not. */
typedef struct CdcSchemaText
{
	CdcString	name;
	CdcString	text;
} CdcSchemaText;

typedef struct CdcMessageSchema
{
	CdcPayloadFormat format;	/* CDC_PAYLOAD_AVRO or CDC_PAYLOAD_PROTOBUF */
	CdcAvroSchema *avro;
	CdcProtobufSchema *protobuf;
	bool		debezium;		/* of Avro: it is one of Debezium's */
} CdcMessageSchema;

/* "Avro", "Protobuf"; and as a registry calls it, "AVRO", "PROTOBUF". */
extern const char *cdc_message_schema_kind(CdcPayloadFormat format);
extern const char *cdc_message_schema_type(CdcPayloadFormat format);

/*
 * Parses the last of n texts, each of which is behind those that it refers to.  The
 * schema lives in the context; what scratch has can go then.  CDC_ERR_VALUE: it is none;
 * CDC_ERR_LIMIT: it is too large, or nested too deep.
 */
extern CdcStatus cdc_message_schema_parse(MemoryContext context, CdcArena *scratch,
										  CdcPayloadFormat format, const CdcSchemaText *texts,
										  int n, CdcMessageSchema *schema, CdcError *err);

/* A message, and how it is to be read. */
typedef struct CdcEncoded
{
	const char *bytes;
	size_t		len;
	bool		numbered;		/* of Protobuf: numbers in front say which message it is */
	CdcCodecForm form;
} CdcEncoded;

/* Writes the message into the sink; scratch is the caller's to reset. */
extern CdcStatus cdc_message_schema_emit(const CdcMessageSchema *schema, CdcArena *scratch,
										 const CdcEncoded *message, CdcSink *sink, CdcError *err);

#endif							/* CDC_PG_REGISTRY_MESSAGE_SCHEMA_H */
