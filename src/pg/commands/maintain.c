/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  cdc.maintain(): what a server does not do by itself for the tables of
 *	  subscriptions: statistics, and room that dead rows hold.
 *
 * Where autovacuum runs there is nothing to do.  Where it does not (Greenplum), tables that
 * have grown are analysed here; VACUUM cannot run in a function, so that its statements are
 * handed to the caller, with the reason.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/autovacuum.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_storage.h"
#include "pg/base/result_set.h"
#include "pg/catalog/access.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/subscription.h"

/* A table has grown, or shrunk, when its pages are so many times those of its statistics. */
#define GROWN			1.2
#define SHRUNK			0.5

/* Pages that its rows do not need are worth a VACUUM beyond this part, and so many. */
#define BLOAT			0.5
#define BLOAT_PAGES		32

/* A relation that may want something. */
typedef struct Upkeep
{
	Oid			relid;

	/* filled by look_at() */
	const char *name;			/* qualified and quoted */
	const char *owner;
	bool		mine;			/* the caller may analyse it */
	double		pages;			/* it has now, */
	double		analysed;		/* ... it had when it was analysed; 0: it was not */
	double		needed;			/* ... its rows take; negative: not known */
} Upkeep;

/* Where the rows go. */
typedef struct Report
{
	Tuplestorestate *rows;
	TupleDesc	desc;
} Report;

/*
 * The histories and targets of the subscriptions that the caller owns, or of the one that
 * he names; with all of them, for an administrator, also the catalogs that change with them.
 * An ordinary table each: partitions in place of what they are parts of.
 */
static List *
list_relations(const char *subscription)
{
	static CdcStatement stmt = {
		"WITH RECURSIVE r (subscription, \"owner\", oid) AS ("
		" SELECT i.subscription, i.\"owner\", i.history FROM cdc_catalog.subscription_identity i"
		" WHERE i.subscription OPERATOR(pg_catalog.=) COALESCE($1, i.subscription)"
		" UNION ALL"
		" SELECT i.subscription, i.\"owner\", t.target_oid FROM cdc_catalog.subscription_identity i"
		" JOIN cdc_catalog.subscription_table t ON t.subscription OPERATOR(pg_catalog.=) i.subscription"
		" WHERE i.subscription OPERATOR(pg_catalog.=) COALESCE($1, i.subscription)"
		" UNION ALL"
		" SELECT r.subscription, r.\"owner\", h.inhrelid FROM r"
		" JOIN pg_catalog.pg_inherits h ON h.inhparent OPERATOR(pg_catalog.=) r.oid)"
		" SELECT r.subscription, r.\"owner\"::pg_catalog.int8, c.oid::pg_catalog.int8 FROM r"
		" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.oid"
		" WHERE c.relkind OPERATOR(pg_catalog.=) 'r'"
		" UNION ALL"
		" SELECT NULL, 0, c.oid::pg_catalog.int8 FROM pg_catalog.pg_class c"
		" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
		" WHERE $1 IS NULL AND c.relkind OPERATOR(pg_catalog.=) 'r'"
		" AND (n.nspname OPERATOR(pg_catalog.=) 'cdc_catalog' OR n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'"
		" AND c.relname OPERATOR(pg_catalog.=) ANY ('{pg_attrdef,pg_attribute,pg_class,pg_depend,pg_index,"
		"pg_statistic,pg_type}'::pg_catalog.name[]))"
		" ORDER BY 1, 3", 1, {TEXTOID}
	};
	Datum		value;
	char		null;
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	value = cdc_text_or_null(subscription, &null);
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, &null);
	for (i = 0; i < n; i++)
	{
		Oid			owner = (Oid) cdc_spi_int64(i, 2);
		bool		catalog = cdc_spi_text(&spi, i, 1) == NULL;
		MemoryContext old;
		Upkeep	   *u;

		if (catalog ? !superuser_arg(spi.userid) : !has_privs_of_role(spi.userid, owner))
			continue;
		old = MemoryContextSwitchTo(spi.caller);
		u = palloc0(sizeof(Upkeep));
		u->relid = (Oid) cdc_spi_int64(i, 3);
		result = lappend(result, u);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

/* The number in a column of the one row that there is, or otherwise. */
static double
number(int column, double otherwise)
{
	bool		isnull = true;
	Datum		value = (Datum) 0;

	if (SPI_processed > 0)
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
	return isnull ? otherwise : DatumGetFloat8(value);
}

/* Reads sizes and statistics, as the caller and an ANALYZE just before left them; false: the table is gone. */
static bool
look_at(Upkeep *u)
{
	static const char *const sizes =
		"SELECT c.relpages::pg_catalog.float8,"
		" pg_catalog.pg_relation_size(c.oid)::pg_catalog.float8 OPERATOR(pg_catalog./)"
		" pg_catalog.current_setting('block_size')::pg_catalog.float8,"
		" pg_catalog.pg_stat_get_dead_tuples(c.oid)::pg_catalog.float8,"
		" c.reltuples::pg_catalog.float8, c.relowner::pg_catalog.int8"
		" FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) $1";
	static const char *const expected =
		"SELECT btdexppages::pg_catalog.float8 FROM gp_toolkit.gp_bloat_expected_pages"
		" WHERE btdrelid OPERATOR(pg_catalog.=) $1";
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(u->relid);
	char	   *name = get_rel_name(u->relid);
	bool		isnull;
	double		dead;
	double		rows;
	Oid			owner;

	if (name == NULL)
		return false;
	u->name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(u->relid)), name);
	cdc_spi_connect();
	if (SPI_execute_with_args(sizes, 1, &type, &value, NULL, false, 1) != SPI_OK_SELECT || SPI_processed == 0)
	{
		cdc_spi_disconnect();
		return false;
	}
	u->analysed = number(1, 0);
	u->pages = number(2, 0) / (get_rel_namespace(u->relid) == PG_CATALOG_NAMESPACE ? CDC_NODES() : 1);
	dead = number(3, 0);
	rows = number(4, 0);
	owner = (Oid) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5, &isnull));
	u->needed = u->pages * (dead + rows > 0 ? rows / (dead + rows) : 1);
	if (CDC_HAVE_DISTRIBUTION && SPI_execute_with_args(expected, 1, &type, &value, NULL, false, 1) == SPI_OK_SELECT)
		u->needed = number(1, -1);
	cdc_spi_disconnect();
	u->mine = has_privs_of_role(GetUserId(), owner);
	u->owner = CDC_USER_NAME_MISSING_OK(owner);
	return true;
}

