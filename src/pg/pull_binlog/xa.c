/*-------------------------------------------------------------------------
 *
 * xa.c
 *	  Two-phase (XA) transactions of the source.
 *
 * The binlog has the rows of such a transaction in the group that ends in XA
 * PREPARE; XA COMMIT or XA ROLLBACK is a group of its own, maybe days and
 * restarts later.  The prepared group is kept in the database, in the same
 * transaction as the position, which may pass it (xa_store.c); its rows become
 * history at XA COMMIT, with that commit's GTID, position and time.
 *
 * XA COMMIT of a transaction that was prepared before the subscription began:
 * the prepare is looked for in the source's binlogs, backwards.  Where the
 * source tells what is prepared (XA RECOVER), that is done at the start, as
 * the binlogs may be gone when the commit comes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/error.h"
#include "pg/process/shmem.h"
#include "pg/catalog/log.h"
#include "pg/catalog/subscription.h"
#include "pg/pull_binlog/xa_store.h"

/* A search for the prepares of some transactions in the source's binlogs. */
typedef struct Search
{
	CdcBinlogCall *call;
	CdcBinlogStream *stream;
	List	   *wanted;			/* ids not settled by a later file; of char * */
	List	   *settled;		/* ... by the file in work; of char * */
	int			found;
	bool		annotate;		/* statements' texts are of use */

	/* the file in work, for the callback of errors */
	CdcStream  *reader;
	CdcGroupBuffer *group;
} Search;

static char *
find_id(List *ids, const char *xa)
{
	ListCell   *lc;

	foreach(lc, ids)
	{
		if (strcmp(lfirst(lc), xa) == 0)
			return lfirst(lc);
	}
	return NULL;
}

/*
 * Keeps or forgets the events of a wanted transaction as an item of the file says;
 * the last item counts.
 */
static void
take_item(Search *search, const CdcItem *item)
{
	const CdcSubscription *sub = search->call->sub;
	char	   *id;

	if (item->kind < CDC_ITEM_XA_PREPARE || (id = find_id(search->wanted, item->xa)) == NULL)
		return;
	if (find_id(search->settled, id) == NULL)
		search->settled = lappend(search->settled, id);
	if (item->kind == CDC_ITEM_XA_PREPARE)
		cdc_xa_store_put(sub, id, &item->txn, cdc_stream_format(search->reader), search->group);
	else
		cdc_xa_store_delete(sub, id);
}

/* Reads a binlog file up to end, or to its own end. */
static void
search_file(Search *search, const char *file, int64 end)
{
	CdcBinlogStream *stream = search->stream;
	CdcSource  *control = cdc_binlog_stream_control(stream);
	CdcDumpRequest request = {0};
	CdcSource  *dump;

	request.file = file;
	request.offset = CDC_BINLOG_FIRST_OFFSET;
	request.annotate = search->annotate;
	/* another id than the stream's own dump, which the source would end */
	request.server_id = cdc_source_server_id(control, stream->kept.subscription_id,
											 !cdc_am_worker(), stream->server_id_salt);
	dump = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid, stream->address,
							  true, false);
	cdc_session_dump(cdc_source_session(dump), &request);
	while (strcmp(cdc_stream_file(search->reader), file) == 0 &&
		   cdc_stream_offset(search->reader) < (uint64) end)
	{
		const uint8_t *event;
		size_t		len;
		CdcItem		item;
		CdcError	err;
		CdcStatus	st = cdc_session_poll_event(cdc_source_session(dump), &event, &len, &err);

		CHECK_FOR_INTERRUPTS();
		if (st == CDC_MORE)
		{
			(void) cdc_source_wait(dump, -1);
			continue;
		}
		if (st == CDC_END)
			cdc_error(&err, CDC_ERR_CONNECT, "the source ended the stream of its binlog");
		if (st != CDC_OK)
			cdc_ereport(&err, search->call->sub->name);
		CDC_CHECK(cdc_stream_feed(search->reader, event, len, &item, &err), &err,
				  search->call->sub->name);
		if (item.kind == CDC_ITEM_BEGIN)
			cdc_group_buffer_reset(search->group);
		if (item.keep)
			cdc_group_buffer_append(search->group, item.event, item.event_len);
		if (item.kind == CDC_ITEM_UNDO)
			cdc_group_buffer_truncate(search->group, item.undo.events, item.undo.bytes);
		take_item(search, &item);
	}
	cdc_source_close(dump);
}

