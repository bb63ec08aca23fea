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
 * What the stream must know is the position of the snapshot: copy_snapshot.c.
 *
 * A subscription that starts with the copy starts its stream exactly there.
 * When the stream is running, or the position is known as a range only, the
 * changes in between come twice.  Rows with a key end the same, but apply has
 * to hold still until the stream has passed snapshot_join; tables without a
 * key need an exact position, up to which their events are left out.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/pull_internal.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/text_value.h"
#include "pg/base/error.h"
#include "pg/target/replica_table.h"
#include "pg/catalog/tables.h"
#include "pg/catalog/log.h"

/* How long the source is waited for when the stream has not begun ... */
#define FIRST_PATIENCE_MS	60000

/* ... and when it is running, and how long it then runs before the next try. */
#define PATIENCE_MS			10000
#define RETRY_MS			60000

/* The most that one row may take. */
#define ROW_LIMIT			((size_t) 1024 * 1024 * 1024)

static List *
tables_to_copy(const CdcSubscription *sub)
{
	List	   *tables = cdc_subscription_tables(sub);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);

		if (t->state == 'i' || t->state == 'd')
			result = lappend(result, t);
	}
	return result;
}

bool
cdc_copy_pending(const CdcSubscription *sub)
{
	return tables_to_copy(sub) != NIL;
}

/* ---- the rows ---- */

static char *
to_utf8(const char *s)
{
	char	   *converted = pg_server_to_any(s, strlen(s), PG_UTF8);

	return converted == s ? pstrdup(s) : converted;
}

/* The two parts of a table's name, in UTF-8; false where it has one only. */
static bool
split_name(const char *source_table, char **database, char **table)
{
	char	   *dot;

	*database = to_utf8(source_table);
	dot = strchr(*database, '.');
	if (dot == NULL)
		return false;
	*dot = '\0';
	*table = dot + 1;
	return true;
}

static char *
select_statement(const CdcTable *table)
{
	CdcBuf		sql = {0};
	bool		ok = cdc_buf_printf(&sql, "SELECT ");
	char	   *text;
	int			i;

	for (i = 0; ok && i < table->ncolumns; i++)
		ok = (i == 0 || cdc_buf_append(&sql, ", ", 2)) &&
			cdc_select_expression(&table->columns[i],
								  cdc_source_quote_ident(table->columns[i].name), &sql);
	ok = ok && cdc_buf_printf(&sql, " FROM %s.%s", cdc_source_quote_ident(table->database),
							  cdc_source_quote_ident(table->name));
	if (!ok)
	{
		cdc_buf_free(&sql);
		cdc_out_of_memory();
	}
	text = pnstrdup(sql.data, sql.len);
	cdc_buf_free(&sql);
	return text;
}

/* An 'm' event. */
static void
control_event(CdcPullWriter *writer, const CdcTable *table, const char *type,
			  const CdcTransaction *txn)
{
	CdcChange	change = {0};

	change.op = CDC_OP_CONTROL;
	change.table = table;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	change.sql.data = type;
	change.sql.len = strlen(type);
	cdc_pull_writer_change(writer, &change);
}

/* One a process, so that an ERROR loses none. */
static CdcArena *
row_arena(void)
{
	static CdcArena *arena = NULL;

	if (arena == NULL)
		arena = cdc_arena_create(ROW_LIMIT);
	if (arena == NULL)
		cdc_out_of_memory();
	cdc_arena_reset(arena);
	return arena;
}

static void
copy_row(CdcPullCall *call, CdcPullWriter *writer, const CdcTable *table, CdcArena *arena,
		 const CdcString *cells, CdcValue *values, const CdcTransaction *txn)
{
	CdcChange	change = {0};
	CdcError	err;
	int			i;

	cdc_arena_reset(arena);
	for (i = 0; i < table->ncolumns; i++)
	{
		CdcStatus	st = cdc_value_from_text(arena, &table->columns[i], cells[i], &values[i], &err);

		if (cdc_failed(st))
		{
			cdc_error_column(&err, table->database, table->name, table->columns[i].name);
			cdc_ereport(&err, call->sub->name);
		}
	}
	change.op = CDC_OP_SNAPSHOT;
	change.table = table;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	change.after = values;
	cdc_pull_writer_change(writer, &change);
}

