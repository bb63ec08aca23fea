/*-------------------------------------------------------------------------
 *
 * json_check.c
 *	  See json_check.h.  Written without a look at the code it checks.
 *
 *-------------------------------------------------------------------------
 */
#include "json_check.h"

#include <string.h>

#define MAX_KEYS	64

typedef struct Checker
{
	const unsigned char *p;
	const unsigned char *end;
} Checker;

static bool check_value(Checker *c, int depth);

static bool
take(Checker *c, char wanted)
{
	if (c->p == c->end || *c->p != (unsigned char) wanted)
		return false;
	c->p++;
	return true;
}

static bool
is_digit(const Checker *c)
{
	return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

static bool
take_digits(Checker *c)
{
	if (!is_digit(c))
		return false;
	while (is_digit(c))
		c->p++;
	return true;
}

static bool
check_number(Checker *c)
{
	take(c, '-');
	if (take(c, '0'))
	{
		if (is_digit(c))
			return false;
	}
	else if (!take_digits(c))
		return false;
	if (take(c, '.') && !take_digits(c))
		return false;
	if (take(c, 'e') || take(c, 'E'))
	{
		if (!take(c, '+'))
			take(c, '-');
		if (!take_digits(c))
			return false;
	}
	return true;
}

/* One UTF-8 character: shortest form, no surrogates, at most U+10FFFF. */
static bool
check_utf8(Checker *c)
{
	unsigned	first = *c->p++;
	unsigned	code;
	int			more;
	static const unsigned least[] = {0, 0x80, 0x800, 0x10000};

	if (first < 0x80)
		return true;
	if (first < 0xC2 || first > 0xF4)
		return false;
	more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
	code = first & (0x3Fu >> more);
	for (int i = 0; i < more; i++)
	{
		if (c->p == c->end || (*c->p & 0xC0) != 0x80)
			return false;
		code = code << 6 | (*c->p++ & 0x3Fu);
	}
	return code >= least[more] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

static bool
check_escape(Checker *c)
{
	if (c->p == c->end)
		return false;
	if (*c->p == 'u')
	{
		c->p++;
		for (int i = 0; i < 4; i++)
		{
			if (c->p == c->end || *c->p == 0 ||
				strchr("0123456789abcdefABCDEF", *c->p) == NULL)
				return false;
			c->p++;
		}
		return true;
	}
	return *c->p != 0 && strchr("\"\\/bfnrt", *c->p++) != NULL;
}

static bool
check_string(Checker *c)
{
	if (!take(c, '"'))
		return false;
	while (c->p < c->end && *c->p != '"')
	{
		if (*c->p < 0x20)
			return false;
		if (take(c, '\\'))
		{
			if (!check_escape(c))
				return false;
		}
		else if (!check_utf8(c))
			return false;
	}
	return take(c, '"');
}

static bool
check_object(Checker *c, int depth)
{
	struct
	{
		const unsigned char *text;
		size_t		len;
	}			keys[MAX_KEYS];
	int			n = 0;

	if (take(c, '}'))
		return true;
	do
	{
		const unsigned char *start = c->p;

		if (n == MAX_KEYS || !check_string(c))
			return false;
		keys[n].text = start;
		keys[n].len = (size_t) (c->p - start);
		for (int i = 0; i < n; i++)
		{
			if (keys[i].len == keys[n].len &&
				memcmp(keys[i].text, keys[n].text, keys[n].len) == 0)
				return false;
		}
		n++;
		if (!take(c, ':') || !check_value(c, depth + 1))
			return false;
	} while (take(c, ','));
	return take(c, '}');
}

static bool
check_array(Checker *c, int depth)
{
	if (take(c, ']'))
		return true;
	do
	{
		if (!check_value(c, depth + 1))
			return false;
	} while (take(c, ','));
	return take(c, ']');
}

static bool
check_word(Checker *c, const char *word)
{
	for (; *word != '\0'; word++)
	{
		if (!take(c, *word))
			return false;
	}
	return true;
}

static bool
check_value(Checker *c, int depth)
{
	if (c->p == c->end || depth > 2000)
		return false;
	switch (*c->p)
	{
		case '{':
			c->p++;
			return check_object(c, depth);
		case '[':
			c->p++;
			return check_array(c, depth);
		case '"':
			return check_string(c);
		case 't':
			return check_word(c, "true");
		case 'f':
			return check_word(c, "false");
		case 'n':
			return check_word(c, "null");
		default:
			return check_number(c);
	}
}

bool
json_check(const char *s, size_t len)
{
	Checker		c = {(const unsigned char *) s, (const unsigned char *) s + len};

	return check_value(&c, 0) && c.p == c.end;
}
