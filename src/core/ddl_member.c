/*-------------------------------------------------------------------------
 *
 * ddl_member.c
 *	  Which members of an enum or set a literal stands for.
 *
 * A server takes the first member that its collation has for the same: 'A' is the member 'a'
 * of enum('a','A').  Collations are not known here, so that members are told apart where no
 * collation takes them for the same: by the letters that they are made of, without case, accents
 * and what languages have for one letter.  Where that does not tell, the member is not known.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <string.h>
#include <strings.h>

/* A letter that may be any other one, or none. */
#define ANY_LETTER	0

typedef struct Letter
{
	uint32_t	base;			/* the same of letters that some collation takes for the same */
	bool		loose;			/* it may be one with what follows, or stand for several */
} Letter;

/* Letters of U+00C0 to U+00FF without their accents; '?' is ANY_LETTER. */
static const char latin[] =
"aaaaaaaceeeeiiiidnooooo?ouuu?yts"
"aaaaaaaceeeeiiiidnooooo?ouuu?yty";

static bool
ends_with(const char *s, const char *end)
{
	size_t		len = strlen(s);
	size_t		end_len = strlen(end);

	return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

/* Whether the collation may be that of a language; in the others letters of ASCII differ but in case. */
static bool
is_of_language(const char *collation)
{
	return !(ends_with(collation, "_general_ci") || ends_with(collation, "_unicode_ci") ||
			 ends_with(collation, "_unicode_520_ci") || strcmp(collation, "utf8mb4_0900_ai_ci") == 0 ||
			 ends_with(collation, "uca1400_ai_ci") || strcmp(collation, "latin1_swedish_ci") == 0);
}

static uint32_t
ascii_base(uint8_t c, bool one_language)
{
	if (c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	/* Lithuanian, Latin, Swedish and others have these for the same */
	if (one_language && (c == 'j' || c == 'y'))
		return 'i';
	if (one_language && (c == 'u' || c == 'w'))
		return 'v';
	return c < ' ' || c == 0x7F ? ANY_LETTER : c;
}

static uint32_t
cyrillic_base(uint32_t c)
{
	if (c < 0x410)
		c += 0x50;
	else if (c < 0x430)
		c += 0x20;
	switch (c)
	{
		case 0x450:
		case 0x451:
		case 0x454:
			return 0x435;		/* ie */
		case 0x439:
		case 0x456:
		case 0x457:
		case 0x458:
		case 0x45D:
			return 0x438;		/* i */
		case 0x453:
			return 0x433;		/* ghe */
		case 0x45C:
			return 0x43A;		/* ka */
		case 0x45E:
			return 0x443;		/* u */
		default:
			return c;
	}
}

/* Takes the next character of UTF-8, or a byte that is none; false: there is none. */
static bool
next_character(CdcString *s, uint32_t *c)
{
	const uint8_t *p = (const uint8_t *) s->data;
	size_t		n = 1;

	if (s->len == 0)
		return false;
	if (p[0] < 0x80)
		*c = p[0];
	else if (p[0] >= 0xC2 && p[0] < 0xE0 && s->len >= 2)
	{
		*c = (uint32_t) (p[0] & 0x1F) << 6 | (p[1] & 0x3F);
		n = 2;
	}
	else if (p[0] >= 0xE0 && p[0] < 0xF0 && s->len >= 3)
	{
		*c = (uint32_t) (p[0] & 0x0F) << 12 | (uint32_t) (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
		n = 3;
	}
	else
		*c = 0x80;				/* a control, which may be any letter */
	s->data += n;
	s->len -= n;
	return true;
}

static bool
next_letter(CdcString *s, bool one_language, Letter *letter)
{
	uint32_t	c;

	if (!next_character(s, &c))
		return false;
	letter->loose = false;
	if (c < 0x80)
	{
		letter->base = ascii_base((uint8_t) c, one_language);
		letter->loose = one_language && letter->base == 'c' && s->len > 0 && (s->data[0] | 0x20) == 'h';
	}
	else if (c >= 0xC0 && c <= 0xFF && latin[c - 0xC0] != '?')
	{
		letter->base = ascii_base((uint8_t) latin[c - 0xC0], one_language);
		letter->loose = true;
	}
	else if (c >= 0x400 && c <= 0x45F)
		letter->base = cyrillic_base(c);
	else if (c == 0x490 || c == 0x491)
		letter->base = 0x433;
	else if ((c >= 0x3400 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3))
		letter->base = c;		/* ideographs and syllables are what they are */
	else
		letter->base = ANY_LETTER;
	return true;
}

/* Whether some collation may take both for the same. */
static bool
may_be_same(const char *collation, CdcString a, CdcString b)
{
	bool		one_language = is_of_language(collation);

	for (;;)
	{
		Letter		x = {ANY_LETTER, false};
		Letter		y = {ANY_LETTER, false};
		bool		more_a = next_letter(&a, one_language, &x);
		bool		more_b = next_letter(&b, one_language, &y);

		if (!more_a || !more_b)
			return x.base == ANY_LETTER && y.base == ANY_LETTER;
		if (x.base == ANY_LETTER || y.base == ANY_LETTER)
			return true;
		if (x.base != y.base)
			return false;
		if (x.loose || y.loose)
			return true;
	}
}

static bool
is_same(CdcString a, CdcString b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Whether the collation has both for the same: letters of ASCII in another case. */
static bool
is_same_without_case(const char *collation, CdcString a, CdcString b)
{
	if (!ends_with(collation, "_ci") || a.len != b.len ||
		strstr(collation, "turkish") != NULL || strstr(collation, "_tr_") != NULL)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if ((unsigned char) a.data[i] >= 0x7F || (unsigned char) a.data[i] < ' ')
			return false;
	return strncasecmp(a.data, b.data, a.len) == 0;
}

static bool
is_binary(const char *collation)
{
	return collation == NULL || strcmp(collation, "binary") == 0 || ends_with(collation, "_bin");
}

/* The place of the member that a server takes for it; -1: there is none, or it is not known. */
static int
find_member(const CdcColumn *column, const char *collation, CdcString text)
{
	for (int i = 0; i < column->nmembers; i++)
	{
		if (is_same(column->members[i], text))
			return i;
		if (!is_binary(collation) && may_be_same(collation, column->members[i], text))
			return is_same_without_case(collation, column->members[i], text) ? i : -1;
	}
	return -1;
}

static bool
fit_enum(CdcDdlParser *p, const CdcColumn *column, const char *collation, CdcString text,
		 CdcDdlDefault *deflt)
{
	int			member = find_member(column, collation, text);

	if (member < 0)
		return false;
	deflt->text = cdc_ddl_copy(p, column->members[member].data, column->members[member].len);
	return deflt->text != NULL;
}

/* The members in the order in which they are defined. */
static bool
fit_set(CdcDdlParser *p, const CdcColumn *column, const char *collation, CdcString text,
		CdcDdlDefault *deflt)
{
	uint64_t	chosen = 0;
	const char *list = "";

	while (text.len > 0)
	{
		const char *comma = memchr(text.data, ',', text.len);
		CdcString	part = {text.data, comma != NULL ? (size_t) (comma - text.data) : text.len};
		int			member = find_member(column, collation, part);

		if (member < 0 || member >= 64)
			return false;
		chosen |= UINT64_C(1) << member;
		text.data += part.len + (comma != NULL);
		text.len -= part.len + (comma != NULL);
	}
	for (int i = 0; list != NULL && i < column->nmembers && i < 64; i++)
		if ((chosen >> i & 1) != 0)
			list = cdc_ddl_printf(p, "%s%s%.*s", list, list[0] != '\0' ? "," : "",
								  (int) column->members[i].len, column->members[i].data);
	deflt->text = list;
	return list != NULL;
}

bool
cdc_ddl_fit_members(CdcDdlParser *p, const CdcColumnDef *def, CdcDdlDefault *deflt)
{
	CdcColumn	column = {0};
	CdcString	text = {deflt->text, strlen(deflt->text)};
	CdcError	err;

	if (cdc_column_type_parse(p->arena, def->column_type, &column, &err) != CDC_OK)
		return false;
	/* members have no blanks behind them, but binary ones */
	while (text.len > 0 && text.data[text.len - 1] == ' ' &&
		   def->collation != NULL && strcmp(def->collation, "binary") != 0)
		text.len--;
	return strncmp(def->column_type, "enum", 4) == 0 ?
		fit_enum(p, &column, def->collation, text, deflt) :
		fit_set(p, &column, def->collation, text, deflt);
}
