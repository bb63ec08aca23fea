/*-------------------------------------------------------------------------
 *
 * emit.h
 *	  Values that JSON has no form of its own for, written as everything here writes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_EMIT_H
#define CDC_CORE_EMIT_H

#include "core/arena.h"
#include "core/sink.h"

/* Bytes as base64.  Memory comes from the arena; CDC_ERR_NOMEM: it has none. */
extern CdcStatus cdc_emit_base64(CdcArena *arena, const uint8_t *bytes, size_t len, CdcSink *sink);

/* A number; what is none, as "NaN", "Infinity", "-Infinity".  single: digits of a float. */
extern CdcStatus cdc_emit_double(CdcSink *sink, double v, bool single);

#endif							/* CDC_CORE_EMIT_H */
