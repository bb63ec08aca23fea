/*-------------------------------------------------------------------------
 *
 * read_binlog_file.c
 *	  cdc.read_binlog_file(): a binlog file on the database server to rows, for
 *	  trouble-shooting, back-filling from archives, and tests.
 *
 * What pull does with a dump connection is done with a file: the same stream,
 * group buffer, decoder and writer of events.  Only where definitions of tables
 * come from is different, as no source is asked: from the table maps, where the
 * server wrote full row metadata, or from what a subscription has stored.
 *
 * Memory: a chunk of the file (or its largest event), one transaction up to
 * MEMORY_LIMIT (the rest in a temporary file), work_mem of result.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "binlog/file.h"
#include "binlog/format.h"
#include "binlog/map_schema.h"
#include "core/ddl.h"
#include "binlog/compress.h"
#include "pg/base/bounded_text.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/base/hash.h"
#include "pg/base/utf8.h"
#include "pg/base/result_set.h"
#include "pg/catalog/access.h"

#define CHUNK_BYTES			((size_t) 256 * 1024)
#define MEMORY_LIMIT		((size_t) 16 * 1024 * 1024)
#define KEPT_BEHIND			4	/* so that the splitter's offset is never 0 again */

/* Definitions made are forgotten between groups when they exceed this. */
#define DEFINITION_BYTES	((size_t) 8 * 1024 * 1024)
#define MAX_DEFINITIONS		1000

#define NCOLUMNS			7

/* The file, a piece at a time. */
typedef struct Piece
{
	FILE	   *file;
	const char *path;
	uint8	   *data;
	size_t		cap;
	size_t		len;
	size_t		at;				/* the next event, in data */
	uint64		base;			/* where data stands in the file */
	bool		at_end;			/* nothing behind data */
} Piece;

/* A transaction that XA PREPARE left waiting. */
typedef struct Waiting
{
	char	   *xa;
	CdcGroupBuffer *group;
	CdcFormat	format;
} Waiting;

typedef struct Definition
{
	uint64		serial;			/* hash key: of the table map */
	const CdcTable *table;
} Definition;

typedef struct BinlogRead
{
	CdcBinlogCall call;			/* what a group of events is decoded with */
	CdcSubscription sub;		/* where none is named */
	Piece		piece;
	MemoryContext context;
	MemoryContext row_context;
	Tuplestorestate *store;
	TupleDesc	desc;

	CdcStream  *stream;
	CdcDecoder *decoder;
	CdcGroupBuffer *group;
	List	   *waiting;
	uint64		unknown_xa;		/* XA COMMITs of what the file does not have */

	CdcSchema  *schema;			/* of the named subscription, or NULL */
	HTAB	   *definitions;
	CdcArena   *arena;			/* of those made from table maps */
	CdcCharsets charsets;
} BinlogRead;

/* ---- the file ---- */

static void
open_file(Piece *piece, const char *path)
{
	struct stat st;

	piece->path = path;
	/* before it is opened: that of a pipe would wait for who writes into it */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a regular file", path)));
	piece->file = AllocateFile(path, "rb");
	if (piece->file == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\" for reading: %m", path)));
	piece->cap = CHUNK_BYTES;
	piece->data = palloc(piece->cap);
}

/*
 * Reads more of the file, in place of what is before the next event; there is more
 * room for an event that is larger.
 */
static void
read_on(Piece *piece)
{
	size_t		n;

	if (piece->at > KEPT_BEHIND)
	{
		size_t		drop = piece->at - KEPT_BEHIND;

		memmove(piece->data, piece->data + drop, piece->len - drop);
		piece->len -= drop;
		piece->base += drop;
		piece->at = KEPT_BEHIND;
	}
	if (piece->len == piece->cap)
	{
		piece->cap *= 2;
		piece->data = repalloc_huge(piece->data, piece->cap);
	}
	n = fread(piece->data + piece->len, 1, piece->cap - piece->len, piece->file);
	if (ferror(piece->file))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", piece->path)));
	piece->len += n;
	piece->at_end = n == 0;
}

/*
 * The last event is longer than the file.  It was cut off if its header is
 * right in itself: it also has its end as an offset (0 inside of groups from
 * MariaDB 11.7 on).
 */
static void
check_cut_off(const Piece *piece)
{
	CdcEventHeader h;
	CdcError	err;
	uint64		offset = piece->base + piece->at;

	if (piece->len - piece->at < CDC_EV_HEADER_LEN)
		return;
	cdc_event_header(piece->data + piece->at, &h);
	if (h.log_pos == 0 || h.log_pos == (uint32) (offset + h.size))
		return;
	cdc_error(&err, CDC_ERR_CORRUPT, "binlog event has the impossible size %u", h.size);
	cdc_error_at(&err, piece->path, offset);
	cdc_ereport(&err, NULL);
}

