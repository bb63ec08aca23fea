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
#include "core/change.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/base/background.h"
#include "pg/remote/source.h"

/* The subscription, when the current user may administer it. */
extern CdcSubscription *cdc_subscription_get_own(const char *name);

/* A text[] argument as palloc'ed strings; ERROR for NULL elements. */
extern char **cdc_argument_strings(Datum array, const char *argument, int *n);

/* Splits "database.table" at its first dot; ERROR with a hint where it has none. */
extern void cdc_split_table_name(const char *name, char **database, char **table);

/* "schema"."name" or "name" (first schema of the search_path) into its parts. */
extern void cdc_split_relation_name(const char *argument, const char *name,
									const char *default_schema,
									char **schema, char **relation);

/* Row of cdc.subscription_table. */
typedef struct CdcTableRow
{
	const char *source_table;
	const char *target;			/* or NULL */
	char	  **key;
	int			nkey;			/* 0: NULL */
	const Jsonb *columns;		/* or NULL */
	bool		copy_data;
	char		state;
	const char *error;			/* or NULL */
	int			sqlerrcode;		/* the error's */
} CdcTableRow;

extern void cdc_table_row_insert(const CdcSubscription *sub, const CdcTableRow *row);

/* "subscription x, table y" that feeds the target, or NULL. */
extern char *cdc_target_user(const char *target);

/* After a change: caches, workers. */
extern void cdc_subscription_changed(void);

/* NOTICE when the library is not preloaded. */
extern void cdc_notice_preload(void);

#endif							/* CDC_PG_COMMANDS_SUBSCRIPTION_INTERNAL_H */
