/*-------------------------------------------------------------------------
 *
 * lookahead.c
 *	  Which events of a run need not be applied, as later ones of the same run
 *	  replace what they do.
 *
 * The reduction in apply_reduce.c sees that only for what it holds in memory.
 * When that is full and a sample of the events to come says that many of them
 * change rows that would be written now, the rest of the run is read once for
 * its keys alone: a table maps each key to the last event on it, sixteen bytes
 * a key instead of a row.  What was last before becomes superseded, which is
 * one bit an event.  The run then goes on, over bits that are set without
 * reading the event.  Where the table is full, and at a barrier, the look
 * ahead ends; a later one may follow.
 *
 * An event supersedes an earlier one on the same key when it leaves nothing of
 * it: a delete does, and a row image that has all columns which the earlier one
 * had (after a delete: all columns).  Between them nobody may have read the
 * row.  Only an update of the key with a partial image does that: it takes the
 * other columns along.
 *
 * Nothing here depends on the sample, or on a table being large enough, but
 * speed.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * The sample: so many places of what would be looked at (fewer where few rows
 * are at stake), so many events at each.
 */
#define SAMPLE_PLACES	16
#define SAMPLE_EVENTS	16

/* A look ahead pays when one of so many events replaces what another did. */
#define WORTH_ONE_OF	3

/* How far it goes: so many times the events that memory held, and 4 MB of bits. */
#define REACH			16
#define MAX_EVENTS		(INT64CONST(1) << 25)
#define FIRST_BITS		(64 * 1024)

#define MIN_SLOTS		128
#define MAX_RUNS		PG_UINT16_MAX

/* Events on keys of one word wait until so many came after them, see touch(). */
#define WAITING			16

/* Images of keys that are not one word; one that is larger than a block is left out. */
#define IMAGE_BLOCK		(64 * 1024)
#define IMAGE_UNIT		4		/* their addresses count in these */

/* What the last event of a key did, beside the number of a presence. */
#define DID_READ		PG_UINT16_MAX	/* it is needed, whatever comes */
#define DID_DELETE		(PG_UINT16_MAX - 1)
#define DID_ENTRY		(PG_UINT16_MAX - 2) /* it is in memory */
#define MAX_PRESENCES	(PG_UINT16_MAX - 3)

typedef struct Slot
{
	uint64		key;			/* see make_key() */
	uint32		event;			/* seq - first of the last one; DID_ENTRY: of entries */
	uint16		run;			/* CdcTargetRun.number; 0: free */
	uint16		did;
} Slot;

/* What an event does to a key. */
typedef struct Touch
{
	CdcTargetRun *run;
	uint64		key;
	const CdcPresence *presence;	/* NULL: the row is deleted */
	uint32		event;
	uint16		did;
	bool		reads;			/* what is there before must be there */
} Touch;

typedef struct Look
{
	CdcApply   *apply;
	CdcLookahead *ahead;
	MemoryContext cxt;			/* slots and images */
	Slot	   *slots;
	uint32		nslots;
	uint32		nused;
	uint32		maxused;
	char	  **blocks;			/* of images */
	int			nblocks;
	int			maxblocks;
	size_t		block_used;		/* of the last one */
	int64		image_bytes;
	int64		max_image_bytes;
	StringInfoData image;		/* of the key at hand */
	Datum	   *okey;			/* scratch for the widest target so far */
	bool	   *onulls;
	int			natts;
	Touch		waiting[WAITING];	/* a ring; free where run is NULL */
	int			next;
} Look;

/* ------------------------------------------------------------------------
 * Keys
 * ------------------------------------------------------------------------
 */

static inline bool
takes_part(const CdcTargetRun *run)
{
	const CdcTarget *target = run->target;

	return OidIsValid(target->relid) && target->key_by_image && !target->keyless &&
		!target->row_by_row && run->number <= MAX_RUNS;
}

static inline bool
key_is_word(const CdcTarget *target)
{
	return target->nkey == 1 && target->key[0].class == CDC_KEY_WORD;
}

/*
 * The key's identity: of a single word, itself, mixed; else its hash, and its
 * bytes in look->image.  False: it is not looked after (NULL, or too long).
 */
