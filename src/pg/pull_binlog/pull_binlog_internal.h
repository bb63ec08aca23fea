/*-------------------------------------------------------------------------
 *
 * pull_binlog_internal.h
 *	  What the parts of pull from the binlog share, from the bottom up:
 *
 *	  place.c			where a stream stands, and places that it is to reach
 *	  session.c			its connection for queries
 *	  tables.c			the registered tables, and those that rows are decoded by
 *	  dump.c			its dump connection
 *	  server.c			which server that is, and whether it is the right one
 *	  proof.c			whether its binlog is the one that was read
 *	  lineage.c			whether another server has the transaction that was read last
 *	  peek.c			a short look into the binlog
 *	  group.c			a committed group to rows of the history
 *	  xa_store.c, xa.c	two-phase transactions
 *	  ddl.c				DDL statements and what they mean for definitions
 *	  join.c			where the copy of tables joins the stream
 *	  start.c			where a subscription begins that was never pulled
 *	  stream.c			the stream as a whole, kept open between calls
 *	  loop.c			the loop of a call, its bounds
 *	  position.c		the position row, what the views show of worker and source
 *	  pull_binlog.c		a call; the methods of this kind of source
 *
 *	  set_position.c, subscribe.c and goal.c are methods that need no stream,
 *	  read_binlog_file.c reads a file the way the loop reads a dump.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_BINLOG_PULL_BINLOG_INTERNAL_H
#define CDC_PG_PULL_BINLOG_PULL_BINLOG_INTERNAL_H

#include "pg/base/compat.h"
#include "binlog/decoder.h"
#include "binlog/format.h"
#include "binlog/stream.h"
#include "core/binlog_position.h"
#include "pg/base/group_buffer.h"
#include "pg/catalog/position.h"
#include "pg/copy/copy.h"
#include "pg/doubt/doubt.h"
#include "pg/history/event_writer.h"
#include "pg/pull/kept_stream.h"
#include "pg/process/shmem.h"
#include "pg/pull/source_kind.h"
#include "pg/remote/answer.h"
#include "pg/remote/source.h"
#include "pg/schema/schema.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

/* The start of a binlog file, behind its magic. */
#define CDC_BINLOG_FIRST_OFFSET	4

/*
 * A position that moved without an event is written this often: a source that
 * writes other tables must not cost more than that, and cdc.wait_for() waits
 * for it.
 */
#define CDC_BINLOG_PERSIST_MS	200

/* A place that a stream is to reach. */
typedef struct CdcBinlogMark
{
	bool		set;
	CdcGtidSet *gtids;			/* malloc'ed; NULL: by file */
	char	   *file;
	int64		offset;
} CdcBinlogMark;

/* An event that was read, or some of a file's first, by which a log is known again. */
typedef struct CdcBinlogProof
{
	bool		set;
	char	   *file;
	int64		start;			/* where the first of them begins */
	int			events;			/* how many they are */
	uint32		created;		/* when the file was begun, seconds since 1970 */
	uint32		sum;			/* cdc_event_sum() of them, where len is 0; else: */
	size_t		len;			/* the event's length, */
	uint8		bytes[CDC_EVENT_SUM_BYTES]; /* its start */
} CdcBinlogProof;

/* MariaDB: the last transaction, by which another server is known as one that has it. */
typedef struct CdcBinlogLineage
{
	bool		set;
	CdcMariaGtid gtid;
	uint32		from;			/* times of its events, seconds since 1970 */
	uint32		to;
} CdcBinlogLineage;

/* A table whose definition at the source was seen to be another one than the stream's. */
typedef struct CdcBinlogAhead
{
	char	   *table;
	CdcBinlogMark mark;			/* where the source stood then */
	TimestampTz seen_at;
} CdcBinlogAhead;

