/*-------------------------------------------------------------------------
 *
 * temporary.c
 *	  Temporary tables of the source's sessions.
 *
 * A session is known by its server and its number there.  They are kept in a column of
 * cdc.subscription_position, as "server/thread/database.table": what is read next may be
 * about a table that was made long before.  An entry without a table, "server/thread/", stands in front of
 * the others where a stream has begun: what sessions up to that number have made until then was not read.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/temporary.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/utf8.h"
#include "pg/catalog/spi.h"
#include "pg/remote/answer.h"

/*
 * So many are remembered.  MySQL writes no DROP of some that were altered, so that others may
 * be gone long since: the oldest are forgotten.
 */
#define MAX_TABLES		1000

struct CdcTemporaries
{
	MemoryContext context;
	List	   *names;			/* char *, in the database's encoding; the newest is the last */
	bool		changed;		/* since they were read or written */
};

CdcTemporaries *
cdc_temporaries_create(MemoryContext context, const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT temporary_tables FROM cdc_catalog.subscription_position"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND temporary_tables IS NOT NULL",
		1, {TEXTOID}, NULL
	};
	CdcTemporaries *t = MemoryContextAllocZero(context, sizeof(CdcTemporaries));
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcSpi		spi;
	Datum		values[1];

	t->context = context;
	if (sub != NULL)
	{
		values[0] = CStringGetTextDatum(sub->name);
		cdc_spi_begin(&spi);
		if (cdc_spi_execute(&stmt, values, NULL) == 1)
		{
			int			n;
			char	  **names = cdc_spi_text_array(&spi, 0, 1, &n);
			int			i;

			/* spi has its own context until its end */
			MemoryContextSwitchTo(context);
			for (i = 0; i < n; i++)
				t->names = lappend(t->names, pstrdup(names[i]));
		}
		cdc_spi_end(&spi);
	}
	MemoryContextSwitchTo(old);
	return t;
}

/* ---- the list ---- */

static char *
name_of(const CdcTransaction *txn, const CdcDdlTable *table)
{
	return psprintf("%u/%u/%s.%s", txn->server_id, txn->thread_id, cdc_from_utf8_lenient(table->database),
					cdc_from_utf8_lenient(table->table));
}

static char *
find(const CdcTemporaries *t, const char *name)
{
	ListCell   *lc;

	foreach(lc, t->names)
		if (strcmp(lfirst(lc), name) == 0)
			return lfirst(lc);
	return NULL;
}

static void
forget(CdcTemporaries *t, char *name)
{
	t->names = list_delete_ptr(t->names, name);
	pfree(name);
	t->changed = true;
}

/* Whether it is no table, but tells which sessions were there when the stream began. */
static bool
is_bound(const char *name)
{
	return name[strlen(name) - 1] == '/';
}

/* Whether the session may have temporary tables that were made before the stream began. */
static bool
is_older(const CdcTemporaries *t, const CdcTransaction *txn)
{
	unsigned	server_id;
	unsigned	thread_id;

	return t->names != NIL && is_bound(linitial(t->names)) &&
		sscanf(linitial(t->names), "%u/%u/", &server_id, &thread_id) == 2 &&
		server_id == txn->server_id && txn->thread_id <= thread_id;
}

static void
remember(CdcTemporaries *t, const char *name)
{
	MemoryContext old;

	if (find(t, name) != NULL)
		return;
	if (list_length(t->names) >= MAX_TABLES)
		forget(t, is_bound(linitial(t->names)) ? lsecond(t->names) : linitial(t->names));
	old = MemoryContextSwitchTo(t->context);
	t->names = lappend(t->names, pstrdup(name));
	MemoryContextSwitchTo(old);
	t->changed = true;
}

/* Whether the table is one of the session's temporary ones; with new_table it has that name from now on. */
static bool
is_temporary(CdcTemporaries *t, const CdcTransaction *txn, const CdcDdlTable *table, const CdcDdlTable *new_table)
{
	char	   *name = find(t, name_of(txn, table));

	if (name == NULL)
		return false;
	if (new_table != NULL)
	{
		forget(t, name);
		remember(t, name_of(txn, new_table));
	}
	return true;
}

/* All of a session: a DROP names more than fit. */
static void
forget_session(CdcTemporaries *t, const CdcTransaction *txn)
{
	char	   *prefix = psprintf("%u/%u/", txn->server_id, txn->thread_id);
	List	   *names = list_copy(t->names);
	ListCell   *lc;

	foreach(lc, names)
		if (strncmp(lfirst(lc), prefix, strlen(prefix)) == 0 && !is_bound(lfirst(lc)))
			forget(t, lfirst(lc));
}

