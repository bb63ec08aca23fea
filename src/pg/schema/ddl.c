/*-------------------------------------------------------------------------
 *
 * ddl.c
 *	  Definitions that follow DDL: what its meaning depends on at the source,
 *	  defaults of databases, and where a definition came from the source ahead
 *	  of the stream.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/schema_internal.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/binlog_position.h"
#include "core/pattern.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/position.h"
#include "pg/catalog/spi.h"
#include "pg/schema/change.h"

#define MAX_COLLATIONS		65536	/* MySQL's ids go up to 2047 */

/* Whether collations may lack a character set of their own, as from MariaDB 10.10 on. */
static bool
has_contextual_collations(const CdcMysqlServerInfo *info)
{
	return info->flavor == CDC_MARIADB && info->version >= 101001;
}

static void
read_collations(CdcDdlServer *server, CdcSource *source)
{
	CdcAnswer  *answer = cdc_source_ask(source, "the list of collations", 4, "%s",
										has_contextual_collations(cdc_source_info(source)) ?
										"SELECT ID, FULL_COLLATION_NAME, CHARACTER_SET_NAME, IS_DEFAULT "
										"FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY" :
										"SELECT ID, COLLATION_NAME, CHARACTER_SET_NAME, IS_DEFAULT "
										"FROM information_schema.COLLATIONS");
	int64		n = cdc_answer_rows(answer);
	CdcCollation *list;
	int64		i;

	if (n > MAX_COLLATIONS)
		cdc_answer_refuse(answer, "It has " INT64_FORMAT " rows.", n);
	list = palloc0(sizeof(CdcCollation) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		const char *name = cdc_answer_nullable(answer, i, 1);
		const char *charset = cdc_answer_nullable(answer, i, 2);
		const char *is_default = cdc_answer_nullable(answer, i, 3);
		CdcCollation *c = &list[server->collations.n];

		if (name == NULL || charset == NULL)
			continue;
		c->id = cdc_answer_nullable(answer, i, 0) == NULL ? 0 :
			(uint32) cdc_answer_int(answer, i, 0, 0, PG_UINT32_MAX);
		c->name = pstrdup(name);
		c->charset = pstrdup(charset);
		c->is_default = is_default != NULL && strcmp(is_default, "Yes") == 0;
		server->collations.n++;
	}
	server->collations.list = list;
}

static void
read_variables(CdcDdlServer *server, CdcSource *source)
{
	CdcAnswer  *answer = cdc_source_ask(source, "SHOW GLOBAL VARIABLES (of table names and timestamps)", 2,
										"SHOW GLOBAL VARIABLES WHERE Variable_name IN "
										"('lower_case_table_names', 'explicit_defaults_for_timestamp')");
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *value = cdc_answer_text(answer, i, 1);

		if (cdc_answer_text(answer, i, 0)[0] == 'l')
			server->lower_case_names = strcmp(value, "1") == 0;
		else
			server->explicit_timestamp = pg_strcasecmp(value, "ON") == 0;
	}
}

const CdcDdlServer *
cdc_schema_ddl_server(CdcSchema *schema, CdcSource *source)
{
	const CdcMysqlServerInfo *info = cdc_source_info(source);

	if (schema->server == NULL || schema->server->version != info->version)
	{
		MemoryContext old = MemoryContextSwitchTo(schema->context);
		CdcDdlServer *server = palloc0(sizeof(CdcDdlServer));

		server->flavor = info->flavor;
		server->version = info->version;
		read_variables(server, source);
		read_collations(server, source);
		schema->server = server;
		MemoryContextSwitchTo(old);
	}
	return schema->server;
}

const CdcTableDef *
cdc_schema_definition(CdcSchema *schema, const char *database, const char *table)
{
	return cdc_schema_load(schema, database, table)->def;
}

/* Whether the text is a set of GTIDs, and no file and offset. */
static bool
is_gtid_set(CdcFlavor flavor, const char *text)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcError	err;
	bool		result;

	if (set == NULL)
		cdc_out_of_memory();
	result = !cdc_failed(cdc_gtid_set_parse(set, text, &err));
	cdc_gtid_set_destroy(set);
	return result;
}

