/*-------------------------------------------------------------------------
 *
 * payload.c
 *	  MySQL's Transaction_payload event: a transaction's events, compressed.
 *
 * Body: fields of type, length, value, all length-encoded integers (2 = the
 * compression: 0 zstd, 255 none; 3 = uncompressed size), up to type 0, which
 * has neither length nor value; then the payload.  The events inside have no
 * checksums.  Source: MySQL's libs/mysql/binlog/event/
 * transaction_payload_codec.cpp; zstd may come in several frames.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/compress.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "binlog/format.h"
#include "core/interrupt.h"

enum
{
	PAYLOAD_END_MARK = 0,
	PAYLOAD_SIZE = 1,
	PAYLOAD_COMPRESSION = 2,
	PAYLOAD_UNCOMPRESSED_SIZE = 3
};

#define COMPRESSION_ZSTD	0
#define COMPRESSION_NONE	255
#define WINDOW_LOG_MAX		27	/* 128 MB; the server's levels use up to that */
#define CHUNK				(64 * 1024)

struct CdcPayload
{
	ZSTD_DStream *zstd;			/* NULL until the first compressed payload */
	bool		compressed;
	ZSTD_inBuffer in;			/* what is left of the payload */
	bool		has_size;
	uint64_t	size;			/* uncompressed, as the payload announces it ... */
	uint64_t	taken;			/* ... and what came of that */
	CdcBuf		event;			/* the inner event being read */
	size_t		body_left;		/* bytes of it not yet read */
	char		skip[4096];		/* where skipped bodies go */
};

CdcPayload *
cdc_payload_create(void)
{
	return calloc(1, sizeof(CdcPayload));
}

void
cdc_payload_destroy(CdcPayload *payload)
{
	if (payload == NULL)
		return;
	ZSTD_freeDStream(payload->zstd);
	cdc_buf_free(&payload->event);
	free(payload);
}

