/*-------------------------------------------------------------------------
 *
 * target.c
 *	  What apply knows of a target: relation, columns, key, back-end.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/target.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "rewrite/prs2lock.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "core/geometry.h"
#include "pg/apply/apply_internal.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/log.h"

/* ------------------------------------------------------------------------
 * Columns
 * ------------------------------------------------------------------------
 */

static CdcSourceKind
source_kind(const CdcSourceColumn *columns, int n, const char *name)
{
	static const struct
	{
		const char *prefix;
		CdcSourceKind kind;
	}			kinds[] = {
		{"char", CDC_SOURCE_TEXT}, {"varchar", CDC_SOURCE_TEXT}, {"text", CDC_SOURCE_TEXT},
		{"tinytext", CDC_SOURCE_TEXT}, {"mediumtext", CDC_SOURCE_TEXT},
		{"longtext", CDC_SOURCE_TEXT}, {"enum", CDC_SOURCE_TEXT}, {"json", CDC_SOURCE_JSON},
		{"binary", CDC_SOURCE_BINARY}, {"varbinary", CDC_SOURCE_BINARY},
		{"blob", CDC_SOURCE_BINARY}, {"tinyblob", CDC_SOURCE_BINARY},
		{"mediumblob", CDC_SOURCE_BINARY}, {"longblob", CDC_SOURCE_BINARY}
	};
	int			i;
	size_t		k;

	for (i = 0; i < n; i++)
	{
		const char *type = columns[i].column_type;
		size_t		len;

		if (strcmp(columns[i].name, name) != 0)
			continue;
		if (columns[i].json_check)
			return CDC_SOURCE_JSON;
		len = strcspn(type, "( ");
		if (cdc_is_geometry_type(pnstrdup(type, len)))
			return CDC_SOURCE_GEOMETRY;
		for (k = 0; k < lengthof(kinds); k++)
			if (strlen(kinds[k].prefix) == len && strncmp(kinds[k].prefix, type, len) == 0)
				return kinds[k].kind;
		return CDC_SOURCE_OTHER;
	}
	return CDC_SOURCE_UNKNOWN;
}

/* The source column for a target column; NULL when the mapping has none. */
static char *
mapped_source(const Jsonb *mapping, const char *column)
{
	CdcJsonValue v;

	if (mapping == NULL)
		return pstrdup(column);
	if (!cdc_json_find(&mapping->root, column, strlen(column), &v))
		return NULL;
	if (v.type != JENTRY_ISSTRING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"columns\" maps target columns to names of source columns"),
				 errdetail("The value for \"%s\" is not a string.", column)));
	return pnstrdup(v.data, v.len);
}

static void
check_mapping(const CdcTarget *target, const Jsonb *mapping)
{
	int			n = cdc_json_count(&mapping->root);
	const char *base = cdc_json_base(&mapping->root, 2 * n);
	uint32		offset = 0;
	int			i;
	int			c;

	if (!cdc_json_is_object(&mapping->root))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"columns\" must be a JSON object")));
	for (i = 0; i < n; i++)
	{
		CdcJsonValue key;

		cdc_json_step(&mapping->root, base, i, &offset, &key);
		for (c = 0; c < target->ncolumns; c++)
			if (strlen(target->columns[c].name) == key.len &&
				memcmp(target->columns[c].name, key.data, key.len) == 0)
				break;
		if (c == target->ncolumns)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("target %s has no column \"%.*s\" that can be written",
							target->name, (int) key.len, key.data),
					 errdetail("It is named in the mapping \"columns\".")));
	}
}

static void
build_columns(CdcTarget *target, const CdcSubscription *sub, const Jsonb *mapping,
			  const CdcSourceColumn *source, int nsource)
{
	int			i;

	target->mapped = (mapping != NULL);
	target->columns = palloc0(sizeof(CdcTargetColumn) * Max(target->desc->natts, 1));
	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);
		CdcTargetColumn *col = &target->columns[target->ncolumns];
		char	   *name;

		if (att->attisdropped || CDC_ATT_GENERATED(att))
			continue;
		name = mapped_source(mapping, NameStr(att->attname));
		if (name == NULL)
			continue;
		col->attnum = att->attnum;
		col->name = pstrdup(NameStr(att->attname));
		col->source = name;
		col->source_len = strlen(name);
		col->byval = att->attbyval;
		col->len = att->attlen;
		cdc_converter_init(&col->conv, CurrentMemoryContext, att->atttypid, att->atttypmod,
						   source_kind(source, nsource, name), sub->opt.zero_date);
		cdc_column_hint(att->atttypid, att->atttypmod, &col->hint);
		if (col->conv.source == CDC_SOURCE_GEOMETRY)
			col->hint.kind = CDC_HINT_GEOMETRY;
		target->ncolumns++;
	}
	if (mapping)
		check_mapping(target, mapping);
}

