/*-------------------------------------------------------------------------
 *
 * kafka_field.h
 *	  The parts of a Kafka message that columns of foreign tables name, and the
 *	  tables' own options.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTIONS_KAFKA_FIELD_H
#define CDC_PG_OPTIONS_KAFKA_FIELD_H

#include "pg/base/compat.h"

/* The parts of a message; members of its JSON value are CDC_KAFKA_MEMBER. */
typedef enum CdcKafkaField
{
	CDC_KAFKA_TOPIC,
	CDC_KAFKA_PARTITION,
	CDC_KAFKA_OFFSET,
	CDC_KAFKA_TS,
	CDC_KAFKA_KEY,
	CDC_KAFKA_VALUE,
	CDC_KAFKA_HEADERS,
	CDC_KAFKA_MEMBER
} CdcKafkaField;

/* By field, NULL at the end. */
extern const char *const cdc_kafka_field_names[];

/* The field with this name; CDC_KAFKA_MEMBER when it is none. */
extern CdcKafkaField cdc_kafka_field_by_name(const char *name);

/* The elements of a path like {a,b}; ERROR when it is none. */
extern int	cdc_kafka_parse_json_path(const char *string, const char ***path);

/* In the order of the words in option_table.c. */
typedef enum CdcKafkaFormat
{
	CDC_KAFKA_FORMAT_MESSAGE,	/* columns are parts of messages */
	CDC_KAFKA_FORMAT_JSON		/* or members of the JSON object in their values */
} CdcKafkaFormat;

/* How keys and values of messages are encoded. */
typedef enum CdcPayloadFormat
{
	CDC_PAYLOAD_PLAIN,			/* JSON, text or bytes, as they are */
	CDC_PAYLOAD_AVRO,
	CDC_PAYLOAD_JSON_SCHEMA,	/* JSON behind a schema's number */
	CDC_PAYLOAD_PROTOBUF
} CdcPayloadFormat;

/* A schema: text for messages that do not name one, JSON or .proto; NULL: they do. */
typedef struct CdcPayloadOptions
{
	int			value_format;	/* CdcPayloadFormat */
	const char *value_schema;	/* UTF-8 */
	int			key_format;
	const char *key_schema;
} CdcPayloadOptions;

typedef enum CdcKafkaMissing
{
	CDC_KAFKA_MISSING_ERROR,
	CDC_KAFKA_MISSING_SKIP
} CdcKafkaMissing;

/* A foreign table's own options, as option_table.c stores them. */
typedef struct CdcKafkaTableOptions
{
	const char *topic;			/* UTF-8; NULL: the column topic tells it, for INSERT only */
	int			format;			/* CdcKafkaFormat */
	CdcPayloadOptions payload;
	int			missing_offsets;	/* CdcKafkaMissing: offsets below the low watermark */
	bool		timestamps_ascend;
	bool		use_remote_estimate;
} CdcKafkaTableOptions;

#endif							/* CDC_PG_OPTIONS_KAFKA_FIELD_H */
