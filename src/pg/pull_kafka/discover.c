/*-------------------------------------------------------------------------
 *
 * discover.c
 *	  Tables that messages are the first to name: replicas in the subscription's
 *	  target_schema.
 *
 * A subscription from Kafka has no server that could be asked for its tables.  What
 * an envelope tells of the columns' types is taken, else what the values of the
 * first row are.  Pull does it, not apply: apply may fail at a later event of its
 * batch, of which the user then changes the table that was made.
 *
 * A table that is added by hand later is made from what the history has of it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/discover.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "envelope/doc_tree.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/identity.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/datum/jsonb_document.h"
#include "pg/history/scan.h"
#include "pg/pull_kafka/pull_kafka_internal.h"
#include "pg/schema/schema.h"
#include "pg/mapping/envelope.h"
#include "pg/mapping/registry.h"
#include "pg/mapping/cache.h"

/* The columns as a definition; *typed: the envelope says all of their types. */
static CdcTableDef *
make_definition(const CdcEnvelopeColumn *columns, int n, bool *typed)
{
	CdcTableDef *def = palloc0(sizeof(CdcTableDef));
	int			i;

	def->ncolumns = n;
	def->columns = palloc0(sizeof(CdcColumnDef) * n);
	*typed = true;
	for (i = 0; i < n; i++)
	{
		CdcColumnDef *column = &def->columns[i];

		column->name = columns[i].name;
		column->column_type = columns[i].column_type;
		column->extra = "";
		column->nullable = columns[i].nullable;
		column->pk = columns[i].pk;
		if (!columns[i].told)
			*typed = false;
	}
	return def;
}

/* What a message says of its table. */
typedef struct Described
{
	CdcTable   *table;			/* NULL: nothing */
	CdcTableDef *def;			/* its strings are in the arena of the message */
	bool		typed;			/* the envelope tells all types */
} Described;

/* The table is in the schema's memory. */
static void
describe(const CdcSubscription *sub, CdcSchema *schema, CdcArena *arena, CdcEnvelope *env,
		 Described *d)
{
	CdcEnvelopeColumn *columns;
	CdcError	err;
	int			n;

	d->table = NULL;
	CDC_CHECK(cdc_envelope_columns(arena, env, &columns, &n, &err), &err, sub->name);
	if (n == 0)
		return;
	d->def = make_definition(columns, n, &d->typed);
	d->table = cdc_schema_make_table(schema, env->database, env->table, d->def);
	d->table->full_name = pstrdup(env->source_table);
}

/* What was only made out of values must not stand in the way of what is written by hand. */
static void
store_definition(const CdcSubscription *sub, const Described *d, int64 seq)
{
	CdcSchemaPlace place = {seq, NULL};

	if (d->typed)
		cdc_schema_store(sub->name, d->table->full_name, d->def, &place, NULL, false);
}

/*
 * Tells that the types of a replica that was just made are made out from values, where these are
 * not what they look like: Debezium's dates, times and decimals without their schema.
 */
