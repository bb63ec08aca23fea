/*-------------------------------------------------------------------------
 *
 * json_parse.c
 *	  JSON text (RFC 8259) into a CdcSink.
 *
 * Reads the text once, from left to right: a message from Kafka is some
 * hundred bytes of short keys and short values, and for those a loop that
 * takes strings eight bytes at a time is as fast as parsers that index the
 * whole text with vector instructions first (doc/design-decisions.md has the
 * figures).  What is open is a bit a level, so nesting takes no stack.
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

/* As deep as the writer of JSONB goes; MySQL's own bound is 100. */
#define MAX_DEPTH		512

/* Digits that every double has, and that none needs more than. */
#define DOUBLE_SURE		15
#define DOUBLE_MAX		17

/* Digits that always fit into 63 bits, and that may fit into 64. */
#define INT_SURE		18
#define INT_MAX_DIGITS	20

typedef struct Parser
{
	const char *start;
	const char *p;
	const char *end;
	CdcSink    *sink;
	CdcError   *err;
	bool		printed;		/* see cdc_json_parse_printed() */
	int			depth;
	uint8_t		is_object[MAX_DEPTH / 8];	/* a bit a level: object, not array */
	CdcBuf		unescaped;		/* a string without its escapes, if it is long */
	char		small[512];		/* the same, if it is short */
} Parser;

/* ---- errors ---- */

static CdcStatus
invalid_at(Parser *ps, const char *at, const char *what)
{
	return cdc_error(ps->err, CDC_ERR_SYNTAX, "invalid JSON at byte %zu: %s",
					 (size_t) (at - ps->start), what);
}

/* Something else is expected than what is next. */
static CdcStatus
unexpected(Parser *ps, const char *expected)
{
	unsigned char c;

	if (ps->p >= ps->end)
		return cdc_error(ps->err, CDC_ERR_SYNTAX, "invalid JSON at byte %zu: the text ends where %s is expected",
						 (size_t) (ps->end - ps->start), expected);
	c = (unsigned char) *ps->p;
	if (c > 0x20 && c < 0x7F)
		return cdc_error(ps->err, CDC_ERR_SYNTAX, "invalid JSON at byte %zu: \"%c\" where %s is expected",
						 (size_t) (ps->p - ps->start), c, expected);
	return cdc_error(ps->err, CDC_ERR_SYNTAX, "invalid JSON at byte %zu: byte 0x%02X where %s is expected",
					 (size_t) (ps->p - ps->start), c, expected);
}

/* What a sink returned for what began at the byte "at"; what: its name. */
static CdcStatus
refused(Parser *ps, CdcStatus st, const char *at, const char *what)
{
	size_t		offset = (size_t) (at - ps->start);

	switch (st)
	{
		case CDC_ERR_NOMEM:
			return cdc_error(ps->err, st, "out of memory");
		case CDC_ERR_LIMIT:
			return cdc_error(ps->err, st, "JSON at byte %zu: %s is beyond what can be stored", offset, what);
		case CDC_ERR_CORRUPT:
			return cdc_error(ps->err, CDC_ERR_SYNTAX, "invalid JSON at byte %zu: %s is not valid UTF-8",
							 offset, what);
		case CDC_ERR_VALUE:
			return cdc_error(ps->err, st, "JSON at byte %zu: %s cannot be stored", offset, what);
		default:
			return cdc_error(ps->err, st, "JSON at byte %zu: writing %s failed", offset, what);
	}
}

static inline CdcStatus
written(Parser *ps, CdcStatus st, const char *at, const char *what)
{
	return __builtin_expect(st == CDC_OK, 1) ? CDC_OK : refused(ps, st, at, what);
}

