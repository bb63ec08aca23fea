/*-------------------------------------------------------------------------
 *
 * event_images.c
 *	  The row images in Maxwell's event.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/event_images.h"

#include "pg/datum/jsonb_view.h"

void
cdc_event_find_images(const JsonbContainer *event, const JsonbContainer **data,
					  const JsonbContainer **old)
{
	int			n = cdc_json_count(event);
	const char *base = cdc_json_base(event, 2 * n);
	uint32		offset = 0;
	int			i;

	*data = NULL;
	*old = NULL;
	/* keys are sorted by length first: "old" and "data" are near the start */
	for (i = 0; i < n; i++)
	{
		CdcJsonValue key;
		CdcJsonValue v;
		const JsonbContainer **part;

		cdc_json_step(event, base, i, &offset, &key);
		if (key.len > 4)
			break;
		if (key.len == 3 && memcmp(key.data, "old", 3) == 0)
			part = old;
		else if (key.len == 4 && memcmp(key.data, "data", 4) == 0)
			part = data;
		else
			continue;
		cdc_json_get(event, 2 * n, n + i, &v);
		*part = cdc_json_object(&v);
		if (*part == NULL && v.type != JENTRY_ISNULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("event's \"%.*s\" is neither an object nor null", (int) key.len,
							key.data)));
	}
}
