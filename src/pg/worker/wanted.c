/*-------------------------------------------------------------------------
 *
 * wanted.c
 *	  Which workers the subscriptions of a database want: a pull and an apply worker for
 *	  each enabled one, and one for each of its enabled publications.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/worker/wanted.h"

#include <limits.h>

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"
#include "pg/process/background.h"
#include "pg/process/settings.h"

#define UNFINISHED(worker) \
	", (SELECT w.unfinished::pg_catalog.int8 FROM cdc_catalog.worker_start w" \
	"    WHERE w.subscription OPERATOR(pg_catalog.=) s.name" \
	"      AND w.worker OPERATOR(pg_catalog.=) '" worker "')"

static void
set_worker(CdcWantedWorker *worker, CdcWorkerKind kind, int unfinished)
{
	memset(worker, 0, sizeof(*worker));
	worker->kind = kind;
	worker->worker = cdc_worker_kind_name(kind);
	worker->unfinished = unfinished;
}

/* Adds the enabled publications to the subscriptions, a list of CdcWanted *. */
static void
read_publications(List *wanted)
{
	static CdcStatement stmt = {
		"SELECT s.id, p.id, p.name, w.unfinished::pg_catalog.int8 FROM cdc_catalog.publication p"
		" JOIN cdc_catalog.subscription s ON s.name OPERATOR(pg_catalog.=) p.subscription"
		" LEFT JOIN cdc_catalog.worker_start w ON w.subscription OPERATOR(pg_catalog.=) s.name"
		" AND w.worker OPERATOR(pg_catalog.=) ('publish ' OPERATOR(pg_catalog.||) p.name)"
		" WHERE p.enabled ORDER BY p.id",
		0, {0}
	};
	CdcSpi		spi;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		int32		subscription_id = DatumGetInt32(cdc_spi_datum(i, 1, INT4OID, &isnull));
		char	   *name = cdc_spi_text(&spi, i, 3);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);
		ListCell   *lc;

		foreach(lc, wanted)
		{
			CdcWanted	   *w = lfirst(lc);
			CdcWantedWorker *worker;

			if (w->id != subscription_id)
				continue;
			worker = palloc(sizeof(CdcWantedWorker));
			set_worker(worker, CDC_WORKER_PUBLISH, (int) cdc_spi_int64(i, 4));
			worker->publication_id = DatumGetInt32(cdc_spi_datum(i, 2, INT4OID, &isnull));
			worker->worker = psprintf("publish %s", name);
			w->publish = lappend(w->publish, worker);
		}
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
}

List *
cdc_wanted_read(void)
{
	static CdcStatement stmt = {
		"SELECT s.id, s.name, s.owner::pg_catalog.text"
		UNFINISHED("pull") UNFINISHED("apply")
		", i.\"owner\"::pg_catalog.int8"
		" FROM cdc_catalog.subscription s JOIN cdc_catalog.subscription_identity i"
		" ON i.subscription OPERATOR(pg_catalog.=) s.name"
		" WHERE s.enabled AND i.system_identifier OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||)"
		" i.\"database\"::pg_catalog.text OPERATOR(pg_catalog.=) cdc_catalog.here() ORDER BY s.id",
		0, {0}
	};
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, NULL, NULL);
	for (i = 0; i < n; i++)
	{
		CdcWanted	   *w = MemoryContextAllocZero(spi.caller, sizeof(CdcWanted));
		bool		isnull;
		HeapTuple	role;
		char	   *owner = cdc_spi_text(&spi, i, 3);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		w->id = DatumGetInt32(cdc_spi_datum(i, 1, INT4OID, &isnull));
		w->name = cdc_spi_text(&spi, i, 2);
		w->owner = (Oid) cdc_spi_int64(i, 6);
		set_worker(&w->pull, CDC_WORKER_PULL, (int) cdc_spi_int64(i, 4));
		set_worker(&w->apply, CDC_WORKER_APPLY, (int) cdc_spi_int64(i, 5));
		w->role_limit = OidIsValid(w->owner) && superuser_arg(w->owner) ? INT_MAX :
			cdc_worker_limit(cdc_max_workers_per_role);
		role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(w->owner));
		if (!HeapTupleIsValid(role))
			w->trouble = psprintf("role \"%s\", the owner of the subscription, does not exist",
								  owner);
		else
		{
			w->owner_name = ((Form_pg_authid) GETSTRUCT(role))->rolname;
			if (CDC_WORKER_NEEDS_LOGIN && !((Form_pg_authid) GETSTRUCT(role))->rolcanlogin)
				w->trouble = psprintf("role \"%s\" is not permitted to log in\n"
									  "HINT:  Before PostgreSQL 17 workers need an owner with LOGIN.",
									  owner);
			ReleaseSysCache(role);
		}
		result = lappend(result, w);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	read_publications(result);
	return result;
}

/* Copies of CdcWantedWorker * with all they point to. */
static List *
copy_workers(List *workers)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, workers)
	{
		CdcWantedWorker *copy = palloc(sizeof(CdcWantedWorker));

		*copy = *(const CdcWantedWorker *) lfirst(lc);
		copy->worker = pstrdup(copy->worker);
		result = lappend(result, copy);
	}
	return result;
}

List *
cdc_wanted_copy(List *wanted)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, wanted)
	{
		const CdcWanted *w = lfirst(lc);
		CdcWanted  *copy = palloc(sizeof(CdcWanted));

		*copy = *w;
		copy->name = pstrdup(w->name);
		copy->trouble = w->trouble ? pstrdup(w->trouble) : NULL;
		copy->publish = copy_workers(w->publish);
		result = lappend(result, copy);
	}
	return result;
}
