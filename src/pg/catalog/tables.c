/*-------------------------------------------------------------------------
 *
 * tables.c
 *	  Reading cdc.subscription_table, and the states of its tables.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/tables.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"

List *
cdc_subscription_tables(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT t.source_table, t.target, t.mode, t.key, t.columns, t.state, t.copy_data"
		" FROM cdc.subscription_table t WHERE t.subscription OPERATOR(pg_catalog.=) $1"
		" ORDER BY t.source_table",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	List	   *result = NIL;
	Datum		value = CStringGetTextDatum(sub->name);
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, NULL);
	for (i = 0; i < n; i++)
	{
		CdcSubscriptionTable *t = MemoryContextAllocZero(spi.caller, sizeof(*t));
		MemoryContext old;
		bool		isnull;
		Datum		d;

		t->source_table = cdc_spi_text(&spi, i, 1);
		t->target = cdc_spi_text(&spi, i, 2);
		t->mode = cdc_spi_text(&spi, i, 3);
		t->key = cdc_spi_text_array(&spi, i, 4, &t->nkey);
		d = cdc_spi_datum(i, 5, &isnull);
		old = MemoryContextSwitchTo(spi.caller);
		if (!isnull)
			t->columns = (Jsonb *) PG_DETOAST_DATUM_COPY(d);
		result = lappend(result, t);
		MemoryContextSwitchTo(old);
		t->state = DatumGetChar(cdc_spi_datum(i, 6, &isnull));
		t->copy_data = DatumGetBool(cdc_spi_datum(i, 7, &isnull));
	}
	cdc_spi_end(&spi);
	return result;
}

void
cdc_subscription_table_state(const CdcSubscription *sub, const char *source_table,
							 char state, const char *error)
{
	static CdcStatement stmt = {
		"UPDATE cdc.subscription_table SET state = $3, last_error = $4,"
		" state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, TEXTOID, CHAROID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = CharGetDatum(state);
	values[3] = cdc_text_or_null(error, &nulls[3]);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
	if (state == 'e')
		cdc_notify(sub->name, "table_error", source_table, error);
}
