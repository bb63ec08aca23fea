/*-------------------------------------------------------------------------
 *
 * source/kafka_compat.h
 *	  Differences between the versions of librdkafka (1.6 to 2.14 are known),
 *	  one shim a feature.  No other file tests RD_KAFKA_VERSION.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_KAFKA_COMPAT_H
#define CDC_SOURCE_KAFKA_COMPAT_H

#include <librdkafka/rdkafka.h>

/*
 * An offset that is gone has an error code of its own since 1.6.1; before, the
 * broker's (OFFSET_OUT_OF_RANGE) is passed on.
 */
#define CDC_KAFKA_HAVE_OFFSET_RESET_ERROR	(RD_KAFKA_VERSION >= 0x010601ff)

/*
 * Since 2.2 a broker's thread that stopped fetching because the queue was full
 * looks again after fetch.queue.backoff.ms; before, it sleeps for up to a second
 * unless something wakes it.
 */
#define CDC_KAFKA_FETCH_GOES_ON		(RD_KAFKA_VERSION >= 0x020200ff)

#endif							/* CDC_SOURCE_KAFKA_COMPAT_H */
