/*-------------------------------------------------------------------------
 *
 * value.c
 *	  SQL of a target's values when its column changes: how they get into another
 *	  type, which of them are in doubt, what rows have in a new column.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/evolve/internal.h"

#include "catalog/pg_type.h"
#include "core/geometry.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/schema/type_fit.h"

static bool
begins(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

char *
cdc_evolve_cast(const char *column, Oid typid, const char *type)
{
	Oid			base = getBaseType(typid);

	if (base == BOOLOID && !begins(type, "boolean"))
		return psprintf("((%s)::integer)::%s", column, type);
	if (base == BITOID && begins(type, "bit("))
		return psprintf("(lpad((%s)::text, %d, '0'))::%s", column, atoi(type + 4), type);
	if (base == BITOID && !begins(type, "bit"))
		return psprintf("((%s)::bigint)::%s", column, type);
	if (is_text(base) && strcmp(type, "bytea") == 0)
		return psprintf("convert_to(%s, 'UTF8')", column);
	if (base == BYTEAOID && strcmp(type, "bytea") != 0)
		return psprintf("(convert_from(%s, 'UTF8'))::%s", column, type);
	return psprintf("(%s)::%s", column, type);
}

/* The other way, from what that gives; only for round trips. */
static char *
cast_back(const char *value, Oid typid, int32 typmod)
{
	Oid			base = getBaseType(typid);

	if (base == BYTEAOID)
		return psprintf("convert_to(%s, 'UTF8')", value);
	return psprintf("(%s)::%s", value, format_type_with_typemod(typid, typmod));
}

static void
add_condition(StringInfo sql, const char *condition)
{
	appendStringInfo(sql, "%s%s", sql->len > 0 ? " OR " : "", condition);
}

/* ARRAY['a', 'b'] */
static char *
members_array(const CdcShapeColumn *shape)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "ARRAY[");
	for (i = 0; i < shape->nmembers; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
						 quote_literal_cstr(pnstrdup(shape->members[i].data, shape->members[i].len)));
	appendStringInfoString(&sql, "]::text[]");
	return sql.data;
}

/* Numbers that the new type has not. */
static void
number_checks(StringInfo sql, const CdcEvolveColumn *column, const char *name, unsigned checks)
{
	Oid			base = getBaseType(column->typid);
	const char *number = base == BOOLOID ? psprintf("((%s)::integer)", name) :
		base == BITOID ? psprintf("((%s)::bigint)", name) : psprintf("((%s)::numeric)", name);

	if ((checks & CDC_CHECK_RANGE) != 0)
		add_condition(sql, psprintf("NOT (%s BETWEEN %s AND %s%s)", number, column->shape->min,
									column->shape->max, begins(column->after->column_type, "year") ?
									psprintf(" OR %s = 0", number) : ""));
	if ((checks & CDC_CHECK_NOT_NEGATIVE) != 0)
		add_condition(sql, psprintf("%s < 0", number));
	if ((checks & CDC_CHECK_NOT_ZERO) != 0)
		add_condition(sql, psprintf("%s = 0", number));
}

/* Texts that the new type has not. */
static void
text_checks(StringInfo sql, const CdcEvolveColumn *column, const char *name, unsigned checks)
{
	const CdcShapeColumn *shape = column->shape;
	bool		bytes = getBaseType(column->typid) == BYTEAOID;
	const char *text = bytes ? psprintf("convert_from(%s, 'UTF8')", name) : psprintf("(%s)::text", name);

	if ((checks & CDC_CHECK_CHARACTERS) != 0)
		add_condition(sql, psprintf("char_length(%s) > %u", text, shape->characters));
	if ((checks & CDC_CHECK_BYTES) != 0)
	{
		if (shape->bytes_each > 0)
			add_condition(sql, psprintf("char_length(%s)::bigint * %u > %u", text, shape->bytes_each,
										shape->bytes));
		else
			add_condition(sql, psprintf("octet_length(%s) > %u", bytes ? name :
										psprintf("convert_to(%s, 'UTF8')", text), shape->bytes));
	}
	if ((checks & CDC_CHECK_TRAILING) != 0)
		add_condition(sql, psprintf("\"right\"(%s, 1) = ' '", text));
	if ((checks & CDC_CHECK_ASCII) != 0)
		add_condition(sql, psprintf("octet_length(convert_to(%s, 'UTF8')) <> char_length(%s)", text, text));
	if ((checks & CDC_CHECK_MEMBERS) != 0)
	{
		if (OidIsValid(get_element_type(getBaseType(column->typid))))
			add_condition(sql, psprintf("NOT (%s <@ %s)", name, members_array(shape)));
		else
			add_condition(sql, psprintf("NOT (%s = '' OR %s = ANY (%s))", text, text, members_array(shape)));
	}
}

/*
 * Whether the column holds a form of the values that the new type has not, and stays as
 * it is: numbers and times as text.
 */
