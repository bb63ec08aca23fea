/*-------------------------------------------------------------------------
 *
 * reduce.c
 *	  The last state of each key of a target since the last flush.
 *
 * Rows are folded in as they come: a later one replaces an earlier one, a
 * partial one is laid over it column by column, a delete leaves "delete" behind.
 * What is left is written by the back-end, deletes first, so that keys may have
 * been swapped or moved along in any way.
 *
 * In a table without key the row's value takes the key's place.  The fold of
 * inserts and deletes of equal rows is then the function
 *	  rows(n) = max(n - take, 0) + add
 * of the number n that the target has, exactly as if they were done one by
 * one.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "pg/target/key.h"

#define FIRST_BUCKETS	64

/* A palloc'ed chunk's header and alignment in bytes, about. */
#define CHUNK_OVERHEAD	24

/* ------------------------------------------------------------------------
 * The table of entries
 * ------------------------------------------------------------------------
 */

/* Whether an entry is for the key (keyless: the row) in values and nulls. */
static bool
entry_matches(CdcTargetRun *run, const CdcEntry *entry, const Datum *values, const bool *nulls)
{
	const CdcTarget *target = run->target;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcKeyColumn *key = &target->key[i];
		int			at = key->attnum - 1;
		bool		isnull;
		Datum		value;

		if (target->keyless)
			value = heap_getattr(entry->tuple, key->attnum, target->desc, &isnull);
		else
		{
			value = entry->key[i];
			isnull = cdc_entry_key_is_null(entry, i);
		}
		if (isnull != nulls[at])
			return false;
		if (!isnull && !cdc_key_column_equal(key, value, values[at]))
			return false;
	}
	return true;
}

/* Puts a bucket into the first free place where it is looked for. */
static inline void
place_bucket(CdcTargetRun *run, uint32 hash, uint32 entry)
{
	uint32		at;

	for (at = hash & (run->nbuckets - 1); run->buckets[at].entry != 0;
		 at = (at + 1) & (run->nbuckets - 1))
		;
	run->buckets[at].hash = hash;
	run->buckets[at].entry = entry;
}

/* Doubles the buckets; their old memory goes back to the batch. */
static void
grow_buckets(CdcTargetRun *run)
{
	CdcBucket  *before = run->buckets;
	uint32		nbefore = run->nbuckets;
	uint32		n = nbefore == 0 ? FIRST_BUCKETS : nbefore * 2;
	uint32		i;

	run->buckets = MemoryContextAllocHuge(run->batch, n * sizeof(CdcBucket));
	memset(run->buckets, 0, n * sizeof(CdcBucket));
	run->bytes += n * sizeof(CdcBucket);
	run->nbuckets = n;
	for (i = 0; i < nbefore; i++)
	{
		/* keys that were made to have equal hashes make this long */
		CHECK_FOR_INTERRUPTS();
		if (before[i].entry != 0)
			place_bucket(run, before[i].hash, before[i].entry);
	}
	if (before != NULL)
		pfree(before);
}

CdcEntry *
cdc_reduce_find_entry(CdcTargetRun *run, uint32 hash, const Datum *values, const bool *nulls)
{
	uint32		at;

	if (run->nbuckets == 0)
		return NULL;
	for (at = hash & (run->nbuckets - 1); run->buckets[at].entry != 0;
		 at = (at + 1) & (run->nbuckets - 1))
	{
		if (run->buckets[at].hash == hash)
		{
			CdcEntry   *entry = run->entries[run->buckets[at].entry - 1];

			if (entry_matches(run, entry, values, nulls))
				return entry;
		}
	}
	return NULL;
}

/* Adds an entry for the key or row; the caller fills the rest of it. */
static CdcEntry *
add_entry(CdcTargetRun *run, uint32 hash, const Datum *values, const bool *nulls)
{
	const CdcTarget *target = run->target;
	int			nkey = target->keyless ? 0 : target->nkey;
	size_t		size = offsetof(CdcEntry, key) + nkey * sizeof(Datum);
	MemoryContext old = MemoryContextSwitchTo(run->batch);
	CdcEntry   *entry = palloc0(size);
	int			i;

	entry->hash = hash;
	run->bytes += size + CHUNK_OVERHEAD + CDC_SORT_BYTES + sizeof(CdcEntry *);
	for (i = 0; i < nkey; i++)
	{
		int			a = target->key[i].attnum - 1;
		const CdcTargetColumn *col = &target->columns[target->key[i].column];

		if (nulls[a])
		{
			if (i >= CDC_KEY_NULLS_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("null in key column \"%s\"", col->name)));
			entry->key_nulls |= 1 << i;
		}
		else
		{
			entry->key[i] = datumCopy(values[a], col->byval, col->len);
			if (!col->byval)
				run->bytes += datumGetSize(values[a], col->byval, col->len) + CHUNK_OVERHEAD;
		}
	}
	if (run->nentries >= run->maxentries)
	{
		run->maxentries = Max(FIRST_BUCKETS / 2, run->maxentries * 2);
		if (run->entries == NULL)
			run->entries = palloc(run->maxentries * sizeof(CdcEntry *));
		else
			run->entries = repalloc_huge(run->entries, run->maxentries * sizeof(CdcEntry *));
	}
	MemoryContextSwitchTo(old);

	if ((run->nentries + 1) * 4 > run->nbuckets * 3)
		grow_buckets(run);
	run->entries[run->nentries++] = entry;
	place_bucket(run, hash, run->nentries);
	return entry;
}

