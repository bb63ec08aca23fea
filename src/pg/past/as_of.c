/*-------------------------------------------------------------------------
 *
 * as_of.c
 *	  cdc.as_of: the rows that a target had at a commit of its source, out of the history.
 *
 * They are read with the rights of the subscription's owner.  So the caller needs those that let him find out
 * the same by himself: to read the target, and the history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/past/past_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/memutils.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/base/result_set.h"
#include "pg/catalog/access.h"
#include "pg/catalog/position.h"
#include "pg/catalog/spi.h"
#include "pg/history/range.h"
#include "pg/history/scan.h"
#include "pg/options/option_json.h"
#include "mb/pg_wchar.h"

/* Rows of the scratch table that are read at a time. */
#define FETCH_ROWS	1000

/* ------------------------------------------------------------------------
 * Which table, and who may
 * ------------------------------------------------------------------------
 */

/* The relation whose row type the first argument has. */
static Oid
relation_of_argument(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the first argument of cdc.as_of must be of the row type of a target"),
				 errhint("As in SELECT * FROM cdc.as_of(NULL::shop.orders, at := '2026-01-31 12:00+00').")));
	return relid;
}

/* Finds the one table that fills the relation. */
static void
find_table(CdcPast *past)
{
	static CdcStatement stmt = {
		"SELECT t.subscription, t.name FROM cdc_catalog.subscription_table t WHERE t.target_oid OPERATOR(pg_catalog.=) $1",
		1, {OIDOID}
	};
	CdcSpi		spi;
	Datum		value = ObjectIdGetDatum(past->relid);
	char	   *subscription = NULL;
	char	   *name = NULL;
	uint64		n;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, NULL);
	if (n > 0)
	{
		subscription = cdc_spi_text(&spi, 0, 1);
		name = cdc_spi_text(&spi, 0, 2);
	}
	cdc_spi_end(&spi);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no subscription fills %s", past->target),
				 errhint("cdc.as_of takes the row type of a target; SELECT target FROM cdc.subscription_table lists them.")));
	if (n > 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("target %s is filled from several source tables, and cannot be shown as it was", past->target),
				 errhint("Replay each of them into a table that is made for it, with cdc.replay(..., to_seq := ...).")));
	past->sub = cdc_subscription_get(subscription);
	cdc_subscription_check_here(past->sub);
	past->table = cdc_subscription_table_find(past->sub, name);
	if (past->table == NULL)
		elog(ERROR, "table \"%s\" of subscription \"%s\" is gone", name, subscription);
	cdc_table_options_parse(past->table->options, &past->sub->opt.table, &past->options);
}

/* ERROR unless the current user may read all of the relation. */
static void
check_right(Oid relid)
{
	char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));

	if (!DatumGetBool(DirectFunctionCall2(has_schema_privilege_id, ObjectIdGetDatum(get_rel_namespace(relid)),
										  CStringGetTextDatum("USAGE"))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schema %s", get_namespace_name(get_rel_namespace(relid))),
				 errdetail("cdc.as_of is for who may read the target and the history that it is filled from."),
				 errhint("GRANT USAGE ON SCHEMA %s TO %s;", quote_identifier(get_namespace_name(get_rel_namespace(relid))),
						 quote_identifier(CDC_USER_NAME(GetUserId())))));
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errdetail("cdc.as_of is for who may read the target and the history that it is filled from."),
				 errhint("GRANT SELECT ON %s TO %s;", name, quote_identifier(CDC_USER_NAME(GetUserId())))));
	if (CDC_RLS_ENABLED(relid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row security hides rows of table %s from role \"%s\"", name, CDC_USER_NAME(GetUserId())),
				 errdetail("Which rows of before it would hide is not known."),
				 errhint("Call cdc.as_of as a role that sees all rows of it.")));
}

/* ERROR where the subscription's owner could not give the scratch table an index. */
static void
check_owner(const CdcPast *past)
{
	char	   *database = get_database_name(MyDatabaseId);

	if (DatumGetBool(DirectFunctionCall3(has_database_privilege_id_id, ObjectIdGetDatum(past->sub->owner_oid),
										 ObjectIdGetDatum(MyDatabaseId), CStringGetTextDatum("TEMPORARY"))))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("owner \"%s\" of subscription \"%s\" may not make temporary tables", past->sub->owner,
					past->sub->name),
			 errdetail("What a target was is put together in one."),
			 errhint("GRANT TEMPORARY ON DATABASE %s TO %s;", quote_identifier(database),
					 quote_identifier(past->sub->owner))));
}