/*
 * The same with a reader and a buffer of its own, which are freed in any case; then
 * what the file has settled is wanted no more.
 */
static void
search_one(Search *search, const char *file, int64 end)
{
	CdcFlavor	flavor = cdc_source_info(cdc_binlog_stream_control(search->stream))->flavor;
	ListCell   *lc;

	search->settled = NIL;
	search->reader = cdc_stream_create(flavor, file, CDC_BINLOG_FIRST_OFFSET);
	if (search->reader == NULL)
		cdc_out_of_memory();
	cdc_stream_accept_xa(search->reader);
	cdc_stream_keep_queries(search->reader, search->annotate);
	search->group = cdc_group_buffer_create(CurrentMemoryContext,
											search->call->sub->opt.memory_limit);
	PG_TRY();
	{
		search_file(search, file, end);
	}
	PG_CATCH();
	{
		cdc_group_buffer_destroy(search->group);
		cdc_stream_destroy(search->reader);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_group_buffer_destroy(search->group);
	cdc_stream_destroy(search->reader);
	foreach(lc, search->settled)
	{
		char	   *id = lfirst(lc);

		search->wanted = list_delete_ptr(search->wanted, id);
		if (cdc_xa_store_has(search->call->sub, id))
		{
			search->found++;
			cdc_log(search->call->sub->name, "xa",
					psprintf("found the prepare of XA transaction %s, which was before the start", id),
					psprintf("in %s", file));
		}
	}
}

/*
 * Looks for the prepares of these transactions in all binlogs up to the place,
 * the newest first, and keeps their groups as if the stream had brought them.
 */
static void
search_binlogs(Search *search, const char *file, int64 end)
{
	CdcAnswer  *answer = cdc_source_ask(cdc_binlog_stream_control(search->stream), "SHOW BINARY LOGS",
										CDC_OR_MORE(2), "SHOW BINARY LOGS");
	int64		i = cdc_answer_rows(answer) - 1;

	search->annotate = search->call->sub->opt.event.row_query || cdc_binlog_needs_statements(search->stream);
	while (i >= 0 && strcmp(cdc_answer_text(answer, i, 0), file) != 0)
		i--;
	for (; i >= 0 && search->wanted != NIL; i--)
	{
		const char *name = cdc_answer_text(answer, i, 0);

		search_one(search, name, strcmp(name, file) == 0 ? end : PG_INT64_MAX);
	}
}

/* ---- the stream's items ---- */

void
cdc_binlog_xa_prepare(CdcBinlogCall *call, const CdcItem *item)
{
	CdcBinlogStream *stream = call->stream;

	cdc_xa_store_put(call->sub, item->xa, &item->txn, cdc_stream_format(stream->stream),
					 stream->group);
	call->persist = true;
}

/* For a transaction whose prepare was not kept; false when the binlogs lack it, too. */
static bool
find_prepare(CdcBinlogCall *call, const CdcItem *item)
{
	Search		search = {0};

	ereport(LOG,
			(errmsg("subscription \"%s\": looking for the prepare of XA transaction %s in the source's binlogs",
					call->sub->name, item->xa)));
	search.call = call;
	search.stream = call->stream;
	search.wanted = list_make1(pstrdup(item->xa));
	search_binlogs(&search, item->txn.file, (int64) item->txn.start_offset);
	return search.found > 0;
}

static void
report_unknown(CdcBinlogCall *call, const CdcItem *item)
{
	char	   *detail = psprintf("It was committed at %s:" UINT64_FORMAT "; its rows were written at XA PREPARE, before the binlogs that the source still has.",
								  item->txn.file, (uint64) item->txn.end_offset);

	if (call->sub->opt.xa_unknown == CDC_XA_UNKNOWN_LOG)
	{
		cdc_log(call->sub->name, "xa",
				psprintf("left out XA transaction %s, whose prepare is unknown", item->xa), detail);
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("subscription \"%s\" leaves out XA transaction %s, whose prepare is unknown",
						call->sub->name, item->xa),
				 errdetail("%s", detail)));
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source committed XA transaction %s, whose prepare is unknown", item->xa),
			 errdetail("%s", detail),
			 errhint("If it changed none of the tables: SELECT cdc.alter_subscription(%s, '{\"xa_unknown\": \"log\"}'); else drop the subscription and create it again with a new copy.",
					 quote_literal_cstr(call->sub->name)),
			 errcontext("subscription \"%s\"", call->sub->name)));
}

