/*-------------------------------------------------------------------------
 *
 * apply_internal.h
 *	  What the parts of apply share.
 *
 *	  apply.c			driver, counters, cdc.apply
 *	  apply_history.c	reading history
 *	  apply_event.c		an event: what it does to which target
 *	  apply_envelope.c	rows of messages in other envelopes than Maxwell's
 *	  apply_reduce.c	the last state of each key since the last flush
 *	  apply_lookahead.c	which events later ones of the same run make needless
 *	  apply_sort.c		reduced rows in the order of their keys
 *	  apply_heap*.c		back-end: direct table access
 *	  apply_sql.c		back-end: set-based SQL
 *	  target*.c			metadata of targets
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_APPLY_APPLY_INTERNAL_H
#define CDC_PG_APPLY_APPLY_INTERNAL_H

#include "pg/apply/apply.h"
#include "pg/catalog/access.h"
#include "pg/catalog/position.h"
#include "access/htup.h"
#include "pg/target/target.h"
#include "utils/resowner.h"

/* Where an event stands; file is interned, so that an entry costs two words. */
typedef struct CdcPlace
{
	int64		seq;
	const char *file;			/* the position up to its offset, or all of it */
	int64		offset;			/* -1: none */
} CdcPlace;

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

/* Where an entry is found: without a look at it unless the hash is right. */
typedef struct CdcBucket
{
	uint32		hash;
	uint32		entry;			/* index in entries + 1; 0: free */
} CdcBucket;

typedef struct CdcApply CdcApply;
typedef struct CdcEnvelopeReader CdcEnvelopeReader;

/* A target within one run of apply. */
typedef struct CdcTargetRun
{
	CdcTarget  *target;
	int			number;			/* of the run's targets, from 1 */
	void	   *backend;		/* the back-end's own state */
	MemoryContext batch;		/* entries; reset by each flush */
	CdcBucket  *buckets;		/* open addressing; nbuckets is a power of 2 */
	uint32		nbuckets;
	CdcEntry  **entries;		/* in order of appearance */
	int			nentries;
	int			maxentries;
	bool		deletes;		/* for the flush: some of them delete */
	size_t		bytes;			/* in batch, about */
	size_t		counted;		/* of them in CdcApply.bytes */
	Datum	   *values;			/* natts: the row at hand */
	bool	   *nulls;
	Datum	   *key;			/* nkey: scratch */
	bool	   *key_null;
	CdcApplyCount count;
	int64		last_seq;
	TimestampTz source_ts;
} CdcTargetRun;

/* One row of history, valid while it is processed. */
typedef struct CdcHistoryEvent
{
	int64		seq;
	char		op;
	bool		commit;
	const char *source_table;	/* not terminated; NULL for none */
	size_t		source_table_len;
	const char *position;		/* likewise */
	size_t		position_len;
	TimestampTz source_ts;		/* 0 = NULL */
	bool		superseded;		/* neither event nor raw is read then */
	const JsonbContainer *event;	/* or NULL */
	const char *raw;			/* or NULL */
	size_t		raw_len;
	const JsonbContainer *key;	/* of a message, or NULL */
} CdcHistoryEvent;

/* What is done with an event of history; false: no more of them. */
typedef bool (*CdcHistoryVisitor) (CdcApply *apply, const CdcHistoryEvent *event, void *arg);

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
	const CdcSubscription *sub;
	uint64		run;
	const CdcTargetSpec *replay;	/* one target instead of the subscription's */
	int64		scan_upto;		/* of the scan of history */
	const char *scan_table;		/* NULL: all */
	CdcLookahead *ahead;		/* or NULL */
	MemoryContext cxt;			/* of the run */
	MemoryContext row_cxt;		/* reset after each event */
	List	   *targets;		/* of CdcTargetRun * */
	CdcTargetRun *last;			/* of the event before */
	char	   *last_file;		/* interned position prefix of the event before */
	size_t		last_file_len;
	List	   *files;			/* all of them */
	CdcProgress progress;		/* filled by the last event of the range */
	size_t		bytes;			/* in all batches */
	int64		events;
	ResourceOwner owner;		/* of what is open through all of the run */
	CdcUser		user;			/* the caller */
	int			guc_level;
	CdcMessageFormat format;	/* of the history's events */
	CdcEnvelopeReader *reader;	/* of those that are not Maxwell's; NULL: none yet */
	ErrorContextCallback errors;
	/* for errors: what is at hand */
	CdcPlace	place;
	const char *source_table;
	size_t		source_table_len;
	const CdcTargetRun *at_target;
	const JsonbContainer *at_data;	/* the event's row image, or */
	const CdcEntry *at_entry;	/* the entry that is written */
	const char *at_column;
};