static bool
make_key(Look *look, const CdcTarget *target, const Datum *values, const bool *nulls,
		 uint64 *key)
{
	int			i;

	if (key_is_word(target))
	{
		int			at = target->key[0].attnum - 1;

		*key = cdc_mix_word((uint64) values[at]);
		return !nulls[at];
	}
	resetStringInfo(&look->image);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcKeyColumn *column = &target->key[i];
		int			at = column->attnum - 1;

		if (nulls[at])
			return false;
		if (column->class == CDC_KEY_WORD)
			appendBinaryStringInfo(&look->image, (const char *) &values[at], sizeof(Datum));
		else if (column->class == CDC_KEY_FIXED)
			appendBinaryStringInfo(&look->image, DatumGetPointer(values[at]), column->len);
		else
		{
			struct varlena *v = PG_DETOAST_DATUM_PACKED(values[at]);
			uint32		len = VARSIZE_ANY_EXHDR(v);

			appendBinaryStringInfo(&look->image, (const char *) &len, sizeof(len));
			appendBinaryStringInfo(&look->image, VARDATA_ANY(v), len);
		}
	}
	*key = (uint64) DatumGetUInt32(hash_any((unsigned char *) look->image.data,
											look->image.len)) << 32;
	return look->image.len + sizeof(uint32) <= IMAGE_BLOCK;
}

/* Keeps look->image, its length before it; returns its address. */
static uint32
keep_image(Look *look)
{
	uint32		len = look->image.len;
	size_t		size = TYPEALIGN(IMAGE_UNIT, len + sizeof(len));
	char	   *at;

	if (look->nblocks == 0 || look->block_used + size > IMAGE_BLOCK)
	{
		if (look->nblocks == look->maxblocks)
		{
			look->maxblocks = Max(16, look->maxblocks * 2);
			look->blocks = look->blocks == NULL ?
				MemoryContextAlloc(look->cxt, look->maxblocks * sizeof(char *)) :
				repalloc(look->blocks, look->maxblocks * sizeof(char *));
		}
		look->blocks[look->nblocks++] = MemoryContextAlloc(look->cxt, IMAGE_BLOCK);
		look->block_used = 0;
	}
	at = look->blocks[look->nblocks - 1] + look->block_used;
	memcpy(at, &len, sizeof(len));
	memcpy(at + sizeof(len), look->image.data, len);
	look->block_used += size;
	look->image_bytes += size;
	return (uint32) (((look->nblocks - 1) * (size_t) IMAGE_BLOCK +
					  (look->block_used - size)) / IMAGE_UNIT);
}

static bool
image_is(const Look *look, uint32 address)
{
	size_t		offset = (size_t) address * IMAGE_UNIT;
	const char *at = look->blocks[offset / IMAGE_BLOCK] + offset % IMAGE_BLOCK;
	uint32		len;

	memcpy(&len, at, sizeof(len));
	return len == (uint32) look->image.len &&
		memcmp(at + sizeof(len), look->image.data, len) == 0;
}

static inline uint32
first_slot(const Look *look, uint64 key)
{
	return (uint32) (((key >> 32) * look->nslots) >> 32);
}

/* The key's slot; or the free one where it belongs. */
static Slot *
find_slot(Look *look, const CdcTargetRun *run, uint64 key)
{
	bool		word = key_is_word(run->target);
	uint32		at = first_slot(look, key);
	Slot	   *slot;

	for (;; at = at + 1 == look->nslots ? 0 : at + 1)
	{
		slot = &look->slots[at];
		if (slot->run == 0)
			return slot;
		if (slot->run != run->number)
			continue;
		if (word ? slot->key == key :
			(slot->key >> 32) == (key >> 32) && image_is(look, (uint32) slot->key))
			return slot;
	}
}

/* Makes a free slot the key's; its image is in look->image. */
static void
take_slot(Look *look, Slot *slot, const CdcTargetRun *run, uint64 key)
{
	slot->key = key_is_word(run->target) ? key : key | keep_image(look);
	slot->run = run->number;
	look->nused++;
}

/* Whether there is no room for one more event. */
static inline bool
is_full(const Look *look)
{
	return look->nused + 2 + WAITING > look->maxused ||
		(look->image_bytes > 0 && look->image_bytes >= look->max_image_bytes);
}

/* ------------------------------------------------------------------------
 * What replaces what
 * ------------------------------------------------------------------------
 */

/* Whether a has no column that b lacks. */
static bool
is_covered(const CdcTarget *target, const CdcPresence *a, const CdcPresence *b)
{
	int			i;

	if (a == b || b->complete)
		return true;
	for (i = 0; i < target->desc->natts; i++)
		if (a->attrs[i] && !b->attrs[i])
			return false;
	return true;
}

/* presence: what the event writes; NULL: it deletes the row. */
static bool
supersedes_event(const CdcTarget *target, uint16 did, const CdcPresence *presence)
{
	if (did == DID_READ)
		return false;
	if (presence == NULL || presence->complete)
		return true;
	if (did == DID_DELETE)
		return false;
	return is_covered(target, list_nth(target->presences, did), presence);
}

