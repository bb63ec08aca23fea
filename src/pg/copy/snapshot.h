/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  The snapshot that tables are copied from, and its place in the binlog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_SNAPSHOT_H
#define CDC_PG_COPY_SNAPSHOT_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"
#include "pg/remote/source.h"

/* A snapshot's place: it has all before from, and nothing that is behind to only. */
typedef struct CdcSnapshot
{
	CdcSourcePosition from;
	CdcSourcePosition to;		/* by file and offset; of CDC_SNAPSHOT_EXACT, else set at its end */
	bool		by_gtids;		/* its place is told by what is visible some time later */
	TimestampTz opened_at;
	const char *trouble;		/* why from is likely, but not proved; or NULL */
	int			again_ms;		/* of one that was not opened: when to try again; 0: not soon */
} CdcSnapshot;

/* What a snapshot has to be good for. */
typedef enum CdcSnapshotUse
{
	CDC_SNAPSHOT_CHUNK,			/* from has to be right; its GTIDs may be missing on MariaDB */
	CDC_SNAPSHOT_START,			/* a stream begins at from */
	CDC_SNAPSHOT_EXACT			/* from and to are as near to each other as can be */
} CdcSnapshotUse;

/*
 * Opens it in the session source, which then is in a transaction.  false: the source does
 * not come to a point where the snapshot has a place, for longer than patience_ms, and
 * trouble says why.  ERROR where a query fails.
 */
extern bool cdc_snapshot_open(CdcSource *source, const CdcControl *control, CdcSnapshotUse use,
							  int patience_ms, CdcSnapshot *snap);

/*
 * Opens another one in a second session with the same server: of a moment later, so that
 * it has all that snap has; snap then speaks of both.
 */
extern void cdc_snapshot_join(CdcSource *source, CdcSnapshot *snap);

/*
 * Ends the transaction, and with it locks of definitions at the source; then sets to,
 * unless the snapshot was to be exact: all that was read is from before it, even
 * of tables whose engine knows no snapshots.
 */
extern void cdc_snapshot_end(CdcSource *source, CdcSnapshotUse use, CdcSnapshot *snap);

/* Gives it up. */
extern void cdc_snapshot_discard(CdcSource *source);

#endif							/* CDC_PG_COPY_SNAPSHOT_H */
