/*-------------------------------------------------------------------------
 *
 * fit.c
 *	  Definitions and table maps: which definition rows are read by.
 *
 * The newest definition follows DDL up to the stream's position.  It is used for
 * rows only if it agrees with the table map in front of them.  If it does not: where the binlog gives the columns'
 * names (full row metadata), one that agrees is put together by name from all
 * definitions known and the map itself; else it is read anew from the source.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/schema_internal.h"

#include "pg/schema/change.h"

#include "binlog/column_plan.h"
#include "binlog/events.h"
#include "binlog/map_schema.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/catalog/log.h"

#define MAX_VERSIONS	100		/* looked at to put a definition together */

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
static CdcSchemaEntry *
entry_of_map(CdcSchema *schema, const CdcTableMap *map, uint64 *print)
{
	CdcRecentMap *recent = &schema->recent[map->serial % CDC_SCHEMA_RECENT_MAPS];

	if (recent->serial != map->serial || map->serial == 0)
	{
		recent->serial = 0;
		recent->entry = cdc_schema_entry(schema, map->database, map->table);
		recent->print = recent->entry->wanted || recent->entry->watched ? map_fingerprint(map) : 0;
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
 * Whether an enum or set has the members that the map has, in their order: a
 * value is only their number.
 */
static bool
members_fit(CdcSchema *schema, const CdcTableMap *map, int i, const CdcColumn *column)
{
	CdcCharsetConverter *converter = NULL;
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
		cdc_out_of_memory();
	for (k = 0; k < column->nmembers && fit; k++)
	{
		CdcString	member = map->members[i][k];
		bool		is_text;

		if (converter != NULL)
			is_text = !cdc_failed(cdc_charset_to_utf8(converter, (const uint8_t *) member.data, member.len,
											  arena, &member, &err));
		else
			is_text = cdc_utf8_valid((const uint8_t *) member.data, member.len);

		/* what is no text the definition has as the server shows it: as nothing, or question marks */
		if (is_text)
			fit = member.len == column->members[k].len &&
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

/* The newest column of that name that fits, or NULL; tables are made of defs. */
static const CdcColumnDef *
find_fitting(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *map, int i, List *defs,
			 List *tables)
{
	ListCell   *lc;
	ListCell   *lt;
	CdcError	err;

	forboth(lc, defs, lt, tables)
	{
		const CdcTableDef *def = lfirst(lc);
		const CdcTable *table = lfirst(lt);
		int			c;

		for (c = 0; c < def->ncolumns; c++)
		{
			if (strcmp(def->columns[c].name, map->names[i]) == 0 &&
				column_fits(schema, flavor, map, i, &table->columns[c], &err))
				return &def->columns[c];
		}
	}
	return NULL;
}

/* What the map alone says of a column. */
static void
column_of_map(const CdcColumn *from, CdcColumnDef *to)
{
	to->name = from->name;
	to->column_type = from->column_type;
	to->charset = from->charset;
	to->extra = from->invisible ? "INVISIBLE" : "";
	to->nullable = from->nullable;
	to->default_unknown = true;
}

/*
 * Fills in columns by name from definitions, those left from the map; returns
 * how many only the map knows, -1 where that does not do.
 */
static int
fill_columns(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *map, List *defs,
			 CdcTableDef *result)
{
	const CdcTable *from_map;
	List	   *tables = NIL;
	ListCell   *lc;
	CdcError	err;
	int			missing = 0;
	int			i;

	if (cdc_failed(cdc_map_schema(map, flavor, &schema->charsets, schema->arena, &from_map, &err)))
		from_map = NULL;
	foreach(lc, defs)
		tables = lappend(tables, cdc_schema_make_table(schema, map->database, map->table, lfirst(lc)));
	for (i = 0; i < map->ncolumns; i++)
	{
		const CdcColumnDef *column = find_fitting(schema, flavor, map, i, defs, tables);
		CdcColumnDef *to = &result->columns[i];
		int			k;

		memset(to, 0, sizeof(*to));
		to->pk = -1;
		if (column != NULL)
			*to = *column;
		else if (from_map != NULL)
			column_of_map(&from_map->columns[i], to);
		else
			return -1;
		missing += column == NULL ? 1 : 0;
		if (map->pk == NULL)
			continue;
		/* the binlog's own key is the one of then */
		to->pk = -1;
		for (k = 0; k < map->npk; k++)
			to->pk = map->pk[k] == i ? k : to->pk;
	}
	return missing;
}

/*
 * A definition for a map with names, put together from all definitions known,
 * the source's present one (source may be NULL) where they do not do, and the
 * map itself.  NULL when the map has no names.
 */
static CdcTableDef *
assemble(CdcSchema *schema, CdcFlavor flavor, CdcSource *source, const CdcTableMap *map,
		 const char *full_name)
{
	List	   *stored;
	List	   *defs = NIL;
	ListCell   *lc;
	CdcTableDef *result;
	CdcTableDef *present;
	int			missing;

	if (map->names == NULL)
		return NULL;
	stored = cdc_schema_read_stored(schema->sub->name, full_name, MAX_VERSIONS);
	foreach(lc, stored)
		defs = lappend(defs, &((CdcStoredDef *) lfirst(lc))->def);
	result = palloc0(sizeof(CdcTableDef));
	result->ncolumns = map->ncolumns;
	result->columns = palloc0(sizeof(CdcColumnDef) * Max(map->ncolumns, 1));
	missing = fill_columns(schema, flavor, map, defs, result);
	if (missing != 0 && source != NULL &&
		(present = cdc_schema_read_source(source, map->database, map->table)) != NULL)
	{
		defs = lappend(defs, present);
		missing = fill_columns(schema, flavor, map, defs, result);
	}
	if (missing < 0)
		return NULL;
	if (stored != NIL)
	{
		const CdcStoredDef *newest = linitial(stored);

		result->charset = newest->def.charset;
		result->collation = newest->def.collation;
	}
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
cdc_schema_stored_fit(CdcSchema *schema, CdcFlavor flavor, const CdcTableMap *whole)
{
	CdcTableMap visible = *whole;
	const CdcTableMap *map = &visible;
	char	   *full_name = psprintf("%s.%s", map->database, map->table);
	List	   *stored = cdc_schema_read_stored(schema->sub->name, full_name, MAX_VERSIONS);
	CdcTableDef *def;
	ListCell   *lc;
	CdcError	err;

	cdc_schema_hide_named(flavor, cdc_schema_load(schema, map->database, map->table)->newest, &visible);
	foreach(lc, stored)
	{
		const CdcTable *table = cdc_schema_make_table(schema, map->database, map->table,
													  &((CdcStoredDef *) lfirst(lc))->def);

		if (table_fits(schema, flavor, map, table, &err))
			return table;
	}
	def = assemble(schema, flavor, NULL, map, full_name);
	return def != NULL ? cdc_schema_make_table(schema, map->database, map->table, def) : NULL;
}

/* That a definition is not what the DDL said is worth a row in cdc.log. */
static void
log_new_definition(const CdcSchema *schema, const CdcSchemaEntry *entry, const char *how,
				   const CdcError *why, const char *position)
{
	if (entry->newest != NULL)
		cdc_log_event(schema->sub->name, "schema",
					  psprintf("the definition of source table %s was %s", entry->full_name, how),
					  psprintf("%s: %s", position != NULL ? position : "", why->message));
}

/* Finds, or makes, a definition that agrees with the map; false: none does. */
static bool
find_definition(CdcSchemaLookup *lookup, CdcSchemaEntry *entry, const CdcTableMap *map, CdcError *err)
{
	CdcSchema  *schema = lookup->schema;
	CdcSource  *source = cdc_control_session(&lookup->control);
	CdcFlavor	flavor = cdc_source_info(source)->flavor;
	CdcTableDef *def;
	int			before;

	entry->fitting = NULL;
	(void) cdc_schema_load(schema, map->database, map->table);
	if (entry->newest != NULL && table_fits(schema, flavor, map, entry->newest, err))
	{
		entry->fitting = entry->newest;
		return true;
	}
	if (entry->newest == NULL)
		cdc_error(err, CDC_ERR_SCHEMA, "rows of a table that is not known");
	before = cdc_change_newest_version(schema->sub->name, entry->full_name, true);
	def = assemble(schema, flavor, source, map, entry->full_name);
	if (def != NULL)
	{
		log_new_definition(schema, entry, "put together from the binlog's metadata", err, lookup->place.position);
		cdc_schema_put(schema, map->database, map->table, def, &lookup->place, NULL);
		cdc_change_found(schema->sub, entry->full_name, before, &lookup->place);
		entry->fitting = entry->newest;
		return true;
	}
	log_new_definition(schema, entry, "read anew from the source", err, lookup->place.position);
	if (!cdc_schema_reread(schema, source, map->database, map->table, &lookup->place))
		cdc_error(err, CDC_ERR_SCHEMA, "rows of a table that the source does not have any more");
	else if (table_fits(schema, flavor, map, entry->newest, err))
	{
		cdc_change_found(schema->sub, entry->full_name, before, &lookup->place);
		entry->fitting = entry->newest;
	}
	return entry->fitting != NULL;
}

/* Could column i of the map be the begin or end of a row's period? */
static bool
is_like_period(const CdcTableMap *map, int i)
{
	return i >= 0 && !map->nullable[i] &&
		((map->types[i] == CDC_WT_TIMESTAMP2 && map->meta[i] == 6) || map->types[i] == CDC_WT_LONGLONG);
}

/*
 * Whether rows are those of a sequence, by what their map tells: eight numbers, never NULL, and
 * their names where it has names.
 */
static bool
is_like_sequence(const CdcTableMap *map)
{
	static const char *const names[] = {
		"next_not_cached_value", "minimum_value", "maximum_value", "start_value", "increment", "cache_size",
		"cycle_option", "cycle_count"
	};
	int			i;

	if (map->ncolumns != lengthof(names))
		return false;
	for (i = 0; i < map->ncolumns; i++)
	{
		int			type = map->types[i];

		if (map->nullable[i] || (map->names != NULL && strcmp(map->names[i], names[i]) != 0))
			return false;
		if (i < 4 ? type != map->types[0] : type != (i == 6 ? CDC_WT_TINY : CDC_WT_LONGLONG))
			return false;
	}
	return map->types[0] == CDC_WT_TINY || map->types[0] == CDC_WT_SHORT || map->types[0] == CDC_WT_INT24 ||
		map->types[0] == CDC_WT_LONG || map->types[0] == CDC_WT_LONGLONG;
}

/*
 * Whether rows are those of a sequence that the source does not have any more: they look like it,
 * and of a table of that name, which CREATE TABLE would have told of, nothing is known.
 */
static bool
is_past_sequence(CdcSchema *schema, CdcSource *source, const CdcTableMap *map, const CdcSchemaEntry *entry)
{
	const CdcTableDef *present;
	CdcError	err;

	if (entry->newest != NULL || entry->as_of != NULL || !is_like_sequence(map))
		return false;
	present = cdc_schema_read_source(source, map->database, map->table);
	return present == NULL ||
		!table_fits(schema, cdc_source_info(source)->flavor, map,
					cdc_schema_make_table(schema, map->database, map->table, present), &err);
}

/*
 * Whether rows have the begin and end of their period behind the columns of the definition: when
 * they were written the table was WITH SYSTEM VERSIONING, which it is no more.
 */
static bool
was_versioned(const CdcTableMap *map, const CdcSchemaEntry *entry)
{
	int			n = map->ncolumns;

	return entry->newest != NULL && n == entry->newest->ncolumns + 2 && is_like_period(map, n - 1) &&
		is_like_period(map, n - 2) &&
		(map->names == NULL || (strcmp(map->names[n - 2], "row_start") == 0 && strcmp(map->names[n - 1], "row_end") == 0));
}

/*
 * MariaDB writes old versions of rows of a table WITH SYSTEM VERSIONING as
 * inserted rows, and deletes as updates; the columns that tell, the last two
 * or others, are not in information_schema unless they were named.  Its
 * sequences come as tables of one row, inserted again and again: nobody wants
 * them.
 */
static CdcStatus
check_kind(CdcSchemaLookup *lookup, const CdcTableMap *map, CdcSchemaEntry *entry, CdcError *err)
{
	CdcSchema  *schema = lookup->schema;
	CdcSource  *source = cdc_control_session(&lookup->control);
	CdcAnswer  *kind;
	int			likely = 0;
	int			i;

	if (cdc_source_info(source)->flavor != CDC_MARIADB)
		return CDC_OK;
	for (i = 0; i < map->ncolumns; i++)
		likely += is_like_period(map, i) ? 1 : 0;
	if (likely < 2)
		return CDC_OK;
	kind = cdc_source_ask(source, "the type of a table in information_schema.TABLES", 1,
						  "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s "
						  "AND TABLE_NAME = %s AND TABLE_TYPE IN ('SYSTEM VERSIONED', 'SEQUENCE')",
						  cdc_source_quote_literal(map->database), cdc_source_quote_literal(map->table));
	if (cdc_answer_rows(kind) == 0)
	{
		if (is_past_sequence(schema, source, map, entry))
		{
			cdc_log_event(schema->sub->name, "schema",
						  psprintf("rows of %s were left out, as those of a sequence", entry->full_name),
						  "The source has no sequence of that name any more, and no table was made with it.");
			entry->wanted = false;
		}
		if (!was_versioned(map, entry))
			return CDC_OK;
		lookup->untold = true;
	}
	else if (strcmp(cdc_answer_text(kind, 0, 0), "SEQUENCE") == 0)
	{
		entry->wanted = false;
		return CDC_OK;
	}
	cdc_error(err, CDC_ERR_UNSUPPORTED,
			  "the table %s system-versioned, and its rows' old versions cannot be told from rows",
			  lookup->untold ? "was" : "is");
	cdc_error_column(err, map->database, map->table, "row_end");
	return CDC_ERR_UNSUPPORTED;
}

/* err: what differs. */
static CdcStatus
no_definition(const CdcSchemaLookup *lookup, const CdcTableMap *map, CdcError *err)
{
	CdcError	why = *err;

	cdc_error(err, CDC_ERR_SCHEMA,
			  "rows at %s fit no known definition of their table, which was changed or dropped later, and the binlog does not tell how (binlog_row_metadata=FULL would): %s",
			  lookup->place.position, why.message);
	cdc_error_column(err, map->database, map->table, why.column);
	return CDC_ERR_SCHEMA;
}

CdcStatus
cdc_schema_lookup(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	CdcSchemaLookup *lookup = arg;
	CdcSchema  *schema = lookup->schema;
	uint64		print;
	CdcSchemaEntry *entry = entry_of_map(schema, map, &print);
	CdcFlavor	flavor;
	CdcTableMap visible = *map;

	*table = NULL;
	lookup->untold = lookup->remembered = false;
	if (!entry->wanted && !entry->watched)
		return CDC_OK;
	if ((entry->fitting != NULL || entry->unreadable) && entry->map_print == print)
	{
		*table = entry->fitting;
		return CDC_OK;
	}
	if (entry->misfit && entry->map_print == print && !lookup->anew)
	{
		lookup->untold = lookup->remembered = true;
		return cdc_error(err, CDC_ERR_SCHEMA, "rows fit no known definition of their table");
	}

	entry->unreadable = entry->misfit = false;
	(void) cdc_schema_load(schema, map->database, map->table);
	if (cdc_failed(check_kind(lookup, map, entry, err)))
	{
		entry->map_print = print;
		entry->fitting = NULL;
		entry->unreadable = !lookup->untold;
		return err->status;
	}
	if (!entry->wanted && !entry->watched)
		return CDC_OK;
	if (cdc_failed(cdc_schema_hide(cdc_control_session(&lookup->control), entry, &visible, err)))
	{
		entry->fitting = NULL;	/* the next rows may be told */
		lookup->untold = true;
		return err->status;
	}
	if (!find_definition(lookup, entry, &visible, err))
	{
		entry->map_print = print;
		entry->misfit = lookup->untold = true;
		return no_definition(lookup, map, err);
	}
	entry->map_print = print;
	if (map->names == NULL)
		cdc_schema_note_unproven(schema, entry);
	flavor = cdc_source_info(cdc_control_session(&lookup->control))->flavor;
	if (cdc_failed(check_decodable(schema, flavor, &visible, entry->fitting, err)))
	{
		entry->fitting = NULL;
		entry->unreadable = err->status == CDC_ERR_UNSUPPORTED;
		return err->status;
	}
	*table = entry->fitting;
	return CDC_OK;
}
