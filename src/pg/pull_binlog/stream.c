/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  The dump connection of a subscription, kept open between calls of pull.
 *
 * The position row is the truth.  A stream that was left open is used again
 * only when the row still says what this backend last wrote or read there;
 * after a rollback, a pull elsewhere or a change of the catalogs it is opened
 * anew.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/pull_internal.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/background.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/position.h"
#include "pg/catalog/tables.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/base/shmem.h"
#include "pg/base/error.h"
#include "pg/pull_kafka/pull_kafka.h"
#include "pg/target/replica_table.h"
#include "pg/commands/subscription.h"

/* An idle connection for queries is tried before it is relied on. */
#define CONTROL_IDLE_MS		30000

/* ---- closing ---- */

static void
hang_up(CdcPullStream *stream)
{
	CdcSource  *dump = stream->dump;
	CdcDecoder *decoder = stream->decoder;

	stream->dump = NULL;
	stream->decoder = NULL;
	cdc_source_close(dump);
	cdc_decoder_destroy(decoder);
	cdc_stream_destroy(stream->stream);
	stream->stream = NULL;
	stream->statements = 0;
	stream->skipped = 0;
}

static void
close_stream(CdcKeptStream *kept)
{
	CdcPullStream *stream = (CdcPullStream *) kept;

	hang_up(stream);
	cdc_source_close(stream->control);
	cdc_gtid_set_destroy(stream->executed);
	cdc_gtid_set_destroy(stream->until.gtids);
	cdc_gtid_set_destroy(stream->join.gtids);
	cdc_group_buffer_destroy(stream->group);
	MemoryContextDelete(stream->context);
}

static CdcKeptStreamKind streams = {.close = close_stream};

static CdcPullStream *
find_stream(int32 subscription_id)
{
	return (CdcPullStream *) cdc_kept_stream_find(&streams, subscription_id);
}

void
cdc_pull_disconnect(int32 subscription_id)
{
	cdc_kept_stream_drop(&streams, subscription_id);
	cdc_pull_kafka_disconnect(subscription_id);
}

/* ---- position ---- */

CdcGtidSet *
cdc_pull_parse_gtid_set(CdcFlavor flavor, const char *text, const char *subscription)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcError	err;
	CdcStatus	st;

	if (set == NULL)
		cdc_out_of_memory();
	st = cdc_gtid_set_parse(set, text, &err);
	if (cdc_failed(st))
	{
		cdc_gtid_set_destroy(set);
		cdc_ereport(&err, subscription);
	}
	return set;
}

static void
set_text(MemoryContext context, char **text, const char *with)
{
	if (*text != NULL && with != NULL && strcmp(*text, with) == 0)
		return;
	if (*text != NULL)
		pfree(*text);
	*text = NULL;
	if (with != NULL)
		*text = MemoryContextStrdup(context, with);
}

void
cdc_pull_stream_advance(CdcPullStream *stream, const char *file, int64 offset, const char *gtid)
{
	CdcError	err;

	stream->moves++;
	if (file != NULL && file[0] != '\0')
	{
		set_text(stream->context, &stream->file, file);
		stream->offset = offset;
	}
	if (gtid != NULL && stream->executed != NULL)
		CDC_CHECK(cdc_gtid_set_add(stream->executed, gtid, &err), &err, stream->sub->name);
}

void
cdc_pull_mark_clear(CdcPullMark *mark)
{
	cdc_gtid_set_destroy(mark->gtids);
	if (mark->file != NULL)
		pfree(mark->file);
	memset(mark, 0, sizeof(*mark));
}

void
cdc_pull_mark_set(CdcPullStream *stream, CdcPullMark *mark, const char *gtid_set,
				  const char *file, int64 offset)
{
	cdc_pull_mark_clear(mark);
	if (gtid_set != NULL && stream->executed != NULL)
		mark->gtids = cdc_pull_parse_gtid_set(cdc_source_info(stream->control)->flavor, gtid_set,
									 stream->sub->name);
	if (file != NULL)
		mark->file = MemoryContextStrdup(stream->context, file);
	mark->offset = offset;
	mark->set = true;
}

