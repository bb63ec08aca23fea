/*-------------------------------------------------------------------------
 *
 * key_set.c
 *	  A set of keys of a target, in bounded memory.
 *
 * Open addressing; the two words of a key's digest are all that is kept.  Two different
 * keys have the same digest with a probability of 2^-128.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/key_set.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "pg/base/compat_value.h"
#include "pg/base/hash.h"
#include "pg/target/key.h"

#define FIRST_SLOTS		1024

/* In a slot a digest of zeros means no key; a key's is made another one. */
struct CdcKeySet
{
	MemoryContext cxt;
	const CdcTarget *target;
	size_t		bound;			/* bytes that slots may take */
	uint64		seeds[2];
	FmgrInfo  **hashes;			/* of key columns that a function compares; NULL: it has none
								 * of 64 bits */
	uint32		part;
	uint32		parts;
	CdcHash128 *slots;			/* nslots, a power of 2 */
	uint64		nslots;
	uint64		nkeys;
};

/* ---- digests ---- */

/* numeric's own function knows no sign; equal values have equal texts but for zeros at the end. */
static void
mix_numeric(CdcHash128 *d, Datum value)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, value));
	size_t		len = strlen(text);

	if (strchr(text, '.') != NULL)
	{
		while (text[len - 1] == '0')
			len--;
		if (text[len - 1] == '.')
			len--;
	}
	cdc_hash128_bytes(d, text, len);
	pfree(text);
}

/* Values that are equal need not have equal bytes: what the type's own function says. */
static void
mix_function(const CdcKeySet *set, CdcHash128 *d, int i, Datum value)
{
	const CdcKeyColumn *key = &set->target->key[i];
	int			n;

	if (set->target->columns[key->column].basetype == NUMERICOID)
		mix_numeric(d, value);
	else if (set->hashes[i] == NULL)
		cdc_hash128_word(d, DatumGetUInt32(FunctionCall1Coll((FmgrInfo *) &key->hash, key->collation, value)));
	else
		for (n = 0; n < 2; n++)
			cdc_hash128_word(d, (uint64) DatumGetInt64(FunctionCall2Coll(set->hashes[i], key->collation, value,
																 Int64GetDatum((int64) set->seeds[n]))));
}

static CdcHash128
digest(const CdcKeySet *set, const Datum *values, const bool *nulls)
{
	CdcHash128	d = {set->seeds[0], set->seeds[1]};
	int			i;

	for (i = 0; i < set->target->nkey; i++)
	{
		const CdcKeyColumn *key = &set->target->key[i];
		int			at = key->attnum - 1;

		cdc_hash128_word(&d, nulls[at]);
		if (nulls[at])
			continue;
		if (key->class == CDC_KEY_WORD)
			cdc_hash128_word(&d, (uint64) values[at]);
		else if (key->class == CDC_KEY_FIXED)
			cdc_hash128_bytes(&d, DatumGetPointer(values[at]), key->len);
		else if (key->class == CDC_KEY_FUNCTION)
			mix_function(set, &d, i, values[at]);
		else
		{
			struct varlena *v = PG_DETOAST_DATUM_PACKED(values[at]);

			cdc_hash128_bytes(&d, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
			if ((Pointer) v != DatumGetPointer(values[at]))
				pfree(v);
		}
	}
	if (d.a == 0 && d.b == 0)
		d.a = 1;
	return d;
}

static inline bool
is_of_part(const CdcKeySet *set, const CdcHash128 *d)
{
	return set->parts <= 1 || (uint32) (d->b >> 32) % set->parts == set->part;
}

/* ---- the set ---- */

/* A number that who does not know this process cannot tell; no secret of cryptography. */
static uint64
seed(void)
{
	static uint64 state = 0;
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	state = cdc_mix_word(state ^ (uint64) GetCurrentTimestamp());
	state = cdc_mix_word(state ^ (uint64) INSTR_TIME_GET_MICROSEC(now) ^ ((uint64) MyProcPid << 40));
	return cdc_mix_word(state ^ (uint64) (uintptr_t) &now);
}

/* Functions that make 64 bits of a value; their numbers are the caller's choice. */
static FmgrInfo *
extended_hash(const CdcTarget *target, const CdcKeyColumn *key)
{
#if CDC_HAVE_EXTENDED_HASH
	TypeCacheEntry *type = lookup_type_cache(target->columns[key->column].typid,
											 TYPECACHE_HASH_EXTENDED_PROC_FINFO);
	FmgrInfo   *info;

	if (!OidIsValid(type->hash_extended_proc))
		return NULL;
	info = palloc(sizeof(FmgrInfo));
	fmgr_info(type->hash_extended_proc, info);
	return info;
#else
	return NULL;
#endif
}

CdcKeySet *
cdc_key_set_create(const CdcTarget *target, size_t bytes)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest key set",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	CdcKeySet  *set = palloc0(sizeof(CdcKeySet));
	int			i;

	set->cxt = cxt;
	set->target = target;
	set->bound = Max(bytes, FIRST_SLOTS * sizeof(CdcHash128));
	set->seeds[0] = seed();
	set->seeds[1] = seed();
	set->hashes = palloc0(sizeof(FmgrInfo *) * Max(target->nkey, 1));
	for (i = 0; i < target->nkey; i++)
		if (target->key[i].class == CDC_KEY_FUNCTION)
			set->hashes[i] = extended_hash(target, &target->key[i]);
	MemoryContextSwitchTo(old);
	cdc_key_set_reset(set, 0, 1);
	return set;
}

