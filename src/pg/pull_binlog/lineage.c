/*-------------------------------------------------------------------------
 *
 * lineage.c
 *	  Whether another server of MariaDB has the transaction that was read last, and not
 *	  only one with its number.
 *
 * MariaDB's GTIDs are numbers: two servers that have nothing to do with each other,
 * or have gone different ways, may have the same ones.  What a replica writes of a
 * transaction has its time, that of one of its statements or of its commit.  So the
 * transaction that was read last is looked for there, from the one that was before it
 * in its domain on.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/builtins.h"

#include "binlog/gtid_event.h"
#include "pg/base/error.h"

/* Of other domains so many transactions may come first. */
#define MAX_TRANSACTIONS	10000

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
	lineage->has_before = cdc_gtid_set_domain(stream->executed, lineage->gtid.domain, &lineage->before);
	lineage->from = stream->arriving.from;
	lineage->to = stream->arriving.to;
	lineage->set = true;
}

/* " gtid before from to"; "" where there is none.  palloc'ed */
char *
cdc_binlog_lineage_text(const CdcBinlogLineage *lineage)
{
	char	   *before = "-";

	if (!lineage->set)
		return "";
	if (lineage->has_before)
		before = psprintf("%u-%u-" UINT64_FORMAT, lineage->before.domain, lineage->before.server,
						  (uint64) lineage->before.sequence);
	return psprintf(" %u-%u-" UINT64_FORMAT " %s %u %u", lineage->gtid.domain, lineage->gtid.server,
					(uint64) lineage->gtid.sequence, before, lineage->from, lineage->to);
}

bool
cdc_binlog_lineage_parse(CdcBinlogLineage *lineage, const char *text)
{
	char		gtid[CDC_GTID_TEXT];
	char		before[CDC_GTID_TEXT];

	StaticAssertStmt(CDC_GTID_TEXT > 95, "room for what sscanf reads");
	lineage->set = sscanf(text, " %95s %95s %u %u", gtid, before, &lineage->from, &lineage->to) == 4;
	if (!lineage->set)
		return text[strspn(text, " ")] == '\0';
	lineage->has_before = strcmp(before, "-") != 0;
	return cdc_maria_gtid_parse(gtid, &lineage->gtid) &&
		(!lineage->has_before || cdc_maria_gtid_parse(before, &lineage->before));
}

/* The search for the transaction. */
typedef struct Search
{
	const CdcBinlogLineage *lineage;
	bool		found;
	uint32		time;			/* there */
	int			transactions;
} Search;

static bool
take_gtid(void *arg, const CdcEventHeader *h, const uint8 *event, size_t len)
{
	Search	   *search = arg;
	CdcGtidEvent gtid;
	CdcMariaGtid id;
	CdcError	err;

	if (h->type != CDC_EV_MARIA_GTID)
		return false;
	if (cdc_failed(cdc_gtid_event_parse(&gtid, event, len, &err)) ||
		!cdc_maria_gtid_parse(gtid.gtid, &id))
		return true;
	if (id.domain != search->lineage->gtid.domain)
		return ++search->transactions >= MAX_TRANSACTIONS;
	search->found = id.server == search->lineage->gtid.server &&
		id.sequence == search->lineage->gtid.sequence;
	search->time = h->timestamp;
	return true;
}

/* What was read up to the transaction before that one.  Malloc'ed. */
static CdcGtidSet *
set_before(const CdcBinlogCall *call, const CdcBinlogLineage *lineage)
{
	CdcGtidSet *set = cdc_position_parse_gtids(CDC_MARIADB, call->pos.gtid_set, call->sub->name);
	const CdcMariaGtid *before = &lineage->before;
	char		text[CDC_GTID_TEXT];
	CdcError	err;
	CdcStatus	st = CDC_OK;

	cdc_gtid_set_forget_domain(set, lineage->gtid.domain);
	snprintf(text, sizeof(text), "%u-%u-" UINT64_FORMAT, before->domain, before->server,
			 (uint64) before->sequence);
	if (lineage->has_before)
		st = cdc_gtid_set_add(set, text, &err);
	if (cdc_failed(st))
	{
		cdc_gtid_set_destroy(set);
		cdc_ereport(&err, call->sub->name);
	}
	return set;
}

void
cdc_binlog_lineage_check(CdcBinlogCall *call, CdcBinlogStream *stream)
{
	const CdcBinlogLineage *lineage = &stream->lineage;
	Search		search = {lineage};
	CdcDumpRequest request = {0};
	CdcGtidSet *set;
	CdcError	err;

	if (!lineage->set)
		return;
	set = set_before(call, lineage);
	request.gtid_set = set;
	PG_TRY();
	{
		/* where its files do not go back so far, the dump itself says what it lacks */
		(void) cdc_binlog_peek(stream, &request, take_gtid, &search, &err);
	}
	PG_CATCH();
	{
		cdc_gtid_set_destroy(set);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_gtid_set_destroy(set);
	if (!search.found || (search.time >= lineage->from && search.time <= lineage->to))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source of subscription \"%s\" is another server, which has another transaction with the GTID that was read last",
					call->sub->name),
			 errdetail("At \"%s\" %u-%u-" UINT64_FORMAT " is of %s UTC; read was one of %s UTC.",
					   cdc_source_info(stream->control)->address, lineage->gtid.domain,
					   lineage->gtid.server, (uint64) lineage->gtid.sequence,
					   cdc_binlog_time_text(search.time), cdc_binlog_time_text(lineage->to)),
			 errhint("Go back to the old server or a replica of it, or go on at this one with a new copy of all tables: SELECT cdc.restart_subscription(%s);",
					 quote_literal_cstr(call->sub->name))));
}
