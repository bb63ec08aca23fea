/*-------------------------------------------------------------------------
 *
 * distribution.c
 *	  Whether a target's rows are where its key says, on Greenplum's segments.
 *
 * An update that sets a column by which rows are distributed would move them between segments,
 * which no statement of apply can be planned to do.  A column of the key is never set.  Where
 * all segments have all rows, none of these has an address by which equal ones are told apart.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/distribution.h"

#include "access/genam.h"
#include "catalog/dependency.h"
#include "catalog/pg_index.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"

void
cdc_distribution_raise(const char *target, const CdcDistributionTrouble *trouble)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("target %s %s", target, trouble->what),
			 errdetail("%s", trouble->why),
			 errhint("%s", trouble->remedy)));
}

#if CDC_HAVE_DISTRIBUTION

static bool
has_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

/* The names of the columns that an index has, of char *. */
static List *
index_names(Relation rel, Relation index)
{
	List	   *names = NIL;
	int			i;

	for (i = 0; i < CDC_INDEX_NKEYATTS(index->rd_index); i++)
	{
		AttrNumber	attnum = index->rd_index->indkey.values[i];

		if (attnum > 0)
			names = lappend(names, NameStr(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attname));
	}
	return names;
}

/* Those of the names that each unique index of the relation has, too. */
static List *
names_in_all(Relation rel, List *names)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		List	   *has = index_names(rel, index);
		List	   *left = NIL;
		ListCell   *n;

		foreach(n, names)
			if (!index->rd_index->indisunique || has_name(has, lfirst(n)))
				left = lappend(left, lfirst(n));
		names = left;
		index_close(index, AccessShareLock);
	}
	return names;
}

/* Appends what takes away the unique indexes of the relation that lack one of the names. */
static void
append_drops(StringInfo sql, Relation rel, const char *target, List *names)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		List	   *has = index_names(rel, index);
		Oid			constraint = get_index_constraint(RelationGetRelid(index));
		bool		all = true;
		ListCell   *n;

		foreach(n, names)
			all = all && has_name(has, lfirst(n));
		if (index->rd_index->indisunique && !all && OidIsValid(constraint))
			appendStringInfo(sql, "ALTER TABLE %s DROP CONSTRAINT %s; ", target,
							 quote_identifier(get_constraint_name(constraint)));
		else if (index->rd_index->indisunique && !all)
			appendStringInfo(sql, "DROP INDEX %s; ",
							 quote_qualified_identifier(get_namespace_name(get_rel_namespace(RelationGetRelid(index))),
														RelationGetRelationName(index)));
		index_close(index, AccessShareLock);
	}
}

/* ALTER TABLE, which lets rows be found by the key. */
static char *
distribute_by(const char *target, List *names)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER TABLE %s SET DISTRIBUTED BY (", target);
	foreach(lc, names)
		appendStringInfo(&sql, "%s%s", lc == list_head(names) ? "" : ", ", quote_identifier(lfirst(lc)));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* The first column by which rows are distributed that is none of the key, but is written; NULL: there is none. */
static const char *
column_beside_key(Relation rel, List *key, List *filled)
{
	const GpPolicy *policy = rel->rd_cdbpolicy;
	int			i;

	for (i = 0; policy != NULL && policy->ptype == POLICYTYPE_PARTITIONED && i < policy->nattrs; i++)
	{
		const char *name = NameStr(TupleDescAttr(RelationGetDescr(rel), policy->attrs[i] - 1)->attname);

		if (!has_name(key, name) && (filled == NIL || has_name(filled, name)))
			return name;
	}
	return NULL;
}

bool
cdc_distribution_trouble(Relation rel, const char *target, List *key, List *filled,
						 CdcDistributionTrouble *trouble)
{
	const char *column;
	List	   *names;
	StringInfoData sql;

	if (key == NIL)
	{
		if (CDC_ROWS_HAVE_ADDRESS(rel))
			return false;
		trouble->what = "is replicated and has no key";
		trouble->why = "One of several equal rows cannot be told from the others there; argument \"key\" can name columns that tell them apart.";
		trouble->remedy = psprintf("ALTER TABLE %s SET DISTRIBUTED RANDOMLY;", target);
		return true;
	}
	column = column_beside_key(rel, key, filled);
	if (column == NULL)
		return false;
	initStringInfo(&sql);
	names = names_in_all(rel, key);
	if (names == NIL)
	{
		names = key;
		append_drops(&sql, rel, target, names);
	}
	appendStringInfo(&sql, "%s;", distribute_by(target, names));
	trouble->what = psprintf("is distributed by column \"%s\", which is none of its key", column);
	trouble->why = "An update would have to move rows from one segment to another.";
	trouble->remedy = sql.data;
	return true;
}

char *
cdc_distribution_for_key(Relation rel, const char *target, List *key, char **first)
{
	const GpPolicy *policy = rel->rd_cdbpolicy;
	List	   *names;
	StringInfoData sql;

	*first = NULL;
	if (policy == NULL || policy->ptype != POLICYTYPE_PARTITIONED ||
		(policy->nattrs > 0 && column_beside_key(rel, key, NIL) == NULL))
		return NULL;
	names = names_in_all(rel, key);
	if (names != NIL)
		return distribute_by(target, names);
	initStringInfo(&sql);
	append_drops(&sql, rel, target, key);
	*first = sql.data;
	return NULL;
}

#else

bool
cdc_distribution_trouble(Relation rel, const char *target, List *key, List *filled,
						 CdcDistributionTrouble *trouble)
{
	return false;
}

char *
cdc_distribution_for_key(Relation rel, const char *target, List *key, char **first)
{
	*first = NULL;
	return NULL;
}

#endif							/* CDC_HAVE_DISTRIBUTION */
