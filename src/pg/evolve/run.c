/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Running SQL on a target, and keeping what was run.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "pg/catalog/spi.h"

void
cdc_evolve_run(CdcEvolve *e, const char *sql)
{
	cdc_spi_command(sql);
	appendStringInfo(&e->out->done, "%s%s;", e->out->done.len > 0 ? " " : "", sql);
}

bool
cdc_evolve_finds(const char *sql)
{
	bool		result;

	cdc_spi_connect();
	if (SPI_execute(sql, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look into a target: %s", sql);
	result = SPI_processed > 0;
	cdc_spi_disconnect();
	return result;
}

void
cdc_evolve_note(CdcEvolve *e, const char *sentence)
{
	appendStringInfo(&e->out->done, "%s%s.", e->out->done.len > 0 ? " " : "", sentence);
}
