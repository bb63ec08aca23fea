/*-------------------------------------------------------------------------
 *
 * jsonb_document.h
 *	  JSONB as the envelope code reads documents (envelope/document.h), in place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_JSONB_DOCUMENT_H
#define CDC_PG_DATUM_JSONB_DOCUMENT_H

#include "pg/datum/jsonb_view.h"

#include "envelope/document.h"

/*
 * The document is valid as long as root; strings and numbers that have to be
 * converted are palloc'ed.
 */
extern void cdc_doc_from_jsonb(const JsonbContainer *root, CdcDoc *doc);

/* The place in JSONB of a value that is an object or array; ERROR where it is neither. */
static inline const JsonbContainer *
cdc_doc_jsonb(const CdcDoc *doc)
{
	if (!cdc_doc_is_container(doc))
		cdc_json_no_container();
	return (const JsonbContainer *) doc->node;
}

#endif							/* CDC_PG_DATUM_JSONB_DOCUMENT_H */
