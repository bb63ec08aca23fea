/*-------------------------------------------------------------------------
 *
 * check_mysql.h
 *	  cdc.check_server() of a MySQL or MariaDB server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CHECK_CHECK_MYSQL_H
#define CDC_PG_CHECK_CHECK_MYSQL_H

#include "pg/check/check_report.h"

/* server: the name of the foreign server. */
extern void cdc_check_mysql_server(CdcCheckReport *out, const char *server);

#endif							/* CDC_PG_CHECK_CHECK_MYSQL_H */
