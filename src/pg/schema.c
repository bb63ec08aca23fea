/*-------------------------------------------------------------------------
 *
 * schema.c
 *	  Definitions of source tables for the decoder: which one fits a table map.
 *
 * A definition comes from cdc.table_version, or from the source, which may be
 * ahead of the stream by some ALTER TABLE.  So a definition is used for rows
 * only if it agrees with the table map in front of them; where the binlog
 * gives the columns' names (full row metadata), one that agrees is put
 * together by name from all definitions known and the map itself.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema_internal.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "binlog/column_plan.h"
#include "binlog/map_schema.h"
#include "core/pattern.h"
#include "pg/error.h"

#define FULL_NAME_SIZE	520		/* two names of 64 characters in UTF-8, a dot, a NUL */
#define MAX_VERSIONS	100		/* looked at to put a definition together */

typedef struct SchemaEntry
{
	char		full_name[FULL_NAME_SIZE];	/* hash key */
	bool		wanted;
	CdcTable   *newest;			/* of the stored or read definitions; or NULL */
	CdcTable   *fitting;		/* of the last table map; or NULL */
	bool		unreadable;		/* the last table map has a column that cannot be decoded */
	uint64		map_print;		/* fingerprint of that table map */
} SchemaEntry;

/* Table maps looked up lately: each statement sends its table's again. */
#define RECENT_MAPS		64
typedef struct RecentMap
{
	uint64		serial;			/* 0 = none */
	SchemaEntry *entry;
	uint64		print;
} RecentMap;

struct CdcSchema
{
	MemoryContext context;
	const CdcSubscription *sub;

	/*
	 * Definitions live in `current`.  cdc_schema_invalidate() keeps them one
	 * turn longer, as the decoder may still use them for its open group.
	 */
	MemoryContext current;
	MemoryContext retired;
	HTAB	   *entries;
	RecentMap	recent[RECENT_MAPS];	/* by serial */
	CdcArena   *arena;			/* parsed types; freed with `current` */
	CdcCharsets charsets;		/* for checks against table maps */
};

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

/* An arena that is freed with the context. */
static CdcArena *
arena_in(MemoryContext context)
{
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(*callback));
	CdcArena   *arena = cdc_arena_create(0);

	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	callback->func = destroy_arena;
	callback->arg = arena;
	MemoryContextRegisterResetCallback(context, callback);
	return arena;
}

