/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  All differences between PostgreSQL 13 to 18 and Greenplum 6 (PostgreSQL
 *	  9.4), one shim a feature, each with its reason.  No other file tests
 *	  PG_VERSION_NUM or GP_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COMPAT_H
#define CDC_PG_COMPAT_H

#include "postgres.h"

#ifdef GP_VERSION_NUM
#define CDC_GREENPLUM 1
#else
#define CDC_GREENPLUM 0
#endif

#endif							/* CDC_PG_COMPAT_H */
