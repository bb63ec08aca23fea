/*-------------------------------------------------------------------------
 *
 * event.c
 *	  An event of history: where it stands, and the images of its rows.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "envelope/doc_tree.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/base/compat_value.h"
#include "pg/history/event_images.h"
#include "pg/datum/jsonb_document.h"
#include "pg/datum/jsonb_writer.h"
#include "pg/mapping/envelope.h"
#include "pg/mapping/key_hint.h"
#include "pg/schema/schema.h"

/* More prefixes of positions than this one after the other are not kept. */
#define MAX_POSITION_FILES	256

/* ------------------------------------------------------------------------
 * Documents
 * ------------------------------------------------------------------------
 */

/*
 * Parses JSON text with each escaped NUL replaced; *replaced is the number of
 * them.
 */
static const JsonbContainer *
parse_without_nul(const char *text, size_t len, const char *replacement, int *replaced)
{
	char	   *buf = palloc(len + 1);
	char	   *out = buf;
	size_t		i = 0;
	Datum		jsonb;

	*replaced = 0;
	while (i < len)
	{
		if (text[i] != '\\' || i + 1 >= len)
			*out++ = text[i++];
		else if (text[i + 1] == 'u' && i + 6 <= len && memcmp(text + i + 2, "0000", 4) == 0)
		{
			const char *r;

			for (r = replacement; *r; r++)
				*out++ = *r;
			i += 6;
			(*replaced)++;
		}
		else
		{
			*out++ = text[i++];
			*out++ = text[i++];
		}
	}
	*out = '\0';
	jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(buf));
	return &DatumGetJsonbP(jsonb)->root;
}

const JsonbContainer *
cdc_event_without_nul(const char *text)
{
	char	   *converted = cdc_from_utf8_copy(text);
	int			replaced;

	return parse_without_nul(converted, strlen(converted), "", &replaced);
}

static void
refuse_nul_in(const CdcSubscription *sub, const JsonbContainer *stripped,
			  const JsonbContainer *marked, const char *source, const char *name)
{
	CdcJsonValue a;
	CdcJsonValue b;

	if (!cdc_json_find(stripped, source, strlen(source), &a) ||
		!cdc_json_find(marked, source, strlen(source), &b))
		return;
	if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("text of column \"%s\" contains the character NUL", name),
				 errdetail("PostgreSQL cannot store it in text or jsonb."),
				 errhint("To leave such characters out: SELECT cdc.alter_subscription(%s, '{\"nul_in_text\": \"strip\"}');",
						 quote_literal_cstr(sub->name))));
}

/*
 * ERROR when a column that fills the target, or its key where only that is wanted, differs between two readings of the same
 * image, one with NUL characters stripped and one with another character in their place.
 */
static void
refuse_nul(const CdcApply *apply, const CdcMapping *mapping,
		   const JsonbContainer *stripped, const JsonbContainer *marked)
{
	const CdcSubscription *sub = apply->sub;
	ListCell   *lc;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
		if (mapping->columns[c].by == CDC_BY_COLUMN && (!apply->key_only || mapping->columns[c].in_key))
			refuse_nul_in(sub, stripped, marked, mapping->columns[c].source,
						  mapping->columns[c].name);
	if (mapping->expressions == NULL)
		return;
	foreach(lc, mapping->expressions->inputs)
	{
		const CdcExpressionInput *input = lfirst(lc);

		if (input->fact == CDC_FACT_NONE)
			refuse_nul_in(sub, stripped, marked, input->name, input->name);
	}
}

/*
 * The event's document, from its original text where JSONB could not hold it; NULL:
 * there is none.  *marked becomes the same with another character in place of each
 * NUL where NULs are an error, so that the two tell which columns have some; else
 * NULL.
 */
static const JsonbContainer *
event_document(CdcApply *apply, const CdcHistoryEvent *event, const JsonbContainer **marked)
{
	const JsonbContainer *stripped;
	uint32_t	schema_id;
	size_t		skip;
	char	   *text;
	int			replaced;

	*marked = NULL;
	if (event->raw == NULL)
		return event->event;
	(void) cdc_payload_look((const uint8_t *) event->raw, event->raw_len, &schema_id, &skip);
	/* by its length, so that a byte of zero in it is an error */
	text = cdc_from_utf8(pnstrdup(event->raw + skip, event->raw_len - skip));
	stripped = parse_without_nul(text, strlen(text), "", &replaced);
	if (replaced > 0 && apply->sub->opt.nul_in_text == CDC_NUL_ERROR)
		*marked = parse_without_nul(text, strlen(text), "x", &replaced);
	return stripped;
}

