/*-------------------------------------------------------------------------
 *
 * charset.c
 *	  Character sets of MySQL and MariaDB, and their conversion to UTF-8.
 *
 * Conversion is the system's iconv, but for latin1: what MySQL calls latin1 is
 * Windows' code page 1252, with the five bytes that this leaves undefined
 * taken as the C1 controls of the same number; no iconv has that.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

/*
 * Collation ids, from information_schema.COLLATIONS of MySQL 5.6.24 and 9.7.4,
 * MariaDB 10.11 and 11.8, which agree.  MariaDB's nopad collations are 1024
 * above the collation that they are the variant of; its uca1400 ones have a
 * range a character set.
 */
typedef struct CollationRange
{
	uint16_t	first;
	uint16_t	last;
	const char *charset;
} CollationRange;

#define NOPAD_BASE	1024
#define NOPAD_END	2048

static const CollationRange collations[] = {
	{1, 1, "big5"}, {2, 2, "latin2"}, {3, 3, "dec8"}, {4, 4, "cp850"},
	{5, 5, "latin1"}, {6, 6, "hp8"}, {7, 7, "koi8r"}, {8, 8, "latin1"},
	{9, 9, "latin2"}, {10, 10, "swe7"}, {11, 11, "ascii"}, {12, 12, "ujis"},
	{13, 13, "sjis"}, {14, 14, "cp1251"}, {15, 15, "latin1"}, {16, 16, "hebrew"},
	{18, 18, "tis620"}, {19, 19, "euckr"}, {20, 20, "latin7"}, {21, 21, "latin2"},
	{22, 22, "koi8u"}, {23, 23, "cp1251"}, {24, 24, "gb2312"}, {25, 25, "greek"},
	{26, 26, "cp1250"}, {27, 27, "latin2"}, {28, 28, "gbk"}, {29, 29, "cp1257"},
	{30, 30, "latin5"}, {31, 31, "latin1"}, {32, 32, "armscii8"}, {33, 33, "utf8mb3"},
	{34, 34, "cp1250"}, {35, 35, "ucs2"}, {36, 36, "cp866"}, {37, 37, "keybcs2"},
	{38, 38, "macce"}, {39, 39, "macroman"}, {40, 40, "cp852"}, {41, 42, "latin7"},
	{43, 43, "macce"}, {44, 44, "cp1250"}, {45, 46, "utf8mb4"}, {47, 49, "latin1"},
	{50, 52, "cp1251"}, {53, 53, "macroman"}, {54, 55, "utf16"}, {56, 56, "utf16le"},
	{57, 57, "cp1256"}, {58, 59, "cp1257"}, {60, 61, "utf32"}, {62, 62, "utf16le"},
	{63, 63, "binary"}, {64, 64, "armscii8"}, {65, 65, "ascii"}, {66, 66, "cp1250"},
	{67, 67, "cp1256"}, {68, 68, "cp866"}, {69, 69, "dec8"}, {70, 70, "greek"},
	{71, 71, "hebrew"}, {72, 72, "hp8"}, {73, 73, "keybcs2"}, {74, 74, "koi8r"},
	{75, 75, "koi8u"}, {76, 76, "utf8mb3"}, {77, 77, "latin2"}, {78, 78, "latin5"},
	{79, 79, "latin7"}, {80, 80, "cp850"}, {81, 81, "cp852"}, {82, 82, "swe7"},
	{83, 83, "utf8mb3"}, {84, 84, "big5"}, {85, 85, "euckr"}, {86, 86, "gb2312"},
	{87, 87, "gbk"}, {88, 88, "sjis"}, {89, 89, "tis620"}, {90, 90, "ucs2"},
	{91, 91, "ujis"}, {92, 93, "geostd8"}, {94, 94, "latin1"}, {95, 96, "cp932"},
	{97, 98, "eucjpms"}, {99, 99, "cp1250"}, {101, 124, "utf16"}, {128, 151, "ucs2"},
	{159, 159, "ucs2"}, {160, 183, "utf32"}, {192, 215, "utf8mb3"},
	{223, 223, "utf8mb3"}, {224, 247, "utf8mb4"}, {248, 250, "gb18030"},
	{255, 323, "utf8mb4"}, {576, 579, "utf8mb3"}, {608, 611, "utf8mb4"},
	{640, 642, "ucs2"}, {672, 674, "utf16"}, {736, 738, "utf32"},
	{2048, 2247, "utf8mb3"}, {2304, 2503, "utf8mb4"}, {2560, 2759, "ucs2"},
	{2816, 3015, "utf16"}, {3072, 3271, "utf32"}
};

