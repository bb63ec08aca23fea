/*-------------------------------------------------------------------------
 *
 * collation.c
 *	  Character sets and collations of a server; see collation.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/collation.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_SIZE	128

const CdcCollation *
cdc_collation_by_id(const CdcCollations *all, uint32_t id)
{
	for (int i = 0; id != 0 && i < all->n; i++)
	{
		if (all->list[i].id == id)
			return &all->list[i];
	}
	return NULL;
}

static const CdcCollation *
find(const CdcCollations *all, const char *name)
{
	for (int i = 0; i < all->n; i++)
	{
		if (strcasecmp(all->list[i].name, name) == 0)
			return &all->list[i];
	}
	return NULL;
}

/*
 * The other name of a character set, or of one of its collations, that has two:
 * MySQL 8.0.28 and MariaDB 10.6 call utf8mb3 what was utf8 before.
 */
static bool
other_name(const char *name, char *out, size_t size)
{
	if (strncasecmp(name, "utf8mb3", 7) == 0 && (name[7] == '_' || name[7] == '\0'))
		snprintf(out, size, "utf8%s", name + 7);
	else if (strncasecmp(name, "utf8", 4) == 0 && (name[4] == '_' || name[4] == '\0'))
		snprintf(out, size, "utf8mb3%s", name + 4);
	else
		return false;
	return true;
}

const CdcCollation *
cdc_collation_by_name(const CdcCollations *all, const char *name, const char *charset)
{
	const CdcCollation *result = find(all, name);
	char		other[NAME_SIZE];

	if (result == NULL && other_name(name, other, sizeof(other)))
		result = find(all, other);
	if (result == NULL && charset != NULL)
	{
		snprintf(other, sizeof(other), "%s_%s", charset, name);
		result = find(all, other);
	}
	return result;
}

static const CdcCollation *
find_default(const CdcCollations *all, const char *charset)
{
	for (int i = 0; i < all->n; i++)
	{
		if (all->list[i].is_default && strcasecmp(all->list[i].charset, charset) == 0)
			return &all->list[i];
	}
	return NULL;
}

const CdcCollation *
cdc_collation_default(const CdcCollations *all, const char *charset)
{
	const CdcCollation *result = find_default(all, charset);
	char		other[NAME_SIZE];

	if (result == NULL && other_name(charset, other, sizeof(other)))
		result = find_default(all, other);
	return result;
}

const CdcCollation *
cdc_collation_binary(const CdcCollations *all, const char *charset)
{
	char		name[NAME_SIZE];

	if (strcmp(charset, "binary") == 0)
		return find(all, charset);
	snprintf(name, sizeof(name), "%s_bin", charset);
	return cdc_collation_by_name(all, name, NULL);
}

unsigned
cdc_charset_max_bytes(const char *charset)
{
	static const struct
	{
		const char *charset;
		unsigned	bytes;
	}			multibyte[] = {
		{"utf8mb4", 4}, {"utf8mb3", 3}, {"utf8", 3}, {"utf16", 4}, {"utf16le", 4},
		{"utf32", 4}, {"gb18030", 4}, {"ujis", 3}, {"eucjpms", 3}, {"ucs2", 2}, {"big5", 2},
		{"gbk", 2}, {"gb2312", 2}, {"euckr", 2}, {"sjis", 2}, {"cp932", 2}
	};

	for (size_t i = 0; i < sizeof(multibyte) / sizeof(multibyte[0]); i++)
	{
		if (strcmp(multibyte[i].charset, charset) == 0)
			return multibyte[i].bytes;
	}
	return 1;
}
