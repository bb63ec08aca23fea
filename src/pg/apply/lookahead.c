/*-------------------------------------------------------------------------
 *
 * lookahead.c
 *	  Which events of a run need not be applied, as later ones of the same run
 *	  replace what they do.
 *
 * The reduction in reduce.c sees that only for what it holds in memory.
 * When that is full and a sample of the events to come says that many of them
 * change rows that would be written now, the rest of the run is read once for
 * its keys alone: a table maps each key to the last event on it, sixteen bytes
 * a key instead of a row.  What was last before becomes superseded, which is
 * one bit an event.  The run then goes on, over bits that are set without
 * reading the event.  Where the table is full, and at a barrier, the look
 * ahead ends; a later one may follow.
 *
 * The target's mode says whether an event leaves nothing of an earlier one on the
 * same key.  Between them nobody may have read the row.  Only an update of the key
 * with a partial image does that: it takes the other columns along.
 *
 * Where keys are watched, as events come from several partitions of Kafka (order.c), an event
 * replaces only what came right before it on the same key from its own partition: of two from
 * different ones the later may turn out to be the older, and then is not applied.  An insert
 * replaces nothing where what came right before it on its key says whether the key tells rows apart.
 *
 * Nothing here depends on a table being large enough, but speed.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/base/compat_value.h"
#include "pg/target/key.h"

/*
 * How far a look goes: so many times the events that memory held, and events for
 * which the bits take 4 MB.
 */
#define REACH			16
#define MAX_EVENTS		(INT64CONST(1) << 25)
#define FIRST_BITS		(64 * 1024)

#define MIN_SLOTS		128

/*
 * A key that is not within so many slots of where its search begins is not followed.
 * Keys that come from outside can be made to begin at the same one.
 */
#define MAX_PROBES		256

/* So many events on keys of one word wait for the memory of their slots, see touch_key(). */
#define WAITING			16

/*
 * Keys that are not one word are kept as images, in blocks of so many bytes; a larger
 * one is left out.  Addresses of images count in units, so that 32 bits suffice.
 */
#define IMAGE_BLOCK		(64 * 1024)
#define IMAGE_UNIT		4

/*
 * What the last event of a key did: it wrote the columns of the presence with this id,
 * or one of these.
 */
#define DID_BITS		10
#define DID_READ		((1 << DID_BITS) - 1)	/* it is needed, whatever comes behind it */
#define DID_DELETE		(DID_READ - 1)
#define DID_ENTRY		(DID_READ - 2)	/* it is among the entries in memory */
#define MAX_PRESENCES	(DID_READ - 3)

/*
 * The partition that an event came from, where that matters: its number among the run's from 1.
 * One behind the last that fits is not told from others, so that its events are all needed.
 */
#define PARTITION_BITS	10
#define MAX_PARTITIONS	((1 << PARTITION_BITS) - 1)
#define ANY_PARTITION	0

#define RUN_BITS		12

/* A key and the last event on it. */
typedef struct Slot
{
	uint64		key;			/* see make_key() */
	uint32		event;			/* seq - first of the last event; of DID_ENTRY the index in
								 * entries */
	uint32		run:RUN_BITS;	/* CdcTargetRun.number; 0: free */
	uint32		did:DID_BITS;	/* a presence's id or DID_... */
	uint32		partition:PARTITION_BITS;
} Slot;

_Static_assert(RUN_BITS + DID_BITS + PARTITION_BITS == 32, "slots of the table of keys have sixteen bytes");
_Static_assert(CDC_LOOKAHEAD_RUNS < (1 << RUN_BITS), "a slot holds a target's number");

/* What an event does to a key. */
typedef struct Touch
{
	CdcTargetRun *run;
	uint64		key;			/* see make_key() */
	const CdcPresence *presence;	/* columns that it writes; NULL: the row is deleted */
	uint32		event;			/* as in Slot, as the next two */
	uint16		did;
	uint16		partition;
	bool		reads;			/* it needs what is there before */
} Touch;

