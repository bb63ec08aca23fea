/*-------------------------------------------------------------------------
 *
 * schema.h
 *	  Definitions of source tables as of a position: read from the source's
 *	  information_schema, kept in cdc.table_version, handed to the decoder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_SCHEMA_H
#define CDC_PG_SCHEMA_SCHEMA_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "pg/remote/source.h"
#include "pg/schema/typemap.h"
#include "binlog/table_map.h"
#include "core/ddl_apply.h"

typedef struct CdcSchema CdcSchema;

/* From where on a definition is in force. */
typedef struct CdcSchemaPlace
{
	int64		seq;			/* of the history */
	const char *position;		/* of the source's binlog, as text; NULL: not known */
} CdcSchemaPlace;

/* A cache for one subscription, which has to stay; lives in the given context. */
extern CdcSchema *cdc_schema_create(MemoryContext parent, const CdcSubscription *sub);
extern void cdc_schema_destroy(CdcSchema *schema);

/*
 * The table's definition: the newest stored one; where there is none, the source's
 * present one, stored as valid from place on.  Where the source's
 * differs because the stream has not come to some DDL yet, that is returned,
 * and not stored.  NULL when the source has no such table.
 */
extern const CdcTable *cdc_schema_refresh(CdcSchema *schema, CdcSource *source,
										  const char *database, const char *table,
										  const CdcSchemaPlace *place);

/* A source table's name, in UTF-8. */
typedef struct CdcSchemaName
{
	const char *database;
	const char *table;
} CdcSchemaName;

/* All base tables of the source that the subscription wants; of CdcSchemaName *. */
extern List *cdc_schema_source_tables(CdcSource *source, const CdcSubscription *sub);

/* So many tables the source is asked for at a time. */
#define CDC_SCHEMA_BATCH	64

/* The same of n tables at once: tables[i] is that of names[i].  Few round trips for many. */
extern void cdc_schema_refresh_many(CdcSchema *schema, CdcSource *source, const CdcSchemaName *names,
									int n, const CdcSchemaPlace *place, const CdcTable **tables);

/* Newest stored definition; NULL when there is none. */
extern const CdcTable *cdc_schema_get(CdcSchema *schema, const char *database,
									  const char *table);

/*
 * Following DDL (ddl.c)
 */

/* What the meaning of the source's DDL depends on; asked for once. */
extern const CdcDdlServer *cdc_schema_ddl_server(CdcSchema *schema, CdcSource *source);

/*
 * The newest definition, one without columns when the table is gone; NULL when
 * none is known.  It lives as cdc_schema_invalidate() says.
 */
extern const CdcTableDef *cdc_schema_definition(CdcSchema *schema, const char *database,
												const char *table);

/*
 * Whether the newest definition was read from the source when that had done
 * the transaction already.  by_gtid: the stream goes by GTIDs, and so does what
 * is known of when the definition was read; that may do so for others, too.
 */
extern bool cdc_schema_is_ahead(CdcSchema *schema, CdcSource *source, const char *database,
								const char *table, const CdcTransaction *txn, bool by_gtid);

/*
 * Whether rows may have been read by the newest definition that were written before
 * it was in force (the binlog does not tell names).
 */
extern bool cdc_schema_is_unproven(CdcSchema *schema, const char *database, const char *table);

/* A row gets defaults of the definition: where that was read ahead of the stream, so are they. */
extern void cdc_schema_note_defaults(CdcSchema *schema, const char *database, const char *table);

/* Stores what DDL made of a table: def without columns when it is gone. */
extern void cdc_schema_follow(CdcSchema *schema, const char *database, const char *table,
							  const CdcTableDef *def, const CdcSchemaPlace *place);

/*
 * Reads the definition anew from the source, where DDL does not determine it, and
 * says why in cdc.log.  false when the source has no such table.
 */
extern bool cdc_schema_ask(CdcSchema *schema, CdcSource *source, const char *database,
						   const char *table, const CdcSchemaPlace *place, const char *why);

/*
 * The source's present definition is another one than the newest stored one, and the stream
 * has no statement before it that would say how it became so: it is read anew, and recorded
 * as a change that was found (change.h) at place.  Returns the table as of then; NULL: there is none.
 */
