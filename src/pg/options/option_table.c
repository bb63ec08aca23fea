/*-------------------------------------------------------------------------
 *
 * option_table.c
 *	  All options, each one line in one table, and what is done with a single
 *	  option.  Validators, parsers, their hints, cdc.option_list() and with it
 *	  doc/options.md come from the table.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/options/option_table.h"

#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/result_set.h"
#include "pg/base/utf8.h"
#include "pg/options/kafka_field.h"
#include "pg/options/options.h"
#include "pg/options/server_options.h"
#include "source/kafka.h"
#include "source/mysql.h"

/* In the order of CdcOptionScope. */
static const char *const scope_names[] = {
	"server of cdc_mysql", "user mapping of cdc_mysql", "server of cdc_kafka",
	"user mapping of cdc_kafka", "foreign table of cdc_kafka", "foreign table of cdc_kafka",
	"column of a foreign table of cdc_kafka", "subscription", "table of a subscription", "publication"
};

/* In the order of CdcOptionType, as cdc.option_list() shows them. */
static const char *const type_names[] = {
	"text", "boolean", "integer", "duration", "duration", "size", "choice", "choice"
};

/* The fields that options fill. */
#define KAFKA(field)	offsetof(CdcKafkaServerOptions, client.field)
#define REGISTRY(field) offsetof(CdcKafkaServerOptions, registry.field)
#define MYSQL(field)	offsetof(CdcMysqlOptions, field)
#define TABLE(field)	offsetof(CdcKafkaTableOptions, field)
#define SUBS(field)		offsetof(CdcSubscriptionOptions, field)
#define SUBTABLE(field)	offsetof(CdcTableOptions, field)
#define PUBL(field)		offsetof(CdcPublicationOptions, field)
#define NO_FIELD		(-1)

#define KB				INT64CONST(1024)
#define MB				(1024 * KB)

/* Bytes of names that brokers keep: of groups, and of transactions. */
#define MAX_KAFKA_NAME	255

static const char *const ssl_modes[] = {
	"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY", NULL
};

/*
 * Words of TYPE_CHOICE, in the order of the enums that they stand for: CdcZeroDate,
 * CdcNulInText, CdcConflict, CdcXaUnknown, CdcKafkaFormat, CdcPayloadFormat, CdcKafkaMissing, CdcOnError, CdcCopyMode,
 * CdcCommitBoundary, CdcHistoryPartition, CdcDdlPolicy, CdcDropColumn, CdcTruncate, CdcSources, CdcKeyChange,
 * CdcWholeTable.
 */
static const char *const zero_date_words[] = {"null", "error", "-infinity", NULL};
static const char *const nul_words[] = {"error", "strip", NULL};
static const char *const target_mode_words[] = {"replica", "soft_delete", "append", "scd2", NULL};
static const char *const conflict_words[] = {"error", "overwrite", NULL};
static const char *const xa_unknown_words[] = {"error", "log", NULL};
static const char *const format_words[] = {"message", "json", NULL};
static const char *const payload_words[] = {"plain", "avro", "json_schema", "protobuf", NULL};
static const char *const missing_words[] = {"error", "skip", NULL};
static const char *const on_error_words[] = {"stop", "table", "log", NULL};
static const char *const boundary_words[] = {"auto", "message", "partition", NULL};
static const char *const copy_mode_words[] = {"initial", "never", "only", "when_needed", NULL};
static const char *const ddl_words[] = {"evolve", "ignore", "stop", NULL};
static const char *const drop_column_words[] = {"keep", "drop", NULL};
static const char *const truncate_words[] = {"follow", "ignore", NULL};
static const char *const sources_words[] = {"one", "first", "all", NULL};
static const char *const partition_words[] = {"month", "day", "none", NULL};
static const char *const key_change_words[] = {"delete_insert", "update", NULL};
static const char *const whole_table_words[] = {"rows", "message", NULL};
static const char *const storage_words[] = {"auto", "heap", NULL};

/*
 * The table.  A line has, after name and type: default, smallest and greatest
 * number, words, whether it is secret, the field, the description.
 */
