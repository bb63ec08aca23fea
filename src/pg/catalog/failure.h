/*-------------------------------------------------------------------------
 *
 * failure.h
 *	  cdc.subscription_failure: what the workers of a subscription last failed
 *	  with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_FAILURE_H
#define CDC_PG_CATALOG_FAILURE_H

#include "pg/base/compat.h"

/*
 * One more failure in a row, with a notification; in the caller's transaction.
 * The text is for the owner; others see what the SQLSTATE tells.
 */
extern void cdc_failure_record(const char *subscription, const char *worker,
							   int sqlerrcode, const char *error);

/* The row is over: the last error stays to be read. */
extern void cdc_failure_clear(const char *subscription, const char *worker);

/* message, detail and hint of an error as one text, each of them bounded. */
extern char *cdc_failure_text(const ErrorData *edata);

#endif							/* CDC_PG_CATALOG_FAILURE_H */
