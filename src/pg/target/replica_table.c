/*-------------------------------------------------------------------------
 *
 * replica_table.c
 *	  The PostgreSQL table of a source table: its names, its types, making it
 *	  or checking one that exists.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/replica_table.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "pg/base/utf8.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/spi.h"
#include "pg/target/claim.h"
#include "pg/target/distribution.h"
#include "pg/target/mode_shape.h"
#include "pg/expression/expression.h"
#include "pg/expression/fill.h"
#include "pg/target/target.h"

/* A column of the target and the source column that fills it, or the type of what does. */
typedef struct Mapped
{
	char	   *name;
	const CdcColumn *source;	/* NULL: something else does */
	const char *type;
} Mapped;

/* As much of a name as there is room for, and a hash of all of it. */
static char *
hashed_name(const char *name, const char *text)
{
	uint32		hash = 2166136261u; /* FNV-1a: the same in every version */
	const unsigned char *p;
	int			len;

	for (p = (const unsigned char *) name; *p != '\0'; p++)
		hash = (hash ^ *p) * 16777619u;
	len = pg_mbcliplen(text, (int) strlen(text), NAMEDATALEN - 1 - 9);
	return psprintf("%.*s_%08x", len, text, hash);
}

char *
cdc_replica_identifier(const char *name)
{
	char	   *text = cdc_from_utf8_copy(name);

	return strlen(text) < NAMEDATALEN ? text : hashed_name(name, text);
}

char *
cdc_replica_column(const char *name)
{
	static const char *const taken[] = {CDC_SYSTEM_COLUMNS};
	size_t		i;

	for (i = 0; i < lengthof(taken); i++)
		if (strcmp(name, taken[i]) == 0)
			return hashed_name(name, name);
	return cdc_replica_identifier(name);
}

char *
cdc_replica_trouble(const CdcSubscription *sub, const CdcTable *table)
{
	int			i;

	/* names are database.table everywhere: which dot is it; those of messages are split at the last one */
	if (sub->kind != CDC_SERVER_KAFKA && strchr(table->database, '.') != NULL)
		return psprintf("table %s cannot be replicated: the name of its database has a dot",
						cdc_from_utf8_copy(table->full_name));
	if (table->ncolumns > MaxHeapAttributeNumber)
		return psprintf("table %s cannot be replicated: it has %d columns, and a table of PostgreSQL %d at most",
						cdc_from_utf8_copy(table->full_name), table->ncolumns, MaxHeapAttributeNumber);
	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcColumn *c = &table->columns[i];
		const char *reason = NULL;

		if (cdc_pg_type(c, &sub->opt, &reason) == NULL)
			return psprintf("table %s cannot be replicated: column \"%s\" has type %s%s%s",
							cdc_from_utf8_copy(table->full_name), cdc_from_utf8_copy(c->name),
							cdc_from_utf8_copy(c->column_type), reason ? ", " : "",
							reason ? reason : "");
	}
	return NULL;
}

/* The source's column of a name in the database's encoding; NULL: there is none. */
static const CdcColumn *
source_column(const CdcTable *table, const char *name)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (strcmp(cdc_from_utf8_copy(table->columns[i].name), name) == 0)
			return &table->columns[i];
	return NULL;
}

/*
 * Maps all columns under their own names; *renamed: one had to be cut.  relid is the
 * target, which may lack generated columns, or InvalidOid where it is to be made: it
 * then gets those that the source logs.
 */
static Mapped *
map_all(const CdcTable *table, Oid relid, CdcGeneratedLogged logged, int *n, bool *renamed)
{
	Mapped	   *mapped = palloc(sizeof(Mapped) * table->ncolumns);
	int			i;

	*n = 0;
	*renamed = false;
	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcColumn *column = &table->columns[i];
		char	   *name = cdc_replica_column(column->name);

		if (OidIsValid(relid) ? column->generated && get_attnum(relid, name) == InvalidAttrNumber :
			!cdc_column_is_logged(column, logged))
			continue;
		mapped[*n].source = column;
		mapped[*n].type = NULL;
		mapped[*n].name = name;
		if (strcmp(name, cdc_from_utf8_copy(column->name)) != 0)
			*renamed = true;
		(*n)++;
	}
	return mapped;
}

