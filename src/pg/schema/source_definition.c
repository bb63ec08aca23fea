/*-------------------------------------------------------------------------
 *
 * source_definition.c
 *	  Definitions of tables out of a source's information_schema.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/schema_internal.h"

#include "core/pattern.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"

/* What the server allows: 4096 and 16 or 32. */
#define MAX_COLUMNS			4096
#define MAX_KEY_COLUMNS		64

/* Whether information_schema has the expressions of generated columns. */
static bool
has_generation_expression(const CdcMysqlServerInfo *info)
{
	return info->flavor == CDC_MYSQL ? info->version >= 50706 : info->version >= 100205;
}

/*
 * Whether information_schema has the check that tells MariaDB's JSON from other columns
 * of type longtext.
 */
static bool
has_check_constraints(const CdcMysqlServerInfo *info)
{
	return info->flavor == CDC_MARIADB && info->version >= 100222;
}

List *
cdc_schema_source_tables(CdcSource *source, const CdcSubscription *sub)
{
	/* MariaDB: tables WITH SYSTEM VERSIONING have a type of their own */
	CdcAnswer  *answer = cdc_source_ask(source, "the list of tables", 2,
										"SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
										"WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
										"AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema') "
										"ORDER BY TABLE_SCHEMA, TABLE_NAME");
	List	   *result = NIL;
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *database = cdc_answer_text(answer, i, 0);
		const char *table = cdc_answer_text(answer, i, 1);

		CHECK_FOR_INTERRUPTS();
		if (cdc_pattern_wanted((const char *const *) sub->tables, sub->ntables,
							   (const char *const *) sub->exclude, sub->nexclude,
							   database, table))
			result = lappend(result, psprintf("%s.%s", database, table));
	}
	return result;
}

/* NULL stays NULL. */
static char *
cell(const CdcAnswer *answer, int64 row, int column)
{
	const char *text = cdc_answer_nullable(answer, row, column);

	return text != NULL ? pstrdup(text) : NULL;
}

/* Sets json_check where a constraint is exactly json_valid(`column`). */
static void
read_json_checks(CdcSource *source, const char *database, const char *table, CdcTableDef *def)
{
	CdcAnswer  *answer = cdc_source_ask(source, "the check constraints of a table", 1,
										"SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS "
										"WHERE CONSTRAINT_SCHEMA = %s AND TABLE_NAME = %s",
										cdc_source_quote_literal(database),
										cdc_source_quote_literal(table));
	int64		i;
	int			c;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *clause = cdc_answer_nullable(answer, i, 0);

		for (c = 0; clause != NULL && c < def->ncolumns; c++)
		{
			char	   *check = psprintf("json_valid(%s)", cdc_source_quote_ident(def->columns[c].name));

			if (strcmp(clause, check) == 0)
				def->columns[c].json_check = true;
		}
	}
}

/* The character set that a collation's name begins with. */
static char *
charset_of(const char *collation)
{
	return collation != NULL ? pnstrdup(collation, strcspn(collation, "_")) : NULL;
}

CdcTableDef *
cdc_schema_read_source(CdcSource *source, const char *database, const char *table)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	char	   *db = cdc_source_quote_literal(database);
	char	   *name = cdc_source_quote_literal(table);
	bool		any_longtext = false;
	CdcTableDef *def;
	CdcAnswer  *answer;
	int64		n;
	int64		i;

	/* literals in both, so that old servers open this table only */
	answer = cdc_source_ask(source, "the definition of a table in information_schema.COLUMNS", 12,
							"SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, "
							"c.CHARACTER_SET_NAME, c.COLLATION_NAME, c.IS_NULLABLE, c.EXTRA, "
							"c.COLUMN_DEFAULT, %s, s.SEQ_IN_INDEX, "
							"(SELECT t.TABLE_COLLATION FROM information_schema.TABLES t "
							"WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s) "
							"FROM information_schema.COLUMNS c "
							"LEFT JOIN information_schema.STATISTICS s ON s.TABLE_SCHEMA = %s "
							"AND s.TABLE_NAME = %s AND s.INDEX_NAME = 'PRIMARY' "
							"AND s.COLUMN_NAME = c.COLUMN_NAME "
							"WHERE c.TABLE_SCHEMA = %s AND c.TABLE_NAME = %s "
							"ORDER BY c.ORDINAL_POSITION",
							has_generation_expression(info) ? "NULLIF(c.GENERATION_EXPRESSION, '')" : "NULL",
							db, name, db, name, db, name);
	def = palloc0(sizeof(CdcTableDef));
	n = cdc_answer_rows(answer);
	if (n > MAX_COLUMNS)
		cdc_answer_refuse(answer, "It has " INT64_FORMAT " rows, more than a table can have columns.", n);
	def->columns = palloc0(sizeof(CdcColumnDef) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		CdcColumnDef *c = &def->columns[def->ncolumns];

		/* the comparison above may ignore case: T and t are two tables */
		if (strcmp(cdc_answer_text(answer, i, 0), database) != 0 ||
			strcmp(cdc_answer_text(answer, i, 1), table) != 0)
			continue;
		c->name = pstrdup(cdc_answer_text(answer, i, 2));
		c->column_type = pstrdup(cdc_answer_text(answer, i, 3));
		c->charset = cell(answer, i, 4);
		c->collation = cell(answer, i, 5);
		c->nullable = strcmp(cdc_answer_text(answer, i, 6), "YES") == 0;
		c->extra = cell(answer, i, 7);
		c->default_value = cell(answer, i, 8);
		c->generated = cell(answer, i, 9);
		c->pk = cdc_answer_nullable(answer, i, 10) == NULL ? -1 :
			(int) cdc_answer_int(answer, i, 10, 1, MAX_KEY_COLUMNS) - 1;
		if (strcmp(c->column_type, "longtext") == 0)
			any_longtext = true;
		def->collation = cell(answer, i, 11);
		def->ncolumns++;
	}
	if (def->ncolumns == 0)
		return NULL;
	def->charset = charset_of(def->collation);
	if (any_longtext && has_check_constraints(info))
		read_json_checks(source, database, table, def);
	return def;
}

/*
 * MySQL and MariaDB 10 leave VIRTUAL columns out of images that are not FULL;
 * MariaDB 11 leaves all generated ones out of the images of UPDATE and DELETE.
 * (Seen on MySQL 9.7.4, MariaDB 10.11 and 11.8.)
 */
CdcGeneratedLogged
cdc_schema_generated_logged(CdcSource *source, const CdcTable *table)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	CdcAnswer  *answer;
	const char *image;
	int			i = 0;

	while (i < table->ncolumns && !table->columns[i].generated)
		i++;
	if (i == table->ncolumns)
		return CDC_GENERATED_ALL;
	if (info->flavor == CDC_MARIADB && info->version >= 110000)
		return CDC_GENERATED_NONE;
	answer = cdc_source_ask(source, "SHOW GLOBAL VARIABLES LIKE 'binlog_row_image'", 2,
							"SHOW GLOBAL VARIABLES LIKE 'binlog_row_image'");
	image = cdc_answer_rows(answer) > 0 ? cdc_answer_text(answer, 0, 1) : "FULL";
	return pg_strcasecmp(image, "FULL") == 0 ? CDC_GENERATED_ALL : CDC_GENERATED_STORED;
}
