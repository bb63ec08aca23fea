/*-------------------------------------------------------------------------
 *
 * publication.c
 *	  cdc.publication: what a publication sends where, and up to which event it
 *	  has; its administration.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/publish/publish_internal.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "core/pattern.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/process/background.h"
#include "pg/process/shmem.h"
#include "pg/base/utf8.h"
#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"
#include "pg/options/option_json.h"
#include "pg/catalog/spi.h"

PG_FUNCTION_INFO_V1(cdc_enable_publication);
PG_FUNCTION_INFO_V1(cdc_disable_publication);
PG_FUNCTION_INFO_V1(cdc_drop_publication);

/* By CdcPublishFormat. */
static const char *const format_names[] = {
	"maxwell", "json", "es_bulk", "debezium", "goldengate_row", "goldengate_op", "canal", "quix"
};

const char *
cdc_publish_format_name(int format)
{
	return format_names[format];
}

/* ------------------------------------------------------------------------
 * Definitions
 * ------------------------------------------------------------------------
 */

/* The format of a name; ERROR where there is none of it. */
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
			 errhint("Valid formats are: maxwell, json, es_bulk, debezium, goldengate_row, goldengate_op, canal, quix.")));
	return -1;
}

List *
cdc_publish_split_names(const char *list)
{
	List	   *result = NIL;
	char	   *copy = pstrdup(list);
	char	   *rest;
	char	   *name;

	for (name = strtok_r(copy, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest))
	{
		char	   *end;

		while (*name == ' ')
			name++;
		for (end = name + strlen(name); end > name && end[-1] == ' ';)
			*--end = '\0';
		if (*name != '\0')
			result = lappend(result, name);
	}
	return result;
}

/* The patterns of the option exclude; ERROR where one is none. */
static List *
parse_exclude(const char *list)
{
	List	   *patterns = list != NULL ? cdc_publish_split_names(cdc_to_utf8(list)) : NIL;
	CdcError	err;
	ListCell   *lc;

	foreach(lc, patterns)
		if (cdc_failed(cdc_pattern_check(lfirst(lc), &err)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"exclude\": %s", err.message),
					 errhint("Write patterns as in exclude of cdc.create_subscription, separated by commas: 'shop.log, shop.tmp*'.")));
	return patterns;
}

bool
cdc_publication_excludes(const CdcPublication *p, const CdcPublishEvent *event)
{
	const char *database;
	const char *table;
	ListCell   *lc;

	if (p->exclude == NIL || event->table.len == 0)
		return false;
	database = pnstrdup(event->database.data, event->database.len);
	table = pnstrdup(event->table.data, event->table.len);
	foreach(lc, p->exclude)
		if (cdc_pattern_match(lfirst(lc), database, table))
			return true;
	return false;
}

char *
cdc_publication_statement(const CdcPublication *p, const char *option, const char *value)
{
	StringInfoData given;
	Jsonb	   *options;

	initStringInfo(&given);
	appendStringInfoChar(&given, '{');
	escape_json(&given, option);
	appendStringInfoString(&given, ": ");
	escape_json(&given, value);
	appendStringInfoChar(&given, '}');
	options = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(given.data)));
	options = cdc_options_merge(p->options, options);
	return psprintf("SELECT cdc.publish(%s, %s, topic_template := %s, key_template := %s, format := %s, options := %s, name := %s);",
					quote_literal_cstr(p->sub->name), quote_literal_cstr(p->server),
					quote_literal_cstr(cdc_from_utf8(p->topic_template)),
					quote_literal_cstr(cdc_from_utf8(p->key_template)),
					quote_literal_cstr(cdc_publish_format_name(p->format)),
					quote_literal_cstr(JsonbToCString(NULL, &options->root, VARSIZE(options))),
					quote_literal_cstr(p->name));
}