/* NOTICE of the generated columns that a new target is made without. */
static void
announce_left_out(const CdcTable *table, const CdcReplica *replica, CdcGeneratedLogged logged)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < table->ncolumns; i++)
		if (!cdc_column_is_logged(&table->columns[i], logged))
			appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "",
							 cdc_from_utf8_copy(table->columns[i].name));
	if (names.len > 0)
		ereport(NOTICE,
				(errmsg("target %s is made without the generated columns %s", replica->target, names.data),
				 errdetail("The source does not write them to its binlog with each update, so that they would go stale."),
				 errhint("Let PostgreSQL compute them: ALTER TABLE %s ADD COLUMN ... GENERATED ALWAYS AS (...) STORED.",
						 replica->target)));
}

/* The table's definition as expressions are parsed with it, in the database's encoding. */
static CdcTableDef
as_definition(const CdcTable *table)
{
	CdcTableDef def = {0};
	int			i;

	def.ncolumns = table->ncolumns;
	def.columns = palloc0(sizeof(CdcColumnDef) * Max(table->ncolumns, 1));
	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcColumn *column = &table->columns[i];

		def.columns[i].name = cdc_from_utf8_copy(column->name);
		def.columns[i].column_type = column->column_type;
		def.columns[i].charset = column->charset;
		def.columns[i].collation = column->collation;
		def.columns[i].json_check = column->json_check;
		def.columns[i].pk = column->pk_index;
	}
	return def;
}

/* The type of an expression's values. */
static const char *
expression_type(const CdcSubscription *sub, const CdcTable *table, const CdcColumnFill *fill)
{
	CdcTableDef def = as_definition(table);
	CdcExpressions *set = cdc_expressions_create(sub, cdc_from_utf8_copy(table->full_name), &def);
	CdcExpressionUse use = {fill->target, InvalidOid, -1};
	CdcExpression *expression = cdc_expressions_add(set, fill->text, &use);

	return format_type_with_typemod(exprType(expression->node), exprTypmod(expression->node));
}

/*
 * The columns of a mapping that the user gave; ERROR where it names none of the source.
 * typed: those that no column fills get a type.
 */
static Mapped *
map_given(const CdcSubscription *sub, const CdcTable *table, const Jsonb *columns, bool typed,
		  int *n)
{
	int			nfills;
	CdcColumnFill *fills = cdc_fills_read(columns, &nfills);
	Mapped	   *mapped = palloc0(sizeof(Mapped) * nfills);
	int			i;

	*n = 0;
	for (i = 0; i < nfills; i++)
	{
		const CdcColumnFill *fill = &fills[i];
		Mapped	   *m = &mapped[*n];

		if (fill->by == CDC_BY_NOTHING)
			continue;
		(*n)++;
		m->name = fill->target;
		if (fill->by == CDC_BY_COLUMN)
			m->source = source_column(table, fill->text);
		else if (fill->by == CDC_BY_CONSTANT)
			m->type = cdc_fill_constant_type(fill);
		else if (typed)
			m->type = expression_type(sub, table, fill);
		if (fill->by == CDC_BY_COLUMN && m->source == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("columns names no column of source table %s for target column \"%s\"",
							cdc_from_utf8_copy(table->full_name), m->name),
					 errdetail("There is no column \"%s\".", fill->text),
					 errhint("An SQL expression is written as {\"expr\": \"...\"}, a constant as {\"value\": ...}.")));
	}
	return mapped;
}

/* What fills a column of the target; NULL: nothing does. */
static const Mapped *
find_mapped(const Mapped *mapped, int n, const char *name)
{
	int			i;

	for (i = 0; i < n; i++)
		if (strcmp(mapped[i].name, name) == 0)
			return &mapped[i];
	return NULL;
}

/*
 * The target's key columns: the mode's own, as given, or those that the source's primary key
 * fills; NIL when there is no key or not all of it is mapped.
 */
