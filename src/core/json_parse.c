/*-------------------------------------------------------------------------
 *
 * json_parse.c
 *	  JSON text (RFC 8259) into a CdcSink.
 *
 * For documents that a server printed: a snapshot has them as text, the
 * binlog in binary form, and both must end up as the same event.
 *
 *-------------------------------------------------------------------------
 */
#include "core/json_parse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

/* As MySQL's own bound, with room. */
#define MAX_DEPTH		200

/* Digits that every double has, and that none needs more than. */
#define DOUBLE_SURE		15
#define DOUBLE_MAX		17

typedef struct Parser
{
	const char *start;
	const char *p;
	const char *end;
	CdcSink    *sink;
	CdcError   *err;
	CdcBuf		unescaped;
	int			depth;
	bool		printed;		/* see cdc_json_parse_printed() */
} Parser;

static CdcStatus parse_value(Parser *ps);

static CdcStatus
invalid(Parser *ps, const char *what)
{
	return cdc_error(ps->err, CDC_ERR_CORRUPT, "invalid JSON at byte %zu: %s",
					 (size_t) (ps->p - ps->start), what);
}

/* What a sink returns, as an error with a message. */
static CdcStatus
written(Parser *ps, CdcStatus st)
{
	if (!cdc_failed(st))
		return st;
	if (st == CDC_ERR_NOMEM)
		return cdc_error(ps->err, st, "out of memory");
	return cdc_error(ps->err, st, "JSON document is too large or too deeply nested, or not valid");
}

