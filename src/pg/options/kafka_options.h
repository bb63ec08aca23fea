/*-------------------------------------------------------------------------
 *
 * kafka_options.h
 *	  Options of cdc_kafka: some are in the table of option_table.c, all others are
 *	  properties of librdkafka, their dots written as underscores.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTIONS_KAFKA_OPTIONS_H
#define CDC_PG_OPTIONS_KAFKA_OPTIONS_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "nodes/parsenodes.h"
#include "pg/options/option_table.h"
#include "pg/options/server_options.h"
#include "source/kafka.h"

#define CDC_KAFKA_FDW	"cdc_kafka"

/*
 * Fills *options from DefElem lists: of a server, of a user mapping, and those that
 * override the server's (of a foreign table or a subscription).  Strings are UTF-8
 * and palloc'ed in the current context, or constant.  What overrides have besides
 * options of the client is passed over.  ERROR where a value does not fit.
 */
extern void cdc_kafka_options_read(List *server, List *mapping, List *overrides,
								   CdcKafkaOptions *options);

/* The same for the server's schema registry. */
extern void cdc_registry_options_read(List *server, List *mapping, CdcRegistryOptions *options);

/*
 * ERROR where an option of a list does not belong to the scope, its value does not fit,
 * or another one of the list sets the same property.
 */
extern void cdc_kafka_check_option(CdcOptionScope scope, List *list, const DefElem *def);

/* The property that an option sets: "sasl.username" for "sasl_username"; palloc'ed. */
extern char *cdc_kafka_property_name(const char *option);

/*
 * The value that a list of options has for a property, which may be written with
 * dots or underscores there; NULL: none.
 */
extern const char *cdc_kafka_property_value(List *options, const char *property);

#endif							/* CDC_PG_OPTIONS_KAFKA_OPTIONS_H */