/* A look ahead while it is under way. */
typedef struct Look
{
	CdcApply   *apply;
	CdcLookahead *ahead;		/* its outcome */
	MemoryContext cxt;			/* of slots and images */

	/* the table of keys: open addressing */
	Slot	   *slots;
	uint32		nslots;
	uint32		nused;
	uint32		maxused;

	/* images of keys that are not one word */
	char	  **blocks;
	int			nblocks;
	int			maxblocks;
	size_t		block_used;		/* of the last block, in bytes */
	int64		image_bytes;	/* of all of them */
	int64		max_image_bytes;
	StringInfoData image;		/* of the key at hand */

	/* scratch: a former key, by attribute of the widest target so far */
	Datum	   *okey;
	bool	   *onulls;
	int			natts;

	/* the partition that was asked for last */
	const char *file;			/* CdcPlace.file */
	uint16		partition;

	/* events that wait for their slots to come into the cache */
	Touch		waiting[WAITING];	/* a ring; free where run is NULL */
	int			next;			/* place in it of the next one */
} Look;

/* ------------------------------------------------------------------------
 * Keys
 * ------------------------------------------------------------------------
 */

/* Whether the key is a word that is compared as it is. */
static inline bool
key_is_word(const CdcTarget *target)
{
	return target->nkey == 1 && target->key[0].class == CDC_KEY_WORD;
}

/*
 * Fills *key with what identifies a key in the table: a single word is itself, mixed;
 * of others it is the hash, and look->image gets their bytes.  Returns false where the
 * key is not followed, as it has a NULL or is too long.
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

/* Whether the image at an address is look->image. */
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

/* The slot where the search for a key begins. */
static inline uint32
first_slot(const Look *look, uint64 key)
{
	return (uint32) (((key >> 32) * look->nslots) >> 32);
}

/*
 * The slot of a key, or the free one where it belongs; NULL where the search is over
 * before either is found.  As slots are never freed, it then is for all that follows.
 */
static Slot *
find_slot(Look *look, const CdcTargetRun *run, uint64 key)
{
	bool		word = key_is_word(run->target);
	uint32		at = first_slot(look, key);
	Slot	   *slot;
	int			probes;

	for (probes = 0; probes < MAX_PROBES; probes++, at = at + 1 == look->nslots ? 0 : at + 1)
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
	return NULL;
}

/* Gives a free slot to a key, whose image, where it has one, is in look->image. */
static void
take_slot(Look *look, Slot *slot, const CdcTargetRun *run, uint64 key)
{
	slot->key = key_is_word(run->target) ? key : key | keep_image(look);
	slot->run = run->number;
	look->nused++;
}

/* Whether the table has no room for what one more row may add, and those that wait. */
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

/*
 * Whether an event leaves nothing of the one that was the last on the same key.
 */
static bool
supersedes_event(const Touch *touch, const Slot *slot)
{
	const CdcTargetRun *run = touch->run;
	const CdcPresences *presences = &run->target->presences;

	if (slot->did == DID_READ || slot->partition != touch->partition)
		return false;
	return run->mode->supersedes(presences, touch->presence,
								 slot->did == DID_DELETE ? NULL : cdc_presence_by_id(presences, slot->did));
}

/* The same of what memory has for the key. */
static bool
supersedes_entry(const CdcTargetRun *run, const CdcEntry *entry, const CdcPresence *later)
{
	return run->mode->supersedes(&run->target->presences, later,
								 entry->put && !entry->replace ? entry->presence : NULL);
}

/* Notes that an event is superseded. */
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
 * Notes an event on a key: finds out whether it supersedes the one that was the last
 * on the key before, and makes it the last one itself.
 */
static void
perform_touch(Look *look, const Touch *touch)
{
	CdcTargetRun *run = touch->run;
	Slot	   *slot = find_slot(look, run, touch->key);

	if (slot == NULL)
		return;
	if (slot->run == 0)
		take_slot(look, slot, run, touch->key);
	else if (touch->reads)
		;						/* it needs the one before */
	else if (slot->did == DID_ENTRY && slot->partition == touch->partition)
	{
		CdcEntry   *entry = run->entries[slot->event];

		if (supersedes_entry(run, entry, touch->presence))
			entry->superseded = true;
	}
	else if (slot->did != DID_ENTRY && supersedes_event(touch, slot))
		set_bit(look->ahead, slot->event);
	slot->event = touch->event;
	slot->did = touch->did;
	slot->partition = touch->partition;
}

/*
 * Notes an event on the key in values and nulls (by attribute).  Where the table is
 * larger than the processor's caches, most of the time would go into waiting for its
 * memory: the slots of keys of one word are therefore prefetched now, and looked at a
 * few events later.
 */
