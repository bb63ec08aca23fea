/*-------------------------------------------------------------------------
 *
 * source/kafka_property.c
 *	  Properties of librdkafka: who may set which.
 *
 * librdkafka itself is asked which properties exist and what values they take.
 * What is known here is only what decides about safety: a property that names
 * a place or how to get there must not be changed by who may merely use a
 * server (it would send the credentials elsewhere), one that names a file makes
 * the database server read it, and some would run or load code.  Properties
 * that later versions bring are sorted by their names' parts.  Names with an
 * underscore are not here: options cannot name them, as theirs stand for dots.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "source/kafka_internal.h"

typedef struct PropertyUse
{
	const char *name;
	CdcKafkaPropertyUse use;
	const char *reason;
} PropertyUse;

#define LOADS_CODE "it would load or run code in the database server"
#define OURS "it is set by the extension, which keeps its positions in the database"
#define NO_LOGS "librdkafka's own log is not kept"

/* Whole names. */
static const PropertyUse uses[] = {
	{"plugin.library.paths", CDC_KAFKA_REFUSED, LOADS_CODE},
	{"ssl.engine.location", CDC_KAFKA_REFUSED, LOADS_CODE},
	{"ssl.engine.id", CDC_KAFKA_REFUSED, LOADS_CODE},
	{"ssl.providers", CDC_KAFKA_REFUSED, LOADS_CODE},
	{"sasl.kerberos.kinit.cmd", CDC_KAFKA_REFUSED, LOADS_CODE},
	{"sasl.kerberos.principal", CDC_KAFKA_REFUSED, "it is for kinit, which is not run: the database server's own ticket is used"},
	{"sasl.kerberos.keytab", CDC_KAFKA_REFUSED, "it is for kinit, which is not run: the database server's own ticket is used"},
	{"sasl.kerberos.min.time.before.relogin", CDC_KAFKA_REFUSED, "it is for kinit, which is not run: the database server's own ticket is used"},
	{"interceptors", CDC_KAFKA_REFUSED, LOADS_CODE},
	{"opaque", CDC_KAFKA_REFUSED, LOADS_CODE},
	{"internal.termination.signal", CDC_KAFKA_REFUSED, "signals of the backend belong to PostgreSQL"},
	{"offset.store.path", CDC_KAFKA_REFUSED, "it would write files in the database server"},
	{"test.mock.num.brokers", CDC_KAFKA_REFUSED, "it would start servers in the database server"},
	{"test.mock.broker.rtt", CDC_KAFKA_REFUSED, "it would start servers in the database server"},
	{"debug", CDC_KAFKA_REFUSED, NO_LOGS},
	{"log.queue", CDC_KAFKA_REFUSED, NO_LOGS},
	{"log.thread.name", CDC_KAFKA_REFUSED, NO_LOGS},
	{"log.connection.close", CDC_KAFKA_REFUSED, NO_LOGS},
	{"statistics.interval.ms", CDC_KAFKA_REFUSED, NO_LOGS},
	{"builtin.features", CDC_KAFKA_REFUSED, "it only tells what librdkafka was built with"},

	{"enable.auto.commit", CDC_KAFKA_CONTROLLED, OURS},
	{"auto.commit.enable", CDC_KAFKA_CONTROLLED, OURS},
	{"auto.commit.interval.ms", CDC_KAFKA_CONTROLLED, OURS},
	{"enable.auto.offset.store", CDC_KAFKA_CONTROLLED, OURS},
	{"offset.store.method", CDC_KAFKA_CONTROLLED, OURS},
	{"offset.store.sync.interval.ms", CDC_KAFKA_CONTROLLED, OURS},
	{"auto.offset.reset", CDC_KAFKA_CONTROLLED, "an offset that is gone is an error here, never another place"},
	{"enable.partition.eof", CDC_KAFKA_CONTROLLED, "scans need it to prove that they reached the end"},
	{"consume.callback.max.messages", CDC_KAFKA_CONTROLLED, "the extension reads in batches of its own"},
	{"delivery.report.only.error", CDC_KAFKA_CONTROLLED, "every delivery report is checked"},
	{"allow.auto.create.topics", CDC_KAFKA_CONTROLLED, "reading does not create topics"},
	{"group.id", CDC_KAFKA_CONTROLLED, "only subscriptions have a group, named by their option \"group_id\""},
	{"group.instance.id", CDC_KAFKA_CONTROLLED, OURS},
	{"group.protocol", CDC_KAFKA_CONTROLLED, OURS},
	{"group.protocol.type", CDC_KAFKA_CONTROLLED, OURS},
	{"group.remote.assignor", CDC_KAFKA_CONTROLLED, OURS},
	{"partition.assignment.strategy", CDC_KAFKA_CONTROLLED, OURS},
	{"session.timeout.ms", CDC_KAFKA_CONTROLLED, OURS},
	{"heartbeat.interval.ms", CDC_KAFKA_CONTROLLED, OURS},
	{"max.poll.interval.ms", CDC_KAFKA_CONTROLLED, OURS},
	{"queuing.strategy", CDC_KAFKA_CONTROLLED, OURS},

	{"sasl.username", CDC_KAFKA_CREDENTIAL, NULL},
	{"ssl.certificate.pem", CDC_KAFKA_CREDENTIAL, NULL},
	{"sasl.oauthbearer.client.id", CDC_KAFKA_CREDENTIAL, NULL},
	{"sasl.oauthbearer.client.credentials.client.id", CDC_KAFKA_CREDENTIAL, NULL},
	{"sasl.oauthbearer.scope", CDC_KAFKA_CREDENTIAL, NULL},
	{"sasl.oauthbearer.extensions", CDC_KAFKA_CREDENTIAL, NULL},
	{"sasl.oauthbearer.config", CDC_KAFKA_SECRET, NULL},
	{"sasl.jaas.config", CDC_KAFKA_SECRET, NULL},
	{"ssl.key.pem", CDC_KAFKA_SECRET, NULL},
	{"ssl.ca.pem", CDC_KAFKA_CONNECTION, NULL},
	{"https.ca.pem", CDC_KAFKA_CONNECTION, NULL},
	{"metadata.broker.list", CDC_KAFKA_CONNECTION, NULL},
	{"client.dns.lookup", CDC_KAFKA_CONNECTION, NULL},
};

