/*-------------------------------------------------------------------------
 *
 * kafka_options.c
 *	  Options of cdc_kafka: who may set which property of librdkafka, and
 *	  reading them for use.
 *
 * Every property is an option, its dots written as underscores; librdkafka itself
 * says which there are and what values they take.  Secrets and names of users
 * belong to user mappings, which only their user and the server's owner can read.
 * Addresses and files of the database server belong to servers, the rest to servers
 * or foreign tables.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/options/kafka_options.h"

#include <ctype.h>

#include "commands/defrem.h"

#include "pg/base/utf8.h"
#include "pg/options/kafka_field.h"
#include "pg/options/option_table.h"

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

/* The properties that were read so far. */
typedef struct Properties
{
	CdcKafkaProperty *list;		/* has room for all options of all lists */
	int			n;
} Properties;

/*
 * Adds a list of options of one scope.  foreign: the list has options of the
 * owner's own, too, which are passed over.
 */
static void
add_options(CdcOptionScope scope, List *list, bool foreign, Properties *properties,
			CdcKafkaServerOptions *options)
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
		properties->list[properties->n].value = cdc_to_utf8(value);
		properties->n++;
	}
}

static void
read_options(List *server, List *mapping, List *overrides, CdcKafkaServerOptions *options)
{
	Properties	properties;

	memset(options, 0, sizeof(*options));
	cdc_option_set_defaults(SCOPE_KAFKA_SERVER, options);
	properties.list = palloc((list_length(server) + list_length(mapping) + list_length(overrides) + 1) *
							 sizeof(CdcKafkaProperty));
	properties.n = 0;
	add_options(SCOPE_KAFKA_SERVER, server, false, &properties, options);
	add_options(SCOPE_KAFKA_OVERRIDE, overrides, true, &properties, options);
	/* The mapping comes last, so that nobody but its user says who connects. */
	add_options(SCOPE_KAFKA_USER, mapping, false, &properties, options);
	options->client.properties = properties.list;
	options->client.nproperties = properties.n;
}

void
cdc_kafka_options_read(List *server, List *mapping, List *overrides, CdcKafkaOptions *options)
{
	CdcKafkaServerOptions all;

	read_options(server, mapping, overrides, &all);
	*options = all.client;
}

void
cdc_registry_options_read(List *server, List *mapping, CdcRegistryOptions *options)
{
	CdcKafkaServerOptions all;

	read_options(server, mapping, NIL, &all);
	*options = all.registry;
}

/*
 * Checking
 */

/* ERROR for a property that belongs elsewhere; the hint says where. */
static void
report_wrong_place(CdcOptionScope scope, const char *option, bool credential)
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

/* Options of the scope that are no property, as is_own_option() knows them. */
static const char *
own_option_names(CdcOptionScope scope)
{
	if (scope != SCOPE_KAFKA_TABLE)
		return cdc_option_names(scope);
	return psprintf("%s, %s", cdc_option_names(scope), cdc_option_names(SCOPE_KAFKA_OVERRIDE));
}

/* ERROR where the scope may not set the property, or the value does not fit. */
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
							 cdc_kafka_library_version(), own_option_names(scope)[0] ? ", and: " : "",
							 own_option_names(scope))));
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
				report_wrong_place(scope, option, true);
			break;
		case CDC_KAFKA_CONNECTION:
		case CDC_KAFKA_FILE:
			if (!server)
				report_wrong_place(scope, option, false);
			break;
		case CDC_KAFKA_TUNING:
			if (mapping)
				report_wrong_place(scope, option, false);
			break;
	}
	if (cdc_failed(cdc_kafka_property_check(name, cdc_to_utf8(value), &err)))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\"", option),
				 err.detail[0] != '\0' ? errdetail("%s", err.detail) : errdetail("%s.", err.message)));
}

/* ERROR for what Kafka does not take as the name of a topic. */
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

