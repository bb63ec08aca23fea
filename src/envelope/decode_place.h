/*-------------------------------------------------------------------------
 *
 * decode_place.h
 *	  What decoders of bytes by a schema share: where in a message they are, how much
 *	  they may still write, and how an error tells both.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_DECODE_PLACE_H
#define CDC_ENVELOPE_DECODE_PLACE_H

#include "core/interrupt.h"
#include "core/status.h"
#include "core/value.h"

/* Levels of values that any decoder goes down. */
#define CDC_DECODE_LEVELS	100

/* What a value without a name counts for. */
#define CDC_DECODE_VALUE_BYTES	16

/* Values between two looks whether to go on. */
#define CDC_DECODE_LOOK_VALUES	4096

typedef struct CdcDecodePlace
{
	CdcError   *err;
	const char *schema;			/* what kind it is of: "Avro" */
	const uint8_t *begin;
	const uint8_t *at;			/* where errors are */
	uint64_t	room;			/* bytes that may still be written */
	unsigned	values;			/* so far */
	int			depth;			/* of fields; one more than levels may be in the path */
	const CdcString *path[CDC_DECODE_LEVELS + 1];	/* names of fields; NULL: an element */
} CdcDecodePlace;

/* At the beginning of len bytes; err is for all that comes. */
extern void cdc_decode_begin(CdcDecodePlace *place, const char *schema, const uint8_t *bytes,
							 size_t len, CdcError *err);

/* "after.amount", or "" at the top; cut to size. */
extern void cdc_decode_path(const CdcString *const *path, int depth, char *buf, size_t size);

/* Fills err with the reason, the byte and the field; returns st. */
extern CdcStatus cdc_decode_fail(const CdcDecodePlace *place, CdcStatus st, const char *reason);

/* What a decoder returned: err is filled where it was the sink that said no, by a status alone. */
extern CdcStatus cdc_decode_explain(const CdcDecodePlace *place, CdcStatus st);

/* The message's schema makes more of it than its bytes account for. */
extern CdcStatus cdc_decode_no_room(const CdcDecodePlace *place);

/* Takes room for what the schema, not the message, brings. */
static inline CdcStatus
cdc_decode_take_room(CdcDecodePlace *place, size_t bytes)
{
	if (bytes > place->room)
		return cdc_decode_no_room(place);
	place->room -= bytes;
	return CDC_OK;
}

/* Counts a value, and looks now and then whether to go on. */
static inline void
cdc_decode_count(CdcDecodePlace *place)
{
	if (++place->values % CDC_DECODE_LOOK_VALUES == 0)
		cdc_interrupt_point();
}

#endif							/* CDC_ENVELOPE_DECODE_PLACE_H */
