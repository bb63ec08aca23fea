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
#include "pg/base/hash.h"
#include "pg/catalog/option_table.h"

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

/* A cell of a column found by its name, or NULL. */
static const char *
cell_by_name(const CdcRows *rows, int64 row, const char *name)
{
	int			i;

	for (i = 0; i < rows->ncolumns; i++)
	{
		if (pg_strcasecmp(rows->names[i].data, name) == 0)
			return cdc_rows_cell(rows, row, i)->data;
	}
	return NULL;
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
	const char *offset;
	CdcRows    *rows;
	CdcError	err;

	memset(pos, 0, sizeof(*pos));
	if (info->flavor == CDC_MARIADB)
	{
		rows = cdc_source_query(source, "SELECT @@global.gtid_binlog_pos");
		if (rows != NULL && rows->nrows == 1 && rows->cells[0].data != NULL)
			gtid_set = pstrdup(rows->cells[0].data);
	}

	rows = cdc_source_query(source, "%s", cdc_source_sql_binlog_status(info));
	if (rows == NULL || rows->nrows == 0)
	{
		cdc_error(&err, CDC_ERR_CONFIG, "the source of server \"%s\" writes no binlog",
				  cdc_source_server(source));
		cdc_error_hint(&err, "Set log_bin and binlog_format=ROW at the source and restart it.");
		cdc_ereport(&err, NULL);
	}
	pos->file = pstrdup(cell_by_name(rows, 0, "File"));
	offset = cell_by_name(rows, 0, "Position");
	pos->offset = offset != NULL ? (int64) strtoull(offset, NULL, 10) : 0;

	if (info->flavor == CDC_MYSQL && info->version >= 50605)
	{
		CdcRows    *mode = cdc_source_query(source, "SELECT @@global.gtid_mode");
		const char *set = cell_by_name(rows, 0, "Executed_Gtid_Set");

		/* other modes let transactions without a GTID through */
		if (mode != NULL && mode->nrows == 1 && mode->cells[0].data != NULL &&
			strcmp(mode->cells[0].data, "ON") == 0 && set != NULL)
			gtid_set = pstrdup(set);
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

/* Ids in use by replicas of the source, comma-separated with a leading one. */
static char *
ids_in_use(CdcSource *source)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	StringInfoData ids;
	CdcRows    *rows;
	CdcError	err;
	int64		i;

	initStringInfo(&ids);
	appendStringInfo(&ids, ",%u,", info->server_id);
	/* needs a privilege that a dump does not: then only the source's own counts */
	if (cdc_source_try_query(source, cdc_source_sql_replicas(info), &rows, &err) == CDC_OK &&
		rows != NULL)
	{
		for (i = 0; i < rows->nrows; i++)
		{
			const char *id = cell_by_name(rows, i, "Server_id");

			if (id != NULL)
				appendStringInfo(&ids, "%s,", id);
		}
	}
	return ids.data;
}

uint32
cdc_source_server_id(CdcSource *source, int32 subscription_id, bool worker)
{
	ForeignServer *server = GetForeignServerByName(cdc_source_server(source), false);
	uint32		base = cdc_mysql_server_id_base(server->options);
	char	   *used = ids_in_use(source);
	uint64		seed = GetSystemIdentifier() ^ ((uint64) MyDatabaseId << 32) ^
		((uint64) (uint32) subscription_id << 1) ^ (worker ? 1 : 0);
	uint32		attempt;

	for (attempt = 0; attempt < 1000; attempt++)
	{
		char		needle[16];
		uint32		id;

		/* without a base: the upper half, where people do not number servers by hand */
		if (base > 0)
			id = base + (uint32) subscription_id * 2 + (worker ? 1 : 0) + attempt;
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
