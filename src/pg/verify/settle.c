/*-------------------------------------------------------------------------
 *
 * settle.c
 *	  A place in time at which source and target can be compared, and what history
 *	  says of the time between two such places.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "core/binlog_position.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/apply/apply.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/base/hash.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/position.h"
#include "pg/catalog/spi.h"
#include "pg/copy/snapshot.h"
#include "pg/datum/jsonb_view.h"
#include "pg/history/scan.h"
#include "pg/process/background.h"
#include "pg/process/shmem.h"
#include "pg/progress/copy_only.h"
#include "pg/remote/answer.h"

/* How long one wait lasts at most, and how long nothing may move. */
#define WAIT_SLICE_MS	100
#define PATIENCE_MS		60000
#define IDLE_PATIENCE_MS	2000

/* How long a transaction that is in the binlog may take to be committed in the engine. */
#define COMMIT_MS			10000
#define COMMIT_SLICE_MS		5

/* How long it is good for that this was proved. */
#define SHOWN_MS			5000

/* ---- places ---- */

static void
read_position(const CdcVerify *v, CdcPosition *position, CdcProgress *progress)
{
	PushActiveSnapshot(GetLatestSnapshot());
	if (progress != NULL)
		cdc_progress_get(v->sub, progress);
	cdc_position_get(v->sub, position);
	PopActiveSnapshot();
}

/* Whether gtid_executed is there, and has what is committed in the engine. */
static bool
tells_commits(const CdcMysqlServerInfo *info, const char *gtid_set)
{
	return gtid_set != NULL && info->flavor == CDC_MYSQL && info->version >= 50700;
}

static bool
shows_gtids(const CdcVerify *v, const char *gtid_set)
{
	CdcAnswer  *answer = cdc_source_ask(v->control, "transactions that are committed", 1,
										"SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)",
										cdc_source_quote_literal(gtid_set));

	return cdc_answer_int(answer, 0, 0, 0, 1) == 1;
}

static CdcSource *
control_session(void *arg)
{
	return ((const CdcVerify *) arg)->control;
}

/* The same by what a copy's snapshot shows at least, where the binlog's place is not told by GTIDs. */
static bool
shows_place(CdcVerify *v, const CdcPosition *position)
{
	CdcControl	control = {control_session, v};
	CdcSnapshot snap;
	bool		opened = cdc_snapshot_open(v->control, &control, CDC_SNAPSHOT_CHUNK, COMMIT_MS, &snap);

	cdc_snapshot_discard(v->control);
	return opened && cdc_binlog_position_compare(snap.from.file, snap.from.offset, position->file,
												 position->file_offset) >= 0;
}

/*
 * The binlog has a transaction before the engine has committed it, and so may the history: what is
 * read of the source has all of the events only that it had committed before.  Where that takes
 * a proof (MySQL without GTIDs) one holds for a while: events since then are looked at once more.
 */
int64
cdc_verify_seq_now(CdcVerify *v)
{
	const CdcMysqlServerInfo *info = cdc_source_info(v->control);
	TimestampTz begun = GetCurrentTimestamp();
	CdcPosition position;
	bool		shown;

	if (v->shown_at != 0 && !TimestampDifferenceExceeds(v->shown_at, begun, SHOWN_MS))
		return v->shown_seq;
	read_position(v, &position, NULL);
	for (;;)
	{
		shown = position.file == NULL || (tells_commits(info, position.gtid_set) ?
										  shows_gtids(v, position.gtid_set) : shows_place(v, &position));
		if (shown || TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), COMMIT_MS))
			break;
		cdc_background_sleep(COMMIT_SLICE_MS);
	}
	if (!shown && v->shown_at != 0)
		return v->shown_seq;
	v->shown_seq = position.last_seq;
	if (shown && info->flavor == CDC_MYSQL && !tells_commits(info, position.gtid_set))
		v->shown_at = GetCurrentTimestamp();
	return v->shown_seq;
}

