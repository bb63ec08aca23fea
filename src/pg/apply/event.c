/*-------------------------------------------------------------------------
 *
 * event.c
 *	  An event of history: what it does, and to which target.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/datum/jsonb_document.h"

/* More prefixes of positions than this one after the other are not kept. */
#define MAX_POSITION_FILES	256

/* ------------------------------------------------------------------------
 * Documents
 * ------------------------------------------------------------------------
 */

/* The parts of Maxwell's event that apply needs; both may be NULL. */
static void
event_parts(const JsonbContainer *event, const JsonbContainer **data,
			const JsonbContainer **old)
{
	int			n = cdc_json_count(event);
	const char *base = cdc_json_base(event, 2 * n);
	uint32		offset = 0;
	int			i;

	*data = NULL;
	*old = NULL;
	/* keys are sorted by length first: "old" and "data" are near the start */
	for (i = 0; i < n; i++)
	{
		CdcJsonValue key;
		CdcJsonValue v;
		const JsonbContainer **part;

		cdc_json_step(event, base, i, &offset, &key);
		if (key.len > 4)
			break;
		if (key.len == 3 && memcmp(key.data, "old", 3) == 0)
			part = old;
		else if (key.len == 4 && memcmp(key.data, "data", 4) == 0)
			part = data;
		else
			continue;
		cdc_json_get(event, 2 * n, n + i, &v);
		if (v.type == JENTRY_ISCONTAINER && cdc_json_is_object(cdc_json_container(&v)))
			*part = cdc_json_container(&v);
	}
}

/*
 * Parses JSON text with each escaped NUL replaced; *replaced tells how many
 * there were.
 */
static const JsonbContainer *
parse_raw(const char *text, size_t len, const char *replacement, int *replaced)
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

/* ERROR when a column that the target has differs: it holds NUL characters. */
static void
refuse_nul(CdcTargetRun *run, const JsonbContainer *stripped, const JsonbContainer *marked)
{
	const CdcTarget *target = run->target;
	int			c;

	for (c = 0; c < target->ncolumns; c++)
	{
		const CdcTargetColumn *col = &target->columns[c];
		CdcJsonValue a;
		CdcJsonValue b;

		if (!cdc_json_find(stripped, col->source, col->source_len, &a) ||
			!cdc_json_find(marked, col->source, col->source_len, &b))
			continue;
		if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
					 errmsg("text of column \"%s\" contains the character NUL", col->name),
					 errdetail("PostgreSQL cannot store it in text or jsonb."),
					 errhint("Set the subscription's option \"nul_in_text\" to \"strip\", or map the column to another one.")));
	}
}

/*
 * The event, from its original text where JSONB could not hold it; NULL: there is
 * none.  *marked: the same with something in place of each NUL, where NULs are not to
 * be stripped; or NULL.
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
	text = pg_any_to_server(pnstrdup(event->raw + skip, event->raw_len - skip),
							event->raw_len - skip, PG_UTF8);
	stripped = parse_raw(text, strlen(text), "", &replaced);
	if (replaced > 0 && apply->sub->opt.nul_in_text == CDC_NUL_ERROR)
		*marked = parse_raw(text, strlen(text), "x", &replaced);
	return stripped;
}

/* ------------------------------------------------------------------------
 * Positions
 * ------------------------------------------------------------------------
 */

/*
 * Notes where the event stands.  A position ends in an offset; what is before
 * it is the same for many events and kept once.
 */
