/*-------------------------------------------------------------------------
 *
 * purged.c
 *	  What comes next was removed from the source's binlog: where the subscription asks for
 *	  it (copy_mode "when_needed"), all tables are copied once more in place of an error.
 *
 * A dump is refused for many reasons, and some of them prove that the source has lost what
 * was read: these stay errors, for somebody to look at.  Here it takes a proof of the
 * contrary, from what the source says of its binlog: it has all that was read, and has
 * removed something behind it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "pg/base/utf8.h"
#include "pg/catalog/log.h"

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
	cdc_binlog_restart_locked(sub, "latest", true);
	*end = CDC_BINLOG_ANEW;
	return true;
}
