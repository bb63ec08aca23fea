/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  A CdcSink that writes compact JSON text (RFC 8259).
 *
 *-------------------------------------------------------------------------
 */
#include "core/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MySQL's own bound on JSON is 100 levels; more can only come from an error. */
#define JSON_TEXT_MAX_DEPTH		1024

static inline CdcJsonText *
json_text(CdcSink *sink)
{
	return (CdcJsonText *) sink;
}

/* Appends what starts a value: the comma, where one is due, and text. */
static inline CdcStatus
put_value(CdcJsonText *t, const char *text, size_t len)
{
	char	   *p;

	if (!cdc_buf_reserve(&t->buf, len + 1))
		return CDC_ERR_NOMEM;
	p = t->buf.data + t->buf.len;
	if (t->need_comma)
		*p++ = ',';
	memcpy(p, text, len);
	t->buf.len = (size_t) (p + len - t->buf.data);
	t->need_comma = true;
	return CDC_OK;
}

static CdcStatus
begin(CdcSink *sink, char c)
{
	CdcJsonText *t = json_text(sink);
	CdcStatus	st;

	if (t->depth >= JSON_TEXT_MAX_DEPTH)
		return CDC_ERR_LIMIT;
	st = put_value(t, &c, 1);
	if (st != CDC_OK)
		return st;
	t->depth++;
	t->need_comma = false;
	return CDC_OK;
}

static CdcStatus
end(CdcSink *sink, char c)
{
	CdcJsonText *t = json_text(sink);

	if (t->depth == 0)
		return CDC_ERR_INTERNAL;
	t->depth--;
	t->need_comma = false;
	return put_value(t, &c, 1);
}

static CdcStatus
text_begin_object(CdcSink *sink)
{
	return begin(sink, '{');
}

static CdcStatus
text_end_object(CdcSink *sink)
{
	return end(sink, '}');
}

static CdcStatus
text_begin_array(CdcSink *sink)
{
	return begin(sink, '[');
}

static CdcStatus
text_end_array(CdcSink *sink)
{
	return end(sink, ']');
}

/* Writes the escape of one byte that cannot stand for itself; its length. */
static size_t
escape_byte(unsigned char c, char *out)
{
	static const char hex[] = "0123456789abcdef";
	char		short_form = 0;

	switch (c)
	{
		case '"':
		case '\\':
			short_form = (char) c;
			break;
		case '\b':
			short_form = 'b';
			break;
		case '\f':
			short_form = 'f';
			break;
		case '\n':
			short_form = 'n';
			break;
		case '\r':
			short_form = 'r';
			break;
		case '\t':
			short_form = 't';
			break;
		default:
			break;
	}
	out[0] = '\\';
	if (short_form != 0)
	{
		out[1] = short_form;
		return 2;
	}
	out[1] = 'u';
	out[2] = '0';
	out[3] = '0';
	out[4] = hex[c >> 4];
	out[5] = hex[c & 0x0F];
	return 6;
}

#define ALL_BYTES(c)	(UINT64_C(0x0101010101010101) * (c))

/*
 * Whether one of the eight bytes cannot stand for itself in a string: a control
 * character, a quote or a backslash.  Bytes above 0x7f are none of these.
 */
static inline bool
needs_escape(uint64_t word)
{
	uint64_t	quote = word ^ ALL_BYTES('"');
	uint64_t	backslash = word ^ ALL_BYTES('\\');

	return ((((word - ALL_BYTES(0x20)) & ~word) | ((quote - ALL_BYTES(1)) & ~quote) |
			 ((backslash - ALL_BYTES(1)) & ~backslash)) & ALL_BYTES(0x80)) != 0;
}

/*
 * Copies s[0..len), escaped where needed, to out, which has 6 * len bytes.
 * Returns its end.
 */
static inline char *
copy_escaped(CdcJsonText *t, char *out, const char *s, size_t len)
{
	const char *end = s + len;

	for (;;)
	{
		/* up to the next byte to be escaped, or eight more */
		while (end - s >= 8)
		{
			uint64_t	word;

			memcpy(&word, s, 8);
			if (needs_escape(word))
				break;
			memcpy(out, &word, 8);
			s += 8;
			out += 8;
		}
		for (int i = 0; i < 8; i++)
		{
			unsigned char c;

			if (s == end)
				return out;
			c = (unsigned char) *s++;
			if (c >= 0x20 && c != '"' && c != '\\')
			{
				*out++ = (char) c;
				continue;
			}
			if (c == 0)
				t->sink.has_nul = true;
			out += escape_byte(c, out);
		}
	}
}

/* Long strings are taken in pieces, so that room for their escapes stays small. */
#define PIECE	4096