static const CdcOption options[] = {
	{SCOPE_MYSQL_SERVER, "host", TYPE_TEXT, "localhost", 0, 0, NULL, false, MYSQL(host),
	"Host name or address; several, separated by commas and each with :port where it differs, are tried in order, the one that was read last before the others"},
	{SCOPE_MYSQL_SERVER, "port", TYPE_INT, "3306", 1, 65535, NULL, false, MYSQL(port),
	"TCP port"},
	{SCOPE_MYSQL_SERVER, "unix_socket", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(unix_socket),
	"Path of a Unix socket, used in place of host and port"},
	{SCOPE_MYSQL_SERVER, "ssl_mode", TYPE_WORD, "PREFERRED", 0, 0, ssl_modes, false, MYSQL(ssl_mode),
	"TLS: never, if the server offers it, always, always with a certificate of a known CA, or also for the server's host name"},
	{SCOPE_MYSQL_SERVER, "ssl_ca", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(ssl_ca),
	"File of the CA's certificate, on the database server"},
	{SCOPE_MYSQL_SERVER, "ssl_capath", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(ssl_capath),
	"Directory of CA certificates"},
	{SCOPE_MYSQL_SERVER, "ssl_cert", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(ssl_cert),
	"File of the client's certificate"},
	{SCOPE_MYSQL_SERVER, "ssl_key", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(ssl_key),
	"File of the client's private key"},
	{SCOPE_MYSQL_SERVER, "ssl_cipher", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(ssl_cipher),
	"Ciphers allowed for TLS up to 1.2, as OpenSSL names them"},
	{SCOPE_MYSQL_SERVER, "tls_version", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(tls_version),
	"Versions of TLS allowed, e.g. TLSv1.2,TLSv1.3"},
	{SCOPE_MYSQL_SERVER, "server_public_key", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(server_public_key),
	"File of the source's public RSA key: without TLS, a password that the source wants whole is encrypted with it, and is not sent without it"},
	{SCOPE_MYSQL_SERVER, "connect_timeout", TYPE_SECONDS, "10s", 1, 3600, NULL, false, MYSQL(connect_timeout_s),
	"How long to try each host"},
	{SCOPE_MYSQL_SERVER, "query_timeout", TYPE_SECONDS, "600s", 1, 24 * 3600, NULL, false, MYSQL(query_timeout_s),
	"How long the source may work on a question, or on a table's next row, before the connection is given up; that it works is looked at over another connection after three heartbeats"},
	{SCOPE_MYSQL_SERVER, "heartbeat_interval", TYPE_MS, "5s", 100, 3600 * 1000, NULL, false, MYSQL(heartbeat_ms),
	"The source sends a sign of life this often when it has no events; three missed mean reconnect"},
	{SCOPE_MYSQL_SERVER, "compress", TYPE_BOOL, "off", 0, 0, NULL, false, MYSQL(compress),
	"Compress what is sent over the network"},
	{SCOPE_MYSQL_SERVER, "server_id", TYPE_INT, NULL, 1, PG_UINT32_MAX, NULL, false, NO_FIELD,
	"First of a range of numbers that no replica of the source uses, two a subscription; chosen by itself where not set"},

	{SCOPE_MYSQL_USER, "user", TYPE_TEXT, NULL, 0, 0, NULL, false, MYSQL(user),
	"User at the source; needs REPLICATION SLAVE, REPLICATION CLIENT and SELECT; PROCESS for copies from MySQL 5.5 and 5.6 or without GTIDs"},
	{SCOPE_MYSQL_USER, "password", TYPE_TEXT, NULL, 0, 0, NULL, true, MYSQL(password),
	"Its password"},
	{SCOPE_MYSQL_USER, "password_required", TYPE_BOOL, "on", 0, 0, NULL, false, NO_FIELD,
	"off lets a role that is no superuser connect without a password, through a Unix socket, or with files of the database server that its foreign server names; only a superuser can turn it off"},

	{SCOPE_KAFKA_SERVER, "memory_limit", TYPE_BYTES, "64MB", 1 * MB, 1024 * MB, NULL, false, KAFKA(memory_limit),
	"Memory for messages that a client has read or is to send; librdkafka's own limits come from it where they are not set"},
	{SCOPE_KAFKA_SERVER, "connect_timeout", TYPE_MS, "10s", 100, 3600 * 1000, NULL, false, KAFKA(connect_timeout_ms),
	"How long to try until a first broker answers"},
	{SCOPE_KAFKA_SERVER, "request_timeout", TYPE_MS, "60s", 100, 3600 * 1000, NULL, false, KAFKA(request_timeout_ms),
	"How long a connected client waits for an answer, the next message of a partition or a delivery, with all that is tried again"},

	{SCOPE_KAFKA_SERVER, "schema_registry_url", TYPE_TEXT, NULL, 0, 0, NULL, false, REGISTRY(url),
	"Address of a schema registry with Confluent's API, http://host:8081 or https://..., for messages in Avro or Protobuf"},
	{SCOPE_KAFKA_SERVER, "schema_registry_timeout", TYPE_MS, "10s", 100, 600 * 1000, NULL, false, REGISTRY(timeout_ms),
	"How long the registry may take for a schema, with all that it refers to"},
	{SCOPE_KAFKA_SERVER, "schema_registry_ssl_ca_location", TYPE_TEXT, NULL, 0, 0, NULL, false, REGISTRY(ca_file),
	"File of the certificate of the registry's CA, on the database server; those of the operating system where not set"},
	{SCOPE_KAFKA_SERVER, "schema_registry_ssl_certificate_location", TYPE_TEXT, NULL, 0, 0, NULL, false, REGISTRY(cert_file),
	"File of the client's certificate for the registry"},
	{SCOPE_KAFKA_SERVER, "schema_registry_ssl_key_location", TYPE_TEXT, NULL, 0, 0, NULL, false, REGISTRY(key_file),
	"File of the client's private key for the registry"},

	{SCOPE_KAFKA_USER, "schema_registry_user", TYPE_TEXT, NULL, 0, 0, NULL, false, REGISTRY(user),
	"User at the schema registry (basic authentication)"},
	{SCOPE_KAFKA_USER, "schema_registry_password", TYPE_TEXT, NULL, 0, 0, NULL, true, REGISTRY(password),
	"Its password"},
	{SCOPE_KAFKA_USER, "schema_registry_token", TYPE_TEXT, NULL, 0, 0, NULL, true, REGISTRY(token),
	"Token for the schema registry (bearer authentication), in place of user and password"},
	{SCOPE_KAFKA_USER, "schema_registry_ssl_key_password", TYPE_TEXT, NULL, 0, 0, NULL, true, REGISTRY(key_password),
	"Password of the private key for the registry"},
	{SCOPE_KAFKA_USER, "password_required", TYPE_BOOL, "on", 0, 0, NULL, false, NO_FIELD,
	"off lets a role that is no superuser connect with keys, tickets and files of the database server; only a superuser can turn it off"},

	{SCOPE_KAFKA_OVERRIDE, "memory_limit", TYPE_BYTES, NULL, 1 * MB, 1024 * MB, NULL, false, KAFKA(memory_limit),
	"As the server's"},
	{SCOPE_KAFKA_OVERRIDE, "request_timeout", TYPE_MS, NULL, 100, 3600 * 1000, NULL, false, KAFKA(request_timeout_ms),
	"As the server's"},
	{SCOPE_KAFKA_TABLE, "topic", TYPE_TEXT, NULL, 0, 0, NULL, false, TABLE(topic),
	"The topic; only a table that has a column topic, and is only written to, can go without"},
	{SCOPE_KAFKA_TABLE, "format", TYPE_CHOICE, "message", 0, 0, format_words, false, TABLE(format),
	"What columns are that have no name of a message's part: nothing, or members of the JSON object in its value"},
	{SCOPE_KAFKA_TABLE, "value_format", TYPE_CHOICE, "plain", 0, 0, payload_words, false, TABLE(payload.value_format),
	"How values of messages are encoded: as text or bytes that are no other format's; in Avro or Protobuf, with the number of a schema of the server's schema registry in front or by value_schema; or as JSON with such a number in front. Columns get JSON, those of type bytea the bytes as they came"},
	{SCOPE_KAFKA_TABLE, "value_schema", TYPE_TEXT, NULL, 0, 0, NULL, false, TABLE(payload.value_schema),
	"The schema of values in Avro or Protobuf that have no schema's number in front: its JSON text, or the text of a .proto file, whose first message they are"},
	{SCOPE_KAFKA_TABLE, "key_format", TYPE_CHOICE, "plain", 0, 0, payload_words, false, TABLE(payload.key_format),
	"As value_format, of keys"},
	{SCOPE_KAFKA_TABLE, "key_schema", TYPE_TEXT, NULL, 0, 0, NULL, false, TABLE(payload.key_schema),
	"As value_schema, of keys"},
	{SCOPE_KAFKA_TABLE, "missing_offsets", TYPE_CHOICE, "error", 0, 0, missing_words, false, TABLE(missing_offsets),
	"What a scan does when offsets are asked for that the topic has not any more"},
	{SCOPE_KAFKA_TABLE, "timestamps_ascend", TYPE_BOOL, "off", 0, 0, NULL, false, TABLE(timestamps_ascend),
	"Times never go back within a partition: a scan may stop before the first message that is too late"},
	{SCOPE_KAFKA_TABLE, "use_remote_estimate", TYPE_BOOL, "on", 0, 0, NULL, false, TABLE(use_remote_estimate),
	"Planning asks the brokers how many messages there are"},
	{SCOPE_KAFKA_COLUMN, "metadata", TYPE_CHOICE, NULL, 0, 0, cdc_kafka_field_names, false, NO_FIELD,
	"The part of a message that the column is, where its name is another"},
	{SCOPE_KAFKA_COLUMN, "json_name", TYPE_TEXT, NULL, 0, 0, NULL, false, NO_FIELD,
	"The member that the column is, where its name is another"},
	{SCOPE_KAFKA_COLUMN, "json_path", TYPE_TEXT, NULL, 0, 0, NULL, false, NO_FIELD,
	"The member that the column is, by the names that lead to it: {customer,address,city}"},

	{SCOPE_SUBSCRIPTION, "batch_events", TYPE_INT, "10000", 1, 10000000, NULL, false, SUBS(batch_events),
	"A pull worker commits after this many events, at the next commit of the source"},
	{SCOPE_SUBSCRIPTION, "batch_size", TYPE_BYTES, "16MB", 64 * KB, 1024 * MB, NULL, false, SUBS(batch_bytes),
	"... or after this many bytes of binlog"},
	{SCOPE_SUBSCRIPTION, "batch_delay", TYPE_MS, "10ms", 0, 60 * 1000, NULL, false, SUBS(batch_delay_ms),
	"... or this long after the first event of the batch"},
	{SCOPE_SUBSCRIPTION, "copy_mode", TYPE_CHOICE, "initial", 0, 0, copy_mode_words, false, SUBS(copy_mode),
	"Whether tables are copied: as they become part of the subscription; never, as with copy_data := false; only copied, and the subscription ends when all are complete; or initially, and all of them once more, in place of an error, when the source has removed binlog that was not read yet"},
	{SCOPE_SUBSCRIPTION, "copy_history", TYPE_BOOL, "on", 0, 0, NULL, false, SUBS(table.copy_history),
	"Whether the history keeps the rows of copies. off: they wait beside it until they are in their targets, and the history has events that say how many they were and where; tables without a target keep them"},
	{SCOPE_SUBSCRIPTION, "copy_chunk_time", TYPE_MS, "100ms", 10, 60 * 1000, NULL, false, SUBS(copy_chunk_ms),
	"For so long a copy of tables reads at a time, between changes of the stream; more rows where that is fast"},
	{SCOPE_SUBSCRIPTION, "copy_workers", TYPE_INT, "1", 1, 16, NULL, false, SUBS(copy_workers),
	"Over so many connections a copy reads at a time, several tables or ranges of one; each takes up to 4 MB of memory"},
	{SCOPE_SUBSCRIPTION, "snapshot_host", TYPE_TEXT, NULL, 0, NAMEDATALEN - 1, NULL, false, SUBS(snapshot_host),
	"Foreign server of cdc_mysql, a replica of the source with GTIDs, that tables with a key are copied from; the source itself where not set"},
	{SCOPE_SUBSCRIPTION, "memory_limit", TYPE_BYTES, "16MB", 1 * MB, 1024 * MB, NULL, false, SUBS(memory_limit),
	"Bytes of one source transaction that are kept in memory; more go to a temporary file"},
	{SCOPE_SUBSCRIPTION, "max_event_size", TYPE_BYTES, "512MB", 1 * MB, 1024 * MB, NULL, false, SUBS(max_event_size),
	"What an event of the binlog may have in bytes when it is uncompressed; all of it is in memory. A row of the history takes no more than 256 MB"},
	{SCOPE_SUBSCRIPTION, "apply_memory_limit", TYPE_BYTES, "48MB", 1 * KB, 1024 * MB, NULL, false, SUBS(apply_memory_limit),
	"Bytes of rows that apply collects before it writes them; half as much again may go into looking ahead"},
	{SCOPE_SUBSCRIPTION, "max_new_tables", TYPE_INT, "1000", 4, 1000000, NULL, false, SUBS(max_new_tables),
	"Tables that one transaction may register as new; a pull worker commits after a quarter of them. Each takes about five locks of the server, see max_locks_per_transaction"},
	{SCOPE_SUBSCRIPTION, "synchronous_commit", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(synchronous_commit),
	"Whether workers wait for the disk at commit; off loses nothing, as position and events are lost or kept together"},
	{SCOPE_SUBSCRIPTION, "disable_others_triggers", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(disable_others_triggers),
	"Whether triggers and foreign keys of targets that others own are passed over, as those of the owner's own targets are; only a superuser can turn it on"},
	{SCOPE_SUBSCRIPTION, "zero_date", TYPE_CHOICE, "null", 0, 0, zero_date_words, false, SUBS(zero_date),
	"What apply writes for dates that PostgreSQL does not have, such as 0000-00-00; with null -infinity where a column cannot be NULL, and in keys"},
	{SCOPE_SUBSCRIPTION, "nul_in_text", TYPE_CHOICE, "error", 0, 0, nul_words, false, SUBS(nul_in_text),
	"What apply does with a NUL byte in a text"},
	{SCOPE_SUBSCRIPTION, "target_mode", TYPE_CHOICE, "replica", 0, 0, target_mode_words, false, SUBS(target_mode),
	"The mode of targets that come later: of those that target_schema makes, and of cdc.add_table where it names none"},
	{SCOPE_SUBSCRIPTION, "conflict", TYPE_CHOICE, "error", 0, 0, conflict_words, false, SUBS(conflict),
	"What apply does where two rows have the same values in a unique index that the target has beside its key: stop, or keep the later row only and say so in cdc.log; on partitioned tables and Greenplum it stops"},
	{SCOPE_SUBSCRIPTION, "tinyint1_as_boolean", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(tinyint1_boolean),
	"Replicas get boolean for tinyint(1)"},
	{SCOPE_SUBSCRIPTION, "bit1_as_boolean", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(bit1_boolean),
	"Replicas get boolean for bit(1)"},
	{SCOPE_SUBSCRIPTION, "ddl", TYPE_CHOICE, "evolve", 0, 0, ddl_words, false, SUBS(table.ddl),
	"What apply does when a source table changes its columns or key: alter the target likewise, leave it as it is, or stop until another word is chosen"},
	{SCOPE_SUBSCRIPTION, "drop_column", TYPE_CHOICE, "keep", 0, 0, drop_column_words, false, SUBS(table.drop_column),
	"What becomes of a target's column that the source has dropped"},
	{SCOPE_SUBSCRIPTION, "truncate", TYPE_CHOICE, "follow", 0, 0, truncate_words, false, SUBS(table.truncate),
	"Whether TRUNCATE at the source, or a table that is made anew there, empties the target"},
	{SCOPE_SUBSCRIPTION, "sources", TYPE_CHOICE, "one", 0, 0, sources_words, false, SUBS(table.sources),
	"Kafka, Debezium: what becomes of messages about a table that come from another source (connector, and database where tables have schemas) than its first ones: an error of the table; or they are passed over; or all are rows of one table"},
	{SCOPE_SUBSCRIPTION, "auto_resync", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(table.auto_resync),
	"Whether a table that cannot be followed, and so is in state e, is copied anew by itself: at once, then not within a minute, two, four, up to a day"},
	{SCOPE_SUBSCRIPTION, "history_partition", TYPE_CHOICE, "month", 0, 0, partition_words, false, SUBS(history_partition),
	"How the history table is partitioned by the time of arrival; only at creation"},
	{SCOPE_SUBSCRIPTION, "history_storage", TYPE_CHOICE, "auto", 0, 0, storage_words, false, SUBS(history_storage),
	"Greenplum 6: whether the history is append-optimised and compressed (auto), or tables with a primary key (heap); only at creation"},
	{SCOPE_SUBSCRIPTION, "xa_unknown", TYPE_CHOICE, "error", 0, 0, xa_unknown_words, false, SUBS(xa_unknown),
	"What pull does at XA COMMIT of a transaction whose XA PREPARE is in no binlog of the source any more: stop, or leave it out with a row in cdc.log"},
	{SCOPE_SUBSCRIPTION, "on_error", TYPE_CHOICE, "stop", 0, 0, on_error_words, false, SUBS(table.on_error),
	"What becomes of an event that cannot be written to its target: the subscription stops before it; or its table alone does, until cdc.retry_errors(); or the event goes to cdc.error, with all that follows on its key. With log pull from Kafka also keeps messages that are not JSON or not of the subscription's format there, and goes on; else it stops"},
	{SCOPE_SUBSCRIPTION, "commit_boundary", TYPE_CHOICE, "auto", 0, 0, boundary_words, false, SUBS(commit_boundary),
	"Kafka: where the source's transactions end: behind each message, or where the messages of a partition say so; auto is the latter when there is one partition only"},
	{SCOPE_SUBSCRIPTION, "commit_wait", TYPE_MS, "10s", 0, 3600 * 1000, NULL, false, SUBS(commit_wait_ms),
	"Kafka: a transaction whose end does not come into its partition is taken as complete this long after its last message"},
	{SCOPE_SUBSCRIPTION, "metadata_refresh", TYPE_MS, "10s", 100, 3600 * 1000, NULL, false, SUBS(metadata_refresh_ms),
	"Kafka: how often a worker looks for new topics and partitions"},
	{SCOPE_SUBSCRIPTION, "group_id", TYPE_TEXT, NULL, 0, MAX_KAFKA_NAME, NULL, false, SUBS(group_id),
	"Kafka: consumer group that is told the offsets, so that Kafka's tools show the lag; cdc_<database>_<subscription> where not set, empty for none"},
	{SCOPE_SUBSCRIPTION, "value_format", TYPE_CHOICE, "plain", 0, 0, payload_words, false, SUBS(payload.value_format),
	"Kafka: how values of messages are encoded: JSON, Avro, Protobuf, or JSON behind a schema's number, as of foreign tables. The history has them as JSON"},
	{SCOPE_SUBSCRIPTION, "value_schema", TYPE_TEXT, NULL, 0, 0, NULL, false, SUBS(payload.value_schema),
	"Kafka: the schema of values in Avro or Protobuf that have no schema's number in front, as of foreign tables"},
	{SCOPE_SUBSCRIPTION, "key_format", TYPE_CHOICE, "plain", 0, 0, payload_words, false, SUBS(payload.key_format),
	"Kafka: as value_format, of keys"},
	{SCOPE_SUBSCRIPTION, "key_schema", TYPE_TEXT, NULL, 0, 0, NULL, false, SUBS(payload.key_schema),
	"Kafka: as value_schema, of keys"},
	{SCOPE_SUBSCRIPTION, "output_binlog_position", TYPE_BOOL, "on", 0, 0, NULL, false, SUBS(event.position),
	"Events have \"position\""},
	{SCOPE_SUBSCRIPTION, "output_gtid_position", TYPE_BOOL, "on", 0, 0, NULL, false, SUBS(event.gtid),
	"Events have \"gtid\""},
	{SCOPE_SUBSCRIPTION, "output_server_id", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(event.server_id),
	"Events have \"server_id\""},
	{SCOPE_SUBSCRIPTION, "output_thread_id", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(event.thread_id),
	"Events have \"thread_id\""},
	{SCOPE_SUBSCRIPTION, "output_primary_keys", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(event.primary_key),
	"Events have \"primary_key\""},
	{SCOPE_SUBSCRIPTION, "output_primary_key_columns", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(event.primary_key_columns),
	"Events have \"primary_key_columns\""},
	{SCOPE_SUBSCRIPTION, "output_xoffset", TYPE_BOOL, "on", 0, 0, NULL, false, SUBS(event.xoffset),
	"Events have \"xoffset\""},
	{SCOPE_SUBSCRIPTION, "output_commit_info", TYPE_BOOL, "on", 0, 0, NULL, false, SUBS(event.commit_info),
	"Events have \"xid\", \"commit\" and \"xoffset\"; the history's column commit stays"},
	{SCOPE_SUBSCRIPTION, "output_nulls", TYPE_BOOL, "on", 0, 0, NULL, false, SUBS(event.nulls),
	"\"data\" has columns that are NULL; apply needs them, so off is for subscriptions without replicas"},
	{SCOPE_SUBSCRIPTION, "output_null_zerodates", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(event.null_zerodates),
	"0000-00-00 is null in events"},
	{SCOPE_SUBSCRIPTION, "output_row_query", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(event.row_query),
	"Events have \"query\", the statement, where the source logs it (binlog_rows_query_log_events, MariaDB: binlog_annotate_row_events)"},
	{SCOPE_SUBSCRIPTION, "output_push_timestamp", TYPE_BOOL, "off", 0, 0, NULL, false, SUBS(event.push_timestamp),
	"Events have \"push_ts\", the time when they were written"},
	{SCOPE_SUBSCRIPTION, "output_ddl", TYPE_BOOL, "on", 0, 0, NULL, false, SUBS(event.ddl),
	"The history has DDL events; TRUNCATE, which apply follows, is there in any case"},

	{SCOPE_TABLE, "ddl", TYPE_CHOICE, NULL, 0, 0, ddl_words, false, SUBTABLE(ddl),
	"As the subscription's"},
	{SCOPE_TABLE, "drop_column", TYPE_CHOICE, NULL, 0, 0, drop_column_words, false, SUBTABLE(drop_column),
	"As the subscription's"},
	{SCOPE_TABLE, "truncate", TYPE_CHOICE, NULL, 0, 0, truncate_words, false, SUBTABLE(truncate),
	"As the subscription's"},
	{SCOPE_TABLE, "sources", TYPE_CHOICE, NULL, 0, 0, sources_words, false, SUBTABLE(sources),
	"As the subscription's"},
	{SCOPE_TABLE, "on_error", TYPE_CHOICE, NULL, 0, 0, on_error_words, false, SUBTABLE(on_error),
	"As the subscription's, of events that cannot be written"},
	{SCOPE_TABLE, "auto_resync", TYPE_BOOL, NULL, 0, 0, NULL, false, SUBTABLE(auto_resync),
	"As the subscription's"},
	{SCOPE_TABLE, "copy_history", TYPE_BOOL, NULL, 0, 0, NULL, false, SUBTABLE(copy_history),
	"As the subscription's"},

	{SCOPE_PUBLICATION, "tombstones", TYPE_BOOL, "off", 0, 0, NULL, false, PUBL(tombstones),
	"Format maxwell: behind each delete, and for the old key when a key changes, a message without a value, for compacted topics"},
	{SCOPE_PUBLICATION, "ddl_topic", TYPE_TEXT, "cdc.ddl", 0, 0, NULL, false, PUBL(ddl_topic),
	"Template of the topic for DDL events; empty: they are left out"},
	{SCOPE_PUBLICATION, "raw_topic", TYPE_TEXT, "cdc.raw", 0, 0, NULL, false, PUBL(raw_topic),
	"Topic of events that belong to no table; empty: they are left out"},
	{SCOPE_PUBLICATION, "index", TYPE_TEXT, "${database}-${table}", 0, 0, NULL, false, PUBL(index_template),
	"Format es_bulk: template of _index, in lower case"},
	{SCOPE_PUBLICATION, "transactional_id", TYPE_TEXT, NULL, 0, MAX_KAFKA_NAME, NULL, false, PUBL(transactional_id),
	"Each transaction of publish is one of Kafka, too, with an id that begins so: readers of committed messages see all of its events or none"},
	{SCOPE_PUBLICATION, "key_columns", TYPE_TEXT, NULL, 0, 0, NULL, false, PUBL(key_columns),
	"key of tables where neither message, definition nor target tells one: names separated by commas"},
	{SCOPE_PUBLICATION, "schemas", TYPE_BOOL, "off", 0, 0, NULL, false, PUBL(schemas),
	"debezium: each message with its schema"},
	{SCOPE_PUBLICATION, "schema_topic", TYPE_TEXT, "", 0, 0, NULL, false, PUBL(schema_topic),
	"goldengate_row, goldengate_op: template of the topic that gets a JSON schema of each table and of each change of one"},
	{SCOPE_PUBLICATION, "key_change", TYPE_CHOICE, "delete_insert", 0, 0, key_change_words, false, PUBL(key_change),
	"maxwell, goldengate_op, canal, quix: an update that changes the key as a delete of the old one and an insert of the new one, or as the tool's own one message, which is right in one partition only"},
	{SCOPE_PUBLICATION, "whole_table", TYPE_CHOICE, "rows", 0, 0, whole_table_words, false, PUBL(whole_table),
	"What becomes of an event about all rows of a table (TRUNCATE, another primary key, a new copy): a message for each row that it concerns, or the format's own message, where it has one, and nothing else"},
	{SCOPE_PUBLICATION, "exclude", TYPE_TEXT, NULL, 0, 0, NULL, false, PUBL(exclude),
	"Patterns of tables that are not published, separated by commas"},
};

