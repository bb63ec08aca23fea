/*-------------------------------------------------------------------------
 *
 * check_registry.c
 *	  cdc.check_server() of a Kafka cluster's schema registry: who answers, whether
 *	  it answers this user, and whether it is one.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/check/check_registry.h"

#include "core/status.h"
#include "pg/base/utf8.h"
#include "pg/options/kafka_options.h"
#include "pg/registry/fetch.h"
#include "pg/registry/registry.h"
#include "pg/remote/server_access.h"

static bool
is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* A password that anybody between here and the registry can read. */
static void
check_password(CdcCheckReport *out, const CdcRegistryOptions *options)
{
	if (!is_set(options->user) && !is_set(options->token))
		return;
	cdc_check_report(out, "registry password", strncmp(options->url, "https://", 8) == 0,
					 psprintf("schema_registry_url is %s.", options->url),
					 "The password or token leaves in clear text: set schema_registry_url to an address that begins with https://.");
}

void
cdc_check_registry(CdcCheckReport *out, ForeignServer *server, Oid user)
{
	UserMapping *mapping = cdc_server_user_mapping(server, user);
	CdcRegistryOptions options;
	CdcError	err;
	CdcStatus	st;
	bool		asked;

	cdc_registry_options_read(server->options, mapping != NULL ? mapping->options : NIL, &options);
	if (!is_set(options.url))
		return;
	if (!cdc_fetch_is_built())
	{
		cdc_check_report(out, "registry reachable", false,
						 "This build of cdc_ingest cannot ask schema registries.", CDC_FETCH_BUILD_HINT);
		return;
	}
	check_password(out, &options);
	st = cdc_registry_probe(server->serverid, user, &err);
	if (st == CDC_ERR_CONNECT)
	{
		cdc_check_report(out, "registry reachable", false,
						 psprintf("%s: %s", options.url, err.message), err.hint);
		return;
	}
	cdc_check_report(out, "registry reachable", true, options.url, NULL);
	asked = st == CDC_ERR_AUTH || st == CDC_ERR_PRIVILEGE;
	if (st == CDC_OK || asked)
		cdc_check_report(out, "registry authentication", st == CDC_OK,
						 st == CDC_OK ? NULL : err.message, err.hint);
	if (!asked)
		cdc_check_report(out, "registry answer", st == CDC_OK,
						 st == CDC_OK ? "It answers as a schema registry does." : err.message,
						 err.hint[0] != '\0' ? err.hint : "See the log of the schema registry.");
}
