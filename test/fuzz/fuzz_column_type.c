/*
 * fuzz_column_type.c
 *	  Hostile column types.
 */
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/change.h"
#include "require.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Prints members as the server does; parsing that gives the same again. */
static void
check_members(CdcArena *arena, const CdcColumn *col)
{
	CdcBuf		text = {0};
	CdcColumn	again = {0};

	require(cdc_buf_printf(&text, "%s(", col->data_type));
	for (int i = 0; i < col->nmembers; i++)
	{
		require(cdc_buf_printf(&text, "%s'", i > 0 ? "," : ""));
		for (size_t j = 0; j < col->members[i].len; j++)
		{
			char		c = col->members[i].data[j];

			if (c == '\0')
				require(cdc_buf_append(&text, "\\0", 2));
			else if (c == '\n')
				require(cdc_buf_append(&text, "\\n", 2));
			else if (c == '\r')
				require(cdc_buf_append(&text, "\\r", 2));
			else
				require(cdc_buf_append(&text, c == '\\' ? "\\\\" : c == '\'' ? "''" : &c,
									   c == '\\' || c == '\'' ? 2 : 1));
		}
		require(cdc_buf_append(&text, "'", 1));
	}
	require(cdc_buf_append(&text, ")", 2));
	require(cdc_column_type_parse(arena, text.data, &again, NULL) == CDC_OK);
	require(again.nmembers == col->nmembers);
	for (int i = 0; i < col->nmembers; i++)
	{
		require(again.members[i].len == col->members[i].len);
		require(memcmp(again.members[i].data, col->members[i].data, col->members[i].len) == 0);
	}
	cdc_buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CdcArena   *arena = cdc_arena_create((size_t) 64 << 20);
	char	   *text = malloc(size + 1);
	CdcColumn	col = {0};
	CdcError	err;

	memcpy(text, data, size);
	text[size] = '\0';
	if (cdc_column_type_parse(arena, text, &col, &err) == CDC_OK)
	{
		require(col.data_type != NULL && col.data_type[0] != '\0');
		require(col.fsp <= 6 && col.scale <= 38 && col.scale <= col.precision);
		if (col.nmembers > 0)
			check_members(arena, &col);
	}
	else
		require(err.message[0] != '\0' && err.status != CDC_ERR_INTERNAL);
	free(text);
	cdc_arena_destroy(arena);
	return 0;
}
