/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  cdc.verify and cdc.verify_step: the SQL functions, and cdc.verification, which keeps
 *	  results.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/base/result_set.h"
#include "pg/catalog/access.h"
#include "pg/progress/table_error.h"
#include "pg/catalog/position.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/tables.h"
#include "pg/target/mode_shape.h"

/* jsonb[]; its macro has no name in all versions.  (pg_type.dat) */
#define JSONB_ARRAY_OID	3807

/* How long a step takes, about. */
#define STEP_MS			1000

/* What becomes of a table's results. */
typedef struct Results
{
	MemoryContext context;
	List	   *chunks;			/* of ChunkResult *, of the table at hand */
} Results;

typedef struct ChunkResult
{
	int			chunk;
	const char *kind;
	int64		source_rows;
	int64		target_rows;
	int64		rows_read;
	Datum		keys;			/* jsonb[] */
} ChunkResult;

/* ---- results ---- */

static char *
hash_text(CdcHash128 hash)
{
	return psprintf("%016llx%016llx", (unsigned long long) hash.a, (unsigned long long) hash.b);
}

/* {"key": {...}, "source": "...", "target": "..."}: hashes of the rows, null where there is none. */
static Datum
key_of_row(const CdcVerifyTable *t, const CdcVerifyRow *row)
{
	CdcTarget  *target = t->mapping->target;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"key\": %s", row->key != NULL ? cdc_verify_key_text(target, row->key) : "null");
	if (row->expected != NULL)
	{
		Datum	   *values = palloc(sizeof(Datum) * target->desc->natts);
		bool	   *nulls = palloc(sizeof(bool) * target->desc->natts);

		heap_deform_tuple(row->expected, target->desc, values, nulls);
		appendStringInfo(&json, ", \"source\": \"%s\"",
						 hash_text(cdc_verify_hash_row(target, values, nulls, row->presence->attrs)));
	}
	else if (target->keyless && row->nfound == 0)
		appendStringInfo(&json, ", \"source\": \"%s\"", hash_text(row->hash));
	else
		appendStringInfoString(&json, ", \"source\": null");
	if (row->nfound > 0)
		appendStringInfo(&json, ", \"target\": \"%s\"}", hash_text(row->found));
	else
		appendStringInfoString(&json, ", \"target\": null}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* CdcVerifyReport; chunk NULL: the table is begun anew. */
static void
add_result(CdcVerifyTable *t, const CdcVerifyChunk *chunk, void *arg)
{
	Results    *results = arg;
	MemoryContext old = MemoryContextSwitchTo(results->context);

	if (chunk == NULL)
		results->chunks = NIL;
	else
	{
		ChunkResult	   *result = palloc(sizeof(ChunkResult));
		Datum	   *keys = palloc(sizeof(Datum) * Max(chunk->nrows, 1));
		int			i;

		for (i = 0; i < chunk->nrows; i++)
			keys[i] = key_of_row(t, chunk->rows[i]);
		result->chunk = chunk->number;
		result->kind = chunk->kind;
		result->source_rows = chunk->source_rows;
		result->target_rows = chunk->target_rows;
		result->rows_read = chunk->rows_read;
		result->keys = PointerGetDatum(construct_array(keys, chunk->nrows, JSONBOID, -1, false,
													   'i'));
		results->chunks = lappend(results->chunks, result);
	}
	MemoryContextSwitchTo(old);
}

/* Keeps a result in cdc.verification. */
static void
keep_result(const CdcVerifyTable *t, const ChunkResult *result, TimestampTz at)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.verification (subscription, source_table, started_at, applied_seq,"
		" chunk, source_rows, target_rows, differing_keys, kind, rows_read, target)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		11, {TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT4OID, INT8OID, INT8OID, JSONB_ARRAY_OID, TEXTOID, INT8OID,
		TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[11];

	values[0] = CStringGetTextDatum(t->verify->sub->name);
	values[1] = CStringGetTextDatum(t->source_table);
	values[2] = TimestampTzGetDatum(at);
	values[3] = Int64GetDatum(t->applied_seq);
	values[4] = Int32GetDatum(result->chunk);
	values[5] = Int64GetDatum(result->source_rows);
	values[6] = Int64GetDatum(result->target_rows);
	values[7] = result->keys;
	values[8] = CStringGetTextDatum(result->kind);
	values[9] = Int64GetDatum(result->rows_read);
	values[10] = CStringGetTextDatum(t->registered->target);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

static void
return_result(Tuplestorestate *store, TupleDesc desc, const CdcVerifyTable *t, const ChunkResult *result)
{
	Datum		values[7];
	bool		nulls[7] = {false, false, false, false, false, false, false};

	values[0] = CStringGetTextDatum(t->source_table);
	values[1] = Int32GetDatum(result->chunk);
	values[2] = Int64GetDatum(result->source_rows);
	values[3] = Int64GetDatum(result->target_rows);
	values[4] = result->keys;
	values[5] = CStringGetTextDatum(result->kind);
	values[6] = CStringGetTextDatum(t->registered->target);
	tuplestore_putvalues(store, desc, values, nulls);
}

/* ---- the call ---- */

/* Whether the table's target has that name, as it would be written in SQL. */
static bool
is_target(const CdcSubscriptionTable *table, const char *name)
{
	return table->target != NULL && (strcmp(table->target, name) == 0 ||
									 (OidIsValid(table->target_oid) &&
									  cdc_relation_by_name(name) == table->target_oid));
}

/* source_table NULL: all that are ready, others are named; target NULL: all targets.  tell: what is left out. */
static List *
tables_to_verify(const CdcSubscription *sub, const char *source_table, const char *target, bool tell)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, cdc_subscription_tables(sub))
	{
		CdcSubscriptionTable *table = lfirst(lc);

		if (source_table == NULL && table->target != NULL && cdc_mode_shape(table->mode)->own_key)
			ereport(tell ? NOTICE : DEBUG1,
					(errmsg("target %s of source table \"%s\" is not verified: it has mode \"%s\", and events for rows",
							table->target, table->source_table, table->mode)));
		else if (source_table == NULL ? table->target != NULL :
			(strcmp(table->source_table, source_table) == 0 || strcmp(table->name, source_table) == 0) &&
			(target == NULL || is_target(table, target)))
			result = lappend(result, table);
	}
	foreach(lc, result)
	{
		const CdcSubscriptionTable *table = lfirst(lc);

		if (source_table != NULL && cdc_mode_shape(table->mode)->own_key)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("target %s of source table \"%s\" cannot be verified: it has mode \"%s\"",
							table->target, table->source_table, table->mode),
					 errdetail("Its rows are events, and the source has none to compare them with."),
					 errhint("Verify another target of the table, of mode \"replica\" or \"soft_delete\", named by target := '...'.")));
	}
	if (source_table != NULL && result == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 target == NULL ?
				 errmsg("source table \"%s\" is not in subscription \"%s\"", source_table, sub->name) :
				 errmsg("source table \"%s\" of subscription \"%s\" has no target %s", source_table, sub->name,
						target),
				 errhint("Write it as database.table, as in cdc.subscription_table.")));
	return result;
}

