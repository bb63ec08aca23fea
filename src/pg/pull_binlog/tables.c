/*-------------------------------------------------------------------------
 *
 * tables.c
 *	  The registered tables as a stream knows them, and the tables that its rows are
 *	  decoded by.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "mb/pg_wchar.h"

#include "pg/base/hash.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/mapping/registry.h"
#include "pg/progress/known.h"
#include "pg/target/replica_table.h"

void
cdc_binlog_stream_forget_tables(CdcBinlogStream *stream)
{
	HTAB	   *tables = stream->tables;

	stream->tables = NULL;
	stream->last_table = NULL;
	stream->joins_read = false;
	if (tables != NULL)
		hash_destroy(tables);
}

/* Whether a table in that state waits for a copy, or is being copied. */
static inline bool
is_copied(char state)
{
	return state == 'i' || state == 'd' || state == 'f';
}

static void
init_table(CdcBinlogTable *entry, char state, bool keyless, bool lost)
{
	entry->state = state;
	entry->lost = lost;
	entry->copies = is_copied(state);
	entry->copying = state == 'd' || state == 'f';
	entry->keyless = keyless;
	entry->doubted = entry->left_out = false;
}

/* The source table has another target. */
static void
add_target(CdcBinlogTable *entry, const CdcSubscriptionTable *table)
{
	if (entry->state == 'e' || (is_copied(table->state) && !is_copied(entry->state)))
		entry->state = table->state;
	entry->copies = entry->copies && is_copied(table->state);
	entry->copying = entry->copying || table->state == 'd' || table->state == 'f';
	entry->keyless = entry->keyless || table->keyless;
	entry->lost = entry->lost && cdc_subscription_table_is_lost(table);
}

/* Reads the registered tables and their states anew. */
static void
read_tables(CdcBinlogStream *stream)
{
	List	   *tables = cdc_subscription_tables(stream->sub);
	ListCell   *lc;

	cdc_binlog_stream_forget_tables(stream);
	stream->tables = cdc_hash_of_strings("cdc_ingest tables", 64, CDC_BINLOG_TABLE_NAME,
										 sizeof(CdcBinlogTable), stream->context);
	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);
		char		name[CDC_BINLOG_TABLE_NAME];
		CdcBinlogTable *entry;
		bool		found;

		snprintf(name, sizeof(name), "%s", t->source_table);
		entry = hash_search(stream->tables, name, HASH_ENTER, &found);
		if (!found)
			init_table(entry, t->state, t->keyless, cdc_subscription_table_is_lost(t));
		else
			add_target(entry, t);
	}
}

/* The registered table of that name (UTF-8), or NULL. */
static CdcBinlogTable *
find_table(CdcBinlogStream *stream, const char *full_name)
{
	char		name[CDC_BINLOG_TABLE_NAME];

	if (stream->tables == NULL)
		read_tables(stream);
	if (GetDatabaseEncoding() != PG_UTF8)
		full_name = cdc_from_utf8(full_name);
	if (stream->last_table == NULL || strcmp(stream->last_table->name, full_name) != 0)
	{
		snprintf(name, sizeof(name), "%s", full_name);
		stream->last_table = hash_search(stream->tables, name, HASH_FIND, NULL);
	}
	return stream->last_table;
}

bool
cdc_binlog_stream_knows(CdcBinlogStream *stream, const char *full_name)
{
	return find_table(stream, full_name) != NULL;
}

/* CdcDoubts.state */
static char
state_of(void *arg, const char *full_name)
{
	const CdcBinlogTable *known = find_table(((CdcBinlogCall *) arg)->stream, full_name);

	return known != NULL && !known->lost ? known->state : 0;
}

/* CdcDoubts.gone */
static bool
is_gone(void *arg, const char *full_name)
{
	const CdcBinlogCall *call = arg;
	char	   *database = pstrdup(full_name);
	char	   *dot = strchr(database, '.');
	const CdcTableDef *def;

	/* a database with a dot in its name finds nothing, and is not taken for gone */
	if (dot == NULL)
		return false;
	*dot = '\0';
	def = cdc_schema_definition(call->stream->schema, database, dot + 1);
	return def != NULL && def->ncolumns == 0;
}

