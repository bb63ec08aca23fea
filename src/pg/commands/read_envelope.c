/*-------------------------------------------------------------------------
 *
 * read_envelope.c
 *	  cdc.read_envelope: what a message says, as pull and apply read it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/compat.h"
#include "pg/base/compat_value.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "envelope/envelope.h"
#include "pg/base/bounded_text.h"
#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/base/result_set.h"
#include "pg/base/utf8.h"
#include "pg/catalog/spi.h"
#include "pg/datum/jsonb_document.h"
#include "pg/datum/jsonb_writer.h"
#include "pg/schema/schema.h"

enum
{
	OUT_FORMAT,
	OUT_OP,
	OUT_SOURCE_TABLE,
	OUT_SOURCE_TS,
	OUT_GTID,
	OUT_XID,
	OUT_COMMIT,
	OUT_KEY_COLUMNS,
	OUT_ROW_NUMBER,
	OUT_DATA,
	OUT_OLD,
	NOUT
};

static char *
database_text(CdcString s)
{
	return cdc_from_utf8_copy(pnstrdup(s.data, s.len));
}

/* What is the same for all rows of a message. */
static void
put_message(const CdcEnvelope *env, Datum *values, bool *nulls)
{
	char	  **names;
	int			i;

	memset(nulls, true, sizeof(bool) * NOUT);
	values[OUT_FORMAT] = CStringGetTextDatum(cdc_format_name(env->format));
	values[OUT_OP] = CharGetDatum((char) env->op);
	nulls[OUT_FORMAT] = nulls[OUT_OP] = false;
	if (env->source_table != NULL)
	{
		values[OUT_SOURCE_TABLE] = CStringGetTextDatum(cdc_from_utf8_copy(env->source_table));
		nulls[OUT_SOURCE_TABLE] = false;
	}
	if (env->source_us != 0)
	{
		values[OUT_SOURCE_TS] = TimestampTzGetDatum(cdc_timestamptz_of_unix_us(env->source_us));
		nulls[OUT_SOURCE_TS] = false;
	}
	if (env->gtid.len > 0)
	{
		values[OUT_GTID] = CStringGetTextDatum(database_text(env->gtid));
		nulls[OUT_GTID] = false;
	}
	if (env->xid != 0)
	{
		values[OUT_XID] = DirectFunctionCall3(numeric_in,
											  CStringGetDatum(psprintf(UINT64_FORMAT, env->xid)),
											  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		nulls[OUT_XID] = false;
	}
	if (env->commit >= 0)
	{
		values[OUT_COMMIT] = BoolGetDatum(env->commit > 0);
		nulls[OUT_COMMIT] = false;
	}
	if (env->nkey > 0)
	{
		names = palloc(sizeof(char *) * env->nkey);
		for (i = 0; i < env->nkey; i++)
			names[i] = database_text(env->key[i]);
		values[OUT_KEY_COLUMNS] = cdc_text_array((const char *const *) names, env->nkey);
		nulls[OUT_KEY_COLUMNS] = false;
	}
}

static void
put_rows(CdcArena *arena, CdcEnvelope *env, Tuplestorestate *store, TupleDesc desc, Datum *values,
		 bool *nulls)
{
	CdcJsonbWriter *data = cdc_jsonb_writer_create(CurrentMemoryContext);
	CdcJsonbWriter *old = cdc_jsonb_writer_create(CurrentMemoryContext);
	CdcRowSinks sinks = {cdc_jsonb_writer_sink(data), cdc_jsonb_writer_sink(old)};
	CdcError	err;
	int			row;

	for (row = 0; row < env->nrows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		cdc_jsonb_writer_reset(data);
		cdc_jsonb_writer_reset(old);
		CDC_CHECK(cdc_envelope_images(arena, env, row, NULL, &sinks, &err), &err, NULL);
		values[OUT_ROW_NUMBER] = Int32GetDatum(row + 1);
		values[OUT_DATA] = JsonbPGetDatum(cdc_jsonb_writer_finish(data));
		values[OUT_OLD] = JsonbPGetDatum(cdc_jsonb_writer_finish(old));
		nulls[OUT_ROW_NUMBER] = nulls[OUT_DATA] = false;
		nulls[OUT_OLD] = JB_ROOT_COUNT((Jsonb *) DatumGetPointer(values[OUT_OLD])) == 0;
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(cdc_read_envelope);

Datum
cdc_read_envelope(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store;
	CdcMessageFormat format;
	CdcMessage	message;
	CdcEnvelope env;
	CdcArena   *arena;
	CdcDoc		value;
	CdcDoc		key;
	CdcError	err;
	char	   *name;
	char	   *topic;
	Datum		values[NOUT];
	bool		nulls[NOUT];
	CdcSourceTexts texts;

	if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("topic and format must not be null")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(3));
	if (!cdc_format_by_name(name, &format) || !cdc_format_is_json(format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid format \"%s\"", name),
				 errhint("Valid formats are: auto, maxwell, debezium, debezium_flat, goldengate, canal, quix, json.")));
	memset(&message, 0, sizeof(message));
	topic = text_to_cstring(PG_GETARG_TEXT_PP(2));
	message.topic.data = cdc_to_utf8(topic);
	message.topic.len = strlen(message.topic.data);
	if (!PG_ARGISNULL(0))
	{
		cdc_doc_from_jsonb(&PG_GETARG_JSONB_P(0)->root, &value);
		message.value = &value;
	}
	if (!PG_ARGISNULL(1))
	{
		cdc_doc_from_jsonb(&PG_GETARG_JSONB_P(1)->root, &key);
		message.key = &key;
	}
	arena = cdc_schema_arena(CurrentMemoryContext);
	cdc_source_texts_begin(&texts);
	CDC_CHECK(cdc_envelope_read(arena, format, &message, &env, &err), &err, NULL);
	store = cdc_result_set_begin(fcinfo, &desc);
	put_message(&env, values, nulls);
	if (env.nrows == 0)
		tuplestore_putvalues(store, desc, values, nulls);
	else
		put_rows(arena, &env, store, desc, values, nulls);
	cdc_source_texts_end(&texts);
	return (Datum) 0;
}
