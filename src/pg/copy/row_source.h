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
#include "core/change.h"
#include "pg/remote/source.h"

typedef struct CdcRowSource CdcRowSource;

/* The first column whose values cannot be read this way; NULL: the table can be read. */
extern const CdcColumn *cdc_row_source_unreadable(const CdcTable *table);

/*
 * Begins to read all rows of the table, its columns listed by name in the table's
 * order, unbuffered: the session can do nothing else until the end.  It lives in the
 * current memory context; after an ERROR nothing is left but that context and the
 * session, which is to be closed.  subscription: for errors, or NULL; it has to
 * stay, and so has table.  All functions here raise what goes wrong.
 */
extern CdcRowSource *cdc_row_source_open(CdcSource *source, const CdcTable *table,
										 const char *subscription);

/*
 * The next row's values, in the table's order, as the binlog would have them;
 * valid until the next call.  NULL: there are no more.
 */
extern const CdcValue *cdc_row_source_next(CdcRowSource *rows);
extern void cdc_row_source_close(CdcRowSource *rows);

#endif							/* CDC_PG_COPY_ROW_SOURCE_H */
