/*-------------------------------------------------------------------------
 *
 * ddl.c
 *	  DDL statements of the source: the definitions of tables follow them, and
 *	  the history has an event for each wanted table, or database, that one
 *	  concerns.
 *
 * Tables that are not wanted are followed too from their CREATE TABLE on, where
 * wanted ones are in the same database: they may be renamed into the
 * subscription, as online schema changes do.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "core/ddl_apply.h"
#include "core/online_ddl.h"
#include "core/sql_cursor.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/bounded_text.h"
#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/progress/copy_progress.h"
#include "pg/progress/table_error.h"
#include "pg/schema/change.h"
#include "pg/schema/temporary.h"

typedef struct DdlCall
{
	CdcEventWriter *writer;
	CdcBinlogCall *call;
	CdcBinlogStream *stream;
	const CdcTransaction *txn;
	const CdcChange *change;
	const CdcDdl *ddl;
	CdcSource *source;			/* for queries */
} DdlCall;

static bool
wants(const DdlCall *d, const char *database, const char *table)
{
	return cdc_subscription_wants(d->call->sub, database, table);
}

/* Whether the definition of the table is, or is to be, followed. */
static bool
follows(const DdlCall *d, const char *database, const char *table)
{
	const CdcTableDef *def;

	if (wants(d, database, table))
		return true;
	def = cdc_schema_definition(d->stream->schema, database, table);
	return def != NULL && def->ncolumns > 0;
}

/* The place of what the statement changes: behind the events that were written so far. */
static CdcSchemaPlace
present_place(const DdlCall *d)
{
	CdcSchemaPlace place = {d->call->pos.last_seq + 1, d->stream->lookup.place.position};

	return place;
}

/* ---- events ---- */

static bool
has_key(const CdcTableDef *def)
{
	int			i;

	for (i = 0; def != NULL && i < def->ncolumns; i++)
	{
		if (def->columns[i].pk >= 0)
			return true;
	}
	return false;
}

static bool
was_dropped(const CdcBinlogStream *stream, const char *full_name)
{
	ListCell   *lc;

	foreach(lc, stream->dropped)
	{
		if (strcmp(lfirst(lc), full_name) == 0)
			return true;
	}
	return false;
}

/* Remembers it beside the definitions, which are those of after a later statement. */
static void
note_dropped(CdcBinlogStream *stream, const char *full_name)
{
	MemoryContext old = MemoryContextSwitchTo(stream->context);

	if (!was_dropped(stream, full_name))
		stream->dropped = lappend(stream->dropped, pstrdup(full_name));
	MemoryContextSwitchTo(old);
}

/*
 * Whether the table has no rows after the statement, so that its replica is to have
 * none either: TRUNCATE, or the table is made anew.  A table that was dropped keeps
 * its replica until then.  ahead: definitions are of after the statement.
 */
static bool
empties_table(const DdlCall *d, const CdcDdlEffect *effect, bool ahead)
{
	CdcSchema  *schema = d->stream->schema;
	char	   *full_name = psprintf("%s.%s", effect->database, effect->table);
	const CdcTableDef *def = cdc_schema_definition(schema, effect->database, effect->table);

	if (effect->kind != CDC_DDL_TABLE_TRUNCATE && effect->kind != CDC_DDL_TABLE_CREATE)
		return false;
	/* rows of a table without a key are left out until then, as the copy has them */
	if (cdc_binlog_leave_out(d->stream, full_name, has_key(effect->new_def != NULL ? effect->new_def : def)))
		return false;
	if (effect->kind == CDC_DDL_TABLE_TRUNCATE)
		return true;
	if (!cdc_binlog_stream_knows(d->stream, full_name))
		return false;
	if (ahead)
		return was_dropped(d->stream, full_name);
	/* without that clause it would have failed if there had been one */
	return !effect->if_not_exists || (def != NULL && def->ncolumns == 0);
}

/*
 * Appends an event about a table, or with table "" about a database.  effect: what
 * the statement does, which the event says; empties: the table has no rows then.
 */
static void
write_event(const DdlCall *d, const char *database, const char *table, const CdcDdlEffect *effect,
			bool empties)
{
	CdcTable	named = {0};
	CdcChange	copy = *d->change;

	named.database = database;
	named.name = table;
	named.full_name = table[0] != '\0' ? psprintf("%s.%s", database, table) : database;
	copy.table = &named;
	copy.ddl = effect;
	copy.op = empties ? CDC_OP_TRUNCATE : CDC_OP_SCHEMA;
	cdc_event_writer_change(d->writer, &copy);
}

