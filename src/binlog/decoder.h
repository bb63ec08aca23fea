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

#include "core/arena.h"
#include "core/change.h"
#include "core/gtid.h"

typedef struct CdcDecoder CdcDecoder;
struct CdcFormat;

/*
 * The columns as the binlog's table map describes them, for the schema
 * provider to compare with.  Arrays have ncolumns elements.
 */
typedef struct CdcTableMap
{
	uint64_t	serial;			/* in the process: the same number, the same map; 0 = none */
	uint64_t	table_id;
	const char *database;		/* UTF-8, NUL-terminated */
	const char *table;
	int			ncolumns;
	const uint8_t *types;		/* MYSQL_TYPE_*, the real one for string and enum */
	const uint16_t *meta;		/* as the binlog has it, both bytes */
	const uint8_t *nullable;	/* one byte each: 0 or 1 */
	/* optional metadata; NULL where the server sent none */
	const uint8_t *is_unsigned; /* one byte each */
	const char *const *names;
	const uint16_t *collations; /* collation ids; 0 where none */
	const int  *pk;
	int			npk;
	const uint32_t *pk_prefix;	/* npk: key prefix in characters, 0 = whole column */
	const int  *nmembers;		/* enum and set: number of members, else 0 */
	const CdcString *const *members;	/* ... in the column's character set */
	const uint8_t *geometry_types;	/* 0 geometry, 1 point, ... 7 geometrycollection */
	const uint8_t *invisible;	/* one byte each */
	const uint32_t *dimensions; /* vector; else 0 */
} CdcTableMap;

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
extern void cdc_decoder_begin(CdcDecoder *decoder, const struct CdcFormat *format,
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
