/*-------------------------------------------------------------------------
 *
 * schema.c
 *	  Definitions of source tables: the newest of each, from cdc.table_version
 *	  and the source, as tables for the decoder.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/schema_internal.h"

#include "core/default_value.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/base/error.h"
#include "pg/base/hash.h"

static void
destroy_arena(void *arg)
{
	cdc_arena_destroy(arg);
}

static void
free_charsets(void *arg)
{
	cdc_charsets_free(arg);
}

CdcArena *
cdc_schema_arena(MemoryContext context)
{
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(*callback));
	CdcArena   *arena = cdc_arena_create(0);

	if (arena == NULL)
		cdc_out_of_memory();
	callback->func = destroy_arena;
	callback->arg = arena;
	MemoryContextRegisterResetCallback(context, callback);
	return arena;
}

static void
start_cache(CdcSchema *schema)
{

	schema->current = AllocSetContextCreate(schema->context, "cdc_ingest definitions",
											ALLOCSET_DEFAULT_SIZES);
	schema->entries = cdc_hash_of_strings("cdc_ingest source tables", 64, CDC_SCHEMA_NAME_SIZE,
										  sizeof(CdcSchemaEntry), schema->current);
	memset(schema->recent, 0, sizeof(schema->recent));
	schema->arena = cdc_schema_arena(schema->current);
}

CdcSchema *
cdc_schema_create(MemoryContext parent, const CdcSubscription *sub)
{
	MemoryContext context = AllocSetContextCreate(parent, "cdc_ingest schema",
												  ALLOCSET_SMALL_SIZES);
	CdcSchema  *schema = MemoryContextAllocZero(context, sizeof(CdcSchema));
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(*callback));

	schema->context = context;
	schema->sub = sub;
	callback->func = free_charsets;
	callback->arg = &schema->charsets;
	MemoryContextRegisterResetCallback(context, callback);
	start_cache(schema);
	return schema;
}

void
cdc_schema_destroy(CdcSchema *schema)
{
	if (schema != NULL)
		MemoryContextDelete(schema->context);
}

void
cdc_schema_invalidate(CdcSchema *schema)
{
	if (schema->retired != NULL)
		MemoryContextDelete(schema->retired);
	schema->retired = schema->current;
	start_cache(schema);
}

/*
 * From a definition to a table
 */

static const char *
arena_copy(CdcArena *arena, const char *s)
{
	char	   *copy;

	if (s == NULL)
		return NULL;
	copy = cdc_arena_strndup(arena, s, strlen(s));
	if (copy == NULL)
		cdc_out_of_memory();
	return copy;
}

static void
make_column(CdcArena *arena, const CdcColumnDef *def, CdcColumn *col)
{
	CdcError	err;

	memset(col, 0, sizeof(*col));
	col->name = arena_copy(arena, def->name);
	col->column_type = arena_copy(arena, def->column_type);
	col->charset = arena_copy(arena, def->charset);
	col->collation = arena_copy(arena, def->collation);
	col->nullable = def->nullable;
	col->generated = def->generated != NULL || strstr(def->extra ? def->extra : "", "GENERATED") != NULL;
	/* MySQL marks columns with a default expression by DEFAULT_GENERATED */
	if (def->generated == NULL && def->extra != NULL && strstr(def->extra, "DEFAULT_GENERATED") != NULL)
		col->generated = false;
	col->virtual_generated = def->extra != NULL && strstr(def->extra, "VIRTUAL") != NULL;
	col->invisible = def->extra != NULL && strstr(def->extra, "INVISIBLE") != NULL;
	col->json_check = def->json_check;
	col->default_value = arena_copy(arena, def->default_value);
	col->default_unknown = def->default_unknown ||
		strstr(def->extra ? def->extra : "", "DEFAULT_GENERATED") != NULL;
	col->pk_index = def->pk;
	switch (cdc_column_type_parse(arena, col->column_type, col, &err))
	{
		case CDC_OK:
			break;
		case CDC_ERR_NOMEM:
			cdc_out_of_memory();
			break;
		default:
			/* a type that we do not know is a matter of this table only */
			col->data_type = NULL;
			col->nmembers = 0;
			break;
	}
	col->pk_index = def->pk;
}