/*
 * How targets are written.  All counts go to run->count.
 */
struct CdcApplyBackend
{
	const char *name;
	void		(*open) (CdcApply *apply, CdcTargetRun *run);
	/* writes all entries; deletes come before rows */
	void		(*flush) (CdcApply *apply, CdcTargetRun *run);
	/*
	 * Reads the row with the key in run->key into values and nulls of natts,
	 * palloc'ed copies; false when there is none.
	 */
	bool		(*fetch) (CdcApply *apply, CdcTargetRun *run, Datum *values, bool *nulls);
	void		(*truncate) (CdcApply *apply, CdcTargetRun *run);
	void		(*close) (CdcApply *apply, CdcTargetRun *run);
};

extern const CdcApplyBackend cdc_apply_heap;
extern const CdcApplyBackend cdc_apply_sql;

/* Frees the plans that a target's statements have. */
extern void cdc_apply_sql_forget(CdcTarget *target);

/* TRUNCATE, or DELETE where foreign keys forbid it; for both back-ends. */
extern void cdc_apply_truncate(CdcApply *apply, CdcTargetRun *run);

/* apply_event.c */
extern bool cdc_apply_event(CdcApply *apply, const CdcHistoryEvent *event, void *arg);

/* Makes the event the one at hand, for errors. */
extern void cdc_event_begin(CdcApply *apply, const CdcHistoryEvent *event);

/* Its target; NULL when it has none. */
extern CdcTargetRun *cdc_event_target(CdcApply *apply, const CdcHistoryEvent *event);

/*
 * The rows of an event of op c, u, d or r: how many, and the images of one; old may
 * be NULL.  The images are valid until the next call of either.
 */
extern int	cdc_event_rows(CdcApply *apply, CdcTargetRun *run, const CdcHistoryEvent *event);
extern void cdc_event_images(CdcApply *apply, CdcTargetRun *run, const CdcHistoryEvent *event,
							 int row, const JsonbContainer **data, const JsonbContainer **old);

/* Whether an event of op 'm' or 's' separates what is before it from what is behind. */
static inline bool
cdc_event_is_barrier(const CdcApply *apply, const CdcHistoryEvent *event)
{
	/* topics are full of tombstones, heartbeats and ends of transactions */
	return event->op == CDC_OP_SCHEMA ||
		(event->op == CDC_OP_CONTROL && apply->sub->kind != CDC_SERVER_KAFKA);
}

/* apply_envelope.c */
extern CdcEnvelopeReader *cdc_envelope_reader_create(MemoryContext cxt);

/* The envelope that was read last. */
extern const CdcEnvelope *cdc_envelope_reader_envelope(const CdcEnvelopeReader *reader);

/*
 * Reads a message, for rows of run's target; document is its value, NULL for a null
 * one.  Returns the number of rows.
 */
extern int	cdc_envelope_read_event(CdcApply *apply, CdcEnvelopeReader *reader, CdcTargetRun *run,
									const CdcHistoryEvent *event, const JsonbContainer *document);

/* The images of a row of it; valid until the next call. */
extern void cdc_envelope_row(CdcApply *apply, CdcEnvelopeReader *reader, int row,
							 const JsonbContainer **data, const JsonbContainer **old);

