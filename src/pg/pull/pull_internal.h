/*-------------------------------------------------------------------------
 *
 * pull_internal.h
 *	  What the parts of pull share:
 *
 *	  pull.c			the loop of a call, its bounds, the position row
 *	  pull_wait.c		how long a call waits for more; pull from Kafka too
 *	  pull_stream.c		the dump connection, kept open between calls
 *	  pull_server.c		which server that is, and whether it is the right one
 *	  pull_start.c		where a subscription begins that was never pulled
 *	  pull_event.c		a committed group to rows of the history
 *	  pull_xa.c			two-phase transactions
 *	  pull_ddl.c		DDL statements and what they mean for definitions
 *	  copy.c			the initial copy of tables
 *	  copy_snapshot.c	the snapshot they are read from, and its position
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_PULL_INTERNAL_H
#define CDC_PG_PULL_PULL_INTERNAL_H

#include "pg/pull/pull.h"
#include "binlog/decoder.h"
#include "binlog/stream.h"
#include "core/binlog_position.h"
#include "core/json_text.h"
#include "pg/base/group_buffer.h"
#include "pg/history/append.h"
#include "pg/datum/jsonb_writer.h"
#include "pg/pull/kept_stream.h"
#include "pg/schema/schema.h"
#include "pg/remote/source.h"
#include "utils/hsearch.h"
#include "pg/catalog/position.h"

/* A place that a stream is to reach. */
typedef struct CdcPullMark
{
	bool		set;
	CdcGtidSet *gtids;			/* NULL: by file */
	char	   *file;
	int64		offset;
} CdcPullMark;

/*
 * The stream of one subscription in this backend.  It outlives transactions;
 * one that aborts takes it along, as what was read then has to be read again.
 */
typedef struct CdcPullStream
{
	CdcKeptStream kept;			/* broken: the link is lost */
	MemoryContext context;		/* of everything below */
	CdcSubscription *sub;		/* our copy */
	bool		reused;			/* opened by an earlier call */
	bool		row_query;		/* the dump was asked for statements' texts */
	bool		begun;			/* this dump has brought the start of a group */

	char	   *address;		/* of the host that all connections go to; NULL: any */
	CdcSource  *control;		/* queries; NULL until needed */
	TimestampTz control_used;
	CdcSource  *dump;
	CdcStream  *stream;
	CdcDecoder *decoder;
	CdcSchema  *schema;
	CdcSchemaLookup lookup;
	CdcGroupBuffer *group;
	HTAB	   *tables;			/* CdcPullTable by name; NULL: to be read */
	struct CdcPullTable *last_table;	/* of them found last; NULL = none */
	List	   *dropped;		/* names of tables whose definitions are of later: gone here */
	bool		copy_checked;	/* no table waits for its copy ... */
	TimestampTz copy_at;		/* ... or they wait until then; 0 = no */
	uint64		statements;		/* DML in statement format told of so far */
	uint64		skipped;		/* unknown events of this dump counted so far */
	uint32		skipped_types[8];	/* a bit for each type that was told of */

	/* where it stands: the end of the last complete transaction */
	char	   *file;
	int64		offset;
	CdcGtidSet *executed;		/* NULL: the source has no GTIDs */
	uint64		moves;			/* counts changes of the above */
	CdcPullMark until;			/* what the present call waits for */
	CdcPullMark join;			/* the row's snapshot_join */

	/* transactions that end here or before were asked to be left out */
	char	   *skip_file;		/* or NULL */
	int64		skip_offset;

	/* the position row as we last read or wrote it */
	char	   *row_file;
	int64		row_offset;
	char	   *row_gtid_set;

	/* not in the position row yet */
	TimestampTz persisted_at;
	int64		new_transactions;
	int64		new_bytes;
	int64		new_skipped;
	TimestampTz source_ts;		/* 0: no newer one */

	/* microseconds that the last transaction took to come here, or: */
#define CDC_DELAY_OPEN	(-2)	/* to be found out */
	int64		delay;
} CdcPullStream;

/* A registered table. */
#define CDC_PULL_TABLE_NAME	520
typedef struct CdcPullTable
{
	char		name[CDC_PULL_TABLE_NAME];	/* hash key */
	char		state;
} CdcPullTable;

