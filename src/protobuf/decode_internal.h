/*-------------------------------------------------------------------------
 *
 * decode_internal.h
 *	  What decode.c and known.c share while a message is decoded.
 *
 *	  A message is first looked through, then written: its fields come in any order, the
 *	  last one of several counts, and messages that come in parts are one.  What was
 *	  found of messages that are inside of each other is on one stack of items.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PROTOBUF_DECODE_INTERNAL_H
#define CDC_PROTOBUF_DECODE_INTERNAL_H

#include "envelope/decode_place.h"
#include "protobuf/wire.h"

/* A path has the fields of all levels, and one that is wrong. */
_Static_assert(CDC_PROTOBUF_MAX_DEPTH <= CDC_DECODE_LEVELS, "a path has room for all levels");

/* A field of the bytes. */
typedef struct CdcPbFound
{
	const uint8_t *begin;		/* of what has a length */
	union
	{
		const uint8_t *end;
		uint64_t	bits;		/* of a number */
	}			u;
	uint32_t	next;			/* of the same field: its place on the stack and 1; 0: none */
	bool		packed;
} CdcPbFound;

/* Of a field of the schema: places on the stack and 1; 0: none. */
typedef struct CdcPbSlot
{
	uint32_t	first;
	uint32_t	last;
} CdcPbSlot;

struct CdcPbLevel;

typedef struct CdcPbDecoder
{
	CdcSink    *sink;
	CdcArena   *scratch;
	const CdcProtobufSchema *schema;
	/* writes a message that has a meaning: cdc_pb_known() */
	CdcStatus	(*known) (struct CdcPbDecoder *d, const struct CdcPbLevel *level);
	CdcPbFound *found;
	CdcPbSlot  *slots;
	size_t		nfound;
	size_t		nslots;
	size_t		found_cap;
	size_t		slots_cap;
	int			levels;			/* of messages; fields are as many at most, and one that is wrong */
	CdcDecodePlace place;
} CdcPbDecoder;

/* A message that was looked through. */
typedef struct CdcPbLevel
{
	const CdcProtobufMessage *message;
	size_t		slots;			/* where its slots begin */
	size_t		found;
	size_t		size;			/* of its bytes */
} CdcPbLevel;

/* What a message has been found to be: bytes, and those of more parts. */
typedef struct CdcPbContent
{
	const uint8_t *begin;
	const uint8_t *end;
	uint32_t	next;
} CdcPbContent;

static inline const CdcPbSlot *
cdc_pb_slot(const CdcPbDecoder *d, const CdcPbLevel *level, int i)
{
	return &d->slots[level->slots + (size_t) i];
}

/* The last of a field's; NULL: it is not there. */
static inline const CdcPbFound *
cdc_pb_last(const CdcPbDecoder *d, const CdcPbLevel *level, int i)
{
	uint32_t	last = cdc_pb_slot(d, level, i)->last;

	return last > 0 ? &d->found[last - 1] : NULL;
}

/* A field's message, which is there, however many parts it comes in. */
extern CdcPbContent cdc_pb_whole(const CdcPbDecoder *d, const CdcPbLevel *level, int i);

/* Writes a message. */
extern CdcStatus cdc_pb_message(CdcPbDecoder *d, const CdcProtobufMessage *message,
								CdcPbContent content);

/* Writes the members of an object: all fields. */
extern CdcStatus cdc_pb_members(CdcPbDecoder *d, const CdcPbLevel *level);

/* Writes one of them, which is there or not. */
extern CdcStatus cdc_pb_value(CdcPbDecoder *d, const CdcPbLevel *level, int i);

/*
 * The level that content becomes; what it took is given back by cdc_pb_leave().
 */
extern CdcStatus cdc_pb_enter(CdcPbDecoder *d, const CdcProtobufMessage *message,
							  CdcPbContent content, CdcPbLevel *level);
extern void cdc_pb_leave(CdcPbDecoder *d, const CdcPbLevel *level);

/* Writes a message that has a meaning. */
extern CdcStatus cdc_pb_known(CdcPbDecoder *d, const CdcPbLevel *level);

#endif							/* CDC_PROTOBUF_DECODE_INTERNAL_H */