static void
note_place(CdcApply *apply, const CdcHistoryEvent *event)
{
	const char *position = event->position;
	size_t		len = event->position_len;
	size_t		digits = 0;
	int64		offset = 0;
	size_t		i;
	ListCell   *lc;

	apply->place.seq = event->seq;
	apply->place.file = NULL;
	apply->place.offset = -1;
	if (position == NULL)
		return;
	while (digits < len && digits < 18 && position[len - 1 - digits] >= '0' &&
		   position[len - 1 - digits] <= '9')
		digits++;
	len -= digits;
	for (i = 0; i < digits; i++)
		offset = offset * 10 + (position[len + i] - '0');
	if (digits > 0)
		apply->place.offset = offset;
	if (apply->last_file == NULL || apply->last_file_len != len ||
		memcmp(apply->last_file, position, len) != 0)
	{
		MemoryContext old;

		apply->last_file = NULL;
		foreach(lc, apply->files)
		{
			char	   *file = lfirst(lc);

			if (strlen(file) == len && memcmp(file, position, len) == 0)
				apply->last_file = file;
		}
		apply->last_file_len = len;
		if (apply->last_file == NULL && list_length(apply->files) < MAX_POSITION_FILES)
		{
			old = MemoryContextSwitchTo(apply->cxt);
			apply->last_file = pnstrdup(position, len);
			apply->files = lappend(apply->files, apply->last_file);
			MemoryContextSwitchTo(old);
		}
	}
	apply->place.file = apply->last_file;
	if (apply->last_file == NULL)
		apply->place.offset = -1;
}

/* ------------------------------------------------------------------------
 * Truncate
 * ------------------------------------------------------------------------
 */

static bool
referenced_by_foreign_key(Relation rel)
{
	int			i;

	if (rel->trigdesc == NULL)
		return false;
	for (i = 0; i < rel->trigdesc->numtriggers; i++)
		if (RI_FKey_trigger_type(rel->trigdesc->triggers[i].tgfoid) == RI_TRIGGER_PK)
			return true;
	return false;
}

void
cdc_apply_truncate(CdcApply *apply, CdcTargetRun *run)
{
	CdcTarget  *target = run->target;
	Relation	rel = table_open(target->relid, NoLock);
	char		kind = rel->rd_rel->relkind;
	bool		truncate;
	char	   *sql;

	truncate = (kind == RELKIND_RELATION || kind == CDC_RELKIND_PARTITIONED) &&
		!referenced_by_foreign_key(rel) &&
		pg_class_aclcheck(target->relid, GetUserId(), ACL_TRUNCATE) == ACLCHECK_OK;
	table_close(rel, NoLock);
	if (!truncate)
		sql = psprintf("DELETE FROM %s", target->name);
	else
		sql = psprintf("TRUNCATE TABLE %s%s", CDC_TRUNCATE_SCOPE(kind),
					   target->name);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(sql, false, 0) < 0)
		elog(ERROR, "SPI_execute failed: %s", sql);
	SPI_finish();
}

static void
apply_truncate(CdcApply *apply, CdcTargetRun *run)
{
	/* what was before goes with it */
	cdc_reduce_discard(apply, run);

	/* TRUNCATE wants the relation for itself */
	if (run->backend != NULL)
		run->target->backend->close(apply, run);
	run->target->backend->truncate(apply, run);
}

