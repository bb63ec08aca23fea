/*-------------------------------------------------------------------------
 *
 * copy_progress.h
 *	  How far the copies of a subscription's tables have come: the rows of
 *	  cdc_catalog.copy_progress, and the states of the tables that go with them.
 *
 *	  i  waits for its copy
 *	  d  is being copied, chunk by chunk
 *	  f  all of its rows are in the history; the stream has to pass the last snapshot
 *	  s  the stream has passed it
 *	  r  the target has all that: apply sets it, in the transaction that brings it
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROGRESS_COPY_PROGRESS_H
#define CDC_PG_PROGRESS_COPY_PROGRESS_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "utils/jsonb.h"

/*
 * A source table that is to be copied, or is being copied, for those of its targets that wait
 * for the same: each has its row of cdc_catalog.copy_progress, with the same in it.
 */
typedef struct CdcCopyProgress
{
	char	   *source_table;	/* database.table */
	char	  **names;			/* of its tables that take part */
	int			nnames;
	char		state;
	bool		wanted;			/* false: its rows are not wanted, it is ready at once */
	bool		keyless;		/* rows of a target are found by all their columns */
	bool		has_target;		/* all of them have one */
	bool		held;			/* one of them is in error until the copy begins */
	List	   *options;		/* of Jsonb *, each table's own, or NULL */

	/* what was asked for */
	bool		replaces;		/* rows that the copy does not bring go from the target */
	char	   *row_filter;		/* only these rows; the source's SQL; or NULL */
	bool		resync;			/* the target had its rows before */
	bool		keeps;			/* the target may have had other rows before, and keeps them */
	char	   *gone;			/* rows of the target that the source did not have at ... */
	int64		gone_seq;		/* ... this event: keys as the text of an array; NULL: not known */

	/* how far it has come */
	int64		begin_seq;		/* 0: it has not begun */
	int64		events_seq;		/* from this one on the table's changes in the history are of the
								 * copy, though the stream has not passed it; 0: none are */
	char	   *key_shape;		/* see CdcChunkKey; NULL: it is read in one pass */
	char	  **last_key;		/* literals; NULL: nothing was read yet */
	int			nlast_key;
	char	  **reread;			/* rows that are to be read once more, as conditions */
	int			nreread;
	int64		rows;
	int64		bytes;
	int64		chunks;
	int64		estimated_rows; /* -1: not known */
} CdcCopyProgress;

/*
 * Up to limit source tables that are to be copied, those that are being copied first; of
 * CdcCopyProgress *, palloc'ed.  One that is being copied for some of its targets is not to
 * be copied for others before that is done; one may be there twice, for what differs in what
 * is wanted.
 */
extern List *cdc_copy_waiting(const CdcSubscription *sub, int limit);

/* Whether there is one of these; or one whose copy the stream has not passed. */
extern bool cdc_copy_is_waiting(const CdcSubscription *sub);
extern bool cdc_copy_is_pending(const CdcSubscription *sub);

/* A table in state e; texts are palloc'ed. */
typedef struct CdcFailedTable
{
	char	   *name;			/* its source table's, where that has no other target */
	char	   *error;			/* or NULL */
	bool		retried;		/* cdc.retry_errors helps it */
	bool		left_out;		/* else: it could not have a target */
	bool		gone;			/* else: the source has it not any more */
	bool		differs;		/* else: cdc.verify does, or a new copy */
} CdcFailedTable;

/*
 * Whether one of the tables (source tables, or names; NULL: of all of the subscription's) is in a state between i
 * and r.  *failed: a table in state e, or without a name.
 */
extern bool cdc_copy_look(const CdcSubscription *sub, char **tables, int ntables, CdcFailedTable *failed);

/* Keeps what a chunk has changed of it, and sets state d. */
extern void cdc_copy_save(const CdcSubscription *sub, const CdcCopyProgress *progress);

/*
 * A row of a source table that is being copied may be in no chunk: it is to be read once more, by
 * a condition in the source's SQL.  false: there are too many of these.
 */
extern bool cdc_copy_reread(const CdcSubscription *sub, const char *source_table,
							const char *condition);

/* What the copy of tables waits for; NULL: it goes on. */
extern void cdc_copy_waits_for(const CdcSubscription *sub, const char *what);

/* Where the stream has to get to for a source table that is copied. */
typedef struct CdcCopyJoin
{
	char	   *source_table;
	char	  **names;			/* as of CdcCopyProgress; not of cdc_copy_joins() */
	int			nnames;
	char	   *position;		/* file:offset */
	char	   *gtid_set;		/* or NULL */
} CdcCopyJoin;