/* A registered table. */
#define CDC_BINLOG_TABLE_NAME	520
typedef struct CdcBinlogTable
{
	char		name[CDC_BINLOG_TABLE_NAME];	/* hash key; in the database's encoding */
	char		state;			/* of its targets: of one that is copied, or else of one that is
								 * not in error, where there is such a one */
	bool		copies;			/* all of them wait for a copy or are being copied */
	bool		copying;		/* one of them is being copied */
	bool		keyless;		/* one of them has no key */
	bool		lost;			/* nothing but new copies helps them, or to be added anew */
	bool		doubted;		/* a row was not understood, and apply will say so */
	bool		left_out;		/* that changes are left out is noted */
} CdcBinlogTable;

/*
 * The stream of one subscription in this backend.  It outlives transactions;
 * one that aborts takes it along, as what was read then has to be read again.
 */
typedef struct CdcBinlogStream
{
	CdcKeptStream kept;			/* broken: the link is lost */
	MemoryContext context;		/* of everything below */
	CdcSubscription *sub;		/* our copy */
	bool		reused;			/* opened by an earlier call */

	/* connections; all go to the same host */
	char	   *address;		/* of that host; NULL: any */
	CdcSource  *control;		/* queries; NULL until needed */
	TimestampTz control_used;	/* when it was used last */
	CdcSource  *dump;			/* NULL: not open */
	int32		server_id_salt; /* of the ids of its dumps */
	bool		row_query;		/* the dump was asked for statements' texts */

	/* from the dump's bytes to changes; stream and decoder live as long as the dump */
	CdcStream  *stream;
	CdcDecoder *decoder;
	CdcGroupBuffer *group;		/* events of the transaction that is arriving */
	bool		begun;			/* this dump has brought the start of a group */
	uint64		statements;		/* DML in statement format that was reported so far */
	uint64		skipped;		/* unknown events of this dump counted so far */
	uint32		skipped_types[8];	/* a bit for each type that was reported */

	/* definitions of tables, and what is registered */
	CdcSchema  *schema;
	CdcSchemaLookup lookup;
	struct CdcTemporaries *temporaries; /* of the source's sessions */
	HTAB	   *tables;			/* CdcBinlogTable by name; NULL: to be read */
	CdcBinlogTable *last_table;	/* of them found last; NULL = none */
	List	   *dropped;		/* names of tables that were dropped at this place, while
								 * their definitions are those of later */

	TimestampTz looked_for_errors;	/* of tables, that a copy heals; 0: not yet */
	CdcCascades *cascades;
	CdcPrograms *programs;		/* of the source, that statements name */

	/* the copy of tables */
	CdcCopyPace copy;
	bool		copy_checked;	/* no table waits for it ... */
	TimestampTz copy_at;		/* ... or they wait until then; 0 = no */
	TimestampTz copied_at;		/* the last step; 0 = none */
	bool		drained;		/* since then, all that the source had was read */
	MemoryContext joins_cxt;	/* of joins; or NULL */
	bool		joins_read;
	List	   *joins;			/* of CdcCopyJoin *: tables that wait for the stream */
	List	   *ahead;			/* of CdcBinlogAhead * */
	CdcBinlogMark moment;		/* what a snapshot for tables without a key has at least ... */
	uint64		moment_number;	/* ... of which that is so */
	const CdcTransaction *txn;	/* that is being decoded; or NULL ... */
	int64		group_seq;		/* ... and the last event before it */

	/* where it stands: the end of the last complete transaction */
	char	   *file;
	int64		offset;
	CdcGtidSet *executed;		/* malloc'ed; NULL: the source has no GTIDs */
	uint64		moves;			/* counts changes of the above */
	CdcBinlogMark until;			/* what the present call waits for */
	CdcBinlogMark join;			/* of the first of joins */

	/* whether the log is the one that the position was taken from */
	CdcBinlogProof proof;		/* the last event that was read, or one of its file */
	CdcBinlogLineage lineage;
	CdcBinlogLineage arriving;	/* from and to of the group that is arriving */
	bool		proved;			/* it was found again since the dump was opened last */
	char	   *removed;		/* its file is gone, and may have held what was not read: a sentence; or NULL */
	bool		failed_over;	/* to a server that has not shown an event yet */
	uint32		created;		/* of the file that the dump shows */
	TimestampTz looked_at;		/* when the silent source was last asked where it stands */
	int			ask_ms;			/* how long it is not asked then; 0: as long as usual */
	uint64		silent_moves;	/* moves + 1 when it stood behind us; 0: it did not */

	/* transactions that end here or before were asked to be left out */
	char	   *skip_file;		/* or NULL */
	int64		skip_offset;

	/* the position row as we last read or wrote it */
	char	   *row_file;
	int64		row_offset;
	char	   *row_gtid_set;
	TimestampTz persisted_at;	/* when it was written */

	/* not in the position row yet */
	int64		new_transactions;
	int64		new_bytes;
	int64		new_skipped;	/* unknown events */
	TimestampTz source_ts;		/* 0: no newer one */

	/* microseconds that the last transaction took to come here, or: */
#define CDC_DELAY_OPEN	(-2)	/* to be found out */
	int64		delay;
	int64		received;		/* bytes that all its dumps brought */
	TimestampTz reached;		/* what was committed until then was read, by our clock; 0: unknown */

	/* what the source said when it was asked last, see position.c */
	CdcSourceFigures figures;
	TimestampTz seen_written;	/* when the row of that was written; 0: it was not */
} CdcBinlogStream;