/* ------------------------------------------------------------------------
 * Dispatch
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
read_envelope(CdcApply *apply, CdcTargetRun *run, const CdcHistoryEvent *event)
{
	const JsonbContainer *marked;

	if (apply->reader == NULL)
		apply->reader = cdc_envelope_reader_create(apply->cxt);
	return cdc_envelope_read_event(apply, apply->reader, run, event,
								   event_document(apply, event, &marked));
}

int
cdc_event_rows(CdcApply *apply, CdcTargetRun *run, const CdcHistoryEvent *event)
{
	int			nrows;

	run->target->reader = NULL;
	if (is_maxwell(apply, event))
		return 1;
	nrows = read_envelope(apply, run, event);
	run->target->reader = apply->reader;
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
maxwell_images(CdcApply *apply, CdcTargetRun *run, const CdcHistoryEvent *event,
			   const JsonbContainer **data, const JsonbContainer **old)
{
	const JsonbContainer *marked;
	const JsonbContainer *document = event_document(apply, event, &marked);
	const JsonbContainer *marked_data;
	const JsonbContainer *marked_old;

	*data = NULL;
	*old = NULL;
	if (cdc_json_is_object(document))
		event_parts(document, data, old);
	if (*data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("event has no object \"data\"")));
	if (marked == NULL)
		return;
	event_parts(marked, &marked_data, &marked_old);
	if (marked_data != NULL)
		refuse_nul(run, *data, marked_data);
}

void
cdc_event_images(CdcApply *apply, CdcTargetRun *run, const CdcHistoryEvent *event, int row,
				 const JsonbContainer **data, const JsonbContainer **old)
{
	if (is_maxwell(apply, event))
	{
		maxwell_images(apply, run, event, data, old);
		if (apply->sub->kind == CDC_SERVER_KAFKA && !is_in_place(event, *data, *old))
		{
			(void) read_envelope(apply, run, event);
			cdc_envelope_row(apply, apply->reader, row, data, old);
		}
		return;
	}
	if (event->raw != NULL && apply->sub->opt.nul_in_text == CDC_NUL_ERROR)
	{
		const JsonbContainer *marked;
		CdcEnvelopeReader *other;
		const JsonbContainer *marked_data;

		(void) event_document(apply, event, &marked);
		if (marked != NULL)
		{
			other = cdc_envelope_reader_create(apply->row_cxt);
			(void) cdc_envelope_read_event(apply, other, run, event, marked);
			cdc_envelope_row(apply, other, row, &marked_data, old);
			cdc_envelope_row(apply, apply->reader, row, data, old);
			refuse_nul(run, *data, marked_data);
			return;
		}
	}
	cdc_envelope_row(apply, apply->reader, row, data, old);
}

static void
apply_row(CdcApply *apply, CdcTargetRun *run, const CdcHistoryEvent *event)
{
	const JsonbContainer *data;
	const JsonbContainer *old;
	int			nrows;
	int			row;

	if (event->skipped)
		return;
	nrows = cdc_event_rows(apply, run, event);
	for (row = 0; row < nrows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		cdc_event_images(apply, run, event, row, &data, &old);
		cdc_reduce_row(apply, run, event->op, data, old);
	}
}

void
cdc_event_begin(CdcApply *apply, const CdcHistoryEvent *event)
{
	note_place(apply, event);
	apply->source_table = event->source_table;
	apply->source_table_len = event->source_table_len;
}

CdcTargetRun *
cdc_event_target(CdcApply *apply, const CdcHistoryEvent *event)
{
	CdcTargetRun *run;

	if (event->op == CDC_OP_SCHEMA || event->op == CDC_OP_CONTROL ||
		event->source_table == NULL)
		return NULL;
	run = cdc_apply_target(apply, event->source_table, event->source_table_len);
	return OidIsValid(run->target->relid) ? run : NULL;
}

void
cdc_apply_event(CdcApply *apply, const CdcHistoryEvent *event)
{
	CdcTargetRun *run;

	cdc_event_begin(apply, event);
	run = cdc_event_target(apply, event);
	if (cdc_event_is_barrier(apply, event))
		cdc_apply_flush(apply); /* pull keeps the tables' states */
	if (run != NULL)
	{
		apply->at_target = run;
		switch (event->op)
		{
			case CDC_OP_INSERT:
			case CDC_OP_UPDATE:
			case CDC_OP_DELETE:
			case CDC_OP_SNAPSHOT:
				apply_row(apply, run, event);
				break;
			case CDC_OP_TRUNCATE:
				apply_truncate(apply, run);
				break;
			default:
				ereport(ERROR,
						(errcode(ERRCODE_DATA_CORRUPTED),
						 errmsg("history has an unknown op \"%c\"", event->op)));
		}
		run->count.events++;
		run->last_seq = event->seq;
		if (event->source_ts != 0)
			run->source_ts = event->source_ts;
		apply->at_target = NULL;
		if (apply->bytes > apply->sub->opt.apply_memory_limit)
		{
			cdc_lookahead(apply);
			cdc_apply_flush(apply);
		}
	}
	apply->events++;
	apply->source_table = NULL;
}
