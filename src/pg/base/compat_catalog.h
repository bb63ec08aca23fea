/*-------------------------------------------------------------------------
 *
 * compat_catalog.h
 *	  Differences between servers in what the catalogs describe: relations, their
 *	  columns and indexes, names, roles, options; and in the SQL for them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_COMPAT_CATALOG_H
#define CDC_PG_BASE_COMPAT_CATALOG_H

#include "pg/base/compat.h"

/* Opening relations got the access method's names in 12. */
#if PG_VERSION_NUM >= 120000
#include "access/relation.h"
#include "access/table.h"
#else
#include "access/heapam.h"
#define table_open(relid, lockmode)		heap_open(relid, lockmode)
#define table_openrv(rv, lockmode)		heap_openrv(rv, lockmode)
#define table_close(rel, lockmode)		heap_close(rel, lockmode)
#endif

/* Rows of catalogs have their OID among their columns since 12. */
#if PG_VERSION_NUM >= 120000
#define CDC_DATABASE_OID(tuple)			(((Form_pg_database) GETSTRUCT(tuple))->oid)
#else
#define CDC_DATABASE_OID(tuple)			HeapTupleGetOid(tuple)
#endif

/* Opening a relation that may be gone; Greenplum can do so without waiting. */
#if CDC_GREENPLUM
#define CDC_TRY_RELATION_OPEN(relid, lockmode)	try_relation_open((relid), (lockmode), false)
#else
#define CDC_TRY_RELATION_OPEN(relid, lockmode)	try_relation_open((relid), (lockmode))
#endif

/* A descriptor's attributes became an array of structs in 11. */
#if PG_VERSION_NUM < 110000
#define TupleDescAttr(tupdesc, i)		((tupdesc)->attrs[(i)])
#endif

/* An empty descriptor was made with or without oids until 12. */
#if PG_VERSION_NUM >= 120000
#define CDC_CREATE_TUPLE_DESC(natts)	CreateTemplateTupleDesc(natts)
#else
#define CDC_CREATE_TUPLE_DESC(natts)	CreateTemplateTupleDesc((natts), false)
#endif

/* Columns that the server computes: stored ones came in 12, virtual ones in 18. */
#if PG_VERSION_NUM >= 120000
#define CDC_ATT_GENERATED(att)			((att)->attgenerated != '\0')
#define CDC_LIKE_GENERATED				" INCLUDING GENERATED"
#else
#define CDC_ATT_GENERATED(att)			false
#define CDC_LIKE_GENERATED				""
#endif

/* Identity columns came in 10. */
#if PG_VERSION_NUM >= 100000
#define CDC_ATT_IDENTITY(att)			((att)->attidentity != '\0')
#else
#define CDC_ATT_IDENTITY(att)			false
#endif

/* Identity columns (10) take the given values only where INSERT says so. */
#if PG_VERSION_NUM >= 100000
#define CDC_OVERRIDING_SYSTEM_VALUE		" OVERRIDING SYSTEM VALUE"
#else
#define CDC_OVERRIDING_SYSTEM_VALUE		""
#endif

/* Collations under which different strings may be equal came in 12. */
#if PG_VERSION_NUM >= 120000
#define CDC_COLLATION_IS_DETERMINISTIC(c)	get_collation_isdeterministic(c)
#else
#define CDC_COLLATION_IS_DETERMINISTIC(c)	true
#endif

/* An index may carry columns that are no part of its key since 11 (INCLUDE). */
#if PG_VERSION_NUM >= 110000
#define CDC_INDEX_NKEYATTS(form)		((form)->indnkeyatts)
#else
#define CDC_INDEX_NKEYATTS(form)		((form)->indnatts)
#endif

/*
 * Whether a relation has a primary key or another replica identity; the relcache
 * knows the primary key since 10.
 */
#if PG_VERSION_NUM >= 100000
#define CDC_RELATION_HAS_KEY(rel) \
	(OidIsValid((rel)->rd_pkindex) || OidIsValid((rel)->rd_replidindex))
#else
#define CDC_RELATION_HAS_KEY(rel)		OidIsValid((rel)->rd_replidindex)
#endif

/* Partitioned tables have a relkind of their own since 10. */
#if PG_VERSION_NUM >= 100000
#define CDC_RELKIND_PARTITIONED			RELKIND_PARTITIONED_TABLE
#else
#define CDC_RELKIND_PARTITIONED			RELKIND_RELATION
#endif

/*
 * TRUNCATE must not reach a table's children.  Before 10 partitions are plain
 * children, so there it must.
 */
#if PG_VERSION_NUM >= 100000
#define CDC_TRUNCATE_SCOPE(relkind)		((relkind) == RELKIND_RELATION ? "ONLY " : "")
#else
#define CDC_TRUNCATE_SCOPE(relkind)		((void) (relkind), "")
#endif

/* The list of partitions can leave out one that is being detached since 14. */
#if PG_VERSION_NUM >= 140000
#define CDC_PARTITION_DESC(rel)			RelationGetPartitionDesc((rel), true)
#else
#define CDC_PARTITION_DESC(rel)			RelationGetPartitionDesc(rel)
#endif

/*
 * The system columns that name a row in SQL, also across Greenplum's segments,
 * and whether a relation has them: a replicated table of Greenplum shows no
 * gp_segment_id.
 */
#if CDC_GREENPLUM
#if PG_VERSION_NUM >= 120000
#include "catalog/gp_distribution_policy.h"
#else
#include "catalog/gp_policy.h"
#endif
#define CDC_ROW_ADDRESS					"gp_segment_id, tableoid, ctid"
#define CDC_ROWS_HAVE_ADDRESS(rel)		(!GpPolicyIsReplicated((rel)->rd_cdbpolicy))
#else
#define CDC_ROW_ADDRESS					"tableoid, ctid"
#define CDC_ROWS_HAVE_ADDRESS(rel)		true
#endif

