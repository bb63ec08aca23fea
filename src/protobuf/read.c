/*-------------------------------------------------------------------------
 *
 * read.c
 *	  A message to JSON: where decode.c, which walks along types, and known.c, which
 *	  has those that stand for something, come together.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/decode_internal.h"

CdcStatus
cdc_protobuf_decode(const CdcProtobufSchema *schema, const CdcProtobufMessage *message,
					CdcArena *scratch, const uint8_t *bytes, size_t len, CdcSink *sink, CdcError *err)
{
	CdcPbDecoder d;
	CdcStatus	st;

	memset(&d, 0, offsetof(CdcPbDecoder, place));
	d.sink = sink;
	d.scratch = scratch;
	d.schema = schema;
	d.known = cdc_pb_known;
	cdc_decode_begin(&d.place, "Protobuf", bytes, len, err);
	st = cdc_pb_message(&d, message, (CdcPbContent) {bytes, bytes + len, 0});
	return cdc_decode_explain(&d.place, st);
}
