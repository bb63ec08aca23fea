/*-------------------------------------------------------------------------
 *
 * sql_stage.c
 *	  Rows that the segments have made themselves, merged into their target where they are.
 *
 * They are in a temporary table of the session, the target's stage, one row a key, on the
 * segments that have the target's rows with these keys.  It is made once, as each table that
 * is made or dropped leaves something behind in the catalogs, and is empty at each commit.
 *
 * It belongs to the extension's owner, so that nobody else can put code of his on it; those
 * who fill and read it are granted that.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/sql_internal.h"

#if CDC_HAVE_DISTRIBUTION

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"
#include "utils/acl.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/target/target.h"

/* A stage that this session has made. */
typedef struct Stage
{
	Oid			target;
	Oid			relid;
	TransactionId filled;		/* the transaction that has filled it last */
} Stage;

static List *stages = NIL;		/* of Stage * */

static Stage *
find_stage(Oid target)
{
	ListCell   *lc;

	foreach(lc, stages)
		if (((Stage *) lfirst(lc))->target == target)
			return lfirst(lc);
	return NULL;
}

/* Its bare name. */
static const char *
bare_name(const CdcTarget *target)
{
	return cdc_stage_name(target) + strlen("pg_temp.");
}

/* ------------------------------------------------------------------------
 * Which targets have one
 * ------------------------------------------------------------------------
 */

/* The key column with that attribute; NULL: it is none of the key's. */
static const CdcKeyColumn *
key_column(const CdcTarget *target, AttrNumber attnum)
{
	int			i;

	for (i = 0; i < target->nkey; i++)
		if (target->key[i].attnum == attnum)
			return &target->key[i];
	return NULL;
}

/* Whether keys are compared as the server compares values of their types by itself. */
static bool
has_usual_keys(const CdcTarget *target)
{
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcKeyColumn *key = &target->key[i];
		Oid			type = target->columns[key->column].typid;

		if (key->index_equal != lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr)
			return false;
	}
	return true;
}

/* Whether the key of a row says on which segment it is. */
static bool
is_dealt_by_key(const CdcTarget *target, Relation rel)
{
	const GpPolicy *policy = rel->rd_cdbpolicy;
	bool		dealt = policy != NULL && policy->ptype == POLICYTYPE_PARTITIONED && policy->nattrs > 0;
	int			i;

	for (i = 0; dealt && i < policy->nattrs; i++)
		dealt = key_column(target, policy->attrs[i]) != NULL;
	return dealt;
}

bool
cdc_stage_fits(const CdcTargetRun *run)
{
	const CdcTarget *target = run->target;
	Relation	rel;
	bool		fits;

	if (target->keyless || !OidIsValid(target->key_index) || target->row_by_row || run->one_by_one ||
		run->all_count || run->backend != &cdc_write_sql || !has_usual_keys(target))
		return false;
	rel = table_open(target->relid, NoLock);
	fits = rel->rd_rel->relkind == RELKIND_RELATION && !rel->rd_rel->relhassubclass &&
		rel->rd_rules == NULL && rel->trigdesc == NULL && is_dealt_by_key(target, rel);
	table_close(rel, NoLock);
	return fits;
}

/* ------------------------------------------------------------------------
 * The table
 * ------------------------------------------------------------------------
 */

