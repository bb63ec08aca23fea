/*-------------------------------------------------------------------------
 *
 * pattern.c
 *	  Matches source tables against patterns; see pattern.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/pattern.h"

#include <string.h>

/* Databases that a wildcard never means. */
static const char *const system_databases[] = {
	"mysql", "sys", "information_schema", "performance_schema"
};

/*
 * Length of the UTF-8 character at p, at least 1 and at most up to the end;
 * a byte that starts no character counts as one.
 */
static size_t
char_len(const char *p, const char *end)
{
	unsigned char c = (unsigned char) *p;
	size_t		want = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
	size_t		n = 1;

	while (n < want && p + n < end && ((unsigned char) p[n] & 0xC0) == 0x80)
		n++;
	return n;
}

/* The dot between database and table of a pattern, or NULL. */
static const char *
find_dot(const char *pattern)
{
	for (const char *p = pattern; *p != '\0'; p++)
	{
		if (*p == '.')
			return p;
		if (*p == '\\' && p[1] != '\0')
			p++;
	}
	return NULL;
}

/*
 * Whether the pattern [p, pend) stands for the whole name.  When a part behind
 * a '*' fails, only the last '*' takes one more character: time is at most
 * the product of the lengths.
 */
static bool
glob_match(const char *p, const char *pend, const char *name)
{
	const char *end = name + strlen(name);
	const char *star = NULL;	/* behind the last '*' seen */
	const char *retry = NULL;	/* where the name went on from there */

	for (;;)
	{
		if (p < pend && *p == '*')
		{
			star = ++p;
			retry = name;
			continue;
		}
		if (p == pend && name == end)
			return true;
		if (p < pend && name < end)
		{
			if (*p == '?')
			{
				p++;
				name += char_len(name, end);
				continue;
			}
			if (*p == '\\' && p + 1 < pend && p[1] == *name)
			{
				p += 2;
				name++;
				continue;
			}
			if (*p != '\\' && *p == *name)
			{
				p++;
				name++;
				continue;
			}
		}
		if (star == NULL || retry == end)
			return false;
		retry += char_len(retry, end);
		name = retry;
		p = star;
	}
}

static bool
has_wildcard(const char *p, const char *pend)
{
	for (; p < pend; p++)
	{
		if (*p == '*' || *p == '?')
			return true;
		if (*p == '\\')
			p++;
	}
	return false;
}

static bool
is_system_database(const char *database)
{
	for (size_t i = 0; i < sizeof(system_databases) / sizeof(system_databases[0]); i++)
	{
		if (strcmp(database, system_databases[i]) == 0)
			return true;
	}
	return false;
}

CdcStatus
cdc_pattern_check(const char *pattern, CdcError *err)
{
	const char *dot = find_dot(pattern);
	const char *p;

	if (dot == NULL || dot[1] == '\0')
	{
		cdc_error(err, CDC_ERR_VALUE, "invalid table pattern \"%s\"", pattern);
		cdc_error_detail(err, "A pattern consists of a database and a table with a dot between them.");
		cdc_error_hint(err, "Write, for example, \"shop.*\", \"shop.order_?\" or \"*.*\".");
		return CDC_ERR_VALUE;
	}
	for (p = pattern; *p != '\0'; p++)
	{
		if (*p != '\\')
			continue;
		p++;
		if (*p == '\0')
		{
			cdc_error(err, CDC_ERR_VALUE, "invalid table pattern \"%s\"", pattern);
			cdc_error_detail(err, "There is no character behind the backslash at its end.");
			return CDC_ERR_VALUE;
		}
	}
	return CDC_OK;
}

static bool
match_both(const char *pattern, const char *dot, const char *database, const char *table)
{
	return glob_match(pattern, dot, database) &&
		glob_match(dot + 1, dot + strlen(dot), table);
}

bool
cdc_pattern_match(const char *pattern, const char *database, const char *table)
{
	const char *dot = find_dot(pattern);

	return cdc_pattern_match_database(pattern, database) &&
		glob_match(dot + 1, dot + strlen(dot), table);
}

bool
cdc_pattern_match_database(const char *pattern, const char *database)
{
	const char *dot = find_dot(pattern);

	return dot != NULL && !(is_system_database(database) && has_wildcard(pattern, dot)) &&
		glob_match(pattern, dot, database);
}

bool
cdc_pattern_wanted(const char *const *patterns, int npatterns,
				   const char *const *exclude, int nexclude,
				   const char *database, const char *table)
{
	bool		wanted = false;

	for (int i = 0; i < npatterns && !wanted; i++)
		wanted = cdc_pattern_match(patterns[i], database, table);
	for (int i = 0; i < nexclude && wanted; i++)
	{
		const char *dot = find_dot(exclude[i]);

		/* a wildcard may well exclude tables of a system database */
		wanted = dot == NULL || !match_both(exclude[i], dot, database, table);
	}
	return wanted;
}

/* Takes the text off the pattern's beginning; false where that is something else. */
static bool
take_literal(const char **pattern, const char *text)
{
	const char *p = *pattern;

	for (; *text != '\0'; text++)
	{
		if (*p == '*' || *p == '?')
			return false;
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (*p++ != *text)
			return false;
	}
	*pattern = p;
	return true;
}

bool
cdc_pattern_spells(const char *pattern, const char *database, const char *table)
{
	if (database[0] != '\0' && !(take_literal(&pattern, database) && take_literal(&pattern, ".")))
		return false;
	return take_literal(&pattern, table) && *pattern == '\0';
}

bool
cdc_pattern_match_name(const char *pattern, const char *name)
{
	return glob_match(pattern, pattern + strlen(pattern), name);
}
