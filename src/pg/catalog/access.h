/*-------------------------------------------------------------------------
 *
 * access.h
 *	  Who may: the owner of a subscription, and running with the owner's rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_ACCESS_H
#define CDC_PG_CATALOG_ACCESS_H

#include "pg/catalog/subscription.h"

/*
 * For the SQL entry points of the engine: run the rest as the subscription's
 * owner, whoever called, so that a caller with more rights lends them to no
 * trigger of the owner's.  Undone by cdc_user_restore(), or by abort.
 */
typedef struct CdcUser
{
	Oid			userid;
	int			sec_context;
} CdcUser;

extern void cdc_user_become_owner(const CdcSubscription *sub, CdcUser *saved);
extern void cdc_user_restore(const CdcUser *saved);

/* ERROR unless the current user may run it (member of its owner's role). */
extern void cdc_subscription_check_owner(const CdcSubscription *sub);

/*
 * Whether the current user sees all subscriptions: member of cdc_monitor or of
 * the role of the extension's owner, superuser.  As view cdc_catalog.viewer.
 */
extern bool cdc_sees_all(void);

/* ERROR unless the name of a new object ("subscription") has 1 to 63 bytes and no control character. */
extern void cdc_check_name(const char *what, const char *name);

/* The subscription, when the current user may administer it. */
extern CdcSubscription *cdc_subscription_get_own(const char *name);

#endif							/* CDC_PG_CATALOG_ACCESS_H */
