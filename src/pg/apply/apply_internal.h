/*-------------------------------------------------------------------------
 *
 * apply_internal.h
 *	  What the parts of apply share.
 *
 *	  From the top down:
 *	  replay.c			cdc.replay
 *	  apply.c			cdc.apply: boundary, progress
 *	  fill.c			what history has of a table that comes late, or has stopped
 *	  walk.c			runs up to a place, with what is to be done in between
 *	  guard.c			a run over a range, its counters; one table's error is that table's
 *	  follow.c			what is done at a change of a source table
 *	  run.c				a run over a range of history: visits its events
 *	  segments.c		what the segments apply by themselves
 *	  lookahead.c		which events later ones of the same run make needless
 *	  lookahead_sample.c	whether it pays to find that out
 *	  aside.c			events that are put aside
 *	  run_target.c		the source tables and targets of a run
 *	  copy_event.c		what an event says of a copy; whether a table is being copied
 *	  blame.c			which event an error is of
 *	  sweep.c			copies that replace what a target has: rows that have not come go
 *	  event.c			the rows of an event, whatever its envelope
 *	  order.c			events from several partitions: whether their order is known
 *	  message_key.c		what tells rows apart in messages, and in their target
 *	  mode.c, mode_*.c	what an event does to its target
 *	  source_row.c		from a row image to typed columns of the target
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_APPLY_APPLY_INTERNAL_H
#define CDC_PG_APPLY_APPLY_INTERNAL_H

#include "pg/apply/apply.h"
#include "pg/apply/mode.h"
#include "pg/apply/source_row.h"
#include "pg/catalog/access.h"
#include "pg/catalog/position.h"
#include "pg/progress/copy_progress.h"
#include "pg/progress/table_error.h"
#include "pg/progress/table_state.h"
#include "pg/catalog/tables.h"
#include "pg/history/scan.h"
#include "pg/schema/change.h"
#include "pg/mapping/mapping.h"
#include "pg/write/write.h"
#include "utils/resowner.h"

typedef struct CdcApply CdcApply;
typedef struct CdcAside CdcAside;
typedef struct CdcEnvelopeReader CdcEnvelopeReader;
typedef struct CdcGuard CdcGuard;
typedef struct CdcMessageKey CdcMessageKey;
typedef struct CdcOrderSeen CdcOrderSeen;
typedef struct CdcSourceRun CdcSourceRun;

/* ------------------------------------------------------------------------
 * A run
 * ------------------------------------------------------------------------
 */

/* Where the source table's events are in a source transaction, for modes that want to know. */
typedef struct CdcSourceTransaction
{
	int64		first;			/* its first event of the table */
	int64		last;			/* the one at hand, or before; 0: there was none */
	char		op;				/* ... its op, whether it ended its transaction, ... */
	bool		commit;
	char	   *name;			/* ... and what tells that from others; NULL: nothing does */
	int64	   *synced;			/* where its copies were passed by the stream; NULL: not asked for yet */
	int			nsynced;
} CdcSourceTransaction;

/* A source table within one run of apply, with one of the targets that it fills. */
struct CdcSourceRun
{
	CdcMapping *mapping;
	CdcSourceRun *next;			/* the same with the next target; or NULL */
	CdcTargetRun *target;		/* NULL: the table goes to history only */
	CdcSourceRow row;			/* the row at hand; set up only where there is a target */
	bool		given_up;		/* its table is in error since an event of this run */
	bool		asked;			/* what its last copy is about: */
	CdcCopySpan span;
	CdcAside   *aside;			/* of whose events some may be put aside; or NULL */
	const char *partition;		/* of the last event of Kafka, as CdcPlace.file; or NULL */
	const CdcMessageKey *message_key;	/* of messages of Kafka; NULL: none has named it */
	const char *origin;			/* source of its messages, see message_key.c; NULL: not known */
	bool		origin_looked;
	CdcSourceTransaction txn;
	CdcOrderSeen *order;		/* what came from which partition; NULL: there is but one, or no key */

