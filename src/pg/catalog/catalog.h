/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  The extension's own tables: reading subscriptions, reading and moving
 *	  positions, in the caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_H
#define CDC_PG_CATALOG_H

#include "pg/base/compat.h"
#include "core/event.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef enum CdcZeroDate
{
	CDC_ZERO_DATE_NULL,
	CDC_ZERO_DATE_ERROR,
	CDC_ZERO_DATE_INFINITY,		/* -infinity */
	CDC_ZERO_DATE_REFUSED		/* an error, where no option says otherwise */
} CdcZeroDate;

typedef enum CdcNulInText
{
	CDC_NUL_ERROR,
	CDC_NUL_STRIP
} CdcNulInText;

/* How a history table is partitioned (by ingested_at). */
typedef enum CdcHistoryPartition
{
	CDC_PARTITION_MONTH,
	CDC_PARTITION_DAY,
	CDC_PARTITION_NONE
} CdcHistoryPartition;

/* XA COMMIT of what was prepared before the binlogs at hand. */
typedef enum CdcXaUnknown
{
	CDC_XA_UNKNOWN_ERROR,
	CDC_XA_UNKNOWN_LOG
} CdcXaUnknown;

/* Where a subscription's changes come from: the wrapper of its server. */
typedef enum CdcServerKind
{
	CDC_SERVER_MYSQL,
	CDC_SERVER_KAFKA
} CdcServerKind;

/* What pull does with a message that is not what the format says. */
typedef enum CdcOnError
{
	CDC_ON_ERROR_STOP,
	CDC_ON_ERROR_LOG
} CdcOnError;

/* Kafka: where the source's transactions end. */
typedef enum CdcCommitBoundary
{
	CDC_BOUNDARY_AUTO,			/* as PARTITION when there is one partition, else MESSAGE */
	CDC_BOUNDARY_MESSAGE,		/* behind each message */
	CDC_BOUNDARY_PARTITION		/* where a message of the partition says so */
} CdcCommitBoundary;

/* cdc.subscription.options, defaults filled in (src/pg/catalog/options.c has the list). */
typedef struct CdcSubscriptionOptions
{
	int			batch_events;	/* a pull transaction of a worker closes after this many events */
	int			batch_bytes;	/* ... or this many bytes of binlog */
	int			batch_delay_ms; /* ... or this time after its first event */
	int			memory_limit;	/* bytes of a source transaction held in memory */
	int			apply_memory_limit; /* bytes of reduced rows that apply keeps */
	bool		synchronous_commit; /* of the workers; off loses nothing, see doc */
	CdcZeroDate zero_date;
	CdcNulInText nul_in_text;
	bool		tinyint1_boolean;
	bool		bit1_boolean;
	CdcHistoryPartition history_partition;
	CdcXaUnknown xa_unknown;
	CdcOnError	on_error;
	CdcCommitBoundary commit_boundary;
	int			commit_wait_ms; /* for the rest of a transaction in a partition */
	int			metadata_refresh_ms;
	const char *group_id;		/* NULL: made of database and subscription; "": none */
	CdcEventOptions event;
} CdcSubscriptionOptions;

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
 * For the SQL entry points of the engine: run the rest as the subscription's
 * owner, whoever called, so that a caller with more rights lends them to no
 * trigger of the owner's.  Undone by cdc_user_restore(), or by abort.
 */
typedef struct CdcUser
{
	Oid			userid;
	int			sec_context;
} CdcUser;

extern void cdc_user_become_owner(const CdcSubscription *sub, CdcUser *saved);
extern void cdc_user_restore(const CdcUser *saved);

/* ERROR unless the current user may run it (member of its owner's role). */
extern void cdc_subscription_check_owner(const CdcSubscription *sub);

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

/* cdc.subscription_position: written by pull only. */
typedef struct CdcPosition
{
	char	   *file;			/* NULL: never pulled */
	int64		file_offset;
	char	   *gtid_set;		/* NULL: the source has no GTIDs */
	char	   *source_uuid;	/* what names the server, or NULL */
	char	   *source_address; /* which of the hosts it is, or NULL */
	int64		last_seq;		/* of the last event in history, 0 = none */
	TimestampTz source_ts;		/* commit time of the last transaction seen; 0 = none */
	int64		transactions;	/* counters since creation */
	int64		events;
	int64		bytes;
	int64		skipped_events; /* of unknown types that may be ignored */
	char	   *snapshot_join;	/* position that the stream must pass before apply may
								 * show a copied table; NULL = nothing pending */
	int64		barrier_seq;	/* apply commits only at boundaries >= this */
	int64		version;		/* Kafka: of the rows in cdc.subscription_partition */
} CdcPosition;

/* Latest committed row (call after cdc_subscription_lock). */
extern void cdc_position_get(const CdcSubscription *sub, CdcPosition *pos);
extern void cdc_position_set(const CdcSubscription *sub, const CdcPosition *pos);

/* cdc.subscription_progress: written by apply only. */
typedef struct CdcProgress
{
	int64		applied_seq;
	char	   *position;		/* history.position of applied_seq, or NULL */
	char	   *gtid;
	TimestampTz source_ts;
} CdcProgress;

extern void cdc_progress_get(const CdcSubscription *sub, CdcProgress *progress);
extern void cdc_progress_set(const CdcSubscription *sub, const CdcProgress *progress);

/* cdc.subscription_table */
typedef struct CdcSubscriptionTable
{
	char	   *source_table;	/* database.table */
	char	   *target;			/* qualified, quoted name; NULL = history only */
	char	   *mode;
	char	  **key;			/* target columns; NULL = the source's primary key */
	int			nkey;
	Jsonb	   *columns;		/* target column -> source column, or NULL */
	char		state;			/* i d f s r e */
	bool		copy_data;		/* whether state i wants an initial copy */
} CdcSubscriptionTable;

extern List *cdc_subscription_tables(const CdcSubscription *sub);	/* of CdcSubscriptionTable * */
extern void cdc_subscription_table_state(const CdcSubscription *sub, const char *source_table,
										 char state, const char *error);

/* A counter that grows with each change of the catalogs above (relcache
 * invalidation or a version column): caches compare it.  */
extern uint64 cdc_catalog_generation(void);

/* Makes it grow everywhere at commit (here at the next command). */
extern void cdc_catalog_changed(void);

/* A row in cdc.log, in the caller's transaction. */
extern void cdc_log(const char *subscription, const char *kind, const char *message,
					const char *detail);


/*
 * A notification on the channel cdc_ingest, sent at commit: a JSON object with
 * kind, subscription, source_table and message (each but kind may be NULL).
 */
extern void cdc_notify(const char *subscription, const char *kind,
					   const char *source_table, const char *message);

#endif							/* CDC_PG_CATALOG_H */
