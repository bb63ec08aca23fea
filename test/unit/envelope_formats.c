/*
 * envelope_formats.c
 *	  Each format's forms: what is read of a message, and what is refused.
 */
#include "envelope_read.h"

typedef struct Case
{
	CdcMessageFormat format;
	const char *topic;
	const char *key;			/* NULL: none */
	const char *value;			/* NULL: a tombstone */
	const char *expected;		/* as print_rows() has it; "!" and the detail of an error */
} Case;

static void
check(const Case *cases, size_t n)
{
	ReadMessage m;
	CdcBuf		out = {0};

	m.arena = cdc_arena_create(0);
	for (size_t i = 0; i < n; i++)
	{
		CdcStatus	st = read_message(&m, cases[i].format, cases[i].topic, cases[i].key, cases[i].value);

		cdc_buf_reset(&out);
		if (st == CDC_OK)
		{
			print_rows(&m, NULL, &out);
			out.len--;			/* the line's end */
		}
		else
			cdc_buf_printf(&out, "!%s", m.err.detail[0] != '\0' ? m.err.detail : m.err.message);
		assert_string_equal(unit_text(&out), cases[i].expected);
	}
	cdc_buf_free(&out);
	cdc_arena_destroy(m.arena);
}

static void
test_maxwell(void **state)
{
	static const Case cases[] = {
		{CDC_FORMAT_MAXWELL, "maxwell", "{\"database\":\"d\",\"table\":\"t\",\"pk.id\":1}",
			"{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"ts\":1,\"data\":{\"ID\":1,\"v\":1.10}}",
			"c d.t (ID) {\"ID\":1,\"v\":1.10}"},
		{CDC_FORMAT_MAXWELL, "maxwell", "[\"d\",\"t\",[{\"b\":2},{\"a\":1}]]",
			"{\"database\":\"d\",\"table\":\"t\",\"type\":\"update\",\"ts\":1,\"data\":{\"a\":1,\"b\":2},\"old\":{\"b\":3}}",
			"u d.t (b, a) {\"a\":1,\"b\":2} old {\"b\":3}"},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"database\":\"d\",\"table\":\"t\",\"type\":\"delete\",\"ts\":1,\"primary_key_columns\":[\"a\"],\"data\":{\"a\":1}}",
			"d d.t (a) {\"a\":1}"},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"database\":\"d\",\"table\":\"t\",\"type\":\"bootstrap-insert\",\"ts\":1,\"data\":{}}", "r d.t {}"},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"database\":\"d\",\"table\":\"t\",\"type\":\"bootstrap-complete\",\"ts\":1,\"data\":{}}", "m d.t"},
		/* output_nulls=false: what is in old alone is null now */
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"database\":\"d\",\"table\":\"t\",\"type\":\"update\",\"ts\":1,\"data\":{\"a\":1},\"old\":{\"v\":\"x\"}}",
			"u d.t {\"a\":1,\"v\":null} old {\"v\":\"x\"}"},
		/* a bootstrap's empty set */
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"database\":\"d\",\"table\":\"t\",\"type\":\"bootstrap-insert\",\"ts\":1,\"data\":{\"a\":[\"\"],\"b\":[\"x\"],\"c\":\"\"}}",
			"r d.t {\"a\":[],\"b\":[\"x\"],\"c\":\"\"}"},
		/* what went to the dead letters */
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"reason\":\"RecordTooLargeException\",\"data\":{\"a\":1}}",
			"!Maxwell could not send the row (\"RecordTooLargeException\"); what it put in its dead_letter_topic has no columns but the key's."},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"type\":\"database-drop\",\"database\":\"d\",\"ts\":1477053308000,\"sql\":\"DROP\"}", "s - sql"},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"type\":\"table-truncate\",\"database\":\"d\",\"table\":\"t\",\"sql\":\"TRUNCATE\"}", "t d.t sql"},
		{CDC_FORMAT_MAXWELL, "maxwell", "{\"database\":\"d\",\"table\":\"t\",\"pk.id\":1}", NULL, "d d.t (id) {\"id\":1}"},
		{CDC_FORMAT_AUTO, "maxwell", "[\"d\",\"t\",[{\"id\":1}]]", NULL, "d d.t (id) {\"id\":1}"},
		{CDC_FORMAT_MAXWELL, "maxwell", "{\"database\":\"d\",\"table\":\"t\",\"_uuid\":\"x\"}", NULL, "m d.t"},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL, "{\"database\":\"d\",\"table\":\"t\",\"type\":\"replace\",\"data\":{}}",
			"!Its type is \"replace\"."},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL, "{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"data\":[]}",
			"!Its \"data\" is an array, not an object."},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL, "{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"data\":null}",
			"!Its type is \"insert\", but it has no object \"data\"."},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL, "{\"database\":\"d\",\"type\":\"insert\",\"data\":{}}", "!It has no \"table\"."},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL, "{\"op\":\"c\"}", "!It is an object with the members \"op\"."},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL, "true", "!It is a boolean, not an object."},
		{CDC_FORMAT_MAXWELL, "maxwell", NULL,
			"{\"database\":\"d\\u0000\",\"table\":\"t\",\"type\":\"insert\",\"data\":{}}",
			"!The name of the table contains a NUL character."}
	};

	(void) state;
	check(cases, lengthof(cases));
}

