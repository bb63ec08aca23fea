/*-------------------------------------------------------------------------
 *
 * decode.c
 *	  Bytes to JSON along a message's type.
 *
 *	  No length is believed: bytes are taken only where they are, and what is written is
 *	  bounded (envelope/decode_place.h), as an empty message has all its fields.
 *
 *	  Fields that the type does not have are passed over, as Protobuf has it; one that it
 *	  has with another encoding is an error: it is not the type that the message was
 *	  written with.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/decode_internal.h"

#include <stdio.h>

#include "core/emit.h"

/* Places of the stacks in the beginning. */
#define FIRST_PLACES	256

static CdcStatus
no_memory(CdcPbDecoder *d)
{
	return cdc_error(d->place.err, CDC_ERR_NOMEM, "out of memory");
}

/* ---- looking through ---- */

/* Room for n more of size bytes behind used ones; NULL: there is none. */
static void *
grow(CdcArena *arena, void *old, size_t size, size_t used, size_t n, size_t *cap)
{
	size_t		wanted = *cap > 0 ? *cap * 2 : FIRST_PLACES;
	void	   *grown;

	while (wanted < used + n)
		wanted *= 2;
	grown = cdc_arena_alloc(arena, wanted * size);
	if (grown == NULL)
		return NULL;
	if (used > 0)
		memcpy(grown, old, used * size);
	*cap = wanted;
	return grown;
}

/* A slot for each field, and one for each oneof, whose last is the field that it has, and 1. */
static CdcStatus
push_slots(CdcPbDecoder *d, const CdcProtobufMessage *message)
{
	size_t		n = (size_t) message->n + (size_t) message->noneofs;

	if (d->nslots + n > d->slots_cap)
	{
		CdcPbSlot  *grown = grow(d->scratch, d->slots, sizeof(CdcPbSlot), d->nslots, n, &d->slots_cap);

		if (grown == NULL)
			return no_memory(d);
		d->slots = grown;
	}
	if (n > 0)
		memset(d->slots + d->nslots, 0, n * sizeof(CdcPbSlot));
	d->nslots += n;
	/* slots cost time, whatever is written of them */
	return cdc_decode_take_room(&d->place, n);
}

static CdcStatus
push_found(CdcPbDecoder *d, const CdcPbItem *item, CdcPbSlot *slot, bool packed)
{
	CdcPbFound *found;

	if (d->nfound == d->found_cap)
	{
		CdcPbFound *grown = grow(d->scratch, d->found, sizeof(CdcPbFound), d->nfound, 1, &d->found_cap);

		if (grown == NULL)
			return no_memory(d);
		d->found = grown;
	}
	found = &d->found[d->nfound++];
	found->begin = item->begin;
	if (item->wire == CDC_PB_COUNTED || item->wire == CDC_PB_BEGIN_GROUP)
		found->u.end = item->end;
	else
		found->u.bits = item->bits;
	found->packed = packed;
	found->next = 0;
	if (slot->first == 0)
		slot->first = (uint32_t) d->nfound;
	else
		d->found[slot->last - 1].next = (uint32_t) d->nfound;
	slot->last = (uint32_t) d->nfound;
	return CDC_OK;
}

/* One of a oneof takes the place of another one. */
static void
choose(CdcPbDecoder *d, const CdcPbLevel *level, int i)
{
	const CdcProtobufMessage *message = level->message;
	CdcPbSlot  *slots = d->slots + level->slots;
	CdcPbSlot  *chosen = slots + message->n + message->fields[i].oneof;

	if (chosen->last > 0 && chosen->last != (uint32_t) i + 1)
		slots[chosen->last - 1] = (CdcPbSlot) {0, 0};
	chosen->last = (uint32_t) i + 1;
}

static CdcStatus
take_item(CdcPbDecoder *d, const CdcPbLevel *level, const CdcPbItem *item)
{
	const CdcPbField *field;
	int			i = cdc_protobuf_field(level->message, item->number);
	bool		packed;

	if (i < 0)
		return CDC_OK;
	field = &level->message->fields[i];
	packed = item->wire == CDC_PB_COUNTED && field->repeated && field->wire != CDC_PB_COUNTED &&
		field->wire != CDC_PB_BEGIN_GROUP;
	if (item->wire != field->wire && !packed)
	{
		d->place.path[d->place.depth++] = &field->name;
		return cdc_decode_fail(&d->place, CDC_ERR_VALUE, "it is encoded in another way than its type");
	}
	if (field->oneof >= 0)
		choose(d, level, i);
	return push_found(d, item, &d->slots[level->slots + (size_t) i], packed);
}

