/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  Events of a history from Kafka that are not Maxwell's: their envelope is read
 *	  as apply reads it, each row written in Maxwell's value forms.
 *
 * A source table's target, where there is one, tells what an envelope without
 * schemas does not, and the key.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "envelope/doc_tree.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/mapping/cache.h"
#include "pg/mapping/envelope.h"

/* The message at hand. */
typedef struct CdcPublishEnvelope
{
	CdcArena   *arena;			/* of all that is read from it */
	CdcMessage	message;
	CdcEnvelope env;
	int64		seq;			/* of the event that it is of; 0: none */
	uint64		run;			/* of this publisher, for the cache of targets */
	CdcMapping *mapping;		/* of the source table; NULL: it has no target */
	const char *mapped;			/* that table; stays as long as the run */
	CdcPublishKey key;
} CdcPublishEnvelope;

/* Kept by the backend, as a run ends in many ways: its memory is malloc'ed. */
static CdcArena *arena = NULL;

/* Numbers of runs for the cache of targets; apply counts its own from 1. */
static uint64 last_run = UINT64CONST(1) << 63;

/* The declared format of the history's events. */
static CdcMessageFormat
history_format(const CdcPublisher *publisher)
{
	CdcMessageFormat format;

	if (!cdc_format_by_name(publisher->publication->sub->format, &format))
		format = CDC_FORMAT_RAW;
	return format;
}

void
cdc_publish_old(const CdcPublishEvent *event, CdcDoc *old)
{
	memset(old, 0, sizeof(*old));
	if (!cdc_doc_find(&event->doc, "old", old) || old->type == CDC_DOC_OBJECT)
		return;
	if (old->type != CDC_DOC_NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("event's \"old\" is neither an object nor null")));
}

bool
cdc_publish_in_place(const CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcDoc		data;
	CdcDoc		old;

	if (history_format(publisher) != CDC_FORMAT_MAXWELL ||
		!cdc_doc_find_type(&event->doc, "data", CDC_DOC_OBJECT, &data))
		return false;
	cdc_publish_old(event, &old);
	return cdc_maxwell_in_place((CdcOp) event->op, &data, &old);
}

bool
cdc_publish_is_maxwell(const CdcPublisher *publisher)
{
	return publisher->envelope->env.format == CDC_FORMAT_MAXWELL;
}

/* The publisher's envelope, emptied for the next message. */
static CdcPublishEnvelope *
next_envelope(CdcPublisher *publisher)
{
	CdcPublishEnvelope *e = publisher->envelope;

	if (arena == NULL)
		arena = cdc_arena_create(0);
	if (arena == NULL)
		cdc_out_of_memory();
	if (e == NULL)
	{
		e = publisher->envelope = MemoryContextAllocZero(publisher->cxt,
														 sizeof(CdcPublishEnvelope));
		e->arena = arena;
		e->run = ++last_run;
	}
	cdc_arena_reset(arena);
	memset(&e->message, 0, sizeof(e->message));
	memset(&e->key, 0, sizeof(e->key));
	e->mapping = NULL;
	e->seq = 0;
	return e;
}

/* Finds the mapping of the event's table, where that has a target. */
static void
find_target(CdcPublisher *publisher, CdcPublishEnvelope *e, const CdcPublishEvent *event)
{
	const CdcSubscription *sub = publisher->publication->sub;
	char	   *name;

	if (event->source_table == NULL)
		return;
	name = cdc_from_utf8(event->source_table);
	if (!cdc_target_is_registered(sub, name))
		return;
	e->mapping = cdc_mapping_look(sub, name, strlen(name), event->seq, e->run);
	if (e->mapping->target == NULL)
		e->mapping = NULL;
	else
		e->mapped = cdc_publish_table_name(publisher, event->source_table);
}

/*
 * Reads the event's envelope, once for all that asks for it; false, with the error: it is none.
 * What is bytes has an envelope that says nothing.
 */
