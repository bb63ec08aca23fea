/*
 * kafka_test.c
 *	  Tests of src/source/kafka*.c against librdkafka's mock cluster, in this
 *	  process.
 *
 *	  kafka_test		prints TAP
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kafka_test.h"

rd_kafka_mock_cluster_t *cluster;
const char *bootstrap;

static long
resident_kb(void)
{
	FILE	   *f = fopen("/proc/self/statm", "r");
	long		size;
	long		resident = 0;

	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

void
wait_fd(CdcKafka *kafka, int ms)
{
	struct pollfd p = {.fd = cdc_kafka_fd(kafka),.events = POLLIN};

	(void) poll(&p, 1, ms);
}

CdcKafka *
client(CdcKafkaRole role, const CdcKafkaProperty *more, int connect_ms, int request_ms)
{
	CdcKafkaProperty properties[16] = {{"bootstrap.servers", bootstrap}};
	CdcKafkaOptions options = {properties, 1, 0, connect_ms, request_ms};
	CdcKafka   *kafka;
	CdcError	err;

	for (; more != NULL && more->name != NULL; more++)
		properties[options.nproperties++] = *more;
	if (cdc_failed(cdc_kafka_create(role, &options, &kafka, &err)))
		bail_out("could not create a client: %s %s", err.message, err.detail);
	return kafka;
}

CdcStatus
answer(CdcKafka *kafka, CdcError *err)
{
	int64_t		until = cdc_now_ms() + PATIENCE;
	CdcStatus	st;

	while ((st = cdc_kafka_request_poll(kafka, err)) == CDC_MORE && cdc_now_ms() < until)
		wait_fd(kafka, 1000);
	return st;
}

CdcStatus
flush(CdcKafka *kafka, CdcError *err)
{
	int64_t		until = cdc_now_ms() + PATIENCE;
	CdcStatus	st;

	while ((st = cdc_kafka_flush_poll(kafka, err)) == CDC_MORE && cdc_now_ms() < until)
		wait_fd(kafka, 1000);
	return st;
}

CdcStatus
next(CdcKafka *kafka, CdcKafkaReader *reader, CdcKafkaMessage *msg, CdcError *err)
{
	int64_t		until = cdc_now_ms() + PATIENCE;
	CdcStatus	st;

	while ((st = cdc_kafka_reader_poll(reader, msg, err)) == CDC_MORE && cdc_now_ms() < until)
		wait_fd(kafka, 1000);
	return st;
}

static void
send_one(CdcKafka *kafka, const CdcOutMessage *message)
{
	CdcError	err;
	CdcStatus	st;

	while ((st = cdc_kafka_produce(kafka, message, 0, &err)) == CDC_MORE)
		wait_fd(kafka, 1000);
	if (st != CDC_OK)
		CHECK(false, "produce: %s %s", err.message, err.detail);
}

void
produce(const char *topic, const char *prefix, int n, int partitions)
{
	CdcKafka   *kafka = client(CDC_KAFKA_PRODUCER, NULL, 0, 0);
	CdcError	err;
	int			i;

	for (i = 0; i < n; i++)
	{
		char		value[64];
		CdcOutMessage message = {.topic = topic, .partition = i % partitions, .ts_ms = -1};

		message.value = value;
		snprintf(value, sizeof(value), "%s %d", prefix, i);
		message.value_len = strlen(value);
		send_one(kafka, &message);
	}
	if (flush(kafka, &err) != CDC_OK)
		CHECK(false, "flush: %s %s", err.message, err.detail);
	cdc_kafka_destroy(kafka);
}

int
read_all(CdcKafka *kafka, const char *topic, int partitions, CdcError *err)
{
	CdcKafkaReader *reader = cdc_kafka_reader_open(kafka, false);
	CdcKafkaMessage msg;
	int			ends = 0;
	int			n = 0;
	int			i;

	for (i = 0; i < partitions; i++)
	{
		if (cdc_kafka_reader_assign(reader, topic, i, 0, i, err) != CDC_OK)
			return -1;
	}
	while (ends < partitions)
	{
		CdcStatus	st = next(kafka, reader, &msg, err);

		if (st == CDC_OK)
			n++;
		else if (st == CDC_END)
			ends++;
		else
		{
			n = -1;
			break;
		}
	}
	cdc_kafka_reader_close(reader);
	return n;
}

void
check_nothing_left(int fds, int tasks, const char *after)
{
	int64_t		until = cdc_now_ms() + PATIENCE;

	while ((open_fds() > fds || threads() > tasks || cdc_kafka_wait_exit(0) > 0) && cdc_now_ms() < until)
		usleep(20000);
	CHECK(open_fds() <= fds && threads() <= tasks && cdc_kafka_wait_exit(0) == 0,
		  "nothing is left after %s: %d descriptors of %d, %d threads of %d", after,
		  open_fds(), fds, threads(), tasks);
}

/*
 * The tests
 */

