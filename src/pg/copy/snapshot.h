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

/*
 * The caller's session for queries at the source.  It may be lost while another
 * session is at work for long: each use asks for it anew, which opens it again
 * where it has to be.
 */
typedef struct CdcControl
{
	CdcSource  *(*session) (void *arg);
	void	   *arg;
} CdcControl;

static inline CdcSource *
cdc_control_session(const CdcControl *control)
{
	return control->session(control->arg);
}

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
