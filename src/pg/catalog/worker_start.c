/*-------------------------------------------------------------------------
 *
 * worker_start.c
 *	  Counting starts of workers that have not come to a success yet.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/worker_start.h"

#include "catalog/pg_type.h"

#include "pg/catalog/spi.h"

void
cdc_worker_start_count(const char *subscription, const char *worker)
{
	static CdcStatement update = {
		"UPDATE cdc_catalog.worker_start SET unfinished = unfinished OPERATOR(pg_catalog.+) 1,"
		" started_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.worker_start (subscription, worker, unfinished, started_at)"
		" VALUES ($1, $2, 1, pg_catalog.now())",
		2, {TEXTOID, TEXTOID}
	};

	/*
	 * A row has one writer, the supervisor before the start and the worker after it:
	 * no other can insert it in between.
	 */
	if (cdc_spi_run(&update, subscription, worker) == 0)
		(void) cdc_spi_run(&insert, subscription, worker);
}

void
cdc_worker_start_clear(const char *subscription, const char *worker)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.worker_start SET unfinished = 0"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2"
		" AND unfinished OPERATOR(pg_catalog.<>) 0",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, subscription, worker);
}
