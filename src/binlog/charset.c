/*-------------------------------------------------------------------------
 *
 * charset.c
 *	  Character sets of MySQL and MariaDB, and their conversion to UTF-8.
 *
 * Conversion is the system's iconv, corrected where the servers know better
 * (charset_exceptions.c).  Single-byte character sets are converted by a table
 * that is filled from it.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "binlog/charset_exceptions.h"

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

/*
 * MySQL's names and iconv's, where conversion is needed, and the greatest
 * number of bytes of a character; 1: converted by a table.  What MySQL calls
 * latin1 is code page 1252.  keybcs2 is unknown to iconv, but half of it is
 * code page 437.
 */
typedef struct CharsetName
{
	const char *charset;
	const char *iconv_name;
	int			max_bytes;
} CharsetName;

static const CharsetName charset_names[] = {
	{"armscii8", "ARMSCII-8", 1},
	{"big5", "BIG5", 2},
	{"cp1250", "CP1250", 1},
	{"cp1251", "CP1251", 1},
	{"cp1256", "CP1256", 1},
	{"cp1257", "CP1257", 1},
	{"cp850", "CP850", 1},
	{"cp852", "CP852", 1},
	{"cp866", "CP866", 1},
	{"cp932", "CP932", 2},
	{"dec8", "DEC-MCS", 1},
	{"eucjpms", "EUC-JP-MS", 3},
	{"euckr", "CP949", 2},
	{"gb18030", "GB18030", 4},
	{"gb2312", "EUC-CN", 2},
	{"gbk", "GBK", 2},
	{"geostd8", "GEORGIAN-PS", 1},
	{"greek", "ISO-8859-7", 1},
	{"hebrew", "ISO-8859-8", 1},
	{"hp8", "HP-ROMAN8", 1},
	{"keybcs2", "CP437", 1},
	{"koi8r", "KOI8-R", 1},
	{"koi8u", "KOI8-U", 1},
	{"latin1", "CP1252", 1},
	{"latin2", "ISO-8859-2", 1},
	{"latin5", "ISO-8859-9", 1},
	{"latin7", "ISO-8859-13", 1},
	{"macce", "MAC-CENTRALEUROPE", 1},
	{"macroman", "MACINTOSH", 1},
	{"sjis", "SJIS", 2},
	{"swe7", "SEN_850200_C", 1},
	{"tis620", "ISO-8859-11", 1},
	{"ucs2", "UCS-2BE", 2},
	{"ujis", "EUC-JP", 3},
	{"utf16", "UTF-16BE", 4},
	{"utf16le", "UTF-16LE", 4},
	{"utf32", "UTF-32BE", 4}
};

#define UNDEFINED	0xffff		/* no character set has U+FFFF */

/* How bytes above 0x7f make characters, where exceptions are to be found. */
typedef enum Encoding
{
	ENCODING_TWO_BYTES,
	ENCODING_SJIS,				/* and one byte for half-width katakana */
	ENCODING_EUC_JP,			/* and three behind 0x8f */
	ENCODING_GB18030			/* or four, when the second is a digit */
} Encoding;

