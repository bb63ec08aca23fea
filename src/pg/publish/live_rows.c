/*-------------------------------------------------------------------------
 *
 * live_rows.c
 *	  The rows of a table that its consumers have as of an event: what an event about all
 *	  of them concerns, while messages tell of rows by their keys only.
 *
 * The history of the table is read from its beginning, as it was published: each change is
 * noted in a temporary file by the key that its row was published under.  Then the file is
 * read in as many rounds as it takes for the keys of one to fit in memory, and of each key
 * the last change counts.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "envelope/doc_tree.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/base/hash.h"
#include "pg/base/spill_file.h"
#include "pg/base/utf8.h"
#include "pg/history/copied_rows.h"
#include "pg/history/hole.h"
#include "pg/history/scan.h"
#include "pg/schema/versions.h"

/* Of the keys of a round; a power of two. */
#define MAX_BUCKETS	(1U << 20)

/* What a note says of a row. */
typedef enum NoteKind
{
	NOTE_IS,					/* it is there, with data */
	NOTE_GOES,
	NOTE_STAYS					/* it is there if it was */
} NoteKind;

/* A change in the file; behind it stand the bytes of key and, where the row is there, of both texts. */
typedef struct Note
{
	int64		seq;
	int32		kind;			/* NoteKind */
	uint32		hash;			/* of the key */
	uint32		key_len;		/* what consumers know the row by */
	uint32		names_len;		/* the key that it was published under, with its values */
	uint32		data_len;
} Note;

/* Of one key: its last note. */
typedef struct Last
{
	struct Last *next;			/* of the same hash */
	Note		note;
	char	   *key;
	char	   *texts;			/* names and data */
} Last;

/* The keys of a round, by their hashes. */
typedef struct Round
{
	MemoryContext cxt;
	uint32		mask;			/* of buckets, of which there is a power of two */
	Last	  **buckets;
} Round;

/* What is done with which rows. */
typedef struct Visit
{
	int64		before;
	CdcLiveRowVisitor row;
	void	   *arg;
} Visit;

/* Rows that were found to be gone at the source: unless an event from seq on brings them. */
typedef struct Gone
{
	int64		seq;
	const CdcPublishGone *rows;
} Gone;

struct CdcLiveRows
{
	CdcPublisher *publisher;
	MemoryContext cxt;
	CdcSpillFile *file;
	uint64		bytes;			/* in it */
	uint64		notes;
	int64		floor;			/* what no event from there on has brought is gone */
	List	   *gone;			/* of Gone * */
	int64		emptied;		/* the last event that has emptied the table; 0: none */
	int64		aside;			/* the last one that stands for rows which history has not */
	bool		keyless;		/* it has rows without a key, which are not noted */
};

/* Kept by the backend: of the row that is visited. */
static CdcArena *row_arena = NULL;

/* ------------------------------------------------------------------------
 * Notes
 * ------------------------------------------------------------------------
 */

static void
new_file(CdcLiveRows *rows)
{
	rows->file = cdc_spill_file_create(rows->cxt, CurrentResourceOwner);
	rows->bytes = rows->notes = 0;
}

bool
cdc_live_rows_are_documents(const CdcPublisher *publisher)
{
	int			format = publisher->publication->format;

	return format == CDC_PUBLISH_JSON || format == CDC_PUBLISH_ES_BULK;
}

bool
cdc_live_rows_by_values(const CdcPublisher *publisher)
{
	const CdcPublication *p = publisher->publication;

	return p->format != CDC_PUBLISH_JSON || strcmp(p->key_template, "${primary_key}") != 0;
}

/* Whether values of the column are numbers or times, which may be written with any number of digits. */
static bool
has_fraction(const CdcTable *definition, const char *name)
{
	static const char *const types[] = {"decimal", "float", "double", "datetime", "timestamp", "time"};
	int			i;
	size_t		k;

	for (i = 0; definition != NULL && i < definition->ncolumns; i++)
	{
		const CdcColumn *column = &definition->columns[i];

		if (strcmp(column->name, name) != 0 || column->data_type == NULL)
			continue;
		for (k = 0; k < lengthof(types); k++)
			if (strcmp(column->data_type, types[k]) == 0)
				return true;
	}
	return false;
}

/* The same without zeros at the end of a fraction; in place. */
static void
cut_zeros(char *text)
{
	char	   *dot = strrchr(text, '.');
	char	   *end = text + strlen(text);

	if (dot == NULL || strspn(dot + 1, "0123456789") != strlen(dot + 1))
		return;
	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	*end = '\0';
}

