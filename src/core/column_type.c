/*-------------------------------------------------------------------------
 *
 * column_type.c
 *	  Takes a source's column type apart, as information_schema.COLUMNS gives
 *	  it in COLUMN_TYPE, of MySQL 5.0 to 9.x and MariaDB 5.5 to 12.
 *
 *		type		:= word [ "(" argument { "," argument } ")" ] { attribute }
 *		argument	:= number | quoted string | x'hexadecimal digits'
 *		attribute	:= unsigned | zerofill | compressed | binary | ascii | unicode
 *					 | (character set | charset | collate) name
 *
 * The server prints a member of an enum or set with its quotes doubled and
 * NUL, line feed, carriage return and backslash escaped by a backslash
 * (append_unescaped() in MySQL's sql/unireg.cc).  Comments stand around the
 * attributes that older versions do not know ("M!100301 COMPRESSED")
 * or mark an old format ("5.5 binary format", "mariadb-5.3");
 * the words of the former are read as any other, the latter are skipped.
 *
 * An attribute that is not known is an error: it may be one that changes how
 * values are stored, and a wrong value is worse than none.  An unknown type
 * name is none: the decoder says what it supports.
 *
 *-------------------------------------------------------------------------
 */
#include "core/arena.h"
#include "core/change.h"

#include <string.h>

#define MAX_ENUM_MEMBERS	65535
#define MAX_SET_MEMBERS		64
#define MAX_DECIMAL_DIGITS	65
#define MAX_DECIMAL_SCALE	38	/* MariaDB's; MySQL has 30 */

typedef struct TypeParser
{
	CdcArena   *arena;
	const char *text;			/* all of it, for messages */
	const char *p;				/* what comes next */
	bool		in_version_comment;
	CdcColumn  *col;
	CdcError   *err;
	int			narguments;		/* numbers in the parentheses */
	uint32_t	arguments[2];
} TypeParser;

static CdcStatus
type_error(TypeParser *tp, CdcStatus st, const char *what)
{
	size_t		len = strlen(tp->text);

	cdc_error(tp->err, st, "cannot understand column type \"%.200s%s\"",
			  tp->text, len > 200 ? "..." : "");
	cdc_error_detail(tp->err, "%s at byte %zu.", what, (size_t) (tp->p - tp->text));
	return st;
}

static CdcStatus
type_nomem(TypeParser *tp)
{
	return cdc_error(tp->err, CDC_ERR_LIMIT, "column type is too large for the memory allowed");
}

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/*
 * Skips white space and comments, but enters the version comments, whose
 * first word is a version number.
 */
static CdcStatus
skip_space(TypeParser *tp)
{
	for (;;)
	{
		const char *p = tp->p;

		if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
			tp->p++;
		else if (p[0] == '*' && p[1] == '/' && tp->in_version_comment)
		{
			tp->in_version_comment = false;
			tp->p += 2;
		}
		else if (p[0] == '/' && p[1] == '*' && !tp->in_version_comment &&
				 (p[2] == '!' || (p[2] == 'M' && p[3] == '!')))
		{
			tp->in_version_comment = true;
			tp->p = p + (p[2] == '!' ? 3 : 4);
			while (*tp->p >= '0' && *tp->p <= '9')
				tp->p++;
		}
		else if (p[0] == '/' && p[1] == '*')
		{
			const char *end = strstr(p + 2, "*/");

			if (end == NULL)
				return type_error(tp, CDC_ERR_VALUE, "A comment has no end");
			tp->p = end + 2;
		}
		else
			return CDC_OK;
	}
}

/* Whether the next word is this one (lower case); if so, reads over it. */
static bool
take_word(TypeParser *tp, const char *word)
{
	size_t		len = strlen(word);

	for (size_t i = 0; i < len; i++)
	{
		if (lower(tp->p[i]) != word[i])
			return false;
	}
	if (is_word_char(tp->p[len]))
		return false;
	tp->p += len;
	return true;
}

/* Reads the type's name into col->data_type, in lower case. */
static CdcStatus
read_name(TypeParser *tp)
{
	size_t		len = 0;
	char	   *name;

	while (is_word_char(tp->p[len]))
		len++;
	if (len == 0)
		return type_error(tp, CDC_ERR_VALUE, "Expected the name of a type");
	name = cdc_arena_strndup(tp->arena, tp->p, len);
	if (name == NULL)
		return type_nomem(tp);
	for (size_t i = 0; i < len; i++)
		name[i] = lower(name[i]);
	tp->col->data_type = name;
	tp->p += len;
	return CDC_OK;
}

