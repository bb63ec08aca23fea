/*-------------------------------------------------------------------------
 *
 * jsonb_text.c
 *	  Text into the JSONB writer: what is not plain ASCII is checked, freed of
 *	  U+0000 and converted to the database's encoding.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/jsonb_writer_internal.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "pg/base/utf8.h"

/* U+FFFD, what JSONB gets for U+0000 */
static const char replacement_utf8[] = "\xEF\xBF\xBD";

void
cdc_jsonb_bytes_grow(CdcJsonbWriter *w, Bytes *b, size_t extra)
{
	size_t		cap = Max(b->cap * 2, b->len + extra);

	if (cap > MaxAllocSize)
		cap = Max(b->len + extra, (size_t) MaxAllocSize);
	b->data = b->data == NULL ? MemoryContextAlloc(w->context, cap) : repalloc(b->data, cap);
	b->cap = cap;
}

/* Replaces U+0000; the result replaces *s and is palloc'ed. */
static void
replace_nul(CdcJsonbWriter *w, const char **s, size_t *len)
{
	bool		utf8 = (w->encoding == PG_UTF8);
	const char *substitute = w->nul != NULL ? w->nul : utf8 ? replacement_utf8 : "?";
	size_t		width = strlen(substitute);
	size_t		zeros = 0;
	size_t		i;
	char	   *copy;
	char	   *to;

	for (i = 0; i < *len; i++)
		zeros += ((*s)[i] == '\0');
	copy = to = palloc(*len + zeros * width + 1);
	for (i = 0; i < *len; i++)
	{
		if ((*s)[i] != '\0')
			*to++ = (*s)[i];
		else
		{
			memcpy(to, substitute, width);
			to += width;
		}
	}
	*s = copy;
	*len = to - copy;
	w->sink.has_nul = true;
}

CdcStatus
cdc_jsonb_append_text(CdcJsonbWriter *w, Bytes *b, const char *s, size_t len)
{
	const char *given = s;
	const char *clean;
	const char *text;

	if (memchr(s, '\0', len) != NULL)
	{
		if (len > MAX_BYTES / 3)
			return CDC_ERR_LIMIT;
		replace_nul(w, &s, &len);
	}
	clean = s;

	/* what is stored must be valid, whatever a source sends */
	if (!pg_verify_mbstr(PG_UTF8, clean, (int) len, true))
		return CDC_ERR_CORRUPT;
	text = clean;
	if (w->encoding != PG_UTF8 && w->encoding != PG_SQL_ASCII)
	{
		if (!w->soft)
			text = cdc_from_utf8_n(clean, &len);
		else
		{
			text = cdc_from_utf8_soft(clean, len, w->problem, sizeof(w->problem));
			if (text != NULL && text != clean)
				len = strlen(text);
		}
	}
	if (text == NULL)
	{
		if (clean != given)
			pfree((void *) clean);
		return CDC_ERR_VALUE;
	}
	memcpy(bytes_reserve(w, b, len), text, len);
	b->len += len;
	if (text != clean)
		pfree((void *) text);
	if (clean != given)
		pfree((void *) clean);
	return CDC_OK;
}