static void
test_debezium(void **state)
{
	static const Case cases[] = {
		/* other databases: schema.table; a partial image; TOAST in its forms */
		{CDC_FORMAT_AUTO, "srv.public.t", "{\"id\":1}",
			"{\"op\":\"u\",\"before\":null,\"after\":{\"id\":1,\"a\":\"__debezium_unavailable_value\","
			"\"b\":\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\",\"c\":[\"__debezium_unavailable_value\"],"
			"\"d\":{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"},\"e\":[1]},"
			"\"source\":{\"connector\":\"postgresql\",\"db\":\"shop\",\"schema\":\"public\",\"table\":\"t\"}}",
			"u public.t (id) {\"id\":1,\"e\":[1]}"},
		/* a delete that only the key tells */
		{CDC_FORMAT_DEBEZIUM, "srv.public.t", "{\"id\":1}",
			"{\"op\":\"d\",\"before\":null,\"after\":null,\"source\":{\"schema\":\"public\",\"table\":\"t\"}}",
			"d public.t (id) {\"id\":1}"},
		{CDC_FORMAT_DEBEZIUM, "srv.public.t", NULL,
			"{\"op\":\"d\",\"before\":null,\"after\":null,\"source\":{\"schema\":\"public\",\"table\":\"t\"}}",
			"!It is a delete without \"before\", and the message has no key."},
		{CDC_FORMAT_DEBEZIUM, "srv.d.t", "{\"id\":1}", NULL, "m -"},
		{CDC_FORMAT_AUTO, "srv.d.t", "{\"id\":1}", NULL, "d d.t (id) {\"id\":1}"},
		{CDC_FORMAT_AUTO, "srv.d.t", NULL, NULL, "m -"},
		{CDC_FORMAT_DEBEZIUM, "x", NULL, "{\"op\":\"m\",\"message\":{\"prefix\":\"p\"},\"source\":{\"db\":\"d\"}}", "m -"},
		{CDC_FORMAT_DEBEZIUM, "x", NULL, "{\"op\":\"x\",\"after\":{},\"source\":{\"db\":\"d\",\"table\":\"t\"}}", "!Its op is \"x\"."},
		{CDC_FORMAT_DEBEZIUM, "x", NULL, "{\"op\":\"c\",\"after\":null,\"source\":{\"db\":\"d\",\"table\":\"t\"}}",
			"!Its op is \"c\", but it has no object \"after\"."},
		{CDC_FORMAT_DEBEZIUM, "x", NULL, "{\"a\":1}", "!It is an object with the members \"a\"."},
		/* numbers by their names */
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"type\":\"struct\",\"fields\":["
			"{\"field\":\"n\",\"type\":\"int64\",\"name\":\"io.debezium.time.NanoTimestamp\"},"
			"{\"field\":\"v\",\"type\":\"struct\",\"name\":\"io.debezium.data.VariableScaleDecimal\"},"
			"{\"field\":\"t\",\"type\":\"int32\",\"name\":\"org.apache.kafka.connect.data.Time\"},"
			"{\"field\":\"s\",\"type\":\"int64\",\"name\":\"org.apache.kafka.connect.data.Timestamp\"},"
			"{\"field\":\"z\",\"type\":\"string\",\"name\":\"io.debezium.time.ZonedTime\"},"
			"{\"field\":\"i\",\"type\":\"string\",\"name\":\"io.debezium.time.ZonedTimestamp\"},"
			"{\"field\":\"neg\",\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"-2\"}},"
			"{\"field\":\"u\",\"type\":\"int64\",\"parameters\":{\"__debezium.source.column.type\":\"BIGINT UNSIGNED\"}}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":1717245296123456700,\"v\":{\"scale\":3,\"value\":\"AQ==\"},\"t\":45296789,"
			"\"s\":-1,\"z\":\"12:34:56.5Z\",\"i\":\"2024-03-01T00:30:00.000001+01:00\",\"neg\":\"/w==\",\"u\":-2},"
			"\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t {\"n\":\"2024-06-01 12:34:56.123456700\",\"v\":0.001,\"t\":\"12:34:56.789\",\"s\":\"1969-12-31 23:59:59.999\","
			"\"z\":\"12:34:56.5\",\"i\":\"2024-02-29 23:30:00.000001\",\"neg\":-100,\"u\":18446744073709551614}"},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"2\"}}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":\"12.5\"},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t column \"n\" has a value of another form than its type: It is the string \"12.5\"; base64 is expected."},
		/* a scale is part of the value */
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"2147483647\"}}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":\"AQ==\"},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t scale of the number in column \"n\" is not known: The schema of a Decimal has a parameter \"scale\", a whole number."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"-100001\"}}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":\"AQ==\"},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t scale of the number in column \"n\" is not known: The schema of a Decimal has a parameter \"scale\", a whole number."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"x\"}}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":\"AQ==\"},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t scale of the number in column \"n\" is not known: The schema of a Decimal has a parameter \"scale\", a whole number."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"\"}}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":\"AQ==\"},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t scale of the number in column \"n\" is not known: The schema of a Decimal has a parameter \"scale\", a whole number."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\"}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":\"AQ==\"},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t scale of the number in column \"n\" is not known: The schema of a Decimal has a parameter \"scale\", a whole number."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"4097\"}}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":\"AQ==\"},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t column \"n\" has a value of another form than its type: It is the string \"AQ==\"; a number of fewer digits is expected."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\"}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":null},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t {\"n\":null}"},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\"}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":1.50},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t {\"n\":1.50}"},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"struct\","
			"\"name\":\"io.debezium.data.VariableScaleDecimal\"}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":{\"scale\":2147483647,\"value\":\"AQ==\"}},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t column \"n\" has a value of another form than its type: It is an object; a number of fewer digits is expected."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"n\",\"type\":\"struct\","
			"\"name\":\"io.debezium.data.VariableScaleDecimal\"}]}]},"
			"\"payload\":{\"op\":\"c\",\"after\":{\"n\":{\"scale\":\"x\",\"value\":\"AQ==\"}},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t column \"n\" has a value of another form than its type: It is an object; an object of scale and value is expected."},
		/* PostGIS: EWKB with its SRID; a WKB that is none */
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"g\",\"type\":\"struct\","
			"\"name\":\"io.debezium.data.geometry.Geometry\"}]}]},\"payload\":{\"op\":\"c\",\"after\":{\"g\":{\"wkb\":"
			"\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":4326}},\"source\":{\"connector\":\"postgresql\",\"schema\":\"d\",\"table\":\"t\"}}}",
			"c d.t {\"g\":\"SRID=4326;POINT (1 2)\"}"},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"g\",\"type\":\"struct\","
			"\"name\":\"io.debezium.data.geometry.Point\"}]}]},\"payload\":{\"op\":\"c\",\"after\":{\"g\":{\"wkb\":\"AQEA\"}},"
			"\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t column \"g\" has a value of another form than its type: It is an object; two-dimensional WKB is expected."},
		/* arrays: each element by the schema's items; what is as it looks stays */
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":["
			"{\"field\":\"d\",\"type\":\"array\",\"items\":{\"type\":\"int32\",\"name\":\"io.debezium.time.Date\"}},"
			"{\"field\":\"n\",\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"bytes\","
			"\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"2\"}}}},"
			"{\"field\":\"i\",\"type\":\"array\",\"items\":{\"type\":\"int32\"}}]}]},\"payload\":{\"op\":\"c\",\"after\":{"
			"\"d\":[0,null,18321],\"n\":[[\"AQ==\",\"z8c=\"],null],\"i\":[1,null]},\"source\":{\"db\":\"d\",\"table\":\"t\"}}}",
			"c d.t {\"d\":[\"1970-01-01\",null,\"2020-02-29\"],\"n\":[[0.01,-123.45],null],\"i\":[1,null]}"},
		/* values that were not sent again: text, numbers of an array, a UUID's, bytes, geometries */
		{CDC_FORMAT_DEBEZIUM, "x", NULL,
			"{\"op\":\"u\",\"before\":{\"i\":1,\"t\":\"x\"},\"after\":{\"i\":1,\"t\":\"__debezium_unavailable_value\",\"a\":[\"__debezium_unavailable_value\"],"
			"\"n\":[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101],\"n2\":[95,95],"
			"\"u\":[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"],\"b\":\"5f5f646562657a69756d5f756e617661696c61626c655f76616c7565\","
			"\"g\":{\"wkb\":\"AQEAACDmEAAAAAAA/IPXl8EAAAD8g9eXwQ==\",\"srid\":4326},\"p\":{\"x\":-99999999,\"y\":-99999999,\"wkb\":\"AQEAAAAAAAD8g9eXwQAAAPyD15fB\"}},"
			"\"source\":{\"connector\":\"postgresql\",\"schema\":\"d\",\"table\":\"t\"}}",
			"u d.t {\"i\":1,\"n2\":[95,95]}"},
		/* flattened, by the schema's name */
		{CDC_FORMAT_AUTO, "x", NULL, "{\"schema\":{\"name\":\"srv.d.t.Value\",\"fields\":[{\"field\":\"a\",\"type\":\"int32\"}]},\"payload\":{\"a\":1}}",
			"u d.t {\"a\":1}"},
		{CDC_FORMAT_DEBEZIUM_FLAT, "srv.d.t", "{\"a\":1}", "{\"a\":1,\"__b\":2,\"__lsn\":3}", "u d.t (a) {\"a\":1,\"__b\":2}"},
		/* the key's columns in their schema's order, where that names each once */
		{CDC_FORMAT_DEBEZIUM_FLAT, "srv.d.t", "{\"schema\":{\"fields\":[{\"field\":\"b\"},{\"field\":\"a\"}]},\"payload\":{\"a\":1,\"b\":2}}", NULL, "d d.t (b, a) {\"b\":2,\"a\":1}"},
		{CDC_FORMAT_DEBEZIUM_FLAT, "srv.d.t", "{\"schema\":{\"fields\":[{\"field\":\"b\"},{\"field\":\"b\"},{\"field\":\"a\"}]},\"payload\":{\"a\":1,\"b\":2}}", NULL, "d d.t (a, b) {\"a\":1,\"b\":2}"},
		{CDC_FORMAT_DEBEZIUM_FLAT, "srv.d.t", "{\"schema\":{\"fields\":[{\"field\":\"b\"},{\"field\":\"b\"}]},\"payload\":{\"a\":1,\"b\":2}}", NULL, "d d.t (a, b) {\"a\":1,\"b\":2}"},
		{CDC_FORMAT_DEBEZIUM_FLAT, "srv.d.t", "{\"schema\":{\"fields\":[{\"field\":\"b\"},{\"field\":\"c\"}]},\"payload\":{\"a\":1,\"b\":2}}", NULL, "d d.t (a, b) {\"a\":1,\"b\":2}"},
		{CDC_FORMAT_DEBEZIUM_FLAT, "srv.d.t", NULL, NULL, "!The message has neither value nor key."},
		/* what ByLogicalTableRouter adds to keys: no column of a table, but one of all its tables together */
		{CDC_FORMAT_AUTO, "srv.d.all", "{\"id\":1,\"__dbz__physicalTableIdentifier\":\"srv.d.t_1\"}",
			"{\"op\":\"c\",\"after\":{\"id\":1,\"v\":2},\"source\":{\"db\":\"d\",\"table\":\"t_1\"}}", "c d.t_1 (id) {\"id\":1,\"v\":2}"},
		{CDC_FORMAT_AUTO, "srv.d.all", "{\"id\":1,\"shard\":\"srv.d.t_1\"}",
			"{\"op\":\"d\",\"before\":{\"id\":1,\"v\":2},\"after\":null,\"source\":{\"db\":\"d\",\"table\":\"t_1\"}}", "d d.t_1 (id) {\"id\":1,\"v\":2}"},
		{CDC_FORMAT_AUTO, "srv.d.all", "{\"id\":1,\"__dbz__physicalTableIdentifier\":\"srv.d.t_1\"}",
			"{\"op\":\"d\",\"before\":null,\"after\":null,\"source\":{\"db\":\"d\",\"table\":\"t_1\"}}", "d d.t_1 (id) {\"id\":1}"},
		{CDC_FORMAT_AUTO, "srv.d.all", "{\"id\":1,\"__dbz__physicalTableIdentifier\":\"srv.d.t_1\"}",
			"{\"id\":1,\"__deleted\":\"false\",\"__table\":\"t_1\",\"__db\":\"d\"}", "u d.t_1 (id) {\"id\":1}"},
		{CDC_FORMAT_AUTO, "srv.d.all", "{\"id\":1,\"__dbz__physicalTableIdentifier\":\"srv.d.t_1\"}",
			"{\"id\":1,\"__deleted\":\"false\"}", "u d.all (id, __dbz__physicalTableIdentifier) {\"id\":1,\"__dbz__physicalTableIdentifier\":\"srv.d.t_1\"}"},
		{CDC_FORMAT_AUTO, "srv.d.all", "{\"id\":1,\"__dbz__physicalTableIdentifier\":\"srv.d.t_1\"}", NULL,
			"d d.all (id, __dbz__physicalTableIdentifier) {\"id\":1,\"__dbz__physicalTableIdentifier\":\"srv.d.t_1\"}"}
	};

	(void) state;
	check(cases, lengthof(cases));
}