/* Connects to the server that is read, twice. */
static void
open_verify(CdcVerify *v, const CdcSubscription *sub)
{
	CdcPosition position;

	memset(v, 0, sizeof(*v));
	v->sub = sub;
	v->context = CurrentMemoryContext;
	v->methods = cdc_source_kind(sub->kind);
	cdc_position_get(sub, &position);
	v->control = cdc_source_open_at(sub->server, sub->owner_oid, position.source_address,
									position.source_address != NULL, false);
	v->reader = cdc_source_open_at(sub->server, sub->owner_oid, position.source_address,
								   position.source_address != NULL, false);
	v->schema = cdc_schema_create(CurrentMemoryContext, sub);
	v->jsonb = cdc_jsonb_writer_create(CurrentMemoryContext);
}

static void
check_arguments(FunctionCallInfo fcinfo, const CdcSubscription *sub)
{
	cdc_subscription_check_owner(sub);
	cdc_subscription_check_here(sub);
	cdc_subscription_check_source(sub);
	if (sub->kind == CDC_SERVER_KAFKA)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("subscription \"%s\" reads from Kafka: there is no source table to compare with", sub->name),
				 errhint("cdc.replay() into a table of its own derives a target once more from its history.")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cdc.verify cannot run at isolation level %s",
						IsolationIsSerializable() ? "SERIALIZABLE" : "REPEATABLE READ"),
				 errdetail("This transaction sees no commit that comes after its first statement.")));
}

/*
 * Verifies a table, or goes on with it, and keeps its results.  named: the user has named it.
 */
