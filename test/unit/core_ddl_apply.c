/*
 * core_ddl_apply.c
 *	  Definitions that the DDL parser makes, against those that real servers
 *	  made of the same statements: test/data/ddl/SERVER.txt, recorded by
 *	  test/data/ddl/record.py.  Lines of a recording, fields divided by tabs:
 *
 *		server		mysql | mariadb, version, explicit_defaults_for_timestamp
 *		collation	id, name, character set, 1 for a default
 *		database	default collation of database "d"
 *		session		collation ids: server's, utf8mb4's default; character_set_collations in hex
 *		sql			sql_mode, statement (tab, line feed and backslash escaped)
 *		gone
 *		column		name, type, charset, collation, nullable, pk, extra, default, generated
 *					("\N" for NULL)
 *
 * The definition of table "d.t" is followed over a whole recording; after each
 * statement it must be the one that comes next.
 */
#include "unit.h"

#include <dirent.h>

#include "core/ddl_apply.h"

#define MAX_LINE	400000
#define MAX_FIELDS	10
#define MAX_COLLATIONS	2000

typedef struct Recording
{
	FILE	   *file;
	const char *name;
	int			line_number;
	char	   *line;			/* the last one read */
	char	   *fields[MAX_FIELDS];
	int			nfields;
	bool		again;			/* read it once more */

	CdcArena   *arena;			/* for all of it */
	CdcDdlServer server;
	CdcCollation collations[MAX_COLLATIONS];
	const char *database_collation;
	CdcSqlSession session;
	CdcTableDef known;			/* d.t at present */
	bool		have_known;

	int			statements;
	int			gave_up;
	int			different;
	int			approximate;
} Recording;

static void
unescape(char *s)
{
	char	   *out = s;

	for (; *s != '\0'; s++)
	{
		if (*s != '\\')
			*out++ = *s;
		else if (*++s == 'n')
			*out++ = '\n';
		else if (*s == 't')
			*out++ = '\t';
		else if (*s == '0')
			*out++ = '\001';	/* no NUL in a C string: it is not compared */
		else
			*out++ = *s;
	}
	*out = '\0';
}

static bool
next_line(Recording *r)
{
	char	   *p;

	if (r->again)
	{
		r->again = false;
		return true;
	}
	if (fgets(r->line, MAX_LINE, r->file) == NULL)
		return false;
	r->line_number++;
	r->line[strcspn(r->line, "\n")] = '\0';
	r->nfields = 0;
	for (p = r->line; p != NULL && r->nfields < MAX_FIELDS;)
	{
		char	   *tab = strchr(p, '\t');

		if (tab != NULL)
			*tab = '\0';
		r->fields[r->nfields++] = strcmp(p, "\\N") == 0 ? NULL : p;
		p = tab != NULL ? tab + 1 : NULL;
	}
	for (int i = 0; i < r->nfields; i++)
	{
		if (r->fields[i] != NULL)
			unescape(r->fields[i]);
	}
	return true;
}

static char *
keep(Recording *r, const char *s)
{
	return s != NULL ? cdc_arena_strndup(r->arena, s, strlen(s)) : NULL;
}

static const CdcTableDef *
lookup_table(void *arg, const char *database, const char *table)
{
	static const CdcTableDef gone = {0};
	Recording  *r = arg;

	if (strcmp(database, "d") != 0 || strcmp(table, "t") != 0)
		return NULL;
	return r->have_known ? &r->known : &gone;
}

static const char *
lookup_database(void *arg, const char *database)
{
	(void) database;
	return ((Recording *) arg)->database_collation;
}

