/*-------------------------------------------------------------------------
 *
 * envelope.c
 *	  Events that are not Maxwell's: rows of messages in the envelopes of Debezium,
 *	  GoldenGate, Canal and Quix, and plain documents, rewritten into Maxwell's
 *	  "data" and "old" one row after the other.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/error.h"
#include "pg/datum/jsonb_document.h"
#include "pg/datum/jsonb_writer.h"
#include "pg/target/replica_table.h"
#include "pg/schema/schema.h"

/* A message that is being read; kept through a run of apply. */
struct CdcEnvelopeReader
{
	CdcArena   *arena;			/* reset with each message */
	CdcJsonbWriter *data;
	CdcJsonbWriter *old;
	CdcDoc		value;
	CdcDoc		key;
	CdcMessage	message;
	CdcEnvelope env;
	CdcTargetRun *run;			/* whose columns give hints */
};

CdcEnvelopeReader *
cdc_envelope_reader_create(MemoryContext cxt)
{
	CdcEnvelopeReader *reader = MemoryContextAllocZero(cxt, sizeof(CdcEnvelopeReader));

	reader->arena = cdc_schema_arena(cxt);
	reader->data = cdc_jsonb_writer_create(cxt);
	reader->old = cdc_jsonb_writer_create(cxt);
	return reader;
}

const CdcEnvelope *
cdc_envelope_reader_envelope(const CdcEnvelopeReader *reader)
{
	return &reader->env;
}

/* ------------------------------------------------------------------------
 * What a target's column expects
 * ------------------------------------------------------------------------
 */

void
cdc_column_hint(Oid typid, int32 typmod, CdcColumnHint *hint)
{
	Oid			base = getBaseTypeAndTypmod(typid, &typmod);

	memset(hint, 0, sizeof(*hint));
	hint->scale = -1;
	hint->fsp = -1;
	switch (base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			hint->kind = CDC_HINT_INTEGER;
			break;
		case NUMERICOID:
			hint->kind = CDC_HINT_DECIMAL;
			if (typmod >= 0)
			{
				/* as in convert.c: the scale is signed, 11 bits */
				hint->scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
				hint->precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
			}
			break;
		case FLOAT4OID:
		case FLOAT8OID:
			hint->kind = CDC_HINT_FLOAT;
			break;
		case BOOLOID:
			hint->kind = CDC_HINT_BOOLEAN;
			break;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			hint->kind = CDC_HINT_TEXT;
			break;
		case BYTEAOID:
			hint->kind = CDC_HINT_BYTES;
			break;
		case BITOID:
		case VARBITOID:
			hint->kind = CDC_HINT_BIT;
			break;
		case DATEOID:
			hint->kind = CDC_HINT_DATE;
			break;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			hint->kind = base == TIMESTAMPOID ? CDC_HINT_DATETIME : CDC_HINT_TIMESTAMP;
			hint->fsp = typmod;
			break;
		case TIMEOID:
		case TIMETZOID:
			hint->kind = CDC_HINT_TIME;
			hint->fsp = typmod;
			break;
		case INTERVALOID:
			hint->kind = CDC_HINT_TIME;
			hint->duration = true;
			if (typmod >= 0 && INTERVAL_PRECISION(typmod) != INTERVAL_FULL_PRECISION)
				hint->fsp = INTERVAL_PRECISION(typmod);
			break;
		case JSONOID:
		case JSONBOID:
			hint->kind = CDC_HINT_JSON;
			break;
		default:
			hint->kind = OidIsValid(get_element_type(base)) ? CDC_HINT_ARRAY : CDC_HINT_OTHER;
			break;
	}
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------
 */

int
cdc_envelope_read_event(CdcApply *apply, CdcEnvelopeReader *reader, CdcTargetRun *run,
						const CdcHistoryEvent *event, const JsonbContainer *document)
{
	CdcError	err;

	cdc_arena_reset(reader->arena);
	memset(&reader->message, 0, sizeof(reader->message));
	reader->run = run;
	reader->message.topic = cdc_position_topic(event->position, event->position_len);
	if (document != NULL)
	{
		cdc_doc_from_jsonb(document, &reader->value);
		reader->message.value = &reader->value;
	}
	if (event->key != NULL)
	{
		cdc_doc_from_jsonb(event->key, &reader->key);
		reader->message.key = &reader->key;
	}
	reader->message.key_columns = cdc_target_key_names(run->target, &reader->message.nkey_columns);
	CDC_CHECK(cdc_envelope_read(reader->arena, apply->format, &reader->message, &reader->env, &err),
			  &err, NULL);
	return reader->env.nrows;
}

/* An update of a row that can only be found by its former values, which are not told. */
static void
check_former_values(const CdcEnvelopeReader *reader, const CdcTarget *target)
{
	if (!target->keyless || reader->env.op != CDC_OP_UPDATE ||
		cdc_envelope_has_before(&reader->env))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("update of source table \"%s\" does not tell the row's former values",
					target->source_table),
			 errdetail("The target %s has no key, so that rows are found by all their columns.",
					   target->name),
			 errhint("Name key columns with cdc.add_table(..., key := ...), or have the messages carry the row before the change.")));
}

void
cdc_envelope_row(CdcApply *apply, CdcEnvelopeReader *reader, int row,
				 const JsonbContainer **data, const JsonbContainer **old)
{
	const CdcEnvelope *env = &reader->env;
	CdcError	err;

	/* Maxwell's mostly are as they have to be, but for tombstones; no "old": nothing has changed */
	if (env->format == CDC_FORMAT_MAXWELL && env->after.type == CDC_DOC_OBJECT &&
		cdc_maxwell_in_place(env->op, &env->after, &env->before))
	{
		*data = cdc_doc_jsonb(&env->after);
		*old = env->before.type == CDC_DOC_OBJECT ? cdc_doc_jsonb(&env->before) : NULL;
		return;
	}
	check_former_values(reader, reader->run->target);
	cdc_jsonb_writer_reset(reader->data);
	cdc_jsonb_writer_reset(reader->old);
	CDC_CHECK(cdc_envelope_images(reader->arena, &reader->env, row, cdc_target_hint,
								  reader->run->target,
								  cdc_jsonb_writer_sink(reader->data),
								  cdc_jsonb_writer_sink(reader->old), &err), &err, NULL);
	*data = &cdc_jsonb_writer_finish(reader->data)->root;
	*old = &cdc_jsonb_writer_finish(reader->old)->root;
}

/* ------------------------------------------------------------------------
 * What the message says of a column
 * ------------------------------------------------------------------------
 */

const char *
cdc_envelope_column_type(CdcEnvelopeReader *reader, const CdcSubscriptionOptions *opt,
						 const char *name)
{
	CdcEnvelopeColumn *columns;
	const char *reason;
	CdcColumn	column;
	CdcError	err;
	int			n;
	int			i;

	if (cdc_failed(cdc_envelope_columns(reader->arena, &reader->env, &columns, &n, &err)))
		return NULL;
	for (i = 0; i < n; i++)
		if (strcmp(cdc_replica_text(columns[i].name), name) == 0)
			break;
	if (i == n)
		return NULL;
	memset(&column, 0, sizeof(column));
	column.name = columns[i].name;
	column.column_type = columns[i].column_type;
	if (cdc_failed(cdc_column_type_parse(reader->arena, columns[i].column_type, &column, &err)))
		return NULL;
	return cdc_pg_type(&column, opt, &reason);
}