/* Fills pk and npk from the columns' places in the key. */
static void
make_key(CdcArena *arena, CdcTable *table)
{
	int		   *pk;
	int			n = 0;
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		n += table->columns[i].pk_index >= 0 ? 1 : 0;
	if (n == 0)
		return;
	pk = cdc_arena_zalloc(arena, n * sizeof(int));
	if (pk == NULL)
		cdc_out_of_memory();
	for (i = 0; i < table->ncolumns; i++)
	{
		int			at = table->columns[i].pk_index;

		/* a key that lacks a column is none */
		if (at >= n)
			return;
		if (at >= 0)
			pk[at] = i;
	}
	table->pk = pk;
	table->npk = n;
}

static CdcTable *
new_table(CdcSchema *schema, const char *database, const char *name, int ncolumns)
{
	CdcTable   *table = cdc_arena_zalloc(schema->arena, sizeof(CdcTable));
	CdcColumn  *columns = cdc_arena_zalloc(schema->arena, Max(ncolumns, 1) * sizeof(CdcColumn));

	if (table == NULL || columns == NULL)
		cdc_out_of_memory();
	table->database = arena_copy(schema->arena, database);
	table->name = arena_copy(schema->arena, name);
	table->full_name = arena_copy(schema->arena, psprintf("%s.%s", database, name));
	table->columns = columns;
	table->ncolumns = ncolumns;
	return table;
}

CdcTable *
cdc_schema_make_table(CdcSchema *schema, const char *database, const char *name, const CdcTableDef *def)
{
	CdcTable   *table = new_table(schema, database, name, def->ncolumns);
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		make_column(schema->arena, &def->columns[i], (CdcColumn *) &table->columns[i]);
	make_key(schema->arena, table);
	return table;
}

CdcSchemaDefaults *
cdc_schema_defaults(CdcSchema *schema, const CdcMysqlServerInfo *info, const CdcTable *table)
{
	bool		literals = info->flavor == CDC_MARIADB && info->version >= 100207;
	size_t		n = (size_t) Max(table->ncolumns, 1);
	CdcSchemaDefaults *defaults = table->user;
	int			i;

	/* (a table that was retired goes before what is made now) */
	if (defaults != NULL)
		return defaults;
	defaults = cdc_arena_zalloc(schema->arena, sizeof(CdcSchemaDefaults));
	if (defaults == NULL)
		cdc_out_of_memory();
	defaults->values = cdc_arena_zalloc(schema->arena, n * sizeof(CdcValue));
	defaults->row = cdc_arena_zalloc(schema->arena, n * sizeof(CdcValue));
	defaults->absent = cdc_arena_zalloc(schema->arena, n * sizeof(bool));
	if (defaults->values == NULL || defaults->row == NULL || defaults->absent == NULL)
		cdc_out_of_memory();
	for (i = 0; i < table->ncolumns; i++)
		if (!cdc_default_value(schema->arena, &table->columns[i], literals, &defaults->values[i]))
			defaults->values[i].kind = CDC_ABSENT;
	((CdcTable *) table)->user = defaults;
	return defaults;
}

/*
 * The cache
 */

CdcSchemaEntry *
cdc_schema_entry(CdcSchema *schema, const char *database, const char *table)
{
	char		key[CDC_SCHEMA_NAME_SIZE] = {0};
	CdcSchemaEntry *entry;
	bool		found;

	if (strlen(database) + strlen(table) + 2 > CDC_SCHEMA_NAME_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of a source table is too long")));
	snprintf(key, sizeof(key), "%s.%s", database, table);
	entry = hash_search(schema->entries, key, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) entry + CDC_SCHEMA_NAME_SIZE, 0, sizeof(*entry) - CDC_SCHEMA_NAME_SIZE);
		entry->wanted = cdc_subscription_wants(schema->sub, database, table);
	}
	return entry;
}