const char *
cdc_collation_charset(unsigned id)
{
	size_t		low = 0;
	size_t		high = sizeof(collations) / sizeof(collations[0]);

	if (id >= NOPAD_BASE && id < NOPAD_END)
		id -= NOPAD_BASE;
	while (low < high)
	{
		size_t		mid = (low + high) / 2;

		if (id < collations[mid].first)
			high = mid;
		else if (id > collations[mid].last)
			low = mid + 1;
		else
			return collations[mid].charset;
	}
	return NULL;
}

/* MySQL's names and iconv's, where conversion is needed. */
static const struct
{
	const char *charset;
	const char *iconv_name;
}			iconv_names[] = {
	{"armscii8", "ARMSCII-8"},
	{"big5", "BIG5"},
	{"cp1250", "CP1250"},
	{"cp1251", "CP1251"},
	{"cp1256", "CP1256"},
	{"cp1257", "CP1257"},
	{"cp850", "CP850"},
	{"cp852", "CP852"},
	{"cp866", "CP866"},
	{"cp932", "CP932"},
	{"dec8", "DEC-MCS"},
	{"eucjpms", "EUC-JP-MS"},
	{"euckr", "CP949"},
	{"gb18030", "GB18030"},
	{"gb2312", "EUC-CN"},
	{"gbk", "GBK"},
	{"geostd8", "GEORGIAN-PS"},
	{"greek", "ISO-8859-7"},
	{"hebrew", "ISO-8859-8"},
	{"hp8", "HP-ROMAN8"},
	{"koi8r", "KOI8-R"},
	{"koi8u", "KOI8-U"},
	{"latin2", "ISO-8859-2"},
	{"latin5", "ISO-8859-9"},
	{"latin7", "ISO-8859-13"},
	{"macce", "MAC-CENTRALEUROPE"},
	{"macroman", "MACINTOSH"},
	{"sjis", "SJIS"},
	{"tis620", "TIS-620"},
	{"ucs2", "UCS-2BE"},
	{"ujis", "EUC-JP"},
	{"utf16", "UTF-16BE"},
	{"utf16le", "UTF-16LE"},
	{"utf32", "UTF-32BE"}
};

struct CdcConverter
{
	CdcConverter *next;
	const char *charset;		/* one of our own strings */
	iconv_t		cd;				/* (iconv_t) -1: latin1, by the table below */
};

/* Bytes 0x80 to 0x9f of latin1; 0 = the C1 control of the same number. */
static const uint16_t cp1252_high[32] = {
	0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
	0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178
};

bool
cdc_charset_equal(const char *a, const char *b)
{
	if (strcmp(a, "utf8") == 0)
		a = "utf8mb3";
	if (strcmp(b, "utf8") == 0)
		b = "utf8mb3";
	return strcmp(a, b) == 0;
}

bool
cdc_charset_is_utf8(const char *charset)
{
	return strcmp(charset, "utf8mb4") == 0 || strcmp(charset, "utf8mb3") == 0 ||
		strcmp(charset, "utf8") == 0 || strcmp(charset, "ascii") == 0;
}

CdcStatus
cdc_charset_converter(CdcCharsets *charsets, const char *charset,
					  CdcConverter **converter, CdcError *err)
{
	CdcConverter *c;
	const char *name = NULL;
	const char *iconv_name = NULL;
	iconv_t		cd = (iconv_t) -1;

	for (c = charsets->list; c != NULL; c = c->next)
	{
		if (strcmp(c->charset, charset) == 0)
		{
			*converter = c;
			return CDC_OK;
		}
	}
	if (strcmp(charset, "latin1") == 0)
		name = "latin1";
	for (size_t i = 0; i < sizeof(iconv_names) / sizeof(iconv_names[0]); i++)
	{
		if (strcmp(iconv_names[i].charset, charset) == 0)
		{
			name = iconv_names[i].charset;
			iconv_name = iconv_names[i].iconv_name;
		}
	}
	if (iconv_name != NULL)
		cd = iconv_open("UTF-8", iconv_name);
	if (name == NULL || (iconv_name != NULL && cd == (iconv_t) -1))
	{
		cdc_error(err, CDC_ERR_UNSUPPORTED, "character set \"%s\" is not supported", charset);
		if (iconv_name != NULL)
			cdc_error_detail(err, "The system's iconv does not know \"%s\".", iconv_name);
		return CDC_ERR_UNSUPPORTED;
	}
	c = malloc(sizeof(*c));
	if (c == NULL)
	{
		if (cd != (iconv_t) -1)
			iconv_close(cd);
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	}
	c->charset = name;
	c->cd = cd;
	c->next = charsets->list;
	charsets->list = c;
	*converter = c;
	return CDC_OK;
}