/* What changed rows without a row event leaves the table in doubt: it needs a new copy. */
static void
mark_for_copy(const DdlCall *d, const char *full_name, const char *message)
{
	CdcDoubts	doubts = cdc_binlog_doubts(d->call);

	cdc_doubt_table(&doubts, full_name, &(CdcDoubt) {message, d->change->sql, true});
}

/* A copy of the table that is under way begins anew. */
static void
copy_again(const DdlCall *d, const char *full_name, const char *reason)
{
	CdcDoubts	doubts = cdc_binlog_doubts(d->call);

	cdc_doubt_copies(&doubts, full_name, &(CdcDoubt) {reason, d->change->sql, true});
}

/* ---- one table ---- */

static void
store_definition(const DdlCall *d, const char *database, const char *table, const CdcTableDef *def)
{
	CdcSchemaPlace place = present_place(d);

	cdc_schema_follow(d->stream->schema, database, table, def, &place);
}

static bool
is_renamed(const CdcDdlEffect *effect)
{
	return strcmp(effect->database, effect->new_database) != 0 ||
		strcmp(effect->table, effect->new_table) != 0;
}

/*
 * Whether the definition of a table was read from the source when that had
 * done the statement already.
 */
static bool
is_ahead(const DdlCall *d, const char *database, const char *table)
{
	return cdc_schema_is_ahead(d->stream->schema, d->source, database, table, d->txn,
							   d->stream->executed != NULL);
}

/* The definition under the (new) name, from the statement or else the source. */
static void
follow_table(const DdlCall *d, const CdcDdlEffect *effect)
{
	const CdcTableDef *def = effect->new_def;
	bool		wanted = wants(d, effect->new_database, effect->new_table);
	CdcSchemaPlace place = present_place(d);

	if (is_renamed(effect) && is_ahead(d, effect->new_database, effect->new_table))
		return;
	if (def == NULL)
	{
		if (wanted || (effect->old_def != NULL && effect->old_def->ncolumns > 0))
			(void) cdc_schema_ask(d->stream->schema, d->source, effect->new_database,
								  effect->new_table, &place, effect->why);
		return;
	}
	if (effect->approximate && wanted)
		def = cdc_schema_worded(d->source, effect->new_database, effect->new_table, def);
	if (def->ncolumns > 0 || follows(d, effect->new_database, effect->new_table))
		store_definition(d, effect->new_database, effect->new_table, def);
}

static const char rows_moved[] = "rows were moved by DDL that the binlog has no row events for";
static const char rows_by_query[] = "the table got its rows from a query that the source wrote as a statement, not as rows";
static const char table_replaced[] = "another table was renamed to it";

/*
 * Whether a table that is renamed within its database has the rows that the other name
 * had; or is the rest of an old one.
 */
static bool
is_online_change(const CdcDdlEffect *effect)
{
	return strcmp(effect->database, effect->new_database) == 0 &&
		(cdc_online_ddl_is_shadow(effect->new_table, effect->table) ||
		 cdc_online_ddl_is_rest(effect->table, effect->new_table));
}

/*
 * Whether a table that is renamed has the rows that the other name had, as far as that is
 * proved: by a name that only a tool gives, or by the triggers that it has made.
 */
static bool
keeps_rows(const DdlCall *d, const CdcDdlEffect *effect)
{
	return is_renamed(effect) && is_online_change(effect) &&
		(!cdc_online_ddl_wants_triggers(effect->new_table, effect->table) ||
		 cdc_change_was_fed(d->call->sub->name, psprintf("%s.%s", effect->database, effect->table)));
}

static CdcChangeKind
change_kind(const CdcDdlEffect *effect)
{
	switch (effect->kind)
	{
		case CDC_DDL_TABLE_CREATE:
			return CDC_CHANGE_CREATE;
		case CDC_DDL_TABLE_DROP:
			return CDC_CHANGE_DROP;
		case CDC_DDL_TABLE_TRUNCATE:
			return CDC_CHANGE_TRUNCATE;
		default:
			return CDC_CHANGE_ALTER;
	}
}

/*
 * Records what the statement did to a table, for apply.  before: its version, with
 * columns, before the statement; outcome: see CdcChangeRecord.
 */
