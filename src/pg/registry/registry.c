/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  The schemas of a server's schema registry, by their numbers.
 *
 *	  The API is that of Confluent's registry, which others have too (Karapace, Apicurio
 *	  under /apis/ccompat/v7):
 *
 *		GET /schemas/ids/ID						{"schema", "schemaType", "references"}
 *		GET /subjects/SUBJECT/versions/VERSION	the same
 *
 *	  where a reference is {"name", "subject", "version"}, and errors are
 *	  {"error_code", "message"}.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/hash.h"
#include "pg/registry/registry.h"

#include "foreign/foreign.h"
#include "miscadmin.h"
#include "lib/stringinfo.h"
#include "nodes/nodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "envelope/doc_tree.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/registry/fetch.h"
#include "pg/remote/server_access.h"
#include "pg/schema/schema.h"
#include "source/thread.h"

/* Registries that are kept without a user, and schemas of one. */
#define KEPT_REGISTRIES		4
#define KEPT_SCHEMAS		1000

/* Of one schema: texts that it refers to, and bytes of all of them. */
#define MAX_REFERENCES		100
#define MAX_REFERENCE_DEPTH 16
#define MAX_SCHEMA_BYTES	((size_t) 4 * 1024 * 1024)

/* "no such schema" among the registry's error codes */
#define SCHEMA_NOT_FOUND	40403

/* What is asked for to see who answers; no registry has come so far. */
#define PROBED_PATH			"/schemas/ids/2147483647"

typedef struct Kept
{
	uint32		id;				/* first, as it is the key of a hash table */
	MemoryContext context;
	CdcMessageSchema schema;
} Kept;

struct CdcRegistry
{
	struct CdcRegistry *next;
	MemoryContext context;
	char	   *definition;
	char	   *server;
	Oid			serverid;
	Oid			user;
	CdcRegistryOptions options;
	HTAB	   *schemas;		/* Kept by id */
	int			users;
};

static CdcRegistry *registries;

/* ---- registries ---- */

/* Forgets those that nobody uses, but the newest ones. */
static void
drop_unused(void)
{
	CdcRegistry **at = &registries;
	int			n = 0;

	while (*at != NULL)
	{
		CdcRegistry *registry = *at;

		if (registry->users > 0 || ++n <= KEPT_REGISTRIES)
			at = &registry->next;
		else
		{
			*at = registry->next;
			MemoryContextDelete(registry->context);
		}
	}
}

static void
release(void *arg)
{
	((CdcRegistry *) arg)->users--;
}

static const char *
kept_text(const char *text)
{
	return text != NULL ? pstrdup(text) : NULL;
}

static void
make_schemas(CdcRegistry *registry)
{
	registry->schemas = cdc_hash_of_bytes("cdc_ingest schemas of a registry", 16, sizeof(uint32),
										  sizeof(Kept), registry->context);
}

/* The statement that says who asks: by name and password, or by a token. */
static char *
who_hint(const CdcRegistry *registry)
{
	ForeignServer *server = GetForeignServer(registry->serverid);
	UserMapping *mapping = cdc_server_user_mapping(server, registry->user);
	const char *name = quote_identifier(server->servername);
	Oid			user = mapping != NULL ? mapping->userid : registry->user;
	const char *role;
	const char *add = "";
	const char *set = "";

	if (mapping != NULL)
	{
		add = cdc_kafka_property_value(mapping->options, "schema.registry.user") != NULL ? "SET " : "ADD ";
		set = cdc_kafka_property_value(mapping->options, "schema.registry.password") != NULL ? "SET " : "ADD ";
	}
	role = OidIsValid(user) ? quote_identifier(CDC_USER_NAME(user)) : "PUBLIC";
	return psprintf("Who asks is said by the user mapping: %s USER MAPPING FOR %s SERVER %s OPTIONS (%sschema_registry_user '...', %sschema_registry_password '...'); or by its option schema_registry_token.",
					mapping != NULL ? "ALTER" : "CREATE", role, name, add, set);
}

