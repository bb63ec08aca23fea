/*-------------------------------------------------------------------------
 *
 * decoder.c
 *	  Second stage: from the events of a committed group to its changes.
 *
 * Each statement sends its table maps again.  A table map is parsed only once:
 * a later one with the same table id and the same bytes finds the parsed one.
 * The decode functions of its columns are chosen once a group, because the
 * definition of the table may have changed by the next group.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/decoder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "binlog/column_plan.h"
#include "binlog/compress.h"
#include "binlog/query.h"
#include "binlog/rows.h"
#include "binlog/table_map.h"

/* Limit in bytes of what one row's values may take beside the event itself. */
#define ROW_MEMORY_LIMIT	((size_t) 1 << 30)

#define NBUCKETS			256 /* power of two */
#define MAX_KNOWN_TABLES	1024	/* above it, all are forgotten between statements */

/* Row events that only mark a statement's end have this table id. */
#define DUMMY_TABLE_ID		UINT64_C(0xffffffffffff)

typedef struct KnownTable
{
	struct KnownTable *next;	/* in the bucket */
	CdcArena   *arena;			/* for all of the following */
	uint8_t    *body;			/* the table map event behind its header */
	size_t		body_len;
	CdcTableMap map;
	uint64_t	group;			/* the group in which it was last announced */
	const CdcTable *table;		/* as of that group; NULL = not wanted */
	const CdcTable *planned;	/* the definition that the plans were made for, in plan_group */
	uint64_t	plan_group;
	CdcRowLayout layout;
	CdcColumnPlan *plans;
	CdcValue   *before;
	CdcValue   *after;
} KnownTable;

/* Shared by all decoders, because somebody who remembers a map by its serial may outlive one. */
static _Atomic uint64_t last_serial;

struct CdcDecoder
{
	CdcTableLookup lookup;
	void	   *lookup_arg;
	CdcFormat	format;
	const CdcTransaction *txn;
	uint64_t	group;			/* counts calls of begin */
	uint64_t	offset;			/* end of the event that was fed last, in 64 bits */

	KnownTable *buckets[NBUCKETS];
	int			ntables;
	CdcCharsets charsets;

	/* the event being decoded */
	uint64_t	event_start;	/* its offset, for messages */
	uint32_t	timestamp;
	bool		statement_ended;	/* the last row event ended its statement */
	bool		in_rows;		/* the event has rows that were not returned yet */
	KnownTable *current;
	CdcRowsEvent rows;
	CdcRowReader reader;
	const CdcTable *misread;	/* see cdc_decoder_misread() */
	bool		have_ddl;
	CdcChange	ddl;

	/* the text of the statement whose rows are being decoded, if it was fed */
	CdcBuf		query;
	bool		has_query;
	bool		query_fresh;	/* no row event of the statement was fed yet */

	/* memory */
	CdcArena   *row_arena;		/* holds the change that was returned last */
	CdcBuf		scratch;		/* uncompressed rows or statements */
	CdcPayload *payload;
	bool		in_payload;
};

CdcDecoder *
cdc_decoder_create(CdcFlavor flavor, CdcTableLookup lookup, void *arg)
{
	CdcDecoder *decoder = calloc(1, sizeof(CdcDecoder));

	if (decoder == NULL)
		return NULL;
	decoder->lookup = lookup;
	decoder->lookup_arg = arg;
	decoder->format.flavor = flavor;
	decoder->row_arena = cdc_arena_create(ROW_MEMORY_LIMIT);
	if (decoder->row_arena == NULL)
	{
		free(decoder);
		return NULL;
	}
	return decoder;
}

static void
forget_tables(CdcDecoder *decoder)
{
	for (int i = 0; i < NBUCKETS; i++)
	{
		while (decoder->buckets[i] != NULL)
		{
			KnownTable *known = decoder->buckets[i];

			decoder->buckets[i] = known->next;
			cdc_arena_destroy(known->arena);
			free(known);
		}
	}
	decoder->ntables = 0;
	decoder->current = NULL;
}

void
cdc_decoder_destroy(CdcDecoder *decoder)
{
	if (decoder == NULL)
		return;
	forget_tables(decoder);
	cdc_charsets_free(&decoder->charsets);
	cdc_arena_destroy(decoder->row_arena);
	cdc_buf_free(&decoder->scratch);
	cdc_buf_free(&decoder->query);
	cdc_payload_destroy(decoder->payload);
	free(decoder);
}

