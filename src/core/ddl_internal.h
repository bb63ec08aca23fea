/*-------------------------------------------------------------------------
 *
 * ddl_internal.h
 *	  What the parts of the DDL parser share:
 *
 *	  ddl_apply.c		statements on whole tables and databases
 *	  ddl_create.c		CREATE TABLE, and table options
 *	  ddl_alter.c		ALTER TABLE; ddl_alter_apply.c: on a definition
 *	  ddl_column.c		a column's attributes
 *	  ddl_type.c		a column's type
 *	  ddl_default.c		a column's default, as the server prints it
 *	  ddl_fit.c			what a column keeps of a default that is a literal
 *	  ddl_member.c		which members of an enum or set that is
 *	  ddl_fill.c		what rows that are there get in a new column
 *	  ddl_table.c		a table's definition while it is put together
 *	  ddl_effect.c		the statement's effects, and a table's state after them
 *	  ddl_token.c		names, literals, character sets
 *
 * A function that cannot go on calls cdc_ddl_give_up() and returns false.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DDL_INTERNAL_H
#define CDC_CORE_DDL_INTERNAL_H

#include "ddl_apply.h"
#include "sql_cursor.h"

#define CDC_DDL_MAX_COLUMNS	4096	/* MySQL's; MariaDB allows as many */

typedef struct CdcDdlParser
{
	CdcSqlCursor c;
	CdcArena   *arena;
	const CdcDdlContext *context;
	CdcDdlEffects *effects;
	const char *why;			/* why the parser gave up, or NULL */
	bool		no_memory;
	bool		approximate;	/* see CdcDdlEffect */
	bool		ignore;			/* ALTER IGNORE TABLE */
} CdcDdlParser;

typedef enum CdcTypeClass
{
	CDC_TC_INTEGER,
	CDC_TC_DECIMAL,
	CDC_TC_FLOAT,				/* also double */
	CDC_TC_BIT,
	CDC_TC_YEAR,
	CDC_TC_DATE,
	CDC_TC_TIME,				/* time, datetime and timestamp: with fractional digits */
	CDC_TC_CHAR,				/* char and varchar */
	CDC_TC_BINARY,				/* binary and varbinary */
	CDC_TC_TEXT,
	CDC_TC_BLOB,
	CDC_TC_MEMBERS,				/* enum and set */
	CDC_TC_JSON,
	CDC_TC_VECTOR,
	CDC_TC_OTHER				/* its name is all there is: geometry, uuid, ... */
} CdcTypeClass;

typedef enum CdcDefaultKind
{
	CDC_DEFAULT_NONE,
	CDC_DEFAULT_NULL,
	CDC_DEFAULT_STRING,
	CDC_DEFAULT_NUMBER,
	CDC_DEFAULT_BITS,			/* b'101' */
	CDC_DEFAULT_NOW,
	CDC_DEFAULT_EXPRESSION
} CdcDefaultKind;

/* A default, as the statement has it. */
typedef struct CdcDdlDefault
{
	CdcDefaultKind kind;
	const char *text;
	bool		cut;			/* the string has a NUL, where text ends */
	int			fsp;			/* of CDC_DEFAULT_NOW */
} CdcDdlDefault;

/* A column as a statement defines it. */
typedef struct CdcDdlColumn
{
	const char *name;
	CdcTypeClass class;
	const char *type;			/* canonical: "int", "varchar", "text", ... */
	int			nargs;
	uint32_t	args[2];
	bool		is_unsigned;
	bool		zerofill;
	bool		compressed;		/* MariaDB */
	bool		binary;			/* attribute: the character set's binary collation */
	int			nmembers;		/* of enum and set, unquoted */
	CdcString  *members;
	const char *charset;		/* as named; NULL: the table's */
	const char *collation;		/* as named, or NULL */

	bool		null_given;
	bool		not_null;
	bool		primary;
	bool		auto_increment;
	bool		invisible;
	bool		json_check;
	CdcDdlDefault deflt;
	bool		on_update;
	int			on_update_fsp;
	const char *generated;		/* expression, or NULL */
	bool		stored;
	bool		row_period;		/* MariaDB: ROW START, ROW END */

	/* in ALTER TABLE */
	bool		first;
	const char *after;			/* or NULL */
} CdcDdlColumn;

