/*-------------------------------------------------------------------------
 *
 * presence.c
 *	  Which columns of a target a row has values for.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/presence.h"

#include "utils/memutils.h"

#include "pg/base/compat_catalog.h"

/* Whether these are all columns of the relation that can be written. */
static bool
is_complete(TupleDesc desc, const bool *attrs)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && !CDC_ATT_GENERATED(att) && !attrs[i])
			return false;
	}
	return true;
}

const CdcPresence *
cdc_presence_intern(CdcPresences *presences, const bool *attrs)
{
	size_t		size = presences->desc->natts * sizeof(bool);
	MemoryContext old;
	CdcPresence *presence;
	ListCell   *lc;

	foreach(lc, presences->all)
	{
		presence = lfirst(lc);
		if (memcmp(presence->attrs, attrs, size) == 0)
			return presence;
	}
	old = MemoryContextSwitchTo(presences->cxt);
	presence = palloc(sizeof(CdcPresence));
	presence->id = list_length(presences->all);
	presence->attrs = palloc(size);
	memcpy(presence->attrs, attrs, size);
	presence->complete = is_complete(presences->desc, attrs);
	presences->all = lappend(presences->all, presence);
	MemoryContextSwitchTo(old);
	return presence;
}

void
cdc_presences_forget(CdcPresences *presences)
{
	ListCell   *lc;

	foreach(lc, presences->all)
	{
		CdcPresence *presence = lfirst(lc);

		pfree(presence->attrs);
		pfree(presence);
	}
	list_free(presences->all);
	presences->all = NIL;
}

const CdcPresence *
cdc_presence_union(CdcPresences *presences, const CdcPresence *a, const CdcPresence *b)
{
	int			natts = presences->desc->natts;
	bool	   *attrs;
	const CdcPresence *result;
	int			i;

	if (a == b || a->complete)
		return a;
	if (b->complete)
		return b;
	attrs = palloc(natts * sizeof(bool));
	for (i = 0; i < natts; i++)
		attrs[i] = a->attrs[i] || b->attrs[i];
	result = cdc_presence_intern(presences, attrs);
	pfree(attrs);
	return result;
}

bool
cdc_presence_covers(const CdcPresences *presences, const CdcPresence *b, const CdcPresence *a)
{
	int			i;

	if (a == b || b->complete)
		return true;
	for (i = 0; i < presences->desc->natts; i++)
		if (a->attrs[i] && !b->attrs[i])
			return false;
	return true;
}
