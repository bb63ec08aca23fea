/*-------------------------------------------------------------------------
 *
 * distribution.h
 *	  Whether a target's rows are where its key says, on Greenplum's segments.
 *
 *	  Where rows are not distributed, no target has a trouble of these.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_DISTRIBUTION_H
#define CDC_PG_TARGET_DISTRIBUTION_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

/* Why a target's rows cannot be written as they are distributed; its texts are palloc'ed. */
typedef struct CdcDistributionTrouble
{
	char	   *what;			/* behind the target's name, without a full stop */
	const char *why;			/* a sentence */
	char	   *remedy;			/* statements to type, with their semicolons */
} CdcDistributionTrouble;

/*
 * Looks at the open relation, whose name, qualified and quoted, is target.  key: the columns
 * that rows are found by, NIL where there is no key; filled: those that are written, NIL: all;
 * both of char *.  Returns false where there is no trouble.
 */
extern bool cdc_distribution_trouble(Relation rel, const char *target, List *key, List *filled,
									 CdcDistributionTrouble *trouble);

/* ERROR: the target cannot be one. */
pg_noreturn extern void cdc_distribution_raise(const char *target, const CdcDistributionTrouble *trouble);

/*
 * What lets a primary key of these columns, of char *, be added: a statement without its
 * semicolon.  NULL: nothing has to; or, with *first, the statements that have to come before
 * any would do, as another unique index has none of the columns.
 */
extern char *cdc_distribution_for_key(Relation rel, const char *target, List *key, char **first);

#endif							/* CDC_PG_TARGET_DISTRIBUTION_H */