/* Parts of names, in this order. */
static const PropertyUse parts[] = {
	{"password", CDC_KAFKA_SECRET, NULL},
	{"passphrase", CDC_KAFKA_SECRET, NULL},
	{"secret", CDC_KAFKA_SECRET, NULL},
	{"private.key.pem", CDC_KAFKA_SECRET, NULL},
	{".location", CDC_KAFKA_FILE, NULL},
	{".file", CDC_KAFKA_FILE, NULL},
	{".path", CDC_KAFKA_FILE, NULL},
	{"certificate.stores", CDC_KAFKA_FILE, NULL},
	{"bootstrap", CDC_KAFKA_CONNECTION, NULL},
	{"security.", CDC_KAFKA_CONNECTION, NULL},
	{"sasl", CDC_KAFKA_CONNECTION, NULL},
	{"ssl", CDC_KAFKA_CONNECTION, NULL},
	{"https", CDC_KAFKA_CONNECTION, NULL},
};

static bool
is_known(const char *name)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool		known;

	/* no value: back to the default */
	known = rd_kafka_conf_set(conf, name, NULL, NULL, 0) != RD_KAFKA_CONF_UNKNOWN;
	rd_kafka_conf_destroy(conf);
	return known;
}

CdcKafkaPropertyUse
cdc_kafka_property_use(const char *name, const char **reason)
{
	size_t		i;

	if (reason != NULL)
		*reason = NULL;
	for (i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
	{
		if (strcmp(uses[i].name, name) == 0)
		{
			if (reason != NULL)
				*reason = uses[i].reason;
			if (uses[i].use != CDC_KAFKA_REFUSED && uses[i].use != CDC_KAFKA_CONTROLLED &&
				!is_known(name))
				return CDC_KAFKA_UNKNOWN;
			return uses[i].use;
		}
	}
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (strstr(name, parts[i].name) != NULL)
		{
			if (!is_known(name))
				return CDC_KAFKA_UNKNOWN;
			if (reason != NULL)
				*reason = parts[i].reason;
			return parts[i].use;
		}
	}
	return is_known(name) ? CDC_KAFKA_TUNING : CDC_KAFKA_UNKNOWN;
}

/* A token's endpoint is fetched by libcurl, which also knows file: and worse. */
static bool
is_web_address(const char *value)
{
	return strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0;
}

CdcStatus
cdc_kafka_property_check(const char *name, const char *value, CdcError *err)
{
	const char *reason;
	CdcKafkaPropertyUse use = cdc_kafka_property_use(name, &reason);
	rd_kafka_conf_t *conf;
	char		text[CDC_ERROR_TEXT];
	bool		ok;

	if (use == CDC_KAFKA_UNKNOWN)
		return cdc_error(err, CDC_ERR_VALUE, "librdkafka %s has no property \"%s\"",
						 cdc_kafka_library_version(), name);
	if (use == CDC_KAFKA_REFUSED)
		return cdc_error(err, CDC_ERR_VALUE, "property \"%s\" cannot be set: %s", name, reason);
	if (strstr(name, "endpoint.url") != NULL && !is_web_address(value))
		return cdc_error(err, CDC_ERR_VALUE,
						 "property \"%s\" must begin with https:// or http://", name);

	conf = rd_kafka_conf_new();
	text[0] = '\0';
	ok = rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK;
	rd_kafka_conf_destroy(conf);
	if (ok)
		return CDC_OK;
	cdc_error(err, CDC_ERR_VALUE, "invalid value for property \"%s\"", name);
	if (use != CDC_KAFKA_SECRET)
		cdc_kafka_sentence(err, text);
	return CDC_ERR_VALUE;
}

const char *
cdc_kafka_library_version(void)
{
	return rd_kafka_version_str();
}
