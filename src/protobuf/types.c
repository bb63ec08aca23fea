/*-------------------------------------------------------------------------
 *
 * types.c
 *	  The first half of loading a FileDescriptorSet: all types by their names.
 *
 *	  Types name each other wherever they stand, so that all are made before fields.c
 *	  reads what is in them.
 *
 * Facts of format: numbers of fields in google/protobuf/descriptor.proto.
 *
 *-------------------------------------------------------------------------
 */
#include "protobuf/loader_internal.h"

#include "core/interrupt.h"

/* Levels of types inside of each other. */
#define MAX_NESTING		64

/* Types between two looks whether to go on. */
#define LOOK_TYPES		1024

static const CdcString no_name = {"", 0};

CdcStatus
cdc_pb_no_memory(Loader *l)
{
	return cdc_error(l->err, CDC_ERR_LIMIT, "schema is too large");
}

CdcStatus
cdc_pb_refuse(Loader *l, const char *reason, CdcString name)
{
	cdc_error(l->err, CDC_ERR_VALUE, "schema is not a valid Protobuf schema");
	cdc_error_detail(l->err, "%s%s%.*s%s.", reason, name.len > 0 ? " \"" : "", cdc_clip(name, 200),
					 name.data, name.len > 0 ? "\"" : "");
	return CDC_ERR_VALUE;
}

void
cdc_pb_walk(Walk *walk, CdcString bytes)
{
	walk->p = (const uint8_t *) bytes.data;
	walk->end = walk->p + bytes.len;
}

/* The next item; CDC_END: there are no more. */
CdcStatus
cdc_pb_walk_next(Loader *l, Walk *walk)
{
	const char *wrong;

	if (walk->p == walk->end)
		return CDC_END;
	wrong = cdc_pb_next(&walk->p, walk->end, &walk->item);
	return wrong == NULL ? CDC_OK : cdc_pb_refuse(l, "Its descriptors cannot be read", no_name);
}

