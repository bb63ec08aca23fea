/*-------------------------------------------------------------------------
 *
 * partition.c
 *	  Making a history table, and the partition of it that takes the rows of a transaction.
 *
 * PostgreSQL and Greenplum 7: a missing partition is created as a table of its own and then attached:
 * ATTACH PARTITION takes a SHARE UPDATE EXCLUSIVE lock, while CREATE TABLE ...
 * PARTITION OF would lock out all readers of the history.  Greenplum 6 has ADD PARTITION,
 * which waits for readers, once a month or day.  Partitions span months or days of UTC.
 *
 * Where tables can be append-optimised a history is: events are written once, in order, and
 * compress well.  Such a table has no unique index.  What keeps an event from being there
 * twice is the position, which every transaction that writes events moves with them; and what
 * reads them counts them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/partition.h"

#include "pg/base/compat_catalog.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#if CDC_HAVE_PARTITIONS
#include "access/table.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/partcache.h"
#elif CDC_HAVE_CLASSIC_PARTITIONS
#include "cdb/cdbpartition.h"
#include "nodes/relation.h"
#include "utils/array.h"
#include "utils/syscache.h"
#endif
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"
#include "pg/history/table.h"

/* The server may tell of partitions and indexes that nobody has asked for. */
static const CdcPlannerOption quiet[] = {
	{"client_min_messages", "warning"}
};

/* ERROR: there is no partition to drop. */
pg_noreturn static void
refuse_unpartitioned(const CdcSubscription *sub)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("history of subscription \"%s\" has no partitions that could be dropped", sub->name),
			 errhint("A history has partitions where the option history_partition is month or day when it is made.")));
	pg_unreachable();
}

#if CDC_HAVE_HISTORY_PARTITIONS

/* ------------------------------------------------------------------------
 * What a partition spans
 * ------------------------------------------------------------------------
 */

/* What one partition spans. */
typedef struct PartitionRange
{
	char		from[64];		/* its first moment, in UTC */
	char		to[64];			/* the first moment of the next one */
	char		suffix[32];		/* of its name */
} PartitionRange;

/* The month or day of at, in UTC; where there are to be no partitions, the month. */
static void
partition_range(CdcHistoryPartition unit, TimestampTz at, PartitionRange *range)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			year;
	int			month;

	/* where no time zone is asked for, the fields are those of UTC */
	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	if (unit == CDC_PARTITION_DAY)
	{
		int			next = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) + 1;

		snprintf(range->from, sizeof(range->from), "%04d-%02d-%02d 00:00:00+00", tm.tm_year, tm.tm_mon, tm.tm_mday);
		snprintf(range->suffix, sizeof(range->suffix), "_p%04d%02d%02d", tm.tm_year, tm.tm_mon, tm.tm_mday);
		j2date(next, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
		snprintf(range->to, sizeof(range->to), "%04d-%02d-%02d 00:00:00+00", tm.tm_year, tm.tm_mon, tm.tm_mday);
		return;
	}
	year = tm.tm_year + (tm.tm_mon == 12);
	month = tm.tm_mon % 12 + 1;
	snprintf(range->from, sizeof(range->from), "%04d-%02d-01 00:00:00+00", tm.tm_year, tm.tm_mon);
	snprintf(range->to, sizeof(range->to), "%04d-%02d-01 00:00:00+00", year, month);
	snprintf(range->suffix, sizeof(range->suffix), "_p%04d%02d", tm.tm_year, tm.tm_mon);
}

#endif							/* CDC_HAVE_HISTORY_PARTITIONS */

#if CDC_HAVE_PARTITIONS

/* ------------------------------------------------------------------------
 * Partitions that are attached
 * ------------------------------------------------------------------------
 */

/* Whether the history is partitioned in the way that cdc.create_subscription does it. */
static bool
by_ingested_at(Relation parent)
{
	PartitionKey key = RelationGetPartitionKey(parent);

	return key != NULL && key->strategy == PARTITION_STRATEGY_RANGE && key->partnatts == 1 &&
		key->partattrs[0] > 0 && key->parttypid[0] == TIMESTAMPTZOID &&
		strcmp(NameStr(TupleDescAttr(RelationGetDescr(parent), key->partattrs[0] - 1)->attname),
			   "ingested_at") == 0;
}

