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
#include "pg/catalog/identity.h"
#include "pg/catalog/options.h"

/* Where a subscription's changes come from: the wrapper of its server. */
typedef enum CdcServerKind
{
	CDC_SERVER_MYSQL,
	CDC_SERVER_KAFKA
} CdcServerKind;

typedef struct CdcSubscription
{
	int32		id;				/* stable small number: lock keys, server ids */
	char	   *name;
	char	   *owner;			/* role name */
	Oid			owner_oid;
	char	   *server;			/* foreign server's name */
	CdcServerKind kind;		/* MySQL where the server is gone */
	char	  **topics;			/* patterns; Kafka only */
	int			ntopics;
	char	   *format;			/* of the messages, as the user gave it */
	char	  **tables;			/* patterns */
	int			ntables;
	char	  **exclude;
	int			nexclude;
	char	  **added;			/* database.table of cdc.add_table, whatever the patterns say */
	int			nadded;
	char	   *target_schema;	/* or NULL */
	Oid			history;		/* relation */
	char	   *start_position; /* as the user gave it, or NULL */
	bool		copy_data;
	bool		enabled;
	CdcSubscriptionOptions opt;

	/* what its names stand for; see identity.h */
	CdcIdentity identity;
	CdcIdentityNames names;		/* those of now: of the OIDs, where they are known */
	bool		renamed;		/* the names that are kept are others */
	bool		cloned;			/* it was made in another database and not taken over here */
	const CdcTrouble *trouble;	/* owner or history are not what they were, or NULL */
	const CdcTrouble *server_trouble;	/* the same of the server: matters to who connects */
	const CdcTrouble *schema_trouble;	/* ... of target_schema: to who makes a target */
} CdcSubscription;

/* By the wrapper of the named server; missing_ok: CDC_SERVER_MYSQL where there is none. */
extern CdcServerKind cdc_server_kind(const char *server, bool missing_ok);

/*
 * palloc'ed in the current context; ERROR when there is none of that name, or when its
 * owner or history are not what they were.
 */
extern CdcSubscription *cdc_subscription_get(const char *name);

/* The same by id; NULL when there is none. */
extern CdcSubscription *cdc_subscription_get_by_id(int32 id);

/* The same for who ends or mends it: what is wrong is left in trouble. */
extern CdcSubscription *cdc_subscription_get_any(const char *name);
extern CdcSubscription *cdc_subscription_get_any_by_id(int32 id);

/* ERROR where it waits in a copy of its database, see CdcSubscription.cloned. */
extern void cdc_subscription_check_here(const CdcSubscription *sub);

/* ERROR unless it may connect: it is here, and the server is the one that it was. */
extern void cdc_subscription_check_source(const CdcSubscription *sub);

/* ERROR: there is none of that name. */
pg_noreturn extern void cdc_subscription_missing(const char *name);

/*
 * Whether the subscription captures the source table: added by name, or wanted
 * by the patterns.  Ask this and not the patterns.
 */
extern bool cdc_subscription_wants(const CdcSubscription *sub, const char *database,
								   const char *table);

/*
 * The two writers of a subscription.  Taken for the transaction, cluster-wide;
 * waits for another holder (a NOTICE names its process id) and obeys cancel.
 * ERROR where the subscription waits in a copy of its database.
 */
typedef enum CdcWriter
{
	CDC_WRITER_PULL = 1,
	CDC_WRITER_APPLY = 2,
	CDC_WRITER_PUBLISH = 3		/* of topics; locks the publication's row instead */
} CdcWriter;

extern void cdc_subscription_lock(const CdcSubscription *sub, CdcWriter writer);

/* The same without waiting; false: another one has it. */
extern bool cdc_subscription_try_lock(const CdcSubscription *sub, CdcWriter writer);

#endif							/* CDC_PG_CATALOG_SUBSCRIPTION_H */
