/*-------------------------------------------------------------------------
 *
 * replica_role.c
 *	  A source that is itself a replica, or leaves something out of its binlog: what its
 *	  binlog lacks by that.
 *
 * None of it shows in the stream: what is not written is not missed.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/replica_role.h"

#include "lib/stringinfo.h"

#include "core/gtid.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"

#define VARIABLES	"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_slave_updates', " \
	"'log_replica_updates', 'group_replication_group_name', 'gtid_slave_pos', 'gtid_binlog_state', " \
	"'replicate_do_db', 'replicate_ignore_db', 'replicate_do_table', 'replicate_ignore_table', " \
	"'replicate_wild_do_table', 'replicate_wild_ignore_table')"

static const char *const filters[] = {
	"Replicate_Do_DB", "Replicate_Ignore_DB", "Replicate_Do_Table", "Replicate_Ignore_Table",
	"Replicate_Wild_Do_Table", "Replicate_Wild_Ignore_Table"
};

static const char *
variable(const CdcAnswer *variables, const char *name)
{
	int64		i;

	for (i = 0; variables != NULL && i < cdc_answer_rows(variables); i++)
	{
		if (pg_strcasecmp(cdc_answer_text(variables, i, 0), name) == 0)
			return cdc_answer_text(variables, i, 1);
	}
	return NULL;
}

/* "name = value" where there is a value, after what is there. */
static void
add_setting(StringInfo buf, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		appendStringInfo(buf, "%s%s = %s", buf->len > 0 ? ", " : "", name, value);
}

/* ---- what it replicates ---- */

static void
ask_status(CdcSource *source, const CdcAnswer *variables, CdcReplicaRole *role)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	bool		mariadb = info->flavor == CDC_MARIADB;
	const char *sql = mariadb ? "SHOW ALL SLAVES STATUS" : cdc_source_sql_replica_status(info);
	CdcAnswer  *status = cdc_source_try_ask(source, sql, CDC_OR_MORE(1), sql);
	StringInfoData buf;
	StringInfoData sources;
	int64		i;
	int			f;

	initStringInfo(&buf);
	initStringInfo(&sources);
	if (status == NULL)
	{
		role->grant = mariadb ? "SLAVE MONITOR" : "REPLICATION CLIENT";
		for (f = 0; f < lengthof(filters); f++)
			add_setting(&buf, filters[f], variable(variables, filters[f]));
	}
	for (i = 0; status != NULL && i < cdc_answer_rows(status); i++)
	{
		int			running = cdc_answer_column(status, strstr(sql, "REPLICA") != NULL ? "Replica_SQL_Running" :
												"Slave_SQL_Running");
		const char *runs = cdc_answer_nullable(status, i, running);
		const char *id = cdc_answer_nullable(status, i,
											 cdc_answer_column(status, strstr(sql, "REPLICA") != NULL ?
															   "Source_Server_Id" : "Master_Server_Id"));

		role->replica = true;
		appendStringInfo(&sources, ",%s,", id != NULL ? id : "");
		role->running |= runs != NULL && pg_strcasecmp(runs, "No") != 0;
		for (f = 0; f < lengthof(filters); f++)
			add_setting(&buf, filters[f], cdc_answer_nullable(status, i, cdc_answer_column(status, filters[f])));
	}
	role->replica_filters = buf.len > 0 ? buf.data : NULL;
	role->sources = sources.len > 0 ? sources.data : NULL;
}

/*
 * MariaDB: which of the domains that it replicated its binlog has none of.  A domain
 * that it writes itself is in the binlog, however little of it.
 */
static const char *
unlogged_domains(const char *replicated, const char *logged)
{
	StringInfoData buf;
	const char *p = replicated;

	initStringInfo(&buf);
	while (p != NULL && *p != '\0')
	{
		size_t		len = strcspn(p, ",");
		char	   *gtid = pnstrdup(p, len);
		char	   *domain = psprintf("%s-", pnstrdup(gtid, strcspn(gtid, "-")));
		const char *l = logged;

		while (l != NULL && strncmp(l + strspn(l, " "), domain, strlen(domain)) != 0)
		{
			l = strchr(l, ',');
			l = l != NULL ? l + 1 : NULL;
		}
		if (l == NULL)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? "," : "", gtid);
		p += len;
		p += *p == ',' ? 1 : 0;
		p += strspn(p, " ");
	}
	return buf.len > 0 ? buf.data : NULL;
}

/* ---- its group ---- */

