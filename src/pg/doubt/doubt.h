/*-------------------------------------------------------------------------
 *
 * doubt.h
 *	  Tables whose rows may have changed without a row event: they are named, and not
 *	  replicated until they are copied anew.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DOUBT_DOUBT_H
#define CDC_PG_DOUBT_DOUBT_H

#include "core/change.h"
#include "core/ddl.h"
#include "pg/doubt/cascade.h"
#include "pg/doubt/program.h"

/* Why rows of a table may have changed without a row event. */
typedef struct CdcDoubt
{
	const char *reason;			/* a sentence without its full stop */
	CdcString	sql;			/* the statement; data NULL: none is known */
	bool		reshapes;		/* it may have altered columns, too */
	bool		cut_off;		/* of copies: they have no key, and cannot go on in any case */
} CdcDoubt;

/* Whose tables they are, and who keeps their states at hand. */
typedef struct CdcDoubts
{
	const CdcSubscription *sub;
	CdcCascades *cascades;
	CdcPrograms *programs;
	bool		lower_case_names;	/* the source takes names in statements for such */

	/* the state of a registered table (UTF-8); 0: it is none, or waits for a new copy anyway */
	char		(*state) (void *arg, const char *full_name);

	/* whether the source has no table of that name (UTF-8) any more: it has no rows to be copied */
	bool		(*gone) (void *arg, const char *full_name);

	/* states have changed, or a copy waits */
	void		(*changed) (void *arg);
	void	   *arg;			/* of all of them */
} CdcDoubts;

/*
 * A copy of the table that is under way begins anew; of targets without one the state becomes
 * 'e', with a WARNING, and where it was 'e' their place to go on from is none any more.  Nothing
 * where it is not registered, or has no place.  full_name in UTF-8.
 */
extern void cdc_doubt_table(const CdcDoubts *doubts, const char *full_name, const CdcDoubt *doubt);

/* The copies of the table that are under way begin anew, but for those that did too often. */
extern void cdc_doubt_copies(const CdcDoubts *doubts, const char *full_name, const CdcDoubt *doubt);

/* The tables whose rows the source changes with those of this one (names in UTF-8) are in doubt. */
extern void cdc_doubt_dependents(const CdcDoubts *doubts, const char *database, const char *table,
								 const CdcDoubt *doubt);

/*
 * A statement with row changes of its own: the tables that it changes are in doubt, and those
 * that depend on them, directly and through views, triggers and stored functions as the source
 * has them now; all tables where it does not show what one does.  false: it calls functions
 * only, of which none is known to change rows.
 */
extern bool cdc_doubt_statement(const CdcDoubts *doubts, CdcString sql, CdcString database,
								uint64_t sql_mode);

/*
 * A row was deleted, or a key changed, that other tables refer to: these are in doubt.  true: the row
 * itself is of a table that is not captured.
 */
extern bool cdc_doubt_change(const CdcDoubts *doubts, const CdcChange *change);

/*
 * A statement of DDL, as part of the transaction: tables whose rows it leaves in doubt.  source: it is asked
 * of what the statement does not tell.
 */
extern void cdc_doubt_ddl(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change, CdcSource *source,
						  const CdcTransaction *txn);

/*
 * Its parts.  Foreign keys, or tables that they are of, may have become others: where rows before the statement
 * were looked at with those of behind it, children are in doubt.
 */
extern void cdc_doubt_foreign_keys(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change,
								   const char *file, uint64 offset);

/* A table is made of an engine whose rows cannot be followed, or parts of a MERGE table. */
extern void cdc_doubt_engine(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change, CdcSource *source);

/* Before or after the statement rows of a table are not told from their old versions. */
extern void cdc_doubt_versioning(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change);

/* All tables of engines whose rows cannot be followed, and parts of MERGE tables, as the source has them now; but for those that a copy will look at. */
extern void cdc_doubt_present_engines(const CdcDoubts *doubts, CdcSource *source);

#endif							/* CDC_PG_DOUBT_DOUBT_H */
