/*-------------------------------------------------------------------------
 *
 * give_up.c
 *	  A source table whose row images do not tell what its mapping computes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"

void
cdc_run_give_up(CdcApply *apply, CdcSourceRun *source, const char *column)
{
	const CdcMapping *mapping = source->mapping;
	const char *reason = psprintf("a row image lacks %s%s, which %s, and target %s does not tell it (at the source, binlog_row_image has to be FULL for that)",
								  strcmp(column, "*") == 0 ? "columns" : "column ",
								  strcmp(column, "*") == 0 ? "" : quote_identifier(column),
								  mapping->filter != NULL ? "the row filter or an expression needs" :
								  "an expression needs", mapping->target->name);

	if (apply->replay != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot replay source table \"%s\": %s", mapping->source_table, reason)));
	source->given_up = true;
	cdc_follow_fail(apply->sub, mapping->name, apply->work.at.place.seq, reason, NULL);
}
