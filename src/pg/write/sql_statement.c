/*-------------------------------------------------------------------------
 *
 * sql_statement.c
 *	  The statements of the back-end of set-based SQL, as texts.
 *
 * Names are quoted, and the target's is qualified.  The parameters of a statement
 * are the target's columns that its rows have values for, in their order.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/sql_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg/base/compat_catalog.h"

/* Whether a statement takes arrays, a value for each of many rows. */
static inline bool
is_set_based(CdcSqlKind kind)
{
	return kind != SQL_TAKE && kind != SQL_FETCH;
}

bool
cdc_type_unnests(Oid typid)
{
	return OidIsValid(get_array_type(typid)) && !OidIsValid(get_element_type(typid)) &&
		!type_is_rowtype(typid);
}

bool
cdc_sql_as_text(const CdcTargetColumn *col)
{
	return col->basetype != col->typid || !cdc_type_unnests(col->typid);
}

Oid
cdc_sql_parameter_type(const CdcTargetColumn *col, CdcSqlKind kind)
{
	Oid			typid = cdc_sql_as_text(col) ? TEXTOID : col->typid;

	return is_set_based(kind) ? get_array_type(typid) : typid;
}

/* The number of a target's column among those of a batch, which has all. */
static int
batch_number(const CdcTarget *target, int attnum)
{
	int			n = 0;
	int			i;

	for (i = 0; i < attnum; i++)
		if (!TupleDescAttr(target->desc, i)->attisdropped)
			n++;
	return n;
}

/*
 * The number of a column's parameter in the statement, from 1; of a batch that of the
 * column in the target's row.
 */
static int
parameter_number(const CdcTarget *target, int column, const CdcSqlForm *form)
{
	int			n = form->kind == SQL_TAKE ? 1 : 0;
	int			i;

	if (form->batch)
		return batch_number(target, target->columns[column].attnum);
	for (i = 0; i <= column; i++)
		if (cdc_sql_is_parameter(&target->columns[i], form->presence))
			n++;
	return n;
}

/* A column's value inside a statement, e.g. "s.c2" or "$3::text[]". */
static void
append_value(StringInfo sql, const CdcTarget *target, int column, const CdcSqlForm *form)
{
	const CdcTargetColumn *col = &target->columns[column];

	appendStringInfo(sql, is_set_based(form->kind) ? "s.c%d" : "$%d",
					 parameter_number(target, column, form));
	if (cdc_sql_as_text(col) && !form->batch)
		appendStringInfo(sql, "::%s", format_type_with_typemod(col->typid,
															   col->typmod));
}

/*
 * The equality by which a column is compared: that of the key's index, else of its
 * type's default btree class.  InvalidOid: there is none.
 */
static Oid
equality_operator(const CdcTarget *target, int column)
{
	int			i;

	for (i = 0; i < target->nkey; i++)
		if (target->key[i].column == column && OidIsValid(target->key[i].index_equal))
			return target->key[i].index_equal;
	return lookup_type_cache(target->columns[column].typid, TYPECACHE_EQ_OPR)->eq_opr;
}

static Oid
operator_schema(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Oid			schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	schema = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace;
	ReleaseSysCache(tuple);
	return schema;
}

/*
 * An operator outside pg_catalog gets what it takes, exactly: whoever may create others
 * in its schema could else make one that fits better.
 */
void
cdc_append_equality(StringInfo sql, const CdcTarget *target, int column, const char *left,
					const char *right)
{
	Oid			operator = equality_operator(target, column);
	Oid			schema;
	Oid			left_type;
	Oid			right_type;
	char	   *left_cast = "";
	char	   *right_cast = "";
	char	   *name;

	if (!OidIsValid(operator))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of target %s cannot be part of a key",
						target->columns[column].name, target->name),
				 errdetail("Its type %s has no equality.",
						   format_type_be(target->columns[column].typid))));
	name = get_opname(operator);
	schema = operator_schema(operator);
	op_input_types(operator, &left_type, &right_type);
	if (schema != PG_CATALOG_NAMESPACE && !IsPolymorphicType(left_type))
	{
		left_cast = psprintf("::%s", format_type_be_qualified(left_type));
		right_cast = psprintf("::%s", format_type_be_qualified(right_type));
	}
	appendStringInfo(sql, "(%s)%s OPERATOR(%s.%s) (%s)%s", left, left_cast,
					 quote_identifier(get_namespace_name(schema)), name, right, right_cast);
}

