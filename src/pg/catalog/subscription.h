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
#include "pg/options/options.h"

/* Where a subscription's changes come from: the wrapper of its server. */
typedef enum CdcServerKind
{
	CDC_SERVER_MYSQL,
	CDC_SERVER_KAFKA
} CdcServerKind;

/* A row of cdc.subscription. */
/* What becomes of rows that a target has before its source table is copied. */
typedef enum CdcTargetRows
{
	CDC_ROWS_ERROR,				/* there must be none */
	CDC_ROWS_REPLACE,			/* those that the copy does not bring go */
	CDC_ROWS_KEEP
} CdcTargetRows;

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
	CdcTargetRows target_rows;	/* when it is made; of targets that are there */

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

	/* what its names stand for; see identity.h */
	CdcIdentity identity;
	CdcIdentityNames names;		/* those of now: of the OIDs, where they are known */
	bool		renamed;		/* the names that are kept are others */
	bool		cloned;			/* it was made in another database and not taken over here */
	const CdcTrouble *trouble;	/* owner or history are not what they were, or NULL */
	const CdcTrouble *server_trouble;	/* the same of the server: matters to who connects */
	const CdcTrouble *schema_trouble;	/* ... of target_schema: to who makes a target */
} CdcSubscription;

/*
 * The kind of a foreign server by its wrapper.  Where there is no such server:
 * ERROR, or with missing_ok CDC_SERVER_MYSQL.
 */
extern CdcServerKind cdc_server_kind(const char *server, bool missing_ok);

/*
 * Reads a subscription, by name or by id; palloc'ed in the current context.  Where
 * there is none: ERROR by name, NULL by id.  ERROR, too, where its history or its
 * owner are not what they were.
 */
extern CdcSubscription *cdc_subscription_get(const char *name);
extern CdcSubscription *cdc_subscription_get_by_id(int32 id);

/* The same for who ends or mends it: what is wrong is left in trouble. */
extern CdcSubscription *cdc_subscription_get_any(const char *name);
extern CdcSubscription *cdc_subscription_get_any_by_id(int32 id);

/* ERROR where it waits in a copy of its database, see CdcSubscription.cloned. */
extern void cdc_subscription_check_here(const CdcSubscription *sub);

/* ERROR unless it may connect: it is here, and the server is the one that it was. */
extern void cdc_subscription_check_source(const CdcSubscription *sub);

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
 * A run of pull or apply, on the stack of who makes it.  Triggers on histories and targets
 * run inside of that, with the locks that the session holds: a lock alone keeps other
 * sessions away, not them.
 */
typedef struct CdcRunning
{
	const struct CdcRunning *outer;
	int32		subscription_id;
	CdcWriter	writer;
} CdcRunning;

/*
 * Marks the begin of a run, for which the writer's lock is held, and its end: also where
 * it ends with an ERROR, so in PG_CATCH() too.
 */
extern void cdc_running_begin(CdcRunning *run, int32 subscription_id, CdcWriter writer);
extern void cdc_running_end(const CdcRunning *run);

/* ERROR where this session is in such a run of the subscription of that id and name. */
extern void cdc_running_check(int32 subscription_id, const char *name, CdcWriter writer);

/*
 * Takes the writer's lock until the transaction ends, and reads the subscription again, which
 * who had the lock may have altered.  Waits for another holder, which a NOTICE names, and obeys
 * cancel.  ERROR where this session is at work as that writer, see CdcRunning, and where the
 * subscription is gone by then.
 */
extern void cdc_subscription_lock(CdcSubscription *sub, CdcWriter writer);

/* The same without waiting; false: another one holds it. */
extern bool cdc_subscription_try_lock(const CdcSubscription *sub, CdcWriter writer);

#endif							/* CDC_PG_CATALOG_SUBSCRIPTION_H */
