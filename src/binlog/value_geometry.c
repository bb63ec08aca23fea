/*-------------------------------------------------------------------------
 *
 * value_geometry.c
 *	  Geometry as WKT, vectors as JSON arrays: see core/geometry.h and
 *	  core/vector_value.h.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/values.h"

#include "core/geometry.h"
#include "core/vector_value.h"

CdcStatus
cdc_decode_geometry(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *data;
	size_t		len;

	if (!cdc_take_string(r, plan, &data, &len))
		return cdc_row_cut_short(r);
	return cdc_geometry_value(r->arena, data, len, value, r->err);
}

CdcStatus
cdc_decode_vector(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *data;
	size_t		len;

	if (!cdc_take_string(r, plan, &data, &len))
		return cdc_row_cut_short(r);
	return cdc_vector_value(data, len, value, r->err);
}