/* A table's, or database's, default character set, as far as it was named. */
typedef struct CdcDdlCharset
{
	bool		given;
	bool		is_default;		/* CHARACTER SET DEFAULT */
	const char *charset;
	const char *collation;
} CdcDdlCharset;

/* A table that is being put together. */
typedef struct CdcDdlTableMaker
{
	CdcTableDef def;
	int			room;			/* for columns of def */
	int			nkey;
	const char **key;			/* names of the new primary key's columns */
	bool		drops_key;		/* ALTER TABLE ... DROP PRIMARY KEY */
	int			ntimestamps;	/* that could be the first one, see ddl_column.c */
	int			nchecks;		/* columns that a table's CHECK declares JSON */
	const char **checks;
} CdcDdlTableMaker;

/* ddl_token.c */

/* Sets the reason, unless there is one already; returns false. */
extern bool cdc_ddl_give_up(CdcDdlParser *p, const char *why);

/* From the arena; NULL, and gives up, without memory. */
extern void *cdc_ddl_alloc(CdcDdlParser *p, size_t size);
extern char *cdc_ddl_copy(CdcDdlParser *p, const char *s, size_t len);
extern char *cdc_ddl_printf(CdcDdlParser *p, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));

/* An identifier; gives up where none stands. */
extern bool cdc_ddl_name(CdcDdlParser *p, const char **name);

/*
 * A database's or table's name in lower case where lower_case_table_names = 1;
 * letters beyond ASCII are left alone.
 */
extern const char *cdc_ddl_folded(CdcDdlParser *p, const char *name);

/* "[database .] table", the default database filled in. */
extern bool cdc_ddl_table_name(CdcDdlParser *p, const char **database, const char **table);

/* Whether a string literal stands here, which with ANSI_QUOTES '"' is none. */
extern bool cdc_ddl_at_string(const CdcDdlParser *p);

/* A string literal without its quotes and escapes; also several in a row. */
extern bool cdc_ddl_string(CdcDdlParser *p, CdcString *value);

/* A number as it stands, sign included. */
extern bool cdc_ddl_number(CdcDdlParser *p, const char **text);
extern bool cdc_ddl_uint(CdcDdlParser *p, uint32_t *value);

/* The text from a token's begin up to the one that comes next. */
extern char *cdc_ddl_text_since(CdcDdlParser *p, const char *start);

/* Reads "(expression)"; *text is without the parentheses. */
extern bool cdc_ddl_expression(CdcDdlParser *p, const char **text);

/* Over "[=]". */
extern void cdc_ddl_skip_equals(CdcDdlParser *p);

/*
 * Reads "CHARACTER SET name", "CHARSET name" and "COLLATE name", DEFAULT in front
 * and = within allowed, where one stands: *taken says.
 */
extern bool cdc_ddl_charset_clause(CdcDdlParser *p, CdcDdlCharset *charset, bool *taken);

/* Over a table option or a part of one; only what tells the character set matters. */
extern bool cdc_ddl_table_option(CdcDdlParser *p, CdcDdlCharset *charset, bool *is_charset);

/*
 * Finds the collation that names of a character set and a collation (either
 * may be NULL) stand for; inherited: the collation where neither is given.
 */
extern bool cdc_ddl_resolve(CdcDdlParser *p, const char *charset, const char *collation,
							const char *inherited, const CdcCollation **result);

/* The default collation of a database; gives up where it is not known. */
extern bool cdc_ddl_database_collation(CdcDdlParser *p, const char *database,
									   const CdcCollation **result);

/* ddl_type.c */
extern bool cdc_ddl_type(CdcDdlParser *p, CdcDdlColumn *col);

/*
 * Prints the type, and sets character set and collation, of a column in a
 * table with the given default collation.
 */
