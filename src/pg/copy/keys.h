/*-------------------------------------------------------------------------
 *
 * keys.h
 *	  The keys of a range's rows, as JSON, without the rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_KEYS_H
#define CDC_PG_COPY_KEYS_H

#include "pg/catalog/subscription.h"
#include "pg/copy/chunk.h"

typedef struct CdcKeysQuery
{
	CdcSource  *source;
	const CdcTable *table;		/* with a primary key */
	const CdcChunkKey *key;		/* by which the range is; or NULL */
	const CdcChunkRange *range;
	const CdcSubscription *sub;
} CdcKeysQuery;

/* An array of objects with the columns of the primary key, UTF-8; valid in the call only. */
typedef void (*CdcCopyKeysEmit) (const char *keys, void *arg);

/*
 * Hands the keys out, some at a time.  CDC_ERR_SCHEMA: the table's definition at the source
 * is another one by now; other failures are those of cdc_row_source_try_next().
 */
extern CdcStatus cdc_copy_keys(const CdcKeysQuery *query, CdcCopyKeysEmit emit, void *arg, CdcError *err);

#endif							/* CDC_PG_COPY_KEYS_H */
