/*-------------------------------------------------------------------------
 *
 * doubt.c
 *	  Tables whose rows may have changed without a row event: they are named, and not
 *	  replicated until they are copied anew.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/doubt/doubt.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/dml.h"
#include "core/event.h"
#include "core/name_case.h"
#include "pg/base/bounded_text.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/progress/known.h"
#include "pg/progress/copy_progress.h"
#include "pg/progress/table_state.h"

/* A copy that begins anew so often, as its rows change in such ways, ends in an error. */
#define MAX_RESTARTS		5

/* ---- a table ---- */

/* The copy of one table begins anew, where there is one that has to; false: the table is in doubt. */
static bool
renew_copy(const CdcDoubts *doubts, const CdcSubscriptionTable *table, const CdcDoubt *doubt)
{
	const CdcCopyRequest again = {"copy", true, NULL, true,.keyless = doubt->cut_off};
	const char *name = table->name;
	bool		waits;

	if (table->state != 'i' && table->state != 'd' && table->state != 'f')
		return false;

	/*
	 * What has not begun will read what is there then, if it is to read all, in place of what the
	 * stream brought before.
	 */
	waits = !doubt->reshapes && table->state == 'i' && !cdc_copy_is_partial(doubts->sub, name);
	if (waits && cdc_copy_supersedes(doubts->sub, name, 0))
		return true;
	if (!waits && !doubt->reshapes && !doubt->cut_off && cdc_copy_restarts(doubts->sub, name) >= MAX_RESTARTS)
		return false;
	cdc_copy_request(doubts->sub, name, &again);
	/* its rows may be of another shape until then */
	if (doubt->reshapes)
		cdc_subscription_table_hold(doubts->sub, name);
	cdc_log(doubts->sub->name, "copy", psprintf("the copy of source table %s begins anew", name),
			doubt->reason);
	doubts->changed(doubts->arg);
	return true;
}

/*
 * The same; what the copy will set right in the target it cannot set right in the history: until it is
 * passed, no event tells what the rows were.
 */
static bool
doubt_copy(const CdcDoubts *doubts, const CdcSubscriptionTable *table, const CdcDoubt *doubt)
{
	bool		renewed = renew_copy(doubts, table, doubt);

	if (renewed)
		cdc_known_lost(doubts->sub, table->name);
	return renewed;
}

void
cdc_doubt_copies(const CdcDoubts *doubts, const char *full_name, const CdcDoubt *doubt)
{
	char		state = doubts->state(doubts->arg, full_name);
	ListCell   *lc;

	if (state != 'i' && state != 'd' && state != 'f')
		return;
	foreach(lc, cdc_subscription_tables_of(doubts->sub, cdc_from_utf8_copy(full_name)))
		(void) doubt_copy(doubts, lfirst(lc), doubt);
}

void
cdc_doubt_table(const CdcDoubts *doubts, const char *full_name, const CdcDoubt *doubt)
{
	const CdcSubscription *sub = doubts->sub;
	const char *name = cdc_from_utf8_copy(full_name);
	char	   *sql = NULL;
	char	   *remedy;
	bool		lost = false;
	char		state = doubts->state(doubts->arg, full_name);
	List	   *doubted = NIL;
	ListCell   *lc;

	if (state == 0)
		return;
	foreach(lc, cdc_subscription_tables_of(sub, name))
	{
		CdcSubscriptionTable *table = lfirst(lc);

		if (!cdc_subscription_table_is_lost(table) && !doubt_copy(doubts, table, doubt))
			doubted = lappend(doubted, table->name);
	}
	if (doubted == NIL)
		return;
	if (doubt->sql.data != NULL)
		sql = cdc_bounded_text(cdc_from_utf8_lenient(pnstrdup(doubt->sql.data, doubt->sql.len)), 500);
	remedy = psprintf("SELECT cdc.resync_table(%s, %s);", quote_literal_cstr(sub->name),
					  quote_literal_cstr(name));
	foreach(lc, doubted)
		lost = cdc_table_lose(sub, lfirst(lc), ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
							  psprintf("%s.\nHINT:  %s", doubt->reason, remedy)) || lost;
	doubts->changed(doubts->arg);
	if (!lost || !cdc_log_event(sub->name, "doubt", psprintf("%s: %s", name, doubt->reason), sql))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("table \"%s\" of subscription \"%s\" needs a new copy", name, sub->name),
			 errdetail("%s.", doubt->reason),
			 errhint("%s", remedy)));
}

/* ---- what changed ---- */

static void mark_children(const CdcDoubts *doubts, const CdcCascadeParent *parent, bool deleted, const CdcChange *change,
						  int depth);