static List *
key_columns(const CdcTable *table, const CdcReplicaSpec *spec, const Mapped *mapped, int n)
{
	const CdcModeShape *shape = cdc_mode_shape(spec->mode);
	List	   *key = NIL;
	int			i;
	int			j;

	if (shape->own_key)
		return cdc_mode_key(shape);
	for (i = 0; i < spec->nkey; i++)
	{
		if (find_mapped(mapped, n, spec->key[i]) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key column \"%s\" is not a column of the target", spec->key[i])));
		key = lappend(key, spec->key[i]);
	}
	if (key != NIL)
		return key;
	for (i = 0; i < table->npk; i++)
	{
		for (j = 0; j < n; j++)
			if (mapped[j].source == &table->columns[table->pk[i]])
				break;
		if (j == n)
			return NIL;
		key = lappend(key, mapped[j].name);
	}
	return key;
}

/* {"target column": "source column", ...} */
static Jsonb *
mapping_as_jsonb(const Mapped *mapped, int n)
{
	StringInfoData json;
	int			i;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(&json, ',');
		escape_json(&json, mapped[i].name);
		appendStringInfoChar(&json, ':');
		escape_json(&json, cdc_from_utf8_copy(mapped[i].source->name));
	}
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

size_t
cdc_replica_greatest_size(const CdcColumn *column)
{
	static const char *const bytes[] = {"binary", "varbinary", NULL};
	static const char *const characters[] = {"char", "varchar", NULL};

	if (strstr(column->data_type, "text") != NULL || strstr(column->data_type, "blob") != NULL)
		return CDC_REPLICA_KEY_BYTES + 1;	/* MySQL's key has a part of it only */
	if (cdc_type_is_one_of(column->data_type, bytes))
		return column->length;
	if (!cdc_type_is_one_of(column->data_type, characters))
		return 64;
	if (column->charset != NULL && strcmp(column->charset, "ascii") == 0)
		return column->length;
	return (size_t) column->length * (column->charset != NULL && strncmp(column->charset, "utf8mb4", 7) == 0 ? 4 : 3);
}

/*
 * Whether all keys fit into a row of an index.  If not, *longest is the column whose
 * values may be the longest.
 */
static bool
key_fits(const Mapped *mapped, int n, List *key, const char **longest)
{
	size_t		sum = 0;
	size_t		most = 0;
	ListCell   *lc;

	foreach(lc, key)
	{
		const CdcColumn *source = find_mapped(mapped, n, lfirst(lc))->source;

		/* what is computed is as short as who wrote it makes it */
		size_t		size = source != NULL ? cdc_replica_greatest_size(source) : 0;

		sum += size;
		if (size > most)
		{
			most = size;
			*longest = lfirst(lc);
		}
	}
	return sum <= CDC_REPLICA_KEY_BYTES;
}

/*
 * In place of a primary key that could not take all of its values: an index of their
 * hashes, by which rows are found.
 */
static void
create_hash_index(const CdcTable *table, const CdcReplica *replica, const char *column)
{
#if !CDC_HAVE_DISTRIBUTION
	cdc_spi_command(psprintf("CREATE INDEX ON %s USING hash (%s)", replica->target, quote_identifier(column)));
#endif
	ereport(NOTICE,
			(errmsg("target %s is made without a primary key", replica->target),
			 errdetail("Keys of source table %s may be longer than a row of an index; rows are found by an index of hashes of column \"%s\".",
					   cdc_from_utf8_copy(table->full_name), column)));
}