static void
test_others(void **state)
{
	static const Case cases[] = {
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"table\":\"S.T\",\"op_type\":\"U\",\"op_ts\":\"2024-06-01 12:00:00\",\"primary_keys\":[\"A\"],"
			"\"before\":{\"A\":1,\"B\":2,\"C\":3},\"after\":{\"B\":2,\"C\":4}}",
			"u S.T (A) {\"B\":2,\"C\":4,\"A\":1} old {\"C\":3}"},
		{CDC_FORMAT_AUTO, "x", NULL, "{\"table\":\"T\",\"op_type\":\"D\",\"pos\":\"00000000000000002928\",\"tokens\":{},\"A\":1,\"B\":null}", "d T {\"A\":1,\"B\":null}"},
		{CDC_FORMAT_GOLDENGATE, "x", NULL, "{\"table\":\"T\",\"op_type\":\"D\",\"after\":{\"A\":1}}",
			"!Its op_type is \"D\", but it has no object \"before\"."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"isDdl\":false,\"type\":\"UPDATE\",\"database\":\"d\",\"table\":\"t\",\"pkNames\":[\"a\"],\"mysqlType\":{\"a\":\"int\",\"e\":\"enum('x','y')\",\"b\":\"varbinary(3)\"},"
			"\"data\":[{\"a\":\"1\",\"e\":\"2\",\"b\":\"\\u00ff\\u0000\"},{\"a\":\"2\",\"e\":\"z\",\"b\":null}],\"old\":[{\"e\":\"1\"},{\"a\":\"3\"}]}",
			"u d.t (a) {\"a\":1,\"e\":\"y\",\"b\":\"/wA=\"} old {\"e\":\"x\"} {\"a\":2,\"e\":\"z\",\"b\":null} old {\"a\":3}"},
		{CDC_FORMAT_CANAL, "x", NULL, "{\"isDdl\":false,\"type\":\"INSERT\",\"database\":\"d\",\"table\":\"t\",\"mysqlType\":{\"a\":\"blob\"},\"data\":[{\"a\":\"\\u0100\"}]}",
			"c d.t column \"a\" has a value of another form than its type: It is the string \"\xC4\x80\"; characters that stand for bytes is expected."},
		/* numbers of members that the type does not tell; BINARY without its zeros; bits from Java */
		{CDC_FORMAT_CANAL, "x", NULL, "{\"isDdl\":false,\"type\":\"INSERT\",\"database\":\"d\",\"table\":\"t\",\"mysqlType\":{\"a\":\"enum('x')\"},\"data\":[{\"a\":\"2\"}]}",
			"c d.t column \"a\" has a value of another form than its type: It is the string \"2\"; the number of a member that the type tells is expected."},
		{CDC_FORMAT_CANAL, "x", NULL, "{\"isDdl\":false,\"type\":\"INSERT\",\"database\":\"d\",\"table\":\"t\",\"mysqlType\":{\"a\":\"set\"},\"data\":[{\"a\":\"2\"}]}",
			"c d.t column \"a\" has a value of another form than its type: It is the string \"2\"; the number of a member that the type tells is expected."},
		{CDC_FORMAT_CANAL, "x", NULL, "{\"isDdl\":false,\"type\":\"INSERT\",\"database\":\"d\",\"table\":\"t\",\"mysqlType\":{\"a\":\"binary(4)\",\"b\":\"bit(64)\",\"e\":\"enum('10','2')\",\"j\":\"json\"},"
			"\"data\":[{\"a\":\"x\",\"b\":\"-1\",\"e\":\"10\",\"j\":\"\"}]}",
			"c d.t {\"a\":\"eAAAAA==\",\"b\":18446744073709551615,\"e\":\"10\",\"j\":null}"},
		{CDC_FORMAT_CANAL, "x", NULL, "{\"type\":\"TIDB_WATERMARK\",\"isDdl\":false,\"database\":\"\",\"table\":\"\",\"_tidb\":{\"watermarkTs\":1}}", "m -"},
		{CDC_FORMAT_CANAL, "x", NULL, "{\"isDdl\":false,\"type\":\"INSERT\",\"database\":\"d\",\"table\":\"t\",\"data\":[{\"a\":\"1\"}],\"_tidb\":{\"commitTs\":1}}", "c d.t {\"a\":\"1\"}"},
		{CDC_FORMAT_CANAL, "x", NULL, "{\"isDdl\":true,\"type\":\"TRUNCATE\",\"database\":\"d\",\"table\":\"t\",\"sql\":\"TRUNCATE t\"}", "t d.t sql"},
		{CDC_FORMAT_CANAL, "x", NULL, "{\"isDdl\":true,\"type\":\"ERASE\",\"database\":\"d\",\"table\":\"t\",\"sql\":\"DROP TABLE t\"}", "s d.t sql"},
		{CDC_FORMAT_CANAL, "x", NULL, "{\"isDdl\":false,\"type\":\"INSERT\",\"database\":\"d\",\"table\":\"t\",\"data\":[]}",
			"!Its type is \"INSERT\", but it has no array \"data\" of rows."},
		{CDC_FORMAT_AUTO, "x", NULL,
			"{\"kind\":\"update\",\"schema\":\"s\",\"table\":\"t\",\"columnnames\":[\"a\",\"b\"],\"columntypes\":[\"integer\",\"bytea\"],\"columnvalues\":[2,\"00fF\"],"
			"\"oldkeys\":{\"keynames\":[\"a\"],\"keyvalues\":[1]}}",
			"u s.t {\"a\":2,\"b\":\"AP8=\"} old {\"a\":1}"},
		{CDC_FORMAT_QUIX, "x", NULL, "{\"kind\":\"delete\",\"schema\":\"s\",\"table\":\"t\",\"oldkeys\":{\"keynames\":[\"a\"],\"keytypes\":[\"integer\"],\"keyvalues\":[1]}}",
			"d s.t {\"a\":1}"},
		{CDC_FORMAT_QUIX, "x", NULL, "{\"kind\":\"truncate\",\"schema\":\"s\",\"table\":\"t\"}", "t s.t"},
		{CDC_FORMAT_QUIX, "x", NULL, "{\"kind\":\"insert\",\"schema\":\"s\",\"table\":\"t\"}",
			"!Its kind is \"insert\", but it has no arrays \"columnnames\" and \"columnvalues\"."},
		{CDC_FORMAT_JSON, "users", "{\"id\":1}", "{\"name\":\"x\",\"schema\":1,\"payload\":2}", "c users (id) {\"name\":\"x\",\"schema\":1,\"payload\":2,\"id\":1}"},
		{CDC_FORMAT_JSON, "users", "7", "{\"name\":\"x\"}", "c users {\"name\":\"x\"}"},
		{CDC_FORMAT_JSON, "users", "{\"id\":1}", NULL, "d users (id) {\"id\":1}"},
		{CDC_FORMAT_JSON, "users", NULL, NULL, "m users"},
		{CDC_FORMAT_JSON, "users", NULL, "[]", "!It is an array, not an object."},
		{CDC_FORMAT_RAW, "users", NULL, "[]", "m users"},
		{CDC_FORMAT_AUTO, "x", NULL, "{\"any\":\"thing\",\"t\\u00e4\":1}", "!It is an object with the members \"any\", \"t\xC3\xA4\"."},
		{CDC_FORMAT_AUTO, "x", NULL, "[]", "!It is an array."}
	};

	(void) state;
	check(cases, lengthof(cases));
}

