/*-------------------------------------------------------------------------
 *
 * fields.c
 *	  The second half of loading a FileDescriptorSet: what is in its types.
 *
 *	  Extensions are fields of the type that they extend, behind its own.
 *
 * Facts of format: numbers of fields in google/protobuf/descriptor.proto and
 * confluent/meta.proto.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/loader_internal.h"

#include <stdlib.h>

#include "core/interrupt.h"

static const CdcString no_name = {"", 0};

static int
compare_values(const void *a, const void *b)
{
	const CdcPbEnumValue *x = a;
	const CdcPbEnumValue *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	/* the first name of several, which stands first in the bytes */
	return x->name.data < y->name.data ? -1 : x->name.data > y->name.data;
}

static CdcStatus
read_enum_value(Loader *l, CdcString bytes, CdcPbEnumValue *value)
{
	Walk		walk;
	CdcStatus	st;

	value->number = 0;
	value->name = no_name;
	cdc_pb_walk(&walk, bytes);
	while ((st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
	{
		if (is_counted(&walk, 1))
			value->name = cdc_pb_string(&walk.item);
		else if (is_number(&walk, 2))
			value->number = (int32_t) walk.item.bits;
	}
	return st == CDC_END ? CDC_OK : st;
}

static CdcStatus
read_enum(Loader *l, const Name *name)
{
	CdcPbEnum  *to = name->enumeration;
	Walk		walk;
	int			n = 0;
	CdcStatus	st = cdc_pb_count_items(l, name->part.bytes, 2, &n);

	if (st != CDC_OK)
		return st;
	to->values = cdc_arena_alloc(l->arena, ((size_t) n + 1) * sizeof(CdcPbEnumValue));
	if (to->values == NULL)
		return cdc_pb_no_memory(l);
	cdc_pb_walk(&walk, name->part.bytes);
	while (to->n < n && (st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
	{
		if (!is_counted(&walk, 2))
			continue;
		st = read_enum_value(l, cdc_pb_string(&walk.item), &to->values[to->n]);
		if (st != CDC_OK)
			return st;
		to->n++;
	}
	if (n > 0)
		to->first = to->values[0].number;
	qsort(to->values, (size_t) n, sizeof(CdcPbEnumValue), compare_values);
	to->null = cdc_string_is(to->full_name, "google.protobuf.NullValue");
	return st == CDC_END ? CDC_OK : st;
}

/* One of the parameters, an entry of a map. */
static CdcStatus
read_parameter(Loader *l, CdcString bytes, CdcString *pair)
{
	CdcStatus	st = cdc_pb_find_text(l, bytes, 1, &pair[0]);

	return st == CDC_OK ? cdc_pb_find_text(l, bytes, 2, &pair[1]) : st;
}

/* What Connect's converter says in an option of a field. */
static CdcStatus
read_options(Loader *l, CdcString bytes, CdcPbField *field)
{
	CdcString	meta;
	Walk		walk;
	int			n = 0;
	CdcStatus	st = cdc_pb_find_text(l, bytes, 1088, &meta);

	if (st == CDC_OK)
		st = cdc_pb_count_items(l, meta, 2, &n);
	if (st != CDC_OK || n == 0)
		return st;
	field->parameters = cdc_arena_alloc(l->arena, (size_t) n * 2 * sizeof(CdcString));
	if (field->parameters == NULL)
		return cdc_pb_no_memory(l);
	field->nparameters = 0;
	cdc_pb_walk(&walk, meta);
	while (field->nparameters < n && (st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
	{
		if (!is_counted(&walk, 2))
			continue;
		st = read_parameter(l, cdc_pb_string(&walk.item), field->parameters + 2 * field->nparameters);
		if (st != CDC_OK)
			return st;
		field->nparameters++;
	}
	return st == CDC_END ? CDC_OK : st;
}

static CdcPbWire
wire_of(CdcPbType type)
{
	switch (type)
	{
		case CDC_PB_DOUBLE:
		case CDC_PB_FIXED64:
		case CDC_PB_SFIXED64:
			return CDC_PB_64BIT;
		case CDC_PB_FLOAT:
		case CDC_PB_FIXED32:
		case CDC_PB_SFIXED32:
			return CDC_PB_32BIT;
		case CDC_PB_STRING:
		case CDC_PB_BYTES:
		case CDC_PB_MESSAGE:
			return CDC_PB_COUNTED;
		case CDC_PB_GROUP:
			return CDC_PB_BEGIN_GROUP;
		default:
			return CDC_PB_VARINT;
	}
}

/* The type that the field is of, by its name. */
static CdcStatus
resolve(Loader *l, CdcPbField *field, CdcString type_name)
{
	Name	   *type = cdc_pb_find_type(l, type_name);

	field->wire = wire_of(field->type);
	if (field->type == CDC_PB_MESSAGE || field->type == CDC_PB_GROUP)
	{
		if (type == NULL || type->message == NULL)
			return cdc_pb_refuse(l, "There is no message", type_name);
		field->message = type->message;
	}
	else if (field->type == CDC_PB_ENUM)
	{
		if (type == NULL || type->enumeration == NULL)
			return cdc_pb_refuse(l, "There is no enum", type_name);
		field->enumeration = type->enumeration;
		field->fallback.bits = (uint64_t) (int64_t) type->enumeration->first;
	}
	else if (field->type < CDC_PB_DOUBLE || field->type > CDC_PB_SINT64)
		return cdc_pb_refuse(l, "There is no type of the field", field->name);
	else if (field->type == CDC_PB_STRING || field->type == CDC_PB_BYTES)
		field->fallback.bytes = no_name;
	return CDC_OK;
}

static CdcStatus
read_field(Loader *l, const Part *part, const CdcProtobufMessage *of, CdcPbField *field)
{
	CdcString	type_name = no_name;
	CdcString	fallback = {NULL, 0};
	bool		optional = false;
	Walk		walk;
	CdcStatus	st;

	memset(field, 0, sizeof(*field));
	field->oneof = -1;
	cdc_pb_walk(&walk, part->bytes);
	while ((st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
	{
		CdcString	text = cdc_pb_string(&walk.item);

		if (is_counted(&walk, 1))
			field->name = text;
		else if (is_number(&walk, 3))
			field->number = (uint32_t) walk.item.bits;
		else if (is_number(&walk, 4))
		{
			field->repeated = walk.item.bits == 3;
			field->required = walk.item.bits == 2;
		}
		else if (is_number(&walk, 5))
			field->type = (CdcPbType) (walk.item.bits <= CDC_PB_SINT64 ? walk.item.bits : 0);
		else if (is_counted(&walk, 6))
			type_name = text;
		else if (is_counted(&walk, 7))
			fallback = text;
		else if (is_counted(&walk, 8))
			st = read_options(l, text, field);
		else if (is_number(&walk, 9) && of != NULL)
			field->oneof = walk.item.bits < (uint64_t) of->noneofs ? (int) walk.item.bits : -1;
		else if (is_number(&walk, 17))
			optional = walk.item.bits != 0;
		if (st != CDC_OK)
			return st;
	}
	if (st != CDC_END)
		return st;
	if (field->name.len == 0 || field->number == 0)
		return cdc_pb_refuse(l, "A field has no name or no number in", of != NULL ? of->full_name : part->scope);
	/* a oneof of its own is how proto3 says optional */
	if (optional)
		field->oneof = -1;
	st = resolve(l, field, type_name);
	field->present = !field->repeated &&
		(!part->proto3 || optional || field->oneof >= 0 || field->message != NULL);
	if (st == CDC_OK && fallback.data != NULL && field->message == NULL)
	{
		if (!cdc_protobuf_set_default(l->arena, field, fallback))
			return cdc_pb_refuse(l, "The default is none of the field", field->name);
		field->has_default = true;
	}
	return st;
}

static int
compare_numbers(const void *a, const void *b)
{
	const CdcPbIndex *x = a;
	const CdcPbIndex *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* So that fields are found by their numbers. */
static CdcStatus
order_fields(Loader *l, CdcProtobufMessage *message)
{
	message->by_number = cdc_arena_alloc(l->arena, ((size_t) message->n + 1) * sizeof(CdcPbIndex));
	if (message->by_number == NULL)
		return cdc_pb_no_memory(l);
	for (int i = 0; i < message->n; i++)
		message->by_number[i] = (CdcPbIndex) {message->fields[i].number, i};
	qsort(message->by_number, (size_t) message->n, sizeof(CdcPbIndex), compare_numbers);
	for (int i = 1; i < message->n; i++)
		if (message->by_number[i].number == message->by_number[i - 1].number)
			return cdc_pb_refuse(l, "Two fields have the same number in", message->full_name);
	while (message->direct < message->n &&
		   message->fields[message->direct].number == (uint32_t) message->direct + 1)
		message->direct++;
	return CDC_OK;
}

/* The key of a map's entry stands in JSON as text. */
static bool
is_entry(const CdcProtobufMessage *message)
{
	int			key = cdc_protobuf_field(message, 1);
	int			value = cdc_protobuf_field(message, 2);

	return key >= 0 && value >= 0 && message->n == 2 && !message->fields[key].repeated &&
		!message->fields[value].repeated && message->fields[key].message == NULL &&
		message->fields[key].type != CDC_PB_ENUM && message->fields[key].type != CDC_PB_BYTES &&
		message->fields[key].type != CDC_PB_FLOAT && message->fields[key].type != CDC_PB_DOUBLE;
}

static CdcStatus
read_message(Loader *l, const Name *name)
{
	CdcProtobufMessage *message = name->message;
	Part		part = name->part;
	Walk		walk;
	int			n = 0;
	CdcStatus	st = cdc_pb_count_items(l, part.bytes, 2, &n);

	if (st != CDC_OK)
		return st;
	message->fields = cdc_arena_zalloc(l->arena, ((size_t) n + (size_t) name->extensions + 1) *
									   sizeof(CdcPbField));
	if (message->fields == NULL)
		return cdc_pb_no_memory(l);
	part.scope = name->name;
	cdc_pb_walk(&walk, name->part.bytes);
	while (message->n < n && (st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
	{
		if (!is_counted(&walk, 2))
			continue;
		part.bytes = cdc_pb_string(&walk.item);
		st = read_field(l, &part, message, &message->fields[message->n]);
		if (st != CDC_OK)
			return st;
		message->n++;
	}
	return st == CDC_END ? CDC_OK : st;
}

/* "[full.name]", as JSON has extensions. */
static CdcStatus
read_extension(Loader *l, const Part *part, CdcProtobufMessage *message)
{
	CdcPbField *field = &message->fields[message->n];
	CdcStatus	st = read_field(l, part, NULL, field);
	CdcString	full;
	char	   *s;

	if (st != CDC_OK)
		return st;
	full = cdc_pb_join(l, part->scope, field->name);
	s = cdc_arena_alloc(l->arena, full.len + 2);
	if (full.data == NULL || s == NULL)
		return cdc_pb_no_memory(l);
	s[0] = '[';
	memcpy(s + 1, full.data, full.len);
	s[full.len + 1] = ']';
	field->name = (CdcString) {s, full.len + 2};
	field->extension = true;
	field->present = !field->repeated;
	message->n++;
	return CDC_OK;
}

/* The type that an extension is for; NULL, and that it is none, where it does not say. */
static CdcStatus
extended(Loader *l, const Part *part, Name **name)
{
	CdcString	extendee;
	CdcStatus	st = cdc_pb_find_text(l, part->bytes, 2, &extendee);

	if (st != CDC_OK)
		return st;
	*name = cdc_pb_find_type(l, extendee);
	return *name != NULL && (*name)->message != NULL ? CDC_OK :
		cdc_pb_refuse(l, "An extension is for no message", extendee);
}

/* Calls what for each name that there is. */
static CdcStatus
each_name(Loader *l, CdcStatus (*what) (Loader *l, const Name *name))
{
	CdcStatus	st = CDC_OK;

	for (int i = 0; i < NAME_BUCKETS && st == CDC_OK; i++)
	{
		cdc_interrupt_point();
		for (const Name *n = l->schema->names[i]; n != NULL && st == CDC_OK; n = n->next)
			st = what(l, n);
	}
	return st;
}

static CdcStatus
read_if_enum(Loader *l, const Name *name)
{
	return name->enumeration != NULL ? read_enum(l, name) : CDC_OK;
}

static CdcStatus
read_if_message(Loader *l, const Name *name)
{
	return name->message != NULL ? read_message(l, name) : CDC_OK;
}

static CdcStatus
order_if_message(Loader *l, const Name *name)
{
	return name->message != NULL ? order_fields(l, name->message) : CDC_OK;
}

/* When the fields of all messages are there: what a message is may depend on others. */
static CdcStatus
mean_if_message(Loader *l, const Name *name)
{
	(void) l;
	if (name->message == NULL)
		return CDC_OK;
	name->message->map_entry = name->message->map_entry && is_entry(name->message);
	cdc_protobuf_set_meaning(name->message);
	name->message->debezium = cdc_protobuf_looks_debezium(name->message);
	return CDC_OK;
}

static CdcStatus
read_all(Loader *l)
{
	Name	   *name = NULL;
	CdcStatus	st = CDC_OK;

	for (const Part *p = l->extensions; p != NULL && st == CDC_OK; p = p->next)
	{
		st = extended(l, p, &name);
		if (st == CDC_OK)
			name->extensions++;
	}
	if (st == CDC_OK)
		st = each_name(l, read_if_enum);
	if (st == CDC_OK)
		st = each_name(l, read_if_message);
	for (const Part *p = l->extensions; p != NULL && st == CDC_OK; p = p->next)
	{
		st = extended(l, p, &name);
		if (st == CDC_OK)
			st = read_extension(l, p, name->message);
	}
	if (st == CDC_OK)
		st = each_name(l, order_if_message);
	return st == CDC_OK ? each_name(l, mean_if_message) : st;
}

CdcStatus
cdc_protobuf_load(CdcArena *arena, const char *set, size_t len, CdcProtobufSchema **schema,
				  CdcError *err)
{
	Loader		l = {.arena = arena,.err = err};
	Walk		walk;
	CdcStatus	st;

	cdc_error(err, CDC_OK, "%s", "");
	l.last_extension = &l.extensions;
	l.schema = *schema = cdc_arena_zalloc(arena, sizeof(CdcProtobufSchema));
	if (l.schema == NULL)
		return cdc_pb_no_memory(&l);
	cdc_pb_walk(&walk, (CdcString) {set, len});
	while ((st = cdc_pb_walk_next(&l, &walk)) == CDC_OK)
	{
		if (is_counted(&walk, 1))
			st = cdc_pb_define_file(&l, cdc_pb_string(&walk.item));
		if (st != CDC_OK)
			return st;
	}
	if (st == CDC_END)
		st = read_all(&l);
	if (st == CDC_OK && (*schema)->first == NULL)
		return cdc_pb_refuse(&l, "There is no message in it", no_name);
	return st;
}
