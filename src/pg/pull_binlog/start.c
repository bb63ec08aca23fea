/*-------------------------------------------------------------------------
 *
 * start.c
 *	  Where a subscription begins that was never pulled, and what its source has altered or made
 *	  until then; and where cdc.set_position() puts one.
 *
 * A position is one of
 *
 *	  NULL, 'latest'		the source's present position; with NULL tables are copied
 *	  'earliest'			the oldest binlog that the source still has
 *	  'binlog.000003'		the start of that file
 *	  'binlog.000003:120'	behind that offset
 *	  a GTID set			behind these transactions
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/tables.h"
#include "pg/mapping/registry.h"
#include "pg/progress/copy_progress.h"
#include "pg/schema/temporary.h"

/* Whether the source has GTIDs that a dump can start by. */
static bool
has_gtids(CdcSource *control)
{
	CdcSourcePosition now;

	cdc_source_position(control, &now);
	return now.gtid_set != NULL;
}

/*
 * The start of a file.  The GTIDs before it are found out, so that later
 * connections can go by GTID: for this place every server knows them.
 */
static void
start_at_file(CdcPosition *pos, CdcSource *control, const char *file)
{
	pos->file = pstrdup(file);
	pos->file_offset = CDC_BINLOG_FIRST_OFFSET;
	pos->gtid_set = NULL;
	if (has_gtids(control))
		pos->gtid_set = cdc_source_gtids_before_file(control, file);
}

/* Whether the source has been where the set says. */
static bool
source_contains(CdcFlavor flavor, const char *source_set, const char *text)
{
	CdcGtidSet *have = cdc_gtid_set_create(flavor);
	CdcGtidSet *wanted = cdc_gtid_set_create(flavor);
	CdcError	err;
	bool		result = have != NULL && wanted != NULL &&
		cdc_gtid_set_parse(have, source_set, &err) == CDC_OK &&
		cdc_gtid_set_parse(wanted, text, &err) == CDC_OK &&
		cdc_gtid_set_contains(have, wanted);

	cdc_gtid_set_destroy(have);
	cdc_gtid_set_destroy(wanted);
	return result;
}

static void
start_at_gtid_set(const CdcSubscription *sub, CdcPosition *pos, CdcSource *control,
				  const CdcBinlogPlace *place)
{
	CdcSourcePosition now;

	cdc_source_position(control, &now);
	if (now.gtid_set == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source of subscription \"%s\" has no GTIDs to start by", sub->name),
				 errhint("Set gtid_mode=ON there, or start at a file and offset.")));
	if (!source_contains(cdc_source_info(control)->flavor, now.gtid_set, place->text))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" of subscription \"%s\" is ahead of the source",
						place->what, place->text, sub->name),
				 errdetail("The source stands at \"%s\".", now.gtid_set),
				 errhint("Start at a GTID set that the source has had.")));
	pos->gtid_set = pstrdup(place->text);
	/* the server finds the file; until it says so this one stands for it */
	pos->file = now.file;
	pos->file_offset = CDC_BINLOG_FIRST_OFFSET;
}

static void
start_earliest(const CdcSubscription *sub, CdcPosition *pos, CdcSource *control)
{
	CdcAnswer  *answer = cdc_source_ask(control, "SHOW BINARY LOGS", CDC_OR_MORE(2), "SHOW BINARY LOGS");

	if (cdc_answer_rows(answer) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source of subscription \"%s\" has no binlog", sub->name)));
	start_at_file(pos, control, cdc_answer_text(answer, 0, 0));
}

/* Whether text is a GTID set of the source's flavour. */
static bool
is_gtid_set(CdcFlavor flavor, const char *text)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcError	err;
	bool		ok;

	if (set == NULL)
		cdc_out_of_memory();
	ok = cdc_gtid_set_parse(set, text, &err) == CDC_OK && !cdc_gtid_set_empty(set);
	cdc_gtid_set_destroy(set);
	return ok;
}

