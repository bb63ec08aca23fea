/*-------------------------------------------------------------------------
 *
 * source/mysql_session.c
 *	  What a session with a server is set to, so that an answer means the same
 *	  whatever the server's global variables are and init_connect did.
 *
 * Every connection comes through here before anything else is asked over it.  What is
 * set is read back: a variable that is not as it was set is an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "source/mysql_internal.h"

/* The statement of a server that knows no other. */
#define UNKNOWN_COMMAND		1047

#define NO_LIMIT			"18446744073709551615"

/* Which servers have a variable. */
typedef enum Found
{
	FOUND_FIRST,				/* each has it, and before it is set no answer can be trusted */
	FOUND_ALWAYS,				/* each has it */
	FOUND_SOMEWHERE				/* those that show it */
} Found;

/* A variable, and its value as SHOW VARIABLES prints it. */
typedef struct Variable
{
	const char *name;
	const char *value;
	Found		found;
} Variable;

/*
 * In an order in which they can be set: some change others.
 *
 * sql_mode: dates are compared as they are stored, the 31st of February too; no word
 * changes its meaning, no CHAR is padded.
 */
static const Variable variables[] = {
	/* how many rows an answer has */
	{"sql_select_limit", NO_LIMIT, FOUND_FIRST},
	{"max_join_size", NO_LIMIT, FOUND_FIRST},
	{"sql_big_selects", "ON", FOUND_FIRST},
	{"sql_safe_updates", "OFF", FOUND_FIRST},
	{"system_versioning_asof", "DEFAULT", FOUND_SOMEWHERE},	/* MariaDB: the rows of another time */

	/* which rows are seen */
	{"autocommit", "ON", FOUND_ALWAYS},
	{"completion_type", "NO_CHAIN", FOUND_ALWAYS},
	{"tx_isolation", "REPEATABLE-READ", FOUND_SOMEWHERE},	/* one of the two has each server */
	{"transaction_isolation", "REPEATABLE-READ", FOUND_SOMEWHERE},
	{"tx_read_only", "OFF", FOUND_SOMEWHERE},
	{"transaction_read_only", "OFF", FOUND_SOMEWHERE},
	{"query_cache_type", "OFF", FOUND_SOMEWHERE},
	{"use_secondary_engine", "OFF", FOUND_SOMEWHERE}, /* MySQL: may be behind InnoDB */
	{"wsrep_dirty_reads", "OFF", FOUND_SOMEWHERE},	/* Galera: of a node that is cut off */
	{"wsrep_causal_reads", "OFF", FOUND_SOMEWHERE},	/* positions are of this node, so it need not wait ... */
	{"wsrep_sync_wait", "0", FOUND_SOMEWHERE},
	{"group_replication_consistency", "EVENTUAL", FOUND_SOMEWHERE},	/* ... for the others */

	/* what values and names look like, and how they compare */
	{"sql_mode", "ALLOW_INVALID_DATES", FOUND_ALWAYS},
	{"old_mode", "", FOUND_SOMEWHERE},
	{"character_set_client", "utf8mb4", FOUND_ALWAYS},
	{"character_set_connection", "utf8mb4", FOUND_ALWAYS},
	{"character_set_results", "utf8mb4", FOUND_ALWAYS},
	{"collation_connection", "utf8mb4_bin", FOUND_ALWAYS},
	{"time_zone", "+00:00", FOUND_ALWAYS},
	{"lc_time_names", "en_US", FOUND_ALWAYS},
	{"div_precision_increment", "4", FOUND_ALWAYS},
	{"group_concat_max_len", "67108864", FOUND_ALWAYS},
	{"sql_auto_is_null", "OFF", FOUND_ALWAYS},
	{"sort_buffer_size", "2097152", FOUND_ALWAYS},
	{"max_sort_length", "32768", FOUND_ALWAYS}, /* longer than a key; what is behind it is not compared */

	/* how tables are described */
	{"sql_quote_show_create", "ON", FOUND_ALWAYS},
	{"show_gipk_in_create_table_and_information_schema", "ON", FOUND_SOMEWHERE},
	{"show_old_temporals", "OFF", FOUND_SOMEWHERE},
	{"show_create_table_verbosity", "OFF", FOUND_SOMEWHERE},
	{"show_create_table_skip_secondary_engine", "OFF", FOUND_SOMEWHERE},
	{"terminology_use_previous", "NONE", FOUND_SOMEWHERE},

	/* how long something may take: a reader that PostgreSQL holds up is not thrown out */
	{"net_read_timeout", "3600", FOUND_ALWAYS},
	{"net_write_timeout", "3600", FOUND_ALWAYS},
	{"wait_timeout", "86400", FOUND_ALWAYS},
	{"lock_wait_timeout", "86400", FOUND_ALWAYS},
	{"max_execution_time", "0", FOUND_SOMEWHERE}, /* MySQL, for SELECT */
	{"max_statement_time", "0", FOUND_SOMEWHERE}, /* MariaDB, for all */
	{"idle_transaction_timeout", "0", FOUND_SOMEWHERE},
	{"idle_readonly_transaction_timeout", "0", FOUND_SOMEWHERE},
	{"idle_write_transaction_timeout", "0", FOUND_SOMEWHERE},

	/* what is not for the client's eyes costs the server only */
	{"sql_buffer_result", "OFF", FOUND_ALWAYS}
};

