/*-------------------------------------------------------------------------
 *
 * group_buffer.c
 *	  The events of a source transaction until its commit is seen: in memory
 *	  up to a limit, the rest in a temporary file.
 *
 * Both parts are sequences of (uint32 length, bytes).  Once an event went to
 * the file, all that follow do, so that memory then file is their order.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/group_buffer.h"

#include <unistd.h>

#include "commands/tablespace.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#define INITIAL_BYTES		((size_t) 64 * 1024)
#define KEEP_BYTES			((size_t) 1024 * 1024)

struct CdcGroupBuffer
{
	MemoryContext context;
	ResourceOwner owner;		/* of the file; NULL: none, it survives */
	size_t		limit;
	char	   *memory;
	size_t		used;
	uint64		memory_events;
	size_t		cap;
	size_t		read_at;		/* in memory */
	BufFile    *file;			/* or NULL */
	uint64		file_events;
	uint64		file_read;		/* events read back from the file */
	char	   *event;			/* the one last read from the file */
	size_t		event_cap;
};

CdcGroupBuffer *
cdc_group_buffer_create(MemoryContext parent, size_t limit)
{
	MemoryContext context = AllocSetContextCreate(parent, "cdc_ingest source transaction",
												  ALLOCSET_DEFAULT_SIZES);
	CdcGroupBuffer *group = MemoryContextAllocZero(context, sizeof(CdcGroupBuffer));

	group->context = context;
	group->limit = limit;
	return group;
}

CdcGroupBuffer *
cdc_group_buffer_create_transient(MemoryContext parent, size_t limit)
{
	CdcGroupBuffer *group = cdc_group_buffer_create(parent, limit);

	group->owner = TopTransactionResourceOwner;
	return group;
}

/*
 * Closing writes what is left in the file's buffer, and fails on a full disk,
 * maybe while a transaction aborts for that reason.  What is in the file is not
 * wanted any more: the error is of no interest.
 */
static void
close_file(CdcGroupBuffer *group)
{
	MemoryContext context = CurrentMemoryContext;
	BufFile    *file = group->file;

	group->file = NULL;
	if (file != NULL)
	{
		PG_TRY();
		{
			BufFileClose(file);
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
		}
		PG_END_TRY();
	}
	group->file_events = 0;
	group->file_read = 0;
	if (group->event != NULL)
		pfree(group->event);
	group->event = NULL;
	group->event_cap = 0;
}

void
cdc_group_buffer_destroy(CdcGroupBuffer *group)
{
	if (group == NULL)
		return;
	close_file(group);
	MemoryContextDelete(group->context);
}

void
cdc_group_buffer_reset(CdcGroupBuffer *group)
{
	close_file(group);
	if (group->cap > KEEP_BYTES)
	{
		pfree(group->memory);
		group->memory = NULL;
		group->cap = 0;
	}
	group->used = 0;
	group->memory_events = 0;
	group->read_at = 0;
}

bool
cdc_group_buffer_spilled(const CdcGroupBuffer *group)
{
	return group->file != NULL;
}

/* Makes room in memory; false when that would exceed the limit. */
static bool
reserve_memory(CdcGroupBuffer *group, size_t extra)
{
	size_t		cap;

	if (group->cap - group->used >= extra)
		return true;
	if (group->used + extra > group->limit)
		return false;
	cap = Max(Max(group->cap * 2, INITIAL_BYTES), group->used + extra);
	cap = Min(cap, Max(group->limit, INITIAL_BYTES));
	if (group->memory == NULL)
		group->memory = MemoryContextAllocHuge(group->context, cap);
	else
		group->memory = repalloc_huge(group->memory, cap);
	group->cap = cap;
	return true;
}

/*
 * A file that outlives the transaction may be known to no resource owner: the
 * one that is current now will be gone when the file grows.
 */
