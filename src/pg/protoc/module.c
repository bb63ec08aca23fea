/*-------------------------------------------------------------------------
 *
 * module.c
 *	  The module cdc_ingest_protobuf: what the server loads to reach libprotobuf.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"
#include "fmgr.h"

#include "protoc/protoc.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT const CdcProtocMethods *cdc_protoc_methods(void);

const CdcProtocMethods *
cdc_protoc_methods(void)
{
	return cdc_protoc_libprotobuf();
}
