/*-------------------------------------------------------------------------
 *
 * read.c
 *	  A message to JSON: where decode.c, which walks along types, and known.c, which
 *	  has those that stand for something, come together.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/decode_internal.h"

/* Bytes that may be written whatever the message has, and for each byte of it. */
#define FREE_BYTES		((uint64_t) 64 * 1024 * 1024)
#define BYTES_A_BYTE	64

/* The sink says no by a status alone. */
static CdcStatus
explain(CdcPbDecoder *d, CdcStatus st)
{
	if (d->err->status == st)
		return st;
	if (st == CDC_ERR_CORRUPT)
		return cdc_pb_fail(d, CDC_ERR_VALUE, "a text is not UTF-8");
	if (st == CDC_ERR_NOMEM)
		return cdc_error(d->err, st, "out of memory");
	cdc_error(d->err, st, st == CDC_ERR_LIMIT ? "message is too large or nested too deep" :
			  "message has a value that cannot be kept");
	return st;
}

CdcStatus
cdc_protobuf_decode(const CdcProtobufSchema *schema, const CdcProtobufMessage *message,
					CdcArena *scratch, const uint8_t *bytes, size_t len, CdcSink *sink, CdcError *err)
{
	CdcPbDecoder d;
	CdcStatus	st;

	/* a path that is not used need not be cleared */
	memset(&d, 0, offsetof(CdcPbDecoder, path));
	d.sink = sink;
	d.scratch = scratch;
	d.err = err;
	d.schema = schema;
	d.known = cdc_pb_known;
	d.begin = d.at = bytes;
	d.room = FREE_BYTES + (uint64_t) len * BYTES_A_BYTE;
	err->status = CDC_OK;
	st = cdc_pb_message(&d, message, (CdcPbContent) {bytes, bytes + len, 0});
	return st == CDC_OK ? st : explain(&d, st);
}
