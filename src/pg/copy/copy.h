/*-------------------------------------------------------------------------
 *
 * copy.h
 *	  The copy of tables of MySQL or MariaDB into the history, in small steps.
 *
 *	  The caller has a stream of changes, and says where it stands; a step appends there
 *	  what a snapshot of now has of the tables that come next.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_COPY_H
#define CDC_PG_COPY_COPY_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "pg/copy/snapshot.h"
#include "pg/history/event_writer.h"
#include "pg/schema/schema.h"

/* When a copy that could not join the binlog is worth another try, in milliseconds. */
#define CDC_COPY_RETRY_MS	60000

/* The most connections that a copy reads over at a time. */
#define CDC_COPY_MAX_WORKERS	16

/* A table without a key that is read over several steps; and a snapshot that waits for the stream. */
typedef struct CdcCopyPass CdcCopyPass;
typedef struct CdcCopyMoment CdcCopyMoment;

/* What is kept from step to step; zeroed by the caller at first, in memory that stays. */
typedef struct CdcCopyPace
{
	CdcSource  *sessions[CDC_COPY_MAX_WORKERS]; /* its connections; NULL: not open */
	int			refused;		/* of that number the last one was refused, or 0 ... */
	TimestampTz refused_at;		/* ... then */
	char		host[NAMEDATALEN];	/* the foreign server that they go to, snapshot_host; or "": the
								 * source's */
	bool		connecting;		/* the first of them is being made */
	bool		checked;		/* it goes to a replica of the source */
	int			retry_ms;		/* how long was waited after its last failure; 0: it did not fail */
	uint32		waits;			/* a hash of what the copy is shown to wait for; 0: nothing ... */
	bool		waits_known;	/* ... or nobody knows */
	char		table[520];		/* that was read last, with ... */
	double		rows_per_ms;	/* ... so many rows a millisecond */
	double		row_bytes;		/* of so many bytes */
	int64		rows;			/* that its last queries asked for */
	double		snapshot_ms;	/* what it took to open the last snapshot */
	int			failures;		/* steps in a row that came to nothing */
	char		busy[520];		/* a table that changed at each moment since ... */
	TimestampTz busy_since;		/* ... then */
	int			busy_moments;
	CdcCopyMoment *moment;		/* or NULL; its snapshot is in the first session */
	CdcCopyPass *pass;			/* or NULL */
	bool		passed;			/* the last step was one of it */
	TimestampTz others_at;		/* other tables wait until then meanwhile; 0 = no */
} CdcCopyPace;

/* What a copy works with; all of it stays the caller's. */
typedef struct CdcCopy
{
	const CdcSubscription *sub;
	CdcControl	control;		/* queries beside the snapshot */
	const char *address;		/* the host that control is connected to */
	CdcSchema  *schema;			/* definitions are stored there */
	CdcEventOutput *out;		/* rows go there, as one transaction a step */
	CdcCopyPace *pace;
	MemoryContext context;		/* that pace lives in */

	/* where the stream stands */
	bool		first;			/* nowhere: it will begin where the first snapshot was taken */
	const char *file;
	int64		offset;

	/* whether from is there, or behind */
	bool		(*covers) (void *arg, const CdcSourcePosition *from);

	/* whether it has come to where the source stood when this was first asked of the table */
	bool		(*caught_up) (void *arg, const char *source_table);
	/* whether it has come to where the snapshot of the pace's moment is */
	bool		(*has_come) (void *arg);
	/* whether events of a table (name in UTF-8) are left out until the stream has passed its copy */
	bool		(*leaves_out) (void *arg, const char *full_name, bool has_key);
	void	   *arg;				/* of all of them */
} CdcCopy;

/* What a step was. */
typedef struct CdcCopyStep
{
	bool		done;			/* it appended something, or changed the state of a table */
	bool		synced;			/* tables are as of where the stream stands */
	CdcSourcePosition from;		/* of the snapshot, where it was done */
	int			wait_ms;		/* else: when to try again; 0: there is nothing to copy */
} CdcCopyStep;

/*
 * One step: a snapshot of its own, over as many connections of its own as the
 * subscription's copy_workers, in which the tables that wait are read for about its
 * copy_chunk_time.  One without a key is read in one snapshot, of a moment in which nothing has changed
 * it, over several steps where that takes longer (see below); one that is not to be seen half filled as a
 * whole.  What it appends and the progress are in the caller's transaction.
 *
 * A table that cannot be copied gets state 'e' and a WARNING.  When the source is in the
 * way of a snapshot whose place is known, an ERROR where first, else a WARNING, and step
 * says when to try again.
 */
extern void cdc_copy_step(const CdcCopy *copy, CdcCopyStep *step);

/*
 * A snapshot that is good for tables without a key waits until the stream has come to where it was
 * opened: then it is as of where the stream stands, for those that nothing has changed between from and
 * there.  The caller tells what has.  NULL: there is none that waits.
 */
extern const CdcSourcePosition *cdc_copy_moment_from(const CdcCopyPace *pace);
extern const CdcSourcePosition *cdc_copy_moment_to(const CdcCopyPace *pace);

/* Tells one from another. */
extern uint64 cdc_copy_moment_number(const CdcCopyPace *pace);

/* Whether it is for that table (name in UTF-8), as far as is known; and the table was changed behind from. */
extern bool cdc_copy_moment_is_of(const CdcCopyPace *pace, const char *database, const char *table);
extern void cdc_copy_moment_changed(CdcCopyPace *pace, const char *database, const char *table);

/*
 * A table that is read over several steps.  What the stream brings of it is kept until its rows are
 * there.  It ends with what the pace is kept for: a pass that is cut off begins anew.
 */

/* Whether there is one; whether it is of this table (name in UTF-8). */
extern bool cdc_copy_passes(const CdcCopyPace *pace);
extern bool cdc_copy_pass_is_of(const CdcCopyPace *pace, const char *full_name);

/* Keeps a change of it, and ends the changes of a transaction where there were any. */
extern void cdc_copy_pass_change(CdcCopyPace *pace, const CdcSubscription *sub, const CdcTransaction *txn,
								 const CdcChange *change);
extern void cdc_copy_pass_commit(CdcCopyPace *pace);

/* It has to begin anew. */
extern void cdc_copy_pass_spoil(CdcCopyPace *pace);

/* It has a change that cannot be told: the table is in error, with a sentence and what to do. */
extern void cdc_copy_pass_fail(CdcCopyPace *pace, const CdcSubscription *sub, const char *reason,
							   const char *hint);

/* Ends it.  No ERROR. */
extern void cdc_copy_pass_close(CdcCopyPace *pace);

/* Whether the subscription has a replica that tables are read from. */
extern bool cdc_copy_has_replica(const CdcSubscription *sub);

/* ERROR where it has, and that is none of the source. */
extern void cdc_copy_check_replica(const CdcSubscription *sub, CdcSource *source);

/* Closes the connections.  No ERROR. */
extern void cdc_copy_hang_up(CdcCopyPace *pace);

#endif							/* CDC_PG_COPY_COPY_H */
