/*
 * kafka_admin: what the tests do to a Kafka cluster beside producing and
 * consuming; Kafka's own commands are not among the jars that Maven brings.
 *
 *	kafka_admin -b SERVERS [-X PROPERTY=VALUE]... COMMAND ...
 *
 *	create-topic NAME PARTITIONS [CONFIG=VALUE]...
 *	delete-topic NAME
 *	add-partitions NAME TOTAL
 *	delete-records NAME PARTITION OFFSET	everything before the offset
 *	set-config NAME CONFIG=VALUE...			of a topic; all others go back to their defaults
 *	acl allow|deny USER OPERATION topic|group|transactional_id NAME|*
 *	watermarks NAME							lines "partition low high"
 *	committed GROUP NAME					lines "partition offset" (-1: none)
 *	commit GROUP NAME PARTITION OFFSET
 *	transaction commit|abort|open NAME PARTITION COUNT VALUE
 *											COUNT messages "VALUE i" in one transaction;
 *											open: left without an end
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#define TIMEOUT_MS	20000

static rd_kafka_conf_t *conf;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	fputs("kafka_admin: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static void
set_property(const char *name, const char *value)
{
	char		text[512];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		die("%s", text);
}

static rd_kafka_t *
client(rd_kafka_type_t type)
{
	char		text[512];
	rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof(text));

	if (rk == NULL)
		die("%s", text);
	return rk;
}

static void
check(rd_kafka_resp_err_t code, const char *what)
{
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		die("%s: %s", what, rd_kafka_err2str(code));
}

static void
check_error(rd_kafka_error_t *error, const char *what)
{
	if (error != NULL)
		die("%s: %s", what, rd_kafka_error_string(error));
}

/* Waits for the answer of an admin request. */
static rd_kafka_event_t *
wait_event(rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);

	if (event == NULL)
		die("no answer");
	check(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
	return event;
}

static void
check_topics(const rd_kafka_topic_result_t **results, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (rd_kafka_topic_result_error(results[i]) != RD_KAFKA_RESP_ERR_NO_ERROR)
			die("topic %s: %s: %s", rd_kafka_topic_result_name(results[i]),
				rd_kafka_err2name(rd_kafka_topic_result_error(results[i])),
				rd_kafka_topic_result_error_string(results[i]));
	}
}

/* Splits "name=value" in place; returns the value. */
static char *
split(char *pair)
{
	char	   *at = strchr(pair, '=');

	if (at == NULL)
		die("not NAME=VALUE: %s", pair);
	*at = '\0';
	return at + 1;
}

/* Whether the metadata has all partitions with leaders: a new topic can be used then. */
static void
wait_topic(rd_kafka_t *rk, const char *name, int partitions)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, name, NULL);
	int			tries;

	for (tries = 0; tries < TIMEOUT_MS / 50; tries++)
	{
		const rd_kafka_metadata_t *md;
		int			leaders = 0;
		int			i;

		if (rd_kafka_metadata(rk, 0, rkt, &md, TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			for (i = 0; md->topic_cnt == 1 && i < md->topics[0].partition_cnt; i++)
				leaders += md->topics[0].partitions[i].leader >= 0;
			rd_kafka_metadata_destroy(md);
		}
		if (leaders >= partitions)
		{
			rd_kafka_topic_destroy(rkt);
			return;
		}
		usleep(50000);
	}
	die("topic %s does not get ready", name);
}

static void
create_topic(int n, char **args)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	char		text[512];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(args[0], atoi(args[1]), -1, text, sizeof(text));
	const rd_kafka_topic_result_t **results;
	size_t		count;
	rd_kafka_event_t *event;
	int			i;

	if (topic == NULL)
		die("%s", text);
	for (i = 2; i < n; i++)
	{
		char	   *value = split(args[i]);

		check(rd_kafka_NewTopic_set_config(topic, args[i], value), args[i]);
	}
	rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
	event = wait_event(queue);
	results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
	check_topics(results, count);
	wait_topic(rk, args[0], atoi(args[1]));
}