static void
check_mode(const CdcPast *past)
{
	if (strcmp(past->table->mode, "append") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("target %s has mode \"append\"", past->target),
				 errhint("SELECT * FROM %s WHERE _cdc_seq <= ...; shows it as it was.", past->target)));
	if (strcmp(past->table->mode, "scd2") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("target %s has mode \"scd2\"", past->target),
				 errhint("SELECT * FROM %s WHERE _cdc_valid_from <= ... AND (_cdc_valid_to > ... OR _cdc_current); shows it as it was.",
						 past->target)));
	if (strcmp(past->table->mode, "replica") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("target %s has mode \"%s\", and cannot be shown as it was", past->target, past->table->mode),
				 errdetail("It has rows that are in no event."),
				 errhint("Replay its source table into a table that is made for it, with cdc.replay(..., to_seq := ..., mode := %s).",
						 quote_literal_cstr(past->table->mode))));
}

/* ------------------------------------------------------------------------
 * Which place
 * ------------------------------------------------------------------------
 */

/* The last commit of the source up to the event with that seq. */
static int64
place_of_seq(const CdcPast *past, int64 seq)
{
	CdcPosition pos;
	int64		result;

	cdc_position_get(past->sub, &pos);
	if (seq > pos.last_seq)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("history of subscription \"%s\" ends at seq " INT64_FORMAT, past->sub->name, pos.last_seq),
				 errhint("Take at_seq := " INT64_FORMAT ".", pos.last_seq)));
	result = seq > 0 ? cdc_history_last_boundary(past->sub, 0, seq) : 0;
	if (result == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("history of subscription \"%s\" has no commit at seq " INT64_FORMAT " or before",
						past->sub->name, seq),
				 errhint("SELECT min(seq) FROM %s WHERE commit; is the first one.",
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(past->sub->history)),
													get_rel_name(past->sub->history)))));
	return result;
}

/*
 * The last commit of the source at that time or before.  More of the same time may come as long as nothing of
 * later has.
 */
static int64
place_of_time(const CdcPast *past, TimestampTz at)
{
	CdcPosition pos;
	int64		result;

	cdc_position_get(past->sub, &pos);
	if (TIMESTAMP_NOT_FINITE(at) || pos.source_ts == 0 || at >= pos.source_ts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("history of subscription \"%s\" is not known to have all commits of that time", past->sub->name),
				 pos.source_ts != 0 ?
				 errdetail("What was read last was committed at %s, by the source's clock.", timestamptz_to_str(pos.source_ts)) : 0,
				 errhint("Take a time before it; or at_seq := " INT64_FORMAT ", the last event that there is.", pos.last_seq)));
	result = cdc_history_seq_at(past->sub, at);
	if (result == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("history of subscription \"%s\" has no commit of that time or before", past->sub->name),
				 errhint("SELECT min(source_ts) FROM %s; is the first one.",
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(past->sub->history)),
													get_rel_name(past->sub->history)))));
	return result;
}

/* ERROR unless all events that count are dated at that time or before, and one that is later was read after it. */
static void
check_dates(const CdcPast *past, TimestampTz at, const CdcDatedEvent *next)
{
	CdcDatedEvent later = cdc_history_first_later(past->sub, past->begin_seq, past->seq, at);
	int64		before;

	if (next->seq != 0 && at >= next->ingested_at)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("history of subscription \"%s\" is not known to have all commits of that time", past->sub->name),
				 errdetail("Event " INT64_FORMAT " has a later date, but was read before that time.", next->seq),
				 errhint("Take at_seq := " INT64_FORMAT ", the last event before it.", past->seq)));
	if (later.seq == 0)
		return;
	before = cdc_history_last_boundary(past->sub, 0, later.seq - 1);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the dates of the events of subscription \"%s\" do not tell what was committed at that time", past->sub->name),
			 errdetail("Event " INT64_FORMAT " is dated later, and events behind it are not.", later.seq),
			 errhint("Take at_seq := " INT64_FORMAT ", before it, or at_seq := " INT64_FORMAT ", the last event that is not dated later.",
					 before, past->seq)));
}

/* The place was found by its time. */
static void
check_time(const CdcPast *past, TimestampTz at)
{
	CdcDatedEvent next = cdc_history_first_later(past->sub, past->seq + 1, PG_INT64_MAX, at);

	check_dates(past, at, &next);
	cdc_past_check_gap(past, next.seq != 0 ? next.seq : PG_INT64_MAX);
}

/*
 * DDL on the table, and the event at the place is its own: it is done there.  ERROR where another change, which has
 * no event, stands at the same place.
 */
static void
find_shape(CdcPast *past)
{
	const CdcPendingChange *other = NULL;
	ListCell   *lc;

	past->shape_seq = past->seq;
	foreach(lc, past->changes)
	{
		const CdcPendingChange *change = lfirst(lc);

		if (change->from_seq != past->seq + 1)
			continue;
		if (change->position != NULL && cdc_history_is_ddl_at(past->sub, past->seq, change->position))
			past->shape_seq = past->seq + 1;
		else if (cdc_past_changes_shape(change))
			other = change;
	}
	if (other != NULL && past->shape_seq != past->seq)
		cdc_past_refuse(past, other->from_seq, "whether that was before this place is not known");
}

