/*-------------------------------------------------------------------------
 *
 * json_check.h
 *	  A strict JSON parser (RFC 8259, UTF-8 checked) that only says whether
 *	  a text is well formed and its objects' keys are unique.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_TEST_JSON_CHECK_H
#define CDC_TEST_JSON_CHECK_H

#include "core/status.h"

/* Whether s is exactly one JSON value, without white space around tokens. */
extern bool json_check(const char *s, size_t len);

#endif							/* CDC_TEST_JSON_CHECK_H */