static CdcRegistry *
make_registry(ForeignServer *server, Oid user, const CdcRegistryOptions *options,
			  const char *definition)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest schema registry",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcRegistry *registry = palloc0(sizeof(CdcRegistry));

	registry->context = context;
	registry->definition = pstrdup(definition);
	registry->server = pstrdup(server->servername);
	registry->serverid = server->serverid;
	registry->user = user;
	registry->options.url = kept_text(options->url);
	registry->options.timeout_ms = options->timeout_ms;
	registry->options.ca_file = kept_text(options->ca_file);
	registry->options.cert_file = kept_text(options->cert_file);
	registry->options.key_file = kept_text(options->key_file);
	registry->options.user = kept_text(options->user);
	registry->options.password = kept_text(options->password);
	registry->options.token = kept_text(options->token);
	registry->options.key_password = kept_text(options->key_password);
	make_schemas(registry);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, TopMemoryContext);
	registry->next = registries;
	registries = registry;
	return registry;
}

static CdcRegistry *
find_registry(const char *definition)
{
	CdcRegistry *registry;

	for (registry = registries; registry != NULL; registry = registry->next)
		if (strcmp(registry->definition, definition) == 0)
			return registry;
	return NULL;
}

/* The registry's address without slashes at its end; ERROR where the server has none. */
static void
read_options(ForeignServer *server, UserMapping *mapping, CdcRegistryOptions *options)
{
	size_t		len;

	cdc_registry_options_read(server->options, mapping != NULL ? mapping->options : NIL, options);
	if (options->url == NULL || options->url[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("server \"%s\" has no schema registry", server->servername),
				 errhint("Set the server option schema_registry_url: ALTER SERVER %s OPTIONS (ADD schema_registry_url 'http://host:8081').  For messages without a schema's number in front give the schema itself, with the option value_schema.",
						 quote_identifier(server->servername))));
	for (len = strlen(options->url); len > 0 && options->url[len - 1] == '/'; len--)
		;
	options->url = pnstrdup(options->url, len);
}

CdcRegistry *
cdc_registry_open(MemoryContext context, Oid serverid, Oid user)
{
	ForeignServer *server;
	UserMapping *mapping;
	CdcRegistryOptions options;
	CdcRegistry *registry;
	MemoryContextCallback *callback;
	char	   *definition;

	if (!OidIsValid(serverid))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("there is no schema registry without a foreign server"),
				 errhint("Name a server of %s that has the option schema_registry_url.", CDC_KAFKA_FDW)));
	server = GetForeignServer(serverid);
	cdc_server_check_wrapper(server, CDC_KAFKA_FDW, "bootstrap_servers");
	mapping = cdc_server_user_mapping(server, user);
	cdc_server_check_kafka_identity(server, mapping, user);
	read_options(server, mapping, &options);
	definition = psprintf("%u %u %s %s", serverid, user, nodeToString(server->options),
						  mapping != NULL ? nodeToString(mapping->options) : "");
	registry = find_registry(definition);
	if (registry == NULL)
		registry = make_registry(server, user, &options, definition);
	callback = MemoryContextAllocZero(context, sizeof(MemoryContextCallback));
	callback->func = release;
	callback->arg = registry;
	MemoryContextRegisterResetCallback(context, callback);
	registry->users++;
	drop_unused();
	return registry;
}

/* ---- asking ---- */

/* One schema with what it refers to, in the order in which they are to be parsed. */
typedef struct Ask
{
	CdcRegistry *registry;
	CdcFetch   *fetch;
	uint32		id;
	CdcPayloadFormat format;
	int64		deadline;
	CdcArena   *arena;			/* of answers */
	CdcSchemaText texts[MAX_REFERENCES + 1];
	char	   *paths[MAX_REFERENCES + 1];	/* what was asked for so far */
	int			ntexts;
	int			npaths;
	size_t		bytes;
	CdcError   *err;			/* of the message */
} Ask;

