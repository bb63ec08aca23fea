/*-------------------------------------------------------------------------
 *
 * pattern.h
 *	  Which source tables a subscription wants: lists of patterns such as
 *	  'shop.*', 'shop.order_?', '*.*'.
 *
 * '*' stands for any run of characters, '?' for one; the database ends at
 * the first dot.  A backslash takes the next character as it is.  Matching
 * is by characters of UTF-8, case-sensitive.  System databases (mysql,
 * sys, information_schema, performance_schema) match only when written
 * without a wildcard.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_PATTERN_H
#define CDC_CORE_PATTERN_H

#include "status.h"

/*
 * Whether pattern is well formed: it has a dot (".t": no database), a table behind it, no
 * dangling backslash.
 */
extern CdcStatus cdc_pattern_check(const char *pattern, CdcError *err);
extern bool cdc_pattern_match(const char *pattern, const char *database, const char *table);

/* Whether it matches tables of the database, be there some or not. */
extern bool cdc_pattern_match_database(const char *pattern, const char *database);

/* Some pattern of the list matches, and none of the exclusions. */
extern bool cdc_pattern_wanted(const char *const *patterns, int npatterns,
							   const char *const *exclude, int nexclude,
							   const char *database, const char *table);

/*
 * Whether a pattern without wildcards spells the name "database.table" (or "table", where
 * the database is empty), whichever of its dots stands between them.
 */
extern bool cdc_pattern_spells(const char *pattern, const char *database, const char *table);

/* The same wildcards on one whole name. */
extern bool cdc_pattern_match_name(const char *pattern, const char *name);

#endif							/* CDC_CORE_PATTERN_H */