/* CDC_OK, CDC_END, or CDC_MORE where the file ends inside of an event. */
static CdcStatus
next_event(Piece *piece, const uint8_t **event, size_t *len)
{
	CdcError	err;
	CdcStatus	st;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		st = cdc_binlog_file_next(piece->data, piece->len, &piece->at, event, len, &err);
		if (cdc_failed(st))
		{
			strlcpy(err.file, piece->path, sizeof(err.file));
			err.offset = piece->base + piece->at;
			cdc_ereport(&err, NULL);
		}
		if (st == CDC_OK || piece->at_end)
			return st;
		read_on(piece);
	}
}

/* ---- definitions of tables ---- */

static void
start_definitions(BinlogRead *read)
{
	read->definitions = cdc_hash_of_bytes("cdc_ingest table maps", 64, sizeof(uint64),
										  sizeof(Definition), read->context);
}

/* Between groups the decoder has no use for the definitions of the last one. */
static void
trim_definitions(BinlogRead *read)
{
	if (cdc_arena_used(read->arena) < DEFINITION_BYTES &&
		hash_get_num_entries(read->definitions) < MAX_DEFINITIONS)
		return;
	hash_destroy(read->definitions);
	start_definitions(read);
	cdc_arena_reset(read->arena);
	if (read->schema != NULL)
		cdc_schema_invalidate(read->schema);
}

static CdcStatus
lookup_table(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	BinlogRead *read = arg;
	CdcFlavor	flavor = cdc_stream_format(read->stream)->flavor;
	bool		found;
	uint64		serial = map->serial;
	Definition *definition = hash_search(read->definitions, &serial, HASH_ENTER, &found);
	CdcStatus	st = CDC_OK;

	if (!found)
	{
		definition->table = NULL;
		if (read->schema != NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(read->row_context);

			definition->table = cdc_schema_stored_fit(read->schema, flavor, map);
			MemoryContextSwitchTo(old);
			MemoryContextReset(read->row_context);
		}
		if (definition->table == NULL)
			st = cdc_map_schema_placeholders(map, flavor, &read->charsets, read->arena,
											 &definition->table, err);
		if (st != CDC_OK)
			(void) hash_search(read->definitions, &serial, HASH_REMOVE, NULL);
	}
	*table = st == CDC_OK ? definition->table : NULL;
	return st;
}

/* ---- rows ---- */

