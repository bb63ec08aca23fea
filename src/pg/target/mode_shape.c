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
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/position.h"
#include "pg/catalog/spi.h"

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

/* Rows that were there before, in another mode, are versions of which nobody knows when they began. */
static const CdcModeColumn scd2_columns[] = {
	{"_cdc_valid_from", "timestamp with time zone NOT NULL DEFAULT '-infinity'", TIMESTAMPTZOID, false, CDC_MODE_FILLS_VALID_FROM},
	{"_cdc_valid_to", "timestamp with time zone", TIMESTAMPTZOID, false, CDC_MODE_FILLS_VALID_TO},
	{"_cdc_current", "boolean NOT NULL DEFAULT true", BOOLOID, false, CDC_MODE_FILLS_CURRENT},
	{"_cdc_op", "text", TEXTOID, false, CDC_MODE_FILLS_OP},
	{"_cdc_seq", "bigint NOT NULL DEFAULT 0", INT8OID, true, CDC_MODE_FILLS_SEQ},
	{"_cdc_end_op", "text", TEXTOID, false, CDC_MODE_FILLS_END_OP},
	{"_cdc_end_seq", "bigint", INT8OID, false, CDC_MODE_FILLS_END_SEQ},
};

static const CdcModeShape shapes[] = {
	{"replica", 0, NULL, false, false, false, NULL},
	{"soft_delete", lengthof(soft_delete_columns), soft_delete_columns, false, false, true, "NOT _cdc_deleted"},
	{"append", lengthof(append_columns), append_columns, true, false, true, NULL},
	{"scd2", lengthof(scd2_columns), scd2_columns, false, true, true, "_cdc_current"},
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
		case CDC_TARGET_SCD2:
			return "scd2";
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

List *
cdc_mode_key(const CdcModeShape *shape)
{
	List	   *key = NIL;
	int			i;

	for (i = 0; i < shape->ncolumns; i++)
		if (shape->columns[i].in_key)
			key = lappend(key, (char *) shape->columns[i].name);
	return key;
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

/* A primary key by which a row has one version only; it gets the mode's columns, too. */
static void
add_versions_to_key(StringInfo sql, const CdcModeShape *shape, Relation rel)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		StringInfoData key;
		bool		versions = false;
		int			i;

		initStringInfo(&key);
		for (i = 0; index->rd_index->indisprimary && i < CDC_INDEX_NKEYATTS(index->rd_index); i++)
		{
			Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), index->rd_index->indkey.values[i] - 1);

			versions = versions || cdc_mode_column(shape, NameStr(att->attname)) != NULL;
			appendStringInfo(&key, "%s, ", quote_identifier(NameStr(att->attname)));
		}
		if (index->rd_index->indisprimary && !versions)
		{
			add_action(sql, psprintf("DROP CONSTRAINT %s", quote_identifier(RelationGetRelationName(index))));
			add_action(sql, psprintf("ADD PRIMARY KEY (%s%s)", key.data, (char *) linitial(cdc_mode_key(shape))));
		}
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
	if (shape->versions)
		add_versions_to_key(&sql, shape, rel);
	if (sql.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("target %s has not the columns of mode \"%s\"", target, shape->name),
				 shape->own_key ?
				 errdetail("The mode has columns and a key of its own; and a row of TRUNCATE, or of a delete that tells only its key, has no values.") :
				 shape->versions ?
				 errdetail("The mode fills columns of its own, and has several rows of one key.") :
				 errdetail("The mode fills columns of its own."),
				 errhint("ALTER TABLE %s %s;", target, sql.data)));
	pfree(sql.data);
}

/* The last number of the history, which has none from somewhere else where pull has written them. */
static int64
last_number(const CdcSubscription *sub, int64 written)
{
	bool		isnull;
	int64		last = 0;
	char	   *history = quote_qualified_identifier(get_namespace_name(get_rel_namespace(sub->history)),
													 get_rel_name(sub->history));

	if (SPI_execute(psprintf("SELECT pg_catalog.max(seq) FROM %s", history), false, 1) == SPI_OK_SELECT && SPI_processed == 1)
	{
		last = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		if (isnull)
			last = 0;
	}
	return Max(last, written);
}

void
cdc_mode_check_numbers(const CdcModeShape *shape, const CdcSubscription *sub, const char *target,
					   const char *own_rows)
{
	int64		last;
	int64		first = 0;
	bool		isnull;
	int64		ours = 0;
	CdcPosition pos;

	if (!shape->versions)
		return;
	cdc_position_get(sub, &pos);
	cdc_spi_connect();
	if (SPI_execute(psprintf("SELECT pg_catalog.max(GREATEST(_cdc_seq, _cdc_end_seq)), pg_catalog.min(_cdc_seq) FROM %s WHERE %s",
							 target, own_rows != NULL ? own_rows : "true"), false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read target %s", target);
	last = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if (isnull)
		last = 0;
	else
		first = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	if (last > 0)
		ours = last_number(sub, pos.last_seq);
	cdc_spi_disconnect();
	if (last > ours)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("target %s has versions with numbers of another history", target),
				 errdetail("Events are numbered up to " INT64_FORMAT " in that of subscription \"%s\", and versions up to " INT64_FORMAT ": what comes would be taken for older.",
						   ours, sub->name, last),
				 errhint("UPDATE %s SET _cdc_seq = _cdc_seq - " INT64_FORMAT ", _cdc_end_seq = _cdc_end_seq - " INT64_FORMAT "%s%s; makes them the ones of before.",
						 target, last - first + 1, last - first + 1, own_rows != NULL ? " WHERE " : "",
						 own_rows != NULL ? own_rows : "")));
}
