/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  The newest versions of rows of the source, see versions.h: read, kept in memory, written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_VERSIONS_ROWS_H
#define CDC_PG_VERSIONS_ROWS_H

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
	size_t		limit;			/* of bytes */
	bool		asked;			/* the following is known: */
	bool		whole;			/* the target has no row that is not here */
} CdcVersions;

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

#endif							/* CDC_PG_VERSIONS_ROWS_H */