/* ------------------------------------------------------------------------
 * The key
 * ------------------------------------------------------------------------
 */

static int
column_by_attnum(const CdcTarget *target, AttrNumber attnum)
{
	int			i;

	for (i = 0; i < target->ncolumns; i++)
		if (target->columns[i].attnum == attnum)
			return i;
	return -1;
}

static bool
bitwise_equality(Oid typid)
{
	switch (typid)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case BOOLOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case OIDOID:
		case CHAROID:
			return true;
		default:
			return false;
	}
}

/*
 * Sets up hashing and comparison of one key column.  In a table without key
 * rows are matched by their values' images: what is looked for was made by the
 * same conversion, and each type has an image.
 */
static void
init_key_column(CdcTarget *target, CdcKeyColumn *key, int column)
{
	CdcTargetColumn *col = &target->columns[column];
	Form_pg_attribute att = TupleDescAttr(target->desc, col->attnum - 1);
	Oid			base = getBaseType(att->atttypid);
	Oid			output;
	bool		isvarlena;

	memset(key, 0, sizeof(*key));
	key->column = column;
	key->attnum = col->attnum;
	key->collation = att->attcollation;
	key->len = att->attlen;
	col->in_key = true;
	getTypeOutputInfo(att->atttypid, &output, &isvarlena);
	fmgr_info_cxt(output, &key->output, CurrentMemoryContext);

	if (bitwise_equality(base) || (target->keyless && att->attbyval))
		key->class = CDC_KEY_WORD;
	else if (att->attlen == -1 &&
			 (target->keyless || base == BYTEAOID || base == BITOID || base == VARBITOID ||
			  ((base == TEXTOID || base == VARCHAROID) &&
			   CDC_COLLATION_IS_DETERMINISTIC(att->attcollation))))
		key->class = CDC_KEY_BYTES;
	else if (att->attlen > 0 && !att->attbyval && (target->keyless || base == UUIDOID))
		key->class = CDC_KEY_FIXED;
	else
	{
		TypeCacheEntry *type = lookup_type_cache(att->atttypid,
												 TYPECACHE_HASH_PROC | TYPECACHE_EQ_OPR);

		if (!OidIsValid(type->hash_proc) || !OidIsValid(type->eq_opr))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of target %s cannot be part of a key",
							col->name, target->name),
					 errdetail("Its type %s has no equality that can be hashed.",
							   format_type_be(att->atttypid))));
		key->class = CDC_KEY_FUNCTION;
		/* with a scale of its own, numeric has one form for each value */
		if (att->atttypid != NUMERICOID || att->atttypmod < 0)
			target->key_by_image = false;
		fmgr_info_cxt(type->hash_proc, &key->hash, CurrentMemoryContext);
		fmgr_info_cxt(get_opcode(type->eq_opr), &key->equal, CurrentMemoryContext);
	}
}

/* The columns of a unique index as a set; NULL when it has expressions. */
static Bitmapset *
index_columns(Relation index)
{
	Bitmapset  *set = NULL;
	int			i;

	for (i = 0; i < CDC_INDEX_NKEYATTS(index->rd_index); i++)
	{
		AttrNumber	attnum = index->rd_index->indkey.values[i];

		if (attnum <= 0)
			return NULL;
		set = bms_add_member(set, attnum);
	}
	return set;
}

/* A list of attribute numbers from names of columns; NIL when one is missing. */
static List *
attnums_of_names(const CdcTarget *target, char **names, int n, bool by_source)
{
	List	   *result = NIL;
	int			i;
	int			c;

	for (i = 0; i < n; i++)
	{
		for (c = 0; c < target->ncolumns; c++)
			if (strcmp(by_source ? target->columns[c].source : target->columns[c].name,
					   names[i]) == 0)
				break;
		if (c == target->ncolumns)
			return NIL;
		result = lappend_int(result, target->columns[c].attnum);
	}
	return result;
}

