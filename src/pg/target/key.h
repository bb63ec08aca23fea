/*-------------------------------------------------------------------------
 *
 * key.h
 *	  Keys of a target: hashed and compared.
 *
 *	  Keys are given as rows of the target are: values and nulls by attribute,
 *	  of which only those of key columns are looked at.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_KEY_H
#define CDC_PG_TARGET_KEY_H

#include "pg/base/hash.h"
#include "pg/base/compat_value.h"
#include "pg/target/target.h"

static inline uint32
cdc_key_column_hash(const CdcKeyColumn *key, Datum value)
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
cdc_key_column_equal(const CdcKeyColumn *key, Datum a, Datum b)
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

static inline uint32
cdc_key_hash(const CdcTarget *target, const Datum *values, const bool *nulls)
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
			h ^= cdc_key_column_hash(key, values[at]);
	}
	return h;
}

#endif							/* CDC_PG_TARGET_KEY_H */