/* The key's entry; a new one, with *found false, where there is none. */
static CdcEntry *
find_or_add(const CdcWork *work, CdcTargetRun *run, const Datum *values, const bool *nulls, bool *found)
{
	uint32		hash = cdc_key_hash(run->target, values, nulls);
	CdcEntry   *entry = cdc_reduce_find_entry(run, hash, values, nulls);

	*found = (entry != NULL);
	if (entry != NULL)
	{
		entry->folded = true;
		return entry;
	}
	if (run->nentries == 0)
		run->first_seq = work->at.place.seq;
	entry = add_entry(run, hash, values, nulls);
	entry->expected = run->expected;
	return entry;
}

/* Makes the row in values and nulls the entry's tuple. */
static void
set_tuple(CdcTargetRun *run, CdcEntry *entry, Datum *values, bool *nulls)
{
	HeapTuple	before = entry->tuple;
	HeapTuple	tuple = NULL;
	MemoryContext old;

	if (before != NULL)
	{
		tuple = heap_form_tuple(run->target->desc, values, nulls);
		if (tuple->t_len <= before->t_len)
		{
			/* a row that changes all the time takes no more memory */
			memcpy(before->t_data, tuple->t_data, tuple->t_len);
			before->t_len = tuple->t_len;
			return;
		}
	}
	old = MemoryContextSwitchTo(run->batch);
	entry->tuple = tuple != NULL ? heap_copytuple(tuple) :
		heap_form_tuple(run->target->desc, values, nulls);
	/* what it replaces stays counted: its memory comes back with the batch only */
	run->bytes += HEAPTUPLESIZE + entry->tuple->t_len + CHUNK_OVERHEAD;
	if (before != NULL)
		heap_freetuple(before);
	MemoryContextSwitchTo(old);
}

/* ------------------------------------------------------------------------
 * The back-end
 * ------------------------------------------------------------------------
 */

/* Opens the back-end where it is not open. */
static inline void
open_backend(CdcWork *work, CdcTargetRun *run)
{
	if (run->state == NULL)
		run->backend->open(work, run);
}

/*
 * session_replication_role while it writes.  The direct back-end picks the triggers by
 * itself: with the role of a replica their code would pass over those of other tables.
 */
static inline bool
is_replica_role(const CdcTargetRun *run)
{
	return run->backend == &cdc_write_sql && run->rights.replica && run->rights.replica_role;
}

void
cdc_reduce_settle(CdcWork *work, CdcTargetRun *run)
{
	CdcAtHand	at = work->at;

	if (run->state == NULL || run->backend->settle == NULL)
		return;
	work->at.source = run->source;
	run->backend->settle(work, run);
	work->at = at;
}

void
cdc_reduce_close(CdcWork *work, CdcTargetRun *run)
{
	if (run->written != NULL)
		cdc_reduce_close(work, run->written);
	if (run->state != NULL)
		run->backend->close(work, run);
}

bool
cdc_reduce_fetch(CdcWork *work, CdcTargetRun *run, const Datum *key, const bool *key_nulls,
				 Datum *values, bool *nulls)
{
	const CdcTarget *target = run->target;
	CdcWriterUser user;
	CdcRowKey	wanted;
	bool		found;
	int			i;

	wanted.values = palloc(sizeof(Datum) * Max(target->nkey, 1));
	wanted.nulls = palloc(sizeof(bool) * Max(target->nkey, 1));
	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;

		wanted.values[i] = key[at];
		wanted.nulls[i] = key_nulls[at];
	}
	cdc_writer_begin(run, &user);
	cdc_writer_set_role(is_replica_role(run));
	open_backend(work, run);
	work->calls++;
	found = run->backend->fetch(run, &wanted, values, nulls);
	cdc_writer_end(&user);
	return found;
}

/* ------------------------------------------------------------------------
 * Folding
 * ------------------------------------------------------------------------
 */

void
cdc_reduce_delete(CdcWork *work, CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	bool		found;
	CdcEntry   *entry = find_or_add(work, run, values, nulls, &found);

	if (entry->tuple != NULL)
	{
		heap_freetuple(entry->tuple);
		entry->tuple = NULL;
	}
	entry->put = false;
	entry->place = work->at.place;
}

