/*-------------------------------------------------------------------------
 *
 * subscription_internal.h
 *	  Shared by the files that administer subscriptions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COMMANDS_SUBSCRIPTION_INTERNAL_H
#define CDC_PG_COMMANDS_SUBSCRIPTION_INTERNAL_H

#include "pg/base/compat.h"

/* A text[] argument as palloc'ed strings; ERROR for NULL elements. */
extern char **cdc_argument_strings(Datum array, const char *argument, int *n);

/* "schema"."name" or "name" (first schema of the search_path) into its parts. */
extern void cdc_split_relation_name(const char *argument, const char *name,
									const char *default_schema,
									char **schema, char **relation);

#endif							/* CDC_PG_COMMANDS_SUBSCRIPTION_INTERNAL_H */