	/* rows that were not as the events say, see run_target.c; the first of them */
	CdcSurprise surprise;
	char	   *surprise_key;	/* its key, for people; or NULL */

	/* for cdc.table_counter */
	int64		events;
	int64		last_seq;
	TimestampTz source_ts;		/* 0: none */
};

/*
 * What a look ahead found: the events with seq in [first, until] whose bit is
 * set leave nothing behind that a later one of these does not replace.
 */
typedef struct CdcLookahead
{
	MemoryContext cxt;			/* this and bits */
	int64		first;
	int64		until;
	int64		nbits;			/* multiple of 8; behind them all are zero */
	uint8	   *bits;
} CdcLookahead;

struct CdcApply
{
	/* what the run is about */
	const CdcSubscription *sub;
	const CdcMappingSpec *replay;	/* one mapping instead of the subscription's; or NULL */
	CdcMessageFormat format;	/* of the history's events */
	int64		scan_after;		/* of the scan of history: from behind this seq ... */
	int64		scan_upto;		/* ... to this one */
	int64		stop_from;		/* the first commit at which the run may end before that; 0: none */
	int64		most_copied;	/* ... as is one behind so many rows that events stand for; 0: none */
	int64		copied;			/* that were applied of these */
	const char *scan_table;		/* NULL: all */
	const char *only;			/* name of the one table that is filled; NULL: all */
	bool		numbered;		/* pull has numbered its events, without a gap */
	CdcEventFacts facts;		/* of the event at hand */
	int			first_row;		/* number of its first row, where one event stands for many */
	int64		visited;		/* seq of the event before; -1: others may lie in between */
	const CdcGuard *guard;		/* what it knows of errors of an earlier attempt; or NULL */
	bool		again;			/* events are read once more, at the end of a copy */
	bool		puts_aside;		/* events of keys of which some are kept go there, too */
	bool		partitions_known;	/* it is known whether ... */
	bool		several_partitions; /* ... pull reads more than one */

	/* its surroundings */
	uint64		number;			/* of the run, in this backend */
	CdcWork		work;			/* with the run's memory context and what is at hand */
	CdcScope	scope;			/* the owner's, in the caller's place */
	ErrorContextCallback errors;
	bool		in_context;		/* that is at work */

	/* source tables and targets that it has met */
	List	   *sources;		/* of CdcSourceRun * */
	CdcSourceRun *last_source;	/* of the event before */
	List	   *targets;		/* of CdcTargetRun * */

	/* reading events */
	char	   *last_file;		/* interned position prefix of the event before */
	size_t		last_file_len;
	List	   *files;			/* all of them */
	bool		key_only;		/* images have only what the target's key is made of */
	bool		of_whole_table;	/* the error that is raised is not of one event only */
	CdcEnvelopeReader *reader;	/* of messages that are not Maxwell's; NULL: none yet */
	CdcLookahead *ahead;		/* or NULL */
	int64		ahead_until;	/* behind this seq no look ahead has passed over an event; 0: there was none */

	/* the outcome */
	int64		events;			/* that were visited */
	CdcProgress progress;		/* filled by the last event of the range */
};

/* ------------------------------------------------------------------------
 * Modes
 * ------------------------------------------------------------------------
 */

extern const CdcApplyMode cdc_mode_replica;

/* Whether the target will have a row of the key of the row at hand, once all before is written. */
extern bool cdc_mode_has_row(CdcApply *apply, CdcSourceRun *source);

/* mode_replica.c: CdcApplyMode.fold, also for modes that differ in how a row is removed only. */
extern void cdc_mode_replica_fold(CdcApply *apply, CdcSourceRun *source, char op, const JsonbContainer *old);

/* Whether the target has a row of the key that the source has not any more. */
extern bool cdc_mode_has_gone_row(CdcApply *apply, CdcTargetRun *run, const Datum *key, const bool *key_nulls);

/* ------------------------------------------------------------------------
 * event.c: messages
 * ------------------------------------------------------------------------
 */