/* The changes of the source table behind the first event, with their definitions. */
static void
load_changes(CdcPast *past)
{
	const CdcSubscriptionTable *table = past->table;
	ListCell   *lc;

	past->plain = table->columns == NULL && table->row_filter == NULL && table->nkey == 0 &&
		past->options.ddl != CDC_DDL_IGNORE;
	past->changes = cdc_changes_between(past->sub, table->source_table, past->begin_seq, PG_INT64_MAX);
	foreach(lc, past->changes)
	{
		CdcPendingChange *change = lfirst(lc);

		cdc_change_load(past->sub->name, change);
		if (!change->change.created)
			continue;
		/* nothing is left of what the table was: names are what they are */
		change->change.known = true;
		change->change.nrenames = change->change.nadded = 0;
	}
	find_shape(past);
}

/* ------------------------------------------------------------------------
 * The result
 * ------------------------------------------------------------------------
 */

/* What fills a column of the result. */
typedef struct ResultColumn
{
	int			from;			/* of the SELECT, from 1; 0: nothing, it is NULL */
	bool		toasted;		/* values may be outside of their row */
} ResultColumn;

/* Whether values of a type are the same in another one; *cast: it takes a cast. */
static bool
is_same_value(Oid from, Oid to, bool *cast)
{
	static const Oid numbers[] = {INT2OID, INT4OID, INT8OID, NUMERICOID};
	int			i;
	int			a = -1;
	int			b = -1;

	*cast = from != to;
	for (i = 0; i < (int) lengthof(numbers); i++)
	{
		a = numbers[i] == from ? i : a;
		b = numbers[i] == to ? i : b;
	}
	return from == to || (a >= 0 && b > a) || (from == FLOAT4OID && to == FLOAT8OID) ||
		(from == VARCHAROID && to == TEXTOID) || (from == TEXTOID && to == VARCHAROID);
}

/* The column that a column of the scratch table is today; NULL: none. */
static const char *
name_today(const CdcPast *past, const CdcPastColumn *columns, int n, const char *name)
{
	int			i;

	if (!past->plain)
		return name;
	for (i = 0; i < n; i++)
		if (strcmp(columns[i].name, name) == 0)
			return columns[i].today;
	return cdc_past_kept_today(past, name, past->shape_seq);
}

/* Appends the column of the scratch table to the SELECT, as the result's column has it. */
static void
select_column(const CdcPast *past, StringInfo sql, Form_pg_attribute from, Form_pg_attribute to)
{
	bool		cast;

	if (!is_same_value(from->atttypid, to->atttypid, &cast))
		cdc_past_refuse(past, past->seq,
						psprintf("column %s had type %s by then, which is not the type that it has today, %s",
								 quote_identifier(NameStr(to->attname)), format_type_be(from->atttypid),
								 format_type_be(to->atttypid)));
	appendStringInfo(sql, "%s s.%s", sql->data[sql->len - 1] == 'T' ? "" : ",", quote_identifier(NameStr(from->attname)));
	if (cast)
		appendStringInfo(sql, "::%s", format_type_be(to->atttypid));
}

/* ERROR where the target lacks a column that the source has, so that nothing would be seen of it. */
static void
check_columns(const CdcPast *past, TupleDesc desc, const CdcTableDef *def, const CdcPastColumn *columns)
{
	int			i;
	int			c;

	for (i = 0; i < def->ncolumns; i++)
	{
		if (columns[i].source == NULL || columns[i].today == NULL || cdc_column_def_is_generated(&def->columns[i]))
			continue;
		for (c = 0; c < desc->natts; c++)
			if (!TupleDescAttr(desc, c)->attisdropped && strcmp(NameStr(TupleDescAttr(desc, c)->attname), columns[i].today) == 0)
				break;
		if (c == desc->natts)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("target %s cannot be shown as it was at seq " INT64_FORMAT, past->target, past->seq),
					 errdetail("It has no column %s, which source table %s has.", quote_identifier(columns[i].today),
							   past->table->source_table),
					 errhint("Give it the source's columns, as cdc.stat_table says; or wait until it has followed its source.")));
	}
}

