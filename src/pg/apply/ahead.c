/*-------------------------------------------------------------------------
 *
 * ahead.c
 *	  Whether a table is being copied as of an event: some of its rows are of later than
 *	  the stream then, and others are still to come.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "pg/progress/copy_progress.h"

bool
cdc_run_is_ahead(CdcApply *apply, CdcSourceRun *source, int64 seq)
{
	if (!source->asked)
		source->ahead_until = cdc_copy_ahead_until(apply->sub, source->mapping->source_table);
	source->asked = true;
	return seq <= source->ahead_until;
}
