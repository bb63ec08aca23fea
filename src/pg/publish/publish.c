/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  cdc.publish(): history to topics of Kafka, from a position that is kept
 *	  in cdc.publication.
 *
 * The position moves when the brokers have confirmed all messages of a call
 * (publish_send.c).  What ends the transaction behind that, or in the middle,
 * makes the next call send them again: at least once, in order.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "envelope/doc_tree.h"
#include "envelope/envelope.h"
#include "pg/base/error.h"
#include "pg/history/append.h"
#include "pg/datum/jsonb_document.h"
#include "pg/catalog/kafka_options.h"
#include "pg/catalog/options.h"
#include "pg/base/shmem.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/base/background.h"
#include "pg/remote/server_access.h"
#include "pg/catalog/spi.h"

#define FETCH_ROWS		256

PG_FUNCTION_INFO_V1(cdc_publish);
PG_FUNCTION_INFO_V1(cdc_publish_more);
PG_FUNCTION_INFO_V1(cdc_enable_publication);
PG_FUNCTION_INFO_V1(cdc_disable_publication);
PG_FUNCTION_INFO_V1(cdc_drop_publication);

static const char *const format_names[] = {"maxwell", "json", "es_bulk"};

/* Kept by the backend: their memory is malloc'ed. */
static CdcJsonText key_text;
static CdcJsonText value_text;
static CdcArena *arena = NULL;

static char *
to_utf8(const char *s)
{
	return pg_server_to_any(s, strlen(s), PG_UTF8);
}

/*
 * The publication
 */

static int
format_by_name(const char *name)
{
	int			i;

	for (i = 0; i < (int) lengthof(format_names); i++)
	{
		if (strcmp(format_names[i], name) == 0)
			return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid format \"%s\"", name),
			 errhint("Valid formats are: maxwell, json, es_bulk.")));
	return -1;
}

/* Checks what was given, and fills the parsed fields. */
static void
parse_publication(CdcPublication *p, const char *format, const char *topic_template,
				  const char *key_template, const Jsonb *options)
{
	p->format = format_by_name(format);
	p->topic_template = to_utf8(topic_template);
	p->key_template = to_utf8(key_template);
	cdc_publication_options_parse(options, &p->opt);
	if (topic_template[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic_template must not be empty"),
				 errhint("Write a topic's name, or a template such as 'cdc.${database}.${table}'.")));
	cdc_publish_check_template("topic_template", topic_template);
	cdc_publish_check_template("key_template", key_template);
	cdc_publish_check_template("option \"ddl_topic\"", p->opt.ddl_topic);
	cdc_publish_check_template("option \"raw_topic\"", p->opt.raw_topic);
	cdc_publish_check_template("option \"index\"", p->opt.index_template);
}

pg_noreturn static void
publication_missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("publication \"%s\" does not exist", name),
			 errhint("The first call of cdc.publish() makes it; cdc.publication lists them.")));
	pg_unreachable();
}

/*
 * Reads the row and locks it: one publishes at a time, the next one sees what
 * was published.  NULL when there is none.
 */
static CdcPublication *
lock_publication(const char *name)
{
	static CdcStatement stmt = {
		"SELECT subscription, server::pg_catalog.text, topic_template, key_template, format,"
		" options, published_seq FROM cdc.publication WHERE name OPERATOR(pg_catalog.=) $1 FOR UPDATE",
		1, {TEXTOID}
	};
	CdcPublication *p;
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(name);
	MemoryContext old;
	const Jsonb *options;
	char	   *topic_template;
	char	   *key_template;
	char	   *format;
	char	   *subscription;
	bool		isnull;

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) == 0)
	{
		cdc_spi_end(&spi);
		return NULL;
	}
	old = MemoryContextSwitchTo(spi.caller);
	p = palloc0(sizeof(CdcPublication));
	p->name = pstrdup(name);
	options = (const Jsonb *) PG_DETOAST_DATUM_COPY(cdc_spi_datum(0, 6, &isnull));
	MemoryContextSwitchTo(old);
	subscription = cdc_spi_text(&spi, 0, 1);
	p->server = cdc_spi_text(&spi, 0, 2);
	topic_template = cdc_spi_text(&spi, 0, 3);
	key_template = cdc_spi_text(&spi, 0, 4);
	format = cdc_spi_text(&spi, 0, 5);
	p->published_seq = cdc_spi_int64(0, 7);
	cdc_spi_end(&spi);
	p->first_seq = p->published_seq + 1;
	p->sub = cdc_subscription_get_own(subscription);
	parse_publication(p, format, topic_template, key_template, options);
	return p;
}