/* The partition that takes rows of that time; InvalidOid: there is none. */
static Oid
find_partition(Relation parent, TimestampTz at)
{
	PartitionKey key = RelationGetPartitionKey(parent);
	PartitionDesc desc = CDC_PARTITION_DESC(parent);
	Datum		value = TimestampTzGetDatum(at);
	bool		equal;
	int			index;

	if (desc->nparts == 0)
		return InvalidOid;
	index = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
										  desc->boundinfo, 1, &value, &equal);
	index = desc->boundinfo->indexes[index + 1];
	if (index < 0)
		index = desc->boundinfo->default_index;
	return index < 0 ? InvalidOid : desc->oids[index];
}

/* A name for the partition that no other relation has. */
static char *
partition_name(Oid schema, const char *base, const char *suffix)
{
	int			n;

	for (n = 0;; n++)
	{
		char		tail[NAMEDATALEN];
		int			len;
		char	   *name;

		if (n == 0)
			snprintf(tail, sizeof(tail), "%s", suffix);
		else
			snprintf(tail, sizeof(tail), "%s_%d", suffix, n);
		len = pg_mbcliplen(base, strlen(base), NAMEDATALEN - 1 - strlen(tail));
		name = psprintf("%.*s%s", len, base, tail);
		if (!OidIsValid(get_relname_relid(name, schema)))
			return name;
	}
}

/*
 * Creates the partition for rows of that time and attaches it, as the history's owner.
 * The caller has locked the history but not opened it: ALTER TABLE refuses a
 * table that is in use by its own session.
 */
static void
create_partition(const CdcSubscription *sub, Oid owner, TimestampTz at)
{
	Oid			schema_oid = get_rel_namespace(sub->history);
	char	   *schema = get_namespace_name(schema_oid);
	char	   *base = get_rel_name(sub->history);
	char	   *parent_name = quote_qualified_identifier(schema, base);
	PartitionRange range;
	char	   *name;
	CdcScope	scope;

	partition_range(sub->opt.history_partition, at, &range);
	name = quote_qualified_identifier(schema, partition_name(schema_oid, base, range.suffix));

	/* the partition has to belong to the history's owner */
	cdc_scope_begin(owner, &scope);
	cdc_spi_command(psprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL) %s", name, parent_name,
							 CDC_DISTRIBUTED_AS(sub->history)));
	cdc_spi_command(psprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')",
							 parent_name, name, range.from, range.to));
	cdc_scope_end(&scope);
	CommandCounterIncrement();
}

void
cdc_history_partition_ensure(const CdcSubscription *sub, TimestampTz at)
{
	Relation	parent = cdc_history_table_open(sub, RowExclusiveLock);
	Oid			owner = parent->rd_rel->relowner;
	bool		missing = parent->rd_rel->relkind == RELKIND_PARTITIONED_TABLE &&
		by_ingested_at(parent) && !OidIsValid(find_partition(parent, at));

	table_close(parent, NoLock);
	if (missing)
		create_partition(sub, owner, at);
}

Oid
cdc_history_partition(Relation parent, TimestampTz at)
{
	if (parent->rd_rel->relkind == RELKIND_RELATION)
		return RelationGetRelid(parent);
	if (parent->rd_rel->relkind == RELKIND_PARTITIONED_TABLE && by_ingested_at(parent))
		return find_partition(parent, at);
	return InvalidOid;
}

