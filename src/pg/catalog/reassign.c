/*-------------------------------------------------------------------------
 *
 * reassign.c
 *	  REASSIGN OWNED: subscriptions are among what a role owns.
 *
 * PostgreSQL has no event trigger for that command, and cannot be told that a role
 * owns something that is none of its own kinds of objects.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/reassign.h"

#if CDC_HAVE_EVENT_TRIGGERS

#include "access/xact.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "pg/catalog/changes.h"
#include "pg/catalog/identity.h"
#include "pg/catalog/spi.h"
#include "pg/base/compat_executor.h"

static ProcessUtility_hook_type prev_utility_hook = NULL;

/* Whether the extension is in this database. */
static bool
is_installed(void)
{
	Oid			nsp = get_namespace_oid(CDC_CATALOG_SCHEMA, true);

	return OidIsValid(nsp) && OidIsValid(get_relname_relid("subscription_identity", nsp));
}

/* The command has checked the rights. */
static void
reassign(const ReassignOwnedStmt *stmt)
{
	Oid			to = get_rolespec_oid(stmt->newrole, false);
	uint64		n = 0;
	ListCell   *lc;

	foreach(lc, stmt->roles)
		n += cdc_identity_reassign(get_rolespec_oid(lfirst(lc), false), to);
	if (n > 0)
		cdc_subscription_changed();
}

static void
process_utility(CDC_UTILITY_PARAMETERS)
{
	if (prev_utility_hook != NULL)
		prev_utility_hook(CDC_UTILITY_ARGUMENTS);
	else
		standard_ProcessUtility(CDC_UTILITY_ARGUMENTS);
	if (IsA(pstmt->utilityStmt, ReassignOwnedStmt) && is_installed())
	{
		CommandCounterIncrement();
		reassign((const ReassignOwnedStmt *) pstmt->utilityStmt);
	}
}

void
cdc_reassign_init(void)
{
	prev_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

#else							/* !CDC_HAVE_EVENT_TRIGGERS */

void
cdc_reassign_init(void)
{
}

#endif
