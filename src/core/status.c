/*-------------------------------------------------------------------------
 *
 * status.c
 *	  Fills the error report of the pure layers; see status.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/*
 * The length of the UTF-8 character at s, *code its number; 0 where there is
 * none.
 */
static size_t
utf8_char(const unsigned char *s, uint32_t *code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t		len = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
	size_t		i;

	if (len < 2)
	{
		*code = s[0];
		return len;
	}
	*code = s[0] & (0x7F >> len);
	for (i = 1; i < len; i++)
	{
		if ((s[i] & 0xC0) != 0x80)
			return 0;			/* the terminating zero too */
		*code = *code << 6 | (s[i] & 0x3F);
	}
	return *code < smallest[len] || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000) ? 0 : len;
}

/* What a terminal or a reader could be deceived with. */
static bool
deceives(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) ||
		code == 0x061C || code == 0x200E || code == 0x200F ||
		(code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

static char *
clean(char *dst, size_t size, const char *src, bool lines)
{
	const unsigned char *s = (const unsigned char *) src;
	size_t		len = 0;
	size_t		fits = 0;		/* of it, with room for the dots */

	while (*s != '\0')
	{
		uint32_t	code;
		size_t		n = utf8_char(s, &code);
		bool		keep = n > 0 && (!deceives(code) || (lines && (code == '\n' || code == '\t')));
		size_t		add = keep ? n : 1;

		if (len + add >= size)
		{
			len = fits;
			while (len + 1 < size && len < fits + 3)
				dst[len++] = '.';
			break;
		}
		if (keep)
			memmove(dst + len, s, n);
		else
			dst[len] = '?';
		len += add;
		if (len + 3 < size)
			fits = len;
		s += n > 0 ? n : 1;
	}
	dst[len] = '\0';
	return dst;
}

char *
cdc_clean_text(char *dst, size_t size, const char *src)
{
	return clean(dst, size, src, false);
}

char *
cdc_clean_lines(char *dst, size_t size, const char *src)
{
	return clean(dst, size, src, true);
}

/*
 * Formats into dst of size bytes.  A text that does not fit is cut between two
 * UTF-8 characters.  fmt's arguments may point into dst itself, so that an
 * error can be wrapped into another one.
 */
static void __attribute__((format(printf, 3, 0)))
format_text(char *dst, size_t size, const char *fmt, va_list args)
{
	char		text[CDC_ERROR_TEXT];
	size_t		len;
	int			n;

	n = vsnprintf(text, sizeof(text), fmt, args);
	if (n < 0)
		text[0] = '\0';
	len = strlen(text);
	if ((size_t) n >= sizeof(text) || len >= size)
	{
		if (len > size - 1)
			len = size - 1;

		/* do not end in the middle of a character */
		while (len > 0 && ((unsigned char) text[len - 1] & 0xC0) == 0x80)
			len--;
		if (len > 0 && ((unsigned char) text[len - 1] & 0x80) != 0)
			len--;
	}
	memcpy(dst, text, len);
	dst[len] = '\0';
}

/* Copies a string that may be too long, cut between two characters. */
static void
copy_text(char *dst, size_t size, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

static void
copy_text(char *dst, size_t size, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	format_text(dst, size, fmt, args);
	va_end(args);
}

CdcStatus
cdc_error(CdcError *err, CdcStatus st, const char *fmt,...)
{
	va_list		args;

	if (err == NULL)
		return st;

	va_start(args, fmt);
	format_text(err->message, sizeof(err->message), fmt, args);
	va_end(args);

	err->status = st;
	err->source_errno = 0;
	err->detail[0] = '\0';
	err->hint[0] = '\0';
	err->file[0] = '\0';
	err->offset = 0;
	err->table[0] = '\0';
	err->column[0] = '\0';
	return st;
}

void
cdc_error_detail(CdcError *err, const char *fmt,...)
{
	va_list		args;

	if (err == NULL || err->detail[0] != '\0')
		return;
	va_start(args, fmt);
	format_text(err->detail, sizeof(err->detail), fmt, args);
	va_end(args);
}

void
cdc_error_hint(CdcError *err, const char *fmt,...)
{
	va_list		args;

	if (err == NULL || err->hint[0] != '\0')
		return;
	va_start(args, fmt);
	format_text(err->hint, sizeof(err->hint), fmt, args);
	va_end(args);
}

void
cdc_error_at(CdcError *err, const char *file, uint64_t offset)
{
	if (err == NULL || err->file[0] != '\0')
		return;
	copy_text(err->file, sizeof(err->file), "%s", file != NULL ? file : "");
	err->offset = offset;
}

void
cdc_error_column(CdcError *err, const char *database, const char *table,
				 const char *column)
{
	if (err == NULL || err->table[0] != '\0')
		return;
	copy_text(err->table, sizeof(err->table), "%s.%s",
			  database != NULL ? database : "", table != NULL ? table : "");
	copy_text(err->column, sizeof(err->column), "%s", column != NULL ? column : "");
}
