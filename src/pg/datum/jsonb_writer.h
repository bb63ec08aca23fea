/*-------------------------------------------------------------------------
 *
 * jsonb_writer.h
 *	  A CdcSink that builds JSONB in its stored form, without text and without
 *	  trees of JsonbValue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_JSONB_WRITER_H
#define CDC_PG_DATUM_JSONB_WRITER_H

#include "pg/base/compat.h"
#include "core/sink.h"
#include "utils/jsonb.h"

typedef struct CdcJsonbWriter CdcJsonbWriter;

/* Strings must be UTF-8 and are converted to the database's encoding. */
extern CdcJsonbWriter *cdc_jsonb_writer_create(MemoryContext parent);
extern CdcSink *cdc_jsonb_writer_sink(CdcJsonbWriter *writer);
extern void cdc_jsonb_writer_reset(CdcJsonbWriter *writer);

/*
 * What stands for U+0000, which JSONB cannot hold: a text of ASCII, "" for nothing; NULL,
 * as at first, for U+FFFD.  The sink's has_nul tells where there was one.
 */
extern void cdc_jsonb_writer_nul(CdcJsonbWriter *writer, const char *substitute);

/* The finished document; valid until the next reset. */
extern const Jsonb *cdc_jsonb_writer_finish(CdcJsonbWriter *writer);

#endif							/* CDC_PG_DATUM_JSONB_WRITER_H */
