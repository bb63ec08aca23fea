/*-------------------------------------------------------------------------
 *
 * table.c
 *	  The table of a history: its columns, and opening it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/hash.h"
#include "pg/history/table.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/history/obstacle.h"

#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#if CDC_HAVE_PARTITIONS
#include "catalog/pg_inherits.h"
#endif
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

const CdcHistoryColumnType cdc_history_columns[CDC_HISTORY_COLUMNS] = {
	{"seq", INT8OID, "bigint", true},
	{"ingested_at", TIMESTAMPTZOID, "timestamptz", true},
	{"source_ts", TIMESTAMPTZOID, "timestamptz", false},
	{"source_table", TEXTOID, "text", true},
	{"op", CHAROID, "\"char\"", true},
	{"position", TEXTOID, "text", false},
	{"gtid", TEXTOID, "text", false},
	{"event", JSONBOID, "jsonb", true},
	{"raw", BYTEAOID, "bytea", true},
	{"commit", BOOLOID, "boolean", true},
	{"key", JSONBOID, "jsonb", false}
};

CdcHistoryColumn
cdc_history_column_by_name(const char *name)
{
	int			c;

	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
		if (strcmp(cdc_history_columns[c].name, name) == 0)
			break;
	return (CdcHistoryColumn) c;
}

char *
cdc_history_table_name(Relation rel)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
									  RelationGetRelationName(rel));
}

/* ------------------------------------------------------------------------
 * What was checked
 * ------------------------------------------------------------------------
 */

/* A history that was found right, until it or a partition of it changes. */
typedef struct CheckedHistory
{
	Oid			relid;			/* key */
	bool		right;
	List	   *partitions;		/* of OIDs, in CacheMemoryContext */
} CheckedHistory;

static HTAB *checked = NULL;

/* Relation cache callback. */
static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	CheckedHistory *entry;

	hash_seq_init(&scan, checked);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (relid == InvalidOid || relid == entry->relid ||
			list_member_oid(entry->partitions, relid))
			entry->right = false;
}

/* The entry of a history, made where there is none. */
static CheckedHistory *
find_checked(Oid relid)
{
	CheckedHistory *entry;
	bool		found;

	if (checked == NULL)
	{
		checked = cdc_hash_of_bytes("cdc_ingest histories", 16, sizeof(Oid),
									sizeof(CheckedHistory), CacheMemoryContext);
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	}
	entry = hash_search(checked, &relid, HASH_ENTER, &found);
	if (!found)
	{
		entry->right = false;
		entry->partitions = NIL;
	}
	return entry;
}

/* ------------------------------------------------------------------------
 * Columns
 * ------------------------------------------------------------------------
 */

/* The history as messages name it. */
static char *
place(const CdcSubscription *sub, const char *table)
{
	return psprintf("history %s of subscription \"%s\"", table, sub->name);
}

/* The remedy where events have lost what says what they do. */
static char *
begin_anew(const CdcSubscription *sub)
{
	return psprintf("restore the table from a backup; or SELECT cdc.drop_subscription(%s); and create it anew, with target_rows := 'replace'.",
					quote_literal_cstr(sub->name));
}

void
cdc_history_check_type(const CdcSubscription *sub, CdcHistoryColumn column, Form_pg_attribute att)
{
	const CdcHistoryColumnType *want = &cdc_history_columns[column];
	const char *name = quote_identifier(want->name);
	const char *table;
	Oid			cast;

	if (att->atttypid == want->type && att->atttypmod == -1)
		return;
	table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(sub->history)),
									   get_rel_name(sub->history));
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of %s has type %s, not %s", want->name, place(sub, table),
					format_type_with_typemod(att->atttypid, att->atttypmod),
					want->type_name),
			 find_coercion_pathway(want->type, att->atttypid, COERCION_EXPLICIT, &cast) != COERCION_PATH_NONE ?
			 errhint("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s::%s;", table, name,
					 want->type_name, name, want->type_name) :
			 errhint("%s", begin_anew(sub))));
}

/*
 * The column that may be the one that is missing, under another name: the only one of its type
 * that is none of the history's.  NULL: there is none, or several.
 */
static const char *
renamed_column(Relation rel, const CdcHistoryColumnType *want)
{
	TupleDesc	desc = RelationGetDescr(rel);
	const char *found = NULL;
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->atttypid != want->type ||
			cdc_history_column_by_name(NameStr(att->attname)) != CDC_HISTORY_COLUMNS)
			continue;
		if (found != NULL)
			return NULL;
		found = NameStr(att->attname);
	}
	return found;
}

