/*-------------------------------------------------------------------------
 *
 * charset_exceptions.h
 *	  Where MySQL's character sets are not what iconv has under the name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_CHARSET_EXCEPTIONS_H
#define CDC_BINLOG_CHARSET_EXCEPTIONS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Codes from first to last (big-endian numbers of their bytes) are the
 * characters from character on; 0: they are not defined.
 */
typedef struct CdcCharsetException
{
	const char *charset;
	uint32_t	first;
	uint32_t	last;
	uint32_t	character;
} CdcCharsetException;

extern const CdcCharsetException cdc_charset_exceptions[];
extern const size_t cdc_ncharset_exceptions;

#endif							/* CDC_BINLOG_CHARSET_EXCEPTIONS_H */