static void
record_change(const DdlCall *d, CdcChangeKind kind, const char *full_name, int before,
			  const CdcTableChange *change, const char *outcome)
{
	CdcSchemaPlace place = present_place(d);
	CdcChangeRecord record = {kind, full_name, &place};

	if (d->change->ts != 0)
		record.source_ts = cdc_timestamptz_of_unix_us(d->change->ts * USECS_PER_SEC);
	record.statement = d->change->sql;
	record.before = before;
	record.after = cdc_change_newest_version(d->call->sub->name, full_name, false);
	record.change = change;
	record.outcome = outcome;
	cdc_change_record(d->call->sub, &record);

	/* it must not come twice */
	d->call->persist = true;
	d->call->changes++;
}

/* The same for each of the names that are replicated, or followed. */
static void
record_effect(const DdlCall *d, const CdcDdlEffect *effect, bool ahead, bool same_rows, int before,
			  int new_before)
{
	const char *subscription = d->call->sub->name;
	char	   *old_name = psprintf("%s.%s", effect->database, effect->table);
	char	   *new_name = psprintf("%s.%s", effect->new_database, effect->new_table);
	const char *outcome = ahead ? "nothing: the definition was read after it" : NULL;
	bool		renamed = is_renamed(effect);
	bool		gone = renamed || effect->kind == CDC_DDL_TABLE_DROP;
	CdcTableChange change = effect->change;

	if (wants(d, effect->database, effect->table))
	{
		/* what is being copied is copied again, see mark_for_copy() */
		if (d->ddl->moves_rows && !cdc_binlog_stream_copies(d->stream, old_name))
			change.rows = rows_moved;
		record_change(d, renamed ? CDC_CHANGE_RENAME : change_kind(effect), old_name, before, &change,
					  outcome);
	}
	else if (!renamed && !gone && effect->new_def != NULL &&
			 follows(d, effect->database, effect->table))
		record_change(d, change_kind(effect), old_name, before, &change, CDC_CHANGE_NOT_REPLICATED);
	if (renamed && wants(d, effect->new_database, effect->new_table))
	{
		const CdcTableDef *def = cdc_schema_definition(d->stream->schema, effect->new_database,
													   effect->new_table);

		if (same_rows && def != NULL)
		{
			cdc_change_since_made(cdc_schema_arena(CurrentMemoryContext), subscription, old_name, def,
								  &change);

			/* tools copy rows by the names before, by those after, or leave such columns out */
			if (change.nrenames > 0)
				change.rows = "an online schema change renamed columns, and how it copied their values is not known";
		}
		else
		{
			change.known = false;
			change.rows = table_replaced;
			if (cdc_binlog_stream_copies(d->stream, new_name))
				outcome = "nothing: the table is copied again";
		}
		record_change(d, CDC_CHANGE_REPLACE, new_name, new_before, &change, outcome);
	}
	if (gone && !wants(d, effect->database, effect->table))
		cdc_changes_drop(subscription, old_name);
}

/* Columns that were added, and that row images will not have: the source computes them. */
static void
mark_left_out(const DdlCall *d, CdcDdlEffect *effect)
{
	const CdcTable *table;

	if (effect->change.nadded == 0 || !wants(d, effect->new_database, effect->new_table))
		return;
	table = cdc_schema_get(d->stream->schema, effect->new_database, effect->new_table);
	if (table != NULL)
		cdc_change_mark_left_out(&effect->change, table, cdc_schema_generated_logged(d->source, table));
}

/* Whether the rows of a wanted table are still known after the statement; else it is marked. */
static void
check_rows(const DdlCall *d, const CdcDdlEffect *effect, bool same_rows)
{
	const char *database = effect->new_database;
	const char *table = effect->new_table;
	bool		renamed = is_renamed(effect);
	const CdcTable *definition;
	char	   *full_name;
	bool		with_rows = effect->kind != CDC_DDL_TABLE_CREATE || d->ddl->has_select;

	if (!wants(d, database, table))
		return;
	full_name = psprintf("%s.%s", database, table);
	definition = cdc_schema_get(d->stream->schema, database, table);
	if (definition == NULL)
		return;
	if (d->ddl->moves_rows || (d->ddl->has_select && cdc_binlog_stream_knows(d->stream, full_name)))
		mark_for_copy(d, full_name, d->ddl->has_select ? rows_by_query : rows_moved);
	if (same_rows)
	{
		/*
		 * A snapshot of before that is asked for its rows afterwards has none of those that
		 * the other table got since, and no error says so.
		 */
		if (renamed && cdc_binlog_stream_is_copying(d->stream, full_name))
			copy_again(d, full_name, "another table with the same rows has got its name");
		return;
	}
	if (renamed && cdc_binlog_stream_knows(d->stream, full_name))
		mark_for_copy(d, full_name, table_replaced);
	else if (!cdc_binlog_stream_knows(d->stream, full_name))
	{
		/* what a table that was renamed into the subscription holds must be copied, as that of a query */
		cdc_binlog_stream_discover(d->stream, definition, with_rows);
		if (d->ddl->has_select && !cdc_binlog_stream_copies(d->stream, full_name))
			mark_for_copy(d, full_name, rows_by_query);
	}
}

