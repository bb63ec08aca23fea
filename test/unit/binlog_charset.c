/*
 * binlog_charset.c
 *	  Every code of every character set, compared with what the servers make of it
 *	  (test/data/charsets.py made the table, from MySQL 9.7.4; 5.6.24 and MariaDB
 *	  10.11 and 11.8 agree, but that they take halves of pairs in ucs2 and utf32).
 */
#include "unit.h"

#include <zlib.h>

#include "binlog/charset.h"
#include "binlog/charset_exceptions.h"

typedef struct Digest
{
	const char *charset;
	int			length;			/* of the codes, in bytes */
	uint32_t	count;			/* of them are characters */
	uint32_t	crc;			/* of all of these and their UTF-8 */
} Digest;

static const Digest digests[] = {
	{"armscii8", 1, 256, 0xa077f96c}, {"ascii", 1, 128, 0x51298725},
	{"big5", 1, 128, 0x51298725}, {"big5", 2, 13717, 0xc655d575},
	{"cp1250", 1, 251, 0xdf94b18f}, {"cp1251", 1, 255, 0x05f7afdd},
	{"cp1256", 1, 248, 0x9fd4c3a8}, {"cp1257", 1, 244, 0x74b49049},
	{"cp850", 1, 256, 0xca24d548}, {"cp852", 1, 256, 0x128d01c8},
	{"cp866", 1, 256, 0x7e86e913}, {"cp932", 1, 191, 0xce936c8b},
	{"cp932", 2, 9604, 0x6b1c1f5a}, {"dec8", 1, 242, 0xc96aa7ee},
	{"eucjpms", 1, 128, 0x51298725}, {"eucjpms", 2, 7965, 0x4880004d},
	{"eucjpms", 3, 7113, 0x2e09524e}, {"euckr", 1, 128, 0x51298725},
	{"euckr", 2, 17048, 0xf0e91a90}, {"gb18030", 1, 128, 0x51298725},
	{"gb18030", 2, 23940, 0xbb6eb30d}, {"gb18030", 4, 1087996, 0xb451b357},
	{"gb2312", 1, 128, 0x51298725}, {"gb2312", 2, 7445, 0xf2ffdbb7},
	{"gbk", 1, 128, 0x51298725}, {"gbk", 2, 21791, 0x214aa3ff},
	{"geostd8", 1, 215, 0xfa8ddb06}, {"greek", 1, 250, 0x83019cbc},
	{"hebrew", 1, 220, 0x3cd5fbd0}, {"hp8", 1, 255, 0x117e2c31},
	{"keybcs2", 1, 256, 0x07c7a35a}, {"koi8r", 1, 256, 0xf5478e15},
	{"koi8u", 1, 256, 0xac56c220}, {"latin1", 1, 256, 0xeb4b6bc8},
	{"latin2", 1, 256, 0xb5a9589d}, {"latin5", 1, 256, 0x23b2158b},
	{"latin7", 1, 256, 0x39656747}, {"macce", 1, 256, 0xd6f15fb5},
	{"macroman", 1, 256, 0x9c0c4258}, {"sjis", 1, 191, 0xce936c8b},
	{"sjis", 2, 6879, 0x5649834d}, {"swe7", 1, 127, 0xf65e7110},
	{"tis620", 1, 256, 0x62c85b87}, {"ucs2", 2, 63488, 0x0b0bd9fe},
	{"ujis", 1, 128, 0x51298725}, {"ujis", 2, 7882, 0xf2e06c5c},
	{"ujis", 3, 7007, 0x44a2b1aa}, {"utf16", 2, 63488, 0x0b0bd9fe},
	{"utf16", 4, 1048576, 0x3362aeb3}, {"utf16le", 2, 63488, 0xe612d87b},
	{"utf16le", 4, 1048576, 0x4364d88c}, {"utf32", 4, 1112064, 0xe2906469}
};

typedef struct Sum
{
	const char *charset;
	CdcCharsetConverter *converter;	/* NULL: it is UTF-8 already */
	CdcArena   *arena;
	uint32_t	count;
	uLong		crc;
} Sum;

/* Number of characters of valid UTF-8. */
static size_t
count_characters(CdcString s)
{
	size_t		n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += (s.data[i] & 0xc0) != 0x80;
	return n;
}

/*
 * What is not a character of its own (two half-width katakana, a byte that stands
 * before another character) is left out, as the table's maker did.
 */