/* CdcDoubts.changed */
static void
states_changed(void *arg)
{
	CdcBinlogCall *call = arg;

	/* what led to that must not come twice */
	call->persist = true;
	call->stream->copy_checked = false;
	cdc_binlog_stream_forget_tables(call->stream);
}

CdcDoubts
cdc_binlog_doubts(CdcBinlogCall *call)
{
	CdcDoubts	doubts = {call->sub, call->stream->cascades, call->stream->programs, false,
	state_of, is_gone, states_changed, call};

	return doubts;
}

bool
cdc_binlog_stream_copies(CdcBinlogStream *stream, const char *full_name)
{
	const CdcBinlogTable *known = find_table(stream, full_name);

	return known != NULL && known->copies;
}

bool
cdc_binlog_stream_leaves_out(CdcBinlogStream *stream, const char *full_name, bool has_key)
{
	const CdcBinlogTable *known = find_table(stream, full_name);

	return known != NULL && (!has_key || known->keyless) &&
		cdc_binlog_stream_copies(stream, full_name);
}

bool
cdc_binlog_leave_out(CdcBinlogStream *stream, const char *full_name, bool has_key)
{
	CdcBinlogTable *known;

	if (!cdc_binlog_stream_leaves_out(stream, full_name, has_key))
		return false;
	known = find_table(stream, full_name);
	if (!known->left_out)
	{
		known->left_out = true;
		cdc_known_lost_behind(stream->sub, cdc_from_utf8_copy(full_name), stream->group_seq);
	}
	return true;
}

bool
cdc_binlog_stream_is_copying(CdcBinlogStream *stream, const char *full_name)
{
	const CdcBinlogTable *known = find_table(stream, full_name);

	return known != NULL && known->copying;
}

bool
cdc_binlog_stream_doubts(CdcBinlogStream *stream, const char *full_name)
{
	CdcBinlogTable *known = find_table(stream, full_name);
	bool		first = known != NULL && !known->lost && !known->doubted;

	if (first)
		known->doubted = true;
	return first;
}

void
cdc_binlog_stream_discover(CdcBinlogStream *stream, const CdcTable *table, bool copy)
{
	CdcGeneratedLogged logged;
	CdcBinlogTable *entry;
	char		name[CDC_BINLOG_TABLE_NAME];
	char		state;

	if (find_table(stream, table->full_name) != NULL)
		return;
	logged = cdc_schema_generated_logged(cdc_binlog_stream_control(stream), table);
	state = cdc_registry_add_discovered(stream->sub, table, logged, copy);
	/* not read anew: there may be many new ones */
	snprintf(name, sizeof(name), "%s", cdc_from_utf8_copy(table->full_name));
	entry = hash_search(stream->tables, name, HASH_ENTER, NULL);
	init_table(entry, state, false, state == 'e');
	stream->last_table = NULL;
}

/* ---- a copy that takes several steps ---- */

/* Whether the snapshot that waits for the stream has the transaction for sure. */
static bool
is_in_moment(CdcBinlogStream *stream, const CdcTransaction *txn)
{
	const CdcSourcePosition *from = cdc_copy_moment_from(&stream->copy);

	if (!stream->moment.set || stream->moment_number != cdc_copy_moment_number(&stream->copy))
		cdc_binlog_mark_set(stream, &stream->moment, from->gtid_set, from->file, from->offset);
	stream->moment_number = cdc_copy_moment_number(&stream->copy);
	if (stream->moment.gtids != NULL && txn->gtid != NULL)
		return cdc_gtid_set_contains_gtid(stream->moment.gtids, txn->gtid);
	return cdc_binlog_position_compare(txn->file, (int64) txn->end_offset, from->file, from->offset) <= 0;
}