void
cdc_schema_watch(CdcSchema *schema, const char *database, const char *table)
{
	CdcSchemaEntry *entry = cdc_schema_entry(schema, database, table);

	if (entry->watched)
		return;
	entry->watched = true;
	memset(schema->recent, 0, sizeof(schema->recent));
}

static char *
copy_text(const char *s)
{
	return s != NULL ? pstrdup(s) : NULL;
}

/* A copy in the current context. */
static CdcTableDef *
copy_def(const CdcTableDef *def)
{
	CdcTableDef *copy = palloc(sizeof(CdcTableDef));
	int			i;

	*copy = *def;
	copy->charset = copy_text(def->charset);
	copy->collation = copy_text(def->collation);
	copy->columns = palloc(sizeof(CdcColumnDef) * Max(def->ncolumns, 1));
	for (i = 0; i < def->ncolumns; i++)
	{
		const CdcColumnDef *from = &def->columns[i];
		CdcColumnDef *to = &copy->columns[i];

		*to = *from;
		to->name = copy_text(from->name);
		to->column_type = copy_text(from->column_type);
		to->charset = copy_text(from->charset);
		to->collation = copy_text(from->collation);
		to->extra = copy_text(from->extra);
		to->default_value = copy_text(from->default_value);
		to->generated = copy_text(from->generated);
	}
	return copy;
}

/* Keeps def in the cache as the newest one. */
static void
cache_definition(CdcSchema *schema, CdcSchemaEntry *entry, const char *database, const char *table,
				 const CdcTableDef *def, const char *as_of)
{
	MemoryContext old = MemoryContextSwitchTo(schema->current);

	entry->def = copy_def(def);
	entry->as_of = copy_text(as_of);
	entry->newest = entry->fitting = NULL;
	entry->unreadable = entry->unproven = entry->misfit = false;
	entry->loaded = true;
	if (def->ncolumns > 0)
		entry->newest = cdc_schema_make_table(schema, database, table, entry->def);
	MemoryContextSwitchTo(old);
}

CdcSchemaEntry *
cdc_schema_load(CdcSchema *schema, const char *database, const char *table)
{
	CdcSchemaEntry *entry = cdc_schema_entry(schema, database, table);

	if (!entry->loaded)
	{
		List	   *stored = cdc_schema_read_stored(schema->sub->name, entry->full_name, 1);

		entry->loaded = true;
		if (stored != NIL)
		{
			CdcStoredDef *newest = linitial(stored);

			cache_definition(schema, entry, database, table, &newest->def, newest->as_of);
			entry->unproven = newest->unproven;
		}
	}
	return entry;
}

const CdcTable *
cdc_schema_get(CdcSchema *schema, const char *database, const char *table)
{
	return cdc_schema_load(schema, database, table)->newest;
}

void
cdc_schema_put(CdcSchema *schema, const char *database, const char *table,
			   const CdcTableDef *def, const CdcSchemaPlace *place, const char *as_of)
{
	CdcSchemaEntry *entry = cdc_schema_load(schema, database, table);

	cdc_schema_store(schema->sub->name, entry->full_name, def, place, as_of, !entry->wanted);
	cache_definition(schema, entry, database, table, def, as_of);
}

/* The source's GTID set, without GTIDs "file:offset". */
static char *
present_position(CdcSource *source)
{
	CdcSourcePosition pos;

	cdc_source_position(source, &pos);
	if (pos.gtid_set != NULL)
		return pos.gtid_set;
	return psprintf("%s:" INT64_FORMAT, pos.file, pos.offset);
}

static const CdcTableDef gone = {0};

