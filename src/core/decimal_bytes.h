/*-------------------------------------------------------------------------
 *
 * decimal_bytes.h
 *	  Numbers as Java's BigDecimal has them, bytes and a scale, to decimal digits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DECIMAL_BYTES_H
#define CDC_CORE_DECIMAL_BYTES_H

#include "core/arena.h"
#include "core/sink.h"

/*
 * Writes the number whose digits, without its point, are the bytes (big-endian, two's
 * complement), and which has scale digits behind the point.  Memory comes from the arena.
 * CDC_ERR_VALUE: it has more digits than any number that a database keeps.
 */
extern CdcStatus cdc_emit_decimal_bytes(CdcArena *arena, const uint8_t *bytes, size_t nbytes,
										int64_t scale, CdcSink *sink);

#endif							/* CDC_CORE_DECIMAL_BYTES_H */
