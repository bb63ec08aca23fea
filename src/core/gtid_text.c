/*-------------------------------------------------------------------------
 *
 * gtid_text.c
 *	  What the readers of both flavours' GTIDs need: numbers, room, errors.
 *
 *-------------------------------------------------------------------------
 */
#include "core/gtid_internal.h"

#include <stdlib.h>
#include <string.h>

const char *
gtid_skip_space(const char *p)
{
	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	return p;
}

const char *
gtid_read_number(const char *p, uint64_t max, uint64_t *value)
{
	uint64_t	v = 0;

	if (*p < '0' || *p > '9')
		return NULL;
	for (; *p >= '0' && *p <= '9'; p++)
	{
		unsigned	digit = (unsigned) (*p - '0');

		if (v > (max - digit) / 10)
			return NULL;
		v = v * 10 + digit;
	}
	*value = v;
	return p;
}

bool
gtid_grow(void **array, size_t *capacity, size_t n, size_t element)
{
	size_t		new_capacity;
	void	   *new_array;

	if (n < *capacity)
		return true;
	new_capacity = *capacity < 4 ? 4 : *capacity * 2;
	if (new_capacity > SIZE_MAX / element)
		return false;
	new_array = realloc(*array, new_capacity * element);
	if (new_array == NULL)
		return false;
	*array = new_array;
	*capacity = new_capacity;
	return true;
}

CdcStatus
gtid_text_error(CdcError *err, const char *text, const char *at, const char *expected)
{
	cdc_error(err, CDC_ERR_VALUE, "invalid GTID set \"%.80s%s\"",
			  text, strlen(text) > 80 ? "..." : "");
	cdc_error_detail(err, "Expected %s at byte %zu, found \"%.20s\".",
					 expected, (size_t) (at - text), at);
	return CDC_ERR_VALUE;
}

CdcStatus
gtid_nomem(CdcError *err)
{
	return cdc_error(err, CDC_ERR_NOMEM, "out of memory for a GTID set");
}
