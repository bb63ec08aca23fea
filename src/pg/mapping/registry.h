/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  The source tables of a subscription, with their targets: the rows of
 *	  cdc.subscription_table, and how a table comes to have one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_REGISTRY_H
#define CDC_PG_MAPPING_REGISTRY_H

#include "pg/base/compat.h"
#include "core/change.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/tables.h"
#include "pg/schema/typemap.h"
#include "pg/target/replica_table.h"
#include "utils/jsonb.h"

/*
 * Splits "database.table" at its first dot into two palloc'ed parts; ERROR with a
 * hint where it has none.
 */
extern void cdc_split_table_name(const char *name, char **database, char **table);

/* A row of cdc.subscription_table; names are in the database's encoding. */
typedef struct CdcTableRow
{
	const char *source_table;
	const char *target;			/* qualified, quoted; or NULL */
	char	  **key;			/* target columns */
	int			nkey;			/* 0: the column is NULL */
	const Jsonb *columns;		/* target column -> what fills it, or NULL */
	const char *row_filter;		/* or NULL */
	const char *shard;			/* see cdc_shard_check(); NULL: all rows of the target are its own */
	const char *mode;			/* NULL: "replica" */
	const Jsonb *options;		/* of its own, or NULL */
	bool		copy_data;
	bool		keyless;		/* see CdcReplica */
	char		state;
	const char *error;			/* or NULL */
	int			sqlerrcode;		/* of the error */
} CdcTableRow;

/* The row's mapping: see cdc_shard_check(). */
struct CdcMappingSpec;
extern void cdc_registry_mapping(const CdcTableRow *row, struct CdcMappingSpec *spec);

/* Whether it has the source table, with whatever targets. */
extern bool cdc_registry_has(const CdcSubscription *sub, const char *source_table);

/* Returns the name that the row gets, palloc'ed; see catalog/tables.h. */
extern char *cdc_registry_insert(const CdcSubscription *sub, const CdcTableRow *row);

/* Removes the table's row and its counters. */
extern void cdc_registry_remove(const CdcSubscription *sub, const CdcSubscriptionTable *table);

/*
 * Who fills the target (qualified, quoted), as a palloc'ed sentence without its
 * first word and full stop; NULL when nobody does.
 */
extern char *cdc_registry_target_user(const char *target);

/*
 * The replica that the subscription's target_schema implies, with all columns
 * that the source logs; false when it has no target_schema, and spec then has
 * nothing but logged.  A NOTICE says when the name had to be cut.
 */
extern bool cdc_registry_default_target(const CdcSubscription *sub, const CdcTable *table,
										CdcGeneratedLogged logged, CdcReplicaSpec *spec);

/*
 * Makes the replica, or checks the one that exists, as the current user, and
 * registers the table.  options: of its own, or NULL; spec: NULL for a table that goes to the history only.
 * copy: it waits for its initial copy.  ERROR where the target cannot be.  Returns the name of
 * the row, palloc'ed.
 */
extern char *cdc_registry_add(const CdcSubscription *sub, const CdcTable *table,
							 const CdcReplicaSpec *spec, bool copy, const Jsonb *options);

/*
 * For create_subscription: the same with the default target.  A table with a
 * column that cannot be replicated gets state 'e' and a WARNING; other errors
 * are raised.
 */
extern void cdc_registry_add_existing(const CdcSubscription *sub, const CdcTable *table,
									  CdcGeneratedLogged logged, bool copy);

/*
 * Whether the present transaction has registered so many new tables that it should end
 * at the next commit of the source: the rest goes into the next one.
 */
extern bool cdc_registry_discovered_enough(const CdcSubscription *sub);

/*
 * For pull: registers a wanted table that the stream has shown for the first
 * time, with a replica when the subscription has a target schema (made as the
 * subscription's owner).  copy: it may hold rows from before the stream came
 * to it, so an initial copy is needed (where the subscription copies at all);
 * false when its CREATE TABLE was in the stream.
 *
 * When the replica cannot be made the table gets state 'e' with the reason and
 * a WARNING, and the stream goes on.  Returns the table's state.
 */
extern char cdc_registry_add_discovered(const CdcSubscription *sub, const CdcTable *table,
										CdcGeneratedLogged logged, bool copy);

/*
 * For pull: rows of the source table (in the database's encoding) cannot be read from
 * here on and are left out.  It gets state 'e' with the error, a WARNING and a
 * row in cdc.log; its targets, which stay behind, are filled no more.  A table
 * that is not registered is.  Silent when all this was said before.  column: it is
 * one of its columns that cannot be.
 */
extern void cdc_registry_unreadable(const CdcSubscription *sub, const char *source_table,
									const char *error, bool column);

#endif							/* CDC_PG_MAPPING_REGISTRY_H */
