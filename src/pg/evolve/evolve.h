/*-------------------------------------------------------------------------
 *
 * evolve.h
 *	  Making a target follow a change of its source table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_EVOLVE_EVOLVE_H
#define CDC_PG_EVOLVE_EVOLVE_H

#include "pg/base/compat.h"
#include "lib/stringinfo.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/tables.h"
#include "pg/schema/change.h"

/* What to give cdc.alter_table where expressions of the mapping cannot go on: the mapping, altered. */
#define CDC_REMAP_COLUMNS	"columns"

typedef struct CdcEvolution
{
	/* in */
	const CdcSubscription *sub;
	const CdcSubscriptionTable *table;	/* its target_oid is a relation */
	const CdcPendingChange *change; /* with its definitions, both with columns */
	CdcDropColumn dropped;
	bool		stays;			/* the target is not altered: only what the statement did to values
								 * that it has is looked for */

	/* out, palloc'ed */
	StringInfoData done;		/* what was done to the target, as SQL and sentences */
	char	   *remap;			/* what does not follow is the mapping: arguments of
								 * cdc.alter_table that the user is to give; or NULL */
	char	   *first;			/* ... and statements to be typed before that; or NULL */
	bool		columns_changed;	/* cdc.subscription_table.columns is to be: */
	Jsonb	   *columns;		/* or NULL: the same names */
	bool		key_renamed;	/* cdc.subscription_table.key is to be: */
	char	  **key;			/* as many as the table has */
} CdcEvolution;

/*
 * Alters the target as the source altered its table, as the current user: its columns'
 * names and types, new ones with what the source's rows have in them, its primary key.
 * The target has what the source had right before the change.
 *
 * Returns NULL when it has what the source has now.  Else the palloc'ed reason, a sentence
 * without its full stop: the target is then to be put back by the end of a
 * subtransaction.  ERROR, likewise, where PostgreSQL refuses; and where the target's
 * lock is not got in time.
 */
extern char *cdc_evolve(CdcEvolution *e);

/*
 * Where the target does not follow: what fills a column of it directly is called by its name
 * behind the change, in e->columns, so that a new copy brings the same column's values.
 */
extern void cdc_evolve_names(CdcEvolution *e);

/*
 * Alters the target so that it takes rows of the change's definition after, which will
 * replace what it has: where a column's type or the key has to be another one it is
 * emptied.  As cdc_evolve().
 */
extern char *cdc_evolve_refit(CdcEvolution *e);

#endif							/* CDC_PG_EVOLVE_EVOLVE_H */