void
cdc_decoder_begin(CdcDecoder *decoder, const struct CdcFormat *format,
				  const CdcTransaction *txn)
{
	decoder->format = *format;
	decoder->txn = txn;
	decoder->group++;
	decoder->offset = txn->start_offset;
	decoder->in_rows = decoder->in_payload = decoder->have_ddl = false;
	decoder->has_query = decoder->query_fresh = false;
	decoder->current = NULL;
	if (decoder->ntables > MAX_KNOWN_TABLES)
		forget_tables(decoder);
}

static CdcStatus
no_memory(CdcError *err)
{
	return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
}

static KnownTable **
find_slot(CdcDecoder *decoder, uint64_t table_id)
{
	KnownTable **slot = &decoder->buckets[table_id & (NBUCKETS - 1)];

	while (*slot != NULL && (*slot)->map.table_id != table_id)
		slot = &(*slot)->next;
	return slot;
}

/* Parses a table map that is not known yet, and links it in at slot. */
static CdcStatus
learn_table(CdcDecoder *decoder, KnownTable **slot, const uint8_t *event, size_t len,
			CdcError *err)
{
	KnownTable *known = calloc(1, sizeof(KnownTable));
	CdcStatus	st;
	size_t		n;

	if (known == NULL || (known->arena = cdc_arena_create(0)) == NULL)
	{
		free(known);
		return no_memory(err);
	}
	st = cdc_table_map_parse(&known->map, &decoder->format, event, len, known->arena, err);
	if (st == CDC_OK)
	{
		n = (size_t) known->map.ncolumns;
		known->body_len = len - CDC_EV_HEADER_LEN;
		known->body = cdc_arena_alloc(known->arena, known->body_len);
		known->plans = cdc_arena_zalloc(known->arena, n * sizeof(CdcColumnPlan));
		known->before = cdc_arena_zalloc(known->arena, n * sizeof(CdcValue));
		known->after = cdc_arena_zalloc(known->arena, n * sizeof(CdcValue));
		if (known->body == NULL || known->plans == NULL || known->before == NULL ||
			known->after == NULL)
			st = no_memory(err);
	}
	if (st != CDC_OK)
	{
		cdc_arena_destroy(known->arena);
		free(known);
		return st;
	}
	memcpy(known->body, event + CDC_EV_HEADER_LEN, known->body_len);
	known->map.serial = atomic_fetch_add(&last_serial, 1) + 1;
	known->next = *slot;
	*slot = known;
	decoder->ntables++;
	return CDC_OK;
}

static CdcStatus
feed_table_map(CdcDecoder *decoder, const uint8_t *event, size_t len, CdcError *err)
{
	CdcReader	r;
	uint64_t	table_id;
	KnownTable **slot;
	KnownTable *known;
	CdcStatus	st;

	cdc_reader_init(&r, event + CDC_EV_HEADER_LEN, len - CDC_EV_HEADER_LEN);
	table_id = cdc_read_table_id(&r, &decoder->format, CDC_EV_TABLE_MAP);
	if (r.failed)
		return cdc_error(err, CDC_ERR_CORRUPT, "table map event is malformed");
	slot = find_slot(decoder, table_id);
	known = *slot;
	if (known != NULL && (known->body_len != len - CDC_EV_HEADER_LEN ||
						  memcmp(known->body, event + CDC_EV_HEADER_LEN, known->body_len) != 0))
	{
		/* the id now means another table (the server was restarted), or the table changed */
		*slot = known->next;
		cdc_arena_destroy(known->arena);
		free(known);
		decoder->ntables--;
		known = NULL;
		slot = find_slot(decoder, table_id);
	}
	if (known == NULL)
	{
		st = learn_table(decoder, slot, event, len, err);
		if (st != CDC_OK)
			return st;
		known = *slot;
	}

	known->group = 0;			/* it stays unusable if one of the following calls fails */
	known->table = NULL;
	st = decoder->lookup(decoder->lookup_arg, &known->map, &known->table, err);
	if (cdc_failed(st))
	{
		cdc_error_column(err, known->map.database, known->map.table, "");
		return st;
	}
	if (known->table != NULL &&
		(known->planned != known->table || known->plan_group != decoder->group))
	{
		CdcTableMap visible = known->map;
		int			hidden = known->map.ncolumns - known->table->ncolumns;

		if (hidden > 0 && hidden <= cdc_table_map_hidden(&known->map, decoder->format.flavor))
			visible.ncolumns = known->table->ncolumns;
		known->planned = NULL;
		st = cdc_column_plans_make(known->plans, &visible, known->table,
								   &decoder->format, &decoder->charsets, err);
		if (st != CDC_OK)
			return st;
		known->planned = known->table;
		known->plan_group = decoder->group;
		known->layout.table = known->table;
		known->layout.plans = known->plans;
		known->layout.ncolumns = visible.ncolumns;
		known->layout.width = known->map.ncolumns;
	}
	known->group = decoder->group;
	return CDC_OK;
}

