/*-------------------------------------------------------------------------
 *
 * table_map.h
 *	  The table map event: a table as its row events are written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_TABLE_MAP_H
#define CDC_BINLOG_TABLE_MAP_H

#include "binlog/decoder.h"
#include "binlog/format.h"

/* MySQL's and MariaDB's own limit. */
#define CDC_MAX_COLUMNS		4096

/* The table id at the start of a table map or row event's body. */
extern uint64_t cdc_read_table_id(CdcReader *r, const CdcFormat *format, uint8_t type);

/*
 * Parses a whole table map event (without checksum) into memory of the arena.
 * Nothing of the result points into the event.
 */
extern CdcStatus cdc_table_map_parse(CdcTableMap *map, const CdcFormat *format,
									 const uint8_t *event, size_t len,
									 CdcArena *arena, CdcError *err);

#endif							/* CDC_BINLOG_TABLE_MAP_H */
