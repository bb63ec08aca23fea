/*-------------------------------------------------------------------------
 *
 * keys.c
 *	  The keys of a range's rows, as JSON, without the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/keys.h"

#include "utils/memutils.h"

#include "core/event.h"
#include "core/json_text.h"
#include "pg/base/error.h"

/* Bytes of text that are handed out at a time, about. */
#define KEYS_BYTES		(64 * 1024)

/* A text that is freed with a memory context, whatever ends the call. */
static void
free_text(void *arg)
{
	cdc_json_text_free(arg);
}

static CdcJsonText *
make_text(void)
{
	CdcJsonText *text = palloc0(sizeof(CdcJsonText));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	cdc_json_text_init(text);
	callback->func = free_text;
	callback->arg = text;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return text;
}

/* Ends the array and hands it out, its text ended by a NUL. */
static void
hand_out(const CdcKeysQuery *query, CdcJsonText *text, CdcCopyKeysEmit emit, void *arg)
{
	CdcError	err;

	CDC_CHECK(cdc_event_keys_end(&text->sink, &err), &err, query->sub->name);
	emit(pnstrdup(text->buf.data, text->buf.len), arg);
	cdc_json_text_reset(text);
}

CdcStatus
cdc_copy_keys(const CdcKeysQuery *query, CdcCopyKeysEmit emit, void *arg, CdcError *err)
{
	const CdcEventOptions *options = &query->sub->opt.event;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest keys",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	CdcJsonText *text = make_text();
	const CdcValue *values;
	CdcStatus	st = CDC_ERR_SCHEMA;
	CdcChunk   *chunk = cdc_chunk_open(query->source, query->table, query->key, query->range,
									   query->sub->name, err);

	while (chunk != NULL && (st = cdc_chunk_try_next(chunk, &values, err)) == CDC_OK)
	{
		if (text->buf.len == 0)
			CDC_CHECK(cdc_event_keys_begin(&text->sink, err), err, query->sub->name);
		CDC_CHECK(cdc_event_key(&text->sink, options, query->table, values, err), err,
				  query->sub->name);
		if (text->buf.len >= KEYS_BYTES)
			hand_out(query, text, emit, arg);
	}
	if (text->buf.len > 0)
		hand_out(query, text, emit, arg);
	if (chunk != NULL)
		cdc_chunk_close(chunk);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return st == CDC_END ? CDC_OK : st;
}