/*
 * One call of pull, or of cdc.read_binlog_file(), which has no stream, no bounds
 * and no history.
 */
typedef struct CdcBinlogCall CdcBinlogCall;
struct CdcBinlogCall
{
	const CdcSubscription *sub;
	const CdcPullBounds *bounds;
	CdcBinlogStream *stream;
	CdcPosition pos;			/* counters move as rows are written */
	CdcEventOutput out;			/* where rows go; moves pos.last_seq */

	/* what a DDL statement leads to */
	void		(*ddl) (CdcEventWriter *writer, CdcBinlogCall *call, const CdcChange *change);

	/* what was done so far */
	int64		transactions;
	int64		bytes;
	int64		changes;		/* of tables, that apply is to act on */
	bool		warned;			/* of statements in statement format */
	bool		persist;		/* the position is to be written, events or not */
	bool		synced;			/* the stream has passed copies of tables */
	bool		over;			/* ... and was read for these only */

	/* what brought the stream closer to stream->until, and since when nothing did */
	uint64		progress;
	uint64		progress_seen;
	TimestampTz waits_since;	/* 0: something did at last */

	/* links that were lost, since the stream last moved */
	int			lost;
	uint64		lost_at;		/* its moves then */
};

/* ---- place.c ---- */

/* Replaces a text that lives in the context by a copy of another; both may be NULL. */
extern void cdc_binlog_replace_text(MemoryContext context, char **text, const char *with);

/* Moves on to a place between transactions; gtid may be NULL. */
extern void cdc_binlog_stream_advance(CdcBinlogStream *stream, const char *file, int64 offset,
									  const char *gtid);

/* gtid_set or file may be NULL; the strings are copied into the stream's context. */
extern void cdc_binlog_mark_set(CdcBinlogStream *stream, CdcBinlogMark *mark, const char *gtid_set,
								const char *file, int64 offset);
extern void cdc_binlog_mark_clear(CdcBinlogMark *mark);
extern bool cdc_binlog_mark_passed(const CdcBinlogStream *stream, const CdcBinlogMark *mark);

/* Whether the stream is behind the mark's file and offset, where the mark has such. */
extern bool cdc_binlog_mark_place_passed(const CdcBinlogStream *stream, const CdcBinlogMark *mark);

/* ERROR: for that many seconds the source has not sent what it says it has. */
pg_noreturn extern void cdc_binlog_not_coming(CdcBinlogCall *call, int seconds);

/* ERROR: transactions may be lost; the hint says what to do.  It stays, see failure.h. */
pg_noreturn extern void cdc_binlog_gap(const CdcSubscription *sub, const char *message,
									   const char *detail);