extern CdcEnvelopeReader *cdc_envelope_reader_create(const CdcSubscription *sub,
													 MemoryContext cxt);

/* The envelope that was read last, and the arena that it is in. */
extern CdcEnvelope *cdc_envelope_reader_envelope(CdcEnvelopeReader *reader, CdcArena **arena);

/*
 * Reads the event's message in the format; its rows are of the mapping.  In texts of its
 * rows nul stands for U+0000.  Returns the number of rows.
 */
extern int	cdc_envelope_read_event(CdcEnvelopeReader *reader, CdcMessageFormat format,
									CdcMapping *mapping, const CdcHistoryEvent *event,
									const char *nul);

/*
 * The images of one of its rows, or only what the target's key is made of; valid until the next
 * call.  Whether the texts of the first have U+0000.
 */
extern bool cdc_envelope_row(CdcEnvelopeReader *reader, int row, bool key_only,
							 const JsonbContainer **data, const JsonbContainer **old);

/* ------------------------------------------------------------------------
 * event.c
 * ------------------------------------------------------------------------
 */

/* Makes the event the one at hand; or only what expressions know of it. */
extern void cdc_event_begin(CdcApply *apply, const CdcHistoryEvent *event);
extern void cdc_event_facts(CdcApply *apply, const CdcHistoryEvent *event);

/*
 * The rows of an event of op c, u, d or r: how many, and the images of one; old may
 * be NULL.  The images are valid until the next call of either.
 */
extern int	cdc_event_rows(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);
extern void cdc_event_images(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event,
							 int row, const JsonbContainer **data, const JsonbContainer **old);

/* Fills the envelope of the event's row image, also where the event is in Maxwell's form. */
extern void cdc_event_envelope(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);

/*
 * message_key.c: whether an event, behind cdc_event_rows() or cdc_event_envelope(), is of the source that
 * fills the table; ERROR where somebody has to say that.  The other: whether that needs no look.
 */
extern bool cdc_origin_check(CdcApply *apply, CdcSourceRun *source);
extern bool cdc_origin_check_truncate(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);
extern bool cdc_origin_is_known(const CdcApply *apply, const CdcSourceRun *source);

/*
 * message_key.c: ERROR where an event of rows, behind cdc_event_rows(), could join two rows of its
 * target into one, or leave one behind, as messages tell rows apart by other columns.
 */
extern void cdc_message_key_check(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);

/* Whether that has been looked at for messages like this one. */
extern bool cdc_message_key_is_known(CdcApply *apply, const CdcSourceRun *source,
									 const CdcHistoryEvent *event);

/*
 * ERROR where the event says that its row lacks columns whose values nobody knows.  Only
 * of rows that lack columns of their target.
 */
extern void cdc_event_check_absent(CdcApply *apply, const CdcHistoryEvent *event,
								   const JsonbContainer *data);

/*
 * A column by which rows of the target are found and whose value before the update at hand the
 * source did not tell, so that nobody knows which row it was; NULL: there is none.  palloc'ed.
 */
extern char *cdc_event_untold(CdcApply *apply, const CdcSourceRun *source, const CdcHistoryEvent *event);

/* Whether an event of op 'm' or 's' separates what is before it from what is behind. */
static inline bool
cdc_event_is_barrier(const CdcApply *apply, const CdcHistoryEvent *event)
{
	/* topics are full of tombstones, heartbeats and ends of transactions */
	return event->op == CDC_OP_SCHEMA ||
		(event->op == CDC_OP_CONTROL && apply->sub->kind != CDC_SERVER_KAFKA);
}

static inline bool
cdc_event_has_rows(const CdcHistoryEvent *event)
{
	return event->op == CDC_OP_INSERT || event->op == CDC_OP_UPDATE ||
		event->op == CDC_OP_DELETE || event->op == CDC_OP_SNAPSHOT;
}

/* ------------------------------------------------------------------------
 * order.c
 * ------------------------------------------------------------------------
 */