static bool
form_changes(const CdcEvolveColumn *column)
{
	static const char *const texts[] = {"char", "varchar", "tinytext", "text", "mediumtext",
	"longtext", "enum"};
	const char *types[2];
	bool		text[2] = {false, false};
	size_t		i;
	int			k;

	if (column->shape->retype == CDC_RETYPE_NONE)
		return false;
	if (cdc_type_fit(column->before, column->typid, column->typmod) < CDC_FIT_OR_ERROR)
		return true;
	if (column->type != NULL || !is_text(getBaseType(column->typid)))
		return false;
	types[0] = column->before->column_type;
	types[1] = column->after->column_type;
	for (k = 0; k < 2; k++)
		for (i = 0; i < lengthof(texts); i++)
			if (strcspn(types[k], "( ") == strlen(texts[i]) && begins(types[k], texts[i]))
				text[k] = true;
	return !(text[0] && text[1]);
}

/*
 * Whether NULL in the target may stand for a value of the source, which another type shows:
 * dates that PostgreSQL has not, JSON's null, a geometry of no bytes.
 */
static bool
null_may_be_a_value(const CdcEvolveColumn *column)
{
	const CdcColumnDef *before = column->before;
	char	   *base = pnstrdup(before->column_type, strcspn(before->column_type, "( "));
	bool		dated = begins(base, "date") || strcmp(base, "timestamp") == 0;

	if (column->shape->retype == CDC_RETYPE_NONE)
		return false;
	if (dated)
		return !begins(column->after->column_type, "date") &&
			!begins(column->after->column_type, "timestamp");
	if (before->json_check || strcmp(base, "json") == 0)
		return true;
	return cdc_is_geometry_type(base) && !cdc_is_geometry_type(column->after->column_type);
}

char *
cdc_evolve_doubt(const CdcEvolveColumn *column)
{
	const CdcShapeColumn *shape = column->shape;
	const char *name = quote_identifier(column->target);
	StringInfoData sql;
	unsigned	checks = shape->checks;

	initStringInfo(&sql);
	if ((checks & CDC_CHECK_NOT_NULL) != 0 || null_may_be_a_value(column))
		add_condition(&sql, psprintf("%s IS NULL", name));
	if (shape->retype == CDC_RETYPE_UNKNOWN || form_changes(column))
		add_condition(&sql, psprintf("%s IS NOT NULL", name));
	else
	{
		number_checks(&sql, column, name, checks);
		text_checks(&sql, column, name, checks);
		if ((checks & CDC_CHECK_ROUND_TRIP) != 0 && column->type != NULL)
			add_condition(&sql, psprintf("%s IS DISTINCT FROM %s",
										 cast_back(cdc_evolve_cast(name, column->typid, column->type),
												   column->typid, column->typmod), name));
		else if ((checks & CDC_CHECK_ROUND_TRIP) != 0)
			add_condition(&sql, psprintf("%s IS NOT NULL", name));
	}
	return sql.len > 0 ? sql.data : NULL;
}

char *
cdc_evolve_cut_dates(const CdcEvolveColumn *column)
{
	const char *type = column->before->column_type;

	if ((!begins(type, "date") && !begins(type, "timestamp")) || !is_text(getBaseType(column->typid)))
		return NULL;
	return psprintf("(%1$s)::text ~ '^....-(00-|..-00)' AND (%1$s)::text !~ '^0000-00-00'",
					quote_identifier(column->target));
}

/* A date that PostgreSQL has not. */
static bool
is_zero_date(const CdcColumnDef *def, const char *value)
{
	return (begins(def->column_type, "date") || begins(def->column_type, "timestamp")) &&
		(begins(value, "0000-") || strncmp(value + 4, "-00", 3) == 0 || strncmp(value + 7, "-00", 3) == 0);
}

static char *
zero_date_fill(const CdcEvolve *e, const CdcEvolveColumn *column, const char *type,
			   const char **reason)
{
	switch (e->out->sub->opt.zero_date)
	{
		case CDC_ZERO_DATE_NULL:
			return psprintf(column->after->pk < 0 ? "NULL::%s" : "'-infinity'::%s", type);
		case CDC_ZERO_DATE_INFINITY:
			return psprintf("'-infinity'::%s", type);
		default:
			*reason = "they have a date that PostgreSQL has not";
			return NULL;
	}
}

char *
cdc_evolve_fill(const CdcEvolve *e, const CdcEvolveColumn *column, const char *type,
				const char **reason)
{
	const CdcAddedColumn *added = column->shape->added;
	const char *literal;

	if (added == NULL || added->fill == CDC_FILL_UNKNOWN)
	{
		*reason = added != NULL && added->why != NULL ? added->why : "the statement was not followed";
		return e->empty ? psprintf("NULL::%s", type) : NULL;
	}
	if (added->fill == CDC_FILL_NULL)
		return psprintf("NULL::%s", type);
	if (is_zero_date(column->after, added->value))
		return zero_date_fill(e, column, type, reason);
	literal = quote_literal_cstr(added->value);
	if (strcmp(type, "boolean") == 0)
		return psprintf("(%s::integer)::boolean", literal);
	if (begins(type, "bit("))
		return psprintf("(lpad(%s, %d, '0'))::%s", literal, atoi(type + 4), type);
	if (begins(type, "bytea"))
		return psprintf("convert_to(%s, 'UTF8')", literal);
	if (begins(column->after->column_type, "set("))
		return psprintf("string_to_array(%s, ',')::%s", literal, type);
	return psprintf("%s::%s", literal, type);
}