/*
 * Documents are known by the bytes of their keys.  Rows elsewhere are known by values, by
 * whatever names and with however many digits these came.
 */
void
cdc_live_row_identity(const CdcPublisher *publisher, const CdcTable *definition,
					  const CdcPublishKey *key, const CdcPublishRow *row, CdcJsonText *text)
{
	bool		exact = cdc_live_rows_are_documents(publisher);
	int			i;

	cdc_json_text_reset(text);
	if (!cdc_live_rows_by_values(publisher))
	{
		cdc_publish_row_key(text, key, row);
		return;
	}
	for (i = 0; i < key->n; i++)
	{
		CdcPublishKey one = {1, &key->columns[i]};
		char	   *value = cdc_publish_key_text(&one, row);

		if (!exact && has_fraction(definition, key->columns[i]))
			cut_zeros(value);
		value = psprintf("%zu:%s", strlen(value), value);
		if (!cdc_buf_append(&text->buf, value, strlen(value)))
			cdc_publish_check(CDC_ERR_NOMEM);
	}
}

static void
note(CdcLiveRows *rows, const Note *n, const char *key, const char *names, const char *data)
{
	cdc_spill_file_write(rows->file, n, sizeof(*n));
	cdc_spill_file_write(rows->file, key, n->key_len);
	cdc_spill_file_write(rows->file, names, n->names_len);
	cdc_spill_file_write(rows->file, data, n->data_len);
	rows->bytes += sizeof(*n) + n->key_len + n->names_len + n->data_len;
	rows->notes++;
}

/* Notes what is known of the row with that key; data NULL: no more than that. */
static void
note_row(CdcLiveRows *rows, int64 seq, NoteKind kind, const CdcTable *definition,
		 const CdcPublishKey *key, const CdcPublishRow *row)
{
	CdcJsonText *text = rows->publisher->key;
	CdcJsonText *data = rows->publisher->value;
	char	   *names = "";
	Note		n;

	memset(&n, 0, sizeof(n));
	if (kind == NOTE_IS)
	{
		cdc_json_text_reset(text);
		cdc_publish_row_key(text, key, row);
		n.names_len = (uint32) text->buf.len;
		names = pnstrdup(text->buf.data, text->buf.len);
	}
	cdc_live_row_identity(rows->publisher, definition, key, row, text);
	cdc_json_text_reset(data);
	if (kind == NOTE_IS)
		cdc_publish_check(cdc_doc_emit(row->data, &data->sink));
	n.seq = seq;
	n.kind = kind;
	n.hash = DatumGetUInt32(hash_any((const unsigned char *) text->buf.data, (int) text->buf.len));
	n.key_len = (uint32) text->buf.len;
	n.data_len = (uint32) data->buf.len;
	note(rows, &n, text->buf.data, names, n.data_len > 0 ? data->buf.data : "");
}

/* CdcPublisher.take */
static void
note_change(CdcLiveRows *rows, const CdcPublishChange *change)
{
	int64		seq = change->event->seq;
	const CdcTable *definition;

	if (change->key->n == 0)
	{
		rows->keyless = true;
		return;
	}
	definition = cdc_publish_definition(rows->publisher, change->event);
	if (change->key_changed)
		note_row(rows, seq, NOTE_GOES, definition, change->key, &change->former);
	note_row(rows, seq, change->event->op == 'd' ? NOTE_GOES : NOTE_IS, definition, change->key,
			 &change->row);
}

/* ------------------------------------------------------------------------
 * Reading them
 * ------------------------------------------------------------------------
 */

/* A document of the arena. */
static void
parse(const char *text, size_t len, CdcDoc *doc)
{
	CdcError	err;

	if (cdc_failed(cdc_doc_parse(row_arena, text, len, doc, &err)))
		elog(ERROR, "a row that was noted cannot be read: %s", err.message);
}

/* Whether a row whose last change was at seq has gone with its table, or was found to be gone. */
static bool
is_gone(const CdcLiveRows *rows, int64 seq, const CdcLiveRow *row)
{
	ListCell   *lc;

	if (seq < rows->floor)
		return true;
	foreach(lc, rows->gone)
	{
		const Gone *gone = lfirst(lc);

		if (seq < gone->seq && cdc_publish_is_gone(gone->rows, row))
			return true;
	}
	return false;
}