/* The state of a member of a replication group that has left it, or not come in yet. */
static const char *
member_state(CdcSource *source, const CdcAnswer *variables)
{
	const char *group = variable(variables, "group_replication_group_name");
	const char *state;
	CdcAnswer  *answer;

	if (group == NULL || group[0] == '\0')
		return NULL;
	answer = cdc_source_try_ask(source, "the state of the group's member", 1,
								"SELECT MEMBER_STATE FROM performance_schema.replication_group_members "
								"WHERE MEMBER_ID = @@global.server_uuid");
	if (answer == NULL)
		return NULL;			/* without the privilege nobody knows */
	state = cdc_answer_rows(answer) > 0 ? cdc_answer_text(answer, 0, 0) : "OFFLINE";
	return strcmp(state, "ONLINE") == 0 ? NULL : state;
}

void
cdc_replica_role_ask(CdcSource *source, CdcReplicaRole *role)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	CdcAnswer  *variables = cdc_source_ask(source, "SHOW GLOBAL VARIABLES", 2, VARIABLES);
	CdcAnswer  *status = cdc_source_try_ask(source, cdc_source_sql_binlog_status(info), CDC_OR_MORE(2),
											cdc_source_sql_binlog_status(info));
	const char *updates = variable(variables, "log_replica_updates");
	StringInfoData buf;

	memset(role, 0, sizeof(*role));
	if (updates == NULL)
		updates = variable(variables, "log_slave_updates");
	role->logs_updates = updates == NULL || pg_strcasecmp(updates, "ON") == 0 || strcmp(updates, "1") == 0;
	ask_status(source, variables, role);
	if (info->flavor == CDC_MARIADB && !role->logs_updates)
		role->unlogged = unlogged_domains(variable(variables, "gtid_slave_pos"),
										  variable(variables, "gtid_binlog_state"));
	initStringInfo(&buf);
	if (status != NULL && cdc_answer_rows(status) > 0)
	{
		add_setting(&buf, "binlog_do_db",
					cdc_answer_nullable(status, 0, cdc_answer_column(status, "Binlog_Do_DB")));
		add_setting(&buf, "binlog_ignore_db",
					cdc_answer_nullable(status, 0, cdc_answer_column(status, "Binlog_Ignore_DB")));
	}
	role->binlog_filters = buf.len > 0 ? buf.data : NULL;
	role->member_state = member_state(source, variables);
}

/* ---- what it leaves out ---- */

/* Whether a list of names, separated by commas, has the name. */
static bool
list_has(const char *list, const char *name)
{
	size_t		len = strlen(name);
	const char *p = list;

	while (p != NULL)
	{
		if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
		p = strchr(p, ',');
		p = p != NULL ? p + 1 : NULL;
	}
	return false;
}

bool
cdc_replica_role_leaves_out(CdcSource *source, const char *database)
{
	const char *sql = cdc_source_sql_binlog_status(cdc_source_info(source));
	CdcAnswer  *status = cdc_source_ask(source, sql, CDC_OR_MORE(2), "%s", sql);
	const char *wanted;
	const char *ignored;

	if (cdc_answer_rows(status) == 0)
		return false;
	wanted = cdc_answer_nullable(status, 0, cdc_answer_column(status, "Binlog_Do_DB"));
	ignored = cdc_answer_nullable(status, 0, cdc_answer_column(status, "Binlog_Ignore_DB"));
	if (wanted != NULL && wanted[0] != '\0')
		return !list_has(wanted, database);
	return ignored != NULL && list_has(ignored, database);
}

/* ---- what cannot be read ---- */

void
cdc_replica_role_check(CdcSource *source, const CdcReplicaRole *role)
{
	CdcError	err;

	if (role->member_state != NULL)
	{
		cdc_error(&err, CDC_ERR_CONFIG, "the source of server \"%s\" is no working member of its replication group",
				  cdc_source_server(source));
		cdc_error_detail(&err, "Its state is %s: it answers, and gets nothing new.", role->member_state);
		cdc_error_hint(&err, "Wait until it is ONLINE in performance_schema.replication_group_members, or read another member.");
		cdc_ereport(&err, NULL);
	}
	if (!role->logs_updates && role->running)
	{
		cdc_error(&err, CDC_ERR_CONFIG, "the source of server \"%s\" does not write what it replicates to its binlog",
				  cdc_source_server(source));
		cdc_error_detail(&err, "It is itself a replica, with log_slave_updates (log_replica_updates) OFF.");
		cdc_error_hint(&err, "Set log_slave_updates (log_replica_updates) to ON in its configuration and restart it, or read its source.");
		cdc_ereport(&err, NULL);
	}
}