static void
delete_topic(int n, char **args)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(args[0]);
	const rd_kafka_topic_result_t **results;
	size_t		count;
	rd_kafka_event_t *event;

	(void) n;
	rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
	event = wait_event(queue);
	results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
	check_topics(results, count);
}

static void
add_partitions(int n, char **args)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	char		text[512];
	rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(args[0], (size_t) atoi(args[1]), text, sizeof(text));
	const rd_kafka_topic_result_t **results;
	size_t		count;
	rd_kafka_event_t *event;

	(void) n;
	if (more == NULL)
		die("%s", text);
	rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
	event = wait_event(queue);
	results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count);
	check_topics(results, count);
	wait_topic(rk, args[0], atoi(args[1]));
}

static void
delete_records(int n, char **args)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_DeleteRecords_t *records;
	const rd_kafka_topic_partition_list_t *results;
	rd_kafka_event_t *event;

	(void) n;
	rd_kafka_topic_partition_list_add(list, args[0], atoi(args[1]))->offset = atoll(args[2]);
	records = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(rk, &records, 1, NULL, queue);
	event = wait_event(queue);
	results = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
	check(results->elems[0].err, args[0]);
}

static void
set_config(int n, char **args)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, args[0]);
	const rd_kafka_ConfigResource_t **results;
	size_t		count;
	rd_kafka_event_t *event;
	int			i;

	for (i = 1; i < n; i++)
	{
		char	   *value = split(args[i]);

		check(rd_kafka_ConfigResource_set_config(resource, args[i], value), args[i]);
	}
	rd_kafka_AlterConfigs(rk, &resource, 1, NULL, queue);
	event = wait_event(queue);
	results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
	check(rd_kafka_ConfigResource_error(results[0]), args[0]);
}

static rd_kafka_AclOperation_t
operation(const char *name)
{
	int			op;

	for (op = RD_KAFKA_ACL_OPERATION_ALL; op < RD_KAFKA_ACL_OPERATION__CNT; op++)
	{
		if (strcasecmp(rd_kafka_AclOperation_name((rd_kafka_AclOperation_t) op), name) == 0)
			return (rd_kafka_AclOperation_t) op;
	}
	die("no such operation: %s", name);
}

static void
add_acl(int n, char **args)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_ResourceType_t type = strcmp(args[3], "topic") == 0 ? RD_KAFKA_RESOURCE_TOPIC :
		strcmp(args[3], "group") == 0 ? RD_KAFKA_RESOURCE_GROUP : (rd_kafka_ResourceType_t) 5;
	const rd_kafka_acl_result_t **results;
	rd_kafka_AclBinding_t *acl;
	char		principal[256];
	char		text[512];
	size_t		count;
	rd_kafka_event_t *event;

	(void) n;
	snprintf(principal, sizeof(principal), "User:%s", args[1]);
	acl = rd_kafka_AclBinding_new(type, args[4], RD_KAFKA_RESOURCE_PATTERN_LITERAL, principal, "*",
								  operation(args[2]),
								  strcmp(args[0], "deny") == 0 ? RD_KAFKA_ACL_PERMISSION_TYPE_DENY :
								  RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, text, sizeof(text));
	if (acl == NULL)
		die("%s", text);
	rd_kafka_CreateAcls(rk, &acl, 1, NULL, queue);
	event = wait_event(queue);
	results = rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &count);
	check_error((rd_kafka_error_t *) rd_kafka_acl_result_error(results[0]), "acl");
}

static int
partition_count(rd_kafka_t *rk, const char *name)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, name, NULL);
	const rd_kafka_metadata_t *md;

	check(rd_kafka_metadata(rk, 0, rkt, &md, TIMEOUT_MS), name);
	check(md->topics[0].err, name);
	return md->topics[0].partition_cnt;
}