static List *
source_key(const CdcTarget *target, const CdcSourceColumn *source, int nsource)
{
	char	  **names = palloc0(sizeof(char *) * (nsource + 1));
	int			n = 0;
	int			i;

	for (i = 0; i < nsource; i++)
	{
		if (source[i].pk < 0 || source[i].pk >= nsource)
			continue;
		names[source[i].pk] = (char *) source[i].name;
		n++;
	}
	for (i = 0; i < n; i++)
		if (names[i] == NULL)
			return NIL;
	return attnums_of_names(target, names, n, true);
}

static List *
primary_key(const CdcTarget *target, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;
	List	   *result = NIL;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		int			i;

		if (index->rd_index->indisprimary && index->rd_index->indisvalid)
		{
			for (i = 0; i < CDC_INDEX_NKEYATTS(index->rd_index); i++)
			{
				AttrNumber	attnum = index->rd_index->indkey.values[i];

				if (column_by_attnum(target, attnum) < 0)
				{
					result = NIL;
					break;
				}
				result = lappend_int(result, attnum);
			}
		}
		index_close(index, AccessShareLock);
		if (result != NIL)
			break;
	}
	return result;
}

/*
 * Finds the unique index on exactly the key columns, and whether others
 * demand that rows are written in source order.  A unique index that contains
 * all of the key cannot be violated when the key is unique.
 */
static void
choose_indexes(CdcTarget *target, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	Bitmapset  *key = NULL;
	ListCell   *lc;
	int			i;

	for (i = 0; i < target->nkey; i++)
		key = bms_add_member(key, target->key[i].attnum);
	target->key_index = InvalidOid;
	target->row_by_row = false;
	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		Bitmapset  *columns = index_columns(index);

		if ((form->indisunique || form->indisexclusion) && form->indisready)
		{
			if (!target->keyless && form->indisunique && form->indisvalid &&
				columns != NULL && RelationGetIndexPredicate(index) == NIL && bms_equal(columns, key))
			{
				if (!OidIsValid(target->key_index) || form->indisprimary)
					target->key_index = RelationGetRelid(index);
			}
			else if (target->keyless || form->indisexclusion || columns == NULL ||
					 !bms_is_subset(key, columns))
				target->row_by_row = true;
		}
		index_close(index, AccessShareLock);
	}
}

static void
build_key(CdcTarget *target, const CdcSubscription *sub, Relation rel,
		  const CdcTargetSpec *spec, const CdcSourceColumn *source, int nsource)
{
	List	   *attnums = NIL;
	ListCell   *lc;
	int			i = 0;

	if (spec->nkey > 0)
	{
		attnums = attnums_of_names(target, spec->key, spec->nkey, false);
		if (attnums == NIL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key of target %s names a column that it does not have", target->name),
					 errhint("Give the target's columns in cdc.add_table's argument \"key\".")));
	}
	if (attnums == NIL && nsource > 0)
		attnums = source_key(target, source, nsource);
	if (attnums == NIL)
		attnums = primary_key(target, rel);

	target->keyless = (attnums == NIL);
	target->key_by_image = true;
	if (target->keyless)
		for (i = 0; i < target->ncolumns; i++)
			attnums = lappend_int(attnums, target->columns[i].attnum);
	target->nkey = list_length(attnums);
	target->key = palloc0(sizeof(CdcKeyColumn) * Max(target->nkey, 1));
	i = 0;
	foreach(lc, attnums)
		init_key_column(target, &target->key[i++], column_by_attnum(target, lfirst_int(lc)));
	choose_indexes(target, rel);
}

/* ------------------------------------------------------------------------
 * The target
 * ------------------------------------------------------------------------
 */

#if CDC_HAVE_TABLE_AM
static bool
has_statement_triggers(Relation rel)
{
	int			i;

	if (rel->trigdesc == NULL)
		return false;
	for (i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (TRIGGER_FOR_ROW(trigger->tgtype))
			continue;
		if (trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA ||
			trigger->tgenabled == TRIGGER_FIRES_ALWAYS)
			return true;
	}
	return false;
}
#endif

/*
 * Direct access needs a plain heap, the key's index, and nothing that only a
 * statement honours.
 */
