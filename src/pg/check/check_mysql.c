/*-------------------------------------------------------------------------
 *
 * check_mysql.c
 *	  cdc.check_server() of a MySQL or MariaDB server: what of it is set up as a
 *	  subscription needs it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/check/check_mysql.h"

#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/options/mysql_options.h"
#include "pg/remote/answer.h"
#include "pg/remote/foreign_key.h"
#include "pg/remote/grants.h"
#include "pg/remote/replica_role.h"

#define LISTED_TABLES	5		/* so many are named, of more only the count is told */

typedef struct Check
{
	CdcCheckReport *out;
	const char *server;
	CdcSource  *source;
	const CdcMysqlServerInfo *info;
	CdcAnswer  *variables;		/* of the source: name, value */
	CdcAnswer  *grants;
} Check;

static void
report(Check *check, const char *name, bool ok, const char *detail, const char *hint)
{
	char		clean[CDC_ERROR_TEXT];

	/* much of it is what the source said */
	cdc_check_report(check->out, name, ok,
					 detail != NULL ? cdc_clean_text(clean, sizeof(clean), detail) : NULL, hint);
}

static const char *
variable(const Check *check, const char *name)
{
	int64		i;

	for (i = 0; check->variables != NULL && i < cdc_answer_rows(check->variables); i++)
	{
		if (pg_strcasecmp(cdc_answer_text(check->variables, i, 0), name) == 0)
			return cdc_answer_text(check->variables, i, 1);
	}
	return NULL;
}

static bool
is_on(const char *value)
{
	return value != NULL && (pg_strcasecmp(value, "ON") == 0 || strcmp(value, "1") == 0);
}

/* A statement that is called what it is; NULL where the source refuses it. */
static CdcAnswer *
ask(Check *check, int columns, const char *sql)
{
	return cdc_source_try_ask(check->source, sql, columns, sql);
}

/* Tables to be named in a report. */
typedef struct TableList
{
	StringInfoData text;		/* the first of them */
	int64		n;
} TableList;

static void
add_table(TableList *list, const char *database, const char *table)
{
	if (list->n == 0)
		initStringInfo(&list->text);
	if (list->n++ < LISTED_TABLES)
		appendStringInfo(&list->text, "%s%s.%s", list->text.len > 0 ? ", " : "", database, table);
}

/* "a.b, c.d, ... (7 in all)", or what to say of none. */
static const char *
table_list(TableList *list, const char *none)
{
	if (list->n == 0)
		return none;
	if (list->n > LISTED_TABLES)
		appendStringInfo(&list->text, ", ... (" INT64_FORMAT " in all)", list->n);
	return list->text.data;
}

/* The tables that a query with a schema and a table in its rows finds; false: it failed. */
static bool
find_tables(Check *check, const char *asked, const char *sql, TableList *list)
{
	CdcAnswer  *tables = cdc_source_try_ask(check->source, asked, 2, sql);
	int64		i;

	memset(list, 0, sizeof(*list));
	for (i = 0; tables != NULL && i < cdc_answer_rows(tables); i++)
		add_table(list, cdc_answer_text(tables, i, 0), cdc_answer_text(tables, i, 1));
	return tables != NULL;
}

/*
 * Reaching the server
 */

static bool
check_connection(Check *check)
{
	CdcError	err;
	CdcStatus	st = cdc_source_try_open(check->server, GetUserId(), false, &check->source, &err);
	char	   *detail;

	if (st == CDC_OK)
	{
		check->info = cdc_source_info(check->source);
		report(check, "reachable", true, check->info->address, NULL);
		report(check, "authentication", true, NULL, NULL);
		return true;
	}
	detail = psprintf("%s%s%s", err.message, err.detail[0] ? ": " : "", err.detail);
	if (st == CDC_ERR_CONNECT)
		report(check, "reachable", false, detail, err.hint);
	else
	{
		report(check, "reachable", true, NULL, NULL);
		report(check, st == CDC_ERR_AUTH ? "authentication" : "connection", false, detail, err.hint);
	}
	return false;
}

static void
check_version(Check *check)
{
	unsigned	oldest = check->info->flavor == CDC_MARIADB ? 100100 : 50500;

	report(check, "version", check->info->version >= oldest,
		   psprintf("%s %s", check->info->flavor == CDC_MARIADB ? "MariaDB" : "MySQL",
					check->info->version_text),
		   "Supported are MySQL 5.5 and later and MariaDB 10.1 and later.");
}

/*
 * Privileges
 */

