/*-------------------------------------------------------------------------
 *
 * protobuf.h
 *	  From Protobuf's bytes to JSON, by descriptors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PROTOBUF_PROTOBUF_H
#define CDC_PROTOBUF_PROTOBUF_H

#include "core/arena.h"
#include "core/sink.h"

typedef struct CdcProtobufSchema CdcProtobufSchema;
typedef struct CdcProtobufMessage CdcProtobufMessage;

/*
 * Takes a serialized google.protobuf.FileDescriptorSet, whose last file is the schema and
 * whose type names are full.  The schema lives in the arena; the bytes have to live as
 * long.  CDC_ERR_VALUE: they are no such thing; CDC_ERR_LIMIT: there is no room.
 */
extern CdcStatus cdc_protobuf_load(CdcArena *arena, const char *set, size_t len,
								   CdcProtobufSchema **schema, CdcError *err);

/* The first message of the file; NULL: it has none. */
extern const CdcProtobufMessage *cdc_protobuf_first(const CdcProtobufSchema *schema);

/*
 * Takes from the front of the bytes the numbers that a registry's serializers write there:
 * which message of the file it is, and which of those inside of it.  CDC_ERR_VALUE: there
 * is no such message.
 */
extern CdcStatus cdc_protobuf_take_message(const CdcProtobufSchema *schema, const char **bytes,
										   size_t *len, const CdcProtobufMessage **message,
										   CdcError *err);

/*
 * Writes the message that the bytes are, all of them, into the sink.  Memory that it
 * needs for the call comes from scratch, which the caller resets.  CDC_ERR_VALUE: the
 * bytes do not fit the schema, the detail says where; CDC_ERR_LIMIT: the value is
 * larger than its bytes account for, or nested too deep; or what the sink returned.
 */
extern CdcStatus cdc_protobuf_decode(const CdcProtobufSchema *schema,
									 const CdcProtobufMessage *message, CdcArena *scratch,
									 const uint8_t *bytes, size_t len, CdcSink *sink,
									 CdcError *err);

/*
 * Writes the message's type as Kafka Connect's JSON converter puts it in front of a
 * payload: what describes columns.  What the type does not tell, as the converters of
 * the registry write no names of Connect's types, is marked with "unnamed".
 */
extern CdcStatus cdc_protobuf_emit_connect(const CdcProtobufMessage *message, CdcSink *sink);

/*
 * Whether the type is that of a message of Debezium's: the envelope of a change, a row
 * that was taken out of one, or a key.
 */
extern bool cdc_protobuf_is_debezium(const CdcProtobufMessage *message);

#endif							/* CDC_PROTOBUF_PROTOBUF_H */
