/*
 * kafka_mock: librdkafka's mock cluster as a process of its own, its faults
 * told by lines on standard input.
 *
 *	kafka_mock [BROKERS]
 *
 * Prints "bootstrap HOST:PORT,..." and then one line, "ok" or "error ...", for
 * each line it reads:
 *
 *	topic NAME PARTITIONS [REPLICATION]	creates a topic
 *	topicerror NAME CODE				all requests for it fail (0: no more)
 *	leader TOPIC PARTITION BROKER		moves a partition; -1: no leader
 *	coordinator group|transaction KEY BROKER
 *	down BROKER / up BROKER				cuts its connections, refuses new ones
 *	rtt BROKER MS						each answer takes so long
 *	errors APIKEY CODE...				the next requests of a kind fail so, at any broker
 *	delays BROKER APIKEY CODE MS...		pairs: the next requests fail so, after so long;
 *										code 0: are answered
 *	clear APIKEY						forgets such errors
 *	version APIKEY MIN MAX				what the brokers say they understand
 *
 * BROKER counts from 1.  APIKEY and CODE are numbers of Kafka's protocol (Produce 0,
 * Fetch 1, ListOffsets 2, Metadata 3, OffsetCommit 8, FindCoordinator 10 ...).
 * It ends at the end of its input.  A partition keeps its last 5 MB, as they
 * were sent (compressed).
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define MAX_WORDS	64

static rd_kafka_mock_cluster_t *cluster;

static void
answer(rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		puts("ok");
	else
		printf("error %s\n", rd_kafka_err2str(code));
}

static rd_kafka_resp_err_t
push_errors(int api_key, char **words, int n)
{
	rd_kafka_resp_err_t codes[MAX_WORDS];
	int			i;

	for (i = 0; i < n; i++)
		codes[i] = (rd_kafka_resp_err_t) atoi(words[i]);
	rd_kafka_mock_push_request_errors_array(cluster, (int16_t) api_key, (size_t) n, codes);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* One pair a call: the function takes them as variable arguments. */
static rd_kafka_resp_err_t
push_delays(int broker, int api_key, char **words, int n)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	int			i;

	for (i = 0; i + 1 < n && code == RD_KAFKA_RESP_ERR_NO_ERROR; i += 2)
		code = rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, (int16_t) api_key, (size_t) 1,
															(rd_kafka_resp_err_t) atoi(words[i]),
															atoi(words[i + 1]));
	return code;
}

/* The command in words[0] with its arguments; false: there is no such one. */
static bool
execute(char **words, int n)
{
	const char *command = words[0];

	if (strcmp(command, "topic") == 0 && n >= 3)
		answer(rd_kafka_mock_topic_create(cluster, words[1], atoi(words[2]), n > 3 ? atoi(words[3]) : 1));
	else if (strcmp(command, "topicerror") == 0 && n == 3)
	{
		rd_kafka_mock_topic_set_error(cluster, words[1], (rd_kafka_resp_err_t) atoi(words[2]));
		answer(RD_KAFKA_RESP_ERR_NO_ERROR);
	}
	else if (strcmp(command, "leader") == 0 && n == 4)
		answer(rd_kafka_mock_partition_set_leader(cluster, words[1], atoi(words[2]), atoi(words[3])));
	else if (strcmp(command, "coordinator") == 0 && n == 4)
		answer(rd_kafka_mock_coordinator_set(cluster, words[1], words[2], atoi(words[3])));
	else if (strcmp(command, "down") == 0 && n == 2)
		answer(rd_kafka_mock_broker_set_down(cluster, atoi(words[1])));
	else if (strcmp(command, "up") == 0 && n == 2)
		answer(rd_kafka_mock_broker_set_up(cluster, atoi(words[1])));
	else if (strcmp(command, "rtt") == 0 && n == 3)
		answer(rd_kafka_mock_broker_set_rtt(cluster, atoi(words[1]), atoi(words[2])));
	else if (strcmp(command, "errors") == 0 && n >= 3)
		answer(push_errors(atoi(words[1]), words + 2, n - 2));
	else if (strcmp(command, "delays") == 0 && n >= 5 && n % 2 == 1)
		answer(push_delays(atoi(words[1]), atoi(words[2]), words + 3, n - 3));
	else if (strcmp(command, "clear") == 0 && n == 2)
	{
		rd_kafka_mock_clear_request_errors(cluster, (int16_t) atoi(words[1]));
		answer(RD_KAFKA_RESP_ERR_NO_ERROR);
	}
	else if (strcmp(command, "version") == 0 && n == 4)
		answer(rd_kafka_mock_set_apiversion(cluster, (int16_t) atoi(words[1]), (int16_t) atoi(words[2]),
											(int16_t) atoi(words[3])));
	else
		return false;
	return true;
}

/* A client without brokers of its own would say so. */
static rd_kafka_conf_t *
quiet_conf(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	(void) rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
	return conf;
}

int
main(int argc, char **argv)
{
	int			brokers = argc > 1 ? atoi(argv[1]) : 1;
	char		text[512];
	char		line[4096];
	rd_kafka_t *rk;

	if (brokers < 1 || brokers > 100)
	{
		fprintf(stderr, "usage: kafka_mock [BROKERS]\n");
		return 2;
	}
	/* the cluster lives in the threads of some client */
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, quiet_conf(), text, sizeof(text));
	if (rk == NULL || (cluster = rd_kafka_mock_cluster_new(rk, brokers)) == NULL)
	{
		fprintf(stderr, "kafka_mock: could not start: %s\n", text);
		return 1;
	}
	printf("bootstrap %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);

	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		char	   *words[MAX_WORDS];
		int			n = 0;
		char	   *at = strtok(line, " \n");

		for (; at != NULL && n < MAX_WORDS; at = strtok(NULL, " \n"))
			words[n++] = at;
		if (n > 0 && !execute(words, n))
			printf("error unknown command or wrong number of arguments: %s\n", words[0]);
		fflush(stdout);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
