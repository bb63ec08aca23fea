/*-------------------------------------------------------------------------
 *
 * server_access.c
 *	  Who may use which foreign server.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/server_access.h"

#include "catalog/pg_foreign_server.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "pg/base/compat_catalog.h"

void
cdc_server_check_wrapper(ForeignServer *server, const char *fdw, const char *option)
{
	if (strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, fdw) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not one of foreign data wrapper \"%s\"",
						server->servername, fdw),
				 errhint("Create one: CREATE SERVER ... FOREIGN DATA WRAPPER %s OPTIONS (%s '...').",
						 fdw, option)));
}

void
cdc_server_check_usage(ForeignServer *server, Oid role)
{
	if (CDC_SERVER_ACLCHECK(server->serverid, role, ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for foreign server %s", server->servername),
				 errhint("GRANT USAGE ON FOREIGN SERVER %s TO %s;",
						 quote_identifier(server->servername),
						 quote_identifier(CDC_USER_NAME(role)))));
}

UserMapping *
cdc_server_user_mapping(ForeignServer *server, Oid role)
{
	if (!SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role),
							   ObjectIdGetDatum(server->serverid)) &&
		!SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
							   ObjectIdGetDatum(server->serverid)))
		return NULL;
	return GetUserMapping(role, server->serverid);
}
