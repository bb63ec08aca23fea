/*-------------------------------------------------------------------------
 *
 * follow.c
 *	  What apply does at a change of a source table: its target follows, or stays and
 *	  says why.
 *
 * All before the change is in the targets by then, and nothing behind it, so that a
 * target has what its table had when the statement was run.  Where it cannot have what
 * the table has now, the table's state becomes 'e': its events stay in the history, its
 * target stays as it was, and the other tables go on.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "pg/base/bounded_text.h"
#include "pg/base/compat_executor.h"
#include "pg/base/error.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/evolve/evolve.h"
#include "pg/options/option_json.h"
#include "pg/progress/copy_progress.h"
#include "pg/progress/table_error.h"

/* One change, for one of the tables that are filled from its source table. */
typedef struct Follow
{
	const CdcSubscription *sub;
	CdcPendingChange *change;
	const CdcSubscriptionTable *table;
	CdcTableOptions options;
	const char *outcome;
	bool		failed;			/* the table is in error now */
} Follow;

/* In a restored database its name tells what the target is. */
static void
find_target(CdcSubscriptionTable *table)
{
	if (table->target != NULL && !OidIsValid(table->target_oid))
		table->target_oid = cdc_relation_by_name(table->target);
}

List *
cdc_apply_tables_of(const CdcSubscription *sub, const char *source_table)
{
	List	   *result = cdc_subscription_tables_of(sub, source_table);
	ListCell   *lc;

	foreach(lc, result)
		find_target(lfirst(lc));
	return result;
}

const CdcSubscriptionTable *
cdc_apply_table(const CdcSubscription *sub, const char *name)
{
	CdcSubscriptionTable *table = cdc_subscription_table_find(sub, name);
	List	   *others;

	if (table != NULL)
	{
		find_target(table);
		return table;
	}
	others = cdc_apply_tables_of(sub, name);
	return others != NIL ? linitial(others) : NULL;
}

/* The argument that says which target, where the name of a table may mean several; or "". */
static const char *
which_target(const CdcSubscription *sub, const char *name, bool alters)
{
	List	   *tables = cdc_subscription_tables_of(sub, name);
	const CdcSubscriptionTable *table = list_length(tables) > 1 ? linitial(tables) : NULL;

	if (table == NULL || table->target == NULL)
		return "";
	return psprintf(alters ? ", of_target := %s" : ", target := %s", quote_literal_cstr(table->target));
}

/* What fills the target anew: what comes from Kafka is in the history. */
static char *
anew_hint(const CdcSubscription *sub, const char *name)
{
	const CdcSubscriptionTable *table = cdc_subscription_table_find(sub, name);
	char	   *sub_name = quote_literal_cstr(sub->name);
	char	   *table_name = quote_literal_cstr(name);

	if (sub->kind == CDC_SERVER_KAFKA && table != NULL && table->target != NULL)
		return psprintf("SELECT cdc.alter_table(%s, %s, target := %s%s);", sub_name, table_name,
						quote_literal_cstr(table->target), which_target(sub, name, true));
	return psprintf("SELECT cdc.resync_table(%s, %s%s);", sub_name, table_name, which_target(sub, name, false));
}

bool
cdc_follow_superseded(const CdcSubscription *sub, const char *name, int64 seq, const char *reason)
{
	if (!cdc_copy_supersedes(sub, name, seq))
		return false;
	cdc_subscription_table_hold(sub, name);
	cdc_log(sub->name, "copy",
			psprintf("events of source table %s from before its new copy are passed over from seq " INT64_FORMAT " on",
					 name, seq),
			reason);
	CommandCounterIncrement();
	return true;
}

/* The arguments of cdc.alter_table that give a table the mapping that it has. */
static char *
mapping_arguments(const CdcSubscription *sub, const char *name)
{
	const CdcSubscriptionTable *table = cdc_subscription_table_find(sub, name);
	StringInfoData text;
	Jsonb	   *columns = table != NULL ? table->columns : NULL;

	initStringInfo(&text);
	if (columns != NULL)
		appendStringInfo(&text, "columns := %s",
						 quote_literal_cstr(JsonbToCString(NULL, &columns->root, VARSIZE(columns))));
	if (table != NULL && table->row_filter != NULL)
		appendStringInfo(&text, "%srow_filter := %s", text.len > 0 ? ", " : "",
						 quote_literal_cstr(table->row_filter));
	return text.data;
}

