/*-------------------------------------------------------------------------
 *
 * debezium.c
 *	  Messages of Debezium's connectors as JSON, with and without schemas: rows in
 *	  their envelope, rows alone (after ExtractNewRecordState), and what the
 *	  connectors write beside them: transactions, schema changes, heartbeats.
 *
 * Forms by Debezium's documentation (2.x, 3.x) and messages recorded from 3.3
 * (test/data/envelopes).
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

/* ---- recognition ---- */

static bool
is_row(const CdcDoc *body)
{
	CdcDoc		op;
	CdcDoc		v;

	return cdc_doc_find_type(body, "op", CDC_DOC_STRING, &op) && op.string.len == 1 &&
		(cdc_doc_find_type(body, "source", CDC_DOC_OBJECT, &v) ||
		 cdc_doc_find(body, "after", &v) || cdc_doc_find(body, "before", &v));
}

static bool
is_transaction(const CdcDoc *body)
{
	CdcDoc		v;

	return cdc_doc_find_type(body, "status", CDC_DOC_STRING, &v) &&
		(cdc_doc_is_string(&v, "BEGIN") || cdc_doc_is_string(&v, "END")) &&
		cdc_doc_find(body, "event_count", &v) && cdc_doc_find_type(body, "id", CDC_DOC_STRING, &v);
}

static bool
is_schema_change(const CdcDoc *body)
{
	CdcDoc		v;

	return cdc_doc_find(body, "ddl", &v) && cdc_doc_find(body, "databaseName", &v);
}

static bool
is_heartbeat(const CdcDoc *body)
{
	CdcDoc		v;

	return cdc_doc_find_type(body, "ts_ms", CDC_DOC_NUMBER, &v) && cdc_doc_count(body) == 1;
}

static bool
recognise(const CdcDoc *body)
{
	return is_row(body) || is_transaction(body) || is_schema_change(body) || is_heartbeat(body);
}

/* ---- time ---- */

/* The finest of ts_ns, ts_us, ts_ms. */
static int64_t
find_time(const CdcDoc *doc)
{
	int64_t		n;

	if (cdc_doc_find_int64(doc, "ts_us", &n) && n > 0)
		return n;
	if (cdc_doc_find_int64(doc, "ts_ms", &n) && n > 0 && n < INT64_MAX / 1000)
		return n * 1000;
	return 0;
}

/* ---- rows in their envelope ---- */

/* The connector's name, with the database where the table's own name has none; false: no memory. */
static bool
find_origin(CdcMessageReader *r, CdcString name, CdcString database)
{
	char	   *text;

	r->env->origin = name;
	if (name.len == 0 || database.len == 0)
		return true;
	text = cdc_arena_alloc(r->arena, name.len + database.len + 1);
	if (text == NULL)
		return false;
	memcpy(text, name.data, name.len);
	text[name.len] = '.';
	memcpy(text + name.len + 1, database.data, database.len);
	r->env->origin.data = text;
	r->env->origin.len = name.len + database.len + 1;
	return true;
}

/* MySQL: database.table; where there are schemas, schema.table, as in names of topics. */
static CdcStatus
read_source(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcString	database;
	CdcString	schema;
	CdcString	file;
	CdcBuf		buf = {0};
	CdcDoc		source;
	int64_t		n;

	if (!cdc_doc_find_type(&env->body, "source", CDC_DOC_OBJECT, &source))
	{
		env->source_us = find_time(&env->body);
		return cdc_reader_dotted_table(r, r->message->topic);
	}
	env->source_us = find_time(&source);
	if (env->source_us == 0)
		env->source_us = find_time(&env->body);
	env->gtid = cdc_doc_find_string(&source, "gtid");
	if (cdc_doc_find_int64(&source, "txId", &n) && n > 0)
		env->xid = (uint64_t) n;
	file = cdc_doc_find_string(&source, "file");
	if (file.len > 0 && cdc_doc_find_int64(&source, "pos", &n))
	{
		if (!cdc_buf_append(&buf, file.data, file.len) ||
			!cdc_buf_printf(&buf, ":%lld", (long long) n) ||
			(env->position.data = cdc_arena_strndup(r->arena, buf.data, buf.len)) == NULL)
		{
			cdc_buf_free(&buf);
			return cdc_reader_no_memory(r);
		}
		env->position.len = buf.len;
		cdc_buf_free(&buf);
	}
	database = cdc_doc_find_string(&source, "db");
	schema = cdc_doc_find_string(&source, "schema");
	if (!find_origin(r, cdc_doc_find_string(&source, "name"), schema.len > 0 ? database : schema))
		return cdc_reader_no_memory(r);
	if (schema.len > 0)
		database = schema;
	else if (database.len == 0)
		database = cdc_doc_find_string(&source, "collection");
	return cdc_reader_table(r, database, cdc_doc_find_string(&source, "table"));
}

