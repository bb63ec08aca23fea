/*-------------------------------------------------------------------------
 *
 * foreign_key.c
 *	  Foreign keys of a source that change rows by themselves.
 *
 * Tables and columns come from KEY_COLUMN_USAGE, what is done from SHOW CREATE TABLE: MariaDB
 * hides REFERENTIAL_CONSTRAINTS from who has SELECT only, and lists none, which is not the
 * truth.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/foreign_key.h"

#include "miscadmin.h"

#include "pg/remote/answer.h"

/* The actions of a foreign key in a SHOW CREATE TABLE: what is behind the last parenthesis. */
static char *
actions_of(const char *create, const char *name)
{
	char	   *begin = psprintf("CONSTRAINT %s FOREIGN KEY (", cdc_source_quote_ident(name));
	const char *line = strstr(create, begin);
	const char *end = line != NULL ? strchr(line, '\n') : NULL;
	char	   *text;
	char	   *actions;

	if (line == NULL)
		return NULL;
	text = end != NULL ? pnstrdup(line, end - line) : pstrdup(line);
	actions = strrchr(text, ')');
	return actions != NULL ? actions : text;
}

static bool
changes(const char *actions, const char *event)
{
	static const char *const words[] = {"CASCADE", "SET NULL", "SET DEFAULT"};
	size_t		i;

	for (i = 0; i < lengthof(words); i++)
		if (strstr(actions, psprintf("ON %s %s", event, words[i])) != NULL)
			return true;
	return false;
}

bool
cdc_source_cascades(CdcSource *source, List **keys)
{
	CdcAnswer  *answer = cdc_source_try_ask(source, "the list of foreign keys", 6,
											"SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_SCHEMA,"
											" REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME"
											" FROM information_schema.KEY_COLUMN_USAGE"
											" WHERE REFERENCED_TABLE_NAME IS NOT NULL"
											" AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
											" ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION");
	const char *table = "";
	const char *database = "";
	const char *name = "";
	const char *create = NULL;
	CdcForeignKey *key = NULL;
	int64		i;

	*keys = NIL;
	for (i = 0; answer != NULL && i < cdc_answer_rows(answer); i++)
	{
		bool		same = strcmp(database, cdc_answer_text(answer, i, 0)) == 0 &&
			strcmp(table, cdc_answer_text(answer, i, 1)) == 0;
		char	   *actions;

		CHECK_FOR_INTERRUPTS();
		if (!same)
		{
			database = cdc_answer_text(answer, i, 0);
			table = cdc_answer_text(answer, i, 1);
			create = cdc_source_show_create(source, database, table);
		}
		if (same && strcmp(name, cdc_answer_text(answer, i, 2)) == 0)
		{
			if (key != NULL)
				key->parent_columns = lappend(key->parent_columns, pstrdup(cdc_answer_text(answer, i, 5)));
			continue;
		}
		name = cdc_answer_text(answer, i, 2);
		key = NULL;
		actions = create != NULL ? actions_of(create, name) : NULL;
		if (actions == NULL || (!changes(actions, "DELETE") && !changes(actions, "UPDATE")))
			continue;
		key = palloc0(sizeof(CdcForeignKey));
		key->database = pstrdup(database);
		key->table = pstrdup(table);
		key->parent_database = pstrdup(cdc_answer_text(answer, i, 3));
		key->parent_table = pstrdup(cdc_answer_text(answer, i, 4));
		key->parent_columns = lappend(NIL, pstrdup(cdc_answer_text(answer, i, 5)));
		key->on_delete = changes(actions, "DELETE");
		key->deletes = strstr(actions, "ON DELETE CASCADE") != NULL;
		key->on_update = changes(actions, "UPDATE");
		*keys = lappend(*keys, key);
	}
	return answer != NULL;
}

bool
cdc_source_logs_cascades(CdcSource *source)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	CdcAnswer  *answer;

	if (info->flavor != CDC_MYSQL || info->version < 90600)
		return false;
	/* the engine does it by itself, as before, where it is told to */
	answer = cdc_source_ask(source, "a variable", 2,
							"SHOW GLOBAL VARIABLES WHERE Variable_name = 'innodb_native_foreign_keys' AND Value = 'ON'");
	return cdc_answer_rows(answer) == 0;
}