/* The text of a field, the last one with the number; "". */
CdcStatus
cdc_pb_find_text(Loader *l, CdcString bytes, uint32_t number, CdcString *text)
{
	Walk		walk;
	CdcStatus	st;

	*text = no_name;
	cdc_pb_walk(&walk, bytes);
	while ((st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
		if (is_counted(&walk, number))
			*text = cdc_pb_string(&walk.item);
	return st == CDC_END ? CDC_OK : st;
}

CdcStatus
cdc_pb_count_items(Loader *l, CdcString bytes, uint32_t number, int *n)
{
	Walk		walk;
	CdcStatus	st;

	*n = 0;
	cdc_pb_walk(&walk, bytes);
	while ((st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
		*n += is_counted(&walk, number);
	return st == CDC_END ? CDC_OK : st;
}

/* ---- names ---- */

static Name **
bucket_of(const CdcProtobufSchema *schema, CdcString name)
{
	unsigned	h = 2166136261u;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char) name.data[i]) * 16777619u;
	return (Name **) &schema->names[h % NAME_BUCKETS];
}

static Name *
find_name(const CdcProtobufSchema *schema, CdcString name)
{
	for (Name *n = *bucket_of(schema, name); n != NULL; n = n->next)
		if (n->name.len == name.len && memcmp(n->name.data, name.data, name.len) == 0)
			return n;
	return NULL;
}

const CdcProtobufMessage *
cdc_protobuf_find(const CdcProtobufSchema *schema, CdcString name)
{
	const Name *found = find_name(schema, name);

	return found != NULL ? found->message : NULL;
}

const CdcProtobufMessage *
cdc_protobuf_first(const CdcProtobufSchema *schema)
{
	return schema->first;
}

/* A name as descriptors refer to types, with a dot in front. */
Name *
cdc_pb_find_type(const Loader *l, CdcString name)
{
	if (name.len == 0 || name.data[0] != '.')
		return NULL;
	return find_name(l->schema, (CdcString) {name.data + 1, name.len - 1});
}

/* "scope.name", in the arena; data is NULL when there is no memory. */
CdcString
cdc_pb_join(Loader *l, CdcString scope, CdcString name)
{
	char	   *s = cdc_arena_alloc(l->arena, scope.len + name.len + 2);
	size_t		len = 0;

	if (s == NULL)
		return (CdcString) {NULL, 0};
	if (scope.len > 0)
	{
		memcpy(s, scope.data, scope.len);
		s[scope.len] = '.';
		len = scope.len + 1;
	}
	memcpy(s + len, name.data, name.len);
	return (CdcString) {s, len + name.len};
}

static CdcStatus
define(Loader *l, const Part *part, Name **result)
{
	Name	   *entry = cdc_arena_zalloc(l->arena, sizeof(Name));
	Name	  **bucket;
	CdcString	own;
	CdcStatus	st = cdc_pb_find_text(l, part->bytes, 1, &own);

	if (st != CDC_OK)
		return st;
	if (own.len == 0)
		return cdc_pb_refuse(l, "A type has no name in", part->scope);
	if (entry == NULL)
		return cdc_pb_no_memory(l);
	entry->name = cdc_pb_join(l, part->scope, own);
	if (entry->name.data == NULL)
		return cdc_pb_no_memory(l);
	if (find_name(l->schema, entry->name) != NULL)
		return cdc_pb_refuse(l, "There are two definitions of", entry->name);
	entry->part = *part;
	bucket = bucket_of(l->schema, entry->name);
	entry->next = *bucket;
	*bucket = entry;
	*result = entry;
	if (++l->types % LOOK_TYPES == 0)
		cdc_interrupt_point();
	return CDC_OK;
}

/* ---- first: names of all types ---- */

static CdcStatus
define_enum(Loader *l, const Part *part)
{
	Name	   *name = NULL;
	CdcStatus	st = define(l, part, &name);

	if (st != CDC_OK)
		return st;
	name->enumeration = cdc_arena_zalloc(l->arena, sizeof(CdcPbEnum));
	if (name->enumeration == NULL)
		return cdc_pb_no_memory(l);
	name->enumeration->full_name = name->name;
	return CDC_OK;
}

static CdcStatus
keep_extension(Loader *l, const Part *part)
{
	Part	   *kept = cdc_arena_alloc(l->arena, sizeof(Part));

	if (kept == NULL)
		return cdc_pb_no_memory(l);
	*kept = *part;
	kept->next = NULL;
	*l->last_extension = kept;
	l->last_extension = &kept->next;
	return CDC_OK;
}

static CdcStatus
read_is_map_entry(Loader *l, CdcString options, bool *map_entry)
{
	Walk		walk;
	CdcStatus	st;

	cdc_pb_walk(&walk, options);
	while ((st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
		if (is_number(&walk, 7))
			*map_entry = walk.item.bits != 0;
	return st == CDC_END ? CDC_OK : st;
}

/* A message with all inside of it; *last is what the next one beside it follows. */
static CdcStatus
define_message(Loader *l, const Part *part, const CdcProtobufMessage ***last)
{
	const CdcProtobufMessage **inner;
	CdcProtobufMessage *message;
	Name	   *name = NULL;
	Part		below = *part;
	Walk		walk;
	CdcStatus	st = define(l, part, &name);

	if (st != CDC_OK)
		return st;
	if (l->depth >= MAX_NESTING)
		return cdc_error(l->err, CDC_ERR_LIMIT, "schema is nested more than %d levels deep", MAX_NESTING);
	message = name->message = cdc_arena_zalloc(l->arena, sizeof(CdcProtobufMessage));
	if (message == NULL)
		return cdc_pb_no_memory(l);
	message->full_name = below.scope = name->name;
	inner = &message->first_inner;
	l->depth++;
	cdc_pb_walk(&walk, part->bytes);
	while ((st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
	{
		below.bytes = cdc_pb_string(&walk.item);
		if (is_counted(&walk, 3))
			st = define_message(l, &below, &inner);
		else if (is_counted(&walk, 4))
			st = define_enum(l, &below);
		else if (is_counted(&walk, 6))
			st = keep_extension(l, &below);
		else if (is_counted(&walk, 7))
			st = read_is_map_entry(l, below.bytes, &message->map_entry);
		else if (is_counted(&walk, 8))
			message->noneofs++;
		if (st != CDC_OK)
			return st;
	}
	l->depth--;
	/* entries of maps are no messages that anybody counts */
	if (last != NULL && !message->map_entry)
	{
		**last = message;
		*last = &message->next;
	}
	return st == CDC_END ? CDC_OK : st;
}

CdcStatus
cdc_pb_define_file(Loader *l, CdcString bytes)
{
	const CdcProtobufMessage **last = &l->schema->first;
	Part		below = {.next = NULL};
	CdcString	syntax;
	Walk		walk;
	CdcStatus	st = cdc_pb_find_text(l, bytes, 2, &below.scope);

	l->schema->first = NULL;
	if (st == CDC_OK)
		st = cdc_pb_find_text(l, bytes, 12, &syntax);
	if (st != CDC_OK)
		return st;
	below.proto3 = cdc_string_is(syntax, "proto3");
	cdc_pb_walk(&walk, bytes);
	while ((st = cdc_pb_walk_next(l, &walk)) == CDC_OK)
	{
		below.bytes = cdc_pb_string(&walk.item);
		if (is_counted(&walk, 4))
			st = define_message(l, &below, &last);
		else if (is_counted(&walk, 5))
			st = define_enum(l, &below);
		else if (is_counted(&walk, 7))
			st = keep_extension(l, &below);
		if (st != CDC_OK)
			return st;
	}
	return st == CDC_END ? CDC_OK : st;
}