/* What makes the target right: the mapping altered, or another key, or a new copy. */
static char *
follow_remedy(const CdcSubscription *sub, const char *name, const char *first, const char *remap, bool again)
{
	bool		columns = remap != NULL && strcmp(remap, CDC_REMAP_COLUMNS) == 0;
	char	   *copy = anew_hint(sub, name);
	char	   *alter;

	if (remap == NULL)
		return first != NULL ? psprintf("%s %s", first, copy) : copy;
	alter = psprintf("%sSELECT cdc.alter_table(%s, %s, %s%s);%s", first != NULL ? first : "", quote_literal_cstr(sub->name),
					 quote_literal_cstr(name), columns ? mapping_arguments(sub, name) : remap,
					 which_target(sub, name, true), columns ? " with expressions of what the table has now." : "");
	if (!again)
		return alter;
	return psprintf("%s Or, where they can be computed again: %s", alter, copy);
}

bool
cdc_follow_fail(const CdcSubscription *sub, const char *name, int64 seq, const char *reason,
				const char *first, const char *remap, bool again)
{
	char	   *error = psprintf("source table %s cannot be followed from seq " INT64_FORMAT " on: %s",
								 name, seq, reason);
	char	   *remedy = follow_remedy(sub, name, first, remap, again);

	if (cdc_follow_superseded(sub, name, seq, reason))
		return false;
	if (!cdc_table_lose(sub, name, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						psprintf("%s.\nHINT:  %s", error, remedy)))
		return false;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("source table %s of subscription \"%s\" is not replicated any more", name,
					sub->name),
			 errdetail("%s.", error),
			 errhint("%s", remedy)));
	return true;
}

/* What would stop at the change does not where a new copy of the table begins behind it. */
static bool
is_superseded(Follow *f, const char *reason)
{
	if (!cdc_follow_superseded(f->sub, f->table->name, f->change->from_seq, reason))
		return false;
	f->outcome = "nothing: a new copy of the table begins behind it";
	return true;
}

static void
fail_table(Follow *f, const char *reason, const char *first, const char *remap)
{
	if (is_superseded(f, reason))
		return;
	(void) cdc_follow_fail(f->sub, f->table->name, f->change->from_seq, reason, first, remap, false);
	f->outcome = psprintf("%s%s", CDC_CHANGE_FAILED, reason);
	f->failed = true;
}

/* In the place of who may alter the target: its owner, where the subscription's may be him. */
static char *
evolve_as_writer(Follow *f, CdcEvolution *evolution)
{
	CdcTargetRights rights;
	Oid			userid;
	int			sec_context;
	char	   *reason = NULL;

	GetUserIdAndSecContext(&userid, &sec_context);
	cdc_target_rights(f->table->target_oid, f->sub, &rights);
	SetUserIdAndSecContext(rights.writer, sec_context | SECURITY_RESTRICTED_OPERATION);
	if (f->change->kind == CDC_CHANGE_COPY)
		reason = cdc_evolve_refit(evolution);
	else
		reason = cdc_evolve(evolution);
	SetUserIdAndSecContext(userid, sec_context);
	return reason;
}

/* A target that is to follow. */
typedef struct Evolving
{
	Follow	   *f;
	CdcEvolution *evolution;
	char	   *reason;			/* why it does not; in the context of the attempt */
} Evolving;

/* CdcAttempt */
static bool
attempt_to_evolve(void *arg)
{
	Evolving   *e = arg;
	MemoryContext caller = CurrentMemoryContext;

	e->reason = evolve_as_writer(e->f, e->evolution);
	MemoryContextSwitchTo(caller);
	return e->reason == NULL;
}

/*
 * The target follows in a subtransaction, which leaves nothing behind where it does not.
 * Returns the reason then, or NULL.  An error that is not of the target's shape goes on.
 */
static char *
try_to_evolve(Follow *f, CdcEvolution *evolution)
{
	Evolving	evolving = {f, evolution, NULL};
	ErrorData  *error = cdc_attempt_lasting(attempt_to_evolve, &evolving);

	if (error == NULL)
		return evolving.reason;
	return psprintf("its target cannot be altered: %s%s%s", error->message,
					error->detail != NULL ? ", " : "", error->detail != NULL ? error->detail : "");
}

/*
 * The target stays as it is, and gets a new copy some day: columns that are only called
 * something else by then are to fill what they have filled.
 */
static void
keep_names(Follow *f)
{
	CdcEvolution evolution;

	if (f->change->kind == CDC_CHANGE_COPY)
		return;
	memset(&evolution, 0, sizeof(evolution));
	evolution.sub = f->sub;
	evolution.table = f->table;
	evolution.change = f->change;
	cdc_evolve_names(&evolution);
	if (evolution.columns_changed)
		cdc_subscription_table_columns(f->sub, f->table->name, evolution.columns);
}

