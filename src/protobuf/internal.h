/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  Types of messages: what descriptor.c makes, the decoder walks along and
 *	  connect.c describes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PROTOBUF_INTERNAL_H
#define CDC_PROTOBUF_INTERNAL_H

#include "envelope/document.h"
#include "protobuf/protobuf.h"

/* Messages inside of each other, as libprotobuf reads them. */
#define CDC_PROTOBUF_MAX_DEPTH	100

/* As descriptors have them. */
typedef enum CdcPbType
{
	CDC_PB_DOUBLE = 1,
	CDC_PB_FLOAT,
	CDC_PB_INT64,
	CDC_PB_UINT64,
	CDC_PB_INT32,
	CDC_PB_FIXED64,
	CDC_PB_FIXED32,
	CDC_PB_BOOL,
	CDC_PB_STRING,
	CDC_PB_GROUP,
	CDC_PB_MESSAGE,
	CDC_PB_BYTES,
	CDC_PB_UINT32,
	CDC_PB_ENUM,
	CDC_PB_SFIXED32,
	CDC_PB_SFIXED64,
	CDC_PB_SINT32,
	CDC_PB_SINT64
} CdcPbType;

/* How a field stands in the bytes. */
typedef enum CdcPbWire
{
	CDC_PB_VARINT = 0,
	CDC_PB_64BIT = 1,
	CDC_PB_COUNTED = 2,
	CDC_PB_BEGIN_GROUP = 3,
	CDC_PB_END_GROUP = 4,
	CDC_PB_32BIT = 5
} CdcPbWire;

/* What a message stands for; its fields are as known.c expects them then. */
typedef enum CdcPbMeaning
{
	CDC_PB_PLAIN,
	CDC_PB_TIMESTAMP,
	CDC_PB_DURATION,
	CDC_PB_WRAPPER,
	CDC_PB_STRUCT,
	CDC_PB_VALUE,
	CDC_PB_LIST,
	CDC_PB_ANY,
	CDC_PB_FIELD_MASK,
	CDC_PB_DATE,
	CDC_PB_TIME_OF_DAY,
	CDC_PB_DECIMAL				/* "value" and "scale", wherever they stand */
} CdcPbMeaning;

typedef struct CdcPbEnumValue
{
	int32_t		number;
	CdcString	name;
} CdcPbEnumValue;

typedef struct CdcPbEnum
{
	CdcString	full_name;
	int			n;
	CdcPbEnumValue *values;		/* by number */
	int32_t		first;			/* number of the value that is declared first */
	bool		null;			/* google.protobuf.NullValue */
} CdcPbEnum;

/* A value that is no message. */
typedef union CdcPbScalar
{
	uint64_t	bits;			/* as a varint or fixed number has them */
	CdcString	bytes;
} CdcPbScalar;

typedef struct CdcPbField
{
	CdcString	name;			/* of an extension "[full.name]" */
	uint32_t	number;
	CdcPbType	type;
	CdcPbWire	wire;			/* of its type */
	bool		repeated;
	bool		required;
	bool		present;		/* whether it is there can be told */
	bool		has_default;	/* the schema has one */
	bool		extension;
	int			oneof;			/* its number in the message, or -1 */
	const struct CdcProtobufMessage *message;	/* of CDC_PB_MESSAGE and CDC_PB_GROUP */
	const CdcPbEnum *enumeration;
	CdcPbScalar fallback;		/* the schema's default, else the type's */
	/* what Connect's converter keeps of its own schema: names and values in turn */
	CdcString  *parameters;
	int			nparameters;
} CdcPbField;

/* Which field has a number. */
typedef struct CdcPbIndex
{
	uint32_t	number;
	int			i;
} CdcPbIndex;

struct CdcProtobufMessage
{
	CdcString	full_name;
	CdcPbMeaning meaning;
	bool		map_entry;		/* with a field 1 that can be a key, and a field 2 */
	int			n;
	CdcPbField *fields;			/* in the order of the text, extensions last */
	CdcPbIndex *by_number;		/* ordered */
	int			direct;			/* field i has number i + 1 for so many */
	int			noneofs;
	bool		debezium;		/* it looks like one of Debezium's */
	const struct CdcProtobufMessage *first_inner;
	const struct CdcProtobufMessage *next;	/* beside it, in the file or message */
};

/* A type by its full name, without the dot in front; NULL: there is none. */
extern const CdcProtobufMessage *cdc_protobuf_find(const CdcProtobufSchema *schema, CdcString name);

/* The field with the number; -1: there is none. */
extern int	cdc_protobuf_field(const CdcProtobufMessage *message, uint32_t number);

/* Sets the message's meaning by its name, where its fields are what they should be. */
extern void cdc_protobuf_set_meaning(CdcProtobufMessage *message);

/* Whether the message's names are those of Debezium's. */
extern bool cdc_protobuf_looks_debezium(const CdcProtobufMessage *message);

/* Sets a field's default from the text that descriptors have; false: it is none. */
extern bool cdc_protobuf_set_default(CdcArena *arena, CdcPbField *field, CdcString text);

#endif							/* CDC_PROTOBUF_INTERNAL_H */
