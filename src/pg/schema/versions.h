/*-------------------------------------------------------------------------
 *
 * versions.h
 *	  Reading cdc.table_version: the definition of a source table as of an event.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_VERSIONS_H
#define CDC_PG_SCHEMA_VERSIONS_H

#include "pg/base/compat.h"
#include "core/table_def.h"

typedef struct CdcTableVersion
{
	CdcTableDef def;			/* ncolumns is 0 where nothing is known */
	int64		from_seq;		/* of the first event that it describes */
	int64		next_seq;		/* where the next version begins; PG_INT64_MAX: nowhere yet */
} CdcTableVersion;

/*
 * Reads the version that describes a source table's event with this seq: the
 * newest one at or before it, else the oldest one (history that was filled by
 * hand, the rows of a copy).  Versions without columns, which say that the
 * table was dropped, are passed over.  source_table is in the database's
 * encoding; the definition's texts are palloc'ed, in the encoding that is
 * asked for (PG_UTF8 or the database's).  Returns false where there is no
 * version.
 */
extern bool cdc_table_version_at(const char *subscription, const char *source_table, int64 seq,
								 int encoding, CdcTableVersion *version);

/*
 * Reads the version of that number; def is without columns where there is none, and where
 * the table was gone.
 */
extern void cdc_table_version_get(const char *subscription, const char *source_table, int number,
								  int encoding, CdcTableDef *def);

/* Whether the source computes the column, and whether it does so when it is read. */
extern bool cdc_column_def_is_generated(const CdcColumnDef *column);
extern bool cdc_column_def_is_virtual(const CdcColumnDef *column);

#endif							/* CDC_PG_SCHEMA_VERSIONS_H */