/*
 * How a table's rows are distributed over Greenplum's segments, as a clause of CREATE TABLE:
 * that of a partition must be its table's.  It needs utils/builtins.h.
 */
#if CDC_GREENPLUM
#define CDC_DISTRIBUTED_AS(relid) \
	TextDatumGetCString(DirectFunctionCall1(pg_get_table_distributedby, ObjectIdGetDatum(relid)))
#else
#define CDC_DISTRIBUTED_AS(relid)		""
#endif

/*
 * The columns, as int, that the partitions of a table go by, at all levels, where an UPDATE cannot
 * move a row from one to another.
 */
#if CDC_HAVE_CLASSIC_PARTITIONS
#include "cdb/cdbpartition.h"
#define CDC_FIXED_PARTITION_ATTRS(relid)	rel_partition_key_attrs(relid)
#else
#define CDC_FIXED_PARTITION_ATTRS(relid)	NIL
#endif

/* The columns, as int, that the partitions of a table go by: 0 for an expression.  On Greenplum 6 at all levels. */
#if CDC_HAVE_PARTITIONS
#include "catalog/pg_class.h"
#include "utils/partcache.h"
#include "utils/rel.h"

static inline List *
cdc_partition_attrs(Relation rel)
{
	PartitionKey key = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? RelationGetPartitionKey(rel) : NULL;
	List	   *result = NIL;
	int			i;

	for (i = 0; key != NULL && i < key->partnatts; i++)
		result = lappend_int(result, key->partattrs[i]);
	return result;
}
#else
#define cdc_partition_attrs(rel)		CDC_FIXED_PARTITION_ATTRS(RelationGetRelid(rel))
#endif

/* What the catalogs hold, written as SQL, has a header of its own since 9.5. */
#if PG_VERSION_NUM >= 90500
#include "utils/ruleutils.h"
#else
#include "utils/builtins.h"
#endif

/* The OID that a catalog's cache has under two keys: it is a column, with a number, since 12. */
#if PG_VERSION_NUM >= 120000
#define CDC_CACHED_OID2(cache, column, key1, key2)	GetSysCacheOid2((cache), (column), (key1), (key2))
#else
#define CDC_CACHED_OID2(cache, column, key1, key2)	GetSysCacheOid2((cache), (key1), (key2))
#endif

/* The parser of qualified names has its own header since 10, an error context since 16. */
#if PG_VERSION_NUM >= 100000
#include "utils/regproc.h"
#endif
#if PG_VERSION_NUM >= 160000
#define CDC_QUALIFIED_NAMES(s)			stringToQualifiedNameList((s), NULL)
#else
#define CDC_QUALIFIED_NAMES(s)			stringToQualifiedNameList(s)
#endif

/* A DefElem, as options are kept in, knows its place in the statement since 10. */
#if PG_VERSION_NUM >= 100000
#define CDC_MAKE_DEFELEM(name, arg)		makeDefElem((name), (arg), -1)
#else
#define CDC_MAKE_DEFELEM(name, arg)		makeDefElem((name), (arg))
#endif

/* GetUserNameFromId() can return NULL for an unknown role since 9.5. */
#if PG_VERSION_NUM >= 90500
#define CDC_USER_NAME(roleid)			GetUserNameFromId((roleid), false)
#define CDC_USER_NAME_MISSING_OK(roleid)	GetUserNameFromId((roleid), true)
#else
#define CDC_USER_NAME(roleid)			GetUserNameFromId(roleid)
#define CDC_USER_NAME_MISSING_OK(roleid)	GetUserNameFromId(roleid)
#endif

/*
 * Who may read any file of the server: a predefined role since 11, whose macro
 * was renamed in 14.  Needs utils/acl.h and catalog/pg_authid.h.
 */
#if PG_VERSION_NUM >= 140000
#define CDC_MAY_READ_FILES(role)		has_privs_of_role((role), ROLE_PG_READ_SERVER_FILES)
#elif PG_VERSION_NUM >= 110000
#define CDC_MAY_READ_FILES(role)		has_privs_of_role((role), DEFAULT_ROLE_READ_SERVER_FILES)
#else
#define CDC_MAY_READ_FILES(role)		superuser_arg(role)
#endif

/* One function checks privileges on all kinds of objects since 16. */
#if PG_VERSION_NUM >= 160000
#define CDC_SERVER_ACLCHECK(server, role, mode) \
	object_aclcheck(ForeignServerRelationId, (server), (role), (mode))
#else
#define CDC_SERVER_ACLCHECK(server, role, mode) \
	pg_foreign_server_aclcheck((server), (role), (mode))
#endif

/* Row-level security came in 9.5. */
#if PG_VERSION_NUM >= 90500
#include "utils/rls.h"
#define CDC_RLS_ENABLED(relid)			(check_enable_rls((relid), InvalidOid, true) == RLS_ENABLED)
#define CDC_RLS_ENABLED_FOR(relid, role) (check_enable_rls((relid), (role), true) == RLS_ENABLED)
#define CDC_ROW_SECURITY(rel)			((rel)->rd_rel->relrowsecurity)
#else
#define CDC_RLS_ENABLED(relid)			false
#define CDC_RLS_ENABLED_FOR(relid, role) false
#define CDC_ROW_SECURITY(rel)			false
#endif

/* Membership alone lets a member SET ROLE until 16. */
#if PG_VERSION_NUM >= 160000
#define CDC_MAY_BECOME(member, role)	member_can_set_role((member), (role))
#else
#define CDC_MAY_BECOME(member, role)	is_member_of_role((member), (role))
#endif

#endif							/* CDC_PG_BASE_COMPAT_CATALOG_H */