/* Adds a row to the result: what was done, or is to be typed. */
static void
report(const Report *to, const Upkeep *u, const char *statement, bool done, const char *reason)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(u->name);
	values[1] = CStringGetTextDatum(statement);
	values[2] = BoolGetDatum(done);
	values[3] = CStringGetTextDatum(reason);
	tuplestore_putvalues(to->rows, to->desc, values, nulls);
}

/* Analyses the table where its statistics are of another size; leaves the rest to the caller. */
static void
maintain(const Report *to, Upkeep *u)
{
	char	   *analyse;

	if (!look_at(u))
		return;
	analyse = psprintf("ANALYZE %s;", u->name);
	if (u->pages > 0 && (u->pages > u->analysed * GROWN || u->pages < u->analysed * SHRUNK))
	{
		const char *why = u->analysed > 0 ?
			psprintf("pages: %.0f, when it was analysed: %.0f", u->pages, u->analysed) :
			psprintf("pages: %.0f, never analysed", u->pages);

		if (u->mine)
		{
			cdc_spi_command(analyse);
			CommandCounterIncrement();
		}
		report(to, u, analyse, u->mine,
			   u->mine ? why : psprintf("%s; it is for its owner, %s", why, u->owner ? u->owner : "who is gone"));
		if (!u->mine || !look_at(u))
			return;
	}
	if (u->needed >= 0 && u->pages - u->needed > BLOAT_PAGES && u->pages > u->needed * (1 + BLOAT))
		report(to, u, psprintf("VACUUM %s;", u->name), false,
			   psprintf("pages: %.0f, needed by its rows: about %.0f", u->pages, u->needed));
}

PG_FUNCTION_INFO_V1(cdc_maintain);

/* cdc.maintain(subscription text) returns setof (relation, statement, done, reason) */
Datum
cdc_maintain(PG_FUNCTION_ARGS)
{
	const char *subscription = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Report		to;
	ListCell   *lc;

	to.rows = cdc_result_set_begin(fcinfo, &to.desc);
	if (subscription != NULL)
		(void) cdc_subscription_get_own(subscription);
	if (CDC_HAVE_AUTOVACUUM && AutoVacuumingActive())
		return (Datum) 0;
	foreach(lc, list_relations(subscription))
	{
		CHECK_FOR_INTERRUPTS();
		maintain(&to, lfirst(lc));
	}
	return (Datum) 0;
}