static bool
read_envelope(CdcPublisher *publisher, const CdcPublishEvent *event, CdcError *err)
{
	CdcMessageFormat format = history_format(publisher);
	CdcPublishEnvelope *e = publisher->envelope;

	if (e != NULL && e->seq == event->seq)
		return true;
	e = next_envelope(publisher);
	memset(&e->env, 0, sizeof(e->env));
	if (cdc_format_is_json(format) && (event->raw == NULL || event->has_doc))
	{
		find_target(publisher, e, event);
		/* where an envelope does not name the table, it is the topic that named the event's */
		if (event->source_table != NULL)
		{
			e->message.topic.data = event->source_table;
			e->message.topic.len = strlen(event->source_table);
		}
		if (event->has_doc)
			e->message.value = &event->doc;
		if (event->has_key)
			e->message.key = &event->key;
		e->message.rows_of = !event->has_doc && event->op == 'd' ? event->source_table : NULL;
		if (e->mapping != NULL)
			e->message.key_columns = cdc_target_key_names(e->mapping, &e->message.nkey_columns);
		if (cdc_failed(cdc_envelope_read(e->arena, format, &e->message, &e->env, err)))
			return false;
	}
	e->seq = event->seq;
	return true;
}

void
cdc_publish_name_table(CdcPublisher *publisher, CdcPublishEvent *event)
{
	const CdcEnvelope *env;
	CdcError	err;

	/* Maxwell's own members are those of the event */
	if (publisher->publication->sub->kind != CDC_SERVER_KAFKA ||
		(history_format(publisher) == CDC_FORMAT_MAXWELL && event->has_doc))
		return;
	/* what is no event of rows may be a message that somebody has passed over */
	if (!read_envelope(publisher, event, &err))
	{
		if (event->op != CDC_OP_CONTROL)
			CDC_CHECK(err.status, &err, publisher->publication->sub->name);
		return;
	}
	env = &publisher->envelope->env;
	if (env->table == NULL || env->table[0] == '\0')
		return;
	/* events about all rows read others before they are sent */
	event->database.data = pstrdup(env->database);
	event->database.len = strlen(env->database);
	event->table.data = pstrdup(env->table);
	event->table.len = strlen(env->table);
}

int
cdc_publish_envelope(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcError	err;

	if (!read_envelope(publisher, event, &err))
		CDC_CHECK(err.status, &err, publisher->publication->sub->name);
	return publisher->envelope->env.nrows;
}

void
cdc_publish_envelope_row(CdcPublisher *publisher, int row, CdcDoc *data, CdcDoc *old)
{
	CdcPublishEnvelope *e = publisher->envelope;
	CdcDocTree	data_tree;
	CdcDocTree	old_tree;
	CdcHints	hints = {cdc_target_hint, e->mapping};
	CdcRowSinks sinks = {&data_tree.sink, &old_tree.sink};
	CdcError	err;

	cdc_doc_tree_init(&data_tree, e->arena);
	cdc_doc_tree_init(&old_tree, e->arena);
	CDC_CHECK(cdc_envelope_images(e->arena, &e->env, row, e->mapping != NULL ? &hints : NULL,
								  &sinks, &err),
			  &err, publisher->publication->sub->name);
	if (!cdc_doc_tree_root(&data_tree, data) || !cdc_doc_tree_root(&old_tree, old))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("message without a row")));
}

void
cdc_publish_envelope_lacks(CdcPublisher *publisher, CdcPublishChange *change)
{
	const CdcEnvelope *env = &publisher->envelope->env;

	if (change->event->op == CDC_OP_DELETE)
		return;
	if (env->unavailable.len > 0)
		change->lacks = pnstrdup(env->unavailable.data, env->unavailable.len);
	/* of what Canal and Maxwell do not tell of it nothing has changed */
	change->former_unknown = change->event->op == CDC_OP_UPDATE && env->format != CDC_FORMAT_MAXWELL &&
		env->format != CDC_FORMAT_CANAL && !cdc_envelope_has_before(env);
}

/*
 * Whether the message itself names its key.  That counts only in formats where every
 * message does so: a key that some messages of a table have and others do not would be
 * no key.
 */
