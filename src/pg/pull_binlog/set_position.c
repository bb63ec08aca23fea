/*-------------------------------------------------------------------------
 *
 * set_position.c
 *	  cdc.set_position() and cdc.restart_subscription() of MySQL and MariaDB, and pull's own
 *	  restart where the source has removed binlog: where the next pull reads.
 *
 * The new place is resolved at once into what the
 * subscription's position can hold, so that whoever pulls next, in whatever
 * snapshot, reads from there.  With GTIDs that is a set of them or the start of a
 * file; without, any offset (pull finds the start of a transaction by itself).
 *
 * What is read again, or not any more, may hold changes of tables' definitions.
 * The stored ones fit the old place only, so that the source's events must name
 * their columns themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/base/utf8.h"
#include "pg/catalog/changes.h"
#include "pg/progress/copy_progress.h"
#include "pg/progress/known.h"
#include "pg/catalog/access.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/tables.h"
#include "pg/pull_binlog/xa_store.h"
#include "pg/schema/temporary.h"

static bool
has_prepared(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.prepared_transaction p WHERE p.subscription OPERATOR(pg_catalog.=) $1 LIMIT 1",
		1, {TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name) > 0;
}

/* ERROR where the subscription holds what would not fit a position that jumps. */
static void
check_at_rest(const CdcSubscription *sub)
{
	cdc_failure_refuse_gap(sub->name);
	if (cdc_copy_is_pending(sub))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tables of subscription \"%s\" are being copied", sub->name),
				 errdetail("The copies fit the place where the stream is now."),
				 errhint("Wait until cdc.stat_table shows none in state i, d or f. To give the copies up: SELECT cdc.restart_subscription(%s); copies all tables anew and reads on from where the source stands then.",
						 quote_literal_cstr(sub->name))));
	if (has_prepared(sub))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscription \"%s\" holds XA transactions that are prepared at the source",
						sub->name),
				 errhint("Set the position when they have ended there: SELECT xid FROM cdc.prepared_transaction WHERE subscription = %s.",
						 quote_literal_cstr(sub->name))));
}

static void
check_metadata(const CdcSubscription *sub, CdcSource *control)
{
	CdcAnswer  *answer = cdc_source_ask(control, "SHOW GLOBAL VARIABLES LIKE 'binlog_row_metadata'", 2,
										"SHOW GLOBAL VARIABLES LIKE 'binlog_row_metadata'");

	if (cdc_answer_rows(answer) > 0 && pg_strcasecmp(cdc_answer_text(answer, 0, 1), "FULL") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the position of subscription \"%s\" cannot be moved", sub->name),
			 errdetail("The source's binlog does not name the columns (binlog_row_metadata is not FULL): rows could be read by a definition of another place."),
			 errhint("Drop the subscription and create it anew with start_position.")));
}

static char *
position_text(const CdcPosition *pos)
{
	if (pos->gtid_set != NULL && pos->gtid_set[0] != '\0')
		return psprintf("%s (%s:" INT64_FORMAT ")", pos->gtid_set, pos->file, pos->file_offset);
	return pos->file != NULL ? psprintf("%s:" INT64_FORMAT, pos->file, pos->file_offset) : "not set";
}

/* Puts the place into the position; where says what the user has given. */
static void
resolve(const CdcSubscription *sub, CdcSource *control, const char *where, CdcPosition *pos)
{
	CdcBinlogPlace place = {"position", where};
	int64		skip_offset = cdc_binlog_place(sub, control, &place, pos);
	CdcTemporaries *temporaries;

	if (skip_offset > 0 && pos->gtid_set != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("position \"%s\" of subscription \"%s\" is inside of a binlog file", where,
						sub->name),
				 errdetail("The source has GTIDs, by which the position is kept."),
				 errhint("Give the GTID set behind which to read, or the start of the file: '%s'.",
						 pos->file)));
	if (skip_offset > 0)
		pos->file_offset = skip_offset;
	temporaries = cdc_temporaries_create(CurrentMemoryContext, sub);
	cdc_temporaries_begin(temporaries, control);
	cdc_temporaries_write(temporaries, sub);
}

/*
 * The stream moves: events may come again, or be left out, so that apply does not take a row for lost by
 * other hands until the table is copied anew.
 */
static void
note_jump(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_position SET jump_seq = last_seq WHERE subscription OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name);
	cdc_known_lost(sub, NULL);
}

void
cdc_binlog_set_position(CdcSubscription *sub, const char *where)
{
	CdcSource  *control;
	CdcPosition pos;
	char	   *before;

	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_position_get(sub, &pos);
	check_at_rest(sub);
	before = position_text(&pos);
	control = cdc_binlog_source_open(sub);
	check_metadata(sub, control);
	resolve(sub, control, where, &pos);
	cdc_source_close(control);
	cdc_position_set(sub, &pos);
	note_jump(sub);
	cdc_log(sub->name, "position", psprintf("position set to %s", position_text(&pos)),
			psprintf("It was %s.", before));
	cdc_subscription_changed();
}

/* ---- cdc.restart_subscription ---- */

/* The next pull begins as one that was never pulled, at the source's present position. */
static void
forget_position(const CdcSubscription *sub, CdcPosition *pos)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET start_position = NULL WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name);
	pos->file = NULL;
	pos->file_offset = 0;
	pos->gtid_set = NULL;
	pos->source_uuid = NULL;
	pos->last_event = NULL;
}

