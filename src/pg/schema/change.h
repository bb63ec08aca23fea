/*-------------------------------------------------------------------------
 *
 * change.h
 *	  cdc.table_change: what the source's statements did to its tables, each with the
 *	  definitions before and after and the place in the history from which on it
 *	  holds.  Pull records them; apply acts on them there, and says how.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_CHANGE_H
#define CDC_PG_SCHEMA_CHANGE_H

#include "pg/base/compat.h"
#include "core/table_change.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "pg/schema/schema.h"

typedef enum CdcChangeKind
{
	CDC_CHANGE_ALTER = 'a',
	CDC_CHANGE_CREATE = 'c',
	CDC_CHANGE_DROP = 'd',
	CDC_CHANGE_RENAME = 'r',	/* to another name */
	CDC_CHANGE_REPLACE = 'n',	/* another table got the name */
	CDC_CHANGE_TRUNCATE = 't',
	CDC_CHANGE_FOUND = 'f',		/* it was another one than known, and no statement said so */
	CDC_CHANGE_COPY = 'b'		/* a new copy of the table begins, which replaces its rows */
} CdcChangeKind;

/* To be recorded; strings in UTF-8. */
typedef struct CdcChangeRecord
{
	CdcChangeKind kind;
	const char *source_table;	/* database.table */
	const CdcSchemaPlace *place;
	TimestampTz source_ts;		/* 0: unknown */
	CdcString	statement;		/* data NULL: none is known */
	int			before;			/* versions of the definition; 0: none */
	int			after;
	const CdcTableChange *change;
	const char *outcome;		/* apply need not act on it; else NULL */
} CdcChangeRecord;

extern void cdc_change_record(const CdcSubscription *sub, const CdcChangeRecord *record);

/*
 * Records that the definition became another one, the newest, without a statement that
 * would say how.  before: its version until then, 0: there was none, and nothing is to be
 * recorded.  source_table in UTF-8.
 */
extern void cdc_change_found(const CdcSubscription *sub, const char *source_table, int before,
							 const CdcSchemaPlace *place);

/*
 * The number of the last one that this process recorded, for the position row, which tells
 * others that there is one; 0: none.
 */
extern int64 cdc_change_last_recorded(const CdcSubscription *sub);

/* The number of a table's newest version, or of the newest one with columns; 0: there is none. */
extern int	cdc_change_newest_version(const char *subscription, const char *source_table,
									  bool with_columns);

/*
 * What the statements on a table that is not replicated have done since it was made,
 * which is def now; known is false where they were not all seen.  For online schema
 * changes, which alter a copy and rename it.
 */
extern void cdc_change_since_made(CdcArena *arena, const char *subscription,
								  const char *source_table, const CdcTableDef *def,
								  CdcTableChange *change);

/* Outcome of changes of tables that are not replicated. */
#define CDC_CHANGE_NOT_REPLICATED	""

/* Outcomes of changes that were not followed, the former with a reason behind it. */
#define CDC_CHANGE_FAILED			"error: "
#define CDC_CHANGE_HELD				"nothing: the table was in error"

/* A change that apply has not acted on; in the database's encoding, palloc'ed. */
typedef struct CdcPendingChange
{
	int64		number;
	CdcChangeKind kind;
	char	   *source_table;
	int64		from_seq;		/* the first event behind it */
	char	   *position;		/* or NULL */
	char	   *statement;		/* or NULL */
	int			before_version;
	int			after_version;
	char	  **tables;			/* names of tables filled from it for which it is settled ... */
	char	  **outcomes;		/* ... and with what */
	int			ntables;
	CdcTableDef before;			/* without columns: the table did not exist, or is not known */
	CdcTableDef after;
	CdcTableChange change;
} CdcPendingChange;

/*
 * Those with from_seq up to upto, in their order; of CdcPendingChange *.  changes: of the
 * position row, read before.
 */
extern List *cdc_changes_pending(const CdcSubscription *sub, int64 changes, int64 upto);

/*
 * All of a source table with from_seq behind after, up to upto, whatever became of them: likewise.  source_table in
 * the database's encoding.
 */
extern List *cdc_changes_between(const CdcSubscription *sub, const char *source_table, int64 after, int64 upto);

/* Whether there is one that apply has not acted on. */
extern bool cdc_changes_are_pending(const char *subscription, int64 upto);

/*
 * Those of a source table behind after, up to upto, that were passed over for the table of that
 * name, as it was in error then, are to be acted on for it: it goes on from there.
 */
extern void cdc_changes_reopen(const char *subscription, const char *source_table, const char *name,
							   int64 after, int64 upto);

/* Reads the definitions of a change, which cdc_changes_pending() leaves alone. */
extern void cdc_change_load(const char *subscription, CdcPendingChange *change);

/*
 * What apply did at it.  Where it is settled for tables, these and their outcomes are kept with
 * it, as the change has them now.
 */
extern void cdc_change_done(const char *subscription, const CdcPendingChange *change,
							const char *outcome);

/* Whether triggers have written another table's rows to it since it was made. */
extern bool cdc_change_was_fed(const char *subscription, const char *source_table);

/* Forgets those of a table that is not replicated. */
extern void cdc_changes_drop(const char *subscription, const char *source_table);

/*
 * The tables of these names, filled from the source table, begin anew from here: what happened
 * to that before is of no concern to them any more.
 */
extern void cdc_changes_forget(const char *subscription, const char *source_table, char **names,
							   int n);

/* A copy that begins. */
typedef struct CdcCopyBegins
{
	const CdcTable *table;		/* that is copied */
	CdcGeneratedLogged logged;	/* what row images have of it */
	CdcSchemaPlace place;		/* of its first event */
	char	  **names;			/* of the tables that it fills */
	int			nnames;
} CdcCopyBegins;

/*
 * The definition whose shape the targets of the table have, where changes behind it were not
 * followed; else *def stays as it is.
 */
extern void cdc_change_followed(const CdcSubscription *sub, const char *source_table, CdcTableDef *def);

/*
 * The same with a copy, for tables that were in error: their targets get the shape of the newest
 * definition there, but for columns that row images do not have.
 */
extern void cdc_change_copy_begins(const CdcSubscription *sub, const CdcCopyBegins *copy);

/* Notes which of the columns that were added row images do not have. */
extern void cdc_change_mark_left_out(CdcTableChange *change, const CdcTable *table,
									 CdcGeneratedLogged logged);

#endif							/* CDC_PG_SCHEMA_CHANGE_H */