/* The words of an option, separated by commas. */
static char *
words_list(const CdcOption *opt)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; opt->words[i] != NULL; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", opt->words[i]);
	return buf.data;
}

char *
cdc_option_names(CdcOptionScope scope)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < lengthof(options); i++)
	{
		if (options[i].scope == scope)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", options[i].name);
	}
	return buf.data;
}

const CdcOption *
cdc_option_find(CdcOptionScope scope, const char *name)
{
	int			i;

	for (i = 0; i < lengthof(options); i++)
	{
		if (options[i].scope == scope && strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

char *
cdc_option_valid_values(const CdcOption *opt)
{
	switch (opt->type)
	{
		case TYPE_BOOL:
			return pstrdup("on or off");
		case TYPE_CHOICE:
		case TYPE_WORD:
			return words_list(opt);
		case TYPE_INT:
			return psprintf(INT64_FORMAT " to " INT64_FORMAT, opt->min, opt->max);
		case TYPE_MS:
			return psprintf(INT64_FORMAT "ms to " INT64_FORMAT "ms, as 500, 500ms, 5s or 2min",
							opt->min, opt->max);
		case TYPE_SECONDS:
			return psprintf(INT64_FORMAT "s to " INT64_FORMAT "s, as 10, 10s or 2min",
							opt->min, opt->max);
		case TYPE_BYTES:
			return psprintf(INT64_FORMAT "kB to " INT64_FORMAT "MB, as 1048576, 512kB or 16MB",
							opt->min / KB, opt->max / MB);
		case TYPE_TEXT:
			if (opt->max > 0)
				return psprintf("texts of at most " INT64_FORMAT " bytes without control characters",
								opt->max);
			break;
	}
	return pstrdup("any text");
}

/*
 * Reads a number that may have a unit into the unit of the option's field.
 * Returns false when it is none, has a unit that does not belong to the option's
 * type, or is outside of the option's limits.
 */
static bool
parse_quantity(const char *value, const CdcOption *opt, int64 *result)
{
	static const struct
	{
		const char *unit;
		bool		bytes;
		int64		factor;		/* to bytes or ms */
	}			units[] = {
		{"ms", false, 1}, {"s", false, 1000}, {"sec", false, 1000}, {"second", false, 1000},
		{"seconds", false, 1000}, {"min", false, 60000}, {"minute", false, 60000},
		{"minutes", false, 60000}, {"h", false, 3600000}, {"hour", false, 3600000},
		{"B", true, 1}, {"kB", true, KB}, {"MB", true, MB}, {"GB", true, 1024 * MB}
	};
	bool		seconds = opt->type == TYPE_SECONDS;
	char	   *end;
	int64		number;
	int64		factor = seconds ? 1000 : 1;
	bool		known = true;
	int			i;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (end == value || errno == ERANGE)
		return false;
	while (*end == ' ')
		end++;
	if (*end != '\0')
	{
		known = false;
		for (i = 0; i < lengthof(units) && opt->type != TYPE_INT; i++)
		{
			if (units[i].bytes == (opt->type == TYPE_BYTES) &&
				pg_strcasecmp(units[i].unit, end) == 0)
			{
				factor = units[i].factor;
				known = true;
			}
		}
	}
	if (!known || number < 0 || number > PG_INT64_MAX / factor)
		return false;
	*result = number * factor;
	if (seconds)
	{
		if (*result % 1000 != 0)
			return false;
		*result /= 1000;
	}
	return *result >= opt->min && *result <= opt->max;
}

/* Finds the place of a word, whatever its case; false when it is none of them. */
static bool
parse_choice(const char *value, const CdcOption *opt, int *place)
{
	for (*place = 0; opt->words[*place] != NULL; (*place)++)
	{
		if (pg_strcasecmp(opt->words[*place], value) == 0)
			return true;
	}
	return false;
}

/* Whether a text is short enough, and can be shown wherever it goes. */
static bool
text_fits(const char *value, const CdcOption *opt)
{
	const char *s;

	if (opt->max == 0)
		return true;
	for (s = value; *s != '\0'; s++)
		if ((unsigned char) *s < 0x20 || *s == 0x7f)
			return false;
	return s - value <= opt->max;
}

/* ERROR for a value that does not fit; a secret's value is not shown. */
static void
report_invalid_value(const CdcOption *opt, const char *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 opt->secret ? errmsg("invalid value for option \"%s\"", opt->name) :
			 errmsg("invalid value for option \"%s\": \"%s\"", opt->name, value),
			 errhint("Valid values are: %s.", cdc_option_valid_values(opt))));
}

/* Checks the value and, where field is not NULL, stores it there. */
static void
store_value(const CdcOption *opt, const char *value, void *field)
{
	bool		flag;
	int64		number;
	int			place;

	switch (opt->type)
	{
		case TYPE_TEXT:
			if (!text_fits(value, opt))
				report_invalid_value(opt, pnstrdup(value, pg_mbcliplen(value, strlen(value), 100)));
			if (field != NULL)
				*(const char **) field = cdc_to_utf8(value);
			break;
		case TYPE_BOOL:
			if (!parse_bool(value, &flag))
				report_invalid_value(opt, value);
			if (field != NULL)
				*(bool *) field = flag;
			break;
		case TYPE_CHOICE:
			if (!parse_choice(value, opt, &place))
				report_invalid_value(opt, value);
			if (field != NULL)
				*(int *) field = place;
			break;
		case TYPE_WORD:
			if (!parse_choice(value, opt, &place))
				report_invalid_value(opt, value);
			if (field != NULL)
				*(const char **) field = opt->words[place];
			break;
		case TYPE_INT:
		case TYPE_MS:
		case TYPE_SECONDS:
		case TYPE_BYTES:
			if (!parse_quantity(value, opt, &number))
				report_invalid_value(opt, value);
			if (field != NULL)
				*(int *) field = (int) number;
			break;
	}
}

bool
cdc_option_set(CdcOptionScope scope, const char *name, const char *value, void *target)
{
	const CdcOption *opt = cdc_option_find(scope, name);

	if (opt == NULL)
		return false;
	store_value(opt, value,
				target == NULL || opt->offset == NO_FIELD ? NULL : (char *) target + opt->offset);
	return true;
}

const char *
cdc_option_scope_name(CdcOptionScope scope)
{
	return scope_names[scope];
}

void
cdc_option_set_defaults(CdcOptionScope scope, void *target)
{
	int			i;

	for (i = 0; i < lengthof(options); i++)
	{
		const CdcOption *opt = &options[i];

		if (opt->scope == scope && opt->default_value != NULL && opt->offset != NO_FIELD)
			store_value(opt, opt->default_value, (char *) target + opt->offset);
	}
}

const char *
cdc_option_value(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

const char *
cdc_option_word(CdcOptionScope scope, const char *name, int place)
{
	return cdc_option_find(scope, name)->words[place];
}

void
cdc_option_unknown(CdcOptionScope scope, const char *name)
{
	int			i;

	for (i = 0; i < lengthof(options); i++)
	{
		if (options[i].scope != scope && scope <= SCOPE_MYSQL_USER &&
			options[i].scope <= SCOPE_MYSQL_USER && strcmp(options[i].name, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("option \"%s\" does not belong to a %s", name, scope_names[scope]),
					 options[i].scope == SCOPE_MYSQL_USER ?
					 errhint("Set it with CREATE USER MAPPING FOR ... SERVER ... OPTIONS (%s '...').", name) :
					 errhint("Set it with CREATE SERVER or ALTER SERVER ... OPTIONS (%s '...').", name)));
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\" for a %s", name, scope_names[scope]),
			 errhint("Valid options are: %s.", cdc_option_names(scope))));
}

