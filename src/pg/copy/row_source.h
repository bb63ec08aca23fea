/*-------------------------------------------------------------------------
 *
 * row_source.h
 *	  The rows of a source table as typed values, read through a session; as of a
 *	  snapshot where the session is in one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_ROW_SOURCE_H
#define CDC_PG_COPY_ROW_SOURCE_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"
#include "core/change.h"
#include "pg/remote/source.h"

typedef struct CdcRowSource CdcRowSource;

/* The first column whose values cannot be read this way; NULL: the table can be read. */
extern const CdcColumn *cdc_row_source_unreadable(const CdcTable *table);

/* What a SELECT of a table's rows has beside the table's columns and its name. */
typedef struct CdcRowQuery
{
	const char *extra;			/* more expressions, each with a comma before it */
	int			nextra;
	const char *rest;			/* what follows the table's name; or "" */
} CdcRowQuery;

/*
 * Begins to read rows of the table, its columns listed by name in the table's
 * order, unbuffered: the session can do nothing else until the end.  It lives in the
 * current memory context; after an ERROR nothing is left but that context and the
 * session, which is to be closed.  query: NULL for all rows.  subscription: for
 * errors, or NULL; it has to stay, and so has table.  All functions here raise what
 * goes wrong.
 */
extern CdcRowSource *cdc_row_source_open(CdcSource *source, const CdcTable *table,
										 const CdcRowQuery *query, const char *subscription);

/*
 * Waits until the source has begun to answer.  CDC_OK: it has rows, or none.  Else
 * what is wrong with the statement, in err: the source knows no such table or column,
 * as its definition has changed meanwhile, and nothing was read; the session can take
 * the next statement.  Optional, before the first row is asked for.
 */
extern CdcStatus cdc_row_source_begin(CdcRowSource *rows, CdcError *err);

/*
 * The next row's values, in the table's order, as the binlog would have them;
 * valid until the next call.  NULL: there are no more.
 */
extern const CdcValue *cdc_row_source_next(CdcRowSource *rows);

/*
 * The same, where another table's rows may still be read when this one's cannot: CDC_OK;
 * CDC_END; else what the source met in the middle of its answer, or a value that is none of
 * its column, in err.  Then there is no more, and the session can take the next statement.
 * Raised is what is not the table's: a lost connection, a server without memory.
 */
extern CdcStatus cdc_row_source_try_next(CdcRowSource *rows, const CdcValue **values, CdcError *err);

/* The present row's cells of the query's extra expressions, and its bytes as they came. */
extern const CdcString *cdc_row_source_extra(const CdcRowSource *rows);
extern size_t cdc_row_source_bytes(const CdcRowSource *rows);

/* See cdc_chunk_keep() and what is beside it. */
extern void cdc_row_source_keep(CdcRowSource *rows, const char *subscription);
extern void cdc_row_source_resume(CdcRowSource *rows, const CdcTable *table);
extern void cdc_row_source_set_patience(CdcRowSource *rows, TimestampTz until);

extern void cdc_row_source_close(CdcRowSource *rows);

#endif							/* CDC_PG_COPY_ROW_SOURCE_H */