/*
 * ERROR, a gap that stays, where a dump ended with the proof that the server makes changes which it
 * never sends: it may send those that come later, as if nothing had been between.
 */
extern void cdc_binlog_check_unlogged(const CdcBinlogStream *stream, const CdcError *err);

/* The set as text, palloc'ed; NULL without GTIDs. */
extern char *cdc_binlog_stream_gtid_text(const CdcBinlogStream *stream);

/* Remembers what the position row says now. */
extern void cdc_binlog_stream_note_row(CdcBinlogStream *stream, const CdcPosition *pos);

/* Whether the stream stands elsewhere than the row says. */
extern bool cdc_binlog_stream_moved(const CdcBinlogStream *stream);

/* ---- session.c ---- */

/*
 * The connection for queries, opened or made anew where it has to be; ERROR where it
 * cannot be.  It is the stream's: nobody else closes it.
 */
extern CdcSource *cdc_binlog_stream_control(CdcBinlogStream *stream);

/*
 * For who asks the source without a stream: of several hosts the one that is read, if it answers.
 * Others may be behind it, or have gone another way.
 */
extern CdcSource *cdc_binlog_source_open(const CdcSubscription *sub);

/* ---- tables.c ---- */

/*
 * Registers a wanted table that the stream shows for the first time, see
 * cdc_registry_add_discovered().
 */
extern void cdc_binlog_stream_discover(CdcBinlogStream *stream, const CdcTable *table, bool copy);

/* Whether a table (name in UTF-8) is registered. */

/* The registered tables, for who finds that rows of them may have changed otherwise. */
extern CdcDoubts cdc_binlog_doubts(CdcBinlogCall *call);

extern bool cdc_binlog_stream_knows(CdcBinlogStream *stream, const char *full_name);

/* Whether the stream has not passed the table's copy, or waits for it. */
extern bool cdc_binlog_stream_copies(CdcBinlogStream *stream, const char *full_name);

/*
 * The same of a table whose rows have no key, at the source or in the target: its events
 * are left out until then.
 */
extern bool cdc_binlog_stream_leaves_out(CdcBinlogStream *stream, const char *full_name,
										 bool has_key);

/* The same where there is a change, of the transaction that is being read: that what the history has ends before it is noted. */
extern bool cdc_binlog_leave_out(CdcBinlogStream *stream, const char *full_name, bool has_key);

/*
 * A transaction changes the table (names in UTF-8), perhaps: a snapshot that waits for the stream, and
 * has not all of it for sure, is no good for the table.
 */
extern void cdc_binlog_copy_note_change(CdcBinlogStream *stream, const CdcTransaction *txn,
										const char *database, const char *table);

/* DDL on the table: likewise, and a copy of it that has begun, without a key, begins anew. */
extern void cdc_binlog_copy_note_ddl(CdcBinlogCall *call, const CdcTransaction *txn,
									 const char *database, const char *table);

/* Whether some chunks of the table are copied, and the stream has not passed its copy. */
extern bool cdc_binlog_stream_is_copying(CdcBinlogStream *stream, const char *full_name);

/*
 * Whether to say that a row of the table cannot be understood: once, and not of one that
 * is in error, or not registered.
 */
extern bool cdc_binlog_stream_doubts(CdcBinlogStream *stream, const char *full_name);

/* The states of the tables have changed: they are read anew when needed. */
extern void cdc_binlog_stream_forget_tables(CdcBinlogStream *stream);

/*
 * A row of the table has a value that its column cannot have: that is this table's matter, which
 * needs a new copy.  false: nobody wants the table.
 */
extern bool cdc_binlog_misread(CdcBinlogCall *call, const CdcTable *table, const CdcError *err);

/* CdcTableLookup of the stream's decoder; arg is the stream. */
extern CdcStatus cdc_binlog_stream_lookup(void *arg, const CdcTableMap *map, const CdcTable **table,
										  CdcError *err);

/* ---- dump.c ---- */

/* Opens the dump if it is not open. */
extern void cdc_binlog_stream_connect(CdcBinlogStream *stream);

