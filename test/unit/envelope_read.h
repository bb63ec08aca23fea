/*
 * envelope_read.h
 *	  Reading a message from texts and printing what was read, for tests.
 */
#ifndef ENVELOPE_READ_H
#define ENVELOPE_READ_H

#include "unit.h"

#include "core/json_text.h"
#include "envelope/doc_tree.h"
#include "envelope/envelope.h"

typedef struct ReadMessage
{
	CdcArena   *arena;
	CdcMessage	message;
	CdcDoc		key;
	CdcDoc		value;
	CdcEnvelope env;
	CdcError	err;
} ReadMessage;

/* key and value: JSON text, NULL for none. */
static CdcStatus
read_message(ReadMessage *m, CdcMessageFormat format, const char *topic, const char *key,
			 const char *value)
{
	memset(&m->message, 0, sizeof(m->message));
	memset(&m->err, 0, sizeof(m->err));
	cdc_arena_reset(m->arena);
	m->message.topic.data = topic;
	m->message.topic.len = strlen(topic);
	if (key != NULL)
	{
		assert_ok(cdc_doc_parse(m->arena, key, strlen(key), &m->key, &m->err), &m->err);
		m->message.key = &m->key;
	}
	if (value != NULL)
	{
		assert_ok(cdc_doc_parse(m->arena, value, strlen(value), &m->value, &m->err), &m->err);
		m->message.value = &m->value;
	}
	return cdc_envelope_read(m->arena, format, &m->message, &m->env, &m->err);
}

/*
 * "op source_table (key, columns) data old" of each row, a line a message; errors of
 * the images too.
 */
static void
print_rows(ReadMessage *m, const CdcHints *hints, CdcBuf *out)
{
	CdcEnvelope *env = &m->env;
	CdcJsonText data;
	CdcJsonText old;
	CdcRowSinks sinks = {&data.sink, &old.sink};

	cdc_buf_printf(out, "%c %s", (char) env->op, env->source_table ? env->source_table : "-");
	for (int i = 0; i < env->nkey; i++)
		cdc_buf_printf(out, "%s%.*s%s", i == 0 ? " (" : ", ", (int) env->key[i].len, env->key[i].data,
					   i == env->nkey - 1 ? ")" : "");
	if (env->sql.len > 0)
		cdc_buf_printf(out, " sql");
	cdc_json_text_init(&data);
	cdc_json_text_init(&old);
	for (int row = 0; row < env->nrows; row++)
	{
		CdcStatus	st;

		cdc_json_text_reset(&data);
		cdc_json_text_reset(&old);
		st = cdc_envelope_images(m->arena, env, row, hints, &sinks, &m->err);
		if (st != CDC_OK)
			cdc_buf_printf(out, " %s: %s", m->err.message, m->err.detail);
		else
		{
			cdc_buf_printf(out, " %s", unit_text(&data.buf));
			if (strcmp(unit_text(&old.buf), "{}") != 0)
				cdc_buf_printf(out, " old %s", unit_text(&old.buf));
		}
	}
	cdc_buf_append(out, "\n", 1);
	cdc_json_text_free(&data);
	cdc_json_text_free(&old);
}

/* "name type key" of the columns. */
static void
print_columns(ReadMessage *m, CdcBuf *out)
{
	CdcEnvelopeColumn *columns;
	int			n;

	assert_ok(cdc_envelope_columns(m->arena, &m->env, &columns, &n, &m->err), &m->err);
	for (int i = 0; i < n; i++)
	{
		cdc_buf_printf(out, "%s%s %s", i > 0 ? ", " : "", columns[i].name,
					   columns[i].column_type);
		if (columns[i].pk >= 0)
			cdc_buf_printf(out, " key %d", columns[i].pk);
	}
}

#endif
