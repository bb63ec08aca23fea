/*-------------------------------------------------------------------------
 *
 * wire.c
 *	  Protobuf's encoding: numbers, and fields with what stands in them.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/wire.h"

#include "core/interrupt.h"

/* Fields between two looks whether to go on. */
#define LOOK_FIELDS		65536

const char *
cdc_pb_varint_slow(const uint8_t **p, const uint8_t *end, uint64_t *result)
{
	uint64_t	n = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t		b;

		if (*p == end)
			return "a number goes beyond its end";
		b = *(*p)++;
		if (shift == 63 && b > 1)
			break;
		n |= (uint64_t) (b & 0x7f) << shift;
		if ((b & 0x80) == 0)
		{
			*result = n;
			return NULL;
		}
	}
	return "a number has more than 64 bits";
}

/* A field's number and what follows it, without going into groups. */
static const char *
next_flat(const uint8_t **p, const uint8_t *end, CdcPbItem *item)
{
	uint64_t	n = 0;
	const char *wrong = cdc_pb_varint(p, end, &n);
	size_t		size;

	if (wrong != NULL)
		return wrong;
	if (n >> 3 == 0 || n > UINT32_MAX)
		return "a field has a number that none can have";
	item->number = (uint32_t) (n >> 3);
	item->wire = (CdcPbWire) (n & 7);
	item->bits = 0;
	item->begin = item->end = *p;
	switch (item->wire)
	{
		case CDC_PB_VARINT:
			return cdc_pb_varint(p, end, &item->bits);
		case CDC_PB_COUNTED:
			wrong = cdc_pb_varint(p, end, &n);
			if (wrong != NULL)
				return wrong;
			if (n > (uint64_t) (end - *p))
				return "a value goes beyond its end";
			item->begin = *p;
			*p = item->end = *p + n;
			return NULL;
		case CDC_PB_64BIT:
		case CDC_PB_32BIT:
			size = item->wire == CDC_PB_64BIT ? 8 : 4;
			if ((size_t) (end - *p) < size)
				return "a value goes beyond its end";
			item->bits = cdc_le(*p, (int) size);
			*p += size;
			return NULL;
		case CDC_PB_BEGIN_GROUP:
		case CDC_PB_END_GROUP:
			return NULL;
	}
	return "a field is of a kind that does not exist";
}

/* To the end of a group, whose beginning was read. */
static const char *
skip_group(const uint8_t **p, const uint8_t *end, CdcPbItem *group)
{
	uint32_t	open[CDC_PROTOBUF_MAX_DEPTH];
	int			depth = 0;
	unsigned	n = 0;
	CdcPbItem	item;

	open[depth++] = group->number;
	group->begin = *p;
	while (depth > 0)
	{
		const char *wrong;

		if (++n % LOOK_FIELDS == 0)
			cdc_interrupt_point();
		group->end = *p;
		if (*p == end)
			return "a group has no end";
		wrong = next_flat(p, end, &item);
		if (wrong != NULL)
			return wrong;
		if (item.wire == CDC_PB_BEGIN_GROUP)
		{
			if (depth >= CDC_PROTOBUF_MAX_DEPTH)
				return "it has groups of more than 100 levels";
			open[depth++] = item.number;
		}
		else if (item.wire == CDC_PB_END_GROUP && open[--depth] != item.number)
			return "a group has the end of another one";
	}
	return NULL;
}

const char *
cdc_pb_next(const uint8_t **p, const uint8_t *end, CdcPbItem *item)
{
	const char *wrong = next_flat(p, end, item);

	if (wrong != NULL)
		return wrong;
	if (item->wire == CDC_PB_BEGIN_GROUP)
		return skip_group(p, end, item);
	return item->wire == CDC_PB_END_GROUP ? "a group ends that did not begin" : NULL;
}