CdcStatus
cdc_payload_open(CdcPayload *payload, const uint8_t *event, size_t len, CdcError *err)
{
	CdcReader	r;
	uint64_t	compression = COMPRESSION_NONE;
	uint64_t	size = 0;
	uint64_t	uncompressed = 0;
	bool		has_size = false;
	bool		has_uncompressed = false;

	cdc_reader_init(&r, event + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	for (;;)
	{
		uint64_t	type = cdc_read_packed(&r);
		uint64_t	field_len;
		CdcReader	field;
		const uint8_t *p;

		if (r.failed || type == PAYLOAD_END_MARK)
			break;
		field_len = cdc_read_packed(&r);
		p = cdc_read_bytes(&r, field_len);
		if (p == NULL)
			break;
		cdc_reader_init(&field, p, (size_t) field_len);
		if (type == PAYLOAD_COMPRESSION)
			compression = cdc_read_packed(&field);
		else if (type == PAYLOAD_SIZE)
		{
			size = cdc_read_packed(&field);
			has_size = true;
		}
		else if (type == PAYLOAD_UNCOMPRESSED_SIZE)
		{
			uncompressed = cdc_read_packed(&field);
			has_uncompressed = true;
		}
		if (field.failed)
			r.failed = true;
	}
	if (r.failed || (has_size && size != cdc_reader_left(&r)))
		return cdc_error(err, CDC_ERR_CORRUPT, "transaction payload event is malformed");
	if (compression != COMPRESSION_ZSTD && compression != COMPRESSION_NONE)
		return cdc_error(err, CDC_ERR_UNSUPPORTED,
						 "compression type %llu of a transaction payload is not supported",
						 (unsigned long long) compression);

	payload->compressed = (compression == COMPRESSION_ZSTD);
	payload->in.src = r.p;
	payload->in.size = cdc_reader_left(&r);
	payload->in.pos = 0;
	payload->body_left = 0;
	payload->has_size = has_uncompressed;
	payload->size = uncompressed;
	payload->taken = 0;
	cdc_buf_reset(&payload->event);
	if (payload->compressed)
	{
		if (payload->zstd == NULL)
			payload->zstd = ZSTD_createDStream();
		if (payload->zstd == NULL)
			return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
		ZSTD_DCtx_reset(payload->zstd, ZSTD_reset_session_only);
		ZSTD_DCtx_setParameter(payload->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	}
	return CDC_OK;
}

/* Fills dst[0..len) as far as the payload goes; *got bytes were there. */
static CdcStatus
payload_read(CdcPayload *payload, char *dst, size_t len, size_t *got, CdcError *err)
{
	ZSTD_outBuffer out = {dst, len, 0};

	if (!payload->compressed)
	{
		ZSTD_inBuffer *in = &payload->in;
		size_t		n = in->size - in->pos;

		if (n > len)
			n = len;
		memcpy(dst, (const char *) in->src + in->pos, n);
		in->pos += n;
		*got = n;
		return CDC_OK;
	}
	while (out.pos < out.size)
	{
		size_t		before_in = payload->in.pos;
		size_t		before_out = out.pos;
		size_t		rc = ZSTD_decompressStream(payload->zstd, &out, &payload->in);

		if (ZSTD_isError(rc))
			return cdc_error(err, CDC_ERR_CORRUPT, "transaction payload is corrupt: %s",
							 ZSTD_getErrorName(rc));
		if (payload->in.pos == before_in && out.pos == before_out)
			break;				/* nothing left */
	}
	*got = out.pos;
	return CDC_OK;
}

/* As much as was announced, and all of it. */
static CdcStatus
payload_end(const CdcPayload *payload, CdcError *err)
{
	if ((payload->has_size && payload->taken != payload->size) ||
		payload->in.pos != payload->in.size)
		return cdc_error(err, CDC_ERR_CORRUPT,
						 "transaction payload has %llu bytes, and not as many as it announces",
						 (unsigned long long) payload->taken);
	return CDC_END;
}

static CdcStatus
payload_cut_short(CdcError *err)
{
	return cdc_error(err, CDC_ERR_CORRUPT,
					 "transaction payload ends in the middle of an event");
}

CdcStatus
cdc_payload_next(CdcPayload *payload, const uint8_t **header, CdcError *err)
{
	CdcEventHeader h;
	size_t		got;
	CdcStatus	st;

	/* a payload of a few bytes may have millions of them */
	cdc_interrupt_point();
	while (payload->body_left > 0)
	{
		size_t		n = payload->body_left;

		if (n > sizeof(payload->skip))
			n = sizeof(payload->skip);
		st = payload_read(payload, payload->skip, n, &got, err);
		if (cdc_failed(st))
			return st;
		if (got < n)
			return payload_cut_short(err);
		payload->body_left -= n;
	}

	cdc_buf_reset(&payload->event);
	if (!cdc_buf_reserve(&payload->event, CHUNK))
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	st = payload_read(payload, payload->event.data, CDC_EV_HEADER_LEN, &got, err);
	if (cdc_failed(st))
		return st;
	if (got == 0)
		return payload_end(payload, err);
	if (got < CDC_EV_HEADER_LEN)
		return payload_cut_short(err);
	payload->event.len = got;
	*header = (const uint8_t *) payload->event.data;
	cdc_event_header(*header, &h);
	if (h.size < CDC_EV_HEADER_LEN || h.size > CDC_EV_MAX_SIZE)
		return cdc_error(err, CDC_ERR_CORRUPT,
						 "event in transaction payload has the impossible size %u", h.size);
	st = cdc_check_event_size(h.size, err);
	if (cdc_failed(st))
		return st;
	payload->taken += h.size;
	if (payload->has_size && payload->taken > payload->size)
		return cdc_error(err, CDC_ERR_CORRUPT,
						 "transaction payload has more bytes than the %llu that it announces",
						 (unsigned long long) payload->size);
	payload->body_left = h.size - CDC_EV_HEADER_LEN;
	return CDC_OK;
}

CdcStatus
cdc_payload_body(CdcPayload *payload, const uint8_t **event, size_t *len, CdcError *err)
{
	CdcBuf	   *buf = &payload->event;

	/* grow with what really comes, not with what the header promises */
	while (payload->body_left > 0)
	{
		size_t		n = payload->body_left;
		size_t		got;
		CdcStatus	st;

		if (n > buf->len + CHUNK)
			n = buf->len + CHUNK;
		if (!cdc_buf_reserve(buf, n))
			return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
		st = payload_read(payload, buf->data + buf->len, n, &got, err);
		if (cdc_failed(st))
			return st;
		if (got < n)
			return payload_cut_short(err);
		buf->len += n;
		payload->body_left -= n;
	}
	*event = (const uint8_t *) buf->data;
	*len = buf->len;
	return CDC_OK;
}
