/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  What the unit tests share: cmocka, a repeatable random generator, short
 *	  forms for common checks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_TEST_UNIT_H
#define CDC_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))

/* Random numbers (xorshift64*) that are the same in each run. */
typedef struct UnitRandom
{
	uint64_t	state;			/* not 0 */
} UnitRandom;

static inline uint64_t
unit_random(UnitRandom *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * UINT64_C(2685821657736338717);
}

/* 0 to n - 1 */
static inline uint64_t
unit_random_below(UnitRandom *r, uint64_t n)
{
	return unit_random(r) % n;
}

/* The buffer's text, NUL-terminated; valid until the buffer changes. */
static inline const char *
unit_text(CdcBuf *buf)
{
	if (!cdc_buf_append(buf, "", 1))
		abort();
	buf->len--;
	return buf->data;
}

/* Fails with the error's message unless st is CDC_OK. */
#define assert_ok(st, err) \
	do { \
		CdcStatus	assert_ok_st = (st); \
		if (assert_ok_st != CDC_OK) \
			fail_msg("%s: status %d, %s %s", #st, (int) assert_ok_st, (err)->message, (err)->detail); \
	} while (0)

#endif							/* CDC_TEST_UNIT_H */
