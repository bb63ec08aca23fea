/*-------------------------------------------------------------------------
 *
 * log.h
 *	  Telling what happened to a subscription: rows of cdc.log, notifications.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_LOG_H
#define CDC_PG_CATALOG_LOG_H

#include "pg/base/compat.h"

/*
 * Adds a row to cdc.log, in the caller's transaction and with the current user's
 * name.  kind is the row's subject ("subscription", "table", ...); subscription and
 * detail may be NULL.
 */
extern void cdc_log(const char *subscription, const char *kind, const char *message,
					const char *detail);

/*
 * Sends a notification on the channel cdc_ingest at commit: a JSON object with kind,
 * subscription, source_table and message, each cut to 600 bytes.  All but kind may
 * be NULL, and are left out then.
 */
extern void cdc_notify(const char *subscription, const char *kind,
					   const char *source_table, const char *message);

#endif							/* CDC_PG_CATALOG_LOG_H */