static void
verify_one(CdcVerifyTable *t, Results *results, bool repair, bool named)
{
	TimestampTz at = t->from != NULL ? t->from->started_at : GetCurrentTimestamp();
	const char *why = cdc_verify_table(t, add_result, results);
	ListCell   *lc;

	if (why != NULL)
	{
		if (named)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("source table \"%s\" of subscription \"%s\" cannot be verified: %s",
							t->source_table, t->verify->sub->name, why)));
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("source table \"%s\" of subscription \"%s\" is not verified: %s",
						t->source_table, t->verify->sub->name, why)));
		return;
	}
	if (t->anew)
		cdc_verify_forget(t, at);
	foreach(lc, results->chunks)
		keep_result(t, lfirst(lc), at);
	if (t->paused)
		return;
	if (repair && t->differences > 0)
		cdc_verify_repair(t);
	else if (t->differences == 0 && t->verify->sample >= 1)
		cdc_table_error_verified(t->verify->sub, t->registered->name);
}

/* The arguments that both functions have, behind the table: repair, sample, rows_per_second. */
static bool
read_arguments(FunctionCallInfo fcinfo, CdcVerify *v)
{
	v->sample = PG_ARGISNULL(3) ? 1 :
		DatumGetFloat8(DirectFunctionCall1(numeric_float8, PG_GETARG_DATUM(3)));
	v->rate = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT64(4);
	if (!(v->sample > 0 && v->sample <= 1) || v->rate < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sample must be above 0 and not above 1, rows_per_second not below 0")));
	return !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
}

/* The subscription that the first argument names. */
static CdcSubscription *
read_subscription(FunctionCallInfo fcinfo)
{
	CdcSubscription *sub;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the subscription must not be null")));
	sub = cdc_subscription_get(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	check_arguments(fcinfo, sub);
	return sub;
}

PG_FUNCTION_INFO_V1(cdc_verify);

Datum
cdc_verify(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub = read_subscription(fcinfo);
	char	   *source_table = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *target = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	bool		repair;
	Tuplestorestate *store;
	TupleDesc	desc;
	CdcVerify	v;
	CdcScope	scope;
	Results		results = {CurrentMemoryContext, NIL};
	ListCell   *lc;

	store = cdc_result_set_begin(fcinfo, &desc);
	open_verify(&v, sub);
	repair = read_arguments(fcinfo, &v);
	foreach(lc, tables_to_verify(sub, source_table, target, true))
	{
		CdcVerifyTable t = {&v, lfirst(lc)};
		ListCell   *r;

		t.source_table = t.registered->source_table;
		t.context = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify table",
										  ALLOCSET_DEFAULT_SIZES);
		cdc_owner_begin(sub, &scope);
		verify_one(&t, &results, repair, source_table != NULL);
		cdc_scope_end(&scope);
		foreach(r, results.chunks)
			return_result(store, desc, &t, lfirst(r));
		results.chunks = NIL;
		MemoryContextDelete(t.context);
	}
	cdc_source_close(v.reader);
	cdc_source_close(v.control);
	return (Datum) 0;
}

/* ---- in steps ---- */

/* Goes on with the table at place. */
static void
verify_from(CdcVerify *v, const CdcVerifyPlace *place, TimestampTz until, bool repair, bool named)
{
	CdcVerifyTable t = {v, place->registered};
	Results		results = {CurrentMemoryContext, NIL};
	CdcScope	scope;

	t.context = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify table", ALLOCSET_DEFAULT_SIZES);
	t.source_table = place->registered->source_table;
	t.until = until;
	t.from = place;
	t.seen_name = psprintf("%d %s " INT64_FORMAT, v->sub->id, place->registered->name, (int64) place->started_at);
	cdc_owner_begin(v->sub, &scope);
	verify_one(&t, &results, repair, named);
	cdc_scope_end(&scope);
	cdc_verify_save(&t, !t.paused);
	MemoryContextDelete(t.context);
}

PG_FUNCTION_INFO_V1(cdc_verify_step);

Datum
cdc_verify_step(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub = read_subscription(fcinfo);
	char	   *source_table = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *target = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	bool		repair;
	bool		restart = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	List	   *tables = tables_to_verify(sub, source_table, target, restart);
	TimestampTz until = GetCurrentTimestamp() + STEP_MS * INT64CONST(1000);
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify step", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	CdcVerifyPlace place;
	CdcVerify	v;
	bool		more = true;

	cdc_verify_begin_run(sub, tables, restart);
	open_verify(&v, sub);
	repair = read_arguments(fcinfo, &v);
	old = MemoryContextSwitchTo(cxt);
	while (more)
	{
		CHECK_FOR_INTERRUPTS();
		more = cdc_verify_next(sub, tables, &place);
		if (more)
			verify_from(&v, &place, until, repair, source_table != NULL);
		more = more && GetCurrentTimestamp() < until;
		MemoryContextReset(cxt);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	cdc_source_close(v.reader);
	cdc_source_close(v.control);
	PG_RETURN_BOOL(cdc_verify_end_run(sub, tables));
}