static CdcStatus
read_number(TypeParser *tp)
{
	uint64_t	v = 0;
	int			n = tp->narguments;

	if (*tp->p < '0' || *tp->p > '9' || n >= 2)
		return type_error(tp, CDC_ERR_VALUE, "Expected a number or \")\"");
	for (; *tp->p >= '0' && *tp->p <= '9'; tp->p++)
	{
		v = v * 10 + (unsigned) (*tp->p - '0');
		if (v > UINT32_MAX)
			return type_error(tp, CDC_ERR_VALUE, "A number is too large");
	}
	tp->arguments[n] = (uint32_t) v;
	tp->narguments = n + 1;
	return CDC_OK;
}

/*
 * Reads over a quoted string and counts its bytes without the escapes; with
 * out, also writes them there.  false: it does not end.
 */
static bool
read_string(const char **at, char *out, size_t *len)
{
	const char *p = *at + 1;	/* behind the opening quote */
	size_t		n = 0;

	for (;; p++, n++)
	{
		char		c = *p;

		if (c == '\0')
			return false;
		if (c == '\'')
		{
			if (p[1] != '\'')
				break;
			p++;
		}
		else if (c == '\\')
		{
			c = *++p;
			if (c == '\0')
				return false;
			if (c == '0')
				c = '\0';
			else if (c == 'n')
				c = '\n';
			else if (c == 'r')
				c = '\r';
		}
		if (out != NULL)
			out[n] = c;
	}
	*at = p + 1;
	*len = n;
	return true;
}

/*
 * Reads over a member as read_string() does.  MySQL 8 prints one whose bytes
 * are none of its character set, which CONVERT TO may leave behind, as x'hex':
 * it has no text, and is the empty string where the server shows one.
 */
static bool
read_member(const char **at, char *out, size_t *len)
{
	const char *p = *at;

	if (*p != 'x' && *p != 'X')
		return *p == '\'' && read_string(at, out, len);
	p++;
	if (*p != '\'' || !read_string(&p, NULL, len))
		return false;
	*len = 0;
	*at = p;
	return true;
}

/* Counts the members of an enum or set from the first one's quote on. */
static CdcStatus
count_members(TypeParser *tp, int max, int *count)
{
	int			n = 0;

	for (;;)
	{
		size_t		len;

		if (!read_member(&tp->p, NULL, &len))
			return type_error(tp, CDC_ERR_VALUE, "Expected a quoted member");
		if (++n > max)
			return type_error(tp, CDC_ERR_VALUE, "There are too many members");
		while (*tp->p == ' ')
			tp->p++;
		if (*tp->p == ')')
			break;
		if (*tp->p++ != ',')
			return type_error(tp, CDC_ERR_VALUE, "Expected \",\" or \")\"");
		while (*tp->p == ' ')
			tp->p++;
	}
	*count = n;
	return CDC_OK;
}

/* Reads the members of an enum or set up to the closing parenthesis. */
static CdcStatus
read_members(TypeParser *tp, int max)
{
	const char *p = tp->p;
	CdcString  *members;
	int			count = 0;
	CdcStatus	st = count_members(tp, max, &count);

	if (st != CDC_OK)
		return st;
	members = cdc_arena_alloc(tp->arena, (size_t) count * sizeof(CdcString));
	if (members == NULL)
		return type_nomem(tp);
	for (int i = 0; i < count; i++)
	{
		const char *again;
		size_t		len;
		char	   *data;

		while (*p != '\'' && *p != 'x' && *p != 'X')
			p++;
		again = p;
		if (!read_member(&again, NULL, &len))
			return type_error(tp, CDC_ERR_INTERNAL, "A member has no end");
		data = cdc_arena_alloc(tp->arena, len + 1);
		if (data == NULL)
			return type_nomem(tp);
		read_member(&p, data, &len);
		data[len] = '\0';
		members[i].data = data;
		members[i].len = len;
	}
	tp->col->members = members;
	tp->col->nmembers = count;
	return CDC_OK;
}

/* Reads "(...)", where there is one. */
static CdcStatus
read_arguments(TypeParser *tp)
{
	bool		is_enum = strcmp(tp->col->data_type, "enum") == 0;
	bool		is_set = strcmp(tp->col->data_type, "set") == 0;
	CdcStatus	st = skip_space(tp);

	if (st != CDC_OK)
		return st;
	if (*tp->p != '(')
	{
		if (is_enum || is_set)
			return type_error(tp, CDC_ERR_VALUE, "Expected the members");
		return CDC_OK;
	}
	do
	{
		tp->p++;
		st = skip_space(tp);
		if (st == CDC_OK && (is_enum || is_set))
			st = read_members(tp, is_enum ? MAX_ENUM_MEMBERS : MAX_SET_MEMBERS);
		else if (st == CDC_OK)
			st = read_number(tp);
		if (st == CDC_OK)
			st = skip_space(tp);
		if (st != CDC_OK)
			return st;
	} while (*tp->p == ',' && !is_enum && !is_set);
	if (*tp->p != ')')
		return type_error(tp, CDC_ERR_VALUE, "Expected \")\"");
	tp->p++;
	return CDC_OK;
}