static CdcStatus
put_long_string(CdcJsonText *t, const char *s, size_t len)
{
	CdcBuf	   *buf = &t->buf;

	if (!cdc_buf_reserve(buf, len + 1)) /* at once: most have nothing to escape */
		return CDC_ERR_NOMEM;
	buf->data[buf->len++] = '"';
	while (len > 0)
	{
		size_t		n = len < PIECE ? len : PIECE;

		if (!cdc_buf_reserve(buf, 6 * n))
			return CDC_ERR_NOMEM;
		buf->len = (size_t) (copy_escaped(t, buf->data + buf->len, s, n) - buf->data);
		s += n;
		len -= n;
	}
	return cdc_buf_append(buf, "\"", 1) ? CDC_OK : CDC_ERR_NOMEM;
}

static inline CdcStatus
put_string(CdcJsonText *t, const char *s, size_t len, bool key)
{
	CdcBuf	   *buf = &t->buf;
	char	   *p;

	/* a comma, two quotes, a colon */
	if (!cdc_buf_reserve(buf, 6 * (len <= PIECE ? len : 0) + 4))
		return CDC_ERR_NOMEM;
	p = buf->data + buf->len;
	if (t->need_comma)
		*p++ = ',';
	t->need_comma = !key;
	if (len > PIECE)
	{
		CdcStatus	st;

		buf->len = (size_t) (p - buf->data);
		st = put_long_string(t, s, len);
		return st == CDC_OK && key && !cdc_buf_append(buf, ":", 1) ? CDC_ERR_NOMEM : st;
	}
	*p++ = '"';
	if (len > 0)				/* NULL is fine then, arithmetic on it is not */
		p = copy_escaped(t, p, s, len);
	*p++ = '"';
	if (key)
		*p++ = ':';
	buf->len = (size_t) (p - buf->data);
	return CDC_OK;
}

static CdcStatus
text_key(CdcSink *sink, const char *s, size_t len)
{
	return put_string(json_text(sink), s, len, true);
}

static CdcStatus
text_null(CdcSink *sink)
{
	return put_value(json_text(sink), "null", 4);
}

static CdcStatus
text_boolean(CdcSink *sink, bool v)
{
	return put_value(json_text(sink), v ? "true" : "false", v ? 4 : 5);
}