/* Closes the dump, its stream and decoder.  No ERROR. */
extern void cdc_binlog_stream_close_dump(CdcBinlogStream *stream);

/* The same, with what arrived of a group; the place where the stream stands stays. */
extern void cdc_binlog_stream_hang_up(CdcBinlogStream *stream);

/*
 * When a dump by file and offset made no sense from its first event on: the
 * position may lie inside of a transaction, or of an event, as a person can
 * set it.  Sets the stream to the start of the file, to leave out what ends up
 * to the position; false where that cannot be the reason.
 */
extern bool cdc_binlog_stream_rewind(CdcBinlogStream *stream);

/* ---- server.c ---- */

/*
 * The first connection: of several hosts to the one at address, where that can
 * be reached, or else to the first that answers.  All others of the stream go
 * there too, or fail: the next call then looks for a host again.
 */
extern CdcSource *cdc_binlog_server_open(CdcBinlogStream *stream, const char *address);

/*
 * Whether the position means something at that server; ERROR where not.  With
 * GTIDs another server than before is all right: call->pos then goes on there.
 */
extern void cdc_binlog_server_check(CdcBinlogCall *call, CdcBinlogStream *stream);

/* ERROR where its binlog lacks what it replicates, or it has left its group. */
extern void cdc_binlog_server_check_role(CdcBinlogCall *call, CdcBinlogStream *stream);

/*
 * Once the stream stands at its place: ERROR where the server's log is not the one that
 * the position was taken from, or has not come so far.
 */
extern void cdc_binlog_server_check_log(CdcBinlogCall *call, CdcBinlogStream *stream);

/* Connects for queries anew; whether the server is surely the one that was read. */
extern bool cdc_binlog_server_same(CdcBinlogCall *call, CdcBinlogStream *stream);

/* ---- proof.c ---- */

/* What the position row keeps of it, palloc'ed, or NULL; and from there. */
extern char *cdc_binlog_proof_text(CdcBinlogStream *stream);
extern void cdc_binlog_proof_parse(CdcBinlogStream *stream, const char *text);

/* Notes the event that was just fed to the stream, where it will do. */
extern void cdc_binlog_proof_note(CdcBinlogStream *stream, const CdcItem *item);

/*
 * Before a dump is opened, once for each: ERROR where the source's log is not the one
 * that was read; sets stream->removed.  No other dump may be open under the stream's server id.
 */
extern void cdc_binlog_prove(CdcBinlogStream *stream);

/* The GTIDs of what the source has removed from its binlog, up to its oldest file; palloc'ed. */
extern char *cdc_binlog_removed_gtids(CdcSource *control, const char *oldest);

/* ---- peek.c ---- */

/* A time of the source's in UTC, palloc'ed. */
extern char *cdc_binlog_time_text(uint32 seconds);

/* Takes an event, which comes without checksum; true: that is enough. */
typedef bool (*CdcBinlogPeek) (void *arg, const CdcEventHeader *h, const uint8 *event, size_t len);

/*
 * Reads a dump to where the binlog ends by now, or take has enough.  No other dump may
 * be open under the stream's server id.  Returns CDC_OK where it had enough; CDC_END at the end;
 * what the server cannot read is an error in err; others are raised.
 */
extern CdcStatus cdc_binlog_peek(CdcBinlogStream *stream, CdcDumpRequest *request,
								 CdcBinlogPeek take, void *arg, CdcError *err);

/* ---- lineage.c ---- */

/* Of each event of a group that arrives; begins: it opens the group. */
extern void cdc_binlog_lineage_event(CdcBinlogStream *stream, const uint8 *event, size_t len,
									 bool begins);

/* The group has arrived; the stream does not stand behind it yet. */
extern void cdc_binlog_lineage_note(CdcBinlogStream *stream, const CdcTransaction *txn);

/* As it is kept, in one text with the proof; false where the text is none. */
extern char *cdc_binlog_lineage_text(const CdcBinlogLineage *lineage);
extern bool cdc_binlog_lineage_parse(CdcBinlogLineage *lineage, const char *text);

