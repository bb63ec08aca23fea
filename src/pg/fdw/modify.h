/*-------------------------------------------------------------------------
 *
 * modify.h
 *	  INSERT and COPY into foreign tables of cdc_kafka.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_MODIFY_H
#define CDC_PG_FDW_MODIFY_H

#include "pg/base/compat.h"
#include "foreign/fdwapi.h"

/* Sets the callbacks for what modifies. */
extern void cdc_kafka_modify_init(FdwRoutine *routine);

#endif							/* CDC_PG_FDW_MODIFY_H */