/*
 * Notes where the event at hand, of that source table, comes from; and that it concerns more
 * than its message's key ("TRUNCATE").
 */
extern void cdc_order_note(CdcApply *apply, CdcSourceRun *source);
extern void cdc_order_beyond_key(CdcApply *apply, CdcSourceRun *source, const char *what);

/* Sets source->order, where keys of the source table, which is new to the run, are to be watched. */
extern void cdc_order_watch(CdcApply *apply, CdcSourceRun *source);

/* Of a source table that is watched: its event at hand, behind cdc_event_rows(). */
extern void cdc_order_event(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);

/*
 * The same of its row, whose key is converted; false where it is certainly older than what was
 * applied of that key, and is to be left out.
 */
extern bool cdc_order_keeps(CdcApply *apply, CdcSourceRun *source, char op, const JsonbContainer *old);

/*
 * Whether an event of that op has to find the one before it on its key, which no look ahead passes over
 * for it.
 */
extern bool cdc_order_needs_last(const CdcSourceRun *source, char op);

/* The target was emptied by the event at hand. */
extern void cdc_order_emptied(const CdcSourceRun *source);

/* The event at hand has taken the row from that key, by attribute; also where nothing is watched. */
extern void cdc_order_former(CdcApply *apply, CdcSourceRun *source, const Datum *values, const bool *nulls);

/* A scan of a run begins; a run has come to its end: what it has seen is told. */
extern void cdc_order_run_begin(const CdcApply *apply);
extern void cdc_order_run_end(const CdcApply *apply);

/* ------------------------------------------------------------------------
 * run_target.c
 * ------------------------------------------------------------------------
 */

/*
 * The source table of the event at hand, which has a target; NULL where the event is
 * of none.  Loads what the run has not met yet.
 */
extern CdcSourceRun *cdc_run_source(CdcApply *apply, const CdcHistoryEvent *event);

/* The same with the next target; NULL: there is none. */
extern CdcSourceRun *cdc_run_next_source(const CdcSourceRun *source);

/* The same for an event that frames the rows of a table. */
extern CdcSourceRun *cdc_run_framed_source(CdcApply *apply, const CdcHistoryEvent *event);

/* The same where the run has met the source table before, else NULL. */
extern CdcSourceRun *cdc_run_known_source(const CdcApply *apply, const CdcHistoryEvent *event);

/*
 * A row image does not have what the mapping computes its row of, and the target does not
 * keep it: the column, or "*".  The table's state becomes 'e', and the run has no target
 * for its events any more; in a replay an ERROR.
 */
extern void cdc_run_give_up(CdcApply *apply, CdcSourceRun *source, const char *column);

/* The same of an update that does not have the whole row, in mode "append". */
extern void cdc_run_give_up_append(CdcApply *apply, CdcSourceRun *source);

/* The same of an image that does not say which row it is. */
extern void cdc_run_give_up_row(CdcApply *apply, CdcSourceRun *source, const char *column);

/* Other hands have emptied or altered its target, see run_target.c: what they did, as a sentence. */
extern void cdc_run_give_up_altered(CdcApply *apply, CdcSourceRun *source, const char *done);

/* Its copy has ended, and which rows of the target it has not brought cannot be told, for a reason. */
extern void cdc_run_give_up_copy(CdcApply *apply, CdcSourceRun *source, const char *reason);

/* At the end of a run: notes the target of the source table, for that. */
extern void cdc_run_note_target(CdcApply *apply, const CdcSourceRun *source);

/* CdcTargetRun.surprised: counts them where the target has to be as the events say. */
extern void cdc_run_surprised(CdcWork *work, CdcTargetRun *run);

/* Behind the run: tells of them, or has the table copied anew where its options say so. */
extern void cdc_surprise_tell(const CdcApply *apply, const CdcSourceRun *source);

/*
 * copy_event.c: what the last copy for the source's target is about.  Asked once a run: what is behind its
 * end is not known yet, and of no concern to it.
 */
