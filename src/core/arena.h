/*-------------------------------------------------------------------------
 *
 * arena.h
 *	  Memory for the pure layers: a bump allocator with an upper bound, and a
 *	  growable byte buffer.  Both use malloc, so that they work in any thread
 *	  and outside PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_ARENA_H
#define CDC_CORE_ARENA_H

#include <string.h>

#include "status.h"

typedef struct CdcArena CdcArena;

/*
 * limit: the most bytes the arena may hold at once; 0 = no limit.
 * Returns NULL when out of memory.
 */
extern CdcArena *cdc_arena_create(size_t limit);
extern void cdc_arena_destroy(CdcArena *arena); /* NULL is allowed */

/* Frees everything allocated, keeps one block for reuse. */
extern void cdc_arena_reset(CdcArena *arena);

/* 16-byte aligned; NULL when the limit or memory is exhausted. */
extern void *cdc_arena_alloc(CdcArena *arena, size_t size);
extern void *cdc_arena_zalloc(CdcArena *arena, size_t size);
extern char *cdc_arena_strndup(CdcArena *arena, const char *s, size_t len); /* NUL-terminated */
extern size_t cdc_arena_used(const CdcArena *arena);

/* A growable byte buffer; {0} is a valid empty one. */
typedef struct CdcBuf
{
	char	   *data;
	size_t		len;
	size_t		cap;
} CdcBuf;

/* Makes room for extra more bytes.  false when out of memory. */
extern bool cdc_buf_grow(CdcBuf *buf, size_t extra);

static inline bool
cdc_buf_reserve(CdcBuf *buf, size_t extra)
{
	/* a buffer without memory gets some even when nothing more is asked for */
	return extra < buf->cap - buf->len || cdc_buf_grow(buf, extra);
}

static inline bool
cdc_buf_append(CdcBuf *buf, const void *data, size_t len)
{
	if (!cdc_buf_reserve(buf, len))
		return false;
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	return true;
}

extern bool cdc_buf_printf(CdcBuf *buf, const char *fmt,...)
			__attribute__((format(printf, 2, 3)));
extern void cdc_buf_reset(CdcBuf *buf); /* len = 0, keeps memory */
extern void cdc_buf_free(CdcBuf *buf);

#endif							/* CDC_CORE_ARENA_H */