List *
cdc_history_partitions_until(const CdcSubscription *sub, TimestampTz before, Oid *owner)
{
	Relation	parent = cdc_history_table_open(sub, AccessShareLock);
	PartitionDesc desc;
	List	   *result = NIL;
	int			i;

	*owner = parent->rd_rel->relowner;
	if (parent->rd_rel->relkind != RELKIND_PARTITIONED_TABLE || !by_ingested_at(parent))
		refuse_unpartitioned(sub);
	desc = CDC_PARTITION_DESC(parent);

	/* bounds ascend; an upper one names its partition */
	for (i = 0; desc->nparts > 0 && i < desc->boundinfo->ndatums; i++)
	{
		int			index = desc->boundinfo->indexes[i];

		if (index >= 0 && desc->boundinfo->kind[i][0] == PARTITION_RANGE_DATUM_VALUE &&
			DatumGetTimestampTz(desc->boundinfo->datums[i][0]) <= before)
			result = lappend_oid(result, desc->oids[index]);
	}
	table_close(parent, NoLock);
	return result;
}

void
cdc_history_partition_drop(const CdcSubscription *sub, Oid relid)
{
	cdc_spi_command(psprintf("DROP TABLE %s", quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
																		 get_rel_name(relid))));
}

static void
append_partitioning(StringInfo sql, CdcHistoryPartition unit, TimestampTz at)
{
	appendStringInfoString(sql, " PARTITION BY RANGE (ingested_at)");
}

#elif CDC_HAVE_CLASSIC_PARTITIONS

/* ------------------------------------------------------------------------
 * Partitions that are added
 * ------------------------------------------------------------------------
 */

/* Appends what a partition is called and spans. */
static void
append_partition(StringInfo sql, const char *name, const PartitionRange *range)
{
	appendStringInfo(sql, "PARTITION %s START ('%s') INCLUSIVE END ('%s') EXCLUSIVE",
					 quote_identifier(name), range->from, range->to);
}

static void
append_partitioning(StringInfo sql, CdcHistoryPartition unit, TimestampTz at)
{
	PartitionRange range;

	partition_range(unit, at, &range);
	appendStringInfoString(sql, " PARTITION BY RANGE (ingested_at) (");
	append_partition(sql, range.suffix + 1, &range);
	appendStringInfoChar(sql, ')');
}

/* The history's partitions, where it is partitioned in the way that cdc.create_subscription does it. */
static PartitionNode *
by_ingested_at(Relation parent)
{
	PartitionNode *node;

	if (!rel_is_partitioned(RelationGetRelid(parent)))
		return NULL;
	node = RelationBuildPartitionDesc(parent, false);
	if (node == NULL || node->part->parkind != 'r' || node->part->parnatts != 1 ||
		strcmp(NameStr(TupleDescAttr(RelationGetDescr(parent), node->part->paratts[0] - 1)->attname),
			   "ingested_at") != 0)
		return NULL;
	return node;
}

/* The partition that takes rows of that time; InvalidOid: there is none. */
static Oid
find_partition(Relation parent, PartitionNode *node, TimestampTz at)
{
	int			natts = RelationGetDescr(parent)->natts;
	Datum	   *values = palloc0(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));

	memset(nulls, true, natts * sizeof(bool));
	values[node->part->paratts[0] - 1] = TimestampTzGetDatum(at);
	nulls[node->part->paratts[0] - 1] = false;
	return selectPartition(node, values, nulls, RelationGetDescr(parent), NULL);
}

/* A name that none of the partitions has. */
static char *
partition_name(PartitionNode *node, const char *suffix)
{
	int			n;

	for (n = 0;; n++)
	{
		char	   *name = n == 0 ? pstrdup(suffix) : psprintf("%s_%d", suffix, n);
		bool		taken = false;
		ListCell   *lc;

		foreach(lc, node->rules)
		{
			const PartitionRule *rule = lfirst(lc);

			taken = taken || (rule->parname != NULL && strcmp(rule->parname, name) == 0);
		}
		if (!taken)
			return name;
	}
}

