/*-------------------------------------------------------------------------
 *
 * utf8.c
 *	  Text from and to UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/utf8.h"

#include "utils/builtins.h"

char *
cdc_from_utf8(const char *utf8)
{
	return utf8 != NULL ? pg_any_to_server(utf8, (int) strlen(utf8), PG_UTF8) : NULL;
}

char *
cdc_to_utf8(const char *text)
{
	return text != NULL ? pg_server_to_any(text, (int) strlen(text), PG_UTF8) : NULL;
}

char *
cdc_from_utf8_copy(const char *utf8)
{
	char	   *text = cdc_from_utf8(utf8);

	return text == utf8 ? pstrdup(utf8) : text;
}

char *
cdc_to_utf8_copy(const char *text)
{
	char	   *utf8 = cdc_to_utf8(text);

	return utf8 == text ? pstrdup(text) : utf8;
}

Datum
cdc_text_datum_from_utf8(const char *utf8)
{
	return CStringGetTextDatum(cdc_from_utf8(utf8));
}

size_t
cdc_utf8_repair(char *text, size_t len)
{
	size_t		replaced = 0;
	size_t		at = 0;

	while (at < len)
	{
		size_t		n = pg_encoding_mblen(PG_UTF8, text + at);

		if (text[at] != '\0' && n <= len - at && pg_utf8_islegal((unsigned char *) text + at, (int) n))
		{
			at += n;
			continue;
		}
		text[at++] = '?';
		replaced++;
	}
	return replaced;
}

char *
cdc_from_utf8_lenient(const char *utf8)
{
	char	   *copy = pstrdup(utf8);
	size_t		len = strlen(copy);

	(void) cdc_utf8_repair(copy, len);
	if (GetDatabaseEncoding() == PG_UTF8)
		return copy;
	return pg_any_to_server(copy, (int) len, PG_UTF8);
}

const char *
cdc_from_utf8_soft(const char *utf8, size_t len, char *problem, size_t size)
{
	MemoryContext caller = CurrentMemoryContext;
	const char *volatile text = NULL;

	PG_TRY();
	{
		text = (const char *) pg_do_encoding_conversion((unsigned char *) utf8, (int) len,
														PG_UTF8, GetDatabaseEncoding());
	}
	PG_CATCH();
	{
		ErrorData  *error;

		/* a conversion changes nothing: nothing is to be undone */
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_UNTRANSLATABLE_CHARACTER &&
			error->sqlerrcode != ERRCODE_CHARACTER_NOT_IN_REPERTOIRE)
			PG_RE_THROW();
		FlushErrorState();
		strlcpy(problem, cdc_to_utf8(error->message), size);
		FreeErrorData(error);
	}
	PG_END_TRY();
	return text;
}
