/*-------------------------------------------------------------------------
 *
 * seen.c
 *	  Hashes of the keys that the source has: written to a temporary file as they
 *	  come, then looked at a part at a time, so that memory is bounded.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/base/spill_file.h"

/* Hashes of a part: 24 bytes each, in a table that is at most half full: 48 MB. */
#define PART_HASHES		1000000

typedef struct Slot
{
	CdcHash128	hash;
	int32		count;
	bool		used;
} Slot;

struct CdcSeen
{
	MemoryContext context;		/* where its memory is */
	CdcSpillFile *file;
	int64		total;
	int			parts;			/* 0: nothing was loaded yet */
	int			part;			/* that is loaded */
	uint32		nslots;			/* a power of 2 */
	Slot	   *slots;
};

CdcSeen *
cdc_seen_create(void)
{
	CdcSeen    *seen = palloc0(sizeof(CdcSeen));

	seen->context = CurrentMemoryContext;
	seen->file = cdc_spill_file_create(seen->context, CurrentResourceOwner);
	return seen;
}

/* The session's set, from one step to the next. */
static struct
{
	CdcSeen    *seen;			/* NULL: there is none */
	char	   *name;
	int			number;			/* -1: a step is at work on it, or has failed */
	int64		seq;
}			kept;

static void
drop_kept(void)
{
	CdcSeen    *seen = kept.seen;

	kept.seen = NULL;
	if (seen != NULL)
	{
		pfree(kept.name);
		cdc_seen_close(seen);
	}
}

CdcSeen *
cdc_seen_create_kept(const char *name, int64 seq)
{
	CdcSeen    *seen;
	char	   *copy;

	drop_kept();
	copy = MemoryContextStrdup(TopMemoryContext, name);
	seen = MemoryContextAllocZero(TopMemoryContext, sizeof(CdcSeen));
	seen->context = TopMemoryContext;
	seen->file = cdc_spill_file_create(seen->context, NULL);
	kept.seen = seen;
	kept.name = copy;
	kept.number = -1;
	kept.seq = seq;
	return seen;
}

void
cdc_seen_keep(int number)
{
	kept.number = number;
}

CdcSeen *
cdc_seen_take(const char *name, int number, int64 *seq)
{
	if (kept.seen == NULL || kept.number != number || strcmp(kept.name, name) != 0)
	{
		drop_kept();
		return NULL;
	}
	kept.number = -1;
	*seq = kept.seq;
	return kept.seen;
}

void
cdc_seen_close(CdcSeen *seen)
{
	if (seen == kept.seen)
	{
		kept.seen = NULL;
		pfree(kept.name);
	}
	cdc_spill_file_close(seen->file);
	if (seen->slots != NULL)
		pfree(seen->slots);
	pfree(seen);
}

void
cdc_seen_add(CdcSeen *seen, CdcHash128 hash)
{
	cdc_spill_file_write(seen->file, &hash, sizeof(hash));
	seen->total++;
}

int64
cdc_seen_total(const CdcSeen *seen)
{
	return seen->total;
}

int
cdc_seen_parts(const CdcSeen *seen)
{
	return (int) (seen->total / PART_HASHES) + 1;
}

bool
cdc_seen_in_part(const CdcSeen *seen, CdcHash128 hash)
{
	return (int) (hash.b % seen->parts) == seen->part;
}

/* The hash's slot, or the free one where it would be. */
static Slot *
find_slot(const CdcSeen *seen, CdcHash128 hash)
{
	uint32		at = (uint32) hash.a & (seen->nslots - 1);

	while (seen->slots[at].used &&
		   (seen->slots[at].hash.a != hash.a || seen->slots[at].hash.b != hash.b))
		at = (at + 1) & (seen->nslots - 1);
	return &seen->slots[at];
}

/* Parts are of about one size, but not of exactly that. */
static void
grow(CdcSeen *seen)
{
	Slot	   *old = seen->slots;
	uint32		n = seen->nslots;
	uint32		i;

	seen->nslots = n * 2;
	seen->slots = MemoryContextAllocHuge(seen->context, sizeof(Slot) * seen->nslots);
	memset(seen->slots, 0, sizeof(Slot) * seen->nslots);
	for (i = 0; i < n; i++)
		if (old[i].used)
			*find_slot(seen, old[i].hash) = old[i];
	pfree(old);
}

void
cdc_seen_load(CdcSeen *seen, int part)
{
	uint32		used = 0;
	int64		i;

	seen->parts = cdc_seen_parts(seen);
	seen->part = part;
	if (seen->slots != NULL)
		pfree(seen->slots);
	seen->slots = NULL;
	seen->nslots = 1024;
	while (seen->nslots < 2 * Min(seen->total, PART_HASHES))
		seen->nslots *= 2;
	seen->slots = MemoryContextAllocHuge(seen->context, sizeof(Slot) * seen->nslots);
	memset(seen->slots, 0, sizeof(Slot) * seen->nslots);
	cdc_spill_file_rewind(seen->file);
	for (i = 0; i < seen->total; i++)
	{
		CdcHash128	hash;
		Slot	   *slot;

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(&hash, cdc_spill_file_read(seen->file, sizeof(hash)), sizeof(hash));
		if (!cdc_seen_in_part(seen, hash))
			continue;
		slot = find_slot(seen, hash);
		if (!slot->used)
			used++;
		slot->used = true;
		slot->hash = hash;
		slot->count++;
		if (used > seen->nslots / 4 * 3)
			grow(seen);
	}
}

int32 *
cdc_seen_find(CdcSeen *seen, CdcHash128 hash)
{
	Slot	   *slot = find_slot(seen, hash);

	return slot->used ? &slot->count : NULL;
}

void
cdc_seen_each(CdcSeen *seen, void (*visit) (CdcHash128 hash, int32 count, void *arg), void *arg)
{
	uint32		i;

	for (i = 0; i < seen->nslots; i++)
		if (seen->slots[i].used)
			visit(seen->slots[i].hash, seen->slots[i].count, arg);
}
