/*-------------------------------------------------------------------------
 *
 * table_map.h
 *	  The table map event: a table as its row events are written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_TABLE_MAP_H
#define CDC_BINLOG_TABLE_MAP_H

#include "binlog/format.h"
#include "core/arena.h"
#include "core/value.h"

/* MySQL's and MariaDB's own limit. */
#define CDC_MAX_COLUMNS		4096

/*
 * The columns as the binlog's table map describes them; the provider of definitions
 * compares its own with them.  Arrays have ncolumns elements.
 */
typedef struct CdcTableMap
{
	uint64_t	serial;			/* unique in the process: one number, one map; 0 = none */
	uint64_t	table_id;
	const char *database;		/* UTF-8, NUL-terminated */
	const char *table;
	int			ncolumns;
	const uint8_t *types;		/* MYSQL_TYPE_*; enum and set have their real type, which
								 * the binlog hides in a string's metadata */
	const uint16_t *meta;		/* both bytes, as they stand in the binlog */
	const uint8_t *nullable;	/* one byte each: 0 or 1 */
	/* optional metadata; NULL when the server did not send it */
	const uint8_t *is_unsigned; /* one byte each */
	const char *const *names;
	const uint16_t *collations; /* collation ids; 0 where none */
	const int  *pk;
	int			npk;
	const uint32_t *pk_prefix;	/* npk elements: key prefix in characters, 0 = whole column */
	const int  *nmembers;		/* enum and set: number of members, else 0 */
	const CdcString *const *members;	/* ... in the column's character set */
	const uint8_t *geometry_types;	/* 0 geometry, 1 point, ... 7 geometrycollection */
	const uint8_t *invisible;	/* one byte each */
	const uint32_t *dimensions; /* of vectors; 0 for other types */
} CdcTableMap;

/* Reads the table id at the start of the body of a table map or row event. */
extern uint64_t cdc_read_table_id(CdcReader *r, const CdcFormat *format, uint8_t type);

/*
 * Parses a whole table map event (without checksum) into memory of the arena.
 * Nothing of the result points into the event.
 */
extern CdcStatus cdc_table_map_parse(CdcTableMap *map, const CdcFormat *format,
									 const uint8_t *event, size_t len,
									 CdcArena *arena, CdcError *err);

/*
 * How many of the last columns may be hidden ones of MariaDB: with each UNIQUE index of a TEXT or
 * BLOB column as a whole a table has a number DB_ROW_HASH_n, which rows in the binlog have behind
 * all others, and which no definition shows.  Without names any number may be one.
 */
extern int	cdc_table_map_hidden(const CdcTableMap *map, CdcFlavor flavor);

#endif							/* CDC_BINLOG_TABLE_MAP_H */
