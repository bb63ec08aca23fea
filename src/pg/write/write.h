/*-------------------------------------------------------------------------
 *
 * write.h
 *	  What becomes of the rows of a target since they were written last, and
 *	  writing it.
 *
 *	  Who folds events into entries, and how, is up to apply.  From the top down:
 *	  reduce.c			the last state of each key since the last flush
 *	  sort.c			reduced rows in the order of their keys
 *	  backend.c			which back-end writes a target
 *	  heap*.c			back-end: direct table access
 *	  sql*.c			back-end: set-based SQL; sql_stage.c: rows that segments have made
 *	  truncate.c		emptying a target
 *	  surprise.c		rows that are not as the events say
 *	  writer.c			with whose rights
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WRITE_WRITE_H
#define CDC_PG_WRITE_WRITE_H

#include "pg/base/compat.h"
#include "access/htup.h"
#include "lib/stringinfo.h"
#include "pg/target/target.h"
#include "utils/jsonb.h"

typedef struct CdcWork CdcWork;
typedef struct CdcWriteBackend CdcWriteBackend;

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

/* What an event says of the row with its key, as it was before. */
typedef enum CdcExpected
{
	CDC_EXPECTS_NOTHING,		/* it does not say */
	CDC_EXPECTS_ROW,			/* there is one: it is updated or deleted */
	CDC_EXPECTS_NONE			/* there is none: it is inserted */
} CdcExpected;

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
	bool		existing:1;		/* write tuple over a row that there is, else not at all */
	bool		folded:1;		/* of several rows, of which place is that of the last */
	uint8		expected:2;		/* CdcExpected of the first of them */
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

/* Rows of a target that are not as the events say, since the last flush. */
typedef struct CdcSurprise
{
	int64		missing;		/* to be updated or deleted, and not there */
	int64		surplus;		/* to be inserted, and there with other values */
	CdcPlace	place;			/* of the first one; near by, where entry is NULL */
	bool		inserted;		/* the first one is surplus */
	const CdcEntry *entry;		/* the first one's; NULL: several were written at once */
} CdcSurprise;

/* A target within one run, whatever fills it. */
typedef struct CdcTargetRun
{
	CdcTarget  *target;
	int			number;			/* of the run's targets, from 1 */
	const struct CdcApplyMode *mode;	/* apply's: how events fold into entries */
	const struct CdcSourceRun *source;	/* apply's: whose event came last; for messages */

	/* how it is written */
	CdcTargetRights rights;
	bool		writes_as_owner;	/* the writer is the subscription's owner */
	bool		one_by_one;		/* each row is written before the next is looked at */
	bool		all_count;		/* no event is needless, whatever later ones do */
	bool		each_is_seen;	/* apply's: a later event may be older, where it is of another partition */
	const CdcWriteBackend *backend;
	void	   *state;			/* the back-end's own; NULL: it is not open */
	const char *subscription;	/* for cdc.log */
	bool		overwrites;		/* at the moment: of two rows with the same values in a unique
								 * index the later one stays */

	/* whether the target is as the events say */
	CdcExpected expected;		/* apply's, of the row that is folded next */
	CdcSurprise surprise;
	/* told of that behind a flush; or NULL */
	void		(*surprised) (CdcWork *work, struct CdcTargetRun *run);

	/* of a target with versions: what writes its rows, and what is known of them, see versions/versions.h; or NULL */
	struct CdcTargetRun *written;
	struct CdcVersions *versions;

	/* what was collected since the last flush */
	MemoryContext batch;		/* of all that; reset by each flush */
	int64		first_seq;		/* of the first event */
	CdcBucket  *buckets;		/* open addressing; nbuckets is a power of 2, or 0 */
	uint32		nbuckets;
	CdcEntry  **entries;		/* in order of appearance; for the flush by their keys */
	int			nentries;
	int			maxentries;
	bool		deletes;		/* for the flush: some of them delete */
	size_t		bytes;			/* in batch, about */
	size_t		counted;		/* of them in CdcWork.bytes */

	/* counters */
	int64		events;
	int64		inserted;		/* rows; back-ends count what they write */
	int64		updated;
	int64		deleted;
	bool		emptied;		/* all rows that it had have gone: deleted does not count them */
} CdcTargetRun;

