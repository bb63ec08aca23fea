/*-------------------------------------------------------------------------
 *
 * bounded_text.h
 *	  Texts of errors, whose size and characters the source decides: cut to what
 *	  may be kept, and without what a terminal would obey.
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
 * Texts of messages are cut, and control characters in them become '?': of all of a
 * worker's, and of those that are marked as being about something of the source, by
 * the error context callback of who works on it.
 */
extern void cdc_bound_messages_init(void);	/* from _PG_init() */
extern void cdc_bound_all_messages(void);	/* from the start of a worker */
extern void cdc_bound_this_message(void);

/*
 * Between begin and end all messages are marked: around what a caller can do with a
 * source.  Lives in the frame of its caller, who nests it with other error contexts.
 */
typedef struct CdcSourceTexts
{
	ErrorContextCallback callback;
} CdcSourceTexts;

extern void cdc_source_texts_begin(CdcSourceTexts *texts);
extern void cdc_source_texts_end(const CdcSourceTexts *texts);

#endif							/* CDC_PG_BASE_BOUNDED_TEXT_H */
