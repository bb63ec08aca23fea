/*-------------------------------------------------------------------------
 *
 * check_server.c
 *	  cdc.check_server(): what of a source is set up as a subscription needs it.
 *
 * Each check is a row.  A source that cannot be reached is a row as well, not
 * an error; errors are only what is wrong on our side.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "pg/base/result_set.h"
#include "pg/options/kafka_options.h"
#include "pg/check/check_kafka.h"
#include "pg/check/check_mysql.h"

/* What of this side is to be as subscriptions beside each other need it. */
static void
check_here(CdcCheckReport *out)
{
	const char *detector = CDC_HAVE_WHOLE_TABLE_LOCKS ?
		GetConfigOption("gp_enable_global_deadlock_detector", true, false) : NULL;

	if (detector != NULL)
		cdc_check_report(out, "global deadlock detector", strcmp(detector, "on") == 0,
						 "Without it each UPDATE locks a whole table of the extension until its transaction ends: subscriptions wait for each other, and deadlocks make their workers begin a turn anew.",
						 "gpconfig -c gp_enable_global_deadlock_detector -v on; gpstop -ar");
}

PG_FUNCTION_INFO_V1(cdc_check_server);

/* cdc.check_server(server text) returns table (check_name, ok, detail, hint) */
Datum
cdc_check_server(PG_FUNCTION_ARGS)
{
	CdcCheckReport out;
	char	   *server = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ForeignDataWrapper *fdw = GetForeignDataWrapper(GetForeignServerByName(server, false)->fdwid);

	out.store = cdc_result_set_begin(fcinfo, &out.desc);
	if (strcmp(fdw->fdwname, CDC_KAFKA_FDW) == 0)
		cdc_check_kafka_server(&out, server);
	else
		cdc_check_mysql_server(&out, server);
	check_here(&out);
	return (Datum) 0;
}