/* Whether each transaction has a GTID (MySQL). */
static bool
by_gtids(const Check *check)
{
	const char *mode = variable(check, "gtid_mode");

	return mode != NULL && strcmp(mode, "ON") == 0;
}

static void
check_privileges(Check *check)
{
	bool		mariadb = check->info->flavor == CDC_MARIADB;
	CdcAnswer  *answer;
	bool		ok;

	check->grants = cdc_grants_ask(check->source);

	/* privileges through roles do not show in all versions: then by what they allow */
	ok = cdc_grants_have(check->grants, "REPLICATION SLAVE", false) || cdc_grants_have(check->grants, "REPLICATION REPLICA", false);
	if (!ok && !mariadb)
		ok = ask(check, CDC_OR_MORE(6), "SHOW BINLOG EVENTS LIMIT 0") != NULL;
	report(check, "privilege replication slave", ok, ok ? NULL : "The binlog cannot be read without it.",
		   "At the source: GRANT REPLICATION SLAVE ON *.* TO the user of the user mapping;");

	answer = ask(check, CDC_OR_MORE(2), cdc_source_sql_binlog_status(check->info));
	report(check, "privilege replication client", answer != NULL,
		   answer ? NULL : "The position of the binlog cannot be asked for without it.",
		   mariadb ? "At the source: GRANT BINLOG MONITOR ON *.* TO the user of the user mapping;" :
		   "At the source: GRANT REPLICATION CLIENT ON *.* TO the user of the user mapping;");

	/* what copy/snapshot.c proves the place of a copy with */
	if (!mariadb && (check->info->version < 50700 || !by_gtids(check)))
	{
		ok = ask(check, 1, "SELECT trx_id FROM information_schema.INNODB_TRX LIMIT 1") != NULL;
		report(check, "privilege process", ok,
			   ok ? NULL : "Without GTIDs, or in MySQL 5.5 and 5.6, a copy joins the binlog at a place that is likely, but not proved.",
			   "At the source: GRANT PROCESS ON *.* TO the user of the user mapping;");
	}

	if (cdc_grants_have(check->grants, "SELECT", false))
		report(check, "privilege select", true, "on all tables", NULL);
	else
	{
		answer = cdc_source_try_ask(check->source, "the number of tables", 1,
									"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' "
									"AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')");
		ok = cdc_grants_have(check->grants, "SELECT", true);
		report(check, "privilege select", ok,
			   psprintf(INT64_FORMAT " tables are visible",
						answer ? cdc_answer_int(answer, 0, 0, 0, PG_INT64_MAX) : 0),
			   "At the source: GRANT SELECT ON the replicated databases TO the user of the user mapping;");
	}
}

/*
 * What a statement changes through a view or a trigger is only seen with more privileges, which
 * a source that writes rows alone does not need.
 */
static void
check_programs(Check *check)
{
	const char *format = variable(check, "binlog_format");
	bool		rows = format == NULL || pg_strcasecmp(format, "ROW") == 0;
	char	   *lacking = cdc_grants_lacking_for_programs(check->grants);

	report(check, "privilege show view, trigger", lacking == NULL || rows,
		   lacking == NULL ? NULL :
		   rows ? psprintf("%s not granted: needed where sessions choose another binlog_format than ROW.", lacking) :
		   psprintf("%s not granted: a view that is changed by a statement then puts all tables into error, and a trigger is not seen.", lacking),
		   lacking == NULL ? NULL :
		   psprintf("At the source: GRANT %s ON *.* TO the user of the user mapping;", lacking));
}

/*
 * The binlog
 */

static void
check_binlog(Check *check)
{
	const char *format = variable(check, "binlog_format");
	const char *image = variable(check, "binlog_row_image");
	const char *metadata = variable(check, "binlog_row_metadata");
	const char *partial = variable(check, "binlog_row_value_options");
	bool		log_bin = is_on(variable(check, "log_bin"));

	report(check, "log_bin", log_bin, log_bin ? "ON" : "OFF",
		   "Set log_bin in the source's configuration and restart it.");
	report(check, "binlog_format", format == NULL || pg_strcasecmp(format, "ROW") == 0, format,
		   "At the source: SET GLOBAL binlog_format = 'ROW'; and end the sessions that are older.");
	report(check, "binlog_row_image", image == NULL || pg_strncasecmp(image, "FULL", 4) == 0, image,
		   "At the source: SET GLOBAL binlog_row_image = 'FULL';");
	if (metadata == NULL)
		report(check, "binlog_row_metadata", true,
			   "This version does not have it: changes of tables are followed by their DDL.", NULL);
	else
		report(check, "binlog_row_metadata", pg_strcasecmp(metadata, "FULL") == 0, metadata,
			   "At the source: SET GLOBAL binlog_row_metadata = 'FULL'; so that rows can be told apart across ALTER TABLE.");
	if (partial != NULL)
		report(check, "binlog_row_value_options", partial[0] == '\0', partial,
			   "At the source: SET GLOBAL binlog_row_value_options = ''; or events hold changes of documents only.");
}