static bool
tells_key(const CdcEnvelope *env)
{
	return env->nkey > 0 && (env->format == CDC_FORMAT_CANAL || env->format == CDC_FORMAT_JSON ||
							 env->format == CDC_FORMAT_GOLDENGATE ||
							 env->format == CDC_FORMAT_DEBEZIUM ||
							 env->format == CDC_FORMAT_DEBEZIUM_FLAT);
}

/* Whether two lists have the same names, in any order; none comes twice in b. */
static bool
same_names(const CdcString *a, int na, const CdcString *b, int nb)
{
	int			i;
	int			k;

	for (i = 0; na == nb && i < nb; i++)
	{
		for (k = 0; k < na; k++)
			if (a[k].len == b[i].len && memcmp(a[k].data, b[i].data, a[k].len) == 0)
				break;
		if (k == na)
			return false;
	}
	return na == nb;
}

/*
 * The order of the names is part of what is published as a key.  A message's key that was
 * kept has JSONB's order, and most are not kept: so it is the target's wherever it has the
 * same columns, or one row would have two keys.
 */
const CdcPublishKey *
cdc_publish_envelope_key(CdcPublisher *publisher, const CdcPublishKey *key)
{
	CdcPublishEnvelope *e = publisher->envelope;
	const CdcString *names = e->env.key;
	int			n = e->env.nkey;
	int			i;

	if (!tells_key(&e->env))
	{
		if (key->n > 0)
			return key;
		/* Maxwell has it in the keys of its messages */
		if (e->env.format != CDC_FORMAT_MAXWELL || n == 0)
		{
			names = e->message.key_columns;
			n = e->message.nkey_columns;
		}
	}
	if (same_names(names, n, e->message.key_columns, e->message.nkey_columns))
		names = e->message.key_columns;
	e->key.columns = palloc(sizeof(char *) * Max(n, 1));
	for (i = 0; i < n; i++)
		e->key.columns[i] = pnstrdup(names[i].data, names[i].len);
	e->key.n = n;
	return &e->key;
}

void
cdc_publish_target_key(CdcPublisher *publisher, const CdcPublishEvent *event, CdcPublishKey *key)
{
	CdcPublishEnvelope *e = next_envelope(publisher);
	const CdcString *names;
	int			n = 0;
	int			i;

	memset(key, 0, sizeof(*key));
	find_target(publisher, e, event);
	if (e->mapping == NULL)
		return;
	names = cdc_target_key_names(e->mapping, &n);
	key->columns = palloc(sizeof(char *) * Max(n, 1));
	for (i = 0; i < n; i++)
		key->columns[i] = pnstrdup(names[i].data, names[i].len);
	key->n = n;
}

bool
cdc_publish_target_hint(const CdcPublisher *publisher, const CdcPublishEvent *event, CdcString name,
						CdcColumnHint *hint)
{
	const CdcPublishEnvelope *e = publisher->envelope;

	/* the event at hand may be one that needed no envelope */
	return e != NULL && e->mapping != NULL && e->mapped != NULL && event->source_table != NULL &&
		strcmp(e->mapped, event->source_table) == 0 &&
		cdc_target_hint(e->mapping, name.data, name.len, hint);
}

const char *
cdc_publish_target_missing(const CdcPublishChange *change)
{
	const CdcPublishEnvelope *e = change->publisher->envelope;
	const CdcPublishEvent *event = change->event;
	const CdcMapping *mapping;
	CdcDoc		value;
	int			i;

	if (e == NULL || e->mapping == NULL || e->mapped == NULL || event->source_table == NULL ||
		strcmp(e->mapped, event->source_table) != 0)
		return NULL;
	mapping = e->mapping;
	for (i = 0; i < mapping->target->ncolumns; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[i];
		size_t		len = col->source_len;
		const char *name;

		/* what fills itself need not be of the source */
		if (col->by != CDC_BY_COLUMN || TupleDescAttr(mapping->target->desc, col->attnum - 1)->atthasdef)
			continue;
		name = cdc_to_utf8_n(col->source, &len);
		if (!cdc_doc_get(change->row.data, name, len, &value))
			return pnstrdup(name, len);
	}
	return NULL;
}
