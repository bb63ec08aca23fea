/*-------------------------------------------------------------------------
 *
 * step.h
 *	  What the parts of a step of the copy share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_STEP_H
#define CDC_PG_COPY_STEP_H

#include "pg/copy/chunk.h"
#include "pg/copy/copy.h"
#include "pg/progress/copy_progress.h"

/* A step at work. */
typedef struct Step
{
	const CdcCopy *copy;
	CdcSource  *source;			/* in the snapshot */
	CdcSnapshot *snap;
	CdcSnapshotUse use;
	CdcEventWriter *writer;
	TimestampTz until;			/* when it is to end */
	List	   *finished;		/* of CdcCopyJoin *: tables whose rows are all there */
	bool		wrote;			/* it has done something */
	const char *changed;		/* a table whose definition did not fit, or NULL */
} Step;

/* A table in a step. */
typedef struct StepTable
{
	CdcCopyProgress *progress;
	const CdcTable *table;
	CdcChunkKey *key;			/* NULL: it is read as a whole */
} StepTable;

/*
 * definition.c: the definition of a table.  NULL: it is not known now, and step->changed says
 * so; or it cannot be copied, which its state 'e' then says.
 */
extern const CdcTable *cdc_step_definition(Step *step, const CdcCopyProgress *progress);

/* Sets a table's state to 'e', with a WARNING. */
extern void cdc_step_give_up(const CdcCopy *copy, const char *source_table, const char *error);

/* Whether the table or its target has no key, as far as is known. */
extern bool cdc_step_is_keyless(const CdcCopy *copy, const CdcCopyProgress *progress);

/* How many rows the source believes the table to have; -1: it does not say. */
extern int64 cdc_step_estimated_rows(CdcSource *control, const CdcTable *table);

#endif							/* CDC_PG_COPY_STEP_H */