/*
 * ByLogicalTableRouter, which puts several tables into one topic, adds the table to the
 * messages' keys.
 */
#define ROUTER_FIELD	"__dbz__physicalTableIdentifier"

static bool
is_router_field(CdcString name)
{
	return cdc_string_is(name, ROUTER_FIELD);
}

/*
 * Takes the columns of the message's key that are none of the row's: a router's field, be
 * it renamed or not.  row is CDC_DOC_NULL where the message has none.
 */
static CdcStatus
read_row_key(CdcMessageReader *r, const CdcDoc *row)
{
	CdcEnvelope *env = r->env;
	CdcStatus	st = cdc_reader_key_object(r);
	CdcString  *names;
	CdcDoc	   *values;
	CdcDoc		value;
	int			n = 0;

	if (st != CDC_OK || env->nkey == 0)
		return st;
	names = cdc_arena_alloc(r->arena, sizeof(CdcString) * (size_t) env->nkey);
	values = cdc_arena_alloc(r->arena, sizeof(CdcDoc) * (size_t) env->nkey);
	if (names == NULL || values == NULL)
		return cdc_reader_no_memory(r);
	for (int i = 0; i < env->nkey; i++)
	{
		if (row->type == CDC_DOC_OBJECT ?
			!cdc_doc_get(row, env->key[i].data, env->key[i].len, &value) :
			is_router_field(env->key[i]))
			continue;
		names[n] = env->key[i];
		values[n++] = env->key_values[i];
	}
	env->key = names;
	env->key_values = values;
	env->nkey = n;
	return CDC_OK;
}

/* Whether a value of a row is {"value", "set"}, with what Cassandra's connector has beside. */
static bool
is_cell(const CdcDoc *value)
{
	CdcDoc		v;

	return value->type == CDC_DOC_OBJECT && cdc_doc_find(value, "value", &v) &&
		(cdc_doc_find_type(value, "set", CDC_DOC_TRUE, &v) || cdc_doc_find_type(value, "set", CDC_DOC_FALSE, &v)) &&
		cdc_doc_count(value) == (cdc_doc_find(value, "deletion_ts", &v) ? 3 : 2);
}

/* Refuses rows whose values say whether they were set: a NULL may be one that has not changed. */
static CdcStatus
check_cells(CdcMessageReader *r, const CdcDoc *image)
{
	CdcString	name;
	CdcDocIter	iter;
	CdcDoc		v;

	cdc_doc_begin(image, &iter);
	while (cdc_doc_next(&iter, &name, &v))
	{
		if (!is_cell(&v))
			continue;
		cdc_error(r->err, CDC_ERR_UNSUPPORTED, "rows of Debezium's connectors for Cassandra and YugabyteDB are not supported as they are");
		cdc_error_detail(r->err, "The value of column \"%.*s\" is an object that says whether it was set.",
						 cdc_clip(name, 200), name.data);
		cdc_error_hint(r->err, "YugabyteDB: have YBExtractNewRecordState write plain rows, of a stream with the record type ALL or FULL_ROW_NEW_IMAGE, and read them in format debezium_flat; or use the connector for pgoutput, whose messages are PostgreSQL's. Cassandra: make rows plain by a transform of your own, where all columns are always set.");
		return CDC_ERR_UNSUPPORTED;
	}
	return CDC_OK;
}