/* ------------------------------------------------------------------------
 * Positions
 * ------------------------------------------------------------------------
 */

/*
 * Keeps the part of a position before its offset once, as it is the same for many
 * events; NULL where too many are kept.
 */
static const char *
intern_file(CdcApply *apply, const char *position, size_t len)
{
	MemoryContext old;
	ListCell   *lc;

	if (apply->last_file != NULL && apply->last_file_len == len &&
		memcmp(apply->last_file, position, len) == 0)
		return apply->last_file;
	apply->last_file = NULL;
	apply->last_file_len = len;
	foreach(lc, apply->files)
	{
		char	   *file = lfirst(lc);

		if (strlen(file) == len && memcmp(file, position, len) == 0)
			apply->last_file = file;
	}
	if (apply->last_file == NULL && list_length(apply->files) < MAX_POSITION_FILES)
	{
		old = MemoryContextSwitchTo(apply->work.cxt);
		apply->last_file = pnstrdup(position, len);
		apply->files = lappend(apply->files, apply->last_file);
		MemoryContextSwitchTo(old);
	}
	return apply->last_file;
}

/* Notes where the event stands. */
static void
note_place(CdcApply *apply, const CdcHistoryEvent *event)
{
	CdcPlace   *place = &apply->work.at.place;
	const char *position = event->position;
	size_t		len = event->position_len;
	size_t		digits = 0;
	int64		offset = 0;
	size_t		i;

	place->seq = event->seq;
	place->file = NULL;
	place->offset = -1;
	if (position == NULL)
		return;
	while (digits < len && digits < 18 && position[len - 1 - digits] >= '0' &&
		   position[len - 1 - digits] <= '9')
		digits++;
	len -= digits;
	for (i = 0; i < digits; i++)
		offset = offset * 10 + (position[len + i] - '0');
	place->file = intern_file(apply, position, len);
	if (digits > 0 && place->file != NULL)
		place->offset = offset;
}

/* ------------------------------------------------------------------------
 * Messages in other envelopes than Maxwell's
 * ------------------------------------------------------------------------
 *
 * Rows of Debezium, GoldenGate, Canal and Quix, and plain documents, are rewritten into Maxwell's
 * "data" and "old", one after the other.
 */

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
	/* whose tombstone it is pull has found out */
	if (reader->message.value == NULL && event->op == CDC_OP_DELETE)
		reader->message.rows_of = mapping->source_table;
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

/* ------------------------------------------------------------------------
 * Rows
 * ------------------------------------------------------------------------
 */

/* Whether the event has Maxwell's form, which is read in place. */
static inline bool
is_maxwell(const CdcApply *apply, const CdcHistoryEvent *event)
{
	return apply->format == CDC_FORMAT_MAXWELL && (event->event != NULL || event->raw != NULL);
}

/* Reads the envelope of a message; returns the number of rows. */
static int
read_envelope(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	if (apply->reader == NULL)
		apply->reader = cdc_envelope_reader_create(apply->sub, apply->work.cxt);
	return cdc_envelope_read_event(apply->reader, apply->format, source->mapping, event, "");
}

void
cdc_event_envelope(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcRowImage *image = &source->row.image;

	(void) read_envelope(apply, source, event);
	image->env = cdc_envelope_reader_envelope(apply->reader, &image->arena);
}

int
cdc_event_rows(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcRowImage *image = &source->row.image;
	int			nrows;

	image->env = NULL;
	if (is_maxwell(apply, event))
		return 1;
	nrows = read_envelope(apply, source, event);
	image->env = cdc_envelope_reader_envelope(apply->reader, &image->arena);
	return nrows;
}

/* Whether the images of Maxwell's event can be taken as they are. */
static bool
is_in_place(const CdcHistoryEvent *event, const JsonbContainer *data, const JsonbContainer *old)
{
	CdcDoc		data_doc;
	CdcDoc		old_doc;

	cdc_doc_from_jsonb(data, &data_doc);
	memset(&old_doc, 0, sizeof(old_doc));
	if (old != NULL)
		cdc_doc_from_jsonb(old, &old_doc);
	return cdc_maxwell_in_place((CdcOp) event->op, &data_doc, &old_doc);
}

/* The images of Maxwell's event, in place. */
static void
maxwell_images(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event,
			   const JsonbContainer **data, const JsonbContainer **old)
{
	const JsonbContainer *marked;
	const JsonbContainer *document = event_document(apply, event, &marked);
	const JsonbContainer *marked_data;
	const JsonbContainer *marked_old;

	*data = NULL;
	*old = NULL;
	apply->facts.document = document;
	if (cdc_json_is_object(document))
		cdc_event_find_images(document, data, old);
	if (*data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("event has no object \"data\"")));
	if (marked == NULL)
		return;
	cdc_event_find_images(marked, &marked_data, &marked_old);
	if (marked_data != NULL)
		refuse_nul(apply, source->mapping, *data, marked_data);
}

