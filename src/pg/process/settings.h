/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The extension's own settings in postgresql.conf, all of them of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROCESS_SETTINGS_H
#define CDC_PG_PROCESS_SETTINGS_H

#include "pg/base/compat.h"

/* cdc_ingest.workers: off keeps all background workers from running. */
extern bool cdc_workers_enabled;

/*
 * cdc_ingest.max_workers_per_role and max_workers_per_database: how many workers
 * the subscriptions of one owner, or of one database, may have at a time.  -1: no
 * limit; 0: three quarters of max_worker_processes, and not less than three.
 */
extern int	cdc_max_workers_per_role;
extern int	cdc_max_workers_per_database;

/* A limit as a number, INT_MAX where there is none. */
extern int	cdc_worker_limit(int setting);

/* From _PG_init(). */
extern void cdc_settings_init(void);

#endif							/* CDC_PG_PROCESS_SETTINGS_H */
