/*
 * require.h
 *	  What fuzz targets demand of what they run: a finding is an abort.
 */
#ifndef CDC_FUZZ_REQUIRE_H
#define CDC_FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stdlib.h>

static inline void
require(bool condition)
{
	if (!condition)
		abort();
}

#endif							/* CDC_FUZZ_REQUIRE_H */