/* What is known of a position that no transaction was read at, of the server that it is of. */
extern void cdc_binlog_lineage_begin(CdcBinlogStream *stream);

/* ERROR where the server that the stream now goes to has another transaction in its place. */
extern void cdc_binlog_lineage_check(CdcBinlogCall *call, CdcBinlogStream *stream);

/* ---- group.c ---- */

/*
 * Decodes a buffered group and appends its events.  format: the one in force
 * when it was written; lookup: what the decoder was created with, which then gets
 * the group's position and its events' seq, or NULL.
 */
extern void cdc_binlog_group(CdcBinlogCall *call, CdcDecoder *decoder, CdcGroupBuffer *group,
							 const struct CdcFormat *format, const CdcTransaction *txn,
							 CdcSchemaLookup *lookup);

/* Whether texts of statements are needed to tell what columns have that images lack. */
extern bool cdc_binlog_needs_statements(CdcBinlogStream *stream);

/* ---- xa.c ---- */

/* XA PREPARE: keeps the open group's events for ... */
extern void cdc_binlog_xa_prepare(CdcBinlogCall *call, const CdcItem *item);

/*
 * ... XA COMMIT, which makes rows of them where wanted, or XA ROLLBACK.  A
 * commit whose prepare was not seen looks for it in the source's binlogs.
 */
extern void cdc_binlog_xa_end(CdcBinlogCall *call, const CdcItem *item, bool wanted);

/*
 * At the start of a subscription: keeps the events of what is prepared at the
 * source now, as the stream begins behind them.
 */
extern void cdc_binlog_xa_recover(CdcBinlogCall *call, CdcBinlogStream *stream);

/* ---- ddl.c ---- */

/* Appends the events of a DDL statement that concern wanted tables. */
extern void cdc_binlog_ddl(CdcEventWriter *writer, CdcBinlogCall *call, const CdcChange *change);

/* ---- join.c ---- */

/*
 * A step of the copy of the tables that wait for it.  first: the stream begins where its
 * snapshot was taken, and call->pos is set to that; else it is running.  When the source is
 * in the way of a step, an ERROR where first; else stream->copy_at says when to try again.
 * Returns whether something was done.
 */
extern bool cdc_binlog_copy(CdcBinlogCall *call, CdcBinlogStream *stream, bool first);

/*
 * An update that is about to be written: where it moves a row of a table that is being
 * copied, and lacks columns, the row is to be read once more.
 */
extern void cdc_binlog_note_move(CdcBinlogCall *call, const CdcChange *change);

/* Whether the stream has come to where a snapshot for tables without a key was opened. */
extern bool cdc_binlog_has_come(CdcBinlogStream *stream);

/* Whether tables wait for a step; and whether it is its turn, between two groups. */
extern bool cdc_binlog_copy_waits(const CdcBinlogStream *stream);
extern bool cdc_binlog_copy_is_due(CdcBinlogStream *stream);

/*
 * Tables whose copy the stream has passed are as of its place: their state says so from
 * here on.
 */
extern void cdc_binlog_check_join(CdcBinlogCall *call);

/* ---- start.c ---- */

/* Fills in file, offset, GTID set and source of a position that is NULL. */
extern void cdc_binlog_start(CdcBinlogCall *call, CdcSource *control, CdcBinlogStream *stream);

/* A place in a source's binlog as a person writes it; what names the text in errors. */
typedef struct CdcBinlogPlace
{
	const char *what;
	const char *text;
} CdcBinlogPlace;

/*
 * Puts the place into pos; ERROR where the source has none of that kind.  Returns
 * the offset up to which the file's events are to be left out, which the position
 * cannot say; 0: none are.
 */
extern int64 cdc_binlog_place(const CdcSubscription *sub, CdcSource *control,
							  const CdcBinlogPlace *place, CdcPosition *pos);

/* ---- stream.c ---- */

