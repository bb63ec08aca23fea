/*-------------------------------------------------------------------------
 *
 * schema_internal.h
 *	  What schema.c, schema_source.c and schema_store.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_INTERNAL_H
#define CDC_PG_SCHEMA_INTERNAL_H

#include "core/arena.h"
#include "pg/schema.h"

/*
 * A definition as it is stored; what CdcColumn has beyond follows from the
 * type.  Strings are UTF-8.
 */
typedef struct CdcColumnDef
{
	char	   *name;
	char	   *column_type;
	char	   *charset;		/* or NULL */
	char	   *collation;		/* or NULL */
	char	   *extra;
	char	   *default_value;	/* or NULL */
	char	   *generated;		/* expression, or NULL */
	bool		nullable;
	bool		json_check;
	int			pk;				/* 0-based place in the primary key, or -1 */
} CdcColumnDef;

typedef struct CdcTableDef
{
	int			ncolumns;
	CdcColumnDef *columns;
} CdcTableDef;

/* The source's present definition, palloc'ed; NULL when there is no such table. */
extern CdcTableDef *cdc_schema_read_source(CdcSource *source, const char *database,
										   const char *table);

/* The newest `limit` stored definitions, newest first; of CdcTableDef *. */
extern List *cdc_schema_read_stored(const char *subscription, const char *full_name, int limit);

/* Stores def as a new version unless it equals the newest one. */
extern void cdc_schema_store(const char *subscription, const char *full_name,
							 const CdcTableDef *def, int64 seq, const char *position);

#endif							/* CDC_PG_SCHEMA_INTERNAL_H */