static int
newest_version(const DdlCall *d, const char *database, const char *table)
{
	return cdc_change_newest_version(d->call->sub->name, psprintf("%s.%s", database, table), true);
}

static void
concern_table(const DdlCall *d, CdcDdlEffect *effect)
{
	static const CdcTableDef gone = {0};
	bool		wanted = wants(d, effect->database, effect->table);
	bool		unproven;
	bool		ahead;
	bool		same_rows;
	int			before;
	int			new_before;

	if (effect->no_change)
		return;
	before = newest_version(d, effect->database, effect->table);
	new_before = newest_version(d, effect->new_database, effect->new_table);
	ahead = is_ahead(d, effect->database, effect->table);
	same_rows = keeps_rows(d, effect);
	unproven = cdc_schema_is_unproven(d->stream->schema, effect->database, effect->table);
	if (ahead)
	{
		/* what it was like before it is not known, and it is not done again */
		effect->old_def = effect->new_def = NULL;
		effect->why = "the statement was done before the table's definition was read";
	}
	if (wanted)
		write_event(d, effect->database, effect->table, effect, empties_table(d, effect, ahead));
	else if (wants(d, effect->new_database, effect->new_table))
		write_event(d, effect->new_database, effect->new_table, effect, false);
	if (ahead && wanted && (effect->kind == CDC_DDL_TABLE_DROP || is_renamed(effect)))
		note_dropped(d->stream, psprintf("%s.%s", effect->database, effect->table));
	if (effect->kind == CDC_DDL_TABLE_TRUNCATE)
	{
		record_effect(d, effect, ahead, same_rows, before, new_before);
		return;
	}
	if (ahead && unproven && wanted && effect->touches_columns)
		mark_for_copy(d, psprintf("%s.%s", effect->database, effect->table),
					  "rows from before this statement were read by the definition after it");
	if (is_renamed(effect) && !ahead && follows(d, effect->database, effect->table))
		store_definition(d, effect->database, effect->table, &gone);
	if (is_renamed(effect) || !ahead)
		follow_table(d, effect);
	mark_left_out(d, effect);
	record_effect(d, effect, ahead, same_rows, before, new_before);
	check_rows(d, effect, same_rows);

	/* rows of the stream count beside a copy by their key only */
	if (wanted && !ahead && effect->old_def != NULL && effect->new_def != NULL &&
		effect->new_def->ncolumns > 0 && has_key(effect->old_def) && !has_key(effect->new_def))
		copy_again(d, psprintf("%s.%s", effect->database, effect->table), "its rows have no key any more");
}

/*
 * A table that CONVERT PARTITION made, or that was not heard of: what it holds must be copied.
 * Whether it is a new one.
 */
static bool
discover_other_table(const DdlCall *d, const CdcDdlTable *other, const char *full_name)
{
	CdcSchema  *schema = d->stream->schema;
	const CdcTableDef *def = cdc_schema_definition(schema, other->database, other->table);
	CdcSchemaPlace place = present_place(d);
	const CdcTable *table;

	if (def == NULL || def->ncolumns == 0)
		(void) cdc_schema_ask(schema, d->source, other->database, other->table, &place,
							  "a partition of another table may have become it");
	if (cdc_binlog_stream_knows(d->stream, full_name))
		return false;
	table = cdc_schema_get(schema, other->database, other->table);
	if (table != NULL)
		cdc_binlog_stream_discover(d->stream, table, true);
	return true;
}