/*
 * The stream that stands where the row says, opened where there is none; for
 * a subscription that was never pulled call->pos is filled in first, which copies
 * the tables that are to be copied.
 */
extern CdcBinlogStream *cdc_binlog_stream_get(CdcBinlogCall *call);

/* Methods of this kind of source. */
extern bool cdc_binlog_stream_wait(int32 subscription_id, long timeout_ms);
extern void cdc_binlog_stream_disconnect(int32 subscription_id);

/* ---- loop.c ---- */

typedef enum CdcBinlogEnd
{
	CDC_BINLOG_REACHED,			/* as far as was asked for */
	CDC_BINLOG_BOUND,				/* at a bound, there may be more */
	CDC_BINLOG_LOST,				/* the link */
	CDC_BINLOG_ANEW				/* the stream begins anew, nothing of the call is to be kept */
} CdcBinlogEnd;

/* Where the source stands now, for a call that is to reach that; the others reach nothing. */
extern void cdc_binlog_set_until(CdcBinlogCall *call);
extern CdcBinlogEnd cdc_binlog_loop(CdcBinlogCall *call);

/* ---- set_position.c ---- */

/*
 * The source has refused the dump, as the position is gone (err).  Where the subscription
 * asks for that, and the source has only removed what comes next: true, and how the call
 * ends.  All tables are to be copied once more then.
 */
extern bool cdc_binlog_copy_when_purged(CdcBinlogCall *call, const CdcError *err,
										CdcBinlogEnd *end);

/* ---- position.c ---- */

/* Whether the position row is to be written: always with events, else now and then. */
extern bool cdc_binlog_persist_due(const CdcBinlogCall *call);
extern void cdc_binlog_persist(CdcBinlogCall *call);

/*
 * What the views show of a running worker.  The delay is that of the last
 * transaction when it arrived.  Sources that tell its time in whole seconds
 * are given the benefit of the fraction.
 */
extern void cdc_binlog_report_progress(CdcBinlogStream *stream);

/* The source has answered, and is about to send the stream. */
extern void cdc_binlog_report_connected(CdcBinlogStream *stream);

/*
 * Asks the source, where a worker has not done so for a while, and reports what it says.
 * Before anything is read in the call: where the source does not answer, nothing is lost.
 */
extern void cdc_binlog_look(CdcBinlogCall *call);

/* ---- subscribe.c, set_position.c, goal.c: methods of this kind of source ---- */

/* Registers the wanted tables of the source that are not yet; as the current user. */
extern void cdc_binlog_register_tables(const CdcSubscription *sub, CdcSource *source,
									   const CdcSchemaPlace *place, bool copy);

extern void cdc_binlog_check_arguments(const CdcSubscription *sub);
extern void cdc_binlog_check_options(const CdcSubscription *sub, const CdcSubscription *former);
extern void *cdc_binlog_subscribe_prepare(const CdcSubscription *sub);
extern void cdc_binlog_subscribe(const CdcSubscription *sub, void *prepared);
extern const CdcTable *cdc_binlog_definition(const CdcSubscription *sub, const char *database,
											 const char *table, CdcGeneratedLogged *logged);
extern bool cdc_binlog_is_unique(const CdcSubscription *sub, const CdcTable *table, const char *const *columns,
								 int n);
extern void cdc_binlog_check_condition(const CdcSubscription *sub, const char *source_table,
									   const char *condition);
extern void cdc_binlog_set_position(CdcSubscription *sub, const char *where);
extern void cdc_binlog_restart(CdcSubscription *sub, const char *where, bool resync);
extern void *cdc_binlog_goal(const CdcSubscription *sub, const char *text);
extern void cdc_binlog_goal_free(void *goal);
extern bool cdc_binlog_goal_pulled(void *goal, const CdcSubscription *sub,
								   const CdcPosition *pos);
extern bool cdc_binlog_goal_has(const void *goal, const char *gtid, const char *position);

#endif							/* CDC_PG_PULL_BINLOG_PULL_BINLOG_INTERNAL_H */