#define VARIABLES		((int) (sizeof(variables) / sizeof(variables[0])))

/* ---- an end to what init_connect began ---- */

/* By the version of the greeting, which a proxy may not know: then it refuses. */
static bool
can_be_reset(MYSQL *mysql)
{
	unsigned long version = mysql_get_server_version(mysql);

	return version >= 100000 ? version >= 100204 : version >= 50703;
}

/*
 * An open transaction, temporary tables that hide others, locks, user variables that a
 * dump goes by: init_connect may leave them.  Servers that are too old to reset a
 * session at least end its transaction.
 */
static CdcStatus
forget_init_connect(CdcMysql *conn, CdcError *err)
{
	static const char *const old[] = {"ROLLBACK AND NO CHAIN NO RELEASE", "UNLOCK TABLES"};
	CdcStatus	st = CDC_OK;
	size_t		i;

	if (can_be_reset(conn->mysql))
	{
		if (mysql_reset_connection(conn->mysql) == 0)
			return CDC_OK;
		if (mysql_errno(conn->mysql) != UNKNOWN_COMMAND)
			return cdc_mysql_failure(conn, conn->mysql, "resetting the session", err);
	}
	for (i = 0; i < sizeof(old) / sizeof(old[0]) && !cdc_failed(st); i++)
		st = cdc_mysql_query(conn, NULL, old[i], NULL, err);
	return st;
}

/* ---- setting ---- */

/* What the value stands in: numbers and the word DEFAULT are no strings. */
static const char *
quote_of(const Variable *v)
{
	return isdigit((unsigned char) v->value[0]) || strcmp(v->value, "DEFAULT") == 0 ? "" : "'";
}

/* false: out of memory, here and below. */
static bool
append_assignment(CdcBuf *sql, const Variable *v, bool first)
{
	const char *quote = quote_of(v);

	return cdc_buf_printf(sql, "%s SESSION %s = %s%s%s", first ? "SET" : ",", v->name,
						  quote, v->value, quote);
}

/* Runs the statement, which could be written where ok says so, and frees it. */
static CdcStatus
run(CdcMysql *conn, const char *asked, CdcBuf *sql, bool ok, CdcRows **rows, CdcError *err)
{
	CdcStatus	st = CDC_OK;

	if (!ok || !cdc_buf_append(sql, "", 1))
		st = cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	else
		st = cdc_mysql_query(conn, asked, sql->data, rows, err);
	cdc_buf_free(sql);
	return st;
}

static CdcStatus
set_one(CdcMysql *conn, const Variable *v, CdcError *err)
{
	char		asked[128];
	const char *quote = quote_of(v);
	CdcBuf		sql = {0};
	bool		ok = append_assignment(&sql, v, true);
	CdcStatus	st;

	snprintf(asked, sizeof(asked), "setting session variable \"%s\"", v->name);
	st = run(conn, asked, &sql, ok, NULL, err);
	if (st == CDC_ERR_PRIVILEGE)
		cdc_error_hint(err, "At the source: SET GLOBAL %s = %s%s%s; or GRANT SESSION_VARIABLES_ADMIN ON *.* TO the user.",
					   v->name, quote, v->value, quote);
	return st;
}

/* All that are wanted in one statement; where the server refuses it, one by one, so that one is named. */
static CdcStatus
set_variables(CdcMysql *conn, const bool *wanted, CdcError *err)
{
	CdcBuf		sql = {0};
	CdcStatus	st;
	bool		ok = true;
	int			n = 0;
	int			i;

	for (i = 0; i < VARIABLES; i++)
		if (wanted[i])
			ok = append_assignment(&sql, &variables[i], n++ == 0) && ok;
	if (n == 0)
		return CDC_OK;
	st = run(conn, "setting the session's variables", &sql, ok, NULL, err);
	if (st != CDC_ERR_SOURCE && st != CDC_ERR_PRIVILEGE)
		return st;
	for (i = 0, st = CDC_OK; i < VARIABLES && !cdc_failed(st); i++)
		if (wanted[i])
			st = set_one(conn, &variables[i], err);
	return st;
}

