/*-------------------------------------------------------------------------
 *
 * schema.h
 *	  Definitions of source tables as of a position: read from the source's
 *	  information_schema, kept in cdc.table_version, handed to the decoder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_H
#define CDC_PG_SCHEMA_H

#include "pg/compat.h"
#include "pg/catalog.h"
#include "pg/source.h"
#include "binlog/decoder.h"

typedef struct CdcSchema CdcSchema;

/* A cache for one subscription; lives in the given context. */
extern CdcSchema *cdc_schema_create(MemoryContext parent, const CdcSubscription *sub);
extern void cdc_schema_destroy(CdcSchema *schema);

/*
 * Names of all base tables of the source that the subscription wants, as
 * "database.table" strings.
 */
extern List *cdc_schema_source_tables(CdcSource *source, const CdcSubscription *sub);

/*
 * Reads the table's present definition from the source and, where it differs
 * from the newest stored one, stores it as the version valid from seq and
 * position.  NULL when the source has no such table.
 */
extern const CdcTable *cdc_schema_refresh(CdcSchema *schema, CdcSource *source,
										  const char *database, const char *table,
										  int64 seq, const char *position);

/* Newest stored definition; NULL when there is none. */
extern const CdcTable *cdc_schema_get(CdcSchema *schema, const char *database,
									  const char *table);

/* Forgets cached definitions (after a rollback or a change elsewhere). */
extern void cdc_schema_invalidate(CdcSchema *schema);

/*
 * CdcTableLookup for the decoder; arg is a CdcSchemaLookup.  Wanted tables
 * whose stored definition is missing are read from the source; the stored one
 * is compared with the map (count, types, names, signedness) and re-read when
 * it does not fit, and an error names what differs when it still does not.
 * CDC_ERR_UNSUPPORTED where a column cannot be decoded, once for each form of
 * the table; from then on its rows are left out (*table is NULL).
 */
typedef struct CdcSchemaLookup
{
	CdcSchema  *schema;
	const CdcSubscription *sub;
	CdcSource  *(*control) (void *arg); /* opens the control connection on demand */
	void	   *control_arg;
	int64		seq;			/* that the next event will get */
	const char *position;
} CdcSchemaLookup;

extern CdcStatus cdc_schema_lookup(void *arg, const CdcTableMap *map,
								   const CdcTable **table, CdcError *err);

/*
 * Without a source: the newest stored definition of the map's table that fits
 * it, or one put together by name; NULL when there is none.  Lives until
 * cdc_schema_invalidate() was called twice.
 */
extern const CdcTable *cdc_schema_stored_fit(CdcSchema *schema, CdcFlavor flavor,
											 const CdcTableMap *map);

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

#endif							/* CDC_PG_SCHEMA_H */
