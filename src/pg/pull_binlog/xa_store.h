/*-------------------------------------------------------------------------
 *
 * xa_store.h
 *	  cdc.prepared_transaction: the events of source transactions that wait,
 *	  after XA PREPARE, for their XA COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_BINLOG_XA_STORE_H
#define CDC_PG_PULL_BINLOG_XA_STORE_H

#include "binlog/format.h"
#include "core/change.h"
#include "pg/catalog/subscription.h"
#include "pg/base/group_buffer.h"

/*
 * Keeps the group's events under the transaction's id, in place of what may be
 * there: a stream that begins anew brings them again.  In the caller's transaction;
 * memory is a chunk of 1 MB and the largest event.
 */
extern void cdc_xa_store_put(const CdcSubscription *sub, const char *xa,
							 const CdcTransaction *txn, const CdcFormat *format,
							 CdcGroupBuffer *group);

/* Appends what was kept to group; false when there is nothing. */
extern bool cdc_xa_store_get(const CdcSubscription *sub, const char *xa, CdcFormat *format,
							 CdcGroupBuffer *group);

extern bool cdc_xa_store_has(const CdcSubscription *sub, const char *xa);
extern void cdc_xa_store_delete(const CdcSubscription *sub, const char *xa);
extern void cdc_xa_store_delete_all(const CdcSubscription *sub);

#endif							/* CDC_PG_PULL_BINLOG_XA_STORE_H */
