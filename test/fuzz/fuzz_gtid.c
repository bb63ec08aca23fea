/*
 * fuzz_gtid.c
 *	  GTID sets from hostile text.  The first byte says which; what
 *	  is taken must survive printing, encoding and the algebra.
 */
#include <stdlib.h>
#include <string.h>

#include "core/gtid.h"
#include "require.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static CdcGtidSet *
parse(CdcFlavor flavor, const char *text)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcError	err;

	require(set != NULL && cdc_gtid_set_parse(set, text, &err) == CDC_OK);
	return set;
}

static char *
print(const CdcGtidSet *set)
{
	CdcBuf		buf = {0};

	require(cdc_gtid_set_print(set, &buf) == CDC_OK && cdc_buf_append(&buf, "", 1));
	return buf.data;
}

/* Both sets print the same. */
static void
require_same(const CdcGtidSet *a, const CdcGtidSet *b)
{
	char	   *x = print(a);
	char	   *y = print(b);

	require(strcmp(x, y) == 0);
	require(cdc_gtid_set_contains(a, b) && cdc_gtid_set_contains(b, a));
	free(x);
	free(y);
}

static void
check_set(CdcFlavor flavor, CdcGtidSet *set)
{
	char	   *text = print(set);
	CdcGtidSet *again = parse(flavor, text);
	CdcGtidSet *copy = cdc_gtid_set_copy(set);

	require_same(set, again);
	require(cdc_gtid_set_union(again, set, NULL) == CDC_OK);
	require_same(set, again);
	require_same(set, copy);
	if (flavor == CDC_MYSQL)
	{
		CdcBuf		bytes = {0};

		require(cdc_gtid_set_encode(set, &bytes) == CDC_OK && bytes.len >= 8);
		cdc_buf_free(&bytes);
	}
	cdc_gtid_set_destroy(again);
	cdc_gtid_set_destroy(copy);
	free(text);
}

/* Two sets, the text cut in the middle at a ';'. */
static void
check_pair(const char *text)
{
	const char *semicolon = strchr(text, ';');
	CdcGtidSet *a = cdc_gtid_set_create(CDC_MYSQL);
	CdcGtidSet *b = cdc_gtid_set_create(CDC_MYSQL);
	char	   *first = semicolon != NULL ? strndup(text, (size_t) (semicolon - text)) : NULL;

	if (first != NULL && cdc_gtid_set_parse(a, first, NULL) == CDC_OK &&
		cdc_gtid_set_parse(b, semicolon + 1, NULL) == CDC_OK)
	{
		CdcGtidSet *other = cdc_gtid_set_copy(b);
		CdcGtidSet *all = cdc_gtid_set_copy(a);

		/* b + a = a + b, and contains both */
		require(cdc_gtid_set_union(other, a, NULL) == CDC_OK);
		require(cdc_gtid_set_union(all, b, NULL) == CDC_OK);
		require_same(other, all);
		require(cdc_gtid_set_contains(all, a) && cdc_gtid_set_contains(all, b));
		check_set(CDC_MYSQL, all);
		cdc_gtid_set_destroy(other);
		cdc_gtid_set_destroy(all);
	}
	free(first);
	cdc_gtid_set_destroy(a);
	cdc_gtid_set_destroy(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CdcFlavor	flavor = CDC_MYSQL;
	CdcGtidSet *set;
	CdcError	err;
	CdcStatus	st;
	char	   *text;

	if (size < 1)
		return 0;
	if (data[0] == 'm')
		flavor = CDC_MARIADB;
	set = cdc_gtid_set_create(flavor);
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	st = cdc_gtid_set_parse(set, text, &err);
	if (st == CDC_OK)
		check_set(flavor, set);
	else
		require(cdc_gtid_set_empty(set) && err.message[0] != '\0');

	(void) cdc_gtid_set_contains_gtid(set, text);
	if (cdc_gtid_set_add(set, text, &err) == CDC_OK)
	{
		require(cdc_gtid_set_contains_gtid(set, text));
		check_set(flavor, set);
	}
	if (data[0] == 'p')
		check_pair(text);
	free(text);
	cdc_gtid_set_destroy(set);
	return 0;
}
