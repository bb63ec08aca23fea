/*-------------------------------------------------------------------------
 *
 * surprise.c
 *	  Events that find the target another one than their source table was: an update or delete
 *	  without its row, an insert whose row is there.
 *
 * Apply goes on, as a merge does.  But it is a proof that the target is not what its source is, which
 * only a verification would find else: rows were changed by other hands, or the source lost
 * its past.  It is counted, told of once in a while, or the table is copied anew (auto_resync).
 *
 * Only where the target has to have what the events say: not while rows of a copy and of the
 * stream overlap, nor behind a position that was moved, nor for what is not from a binlog.  What
 * events a look ahead has passed over is not known for each row.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/catalog/log.h"
#include "pg/options/option_json.h"

/* The run's source table that fills the target. */
static CdcSourceRun *
source_of(CdcApply *apply, const CdcTargetRun *run)
{
	ListCell   *lc;

	foreach(lc, apply->sources)
	{
		CdcSourceRun *source = lfirst(lc);

		for (; source != NULL; source = source->next)
			if (source->target == run)
				return source;
	}
	return NULL;
}

/* Whether each row that the batch brings had to be in the target, or not, as its event says. */
static bool
is_whole(CdcApply *apply, CdcSourceRun *source, const CdcTargetRun *run)
{
	const CdcMapping *mapping = source->mapping;

	if (apply->replay != NULL || apply->only != NULL || apply->sub->kind != CDC_SERVER_MYSQL)
		return false;
	/* rows come into a filter, and leave it; what expressions give may have changed */
	if (mapping->filter != NULL || (mapping->expressions != NULL && run->target->keyless))
		return false;
	if (run->first_seq <= apply->ahead_until)
		return false;
	return run->first_seq > cdc_run_copy_span(apply, source)->whole_after;
}

/* The table's own options, over those of the subscription. */
static void
read_options(const CdcSubscription *sub, const char *name, CdcTableOptions *options)
{
	const CdcSubscriptionTable *table = cdc_apply_table(sub, name);

	cdc_table_options_parse(table != NULL ? table->options : NULL, &sub->opt.table, options);
}

/* Whether rows that the source has not any more may stay in the target, as somebody has decided. */
static bool
may_have_more(CdcApply *apply, CdcSourceRun *source)
{
	CdcTableOptions options;

	if (source->mapping->keeps_rows || cdc_run_copy_span(apply, source)->keeps)
		return true;
	read_options(apply->sub, source->mapping->name, &options);
	return options.ddl == CDC_DDL_IGNORE;
}

void
cdc_run_surprised(CdcWork *work, CdcTargetRun *run)
{
	CdcApply   *apply = (CdcApply *) ((char *) work - offsetof(CdcApply, work));
	CdcSourceRun *source = source_of(apply, run);
	CdcSurprise *sum;

	if (source == NULL || !is_whole(apply, source, run))
		return;
	sum = &source->surprise;
	if (run->surprise.surplus > 0 && may_have_more(apply, source))
		run->surprise.surplus = 0;
	if (run->surprise.missing == 0 && run->surprise.surplus == 0)
		return;
	if (sum->missing == 0 && sum->surplus == 0)
	{
		sum->place = run->surprise.place;
		sum->key = run->surprise.key != NULL ? MemoryContextStrdup(work->cxt, run->surprise.key) : NULL;
	}
	sum->missing += run->surprise.missing;
	sum->surplus += run->surprise.surplus;
}

/* "seq 12, binlog.000001:567, (id)=(3)" */
static char *
place_text(const CdcSurprise *surprise)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "seq " INT64_FORMAT, surprise->place.seq);
	if (surprise->place.file != NULL && surprise->place.offset >= 0)
		appendStringInfo(&text, ", %s" INT64_FORMAT, surprise->place.file, surprise->place.offset);
	if (surprise->key != NULL)
		appendStringInfo(&text, ", %s", surprise->key);
	return text.data;
}

void
cdc_surprise_tell(const CdcApply *apply, const CdcSourceRun *source)
{
	const CdcSubscription *sub = apply->sub;
	const char *name = source->mapping->name;
	const CdcSurprise *surprise = &source->surprise;
	const char *what = surprise->missing > 0 ? "an update or delete found no row in" :
		"an insert found its row in";
	const char *target = source->mapping->target->name;
	CdcTableOptions options;
	char	   *message;
	char	   *detail;
	char	   *hint;

	read_options(sub, name, &options);
	if (options.auto_resync && !source->span.keeps)
	{
		(void) cdc_follow_fail(sub, name, surprise->place.seq,
							   psprintf("%s target %s, which other hands have changed, or its source has lost what it had", what, target),
							   NULL);
		return;
	}
	message = psprintf("%s target %s of source table %s", what, target, name);
	detail = psprintf("Other hands have changed it, or the source has lost what it had: the first was %s.",
					  place_text(surprise));
	hint = psprintf("SELECT * FROM cdc.verify(%s, %s, repair := true);", quote_literal_cstr(sub->name),
					quote_literal_cstr(name));
	if (cdc_log_event(sub->name, "difference", message, psprintf("%s %s", detail, hint)))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("%s, subscription \"%s\"", message, sub->name),
				 errdetail("%s", detail),
				 errhint("%s", hint)));
}