/* Whether the source has the file, and the offset lies in it. */
static bool
in_binlog(CdcSource *control, const char *name, int64 offset)
{
	/* Log_name File_size */
	CdcAnswer  *answer = cdc_source_ask(control, "SHOW BINARY LOGS", CDC_OR_MORE(2), "SHOW BINARY LOGS");
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		if (strcmp(cdc_answer_text(answer, i, 0), name) == 0)
			return offset <= cdc_answer_int(answer, i, 1, 0, PG_INT64_MAX);
	}
	return false;
}

static void
start_latest(CdcPosition *pos, CdcSource *control)
{
	CdcSourcePosition now;

	cdc_source_position(control, &now);
	pos->file = now.file;
	pos->file_offset = now.offset;
	pos->gtid_set = now.gtid_set;
}

int64
cdc_binlog_place(const CdcSubscription *sub, CdcSource *control, const CdcBinlogPlace *place,
				 CdcPosition *pos)
{
	const char *text = place->text;
	const CdcMysqlServerInfo *info = cdc_source_info(control);
	char	   *file;
	int64		offset;
	int64		skip_offset = 0;

	if (strcmp(text, "latest") == 0)
		start_latest(pos, control);
	else if (strcmp(text, "earliest") == 0)
		start_earliest(sub, pos, control);
	else if (is_gtid_set(info->flavor, text))
		start_at_gtid_set(sub, pos, control, place);
	else if (cdc_position_parse(text, &file, &offset) && in_binlog(control, file, offset))
	{
		start_at_file(pos, control, file);
		skip_offset = offset > CDC_BINLOG_FIRST_OFFSET ? offset : 0;
	}
	else if (in_binlog(control, text, CDC_BINLOG_FIRST_OFFSET))
		start_at_file(pos, control, text);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" of subscription \"%s\" is not a place in the source's binlog",
						place->what, text, sub->name),
				 errhint("Use 'earliest', 'latest', a file and offset such as 'binlog.000001:4' that SHOW BINARY LOGS has, or a GTID set.")));
	pos->source_uuid = pstrdup(info->server_uuid);
	pos->last_event = NULL;
	return skip_offset;
}

/* ---- definitions that were read before that place ---- */

/* The same as find_altered() for so many tables, in one question. */
static bool
find_altered_batch(CdcBinlogCall *call, CdcBinlogStream *stream, const CdcSchemaName *names, int n)
{
	CdcSource  *control = cdc_binlog_stream_control(stream);
	CdcSchemaPlace place = {call->pos.last_seq + 1, NULL};
	const CdcTable *present[CDC_SCHEMA_BATCH];
	bool		found = false;
	int			i;

	cdc_schema_refresh_many(stream->schema, control, names, n, &place, present);
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (present[i] == NULL ||
			present[i] == cdc_schema_get(stream->schema, names[i].database, names[i].table))
			continue;
		(void) cdc_schema_found(stream->schema, control, names[i].database, names[i].table, &place);
		found = call->persist = true;
		call->changes++;
	}
	return found;
}

/*
 * Looks at the source's definitions of the tables (of char *, their names).  What became of
 * one since it was stored, in front of the place where the stream begins, the stream does
 * not bring: it is recorded as a change that was found.  Returns whether there was one.
 */
static bool
find_altered(CdcBinlogCall *call, CdcBinlogStream *stream, List *tables)
{
	CdcSchemaName names[CDC_SCHEMA_BATCH];
	bool		found = false;
	int			n = 0;
	ListCell   *lc;

	foreach(lc, tables)
	{
		char	   *database;
		char	   *table;

		cdc_split_table_name(lfirst(lc), &database, &table);
		names[n].database = cdc_to_utf8_copy(database);
		names[n].table = cdc_to_utf8_copy(table);
		if (++n < CDC_SCHEMA_BATCH)
			continue;
		found = find_altered_batch(call, stream, names, n) || found;
		n = 0;
	}
	return find_altered_batch(call, stream, names, n) || found;
}

/*
 * Tables that the first step of the copy has not come to: rows of theirs may come before
 * their copies.  (A copy that replaces the target's rows tells it the shape itself.)
 */
