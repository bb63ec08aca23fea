/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The extension's own settings in postgresql.conf.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/process/settings.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

bool		cdc_workers_enabled = true;
int			cdc_max_workers_per_role = 0;
int			cdc_max_workers_per_database = -1;

/* One subscription that publishes needs as many. */
#define WORKERS_MIN		3

int
cdc_worker_limit(int setting)
{
	if (setting < 0)
		return INT_MAX;
	return setting > 0 ? setting : Max(max_worker_processes * 3 / 4, WORKERS_MIN);
}

void
cdc_settings_init(void)
{
	DefineCustomBoolVariable("cdc_ingest.workers",
							 "Runs the background workers of subscriptions.",
							 "When off, subscriptions only move by cdc.pull() and cdc.apply().",
							 &cdc_workers_enabled, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cdc_ingest.max_workers_per_role",
							"Limits the workers of all subscriptions of one owner that is no superuser.",
							"-1 is no limit, 0 three quarters of max_worker_processes.",
							&cdc_max_workers_per_role, 0, -1, 1024,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cdc_ingest.max_workers_per_database",
							"Limits the workers of all subscriptions of one database.",
							"-1 is no limit, 0 three quarters of max_worker_processes.",
							&cdc_max_workers_per_database, -1, -1, 1024,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
}
