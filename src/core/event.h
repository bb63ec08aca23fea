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
	bool		commit_info;	/* default true: xid, commit and xoffset */
	bool		nulls;			/* default true: columns that are NULL */
	bool		null_zerodates; /* default false: 0000-00-00 is NULL */
	bool		push_timestamp; /* default false: "push_ts", when the event was written */
	bool		row_query;		/* default false: "query", where the source logs it */
	bool		data_only;		/* default false: of rows nothing but "data" */
	bool		ddl;			/* default true; for who asks for events, not looked at here */
} CdcEventOptions;

extern const CdcEventOptions cdc_event_defaults;

/*
 * Writes the event of a change, its outer object left open.  xoffset: 0-based
 * number of the change in its transaction.
 *
 * Row changes (types insert, update, delete, bootstrap-insert) have, in this
 * order:
 *		database, table, query, type, ts (seconds)
 *		xid					where known
 *		position			"file:offset", offset just behind the change
 *		gtid				where known
 *		server_id, thread_id
 *		push_ts				seconds with six digits of fraction
 *		primary_key			values of the key, in key order
 *		primary_key_columns	their names
 *		data, old, old_absent, absent
 * and from cdc_event_close(), as Maxwell does:
 *		xoffset				on all but the last row of a transaction
 *		commit				true, on the last row
 * "data" has each column present in the after image; columns that a partial
 * one leaves out have not changed and are taken from the before image, where
 * that has them: the primary key, or all columns of a table without one.
 * "old" (updates) has the before values of those columns that changed; a
 * column whose before value a partial image leaves out is not in it: where the
 * after image has it, "old_absent" names it, as it may have been anything.
 * "absent" are the names that change->absent has.
 * Deletes have the before image as "data".
 *
 * DDL has the same but for primary key, data and old, ts in milliseconds, and
 * where change->ddl is set "old" and "def", the table's definition before (of
 * table-alter) and after, or "charset" of a database; then "sql".  Its type is
 * table-create, table-alter (also for RENAME and indexes), table-drop,
 * table-truncate, database-create, database-alter, database-drop, or "ddl" for
 * what concerns none of them.  database and table are those of change->ddl or
 * change->table where set, else of the first table that the statement concerns.
 *
 * Control events (op 'm') have the type that change->sql gives, such as
 * "bootstrap-start", the names of change->table where set, and in data what
 * change->copy says.
 */
extern CdcStatus cdc_event_open(CdcSink *sink, const CdcEventOptions *options,
								const CdcTransaction *txn, const CdcChange *change,
								int64_t xoffset, CdcError *err);

/* last: the change was its transaction's last one. */
extern CdcStatus cdc_event_close(CdcSink *sink, const CdcEventOptions *options,
								 int64_t xoffset, bool last, CdcError *err);

/*
 * An array of the keys of rows, each an object with the columns of the table's primary key
 * as in "data".
 */
extern CdcStatus cdc_event_keys_begin(CdcSink *sink, CdcError *err);
extern CdcStatus cdc_event_key(CdcSink *sink, const CdcEventOptions *options, const CdcTable *table,
							   const CdcValue *row, CdcError *err);
extern CdcStatus cdc_event_keys_end(CdcSink *sink, CdcError *err);

/*
 * Writes one value as Maxwell prints it: integers, decimals and floats as
 * numbers, bytes as base64, dates and times as MySQL's text, sets as arrays, JSON
 * nested.  What numbers of JSONB do not have is a string, "-0" in columns of
 * float, double and vector; MySQL stores no NaN and no infinity; should one come, it is
 * written as "NaN", "Infinity" or "-Infinity".  CDC_ABSENT is an error.
 */
extern CdcStatus cdc_value_emit(CdcSink *sink, const CdcValue *value, CdcError *err);

/* The same for a number of a floating type; float4: with the shortest digits of a float. */
extern CdcStatus cdc_float_emit(CdcSink *sink, double d, bool float4);

/*
 * Whether two values of the same column are the same, bit by bit: 0.0 and -0.0
 * are not, and neither are two JSON documents that differ in their binary form.
 */
extern bool cdc_value_equal(const CdcValue *a, const CdcValue *b);

#endif							/* CDC_CORE_EVENT_H */
