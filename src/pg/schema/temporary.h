/*-------------------------------------------------------------------------
 *
 * temporary.h
 *	  Temporary tables of the source's sessions, as far as its binlog tells of them.
 *
 * Sessions that do not write rows (binlog_format STATEMENT or MIXED) write what they do to
 * their temporary tables into the binlog, and CREATE and DROP say that they are such, while
 * ALTER TABLE, TRUNCATE and RENAME TABLE do not: their temporary table may hide one that is
 * replicated.  The event's mark that its session has used temporary tables (see
 * CdcChange.session_only) does not tell either: within a procedure it stays on for all later
 * statements.  So the tables of each session are remembered.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_TEMPORARY_H
#define CDC_PG_SCHEMA_TEMPORARY_H

#include "pg/base/compat.h"
#include "core/change.h"
#include "core/ddl.h"
#include "core/gtid.h"
#include "pg/catalog/subscription.h"
#include "pg/remote/source.h"

typedef struct CdcTemporaries CdcTemporaries;

/* Those of the subscription as of its position; sub NULL: none. */
extern CdcTemporaries *cdc_temporaries_create(MemoryContext context, const CdcSubscription *sub);

/*
 * The stream begins here, or goes on elsewhere: what sessions have made before is not known.  Those are
 * of the server that is asked, with no larger number than ours.
 */
extern void cdc_temporaries_begin(CdcTemporaries *t, CdcSource *source);

/*
 * A DDL statement, as it was parsed: what it makes, renames or drops of temporary tables is
 * remembered, and ddl becomes one about temporary tables where it is about nothing else.  Of a
 * RENAME TABLE of which only some are temporary, these pairs are marked in ddl.  Where the table
 * may be a temporary one that was not heard of, ddl->unsure is set, and the statement is none about others.
 */
extern void cdc_temporaries_statement(CdcTemporaries *t, CdcSource *source, const CdcTransaction *txn,
									  const CdcChange *change, CdcDdl *ddl);

/* The server was started, as far as a dump shows that: no session of before has any. */
extern void cdc_temporaries_clear(CdcTemporaries *t);

/* Writes what has changed since it was read or written last, beside the position. */
extern void cdc_temporaries_write(CdcTemporaries *t, const CdcSubscription *sub);

#endif							/* CDC_PG_SCHEMA_TEMPORARY_H */
