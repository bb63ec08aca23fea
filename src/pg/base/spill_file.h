/*-------------------------------------------------------------------------
 *
 * spill_file.h
 *	  A temporary file that is written at its end and read from its beginning,
 *	  for what does not fit in memory.
 *
 * It counts against temp_file_limit and is in temp_tablespaces, as all temporary
 * files of the server.  BufFile would do, but it writes 8 kB at a time; with
 * 128 kB, a file of some hundred megabytes costs the kernel half the time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_SPILL_FILE_H
#define CDC_PG_BASE_SPILL_FILE_H

#include "pg/base/compat.h"

#include "utils/resowner.h"

typedef struct CdcSpillFile CdcSpillFile;

/*
 * The end of the resource owner closes the file; with owner NULL it outlives the
 * transaction, and the caller closes it.  Its memory is in context.  ERROR where
 * it cannot be made.
 */
extern CdcSpillFile *cdc_spill_file_create(MemoryContext context, ResourceOwner owner);

/* Raises nothing.  Must not be called for a file that its owner's end has closed. */
extern void cdc_spill_file_close(CdcSpillFile *file);

/* Appends the bytes.  ERROR where the disk is full or temp_file_limit is reached. */
extern void cdc_spill_file_write(CdcSpillFile *file, const void *data, size_t len);

/* Keeps the first bytes only; the next write goes behind them. */
extern void cdc_spill_file_truncate(CdcSpillFile *file, uint64 bytes);

/* The next read begins at the first byte. */
extern void cdc_spill_file_rewind(CdcSpillFile *file);

/* The next len bytes, valid until the next call; ERROR where the file has less. */
extern const void *cdc_spill_file_read(CdcSpillFile *file, size_t len);

#endif							/* CDC_PG_BASE_SPILL_FILE_H */
