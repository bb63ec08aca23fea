/*-------------------------------------------------------------------------
 *
 * json_parse.h
 *	  JSON text into a CdcSink.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_JSON_PARSE_H
#define CDC_CORE_JSON_PARSE_H

#include "sink.h"

/*
 * Writes the one document in text (UTF-8) into the sink.  Numbers without
 * fraction and exponent become integers where they fit into 64 bits; numbers
 * that are the shortest form of a double become that double, others decimals.
 * Has the signature of CdcJsonDoc.emit.
 */
extern CdcStatus cdc_json_parse(const uint8_t *text, size_t len, CdcSink *sink, CdcError *err);

#endif							/* CDC_CORE_JSON_PARSE_H */