/* The table whose rows EXCHANGE PARTITION, or MariaDB's CONVERT, takes or leaves. */
static void
concern_other_table(const DdlCall *d)
{
	static const CdcTableChange moved = {true, false, 0, NULL, 0, NULL, rows_moved};
	const CdcDdlTable *other = &d->ddl->tables[1];
	char	   *full_name = psprintf("%s.%s", other->database, other->table);

	if (!wants(d, other->database, other->table) || discover_other_table(d, other, full_name))
		return;
	record_change(d, CDC_CHANGE_ALTER, full_name, newest_version(d, other->database, other->table), &moved,
				  cdc_binlog_stream_copies(d->stream, full_name) ? "nothing: the table is copied again" : NULL);
	mark_for_copy(d, full_name, rows_moved);
}

/*
 * A table that is gone has no rows to be copied; if it comes again, all of its rows come
 * with the stream.  One that waits in error for a new copy cannot have it.
 */
static void
end_copy_of_gone(const DdlCall *d, const CdcDdlEffect *effect)
{
	const CdcTableDef *def;
	char	   *full_name;

	if (effect->kind != CDC_DDL_TABLE_DROP && !is_renamed(effect))
		return;
	full_name = psprintf("%s.%s", effect->database, effect->table);
	def = cdc_schema_definition(d->stream->schema, effect->database, effect->table);
	if (def == NULL || def->ncolumns > 0)
		return;
	cdc_table_error_dropped(d->call->sub, cdc_from_utf8_copy(full_name));
	if (cdc_copy_members(d->call->sub, cdc_from_utf8_copy(full_name), true) == NIL)
		return;
	cdc_copy_synced(d->call->sub, cdc_from_utf8_copy(full_name), d->call->pos.last_seq, true);
	cdc_log(d->call->sub->name, "copy",
			psprintf("source table %s is gone before its copy was complete", full_name), NULL);
	d->call->synced = true;
	cdc_binlog_stream_forget_tables(d->stream);
}

/* A table that is there again is not in error for being gone any more; it still lacks its rows. */
static void
tell_of_come(const DdlCall *d, const CdcDdlEffect *effect)
{
	const CdcTableDef *def;

	if (effect->kind != CDC_DDL_TABLE_CREATE && !is_renamed(effect))
		return;
	def = cdc_schema_definition(d->stream->schema, effect->new_database, effect->new_table);
	if (def != NULL && def->ncolumns > 0)
		cdc_table_error_made_again(d->call->sub, cdc_from_utf8_copy(psprintf("%s.%s", effect->new_database,
																			effect->new_table)));
}

/* A tool that changes a table online keeps the rows of its shadow alike: that is noted of it. */
static void
note_trigger(const DdlCall *d)
{
	static const CdcTableChange fed = {.known = true, .fed = true};
	CdcSqlToken token;
	CdcSqlToken shadow;
	char		database[CDC_DDL_NAME_SIZE];
	char		table[CDC_DDL_NAME_SIZE];

	if (!cdc_online_ddl_trigger(d->change->sql, d->change->sql_mode, &token, &shadow) ||
		!cdc_sql_identifier(&shadow, table, sizeof(table)))
		return;
	if (token.kind == CDC_SQL_END)
		snprintf(database, sizeof(database), "%.*s", (int) d->change->database.len, d->change->database.data);
	else if (!cdc_sql_identifier(&token, database, sizeof(database)))
		return;
	if (follows(d, database, table))
		record_change(d, CDC_CHANGE_ALTER, psprintf("%s.%s", database, table),
					  newest_version(d, database, table), &fed, CDC_CHANGE_NOT_REPLICATED);
}

/* ---- databases ---- */

static void
concern_database(const DdlCall *d, const CdcDdlEffect *effect)
{
	CdcSchema  *schema = d->stream->schema;
	CdcSchemaPlace place;

	if (!cdc_schema_wants_database(d->call->sub, effect->database))
		return;
	write_event(d, effect->database, "", effect, false);
	place = present_place(d);
	if (effect->kind == CDC_DDL_DATABASE_DROP)
		cdc_schema_drop_database(schema, effect->database, &place);
	else if (effect->collation != NULL)
		cdc_schema_set_database(schema, effect->database, effect->charset, effect->collation,
								&place);
}

/* ---- the statement ---- */

/* Whether the statement does something to the table; else it only names it, as LIKE does. */
static bool
lists(const CdcDdl *ddl, const char *database, const char *table)
{
	for (int i = 0; i < ddl->ntables; i++)
		if (strcmp(ddl->tables[i].database, database) == 0 && strcmp(ddl->tables[i].table, table) == 0)
			return true;
	return false;
}

