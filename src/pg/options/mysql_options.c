/*-------------------------------------------------------------------------
 *
 * mysql_options.c
 *	  Options of servers and user mappings of cdc_mysql: their validator, and
 *	  reading them for use.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/options/mysql_options.h"

#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"

#include "pg/options/option_table.h"

/* Stores a list of options; those of which it knows no field are passed over. */
static void
read_list(CdcOptionScope scope, List *list, CdcMysqlOptions *opt)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		DefElem    *def = lfirst(lc);

		(void) cdc_option_set(scope, def->defname, defGetString(def), opt);
	}
}

void
cdc_mysql_options_read(List *server, List *mapping, CdcMysqlOptions *opt)
{
	memset(opt, 0, sizeof(*opt));
	cdc_option_set_defaults(SCOPE_MYSQL_SERVER, opt);
	read_list(SCOPE_MYSQL_SERVER, server, opt);
	read_list(SCOPE_MYSQL_USER, mapping, opt);
}

uint32
cdc_mysql_server_id_base(List *server)
{
	ListCell   *lc;

	foreach(lc, server)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "server_id") == 0)
			return (uint32) strtoul(defGetString(def), NULL, 10);
	}
	return 0;
}

/* ERROR for options that need another one, which is not set. */
static void
check_server_combination(List *list)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "ssl_mode") == 0 &&
			pg_strncasecmp(defGetString(def), "VERIFY", 6) == 0 &&
			cdc_option_value(list, "ssl_ca") == NULL && cdc_option_value(list, "ssl_capath") == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("option \"ssl_mode\" %s needs \"ssl_ca\" or \"ssl_capath\"", defGetString(def)),
					 errhint("Add ssl_ca with the file of the CA's certificate on the database server.")));
	}
	if ((cdc_option_value(list, "ssl_cert") != NULL) != (cdc_option_value(list, "ssl_key") != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("options \"ssl_cert\" and \"ssl_key\" must be set together")));
}

PG_FUNCTION_INFO_V1(cdc_mysql_fdw_validator);

/*
 * cdc.mysql_fdw_validator(text[], oid): called by the server for CREATE and
 * ALTER SERVER, USER MAPPING and so on, with all options that will be set.
 */
Datum
cdc_mysql_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *list = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	ListCell   *lc;

	foreach(lc, list)
	{
		DefElem    *def = lfirst(lc);

		if (catalog == ForeignServerRelationId || catalog == UserMappingRelationId)
		{
			CdcOptionScope scope = catalog == ForeignServerRelationId ?
				SCOPE_MYSQL_SERVER : SCOPE_MYSQL_USER;

			if (!cdc_option_set(scope, def->defname, defGetString(def), NULL))
				cdc_option_unknown(scope, def->defname);
		}
		else
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", def->defname),
					 errhint("Only servers and user mappings of %s have options.", CDC_MYSQL_FDW)));
	}
	if (catalog == ForeignServerRelationId)
		check_server_combination(list);
	PG_RETURN_VOID();
}