/* The registry could not be asked; err says how that went, its message is the reason. */
static CdcStatus
report_failure(Ask *ask, const char *path, CdcError *err)
{
	const CdcRegistryOptions *options = &ask->registry->options;
	char		reason[CDC_ERROR_TEXT];
	char		hint[CDC_ERROR_TEXT];
	CdcStatus	status = err->status;

	strlcpy(reason, err->message, sizeof(reason));
	strlcpy(hint, err->hint, sizeof(hint));
	cdc_error(err, status, "could not get schema %u from the schema registry of server \"%s\": %.300s",
			  ask->id, cdc_to_utf8(ask->registry->server), reason);
	cdc_error_detail(err, "It was asked for %s%s.", options->url, path);
	if (hint[0] != '\0')
		cdc_error_hint(err, "%s", hint);
	*ask->err = *err;
	return status;
}

static bool
is_blank(const char *text)
{
	return text == NULL || text[0] == '\0';
}

/*
 * What a registry says of an error: its message, of which not too much is shown, and nothing
 * where credentials were sent, as it could be these.
 */
static int64
error_code(Ask *ask, const CdcHttpAnswer *answer, char *text, size_t size)
{
	CdcDoc		doc;
	CdcError	ignored;
	CdcString	message;
	int64		code = 0;

	text[0] = '\0';
	if (cdc_doc_parse(ask->arena, answer->body, answer->len, &doc, &ignored) != CDC_OK)
		return 0;
	(void) cdc_doc_find_int64(&doc, "error_code", &code);
	message = cdc_doc_find_string(&doc, "message");
	if (code != 0 && message.len > 0 && is_blank(ask->registry->options.user) &&
		is_blank(ask->registry->options.token))
	{
		snprintf(text, size, ": %.*s", cdc_clip(message, 150), message.data);
		(void) cdc_clean_text(text, size, text);
	}
	return code;
}

/* What an answer other than 200 means for whoever asks; text: error_code()'s. */
static CdcStatus
explain_answer(const CdcRegistry *registry, const CdcHttpAnswer *answer, const char *text,
			   CdcError *err)
{
	cdc_error(err, answer->code >= 500 || answer->code == 429 ? CDC_ERR_SOURCE : CDC_ERR_CONFIG,
			  "it answers with HTTP status %ld%s", answer->code, text);
	if (answer->code == 401 || answer->code == 403)
	{
		err->status = answer->code == 401 ? CDC_ERR_AUTH : CDC_ERR_PRIVILEGE;
		cdc_error_hint(err, "%s", cdc_to_utf8(who_hint(registry)));
	}
	else if (answer->code / 100 == 3)
		cdc_error_hint(err, "Redirects are not followed, as they could lead credentials elsewhere: set schema_registry_url to where it leads, by ALTER SERVER %s OPTIONS (SET schema_registry_url '...').",
					   cdc_to_utf8(quote_identifier(registry->server)));
	else if (answer->code == 404)
		cdc_error_hint(err, "The server option schema_registry_url is the address below which /schemas/ids is: of Apicurio's registry, it ends with /apis/ccompat/v7.");
	return err->status;
}

static CdcStatus
explain_silence(CdcStatus st, CdcError *err)
{
	if (st == CDC_ERR_CONNECT)
		cdc_error_hint(err, "The server options schema_registry_url, schema_registry_timeout and, for TLS, schema_registry_ssl_ca_location say where it is and how long is waited.");
	return st;
}

/* What was answered is no schema, and so by no registry. */
static CdcStatus
explain_other(CdcError *err)
{
	cdc_error(err, CDC_ERR_PROTOCOL, "its answer is no schema");
	cdc_error_hint(err, "The server option schema_registry_url has to be the address of a schema registry with Confluent's API.");
	return CDC_ERR_PROTOCOL;
}

/* Whether it is the registry's answer for a schema that it has not. */
static bool
is_not_found(const CdcHttpAnswer *answer, int64 code)
{
	return answer->code == 404 && code == SCHEMA_NOT_FOUND;
}