static void
missing_column(const CdcSubscription *sub, Relation rel, const CdcHistoryColumnType *want)
{
	char	   *name = cdc_history_table_name(rel);
	const char *column = quote_identifier(want->name);
	const char *other = renamed_column(rel, want);
	const char *renamed = other == NULL ? "" :
		psprintf("Where it was renamed: ALTER TABLE %s RENAME COLUMN %s TO %s; where it was dropped: ",
				 name, quote_identifier(other), column);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("%s has no column \"%s\"", place(sub, name), want->name),
			 want->needed ?
			 errhint("%s%s", renamed, begin_anew(sub)) :
			 errhint("%sALTER TABLE %s ADD COLUMN %s %s;", renamed, name, column,
					 want->type_name)));
}

static void
check_column(const CdcSubscription *sub, Relation rel, CdcHistoryColumn which,
			 Form_pg_attribute att)
{
	const CdcHistoryColumnType *want = &cdc_history_columns[which];
	char	   *name = cdc_history_table_name(rel);
	const char *column = quote_identifier(want->name);

	cdc_history_check_type(sub, which, att);
	if (OidIsValid(att->attcollation) && att->attcollation != DEFAULT_COLLATION_OID)
		ereport(ERROR,
				(errcode(ERRCODE_COLLATION_MISMATCH),
				 errmsg("column \"%s\" of %s has collation \"%s\", not the database's", want->name,
						place(sub, name), get_collation_name(att->attcollation)),
				 errhint("ALTER TABLE %s ALTER COLUMN %s TYPE %s COLLATE pg_catalog.\"default\";",
						 name, column, want->type_name)));
	if (CDC_ATT_GENERATED(att) || CDC_ATT_IDENTITY(att))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("column \"%s\" of %s is generated", want->name, place(sub, name)),
				 errhint("ALTER TABLE %s ALTER COLUMN %s DROP %s;", name, column,
						 CDC_ATT_GENERATED(att) ? "EXPRESSION" : "IDENTITY")));
}

/* All columns that pull fills; others, which the user may have added, are his own. */
static void
check_columns(const CdcSubscription *sub, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			c;
	int			i;

	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
	{
		const CdcHistoryColumnType *want = &cdc_history_columns[c];
		Form_pg_attribute att = NULL;

		for (i = 0; i < desc->natts && att == NULL; i++)
			if (!TupleDescAttr(desc, i)->attisdropped &&
				strcmp(NameStr(TupleDescAttr(desc, i)->attname), want->name) == 0)
				att = TupleDescAttr(desc, i);
		if (att != NULL)
			check_column(sub, rel, c, att);
		else if (c != CDC_HISTORY_COL_KEY)
			missing_column(sub, rel, want);
	}
}

/* ------------------------------------------------------------------------
 * The table
 * ------------------------------------------------------------------------
 */

static const char *
kind_name(char relkind)
{
	switch (relkind)
	{
		case RELKIND_VIEW:
			return "view";
		case RELKIND_MATVIEW:
			return "materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
		default:
			return "relation of another kind";
	}
}

static void
check_kind(const CdcSubscription *sub, Relation rel)
{
	char		kind = rel->rd_rel->relkind;

	if (kind != RELKIND_RELATION && kind != CDC_RELKIND_PARTITIONED)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a table", place(sub, cdc_history_table_name(rel))),
				 errdetail("It is a %s.", kind_name(kind)),
				 errhint("Put the table back in its place, or call cdc.drop_subscription(%s).",
						 quote_literal_cstr(sub->name))));
}

/* Rows of unlogged tables go with a crash, while the position stays. */
static void
check_persistence(const CdcSubscription *sub, Relation rel, const char *what)
{
	char	   *name = cdc_history_table_name(rel);

	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("%s%s is %s", what, place(sub, name),
						rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP ? "temporary" : "unlogged"),
				 errdetail("After a crash its events are gone, and the position is behind them."),
				 errhint("ALTER TABLE %s SET LOGGED;", name)));
}

static void
check_rules(const CdcSubscription *sub, Relation rel)
{
	char	   *name = cdc_history_table_name(rel);

	if (rel->rd_rules != NULL && rel->rd_rules->numLocks > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("%s has rules", place(sub, name)),
				 errdetail("A rule may keep events away from it."),
				 errhint("%s", cdc_history_drop_rules(RelationGetRelid(rel), name))));
}