extern bool cdc_ddl_finish_type(CdcDdlParser *p, const CdcDdlColumn *col, const char *table_collation,
								CdcColumnDef *def);

/* Changes a column's character set as CONVERT TO does. */
extern bool cdc_ddl_convert_column(CdcDdlParser *p, CdcColumnDef *def, const CdcCollation *to);

/* ddl_column.c */

/* Reads what follows a column's name. */
extern bool cdc_ddl_column(CdcDdlParser *p, CdcDdlColumn *col);
extern bool cdc_ddl_finish_column(CdcDdlParser *p, CdcDdlTableMaker *m, const CdcDdlColumn *col,
								  CdcColumnDef *def);

/* Behind DEFAULT. */
extern bool cdc_ddl_default(CdcDdlParser *p, CdcDdlDefault *deflt);

/* ddl_default.c */
extern bool cdc_ddl_finish_default(CdcDdlParser *p, const CdcDdlDefault *deflt, CdcColumnDef *def);
extern char *cdc_ddl_now(CdcDdlParser *p, int fsp);

/* ddl_fit.c */

/*
 * Makes of a default that is a literal what the column keeps of it, which may be none; def
 * has its type and collation.  false: that is not known.
 */
extern bool cdc_ddl_fit_default(CdcDdlParser *p, const CdcColumnDef *def, CdcDdlDefault *deflt);

/* ddl_member.c */

/*
 * The same of a string for an enum or set: its members, as and in the order in which they are
 * defined.
 */
extern bool cdc_ddl_fit_members(CdcDdlParser *p, const CdcColumnDef *def, CdcDdlDefault *deflt);

/* ddl_fill.c */

/*
 * What the rows of a table have in a column that is added to it; def is what
 * cdc_ddl_finish_column() has made of col.
 */
extern bool cdc_ddl_fill(CdcDdlParser *p, const CdcDdlColumn *col, const CdcColumnDef *def,
						 CdcAddedColumn *added);

/* ddl_create.c */
extern bool cdc_ddl_create_table(CdcDdlParser *p, CdcDdlEffect *effect);

/*
 * Reads a key, constraint or check, where one stands (*taken), as it may in
 * the list of CREATE TABLE and behind ADD.
 */
extern bool cdc_ddl_constraint(CdcDdlParser *p, CdcDdlTableMaker *m, bool *taken);

/* ddl_alter.c */

/* The cursor stands behind the table's name. */
extern bool cdc_ddl_alter_table(CdcDdlParser *p, CdcDdlEffect *effect);

/* ddl_table.c */

/* Makes room for n columns; there are none yet. */
extern bool cdc_ddl_maker_room(CdcDdlParser *p, CdcDdlTableMaker *m, int n);

/* Adds a column to the primary key; one that a CHECK declares JSON. */
extern bool cdc_ddl_set_key(CdcDdlParser *p, CdcDdlTableMaker *m, const char *column);
extern bool cdc_ddl_set_json_check(CdcDdlParser *p, CdcDdlTableMaker *m, const char *column);

/* Sets the primary key and the JSON checks that were collected. */
extern bool cdc_ddl_finish_table(CdcDdlParser *p, CdcDdlTableMaker *m);

/* ddl_effect.c */

/* The definition of a table that does not exist. */
extern const CdcTableDef cdc_ddl_gone;

/* A new effect; what it is about is filled in by the caller.  NULL without memory. */
extern CdcDdlEffect *cdc_ddl_new_effect(CdcDdlParser *p, CdcDdlKind kind);

/* The effect on a table whose name stands here; NULL where none does. */
extern CdcDdlEffect *cdc_ddl_table_effect(CdcDdlParser *p, CdcDdlKind kind);

/* known: whether its new definition is; where not, p->why says why. */
extern void cdc_ddl_end_effect(CdcDdlParser *p, CdcDdlEffect *effect, bool known);

/* What is known of a table at this point of the statement; the last effect is being made. */
extern const CdcTableDef *cdc_ddl_lookup(CdcDdlParser *p, const char *database, const char *table);

#endif							/* CDC_CORE_DDL_INTERNAL_H */