/* Reads the columns that follow a statement. */
static void
read_expected(Recording *r, CdcTableDef *def)
{
	int			room = 0;

	memset(def, 0, sizeof(*def));
	while (next_line(r))
	{
		CdcColumnDef *c;

		if (strcmp(r->fields[0], "table") == 0)
		{
			def->collation = keep(r, r->fields[1]);
			continue;
		}
		if (strcmp(r->fields[0], "column") != 0)
		{
			r->again = strcmp(r->fields[0], "gone") != 0;
			return;
		}
		if (def->ncolumns == room)
		{
			CdcColumnDef *more = cdc_arena_zalloc(r->arena, sizeof(*more) * (size_t) (room + 100));

			if (room > 0)
				memcpy(more, def->columns, sizeof(*more) * (size_t) room);
			def->columns = more;
			room += 100;
		}
		assert_int_equal(r->nfields, 10);
		c = &def->columns[def->ncolumns++];
		c->name = keep(r, r->fields[1]);
		c->column_type = keep(r, r->fields[2]);
		c->charset = keep(r, r->fields[3]);
		c->collation = keep(r, r->fields[4]);
		c->nullable = strcmp(r->fields[5], "YES") == 0;
		c->pk = r->fields[6] != NULL ? atoi(r->fields[6]) - 1 : -1;
		c->extra = keep(r, r->fields[7]);
		c->default_value = keep(r, r->fields[8]);
		if (r->fields[9] != NULL && strncmp(r->fields[9], "check:", 6) == 0)
			c->json_check = true;
		else
			c->generated = keep(r, r->fields[9]);
	}
}

static const char *
text(const char *s)
{
	return s != NULL ? s : "NULL";
}

