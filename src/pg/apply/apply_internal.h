/*-------------------------------------------------------------------------
 *
 * apply_internal.h
 *	  What the parts of apply share.
 *
 *	  From the top down:
 *	  replay.c			cdc.replay
 *	  apply.c			cdc.apply: boundary, progress, counters
 *	  run.c				a run over a range of history: visits its events
 *	  lookahead.c		which events later ones of the same run make needless
 *	  lookahead_sample.c	whether it pays to find that out
 *	  run_target.c		the source tables and targets of a run
 *	  event.c			the rows of an event
 *	  envelope.c		rows of messages in other envelopes than Maxwell's
 *	  mode.c, mode_*.c	what an event does to its target
 *	  source_row.c		from a row image to typed columns of the target
 *	  reduce.c			the last state of each key since the last flush
 *	  sort.c			reduced rows in the order of their keys
 *	  backend.c			which back-end writes a target
 *	  heap*.c			back-end: direct table access
 *	  sql*.c			back-end: set-based SQL
 *	  truncate.c		emptying a target, for both back-ends
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
#include "access/htup.h"
#include "pg/history/scan.h"
#include "pg/target/mapping.h"
#include "utils/resowner.h"

typedef struct CdcApply CdcApply;
typedef struct CdcApplyBackend CdcApplyBackend;
typedef struct CdcEnvelopeReader CdcEnvelopeReader;
typedef struct CdcSourceRun CdcSourceRun;
typedef struct CdcTargetRun CdcTargetRun;

/* Where an event stands; file is interned, so that an entry costs two words. */
typedef struct CdcPlace
{
	int64		seq;
	const char *file;			/* the position up to its offset, or all of it */
	int64		offset;			/* -1: none */
} CdcPlace;

/* ------------------------------------------------------------------------
 * Entries: what is to be written
 * ------------------------------------------------------------------------
 */

/* Key columns whose NULLs an entry can note. */
#define CDC_KEY_NULLS_MAX	16

/*
 * What has to become of one key, or, in a table without key, of one row's
 * value.
 */
typedef struct CdcEntry
{
	bool		put:1;			/* write tuple; else delete the key */
	bool		replace:1;		/* the row was deleted in between: columns that the event
								 * lacks get their defaults, not their old values */
	bool		superseded:1;	/* a later event of the run makes it needless */
	uint16		key_nulls;		/* bit i: key column i is NULL; beyond 16 none may be */

	/* tables without key: first take away so many such rows, then add so many */
	int32		take;
	int32		add;

	uint32		hash;			/* of the key or row */
	const CdcPresence *presence;	/* columns that tuple fills */
	HeapTuple	tuple;			/* in the target's row type; NULL unless put or keyless */
	CdcPlace	place;			/* of the last event */
	Datum		key[FLEXIBLE_ARRAY_MEMBER]; /* nkey; none in tables without key */
} CdcEntry;

static inline bool
cdc_entry_key_is_null(const CdcEntry *entry, int i)
{
	return i < CDC_KEY_NULLS_MAX && (entry->key_nulls & (1 << i)) != 0;
}

/* Where an entry is found: without a look at it unless the hash is right. */
typedef struct CdcBucket
{
	uint32		hash;
	uint32		entry;			/* index in entries + 1; 0: free */
} CdcBucket;

/* ------------------------------------------------------------------------
 * A run
 * ------------------------------------------------------------------------
 */

/* A target within one run of apply, whatever fills it. */
struct CdcTargetRun
{
	CdcTarget  *target;
	int			number;			/* of the run's targets, from 1 */
	const CdcApplyMode *mode;
	const CdcSourceRun *source; /* whose event came last; for messages */

	/* how it is written */
	const CdcApplyBackend *backend;
	void	   *state;			/* the back-end's own; NULL: it is not open */

	/* what was collected since the last flush */
	MemoryContext batch;		/* of all that; reset by each flush */
	CdcBucket  *buckets;		/* open addressing; nbuckets is a power of 2, or 0 */
	uint32		nbuckets;
	CdcEntry  **entries;		/* in order of appearance; for the flush by their keys */
	int			nentries;
	int			maxentries;
	bool		deletes;		/* for the flush: some of them delete */
	size_t		bytes;			/* in batch, about */
	size_t		counted;		/* of them in CdcApply.bytes */