/* What the answers to the next questions hang on. */
static CdcStatus
set_first(CdcMysql *conn, CdcError *err)
{
	/* a limit of time may be too short for the next question: comments tell who has which */
	static const char names[] = "SET NAMES utf8mb4 COLLATE utf8mb4_bin"
		" /*!50708 , SESSION max_execution_time = 0 */ /*M!100101 , SESSION max_statement_time = 0 */";
	bool		wanted[VARIABLES];
	CdcStatus	st = cdc_mysql_query(conn, NULL, names, NULL, err);
	int			i;

	for (i = 0; i < VARIABLES; i++)
		wanted[i] = variables[i].found == FOUND_FIRST;
	return cdc_failed(st) ? st : set_variables(conn, wanted, err);
}

/* ---- reading back ---- */

/* Asks for all; *shown gets what the server has of them. */
static CdcStatus
show_variables(CdcMysql *conn, CdcRows **shown, CdcError *err)
{
	static const char asked[] = "SHOW SESSION VARIABLES";
	CdcBuf		sql = {0};
	CdcStatus	st;
	bool		ok = cdc_buf_printf(&sql, "SHOW SESSION VARIABLES WHERE Variable_name IN ('");
	int			i;

	for (i = 0; i < VARIABLES; i++)
		ok = ok && cdc_buf_printf(&sql, "%s%s", i > 0 ? "', '" : "", variables[i].name);
	ok = ok && cdc_buf_printf(&sql, "')");
	st = run(conn, asked, &sql, ok, shown, err);
	if (!cdc_failed(st) && (*shown == NULL || (*shown)->ncolumns != 2))
	{
		cdc_rows_free(*shown);
		*shown = NULL;
		return cdc_mysql_unexpected(conn, asked, err);
	}
	return st;
}

/* The value that is shown, or NULL: the server has no such variable. */
static const char *
shown_value(const CdcRows *shown, const char *name)
{
	int64_t		i;

	for (i = 0; i < shown->nrows; i++)
	{
		const char *its = cdc_rows_cell(shown, i, 0)->data;
		const char *value = cdc_rows_cell(shown, i, 1)->data;

		if (its != NULL && strcasecmp(its, name) == 0)
			return value != NULL ? value : "";
	}
	return NULL;
}

/* 0 may be shown as 0.000000. */
static bool
is_set(const Variable *v, const char *shown)
{
	size_t		len = strlen(v->value);

	if (strcasecmp(shown, v->value) == 0)
		return true;
	return isdigit((unsigned char) v->value[0]) && strncmp(shown, v->value, len) == 0 &&
		shown[len] == '.' && strspn(shown + len + 1, "0") == strlen(shown + len + 1);
}

static CdcStatus
not_set(const CdcMysql *conn, const Variable *v, const char *shown, CdcError *err)
{
	char		clean[256];

	cdc_error(err, CDC_ERR_CONFIG, "session variable \"%s\" of MySQL server \"%s\" is not as it was set",
			  v->name, conn->address);
	if (shown == NULL)
		cdc_error_detail(err, "The server shows no such variable.");
	else
		cdc_error_detail(err, "It is \"%s\", where \"%s\" was set.",
						 cdc_clean_text(clean, sizeof(clean), shown), v->value);
	cdc_error_hint(err, "Answers would not mean what they should. Check that nothing between here and the server keeps statements SET from it, and what the server limits this variable to.");
	return CDC_ERR_CONFIG;
}

/* The others, where they are not yet as they should be: some servers let not everybody set them. */
static CdcStatus
set_rest(CdcMysql *conn, const CdcRows *shown, bool *any, CdcError *err)
{
	bool		wanted[VARIABLES];
	int			i;

	*any = false;
	for (i = 0; i < VARIABLES; i++)
	{
		const char *value = shown_value(shown, variables[i].name);

		wanted[i] = value != NULL && !is_set(&variables[i], value);
		*any = *any || wanted[i];
	}
	return set_variables(conn, wanted, err);
}

static CdcStatus
check_variables(const CdcMysql *conn, const CdcRows *shown, CdcError *err)
{
	int			i;

	for (i = 0; i < VARIABLES; i++)
	{
		const char *value = shown_value(shown, variables[i].name);

		if (value == NULL ? variables[i].found != FOUND_SOMEWHERE : !is_set(&variables[i], value))
			return not_set(conn, &variables[i], value, err);
	}
	return CDC_OK;
}

CdcStatus
cdc_mysql_begin_session(CdcMysql *conn, CdcError *err)
{
	CdcStatus	st = forget_init_connect(conn, err);

	return cdc_failed(st) ? st : set_first(conn, err);
}

CdcStatus
cdc_mysql_set_session(CdcMysql *conn, CdcError *err)
{
	CdcRows    *shown;
	CdcStatus	st = show_variables(conn, &shown, err);
	bool		any = false;

	if (cdc_failed(st))
		return st;
	st = set_rest(conn, shown, &any, err);
	if (!cdc_failed(st) && any)
	{
		cdc_rows_free(shown);
		shown = NULL;
		st = show_variables(conn, &shown, err);
	}
	if (!cdc_failed(st))
		st = check_variables(conn, shown, err);
	cdc_rows_free(shown);
	return st;
}