static void
copy_rows(CdcPullCall *call, CdcSource *source, CdcPullWriter *writer, const CdcTable *table,
		  const CdcTransaction *txn)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest copy",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcSession *session = cdc_source_session(source);
	CdcValue   *values = palloc0(Max(table->ncolumns, 1) * sizeof(CdcValue));
	CdcArena   *arena = row_arena();
	CdcError	err;

	cdc_session_select(session, select_statement(table));
	for (;;)
	{
		const CdcString *cells;
		int			ncolumns;
		CdcStatus	st = cdc_session_poll_row(session, &ncolumns, &cells, &err);

		CHECK_FOR_INTERRUPTS();
		if (st == CDC_END)
			break;
		if (st == CDC_MORE || (st == CDC_ERR_CONNECT && cdc_source_is_busy(source)))
		{
			(void) cdc_source_wait(source, -1);
			continue;
		}
		if (cdc_failed(st))
		{
			cdc_error_column(&err, table->database, table->name, "");
			cdc_ereport(&err, call->sub->name);
		}
		if (ncolumns != table->ncolumns)
			elog(ERROR, "the source sent %d columns instead of %d", ncolumns, table->ncolumns);
		copy_row(call, writer, table, arena, cells, values, txn);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
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
		CdcRows    *rows;

		if (!split_name(t->source_table, &database, &table))
			continue;
		rows = cdc_source_query(source, "SELECT 1 FROM information_schema.STATISTICS"
								" WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND INDEX_NAME = 'PRIMARY' LIMIT 1",
								cdc_source_quote_literal(database), cdc_source_quote_literal(table));
		if (rows == NULL || rows->nrows == 0)
			return true;
	}
	return false;
}

/* The engine of a table, where it has no transactions; else NULL. */
static const char *
plain_engine(CdcSource *control, const CdcTable *table)
{
	CdcRows    *rows = cdc_source_query(control, "SELECT t.ENGINE FROM information_schema.TABLES t"
										" JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
										" WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s AND e.TRANSACTIONS = 'NO'",
										cdc_source_quote_literal(table->database),
										cdc_source_quote_literal(table->name));

	return rows != NULL && rows->nrows > 0 ? rows->cells[0].data : NULL;
}

/* Why the table cannot be copied, or NULL. */
static const char *
copy_trouble(CdcPullStream *stream, const CdcSubscription *sub, const CdcTable *table,
			 const CdcCopySnapshot *snap)
{
	const char *engine;
	int			i;

	if (table == NULL)
		return "the source has no such table";
	if (table->npk == 0 && !snap->exact)
		return "the table has no primary key, and the source was too busy for a snapshot whose position is exactly known";
	if (table->npk == 0 && (engine = plain_engine(cdc_pull_stream_control(stream), table)) != NULL)
		return psprintf("the table has no primary key, and engine %s no snapshots", engine);
	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcColumn *column = &table->columns[i];

		if (!cdc_text_readable(column))
			return psprintf("column \"%s\" has type %s, which cannot be copied",
							cdc_replica_text(column->name), cdc_replica_text(column->column_type));
	}
	return cdc_replica_trouble(sub, table);
}

/* The definition of a table, or NULL when it cannot be copied (state 'e'). */
static const CdcTable *
definition(CdcPullCall *call, CdcPullStream *stream, const CdcSubscriptionTable *t,
		   const CdcCopySnapshot *snap, const char *position)
{
	char	   *database;
	char	   *name;
	const CdcTable *table = NULL;
	const char *error;

	if (split_name(t->source_table, &database, &name))
		table = cdc_schema_refresh(stream->schema, cdc_pull_stream_control(stream), database, name,
								   call->pos.last_seq + 1, position);
	error = copy_trouble(stream, call->sub, table, snap);
	if (error == NULL)
		return table;
	cdc_subscription_table_failed(call->sub, t->source_table,
								  ERRCODE_FEATURE_NOT_SUPPORTED, error);
	cdc_log(call->sub->name, "copy", psprintf("source table %s is not copied", t->source_table), error);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("table \"%s\" of subscription \"%s\" cannot be copied", t->source_table, call->sub->name),
			 errdetail("%s.", error),
			 errhint("Remove it with cdc.remove_table and add it again later.")));
	return NULL;
}