/* Digits of v before end; returns where they start. */
static inline char *
print_digits(uint64_t v, char *end)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";

	while (v >= 100)
	{
		end -= 2;
		memcpy(end, pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (v < 10)
	{
		*--end = (char) ('0' + v);
		return end;
	}
	end -= 2;
	memcpy(end, pairs + v * 2, 2);
	return end;
}

static CdcStatus
text_int64(CdcSink *sink, int64_t v)
{
	char		buf[24];
	char	   *end = buf + sizeof(buf);
	char	   *p = print_digits(v < 0 ? 0 - (uint64_t) v : (uint64_t) v, end);

	if (v < 0)
		*--p = '-';
	return put_value(json_text(sink), p, (size_t) (end - p));
}

static CdcStatus
text_uint64(CdcSink *sink, uint64_t v)
{
	char		buf[24];
	char	   *end = buf + sizeof(buf);
	char	   *p = print_digits(v, end);

	return put_value(json_text(sink), p, (size_t) (end - p));
}

/* Whether the text reads back as v; float4: as the float nearest to v. */
static bool
reads_back(const char *text, double v, bool float4)
{
	return float4 ? strtof(text, NULL) == (float) v : strtod(text, NULL) == v;
}

/*
 * Adds one to the last digit of text, which is "d.ddde[+-]dd" or "de[+-]dd".
 * false where that would carry into another exponent.
 */
static bool
next_digit_up(char *text)
{
	char	   *p = strchr(text, 'e');

	while (p != NULL && p > text)
	{
		p--;
		if (*p < '0' || *p > '9')
			continue;			/* '-' or the decimal point */
		if (*p < '9')
		{
			(*p)++;
			return true;
		}
		*p = '0';
	}
	return false;
}

/*
 * Turns "[-]d.ddde[+-]dd" into the form without an exponent where that is
 * short, and drops zeros that say nothing.  The decimal point of any locale
 * becomes a dot.  out has at least FLOAT_TEXT bytes.
 */
#define FLOAT_TEXT	48

static void
format_float(const char *text, char *out)
{
	const char *e = strchr(text, 'e');
	int			exponent = e != NULL ? atoi(e + 1) : 0;
	char		digits[24];
	int			n = 0;

	if (*text == '-')
		*out++ = '-';
	for (; *text != '\0' && text != e && n < (int) sizeof(digits); text++)
	{
		if (*text >= '0' && *text <= '9')
			digits[n++] = *text;
	}
	while (n > 1 && digits[n - 1] == '0')
		n--;

	if (exponent < -5 || exponent >= 15)
	{
		for (int i = 0; i < n; i++)
		{
			if (i == 1)
				*out++ = '.';
			*out++ = digits[i];
		}
		sprintf(out, "e%+03d", exponent);
		return;
	}
	if (exponent < 0)
	{
		memcpy(out, "0.", 2);
		memset(out + 2, '0', (size_t) (-exponent - 1));
		out += 1 - exponent;
	}
	for (int i = 0; i < n || i <= exponent; i++)
	{
		if (exponent >= 0 && i == exponent + 1)
			*out++ = '.';
		*out++ = i < n ? digits[i] : '0';
	}
	*out = '\0';
}

/*
 * Prints a finite number with the fewest digits that read back as the same
 * float4 or float8.  A decimal of few enough digits (6, 15) survives the way
 * through the binary form, so that among normal numbers the search may start
 * there; a denormal one has less precision.
 *
 * Just above a power of two numbers lie twice as far apart as just below it:
 * there a decimal above v may read back as v although a nearer one below does
 * not.  Hence the second attempt at each precision.
 */
static void
print_shortest(double v, bool float4, char *out)
{
	int			max = float4 ? 9 : 17;
	bool		normal = float4 ? isnormal((float) v) : isnormal(v);
	int			exponent;
	bool		power_of_two = fabs(frexp(v, &exponent)) == 0.5;
	char		text[FLOAT_TEXT];

	for (int prec = normal ? (float4 ? 6 : 15) : 1;; prec++)
	{
		snprintf(text, sizeof(text), "%.*e", prec - 1, v);
		if (prec == max || reads_back(text, v, float4) ||
			(power_of_two && next_digit_up(text) && reads_back(text, v, float4)))
			break;
	}
	format_float(text, out);
}

static CdcStatus
put_float(CdcSink *sink, double v, bool float4)
{
	char		buf[FLOAT_TEXT];

	if (!isfinite(v))
		return text_null(sink); /* JSON has no such number */
	print_shortest(v, float4, buf);
	return put_value(json_text(sink), buf, strlen(buf));
}

static CdcStatus
text_float4(CdcSink *sink, float v)
{
	return put_float(sink, (double) v, true);
}

static CdcStatus
text_float8(CdcSink *sink, double v)
{
	return put_float(sink, v, false);
}

/* Length of the exponent at the end of a number, with its letter; 0: none. */
static size_t
exponent_length(const char *s, size_t len)
{
	size_t		i = len;

	while (i > 0 && s[i - 1] >= '0' && s[i - 1] <= '9')
		i--;
	if (i == len || i == 0)
		return 0;
	if (s[i - 1] == '+' || s[i - 1] == '-')
		i--;
	return i > 0 && (s[i - 1] == 'e' || s[i - 1] == 'E') ? len - i + 1 : 0;
}

/*
 * Decimals are written digit by digit as they are, but for leading zeros and
 * a missing digit around the point, which JSON does not allow.
 */
static CdcStatus
text_decimal(CdcSink *sink, const char *s, size_t len)
{
	CdcJsonText *t = json_text(sink);
	size_t		exponent = exponent_length(s, len);
	size_t		end = len - exponent;	/* of the digits */
	size_t		i = 0;
	size_t		digits = 0;
	size_t		dot = SIZE_MAX;
	CdcStatus	st;

	if (end > 0 && s[0] == '-')
		i = 1;
	while (end - i > 1 && s[i] == '0' && s[i + 1] >= '0' && s[i + 1] <= '9')
		i++;
	for (size_t j = i; j < end; j++)
	{
		if (s[j] >= '0' && s[j] <= '9')
			digits++;
		else if (s[j] == '.' && dot == SIZE_MAX)
			dot = j;
		else
			return CDC_ERR_VALUE;
	}
	if (digits == 0)
		return CDC_ERR_VALUE;
	st = put_value(t, "-", s[0] == '-' ? 1 : 0);
	if (st != CDC_OK)
		return st;
	if ((dot == i && !cdc_buf_append(&t->buf, "0", 1)) ||
		!cdc_buf_append(&t->buf, s + i, end - i - (dot == end - 1 ? 1 : 0)) || /* "5." */
		!cdc_buf_append(&t->buf, s + end, exponent))
		return CDC_ERR_NOMEM;
	return CDC_OK;
}

static CdcStatus
text_string(CdcSink *sink, const char *s, size_t len)
{
	return put_string(json_text(sink), s, len, false);
}

static const CdcSinkOps text_ops = {
	.begin_object = text_begin_object,
	.end_object = text_end_object,
	.begin_array = text_begin_array,
	.end_array = text_end_array,
	.key = text_key,
	.null = text_null,
	.boolean = text_boolean,
	.int64 = text_int64,
	.uint64 = text_uint64,
	.float4 = text_float4,
	.float8 = text_float8,
	.decimal = text_decimal,
	.string = text_string,
};

void
cdc_json_text_init(CdcJsonText *t)
{
	memset(t, 0, sizeof(*t));
	t->sink.ops = &text_ops;
}

void
cdc_json_text_reset(CdcJsonText *t)
{
	cdc_buf_reset(&t->buf);
	t->sink.has_nul = false;
	t->need_comma = false;
	t->depth = 0;
}

void
cdc_json_text_free(CdcJsonText *t)
{
	cdc_buf_free(&t->buf);
	cdc_json_text_reset(t);
}
