/*-------------------------------------------------------------------------
 *
 * check_kafka.h
 *	  cdc.check_server() of a Kafka cluster.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CHECK_CHECK_KAFKA_H
#define CDC_PG_CHECK_CHECK_KAFKA_H

#include "pg/check/check_report.h"

/* server: the name of the foreign server. */
extern void cdc_check_kafka_server(CdcCheckReport *out, const char *server);

#endif							/* CDC_PG_CHECK_CHECK_KAFKA_H */