static CdcStatus
read_attributes(TypeParser *tp)
{
	for (;;)
	{
		CdcStatus	st = skip_space(tp);

		if (st != CDC_OK)
			return st;
		if (*tp->p == '\0')
			break;

		/* zerofill makes a column unsigned, also where that is not printed */
		if (take_word(tp, "unsigned") || take_word(tp, "zerofill"))
			tp->col->is_unsigned = true;
		else if (take_word(tp, "character"))
		{
			st = skip_space(tp);
			if (st != CDC_OK)
				return st;
			if (!take_word(tp, "set"))
				return type_error(tp, CDC_ERR_VALUE, "Expected \"set\"");
			st = skip_space(tp);
			if (st != CDC_OK)
				return st;
			while (is_word_char(*tp->p))
				tp->p++;
		}
		else if (take_word(tp, "charset") || take_word(tp, "collate"))
		{
			st = skip_space(tp);
			if (st != CDC_OK)
				return st;
			while (is_word_char(*tp->p))
				tp->p++;
		}
		else if (!take_word(tp, "signed") && !take_word(tp, "compressed") &&
				 !take_word(tp, "binary") && !take_word(tp, "ascii") &&
				 !take_word(tp, "unicode"))
			return type_error(tp, CDC_ERR_UNSUPPORTED, "There is an unknown attribute");
	}
	if (tp->in_version_comment)
		return type_error(tp, CDC_ERR_VALUE, "A comment has no end");
	return CDC_OK;
}

bool
cdc_type_is_one_of(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
	{
		if (strcmp(name, *list) == 0)
			return true;
	}
	return false;
}

/* Gives the numbers in the parentheses, or their defaults, their meaning. */
static CdcStatus
set_arguments(TypeParser *tp)
{
	static const char *const exact[] = {"decimal", "numeric", "dec", "fixed", NULL};
	static const char *const approximate[] = {"float", "double", "real", NULL};
	static const char *const fractional[] = {"time", "datetime", "timestamp", NULL};
	static const char *const default_one[] = {"bit", "char", "binary", NULL};
	CdcColumn  *col = tp->col;
	const char *type = col->data_type;
	uint32_t	first = tp->arguments[0];
	uint32_t	second = tp->arguments[1];

	if (cdc_type_is_one_of(type, exact) || (cdc_type_is_one_of(type, approximate) && tp->narguments > 0))
	{
		if (tp->narguments == 0)
			first = 10;
		if (first < 1 || first > (cdc_type_is_one_of(type, exact) ? MAX_DECIMAL_DIGITS : 255) ||
			second > first || second > MAX_DECIMAL_SCALE)
			return type_error(tp, CDC_ERR_VALUE, "Precision or scale is out of range");
		col->precision = (uint16_t) first;
		col->scale = (uint16_t) second;
		return CDC_OK;
	}
	if (tp->narguments > 1)
		return type_error(tp, CDC_ERR_VALUE, "There are too many numbers");
	if (cdc_type_is_one_of(type, fractional))
	{
		/* before MySQL 4.1 a timestamp's number was its display width */
		if (first > 6)
			return type_error(tp, CDC_ERR_VALUE, "There are too many fractional digits");
		col->fsp = (uint8_t) first;
		return CDC_OK;
	}
	if (tp->narguments == 0 && cdc_type_is_one_of(type, default_one))
		first = 1;
	if (strcmp(type, "bit") == 0 && (first < 1 || first > 64))
		return type_error(tp, CDC_ERR_VALUE, "The number of bits is out of range");
	col->length = first;
	return CDC_OK;
}

CdcStatus
cdc_column_type_parse(CdcArena *arena, const char *column_type, CdcColumn *col,
					  CdcError *err)
{
	TypeParser	tp = {
		.arena = arena,.text = column_type,.p = column_type,.col = col,.err = err
	};
	CdcStatus	st = skip_space(&tp);

	if (st == CDC_OK)
		st = read_name(&tp);
	if (st == CDC_OK)
		st = read_arguments(&tp);
	if (st == CDC_OK)
		st = set_arguments(&tp);
	if (st == CDC_OK)
		st = read_attributes(&tp);
	return st;
}
