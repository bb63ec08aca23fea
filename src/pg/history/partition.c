/*-------------------------------------------------------------------------
 *
 * partition.c
 *	  The partition of a history table that takes the rows of a transaction.
 *
 * A missing partition is created as a table of its own and then attached:
 * ATTACH PARTITION takes a SHARE UPDATE EXCLUSIVE lock, while CREATE TABLE ...
 * PARTITION OF would lock out all readers of the history.  Partitions span
 * months or days of UTC.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/partition.h"

#include "pg/base/compat_catalog.h"

#if CDC_HAVE_PARTITIONS

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/timestamp.h"

#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"
#include "pg/history/table.h"

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

/* What one partition spans. */
typedef struct PartitionRange
{
	char		from[64];		/* its first moment, in UTC */
	char		to[64];			/* the first moment of the next one */
	char		suffix[32];		/* of its name */
} PartitionRange;

/* The month or day of at, in UTC. */
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

#else							/* !CDC_HAVE_PARTITIONS */

/* The history is a plain table, and always written with SQL. */
void
cdc_history_partition_ensure(const CdcSubscription *sub, TimestampTz at)
{
}

Oid
cdc_history_partition(Relation parent, TimestampTz at)
{
	return InvalidOid;
}

#endif
