/*-------------------------------------------------------------------------
 *
 * event.c
 *	  An event of the history in the form that publish works with.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "envelope/doc_tree.h"
#include "envelope/envelope.h"
#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/datum/jsonb_document.h"
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
