/*-------------------------------------------------------------------------
 *
 * epoch.h
 *	  Times since 1970, as sources and Kafka have them, and PostgreSQL's, which
 *	  count from 2000.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_EPOCH_H
#define CDC_PG_BASE_EPOCH_H

#include "pg/base/compat.h"
#include "utils/timestamp.h"

/* From 1970 to 2000. */
#define CDC_EPOCH_DISTANCE_US \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)
#define CDC_EPOCH_DISTANCE_MS	(CDC_EPOCH_DISTANCE_US / 1000)

static inline TimestampTz
cdc_timestamptz_of_unix_us(int64 us)
{
	return us - CDC_EPOCH_DISTANCE_US;
}

static inline TimestampTz
cdc_timestamptz_of_unix_ms(int64 ms)
{
	return ms * 1000 - CDC_EPOCH_DISTANCE_US;
}

/* ts: no later than some 50,000 years from now, as clocks are. */
static inline int64
cdc_unix_us(TimestampTz ts)
{
	return ts + CDC_EPOCH_DISTANCE_US;
}

/* Of any finite time; rounded down, also before 2000 and 1970. */
static inline int64
cdc_unix_ms(TimestampTz ts)
{
	return (ts >= 0 ? ts / 1000 : -((-ts + 999) / 1000)) + CDC_EPOCH_DISTANCE_MS;
}

#endif							/* CDC_PG_BASE_EPOCH_H */
