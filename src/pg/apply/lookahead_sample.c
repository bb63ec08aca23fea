/*-------------------------------------------------------------------------
 *
 * lookahead_sample.c
 *	  Whether it pays to look ahead: a sample of the events to come.
 *
 * Nothing depends on the sample but speed.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "pg/target/key.h"

/*
 * The sample has so many events at so many places of the range that would be looked
 * at; fewer places where few rows are at stake.
 */
#define SAMPLE_PLACES	16
#define SAMPLE_EVENTS	16

/* A look ahead pays when one of so many events replaces what another did. */
#define WORTH_ONE_OF	3

void
cdc_lookahead_peek(CdcApply *apply, int64 after, int64 limit, CdcHistoryVisitor visit, void *arg)
{
	CdcHistoryScan scan;

	memset(&scan, 0, sizeof(scan));
	scan.sub = apply->sub;
	scan.after = after;
	scan.upto = apply->scan_upto;
	scan.source_table = apply->scan_table;
	scan.limit = limit;
	scan.same_snapshot = true;
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.visit = visit;
	scan.arg = arg;
	cdc_history_scan(&scan);
}

/* What was seen at one place. */
typedef struct Sample
{
	CdcApply   *apply;
	int			events;
	int			changes;		/* of these, how many change rows that exist */
	int			replacing;		/* of these, how many change a row that is in memory */
} Sample;

/* Whether memory has an entry for the key of the event's first row. */
static bool
replaces_entry(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;
	const JsonbContainer *data;
	const JsonbContainer *old;
	bool		result;

	if (cdc_event_rows(apply, source, event) == 0)
		return false;
	cdc_event_images(apply, source, event, 0, &data, &old);
	apply->work.at.data = data;
	result = cdc_source_row_find_key(row, data) &&
		cdc_reduce_find_entry(run, cdc_key_hash(run->target, row->values, row->nulls),
							row->values, row->nulls) != NULL;
	apply->work.at.data = NULL;
	return result;
}

/* CdcHistoryVisitor: adds an event to the sample. */
static bool
sample_event(const CdcHistoryEvent *event, void *arg)
{
	Sample	   *sample = arg;
	CdcApply   *apply = sample->apply;
	CdcSourceRun *source;

	sample->events++;
	if (event->op == CDC_OP_UPDATE || event->op == CDC_OP_DELETE)
		sample->changes++;
	if (event->event == NULL || !cdc_event_has_rows(event))
		return true;

	/* a target that the run has not met yet is not loaded: that is up to its first event */
	cdc_event_begin(apply, event);
	source = cdc_run_known_source(apply, event);
	if (source == NULL || !cdc_lookahead_covers(source->target) || source->target->nentries == 0)
		return true;
	apply->work.at.source = source;
	if (replaces_entry(apply, source, event))
	{
		sample->replacing++;
		if (event->op == CDC_OP_INSERT || event->op == CDC_OP_SNAPSHOT)
			sample->changes++;
	}
	apply->work.at.source = NULL;
	return true;
}

/*
 * Of the rows that are changed at some distance, memory has a part.  The events in
 * between bring more such rows: if they are of the same sort, as many times more as
 * there are more of them.
 */
bool
cdc_lookahead_pays(CdcApply *apply, int64 rows, int64 events)
{
	int64		after = apply->work.at.place.seq;
	int			places = (int) Min(1 + rows / 8, SAMPLE_PLACES);
	double		replaced = 0;
	int			seen = 0;
	int			i;

	for (i = 0; i < places; i++)
	{
		int64		distance = events / places * i + events / places / 2;
		Sample		sample = {apply, 0, 0, 0};

		cdc_lookahead_peek(apply, after + distance, SAMPLE_EVENTS, sample_event, &sample);
		replaced += Min(sample.replacing * (1.0 + (double) distance / rows), sample.changes);
		seen += sample.events;
	}
	return replaced > 0 && replaced * WORTH_ONE_OF >= seen;
}
