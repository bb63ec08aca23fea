/*-------------------------------------------------------------------------
 *
 * access.c
 *	  Who may do what with a subscription, and running with its owner's rights.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/access.h"

#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "pg/base/compat_executor.h"
#include "pg/catalog/spi.h"

/* What is deferred to the end of the transaction fires now, as the current user. */
static void
fire_deferred_triggers(void)
{
	ConstraintsSetStmt *all_immediate = makeNode(ConstraintsSetStmt);

	AfterTriggerSetState(all_immediate);
	pfree(all_immediate);
}

void
cdc_scope_begin(Oid userid, CdcScope *scope)
{
	GetUserIdAndSecContext(&scope->userid, &scope->sec_context);

	/* where it is restricted already, nothing can be deferred since that began */
	if ((scope->sec_context & SECURITY_RESTRICTED_OPERATION) == 0)
		fire_deferred_triggers();

	scope->guc_level = NewGUCNestLevel();
	/* a change, even to the same, would let all plans be made anew */
	if (strcmp(namespace_search_path, CDC_SAFE_SEARCH_PATH) != 0)
		CDC_SET_OPTION("search_path", CDC_SAFE_SEARCH_PATH, PGC_USERSET, PGC_S_SESSION,
					   GUC_ACTION_SAVE);
	SetUserIdAndSecContext(userid, scope->sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	cdc_source_texts_begin(&scope->texts);
}

void
cdc_scope_end(const CdcScope *scope)
{
	cdc_source_texts_end(&scope->texts);
	/* false: what somebody's code has set inside goes with it */
	AtEOXact_GUC(false, scope->guc_level);
	SetUserIdAndSecContext(scope->userid, scope->sec_context);
}

void
cdc_owner_begin(const CdcSubscription *sub, CdcScope *scope)
{
	cdc_scope_begin(sub->owner_oid, scope);
}

void
cdc_subscription_check_owner(const CdcSubscription *sub)
{
	if (!has_privs_of_role(GetUserId(), sub->owner_oid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of subscription \"%s\"", sub->name),
				 errhint("Its owner is \"%s\".", sub->owner)));
}

bool
cdc_sees_all(void)
{
	Oid			monitor = get_role_oid("cdc_monitor", true);

	return has_privs_of_role(GetUserId(), cdc_extension_owner()) ||
		(OidIsValid(monitor) && has_privs_of_role(GetUserId(), monitor));
}

/*
 * The length of the control character there; 0: it is none.  C1, which has
 * terminals' sequences too, is known in UTF-8 only.
 */
static int
control_character(const char *s)
{
	const unsigned char *c = (const unsigned char *) s;

	if (c[0] < 0x20 || c[0] == 0x7f)
		return 1;
	return GetDatabaseEncoding() == PG_UTF8 && c[0] == 0xc2 && c[1] < 0xa0 ? 2 : 0;
}

void
cdc_check_name(const char *what, const char *name)
{
	bool		printable = true;
	StringInfoData shown;
	const char *s;

	initStringInfo(&shown);
	for (s = name; *s != '\0';)
	{
		int			len = control_character(s);

		if (len > 0)
		{
			printable = false;
			appendStringInfoChar(&shown, '?');
		}
		else
		{
			len = pg_mblen(s);
			appendBinaryStringInfo(&shown, s, len);
		}
		s += len;
	}
	if (!printable || shown.len == 0 || shown.len >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name of a %s: \"%s\"", what, shown.data),
				 errdetail("It has 1 to %d bytes and no control character.", NAMEDATALEN - 1)));
	pfree(shown.data);
}

CdcSubscription *
cdc_subscription_get_own(const char *name)
{
	CdcSubscription *sub = cdc_subscription_get(name);

	cdc_subscription_check_owner(sub);
	return sub;
}
