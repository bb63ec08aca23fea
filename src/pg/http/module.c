/*-------------------------------------------------------------------------
 *
 * module.c
 *	  The module cdc_ingest_http: what the server loads to reach libcurl.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"
#include "fmgr.h"

#include "http/http.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT const CdcHttpMethods *cdc_http_methods(void);

const CdcHttpMethods *
cdc_http_methods(void)
{
	return cdc_http_curl();
}
