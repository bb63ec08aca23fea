/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The options of subscriptions and publications, as structs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTIONS_OPTIONS_H
#define CDC_PG_OPTIONS_OPTIONS_H

#include "pg/base/compat.h"
#include "core/event.h"
#include "pg/datum/converter.h"
#include "pg/options/kafka_field.h"

/* How a history table is partitioned (by ingested_at). */
typedef enum CdcHistoryPartition
{
	CDC_PARTITION_MONTH,
	CDC_PARTITION_DAY,
	CDC_PARTITION_NONE
} CdcHistoryPartition;

/* How a history is stored where there is a choice. */
typedef enum CdcHistoryStorage
{
	CDC_STORAGE_AUTO,
	CDC_STORAGE_HEAP
} CdcHistoryStorage;

/* What pull does at XA COMMIT of what was prepared before the first binlog there is. */
typedef enum CdcXaUnknown
{
	CDC_XA_UNKNOWN_ERROR,
	CDC_XA_UNKNOWN_LOG
} CdcXaUnknown;

/* What becomes of an event that cannot be applied, and of a message that is not in its format. */
typedef enum CdcOnError
{
	CDC_ON_ERROR_STOP,			/* the subscription stops before it */
	CDC_ON_ERROR_TABLE,			/* its table stops, the others go on; messages: as STOP */
	CDC_ON_ERROR_LOG			/* it goes to cdc.error, with all that follows on its key */
} CdcOnError;

/* Where transactions of a Kafka source end. */
typedef enum CdcCommitBoundary
{
	CDC_BOUNDARY_AUTO,			/* as PARTITION when there is one partition, else MESSAGE */
	CDC_BOUNDARY_MESSAGE,		/* behind each message */
	CDC_BOUNDARY_PARTITION		/* where a message of the partition says so */
} CdcCommitBoundary;

/* What apply does at DDL that changes the shape of a source table. */
typedef enum CdcDdlPolicy
{
	CDC_DDL_EVOLVE,				/* the target follows */
	CDC_DDL_IGNORE,				/* it stays; what it has no column for is left out */
	CDC_DDL_STOP				/* the subscription stops until another policy is chosen */
} CdcDdlPolicy;

/* Whether and when tables are copied. */
typedef enum CdcCopyMode
{
	CDC_COPY_INITIAL,			/* as they become part of the subscription; then the stream */
	CDC_COPY_NEVER,				/* only the stream */
	CDC_COPY_ONLY,				/* then nothing: the subscription ends */
	CDC_COPY_WHEN_NEEDED		/* also where the source has removed what comes next of its binlog */
} CdcCopyMode;

/* What is done about columns that the source has dropped. */
typedef enum CdcDropColumn
{
	CDC_DROP_COLUMN_KEEP,
	CDC_DROP_COLUMN_DROP
} CdcDropColumn;

typedef enum CdcTruncate
{
	CDC_TRUNCATE_FOLLOW,
	CDC_TRUNCATE_IGNORE
} CdcTruncate;

/* Messages of which sources fill a table, where several have one of its name. */
typedef enum CdcSources
{
	CDC_SOURCES_ONE,			/* of the first one; others are an error */
	CDC_SOURCES_FIRST,			/* of the first one; others are passed over */
	CDC_SOURCES_ALL
} CdcSources;

/* What targets are that the subscription makes by itself. */
typedef enum CdcTargetMode
{
	CDC_TARGET_REPLICA,
	CDC_TARGET_SOFT_DELETE,
	CDC_TARGET_APPEND,
	CDC_TARGET_SCD2
} CdcTargetMode;

/* cdc.subscription_table.options, with what the subscription's say where they say nothing. */
typedef struct CdcTableOptions
{
	CdcDdlPolicy ddl;
	CdcDropColumn drop_column;
	CdcTruncate truncate;
	CdcSources	sources;
	CdcOnError	on_error;		/* of the subscription: pull from Kafka uses it too */
	bool		copy_history;	/* the history keeps the rows of copies */
	bool		auto_resync;
} CdcTableOptions;

