/*-------------------------------------------------------------------------
 *
 * engine.c
 *	  Tables of engines that hold no rows of their own, and parts of MERGE tables: their rows change
 *	  without events of theirs, or their events change no rows.
 *
 * A statement tells the engine where it names it, and the parts of a MERGE table; of what it does not
 * name (LIKE, the session's default engine, a part that comes behind its MERGE table) the source is asked.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/doubt/doubt.h"

#include "miscadmin.h"

#include "core/name_case.h"
#include "core/sql_cursor.h"
#include "pg/base/utf8.h"
#include "pg/copy/facts.h"

/* What the statement says of the table's engine. */
typedef struct Engine
{
	bool		given;
	char		name[64];		/* where it is given; "" where that is no name */
	bool		merges;			/* it lists parts ... */
	CdcSqlCursor parts;			/* ... behind this parenthesis */
} Engine;

/* Behind ENGINE: a name, or a string. */
static void
read_engine_name(CdcSqlCursor *c, Engine *engine)
{
	const CdcSqlToken *token = &c->token;

	(void) cdc_sql_take_symbol(c, '=');
	engine->given = true;
	engine->name[0] = '\0';
	if (token->kind == CDC_SQL_STRING || token->kind == CDC_SQL_DOUBLE)
	{
		if (token->len > 2 && token->len - 2 < sizeof(engine->name))
			strlcpy(engine->name, token->text + 1, token->len - 1);
	}
	else if (cdc_sql_is_identifier(token))
		(void) cdc_sql_identifier(token, engine->name, sizeof(engine->name));
}

/* Looks through the options of CREATE and ALTER TABLE: what stands in parentheses is of columns and partitions. */
static void
read_engine(const CdcChange *change, Engine *engine)
{
	CdcSqlCursor c;

	memset(engine, 0, sizeof(*engine));
	cdc_sql_start(&c, change->sql, change->sql_mode);
	while (!cdc_sql_at_end(&c))
	{
		CHECK_FOR_INTERRUPTS();
		if (cdc_sql_take_word(&c, "engine") || cdc_sql_take_word(&c, "type"))
			read_engine_name(&c, engine);
		else if (cdc_sql_take_word(&c, "union"))
		{
			(void) cdc_sql_take_symbol(&c, '=');
			engine->merges = cdc_sql_take_symbol(&c, '(');
			engine->parts = c;
		}
		else if (cdc_sql_at_symbol(&c, '('))
			cdc_sql_skip_parentheses(&c);
		else
			cdc_sql_advance(&c);
	}
}

/* The parts of a MERGE table; a UNION of queries has no such list. */
static void
doubt_parts(const CdcDoubts *doubts, const Engine *engine, const CdcChange *change, const CdcDdlTable *merge)
{
	CdcDoubt	doubt = {.sql = change->sql};
	CdcSqlCursor c = engine->parts;
	CdcSqlToken database;
	CdcSqlToken table;

	doubt.reason = cdc_copy_merge_trouble(merge->database, merge->table);
	while (cdc_sql_take_name(&c, &database, &table) && (cdc_sql_at_symbol(&c, ',') || cdc_sql_at_symbol(&c, ')')))
	{
		char		in[CDC_DDL_NAME_SIZE];
		char		name[CDC_DDL_NAME_SIZE];
		bool		known;

		/* MySQL takes parts without a database for such of the MERGE table's, MariaDB of the session's */
		known = cdc_sql_identifier(&table, name, sizeof(name)) &&
			(database.kind == CDC_SQL_END || cdc_sql_identifier(&database, in, sizeof(in)));
		if (known && doubts->lower_case_names)
			cdc_name_to_lower(name);
		if (known && database.kind != CDC_SQL_END)
		{
			if (doubts->lower_case_names)
				cdc_name_to_lower(in);
			cdc_doubt_table(doubts, psprintf("%s.%s", in, name), &doubt);
		}
		else if (known)
		{
			cdc_doubt_table(doubts, psprintf("%s.%s", merge->database, name), &doubt);
			if (change->database.len > 0)
				cdc_doubt_table(doubts, psprintf("%.*s.%s", (int) change->database.len, change->database.data, name),
								&doubt);
		}
		(void) cdc_sql_take_symbol(&c, ',');
	}
}