static void
skip_space(Parser *ps)
{
	while (ps->p < ps->end &&
		   (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\n' || *ps->p == '\r'))
		ps->p++;
}

static bool
parse_hex4(Parser *ps, unsigned *code)
{
	*code = 0;
	if (ps->end - ps->p < 4)
		return false;
	for (int i = 0; i < 4; i++)
	{
		char		c = *ps->p++;

		*code <<= 4;
		if (c >= '0' && c <= '9')
			*code |= (unsigned) (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			*code |= (unsigned) ((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

static size_t
put_utf8(unsigned c, char *out)
{
	if (c < 0x80)
	{
		out[0] = (char) c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (char) (0xC0 | c >> 6);
		out[1] = (char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (char) (0xE0 | c >> 12);
		out[1] = (char) (0x80 | (c >> 6 & 0x3F));
		out[2] = (char) (0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | c >> 18);
	out[1] = (char) (0x80 | (c >> 12 & 0x3F));
	out[2] = (char) (0x80 | (c >> 6 & 0x3F));
	out[3] = (char) (0x80 | (c & 0x3F));
	return 4;
}

/* The escape behind a backslash. */
static CdcStatus
parse_escape(Parser *ps)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	char		utf8[4];
	const char *found;
	unsigned	code;
	unsigned	low;
	char		c;

	if (ps->p >= ps->end)
		return invalid(ps, "string is not closed");
	c = *ps->p++;
	if (c != 'u')
	{
		found = c != '\0' ? strchr(from, c) : NULL;
		if (found == NULL)
			return invalid(ps, "unknown escape");
		return cdc_buf_append(&ps->unescaped, &to[found - from], 1) ? CDC_OK :
			written(ps, CDC_ERR_NOMEM);
	}
	if (!parse_hex4(ps, &code))
		return invalid(ps, "unknown escape");
	if (code >= 0xDC00 && code <= 0xDFFF)
		return invalid(ps, "lone surrogate");
	if (code >= 0xD800 && code <= 0xDBFF)
	{
		if (ps->end - ps->p < 6 || ps->p[0] != '\\' || ps->p[1] != 'u')
			return invalid(ps, "lone surrogate");
		ps->p += 2;
		if (!parse_hex4(ps, &low) || low < 0xDC00 || low > 0xDFFF)
			return invalid(ps, "lone surrogate");
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
	}
	return cdc_buf_append(&ps->unescaped, utf8, put_utf8(code, utf8)) ? CDC_OK :
		written(ps, CDC_ERR_NOMEM);
}

/* *s points into the text or, where there are escapes, into ps->unescaped. */
static CdcStatus
parse_string(Parser *ps, CdcString *s)
{
	const char *start = ++ps->p;	/* behind the quote */
	bool		escapes = false;

	for (;; ps->p++)
	{
		if (ps->p >= ps->end)
			return invalid(ps, "string is not closed");
		if (*ps->p == '"')
			break;
		if ((unsigned char) *ps->p < 0x20)
			return invalid(ps, "control character in a string");
		if (*ps->p == '\\')
		{
			CdcStatus	st;

			if (!escapes)
				cdc_buf_reset(&ps->unescaped);
			escapes = true;
			if (!cdc_buf_append(&ps->unescaped, start, (size_t) (ps->p - start)))
				return written(ps, CDC_ERR_NOMEM);
			ps->p++;
			st = parse_escape(ps);
			if (cdc_failed(st))
				return st;
			start = ps->p;
			ps->p--;			/* the loop steps on */
		}
	}
	if (escapes)
	{
		if (!cdc_buf_append(&ps->unescaped, start, (size_t) (ps->p - start)))
			return written(ps, CDC_ERR_NOMEM);
		s->data = ps->unescaped.data;
		s->len = ps->unescaped.len;
	}
	else
	{
		s->data = start;
		s->len = (size_t) (ps->p - start);
	}
	ps->p++;
	return CDC_OK;
}

/*
 * Whether the digits are what a double prints: as few as possible.  Up to 15
 * of them are, whatever they say.
 */
static bool
is_shortest(const char *text, int digits, double d)
{
	char		buf[64];

	if (digits <= DOUBLE_SURE)
		return true;
	if (digits > DOUBLE_MAX)
		return false;
	for (int precision = DOUBLE_SURE; precision < digits; precision++)
	{
		snprintf(buf, sizeof(buf), "%.*g", precision, d);
		if (strtod(buf, NULL) == d)
			return false;
	}
	/* 17 digits may name a neighbour of the decimal that was meant */
	snprintf(buf, sizeof(buf), "%.*e", digits - 1, d);
	{
		const char *a = text;
		const char *b = buf;

		for (int i = 0; i < digits; i++, a++, b++)
		{
			while (*a < '0' || *a > '9' || (i == 0 && *a == '0'))
				a++;
			while (*b < '0' || *b > '9')
				b++;
			if (*a != *b)
				return false;
		}
	}
	return true;
}

static size_t
skip_digits(Parser *ps)
{
	const char *start = ps->p;

	while (ps->p < ps->end && *ps->p >= '0' && *ps->p <= '9')
		ps->p++;
	return (size_t) (ps->p - start);
}

/*
 * Steps over a number as RFC 8259 has it; *integer: without fraction and
 * exponent.
 */
static bool
skip_number(Parser *ps, bool *integer, bool *exponent)
{
	const char *first;
	size_t		n;

	*integer = true;
	*exponent = false;
	if (ps->p < ps->end && *ps->p == '-')
		ps->p++;
	first = ps->p;
	n = skip_digits(ps);
	if (n == 0 || (n > 1 && *first == '0'))
		return false;
	if (ps->p < ps->end && *ps->p == '.')
	{
		*integer = false;
		ps->p++;
		if (skip_digits(ps) == 0)
			return false;
	}
	if (ps->p < ps->end && (*ps->p == 'e' || *ps->p == 'E'))
	{
		*integer = false;
		*exponent = true;
		ps->p++;
		if (ps->p < ps->end && (*ps->p == '+' || *ps->p == '-'))
			ps->p++;
		if (skip_digits(ps) == 0)
			return false;
	}
	return true;
}

static CdcStatus
parse_integer(Parser *ps, const char *text, size_t len)
{
	errno = 0;
	if (text[0] == '-')
	{
		long long	i = strtoll(text, NULL, 10);

		if (errno == 0)
			return written(ps, ps->sink->ops->int64(ps->sink, i));
	}
	else
	{
		unsigned long long u = strtoull(text, NULL, 10);

		if (errno == 0)
			return written(ps, ps->sink->ops->uint64(ps->sink, u));
	}
	return written(ps, ps->sink->ops->decimal(ps->sink, text, len));
}

static CdcStatus
parse_number(Parser *ps)
{
	const char *start = ps->p;
	size_t		len;
	char		text[400];
	bool		integer;
	bool		exponent;
	int			digits = 0;
	double		d;

	if (!skip_number(ps, &integer, &exponent))
		return invalid(ps, "not a number");
	len = (size_t) (ps->p - start);
	if (len >= sizeof(text))
		return invalid(ps, "number is too long");
	memcpy(text, start, len);
	text[len] = '\0';
	if (integer)
		return parse_integer(ps, text, len);
	if (!ps->printed)
		return written(ps, ps->sink->ops->decimal(ps->sink, text, len));

	/* a double shows no zero at its end but that of ".0": this is a decimal */
	if (!exponent && text[len - 1] == '0' && text[len - 2] != '.')
		return written(ps, ps->sink->ops->decimal(ps->sink, text, len));
	d = strtod(text, NULL);
	if (!isfinite(d))
		return invalid(ps, "number is out of range");

	/* counts from the first digit that is not zero; behind it zeros count */
	for (const char *c = text; *c != '\0' && *c != 'e' && *c != 'E'; c++)
		digits += (*c >= '1' && *c <= '9') || (*c == '0' && digits > 0);
	if (exponent || is_shortest(text, digits, d))
		return written(ps, ps->sink->ops->float8(ps->sink, d));
	return written(ps, ps->sink->ops->decimal(ps->sink, text, len));
}

static CdcStatus
parse_word(Parser *ps, const char *word, size_t len)
{
	if ((size_t) (ps->end - ps->p) < len || memcmp(ps->p, word, len) != 0)
		return invalid(ps, "unexpected character");
	ps->p += len;
	return CDC_OK;
}

static CdcStatus
parse_member(Parser *ps)
{
	CdcString	key = {0};
	CdcStatus	st;

	skip_space(ps);
	if (ps->p >= ps->end || *ps->p != '"')
		return invalid(ps, "expected a key");
	st = parse_string(ps, &key);
	if (cdc_failed(st))
		return st;
	st = written(ps, ps->sink->ops->key(ps->sink, key.data, key.len));
	if (cdc_failed(st))
		return st;
	skip_space(ps);
	if (ps->p >= ps->end || *ps->p != ':')
		return invalid(ps, "expected a colon");
	ps->p++;
	return parse_value(ps);
}

/* An object or array, its bracket being next. */
static CdcStatus
parse_container(Parser *ps, bool object)
{
	const CdcSinkOps *ops = ps->sink->ops;
	char		close = object ? '}' : ']';
	CdcStatus	st;

	if (++ps->depth > MAX_DEPTH)
		return cdc_error(ps->err, CDC_ERR_LIMIT, "JSON is nested deeper than %d levels", MAX_DEPTH);
	ps->p++;
	st = written(ps, object ? ops->begin_object(ps->sink) : ops->begin_array(ps->sink));
	if (cdc_failed(st))
		return st;
	skip_space(ps);
	if (ps->p < ps->end && *ps->p == close)
		ps->p++;
	else
	{
		for (;;)
		{
			st = object ? parse_member(ps) : parse_value(ps);
			if (cdc_failed(st))
				return st;
			skip_space(ps);
			if (ps->p >= ps->end || (*ps->p != ',' && *ps->p != close))
				return invalid(ps, "expected a comma or the end");
			if (*ps->p++ == close)
				break;
		}
	}
	ps->depth--;
	return written(ps, object ? ops->end_object(ps->sink) : ops->end_array(ps->sink));
}

static CdcStatus
parse_value(Parser *ps)
{
	CdcString	s = {0};
	CdcStatus	st;

	skip_space(ps);
	if (ps->p >= ps->end)
		return invalid(ps, "unexpected end");
	switch (*ps->p)
	{
		case '{':
			return parse_container(ps, true);
		case '[':
			return parse_container(ps, false);
		case '"':
			st = parse_string(ps, &s);
			return cdc_failed(st) ? st : written(ps, ps->sink->ops->string(ps->sink, s.data, s.len));
		case 't':
			st = parse_word(ps, "true", 4);
			return cdc_failed(st) ? st : written(ps, ps->sink->ops->boolean(ps->sink, true));
		case 'f':
			st = parse_word(ps, "false", 5);
			return cdc_failed(st) ? st : written(ps, ps->sink->ops->boolean(ps->sink, false));
		case 'n':
			st = parse_word(ps, "null", 4);
			return cdc_failed(st) ? st : written(ps, ps->sink->ops->null(ps->sink));
		default:
			return parse_number(ps);
	}
}

static CdcStatus
parse_document(const uint8_t *text, size_t len, bool printed, CdcSink *sink, CdcError *err)
{
	Parser		ps = {0};
	CdcStatus	st;

	ps.start = ps.p = (const char *) text;
	ps.end = ps.start + len;
	ps.sink = sink;
	ps.err = err;
	ps.printed = printed;
	st = parse_value(&ps);
	if (!cdc_failed(st))
	{
		skip_space(&ps);
		if (ps.p != ps.end)
			st = invalid(&ps, "something follows the document");
	}
	cdc_buf_free(&ps.unescaped);
	return st;
}

CdcStatus
cdc_json_parse(const uint8_t *text, size_t len, CdcSink *sink, CdcError *err)
{
	return parse_document(text, len, false, sink, err);
}

CdcStatus
cdc_json_parse_printed(const uint8_t *text, size_t len, CdcSink *sink, CdcError *err)
{
	return parse_document(text, len, true, sink, err);
}