/* Of two definitions that the source gave, with the same columns. */
static bool
same_defaults(const CdcTableDef *a, const CdcTableDef *b)
{
	int			i;

	for (i = 0; i < a->ncolumns; i++)
	{
		const char *x = a->columns[i].default_value;
		const char *y = b->columns[i].default_value;

		if (x == NULL || y == NULL ? x != y : strcmp(x, y) != 0)
			return false;
	}
	return true;
}

/*
 * The source's definitions and where its binlog stood then: the position is asked for
 * between two readings that say the same.  They become the newest ones; of tables that
 * the source does not have only where they were known.
 */
static void
read_as_of(CdcSchema *schema, CdcSource *source, const CdcSchemaName *names, int n,
		   const CdcSchemaPlace *place, bool known)
{
	CdcSchemaName *pending = palloc(sizeof(CdcSchemaName) * Max(n, 1));
	CdcTableDef *defs;

	memcpy(pending, names, sizeof(CdcSchemaName) * n);
	defs = cdc_schema_read_many(source, pending, n);
	while (n > 0)
	{
		char	   *as_of;
		CdcTableDef *again;
		int			left = 0;
		int			i;

		CHECK_FOR_INTERRUPTS();
		as_of = present_position(source);
		again = cdc_schema_read_many(source, pending, n);
		for (i = 0; i < n; i++)
		{
			if (!cdc_table_def_same_rows(&defs[i], &again[i]) || !same_defaults(&defs[i], &again[i]))
			{
				pending[left] = pending[i];
				defs[left++] = again[i];
			}
			else if (again[i].ncolumns > 0 || known)
				cdc_schema_put(schema, pending[i].database, pending[i].table,
							   again[i].ncolumns > 0 ? &again[i] : &gone, place, as_of);
		}
		n = left;
	}
}

bool
cdc_schema_reread(CdcSchema *schema, CdcSource *source, const char *database, const char *table,
				  const CdcSchemaPlace *place)
{
	CdcSchemaName name = {database, table};

	read_as_of(schema, source, &name, 1, place, true);
	return cdc_schema_load(schema, database, table)->newest != NULL;
}

/* What the stream has not come to yet is for the caller only. */
static const CdcTable *
present_table(CdcSchema *schema, const CdcSchemaName *name, const CdcTableDef *def)
{
	CdcSchemaEntry *entry = cdc_schema_load(schema, name->database, name->table);

	if (def->ncolumns == 0)
		return NULL;
	return cdc_table_def_same_rows(def, entry->def) ? entry->newest :
		cdc_schema_make_table(schema, name->database, name->table, def);
}

void
cdc_schema_refresh_many(CdcSchema *schema, CdcSource *source, const CdcSchemaName *names, int n,
						const CdcSchemaPlace *place, const CdcTable **tables)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest reading definitions",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	CdcSchemaName *unknown = palloc(sizeof(CdcSchemaName) * Max(n, 1));
	CdcSchemaName *known = palloc(sizeof(CdcSchemaName) * Max(n, 1));
	int		   *places = palloc(sizeof(int) * Max(n, 1));
	int			nunknown = 0;
	int			nknown = 0;
	CdcTableDef *present;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (cdc_schema_load(schema, names[i].database, names[i].table)->newest == NULL)
			unknown[nunknown++] = names[i];
		else
		{
			places[nknown] = i;
			known[nknown++] = names[i];
		}
	}
	present = cdc_schema_read_many(source, known, nknown);
	read_as_of(schema, source, unknown, nunknown, place, false);
	for (i = 0; i < n; i++)
		tables[i] = cdc_schema_load(schema, names[i].database, names[i].table)->newest;
	for (i = 0; i < nknown; i++)
		tables[places[i]] = present_table(schema, &known[i], &present[i]);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

const CdcTable *
cdc_schema_refresh(CdcSchema *schema, CdcSource *source, const char *database,
				   const char *table, const CdcSchemaPlace *place)
{
	CdcSchemaName name = {database, table};
	const CdcTable *result;

	cdc_schema_refresh_many(schema, source, &name, 1, place, &result);
	return result;
}
