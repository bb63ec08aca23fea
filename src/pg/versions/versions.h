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
 *	  rows.c			the newest versions of rows: read, kept in memory, written
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_VERSIONS_VERSIONS_H
#define CDC_PG_VERSIONS_VERSIONS_H

#include "pg/versions/rows.h"

/* More memory for versions that are kept makes nothing faster. */
#define CDC_VERSIONS_BYTES	(16 * 1024 * 1024)

/*
 * Makes run, of a target with that mode, one whose versions are written through written.  Both
 * are of the same relation; in the run's memory context.  limit: so many bytes for what is kept of them.
 */
extern void cdc_versions_open(CdcWork *work, CdcTargetRun *run, CdcTargetRun *written, size_t limit);

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
 * when there is none.  values and nulls (by attribute) are palloc'ed copies.
 */
extern bool cdc_versions_current(CdcTargetRun *run, const Datum *key, const bool *key_nulls,
								 Datum *values, bool *nulls);

/* At the end of a run: what was written counts as the run's. */
extern void cdc_versions_count(CdcTargetRun *run);

#endif							/* CDC_PG_VERSIONS_VERSIONS_H */
