/*-------------------------------------------------------------------------
 *
 * mode_shape.c
 *	  What the mode of a target asks of its table.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/mode_shape.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/relcache.h"

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

const char *
cdc_mode_of_subscription(const CdcSubscription *sub)
{
	switch (sub->opt.target_mode)
	{
		case CDC_TARGET_SOFT_DELETE:
			return "soft_delete";
		case CDC_TARGET_APPEND:
			return "append";
		case CDC_TARGET_REPLICA:
			break;
	}
	return "replica";
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

/* Appends an action of ALTER TABLE. */
static void
add_action(StringInfo sql, const char *action)
{
	appendStringInfo(sql, "%s%s", sql->len > 0 ? ", " : "", action);
}

/* Columns of the mode that the table has not, or of another type. */
static void
add_missing_columns(StringInfo sql, const CdcModeShape *shape, TupleDesc desc)
{
	int			i;

	for (i = 0; i < shape->ncolumns; i++)
	{
		const CdcModeColumn *column = &shape->columns[i];
		Form_pg_attribute att = find_attribute(desc, column->name);

		if (att != NULL && att->atttypid != column->typid)
			add_action(sql, psprintf("DROP COLUMN %s", column->name));
		if (att == NULL || att->atttypid != column->typid)
			add_action(sql, psprintf("ADD COLUMN %s %s", column->name, column->definition));
	}
}

/* A primary key that has columns which are none of the mode's. */
static void
add_other_key(StringInfo sql, const CdcModeShape *shape, Relation rel)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		bool		other = false;
		int			i;

		for (i = 0; index->rd_index->indisprimary && i < CDC_INDEX_NKEYATTS(index->rd_index); i++)
		{
			Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), index->rd_index->indkey.values[i] - 1);

			other = other || cdc_mode_column(shape, NameStr(att->attname)) == NULL;
		}
		if (other)
			add_action(sql, psprintf("DROP CONSTRAINT %s", quote_identifier(RelationGetRelationName(index))));
		index_close(index, AccessShareLock);
	}
}

/* Columns that rows of some events would have to have a value for. */
static void
add_not_null(StringInfo sql, const CdcModeShape *shape, TupleDesc desc)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && att->attnotnull && !CDC_ATT_GENERATED(att) &&
			cdc_mode_column(shape, NameStr(att->attname)) == NULL)
			add_action(sql, psprintf("ALTER COLUMN %s DROP NOT NULL", quote_identifier(NameStr(att->attname))));
	}
}

void
cdc_mode_check_table(const CdcModeShape *shape, Relation rel, const char *target)
{
	StringInfoData sql;

	if (shape->ncolumns == 0)
		return;
	initStringInfo(&sql);
	add_missing_columns(&sql, shape, RelationGetDescr(rel));
	if (shape->own_key)
	{
		add_other_key(&sql, shape, rel);
		add_not_null(&sql, shape, RelationGetDescr(rel));
	}
	if (sql.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("target %s has not the columns of mode \"%s\"", target, shape->name),
				 shape->own_key ?
				 errdetail("The mode has columns and a key of its own; and a row of TRUNCATE, or of a delete that tells only its key, has no values.") :
				 errdetail("The mode fills columns of its own."),
				 errhint("ALTER TABLE %s %s;", target, sql.data)));
	pfree(sql.data);
}
