/*-------------------------------------------------------------------------
 *
 * replica_table.h
 *	  The PostgreSQL table of a source table: its names, its types, making it
 *	  or checking one that exists.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_REPLICA_TABLE_H
#define CDC_PG_TARGET_REPLICA_TABLE_H

#include "pg/base/compat.h"
#include "core/change.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "pg/schema/typemap.h"

/* What a target is to look like. */
typedef struct CdcReplicaSpec
{
	char	   *schema;			/* must exist */
	char	   *name;
	bool		named;			/* by the user; else target_schema implies it */
	CdcTargetRows rows;			/* that it may have, if it is there */
	const Jsonb *columns;		/* target column -> what fills it; NULL: all, same names */
	const char *row_filter;		/* only rows for which this is true; or NULL */
	char	  **key;			/* target columns; NULL: of the source's primary key */
	int			nkey;
	const char *mode;			/* what the target shows of the rows; NULL: "replica" */
	CdcGeneratedLogged logged;	/* generated columns that row images have: with columns NULL
								 * the others are left out of a new target */
} CdcReplicaSpec;

/* What has become of it; palloc'ed. */
typedef struct CdcReplica
{
	char	   *target;			/* qualified, quoted name */
	Jsonb	   *columns;		/* for cdc.subscription_table.columns, or NULL */
	bool		created;		/* else it was there */
	bool		keyless;		/* its rows are found by all their columns */
} CdcReplica;

/*
 * A name of the source's as PostgreSQL can hold it: as it is up to 63 bytes;
 * a longer one is cut and gets a hash of the whole as its end, so that two
 * long names stay two.  In the database's encoding; palloc'ed.
 */
extern char *cdc_replica_identifier(const char *name);

/* The same for a column, which must not have the name of a system column either. */
extern char *cdc_replica_column(const char *name);

/*
 * Of a key's values as many bytes fit into a row of an index (of the access method btree,
 * less what is no value); how many a value of the column can have at most.
 */
#define CDC_REPLICA_KEY_BYTES	2600
extern size_t cdc_replica_greatest_size(const CdcColumn *column);

/*
 * Why a source table cannot be replicated: a palloc'ed sentence that names table,
 * column and type of the first column that has no PostgreSQL type; NULL when all have
 * one.
 */
extern char *cdc_replica_trouble(const CdcSubscription *sub, const CdcTable *table);

/*
 * Creates the target, or checks that the one that exists can take the table's
 * rows, as the current user.  ERROR where it cannot; NOTICE where that will be slow or
 * names had to be changed.
 */
extern void cdc_replica_ensure(const CdcSubscription *sub, const CdcTable *table,
							   const CdcReplicaSpec *spec, CdcReplica *replica);

#endif							/* CDC_PG_TARGET_REPLICA_TABLE_H */