const char *
cdc_stage_name(const CdcTarget *target)
{
	return psprintf("pg_temp.cdc_stage_%u", target->relid);
}

/* The rows of a batch: "cdc.batch_rows($1, NULL::t) AS s(c1, c2)", with all of the target's columns. */
static void
append_batch(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	int			n = 0;
	int			i;

	appendStringInfo(sql, "cdc.batch_rows%s($1, NULL::%s)%s AS s(", form->dealt ? "_here" : "",
					 target->name, form->told ? " WITH ORDINALITY" : "");
	for (i = 0; i < target->desc->natts; i++)
		if (!TupleDescAttr(target->desc, i)->attisdropped)
		{
			n++;
			appendStringInfo(sql, "%sc%d", n > 1 ? ", " : "", n);
		}
	appendStringInfoString(sql, form->told ? ", n)" : ")");
}

/* The statement's rows: "unnest($1, $2) AS s(c1, c2)", or a batch. */
static void
append_source(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	const char *sep = "";
	int			n = 0;
	int			i;

	if (form->staged)
	{
		appendStringInfo(sql, "%s AS s", cdc_stage_name(target));
		return;
	}
	if (form->batch)
	{
		append_batch(sql, target, form);
		return;
	}
	for (i = 0; i < target->ncolumns; i++)
		if (cdc_sql_is_parameter(&target->columns[i], form->presence))
			n++;
	/* with several arguments the bare name, and only that, means pg_catalog's */
	appendStringInfoString(sql, n > 1 ? "unnest(" : "pg_catalog.unnest(");
	n = 0;
	for (i = 0; i < target->ncolumns; i++)
		if (cdc_sql_is_parameter(&target->columns[i], form->presence))
		{
			appendStringInfo(sql, "%s$%d", sep, ++n);
			sep = ", ";
		}
	appendStringInfoString(sql, ") AS s(");
	for (i = 1; i <= n; i++)
		appendStringInfo(sql, "%sc%d", i > 1 ? ", " : "", i);
	appendStringInfoString(sql, ")");
}

/*
 * That the key of a row t of the target is the parameters': "t.id = s.c1 AND ...".  What
 * is NULL in all rows of the form is one in the target, as for the keys that are collected:
 * an index is of use for that, as it is not where each row has to say it.
 */
static void
append_key_condition(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		int			column = target->key[i].column;
		const char *name = psprintf("t.%s", quote_identifier(target->columns[column].name));
		StringInfoData value;

		appendStringInfoString(sql, i > 0 ? " AND " : "");
		if (i < CDC_KEY_NULLS_MAX && (form->nulls & (1 << i)) != 0)
		{
			appendStringInfo(sql, "%s IS NULL", name);
			continue;
		}
		initStringInfo(&value);
		append_value(&value, target, column, form);
		cdc_append_equality(sql, target, column, name, value.data);
	}
}

/* The names of the parameters' columns, or (values) their values, with commas. */
static void
append_column_list(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form, bool values)
{
	const char *sep = "";
	int			i;

	for (i = 0; i < target->ncolumns; i++)
	{
		if (!cdc_sql_is_parameter(&target->columns[i], form->presence))
			continue;
		appendStringInfoString(sql, sep);
		if (values)
			append_value(sql, target, i, form);
		else
			appendStringInfoString(sql, quote_identifier(target->columns[i].name));
		sep = ", ";
	}
}

