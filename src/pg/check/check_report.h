/*-------------------------------------------------------------------------
 *
 * check_report.h
 *	  The result of cdc.check_server(): a row a check.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CHECK_CHECK_REPORT_H
#define CDC_PG_CHECK_CHECK_REPORT_H

#include "pg/base/compat.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

typedef struct CdcCheckReport
{
	Tuplestorestate *store;
	TupleDesc	desc;
} CdcCheckReport;

/* Adds a row; texts are UTF-8, the hint is shown where it is not ok.  NULL: none. */
extern void cdc_check_report(CdcCheckReport *out, const char *name, bool ok, const char *detail,
							 const char *hint);

#endif							/* CDC_PG_CHECK_CHECK_REPORT_H */
