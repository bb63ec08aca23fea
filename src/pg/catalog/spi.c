/*-------------------------------------------------------------------------
 *
 * spi.c
 *	  SQL from within: statements on the extension's own tables, which run as the
 *	  extension's owner, and statements that run as the current user.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/spi.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"
#include "pg/base/error.h"
#include "pg/process/shmem.h"

void
cdc_spi_connect(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
cdc_spi_disconnect(void)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

void
cdc_spi_command(const char *sql)
{
	int			rc;

	cdc_spi_connect();
	rc = SPI_execute(sql, false, 0);
	if (rc < 0)
		elog(ERROR, "could not execute: %s: %s", sql, SPI_result_code_string(rc));
	cdc_spi_disconnect();
}

void
cdc_spi_bound_waits(void)
{
#if CDC_HAVE_DISTRIBUTION
	static LocalTransactionId told_in = InvalidLocalTransactionId;

	if (!cdc_am_worker() || LockTimeout == 0 || MyProc->lxid == told_in)
		return;
	cdc_spi_command(psprintf("SET lock_timeout = %d", LockTimeout));
	told_in = MyProc->lxid;
#endif
}

int
cdc_planner_begin(const CdcPlannerOption *options, int n)
{
	int			level = NewGUCNestLevel();
	int			i;

	for (i = 0; i < n; i++)
	{
		/* what a server does not know does not mislead its planner either */
		if (GetConfigOption(options[i].name, true, false) != NULL)
			CDC_SET_OPTION(options[i].name, options[i].value, PGC_USERSET, PGC_S_SESSION,
						   GUC_ACTION_SAVE);
	}
	return level;
}

void
cdc_planner_end(int level)
{
	AtEOXact_GUC(true, level);
}

/*
 * The owner of the extension's tables.  They exist only while the extension does:
 * ERROR when it is not installed in this database.
 */
Oid
cdc_extension_owner(void)
{
	Oid			nsp = get_namespace_oid(CDC_CATALOG_SCHEMA, true);
	Oid			relid = InvalidOid;
	HeapTuple	tuple;
	Oid			owner;

	if (OidIsValid(nsp))
		relid = get_relname_relid("subscription", nsp);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"cdc_ingest\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION cdc_ingest.")));

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
cdc_spi_begin(CdcSpi *spi)
{
	Oid			owner = cdc_extension_owner();

	spi->caller = CurrentMemoryContext;
	cdc_spi_connect();
	GetUserIdAndSecContext(&spi->userid, &spi->sec_context);
	SetUserIdAndSecContext(owner, spi->sec_context | SECURITY_LOCAL_USERID_CHANGE);
}

void
cdc_spi_end(CdcSpi *spi)
{
	SetUserIdAndSecContext(spi->userid, spi->sec_context);
	cdc_spi_disconnect();
	MemoryContextSwitchTo(spi->caller);
}

/*
 * Where statements lock whole tables, subscriptions get into each other's way here: a deadlock
 * ends by a worker that begins its turn anew, by a deadlock of its own or by its lock_timeout, both
 * of which come before this.  Somebody's function call, which nobody repeats, goes on.
 */
#define FUNCTION_DEADLOCK_TIMEOUT_MS	35000

static void
leave_deadlocks_to_workers(void)
{
	if (DeadlockTimeout >= FUNCTION_DEADLOCK_TIMEOUT_MS || cdc_am_worker() || creating_extension)
		return;
	CDC_SET_OPTION("deadlock_timeout", CppAsString2(FUNCTION_DEADLOCK_TIMEOUT_MS), PGC_SUSET,
				   PGC_S_SESSION, GUC_ACTION_LOCAL);
}

/* Whether a plan is of an UPDATE or DELETE that has a subquery or reads another table. */
static bool
looks_around(SPIPlanPtr plan)
{
	ListCell   *source;
	ListCell   *lc;

	foreach(source, SPI_plan_get_plan_sources(plan))
	{
		foreach(lc, ((CachedPlanSource *) lfirst(source))->query_list)
		{
			Query	   *query = lfirst(lc);

			if ((query->commandType == CMD_UPDATE || query->commandType == CMD_DELETE) &&
				(query->hasSubLinks || list_length(query->rtable) > 1))
				return true;
		}
	}
	return false;
}

/* An execution of a statement. */
typedef struct Execution
{
	CdcStatement *stmt;
	Datum	   *values;
	const char *nulls;
	bool		look;			/* the statement reads, as the active snapshot sees it */
} Execution;

