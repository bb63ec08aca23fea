/*-------------------------------------------------------------------------
 *
 * message_key.c
 *	  What tells rows apart in messages of Kafka, and in their target.
 *
 * A message's key, its primary_key_columns, pkNames or primary_keys name the columns by which
 * its source tells rows apart.  Those of the target may be others: the source's key was
 * altered, or the target has one of its own.  Where that could join two rows into one, or
 * leave one behind that has moved, the message is an error, of its table as a whole: what
 * comes behind it on other keys would go wrong in the same way.
 *
 * Only messages that name other columns than the one before are looked at closely.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/catalog/log.h"
#include "pg/base/compat_value.h"
#include "pg/base/utf8.h"
#include "pg/datum/jsonb_document.h"
#include "pg/mapping/envelope.h"
#include "pg/mapping/key_hint.h"

/* What the last message that named its key's columns has to do with the target. */
struct CdcMessageKey
{
	char	   *names;			/* of the key's columns, each behind its length */
	size_t		len;
	CdcString  *untold;			/* columns of the target's key that it does not have */
	int			nuntold;
};

/* ------------------------------------------------------------------------
 * Sets of names
 * ------------------------------------------------------------------------
 */

static bool
has_name(const CdcString *names, int n, CdcString name)
{
	int			i;

	for (i = 0; i < n; i++)
		if (names[i].len == name.len && memcmp(names[i].data, name.data, name.len) == 0)
			return true;
	return false;
}

/* The names of a that b lacks; palloc'ed. */
static CdcString *
names_beyond(const CdcString *a, int na, const CdcString *b, int nb, int *n)
{
	CdcString  *result = palloc(sizeof(CdcString) * (na + 1));
	int			i;

	*n = 0;
	for (i = 0; i < na; i++)
		if (!has_name(b, nb, a[i]))
			result[(*n)++] = a[i];
	return result;
}

/* Whether the key's columns are those that the message before named. */
static bool
is_same(const CdcMessageKey *known, const CdcString *names, int n)
{
	const char *at = known->names;
	const char *end = known->names + known->len;
	int			i;

	for (i = 0; i < n; i++)
	{
		if ((size_t) (end - at) < sizeof(size_t) + names[i].len ||
			memcmp(at, &names[i].len, sizeof(size_t)) != 0 ||
			memcmp(at + sizeof(size_t), names[i].data, names[i].len) != 0)
			return false;
		at += sizeof(size_t) + names[i].len;
	}
	return at == end;
}

/* Keeps what a message named, and what of the target's key that leaves open. */
static void
remember(CdcApply *apply, CdcSourceRun *source, const CdcString *names, int n,
		 const CdcString *untold, int nuntold)
{
	MemoryContext old = MemoryContextSwitchTo(apply->work.cxt);
	CdcMessageKey *known = palloc0(sizeof(CdcMessageKey));
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	for (i = 0; i < n; i++)
	{
		appendBinaryStringInfo(&text, (const char *) &names[i].len, sizeof(size_t));
		appendBinaryStringInfo(&text, names[i].data, (int) names[i].len);
	}
	known->names = text.data;
	known->len = text.len;
	known->untold = palloc(sizeof(CdcString) * (nuntold + 1));
	known->nuntold = nuntold;
	for (i = 0; i < nuntold; i++)
	{
		known->untold[i].data = pnstrdup(untold[i].data, untold[i].len);
		known->untold[i].len = untold[i].len;
	}
	MemoryContextSwitchTo(old);
	source->message_key = known;
}

/* ------------------------------------------------------------------------
 * Errors
 * ------------------------------------------------------------------------
 */

/* ERROR: messages tell apart what are the same rows to the target. */
static void
refuse_wider(CdcApply *apply, CdcSourceRun *source, const CdcString *own, int nown)
{
	const CdcRowImage *image = &source->row.image;
	const CdcEnvelope *env = image->env;
	const CdcMapping *mapping = source->mapping;
	char	   *told = cdc_key_names_text(env->key, env->nkey);

	apply->of_whole_table = true;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("messages of source table %s tell its rows apart by (%s), its target %s by (%s) only",
					mapping->source_table, told, mapping->target->name, cdc_key_names_text(own, nown)),
			 errdetail("Rows that differ in the other columns would overwrite each other."),
			 errhint("%s", cdc_wider_key_hint(mapping, image))));
}

/* ERROR: which row changes is not told. */
static void
refuse_untold(CdcApply *apply, CdcSourceRun *source, CdcString column)
{
	const CdcRowImage *image = &source->row.image;
	const CdcMapping *mapping = source->mapping;
	size_t		len = column.len;
	const char *name = cdc_from_utf8_n(column.data, &len);

	apply->of_whole_table = true;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("message does not tell what column \"%.*s\" of source table %s was before, which is of the key of target %s",
					(int) len, name, mapping->source_table, mapping->target->name),
			 errdetail("Messages tell rows apart by (%s): a row whose key there has changed would be left behind.",
					   cdc_key_names_text(image->env->key, image->env->nkey)),
			 errhint("%sOr have the messages carry the row before the change.",
					 cdc_message_key_hint(mapping, image))));
}

