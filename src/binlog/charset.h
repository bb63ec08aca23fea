/*-------------------------------------------------------------------------
 *
 * charset.h
 *	  Character sets of MySQL and MariaDB, and their conversion to UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_CHARSET_H
#define CDC_BINLOG_CHARSET_H

#include "core/arena.h"
#include "core/value.h"

/*
 * The character set of a collation id; NULL when the id is unknown.  One table serves
 * MySQL and MariaDB, whose ids do not contradict each other.
 */
extern const char *cdc_collation_charset(unsigned id);

/* Whether two character set names mean the same ("utf8" is "utf8mb3"). */
extern bool cdc_charset_equal(const char *a, const char *b);

/* utf8mb4, utf8mb3 and ascii: text is UTF-8 as it is. */
extern bool cdc_charset_is_utf8(const char *charset);

typedef struct CdcCharsetConverter CdcCharsetConverter;

/* Keeps one converter for each character set that was asked for. */
typedef struct CdcCharsets
{
	CdcCharsetConverter *list;
} CdcCharsets;

/*
 * The converter of a character set, owned by the list.  CDC_ERR_UNSUPPORTED
 * when the system's iconv does not know it.
 */
extern CdcStatus cdc_charset_converter(CdcCharsets *charsets, const char *charset,
									   CdcCharsetConverter **converter, CdcError *err);
extern void cdc_charsets_free(CdcCharsets *charsets);

/* Converts text to UTF-8 in memory of the arena. */
extern CdcStatus cdc_charset_to_utf8(CdcCharsetConverter *converter, const uint8_t *data, size_t len,
							 CdcArena *arena, CdcString *result, CdcError *err);

/*
 * The text of a statement in UTF-8, in memory of the arena or as it is; collation is the one of the client
 * that sent it (0: not known).  Its names are in that character set, while a text in it may be
 * of any bytes: those that are no character are taken for latin1's, which keeps the rest.
 */
extern CdcStatus cdc_charset_statement(CdcCharsets *charsets, unsigned collation, CdcString sql,
									   CdcArena *arena, CdcString *result, CdcError *err);

/* Whether data is well-formed UTF-8 (surrogates and overlong forms are not). */
extern bool cdc_utf8_valid(const uint8_t *data, size_t len);

#endif							/* CDC_BINLOG_CHARSET_H */