char *
cdc_verify_position_now(const CdcVerify *v)
{
	CdcSourcePosition pos;

	/* by file: a transaction is in the binlog before its changes are visible, and only
	 * later in what the server says of GTIDs */
	cdc_source_position(v->control, &pos);
	return psprintf("%s:" INT64_FORMAT, pos.file, pos.offset);
}

/* ERROR where the subscription only copies, and is in state "copied": its targets come nowhere any more. */
static void
check_copied(const CdcVerify *v, const char *position)
{
	CdcProgress progress;

	if (v->sub->opt.copy_mode != CDC_COPY_ONLY)
		return;
	cdc_progress_get(v->sub, &progress);
	if (cdc_copy_only_is_over(v->sub, progress.applied_seq))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot verify subscription \"%s\": its state is \"copied\", and its targets do not come to the source's position %s",
						v->sub->name, position),
				 errdetail("Its copy_mode is only: its tables are copied, and are as of %s.",
						   progress.position != NULL ? progress.position : "their copies"),
				 errhint("%s", cdc_copy_only_hint(v->sub))));
}

/* ERROR where pull or apply fail, or have done all: who waits for them is told at once, as by cdc.wait_for. */
static void
check_failing(const CdcVerify *v, const char *position, TimestampTz begun, bool *retried)
{
	PushActiveSnapshot(GetLatestSnapshot());
	PG_TRY();
	{
		cdc_failure_raise_gap(v->sub->name);
		check_copied(v, position);
		if (v->sub->enabled)
			(void) cdc_failure_is_open(v->sub->name, begun, false, retried);
	}
	PG_CATCH();
	{
		cdc_progress_wait_end();
		PG_RE_THROW();
	}
	PG_END_TRY();
	PopActiveSnapshot();
}

/* ERROR: the targets do not come to the position. */
static void
give_up(const CdcVerify *v, const char *position)
{
	const char *name = quote_literal_cstr(v->sub->name);

	cdc_progress_wait_end();
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot verify subscription \"%s\": its targets do not come to the source's position %s",
					v->sub->name, position),
			 v->sub->enabled ?
			 errhint("cdc.stat_subscription says what its workers do.") :
			 errhint("SELECT cdc.enable_subscription(%s), or in another session cdc.pull(%s) and cdc.apply(%s).",
					 name, name, name)));
}

void
cdc_verify_wait(const CdcVerify *v, const char *position)
{
	void	   *goal = v->methods->goal(v->sub, position);
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify wait",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int			patience = v->sub->enabled ? PATIENCE_MS : IDLE_PATIENCE_MS;
	TimestampTz begun = GetCurrentTimestamp();
	TimestampTz moved_at = begun;
	bool		retried = false;
	int64		wanted = -1;	/* seq that the targets have to come to */
	int64		sum = -1;

	for (;;)
	{
		CdcPosition pos;
		CdcProgress progress;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(cxt);
		read_position(v, &pos, &progress);
		if (wanted < 0 && v->methods->goal_pulled(goal, v->sub, &pos))
			wanted = pos.last_seq;
		if (wanted >= 0 && progress.applied_seq >= wanted)
			break;
		check_failing(v, position, begun, &retried);
		if (sum != pos.file_offset + pos.last_seq + progress.applied_seq)
			moved_at = GetCurrentTimestamp();
		sum = pos.file_offset + pos.last_seq + progress.applied_seq;
		if (TimestampDifferenceExceeds(moved_at, GetCurrentTimestamp(), patience))
			give_up(v, position);
		cdc_progress_wait(WAIT_SLICE_MS);
	}
	cdc_progress_wait_end();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	if (v->methods->goal_free != NULL)
		v->methods->goal_free(goal);
}

