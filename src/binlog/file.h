/*-------------------------------------------------------------------------
 *
 * file.h
 *	  Splits a binlog file's bytes into raw events, for cdc.read_binlog_file,
 *	  tests and fuzzers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_FILE_H
#define CDC_BINLOG_FILE_H

#include "core/status.h"

/*
 * Next event of the file image data[0..len) at *offset (0: behind the magic,
 * which is checked).  CDC_OK: *event points at it and *offset is behind it;
 * CDC_END: the file ends here; CDC_MORE: it ends in the middle of an event.
 */
extern CdcStatus cdc_binlog_file_next(const uint8_t *data, size_t len, size_t *offset,
									  const uint8_t **event, size_t *event_len,
									  CdcError *err);

#endif							/* CDC_BINLOG_FILE_H */