static void
add_code(Sum *sum, const uint8_t *code, size_t len)
{
	CdcString	utf8 = {(const char *) code, len};
	CdcError	err;

	if (sum->converter != NULL)
	{
		cdc_arena_reset(sum->arena);
		if (cdc_failed(cdc_charset_to_utf8(sum->converter, code, len, sum->arena, &utf8, &err)))
		{
			assert_int_equal(err.status, CDC_ERR_CORRUPT);
			return;
		}
	}
	else if (!cdc_utf8_valid(code, len))
		return;
	assert_true(cdc_utf8_valid((const uint8_t *) utf8.data, utf8.len));
	if (count_characters(utf8) != 1)
		return;
	sum->count++;
	sum->crc = crc32(sum->crc, code, (uInt) len);
	sum->crc = crc32(sum->crc, (const Bytef *) utf8.data, (uInt) utf8.len);
}

/* Codes of four bytes: what could be one, in ascending order. */
static bool
next_four(const char *charset, uint8_t *code)
{
	static const struct
	{
		const char *charset;
		uint8_t		low[4];
		uint8_t		high[4];
	}			shapes[] = {
		{"gb18030", {0x81, 0x30, 0x81, 0x30}, {0xff, 0x39, 0xff, 0x39}},
		{"utf16", {0xd8, 0x00, 0xdc, 0x00}, {0xdf, 0xff, 0xdf, 0xff}},
		{"utf16le", {0x00, 0xd8, 0x00, 0xdc}, {0xff, 0xdf, 0xff, 0xdf}},
		{"utf32", {0x00, 0x00, 0x00, 0x00}, {0x00, 0x11, 0xff, 0xff}}
	};

	for (size_t s = 0; s < lengthof(shapes); s++)
	{
		if (strcmp(shapes[s].charset, charset) != 0)
			continue;
		if (code[0] == 0xaa && code[1] == 0xaa)	/* the first call */
		{
			memcpy(code, shapes[s].low, 4);
			return true;
		}
		for (int i = 3; i >= 0; i--)
		{
			if (code[i]++ < shapes[s].high[i])
				return true;
			code[i] = shapes[s].low[i];
		}
		return false;
	}
	fail_msg("no shape of %s", charset);
	return false;
}

static void
sum_codes(Sum *sum, int length)
{
	bool		utf = sum->charset[0] == 'u' && sum->charset[1] != 'j';
	uint8_t		code[4] = {0xaa, 0xaa, 0, 0};

	if (length == 4)
	{
		while (next_four(sum->charset, code))
			add_code(sum, code, 4);
		return;
	}
	for (uint32_t v = 0; v < (length == 1 ? 256u : 65536u); v++)
	{
		if (length == 2 && !utf && v < 0x8000)
			continue;			/* would be two characters */
		if (length == 3 && (v < 0x8080 || (v & 0xff) < 0x80))
			continue;
		code[0] = 0x8f;			/* the only lead of three */
		code[length == 3] = (uint8_t) (v >> 8);
		code[length - 1] = (uint8_t) v;
		add_code(sum, code, (size_t) length);
	}
}

static void
test_all_codes(void **state)
{
	CdcCharsets charsets = {0};
	int			wrong = 0;
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(digests); i++)
	{
		const Digest *d = &digests[i];
		Sum			sum = {.charset = d->charset,.arena = cdc_arena_create(0)};

		if (!cdc_charset_is_utf8(d->charset))
			assert_ok(cdc_charset_converter(&charsets, d->charset, &sum.converter, &err), &err);
		sum_codes(&sum, d->length);
		if (sum.count != d->count || sum.crc != d->crc)
		{
			print_error("%s, codes of %d bytes: %u are characters, not %u, or are others\n",
						d->charset, d->length, sum.count, d->count);
			wrong++;
		}
		cdc_arena_destroy(sum.arena);
	}
	cdc_charsets_free(&charsets);
	assert_int_equal(wrong, 0);
}

/* They are searched by halves. */
static void
test_exceptions_sorted(void **state)
{
	(void) state;
	for (size_t i = 0; i < cdc_ncharset_exceptions; i++)
	{
		const CdcCharsetException *e = &cdc_charset_exceptions[i];

		assert_true(e->first <= e->last);
		if (i > 0)
		{
			int			order = strcmp(e[-1].charset, e->charset);

			assert_true(order < 0 || (order == 0 && e[-1].last < e->first));
		}
	}
}

