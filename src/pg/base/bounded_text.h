/*-------------------------------------------------------------------------
 *
 * bounded_text.h
 *	  Texts of errors, whose size the source decides: cut to what may be kept.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_BOUNDED_TEXT_H
#define CDC_PG_BASE_BOUNDED_TEXT_H

#include "pg/base/compat.h"

/* Bytes of a text in a catalog or in the server's log. */
#define CDC_TEXT_BOUND		8192

/*
 * The text, or, where it has more than bound bytes, its beginning in a copy that
 * has no more than that: cut at the end of a character, with an ellipsis that
 * says how long the text was.  text may be NULL; bound is at least 64.
 */
extern char *cdc_bounded_text(const char *text, size_t bound);

/*
 * Texts of messages are cut on their way to the server's log, and the client:
 * of all of a worker's, and of those that are marked as being about a value of
 * the source, by the error context callback of who works on it.
 */
extern void cdc_bound_messages_init(void);	/* from _PG_init() */
extern void cdc_bound_all_messages(void);	/* from the start of a worker */
extern void cdc_bound_this_message(void);

#endif							/* CDC_PG_BASE_BOUNDED_TEXT_H */