/* A row of the result. */
static void
store_row(CdcEventOutput *out, const CdcHistoryRow *row)
{
	BinlogRead *read = out->arg;
	MemoryContext old = MemoryContextSwitchTo(read->row_context);
	Datum		values[NCOLUMNS] = {0};
	bool		nulls[NCOLUMNS] = {false};

	nulls[0] = row->position == NULL;
	nulls[1] = row->gtid == NULL;
	nulls[2] = row->source_ts == 0;
	nulls[3] = row->source_table == NULL;
	nulls[5] = row->event == NULL;
	nulls[6] = row->raw == NULL;
	if (!nulls[0])
		values[0] = CStringGetTextDatum(row->position);
	if (!nulls[1])
		values[1] = CStringGetTextDatum(row->gtid);
	values[2] = TimestampTzGetDatum(row->source_ts);
	if (!nulls[3])
		values[3] = CStringGetTextDatum(row->source_table);
	values[4] = CharGetDatum(row->op);
	if (!nulls[5])
		values[5] = PointerGetDatum(row->event);
	if (!nulls[6])
		values[6] = PointerGetDatum(cstring_to_text_with_len(row->raw, row->raw_len));
	tuplestore_putvalues(read->store, read->desc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(read->row_context);
}

/* An event for each table that the statement names, or one for its database. */
static void
write_ddl_events(CdcEventWriter *writer, CdcBinlogCall *call, const CdcChange *change)
{
	CdcDdl	   *ddl = palloc(sizeof(CdcDdl));
	int			i;

	cdc_ddl_parse(change->sql, change->database, change->sql_mode, ddl);
	for (i = 0; i < ddl->ntables && ddl->kind != CDC_DDL_OTHER && !ddl->temporary; i++)
	{
		const CdcDdlTable *t = &ddl->tables[i];
		char		full_name[CDC_BINLOG_TABLE_NAME];
		CdcTable	named = {0};
		CdcChange	copy = *change;

		named.database = t->database;
		named.name = t->table;
		snprintf(full_name, sizeof(full_name), t->table[0] != '\0' ? "%s.%s" : "%s",
				 t->database, t->table);
		named.full_name = full_name;
		copy.table = &named;
		copy.op = ddl->kind == CDC_DDL_TABLE_TRUNCATE ? CDC_OP_TRUNCATE : CDC_OP_SCHEMA;
		cdc_event_writer_change(writer, &copy);
	}
	pfree(ddl);
}

/* ---- groups ---- */

static CdcGroupBuffer *
new_group(BinlogRead *read)
{
	return cdc_group_buffer_create(read->context, MEMORY_LIMIT);
}

static void
write_group(BinlogRead *read, CdcGroupBuffer *group, const CdcFormat *format,
			const CdcTransaction *txn)
{
	trim_definitions(read);
	cdc_binlog_group(&read->call, read->decoder, group, format, txn, NULL);
}

static Waiting *
find_waiting(BinlogRead *read, const char *xa)
{
	ListCell   *lc;

	foreach(lc, read->waiting)
	{
		Waiting    *waiting = lfirst(lc);

		if (strcmp(waiting->xa, xa) == 0)
			return waiting;
	}
	return NULL;
}

static void
forget_waiting(BinlogRead *read, Waiting *waiting)
{
	read->waiting = list_delete_ptr(read->waiting, waiting);
	cdc_group_buffer_destroy(waiting->group);
	pfree(waiting->xa);
	pfree(waiting);
}

/* The open group waits under its id; it needs no memory while it does. */
static void
prepare_group(BinlogRead *read, const CdcItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(read->context);
	Waiting    *waiting = find_waiting(read, item->xa);

	if (waiting != NULL)
		forget_waiting(read, waiting);
	waiting = palloc(sizeof(Waiting));
	waiting->xa = pstrdup(item->xa);
	waiting->format = *cdc_stream_format(read->stream);
	waiting->group = read->group;
	read->waiting = lappend(read->waiting, waiting);
	read->group = NULL;
	cdc_group_buffer_spill(waiting->group);
	read->group = new_group(read);
	MemoryContextSwitchTo(old);
}

static void
finish_prepared(BinlogRead *read, const CdcItem *item)
{
	Waiting    *waiting = find_waiting(read, item->xa);

	if (waiting == NULL)
		read->unknown_xa += item->kind == CDC_ITEM_XA_COMMIT ? 1 : 0;
	else
	{
		if (item->kind == CDC_ITEM_XA_COMMIT)
			write_group(read, waiting->group, &waiting->format, &item->txn);
		forget_waiting(read, waiting);
	}
}

static void
take_event(BinlogRead *read, const uint8_t *event, size_t len)
{
	CdcItem		item;
	CdcError	err;

	CDC_CHECK(cdc_stream_feed(read->stream, event, len, &item, &err), &err, NULL);
	if (item.kind == CDC_ITEM_BEGIN)
		cdc_group_buffer_reset(read->group);
	if (item.keep)
		cdc_group_buffer_append(read->group, item.event, item.event_len);
	switch (item.kind)
	{
		case CDC_ITEM_COMMIT:
			write_group(read, read->group, cdc_stream_format(read->stream), &item.txn);
			cdc_group_buffer_reset(read->group);
			break;
		case CDC_ITEM_ROLLBACK:
			cdc_group_buffer_reset(read->group);
			break;
		case CDC_ITEM_UNDO:
			cdc_group_buffer_truncate(read->group, item.undo.events, item.undo.bytes);
			break;
		case CDC_ITEM_XA_PREPARE:
			prepare_group(read, &item);
			break;
		case CDC_ITEM_XA_COMMIT:
		case CDC_ITEM_XA_ROLLBACK:
			finish_prepared(read, &item);
			break;
		default:
			break;
	}
}

/* Warns of what the rows do not show. */
static void
warn_of_rest(const BinlogRead *read, CdcStatus end)
{
	const Piece *piece = &read->piece;
	CdcString	sql;
	uint64		skipped;
	uint8_t		type;

	if (end == CDC_MORE)
	{
		check_cut_off(piece);
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("binlog file \"%s\" ends in the middle of the event at offset " UINT64_FORMAT,
						piece->path, piece->base + piece->at)));
	}
	if (cdc_stream_in_group(read->stream))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("binlog file \"%s\" ends in the middle of a transaction", piece->path),
				 errdetail("The events of the unfinished transaction before offset " UINT64_FORMAT " are left out.",
						   piece->base + piece->at)));
	if (read->waiting != NIL)
		ereport(NOTICE,
				(errmsg_plural("%d prepared transaction is neither committed nor rolled back in binlog file \"%s\"",
							   "%d prepared transactions are neither committed nor rolled back in binlog file \"%s\"",
							   (unsigned long) list_length(read->waiting), list_length(read->waiting), piece->path)));
	if (read->unknown_xa > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg_plural("binlog file \"%s\" commits " UINT64_FORMAT " transaction that was prepared in an earlier file",
							   "binlog file \"%s\" commits " UINT64_FORMAT " transactions that were prepared in an earlier file",
							   (unsigned long) read->unknown_xa, piece->path, read->unknown_xa)));
	if (cdc_stream_statement_dml(read->stream, &sql) > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("binlog file \"%s\" has row changes as statements, which cannot be followed", piece->path),
				 errdetail("The last one is: %s",
						   cdc_bounded_text(cdc_from_utf8_lenient(sql.data), 200))));
	skipped = cdc_stream_skipped(read->stream, &type);
	if (skipped > 0)
		ereport(NOTICE,
				(errmsg_plural("skipped " UINT64_FORMAT " event of an unknown type in binlog file \"%s\"",
							   "skipped " UINT64_FORMAT " events of unknown types in binlog file \"%s\"",
							   (unsigned long) skipped, skipped, piece->path),
				 errdetail("Their writer marked them as such that may be ignored; the last one is of type %u.",
						   type)));
}