/* Whether a text begins with a host, and perhaps a port, up to a slash or its end. */
static bool
is_authority(const char *text)
{
	size_t		len = strcspn(text, text[0] == '[' ? "]/" : ":/");
	long		port;
	char	   *end;

	if (text[0] == '[')
	{
		/* an address of IPv6 */
		if (text[len] != ']' || strspn(text + 1, "0123456789abcdefABCDEF:.%") < len - 1 || len < 3)
			return false;
		len++;
	}
	if (len == 0 || (text[len] != ':' && text[len] != '/' && text[len] != '\0'))
		return false;
	if (text[len] != ':')
		return true;
	if (!isdigit((unsigned char) text[len + 1]))
		return false;
	port = strtol(text + len + 1, &end, 10);
	return port >= 1 && port <= 65535 && (*end == '/' || *end == '\0');
}

/*
 * ERROR for what is no address of a registry.  What would be secret in it is a user
 * mapping's, and what is behind it is ours to say.
 */
static void
check_registry_url(const char *url)
{
	const char *rest = strncmp(url, "http://", 7) == 0 ? url + 7 :
		strncmp(url, "https://", 8) == 0 ? url + 8 : "";
	const char *p;

	for (p = rest; *p > ' ' && *p < 0x7f && strchr("@?#\\\"<>", *p) == NULL; p++)
		;
	if (*p == '\0' && is_authority(rest))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\"", "schema_registry_url"),
			 errhint("It is http://host:port or https://host:port, perhaps with a path; who connects is said by schema_registry_user and schema_registry_password of the user mapping.")));
}

/* ERROR for what is no token of HTTP: a line's end in it would end the header that it is in. */
static void
check_registry_token(const char *token)
{
	const char *p;

	for (p = token; *p > ' ' && *p < 0x7f; p++)
		;
	if (*p == '\0')
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\"", "schema_registry_token"),
			 errhint("A token has printable ASCII characters only, and no space.")));
}

/* ERROR for a user's name or password with a control character. */
static void
check_registry_credential(const char *name, const char *value)
{
	const char *p;

	for (p = value; *p == '\0' || ((unsigned char) *p >= ' ' && *p != 0x7f); p++)
		if (*p == '\0')
			return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\"", name),
			 errhint("It must not have control characters.")));
}

/*
 * ERROR where a property is set in two spellings, as nobody could see which of them
 * counts.
 */
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

/*
 * Whether the option is one of ours, no property of librdkafka; ERROR where its value
 * does not fit.
 */
static bool
is_own_option(CdcOptionScope scope, const DefElem *def)
{
	const char *value = defGetString((DefElem *) def);

	return cdc_option_set(scope, def->defname, value, NULL) ||
		(scope == SCOPE_KAFKA_TABLE &&
		 cdc_option_set(SCOPE_KAFKA_OVERRIDE, def->defname, value, NULL));
}

/* ERROR for an option of a column that there is not, or whose value does not fit. */
static void
check_column_option(const DefElem *def)
{
	if (!is_own_option(SCOPE_KAFKA_COLUMN, def))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\"", def->defname),
				 errhint("Valid options are: %s.", cdc_option_names(SCOPE_KAFKA_COLUMN))));
}

void
cdc_kafka_check_option(CdcOptionScope scope, List *list, const DefElem *def)
{
	const char *value = defGetString((DefElem *) def);
	const char **path;

	if (scope == SCOPE_KAFKA_COLUMN)
		check_column_option(def);
	check_unique(list, def);
	if (scope == SCOPE_KAFKA_USER)
		cdc_option_check_password_required(def->defname, value);
	if (scope == SCOPE_KAFKA_TABLE && strcmp(def->defname, "topic") == 0)
		check_topic(value);
	if (scope == SCOPE_KAFKA_SERVER && strcmp(def->defname, "schema_registry_url") == 0)
		check_registry_url(value);
	if (scope == SCOPE_KAFKA_USER && strcmp(def->defname, "schema_registry_token") == 0)
		check_registry_token(value);
	if (scope == SCOPE_KAFKA_USER && (strcmp(def->defname, "schema_registry_user") == 0 ||
									  strcmp(def->defname, "schema_registry_password") == 0))
		check_registry_credential(def->defname, value);
	if (strcmp(def->defname, "json_path") == 0)
		(void) cdc_kafka_parse_json_path(value, &path);
	if (scope != SCOPE_KAFKA_COLUMN && !is_own_option(scope, def))
		check_property(scope, def->defname, value);
}
