/*-------------------------------------------------------------------------
 *
 * table_state.c
 *	  The ways into the states 'e' and 'r' of a table, and out of 'e'.
 *
 * Pull may find that a table is lost while apply, or who retries it, is at work on it.  So
 * each of these is one UPDATE that looks at the row as it is by then.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/progress/table_state.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/base/bounded_text.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/progress/known.h"

/* The table of an update, in all of these. */
#define OF_TABLE \
	" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"

/* Whether it is in error, and nothing but a new copy helps. */
#define IS_LOST "(state OPERATOR(pg_catalog.=) 'e' AND held AND held_seq IS NULL)"

char
cdc_table_settle(const CdcSubscription *sub, const char *name, char from)
{
	/* nothing can be compared with a topic: what was left out of it is shown, and is no error for ever */
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET"
		" state = CASE WHEN held OR kept_events OPERATOR(pg_catalog.>) 0"
		" OR (differs IS NOT NULL AND $4::pg_catalog.bool) THEN 'e'"
		" WHEN EXISTS (SELECT 1 FROM cdc_catalog.copy_progress p"
		" WHERE p.subscription OPERATOR(pg_catalog.=) $1 AND p.name OPERATOR(pg_catalog.=) $2"
		" AND p.sync_seq IS NOT NULL AND p.ready_at IS NULL) THEN 's' ELSE 'r' END,"
		" error_seq = CASE WHEN kept_events OPERATOR(pg_catalog.>) 0 THEN error_seq END,"
		" error_key = CASE WHEN kept_events OPERATOR(pg_catalog.>) 0 THEN error_key END,"
		" last_error = CASE WHEN held OR kept_events OPERATOR(pg_catalog.>) 0 THEN last_error ELSE differs END,"
		" last_sqlstate = CASE WHEN held OR kept_events OPERATOR(pg_catalog.>) 0 THEN last_sqlstate END,"
		" state_since = pg_catalog.now()" OF_TABLE
		" AND state OPERATOR(pg_catalog.=) $3 AND NOT (held AND state OPERATOR(pg_catalog.=) 'e')"
		" RETURNING state",
		4, {TEXTOID, TEXTOID, CHAROID, BOOLOID}
	};
	CdcSpi		spi;
	Datum		values[4];
	char		result = 0;
	bool		isnull;

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = CharGetDatum(from);
	values[3] = BoolGetDatum(sub->kind != CDC_SERVER_KAFKA);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		result = DatumGetChar(cdc_spi_datum(0, 1, CHAROID, &isnull));
	cdc_spi_end(&spi);
	if (result != 0)
		cdc_catalog_changed();
	return result;
}

bool
cdc_table_lose(const CdcSubscription *sub, const char *name, int sqlerrcode, const char *error)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET state = 'e', last_error = $3, last_sqlstate = $4,"
		" state_since = pg_catalog.now(), held = true, held_seq = NULL, error_seq = NULL, error_key = NULL"
		OF_TABLE " AND NOT " IS_LOST,
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	char	   *sqlstate = pstrdup(unpack_sql_state(sqlerrcode));
	bool		lost = cdc_spi_run(&stmt, sub->name, name, cdc_bounded_text(error, CDC_TEXT_BOUND),
								   sqlstate) > 0;

	/* where somebody else has done so, that is to be seen, too */
	cdc_catalog_changed();
	if (!lost)
		return false;
	cdc_known_lost(sub, name);
	cdc_notify(sub->name, "table_error", name, sqlstate);
	return true;
}

bool
cdc_table_resume(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET held = false, held_seq = NULL" OF_TABLE
		" AND state OPERATOR(pg_catalog.=) 'e' AND NOT " IS_LOST,
		2, {TEXTOID, TEXTOID}
	};

	if (cdc_spi_run(&stmt, sub->name, name) == 0)
		return false;
	(void) cdc_table_settle(sub, name, 'e');
	return true;
}

bool
cdc_table_is_held(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table" OF_TABLE " AND held",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, name) > 0;
}