struct CdcCharsetConverter
{
	CdcCharsetConverter *next;
	const CharsetName *name;
	iconv_t		cd;
	Encoding	encoding;
	bool		ascii;			/* bytes below 0x80 are ASCII */
	const CdcCharsetException *exceptions;	/* multibyte: its first one, or NULL */
	size_t		nexceptions;
	uint16_t	table[256];		/* single-byte: characters */
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

/* One character of the converter's iconv as a code point; 0 = undefined. */
static uint32_t
iconv_character(iconv_t cd, const char *bytes, size_t len)
{
	uint8_t		utf8[8];
	char	   *in = (char *) bytes;
	char	   *out = (char *) utf8;
	size_t		out_left = sizeof(utf8);

	iconv(cd, NULL, NULL, NULL, NULL);
	if (iconv(cd, &in, &len, &out, &out_left) == (size_t) -1)
		return 0;
	if (utf8[0] < 0x80)
		return utf8[0];
	if (utf8[0] < 0xe0)
		return (utf8[0] & 0x1fu) << 6 | (utf8[1] & 0x3fu);
	return (utf8[0] & 0x0fu) << 12 | (utf8[1] & 0x3fu) << 6 | (utf8[2] & 0x3fu);
}

/* Fills the table of a single-byte character set, or finds its exceptions. */
static void
prepare_converter(CdcCharsetConverter *c)
{
	bool		single = c->name->max_bytes == 1;

	for (int i = 0; single && i < 256; i++)
	{
		char		byte = (char) i;
		uint32_t	character = iconv_character(c->cd, &byte, 1);

		c->table[i] = i == 0 || character != 0 ? (uint16_t) character : UNDEFINED;
	}
	for (size_t i = 0; i < cdc_ncharset_exceptions; i++)
	{
		const CdcCharsetException *e = &cdc_charset_exceptions[i];

		if (strcmp(e->charset, c->name->charset) != 0)
			continue;
		if (c->nexceptions++ == 0)
			c->exceptions = e;	/* they stand together */
		for (uint32_t code = e->first; single && code <= e->last; code++)
			c->table[code & 0xff] = e->character == 0 ? UNDEFINED :
				(uint16_t) (e->character + (code - e->first));
	}
	if (strcmp(c->name->charset, "sjis") == 0)
		c->encoding = ENCODING_SJIS;
	else if (c->name->max_bytes == 3)
		c->encoding = ENCODING_EUC_JP;
	else if (strcmp(c->name->charset, "gb18030") == 0)
		c->encoding = ENCODING_GB18030;
	c->ascii = single ? true : strncmp(c->name->charset, "u", 1) != 0 ||
		strcmp(c->name->charset, "ujis") == 0;
	for (int i = 0; single && i < 128; i++)
		c->ascii &= c->table[i] == i;
}

CdcStatus
cdc_charset_converter(CdcCharsets *charsets, const char *charset,
					  CdcCharsetConverter **converter, CdcError *err)
{
	const CharsetName *name = NULL;
	CdcCharsetConverter *c;
	iconv_t		cd;

	for (c = charsets->list; c != NULL; c = c->next)
	{
		if (strcmp(c->name->charset, charset) == 0)
		{
			*converter = c;
			return CDC_OK;
		}
	}
	for (size_t i = 0; i < sizeof(charset_names) / sizeof(charset_names[0]); i++)
	{
		if (strcmp(charset_names[i].charset, charset) == 0)
			name = &charset_names[i];
	}
	cd = name != NULL ? iconv_open("UTF-8", name->iconv_name) : (iconv_t) -1;
	if (cd == (iconv_t) -1)
	{
		cdc_error(err, CDC_ERR_UNSUPPORTED, "character set \"%s\" is not supported", charset);
		if (name != NULL)
			cdc_error_detail(err, "The system's iconv does not know \"%s\".", name->iconv_name);
		return CDC_ERR_UNSUPPORTED;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
	{
		iconv_close(cd);
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	}
	c->name = name;
	c->cd = cd;
	prepare_converter(c);
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
		CdcCharsetConverter *c = charsets->list;

		charsets->list = c->next;
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
no_room(CdcError *err)
{
	return cdc_error(err, CDC_ERR_LIMIT, "text needs more memory than a row may take");
}

/* A text in the converter's character set. */
typedef struct SourceText
{
	const uint8_t *data;
	size_t		len;
	size_t		ascii;			/* length of the run of ASCII at its front */
} SourceText;

static CdcStatus
not_valid(const CdcCharsetConverter *converter, const SourceText *text, size_t at, CdcError *err)
{
	cdc_error(err, CDC_ERR_CORRUPT, "text is not valid %s", converter->name->charset);
	cdc_error_detail(err, "The byte 0x%02x at offset %zu cannot be converted.",
					 (unsigned) text->data[at], at);
	return CDC_ERR_CORRUPT;
}

static char *
put_character(char *p, uint32_t c)
{
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
	return p;
}

/* Converts a text of a single-byte character set by the converter's table. */
static CdcStatus
convert_single(const CdcCharsetConverter *converter, const SourceText *text, CdcArena *arena,
			   CdcString *result, CdcError *err)
{
	const uint8_t *data = text->data;
	size_t		len = text->len;
	size_t		need = len;
	char	   *out,
			   *p;

	for (size_t i = text->ascii; i < len; i++)
	{
		uint16_t	c = converter->table[data[i]];

		if (c == UNDEFINED)
			return not_valid(converter, text, i, err);
		need += c < 0x80 ? 0 : c < 0x800 ? 1 : 2;
	}
	out = p = cdc_arena_alloc(arena, need);
	if (out == NULL)
		return no_room(err);
	for (size_t i = 0; i < len; i++)
		p = put_character(p, converter->table[data[i]]);
	result->data = out;
	result->len = need;
	return CDC_OK;
}

/* Bytes of the character at data, at least 1, at most len. */
static size_t
character_bytes(const CdcCharsetConverter *converter, const uint8_t *data, size_t len)
{
	uint8_t		lead = data[0];
	size_t		n = 2;

	if (lead < 0x80 ||
		(converter->encoding == ENCODING_SJIS && lead >= 0xa0 && lead <= 0xdf))
		n = 1;
	else if (converter->encoding == ENCODING_EUC_JP && lead == 0x8f)
		n = 3;
	else if (converter->encoding == ENCODING_GB18030 && len > 1 && data[1] < 0x40)
		n = 4;
	return n < len ? n : len;
}

/* The exception for a code, or NULL. */
static const CdcCharsetException *
find_exception(const CdcCharsetConverter *converter, uint32_t code)
{
	size_t		low = 0;
	size_t		high = converter->nexceptions;

	while (low < high)
	{
		size_t		mid = (low + high) / 2;
		const CdcCharsetException *e = &converter->exceptions[mid];

		if (code < e->first)
			high = mid;
		else if (code > e->last)
			low = mid + 1;
		else
			return e;
	}
	return NULL;
}

/* Where converted text is written next, and how many bytes are left there. */
typedef struct Output
{
	char	   *p;
	size_t		room;
} Output;

/* Converts the bytes from..to-1 of the text by iconv and appends the result to the output. */
static CdcStatus
convert_piece(CdcCharsetConverter *converter, const SourceText *text, size_t from, size_t to,
			  Output *out, CdcError *err)
{
	char	   *in = (char *) text->data + from;
	size_t		len = to - from;

	iconv(converter->cd, NULL, NULL, NULL, NULL);
	if (len > 0 && iconv(converter->cd, &in, &len, &out->p, &out->room) == (size_t) -1)
	{
		if (errno == E2BIG)
			return cdc_error(err, CDC_ERR_INTERNAL, "text grows more than expected in UTF-8");
		return not_valid(converter, text, (size_t) ((const uint8_t *) in - text->data), err);
	}
	return CDC_OK;
}

CdcStatus
cdc_charset_to_utf8(CdcCharsetConverter *converter, const uint8_t *data, size_t len, CdcArena *arena,
			CdcString *result, CdcError *err)
{
	SourceText	text = {data, len, converter->ascii ? ascii_run(data, len) : 0};
	/* no character set here makes more than 4 bytes of UTF-8 out of one byte */
	Output		out = {NULL, len * 4};
	size_t		done = 0;
	char	   *start;
	CdcStatus	st;

	if (text.ascii == len)
	{
		result->data = (const char *) data;
		result->len = len;
		return CDC_OK;
	}
	if (converter->name->max_bytes == 1)
		return convert_single(converter, &text, arena, result, err);
	out.p = start = cdc_arena_alloc(arena, out.room + 1);
	if (start == NULL)
		return no_room(err);

	/* characters that iconv converts otherwise than the servers divide the text into pieces */
	for (size_t i = 0, n; converter->exceptions != NULL && i < len; i += n)
	{
		const CdcCharsetException *e;
		uint32_t	code = 0;
		char	   *before;

		n = character_bytes(converter, data + i, len - i);
		for (size_t k = 0; k < n; k++)
			code = code << 8 | data[i + k];
		e = find_exception(converter, code);
		if (e == NULL)
			continue;
		if (e->character == 0)
			return not_valid(converter, &text, i, err);
		st = convert_piece(converter, &text, done, i, &out, err);
		if (st != CDC_OK)
			return st;
		before = out.p;
		out.p = put_character(out.p, e->character + (code - e->first));
		out.room -= (size_t) (out.p - before);
		done = i + n;
	}
	st = convert_piece(converter, &text, done, len, &out, err);
	if (st != CDC_OK)
		return st;
	result->data = start;
	result->len = (size_t) (out.p - start);
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

/* Bytes of the UTF-8 character at data; 0: there is none. */
static size_t
utf8_bytes(const uint8_t *data, size_t len)
{
	size_t		n = data[0] < 0x80 ? 1 : data[0] < 0xe0 ? 2 : data[0] < 0xf0 ? 3 : 4;

	return n <= len && cdc_utf8_valid(data, n) ? n : 0;
}

/* Text that should be UTF-8: bytes that are not are taken for latin1's. */
static CdcStatus
mend_utf8(const uint8_t *data, size_t len, CdcArena *arena, CdcString *result, CdcError *err)
{
	char	   *start = cdc_arena_alloc(arena, len * 2);
	char	   *p = start;

	if (start == NULL)
		return no_room(err);
	for (size_t i = 0; i < len;)
	{
		size_t		n = utf8_bytes(data + i, len - i);

		if (n == 0)
			p = put_character(p, data[i++]);
		else
		{
			memcpy(p, data + i, n);
			p += n;
			i += n;
		}
	}
	*result = (CdcString) {start, (size_t) (p - start)};
	return CDC_OK;
}

/* Converts character by character; bytes that are none are taken for latin1's. */
static CdcStatus
convert_characters(CdcCharsetConverter *converter, const uint8_t *data, size_t len, CdcArena *arena,
				   CdcString *result, CdcError *err)
{
	char	   *start = cdc_arena_alloc(arena, len * 4);
	char	   *p = start;

	if (start == NULL)
		return no_room(err);
	for (size_t i = 0; i < len;)
	{
		size_t		n = character_bytes(converter, data + i, len - i);
		CdcString	piece;
		CdcStatus	st = cdc_charset_to_utf8(converter, data + i, n, arena, &piece, err);

		if (st == CDC_ERR_CORRUPT)
			p = put_character(p, data[i++]);
		else if (st != CDC_OK)
			return st;
		else
		{
			memcpy(p, piece.data, piece.len);
			p += piece.len;
			i += n;
		}
	}
	*result = (CdcString) {start, (size_t) (p - start)};
	return CDC_OK;
}

CdcStatus
cdc_charset_statement(CdcCharsets *charsets, unsigned collation, CdcString sql, CdcArena *arena,
					  CdcString *result, CdcError *err)
{
	const char *charset = cdc_collation_charset(collation);
	const uint8_t *data = (const uint8_t *) sql.data;
	CdcCharsetConverter *converter;
	CdcStatus	st;

	*result = sql;
	if (charset == NULL || cdc_charset_is_utf8(charset) || strcmp(charset, "binary") == 0 ||
		cdc_charset_converter(charsets, charset, &converter, err) == CDC_ERR_UNSUPPORTED)
		return cdc_utf8_valid(data, sql.len) ? CDC_OK : mend_utf8(data, sql.len, arena, result, err);
	st = cdc_charset_converter(charsets, charset, &converter, err);
	if (st == CDC_OK)
		st = cdc_charset_to_utf8(converter, data, sql.len, arena, result, err);
	return st == CDC_ERR_CORRUPT ? convert_characters(converter, data, sql.len, arena, result, err) : st;
}
