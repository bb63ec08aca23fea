/*-------------------------------------------------------------------------
 *
 * cdc_ingest.c
 *	  The loadable module: its magic, its start.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "pg/base/bounded_text.h"
#include "pg/base/error.h"
#include "pg/process/settings.h"
#include "pg/process/wake.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/reassign.h"
#include "pg/greenplum/greenplum.h"
#include "pg/pull_binlog/pull_binlog.h"
#include "pg/pull_kafka/pull_kafka.h"
#include "pg/remote/kafka_outbox.h"
#include "pg/worker/worker.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	cdc_settings_init();
	cdc_bound_messages_init();
	cdc_interrupts_init();
	cdc_catalog_init();
	cdc_reassign_init();
	cdc_wake_init();
	cdc_outbox_init();
	cdc_greenplum_init();
	cdc_pull_binlog_init();
	cdc_pull_kafka_init();
	cdc_worker_init();
	EmitWarningsOnPlaceholders("cdc_ingest");
}