/* Makes the publication, or stores what is given differently. */
static void
store_publication(const char *name, const char *subscription, const char *server,
				  const char *topic_template, const char *key_template, const char *format,
				  const Jsonb *options, int64 from_seq)
{
	static CdcStatement update = {
		"UPDATE cdc.publication SET server = $3::pg_catalog.name, topic_template = $4, key_template = $5,"
		" format = $6, options = $7 WHERE name OPERATOR(pg_catalog.=) $1"
		" AND subscription OPERATOR(pg_catalog.=) $2"
		" AND (server::pg_catalog.text OPERATOR(pg_catalog.<>) $3 OR topic_template OPERATOR(pg_catalog.<>) $4"
		"  OR key_template OPERATOR(pg_catalog.<>) $5 OR format OPERATOR(pg_catalog.<>) $6"
		"  OR options OPERATOR(pg_catalog.<>) $7)",
		7, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc.publication (name, subscription, server, topic_template, key_template, format,"
		" options, published_seq) SELECT $1, $2, $3::pg_catalog.name, $4, $5, $6, $7, $8"
		" WHERE NOT EXISTS (SELECT 1 FROM cdc.publication WHERE name OPERATOR(pg_catalog.=) $1)",
		8, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, INT8OID}
	};
	Datum		values[8];
	CdcSpi		spi;
	uint64		made;

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(subscription);
	values[2] = CStringGetTextDatum(server);
	values[3] = CStringGetTextDatum(topic_template);
	values[4] = CStringGetTextDatum(key_template);
	values[5] = CStringGetTextDatum(format);
	values[6] = JsonbPGetDatum((Jsonb *) options);
	values[7] = Int64GetDatum(from_seq - 1);
	cdc_spi_begin(&spi);
	made = cdc_spi_execute(&insert, values, NULL);
	if (made == 0)
		made = cdc_spi_execute(&update, values, NULL);
	cdc_spi_end(&spi);
	if (made > 0)
		cdc_log(subscription, "publication", psprintf("publication \"%s\" set up", name), NULL);
}

