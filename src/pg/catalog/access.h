/*-------------------------------------------------------------------------
 *
 * access.h
 *	  Who may do what with a subscription, and running with its owner's rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_ACCESS_H
#define CDC_PG_CATALOG_ACCESS_H

#include "pg/catalog/subscription.h"

/* Who was the current user before cdc_user_become_owner(). */
typedef struct CdcUser
{
	Oid			userid;
	int			sec_context;
} CdcUser;

/*
 * For the SQL entry points of pull, apply and publish: what follows runs as the
 * subscription's owner, whoever called, so that a caller with more rights lends them
 * to no trigger of the owner's.  cdc_user_restore() or an abort ends it.
 */
extern void cdc_user_become_owner(const CdcSubscription *sub, CdcUser *saved);
extern void cdc_user_restore(const CdcUser *saved);

/* ERROR unless the current user is a member of the owner's role. */
extern void cdc_subscription_check_owner(const CdcSubscription *sub);

/*
 * Whether the current user sees all subscriptions: he has the rights of cdc_monitor or
 * of the extension's owner.  As view cdc_catalog.viewer.
 */
extern bool cdc_sees_all(void);

/*
 * ERROR unless the name of a new object (what: "subscription") has 1 to 63 bytes and no
 * control character.
 */
extern void cdc_check_name(const char *what, const char *name);

/* cdc_subscription_get() and that check. */
extern CdcSubscription *cdc_subscription_get_own(const char *name);

#endif							/* CDC_PG_CATALOG_ACCESS_H */
