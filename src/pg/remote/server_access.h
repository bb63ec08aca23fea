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

/*
 * server_identity.c: ERROR where the role would connect with what the database server
 * has, its files, tickets or operating system user, and no superuser said that it may.
 * mapping of a Kafka server: or NULL.
 */
extern void cdc_server_check_mysql_identity(const ForeignServer *server, const UserMapping *mapping,
											Oid role);
extern void cdc_server_check_kafka_identity(const ForeignServer *server, const UserMapping *mapping,
											Oid role);

#endif							/* CDC_PG_REMOTE_SERVER_ACCESS_H */
