/*-------------------------------------------------------------------------
 *
 * copy_internal.h
 *	  What the parts of the copy share, from the bottom up:
 *
 *	  waits.c			what it waits for, shown
 *	  reader.c			the connections that a step reads over
 *	  replica.c			... where they go to a replica of the source
 *	  table.c			a table in a step: its definition, its markers, its end
 *	  moment.c			a snapshot that is exact for tables without a key
 *	  pass.c			a table without a key, read over several steps
 *	  wave.c			rows of several tables, or ranges, read at the same time
 *	  copy.c			the step
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_COPY_INTERNAL_H
#define CDC_PG_COPY_COPY_INTERNAL_H

#include "pg/base/compat.h"
#include "utils/timestamp.h"

#include "pg/copy/chunk.h"
#include "pg/copy/copy.h"
#include "pg/progress/copy_progress.h"

/* A step at work. */
typedef struct CdcCopyWork
{
	const CdcCopy *copy;
	CdcSnapshot *snap;			/* of all readers */
	CdcSnapshotUse use;
	CdcSource  *readers[CDC_COPY_MAX_WORKERS];	/* in the snapshot; NULL: not yet */
	int			max_readers;	/* so many may be */
	bool		on_replica;		/* they go to snapshot_host */
	CdcEventWriter *writer;
	TimestampTz until;			/* when it is to end */
	List	   *finished;		/* of CdcCopyJoin *: tables whose rows are all there */
	bool		wrote;			/* it has done something */
	const char *changed;		/* a table whose definition did not fit, or NULL; ... */
	const char *refusal;		/* ... what the source said of the SELECT of its rows, UTF-8; or NULL */
	const char *condition;		/* ... its condition, likewise */
	bool		passing;		/* ... and that will be another time */
} CdcCopyWork;

/* A table in a step. */
typedef struct CdcCopyTable
{
	CdcCopyProgress *progress;
	const CdcTable *table;		/* NULL: it was not looked at yet */
	CdcChunkKey *key;			/* NULL: it is read as a whole */
	CdcGeneratedLogged logged;	/* generated columns that row images have */
	bool		aside;			/* the history does not keep its rows */
	bool		touched;		/* its progress is to be saved */
	bool		done;			/* nothing more in this step */
	TimestampTz pause_at;		/* then its rows go on in another step; 0: all come in this one */
	bool		paused;			/* some of its rows are read, others come in other steps */
} CdcCopyTable;

static inline double
cdc_copy_ms_until(TimestampTz until)
{
	return (until - GetCurrentTimestamp()) / 1000.0;
}

/* ---- waits.c ---- */

/* What the copy waits for, for those who look; NULL: it goes on. */
extern void cdc_copy_note_wait(const CdcCopy *copy, const char *what);

/* ---- reader.c ---- */

/* The first connection to the source, opened where it is not open. */
extern CdcSource *cdc_copy_session(const CdcCopy *copy);

/*
 * A reader of the step: the first one is there, the others join its snapshot when asked for.
 * NULL: there are no more.
 */
extern CdcSource *cdc_copy_reader(CdcCopyWork *work, int i);

/*
 * A reader waits for a table no longer than a second.  DDL that waits for one of our readers
 * lets another one wait behind it: the source does not see that they belong together.
 */
extern void cdc_copy_bound_waits(CdcSource *source);

/* Gives a reader up in the middle of its answer.  No ERROR. */
extern void cdc_copy_drop_reader(CdcCopyWork *work, int i);

/* Ends the snapshots of all readers but the first. */
extern void cdc_copy_end_readers(CdcCopyWork *work);

/* ---- replica.c ---- */

/*
 * The first reader, in a snapshot of the replica that has all that the stream has brought.
 * false: not now, and result says when to try again.
 */
extern bool cdc_copy_open_replica(CdcCopyWork *work, CdcCopyStep *result);

/* Ends the snapshot, and sets to: of the source's binlog. */
extern void cdc_copy_end_replica(CdcCopyWork *work);

/* ---- table.c ---- */

