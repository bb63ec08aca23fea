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
		{
			CdcSchemaName *name = palloc(sizeof(CdcSchemaName));

			name->database = pstrdup(database);
			name->table = pstrdup(table);
			result = lappend(result, name);
		}
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

/*
 * The question
 *
 * Columns, primary key and collation of several tables come in one answer: a SELECT of
 * each of three tables of information_schema, no join of them.  The dictionary of MySQL
 * 8.0 finds a list of names by its index.  The others have no dictionary, and open a table
 * only where its database and name are literals in conditions of their own: one SELECT a
 * table, for else they open all tables that there are.
 */

/* Whether information_schema has defaults as literals of SQL. */
static bool
has_literals(const CdcMysqlServerInfo *info)
{
	return info->flavor == CDC_MARIADB && info->version >= 100207;
}

/*
 * The default of a column.  Of bytes older servers give as much as is text, up to the
 * first byte that is none: as digits it can be read, and its length tells whether it is
 * all.
 */
static const char *
default_expression(const CdcMysqlServerInfo *info)
{
	if (has_literals(info) || (info->flavor == CDC_MYSQL && info->version >= 80000))
		return "COLUMN_DEFAULT";
	return "IF(DATA_TYPE IN ('binary', 'varbinary'), CONCAT('0x', HEX(COLUMN_DEFAULT)), COLUMN_DEFAULT)";
}

/* The columns of the answer; what a row of a kind does not have is NULL. */
enum
{
	ROW_KIND,					/* 'column', 'key' or 'table' */
	ROW_DATABASE,
	ROW_TABLE,
	ROW_NAME,					/* of a column */
	ROW_PLACE,					/* among the columns or in the key, from 1 */
	ROW_TYPE,
	ROW_CHARSET,
	ROW_COLLATION,				/* of a column or a table */
	ROW_NULLABLE,
	ROW_EXTRA,
	ROW_DEFAULT,
	ROW_GENERATED,
	ROW_COLUMNS
};

/* information_schema is made of tables with indexes. */
static bool
has_dictionary(const CdcMysqlServerInfo *info)
{
	return info->flavor == CDC_MYSQL && info->version >= 80000;
}

static void
append_selects(StringInfo sql, const CdcMysqlServerInfo *info, const char *condition)
{
	appendStringInfo(sql, "%sSELECT 'column', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE,"
					 " CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, EXTRA, %s, %s"
					 " FROM information_schema.COLUMNS WHERE %s"
					 " UNION ALL SELECT 'key', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, SEQ_IN_INDEX, NULL,"
					 " NULL, NULL, NULL, NULL, NULL, NULL"
					 " FROM information_schema.STATISTICS WHERE %s AND INDEX_NAME = 'PRIMARY'"
					 " UNION ALL SELECT 'table', TABLE_SCHEMA, TABLE_NAME, NULL, NULL, NULL,"
					 " NULL, TABLE_COLLATION, NULL, NULL, NULL, NULL"
					 " FROM information_schema.TABLES WHERE %s",
					 sql->len > 0 ? " UNION ALL " : "",
					 default_expression(info),
					 has_generation_expression(info) ? "NULLIF(GENERATION_EXPRESSION, '')" : "NULL",
					 condition, condition, condition);
}

/* The question for the tables from `from` on, which are of one database where names make a list. */
static char *
definitions_question(const CdcMysqlServerInfo *info, const CdcSchemaName *names, int n)
{
	StringInfoData sql;
	StringInfoData condition;
	bool		list = has_dictionary(info);
	int			i;

	initStringInfo(&sql);
	initStringInfo(&condition);
	for (i = 0; i < n; i++)
	{
		bool		first = !list || i == 0 || strcmp(names[i].database, names[i - 1].database) != 0;
		bool		last = !list || i == n - 1 || strcmp(names[i].database, names[i + 1].database) != 0;

		if (first)
		{
			resetStringInfo(&condition);
			appendStringInfo(&condition, "TABLE_SCHEMA = %s AND TABLE_NAME %s",
							 cdc_source_quote_literal(names[i].database), list ? "IN (" : "= ");
		}
		appendStringInfo(&condition, "%s%s", first ? "" : ", ", cdc_source_quote_literal(names[i].table));
		if (last)
		{
			appendStringInfoString(&condition, list ? ")" : "");
			append_selects(&sql, info, condition.data);
		}
	}
	return sql.data;
}

/*
 * The answer
 */