/* Rows beside their metadata, of whose names columns can have some. */
static void
test_goldengate_row(void **state)
{
#define META "\"table\":\"T\",\"op_type\":\"I\",\"op_ts\":\"2024-06-01 12:00:00.000000\",\"current_ts\":\"2024-06-01T12:00:01.000001\",\"pos\":\"00000000000000002928\""
	static const Case cases[] = {
		{CDC_FORMAT_AUTO, "x", NULL, "{" META ",\"primary_keys\":[\"A\"],\"tokens\":{\"R\":\"AADPkvAAEAAEqL2AAA\"},\"A\":1,\"B\":null}", "c T (A) {\"A\":1,\"B\":null}"},
		{CDC_FORMAT_AUTO, "x", NULL, "{" META ",\"A\":1}", "c T {\"A\":1}"},
		/* columns of the names of metadata, which the formatter writes behind it */
		{CDC_FORMAT_AUTO, "x", NULL, "{" META ",\"xid\":7,\"csn\":\"8\",\"tokens\":\"t\",\"A\":1}", "c T {\"xid\":7,\"csn\":\"8\",\"tokens\":\"t\",\"A\":1}"},
		{CDC_FORMAT_GOLDENGATE, "x", NULL, "{\"table\":\"T\",\"op_type\":\"I\",\"op_ts\":1,\"current_ts\":null,\"pos\":5,\"tokens\":null,\"primary_keys\":\"p\",\"A\":1}",
			"c T {\"op_ts\":1,\"current_ts\":null,\"pos\":5,\"tokens\":null,\"primary_keys\":\"p\",\"A\":1}"},
		{CDC_FORMAT_GOLDENGATE, "x", NULL, "{\"table\":\"T\",\"op_type\":\"I\",\"pos\":\"12\",\"A\":1}", "c T {\"pos\":\"12\",\"A\":1}"},
		{CDC_FORMAT_GOLDENGATE, "x", NULL, "{\"table\":\"T\",\"op_type\":\"I\",\"pos\":\"0000000000000000292x\",\"A\":1}", "c T {\"pos\":\"0000000000000000292x\",\"A\":1}"},
		/* in objects of their own they cannot be mistaken */
		{CDC_FORMAT_AUTO, "x", NULL, "{" META ",\"xid\":\"0.1.2\",\"csn\":\"9\",\"tokens\":{},\"after\":{\"table\":\"a\",\"op_type\":\"b\",\"pos\":\"00000000000000002928\",\"xid\":1,\"tokens\":\"t\"}}",
			"c T {\"table\":\"a\",\"op_type\":\"b\",\"pos\":\"00000000000000002928\",\"xid\":1,\"tokens\":\"t\"}"},
		{CDC_FORMAT_AUTO, "x", NULL, "{\"table\":\"TEST.WMS_TEST\",\"op_type\":\"T\",\"pos\":\"00000000000000002928\"}", "t TEST.WMS_TEST"},
		/* the formatter's topic of schemas */
		{CDC_FORMAT_AUTO, "mySchemaTopic", NULL, "{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"title\":\"S.T\",\"definitions\":{\"row\":{}},\"type\":\"object\","
			"\"properties\":{\"table\":{\"type\":\"string\"},\"op_type\":{\"type\":\"string\"}},\"required\":[\"table\"]}", "m -"},
		{CDC_FORMAT_GOLDENGATE, "mySchemaTopic", NULL, "{\"$schema\":\"s\",\"properties\":{\"op_type\":{}}}", "m -"},
		{CDC_FORMAT_AUTO, "x", NULL, "{\"$schema\":\"s\",\"properties\":{\"op\":{}}}", "!It is an object with the members \"$schema\", \"properties\"."}
	};

	(void) state;
	check(cases, lengthof(cases));
#undef META
}

