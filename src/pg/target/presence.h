/*-------------------------------------------------------------------------
 *
 * presence.h
 *	  Which columns of a target a row has values for.
 *
 *	  A row image need not have all columns.  As few combinations occur, each is
 *	  kept once: two rows fill the same columns if and only if their presences
 *	  are the same pointer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_PRESENCE_H
#define CDC_PG_TARGET_PRESENCE_H

#include "pg/base/compat.h"
#include "access/tupdesc.h"
#include "nodes/pg_list.h"

typedef struct CdcPresence
{
	int			id;				/* place among the target's, from 0 */
	bool		complete;		/* all columns that can be written are there */
	bool	   *attrs;			/* by attribute, as many as the relation has */
} CdcPresence;

/* All that occurred in one target so far; they live as long as the target. */
typedef struct CdcPresences
{
	MemoryContext cxt;
	TupleDesc	desc;			/* of the target */
	List	   *all;			/* of CdcPresence *, by id */
} CdcPresences;

/*
 * More presences than so many are not kept: images may have any combination of
 * columns, and each costs memory and plans.
 */
#define CDC_PRESENCES_MAX	256

/* Whether it is time to forget them: see cdc_layout_forget(). */
static inline bool
cdc_presences_full(const CdcPresences *presences)
{
	return list_length(presences->all) >= CDC_PRESENCES_MAX;
}

/* Frees all of them: nothing may refer to one any more. */
extern void cdc_presences_forget(CdcPresences *presences);

/* The presence of exactly these attributes; attrs is copied. */
extern const CdcPresence *cdc_presence_intern(CdcPresences *presences, const bool *attrs);

/* The presence of what either of two has. */
extern const CdcPresence *cdc_presence_union(CdcPresences *presences, const CdcPresence *a,
											 const CdcPresence *b);

/* Whether b has all columns that a has. */
extern bool cdc_presence_covers(const CdcPresences *presences, const CdcPresence *b,
								const CdcPresence *a);

static inline const CdcPresence *
cdc_presence_by_id(const CdcPresences *presences, int id)
{
	return list_nth(presences->all, id);
}

#endif							/* CDC_PG_TARGET_PRESENCE_H */