/* An answer other than 200: the registry's fault, or the message's. */
static CdcStatus
refuse_answer(Ask *ask, const char *path, const CdcHttpAnswer *answer)
{
	char		text[256];
	int64		code = error_code(ask, answer, text, sizeof(text));
	CdcError	err;

	if (is_not_found(answer, code))
	{
		cdc_error(ask->err, CDC_ERR_VALUE, "schema registry of server \"%s\" has no schema %u",
				  cdc_to_utf8(ask->registry->server), ask->id);
		cdc_error_detail(ask->err, "It was asked for %s%s.", ask->registry->options.url, path);
		cdc_error_hint(ask->err, "The message may be of another registry than the server's option schema_registry_url names.");
		return CDC_ERR_VALUE;
	}
	(void) explain_answer(ask->registry, answer, text, &err);
	return report_failure(ask, path, &err);
}

/* Whether the answer has a schema, which doc is then. */
static bool
take_schema(Ask *ask, const CdcHttpAnswer *answer, CdcDoc *doc)
{
	CdcError	ignored;

	return cdc_is_utf8_text(answer->body, answer->len) &&
		cdc_doc_parse(ask->arena, answer->body, answer->len, doc, &ignored) == CDC_OK &&
		doc->type == CDC_DOC_OBJECT && cdc_doc_find_string(doc, "schema").len > 0;
}

/*
 * An answer that is no schema: from what is a registry, it is so for ever, and the message's fault.
 */
static CdcStatus
refuse_other(Ask *ask, const char *path)
{
	CdcHttpAnswer answer;
	CdcError	err;
	char		text[256];

	if (cdc_fetch_get(ask->fetch, &ask->registry->options, PROBED_PATH, ask->deadline, &answer,
					  &err) != CDC_OK ||
		!is_not_found(&answer, error_code(ask, &answer, text, sizeof(text))))
	{
		(void) explain_other(&err);
		return report_failure(ask, path, &err);
	}
	cdc_error(ask->err, CDC_ERR_VALUE, "what the schema registry of server \"%s\" has as schema %u is none",
			  cdc_to_utf8(ask->registry->server), ask->id);
	cdc_error_detail(ask->err, "It was asked for %s%s.", ask->registry->options.url, path);
	return CDC_ERR_VALUE;
}

/* The registry's document for a path. */
static CdcStatus
ask_for(Ask *ask, const char *path, CdcDoc *doc)
{
	CdcHttpAnswer answer;
	CdcError	err;
	CdcStatus	st = cdc_fetch_get(ask->fetch, &ask->registry->options, path, ask->deadline,
								   &answer, &err);

	if (st != CDC_OK)
	{
		(void) explain_silence(st, &err);
		return report_failure(ask, path, &err);
	}
	if (answer.code != 200)
		return refuse_answer(ask, path, &answer);
	return take_schema(ask, &answer, doc) ? CDC_OK : refuse_other(ask, path);
}

static CdcStatus
too_much(Ask *ask, const char *what)
{
	cdc_error(ask->err, CDC_ERR_LIMIT, "schema %u of the schema registry is too large", ask->id);
	cdc_error_detail(ask->err, "%s.", what);
	return CDC_ERR_LIMIT;
}

static CdcStatus collect(Ask *ask, CdcString name, char *path, int depth);

/* /subjects/SUBJECT/versions/VERSION */
static char *
reference_path(CdcString subject, int64 version)
{
	StringInfoData path;
	size_t		i;

	initStringInfo(&path);
	appendStringInfoString(&path, "/subjects/");
	for (i = 0; i < subject.len; i++)
	{
		unsigned char c = (unsigned char) subject.data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '_' || (c == '.' && subject.len > 2))
			appendStringInfoChar(&path, (char) c);
		else
			appendStringInfo(&path, "%%%02X", c);
	}
	appendStringInfo(&path, "/versions/" INT64_FORMAT, version);
	return path.data;
}