void
cdc_charsets_free(CdcCharsets *charsets)
{
	while (charsets->list != NULL)
	{
		CdcConverter *c = charsets->list;

		charsets->list = c->next;
		if (c->cd != (iconv_t) -1)
			iconv_close(c->cd);
		free(c);
	}
}

/* Length of the run of bytes below 0x80 at the front. */
static size_t
ascii_run(const uint8_t *data, size_t len)
{
	size_t		i = 0;

	for (; i + 8 <= len; i += 8)
	{
		uint64_t	word;

		memcpy(&word, data + i, 8);
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < len && data[i] < 0x80)
		i++;
	return i;
}

static CdcStatus
convert_latin1(const uint8_t *data, size_t len, CdcArena *arena, CdcString *result,
			   CdcError *err)
{
	size_t		run = ascii_run(data, len);
	size_t		extra = 0;
	char	   *out,
			   *p;

	if (run == len)
	{
		result->data = (const char *) data;
		result->len = len;
		return CDC_OK;
	}
	for (size_t i = run; i < len; i++)
		extra += data[i] >= 0x80 ? 2 : 0;
	out = p = cdc_arena_alloc(arena, len + extra);
	if (out == NULL)
		return cdc_error(err, CDC_ERR_LIMIT, "text needs more memory than a row may take");
	for (size_t i = 0; i < len; i++)
	{
		unsigned	c = data[i];

		if (c >= 0x80 && c < 0xa0 && cp1252_high[c - 0x80] != 0)
			c = cp1252_high[c - 0x80];
		if (c < 0x80)
			*p++ = (char) c;
		else if (c < 0x800)
		{
			*p++ = (char) (0xc0 | c >> 6);
			*p++ = (char) (0x80 | (c & 0x3f));
		}
		else
		{
			*p++ = (char) (0xe0 | c >> 12);
			*p++ = (char) (0x80 | (c >> 6 & 0x3f));
			*p++ = (char) (0x80 | (c & 0x3f));
		}
	}
	result->data = out;
	result->len = (size_t) (p - out);
	return CDC_OK;
}

CdcStatus
cdc_convert(CdcConverter *converter, const uint8_t *data, size_t len, CdcArena *arena,
			CdcString *result, CdcError *err)
{
	/* no character set here makes more than 4 bytes of UTF-8 out of one byte */
	size_t		cap = len * 4;
	char	   *in = (char *) data;
	char	   *out,
			   *p;
	size_t		in_left = len;
	size_t		out_left = cap;

	if (converter->cd == (iconv_t) -1)
		return convert_latin1(data, len, arena, result, err);
	out = p = cdc_arena_alloc(arena, cap + 1);
	if (out == NULL)
		return cdc_error(err, CDC_ERR_LIMIT, "text needs more memory than a row may take");
	iconv(converter->cd, NULL, NULL, NULL, NULL);
	if (iconv(converter->cd, &in, &in_left, &p, &out_left) == (size_t) -1)
	{
		if (errno == E2BIG)
			return cdc_error(err, CDC_ERR_INTERNAL, "text grows more than expected in UTF-8");
		cdc_error(err, CDC_ERR_CORRUPT, "text is not valid %s", converter->charset);
		cdc_error_detail(err, "The byte 0x%02x at offset %zu cannot be converted.",
						 (unsigned) data[len - in_left], len - in_left);
		return CDC_ERR_CORRUPT;
	}
	result->data = out;
	result->len = cap - out_left;
	return CDC_OK;
}

bool
cdc_utf8_valid(const uint8_t *data, size_t len)
{
	const uint8_t *p = data + ascii_run(data, len);
	const uint8_t *end = data + len;

	while (p < end)
	{
		if (*p < 0x80)
			p += ascii_run(p, (size_t) (end - p));
		else if (*p < 0xc2)
			return false;
		else if (*p < 0xe0)
		{
			if (end - p < 2 || (p[1] & 0xc0) != 0x80)
				return false;
			p += 2;
		}
		else if (*p < 0xf0)
		{
			if (end - p < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 ||
				(*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] >= 0xa0))
				return false;
			p += 3;
		}
		else
		{
			if (*p > 0xf4 || end - p < 4 || (p[1] & 0xc0) != 0x80 ||
				(p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80 ||
				(*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] >= 0x90))
				return false;
			p += 4;
		}
	}
	return true;
}
