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
 * Writes the one document in text (UTF-8) into the sink.  Numbers keep all
 * their digits: those without fraction and exponent become integers where they
 * fit into 64 bits, all others decimals.  Where an object has a key twice, the
 * sink gets both.  An error says where (byte offset) and why: CDC_ERR_SYNTAX
 * where the text is not JSON, else what the sink returned.
 */
extern CdcStatus cdc_json_parse(const uint8_t *text, size_t len, CdcSink *sink, CdcError *err);

/*
 * The same for what a MySQL or MariaDB server printed: numbers that are the
 * shortest form of a double become that double, as they are in the binary form
 * of the same document.  Has the signature of CdcJsonDoc.emit.
 */
extern CdcStatus cdc_json_parse_printed(const uint8_t *text, size_t len, CdcSink *sink,
										CdcError *err);

#endif							/* CDC_CORE_JSON_PARSE_H */
