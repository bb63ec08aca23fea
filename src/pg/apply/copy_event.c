/*-------------------------------------------------------------------------
 *
 * copy_event.c
 *	  What an event of op 'm' says that frames the rows of a copy, or stands for some; and
 *	  whether a table is being copied as of an event: some of its rows are of later than the
 *	  stream then, and others are still to come.  And which events are for which of the
 *	  targets of a source table that is copied for some of them.
 *
 * Rows of a target without a key, which is copied in one pass, would come twice: what the stream
 * has of before it has passed the copy is in that.  Pull leaves such events out of the history,
 * unless another target of the source table needs them, or they are the end of the copy: what
 * came behind its snapshot while it was read.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "pg/base/compat_value.h"
#include "pg/datum/jsonb_view.h"
#include "pg/history/copied_rows.h"
#include "pg/progress/copy_progress.h"

/* Whether the member of an object is this text. */
static bool
says(const JsonbContainer *object, const char *name, const char *text)
{
	CdcJsonValue v;

	return cdc_json_find(object, name, strlen(name), &v) && v.type == JENTRY_ISSTRING &&
		v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

/* A number that it has to have. */
static int64
number(const JsonbContainer *data, const char *name)
{
	CdcJsonValue v;

	if (!cdc_json_find(data, name, strlen(name), &v) || v.type != JENTRY_ISNUMERIC)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("an event of a copy in the history lacks \"%s\"", name)));
	return DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(cdc_json_to_cstring(&v))));
}

static CdcCopyEventKind
kind_of(const JsonbContainer *event)
{
	if (says(event, "type", "bootstrap-start"))
		return CDC_COPY_BEGINS;
	if (says(event, "type", "bootstrap-complete"))
		return CDC_COPY_ENDS;
	return says(event, "type", CDC_COPIED_ROWS) ? CDC_COPY_ROWS : CDC_COPY_NOTHING;
}

void
cdc_copy_event_read(const CdcHistoryEvent *event, CdcCopyEvent *copy)
{
	CdcJsonValue v;
	const JsonbContainer *data;

	memset(copy, 0, sizeof(*copy));
	if (event->op != CDC_OP_CONTROL || event->source_table == NULL || event->event == NULL ||
		!cdc_json_is_object(event->event) ||
		!cdc_json_find(event->event, "data", 4, &v) || v.type != JENTRY_ISCONTAINER)
		return;
	data = cdc_json_container(&v);
	if (!cdc_json_is_object(data))
		return;
	copy->kind = kind_of(event->event);
	copy->replaces = cdc_json_find(data, "replaces", 8, &v) && v.type == JENTRY_ISBOOL_TRUE;
	if (copy->kind == CDC_COPY_ENDS && cdc_json_find(data, "gone", 4, &v) && v.type == JENTRY_ISSTRING)
		copy->gone = cdc_json_to_cstring(&v);
	if (copy->kind == CDC_COPY_ENDS && (copy->replaces || copy->gone != NULL))
		copy->begin_seq = number(data, "begin_seq");
	if (copy->kind == CDC_COPY_ROWS)
		copy->rows = number(data, "rows");
}

const CdcCopySpan *
cdc_run_copy_span(CdcApply *apply, CdcSourceRun *source)
{
	if (!source->asked)
		cdc_copy_span(apply->sub, source->mapping->name, &source->span);
	source->asked = true;
	return &source->span;
}

bool
cdc_run_is_ahead(CdcApply *apply, CdcSourceRun *source, int64 seq)
{
	return seq <= cdc_run_copy_span(apply, source)->ahead_until;
}

bool
cdc_run_takes_copy(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	/* a replay takes all, and copies that topics bring are of all targets */
	return apply->replay != NULL || apply->sub->kind != CDC_SERVER_MYSQL ||
		cdc_copy_span_has(cdc_run_copy_span(apply, source), event->seq);
}

bool
cdc_run_takes_at_end(CdcApply *apply, CdcSourceRun *source, int64 seq)
{
	const CdcCopySpan *span;

	if (!source->mapping->copied || !source->target->target->keyless || apply->replay != NULL ||
		apply->sub->kind != CDC_SERVER_MYSQL)
		return false;
	span = cdc_run_copy_span(apply, source);
	return span->at_end && span->known && seq >= span->begin_seq && seq <= span->sync_seq;
}

bool
cdc_run_takes(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	if (cdc_run_takes_at_end(apply, source, event->seq))
		return false;
	if (event->op == CDC_OP_SNAPSHOT)
		return cdc_run_takes_copy(apply, source, event);
	return !source->mapping->copied || !source->target->target->keyless || apply->replay != NULL ||
		apply->sub->kind != CDC_SERVER_MYSQL || !cdc_run_is_ahead(apply, source, event->seq) ||
		event->seq >= cdc_run_copy_span(apply, source)->events_seq;
}

char *
cdc_replay_of_copy_hint(const CdcSubscription *sub, const char *source_table)
{
	const char *name = quote_literal_cstr(sub->name);
	const char *table = quote_literal_cstr(source_table);

	return psprintf("SELECT cdc.alter_table(%s, %s, '{\"copy_history\": true}'); SELECT cdc.resync_table(%s, %s); and replay from the beginning of that copy on.",
					name, table, name, table);
}
