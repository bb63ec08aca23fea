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
 * What the stream must know is the position of the snapshot:
 *
 * - MariaDB tells it exactly (binlog_snapshot_file, binlog_snapshot_position).
 * - MySQL does not.  With GTIDs, from 5.7 on, gtid_executed contains no
 *   transaction that is not committed in the engine, so what it says before the
 *   snapshot is in the snapshot.  It learns of one a moment after that commit:
 *   when it says the same VISIBLE_MS behind the snapshot, the snapshot is
 *   exactly that.  (process_commit_stage_queue() of MySQL's sql/binlog.cc)
 * - Without GTIDs there is the binlog's end only, which a transaction reaches
 *   a moment before its commit in the engine; gtid_executed of 5.6 does, too.
 *   The snapshot is taken SETTLE_MS behind the position, for what was in between
 *   to arrive, and counts as exact when the position stood still.
 *
 * A subscription that starts with the copy starts its stream exactly there.
 * When the stream is running, or the position is known as a range only, the
 * changes in between come twice.  Rows with a key end the same, but apply has
 * to hold still until the stream has passed snapshot_join; tables without a
 * key need an exact position, up to which their events are left out.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_internal.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/text_value.h"
#include "pg/error.h"
#include "pg/replica_table.h"

/* How often an exact snapshot is tried for. */
#define EXACT_ATTEMPTS		40
#define SETTLED_ATTEMPTS	5

/* How long what the binlog has may take to be committed in the engine ... */
#define SETTLE_MS			1000

/* ... and what is committed there, to be told by gtid_executed. */
#define VISIBLE_MS			50

/* The most that one row may take. */
#define ROW_LIMIT			((size_t) 1024 * 1024 * 1024)

/* The snapshot's place: not before from, not behind to. */
typedef struct CopySnapshot
{
	CdcSourcePosition from;
	CdcSourcePosition to;
	bool		exact;			/* from is to */
} CopySnapshot;

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

/* ---- the snapshot ---- */

static bool
same_position(const CdcSourcePosition *a, const CdcSourcePosition *b)
{
	if (a->gtid_set != NULL && b->gtid_set != NULL)
		return strcmp(a->gtid_set, b->gtid_set) == 0;
	return strcmp(a->file, b->file) == 0 && a->offset == b->offset;
}

static void
settle(CdcSource *source, int ms)
{
	TimestampTz until = GetCurrentTimestamp() + ms * INT64CONST(1000);
	int64		left;

	/* the session has nothing to tell: this is a sleep that can be cancelled */
	while ((left = (until - GetCurrentTimestamp()) / 1000) > 0)
		(void) cdc_source_wait(source, (long) left + 1);
}

/* MariaDB's own words; false where it has none. */
static bool
mariadb_position(CdcSource *source, CdcSourcePosition *pos)
{
	CdcRows    *rows = cdc_source_query(source, "SHOW STATUS LIKE 'binlog\\_snapshot\\_%%'");
	CdcSourcePosition now;
	int64		i;

	memset(pos, 0, sizeof(*pos));
	for (i = 0; rows != NULL && i < rows->nrows; i++)
	{
		const char *name = cdc_rows_cell(rows, i, 0)->data;
		const char *value = cdc_rows_cell(rows, i, 1)->data;

		if (pg_strcasecmp(name, "binlog_snapshot_file") == 0)
			pos->file = pstrdup(value);
		else if (pg_strcasecmp(name, "binlog_snapshot_position") == 0)
			pos->offset = strtoll(value, NULL, 10);
	}
	if (pos->file == NULL || pos->file[0] == '\0' || pos->offset == 0)
		return false;
	cdc_source_position(source, &now);
	if (now.gtid_set != NULL)
	{
		rows = cdc_source_query(source, "SELECT BINLOG_GTID_POS(%s, " INT64_FORMAT ")",
								cdc_source_quote_literal(pos->file), pos->offset);
		if (rows != NULL && rows->nrows == 1 && rows->cells[0].data != NULL)
			pos->gtid_set = pstrdup(rows->cells[0].data);
	}
	return true;
}

static void
open_snapshot(CdcSource *source, CopySnapshot *snap)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	bool		committed;		/* the position has only what the engine has committed */
	int			attempt;

	(void) cdc_source_query(source, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
	if (info->flavor == CDC_MARIADB)
	{
		(void) cdc_source_query(source, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
		if (mariadb_position(source, &snap->from))
		{
			snap->to = snap->from;
			snap->exact = true;
			return;
		}
		(void) cdc_source_query(source, "ROLLBACK");
	}

	cdc_source_position(source, &snap->from);
	committed = snap->from.gtid_set != NULL && info->flavor == CDC_MYSQL && info->version >= 50700;
	for (attempt = 1;; attempt++)
	{
		bool		settled = true;

		if (!committed)
		{
			CdcSourcePosition now;

			settle(source, SETTLE_MS);
			cdc_source_position(source, &now);
			settled = same_position(&now, &snap->from);
		}
		(void) cdc_source_query(source, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
		if (committed)
			settle(source, VISIBLE_MS);
		cdc_source_position(source, &snap->to);
		snap->exact = settled && same_position(&snap->from, &snap->to);
		if (snap->exact || attempt >= (committed ? EXACT_ATTEMPTS : SETTLED_ATTEMPTS))
			return;
		(void) cdc_source_query(source, "ROLLBACK");
		cdc_source_position(source, &snap->from);
	}
}

/* ---- the rows ---- */

static char *
to_utf8(const char *s)
{
	char	   *converted = pg_server_to_any(s, strlen(s), PG_UTF8);

	return converted == s ? pstrdup(s) : converted;
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
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
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
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
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

/* Why the table cannot be copied, or NULL. */
static const char *
copy_trouble(const CdcSubscription *sub, const CdcTable *table, const CopySnapshot *snap)
{
	int			i;

	if (table == NULL)
		return "the source has no such table";
	if (table->npk == 0 && !snap->exact)
		return "the table has no primary key, and the source was too busy for a snapshot whose position is exactly known";
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
		   const CopySnapshot *snap, const char *position)
{
	char	   *name = to_utf8(t->source_table);
	char	   *dot = strchr(name, '.');
	const CdcTable *table = NULL;
	const char *error;

	if (dot != NULL)
	{
		*dot = '\0';
		table = cdc_schema_refresh(stream->schema, cdc_pull_stream_control(stream), name, dot + 1,
								   call->pos.last_seq + 1, position);
	}
	error = copy_trouble(call->sub, table, snap);
	if (error == NULL)
		return table;
	cdc_subscription_table_state(call->sub, t->source_table, 'e', error);
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
			const CopySnapshot *snap, char state)
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

		if (!t->copy_data)
		{
			cdc_subscription_table_state(call->sub, t->source_table, 'r', NULL);
			continue;
		}
		table = definition(call, stream, t, snap, position);
		if (table == NULL)
			continue;
		control_event(writer, table, "bootstrap-start", &txn);
		copy_rows(call, source, writer, table, &txn);
		control_event(writer, table, "bootstrap-complete", &txn);
		cdc_subscription_table_state(call->sub, t->source_table, state, NULL);
	}
	cdc_pull_writer_end(writer);
}

void
cdc_copy_run(CdcPullCall *call, CdcPullStream *stream, bool first)
{
	CdcPosition *pos = &call->pos;
	List	   *tables = tables_to_copy(call->sub);
	CdcSource  *source;
	CopySnapshot	snap;
	bool		joins;

	/* one join at a time: what waits for it would have to wait for two */
	if (pos->snapshot_join != NULL || tables == NIL)
		return;
	/* a server gives up a dump that nobody reads for longer than its net_write_timeout */
	cdc_pull_stream_hang_up(stream);
	source = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid, stream->address,
								true, false);
	open_snapshot(source, &snap);
	joins = !(first && snap.exact);
	if (first)
	{
		pos->file = snap.from.file;
		pos->file_offset = snap.from.offset;
		pos->gtid_set = snap.from.gtid_set;
	}
	copy_tables(call, stream, source, tables, &snap, joins ? 'f' : 'r');
	cdc_source_close(source);
	if (!joins)
		pos->barrier_seq = pos->last_seq;
	else if (pos->gtid_set != NULL && snap.to.gtid_set != NULL)
		pos->snapshot_join = snap.to.gtid_set;
	else
		pos->snapshot_join = psprintf("%s:" INT64_FORMAT, snap.to.file, snap.to.offset);
}
