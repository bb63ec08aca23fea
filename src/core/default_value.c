/*-------------------------------------------------------------------------
 *
 * default_value.c
 *	  What a row has in a column that its INSERT did not name.
 *
 * Servers leave such columns out of images that are not FULL, where the default is a
 * constant or none was given.  Said is only what the definition determines: a text in a
 * form that is not understood is not guessed at.
 *
 *-------------------------------------------------------------------------
 */
#include "core/default_value.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/text_value.h"

/* Above this a default is not looked at; the server's own bound is far lower. */
#define MAX_DEFAULT		65536

static bool
is_type(const CdcColumn *column, const char *name)
{
	return strcmp(column->data_type, name) == 0;
}

static bool
is_bytes(const CdcColumn *column)
{
	return is_type(column, "binary") || is_type(column, "varbinary") ||
		strstr(column->data_type, "blob") != NULL;
}

static bool
is_temporal(const CdcColumn *column)
{
	return is_type(column, "date") || is_type(column, "time") || is_type(column, "datetime") ||
		is_type(column, "timestamp");
}

/* ------------------------------------------------------------------------
 * Texts
 * ------------------------------------------------------------------------
 */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* len hexadecimal digits as bytes. */
static bool
from_hex(CdcArena *arena, const char *digits, size_t len, CdcString *out)
{
	char	   *bytes = cdc_arena_alloc(arena, len / 2 + 1);

	if (bytes == NULL || len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i += 2)
	{
		int			high = hex_digit(digits[i]);
		int			low = hex_digit(digits[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (char) (high * 16 + low);
	}
	*out = (CdcString) {bytes, len / 2};
	return true;
}

/* What stands between quotes; false where that is not all of it, or has an unknown escape. */
static bool
unquote(CdcArena *arena, const char *text, size_t len, CdcString *out)
{
	static const char from[] = "0nrtbZ\\'\"";
	static const char to[] = "\0\n\r\t\b\032\\'\"";
	char	   *copy = cdc_arena_alloc(arena, len + 1);
	size_t		n = 0;

	if (copy == NULL || len < 2 || text[len - 1] != '\'')
		return false;
	for (size_t i = 1; i < len - 1; i++)
	{
		const char *escape;

		if (text[i] == '\'' && (++i >= len - 1 || text[i] != '\''))
			return false;
		if (text[i] == '\\')
		{
			if (++i >= len - 1 || (escape = strchr(from, text[i])) == NULL)
				return false;
			copy[n++] = to[escape - from];
			continue;
		}
		copy[n++] = text[i];
	}
	*out = (CdcString) {copy, n};
	return true;
}

/* The value's text out of a literal of SQL. */
static bool
literal_text(CdcArena *arena, const char *text, CdcString *out)
{
	size_t		len = strlen(text);

	if (text[0] == '\'')
		return unquote(arena, text, len, out);
	if ((text[0] == 'x' || text[0] == 'X') && len > 2 && text[1] == '\'' && text[len - 1] == '\'')
		return from_hex(arena, text + 2, len - 3, out);
	if (text[0] == 'b' && len > 2 && text[1] == '\'')
		*out = (CdcString) {text, len};
	else if (len > 0 && strspn(text, "+-0123456789.eE") == len)
		*out = (CdcString) {text, len};
	else
		return false;
	return true;
}

/* ------------------------------------------------------------------------
 * By type
 * ------------------------------------------------------------------------
 */

/* A number as the text that a copy reads for bits, enums and sets. */
static bool
numbered(CdcArena *arena, const CdcColumn *column, uint64_t number, CdcValue *value)
{
	char		buf[24];
	CdcError	err;
	int			len = snprintf(buf, sizeof(buf), "%llu", (unsigned long long) number);

	return cdc_value_from_text(arena, column, (CdcString) {buf, (size_t) len}, value, &err) == CDC_OK;
}

static bool
bit_value(CdcArena *arena, const CdcColumn *column, CdcString text, CdcValue *value)
{
	uint64_t	bits = 0;

	if (text.len < 4 || text.len > 67 || text.data[0] != 'b' || text.data[1] != '\'' ||
		text.data[text.len - 1] != '\'')
		return false;
	for (size_t i = 2; i < text.len - 1; i++)
	{
		if (text.data[i] != '0' && text.data[i] != '1')
			return false;
		bits = bits << 1 | (uint64_t) (text.data[i] - '0');
	}
	return numbered(arena, column, bits, value);
}

/* The place of a member, from 0, or -1; the server prints it as it was defined. */
static int
member_of(const CdcColumn *column, const char *text, size_t len)
{
	for (int i = 0; i < column->nmembers; i++)
		if (column->members[i].len == len && memcmp(column->members[i].data, text, len) == 0)
			return i;
	return -1;
}

static bool
member_value(CdcArena *arena, const CdcColumn *column, CdcString text, CdcValue *value)
{
	const char *p = text.data;
	const char *end = text.data + text.len;
	uint64_t	chosen = 0;

	if (is_type(column, "enum"))
	{
		int			member = member_of(column, text.data, text.len);

		return member >= 0 && numbered(arena, column, (uint64_t) member + 1, value);
	}
	while (p < end)
	{
		const char *comma = memchr(p, ',', (size_t) (end - p));
		size_t		len = comma != NULL ? (size_t) (comma - p) : (size_t) (end - p);
		int			member = member_of(column, p, len);

		if (member < 0 || member >= 64)
			return false;
		chosen |= UINT64_C(1) << member;
		p += len + (comma != NULL ? 1 : 0);
	}
	return numbered(arena, column, chosen, value);
}

/*
 * Bytes out of a text: hexadecimal digits, or characters.  MariaDB 10 prints '?' for what
 * is no character.
 */
static bool
bytes_of(CdcArena *arena, const char *text, bool literals, CdcString *bytes)
{
	if (!literals && text[0] == '0' && text[1] == 'x')
		return from_hex(arena, text + 2, strlen(text + 2), bytes);
	if (!literals && text[0] != '\0')
		return false;
	if (text[0] != '\'' && text[0] != '\0' && text[0] != 'x' && text[0] != 'X')
		return false;
	if (!literal_text(arena, text[0] == '\0' ? "''" : text, bytes))
		return false;
	for (size_t i = 0; text[0] == '\'' && i < bytes->len; i++)
		if (bytes->data[i] == '?' || (bytes->data[i] & 0x80) != 0)
			return false;
	return true;
}

/* binary(n) has n of them. */
static bool
bytes_value(CdcArena *arena, const CdcColumn *column, CdcString bytes, CdcValue *value)
{
	char	   *padded;

	if (is_type(column, "binary") && bytes.len < column->length)
	{
		padded = cdc_arena_zalloc(arena, column->length);
		if (padded == NULL)
			return false;
		memcpy(padded, bytes.data, bytes.len);
		bytes = (CdcString) {padded, column->length};
	}
	value->kind = CDC_BYTES;
	value->u.s = bytes;
	return true;
}

/*
 * A server prints six digits of a float: of a value with so many the last ones may be
 * lost.
 */
static bool
may_be_rounded(const CdcColumn *column, CdcString text)
{
	int			digits = 0;

	if (!is_type(column, "float"))
		return false;
	for (size_t i = 0; i < text.len && text.data[i] != 'e' && text.data[i] != 'E'; i++)
		if ((text.data[i] >= '1' && text.data[i] <= '9') || (text.data[i] == '0' && digits > 0))
			digits++;
	return digits >= 6;
}

/* Whether a server would have rounded or cut the text: which of them, is not known here. */
static bool
has_more_digits(const CdcColumn *column, CdcString text)
{
	const char *point = memchr(text.data, '.', text.len);
	size_t		digits = point != NULL ? (size_t) (text.data + text.len - point) - 1 : 0;

	if (is_temporal(column))
		return digits > column->fsp;
	return (is_type(column, "decimal") || is_type(column, "numeric")) && digits > column->scale;
}

static bool
text_value(CdcArena *arena, const CdcColumn *column, CdcString text, CdcValue *value)
{
	char	   *copy;
	CdcError	err;

	if (is_type(column, "bit"))
		return bit_value(arena, column, text, value);
	if (is_type(column, "enum") || is_type(column, "set"))
		return member_value(arena, column, text, value);
	/* a timestamp's literal is one of the session's time zone, that of the DDL or ours */
	if (may_be_rounded(column, text) || has_more_digits(column, text) ||
		(is_type(column, "timestamp") && (text.len < 10 || memcmp(text.data, "0000-00-00", 10) != 0)))
		return false;
	/* what is read of a char ends before its blanks */
	while (is_type(column, "char") && text.len > 0 && text.data[text.len - 1] == ' ')
		text.len--;
	/* the value may keep pointing to its text */
	copy = cdc_arena_strndup(arena, text.data, text.len);
	return copy != NULL &&
		cdc_value_from_text(arena, column, (CdcString) {copy, text.len}, value, &err) == CDC_OK;
}

/* What a NOT NULL column without default has; a server in strict mode refuses it. */
static bool
implicit_value(CdcArena *arena, const CdcColumn *column, CdcValue *value)
{
	static const char *const numbers[] = {"tinyint", "smallint", "mediumint", "int", "integer",
	"bigint", "year", "float", "double", "real", NULL};
	static const char *const texts[] = {"char", "varchar", "tinytext", "text", "mediumtext",
	"longtext", NULL};
	CdcString	zero = {"0", 1};
	CdcError	err;

	if (is_type(column, "enum"))
		return column->nmembers > 0 && numbered(arena, column, 1, value);
	if (is_type(column, "bit") || is_type(column, "set"))
		return numbered(arena, column, 0, value);
	if (is_type(column, "decimal") || is_type(column, "numeric"))
	{
		char	   *text = cdc_arena_zalloc(arena, (size_t) column->scale + 3);

		if (text == NULL)
			return false;
		memset(text, '0', (size_t) column->scale + 2);
		text[1] = '.';
		zero = (CdcString) {text, column->scale > 0 ? (size_t) column->scale + 2 : 1};
	}
	else if (is_temporal(column))
	{
		memset(value, 0, sizeof(*value));
		value->kind = is_type(column, "date") ? CDC_DATE : is_type(column, "time") ? CDC_TIME :
			is_type(column, "datetime") ? CDC_DATETIME : CDC_TIMESTAMP;
		value->u.t.fsp = column->fsp;
		return true;
	}
	else if (is_bytes(column))
		return bytes_value(arena, column, (CdcString) {"", 0}, value);
	else if (cdc_type_is_one_of(column->data_type, texts) && !column->json_check)
		zero.len = 0;
	else if (!cdc_type_is_one_of(column->data_type, numbers))
		return false;
	return cdc_value_from_text(arena, column, zero, value, &err) == CDC_OK;
}

bool
cdc_default_value(CdcArena *arena, const CdcColumn *column, bool literals, CdcValue *value)
{
	const char *text = column->default_value;
	CdcString	s;

	memset(value, 0, sizeof(*value));
	if (column->data_type == NULL || column->default_unknown || column->generated)
		return false;
	if (text == NULL || (literals && strcasecmp(text, "NULL") == 0))
	{
		value->kind = CDC_NULL;
		return column->nullable || implicit_value(arena, column, value);
	}
	if (strlen(text) > MAX_DEFAULT)
		return false;
	if (is_bytes(column))
		return bytes_of(arena, text, literals, &s) && bytes_value(arena, column, s, value);
	if (!literals)
		s = (CdcString) {text, strlen(text)};
	else if (!literal_text(arena, text, &s))
		return false;
	return text_value(arena, column, s, value);
}
