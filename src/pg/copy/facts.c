/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What the source tells of a table beside its definition.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/facts.h"

#include "miscadmin.h"

#include "pg/base/utf8.h"
#include "pg/remote/answer.h"

/* Whether a list of names in brackets has one. */
static bool
lists(const char *list, const char *name)
{
	const char *at;

	for (at = list; (at = strstr(at, name)) != NULL; at++)
		if ((at[-1] == '(' || at[-1] == ',') && (at[strlen(name)] == ')' || at[strlen(name)] == ','))
			return true;
	return false;
}

/*
 * Whether a MERGE table's list, as SHOW CREATE TABLE has it behind UNION, names the table.  Which names it
 * shows without their database depends on the server.
 */
static bool
merges(const char *create, const char *database, const CdcTable *table)
{
	const char *list = strstr(create, " UNION=(");
	char	   *name = cdc_source_quote_ident(table->name);

	if (list == NULL)
		return false;
	list += strlen(" UNION=");
	return lists(list, psprintf("%s.%s", cdc_source_quote_ident(table->database), name)) ||
		(strcmp(database, table->database) == 0 && lists(list, name));
}

/* The MERGE table that has the table as a part; NULL: none, as far as our account may see. */
static char *
merge_table(CdcSource *control, const CdcTable *table)
{
	CdcAnswer  *answer = cdc_source_ask(control, "the list of MERGE tables", 2,
										"SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
										" WHERE ENGINE = 'MRG_MYISAM'");
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *database = cdc_answer_text(answer, i, 0);
		const char *name = cdc_answer_text(answer, i, 1);
		const char *create;

		CHECK_FOR_INTERRUPTS();
		create = cdc_source_show_create(control, database, name);
		if (create != NULL && merges(create, database, table))
			return psprintf("%s.%s", database, name);
	}
	return NULL;
}

char *
cdc_copy_engine_trouble(CdcSource *control, const CdcTable *table, bool keyless)
{
	static const char *const elsewhere[] = {"BLACKHOLE", "FEDERATED", "EXAMPLE", "CONNECT", "SPIDER", "MRG_MYISAM"};
	CdcAnswer  *answer = cdc_source_ask(control, "the engine of a table", 2,
										"SELECT t.ENGINE, e.TRANSACTIONS FROM information_schema.TABLES t"
										" JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
										" WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s",
										cdc_source_quote_literal(table->database),
										cdc_source_quote_literal(table->name));
	const char *engine;
	char	   *merge;
	size_t		i;

	if (cdc_answer_rows(answer) == 0)
		return NULL;
	engine = cdc_answer_text(answer, 0, 0);
	for (i = 0; i < lengthof(elsewhere); i++)
		if (pg_strcasecmp(engine, elsewhere[i]) == 0)
			return psprintf("its engine is %s: it has no rows of its own, or they change without events of this table", engine);
	if (pg_strcasecmp(engine, "MyISAM") == 0 && (merge = merge_table(control, table)) != NULL)
		return psprintf("it is a part of the MERGE table %s, through which its rows change without events of this table",
						cdc_from_utf8_copy(merge));
	if (keyless && cdc_answer_nullable(answer, 0, 1) != NULL && strcmp(cdc_answer_text(answer, 0, 1), "NO") == 0)
		return psprintf("the table has no primary key, and engine %s no snapshots", engine);
	return NULL;
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
