/*-------------------------------------------------------------------------
 *
 * target.c
 *	  What is known of a target: its relation, columns and key.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/target.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "pg/base/compat_catalog.h"

/* ------------------------------------------------------------------------
 * Relation and columns
 * ------------------------------------------------------------------------
 */

CdcTarget *
cdc_target_create(Relation rel)
{
	CdcTarget  *target = palloc0(sizeof(CdcTarget));

	target->relid = RelationGetRelid(rel);
	target->name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
											  RelationGetRelationName(rel));
	target->cxt = CurrentMemoryContext;
	target->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	target->columns = palloc0(sizeof(CdcTargetColumn) * Max(target->desc->natts, 1));
	target->presences.cxt = target->cxt;
	target->presences.desc = target->desc;
	return target;
}

int
cdc_target_add_column(CdcTarget *target, Form_pg_attribute att)
{
	CdcTargetColumn *col = &target->columns[target->ncolumns];

	col->attnum = att->attnum;
	col->name = pstrdup(NameStr(att->attname));
	col->byval = att->attbyval;
	col->len = att->attlen;
	col->typid = att->atttypid;
	col->typmod = att->atttypmod;
	col->basetype = getBaseType(att->atttypid);
	return target->ncolumns++;
}

const CdcPresence *
cdc_target_whole_row(CdcTarget *target)
{
	bool	   *attrs;
	int			i;

	if (target->whole != NULL)
		return target->whole;
	attrs = palloc0(sizeof(bool) * target->desc->natts);
	for (i = 0; i < target->ncolumns; i++)
	{
		int			at = target->columns[i].attnum - 1;

		attrs[at] = !TupleDescAttr(target->desc, at)->attnotnull;
	}
	target->whole = cdc_presence_intern(&target->presences, attrs);
	pfree(attrs);
	return target->whole;
}

void
cdc_target_rights(Oid relid, const CdcSubscription *sub, CdcTargetRights *rights)
{
	Relation	rel = table_open(relid, NoLock);
	Oid			owner = rel->rd_rel->relowner;

	table_close(rel, NoLock);
	rights->writer = CDC_MAY_BECOME(sub->owner_oid, owner) ? owner : sub->owner_oid;
	rights->replica = sub->opt.disable_others_triggers || has_privs_of_role(sub->owner_oid, owner);
	rights->replica_role = sub->opt.disable_others_triggers || superuser_arg(rights->writer);
}

void
cdc_target_check(const CdcTarget *target, const CdcSubscription *sub)
{
	Relation	rel = table_open(target->relid, NoLock);
	const AclMode needed = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	CdcTargetRights rights;
	char		kind = rel->rd_rel->relkind;

	table_close(rel, NoLock);
	if (kind != RELKIND_RELATION && kind != RELKIND_FOREIGN_TABLE && kind != RELKIND_VIEW &&
		kind != CDC_RELKIND_PARTITIONED)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("target %s is not a table", target->name)));
	cdc_target_rights(target->relid, sub, &rights);
	if (pg_class_aclmask(target->relid, rights.writer, needed, ACLMASK_ALL) != needed)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for target %s", target->name),
				 errhint("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;", target->name,
						 quote_identifier(CDC_USER_NAME(rights.writer)))));
	if (CDC_RLS_ENABLED_FOR(target->relid, rights.writer))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("row-level security of target %s hides rows from role \"%s\"",
						target->name, CDC_USER_NAME(rights.writer)),
				 errhint("Where the role may see all rows of all tables: ALTER ROLE %s BYPASSRLS; where this table need not hide any: ALTER TABLE %s DISABLE ROW LEVEL SECURITY;",
						 quote_identifier(CDC_USER_NAME(rights.writer)), target->name)));
}

void
cdc_target_forget_presences(CdcTarget *target)
{
	cdc_target_release(target);
	target->whole = NULL;
	cdc_presences_forget(&target->presences);
}

void
cdc_target_release(CdcTarget *target)
{
	if (target->release_kept != NULL)
		target->release_kept(target->kept);
	target->kept = NULL;
	target->release_kept = NULL;
}

/* ------------------------------------------------------------------------
 * The key
 * ------------------------------------------------------------------------
 */

/* The index of the attribute's column; -1: rows do not fill it. */
static int
column_by_attnum(const CdcTarget *target, AttrNumber attnum)
{
	int			i;

	for (i = 0; i < target->ncolumns; i++)
		if (target->columns[i].attnum == attnum)
			return i;
	return -1;
}

