/*-------------------------------------------------------------------------
 *
 * formatter.c
 *	  FORMAT 'CUSTOM' (formatter = cdc.kafka_in): messages as rows, with the columns that
 *	  a foreign table has.
 *
 * A message that does not fit its columns is a bad row, of which SEGMENT REJECT LIMIT may
 * let some pass.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"

#if CDC_HAVE_EXTERNAL_PROTOCOLS

#include "access/htup_details.h"
#include "funcapi.h"
#include "nodes/value.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* uses what funcapi.h declares */
#include "access/formatter.h"

#include "pg/base/compat_fdw.h"
#include "pg/greenplum/frame.h"
#include "pg/greenplum/topic_url.h"
#include "pg/topic/row.h"

/* What the formatter keeps during a scan. */
typedef struct Formatting
{
	CdcKafkaTable *table;
	CdcKafkaRow *row;
	Datum	   *values;
	bool	   *nulls;
} Formatting;

/* In a memory context that lives as long as the scan. */
static Formatting *
begin_formatting(Relation rel)
{
	Formatting *formatting = palloc0(sizeof(Formatting));
	ExtTableEntry *ext = GetExtTableEntry(RelationGetRelid(rel));
	int			natts = RelationGetDescr(rel)->natts;
	Bitmapset  *all = NULL;
	CdcTopicUrl *url;
	int			i;

	if (ext->urilocations == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("formatter cdc.kafka_in reads from kafka:// only")));
	url = cdc_topic_url_read(strVal(linitial(ext->urilocations)));
	formatting->table = cdc_kafka_table_make(rel, cdc_topic_url_server(url), url->options);
	for (i = 0; i < formatting->table->ncolumns; i++)
		all = bms_add_member(all, formatting->table->columns[i].attnum);
	formatting->row = cdc_kafka_row_create(formatting->table, GetUserId(), all, natts);
	formatting->values = palloc(sizeof(Datum) * natts);
	formatting->nulls = palloc(sizeof(bool) * natts);
	return formatting;
}

PG_FUNCTION_INFO_V1(cdc_kafka_in);

/* cdc.kafka_in(): called by the server for the next row. */
Datum
cdc_kafka_in(PG_FUNCTION_ARGS)
{
	Formatting *formatting;
	CdcKafkaMessage msg;
	MemoryContext old;
	HeapTuple	tuple;
	char	   *data;
	size_t		size;

	if (!CALLED_AS_FORMATTER(fcinfo))
		elog(ERROR, "cdc.kafka_in was not called for an external table");
	FORMATTER_SET_BAD_ROW_DATA(fcinfo, NULL, 0);
	formatting = FORMATTER_GET_USER_CTX(fcinfo);
	if (formatting == NULL)
	{
		old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		formatting = begin_formatting(FORMATTER_GET_RELATION(fcinfo));
		MemoryContextSwitchTo(old);
		FORMATTER_SET_USER_CTX(fcinfo, formatting);
	}
	data = FORMATTER_GET_DATABUF(fcinfo) + FORMATTER_GET_DATACURSOR(fcinfo);
	size = cdc_frame_size(data, FORMATTER_GET_DATALEN(fcinfo) - FORMATTER_GET_DATACURSOR(fcinfo));
	if (size == 0)
		FORMATTER_RETURN_NOTIFICATION(fcinfo, FMT_NEED_MORE_DATA);

	/* from here on an error is one of this row, which the server passes over */
	FORMATTER_SET_BAD_ROW_DATA(fcinfo, data, (int) size);
	old = MemoryContextSwitchTo(FORMATTER_GET_PER_ROW_MEM_CTX(fcinfo));
	cdc_frame_read(data, &msg);
	msg.topic = formatting->table->opt.topic;
	cdc_kafka_row_fill(formatting->row, &msg, formatting->values, formatting->nulls);
	MemoryContextSwitchTo(old);
	tuple = heap_form_tuple(FORMATTER_GET_TUPDESC(fcinfo), formatting->values, formatting->nulls);
	FORMATTER_SET_DATACURSOR(fcinfo, FORMATTER_GET_DATACURSOR(fcinfo) + (int) size);
	FORMATTER_SET_TUPLE(fcinfo, tuple);
	FORMATTER_RETURN_TUPLE(tuple);
}

#endif							/* CDC_HAVE_EXTERNAL_PROTOCOLS */