static void
start_cache(CdcSchema *schema)
{
	HASHCTL		ctl;

	schema->current = AllocSetContextCreate(schema->context, "cdc_ingest definitions",
											ALLOCSET_DEFAULT_SIZES);
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = FULL_NAME_SIZE;
	ctl.entrysize = sizeof(SchemaEntry);
	ctl.hcxt = schema->current;
	schema->entries = hash_create("cdc_ingest source tables", 64, &ctl,
								  HASH_ELEM | HASH_CONTEXT | CDC_HASH_STRINGS);
	memset(schema->recent, 0, sizeof(schema->recent));
	schema->arena = arena_in(schema->current);
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

static void
no_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

static const char *
arena_copy(CdcArena *arena, const char *s)
{
	char	   *copy;

	if (s == NULL)
		return NULL;
	copy = cdc_arena_strndup(arena, s, strlen(s));
	if (copy == NULL)
		no_memory();
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
	col->pk_index = def->pk;
	switch (cdc_column_type_parse(arena, col->column_type, col, &err))
	{
		case CDC_OK:
			break;
		case CDC_ERR_NOMEM:
			no_memory();
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
		no_memory();
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
		no_memory();
	table->database = arena_copy(schema->arena, database);
	table->name = arena_copy(schema->arena, name);
	table->full_name = arena_copy(schema->arena, psprintf("%s.%s", database, name));
	table->columns = columns;
	table->ncolumns = ncolumns;
	return table;
}

static CdcTable *
make_table(CdcSchema *schema, const char *database, const char *name, const CdcTableDef *def)
{
	CdcTable   *table = new_table(schema, database, name, def->ncolumns);
	int			i;

	for (i = 0; i < def->ncolumns; i++)
		make_column(schema->arena, &def->columns[i], (CdcColumn *) &table->columns[i]);
	make_key(schema->arena, table);
	return table;
}

/*
 * The cache
 */

static SchemaEntry *
entry_of(CdcSchema *schema, const char *database, const char *table)
{
	char		key[FULL_NAME_SIZE] = {0};
	SchemaEntry *entry;
	bool		found;

	if (strlen(database) + strlen(table) + 2 > FULL_NAME_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of a source table is too long")));
	snprintf(key, sizeof(key), "%s.%s", database, table);
	entry = hash_search(schema->entries, key, HASH_ENTER, &found);
	if (!found)
	{
		const CdcSubscription *sub = schema->sub;

		entry->newest = entry->fitting = NULL;
		entry->unreadable = false;
		entry->map_print = 0;
		entry->wanted = cdc_subscription_wants(sub, database, table);
	}
	return entry;
}

const CdcTable *
cdc_schema_get(CdcSchema *schema, const char *database, const char *table)
{
	SchemaEntry *entry = entry_of(schema, database, table);

	if (entry->newest == NULL)
	{
		List	   *defs = cdc_schema_read_stored(schema->sub->name, entry->full_name, 1);

		if (defs != NIL)
			entry->newest = make_table(schema, database, table, linitial(defs));
	}
	return entry->newest;
}

const CdcTable *
cdc_schema_refresh(CdcSchema *schema, CdcSource *source, const char *database,
				   const char *table, int64 seq, const char *position)
{
	SchemaEntry *entry = entry_of(schema, database, table);
	CdcTableDef *def = cdc_schema_read_source(source, database, table);

	entry->newest = entry->fitting = NULL;
	entry->unreadable = false;
	if (def == NULL)
		return NULL;
	cdc_schema_store(schema->sub->name, entry->full_name, def, seq, position);
	entry->newest = make_table(schema, database, table, def);
	return entry->newest;
}

/*
 * Definitions and table maps
 */

/* A table map as one number: the same number, the same columns. */
static uint64
map_fingerprint(const CdcTableMap *map)
{
	uint32		n = map->ncolumns;
	uint64		h = n;
	int			i;

#define MIX(bytes, len) \
	(h = (h << 7 | h >> 57) ^ DatumGetUInt32(hash_any((const unsigned char *) (bytes), (len))))
	MIX(map->types, n);
	MIX(map->meta, n * sizeof(uint16));
	MIX(map->nullable, n);
	if (map->is_unsigned != NULL)
		MIX(map->is_unsigned, n);
	if (map->collations != NULL)
		MIX(map->collations, n * sizeof(uint16));
	for (i = 0; i < map->ncolumns; i++)
	{
		int			k;

		if (map->names != NULL)
			MIX(map->names[i], strlen(map->names[i]));
		for (k = 0; map->members != NULL && map->members[i] != NULL && k < map->nmembers[i]; k++)
			MIX(map->members[i][k].data, map->members[i][k].len);
	}
#undef MIX
	return h != 0 ? h : 1;
}

/* The entry of the map's table, and the map's fingerprint. */
static SchemaEntry *
entry_of_map(CdcSchema *schema, const CdcTableMap *map, uint64 *print)
{
	RecentMap  *recent = &schema->recent[map->serial % RECENT_MAPS];

	if (recent->serial != map->serial || map->serial == 0)
	{
		recent->serial = 0;
		recent->entry = entry_of(schema, map->database, map->table);
		recent->print = recent->entry->wanted ? map_fingerprint(map) : 0;
		recent->serial = map->serial;
	}
	*print = recent->print;
	return recent->entry;
}

/* One column of a map as a map of its own. */
static void
submap(const CdcTableMap *map, int i, CdcTableMap *one)
{
#define SHIFT(field) \
	one->field = map->field ? map->field + i : NULL
	*one = *map;
	one->ncolumns = 1;
	SHIFT(types);
	SHIFT(meta);
	SHIFT(nullable);
	SHIFT(is_unsigned);
	SHIFT(names);
	SHIFT(collations);
	SHIFT(nmembers);
	SHIFT(members);
	SHIFT(geometry_types);
	SHIFT(invisible);
	SHIFT(dimensions);
	one->pk = NULL;
	one->pk_prefix = NULL;
	one->npk = 0;
#undef SHIFT
}

/*
 * Whether an enum or set has the members that the map tells, in their order: a
 * value is only their number.
 */
static bool
members_fit(CdcSchema *schema, const CdcTableMap *map, int i, const CdcColumn *column)
{
	CdcConverter *converter = NULL;
	CdcArena   *arena;
	CdcError	err;
	bool		fit = true;
	int			k;

	if (map->members == NULL || map->members[i] == NULL)
		return true;
	if (map->nmembers[i] != column->nmembers)
		return false;
	if (column->charset != NULL && !cdc_charset_is_utf8(column->charset) &&
		strcmp(column->charset, "binary") != 0 &&
		cdc_failed(cdc_charset_converter(&schema->charsets, column->charset, &converter, &err)))
		return true;			/* the decoder will say that it cannot read it */
	arena = cdc_arena_create(0);
	if (arena == NULL)
		no_memory();
	for (k = 0; k < column->nmembers && fit; k++)
	{
		CdcString	member = map->members[i][k];

		if (converter != NULL)
			fit = !cdc_failed(cdc_convert(converter, (const uint8_t *) member.data, member.len,
										  arena, &member, &err));
		fit = fit && member.len == column->members[k].len &&
			memcmp(member.data, column->members[k].data, member.len) == 0;
	}
	cdc_arena_destroy(arena);
	return fit;
}

/* Unknown collations (newer servers) are left to the definition. */
static bool
charset_fits(const CdcTableMap *map, int i, const CdcColumn *column)
{
	const char *charset;

	if (map->collations == NULL || map->collations[i] == 0 || column->charset == NULL)
		return true;
	charset = cdc_collation_charset(map->collations[i]);
	return charset == NULL || cdc_charset_equal(charset, column->charset);
}

/*
 * Whether column i of the map can be the defined one; why not, in err.  What
 * the decoder cannot decode (CDC_ERR_UNSUPPORTED) is no disagreement.
 */
static bool
column_fits(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *map, int i,
			const CdcColumn *column, CdcError *err)
{
	CdcTableMap one;
	CdcTable	table;
	CdcColumnPlan plan;
	CdcFormat	format;

	if (map->names != NULL && strcmp(map->names[i], column->name) != 0)
	{
		cdc_error(err, CDC_ERR_SCHEMA, "column %d is \"%s\" in the binlog, but \"%s\" in the known definition",
				  i + 1, map->names[i], column->name);
		return false;
	}
	if (cdc_column_trouble(column) != NULL)
		return true;			/* nor can we say that it is another */
	if (!members_fit(schema, map, i, column))
	{
		cdc_error(err, CDC_ERR_SCHEMA, "column has other members in the binlog than \"%s\" in the known definition",
				  column->column_type);
		return false;
	}
	if (!charset_fits(map, i, column))
	{
		cdc_error(err, CDC_ERR_SCHEMA, "column has another character set in the binlog than \"%s\" in the known definition",
				  column->charset);
		return false;
	}
	submap(map, i, &one);
	memset(&table, 0, sizeof(table));
	table.database = map->database;
	table.name = map->table;
	table.full_name = map->table;
	table.ncolumns = 1;
	table.columns = column;
	memset(&plan, 0, sizeof(plan));
	memset(&format, 0, sizeof(format));
	format.flavor = flavor;		/* the rest does not matter to whether it fits */
	return cdc_column_plans_make(&plan, &one, &table, &format, &schema->charsets, err) != CDC_ERR_SCHEMA;
}

static bool
table_fits(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *map, const CdcTable *table,
		   CdcError *err)
{
	int			i;

	if (map->ncolumns != table->ncolumns)
	{
		cdc_error(err, CDC_ERR_SCHEMA, "the table has %d columns in the binlog, but %d in the known definition",
				  map->ncolumns, table->ncolumns);
		cdc_error_column(err, map->database, map->table, NULL);
		return false;
	}
	for (i = 0; i < table->ncolumns; i++)
	{
		if (!column_fits(schema, flavor, map, i, &table->columns[i], err))
		{
			cdc_error_column(err, map->database, map->table, table->columns[i].name);
			return false;
		}
	}
	return true;
}

/* The newest column of that name that fits, or NULL. */
static const CdcColumn *
find_fitting(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *map, int i, List *tables)
{
	ListCell   *lc;
	CdcError	err;
	int			c;

	foreach(lc, tables)
	{
		const CdcTable *table = lfirst(lc);

		for (c = 0; c < table->ncolumns; c++)
		{
			if (strcmp(table->columns[c].name, map->names[i]) == 0 &&
				column_fits(schema, flavor, map, i, &table->columns[c], &err))
				return &table->columns[c];
		}
	}
	return NULL;
}

/*
 * A table for a map with names, put together from all definitions known, and
 * for columns that are in none of them from the map itself.  NULL when the map
 * has no names.
 */
static CdcTable *
assemble(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *map, const char *full_name)
{
	const CdcTable *from_map;
	List	   *tables = NIL;
	CdcTable   *result;
	CdcError	err;
	ListCell   *lc;
	int			i;

	if (map->names == NULL)
		return NULL;
	if (cdc_failed(cdc_map_schema(map, flavor, &schema->charsets, schema->arena, &from_map, &err)))
		from_map = NULL;
	foreach(lc, cdc_schema_read_stored(schema->sub->name, full_name, MAX_VERSIONS))
		tables = lappend(tables, make_table(schema, map->database, map->table, lfirst(lc)));
	result = new_table(schema, map->database, map->table, map->ncolumns);
	for (i = 0; i < map->ncolumns; i++)
	{
		const CdcColumn *column = find_fitting(schema, flavor, map, i, tables);
		CdcColumn  *to = (CdcColumn *) &result->columns[i];
		int			k;

		if (column == NULL && from_map != NULL)
			column = &from_map->columns[i];
		if (column == NULL)
			return NULL;
		*to = *column;
		/* the binlog's own key is the one of then */
		if (map->pk != NULL)
		{
			to->pk_index = -1;
			for (k = 0; k < map->npk; k++)
				to->pk_index = map->pk[k] == i ? k : to->pk_index;
		}
	}
	make_key(schema->arena, result);
	return result;
}

/* Whether the decoder can decode all columns; if not, err names the first. */
static CdcStatus
check_decodable(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *map,
				const CdcTable *table, CdcError *err)
{
	CdcColumnPlan *plans;
	CdcFormat	format;
	CdcStatus	st;
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcColumn *column = &table->columns[i];
		const char *trouble = cdc_column_trouble(column);

		if (trouble != NULL)
		{
			cdc_error(err, CDC_ERR_UNSUPPORTED, "column has type %s, %s", column->column_type, trouble);
			cdc_error_column(err, table->database, table->name, column->name);
			return CDC_ERR_UNSUPPORTED;
		}
	}
	plans = palloc0(sizeof(CdcColumnPlan) * Max(table->ncolumns, 1));
	memset(&format, 0, sizeof(format));
	format.flavor = flavor;
	st = cdc_column_plans_make(plans, map, table, &format, &schema->charsets, err);
	pfree(plans);
	return st;
}

const CdcTable *
cdc_schema_stored_fit(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *map)
{
	char	   *full_name = psprintf("%s.%s", map->database, map->table);
	ListCell   *lc;
	CdcError	err;

	foreach(lc, cdc_schema_read_stored(schema->sub->name, full_name, MAX_VERSIONS))
	{
		const CdcTable *table = make_table(schema, map->database, map->table, lfirst(lc));

		if (table_fits(schema, flavor, map, table, &err))
			return table;
	}
	return assemble(schema, flavor, map, full_name);
}

CdcStatus
cdc_schema_lookup(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	CdcSchemaLookup *lookup = arg;
	CdcSchema  *schema = lookup->schema;
	uint64		print;
	SchemaEntry *entry = entry_of_map(schema, map, &print);
	CdcSource  *source;
	CdcFlavor	flavor;

	*table = NULL;
	if (!entry->wanted)
		return CDC_OK;
	if ((entry->fitting != NULL || entry->unreadable) && entry->map_print == print)
	{
		*table = entry->fitting;
		return CDC_OK;
	}

	entry->unreadable = false;
	source = lookup->control(lookup->control_arg);
	flavor = cdc_source_info(source)->flavor;
	(void) cdc_schema_get(schema, map->database, map->table);
	if (entry->newest != NULL && table_fits(schema, flavor, map, entry->newest, err))
		entry->fitting = entry->newest;
	else
	{
		/* no definition, or an old one: what the source has now */
		(void) cdc_schema_refresh(schema, source, map->database, map->table, lookup->seq,
								  lookup->position);
		if (entry->newest == NULL)
			cdc_error(err, CDC_ERR_SCHEMA, "rows of a table that the source does not have any more");
		if (entry->newest != NULL && table_fits(schema, flavor, map, entry->newest, err))
			entry->fitting = entry->newest;
		else
			entry->fitting = assemble(schema, flavor, map, entry->full_name);
	}
	if (entry->fitting == NULL)
	{
		CdcError	why = *err;

		cdc_error(err, CDC_ERR_SCHEMA, "rows in the binlog fit no known definition of source table \"%s\"",
				  entry->full_name);
		cdc_error_column(err, map->database, map->table, why.column);
		cdc_error_detail(err, "The table was changed at the source more than once, or dropped, after these rows were written: %s.",
						 why.message);
		cdc_error_hint(err, "With binlog_row_metadata=FULL at the source the binlog says what its rows are. "
					   "To go on, exclude the table from the subscription and add it again with a new copy.");
		return CDC_ERR_SCHEMA;
	}
	entry->map_print = print;
	if (cdc_failed(check_decodable(schema, flavor, map, entry->fitting, err)))
	{
		entry->fitting = NULL;
		entry->unreadable = err->status == CDC_ERR_UNSUPPORTED;
		return err->status;
	}
	*table = entry->fitting;
	return CDC_OK;
}
