/*-------------------------------------------------------------------------
 *
 * spill_file.c
 *	  A temporary file that is written at its end and read from its beginning.
 *
 * One block of the file is in memory: while the file is written, the last one,
 * which ends where the file ends; while it is read, the one at the reader's place.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/spill_file.h"

#include "commands/tablespace.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "pg/base/compat_storage.h"

#define BLOCK_BYTES			((size_t) 128 * 1024)
#define KEEP_BYTES			((size_t) 1024 * 1024)	/* a piece of more than this is freed
													 * when a smaller one follows */

struct CdcSpillFile
{
	MemoryContext context;		/* where its memory is */
	File		file;
	uint64		size;			/* bytes written, whether they are in the file yet or not */

	/* the block in memory */
	uint64		start;			/* where it begins in the file */
	size_t		filled;			/* bytes of it that are used */
	size_t		at;				/* the reader's place in it */
	bool		dirty;			/* it is not in the file yet */

	/* what cdc_spill_file_read() returned last, if that was not within one block */
	char	   *piece;			/* NULL: none is allocated */
	size_t		piece_cap;		/* bytes allocated */

	char		block[BLOCK_BYTES]; /* last, as it is not zeroed */
};

CdcSpillFile *
cdc_spill_file_create(MemoryContext context, ResourceOwner owner)
{
	ResourceOwner current = CurrentResourceOwner;
	CdcSpillFile *file;

	PrepareTempTablespaces();	/* reads catalogs, so not below */
	file = MemoryContextAlloc(context, sizeof(CdcSpillFile));
	memset(file, 0, offsetof(CdcSpillFile, block));
	file->context = context;

	/* the owner that is current now may be gone when the file is closed */
	CurrentResourceOwner = owner;
	PG_TRY();
	{
		file->file = CDC_OPEN_TEMPORARY_FILE("cdc_ingest", owner == NULL);
	}
	PG_CATCH();
	{
		CurrentResourceOwner = current;
		PG_RE_THROW();
	}
	PG_END_TRY();
	CurrentResourceOwner = current;
	return file;
}

void
cdc_spill_file_close(CdcSpillFile *file)
{
	FileClose(file->file);
	if (file->piece != NULL)
		pfree(file->piece);
	pfree(file);
}

/* Writes the block to the file, if it is not there yet. */
static void
write_block(CdcSpillFile *file)
{
	size_t		done = 0;

	if (!file->dirty)
		return;
	while (done < file->filled)
	{
		int			n = CDC_FILE_WRITE(file->file, file->block + done, file->filled - done,
									   (off_t) (file->start + done));

		if (n <= 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not write to temporary file \"%s\": %m",
							FilePathName(file->file))));
		done += n;
	}
	file->dirty = false;
}

/* Makes the block an empty one that begins at start in the file. */
static void
begin_block(CdcSpillFile *file, uint64 start)
{
	write_block(file);
	file->start = start;
	file->filled = file->at = 0;
}

void
cdc_spill_file_write(CdcSpillFile *file, const void *data, size_t len)
{
	const char *from = data;

	if (file->start + file->filled != file->size)
		begin_block(file, file->size);
	while (len > 0)
	{
		size_t		n;

		if (file->filled == BLOCK_BYTES)
			begin_block(file, file->size);
		n = Min(len, BLOCK_BYTES - file->filled);
		memcpy(file->block + file->filled, from, n);
		file->filled += n;
		file->size += n;
		file->dirty = true;
		from += n;
		len -= n;
	}
}

void
cdc_spill_file_truncate(CdcSpillFile *file, uint64 bytes)
{
	Assert(bytes <= file->size);
	file->size = bytes;
	if (bytes <= file->start)
	{
		/* what the file has behind this is overwritten or never read */
		file->dirty = false;
		begin_block(file, bytes);
	}
	else if (bytes < file->start + file->filled)
	{
		file->filled = (size_t) (bytes - file->start);
		file->at = Min(file->at, file->filled);
	}
}

void
cdc_spill_file_rewind(CdcSpillFile *file)
{
	if (file->start > 0)
		begin_block(file, 0);
	file->at = 0;
}

/* Reads the block behind this one, or at least one byte of it. */
static void
read_block(CdcSpillFile *file)
{
	size_t		want;
	int			n;

	begin_block(file, file->start + file->filled);
	want = Min(BLOCK_BYTES, file->size - file->start);
	n = want == 0 ? 0 : CDC_FILE_READ(file->file, file->block, want, (off_t) file->start);
	if (n < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read temporary file \"%s\": %m", FilePathName(file->file))));
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("temporary file \"%s\" ends at byte " UINT64_FORMAT " of " UINT64_FORMAT,
						FilePathName(file->file), file->start, file->size)));
	file->filled = n;
}

/* Makes the piece long enough, and not needlessly long. */
static void
reserve_piece(CdcSpillFile *file, size_t len)
{
	size_t		cap = Max(len, BLOCK_BYTES);

	if (file->piece_cap >= len && (file->piece_cap <= KEEP_BYTES || len >= KEEP_BYTES))
		return;
	if (file->piece != NULL)
		pfree(file->piece);
	file->piece = NULL;
	file->piece_cap = 0;
	file->piece = MemoryContextAllocHuge(file->context, cap);
	file->piece_cap = cap;
}

const void *
cdc_spill_file_read(CdcSpillFile *file, size_t len)
{
	size_t		done = 0;

	if (len <= file->filled - file->at)
	{
		file->at += len;
		return file->block + file->at - len;
	}
	reserve_piece(file, len);
	while (done < len)
	{
		size_t		n;

		if (file->at == file->filled)
			read_block(file);
		n = Min(len - done, file->filled - file->at);
		memcpy(file->piece + done, file->block + file->at, n);
		file->at += n;
		done += n;
	}
	return file->piece;
}
