/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The background workers: a launcher, one supervisor a database, and for each
 *	  enabled subscription a pull and an apply worker, and a publish worker where
 *	  it has an enabled publication.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WORKER_WORKER_H
#define CDC_PG_WORKER_WORKER_H

#include "pg/base/compat.h"

/* From _PG_init(), when loaded through shared_preload_libraries: registers the launcher. */
extern void cdc_worker_init(void);

extern PGDLLEXPORT void cdc_launcher_main(Datum arg);
extern PGDLLEXPORT void cdc_supervisor_main(Datum arg);
extern PGDLLEXPORT void cdc_worker_main(Datum arg);

#endif							/* CDC_PG_WORKER_WORKER_H */