void
cdc_publication_parse(CdcPublication *p, const CdcPublicationText *def)
{
	p->options = def->options;
	p->format = format_by_name(def->format);
	p->topic_template = cdc_to_utf8(def->topic_template);
	p->key_template = cdc_to_utf8(def->key_template);
	cdc_publication_options_parse(def->options, &p->opt);
	p->exclude = parse_exclude(p->opt.exclude);
	if (def->topic_template[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic_template must not be empty"),
				 errhint("Write a topic's name, or a template such as 'cdc.${database}.${table}'.")));
	cdc_publish_check_template("topic_template", def->topic_template);
	cdc_publish_check_template("key_template", def->key_template);
	cdc_publish_check_template("option \"ddl_topic\"", p->opt.ddl_topic);
	cdc_publish_check_template("option \"raw_topic\"", p->opt.raw_topic);
	cdc_publish_check_template("option \"index\"", p->opt.index_template);
	cdc_publish_check_template("option \"schema_topic\"", p->opt.schema_topic);
	if (p->format == CDC_PUBLISH_ES_BULK)
		cdc_publish_check_index(p->opt.index_template);
}

CdcPublication *
cdc_publication_lock(const char *name)
{
	static CdcStatement stmt = {
		"SELECT subscription, server::pg_catalog.text, topic_template, key_template, format,"
		" options, published_seq, server_oid::pg_catalog.int8"
		" FROM cdc_catalog.publication WHERE name OPERATOR(pg_catalog.=) $1 FOR UPDATE",
		1, {TEXTOID}
	};
	CdcPublicationText def;
	CdcPublication *p;
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(name);
	MemoryContext old;
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
	def.options = (const Jsonb *) PG_DETOAST_DATUM_COPY(cdc_spi_datum(0, 6, JSONBOID, &isnull));
	MemoryContextSwitchTo(old);
	def.subscription = cdc_spi_text(&spi, 0, 1);
	def.server = cdc_spi_text(&spi, 0, 2);
	def.topic_template = cdc_spi_text(&spi, 0, 3);
	def.key_template = cdc_spi_text(&spi, 0, 4);
	def.format = cdc_spi_text(&spi, 0, 5);
	p->published_seq = cdc_spi_int64(0, 7);
	p->server_oid = (Oid) cdc_spi_int64(0, 8);
	cdc_spi_end(&spi);
	p->server = def.server;
	p->first_seq = p->published_seq + 1;
	p->sub = cdc_subscription_get_own(def.subscription);
	cdc_publication_parse(p, &def);
	return p;
}

void
cdc_publication_store(const char *name, const CdcPublicationText *def, int64 from_seq)
{
	static CdcStatement update = {
		"UPDATE cdc_catalog.publication SET server = $3::pg_catalog.name, topic_template = $4, key_template = $5,"
		" format = $6, options = $7, server_oid = $8 WHERE name OPERATOR(pg_catalog.=) $1"
		" AND subscription OPERATOR(pg_catalog.=) $2"
		" AND (server_oid IS NULL OR server_oid OPERATOR(pg_catalog.<>) $8 OR topic_template OPERATOR(pg_catalog.<>) $4"
		"  OR key_template OPERATOR(pg_catalog.<>) $5 OR format OPERATOR(pg_catalog.<>) $6"
		"  OR options OPERATOR(pg_catalog.<>) $7)",
		8, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, OIDOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.publication (name, subscription, server, topic_template, key_template, format,"
		" options, server_oid, published_seq) SELECT $1, $2, $3::pg_catalog.name, $4, $5, $6, $7, $8, $9"
		" WHERE NOT EXISTS (SELECT 1 FROM cdc_catalog.publication WHERE name OPERATOR(pg_catalog.=) $1)",
		9, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, OIDOID, INT8OID}
	};
	Datum		values[9];
	CdcSpi		spi;
	uint64		made;

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(def->subscription);
	values[2] = CStringGetTextDatum(def->server);
	values[3] = CStringGetTextDatum(def->topic_template);
	values[4] = CStringGetTextDatum(def->key_template);
	values[5] = CStringGetTextDatum(def->format);
	values[6] = JsonbPGetDatum((Jsonb *) def->options);
	values[7] = ObjectIdGetDatum(def->server_oid);
	values[8] = Int64GetDatum(from_seq - 1);
	cdc_spi_begin(&spi);
	/* on Greenplum an UPDATE locks the table: who had an INSERT's lock on it would wait for others that have */
	made = cdc_spi_execute(&update, values, NULL);
	if (made == 0)
		made = cdc_spi_execute(&insert, values, NULL);
	cdc_spi_end(&spi);
	if (made > 0)
		cdc_log(def->subscription, "publication", psprintf("publication \"%s\" set up", name),
				NULL);
}