/* What is at hand, for the context of errors. */
typedef struct CdcAtHand
{
	CdcPlace	place;			/* of the event or entry */
	const char *source_table;	/* of the event, not terminated; or NULL */
	size_t		source_table_len;
	const struct CdcSourceRun *source; /* with a target; or NULL */
	const JsonbContainer *data; /* the event's row image, or */
	const CdcEntry *entry;		/* the entry that is written; or neither */
	bool		writing;		/* a batch of entries: without entry the place is that of one of them */
} CdcAtHand;

/* What the targets of a run share. */
struct CdcWork
{
	MemoryContext cxt;			/* of the run */
	size_t		bytes;			/* in all batches */
	int			calls;			/* of back-ends, to write or to read; run.c resets it */
	CdcAtHand	at;
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
 * How targets are written.  All counts go to run->  What a back-end raises
 * has its entry in work->at.
 */
struct CdcWriteBackend
{
	const char *name;
	/* sets run->state, which lives until close; the relation is locked */
	void		(*open) (CdcWork *work, CdcTargetRun *run);
	/* writes all entries; deletes come before rows */
	void		(*flush) (CdcWork *work, CdcTargetRun *run);
	/*
	 * Reads the row with the key into values and nulls (by attribute), palloc'ed
	 * copies; false when there is none.
	 */
	bool		(*fetch) (CdcTargetRun *run, const CdcRowKey *key, Datum *values, bool *nulls);
	/*
	 * At the end of a run, all being written: ERROR where a row was lost to another one in
	 * a unique index.  NULL: the server has seen to it.
	 */
	void		(*settle) (CdcWork *work, CdcTargetRun *run);
	/* resets run->state */
	void		(*close) (CdcWork *work, CdcTargetRun *run);
};

extern const CdcWriteBackend cdc_write_heap;
extern const CdcWriteBackend cdc_write_sql;

/* backend.c: the one that writes the target.  ERROR where a rule of it would take the rows. */
extern const CdcWriteBackend *cdc_backend_choose(const CdcTarget *target,
												 const CdcTargetRights *rights);

/* truncate.c: TRUNCATE, or DELETE where foreign keys or rights forbid it; not while it is open */
extern void cdc_truncate_target(CdcWork *work, CdcTargetRun *run);

/* ------------------------------------------------------------------------
 * surprise.c: what back-ends tell of rows that are not as the events say
 * ------------------------------------------------------------------------
 */

/* So many rows of the entry, which is being written, are missing or are surplus. */
extern void cdc_surprise_missing(CdcTargetRun *run, const CdcEntry *entry, int64 rows);
extern void cdc_surprise_surplus(CdcTargetRun *run, const CdcEntry *entry, int64 rows);

/* The row of the event at hand, which is there by the event, is missing; tells it at once. */
extern void cdc_surprise_absent(CdcWork *work, CdcTargetRun *run);

/*
 * The same where n entries were written at once, of which some rows were found and some not.
 * To be called with how many of them expect what (cdc_surprise_expected), as they are out of order behind that.
 */
typedef struct CdcExpectations
{
	int			rows;			/* entries with CDC_EXPECTS_ROW */
	int			none;			/* ... with CDC_EXPECTS_NONE */
} CdcExpectations;

/* The key of the first one, "(id, no)=(5, 7)", palloc'ed; NULL: there is none. */
extern char *cdc_surprise_key(const CdcTargetRun *run);

extern CdcExpectations cdc_surprise_expected(CdcEntry *const *entries, int n);
extern void cdc_surprise_compare(CdcTargetRun *run, const CdcExpectations *expected, const CdcEntry *last,
								 int n, int64 found);

/* ------------------------------------------------------------------------
 * writer.c
 * ------------------------------------------------------------------------
 */

/* In whose place a target's writer is. */
typedef struct CdcWriterUser
{
	Oid			userid;
	int			sec_context;
} CdcWriterUser;

/*
 * Between begin and end, what belongs to the target's table runs as its writer:
 * conversions (domains have checks), triggers, defaults.  They nest.
 */
extern void cdc_writer_begin(const CdcTargetRun *run, CdcWriterUser *saved);
extern void cdc_writer_end(const CdcWriterUser *saved);

/*
 * session_replication_role until the next call or the end of the surrounding scope
 * (catalog/access.h), there has to be one.
 */
extern void cdc_writer_set_role(bool replica);

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
extern CdcEntry *cdc_reduce_find_entry(CdcTargetRun *run, uint32 hash, const Datum *values,
									 const bool *nulls);

/* The key is to be deleted. */
extern void cdc_reduce_delete(CdcWork *work, CdcTargetRun *run, const Datum *values,
							  const bool *nulls);

/* Lays a row over what its key had; adds to values what it takes over from there. */
extern void cdc_reduce_put(CdcWork *work, CdcTargetRun *run, Datum *values, bool *nulls,
						   const CdcPresence *presence);

/*
 * The same of a part of a row that may not have come yet: where there is none, none is made.
 */
extern void cdc_reduce_update(CdcWork *work, CdcTargetRun *run, Datum *values, bool *nulls,
							  const CdcPresence *presence);

/* In a table without key: one such row more, or (insert is false) less. */
extern void cdc_reduce_keyless(CdcWork *work, CdcTargetRun *run, Datum *values, bool *nulls,
							   bool insert, const CdcPresence *presence);

/*
 * The row of the target as it is now, without what is collected, by the key in
 * key and key_nulls (by attribute); false when there is none.  values and nulls
 * (by attribute) are palloc'ed copies.
 */
extern bool cdc_reduce_fetch(CdcWork *work, CdcTargetRun *run, const Datum *key,
							 const bool *key_nulls, Datum *values, bool *nulls);

/* After a row was folded: counts the memory, and writes at once where the target demands it. */
extern void cdc_reduce_row_done(CdcWork *work, CdcTargetRun *run);

/* Writes all that is collected, and forgets it; or forgets it only. */
extern void cdc_reduce_flush(CdcWork *work, CdcTargetRun *run);
extern void cdc_reduce_discard(CdcWork *work, CdcTargetRun *run);

/* At the end of a run: see CdcWriteBackend.settle. */
extern void cdc_reduce_settle(CdcWork *work, CdcTargetRun *run);

/* Closes the back-end where it is open. */
extern void cdc_reduce_close(CdcWork *work, CdcTargetRun *run);

/* sort.c; memory that it takes for an entry, of the target's batch, in bytes */
#define CDC_SORT_BYTES	32
extern void cdc_reduce_sort(CdcTargetRun *run);

/* ------------------------------------------------------------------------
 * sql_stage.c: rows that the segments have made themselves, merged where they are
 * ------------------------------------------------------------------------
 */

/* The column of a stage that says of a row that its key is to be deleted. */
#define CDC_STAGE_GONE	"gone"

/*
 * Whether the target's rows can be merged from a stage: a temporary table of the session
 * that is distributed as the target is.
 */
extern bool cdc_stage_fits(const CdcTargetRun *run);

/*
 * Makes the target's stage where the session has none; reader and the target's writer may
 * use it.  ERROR where it cannot be made.  Not inside of a subtransaction that may come to
 * nothing.
 */
extern void cdc_stage_open(const CdcTargetRun *run, Oid reader);

/* Empties it, where this transaction has filled it before. */
extern void cdc_stage_empty(const CdcTargetRun *run);

/*
 * Writes what is in it, one row a key, staged of them.  deletes: some may be gone.  ERROR
 * where rows would have to move between segments.
 */
extern void cdc_stage_merge(CdcTargetRun *run, int64 staged, bool deletes);

/* ------------------------------------------------------------------------
 * sql_statement.c
 * ------------------------------------------------------------------------
 */

/*
 * The name of a target's stage, qualified; its columns are c1, c2, ... like those of the
 * target, and gone.
 */
extern const char *cdc_stage_name(const CdcTarget *target);

/*
 * Appends "(t.id) OPERATOR(pg_catalog.=) (s.c1)", whatever search_path says: left and
 * right as the target's column (an index) is compared.
 */
extern void cdc_append_equality(StringInfo sql, const CdcTarget *target, int column,
								const char *left, const char *right);

/*
 * Whether unnest() gives values of the type (not a domain) from an array of them: it takes
 * an array of arrays apart down to its elements, and rows to their columns.
 */
extern bool cdc_type_unnests(Oid typid);

#endif							/* CDC_PG_WRITE_WRITE_H */