static bool
supersedes_entry(const CdcTarget *target, const CdcEntry *entry, const CdcPresence *presence)
{
	if (presence == NULL || presence->complete)
		return true;
	return entry->put && !entry->replace && is_covered(target, entry->presence, presence);
}

static void
set_bit(CdcLookahead *ahead, uint32 event)
{
	if (event >= ahead->nbits)
	{
		int64		n = Max(FIRST_BITS, ahead->nbits);

		while (n <= event)
			n *= 2;
		ahead->bits = ahead->bits == NULL ? MemoryContextAlloc(ahead->cxt, n / 8) :
			repalloc(ahead->bits, n / 8);
		memset(ahead->bits + ahead->nbits / 8, 0, (n - ahead->nbits) / 8);
		ahead->nbits = n;
	}
	ahead->bits[event / 8] |= 1 << (event % 8);
}

/*
 * What was last on the key before is superseded, or not; then the event is the
 * last one itself.
 */
static void
do_touch(Look *look, const Touch *touch)
{
	CdcTargetRun *run = touch->run;
	const CdcTarget *target = run->target;
	Slot	   *slot = find_slot(look, run, touch->key);

	if (slot->run == 0)
		take_slot(look, slot, run, touch->key);
	else if (touch->reads)
		;						/* neither */
	else if (slot->did == DID_ENTRY)
	{
		CdcEntry   *entry = run->entries[slot->event];

		if (supersedes_entry(target, entry, touch->presence))
			entry->superseded = true;
	}
	else if (supersedes_event(target, slot->did, touch->presence))
		set_bit(look->ahead, slot->event);
	slot->event = touch->event;
	slot->did = touch->did;
}

/*
 * An event on the key in values and nulls.  Where the table is larger than the
 * processor's caches, most of the time would go into waiting for it: what is
 * done with keys of one word therefore comes a little later, and its slot is
 * asked for now.
 */
static void
touch_key(Look *look, Touch *touch, const Datum *values, const bool *nulls)
{
	Touch	   *waiting = &look->waiting[look->next];

	if (!make_key(look, touch->run->target, values, nulls, &touch->key))
		return;
	if (!key_is_word(touch->run->target))
	{
		do_touch(look, touch);
		return;
	}
	__builtin_prefetch(&look->slots[first_slot(look, touch->key)]);
	if (waiting->run != NULL)
		do_touch(look, waiting);
	*waiting = *touch;
	look->next = (look->next + 1) % WAITING;
}

static void
touch_waiting(Look *look)
{
	int			i;

	for (i = 0; i < WAITING; i++)
	{
		Touch	   *waiting = &look->waiting[(look->next + i) % WAITING];

		if (waiting->run != NULL)
			do_touch(look, waiting);
	}
}

static void
need_scratch(Look *look, int natts)
{
	if (natts <= look->natts)
		return;
	look->okey = MemoryContextAllocZero(look->cxt, sizeof(Datum) * natts);
	look->onulls = MemoryContextAllocZero(look->cxt, sizeof(bool) * natts);
	look->natts = natts;
}

/* Puts the keys in memory into the table, as far as there is room to spare. */
static void
add_entries(Look *look, CdcTargetRun *run)
{
	const CdcTarget *target = run->target;
	int			i;
	int			k;

	need_scratch(look, target->desc->natts);
	for (i = 0; i < run->nentries && look->nused < look->maxused / 2 && !is_full(look); i++)
	{
		const CdcEntry *entry = run->entries[i];
		uint64		key;
		Slot	   *slot;

		for (k = 0; k < target->nkey; k++)
		{
			int			at = target->key[k].attnum - 1;

			look->okey[at] = entry->key[k];
			look->onulls[at] = k < 16 && (entry->key_nulls & (1 << k)) != 0;
		}
		if (!make_key(look, target, look->okey, look->onulls, &key))
			continue;
		slot = find_slot(look, run, key);
		take_slot(look, slot, run, key);
		slot->event = i;
		slot->did = DID_ENTRY;
	}
}

/* ------------------------------------------------------------------------
 * The look ahead
 * ------------------------------------------------------------------------
 */

