/*-------------------------------------------------------------------------
 *
 * check_server.h
 *	  What the checks of cdc.check_server() share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_CHECK_SERVER_H
#define CDC_PG_REMOTE_CHECK_SERVER_H

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

/* check_kafka.c: of a server of cdc_kafka */
extern void cdc_check_kafka_server(CdcCheckReport *out, const char *server);

#endif							/* CDC_PG_REMOTE_CHECK_SERVER_H */
