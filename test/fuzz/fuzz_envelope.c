/*
 * fuzz_envelope.c
 *	  Messages from hostile bytes: the first byte says the format, the second what
 *	  the receiver's columns are, the rest is key and value with a tab between.  What
 *	  is taken gives images that are JSON objects, the same each time, and columns with
 *	  types that can be read.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json_parse.h"
#include "core/json_text.h"
#include "envelope/doc_tree.h"
#include "envelope/envelope.h"
#include "require.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any kind for any column, but always the same for a name. */
static bool
hint(void *arg, const char *name, size_t len, CdcColumnHint *hint)
{
	unsigned	seed = *(const uint8_t *) arg;

	for (size_t i = 0; i < len; i++)
		seed = seed * 31 + (uint8_t) name[i];
	if (seed % 17 == 16)
		return false;
	hint->kind = (CdcHintKind) (seed % (CDC_HINT_OTHER + 1));
	hint->scale = (int) (seed / 16 % 8) - 1;
	hint->fsp = (int) (seed / 128 % 8) - 1;
	hint->precision = seed / 1024 % 2 ? 20 : 0;
	hint->duration = seed / 2048 % 2 != 0;
	return true;
}

/* An image is one JSON object. */
static void
require_object(const CdcJsonText *text)
{
	CdcJsonText again;
	CdcError	err;

	require(text->depth == 0 && text->buf.len >= 2 && text->buf.data[0] == '{');
	cdc_json_text_init(&again);
	require(cdc_json_parse((const uint8_t *) text->buf.data, text->buf.len, &again.sink, &err) == CDC_OK);
	cdc_json_text_free(&again);
}

static void
check_error(CdcStatus st, const CdcError *err)
{
	require(cdc_failed(st) && err->status == st && err->message[0] != '\0');
	require(st != CDC_ERR_INTERNAL);
}

/*
 * What a walk is begun on: objects, arrays where the format has its images in such, or
 * nothing.  In JSONB another value would be read as if it were one, which a tree forgives.
 */
static void
require_images(const CdcEnvelope *env)
{
	CdcDocType	type = env->format == CDC_FORMAT_CANAL || env->format == CDC_FORMAT_QUIX ?
		CDC_DOC_ARRAY : CDC_DOC_OBJECT;

	require(env->after.type == CDC_DOC_NULL || env->after.type == type);
	require(env->before.type == CDC_DOC_NULL || env->before.type == type);
	require(env->fields.type == CDC_DOC_NULL || env->fields.type == CDC_DOC_ARRAY);
}

static void
check_rows(CdcArena *arena, CdcEnvelope *env, const uint8_t *seed)
{
	CdcHints	hints = {hint, (void *) seed, NULL};
	CdcJsonText text[4];

	for (int i = 0; i < 4; i++)
		cdc_json_text_init(&text[i]);
	for (int row = 0; row < env->nrows && row < 8; row++)
	{
		CdcError	err;
		CdcStatus	st[2];

		for (int i = 0; i < 2; i++)
		{
			CdcRowSinks sinks = {&text[i * 2].sink, &text[i * 2 + 1].sink};

			cdc_json_text_reset(&text[i * 2]);
			cdc_json_text_reset(&text[i * 2 + 1]);
			st[i] = cdc_envelope_images(arena, env, row, *seed % 4 == 3 ? NULL : &hints, &sinks,
										&err);
			if (st[i] != CDC_OK)
				check_error(st[i], &err);
		}
		require(st[0] == st[1]);
		if (st[0] != CDC_OK)
			continue;
		require_object(&text[0]);
		require_object(&text[1]);
		require(env->op == CDC_OP_UPDATE || text[1].buf.len == 2 || env->format == CDC_FORMAT_MAXWELL);
		for (int i = 0; i < 2; i++)
			require(text[i].buf.len == text[i + 2].buf.len &&
					memcmp(text[i].buf.data, text[i + 2].buf.data, text[i].buf.len) == 0);
	}
	for (int i = 0; i < 4; i++)
		cdc_json_text_free(&text[i]);
}

static void
check_columns(CdcArena *arena, CdcEnvelope *env)
{
	CdcEnvelopeColumn *columns;
	CdcError	err;
	int			n;
	CdcStatus	st = cdc_envelope_columns(arena, env, &columns, &n, &err);

	if (st != CDC_OK)
	{
		check_error(st, &err);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		CdcColumn	parsed;

		memset(&parsed, 0, sizeof(parsed));
		require(columns[i].name != NULL && columns[i].column_type[0] != '\0');
		require(cdc_column_type_parse(arena, columns[i].column_type, &parsed, &err) == CDC_OK);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CdcArena   *arena = cdc_arena_create(64 * 1024 * 1024);
	const char *text = (const char *) data + 2;
	const char *tab;
	CdcMessage	message;
	CdcString	key_column = {"id", 2};
	CdcEnvelope env;
	CdcError	err;
	CdcDoc		key;
	CdcDoc		value;
	CdcStatus	st;

	require(arena != NULL);
	memset(&message, 0, sizeof(message));
	if (size < 3 || (tab = memchr(text, '\t', size - 2)) == NULL)
	{
		cdc_arena_destroy(arena);
		return 0;
	}
	message.topic.data = "srv.db.topic";
	message.topic.len = 12;
	message.key_columns = &key_column;
	message.nkey_columns = data[1] & 1;
	if (cdc_doc_parse(arena, text, (size_t) (tab - text), &key, &err) == CDC_OK)
		message.key = &key;
	if (cdc_doc_parse(arena, tab + 1, size - 3 - (size_t) (tab - text), &value, &err) == CDC_OK)
		message.value = &value;
	st = cdc_envelope_read(arena, (CdcMessageFormat) (data[0] % (CDC_FORMAT_PROTOBUF + 1)), &message, &env, &err);
	if (st != CDC_OK)
		check_error(st, &err);
	else
	{
		require(env.nrows >= 0 && env.format != CDC_FORMAT_AUTO);
		require(env.nrows == 0 || env.source_table != NULL);
		require_images(&env);
		check_rows(arena, &env, data + 1);
		check_columns(arena, &env);
	}
	cdc_arena_destroy(arena);
	return 0;
}
