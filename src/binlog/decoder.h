/*-------------------------------------------------------------------------
 *
 * decoder.h
 *	  Second stage: from the events of a committed group to its changes.
 *
 * Driven feed/next: feed one kept event, then call next until it returns
 * CDC_MORE.
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
 * Finds the definition of a table as of the current position.  Sets *table to
 * NULL where the table is not wanted: its rows are then skipped.  The result
 * must have map->ncolumns columns (the decoder checks it, and the types) and
 * live until the decoder is reset.  Called at each table map event, so the
 * provider caches.
 */
typedef CdcStatus (*CdcTableLookup) (void *arg, const CdcTableMap *map,
									 const CdcTable **table, CdcError *err);

/* Whether DDL is wanted: called with the statement's default database. */
extern CdcDecoder *cdc_decoder_create(CdcFlavor flavor, CdcTableLookup lookup, void *arg);
extern void cdc_decoder_destroy(CdcDecoder *decoder);

/* Start of a group: forgets table maps and what was fed. */
extern void cdc_decoder_begin(CdcDecoder *decoder, const CdcFormat *format,
							  const CdcTransaction *txn);

/* event (without checksum) must stay valid until next returned CDC_MORE. */
extern CdcStatus cdc_decoder_feed(CdcDecoder *decoder, const uint8_t *event, size_t len,
								  CdcError *err);

/*
 * CDC_OK: *change is filled, valid until the next call.  CDC_MORE: feed the
 * next event.  DDL comes as op 's' ('t' for TRUNCATE) with table NULL; which
 * table it concerns is for core/ddl to find out.
 */
extern CdcStatus cdc_decoder_next(CdcDecoder *decoder, CdcChange *change, CdcError *err);

#endif							/* CDC_BINLOG_DECODER_H */