/* Whether a set of GTIDs, as text, contains one; ERROR where it is no set. */
static bool
set_contains(CdcFlavor flavor, const char *set_text, const char *gtid, const char *subscription)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcGtidSet *one = cdc_gtid_set_create(flavor);
	CdcError	err;
	CdcStatus	st = CDC_ERR_NOMEM;
	bool		result = false;

	if (set != NULL && one != NULL)
	{
		st = cdc_gtid_set_parse(set, set_text, &err);
		if (st == CDC_OK)
			st = cdc_gtid_set_add(one, gtid, &err);
		if (st == CDC_OK)
			result = cdc_gtid_set_contains(set, one);
	}
	else
		cdc_error(&err, st, "out of memory");
	cdc_gtid_set_destroy(set);
	cdc_gtid_set_destroy(one);
	CDC_CHECK(st, &err, subscription);
	return result;
}

bool
cdc_schema_is_ahead(CdcSchema *schema, CdcSource *source, const char *database, const char *table,
					const CdcTransaction *txn, bool by_gtid)
{
	CdcSchemaEntry *entry = cdc_schema_load(schema, database, table);
	CdcFlavor	flavor = cdc_source_info(source)->flavor;
	char	   *file;
	int64		offset;

	if (entry->as_of == NULL)
		return false;

	/* where the source stood is a GTID set where it has GTIDs, also for a stream that goes by file */
	if (by_gtid || (txn->gtid != NULL && is_gtid_set(flavor, entry->as_of)))
		return txn->gtid != NULL && set_contains(flavor, entry->as_of, txn->gtid, schema->sub->name);
	return txn->file != NULL && cdc_position_parse(entry->as_of, &file, &offset) &&
		cdc_binlog_position_compare(txn->file, (int64) txn->end_offset, file, offset) <= 0;
}

bool
cdc_schema_is_unproven(CdcSchema *schema, const char *database, const char *table)
{
	return cdc_schema_load(schema, database, table)->unproven;
}

void
cdc_schema_note_unproven(CdcSchema *schema, CdcSchemaEntry *entry)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.table_version SET unproven = true WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2 AND version OPERATOR(pg_catalog.=) $3::pg_catalog.int4",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	if (entry->unproven || entry->as_of == NULL)
		return;
	entry->unproven = true;
	(void) cdc_spi_run(&stmt, schema->sub->name, cdc_from_utf8(entry->full_name),
					   psprintf("%d", cdc_change_newest_version(schema->sub->name, entry->full_name, false)));
}

void
cdc_schema_note_defaults(CdcSchema *schema, const char *database, const char *table)
{
	cdc_schema_note_unproven(schema, cdc_schema_load(schema, database, table));
}

void
cdc_schema_follow(CdcSchema *schema, const char *database, const char *table,
				  const CdcTableDef *def, const CdcSchemaPlace *place)
{
	cdc_schema_put(schema, database, table, def, place, NULL);
}

bool
cdc_schema_ask(CdcSchema *schema, CdcSource *source, const char *database, const char *table,
			   const CdcSchemaPlace *place, const char *why)
{
	CdcSchemaEntry *entry = cdc_schema_load(schema, database, table);
	bool		found = cdc_schema_reread(schema, source, database, table, place);

	if (entry->wanted)
		cdc_log_event(schema->sub->name, "schema",
					  psprintf("the definition of source table %s was read anew from the source",
							   entry->full_name),
					  psprintf("%s: %s", place->position != NULL ? place->position : "", why));
	return found;
}

const CdcTable *
cdc_schema_found(CdcSchema *schema, CdcSource *source, const char *database, const char *table,
				 const CdcSchemaPlace *place)
{
	const char *full_name = cdc_schema_load(schema, database, table)->full_name;
	int			before = cdc_change_newest_version(schema->sub->name, full_name, true);

	if (!cdc_schema_ask(schema, source, database, table, place,
						"the source has altered the table, and the stream begins behind that or does not have it"))
		return NULL;
	cdc_change_found(schema->sub, full_name, before, place);
	return cdc_schema_get(schema, database, table);
}

