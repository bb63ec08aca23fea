/*-------------------------------------------------------------------------
 *
 * option_table.h
 *	  The table of options in options.c, for validators and for reading options
 *	  of servers, user mappings and foreign tables from the catalogs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_OPTION_TABLE_H
#define CDC_PG_CATALOG_OPTION_TABLE_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "source/mysql.h"

#define CDC_MYSQL_FDW	"cdc_mysql"

typedef enum CdcOptionScope
{
	SCOPE_MYSQL_SERVER,
	SCOPE_MYSQL_USER,
	SCOPE_KAFKA_SERVER,
	SCOPE_KAFKA_USER,
	SCOPE_KAFKA_OVERRIDE,		/* of a foreign table, for its client */
	SCOPE_KAFKA_TABLE,			/* of a foreign table itself */
	SCOPE_KAFKA_COLUMN,
	SCOPE_SUBSCRIPTION,
	SCOPE_PUBLICATION
} CdcOptionScope;

/*
 * Checks the value of a scope's option, ERROR where it does not fit, and stores
 * it in the field of target (the scope's struct; NULL: nowhere).  False when
 * the scope has no such option.
 */
extern bool cdc_option_set(CdcOptionScope scope, const char *name, const char *value, void *target);
extern void cdc_option_set_defaults(CdcOptionScope scope, void *target);

/* The value of an option in a DefElem list; NULL: it is not set. */
extern const char *cdc_option_value(List *options, const char *name);

/* ERROR for a name that is not an option here; tells where it belongs. */
extern void cdc_option_unknown(CdcOptionScope scope, const char *name);

/* For messages: "server of cdc_mysql", and its options' names with commas. */
extern const char *cdc_option_scope_name(CdcOptionScope scope);
extern char *cdc_option_names(CdcOptionScope scope);

/*
 * Fills *opt from the DefElem lists of a server and a user mapping; the
 * strings are palloc'ed and UTF-8.  ERROR where a value does not fit (an
 * option may be older than the check).
 */
extern void cdc_mysql_options_read(List *server, List *mapping, CdcMysqlOptions *opt);

/* The server option server_id: first of a range of ids; 0 = not set. */
extern uint32 cdc_mysql_server_id_base(List *server);

#endif							/* CDC_PG_CATALOG_OPTION_TABLE_H */