/*
 * Tables are copied anew, and the copies replace what their targets have: all of them,
 * but for those that no target could be made for; or those whose copy would wait for the
 * stream for ever.
 */
static void
copy_anew(const CdcSubscription *sub, bool all)
{
	static const CdcCopyRequest request = {"resync", true, NULL, false};
	ListCell   *lc;

	foreach(lc, cdc_subscription_tables(sub))
	{
		const CdcSubscriptionTable *t = lfirst(lc);

		if (t->state == 'd' || t->state == 'f' || (all && !t->left_out))
			cdc_copy_request(sub, t->name, &request);
	}
}

/*
 * What waits for something at the old place would wait for ever: copies for the stream,
 * prepared transactions for their end.  (Those that are prepared at the source are
 * found again where it is read from its present position on.)
 */
static void
restart_locked(const CdcSubscription *sub, const char *where, bool resync)
{
	bool		latest = strcmp(where, "latest") == 0;
	CdcSource  *control;
	CdcPosition pos;
	CdcScope	scope;
	char	   *before;

	cdc_position_get(sub, &pos);
	before = position_text(&pos);
	control = cdc_binlog_source_open(sub);
	if (!latest)
		check_metadata(sub, control);
	if (resync)
	{
		CdcSchemaPlace place = {pos.last_seq + 1, NULL};

		cdc_owner_begin(sub, &scope);
		cdc_binlog_register_tables(sub, control, &place, true);
		cdc_scope_end(&scope);
	}
	copy_anew(sub, resync);
	cdc_xa_store_delete_all(sub);
	if (latest && resync)
		forget_position(sub, &pos);
	else
		resolve(sub, control, where, &pos);
	cdc_source_close(control);
	cdc_position_set(sub, &pos);
	note_jump(sub);
	cdc_log(sub->name, "position",
			psprintf("restarted at %s%s", where, resync ? ", all tables are copied anew" : ""),
			psprintf("It was at %s.", before));
	cdc_subscription_changed();
}

void
cdc_binlog_restart(CdcSubscription *sub, const char *where, bool resync)
{
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	restart_locked(sub, where, resync);
}

/* ---- what does the same by itself ---- */

/*
 * What comes next was removed from the source's binlog: where the subscription asks for it
 * (copy_mode "when_needed"), all tables are copied once more in place of an error.
 *
 * A dump is refused for many reasons, and some of them prove that the source has lost what
 * was read: these stay errors, for somebody to look at.  Here it takes a proof of the
 * contrary, from what the source says of its binlog: it has all that was read, and has
 * removed something behind it.
 */

/* Whether the source has all that was read, and has removed something that was not. */
static bool
is_purged(CdcBinlogStream *stream)
{
	CdcSource  *control = cdc_binlog_stream_control(stream);
	CdcFlavor	flavor = cdc_source_info(control)->flavor;
	CdcAnswer  *files = cdc_source_try_ask(control, "SHOW BINARY LOGS", CDC_OR_MORE(2), "SHOW BINARY LOGS");
	CdcSourcePosition now;
	CdcGtidSet *set;
	const char *oldest;
	char	   *removed;
	bool		result;

	if (files == NULL || cdc_answer_rows(files) == 0)
		return false;
	if (stream->removed != NULL)
		return true;			/* it was found when the dump was opened */
	oldest = cdc_answer_text(files, 0, 0);
	cdc_source_position(control, &now);
	if (stream->executed == NULL)
		return cdc_binlog_file_compare(oldest, stream->file) > 0 &&
			cdc_binlog_file_compare(now.file, stream->file) > 0;
	removed = cdc_binlog_removed_gtids(control, oldest);
	if (removed == NULL || now.gtid_set == NULL)
		return false;
	set = cdc_position_parse_gtids(flavor, now.gtid_set, stream->sub->name);
	result = cdc_gtid_set_contains(set, stream->executed);
	cdc_gtid_set_destroy(set);
	if (!result)
		return false;
	set = cdc_position_parse_gtids(flavor, removed, stream->sub->name);
	result = !cdc_gtid_set_contains(stream->executed, set);
	cdc_gtid_set_destroy(set);
	return result;
}

bool
cdc_binlog_copy_when_purged(CdcBinlogCall *call, const CdcError *err, CdcBinlogEnd *end)
{
	CdcBinlogStream *stream = call->stream;
	const CdcSubscription *sub = call->sub;

	if (sub->opt.copy_mode != CDC_COPY_WHEN_NEEDED)
		return false;
	cdc_binlog_stream_hang_up(stream);
	if (!is_purged(stream))
		return false;
	stream->kept.broken = true;
	/* what this call has brought is kept first: the next one comes here again */
	*end = CDC_BINLOG_LOST;
	if (call->out.events > 0 || call->transactions > 0 || call->changes > 0)
		return true;
	cdc_log(sub->name, "position",
			"the source has removed binlog that was not read: as copy_mode is when_needed, all tables are copied once more",
			cdc_from_utf8_lenient(err->detail));
	cdc_notify(sub->name, "copy_needed", NULL, NULL);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the source of subscription \"%s\" has removed binlog that was not read", sub->name),
			 errdetail("All tables are copied once more, as copy_mode is when_needed."),
			 errhint("Keep the binlog for longer at the source (binlog_expire_logs_seconds or expire_logs_days).")));
	restart_locked(sub, "latest", true);
	*end = CDC_BINLOG_ANEW;
	return true;
}