static void
check_gtid(Check *check)
{
	if (check->info->flavor == CDC_MARIADB)
	{
		CdcAnswer  *answer = ask(check, 1, "SELECT @@global.gtid_binlog_pos");

		report(check, "gtid", true, answer ?
			   psprintf("gtid_binlog_pos is \"%s\"", cdc_answer_text(answer, 0, 0)) : NULL, NULL);
	}
	else
	{
		const char *mode = variable(check, "gtid_mode");

		report(check, "gtid", by_gtids(check),
			   mode ? psprintf("gtid_mode is %s", mode) : "gtid_mode does not exist",
			   "Without GTIDs the position is a file and an offset, which a fail-over of the source loses. "
			   "Set gtid_mode and enforce_gtid_consistency to ON at the source.");
	}
}

/* A variable that is a number; 0 where there is none. */
static double
number(const Check *check, const char *name)
{
	const char *text = variable(check, name);
	char	   *end;
	double		value;

	if (text == NULL)
		return 0;
	value = strtod(text, &end);
	if (end == text || *end != '\0' || !(value >= 0 && value < 1e15))
		cdc_answer_refuse(check->variables, "Variable %s is not a number.", name);
	return value;
}

/* Binlogs younger than a day must not be removed. */
static void
check_retention(Check *check)
{
	double		keep = number(check, "binlog_expire_logs_seconds");

	if (keep == 0)
		keep = number(check, "expire_logs_days") * 86400;
	if (keep == 0)
		report(check, "retention", true, "Binlogs are kept until they are purged by hand.", NULL);
	else
		report(check, "retention", keep >= 86400,
			   psprintf("Binlogs are kept for %.1f hours.", keep / 3600),
			   "A subscription that stands still for longer has a gap. Raise binlog_expire_logs_seconds (or expire_logs_days) at the source.");
}

/* A replica as a source writes what it applies only if told to; filters leave out more. */
static void
check_replica(Check *check)
{
	CdcReplicaRole role;

	cdc_replica_role_ask(check->source, &role);
	if (role.unlogged != NULL || role.replica)
		report(check, "log_slave_updates", role.logs_updates,
			   role.unlogged != NULL ?
			   psprintf("The source is itself a replica; its binlog lacks what it replicated: %s.", role.unlogged) :
			   "The source is itself a replica.",
			   "Set log_slave_updates (log_replica_updates) in its configuration and restart it; else its binlog lacks what it replicates.");
	else if (role.grant != NULL && !role.logs_updates)
		report(check, "log_slave_updates", false,
			   "It is not known whether the source is itself a replica. If it is, its binlog lacks what it replicates: log_slave_updates is OFF.",
			   psprintf("At the source: GRANT %s ON *.* TO the user of the user mapping;", role.grant));
	report(check, "binlog filters", role.binlog_filters == NULL,
		   role.binlog_filters != NULL ? role.binlog_filters : "none",
		   "Changes of databases that the source leaves out of its binlog are not seen: exclude them, or remove the setting at the source and restart it. DDL, and DML in statement format, go by the session's default database: of captured tables, too, they are lost where they are run from one that is left out, or from none.");
	if (role.replica || role.replica_filters != NULL)
		report(check, "replication filters", role.replica_filters == NULL,
			   role.replica_filters != NULL ? role.replica_filters : "none",
			   "The source, itself a replica, leaves these out of what it replicates: it has other rows than its own source.");
	if (role.member_state != NULL)
		report(check, "group member", false, psprintf("The source's state in its replication group is %s.", role.member_state),
			   "It gets nothing new: wait until it is ONLINE in performance_schema.replication_group_members, or read another member.");
}