static void
move_position(const CdcPublisher *publisher, int64 seq)
{
	static CdcStatement stmt = {
		"UPDATE cdc.publication SET published_seq = $2, events = events OPERATOR(pg_catalog.+) $3,"
		" messages = messages OPERATOR(pg_catalog.+) $4, updated_at = pg_catalog.now()"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		4, {TEXTOID, INT8OID, INT8OID, INT8OID}
	};
	Datum		values[4];
	CdcSpi		spi;

	values[0] = CStringGetTextDatum(publisher->publication->name);
	values[1] = Int64GetDatum(seq);
	values[2] = Int64GetDatum(publisher->events);
	values[3] = Int64GetDatum(publisher->messages);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

/*
 * Events
 */

static CdcString
string_of(const char *s, size_t len)
{
	CdcString	result;

	result.data = s;
	result.len = len;
	return result;
}

/* Names from the event where it has them, else from history's column. */
static void
name_table(CdcPublishEvent *event)
{
	const char *dot = event->source_table != NULL ? strchr(event->source_table, '.') : NULL;

	event->database = event->table = event->type = string_of("", 0);
	if (event->has_doc)
	{
		event->database = cdc_doc_find_string(&event->doc, "database");
		event->table = cdc_doc_find_string(&event->doc, "table");
		event->type = cdc_doc_find_string(&event->doc, "type");
	}
	if (event->table.len == 0 && event->database.len == 0 && event->source_table != NULL)
	{
		if (dot != NULL)
			event->database = string_of(event->source_table, (size_t) (dot - event->source_table));
		event->table = string_of(dot != NULL ? dot + 1 : event->source_table,
								 strlen(dot != NULL ? dot + 1 : event->source_table));
	}
}

/* The document: from the original bytes, where JSONB could not hold them. */
static void
read_document(CdcPublishEvent *event, Datum jsonb, bool isnull)
{
	uint32_t	schema_id;
	size_t		skip;

	if (event->raw != NULL)
	{
		(void) cdc_payload_look((const uint8_t *) event->raw, event->raw_len, &schema_id, &skip);
		cdc_arena_reset(arena);
		event->has_doc = cdc_doc_parse(arena, event->raw + skip, event->raw_len - skip, &event->doc,
									   NULL) == CDC_OK;
	}
	else if (!isnull)
	{
		cdc_doc_from_jsonb(&DatumGetJsonbP(jsonb)->root, &event->doc);
		event->has_doc = true;
	}
}

/* A row: seq, source_table, op, event, raw, commit, key. */
static void
read_event(HeapTuple tuple, TupleDesc desc, CdcPublishEvent *event)
{
	bool		isnull;
	Datum		d;

	memset(event, 0, sizeof(*event));
	event->seq = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
	d = SPI_getbinval(tuple, desc, 2, &isnull);
	if (!isnull)
		event->source_table = to_utf8(TextDatumGetCString(d));
	event->op = DatumGetChar(SPI_getbinval(tuple, desc, 3, &isnull));
	d = SPI_getbinval(tuple, desc, 5, &isnull);
	if (!isnull)
	{
		struct varlena *v = PG_DETOAST_DATUM_PACKED(d);

		event->raw = VARDATA_ANY(v);
		event->raw_len = VARSIZE_ANY_EXHDR(v);
	}
	d = SPI_getbinval(tuple, desc, 4, &isnull);
	read_document(event, d, isnull);
	name_table(event);
	d = SPI_getbinval(tuple, desc, 6, &isnull);
	event->commit = !isnull && DatumGetBool(d);
	d = SPI_getbinval(tuple, desc, 7, &isnull);
	if (!isnull)
	{
		cdc_doc_from_jsonb(&DatumGetJsonbP(d)->root, &event->key);
		event->has_key = true;
	}
}

static Portal
open_history(const CdcPublication *p)
{
	char	   *name = get_rel_name(p->sub->history);
	Oid			types[1] = {INT8OID};
	Datum		values[1];
	Portal		portal;
	int			level;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("history table of subscription \"%s\" does not exist", p->sub->name)));
	values[0] = Int64GetDatum(p->published_seq);
	level = cdc_history_follow_index();
	portal = SPI_cursor_open_with_args(NULL,
									   psprintf("SELECT seq, source_table, op, event, raw, \"commit\", %s FROM %s"
												" WHERE seq OPERATOR(pg_catalog.>) $1 ORDER BY seq",
												get_attnum(p->sub->history, "key") > 0 ? "key" : "NULL::pg_catalog.jsonb",
												quote_qualified_identifier(get_namespace_name(get_rel_namespace(p->sub->history)), name)),
									   1, types, values, NULL, false, CURSOR_OPT_NO_SCROLL);
	AtEOXact_GUC(true, level);
	return portal;
}

/* seq has no gaps: what is missing was taken out of the history. */
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

