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
	const char *substitute = utf8 ? replacement_utf8 : "?";
	size_t		width = strlen(substitute);
	size_t		zeros = 0;
	size_t		i;
	char	   *copy;
	char	   *to;

	for (i = 0; i < *len; i++)
		zeros += ((*s)[i] == '\0');
	copy = to = palloc(*len + zeros * (width - 1) + 1);
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

/* In the database's encoding; NULL where that lacks a character. */
static const char *
to_server(CdcJsonbWriter *w, const char *s, size_t len)
{
	MemoryContext caller = CurrentMemoryContext;
	const char *volatile text = NULL;

	if (!w->soft)
		return (const char *) pg_do_encoding_conversion((unsigned char *) s, (int) len,
														PG_UTF8, w->encoding);
	PG_TRY();
	{
		text = (const char *) pg_do_encoding_conversion((unsigned char *) s, (int) len,
														PG_UTF8, w->encoding);
	}
	PG_CATCH();
	{
		ErrorData  *error;
		char	   *message;

		/* a conversion changes nothing: nothing is to be undone */
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_UNTRANSLATABLE_CHARACTER &&
			error->sqlerrcode != ERRCODE_CHARACTER_NOT_IN_REPERTOIRE)
			PG_RE_THROW();
		FlushErrorState();
		message = pg_server_to_any(error->message, (int) strlen(error->message), PG_UTF8);
		strlcpy(w->problem, message, sizeof(w->problem));
		FreeErrorData(error);
	}
	PG_END_TRY();
	return text;
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
		text = to_server(w, clean, len);
		if (text != NULL && text != clean)
			len = strlen(text);
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