static void
test_properties(void)
{
	static const struct
	{
		const char *name;
		CdcKafkaPropertyUse use;
	}			uses[] = {
		{"bootstrap.servers", CDC_KAFKA_CONNECTION}, {"security.protocol", CDC_KAFKA_CONNECTION},
		{"sasl.mechanism", CDC_KAFKA_CONNECTION}, {"sasl.username", CDC_KAFKA_CREDENTIAL},
		{"sasl.password", CDC_KAFKA_SECRET}, {"ssl.key.password", CDC_KAFKA_SECRET},
		{"ssl.key.pem", CDC_KAFKA_SECRET}, {"ssl.keystore.password", CDC_KAFKA_SECRET},
		{"sasl.oauthbearer.client.secret", CDC_KAFKA_SECRET},
		{"sasl.oauthbearer.config", CDC_KAFKA_SECRET},
		{"ssl.ca.location", CDC_KAFKA_FILE}, {"ssl.key.location", CDC_KAFKA_FILE},
		{"ssl.ca.pem", CDC_KAFKA_CONNECTION},
		{"fetch.max.bytes", CDC_KAFKA_TUNING}, {"linger.ms", CDC_KAFKA_TUNING},
		{"plugin.library.paths", CDC_KAFKA_REFUSED}, {"ssl.engine.location", CDC_KAFKA_REFUSED},
		{"sasl.kerberos.kinit.cmd", CDC_KAFKA_REFUSED},
		{"opaque", CDC_KAFKA_REFUSED}, {"debug", CDC_KAFKA_REFUSED},
		{"enable.auto.commit", CDC_KAFKA_CONTROLLED}, {"group.id", CDC_KAFKA_CONTROLLED},
		{"no.such.thing", CDC_KAFKA_UNKNOWN}, {"no.such.password", CDC_KAFKA_UNKNOWN}
	};
	CdcKafkaProperty property;
	CdcKafkaOptions options = {&property, 1, 0, 0, 0};
	CdcKafka   *kafka;
	CdcError	err;
	size_t		i;

	for (i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		CHECK(cdc_kafka_property_use(uses[i].name, NULL) == uses[i].use, "who may set %s", uses[i].name);
	CHECK(cdc_kafka_property_check("isolation.level", "nonsense", &err) == CDC_ERR_VALUE &&
		  strstr(err.detail, "nonsense") != NULL, "a bad value is told: %s %s", err.message, err.detail);
	CHECK(cdc_kafka_property_check("sasl.oauthbearer.token.endpoint.url", "file:///etc/passwd", &err) == CDC_ERR_VALUE,
		  "a token comes from the web only: %s", err.message);

	property = (CdcKafkaProperty) {"plugin.library.paths", "/tmp/evil.so"};
	CHECK(cdc_kafka_create(CDC_KAFKA_CONSUMER, &options, &kafka, &err) == CDC_ERR_VALUE && kafka == NULL,
		  "refused also when a client is made: %s", err.message);
	/* what librdkafka itself says of a secret is not repeated */
	property = (CdcKafkaProperty) {"ssl.key.pem", "hush hush"};
	if (cdc_kafka_create(CDC_KAFKA_CONSUMER, &options, &kafka, &err) == CDC_OK)
		cdc_kafka_destroy(kafka);
	else
		CHECK(strstr(err.message, "hush") == NULL && strstr(err.detail, "hush") == NULL,
			  "no secret in an error: %s %s", err.message, err.detail);
}

/* librdkafka tells what is wrong with a token's configuration by repeating it. */
static void
test_token(void)
{
	CdcKafkaProperty token[] = {
		{"security.protocol", "sasl_plaintext"}, {"sasl.mechanism", "OAUTHBEARER"},
		{"enable.sasl.oauthbearer.unsecure.jwt", "true"},
		{"sasl.oauthbearer.config", "principal=alice hush=verysecret"}, {NULL, NULL}
	};
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, token, 3000, 0);
	CdcError	err;

	cdc_kafka_request_metadata(kafka, NULL);
	CHECK(answer(kafka, &err) == CDC_ERR_AUTH, "a token that cannot be made: %s %s", err.message, err.detail);
	CHECK(strstr(err.message, "verysecret") == NULL && strstr(err.detail, "verysecret") == NULL,
		  "its configuration is not told");
	cdc_kafka_destroy(kafka);
}

