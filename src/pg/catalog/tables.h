/*-------------------------------------------------------------------------
 *
 * tables.h
 *	  cdc.subscription_table: the source tables of a subscription.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_TABLES_H
#define CDC_PG_CATALOG_TABLES_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "utils/jsonb.h"

/* A row of cdc.subscription_table. */
typedef struct CdcSubscriptionTable
{
	char	   *name;			/* of this row; functions about one row are told it */
	char	   *source_table;	/* database.table */
	char	   *target;			/* qualified, quoted name; NULL = history only */
	Oid			target_oid;		/* what that is; InvalidOid: not known yet */
	char	   *mode;
	char	  **key;			/* target columns; NULL = the source's primary key */
	int			nkey;
	Jsonb	   *columns;		/* target column -> what fills it (expression/fill.h), or NULL */
	char	   *row_filter;		/* SQL condition on rows of the source, or NULL */
	char		state;			/* i: waits for its copy; f: is copied, the stream has to pass
								 * that; r: ready; e: in error */
	Jsonb	   *options;		/* of its own, or NULL */
	bool		held;			/* no event is applied until a new copy begins, or it is retried */
	int64		held_seq;		/* the target has all up to this one; -1: it has not */
	int64		kept_events;	/* that cdc.error has */
	bool		differs;		/* something was left out */
	bool		left_out;		/* it could not have a target */
	bool		copy_data;		/* whether state i wants an initial copy */
	bool		keyless;		/* rows of the target are found by all their columns */
} CdcSubscriptionTable;

/*
 * The tables of a subscription, a list of CdcSubscriptionTable * in the order of their source
 * tables, a target of each behind the other; palloc'ed in the current context.
 */
extern List *cdc_subscription_tables(const CdcSubscription *sub);

/* The same of one source table. */
extern List *cdc_subscription_tables_of(const CdcSubscription *sub, const char *source_table);

/* The row of that name; NULL: there is none. */
extern CdcSubscriptionTable *cdc_subscription_table_find(const CdcSubscription *sub, const char *name);

/* The name of a new row, which no other one has; palloc'ed. */
extern char *cdc_subscription_table_name(const CdcSubscription *sub, const char *source_table,
										 const char *target);

/*
 * Subscriptions of another database, from which this one was copied or restored, may
 * have the OID of a target by chance: forgets it there.
 */
extern void cdc_subscription_tables_forget(Oid target);

/* Keeps another target, or what it is. */
extern void cdc_subscription_table_target(const CdcSubscription *sub, const char *name,
										  const char *target, Oid relid);

/* The target at the end of the last run of apply. */
typedef struct CdcTargetSeen
{
	Oid			node;			/* its storage; InvalidOid: none was noted */
	bool		has_rows;
	char	   *shape;			/* its columns (target/shape.h), palloc'ed; NULL: they were not noted */
} CdcTargetSeen;

extern void cdc_subscription_table_seen(const CdcSubscription *sub, const char *name, CdcTargetSeen *seen);
extern void cdc_subscription_table_note(const CdcSubscription *sub, const char *name,
										const CdcTargetSeen *seen);

/* The relation's columns become others, as its source's do: no table remembers those of before. */
extern void cdc_subscription_table_reshaped(Oid relid);

/*
 * The source of the messages that fill it; NULL: none has told it yet.  Palloc'ed.
 */
extern char *cdc_subscription_table_origin(const CdcSubscription *sub, const char *name);
extern void cdc_subscription_table_set_origin(const CdcSubscription *sub, const char *name,
											  const char *origin);

/* Its key's columns have other names in the target. */
extern void cdc_subscription_table_key(const CdcSubscription *sub, const char *name, char *const *key, int nkey);

/* Keeps another mapping of its columns, or none. */
extern void cdc_subscription_table_columns(const CdcSubscription *sub, const char *name,
										   const Jsonb *columns);

/*
 * Notes that the table was removed although its events are kept: its target's rows are the
 * history's (target may be NULL); then forgets it, for the targets that are registered by now, or
 * altogether, where the first row is to bring one.
 */
extern void cdc_subscription_table_removed(const CdcSubscription *sub, const char *source_table,
										   const char *target, Oid relid);
extern void cdc_subscription_table_not_removed(const CdcSubscription *sub, const char *source_table);

/* Whether it was; and whether it filled that target then. */
extern bool cdc_subscription_table_is_removed(const CdcSubscription *sub, const char *source_table);
extern bool cdc_subscription_table_has_filled(const CdcSubscription *sub, const char *source_table,
											  const char *target);

/* No event of the table is applied until a new copy begins. */
extern void cdc_subscription_table_hold(const CdcSubscription *sub, const char *name);

/* Whether it is in error without a place to go on from: nothing but a new copy helps it, or to be added anew. */
static inline bool
cdc_subscription_table_is_lost(const CdcSubscriptionTable *table)
{
	return table->state == 'e' && table->held && table->held_seq < 0;
}

/* Whether a table in state 'e' is written all the same: it only lacks what was put aside or left out. */
static inline bool
cdc_subscription_table_goes_on(const CdcSubscriptionTable *table)
{
	return !table->held && (table->kept_events > 0 || table->differs);
}

#endif							/* CDC_PG_CATALOG_TABLES_H */