const CdcTableDef *
cdc_schema_worded(CdcSource *source, const char *database, const char *table,
				  const CdcTableDef *def)
{
	CdcTableDef *present = cdc_schema_read_source(source, database, table);
	int			i;

	if (present == NULL || !cdc_table_def_same_rows(def, present))
		return def;

	/* the source may have altered a default since: of it counts what the statement says */
	for (i = 0; i < def->ncolumns; i++)
	{
		present->columns[i].default_unknown = def->columns[i].default_unknown;
		if (!def->columns[i].default_unknown)
			present->columns[i].default_value = def->columns[i].default_value;
	}
	return present;
}

const char *
cdc_schema_database_collation(CdcSchema *schema, CdcSource *source, const char *database,
							  const CdcSchemaPlace *place)
{
	char	   *collation = cdc_schema_stored_database(schema->sub->name, database);
	CdcAnswer  *answer;

	if (collation != NULL)
		return collation;
	answer = cdc_source_ask(source, "the default collation of a database", 2,
							"SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME "
							"FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s",
							cdc_source_quote_literal(database));
	if (cdc_answer_rows(answer) == 0)
		return NULL;
	collation = pstrdup(cdc_answer_text(answer, 0, 1));
	cdc_schema_store_database(schema->sub->name, database, cdc_answer_text(answer, 0, 0),
							  collation, place);
	return collation;
}

bool
cdc_schema_wants_database(const CdcSubscription *sub, const char *database)
{
	int			i;

	for (i = 0; i < sub->ntables; i++)
	{
		const char *pattern = sub->tables[i];
		size_t		len = 0;

		while (pattern[len] != '\0' && pattern[len] != '.')
			len += pattern[len] == '\\' && pattern[len + 1] != '\0' ? 2 : 1;
		if (cdc_pattern_match(psprintf("%.*s.*", (int) len, pattern), database, "t"))
			return true;
	}
	for (i = 0; i < sub->nadded; i++)
	{
		size_t		len = strlen(database);

		if (strncmp(sub->added[i], database, len) == 0 && sub->added[i][len] == '.')
			return true;
	}
	return false;
}

void
cdc_schema_read_databases(CdcSchema *schema, CdcSource *source, const CdcSchemaPlace *place)
{
	CdcAnswer  *answer = cdc_source_ask(source, "the list of databases", 3,
										"SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME "
										"FROM information_schema.SCHEMATA");
	int64		i;

	for (i = 0; i < cdc_answer_rows(answer); i++)
	{
		const char *database = cdc_answer_text(answer, i, 0);
		const char *collation = cdc_answer_text(answer, i, 2);
		const char *stored;

		CHECK_FOR_INTERRUPTS();
		if (!cdc_schema_wants_database(schema->sub, database))
			continue;
		stored = cdc_schema_stored_database(schema->sub->name, database);
		if (stored == NULL || strcmp(stored, collation) != 0)
			cdc_schema_store_database(schema->sub->name, database, cdc_answer_text(answer, i, 1),
									  collation, place);
	}
}

void
cdc_schema_set_database(CdcSchema *schema, const char *database, const char *charset,
						const char *collation, const CdcSchemaPlace *place)
{
	cdc_schema_store_database(schema->sub->name, database, charset, collation, place);
}

void
cdc_schema_drop_database(CdcSchema *schema, const char *database, const CdcSchemaPlace *place)
{
	static const CdcTableDef gone = {0};
	size_t		len = strlen(database);
	ListCell   *lc;

	foreach(lc, cdc_schema_stored_tables(schema->sub->name, database))
	{
		const char *table = (const char *) lfirst(lc) + len + 1;

		if (cdc_schema_definition(schema, database, table)->ncolumns > 0)
			cdc_schema_follow(schema, database, table, &gone, place);
	}
}
