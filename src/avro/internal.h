/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  A parsed schema: what the parser makes, the decoder walks along and
 *	  connect.c describes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_AVRO_INTERNAL_H
#define CDC_AVRO_INTERNAL_H

#include "avro/avro.h"
#include "envelope/document.h"

/* Levels of values, and of definitions inside of each other. */
#define CDC_AVRO_MAX_DEPTH	64

typedef enum CdcAvroType
{
	CDC_AVRO_NULL,
	CDC_AVRO_BOOLEAN,
	CDC_AVRO_INT,
	CDC_AVRO_LONG,
	CDC_AVRO_FLOAT,
	CDC_AVRO_DOUBLE,
	CDC_AVRO_BYTES,
	CDC_AVRO_STRING,
	/* the following are not told by their names alone */
	CDC_AVRO_RECORD,
	CDC_AVRO_ENUM,
	CDC_AVRO_FIXED,
	CDC_AVRO_ARRAY,
	CDC_AVRO_MAP,
	CDC_AVRO_UNION
} CdcAvroType;

/* What a value of a type stands for. */
typedef enum CdcAvroMeaning
{
	CDC_AVRO_PLAIN,
	CDC_AVRO_DECIMAL,			/* bytes or fixed, big-endian two's complement */
	CDC_AVRO_VARIABLE_DECIMAL,	/* Debezium's record of scale and value */
	CDC_AVRO_UUID,				/* text, or 16 bytes */
	CDC_AVRO_DURATION,			/* fixed: months, days, milliseconds, little-endian */
	CDC_AVRO_DATE,				/* days since 1970 */
	CDC_AVRO_TIME,				/* of a day, or a duration of either sign */
	CDC_AVRO_INSTANT,			/* since 1970 in UTC */
	CDC_AVRO_DATETIME			/* the same without a time zone */
} CdcAvroMeaning;

typedef struct CdcAvroNode CdcAvroNode;

typedef struct CdcAvroField
{
	CdcString	name;
	const CdcAvroNode *type;
} CdcAvroField;

struct CdcAvroNode
{
	CdcAvroType type;
	CdcAvroMeaning meaning;
	int64_t		per_second;		/* units of times: 1000, 1000000, 1000000000 */
	CdcString	name;			/* full name of a named type; "" */
	int			n;				/* fields, symbols, branches */
	CdcAvroField *fields;		/* of a record; of a union its branches, with their names */
	CdcString  *symbols;
	const CdcAvroNode *element; /* of arrays and maps */
	size_t		size;			/* of fixed */
	int			precision;
	int			scale;
	/* of a union */
	bool		nullable;
	const CdcAvroNode *only;	/* the only branch that is not null */
	/* what Connect's converter keeps of its own schema; "" */
	CdcString	connect_name;
	CdcString	connect_type;	/* of numbers: "int8", "int16" */
	CdcString  *parameters;		/* names and values in turn */
	int			nparameters;
};

struct CdcAvroSchema
{
	const CdcAvroNode *root;
};

/* Numbers of bytes with a name: "int", "timestamp-millis". */
extern const CdcAvroNode *cdc_avro_primitive(CdcString name);

/*
 * Sets the node's meaning by its logical type and Connect's name; one that does not fit
 * the type is as if it were not there, as the specification has it.
 */
extern void cdc_avro_set_meaning(CdcAvroNode *node, CdcString logical, const CdcDoc *object);

#endif							/* CDC_AVRO_INTERNAL_H */
