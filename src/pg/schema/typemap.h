/*-------------------------------------------------------------------------
 *
 * typemap.h
 *	  The PostgreSQL type for a column of the source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_TYPEMAP_H
#define CDC_PG_SCHEMA_TYPEMAP_H

#include "pg/base/compat.h"
#include "core/change.h"
#include "core/table_def.h"
#include "pg/options/options.h"

/*
 * Which generated columns the row images of a source always have.  The others
 * would go stale in a replica.
 */
typedef enum CdcGeneratedLogged
{
	CDC_GENERATED_ALL,
	CDC_GENERATED_STORED,
	CDC_GENERATED_NONE
} CdcGeneratedLogged;

/* Whether the row image of each update has the column. */
extern bool cdc_column_is_logged(const CdcColumn *column, CdcGeneratedLogged logged);

/*
 * Why values of a source column cannot be read from the binlog, as the end of
 * a sentence about its type; NULL when they can.
 */
extern const char *cdc_column_trouble(const CdcColumn *column);

/*
 * The PostgreSQL type that holds every value of a source column, as SQL text
 * such as "numeric(10,2)"; NULL with *reason set when the type is unknown
 * or its values cannot be read.
 */
extern const char *cdc_pg_type(const CdcColumn *column, const CdcSubscriptionOptions *opt,
							   const char **reason);

/* The same of a column as its definition has it, palloc'ed; NULL without a reason. */
extern char *cdc_pg_type_of_definition(const CdcColumnDef *def, const CdcSubscriptionOptions *opt);

#endif							/* CDC_PG_SCHEMA_TYPEMAP_H */