	CdcApplyCount count;		/* back-ends count what they write */
};

/* A source table within one run of apply. */
struct CdcSourceRun
{
	CdcMapping *mapping;
	CdcTargetRun *target;		/* NULL: the table goes to history only */
	CdcSourceRow row;			/* the row at hand; set up only where there is a target */

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

/* What is at hand, for the context of errors. */
typedef struct CdcAtHand
{
	CdcPlace	place;			/* of the event or entry */
	const char *source_table;	/* of the event, not terminated; or NULL */
	size_t		source_table_len;
	const CdcSourceRun *source; /* with a target; or NULL */
	const JsonbContainer *data; /* the event's row image, or */
	const CdcEntry *entry;		/* the entry that is written; or neither */
} CdcAtHand;

struct CdcApply
{
	/* what the run is about */
	const CdcSubscription *sub;
	const CdcMappingSpec *replay;	/* one mapping instead of the subscription's; or NULL */
	CdcMessageFormat format;	/* of the history's events */
	int64		scan_upto;		/* of the scan of history */
	const char *scan_table;		/* NULL: all */

	/* its surroundings */
	uint64		number;			/* of the run, in this backend */
	MemoryContext cxt;			/* of the run */
	CdcUser		user;			/* the caller, in whose place the owner is */
	int			guc_level;		/* 0: nothing was set for the run */
	ErrorContextCallback errors;

	/* source tables and targets that it has met */
	List	   *sources;		/* of CdcSourceRun * */
	CdcSourceRun *last_source;	/* of the event before */
	List	   *targets;		/* of CdcTargetRun * */
	size_t		bytes;			/* in all batches */

	/* reading events */
	char	   *last_file;		/* interned position prefix of the event before */
	size_t		last_file_len;
	List	   *files;			/* all of them */
	CdcEnvelopeReader *reader;	/* of messages that are not Maxwell's; NULL: none yet */
	CdcLookahead *ahead;		/* or NULL */
	CdcAtHand	at;