/* Hands the row of a key to the visitor, if it is there. */
static void
visit_row(CdcLiveRows *rows, const Last *last, const Visit *visit)
{
	CdcPublishKey key = {0, NULL};
	CdcLiveRow	row;
	CdcDoc		names;
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		value;

	if (last->note.kind != NOTE_IS || last->note.seq >= visit->before || last->note.seq < rows->floor)
		return;
	cdc_arena_reset(row_arena);
	parse(last->texts, last->note.names_len, &names);
	parse(last->texts + last->note.names_len, last->note.data_len, &row.data);
	key.columns = palloc(sizeof(char *) * Max(cdc_doc_count(&names), 1));
	cdc_doc_begin(&names, &iter);
	while (cdc_doc_next(&iter, &name, &value))
		key.columns[key.n++] = pnstrdup(name.data, name.len);
	row.seq = last->note.seq;
	row.key = &key;
	row.arena = row_arena;
	if (!is_gone(rows, row.seq, &row))
		visit->row(&row, visit->arg);
}

/* A note that a round has read: it counts more than those before it. */
static void
remember(Round *round, const Note *n, const char *bytes)
{
	Last	  **bucket = &round->buckets[cdc_mix_word(n->hash) & round->mask];
	Last	   *last = *bucket;

	while (last != NULL && (last->note.key_len != n->key_len ||
							memcmp(last->key, bytes, n->key_len) != 0))
		last = last->next;
	if (last == NULL)
	{
		last = MemoryContextAllocZero(round->cxt, sizeof(Last));
		last->key = MemoryContextAlloc(round->cxt, n->key_len + 1);
		memcpy(last->key, bytes, n->key_len);
		last->note = *n;
		last->note.kind = NOTE_GOES;
		last->next = *bucket;
		*bucket = last;
	}
	if (n->kind == NOTE_STAYS)
	{
		last->note.seq = n->seq;
		return;
	}
	if (last->texts != NULL)
		pfree(last->texts);
	last->texts = NULL;
	last->note = *n;
	if (n->kind != NOTE_IS)
		return;
	last->texts = MemoryContextAllocHuge(round->cxt, (Size) n->names_len + n->data_len + 1);
	memcpy(last->texts, bytes + n->key_len, (Size) n->names_len + n->data_len);
}

/* Reads those of the file whose hash is of the round. */
static void
read_round(CdcLiveRows *rows, Round *round, uint32 number, uint32 rounds)
{
	uint64		i;

	cdc_spill_file_rewind(rows->file);
	for (i = 0; i < rows->notes; i++)
	{
		Note		n;
		const char *bytes;

		CHECK_FOR_INTERRUPTS();
		memcpy(&n, cdc_spill_file_read(rows->file, sizeof(n)), sizeof(n));
		bytes = cdc_spill_file_read(rows->file, (size_t) n.key_len + n.names_len + n.data_len);
		if (n.hash % rounds == number)
			remember(round, &n, bytes);
	}
}

/* One of the rounds. */
static void
visit_round(CdcLiveRows *rows, uint32 number, uint32 rounds, const Visit *visit)
{
	Round		round;
	MemoryContext row_cxt;
	uint32		i;

	round.cxt = AllocSetContextCreate(rows->cxt, "cdc_ingest live rows", ALLOCSET_DEFAULT_SIZES);
	row_cxt = AllocSetContextCreate(round.cxt, "cdc_ingest live row", ALLOCSET_DEFAULT_SIZES);
	for (round.mask = 1023; round.mask < MAX_BUCKETS - 1 && round.mask < rows->notes / rounds;)
		round.mask = round.mask * 2 + 1;
	round.buckets = MemoryContextAllocZero(round.cxt, sizeof(Last *) * ((Size) round.mask + 1));
	read_round(rows, &round, number, rounds);
	for (i = 0; i <= round.mask; i++)
	{
		const Last *last;

		for (last = round.buckets[i]; last != NULL; last = last->next)
		{
			MemoryContext old = MemoryContextSwitchTo(row_cxt);

			CHECK_FOR_INTERRUPTS();
			visit_row(rows, last, visit);
			MemoryContextSwitchTo(old);
			MemoryContextReset(row_cxt);
		}
	}
	MemoryContextDelete(round.cxt);
}

