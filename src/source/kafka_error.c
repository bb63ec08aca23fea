/*-------------------------------------------------------------------------
 *
 * source/kafka_error.c
 *	  From the error codes of Kafka's protocol and of librdkafka to CdcStatus,
 *	  with messages and hints for people.
 *
 * Codes from 0 are the brokers' (Kafka's protocol guide, "Error codes"),
 * negative ones are librdkafka's own.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "source/kafka_internal.h"

typedef struct Meaning
{
	rd_kafka_resp_err_t code;
	CdcStatus	status;
	bool		passes;			/* worth another try */
	const char *hint;
} Meaning;

#define HINT_ACL_TOPIC "Grant the user of the user mapping the operations Read and Describe (for INSERT: Write) on the topic."
#define HINT_ACL_GROUP "Grant the user of the user mapping the operation Read on the consumer group."
#define HINT_REACH "Check the server option bootstrap_servers, and that the brokers' advertised.listeners can be reached from the database server."
#define HINT_AUTH "Check sasl_username and sasl_password in the user mapping and security_protocol and sasl_mechanism of the server."
#define HINT_TLS "Check security_protocol and ssl_ca_location of the server: the port may not speak TLS, or its certificate be of another CA or name."
#define HINT_SIZE "Raise message_max_bytes of the server or table and max.message.bytes of the topic; where that is small, lower batch_size to it."
#define HINT_FENCED "Another producer uses the same transactional_id: each one needs its own."
#define HINT_PURGED "Messages between the position and the topic's oldest one are lost to this reader: raise retention.ms or retention.bytes of the topic."

static const Meaning meanings[] = {
	/* librdkafka's own */
	{RD_KAFKA_RESP_ERR__TRANSPORT, CDC_ERR_CONNECT, true, HINT_REACH},
	{RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, CDC_ERR_CONNECT, true, HINT_REACH},
	{RD_KAFKA_RESP_ERR__RESOLVE, CDC_ERR_CONNECT, true, HINT_REACH},
	{RD_KAFKA_RESP_ERR__TIMED_OUT, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, CDC_ERR_CONNECT, false, HINT_REACH},
	{RD_KAFKA_RESP_ERR__WAIT_COORD, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR__WAIT_CACHE, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR__RETRY, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR__IN_PROGRESS, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR__SSL, CDC_ERR_CONNECT, true, HINT_TLS},
	{RD_KAFKA_RESP_ERR__AUTHENTICATION, CDC_ERR_AUTH, true, HINT_AUTH},
	{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, CDC_ERR_CONFIG, false, NULL},
	{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, CDC_ERR_CONFIG, false, NULL},
#if CDC_KAFKA_HAVE_OFFSET_RESET_ERROR
	{RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, CDC_ERR_PURGED, false, HINT_PURGED},
#endif
	{RD_KAFKA_RESP_ERR__NO_OFFSET, CDC_ERR_PURGED, false, NULL},
	{RD_KAFKA_RESP_ERR__BAD_MSG, CDC_ERR_CORRUPT, false, NULL},
	{RD_KAFKA_RESP_ERR__BAD_COMPRESSION, CDC_ERR_CORRUPT, false, NULL},
	{RD_KAFKA_RESP_ERR__UNDERFLOW, CDC_ERR_CORRUPT, false, NULL},
	{RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, CDC_ERR_UNSUPPORTED, false, NULL},
	{RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, CDC_ERR_UNSUPPORTED, false, NULL},
	{RD_KAFKA_RESP_ERR__INVALID_ARG, CDC_ERR_VALUE, false, NULL},
	{RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, CDC_ERR_NOMEM, false, NULL},
	{RD_KAFKA_RESP_ERR__FENCED, CDC_ERR_CONFIG, false, HINT_FENCED},
	{RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, CDC_ERR_CONFIG, false, NULL},

	/* the brokers' */
	{RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, CDC_ERR_PURGED, false, HINT_PURGED},
	{RD_KAFKA_RESP_ERR_INVALID_MSG, CDC_ERR_CORRUPT, false, NULL},
	{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, CDC_ERR_CONFIG, false, NULL},
	{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, CDC_ERR_VALUE, false, NULL},
	{RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, CDC_ERR_CONFIG, false, NULL},
	{RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_NOT_COORDINATOR, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_NOT_CONTROLLER, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, CDC_ERR_CONNECT, true, NULL},
	{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, CDC_ERR_LIMIT, false, HINT_SIZE},
	{RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, CDC_ERR_LIMIT, false, HINT_SIZE},
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, CDC_ERR_PRIVILEGE, false, HINT_ACL_TOPIC},
	{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, CDC_ERR_PRIVILEGE, false, HINT_ACL_GROUP},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, CDC_ERR_PRIVILEGE, false,
	"The user of the user mapping may not do this in the cluster: see the brokers' ACLs."},
	{RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, CDC_ERR_PRIVILEGE, false,
	"Grant the user of the user mapping the operations Describe and Write on the transactional id."},
	{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, CDC_ERR_AUTH, true, HINT_AUTH},
	{RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, CDC_ERR_AUTH, true, HINT_AUTH},
	{RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, CDC_ERR_AUTH, true, HINT_AUTH},
	{RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, CDC_ERR_UNSUPPORTED, false,
	"The brokers are too old for this; Kafka 0.11 is the oldest that is supported."},
	{RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, CDC_ERR_CONFIG, false, HINT_FENCED},
	{RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, CDC_ERR_SOURCE, false, NULL},
	{RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, CDC_ERR_CONFIG, false,
	"Set transaction_timeout_ms to no more than the brokers' transaction.max.timeout.ms."},
	{RD_KAFKA_RESP_ERR_POLICY_VIOLATION, CDC_ERR_CONFIG, false, NULL},
};

static const Meaning *
find_meaning(rd_kafka_resp_err_t code)
{
	size_t		i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
	{
		if (meanings[i].code == code)
			return &meanings[i];
	}
	return NULL;
}

CdcStatus
cdc_kafka_error_status(rd_kafka_resp_err_t code)
{
	const Meaning *meaning = find_meaning(code);

	return meaning != NULL ? meaning->status : CDC_ERR_SOURCE;
}

bool
cdc_kafka_error_passes(rd_kafka_resp_err_t code)
{
	const Meaning *meaning = find_meaning(code);

	return meaning != NULL && meaning->passes;
}

CdcStatus
cdc_kafka_error(CdcError *err, rd_kafka_resp_err_t code, const char *text, const char *fmt,...)
{
	const Meaning *meaning = find_meaning(code);
	const char *said = rd_kafka_err2str(code);
	CdcStatus	status = meaning != NULL ? meaning->status : CDC_ERR_SOURCE;
	char		what[CDC_ERROR_TEXT];
	va_list		args;

	va_start(args, fmt);
	(void) vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);

	/* "Broker: " and "Local: " say who found the error */
	if (strncmp(said, "Local: ", 7) == 0)
		said += 7;
	cdc_error(err, status, "%s: %s", what, said);
	if (err == NULL)
		return status;
	err->source_errno = code > 0 ? (unsigned) code : 0;
	if (text != NULL && text[0] != '\0' && strcmp(text, rd_kafka_err2str(code)) != 0)
		cdc_kafka_sentence(err, text);
	if (meaning != NULL && meaning->hint != NULL)
		cdc_error_hint(err, "%s", meaning->hint);
	return status;
}

void
cdc_kafka_sentence(CdcError *err, const char *text)
{
	size_t		len = strlen(text);

	cdc_error_detail(err, "%s%s", text, len > 0 && text[len - 1] != '.' ? "." : "");
}
