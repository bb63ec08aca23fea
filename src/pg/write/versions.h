/*-------------------------------------------------------------------------
 *
 * versions.h
 *	  Targets that have a row for each version of a row of the source (mode "scd2").
 *
 *	  The target's key tells rows of the source; a version is told by it and the number of
 *	  the event that began it.  So rows are found by one run and written through another
 *	  one, CdcTargetRun.written, whose key is both, by the same back-ends as any other.
 *
 *	  versions.c		what an event makes of a row's versions
 *	  version_rows.c	the newest versions of rows: read, kept in memory, written
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WRITE_VERSIONS_H
#define CDC_PG_WRITE_VERSIONS_H

#include "pg/write/write.h"
#include "datatype/timestamp.h"

/* The event at hand, as far as versions are concerned. */
typedef struct CdcVersionEvent
{
	int64		seq;
	int64		first;			/* of its source transaction's events on the table, the first */
	TimestampTz source_ts;		/* commit time; 0: not known */
	char		op;
	int64		synced;			/* rows of copies behind this event may be of later than where the stream stands */
} CdcVersionEvent;

/* A version; the columns that are the mode's are in the fields, not in the tuple. */
typedef struct CdcVersion
{
	bool		there;
	char		op;				/* of the event that began it; of a row of a copy 'r' */
	int64		seq;			/* the event that began it */
	int64		end_seq;		/* ... and ended it; 0: it is current */
	char		end_op;			/* its op; of a copy, which had other values, or not the row, 'r' */
	TimestampTz from;
	TimestampTz to;				/* of one that has ended */
	HeapTuple	tuple;			/* in the target's row type */
} CdcVersion;

/* The newest versions of a row of the source. */
typedef struct CdcVersionedRow
{
	struct CdcVersionedRow *next;	/* in its bucket */
	uint32		hash;
	bool		unread;			/* what is written has columns that only the target knows */
	Datum	   *key;			/* values of the key's columns, in their order */
	bool	   *key_nulls;
	CdcVersion	before;			/* the newest one from before the source transaction at hand */
	CdcVersion	now;			/* the one of this transaction */
} CdcVersionedRow;

/* Where the columns of the mode are, by attribute. */
typedef struct CdcVersionColumns
{
	int			valid_from;
	int			valid_to;
	int			current;
	int			op;
	int			seq;
	int			end_op;
	int			end_seq;
} CdcVersionColumns;

typedef struct CdcVersions
{
	CdcWork    *work;
	CdcTargetRun *run;			/* finds rows of the source */
	CdcTargetRun *written;		/* writes versions */
	CdcVersionColumns columns;
	bool	   *own;			/* by attribute: it is the mode's, or cannot be written */
	CdcVersionEvent event;

	/* rows that were looked at */
	MemoryContext cxt;
	CdcVersionedRow **buckets;
	uint32		nbuckets;
	uint32		nrows;
	size_t		bytes;
	bool		asked;			/* the following is known: */
	bool		whole;			/* the target has no row that is not here */
} CdcVersions;

/* ---- versions.c ---- */

/*
 * Makes run, of a target with that mode, one whose versions are written through written.  Both
 * are of the same relation; in the run's memory context.
 */
extern void cdc_versions_open(CdcWork *work, CdcTargetRun *run, CdcTargetRun *written);

/*
 * The row has these values behind the event at hand (run->versions->event): a new version, unless it
 * had them before.  Columns that presence lacks are those of the version before.  existing:
 * nothing where there is no current version.  values and nulls are by attribute.
 */
extern void cdc_versions_put(CdcTargetRun *run, Datum *values, bool *nulls, const CdcPresence *presence,
							 bool existing);

/* The source has no row with the key in values and nulls any more: its version has ended. */
extern void cdc_versions_end(CdcTargetRun *run, const Datum *values, const bool *nulls);

/* The same of all rows. */
extern void cdc_versions_end_all(CdcTargetRun *run);

/*
 * The current version by the key in key and key_nulls, as it will be once all is written: false
 * when there is none.  values and nulls (by attribute) live as long as the run or the next call.
 */
extern bool cdc_versions_current(CdcTargetRun *run, const Datum *key, const bool *key_nulls,
								 Datum *values, bool *nulls);

/* At the end of a run: what was written counts as the run's. */
extern void cdc_versions_count(CdcTargetRun *run);

/* ---- version_rows.c ---- */

/* The row with that key, with its two newest versions; unread is false. */
extern CdcVersionedRow *cdc_version_row(CdcVersions *versions, const Datum *key, const bool *key_nulls);

/* Forgets the rows; what is to be written has been. */
extern void cdc_version_rows_forget(CdcVersions *versions);

/* Sets the version's row, a copy, by attribute. */
extern void cdc_version_set_tuple(CdcVersions *versions, CdcVersion *version, Datum *values, bool *nulls);

/*
 * Writes the version; values, nulls: its row, by attribute, of which presence says what it has.  Or only what is
 * the mode's of one that the target has; or takes it away.
 */
extern void cdc_version_write(CdcVersions *versions, const CdcVersion *version, const Datum *values, const bool *nulls,
							  const bool *attrs);
extern void cdc_version_write_end(CdcVersions *versions, const CdcVersionedRow *row, const CdcVersion *version);
extern void cdc_version_delete(CdcVersions *versions, const CdcVersionedRow *row, const CdcVersion *version);

#endif							/* CDC_PG_WRITE_VERSIONS_H */