/* A change of columns, of the key, or of both. */
static void
follow_columns(Follow *f)
{
	CdcEvolution evolution;
	char	   *reason;

	memset(&evolution, 0, sizeof(evolution));
	evolution.sub = f->sub;
	evolution.table = f->table;
	evolution.change = f->change;
	evolution.dropped = f->options.drop_column;
	reason = try_to_evolve(f, &evolution);
	if (reason != NULL)
	{
		if (is_superseded(f, reason))
			return;
		keep_names(f);
		fail_table(f, reason, evolution.first, evolution.remap);
		return;
	}
	if (evolution.columns_changed)
		cdc_subscription_table_columns(f->sub, f->table->name, evolution.columns);
	if (evolution.key_renamed)
		cdc_subscription_table_key(f->sub, f->table->name, evolution.key, f->table->nkey);
	f->outcome = evolution.done.len > 0 ? evolution.done.data : "nothing: the target is not concerned";
}

/* The table was made anew: TRUNCATE of its target came before, where it had one. */
static void
follow_created(Follow *f)
{
	f->change->change.known = true;
	f->change->change.nrenames = f->change->change.nadded = 0;
	follow_columns(f);
}

/* A new copy of a table that was in error: its target gets ready, and events count again. */
static void
begin_copy(Follow *f)
{
	if (f->change->after.ncolumns > 0)
		follow_columns(f);
	else
		f->outcome = "nothing: there was no such table";
	if (!f->failed)
		cdc_table_error_clear(f->sub, f->table->name);
}

/*
 * Events from before a change are kept: they cannot be applied behind it, in another shape.  So
 * the table stops here, and goes on through the change when they are retried.
 */
static void
hold_before(Follow *f)
{
	CdcTableError error = {f->table->name};
	const char *remedy = cdc_table_error_hint(f->sub, f->table->name, true);

	error.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
	error.text = psprintf("source table %s was changed at seq " INT64_FORMAT ", and earlier events of it are kept in cdc.error\nHINT:  %s",
						  f->table->name, f->change->from_seq, remedy);
	(void) cdc_table_error_hold(f->sub, &error, f->change->from_seq - 1);
	f->outcome = CDC_CHANGE_HELD;
}

/* Whether a change alters what events of the table fill. */
static bool
alters(const CdcPendingChange *change)
{
	return change->kind != CDC_CHANGE_COPY && change->kind != CDC_CHANGE_TRUNCATE &&
		change->kind != CDC_CHANGE_DROP && change->kind != CDC_CHANGE_RENAME;
}

/* ERROR: the user wants to decide. */
static void
stop(Follow *f)
{
	const char *sub = quote_literal_cstr(f->sub->name);
	const char *table = quote_literal_cstr(f->table->name);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("source table %s was altered, and option \"ddl\" is \"stop\"", f->table->source_table),
			 f->change->statement != NULL ?
			 errdetail("At seq " INT64_FORMAT ": %s", f->change->from_seq, f->change->statement) : 0,
			 errhint("To alter target %s likewise: SELECT cdc.alter_table(%s, %s, '{\"ddl\": \"evolve\"}'). To leave it as it is: SELECT cdc.alter_table(%s, %s, '{\"ddl\": \"ignore\"}').",
					 f->table->target, sub, table, sub, table)));
}

/* Whether the definitions differ in anything that concerns rows. */
static bool
changes_shape(const Follow *f)
{
	const CdcPendingChange *change = f->change;

	return !change->change.known || change->change.created || change->change.nrenames > 0 ||
		change->change.nadded > 0 || !cdc_table_def_same_rows(&change->before, &change->after);
}

/*
 * The target stays as it is, as its option wants it: what it has no column for is left out.  Where the
 * statement wrote other values into columns that both have, it is none of its source's any more.
 */
static void
leave_target(Follow *f)
{
	CdcEvolution evolution;
	char	   *reason;

	memset(&evolution, 0, sizeof(evolution));
	evolution.sub = f->sub;
	evolution.table = f->table;
	evolution.change = f->change;
	evolution.stays = true;
	reason = f->change->change.created ? NULL : try_to_evolve(f, &evolution);
	if (reason == NULL)
		f->outcome = "ignored: the target stays as it is";
	else
		fail_table(f, reason, NULL, NULL);
}

