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
 * name: an act, each of which counts.  kind is the row's subject ("subscription",
 * "table", ...); subscription and detail may be NULL.  message is read by cdc_monitor
 * too: names and numbers, no value of a row; detail by the owner only.
 */
extern void cdc_log(const char *subscription, const char *kind, const char *message,
					const char *detail);

/*
 * The same of what the source does, perhaps with every statement: what came
 * within the last hour already, whatever else came between, only counts there.
 * Returns whether there is a new row: a message to the server's log goes with that.
 * Whoever calls it writes that kind alone (holds the subscription's lock).
 */
extern bool cdc_log_event(const char *subscription, const char *kind, const char *message,
						  const char *detail);

/*
 * The same of what stays as it is, however often it is met: once and for all.  Returns whether
 * there is a new row.
 */
extern bool cdc_log_once(const char *subscription, const char *kind, const char *message,
						 const char *detail);

/*
 * Sends a notification on the channel cdc_ingest at commit: a JSON object with kind,
 * subscription, source_table and sqlstate, each cut to 600 bytes.  All but kind may
 * be NULL, and are left out then.  Everybody may listen: no text of an error.
 */
extern void cdc_notify(const char *subscription, const char *kind,
					   const char *source_table, const char *sqlstate);

#endif							/* CDC_PG_CATALOG_LOG_H */
