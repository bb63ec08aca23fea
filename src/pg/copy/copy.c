/*-------------------------------------------------------------------------
 *
 * copy.c
 *	  The initial copy of tables, and how it joins the stream.
 *
 * A second connection opens a consistent snapshot and reads the tables through
 * it, unbuffered; the rows become 'r' events, framed by 'm' events
 * ("bootstrap-start", "bootstrap-complete"), one source transaction in the
 * history's sense.  No lock is taken on the source.
 *
 * What the stream must know is the position of the snapshot: snapshot.c.
 *
 * A subscription that starts with the copy starts its stream exactly there.
 * When the stream is running, or the position is known as a range only, the
 * changes in between come twice.  Rows with a key end the same, but apply has
 * to hold still until the stream has passed snapshot_join; tables without a
 * key need an exact position, up to which their events are left out.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/copy.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/epoch.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/copy/row_source.h"
#include "pg/remote/answer.h"
#include "pg/target/replica_table.h"

/* How long the source is waited for when the stream has not begun, and when it is running. */
#define FIRST_PATIENCE_MS	60000
#define PATIENCE_MS			10000

/* ---- which tables ---- */

/* The tables in state 'i', of CdcSubscriptionTable *. */
static List *
tables_to_copy(const CdcSubscription *sub)
{
	List	   *tables = cdc_subscription_tables(sub);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);

		if (t->state == 'i')
			result = lappend(result, t);
	}
	return result;
}

bool
cdc_copy_pending(const CdcSubscription *sub)
{
	return tables_to_copy(sub) != NIL;
}

List *
cdc_copy_tables(const CdcSubscription *sub)
{
	List	   *tables = tables_to_copy(sub);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);

		if (t->copy_data)
			result = lappend(result, t);
		else
			cdc_subscription_table_state(sub, t->source_table, 'r');
	}
	return result;
}

/* ---- names and definitions ---- */

/* The two parts of a table's name, in UTF-8; false where it has one only. */
static bool
split_name(const char *source_table, char **database, char **table)
{
	char	   *dot;

	*database = cdc_to_utf8_copy(source_table);
	dot = strchr(*database, '.');
	if (dot == NULL)
		return false;
	*dot = '\0';
	*table = dot + 1;
	return true;
}

/* An 'm' event, which frames the rows of a table. */
static void
control_event(CdcEventWriter *writer, const CdcTable *table, const char *type)
{
	const CdcTransaction *txn = cdc_event_writer_txn(writer);
	CdcChange	change = {0};

	change.op = CDC_OP_CONTROL;
	change.table = table;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	change.sql.data = type;
	change.sql.len = strlen(type);
	cdc_event_writer_change(writer, &change);
}

/*
 * A 't' event: the target is to have nothing but the rows of the copy that follows, in
 * whatever way it had come to others.
 */
static void
replace_event(CdcEventWriter *writer, const CdcTable *table)
{
	const CdcTransaction *txn = cdc_event_writer_txn(writer);
	char	   *sql = psprintf("TRUNCATE TABLE %s.%s", cdc_source_quote_ident(table->database),
							   cdc_source_quote_ident(table->name));
	CdcDdlEffect effect = {0};
	CdcChange	change = {0};

	effect.kind = CDC_DDL_TABLE_TRUNCATE;
	effect.database = effect.new_database = table->database;
	effect.table = effect.new_table = table->name;
	change.op = CDC_OP_TRUNCATE;
	change.table = table;
	change.ddl = &effect;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	change.sql.data = sql;
	change.sql.len = strlen(sql);
	cdc_event_writer_change(writer, &change);
}

/* Whether a table to be copied has no key, so that its rows must not come twice. */
static bool
needs_exact_position(CdcSource *source, List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);
		char	   *database;
		char	   *table;
		CdcAnswer  *key;

		if (!split_name(t->source_table, &database, &table))
			continue;
		key = cdc_source_ask(source, "the primary key of a table", 1,
							 "SELECT 1 FROM information_schema.STATISTICS"
							 " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND INDEX_NAME = 'PRIMARY' LIMIT 1",
							 cdc_source_quote_literal(database), cdc_source_quote_literal(table));
		if (cdc_answer_rows(key) == 0)
			return true;
	}
	return false;
}

/* The engine of a table, where it has no transactions; else NULL. */
static const char *
plain_engine(CdcSource *control, const CdcTable *table)
{
	CdcAnswer  *answer = cdc_source_ask(control, "the engine of a table", 1,
										"SELECT t.ENGINE FROM information_schema.TABLES t"
										" JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
										" WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s AND e.TRANSACTIONS = 'NO'",
										cdc_source_quote_literal(table->database),
										cdc_source_quote_literal(table->name));

	return cdc_answer_rows(answer) > 0 ? cdc_answer_text(answer, 0, 0) : NULL;
}

/* Why the table cannot be copied, or NULL. */
static const char *
copy_trouble(const CdcCopy *copy, const CdcTable *table, const CdcSnapshot *snap)
{
	const CdcColumn *column;
	const char *engine;

	if (table == NULL)
		return "the source has no such table";
	if (table->npk == 0 && !snap->exact)
		return "the table has no primary key, and the source was too busy for a snapshot whose position is exactly known";
	if (table->npk == 0 &&
		(engine = plain_engine(cdc_control_session(&copy->control), table)) != NULL)
		return psprintf("the table has no primary key, and engine %s no snapshots", engine);
	column = cdc_row_source_unreadable(table);
	if (column != NULL)
		return psprintf("column \"%s\" has type %s, which cannot be copied",
						cdc_from_utf8_copy(column->name), cdc_from_utf8_copy(column->column_type));
	return cdc_replica_trouble(copy->sub, table);
}

