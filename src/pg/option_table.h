/*-------------------------------------------------------------------------
 *
 * option_table.h
 *	  Options of servers and user mappings, read from the catalogs for use.
 *	  The table itself is in options.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTION_TABLE_H
#define CDC_PG_OPTION_TABLE_H

#include "pg/compat.h"
#include "nodes/pg_list.h"
#include "source/mysql.h"

#define CDC_MYSQL_FDW	"cdc_mysql"

/*
 * Fills *opt from the DefElem lists of a server and a user mapping; the
 * strings are palloc'ed and UTF-8.  ERROR where a value does not fit (an
 * option may be older than the check).
 */
extern void cdc_mysql_options_read(List *server, List *mapping, CdcMysqlOptions *opt);

/* The server option server_id: first of a range of ids; 0 = not set. */
extern uint32 cdc_mysql_server_id_base(List *server);

#endif							/* CDC_PG_OPTION_TABLE_H */