/* The table that the foreign key changes is in doubt, and those that depend on that. */
static void
mark_child(const CdcDoubts *doubts, const CdcForeignKey *key, bool deleted, int depth)
{
	char	   *name = cdc_cascade_name(key->database, key->table);
	char	   *reason = psprintf("rows of %s.%s were %s, and the source changes rows that refer to them without writing that to its binlog",
								  key->parent_database, key->parent_table, deleted ? "deleted" : "given other keys");
	CdcDoubt doubt = {reason, {NULL, 0}, false};
	const CdcCascadeParent *child;

	cdc_doubt_table(doubts, name, &doubt);
	child = cdc_cascades_parent(doubts->cascades, cdc_to_utf8_copy(key->database), cdc_to_utf8_copy(key->table));
	if (child != NULL && depth < CDC_CASCADE_DEPTH)
		mark_children(doubts, child, deleted && key->deletes, NULL, depth + 1);
}

/* Whether an update gives one of the columns that the foreign key refers to another value. */
static bool
is_key_changed(const CdcForeignKey *key, const CdcChange *change)
{
	const CdcTable *table = change->table;
	ListCell   *lc;
	int			i;

	foreach(lc, key->parent_columns)
	{
		char	   *name = cdc_to_utf8_copy((char *) lfirst(lc));

		for (i = 0; i < table->ncolumns; i++)
			if (pg_strcasecmp(table->columns[i].name, name) == 0)
				break;
		/* it had another name when the row was written */
		if (i == table->ncolumns)
			return true;
		if (change->after[i].kind != CDC_ABSENT &&
			(change->before[i].kind == CDC_ABSENT ||
			 !cdc_value_equal(&change->before[i], &change->after[i])))
			return true;
	}
	return false;
}

/* change: the parent's row; NULL: any of its rows may have changed. */
static void
mark_children(const CdcDoubts *doubts, const CdcCascadeParent *parent, bool deleted, const CdcChange *change,
			  int depth)
{
	ListCell   *lc;

	foreach(lc, parent->keys)
	{
		const CdcForeignKey *key = lfirst(lc);

		if (deleted ? key->on_delete : key->on_update && (change == NULL || is_key_changed(key, change)))
			mark_child(doubts, key, deleted, depth);
	}
}

bool
cdc_doubt_change(const CdcDoubts *doubts, const CdcChange *change)
{
	const CdcCascadeParent *parent;

	if (change->table == NULL)
		return false;
	parent = cdc_cascades_parent(doubts->cascades, change->table->database, change->table->name);
	if (parent == NULL)
		return false;
	if (parent->keys != NIL && (change->op == CDC_OP_DELETE || change->op == CDC_OP_UPDATE))
		mark_children(doubts, parent, change->op == CDC_OP_DELETE, change, 0);
	return parent->unwanted;
}

void
cdc_doubt_dependents(const CdcDoubts *doubts, const char *database, const char *table, const CdcDoubt *doubt)
{
	const CdcCascadeParent *parent = cdc_cascades_parent(doubts->cascades, database, table);
	List	   *keys = parent != NULL ? parent->keys : NIL;
	ListCell   *lc;

	foreach(lc, keys)
	{
		const CdcForeignKey *key = lfirst(lc);
		const CdcCascadeParent *child;

		cdc_doubt_table(doubts, cdc_cascade_name(key->database, key->table), doubt);
		child = cdc_cascades_parent(doubts->cascades, cdc_to_utf8_copy(key->database),
									cdc_to_utf8_copy(key->table));
		if (child == NULL)
			continue;
		mark_children(doubts, child, true, NULL, 1);
		mark_children(doubts, child, false, NULL, 1);
	}
}

/* ---- a statement ---- */

/* What a statement names may name others, and those again; servers know bounds, too. */
#define MAX_DEPTH			16

typedef struct Statement
{
	const CdcDoubts *doubts;
	CdcDoubt	doubt;
	uint64		number;			/* of this one: programs that it has visited have it */
	int			depth;
	bool		changes;		/* it may have changed rows */
} Statement;

/* As names in DDL; palloc'ed. */
static char *
lower_case(const char *name)
{
	char	   *result = pstrdup(name);

	cdc_name_to_lower(result);
	return result;
}

/* A table that a statement may have changed. */
static void
doubt_written(Statement *s, const char *database, const char *table)
{
	const CdcCascadeParent *parent;

	cdc_doubt_table(s->doubts, psprintf("%s.%s", database, table), &s->doubt);
	parent = cdc_cascades_parent(s->doubts->cascades, database, table);
	if (parent == NULL)
		return;
	mark_children(s->doubts, parent, true, NULL, 0);
	mark_children(s->doubts, parent, false, NULL, 0);
}

