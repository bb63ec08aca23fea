/*-------------------------------------------------------------------------
 *
 * online_ddl.c
 *	  Names that online schema changes use; see online_ddl.h.
 *
 *		gh-ost		_T_gho, _T_del, _T_20240131235959_del
 *		pt-osc		_T_new, _T_old, with more underscores in front where those exist
 *		Facebook	__osc_new_T, __osc_old_T
 *
 * gh-ost shortens T where the name would become longer than a server takes.
 *
 *-------------------------------------------------------------------------
 */
#include "core/online_ddl.h"

#include "sql_cursor.h"

#include <string.h>

#define MAX_NAME	64			/* characters */

static bool
ends_with(const char *s, size_t len, const char *end)
{
	size_t		n = strlen(end);

	return len >= n && memcmp(s + len - n, end, n) == 0;
}

/* Characters of a name in UTF-8. */
static size_t
characters(const char *s)
{
	size_t		n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char) *s & 0xC0) != 0x80;
	return n;
}

/* Whether name is "_..._T suffix"; stamped: a time may stand in front of it. */
static bool
is_made_of(const char *table, const char *name, const char *suffix, bool stamped)
{
	size_t		table_len = strlen(table);
	size_t		len = strlen(name);
	size_t		start = 0;

	if (name[0] != '_' || !ends_with(name, len, suffix))
		return false;
	len -= strlen(suffix);
	if (stamped && len > 15 && name[len - 15] == '_' &&
		strspn(name + len - 14, "0123456789") >= 14)
		len -= 15;

	/* T may begin with underscores of its own */
	while (start < len && name[start] == '_')
	{
		start++;
		if (len - start == table_len && memcmp(name + start, table, table_len) == 0)
			return true;
	}
	return characters(name) >= MAX_NAME && len > 1 && len - 1 < table_len &&
		memcmp(name + 1, table, len - 1) == 0;
}

static bool
has_prefix(const char *table, const char *name, const char *prefix)
{
	size_t		n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && strcmp(name + n, table) == 0;
}

bool
cdc_online_ddl_is_shadow(const char *table, const char *shadow)
{
	return is_made_of(table, shadow, "_gho", false) || is_made_of(table, shadow, "_new", false) ||
		has_prefix(table, shadow, "__osc_new_");
}

bool
cdc_online_ddl_wants_triggers(const char *table, const char *shadow)
{
	return is_made_of(table, shadow, "_new", false);
}

/* Reads up to behind the word; false: it does not come. */
static bool
skip_behind(CdcSqlCursor *c, const char *word)
{
	while (!cdc_sql_at_end(c))
	{
		if (cdc_sql_take_word(c, word))
			return true;
		cdc_sql_advance(c);
	}
	return false;
}

bool
cdc_online_ddl_trigger(CdcString sql, uint64_t sql_mode, CdcSqlToken *database, CdcSqlToken *shadow)
{
	CdcSqlCursor c;
	CdcSqlToken token;
	char		table[MAX_NAME * 4 + 1];
	char		name[MAX_NAME * 4 + 1];

	cdc_sql_start(&c, sql, sql_mode);
	cdc_sql_skip_set_statement(&c);
	if (!cdc_sql_take_word(&c, "create") || !skip_behind(&c, "trigger") || !skip_behind(&c, "on") ||
		!cdc_sql_take_name(&c, &token, shadow) || !cdc_sql_identifier(shadow, table, sizeof(table)))
		return false;
	while (skip_behind(&c, "into"))
	{
		if (cdc_sql_take_name(&c, database, shadow) && cdc_sql_identifier(shadow, name, sizeof(name)) &&
			cdc_online_ddl_is_shadow(table, name))
			return true;
	}
	return false;
}

bool
cdc_online_ddl_is_rest(const char *table, const char *rest)
{
	return is_made_of(table, rest, "_del", true) || is_made_of(table, rest, "_old", false) ||
		has_prefix(table, rest, "__osc_old_");
}
