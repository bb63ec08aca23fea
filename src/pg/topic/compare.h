/*-------------------------------------------------------------------------
 *
 * compare.h
 *	  Comparisons of a whole number (a partition, an offset, a time in
 *	  milliseconds) with values of SQL, as sets of the numbers that fulfil them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TOPIC_COMPARE_H
#define CDC_PG_TOPIC_COMPARE_H

#include "pg/base/compat.h"

#include "pg/topic/interval.h"

/* btree's strategies, and one that it does not have */
typedef enum CdcCompare
{
	CDC_COMPARE_LESS = 1,
	CDC_COMPARE_LESS_EQUAL,
	CDC_COMPARE_EQUAL,
	CDC_COMPARE_GREATER_EQUAL,
	CDC_COMPARE_GREATER,
	CDC_COMPARE_NOT_EQUAL
} CdcCompare;

/* What the number is taken as before it is compared. */
typedef enum CdcNumberForm
{
	CDC_FORM_NUMBER,			/* an integer or, widened, a numeric */
	CDC_FORM_TIME,				/* a timestamptz of that many ms since 1970 */
	CDC_FORM_LOCAL,				/* that time as a timestamp in the session's time zone */
	CDC_FORM_DATE				/* the date of that timestamptz in the session's time zone */
} CdcNumberForm;

/* Whether values of the type can be used. */
extern bool cdc_compare_takes(CdcNumberForm form, Oid type);

/*
 * The numbers n with "n compare value".  Where a time has microseconds, the set
 * is that of the milliseconds that fulfil it, too.
 */
extern CdcIntervals cdc_compare_set(CdcNumberForm form, CdcCompare compare, Oid type, Datum value);

#endif							/* CDC_PG_TOPIC_COMPARE_H */