/* Whether the row at hand is of that table.  The source may ignore case: T and t are two tables. */
static bool
row_is_of(const CdcAnswer *answer, int64 row, const CdcSchemaName *name)
{
	return strcmp(cdc_answer_text(answer, row, ROW_DATABASE), name->database) == 0 &&
		strcmp(cdc_answer_text(answer, row, ROW_TABLE), name->table) == 0;
}

/* Whose the row is, or -1.  Rows of a table mostly follow each other: that of the last is tried first. */
static int
owner_of_row(const CdcAnswer *answer, int64 row, const CdcSchemaName *names, int n, int last)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		int			k = (last + i) % n;

		if (row_is_of(answer, row, &names[k]))
			return k;
	}
	return -1;
}

/* Members of an enum or set that are no text would be decoded to others: no type then. */
static char *
read_type(const CdcAnswer *answer, int64 row)
{
	bool		exact;
	char	   *type = cdc_answer_lenient(answer, row, ROW_TYPE, &exact);

	if (type == NULL)
		cdc_answer_refuse(answer, "A column has no type.");
	return exact ? type : psprintf("of members that are no text: %s", type);
}

static void
read_column(const CdcAnswer *answer, int64 row, CdcTableDef *def, int *room, int *places,
			bool literals)
{
	unsigned	length;
	bool		exact;
	int			place = (int) cdc_answer_int(answer, row, ROW_PLACE, 1, PG_INT32_MAX);
	int			at = def->ncolumns;
	CdcColumnDef *c;

	if (def->ncolumns >= MAX_COLUMNS)
		cdc_answer_refuse(answer, "It has more rows than a table can have columns.");
	if (def->ncolumns == *room)
	{
		*room = *room > 0 ? *room * 2 : 16;
		def->columns = *room > 16 ? repalloc(def->columns, sizeof(CdcColumnDef) * *room) :
			palloc(sizeof(CdcColumnDef) * *room);
	}
	/* mostly in their order already */
	while (at > 0 && places[at - 1] > place)
		at--;
	if (at > 0 && places[at - 1] == place)
	{
		/* a name that differs in case may bring the table's rows, too */
		if (strcmp(def->columns[at - 1].name, cdc_answer_text(answer, row, ROW_NAME)) != 0)
			cdc_answer_refuse(answer, "It has two columns of a table in one place.");
		return;
	}
	memmove(&def->columns[at + 1], &def->columns[at], sizeof(CdcColumnDef) * (def->ncolumns - at));
	memmove(&places[at + 1], &places[at], sizeof(int) * (def->ncolumns - at));
	places[at] = place;
	def->ncolumns++;
	c = &def->columns[at];
	memset(c, 0, sizeof(*c));
	c->name = pstrdup(cdc_answer_text(answer, row, ROW_NAME));
	c->column_type = read_type(answer, row);
	c->charset = cell(answer, row, ROW_CHARSET);
	c->collation = cell(answer, row, ROW_COLLATION);
	c->nullable = strcmp(cdc_answer_text(answer, row, ROW_NULLABLE), "YES") == 0;
	c->extra = cell(answer, row, ROW_EXTRA);
	c->default_value = cdc_answer_lenient(answer, row, ROW_DEFAULT, &exact);
	c->default_unknown = !exact;
	c->generated = cdc_answer_lenient(answer, row, ROW_GENERATED, NULL);
	c->pk = -1;
	/* no server tells what is behind a NUL */
	if (!literals && c->default_value != NULL &&
		(sscanf(c->column_type, "binary(%u)", &length) == 1 || sscanf(c->column_type, "varbinary(%u)", &length) == 1))
		c->default_unknown = c->default_unknown || strlen(c->default_value) != 2 + 2 * (size_t) length;
}

/* A column that is renamed meanwhile is not found, and the table will be read again. */
static void
read_key(const CdcAnswer *answer, int64 row, CdcTableDef *def)
{
	const char *name = cdc_answer_text(answer, row, ROW_NAME);
	int			place = (int) cdc_answer_int(answer, row, ROW_PLACE, 1, MAX_KEY_COLUMNS);
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		if (strcmp(def->columns[i].name, name) == 0)
			def->columns[i].pk = place - 1;
}

/* The character set that a collation's name begins with. */
static char *
charset_of(const char *collation)
{
	return collation != NULL ? pnstrdup(collation, strcspn(collation, "_")) : NULL;
}

