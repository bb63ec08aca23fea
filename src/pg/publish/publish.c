/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  cdc.publish(): history to topics of Kafka, from a position that is kept
 *	  in cdc.publication.
 *
 * The position moves when the brokers have confirmed all messages of a call
 * (send.c).  What ends the transaction behind that, or in the middle, makes the
 * next call send them again: at least once, in order.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/access.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/position.h"
#include "pg/options/kafka_options.h"
#include "pg/options/options.h"
#include "pg/history/scan.h"
#include "pg/remote/server_access.h"

PG_FUNCTION_INFO_V1(cdc_publish);
PG_FUNCTION_INFO_V1(cdc_publish_more);

/* Kept by the backend, as a run ends in many ways: their memory is malloc'ed. */
static CdcJsonText key_text;
static CdcJsonText value_text;

/* ------------------------------------------------------------------------
 * Events
 * ------------------------------------------------------------------------
 */

/* ERROR where events are missing: seq has no gaps, they were taken out of the history. */
static void
check_gap(const CdcPublication *p, int64 seq)
{
	if (p->first_seq > 1 && seq > p->first_seq)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("publication \"%s\": the history has no events " INT64_FORMAT " to " INT64_FORMAT " any more",
						p->name, p->first_seq, seq - 1),
				 errhint("If consumers can do without them: SELECT cdc.drop_publication(%s), then cdc.publish() with from_seq := " INT64_FORMAT ".",
						 quote_literal_cstr(p->name), seq)));
}

/* The publisher on its way through the history. */
typedef struct PublishScan
{
	CdcPublisher *publisher;
	int64		max_events;		/* 0: all; else the first commit behind so many ends the scan */
	int64		last;			/* seq of the last event that was published */
} PublishScan;

/* CdcHistoryVisitor */
static bool
visit_event(const CdcHistoryEvent *row, void *arg)
{
	PublishScan *at = arg;
	CdcPublisher *publisher = at->publisher;
	CdcPublishEvent event;

	CHECK_FOR_INTERRUPTS();
	cdc_publish_read_event(row, &event);
	if (publisher->events == 0)
		check_gap(publisher->publication, event.seq);
	publisher->at = &event;
	cdc_publish_event(publisher, &event);
	publisher->at = NULL;
	at->last = event.seq;
	publisher->events++;
	return !(at->max_events > 0 && publisher->events >= at->max_events && event.commit);
}

/* Publishes the next events; returns the seq up to which they are published. */
static int64
publish_history(CdcPublisher *publisher, int64 max_events)
{
	CdcPublication *p = publisher->publication;
	PublishScan at = {publisher, max_events, p->published_seq};
	CdcHistoryScan scan;

	memset(&scan, 0, sizeof(scan));
	scan.sub = p->sub;
	scan.after = p->published_seq;
	scan.upto = PG_INT64_MAX;
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.visit = visit_event;
	scan.arg = &at;
	cdc_history_scan(&scan);
	return at.last;
}

/* ------------------------------------------------------------------------
 * Running
 * ------------------------------------------------------------------------
 */

/* Gives the publisher the backend's buffers, which are made once. */
static void
init_buffers(CdcPublisher *publisher)
{
	static bool made = false;

	if (!made)
	{
		cdc_json_text_init(&key_text);
		cdc_json_text_init(&value_text);
		made = true;
	}
	publisher->key = &key_text;
	publisher->value = &value_text;
}

/* ERROR unless the server is the one that it was, one of Kafka, that the owner may use. */
static Oid
check_server(const CdcPublication *p)
{
	ForeignServer *server;
	char	   *name = OidIsValid(p->server_oid) ? cdc_server_name(p->server_oid) : NULL;

	cdc_subscription_check_here(p->sub);
	if (OidIsValid(p->server_oid) && name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" of publication \"%s\" was dropped", p->server, p->name),
				 errhint("To go on with a server of that name: SELECT cdc.enable_subscription(%s). To end the publication: SELECT cdc.drop_publication(%s).",
						 quote_literal_cstr(p->sub->name), quote_literal_cstr(p->name))));
	server = GetForeignServerByName(name != NULL ? name : p->server, false);
	cdc_server_check_wrapper(server, CDC_KAFKA_FDW, "bootstrap_servers");
	cdc_server_check_usage(server, p->sub->owner_oid);
	return server->serverid;
}

/* Options of librdkafka that the publication sets; of DefElem *. */
static List *
producer_options(const CdcPublication *p)
{
	if (p->opt.transactional_id == NULL)
		return NIL;
	return list_make1(CDC_MAKE_DEFELEM("transactional_id",
									   (Node *) makeString(pstrdup(p->opt.transactional_id))));
}

