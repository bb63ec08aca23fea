/*-------------------------------------------------------------------------
 *
 * spill_file.c
 *	  A temporary file that is written to its end, and read from its beginning.
 *
 * One block is in memory: the last one while the file is written (it may be
 * shorter than others, and ends where the file does), the one at the reader's
 * place while it is read.
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
#define KEEP_BYTES			((size_t) 1024 * 1024)	/* of the piece, when a smaller one follows */

struct CdcSpillFile
{
	MemoryContext context;
	File		file;
	uint64		size;			/* of all that was written */
	uint64		start;			/* where the block begins in the file */
	size_t		filled;			/* of the block */
	size_t		at;				/* reader's place in the block */
	bool		dirty;			/* the block is not in the file yet */
	char	   *piece;			/* what was read across blocks */
	size_t		piece_cap;
	char		block[BLOCK_BYTES];
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

	/* who is current now may be gone when the file is closed */
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

static void
flush(CdcSpillFile *file)
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

/* The block becomes an empty one that begins there. */
static void
go_to(CdcSpillFile *file, uint64 start)
{
	flush(file);
	file->start = start;
	file->filled = file->at = 0;
}

void
cdc_spill_file_write(CdcSpillFile *file, const void *data, size_t len)
{
	const char *from = data;

	if (file->start + file->filled != file->size)
		go_to(file, file->size);
	while (len > 0)
	{
		size_t		n;

		if (file->filled == BLOCK_BYTES)
			go_to(file, file->size);
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
		/* what is behind it in the file is overwritten or never read */
		file->dirty = false;
		go_to(file, bytes);
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
		go_to(file, 0);
	file->at = 0;
}

/* The block behind this one; at least one byte of it. */
static void
read_block(CdcSpillFile *file)
{
	size_t		want;
	int			n;

	go_to(file, file->start + file->filled);
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
