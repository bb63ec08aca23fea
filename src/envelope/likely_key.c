/*-------------------------------------------------------------------------
 *
 * likely_key.c
 *	  By which columns a message, which names no key, seems to find its row: for
 *	  what is proposed to a user, never for what is done without one.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

/* Collecting names, as many as there is room for. */
typedef struct Names
{
	CdcString  *names;
	int			n;
	size_t		max;
} Names;

static void
add(Names *to, CdcString name)
{
	if ((size_t) to->n < to->max)
		to->names[to->n++] = name;
}

/* The columns of an image; with other, those that have the same value there. */
static void
collect(const CdcEnvelope *env, const CdcImage *image, const CdcImage *other, Names *to)
{
	CdcImageIter iter;
	CdcString	name;
	CdcDoc		value;
	CdcDoc		now;
	CdcDoc		field;

	cdc_image_begin(env, image, &iter);
	while (cdc_image_next(&iter, &name, &value, &field))
		if (value.type != CDC_DOC_NULL &&
			(other == NULL || (cdc_image_find(other, name, &now) && cdc_doc_equal(&value, &now))))
			add(to, name);
}

CdcStatus
cdc_envelope_likely_key(CdcArena *arena, const CdcEnvelope *env, CdcString **names, int *n,
						bool *one_of_them, CdcError *err)
{
	const CdcEnvelopeFormat *format = cdc_envelope_format(env->format);
	Names		found = {NULL, 0, 0};
	CdcImage	after;
	CdcImage	before;

	*n = 0;
	*one_of_them = false;
	if (format == NULL || env->nrows == 0)
		return CDC_OK;
	memset(&after, 0, sizeof(after));
	memset(&before, 0, sizeof(before));
	format->images(env, 0, &after, &before);
	found.max = cdc_doc_count(&after.values) + cdc_doc_count(&before.values);
	*names = found.names = cdc_arena_alloc(arena, sizeof(CdcString) * (found.max + 1));
	if (found.names == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a key");

	/* a delete that does not tell the row has what finds it; so has what stood before an
	 * update, beside columns that have changed */
	if (env->op == CDC_OP_DELETE)
		collect(env, &before, NULL, &found);
	else if (before.values.type != CDC_DOC_NULL)
	{
		collect(env, &before, &after, &found);
		if (found.n == 0)
			collect(env, &before, NULL, &found);
	}
	if (found.n == 0)
	{
		*one_of_them = true;
		collect(env, &after, NULL, &found);
	}
	*n = found.n;
	return CDC_OK;
}