void
cdc_live_rows_visit(CdcLiveRows *rows, int64 before, CdcLiveRowVisitor row, void *arg)
{
	Visit		visit = {before, row, arg};
	uint64		room = (uint64) maintenance_work_mem * 1024 / 2;
	uint32		rounds = (uint32) (rows->bytes / Max(room, 1)) + 1;
	uint32		round;

	for (round = 0; rows->notes > 0 && round < rounds; round++)
		visit_round(rows, round, rounds, &visit);
}

/* ------------------------------------------------------------------------
 * The history of the table
 * ------------------------------------------------------------------------
 */

/* The same rows under another key, as far as they tell it. */
typedef struct Rekey
{
	CdcLiveRows *rows;
	const CdcPublishRekey *change;
	const CdcTable *definition;
} Rekey;

/*
 * CdcLiveRowVisitor.  A document stays where it is until it is told under its new key; a row
 * elsewhere is the same by values that consumers take for the same.
 */
static void
note_again(const CdcLiveRow *row, void *arg)
{
	Rekey	   *rekey = arg;
	CdcDoc		renamed;
	bool		tells;

	cdc_publish_rename(rekey->change, row->arena, &row->data, &renamed);
	tells = cdc_live_rows_are_documents(rekey->rows->publisher) ?
		cdc_publish_tells_rekeyed(rekey->change, &renamed) :
		cdc_publish_tells_key(&renamed, &rekey->change->key);
	if (tells)
	{
		CdcPublishRow image = {&renamed, NULL};

		note_row(rekey->rows, row->seq, NOTE_IS, rekey->definition, &rekey->change->key, &image);
	}
	else
	{
		CdcPublishRow image = {&row->data, NULL};

		note_row(rekey->rows, row->seq, NOTE_IS, NULL, row->key, &image);
	}
}

/* The rows that are there have another key from the event on. */
static void
change_key(CdcLiveRows *rows, const CdcPublishEvent *event, const CdcPublishRekey *change)
{
	CdcLiveRows before = *rows;
	CdcPublishEvent behind = *event;
	Rekey		rekey = {rows, change};

	behind.seq++;
	rekey.definition = cdc_publish_definition(rows->publisher, &behind);
	new_file(rows);
	cdc_live_rows_visit(&before, PG_INT64_MAX, note_again, &rekey);
	cdc_spill_file_close(before.file);
}

/* What a copy's events say of rows that they do not bring. */
static void
read_copy(CdcLiveRows *rows, const CdcPublishEvent *event)
{
	CdcPublishCopy copy;

	cdc_publish_read_copy(rows->publisher, event, &copy);
	if (copy.kind == CDC_PUBLISH_COPY_ROWS)
		rows->aside = event->seq;
	else if (copy.kind == CDC_PUBLISH_COPY_KEYS)
	{
		const CdcPublishKey *key = cdc_publish_key(rows->publisher, event);
		CdcDoc		keys;
		CdcDocIter	iter;
		CdcString	name;
		CdcDoc		value;

		cdc_arena_reset(row_arena);
		parse(copy.keys.data, copy.keys.len, &keys);
		cdc_doc_begin(&keys, &iter);
		while (key->n > 0 && cdc_doc_next(&iter, &name, &value))
		{
			CdcPublishRow image = {&value, NULL};

			note_row(rows, event->seq, NOTE_STAYS,
					 cdc_publish_definition(rows->publisher, event), key, &image);
		}
	}
	else if (copy.kind == CDC_PUBLISH_COPY_ENDS && copy.replaces)
	{
		/* one whose rows the history lacks was passed over: nobody was told what it has not brought */
		if (rows->aside <= copy.begin_seq)
			rows->floor = Max(rows->floor, copy.begin_seq);
	}
	else if (copy.kind == CDC_PUBLISH_COPY_ENDS && copy.gone != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(rows->cxt);
		Gone	   *gone = palloc(sizeof(Gone));

		gone->seq = copy.begin_seq;
		gone->rows = cdc_publish_gone(rows->publisher, event, copy.gone);
		rows->gone = lappend(rows->gone, gone);
		MemoryContextSwitchTo(old);
	}
}

