/*-------------------------------------------------------------------------
 *
 * compat_external.h
 *	  Differences between servers in external tables, which Greenplum alone has: since 7
 *	  they are foreign tables of a wrapper of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_COMPAT_EXTERNAL_H
#define CDC_PG_BASE_COMPAT_EXTERNAL_H

#include "pg/base/compat.h"

#if CDC_HAVE_EXTERNAL_PROTOCOLS

/* What the catalogs know of an external table. */
#if PG_VERSION_NUM >= 120000
#include "access/external.h"
#include "commands/defrem.h"
#else
#include "catalog/pg_collation.h"
#include "catalog/pg_exttable.h"
#include "utils/formatting.h"
#endif
#include "optimizer/walkers.h"

/*
 * Whether its format has the option with the value OFF: options were one text before they
 * became a foreign table's.
 */
static inline bool
cdc_external_option_is_off(const ExtTableEntry *ext, const char *name)
{
#if PG_VERSION_NUM >= 120000
	ListCell   *lc;

	foreach(lc, ext->options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0)
			return pg_strcasecmp(defGetString(option), "off") == 0;
	}
	return false;
#else
	char	   *lower = str_tolower(ext->fmtopts, strlen(ext->fmtopts), C_COLLATION_OID);

	return strstr(lower, psprintf("%s 'off'", name)) != NULL;
#endif
}

/*
 * The URLs that a node of a plan reads, one a segment; NULL: it is no scan of an external
 * table.
 */
static inline List **
cdc_external_scan_urls(Node *node)
{
#if PG_VERSION_NUM >= 120000
	List	   *given = IsA(node, ForeignScan) ? ((ForeignScan *) node)->fdw_private : NIL;

	if (given == NIL || !IsA(given, List) || linitial(given) == NULL ||
		!IsA(linitial(given), ExternalScanInfo))
		return NULL;
	return &((ExternalScanInfo *) linitial(given))->uriList;
#else
	return IsA(node, ExternalScan) ? &((ExternalScan *) node)->uriList : NULL;
#endif
}

/* What is below a node of a plan; since 7 the plans of subqueries are looked through only if asked for. */
#if PG_VERSION_NUM >= 120000
#define CDC_PLAN_TREE_WALKER(node, walker, context) \
	plan_tree_walker((node), (walker), (context), false)
#else
#define CDC_PLAN_TREE_WALKER(node, walker, context) \
	plan_tree_walker((node), (walker), (context))
#endif

#endif							/* CDC_HAVE_EXTERNAL_PROTOCOLS */

#endif							/* CDC_PG_BASE_COMPAT_EXTERNAL_H */
