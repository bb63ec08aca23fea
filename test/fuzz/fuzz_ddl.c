/*
 * fuzz_ddl.c
 *	  Hostile SQL: the first byte has the sql_mode and the kind of server, the rest
 *	  are statements, divided by NULs, that are applied to a definition one after
 *	  the other.
 */
#include <stdlib.h>
#include <string.h>

#include "core/ddl_apply.h"
#include "require.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- lexer and classification ---- */

static void
try_names(CdcString sql, uint64_t mode, CdcDdl *ddl)
{
	CdcString	database = {"def", 3};
	CdcSqlLexer lexer;
	CdcSqlToken token;
	const char *end;

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

	/* nothing is taken from before; of the many tables some will do */
	memset(ddl, 0xFF, offsetof(CdcDdl, tables) + 3 * sizeof(ddl->tables[0]));
	cdc_ddl_parse(sql, database, mode, ddl);
	require(ddl->ntables >= 0 && ddl->ntables <= CDC_DDL_MAX_TABLES);
	for (int i = 0; i < ddl->ntables; i++)
	{
		require(memchr(ddl->tables[i].database, 0, CDC_DDL_NAME_SIZE) != NULL);
		require(memchr(ddl->tables[i].table, 0, CDC_DDL_NAME_SIZE) != NULL);
	}
	require(ddl->kind != CDC_DDL_OTHER || ddl->ntables == 0 || ddl->temporary);
	require(ddl->kind == CDC_DDL_OTHER || ddl->ntables > 0 || ddl->truncated);
	require(!cdc_ddl_is_dml(sql, mode) || ddl->kind == CDC_DDL_OTHER ||
			(ddl->kind == CDC_DDL_TABLE_CREATE && ddl->has_select));
}

/* ---- what it makes of a definition ---- */

static const CdcCollation collations[] = {
	{8, "latin1_swedish_ci", "latin1", true}, {47, "latin1_bin", "latin1", false},
	{33, "utf8_general_ci", "utf8", true}, {83, "utf8_bin", "utf8", false},
	{45, "utf8mb4_general_ci", "utf8mb4", true}, {46, "utf8mb4_bin", "utf8mb4", false},
	{35, "ucs2_general_ci", "ucs2", true}, {63, "binary", "binary", true}
};

static const CdcTableDef *
lookup_table(void *arg, const char *database, const char *table)
{
	static const CdcTableDef gone = {0};

	if (strcmp(database, "def") == 0 && strcmp(table, "t") == 0)
		return arg;
	return table[0] == 'u' ? NULL : &gone;
}

static const char *
lookup_database(void *arg, const char *database)
{
	(void) arg;
	return database[0] == 'u' ? NULL : "utf8mb4_general_ci";
}

/* A definition that came out can be taken for a table's. */
static void
check_definition(const CdcTableDef *def)
{
	require(def->ncolumns >= 0 && def->ncolumns <= 4096);
	for (int i = 0; i < def->ncolumns; i++)
	{
		const CdcColumnDef *c = &def->columns[i];

		require(c->name != NULL && c->name[0] != '\0' && c->column_type != NULL && c->extra != NULL);
		require(c->pk >= -1 && c->pk < def->ncolumns);
		require((c->charset == NULL) == (c->collation == NULL));
	}
}

static void
apply(CdcString sql, uint64_t mode, const CdcDdlServer *server, const CdcDdl *ddl,
	  CdcTableDef *known, CdcArena *arena)
{
	CdcSqlSession session = {8, 0, 0, {NULL, 0}};
	CdcDdlContext context = {
		.server = server,.database = {"def", 3},.sql_mode = mode,.session = &session,
		.table = lookup_table,.database_collation = lookup_database,.arg = known
	};
	CdcDdlEffects effects;
	CdcError	err;

	if (cdc_ddl_apply(arena, sql, &context, ddl, &effects, &err) != CDC_OK)
		return;
	for (int i = 0; i < effects.n; i++)
	{
		const CdcDdlEffect *e = &effects.list[i];

		require(e->database != NULL && e->table != NULL && e->new_database != NULL && e->new_table != NULL);
		if (e->table[0] == '\0')
			continue;
		require((e->new_def == NULL) == (e->why != NULL));
		if (e->new_def == NULL)
			continue;
		check_definition(e->new_def);
		if (strcmp(e->new_database, "def") == 0 && strcmp(e->new_table, "t") == 0)
			*known = *e->new_def;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static CdcDdl ddl;
	static CdcColumnDef columns[] = {
		{.name = "id",.column_type = "int(11)",.extra = "auto_increment",.pk = 0},
		{.name = "a",.column_type = "varchar(10)",.charset = "utf8mb4",.collation = "utf8mb4_bin",.extra = "",.pk = -1},
		{.name = "b",.column_type = "enum('x','y')",.charset = "latin1",.collation = "latin1_bin",.extra = "",.pk = 1},
		{.name = "c",.column_type = "longtext",.charset = "utf8mb4",.collation = "utf8mb4_bin",.extra = "INVISIBLE",
		.json_check = true,.nullable = true,.pk = -1},
		{.name = "d",.column_type = "text",.charset = "latin1",.collation = "latin1_bin",.extra = "",.pk = -1}
	};
	static const unsigned versions[2][2] = {{50624, 90704}, {100101, 110800}};
	CdcTableDef known = {.charset = "latin1",.collation = "latin1_swedish_ci",.ncolumns = 5,.columns = columns};
	CdcDdlServer server = {.collations = {sizeof(collations) / sizeof(collations[0]), collations}};
	CdcArena   *arena;
	uint64_t	mode;

	if (size < 1)
		return 0;
	mode = (data[0] & 1 ? CDC_SQL_ANSI_QUOTES : 0) | (data[0] & 2 ? CDC_SQL_NO_BACKSLASH_ESCAPES : 0);
	server.flavor = data[0] & 4 ? CDC_MARIADB : CDC_MYSQL;
	server.version = versions[server.flavor == CDC_MARIADB][data[0] >> 3 & 1];
	server.explicit_timestamp = (data[0] & 16) != 0;
	server.lower_case_names = (data[0] & 32) != 0;
	arena = cdc_arena_create((size_t) 64 << 20);
	require(arena != NULL);
	for (data++, size--; size > 0;)
	{
		const uint8_t *end = memchr(data, 0, size);
		size_t		len = end != NULL ? (size_t) (end - data) : size;
		CdcString	sql = {(const char *) data, len};

		try_names(sql, mode, &ddl);
		apply(sql, mode, &server, &ddl, &known, arena);
		data += len;
		size -= len;
		if (size > 0)
			data++, size--;
	}
	cdc_arena_destroy(arena);
	return 0;
}