static void
read_file(BinlogRead *read)
{
	const uint8_t *event;
	size_t		len;
	CdcStatus	st;

	while ((st = next_event(&read->piece, &event, &len)) == CDC_OK)
		take_event(read, event, len);
	warn_of_rest(read, st);
}

/* Frees what a memory context does not. */
static void
clean_up(BinlogRead *read)
{
	ListCell   *lc;

	foreach(lc, read->waiting)
		cdc_group_buffer_destroy(((Waiting *) lfirst(lc))->group);
	cdc_group_buffer_destroy(read->group);
	cdc_decoder_destroy(read->decoder);
	cdc_stream_destroy(read->stream);
	cdc_arena_destroy(read->arena);
	cdc_charsets_free(&read->charsets);
}

/* ---- the function ---- */

static void
check_rights(void)
{
	if (!CDC_MAY_READ_FILES(GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read files of the database server"),
				 errhint("GRANT pg_read_server_files TO %s;",
						 quote_identifier(CDC_USER_NAME(GetUserId())))));
}

/* name: the file's, as positions are to show it. */
static void
begin_read(BinlogRead *read, const char *path, const char *subscription)
{
	const char *slash = strrchr(path, '/');

	read->sub.opt.event = cdc_event_defaults;
	read->call.sub = &read->sub;
	if (subscription != NULL)
	{
		read->call.sub = cdc_subscription_get(subscription);
		cdc_subscription_check_owner(read->call.sub);
		read->schema = cdc_schema_create(read->context, read->call.sub);
	}
	read->call.out.sub = read->call.sub;
	read->call.out.last_seq = &read->call.pos.last_seq;
	read->call.out.append = store_row;
	read->call.out.arg = read;
	read->call.ddl = write_ddl_events;
	read->row_context = AllocSetContextCreate(read->context, "cdc_ingest row",
											  ALLOCSET_DEFAULT_SIZES);
	open_file(&read->piece, path);
	start_definitions(read);
	read->group = new_group(read);
	/* the format description tells the flavour */
	read->stream = cdc_stream_create(CDC_MYSQL, slash != NULL ? slash + 1 : path, KEPT_BEHIND);
	read->decoder = cdc_decoder_create(CDC_MYSQL, lookup_table, read);
	read->arena = cdc_arena_create(0);
	if (read->stream == NULL || read->decoder == NULL || read->arena == NULL)
		cdc_out_of_memory();
	cdc_stream_accept_xa(read->stream);
	cdc_stream_keep_queries(read->stream, read->call.sub->opt.event.row_query);
	cdc_set_max_event_size((size_t) read->call.sub->opt.max_event_size);
}

PG_FUNCTION_INFO_V1(cdc_read_binlog_file);

/*
 * cdc.read_binlog_file(path text, subscription text) returns setof record
 */
Datum
cdc_read_binlog_file(PG_FUNCTION_ARGS)
{
	BinlogRead *read = palloc0(sizeof(BinlogRead));
	MemoryContext old;
	char	   *path;
	char	   *subscription;
	CdcSourceTexts texts;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("path must not be null")));
	check_rights();
	path = text_to_cstring(PG_GETARG_TEXT_PP(0));
	canonicalize_path(path);
	subscription = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	read->store = cdc_result_set_begin(fcinfo, &read->desc);
	read->context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest binlog file",
										  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(read->context);
	cdc_source_texts_begin(&texts);
	PG_TRY();
	{
		begin_read(read, path, subscription);
		read_file(read);
	}
	PG_CATCH();
	{
		clean_up(read);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_source_texts_end(&texts);
	clean_up(read);
	FreeFile(read->piece.file);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(read->context);
	return (Datum) 0;
}