/* Publishes the next events of a locked publication; returns their number. */
static int64
publish_events(CdcPublication *p, int64 max_events)
{
	CdcPublisher publisher;
	CdcScope	scope;
	Oid			serverid = check_server(p);
	int64		last;

	memset(&publisher, 0, sizeof(publisher));
	publisher.publication = p;
	publisher.cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest publish",
										  ALLOCSET_DEFAULT_SIZES);
	init_buffers(&publisher);
	cdc_owner_begin(p->sub, &scope);
	cdc_publish_context_begin(&publisher);
	cdc_publish_open(&publisher, serverid, p->sub->owner_oid, producer_options(p));
	cdc_publish_claim_registered(&publisher);
	last = publish_history(&publisher, max_events);
	cdc_publish_flush(&publisher, last);
	if (publisher.events > 0)
		cdc_publication_advance(&publisher, last);
	cdc_publish_context_end(&publisher);
	cdc_scope_end(&scope);
	MemoryContextDelete(publisher.cxt);
	return publisher.events;
}

int64
cdc_publish_run(const char *publication, int64 max_events, bool *more)
{
	CdcPublication *p = cdc_publication_lock(publication);
	int64		events;

	if (p == NULL)
		return -1;
	events = publish_events(p, max_events);
	*more = max_events > 0 && events >= max_events;
	return events;
}

/* The same by hand: what the worker has failed with is over then. */
static int64
run_by_hand(const char *name, int64 max_events)
{
	CdcPublication *p = cdc_publication_lock(name);
	int64		events;

	if (p == NULL)
		cdc_publication_missing(name);
	events = publish_events(p, max_events);
	cdc_failure_end(p->sub->name, psprintf("publish %s", name));
	return events;
}

/* The argument max_events; 0 where it is NULL: all events. */
static int64
max_events_argument(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return 0;
	if (PG_GETARG_INT64(n) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_events must be positive")));
	return PG_GETARG_INT64(n);
}

/* Reads the arguments that define a publication; ERROR where one is NULL. */
static void
read_definition(FunctionCallInfo fcinfo, CdcPublicationText *def)
{
	static const char *const arguments[] = {
		"subscription", "server", "topic_template", "key_template", "format", "options"
	};
	int			i;

	for (i = 0; i < (int) lengthof(arguments); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", arguments[i])));
	def->subscription = text_to_cstring(PG_GETARG_TEXT_PP(0));
	def->server = text_to_cstring(PG_GETARG_TEXT_PP(1));
	def->topic_template = text_to_cstring(PG_GETARG_TEXT_PP(2));
	def->key_template = text_to_cstring(PG_GETARG_TEXT_PP(3));
	def->format = text_to_cstring(PG_GETARG_TEXT_PP(4));
	def->options = PG_GETARG_JSONB_P(5);
}

/* ERROR where a publication would begin behind the event that comes next. */
static void
check_from_seq(const CdcSubscription *sub, int64 from_seq)
{
	CdcPosition pos;

	cdc_position_get(sub, &pos);
	if (from_seq - 1 > pos.last_seq)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("from_seq " INT64_FORMAT " is beyond the end of the history of subscription \"%s\"",
						from_seq, sub->name),
				 errdetail("The events that come up to there would be published nowhere."),
				 errhint("To begin with the next event: from_seq := " INT64_FORMAT ".",
						 pos.last_seq + 1)));
}

Datum
cdc_publish(PG_FUNCTION_ARGS)
{
	CdcPublicationText def;
	char	   *name;
	CdcPublication given;
	CdcPublication *publication;
	CdcSubscription *sub;
	int64		from_seq = PG_ARGISNULL(7) ? 1 : PG_GETARG_INT64(7);
	int64		max_events = max_events_argument(fcinfo, 8);

	read_definition(fcinfo, &def);
	if (from_seq < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("from_seq must be positive")));
	name = PG_ARGISNULL(6) ? psprintf("%s.%s", def.subscription, def.server) :
		text_to_cstring(PG_GETARG_TEXT_PP(6));
	cdc_check_name("publication", name);

	memset(&given, 0, sizeof(given));
	given.sub = sub = cdc_subscription_get_own(def.subscription);
	given.server = def.server;
	check_from_seq(sub, from_seq);
	cdc_publication_parse(&given, &def);
	def.server_oid = check_server(&given);
	def.subscription = sub->name;
	cdc_publication_store(name, &def, from_seq);
	publication = cdc_publication_lock(name);
	if (publication != NULL && strcmp(publication->sub->name, sub->name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("publication \"%s\" is one of subscription \"%s\"", name,
						publication->sub->name),
				 errhint("Give another name, or drop it: SELECT cdc.drop_publication(%s).",
						 quote_literal_cstr(name))));
	PG_RETURN_INT64(run_by_hand(name, max_events));
}

Datum
cdc_publish_more(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("publication must not be null")));
	PG_RETURN_INT64(run_by_hand(text_to_cstring(PG_GETARG_TEXT_PP(0)),
								max_events_argument(fcinfo, 1)));
}
