/*-------------------------------------------------------------------------
 *
 * import.h
 *	  IMPORT FOREIGN SCHEMA from a Kafka cluster.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_IMPORT_H
#define CDC_PG_FDW_IMPORT_H

#include "pg/base/compat.h"
#include "foreign/fdwapi.h"

#if CDC_HAVE_IMPORT_FOREIGN_SCHEMA
extern List *cdc_kafka_import(ImportForeignSchemaStmt *stmt, Oid serverid);
#endif

#endif							/* CDC_PG_FDW_IMPORT_H */
