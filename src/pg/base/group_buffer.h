/*-------------------------------------------------------------------------
 *
 * group_buffer.h
 *	  The events of a source transaction until its commit is seen: in memory
 *	  up to a limit, the rest in a temporary file.
 *
 * Survives the end of a PostgreSQL transaction, since a pull may close while
 * a group is still arriving; destroy it when a transaction aborts.  One that is
 * made for a transaction goes with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_GROUP_BUFFER_H
#define CDC_PG_BASE_GROUP_BUFFER_H

#include "pg/base/compat.h"

typedef struct CdcGroupBuffer CdcGroupBuffer;

/* limit: bytes held in memory before the file is used. */
extern CdcGroupBuffer *cdc_group_buffer_create(MemoryContext parent, size_t limit);

/*
 * The same for the present transaction: its file is closed with it.  Destroy it
 * before the commit, and never at abort; parent must not live longer.
 */
extern CdcGroupBuffer *cdc_group_buffer_create_transient(MemoryContext parent, size_t limit);
extern void cdc_group_buffer_destroy(CdcGroupBuffer *group);	/* NULL is allowed */
extern void cdc_group_buffer_reset(CdcGroupBuffer *group);
extern void cdc_group_buffer_append(CdcGroupBuffer *group, const uint8 *data, size_t len);

/*
 * Forgets all but the first events, which have so many bytes together
 * (ROLLBACK TO SAVEPOINT).
 */
extern void cdc_group_buffer_truncate(CdcGroupBuffer *group, uint64 events, uint64 bytes);

/* Whether part of it is in the file. */
extern bool cdc_group_buffer_spilled(const CdcGroupBuffer *group);

/*
 * Moves the events to the file, for a group that waits long.  One that has a
 * file already keeps what it has in memory.
 */
extern void cdc_group_buffer_spill(CdcGroupBuffer *group);

/*
 * Reading back, from the first event to the last; next returns false behind
 * the last.  data is valid until the next call.
 */
extern void cdc_group_buffer_rewind(CdcGroupBuffer *group);
extern bool cdc_group_buffer_next(CdcGroupBuffer *group, const uint8 **data, size_t *len);

#endif							/* CDC_PG_BASE_GROUP_BUFFER_H */
