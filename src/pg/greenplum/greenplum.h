/*-------------------------------------------------------------------------
 *
 * greenplum.h
 *	  The start of what exists on Greenplum only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_GREENPLUM_GREENPLUM_H
#define CDC_PG_GREENPLUM_GREENPLUM_H

#include "pg/base/compat.h"

/* From _PG_init(); does nothing elsewhere. */
extern void cdc_greenplum_init(void);

#endif							/* CDC_PG_GREENPLUM_GREENPLUM_H */