/*
 * Partitions have the columns of their table by PostgreSQL's own rules, at whatever
 * places.  A plain table with heirs shows their rows as its own.  Returns the OIDs.
 */
static List *
check_partitions(const CdcSubscription *sub, Relation rel)
{
	List	   *result = NIL;

#if CDC_HAVE_PARTITIONS
	List	   *all = rel->rd_rel->relhassubclass ?
		find_all_inheritors(RelationGetRelid(rel), AccessShareLock, NULL) : NIL;
	ListCell   *lc;

	foreach(lc, all)
	{
		Relation	part;

		if (lfirst_oid(lc) == RelationGetRelid(rel))
			continue;
		part = table_open(lfirst_oid(lc), NoLock);
		if (rel->rd_rel->relkind == RELKIND_RELATION)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("table %s inherits from %s", cdc_history_table_name(part),
							place(sub, cdc_history_table_name(rel))),
					 errhint("ALTER TABLE %s NO INHERIT %s;", cdc_history_table_name(part),
							 cdc_history_table_name(rel))));
		if (part->rd_rel->relkind == RELKIND_RELATION)
			check_persistence(sub, part, "partition of ");
		result = lappend_oid(result, RelationGetRelid(part));
		table_close(part, NoLock);
	}
#endif
	return result;
}

/* What the catalogs say of the table; noted as checked when all is right. */
static void
check_table(const CdcSubscription *sub, Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	CheckedHistory *entry = find_checked(relid);
	List	   *partitions;
	MemoryContext old;

	if (entry->right)
		return;
	list_free(entry->partitions);
	entry->partitions = NIL;
	check_kind(sub, rel);
	check_persistence(sub, rel, "");
	check_rules(sub, rel);
	check_columns(sub, rel);
	partitions = check_partitions(sub, rel);

	/* names and partitions were read: the table of entries may have changed */
	entry = find_checked(relid);
	old = MemoryContextSwitchTo(CacheMemoryContext);
	entry->partitions = list_copy(partitions);
	MemoryContextSwitchTo(old);
	entry->right = true;
}

/* What depends on roles, asked each time. */
static void
check_rights(const CdcSubscription *sub, Relation rel, bool writes)
{
	Oid			relid = RelationGetRelid(rel);
	Oid			owner = rel->rd_rel->relowner;
	char	   *name;

	if (owner == sub->owner_oid && !writes && !CDC_ROW_SECURITY(rel))
		return;
	name = cdc_history_table_name(rel);
	if (!has_privs_of_role(sub->owner_oid, owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s belongs to role \"%s\"", place(sub, name), CDC_USER_NAME(owner)),
				 errdetail("Role \"%s\", the owner of the subscription, does not have its rights.",
						   sub->owner),
				 superuser_arg(owner) ?
				 errhint("ALTER TABLE %s OWNER TO %s;", name, quote_identifier(sub->owner)) :
				 errhint("Give it back: ALTER TABLE %s OWNER TO %s; or let a member of that role take the subscription: SELECT cdc.enable_subscription(%s).",
						 name, quote_identifier(sub->owner), quote_literal_cstr(sub->name))));
	if (writes && pg_class_aclcheck(relid, sub->owner_oid, ACL_INSERT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for %s", place(sub, name)),
				 errhint("GRANT SELECT, INSERT ON %s TO %s;", name, quote_identifier(sub->owner))));
	if (CDC_ROW_SECURITY(rel) &&
		(CDC_RLS_ENABLED_FOR(relid, sub->owner_oid) || CDC_RLS_ENABLED(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("row-level security hides rows of %s from role \"%s\"", place(sub, name),
						CDC_RLS_ENABLED_FOR(relid, sub->owner_oid) ? sub->owner :
						CDC_USER_NAME(GetUserId())),
				 errhint("ALTER TABLE %s DISABLE ROW LEVEL SECURITY;", name)));
}

Relation
cdc_history_table_open(const CdcSubscription *sub, LOCKMODE lockmode)
{
	Relation	rel = CDC_TRY_RELATION_OPEN(sub->history, lockmode);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("history table of subscription \"%s\" does not exist", sub->name)));
	check_table(sub, rel);
	check_rights(sub, rel, lockmode >= RowExclusiveLock);
	return rel;
}