void
cdc_binlog_xa_end(CdcBinlogCall *call, const CdcItem *item, bool wanted)
{
	CdcBinlogStream *stream = call->stream;
	CdcFormat	format;

	if (item->kind == CDC_ITEM_XA_COMMIT && wanted)
	{
		cdc_group_buffer_reset(stream->group);
		if (!cdc_xa_store_has(call->sub, item->xa) && !find_prepare(call, item))
			report_unknown(call, item);
		else if (cdc_xa_store_get(call->sub, item->xa, &format, stream->group))
			cdc_binlog_group(call, stream->decoder, stream->group, &format, &item->txn,
							 &stream->lookup);
	}
	cdc_xa_store_delete(call->sub, item->xa);
	call->persist = true;
}

/* ---- the start ---- */

#define MAX_XID_BYTES		64	/* of each part, by the XA standard */

/* An id in the form that the binlog has, from a row of XA RECOVER. */
static char *
recovered_id(const CdcAnswer *answer, int64 row)
{
	/* formatID gtrid_length bqual_length data */
	int64		format = cdc_answer_int(answer, row, 0, PG_INT32_MIN, PG_UINT32_MAX);
	size_t		lengths[2];
	const CdcString *data = cdc_answer_bytes(answer, row, 3);
	StringInfoData id;
	size_t		i;

	lengths[0] = cdc_answer_int(answer, row, 1, 0, MAX_XID_BYTES);
	lengths[1] = cdc_answer_int(answer, row, 2, 0, MAX_XID_BYTES);
	if (lengths[0] + lengths[1] != data->len)
		cdc_answer_refuse(answer, "The lengths in row " INT64_FORMAT " are not those of its data.", row + 1);
	initStringInfo(&id);
	appendStringInfoString(&id, "X'");
	for (i = 0; i < data->len; i++)
	{
		if (i == lengths[0])
			appendStringInfoString(&id, "',X'");
		appendStringInfo(&id, "%02x", (unsigned char) data->data[i]);
	}
	if (lengths[1] == 0)
		appendStringInfoString(&id, "',X'");
	appendStringInfo(&id, "'," INT64_FORMAT, format);
	return id.data;
}

/* In older versions XA PREPARE writes nothing to the binlog: XA COMMIT has the rows. */
static bool
logs_prepares(const CdcMysqlServerInfo *info)
{
	return info->flavor == CDC_MARIADB ? info->version >= 100500 : info->version >= 50707;
}

void
cdc_binlog_xa_recover(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	CdcSource  *control = cdc_binlog_stream_control(stream);
	Search		search = {0};
	CdcSourcePosition now;
	CdcAnswer  *answer;
	ListCell   *lc;
	int64		i;

	/* MySQL 8 needs XA_RECOVER_ADMIN: without it a prepare is looked for at its commit */
	if (!logs_prepares(cdc_source_info(control)) ||
		(answer = cdc_source_try_ask(control, "XA RECOVER", 4, "XA RECOVER")) == NULL)
		return;
	search.call = call;
	search.stream = stream;
	for (i = 0; i < cdc_answer_rows(answer); i++)
		search.wanted = lappend(search.wanted, recovered_id(answer, i));
	if (search.wanted == NIL)
		return;
	cdc_source_position(control, &now);
	search_binlogs(&search, now.file, now.offset);
	call->persist = true;
	foreach(lc, search.wanted)
		cdc_log(call->sub->name, "xa",
				psprintf("XA transaction %s is prepared at the source, but not in its binlogs",
						 (char *) lfirst(lc)),
				"Should it change captured tables, pull will stop at its commit.");
}
