/*-------------------------------------------------------------------------
 *
 * row_image.h
 *	  A row image of an event, with what it is of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_ROW_IMAGE_H
#define CDC_PG_MAPPING_ROW_IMAGE_H

#include "envelope/envelope.h"
#include "pg/mapping/mapping.h"

/* The row image that a layout is wanted for. */
typedef struct CdcRowImage
{
	const CdcSubscription *sub;
	const JsonbContainer *data; /* source column -> value */
	int64		seq;			/* of its event */
	const CdcTableDef *def;		/* by which it was read; NULL: the one as of its event */
	CdcArena   *arena;			/* of env */
	CdcEnvelope *env;			/* of the message that it was made from; NULL: of none */
	const CdcEventFacts *facts; /* of its event; NULL: of none */
} CdcRowImage;

#endif							/* CDC_PG_MAPPING_ROW_IMAGE_H */