void
cdc_binlog_copy_note_change(CdcBinlogStream *stream, const CdcTransaction *txn, const char *database,
							const char *table)
{
	if (cdc_copy_moment_is_of(&stream->copy, database, table) && !is_in_moment(stream, txn))
		cdc_copy_moment_changed(&stream->copy, database, table);
}

/*
 * A copy that has read a part of a table without a key cannot go on behind the statement.  That it
 * begins anew is known together with that, whether its pass is at hand or was cut off before: where
 * the target cannot follow the statement, its rows all come anew.
 */
void
cdc_binlog_copy_note_ddl(CdcBinlogCall *call, const CdcTransaction *txn, const char *database,
						 const char *table)
{
	CdcBinlogStream *stream = call->stream;
	char	   *full_name = psprintf("%s.%s", database, table);
	const CdcDoubt doubt = {.reason = "its definition has changed, and it has no key by which it could go on",.cut_off = true};
	const CdcTable *definition;
	CdcDoubts	doubts;

	cdc_binlog_copy_note_change(stream, txn, database, table);
	if (cdc_copy_pass_is_of(&stream->copy, full_name))
		cdc_copy_pass_spoil(&stream->copy);
	if (table[0] == '\0' || !cdc_binlog_stream_is_copying(stream, full_name))
		return;
	definition = cdc_schema_get(stream->schema, database, table);
	if (definition == NULL || !cdc_binlog_stream_leaves_out(stream, full_name, definition->npk > 0))
		return;
	doubts = cdc_binlog_doubts(call);
	cdc_doubt_copies(&doubts, full_name, &doubt);
}

/* ---- decoding ---- */

/*
 * A table with a column that cannot be decoded is left out from here on, so
 * that the others go on; its state says so.
 */
static void
leave_out(CdcBinlogStream *stream, const CdcTableMap *map, const CdcError *err)
{
	const char *name = cdc_from_utf8_copy(psprintf("%s.%s", map->database, map->table));
	const CdcTable *table = cdc_schema_get(stream->schema, map->database, map->table);
	char	   *error = table != NULL ? cdc_replica_trouble(stream->sub, table) : NULL;

	if (error == NULL && err->column[0] == '\0')
		error = psprintf("table %s cannot be replicated: %s", name, cdc_from_utf8_copy(err->message));
	if (error == NULL)
		error = psprintf("table %s cannot be replicated: column \"%s\": %s", name,
						 cdc_from_utf8_copy(err->column), cdc_from_utf8_copy(err->message));
	cdc_registry_unreadable(stream->sub, name, error);
	read_tables(stream);
}

/*
 * A table with rows that cannot be read, or told, needs a new copy: that has what became of them.
 * One that the stream shows for the first time is registered for it.
 */
static void
doubt_rows(CdcBinlogCall *call, const char *database, const char *table, const char *reason)
{
	CdcBinlogStream *stream = call->stream;
	char	   *name = psprintf("%s.%s", database, table);
	CdcDoubts	doubts = cdc_binlog_doubts(call);
	CdcDoubt	doubt = {reason, {NULL, 0}, false};
	const CdcTable *present;

	if (!cdc_binlog_stream_knows(stream, name))
	{
		present = cdc_schema_get(stream->schema, database, table);
		if (present == NULL)
		{
			cdc_registry_add_gone(stream->sub, cdc_from_utf8_copy(name), reason);
			read_tables(stream);
			return;
		}
		cdc_binlog_stream_discover(stream, present, true);
	}
	cdc_doubt_table(&doubts, name, &doubt);
}

/* Rows of a table that only foreign keys refer to cannot be read. */
static void
miss_watched(const CdcBinlogStream *stream, const char *database, const char *table, const CdcError *err)
{
	(void) cdc_log_event(stream->sub->name, "doubt",
						 psprintf("rows of %s.%s, to which foreign keys refer, cannot be read: what changes with them is not seen",
								  cdc_from_utf8_copy(database), cdc_from_utf8_copy(table)),
						 cdc_from_utf8_lenient(err->message));
}

