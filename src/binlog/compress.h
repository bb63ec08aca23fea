/*-------------------------------------------------------------------------
 *
 * compress.h
 *	  The compressed forms that events and columns come in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_COMPRESS_H
#define CDC_BINLOG_COMPRESS_H

#include "binlog/events.h"
#include "core/arena.h"

/*
 * What an event may have in bytes when it is uncompressed, in this process; before the
 * first call as much as the protocol allows.  More is CDC_ERR_LIMIT.
 */
extern void cdc_set_max_event_size(size_t bytes);
extern CdcStatus cdc_check_event_size(uint64_t size, CdcError *err);

/*
 * Whether out_len bytes can be made of len bytes of zlib's, and may be: that many are
 * only reserved after it.
 */
extern CdcStatus cdc_check_uncompressed(uint64_t out_len, size_t len, CdcError *err);

/*
 * MariaDB's compressed events (log_bin_compress=ON): appends to *out what
 * data[0..len) holds.
 */
extern CdcStatus cdc_maria_uncompress(const uint8_t *data, size_t len, CdcBuf *out,
									  CdcError *err);

/*
 * Inflates in[0..len) into exactly out_len bytes at out; raw: without zlib's
 * header.
 */
extern CdcStatus cdc_inflate(const uint8_t *in, size_t len, bool raw, uint8_t *out,
							 size_t out_len, CdcError *err);

/*
 * Reads the events inside of MySQL's Transaction_payload event one after the
 * other; memory is bounded by the largest of them.
 */
typedef struct CdcPayload CdcPayload;

extern CdcPayload *cdc_payload_create(void);	/* NULL when out of memory */
extern void cdc_payload_destroy(CdcPayload *payload);

/* event is the whole event without checksum and must stay valid. */
extern CdcStatus cdc_payload_open(CdcPayload *payload, const uint8_t *event, size_t len,
								  CdcError *err);

/*
 * The header of the next inner event, CDC_EV_HEADER_LEN bytes; CDC_END when
 * there is none, and there was as much as the payload announced.  Its body is skipped unless cdc_payload_body is called.
 */
extern CdcStatus cdc_payload_next(CdcPayload *payload, const uint8_t **header, CdcError *err);

/* The inner event whole (they carry no checksums), valid until the next call. */
extern CdcStatus cdc_payload_body(CdcPayload *payload, const uint8_t **event, size_t *len,
								  CdcError *err);

#endif							/* CDC_BINLOG_COMPRESS_H */