/* Where the key is told, and where what looks like it is the row before the change. */
static void
test_quix(void **state)
{
#define QUIX(kind, names, values, rest) "{\"kind\":\"" kind "\",\"schema\":\"s\",\"table\":\"t\",\"columnnames\":[" names "],\"columnvalues\":[" values "]" rest "}"
#define OLD(names, values) ",\"oldkeys\":{\"keynames\":[" names "],\"keyvalues\":[" values "]}"
	static const Case cases[] = {
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("snapshot_insert", "\"a\",\"b\"", "1,null", ",\"oldkeys\":{}"), "r s.t {\"a\":1,\"b\":null}"},
		{CDC_FORMAT_QUIX, "q", "{\"a\":1}", QUIX("snapshot_insert", "\"a\",\"b\"", "1,2", ",\"oldkeys\":{}"), "r s.t (a) {\"a\":1,\"b\":2}"},
		/* what an update is found by, unless it is all columns */
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("update", "\"a\",\"b\"", "1,3", OLD("\"a\"", "1")), "u s.t (a) {\"a\":1,\"b\":3}"},
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("update", "\"a\",\"b\"", "1,3", OLD("\"a\",\"b\"", "1,2")), "u s.t {\"a\":1,\"b\":3} old {\"b\":2}"},
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("update", "\"a\",\"b\"", "1,2", OLD("\"a\",\"b\"", "1,2")), "u s.t {\"a\":1,\"b\":2}"},
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("update", "\"a\",\"b\"", "1,3", OLD("\"b\",\"a\",\"c\"", "2,1,0")), "u s.t {\"a\":1,\"b\":3} old {\"b\":2}"},
		{CDC_FORMAT_AUTO, "q", "{\"a\":1}", QUIX("update", "\"a\",\"b\"", "1,3", OLD("\"a\",\"b\"", "1,2")), "u s.t (a) {\"a\":1,\"b\":3} old {\"b\":2}"},
		/* nulls are left out of a whole row, too */
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("update", "\"a\",\"b\",\"c\"", "1,3,4", OLD("\"a\",\"b\"", "1,2")), "u s.t {\"a\":1,\"b\":3,\"c\":4} old {\"b\":2}"},
		/* a message's key of something else */
		{CDC_FORMAT_AUTO, "q", "\"s.t\"", QUIX("insert", "\"a\"", "1", ""), "c s.t {\"a\":1}"},
		{CDC_FORMAT_AUTO, "q", "{\"schema\":\"s\",\"a\":1}", QUIX("insert", "\"a\"", "1", ""), "c s.t {\"a\":1}"},
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("delete", "", "", OLD("\"a\",\"b\"", "1,2")), "d s.t {\"a\":1,\"b\":2}"},
		{CDC_FORMAT_AUTO, "q", "{\"a\":1}", QUIX("delete", "", "", OLD("\"a\",\"b\"", "1,2")), "d s.t (a) {\"a\":1,\"b\":2}"},
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("delete", "", "", ",\"oldkeys\":{}"),
			"!Its kind is \"delete\", but it has no arrays \"oldkeys.keynames\" and \"keyvalues\"."},
		{CDC_FORMAT_AUTO, "q", NULL, QUIX("update", "", "", OLD("\"a\"", "1")),
			"!Its kind is \"update\", but it has no arrays \"columnnames\" and \"columnvalues\"."}
	};
	ReadMessage m;

	(void) state;
	check(cases, lengthof(cases));

	/* a row that only its former values tell from others can be found by a whole row alone */
	m.arena = cdc_arena_create(0);
	assert_ok(read_message(&m, CDC_FORMAT_QUIX, "q", NULL, QUIX("update", "\"a\",\"b\"", "1,3", OLD("\"a\"", "1"))), &m.err);
	assert_false(cdc_envelope_has_before(&m.env));
	assert_ok(read_message(&m, CDC_FORMAT_QUIX, "q", NULL, QUIX("update", "\"a\",\"b\"", "1,3", OLD("\"a\",\"b\"", "1,2"))), &m.err);
	assert_true(cdc_envelope_has_before(&m.env));
	cdc_arena_destroy(m.arena);
#undef QUIX
#undef OLD
}

