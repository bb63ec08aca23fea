/*-------------------------------------------------------------------------
 *
 * lineage.c
 *	  Whether another server of MariaDB has the transaction that was read last, and not
 *	  only one with its number.
 *
 * MariaDB's GTIDs are numbers: two servers that have nothing to do with each other,
 * or have gone different ways, may have the same ones.  What a replica writes of a
 * transaction has its time, that of one of its statements or of its commit.  So the
 * transaction that was read last is looked for there.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/builtins.h"

#include "binlog/gtid_event.h"
#include "pg/base/error.h"

/* Of other domains so many events may come first. */
#define MAX_EVENTS		10000

/* Of a position that no transaction was read at so many domains are looked at. */
#define MAX_DOMAINS		8

void
cdc_binlog_lineage_event(CdcBinlogStream *stream, const uint8 *event, size_t len, bool begins)
{
	CdcBinlogLineage *lineage = &stream->arriving;
	CdcEventHeader h;

	if (len < CDC_EV_HEADER_LEN)
		return;
	cdc_event_header(event, &h);
	if (begins)
		lineage->from = lineage->to = h.timestamp;
	lineage->from = Min(lineage->from, h.timestamp);
	lineage->to = Max(lineage->to, h.timestamp);
}

void
cdc_binlog_lineage_note(CdcBinlogStream *stream, const CdcTransaction *txn)
{
	CdcBinlogLineage *lineage = &stream->lineage;

	if (stream->executed == NULL || txn->gtid == NULL ||
		!cdc_maria_gtid_parse(txn->gtid, &lineage->gtid))
		return;
	lineage->from = stream->arriving.from;
	lineage->to = stream->arriving.to;
	lineage->set = true;
}

/* " gtid from to"; "" where there is none.  palloc'ed */
char *
cdc_binlog_lineage_text(const CdcBinlogLineage *lineage)
{
	if (!lineage->set)
		return "";
	return psprintf(" %u-%u-" UINT64_FORMAT " %u %u", lineage->gtid.domain, lineage->gtid.server,
					(uint64) lineage->gtid.sequence, lineage->from, lineage->to);
}

bool
cdc_binlog_lineage_parse(CdcBinlogLineage *lineage, const char *text)
{
	char		gtid[96];

	lineage->set = sscanf(text, " %95s %u %u", gtid, &lineage->from, &lineage->to) == 3;
	if (!lineage->set)
		return text[strspn(text, " ")] == '\0';
	return cdc_maria_gtid_parse(gtid, &lineage->gtid);
}

/* ---- a transaction at a server ---- */

/* The search for one. */
typedef struct Search
{
	CdcMariaGtid wanted;
	bool		found;
	uint32		from;			/* times of those that were looked at */
	uint32		to;
	int			events;
} Search;

/* An event before the transaction; true: it is not there. */
static bool
look_for(Search *search, const CdcEventHeader *h, const uint8 *event, size_t len)
{
	CdcGtidEvent gtid;
	CdcMariaGtid id;
	CdcError	err;

	if (h->type != CDC_EV_MARIA_GTID)
		return false;
	if (cdc_failed(cdc_gtid_event_parse(&gtid, event, len, &err)) ||
		!cdc_maria_gtid_parse(gtid.gtid, &id))
		return true;
	if (id.domain != search->wanted.domain)
		return false;
	search->found = id.server == search->wanted.server && id.sequence == search->wanted.sequence;
	search->from = search->to = h->timestamp;
	return !search->found;
}

/* CdcBinlogPeek */
static bool
take_event(void *arg, const CdcEventHeader *h, const uint8 *event, size_t len)
{
	Search	   *search = arg;

	if (++search->events >= MAX_EVENTS)
		return true;
	if (!search->found)
		return look_for(search, h, event, len);
	if (h->type == CDC_EV_MARIA_GTID)
		return true;
	search->from = Min(search->from, h->timestamp);
	search->to = Max(search->to, h->timestamp);
	return h->type == CDC_EV_XID || h->type == CDC_EV_QUERY ||
		h->type == CDC_EV_MARIA_QUERY_COMPRESSED || h->type == CDC_EV_XA_PREPARE;
}

/*
 * Looks for a transaction in the binlog of the server that the stream goes to now: the
 * first one behind those of the set, but in its domain behind the number before its own.
 */
static void
find_transaction(CdcBinlogStream *stream, const char *gtid_set, Search *search)
{
	CdcGtidSet *set = cdc_position_parse_gtids(CDC_MARIADB, gtid_set, stream->sub->name);
	CdcDumpRequest request = {0};
	char		before[CDC_GTID_TEXT];
	CdcError	err;
	CdcStatus	st = CDC_OK;

	snprintf(before, sizeof(before), "%u-%u-" UINT64_FORMAT, search->wanted.domain,
			 search->wanted.server, (uint64) search->wanted.sequence - 1);
	cdc_gtid_set_forget_domain(set, search->wanted.domain);
	if (search->wanted.sequence > 1)
		st = cdc_gtid_set_add(set, before, &err);
	request.gtid_set = set;
	request.holes = true;
	PG_TRY();
	{
		CDC_CHECK(st, &err, stream->sub->name);
		/* where its files do not go back so far, the dump itself says what it lacks */
		(void) cdc_binlog_peek(stream, &request, take_event, search, &err);
	}
	PG_CATCH();
	{
		cdc_gtid_set_destroy(set);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_gtid_set_destroy(set);
}

/* ---- what is kept, and compared ---- */

void
cdc_binlog_lineage_begin(CdcBinlogStream *stream)
{
	CdcBinlogLineage *lineage = &stream->lineage;
	char	   *text = cdc_binlog_stream_gtid_text(stream);
	char	   *p;
	int			domains = 0;

	for (p = text; p != NULL && *p != '\0' && domains < MAX_DOMAINS; domains++)
	{
		char	   *end = strchr(p, ',');
		Search		search = {{0}};

		if (cdc_maria_gtid_parse(end != NULL ? pnstrdup(p, end - p) : p, &search.wanted))
			find_transaction(stream, text, &search);
		if (search.found && (!lineage->set || search.to > lineage->to))
		{
			lineage->gtid = search.wanted;
			lineage->from = search.from;
			lineage->to = search.to;
			lineage->set = true;
		}
		p = end != NULL ? end + 1 : NULL;
	}
}

void
cdc_binlog_lineage_check(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	const CdcBinlogLineage *lineage = &stream->lineage;
	Search		search = {{0}};

	if (!lineage->set)
		return;
	search.wanted = lineage->gtid;
	find_transaction(stream, call->pos.gtid_set, &search);
	/* the times of its statements are the same at each server, that of its commit is not */
	if (!search.found || (search.from <= lineage->to && search.to >= lineage->from))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source of subscription \"%s\" is another server, which has another transaction with the GTID that was read last",
					call->sub->name),
			 errdetail("At \"%s\" %u-%u-" UINT64_FORMAT " is of %s UTC; read was one of %s UTC.",
					   cdc_source_info(stream->control)->address, lineage->gtid.domain,
					   lineage->gtid.server, (uint64) lineage->gtid.sequence,
					   cdc_binlog_time_text(search.to), cdc_binlog_time_text(lineage->to)),
			 errhint("Go back to the old server or a replica of it, or go on at this one with a new copy of all tables: SELECT cdc.restart_subscription(%s);",
					 quote_literal_cstr(call->sub->name))));
}
