/*-------------------------------------------------------------------------
 *
 * schema_internal.h
 *	  What the parts of schema share, from the bottom up:
 *
 *	  store.c				cdc.table_version and cdc.database_version
 *	  source_definition.c	definitions out of a source's information_schema
 *	  schema.c				the newest definition of each table, cached
 *	  fit.c					the definition that fits what the binlog says of a table
 *	  ddl.c					definitions that follow DDL
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_SCHEMA_INTERNAL_H
#define CDC_PG_SCHEMA_SCHEMA_INTERNAL_H

#include "core/arena.h"
#include "core/ddl_apply.h"
#include "core/table_def.h"
#include "binlog/charset.h"
#include "pg/remote/answer.h"
#include "pg/schema/schema.h"
#include "utils/hsearch.h"

#define CDC_SCHEMA_NAME_SIZE	520 /* two names of 64 characters in UTF-8, a dot, a NUL */

typedef struct CdcSchemaEntry
{
	char		full_name[CDC_SCHEMA_NAME_SIZE];	/* hash key */
	bool		wanted;
	bool		watched;		/* its rows are asked for all the same */
	bool		loaded;			/* the following was looked up */
	CdcTableDef *def;			/* the newest one; NULL: none, without columns: no table */
	char	   *as_of;			/* where the source stood when def was read; NULL: it
								 * was followed through DDL */
	CdcTable   *newest;			/* made of def; or NULL */
	CdcTable   *fitting;		/* of the last table map; or NULL */
	bool		unreadable;		/* the last table map has a column that cannot be decoded */
	bool		misfit;			/* no definition fits the last table map */
	bool		unproven;		/* rows without names were decoded, or what images lack was filled
								 * in, by a def with as_of */
	uint64		map_print;		/* fingerprint of that table map */
} CdcSchemaEntry;

/* Table maps looked up lately: each statement sends its table's again. */
#define CDC_SCHEMA_RECENT_MAPS	64
typedef struct CdcRecentMap
{
	uint64		serial;			/* 0 = none */
	CdcSchemaEntry *entry;
	uint64		print;
} CdcRecentMap;

struct CdcSchema
{
	MemoryContext context;
	const CdcSubscription *sub;

	/*
	 * Definitions live in `current`.  cdc_schema_invalidate() keeps them one
	 * turn longer, as the decoder may still use them for its open group.
	 */
	MemoryContext current;
	MemoryContext retired;
	HTAB	   *entries;
	CdcRecentMap recent[CDC_SCHEMA_RECENT_MAPS];	/* by serial */
	CdcArena   *arena;			/* parsed types; freed with `current` */
	CdcCharsets charsets;		/* for checks against table maps */
	CdcDdlServer *server;		/* NULL: not asked yet; lives as long as the schema */
};

/* ---- schema.c ---- */

extern CdcSchemaEntry *cdc_schema_entry(CdcSchema *schema, const char *database,
										const char *table);

/* The newest definition, looked up where that was not done. */
extern CdcSchemaEntry *cdc_schema_load(CdcSchema *schema, const char *database, const char *table);

/*
 * Reads the source's present definition and makes it the newest one, valid
 * from place on.  false when there is no such table.
 */
extern bool cdc_schema_reread(CdcSchema *schema, CdcSource *source, const char *database,
							  const char *table, const CdcSchemaPlace *place);

/* Makes def the newest one; as_of may be NULL. */
extern void cdc_schema_put(CdcSchema *schema, const char *database, const char *table,
						   const CdcTableDef *def, const CdcSchemaPlace *place,
						   const char *as_of);

/* ---- ddl.c ---- */

/* Rows depend on a definition that may have been read ahead of them: that is kept beside it. */
extern void cdc_schema_note_unproven(CdcSchema *schema, CdcSchemaEntry *entry);

/* ---- source_definition.c ---- */

/*
 * The source's present definitions of n tables, palloc'ed, in the order of the names; one
 * without columns where there is no such table.  Names of a database should follow each
 * other.
 */
extern CdcTableDef *cdc_schema_read_many(CdcSource *source, const CdcSchemaName *names, int n);

/* The same of one table; NULL when there is no such table. */
extern CdcTableDef *cdc_schema_read_source(CdcSource *source, const char *database,
										   const char *table);

/* ---- hidden.c ---- */

/*
 * Takes columns off the map that rows have and that the newest definition (or NULL) does not
 * show, as their names tell.
 */
extern void cdc_schema_hide_named(CdcFlavor flavor, const CdcTable *newest, CdcTableMap *map);

/*
 * The same, of the loaded entry, and by the source's indexes where the binlog has no names;
 * CDC_ERR_UNSUPPORTED: it cannot be told whether there are some.
 */
extern CdcStatus cdc_schema_hide(CdcSource *source, const CdcSchemaEntry *entry, CdcTableMap *map,
								 CdcError *err);

/* ---- store.c ---- */

/* A stored version of a definition. */
typedef struct CdcStoredDef
{
	CdcTableDef def;
	char	   *as_of;			/* as in CdcSchemaEntry */
	bool		unproven;		/* likewise */
} CdcStoredDef;

/* The newest `limit` stored definitions, newest first; of CdcStoredDef *. */
extern List *cdc_schema_read_stored(const char *subscription, const char *full_name, int limit);

/* Names ("database.table") of the tables of a database that have definitions. */
extern List *cdc_schema_stored_tables(const char *subscription, const char *database);

/* A database's default collation as it was stored last; NULL when there is none. */
extern char *cdc_schema_stored_database(const char *subscription, const char *database);
extern void cdc_schema_store_database(const char *subscription, const char *database,
									  const char *charset, const char *collation,
									  const CdcSchemaPlace *place);

#endif							/* CDC_PG_SCHEMA_SCHEMA_INTERNAL_H */
