/*-------------------------------------------------------------------------
 *
 * chunk.h
 *	  A range of a source table's rows by a unique key, read through any session.
 *
 *	  All comparing is done at the source, in its own order and collation: the values
 *	  of a key are kept as literals of the source's SQL that say them exactly, whatever
 *	  the type of their column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_CHUNK_H
#define CDC_PG_COPY_CHUNK_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"
#include "core/change.h"
#include "pg/remote/source.h"

/* A unique key without NULLs, by which a table can be read in pieces. */
typedef struct CdcChunkKey
{
	char	   *index;			/* its name at the source */
	int			ncolumns;
	int		   *columns;		/* of the table, in the key's order */
	char	   *shape;			/* index, columns and their types: literals of one shape mean
								 * nothing to another one */
} CdcChunkKey;

/*
 * The key by which the table is best read: the primary key, else another unique key; all
 * of it palloc'ed.  false: there is none whose columns are whole (no prefixes), never NULL
 * and of types that have an order and exact literals.  Asks the source.
 */
extern bool cdc_chunk_key(CdcSource *source, const CdcTable *table, CdcChunkKey *key);

/* Which rows; a key is an array of literals, one a column of the key. */
typedef struct CdcChunkRange
{
	const char *const *after;	/* rows behind this key; NULL: from the first one */
	const char *const *upto;	/* up to and including this one; NULL: to the last one */
	const char *where;			/* a condition in the source's SQL besides, or NULL */
	int64		limit;			/* at most so many rows; 0: all */
} CdcChunkRange;

/*
 * What follows the table's name in a SELECT of the range: index, condition, order and
 * limit.  palloc'ed.  ordered false: without order and limit, for a SELECT of aggregates.
 * key may be NULL, then the range has neither after, upto nor limit.
 */
extern char *cdc_chunk_rest(const CdcTable *table, const CdcChunkKey *key,
							const CdcChunkRange *range, bool ordered);

/* The range's condition alone, without where: "(...)"; palloc'ed.  NULL: all rows. */
extern char *cdc_chunk_condition(const CdcTable *table, const CdcChunkKey *key,
								 const CdcChunkRange *range);

typedef struct CdcChunk CdcChunk;

/*
 * Begins to read the rows of the range in the order of the key; as for
 * cdc_row_source_open(), which see for memory and errors.  NULL, with err: the table's
 * definition at the source is another one by now.
 */
extern CdcChunk *cdc_chunk_open(CdcSource *source, const CdcTable *table, const CdcChunkKey *key,
								const CdcChunkRange *range, const char *subscription,
								CdcError *err);

/*
 * The same in two parts: the first sends the SELECT, so that several sources are at work at
 * once, the second waits for its answer.  false, with err: the definition is another one,
 * and the chunk is closed.
 */
extern CdcChunk *cdc_chunk_post(CdcSource *source, const CdcTable *table, const CdcChunkKey *key,
								const CdcChunkRange *range, const char *subscription);
extern bool cdc_chunk_begin(CdcChunk *chunk, CdcError *err);

/* The next row's values, in the table's order; valid until the next call.  NULL: no more. */
extern const CdcValue *cdc_chunk_next(CdcChunk *chunk);

/* The same, with the status and errors of cdc_row_source_try_next(). */
extern CdcStatus cdc_chunk_try_next(CdcChunk *chunk, const CdcValue **values, CdcError *err);

/* Of what was read so far. */
extern int64 cdc_chunk_rows(const CdcChunk *chunk);
extern int64 cdc_chunk_bytes(const CdcChunk *chunk);

/* Once all rows were read: whether the range has no more than these. */
extern bool cdc_chunk_is_last(const CdcChunk *chunk);

/* The key of the last row, literals palloc'ed in the current context; NULL: there was none. */
extern char **cdc_chunk_last_key(const CdcChunk *chunk);

/*
 * A chunk without a key that is read over several transactions.  keep: it belongs to parent
 * from now on, and so has the subscription's name to; resume: in each of them the table, which is the
 * same, is told anew.  patience: cdc_chunk_try_next() gives CDC_MORE where nothing has come until
 * then, 0: it waits.
 */
extern void cdc_chunk_keep(CdcChunk *chunk, MemoryContext parent, const char *subscription);
extern void cdc_chunk_resume(CdcChunk *chunk, const CdcTable *table);
extern void cdc_chunk_set_patience(CdcChunk *chunk, TimestampTz until);

extern void cdc_chunk_close(CdcChunk *chunk);

/*
 * Passes over as many rows as the range's limit says: the key of the last of them, literals
 * palloc'ed.  false: the range has fewer.
 */
extern bool cdc_chunk_skip(CdcSource *source, const CdcTable *table, const CdcChunkKey *key,
						   const CdcChunkRange *range, char ***last);

/* The same, but also false where the table's definition at the source is another one. */
extern bool cdc_chunk_try_skip(CdcSource *source, const CdcTable *table, const CdcChunkKey *key,
							   const CdcChunkRange *range, char ***last);

/*
 * The literal of a value as the binlog has it, for the key's column i; palloc'ed.  NULL
 * where the value is absent or NULL, or has no literal.
 */
extern char *cdc_chunk_literal(const CdcTable *table, const CdcChunkKey *key, int i,
							   const CdcValue *value);

/* "(a = 1 AND b = X'41')"; palloc'ed. */
extern char *cdc_chunk_key_equals(const CdcTable *table, const CdcChunkKey *key,
								  const char *const *literals);

#endif							/* CDC_PG_COPY_CHUNK_H */