/*
 * Images of other types are refused in every format, whatever the table's columns: the
 * place of a wrong value is %s.
 */
static void
test_wrong_images(void **state)
{
	static const struct
	{
		CdcMessageFormat format;
		bool		array;		/* the image is one */
		const char *message;
	}			cases[] = {
		{CDC_FORMAT_MAXWELL, false, "{\"database\":\"d\",\"table\":\"t\",\"type\":\"update\",\"data\":%s}"},
		{CDC_FORMAT_MAXWELL, false, "{\"database\":\"d\",\"table\":\"t\",\"type\":\"update\",\"data\":{\"a\":1},\"old\":%s}"},
		{CDC_FORMAT_MAXWELL, false, "{\"database\":\"d\",\"table\":\"t\",\"type\":\"delete\",\"data\":{\"a\":1},\"old\":%s}"},
		{CDC_FORMAT_GOLDENGATE, false, "{\"table\":\"A.T\",\"op_type\":\"U\",\"before\":%s,\"after\":{\"a\":1}}"},
		{CDC_FORMAT_GOLDENGATE, false, "{\"table\":\"A.T\",\"op_type\":\"I\",\"before\":%s,\"after\":{\"a\":1}}"},
		{CDC_FORMAT_GOLDENGATE, false, "{\"table\":\"A.T\",\"op_type\":\"D\",\"before\":{\"a\":1},\"after\":%s}"},
		{CDC_FORMAT_GOLDENGATE, false, "{\"table\":\"A.T\",\"op_type\":\"D\",\"before\":%s}"},
		{CDC_FORMAT_DEBEZIUM, false, "{\"op\":\"c\",\"after\":%s,\"source\":{\"db\":\"d\",\"table\":\"t\"}}"},
		{CDC_FORMAT_DEBEZIUM, false, "{\"op\":\"u\",\"before\":%s,\"after\":{\"a\":1},\"source\":{\"db\":\"d\",\"table\":\"t\"}}"},
		{CDC_FORMAT_DEBEZIUM, false, "{\"op\":\"d\",\"before\":%s,\"source\":{\"db\":\"d\",\"table\":\"t\"}}"},
		{CDC_FORMAT_DEBEZIUM, false, "{\"schema\":{},\"payload\":{\"op\":\"r\",\"after\":%s,\"source\":{\"db\":\"d\",\"table\":\"t\"}}}"},
		{CDC_FORMAT_DEBEZIUM_FLAT, false, "%s"},
		{CDC_FORMAT_JSON, false, "%s"},
		{CDC_FORMAT_CANAL, true, "{\"isDdl\":false,\"type\":\"INSERT\",\"database\":\"d\",\"table\":\"t\",\"data\":%s}"},
		{CDC_FORMAT_CANAL, false, "{\"isDdl\":false,\"type\":\"DELETE\",\"database\":\"d\",\"table\":\"t\",\"data\":[%s]}"},
		{CDC_FORMAT_CANAL, true, "{\"isDdl\":false,\"type\":\"UPDATE\",\"database\":\"d\",\"table\":\"t\",\"data\":[{\"a\":\"1\"}],\"old\":%s}"},
		{CDC_FORMAT_CANAL, false, "{\"isDdl\":false,\"type\":\"UPDATE\",\"database\":\"d\",\"table\":\"t\",\"data\":[{\"a\":\"1\"}],\"old\":[%s]}"},
		{CDC_FORMAT_QUIX, true, "{\"kind\":\"insert\",\"schema\":\"s\",\"table\":\"t\",\"columnnames\":%s,\"columnvalues\":[1]}"},
		{CDC_FORMAT_QUIX, true, "{\"kind\":\"insert\",\"schema\":\"s\",\"table\":\"t\",\"columnnames\":[\"a\"],\"columnvalues\":%s}"},
		{CDC_FORMAT_QUIX, true, "{\"kind\":\"insert\",\"schema\":\"s\",\"table\":\"t\",\"columnnames\":[\"a\"],\"columntypes\":%s,\"columnvalues\":[1]}"},
		{CDC_FORMAT_QUIX, false, "{\"kind\":\"delete\",\"schema\":\"s\",\"table\":\"t\",\"oldkeys\":%s}"},
		{CDC_FORMAT_QUIX, true, "{\"kind\":\"delete\",\"schema\":\"s\",\"table\":\"t\",\"oldkeys\":{\"keynames\":%s,\"keyvalues\":[1]}}"},
		{CDC_FORMAT_QUIX, true, "{\"kind\":\"delete\",\"schema\":\"s\",\"table\":\"t\",\"oldkeys\":{\"keynames\":[\"a\"],\"keyvalues\":%s}}"}
	};
	static const char *const values[] = {
		"true", "1000", "\"abcdefgh\"", "\"\"", "[\"a\", 1]", "{\"a\":1}"
	};
	ReadMessage m;
	CdcBuf		text = {0};

	(void) state;
	m.arena = cdc_arena_create(0);
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		for (size_t v = 0; v < lengthof(values); v++)
		{
			if (values[v][0] == (cases[i].array ? '[' : '{'))
				continue;
			cdc_buf_reset(&text);
			assert_true(cdc_buf_printf(&text, cases[i].message, values[v]));
			assert_int_equal(read_message(&m, cases[i].format, "t", "{\"id\":1}", unit_text(&text)),
							 CDC_ERR_VALUE);
			assert_int_equal(strncmp(m.err.message, "not a message in format ", 24), 0);
		}
	}
	cdc_buf_free(&text);
	cdc_arena_destroy(m.arena);
}

static void
test_payload(void **state)
{
	static const uint8_t avro[] = {0, 0, 0, 1, 2, 8, 'a', 'b'};
	static const uint8_t json[] = {0, 0, 0, 0, 9, '{', '}'};
	uint32_t	schema_id;
	size_t		skip;
	CdcError	err;

	(void) state;
	assert_int_equal(cdc_payload_look(avro, sizeof(avro), &schema_id, &skip), CDC_PAYLOAD_REGISTRY);
	assert_int_equal(schema_id, 258);
	assert_int_equal(cdc_payload_look(json, sizeof(json), &schema_id, &skip), CDC_PAYLOAD_TEXT);
	assert_int_equal(skip, 5);
	assert_int_equal(cdc_payload_look(json + 5, 2, &schema_id, &skip), CDC_PAYLOAD_TEXT);
	assert_int_equal(skip, 0);
	assert_int_equal(cdc_payload_look(avro, 4, &schema_id, &skip), CDC_PAYLOAD_TEXT);
	assert_int_equal(cdc_payload_refuse(CDC_FORMAT_DEBEZIUM, 258, &err), CDC_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.detail, "schema number 258"));
	assert_non_null(strstr(err.hint, "value_format"));
	assert_int_equal(cdc_payload_refuse(CDC_FORMAT_AVRO, 0, &err), CDC_ERR_UNSUPPORTED);
}