static void
touch_key(Look *look, Touch *touch, const Datum *values, const bool *nulls)
{
	Touch	   *waiting = &look->waiting[look->next];

	if (!make_key(look, touch->run->target, values, nulls, &touch->key))
		return;
	if (!key_is_word(touch->run->target))
	{
		perform_touch(look, touch);
		return;
	}
	__builtin_prefetch(&look->slots[first_slot(look, touch->key)]);
	if (waiting->run != NULL)
		perform_touch(look, waiting);
	*waiting = *touch;
	look->next = (look->next + 1) % WAITING;
}

/* Notes the events that still wait. */
static void
touch_waiting(Look *look)
{
	int			i;

	for (i = 0; i < WAITING; i++)
	{
		Touch	   *waiting = &look->waiting[(look->next + i) % WAITING];

		if (waiting->run != NULL)
			perform_touch(look, waiting);
	}
}

/* Makes room for a former key of a target with so many attributes. */
static void
need_scratch(Look *look, int natts)
{
	if (natts <= look->natts)
		return;
	look->okey = MemoryContextAllocZero(look->cxt, sizeof(Datum) * natts);
	look->onulls = MemoryContextAllocZero(look->cxt, sizeof(bool) * natts);
	look->natts = natts;
}

/* The number of a partition, by CdcPlace.file; ANY_PARTITION: it has none. */
static uint16
partition_number(Look *look, const char *file)
{
	ListCell   *lc;
	uint16		n = 0;

	if (file == NULL || file != look->file)
	{
		look->file = file;
		look->partition = ANY_PARTITION;
		foreach(lc, look->apply->files)
			if (++n <= MAX_PARTITIONS && lfirst(lc) == file)
				look->partition = n;
	}
	return look->partition;
}

/* Puts the keys of entries in memory into the table, as far as there is room to spare. */
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
		uint16		partition = run->each_is_seen ? partition_number(look, entry->place.file) : ANY_PARTITION;
		uint64		key;
		Slot	   *slot;

		CHECK_FOR_INTERRUPTS();
		if (run->each_is_seen && partition == ANY_PARTITION)
			continue;
		for (k = 0; k < target->nkey; k++)
		{
			int			at = target->key[k].attnum - 1;

			look->okey[at] = entry->key[k];
			look->onulls[at] = cdc_entry_key_is_null(entry, k);
		}
		if (!make_key(look, target, look->okey, look->onulls, &key))
			continue;
		slot = find_slot(look, run, key);
		if (slot == NULL)
			continue;
		take_slot(look, slot, run, key);
		slot->event = i;
		slot->did = DID_ENTRY;
		slot->partition = partition;
	}
}

/* ------------------------------------------------------------------------
 * The look ahead
 * ------------------------------------------------------------------------
 */

/*
 * Notes what the i-th row of an event does to its key or keys.  alone: it is the event's
 * only row.
 */
static void
look_at_row(Look *look, CdcSourceRun *source, const CdcHistoryEvent *event, int i, bool alone)
{
	CdcApply   *apply = look->apply;
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;
	const JsonbContainer *data;
	const JsonbContainer *old;
	Touch		touch;
	bool		unknown = false;

	need_scratch(look, run->target->desc->natts);
	cdc_event_images(apply, source, event, i, &data, &old);
	apply->work.at.data = data;
	memset(&touch, 0, sizeof(touch));
	touch.run = run;
	touch.event = (uint32) (event->seq - look->ahead->first);
	if (run->each_is_seen)
	{
		touch.partition = partition_number(look, apply->work.at.place.file);
		unknown = touch.partition == ANY_PARTITION;
	}
	/* its table is given up there */
	if (!cdc_source_row_try_key(row, data, event->seq))
		return;
	touch.presence = row->layout->presence;
	touch.did = touch.presence->id <= MAX_PRESENCES ? touch.presence->id : DID_READ;
	touch.reads = cdc_order_needs_last(source, event->op);
	if (event->op == CDC_OP_DELETE)
	{
		touch.presence = NULL;
		touch.did = DID_DELETE;
	}
	else if (event->op == CDC_OP_UPDATE && old != NULL && cdc_json_count(old) > 0)
	{
		if (cdc_source_row_former_key(row, old, look->okey, look->onulls))
		{
			/* an event on two keys is needed, whatever becomes of either */
			Touch		before = touch;

			touch.did = before.did = DID_READ;
			before.reads = !touch.presence->complete;
			before.presence = NULL;
			touch_key(look, &before, look->okey, look->onulls);
		}
	}
	/* what the image lacks is read from the row that there is */
	if (row->layout->partial && row->mapping->expressions != NULL && event->op != CDC_OP_DELETE)
	{
		touch.reads = true;
		touch.did = DID_READ;
	}
	/* an event is applied as a whole or not at all */
	if (!alone || unknown)
		touch.did = DID_READ;
	touch_key(look, &touch, row->values, row->nulls);
	apply->work.at.data = NULL;
}

