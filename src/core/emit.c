/*-------------------------------------------------------------------------
 *
 * emit.c
 *	  Values that JSON has no form of its own for, written as everything here writes them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/emit.h"

#include <math.h>

#include "core/base64.h"

CdcStatus
cdc_emit_base64(CdcArena *arena, const uint8_t *bytes, size_t len, CdcSink *sink)
{
	char		small[256];
	char	   *text = small;

	if (len > sizeof(small) / 4 * 3 - 3)
		text = cdc_arena_alloc(arena, (len + 2) / 3 * 4);
	if (text == NULL)
		return CDC_ERR_NOMEM;
	return sink->ops->string(sink, text, cdc_base64(bytes, len, text));
}

CdcStatus
cdc_emit_double(CdcSink *sink, double v, bool single)
{
	const char *name = isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";

	if (!isfinite(v))
		return sink->ops->string(sink, name, strlen(name));
	return single ? sink->ops->float4(sink, (float) v) : sink->ops->float8(sink, v);
}
