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
#include "pg/catalog/subscription.h"
#include "pg/catalog/tables.h"
#include "pg/mapping/registry.h"

/* A text[] argument as palloc'ed strings; ERROR for NULL elements. */
extern char **cdc_argument_strings(Datum array, const char *argument, int *n);

/* "schema"."name" or "name" (first schema of the search_path) into its parts. */
extern void cdc_split_relation_name(const char *argument, const char *name,
									const char *default_schema,
									char **schema, char **relation);

/* Ends the subscription as its history or server goes; why: for cdc.log. */
extern void cdc_subscription_end(const char *name, const char *why);

/*
 * Fills the target of the table of that name no longer, and captures its source table no longer
 * where that was the last one; both writers' locks are taken.  The target stays as it is.
 */
extern void cdc_subscription_remove_table(const char *subscription, const char *name,
										  const char *why);

/* The argument target_rows; ERROR where it is none of its words. */
extern CdcTargetRows cdc_argument_target_rows(const char *text);

/*
 * The tables of a source table, or the one of that name, of CdcSubscriptionTable *; target (as
 * the user wrote it; NULL: any) says which of them.  ERROR where there is none.
 */
extern List *cdc_find_tables(const CdcSubscription *sub, const char *name, const char *target);

/* The names of these. */
extern List *cdc_names_of_tables(List *tables);

/* A source table that is to be registered. */
typedef struct CdcTableRequest
{
	const char *name;
	char	   *database;		/* its parts */
	char	   *relation;
	CdcReplicaSpec given;		/* name NULL: the target that the target_schema implies */
	const Jsonb *options;		/* of its own, or NULL */
	bool		copy;			/* its rows are copied from the source, where that can be asked */
	bool		from_history;	/* Kafka: they are taken from the history */
	bool		rows_said;		/* given.rows is what the caller said */
	bool		alters;			/* it was registered before */
} CdcTableRequest;

/*
 * Registers it, with pull's lock, for Kafka apply's too; its target is filled from the
 * history where that is asked for, and a NOTICE says so.  Returns the name of its row.
 */
extern char *cdc_register_table(CdcSubscription *sub, const CdcTableRequest *request);

/*
 * ERROR where the rows of the target, which stays, are not what rows of the other mode begin with: events are no
 * rows of the source, and neither are rows that it has not any more, or several versions of one.
 */
extern void cdc_check_mode_change(const CdcSubscription *sub, const CdcSubscriptionTable *table,
								  const CdcReplicaSpec *given);

/* ERROR where the option copy_mode does not fit the subscription's kind of source. */
extern void cdc_check_copy_mode(const CdcSubscription *sub, const CdcSubscriptionOptions *opt);

#endif							/* CDC_PG_COMMANDS_SUBSCRIPTION_INTERNAL_H */
