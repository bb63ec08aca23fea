/*-------------------------------------------------------------------------
 *
 * column_plan.h
 *	  Chooses how a column is decoded, and checks that the binlog and the
 *	  known definition of the table agree.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_COLUMN_PLAN_H
#define CDC_BINLOG_COLUMN_PLAN_H

#include "binlog/format.h"
#include "binlog/table_map.h"
#include "binlog/values.h"

/*
 * Fills ncolumns plans for a table.  CDC_ERR_SCHEMA names the column that
 * disagrees, CDC_ERR_UNSUPPORTED the one that cannot be decoded.  The plans
 * point into table and charsets.
 */
extern CdcStatus cdc_column_plans_make(CdcColumnPlan *plans, const CdcTableMap *map,
									   const CdcTable *table, const CdcFormat *format,
									   CdcCharsets *charsets, CdcError *err);

#endif							/* CDC_BINLOG_COLUMN_PLAN_H */
