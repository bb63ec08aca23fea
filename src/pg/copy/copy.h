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
	int			busy;			/* ... as the source never stood still */
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

	/* where the stream stands */
	bool		first;			/* nowhere: it will begin where the first snapshot was taken */
	const char *file;
	int64		offset;

	/* whether from is there, or behind */
	bool		(*covers) (void *arg, const CdcSourcePosition *from);

	/* whether it has come to where the source stood when this was first asked of the table */
	bool		(*caught_up) (void *arg, const char *source_table);
	void	   *arg;				/* of both */
} CdcCopy;

/* What a step was. */
typedef struct CdcCopyStep
{
	bool		done;			/* it appended something, or changed the state of a table */
	CdcSourcePosition from;		/* of the snapshot, where it was done */
	int			wait_ms;		/* else: when to try again; 0: there is nothing to copy */
} CdcCopyStep;

/*
 * One step: a snapshot of its own, over as many connections of its own as the
 * subscription's copy_workers, in which the tables that wait are read for about its
 * copy_chunk_time, those without a key as a whole.  What it appends and the progress are in the caller's transaction.
 *
 * A table that cannot be copied gets state 'e' and a WARNING.  When the source is in the
 * way of a snapshot whose place is known, an ERROR where first, else a WARNING, and step
 * says when to try again.
 */
extern void cdc_copy_step(const CdcCopy *copy, CdcCopyStep *step);

/* Whether the subscription has a replica that tables are read from. */
extern bool cdc_copy_has_replica(const CdcSubscription *sub);

/* ERROR where it has, and that is none of the source. */
extern void cdc_copy_check_replica(const CdcSubscription *sub, CdcSource *source);

/* Closes the connections.  No ERROR. */
extern void cdc_copy_hang_up(CdcCopyPace *pace);

#endif							/* CDC_PG_COPY_COPY_H */