static void
watermarks(int n, char **args)
{
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER);
	int			count = partition_count(rk, args[0]);
	int			i;

	(void) n;
	for (i = 0; i < count; i++)
	{
		int64_t		low;
		int64_t		high;

		check(rd_kafka_query_watermark_offsets(rk, args[0], i, &low, &high, TIMEOUT_MS), args[0]);
		printf("%d %lld %lld\n", i, (long long) low, (long long) high);
	}
}

static void
committed(int n, char **args)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_t *rk;
	int			i;

	(void) n;
	set_property("group.id", args[0]);
	rk = client(RD_KAFKA_CONSUMER);
	list = rd_kafka_topic_partition_list_new(16);
	rd_kafka_topic_partition_list_add_range(list, args[1], 0, partition_count(rk, args[1]) - 1);
	check(rd_kafka_committed(rk, list, TIMEOUT_MS), args[0]);
	for (i = 0; i < list->cnt; i++)
		printf("%d %lld\n", list->elems[i].partition,
			   list->elems[i].offset < 0 ? -1LL : (long long) list->elems[i].offset);
}

static void
commit(int n, char **args)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	(void) n;
	set_property("group.id", args[0]);
	rd_kafka_topic_partition_list_add(list, args[1], atoi(args[2]))->offset = atoll(args[3]);
	check(rd_kafka_commit(client(RD_KAFKA_CONSUMER), list, 0), args[0]);
}

static void
transaction(int n, char **args)
{
	rd_kafka_t *rk;
	char		id[64];
	int			i;

	(void) n;
	snprintf(id, sizeof(id), "kafka_admin-%d", (int) getpid());
	set_property("transactional.id", id);
	rk = client(RD_KAFKA_PRODUCER);
	check_error(rd_kafka_init_transactions(rk, TIMEOUT_MS), "init_transactions");
	check_error(rd_kafka_begin_transaction(rk), "begin_transaction");
	for (i = 0; i < atoi(args[3]); i++)
	{
		char		value[4096];

		snprintf(value, sizeof(value), "%s %d", args[4], i);
		while (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(args[1]), RD_KAFKA_V_PARTITION(atoi(args[2])),
								 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
								 RD_KAFKA_V_VALUE(value, strlen(value)),
								 RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(rk, 100);
	}
	check(rd_kafka_flush(rk, TIMEOUT_MS), "flush");
	if (strcmp(args[0], "commit") == 0)
		check_error(rd_kafka_commit_transaction(rk, TIMEOUT_MS), "commit_transaction");
	else if (strcmp(args[0], "abort") == 0)
		check_error(rd_kafka_abort_transaction(rk, TIMEOUT_MS), "abort_transaction");
}

static const struct
{
	const char *name;
	int			min_args;
	void		(*run) (int n, char **args);
}			commands[] = {
	{"create-topic", 2, create_topic}, {"delete-topic", 1, delete_topic},
	{"add-partitions", 2, add_partitions}, {"delete-records", 3, delete_records},
	{"set-config", 1, set_config}, {"acl", 5, add_acl}, {"watermarks", 1, watermarks},
	{"committed", 2, committed}, {"commit", 4, commit}, {"transaction", 5, transaction}
};

int
main(int argc, char **argv)
{
	size_t		i;
	int			c;

	conf = rd_kafka_conf_new();
	set_property("log_level", "3");
	while ((c = getopt(argc, argv, "+b:X:")) != -1)
	{
		char	   *value;

		if (c == 'b')
			set_property("bootstrap.servers", optarg);
		else if (c == 'X')
		{
			value = split(optarg);
			set_property(optarg, value);
		}
		else
			return 2;
	}
	for (i = 0; optind < argc && i < sizeof(commands) / sizeof(commands[0]); i++)
	{
		if (strcmp(commands[i].name, argv[optind]) == 0 && argc - optind - 1 >= commands[i].min_args)
		{
			commands[i].run(argc - optind - 1, argv + optind + 1);
			/* librdkafka's threads end with the process */
			fflush(stdout);
			_exit(0);
		}
	}
	fprintf(stderr, "usage: kafka_admin -b SERVERS [-X PROPERTY=VALUE]... COMMAND ..., see its source\n");
	return 2;
}