void
cdc_publication_advance(const CdcPublisher *publisher, int64 seq)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.publication SET published_seq = $2, events = events OPERATOR(pg_catalog.+) $3,"
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

void
cdc_publication_missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("publication \"%s\" does not exist", name),
			 errhint("The first call of cdc.publish() makes it; cdc.publication lists them.")));
	pg_unreachable();
}

/* ------------------------------------------------------------------------
 * Administration
 * ------------------------------------------------------------------------
 */

/*
 * Locks a publication that its worker may be at.  The worker holds the row's lock, and
 * where the brokers do not answer it does so for minutes: it is terminated, as what was
 * not confirmed is sent again by the next one.
 */
static CdcPublication *
lock_from_worker(const char *name)
{
	static CdcStatement stmt = {
		"SELECT subscription, enabled, id FROM cdc_catalog.publication WHERE name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	Datum		value = CStringGetTextDatum(name);
	char	   *subscription = NULL;
	bool		enabled = false;
	bool		isnull;
	int32		id = 0;
	CdcPublication *p;
	CdcSpi		spi;

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) > 0)
	{
		subscription = cdc_spi_text(&spi, 0, 1);
		enabled = DatumGetBool(cdc_spi_datum(0, 2, BOOLOID, &isnull));
		id = DatumGetInt32(cdc_spi_datum(0, 3, INT4OID, &isnull));
	}
	cdc_spi_end(&spi);
	if (subscription == NULL)
		cdc_publication_missing(name);
	(void) cdc_subscription_get_own(subscription);
	if (enabled)
		cdc_slot_terminate_publication(MyDatabaseId, id);
	p = cdc_publication_lock(name);
	if (p == NULL)
		cdc_publication_missing(name);
	return p;
}

/* cdc.enable_publication and cdc.disable_publication */
static Datum
set_enabled(FunctionCallInfo fcinfo, bool enabled)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.publication SET enabled = $2 WHERE name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, BOOLOID}
	};
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CdcPublication *p = enabled ? cdc_publication_lock(name) : lock_from_worker(name);
	Datum		values[2];
	CdcSpi		spi;

	if (p == NULL)
		cdc_publication_missing(name);
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

char *
cdc_publication_enabled(const CdcSubscription *sub, int32 id)
{
	static CdcStatement stmt = {
		"SELECT name FROM cdc_catalog.publication WHERE enabled AND subscription OPERATOR(pg_catalog.=) $1"
		" AND id OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, INT4OID}
	};
	Datum		values[2];
	char	   *name = NULL;
	CdcSpi		spi;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = Int32GetDatum(id);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		name = cdc_spi_text(&spi, 0, 1);
	cdc_spi_end(&spi);
	return name;
}

Datum
cdc_drop_publication(PG_FUNCTION_ARGS)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.publication WHERE name OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}
	};
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CdcPublication *p = lock_from_worker(name);

	(void) cdc_spi_run(&stmt, name);
	cdc_failure_forget(p->sub->name, psprintf("publish %s", name));
	cdc_log(p->sub->name, "publication", psprintf("publication \"%s\" dropped", name),
			psprintf("published up to seq " INT64_FORMAT, p->published_seq));
	cdc_subscription_changed();
	PG_RETURN_VOID();
}