/* One row of an event; alone: it is its only one. */
static void
look_at_row(CdcApply *apply, Look *look, CdcTargetRun *run, const CdcHistoryEvent *event, int row,
			bool alone)
{
	const JsonbContainer *data;
	const JsonbContainer *old;
	Touch		touch;

	need_scratch(look, run->target->desc->natts);
	cdc_event_images(apply, run, event, row, &data, &old);
	apply->at_data = data;
	memset(&touch, 0, sizeof(touch));
	touch.run = run;
	touch.event = (uint32) (event->seq - look->ahead->first);
	touch.presence = cdc_reduce_convert(apply, run, data, true)->presence;
	touch.did = touch.presence->id <= MAX_PRESENCES ? touch.presence->id : DID_READ;
	if (event->op == CDC_OP_DELETE)
	{
		touch.presence = NULL;
		touch.did = DID_DELETE;
	}
	else if (event->op == CDC_OP_UPDATE && old != NULL && cdc_json_count(old) > 0)
	{
		if (cdc_reduce_old_key(apply, run, old, look->okey, look->onulls))
		{
			/* two keys in one event: it stays, whatever becomes of either */
			Touch		before = touch;

			touch.did = before.did = DID_READ;
			before.reads = !touch.presence->complete;
			before.presence = NULL;
			touch_key(look, &before, look->okey, look->onulls);
		}
	}
	/* an event goes as a whole or not at all */
	if (!alone)
		touch.did = DID_READ;
	touch_key(look, &touch, run->values, run->nulls);
	apply->at_data = NULL;
}

static bool
look_at(const CdcHistoryEvent *event, void *arg)
{
	Look	   *look = arg;
	CdcApply   *apply = look->apply;
	CdcTargetRun *run;
	int			nrows;
	int			row;

	if (cdc_event_is_barrier(apply, event) ||
		event->seq - look->ahead->first >= MAX_EVENTS || is_full(look))
		return false;
	cdc_event_begin(apply, event);
	run = cdc_event_target(apply, event);
	if (run != NULL && takes_part(run) && event->op != CDC_OP_TRUNCATE)
	{
		apply->at_target = run;
		nrows = cdc_event_rows(apply, run, event);
		for (row = 0; row < nrows; row++)
			look_at_row(apply, look, run, event, row, nrows == 1);
		apply->at_target = NULL;
	}
	look->ahead->until = event->seq;
	return true;
}

/*
 * A table for so many keys at the most, within half of what rows may take.  Where
 * there are keys that are more than a word, half of it is theirs.
 */
static void
make_table(Look *look, const CdcApply *apply, int64 keys)
{
	int64		limit = apply->sub->opt.apply_memory_limit / 2;
	int64		most = limit;
	ListCell   *lc;

	foreach(lc, apply->targets)
	{
		const CdcTargetRun *run = lfirst(lc);

		if (takes_part(run) && !key_is_word(run->target))
			most = limit / 2;
	}
	most = Max(most / (int64) sizeof(Slot), MIN_SLOTS);
	look->nslots = (uint32) Max(Min(keys + keys / 3, most), MIN_SLOTS);
	look->maxused = look->nslots - look->nslots / 5;
	look->max_image_bytes = limit - (int64) (look->nslots * sizeof(Slot));
	look->slots = MemoryContextAllocHuge(look->cxt, look->nslots * sizeof(Slot));
	memset(look->slots, 0, look->nslots * sizeof(Slot));
	initStringInfo(&look->image);
}

/*
 * Calls visit for up to limit events of the run's own range behind after, as the run
 * itself sees them.
 */
static void
peek(CdcApply *apply, int64 after, int64 limit, CdcHistoryVisitor visit, void *arg)
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

static void
look_ahead(CdcApply *apply, int64 rows, int64 events)
{
	MemoryContext cxt = AllocSetContextCreate(apply->cxt, "cdc_ingest lookahead",
											  ALLOCSET_SMALL_SIZES);
	CdcLookahead *ahead = MemoryContextAllocZero(cxt, sizeof(CdcLookahead));
	MemoryContext old;
	Look		look;
	ListCell   *lc;

	ahead->cxt = cxt;
	ahead->first = apply->place.seq + 1;
	ahead->until = apply->place.seq;
	memset(&look, 0, sizeof(look));
	look.apply = apply;
	look.ahead = ahead;
	look.cxt = AllocSetContextCreate(cxt, "cdc_ingest lookahead keys", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(look.cxt);
	make_table(&look, apply, rows + events);
	foreach(lc, apply->targets)
		if (takes_part(lfirst(lc)))
			add_entries(&look, lfirst(lc));
	peek(apply, apply->place.seq, events, look_at, &look);
	touch_waiting(&look);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(look.cxt);
	apply->ahead = ahead;
}

/* ------------------------------------------------------------------------
 * Whether it pays
 * ------------------------------------------------------------------------
 */

/* Of one place. */
typedef struct Sample
{
	CdcApply   *apply;
	int			events;
	int			changes;		/* of them, of rows that exist */
	int			replacing;		/* of them, of a row that is in memory */
} Sample;

/* Fills the key of a row image into run->values; false: it has none. */
static bool
sample_key(CdcApply *apply, CdcTargetRun *run, const JsonbContainer *data)
{
	const CdcTarget *target = run->target;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		CdcTargetColumn *col = &target->columns[target->key[i].column];
		int			at = col->attnum - 1;
		CdcJsonValue v;

		if (!cdc_json_find(data, col->source, col->source_len, &v) || v.type == JENTRY_ISNULL)
			return false;
		apply->at_column = col->name;
		run->nulls[at] = false;
		run->values[at] = col->conv.convert(&col->conv, &v, &run->nulls[at]);
		apply->at_column = NULL;
	}
	return true;
}