static BufFile *
open_file(CdcGroupBuffer *group)
{
	MemoryContext old = MemoryContextSwitchTo(group->context);
	ResourceOwner owner = CurrentResourceOwner;
	BufFile    *file;

	PrepareTempTablespaces();	/* reads catalogs, so not below */
	CurrentResourceOwner = group->owner;
	PG_TRY();
	{
		file = CDC_BUFFILE_CREATE("cdc_ingest", group->owner == NULL);
	}
	PG_CATCH();
	{
		CurrentResourceOwner = owner;
		PG_RE_THROW();
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
	return file;
}

void
cdc_group_buffer_append(CdcGroupBuffer *group, const uint8 *data, size_t len)
{
	uint32		length = (uint32) len;

	if (len > PG_UINT32_MAX)
		elog(ERROR, "cdc_ingest: binlog event of %zu bytes", len);
	if (group->file == NULL && reserve_memory(group, sizeof(length) + len))
	{
		memcpy(group->memory + group->used, &length, sizeof(length));
		memcpy(group->memory + group->used + sizeof(length), data, len);
		group->used += sizeof(length) + len;
		group->memory_events++;
		return;
	}
	if (group->file == NULL)
		group->file = open_file(group);
	CDC_BUFFILE_WRITE(group->file, &length, sizeof(length));
	CDC_BUFFILE_WRITE(group->file, data, len);
	group->file_events++;
}

void
cdc_group_buffer_spill(CdcGroupBuffer *group)
{
	/* what is in the file already comes behind what is in memory */
	if (group->file != NULL || group->used == 0)
		return;
	group->file = open_file(group);
	CDC_BUFFILE_WRITE(group->file, group->memory, group->used);
	group->file_events = group->memory_events;
	group->memory_events = 0;
	pfree(group->memory);
	group->memory = NULL;
	group->used = group->cap = group->read_at = 0;
}

void
cdc_group_buffer_truncate(CdcGroupBuffer *group, uint64 events, uint64 bytes)
{
	uint64		end = bytes + events * sizeof(uint32);

	if (events > group->memory_events + group->file_events)
		elog(ERROR, "cdc_ingest: savepoint behind the events of its transaction");
	if (events <= group->memory_events)
	{
		close_file(group);
		group->used = (size_t) end;
		group->memory_events = events;
		return;
	}
	/* what is left behind it in the file is overwritten or never read */
	if (BufFileSeek(group->file, 0, (off_t) (end - group->used), SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in the temporary file of a source transaction")));
	group->file_events = events - group->memory_events;
}

void
cdc_group_buffer_rewind(CdcGroupBuffer *group)
{
	group->read_at = 0;
	group->file_read = 0;
	if (group->file != NULL && BufFileSeek(group->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind the temporary file of a source transaction")));
}

static void
read_file(CdcGroupBuffer *group, void *ptr, size_t len)
{
	if (BufFileRead(group->file, ptr, len) != len)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read back the temporary file of a source transaction")));
}

bool
cdc_group_buffer_next(CdcGroupBuffer *group, const uint8 **data, size_t *len)
{
	uint32		length;

	if (group->read_at < group->used)
	{
		memcpy(&length, group->memory + group->read_at, sizeof(length));
		*data = (const uint8 *) group->memory + group->read_at + sizeof(length);
		*len = length;
		group->read_at += sizeof(length) + length;
		return true;
	}
	if (group->file_read >= group->file_events)
		return false;
	read_file(group, &length, sizeof(length));
	if (group->event_cap < length ||
		(group->event_cap > KEEP_BYTES && length < KEEP_BYTES))
	{
		size_t		cap = Max((size_t) length, INITIAL_BYTES);

		if (group->event != NULL)
			pfree(group->event);
		group->event = NULL;
		group->event_cap = 0;
		group->event = MemoryContextAllocHuge(group->context, cap);
		group->event_cap = cap;
	}
	read_file(group, group->event, length);
	group->file_read++;
	*data = (const uint8 *) group->event;
	*len = length;
	return true;
}
