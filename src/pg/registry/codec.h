/*-------------------------------------------------------------------------
 *
 * codec.h
 *	  Keys and values of messages to JSON, whatever they are encoded in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REGISTRY_CODEC_H
#define CDC_PG_REGISTRY_CODEC_H

#include "pg/base/compat.h"
#include "pg/datum/jsonb_writer.h"
#include "pg/options/kafka_field.h"
#include "pg/registry/message_schema.h"

typedef struct CdcCodec CdcCodec;

/*
 * ERROR where keys or values could not be decoded so, whatever they are: a schema is none,
 * or is of what needs none, or this build does not have what reads it.  For who sets the
 * options; loads what reads schemas.
 */
extern void cdc_codec_check(const CdcPayloadOptions *payload);

/* Whether the server's registry will be asked for schemas. */
extern bool cdc_codec_wants_registry(const CdcPayloadOptions *payload);

/*
 * Whose messages, encoded how.  What the codec keeps lives in the context.  schema: text,
 * for messages that have no schema's number in front; NULL: they have one, and the
 * server's registry knows the schema, which user asks for it.  option: what names the
 * schema, for messages.  ERROR where the schema is none.
 */
extern CdcCodec *cdc_codec_create(MemoryContext context, Oid serverid, Oid user,
								  CdcPayloadFormat format, CdcCodecForm form, const char *schema,
								  const char *option);

/*
 * Has schemas that the registry does not give for now reported as what is wrong with messages
 * is, with *failed set, rather than raised.
 */
extern void cdc_codec_report_failures(CdcCodec *codec, bool *failed);

/*
 * The document as JSONB, the writer's, valid until its next use.  NULL with err filled
 * where the bytes are none: a plain text is not JSON, or an encoded one does not fit its
 * schema.  ERROR where a schema cannot be had.
 */
extern const Jsonb *cdc_codec_jsonb(CdcCodec *codec, CdcJsonbWriter *writer, const char *bytes,
									size_t len, CdcError *err);

/*
 * The same as bytes of text, the codec's or the message's own, valid until the codec's
 * next use; plain bytes as they are.  *len changes with it.
 */
extern const char *cdc_codec_text(CdcCodec *codec, const char *bytes, size_t *len, CdcError *err);

/* The word of value_format that stands for the codec. */
extern const char *cdc_codec_word(const CdcCodec *codec);

/* Whether bytes are taken as they are. */
extern bool cdc_codec_is_plain(const CdcCodec *codec);

#endif							/* CDC_PG_REGISTRY_CODEC_H */
