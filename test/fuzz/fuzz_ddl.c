/*
 * fuzz_ddl.c
 *	  Hostile SQL: the first byte is the sql_mode, the rest the statement.
 */
#include <stdlib.h>
#include <string.h>

#include "core/ddl.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static CdcDdl ddl;
	CdcString	sql;
	CdcString	database = {"def", 3};
	CdcSqlLexer lexer;
	CdcSqlToken token;
	uint64_t	mode;
	const char *end;

	if (size < 1)
		return 0;
	mode = (data[0] & 1 ? CDC_SQL_ANSI_QUOTES : 0) | (data[0] & 2 ? CDC_SQL_NO_BACKSLASH_ESCAPES : 0);
	sql = (CdcString) {(const char *) data + 1, size - 1};

	/* tokens go forward, do not overlap and stay inside */
	end = sql.data;
	cdc_sql_lexer_init(&lexer, sql, mode);
	do
	{
		char		name[300];

		cdc_sql_lexer_next(&lexer, &token);
		require(token.text >= end && token.text + token.len <= sql.data + sql.len);
		require((token.kind == CDC_SQL_END) == (token.len == 0));
		end = token.text + token.len;
		if (cdc_sql_is_identifier(&token) && cdc_sql_identifier(&token, name, sizeof(name)))
			require(strlen(name) < sizeof(name) && strlen(name) <= token.len);
	} while (token.kind != CDC_SQL_END);

	memset(&ddl, 0xFF, sizeof(ddl));
	cdc_ddl_parse(sql, database, mode, &ddl);
	require(ddl.ntables >= 0 && ddl.ntables <= CDC_DDL_MAX_TABLES);
	for (int i = 0; i < ddl.ntables; i++)
	{
		require(memchr(ddl.tables[i].database, 0, CDC_DDL_NAME_SIZE) != NULL);
		require(memchr(ddl.tables[i].table, 0, CDC_DDL_NAME_SIZE) != NULL);
	}
	require(ddl.kind != CDC_DDL_OTHER || ddl.ntables == 0);
	require(ddl.kind == CDC_DDL_OTHER || ddl.ntables > 0 || ddl.truncated);
	require(!cdc_ddl_is_dml(sql, mode) || ddl.kind == CDC_DDL_OTHER ||
			(ddl.kind == CDC_DDL_TABLE_CREATE && ddl.has_select));
	return 0;
}