/* How the history is stored, for partitions to be stored alike: they do not inherit it. */
static void
append_storage(StringInfo sql, Oid history)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(history));
	bool		isnull;
	Datum		options;
	Datum	   *words;
	int			n;
	int			i;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", history);
	options = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	if (!isnull)
	{
		deconstruct_array(DatumGetArrayTypeP(options), TEXTOID, -1, false, 'i', &words, NULL, &n);
		for (i = 0; i < n; i++)
			appendStringInfo(sql, "%s%s", i == 0 ? " WITH (" : ", ", TextDatumGetCString(words[i]));
		if (n > 0)
			appendStringInfoChar(sql, ')');
	}
	ReleaseSysCache(tuple);
}

void
cdc_history_partition_ensure(const CdcSubscription *sub, TimestampTz at)
{
	Relation	parent = cdc_history_table_open(sub, RowExclusiveLock);
	Oid			owner = parent->rd_rel->relowner;
	char	   *table = cdc_history_table_name(parent);
	PartitionNode *node = by_ingested_at(parent);
	bool		missing = node != NULL && !OidIsValid(find_partition(parent, node, at));
	PartitionRange range;
	StringInfoData sql;
	CdcScope	scope;
	int			level;

	table_close(parent, NoLock);
	if (!missing)
		return;
	partition_range(sub->opt.history_partition, at, &range);
	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER TABLE %s ADD ", table);
	append_partition(&sql, partition_name(node, range.suffix + 1), &range);
	append_storage(&sql, sub->history);

	/* the partition has to belong to the history's owner */
	cdc_scope_begin(owner, &scope);
	level = cdc_planner_begin(quiet, lengthof(quiet));
	cdc_spi_command(sql.data);
	cdc_planner_end(level);
	cdc_scope_end(&scope);
	CommandCounterIncrement();
}

Oid
cdc_history_partition(Relation parent, TimestampTz at)
{
	PartitionNode *node;

	if (!rel_is_partitioned(RelationGetRelid(parent)))
		return RelationGetRelid(parent);
	node = by_ingested_at(parent);
	return node != NULL ? find_partition(parent, node, at) : InvalidOid;
}

/* Whether all rows of the partition have an earlier time. */
static bool
ends_until(const PartitionRule *rule, TimestampTz before)
{
	const Const *end = rule->parrangeend != NULL ? linitial((List *) rule->parrangeend) : NULL;
	TimestampTz at;

	if (end == NULL || !IsA(end, Const) || end->consttype != TIMESTAMPTZOID || end->constisnull)
		return false;
	at = DatumGetTimestampTz(end->constvalue);
	return rule->parrangeendincl ? at < before : at <= before;
}

List *
cdc_history_partitions_until(const CdcSubscription *sub, TimestampTz before, Oid *owner)
{
	Relation	parent = cdc_history_table_open(sub, AccessShareLock);
	PartitionNode *node = by_ingested_at(parent);
	List	   *result = NIL;
	ListCell   *lc;

	*owner = parent->rd_rel->relowner;
	if (node == NULL)
		refuse_unpartitioned(sub);
	foreach(lc, node->rules)
	{
		const PartitionRule *rule = lfirst(lc);

		if (ends_until(rule, before))
			result = lappend_oid(result, rule->parchildrelid);
	}
	table_close(parent, NoLock);
	return result;
}

/* Appends how a partition is named in ALTER TABLE; returns the number of partitions. */
static int
append_partition_name(StringInfo sql, Relation parent, Oid relid)
{
	PartitionNode *node = by_ingested_at(parent);
	int			rank = 0;
	ListCell   *lc;

	foreach(lc, node != NULL ? node->rules : NIL)
	{
		const PartitionRule *rule = lfirst(lc);

		rank++;
		if (rule->parchildrelid != relid)
			continue;
		if (rule->parname != NULL && rule->parname[0] != '\0')
			appendStringInfoString(sql, quote_identifier(rule->parname));
		else
			appendStringInfo(sql, "FOR (RANK(%d))", rank);
		return list_length(node->rules);
	}
	elog(ERROR, "relation %u is no partition of history %s", relid, RelationGetRelationName(parent));
	return 0;
}