/* All rows of the copy are in the history, up to end_seq: state f. */
extern void cdc_copy_finish(const CdcSubscription *sub, const CdcCopyJoin *join, int64 end_seq);

/* The tables in state f, of CdcCopyJoin *, in the order in which they were copied. */
extern List *cdc_copy_joins(const CdcSubscription *sub);

/*
 * The stream, whose last event is seq, has passed the copy of the source table that was in
 * state f: state s.  gone: the source has the table not any more, and so has no row of it to be
 * copied: that is so of all of its copies.
 */
extern void cdc_copy_synced(const CdcSubscription *sub, const char *source_table, int64 seq, bool gone);

/*
 * Targets have all up to applied_seq: tables of which that is enough get state r.  Returns
 * whether there were any.
 */
extern bool cdc_copy_applied(const CdcSubscription *sub, int64 applied_seq);

/* Which part of the history the copy of a table is about that was asked for last. */
typedef struct CdcCopySpan
{
	bool		known;			/* false: it was never copied */
	bool		waits;			/* it has not begun, or is under way */
	bool		at_end;			/* what the target had stays until the end, where it cannot be told row by row */
	int64		begin_seq;		/* its first event; PG_INT64_MAX: it has not begun */
	int64		events_seq;		/* of the changes that are its own, the first; PG_INT64_MAX: there are none */
	int64		sync_seq;		/* behind this one none is its own; PG_INT64_MAX: that is not known yet */
	bool		keeps;			/* the target may have other rows besides */
	int64		whole_after;	/* behind this seq it has all rows that its source had; PG_INT64_MAX: that
								 * is not known */
	int64		ahead_until;	/* up to this seq the table's rows are not of one place of the source;
								 * PG_INT64_MAX: that is not known yet; 0: it was never copied */
} CdcCopySpan;

extern void cdc_copy_span(const CdcSubscription *sub, const char *name, CdcCopySpan *span);

/* Whether an event of a copy of its source table is for the table. */
static inline bool
cdc_copy_span_has(const CdcCopySpan *span, int64 seq)
{
	return !span->known || (seq >= span->begin_seq && seq <= span->sync_seq);
}

/*
 * Source tables with several targets: which events of copies are for which is to be told from
 * now on, for each that is registered.
 */
extern void cdc_copy_tell_apart(const CdcSubscription *sub, const char *source_table);

/*
 * The names of the source table's tables that are being copied, of char *; waiting: those that
 * wait for a copy, too.
 */
extern List *cdc_copy_members(const CdcSubscription *sub, const char *source_table, bool waiting);

/* How a table is to be copied. */
typedef struct CdcCopyRequest
{
	const char *kind;			/* "copy" or "resync" */
	bool		replaces;
	const char *row_filter;		/* or NULL */
	bool		again;			/* one that was under way has to begin anew */
	const char *gone;			/* as of CdcCopyProgress */
	int64		gone_seq;
	bool		keeps;			/* likewise */
	bool		keyless;		/* again: nothing but it brings rows, which would be there twice */
} CdcCopyRequest;

/*
 * The table is to be copied, from the beginning, whatever its state was: state i.
 * again: a first copy has the rows that were asked for; one that was to mend some rows of
 * the target is of all rows now.  Nothing where it is not registered, or
 * could not have a target: rows for a target that is not there make no table ready.
 */
extern void cdc_copy_request(const CdcSubscription *sub, const char *name,
							 const CdcCopyRequest *request);

/* Whether the copy that was asked for last is to mend some rows of a target that has the others. */
extern bool cdc_copy_is_partial(const CdcSubscription *sub, const char *name);

/* Whether rows that its target had before its copy, or has besides, are to stay. */
extern bool cdc_copy_keeps(const CdcSubscription *sub, const char *name);

/*
 * Whether a copy of the table that replaces what its target has was asked for, and begins behind
 * the event seq: what the table did until then is of no concern any more.
 */
extern bool cdc_copy_supersedes(const CdcSubscription *sub, const char *name, int64 seq);

/* How often the copy that was asked for last has begun anew. */
extern int	cdc_copy_restarts(const CdcSubscription *sub, const char *name);

/*
 * Whether some rows of the table may be copied anew, as all others are as they should be: its
 * state is r.  Locks its row up to the end of the transaction.
 */
extern bool cdc_copy_is_ready(const CdcSubscription *sub, const char *name);

/*
 * All tables of the subscription that hold copied rows or are to be copied get a new,
 * replacing copy: what the stream missed cannot be told.  Returns how many.
 */
extern int64 cdc_copy_request_all(const CdcSubscription *sub);

#endif							/* CDC_PG_PROGRESS_COPY_PROGRESS_H */