/* Whether values of the type are equal exactly where their Datums are. */
static bool
has_bitwise_equality(Oid typid)
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
 * How messages show values of a type.  They are made while an error is on its way, where
 * no code of users and no look into catalogs has a place: only the server's own types
 * that need neither.
 */
static CdcKeyShown
shown_as(Oid base)
{
	switch (base)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return CDC_KEY_SHOWN_TEXT;
		case BOOLOID:
		case CHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case UUIDOID:
		case BYTEAOID:
		case BITOID:
		case VARBITOID:
			return CDC_KEY_SHOWN_OUTPUT;
		default:
			return CDC_KEY_NOT_SHOWN;
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
	key->shown = shown_as(base);
	if (key->shown == CDC_KEY_SHOWN_OUTPUT)
	{
		getTypeOutputInfo(base, &output, &isvarlena);
		fmgr_info_cxt(output, &key->output, CurrentMemoryContext);
	}

	if (has_bitwise_equality(base) || (target->keyless && att->attbyval))
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

List *
cdc_target_primary_key(const CdcTarget *target, Relation rel)
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

char *
cdc_target_primary_key_name(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	char	   *result = NULL;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisprimary)
			result = pstrdup(RelationGetRelationName(index));
		index_close(index, AccessShareLock);
	}
	table_close(rel, NoLock);
	return result;
}

/* Notes the equality operators of the classes of the index that is on exactly the key. */
static void
note_equality(CdcTarget *target, Relation index)
{
	int			i;
	int			k;

	for (i = 0; i < target->nkey; i++)
	{
		CdcKeyColumn *key = NULL;

		for (k = 0; k < target->nkey; k++)
			if (target->key[k].attnum == index->rd_index->indkey.values[i])
				key = &target->key[k];
		if (key != NULL)
			key->index_equal = get_opfamily_member(index->rd_opfamily[i],
												   index->rd_opcintype[i],
												   index->rd_opcintype[i],
												   BTEqualStrategyNumber);
	}
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
				{
					target->key_index = RelationGetRelid(index);
					note_equality(target, index);
				}
			}
			else if (target->keyless || form->indisexclusion || columns == NULL ||
					 !bms_is_subset(key, columns))
				target->row_by_row = true;
		}
		index_close(index, AccessShareLock);
	}
}

void
cdc_target_set_key(CdcTarget *target, Relation rel, List *attnums)
{
	ListCell   *lc;
	int			i;

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

char *
cdc_target_live_rows(const CdcTarget *target)
{
	if (target->own_rows == NULL || target->alive == NULL)
		return target->own_rows != NULL ? pstrdup(target->own_rows) :
			target->alive != NULL ? pstrdup(target->alive) : NULL;
	return psprintf("%s AND %s", target->own_rows, target->alive);
}

/* ------------------------------------------------------------------------
 * Values in messages
 * ------------------------------------------------------------------------
 */

/*
 * What a message tells of one value, in bytes.  The text is made while an error is on
 * its way: nothing here may run what users can define, nor take much memory.
 */
#define SHOWN_BYTES		200

void
cdc_append_clipped(StringInfo text, const char *value, size_t len)
{
	int			n = (int) Min(len, SHOWN_BYTES);

	if (len <= SHOWN_BYTES)
		appendBinaryStringInfo(text, value, n);
	else
	{
		appendBinaryStringInfo(text, value, pg_mbcliplen(value, n, n));
		appendStringInfo(text, "... (%lu bytes)", (unsigned long) len);
	}
}

/* A key's value in an entry, where its type is one whose output function is harmless. */
void
cdc_key_append_value(StringInfo text, const CdcKeyColumn *key, Datum value)
{
	if (key->shown == CDC_KEY_SHOWN_TEXT)
	{
		struct varlena *v = (struct varlena *) DatumGetPointer(value);

		if (VARATT_IS_COMPRESSED(v) || VARATT_IS_EXTERNAL(v))
			appendStringInfoString(text, "...");
		else
			cdc_append_clipped(text, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
	}
	else if (key->shown == CDC_KEY_SHOWN_OUTPUT)
	{
		char	   *output = OutputFunctionCall((FmgrInfo *) &key->output, value);

		cdc_append_clipped(text, output, strlen(output));
	}
	else
		appendStringInfoString(text, "...");
}
