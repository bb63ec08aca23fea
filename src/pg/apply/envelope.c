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

#include "utils/memutils.h"

#include "pg/base/error.h"
#include "pg/datum/jsonb_document.h"
#include "pg/datum/jsonb_writer.h"
#include "pg/schema/schema.h"
#include "pg/mapping/envelope.h"
#include "pg/mapping/key_hint.h"
#include "envelope/doc_tree.h"

/* Reads one message after the other; kept through a run of apply. */
struct CdcEnvelopeReader
{
	CdcArena   *arena;			/* reset with each message */
	CdcJsonbWriter *data;		/* the images of the row at hand */
	CdcJsonbWriter *old;
	CdcDoc		value;			/* of the message at hand, as key */
	CdcDoc		key;
	CdcMessage	message;
	CdcEnvelope env;
	const CdcSubscription *sub;
	CdcMapping *mapping;		/* whose columns give hints */
	bool		from_text;		/* the message at hand is none that JSONB holds */
};

CdcEnvelopeReader *
cdc_envelope_reader_create(const CdcSubscription *sub, MemoryContext cxt)
{
	CdcEnvelopeReader *reader = MemoryContextAllocZero(cxt, sizeof(CdcEnvelopeReader));

	reader->sub = sub;
	reader->arena = cdc_schema_arena(cxt);
	reader->data = cdc_jsonb_writer_create(cxt);
	reader->old = cdc_jsonb_writer_create(cxt);
	return reader;
}

CdcEnvelope *
cdc_envelope_reader_envelope(CdcEnvelopeReader *reader, CdcArena **arena)
{
	*arena = reader->arena;
	return &reader->env;
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------
 */

/*
 * The document of the message: the original text where JSONB could not hold it, so that
 * bytes of zero are still there.  false: there is none.
 */
static bool
read_document(CdcEnvelopeReader *reader, const CdcHistoryEvent *event)
{
	CdcError	err;
	uint32_t	schema_id;
	size_t		skip;

	reader->from_text = event->raw != NULL;
	if (reader->from_text)
	{
		(void) cdc_payload_look((const uint8_t *) event->raw, event->raw_len, &schema_id, &skip);
		CDC_CHECK(cdc_doc_parse(reader->arena, event->raw + skip, event->raw_len - skip,
								&reader->value, &err), &err, NULL);
	}
	else if (event->event != NULL)
		cdc_doc_from_jsonb(event->event, &reader->value);
	return reader->from_text || event->event != NULL;
}

int
cdc_envelope_read_event(CdcEnvelopeReader *reader, CdcMessageFormat format, CdcMapping *mapping,
						const CdcHistoryEvent *event, const char *nul)
{
	CdcError	err;

	cdc_arena_reset(reader->arena);
	cdc_jsonb_writer_nul(reader->data, nul);
	cdc_jsonb_writer_nul(reader->old, nul);
	memset(&reader->message, 0, sizeof(reader->message));
	reader->mapping = mapping;
	reader->message.topic = cdc_position_topic(event->position, event->position_len);
	if (read_document(reader, event))
		reader->message.value = &reader->value;
	if (event->key != NULL)
	{
		cdc_doc_from_jsonb(event->key, &reader->key);
		reader->message.key = &reader->key;
	}
	reader->message.key_columns = cdc_target_key_names(mapping, &reader->message.nkey_columns);
	CDC_CHECK(cdc_envelope_read(reader->arena, format, &reader->message, &reader->env, &err),
			  &err, NULL);
	return reader->env.nrows;
}

/* ERROR: an update of a row that can only be found by its former values lacks these. */
static void
check_former_values(CdcEnvelopeReader *reader)
{
	const CdcTarget *target = reader->mapping->target;
	CdcRowImage image = {.sub = reader->sub,.arena = reader->arena,.env = &reader->env};

	if (!target->keyless || reader->env.op != CDC_OP_UPDATE ||
		cdc_envelope_has_before(&reader->env))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("update of source table \"%s\" does not tell the row's former values",
					reader->mapping->source_table),
			 errdetail("The target %s has no key, so that rows are found by all their columns.",
					   target->name),
			 errhint("Have the messages carry the row before the change, or give the target its key: %s",
					 cdc_target_key_hint(reader->mapping, &image))));
}

bool
cdc_envelope_row(CdcEnvelopeReader *reader, int row, bool key_only,
				 const JsonbContainer **data, const JsonbContainer **old)
{
	const CdcEnvelope *env = &reader->env;
	CdcHints	hints = {cdc_target_hint, reader->mapping, key_only ? cdc_target_key_reads : NULL};
	CdcRowSinks sinks;
	CdcError	err;

	/* Maxwell's images mostly can be taken as they are; without "old" nothing has changed */
	if (env->format == CDC_FORMAT_MAXWELL && !reader->from_text && env->after.type == CDC_DOC_OBJECT &&
		cdc_maxwell_in_place(env->op, &env->after, &env->before))
	{
		*data = cdc_doc_jsonb(&env->after);
		*old = env->before.type == CDC_DOC_OBJECT ? cdc_doc_jsonb(&env->before) : NULL;
		return false;
	}
	check_former_values(reader);
	cdc_jsonb_writer_reset(reader->data);
	cdc_jsonb_writer_reset(reader->old);
	sinks.data = cdc_jsonb_writer_sink(reader->data);
	sinks.old = cdc_jsonb_writer_sink(reader->old);
	CDC_CHECK(cdc_envelope_images(reader->arena, &reader->env, row, &hints, &sinks, &err), &err,
			  NULL);
	*data = &cdc_jsonb_writer_finish(reader->data)->root;
	*old = &cdc_jsonb_writer_finish(reader->old)->root;
	return sinks.data->has_nul;
}