/* Of the kind's rows each goes to its table. */
static void
read_rows(const CdcAnswer *answer, const char *kind, const CdcSchemaName *names, int n, CdcTableDef *defs,
		  bool literals)
{
	int		   *room = palloc0(sizeof(int) * n);
	int		  **places = palloc0(sizeof(int *) * n);
	int			last = 0;
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		int			k;

		if (strcmp(cdc_answer_text(answer, i, ROW_KIND), kind) != 0 ||
			(k = owner_of_row(answer, i, names, n, last)) < 0)
			continue;
		last = k;
		if (kind[0] == 'c')
		{
			if (places[k] == NULL)
				places[k] = palloc(sizeof(int) * (MAX_COLUMNS + 1));
			read_column(answer, i, &defs[k], &room[k], places[k], literals);
		}
		else if (kind[0] == 'k')
			read_key(answer, i, &defs[k]);
		else
		{
			defs[k].collation = cell(answer, i, ROW_COLLATION);
			defs[k].charset = charset_of(defs[k].collation);
		}
	}
	for (i = 0; i < n; i++)
		if (places[i] != NULL)
			pfree(places[i]);
}

static void
check_kinds(const CdcAnswer *answer)
{
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *kind = cdc_answer_text(answer, i, ROW_KIND);

		if (strcmp(kind, "column") != 0 && strcmp(kind, "key") != 0 && strcmp(kind, "table") != 0)
			cdc_answer_refuse(answer, "Row " INT64_FORMAT " is of no kind that was asked for.", i + 1);
	}
}

/* ---- MariaDB's JSON ---- */

static bool
has_longtext(const CdcTableDef *def)
{
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		if (strcmp(def->columns[i].column_type, "longtext") == 0)
			return true;
	return false;
}

/* Sets json_check where the constraint is exactly json_valid(`column`). */
static void
read_json_check(const char *clause, CdcTableDef *def)
{
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		if (strcmp(clause, psprintf("json_valid(%s)", cdc_source_quote_ident(def->columns[i].name))) == 0)
			def->columns[i].json_check = true;
}

/* Of the tables that can have one. */
static void
read_json_checks(CdcSource *source, const CdcSchemaName *names, int n, CdcTableDef *defs)
{
	StringInfoData sql;
	CdcAnswer  *answer;
	int64		i;
	int			k;

	initStringInfo(&sql);
	for (k = 0; k < n; k++)
		if (has_longtext(&defs[k]))
			appendStringInfo(&sql, "%sSELECT 'check', CONSTRAINT_SCHEMA, TABLE_NAME, CHECK_CLAUSE"
							 " FROM information_schema.CHECK_CONSTRAINTS"
							 " WHERE CONSTRAINT_SCHEMA = %s AND TABLE_NAME = %s",
							 sql.len > 0 ? " UNION ALL " : "",
							 cdc_source_quote_literal(names[k].database),
							 cdc_source_quote_literal(names[k].table));
	if (sql.len == 0)
		return;
	answer = cdc_source_ask(source, "the check constraints of tables", 4, "%s", sql.data);
	for (i = 0, k = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *clause = cdc_answer_lenient(answer, i, 3, NULL);
		int			owner = owner_of_row(answer, i, names, n, k);

		if (owner >= 0 && clause != NULL)
			read_json_check(clause, &defs[owner]);
		k = Max(owner, 0);
	}
}

/* ---- several tables, or one ---- */

static void
read_batch(CdcSource *source, const CdcSchemaName *names, int n, CdcTableDef *defs)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);
	CdcAnswer  *answer = cdc_source_ask(source, "the definitions of tables in information_schema", ROW_COLUMNS,
										"%s", definitions_question(info, names, n));

	check_kinds(answer);
	read_rows(answer, "column", names, n, defs, has_literals(info));
	read_rows(answer, "key", names, n, defs, has_literals(info));
	read_rows(answer, "table", names, n, defs, has_literals(info));
	if (has_check_constraints(info))
		read_json_checks(source, names, n, defs);
}

CdcTableDef *
cdc_schema_read_many(CdcSource *source, const CdcSchemaName *names, int n)
{
	CdcTableDef *defs = palloc0(sizeof(CdcTableDef) * Max(n, 1));
	int			at;

	for (at = 0; at < n; at += CDC_SCHEMA_BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		read_batch(source, names + at, Min(n - at, CDC_SCHEMA_BATCH), defs + at);
	}
	return defs;
}

CdcTableDef *
cdc_schema_read_source(CdcSource *source, const char *database, const char *table)
{
	CdcSchemaName name = {database, table};
	CdcTableDef *def = cdc_schema_read_many(source, &name, 1);

	return def->ncolumns > 0 ? def : NULL;
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
