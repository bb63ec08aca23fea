/*-------------------------------------------------------------------------
 *
 * log.h
 *	  What is told of a subscription: rows of cdc.log, notifications.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_LOG_H
#define CDC_PG_CATALOG_LOG_H

#include "pg/base/compat.h"

/* A row in cdc.log, in the caller's transaction. */
extern void cdc_log(const char *subscription, const char *kind, const char *message,
					const char *detail);


/*
 * A notification on the channel cdc_ingest, sent at commit: a JSON object with
 * kind, subscription, source_table and message (each but kind may be NULL).
 */
extern void cdc_notify(const char *subscription, const char *kind,
					   const char *source_table, const char *message);

#endif							/* CDC_PG_CATALOG_LOG_H */
