/*-------------------------------------------------------------------------
 *
 * whole_table.c
 *	  Events about all rows of a table, to consumers that know its rows by their keys.
 *
 *	  TRUNCATE			a delete of each row, unless the format's own message says it as
 *						well: where that is in one partition with the rows
 *	  another key		json, es_bulk: deletes under the former key, the rows under the new one
 *	  a new copy		deletes of the rows that it has not brought; of a table without a key,
 *						which it begins by emptying it, the format's own message
 *	  a repair			deletes of the rows that were found to be gone
 *
 * A table that is dropped keeps its rows, as replicas do, until it is made anew, which is
 * an event of TRUNCATE then.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "utils/builtins.h"

#include "pg/base/utf8.h"

static bool
is_by_rows(const CdcPublisher *publisher, const CdcPublishEvent *event)
{
	return publisher->publication->opt.whole_table == CDC_WHOLE_TABLE_ROWS &&
		event->source_table != NULL && event->table.len > 0;
}

/* ---- deletes ---- */

/* Rows that are told one by one. */
typedef struct Told
{
	CdcPublisher *publisher;
	const CdcPublishEvent *event;
	const CdcPublishGone *gone; /* only these; NULL: all */
} Told;

/* CdcLiveRowVisitor */
static void
tell_row(const CdcLiveRow *row, void *arg)
{
	Told	   *told = arg;

	if (told->gone == NULL || cdc_publish_is_gone(told->gone, row))
		cdc_publish_row(told->publisher, told->event, 'd', row->key, &row->data);
}

/* ---- TRUNCATE ---- */

/* Whether a template gives all of a table's messages one topic. */
static bool
is_of_table(const char *template)
{
	return strstr(template, "${column:") == NULL && strstr(template, "${primary_key") == NULL &&
		strstr(template, "${type}") == NULL;
}

/* Whether the format has a message that says as much, which comes in order with the rows'. */
static bool
is_one_message(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	static const CdcPublishKey none = {0, NULL};
	const CdcPublication *p = publisher->publication;
	const char *topic;

	if (cdc_live_rows_are_documents(publisher) || !is_of_table(p->topic_template))
		return false;
	topic = cdc_publish_topic(p->topic_template, event, &none, NULL);
	if (p->format == CDC_PUBLISH_MAXWELL &&
		(p->opt.ddl_topic[0] == '\0' || !is_of_table(p->opt.ddl_topic) ||
		 strcmp(cdc_publish_topic(p->opt.ddl_topic, event, &none, NULL), topic) != 0))
		return false;
	return cdc_publish_partitions(publisher, topic) == 1;
}

bool
cdc_publish_emptied(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	Told		told = {publisher, event, NULL};
	CdcLiveRows *rows;
	bool		keyless;

	if (!is_by_rows(publisher, event) || is_one_message(publisher, event))
		return false;
	rows = cdc_live_rows_read(publisher, event);
	keyless = cdc_live_rows_are_keyless(rows);
	if (!keyless)
		cdc_live_rows_visit(rows, PG_INT64_MAX, tell_row, &told);
	cdc_live_rows_close(rows);
	return !keyless;
}

/* ---- another key ---- */

/* What is told of rows that have another key. */
typedef enum RekeyStep
{
	REKEY_CHECK,				/* nothing, but ERROR where it cannot be told */
	REKEY_DELETE,
	REKEY_INSERT
} RekeyStep;

typedef struct Rekeyed
{
	CdcPublisher *publisher;
	const CdcPublishEvent *event;
	const CdcPublishRekey *change;
	RekeyStep	step;
	bool		anew;			/* all rows are copied behind it */
} Rekeyed;

pg_noreturn static void
refuse_rekey(const Rekeyed *r)
{
	const CdcPublication *p = r->publisher->publication;
	const char *table = cdc_from_utf8_copy(r->event->source_table);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("publication \"%s\" cannot tell the rows of source table %s under their new primary key",
					p->name, table),
			 errdetail("Events of before do not have its values as those behind them do."),
			 errhint("Have the table copied into the history, and the publication goes on: SELECT cdc.resync_table(%s, %s);",
					 quote_literal_cstr(p->sub->name), quote_literal_cstr(table))));
}