/* The last partition of a table cannot be dropped: that of now is there before. */
void
cdc_history_partition_drop(const CdcSubscription *sub, Oid relid)
{
	Relation	parent = cdc_history_table_open(sub, AccessShareLock);
	StringInfoData sql;
	int			partitions;

	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER TABLE %s DROP PARTITION ", cdc_history_table_name(parent));
	partitions = append_partition_name(&sql, parent, relid);
	table_close(parent, NoLock);
	if (partitions == 1)
		cdc_history_partition_ensure(sub, GetCurrentTransactionStartTimestamp());
	cdc_spi_command(sql.data);
}

Relation
cdc_history_insert_table(Relation parent, TimestampTz at)
{
	Oid			oid = cdc_history_partition(parent, at);

	return table_open(OidIsValid(oid) ? oid : RelationGetRelid(parent), RowExclusiveLock);
}

#else							/* a history is one table */

static void
append_partitioning(StringInfo sql, CdcHistoryPartition unit, TimestampTz at)
{
}

void
cdc_history_partition_ensure(const CdcSubscription *sub, TimestampTz at)
{
}

Oid
cdc_history_partition(Relation parent, TimestampTz at)
{
	return InvalidOid;
}

List *
cdc_history_partitions_until(const CdcSubscription *sub, TimestampTz before, Oid *owner)
{
	refuse_unpartitioned(sub);
	return NIL;
}

void
cdc_history_partition_drop(const CdcSubscription *sub, Oid relid)
{
	refuse_unpartitioned(sub);
}

#endif

#if !CDC_HAVE_CLASSIC_PARTITIONS

Relation
cdc_history_insert_table(Relation parent, TimestampTz at)
{
	return table_open(RelationGetRelid(parent), RowExclusiveLock);
}

#endif

/* ------------------------------------------------------------------------
 * The table
 * ------------------------------------------------------------------------
 */

/* Whether a row without the column would say nothing. */
static bool
not_null(CdcHistoryColumn column)
{
	return column == CDC_HISTORY_COL_SEQ || column == CDC_HISTORY_COL_INGESTED_AT ||
		column == CDC_HISTORY_COL_OP || column == CDC_HISTORY_COL_COMMIT;
}

void
cdc_history_make(const CdcSubscription *sub, const char *name)
{
	const CdcSubscriptionOptions *opt = &sub->opt;
	bool		partitioned = CDC_HAVE_HISTORY_PARTITIONS &&
		opt->history_partition != CDC_PARTITION_NONE;
	bool		appended = CDC_HAVE_CLASSIC_PARTITIONS && opt->history_storage == CDC_STORAGE_AUTO;
	StringInfoData sql;
	int			level;
	int			c;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE %s (", name);
	for (c = 0; c < CDC_HISTORY_COLUMNS; c++)
		appendStringInfo(&sql, "%s%s %s%s", c == 0 ? "" : ", ",
						 quote_identifier(cdc_history_columns[c].name), cdc_history_columns[c].type_name,
						 not_null(c) ? " NOT NULL" : "");
	if (!appended)
		appendStringInfo(&sql, ", PRIMARY KEY (seq%s)",
						 partitioned || CDC_HAVE_PARTITIONS ? ", ingested_at" : "");
	appendStringInfoChar(&sql, ')');
	if (appended)
		appendStringInfoString(&sql, " WITH (appendonly=true, compresstype=zlib, compresslevel=1)");
	if (CDC_HAVE_CLASSIC_PARTITIONS)
		appendStringInfoString(&sql, " DISTRIBUTED BY (seq)");
	if (partitioned)
		append_partitioning(&sql, opt->history_partition, GetCurrentTransactionStartTimestamp());
	if (CDC_HAVE_DISTRIBUTION && !CDC_HAVE_CLASSIC_PARTITIONS)
		appendStringInfoString(&sql, " DISTRIBUTED BY (seq)");

	level = cdc_planner_begin(quiet, lengthof(quiet));
	cdc_spi_command(sql.data);
	CommandCounterIncrement();
	if (appended)
	{
		cdc_spi_command(psprintf("CREATE INDEX ON %s (seq)", name));
		CommandCounterIncrement();
	}
	cdc_planner_end(level);
}
