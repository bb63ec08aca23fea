/*-------------------------------------------------------------------------
 *
 * json_text.h
 *	  A CdcSink that writes compact JSON text (UTF-8, NUL as \u0000).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_JSON_TEXT_H
#define CDC_CORE_JSON_TEXT_H

#include "arena.h"
#include "sink.h"

typedef struct CdcJsonText
{
	CdcSink		sink;			/* pass &t->sink to producers */
	CdcBuf		buf;			/* the text so far */
	bool		need_comma;
	int			depth;
} CdcJsonText;

extern void cdc_json_text_init(CdcJsonText *t);
extern void cdc_json_text_reset(CdcJsonText *t);	/* empty, keeps memory */
extern void cdc_json_text_free(CdcJsonText *t);

#endif							/* CDC_CORE_JSON_TEXT_H */