static void
test_requests(void)
{
	CdcKafkaProperty group[] = {{"group.id", "g1"}, {NULL, NULL}};
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, group, 0, 0);
	CdcKafkaBounds bounds[4];
	const CdcKafkaBounds *b;
	const CdcKafkaMetadata *md;
	CdcError	err;
	int			n;
	int			i;

	produce("requests", "m", 1000, 4);
	cdc_kafka_request_metadata(kafka, "requests");
	CHECK(answer(kafka, &err) == CDC_OK, "metadata of a topic");
	md = cdc_kafka_metadata(kafka);
	CHECK(md->nbrokers == BROKERS && md->ntopics == 1 && md->topics[0].npartitions == 4 &&
		  md->topics[0].status == CDC_OK && strcmp(md->topics[0].name, "requests") == 0 &&
		  md->topics[0].partitions[3].id == 3 && md->topics[0].partitions[3].leader > 0, "its content");

	for (i = 0; i < 4; i++)
		bounds[i] = (CdcKafkaBounds) {"requests", i, -7, -7, -7};
	cdc_kafka_request_watermarks(kafka, bounds, 4);
	CHECK(cdc_kafka_metadata(kafka) == NULL, "no answer while a request runs");
	CHECK(answer(kafka, &err) == CDC_OK, "watermarks");
	b = cdc_kafka_bounds(kafka, &n);
	CHECK(n == 4 && b[0].low == 0 && b[0].high == 250 && b[3].high == 250, "all partitions in one request");

	bounds[0].topic = "nothing";
	rd_kafka_mock_topic_set_error(cluster, "nothing", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	cdc_kafka_request_watermarks(kafka, bounds, 1);
	CHECK(answer(kafka, &err) == CDC_ERR_CONFIG && strstr(err.message, "nothing") != NULL,
		  "watermarks of a topic that is not there: %s", err.message);
	cdc_kafka_request_watermarks(kafka, bounds, 0);
	CHECK(answer(kafka, &err) == CDC_OK, "of nothing");

	bounds[0] = (CdcKafkaBounds) {"requests", 2, 0, 0, 123};
	cdc_kafka_request_commit(kafka, bounds, 1);
	CHECK(answer(kafka, &err) == CDC_OK, "commit to a group");
	bounds[1] = (CdcKafkaBounds) {"requests", 1, 0, 0, 0};
	cdc_kafka_request_committed(kafka, bounds, 2);
	CHECK(answer(kafka, &err) == CDC_OK, "what it has");
	b = cdc_kafka_bounds(kafka, &n);
	CHECK(n == 2 && b[0].offset == 123 && b[1].offset == -1, "offsets of the group: %lld, %lld",
		  (long long) b[0].offset, (long long) b[1].offset);

	cdc_kafka_request_metadata(kafka, NULL);
	CHECK(answer(kafka, &err) == CDC_OK && cdc_kafka_metadata(kafka)->ntopics >= 1, "all topics");
	cdc_kafka_destroy(kafka);

	kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 0);
	cdc_kafka_request_committed(kafka, bounds, 1);
	CHECK(cdc_failed(answer(kafka, &err)), "no group, no offsets: %s", err.message);
	cdc_kafka_destroy(kafka);
}

