/*-------------------------------------------------------------------------
 *
 * change.h
 *	  CdcChange: the one currency between decoders and the rest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_CHANGE_H
#define CDC_CORE_CHANGE_H

#include "value.h"

/*
 * A column of a source table.  The strings belong to the CdcTable.
 */
typedef struct CdcColumn
{
	const char *name;
	const char *column_type;	/* the source's full type, e.g. "int(10) unsigned" */
	const char *data_type;		/* its first word, lower case, e.g. "int" */
	const char *charset;		/* MySQL's name of it; NULL when the type has none */
	const char *collation;		/* or NULL */
	bool		is_unsigned;
	bool		nullable;
	bool		generated;		/* virtual or stored generated column */
	bool		virtual_generated;	/* its values are never in a row image */
	bool		invisible;
	bool		json_check;		/* MariaDB's JSON: longtext with json_valid() */
	const char *default_value;	/* as the definition has it, see default_value.h; or NULL */
	bool		default_unknown;	/* the definition does not tell it, or it is no constant */
	uint32_t	length;			/* (n) of the type: characters, bits, or 0 */
	uint16_t	precision;		/* decimal(p,s) */
	uint16_t	scale;
	uint8_t		fsp;			/* fractional seconds digits */
	int			pk_index;		/* 0-based place in the primary key, or -1 */
	int			nmembers;		/* enum and set members, UTF-8, unquoted */
	const CdcString *members;
} CdcColumn;

/*
 * A source table as of some position.  It is made by whoever keeps the definitions
 * (in PostgreSQL: src/pg/schema) and does not change afterwards.
 */
typedef struct CdcTable
{
	const char *database;
	const char *name;
	const char *full_name;		/* "database.name", as in history.source_table */
	int			ncolumns;
	const CdcColumn *columns;	/* in the order of the source's row image */
	int			npk;
	const int  *pk;				/* column indexes of the primary key, in key order */
	void	   *user;			/* of whoever keeps the definition: what he made of it */
} CdcTable;

typedef enum CdcOp
{
	CDC_OP_INSERT = 'c',
	CDC_OP_UPDATE = 'u',
	CDC_OP_DELETE = 'd',
	CDC_OP_SNAPSHOT = 'r',
	CDC_OP_TRUNCATE = 't',
	CDC_OP_SCHEMA = 's',
	CDC_OP_CONTROL = 'm'
} CdcOp;

/*
 * What all changes of one source transaction have in common.  The strings are
 * NUL-terminated and valid until the next item of the stream is fetched.
 */
typedef struct CdcTransaction
{
	const char *file;			/* binlog file in which it ends */
	uint64_t	start_offset;	/* start of its first event */
	uint64_t	end_offset;		/* end of its last event: reading can resume there */
	const char *gtid;			/* "uuid:n", "uuid:tag:n", "d-s-n", or NULL */
	int64_t		commit_us;		/* commit time at the source, microseconds since 1970; 0 = unknown */
	uint64_t	xid;			/* 0 = unknown */
	uint32_t	server_id;
	uint32_t	thread_id;		/* 0 = unknown */
} CdcTransaction;

/*
 * The settings of a session when it ran a statement, as far as the binlog has them.
 * The meaning of DDL depends on them.
 */
typedef struct CdcSqlSession
{
	uint16_t	server_collation;	/* collation id of collation_server; 0 = unknown */
	uint16_t	utf8mb4_collation;	/* id of default_collation_for_utf8mb4; 0 = unknown */
	int8_t		explicit_timestamp; /* explicit_defaults_for_timestamp; -1 = unknown */
	CdcString	charset_collations; /* MariaDB's character_set_collations: pairs of
									 * u16, character set's and collation's id */
} CdcSqlSession;

struct CdcDdlEffect;

/* What an event that frames copied rows (op 'm') says besides. */
typedef struct CdcCopyMark
{
	bool		replaces;		/* the table has no other rows */
	int64_t		begin_seq;		/* of the event that began the copy; 0: this one */
	int64_t		rows;			/* that the event stands for; 0: none */
	const char *gone;			/* text in UTF-8: keys of rows that went at the source, unless an
								 * event behind begin_seq brings them; NULL: none */
	const char *keys;			/* rows that the table has, whether the copy brings them or not: a
								 * JSON array of their keys, as objects; or NULL */
} CdcCopyMark;

/*
 * One row change or DDL statement.  It is valid until the next call that fetches a
 * change.
 */
typedef struct CdcChange
{
	CdcOp		op;
	const CdcTable *table;		/* NULL for DDL that names no captured table */
	int64_t		ts;				/* seconds since 1970, from the event's header */
	uint64_t	offset;			/* binlog offset of the end of the change's event */
	const CdcValue *before;		/* ncolumns values; NULL for insert */
	const CdcValue *after;		/* ncolumns values; NULL for delete */
	bool		partial;		/* the image that says what the row is now lacks columns */
	const bool *absent;			/* of a row that is new: the columns that its image lacked,
								 * filled by their defaults where these are known; or NULL */
	CdcString	query;			/* the statement that changed the row, UTF-8; data NULL =
								 * unknown */
	/* the following are for DDL (op 's' or 't') */
	CdcString	sql;			/* the statement in UTF-8; for op 'm' the event's type,
								 * e.g. "bootstrap-start" */
	CdcString	database;		/* the default database, or the table's */
	uint64_t	sql_mode;		/* of the session when it ran sql; 0 = unknown */
	CdcSqlSession session;		/* other settings of that session */
	bool		session_only;	/* the statement, or one before it in the same procedure, used
								 * what only the session has, such as a temporary table */
	const CdcCopyMark *copy;	/* of op 'm'; NULL: none */
	const struct CdcDdlEffect *ddl; /* what the statement does; set by whoever follows
									 * definitions, NULL when nobody looked at it */
} CdcChange;

/*
 * Parses a column_type such as "decimal(10,2) unsigned" or "enum('a','b''c')"
 * into the fields data_type, is_unsigned, length, precision, scale, fsp and
 * members of col, which the caller has zeroed.  Memory comes from the arena.
 */
struct CdcArena;
extern CdcStatus cdc_column_type_parse(struct CdcArena *arena, const char *column_type,
									   CdcColumn *col, CdcError *err);

/* Whether the name of a type is in the list, which ends in NULL. */
extern bool cdc_type_is_one_of(const char *name, const char *const *list);

#endif							/* CDC_CORE_CHANGE_H */