/* The type for a column of it; NULL when nothing is known. */
extern const char *cdc_envelope_column_type(CdcEnvelopeReader *reader,
											const CdcSubscriptionOptions *opt, const char *name);

/* What an envelope that does not tell types is read by. */
extern void cdc_column_hint(Oid typid, int32 typmod, CdcColumnHint *hint);

/* apply_reduce.c */
extern void cdc_reduce_row(CdcApply *apply, CdcTargetRun *run, char op,
						   const JsonbContainer *data, const JsonbContainer *old);
extern void cdc_reduce_flush(CdcApply *apply, CdcTargetRun *run);
extern void cdc_reduce_discard(CdcApply *apply, CdcTargetRun *run);
/*
 * Converts the columns of a row image, or of its key only, into run->values
 * and run->nulls; ERROR when it lacks a column of the key.
 */
extern const CdcLayout *cdc_reduce_convert(CdcApply *apply, CdcTargetRun *run,
										   const JsonbContainer *data, bool key_only);

/*
 * The key before an update: that in run->values, with what "old" has of it.
 * Returns whether it differs.  values and nulls are indexed by attribute; only
 * key columns are set.
 */
extern bool cdc_reduce_old_key(CdcApply *apply, CdcTargetRun *run, const JsonbContainer *old,
							   Datum *values, bool *nulls);
/* A one-to-one function of a word: the finalizer of MurmurHash3. */
static inline uint64
cdc_mix_word(uint64 h)
{
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

/*
 * What the search for a hash looks at first, to be prefetched.  (A function
 * that did no more than that would be dropped by gcc 12, as one without effect.)
 */
static inline const CdcBucket *
cdc_reduce_bucket(const CdcTargetRun *run, uint32 hash)
{
	return run->nbuckets > 0 ? &run->buckets[hash & (run->nbuckets - 1)] : NULL;
}

extern uint32 cdc_reduce_hash(const CdcTarget *target, const Datum *values, const bool *nulls);
extern CdcEntry *cdc_reduce_find_row(CdcTargetRun *run, uint32 hash, const Datum *values,
									 const bool *nulls);

/* apply_sort.c; memory that it takes for an entry, of the target's batch */
#define CDC_SORT_BYTES	32
extern void cdc_reduce_sort(CdcTargetRun *run);

/* apply.c: the run that cdc.apply and cdc.replay share */
extern CdcApply *cdc_apply_begin(const CdcSubscription *sub, const CdcTargetSpec *replay);
extern void cdc_apply_flush(CdcApply *apply);
extern void cdc_apply_end(CdcApply *apply);
extern CdcTargetRun *cdc_apply_target(CdcApply *apply, const char *source_table, size_t len);

/* The same if this run has used it before, else NULL. */
extern CdcTargetRun *cdc_apply_known_target(const CdcApply *apply, const char *source_table,
											size_t len);

/* apply_lookahead.c */

/*
 * Called when the collected rows have to be written before the end of the run:
 * finds out which of them, and of the events to come, later events replace,
 * where that is likely to pay.
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

/*
 * apply_history.c: calls cdc_apply_event for each event of history behind
 * after up to and including upto, in order; source_table NULL: of all tables.
 */
extern void cdc_history_scan(CdcApply *apply, int64 after, int64 upto,
							 const char *source_table);

/*
 * Inside of that scan: calls visit for up to limit events of its range behind
 * after, as the scan itself sees them.
 */
extern void cdc_history_peek(CdcApply *apply, int64 after, int64 limit, CdcHistoryVisitor visit,
							 void *arg);

/* The last boundary of history in (after, upto] at or above barrier; 0: none. */
extern int64 cdc_history_last_boundary(const CdcSubscription *sub, int64 after, int64 barrier);

/* The first one at or above from; 0: none. */
extern int64 cdc_history_first_boundary(const CdcSubscription *sub, int64 from);

#endif							/* CDC_PG_APPLY_APPLY_INTERNAL_H */