static CdcStatus
collect_references(Ask *ask, const CdcDoc *doc, int depth)
{
	CdcDoc		references;
	CdcDoc		reference;
	CdcDocIter	iter;
	CdcString	key;
	CdcStatus	st = CDC_OK;

	if (!cdc_doc_find_type(doc, "references", CDC_DOC_ARRAY, &references))
		return CDC_OK;
	cdc_doc_begin(&references, &iter);
	while (st == CDC_OK && cdc_doc_next(&iter, &key, &reference))
	{
		CdcString	subject = cdc_doc_find_string(&reference, "subject");
		int64		version;

		if (subject.len == 0 || !cdc_doc_find_int64(&reference, "version", &version))
			return cdc_error(ask->err, CDC_ERR_VALUE,
							 "schema %u of the schema registry has a reference to nothing", ask->id);
		st = collect(ask, cdc_doc_find_string(&reference, "name"), reference_path(subject, version),
					 depth + 1);
	}
	return st;
}

/* The schema is not of the kind that the message is to be read with. */
static CdcStatus
refuse_kind(uint32 id, CdcPayloadFormat format, CdcString type, CdcError *err)
{
	cdc_error(err, CDC_ERR_UNSUPPORTED, "schema %u of the schema registry is not of %s, but of %.*s",
			  id, cdc_message_schema_kind(format), cdc_clip(type, 50), type.data);
	cdc_error_hint(err, "Messages of JSON Schema are read with value_format 'json_schema', those of Avro and Protobuf with 'avro' and 'protobuf'; of keys it is key_format.");
	return CDC_ERR_UNSUPPORTED;
}

/* The text at a path, behind those that it refers to; name is what others know it by. */
static CdcStatus
collect(Ask *ask, CdcString name, char *path, int depth)
{
	CdcDoc		doc;
	CdcDoc		type;
	CdcString	kind = {"AVRO", 4};
	CdcStatus	st;
	int			i;

	for (i = 0; i < ask->npaths; i++)
		if (strcmp(ask->paths[i], path) == 0)
			return CDC_OK;
	if (depth > MAX_REFERENCE_DEPTH || ask->npaths > MAX_REFERENCES)
		return too_much(ask, psprintf("It refers to more than %d others, or over more than %d steps",
									  MAX_REFERENCES, MAX_REFERENCE_DEPTH));
	ask->paths[ask->npaths++] = path;
	st = ask_for(ask, path, &doc);
	if (st != CDC_OK)
		return st;
	/* which kind is not said of Avro */
	if (cdc_doc_find_type(&doc, "schemaType", CDC_DOC_STRING, &type))
		kind = type.string;
	if (!cdc_string_is(kind, cdc_message_schema_type(ask->format)))
		return refuse_kind(ask->id, ask->format, kind, ask->err);
	st = collect_references(ask, &doc, depth);
	if (st != CDC_OK)
		return st;
	ask->texts[ask->ntexts].name = name;
	ask->texts[ask->ntexts].text = cdc_doc_find_string(&doc, "schema");
	ask->bytes += ask->texts[ask->ntexts++].text.len;
	return ask->bytes <= MAX_SCHEMA_BYTES ? CDC_OK :
		too_much(ask, psprintf("It has, with what it refers to, more than %zu bytes", MAX_SCHEMA_BYTES));
}

/* Fills schema, whose context is the current one's child for now. */
static CdcStatus
get_schema(CdcRegistry *registry, Kept *schema, CdcPayloadFormat format, CdcError *err)
{
	Ask		   *ask = palloc0(sizeof(Ask));
	CdcStatus	st;

	ask->registry = registry;
	ask->id = schema->id;
	ask->format = format;
	ask->err = err;
	ask->arena = cdc_schema_arena(CurrentMemoryContext);
	ask->deadline = cdc_now_ms() + registry->options.timeout_ms;
	ask->fetch = cdc_fetch_begin();
	cdc_error(err, CDC_OK, "%s", "");
	st = collect(ask, (CdcString) {"", 0}, psprintf("/schemas/ids/%u", schema->id), 0);
	cdc_fetch_end(ask->fetch);
	if (st == CDC_OK)
		st = cdc_message_schema_parse(schema->context, ask->arena, format, ask->texts, ask->ntexts,
									  &schema->schema, err);
	if (st != CDC_OK && err->detail[0] == '\0')
		cdc_error_detail(err, "It is schema %u of the schema registry.", schema->id);
	return st;
}

