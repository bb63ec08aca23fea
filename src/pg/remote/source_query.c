/*-------------------------------------------------------------------------
 *
 * source_query.c
 *	  What a subscription asks its source for: position, a free server id; and
 *	  quoting for the source's SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/source.h"

#include "access/xlog.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/error.h"
#include "pg/remote/answer.h"
#include "pg/base/hash.h"
#include "pg/options/mysql_options.h"

/*
 * A literal for any sql_mode: a backslash means something or does not
 * (NO_BACKSLASH_ESCAPES), so strings with one are written in hex.
 */
char *
cdc_source_quote_literal(const char *s)
{
	StringInfoData buf;
	const char *p;

	initStringInfo(&buf);
	if (strchr(s, '\\') != NULL)
	{
		appendStringInfoString(&buf, "_utf8mb4 X'");
		for (p = s; *p != '\0'; p++)
			appendStringInfo(&buf, "%02X", (unsigned char) *p);
		appendStringInfoChar(&buf, '\'');
		return buf.data;
	}
	appendStringInfoChar(&buf, '\'');
	for (p = s; *p != '\0'; p++)
	{
		if (*p == '\'')
			appendStringInfoChar(&buf, '\'');
		appendStringInfoChar(&buf, *p);
	}
	appendStringInfoChar(&buf, '\'');
	return buf.data;
}

char *
cdc_source_quote_ident(const char *s)
{
	StringInfoData buf;
	const char *p;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '`');
	for (p = s; *p != '\0'; p++)
	{
		if (*p == '`')
			appendStringInfoChar(&buf, '`');
		appendStringInfoChar(&buf, *p);
	}
	appendStringInfoChar(&buf, '`');
	return buf.data;
}

/*
 * The position that a start or an end can be based on: the GTIDs are never
 * ahead of the file and offset.  MySQL tells both at once; of MariaDB they are
 * asked for in this order.
 */
void
cdc_source_position(CdcSource *source, CdcSourcePosition *pos)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	char	   *gtid_set = NULL;
	CdcAnswer  *status;
	CdcError	err;

	memset(pos, 0, sizeof(*pos));
	if (info->flavor == CDC_MARIADB)
		gtid_set = pstrdup(cdc_answer_text(cdc_source_ask(source, "SELECT @@global.gtid_binlog_pos", 1,
														  "SELECT @@global.gtid_binlog_pos"), 0, 0));

	status = cdc_source_ask(source, cdc_source_sql_binlog_status(info), CDC_OR_MORE(2), "%s",
							cdc_source_sql_binlog_status(info));
	if (cdc_answer_rows(status) == 0)
	{
		cdc_error(&err, CDC_ERR_CONFIG, "the source of server \"%s\" writes no binlog",
				  cdc_source_server(source));
		cdc_error_hint(&err, "Set log_bin and binlog_format=ROW at the source and restart it.");
		cdc_ereport(&err, NULL);
	}
	pos->file = pstrdup(cdc_answer_text(status, 0, cdc_answer_column(status, "File")));
	pos->offset = cdc_answer_int(status, 0, cdc_answer_column(status, "Position"), 0, PG_INT64_MAX);
	if (pos->file[0] == '\0')
		cdc_answer_refuse(status, "The binlog's file has no name.");

	if (info->flavor == CDC_MYSQL && info->version >= 50605)
	{
		CdcAnswer  *mode = cdc_source_ask(source, "SELECT @@global.gtid_mode", 1,
										  "SELECT @@global.gtid_mode");

		/* other modes let transactions without a GTID through */
		if (strcmp(cdc_answer_text(mode, 0, 0), "ON") == 0)
			gtid_set = pstrdup(cdc_answer_text(status, 0, cdc_answer_column(status, "Executed_Gtid_Set")));
	}
	pos->gtid_set = gtid_set;
}

static bool
is_mysql_since(const CdcMysqlServerInfo *info, unsigned version)
{
	return info->flavor == CDC_MYSQL && info->version >= version;
}