/* cdc.subscription.options with the defaults; option_table.c describes each option. */
typedef struct CdcSubscriptionOptions
{
	/* how workers commit */
	int			batch_events;	/* a pull transaction closes after this many events */
	int			batch_bytes;	/* ... or this many bytes of binlog */
	int			batch_delay_ms; /* ... or this time after its first event */
	bool		synchronous_commit; /* off loses nothing, see doc */

	/* memory, in bytes */
	int			memory_limit;	/* of a source transaction, before it goes to a file */
	int			max_event_size; /* uncompressed, of the binlog */
	int			apply_memory_limit; /* of reduced rows that apply keeps */

	int			max_new_tables; /* that one transaction of pull makes targets for */

	/* history and its events */
	CdcHistoryPartition history_partition;
	CdcHistoryStorage history_storage;
	CdcEventOptions event;

	/* values and types of targets */
	CdcZeroDate zero_date;
	CdcNulInText nul_in_text;
	CdcTargetMode target_mode;
	CdcConflict conflict;		/* of rows in a unique index of a target */
	bool		disable_others_triggers;	/* of targets that others own; superusers set it */
	bool		tinyint1_boolean;	/* tinyint(1) becomes boolean in replicas */
	bool		bit1_boolean;	/* bit(1) likewise */

	CdcTableOptions table;		/* of tables whose own options do not say otherwise */

	/* pulling from a binlog */
	CdcCopyMode copy_mode;
	int			copy_chunk_ms;	/* for so long a step of a copy reads */
	int			copy_workers;	/* connections that it reads over */
	const char *snapshot_host;	/* foreign server of a replica to read from; NULL or "": none */
	CdcXaUnknown xa_unknown;

	/* pulling from Kafka */
	CdcCommitBoundary commit_boundary;
	int			commit_wait_ms; /* for the rest of a transaction in a partition */
	int			metadata_refresh_ms;	/* between looks for new topics and partitions */
	CdcPayloadOptions payload;
	const char *group_id;		/* NULL: made of database and subscription; "": none */
} CdcSubscriptionOptions;

typedef enum CdcPublishFormat
{
	CDC_PUBLISH_MAXWELL,		/* the event as it is */
	CDC_PUBLISH_JSON,			/* the row; deletes are tombstones */
	CDC_PUBLISH_ES_BULK,		/* lines of Elasticsearch's bulk API */
	CDC_PUBLISH_DEBEZIUM,		/* as its connector for MySQL writes them */
	CDC_PUBLISH_GOLDENGATE_ROW,
	CDC_PUBLISH_GOLDENGATE_OP,
	CDC_PUBLISH_CANAL,			/* flat messages */
	CDC_PUBLISH_QUIX
} CdcPublishFormat;

/* What an update is that changes the key, in formats that could say it in one message. */
typedef enum CdcKeyChange
{
	CDC_KEY_CHANGE_DELETE_INSERT,	/* each half under its own key */
	CDC_KEY_CHANGE_UPDATE		/* one message under the new key */
} CdcKeyChange;

/* What becomes of an event that is about all rows of a table. */
typedef enum CdcWholeTable
{
	CDC_WHOLE_TABLE_ROWS,		/* a delete for each row, unless one message says it as well */
	CDC_WHOLE_TABLE_MESSAGE		/* the format's own message, where it has one */
} CdcWholeTable;

/* cdc.publication.options with the defaults; option_table.c describes each option. */
typedef struct CdcPublicationOptions
{
	bool		tombstones;		/* a message without a value after each delete */
	const char *ddl_topic;		/* template of the topic of DDL; "": it is left out */
	const char *raw_topic;		/* of events that belong to no table; "": left out */
	const char *index_template; /* es_bulk: template of _index */
	const char *transactional_id;	/* NULL: not sent in transactions of Kafka */
	const char *key_columns;	/* of tables whose key nothing else tells; or NULL */
	bool		schemas;		/* debezium: with the schema of each message */
	const char *schema_topic;	/* goldengate_...: template of the topic of schemas; "": none */
	CdcKeyChange key_change;
	CdcWholeTable whole_table;
	const char *exclude;		/* patterns of tables that are left out, separated by commas; or NULL */
} CdcPublicationOptions;

#endif							/* CDC_PG_OPTIONS_OPTIONS_H */
