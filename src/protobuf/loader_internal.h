/*-------------------------------------------------------------------------
 *
 * loader_internal.h
 *	  What types.c and fields.c share while a schema is loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PROTOBUF_LOADER_INTERNAL_H
#define CDC_PROTOBUF_LOADER_INTERNAL_H

#include "protobuf/wire.h"

/* A place of the table of names; a power of two. */
#define NAME_BUCKETS	1024

/* A descriptor that is not read yet. */
typedef struct Part
{
	struct Part *next;
	CdcString	bytes;
	CdcString	scope;			/* full name of what it stands in; "" */
	bool		proto3;
} Part;

typedef struct Name
{
	CdcString	name;
	CdcProtobufMessage *message;	/* or */
	CdcPbEnum  *enumeration;
	Part		part;
	int			extensions;		/* of the message */
	struct Name *next;
} Name;

struct CdcProtobufSchema
{
	Name	   *names[NAME_BUCKETS];
	const CdcProtobufMessage *first;	/* of the last file */
};

typedef struct Loader
{
	CdcArena   *arena;
	CdcError   *err;
	CdcProtobufSchema *schema;
	Part	   *extensions;
	Part	  **last_extension;
	int			depth;
	unsigned	types;
} Loader;

/* What is read of one level of a descriptor. */
typedef struct Walk
{
	const uint8_t *p;
	const uint8_t *end;
	CdcPbItem	item;
} Walk;

extern CdcStatus cdc_pb_no_memory(Loader *l);

/* "reason "name"." */
extern CdcStatus cdc_pb_refuse(Loader *l, const char *reason, CdcString name);

extern void cdc_pb_walk(Walk *walk, CdcString bytes);

/* The next item; CDC_END: there are no more. */
extern CdcStatus cdc_pb_walk_next(Loader *l, Walk *walk);

static inline bool
is_counted(const Walk *walk, uint32_t number)
{
	return walk->item.number == number && walk->item.wire == CDC_PB_COUNTED;
}

static inline bool
is_number(const Walk *walk, uint32_t number)
{
	return walk->item.number == number && walk->item.wire == CDC_PB_VARINT;
}

/* The text of a field, the last one with the number; "". */
extern CdcStatus cdc_pb_find_text(Loader *l, CdcString bytes, uint32_t number, CdcString *text);

/* How many fields with a length have the number. */
extern CdcStatus cdc_pb_count_items(Loader *l, CdcString bytes, uint32_t number, int *n);

/* A name as descriptors refer to types, with a dot in front; NULL. */
extern Name *cdc_pb_find_type(const Loader *l, CdcString name);

/* "scope.name", in the arena; data is NULL when there is no memory. */
extern CdcString cdc_pb_join(Loader *l, CdcString scope, CdcString name);

/* Makes all types of a file known, with their names and nothing else. */
extern CdcStatus cdc_pb_define_file(Loader *l, CdcString bytes);

#endif							/* CDC_PROTOBUF_LOADER_INTERNAL_H */