/* CREATE and DROP TEMPORARY TABLE */
static void
note_temporary(CdcTemporaries *t, const CdcTransaction *txn, const CdcDdl *ddl)
{
	int			i;

	if (ddl->drops_temporary && ddl->truncated)
		forget_session(t, txn);
	for (i = 0; i < ddl->ntables; i++)
	{
		char	   *name = name_of(txn, &ddl->tables[i]);
		char	   *known = find(t, name);

		if (!ddl->drops_temporary)
			remember(t, name);
		else if (known != NULL)
			forget(t, known);
	}
}

/* RENAME TABLE, which MariaDB writes without the mark.  Whether all of the tables are temporary. */
static bool
take_renames(CdcTemporaries *t, const CdcTransaction *txn, CdcDdl *ddl)
{
	bool		all = true;
	int			i;

	for (i = 0; i + 1 < ddl->ntables; i += 2)
	{
		if (is_temporary(t, txn, &ddl->tables[i], &ddl->tables[i + 1]))
			ddl->tables[i].table[0] = '\0';
		else
			all = false;
	}
	return all && ddl->ntables > 0;
}

/* Whether the source has a table of that name now that is none of a session. */
static bool
exists(CdcSource *source, const CdcDdlTable *table)
{
	return cdc_answer_rows(cdc_source_ask(source, "whether a table is there", 1,
										  "SELECT 1 FROM information_schema.TABLES"
										  " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND TABLE_TYPE <> 'TEMPORARY'",
										  cdc_source_quote_literal(table->database),
										  cdc_source_quote_literal(table->table))) > 0;
}

/* Whether another table gets the name in the same statement. */
static bool
is_given_again(const CdcDdl *ddl, const CdcDdlTable *table)
{
	int			i;

	for (i = 1; i < ddl->ntables; i += 2)
		if (strcmp(ddl->tables[i].database, table->database) == 0 && strcmp(ddl->tables[i].table, table->table) == 0)
			return true;
	return false;
}

/*
 * RENAME TABLE of what is no temporary table that was heard of.  MariaDB writes that of one also where it writes
 * nothing else about it, as in sessions that write rows, and without the mark.  So the source is asked: where
 * it has a table of the former name and none of the new one, that was not renamed, or is there again.
 */
static bool
may_be_of_temporary(CdcSource *source, const CdcDdl *ddl)
{
	int			i;

	for (i = 0; i + 1 < ddl->ntables; i += 2)
		if (ddl->tables[i].table[0] != '\0' && !is_given_again(ddl, &ddl->tables[i]) &&
			exists(source, &ddl->tables[i]) && !exists(source, &ddl->tables[i + 1]))
			return true;
	return false;
}

void
cdc_temporaries_statement(CdcTemporaries *t, CdcSource *source, const CdcTransaction *txn,
						  const CdcChange *change, CdcDdl *ddl)
{
	bool		mariadb = cdc_source_info(source)->flavor == CDC_MARIADB;
	bool		renames;

	if (ddl->temporary)
		note_temporary(t, txn, ddl);
	if (ddl->temporary || ddl->ntables == 0)
		return;
	switch (ddl->kind)
	{
		case CDC_DDL_TABLE_ALTER:
			renames = ddl->ntables == 2 && !ddl->moves_rows;
			ddl->temporary = change->session_only &&
				is_temporary(t, txn, &ddl->tables[0], renames ? &ddl->tables[1] : NULL);
			break;
		case CDC_DDL_TABLE_TRUNCATE:
			ddl->temporary = change->session_only && is_temporary(t, txn, &ddl->tables[0], NULL);
			break;
		case CDC_DDL_TABLE_RENAME:
			/* MySQL's concerns no temporary tables */
			ddl->temporary = mariadb && take_renames(t, txn, ddl);
			ddl->unsure = mariadb && !ddl->temporary && may_be_of_temporary(source, ddl);
			break;
		default:
			break;
	}
	if (!ddl->temporary && change->session_only && is_older(t, txn) &&
		(ddl->kind == CDC_DDL_TABLE_ALTER || ddl->kind == CDC_DDL_TABLE_TRUNCATE))
		ddl->unsure = true;
	ddl->temporary = ddl->temporary || ddl->unsure;
}

void
cdc_temporaries_begin(CdcTemporaries *t, CdcSource *source)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);

	cdc_temporaries_clear(t);
	remember(t, psprintf("%u/%u/", info->server_id, (unsigned) info->connection_id));
}

void
cdc_temporaries_clear(CdcTemporaries *t)
{
	t->changed = t->changed || t->names != NIL;
	list_free_deep(t->names);
	t->names = NIL;
}

void
cdc_temporaries_write(CdcTemporaries *t, const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_position SET temporary_tables = $2"
		" WHERE subscription OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, TEXTARRAYOID}, NULL
	};
	Datum		values[2] = {0};
	char		nulls[2] = {' ', 'n'};
	CdcSpi		spi;

	if (!t->changed)
		return;
	values[0] = CStringGetTextDatum(sub->name);
	if (t->names != NIL)
	{
		values[1] = cdc_text_list_array(t->names);
		nulls[1] = ' ';
	}
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	t->changed = false;
}