static int64
publish_history(CdcPublisher *publisher, int64 max_events)
{
	CdcPublication *p = publisher->publication;
	MemoryContext cxt = AllocSetContextCreate(publisher->cxt, "cdc_ingest published event",
											  ALLOCSET_DEFAULT_SIZES);
	int64		last = p->published_seq;
	bool		done = false;
	Portal		portal;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	portal = open_history(p);
	while (!done)
	{
		uint64		i;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed && !done; i++)
		{
			SPITupleTable *rows = SPI_tuptable;
			uint64		n = SPI_processed;
			MemoryContext old = MemoryContextSwitchTo(cxt);
			CdcPublishEvent event;

			CHECK_FOR_INTERRUPTS();
			read_event(rows->vals[i], rows->tupdesc, &event);
			if (publisher->events == 0)
				check_gap(p, event.seq);
			CDC_SPI_PUSH();
			cdc_publish_event(publisher, &event);
			CDC_SPI_POP();
			SPI_tuptable = rows;
			SPI_processed = n;
			last = event.seq;
			publisher->events++;
			done = max_events > 0 && publisher->events >= max_events && event.commit;
			MemoryContextSwitchTo(old);
			MemoryContextReset(cxt);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	MemoryContextDelete(cxt);
	return last;
}

/*
 * Running
 */

static void
init_buffers(CdcPublisher *publisher)
{
	if (arena == NULL)
	{
		cdc_json_text_init(&key_text);
		cdc_json_text_init(&value_text);
		arena = cdc_arena_create(0);
		if (arena == NULL)
			cdc_out_of_memory();
	}
	publisher->key = &key_text;
	publisher->value = &value_text;
}

/* ERROR unless the server is one of Kafka that the owner may use. */
static Oid
check_server(const CdcPublication *p)
{
	ForeignServer *server = GetForeignServerByName(p->server, false);

	cdc_server_check_wrapper(server, CDC_KAFKA_FDW, "bootstrap_servers");
	cdc_server_check_usage(server, p->sub->owner_oid);
	return server->serverid;
}

static List *
producer_options(const CdcPublication *p)
{
	if (p->opt.transactional_id == NULL)
		return NIL;
	return list_make1(CDC_MAKE_DEFELEM("transactional_id",
									   (Node *) makeString(pstrdup(p->opt.transactional_id))));
}

static int64
run(CdcPublication *p, int64 max_events)
{
	CdcPublisher publisher;
	CdcUser		user;
	Oid			serverid = check_server(p);
	int64		last;

	memset(&publisher, 0, sizeof(publisher));
	publisher.publication = p;
	publisher.cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest publish",
										  ALLOCSET_DEFAULT_SIZES);
	init_buffers(&publisher);
	cdc_user_become_owner(p->sub, &user);
	cdc_publish_open(&publisher, serverid, p->sub->owner_oid, producer_options(p));
	last = publish_history(&publisher, max_events);
	cdc_publish_flush(&publisher);
	if (publisher.events > 0)
		move_position(&publisher, last);
	cdc_user_restore(&user);
	MemoryContextDelete(publisher.cxt);
	return publisher.events;
}

int64
cdc_publish_run(const char *publication, int64 max_events, bool *more)
{
	CdcPublication *p = lock_publication(publication);
	int64		events;

	if (p == NULL)
		return -1;
	events = run(p, max_events);
	*more = max_events > 0 && events >= max_events;
	return events;
}

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

Datum
cdc_publish(PG_FUNCTION_ARGS)
{
	static const char *const arguments[] = {
		"subscription", "server", "topic_template", "key_template", "format", "options"
	};
	char	   *given_text[5];
	char	   *name;
	Jsonb	   *options;
	CdcPublication given;
	CdcPublication *publication;
	CdcSubscription *sub;
	int64		from_seq = PG_ARGISNULL(7) ? 1 : PG_GETARG_INT64(7);
	int64		max_events = max_events_argument(fcinfo, 8);
	bool		more;
	int			i;

	for (i = 0; i < 6; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", arguments[i])));
		if (i < 5)
			given_text[i] = text_to_cstring(PG_GETARG_TEXT_PP(i));
	}
	if (from_seq < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("from_seq must be positive")));
	options = PG_GETARG_JSONB_P(5);
	name = PG_ARGISNULL(6) ? psprintf("%s.%s", given_text[0], given_text[1]) :
		text_to_cstring(PG_GETARG_TEXT_PP(6));

	memset(&given, 0, sizeof(given));
	given.sub = sub = cdc_subscription_get_own(given_text[0]);
	given.server = given_text[1];
	parse_publication(&given, given_text[4], given_text[2], given_text[3], options);
	(void) check_server(&given);
	store_publication(name, sub->name, given_text[1], given_text[2], given_text[3], given_text[4], options, from_seq);
	publication = lock_publication(name);
	if (publication != NULL && strcmp(publication->sub->name, sub->name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("publication \"%s\" is one of subscription \"%s\"", name,
						publication->sub->name),
				 errhint("Give another name, or drop it: SELECT cdc.drop_publication(%s).",
						 quote_literal_cstr(name))));
	PG_RETURN_INT64(cdc_publish_run(name, max_events, &more));
}