static bool
sample_event(const CdcHistoryEvent *event, void *arg)
{
	Sample	   *sample = arg;
	CdcApply   *apply = sample->apply;
	CdcTargetRun *run;
	const JsonbContainer *data;
	const JsonbContainer *old;

	sample->events++;
	if (event->op == CDC_OP_UPDATE || event->op == CDC_OP_DELETE)
		sample->changes++;
	if (event->source_table == NULL || event->event == NULL ||
		(event->op != CDC_OP_INSERT && event->op != CDC_OP_UPDATE &&
		 event->op != CDC_OP_DELETE && event->op != CDC_OP_SNAPSHOT))
		return true;
	/* a target that is not there yet is not loaded: that is up to its first event */
	cdc_event_begin(apply, event);
	run = cdc_apply_known_target(apply, event->source_table, event->source_table_len);
	if (run == NULL || !takes_part(run) || run->nentries == 0)
		return true;
	apply->at_target = run;
	if (cdc_event_rows(apply, run, event) == 0)
		return true;
	cdc_event_images(apply, run, event, 0, &data, &old);
	apply->at_data = data;
	if (sample_key(apply, run, data) &&
		cdc_reduce_find_row(run, cdc_reduce_hash(run->target, run->values, run->nulls),
							run->values, run->nulls) != NULL)
	{
		sample->replacing++;
		if (event->op == CDC_OP_INSERT || event->op == CDC_OP_SNAPSHOT)
			sample->changes++;
	}
	apply->at_data = NULL;
	apply->at_target = NULL;
	return true;
}

/*
 * Of what is changed at some distance, memory has a part.  The events between
 * bring more such rows: if they are of the same sort, as many more as there are
 * more of them.
 */
static bool
is_worth_it(CdcApply *apply, int64 rows, int64 events)
{
	int64		after = apply->place.seq;
	int			places = (int) Min(1 + rows / 8, SAMPLE_PLACES);
	double		replaced = 0;
	int			seen = 0;
	int			i;

	for (i = 0; i < places; i++)
	{
		int64		distance = events / places * i + events / places / 2;
		Sample		sample = {apply, 0, 0, 0};

		peek(apply, after + distance, SAMPLE_EVENTS, sample_event, &sample);
		replaced += Min(sample.replacing * (1.0 + (double) distance / rows), sample.changes);
		seen += sample.events;
	}
	return replaced > 0 && replaced * WORTH_ONE_OF >= seen;
}

void
cdc_lookahead(CdcApply *apply)
{
	CdcPlace	place = apply->place;
	const CdcTargetRun *target = apply->at_target;
	const char *source_table = apply->source_table;
	size_t		source_table_len = apply->source_table_len;
	int64		last = apply->scan_upto;
	int64		rows = 0;
	int64		events;
	ListCell   *lc;

	if (apply->ahead != NULL && place.seq < apply->ahead->until)
		return;
	if (apply->ahead != NULL)
	{
		MemoryContextDelete(apply->ahead->cxt);
		apply->ahead = NULL;
	}
	/* replay has no end of its own */
	if (last == PG_INT64_MAX)
		last = cdc_history_last_boundary(apply->sub, place.seq, 0);
	foreach(lc, apply->targets)
		rows += ((CdcTargetRun *) lfirst(lc))->nentries;
	events = Min(Min(rows * REACH, MAX_EVENTS), last - place.seq);
	if (events <= 0)
		return;
	apply->at_target = NULL;
	if (is_worth_it(apply, rows, events))
	{
		apply->place = place;
		look_ahead(apply, rows, events);
	}
	apply->place = place;
	apply->at_target = target;
	apply->source_table = source_table;
	apply->source_table_len = source_table_len;
}
