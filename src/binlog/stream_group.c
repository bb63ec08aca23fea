/*-------------------------------------------------------------------------
 *
 * stream_group.c
 *	  Groups: which events make up a transaction, and how it ends.
 *
 * MySQL: [Gtid | Anonymous_gtid | Gtid_tagged], Query BEGIN (or XA START), row
 * events, and Xid, Query COMMIT, Query ROLLBACK or XA_prepare; or a single
 * Query; or a single Transaction_payload.  Before 5.7, gtid_mode=OFF writes no
 * GTID event.  MariaDB: Gtid, which stands for BEGIN too, row events and the
 * same ends; with the flag "standalone" a single event, maybe with Intvar and
 * the like before it.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/stream_internal.h"

#include <string.h>

#include "core/ddl.h"

#define DML_TEXT_KEPT	65536	/* memory for a longer statement is given back at the next one */

static void
open_group(CdcStream *stream, CdcGroupState state)
{
	memset(&stream->txn, 0, sizeof(stream->txn));
	memcpy(stream->group_file, stream->file, sizeof(stream->group_file));
	stream->txn.file = stream->group_file;
	stream->txn.start_offset = stream->event_start;
	stream->txn.end_offset = stream->event_start;
	stream->txn.server_id = stream->h.server_id;
	stream->gtid[0] = '\0';
	stream->xa[0] = '\0';
	stream->state = state;
	stream->standalone = stream->no_effect = false;
	memset(&stream->kept, 0, sizeof(stream->kept));
	cdc_savepoints_reset(&stream->savepoints);
}

/* The event is the group's caller's to keep. */
static void
keep_event(CdcStream *stream, CdcItem *item)
{
	item->keep = true;
	stream->kept.events++;
	stream->kept.bytes += item->event_len;
}

/* The open group ends with this event. */
static void
close_group(CdcStream *stream, CdcItemKind kind, CdcItem *item)
{
	stream->txn.end_offset = stream->offset;
	/* before 8.0 and in MariaDB the last event's time is the best there is */
	if (stream->txn.commit_us == 0)
		stream->txn.commit_us = (int64_t) stream->h.timestamp * 1000000;
	stream->state = CDC_GROUP_NONE;
	item->kind = kind;
	item->txn = stream->txn;
	if (kind >= CDC_ITEM_XA_PREPARE)
		item->xa = stream->xa;
}

void
cdc_stream_abandon_group(CdcStream *stream, CdcItem *item)
{
	stream->state = CDC_GROUP_NONE;
	stream->txn.gtid = NULL;
	stream->txn.file = stream->file;
	stream->txn.end_offset = stream->offset;
	item->kind = CDC_ITEM_ROLLBACK;
	item->txn = stream->txn;
}

static CdcStatus
outside_error(CdcStream *stream, CdcError *err)
{
	cdc_error(err, CDC_ERR_CORRUPT, "%s event outside of a transaction",
			  cdc_event_type_name(stream->h.type));
	cdc_error_hint(err, "Start at the beginning of a transaction.");
	return CDC_ERR_CORRUPT;
}

static CdcStatus
nested_error(CdcStream *stream, CdcError *err)
{
	return cdc_error(err, CDC_ERR_CORRUPT,
					 "a transaction begins inside of the one at offset %llu",
					 (unsigned long long) stream->txn.start_offset);
}

static CdcStatus
xa_refused(CdcError *err)
{
	cdc_error(err, CDC_ERR_UNSUPPORTED, "two-phase XA transactions are not supported");
	cdc_error_detail(err, "Rows of an XA transaction are logged at XA PREPARE, "
					 "long before XA COMMIT makes them count.");
	return CDC_ERR_UNSUPPORTED;
}

static CdcStatus
group_gtid(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item, CdcError *err)
{
	CdcGtidEvent g;
	CdcStatus	st;

	stream->bare = false;
	if (stream->state != CDC_GROUP_NONE)
		return nested_error(stream, err);
	st = cdc_gtid_event_parse(&g, data, len, err);
	if (cdc_failed(st))
		return st;

	open_group(stream, CDC_GROUP_GTID);
	if (g.gtid[0] != '\0')
	{
		memcpy(stream->gtid, g.gtid, sizeof(stream->gtid));
		stream->txn.gtid = stream->gtid;
	}
	stream->txn.commit_us = g.commit_us;
	stream->txn.thread_id = g.thread_id;
	if (stream->h.type == CDC_EV_MARIA_GTID)
	{
		stream->standalone = (g.maria_flags & CDC_MARIA_STANDALONE) != 0;
		if (!stream->standalone)
			stream->state = CDC_GROUP_OPEN;
		stream->no_effect = (g.maria_extra & (CDC_MARIA_EXTRA_START_ALTER |
											  CDC_MARIA_EXTRA_ROLLBACK_ALTER)) != 0;
	}
	item->kind = CDC_ITEM_BEGIN;
	item->txn = stream->txn;
	return CDC_OK;
}

