/*-------------------------------------------------------------------------
 *
 * utf8.h
 *	  Text from and to UTF-8, which everything outside of the server has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_UTF8_H
#define CDC_PG_BASE_UTF8_H

#include "pg/base/compat.h"
#include "mb/pg_wchar.h"

/*
 * C strings.  NULL stays NULL; the result is the argument itself where there is
 * nothing to convert, else palloc'ed.  From UTF-8: ERROR where it is not valid, or
 * has a character that the database's encoding lacks.
 */
extern char *cdc_from_utf8(const char *utf8);
extern char *cdc_to_utf8(const char *text);

/* The same, always palloc'ed; not NULL. */
extern char *cdc_from_utf8_copy(const char *utf8);
extern char *cdc_to_utf8_copy(const char *text);

/* A C string as a Datum of type text. */
extern Datum cdc_text_datum_from_utf8(const char *utf8);

/*
 * For messages, which must not fail themselves: a text that may end inside a
 * character, where it was cut to a buffer's size, or hold bytes that a source sent.
 * What is not UTF-8 becomes '?'.  palloc'ed.
 */
extern char *cdc_from_utf8_lenient(const char *utf8);

/* Puts '?' in place of NULs and of each byte that is no UTF-8; how many these were. */
extern size_t cdc_utf8_repair(char *text, size_t len);

/*
 * Without ERROR: NULL where the database's encoding lacks a character; problem then
 * has what the conversion said, in UTF-8.  The text is valid UTF-8.  May return utf8.
 */
extern const char *cdc_from_utf8_soft(const char *utf8, size_t len, char *problem, size_t size);

/*
 * Strings with a length, which *len changes with the result.  They are valid, and
 * not checked where nothing is to convert.  May return the argument; a result that
 * is another one ends with a NUL.
 */
static inline const char *
cdc_from_utf8_n(const char *utf8, size_t *len)
{
	const char *converted = utf8;

	if (GetDatabaseEncoding() != PG_UTF8 && *len > 0)
		converted = pg_any_to_server(utf8, (int) *len, PG_UTF8);
	if (converted != utf8)
		*len = strlen(converted);
	return converted;
}

static inline const char *
cdc_to_utf8_n(const char *text, size_t *len)
{
	const char *converted = text;

	if (GetDatabaseEncoding() != PG_UTF8 && *len > 0)
		converted = pg_server_to_any(text, (int) *len, PG_UTF8);
	if (converted != text)
		*len = strlen(converted);
	return converted;
}

/* Whether bytes are UTF-8 without the character NUL, which no text here may have. */
static inline bool
cdc_is_utf8_text(const char *bytes, size_t len)
{
	return memchr(bytes, '\0', len) == NULL && pg_verify_mbstr(PG_UTF8, bytes, (int) len, true);
}

#endif							/* CDC_PG_BASE_UTF8_H */
