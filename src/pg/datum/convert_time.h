/*-------------------------------------------------------------------------
 *
 * convert_time.h
 *	  Dates and times of events to PostgreSQL's types.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_CONVERT_TIME_H
#define CDC_PG_DATUM_CONVERT_TIME_H

#include "pg/datum/converter.h"

/*
 * The function for the converter's type, and its limit; NULL where it is no type of
 * date or time, or one with rules of its own.
 */
extern CdcConvertFunction cdc_convert_temporal_function(CdcConverter *conv);

#endif							/* CDC_PG_DATUM_CONVERT_TIME_H */