/* The definition of a table; NULL when it cannot be copied, which its state 'e' then says. */
static const CdcTable *
definition(const CdcCopy *copy, const CdcSubscriptionTable *t, const CdcSnapshot *snap,
		   const char *position)
{
	char	   *database;
	char	   *name;
	const CdcTable *table = NULL;
	const char *error;

	if (split_name(t->source_table, &database, &name))
	{
		CdcSchemaPlace place = {*copy->out->last_seq + 1, position};

		table = cdc_schema_refresh(copy->schema, cdc_control_session(&copy->control), database,
								   name, &place);
	}
	error = copy_trouble(copy, table, snap);
	if (error == NULL)
		return table;
	cdc_subscription_table_failed(copy->sub, t->source_table, ERRCODE_FEATURE_NOT_SUPPORTED, error);
	cdc_log(copy->sub->name, "copy", psprintf("source table %s is not copied", t->source_table), error);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("table \"%s\" of subscription \"%s\" cannot be copied", t->source_table, copy->sub->name),
			 errdetail("%s.", error),
			 errhint("Remove it with cdc.remove_table and add it again later.")));
	return NULL;
}

/* The table's rows as events of the writer's transaction. */
static void
copy_rows(const CdcCopy *copy, CdcSource *source, CdcEventWriter *writer, const CdcTable *table)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest copy",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const CdcTransaction *txn = cdc_event_writer_txn(writer);
	CdcRowSource *rows = cdc_row_source_open(source, table, copy->sub->name);
	CdcChange	change = {0};

	change.op = CDC_OP_SNAPSHOT;
	change.table = table;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	while ((change.after = cdc_row_source_next(rows)) != NULL)
		cdc_event_writer_change(writer, &change);
	cdc_row_source_close(rows);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* state: of the tables when they are copied. */
static void
copy_tables(const CdcCopy *copy, CdcSource *source, const CdcSnapshot *snap, char state)
{
	CdcTransaction txn = {0};
	CdcEventWriter *writer;
	char	   *position = psprintf("%s:" INT64_FORMAT, snap->to.file, snap->to.offset);
	ListCell   *lc;

	txn.file = snap->to.file;
	txn.start_offset = txn.end_offset = (uint64) snap->to.offset;
	txn.commit_us = cdc_unix_us(GetCurrentTimestamp());
	writer = cdc_event_writer_begin(copy->out, &txn);
	foreach(lc, copy->tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);
		const CdcTable *table = definition(copy, t, snap, position);

		if (table == NULL)
			continue;
		control_event(writer, table, "bootstrap-start");
		if (t->replace)
			replace_event(writer, table);
		copy_rows(copy, source, writer, table);
		control_event(writer, table, "bootstrap-complete");
		cdc_subscription_table_state(copy->sub, t->source_table, state);
	}
	cdc_event_writer_end(writer);
}

/* ---- the copy ---- */

/*
 * The snapshot could not be had in time: the copy has to wait.  ERROR where the stream
 * cannot begin without it.
 */
static void
report_delay(const CdcCopy *copy, const char *trouble)
{
	if (copy->first)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the copy of subscription \"%s\" cannot join the binlog of its source", copy->sub->name),
				 errdetail("At the source, %s.", trouble),
				 errhint("End it there, or pull again later.")));
	cdc_log_event(copy->sub->name, "copy", "the copy of tables waits for the source", trouble);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the copy of tables of subscription \"%s\" waits for its source", copy->sub->name),
			 errdetail("At the source, %s.", trouble),
			 errhint("Changes of other tables go on; the copy is tried again in %d s.", CDC_COPY_RETRY_MS / 1000)));
}

static void
warn_of_margin(const CdcSubscription *sub, const char *trouble)
{
	cdc_log(sub->name, "copy", "the snapshot's place in the binlog is likely, but not proved", trouble);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the copy of subscription \"%s\" joins the binlog at a place that is likely, but not proved",
					sub->name),
			 errdetail("At the source, %s. A transaction that takes longer than a second from the binlog to the engine would be missed.",
					   trouble),
			 errhint("Before a copy from MySQL 5.6, or without GTIDs, GRANT PROCESS ON *.* TO the user of the user mapping.")));
}

bool
cdc_copy_run(const CdcCopy *copy, CdcSnapshot *snap)
{
	CdcSource  *source = cdc_source_open_at(copy->sub->server, copy->sub->owner_oid,
											copy->address, true, false);

	if (!cdc_snapshot_open(source, &copy->control, needs_exact_position(source, copy->tables),
						   copy->first ? FIRST_PATIENCE_MS : PATIENCE_MS, snap))
	{
		cdc_source_close(source);
		report_delay(copy, snap->trouble);
		return false;
	}
	if (snap->trouble != NULL)
		warn_of_margin(copy->sub, snap->trouble);
	copy_tables(copy, source, snap, cdc_copy_joins(copy, snap) ? 'f' : 'r');
	cdc_source_close(source);
	return true;
}