static CdcStatus
look_through(CdcPbDecoder *d, const CdcPbLevel *level, const uint8_t *p, const uint8_t *end)
{
	CdcStatus	st = CDC_OK;
	CdcPbItem	item;

	while (p < end && st == CDC_OK)
	{
		const char *wrong;

		d->place.at = p;
		cdc_decode_count(&d->place);
		wrong = cdc_pb_next(&p, end, &item);
		st = wrong == NULL ? take_item(d, level, &item) : cdc_decode_fail(&d->place, CDC_ERR_VALUE, wrong);
	}
	return st;
}

CdcStatus
cdc_pb_enter(CdcPbDecoder *d, const CdcProtobufMessage *message, CdcPbContent content,
			 CdcPbLevel *level)
{
	CdcStatus	st;

	level->message = message;
	level->slots = d->nslots;
	level->found = d->nfound;
	level->size = 0;
	st = push_slots(d, message);
	while (st == CDC_OK)
	{
		level->size += (size_t) (content.end - content.begin);
		st = look_through(d, level, content.begin, content.end);
		if (content.next == 0)
			break;
		content.begin = d->found[content.next - 1].begin;
		content.end = d->found[content.next - 1].u.end;
		content.next = d->found[content.next - 1].next;
	}
	return st;
}

void
cdc_pb_leave(CdcPbDecoder *d, const CdcPbLevel *level)
{
	d->nslots = level->slots;
	d->nfound = level->found;
}

/* ---- values ---- */

