/*-------------------------------------------------------------------------
 *
 * set_position.c
 *	  cdc.set_position() of MySQL and MariaDB: where the next pull reads.
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
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"

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
	if (cdc_copy_is_pending(sub))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tables of subscription \"%s\" are being copied", sub->name),
				 errdetail("The copies fit the place where the stream is now."),
				 errhint("Wait until cdc.stat_table shows none in state i, d or f.")));
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

void
cdc_binlog_set_position(const CdcSubscription *sub, const char *where)
{
	CdcBinlogPlace place = {"position", where};
	CdcSource  *control;
	CdcPosition pos;
	char	   *before;
	int64		skip_offset;

	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_position_get(sub, &pos);
	check_at_rest(sub);
	before = position_text(&pos);
	control = cdc_source_open(sub->server, sub->owner_oid, false);
	check_metadata(sub, control);
	skip_offset = cdc_binlog_place(sub, control, &place, &pos);
	cdc_source_close(control);
	if (skip_offset > 0 && pos.gtid_set != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("position \"%s\" of subscription \"%s\" is inside of a binlog file", where,
						sub->name),
				 errdetail("The source has GTIDs, by which the position is kept."),
				 errhint("Give the GTID set behind which to read, or the start of the file: '%s'.",
						 pos.file)));
	if (skip_offset > 0)
		pos.file_offset = skip_offset;
	cdc_position_set(sub, &pos);
	cdc_log(sub->name, "position", psprintf("position set to %s", position_text(&pos)),
			psprintf("It was %s.", before));
	cdc_subscription_changed();
}