/* Uncompresses MariaDB's compressed rows; what stands before the rows is never compressed. */
static CdcStatus
uncompress_rows(CdcDecoder *decoder, CdcError *err)
{
	CdcStatus	st;

	cdc_buf_reset(&decoder->scratch);
	st = cdc_maria_uncompress(decoder->rows.rows, decoder->rows.rows_len,
							  &decoder->scratch, err);
	if (st != CDC_OK)
		return st;
	decoder->rows.rows = (const uint8_t *) decoder->scratch.data;
	decoder->rows.rows_len = decoder->scratch.len;
	return CDC_OK;
}

static CdcStatus
feed_rows(CdcDecoder *decoder, const uint8_t *event, size_t len, CdcError *err)
{
	CdcRowsEvent *rows = &decoder->rows;
	KnownTable *known;
	CdcStatus	st;

	st = cdc_rows_event_id(rows, &decoder->format, event, len, err);
	if (st != CDC_OK)
		return st;
	decoder->statement_ended = (rows->flags & CDC_ROWS_STMT_END) != 0;
	known = *find_slot(decoder, rows->table_id);
	if (known == NULL || known->group != decoder->group)
	{
		if (rows->table_id == DUMMY_TABLE_ID)
			return CDC_OK;
		cdc_error(err, CDC_ERR_CORRUPT, "row event without the table map of table id %llu",
				  (unsigned long long) rows->table_id);
		return CDC_ERR_CORRUPT;
	}
	if (known->table == NULL)
		return CDC_OK;			/* not wanted */

	st = cdc_rows_event_parse(rows, &decoder->format, event, len, err);
	if (st == CDC_OK && rows->width != (uint64_t) known->map.ncolumns)
		st = cdc_error(err, CDC_ERR_CORRUPT,
					   "row event has %llu columns, its table map %d",
					   (unsigned long long) rows->width, known->map.ncolumns);
	if (st == CDC_OK && rows->compressed)
		st = uncompress_rows(decoder, err);
	if (st != CDC_OK)
	{
		cdc_error_column(err, known->map.database, known->map.table, "");
		return st;
	}
	decoder->current = known;
	decoder->reader.p = rows->rows;
	decoder->reader.end = rows->rows + rows->rows_len;
	decoder->reader.arena = decoder->row_arena;
	decoder->reader.cut = false;

	/*
	 * An event without bytes here has no rows.  The exception is a row whose
	 * image has no columns and therefore no bytes: MySQL writes it with MINIMAL
	 * and NOBLOB images for an INSERT that left all columns to their defaults.
	 */
	decoder->in_rows = rows->rows_len > 0 ||
		(rows->op == CDC_OP_INSERT && rows->npresent == 0);
	return CDC_OK;
}

/* Whether the server has written the statement itself: MySQL does so in UTF-8, whatever its client speaks. */
static bool
is_in_utf8(const CdcDecoder *decoder, const CdcQuery *query)
{
	static const char mark[] = "/* generated by server */";
	size_t		len = sizeof(mark) - 1;

	return decoder->format.flavor == CDC_MYSQL && query->sql.len >= len &&
		memcmp(query->sql.data + query->sql.len - len, mark, len) == 0;
}

static CdcStatus
feed_query(CdcDecoder *decoder, const uint8_t *event, size_t len, CdcError *err)
{
	CdcEventHeader h;
	CdcQuery	query;
	CdcStatementKind kind;
	CdcStatus	st;

	st = cdc_query_parse(&query, &decoder->format, event, len, &decoder->scratch, err);
	if (st != CDC_OK)
		return st;
	kind = cdc_statement_kind(&query, NULL);
	if (kind != CDC_STMT_OTHER && kind != CDC_STMT_TRUNCATE)
		return CDC_OK;
	memset(&decoder->ddl, 0, sizeof(decoder->ddl));
	cdc_event_header(event, &h);
	decoder->ddl.session_only = (h.flags & CDC_EVF_THREAD_SPECIFIC) != 0;
	decoder->ddl.op = kind == CDC_STMT_TRUNCATE ? CDC_OP_TRUNCATE : CDC_OP_SCHEMA;
	decoder->ddl.database = query.database;
	decoder->ddl.sql_mode = query.sql_mode;
	decoder->ddl.session.server_collation = query.server_collation;
	decoder->ddl.session.utf8mb4_collation = query.utf8mb4_collation;
	decoder->ddl.session.explicit_timestamp = query.explicit_timestamp;
	decoder->ddl.session.charset_collations = query.charset_collations;
	decoder->have_ddl = true;
	return cdc_charset_statement(&decoder->charsets, is_in_utf8(decoder, &query) ? 0 : query.client_collation,
								 query.sql, decoder->row_arena, &decoder->ddl.sql, err);
}

