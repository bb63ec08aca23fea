/*-------------------------------------------------------------------------
 *
 * event.c
 *	  An event of the history in the form that publish works with; and what those of op
 *	  'm' say of a copy, and of the rows that it does not bring.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "envelope/doc_tree.h"
#include "envelope/envelope.h"
#include "pg/base/compat_value.h"
#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/base/hash.h"
#include "pg/base/utf8.h"
#include "pg/datum/jsonb_document.h"
#include "pg/history/copied_rows.h"
#include "pg/history/scan.h"

/* Kept by the backend, as a run ends in many ways: of the document at hand. */
static CdcArena *arena = NULL;

/* Any text as one of a length. */
static CdcString
string_of(const char *s, size_t len)
{
	CdcString	result;

	result.data = s;
	result.len = len;
	return result;
}

/* The names of database and table, and the type: from the document where it has them. */
static void
name_table(CdcPublishEvent *event)
{
	const char *dot = event->source_table != NULL ? strchr(event->source_table, '.') : NULL;

	event->database = event->table = event->type = string_of("", 0);
	if (event->has_doc)
	{
		event->database = cdc_doc_find_string(&event->doc, "database");
		event->table = cdc_doc_find_string(&event->doc, "table");
		event->type = cdc_doc_find_string(&event->doc, "type");
	}
	if (event->table.len == 0 && event->database.len == 0 && event->source_table != NULL)
	{
		if (dot != NULL)
			event->database = string_of(event->source_table, (size_t) (dot - event->source_table));
		event->table = string_of(dot != NULL ? dot + 1 : event->source_table,
								 strlen(dot != NULL ? dot + 1 : event->source_table));
	}
}

/*
 * The event's document: from the original bytes, where JSONB could not hold it.
 * Without either, or where the bytes are no JSON, the event has none.
 */
static void
read_document(const CdcHistoryEvent *row, CdcPublishEvent *event)
{
	uint32_t	schema_id;
	size_t		skip;

	if (row->raw != NULL)
	{
		if (arena == NULL && (arena = cdc_arena_create(0)) == NULL)
			cdc_out_of_memory();
		(void) cdc_payload_look((const uint8_t *) row->raw, row->raw_len, &schema_id, &skip);
		cdc_arena_reset(arena);
		event->has_doc = cdc_doc_parse(arena, row->raw + skip, row->raw_len - skip, &event->doc,
									   NULL) == CDC_OK;
	}
	else if (row->event != NULL)
	{
		cdc_doc_from_jsonb(row->event, &event->doc);
		event->has_doc = true;
	}
}

void
cdc_publish_read_event(const CdcHistoryEvent *row, CdcPublishEvent *event)
{
	memset(event, 0, sizeof(*event));
	event->seq = row->seq;
	event->op = row->op;
	event->commit = row->commit;
	if (row->source_table != NULL)
		event->source_table = cdc_to_utf8(pnstrdup(row->source_table, row->source_table_len));
	if (row->source_ts != 0)
		event->source_us = cdc_unix_us(row->source_ts);
	event->raw = row->raw;
	event->raw_len = row->raw_len;
	read_document(row, event);
	name_table(event);
	if (row->key != NULL)
	{
		cdc_doc_from_jsonb(row->key, &event->key);
		event->has_key = true;
	}
}

/* ---- copies ---- */

void
cdc_publish_read_copy(const CdcPublisher *publisher, const CdcPublishEvent *event,
					  CdcPublishCopy *copy)
{
	CdcDoc		data;
	CdcDoc		v;
	int64_t		n;

	memset(copy, 0, sizeof(*copy));
	/* in a history from Kafka they are another one's, and so are the numbers in them */
	if (publisher->publication->sub->kind == CDC_SERVER_KAFKA || !event->has_doc ||
		event->source_table == NULL ||
		!cdc_doc_find_type(&event->doc, "data", CDC_DOC_OBJECT, &data))
		return;
	if (cdc_string_is(event->type, "bootstrap-start"))
		copy->kind = CDC_PUBLISH_COPY_BEGINS;
	else if (cdc_string_is(event->type, "bootstrap-complete"))
		copy->kind = CDC_PUBLISH_COPY_ENDS;
	else if (cdc_string_is(event->type, CDC_COPIED_ROWS))
		copy->kind = CDC_PUBLISH_COPY_ROWS;
	else if (cdc_string_is(event->type, "bootstrap-keys") &&
			 cdc_doc_find_type(&data, "keys", CDC_DOC_STRING, &v))
	{
		copy->kind = CDC_PUBLISH_COPY_KEYS;
		copy->keys = v.string;
	}
	copy->replaces = cdc_doc_find_type(&data, "replaces", CDC_DOC_TRUE, &v);
	if (cdc_doc_find_type(&data, "gone", CDC_DOC_STRING, &v))
		copy->gone = pnstrdup(v.string.data, v.string.len);
	if (cdc_doc_find_int64(&data, "begin_seq", &n))
		copy->begin_seq = n;
}

/* The key of a row in a set of keys: each of its values as text, behind its length. */
#define GONE_BYTES	512

typedef struct GoneEntry
{
	char		key[GONE_BYTES];
} GoneEntry;

struct CdcPublishGone
{
	HTAB	   *keys;
	CdcPublishKey key;			/* of the target: what they are values of */
};

static void
append_part(StringInfo s, const char *text, size_t len)
{
	appendStringInfo(s, "%zu:", len);
	appendBinaryStringInfo(s, text, (int) len);
}

const CdcPublishGone *
cdc_publish_gone(CdcPublisher *publisher, const CdcPublishEvent *event, const char *list)
{
	CdcPublishGone *gone = palloc0(sizeof(CdcPublishGone));
	Datum		array = OidInputFunctionCall(F_ARRAY_IN, cdc_from_utf8_copy(list), TEXTOID, -1);
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int			i;
	int			k;

	gone->keys = cdc_hash_of_strings("cdc_ingest rows that are gone", 64, GONE_BYTES,
									 sizeof(GoneEntry), CurrentMemoryContext);
	cdc_publish_target_key(publisher, event, &gone->key);
	cdc_publish_names_then(publisher, event, &gone->key);
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, 'i', &values, &nulls, &n);
	for (i = 0; gone->key.n > 0 && i + gone->key.n <= n; i += gone->key.n)
	{
		char		entry[GONE_BYTES] = {0};
		StringInfoData s;

		initStringInfo(&s);
		for (k = 0; k < gone->key.n; k++)
		{
			const char *part = nulls[i + k] ? "" : cdc_to_utf8(TextDatumGetCString(values[i + k]));

			append_part(&s, part, strlen(part));
		}
		strlcpy(entry, s.data, sizeof(entry));
		(void) hash_search(gone->keys, entry, HASH_ENTER, NULL);
	}
	return gone;
}

bool
cdc_publish_is_gone(const CdcPublishGone *gone, const CdcLiveRow *row)
{
	char		entry[GONE_BYTES] = {0};
	StringInfoData s;
	int			k;

	if (gone->key.n == 0 || !cdc_publish_tells_key(&row->data, &gone->key))
		return false;
	initStringInfo(&s);
	for (k = 0; k < gone->key.n; k++)
	{
		CdcPublishKey one = {1, &gone->key.columns[k]};
		CdcPublishRow image = {&row->data, NULL};
		const char *part = cdc_publish_key_text(&one, &image);

		append_part(&s, part, strlen(part));
	}
	strlcpy(entry, s.data, sizeof(entry));
	return hash_search(gone->keys, entry, HASH_FIND, NULL) != NULL;
}