/* CdcAttempt */
static bool
execute_plan(void *arg)
{
	Execution  *run = arg;
	int			rc = SPI_execute_plan(run->stmt->plan, run->values, run->nulls, run->look, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	return true;
}

#if CDC_HAVE_DISTRIBUTION

/* So often a statement is tried again, and so long apart: the other transaction's commit is under way. */
#define LOOK_AGAIN_TRIES	1000
#define LOOK_AGAIN_USEC		10000

/*
 * A segment that finds a row changed by a transaction for which it has waited cannot look again into
 * what comes from others: the statement fails ("EvalPlanQual can not handle subPlan with Motion node").
 * Begun anew it sees the row as it is now.
 */
static void
execute_again(Execution *run)
{
	int			tries;

	for (tries = 0;; tries++)
	{
		ErrorData  *error = cdc_attempt(execute_plan, run);

		if (error == NULL)
			return;
		SPI_restore_connection();
		if (error->sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE || IsolationUsesXactSnapshot() ||
			tries == LOOK_AGAIN_TRIES)
			ReThrowError(error);
		FreeErrorData(error);
		CHECK_FOR_INTERRUPTS();
		pg_usleep(LOOK_AGAIN_USEC);
	}
}

#endif

/* look: the statement reads, as the active snapshot sees it. */
static uint64
execute(CdcStatement *stmt, Datum *values, const char *nulls, bool look)
{
	Execution	run = {stmt, values, nulls, look};

	if (CDC_HAVE_WHOLE_TABLE_LOCKS && !look)
		leave_deadlocks_to_workers();
	if (stmt->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(stmt->sql, stmt->nargs, stmt->argtypes);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		if (SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_keepplan failed");
		stmt->looks_around = looks_around(plan);
		stmt->plan = plan;
	}
#if CDC_HAVE_DISTRIBUTION
	if (stmt->looks_around)
	{
		execute_again(&run);
		return SPI_processed;
	}
#endif
	(void) execute_plan(&run);
	return SPI_processed;
}

uint64
cdc_spi_execute(CdcStatement *stmt, Datum *values, const char *nulls)
{
	return execute(stmt, values, nulls, false);
}

uint64
cdc_spi_look(CdcStatement *stmt, Datum *values)
{
	return execute(stmt, values, NULL, true);
}

uint64
cdc_spi_run(CdcStatement *stmt,...)
{
	CdcSpi		spi;
	Datum		values[CDC_STATEMENT_ARGS];
	char		nulls[CDC_STATEMENT_ARGS];
	uint64		nrows;
	va_list		args;
	int			i;

	cdc_spi_begin(&spi);
	va_start(args, stmt);
	for (i = 0; i < stmt->nargs; i++)
	{
		Assert(stmt->argtypes[i] == TEXTOID);
		nulls[i] = ' ';
		values[i] = cdc_text_or_null(va_arg(args, const char *), &nulls[i]);
	}
	va_end(args);
	nrows = cdc_spi_execute(stmt, values, nulls);
	cdc_spi_end(&spi);
	return nrows;
}

List *
cdc_spi_texts(CdcStatement *stmt, Datum *values)
{
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(stmt, values, NULL);
	for (i = 0; i < n; i++)
	{
		char	   *text = cdc_spi_text(&spi, i, 1);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		result = lappend(result, text);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

/* ERROR where the column has another type. */
static void
check_type(int column, Oid type)
{
	Oid			found = SPI_gettypeid(SPI_tuptable->tupdesc, column);

	if (found != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of a table in schema %s has type %s, not %s",
						SPI_fname(SPI_tuptable->tupdesc, column), CDC_CATALOG_SCHEMA,
						format_type_be(found), format_type_be(type)),
				 errhint("Give it back the type that CREATE EXTENSION cdc_ingest gives it.")));
}

Datum
cdc_spi_datum(uint64 row, int column, Oid type, bool *isnull)
{
	check_type(column, type);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

int64
cdc_spi_int64(uint64 row, int column)
{
	bool		isnull;
	Oid			type = SPI_gettypeid(SPI_tuptable->tupdesc, column);
	Datum		d = cdc_spi_datum(row, column, type == TIMESTAMPTZOID ? TIMESTAMPTZOID : INT8OID,
								  &isnull);

	return isnull ? 0 : DatumGetInt64(d);
}

char *
cdc_spi_text(CdcSpi *spi, uint64 row, int column)
{
	bool		isnull;
	Datum		d = cdc_spi_datum(row, column, TEXTOID, &isnull);
	MemoryContext old;
	char	   *s;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(spi->caller);
	s = TextDatumGetCString(d);
	MemoryContextSwitchTo(old);
	return s;
}

Datum
cdc_spi_copy(CdcSpi *spi, uint64 row, int column, Oid type, bool *isnull)
{
	Form_pg_attribute att = TupleDescAttr(SPI_tuptable->tupdesc, column - 1);
	Datum		d = cdc_spi_datum(row, column, type, isnull);
	MemoryContext old;

	if (*isnull)
		return (Datum) 0;
	old = MemoryContextSwitchTo(spi->caller);
	if (att->attlen == -1)
		d = PointerGetDatum(PG_DETOAST_DATUM_COPY(d));
	else
		d = datumCopy(d, att->attbyval, att->attlen);
	MemoryContextSwitchTo(old);
	return d;
}

char **
cdc_spi_text_array(CdcSpi *spi, uint64 row, int column, int *n)
{
	bool		isnull;
	Datum		d = cdc_spi_datum(row, column, TEXTARRAYOID, &isnull);
	MemoryContext old;
	Datum	   *elems;
	bool	   *nulls;
	char	  **result;
	int			i;

	*n = 0;
	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(spi->caller);
	deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, 'i', &elems, &nulls, n);
	result = palloc(sizeof(char *) * (*n + 1));
	for (i = 0; i < *n; i++)
		result[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(elems[i]);
	result[*n] = NULL;
	MemoryContextSwitchTo(old);
	return result;
}

Datum
cdc_text_or_null(const char *s, char *null)
{
	*null = s == NULL ? 'n' : ' ';
	return s == NULL ? (Datum) 0 : CStringGetTextDatum(s);
}

Datum
cdc_text_array(const char *const *strings, int n)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(n, 1));
	int			i;

	for (i = 0; i < n; i++)
		elems[i] = CStringGetTextDatum(strings[i]);
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false, 'i'));
}

Datum
cdc_text_list_array(List *strings)
{
	const char **array = palloc(sizeof(char *) * Max(list_length(strings), 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, strings)
		array[n++] = lfirst(lc);
	return cdc_text_array(array, n);
}
