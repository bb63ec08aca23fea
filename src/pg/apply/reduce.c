/*-------------------------------------------------------------------------
 *
 * reduce.c
 *	  The last state of each key of a target since the last flush.
 *
 * Events are folded in as they come: a later image replaces an earlier one, a
 * partial image is laid over it column by column, a delete leaves "delete"
 * behind.  What is left is written by the back-end, deletes first, so that
 * keys may have been swapped or moved along in any way.
 *
 * In a table without key the row's value takes the key's place.  The fold of
 * inserts and deletes of equal rows is then the function
 *	  rows(n) = max(n - take, 0) + add
 * of the number n that the target has, exactly as if they were done one by
 * one.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#define FIRST_BUCKETS	64

/* a palloc'ed chunk's header and alignment, about */
#define CHUNK_OVERHEAD	24

/* ------------------------------------------------------------------------
 * Hashing and comparison of keys
 * ------------------------------------------------------------------------
 */

static inline uint32
hash_column(const CdcKeyColumn *key, Datum value)
{
	switch (key->class)
	{
		case CDC_KEY_WORD:
			return (uint32) cdc_mix_word((uint64) value);
		case CDC_KEY_BYTES:
			{
				struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

				return DatumGetUInt32(hash_any((unsigned char *) VARDATA_ANY(v),
											   VARSIZE_ANY_EXHDR(v)));
			}
		case CDC_KEY_FIXED:
			return DatumGetUInt32(hash_any((unsigned char *) DatumGetPointer(value), key->len));
		case CDC_KEY_FUNCTION:
			break;
	}
	return DatumGetUInt32(FunctionCall1Coll((FmgrInfo *) &key->hash, key->collation, value));
}

static inline bool
equal_column(const CdcKeyColumn *key, Datum a, Datum b)
{
	switch (key->class)
	{
		case CDC_KEY_WORD:
			return a == b;
		case CDC_KEY_BYTES:
			{
				struct varlena *va = PG_DETOAST_DATUM_PACKED(a);
				struct varlena *vb = PG_DETOAST_DATUM_PACKED(b);

				return VARSIZE_ANY_EXHDR(va) == VARSIZE_ANY_EXHDR(vb) &&
					memcmp(VARDATA_ANY(va), VARDATA_ANY(vb), VARSIZE_ANY_EXHDR(va)) == 0;
			}
		case CDC_KEY_FIXED:
			return memcmp(DatumGetPointer(a), DatumGetPointer(b), key->len) == 0;
		case CDC_KEY_FUNCTION:
			break;
	}
	return DatumGetBool(FunctionCall2Coll((FmgrInfo *) &key->equal, key->collation, a, b));
}

/* Of a whole row: values and nulls are indexed by attribute. */
uint32
cdc_reduce_hash(const CdcTarget *target, const Datum *values, const bool *nulls)
{
	uint32		h = 0;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcKeyColumn *key = &target->key[i];
		int			at = key->attnum - 1;

		if (i > 0)
			h = (h << 5) | (h >> 27);
		if (!nulls[at])
			h ^= hash_column(key, values[at]);
	}
	return h;
}

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
			isnull = i < 16 && (entry->key_nulls & (1 << i)) != 0;
		}
		if (isnull != nulls[at])
			return false;
		if (!isnull && !equal_column(key, value, values[at]))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------------
 * The table of entries
 * ------------------------------------------------------------------------
 */

/* Puts a bucket into the free place where it is looked for. */
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
		if (before[i].entry != 0)
			place_bucket(run, before[i].hash, before[i].entry);
	if (before != NULL)
		pfree(before);
}

CdcEntry *
cdc_reduce_find_row(CdcTargetRun *run, uint32 hash, const Datum *values, const bool *nulls)
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

/* A new entry for the key or row; the caller fills the rest. */
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
			if (i >= 16)
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

static CdcEntry *
find_or_add(CdcTargetRun *run, const Datum *values, const bool *nulls, bool *found)
{
	uint32		hash = cdc_reduce_hash(run->target, values, nulls);
	CdcEntry   *entry = cdc_reduce_find_row(run, hash, values, nulls);

	*found = (entry != NULL);
	return entry ? entry : add_entry(run, hash, values, nulls);
}

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
 * Folding
 * ------------------------------------------------------------------------
 */

static inline void
open_backend(CdcApply *apply, CdcTargetRun *run)
{
	if (run->backend == NULL)
		run->target->backend->open(apply, run);
}

static void
fold_delete(CdcApply *apply, CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	bool		found;
	CdcEntry   *entry = find_or_add(run, values, nulls, &found);

	if (entry->tuple != NULL)
	{
		heap_freetuple(entry->tuple);
		entry->tuple = NULL;
	}
	entry->put = false;
	entry->place = apply->place;
}