/* Whether the table or its target has no key, as far as is known. */
extern bool cdc_copy_is_keyless(const CdcCopy *copy, const CdcCopyProgress *progress);

/* Why a table cannot be copied. */
typedef struct CdcCopyTrouble
{
	int			sqlerrcode;
	const char *text;			/* a sentence without its stop; NULL: it can be */
	const char *hint;			/* what to do; NULL: copy it anew when that is no longer so */
} CdcCopyTrouble;

/* Sets state 'e', and tells. */
extern void cdc_copy_give_up(const CdcCopy *copy, const char *source_table,
							 const CdcCopyTrouble *trouble);

/*
 * Looks at a table before its rows are read: its definition and key, and rows that are to
 * be read once more.  Sets done where there is nothing to read, for now or at all.
 */
extern void cdc_copy_prepare(CdcCopyWork *work, CdcCopyTable *t);

/* What has to be known of a table whose definition is, before its rows are read. */
extern void cdc_copy_find_ways(const CdcCopyWork *work, CdcCopyTable *t);

/*
 * Appends the rows of a chunk that was asked for, which may be the table's first ones.
 * false, and the chunk is closed: with work->changed, the definition at the source is
 * another one; else the table's rows cannot be read, and it is given up.  A table that may be read
 * over several steps: t->paused, where the step's time is over.
 */
extern bool cdc_copy_append(CdcCopyWork *work, CdcCopyTable *t, CdcChunk *chunk);

/*
 * The same of a table that is read over several steps: CDC_MORE at the end of the step's time,
 * CDC_END; else the table is given up, and the chunk closed.
 */
extern CdcStatus cdc_copy_append_more(CdcCopyWork *work, CdcCopyTable *t, CdcChunk *chunk);

/* Whether the copy is of some rows, and tells the keys of all, so that others can go. */
extern bool cdc_copy_tells_keys(const CdcCopyProgress *p);

/*
 * Appends the keys of all rows of the range, read over the first connection; false as of
 * cdc_copy_append().
 */
extern bool cdc_copy_tell_keys(CdcCopyWork *work, CdcCopyTable *t, const CdcChunkRange *range);

/* The table has no more rows. */
extern void cdc_copy_end(CdcCopyWork *work, CdcCopyTable *t);

/* Saves the progress of one that has. */
extern void cdc_copy_keep(CdcCopyWork *work, CdcCopyTable *t);

/* ---- moment.c ---- */

/* The snapshot, which is open in the first session, waits for the stream; it is for these tables. */
extern void cdc_copy_moment_begin(const CdcCopy *copy, const CdcSnapshot *snap, List *tables);

/* The snapshot's place is where the stream stands. */
extern void cdc_copy_moment_snapshot(const CdcCopy *copy, CdcSnapshot *snap);

/* Those of the tables that it is good for. */
extern List *cdc_copy_moment_tables(const CdcCopy *copy, List *tables);

/* Since when it waits. */
extern TimestampTz cdc_copy_moment_opened_at(const CdcCopyPace *pace);

/* Forgets it; the session is the caller's. */
extern void cdc_copy_moment_end(CdcCopyPace *pace);

/* ---- pass.c ---- */

/* The step's time is over: the chunk, and the first reader with it, go on being read in other steps. */
extern void cdc_copy_pass_begin(CdcCopyWork *work, const CdcCopyTable *t, CdcChunk *chunk);

/*
 * Whether there is a table that is being read so, and can go on: then t is it, out of tables
 * (CdcCopyProgress *) that wait.  One that cannot is ended.
 */
extern bool cdc_copy_pass_resume(const CdcCopy *copy, List *tables, CdcCopyTable *t);

/* Its next rows, and what came with the stream, to its end, which is as of any table. */
extern void cdc_copy_pass_step(CdcCopyWork *work, CdcCopyTable *t);

/* ---- wave.c ---- */

/* Reads the tables (of CdcCopyTable *), as many of their rows as the step has time for. */
extern void cdc_copy_waves(CdcCopyWork *work, List *tables);

#endif							/* CDC_PG_COPY_COPY_INTERNAL_H */
