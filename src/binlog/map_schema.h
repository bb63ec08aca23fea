/*-------------------------------------------------------------------------
 *
 * map_schema.h
 *	  A table's definition out of its table map alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_MAP_SCHEMA_H
#define CDC_BINLOG_MAP_SCHEMA_H

#include "binlog/charset.h"
#include "binlog/table_map.h"
#include "core/change.h"

/*
 * Makes a table definition from a table map with full row metadata
 * (binlog_row_metadata=FULL).  *table is NULL when the map has no column names
 * or no signedness.  Memory comes from the arena, none of it is the map's.
 *
 * What a table map does not tell: MariaDB's UUID, INET4 and INET6 come out as
 * binary(n), its vectors as varbinary(n); generated columns and constraints
 * are not marked; column types have no display widths.
 */
extern CdcStatus cdc_map_schema(const CdcTableMap *map, CdcFlavor flavor,
								CdcCharsets *charsets, CdcArena *arena,
								const CdcTable **table, CdcError *err);

/*
 * The same for any table map.  Columns without a name are @1, @2, ...; without
 * signedness integers are signed; without character sets strings and blobs are
 * bytes; members of enum and set that the map does not tell are their numbers.
 */
extern CdcStatus cdc_map_schema_placeholders(const CdcTableMap *map, CdcFlavor flavor,
											 CdcCharsets *charsets, CdcArena *arena,
											 const CdcTable **table, CdcError *err);

#endif							/* CDC_BINLOG_MAP_SCHEMA_H */