/* Lays the row at hand over what the key had. */
static void
fold_put(CdcApply *apply, CdcTargetRun *run, const CdcPresence *presence)
{
	bool		found;
	CdcEntry   *entry = find_or_add(run, run->values, run->nulls, &found);

	if (!found || !entry->put)
	{
		entry->replace = found;
		entry->presence = presence;
	}
	else if (!presence->complete)
	{
		int			natts = run->target->desc->natts;
		int			i;

		for (i = 0; i < natts; i++)
			if (!presence->attrs[i] && entry->presence->attrs[i])
				run->values[i] = heap_getattr(entry->tuple, i + 1, run->target->desc,
											  &run->nulls[i]);
		entry->presence = cdc_presence_union(run->target, entry->presence, presence);
	}
	else
		entry->presence = presence;
	entry->put = true;
	entry->place = apply->place;
	set_tuple(run, entry, run->values, run->nulls);
}

static void
fold_keyless(CdcApply *apply, CdcTargetRun *run, Datum *values, bool *nulls, bool insert,
			 const CdcPresence *presence)
{
	uint32		hash = cdc_reduce_hash(run->target, values, nulls);
	CdcEntry   *entry = cdc_reduce_find_row(run, hash, values, nulls);

	if (entry == NULL)
	{
		entry = add_entry(run, hash, values, nulls);
		set_tuple(run, entry, values, nulls);
		entry->presence = presence;
	}
	if (insert)
		entry->add++;
	else if (entry->add > 0)
		entry->add--;
	else
		entry->take++;
	entry->place = apply->place;
}

/* ------------------------------------------------------------------------
 * Events
 * ------------------------------------------------------------------------
 */

const CdcLayout *
cdc_reduce_convert(CdcApply *apply, CdcTargetRun *run, const JsonbContainer *data,
				   bool key_only)
{
	CdcTarget  *target = run->target;
	const CdcLayout *layout = cdc_target_layout(target, apply->sub, data, apply->place.seq);
	const char *base = cdc_json_base(data, 2 * layout->nkeys);
	uint32		offset = layout->keys_len;
	int			nops = key_only ? layout->nkeyops : layout->nops;
	int			op = 0;
	int			i;

	if (!layout->has_key)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("event lacks a column of the target's key"),
				 errhint("Check the key of target %s and the mapping of its columns.",
						 target->name)));
	memset(run->nulls, true, sizeof(bool) * target->desc->natts);
	for (i = 0; op < nops; i++)
	{
		CdcJsonValue v;

		/* the key is complete: its entry comes while the rest is converted */
		if (op == layout->nkeyops && op > 0 && !target->keyless)
			__builtin_prefetch(cdc_reduce_bucket(run, cdc_reduce_hash(target, run->values,
																	  run->nulls)));
		cdc_json_step(data, base, layout->nkeys + i, &offset, &v);
		for (; op < nops && layout->ops[op].index == i; op++)
		{
			CdcTargetColumn *col = &target->columns[layout->ops[op].column];
			int			at = col->attnum - 1;

			if (v.type == JENTRY_ISNULL || (key_only && !col->in_key))
				continue;
			apply->at_column = col->name;
			run->nulls[at] = false;
			run->values[at] = col->conv.convert(&col->conv, &v, &run->nulls[at]);
		}
	}
	apply->at_column = NULL;
	return layout;
}

bool
cdc_reduce_old_key(CdcApply *apply, CdcTargetRun *run, const JsonbContainer *old,
				   Datum *values, bool *nulls)
{
	CdcTarget  *target = run->target;
	bool		differs = false;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		CdcKeyColumn *key = &target->key[i];
		CdcTargetColumn *col = &target->columns[key->column];
		int			at = key->attnum - 1;
		CdcJsonValue v;

		values[at] = run->values[at];
		nulls[at] = run->nulls[at];
		if (old == NULL || !cdc_json_find(old, col->source, col->source_len, &v))
			continue;
		apply->at_column = col->name;
		nulls[at] = (v.type == JENTRY_ISNULL);
		if (!nulls[at])
			values[at] = col->conv.convert(&col->conv, &v, &nulls[at]);
		apply->at_column = NULL;
		if (nulls[at] != run->nulls[at] ||
			(!nulls[at] && !equal_column(key, values[at], run->values[at])))
			differs = true;
	}
	return differs;
}

/*
 * A changed key takes along the columns that the event lacks (partial images,
 * the target's own columns): fills them into the row at hand and returns the
 * new presence, or NULL when there is no row to take them from.
 */