/*
 * A schema is asked for, as for a message, that is not likely to be there: that there is none
 * is an answer of a registry's, and of nobody else.
 */
CdcStatus
cdc_registry_probe(Oid serverid, Oid user, CdcError *err)
{
	Ask		   *ask = palloc0(sizeof(Ask));
	CdcHttpAnswer answer;
	CdcDoc		doc;
	char		text[256];
	CdcStatus	st;

	ask->registry = cdc_registry_open(CurrentMemoryContext, serverid, user);
	ask->arena = cdc_schema_arena(CurrentMemoryContext);
	ask->fetch = cdc_fetch_begin();
	cdc_error(err, CDC_OK, "%s", "");
	st = cdc_fetch_get(ask->fetch, &ask->registry->options, PROBED_PATH,
					   cdc_now_ms() + ask->registry->options.timeout_ms, &answer, err);
	if (st != CDC_OK)
		(void) explain_silence(st, err);
	else if (answer.code == 404 && error_code(ask, &answer, text, sizeof(text)) == SCHEMA_NOT_FOUND)
		st = CDC_OK;
	else if (answer.code != 200)
	{
		(void) error_code(ask, &answer, text, sizeof(text));
		st = explain_answer(ask->registry, &answer, text, err);
	}
	else if (!take_schema(ask, &answer, &doc))
		st = explain_other(err);
	cdc_fetch_end(ask->fetch);
	return st;
}

/* Forgets all schemas: there are too many of them. */
static void
forget_schemas(CdcRegistry *registry)
{
	HASH_SEQ_STATUS scan;
	Kept	   *schema;

	hash_seq_init(&scan, registry->schemas);
	while ((schema = hash_seq_search(&scan)) != NULL)
		MemoryContextDelete(schema->context);
	hash_destroy(registry->schemas);
	make_schemas(registry);
}

bool
cdc_registry_has_failed(CdcStatus status)
{
	return status == CDC_ERR_CONNECT || status == CDC_ERR_AUTH || status == CDC_ERR_PRIVILEGE ||
		status == CDC_ERR_SOURCE || status == CDC_ERR_CONFIG || status == CDC_ERR_PROTOCOL ||
		status == CDC_ERR_NOMEM || status == CDC_ERR_INTERNAL;
}

CdcStatus
cdc_registry_schema(CdcRegistry *registry, uint32 id, CdcPayloadFormat format,
					const CdcMessageSchema **schema, CdcError *err)
{
	Kept	   *known = hash_search(registry->schemas, &id, HASH_FIND, NULL);
	Kept		made;
	const char *type;
	MemoryContext work;
	MemoryContext old;
	CdcStatus	st;

	*schema = known != NULL ? &known->schema : NULL;
	if (known != NULL && known->schema.format == format)
		return CDC_OK;
	if (known != NULL)
	{
		type = cdc_message_schema_type(known->schema.format);
		return refuse_kind(id, format, (CdcString) {type, strlen(type)}, err);
	}
	work = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest schema", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(work);
	memset(&made, 0, sizeof(made));
	made.id = id;
	made.context = AllocSetContextCreate(work, "cdc_ingest schema of a registry",
										 ALLOCSET_SMALL_SIZES);
	st = get_schema(registry, &made, format, err);
	if (st == CDC_OK)
	{
		if (hash_get_num_entries(registry->schemas) >= KEPT_SCHEMAS)
			forget_schemas(registry);
		known = hash_search(registry->schemas, &id, HASH_ENTER, NULL);
		*known = made;
		MemoryContextSetParent(made.context, registry->context);
		*schema = &known->schema;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return st;
}