bool
cdc_sql_is_floating(Oid typid)
{
	Oid			base = getBaseType(typid);
	Oid			element = get_element_type(base);

	if (OidIsValid(element))
		base = getBaseType(element);
	return base == FLOAT4OID || base == FLOAT8OID;
}

bool
cdc_sql_hashed(const CdcTarget *target, const CdcPresence *presence, int column)
{
	const CdcTargetColumn *col = &target->columns[column];
	Oid			equal;

	if (!cdc_sql_is_parameter(col, presence) || cdc_sql_is_floating(col->typid))
		return false;
	equal = lookup_type_cache(col->basetype, TYPECACHE_EQ_OPR)->eq_opr;
	return OidIsValid(equal) && op_hashjoinable(equal, col->basetype);
}

/*
 * The assignments of an UPDATE; returns whether there are any.  The key's columns are what they
 * are, but where other values are equal to these.
 */
static bool
append_assignments(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	const char *sep = "";
	int			i;
	int			c;

	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (att->attisdropped || CDC_ATT_GENERATED(att))
			continue;
		for (c = 0; c < target->ncolumns; c++)
			if (target->columns[c].attnum == att->attnum)
				break;
		if (c < target->ncolumns && target->columns[c].in_key && !cdc_sql_is_floating(target->columns[c].typid))
			continue;
		if (form->presence->attrs[i])
		{
			/* one that the source has no more comes with a row that was taken from the target */
			if (c == target->ncolumns && !form->batch)
				continue;
			appendStringInfo(sql, "%s%s = ", sep, quote_identifier(NameStr(att->attname)));
			if (c == target->ncolumns)
				appendStringInfo(sql, "s.c%d", batch_number(target, att->attnum));
			else
				append_value(sql, target, c, form);
		}
		else if (form->kind == SQL_REPLACE)
			appendStringInfo(sql, "%s%s = DEFAULT", sep, quote_identifier(NameStr(att->attname)));
		else
			continue;
		sep = ", ";
	}
	return *sep != '\0';
}

/*
 * That a row of the target (alias with a dot, or nothing) equals the parameters in all columns that
 * these have.  What is NULL in all rows of a batch is one there: an equality that has no other way
 * out can be hashed.
 */
static void
append_row_condition(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form, const char *alias)
{
	const char *sep = "";
	int			hashed = 0;
	int			i;

	for (i = 0; i < target->ncolumns; i++)
	{
		const CdcTargetColumn *col = &target->columns[i];
		const char *name = psprintf("%s%s", alias, quote_identifier(col->name));
		StringInfoData value;

		if (!cdc_sql_is_parameter(col, form->presence))
			continue;
		initStringInfo(&value);
		append_value(&value, target, i, form);
		if (form->kind == SQL_TAKE_MANY && hashed < CDC_KEY_NULLS_MAX &&
			cdc_sql_hashed(target, form->presence, i))
		{
			appendStringInfoString(sql, sep);
			if ((form->nulls & (1 << hashed++)) != 0)
				appendStringInfo(sql, "%s IS NULL", name);
			else
				cdc_append_equality(sql, target, i, name, value.data);
			sep = " AND ";
			continue;
		}
		appendStringInfo(sql, "%s(", sep);
		if (cdc_sql_is_floating(col->typid))
			appendStringInfo(sql, "pg_catalog.record_image_eq(ROW(%s), ROW(%s))", name, value.data);
		else if (OidIsValid(lookup_type_cache(col->typid, TYPECACHE_EQ_OPR)->eq_opr))
			cdc_append_equality(sql, target, i, name, value.data);
		else
			appendStringInfo(sql, "%s::pg_catalog.text OPERATOR(pg_catalog.=) (%s)::pg_catalog.text",
							 name, value.data);
		appendStringInfo(sql, " OR %s IS NULL AND (%s) IS NULL)", name, value.data);
		sep = " AND ";
	}
}

