/*-------------------------------------------------------------------------
 *
 * copy_only.c
 *	  The end of a subscription that only copies its tables.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/progress/copy_only.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/progress/copy_progress.h"

bool
cdc_copy_only_has_read(const CdcSubscription *sub)
{
	return sub->opt.copy_mode == CDC_COPY_ONLY && !cdc_copy_is_pending(sub);
}

/* The tables that it ends with; false: it has not come to its end. */
static bool
count_tables(const CdcSubscription *sub, int64 applied_seq, int64 *ready, int64 *failed)
{
	static CdcStatement stmt = {
		"SELECT (SELECT pg_catalog.count(*) FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.=) 'r'),"
		" (SELECT pg_catalog.count(*) FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.=) 'e')"
		" FROM cdc_catalog.subscription_position p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.file IS NOT NULL"
		" AND p.last_seq OPERATOR(pg_catalog.<=) $2"
		" AND NOT EXISTS (SELECT 1 FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" AND (t.state OPERATOR(pg_catalog.=) 'i' OR t.state OPERATOR(pg_catalog.=) 'd'"
		" OR t.state OPERATOR(pg_catalog.=) 'f' OR t.state OPERATOR(pg_catalog.=) 's'))"
		" AND NOT EXISTS (SELECT 1 FROM cdc_catalog.table_change c"
		" WHERE c.subscription OPERATOR(pg_catalog.=) $1 AND c.outcome IS NULL)"
		" AND NOT EXISTS (SELECT 1 FROM cdc_catalog.publication u"
		" WHERE u.subscription OPERATOR(pg_catalog.=) $1 AND u.enabled"
		" AND u.published_seq OPERATOR(pg_catalog.<) p.last_seq)",
		2, {TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[2];
	bool		over;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(applied_seq);
	cdc_spi_begin(&spi);
	over = cdc_spi_execute(&stmt, values, NULL) > 0;
	if (over)
	{
		*ready = cdc_spi_int64(0, 1);
		*failed = cdc_spi_int64(0, 2);
	}
	cdc_spi_end(&spi);
	return over;
}

bool
cdc_copy_only_is_over(const CdcSubscription *sub, int64 applied_seq)
{
	int64		ready;
	int64		failed;

	return sub->opt.copy_mode == CDC_COPY_ONLY && count_tables(sub, applied_seq, &ready, &failed);
}

char *
cdc_copy_only_hint(const CdcSubscription *sub)
{
	const char *name = quote_literal_cstr(sub->name);

	return psprintf("To copy them again: SELECT cdc.restart_subscription(%s), cdc.enable_subscription(%s); To go on with the stream: SELECT cdc.alter_subscription(%s, '{\"copy_mode\": \"initial\"}'), cdc.enable_subscription(%s);",
					name, name, name, name);
}

bool
cdc_copy_only_end(const CdcSubscription *sub, int64 applied_seq, bool ready)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET enabled = false"
		" WHERE name OPERATOR(pg_catalog.=) $1 AND enabled",
		1, {TEXTOID}
	};
	int64		nready;
	int64		nfailed;

	if (sub->opt.copy_mode != CDC_COPY_ONLY || (!sub->enabled && !ready) ||
		!count_tables(sub, applied_seq, &nready, &nfailed))
		return false;
	(void) cdc_spi_run(&stmt, sub->name);
	cdc_log(sub->name, "subscription", "ended, as its tables are copied and copy_mode is only",
			psprintf(INT64_FORMAT " tables are ready, " INT64_FORMAT " in error", nready, nfailed));
	cdc_notify(sub->name, "copy_ended", NULL, NULL);
	cdc_subscription_changed();
	return true;
}