extern const CdcTable *cdc_schema_found(CdcSchema *schema, CdcSource *source, const char *database,
										const char *table, const CdcSchemaPlace *place);

/*
 * def, or what the source has now where the two differ only in how defaults and
 * expressions are worded.  The source may have altered a default since: what def says of
 * defaults stays.
 */
extern const CdcTableDef *cdc_schema_worded(CdcSource *source, const char *database,
											const char *table, const CdcTableDef *def);

/* A database's default collation; the source's present one where none is known. */
extern const char *cdc_schema_database_collation(CdcSchema *schema, CdcSource *source,
												 const char *database,
												 const CdcSchemaPlace *place);

/* Stores those of all databases that the subscription is about, as they are where it begins. */
extern void cdc_schema_read_databases(CdcSchema *schema, CdcSource *source,
									  const CdcSchemaPlace *place);

/* Whether some pattern of the subscription is about tables of the database. */
extern bool cdc_schema_wants_database(const CdcSubscription *sub, const char *database);
extern void cdc_schema_set_database(CdcSchema *schema, const char *database, const char *charset,
									const char *collation, const CdcSchemaPlace *place);

/* Forgets the tables of a database that was dropped. */
extern void cdc_schema_drop_database(CdcSchema *schema, const char *database,
									 const CdcSchemaPlace *place);

/* An arena that is freed with the context. */
extern CdcArena *cdc_schema_arena(MemoryContext context);

/*
 * Forgets cached definitions (after a rollback or a change elsewhere).  Those that were
 * handed out live until the next call of it.
 */
extern void cdc_schema_invalidate(CdcSchema *schema);

/*
 * CdcTableLookup for the decoder; arg is a CdcSchemaLookup.  Wanted tables
 * whose stored definition is missing are read from the source; the stored one
 * is compared with the map (count, types, names, signedness) and re-read when
 * it does not fit, and an error (CDC_ERR_SCHEMA) names what differs when it still does not.
 * CDC_ERR_UNSUPPORTED where a column cannot be decoded, once for each form of
 * the table; from then on its rows are left out (*table is NULL).
 */
typedef struct CdcSchemaLookup
{
	CdcSchema  *schema;
	const CdcSubscription *sub;
	CdcControl	control;		/* for what is not stored */
	CdcSchemaPlace place;		/* of the next event */
	bool		anew;			/* in: a definition is looked for although there was none before */
	bool		untold;			/* out: which columns the rows have cannot be told, a new copy helps */
	bool		remembered;		/* out: no definition was looked for, as there was none before */
} CdcSchemaLookup;

/*
 * Rows of the table, which nobody wants, are looked up from here on as if somebody did.  Names
 * in UTF-8.
 */
extern void cdc_schema_watch(CdcSchema *schema, const char *database, const char *table);

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
 * Which generated columns of the table the source's row images always have; the
 * source is asked only where the table has such columns.
 */
extern CdcGeneratedLogged cdc_schema_generated_logged(CdcSource *source, const CdcTable *table);

/* A table of a definition; it lives until cdc_schema_invalidate() was called twice. */
extern CdcTable *cdc_schema_make_table(CdcSchema *schema, const char *database, const char *name,
									   const CdcTableDef *def);

/* What rows have in columns that their images lack, by column. */
typedef struct CdcSchemaDefaults
{
	CdcValue   *values;			/* CDC_ABSENT: not known, see default_value.h */
	CdcValue   *row;			/* for the caller, as many */
	bool	   *absent;			/* likewise */
	bool		used;			/* a row got one */
} CdcSchemaDefaults;

/* Of a table of this schema, made at the first call; it lives as long as the table. */
extern CdcSchemaDefaults *cdc_schema_defaults(CdcSchema *schema, const CdcMysqlServerInfo *info,
											  const CdcTable *table);

/*
 * Stores def as a new version, as_of (or NULL) with it, unless it equals the newest
 * one.  only: older ones are of no interest and are removed.
 */
extern void cdc_schema_store(const char *subscription, const char *full_name,
							 const CdcTableDef *def, const CdcSchemaPlace *place,
							 const char *as_of, bool only);

#endif							/* CDC_PG_SCHEMA_SCHEMA_H */