/* What a message may look like. */
static void
test_contents(void)
{
	static const char binary[] = "a\0b\xff";
	CdcKafkaHeader headers[] = {{"h1", "one", 3}, {"h1", NULL, 0}, {"h2", "", 0}, {"bin", binary, 4}};
	const CdcOutMessage messages[] = {
		{"contents", 0, 1000, NULL, 0, NULL, 0, 0, NULL},
		{"contents", 0, 2000, "key", 3, NULL, 0, 0, NULL},
		{"contents", 0, 3000, NULL, 0, "value", 5, 0, NULL},
		{"contents", 0, 4000, "", 0, "", 0, 0, NULL},
		{"contents", 0, 5000, binary, 4, binary, 4, 4, headers}
	};
	const CdcOutMessage nothing = {.topic = "contents", .ts_ms = -1};
	CdcKafka   *producer = client(CDC_KAFKA_PRODUCER, NULL, 0, 0);
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 0);
	CdcKafkaReader *reader;
	CdcKafkaMessage msg;
	CdcError	err;
	CdcStatus	st;
	int			n = 0;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		send_one(producer, &messages[i]);
	CHECK(flush(producer, &err) == CDC_OK && cdc_kafka_delivery(producer)->delivered == 5, "five are delivered");
	cdc_kafka_destroy(producer);

	reader = cdc_kafka_reader_open(kafka, true);
	CHECK(cdc_kafka_reader_assign(reader, "contents", 0, 0, 42, &err) == CDC_OK, "assign");
	CHECK(next(kafka, reader, &msg, &err) == CDC_OK && msg.key == NULL && msg.value == NULL &&
		  msg.offset == 0 && msg.ts_ms == 1000 && msg.ts_type == CDC_KAFKA_TS_CREATE && msg.tag == 42 &&
		  strcmp(msg.topic, "contents") == 0 && msg.nheaders == 0, "no key and no value");
	CHECK(next(kafka, reader, &msg, &err) == CDC_OK && msg.key_len == 3 && memcmp(msg.key, "key", 3) == 0 &&
		  msg.value == NULL, "a tombstone");
	CHECK(next(kafka, reader, &msg, &err) == CDC_OK && msg.key == NULL && msg.value_len == 5 &&
		  memcmp(msg.value, "value", 5) == 0, "no key");
	CHECK(next(kafka, reader, &msg, &err) == CDC_OK && msg.key != NULL && msg.key_len == 0 &&
		  msg.value != NULL && msg.value_len == 0, "empty is not NULL");
	CHECK(next(kafka, reader, &msg, &err) == CDC_OK && msg.key_len == 4 && memcmp(msg.key, binary, 4) == 0 &&
		  msg.value_len == 4 && memcmp(msg.value, binary, 4) == 0 && msg.nheaders == 4 &&
		  strcmp(msg.headers[0].name, "h1") == 0 && msg.headers[0].len == 3 &&
		  memcmp(msg.headers[0].value, "one", 3) == 0 && msg.headers[1].value == NULL &&
		  msg.headers[2].value != NULL && msg.headers[2].len == 0 && msg.headers[3].len == 4, "binary, headers");
	CHECK(next(kafka, reader, &msg, &err) == CDC_END && msg.offset == 5 && msg.partition == 0, "its end");
	CHECK(cdc_kafka_reader_poll(reader, &msg, &err) == CDC_MORE, "the end is told once");

	/* more than a batch of messages that have nothing */
	producer = client(CDC_KAFKA_PRODUCER, NULL, 0, 0);
	for (n = 0; n < 10000; n++)
		send_one(producer, &nothing);
	CHECK(flush(producer, &err) == CDC_OK, "ten thousand empty ones");
	cdc_kafka_destroy(producer);
	n = 0;
	/* its end may have been seen before the last came */
	while (((st = next(kafka, reader, &msg, &err)) == CDC_OK || (st == CDC_END && msg.offset < 10005)))
		n += st == CDC_OK;
	CHECK(st == CDC_END && n == 10000 && msg.offset == 10005, "all of them come: %d", n);
	CHECK(cdc_kafka_reader_stats(reader)->messages == 10005, "and are counted");
	cdc_kafka_destroy(kafka);
}

