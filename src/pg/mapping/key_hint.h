/*-------------------------------------------------------------------------
 *
 * key_hint.h
 *	  What to type so that a target gets its key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_KEY_HINT_H
#define CDC_PG_MAPPING_KEY_HINT_H

#include "pg/mapping/mapping.h"
#include "pg/mapping/row_image.h"

/*
 * What to type so that rows of a target without key are found by one, palloc'ed: a
 * primary key of the columns that the image's message names as such, else of those that
 * it seems to find its row by, with what puts it right if that is wrong, else of columns to
 * choose.  The image may lack its data.
 */
extern char *cdc_target_key_hint(const CdcMapping *mapping, const CdcRowImage *image);

/* Names of columns of messages, for people: "id, r"; palloc'ed. */
extern char *cdc_key_names_text(const CdcString *names, int n);

/*
 * Statements, each with a blank behind it, that give a target the key that the image's message
 * names, in place of its own; cdc_wider_key_hint(): or let it have its own, as that will do.
 * Palloc'ed.
 */
extern char *cdc_message_key_hint(const CdcMapping *mapping, const CdcRowImage *image);
extern char *cdc_wider_key_hint(const CdcMapping *mapping, const CdcRowImage *image);

/* The same with other columns than those of that key, which tell no rows apart. */
extern char *cdc_other_key_hint(const CdcMapping *mapping, const CdcRowImage *image);

/* The same for a target without key of documents, by what the key of the message has. */
extern char *cdc_document_key_hint(const CdcMapping *mapping, const CdcRowImage *image);

#endif							/* CDC_PG_MAPPING_KEY_HINT_H */