void
cdc_doubt_present_engines(const CdcDoubts *doubts, CdcSource *source)
{
	ListCell   *lc;

	foreach(lc, cdc_copy_engine_troubles(source))
	{
		const CdcEngineTrouble *trouble = lfirst(lc);
		CdcDoubt	doubt = {trouble->reason};

		CHECK_FOR_INTERRUPTS();
		if (doubts->state(doubts->arg, trouble->full_name) == 'r')
			cdc_doubt_table(doubts, trouble->full_name, &doubt);
	}
}

/* What the source says of a table of which the statement does not say all. */
static void
ask_engine(const CdcDoubts *doubts, CdcSource *source, const CdcDdlTable *name)
{
	char	   *full_name = psprintf("%s.%s", name->database, name->table);
	CdcTable	table = {.database = name->database,.name = name->table,.full_name = full_name};

	/* where it completes a MERGE table, other parts are such only now */
	if (doubts->state(doubts->arg, full_name) != 0 && cdc_copy_engine_trouble(source, &table, false) != NULL)
		cdc_doubt_present_engines(doubts, source);
}

/* What was done to a temporary table was done to none of ours; which of the two it was is not known. */
static void
doubt_unsure(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change)
{
	CdcDoubt	doubt = {"a statement may have altered it, or a temporary table of its name that was made before the stream began, or is not in the binlog",
	change->sql, true};
	int			i;

	for (i = 0; i < ddl->ntables; i++)
		if (ddl->tables[i].table[0] != '\0')
			cdc_doubt_table(doubts, psprintf("%s.%s", ddl->tables[i].database, ddl->tables[i].table), &doubt);
}

void
cdc_doubt_ddl(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change, CdcSource *source,
			  const CdcTransaction *txn)
{
	if (ddl->unsure)
		doubt_unsure(doubts, ddl, change);
	cdc_doubt_engine(doubts, ddl, change, source);
	cdc_doubt_versioning(doubts, ddl, change);
	cdc_doubt_foreign_keys(doubts, ddl, change, txn->file, txn->start_offset);
}

void
cdc_doubt_engine(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change, CdcSource *source)
{
	const CdcDdlTable *table = &ddl->tables[0];
	Engine		engine;
	int			i;

	if (ddl->temporary || ddl->ntables == 0)
		return;
	if (ddl->kind == CDC_DDL_TABLE_RENAME)
	{
		for (i = 1; i < ddl->ntables; i += 2)
			ask_engine(doubts, source, &ddl->tables[i]);
		return;
	}
	if (ddl->kind != CDC_DDL_TABLE_CREATE && ddl->kind != CDC_DDL_TABLE_ALTER)
		return;
	read_engine(change, &engine);
	if (engine.merges)
		doubt_parts(doubts, &engine, change, table);
	/* what another engine makes of rows that are there is followed as a change is */
	if (ddl->kind == CDC_DDL_TABLE_ALTER)
	{
		if (ddl->ntables == 2 && !ddl->moves_rows)
			ask_engine(doubts, source, &ddl->tables[1]);
	}
	else if (engine.given && cdc_copy_is_elsewhere(engine.name))
	{
		CdcDoubt	doubt = {cdc_copy_elsewhere_trouble(engine.name), change->sql};

		cdc_doubt_table(doubts, psprintf("%s.%s", table->database, table->table), &doubt);
	}
	else if (!engine.given || pg_strcasecmp(engine.name, "MyISAM") == 0)
		ask_engine(doubts, source, table);
}
