/*
 * envelope_recorded.c
 *	  Messages recorded from real tools (test/data/envelopes, see its README), each
 *	  a line of topic, key and value: what is read from them is what the file
 *	  beside says.  ENVELOPE_PRINT=1 prints it anew.
 */
#include "envelope_read.h"

#include <unistd.h>

static char *
read_file(const char *name)
{
	char		path[512];
	FILE	   *f;
	char	   *text;
	long		len;

	snprintf(path, sizeof(path), "%s/envelopes/%s", TEST_DATA, name);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("%s is missing", path);
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	rewind(f);
	text = malloc((size_t) len + 1);
	assert_int_equal(fread(text, 1, (size_t) len, f), (size_t) len);
	text[len] = '\0';
	fclose(f);
	return text;
}

/* What the columns of the recorded tables are, for messages without a schema. */
static bool
hint(void *arg, const char *name, size_t len, CdcColumnHint *hint)
{
	static const struct
	{
		const char *name;
		CdcColumnHint hint;
	}			hints[] = {
		{"de", {CDC_HINT_DECIMAL, 4, -1, 0, false}}, {"de0", {CDC_HINT_DECIMAL, 0, -1, 0, false}},
		{"big", {CDC_HINT_DECIMAL, 30, -1, 0, false}}, {"bit9", {CDC_HINT_BIT, -1, -1, 0, false}},
		{"bit64", {CDC_HINT_BIT, -1, -1, 0, false}}, {"d", {CDC_HINT_DATE, -1, -1, 0, false}},
		{"dt", {CDC_HINT_DATETIME, -1, 0, 0, false}}, {"dt3", {CDC_HINT_DATETIME, -1, 3, 0, false}},
		{"dt6", {CDC_HINT_DATETIME, -1, 6, 0, false}}, {"ts", {CDC_HINT_TIMESTAMP, -1, 0, 0, false}},
		{"ts6", {CDC_HINT_TIMESTAMP, -1, 6, 0, false}}, {"t0", {CDC_HINT_TIME, -1, 0, 0, false}},
		{"t3", {CDC_HINT_TIME, -1, 3, 0, false}}, {"t6", {CDC_HINT_TIME, -1, 6, 0, false}},
		{"st", {CDC_HINT_ARRAY, -1, -1, 0, false}}, {"js", {CDC_HINT_JSON, -1, -1, 0, false}},
		{"extra", {CDC_HINT_DECIMAL, 2, -1, 0, false}}
	};

	(void) arg;
	for (size_t i = 0; i < lengthof(hints); i++)
		if (strlen(hints[i].name) == len && memcmp(hints[i].name, name, len) == 0)
		{
			*hint = hints[i].hint;
			return true;
		}
	return false;
}

/* All lines of a file, read in a format. */
static void
print_file(const char *name, CdcMessageFormat format, CdcBuf *out)
{
	static const CdcHints hints = {hint, NULL, NULL};
	char	   *text = read_file(name);
	ReadMessage m;
	char	   *line;
	char	   *rest = NULL;

	m.arena = cdc_arena_create(0);
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
	{
		char	   *key = strchr(line, '\t');
		char	   *value = key != NULL ? strchr(key + 1, '\t') : NULL;
		CdcStatus	st;

		assert_non_null(value);
		*key++ = '\0';
		*value++ = '\0';
		/* the key of Maxwell's DDL is a UUID, which is no JSON and says nothing */
		st = read_message(&m, format, line, key[0] == '{' || key[0] == '[' ? key : NULL,
						  strcmp(value, "null") != 0 ? value : NULL);
		if (st == CDC_OK)
			print_rows(&m, &hints, out);
		else
			cdc_buf_printf(out, "%s: %s\n", m.err.message, m.err.detail);
		if (st == CDC_OK && (m.env.op == 'r' || (m.env.op == 's' && m.env.format == CDC_FORMAT_MAXWELL)))
		{
			cdc_buf_printf(out, "# ");
			print_columns(&m, out);
			cdc_buf_append(out, "\n", 1);
		}
	}
	cdc_arena_destroy(m.arena);
	free(text);
}

static void
check_file(const char *name, CdcMessageFormat format)
{
	char		expected_name[128];
	CdcBuf		out = {0};
	char	   *expected;

	snprintf(expected_name, sizeof(expected_name), "%.*s.read", (int) strcspn(name, "."), name);
	print_file(name, format, &out);
	if (getenv("ENVELOPE_PRINT") != NULL)
	{
		fprintf(stderr, "==> %s\n%s", expected_name, unit_text(&out));
		cdc_buf_free(&out);
		return;
	}
	expected = read_file(expected_name);
	assert_string_equal(unit_text(&out), expected);
	free(expected);

	/* recognised, it is the same */
	cdc_buf_reset(&out);
	print_file(name, CDC_FORMAT_AUTO, &out);
	expected = read_file(expected_name);
	if (format != CDC_FORMAT_DEBEZIUM)	/* whose tombstones say nothing when declared */
		assert_string_equal(unit_text(&out), expected);
	free(expected);
	cdc_buf_free(&out);
}

static void
test_debezium(void **state)
{
	(void) state;
	check_file("debezium_schema.tsv", CDC_FORMAT_DEBEZIUM);
	check_file("debezium_plain.tsv", CDC_FORMAT_DEBEZIUM);
}

static void
test_debezium_flat(void **state)
{
	(void) state;
	check_file("debezium_flat.tsv", CDC_FORMAT_DEBEZIUM_FLAT);
	check_file("debezium_flat_schema.tsv", CDC_FORMAT_DEBEZIUM_FLAT);
}

static void
test_maxwell(void **state)
{
	(void) state;
	check_file("maxwell.tsv", CDC_FORMAT_MAXWELL);
	check_file("maxwell_no_nulls.tsv", CDC_FORMAT_MAXWELL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debezium),
		cmocka_unit_test(test_debezium_flat),
		cmocka_unit_test(test_maxwell)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