static List *
tables_to_copy(const CdcSubscription *sub)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, cdc_copy_waiting(sub, INT_MAX))
	{
		const CdcCopyProgress *p = lfirst(lc);

		if (p->state == 'i' && !p->replaces)
			result = lappend(result, p->source_table);
	}
	return result;
}

/* ---- tables that came before that place ---- */

static void
discover_batch(CdcBinlogCall *call, CdcBinlogStream *stream, const CdcSchemaName *names, int n)
{
	CdcSchemaPlace place = {call->pos.last_seq + 1, NULL};
	const CdcTable *present[CDC_SCHEMA_BATCH];
	int			i;

	cdc_schema_refresh_many(stream->schema, cdc_binlog_stream_control(stream), names, n, &place, present);
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (present[i] == NULL)
			continue;
		cdc_binlog_stream_discover(stream, present[i], true);
		stream->copy_checked = false;
		call->persist = true;
		call->changes++;
	}
}

/*
 * Registers the wanted tables that came to the source since they were listed.  The stream
 * begins behind the statements that made them, and would know of one only by its next row;
 * those that come while we look are in the stream, too.
 */
static void
discover_missed(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	CdcSource  *control = cdc_binlog_stream_control(stream);
	CdcSchemaPlace place = {call->pos.last_seq + 1, NULL};
	CdcSchemaName batch[CDC_SCHEMA_BATCH];
	int			n = 0;
	ListCell   *lc;

	cdc_schema_read_databases(stream->schema, control, &place);
	foreach(lc, cdc_schema_source_tables(control, call->sub))
	{
		const CdcSchemaName *name = lfirst(lc);

		if (cdc_binlog_stream_knows(stream, psprintf("%s.%s", name->database, name->table)))
			continue;
		batch[n++] = *name;
		if (n < CDC_SCHEMA_BATCH)
			continue;
		discover_batch(call, stream, batch, n);
		n = 0;
	}
	discover_batch(call, stream, batch, n);
}

/*
 * The source's present place, at which all stored definitions hold: they are the same
 * before and behind it.
 */
static void
start_at_present(CdcBinlogCall *call, CdcBinlogStream *stream, CdcSource *control,
				 const CdcBinlogPlace *place)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, cdc_subscription_tables(call->sub))
		tables = lappend(tables, ((CdcSubscriptionTable *) lfirst(lc))->source_table);
	do
		(void) cdc_binlog_place(call->sub, control, place, &call->pos);
	while (find_altered(call, stream, tables));
}

void
cdc_binlog_start(CdcBinlogCall *call, CdcSource *control, CdcBinlogStream *stream)
{
	const char *start = call->sub->start_position;
	CdcDoubts	doubts;

	if (start == NULL && cdc_copy_is_waiting(call->sub))
	{
		(void) cdc_binlog_copy(call, stream, true);
		call->pos.source_uuid = pstrdup(cdc_source_info(control)->server_uuid);
		(void) find_altered(call, stream, tables_to_copy(call->sub));
	}
	else if (start == NULL || strcmp(start, "latest") == 0)
	{
		CdcBinlogPlace place = {"start_position", "latest"};

		start_at_present(call, stream, control, &place);
	}
	else
	{
		CdcBinlogPlace place = {"start_position", start};
		int64		skip_offset = cdc_binlog_place(call->sub, control, &place, &call->pos);

		/* the stream begins with the file and leaves out what ends up to the offset */
		if (skip_offset > 0)
		{
			stream->skip_file = MemoryContextStrdup(stream->context, call->pos.file);
			stream->skip_offset = skip_offset;
		}
	}
	call->stream = stream;
	doubts = cdc_binlog_doubts(call);
	cdc_doubt_present_engines(&doubts, control);
	cdc_temporaries_begin(stream->temporaries, control);
	/* behind the start's position: what is prepared, or made, later comes with the stream */
	if (start == NULL || strcmp(start, "latest") == 0)
	{
		discover_missed(call, stream);
		cdc_binlog_xa_recover(call, stream);
	}
}
