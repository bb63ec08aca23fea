/*-------------------------------------------------------------------------
 *
 * sql_deal.c
 *	  Which segment has a row of a distributed table, so that each segment looks for its
 *	  own rows of a batch only: the more segments there are, the fewer each has to look for.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/sql_internal.h"

#if CDC_HAVE_DISTRIBUTION

#include "access/htup_details.h"
#include "cdb/cdbhash.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"

struct CdcDeal
{
	TupleDesc	desc;			/* the target's */
	CdbHash    *hash;
	int			nattrs;			/* what rows are distributed by */
	AttrNumber *attrs;
};

/* Whether the attribute is a part of the target's key. */
static bool
is_key(const CdcTarget *target, AttrNumber attnum)
{
	int			i;

	for (i = 0; i < target->nkey; i++)
		if (target->columns[target->key[i].column].attnum == attnum)
			return true;
	return false;
}

CdcDeal *
cdc_deal_open(const CdcTarget *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	const GpPolicy *policy = rel->rd_cdbpolicy;
	CdcDeal    *deal = NULL;
	bool		dealt = !target->keyless && OidIsValid(target->key_index) && policy != NULL &&
		policy->ptype == POLICYTYPE_PARTITIONED && policy->nattrs > 0;
	int			i;

	for (i = 0; dealt && i < policy->nattrs; i++)
		dealt = is_key(target, policy->attrs[i]);
	if (dealt)
	{
		deal = palloc(sizeof(CdcDeal));
		deal->desc = target->desc;
		deal->hash = makeCdbHashForRelation(rel);
		deal->nattrs = policy->nattrs;
		deal->attrs = palloc(sizeof(AttrNumber) * policy->nattrs);
		memcpy(deal->attrs, policy->attrs, sizeof(AttrNumber) * policy->nattrs);
	}
	table_close(rel, NoLock);
	return deal;
}

int32 *
cdc_deal_segments(CdcDeal *deal, CdcEntry *const *entries, int n)
{
	int32	   *segments = palloc(sizeof(int32) * n);
	int			i;
	int			k;

	for (i = 0; i < n; i++)
	{
		cdbhashinit(deal->hash);
		for (k = 0; k < deal->nattrs; k++)
		{
			bool		isnull;
			Datum		value = heap_getattr(entries[i]->tuple, deal->attrs[k], deal->desc, &isnull);

			cdbhash(deal->hash, k + 1, value, isnull);
		}
		segments[i] = (int32) cdbhashreduce(deal->hash);
	}
	return segments;
}

/* The answer of a plan may come in one motion; any other one moves the batch's rows, or the table's. */
bool
cdc_deal_holds(SPIPlanPtr plan)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan);
	bool		holds = false;

	if (cached == NULL)
		return false;
	if (list_length(cached->stmt_list) == 1 && IsA(linitial(cached->stmt_list), PlannedStmt))
	{
		const PlannedStmt *stmt = linitial(cached->stmt_list);

		holds = CDC_PLAN_MOTIONS(stmt) <= (stmt->hasReturning ? 1 : 0);
	}
	ReleaseCachedPlan(cached, true);
	return holds;
}

#else

CdcDeal *
cdc_deal_open(const CdcTarget *target)
{
	return NULL;
}

int32 *
cdc_deal_segments(CdcDeal *deal, CdcEntry *const *entries, int n)
{
	return NULL;
}

bool
cdc_deal_holds(SPIPlanPtr plan)
{
	return false;
}

#endif							/* CDC_HAVE_DISTRIBUTION */

int *
cdc_deal_places(const int32 *segments, int n, int **first)
{
	int		   *places = palloc(sizeof(int) * n);
	int			nsegments = 0;
	int		   *next;
	int			i;

	for (i = 0; i < n; i++)
		nsegments = Max(nsegments, segments[i] + 1);
	*first = palloc0(sizeof(int) * (nsegments + 1));
	for (i = 0; i < n; i++)
		(*first)[segments[i] + 1]++;
	for (i = 0; i < nsegments; i++)
		(*first)[i + 1] += (*first)[i];
	next = palloc(sizeof(int) * (nsegments + 1));
	memcpy(next, *first, sizeof(int) * (nsegments + 1));
	for (i = 0; i < n; i++)
		places[next[segments[i]]++] = i;
	pfree(next);
	return places;
}

int
cdc_deal_drop_told(CdcEntry **entries, int n, const int32 *segments)
{
	bool	   *found = palloc0(sizeof(bool) * n);
	int		   *first = NULL;
	int		   *places = segments != NULL ? cdc_deal_places(segments, n, &first) : NULL;
	uint64		row;
	int			kept = 0;
	int			i;

	for (row = 0; row < SPI_processed; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		if (places == NULL)
			found[DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull)) - 1] = true;
		else
			found[places[first[DatumGetInt32(SPI_getbinval(tuple, desc, 1, &isnull))] +
						 DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull)) - 1]] = true;
	}
	SPI_freetuptable(SPI_tuptable);
	for (i = 0; i < n; i++)
		if (!found[i])
			entries[kept++] = entries[i];
	return kept;
}