static const CdcTableDef *
lookup_table(void *arg, const char *database, const char *table)
{
	static const CdcTableDef none = {0};
	const DdlCall *d = arg;
	const CdcTableDef *def = cdc_schema_definition(d->stream->schema, database, table);

	/* what was read from the source since is no definition to make another table by */
	if (def != NULL && is_ahead(d, database, table) && !lists(d->ddl, database, table))
		return NULL;

	/* wanted tables were all registered when the stream began, or when they came */
	return def == NULL && wants(d, database, table) ? &none : def;
}

static const char *
lookup_database(void *arg, const char *database)
{
	const DdlCall *d = arg;
	CdcSchemaPlace place = present_place(d);

	return cdc_schema_database_collation(d->stream->schema, d->source, database, &place);
}

/*
 * Whether the statement is of any interest: it names a table that is followed,
 * or creates one beside wanted tables.
 */
static bool
concerns_us(const DdlCall *d)
{
	int			i;

	if (d->ddl->kind == CDC_DDL_OTHER || d->ddl->temporary)
		return false;
	for (i = 0; i < d->ddl->ntables; i++)
		if (cdc_schema_wants_database(d->call->sub, d->ddl->tables[i].database))
			return true;
	return d->ddl->truncated;
}

void
cdc_binlog_ddl(CdcEventWriter *writer, CdcBinlogCall *call, const CdcChange *change)
{
	CdcBinlogStream *stream = call->stream;
	CdcDdl	   *ddl = palloc(sizeof(CdcDdl));
	DdlCall		d = {writer, call, stream, cdc_event_writer_txn(writer), change, ddl, NULL};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest DDL",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcDdlContext ddl_context = {0};
	CdcDoubts	doubts;
	CdcDdlEffects effects;
	CdcError	err;
	int			i;

	cdc_ddl_parse(change->sql, change->database, change->sql_mode, ddl);
	d.source = cdc_binlog_stream_control(stream);
	ddl_context.server = cdc_schema_ddl_server(stream->schema, d.source);
	if (ddl_context.server->lower_case_names)
		cdc_ddl_fold_names(ddl);
	if (ddl->kind == CDC_DDL_OTHER)
		note_trigger(&d);
	cdc_temporaries_statement(stream->temporaries, d.source, d.txn, change, ddl);
	if (!ddl->temporary)
		cdc_programs_forget(stream->programs);
	if (concerns_us(&d))
	{
		ddl_context.database = change->database;
		ddl_context.sql_mode = change->sql_mode;
		ddl_context.session = &change->session;
		ddl_context.table = lookup_table;
		ddl_context.database_collation = lookup_database;
		ddl_context.arg = &d;
		CDC_CHECK(cdc_ddl_apply(cdc_schema_arena(context), change->sql, &ddl_context, ddl, &effects,
								&err), &err, call->sub->name);
		for (i = 0; i < effects.n; i++)
		{
			cdc_binlog_copy_note_ddl(call, d.txn, effects.list[i].database, effects.list[i].table);
			cdc_binlog_copy_note_ddl(call, d.txn, effects.list[i].new_database, effects.list[i].new_table);
			if (effects.list[i].table[0] == '\0')
				concern_database(&d, &effects.list[i]);
			else
				concern_table(&d, &effects.list[i]);
		}
		for (i = 0; i < effects.n; i++)
		{
			const CdcDdlEffect *effect = &effects.list[i];

			if (effect->table[0] != '\0' && wants(&d, effect->database, effect->table))
				end_copy_of_gone(&d, effect);
			if (effect->table[0] != '\0' && wants(&d, effect->new_database, effect->new_table))
				tell_of_come(&d, effect);
		}
		if (ddl->kind == CDC_DDL_TABLE_ALTER && ddl->moves_rows && ddl->ntables == 2)
		{
			cdc_binlog_copy_note_ddl(call, d.txn, ddl->tables[1].database, ddl->tables[1].table);
			concern_other_table(&d);
		}
		/* definitions that we did not hear of are read anew when they are met */
		cdc_schema_invalidate(stream->schema);
	}
	doubts = cdc_binlog_doubts(call);
	doubts.lower_case_names = ddl_context.server->lower_case_names;
	cdc_doubt_ddl(&doubts, ddl, change, d.source, d.txn);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	pfree(ddl);
}
