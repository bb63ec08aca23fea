/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  The stream of a subscription, kept open between calls of pull.
 *
 * The position row is the truth.  A stream that was left open is used again
 * only when the row still says what this backend last wrote or read there;
 * after a rollback, a pull elsewhere or a change of the catalogs it is opened
 * anew.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/process/background.h"
#include "pg/process/shmem.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/failure.h"
#include "pg/schema/temporary.h"

/* ---- closing ---- */

static void
close_stream(CdcKeptStream *kept)
{
	CdcBinlogStream *stream = (CdcBinlogStream *) kept;
	ListCell   *lc;

	cdc_binlog_stream_close_dump(stream);
	cdc_copy_hang_up(&stream->copy);
	cdc_copy_pass_close(&stream->copy);
	cdc_source_close(stream->control);
	cdc_gtid_set_destroy(stream->executed);
	cdc_gtid_set_destroy(stream->until.gtids);
	cdc_gtid_set_destroy(stream->join.gtids);
	cdc_gtid_set_destroy(stream->moment.gtids);
	foreach(lc, stream->ahead)
		cdc_gtid_set_destroy(((CdcBinlogAhead *) lfirst(lc))->mark.gtids);
	cdc_group_buffer_destroy(stream->group);
	MemoryContextDelete(stream->context);
}

static CdcKeptStreamKind streams = {.close = close_stream};

static CdcBinlogStream *
find_stream(int32 subscription_id)
{
	return (CdcBinlogStream *) cdc_kept_stream_find(&streams, subscription_id);
}

void
cdc_binlog_stream_disconnect(int32 subscription_id)
{
	cdc_kept_stream_drop(&streams, subscription_id);
}

/* ---- opening ---- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Whether the position row says what this backend last wrote or read there. */
static bool
stands_at_row(const CdcBinlogStream *stream, const CdcPosition *pos)
{
	return same_text(stream->row_file, pos->file) && stream->row_offset == pos->file_offset &&
		same_text(stream->row_gtid_set, pos->gtid_set);
}

static CdcSource *
control_session(void *stream)
{
	return cdc_binlog_stream_control(stream);
}

/* For cdc_kept_stream_read(): what the connections are made from. */
static char *
connection_definition(const CdcSubscription *sub)
{
	return cdc_source_identity(sub->server, sub->owner_oid);
}

/*
 * Our copy of the subscription, and what depends on it.  Connections and the
 * group that is arriving stay: a long transaction must not begin anew whenever
 * some subscription or table is changed.  false: the connections are no longer
 * what the server's definition asks for.
 */
static bool
read_subscription(CdcBinlogStream *stream)
{
	bool		same;

	stream->sub = cdc_kept_stream_read(&stream->kept, stream->context, connection_definition,
									   &same);
	if (stream->schema != NULL)
		cdc_schema_destroy(stream->schema);
	stream->schema = NULL;
	stream->schema = cdc_schema_create(stream->context, stream->sub);
	stream->lookup.schema = stream->schema;
	stream->lookup.sub = stream->sub;
	if (stream->cascades == NULL)
	{
		stream->cascades = cdc_cascades_create(stream->context, stream->sub, &stream->lookup.control);
		stream->programs = cdc_programs_create(stream->context, &stream->lookup.control);
	}
	cdc_cascades_renew(stream->cascades, stream->sub);
	cdc_binlog_stream_forget_tables(stream);
	stream->copy_checked = false;
	return same && (stream->dump == NULL || stream->row_query == stream->sub->opt.event.row_query);
}

/*
 * An ERROR on the way closes what is open by then, as the stream is known as used by
 * the transaction from the start.
 */
static CdcBinlogStream *
open_stream(CdcBinlogCall *call)
{
	MemoryContext context;
	CdcBinlogStream *stream;
	CdcPosition *pos = &call->pos;
	CdcSource  *control;

	cdc_failure_raise_gap(call->sub->name);
	context = AllocSetContextCreate(TopMemoryContext, "cdc_ingest stream", ALLOCSET_DEFAULT_SIZES);
	stream = MemoryContextAllocZero(context, sizeof(CdcBinlogStream));
	stream->context = context;
	stream->server_id_salt = (int32) pos->server_id_salt;
	cdc_kept_stream_add(&streams, &stream->kept, call->sub->id);

	(void) read_subscription(stream);
	stream->temporaries = cdc_temporaries_create(context, stream->sub);
	control = cdc_binlog_server_open(stream, pos->source_address);
	cdc_binlog_server_check_role(call, stream);
	stream->lookup.control.session = control_session;
	stream->lookup.control.arg = stream;
	stream->persisted_at = stream->copied_at = GetCurrentTimestamp();
	stream->delay = CDC_DELAY_UNKNOWN;
	stream->group = cdc_group_buffer_create(context, stream->sub->opt.memory_limit);

	if (pos->source_address == NULL || strcmp(pos->source_address, stream->address) != 0)
	{
		pos->source_address = pstrdup(stream->address);
		call->persist = true;
	}

	/* the row before it may be filled in: another session may see this one only */
	cdc_binlog_stream_note_row(stream, pos);
	if (pos->file == NULL)
		cdc_binlog_start(call, control, stream);
	else
		cdc_binlog_server_check(call, stream);

	stream->file = MemoryContextStrdup(context, pos->file);
	stream->offset = pos->file_offset;
	if (pos->gtid_set != NULL)
		stream->executed = cdc_position_parse_gtids(cdc_source_info(control)->flavor,
													pos->gtid_set, call->sub->name);
	cdc_binlog_server_check_log(call, stream);
	return stream;
}

CdcBinlogStream *
cdc_binlog_stream_get(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = find_stream(call->sub->id);

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

/* ---- for workers ---- */

/* Not longer than until the next step of a copy. */
static long
until_step(const CdcBinlogStream *stream, long timeout_ms)
{
	int64		left;

	if (stream->copy_checked)
		return timeout_ms;
	left = Max((stream->copy_at - GetCurrentTimestamp()) / 1000 + 1, 0);
	return timeout_ms < 0 || timeout_ms > left ? (long) left : timeout_ms;
}

bool
cdc_binlog_stream_wait(int32 subscription_id, long timeout_ms)
{
	CdcBinlogStream *stream = find_stream(subscription_id);

	if (stream == NULL)
		return false;
	/* what has moved is to be written soon */
	if (stream->file != NULL && cdc_binlog_stream_moved(stream) &&
		(timeout_ms < 0 || timeout_ms > CDC_BINLOG_PERSIST_MS))
		timeout_ms = CDC_BINLOG_PERSIST_MS;
	timeout_ms = until_step(stream, timeout_ms);
	if (stream->dump != NULL && cdc_source_usable(stream->dump))
		(void) cdc_source_wait(stream->dump, timeout_ms);
	else
		cdc_background_sleep(timeout_ms);
	return true;
}