/* Why the row cannot be read; what a setting of the source leaves out a new copy alone does not mend. */
static char *
misread_text(const CdcError *err)
{
	char	   *where = psprintf("a row of it at %s:" UINT64_FORMAT, cdc_from_utf8_lenient(err->file), (uint64) err->offset);
	char	   *column = psprintf("cannot be read: column \"%s\": %s", cdc_from_utf8_lenient(err->column),
								  cdc_from_utf8_lenient(err->message));

	if (err->status == CDC_ERR_UNSUPPORTED && err->hint[0] != '\0')
		return psprintf("%s %s (%s)", where, column, cdc_from_utf8_lenient(err->hint));
	return psprintf("%s, perhaps from before the source altered it, %s", where, column);
}

bool
cdc_binlog_misread(CdcBinlogCall *call, const CdcTable *table, const CdcError *err)
{
	CdcBinlogStream *stream = call->stream;

	if (cdc_binlog_stream_knows(stream, table->full_name))
	{
		/* a copy that takes its changes cannot take this one */
		if (cdc_copy_pass_is_of(&stream->copy, table->full_name))
			cdc_copy_pass_spoil(&stream->copy);
		else
			doubt_rows(call, table->database, table->name, misread_text(err));
		return true;
	}
	if (!cdc_cascades_watches(stream->cascades, table->database, table->name))
		return false;
	miss_watched(stream, table->database, table->name, err);
	return true;
}

/* Whether rows of the table are of no concern before a new copy of it. */
static bool
is_lost(CdcBinlogStream *stream, const CdcTableMap *map)
{
	const CdcBinlogTable *known = find_table(stream, psprintf("%s.%s", map->database, map->table));

	return known != NULL && known->lost;
}

/* A definition that fits the map; that there was none before is asked again, but of lost tables. */
static CdcStatus
find_definition(CdcBinlogStream *stream, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	CdcStatus	st = cdc_schema_lookup(&stream->lookup, map, table, err);

	if (st != CDC_ERR_SCHEMA || !stream->lookup.remembered || is_lost(stream, map))
		return st;
	stream->lookup.anew = true;
	st = cdc_schema_lookup(&stream->lookup, map, table, err);
	stream->lookup.anew = false;
	return st;
}

/*
 * Tables that nobody wants are skipped, and so are rows of a table without a
 * key until the stream has passed its copy, which contains them, or takes them.
 */
CdcStatus
cdc_binlog_stream_lookup(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	CdcBinlogStream *stream = arg;
	bool		watched = cdc_cascades_watches(stream->cascades, map->database, map->table);
	CdcStatus	st;

	if (stream->txn != NULL)
		cdc_binlog_copy_note_change(stream, stream->txn, map->database, map->table);
	if (watched)
		cdc_schema_watch(stream->schema, map->database, map->table);
	st = find_definition(stream, map, table, err);
	if (watched && (st == CDC_ERR_UNSUPPORTED || st == CDC_ERR_SCHEMA))
	{
		miss_watched(stream, map->database, map->table, err);
		*table = NULL;
		return CDC_OK;
	}
	if (watched && st == CDC_OK)
		return st;
	if ((st == CDC_ERR_UNSUPPORTED || st == CDC_ERR_SCHEMA) && stream->lookup.untold)
	{
		CdcBinlogCall call = {.sub = stream->sub,.stream = stream};

		doubt_rows(&call, map->database, map->table, cdc_from_utf8_lenient(err->message));
		*table = NULL;
		return CDC_OK;
	}
	if (st == CDC_ERR_UNSUPPORTED)
	{
		leave_out(stream, map, err);
		*table = NULL;
		return CDC_OK;
	}
	if (st != CDC_OK || *table == NULL)
		return st;
	cdc_binlog_stream_discover(stream, *table, true);
	if (cdc_binlog_leave_out(stream, (*table)->full_name, (*table)->npk > 0) &&
		!cdc_copy_pass_is_of(&stream->copy, (*table)->full_name))
		*table = NULL;
	return CDC_OK;
}
