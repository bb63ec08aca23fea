/*-------------------------------------------------------------------------
 *
 * fdw.c
 *	  The handler of the foreign-data wrapper cdc_kafka.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/analyze.h"
#include "pg/fdw/import.h"
#include "pg/fdw/modify.h"
#include "pg/fdw/scan.h"
#include "pg/fdw/scan_explain.h"
#include "pg/fdw/scan_parallel.h"
#include "pg/fdw/scan_plan.h"

PG_FUNCTION_INFO_V1(cdc_kafka_fdw_handler);

/* cdc.kafka_fdw_handler() */
Datum
cdc_kafka_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = cdc_kafka_plan_size;
	routine->GetForeignPaths = cdc_kafka_plan_paths;
	routine->GetForeignPlan = cdc_kafka_plan_scan;
	routine->BeginForeignScan = cdc_kafka_scan_begin;
	routine->IterateForeignScan = cdc_kafka_scan_iterate;
	routine->ReScanForeignScan = cdc_kafka_scan_rescan;
	routine->EndForeignScan = cdc_kafka_scan_end;
	routine->ExplainForeignScan = cdc_kafka_scan_explain;
	routine->AnalyzeForeignTable = cdc_kafka_analyze;
#if CDC_HAVE_IMPORT_FOREIGN_SCHEMA
	routine->ImportForeignSchema = cdc_kafka_import;
#endif
#if CDC_HAVE_PARALLEL_QUERY
	routine->IsForeignScanParallelSafe = cdc_kafka_scan_is_parallel_safe;
	routine->EstimateDSMForeignScan = cdc_kafka_scan_estimate_dsm;
	routine->InitializeDSMForeignScan = cdc_kafka_scan_initialize_dsm;
	routine->ReInitializeDSMForeignScan = cdc_kafka_scan_reinitialize_dsm;
	routine->InitializeWorkerForeignScan = cdc_kafka_scan_initialize_worker;
	routine->ShutdownForeignScan = cdc_kafka_scan_shutdown;
#endif
	cdc_kafka_modify_init(routine);
	PG_RETURN_POINTER(routine);
}