/*
 * A position that moved without an event is written this often: a source that
 * writes other tables must not cost more than that, and cdc.wait_for() waits
 * for it.
 */
#define CDC_PULL_PERSIST_MS	200

typedef struct CdcPullWriter CdcPullWriter;
typedef struct CdcPullCall CdcPullCall;

/*
 * One call of cdc_pull_run(), or of cdc.read_binlog_file(), which has no
 * stream, no bounds and no history.
 */
struct CdcPullCall
{
	const CdcSubscription *sub;
	const CdcPullBounds *bounds;
	CdcPullStream *stream;
	CdcPosition pos;			/* seq and counters move as rows are written */
	CdcHistory *history;		/* NULL until the first row */
	int64		events;
	int64		transactions;
	int64		bytes;
	TimestampTz first_event;	/* when this call wrote its first row; 0 = none */
	bool		warned;			/* of statements in statement format */
	int			lost;			/* links, since the stream last moved */
	uint64		lost_at;		/* its moves then */
	bool		persist;		/* the position is to be written, events or not */

	/* where rows go, and what a DDL statement leads to */
	void		(*append) (CdcPullCall *call, const CdcHistoryRow *row);
	void		(*ddl) (CdcPullWriter *writer, CdcPullCall *call, const CdcChange *change);
};

/* pull_stream.c */

/*
 * The stream that stands where the row says, opened where there is none; for
 * a subscription that was never pulled *pos is filled in first, which copies
 * the tables that are to be copied.
 */
extern CdcPullStream *cdc_pull_stream_get(CdcPullCall *call);

/* Opens the dump if it is not open. */
extern void cdc_pull_stream_connect(CdcPullStream *stream);

/* Closes it, with what arrived of a group; the place where the stream stands stays. */
extern void cdc_pull_stream_hang_up(CdcPullStream *stream);

/*
 * When a dump by file and offset made no sense from its first event on: the
 * position may lie inside of a transaction, or of an event, as a person can
 * set it.  Sets the stream to the start of the file, to leave out what ends up
 * to the position; false where that cannot be the reason.
 */
extern bool cdc_pull_stream_rewind(CdcPullStream *stream);

/* The connection for queries. */
extern CdcSource *cdc_pull_stream_control(CdcPullStream *stream);

/*
 * Registers a wanted table that the stream shows for the first time, see
 * subscription.h.
 */
extern void cdc_pull_stream_discover(CdcPullStream *stream, const CdcTable *table, bool copy);

/* Whether a table is registered. */
extern bool cdc_pull_stream_knows(CdcPullStream *stream, const char *full_name);

/* Whether the stream has not passed the table's copy, or waits for it. */
extern bool cdc_pull_stream_copies(CdcPullStream *stream, const char *full_name);

/* The states of the tables have changed: they are read anew when needed. */
extern void cdc_pull_stream_forget_tables(CdcPullStream *stream);

/* Moves on to a place between transactions; gtid may be NULL. */
extern void cdc_pull_stream_advance(CdcPullStream *stream, const char *file, int64 offset,
									const char *gtid);

/* gtid_set or file may be NULL; the stream has the strings copied. */
extern void cdc_pull_mark_set(CdcPullStream *stream, CdcPullMark *mark, const char *gtid_set,
							  const char *file, int64 offset);
extern void cdc_pull_mark_clear(CdcPullMark *mark);
extern bool cdc_pull_mark_passed(const CdcPullStream *stream, const CdcPullMark *mark);

/* The set as text, palloc'ed; NULL without GTIDs. */
extern char *cdc_pull_stream_gtid_text(const CdcPullStream *stream);

/* Remembers what the position row says now. */
extern void cdc_pull_stream_note_row(CdcPullStream *stream, const CdcPosition *pos);

/* Whether the stream stands elsewhere than the row says. */
extern bool cdc_pull_stream_moved(const CdcPullStream *stream);

/* pull_server.c */

/* The start of a binlog file, behind its magic. */
#define CDC_PULL_FIRST_OFFSET	4

/*
 * The first connection: of several hosts to the one at address, where that can
 * be reached, or else to the first that answers.  All others of the stream go
 * there too, or fail: the next call then looks for a host again.
 */
extern CdcSource *cdc_pull_server_open(CdcPullStream *stream, const char *address);