/* What the active snapshot says of the table: where apply is, and the table's state. */
static void
read_place(CdcVerifyTable *t)
{
	static CdcStatement stmt = {
		"SELECT p.applied_seq, t.state OPERATOR(pg_catalog.=) 'r' OR (t.state OPERATOR(pg_catalog.=) 'e'"
		" AND NOT t.held AND (t.kept_events OPERATOR(pg_catalog.>) 0 OR t.differs IS NOT NULL)),"
		" t.state OPERATOR(pg_catalog.=) 'e' FROM cdc_catalog.subscription_progress p"
		" JOIN cdc_catalog.subscription_table t ON t.subscription OPERATOR(pg_catalog.=) p.subscription"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1"
		" AND t.name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	bool		isnull;

	values[0] = CStringGetTextDatum(t->verify->sub->name);
	values[1] = CStringGetTextDatum(t->registered->name);
	cdc_spi_begin(&spi);
	t->ready = cdc_spi_look(&stmt, values) > 0;
	if (t->ready)
	{
		t->applied_seq = cdc_spi_int64(0, 1);
		t->ready = DatumGetBool(cdc_spi_datum(0, 2, BOOLOID, &isnull));
		t->lacks = DatumGetBool(cdc_spi_datum(0, 3, BOOLOID, &isnull));
	}
	cdc_spi_end(&spi);
}

/* CdcHistoryVisitor */
static bool
visit_ddl(const CdcHistoryEvent *event, void *arg)
{
	CdcVerifyTable *t = arg;

	CHECK_FOR_INTERRUPTS();
	t->reshaped = t->reshaped || event->op == CDC_OP_SCHEMA;
	return !t->reshaped;
}

/* Whether the target has come past DDL of the table since what is known of both was read. */
static void
look_for_ddl(CdcVerifyTable *t)
{
	CdcHistoryScan scan;

	if (t->applied_seq <= t->shaped_seq)
		return;
	memset(&scan, 0, sizeof(scan));
	scan.sub = t->verify->sub;
	scan.after = t->shaped_seq;
	scan.upto = t->applied_seq;
	scan.source_table = t->source_table;
	scan.visit = visit_ddl;
	scan.arg = t;
	cdc_history_scan(&scan);
	t->shaped_seq = t->applied_seq;
}

/* What is to be read of the target. */
typedef struct Look
{
	CdcVerifyTable *t;
	CdcVerifyReading read;		/* or NULL */
	void	   *arg;
} Look;

/* CdcAttempt: the target is locked before the snapshot is taken, so that it has the shape of then. */
static bool
look(void *arg)
{
	Look	   *look = arg;
	CdcVerifyTable *t = look->t;

	if (t->mapping != NULL && t->mapping->target != NULL)
		LockRelationOid(t->mapping->target->relid, AccessShareLock);
	PushActiveSnapshot(GetLatestSnapshot());
	read_place(t);
	if (t->ready)
		look_for_ddl(t);
	if (look->read != NULL && t->ready && !t->reshaped)
		look->read(t, look->arg);
	PopActiveSnapshot();
	return false;
}

/*
 * The locks of what was read end here.  Else the target could not be altered as long as the
 * verification goes on, which waits for that itself.
 */
void
cdc_verify_look(CdcVerifyTable *t, CdcVerifyReading read, void *arg)
{
	Look		what = {t, read, arg};
	ErrorData  *error = cdc_attempt(look, &what);

	if (error != NULL)
		ReThrowError(error);
}

/* ---- events in between ---- */

typedef struct Candidate
{
	CdcHash128	hash;			/* hash key */
	CdcVerifyRow *row;
} Candidate;

typedef struct Overlay
{
	CdcVerifyTable *t;
	HTAB	   *candidates;
} Overlay;

static CdcVerifyRow *
candidate(const Overlay *overlay, CdcHash128 hash)
{
	Candidate  *found = hash_search(overlay->candidates, &hash, HASH_FIND, NULL);

	return found != NULL ? found->row : NULL;
}

/* The row as the event at hand leaves it. */
static void
lay_row(Overlay *overlay, CdcVerifyRow *row, bool whole)
{
	CdcVerifyTable *t = overlay->t;
	CdcTarget  *target = t->mapping->target;
	CdcSourceRow *event = &t->event;
	MemoryContext old = MemoryContextSwitchTo(t->block);
	int			natts = target->desc->natts;
	Datum	   *values;
	bool	   *nulls;
	int			i;

	row->differs = false;
	if (whole || event->presence->complete)
	{
		row->expected = heap_form_tuple(target->desc, event->values, event->nulls);
		row->presence = event->presence;
		row->unsure = false;
	}
	else if (row->expected == NULL)
		row->unsure = true;		/* columns of a row that was not seen */
	else
	{
		values = palloc(sizeof(Datum) * natts);
		nulls = palloc(sizeof(bool) * natts);
		heap_deform_tuple(row->expected, target->desc, values, nulls);
		for (i = 0; i < natts; i++)
		{
			if (!event->presence->attrs[i])
				continue;
			values[i] = event->values[i];
			nulls[i] = event->nulls[i];
		}
		row->expected = heap_form_tuple(target->desc, values, nulls);
		row->presence = cdc_presence_union(&target->presences, row->presence, event->presence);
	}
	MemoryContextSwitchTo(old);
}

static void
lay_absence(CdcVerifyRow *row)
{
	row->differs = false;
	row->unsure = false;
	row->expected = NULL;
}

/* The event does not tell what the row is, as the mapping computes it: it is to be read again. */
static void
lay_doubt(CdcVerifyRow *row)
{
	row->differs = false;
	row->unsure = true;
}

/* An event of rows; images is its document. */
static void
lay_event(Overlay *overlay, const CdcHistoryEvent *event, const JsonbContainer *images)
{
	CdcVerifyTable *t = overlay->t;
	const CdcTarget *target = t->mapping->target;
	CdcVerifyRow *row;
	CdcJsonValue data;
	CdcJsonValue old;

	if (images == NULL || !cdc_json_find(images, "data", 4, &data) || data.type != JENTRY_ISCONTAINER)
		return;
	cdc_source_row_begin(&t->event, cdc_json_container(&data), event->seq);
	cdc_source_row_finish(&t->event);
	if (event->op == CDC_OP_UPDATE && cdc_json_find(images, "old", 3, &old) &&
		old.type == JENTRY_ISCONTAINER)
	{
		Datum	   *values = palloc0(sizeof(Datum) * target->desc->natts);
		bool	   *nulls = palloc0(sizeof(bool) * target->desc->natts);

		if (cdc_source_row_former_key(&t->event, cdc_json_container(&old), values, nulls))
		{
			row = candidate(overlay, cdc_verify_hash_key(target, values, nulls));
			if (row != NULL)
				lay_absence(row);
		}
	}
	row = candidate(overlay, cdc_verify_hash_key(target, t->event.values, t->event.nulls));
	if (row == NULL)
		return;
	if (event->op == CDC_OP_DELETE || t->event.passes == CDC_PASSES_NO)
		lay_absence(row);
	else if (t->event.layout->reads || t->event.passes != CDC_PASSES_YES)
		lay_doubt(row);
	else
		lay_row(overlay, row, event->op != CDC_OP_UPDATE);
}

/* CdcHistoryVisitor */
static bool
visit_event(const CdcHistoryEvent *event, void *arg)
{
	Overlay    *overlay = arg;
	CdcVerifyTable *t = overlay->t;
	HASH_SEQ_STATUS scan;
	Candidate  *c;

	CHECK_FOR_INTERRUPTS();
	switch (event->op)
	{
		case CDC_OP_INSERT:
		case CDC_OP_UPDATE:
		case CDC_OP_DELETE:
		case CDC_OP_SNAPSHOT:
			lay_event(overlay, event, event->raw == NULL ? event->event :
					  cdc_event_without_nul(pnstrdup(event->raw, event->raw_len)));
			break;
		case CDC_OP_TRUNCATE:
			hash_seq_init(&scan, overlay->candidates);
			while ((c = hash_seq_search(&scan)) != NULL)
				lay_absence(c->row);
			break;
		case CDC_OP_SCHEMA:
			t->reshaped = true;
			break;
		default:
			break;
	}
	return !t->reshaped;
}

void
cdc_verify_lay_over(CdcVerifyTable *t, CdcVerifyRow *rows, int n, int64 after)
{
	Overlay		overlay = {t, NULL};
	CdcHistoryScan scan;
	int			i;

	overlay.candidates = cdc_hash_of_bytes("cdc.verify candidates", 256, sizeof(CdcHash128),
										   sizeof(Candidate), t->block);
	for (i = 0; i < n; i++)
		if (rows[i].differs)
			((Candidate *) hash_search(overlay.candidates, &rows[i].hash, HASH_ENTER, NULL))->row = &rows[i];
	memset(&scan, 0, sizeof(scan));
	scan.sub = t->verify->sub;
	scan.after = after;
	scan.upto = t->applied_seq;
	scan.source_table = t->source_table;
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.visit = visit_event;
	scan.arg = &overlay;
	if (t->applied_seq > after)
		cdc_history_scan(&scan);
	hash_destroy(overlay.candidates);
}

/* ---- whether there were any ---- */

typedef struct Touch
{
	CdcVerifyTable *t;
	const CdcVerifySpan *span;
	int64		after;			/* events of rows up to this one do not count */
	bool		touched;
	Datum	   *values;			/* of a key */
	bool	   *nulls;
} Touch;

/* Whether the event concerns a row of the span; one that does not tell which may. */
static bool
is_in_span(const Touch *touch, const CdcHistoryEvent *event)
{
	CdcVerifyTable *t = touch->t;
	const JsonbContainer *images = event->raw == NULL ? event->event :
		cdc_event_without_nul(pnstrdup(event->raw, event->raw_len));
	CdcJsonValue data;
	CdcJsonValue old;

	if (images == NULL || !cdc_json_find(images, "data", 4, &data) || data.type != JENTRY_ISCONTAINER ||
		!cdc_source_row_find_key(&t->event, cdc_json_container(&data)) ||
		cdc_verify_in_span(t, touch->span, t->event.values, t->event.nulls))
		return true;
	if (event->op != CDC_OP_UPDATE || !cdc_json_find(images, "old", 3, &old) ||
		old.type != JENTRY_ISCONTAINER ||
		!cdc_source_row_former_key(&t->event, cdc_json_container(&old), touch->values, touch->nulls))
		return false;
	return cdc_verify_in_span(t, touch->span, touch->values, touch->nulls);
}

/* CdcHistoryVisitor */
static bool
visit_touch(const CdcHistoryEvent *event, void *arg)
{
	Touch	   *touch = arg;

	CHECK_FOR_INTERRUPTS();
	if (event->op == CDC_OP_SCHEMA)
		touch->t->reshaped = true;
	else if (event->seq <= touch->after)
		return true;
	else if (event->op == CDC_OP_TRUNCATE)
		touch->touched = true;
	else if (event->op == CDC_OP_INSERT || event->op == CDC_OP_UPDATE || event->op == CDC_OP_DELETE ||
			 event->op == CDC_OP_SNAPSHOT)
		touch->touched = touch->touched || is_in_span(touch, event);
	return !touch->t->reshaped;
}

/* CdcHistorySkip */
static bool
skip_before(int64 seq, void *arg)
{
	return seq <= ((Touch *) arg)->after;
}

bool
cdc_verify_is_touched(CdcVerifyTable *t, const CdcVerifySpan *span, int64 after)
{
	int			natts = t->mapping->target->desc->natts;
	Touch		touch = {t, span, after, false, palloc0(sizeof(Datum) * natts), palloc0(sizeof(bool) * natts)};
	CdcHistoryScan scan;

	memset(&scan, 0, sizeof(scan));
	scan.sub = t->verify->sub;
	scan.after = Min(after, t->shaped_seq);
	scan.upto = t->applied_seq;
	scan.source_table = t->source_table;
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.skip = skip_before;
	scan.visit = visit_touch;
	scan.arg = &touch;
	if (scan.upto > scan.after)
		cdc_history_scan(&scan);
	t->shaped_seq = t->applied_seq;
	pfree(touch.values);
	pfree(touch.nulls);
	return touch.touched;
}