/* Connectors whose rows are in a form of their own. */
static CdcStatus
check_connector(CdcMessageReader *r)
{
	CdcString	connector = {"", 0};
	CdcDoc		v;

	if (cdc_doc_find_type(&r->env->body, "source", CDC_DOC_OBJECT, &v))
		connector = cdc_doc_find_string(&v, "connector");
	if (cdc_string_is(connector, "mongodb"))
	{
		cdc_error(r->err, CDC_ERR_UNSUPPORTED, "messages of Debezium's connector for MongoDB are not supported");
		cdc_error_detail(r->err, "Their documents are texts in a form of their own.");
		cdc_error_hint(r->err, "Have the connector write rows (ExtractNewDocumentState), and read them in format debezium_flat.");
		return CDC_ERR_UNSUPPORTED;
	}
	if ((cdc_string_is(connector, "cassandra") || cdc_string_is(connector, "yugabytedb")) &&
		(cdc_doc_find_type(&r->env->body, "after", CDC_DOC_OBJECT, &v) ||
		 cdc_doc_find_type(&r->env->body, "before", CDC_DOC_OBJECT, &v)))
		return check_cells(r, &v);
	return CDC_OK;
}

static CdcStatus
read_row(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc		field;
	CdcDoc		fields;
	CdcDoc		v;
	int64_t		n;
	CdcStatus	st = read_source(r);

	if (st != CDC_OK)
		return st;
	st = check_connector(r);
	if (st != CDC_OK)
		return st;
	st = cdc_reader_image(r, &env->body, "after", CDC_DOC_OBJECT, &env->after);
	if (st == CDC_OK)
		st = cdc_reader_image(r, &env->body, "before", CDC_DOC_OBJECT, &env->before);
	if (st != CDC_OK)
		return st;
	fields = env->fields;
	cdc_doc_set_null(&env->fields);
	if (cdc_debezium_field(&fields, "after", &field) ||
		cdc_debezium_field(&fields, "before", &field))
		(void) cdc_doc_find_type(&field, "fields", CDC_DOC_ARRAY, &env->fields);
	if (cdc_doc_find_type(&env->body, "transaction", CDC_DOC_OBJECT, &v) &&
		cdc_doc_find_int64(&v, "total_order", &n) && n > 0)
		env->xoffset = n - 1;
	env->tells_gone = true;
	switch (env->type.data[0])
	{
		case 'c':
		case 'u':
		case 'd':
		case 'r':
			env->op = (CdcOp) env->type.data[0];
			break;
		case 't':
			env->op = CDC_OP_TRUNCATE;
			return CDC_OK;
		case 'm':
			env->op = CDC_OP_CONTROL;
			return CDC_OK;
		default:
			return cdc_reader_refuse(r, "debezium", "Its op is \"%.*s\".", cdc_clip(env->type, 10),
									 env->type.data);
	}
	if (env->table[0] == '\0')
		return cdc_reader_refuse(r, "debezium", "Its \"source\" names no table.");
	st = read_row_key(r, env->op == CDC_OP_DELETE ? &env->before : &env->after);
	if (st != CDC_OK)
		return st;
	if (env->op == CDC_OP_DELETE)
	{
		if (env->before.type == CDC_DOC_NULL && env->nkey == 0)
			return cdc_reader_refuse(r, "debezium", "It is a delete without \"before\", and the message has no key.");
		env->keep_key = env->before.type == CDC_DOC_NULL;
	}
	else if (env->op == CDC_OP_UPDATE && env->before.type == CDC_DOC_NULL)
		env->keep_key = env->nkey > 0;
	if (env->op != CDC_OP_DELETE && env->after.type == CDC_DOC_NULL)
		return cdc_reader_refuse(r, "debezium", "Its op is \"%.*s\", but it has no object \"after\".",
								 1, env->type.data);
	return CDC_OK;
}

/* ---- beside the rows ---- */

/* "\"db\".\"schema\".\"table\"", of tableChanges, without quotes. */
static CdcStatus
read_table_id(CdcMessageReader *r, CdcString id)
{
	char	   *name = cdc_arena_alloc(r->arena, id.len + 1);
	size_t		n = 0;
	size_t		i;

	if (name == NULL)
		return cdc_reader_no_memory(r);
	for (i = 0; i < id.len; i++)
		if (id.data[i] != '"')
			name[n++] = id.data[i];
	return cdc_reader_dotted_table(r, (CdcString) {name, n});
}

