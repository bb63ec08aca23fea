/*-------------------------------------------------------------------------
 *
 * foreign_key.h
 *	  Foreign keys of a source by which it changes rows of one table where those of
 *	  another change: before MySQL 9.6 these are not in its binlog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_FOREIGN_KEY_H
#define CDC_PG_REMOTE_FOREIGN_KEY_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/remote/source.h"

/* In the database's encoding; palloc'ed. */
typedef struct CdcForeignKey
{
	char	   *database;		/* of the table whose rows it changes */
	char	   *table;
	char	   *parent_database;
	char	   *parent_table;
	List	   *parent_columns; /* of char *: that it refers to */
	bool		on_delete;		/* a deleted row of the parent changes rows */
	bool		deletes;		/* ... it deletes them */
	bool		on_update;		/* another value of these columns does */
} CdcForeignKey;

/*
 * All of them but those of the server's own databases, a list of CdcForeignKey *.  false: the
 * server does not tell.
 */
extern bool cdc_source_cascades(CdcSource *source, List **keys);

/* Whether the server writes the rows that it changes so to its binlog. */
extern bool cdc_source_logs_cascades(CdcSource *source);

#endif							/* CDC_PG_REMOTE_FOREIGN_KEY_H */
