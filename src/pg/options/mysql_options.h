/*-------------------------------------------------------------------------
 *
 * mysql_options.h
 *	  Options of servers and user mappings of cdc_mysql.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_OPTIONS_MYSQL_OPTIONS_H
#define CDC_PG_OPTIONS_MYSQL_OPTIONS_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "source/mysql.h"

#define CDC_MYSQL_FDW	"cdc_mysql"

/*
 * Fills *opt from the DefElem lists of a server and a user mapping; the strings
 * are UTF-8 and palloc'ed in the current context, or constant.  ERROR where a
 * value does not fit, as an option may be older than the check.
 */
extern void cdc_mysql_options_read(List *server, List *mapping, CdcMysqlOptions *opt);

/* The server's option server_id: the first of a range of ids; 0 = not set. */
extern uint32 cdc_mysql_server_id_base(List *server);

#endif							/* CDC_PG_OPTIONS_MYSQL_OPTIONS_H */