static CdcStatus
read_schema_change(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc		source;
	CdcDoc		changes;
	CdcDoc		change;
	CdcDocIter	iter;
	CdcString	key;

	env->op = CDC_OP_SCHEMA;
	env->sql = cdc_doc_find_string(&env->body, "ddl");
	env->source_us = find_time(&env->body);
	cdc_doc_set_null(&env->fields);
	if (cdc_doc_find_type(&env->body, "source", CDC_DOC_OBJECT, &source))
		env->gtid = cdc_doc_find_string(&source, "gtid");
	if (cdc_doc_find_type(&env->body, "tableChanges", CDC_DOC_ARRAY, &changes))
	{
		cdc_doc_begin(&changes, &iter);
		if (cdc_doc_next(&iter, &key, &change))
			return read_table_id(r, cdc_doc_find_string(&change, "id"));
	}
	return cdc_reader_table(r, cdc_doc_find_string(&env->body, "databaseName"),
							(CdcString) {"", 0});
}

static CdcStatus
read_debezium(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;

	if (is_row(&env->body))
	{
		env->type = cdc_doc_find_string(&env->body, "op");
		return read_row(r);
	}
	if (is_schema_change(&env->body))
		return read_schema_change(r);
	/* transactions and heartbeats */
	env->type = cdc_doc_find_string(&env->body, "status");
	env->source_us = find_time(&env->body);
	return CDC_OK;
}

static void
images(const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before)
{
	(void) row;
	after->values = env->after;
	before->values = env->before;
}

/* ---- rows alone ---- */

/* Fields that ExtractNewRecordState adds, and that its add.fields can add. */
static bool
is_added_field(CdcString name, const CdcDoc *value)
{
	static const char *const names[] = {
		"__deleted", "__op", "__table", "__db", "__schema", "__name", "__collection", "__ts_ms",
		"__ts_us", "__ts_ns", "__lsn", "__txId", "__xmin", "__version", "__connector",
		"__snapshot", "__sequence", "__file", "__pos", "__row", "__gtid", "__thread", "__query",
		"__server_id", "__scn", "__commit_scn"
	};

	(void) value;
	if (name.len < 4 || name.data[0] != '_' || name.data[1] != '_')
		return false;
	if ((name.len > 9 && memcmp(name.data, "__source_", 9) == 0) ||
		(name.len > 14 && memcmp(name.data, "__transaction_", 14) == 0))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (cdc_string_is(name, names[i]))
			return true;
	return false;
}

static bool
recognise_flat(const CdcDoc *body)
{
	CdcDoc		v;

	return cdc_doc_find(body, "__deleted", &v) || cdc_doc_find_type(body, "__op", CDC_DOC_STRING, &v);
}

/* The length of what stands before the last two parts of a name of three or more. */
static size_t
prefix_of_name(CdcString name)
{
	size_t		dots = 0;
	size_t		i;

	for (i = name.len; i > 0; i--)
		if (name.data[i - 1] == '.' && ++dots == 2)
			return i - 1;
	return 0;
}

/* The last two parts of a name of three or more, "server.database.table". */
static CdcStatus
read_name(CdcMessageReader *r, CdcString name)
{
	size_t		prefix = prefix_of_name(name);

	if (prefix > 0)
	{
		name.data += prefix + 1;
		name.len -= prefix + 1;
	}
	return cdc_reader_dotted_table(r, name);
}

/* Whether fields that were added to the row name its table. */
static bool
find_flat_table(const CdcDoc *body, CdcString *database, CdcString *table)
{
	*table = cdc_doc_find_string(body, "__table");
	*database = cdc_doc_find_string(body, "__schema");
	if (table->len == 0)
		*table = cdc_doc_find_string(body, "__source_table");
	if (database->len == 0)
		*database = cdc_doc_find_string(body, "__source_schema");
	if (database->len == 0)
		*database = cdc_doc_find_string(body, "__db");
	if (database->len == 0)
		*database = cdc_doc_find_string(body, "__source_db");
	return table->len > 0 && database->len > 0;
}

