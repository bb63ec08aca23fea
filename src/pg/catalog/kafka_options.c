/*-------------------------------------------------------------------------
 *
 * kafka_options.c
 *	  Options of cdc_kafka: who may set which property of librdkafka, and
 *	  reading them for use.
 *
 * Every property is an option, its dots written as underscores; librdkafka
 * itself is asked which there are and what values they take.  Secrets and names
 * of users belong to user mappings, which only their user and the server's
 * owner can read; where to connect to, and files of the database server, to
 * servers; the rest to servers or foreign tables.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/kafka_options.h"

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "pg/base/error.h"
#include "pg/catalog/kafka_field.h"
#include "pg/catalog/option_table.h"

char *
cdc_kafka_property_name(const char *option)
{
	char	   *name = pstrdup(option);
	char	   *at;

	for (at = name; *at != '\0'; at++)
	{
		if (*at == '_')
			*at = '.';
	}
	return name;
}

const char *
cdc_kafka_property_value(List *options, const char *property)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(cdc_kafka_property_name(def->defname), property) == 0)
			return defGetString(def);
	}
	return NULL;
}

/*
 * Reading
 */

typedef struct Properties
{
	CdcKafkaProperty *list;
	int			n;
} Properties;

/* foreign: the list has options of others, too. */
static void
read_list(CdcOptionScope scope, List *list, bool foreign, Properties *properties,
		  CdcKafkaOptions *options)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		DefElem    *def = lfirst(lc);
		char	   *value = defGetString(def);
		char	   *name;

		if (cdc_option_set(scope, def->defname, value, options))
			continue;
		name = cdc_kafka_property_name(def->defname);
		if (foreign && cdc_kafka_property_use(name, NULL) == CDC_KAFKA_UNKNOWN)
			continue;
		properties->list[properties->n].name = name;
		properties->list[properties->n].value = pg_server_to_any(value, strlen(value), PG_UTF8);
		properties->n++;
	}
}

void
cdc_kafka_options_read(List *server, List *mapping, List *overrides, CdcKafkaOptions *options)
{
	Properties	properties;

	memset(options, 0, sizeof(*options));
	cdc_option_set_defaults(SCOPE_KAFKA_SERVER, options);
	properties.list = palloc((list_length(server) + list_length(mapping) + list_length(overrides) + 1) *
							 sizeof(CdcKafkaProperty));
	properties.n = 0;
	read_list(SCOPE_KAFKA_SERVER, server, false, &properties, options);
	read_list(SCOPE_KAFKA_OVERRIDE, overrides, true, &properties, options);
	/* last: nobody but the mapping's user says who connects */
	read_list(SCOPE_KAFKA_USER, mapping, false, &properties, options);
	options->properties = properties.list;
	options->nproperties = properties.n;
}

/*
 * Checking
 */

static void
wrong_place(CdcOptionScope scope, const char *option, bool credential)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("option \"%s\" does not belong to a %s", option, cdc_option_scope_name(scope)),
			 credential ?
			 errhint("Set it with CREATE USER MAPPING FOR ... SERVER ... OPTIONS (%s '...').", option) :
			 scope == SCOPE_KAFKA_USER ?
			 errhint("Set it with CREATE SERVER or ALTER SERVER ... OPTIONS (%s '...').", option) :
			 errhint("Set it with CREATE SERVER or ALTER SERVER ... OPTIONS (%s '...'); it says where credentials are sent.", option)));
}

