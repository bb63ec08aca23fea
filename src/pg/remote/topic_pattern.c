/*-------------------------------------------------------------------------
 *
 * topic_pattern.c
 *	  Which topics a subscription wants; see topic_pattern.h.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/topic_pattern.h"

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "core/pattern.h"

/* The longest name that Kafka allows. */
#define TOPIC_NAME_MAX	249

bool
cdc_topic_pattern_is_name(const char *pattern)
{
	return pattern[0] != '~' && pattern[0] != '!' && strpbrk(pattern, "*?\\") == NULL;
}

static bool
regex_match(const char *regex, const char *topic)
{
	return DatumGetBool(DirectFunctionCall2Coll(textregexeq, C_COLLATION_OID,
												CStringGetTextDatum(topic),
												CStringGetTextDatum(regex)));
}

/* The pattern without the '!' of an exclusion. */
static bool
pattern_match(const char *pattern, const char *topic)
{
	if (pattern[0] != '~' && strpbrk(pattern, "*?\\") == NULL)
		return strcmp(pattern, topic) == 0;
	if (strncmp(topic, "__", 2) == 0)
		return false;
	return pattern[0] == '~' ? regex_match(pattern + 1, topic) :
		cdc_pattern_match_name(pattern, topic);
}

bool
cdc_topic_wanted(char **patterns, int n, const char *topic)
{
	bool		wanted = false;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (patterns[i][0] != '!')
			wanted = wanted || pattern_match(patterns[i], topic);
		else if (pattern_match(patterns[i] + 1, topic))
			return false;
	}
	return wanted;
}

static void
check_name(const char *name)
{
	size_t		len = strlen(name);

	if (len == 0 || len > TOPIC_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name of a topic: \"%s\"", name),
				 errdetail("It has 1 to %d letters, digits, dots, underscores and hyphens.",
						   TOPIC_NAME_MAX),
				 errhint("Write a topic's name, a pattern such as shop.*, a regular expression behind a ~, or an exclusion behind a !.")));
}

void
cdc_topic_patterns_check(char **patterns, int n)
{
	bool		any = false;
	int			i;

	for (i = 0; i < n; i++)
	{
		const char *pattern = patterns[i][0] == '!' ? patterns[i] + 1 : patterns[i];

		any = any || pattern == patterns[i];
		if (pattern[0] == '~')
			(void) regex_match(pattern + 1, "t");	/* ERROR where it is none */
		else if (strpbrk(pattern, "*?\\") == NULL)
			check_name(pattern);
	}
	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topics must name at least one topic"),
				 errhint("For all whose names begin with shop: topics := '{shop.*}'.")));
}