/* What becomes of a registered table with a target. */
static void
follow_table(Follow *f)
{
	CdcPendingChange *change = f->change;

	cdc_table_options_parse(f->table->options, &f->sub->opt.table, &f->options);

	switch (change->kind)
	{
		case CDC_CHANGE_TRUNCATE:
			f->outcome = f->options.truncate == CDC_TRUNCATE_FOLLOW ? "the target was emptied" :
				"ignored: the target keeps its rows";
			return;
		case CDC_CHANGE_DROP:
			f->outcome = "kept: the target stays as it was";
			return;
		case CDC_CHANGE_RENAME:
			f->outcome = "kept: the target stays as it was, the table has another name";
			return;
		default:
			break;
	}
	cdc_change_load(f->sub->name, change);
	if (change->kind == CDC_CHANGE_COPY)
		begin_copy(f);
	else if (change->change.rows != NULL)
		fail_table(f, change->change.rows, NULL, NULL);
	else if (change->before.ncolumns == 0 || change->after.ncolumns == 0)
		f->outcome = "nothing: there was no such table";
	else if (f->options.ddl == CDC_DDL_IGNORE && (change->change.cuts_dates || changes_shape(f)))
		leave_target(f);
	else if (f->options.ddl == CDC_DDL_STOP && changes_shape(f))
	{
		if (!is_superseded(f, "it was altered, and option \"ddl\" is \"stop\""))
			stop(f);
	}
	else if (change->change.created)
		follow_created(f);
	else
		follow_columns(f);
}

static const char *
kind_word(CdcChangeKind kind)
{
	switch (kind)
	{
		case CDC_CHANGE_ALTER:
			return "altered";
		case CDC_CHANGE_CREATE:
			return "made";
		case CDC_CHANGE_DROP:
			return "dropped";
		case CDC_CHANGE_RENAME:
			return "renamed";
		case CDC_CHANGE_REPLACE:
			return "replaced by another one";
		case CDC_CHANGE_TRUNCATE:
			return "emptied";
		case CDC_CHANGE_COPY:
			return "copied anew";
		case CDC_CHANGE_FOUND:
			break;
	}
	return "found altered";
}

/* Whether the change is a copy for other targets of the source table. */
static bool
is_of_others(const Follow *f)
{
	CdcCopySpan span;

	if (f->change->kind != CDC_CHANGE_COPY)
		return false;
	cdc_copy_span(f->sub, f->table->name, &span);
	return !cdc_copy_span_has(&span, f->change->from_seq);
}

/* Acts on the change for one table. */
static void
follow_for(Follow *f)
{
	CdcPendingChange *change = f->change;

	if (is_of_others(f))
		f->outcome = "nothing: the copy is not for it";
	else if (f->table->held && change->kind != CDC_CHANGE_COPY)
	{
		f->outcome = CDC_CHANGE_HELD;
		if (change->kind == CDC_CHANGE_ALTER && cdc_subscription_table_is_lost(f->table) &&
			f->table->columns != NULL && f->table->target != NULL && OidIsValid(f->table->target_oid) &&
			get_rel_name(f->table->target_oid) != NULL)
		{
			cdc_change_load(f->sub->name, change);
			keep_names(f);
		}

		/* what pull did not know yet: it is in error since an event before */
		if (change->kind == CDC_CHANGE_DROP)
			cdc_table_error_dropped(f->sub, change->source_table);
		else if (change->kind == CDC_CHANGE_CREATE || change->kind == CDC_CHANGE_REPLACE)
			cdc_table_error_made_again(f->sub, change->source_table);
	}
	else if (f->table->kept_events > 0 && alters(change))
		hold_before(f);
	else if (f->table->target == NULL && change->kind == CDC_CHANGE_COPY)
	{
		cdc_table_error_clear(f->sub, f->table->name);
		f->outcome = "nothing: there is no target";
	}
	else if (f->table->target == NULL || !OidIsValid(f->table->target_oid) ||
			 get_rel_name(f->table->target_oid) == NULL)
		f->outcome = "nothing: there is no target";
	else
		follow_table(f);
}

/* What it was for the table of that name; NULL: that is not settled. */
static const char *
settled_outcome(const CdcPendingChange *change, const char *name)
{
	int			i;

	for (i = 0; i < change->ntables; i++)
		if (strcmp(change->tables[i], name) == 0)
			return change->outcomes[i];
	return NULL;
}

/* Settles it for the table. */
static void
settle(CdcPendingChange *change, const char *name, const char *outcome)
{
	size_t		size = sizeof(char *) * (change->ntables + 1);

	change->tables = change->tables == NULL ? palloc(size) : repalloc(change->tables, size);
	change->outcomes = change->outcomes == NULL ? palloc(size) : repalloc(change->outcomes, size);
	change->tables[change->ntables] = pstrdup(name);
	change->outcomes[change->ntables++] = cdc_bounded_text(outcome, CDC_TEXT_BOUND);
}

