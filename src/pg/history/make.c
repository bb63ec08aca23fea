/*-------------------------------------------------------------------------
 *
 * make.c
 *	  The table of a history is made.
 *
 * Where tables can be append-optimised a history is: events are written once, in order, and
 * compress well.  Such a table has no unique index.  What keeps an event from being there
 * twice is the position, which every transaction that writes events moves with them; and what
 * reads them counts them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/make.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/history/partition.h"
#include "pg/history/table.h"

/* The server may tell of partitions and indexes; who subscribes has not asked for them. */
static const CdcPlannerOption quiet[] = {
	{"client_min_messages", "warning"}
};

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
						 partitioned || !CDC_HAVE_DISTRIBUTION ? ", ingested_at" : "");
	appendStringInfoChar(&sql, ')');
	if (appended)
		appendStringInfoString(&sql, " WITH (appendonly=true, compresstype=zlib, compresslevel=1)");
	if (CDC_HAVE_DISTRIBUTION)
		appendStringInfoString(&sql, " DISTRIBUTED BY (seq)");
	if (partitioned)
		cdc_history_append_partitioning(&sql, opt->history_partition, GetCurrentTransactionStartTimestamp());

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
