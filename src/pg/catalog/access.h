/*-------------------------------------------------------------------------
 *
 * access.h
 *	  Who may do what with a subscription, and running with its owner's rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_ACCESS_H
#define CDC_PG_CATALOG_ACCESS_H

#include "pg/base/bounded_text.h"
#include "pg/catalog/subscription.h"
#include "utils/relcache.h"

/*
 * The search_path under which everything of ours runs: what the server itself has, and
 * no type, operator or function of anybody else.
 */
#define CDC_SAFE_SEARCH_PATH	"pg_catalog, pg_temp"

/* What a scope puts back: whose rights and which settings were in force before it. */
typedef struct CdcScope
{
	Oid			userid;
	int			sec_context;
	int			guc_level;
	CdcSourceTexts texts;
} CdcScope;

/*
 * Between begin and end, triggers, functions and operators of somebody run with his
 * rights and nobody else's, whoever called: with a caller who has more rights, they
 * find nothing that would bring them to run as him.  As REFRESH MATERIALIZED VIEW does
 * it: a security-restricted operation (no temporary tables, no LISTEN, no cursor or
 * prepared statement that outlives it, no SET ROLE), CDC_SAFE_SEARCH_PATH, and settings
 * that are put back at its end.
 *
 * Triggers that wait for the caller's COMMIT would fire as the caller.  So at the begin
 * what is deferred by then is fired, with the rights that were in force when it was
 * called, and constraints are IMMEDIATE for the rest of the transaction; what is
 * deferred nevertheless inside the scope is an ERROR.
 *
 * Messages inside are taken to be about something of the source: see bounded_text.h.
 *
 * Scopes nest.  An abort of the (sub)transaction ends them.
 */
extern void cdc_scope_begin(Oid userid, CdcScope *scope);
extern void cdc_scope_end(const CdcScope *scope);

/*
 * Inside of a scope, before a statement that writes the table, in the same transaction; it is
 * locked for writing.  What Greenplum would not do there for an append-optimised table is done
 * now, for all partitions of one that has some.  Does nothing for other tables.
 */
extern void cdc_append_optimized_expect(Relation rel);

/* The same as the subscription's owner: for all that pull, apply and publish do. */
extern void cdc_owner_begin(const CdcSubscription *sub, CdcScope *scope);

/* ERROR unless the current user has the privileges of the owner's role. */
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
