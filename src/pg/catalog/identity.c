/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  What the names that a subscription keeps stand for.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/identity.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/catalog/changes.h"
#include "pg/catalog/spi.h"
#include "pg/base/compat_catalog.h"

void
cdc_trouble_raise(const CdcTrouble *trouble)
{
	ereport(ERROR,
			(errcode(trouble->sqlerrcode),
			 errmsg("%s", trouble->message),
			 trouble->detail != NULL ? errdetail("%s", trouble->detail) : 0,
			 errhint("%s", trouble->hint)));
}

/* ------------------------------------------------------------------------
 * The place
 * ------------------------------------------------------------------------
 */

/* As text: SQL has no unsigned integer of 64 bits. */
static const char *
system_identifier(void)
{
	static char text[32];

	snprintf(text, sizeof(text), UINT64_FORMAT, GetSystemIdentifier());
	return text;
}

bool
cdc_identity_is_here(const char *system, Oid database)
{
	return database == MyDatabaseId && strcmp(system, system_identifier()) == 0;
}

PG_FUNCTION_INFO_V1(cdc_here);

/* cdc_catalog.here() returns text */
Datum
cdc_here(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s/%u", system_identifier(), MyDatabaseId)));
}

/* ------------------------------------------------------------------------
 * Names and OIDs
 * ------------------------------------------------------------------------
 */

Oid
cdc_relation_by_name(const char *qualified)
{
	List	   *names = CDC_QUALIFIED_NAMES(qualified);
	Oid			nsp;

	if (list_length(names) != 2)
		return InvalidOid;
	nsp = get_namespace_oid(strVal(linitial(names)), true);
	return OidIsValid(nsp) ? get_relname_relid(strVal(lsecond(names)), nsp) : InvalidOid;
}

char *
cdc_relation_name(Oid relid)
{
	char	   *name = OidIsValid(relid) ? get_rel_name(relid) : NULL;
	char	   *schema = name != NULL ? get_namespace_name(get_rel_namespace(relid)) : NULL;

	return schema != NULL ? quote_qualified_identifier(schema, name) : NULL;
}

char *
cdc_role_name(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	name = pstrdup(NameStr(((Form_pg_authid) GETSTRUCT(tuple))->rolname));
	ReleaseSysCache(tuple);
	return name;
}

char *
cdc_server_name(Oid server)
{
	HeapTuple	tuple = SearchSysCache1(FOREIGNSERVEROID, ObjectIdGetDatum(server));
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	name = pstrdup(NameStr(((Form_pg_foreign_server) GETSTRUCT(tuple))->srvname));
	ReleaseSysCache(tuple);
	return name;
}

void
cdc_identity_look_up(const CdcIdentityNames *names, CdcIdentity *identity)
{
	memset(identity, 0, sizeof(*identity));
	identity->owner = get_role_oid(names->owner, true);
	identity->server = get_foreign_server_oid(names->server, true);
	identity->history = cdc_relation_by_name(names->history);
	if (names->target_schema != NULL)
		identity->target_schema = get_namespace_oid(names->target_schema, true);
}

/* ------------------------------------------------------------------------
 * Keeping them
 * ------------------------------------------------------------------------
 */

void
cdc_identity_store(const char *subscription, const CdcIdentity *identity)
{
	static CdcStatement erase = {
		"DELETE FROM cdc_catalog.subscription_identity WHERE subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.subscription_identity (subscription, system_identifier, \"database\","
		" \"owner\", \"server\", history, target_schema) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		7, {TEXTOID, TEXTOID, OIDOID, OIDOID, OIDOID, OIDOID, OIDOID}
	};
	CdcSpi		spi;
	Datum		values[7];

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(system_identifier());
	values[2] = ObjectIdGetDatum(MyDatabaseId);
	values[3] = ObjectIdGetDatum(identity->owner);
	values[4] = ObjectIdGetDatum(identity->server);
	values[5] = ObjectIdGetDatum(identity->history);
	values[6] = ObjectIdGetDatum(identity->target_schema);
	(void) cdc_spi_execute(&erase, values, NULL);
	(void) cdc_spi_execute(&insert, values, NULL);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
}