static CdcStatus
emit_enum(CdcPbDecoder *d, const CdcPbEnum *type, int32_t number)
{
	int			low = 0;
	int			high = type->n;
	CdcStatus	st;

	if (type->null)
		return d->sink->ops->null(d->sink);
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (type->values[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == type->n || type->values[low].number != number)
		return d->sink->ops->int64(d->sink, number);
	st = cdc_decode_take_room(&d->place, type->values[low].name.len);
	return st == CDC_OK ?
		d->sink->ops->string(d->sink, type->values[low].name.data, type->values[low].name.len) : st;
}

static CdcStatus
emit_scalar(CdcPbDecoder *d, const CdcPbField *field, CdcPbScalar value)
{
	CdcSink    *sink = d->sink;
	uint32_t	low = (uint32_t) value.bits;
	float		f;
	double		v;

	switch (field->type)
	{
		case CDC_PB_DOUBLE:
			memcpy(&v, &value.bits, sizeof(v));
			return cdc_emit_double(sink, v, false);
		case CDC_PB_FLOAT:
			memcpy(&f, &low, sizeof(f));
			return cdc_emit_double(sink, f, true);
		case CDC_PB_INT64:
		case CDC_PB_SFIXED64:
			return sink->ops->int64(sink, (int64_t) value.bits);
		case CDC_PB_UINT64:
		case CDC_PB_FIXED64:
			return sink->ops->uint64(sink, value.bits);
		case CDC_PB_INT32:
		case CDC_PB_SFIXED32:
			return sink->ops->int64(sink, (int32_t) low);
		case CDC_PB_UINT32:
		case CDC_PB_FIXED32:
			return sink->ops->int64(sink, low);
		case CDC_PB_SINT32:
			return sink->ops->int64(sink, (int32_t) (uint32_t) cdc_pb_zigzag(low));
		case CDC_PB_SINT64:
			return sink->ops->int64(sink, cdc_pb_zigzag(value.bits));
		case CDC_PB_BOOL:
			return sink->ops->boolean(sink, value.bits != 0);
		case CDC_PB_ENUM:
			return emit_enum(d, field->enumeration, (int32_t) low);
		case CDC_PB_STRING:
			return sink->ops->string(sink, value.bytes.data, value.bytes.len);
		case CDC_PB_BYTES:
			return cdc_emit_base64(d->scratch, (const uint8_t *) value.bytes.data, value.bytes.len,
								   sink);
		case CDC_PB_GROUP:
		case CDC_PB_MESSAGE:
			break;
	}
	return cdc_error(d->place.err, CDC_ERR_INTERNAL, "unknown type of Protobuf");
}

static CdcPbScalar
scalar_of(const CdcPbField *field, const CdcPbFound *found)
{
	CdcPbScalar value;

	if (field->wire == CDC_PB_COUNTED)
		value.bytes = (CdcString) {(const char *) found->begin, (size_t) (found->u.end - found->begin)};
	else
		value.bits = found->u.bits;
	return value;
}

/* One of several, or the only one; the place of what was found on the stack. */
static CdcStatus
emit_found(CdcPbDecoder *d, const CdcPbField *field, size_t at)
{
	CdcPbFound	found = d->found[at];
	CdcStatus	st;

	if (field->message != NULL)
		return cdc_pb_message(d, field->message, (CdcPbContent) {found.begin, found.u.end, 0});
	st = cdc_decode_take_room(&d->place, CDC_DECODE_VALUE_BYTES);
	return st == CDC_OK ? emit_scalar(d, field, scalar_of(field, &found)) : st;
}

/* Numbers one behind the other. */
static CdcStatus
emit_packed(CdcPbDecoder *d, const CdcPbField *field, const uint8_t *p, const uint8_t *end)
{
	CdcStatus	st = CDC_OK;
	int			size = field->wire == CDC_PB_64BIT ? 8 : 4;
	CdcPbScalar value = {.bits = 0};

	while (p < end && st == CDC_OK)
	{
		const char *wrong = NULL;

		d->place.at = p;
		cdc_decode_count(&d->place);
		if (field->wire == CDC_PB_VARINT)
			wrong = cdc_pb_varint(&p, end, &value.bits);
		else if (end - p < size)
			wrong = "a number goes beyond its end";
		else
		{
			value.bits = cdc_le(p, size);
			p += size;
		}
		if (wrong != NULL)
			return cdc_decode_fail(&d->place, CDC_ERR_VALUE, wrong);
		st = cdc_decode_take_room(&d->place, CDC_DECODE_VALUE_BYTES);
		if (st == CDC_OK)
			st = emit_scalar(d, field, value);
	}
	return st;
}

static CdcStatus
emit_array(CdcPbDecoder *d, const CdcPbField *field, uint32_t first)
{
	CdcStatus	st = d->sink->ops->begin_array(d->sink);

	for (uint32_t at = first; at > 0 && st == CDC_OK; at = d->found[at - 1].next)
	{
		if (d->found[at - 1].packed)
			st = emit_packed(d, field, d->found[at - 1].begin, d->found[at - 1].u.end);
		else
			st = emit_found(d, field, at - 1);
	}
	return st == CDC_OK ? d->sink->ops->end_array(d->sink) : st;
}

/* Keys are text in JSON. */
static CdcStatus
emit_key(CdcPbDecoder *d, const CdcPbField *field, const CdcPbFound *found)
{
	CdcPbScalar value = found != NULL ? scalar_of(field, found) : field->fallback;
	char		text[32];
	int			n;

	switch (field->type)
	{
		case CDC_PB_STRING:
			return d->sink->ops->key(d->sink, value.bytes.data, value.bytes.len);
		case CDC_PB_BOOL:
			n = snprintf(text, sizeof(text), "%s", value.bits != 0 ? "true" : "false");
			break;
		case CDC_PB_UINT64:
		case CDC_PB_FIXED64:
			n = snprintf(text, sizeof(text), "%llu", (unsigned long long) value.bits);
			break;
		case CDC_PB_UINT32:
		case CDC_PB_FIXED32:
			n = snprintf(text, sizeof(text), "%lu", (unsigned long) (uint32_t) value.bits);
			break;
		case CDC_PB_SINT32:
			value.bits = (uint64_t) cdc_pb_zigzag((uint32_t) value.bits);
			/* FALLTHROUGH */
		case CDC_PB_INT32:
		case CDC_PB_SFIXED32:
			n = snprintf(text, sizeof(text), "%ld", (long) (int32_t) (uint32_t) value.bits);
			break;
		case CDC_PB_SINT64:
			value.bits = (uint64_t) cdc_pb_zigzag(value.bits);
			/* FALLTHROUGH */
		default:
			n = snprintf(text, sizeof(text), "%lld", (long long) (int64_t) value.bits);
			break;
	}
	return d->sink->ops->key(d->sink, text, (size_t) n);
}

static CdcStatus
emit_entry(CdcPbDecoder *d, const CdcProtobufMessage *entry, CdcPbContent content)
{
	CdcPbLevel	level;
	int			key = cdc_protobuf_field(entry, 1);
	CdcStatus	st = cdc_decode_take_room(&d->place, CDC_DECODE_VALUE_BYTES);

	if (st == CDC_OK)
		st = cdc_pb_enter(d, entry, content, &level);
	if (st != CDC_OK)
		return st;
	st = emit_key(d, &entry->fields[key], cdc_pb_last(d, &level, key));
	if (st == CDC_OK)
	{
		int			value = cdc_protobuf_field(entry, 2);
		const CdcPbField *field = &entry->fields[value];

		/* what is not there is an empty one */
		if (cdc_pb_last(d, &level, value) != NULL)
			st = cdc_pb_value(d, &level, value);
		else if (field->message != NULL)
			st = cdc_pb_message(d, field->message, (CdcPbContent) {content.end, content.end, 0});
		else
			st = emit_scalar(d, field, field->fallback);
	}
	cdc_pb_leave(d, &level);
	return st;
}

static CdcStatus
emit_map(CdcPbDecoder *d, const CdcPbField *field, uint32_t first)
{
	CdcStatus	st = d->sink->ops->begin_object(d->sink);

	for (uint32_t at = first; at > 0 && st == CDC_OK; at = d->found[at - 1].next)
		st = emit_entry(d, field->message,
						(CdcPbContent) {d->found[at - 1].begin, d->found[at - 1].u.end, 0});
	return st == CDC_OK ? d->sink->ops->end_object(d->sink) : st;
}

CdcPbContent
cdc_pb_whole(const CdcPbDecoder *d, const CdcPbLevel *level, int i)
{
	uint32_t	first = cdc_pb_slot(d, level, i)->first;
	const CdcPbFound *found = &d->found[first - 1];

	return (CdcPbContent) {found->begin, found->u.end, found->next};
}

CdcStatus
cdc_pb_value(CdcPbDecoder *d, const CdcPbLevel *level, int i)
{
	const CdcPbField *field = &level->message->fields[i];
	CdcPbSlot	slot = *cdc_pb_slot(d, level, i);
	CdcStatus	st = cdc_decode_take_room(&d->place, CDC_DECODE_VALUE_BYTES);

	if (st != CDC_OK)
		return st;
	if (field->repeated)
		return field->message != NULL && field->message->map_entry ?
			emit_map(d, field, slot.first) : emit_array(d, field, slot.first);
	if (slot.last > 0)
		return field->message != NULL ?
			cdc_pb_message(d, field->message, cdc_pb_whole(d, level, i)) :
			emit_scalar(d, field, scalar_of(field, &d->found[slot.last - 1]));
	if (field->required)
		return cdc_decode_fail(&d->place, CDC_ERR_VALUE, "it is required, and not there");
	if (field->present && !field->has_default)
		return d->sink->ops->null(d->sink);
	/* bytes of a message's own are not: nothing to count but what the schema brings */
	if (field->wire == CDC_PB_COUNTED)
		st = cdc_decode_take_room(&d->place, field->fallback.bytes.len);
	return st == CDC_OK ? emit_scalar(d, field, field->fallback) : st;
}

CdcStatus
cdc_pb_members(CdcPbDecoder *d, const CdcPbLevel *level)
{
	const CdcProtobufMessage *message = level->message;
	CdcStatus	st = CDC_OK;

	for (int i = 0; i < message->n && st == CDC_OK; i++)
	{
		const CdcPbField *field = &message->fields[i];

		/* what could be there, but for another one or by somebody else's schema */
		if ((field->oneof >= 0 || field->extension) && cdc_pb_slot(d, level, i)->first == 0)
			continue;
		/* fewer than the levels of messages */
		d->place.path[d->place.depth++] = &field->name;
		st = cdc_decode_take_room(&d->place, field->name.len);
		if (st == CDC_OK)
			st = d->sink->ops->key(d->sink, field->name.data, field->name.len);
		if (st == CDC_OK)
			st = cdc_pb_value(d, level, i);
		/* where it failed is of interest to who is told */
		if (st == CDC_OK)
			d->place.depth--;
	}
	return st;
}

CdcStatus
cdc_pb_message(CdcPbDecoder *d, const CdcProtobufMessage *message, CdcPbContent content)
{
	CdcPbLevel	level;
	CdcStatus	st = cdc_decode_take_room(&d->place, CDC_DECODE_VALUE_BYTES);

	if (st != CDC_OK)
		return st;
	if (d->levels >= CDC_PROTOBUF_MAX_DEPTH)
		return cdc_decode_fail(&d->place, CDC_ERR_LIMIT, "it has more than 100 levels");
	d->levels++;
	cdc_decode_count(&d->place);
	st = cdc_pb_enter(d, message, content, &level);
	if (st != CDC_OK)
		return st;
	if (message->meaning != CDC_PB_PLAIN)
		st = d->known(d, &level);
	else
	{
		st = d->sink->ops->begin_object(d->sink);
		if (st == CDC_OK)
			st = cdc_pb_members(d, &level);
		if (st == CDC_OK)
			st = d->sink->ops->end_object(d->sink);
	}
	if (st == CDC_OK)
	{
		cdc_pb_leave(d, &level);
		d->levels--;
	}
	return st;
}