/* The SELECT of the scratch table's rows, and what of it fills which column of desc. */
static char *
make_select(const CdcPast *past, TupleDesc desc, ResultColumn *result)
{
	Relation	rel = table_open(past->scratch, AccessShareLock);
	TupleDesc	from = RelationGetDescr(rel);
	CdcTableVersion version;
	CdcPastColumn *columns = NULL;
	StringInfoData sql;
	int			n = 0;
	int			nselected = 0;
	int			i;
	int			c;

	if (past->plain)
	{
		(void) cdc_table_version_at(past->sub->name, past->table->source_table, past->shape_seq, GetDatabaseEncoding(), &version);
		columns = cdc_past_columns(past, &version.def, past->shape_seq, &n);
		check_columns(past, desc, &version.def, columns);
	}
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT");
	for (i = 0; i < from->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(from, i);
		const char *today = att->attisdropped ? NULL : name_today(past, columns, n, NameStr(att->attname));

		for (c = 0; today != NULL && c < desc->natts; c++)
		{
			Form_pg_attribute to = TupleDescAttr(desc, c);

			if (to->attisdropped || strcmp(NameStr(to->attname), today) != 0)
				continue;
			select_column(past, &sql, att, to);
			result[c].from = ++nselected;
			result[c].toasted = to->attlen == -1;
		}
	}
	table_close(rel, NoLock);
	if (nselected == 0)
		appendStringInfoString(&sql, " NULL::pg_catalog.int4");
	appendStringInfo(&sql, " FROM %s s", past->scratch_name);
	return sql.data;
}

/* Adds the rows that SPI has read to the result. */
static void
put_rows(Tuplestorestate *store, TupleDesc desc, const ResultColumn *columns, Datum *values, bool *nulls)
{
	uint64		r;
	int			c;

	for (r = 0; r < SPI_processed; r++)
	{
		CHECK_FOR_INTERRUPTS();
		for (c = 0; c < desc->natts; c++)
		{
			values[c] = (Datum) 0;
			nulls[c] = true;
			if (columns[c].from == 0)
				continue;
			values[c] = SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, columns[c].from, &nulls[c]);
			/* what is outside of the row goes with the scratch table */
			if (!nulls[c] && columns[c].toasted)
				values[c] = PointerGetDatum(PG_DETOAST_DATUM_PACKED(values[c]));
		}
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

/* Hands the scratch table's rows over as the result. */
static void
return_rows(const CdcPast *past, Tuplestorestate *store, TupleDesc desc)
{
	ResultColumn *columns = palloc0(sizeof(ResultColumn) * Max(desc->natts, 1));
	Datum	   *values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	char	   *sql = make_select(past, desc, columns);
	SPIPlanPtr	plan;
	Portal		portal;
	uint64		n;

	cdc_spi_connect();
	plan = SPI_prepare(sql, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	/* in a snapshot of now: the rows were written by this statement */
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	do
	{
		MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest as_of", ALLOCSET_DEFAULT_SIZES);
		MemoryContext old;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		n = SPI_processed;
		old = MemoryContextSwitchTo(batch);
		put_rows(store, desc, columns, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(batch);
		SPI_freetuptable(SPI_tuptable);
	} while (n > 0);
	SPI_cursor_close(portal);
	cdc_spi_disconnect();
}

/* The rows at a time, or, where seq is not 0, at an event. */
static void
as_of(FunctionCallInfo fcinfo, TimestampTz at, int64 seq, bool by_time)
{
	CdcPast		past;
	CdcScope	scope;
	TupleDesc	desc;
	Tuplestorestate *store;

	memset(&past, 0, sizeof(past));
	past.relid = relation_of_argument(fcinfo);
	past.target = quote_qualified_identifier(get_namespace_name(get_rel_namespace(past.relid)), get_rel_name(past.relid));
	check_right(past.relid);
	find_table(&past);
	check_right(past.sub->history);
	check_mode(&past);
	check_owner(&past);

	cdc_owner_begin(past.sub, &scope);
	past.seq = by_time ? place_of_time(&past, at) : place_of_seq(&past, seq);
	cdc_past_begin(&past);
	load_changes(&past);
	if (by_time)
		check_time(&past, at);
	cdc_scope_end(&scope);

	store = cdc_result_set_begin(fcinfo, &desc);
	cdc_past_scratch_create(&past);
	cdc_owner_begin(past.sub, &scope);
	cdc_past_rebuild(&past);
	return_rows(&past, store, desc);
	cdc_scope_end(&scope);
	cdc_past_scratch_drop(&past);
}

/* ERROR where it is not said which place. */
static void
check_place(FunctionCallInfo fcinfo, const char *name)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
}

PG_FUNCTION_INFO_V1(cdc_as_of_time);

Datum
cdc_as_of_time(PG_FUNCTION_ARGS)
{
	check_place(fcinfo, "at");
	as_of(fcinfo, PG_GETARG_TIMESTAMPTZ(1), 0, true);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(cdc_as_of_seq);

Datum
cdc_as_of_seq(PG_FUNCTION_ARGS)
{
	check_place(fcinfo, "at_seq");
	as_of(fcinfo, 0, PG_GETARG_INT64(1), false);
	return (Datum) 0;
}