static void
tell_guess(const CdcSubscription *sub, const Described *d)
{
	char	   *name = cdc_from_utf8_copy(d->table->full_name);
	const char *target = cdc_subscription_table_find(sub, name)->target;
	const char *example = NULL;
	StringInfoData columns;
	char	   *message;
	char	   *detail;
	char	   *hint;
	int			i;

	initStringInfo(&columns);
	for (i = 0; i < d->def->ncolumns; i++)
	{
		const CdcColumnDef *column = &d->def->columns[i];

		/* one of the key as an example would be no common one */
		if (example == NULL && (column->pk < 0 || i == d->def->ncolumns - 1))
			example = quote_identifier(cdc_from_utf8_copy(column->name));
		appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "",
						 quote_identifier(cdc_from_utf8_copy(column->name)));
	}
	if (example == NULL)
		return;
	message = psprintf("types of target %s of source table %s are guessed", target, name);
	detail = psprintf("Debezium without schemas writes dates and times as numbers, decimals and bytes in base64, and does not tell which of %s are such.",
					  columns.data);
	hint = psprintf("If one is, its type, and the rows anew: TRUNCATE %s; ALTER TABLE %s ALTER COLUMN %s TYPE date USING NULL; SELECT cdc.alter_table(%s, %s, target := %s); Or have the converter write schemas (value.converter.schemas.enable).",
					target, target, example, quote_literal_cstr(sub->name), quote_literal_cstr(name),
					quote_literal_cstr(target));
	cdc_log(sub->name, "types", message, psprintf("%s\nHINT:  %s", detail, hint));
	ereport(NOTICE,
			(errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static bool
is_debezium(const CdcEnvelope *env)
{
	return env->format == CDC_FORMAT_DEBEZIUM || env->format == CDC_FORMAT_DEBEZIUM_FLAT;
}

static bool
discover(const CdcSubscription *sub, CdcArena *arena, CdcEnvelope *env, int64 seq)
{
	CdcSchema  *schema = cdc_schema_create(CurrentMemoryContext, sub);
	Described	d;
	bool		was_there;

	describe(sub, schema, arena, env, &d);
	if (d.table == NULL)
	{
		cdc_schema_destroy(schema);
		return false;
	}
	store_definition(sub, &d, seq);
	was_there = OidIsValid(cdc_relation_by_name(quote_qualified_identifier(sub->target_schema,
																		   cdc_from_utf8_copy(d.table->name))));
	if (cdc_registry_add_discovered(sub, d.table, CDC_GENERATED_ALL, false) == 'r' && !was_there && !d.typed &&
		is_debezium(env))
		tell_guess(sub, &d);
	cdc_schema_destroy(schema);
	CommandCounterIncrement();
	return true;
}

bool
cdc_discover_table(const CdcSubscription *sub, CdcArena *arena, CdcEnvelope *env, int64 seq)
{
	MemoryContext cxt;
	MemoryContext old;
	bool		made;

	if (sub->target_schema == NULL ||
		cdc_target_is_registered(sub, cdc_from_utf8_copy(env->source_table)) ||
		cdc_subscription_table_is_removed(sub, cdc_from_utf8_copy(env->source_table)))
		return true;
	/* a delete says nothing but keys, and there is nothing that it could concern */
	if (env->op != CDC_OP_INSERT && env->op != CDC_OP_UPDATE && env->op != CDC_OP_SNAPSHOT &&
		env->op != CDC_OP_SCHEMA)
		return false;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest new table",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	made = discover(sub, arena, env, seq);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return made;
}

/* ---- from the history ---- */

/* A look for the definition of a table. */
typedef struct Look
{
	const CdcSubscription *sub;
	CdcMessageFormat format;
	CdcArena   *arena;			/* of the message at hand */
	CdcArena   *kept;			/* of the one that was found */
	MemoryContext context;		/* of what is found */
	CdcSchema  *schema;
	Described	found;			/* without a table: nothing yet */
	bool		partial;		/* by an update, which may lack columns */
	int			described;		/* messages that were looked at closely */
} Look;

/* Enough of them: they take memory, and what so many do not tell none will. */
#define LOOK_CLOSELY	100

/* The message of an event; false: it is no JSON. */
static bool
message_of_event(const CdcHistoryEvent *event, CdcArena *arena, CdcDoc *value, CdcDoc *key,
				 CdcMessage *message)
{
	uint32_t	schema_id;
	size_t		skip;

	memset(message, 0, sizeof(*message));
	message->topic = cdc_position_topic(event->position, event->position_len);
	if (event->raw != NULL)
	{
		(void) cdc_payload_look((const uint8_t *) event->raw, event->raw_len, &schema_id, &skip);
		if (cdc_failed(cdc_doc_parse(arena, event->raw + skip, event->raw_len - skip, value, NULL)))
			return false;
	}
	else if (event->event != NULL)
		cdc_doc_from_jsonb(event->event, value);
	else
		return false;
	message->value = value;
	if (event->key != NULL)
	{
		cdc_doc_from_jsonb(event->key, key);
		message->key = key;
	}
	return true;
}

/* Whether what a message says is better than what was found before. */
static bool
is_better(const Look *look, const Described *d, bool partial)
{
	if (look->found.table == NULL)
		return true;
	if (partial != look->partial)
		return look->partial;
	return d->table->npk > 0 && look->found.table->npk == 0;
}

/* CdcHistoryVisitor; the look ends at a whole row whose key is told. */
static bool
look_at_event(const CdcHistoryEvent *event, void *arg)
{
	Look	   *look = arg;
	bool		partial = event->op == CDC_OP_UPDATE;
	CdcDoc		value;
	CdcDoc		key;
	CdcMessage	message;
	CdcEnvelope env;
	CdcError	err;
	Described	d = {NULL, NULL, false};
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	if (event->op != CDC_OP_INSERT && event->op != CDC_OP_SNAPSHOT &&
		event->op != CDC_OP_SCHEMA && !partial)
		return true;
	cdc_arena_reset(look->arena);
	if (!message_of_event(event, look->arena, &value, &key, &message))
		return true;
	CDC_CHECK(cdc_envelope_read(look->arena, look->format, &message, &env, &err), &err,
			  look->sub->name);
	if (env.source_table == NULL ||
		(look->found.table != NULL && look->partial == partial && env.nkey == 0))
		return true;
	old = MemoryContextSwitchTo(look->context);
	describe(look->sub, look->schema, look->arena, &env, &d);
	MemoryContextSwitchTo(old);
	if (d.table != NULL && is_better(look, &d, partial))
	{
		CdcArena   *other = look->kept;

		look->kept = look->arena;
		look->arena = other;
		look->found = d;
		look->partial = partial;
	}
	return (look->found.table == NULL || look->partial || look->found.table->npk == 0) &&
		++look->described < LOOK_CLOSELY;
}

const CdcTable *
cdc_kafka_definition(const CdcSubscription *sub, const char *database, const char *table,
					 CdcGeneratedLogged *logged)
{
	Look		look = {.sub = sub,.context = CurrentMemoryContext};
	CdcHistoryScan scan;

	*logged = CDC_GENERATED_ALL;
	if (!cdc_format_by_name(sub->format, &look.format) || !cdc_format_is_json(look.format))
		return NULL;
	look.arena = cdc_schema_arena(CurrentMemoryContext);
	look.kept = cdc_schema_arena(CurrentMemoryContext);
	look.schema = cdc_schema_create(CurrentMemoryContext, sub);
	memset(&scan, 0, sizeof(scan));
	scan.sub = sub;
	scan.upto = PG_INT64_MAX;
	scan.source_table = database[0] != '\0' ? psprintf("%s.%s", database, table) : table;
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.visit = look_at_event;
	scan.arg = &look;
	cdc_history_scan(&scan);
	if (look.found.table != NULL)
		store_definition(sub, &look.found, 0);
	return look.found.table;
}