static CdcStatus
feed_payload(CdcDecoder *decoder, const uint8_t *event, size_t len, CdcError *err)
{
	CdcStatus	st;

	if (decoder->payload == NULL)
		decoder->payload = cdc_payload_create();
	if (decoder->payload == NULL)
		return no_memory(err);
	st = cdc_payload_open(decoder->payload, event, len, err);
	decoder->in_payload = st == CDC_OK;
	return st;
}

/*
 * Keeps the text of the statement whose rows follow, until the table maps of the next
 * statement.  Rows_query has a byte in front of the text that once was its length;
 * MariaDB's Annotate_rows has the text alone.
 */
static CdcStatus
feed_row_query(CdcDecoder *decoder, const uint8_t *event, size_t len, CdcError *err)
{
	size_t		skip = CDC_EV_HEADER_LEN + (event[4] == CDC_EV_ROWS_QUERY ? 1 : 0);
	CdcString	text;
	CdcStatus	st;

	if (len < skip)
		return cdc_error(err, CDC_ERR_CORRUPT, "%s event is malformed", cdc_event_type_name(event[4]));
	text = (CdcString) {(const char *) event + skip, len - skip};
	st = cdc_charset_statement(&decoder->charsets, 0, text, decoder->row_arena, &text, err);
	if (st != CDC_OK)
		return st;
	cdc_buf_reset(&decoder->query);
	if (!cdc_buf_append(&decoder->query, text.data, text.len) ||
		!cdc_buf_append(&decoder->query, "", 1))
		return no_memory(err);
	decoder->has_query = decoder->query_fresh = true;
	return CDC_OK;
}

/* Feeds an event of the group, or one from inside of its compressed payload. */
static CdcStatus
feed_event(CdcDecoder *decoder, const uint8_t *event, size_t len, CdcError *err)
{
	CdcEventHeader h;

	cdc_event_header(event, &h);
	decoder->timestamp = h.timestamp;
	if (h.type == CDC_EV_TABLE_MAP)
	{
		/* each statement sends its table maps again */
		if (decoder->statement_ended && decoder->ntables > MAX_KNOWN_TABLES)
			forget_tables(decoder);
		if (decoder->statement_ended && !decoder->query_fresh)
			decoder->has_query = false;
		decoder->statement_ended = false;
		return feed_table_map(decoder, event, len, err);
	}
	if (cdc_is_rows_event(h.type))
	{
		decoder->query_fresh = false;
		return feed_rows(decoder, event, len, err);
	}
	if (h.type == CDC_EV_ROWS_QUERY || h.type == CDC_EV_MARIA_ANNOTATE_ROWS)
		return feed_row_query(decoder, event, len, err);
	if (h.type == CDC_EV_QUERY || h.type == CDC_EV_MARIA_QUERY_COMPRESSED)
		return feed_query(decoder, event, len, err);
	return CDC_OK;
}

/* Puts the event's place into the error and drops what is left of the event; returns st. */
static CdcStatus
fail(CdcDecoder *decoder, CdcStatus st, CdcError *err)
{
	decoder->in_rows = decoder->in_payload = decoder->have_ddl = false;
	cdc_error_at(err, decoder->txn->file, decoder->event_start);
	return st;
}

