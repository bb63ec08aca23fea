/*-------------------------------------------------------------------------
 *
 * table.c
 *	  A foreign table over a Kafka topic: its options, and which part of a
 *	  message each of its columns is.
 *
 *	  A column is the part of a message that has its name, or the one that its
 *	  option metadata names.  With format 'json' all others are members of the
 *	  JSON object in the message's value.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/topic/table.h"

#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_fdw.h"
#include "pg/options/kafka_options.h"
#include "pg/options/option_table.h"
#include "pg/registry/codec.h"

/* Which types a field's column may have. */
static const struct
{
	Oid			types[6];
	const char *names;
}			field_types[] = {
	[CDC_KAFKA_TOPIC] = {{TEXTOID, VARCHAROID}, "text"},
	[CDC_KAFKA_PARTITION] = {{INT4OID, INT8OID}, "integer"},
	[CDC_KAFKA_OFFSET] = {{INT8OID}, "bigint"},
	[CDC_KAFKA_TS] = {{TIMESTAMPTZOID}, "timestamp with time zone"},
	[CDC_KAFKA_KEY] = {{TEXTOID, VARCHAROID, BYTEAOID, JSONOID, JSONBOID},
	"text, bytea, json, jsonb"},
	[CDC_KAFKA_VALUE] = {{TEXTOID, VARCHAROID, BYTEAOID, JSONOID, JSONBOID},
	"jsonb, json, text, bytea"},
	[CDC_KAFKA_HEADERS] = {{JSONBOID, JSONOID}, "jsonb, json"}
};

/* ERROR where the column's type cannot take the field. */
static void
check_type(const CdcKafkaColumn *column, const char *table)
{
	int			i;

	for (i = 0; i < lengthof(field_types[0].types); i++)
	{
		if (!OidIsValid(column->basetype) ||
			field_types[column->field].types[i] != column->basetype)
			continue;
		/* times have milliseconds; fewer digits would break conditions on them */
		if (column->field == CDC_KAFKA_TS && column->typmod >= 0 && column->typmod < 3)
			break;
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("column \"%s\" of foreign table \"%s\" has type %s, which cannot hold the %s of a Kafka message",
					column->name, table, format_type_with_typemod(column->typid, column->typmod),
					cdc_kafka_field_names[column->field]),
			 errhint("Valid types are: %s.", field_types[column->field].names)));
}

/* The path of a member: its options, or the column's name. */
static void
set_path(CdcKafkaColumn *column, const char *json_name, const char *json_path)
{
	if (json_path != NULL)
		column->npath = cdc_kafka_parse_json_path(json_path, &column->path);
	else
	{
		column->path = palloc(sizeof(char *));
		column->path[0] = json_name != NULL ? json_name : column->name;
		column->npath = 1;
	}
}

static void
read_column(CdcKafkaColumn *column, const CdcKafkaTable *table, Form_pg_attribute att)
{
	const char *metadata = NULL;
	const char *json_name = NULL;
	const char *json_path = NULL;
	ListCell   *lc;

	foreach(lc, GetForeignColumnOptions(table->relid, att->attnum))
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "metadata") == 0)
			metadata = defGetString(def);
		else if (strcmp(def->defname, "json_name") == 0)
			json_name = defGetString(def);
		else if (strcmp(def->defname, "json_path") == 0)
			json_path = defGetString(def);
	}
	column->attnum = att->attnum;
	column->name = pstrdup(NameStr(att->attname));
	column->typid = att->atttypid;
	column->typmod = att->atttypmod;
	column->basetype = getBaseTypeAndTypmod(att->atttypid, &column->typmod);
	if (json_name != NULL || json_path != NULL)
		column->field = CDC_KAFKA_MEMBER;
	else
		column->field = cdc_kafka_field_by_name(metadata != NULL ? metadata : column->name);

	if (column->field != CDC_KAFKA_MEMBER)
		check_type(column, table->name);
	else if (table->opt.format == CDC_KAFKA_FORMAT_JSON)
		set_path(column, json_name, json_path);
	else
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_COLUMN_NAME),
				 errmsg("column \"%s\" of foreign table \"%s\" is no part of a Kafka message",
						column->name, table->name),
				 errhint("Columns are topic, partition, offset, ts, key, value and headers; "
						 "one with another name has the column option metadata; "
						 "with the table's option format 'json' all others are members of the JSON value.")));
}

/*
 * A scan is bounded by what there is, so its fetches need not wait for more: a
 * broker that waits answers nothing else meanwhile.  What the table or its
 * server says comes before that.
 */
static List *
client_options(Oid serverid, List *options)
{
	List	   *server = OidIsValid(serverid) ? GetForeignServer(serverid)->options : NIL;

	if (cdc_kafka_property_value(server, "fetch.wait.max.ms") != NULL)
		return options;
	return lcons(CDC_MAKE_DEFELEM("fetch_wait_max_ms", (Node *) makeString("10")),
				 list_copy(options));
}

/* Those of the table's own among options of it and its client. */
static void
read_options(List *options, CdcKafkaTableOptions *opt)
{
	ListCell   *lc;

	memset(opt, 0, sizeof(*opt));
	cdc_option_set_defaults(SCOPE_KAFKA_TABLE, opt);
	foreach(lc, options)
	{
		DefElem    *def = lfirst(lc);

		(void) cdc_option_set(SCOPE_KAFKA_TABLE, def->defname, defGetString(def), opt);
	}
}

void
cdc_kafka_table_check_options(List *options)
{
	CdcKafkaTableOptions opt;

	read_options(options, &opt);
	cdc_codec_check(&opt.payload);
}

CdcKafkaTable *
cdc_kafka_table_make(Relation rel, Oid serverid, List *options)
{
	CdcKafkaTable *table = palloc0(sizeof(CdcKafkaTable));
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	table->relid = RelationGetRelid(rel);
	table->serverid = serverid;
	table->name = pstrdup(RelationGetRelationName(rel));
	table->options = client_options(serverid, options);
	read_options(options, &table->opt);

	table->columns = palloc0(sizeof(CdcKafkaColumn) * Max(desc->natts, 1));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			read_column(&table->columns[table->ncolumns++], table, att);
	}
	return table;
}

CdcKafkaTable *
cdc_kafka_table_open(Relation rel)
{
	ForeignTable *ft = GetForeignTable(RelationGetRelid(rel));

	return cdc_kafka_table_make(rel, ft->serverid, ft->options);
}

const char *
cdc_kafka_table_topic(const CdcKafkaTable *table)
{
	if (table->opt.topic == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("foreign table \"%s\" has no topic", table->name),
				 errhint("Set it with ALTER FOREIGN TABLE ... OPTIONS (ADD topic '...').")));
	return table->opt.topic;
}

const CdcKafkaColumn *
cdc_kafka_table_column(const CdcKafkaTable *table, AttrNumber attnum)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		if (table->columns[i].attnum == attnum)
			return &table->columns[i];
	}
	return NULL;
}