static void
test_names(void **state)
{
	CdcMessageFormat format;

	(void) state;
	for (int i = CDC_FORMAT_AUTO; i <= CDC_FORMAT_PROTOBUF; i++)
	{
		assert_true(cdc_format_by_name(cdc_format_name((CdcMessageFormat) i), &format));
		assert_int_equal(format, i);
	}
	assert_true(cdc_format_by_name("Debezium", &format));
	assert_false(cdc_format_by_name("", &format));
}

/* What a column expects, by its name. */
static bool
hint_by_name(void *arg, const char *name, size_t len, CdcColumnHint *hint)
{
	(void) arg;
	(void) len;
	*hint = (CdcColumnHint) {CDC_HINT_NONE, -1, -1, 0, false};
	switch (name[0])
	{
		case 'b':
			hint->kind = CDC_HINT_BYTES;
			return true;
		case 'n':
			hint->kind = CDC_HINT_DECIMAL;
			hint->precision = 10;
			hint->scale = 0;
			return true;
		case 't':
		case 'd':
			hint->kind = CDC_HINT_TIME;
			hint->fsp = 3;
			hint->duration = name[0] == 'd';
			return true;
		default:
			return false;
	}
}

/* Forms that Debezium's options change: an error where they cannot be told. */
static void
test_debezium_modes(void **state)
{
#define PLAIN(connector, row) "{\"op\":\"c\",\"after\":" row ",\"source\":{\"connector\":\"" connector "\",\"db\":\"d\",\"table\":\"t\"}}"
#define SCHEMA(type, row) "{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"b\",\"type\":\"" type "\"}]}]},\"payload\":" PLAIN("mysql", row) "}"
	static const struct
	{
		const char *value;
		const char *expected;
	}			cases[] = {
		/* binary.handling.mode */
		{SCHEMA("bytes", "{\"b\":\"deadbeef\"}"), "c d.t {\"b\":\"deadbeef\"}\n"},
		{SCHEMA("string", "{\"b\":\"3q2+7w==\"}"), "c d.t {\"b\":\"3q2+7w==\"}\n"},
		{SCHEMA("string", "{\"b\":\"3q2-7w==\"}"), "c d.t {\"b\":\"3q2+7w==\"}\n"},
		{SCHEMA("string", "{\"b\":\"deadbe\"}"), "c d.t {\"b\":\"3q2+\"}\n"},
		{SCHEMA("string", "{\"b\":\"deadbeef\"}"), "c d.t form of the bytes in column \"b\" is not known: The string \"deadbeef\" may be base64 or hexadecimal digits.\n"},
		{PLAIN("mysql", "{\"b\":\"deadbeef\"}"), "c d.t {\"b\":\"deadbeef\"}\n"},
		{PLAIN("mysql", "{\"b\":\"00112233445566778899aabbccddeeff\"}"),
			"c d.t form of the bytes in column \"b\" is not known: The string \"00112233445566778899aabbccddeeff\" may be base64 or hexadecimal digits.\n"},
		/* decimal.handling.mode: digits alone */
		{PLAIN("mysql", "{\"n\":\"AGQ=\",\"n2\":\"12345\",\"n3\":\"-1234\"}"), "c d.t {\"n\":100,\"n2\":12345,\"n3\":-1234}\n"},
		{PLAIN("mysql", "{\"n\":\"1234\"}"), "c d.t form of the number in column \"n\" is not known: The string \"1234\" may be base64 or digits.\n"},
		/* times of up to three digits */
		{PLAIN("mysql", "{\"t\":45296789000,\"d\":1000000}"), "c d.t {\"t\":\"12:34:56.789\",\"d\":\"00:00:01.000\"}\n"},
		{PLAIN("postgresql", "{\"t\":45296789,\"d\":1000000}"), "c d.t {\"t\":\"12:34:56.789\",\"d\":\"00:00:01.000\"}\n"}
	};
	static const CdcHints hints = {hint_by_name, NULL, NULL};
	CdcBuf		out = {0};
	ReadMessage m;

	(void) state;
	m.arena = cdc_arena_create(0);
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", NULL, cases[i].value), &m.err);
		cdc_buf_reset(&out);
		print_rows(&m, &hints, &out);
		assert_string_equal(unit_text(&out), cases[i].expected);
	}
	cdc_buf_free(&out);
	cdc_arena_destroy(m.arena);
}

/* Facts beside the rows. */
static void
test_facts(void **state)
{
	ReadMessage m;

	(void) state;
	m.arena = cdc_arena_create(0);
	assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", NULL,
						   "{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"ts\":1717245296,\"xid\":7,\"xoffset\":3,\"gtid\":\"g\",\"position\":\"b:4\",\"data\":{}}"), &m.err);
	assert_true(m.env.source_us == INT64_C(1717245296000000) && m.env.xid == 7 && m.env.xoffset == 3 && m.env.commit == 0);
	assert_true(cdc_string_is(m.env.gtid, "g") && cdc_string_is(m.env.position, "b:4") && !m.env.keep_key);
	assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", "{\"database\":\"d\",\"table\":\"t\",\"pk.a\":1}",
						   "{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"ts\":1,\"commit\":true,\"data\":{\"a\":1}}"), &m.err);
	assert_true(m.env.commit == 1 && m.env.nkey == 1 && !m.env.keep_key);
	/* without output_xoffset a transaction goes on until commit, too */
	assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", NULL,
						   "{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"ts\":1,\"xid\":7,\"data\":{}}"), &m.err);
	assert_true(m.env.commit == 0 && m.env.xid == 7 && m.env.xoffset == -1);
	assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", NULL,
						   "{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"ts\":1,\"data\":{}}"), &m.err);
	assert_true(m.env.commit == -1);
	assert_ok(read_message(&m, CDC_FORMAT_JSON, "x", "1", "{\"a\":1}"), &m.err);
	assert_true(m.env.keep_key);
	assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", "{\"a\":1}", NULL), &m.err);
	assert_true(m.env.keep_key && m.env.op == 'd');
	assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", "{\"a\":1}",
						   "{\"op\":\"c\",\"after\":{\"a\":1},\"source\":{\"db\":\"d\",\"table\":\"t\",\"ts_ms\":5,\"ts_us\":5001,\"gtid\":\"u:1\",\"file\":\"bin.1\",\"pos\":99,\"txId\":12},"
						   "\"transaction\":{\"id\":\"x\",\"total_order\":2}}"), &m.err);
	assert_true(m.env.source_us == 5001 && m.env.xid == 12 && m.env.xoffset == 1 && m.env.commit == -1);
	assert_true(cdc_string_is(m.env.position, "bin.1:99") && cdc_string_is(m.env.gtid, "u:1"));
	assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", NULL,
						   "{\"table\":\"S.T\",\"op_type\":\"I\",\"op_ts\":\"1970-01-02 00:00:00.000001\",\"pos\":\"0001\",\"after\":{\"a\":1}}"), &m.err);
	assert_true(m.env.source_us == INT64_C(86400000001) && cdc_string_is(m.env.position, "0001"));
	cdc_arena_destroy(m.arena);
}

