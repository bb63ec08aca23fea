/*-------------------------------------------------------------------------
 *
 * binlog_position.c
 *	  Places in a binlog as file and offset.
 *
 *-------------------------------------------------------------------------
 */
#include "core/binlog_position.h"

#include <string.h>

/* 18 digits always fit into 64 bits */
#define OFFSET_DIGITS	18

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The digits at the end of a name that follow a dot; NULL when there are none. */
static const char *
file_number(const char *name, size_t len)
{
	const char *p = name + len;

	while (p > name && is_digit(p[-1]))
		p--;
	return p > name && p[-1] == '.' && p < name + len ? p : NULL;
}

size_t
cdc_binlog_position_text(char buf[CDC_POSITION_TEXT], const char *file, uint64_t offset)
{
	char		digits[20];
	size_t		len = strnlen(file, CDC_POSITION_TEXT - sizeof(digits) - 2);
	int			n = 0;

	memcpy(buf, file, len);
	buf[len++] = ':';
	do
	{
		digits[n++] = (char) ('0' + offset % 10);
		offset /= 10;
	} while (offset != 0);
	while (n > 0)
		buf[len++] = digits[--n];
	buf[len] = '\0';
	return len;
}

bool
cdc_binlog_position_parse(const char *text, size_t *file_len, int64_t *offset)
{
	const char *colon = strrchr(text, ':');
	size_t		digits;
	int64_t		value = 0;

	if (colon == NULL || file_number(text, (size_t) (colon - text)) == NULL)
		return false;
	digits = strlen(colon + 1);
	if (digits == 0 || digits > OFFSET_DIGITS)
		return false;
	for (const char *p = colon + 1; *p != '\0'; p++)
	{
		if (!is_digit(*p))
			return false;
		value = value * 10 + (*p - '0');
	}
	*file_len = (size_t) (colon - text);
	*offset = value;
	return true;
}

int
cdc_binlog_file_compare(const char *a, const char *b)
{
	const char *na = file_number(a, strlen(a));
	const char *nb = file_number(b, strlen(b));
	size_t		la;
	size_t		lb;

	if (na == NULL || nb == NULL)
		return strcmp(a, b);
	while (*na == '0')
		na++;
	while (*nb == '0')
		nb++;
	la = strlen(na);
	lb = strlen(nb);
	if (la != lb)
		return la < lb ? -1 : 1;
	return strcmp(na, nb);
}

int
cdc_binlog_position_compare(const char *file_a, int64_t offset_a,
							const char *file_b, int64_t offset_b)
{
	int			order = cdc_binlog_file_compare(file_a, file_b);

	if (order != 0)
		return order;
	return offset_a < offset_b ? -1 : offset_a > offset_b;
}