/* A member of Maxwell's event that lists names; NULL: it has none. */
static const JsonbContainer *
event_names(CdcApply *apply, const CdcHistoryEvent *event, const char *member)
{
	const JsonbContainer *marked;
	const JsonbContainer *document;
	CdcJsonValue v;

	if (!is_maxwell(apply, event))
		return NULL;
	document = event_document(apply, event, &marked);
	if (!cdc_json_is_object(document) || !cdc_json_find(document, member, strlen(member), &v) ||
		v.type != JENTRY_ISCONTAINER || !cdc_json_is_array(cdc_json_container(&v)))
		return NULL;
	return cdc_json_container(&v);
}

void
cdc_event_check_absent(CdcApply *apply, const CdcHistoryEvent *event, const JsonbContainer *data)
{
	const JsonbContainer *names = event_names(apply, event, "absent");
	int			n = names != NULL ? cdc_json_count(names) : 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		CdcJsonValue name;
		CdcJsonValue value;

		cdc_json_get(names, n, i, &name);
		if (name.type == JENTRY_ISSTRING && !cdc_json_find(data, name.data, name.len, &value))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("the source did not log what column \"%.*s\" of a row has", (int) name.len, name.data),
					 errdetail("The row is, or may be, a new one, whose statement did not name the column."),
					 errhint("Set binlog_row_image to FULL at the source, for its running sessions too, and copy the table anew with cdc.resync_table().")));
	}
}

char *
cdc_event_untold(CdcApply *apply, const CdcSourceRun *source, const CdcHistoryEvent *event)
{
	const CdcMapping *mapping = source->mapping;
	const JsonbContainer *names;
	int			n;
	int			i;

	/* the source's primary key is in each image before */
	if (!mapping->target->keyless && !mapping->key_chosen)
		return NULL;
	names = event_names(apply, event, "old_absent");
	n = names != NULL ? cdc_json_count(names) : 0;
	for (i = 0; i < n; i++)
	{
		CdcJsonValue name;

		cdc_json_get(names, n, i, &name);
		if (name.type == JENTRY_ISSTRING && (mapping->target->keyless || cdc_layout_key_reads(mapping, &name)))
			return pnstrdup(name.data, name.len);
	}
	return NULL;
}

/* ERROR where columns that fill the target have NULs, which are not to be stripped. */
static void
check_message_nul(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event, int row,
				  const JsonbContainer *data)
{
	CdcEnvelopeReader *other = cdc_envelope_reader_create(apply->sub, CurrentMemoryContext);
	const JsonbContainer *marked;
	const JsonbContainer *old;

	(void) cdc_envelope_read_event(other, apply->format, source->mapping, event, "x");
	(void) cdc_envelope_row(other, row, apply->key_only, &marked, &old);
	refuse_nul(apply, source->mapping, data, marked);
}

void
cdc_event_images(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event, int row,
				 const JsonbContainer **data, const JsonbContainer **old)
{
	/* what is none of the key's may be what the event fails for */
	if (is_maxwell(apply, event) && apply->key_only && event->raw != NULL && apply->sub->kind == CDC_SERVER_KAFKA)
		(void) read_envelope(apply, source, event);
	else if (is_maxwell(apply, event))
	{
		maxwell_images(apply, source, event, data, old);
		if (apply->sub->kind != CDC_SERVER_KAFKA || is_in_place(event, *data, *old))
			return;
		(void) read_envelope(apply, source, event);
	}
	if (cdc_envelope_row(apply->reader, row, apply->key_only, data, old) &&
		apply->sub->opt.nul_in_text == CDC_NUL_ERROR)
		check_message_nul(apply, source, event, row, *data);
}

void
cdc_event_facts(CdcApply *apply, const CdcHistoryEvent *event)
{
	CdcEventFacts *facts = &apply->facts;

	facts->seq = event->seq;
	facts->op = event->op;
	facts->commit = event->commit;
	facts->source_ts = event->source_ts;
	facts->position = event->position;
	facts->position_len = event->position_len;
	facts->gtid = event->gtid;
	facts->gtid_len = event->gtid_len;
	facts->document = event->event;
}

void
cdc_event_begin(CdcApply *apply, const CdcHistoryEvent *event)
{
	cdc_event_facts(apply, event);
	note_place(apply, event);
	apply->work.at.source_table = event->source_table;
	apply->work.at.source_table_len = event->source_table_len;
}
