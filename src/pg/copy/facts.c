/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What the source tells of a table beside its definition.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/facts.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "pg/base/utf8.h"
#include "pg/remote/answer.h"

/* Engines whose tables hold no rows of their own, or whose rows change elsewhere; a MERGE table has two names. */
static const char *const elsewhere[] = {"BLACKHOLE", "FEDERATED", "EXAMPLE", "CONNECT", "SPIDER", "MRG_MYISAM", "MERGE"};

bool
cdc_copy_is_elsewhere(const char *engine)
{
	size_t		i;

	for (i = 0; i < lengthof(elsewhere); i++)
		if (pg_strcasecmp(engine, elsewhere[i]) == 0)
			return true;
	return false;
}

char *
cdc_copy_elsewhere_trouble(const char *engine)
{
	return psprintf("its engine is %s: it has no rows of its own, or they change without events of this table",
					cdc_from_utf8_lenient(engine));
}

char *
cdc_copy_merge_trouble(const char *database, const char *table)
{
	return psprintf("it is a part of the MERGE table %s.%s, through which its rows change without events of this table",
					cdc_from_utf8_copy(database), cdc_from_utf8_copy(table));
}

/* A name of SHOW CREATE TABLE, behind which *text stands then; NULL where there is none.  palloc'ed */
static char *
take_name(const char **text)
{
	const char *at = *text;
	StringInfoData name;

	if (*at++ != '`')
		return NULL;
	initStringInfo(&name);
	for (; *at != '\0' && (*at != '`' || at[1] == '`'); at++)
	{
		if (*at == '`')
			at++;
		appendStringInfoChar(&name, *at);
	}
	if (*at != '`')
		return NULL;
	*text = at + 1;
	return name.data;
}

/*
 * The parts of a MERGE table, as SHOW CREATE TABLE has them behind UNION: of char *, with their
 * databases.  Which names it shows without theirs depends on the server.
 */
static List *
merged_parts(const char *create, const char *database)
{
	const char *list = strstr(create, " UNION=(");
	List	   *result = NIL;
	char	   *name;

	if (list == NULL)
		return NIL;
	list += strlen(" UNION=(");
	while ((name = take_name(&list)) != NULL)
	{
		char	   *table = NULL;

		if (*list == '.')
		{
			list++;
			table = take_name(&list);
			if (table == NULL)
				break;
		}
		result = lappend(result, table != NULL ? psprintf("%s.%s", name, table) : psprintf("%s.%s", database, name));
		if (*list == ',')
			list++;
	}
	return result;
}

/* The MERGE table that has the table as a part; NULL: none, as far as our account may see. */
static char *
merge_table_trouble(CdcSource *control, const CdcTable *table)
{
	char	   *full_name = psprintf("%s.%s", table->database, table->name);
	CdcAnswer  *answer = cdc_source_ask(control, "the list of MERGE tables", 2,
										"SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
										" WHERE ENGINE = 'MRG_MYISAM'");
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *database = cdc_answer_text(answer, i, 0);
		const char *name = cdc_answer_text(answer, i, 1);
		const char *create;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		create = cdc_source_show_create(control, database, name);
		if (create == NULL)
			continue;
		foreach(lc, merged_parts(create, database))
			if (strcmp(lfirst(lc), full_name) == 0)
				return cdc_copy_merge_trouble(database, name);
	}
	return NULL;
}

char *
cdc_copy_engine_trouble(CdcSource *control, const CdcTable *table, bool keyless)
{
	CdcAnswer  *answer = cdc_source_ask(control, "the engine of a table", 2,
										"SELECT t.ENGINE, e.TRANSACTIONS FROM information_schema.TABLES t"
										" JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
										" WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s",
										cdc_source_quote_literal(table->database),
										cdc_source_quote_literal(table->name));
	const char *engine;
	char	   *merge;

	if (cdc_answer_rows(answer) == 0)
		return NULL;
	engine = cdc_answer_text(answer, 0, 0);
	if (cdc_copy_is_elsewhere(engine))
		return cdc_copy_elsewhere_trouble(engine);
	if (pg_strcasecmp(engine, "MyISAM") == 0 && (merge = merge_table_trouble(control, table)) != NULL)
		return merge;
	if (keyless && cdc_answer_nullable(answer, 0, 1) != NULL && strcmp(cdc_answer_text(answer, 0, 1), "NO") == 0)
		return psprintf("the table has no primary key, and engine %s no snapshots", engine);
	return NULL;
}

static List *
add_trouble(List *troubles, char *full_name, char *reason)
{
	CdcEngineTrouble *trouble = palloc(sizeof(CdcEngineTrouble));

	trouble->full_name = full_name;
	trouble->reason = reason;
	return lappend(troubles, trouble);
}

List *
cdc_copy_engine_troubles(CdcSource *control)
{
	CdcAnswer  *answer = cdc_source_ask(control, "the list of tables of other engines", 3,
										"SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES"
										" WHERE ENGINE IN ('BLACKHOLE', 'FEDERATED', 'EXAMPLE', 'CONNECT', 'SPIDER', 'MRG_MYISAM')");
	List	   *result = NIL;
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *database = cdc_answer_text(answer, i, 0);
		const char *name = cdc_answer_text(answer, i, 1);
		const char *engine = cdc_answer_text(answer, i, 2);
		const char *create;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		result = add_trouble(result, psprintf("%s.%s", database, name), cdc_copy_elsewhere_trouble(engine));
		if (pg_strcasecmp(engine, "MRG_MYISAM") != 0)
			continue;
		create = cdc_source_show_create(control, database, name);
		if (create == NULL)
			continue;
		foreach(lc, merged_parts(create, database))
			result = add_trouble(result, lfirst(lc), cdc_copy_merge_trouble(database, name));
	}
	return result;
}

int64
cdc_copy_estimated_rows(CdcSource *control, const CdcTable *table)
{
	CdcAnswer  *answer = cdc_source_ask(control, "the number of a table's rows", 1,
										"SELECT TABLE_ROWS FROM information_schema.TABLES"
										" WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
										cdc_source_quote_literal(table->database),
										cdc_source_quote_literal(table->name));

	if (cdc_answer_rows(answer) == 0 || cdc_answer_nullable(answer, 0, 0) == NULL)
		return -1;
	return cdc_answer_int(answer, 0, 0, 0, PG_INT64_MAX);
}

char *
cdc_copy_refusal(const CdcError *err)
{
	return err->detail[0] == '\0' ? pstrdup(err->message) : psprintf("%s (%s)", err->message, err->detail);
}

/*
 * A copy puts the condition into brackets.  The first question has no bracket before it, so
 * that one which closes a bracket that it has not opened is refused, and with it all that
 * would end the condition and go on behind it; the second is what a copy asks.
 */
char *
cdc_copy_condition_trouble(CdcSource *source, const char *database, const char *table,
						   const char *condition)
{
	static const char asked[] = "a SELECT with the condition";
	char	   *name = psprintf("%s.%s", cdc_source_quote_ident(database), cdc_source_quote_ident(table));
	CdcError	err;

	if (cdc_source_ask_why(source, asked, 1,
						   psprintf("SELECT CASE WHEN %s\n THEN 1 END FROM %s LIMIT 0", condition, name),
						   &err) != NULL &&
		cdc_source_ask_why(source, asked, 1,
						   psprintf("SELECT 1 FROM %s WHERE (%s\n) LIMIT 0", name, condition), &err) != NULL)
		return NULL;
	return cdc_copy_refusal(&err);
}
