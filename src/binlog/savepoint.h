/*-------------------------------------------------------------------------
 *
 * savepoint.h
 *	  The savepoints of an open group: how many of its events stand before
 *	  each of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_SAVEPOINT_H
#define CDC_BINLOG_SAVEPOINT_H

#include "core/arena.h"
#include "core/value.h"

/* A place in a group: the events that were kept up to there. */
typedef struct CdcGroupMark
{
	uint64_t	events;
	uint64_t	bytes;			/* of all of them together */
} CdcGroupMark;

/* Zeroed at first; memory is freed by cdc_savepoints_free(). */
typedef struct CdcSavepoints
{
	CdcBuf		list;			/* from the oldest to the newest */
	bool		forgotten;		/* the oldest ones were too many */
} CdcSavepoints;

extern void cdc_savepoints_reset(CdcSavepoints *sp);
extern void cdc_savepoints_free(CdcSavepoints *sp);

/* Remembers a SAVEPOINT at the mark here; rest is the statement behind that word. */
extern CdcStatus cdc_savepoint_set(CdcSavepoints *sp, CdcString rest, CdcGroupMark here,
								   CdcError *err);

/*
 * Finds the savepoint of a ROLLBACK TO and forgets later ones; rest is the statement
 * behind these words.  *mark is where the savepoint was set.  CDC_ERR_CORRUPT when there
 * is none of that name, CDC_ERR_UNSUPPORTED or CDC_ERR_LIMIT when nobody can know.
 */
extern CdcStatus cdc_savepoint_find(CdcSavepoints *sp, CdcString rest, CdcGroupMark *mark,
									CdcError *err);

#endif							/* CDC_BINLOG_SAVEPOINT_H */