/* Remembers a statement that changes data which no row event will tell. */
static CdcStatus
count_dml(CdcStream *stream, const CdcQuery *query, CdcError *err)
{
	CdcArena   *arena = cdc_arena_create(0);
	CdcString	sql;
	CdcStatus	st;

	stream->ndml++;
	stream->dml_mode = query->sql_mode;
	if (stream->dml.len > DML_TEXT_KEPT)
		cdc_buf_free(&stream->dml);
	cdc_buf_reset(&stream->dml);
	cdc_buf_reset(&stream->dml_database);
	if (arena == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	st = cdc_charset_statement(&stream->charsets, query->client_collation, query->sql, arena, &sql, err);
	if (st == CDC_OK &&
		(!cdc_buf_append(&stream->dml, sql.data, sql.len) ||
		 !cdc_buf_append(&stream->dml, "", 1) ||
		 !cdc_buf_append(&stream->dml_database, query->database.data, query->database.len) ||
		 !cdc_buf_append(&stream->dml_database, "", 1)))
		st = cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	cdc_arena_destroy(arena);
	return st;
}

/* A statement that is a group of its own, or part of the open one. */
static CdcStatus
group_statement(CdcStream *stream, bool keep, CdcItem *item)
{
	if (stream->state == CDC_GROUP_OPEN)
	{
		if (keep)
			keep_event(stream, item);
		return CDC_OK;
	}
	if (stream->state == CDC_GROUP_NONE)
		open_group(stream, CDC_GROUP_GTID);
	if (keep && !stream->no_effect)
		keep_event(stream, item);
	close_group(stream, CDC_ITEM_COMMIT, item);
	return CDC_OK;
}

/* XA COMMIT or ROLLBACK of a transaction prepared earlier; rest is its id. */
static CdcStatus
group_xa_end(CdcStream *stream, CdcItemKind kind, CdcString rest, CdcItem *item, CdcError *err)
{
	if (stream->state == CDC_GROUP_NONE)
		open_group(stream, CDC_GROUP_GTID);
	if (!stream->accept_xa)
	{
		if (kind == CDC_ITEM_XA_COMMIT)
			return xa_refused(err);
		close_group(stream, CDC_ITEM_COMMIT, item);
		return CDC_OK;
	}
	if (rest.len == 0 || rest.len >= sizeof(stream->xa))
		return cdc_error(err, CDC_ERR_CORRUPT, "XA statement without a valid transaction id");
	memcpy(stream->xa, rest.data, rest.len);
	stream->xa[rest.len] = '\0';
	close_group(stream, kind, item);
	return CDC_OK;
}

static CdcStatus
group_xa_prepare(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item,
				 CdcError *err)
{
	bool		one_phase;
	CdcStatus	st;

	if (stream->state != CDC_GROUP_OPEN)
		return outside_error(stream, err);
	st = cdc_xa_prepare_parse(data, len, stream->xa, &one_phase, err);
	if (cdc_failed(st))
		return st;
	if (one_phase)
		close_group(stream, CDC_ITEM_COMMIT, item);
	else if (stream->accept_xa)
		close_group(stream, CDC_ITEM_XA_PREPARE, item);
	else
		return xa_refused(err);
	return CDC_OK;
}

/* The events kept since the savepoint are void. */
static CdcStatus
group_rollback_to(CdcStream *stream, CdcString rest, CdcItem *item, CdcError *err)
{
	CdcStatus	st;

	if (stream->kept.events == 0)
		return CDC_OK;			/* nothing could be undone, whatever its name */
	st = cdc_savepoint_find(&stream->savepoints, rest, &item->undo, err);
	if (cdc_failed(st))
		return st;
	stream->kept = item->undo;
	item->kind = CDC_ITEM_UNDO;
	item->txn = stream->txn;
	return CDC_OK;
}

static CdcStatus
group_query(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item, CdcError *err)
{
	CdcQuery	query;
	CdcString	rest;
	CdcStatementKind kind;
	CdcStatus	st;

	stream->bare = false;
	st = cdc_query_parse(&query, &stream->format, data, len, &stream->scratch, err);
	if (cdc_failed(st))
		return st;
	kind = cdc_statement_kind(&query, &rest);
	if (stream->state == CDC_GROUP_NONE)
	{
		/* no GTID event before it: the group starts here, or it is nothing */
		if (kind == CDC_STMT_SAVEPOINT || kind == CDC_STMT_ROLLBACK_TO ||
			kind == CDC_STMT_RELEASE || kind == CDC_STMT_XA_END)
			return CDC_OK;
		open_group(stream, CDC_GROUP_GTID);
		if (kind == CDC_STMT_BEGIN || kind == CDC_STMT_XA_START)
		{
			item->kind = CDC_ITEM_BEGIN;
			item->txn = stream->txn;
		}
	}
	if (query.thread_id != 0)
		stream->txn.thread_id = query.thread_id;
	if (query.xid != 0)
		stream->txn.xid = query.xid;
	if (item->kind == CDC_ITEM_BEGIN)
		item->txn = stream->txn;

	switch (kind)
	{
		case CDC_STMT_BEGIN:
		case CDC_STMT_XA_START:
			if (stream->state == CDC_GROUP_OPEN)
				return nested_error(stream, err);
			stream->state = CDC_GROUP_OPEN;
			return CDC_OK;
		case CDC_STMT_COMMIT:
			close_group(stream, CDC_ITEM_COMMIT, item);
			return CDC_OK;
		case CDC_STMT_ROLLBACK:
			close_group(stream, CDC_ITEM_ROLLBACK, item);
			return CDC_OK;
		case CDC_STMT_SAVEPOINT:
			return cdc_savepoint_set(&stream->savepoints, rest, stream->kept, err);
		case CDC_STMT_ROLLBACK_TO:
			return group_rollback_to(stream, rest, item, err);
		case CDC_STMT_RELEASE:
		case CDC_STMT_XA_END:
		case CDC_STMT_XA_PREPARE:
			return CDC_OK;
		case CDC_STMT_XA_COMMIT:
			return group_xa_end(stream, CDC_ITEM_XA_COMMIT, rest, item, err);
		case CDC_STMT_XA_ROLLBACK:
			return group_xa_end(stream, CDC_ITEM_XA_ROLLBACK, rest, item, err);
		case CDC_STMT_DML:
			st = count_dml(stream, &query, err);
			if (cdc_failed(st))
				return st;
			stream->bare = stream->state != CDC_GROUP_OPEN;
			return group_statement(stream, false, item);
		case CDC_STMT_TRUNCATE:
		case CDC_STMT_OTHER:
			break;
	}

	/* CREATE TABLE ... SELECT in statement format */
	if (cdc_ddl_is_dml(query.sql, query.sql_mode))
	{
		st = count_dml(stream, &query, err);
		if (cdc_failed(st))
			return st;
	}
	return group_statement(stream, true, item);
}

/* Skips an event that its writer allows to be skipped; it is counted. */
static CdcStatus
unknown_event(CdcStream *stream, uint8_t type, uint16_t flags, CdcError *err)
{
	if (flags & CDC_EVF_IGNORABLE)
	{
		stream->nskipped++;
		stream->skipped_type = type;
		return CDC_OK;
	}
	cdc_error(err, CDC_ERR_UNSUPPORTED, "binlog event type %u is not supported", type);
	cdc_error_detail(err, "The source runs version %s.", stream->format.server_version);
	return CDC_ERR_UNSUPPORTED;
}

/* What ends the transaction inside of a payload. */
typedef struct PayloadEnd
{
	CdcItemKind kind;
	uint64_t	xid;
	uint32_t	thread_id;
} PayloadEnd;

/* Looks at one event inside of a payload, as far as it matters for the group. */
static CdcStatus
payload_event(CdcStream *stream, uint8_t type, uint16_t flags, PayloadEnd *found, CdcError *err)
{
	const uint8_t *event;
	size_t		len;
	CdcStatus	st;

	if (type != CDC_EV_XID && type != CDC_EV_XA_PREPARE && type != CDC_EV_QUERY)
	{
		bool		known = (type == CDC_EV_TABLE_MAP || type == CDC_EV_ROWS_QUERY ||
							 type == CDC_EV_PARTIAL_UPDATE_ROWS ||
							 (type >= CDC_EV_WRITE_ROWS_V1 && type <= CDC_EV_DELETE_ROWS_V1) ||
							 (type >= CDC_EV_WRITE_ROWS_V2 && type <= CDC_EV_DELETE_ROWS_V2) ||
							 type == CDC_EV_INTVAR || type == CDC_EV_RAND ||
							 type == CDC_EV_USER_VAR || type == CDC_EV_IGNORABLE ||
							 type == CDC_EV_VIEW_CHANGE);

		return known ? CDC_OK : unknown_event(stream, type, flags, err);
	}
	st = cdc_payload_body(stream->payload, &event, &len, err);
	if (cdc_failed(st))
		return st;
	if (type == CDC_EV_XID)
	{
		if (len < CDC_EV_HEADER_LEN + 8)
			return cdc_error(err, CDC_ERR_CORRUPT, "xid event is malformed");
		found->xid = cdc_le64(event + CDC_EV_HEADER_LEN);
		found->kind = CDC_ITEM_COMMIT;
	}
	else if (type == CDC_EV_XA_PREPARE)
	{
		bool		one_phase;

		st = cdc_xa_prepare_parse(event, len, stream->xa, &one_phase, err);
		if (cdc_failed(st))
			return st;
		found->kind = one_phase ? CDC_ITEM_COMMIT : CDC_ITEM_XA_PREPARE;
	}
	else
	{
		CdcQuery	query;
		CdcStatementKind kind;

		st = cdc_query_parse(&query, &stream->format, event, len, NULL, err);
		if (cdc_failed(st))
			return st;
		kind = cdc_statement_kind(&query, NULL);
		if (query.thread_id != 0)
			found->thread_id = query.thread_id;
		if (kind == CDC_STMT_COMMIT)
			found->kind = CDC_ITEM_COMMIT;
		else if (kind == CDC_STMT_ROLLBACK)
			found->kind = CDC_ITEM_ROLLBACK;
		else if (kind == CDC_STMT_ROLLBACK_TO)
			return cdc_error(err, CDC_ERR_UNSUPPORTED,
							 "ROLLBACK TO SAVEPOINT in a transaction payload is not supported");
		else if (kind == CDC_STMT_DML)
			return count_dml(stream, &query, err);
	}
	return CDC_OK;
}

static CdcStatus
group_payload(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item, CdcError *err)
{
	PayloadEnd	found = {CDC_ITEM_NONE, 0, 0};
	CdcStatus	st;

	if (stream->state != CDC_GROUP_GTID)
		return outside_error(stream, err);
	if (stream->payload == NULL)
		stream->payload = cdc_payload_create();
	if (stream->payload == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	st = cdc_payload_open(stream->payload, data, len, err);
	if (cdc_failed(st))
		return st;
	for (;;)
	{
		const uint8_t *header;
		CdcEventHeader h;

		st = cdc_payload_next(stream->payload, &header, err);
		if (st == CDC_END)
			break;
		if (cdc_failed(st))
			return st;
		if (found.kind != CDC_ITEM_NONE)
			return cdc_error(err, CDC_ERR_CORRUPT,
							 "transaction payload goes on behind the transaction's end");
		cdc_event_header(header, &h);
		st = payload_event(stream, h.type, h.flags, &found, err);
		if (cdc_failed(st))
			return st;
	}
	if (found.kind == CDC_ITEM_NONE)
		return cdc_error(err, CDC_ERR_CORRUPT,
						 "transaction payload does not end its transaction");
	if (found.kind == CDC_ITEM_XA_PREPARE && !stream->accept_xa)
		return xa_refused(err);
	stream->txn.xid = found.xid;
	if (found.thread_id != 0)
		stream->txn.thread_id = found.thread_id;
	if (found.kind != CDC_ITEM_ROLLBACK)
		keep_event(stream, item);
	close_group(stream, found.kind, item);
	return CDC_OK;
}

/*
 * MySQL 5.6 opens a table in memory for the first time since its start: it writes that the
 * table is empty now, a statement without BEGIN, and behind that, in the same group, the rows of
 * the statement that opened it, without COMMIT.  Whether any follow cannot be known before, so
 * these are a group of their own, without a GTID.
 */
static void
open_behind_bare(CdcStream *stream, CdcItem *item)
{
	if (stream->state != CDC_GROUP_NONE || !stream->bare || stream->h.type != CDC_EV_TABLE_MAP)
		return;
	stream->bare = false;
	open_group(stream, CDC_GROUP_GTID);
	stream->standalone = true;
	item->kind = CDC_ITEM_BEGIN;
	item->txn = stream->txn;
}

/* Row events and table maps: only their header is looked at. */
static CdcStatus
group_rows(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item, CdcError *err)
{
	open_behind_bare(stream, item);
	if (stream->state == CDC_GROUP_OPEN ||
		(stream->state == CDC_GROUP_GTID && stream->standalone))
	{
		keep_event(stream, item);
	}
	else
		return outside_error(stream, err);

	/* a standalone group has no end mark: it ends with its statement */
	if (stream->standalone && stream->h.type != CDC_EV_TABLE_MAP)
	{
		if (len < CDC_EV_HEADER_LEN + 8)
			return cdc_error(err, CDC_ERR_CORRUPT, "row event is too short");
		if (cdc_le16(data + CDC_EV_HEADER_LEN + 6) & CDC_ROWS_STMT_END)
			close_group(stream, CDC_ITEM_COMMIT, item);
	}
	return CDC_OK;
}

/* LOAD DATA in statement format. */
static CdcStatus
group_load(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item, CdcError *err)
{
	CdcQuery	query = {0};
	CdcStatus	st;

	if (stream->h.type == CDC_EV_EXECUTE_LOAD_QUERY)
	{
		st = cdc_query_parse(&query, &stream->format, data, len, NULL, err);
		if (cdc_failed(st))
			return st;
	}
	else
	{
		query.sql.data = "LOAD DATA";
		query.sql.len = strlen(query.sql.data);
	}
	st = count_dml(stream, &query, err);
	if (cdc_failed(st))
		return st;
	return group_statement(stream, false, item);
}

CdcStatus
cdc_stream_group_event(CdcStream *stream, const uint8_t *data, size_t len, CdcItem *item,
					   CdcError *err)
{
	switch (stream->h.type)
	{
		case CDC_EV_GTID:
		case CDC_EV_ANONYMOUS_GTID:
		case CDC_EV_GTID_TAGGED:
		case CDC_EV_MARIA_GTID:
			return group_gtid(stream, data, len, item, err);

		case CDC_EV_QUERY:
		case CDC_EV_MARIA_QUERY_COMPRESSED:
			return group_query(stream, data, len, item, err);

		case CDC_EV_XID:
			if (stream->state != CDC_GROUP_OPEN)
				return outside_error(stream, err);
			if (len < CDC_EV_HEADER_LEN + 8)
				return cdc_error(err, CDC_ERR_CORRUPT, "xid event is malformed");
			stream->txn.xid = cdc_le64(data + CDC_EV_HEADER_LEN);
			close_group(stream, CDC_ITEM_COMMIT, item);
			return CDC_OK;

		case CDC_EV_XA_PREPARE:
			return group_xa_prepare(stream, data, len, item, err);

		case CDC_EV_TABLE_MAP:
		case CDC_EV_WRITE_ROWS_V1:
		case CDC_EV_UPDATE_ROWS_V1:
		case CDC_EV_DELETE_ROWS_V1:
		case CDC_EV_WRITE_ROWS_V2:
		case CDC_EV_UPDATE_ROWS_V2:
		case CDC_EV_DELETE_ROWS_V2:
		case CDC_EV_PARTIAL_UPDATE_ROWS:
		case CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V1:
		case CDC_EV_MARIA_UPDATE_ROWS_COMPRESSED_V1:
		case CDC_EV_MARIA_DELETE_ROWS_COMPRESSED_V1:
		case CDC_EV_MARIA_WRITE_ROWS_COMPRESSED_V2:
		case CDC_EV_MARIA_UPDATE_ROWS_COMPRESSED_V2:
		case CDC_EV_MARIA_DELETE_ROWS_COMPRESSED_V2:
			return group_rows(stream, data, len, item, err);

		case CDC_EV_TRANSACTION_PAYLOAD:
			return group_payload(stream, data, len, item, err);

		case CDC_EV_LOAD:
		case CDC_EV_NEW_LOAD:
		case CDC_EV_EXEC_LOAD:
		case CDC_EV_EXECUTE_LOAD_QUERY:
			return group_load(stream, data, len, item, err);

			/* parts of statements; the statement itself is a Query event */
		case CDC_EV_INTVAR:
		case CDC_EV_RAND:
		case CDC_EV_USER_VAR:
		case CDC_EV_CREATE_FILE:
		case CDC_EV_APPEND_BLOCK:
		case CDC_EV_DELETE_FILE:
		case CDC_EV_BEGIN_LOAD_QUERY:
			return CDC_OK;

			/* the text of statements whose rows follow */
		case CDC_EV_ROWS_QUERY:
		case CDC_EV_MARIA_ANNOTATE_ROWS:
			if (stream->keep_queries && stream->state != CDC_GROUP_NONE)
				keep_event(stream, item);
			return CDC_OK;

			/* group replication's own, without rows */
		case CDC_EV_VIEW_CHANGE:
		case CDC_EV_TRANSACTION_CONTEXT:
		case CDC_EV_IGNORABLE:
			return CDC_OK;

		default:
			return unknown_event(stream, stream->h.type, stream->h.flags, err);
	}
}
