/*-------------------------------------------------------------------------
 *
 * kafka_url.c
 *	  URLs of topics, taken apart.
 *
 *-------------------------------------------------------------------------
 */
#include "core/kafka_url.h"

#include <inttypes.h>
#include <string.h>

#define RANGES_OPTION	"cdc.ranges"

/* What all errors say to type. */
static CdcStatus
refuse(CdcError *err, const char *problem)
{
	cdc_error(err, CDC_ERR_SYNTAX, "invalid URL of a Kafka topic");
	cdc_error_detail(err, "%s", problem);
	cdc_error_hint(err, "Write kafka://host:9092/topic?option=value&..., or kafka:///topic?server=name.");
	return CDC_ERR_SYNTAX;
}

static CdcStatus
out_of_memory(CdcError *err)
{
	return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes %XX in place; false where that is none, or a byte of zero. */
static bool
decode(char *s)
{
	char	   *out = s;

	for (; *s != '\0'; s++)
	{
		int			high;
		int			low;

		if (*s != '%')
		{
			*out++ = *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		if (low < 0 || high * 16 + low == 0)
			return false;
		*out++ = (char) (high * 16 + low);
		s += 2;
	}
	*out = '\0';
	return true;
}

/* A number of at most 18 digits, and what stands behind it. */
static bool
read_number(const char **at, char end, int64_t *number)
{
	const char *s = *at;
	int			digits = 0;

	*number = 0;
	for (; *s >= '0' && *s <= '9' && digits < 18; digits++)
		*number = *number * 10 + (*s++ - '0');
	if (digits == 0 || *s != end)
		return false;
	*at = end == '\0' ? s : s + 1;
	return true;
}

/* One range, as "0:5-100"; sets *at behind it and its comma. */
static bool
read_range(const char **at, CdcKafkaUrlRange *range)
{
	const char *comma = strchr(*at, ',');
	int64_t		partition;

	if (!read_number(at, ':', &partition) || partition > INT32_MAX ||
		!read_number(at, '-', &range->from) ||
		!read_number(at, comma != NULL ? ',' : '\0', &range->to) || range->to < range->from)
		return false;
	range->partition = (int32_t) partition;
	return true;
}

static CdcStatus
read_ranges(const char *text, CdcArena *arena, CdcKafkaUrl *url, CdcError *err)
{
	const char *at;
	int			n = 1;

	url->has_ranges = true;
	if (*text == '\0')
		return CDC_OK;
	for (at = text; *at != '\0'; at++)
		if (*at == ',')
			n++;
	url->ranges = cdc_arena_alloc(arena, sizeof(CdcKafkaUrlRange) * (size_t) n);
	if (url->ranges == NULL)
		return out_of_memory(err);
	for (at = text; url->nranges < n; url->nranges++)
		if (!read_range(&at, &url->ranges[url->nranges]))
			return refuse(err, "Its ranges of offsets are broken.");
	return CDC_OK;
}

/* One option, name=value; both are decoded in place. */
static CdcStatus
add_option(char *text, CdcArena *arena, CdcKafkaUrl *url, CdcError *err)
{
	char	   *value = strchr(text, '=');

	if (value == NULL || value == text)
		return refuse(err, "An option is not written as name=value.");
	*value++ = '\0';
	if (!decode(text) || !decode(value))
		return refuse(err, "A percent sign is not followed by the two hexadecimal digits of a byte.");
	if (strcmp(text, "server") == 0)
	{
		if (url->server != NULL)
			return refuse(err, "The option \"server\" stands there twice.");
		url->server = value;
		return CDC_OK;
	}
	if (strcmp(text, RANGES_OPTION) == 0)
	{
		if (url->has_ranges)
			return refuse(err, "The option \"" RANGES_OPTION "\" stands there twice.");
		return read_ranges(value, arena, url, err);
	}
	url->options[url->noptions].name = text;
	url->options[url->noptions].value = value;
	url->noptions++;
	return CDC_OK;
}

static CdcStatus
read_options(char *text, CdcArena *arena, CdcKafkaUrl *url, CdcError *err)
{
	size_t		n = 1;
	char	   *at;

	for (at = text; *at != '\0'; at++)
		if (*at == '&')
			n++;
	url->options = cdc_arena_alloc(arena, sizeof(CdcKafkaUrlOption) * n);
	if (url->options == NULL)
		return out_of_memory(err);
	while (text != NULL)
	{
		char	   *next = strchr(text, '&');
		CdcStatus	st;

		if (next != NULL)
			*next++ = '\0';
		st = add_option(text, arena, url, err);
		if (st != CDC_OK)
			return st;
		text = next;
	}
	return CDC_OK;
}

CdcStatus
cdc_kafka_url_parse(const char *text, CdcArena *arena, CdcKafkaUrl *url, CdcError *err)
{
	const size_t scheme = strlen(CDC_KAFKA_URL_SCHEME);
	char	   *brokers;
	char	   *topic;
	char	   *options;

	memset(url, 0, sizeof(*url));
	if (strncmp(text, CDC_KAFKA_URL_SCHEME, scheme) != 0)
		return refuse(err, "It does not begin with \"" CDC_KAFKA_URL_SCHEME "\".");
	brokers = cdc_arena_strndup(arena, text + scheme, strlen(text + scheme));
	if (brokers == NULL)
		return out_of_memory(err);
	options = strchr(brokers, '?');
	if (options != NULL)
		*options++ = '\0';
	topic = strchr(brokers, '/');
	if (topic == NULL || topic[1] == '\0')
		return refuse(err, "It names no topic.");
	*topic++ = '\0';
	if (!decode(brokers) || !decode(topic))
		return refuse(err, "A percent sign is not followed by the two hexadecimal digits of a byte.");
	url->topic = topic;
	url->brokers = *brokers != '\0' ? brokers : NULL;
	if (options != NULL)
	{
		CdcStatus	st = read_options(options, arena, url, err);

		if (st != CDC_OK)
			return st;
	}
	if (url->brokers == NULL && url->server == NULL)
		return refuse(err, "It names neither brokers nor a server.");
	if (url->brokers != NULL && url->server != NULL)
		return refuse(err, "It names brokers, and a server that has its own.");
	return CDC_OK;
}

bool
cdc_kafka_url_add_ranges(CdcBuf *buf, const char *text, const CdcKafkaUrlRange *ranges,
						 int nranges)
{
	int			i;

	if (!cdc_buf_printf(buf, "%s%c" RANGES_OPTION "=", text, strchr(text, '?') != NULL ? '&' : '?'))
		return false;
	for (i = 0; i < nranges; i++)
		if (!cdc_buf_printf(buf, "%s%" PRId32 ":%" PRId64 "-%" PRId64, i > 0 ? "," : "",
							ranges[i].partition, ranges[i].from, ranges[i].to))
			return false;
	return true;
}
