/*-------------------------------------------------------------------------
 *
 * group_buffer.c
 *	  The events of a source transaction until its commit is seen: in memory
 *	  up to a limit, the rest in a temporary file.
 *
 * Both parts are sequences of (uint32 length, bytes).  Once an event went to the
 * file, all that follow go there, so that memory comes before the file in order.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/group_buffer.h"

#include "utils/memutils.h"
#include "utils/resowner.h"

#include "pg/base/spill_file.h"

#define INITIAL_BYTES		((size_t) 64 * 1024)	/* of memory, at the first event */
#define KEEP_BYTES			((size_t) 1024 * 1024)	/* a reset frees memory of more than this */

struct CdcGroupBuffer
{
	MemoryContext context;		/* its own; all of it is there */
	ResourceOwner owner;		/* of the file; NULL: the file outlives transactions */
	size_t		limit;			/* of bytes in memory */

	/* the first part, in memory */
	char	   *memory;			/* NULL: none is allocated */
	size_t		cap;			/* bytes allocated */
	size_t		used;			/* bytes filled */
	uint64		memory_events;

	/* the second part */
	CdcSpillFile *file;			/* NULL: all is in memory */
	uint64		file_events;

	/* reading back */
	size_t		read_at;		/* where the next event is in memory */
	uint64		file_read;		/* events that were read from the file */
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

static void
close_file(CdcGroupBuffer *group)
{
	if (group->file != NULL)
		cdc_spill_file_close(group->file);
	group->file = NULL;
	group->file_events = 0;
	group->file_read = 0;
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

/* Makes room for extra bytes in memory; false when that would exceed the limit. */
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

void
cdc_group_buffer_append_parts(CdcGroupBuffer *group, const CdcGroupPart *parts, int n)
{
	size_t		len = 0;
	uint32		length;
	int			i;

	for (i = 0; i < n; i++)
		len += parts[i].len;
	if (len > PG_UINT32_MAX)
		elog(ERROR, "cdc_ingest: binlog event of %zu bytes", len);
	length = (uint32) len;
	if (group->file == NULL && reserve_memory(group, sizeof(length) + len))
	{
		char	   *to = group->memory + group->used;

		memcpy(to, &length, sizeof(length));
		to += sizeof(length);
		for (i = 0; i < n; i++)
		{
			if (parts[i].len > 0)
				memcpy(to, parts[i].data, parts[i].len);
			to += parts[i].len;
		}
		group->used += sizeof(length) + len;
		group->memory_events++;
		return;
	}
	if (group->file == NULL)
		group->file = cdc_spill_file_create(group->context, group->owner);
	cdc_spill_file_write(group->file, &length, sizeof(length));
	for (i = 0; i < n; i++)
		cdc_spill_file_write(group->file, parts[i].data, parts[i].len);
	group->file_events++;
}

void
cdc_group_buffer_append(CdcGroupBuffer *group, const uint8 *data, size_t len)
{
	CdcGroupPart part = {data, len};

	cdc_group_buffer_append_parts(group, &part, 1);
}

void
cdc_group_buffer_spill(CdcGroupBuffer *group)
{
	/* what is in the file already comes behind what is in memory */
	if (group->file != NULL || group->used == 0)
		return;
	group->file = cdc_spill_file_create(group->context, group->owner);
	cdc_spill_file_write(group->file, group->memory, group->used);
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
	cdc_spill_file_truncate(group->file, end - group->used);
	group->file_events = events - group->memory_events;
}

void
cdc_group_buffer_rewind(CdcGroupBuffer *group)
{
	group->read_at = 0;
	group->file_read = 0;
	if (group->file != NULL)
		cdc_spill_file_rewind(group->file);
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
	memcpy(&length, cdc_spill_file_read(group->file, sizeof(length)), sizeof(length));
	*data = cdc_spill_file_read(group->file, length);
	*len = length;
	group->file_read++;
	return true;
}