/* What it was for all of its tables: said once where it is the same. */
static char *
outcome_of_all(const CdcPendingChange *change, List *tables)
{
	StringInfoData text;
	const char *first = NULL;
	bool		same = true;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, tables)
	{
		const CdcSubscriptionTable *table = lfirst(lc);
		const char *outcome = settled_outcome(change, table->name);

		first = first == NULL ? outcome : first;
		same = same && strcmp(outcome, first) == 0;
		appendStringInfo(&text, "%s%s: %s", text.len > 0 ? "\n" : "",
						 table->target != NULL ? table->target : table->name, outcome);
	}
	if (first == NULL)
		return pstrdup("nothing: the table is not registered");
	return same ? pstrdup(first) : text.data;
}

void
cdc_follow_change(const CdcSubscription *sub, CdcPendingChange *change)
{
	List	   *tables = cdc_apply_tables_of(sub, change->source_table);
	CdcScope	scope;
	ListCell   *lc;
	char	   *outcome;

	cdc_owner_begin(sub, &scope);
	foreach(lc, tables)
	{
		Follow		f = {.sub = sub,.change = change,.table = lfirst(lc)};

		if (settled_outcome(change, f.table->name) != NULL)
			continue;
		follow_for(&f);
		settle(change, f.table->name, f.outcome);
	}
	outcome = outcome_of_all(change, tables);
	cdc_change_done(sub->name, change, outcome);
	if (tables != NIL)
		cdc_log(sub->name, "change",
				psprintf("source table %s was %s at seq " INT64_FORMAT, change->source_table,
						 kind_word(change->kind), change->from_seq),
				psprintf("%s\n%s", change->statement != NULL ? change->statement : "", outcome));
	cdc_scope_end(&scope);

	/* mappings are made anew, of what holds from here on */
	cdc_catalog_changed();
	CommandCounterIncrement();
}

/* ------------------------------------------------------------------------
 * The end of a table whose rows cannot be told, or not what its mapping computes
 * ------------------------------------------------------------------------
 */

#define POOR_IMAGES "its row images do not tell enough"

static void
give_up(CdcApply *apply, CdcSourceRun *source, const char *why, const char *reason)
{
	const CdcMapping *mapping = source->mapping;

	if (apply->replay != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot replay source table \"%s\": %s", mapping->source_table, reason)));
	source->given_up = true;
	/* no change of its definition has a row in the log that would say so */
	if (cdc_follow_fail(apply->sub, mapping->name, apply->work.at.place.seq, reason, NULL, NULL, false))
		cdc_log(apply->sub->name, "change",
				psprintf("source table %s is not replicated any more, as %s", mapping->name, why), reason);
}

void
cdc_run_give_up_copy(CdcApply *apply, CdcSourceRun *source, const char *reason)
{
	give_up(apply, source, "it was altered while it was copied", reason);
}

void
cdc_run_give_up(CdcApply *apply, CdcSourceRun *source, const char *column)
{
	const CdcMapping *mapping = source->mapping;

	give_up(apply, source, POOR_IMAGES,
			psprintf("a row image lacks %s%s, which %s, and target %s does not tell it (at the source, binlog_row_image has to be FULL for that)",
					 strcmp(column, "*") == 0 ? "columns" : "column ",
					 strcmp(column, "*") == 0 ? "" : quote_identifier(column),
					 mapping->filter != NULL ? "the row filter or an expression needs" :
					 "an expression needs", mapping->target->name));
}

void
cdc_run_give_up_altered(CdcApply *apply, CdcSourceRun *source, const char *done)
{
	give_up(apply, source, "other hands have emptied or altered its target", done);
}

void
cdc_run_give_up_row(CdcApply *apply, CdcSourceRun *source, const char *column)
{
	const CdcTarget *target = source->mapping->target;

	give_up(apply, source, POOR_IMAGES,
			psprintf("a row image lacks column %s, by which %srows of target %s are found (at the source, binlog_row_image has to be FULL for that%s)",
					 quote_identifier(column), target->keyless ? "and all others the " : "", target->name,
					 target->keyless ? ", or the table needs a primary key" : ""));
}

void
cdc_run_give_up_append(CdcApply *apply, CdcSourceRun *source)
{
	give_up(apply, source, POOR_IMAGES,
			psprintf("a row image lacks columns, and target %s keeps whole rows of each event (at the source, %s has to be FULL for that)",
					 source->mapping->target->name,
					 apply->sub->kind == CDC_SERVER_KAFKA ? "what its connector logs, such as REPLICA IDENTITY or binlog_row_image," :
					 "binlog_row_image"));
}