/* "server.database.table" by the schema's name, else by the topic's. */
static CdcString
full_name(const CdcMessageReader *r)
{
	CdcString	name = r->env->schema_name;

	if (name.len > 6 && memcmp(name.data + name.len - 6, ".Value", 6) == 0)
		return (CdcString) {name.data, name.len - 6};
	if (name.len > 4 && memcmp(name.data + name.len - 4, ".Key", 4) == 0)
		return (CdcString) {name.data, name.len - 4};
	return r->message->topic;
}

/* By its own fields, else by that name. */
static CdcStatus
read_flat_table(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcString	table;
	CdcString	database;
	CdcString	name = full_name(r);

	/* a tombstone has no other place for it */
	env->origin.data = r->message->topic.data;
	env->origin.len = prefix_of_name(r->message->topic);
	if (find_flat_table(&env->body, &database, &table))
		return cdc_reader_table(r, database, table);
	return read_name(r, name);
}

/*
 * The key of a row alone.  A router's field in it is a column of the table that has the
 * rows of several, as their keys need not differ; it is none of the tables themselves.
 */
static CdcStatus
read_flat_key(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcString	table;
	CdcString	database;
	CdcDoc		value;
	CdcStatus	st;

	if (find_flat_table(&env->body, &database, &table))
		return read_row_key(r, &env->body);
	st = cdc_reader_key_object(r);
	for (int i = 0; st == CDC_OK && i < env->nkey; i++)
		if (is_router_field(env->key[i]) &&
			!cdc_doc_get(&env->body, env->key[i].data, env->key[i].len, &value))
			env->keep_key = true;
	return st;
}

/* Whether all values of a row alone are such objects, which a document in one of its columns may be as well. */
static bool
has_only_cells(const CdcDoc *row)
{
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		v;
	int			n = 0;

	cdc_doc_begin(row, &iter);
	while (cdc_doc_next(&iter, &name, &v))
	{
		if (is_added_field(name, &v))
			continue;
		if (!is_cell(&v))
			return false;
		n++;
	}
	return n > 0;
}

static CdcStatus
read_flat(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc		deleted;
	int64_t		n;
	CdcStatus	st = read_flat_table(r);

	env->tells_gone = cdc_doc_find(&env->body, "__deleted", &deleted);

	if (st == CDC_OK && has_only_cells(&env->body))
		st = check_cells(r, &env->body);
	if (st == CDC_OK)
		st = read_flat_key(r);
	if (st != CDC_OK)
		return st;
	env->type = cdc_doc_find_string(&env->body, "__op");
	env->op = CDC_OP_UPDATE;
	if (env->type.len == 1 && strchr("crut", env->type.data[0]) != NULL)
		env->op = (CdcOp) env->type.data[0];
	if ((env->type.len == 1 && env->type.data[0] == 'd') ||
		(cdc_doc_find(&env->body, "__deleted", &deleted) &&
		 (deleted.type == CDC_DOC_TRUE || cdc_doc_is_string(&deleted, "true"))))
		env->op = CDC_OP_DELETE;
	if ((cdc_doc_find_int64(&env->body, "__source_ts_ms", &n) ||
		 cdc_doc_find_int64(&env->body, "__ts_ms", &n)) && n > 0 && n < INT64_MAX / 1000)
		env->source_us = n * 1000;
	env->gtid = cdc_doc_find_string(&env->body, "__source_gtid");
	if (env->op == CDC_OP_DELETE)
		env->before = env->body;
	else
		env->after = env->body;
	/* which row has changed only the key tells */
	if (env->op == CDC_OP_UPDATE && env->nkey > 0)
		env->keep_key = true;
	return CDC_OK;
}

/*
 * The table of a tombstone.  Of itself it says what its key and its topic say, which may be another one
 * than its rows have told: in their source, in fields of theirs (add.fields), by the name of their schema.
 * So it is that of the rows before it.  Where these are of several, ByLogicalTableRouter names it in the key, and
 * so does the key's schema.
 */