extern const CdcCopySpan *cdc_run_copy_span(CdcApply *apply, CdcSourceRun *source);

/*
 * copy_event.c: whether rows of the source table may be in history, as of the event with that seq, that
 * are not in the target, or the other way round, as it is being copied then.
 */
extern bool cdc_run_is_ahead(CdcApply *apply, CdcSourceRun *source, int64 seq);

/*
 * Whether the event is for the target: of a copy, whether that is of it; else, where rows are found
 * by all columns and are being copied, whether the copy does not have it already.
 */
extern bool cdc_run_takes(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);

/* The same of an event that frames the rows of a copy, or stands for some of them. */
extern bool cdc_run_takes_copy(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);

/* copy_event.c: what brings rows into the history that a replay lacks, as a hint says it; palloc'ed. */
extern char *cdc_replay_of_copy_hint(const CdcSubscription *sub, const char *source_table);

/* copy_event.c: what an event is about a copy */
typedef enum CdcCopyEventKind
{
	CDC_COPY_NOTHING,
	CDC_COPY_BEGINS,
	CDC_COPY_ROWS,				/* stands for rows that the history does not keep */
	CDC_COPY_ENDS
} CdcCopyEventKind;

typedef struct CdcCopyEvent
{
	CdcCopyEventKind kind;
	bool		replaces;		/* what the copy does not bring goes from the target */
	char	   *gone;			/* of CDC_COPY_ENDS: rows that are gone besides, as of cdc_sweep() */
	int64		begin_seq;		/* of CDC_COPY_ENDS where it takes rows away: the first event to be seen */
	int64		rows;			/* of CDC_COPY_ROWS */
} CdcCopyEvent;

extern void cdc_copy_event_read(const CdcHistoryEvent *event, CdcCopyEvent *copy);

/* copy_event.c: whether what has this seq is of a copy that the target gets at its end, all at once. */
extern bool cdc_run_takes_at_end(CdcApply *apply, CdcSourceRun *source, int64 seq);

/*
 * sweep.c: what the begin or end of a copy does to its target.  Nothing is collected
 * for that.
 */
extern void cdc_copy_mark(CdcApply *apply, const CdcHistoryEvent *event, const CdcCopyEvent *copy);

/* ------------------------------------------------------------------------
 * Look ahead
 * ------------------------------------------------------------------------
 */

/*
 * lookahead_sample.c: visits up to limit events of the run's own range behind after,
 * as the run itself sees them.
 */
extern void cdc_lookahead_peek(CdcApply *apply, int64 after, int64 limit,
							   CdcHistoryVisitor visit, void *arg);

/* Whether a look at so many events to come pays, of which memory holds that many rows. */
extern bool cdc_lookahead_pays(CdcApply *apply, int64 rows, int64 events);

/* A run with more targets ends at the next commit; it looks ahead no more. */
#define CDC_RUN_TARGETS		500

/* Those that it meets in a look ahead are covered up to this number. */
#define CDC_LOOKAHEAD_RUNS	4000

static inline bool
cdc_run_is_wide(const CdcApply *apply)
{
	return list_length(apply->targets) >= CDC_RUN_TARGETS;
}

/* Whether events of a target can be found to be needless. */
static inline bool
cdc_lookahead_covers(const CdcTargetRun *run)
{
	return run->mode->supersedes != NULL && run->target->key_by_image && !run->target->keyless &&
		!run->target->row_by_row && !run->one_by_one && !run->all_count &&
		run->number <= CDC_LOOKAHEAD_RUNS &&
		run->writes_as_owner;
}

/*
 * lookahead.c: called when the collected rows have to be written before the end of
 * the run.  Finds out which of them, and of the events to come, later events
 * replace, where that is likely to pay.
 */
extern void cdc_lookahead(CdcApply *apply);