	/* the outcome */
	int64		events;			/* that were visited */
	CdcProgress progress;		/* filled by the last event of the range */
};

/* ------------------------------------------------------------------------
 * Back-ends
 * ------------------------------------------------------------------------
 */

/* A key by which a row is looked for: a value for each key column, in key order. */
typedef struct CdcRowKey
{
	Datum	   *values;
	bool	   *nulls;
} CdcRowKey;

/*
 * How targets are written.  All counts go to run->count.  What a back-end raises
 * has its entry in apply->at.
 */
struct CdcApplyBackend
{
	const char *name;
	/* sets run->state, which lives until close; the relation is locked */
	void		(*open) (CdcApply *apply, CdcTargetRun *run);
	/* writes all entries; deletes come before rows */
	void		(*flush) (CdcApply *apply, CdcTargetRun *run);
	/*
	 * Reads the row with the key into values and nulls (by attribute), palloc'ed
	 * copies; false when there is none.
	 */
	bool		(*fetch) (CdcTargetRun *run, const CdcRowKey *key, Datum *values, bool *nulls);
	/* resets run->state */
	void		(*close) (CdcApply *apply, CdcTargetRun *run);
};

extern const CdcApplyBackend cdc_apply_heap;
extern const CdcApplyBackend cdc_apply_sql;

/* backend.c: the one that writes the target */
extern const CdcApplyBackend *cdc_backend_choose(const CdcTarget *target);

/* truncate.c: TRUNCATE, or DELETE where foreign keys or rights forbid it; not while it is open */
extern void cdc_truncate_target(const CdcTarget *target);

/* ------------------------------------------------------------------------
 * reduce.c
 * ------------------------------------------------------------------------
 */

/*
 * What the search for a hash looks at first, to be prefetched.  (A function
 * that did no more than that would be dropped by gcc 12, as one without effect.)
 */
static inline const CdcBucket *
cdc_reduce_bucket(const CdcTargetRun *run, uint32 hash)
{
	return run->nbuckets > 0 ? &run->buckets[hash & (run->nbuckets - 1)] : NULL;
}

/*
 * The entry for the key (keyless: the row) in values and nulls, by attribute; NULL
 * when there is none.
 */
extern CdcEntry *cdc_reduce_find_row(CdcTargetRun *run, uint32 hash, const Datum *values,
									 const bool *nulls);

/* The key is to be deleted. */
extern void cdc_reduce_delete(CdcApply *apply, CdcTargetRun *run, const Datum *values,
							  const bool *nulls);

/* Lays a row over what its key had; adds to values what it takes over from there. */
extern void cdc_reduce_put(CdcApply *apply, CdcTargetRun *run, Datum *values, bool *nulls,
						   const CdcPresence *presence);

/* In a table without key: one such row more, or (insert is false) less. */
extern void cdc_reduce_keyless(CdcApply *apply, CdcTargetRun *run, Datum *values, bool *nulls,
							   bool insert, const CdcPresence *presence);

/*
 * The row of the target as it is now, without what is collected, by the key in
 * key and key_nulls (by attribute); false when there is none.  values and nulls
 * (by attribute) are palloc'ed copies.
 */
extern bool cdc_reduce_fetch(CdcApply *apply, CdcTargetRun *run, const Datum *key,
							 const bool *key_nulls, Datum *values, bool *nulls);

/* After a row was folded: counts the memory, and writes at once where the target demands it. */
extern void cdc_reduce_row_done(CdcApply *apply, CdcTargetRun *run);

/* Writes all that is collected, and forgets it; or forgets it only. */
extern void cdc_reduce_flush(CdcApply *apply, CdcTargetRun *run);
extern void cdc_reduce_discard(CdcApply *apply, CdcTargetRun *run);

/* Closes the back-end where it is open. */
extern void cdc_reduce_close(CdcApply *apply, CdcTargetRun *run);

/* sort.c; memory that it takes for an entry, of the target's batch, in bytes */
#define CDC_SORT_BYTES	32
extern void cdc_reduce_sort(CdcTargetRun *run);

/* ------------------------------------------------------------------------
 * Modes
 * ------------------------------------------------------------------------
 */

extern const CdcApplyMode cdc_mode_replica;

/* ------------------------------------------------------------------------
 * envelope.c
 * ------------------------------------------------------------------------
 */

extern CdcEnvelopeReader *cdc_envelope_reader_create(MemoryContext cxt);

/* The envelope that was read last, and the arena that it is in. */
extern CdcEnvelope *cdc_envelope_reader_envelope(CdcEnvelopeReader *reader, CdcArena **arena);

/*
 * Reads a message in the format; its rows are of the mapping.  document is its
 * value, NULL for a null one.  Returns the number of rows.
 */
extern int	cdc_envelope_read_event(CdcEnvelopeReader *reader, CdcMessageFormat format,
									CdcMapping *mapping, const CdcHistoryEvent *event,
									const JsonbContainer *document);

/* The images of one of its rows; valid until the next call. */
extern void cdc_envelope_row(CdcEnvelopeReader *reader, int row, const JsonbContainer **data,
							 const JsonbContainer **old);

/* ------------------------------------------------------------------------
 * event.c
 * ------------------------------------------------------------------------
 */

/* Makes the event the one at hand. */
extern void cdc_event_begin(CdcApply *apply, const CdcHistoryEvent *event);

/*
 * The rows of an event of op c, u, d or r: how many, and the images of one; old may
 * be NULL.  The images are valid until the next call of either.
 */
extern int	cdc_event_rows(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event);
extern void cdc_event_images(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event,
							 int row, const JsonbContainer **data, const JsonbContainer **old);

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
 * run_target.c
 * ------------------------------------------------------------------------
 */

/*
 * The source table of the event at hand, which has a target; NULL where the event is
 * of none.  Loads what the run has not met yet.
 */
extern CdcSourceRun *cdc_run_source(CdcApply *apply, const CdcHistoryEvent *event);

/* The same where the run has met the source table before, else NULL. */
extern CdcSourceRun *cdc_run_known_source(const CdcApply *apply, const CdcHistoryEvent *event);

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

/* Whether events of a target can be found to be needless. */
static inline bool
cdc_lookahead_covers(const CdcTargetRun *run)
{
	return run->mode->supersedes != NULL && run->target->key_by_image && !run->target->keyless &&
		!run->target->row_by_row && run->number <= PG_UINT16_MAX;
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
 * run.c: what cdc.apply and cdc.replay share
 * ------------------------------------------------------------------------
 */

/*
 * Begins a run, as the subscription's owner and with session_replication_role
 * replica.  replay: the mapping of all events, or NULL: the subscription's.  The
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