Datum
cdc_publish_more(PG_FUNCTION_ARGS)
{
	char	   *name;
	int64		events;
	bool		more;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("publication must not be null")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	events = cdc_publish_run(name, max_events_argument(fcinfo, 1), &more);
	if (events < 0)
		publication_missing(name);
	PG_RETURN_INT64(events);
}

/*
 * Administration
 */

/*
 * A worker that publishes holds the row's lock, and where the brokers do not answer
 * it does so for minutes.  It is ended: what was not confirmed is sent again by the
 * next one.
 */
static CdcPublication *
lock_from_worker(const char *name)
{
	static CdcStatement stmt = {
		"SELECT subscription, enabled FROM cdc.publication WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(name);
	CdcSubscription *sub;
	char	   *subscription = NULL;
	bool		enabled = false;
	bool		isnull;
	CdcPublication *p;
	CdcSpi		spi;

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) > 0)
	{
		subscription = cdc_spi_text(&spi, 0, 1);
		enabled = DatumGetBool(cdc_spi_datum(0, 2, &isnull));
	}
	cdc_spi_end(&spi);
	if (subscription == NULL)
		publication_missing(name);
	sub = cdc_subscription_get_own(subscription);
#if CDC_HAVE_WORKERS
	if (enabled)
		cdc_slot_terminate(MyDatabaseId, sub->id, CDC_WORKER_PUBLISH);
#else
	(void) sub;
	(void) enabled;
#endif
	p = lock_publication(name);
	if (p == NULL)
		publication_missing(name);
	return p;
}

static Datum
set_enabled(FunctionCallInfo fcinfo, bool enabled)
{
	static CdcStatement stmt = {
		"UPDATE cdc.publication SET enabled = $2 WHERE name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, BOOLOID}
	};
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CdcPublication *p = enabled ? lock_publication(name) : lock_from_worker(name);
	Datum		values[2];
	CdcSpi		spi;

	if (p == NULL)
		publication_missing(name);
	values[0] = CStringGetTextDatum(name);
	values[1] = BoolGetDatum(enabled);
	cdc_spi_begin(&spi);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	cdc_log(p->sub->name, "publication",
			psprintf("publication \"%s\" %s", name, enabled ? "enabled" : "disabled"), NULL);
	cdc_subscription_changed();
	if (enabled)
		cdc_notice_preload();
	PG_RETURN_VOID();
}

Datum
cdc_enable_publication(PG_FUNCTION_ARGS)
{
	return set_enabled(fcinfo, true);
}

Datum
cdc_disable_publication(PG_FUNCTION_ARGS)
{
	return set_enabled(fcinfo, false);
}

List *
cdc_publications_enabled(const CdcSubscription *sub, MemoryContext cxt)
{
	static CdcStatement stmt = {
		"SELECT name FROM cdc.publication WHERE enabled AND subscription OPERATOR(pg_catalog.=) $1"
		" ORDER BY name",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(sub->name);
	List	   *names = NIL;
	CdcSpi		spi;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, NULL);
	for (i = 0; i < n; i++)
	{
		char	   *name = cdc_spi_text(&spi, i, 1);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		names = lappend(names, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return names;
}

Datum
cdc_drop_publication(PG_FUNCTION_ARGS)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc.publication WHERE name OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}
	};
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CdcPublication *p = lock_from_worker(name);

	(void) cdc_spi_run(&stmt, name);
	cdc_log(p->sub->name, "publication", psprintf("publication \"%s\" dropped", name),
			psprintf("published up to seq " INT64_FORMAT, p->published_seq));
	cdc_subscription_changed();
	PG_RETURN_VOID();
}