/* CdcHistoryVisitor */
static bool
read_event(const CdcHistoryEvent *row, void *arg)
{
	CdcLiveRows *rows = arg;
	CdcPublishEvent event;
	CdcPublishRekey rekey;

	CHECK_FOR_INTERRUPTS();
	cdc_publish_read_event(row, &event);
	rows->publisher->live = rows;
	rows->publisher->take = note_change;
	switch (event.op)
	{
		case 'c':
		case 'u':
		case 'd':
		case 'r':
			cdc_publish_change(rows->publisher, &event);
			break;
		case 't':
			rows->floor = rows->emptied = event.seq;
			rows->keyless = false;
			rows->gone = NIL;
			cdc_spill_file_truncate(rows->file, 0);
			rows->bytes = rows->notes = 0;
			break;
		case 's':
			if (cdc_publish_rekeyed(rows->publisher, &event, &rekey))
				change_key(rows, &event, &rekey);
			break;
		case 'm':
			read_copy(rows, &event);
			break;
		default:
			break;
	}
	rows->publisher->live = NULL;
	return true;
}

/* ERROR where the history lacks events that could have been of rows of the table. */
static void
check_whole(const CdcLiveRows *rows, const CdcPublishEvent *event)
{
	const CdcPublication *p = rows->publisher->publication;
	CdcTableVersion version;
	int64		from = rows->emptied;
	int64		hole[2];

	if (from == 0)
	{
		int64		first = cdc_history_first_seq(p->sub);

		from = 1;
		if (cdc_table_version_at(p->sub->name, cdc_from_utf8(event->source_table), 0, PG_UTF8, &version) &&
			version.from_seq > 1)
			from = version.from_seq;
		hole[0] = from;
		hole[1] = first - 1;
		if (first <= from && !cdc_history_find_hole(p->sub, from, event->seq, hole))
			return;
	}
	else if (!cdc_history_find_hole(p->sub, from, event->seq, hole))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("publication \"%s\" cannot tell which rows source table %s had: the history has no events " INT64_FORMAT " to " INT64_FORMAT " any more",
					p->name, cdc_from_utf8_copy(event->source_table), hole[0], hole[1]),
			 errdetail("An event that is about all rows of the table is to be published as one message a row."),
			 errhint("To pass over it, and delete at the consumers what the source does not have: %s Behind it, the same with \"rows\" instead of \"message\".",
					 cdc_publication_statement(p, "whole_table", "message"))));
}

CdcLiveRows *
cdc_live_rows_read(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest live rows", ALLOCSET_DEFAULT_SIZES);
	CdcLiveRows *rows = MemoryContextAllocZero(cxt, sizeof(CdcLiveRows));
	CdcHistoryScan scan;

	if (row_arena == NULL && (row_arena = cdc_arena_create(0)) == NULL)
		cdc_out_of_memory();
	rows->publisher = publisher;
	rows->cxt = cxt;
	new_file(rows);
	memset(&scan, 0, sizeof(scan));
	scan.sub = publisher->publication->sub;
	scan.upto = event->seq - 1;
	scan.source_table = cdc_from_utf8(event->source_table);
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.visit = read_event;
	scan.arg = rows;
	cdc_history_scan(&scan);
	check_whole(rows, event);
	return rows;
}

/* A look for a copy. */
typedef struct Ahead
{
	CdcPublisher *publisher;
	int64		seq;
	bool		found;
} Ahead;

/* CdcHistoryVisitor */
static bool
look_for_copy(const CdcHistoryEvent *row, void *arg)
{
	Ahead	   *ahead = arg;
	CdcPublishEvent event;
	CdcPublishCopy copy;

	CHECK_FOR_INTERRUPTS();
	if (row->op != CDC_OP_CONTROL)
		return true;
	cdc_publish_read_event(row, &event);
	cdc_publish_read_copy(ahead->publisher, &event, &copy);
	ahead->found = copy.kind == CDC_PUBLISH_COPY_ENDS && copy.replaces && copy.begin_seq > ahead->seq;
	return !ahead->found;
}

bool
cdc_live_rows_come_anew(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	Ahead		ahead = {publisher, event->seq, false};
	CdcHistoryScan scan;

	memset(&scan, 0, sizeof(scan));
	scan.sub = publisher->publication->sub;
	scan.after = event->seq;
	scan.upto = PG_INT64_MAX;
	scan.source_table = cdc_from_utf8(event->source_table);
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.visit = look_for_copy;
	scan.arg = &ahead;
	cdc_history_scan(&scan);
	return ahead.found;
}

bool
cdc_live_rows_are_keyless(const CdcLiveRows *rows)
{
	return rows->keyless;
}

int64
cdc_live_rows_aside(const CdcLiveRows *rows)
{
	return rows->aside;
}

void
cdc_live_rows_close(CdcLiveRows *rows)
{
	cdc_spill_file_close(rows->file);
	MemoryContextDelete(rows->cxt);
}
