/*-------------------------------------------------------------------------
 *
 * decoder.h
 *	  Second stage: from the events of a committed group to its changes.
 *
 * The caller feeds one kept event with cdc_decoder_feed(), and then calls
 * cdc_decoder_next() until it returns CDC_MORE.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_DECODER_H
#define CDC_BINLOG_DECODER_H

#include "binlog/table_map.h"
#include "core/arena.h"
#include "core/change.h"
#include "core/gtid.h"

typedef struct CdcDecoder CdcDecoder;

/*
 * Finds the definition of a table as of the current position.  It sets *table to
 * NULL when the table is not wanted; the decoder then skips its rows.  The definition
 * must have map->ncolumns columns (the decoder checks that, and their types) and
 * must live until the next cdc_decoder_begin().  The decoder calls this at each table
 * map event, so the provider should cache.
 */
typedef CdcStatus (*CdcTableLookup) (void *arg, const CdcTableMap *map,
									 const CdcTable **table, CdcError *err);

/* Makes a decoder that finds tables by lookup(arg, ...); NULL when out of memory. */
extern CdcDecoder *cdc_decoder_create(CdcFlavor flavor, CdcTableLookup lookup, void *arg);
extern void cdc_decoder_destroy(CdcDecoder *decoder);	/* NULL is allowed */

/*
 * Starts a group: row events need table maps of this group, and what was fed before is
 * forgotten.  format is copied; txn must stay valid until the group's last change.
 */
extern void cdc_decoder_begin(CdcDecoder *decoder, const CdcFormat *format,
							  const CdcTransaction *txn);

/* The event comes without checksum and must stay valid until next has returned CDC_MORE. */
extern CdcStatus cdc_decoder_feed(CdcDecoder *decoder, const uint8_t *event, size_t len,
								  CdcError *err);

/*
 * Returns the next change of the event.  CDC_OK: *change is filled and valid until the
 * next call.  CDC_MORE: feed the next event.  DDL comes as op 's' ('t' for TRUNCATE)
 * with table NULL; core/ddl finds out which table it concerns.
 */
extern CdcStatus cdc_decoder_next(CdcDecoder *decoder, CdcChange *change, CdcError *err);

/*
 * After an error of cdc_decoder_next(): the table of a row with a value that its column cannot
 * have, as where it was written by another definition.  NULL: the error is another one.  Whoever
 * goes on all the same calls next again, which leaves out the other rows of that row event.
 */
extern const CdcTable *cdc_decoder_misread(const CdcDecoder *decoder);

#endif							/* CDC_BINLOG_DECODER_H */
