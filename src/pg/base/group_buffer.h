/*-------------------------------------------------------------------------
 *
 * group_buffer.h
 *	  The events of a source transaction until its commit is seen: in memory
 *	  up to a limit, the rest in a temporary file.
 *
 * A group of events is a source transaction.  The buffer survives the end of a
 * PostgreSQL transaction, since a pull may commit while a group still arrives; its
 * owner destroys it when a transaction aborts.  A transient buffer ends with the
 * transaction that made it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_GROUP_BUFFER_H
#define CDC_PG_BASE_GROUP_BUFFER_H

#include "pg/base/compat.h"

typedef struct CdcGroupBuffer CdcGroupBuffer;

/* limit: how many bytes are kept in memory before the file is used. */
extern CdcGroupBuffer *cdc_group_buffer_create(MemoryContext parent, size_t limit);

/*
 * A transient one: the end of the current transaction closes its file.  Destroy it
 * before the commit, and never at abort; parent must not live longer than the
 * transaction.
 */
extern CdcGroupBuffer *cdc_group_buffer_create_transient(MemoryContext parent, size_t limit);

/* Frees all of it; NULL is allowed. */
extern void cdc_group_buffer_destroy(CdcGroupBuffer *group);

/* Forgets the events, for the next group; keeps some memory. */
extern void cdc_group_buffer_reset(CdcGroupBuffer *group);

/* Adds a copy of an event.  ERROR where the file cannot be written. */
extern void cdc_group_buffer_append(CdcGroupBuffer *group, const uint8 *data, size_t len);

/* Likewise an event whose bytes are in several places; data may be NULL where len is 0. */
typedef struct CdcGroupPart
{
	const void *data;
	size_t		len;
} CdcGroupPart;

extern void cdc_group_buffer_append_parts(CdcGroupBuffer *group, const CdcGroupPart *parts, int n);

/*
 * Forgets all but the first events, as ROLLBACK TO SAVEPOINT does; bytes is how
 * long those events are together.
 */
extern void cdc_group_buffer_truncate(CdcGroupBuffer *group, uint64 events, uint64 bytes);

/* Whether some of the events are in the file. */
extern bool cdc_group_buffer_spilled(const CdcGroupBuffer *group);

/*
 * Moves the events to the file, for a group that waits for long.  A group that has
 * a file already keeps what it has in memory.
 */
extern void cdc_group_buffer_spill(CdcGroupBuffer *group);

/*
 * Reading back, from the first event to the last.  next returns false behind the
 * last one; *data is valid until the next call.
 */
extern void cdc_group_buffer_rewind(CdcGroupBuffer *group);
extern bool cdc_group_buffer_next(CdcGroupBuffer *group, const uint8 **data, size_t *len);

#endif							/* CDC_PG_BASE_GROUP_BUFFER_H */