/* Lays a row over what the entry has; found: it is not a new one. */
static void
lay_over(CdcWork *work, CdcTargetRun *run, CdcEntry *entry, bool found, Datum *values, bool *nulls,
		 const CdcPresence *presence)
{
	CdcTarget  *target = run->target;

	if (!found || !entry->put)
	{
		entry->replace = found;
		entry->presence = presence;
	}
	else if (!presence->complete)
	{
		int			natts = target->desc->natts;
		int			i;

		for (i = 0; i < natts; i++)
			if (!presence->attrs[i] && entry->presence->attrs[i])
				values[i] = heap_getattr(entry->tuple, i + 1, target->desc, &nulls[i]);
		entry->presence = cdc_presence_union(&target->presences, entry->presence, presence);
	}
	else
		entry->presence = presence;
	entry->put = true;
	entry->place = work->at.place;
	set_tuple(run, entry, values, nulls);
}

void
cdc_reduce_put(CdcWork *work, CdcTargetRun *run, Datum *values, bool *nulls,
			   const CdcPresence *presence)
{
	bool		found;
	CdcEntry   *entry = find_or_add(work, run, values, nulls, &found);

	lay_over(work, run, entry, found, values, nulls, presence);
	entry->existing = false;
}

void
cdc_reduce_update(CdcWork *work, CdcTargetRun *run, Datum *values, bool *nulls,
				  const CdcPresence *presence)
{
	bool		found;
	CdcEntry   *entry = find_or_add(work, run, values, nulls, &found);

	/* it was deleted before, and stays so */
	if (found && !entry->put)
		return;
	lay_over(work, run, entry, found, values, nulls, presence);
	if (!found)
		entry->existing = true;
}

void
cdc_reduce_keyless(CdcWork *work, CdcTargetRun *run, Datum *values, bool *nulls, bool insert,
				   const CdcPresence *presence)
{
	uint32		hash = cdc_key_hash(run->target, values, nulls);
	CdcEntry   *entry = cdc_reduce_find_entry(run, hash, values, nulls);

	if (entry == NULL)
	{
		if (run->nentries == 0)
			run->first_seq = work->at.place.seq;
		entry = add_entry(run, hash, values, nulls);
		set_tuple(run, entry, values, nulls);
		entry->presence = presence;
	}
	else
		entry->folded = true;
	if (insert)
		entry->add++;
	else if (entry->add > 0)
		entry->add--;
	else
		entry->take++;
	entry->place = work->at.place;
}

void
cdc_reduce_row_done(CdcWork *work, CdcTargetRun *run)
{
	work->bytes += run->bytes - run->counted;
	run->counted = run->bytes;
	if (run->target->row_by_row || run->one_by_one)
		cdc_reduce_flush(work, run);
}

/* ------------------------------------------------------------------------
 * Flush
 * ------------------------------------------------------------------------
 */

/*
 * Drops the entries that a look ahead found to be needless, and finds out whether
 * some of the others delete.
 */
static void
drop_superseded(CdcTargetRun *run)
{
	int			kept = 0;
	int			i;

	run->deletes = false;
	for (i = 0; i < run->nentries; i++)
	{
		CdcEntry   *entry = run->entries[i];

		if (entry->superseded)
			continue;
		run->entries[kept++] = entry;
		if (!entry->put)
			run->deletes = true;
	}
	run->nentries = kept;
}

void
cdc_reduce_discard(CdcWork *work, CdcTargetRun *run)
{
	work->bytes -= run->counted;
	run->counted = 0;
	run->bytes = 0;
	run->buckets = NULL;
	run->nbuckets = 0;
	run->entries = NULL;
	run->nentries = 0;
	run->maxentries = 0;
	memset(&run->surprise, 0, sizeof(run->surprise));
	MemoryContextReset(run->batch);
}

void
cdc_reduce_flush(CdcWork *work, CdcTargetRun *run)
{
	CdcAtHand	at = work->at;
	CdcWriterUser user;

	if (run->written != NULL)
		cdc_reduce_flush(work, run->written);
	if (run->nentries == 0)
		return;
	work->at.data = NULL;
	work->at.source = run->source;
	work->at.writing = true;
	drop_superseded(run);
	cdc_reduce_sort(run);
	cdc_writer_begin(run, &user);
	cdc_writer_set_role(is_replica_role(run));
	open_backend(work, run);
	work->calls++;
	run->backend->flush(work, run);
	cdc_writer_end(&user);
	if (unlikely(run->surprise.missing > 0 || run->surprise.surplus > 0) && run->surprised != NULL)
		run->surprised(work, run);
	cdc_reduce_discard(work, run);
	work->at = at;
}