const char *
cdc_source_sql_binlog_status(const CdcMysqlServerInfo *info)
{
	return is_mysql_since(info, 80200) ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

const char *
cdc_source_sql_replica_status(const CdcMysqlServerInfo *info)
{
	return is_mysql_since(info, 80022) ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS";
}

const char *
cdc_source_sql_replicas(const CdcMysqlServerInfo *info)
{
	return is_mysql_since(info, 80022) ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS";
}

char *
cdc_source_show_create(CdcSource *source, const char *database, const char *table)
{
	CdcAnswer  *answer = cdc_source_try_ask(source, "SHOW CREATE TABLE", CDC_OR_MORE(2),
											psprintf("SHOW CREATE TABLE %s.%s", cdc_source_quote_ident(database),
													 cdc_source_quote_ident(table)));

	return answer != NULL && cdc_answer_rows(answer) > 0 ? cdc_answer_lenient(answer, 0, 1, NULL) : NULL;
}

/* The start of a binlog file, behind its magic. */
#define FIRST_OFFSET	4

/*
 * The GTID set that a file begins with, from the event that the server writes
 * at its start.
 */
static char *
mysql_previous_gtids(CdcSource *control, const char *file)
{
	/* Log_name Pos Event_type Server_id End_log_pos Info */
	CdcAnswer  *answer = cdc_source_ask(control, "SHOW BINLOG EVENTS", CDC_OR_MORE(6),
										"SHOW BINLOG EVENTS IN %s LIMIT 3",
										cdc_source_quote_literal(file));
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		if (strcmp(cdc_answer_text(answer, i, 2), "Previous_gtids") == 0)
			return pstrdup(cdc_answer_text(answer, i, 5));
	}
	return NULL;
}

/* The same for MariaDB, which is asked for the GTIDs before the file. */
static char *
mariadb_gtid_pos(CdcSource *control, const char *file)
{
	CdcAnswer  *answer = cdc_source_ask(control, "SELECT BINLOG_GTID_POS", 1,
										"SELECT BINLOG_GTID_POS(%s, %d)",
										cdc_source_quote_literal(file), FIRST_OFFSET);
	const char *gtids = cdc_answer_nullable(answer, 0, 0);

	return gtids != NULL ? pstrdup(gtids) : NULL;
}

char *
cdc_source_gtids_before_file(CdcSource *control, const char *file)
{
	return cdc_source_info(control)->flavor == CDC_MARIADB ?
		mariadb_gtid_pos(control, file) : mysql_previous_gtids(control, file);
}

/* Ids in use by replicas of the source, comma-separated with a leading one. */
static char *
ids_in_use(CdcSource *source)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	StringInfoData ids;
	CdcAnswer  *replicas;
	int64		i;

	initStringInfo(&ids);
	appendStringInfo(&ids, ",%u,", info->server_id);
	/* needs a privilege that a dump does not: then only the source's own counts */
	replicas = cdc_source_look(source, cdc_source_sql_replicas(info), CDC_OR_MORE(1),
							   cdc_source_sql_replicas(info));
	for (i = 0; replicas != NULL && i < cdc_answer_rows(replicas); i++)
		appendStringInfo(&ids, INT64_FORMAT ",",
						 cdc_answer_int_else(replicas, i, cdc_answer_find_column(replicas, "Server_id"), 0,
											 PG_UINT32_MAX, 0));
	return ids.data;
}

/* Of a range that people have chosen so many pairs may be tried one after the other. */
#define SALTED_IDS		200

uint32
cdc_source_server_id(CdcSource *source, int32 subscription_id, bool worker, int32 salt)
{
	ForeignServer *server = GetForeignServerByName(cdc_source_server(source), false);
	uint32		base = cdc_mysql_server_id_base(server->options);
	char	   *used = ids_in_use(source);
	uint64		seed = GetSystemIdentifier() ^ ((uint64) MyDatabaseId << 32) ^
		((uint64) (uint32) subscription_id << 1) ^ (worker ? 1 : 0) ^
		cdc_mix_word((uint64) (uint32) salt);
	uint32		attempt;

	for (attempt = 0; attempt < 1000; attempt++)
	{
		char		needle[16];
		uint32		id;

		/* without a base: the upper half, where people do not number servers by hand */
		if (base > 0)
			id = base + (uint32) subscription_id * 2 + (worker ? 1 : 0) + attempt +
				((uint32) salt % SALTED_IDS) * 2;
		else
			id = (uint32) cdc_mix_word(seed + attempt) | 0x80000000;
		if (id == 0)
			continue;
		snprintf(needle, sizeof(needle), ",%u,", id);
		if (strstr(used, needle) == NULL)
		{
			pfree(used);
			return id;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("no server id is free among the replicas of server \"%s\"",
					cdc_source_server(source)),
			 errhint("ALTER SERVER %s OPTIONS (SET server_id '...');",
					 quote_identifier(cdc_source_server(source)))));
	pg_unreachable();
}