/* Whether the row is another document now, which is at. */
static bool
is_moved(const Rekeyed *r, const CdcLiveRow *row, const CdcPublishRow *at)
{
	CdcPublishRow was = {&row->data, NULL};
	CdcJsonText *text = r->publisher->key;
	char	   *former;

	cdc_live_row_identity(r->publisher, NULL, row->key, &was, text);
	former = pnstrdup(text->buf.data, text->buf.len);
	cdc_live_row_identity(r->publisher, NULL, &r->change->key, at, text);
	return strlen(former) != text->buf.len || memcmp(former, text->buf.data, text->buf.len) != 0;
}

/* CdcLiveRowVisitor */
static void
tell_rekeyed(const CdcLiveRow *row, void *arg)
{
	Rekeyed    *r = arg;
	bool		none = r->change->key.n == 0;
	CdcDoc		renamed;
	CdcPublishRow at = {&renamed, NULL};

	cdc_publish_rename(r->change, row->arena, &row->data, &renamed);
	if (!none && !cdc_publish_tells_rekeyed(r->change, &renamed))
	{
		/* what a copy has not brought is taken away where it ends */
		r->anew = r->anew || cdc_live_rows_come_anew(r->publisher, r->event);
		if (!r->anew)
			refuse_rekey(r);
		return;
	}
	if (r->step == REKEY_CHECK || (!none && !is_moved(r, row, &at)))
		return;
	if (r->step == REKEY_DELETE)
		cdc_publish_row(r->publisher, r->event, 'd', row->key, &row->data);
	else if (!none)
		cdc_publish_row(r->publisher, r->event, 'c', &r->change->key, &renamed);
}

void
cdc_publish_key_changed(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcPublishRekey change;
	Rekeyed		r = {publisher, event, &change, REKEY_CHECK, false};
	CdcLiveRows *rows;

	if (!is_by_rows(publisher, event) || !cdc_live_rows_are_documents(publisher) ||
		!cdc_publish_rekeyed(publisher, event, &change) ||
		(change.same_values && cdc_live_rows_by_values(publisher)))
		return;
	rows = cdc_live_rows_read(publisher, event);
	/* all deletes first: the new key of one row may be the former one of another */
	for (; r.step <= REKEY_INSERT; r.step++)
		cdc_live_rows_visit(rows, PG_INT64_MAX, tell_rekeyed, &r);
	cdc_live_rows_close(rows);
}

/* ---- copies ---- */

/* ERROR: the rows of the copy are in no event, and which rows it has not brought is not known. */
static void
refuse_aside(const CdcPublisher *publisher, const CdcPublishEvent *event)
{
	const CdcPublication *p = publisher->publication;
	const char *sub = quote_literal_cstr(p->sub->name);
	const char *table = quote_literal_cstr(cdc_from_utf8_copy(event->source_table));

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("publication \"%s\" cannot tell which rows source table %s has after its new copy: the history does not keep them",
					p->name, cdc_from_utf8_copy(event->source_table)),
			 errdetail("The option copy_history is off."),
			 errhint("Pass over this copy: %s Then, the same with \"rows\" instead of \"message\", and have the table copied into the history: SELECT cdc.alter_table(%s, %s, '{\"copy_history\": true}'); SELECT cdc.resync_table(%s, %s);",
					 cdc_publication_statement(p, "whole_table", "message"), sub, table, sub, table)));
}

void
cdc_publish_copied(CdcPublisher *publisher, const CdcPublishEvent *event)
{
	CdcPublishCopy copy;
	CdcPublishKey target;
	Told		told = {publisher, event, NULL};
	CdcLiveRows *rows;
	bool		keyless;

	if (!is_by_rows(publisher, event))
		return;
	cdc_publish_read_copy(publisher, event, &copy);
	if (copy.kind == CDC_PUBLISH_COPY_NOTHING)
		return;
	cdc_publish_target_key(publisher, event, &target);
	keyless = target.n == 0 && cdc_publish_key(publisher, event)->n == 0 &&
		publisher->publication->opt.key_columns == NULL;
	if (keyless && copy.kind == CDC_PUBLISH_COPY_BEGINS && copy.replaces)
		cdc_publish_empty_message(publisher, event);
	if (keyless || copy.kind != CDC_PUBLISH_COPY_ENDS || copy.begin_seq == 0)
		return;
	if (!copy.replaces)
		told.gone = cdc_publish_gone(publisher, event, copy.gone);
	rows = cdc_live_rows_read(publisher, event);
	if (copy.replaces && cdc_live_rows_aside(rows) > copy.begin_seq)
		refuse_aside(publisher, event);
	cdc_live_rows_visit(rows, copy.begin_seq, tell_row, &told);
	cdc_live_rows_close(rows);
}
