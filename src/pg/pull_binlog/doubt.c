/*-------------------------------------------------------------------------
 *
 * doubt.c
 *	  Tables whose rows may have changed without a row event: they are named, and not
 *	  replicated until they are copied anew, by somebody's hand or by themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/dml.h"
#include "pg/base/bounded_text.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/progress/auto_resync.h"
#include "pg/progress/copy_progress.h"
#include "pg/pull/wait.h"

/* A copy that begins anew so often, as its rows change in such ways, ends in an error. */
#define MAX_RESTARTS		5

/* Tables that may be copied anew by themselves are looked for so often. */
#define LOOK_MS				1000

/* ---- a table ---- */

/* A copy of the table that is under way begins anew; false: it has none, or did too often. */
static bool
copy_again(CdcBinlogCall *call, const char *full_name, const CdcBinlogDoubt *doubt)
{
	static const CdcCopyRequest again = {"copy", true, NULL, true};
	const char *name = cdc_from_utf8_copy(full_name);

	if (!cdc_binlog_stream_copies(call->stream, full_name))
		return false;
	if (!doubt->reshapes)
	{
		/* what has not begun will read what is there then */
		if (!cdc_binlog_stream_is_copying(call->stream, full_name))
			return true;
		if (cdc_copy_restarts(call->sub, name) >= MAX_RESTARTS)
			return false;
	}
	cdc_copy_request(call->sub, name, &again);
	/* its rows may be of another shape until then */
	if (doubt->reshapes)
		cdc_subscription_table_hold(call->sub, name, true);
	cdc_log(call->sub->name, "copy", psprintf("the copy of source table %s begins anew", name),
			doubt->reason);
	cdc_binlog_stream_forget_tables(call->stream);
	call->stream->copy_checked = false;
	return true;
}

void
cdc_binlog_doubt(CdcBinlogCall *call, const char *full_name, const CdcBinlogDoubt *doubt)
{
	const CdcSubscription *sub = call->sub;
	const char *name = cdc_from_utf8_copy(full_name);
	char	   *sql = NULL;
	char	   *remedy;

	call->persist = true;
	if (copy_again(call, full_name, doubt) || cdc_binlog_stream_failed(call->stream, full_name))
		return;
	if (doubt->sql.data != NULL)
		sql = cdc_bounded_text(cdc_from_utf8_lenient(pnstrdup(doubt->sql.data, doubt->sql.len)), 500);
	remedy = psprintf("SELECT cdc.resync_table(%s, %s);", quote_literal_cstr(sub->name),
					  quote_literal_cstr(name));
	cdc_subscription_table_failed(sub, name, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
								  psprintf("%s.\nHINT:  %s", doubt->reason, remedy));
	cdc_binlog_stream_forget_tables(call->stream);
	if (!cdc_log_event(sub->name, "doubt", psprintf("%s: %s", name, doubt->reason), sql))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("table \"%s\" of subscription \"%s\" needs a new copy", name, sub->name),
			 errdetail("%s.", doubt->reason),
			 errhint("%s", remedy)));
}

/* ---- a statement ---- */

typedef struct Statement
{
	CdcBinlogCall *call;
	CdcBinlogDoubt doubt;
} Statement;

/* CdcDmlVisit */
static void
doubt_name(const char *database, const char *table, void *arg)
{
	Statement  *s = arg;
	char	   *name;

	if (database[0] == '\0')
		return;
	name = psprintf("%s.%s", database, table);
	if (cdc_binlog_stream_knows(s->call->stream, name))
		cdc_binlog_doubt(s->call, name, &s->doubt);
	cdc_binlog_cascade_statement(s->call, database, table);
}

void
cdc_binlog_doubt_statement(CdcBinlogCall *call, CdcString sql)
{
	Statement	s = {call, {"the source wrote changes of its rows as a statement, not as rows", sql, false}};
	CdcString	database;
	uint64_t	sql_mode;

	database.data = cdc_stream_statement_database(call->stream->stream, &sql_mode);
	database.len = strlen(database.data);
	(void) cdc_dml_tables(sql, database, sql_mode, doubt_name, &s);
}

/* ---- by itself ---- */

void
cdc_binlog_auto_resync(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;

	if (stream->looked_for_errors != 0 && cdc_pull_elapsed_ms(stream->looked_for_errors) < LOOK_MS)
		return;
	stream->looked_for_errors = GetCurrentTimestamp();
	if (cdc_auto_resync(call->sub) == 0)
		return;
	call->persist = true;
	stream->copy_checked = false;
	cdc_binlog_stream_forget_tables(stream);
}
