/*-------------------------------------------------------------------------
 *
 * auto_resync.c
 *	  Tables in an error that a copy heals are copied anew by themselves.
 *
 * What the stream or apply could not follow has its own SQLSTATE (a table that is not as it
 * has to be).  What a copy has met, and the next one may meet again (a constraint of the target, a value that does
 * not fit there, rows that the source could not read), is gone when somebody has mended it: nothing says so
 * but the next copy, which is not to come at once.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/progress/auto_resync.h"

#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "pg/base/compat_value.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/options/option_json.h"
#include "pg/progress/copy_progress.h"

typedef struct Failed
{
	char	   *name;			/* of the table */
	char	   *error;
	Jsonb	   *options;		/* of the table; or NULL */
	TimestampTz at;				/* not before */
} Failed;

/*
 * Tables with such an error, or the one of that name, whatever their options say; and when that
 * may be.  Those that could not have a target are helped by no copy.
 */
static List *
failed_tables(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"SELECT t.name, t.last_error, t.options,"
		" GREATEST(CASE WHEN t.last_sqlstate OPERATOR(pg_catalog.=) '55000' THEN '-infinity'"
		" ELSE t.state_since OPERATOR(pg_catalog.+) '1 minute'::pg_catalog.interval END,"
		" COALESCE(p.automatic_at OPERATOR(pg_catalog.+) ('1 minute'::pg_catalog.interval OPERATOR(pg_catalog.*)"
		" LEAST(1440, pg_catalog.power(2, LEAST(p.automatic, 20) OPERATOR(pg_catalog.-) 1))), '-infinity'))"
		" FROM cdc_catalog.subscription_table t"
		" LEFT JOIN cdc_catalog.copy_progress p ON p.subscription OPERATOR(pg_catalog.=) t.subscription"
		" AND p.name OPERATOR(pg_catalog.=) t.name"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.state OPERATOR(pg_catalog.=) 'e'"
		" AND NOT t.left_out AND NOT COALESCE(p.keeps, false) AND (t.last_sqlstate OPERATOR(pg_catalog.=) '55000'"
		" OR (p.name IS NOT NULL AND p.ready_at IS NULL AND (t.last_sqlstate OPERATOR(pg_catalog.=) 'HV000'"
		" OR pg_catalog.\"left\"(t.last_sqlstate, 2) OPERATOR(pg_catalog.=) ANY ('{22,23}'::pg_catalog.text[]))))"
		" AND ($2 IS NULL OR t.name OPERATOR(pg_catalog.=) $2)"
		" ORDER BY t.name",
		2, {TEXTOID, TEXTOID}
	};
	Datum		values[2];
	char		nulls[2] = {' ', ' '};
	List	   *result = NIL;
	CdcSpi		spi;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_or_null(name, &nulls[1]);
	n = cdc_spi_execute(&stmt, values, nulls);
	for (i = 0; i < n; i++)
	{
		Failed	   *failed = MemoryContextAlloc(spi.caller, sizeof(Failed));
		MemoryContext old;
		bool		isnull;
		Datum		options = cdc_spi_datum(i, 3, JSONBOID, &isnull);

		failed->name = cdc_spi_text(&spi, i, 1);
		failed->error = cdc_spi_text(&spi, i, 2);
		old = MemoryContextSwitchTo(spi.caller);
		failed->options = isnull ? NULL : (Jsonb *) PG_DETOAST_DATUM_COPY(options);
		failed->at = DatumGetTimestampTz(cdc_spi_datum(i, 4, TIMESTAMPTZOID, &isnull));
		result = lappend(result, failed);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

static void
resync(const CdcSubscription *sub, const Failed *failed)
{
	static const CdcCopyRequest request = {"resync", true, NULL, false};
	static CdcStatement count = {
		"UPDATE cdc_catalog.copy_progress SET automatic = CASE WHEN automatic_at OPERATOR(pg_catalog.>)"
		" (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '1 day'::pg_catalog.interval)"
		" THEN automatic OPERATOR(pg_catalog.+) 1 ELSE 1 END, automatic_at = pg_catalog.clock_timestamp()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	cdc_copy_request(sub, failed->name, &request);
	(void) cdc_spi_run(&count, sub->name, failed->name);
	cdc_log(sub->name, "resync", psprintf("source table %s is copied anew by itself", failed->name),
			failed->error);
	cdc_notify(sub->name, "table_resync", failed->name, NULL);
}

/* Whether the table's options want it. */
static bool
is_wanted(const CdcSubscription *sub, const Failed *failed)
{
	CdcTableOptions options;

	cdc_table_options_parse(failed->options, &sub->opt.table, &options);
	return options.auto_resync;
}

int
cdc_auto_resync(const CdcSubscription *sub)
{
	TimestampTz now = GetCurrentTimestamp();
	int			n = 0;
	ListCell   *lc;

	foreach(lc, failed_tables(sub, NULL))
	{
		const Failed *failed = lfirst(lc);

		if (failed->at > now || !is_wanted(sub, failed))
			continue;
		resync(sub, failed);
		n++;
	}
	return n;
}

bool
cdc_auto_resync_comes(const CdcSubscription *sub, const char *name, TimestampTz *at)
{
	List	   *tables = failed_tables(sub, name);
	const Failed *failed = tables != NIL ? linitial(tables) : NULL;

	if (failed == NULL || !is_wanted(sub, failed))
		return false;
	*at = failed->at;
	return true;
}