static inline void
skip_space(Parser *ps)
{
	while (ps->p < ps->end &&
		   (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\n' || *ps->p == '\r'))
		ps->p++;
}

/* ---- strings ---- */

static bool
parse_hex4(const char **p, const char *end, unsigned *code)
{
	*code = 0;
	if (end - *p < 4)
		return false;
	for (int i = 0; i < 4; i++)
	{
		char		c = *(*p)++;

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
put_utf8(char *out, unsigned c)
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

/*
 * The escape at *p, its backslash, becomes one character at *to.  Takes at
 * least as many bytes as it gives.
 */
static CdcStatus
unescape_one(Parser *ps, const char **p, const char *end, char **to)
{
	static const char from[] = "\"\\/bfnrt";
	static const char into[] = "\"\\/\b\f\n\r\t";
	const char *at = *p;
	const char *found;
	unsigned	code;
	unsigned	low;
	char		c;

	c = at[1];					/* there is one: the string goes on behind it */
	*p += 2;
	if (c != 'u')
	{
		found = c != '\0' ? strchr(from, c) : NULL;
		if (found == NULL)
			return invalid_at(ps, at, "unknown escape in a string");
		*(*to)++ = into[found - from];
		return CDC_OK;
	}
	if (!parse_hex4(p, end, &code))
		return invalid_at(ps, at, "\\u is not followed by four hexadecimal digits");
	if (code >= 0xDC00 && code <= 0xDFFF)
		return invalid_at(ps, at, "second half of a surrogate pair without the first");
	if (code >= 0xD800 && code <= 0xDBFF)
	{
		if (end - *p < 2 || (*p)[0] != '\\' || (*p)[1] != 'u')
			return invalid_at(ps, at, "first half of a surrogate pair without the second");
		*p += 2;
		if (!parse_hex4(p, end, &low) || low < 0xDC00 || low > 0xDFFF)
			return invalid_at(ps, at, "first half of a surrogate pair without the second");
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
	}
	*to += put_utf8(*to, code);
	return CDC_OK;
}

/* s, which holds escapes, without them. */
static CdcStatus
unescape(Parser *ps, CdcString *s)
{
	const char *p = s->data;
	const char *end = s->data + s->len;
	char	   *out = ps->small;
	char	   *to;

	if (s->len > sizeof(ps->small))
	{
		cdc_buf_reset(&ps->unescaped);
		if (!cdc_buf_reserve(&ps->unescaped, s->len))
			return refused(ps, CDC_ERR_NOMEM, p, "a string");
		out = ps->unescaped.data;
	}
	for (to = out; p < end;)
	{
		const char *escape = memchr(p, '\\', (size_t) (end - p));
		size_t		plain = (size_t) ((escape != NULL ? escape : end) - p);
		CdcStatus	st;

		memcpy(to, p, plain);
		to += plain;
		p += plain;
		if (escape == NULL)
			break;
		st = unescape_one(ps, &p, end, &to);
		if (st != CDC_OK)
			return st;
	}
	s->data = out;
	s->len = (size_t) (to - out);
	return CDC_OK;
}

/*
 * Bytes of v that end a run of plain characters of a string (quote, backslash,
 * below 0x20) have their high bit set; in memory order the first one is exact,
 * as borrows only go to higher bytes.
 */
static inline uint64_t
special_bytes(uint64_t v)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t	quote = v ^ (ones * '"');
	uint64_t	backslash = v ^ (ones * '\\');

	return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
			((v - ones * 0x20) & ~v)) & (ones * 0x80);
}

/* The first special byte from p on, or end. */
static inline const char *
skip_plain(const char *p, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (; end - p >= 8; p += 8)
	{
		uint64_t	v;

		memcpy(&v, p, 8);
		v = special_bytes(v);
		if (v != 0)
			return p + (__builtin_ctzll(v) >> 3);
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && (unsigned char) *p >= 0x20)
		p++;
	return p;
}

/*
 * The string at ps->p, its quote.  *s points into the text or, where there are
 * escapes, into the parser, until the next string.
 */
static inline CdcStatus
parse_string(Parser *ps, CdcString *s)
{
	const char *start = ps->p + 1;
	const char *p = start;
	bool		escapes = false;

	for (;;)
	{
		p = skip_plain(p, ps->end);
		if (__builtin_expect(p >= ps->end, 0))
			return invalid_at(ps, ps->p, "a string has no end");
		if (__builtin_expect(*p == '"', 1))
			break;
		if (*p != '\\')
			return invalid_at(ps, p, "control character in a string (it must be written as an escape)");
		escapes = true;
		p += 2;					/* beyond the end where the backslash is last */
		if (p > ps->end)
			p = ps->end;
	}
	s->data = start;
	s->len = (size_t) (p - start);
	ps->p = p + 1;
	return __builtin_expect(escapes, 0) ? unescape(ps, s) : CDC_OK;
}

/* ---- numbers ---- */

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

static inline const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/*
 * A number with a fraction or an exponent that a server printed: as the double
 * that it may be, or as a decimal.
 */
static CdcStatus
put_printed(Parser *ps, const char *start, size_t len, bool exponent)
{
	const CdcSinkOps *ops = ps->sink->ops;
	char		text[400];
	int			digits = 0;
	double		d;

	if (len >= sizeof(text))
		return invalid_at(ps, start, "number is too long");
	memcpy(text, start, len);
	text[len] = '\0';

	/* a double shows no zero at its end but that of ".0": this is a decimal */
	if (!exponent && text[len - 1] == '0' && text[len - 2] != '.')
		return written(ps, ops->decimal(ps->sink, text, len), start, "a number");
	d = strtod(text, NULL);
	if (!isfinite(d))
		return invalid_at(ps, start, "number is out of range");

	/* counts from the first digit that is not zero; behind it zeros count */
	for (const char *c = text; *c != '\0' && *c != 'e' && *c != 'E'; c++)
		digits += (*c >= '1' && *c <= '9') || (*c == '0' && digits > 0);
	if (exponent || is_shortest(text, digits, d))
		return written(ps, ops->float8(ps->sink, d), start, "a number");
	return written(ps, ops->decimal(ps->sink, text, len), start, "a number");
}

/* Digits without fraction and exponent. */
static inline CdcStatus
put_integer(Parser *ps, const char *start, const char *digits, size_t ndigits)
{
	const CdcSinkOps *ops = ps->sink->ops;
	bool		negative = digits != start;
	uint64_t	v = 0;
	bool		fits = ndigits <= INT_SURE;
	CdcStatus	st;

	if (fits)
	{
		for (size_t i = 0; i < ndigits; i++)
			v = v * 10 + (uint64_t) (digits[i] - '0');
	}
	else if (ndigits <= INT_MAX_DIGITS)
	{
		fits = true;
		for (size_t i = 0; i < ndigits; i++)
			fits = fits && !__builtin_mul_overflow(v, 10, &v) &&
				!__builtin_add_overflow(v, (uint64_t) (digits[i] - '0'), &v);
		fits = fits && (!negative || v <= (uint64_t) INT64_MAX + 1);
	}
	if (!fits)
		st = ops->decimal(ps->sink, start, ndigits + negative);
	else if (negative)
		st = ops->int64(ps->sink, (int64_t) (0 - v));
	else
		st = ops->uint64(ps->sink, v);
	return written(ps, st, start, "a number");
}

/* ps->p is at a minus or a digit. */
static inline CdcStatus
parse_number(Parser *ps)
{
	const char *start = ps->p;
	const char *digits = start + (*start == '-');
	bool		exponent = false;

	ps->p = skip_digits(digits, ps->end);
	if (ps->p == digits)
		return unexpected(ps, "a digit");
	if (*digits == '0' && ps->p - digits > 1)
		return invalid_at(ps, start, "number with a leading zero");
	if (ps->p == ps->end || (*ps->p != '.' && (*ps->p | 0x20) != 'e'))
		return put_integer(ps, start, digits, (size_t) (ps->p - digits));

	if (*ps->p == '.')
	{
		digits = ++ps->p;
		ps->p = skip_digits(digits, ps->end);
		if (ps->p == digits)
			return unexpected(ps, "a digit");
	}
	if (ps->p < ps->end && (*ps->p | 0x20) == 'e')
	{
		exponent = true;
		ps->p++;
		if (ps->p < ps->end && (*ps->p == '+' || *ps->p == '-'))
			ps->p++;
		digits = ps->p;
		ps->p = skip_digits(digits, ps->end);
		if (ps->p == digits)
			return unexpected(ps, "a digit");
	}
	if (ps->printed)
		return put_printed(ps, start, (size_t) (ps->p - start), exponent);
	return written(ps, ps->sink->ops->decimal(ps->sink, start, (size_t) (ps->p - start)),
				   start, "a number");
}

/* ---- structure ---- */

static inline bool
in_object(const Parser *ps)
{
	int			level = ps->depth - 1;

	return (ps->is_object[level >> 3] >> (level & 7)) & 1;
}

static CdcStatus
parse_word(Parser *ps, const char *word, size_t len)
{
	if ((size_t) (ps->end - ps->p) < len || memcmp(ps->p, word, len) != 0)
		return unexpected(ps, "a value");
	ps->p += len;
	return CDC_OK;
}

/* A bracket that opens. */
static CdcStatus
open_container(Parser *ps, bool object)
{
	const CdcSinkOps *ops = ps->sink->ops;
	int			level = ps->depth;

	if (level >= MAX_DEPTH)
		return cdc_error(ps->err, CDC_ERR_LIMIT, "JSON at byte %zu: nested deeper than %d levels",
						 (size_t) (ps->p - ps->start), MAX_DEPTH);
	ps->is_object[level >> 3] = (uint8_t) ((ps->is_object[level >> 3] & ~(1 << (level & 7))) |
										   (object << (level & 7)));
	ps->depth++;
	ps->p++;
	return written(ps, object ? ops->begin_object(ps->sink) : ops->begin_array(ps->sink),
				   ps->p - 1, object ? "an object" : "an array");
}

/* A bracket that closes what is open. */
static CdcStatus
close_container(Parser *ps)
{
	const CdcSinkOps *ops = ps->sink->ops;
	bool		object = in_object(ps);

	ps->depth--;
	ps->p++;
	return written(ps, object ? ops->end_object(ps->sink) : ops->end_array(ps->sink),
				   ps->p - 1, object ? "the object that ends here" : "the array that ends here");
}

/* A key and its colon. */
static inline CdcStatus
parse_key(Parser *ps)
{
	const char *start = ps->p;
	CdcString	key = {0};
	CdcStatus	st;

	if (start >= ps->end || *start != '"')
		return unexpected(ps, "a key in double quotes");
	st = parse_string(ps, &key);
	if (st != CDC_OK)
		return st;
	st = written(ps, ps->sink->ops->key(ps->sink, key.data, key.len), start, "a key");
	if (st != CDC_OK)
		return st;
	skip_space(ps);
	if (ps->p >= ps->end || *ps->p != ':')
		return unexpected(ps, "\":\"");
	ps->p++;
	skip_space(ps);
	return CDC_OK;
}

/* Any value but an object or an array. */
static inline CdcStatus
parse_scalar(Parser *ps)
{
	const CdcSinkOps *ops = ps->sink->ops;
	const char *start = ps->p;
	CdcString	s = {0};
	CdcStatus	st;

	switch (*start)
	{
		case '"':
			st = parse_string(ps, &s);
			return st != CDC_OK ? st :
				written(ps, ops->string(ps->sink, s.data, s.len), start, "a string");
		case 't':
			st = parse_word(ps, "true", 4);
			return st != CDC_OK ? st : written(ps, ops->boolean(ps->sink, true), start, "true");
		case 'f':
			st = parse_word(ps, "false", 5);
			return st != CDC_OK ? st : written(ps, ops->boolean(ps->sink, false), start, "false");
		case 'n':
			st = parse_word(ps, "null", 4);
			return st != CDC_OK ? st : written(ps, ops->null(ps->sink), start, "null");
		case '-':
		case '0': case '1': case '2': case '3': case '4':
		case '5': case '6': case '7': case '8': case '9':
			return parse_number(ps);
		default:
			return unexpected(ps, "a value");
	}
}

/*
 * What follows a value inside a container: closes as many as end here.
 * Stops in front of the next value, at its key, or at depth 0.
 */
static inline CdcStatus
parse_separator(Parser *ps)
{
	while (ps->depth > 0)
	{
		bool		object = in_object(ps);
		CdcStatus	st;

		skip_space(ps);
		if (ps->p < ps->end && *ps->p == ',')
		{
			ps->p++;
			skip_space(ps);
			return object ? parse_key(ps) : CDC_OK;
		}
		if (ps->p >= ps->end || *ps->p != (object ? '}' : ']'))
			return unexpected(ps, object ? "\",\" or \"}\"" : "\",\" or \"]\"");
		st = close_container(ps);
		if (st != CDC_OK)
			return st;
	}
	return CDC_OK;
}

static CdcStatus
parse_value(Parser *ps)
{
	do
	{
		CdcStatus	st;

		if (ps->p >= ps->end)
			return unexpected(ps, "a value");
		if (*ps->p == '{' || *ps->p == '[')
		{
			bool		object = *ps->p == '{';

			st = open_container(ps, object);
			if (st != CDC_OK)
				return st;
			skip_space(ps);
			if (ps->p >= ps->end || *ps->p != (object ? '}' : ']'))
			{
				st = object ? parse_key(ps) : CDC_OK;
				if (st != CDC_OK)
					return st;
				continue;		/* with the first child */
			}
			st = close_container(ps);
		}
		else
			st = parse_scalar(ps);
		if (st == CDC_OK)
			st = parse_separator(ps);
		if (st != CDC_OK)
			return st;
	} while (ps->depth > 0);
	return CDC_OK;
}

static CdcStatus
parse_document(const uint8_t *text, size_t len, bool printed, CdcSink *sink, CdcError *err)
{
	Parser		ps;
	CdcStatus	st;

	ps.start = ps.p = (const char *) text;
	ps.end = ps.start + len;
	ps.sink = sink;
	ps.err = err;
	ps.printed = printed;
	ps.depth = 0;
	memset(ps.is_object, 0, sizeof(ps.is_object));
	memset(&ps.unescaped, 0, sizeof(ps.unescaped));
	skip_space(&ps);
	st = parse_value(&ps);
	if (st == CDC_OK)
	{
		skip_space(&ps);
		if (ps.p != ps.end)
			st = unexpected(&ps, "the end");
	}
	if (ps.unescaped.data != NULL)
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
