/*-------------------------------------------------------------------------
 *
 * check_registry.h
 *	  cdc.check_server() of a Kafka cluster's schema registry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CHECK_CHECK_REGISTRY_H
#define CDC_PG_CHECK_CHECK_REGISTRY_H

#include "pg/base/compat.h"
#include "foreign/foreign.h"

#include "pg/check/check_report.h"

/* Nothing where the server names no registry. */
extern void cdc_check_registry(CdcCheckReport *out, ForeignServer *server, Oid user);

#endif							/* CDC_PG_CHECK_CHECK_REGISTRY_H */