/* Runs a command on a stage as the extension's owner, who may make temporary tables. */
static void
command(const char *sql)
{
	Oid			userid;
	int			sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(cdc_extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
	cdc_spi_command(sql);
	SetUserIdAndSecContext(userid, sec_context);
}

/* The place of an attribute among those that are not dropped, from 1. */
static int
rank_of(const CdcTarget *target, AttrNumber attnum)
{
	int			rank = 0;
	int			i;

	for (i = 0; i < attnum; i++)
		if (!TupleDescAttr(target->desc, i)->attisdropped)
			rank++;
	return rank;
}

/* Appends a column of the stage, which is like the attribute. */
static void
append_column(StringInfo sql, const CdcTarget *target, Form_pg_attribute att)
{
	appendStringInfo(sql, "c%d %s", rank_of(target, att->attnum),
					 format_type_with_typemod(att->atttypid, att->atttypmod));
	if (OidIsValid(att->attcollation))
		appendStringInfo(sql, " COLLATE %s", generate_collation_name(att->attcollation));
	appendStringInfoString(sql, ", ");
}

static void
create_stage(const CdcTarget *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	const GpPolicy *policy = rel->rd_cdbpolicy;
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TEMPORARY TABLE %s (", cdc_stage_name(target));
	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (!att->attisdropped)
			append_column(&sql, target, att);
	}
	appendStringInfoString(&sql, CDC_STAGE_GONE " boolean NOT NULL) ON COMMIT DELETE ROWS DISTRIBUTED BY (");
	for (i = 0; i < policy->nattrs; i++)
		appendStringInfo(&sql, "%sc%d", i > 0 ? ", " : "", rank_of(target, policy->attrs[i]));
	appendStringInfoChar(&sql, ')');
	table_close(rel, NoLock);
	command(sql.data);
}

/* Whether the stage is distributed as the target is by now. */
static bool
is_dealt_as(const CdcTarget *target, Relation stage)
{
	Relation	rel = table_open(target->relid, NoLock);
	const GpPolicy *policy = rel->rd_cdbpolicy;
	bool		same = stage->rd_cdbpolicy != NULL && stage->rd_cdbpolicy->nattrs == policy->nattrs;
	int			i;

	for (i = 0; same && i < policy->nattrs; i++)
		same = stage->rd_cdbpolicy->attrs[i] == rank_of(target, policy->attrs[i]);
	table_close(rel, NoLock);
	return same;
}

/* Whether the table has the columns that the target's stage has, and is distributed as it. */
static bool
has_shape(const CdcTarget *target, Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	int			n = 0;
	bool		same = true;
	int			i;

	for (i = 0; same && i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (att->attisdropped)
			continue;
		same = n < desc->natts && TupleDescAttr(desc, n)->atttypid == att->atttypid &&
			TupleDescAttr(desc, n)->atttypmod == att->atttypmod &&
			TupleDescAttr(desc, n)->attcollation == att->attcollation;
		n++;
	}
	same = same && desc->natts == n + 1 && is_dealt_as(target, rel);
	table_close(rel, AccessShareLock);
	return same;
}

void
cdc_stage_open(const CdcTargetRun *run, Oid reader)
{
	const CdcTarget *target = run->target;
	Oid			relid = RangeVarGetRelid(makeRangeVar("pg_temp", pstrdup(bare_name(target)), -1), NoLock, true);
	Stage	   *stage = find_stage(target->relid);

	if (OidIsValid(relid) && (stage == NULL || stage->relid != relid))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("temporary table \"%s\" was not made by apply", bare_name(target))));
	if (OidIsValid(relid) && !has_shape(target, relid))
	{
		command(psprintf("DROP TABLE %s", cdc_stage_name(target)));
		relid = InvalidOid;
	}
	if (!OidIsValid(relid))
	{
		create_stage(target);
		relid = RangeVarGetRelid(makeRangeVar("pg_temp", pstrdup(bare_name(target)), -1), NoLock, false);
		if (stage == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

			stage = palloc0(sizeof(Stage));
			stage->target = target->relid;
			stages = lappend(stages, stage);
			MemoryContextSwitchTo(old);
		}
		stage->relid = relid;
		stage->filled = InvalidTransactionId;
	}
	if (pg_class_aclmask(relid, reader, ACL_INSERT, ACLMASK_ALL) == 0)
		command(psprintf("GRANT INSERT ON %s TO %s", cdc_stage_name(target),
						 quote_identifier(CDC_USER_NAME(reader))));
	if (pg_class_aclmask(relid, run->rights.writer, ACL_SELECT, ACLMASK_ALL) == 0)
		command(psprintf("GRANT SELECT ON %s TO %s", cdc_stage_name(target),
						 quote_identifier(CDC_USER_NAME(run->rights.writer))));
}

void
cdc_stage_empty(const CdcTargetRun *run)
{
	Stage	   *stage = find_stage(run->target->relid);
	TransactionId xid = GetTopTransactionId();

	Assert(stage != NULL);
	if (stage->filled == xid)
		command(psprintf("TRUNCATE %s", cdc_stage_name(run->target)));
	stage->filled = xid;
}

/* ------------------------------------------------------------------------
 * Merging
 * ------------------------------------------------------------------------
 */

/* Runs one of the statements; returns the number of rows. */
static int64
run_here(CdcTarget *target, CdcSqlKind kind, const CdcPresence *presence)
{
	CdcSqlForm	form = {kind, presence, 0, true, false, false, true};

	if (!cdc_sql_stays(target, &form))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rows of target %s would move between segments", target->name)));
	return cdc_sql_run(target, &form);
}

/* The presence of all columns. */
static const CdcPresence *
all_columns(CdcTarget *target)
{
	bool	   *attrs = palloc(sizeof(bool) * target->desc->natts);
	const CdcPresence *presence;
	int			i;

	for (i = 0; i < target->desc->natts; i++)
		attrs[i] = !TupleDescAttr(target->desc, i)->attisdropped;
	presence = cdc_presence_intern(&target->presences, attrs);
	pfree(attrs);
	return presence;
}

/* How many of the rows are to be written. */
static int64
count_puts(const CdcTarget *target)
{
	bool		isnull;
	int			rc = SPI_execute(psprintf("SELECT pg_catalog.count(*) FROM %s WHERE NOT " CDC_STAGE_GONE,
										  cdc_stage_name(target)), false, 1);

	if (rc != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

void
cdc_stage_merge(CdcTargetRun *run, int64 staged, bool deletes)
{
	CdcTarget  *target = run->target;
	const CdcPresence *presence = all_columns(target);
	bool		has_more = target->nkey < target->ncolumns;
	int64		puts = staged;
	int64		updated = 0;
	CdcWriterUser user;

	cdc_writer_begin(run, &user);
	cdc_spi_connect();
	if (deletes)
	{
		puts = count_puts(target);
		run->deleted += run_here(target, SQL_DELETE, NULL);
	}
	if (puts > 0 && has_more)
		updated = run_here(target, SQL_UPDATE, presence);
	run->updated += updated;
	if (updated < puts)
		run->inserted += run_here(target, updated == 0 && has_more ? SQL_INSERT : SQL_INSERT_MISSING, presence);
	cdc_spi_disconnect();
	cdc_writer_end(&user);
}

#else

bool
cdc_stage_fits(const CdcTargetRun *run)
{
	return false;
}

void
cdc_stage_open(const CdcTargetRun *run, Oid reader)
{
}

void
cdc_stage_empty(const CdcTargetRun *run)
{
}

void
cdc_stage_merge(CdcTargetRun *run, int64 staged, bool deletes)
{
}

#endif							/* CDC_HAVE_DISTRIBUTION */
