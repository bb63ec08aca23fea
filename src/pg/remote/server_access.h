/*-------------------------------------------------------------------------
 *
 * server_access.h
 *	  Who may use which foreign server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_SERVER_ACCESS_H
#define CDC_PG_REMOTE_SERVER_ACCESS_H

#include "pg/base/compat.h"
#include "foreign/foreign.h"

/* ERROR unless the server is one of the wrapper fdw; option: what the hint names, as "host". */
extern void cdc_server_check_wrapper(ForeignServer *server, const char *fdw, const char *option);

/* ERROR unless the role has USAGE. */
extern void cdc_server_check_usage(ForeignServer *server, Oid role);

/* The role's user mapping, or PUBLIC's; NULL where there is none. */
extern UserMapping *cdc_server_user_mapping(ForeignServer *server, Oid role);

#endif							/* CDC_PG_REMOTE_SERVER_ACCESS_H */
