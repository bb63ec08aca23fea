/*-------------------------------------------------------------------------
 *
 * give_up.c
 *	  A source table whose row images do not tell which row they are of, or what its mapping
 *	  computes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"

#include "pg/catalog/log.h"

static void
give_up(CdcApply *apply, CdcSourceRun *source, const char *reason)
{
	const CdcMapping *mapping = source->mapping;

	if (apply->replay != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot replay source table \"%s\": %s", mapping->source_table, reason)));
	source->given_up = true;
	/* no change of its definition has a row in the log that would say so */
	if (cdc_follow_fail(apply->sub, mapping->name, apply->work.at.place.seq, reason, NULL))
		cdc_log(apply->sub->name, "change",
				psprintf("source table %s is not replicated any more, as its row images do not tell enough",
						 mapping->name), reason);
}

void
cdc_run_give_up(CdcApply *apply, CdcSourceRun *source, const char *column)
{
	const CdcMapping *mapping = source->mapping;

	give_up(apply, source,
			psprintf("a row image lacks %s%s, which %s, and target %s does not tell it (at the source, binlog_row_image has to be FULL for that)",
					 strcmp(column, "*") == 0 ? "columns" : "column ",
					 strcmp(column, "*") == 0 ? "" : quote_identifier(column),
					 mapping->filter != NULL ? "the row filter or an expression needs" :
					 "an expression needs", mapping->target->name));
}

void
cdc_run_give_up_row(CdcApply *apply, CdcSourceRun *source, const char *column)
{
	const CdcTarget *target = source->mapping->target;

	give_up(apply, source,
			psprintf("a row image lacks column %s, by which %srows of target %s are found (at the source, binlog_row_image has to be FULL for that%s)",
					 quote_identifier(column), target->keyless ? "and all others the " : "", target->name,
					 target->keyless ? ", or the table needs a primary key" : ""));
}
