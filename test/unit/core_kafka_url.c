/*
 * core_kafka_url.c
 *	  Tests of URLs of topics: what they are made of, what is refused, ranges there and back.
 */
#include "unit.h"

#include "core/kafka_url.h"

static CdcArena *arena;

static CdcStatus
parse(const char *text, CdcKafkaUrl *url, CdcError *err)
{
	cdc_arena_reset(arena);
	return cdc_kafka_url_parse(text, arena, url, err);
}

static void
test_parts(void **state)
{
	CdcKafkaUrl url;
	CdcError	err;

	(void) state;
	assert_ok(parse("kafka://a:9092,[::1]:9093/t.x-1?fetch.wait.max.ms=5&client_id=a%26b%3d%c3%bc", &url, &err), &err);
	assert_string_equal(url.brokers, "a:9092,[::1]:9093");
	assert_string_equal(url.topic, "t.x-1");
	assert_null(url.server);
	assert_false(url.has_ranges);
	assert_int_equal(url.noptions, 2);
	assert_string_equal(url.options[0].name, "fetch.wait.max.ms");
	assert_string_equal(url.options[0].value, "5");
	assert_string_equal(url.options[1].value, "a&b=\xc3\xbc");

	assert_ok(parse("kafka:///t?server=my%20bus&x=", &url, &err), &err);
	assert_null(url.brokers);
	assert_string_equal(url.server, "my bus");
	assert_int_equal(url.noptions, 1);
	assert_string_equal(url.options[0].value, "");

	assert_ok(parse("kafka://h/t", &url, &err), &err);
	assert_int_equal(url.noptions, 0);
}

static void
test_refused(void **state)
{
	static const char *const bad[] = {
		"", "kafka:", "http://h/t", "kafka://", "kafka://h", "kafka://h/", "kafka:///t", "kafka:///t?a=b",
		"kafka://h/t?", "kafka://h/t?a", "kafka://h/t?=b", "kafka://h/t?a=b&", "kafka://h/t?a=%4", "kafka://h/t?a=%",
		"kafka://h/t?a=%zz", "kafka://h/t?a=%00", "kafka://h%/t", "kafka://h/t?server=a", "kafka:///t?server=a&server=b",
		"kafka://h/t?cdc.ranges=1", "kafka://h/t?cdc.ranges=1:2", "kafka://h/t?cdc.ranges=1:2-", "kafka://h/t?cdc.ranges=1:3-2",
		"kafka://h/t?cdc.ranges=1:2-3,", "kafka://h/t?cdc.ranges=1:2-3x", "kafka://h/t?cdc.ranges=-1:2-3",
		"kafka://h/t?cdc.ranges=4294967296:2-3", "kafka://h/t?cdc.ranges=1:2-3333333333333333333333",
		"kafka://h/t?cdc.ranges=&cdc.ranges="
	};
	CdcKafkaUrl url;
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		if (parse(bad[i], &url, &err) != CDC_ERR_SYNTAX)
			fail_msg("%s was taken", bad[i]);
		assert_string_not_equal(err.detail, "");
		assert_string_not_equal(err.hint, "");
	}
}

static void
test_ranges(void **state)
{
	static const char *const urls[] = {"kafka://h:1/t", "kafka:///t?server=s&a=b"};
	UnitRandom	random = {4711};
	CdcBuf		buf = {0};
	CdcKafkaUrl url;
	CdcError	err;

	(void) state;
	for (int round = 0; round < 200; round++)
	{
		CdcKafkaUrlRange ranges[20];
		int			n = round % 20;

		for (int i = 0; i < n; i++)
		{
			ranges[i].partition = (int32_t) unit_random_below(&random, INT32_MAX);
			ranges[i].from = (int64_t) unit_random_below(&random, UINT64_C(400000000000000000));
			ranges[i].to = ranges[i].from + (int64_t) unit_random_below(&random, UINT64_C(400000000000000000));
		}
		cdc_buf_reset(&buf);
		assert_true(cdc_kafka_url_add_ranges(&buf, urls[round % 2], ranges, n));
		assert_ok(parse(unit_text(&buf), &url, &err), &err);
		assert_true(url.has_ranges);
		assert_int_equal(url.nranges, n);
		for (int i = 0; i < n; i++)
		{
			assert_int_equal(url.ranges[i].partition, ranges[i].partition);
			assert_true(url.ranges[i].from == ranges[i].from && url.ranges[i].to == ranges[i].to);
		}
		assert_int_equal(url.noptions, round % 2);
	}
	cdc_buf_free(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ranges)
	};
	int			result;

	arena = cdc_arena_create(1024 * 1024);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	cdc_arena_destroy(arena);
	return result;
}
