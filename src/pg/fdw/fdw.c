/*-------------------------------------------------------------------------
 *
 * fdw.c
 *	  Handler and validator of the foreign-data wrapper cdc_kafka.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"

#include "pg/fdw/analyze.h"
#include "pg/fdw/import.h"
#include "pg/fdw/modify.h"
#include "pg/fdw/scan.h"
#include "pg/fdw/scan_explain.h"
#include "pg/fdw/scan_parallel.h"
#include "pg/fdw/scan_plan.h"
#include "pg/options/kafka_options.h"
#include "pg/topic/table.h"

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

/* The scope of the options that a system catalog keeps; false: it keeps none of ours. */
static bool
scope_of_catalog(Oid catalog, CdcOptionScope *scope)
{
	if (catalog == ForeignServerRelationId)
		*scope = SCOPE_KAFKA_SERVER;
	else if (catalog == UserMappingRelationId)
		*scope = SCOPE_KAFKA_USER;
	else if (catalog == ForeignTableRelationId)
		*scope = SCOPE_KAFKA_TABLE;
	else if (catalog == AttributeRelationId)
		*scope = SCOPE_KAFKA_COLUMN;
	else
		return false;
	return true;
}

PG_FUNCTION_INFO_V1(cdc_kafka_fdw_validator);

/*
 * cdc.kafka_fdw_validator(text[], oid): called by the server for CREATE and
 * ALTER SERVER, USER MAPPING, FOREIGN TABLE and so on, with all options that
 * will be set.
 */
Datum
cdc_kafka_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *list = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	CdcOptionScope scope;
	ListCell   *lc;

	foreach(lc, list)
	{
		if (!scope_of_catalog(catalog, &scope))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", ((DefElem *) lfirst(lc))->defname),
					 errhint("Options belong to servers, user mappings and foreign tables of %s.", CDC_KAFKA_FDW)));
		cdc_kafka_check_option(scope, list, lfirst(lc));
	}
	if (catalog == ForeignTableRelationId)
		cdc_kafka_table_check_options(list);
	PG_RETURN_VOID();
}
