/*-------------------------------------------------------------------------
 *
 * modify.c
 *	  INSERT and COPY into foreign tables of cdc_kafka: a row becomes a message,
 *	  which waits in the outbox for the commit.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/modify.h"

#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/base/compat_executor.h"
#include "pg/base/compat_fdw.h"
#include "pg/base/compat_value.h"
#include "pg/base/epoch.h"
#include "pg/base/utf8.h"
#include "pg/fdw/headers.h"
#include "pg/fdw/member.h"
#include "pg/options/kafka_options.h"
#include "pg/remote/kafka_outbox.h"
#include "pg/topic/table.h"
#include "pg/options/option_table.h"

/* A column's output function, where its type has no way of its own. */
typedef struct Output
{
	FmgrInfo	function;
	bool		ready;
} Output;

typedef struct ModifyState
{
	CdcKafkaTable *table;
	CdcOutlet  *outlet;
	Output	   *outputs;		/* one a column of the table */
	CdcMemberWriter *members;	/* format json: makes the value; else NULL */
	MemoryContext row;			/* reset after each */
} ModifyState;

/*
 * Parts of a message
 */

/* Key and value: bytea as it is, all else as text. */
static const char *
payload(const CdcKafkaColumn *column, Datum datum, size_t *len)
{
	struct varlena *v;
	char	   *text;

	if (column->basetype == JSONBOID)
	{
		Jsonb	   *jb = DatumGetJsonbP(datum);

		text = JsonbToCString(NULL, &jb->root, VARSIZE(jb));
		*len = strlen(text);
		return cdc_to_utf8_n(text, len);
	}
	v = PG_DETOAST_DATUM_PACKED(datum);
	*len = VARSIZE_ANY_EXHDR(v);
	if (column->basetype == BYTEAOID)
		return VARDATA_ANY(v);
	return cdc_to_utf8_n(VARDATA_ANY(v), len);
}

static int32
partition_number(const CdcKafkaColumn *column, Datum datum)
{
	int64		n = column->basetype == INT8OID ? DatumGetInt64(datum) : DatumGetInt32(datum);

	if (n < 0 || n > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("partition " INT64_FORMAT " is out of range", n),
				 errhint("Leave the column \"%s\" out to have a message go to the partition of its key.",
						 column->name)));
	return (int32) n;
}

/* Kafka's time: milliseconds since 1970, none before that. */
static int64
time_ms(const CdcKafkaColumn *column, Datum datum)
{
	TimestampTz ts = DatumGetTimestampTz(datum);
	int64		ms;

	if (TIMESTAMP_NOT_FINITE(ts))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("a Kafka message cannot have an infinite time (column \"%s\")", column->name)));
	ms = cdc_unix_ms(ts);
	if (ms < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("a Kafka message cannot have a time before 1970 (column \"%s\")", column->name)));
	return ms;
}

static const char *
topic_name(Datum datum)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(datum);
	size_t		len = VARSIZE_ANY_EXHDR(v);
	const char *utf8;

	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a topic's name cannot be empty")));
	utf8 = cdc_to_utf8_n(VARDATA_ANY(v), &len);
	return pnstrdup(utf8, len);
}

/* One column that is not NULL. */
static void
set_field(ModifyState *state, const CdcKafkaColumn *column, Datum datum, CdcOutMessage *m)
{
	switch (column->field)
	{
		case CDC_KAFKA_TOPIC:
			m->topic = topic_name(datum);
			break;
		case CDC_KAFKA_PARTITION:
			m->partition = partition_number(column, datum);
			break;
		case CDC_KAFKA_OFFSET:
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_COLUMN_NAME),
					 errmsg("the offset of a message is given by Kafka"),
					 errhint("Leave the column \"%s\" out.", column->name)));
			break;
		case CDC_KAFKA_TS:
			m->ts_ms = time_ms(column, datum);
			break;
		case CDC_KAFKA_KEY:
			m->key = payload(column, datum, &m->key_len);
			break;
		case CDC_KAFKA_VALUE:
			m->value = payload(column, datum, &m->value_len);
			break;
		case CDC_KAFKA_HEADERS:
			m->headers = cdc_kafka_headers_from_json(datum, column->basetype, &m->nheaders);
			break;
		case CDC_KAFKA_MEMBER:
			break;
	}
}

/*
 * ERROR: a row has a value and members of one, of which the message could have only one
 * or the other.
 */
static void
check_one_value(const CdcKafkaTable *table, const bool *isnull)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcKafkaColumn *column = &table->columns[i];

		if (column->field == CDC_KAFKA_MEMBER && !isnull[column->attnum - 1])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a row for foreign table \"%s\" has a whole value and member \"%s\" of one",
							table->name, column->name),
					 errdetail("The message is either the value or the object of the members."),
					 errhint("Leave out the column of the value, or all columns of members.")));
	}
}

/*
 * ERROR where a column would have to be encoded by a schema: what readers took for a
 * message of it would be none.  Columns of type bytea are sent as they are.
 */
static void
check_formats(const CdcKafkaTable *table)
{
	const CdcPayloadOptions *opt = &table->opt.payload;
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcKafkaColumn *column = &table->columns[i];
		bool		key = column->field == CDC_KAFKA_KEY;

		if (column->basetype == BYTEAOID && column->field != CDC_KAFKA_MEMBER)
			continue;
		if ((key && opt->key_format != CDC_PAYLOAD_PLAIN) ||
			((column->field == CDC_KAFKA_VALUE || column->field == CDC_KAFKA_MEMBER) &&
			 opt->value_format != CDC_PAYLOAD_PLAIN))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot write messages with %s '%s' into foreign table \"%s\"",
							key ? "key_format" : "value_format",
							cdc_option_word(SCOPE_KAFKA_TABLE, "value_format",
											key ? opt->key_format : opt->value_format), table->name),
					 errhint("Such tables are for reading.  Messages that are encoded already are written with columns of type bytea.")));
	}
}

