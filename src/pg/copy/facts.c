/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What the source tells of a table beside its definition.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/facts.h"

#include "pg/remote/answer.h"

const char *
cdc_copy_plain_engine(CdcSource *control, const CdcTable *table)
{
	CdcAnswer  *answer = cdc_source_ask(control, "the engine of a table", 1,
										"SELECT t.ENGINE FROM information_schema.TABLES t"
										" JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
										" WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s AND e.TRANSACTIONS = 'NO'",
										cdc_source_quote_literal(table->database),
										cdc_source_quote_literal(table->name));

	return cdc_answer_rows(answer) > 0 ? cdc_answer_text(answer, 0, 0) : NULL;
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
