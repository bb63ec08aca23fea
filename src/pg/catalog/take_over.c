/*-------------------------------------------------------------------------
 *
 * take_over.c
 *	  Taking a subscription over as things are now.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/take_over.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/tables.h"
#include "pg/base/compat_catalog.h"

/* The owner of a relation; InvalidOid: it is gone. */
static Oid
relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/* What it was where that is not gone, else what has the name. */
static Oid
old_or_named(const char *name_of_old, Oid old, Oid named)
{
	return OidIsValid(old) && name_of_old != NULL ? old : named;
}

static void
take_over_tables(const CdcSubscription *sub)
{
	ListCell   *lc;

	foreach(lc, cdc_subscription_tables(sub))
	{
		const CdcSubscriptionTable *t = lfirst(lc);
		char	   *name;
		Oid			relid;

		if (t->target == NULL)
			continue;
		/* where nothing was known, in a restored database, the OID is of another one */
		name = sub->identity.known ? cdc_relation_name(t->target_oid) : NULL;
		relid = old_or_named(name, t->target_oid, cdc_relation_by_name(t->target));
		if (relid != t->target_oid || (name != NULL && strcmp(name, t->target) != 0))
			cdc_subscription_table_target(sub, t->name,
										  name != NULL ? name : t->target, relid);
	}
}

/* The same of the servers of its publications. */
static void
take_over_publications(const CdcSubscription *sub)
{
	static CdcStatement read = {
		"SELECT p.name, p.server::pg_catalog.text, p.server_oid::pg_catalog.int8"
		" FROM cdc_catalog.publication p WHERE p.subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	static CdcStatement write = {
		"UPDATE cdc_catalog.publication SET server = $2::pg_catalog.name, server_oid = $3"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		3, {TEXTOID, TEXTOID, OIDOID}
	};
	CdcSpi		spi;
	Datum		values[3];
	char	  **names;
	char	  **servers;
	Oid		   *oids;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	n = cdc_spi_execute(&read, values, NULL);
	names = palloc(sizeof(char *) * (n + 1));
	servers = palloc(sizeof(char *) * (n + 1));
	oids = palloc(sizeof(Oid) * (n + 1));
	for (i = 0; i < n; i++)
	{
		char	   *name;

		names[i] = cdc_spi_text(&spi, i, 1);
		servers[i] = cdc_spi_text(&spi, i, 2);
		oids[i] = (Oid) cdc_spi_int64(i, 3);
		name = sub->identity.known ? cdc_server_name(oids[i]) : NULL;
		oids[i] = old_or_named(name, oids[i], get_foreign_server_oid(servers[i], true));
		if (name != NULL)
			servers[i] = name;
	}
	for (i = 0; i < n; i++)
	{
		values[0] = CStringGetTextDatum(names[i]);
		values[1] = CStringGetTextDatum(servers[i]);
		values[2] = ObjectIdGetDatum(oids[i]);
		(void) cdc_spi_execute(&write, values, NULL);
	}
	cdc_spi_end(&spi);
}

CdcSubscription *
cdc_subscription_take_over(const CdcSubscription *sub)
{
	CdcIdentityNames kept = {sub->owner, sub->server, sub->names.history, sub->target_schema};
	const CdcIdentityNames *now = &sub->names;
	CdcIdentity named;
	CdcIdentity identity = sub->identity;
	Oid			owner;
	CdcSubscription *result;

	cdc_identity_look_up(&kept, &named);
	identity.server = old_or_named(now->server, identity.server, named.server);
	identity.history = old_or_named(OidIsValid(sub->history) ? now->history : NULL,
									identity.history, named.history);
	identity.target_schema = old_or_named(now->target_schema, identity.target_schema,
										  named.target_schema);
	if (!OidIsValid(identity.history))
		cdc_trouble_raise(sub->trouble);
	owner = relation_owner(identity.history);
	/* never to a superuser unasked: the old owner's triggers would run with his rights */
	if (now->owner == NULL ||
		(!has_privs_of_role(identity.owner, owner) && !superuser_arg(owner)))
		identity.owner = owner;
	/* one of several members of the new owner, the old owner among them, asks for it */
	else if (!superuser_arg(owner) && !has_privs_of_role(GetUserId(), identity.owner) &&
			 has_privs_of_role(GetUserId(), owner))
		identity.owner = owner;
	if (!superuser() && !has_privs_of_role(GetUserId(), identity.owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of subscription \"%s\"", sub->name),
				 errhint("Its owner is \"%s\", that of its history \"%s\".", sub->owner,
						 CDC_USER_NAME(owner))));
	cdc_identity_store(sub->name, &identity);
	take_over_tables(sub);
	take_over_publications(sub);
	CommandCounterIncrement();
	result = cdc_subscription_get(sub->name);
	cdc_subscription_follow_names(result);
	if (sub->cloned || sub->trouble != NULL || sub->server_trouble != NULL)
		cdc_log(sub->name, "subscription", sub->cloned ? "taken over in this database" :
				"goes on with what has the names of what was dropped", NULL);
	return result;
}

void
cdc_subscription_follow_names(const CdcSubscription *sub)
{
	if (sub->renamed)
		cdc_identity_store_names(sub->name, &sub->names);
}

PG_FUNCTION_INFO_V1(cdc_take_over);

/* cdc_catalog.take_over(subscription text) */
Datum
cdc_take_over(PG_FUNCTION_ARGS)
{
	(void) cdc_subscription_take_over(cdc_subscription_get_any(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	cdc_subscription_changed();
	PG_RETURN_VOID();
}