bool
cdc_pull_mark_passed(const CdcPullStream *stream, const CdcPullMark *mark)
{
	if (mark->gtids != NULL)
		return cdc_gtid_set_contains(stream->executed, mark->gtids);
	if (mark->file == NULL || stream->file == NULL)
		return false;
	return cdc_binlog_position_compare(stream->file, stream->offset,
									   mark->file, mark->offset) >= 0;
}

char *
cdc_pull_stream_gtid_text(const CdcPullStream *stream)
{
	CdcBuf		buf = {0};
	char	   *text;

	if (stream->executed == NULL)
		return NULL;
	if (cdc_failed(cdc_gtid_set_print(stream->executed, &buf)))
	{
		cdc_buf_free(&buf);
		cdc_out_of_memory();
	}
	text = buf.len > 0 ? pnstrdup(buf.data, buf.len) : pstrdup("");
	cdc_buf_free(&buf);
	return text;
}

void
cdc_pull_stream_note_row(CdcPullStream *stream, const CdcPosition *pos)
{
	set_text(stream->context, &stream->row_file, pos->file);
	set_text(stream->context, &stream->row_gtid_set, pos->gtid_set);
	stream->row_offset = pos->file_offset;
}

bool
cdc_pull_stream_moved(const CdcPullStream *stream)
{
	return stream->new_transactions > 0 || stream->new_skipped > 0 || stream->row_offset != stream->offset ||
		stream->row_file == NULL || strcmp(stream->row_file, stream->file) != 0;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
stands_at_row(const CdcPullStream *stream, const CdcPosition *pos)
{
	return same_text(stream->row_file, pos->file) && stream->row_offset == pos->file_offset &&
		same_text(stream->row_gtid_set, pos->gtid_set);
}

/* ---- connections ---- */

CdcSource *
cdc_pull_stream_control(CdcPullStream *stream)
{
	TimestampTz now = GetCurrentTimestamp();
	CdcRows    *rows;
	CdcError	err;

	/* a server closes a connection that stood idle (wait_timeout): ask first */
	if (stream->control != NULL &&
		(!cdc_source_usable(stream->control) ||
		 (TimestampDifferenceExceeds(stream->control_used, now, CONTROL_IDLE_MS) &&
		  cdc_failed(cdc_source_try_query(stream->control, "DO 0", &rows, &err)))))
	{
		cdc_source_close(stream->control);
		stream->control = NULL;
	}
	if (stream->control == NULL)
		stream->control = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid,
											 stream->address, true, true);
	stream->control_used = now;
	return stream->control;
}

static CdcSource *
control_for_schema(void *arg)
{
	return cdc_pull_stream_control(arg);
}

/* ---- tables ---- */

void
cdc_pull_stream_forget_tables(CdcPullStream *stream)
{
	HTAB	   *tables = stream->tables;

	stream->tables = NULL;
	stream->last_table = NULL;
	if (tables != NULL)
		hash_destroy(tables);
}

static void
read_tables(CdcPullStream *stream)
{
	List	   *tables = cdc_subscription_tables(stream->sub);
	HASHCTL		ctl;
	ListCell   *lc;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = CDC_PULL_TABLE_NAME;
	ctl.entrysize = sizeof(CdcPullTable);
	ctl.hcxt = stream->context;
	cdc_pull_stream_forget_tables(stream);
	stream->tables = hash_create("cdc_ingest tables", 64, &ctl, CDC_HASH_STRINGS | HASH_CONTEXT);
	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);
		char		name[CDC_PULL_TABLE_NAME];
		CdcPullTable *entry;

		snprintf(name, sizeof(name), "%s", t->source_table);
		entry = hash_search(stream->tables, name, HASH_ENTER, NULL);
		entry->state = t->state;
	}
}

static CdcPullTable *
find_table(CdcPullStream *stream, const char *full_name)
{
	char		name[CDC_PULL_TABLE_NAME];

	if (stream->tables == NULL)
		read_tables(stream);
	if (GetDatabaseEncoding() != PG_UTF8)
		full_name = cdc_replica_text(full_name);
	if (stream->last_table == NULL || strcmp(stream->last_table->name, full_name) != 0)
	{
		snprintf(name, sizeof(name), "%s", full_name);
		stream->last_table = hash_search(stream->tables, name, HASH_FIND, NULL);
	}
	return stream->last_table;
}

