/*-------------------------------------------------------------------------
 *
 * arena.c
 *	  Bump allocator with an upper bound, and a growable byte buffer.
 *
 * An arena is a list of blocks; allocations are cut from the newest one.  What
 * does not fit into a regular block gets one of its own size.  Block sizes
 * double from ARENA_MIN_BLOCK to ARENA_MAX_BLOCK, so that a small arena is
 * cheap and a large one calls malloc rarely.
 *
 * In a build with AddressSanitizer the unused part of a block is poisoned and
 * allocations are kept apart, so that it sees reads and writes behind them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(ARENA_ASAN)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define ARENA_REDZONE	16
#define arena_poison(p, n)		ASAN_POISON_MEMORY_REGION(p, n)
#define arena_unpoison(p, n)	ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define ARENA_REDZONE	0
#define arena_poison(p, n)		((void) (p), (void) (n))
#define arena_unpoison(p, n)	((void) (p), (void) (n))
#endif

#define ARENA_ALIGN			16
#define ARENA_MIN_BLOCK		((size_t) 8 * 1024)
#define ARENA_MAX_BLOCK		((size_t) 1024 * 1024)

typedef struct ArenaBlock
{
	struct ArenaBlock *next;
	size_t		size;			/* of data, in bytes */
	size_t		used;
	size_t		unused;			/* keeps data aligned */
	char		data[];
} ArenaBlock;

_Static_assert(offsetof(ArenaBlock, data) % ARENA_ALIGN == 0,
			   "block data must be aligned");

struct CdcArena
{
	ArenaBlock *blocks;			/* newest first; allocations come from it */
	size_t		limit;			/* 0 = none */
	size_t		held;			/* sum of the blocks' sizes */
	size_t		used;			/* sum of what was handed out */
	size_t		next_size;		/* of the next regular block */
};

CdcArena *
cdc_arena_create(size_t limit)
{
	CdcArena   *arena = calloc(1, sizeof(CdcArena));

	if (arena == NULL)
		return NULL;
	arena->limit = limit;
	arena->next_size = ARENA_MIN_BLOCK;
	return arena;
}

static void
free_block(CdcArena *arena, ArenaBlock *block)
{
	arena_unpoison(block->data, block->size);
	arena->held -= block->size;
	free(block);
}

void
cdc_arena_destroy(CdcArena *arena)
{
	if (arena == NULL)
		return;
	while (arena->blocks != NULL)
	{
		ArenaBlock *block = arena->blocks;

		arena->blocks = block->next;
		free_block(arena, block);
	}
	free(arena);
}

void
cdc_arena_reset(CdcArena *arena)
{
	ArenaBlock *keep = NULL;

	/* keep the largest regular block: it serves the next round at once */
	while (arena->blocks != NULL)
	{
		ArenaBlock *block = arena->blocks;

		arena->blocks = block->next;
		if (block->size <= ARENA_MAX_BLOCK &&
			(keep == NULL || block->size > keep->size))
		{
			if (keep != NULL)
				free_block(arena, keep);
			keep = block;
		}
		else
			free_block(arena, block);
	}
	if (keep != NULL)
	{
		keep->next = NULL;
		keep->used = 0;
		arena_poison(keep->data, keep->size);
		arena->blocks = keep;
	}
	arena->used = 0;
}

/* Adds a block with room for size bytes, within the limit. */
static bool
add_block(CdcArena *arena, size_t size)
{
	ArenaBlock *block;
	size_t		block_size = arena->next_size;

	/* an unused block (left by reset, too small now) must not count */
	if (arena->blocks != NULL && arena->blocks->used == 0)
	{
		block = arena->blocks;
		arena->blocks = block->next;
		free_block(arena, block);
	}

	if (block_size < size)
		block_size = size;
	if (arena->limit > 0)
	{
		size_t		left = arena->limit > arena->held ? arena->limit - arena->held : 0;

		left -= left % ARENA_ALIGN;
		if (left < size)
			return false;
		if (block_size > left)
			block_size = left;
	}
	if (block_size > (size_t) PTRDIFF_MAX - sizeof(ArenaBlock))
		return false;
	block = malloc(sizeof(ArenaBlock) + block_size);
	if (block == NULL)
		return false;
	block->size = block_size;
	block->used = 0;
	block->unused = 0;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->held += block_size;
	arena_poison(block->data, block->size);
	if (arena->next_size < ARENA_MAX_BLOCK)
		arena->next_size *= 2;
	return true;
}

void *
cdc_arena_alloc(CdcArena *arena, size_t size)
{
	ArenaBlock *block = arena->blocks;
	size_t		rounded;
	void	   *p;

	if (size > (size_t) PTRDIFF_MAX - 2 * ARENA_ALIGN - ARENA_REDZONE)
		return NULL;
	if (size == 0)
		size = 1;				/* a pointer of its own, also for nothing */
	rounded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN + ARENA_REDZONE;

	if (block == NULL || block->size - block->used < rounded)
	{
		if (!add_block(arena, rounded))
			return NULL;
		block = arena->blocks;
	}
	p = block->data + block->used;
	block->used += rounded;
	arena->used += rounded;
	arena_unpoison(p, size);
	return p;
}

void *
cdc_arena_zalloc(CdcArena *arena, size_t size)
{
	void	   *p = cdc_arena_alloc(arena, size);

	if (p != NULL)
		memset(p, 0, size);
	return p;
}

char *
cdc_arena_strndup(CdcArena *arena, const char *s, size_t len)
{
	char	   *p;

	if (len == SIZE_MAX)
		return NULL;
	p = cdc_arena_alloc(arena, len + 1);
	if (p == NULL)
		return NULL;
	if (len > 0)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

size_t
cdc_arena_used(const CdcArena *arena)
{
	return arena->used;
}

bool
cdc_buf_grow(CdcBuf *buf, size_t extra)
{
	size_t		need;
	size_t		cap = buf->cap < 64 ? 64 : buf->cap;
	char	   *data;

	if (extra > (size_t) PTRDIFF_MAX - buf->len)
		return false;
	need = buf->len + extra;
	if (need <= buf->cap && buf->data != NULL)
		return true;
	while (cap < need)
		cap = cap > (size_t) PTRDIFF_MAX / 2 ? need : cap * 2;
	data = realloc(buf->data, cap);
	if (data == NULL)
		return false;
	buf->data = data;
	buf->cap = cap;
	return true;
}

bool
cdc_buf_printf(CdcBuf *buf, const char *fmt,...)
{
	va_list		args;
	int			n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0 || !cdc_buf_reserve(buf, (size_t) n + 1))
		return false;

	va_start(args, fmt);
	vsnprintf(buf->data + buf->len, (size_t) n + 1, fmt, args);
	va_end(args);
	buf->len += (size_t) n;
	return true;
}

void
cdc_buf_reset(CdcBuf *buf)
{
	buf->len = 0;
}

void
cdc_buf_free(CdcBuf *buf)
{
	free(buf->data);
	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
}
