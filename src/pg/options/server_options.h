/*-------------------------------------------------------------------------
 *
 * server_options.h
 *	  What the options of a server of cdc_kafka and its user mappings fill.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTIONS_SERVER_OPTIONS_H
#define CDC_PG_OPTIONS_SERVER_OPTIONS_H

#include "source/kafka.h"

/* How a schema registry is asked; NULL or "" where there is nothing of the kind. */
typedef struct CdcRegistryOptions
{
	const char *url;			/* without a slash at its end */
	int			timeout_ms;
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
	const char *user;
	const char *password;
	const char *token;
	const char *key_password;
} CdcRegistryOptions;

/* What options of a server and a user mapping fill. */
typedef struct CdcKafkaServerOptions
{
	CdcKafkaOptions client;
	CdcRegistryOptions registry;
} CdcKafkaServerOptions;

#endif							/* CDC_PG_OPTIONS_SERVER_OPTIONS_H */