PG_FUNCTION_INFO_V1(cdc_option_list);

/* cdc.option_list() returns setof (scope, name, type, default, values, secret, description) */
Datum
cdc_option_list(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *rows = cdc_result_set_begin(fcinfo, &desc);
	int			i;

	for (i = 0; i < lengthof(options); i++)
	{
		const CdcOption *opt = &options[i];
		Datum		values[7];
		bool		nulls[7] = {false};

		values[0] = CStringGetTextDatum(scope_names[opt->scope]);
		values[1] = CStringGetTextDatum(opt->name);
		values[2] = CStringGetTextDatum(type_names[opt->type]);
		nulls[3] = opt->default_value == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(opt->default_value);
		values[4] = CStringGetTextDatum(cdc_option_valid_values(opt));
		values[5] = BoolGetDatum(opt->secret);
		values[6] = CStringGetTextDatum(opt->description);
		tuplestore_putvalues(rows, desc, values, nulls);
	}
	return (Datum) 0;
}

void
cdc_option_check_password_required(const char *option, const char *value)
{
	bool		required;

	if (strcmp(option, "password_required") != 0 || !parse_bool(value, &required) || required ||
		superuser())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("password_required 'false' is for superusers only"),
			 errhint("User mappings that have it are made and changed by superusers.")));
}
