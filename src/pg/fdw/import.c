/*-------------------------------------------------------------------------
 *
 * import.c
 *	  IMPORT FOREIGN SCHEMA: a foreign table for each topic of a cluster.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/import.h"

#if CDC_HAVE_IMPORT_FOREIGN_SCHEMA

#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/remote/kafka_client.h"

/* Kafka has no schemas; this stands for all topics. */
#define REMOTE_SCHEMA	"topics"

typedef struct ImportOptions
{
	bool		identifiers;	/* tables are named shop_orders, not "shop.orders" */
	bool		internal;		/* __consumer_offsets and the like, too */
	const char *key_type;
	const char *value_type;
} ImportOptions;

/* One of the words in the list, or ERROR. */
static const char *
choose(DefElem *def, const char *const *words)
{
	const char *value = defGetString(def);
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; words[i] != NULL; i++)
	{
		if (pg_strcasecmp(words[i], value) == 0)
			return words[i];
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", def->defname, value),
			 errhint("Valid values are: %s.", buf.data)));
}

static void
read_options(List *list, ImportOptions *opt)
{
	static const char *const name_words[] = {"topic", "identifier", NULL};
	static const char *const type_words[] = {"text", "bytea", "json", "jsonb", NULL};
	ListCell   *lc;

	opt->identifiers = false;
	opt->internal = false;
	opt->key_type = "text";
	opt->value_type = "jsonb";
	foreach(lc, list)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "table_names") == 0)
			opt->identifiers = (choose(def, name_words) == name_words[1]);
		else if (strcmp(def->defname, "key_type") == 0)
			opt->key_type = choose(def, type_words);
		else if (strcmp(def->defname, "value_type") == 0)
			opt->value_type = choose(def, type_words);
		else if (strcmp(def->defname, "internal_topics") == 0)
			opt->internal = defGetBoolean(def);
		else
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", def->defname),
					 errhint("Valid options are: table_names, key_type, value_type, internal_topics.")));
	}
}

/* The table's name: the topic's, or that as an identifier that needs no quotes. */
static char *
table_name(const char *topic, bool identifier)
{
	char	   *name = cdc_from_utf8_lenient(topic);
	int			len = strlen(name);
	char	   *p;

	if (len >= NAMEDATALEN)
		name[pg_mbcliplen(name, len, NAMEDATALEN - 1)] = '\0';
	for (p = name; identifier && *p != '\0'; p++)
	{
		if (*p >= 'A' && *p <= 'Z')
			*p = *p - 'A' + 'a';
		else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9' && p > name)))
			*p = '_';
	}
	return name;
}

static bool
is_listed(List *tables, const char *name)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		if (strcmp(((RangeVar *) lfirst(lc))->relname, name) == 0)
			return true;
	}
	return false;
}

static bool
is_wanted(const ImportForeignSchemaStmt *stmt, const ImportOptions *opt, const char *topic,
		  const char *name)
{
	bool		listed = is_listed(stmt->table_list, name);

	if (stmt->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO)
		return listed;
	if (stmt->list_type == FDW_IMPORT_SCHEMA_EXCEPT && listed)
		return false;
	return opt->internal || strncmp(topic, "__", 2) != 0;
}

static char *
create_statement(const ImportForeignSchemaStmt *stmt, const ImportOptions *opt, const char *topic,
				 const char *name)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "CREATE FOREIGN TABLE %s (\n", quote_identifier(name));
	appendStringInfoString(&buf, "\tpartition integer,\n\t\"offset\" bigint,\n\tts timestamptz,\n");
	appendStringInfo(&buf, "\tkey %s,\n\tvalue %s,\n\theaders jsonb\n)", opt->key_type,
					 opt->value_type);
	appendStringInfo(&buf, " SERVER %s", quote_identifier(stmt->server_name));
	appendStringInfo(&buf, " OPTIONS (topic %s)",
					 quote_literal_cstr(cdc_from_utf8_lenient(topic)));
	return buf.data;
}

/* ERROR where two topics would become one table. */
static void
check_clash(const ImportOptions *opt, const char *server, List *names, List *topics,
			const char *name, const char *topic)
{
	ListCell   *n;
	ListCell   *t;

	forboth(n, names, t, topics)
	{
		if (strcmp(lfirst(n), name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_TABLE),
					 errmsg("topics \"%s\" and \"%s\" would both become table \"%s\"",
							(char *) lfirst(t), cdc_from_utf8_lenient(topic), name),
					 opt->identifiers ?
					 errhint("Leave both out with EXCEPT (%s), and import them with the option table_names 'topic'.",
							 quote_identifier(name)) :
					 errhint("Leave both out with EXCEPT (%s), and create tables of them with CREATE FOREIGN TABLE ... SERVER %s OPTIONS (topic '...').",
							 quote_identifier(name), quote_identifier(server))));
	}
}

List *
cdc_kafka_import(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	ImportOptions opt;
	CdcKafkaSource *source;
	CdcKafkaMetadata *metadata;
	List	   *result = NIL;
	List	   *names = NIL;
	List	   *topics = NIL;
	int			i;

	read_options(stmt->options, &opt);
	if (strcmp(stmt->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("schema \"%s\" is not present on foreign server \"%s\"",
						stmt->remote_schema, stmt->server_name),
				 errhint("Kafka has no schemas: IMPORT FOREIGN SCHEMA topics FROM SERVER ... takes all topics.")));

	source = cdc_kafka_source_open(serverid, GetUserId(), CDC_KAFKA_CONSUMER, NIL, false);
	metadata = cdc_kafka_source_metadata(source, NULL);
	for (i = 0; i < metadata->ntopics; i++)
	{
		const char *topic = metadata->topics[i].name;
		char	   *name = table_name(topic, opt.identifiers);

		if (!is_wanted(stmt, &opt, topic, name))
			continue;
		check_clash(&opt, stmt->server_name, names, topics, name, topic);
		names = lappend(names, name);
		topics = lappend(topics, cdc_from_utf8_lenient(topic));
		result = lappend(result, create_statement(stmt, &opt, topic, name));
	}
	cdc_kafka_source_close(source);
	return result;
}

#endif							/* CDC_HAVE_IMPORT_FOREIGN_SCHEMA */
