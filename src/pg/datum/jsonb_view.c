/*-------------------------------------------------------------------------
 *
 * jsonb_view.c
 *	  Reading JSONB in its stored form in place.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/jsonb_view.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

void
cdc_json_no_container(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("JSON value is neither an object nor an array")));
}

/* Up to so many keys are looked at one after the other. */
#define LINEAR_KEYS		32

/*
 * The key's number, or -1.  Lengths are compared first, and adding them up
 * gives the offsets: for objects of some dozen keys this is faster than the
 * offset of an entry in the middle is found.
 */
static int
find_linear(const JsonbContainer *object, int n, const char *key, size_t keylen)
{
	const char *base = cdc_json_base(object, n * 2);
	uint32		offset = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		uint32		start = offset;
		CdcJsonValue k;
		int			cmp;

		cdc_json_step(object, base, i, &offset, &k);
		if (offset - start < keylen)
			continue;
		if (offset - start > keylen)
			break;
		cmp = memcmp(k.data, key, keylen);
		if (cmp == 0)
			return i;
		if (cmp > 0)
			break;
	}
	return -1;
}

static int
find_binary(const JsonbContainer *object, int n, const char *key, size_t keylen)
{
	const char *base = cdc_json_base(object, n * 2);
	int			low = 0;
	int			high = n;

	while (low < high)
	{
		int			mid = low + (high - low) / 2;
		CdcJsonValue k;
		uint32		offset = getJsonbOffset(object, mid);
		int			cmp;

		cdc_json_step(object, base, mid, &offset, &k);
		if (k.len != keylen)
			cmp = k.len < keylen ? -1 : 1;
		else
			cmp = memcmp(k.data, key, keylen);
		if (cmp == 0)
			return mid;
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

bool
cdc_json_find(const JsonbContainer *object, const char *key, size_t keylen, CdcJsonValue *v)
{
	int			n = cdc_json_is_object(object) ? cdc_json_count(object) : 0;
	int			i = n <= LINEAR_KEYS ? find_linear(object, n, key, keylen) :
		find_binary(object, n, key, keylen);

	if (i < 0)
		return false;
	cdc_json_get(object, n * 2, n + i, v);
	return true;
}

char *
cdc_json_to_cstring(const CdcJsonValue *v)
{
	switch (v->type)
	{
		case JENTRY_ISSTRING:
			return pnstrdup(v->data, v->len);
		case JENTRY_ISNUMERIC:
			return DatumGetCString(DirectFunctionCall1(numeric_out, PointerGetDatum(v->data)));
		case JENTRY_ISBOOL_TRUE:
			return pstrdup("true");
		case JENTRY_ISBOOL_FALSE:
			return pstrdup("false");
		case JENTRY_ISNULL:
			return pstrdup("null");
		default:
			return JsonbToCString(NULL, (JsonbContainer *) cdc_json_container(v), v->len);
	}
}

Jsonb *
cdc_json_to_jsonb(const CdcJsonValue *v)
{
	JsonbValue	jv;

	switch (v->type)
	{
		case JENTRY_ISCONTAINER:
			{
				Jsonb	   *result = palloc(VARHDRSZ + v->len);

				SET_VARSIZE(result, VARHDRSZ + v->len);
				memcpy(VARDATA(result), v->data, v->len);
				return result;
			}
		case JENTRY_ISSTRING:
			jv.type = jbvString;
			jv.val.string.val = (char *) v->data;
			jv.val.string.len = v->len;
			break;
		case JENTRY_ISNUMERIC:
			jv.type = jbvNumeric;
			jv.val.numeric = (Numeric) v->data;
			break;
		case JENTRY_ISBOOL_TRUE:
		case JENTRY_ISBOOL_FALSE:
			jv.type = jbvBool;
			jv.val.boolean = (v->type == JENTRY_ISBOOL_TRUE);
			break;
		default:
			jv.type = jbvNull;
			break;
	}
	return JsonbValueToJsonb(&jv);
}