static const CdcApplyBackend *
choose_backend(const CdcTarget *target, Relation rel)
{
#if CDC_HAVE_TABLE_AM
	if (rel->rd_rel->relkind == RELKIND_RELATION &&
		rel->rd_rel->relam == HEAP_TABLE_AM_OID &&
		rel->rd_rules == NULL &&
		!has_statement_triggers(rel) &&
		(target->keyless || OidIsValid(target->key_index)))
		return &cdc_apply_heap;
#endif
	return &cdc_apply_sql;
}

void
cdc_target_check(const CdcTarget *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	const AclMode needed = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	char		kind = rel->rd_rel->relkind;

	table_close(rel, NoLock);
	if (kind != RELKIND_RELATION && kind != RELKIND_FOREIGN_TABLE && kind != RELKIND_VIEW &&
		kind != CDC_RELKIND_PARTITIONED)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("target %s is not a table", target->name)));
	if (pg_class_aclmask(target->relid, GetUserId(), needed, ACLMASK_ALL) != needed)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for target %s", target->name),
				 errhint("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;", target->name,
						 quote_identifier(CDC_USER_NAME(GetUserId())))));
	if (CDC_RLS_ENABLED(target->relid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("row-level security of target %s hides rows from role \"%s\"",
						target->name, CDC_USER_NAME(GetUserId())),
				 errhint("Let the subscription's owner own the table, or grant the role BYPASSRLS.")));
}

static Relation
open_target(const CdcTargetSpec *spec)
{
	RangeVar   *rv = makeRangeVarFromNameList(CDC_QUALIFIED_NAMES(spec->target));

	return table_openrv(rv, RowExclusiveLock);
}

/* Builds all of a target in the current context, its relation being open. */
static CdcTarget *
build_target(const CdcSubscription *sub, const CdcTargetSpec *spec, Relation rel, int64 seq)
{
	CdcTarget  *target = palloc0(sizeof(CdcTarget));
	CdcSourceColumn *source;
	int			nsource;

	target->cxt = CurrentMemoryContext;
	target->source_table = pstrdup(spec->source_table);
	target->relid = RelationGetRelid(rel);
	target->name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
											  RelationGetRelationName(rel));
	target->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	source = cdc_source_columns(sub, spec->source_table, seq, &nsource);
	build_columns(target, sub, spec->columns, source, nsource);
	if (target->ncolumns == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("target %s has no column that can be written", target->name)));
	build_key(target, sub, rel, spec, source, nsource);
	if (target->keyless && !CDC_ROWS_HAVE_ADDRESS(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("replicated target %s has no key", target->name),
				 errdetail("One of several equal rows cannot be told from the others there."),
				 errhint("Name key columns in cdc.add_table's argument \"key\", or distribute the table.")));
	target->backend = choose_backend(target, rel);
	return target;
}

/* In cdc.log once, however often the target is loaded. */
static void
log_once(const CdcSubscription *sub, const char *kind, const char *message)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.log WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND kind OPERATOR(pg_catalog.=) $2 AND message OPERATOR(pg_catalog.=) $3 LIMIT 1",
		3, {TEXTOID, TEXTOID, TEXTOID}, NULL
	};
	CdcSpi		spi;
	Datum		values[3];
	bool		known;

	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(kind);
	values[2] = CStringGetTextDatum(message);
	cdc_spi_begin(&spi);
	known = cdc_spi_execute(&stmt, values, NULL) > 0;
	cdc_spi_end(&spi);
	if (!known)
		cdc_log(sub->name, kind, message, NULL);
}

/* Tells the user what will cost him. */
static void
announce(const CdcTarget *target, const CdcSubscription *sub)
{
	if (target->keyless)
	{
		char	   *message = psprintf("target %s has no key: its rows are matched by all their columns",
									   target->name);

		ereport(NOTICE,
				(errmsg("%s", message),
				 errhint("Give source and target a primary key, or name one in cdc.add_table's argument \"key\".")));
		log_once(sub, "no_key", message);
	}
	else if (!OidIsValid(target->key_index) && target->backend == &cdc_apply_sql)
		ereport(NOTICE,
				(errmsg("target %s has no unique index on its key", target->name),
				 errhint("Without one each batch reads the whole table; CREATE UNIQUE INDEX on the key.")));
}

CdcTarget *
cdc_target_make(const CdcSubscription *sub, const CdcTargetSpec *spec, int64 seq)
{
	Relation	rel = open_target(spec);
	CdcTarget  *target = build_target(sub, spec, rel, seq);

	cdc_target_check(target);
	announce(target, sub);
	table_close(rel, NoLock);
	return target;
}