void
cdc_identity_store_names(const char *subscription, const CdcIdentityNames *names)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET owner = COALESCE($2::pg_catalog.name, owner),"
		" server = COALESCE($3::pg_catalog.name, server), history = COALESCE($4, history),"
		" target_schema = COALESCE($5::pg_catalog.name, target_schema)"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, subscription, names->owner, names->server, names->history,
					   names->target_schema);
	cdc_catalog_changed();
}

/* The name of now where it is another one than the one that is kept, else NULL. */
static char *
changed(char *now, const char *kept)
{
	return now != NULL && kept != NULL && strcmp(now, kept) != 0 ? now : NULL;
}

void
cdc_identity_follow_all(void)
{
	static CdcStatement stmt = {
		"SELECT s.name, s.owner::pg_catalog.text, s.server::pg_catalog.text, s.history,"
		" s.target_schema::pg_catalog.text, i.\"owner\"::pg_catalog.int8, i.\"server\"::pg_catalog.int8,"
		" i.history::pg_catalog.int8, i.target_schema::pg_catalog.int8"
		" FROM cdc_catalog.subscription_identity i JOIN cdc_catalog.subscription s"
		" ON s.name OPERATOR(pg_catalog.=) i.subscription",
		0, {0}
	};
	CdcSpi		spi;
	uint64		n;
	uint64		i;
	char	  **subscriptions;
	CdcIdentityNames *names;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, NULL, NULL);
	subscriptions = palloc(sizeof(char *) * (n + 1));
	names = palloc(sizeof(CdcIdentityNames) * (n + 1));
	for (i = 0; i < n; i++)
	{
		subscriptions[i] = cdc_spi_text(&spi, i, 1);
		names[i].owner = changed(cdc_role_name((Oid) cdc_spi_int64(i, 6)), cdc_spi_text(&spi, i, 2));
		names[i].server = changed(cdc_server_name((Oid) cdc_spi_int64(i, 7)), cdc_spi_text(&spi, i, 3));
		names[i].history = changed(cdc_relation_name((Oid) cdc_spi_int64(i, 8)), cdc_spi_text(&spi, i, 4));
		names[i].target_schema = changed(get_namespace_name((Oid) cdc_spi_int64(i, 9)), cdc_spi_text(&spi, i, 5));
	}
	for (i = 0; i < n; i++)
		if (names[i].owner != NULL || names[i].server != NULL || names[i].history != NULL ||
			names[i].target_schema != NULL)
			cdc_identity_store_names(subscriptions[i], &names[i]);
	cdc_spi_end(&spi);
}

uint64
cdc_identity_reassign(Oid from, Oid to)
{
	static CdcStatement names = {
		"UPDATE cdc_catalog.subscription s SET owner = $2::pg_catalog.name"
		" FROM cdc_catalog.subscription_identity i WHERE i.subscription OPERATOR(pg_catalog.=) s.name"
		" AND i.\"owner\" OPERATOR(pg_catalog.=) $1",
		2, {OIDOID, TEXTOID}
	};
	static CdcStatement oids = {
		"UPDATE cdc_catalog.subscription_identity SET \"owner\" = $2"
		" WHERE \"owner\" OPERATOR(pg_catalog.=) $1",
		2, {OIDOID, OIDOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	uint64		n;

	cdc_spi_begin(&spi);
	values[0] = ObjectIdGetDatum(from);
	values[1] = CStringGetTextDatum(cdc_role_name(to));
	(void) cdc_spi_execute(&names, values, NULL);
	values[1] = ObjectIdGetDatum(to);
	n = cdc_spi_execute(&oids, values, NULL);
	cdc_spi_end(&spi);
	if (n > 0)
		cdc_catalog_changed();
	return n;
}