static void
test_definitions(void **state)
{
	static const struct
	{
		const char *value;
		const char *expected;
	}			cases[] = {
		/* PostgreSQL's types */
		{"{\"kind\":\"insert\",\"schema\":\"s\",\"table\":\"t\",\"pk\":{\"pknames\":[\"b\",\"a\"]},"
			"\"columnnames\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"],\"columntypes\":[\"integer\",\"numeric(12,2)\",\"numeric\","
			"\"timestamp(3) with time zone\",\"timestamp without time zone\",\"integer[]\",\"numeric(900,800)\"],\"columnvalues\":[1,2,3,null,null,null,null]}",
			"a int key 1, b decimal(12,2) key 0, c number, d timestamp(6), e datetime(6), f longtext, g number"},
		/* schemas without the source's types */
		{"{\"schema\":{\"name\":\"s.d.t.Value\",\"fields\":[{\"field\":\"a\",\"type\":\"int32\"},{\"field\":\"b\",\"type\":\"boolean\"},"
			"{\"field\":\"c\",\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"2\"}},"
			"{\"field\":\"d\",\"type\":\"bytes\",\"name\":\"io.debezium.data.Bits\",\"parameters\":{\"length\":\"900\"}},"
			"{\"field\":\"e\",\"type\":\"array\"},{\"field\":\"f\",\"type\":\"string\",\"name\":\"io.debezium.time.ZonedTimestamp\"}]},"
			"\"payload\":{\"a\":1,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null}}",
			"a int, b boolean, c number, d longtext, e array, f timestamp(6)"},
		/* bytes that come as strings */
		{"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"a\",\"type\":\"string\",\"parameters\":{\"__debezium.source.column.type\":\"BLOB\"}},"
			"{\"field\":\"b\",\"type\":\"bytes\",\"parameters\":{\"__debezium.source.column.type\":\"BLOB\"}}]}]},\"payload\":"
			"{\"op\":\"c\",\"after\":{\"a\":\"00ff\",\"b\":\"AP8=\"},\"source\":{\"connector\":\"mysql\",\"db\":\"d\",\"table\":\"t\"}}}",
			"a string, b blob"},
		/* which of the two FLOAT is, the number of its bits says; a scale makes it one of digits */
		{"{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":["
			"{\"field\":\"a\",\"type\":\"double\",\"parameters\":{\"__debezium.source.column.type\":\"FLOAT\",\"__debezium.source.column.length\":\"53\"}},"
			"{\"field\":\"b\",\"type\":\"double\",\"parameters\":{\"__debezium.source.column.type\":\"FLOAT UNSIGNED\",\"__debezium.source.column.length\":\"25\"}},"
			"{\"field\":\"c\",\"type\":\"double\",\"parameters\":{\"__debezium.source.column.type\":\"FLOAT\",\"__debezium.source.column.length\":\"24\"}},"
			"{\"field\":\"d\",\"type\":\"double\",\"parameters\":{\"__debezium.source.column.type\":\"FLOAT\",\"__debezium.source.column.length\":\"30\",\"__debezium.source.column.scale\":\"5\"}},"
			"{\"field\":\"e\",\"type\":\"float\",\"parameters\":{\"__debezium.source.column.type\":\"FLOAT\"}}]}]},\"payload\":"
			"{\"op\":\"c\",\"after\":{\"a\":1.5,\"b\":1,\"c\":1,\"d\":1,\"e\":1},\"source\":{\"connector\":\"mysql\",\"db\":\"d\",\"table\":\"t\"}}}",
			"a double, b double unsigned, c float, d float, e float"},
		/* Canal's; one that cannot be read is what its value is */
		{"{\"isDdl\":false,\"type\":\"INSERT\",\"database\":\"d\",\"table\":\"t\",\"mysqlType\":{\"a\":\"int(10) unsigned\",\"b\":\"int(\"},\"data\":[{\"a\":\"1\",\"b\":\"2\"}]}",
			"a int(10) unsigned, b longtext"},
		{"{\"type\":\"table-alter\",\"database\":\"d\",\"table\":\"t\",\"def\":{\"columns\":[{\"type\":\"bigint\",\"name\":\"a\",\"signed\":false},"
			"{\"type\":\"enum\",\"name\":\"b\",\"enum-values\":[\"x\"]},{\"type\":\"timestamp\",\"name\":\"c\",\"column-length\":6},{\"type\":\"bit\",\"name\":\"d\"},"
			"{\"type\":\"varchar\",\"name\":\"e\",\"charset\":\"binary\"}],\"primary-key\":[\"c\",\"a\"]}}",
			"a bigint unsigned key 1, b longtext, c timestamp(6) key 0, d bit(64), e longblob"},
		{"{\"type\":\"table-drop\",\"database\":\"d\",\"table\":\"t\"}", ""},
		{"{\"table\":\"S.T\",\"op_type\":\"I\",\"primary_keys\":[\"A\"],\"after\":{\"A\":1.5,\"B\":\"x\",\"C\":{},\"D\":null,\"E\":false}}",
			"A number key 0, B longtext, C json, D longtext, E boolean"},
		/* of Avro with includeIsMissingFields: what the trail has not is no value, and what says so no column */
		{"{\"table\":\"S.T\",\"op_type\":\"U\",\"primary_keys\":[\"A\"],\"after\":{\"A\":1,\"A_isMissing\":false,\"V\":null,\"V_isMissing\":true,\"W\":null,"
			"\"W_isMissing\":false,\"X_isMissing\":true,\"Y\":\"y\",\"Y_isMissing\":\"no\"},\"before\":{\"A\":1,\"A_isMissing\":false,\"V\":null,\"V_isMissing\":true}}",
			"A number key 0, W longtext, X_isMissing boolean, Y longtext, Y_isMissing longtext"}
	};
	CdcBuf		out = {0};
	ReadMessage m;

	(void) state;
	m.arena = cdc_arena_create(0);
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		assert_ok(read_message(&m, CDC_FORMAT_AUTO, "x", NULL, cases[i].value), &m.err);
		cdc_buf_reset(&out);
		print_columns(&m, &out);
		assert_string_equal(unit_text(&out), cases[i].expected);
	}
	cdc_buf_free(&out);
	cdc_arena_destroy(m.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maxwell),
		cmocka_unit_test(test_debezium),
		cmocka_unit_test(test_debezium_modes),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_goldengate_row),
		cmocka_unit_test(test_quix),
		cmocka_unit_test(test_wrong_images), cmocka_unit_test(test_payload),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_definitions)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