static void
copy_tables(CdcPullCall *call, CdcPullStream *stream, CdcSource *source, List *tables,
			const CdcCopySnapshot *snap, char state)
{
	CdcTransaction txn = {0};
	CdcPullWriter *writer;
	char	   *position = psprintf("%s:" INT64_FORMAT, snap->to.file, snap->to.offset);
	ListCell   *lc;

	txn.file = snap->to.file;
	txn.start_offset = txn.end_offset = (uint64) snap->to.offset;
	txn.commit_us = GetCurrentTimestamp() +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	writer = cdc_pull_writer_begin(call, &txn);
	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);
		const CdcTable *table;

		table = definition(call, stream, t, snap, position);
		if (table == NULL)
			continue;
		control_event(writer, table, "bootstrap-start", &txn);
		copy_rows(call, source, writer, table, &txn);
		control_event(writer, table, "bootstrap-complete", &txn);
		cdc_subscription_table_state(call->sub, t->source_table, state);
	}
	cdc_pull_writer_end(writer);
}

/* Tables whose rows are not wanted are ready at once; the rest is returned. */
static List *
release_others(const CdcSubscription *sub, List *tables)
{
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

static void
start_at(CdcPosition *pos, const CdcSourcePosition *source)
{
	pos->file = source->file;
	pos->file_offset = source->offset;
	pos->gtid_set = source->gtid_set;
}

/* The snapshot could not be had in time: the copy has to wait. */
static void
put_off(CdcPullCall *call, CdcPullStream *stream, const char *trouble, bool first)
{
	if (first)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the copy of subscription \"%s\" cannot join the binlog of its source", call->sub->name),
				 errdetail("At the source, %s.", trouble),
				 errhint("End it there, or pull again later.")));
	stream->copy_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_MS);
	cdc_log_event(call->sub->name, "copy", "the copy of tables waits for the source", trouble);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the copy of tables of subscription \"%s\" waits for its source", call->sub->name),
			 errdetail("At the source, %s.", trouble),
			 errhint("Changes of other tables go on; the copy is tried again in %d s.", RETRY_MS / 1000)));
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

void
cdc_copy_run(CdcPullCall *call, CdcPullStream *stream, bool first)
{
	CdcPosition *pos = &call->pos;
	List	   *tables = tables_to_copy(call->sub);
	CdcSource  *source;
	CdcCopySnapshot snap;
	bool		joins;

	/* one join at a time: what waits for it would have to wait for two */
	if (pos->snapshot_join != NULL || tables == NIL)
		return;
	tables = release_others(call->sub, tables);
	if (tables == NIL)
	{
		if (first)
		{
			cdc_source_position(cdc_pull_stream_control(stream), &snap.from);
			start_at(pos, &snap.from);
		}
		return;
	}
	/* a server gives up a dump that nobody reads for longer than its net_write_timeout */
	cdc_pull_stream_hang_up(stream);
	source = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid, stream->address,
								true, false);
	if (!cdc_copy_snapshot_open(stream, source, needs_exact_position(source, tables),
								first ? FIRST_PATIENCE_MS : PATIENCE_MS, &snap))
	{
		cdc_source_close(source);
		put_off(call, stream, snap.trouble, first);
		return;
	}
	if (snap.trouble != NULL)
		warn_of_margin(call->sub, snap.trouble);
	joins = !(first && snap.exact);
	if (first)
		start_at(pos, &snap.from);
	copy_tables(call, stream, source, tables, &snap, joins ? 'f' : 'r');
	cdc_source_close(source);
	cdc_pull_stream_forget_tables(stream);
	if (!joins)
		pos->barrier_seq = pos->last_seq;
	else if (pos->gtid_set != NULL && snap.to.gtid_set != NULL)
		pos->snapshot_join = snap.to.gtid_set;
	else
		pos->snapshot_join = psprintf("%s:" INT64_FORMAT, snap.to.file, snap.to.offset);
}