/* A stage has rows to write, and keys to delete. */
static void
append_stage_condition(StringInfo sql, const char *word, const CdcSqlForm *form)
{
	if (form->staged)
		appendStringInfo(sql, "%s%ss." CDC_STAGE_GONE, word, form->kind == SQL_DELETE ? "" : "NOT ");
}

/* An UPDATE; returns false where there is nothing to set. */
static bool
append_update(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	appendStringInfo(sql, "UPDATE %s AS t SET ", target->name);
	if (!append_assignments(sql, target, form))
		return false;
	appendStringInfoString(sql, " FROM ");
	append_source(sql, target, form);
	appendStringInfoString(sql, " WHERE ");
	append_key_condition(sql, target, form);
	append_stage_condition(sql, " AND ", form);
	if (form->told)
		appendStringInfo(sql, " RETURNING %ss.n", form->dealt ? "t.gp_segment_id, " : "");
	return true;
}

/* An INSERT, of all rows or of those whose key the target does not have. */
static void
append_insert(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	appendStringInfo(sql, "INSERT INTO %s (", target->name);
	append_column_list(sql, target, form, false);
	appendStringInfoString(sql, ")" CDC_OVERRIDING_SYSTEM_VALUE " SELECT ");
	append_column_list(sql, target, form, true);
	appendStringInfoString(sql, " FROM ");
	append_source(sql, target, form);
	append_stage_condition(sql, " WHERE ", form);
	if (form->kind == SQL_INSERT)
		return;
	appendStringInfo(sql, "%sNOT EXISTS (SELECT 1 FROM %s AS t WHERE ", form->staged ? " AND " : " WHERE ",
					 target->name);
	append_key_condition(sql, target, form);
	appendStringInfoChar(sql, ')');
}

/* ------------------------------------------------------------------------
 * Rows that change their partition
 *
 * Where an UPDATE cannot move them, a second row is inserted where the row belongs by its new
 * values, and the first one deleted.  Unique indexes of such tables have the columns that
 * partitions go by, in which the two differ.
 * ------------------------------------------------------------------------
 */

/* Whether the column says which partition a row is in, and rows of that presence write it. */
static bool
moves_by(const List *partitioned_by, const CdcPresence *presence, AttrNumber attnum)
{
	return presence->attrs[attnum - 1] && list_member_int(partitioned_by, attnum);
}

bool
cdc_sql_moves(const CdcTarget *target, const CdcPresence *presence)
{
	List	   *partitioned_by = CDC_FIXED_PARTITION_ATTRS(target->relid);
	bool		moves = false;
	int			i;

	for (i = 1; i <= target->desc->natts; i++)
	{
		int			k;

		for (k = 0; k < target->nkey && target->key[k].attnum != i; k++)
			;
		moves = moves || (k == target->nkey && moves_by(partitioned_by, presence, i));
	}
	return moves;
}

/* That a row t of the target differs from its row s in what partitions go by. */
static void
append_moves_condition(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	List	   *partitioned_by = CDC_FIXED_PARTITION_ATTRS(target->relid);
	const char *sep = "";
	int			i;

	appendStringInfoString(sql, " AND (");
	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);
		Oid			equal;
		char	   *old;
		char	   *new;

		if (att->attisdropped || !moves_by(partitioned_by, form->presence, att->attnum))
			continue;
		old = psprintf("t.%s", quote_identifier(NameStr(att->attname)));
		new = psprintf("s.c%d", batch_number(target, att->attnum));
		equal = lookup_type_cache(att->atttypid, TYPECACHE_EQ_OPR)->eq_opr;
		appendStringInfo(sql, "%s(%s OPERATOR(%s.%s) %s OR %s IS NULL AND %s IS NULL) IS NOT TRUE", sep, old,
						 quote_identifier(get_namespace_name(operator_schema(equal))), get_opname(equal), new, old, new);
		sep = " OR ";
	}
	appendStringInfoChar(sql, ')');
}