static const CdcPresence *
carry_columns(CdcApply *apply, CdcTargetRun *run, const CdcPresence *presence,
			  const Datum *okey, const bool *onulls)
{
	CdcTarget  *target = run->target;
	int			natts = target->desc->natts;
	uint32		hash = cdc_reduce_hash(target, okey, onulls);
	CdcEntry   *entry = cdc_reduce_find_row(run, hash, okey, onulls);
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);
	bool	   *attrs;
	const CdcPresence *from = NULL;
	int			i;

	if (entry != NULL && !entry->put)
		return NULL;			/* deleted before: nothing to carry */
	if (entry != NULL && entry->presence->complete)
	{
		from = entry->presence;
		heap_deform_tuple(entry->tuple, target->desc, values, nulls);
	}
	else
	{
		/* the row as the target has it once all before is written */
		if (entry != NULL)
			cdc_reduce_flush(apply, run);
		for (i = 0; i < target->nkey; i++)
		{
			run->key[i] = okey[target->key[i].attnum - 1];
			run->key_null[i] = onulls[target->key[i].attnum - 1];
		}
		open_backend(apply, run);
		if (!target->backend->fetch(apply, run, values, nulls))
			return NULL;
	}

	for (i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (presence->attrs[i] || att->attisdropped || CDC_ATT_GENERATED(att))
			continue;
		run->values[i] = nulls[i] ? (Datum) 0 : datumCopy(values[i], att->attbyval, att->attlen);
		run->nulls[i] = nulls[i];
	}
	if (from != NULL)
		return from;
	attrs = palloc(sizeof(bool) * natts);
	memset(attrs, true, sizeof(bool) * natts);
	return cdc_presence_intern(target, attrs);
}

static void
reduce_update_keyless(CdcApply *apply, CdcTargetRun *run, const CdcLayout *layout,
					  const JsonbContainer *old)
{
	CdcTarget  *target = run->target;
	Datum	   *values = palloc(sizeof(Datum) * target->desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * target->desc->natts);

	memcpy(nulls, run->nulls, sizeof(bool) * target->desc->natts);
	memcpy(values, run->values, sizeof(Datum) * target->desc->natts);
	(void) cdc_reduce_old_key(apply, run, old, values, nulls);
	fold_keyless(apply, run, values, nulls, false, layout->presence);
	fold_keyless(apply, run, run->values, run->nulls, true, layout->presence);
}

static void
reduce_update(CdcApply *apply, CdcTargetRun *run, const CdcLayout *layout,
			  const JsonbContainer *old)
{
	const CdcPresence *presence = layout->presence;

	if (old != NULL && cdc_json_count(old) > 0)
	{
		Datum	   *okey = palloc(sizeof(Datum) * run->target->desc->natts);
		bool	   *onulls = palloc(sizeof(bool) * run->target->desc->natts);

		if (cdc_reduce_old_key(apply, run, old, okey, onulls))
		{
			const CdcPresence *carried = NULL;

			if (!presence->complete)
				carried = carry_columns(apply, run, presence, okey, onulls);
			fold_delete(apply, run, okey, onulls);
			if (run->target->row_by_row)
				cdc_reduce_flush(apply, run);
			if (carried != NULL)
				presence = carried;
		}
	}
	fold_put(apply, run, presence);
}

void
cdc_reduce_row(CdcApply *apply, CdcTargetRun *run, char op, const JsonbContainer *data,
			   const JsonbContainer *old)
{
	CdcTarget  *target = run->target;
	const CdcLayout *layout;
	const CdcPresence *presence;

	apply->at_data = data;
	layout = cdc_reduce_convert(apply, run, data, false);
	presence = layout->presence;
	if (target->reader != NULL && !presence->complete &&
		cdc_envelope_reader_envelope(target->reader)->format == CDC_FORMAT_JSON)
		presence = cdc_presence_union(target, presence, cdc_target_whole_row(target));
	if (layout->stale != NULL && op != CDC_OP_DELETE)
		cdc_target_stale_column(target, layout);
	if (target->keyless && op == CDC_OP_UPDATE)
		reduce_update_keyless(apply, run, layout, old);
	else if (target->keyless)
		fold_keyless(apply, run, run->values, run->nulls, op != CDC_OP_DELETE, presence);
	else if (op == CDC_OP_DELETE)
		fold_delete(apply, run, run->values, run->nulls);
	else if (op == CDC_OP_UPDATE)
		reduce_update(apply, run, layout, old);
	else
		fold_put(apply, run, presence);
	apply->at_data = NULL;

	apply->bytes += run->bytes - run->counted;
	run->counted = run->bytes;
	if (target->row_by_row)
		cdc_reduce_flush(apply, run);
}

/* ------------------------------------------------------------------------
 * Flush
 * ------------------------------------------------------------------------
 */

/* Entries that a look ahead found to be needless.  Sees whether there are deletes. */
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
cdc_reduce_discard(CdcApply *apply, CdcTargetRun *run)
{
	apply->bytes -= run->counted;
	run->counted = 0;
	run->bytes = 0;
	run->buckets = NULL;
	run->nbuckets = 0;
	run->entries = NULL;
	run->nentries = 0;
	run->maxentries = 0;
	MemoryContextReset(run->batch);
}

void
cdc_reduce_flush(CdcApply *apply, CdcTargetRun *run)
{
	const JsonbContainer *data = apply->at_data;
	CdcPlace	place = apply->place;
	const CdcTargetRun *target = apply->at_target;

	if (run->nentries == 0)
		return;
	apply->at_data = NULL;
	apply->at_target = run;
	drop_superseded(run);
	cdc_reduce_sort(run);
	open_backend(apply, run);
	run->target->backend->flush(apply, run);
	cdc_reduce_discard(apply, run);
	apply->at_entry = NULL;
	apply->at_data = data;
	apply->at_target = target;
	apply->place = place;
}