/* Creates the target, with the key as its primary key where there is one. */
static void
create_target(const CdcSubscription *sub, const CdcReplicaSpec *spec, const CdcReplica *replica,
			  const Mapped *mapped, int n, List *key)
{
	const CdcModeShape *shape = cdc_mode_shape(spec->mode);
	StringInfoData sql;
	ListCell   *lc;
	char	   *names = "";
	int			i;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE %s (", replica->target);
	for (i = 0; i < n; i++)
	{
		const char *reason;

		appendStringInfo(&sql, "%s%s %s", i > 0 ? ", " : "", quote_identifier(mapped[i].name),
						 mapped[i].source == NULL ? mapped[i].type :
						 cdc_pg_type(mapped[i].source, &sub->opt, &reason));
	}
	for (i = 0; i < shape->ncolumns; i++)
		appendStringInfo(&sql, ", %s %s", shape->columns[i].name, shape->columns[i].definition);
	foreach(lc, key)
		names = psprintf("%s%s%s", names, names[0] != '\0' ? ", " : "", quote_identifier(lfirst(lc)));
	if (key != NIL)
		appendStringInfo(&sql, ", PRIMARY KEY (%s%s%s)", names, shape->versions ? ", " : "",
						 shape->versions ? (char *) linitial(cdc_mode_key(shape)) : "");
	appendStringInfoChar(&sql, ')');
#if CDC_HAVE_DISTRIBUTION
	if (key == NIL)
		appendStringInfoString(&sql, " DISTRIBUTED RANDOMLY");
	else if (shape->versions)
		appendStringInfo(&sql, " DISTRIBUTED BY (%s)", names);
#endif

	cdc_spi_command(sql.data);
}

/* ERROR where what exists is no table, or not one that the subscription may write. */
static void
check_target(const CdcSubscription *sub, Relation rel, const CdcTable *table, const char *target)
{
	const AclMode needed = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	CdcTargetRights rights;

	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != CDC_RELKIND_PARTITIONED &&
		rel->rd_rel->relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a table", target),
				 errhint("Name another target for source table %s with cdc.add_table().",
						 cdc_from_utf8_copy(table->full_name))));
	cdc_target_rights(RelationGetRelid(rel), sub, &rights);
	if (pg_class_aclmask(RelationGetRelid(rel), rights.writer, needed, ACLMASK_ALL) != needed)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for target %s", target),
				 errhint("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;", target,
						 quote_identifier(CDC_USER_NAME(rights.writer)))));
}

/* ERROR where the table that exists lacks columns that are to be filled. */
static void
check_columns(Oid relid, const CdcTable *table, const char *target, const Mapped *mapped, int n)
{
	StringInfoData missing;
	int			i;

	initStringInfo(&missing);
	for (i = 0; i < n; i++)
		if (get_attnum(relid, mapped[i].name) == InvalidAttrNumber)
			appendStringInfo(&missing, "%s\"%s\"", missing.len > 0 ? ", " : "", mapped[i].name);
	if (missing.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("target %s cannot take the rows of source table %s", target,
						cdc_from_utf8_copy(table->full_name)),
				 errdetail("It exists and lacks the columns %s.", missing.data),
				 errhint("Add them, or name the columns to be filled with cdc.add_table(..., columns := ...).")));
}

/* Whether the table that exists has a primary key: rows are found by that then. */
static bool
has_own_key(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		found;

	(void) RelationGetIndexList(rel);
	found = CDC_RELATION_HAS_KEY(rel);
	table_close(rel, AccessShareLock);
	return found;
}

/* NOTICE where the table that exists has no primary key, although its rows have one. */
static void
announce_missing_key(Relation rel, const char *target)
{
	(void) RelationGetIndexList(rel);
	if (!CDC_RELATION_HAS_KEY(rel))
		ereport(NOTICE,
				(errmsg("target %s has no primary key", target),
				 errdetail("Without a unique index on the key each update and delete searches the whole table.")));
}

/* ERROR where rows of the table that exists are not where the key says. */
static void
check_distribution(Relation rel, const CdcReplicaSpec *spec, const CdcReplica *replica, List *key,
				   const Mapped *mapped, int n)
{
	const CdcModeShape *shape = cdc_mode_shape(spec->mode);
	CdcDistributionTrouble trouble;
	List	   *filled = NIL;
	int			i;

	/* the table's own, of which its distribution is a part */
	if (key == NIL && has_own_key(RelationGetRelid(rel)))
		return;

	/* without a mapping all columns are written, whether the source has them or not */
	for (i = 0; spec->columns != NULL && i < n; i++)
		filled = lappend(filled, (char *) mapped[i].name);
	for (i = 0; spec->columns != NULL && i < shape->ncolumns; i++)
		filled = lappend(filled, (char *) shape->columns[i].name);
	if (cdc_distribution_trouble(rel, replica->target, key, filled, &trouble))
		cdc_distribution_raise(replica->target, &trouble);
}

