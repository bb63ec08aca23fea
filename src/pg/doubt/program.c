/*-------------------------------------------------------------------------
 *
 * program.c
 *	  What the source runs that a statement names: views, triggers, functions, procedures.
 *
 * Each name is asked for once, until a statement passes that may have changed what it stands
 * for.  A server shows the text of a view to who has SHOW VIEW, of a function to who may see
 * routines, and triggers to who has TRIGGER; of what it does not show it often denies
 * that it is there.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/hash.h"
#include "pg/doubt/program.h"

#include "utils/memutils.h"

#include "core/sql_lexer.h"
#include "pg/base/compat_value.h"
#include "pg/remote/answer.h"

/* More are not kept: names in statements may be any. */
#define MAX_PROGRAMS	2000

/* A letter, two names of 64 characters in UTF-8, a dot, a NUL. */
#define KEY_SIZE		528

typedef struct Entry
{
	char		key[KEY_SIZE];
	CdcProgram	program;
} Entry;

struct CdcPrograms
{
	MemoryContext parent;
	const CdcControl *control;
	MemoryContext context;		/* of the following; NULL: none was asked for */
	HTAB	   *entries;
};

CdcPrograms *
cdc_programs_create(MemoryContext parent, const CdcControl *control)
{
	CdcPrograms *programs = MemoryContextAllocZero(parent, sizeof(CdcPrograms));

	programs->parent = parent;
	programs->control = control;
	return programs;
}

void
cdc_programs_forget(CdcPrograms *programs)
{
	MemoryContext context = programs->context;

	programs->context = NULL;
	programs->entries = NULL;
	if (context != NULL)
		MemoryContextDelete(context);
}

void
cdc_programs_trim(CdcPrograms *programs)
{
	if (programs->entries != NULL && hash_get_num_entries(programs->entries) >= MAX_PROGRAMS)
		cdc_programs_forget(programs);
}

static void
begin(CdcPrograms *programs)
{

	programs->context = AllocSetContextCreate(programs->parent, "cdc_ingest programs", ALLOCSET_SMALL_SIZES);
	programs->entries = cdc_hash_of_strings("cdc_ingest programs", 64, KEY_SIZE,
											sizeof(Entry), programs->context);
}

/* The question for its texts, with their sql_mode. */
static char *
question(CdcProgramKind kind, const char *database, const char *name)
{
	static const struct
	{
		const char *what;
		const char *name;
	}			words[] = {
		{"VIEW_DEFINITION, '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA", "AND TABLE_NAME"},
		{"ACTION_STATEMENT, SQL_MODE FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA",
		"AND EVENT_OBJECT_TABLE"},
		{"ROUTINE_DEFINITION, SQL_MODE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA",
		"AND ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_NAME"},
		{"ROUTINE_DEFINITION, SQL_MODE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA",
		"AND ROUTINE_TYPE = 'PROCEDURE' AND ROUTINE_NAME"}
	};

	return psprintf("SELECT %s = %s %s = %s", words[kind].what, cdc_source_quote_literal(database),
					words[kind].name, cdc_source_quote_literal(name));
}

/* Asks the source; the current context is the result's. */
static List *
read_texts(CdcPrograms *programs, CdcProgramKind kind, const char *database, const char *name)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest program", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	CdcAnswer  *answer = cdc_source_try_ask(cdc_control_session(programs->control),
											"the text of a view, trigger or function", 2,
											question(kind, database, name));
	List	   *texts = NIL;
	int64		i;

	for (i = 0; answer != NULL && i < cdc_answer_rows(answer); i++)
	{
		char	   *text;
		const char *sql_mode = cdc_answer_nullable(answer, i, 1);
		CdcProgramText *result;

		MemoryContextSwitchTo(old);
		result = palloc0(sizeof(CdcProgramText));
		/* what its author wrote may be in any bytes */
		text = cdc_answer_lenient(answer, i, 0, NULL);
		if (text != NULL && text[0] != '\0')
			result->text = text;
		if (sql_mode != NULL && strstr(sql_mode, "ANSI_QUOTES") != NULL)
			result->sql_mode |= CDC_SQL_ANSI_QUOTES;
		if (sql_mode != NULL && strstr(sql_mode, "NO_BACKSLASH_ESCAPES") != NULL)
			result->sql_mode |= CDC_SQL_NO_BACKSLASH_ESCAPES;
		texts = lappend(texts, result);
		MemoryContextSwitchTo(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return texts;
}

CdcProgram *
cdc_program_find(CdcPrograms *programs, CdcProgramKind kind, const char *database, const char *name)
{
	char		key[KEY_SIZE];
	Entry	   *entry;

	if (programs->entries == NULL)
		begin(programs);
	memset(key, 0, sizeof(key));
	snprintf(key, sizeof(key), "%c%s.%s", "vtfp"[kind], database, name);
	entry = hash_search(programs->entries, key, HASH_FIND, NULL);
	if (entry == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(programs->context);
		List	   *texts = read_texts(programs, kind, database, name);

		MemoryContextSwitchTo(old);
		entry = hash_search(programs->entries, key, HASH_ENTER, NULL);
		entry->program.texts = texts;
		entry->program.visited = 0;
	}
	return &entry->program;
}
