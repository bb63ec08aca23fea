/*-------------------------------------------------------------------------
 *
 * table.h
 *	  A foreign table over a Kafka topic: its options, and which part of a
 *	  message each of its columns is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TOPIC_TABLE_H
#define CDC_PG_TOPIC_TABLE_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "pg/options/kafka_field.h"
#include "source/kafka.h"

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

/*
 * The same for a relation that is no foreign table: of the options of a foreign table and
 * its client in a list, and at no server, or one.
 */
extern CdcKafkaTable *cdc_kafka_table_make(Relation rel, Oid serverid, List *options);

/*
 * ERROR where options of a foreign table, each of which is right, do not go together, or
 * the schema among them is none: for who sets them.
 */
extern void cdc_kafka_table_check_options(List *options);

/* The table's topic; ERROR when it has none. */
extern const char *cdc_kafka_table_topic(const CdcKafkaTable *table);

/* The column with this number, or NULL (system columns, whole rows). */
extern const CdcKafkaColumn *cdc_kafka_table_column(const CdcKafkaTable *table, AttrNumber attnum);

#endif							/* CDC_PG_TOPIC_TABLE_H */
