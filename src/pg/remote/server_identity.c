/*-------------------------------------------------------------------------
 *
 * server_identity.c
 *	  Who may connect to a source as the database server itself.
 *
 * Some ways to log in prove who the server's operating system user is, or what files he
 * has, and not who the role is: Unix sockets, client certificates, Kerberos tickets, no
 * password at all.  A role that is no superuser has them where a superuser gave its user
 * mapping the option password_required 'false', as in postgres_fdw.
 *
 * Files of the server are also read where the foreign server belongs to a superuser: it
 * was he who named them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/server_access.h"

#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/compat_catalog.h"
#include "pg/options/kafka_options.h"
#include "pg/options/mysql_options.h"
#include "pg/options/option_table.h"
#include "source/kafka.h"

/* Whether the role may be taken for the database server. */
static bool
may_be_the_server(const UserMapping *mapping, Oid role)
{
	const char *value = mapping != NULL ? cdc_option_value(mapping->options, "password_required") : NULL;
	bool		required = true;

	return superuser_arg(role) || (value != NULL && parse_bool(value, &required) && !required);
}

/* ERROR: what the role would do as the database server, and who can allow it. */
static void
refuse(const ForeignServer *server, const UserMapping *mapping, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
			 errmsg("server \"%s\" would be used with the rights of the database server",
					server->servername),
			 errdetail("%s", detail),
			 errhint("A superuser can allow it: %s USER MAPPING FOR %s SERVER %s OPTIONS (%spassword_required 'false').",
					 mapping != NULL ? "ALTER" : "CREATE",
					 mapping == NULL ? "..." : !OidIsValid(mapping->userid) ? "PUBLIC" :
					 quote_identifier(CDC_USER_NAME(mapping->userid)),
					 quote_identifier(server->servername), mapping != NULL ? "ADD " : "")));
}

/* ERROR where a server that belongs to no superuser names a file. */
static void
check_file(const ForeignServer *server, const UserMapping *mapping, const char *option)
{
	if (!superuser_arg(server->owner))
		refuse(server, mapping,
			   psprintf("Option \"%s\" names a file of it, and the foreign server's owner is no superuser.",
						option));
}

void
cdc_server_check_mysql_identity(const ForeignServer *server, const UserMapping *mapping, Oid role)
{
	static const char *const files[] = {
		"ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "server_public_key"
	};
	const char *password = cdc_option_value(mapping->options, "password");
	int			i;

	if (may_be_the_server(mapping, role))
		return;
	if (cdc_option_value(server->options, "unix_socket") != NULL)
		refuse(server, mapping, "Through a Unix socket a source may take who connects for the operating system's user.");
	if (password == NULL || password[0] == '\0')
		refuse(server, mapping, "The user mapping has no password.");
	for (i = 0; i < (int) lengthof(files); i++)
		if (cdc_option_value(server->options, files[i]) != NULL)
			check_file(server, mapping, files[i]);
}

/* Whether the mapping has something secret that proves who it is. */
static bool
has_kafka_secret(const UserMapping *mapping)
{
	ListCell   *lc;

	foreach(lc, mapping != NULL ? mapping->options : NIL)
	{
		DefElem    *def = lfirst(lc);

		if (cdc_kafka_property_use(cdc_kafka_property_name(def->defname), NULL) == CDC_KAFKA_SECRET &&
			defGetString(def)[0] != '\0')
			return true;
	}
	return false;
}

/* Whether the client would log in with the ticket that the database server has. */
static bool
uses_ticket(const ForeignServer *server)
{
	const char *protocol = cdc_kafka_property_value(server->options, "security.protocol");
	const char *mechanism = cdc_kafka_property_value(server->options, "sasl.mechanism");

	if (mechanism == NULL)
		mechanism = cdc_kafka_property_value(server->options, "sasl.mechanisms");
	return protocol != NULL && pg_strncasecmp(protocol, "sasl", 4) == 0 &&
		(mechanism == NULL || pg_strcasecmp(mechanism, "GSSAPI") == 0);
}

/* The same where the server names files for its schema registry; what proves who asks there. */
static void
check_registry_files(const ForeignServer *server, const UserMapping *mapping)
{
	static const char *const files[] = {
		"schema_registry_ssl_ca_location", "schema_registry_ssl_certificate_location",
		"schema_registry_ssl_key_location"
	};
	static const char *const secrets[] = {
		"schema_registry_password", "schema_registry_token", "schema_registry_ssl_key_password"
	};
	bool		secret = false;
	int			i;

	for (i = 0; i < (int) lengthof(secrets) && mapping != NULL; i++)
	{
		const char *value = cdc_option_value(mapping->options, secrets[i]);

		secret = secret || (value != NULL && value[0] != '\0');
	}
	for (i = 0; i < (int) lengthof(files); i++)
	{
		if (cdc_option_value(server->options, files[i]) == NULL)
			continue;
		if (strcmp(files[i], "schema_registry_ssl_key_location") == 0 && !secret)
			refuse(server, mapping,
				   psprintf("Option \"%s\" names a key of it, and the user mapping has no secret of its own for the schema registry.",
							files[i]));
		check_file(server, mapping, files[i]);
	}
}

void
cdc_server_check_kafka_identity(const ForeignServer *server, const UserMapping *mapping, Oid role)
{
	ListCell   *lc;

	if (may_be_the_server(mapping, role))
		return;
	if (uses_ticket(server))
		refuse(server, mapping, "GSSAPI, the mechanism where none is set, uses the ticket that it has.");
	foreach(lc, server->options)
	{
		DefElem    *def = lfirst(lc);
		char	   *name = cdc_kafka_property_name(def->defname);

		if (cdc_kafka_property_use(name, NULL) != CDC_KAFKA_FILE)
			continue;
		if ((strcmp(name, "ssl.key.location") == 0 || strcmp(name, "ssl.keystore.location") == 0) &&
			!has_kafka_secret(mapping))
			refuse(server, mapping,
				   psprintf("Option \"%s\" names a key of it, and the user mapping has no secret of its own.",
							def->defname));
		check_file(server, mapping, def->defname);
	}
	check_registry_files(server, mapping);
}