static CdcStatus
read_tombstone_table(CdcMessageReader *r)
{
	const char *rows_of = r->message->rows_of;
	CdcEnvelope *env = r->env;
	CdcDoc		routed;

	if (rows_of == NULL)
		return read_flat_table(r);
	if (strcmp(rows_of, CDC_ROWS_OF_SEVERAL) != 0 && strcmp(rows_of, CDC_ROWS_OF_TOLD) != 0)
	{
		env->origin.data = r->message->topic.data;
		env->origin.len = prefix_of_name(r->message->topic);
		return cdc_reader_dotted_table(r, (CdcString) {rows_of, strlen(rows_of)});
	}
	if (cdc_doc_find_type(&env->key_body, ROUTER_FIELD, CDC_DOC_STRING, &routed))
		return read_name(r, routed.string);
	if (env->schema_name.len > 0)
		return read_flat_table(r);
	if (strcmp(rows_of, CDC_ROWS_OF_TOLD) == 0)
	{
		env->op = CDC_OP_CONTROL;
		return CDC_OK;
	}
	cdc_error(r->err, CDC_ERR_VALUE, "a row was deleted, and the message does not tell of which table");
	cdc_error_detail(r->err, "It has no value. The rows before it are of several tables, which their values tell.");
	cdc_error_hint(r->err, "Set ExtractNewRecordState's delete.tombstone.handling.mode to rewrite, or give each table a topic of its own.");
	return CDC_ERR_VALUE;
}

/* Its key, less a router's field that is no column of the target's. */
static CdcStatus
read_tombstone_key(CdcMessageReader *r)
{
	const CdcMessage *message = r->message;
	CdcDoc		none;
	int			i;

	for (i = 0; i < message->nkey_columns; i++)
		if (is_router_field(message->key_columns[i]))
			return cdc_reader_key_object(r);
	cdc_doc_set_null(&none);
	return message->nkey_columns > 0 ? read_row_key(r, &none) : cdc_reader_key_object(r);
}

static CdcStatus
read_flat_tombstone(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcStatus	st;

	if (r->message->told)
		return CDC_OK;
	env->op = CDC_OP_DELETE;
	st = read_tombstone_table(r);
	if (st == CDC_OK && env->op == CDC_OP_DELETE)
		st = read_tombstone_key(r);
	if (st != CDC_OK || env->op != CDC_OP_DELETE)
		return st;
	if (env->nkey == 0)
	{
		if (env->key_body.type == CDC_DOC_NULL)
		{
			cdc_error(r->err, CDC_ERR_VALUE, "a row of a table without key was deleted, and the message does not tell which");
			cdc_error_detail(r->err, "The message has neither value nor key.");
			cdc_error_hint(r->err, "Set ExtractNewRecordState's delete.tombstone.handling.mode to rewrite, give the table a primary key, or leave its topic out.");
			return CDC_ERR_VALUE;
		}
		cdc_error(r->err, CDC_ERR_VALUE, "a row was deleted, and the message does not tell which");
		cdc_error_detail(r->err, "It has no value, and its key is %s, which names no column.",
						 cdc_doc_type_name(&env->key_body));
		cdc_error_hint(r->err, "Leave the transform ExtractField out of the connector, so that keys are objects; or declare format json, where messages have no fields beside the row's columns.");
		return CDC_ERR_VALUE;
	}
	env->keep_key = true;
	return CDC_OK;
}

/*
 * Behind the message of a delete it says nothing more.  In a compacted topic it may be all that is left of
 * the delete.
 */
static CdcStatus
read_tombstone(CdcMessageReader *r)
{
	CdcStatus	st = CDC_OK;

	if (r->message->rows_of != NULL && r->env->key_body.type != CDC_DOC_NULL)
		st = read_flat_tombstone(r);
	r->env->origin.len = 0;
	return st;
}

static void
flat_images(const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before)
{
	images(env, row, after, before);
	after->skip = before->skip = is_added_field;
}

const CdcEnvelopeFormat cdc_format_debezium = {
	CDC_FORMAT_DEBEZIUM, "debezium", recognise, read_debezium, read_tombstone, images,
	cdc_debezium_cell_type, cdc_debezium_column, NULL
};

const CdcEnvelopeFormat cdc_format_debezium_flat = {
	CDC_FORMAT_DEBEZIUM_FLAT, "debezium_flat", recognise_flat, read_flat, read_flat_tombstone,
	flat_images, cdc_debezium_cell_type, cdc_debezium_column, NULL
};