/* Assignments change while there is much in the queue. */
static void
test_assignments(void)
{
	CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 0);
	CdcKafkaReader *reader;
	CdcKafkaMessage msg;
	CdcError	err;
	CdcStatus	st = CDC_OK;
	int64_t		expected;
	int			round;

	produce("assign", "some text that is not too short, to have more than one batch", 40000, 2);
	CHECK(read_all(kafka, "assign", 2, &err) == 40000, "all of two partitions");
	reader = cdc_kafka_reader_open(kafka, false);
	for (round = 0; round < 20; round++)
	{
		int			i;

		expected = (round * 7919) % 20000;
		CHECK(cdc_kafka_reader_assign(reader, "assign", 0, expected, round, &err) == CDC_OK, "assign again");
		for (i = 0; i < round * 300; i++)
		{
			st = next(kafka, reader, &msg, &err);
			if (st == CDC_END && msg.offset == 20000)
				break;
			if (st != CDC_OK || msg.offset != expected || msg.tag != round || msg.partition != 0)
				break;
			expected++;
		}
		CHECK(i == round * 300 || (st == CDC_END && expected == 20000),
			  "from there on, nothing of before (%d messages)", i);
		if (round % 2 == 0)
		{
			cdc_kafka_reader_unassign(reader, "assign", 0);
			CHECK(cdc_kafka_reader_poll(reader, &msg, &err) == CDC_MORE, "nothing after unassign");
		}
	}
	cdc_kafka_reader_close(reader);

	reader = cdc_kafka_reader_open(kafka, false);
	CHECK(cdc_kafka_reader_assign(reader, "assign", 1, 20001, 0, &err) == CDC_OK, "assign behind the end");
	st = next(kafka, reader, &msg, &err);
	CHECK(st == CDC_ERR_PURGED && strstr(err.message, "20001") != NULL && strstr(err.message, "assign") != NULL,
		  "an offset that is not there is an error: %s", err.message);
	CHECK(cdc_kafka_reader_assign(reader, "assign", -1, 0, 0, &err) == CDC_ERR_VALUE, "no partition -1");
	cdc_kafka_destroy(kafka);
}

#ifdef __SANITIZE_ADDRESS__
extern const char *__asan_default_options(void);

/*
 * What is freed is kept back up to a bound that the 200 clients before the first
 * measurement surely reach; with the usual 256 MB it would grow between the two.
 */
const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=32:thread_local_quarantine_size_kb=256";
}
#endif

static void
test_leaks(void)
{
	int			fds = open_fds();
	int			tasks = threads();
	long		resident = 0;
	CdcError	err;
	int			failed = 0;
	int			i;

	produce("leaks", "m", 100, 1);
	for (i = 0; i < 1000; i++)
	{
		CdcKafka   *kafka = client(CDC_KAFKA_CONSUMER, NULL, 0, 0);

		/* some end in the middle of something */
		if (i % 10 == 0)
			failed += read_all(kafka, "leaks", 1, &err) != 100;
		else if (i % 10 == 1)
			cdc_kafka_request_metadata(kafka, "leaks");
		else if (i % 10 == 2)
			failed += cdc_kafka_reader_assign(cdc_kafka_reader_open(kafka, false), "leaks", 0, 0, 0, &err) != CDC_OK;
		cdc_kafka_destroy(kafka);
		if (i == 200)
			resident = resident_kb();
	}
	CHECK(failed == 0, "1,000 clients");
	check_nothing_left(fds, tasks, "1,000 clients");
	/* what the sanitizers keep of it is bounded: see __asan_default_options */
	CHECK(resident_kb() - resident < 64 * 1024, "memory does not grow: %ld kB, before %ld kB", resident_kb(), resident);
}

int
main(void)
{
	char		text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	cluster = rd_kafka_mock_cluster_new(rk, BROKERS);
	bootstrap = rd_kafka_mock_cluster_bootstraps(cluster);
	rd_kafka_mock_topic_create(cluster, "requests", 4, 1);
	rd_kafka_mock_topic_create(cluster, "contents", 1, 1);
	rd_kafka_mock_topic_create(cluster, "assign", 2, 1);
	rd_kafka_mock_topic_create(cluster, "leaks", 1, 1);

	test_properties();
	test_token();
	test_requests();
	test_contents();
	test_assignments();
	test_faults();
	test_leaks();
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return checks_passed() ? 0 : 1;
}