/*
 * The table's options that are of its client: tables that set the same ones
 * share a producer.
 */
static List *
producer_options(const CdcKafkaTable *table)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, table->options)
	{
		DefElem    *def = lfirst(lc);

		if (cdc_option_set(SCOPE_KAFKA_OVERRIDE, def->defname, defGetString(def), NULL) ||
			cdc_kafka_property_use(cdc_kafka_property_name(def->defname), NULL) != CDC_KAFKA_UNKNOWN)
			result = lappend(result, def);
	}
	return result;
}

/*
 * The callbacks
 */

static ModifyState *
modify_state(EState *estate, ResultRelInfo *rri)
{
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	Relation	rel = rri->ri_RelationDesc;
	ModifyState *state = palloc0(sizeof(ModifyState));

	state->table = cdc_kafka_table_open(rel);
	check_formats(state->table);
	state->outlet = cdc_outbox_outlet(state->table->serverid, CDC_RESULT_REL_USER(rri, estate),
									  producer_options(state->table));
	if (state->table->opt.format == CDC_KAFKA_FORMAT_JSON)
		state->members = cdc_member_writer(state->table);
	state->row = AllocSetContextCreate(estate->es_query_cxt, "cdc_ingest Kafka row",
									   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old);
	return state;
}

static void
begin_foreign_modify(ModifyTableState *mtstate, ResultRelInfo *rri, List *fdw_private,
					 int subplan_index, int eflags)
{
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	rri->ri_FdwState = modify_state(mtstate->ps.state, rri);
}

static TupleTableSlot *
exec_foreign_insert(EState *estate, ResultRelInfo *rri, TupleTableSlot *slot,
					TupleTableSlot *planslot)
{
	ModifyState *state = rri->ri_FdwState;
	MemoryContext old = MemoryContextSwitchTo(state->row);
	CdcOutMessage m;
	Datum	   *values;
	bool	   *isnull;
	int			i;

	memset(&m, 0, sizeof(m));
	m.partition = -1;
	m.ts_ms = -1;
	m.topic = state->table->opt.topic;

	slot_getallattrs(slot);
	values = CDC_SLOT_VALUES(slot);
	isnull = CDC_SLOT_ISNULL(slot);
	for (i = 0; i < state->table->ncolumns; i++)
	{
		const CdcKafkaColumn *column = &state->table->columns[i];

		if (!isnull[column->attnum - 1])
			set_field(state, column, values[column->attnum - 1], &m);
	}
	if (state->members != NULL && m.value != NULL)
		check_one_value(state->table, isnull);
	if (state->members != NULL && m.value == NULL)
		m.value = cdc_member_write(state->members, values, isnull, &m.value_len);
	if (m.topic == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("no topic for a row of foreign table \"%s\"", state->table->name),
				 errhint("Set the table's option topic, or give a topic with each row.")));
	cdc_outbox_append(state->outlet, &m);

	MemoryContextSwitchTo(old);
	MemoryContextReset(state->row);
	return slot;
}

static void
end_foreign_modify(EState *estate, ResultRelInfo *rri)
{
	ModifyState *state = rri->ri_FdwState;

	if (state != NULL)
		MemoryContextDelete(state->row);
	rri->ri_FdwState = NULL;
}

#if CDC_HAVE_FOREIGN_COPY
/* COPY, and rows that a partitioned table routes here. */
static void
begin_foreign_insert(ModifyTableState *mtstate, ResultRelInfo *rri)
{
	rri->ri_FdwState = modify_state(mtstate->ps.state, rri);
}
#endif

/* A topic is only added to. */
static int
is_foreign_rel_updatable(Relation rel)
{
	return 1 << CMD_INSERT;
}

#if CDC_HAVE_DISTRIBUTION
/* The planner wants columns that name a row before the executor would refuse the statement. */
static void
refuse_change(Query *parse, RangeTblEntry *target, Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 parse->commandType == CMD_DELETE ?
			 errmsg("cannot delete from foreign table \"%s\"", RelationGetRelationName(rel)) :
			 errmsg("cannot update foreign table \"%s\"", RelationGetRelationName(rel)),
			 errdetail("A topic is only added to.")));
}
#endif

static void
explain_foreign_modify(ModifyTableState *mtstate, ResultRelInfo *rri, List *fdw_private,
					   int subplan_index, ExplainState *es)
{
	CdcKafkaTable *table = cdc_kafka_table_open(rri->ri_RelationDesc);

	ExplainPropertyText("Kafka Topic", table->opt.topic != NULL ?
						cdc_from_utf8(table->opt.topic) :
						"of each row", es);
}

void
cdc_kafka_modify_init(FdwRoutine *routine)
{
	routine->BeginForeignModify = begin_foreign_modify;
	routine->ExecForeignInsert = exec_foreign_insert;
	routine->EndForeignModify = end_foreign_modify;
	routine->IsForeignRelUpdatable = is_foreign_rel_updatable;
#if CDC_HAVE_DISTRIBUTION
	routine->AddForeignUpdateTargets = refuse_change;
#endif
	routine->ExplainForeignModify = explain_foreign_modify;
#if CDC_HAVE_FOREIGN_COPY
	routine->BeginForeignInsert = begin_foreign_insert;
	routine->EndForeignInsert = end_foreign_modify;
#endif
}
