/*-------------------------------------------------------------------------
 *
 * headers.h
 *	  The headers of a message from JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_HEADERS_H
#define CDC_PG_FDW_HEADERS_H

#include "pg/base/compat.h"
#include "source/kafka.h"

/*
 * From a jsonb or json datum (basetype): an array of objects with "name" and
 * "value" (text or null) or "base64", as SELECT shows headers; or an object of
 * names and values.  palloc'ed, UTF-8; ERROR for anything else.
 */
extern const CdcKafkaHeader *cdc_kafka_headers_from_json(Datum datum, Oid basetype, int *n);

#endif							/* CDC_PG_FDW_HEADERS_H */