/* Many characters in a row: exceptions at the front, in the middle, at the end. */
static void
test_texts(void **state)
{
	static const struct
	{
		const char *charset;
		const char *bytes;
		const char *utf8;		/* NULL: an error */
	}			texts[] = {
		{"keybcs2", "P\xa9\xa1li\xa8", "P\xc5\x99\xc3\xadli\xc5\xa1"},
		{"sjis", "\x81\x5f" "a\\\xb1\x81\x5f", "\\a\\\xef\xbd\xb1\\"},
		{"gb18030", "\x82\x35\x90\x37" "a\xfe\x59", "\xe9\xbe\xb4" "a\xee\xa0\x9e"},
		{"gb18030", "\x84\x31\x83\x35\x84\x31\x82\x36", "\xef\xb8\x99\xef\xb8\x90"},
		{"eucjpms", "\x8e\xb1\x8f\xb0\xa1\xb0\xa1", "\xef\xbd\xb1\xe4\xb8\x82\xe4\xba\x9c"},
		{"eucjpms", "a\x90", NULL},
		{"gbk", "\x80", NULL},
		{"gbk", "\xd6\xd0\x80", NULL},
		{"big5", "\xa1\x5a\xa4\xa4", "\xef\xbf\xbd\xe4\xb8\xad"},
		{"ujis", "\x8f\xa2", NULL},
		{"gb18030", "\x81\x30\x81", NULL},
		{"utf16", "\xd8\x3d\xde\x00", "\xf0\x9f\x98\x80"},
		{"utf16", "\xd8\x3d", NULL},
	};
	CdcCharsets charsets = {0};
	CdcArena   *arena = cdc_arena_create(0);
	CdcCharsetConverter *converter;
	CdcString	result;
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(texts); i++)
	{
		size_t		len = strlen(texts[i].bytes);
		CdcStatus	st;

		if (strncmp(texts[i].charset, "utf16", 5) == 0 && texts[i].utf8 != NULL)
			len = 4;
		assert_ok(cdc_charset_converter(&charsets, texts[i].charset, &converter, &err), &err);
		st = cdc_charset_to_utf8(converter, (const uint8_t *) texts[i].bytes, len, arena, &result, &err);
		if (texts[i].utf8 == NULL)
		{
			assert_int_equal(st, CDC_ERR_CORRUPT);
			continue;
		}
		assert_ok(st, &err);
		assert_int_equal(result.len, strlen(texts[i].utf8));
		assert_memory_equal(result.data, texts[i].utf8, result.len);
	}
	cdc_arena_destroy(arena);
	cdc_charsets_free(&charsets);
}

/* Names are in the client's character set, texts of any bytes. */
static void
test_statements(void **state)
{
	static const struct
	{
		unsigned	collation;
		const char *bytes;
		const char *utf8;
	}			cases[] = {
		{0, "SELECT 1", "SELECT 1"},
		{45, "t\xc3\xab '\xff\xc3'", "t\xc3\xab '\xc3\xbf\xc3\x83'"},
		{63, "\xe9\xc3\xa9", "\xc3\xa9\xc3\xa9"},
		{8, "t\xeb", "t\xc3\xab"},
		{8, "t\xc3\xab", "t\xc3\x83\xc2\xab"},
		/* second bytes like a backslash and a backtick */
		{28, "`\x90\x5c\x90\x60`", "`\xe6\x80\xbd\xe6\x81\x85`"},
		{28, "\xb1\xed '\xff\x41' \xb1\xed\xb1", "\xe8\xa1\xa8 '\xc3\xbf" "A' \xe8\xa1\xa8\xc2\xb1"},
		{60000, "\xe9", "\xc3\xa9"},
	};
	CdcCharsets charsets = {0};
	CdcArena   *arena = cdc_arena_create(0);
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CdcString	sql = {cases[i].bytes, strlen(cases[i].bytes)};
		CdcString	result;

		assert_ok(cdc_charset_statement(&charsets, cases[i].collation, sql, arena, &result, &err), &err);
		assert_int_equal(result.len, strlen(cases[i].utf8));
		assert_memory_equal(result.data, cases[i].utf8, result.len);
	}
	cdc_arena_destroy(arena);
	cdc_charsets_free(&charsets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exceptions_sorted),
		cmocka_unit_test(test_all_codes),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_statements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
