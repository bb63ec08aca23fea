/*-------------------------------------------------------------------------
 *
 * change.c
 *	  Writing and reading cdc.table_change.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/change.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "pg/base/bounded_text.h"
#include "pg/base/utf8.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/spi.h"
#include "pg/datum/jsonb_view.h"
#include "pg/schema/versions.h"

/* Of a statement, what the history of them keeps; the event has all of it. */
#define STATEMENT_BYTES	8000

/* ------------------------------------------------------------------------
 * As JSON
 * ------------------------------------------------------------------------
 */

static const char *const fill_names[] = {"null", "value", "unknown"};

static void
append_text(StringInfo buf, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(buf, ", \"%s\": ", key);
	escape_json(buf, cdc_from_utf8(value));
}

static Jsonb *
change_to_jsonb(const CdcTableChange *change)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"known\": %s, \"created\": %s, \"renames\": [",
					 change->known ? "true" : "false", change->created ? "true" : "false");
	for (i = 0; i < change->nrenames; i++)
	{
		appendStringInfoString(&buf, i > 0 ? ", {\"from\": " : "{\"from\": ");
		escape_json(&buf, cdc_from_utf8(change->renames[i].from));
		append_text(&buf, "to", change->renames[i].to);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoString(&buf, "], \"added\": [");
	for (i = 0; i < change->nadded; i++)
	{
		const CdcAddedColumn *added = &change->added[i];

		appendStringInfo(&buf, "%s{\"fill\": \"%s\", \"left_out\": %s", i > 0 ? ", " : "",
						 fill_names[added->fill], added->left_out ? "true" : "false");
		append_text(&buf, "name", added->name);
		append_text(&buf, "value", added->fill == CDC_FILL_VALUE ? added->value : NULL);
		append_text(&buf, "why", added->fill == CDC_FILL_UNKNOWN ? added->why : NULL);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	append_text(&buf, "rows", change->rows);
	appendStringInfo(&buf, "%s%s}", change->cuts_dates ? ", \"cuts_dates\": true" : "",
					 change->fed ? ", \"fed\": true" : "");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

static char *
text_of(const JsonbContainer *object, const char *name)
{
	CdcJsonValue v;

	if (!cdc_json_find(object, name, strlen(name), &v) || v.type != JENTRY_ISSTRING)
		return NULL;
	return pnstrdup(v.data, v.len);
}

static bool
is_true(const JsonbContainer *object, const char *name)
{
	CdcJsonValue v;

	return cdc_json_find(object, name, strlen(name), &v) && v.type == JENTRY_ISBOOL_TRUE;
}

/* The objects of an array that is a member; NULL where there is none. */
static const JsonbContainer *
array_of(const JsonbContainer *object, const char *name, int *n)
{
	CdcJsonValue v;

	*n = 0;
	if (!cdc_json_find(object, name, strlen(name), &v) || v.type != JENTRY_ISCONTAINER ||
		!cdc_json_is_array(cdc_json_container(&v)))
		return NULL;
	*n = cdc_json_count(cdc_json_container(&v));
	return cdc_json_container(&v);
}

static const JsonbContainer *
object_at(const JsonbContainer *array, int i, int n)
{
	CdcJsonValue v;

	cdc_json_get(array, n, i, &v);
	return v.type == JENTRY_ISCONTAINER && cdc_json_is_object(cdc_json_container(&v)) ?
		cdc_json_container(&v) : NULL;
}

/* What is missing is not known, so that nothing is taken for followed. */
static void
change_from_jsonb(const JsonbContainer *json, CdcTableChange *change)
{
	const JsonbContainer *array;
	int			n;
	int			i;
	int			k;

	memset(change, 0, sizeof(*change));
	change->known = is_true(json, "known");
	change->created = is_true(json, "created");
	change->fed = is_true(json, "fed");
	change->cuts_dates = is_true(json, "cuts_dates");
	change->rows = text_of(json, "rows");
	array = array_of(json, "renames", &n);
	change->renames = palloc0(sizeof(CdcColumnRename) * (n + 1));
	for (i = 0; i < n; i++)
	{
		const JsonbContainer *object = object_at(array, i, n);
		CdcColumnRename *rename = &change->renames[change->nrenames];

		if (object != NULL && (rename->from = text_of(object, "from")) != NULL &&
			(rename->to = text_of(object, "to")) != NULL)
			change->nrenames++;
	}
	array = array_of(json, "added", &n);
	change->added = palloc0(sizeof(CdcAddedColumn) * (n + 1));
	for (i = 0; i < n; i++)
	{
		const JsonbContainer *object = object_at(array, i, n);
		CdcAddedColumn *added = &change->added[change->nadded];
		char	   *fill;

		if (object == NULL || (added->name = text_of(object, "name")) == NULL)
			continue;
		fill = text_of(object, "fill");
		added->fill = CDC_FILL_UNKNOWN;
		for (k = 0; fill != NULL && k < (int) lengthof(fill_names); k++)
			if (strcmp(fill, fill_names[k]) == 0)
				added->fill = (CdcFillKind) k;
		added->value = text_of(object, "value");
		added->why = text_of(object, "why");
		added->left_out = is_true(object, "left_out");
		if (added->fill == CDC_FILL_VALUE && added->value == NULL)
			added->fill = CDC_FILL_UNKNOWN;
		change->nadded++;
	}
}

/* ------------------------------------------------------------------------
 * Pull
 * ------------------------------------------------------------------------
 */

int
cdc_change_newest_version(const char *subscription, const char *source_table, bool with_columns)
{
	static CdcStatement stmt = {
		"SELECT pg_catalog.max(version)::pg_catalog.int8 FROM cdc_catalog.table_version"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND pg_catalog.jsonb_array_length(columns) OPERATOR(pg_catalog.>=) $3",
		3, {TEXTOID, TEXTOID, INT4OID}
	};
	CdcSpi		spi;
	Datum		values[3];
	int			result = 0;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(cdc_from_utf8(source_table));
	values[2] = Int32GetDatum(with_columns ? 1 : 0);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		result = (int) cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
	return result;
}

/* The last change that this process recorded. */
static struct
{
	int32		subscription_id;
	int64		number;
}			recorded;

int64
cdc_change_last_recorded(const CdcSubscription *sub)
{
	return recorded.subscription_id == sub->id ? recorded.number : 0;
}

void
cdc_change_record(const CdcSubscription *sub, const CdcChangeRecord *record)
{
	/* none that a position has told of comes twice: the last one may be gone by now */
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.table_change (subscription, number, kind, source_table, from_seq, position,"
		" source_ts, statement, before_version, after_version, change, outcome)"
		" SELECT $1, GREATEST(COALESCE(pg_catalog.max(number), 0), (SELECT p.changes"
		" FROM cdc_catalog.subscription_position p WHERE p.subscription OPERATOR(pg_catalog.=) $1))"
		" OPERATOR(pg_catalog.+) 1, $2, $3, $4, $5, $6, $7,"
		" $8, $9, $10, $11 FROM cdc_catalog.table_change WHERE subscription OPERATOR(pg_catalog.=) $1"
		" RETURNING number",
		11, {TEXTOID, CHAROID, TEXTOID, INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID, INT4OID, INT4OID, JSONBOID,
		TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[11];
	char		nulls[11];
	char	   *statement = record->statement.data == NULL ? NULL :
		cdc_bounded_text(cdc_from_utf8_lenient(pnstrdup(record->statement.data, record->statement.len)),
						 STATEMENT_BYTES);

	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CharGetDatum((char) record->kind);
	values[2] = CStringGetTextDatum(cdc_from_utf8(record->source_table));
	values[3] = Int64GetDatum(record->place->seq);
	values[4] = cdc_text_or_null(cdc_from_utf8(record->place->position), &nulls[4]);
	values[5] = TimestampTzGetDatum(record->source_ts);
	if (record->source_ts == 0)
		nulls[5] = 'n';
	values[6] = cdc_text_or_null(statement, &nulls[6]);
	values[7] = Int32GetDatum(record->before);
	values[8] = Int32GetDatum(record->after);
	values[9] = JsonbPGetDatum(change_to_jsonb(record->change));
	values[10] = cdc_text_or_null(record->outcome, &nulls[10]);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, nulls);
	recorded.subscription_id = sub->id;
	recorded.number = cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
}

void
cdc_change_found(const CdcSubscription *sub, const char *source_table, int before,
				 const CdcSchemaPlace *place)
{
	static const CdcTableChange unknown = {0};
	CdcChangeRecord record = {CDC_CHANGE_FOUND, source_table, place};

	record.before = before;
	record.after = cdc_change_newest_version(sub->name, source_table, false);
	record.change = &unknown;
	if (before != 0 && record.after != before)
		cdc_change_record(sub, &record);
}

/* ------------------------------------------------------------------------
 * Apply
 * ------------------------------------------------------------------------
 */

/* That a subscription has no pending change up to this one. */
static struct
{
	int32		subscription_id;
	int64		number;
}			nothing_pending = {0, -1};

/* The last transaction that settled a change here: what is pending is not known before its end. */
static TransactionId settled_by = InvalidTransactionId;

/* What read_changes() reads. */
#define CHANGE_COLUMNS \
	"number, kind::pg_catalog.text, source_table, from_seq, position, statement," \
	" before_version::pg_catalog.int8, after_version::pg_catalog.int8, change, tables, outcomes"

/* The changes that a statement tells; of CdcPendingChange *. */
static List *
read_changes(CdcStatement *stmt, Datum *values)
{
	CdcSpi		spi;
	List	   *result = NIL;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(stmt, values, NULL);
	for (i = 0; i < n; i++)
	{
		CdcPendingChange *change = MemoryContextAllocZero(spi.caller, sizeof(CdcPendingChange));
		bool		isnull;
		Datum		json;
		MemoryContext old;

		change->number = cdc_spi_int64(i, 1);
		change->kind = (CdcChangeKind) cdc_spi_text(&spi, i, 2)[0];
		change->source_table = cdc_spi_text(&spi, i, 3);
		change->from_seq = cdc_spi_int64(i, 4);
		change->position = cdc_spi_text(&spi, i, 5);
		change->statement = cdc_spi_text(&spi, i, 6);
		change->before_version = (int) cdc_spi_int64(i, 7);
		change->after_version = (int) cdc_spi_int64(i, 8);
		change->tables = cdc_spi_text_array(&spi, i, 10, &change->ntables);
		change->outcomes = cdc_spi_text_array(&spi, i, 11, &change->ntables);
		json = cdc_spi_datum(i, 9, JSONBOID, &isnull);
		old = MemoryContextSwitchTo(spi.caller);
		if (!isnull)
			change_from_jsonb(&((Jsonb *) PG_DETOAST_DATUM_COPY(json))->root, &change->change);
		result = lappend(result, change);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

List *
cdc_changes_pending(const CdcSubscription *sub, int64 changes, int64 upto)
{
	static CdcStatement stmt = {
		"SELECT " CHANGE_COLUMNS
		" FROM cdc_catalog.table_change WHERE subscription OPERATOR(pg_catalog.=) $1 AND outcome IS NULL"
		" AND from_seq OPERATOR(pg_catalog.<=) $2 ORDER BY number",
		2, {TEXTOID, INT8OID}
	};
	Datum		values[2];

	if (nothing_pending.subscription_id == sub->id && nothing_pending.number == changes)
		return NIL;
	if (!cdc_changes_are_pending(sub->name, PG_INT64_MAX))
	{
		if (!TransactionIdIsValid(settled_by) || !TransactionIdIsCurrentTransactionId(settled_by))
		{
			nothing_pending.subscription_id = sub->id;
			nothing_pending.number = changes;
		}
		return NIL;
	}
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(upto);
	return read_changes(&stmt, values);
}

List *
cdc_changes_between(const CdcSubscription *sub, const char *source_table, int64 after, int64 upto)
{
	static CdcStatement stmt = {
		"SELECT " CHANGE_COLUMNS
		" FROM cdc_catalog.table_change WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND from_seq OPERATOR(pg_catalog.<=) $2 AND from_seq OPERATOR(pg_catalog.>) $3"
		" AND source_table OPERATOR(pg_catalog.=) $4 ORDER BY number",
		4, {TEXTOID, INT8OID, INT8OID, TEXTOID}
	};
	Datum		values[4];

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int64GetDatum(upto);
	values[2] = Int64GetDatum(after);
	values[3] = CStringGetTextDatum(source_table);
	return read_changes(&stmt, values);
}

/* What cdc_changes_reopen() is about, as c. */
#define HELD_FOR_TABLE \
	" c.subscription OPERATOR(pg_catalog.=) $1 AND c.source_table OPERATOR(pg_catalog.=) $2" \
	" AND c.from_seq OPERATOR(pg_catalog.>) $3::pg_catalog.int8" \
	" AND c.from_seq OPERATOR(pg_catalog.<=) $6::pg_catalog.int8 AND EXISTS (SELECT 1" \
	" FROM pg_catalog.generate_subscripts(c.tables, 1) i WHERE (c.tables)[i] OPERATOR(pg_catalog.=) $5" \
	" AND (c.outcomes)[i] OPERATOR(pg_catalog.=) $4)"

void
cdc_changes_reopen(const char *subscription, const char *source_table, const char *name, int64 after,
				   int64 upto)
{
	/* what it was for other tables stays */
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.table_change AS c SET outcome = NULL, outcome_at = NULL,"
		" tables = ARRAY(SELECT (c.tables)[i] FROM pg_catalog.generate_subscripts(c.tables, 1) i"
		" WHERE (c.tables)[i] OPERATOR(pg_catalog.<>) $5 ORDER BY i),"
		" outcomes = ARRAY(SELECT (c.outcomes)[i] FROM pg_catalog.generate_subscripts(c.tables, 1) i"
		" WHERE (c.tables)[i] OPERATOR(pg_catalog.<>) $5 ORDER BY i)"
		" WHERE" HELD_FOR_TABLE,
		6, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, subscription, source_table, psprintf(INT64_FORMAT, after), CDC_CHANGE_HELD,
					   name, psprintf(INT64_FORMAT, upto));
	nothing_pending.subscription_id = 0;
}

bool
cdc_changes_are_pending(const char *subscription, int64 upto)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.table_change WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND outcome IS NULL AND from_seq OPERATOR(pg_catalog.<=) $2 LIMIT 1",
		2, {TEXTOID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[2];
	bool		result;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = Int64GetDatum(upto);
	cdc_spi_begin(&spi);
	result = cdc_spi_execute(&stmt, values, NULL) > 0;
	cdc_spi_end(&spi);
	return result;
}

void
cdc_change_load(const char *subscription, CdcPendingChange *change)
{
	cdc_table_version_get(subscription, change->source_table, change->before_version,
						  GetDatabaseEncoding(), &change->before);
	cdc_table_version_get(subscription, change->source_table, change->after_version,
						  GetDatabaseEncoding(), &change->after);
}

void
cdc_change_done(const char *subscription, const CdcPendingChange *change, const char *outcome)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.table_change SET outcome = $3, outcome_at = pg_catalog.now(),"
		" tables = $4, outcomes = $5"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND number OPERATOR(pg_catalog.=) $2",
		5, {TEXTOID, INT8OID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
	};
	CdcSpi		spi;
	Datum		values[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', ' '};

	settled_by = GetTopTransactionId();
	values[0] = CStringGetTextDatum(subscription);
	values[1] = Int64GetDatum(change->number);
	values[2] = CStringGetTextDatum(cdc_bounded_text(outcome, STATEMENT_BYTES));
	values[3] = cdc_text_array((const char *const *) change->tables, change->ntables);
	values[4] = cdc_text_array((const char *const *) change->outcomes, change->ntables);
	nulls[3] = nulls[4] = change->ntables > 0 ? ' ' : 'n';
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

void
cdc_change_since_made(CdcArena *arena, const char *subscription, const char *source_table,
					  const CdcTableDef *def, CdcTableChange *change)
{
	static CdcStatement stmt = {
		"SELECT change, kind::pg_catalog.text FROM cdc_catalog.table_change"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" ORDER BY number DESC",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	uint64		n;
	uint64		i;
	CdcError	err;

	memset(change, 0, sizeof(*change));
	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(cdc_from_utf8(source_table));
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		Datum		json = cdc_spi_datum(i, 1, JSONBOID, &isnull);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);
		CdcTableChange one;

		change_from_jsonb(&((Jsonb *) PG_DETOAST_DATUM_COPY(json))->root, &one);
		if (one.created)
			change->known = one.known && (i == 0 || change->known);
		else if (i == 0)
			*change = one;
		else if (cdc_failed(cdc_table_change_join(arena, &one, change, def, change, &err)))
			change->known = false;
		MemoryContextSwitchTo(old);
		if (one.created || !one.known)
			break;
	}
	if (i == n)
		change->known = false;	/* it is not known how it began */
	cdc_spi_end(&spi);
}

bool
cdc_change_was_fed(const char *subscription, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.table_change c"
		" WHERE c.subscription OPERATOR(pg_catalog.=) $1 AND c.source_table OPERATOR(pg_catalog.=) $2"
		" AND (c.change OPERATOR(pg_catalog.->>) 'fed') OPERATOR(pg_catalog.=) 'true'"
		" AND c.number OPERATOR(pg_catalog.>) COALESCE((SELECT pg_catalog.max(m.number)"
		" FROM cdc_catalog.table_change m WHERE m.subscription OPERATOR(pg_catalog.=) $1"
		" AND m.source_table OPERATOR(pg_catalog.=) $2"
		" AND (m.change OPERATOR(pg_catalog.->>) 'created') OPERATOR(pg_catalog.=) 'true'), 0)",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, subscription, cdc_from_utf8(source_table)) > 0;
}

void
cdc_changes_drop(const char *subscription, const char *source_table)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.table_change WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, subscription, cdc_from_utf8(source_table));
}

#define BEGAN_ANEW	"the table began anew behind it"

void
cdc_changes_forget(const char *subscription, const char *source_table, char **names, int n)
{
	static CdcStatement settle = {
		"UPDATE cdc_catalog.table_change SET tables = pg_catalog.array_cat(tables, $3),"
		" outcomes = pg_catalog.array_cat(outcomes, pg_catalog.array_fill($4,"
		" ARRAY[pg_catalog.array_length($3, 1)]))"
		" WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2 AND outcome IS NULL",
		4, {TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID}
	};
	/*
	 * It is of no concern to anybody then.  The names are read before: where rows are distributed, an
	 * UPDATE of a row that another transaction has just changed cannot look again into another table.
	 */
	static CdcStatement all_names = {
		"SELECT COALESCE(pg_catalog.array_agg(t.name), '{}'::pg_catalog.text[])::pg_catalog.text"
		" FROM cdc_catalog.subscription_table t"
		" WHERE t.subscription OPERATOR(pg_catalog.=) $1 AND t.source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement end = {
		"UPDATE cdc_catalog.table_change SET outcome = '" BEGAN_ANEW "', outcome_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2 AND outcome IS NULL"
		" AND (tables IS NULL OR $3::pg_catalog.text[] OPERATOR(pg_catalog.<@) tables)",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[4];

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = cdc_text_array((const char *const *) names, n);
	values[3] = CStringGetTextDatum(BEGAN_ANEW);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&settle, values, NULL);
	if (cdc_spi_execute(&all_names, values, NULL) == 0)
		elog(ERROR, "an aggregate has no row");
	values[2] = CStringGetTextDatum(cdc_spi_text(&spi, 0, 1));
	(void) cdc_spi_execute(&end, values, NULL);
	cdc_spi_end(&spi);
}

/*
 * The version of the table whose shape its target has, as later ones were not followed; 0: unknown.
 * A copy that its target could not be got ready for is one of these.
 */
static int
followed_version(const char *subscription, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT c.before_version::pg_catalog.int8 FROM cdc_catalog.table_change c"
		" WHERE c.subscription OPERATOR(pg_catalog.=) $1 AND c.source_table OPERATOR(pg_catalog.=) $2"
		" AND (c.outcome IS NULL OR c.outcome OPERATOR(pg_catalog.=) $3"
		" OR pg_catalog.strpos(c.outcome, $4) OPERATOR(pg_catalog.=) 1"
		" OR EXISTS (SELECT 1 FROM pg_catalog.unnest(c.outcomes) AS o (outcome)"
		" WHERE o.outcome OPERATOR(pg_catalog.=) $3"
		" OR pg_catalog.strpos(o.outcome, $4) OPERATOR(pg_catalog.=) 1))"
		" AND c.number OPERATOR(pg_catalog.>) (SELECT COALESCE(pg_catalog.max(b.number), 0)"
		" FROM cdc_catalog.table_change b WHERE b.subscription OPERATOR(pg_catalog.=) $1"
		" AND b.source_table OPERATOR(pg_catalog.=) $2 AND b.kind OPERATOR(pg_catalog.=) 'b'::\"char\""
		" AND b.outcome IS NOT NULL AND b.outcome OPERATOR(pg_catalog.<>) '" BEGAN_ANEW "'"
		" AND NOT EXISTS (SELECT 1 FROM pg_catalog.unnest(pg_catalog.array_append(b.outcomes, b.outcome)) AS o (outcome)"
		" WHERE pg_catalog.strpos(o.outcome, $4) OPERATOR(pg_catalog.=) 1))"
		" ORDER BY c.number LIMIT 1",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[4];
	int			result = 0;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(source_table);
	values[2] = CStringGetTextDatum(CDC_CHANGE_HELD);
	values[3] = CStringGetTextDatum(CDC_CHANGE_FAILED);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		result = (int) cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
	return result;
}

void
cdc_change_followed(const CdcSubscription *sub, const char *source_table, CdcTableDef *def)
{
	int			version = followed_version(sub->name, source_table);

	if (version > 0)
		cdc_table_version_get(sub->name, source_table, version, GetDatabaseEncoding(), def);
}

void
cdc_change_mark_left_out(CdcTableChange *change, const CdcTable *table, CdcGeneratedLogged logged)
{
	int			i;
	int			c;

	for (i = 0; i < change->nadded; i++)
		for (c = 0; c < table->ncolumns; c++)
			if (strcmp(change->added[i].name, table->columns[c].name) == 0)
				change->added[i].left_out = !cdc_column_is_logged(&table->columns[c], logged);
}

void
cdc_change_copy_begins(const CdcSubscription *sub, const CdcCopyBegins *copy)
{
	const CdcTable *table = copy->table;
	const char *source_table = table->full_name;
	CdcTableChange change = {.known = true};
	CdcChangeRecord record = {CDC_CHANGE_COPY, source_table, &copy->place};
	int			i;

	/* any of them may be new to the target */
	change.added = palloc0(sizeof(CdcAddedColumn) * Max(table->ncolumns, 1));
	for (i = 0; i < table->ncolumns; i++)
		if (table->columns[i].generated)
			change.added[change.nadded++].name = table->columns[i].name;
	cdc_change_mark_left_out(&change, table, copy->logged);
	record.before = followed_version(sub->name, cdc_from_utf8(source_table));
	cdc_changes_forget(sub->name, cdc_from_utf8(source_table), copy->names, copy->nnames);
	record.after = cdc_change_newest_version(sub->name, source_table, true);
	record.change = &change;
	cdc_change_record(sub, &record);
}
