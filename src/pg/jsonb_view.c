/*-------------------------------------------------------------------------
 *
 * jsonb_view.c
 *	  Reading JSONB in its stored form in place.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/jsonb_view.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

bool
cdc_json_find(const JsonbContainer *object, const char *key, size_t keylen, CdcJsonValue *v)
{
	int			n = cdc_json_count(object);
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
		{
			cdc_json_get(object, n * 2, n + mid, v);
			return true;
		}
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
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
