/*-------------------------------------------------------------------------
 *
 * obstacle.c
 *	  What keeps events away from a history's table: its rules and triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/obstacle.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/catalog/spi.h"

/* Runs a statement that makes one text of a table; a copy of it, "" where that is NULL. */
static char *
ask(CdcStatement *stmt, Oid relid, const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[2];
	const char *text = NULL;
	char	   *result;
	CdcSpi		spi;

	cdc_spi_begin(&spi);
	values[0] = ObjectIdGetDatum(relid);
	values[1] = CStringGetTextDatum(name);
	if (cdc_spi_execute(stmt, values, NULL) > 0)
		text = cdc_spi_text(&spi, 0, 1);
	result = MemoryContextStrdup(caller, text != NULL ? text : "");
	cdc_spi_end(&spi);
	return result;
}

char *
cdc_history_drop_rules(Oid relid, const char *name)
{
	static CdcStatement stmt = {
		"SELECT pg_catalog.string_agg(pg_catalog.format('DROP RULE %I ON %s;', r.rulename, $2), ' '"
		" ORDER BY r.rulename) FROM pg_catalog.pg_rewrite r WHERE r.ev_class OPERATOR(pg_catalog.=) $1",
		2, {OIDOID, TEXTOID}
	};

	return ask(&stmt, relid, name);
}

char *
cdc_history_drop_triggers(Oid relid, const char *name)
{
	/* 1: for each row, 2: before, 4: insert */
	static CdcStatement stmt = {
		"SELECT pg_catalog.string_agg(pg_catalog.format('DROP TRIGGER %I ON %s;', t.tgname, $2), ' '"
		" ORDER BY t.tgname) FROM pg_catalog.pg_trigger t WHERE t.tgrelid OPERATOR(pg_catalog.=) $1"
		" AND NOT t.tgisinternal"
		" AND (t.tgtype OPERATOR(pg_catalog.&) 7::pg_catalog.int2) OPERATOR(pg_catalog.=) 7::pg_catalog.int2",
		2, {OIDOID, TEXTOID}
	};

	return ask(&stmt, relid, name);
}
