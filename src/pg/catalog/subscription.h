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
} CdcSubscription;

/* By the wrapper of the named server; missing_ok: CDC_SERVER_MYSQL where there is none. */
extern CdcServerKind cdc_server_kind(const char *server, bool missing_ok);

/* palloc'ed in the current context; ERROR when there is none of that name. */
extern CdcSubscription *cdc_subscription_get(const char *name);

/* The same by id; NULL when there is none. */
extern CdcSubscription *cdc_subscription_get_by_id(int32 id);

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