static void
describe(const CdcTableDef *def, int i, const char *which)
{
	const CdcColumnDef *c = &def->columns[i];

	if (i < def->ncolumns)
		fprintf(stderr, "  %s: %s %s %s %s %s pk=%d extra=%s default=%s%s%s\n", which, c->name,
				c->column_type, text(c->charset), text(c->collation), c->nullable ? "null" : "not null",
				c->pk, text(c->extra), text(c->default_value), c->generated ? " generated" : "",
				c->json_check ? " json" : "");
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What only the server knows how to print may differ where that is admitted. */
static bool
same_column(const CdcTableDef *a, const CdcTableDef *b, int i, bool approximate)
{
	CdcTableDef x = *a;
	CdcTableDef y = *b;

	if (i >= a->ncolumns || i >= b->ncolumns)
		return false;
	x.ncolumns = y.ncolumns = 1;
	x.columns += i;
	y.columns += i;
	return cdc_table_def_same_rows(&x, &y) &&
		(approximate || (same_text(x.columns->default_value, y.columns->default_value) &&
						 same_text(x.columns->extra, y.columns->extra)));
}

static bool
same(const CdcTableDef *made, const CdcTableDef *expected, bool approximate)
{
	bool		ok = made->ncolumns == 0 || same_text(made->collation, expected->collation);

	if (!ok)
		fprintf(stderr, "  made %s, expected %s\n", text(made->collation), text(expected->collation));
	for (int i = 0; i < made->ncolumns || i < expected->ncolumns; i++)
	{
		if (same_column(made, expected, i, approximate))
			continue;
		ok = false;
		describe(made, i, "made    ");
		describe(expected, i, "expected");
	}
	return ok;
}

/* What a definition cannot be known for without the source; all else has to be understood. */
static bool
may_give_up(const char *why)
{
	static const char *const reasons[] = {
		"the character set is DEFAULT", "a member does not fit its character set",
		"members were converted to another character set"
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(why, reasons[i]) == 0)
			return true;
	return false;
}

static void
run_statement(Recording *r)
{
	CdcArena   *arena = cdc_arena_create(0);
	CdcDdl	   *ddl = malloc(sizeof(CdcDdl));
	char	   *sql = strdup(r->fields[2]);
	CdcString	s = {sql, strlen(sql)};
	CdcDdlEffects effects;
	CdcTableDef expected;
	CdcError	err;
	CdcDdlContext context = {
		.server = &r->server,.database = {"d", 1},.sql_mode = strtoull(r->fields[1], NULL, 10),
		.session = &r->session,.table = lookup_table,.database_collation = lookup_database,.arg = r
	};

	cdc_ddl_parse(s, context.database, context.sql_mode, ddl);
	assert_int_equal(cdc_ddl_apply(arena, s, &context, ddl, &effects, &err), CDC_OK);
	r->statements++;
	if (effects.n > 1)
		fail_msg("%s:%d: %d effects of %s", r->name, r->line_number, effects.n, sql);
	read_expected(r, &expected);
	if (effects.n == 0)
	{
		/* all of it in a comment */
		if (!same(&r->known, &expected, false))
			fail_msg("%s:%d: no effect of %s", r->name, r->line_number, sql);
	}
	else if (effects.list[0].new_def == NULL)
	{
		r->gave_up++;
		if (!may_give_up(effects.list[0].why))
			fail_msg("%s:%d: gave up (%s): %s", r->name, r->line_number, effects.list[0].why, sql);
		if (getenv("DDL_VERBOSE") != NULL)
			fprintf(stderr, "%s:%d: gave up (%s): %s\n", r->name, r->line_number, effects.list[0].why, sql);
	}
	else if (!same(effects.list[0].new_def, &expected, effects.list[0].approximate))
	{
		fprintf(stderr, "%s:%d: differs: %s\n", r->name, r->line_number, sql);
		r->different++;
	}
	else if (effects.list[0].approximate)
		r->approximate++;
	r->known = expected;
	r->have_known = expected.ncolumns > 0;
	cdc_arena_destroy(arena);
	free(ddl);
	free(sql);
}

static void
read_session(Recording *r)
{
	static uint8_t pairs[200];
	const char *hex = text(r->fields[3]);
	size_t		n = 0;
	unsigned	byte;

	r->session.server_collation = (uint16_t) atoi(text(r->fields[1]));
	r->session.utf8mb4_collation = (uint16_t) atoi(text(r->fields[2]));
	for (; n < sizeof(pairs) && sscanf(hex + 2 * n, "%2x", &byte) == 1 && hex[2 * n] != 'N'; n++)
		pairs[n] = (uint8_t) byte;
	r->session.charset_collations = (CdcString) {(const char *) pairs, n};
}

static bool
run_recording(const char *path)
{
	Recording  *r = calloc(1, sizeof(Recording));
	bool		ok;

	r->file = fopen(path, "r");
	assert_non_null(r->file);
	r->name = strrchr(path, '/') + 1;
	r->line = malloc(MAX_LINE);
	r->arena = cdc_arena_create(0);
	r->server.collations.list = r->collations;
	r->session.explicit_timestamp = -1;
	while (next_line(r))
	{
		const char *kind = r->fields[0];

		if (strcmp(kind, "server") == 0)
		{
			r->server.flavor = strcmp(r->fields[1], "mysql") == 0 ? CDC_MYSQL : CDC_MARIADB;
			r->server.version = (unsigned) atoi(r->fields[2]);
			r->server.explicit_timestamp = atoi(r->fields[3]) != 0;
		}
		else if (strcmp(kind, "collation") == 0)
		{
			assert_true(r->server.collations.n < MAX_COLLATIONS);
			r->collations[r->server.collations.n++] = (CdcCollation) {
				(uint32_t) atoi(r->fields[1]), keep(r, r->fields[2]), keep(r, r->fields[3]),
				atoi(r->fields[4]) != 0
			};
		}
		else if (strcmp(kind, "database") == 0)
			r->database_collation = keep(r, r->fields[1]);
		else if (strcmp(kind, "session") == 0)
			read_session(r);
		else if (strcmp(kind, "sql") == 0)
			run_statement(r);
		else
			fail_msg("%s:%d: %s?", r->name, r->line_number, kind);
	}
	print_message("# %s: %d statements, %d beyond the parser, %d with a default or expression as given\n",
				  r->name, r->statements, r->gave_up, r->approximate);

	/* a parser that gives up all the time passes no test */
	ok = r->different == 0 && r->statements > 100 && r->gave_up * 100 <= r->statements * 5;
	fclose(r->file);
	free(r->line);
	cdc_arena_destroy(r->arena);
	free(r);
	return ok;
}

static void
test_recordings(void **state)
{
	const char *folder = getenv("DDL_RECORDINGS") != NULL ? getenv("DDL_RECORDINGS") : TEST_DATA "/ddl";
	DIR		   *dir = opendir(folder);
	struct dirent *entry;
	int			n = 0;
	bool		ok = true;

	(void) state;
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
	{
		char		path[1000];
		size_t		len = strlen(entry->d_name);

		if (len < 4 || strcmp(entry->d_name + len - 4, ".txt") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		ok = run_recording(path) && ok;
		n++;
	}
	closedir(dir);
	assert_true(n > 0);
	assert_true(ok);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recordings)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
