/*-------------------------------------------------------------------------
 *
 * kafka_options.h
 *	  Options of cdc_kafka: our own are in the table of options.c, all others
 *	  are properties of librdkafka, their dots written as underscores.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_KAFKA_OPTIONS_H
#define CDC_PG_CATALOG_KAFKA_OPTIONS_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "source/kafka.h"

#define CDC_KAFKA_FDW	"cdc_kafka"

/*
 * Fills *options from the DefElem lists of a server, a user mapping and what
 * comes before the server's (a foreign table's, a subscription's); palloc'ed,
 * UTF-8.  What is neither ours nor a property is an ERROR in the server and the
 * mapping, and passed over in overrides, which have options of their owner's.
 */
extern void cdc_kafka_options_read(List *server, List *mapping, List *overrides,
								   CdcKafkaOptions *options);

/* A property's name from an option's: "sasl_username" to "sasl.username"; palloc'ed. */
extern char *cdc_kafka_property_name(const char *option);

/* The property's value in a list of options, with dots or underscores; NULL: not there. */
extern const char *cdc_kafka_property_value(List *options, const char *property);

#endif							/* CDC_PG_CATALOG_KAFKA_OPTIONS_H */
