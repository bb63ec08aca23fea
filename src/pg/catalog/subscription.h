/*-------------------------------------------------------------------------
 *
 * subscription.h
 *	  cdc.subscription: a subscription as it stands in the catalog, and the locks
 *	  of its writers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_SUBSCRIPTION_H
#define CDC_PG_CATALOG_SUBSCRIPTION_H

#include "pg/base/compat.h"
#include "pg/options/options.h"

/* Where a subscription's changes come from: the wrapper of its server. */
typedef enum CdcServerKind
{
	CDC_SERVER_MYSQL,
	CDC_SERVER_KAFKA
} CdcServerKind;

/* A row of cdc.subscription. */
typedef struct CdcSubscription
{
	/* who */
	int32		id;				/* small and stable: used in lock keys and server ids */
	char	   *name;
	char	   *owner;			/* role's name */
	Oid			owner_oid;

	/* from where */
	char	   *server;			/* foreign server's name */
	CdcServerKind kind;			/* CDC_SERVER_MYSQL where the server is gone */
	char	   *start_position; /* as the user gave it, or NULL */
	bool		copy_data;		/* whether tables are copied before their changes come */

	/* what, for Kafka */
	char	  **topics;			/* patterns */
	int			ntopics;
	char	   *format;			/* of the messages, as the user gave it */

	/* what: see cdc_subscription_wants() */
	char	  **tables;			/* patterns */
	int			ntables;
	char	  **exclude;		/* patterns that count more */
	int			nexclude;
	char	  **added;			/* database.table of cdc.add_table, whatever the patterns say */
	int			nadded;

	/* to where */
	Oid			history;		/* relation */
	char	   *target_schema;	/* of replicas; NULL: none are made */

	bool		enabled;		/* workers serve it */
	CdcSubscriptionOptions opt;
} CdcSubscription;

/*
 * The kind of a foreign server by its wrapper.  Where there is no such server:
 * ERROR, or with missing_ok CDC_SERVER_MYSQL.
 */
extern CdcServerKind cdc_server_kind(const char *server, bool missing_ok);

/*
 * Reads a subscription, by name or by id; palloc'ed in the current context.  Where
 * there is none: ERROR by name, NULL by id.  ERROR, too, where its history or its
 * owner is gone.
 */
extern CdcSubscription *cdc_subscription_get(const char *name);
extern CdcSubscription *cdc_subscription_get_by_id(int32 id);

/* ERROR: there is no subscription of that name. */
pg_noreturn extern void cdc_subscription_missing(const char *name);

/*
 * Whether the subscription captures the source table, because it was added by name
 * or the patterns want it.
 */
extern bool cdc_subscription_wants(const CdcSubscription *sub, const char *database,
								   const char *table);

/*
 * The writers of a subscription, of which each kind works alone.  (Publishing locks
 * the publication's row instead.)
 */
typedef enum CdcWriter
{
	CDC_WRITER_PULL = 1,
	CDC_WRITER_APPLY = 2
} CdcWriter;

/*
 * Takes the writer's lock until the transaction ends.  Waits for another holder,
 * which a NOTICE names, and obeys cancel.
 */
extern void cdc_subscription_lock(const CdcSubscription *sub, CdcWriter writer);

/* The same without waiting; false: another one holds it. */
extern bool cdc_subscription_try_lock(const CdcSubscription *sub, CdcWriter writer);

#endif							/* CDC_PG_CATALOG_SUBSCRIPTION_H */
