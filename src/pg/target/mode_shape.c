/*-------------------------------------------------------------------------
 *
 * mode_shape.c
 *	  What the mode of a target asks of its table.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/mode_shape.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"

static const CdcModeColumn soft_delete_columns[] = {
	{"_cdc_deleted", "boolean NOT NULL DEFAULT false", BOOLOID, false, CDC_MODE_FILLS_DELETED},
	{"_cdc_seq", "bigint", INT8OID, false, CDC_MODE_FILLS_SEQ},
	{"_cdc_source_ts", "timestamp with time zone", TIMESTAMPTZOID, false, CDC_MODE_FILLS_SOURCE_TS},
};

static const CdcModeColumn append_columns[] = {
	{"_cdc_op", "text", TEXTOID, false, CDC_MODE_FILLS_OP},
	{"_cdc_seq", "bigint", INT8OID, true, CDC_MODE_FILLS_SEQ},
	{"_cdc_row", "integer", INT4OID, true, CDC_MODE_FILLS_ROW},
	{"_cdc_source_ts", "timestamp with time zone", TIMESTAMPTZOID, false, CDC_MODE_FILLS_SOURCE_TS},
};

static const CdcModeShape shapes[] = {
	{"replica", 0, NULL, false, false, NULL},
	{"soft_delete", lengthof(soft_delete_columns), soft_delete_columns, false, true, "NOT _cdc_deleted"},
	{"append", lengthof(append_columns), append_columns, true, true, NULL},
};

const CdcModeShape *
cdc_mode_shape(const char *mode)
{
	size_t		i;

	for (i = 0; mode != NULL && i < lengthof(shapes); i++)
		if (strcmp(shapes[i].name, mode) == 0)
			return &shapes[i];
	return &shapes[0];
}

const CdcModeColumn *
cdc_mode_column(const CdcModeShape *shape, const char *name)
{
	int			i;

	for (i = 0; i < shape->ncolumns; i++)
		if (strcmp(shape->columns[i].name, name) == 0)
			return &shape->columns[i];
	return NULL;
}

/* The column of that name; NULL: there is none that can be written. */
static Form_pg_attribute
find_attribute(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && !CDC_ATT_GENERATED(att) && strcmp(NameStr(att->attname), name) == 0)
			return att;
	}
	return NULL;
}

/* What is to be typed so that the table has all columns of the mode; "": it has. */
static char *
missing_columns(const CdcModeShape *shape, TupleDesc desc)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < shape->ncolumns; i++)
	{
		const CdcModeColumn *column = &shape->columns[i];
		Form_pg_attribute att = find_attribute(desc, column->name);

		if (att == NULL)
			appendStringInfo(&sql, "%sADD COLUMN %s %s", sql.len > 0 ? ", " : "", column->name, column->definition);
		else if (att->atttypid != column->typid)
			appendStringInfo(&sql, "%sDROP COLUMN %s, ADD COLUMN %s %s", sql.len > 0 ? ", " : "", column->name,
							 column->name, column->definition);
	}
	return sql.data;
}

/* What is to be typed so that rows of all events can be kept; "": they can. */
static char *
needless_constraints(const CdcModeShape *shape, TupleDesc desc)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; shape->own_key && i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && att->attnotnull && !CDC_ATT_GENERATED(att) &&
			cdc_mode_column(shape, NameStr(att->attname)) == NULL)
			appendStringInfo(&sql, "%sALTER COLUMN %s DROP NOT NULL", sql.len > 0 ? ", " : "",
							 quote_identifier(NameStr(att->attname)));
	}
	return sql.data;
}

void
cdc_mode_check_table(const CdcModeShape *shape, Relation rel, const char *target)
{
	TupleDesc	desc = RelationGetDescr(rel);
	char	   *missing;
	char	   *needless;

	if (shape->ncolumns == 0)
		return;
	missing = missing_columns(shape, desc);
	if (missing[0] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("target %s has not the columns of mode \"%s\"", target, shape->name),
				 errhint("ALTER TABLE %s %s;", target, missing)));
	needless = needless_constraints(shape, desc);
	if (needless[0] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("target %s has columns that cannot be null", target),
				 errdetail("In mode \"%s\" a row of TRUNCATE, or of a delete that tells only its key, has no other values.",
						   shape->name),
				 errhint("ALTER TABLE %s %s;", target, needless)));
}
