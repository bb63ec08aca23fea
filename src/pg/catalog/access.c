/*-------------------------------------------------------------------------
 *
 * access.c
 *	  Who may do what with a subscription, and running with its owner's rights.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/access.h"

#include "miscadmin.h"
#include "utils/acl.h"

void
cdc_user_become_owner(const CdcSubscription *sub, CdcUser *saved)
{
	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	if (saved->userid != sub->owner_oid)
		SetUserIdAndSecContext(sub->owner_oid,
							   saved->sec_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
cdc_user_restore(const CdcUser *saved)
{
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

void
cdc_subscription_check_owner(const CdcSubscription *sub)
{
	if (!is_member_of_role(GetUserId(), sub->owner_oid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of subscription \"%s\"", sub->name),
				 errhint("Its owner is \"%s\".", sub->owner)));
}

CdcSubscription *
cdc_subscription_get_own(const char *name)
{
	CdcSubscription *sub = cdc_subscription_get(name);

	cdc_subscription_check_owner(sub);
	return sub;
}
