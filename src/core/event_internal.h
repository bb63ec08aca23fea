/*-------------------------------------------------------------------------
 *
 * event_internal.h
 *	  What event.c, event_ddl.c and event_fields.c share.  All return what the sink did.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_EVENT_INTERNAL_H
#define CDC_CORE_EVENT_INTERNAL_H

#include <string.h>

#include "event.h"

/* Fields of the open object; inline, as each row has several. */
static inline CdcStatus
cdc_put_key(CdcSink *sink, const char *key)
{
	return sink->ops->key(sink, key, strlen(key));
}

static inline CdcStatus
cdc_put_string(CdcSink *sink, const char *key, const char *s, size_t len)
{
	CdcStatus	st = cdc_put_key(sink, key);

	return st == CDC_OK ? sink->ops->string(sink, s, len) : st;
}

static inline CdcStatus
cdc_put_text(CdcSink *sink, const char *key, const char *s)
{
	return cdc_put_string(sink, key, s, strlen(s));
}

static inline CdcStatus
cdc_put_uint64(CdcSink *sink, const char *key, uint64_t v)
{
	CdcStatus	st = cdc_put_key(sink, key);

	return st == CDC_OK ? sink->ops->uint64(sink, v) : st;
}

static inline CdcStatus
cdc_put_int64(CdcSink *sink, const char *key, int64_t v)
{
	CdcStatus	st = cdc_put_key(sink, key);

	return st == CDC_OK ? sink->ops->int64(sink, v) : st;
}

/* database, table and type (event_fields.c) */
extern CdcStatus cdc_event_names(CdcSink *sink, CdcString database, const char *table,
								 const char *type, size_t type_len);

/* ts, xid, position, gtid, server_id, thread_id and push_ts (event_fields.c) */
extern CdcStatus cdc_event_transaction(CdcSink *sink, const CdcEventOptions *options,
									   const CdcTransaction *txn, const CdcChange *change);

/* A DDL statement (event_ddl.c). */
extern CdcStatus cdc_event_ddl(CdcSink *sink, const CdcEventOptions *options,
							   const CdcTransaction *txn, const CdcChange *change);

#endif							/* CDC_CORE_EVENT_INTERNAL_H */