static void
check_property(CdcOptionScope scope, const char *option, const char *value)
{
	char	   *name = cdc_kafka_property_name(option);
	bool		server = scope == SCOPE_KAFKA_SERVER;
	bool		mapping = scope == SCOPE_KAFKA_USER;
	const char *reason;
	CdcError	err;

	switch (cdc_kafka_property_use(name, &reason))
	{
		case CDC_KAFKA_UNKNOWN:
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\" for a %s", option, cdc_option_scope_name(scope)),
					 errhint("Valid options are the properties of librdkafka %s, their dots written as underscores%s%s.",
							 cdc_kafka_library_version(), cdc_option_names(scope)[0] ? ", and: " : "",
							 cdc_option_names(scope))));
			break;
		case CDC_KAFKA_REFUSED:
		case CDC_KAFKA_CONTROLLED:
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("option \"%s\" cannot be set", option),
					 errdetail("Of librdkafka's property \"%s\": %s.", name, reason)));
			break;
		case CDC_KAFKA_CREDENTIAL:
		case CDC_KAFKA_SECRET:
			if (!mapping)
				wrong_place(scope, option, true);
			break;
		case CDC_KAFKA_CONNECTION:
		case CDC_KAFKA_FILE:
			if (!server)
				wrong_place(scope, option, false);
			break;
		case CDC_KAFKA_TUNING:
			if (mapping)
				wrong_place(scope, option, false);
			break;
	}
	if (cdc_failed(cdc_kafka_property_check(name, pg_server_to_any(value, strlen(value), PG_UTF8), &err)))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\"", option),
				 err.detail[0] != '\0' ? errdetail("%s", err.detail) : errdetail("%s.", err.message)));
}

/* What Kafka takes as the name of a topic. */
static void
check_topic(const char *name)
{
	size_t		len = strlen(name);

	if (len >= 1 && len <= 249 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", "topic", name),
			 errhint("Names of topics have 1 to 249 letters (a-z, A-Z), digits, dots, underscores and hyphens.")));
}

/* A property may have two spellings, of which none would be seen to count. */
static void
check_unique(List *list, const DefElem *def)
{
	char	   *name = cdc_kafka_property_name(def->defname);
	ListCell   *lc;

	foreach(lc, list)
	{
		DefElem    *other = lfirst(lc);

		if (other != def && strcmp(cdc_kafka_property_name(other->defname), name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("options \"%s\" and \"%s\" are the same", other->defname, def->defname)));
	}
}

PG_FUNCTION_INFO_V1(cdc_kafka_fdw_validator);

/*
 * cdc.kafka_fdw_validator(text[], oid): called by the server for CREATE and
 * ALTER SERVER, USER MAPPING, FOREIGN TABLE and so on, with all options that
 * will be set.
 */
Datum
cdc_kafka_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *list = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	CdcOptionScope scope;
	const char **path;
	ListCell   *lc;

	foreach(lc, list)
	{
		DefElem    *def = lfirst(lc);

		if (catalog == ForeignServerRelationId)
			scope = SCOPE_KAFKA_SERVER;
		else if (catalog == UserMappingRelationId)
			scope = SCOPE_KAFKA_USER;
		else if (catalog == ForeignTableRelationId)
			scope = SCOPE_KAFKA_TABLE;
		else if (catalog == AttributeRelationId)
			scope = SCOPE_KAFKA_COLUMN;
		else
			scope = SCOPE_SUBSCRIPTION;
		if (scope == SCOPE_SUBSCRIPTION ||
			(scope == SCOPE_KAFKA_COLUMN &&
			 !cdc_option_set(scope, def->defname, defGetString(def), NULL)))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", def->defname),
					 scope == SCOPE_KAFKA_COLUMN ?
					 errhint("Valid options are: %s.", cdc_option_names(scope)) :
					 errhint("Options belong to servers, user mappings and foreign tables of %s.", CDC_KAFKA_FDW)));
		check_unique(list, def);
		if (scope == SCOPE_KAFKA_TABLE && strcmp(def->defname, "topic") == 0)
			check_topic(defGetString(def));
		if (strcmp(def->defname, "json_path") == 0)
			(void) cdc_kafka_parse_json_path(defGetString(def), &path);
		if (scope != SCOPE_KAFKA_COLUMN &&
			!cdc_option_set(scope, def->defname, defGetString(def), NULL) &&
			!(scope == SCOPE_KAFKA_TABLE &&
			  cdc_option_set(SCOPE_KAFKA_OVERRIDE, def->defname, defGetString(def), NULL)))
			check_property(scope, def->defname, defGetString(def));
	}
	PG_RETURN_VOID();
}
