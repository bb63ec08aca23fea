/*-------------------------------------------------------------------------
 *
 * copy_mark.c
 *	  What the events that frame the rows of a copy do to its target, where these rows
 *	  replace what the target has.
 *
 * A table without a key is emptied where the copy begins: all of its rows come in the
 * same source transaction of the history.  Of a table with a key, rows are written over
 * those that there are, and where the copy ends the rest goes.  What has come in between
 * with the stream is as good as copied.  A replay that begins in the middle of a copy
 * does not have all of its rows, and takes none away.
 *
 * A copy of some rows only may say which rows are gone besides; it replaces nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "pg/base/compat_value.h"
#include "pg/catalog/log.h"
#include "pg/datum/jsonb_view.h"
#include "pg/history/hole.h"

/* Whether the member of an object is this text. */
static bool
says(const JsonbContainer *object, const char *name, const char *text)
{
	CdcJsonValue v;

	return cdc_json_find(object, name, strlen(name), &v) && v.type == JENTRY_ISSTRING &&
		v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

/* The marker's own object, where its copy takes rows away; else NULL. */
static const JsonbContainer *
replacing_mark(const CdcHistoryEvent *event)
{
	CdcJsonValue v;
	const JsonbContainer *data;

	if (event->event == NULL || !cdc_json_is_object(event->event) ||
		!cdc_json_find(event->event, "data", 4, &v) || v.type != JENTRY_ISCONTAINER)
		return NULL;
	data = cdc_json_container(&v);
	if (!cdc_json_is_object(data))
		return NULL;
	if ((cdc_json_find(data, "replaces", 8, &v) && v.type == JENTRY_ISBOOL_TRUE) ||
		cdc_json_find(data, "gone", 4, &v))
		return data;
	return NULL;
}

/* The keys of rows that are gone, as text; NULL: all that the copy has not brought. */
static char *
gone_rows(const JsonbContainer *data)
{
	CdcJsonValue v;

	return cdc_json_find(data, "gone", 4, &v) && v.type == JENTRY_ISSTRING ?
		cdc_json_to_cstring(&v) : NULL;
}

/*
 * Deletes what is gone.  Rows of which it was found out before the copy began may have come
 * again since, which only the events from there on tell: without these they stay.
 */
static int64
sweep(CdcApply *apply, CdcSourceRun *source, const JsonbContainer *data, int64 begin, int64 end)
{
	char	   *gone = gone_rows(data);

	if (gone != NULL && !cdc_history_has_event(apply->sub, begin))
	{
		cdc_log(apply->sub->name, "copy",
				psprintf("rows of target %s that source table %s has not any more stay until it is verified again",
						 source->target->target->name, source->mapping->source_table),
				"The history has not all events since that was found.");
		return 0;
	}
	return cdc_sweep(apply, source, begin, end, gone);
}

/* The seq of the event that began the copy. */
static int64
begin_seq(const JsonbContainer *data)
{
	CdcJsonValue v;

	if (!cdc_json_find(data, "begin_seq", 9, &v) || v.type != JENTRY_ISNUMERIC)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the end of a copy in the history does not say where it began")));
	return DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(cdc_json_to_cstring(&v))));
}

void
cdc_copy_mark(CdcApply *apply, const CdcHistoryEvent *event)
{
	const JsonbContainer *data = replacing_mark(event);
	CdcSourceRun *source;
	CdcTargetRun *run;
	CdcWriterUser user;
	int64		begin;
	int64		gone;
	bool		begins;

	if (data == NULL)
		return;
	begins = says(event->event, "type", "bootstrap-start");
	if (!begins && !says(event->event, "type", "bootstrap-complete"))
		return;
	source = cdc_run_framed_source(apply, event);
	if (source == NULL)
		return;
	run = source->target;
	if (run->target->keyless != begins)
		return;
	apply->work.at.source = run->source = source;
	if (begins)
	{
		cdc_writer_begin(run, &user);
		run->mode->truncate(apply, run);
		cdc_writer_end(&user);
	}
	else if ((begin = begin_seq(data)) > apply->scan_after || apply->replay == NULL)
	{
		gone = sweep(apply, source, data, begin, event->seq);
		if (gone > 0)
			cdc_log(apply->sub->name, "copy",
					psprintf("target %s had " INT64_FORMAT " rows that source table %s has not any more",
							 run->target->name, gone, source->mapping->source_table), NULL);
	}
	apply->work.at.source = NULL;
}
