/*-------------------------------------------------------------------------
 *
 * frame.h
 *	  A message on its way from the protocol to the formatter, which run in the same
 *	  process and are connected by a stream of bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_GREENPLUM_FRAME_H
#define CDC_PG_GREENPLUM_FRAME_H

#include "pg/base/compat.h"
#include "lib/stringinfo.h"
#include "source/kafka.h"

extern void cdc_frame_append(StringInfo buf, const CdcKafkaMessage *msg);

/*
 * The size of the frame at the beginning of len bytes, in bytes; 0: not all of it is
 * there.  ERROR where it is none.
 */
extern size_t cdc_frame_size(const char *data, size_t len);

/* Reads a frame that is there as a whole; headers are palloc'ed, the rest points into it. */
extern void cdc_frame_read(const char *data, CdcKafkaMessage *msg);

#endif							/* CDC_PG_GREENPLUM_FRAME_H */