/* The second rows: the first ones with their new values of what partitions go by. */
static void
append_move(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	List	   *partitioned_by = CDC_FIXED_PARTITION_ATTRS(target->relid);
	StringInfoData values;
	const char *sep = "";
	int			i;

	initStringInfo(&values);
	appendStringInfo(sql, "INSERT INTO %s (", target->name);
	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);
		const char *name = quote_identifier(NameStr(att->attname));

		if (att->attisdropped)
			continue;
		appendStringInfo(sql, "%s%s", sep, name);
		if (moves_by(partitioned_by, form->presence, att->attnum))
			appendStringInfo(&values, "%ss.c%d", sep, batch_number(target, att->attnum));
		else
			appendStringInfo(&values, "%st.%s", sep, name);
		sep = ", ";
	}
	appendStringInfo(sql, ") SELECT %s FROM %s AS t, ", values.data, target->name);
	append_source(sql, target, form);
	appendStringInfoString(sql, " WHERE ");
	append_key_condition(sql, target, form);
	append_moves_condition(sql, target, form);
}

/*
 * Of the rows that equal a row of the batch as many are deleted as the array says, wherever they
 * are; each tells for which one.
 */
static void
append_take_many(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	appendStringInfo(sql, "DELETE FROM %s AS t USING (SELECT x.a, x.g, x.o, x.n FROM (SELECT t.ctid AS a,"
					 " t.gp_segment_id AS g, t.tableoid AS o, s.n, pg_catalog.row_number() OVER (PARTITION BY s.n) AS place"
					 " FROM %s AS t, ", target->name, target->name);
	append_source(sql, target, form);
	appendStringInfoString(sql, " WHERE ");
	append_row_condition(sql, target, form, "t.");
	appendStringInfoString(sql, ") x WHERE x.place OPERATOR(pg_catalog.<=) ($2)[x.n]) y"
						   " WHERE t.ctid OPERATOR(pg_catalog.=) y.a AND t.gp_segment_id OPERATOR(pg_catalog.=) y.g"
						   " AND t.tableoid OPERATOR(pg_catalog.=) y.o RETURNING y.n");
}

bool
cdc_sql_statement(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form)
{
	switch (form->kind)
	{
		case SQL_DELETE:
			appendStringInfo(sql, "DELETE FROM %s AS t USING ", target->name);
			append_source(sql, target, form);
			appendStringInfoString(sql, " WHERE ");
			append_key_condition(sql, target, form);
			append_stage_condition(sql, " AND ", form);
			break;
		case SQL_UPDATE:
		case SQL_REPLACE:
			return append_update(sql, target, form);
		case SQL_INSERT_MISSING:
		case SQL_INSERT:
			append_insert(sql, target, form);
			break;
		case SQL_MOVE:
			append_move(sql, target, form);
			break;
		case SQL_MOVED:
			appendStringInfo(sql, "DELETE FROM %s AS t USING ", target->name);
			append_source(sql, target, form);
			appendStringInfoString(sql, " WHERE ");
			append_key_condition(sql, target, form);
			append_moves_condition(sql, target, form);
			break;
		case SQL_TAKE:
			appendStringInfo(sql, "DELETE FROM %s WHERE (" CDC_ROW_ADDRESS ") OPERATOR(pg_catalog.=) ANY (SELECT "
							 CDC_ROW_ADDRESS " FROM %s WHERE ", target->name, target->name);
			append_row_condition(sql, target, form, "");
			appendStringInfoString(sql, " LIMIT $1)");
			break;
		case SQL_TAKE_MANY:
			append_take_many(sql, target, form);
			break;
		case SQL_FETCH:
			appendStringInfo(sql, "SELECT * FROM %s AS t WHERE ", target->name);
			append_key_condition(sql, target, form);
			appendStringInfoString(sql, " LIMIT 1");
			break;
	}
	return true;
}