/* What it changes cannot be known: any table may be concerned. */
static void
doubt_all(Statement *s, const char *what, const char *database, const char *name)
{
	CdcDoubt	doubt = s->doubt;
	ListCell   *lc;

	s->changes = true;
	doubt.reason = psprintf("the source wrote changes of its rows as a statement, which uses %s %s.%s, and does not show what that changes",
							what, cdc_from_utf8_lenient(database), cdc_from_utf8_lenient(name));
	foreach(lc, cdc_subscription_tables(s->doubts->sub))
	{
		const CdcSubscriptionTable *table = lfirst(lc);
		char	   *full_name = cdc_to_utf8_copy(table->source_table);

		CHECK_FOR_INTERRUPTS();
		if (!s->doubts->gone(s->doubts->arg, full_name))
			cdc_doubt_table(s->doubts, full_name, &doubt);
	}
}

static CdcString
string_of(const char *text)
{
	return (CdcString) {text, strlen(text)};
}

static void doubt_name(CdcDmlKind kind, const char *database, const char *name, void *arg);

/* What a view, trigger, function or procedure changes; false: the source has none of that name. */
static bool
doubt_program(Statement *s, CdcProgramKind kind, const char *database, const char *name)
{
	static const char *const what[] = {"the view", "a trigger of table", "the function", "the procedure"};
	CdcProgram *program = cdc_program_find(s->doubts->programs, kind, database, name);
	ListCell   *lc;

	if (program->texts == NIL)
		return false;
	if (program->visited == s->number)
		return true;
	program->visited = s->number;
	if (s->depth >= MAX_DEPTH)
	{
		doubt_all(s, what[kind], database, name);
		return true;
	}
	s->depth++;
	foreach(lc, program->texts)
	{
		const CdcProgramText *text = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (text->text == NULL)
			doubt_all(s, what[kind], database, name);
		else if (kind == CDC_PROGRAM_VIEW)
			cdc_dml_view(string_of(text->text), string_of(database), doubt_name, s);
		else
			cdc_dml_body(string_of(text->text), string_of(database), text->sql_mode, doubt_name, s);
	}
	s->depth--;
	return true;
}

/* Whether the server's own functions and procedures are there, which change no rows of a user's. */
static bool
is_servers_own(const char *database)
{
	static const char *const names[] = {"sys", "mysql", "information_schema", "performance_schema"};
	size_t		i;

	for (i = 0; i < lengthof(names); i++)
		if (pg_strcasecmp(database, names[i]) == 0)
			return true;
	return false;
}

/* CdcDmlVisit */
static void
doubt_name(CdcDmlKind kind, const char *database, const char *name, void *arg)
{
	Statement  *s = arg;

	if (database[0] == '\0' || !cdc_is_utf8_text(database, strlen(database)) ||
		!cdc_is_utf8_text(name, strlen(name)))
		return;
	if (s->doubts->lower_case_names)
	{
		database = lower_case(database);
		name = kind == CDC_DML_TABLE ? lower_case(name) : name;
	}
	switch (kind)
	{
		case CDC_DML_TABLE:
			s->changes = true;
			doubt_written(s, database, name);
			(void) doubt_program(s, CDC_PROGRAM_VIEW, database, name);
			(void) doubt_program(s, CDC_PROGRAM_TRIGGER, database, name);
			break;
		case CDC_DML_FUNCTION:
			/* without its database it may be one of the server */
			(void) doubt_program(s, CDC_PROGRAM_FUNCTION, database, name);
			break;
		case CDC_DML_STORED_FUNCTION:
			if (!is_servers_own(database) && !doubt_program(s, CDC_PROGRAM_FUNCTION, database, name))
				doubt_all(s, "the function", database, name);
			break;
		case CDC_DML_PROCEDURE:
			if (!is_servers_own(database) && !doubt_program(s, CDC_PROGRAM_PROCEDURE, database, name))
				doubt_all(s, "the procedure", database, name);
			break;
	}
}

bool
cdc_doubt_statement(const CdcDoubts *doubts, CdcString sql, CdcString database, uint64_t sql_mode)
{
	static uint64 number = 0;
	Statement	s = {doubts, {"the source wrote changes of its rows as a statement, not as rows", sql, false}};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest statement",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	s.number = ++number;
	cdc_programs_trim(doubts->programs);
	(void) cdc_dml_tables(sql, database, sql_mode, doubt_name, &s);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return s.changes;
}
