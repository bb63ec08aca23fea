/*-------------------------------------------------------------------------
 *
 * hint.c
 *	  What a PostgreSQL type tells of the values that a column takes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/expression/hint.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

void
cdc_column_hint(Oid typid, int32 typmod, CdcColumnHint *hint)
{
	Oid			base = getBaseTypeAndTypmod(typid, &typmod);

	memset(hint, 0, sizeof(*hint));
	hint->scale = -1;
	hint->fsp = -1;
	switch (base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			hint->kind = CDC_HINT_INTEGER;
			break;
		case NUMERICOID:
			hint->kind = CDC_HINT_DECIMAL;
			if (typmod >= 0)
			{
				/* as in convert.c: the scale is signed, 11 bits */
				hint->scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
				hint->precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
			}
			break;
		case FLOAT4OID:
		case FLOAT8OID:
			hint->kind = CDC_HINT_FLOAT;
			hint->precision = base == FLOAT4OID ? 24 : 53;
			break;
		case BOOLOID:
			hint->kind = CDC_HINT_BOOLEAN;
			break;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			hint->kind = CDC_HINT_TEXT;
			break;
		case BYTEAOID:
			hint->kind = CDC_HINT_BYTES;
			break;
		case BITOID:
		case VARBITOID:
			hint->kind = CDC_HINT_BIT;
			hint->precision = Max(typmod, base == BITOID ? 1 : 0);
			break;
		case DATEOID:
			hint->kind = CDC_HINT_DATE;
			break;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			hint->kind = base == TIMESTAMPOID ? CDC_HINT_DATETIME : CDC_HINT_TIMESTAMP;
			hint->fsp = typmod;
			break;
		case TIMEOID:
		case TIMETZOID:
			hint->kind = CDC_HINT_TIME;
			hint->fsp = typmod;
			break;
		case INTERVALOID:
			hint->kind = CDC_HINT_TIME;
			hint->duration = true;
			if (typmod >= 0 && INTERVAL_PRECISION(typmod) != INTERVAL_FULL_PRECISION)
				hint->fsp = INTERVAL_PRECISION(typmod);
			break;
		case JSONOID:
		case JSONBOID:
			hint->kind = CDC_HINT_JSON;
			break;
		default:
			hint->kind = OidIsValid(get_element_type(base)) ? CDC_HINT_ARRAY : CDC_HINT_OTHER;
			break;
	}
}