/* CdcHistoryVisitor: notes what an event does to keys; false where the look ends before it. */
static bool
look_at_event(const CdcHistoryEvent *event, void *arg)
{
	Look	   *look = arg;
	CdcApply   *apply = look->apply;
	CdcSourceRun *source;
	int			nrows;
	int			i;

	if (cdc_event_is_barrier(apply, event) ||
		event->seq - look->ahead->first >= MAX_EVENTS || is_full(look))
		return false;
	cdc_event_begin(apply, event);
	source = cdc_run_source(apply, event);
	if (source != NULL && cdc_lookahead_covers(source->target) && event->op != CDC_OP_TRUNCATE)
	{
		apply->work.at.source = source;
		nrows = cdc_event_rows(apply, source, event);
		if (!cdc_origin_is_known(apply, source) || !cdc_message_key_is_known(apply, source, event))
		{
			apply->work.at.source = NULL;
			return false;
		}
		for (i = 0; i < nrows; i++)
		{
			/* the event is applied in any case, and so what it replaces is replaced */
			CHECK_FOR_INTERRUPTS();
			if (is_full(look) || cdc_presences_full(&source->target->target->presences))
				break;
			look_at_row(look, source, event, i, nrows == 1);
		}
		apply->work.at.source = NULL;
		if (i < nrows)
			return false;
	}
	look->ahead->until = event->seq;
	return true;
}

/*
 * Makes a table for so many keys at the most, in no more than half of the memory that
 * rows may take.  Where there are keys that are more than a word, half of that is for
 * their images.
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

		if (cdc_lookahead_covers(run) && !key_is_word(run->target))
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

/* Looks at so many events to come; rows is the number of entries in memory. */
static void
look_ahead(CdcApply *apply, int64 rows, int64 events)
{
	MemoryContext cxt = AllocSetContextCreate(apply->work.cxt, "cdc_ingest lookahead",
											  ALLOCSET_SMALL_SIZES);
	CdcLookahead *ahead = MemoryContextAllocZero(cxt, sizeof(CdcLookahead));
	MemoryContext old;
	Look		look;
	ListCell   *lc;

	ahead->cxt = cxt;
	ahead->first = apply->work.at.place.seq + 1;
	ahead->until = apply->work.at.place.seq;
	memset(&look, 0, sizeof(look));
	look.apply = apply;
	look.ahead = ahead;
	look.cxt = AllocSetContextCreate(cxt, "cdc_ingest lookahead keys", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(look.cxt);
	make_table(&look, apply, rows + events);
	foreach(lc, apply->targets)
		if (cdc_lookahead_covers(lfirst(lc)))
			add_entries(&look, lfirst(lc));
	cdc_lookahead_peek(apply, apply->work.at.place.seq, events, look_at_event, &look);
	touch_waiting(&look);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(look.cxt);
	apply->ahead = ahead;
	apply->ahead_until = ahead->until;
}

/* ------------------------------------------------------------------------
 * Entry point
 * ------------------------------------------------------------------------
 */

void
cdc_lookahead(CdcApply *apply)
{
	CdcAtHand	at = apply->work.at;
	int64		last = apply->scan_upto;
	int64		rows = 0;
	int64		events;
	ListCell   *lc;

	if (apply->ahead != NULL && at.place.seq < apply->ahead->until)
		return;
	if (apply->ahead != NULL)
	{
		MemoryContextDelete(apply->ahead->cxt);
		apply->ahead = NULL;
	}
	if (cdc_run_is_wide(apply))
		return;
	/* a replay has no end of its own */
	if (last == PG_INT64_MAX)
		last = cdc_history_last_boundary(apply->sub, at.place.seq, PG_INT64_MAX);
	foreach(lc, apply->targets)
		rows += ((CdcTargetRun *) lfirst(lc))->nentries;
	events = Min(Min(rows * REACH, MAX_EVENTS), last - at.place.seq);
	if (events <= 0)
		return;
	apply->work.at.source = NULL;
	if (cdc_lookahead_pays(apply, rows, events))
	{
		apply->work.at.place = at.place;
		look_ahead(apply, rows, events);
	}
	apply->work.at = at;
}