static void
check_server_id(Check *check)
{
	CdcAnswer  *replicas = cdc_source_look(check->source, cdc_source_sql_replicas(check->info), CDC_OR_MORE(2),
										   cdc_source_sql_replicas(check->info));
	ForeignServer *server = GetForeignServerByName(check->server, false);
	uint32		base = cdc_mysql_server_id_base(server->options);
	StringInfoData ids;
	bool		clash = false;
	int64		i;

	initStringInfo(&ids);
	for (i = 0; replicas != NULL && i < cdc_answer_rows(replicas); i++)
	{
		int64		id = cdc_answer_int_else(replicas, i, 0, 0, PG_UINT32_MAX, 0);
		const char *host = cdc_answer_lenient(replicas, i, 1, NULL);
		bool		foreign = host == NULL || strcmp(host, "cdc_ingest") != 0;

		appendStringInfo(&ids, "%s" INT64_FORMAT "%s%s", i > 0 ? ", " : "", id, host && host[0] ? " at " : "",
						 host ? host : "");
		if (base > 0 && foreign && id >= base && id - base < 1000)
			clash = true;
	}
	if (check->info->server_id == 0)
		report(check, "server_id", false, "The source's server_id is 0.",
			   "Set server_id at the source to a number that no other server has.");
	else
		report(check, "server_id", !clash,
			   psprintf("The source is %u; its replicas: %s.", check->info->server_id,
						replicas == NULL ? (check->info->flavor == CDC_MARIADB ?
											"not known without REPLICATION MASTER ADMIN" : "not known") : ids.len > 0 ? ids.data : "none"),
			   "A replica has a number in the range of the server option server_id: choose another range.");
}

/*
 * The tables
 */

#define NOT_SYSTEM(column) \
	column " NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"

static void
check_cascades(Check *check)
{
	bool		logged = cdc_source_logs_cascades(check->source);
	List	   *keys;
	ListCell   *lc;
	TableList	list;
	const CdcForeignKey *last = NULL;

	memset(&list, 0, sizeof(list));
	if (!cdc_source_cascades(check->source, &keys))
		return;
	foreach(lc, keys)
	{
		const CdcForeignKey *key = lfirst(lc);

		if (last == NULL || strcmp(last->table, key->table) != 0 || strcmp(last->database, key->database) != 0)
			add_table(&list, key->database, key->table);
		last = key;
	}
	report(check, "foreign key cascades", logged || list.n == 0, table_list(&list, "none"),
		   "Rows that the source changes by a cascade are not in its binlog before MySQL 9.6: such a table is in state e when that may have happened, and needs cdc.resync_table(), or option auto_resync.");
}

static void
check_tables(Check *check)
{
	TableList	list;

	check_cascades(check);
	if (find_tables(check, "the list of tables of other engines",
					"SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
					"WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
					"AND ENGINE IN ('MEMORY', 'BLACKHOLE', 'FEDERATED', 'EXAMPLE', 'CONNECT', 'SPIDER', 'MRG_MYISAM') "
					"AND " NOT_SYSTEM("TABLE_SCHEMA") " ORDER BY 1, 2", &list))
		report(check, "engines", list.n == 0, table_list(&list, "none"),
			   "Tables of these engines change without row events (MEMORY at a restart) or hold no rows of their own: exclude them.");
	if (find_tables(check, "the list of tables without a primary key",
					"SELECT t.TABLE_SCHEMA, t.TABLE_NAME FROM information_schema.TABLES t "
					"LEFT JOIN information_schema.STATISTICS s ON s.TABLE_SCHEMA = t.TABLE_SCHEMA "
					"AND s.TABLE_NAME = t.TABLE_NAME AND s.INDEX_NAME = 'PRIMARY' AND s.SEQ_IN_INDEX = 1 "
					"WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND s.INDEX_NAME IS NULL "
					"AND " NOT_SYSTEM("t.TABLE_SCHEMA") " ORDER BY 1, 2", &list))
		report(check, "primary keys", list.n == 0, table_list(&list, "all tables have one"),
			   "Rows of these tables are found by all their values, which is slow: add primary keys, or name a key in cdc.add_table.");
}

void
cdc_check_mysql_server(CdcCheckReport *out, const char *server)
{
	Check		check = {0};

	check.out = out;
	check.server = server;
	if (!check_connection(&check))
		return;
	check_version(&check);
	check.variables = cdc_source_try_ask(check.source, "SHOW GLOBAL VARIABLES", 2,
								"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', "
								"'binlog_row_image', 'binlog_row_metadata', 'binlog_row_value_options', 'gtid_mode', "
								"'binlog_expire_logs_seconds', 'expire_logs_days')");
	check_privileges(&check);
	check_programs(&check);
	check_binlog(&check);
	check_gtid(&check);
	check_retention(&check);
	check_replica(&check);
	check_server_id(&check);
	check_tables(&check);
	cdc_source_close(check.source);
}
