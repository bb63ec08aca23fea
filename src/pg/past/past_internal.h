/*-------------------------------------------------------------------------
 *
 * past_internal.h
 *	  What the parts of past share, from the top down:
 *
 *	  as_of.c	cdc.as_of: whose table, which place, who may; the result
 *	  rebuild.c	a table as it was, from the events up to the place
 *	  scratch.c	the table that it is rebuilt in
 *	  names.c	what columns of the past are called today
 *	  base.c	where to begin, and whether the place is known at all
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PAST_PAST_INTERNAL_H
#define CDC_PG_PAST_PAST_INTERNAL_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/tables.h"
#include "pg/progress/known.h"
#include "pg/schema/change.h"
#include "pg/schema/versions.h"

/* A target, and the place at which it is looked at. */
typedef struct CdcPast
{
	const CdcSubscription *sub;
	const CdcSubscriptionTable *table;
	CdcTableOptions options;	/* the table's own, over the subscription's */
	Oid			relid;			/* of the target */
	char	   *target;			/* its name, qualified and quoted */
	int64		seq;			/* the last event that counts, a commit of the source */
	int64		shape_seq;		/* the table is as the event with that seq has it: the same, or the one behind DDL */
	int64		begin_seq;		/* the first one */
	List	   *changes;		/* of the source table behind that, up to now: CdcPendingChange *, loaded */
	bool		plain;			/* the target has the source's columns and key, and follows them */
	Oid			scratch;
	char	   *scratch_name;	/* qualified and quoted */
} CdcPast;

/* ---- base.c ---- */

/* Fills in begin_seq; ERROR where it is not known what rows the source had at the place. */
extern void cdc_past_begin(CdcPast *past);

/*
 * The place was found by its time, up to the event upto, which is later: ERROR where the source may have changed
 * rows in between of which no event tells.
 */
extern void cdc_past_check_gap(const CdcPast *past, int64 upto);

/* ---- names.c ---- */

/* A column, in the database's encoding. */
typedef struct CdcPastColumn
{
	char	   *name;			/* of the target's column at the time */
	char	   *today;			/* of the one that it is today; NULL: none is */
	char	   *source;			/* the source's; NULL: it has dropped it */
	bool		nullable;		/* at the source */
} CdcPastColumn;

/*
 * The columns of the definition, as of the event with that seq, palloc'ed; *n: how many.  ERROR where it is
 * not known what has become of them.
 */
extern CdcPastColumn *cdc_past_columns(const CdcPast *past, const CdcTableDef *def, int64 seq, int *n);

/* What has become since the event with that seq of a column that the source did not have any more by then. */
extern char *cdc_past_kept_today(const CdcPast *past, const char *name, int64 seq);

/* ERROR: what is seen today does not tell what was then, for a reason (a sentence without its full stop). */
pg_noreturn extern void cdc_past_refuse(const CdcPast *past, int64 seq, const char *reason);

/* Whether the definitions of a change differ in what concerns rows. */
extern bool cdc_past_changes_shape(const CdcPendingChange *change);

/* ---- scratch.c ---- */

/* Makes the scratch table, which the subscription's owner may do anything with; removes it. */
extern void cdc_past_scratch_create(CdcPast *past);
extern void cdc_past_scratch_drop(const CdcPast *past);

/* As the subscription's owner: gives it the shape of the target as of begin_seq, without rows. */
extern void cdc_past_scratch_shape(CdcPast *past, const CdcTableDef *def);

/* ---- rebuild.c ---- */

/* As the subscription's owner: fills the scratch table with what the target had at the place. */
extern void cdc_past_rebuild(CdcPast *past);

#endif							/* CDC_PG_PAST_PAST_INTERNAL_H */