bool
cdc_pull_stream_knows(CdcPullStream *stream, const char *full_name)
{
	return find_table(stream, full_name) != NULL;
}

bool
cdc_pull_stream_copies(CdcPullStream *stream, const char *full_name)
{
	const CdcPullTable *known = find_table(stream, full_name);

	return known != NULL && (known->state == 'i' || known->state == 'd' || known->state == 'f');
}

void
cdc_pull_stream_discover(CdcPullStream *stream, const CdcTable *table, bool copy)
{
	if (find_table(stream, table->full_name) != NULL)
		return;
	(void) cdc_subscription_add_discovered_table(stream->sub, cdc_pull_stream_control(stream), table,
												 copy);
	read_tables(stream);
}

/*
 * A table with a column that cannot be decoded is left out from here on, so
 * that the others go on; its state says so.
 */
static void
leave_out(CdcPullStream *stream, const CdcTableMap *map, const CdcError *err)
{
	const char *name = cdc_replica_text(psprintf("%s.%s", map->database, map->table));
	const CdcTable *table = cdc_schema_get(stream->schema, map->database, map->table);
	char	   *error = table != NULL ? cdc_replica_trouble(stream->sub, table) : NULL;

	if (error == NULL)
		error = psprintf("table %s cannot be replicated: column \"%s\": %s", name,
						 cdc_replica_text(err->column), cdc_replica_text(err->message));
	cdc_subscription_table_unreadable(stream->sub, name, error);
	read_tables(stream);
}

/*
 * Tables that nobody wants are skipped, and so are rows of a table without a
 * key until the stream has passed its copy, which contains them.
 */
static CdcStatus
lookup_table(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	CdcPullStream *stream = arg;
	CdcStatus	st;

	st = cdc_schema_lookup(&stream->lookup, map, table, err);
	if (st == CDC_ERR_UNSUPPORTED)
	{
		leave_out(stream, map, err);
		*table = NULL;
		return CDC_OK;
	}
	if (st != CDC_OK || *table == NULL)
		return st;
	cdc_pull_stream_discover(stream, *table, true);
	if ((*table)->npk == 0 && cdc_pull_stream_copies(stream, (*table)->full_name))
		*table = NULL;
	return CDC_OK;
}

static char *
define(const CdcSubscription *sub)
{
	return cdc_source_definition(sub->server, sub->owner_oid);
}

/*
 * Our copy of the subscription, and what depends on it.  Connections and the
 * group that is arriving stay: a long transaction must not begin anew whenever
 * some subscription or table is changed.  false: the connections are no longer
 * what the server's definition asks for.
 */
static bool
read_subscription(CdcPullStream *stream)
{
	bool		same;

	stream->sub = cdc_kept_stream_read(&stream->kept, stream->context, define, &same);
	if (stream->schema != NULL)
		cdc_schema_destroy(stream->schema);
	stream->schema = NULL;
	stream->schema = cdc_schema_create(stream->context, stream->sub);
	stream->lookup.schema = stream->schema;
	stream->lookup.sub = stream->sub;
	cdc_pull_stream_forget_tables(stream);
	stream->copy_checked = false;
	return same && (stream->dump == NULL || stream->row_query == stream->sub->opt.event.row_query);
}

static CdcPullStream *
open_stream(CdcPullCall *call)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "cdc_ingest stream",
												  ALLOCSET_DEFAULT_SIZES);
	CdcPullStream *stream = MemoryContextAllocZero(context, sizeof(CdcPullStream));
	CdcPosition *pos = &call->pos;
	CdcSource  *control;

	stream->context = context;
	cdc_kept_stream_add(&streams, &stream->kept, call->sub->id);

	(void) read_subscription(stream);
	control = cdc_pull_server_open(stream, pos->source_address);
	stream->lookup.control = control_for_schema;
	stream->lookup.control_arg = stream;
	stream->persisted_at = GetCurrentTimestamp();
	stream->delay = CDC_DELAY_UNKNOWN;
	stream->group = cdc_group_buffer_create(context, stream->sub->opt.memory_limit);

	if (pos->source_address == NULL || strcmp(pos->source_address, stream->address) != 0)
	{
		pos->source_address = pstrdup(stream->address);
		call->persist = true;
	}

	/* the row before it may be filled in: another session may see this one only */
	cdc_pull_stream_note_row(stream, pos);
	if (pos->file == NULL)
		cdc_pull_start(call, control, stream);
	else
		cdc_pull_server_check(call, stream);

	stream->file = MemoryContextStrdup(context, pos->file);
	stream->offset = pos->file_offset;
	if (pos->gtid_set != NULL)
		stream->executed = cdc_pull_parse_gtid_set(cdc_source_info(control)->flavor, pos->gtid_set,
										  call->sub->name);
	return stream;
}

