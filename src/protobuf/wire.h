/*-------------------------------------------------------------------------
 *
 * wire.h
 *	  Protobuf's encoding: numbers, and fields with what stands in them.
 *
 *	  Nothing is read beyond the end; each function returns NULL where all is well, else
 *	  what is wrong, for people.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PROTOBUF_WIRE_H
#define CDC_PROTOBUF_WIRE_H

#include "core/bytes.h"
#include "protobuf/internal.h"

typedef struct CdcPbItem
{
	uint32_t	number;
	CdcPbWire	wire;
	uint64_t	bits;			/* of numbers */
	const uint8_t *begin;		/* of the rest: what is in it */
	const uint8_t *end;
} CdcPbItem;

extern const char *cdc_pb_varint_slow(const uint8_t **p, const uint8_t *end, uint64_t *result);

static inline const char *
cdc_pb_varint(const uint8_t **p, const uint8_t *end, uint64_t *result)
{
	/* most numbers are small */
	if (*p < end && **p < 0x80)
	{
		*result = *(*p)++;
		return NULL;
	}
	return cdc_pb_varint_slow(p, end, result);
}

/* The next field; a group's item spans what is between its ends. */
extern const char *cdc_pb_next(const uint8_t **p, const uint8_t *end, CdcPbItem *item);

static inline int64_t
cdc_pb_zigzag(uint64_t n)
{
	return (int64_t) (n >> 1 ^ (0 - (n & 1)));
}

static inline CdcString
cdc_pb_string(const CdcPbItem *item)
{
	return (CdcString) {(const char *) item->begin, (size_t) (item->end - item->begin)};
}

#endif							/* CDC_PROTOBUF_WIRE_H */
