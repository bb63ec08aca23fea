/*-------------------------------------------------------------------------
 *
 * spill_file.h
 *	  A temporary file that is written to its end, and read from its beginning:
 *	  what does not fit in memory waits there.
 *
 * Counts against temp_file_limit and lies in temp_tablespaces, as all temporary
 * files of the server.  BufFile would do, but it writes 8 kB at a time: with
 * 128 kB a file of some hundred megabytes costs the kernel half the time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_SPILL_FILE_H
#define CDC_PG_BASE_SPILL_FILE_H

#include "pg/base/compat.h"

#include "utils/resowner.h"

typedef struct CdcSpillFile CdcSpillFile;

/*
 * The file is closed with its resource owner; with owner NULL it outlives the
 * transaction and is the caller's to close.  Its memory is of context.
 */
extern CdcSpillFile *cdc_spill_file_create(MemoryContext context, ResourceOwner owner);

/* Raises nothing.  Not to be called for a file that its owner has closed. */
extern void cdc_spill_file_close(CdcSpillFile *file);

extern void cdc_spill_file_write(CdcSpillFile *file, const void *data, size_t len);

/* Keeps the first so many bytes; the next write goes behind them. */
extern void cdc_spill_file_truncate(CdcSpillFile *file, uint64 bytes);

extern void cdc_spill_file_rewind(CdcSpillFile *file);

/*
 * The next len bytes, valid until the next call for this file.  An error where
 * the file has not so many.
 */
extern const void *cdc_spill_file_read(CdcSpillFile *file, size_t len);

#endif							/* CDC_PG_BASE_SPILL_FILE_H */