CdcPullStream *
cdc_pull_stream_get(CdcPullCall *call)
{
	CdcPullStream *stream = find_stream(call->sub->id);

	if (stream != NULL &&
		(stream->kept.broken || !stands_at_row(stream, &call->pos) ||
		 (stream->dump != NULL && !cdc_source_usable(stream->dump)) ||
		 (stream->kept.generation != cdc_catalog_generation() && !read_subscription(stream))))
	{
		cdc_kept_stream_close(&streams, &stream->kept);
		stream = NULL;
	}
	if (stream == NULL)
		return open_stream(call);
	stream->kept.used = true;
	stream->reused = true;
	return stream;
}

void
cdc_pull_stream_hang_up(CdcPullStream *stream)
{
	hang_up(stream);
	cdc_group_buffer_reset(stream->group);
}

void
cdc_pull_stream_connect(CdcPullStream *stream)
{
	CdcDumpRequest request = {0};
	CdcFlavor	flavor;

	if (stream->dump != NULL)
		return;
	flavor = cdc_source_info(cdc_pull_stream_control(stream))->flavor;
	stream->stream = cdc_stream_create(flavor, stream->file, stream->offset);
	stream->decoder = cdc_decoder_create(flavor, lookup_table, stream);
	if (stream->stream == NULL || stream->decoder == NULL)
		cdc_out_of_memory();
	cdc_stream_accept_xa(stream->stream);
	stream->row_query = stream->sub->opt.event.row_query;
	cdc_stream_keep_queries(stream->stream, stream->row_query);
	request.annotate = stream->row_query;

	request.server_id = cdc_source_server_id(stream->control, stream->kept.subscription_id,
											 cdc_am_worker());
	/* by file where a place inside of it was asked for, see pull_start.c */
	if (stream->executed != NULL && stream->skip_file == NULL)
	{
		request.gtid_set = stream->executed;
		request.file = "";
		request.offset = 4;
	}
	else
	{
		request.file = stream->file;
		request.offset = stream->offset;
	}
	stream->dump = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid,
									  stream->address, true, true);
	cdc_session_dump(cdc_source_session(stream->dump), &request);
}

bool
cdc_pull_stream_rewind(CdcPullStream *stream)
{
	if (stream->begun || stream->executed != NULL || stream->skip_file != NULL ||
		stream->offset <= CDC_PULL_FIRST_OFFSET)
		return false;
	cdc_log_event(stream->sub->name, "position",
				  "the position is inside of a transaction, whose start is looked for",
				  psprintf("%s:" INT64_FORMAT, stream->file, stream->offset));
	stream->skip_file = MemoryContextStrdup(stream->context, stream->file);
	stream->skip_offset = stream->offset;
	stream->offset = CDC_PULL_FIRST_OFFSET;
	cdc_pull_stream_hang_up(stream);
	return true;
}

/* ---- for workers ---- */

void
cdc_pull_wait(int32 subscription_id, long timeout_ms)
{
	CdcPullStream *stream = find_stream(subscription_id);

	/* what has moved is to be written soon */
	if (stream != NULL && stream->file != NULL && cdc_pull_stream_moved(stream) &&
		(timeout_ms < 0 || timeout_ms > CDC_PULL_PERSIST_MS))
		timeout_ms = CDC_PULL_PERSIST_MS;
	if (stream != NULL && stream->dump != NULL && cdc_source_usable(stream->dump))
	{
		(void) cdc_source_wait(stream->dump, timeout_ms);
		return;
	}
	if (!cdc_pull_kafka_wait(subscription_id, timeout_ms))
		cdc_background_sleep(timeout_ms);
}