static inline bool
cdc_lookahead_superseded(const CdcApply *apply, int64 seq)
{
	const CdcLookahead *ahead = apply->ahead;
	int64		at;

	if (ahead == NULL || seq < ahead->first)
		return false;
	at = seq - ahead->first;
	return at < ahead->nbits && (ahead->bits[at / 8] >> (at % 8) & 1) != 0;
}

/* ------------------------------------------------------------------------
 * segments.c
 * ------------------------------------------------------------------------
 */

/* The next stretch of a run's range. */
typedef struct CdcStretch
{
	int64		upto;			/* its last event */
	int64		events;			/* that are applied */
	List	   *tables;			/* source tables of which all events in it are (char *) */
} CdcStretch;

/*
 * Chooses the stretch that begins behind after, and lets the segments apply the events of
 * as many of its source tables as they can; the others are left to the caller.  Where there
 * are no segments, or it does not pay, that is all of the range.
 */
extern void cdc_segments_apply(CdcApply *apply, int64 after, CdcStretch *stretch);

/* ------------------------------------------------------------------------
 * run.c: which event an error is of
 * ------------------------------------------------------------------------
 */

/* The event at hand when a message was last raised in a run; texts may be cut. */
typedef struct CdcBlame
{
	int32		subscription_id;	/* 0: there was no message */
	int64		seq;			/* 0: of no event */
	bool		exact;			/* it is this event, and not only one near by */
	bool		of_whole_table;	/* it would not be over without the event */
	bool		copied;			/* its table is being copied: without the event it would lack rows */
	char		source_table[1000];	/* or the name of a table that it fills; "": of none */
	char		position[600];	/* "": unknown */
	char		key[1100];		/* "(id)=(5)", or "" */
	char		key_columns[600];	/* of a target without index on them, as SQL has them; or "" */
} CdcBlame;

/* ErrorContextCallback of a run, its argument: says what is at hand, and notes it. */
extern void cdc_blame_context(void *arg);

/* "(id, no)=(5, 7)" of the row image or entry at hand; palloc'ed. */
extern char *cdc_blame_key_text(const CdcAtHand *at);

/* Forgets it; what it is now. */
extern void cdc_blame_reset(void);
extern const CdcBlame *cdc_blame(void);

/*
 * Has the error of a row that the key tells from another, but a unique index of the target does not,
 * say what to type.  Reads nothing; an error that has a hint keeps it.
 */
extern void cdc_blame_hint(ErrorData *error);

/*
 * Whether an error with that SQLSTATE is one of the source table's (rather than of the
 * surroundings, or of the history).
 */
extern bool cdc_blame_is_of_table(const CdcSubscription *sub, int sqlerrcode);

/* ------------------------------------------------------------------------
 * aside.c
 * ------------------------------------------------------------------------
 */

/* So many keys of a table may be blocked; with more the whole table stops. */
#define CDC_ASIDE_KEYS	1000

/* Prepares a source table of the run, in the run's context, whose events may be put aside. */
extern void cdc_aside_open(CdcApply *apply, CdcSourceRun *source);

/* Whether the event, of a table that has source->aside, was put aside. */
extern bool cdc_aside_take(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);

/* Writes down what was put aside. */
extern void cdc_aside_close(CdcApply *apply);

/* ------------------------------------------------------------------------
 * What attempts of one range have shown: guard.c finds it out, aside.c looks it up
 * ------------------------------------------------------------------------
 */

/* An event that failed, of a table whose events are put aside then. */
typedef struct CdcFailedEvent
{
	char	   *table;			/* its name */
	int64		seq;
	char	   *key;			/* for people */
	int			sqlerrcode;
	char	   *text;
} CdcFailedEvent;

struct CdcGuard
{
	List	   *exact;			/* names of tables whose rows are written one by one */
	List	   *failed;			/* of CdcFailedEvent * */
};

extern bool cdc_guard_is_exact(const CdcGuard *guard, const char *name);

/* The failed event with that seq; seq 0: any of the table.  NULL: there is none. */
extern const CdcFailedEvent *cdc_guard_failed(const CdcGuard *guard, const char *name, int64 seq);

