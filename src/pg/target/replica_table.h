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

/* What a target is to look like; filled by the caller. */
typedef struct CdcReplicaSpec
{
	char	   *schema;			/* must exist */
	char	   *name;
	const Jsonb *columns;		/* target column -> source column; NULL: all, same names */
	char	  **key;			/* target columns; NULL: of the source's primary key */
	int			nkey;
	CdcGeneratedLogged logged;	/* with columns NULL: others are left out of a new target */
} CdcReplicaSpec;

typedef struct CdcReplica
{
	char	   *target;			/* qualified, quoted */
	Jsonb	   *columns;		/* for subscription_table.columns, or NULL */
	bool		created;
} CdcReplica;

/*
 * A name of the source's as PostgreSQL can hold it: as it is up to 63 bytes;
 * a longer one is cut and gets a hash of the whole as its end, so that two
 * long names stay two.  In the database's encoding; palloc'ed.
 */
extern char *cdc_replica_identifier(const char *name);

/* UTF-8 (core) to the database's encoding. */
extern char *cdc_replica_text(const char *utf8);

/*
 * NULL when all columns have a PostgreSQL type, else a sentence that names
 * table, column and type of the first that has none.
 */
extern char *cdc_replica_trouble(const CdcSubscription *sub, const CdcTable *table);

/*
 * Creates the target, or checks that the one that exists can take the table's
 * rows, as the current user.  ERROR where it cannot be.
 */
extern void cdc_replica_ensure(const CdcSubscription *sub, const CdcTable *table,
							   const CdcReplicaSpec *spec, CdcReplica *replica);

#endif							/* CDC_PG_TARGET_REPLICA_TABLE_H */
