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
#include "pg/remote/source.h"

/* A snapshot's place: it has all before from, and nothing that is behind to only. */
typedef struct CdcSnapshot
{
	CdcSourcePosition from;
	CdcSourcePosition to;
	bool		exact;			/* from is to */
	const char *trouble;		/* why from is likely, but not proved; or NULL */
} CdcSnapshot;

/*
 * Opens it in the session source, which then is in a transaction.  exact: tries for
 * some seconds until it is.  false: the source does not come to a point where the
 * snapshot has a place, for longer than patience_ms, and trouble says why.  ERROR
 * where a query fails.
 */
extern bool cdc_snapshot_open(CdcSource *source, const CdcControl *control, bool exact,
							  int patience_ms, CdcSnapshot *snap);

#endif							/* CDC_PG_COPY_SNAPSHOT_H */