void
cdc_key_set_reset(CdcKeySet *set, uint32 part, uint32 parts)
{
	set->part = part;
	set->parts = parts;
	set->nkeys = 0;
	if (set->slots != NULL)
		memset(set->slots, 0, set->nslots * sizeof(CdcHash128));
	else
	{
		set->nslots = FIRST_SLOTS;
		set->slots = MemoryContextAllocZero(set->cxt, FIRST_SLOTS * sizeof(CdcHash128));
	}
}

/* The slot that has the digest, or the free one where it belongs. */
static inline CdcHash128 *
find_slot(const CdcKeySet *set, const CdcHash128 *d)
{
	uint64		at = d->a & (set->nslots - 1);

	while ((set->slots[at].a != d->a || set->slots[at].b != d->b) &&
		   (set->slots[at].a != 0 || set->slots[at].b != 0))
		at = (at + 1) & (set->nslots - 1);
	return &set->slots[at];
}

/* Twice as many slots; false where that would be too many. */
static bool
grow(CdcKeySet *set)
{
	CdcHash128 *before = set->slots;
	uint64		n = set->nslots;
	uint64		i;

	/* while they move, both are there */
	if (n * 3 * sizeof(CdcHash128) > set->bound)
		return false;
	set->nslots = n * 2;
	set->slots = MemoryContextAllocHuge(set->cxt, set->nslots * sizeof(CdcHash128));
	memset(set->slots, 0, set->nslots * sizeof(CdcHash128));
	for (i = 0; i < n; i++)
		if (before[i].a != 0 || before[i].b != 0)
			*find_slot(set, &before[i]) = before[i];
	pfree(before);
	return true;
}

bool
cdc_key_set_add(CdcKeySet *set, const Datum *values, const bool *nulls)
{
	CdcHash128	d = digest(set, values, nulls);
	CdcHash128 *slot;

	if (!is_of_part(set, &d))
		return true;
	slot = find_slot(set, &d);
	if (slot->a != 0 || slot->b != 0)
		return true;
	if ((set->nkeys + 1) * 4 > set->nslots * 3)
	{
		if (!grow(set))
			return false;
		slot = find_slot(set, &d);
	}
	*slot = d;
	set->nkeys++;
	return true;
}

bool
cdc_key_set_lacks(const CdcKeySet *set, const Datum *values, const bool *nulls)
{
	CdcHash128	d = digest(set, values, nulls);
	CdcHash128 *slot;

	if (!is_of_part(set, &d))
		return false;
	slot = find_slot(set, &d);
	return slot->a == 0 && slot->b == 0;
}

void
cdc_key_set_destroy(CdcKeySet *set)
{
	MemoryContextDelete(set->cxt);
}
