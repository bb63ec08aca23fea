/*-------------------------------------------------------------------------
 *
 * kafka_headers.c
 *	  The headers of a message as bytes, while it is kept or handed on.
 *
 *-------------------------------------------------------------------------
 */
#include "source/kafka_headers.h"

#include <string.h>

static char *
put(char *at, const void *data, size_t len)
{
	if (len > 0)
		memcpy(at, data, len);
	return at + len;
}

size_t
cdc_kafka_headers_size(const CdcKafkaHeader *headers, int n)
{
	size_t		size = 0;
	int			i;

	for (i = 0; i < n; i++)
		size += sizeof(uint32_t) + sizeof(int32_t) + strlen(headers[i].name) + 1 + headers[i].len;
	return size;
}

char *
cdc_kafka_headers_write(char *at, const CdcKafkaHeader *headers, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		uint32_t	name_len = (uint32_t) strlen(headers[i].name);
		int32_t		value_len = headers[i].value == NULL ? -1 : (int32_t) headers[i].len;

		at = put(at, &name_len, sizeof(name_len));
		at = put(at, &value_len, sizeof(value_len));
		at = put(at, headers[i].name, name_len + 1);
		at = put(at, headers[i].value, headers[i].len);
	}
	return at;
}

void
cdc_kafka_headers_read(const char *at, CdcKafkaHeader *headers, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		uint32_t	name_len;
		int32_t		value_len;

		memcpy(&name_len, at, sizeof(name_len));
		memcpy(&value_len, at + sizeof(name_len), sizeof(value_len));
		at += sizeof(name_len) + sizeof(value_len);
		headers[i].name = at;
		at += name_len + 1;
		headers[i].value = value_len < 0 ? NULL : at;
		headers[i].len = value_len < 0 ? 0 : (size_t) value_len;
		at += headers[i].len;
	}
}
