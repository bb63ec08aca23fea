/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  What the names that a subscription keeps stand for: OIDs beside names, and
 *	  the database for which they were looked up.
 *
 *	  A relation, role, schema or server that is renamed is followed by its OID;
 *	  another one of the same name is not taken for it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_IDENTITY_H
#define CDC_PG_CATALOG_IDENTITY_H

#include "pg/base/compat.h"

/* cdc_catalog.subscription_identity */
typedef struct CdcIdentity
{
	bool		known;			/* there is a row; else nothing below is set */
	bool		here;			/* it was written in this database */
	Oid			owner;
	Oid			server;			/* InvalidOid: there was none of that name */
	Oid			history;
	Oid			target_schema;	/* InvalidOid: it has none */
} CdcIdentity;

/* The names that go with it; palloc'ed.  NULL: what had the name is gone. */
typedef struct CdcIdentityNames
{
	char	   *owner;
	char	   *server;
	char	   *history;		/* qualified, quoted */
	char	   *target_schema;
} CdcIdentityNames;

/* Something that is not what it was: an error that waits until it matters. */
typedef struct CdcTrouble
{
	int			sqlerrcode;
	const char *message;
	const char *detail;			/* or NULL */
	const char *hint;
} CdcTrouble;

/* Raises it. */
pg_noreturn extern void cdc_trouble_raise(const CdcTrouble *trouble);

/* Whether that is the place of this process: cluster and database. */
extern bool cdc_identity_is_here(const char *system_identifier, Oid database);

/* The relation of a qualified name; InvalidOid: there is none. */
extern Oid	cdc_relation_by_name(const char *qualified);

/* Qualified and quoted, palloc'ed; NULL: it is gone. */
extern char *cdc_relation_name(Oid relid);

/* The names of these, palloc'ed; NULL: gone. */
extern char *cdc_role_name(Oid role);
extern char *cdc_server_name(Oid server);

/* OIDs by the names; InvalidOid for what there is none of. */
extern void cdc_identity_look_up(const CdcIdentityNames *names, CdcIdentity *identity);

/* Keeps the OIDs as those of this database. */
extern void cdc_identity_store(const char *subscription, const CdcIdentity *identity);

/* Keeps the names, where NULL leaves the one that is there. */
extern void cdc_identity_store_names(const char *subscription, const CdcIdentityNames *names);

/* Does so for all subscriptions whose names have changed. */
extern void cdc_identity_follow_all(void);

/* Gives all that is one role's to another one; returns the number of subscriptions. */
extern uint64 cdc_identity_reassign(Oid from, Oid to);

#endif							/* CDC_PG_CATALOG_IDENTITY_H */
