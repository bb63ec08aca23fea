/*-------------------------------------------------------------------------
 *
 * table.h
 *	  A foreign table over a Kafka topic: its options, and which part of a
 *	  message each of its columns is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_TABLE_H
#define CDC_PG_FDW_TABLE_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "source/kafka.h"
#include "utils/rel.h"

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

typedef struct CdcKafkaColumn
{
	AttrNumber	attnum;
	const char *name;			/* of the column, in the database's encoding */
	CdcKafkaField field;
	Oid			typid;
	int32		typmod;
	Oid			basetype;		/* below domains */
	/* of a member: the names that lead to it, at least one */
	int			npath;
	const char **path;			/* in the database's encoding */
} CdcKafkaColumn;

/* In the order of the words in options.c. */
typedef enum CdcKafkaFormat
{
	CDC_KAFKA_FORMAT_MESSAGE,	/* columns are parts of messages */
	CDC_KAFKA_FORMAT_JSON		/* or members of the JSON object in their values */
} CdcKafkaFormat;

typedef enum CdcKafkaMissing
{
	CDC_KAFKA_MISSING_ERROR,
	CDC_KAFKA_MISSING_SKIP
} CdcKafkaMissing;

/* The table's own options; see options.c. */
typedef struct CdcKafkaTableOptions
{
	const char *topic;			/* UTF-8; NULL: the column topic tells it, for INSERT only */
	int			format;			/* CdcKafkaFormat */
	int			missing_offsets;	/* CdcKafkaMissing: offsets below the low watermark */
	bool		timestamps_ascend;
	bool		use_remote_estimate;
} CdcKafkaTableOptions;

typedef struct CdcKafkaTable
{
	Oid			relid;
	Oid			serverid;
	const char *name;			/* of the foreign table, for messages */
	CdcKafkaTableOptions opt;
	List	   *options;		/* the table's, and more for a scan's client: its overrides */
	int			ncolumns;		/* columns that were not dropped, by attnum */
	CdcKafkaColumn *columns;
} CdcKafkaTable;

/*
 * What the foreign table is, palloc'ed.  ERROR where a column is no part of a
 * message or has a type that does not fit.
 */
extern CdcKafkaTable *cdc_kafka_table_open(Relation rel);

/* The table's topic; ERROR when it has none. */
extern const char *cdc_kafka_table_topic(const CdcKafkaTable *table);

/* The elements of a path like {a,b}; ERROR when it is none. */
extern int	cdc_kafka_parse_json_path(const char *string, const char ***path);

/* The column with this number, or NULL (system columns, whole rows). */
extern const CdcKafkaColumn *cdc_kafka_table_column(const CdcKafkaTable *table, AttrNumber attnum);

#endif							/* CDC_PG_FDW_TABLE_H */