/*
 * Whether the position means something at that server; ERROR where not.  With
 * GTIDs another server than before is all right: call->pos then goes on there.
 */
extern void cdc_pull_server_check(CdcPullCall *call, CdcPullStream *stream);

/* Connects for queries anew; whether the server is surely the one that was read. */
extern bool cdc_pull_server_same(CdcPullCall *call, CdcPullStream *stream);

/* pull_start.c */

/* Fills in file, offset, GTID set and source of a position that is NULL. */
extern void cdc_pull_start(CdcPullCall *call, CdcSource *control, CdcPullStream *stream);

/*
 * The place that text means, into pos.  skip_offset: the file's events up to there
 * are to be left out, which the position cannot say; 0: none.  what names the
 * text in errors.
 */
extern void cdc_pull_place(const CdcSubscription *sub, CdcSource *control, const char *what,
						   const char *text, CdcPosition *pos, int64 *skip_offset);

/* pull_event.c */

/*
 * Decodes a buffered group and appends its events.  format: the one in force
 * when it was written; lookup: what the decoder was created with, or NULL, is
 * told the group's position and its events' seq.
 */
extern void cdc_pull_group(CdcPullCall *call, CdcDecoder *decoder, CdcGroupBuffer *group,
						   const struct CdcFormat *format, const CdcTransaction *txn,
						   CdcSchemaLookup *lookup);

/* Appends to the history, which is opened at its first use in the call. */
extern void cdc_pull_append(CdcPullCall *call, const CdcHistoryRow *row);

/*
 * Appends the events of one source transaction, one call a change; the event
 * is held back until it is known whether it is the last one.
 */
extern CdcPullWriter *cdc_pull_writer_begin(CdcPullCall *call, const CdcTransaction *txn);
extern void cdc_pull_writer_change(CdcPullWriter *writer, const CdcChange *change);
extern void cdc_pull_writer_end(CdcPullWriter *writer);
extern const CdcTransaction *cdc_pull_writer_txn(const CdcPullWriter *writer);

/* pull_ddl.c */

/* Appends the events of a DDL statement that concern wanted tables. */
extern void cdc_pull_ddl(CdcPullWriter *writer, CdcPullCall *call, const CdcChange *change);

/* pull_xa.c */

/* XA PREPARE: keeps the open group's events for ... */
extern void cdc_pull_xa_prepare(CdcPullCall *call, const CdcItem *item);

/*
 * ... XA COMMIT, which makes rows of them where wanted, or XA ROLLBACK.  A
 * commit whose prepare was not seen looks for it in the source's binlogs.
 */
extern void cdc_pull_xa_end(CdcPullCall *call, const CdcItem *item, bool wanted);

/*
 * At the start of a subscription: keeps the events of what is prepared at the
 * source now, as the stream begins behind them.
 */
extern void cdc_pull_xa_recover(CdcPullCall *call, CdcPullStream *stream);

/* copy.c */

/* Whether tables wait for their initial copy. */
extern bool cdc_copy_pending(const CdcSubscription *sub);

/*
 * Copies them.  first: the stream begins where the snapshot was taken, and
 * call->pos is set to that; else it is running, and call->pos.snapshot_join is
 * set to what it must pass.  When the source is in the way of that, an ERROR; a
 * running stream goes on instead, and stream->copy_at says when to try again.
 */
extern void cdc_copy_run(CdcPullCall *call, CdcPullStream *stream, bool first);

/* copy_snapshot.c */

/* A snapshot's place: it has all before from, and nothing that is behind to only. */
typedef struct CdcCopySnapshot
{
	CdcSourcePosition from;
	CdcSourcePosition to;
	bool		exact;			/* from is to */
	const char *trouble;		/* why from is likely, but not proved; or NULL */
} CdcCopySnapshot;

/*
 * Opens it on the source; that is a transaction that the source then is in.
 * exact: tries for some seconds until it is.  false: the source does not come to
 * a point where the snapshot has a place, for longer than patience_ms, and
 * trouble says why.
 */
extern bool cdc_copy_snapshot_open(CdcPullStream *stream, CdcSource *source, bool exact,
								   int patience_ms, CdcCopySnapshot *snap);

#endif							/* CDC_PG_PULL_PULL_INTERNAL_H */
