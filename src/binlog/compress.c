/*-------------------------------------------------------------------------
 *
 * compress.c
 *	  zlib-compressed pieces: MariaDB's compressed events and columns.
 *
 * A compressed event's body: one byte, 0x80 | algorithm << 4 | n, where
 * algorithm 0 is zlib and n (1 to 4) the number of bytes of the original
 * length; the length, big-endian; a zlib stream.  Source: MariaDB's
 * sql/log_event.cc, binlog_buf_compress().
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/compress.h"

#include <string.h>
#include <zlib.h>

#include "core/bytes.h"

/* zlib cannot make more than this many bytes of one; a length beyond is a lie. */
#define ZLIB_MAX_RATIO	1032

static size_t max_event_size = CDC_EV_MAX_SIZE;

void
cdc_set_max_event_size(size_t bytes)
{
	max_event_size = bytes;
}

CdcStatus
cdc_check_event_size(uint64_t size, CdcError *err)
{
	if (size <= max_event_size)
		return CDC_OK;
	cdc_error(err, CDC_ERR_LIMIT, "an event of %llu bytes is larger than %llu bytes",
			  (unsigned long long) size, (unsigned long long) max_event_size);
	cdc_error_hint(err, "Raise the subscription's option max_event_size, if the source has such rows.");
	return CDC_ERR_LIMIT;
}

CdcStatus
cdc_check_uncompressed(uint64_t out_len, size_t len, CdcError *err)
{
	if (out_len > CDC_EV_MAX_SIZE || out_len / ZLIB_MAX_RATIO > len)
		return cdc_error(err, CDC_ERR_CORRUPT,
						 "compressed data announces the impossible length %llu",
						 (unsigned long long) out_len);
	return cdc_check_event_size(out_len, err);
}

CdcStatus
cdc_inflate(const uint8_t *in, size_t len, bool raw, uint8_t *out, size_t out_len,
			CdcError *err)
{
	z_stream	z;
	int			rc;

	memset(&z, 0, sizeof(z));
	if (inflateInit2(&z, raw ? -MAX_WBITS : MAX_WBITS) != Z_OK)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	z.next_in = (Bytef *) in;
	z.avail_in = (uInt) len;
	z.next_out = out;
	z.avail_out = (uInt) out_len;
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (rc == Z_MEM_ERROR)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	if (rc != Z_STREAM_END || z.avail_out != 0)
		return cdc_error(err, CDC_ERR_CORRUPT, "compressed data is corrupt");
	return CDC_OK;
}

CdcStatus
cdc_maria_uncompress(const uint8_t *data, size_t len, CdcBuf *out, CdcError *err)
{
	CdcReader	r;
	unsigned	head;
	uint64_t	out_len;
	const uint8_t *p;
	CdcStatus	st;

	cdc_reader_init(&r, data, len);
	head = (unsigned) cdc_read_le(&r, 1);
	p = cdc_read_bytes(&r, head & 0x07);
	if (p == NULL || (head & 0x80) == 0 || (head & 0x07) < 1 || (head & 0x07) > 4)
		return cdc_error(err, CDC_ERR_CORRUPT, "header of compressed event is malformed");
	if ((head & 0x70) != 0)
		return cdc_error(err, CDC_ERR_UNSUPPORTED,
						 "compression algorithm %u of event is not supported",
						 (head & 0x70) >> 4);
	out_len = cdc_be(p, (int) (head & 0x07));
	st = cdc_check_uncompressed(out_len, cdc_reader_left(&r), err);
	if (cdc_failed(st))
		return st;
	if (!cdc_buf_reserve(out, (size_t) out_len + 1))	/* never a NULL pointer */
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	st = cdc_inflate(r.p, cdc_reader_left(&r), false, (uint8_t *) out->data + out->len,
					 (size_t) out_len, err);
	if (st == CDC_OK)
		out->len += (size_t) out_len;
	return st;
}