/* ERROR: documents replace each other by a key that the target does not have. */
static void
refuse_keyless(CdcApply *apply, CdcSourceRun *source)
{
	const CdcRowImage *image = &source->row.image;
	const CdcMapping *mapping = source->mapping;

	apply->of_whole_table = true;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("messages of source table %s have a key, and target %s has none", mapping->source_table,
					mapping->target->name),
			 errdetail("A document replaces the one before that has the same key; without one each would be a row of its own."),
			 errhint("%sFor a row of each message: SELECT cdc.alter_table(%s, %s, key := '{}');",
					 cdc_document_key_hint(mapping, image), quote_literal_cstr(image->sub->name),
					 quote_literal_cstr(mapping->name))));
}

/* Tells, once, that a target has a key of its own, as somebody has chosen. */
static void
tell_own_key(CdcApply *apply, CdcSourceRun *source, const CdcString *own, int nown)
{
	const CdcMapping *mapping = source->mapping;
	const CdcRowImage *image = &source->row.image;
	char	   *told = cdc_key_names_text(image->env->key, image->env->nkey);
	char	   *message;

	if (apply->replay != NULL)
		return;
	message = psprintf("messages of source table %s tell its rows apart by (%s), its target by (%s)",
					   mapping->name, told, cdc_key_names_text(own, nown));
	if (cdc_log_once(apply->sub->name, "key", message, cdc_message_key_hint(mapping, image)))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("%s", message),
				 errdetail("Rows of the same key in target %s overwrite each other.", mapping->target->name),
				 errhint("If that is wrong: %s", cdc_message_key_hint(mapping, image))));
}

/* ------------------------------------------------------------------------
 * The check
 * ------------------------------------------------------------------------
 */

/* Whether the message says which columns are the key: those of oldkeys may be more. */
static bool
is_certain(const CdcEnvelope *env)
{
	CdcDoc		pk;

	return env->format != CDC_FORMAT_QUIX || cdc_doc_find(&env->body, "pk", &pk);
}

/* A message that names other columns than the one before. */
static void
look_closely(CdcApply *apply, CdcSourceRun *source)
{
	const CdcMapping *mapping = source->mapping;
	const CdcEnvelope *env = source->row.image.env;
	CdcString  *own;
	CdcString  *beyond;
	CdcString  *untold;
	int			nown;
	int			nbeyond;
	int			nuntold;

	own = cdc_target_key_inputs(mapping, &nown);
	beyond = names_beyond(env->key, env->nkey, own, nown, &nbeyond);
	untold = names_beyond(own, nown, env->key, env->nkey, &nuntold);
	if (nbeyond > 0 && nuntold == 0 && !mapping->key_chosen && is_certain(env))
		refuse_wider(apply, source, own, nown);
	if (nbeyond > 0 && is_certain(env))
		tell_own_key(apply, source, own, nown);
	pfree(beyond);
	remember(apply, source, env->key, env->nkey, untold, nuntold);
}

/* Whether the event may change a row of which it does not tell the former values. */
static bool
may_move(const CdcEnvelope *env)
{
	/* a document says what a row is now, be it there or not */
	if (env->format == CDC_FORMAT_JSON)
		return env->op != CDC_OP_DELETE;
	return env->op == CDC_OP_UPDATE;
}

/* Whether the message tells the column's former value: it has it, or all that have changed. */
static bool
tells_former(const CdcEnvelope *env, CdcString column)
{
	if (env->before.type == CDC_DOC_NULL || env->format == CDC_FORMAT_JSON)
		return false;
	return env->format == CDC_FORMAT_MAXWELL || env->format == CDC_FORMAT_CANAL ||
		cdc_envelope_former_has(env, column);
}

static void
check(CdcApply *apply, CdcSourceRun *source)
{
	const CdcEnvelope *env = source->row.image.env;
	const CdcMessageKey *known = source->message_key;
	int			i;

	if (source->mapping->target->keyless)
	{
		if (env->format == CDC_FORMAT_JSON && env->key_body.type != CDC_DOC_NULL &&
			!source->mapping->key_chosen)
			refuse_keyless(apply, source);
		return;
	}
	if (env->nkey > 0 && (known == NULL || !is_same(known, env->key, env->nkey)))
		look_closely(apply, source);
	known = source->message_key;
	if (env->nkey == 0 || known == NULL || known->nuntold == 0 || !may_move(env))
		return;
	for (i = 0; i < known->nuntold; i++)
		if (!tells_former(env, known->untold[i]))
			refuse_untold(apply, source, known->untold[i]);
}

/* Whether a message in Maxwell's form says something about its key. */
static bool
names_key(const CdcHistoryEvent *event)
{
	CdcJsonValue v;

	return event->key != NULL || event->raw != NULL ||
		(event->event != NULL && cdc_json_is_object(event->event) &&
		 cdc_json_find(event->event, "primary_key_columns", strlen("primary_key_columns"), &v));
}

void
cdc_message_key_check(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcRowImage *image = &source->row.image;

	if (apply->sub->kind != CDC_SERVER_KAFKA || source->mapping->shape->own_key)
		return;
	if (image->env != NULL)
	{
		check(apply, source);
		return;
	}
	if (!names_key(event))
		return;
	cdc_event_envelope(apply, source, event);
	check(apply, source);
	image->env = NULL;
}

bool
cdc_message_key_is_known(CdcApply *apply, const CdcSourceRun *source, const CdcHistoryEvent *event)
{
	const CdcEnvelope *env = source->row.image.env;

	if (apply->sub->kind != CDC_SERVER_KAFKA || source->mapping->shape->own_key)
		return true;
	if (env == NULL)
		return !names_key(event);
	if (source->message_key == NULL)
		return env->nkey == 0;
	return env->nkey == 0 || is_same(source->message_key, env->key, env->nkey);
}
