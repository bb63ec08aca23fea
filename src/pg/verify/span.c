/*-------------------------------------------------------------------------
 *
 * span.c
 *	  Ranges of keys that have the same rows at both sides.
 *
 * The source orders its rows by its own rules, so a range there is one here only where both
 * rules are the same: for numbers, and for bytes.  Texts have collations, and dates can be
 * what no date of ours is.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg/base/compat_catalog.h"

/* A column of the key, in the order of the source's key and of the target's index. */
typedef struct SpanColumn
{
	const CdcTargetColumn *column;
	FmgrInfo   *compare;
	Oid			input;
	Oid			ioparam;
} SpanColumn;

struct CdcVerifySpans
{
	int			ncolumns;
	SpanColumn	columns[INDEX_MAX_KEYS];
};

/* Whether both sides have the same order of the values of such columns. */
static bool
has_same_order(const CdcColumn *source, Oid target)
{
	static const char *const integers[] = {
		"tinyint", "smallint", "mediumint", "int", "integer", "bigint", NULL
	};
	static const char *const bytes[] = {"binary", "varbinary", NULL};

	if (cdc_type_is_one_of(source->data_type, integers))
		return target == INT2OID || target == INT4OID || target == INT8OID || target == NUMERICOID;
	if (strcmp(source->data_type, "decimal") == 0 || strcmp(source->data_type, "numeric") == 0)
		return target == NUMERICOID;
	return cdc_type_is_one_of(source->data_type, bytes) && target == BYTEAOID;
}

static bool
is_not_null(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	bool		result = HeapTupleIsValid(tuple) && ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return result;
}

/* The attributes of the index on the target's key, in its order; false: it has others. */
static bool
read_index(const CdcTarget *target, AttrNumber *attnums)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(target->key_index));
	bool		result = false;
	int			i;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_index) GETSTRUCT(tuple))->indnatts >= target->nkey)
	{
		result = true;
		for (i = 0; i < target->nkey; i++)
			attnums[i] = ((Form_pg_index) GETSTRUCT(tuple))->indkey.values[i];
	}
	ReleaseSysCache(tuple);
	return result;
}

/* The key's column i; false: it cannot be. */
static bool
find_column(const CdcVerifyTable *t, int i, AttrNumber attnum, SpanColumn *span)
{
	const CdcTarget *target = t->mapping->target;
	const CdcColumn *source = &t->table->columns[t->key.columns[i]];
	TypeCacheEntry *type;
	int			c;

	for (c = 0; c < target->ncolumns; c++)
		if (target->columns[c].attnum == attnum)
			break;
	if (c == target->ncolumns || t->mapping->columns[c].by != CDC_BY_COLUMN ||
		strcmp(t->mapping->columns[c].source, source->name) != 0 ||
		!has_same_order(source, target->columns[c].basetype) || !is_not_null(target->relid, attnum))
		return false;
	span->column = &target->columns[c];
	type = lookup_type_cache(span->column->basetype, TYPECACHE_CMP_PROC_FINFO);
	span->compare = &type->cmp_proc_finfo;
	getTypeInputInfo(span->column->basetype, &span->input, &span->ioparam);
	return OidIsValid(span->compare->fn_oid);
}

void
cdc_verify_find_spans(CdcVerifyTable *t)
{
	const CdcTarget *target = t->mapping->target;
	CdcVerifySpans *spans;
	AttrNumber	attnums[INDEX_MAX_KEYS];
	int			i;

	t->spans = NULL;
	if (target->keyless || !OidIsValid(target->key_index) || t->key.ncolumns != target->nkey ||
		target->nkey > INDEX_MAX_KEYS || target->own_rows != NULL || t->mapping->computed ||
		strcmp(t->mapping->mode, "replica") != 0 || !read_index(target, attnums))
		return;
	spans = MemoryContextAllocZero(t->context, sizeof(CdcVerifySpans));
	spans->ncolumns = target->nkey;
	for (i = 0; i < spans->ncolumns; i++)
		if (!find_column(t, i, attnums[i], &spans->columns[i]))
			return;
	t->spans = spans;
}

/* The values of literals of the source's SQL: numbers, or X'...'. */
static Datum *
read_literals(const CdcVerifyTable *t, const char *const *literals)
{
	Datum	   *values;
	int			i;

	if (literals == NULL)
		return NULL;
	values = palloc0(sizeof(Datum) * t->mapping->target->desc->natts);
	for (i = 0; i < t->spans->ncolumns; i++)
	{
		const SpanColumn *column = &t->spans->columns[i];
		char	   *text = pstrdup(literals[i]);

		if (strncmp(text, "X'", 2) == 0)
			text = psprintf("\\x%.*s", (int) strlen(text) - 3, text + 2);
		values[column->column->attnum - 1] = OidInputFunctionCall(column->input, text, column->ioparam, -1);
	}
	return values;
}

void
cdc_verify_span(const CdcVerifyTable *t, const CdcChunkRange *range, CdcVerifySpan *span)
{
	span->after = read_literals(t, range->after);
	span->upto = read_literals(t, range->upto);
}

static int
compare_keys(const CdcVerifyTable *t, const Datum *a, const Datum *b)
{
	int			i;

	for (i = 0; i < t->spans->ncolumns; i++)
	{
		const SpanColumn *column = &t->spans->columns[i];
		int			at = column->column->attnum - 1;
		int			c = DatumGetInt32(FunctionCall2Coll(column->compare, InvalidOid, a[at], b[at]));

		if (c != 0)
			return c;
	}
	return 0;
}

bool
cdc_verify_in_span(const CdcVerifyTable *t, const CdcVerifySpan *span, const Datum *values, const bool *nulls)
{
	int			i;

	for (i = 0; i < t->spans->ncolumns; i++)
		if (nulls[t->spans->columns[i].column->attnum - 1])
			return true;
	return (span->after == NULL || compare_keys(t, values, span->after) > 0) &&
		(span->upto == NULL || compare_keys(t, values, span->upto) <= 0);
}

/* Appends ROW(keys) operator ROW(parameters); returns how many parameters there are by now. */
static int
append_bound(const CdcVerifyTable *t, const char *operator, const Datum *bound, int n, StringInfo sql,
			 Oid *types, Datum *values)
{
	int			i;

	appendStringInfoString(sql, n == 0 ? " WHERE ROW(" : " AND ROW(");
	for (i = 0; i < t->spans->ncolumns; i++)
		appendStringInfo(sql, "%s%s", i > 0 ? ", " : "", quote_identifier(t->spans->columns[i].column->name));
	appendStringInfo(sql, ") OPERATOR(pg_catalog.%s) ROW(", operator);
	for (i = 0; i < t->spans->ncolumns; i++)
	{
		const CdcTargetColumn *column = t->spans->columns[i].column;

		types[n] = column->basetype;
		values[n] = bound[column->attnum - 1];
		appendStringInfo(sql, "%s$%d", i > 0 ? ", " : "", ++n);
	}
	appendStringInfoChar(sql, ')');
	return n;
}

int
cdc_verify_span_condition(const CdcVerifyTable *t, const CdcVerifySpan *span, StringInfo sql, Oid *types,
						  Datum *values)
{
	int			n = 0;

	if (span->after != NULL)
		n = append_bound(t, ">", span->after, n, sql, types, values);
	if (span->upto != NULL)
		n = append_bound(t, "<=", span->upto, n, sql, types, values);
	return n;
}
