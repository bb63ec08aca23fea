/*-------------------------------------------------------------------------
 *
 * event.h
 *	  A change as an event: JSON in Maxwell's format (doc/event.md).
 *
 * An event is opened, then closed once it is known whether it was the last
 * of its transaction, because only the last one carries "commit": true.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_EVENT_H
#define CDC_CORE_EVENT_H

#include "change.h"
#include "sink.h"

/* What Maxwell's output_* options switch. */
typedef struct CdcEventOptions
{
	bool		position;		/* default true */
	bool		gtid;			/* default true */
	bool		server_id;		/* default false */
	bool		thread_id;		/* default false */
	bool		primary_key;	/* default false: "primary_key": [values] */
	bool		primary_key_columns;	/* default false */
	bool		xoffset;		/* default true */
} CdcEventOptions;

extern const CdcEventOptions cdc_event_defaults;

/*
 * Writes the event of a row change or DDL statement, its outer object left
 * open.  xoffset: 0-based number of the change in its transaction.
 *
 * "data" has each column present in the after image; columns of the primary
 * key that a partial image leaves out are taken from the before image.
 * "old" (updates) has the before values of those columns that changed.
 * Deletes have the before image as "data".
 */
extern CdcStatus cdc_event_open(CdcSink *sink, const CdcEventOptions *options,
								const CdcTransaction *txn, const CdcChange *change,
								int64_t xoffset, CdcError *err);

/* last: the change was its transaction's last one. */
extern CdcStatus cdc_event_close(CdcSink *sink, const CdcEventOptions *options,
								 int64_t xoffset, bool last, CdcError *err);

/* Writes one value as Maxwell prints it. */
extern CdcStatus cdc_value_emit(CdcSink *sink, const CdcValue *value, CdcError *err);

/* Whether two values of the same column are the same. */
extern bool cdc_value_equal(const CdcValue *a, const CdcValue *b);

#endif							/* CDC_CORE_EVENT_H */
