/*-------------------------------------------------------------------------
 *
 * query.h
 *	  The Query event: a statement, and what kind of statement it is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_QUERY_H
#define CDC_BINLOG_QUERY_H

#include "binlog/format.h"
#include "core/arena.h"
#include "core/value.h"

/* The parts of a Query event.  Strings point into the event or into scratch. */
typedef struct CdcQuery
{
	uint32_t	thread_id;
	uint16_t	error_code;		/* of the statement at the source */
	/* collation ids; 0 = the event has none */
	uint16_t	client_collation;	/* of sql's bytes */
	uint16_t	connection_collation;
	uint16_t	server_collation;
	uint16_t	database_collation;
	uint16_t	utf8mb4_collation;	/* what "utf8mb4" without a collation means there */
	bool		has_flags2;
	uint32_t	flags2;
	bool		has_sql_mode;
	uint64_t	sql_mode;
	uint64_t	xid;			/* DDL that storage engines log; 0 = none */
	int			unknown_variable;	/* code of the unknown status variable at which their
									 * parse stopped; -1 = none */
	int8_t		explicit_timestamp; /* explicit_defaults_for_timestamp; -1 = unknown */
	CdcString	charset_collations; /* MariaDB: see CdcSqlSession */
	CdcString	time_zone;		/* empty = unknown */
	CdcString	database;		/* the session's default database, UTF-8; may be empty */
	CdcString	sql;			/* as the client sent it, in its character set */
} CdcQuery;

typedef enum CdcStatementKind
{
	CDC_STMT_BEGIN,
	CDC_STMT_COMMIT,
	CDC_STMT_ROLLBACK,
	CDC_STMT_SAVEPOINT,
	CDC_STMT_RELEASE,			/* RELEASE SAVEPOINT */
	CDC_STMT_ROLLBACK_TO,
	CDC_STMT_XA_START,
	CDC_STMT_XA_END,
	CDC_STMT_XA_PREPARE,
	CDC_STMT_XA_COMMIT,
	CDC_STMT_XA_ROLLBACK,
	CDC_STMT_DML,				/* a statement that changes data without row events */
	CDC_STMT_TRUNCATE,
	CDC_STMT_OTHER				/* DDL, GRANT, FLUSH and the like */
} CdcStatementKind;

/*
 * Parses a Query event or its compressed form of MariaDB (also: Execute_load_query,
 * whose longer post-header is skipped) without checksum; len is at least that of a
 * header.  scratch takes the text of the compressed form, and may be NULL for events
 * of another type.
 */
extern CdcStatus cdc_query_parse(CdcQuery *query, const CdcFormat *format,
								 const uint8_t *event, size_t len, CdcBuf *scratch,
								 CdcError *err);

/*
 * Says what kind of statement it is.  *rest becomes what follows the words that were
 * recognised, e.g. the XA transaction's id; rest may be NULL.
 */
extern CdcStatementKind cdc_statement_kind(const CdcQuery *query, CdcString *rest);

#endif							/* CDC_BINLOG_QUERY_H */
