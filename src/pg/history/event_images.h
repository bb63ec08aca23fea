/*-------------------------------------------------------------------------
 *
 * event_images.h
 *	  The row images in Maxwell's event.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_EVENT_IMAGES_H
#define CDC_PG_HISTORY_EVENT_IMAGES_H

#include "pg/base/compat.h"
#include "utils/jsonb.h"

/*
 * The objects "data" and "old" of an event, which is an object; NULL where it has none.  ERROR
 * where one is neither an object nor null.
 */
extern void cdc_event_find_images(const JsonbContainer *event, const JsonbContainer **data,
								  const JsonbContainer **old);

#endif							/* CDC_PG_HISTORY_EVENT_IMAGES_H */