/* ERROR where a column of the mode's own has the name of another one. */
static void
check_mode_names(const CdcModeShape *shape, const CdcTable *table, const Mapped *mapped, int n)
{
	int			i;

	for (i = 0; i < shape->ncolumns; i++)
		if (find_mapped(mapped, n, shape->columns[i].name) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("source table %s is to fill column \"%s\", which mode \"%s\" has for its own",
							cdc_from_utf8_copy(table->full_name), shape->columns[i].name, shape->name),
					 errhint("Give it another name, or leave it out: columns := '{...}'.")));
}

/* ERROR: in that mode rows have to be found by a key. */
static void
refuse_keyless(const CdcModeShape *shape, const CdcTable *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("source table %s has no primary key, and its target cannot have mode \"%s\"",
					cdc_from_utf8_copy(table->full_name), shape->name),
			 errdetail("The row that has gone could not be told from others."),
			 errhint("Add a primary key at the source, name the columns that tell its rows apart with key := '{...}', or take mode := 'append'.")));
}

void
cdc_replica_ensure(const CdcSubscription *sub, const CdcTable *table,
				   const CdcReplicaSpec *spec, CdcReplica *replica)
{
	Oid			nsp = get_namespace_oid(spec->schema, false);
	Oid			relid = get_relname_relid(spec->name, nsp);
	const CdcModeShape *shape = cdc_mode_shape(spec->mode);
	bool		renamed = false;
	Mapped	   *mapped;
	List	   *key;
	int			n;

	mapped = spec->columns != NULL ? map_given(sub, table, spec->columns, !OidIsValid(relid), &n) :
		map_all(table, relid, spec->logged, &n, &renamed);
	check_mode_names(shape, table, mapped, n);
	key = key_columns(table, spec, mapped, n);
	replica->target = quote_qualified_identifier(spec->schema, spec->name);
	replica->created = !OidIsValid(relid);
	replica->keyless = key == NIL;
	if (renamed)
		ereport(NOTICE,
				(errmsg("column names of source table %s are longer than %d bytes, or are those of system columns",
						cdc_from_utf8_copy(table->full_name), NAMEDATALEN - 1),
				 errdetail("In target %s they end in a hash of the whole name.", replica->target)));
	if (key == NIL && shape->keeps_rows && !(OidIsValid(relid) && has_own_key(relid)))
		refuse_keyless(shape, table);
	if (key == NIL && !(OidIsValid(relid) && has_own_key(relid)))
		ereport(NOTICE,
				(errmsg("source table %s has no primary key", cdc_from_utf8_copy(table->full_name)),
				 errdetail("Its rows are found in target %s by all their columns, which is slow for updates and deletes.",
						   replica->target),
				 errhint("Add a primary key at the source, or name key columns with cdc.add_table(..., key := ...).")));

	if (replica->created)
	{
		const char *longest = NULL;
		/* messages say nothing of lengths: what they call a key is taken for one */
		bool		fits = shape->own_key || sub->kind == CDC_SERVER_KAFKA || key_fits(mapped, n, key, &longest);

		create_target(sub, spec, replica, mapped, n, fits ? key : NIL);
		if (!fits)
			create_hash_index(table, replica, longest);
		if (spec->columns == NULL)
			announce_left_out(table, replica, spec->logged);
	}
	else
	{
		Relation	rel;

		cdc_claim_check(relid, replica->target);
		if (!spec->named)
			cdc_claim_adopt(sub, cdc_from_utf8_copy(table->full_name), relid, replica->target,
							spec->rows);
		else if (!cdc_fills_compute(spec->columns))
			cdc_claim_rows(sub, cdc_from_utf8_copy(table->full_name), replica->target, spec->rows,
						   NULL);
		rel = table_open(relid, AccessShareLock);
		check_target(sub, rel, table, replica->target);
		check_columns(relid, table, replica->target, mapped, n);
		cdc_mode_check_table(shape, rel, replica->target);
		check_distribution(rel, spec, replica, key, mapped, n);
		if (key != NIL)
			announce_missing_key(rel, replica->target);
		table_close(rel, AccessShareLock);
	}

	replica->columns = spec->columns != NULL ? (Jsonb *) spec->columns :
		renamed ? mapping_as_jsonb(mapped, n) : NULL;
}
