/*-------------------------------------------------------------------------
 *
 * set_position.c
 *	  cdc.set_position() and cdc.restart_subscription() of MySQL and MariaDB: where the
 *	  next pull reads.
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

#include "pg/catalog/changes.h"
#include "pg/progress/copy_progress.h"
#include "pg/catalog/access.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/tables.h"
#include "pg/pull_binlog/xa_store.h"

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
}

void
cdc_binlog_set_position(const CdcSubscription *sub, const char *where)
{
	CdcSource  *control;
	CdcPosition pos;
	char	   *before;

	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_position_get(sub, &pos);
	check_at_rest(sub);
	before = position_text(&pos);
	control = cdc_source_open(sub->server, sub->owner_oid, false);
	check_metadata(sub, control);
	resolve(sub, control, where, &pos);
	cdc_source_close(control);
	cdc_position_set(sub, &pos);
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

		if (t->state == 'd' || t->state == 'f' || (all && (t->state != 'e' || t->target != NULL)))
			cdc_copy_request(sub, t->source_table, &request);
	}
}

/*
 * What waits for something at the old place would wait for ever: copies for the stream,
 * prepared transactions for their end.  (Those that are prepared at the source are
 * found again where it is read from its present position on.)
 */
void
cdc_binlog_restart_locked(const CdcSubscription *sub, const char *where, bool resync)
{
	bool		latest = strcmp(where, "latest") == 0;
	CdcSource  *control;
	CdcPosition pos;
	CdcScope	scope;
	char	   *before;

	cdc_position_get(sub, &pos);
	before = position_text(&pos);
	control = cdc_source_open(sub->server, sub->owner_oid, false);
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
	cdc_log(sub->name, "position",
			psprintf("restarted at %s%s", where, resync ? ", all tables are copied anew" : ""),
			psprintf("It was at %s.", before));
	cdc_subscription_changed();
}

void
cdc_binlog_restart(const CdcSubscription *sub, const char *where, bool resync)
{
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_binlog_restart_locked(sub, where, resync);
}