CdcStatus
cdc_decoder_feed(CdcDecoder *decoder, const uint8_t *event, size_t len, CdcError *err)
{
	CdcEventHeader h;
	CdcStatus	st;

	decoder->in_rows = decoder->in_payload = decoder->have_ddl = false;
	decoder->misread = NULL;
	cdc_arena_reset(decoder->row_arena);
	if (len < CDC_EV_HEADER_LEN)
		return fail(decoder, cdc_error(err, CDC_ERR_CORRUPT,
									   "binlog event is too short (%zu bytes)", len), err);
	cdc_event_header(event, &h);

	/*
	 * The header has only the low 32 bits of the event's end; the rest follows
	 * from the fact that a group only goes forward.  From MariaDB 11.7 on the
	 * header has 0, and the place of the whole group has to be used instead.
	 */
	if (h.log_pos != 0)
	{
		decoder->offset += (uint32_t) (h.log_pos - (uint32_t) decoder->offset);
		decoder->event_start = decoder->offset - h.size;
	}
	if (h.log_pos == 0 || decoder->offset > decoder->txn->end_offset)
	{
		/* this is so as well for the rows of an XA transaction, which stand far before */
		decoder->offset = decoder->txn->end_offset;
		decoder->event_start = decoder->txn->start_offset;
	}
	if (h.type == CDC_EV_TRANSACTION_PAYLOAD)
		st = feed_payload(decoder, event, len, err);
	else
		st = feed_event(decoder, event, len, err);
	return st == CDC_OK ? CDC_OK : fail(decoder, st, err);
}

/*
 * Whether an error is that of a value which its column cannot have.  The row's bytes are all there:
 * lengths come from the table map, so that another definition does not make them others.
 */
static bool
is_misread(const CdcRowReader *r, CdcStatus st, const CdcError *err)
{
	return !r->cut && err->column[0] != '\0' &&
		(st == CDC_ERR_CORRUPT || st == CDC_ERR_SCHEMA || st == CDC_ERR_UNSUPPORTED);
}

const CdcTable *
cdc_decoder_misread(const CdcDecoder *decoder)
{
	return decoder->misread;
}

static CdcStatus
next_row(CdcDecoder *decoder, CdcChange *change, CdcError *err)
{
	KnownTable *known = decoder->current;
	const CdcRowsEvent *rows = &decoder->rows;
	CdcRowReader *r = &decoder->reader;
	const uint8_t *start = r->p;
	const CdcValue *before = NULL;
	CdcStatus	st;

	cdc_arena_reset(decoder->row_arena);
	r->err = err;
	memset(change, 0, sizeof(*change));
	change->op = rows->op;
	change->table = known->table;
	change->ts = decoder->timestamp;
	change->offset = decoder->offset;
	if (decoder->has_query)
		change->query = (CdcString) {decoder->query.data, decoder->query.len - 1};
	if (rows->op != CDC_OP_INSERT)
	{
		st = cdc_decode_image(&known->layout, rows, false, NULL, r, known->before);
		if (st != CDC_OK)
			goto failed;
		change->before = before = known->before;
	}
	if (rows->op != CDC_OP_DELETE)
	{
		st = cdc_decode_image(&known->layout, rows, true, before, r, known->after);
		if (st != CDC_OK)
			goto failed;
		change->after = known->after;
		change->partial = rows->npresent_after < known->layout.width;
	}
	if (r->p == start && r->p < r->end) /* rows that take no bytes would never end */
	{
		st = cdc_error(err, CDC_ERR_CORRUPT, "row event has rows without columns");
		goto failed;
	}
	decoder->in_rows = r->p < r->end;
	return CDC_OK;

failed:
	cdc_error_column(err, known->map.database, known->map.table, "");
	if (!is_misread(r, st, err))
		return fail(decoder, st, err);
	decoder->misread = known->table;
	decoder->in_rows = false;
	cdc_error_at(err, decoder->txn->file, decoder->event_start);
	return st;
}

CdcStatus
cdc_decoder_next(CdcDecoder *decoder, CdcChange *change, CdcError *err)
{
	decoder->misread = NULL;
	for (;;)
	{
		const uint8_t *event;
		size_t		len;
		CdcStatus	st;

		if (decoder->in_rows)
			return next_row(decoder, change, err);
		if (decoder->have_ddl)
		{
			decoder->have_ddl = false;
			*change = decoder->ddl;
			change->ts = decoder->timestamp;
			change->offset = decoder->offset;
			return CDC_OK;
		}
		if (!decoder->in_payload)
			return CDC_MORE;

		st = cdc_payload_next(decoder->payload, &event, err);
		if (st == CDC_END)
		{
			decoder->in_payload = false;
			return CDC_MORE;
		}
		if (st == CDC_OK)
			st = cdc_payload_body(decoder->payload, &event, &len, err);
		if (st == CDC_OK)
		{
			cdc_arena_reset(decoder->row_arena);
			st = feed_event(decoder, event, len, err);
		}
		if (st != CDC_OK)
			return fail(decoder, st, err);
	}
}