/* ------------------------------------------------------------------------
 * walk.c
 * ------------------------------------------------------------------------
 */

/* A walk through history. */
typedef struct CdcWalk
{
	const CdcSubscription *sub;
	const CdcSubscriptionTable *only;	/* one table alone, from where it has stopped; or NULL */
	CdcProgress progress;		/* what is applied so far */
	bool		numbered;		/* see CdcApply */
	bool		guarded;		/* one table's error is not the subscription's */
	int64		step;			/* events of a range, as there was an error; 0: there was none */
	int64		changes;		/* of the position */
	int64		max_events;		/* that the call is to apply; 0: all */
	CdcApply   *begun;			/* a run that has met no event yet; NULL: there is none */
	CdcApplyResult *result;
} CdcWalk;

/*
 * Applies the events up to upto, and acts on the changes of source tables in between, each
 * at its place.  Returns where it has ended, which may be a commit before.
 */
extern int64 cdc_walk(CdcWalk *walk, int64 upto);

/*
 * guard.c: a run up to upto, which is begun and not finished; takes over what it has come to, and
 * deletes it; counts what it did, in cdc.table_counter and in the result.
 */
extern void cdc_range_scan(CdcWalk *walk, CdcApply *apply, int64 upto);
extern int64 cdc_range_finish(CdcWalk *walk, CdcApply *apply);
extern void cdc_range_count(const CdcApply *apply, CdcApplyResult *result);

/* The same, one table's error being that table's. */
extern int64 cdc_guard_run(CdcWalk *walk, int64 upto);

/* ------------------------------------------------------------------------
 * follow.c
 * ------------------------------------------------------------------------
 */

/*
 * Acts on a change of a source table: all before it is in the targets, nothing behind it.
 * What cannot be followed sets the table's state to 'e', and the others go on.
 */
extern void cdc_follow_change(const CdcSubscription *sub, CdcPendingChange *change);

/*
 * Whether a new copy of the table begins behind the event seq, and replaces what that cannot do:
 * until then the table's events are passed over, its target stays as it is, and its state says
 * that it is copied.
 */
extern bool cdc_follow_superseded(const CdcSubscription *sub, const char *name, int64 seq,
								  const char *reason);

/*
 * Sets a table's state to 'e' for a reason (a sentence without its full stop) at the seq.
 * remap: arguments of cdc.alter_table that help, which brings a new copy with it, or
 * CDC_REMAP_COLUMNS, behind the statements of first; or NULL.  again: a new copy alone may
 * help as well.
 * false: it needs a new copy already, or one is to come.
 */
extern bool cdc_follow_fail(const CdcSubscription *sub, const char *name, int64 seq,
							const char *reason, const char *first, const char *remap, bool again);

/* The registered table of that name, or the first one of that source table; NULL: there is none. */
extern const CdcSubscriptionTable *cdc_apply_table(const CdcSubscription *sub, const char *name);

/* The tables that are filled from the source table, of CdcSubscriptionTable *. */
extern List *cdc_apply_tables_of(const CdcSubscription *sub, const char *source_table);


/* ------------------------------------------------------------------------
 * run.c: what cdc.apply and cdc.replay share
 * ------------------------------------------------------------------------
 */

/*
 * Begins a run, as the subscription's owner.  replay: the mapping of all events, or NULL: the subscription's.  The
 * run's memory is a child of the current context; the caller deletes cxt when he is
 * done with the outcome.
 */
extern CdcApply *cdc_run_begin(const CdcSubscription *sub, const CdcMappingSpec *replay);

/*
 * Applies the events of history behind after, up to and including upto; of one source
 * table, or, where that is NULL, of all.
 */
extern void cdc_run_scan(CdcApply *apply, int64 after, int64 upto, const char *source_table);

/* Writes what is collected, and ends the run; its counters stay. */
extern void cdc_run_end(CdcApply *apply);

#endif							/* CDC_PG_APPLY_APPLY_INTERNAL_H */
